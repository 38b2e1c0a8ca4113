//! Requests and answers in full: phases, headers and the decoded error, the anonymous and the signed one side by side.

mod decoded;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use super::page::{Page, words};
use crate::diagnose::{AddressView, milliseconds};
use crate::evidence::{
    Authentication, Evidence, Header, Http, Observation, ObservationId, Outcome, Purpose, RequestIdHint, Stage,
};
use crate::target::Protocol;

/// Headers that are shown elsewhere, or say the same for every answer.
const ELSEWHERE: &[&str] = &["x-cos-request-id", "x-cos-trace-id", "connection"];

/// Shows the exchanges of each address and port.
pub(super) fn show(page: &mut Page, views: &[&AddressView], evidence: &Evidence) {
    let mut any_refused = false;
    // Port, socket and answers of what was shown in full.
    let mut shown: Vec<(u16, String, Vec<String>)> = Vec::new();
    for view in views {
        for port in &view.ports {
            let of_port: Vec<&Observation> = evidence
                .of_stage(Stage::HttpRoundTrip)
                .filter(|observation| evidence.descends_from(observation.id, port.observation))
                .collect();
            if of_port.is_empty() || !port.outcome.is_success() {
                let why = match &port.outcome {
                    Outcome::Succeeded => "connected; nothing was asked".to_owned(),
                    Outcome::Failed { kind, .. } => words(kind),
                    Outcome::NotRun { because } => format!("not run: {}", words(because)),
                    Outcome::Unknown => "unknown".to_owned(),
                };
                page.line("", &format!("{} ({}): {why}", socket(view, port.port), scope(view)));
                page.blank();
                continue;
            }
            let columns = columns(&of_port);
            let answers: Vec<String> = columns.iter().map(Column::answer).collect();
            page.raw(&format!("{} ({})", socket(view, port.port), scope(view)));
            if let Some((_, first, _)) = shown.iter().find(|(other, _, same)| *other == port.port && *same == answers) {
                alike(page, first, &columns);
            } else {
                side_by_side(page, evidence, &columns);
                shown.push((port.port, socket(view, port.port), answers));
            }
            for observation in &of_port {
                any_refused |= observation.detail.http().is_some_and(is_refused);
                further(page, observation);
            }
            page.blank();
        }
    }
    if any_refused {
        page.line("", "COS explains a request id at https://console.cloud.tencent.com/cos/diagnose");
    }
}

/// Whether COS may explain why it refuses a request. A 403 without a signature needs no explanation.
fn is_refused(http: &Http) -> bool {
    let is_signed = http.authentication == Authentication::Signed;
    http.error.is_some() || (is_signed && http.is_usual() && http.status >= Some(400) && http.is_from_cos())
}

fn socket(view: &AddressView, port: u16) -> String {
    std::net::SocketAddr::new(view.ip, port).to_string()
}

fn scope(view: &AddressView) -> String {
    view.scope.as_str().replace('_', " ")
}

/// One kind of request on one connection.
struct Column<'a> {
    title: String,
    observation: &'a Observation,
    http: &'a Http,
}

impl Column<'_> {
    /// What was answered, without times and ids.
    fn answer(&self) -> String {
        format!("{} {}", self.title, status(self.observation, self.http))
    }
}

/// The anonymous and the signed HEAD of one connection.
fn columns<'a>(of_port: &[&'a Observation]) -> Vec<Column<'a>> {
    let column = |wanted: Authentication| {
        of_port.iter().find_map(|observation| {
            let http = observation.detail.http()?;
            let fits = http.authentication == wanted && http.purpose == Purpose::Probe && http.method == "HEAD";
            fits.then(|| Column { title: format!("{} HEAD", wanted.word()), observation, http })
        })
    };
    [Authentication::Anonymous, Authentication::Signed].into_iter().filter_map(column).collect()
}

/// An address that answers as another one did.
fn alike(page: &mut Page, first: &str, columns: &[Column<'_>]) {
    let times = columns.iter().filter_map(|column| column.http.first_byte_us).map(milliseconds);
    let times: Vec<String> = times.collect();
    page.line("  ", &format!("the same answers as {first}, first byte after {}", times.join(" and ")));
    for column in columns {
        request_id(page, &column.title, column.http);
    }
}

fn side_by_side(page: &mut Page, evidence: &Evidence, columns: &[Column<'_>]) {
    let rows = rows(evidence, columns);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
    table.set_width(u16::try_from(page.style.width).unwrap_or(80));
    let titles = columns.iter().map(|column| column.title.clone());
    table.set_header(std::iter::once(String::new()).chain(titles));
    for (name, values) in rows {
        table.add_row(std::iter::once(format!("  {name}")).chain(values));
    }
    for index in 0..=columns.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
        }
    }
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    for line in table.to_string().lines() {
        page.raw(line);
    }
    for column in columns {
        request_id(page, &column.title, column.http);
    }
}

/// The rows of the table: a name, and a value for each column. Rows that no column has a value for are left out.
fn rows(evidence: &Evidence, columns: &[Column<'_>]) -> Vec<(String, Vec<String>)> {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |name: &str, value: &dyn Fn(&Column<'_>) -> Option<String>| {
        let values: Vec<Option<String>> = columns.iter().map(value).collect();
        if values.iter().any(Option::is_some) {
            rows.push((name.to_owned(), values.into_iter().map(|v| v.unwrap_or_else(|| "-".to_owned())).collect()));
        }
    };
    let time = |us: Option<u64>| us.map(milliseconds);
    add("TCP connect", &|c| time(ancestor(evidence, c.observation, Stage::Connect).and_then(connect_us)));
    add("TLS handshake", &|c| time(ancestor(evidence, c.observation, Stage::TlsHandshake).and_then(|o| o.elapsed_us)));
    add("request sent", &|c| time(c.http.send_us));
    add("first byte", &|c| time(c.http.first_byte_us));
    add("complete", &|c| time(c.http.total_us));
    add("status", &|c| Some(status(c.observation, c.http)));
    let mut names: Vec<&str> = Vec::new();
    for header in columns.iter().flat_map(|column| &column.http.headers) {
        if !names.contains(&header.name.as_str()) && !ELSEWHERE.contains(&header.name.as_str()) {
            names.push(&header.name);
        }
    }
    for name in names {
        add(name, &|c| header(&c.http.headers, name));
    }
    rows
}

fn header(headers: &[Header], name: &str) -> Option<String> {
    headers.iter().find(|header| header.name == name).map(|header| decoded::decoded(name, &header.value))
}

/// The observation of a stage that another one builds on.
fn ancestor<'a>(evidence: &'a Evidence, observation: &Observation, stage: Stage) -> Option<&'a Observation> {
    let mut next: Option<ObservationId> = observation.parent;
    for _ in 0..evidence.observations.len() {
        let here = evidence.get(next?)?;
        if here.stage == stage {
            return Some(here);
        }
        next = here.parent;
    }
    None
}

/// The time of the connect whose connection was used: the first that succeeded.
fn connect_us(observation: &Observation) -> Option<u64> {
    let samples = &observation.detail.tcp()?.samples;
    samples.iter().find(|sample| sample.outcome.is_success()).and_then(|sample| sample.elapsed_us)
}

fn status(observation: &Observation, http: &Http) -> String {
    match (&observation.outcome, http.status) {
        (_, Some(status)) => {
            let whose = if http.is_from_cos() { "" } else { ", not COS" };
            format!("{status} {}{whose}", reason_phrase(status)).trim_end().to_owned()
        }
        (Outcome::NotRun { because }, None) => format!("not run: {}", words(because)),
        (Outcome::Failed { kind, .. }, None) => words(kind),
        (Outcome::Succeeded | Outcome::Unknown, None) => "unknown".to_owned(),
    }
}

/// The words that RFC 9110 gives the codes that COS answers with.
const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    }
}

/// The request id on a line of its own, ready to be copied, and what can be inferred from it.
fn request_id(page: &mut Page, title: &str, http: &Http) {
    let Some(id) = http.request_id() else { return };
    page.raw(&format!("  request id of the {title}:"));
    page.raw(&format!("  {id}"));
    if let Some(hint) = RequestIdHint::decode(id) {
        page.line("    ", &format!("inferred: it arrived {} at front end {}", hint.at, hint.front_end));
    }
}

/// Every further request: why a HEAD was refused, other ways to sign, the write probe.
fn further(page: &mut Page, observation: &Observation) {
    if let Some(search) = observation.detail.bucket_search().filter(|search| search.is_found()) {
        page.line("  ", &format!("found in another region: {} ({})", search.region, search.host));
    }
    let Some(http) = observation.detail.http().filter(|http| http.purpose != Purpose::Probe) else { return };
    let what = match http.purpose {
        Purpose::Probe | Purpose::Unknown => return,
        Purpose::Reason => "asked why by a GET, which needs another right than the HEAD",
        Purpose::Hypothesis => "signed otherwise",
        Purpose::CanaryLook => "write probe, look",
        Purpose::CanaryWrite => "write probe, write",
        Purpose::CanaryRead => "write probe, read back",
        Purpose::CanaryDelete => "write probe, delete",
    };
    let how = http.hypothesis.map_or_else(String::new, |hypothesis| format!(" ({})", words(&hypothesis)));
    let who = http.authentication.word();
    let over = if http.protocol == Protocol::Http { " over HTTP" } else { "" };
    let same = match http.body_matches {
        Some(true) => ", the content is what was written",
        Some(false) => ", the content is not what was written",
        None => "",
    };
    let status = status(observation, http);
    page.line("  ", &format!("{what}{how}: {who} {} {}{over}: {status}{same}", http.method, http.path));
    if let Some(error) = &http.error {
        page.line("    ", &format!("Code: {}", error.code));
        if !error.message.is_empty() {
            page.line("    ", &format!("Message: {}", error.message));
        }
        let named = [("Resource", &error.resource), ("ServerTime", &error.server_time), ("TraceId", &error.trace_id)];
        for (name, value) in named {
            if let Some(value) = value {
                page.line("    ", &format!("{name}: {value}"));
            }
        }
        if let Some(id) = error.request_id.as_deref().or(http.request_id()) {
            page.raw(&format!("    RequestId: {id}"));
        }
    }
}
