//! The table of answers: who was asked, what came back, and how it goes together.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::page::{Page, words};
use super::table::wire_word;
use crate::diagnose::{AnswerView, EndpointView, Relation, Spread, listed, milliseconds};
use crate::evidence::{Dns, DnsTransport, Evidence, FurtherAnswer, Observation, Outcome, ServerOrigin};

/// The answers of one server to the same question: one, or as many as `--tries` asks for.
struct Asked<'a> {
    observations: Vec<&'a Observation>,
    views: Vec<&'a AnswerView>,
}

/// Shows every answer about an endpoint.
pub(super) fn show(page: &mut Page, evidence: &Evidence, view: Option<&EndpointView>) {
    let Some(view) = view else { return };
    let asked = grouped(evidence, view);
    if asked.is_empty() {
        return page.line("  ", "nothing was looked up");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(page.style.width).unwrap_or(80));
    table.set_header(["asked", "as", "type", "time ms", "TTL", "answer", "compared"]);
    table.add_rows(asked.iter().map(row));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for index in [3, 4] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for index in [1, 2, 3, 4] {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for line in table.to_string().lines() {
        page.raw(line.trim_end());
    }
    chains(page, &asked);
}

/// The answers in order, those of one server to one question together.
fn grouped<'a>(evidence: &'a Evidence, view: &'a EndpointView) -> Vec<Asked<'a>> {
    let mut groups: Vec<Asked<'a>> = Vec::new();
    for answer in &view.answers {
        let Some(observation) = evidence.get(answer.observation) else { continue };
        match groups.iter_mut().find(|group| group.is_same_question(observation)) {
            Some(group) => {
                group.observations.push(observation);
                group.views.push(answer);
            }
            None => groups.push(Asked { observations: vec![observation], views: vec![answer] }),
        }
    }
    groups
}

impl Asked<'_> {
    fn is_same_question(&self, other: &Observation) -> bool {
        let key = |o: &Observation| {
            let dns = o.detail.dns();
            (o.peer, dns.map(|dns| (dns.transport, dns.record_type, dns.origin, dns.comparison && o.parent.is_some())))
        };
        self.observations.first().is_some_and(|first| key(first) == key(other))
    }

    fn dns(&self) -> Option<&Dns> {
        self.observations.first()?.detail.dns()
    }
}

fn row(asked: &Asked<'_>) -> [String; 7] {
    let (server, origin, record_type) = match asked.dns() {
        Some(dns) => {
            let again = asked.observations.iter().any(|o| dns.comparison && o.parent.is_some());
            let origin = match (again, dns.transport, dns.origin) {
                (true, DnsTransport::Udp, origin) if origin != ServerOrigin::Decoy => "again",
                (.., origin) => origin_word(origin),
            };
            (server(asked, dns), origin.to_owned(), wire_word(dns.record_type))
        }
        None => ("as programs do".to_owned(), "system".to_owned(), "-".to_owned()),
    };
    [server, origin, record_type, times(asked), lifetimes(asked), answer(asked), compared(asked).to_owned()]
}

/// The server as it would be given to `--resolver`, without the port where it is the usual one.
fn server(asked: &Asked<'_>, dns: &Dns) -> String {
    let Some(peer) = asked.observations.first().and_then(|observation| observation.peer) else {
        return "nobody".to_owned();
    };
    let usual = match dns.transport {
        DnsTransport::Udp | DnsTransport::Tcp | DnsTransport::Unknown => 53,
        DnsTransport::Tls => 853,
        DnsTransport::Https => 443,
    };
    let place = if peer.port() == usual { peer.ip().to_string() } else { peer.to_string() };
    match (dns.transport, &dns.server_name) {
        (DnsTransport::Udp | DnsTransport::Unknown, _) => place,
        (transport, None) => format!("{}://{place}", wire_word(transport)),
        (transport, Some(name)) => format!("{}://{name}@{place}", wire_word(transport)),
    }
}

/// What a server is to this machine.
pub(super) const fn origin_word(origin: ServerOrigin) -> &'static str {
    match origin {
        ServerOrigin::System => "system",
        ServerOrigin::Given => "given",
        ServerOrigin::TencentVpc => "VPC",
        ServerOrigin::Dnspod => "DNSPod",
        ServerOrigin::Decoy => "decoy",
        ServerOrigin::Unknown => "unknown",
    }
}

/// The time of the answer, or of several as minimum, median and maximum. What failed has none.
fn times(asked: &Asked<'_>) -> String {
    let answered = asked.observations.iter().filter(|o| o.outcome.is_success() || has_rcode(o));
    let spread = Spread::of(answered.filter_map(|observation| observation.result_us()));
    let figure = |us| milliseconds(us).trim_end_matches(" ms").to_owned();
    match spread {
        None => "-".to_owned(),
        Some(one) if one.count == 1 => figure(one.median),
        Some(more) => [more.min, more.median, more.max].map(figure).join("/"),
    }
}

fn has_rcode(observation: &Observation) -> bool {
    observation.detail.dns().is_some_and(|dns| dns.rcode.is_some())
}

fn lifetimes(asked: &Asked<'_>) -> String {
    let records = asked.observations.iter().filter_map(|o| o.detail.dns()).flat_map(|dns| &dns.addresses);
    match Spread::of(records.map(|record| u64::from(record.ttl_seconds))) {
        None => "-".to_owned(),
        Some(ttl) if ttl.min == ttl.max => ttl.min.to_string(),
        Some(ttl) => format!("{}-{}", ttl.min, ttl.max),
    }
}

/// The addresses with their networks, or why there are none; and what else there is to know of the answer.
fn answer(asked: &Asked<'_>) -> String {
    let mut scopes: Vec<(String, Vec<String>)> = Vec::new();
    for address in asked.views.iter().flat_map(|view| &view.addresses) {
        let scope = words(&address.scope.as_str());
        let ip = address.ip.to_string();
        match scopes.iter_mut().find(|(other, _)| *other == scope) {
            Some((_, ips)) if ips.contains(&ip) => {}
            Some((_, ips)) => ips.push(ip),
            None => scopes.push((scope, vec![ip])),
        }
    }
    let mut parts: Vec<String> = scopes.into_iter().map(|(scope, ips)| format!("{} {scope}", listed(ips))).collect();
    let failures = asked.observations.iter().filter_map(|observation| failure(observation));
    let failures: Vec<String> = failures.collect();
    if !failures.is_empty() {
        let several = asked.observations.len() > 1;
        let count =
            if several { format!(" ({} of {})", failures.len(), asked.observations.len()) } else { String::new() };
        parts.push(format!("{}{count}", listed(failures)));
    }
    let dns = || asked.observations.iter().filter_map(|observation| observation.detail.dns());
    if dns().any(|dns| dns.truncated) {
        parts.push("truncated".to_owned());
    }
    let further: Vec<String> = dns().flat_map(|dns| &dns.further_answers).map(further_answer).collect();
    if !further.is_empty() {
        parts.push(format!("and then {}", further.join(", ")));
    }
    if let Some(scope) = dns().find_map(|dns| dns.client_subnet_scope) {
        parts.push(format!("for /{scope} of the client's network"));
    }
    parts.join("; ")
}

/// The addresses of a further answer, or why it has none.
fn further_answer(further: &FurtherAnswer) -> String {
    match (further.addresses.as_slice(), further.rcode.as_deref()) {
        ([], Some(rcode)) if rcode != "NOERROR" => rcode.to_owned(),
        ([], _) => "no records".to_owned(),
        (addresses, _) => listed(addresses),
    }
}

fn failure(observation: &Observation) -> Option<String> {
    match &observation.outcome {
        Outcome::Succeeded => None,
        Outcome::Failed { kind, message, .. } => {
            let rcode = observation.detail.dns().and_then(|dns| dns.rcode.clone()).filter(|rcode| rcode != "NOERROR");
            let what = rcode.unwrap_or_else(|| words(kind));
            // DNS over TLS and HTTPS fail in many ways.
            Some(message.as_ref().filter(|_| what == "handshake failed" || what == "other").cloned().unwrap_or(what))
        }
        Outcome::NotRun { because } => Some(format!("not run: {}", words(because))),
        Outcome::Unknown => Some("unknown".to_owned()),
    }
}

/// The relation that says the most.
fn compared(asked: &Asked<'_>) -> &'static str {
    const BY_WEIGHT: [Relation; 5] =
        [Relation::Forged, Relation::Different, Relation::SplitHorizon, Relation::Rotation, Relation::Same];
    let heaviest = BY_WEIGHT.iter().find(|relation| asked.views.iter().any(|view| view.relation == **relation));
    heaviest.map_or("-", |relation| relation.as_str())
}

/// The aliases, once for all servers that agree about them.
fn chains(page: &mut Page, asked: &[Asked<'_>]) {
    let mut shown: Vec<Vec<&str>> = Vec::new();
    for dns in asked.iter().flat_map(|asked| &asked.observations).filter_map(|observation| observation.detail.dns()) {
        let chain: Vec<&str> = dns.cname_chain.iter().map(|cname| cname.target.as_str()).collect();
        if !chain.is_empty() && !shown.contains(&chain) {
            page.line("alias: ", &chain.join(" → "));
            shown.push(chain);
        }
    }
}
