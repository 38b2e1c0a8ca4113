//! Requests and answers in full: phases, headers and the decoded error, the anonymous and the signed one side by side.

mod decoded;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use super::page::Page;
use crate::diagnose::{AddressView, milliseconds};
use crate::evidence::{
    Authentication, Evidence, Header, Http, Observation, ObservationId, Outcome, Purpose, RequestIdHint, Stage,
};
use crate::target::Protocol;
use crate::text;
use crate::text::Text;

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
                    Outcome::Succeeded => text!("connected; nothing was asked"),
                    outcome => not_answered(outcome),
                };
                page.line(&Text::empty(), &text!("{place}: {why}", place = place(view, port.port), why));
                page.blank();
                continue;
            }
            let columns = columns(&of_port);
            let answers: Vec<String> = columns.iter().map(Column::answer).collect();
            page.tell(&place(view, port.port));
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
        page.line(
            &Text::empty(),
            &text!("COS explains a request id at https://console.cloud.tencent.com/cos/diagnose"),
        );
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

fn place(view: &AddressView, port: u16) -> Text {
    text!("{socket} ({scope})", socket = socket(view, port), scope = Text::word(view.scope.as_str()))
}

/// Why there is no answer.
fn not_answered(outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Failed { kind, .. } => Text::word(kind),
        Outcome::NotRun { because } => text!("not run: {because}", because = Text::word(because)),
        Outcome::Succeeded | Outcome::Unknown => text!("unknown"),
    }
}

/// One kind of request on one connection.
struct Column<'a> {
    title: Text,
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
            fits.then(|| Column { title: text!("{who} HEAD", who = Text::word(wanted.word())), observation, http })
        })
    };
    [Authentication::Anonymous, Authentication::Signed].into_iter().filter_map(column).collect()
}

/// An address that answers as another one did.
fn alike(page: &mut Page, first: &str, columns: &[Column<'_>]) {
    let times = columns.iter().filter_map(|column| column.http.first_byte_us);
    let times = times.map(|us| Text::literal(milliseconds(us)));
    let times = times.reduce(|one, other| text!("{one} and {other}", one, other));
    page.line(&text!("  "), &text!("the same answers as {first}, first byte after {times}", first, times));
    for column in columns {
        request_id(page, &column.title, column.http);
    }
}

fn side_by_side(page: &mut Page, evidence: &Evidence, columns: &[Column<'_>]) {
    let rows = rows(page, evidence, columns);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
    table.set_width(u16::try_from(page.style.width).unwrap_or(80));
    let titles = columns.iter().map(|column| page.say(&column.title));
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
fn rows(page: &Page, evidence: &Evidence, columns: &[Column<'_>]) -> Vec<(String, Vec<String>)> {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |name: Text, value: &dyn Fn(&Column<'_>) -> Option<Text>| {
        let values: Vec<Option<Text>> = columns.iter().map(value).collect();
        if values.iter().any(Option::is_some) {
            let said = values.into_iter().map(|value| value.map_or_else(|| "-".to_owned(), |value| page.say(&value)));
            rows.push((page.say(&name), said.collect()));
        }
    };
    let time = |us: Option<u64>| us.map(|us| Text::literal(milliseconds(us)));
    add(text!("TCP connect"), &|c| time(ancestor(evidence, c.observation, Stage::Connect).and_then(connect_us)));
    add(text!("TLS handshake"), &|c| {
        time(ancestor(evidence, c.observation, Stage::TlsHandshake).and_then(|o| o.elapsed_us))
    });
    add(text!("request sent"), &|c| time(c.http.send_us));
    add(text!("first byte"), &|c| time(c.http.first_byte_us));
    add(text!("complete"), &|c| time(c.http.total_us));
    add(text!("status"), &|c| Some(status(c.observation, c.http)));
    let mut names: Vec<&str> = Vec::new();
    for header in columns.iter().flat_map(|column| &column.http.headers) {
        if !names.contains(&header.name.as_str()) && !ELSEWHERE.contains(&header.name.as_str()) {
            names.push(&header.name);
        }
    }
    for name in names {
        add(Text::literal(name), &|c| header(&c.http.headers, name));
    }
    rows
}

fn header(headers: &[Header], name: &str) -> Option<Text> {
    headers.iter().find(|header| header.name == name).map(|header| decoded::decoded(name, &header.value))
}

/// The observation of a stage that another one builds on.
pub(super) fn ancestor<'a>(evidence: &'a Evidence, observation: &Observation, stage: Stage) -> Option<&'a Observation> {
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
pub(super) fn connect_us(observation: &Observation) -> Option<u64> {
    let samples = &observation.detail.tcp()?.samples;
    samples.iter().find(|sample| sample.outcome.is_success()).and_then(|sample| sample.elapsed_us)
}

fn status(observation: &Observation, http: &Http) -> Text {
    let Some(status) = http.status else { return not_answered(&observation.outcome) };
    let phrase = reason_phrase(status);
    let told = if phrase.is_empty() { status.to_string() } else { format!("{status} {phrase}") };
    if http.is_from_cos() { Text::literal(told) } else { text!("{status}, not COS", status = told) }
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
fn request_id(page: &mut Page, title: &Text, http: &Http) {
    let Some(id) = http.request_id() else { return };
    page.tell(&text!("  request id of the {title}:", title));
    page.raw(&format!("  {id}"));
    if let Some(hint) = RequestIdHint::decode(id) {
        let (at, front_end) = (hint.at.to_string(), hint.front_end.to_string());
        page.line(&text!("    "), &text!("inferred: it arrived {at} at front end {front_end}", at, front_end));
    }
}

/// Every further request: why a HEAD was refused, other ways to sign, the write probe.
fn further(page: &mut Page, observation: &Observation) {
    if let Some(search) = observation.detail.bucket_search().filter(|search| search.is_found()) {
        let (region, host) = (&search.region, &search.host);
        page.line(&text!("  "), &text!("found in another region: {region} ({host})", region, host));
    }
    let Some(http) = observation.detail.http().filter(|http| http.purpose != Purpose::Probe) else { return };
    let what = match http.purpose {
        Purpose::Probe | Purpose::Unknown => return,
        Purpose::Reason => text!("asked why by a GET, which needs another right than the HEAD"),
        Purpose::Hypothesis => text!("signed otherwise"),
        Purpose::CanaryLook => text!("write probe, look"),
        Purpose::CanaryWrite => text!("write probe, write"),
        Purpose::CanaryRead => text!("write probe, read back"),
        Purpose::CanaryDelete => text!("write probe, delete"),
    };
    let how = http.hypothesis.map(|hypothesis| text!(" ({how})", how = Text::word(hypothesis)));
    let who = Text::word(http.authentication.word());
    let over = (http.protocol == Protocol::Http).then(|| text!(" over HTTP"));
    let same = match http.body_matches {
        Some(true) => text!(", the content is what was written"),
        Some(false) => text!(", the content is not what was written"),
        None => Text::empty(),
    };
    let status = status(observation, http);
    let request = format!("{} {}", http.method, http.path);
    page.line(
        &text!("  "),
        &text!("{what}{how}: {who} {request}{over}: {status}{same}", what, how, who, request, over, status, same),
    );
    if let Some(error) = &http.error {
        page.line(&text!("    "), &text!("Code: {code}", code = &error.code));
        if !error.message.is_empty() {
            page.line(&text!("    "), &text!("Message: {message}", message = &error.message));
        }
        let named = [("Resource", &error.resource), ("ServerTime", &error.server_time), ("TraceId", &error.trace_id)];
        for (name, value) in named {
            if let Some(value) = value {
                page.line(&text!("    "), &Text::literal(format!("{name}: {value}")));
            }
        }
        if let Some(id) = error.request_id.as_deref().or(http.request_id()) {
            page.raw(&format!("    RequestId: {id}"));
        }
    }
}
