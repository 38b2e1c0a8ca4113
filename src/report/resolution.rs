//! The table of answers: who was asked, what came back, and how it goes together.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::page::Page;
use super::table::wire_word;
use crate::diagnose::{AnswerView, EndpointView, Relation, Spread, listed, milliseconds};
use crate::evidence::{Dns, DnsTransport, Evidence, FailureKind, FurtherAnswer, Observation, Outcome, ServerOrigin};
use crate::text;
use crate::text::Text;

/// The answers of one server to the same question: one, or as many as `--tries` asks for.
struct Asked<'a> {
    observations: Vec<&'a Observation>,
    views: Vec<&'a AnswerView>,
}

/// The columns.
pub(super) const HEADER: [Text; 7] =
    [text!("asked"), text!("as"), text!("type"), text!("time ms"), text!("TTL"), text!("answer"), text!("compared")];

/// A row for each server and question.
pub(super) fn rows(evidence: &Evidence, view: &EndpointView) -> Vec<[Text; 7]> {
    grouped(evidence, view).iter().map(row).collect()
}

/// Shows every answer about an endpoint.
pub(super) fn show(page: &mut Page, evidence: &Evidence, view: Option<&EndpointView>) {
    let Some(view) = view else { return };
    let asked = grouped(evidence, view);
    if asked.is_empty() {
        return page.line(&text!("  "), &text!("nothing was looked up"));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(page.style.width).unwrap_or(80));
    table.set_header(HEADER.map(|word| page.say(&word)));
    table.add_rows(asked.iter().map(|asked| row(asked).map(|text| page.say(&text))));
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

fn row(asked: &Asked<'_>) -> [Text; 7] {
    let (server, origin, record_type) = match asked.dns() {
        Some(dns) => {
            let again = asked.observations.iter().any(|o| dns.comparison && o.parent.is_some());
            let origin = match (again, dns.transport, dns.origin) {
                (true, DnsTransport::Udp, origin) if origin != ServerOrigin::Decoy => text!("again"),
                (.., origin) => origin_word(origin),
            };
            (server(asked, dns), origin, wire_word(dns.record_type))
        }
        None => (text!("as programs do"), text!("system"), "-".to_owned()),
    };
    let [record_type, times, lifetimes] = [record_type, times(asked), lifetimes(asked)].map(Text::literal);
    [server, origin, record_type, times, lifetimes, answer(asked), compared(asked)]
}

/// The server as it would be given to `--resolver`, without the port where it is the usual one.
fn server(asked: &Asked<'_>, dns: &Dns) -> Text {
    let Some(peer) = asked.observations.first().and_then(|observation| observation.peer) else {
        return text!("nobody");
    };
    let usual = match dns.transport {
        DnsTransport::Udp | DnsTransport::Tcp | DnsTransport::Unknown => 53,
        DnsTransport::Tls => 853,
        DnsTransport::Https => 443,
    };
    let place = if peer.port() == usual { peer.ip().to_string() } else { peer.to_string() };
    Text::literal(match (dns.transport, &dns.server_name) {
        (DnsTransport::Udp | DnsTransport::Unknown, _) => place,
        (transport, None) => format!("{}://{place}", wire_word(transport)),
        (transport, Some(name)) => format!("{}://{name}@{place}", wire_word(transport)),
    })
}

/// What a server is to this machine.
pub(super) const fn origin_word(origin: ServerOrigin) -> Text {
    match origin {
        ServerOrigin::System => text!("system"),
        ServerOrigin::Given => text!("given"),
        ServerOrigin::TencentVpc => text!("VPC"),
        ServerOrigin::Dnspod => text!("DNSPod"),
        ServerOrigin::Decoy => text!("decoy"),
        ServerOrigin::Unknown => text!("unknown"),
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
fn answer(asked: &Asked<'_>) -> Text {
    let mut scopes: Vec<(&str, Vec<String>)> = Vec::new();
    for address in asked.views.iter().flat_map(|view| &view.addresses) {
        let scope = address.scope.as_str();
        let ip = address.ip.to_string();
        match scopes.iter_mut().find(|(other, _)| *other == scope) {
            Some((_, ips)) if ips.contains(&ip) => {}
            Some((_, ips)) => ips.push(ip),
            None => scopes.push((scope, vec![ip])),
        }
    }
    let with_scope = |(scope, ips): (&str, Vec<String>)| {
        text!("{addresses} {scope}", addresses = listed(ips), scope = Text::word(scope))
    };
    let mut parts: Vec<Text> = scopes.into_iter().map(with_scope).collect();
    let failures = asked.observations.iter().filter_map(|observation| failure(observation));
    let failures: Vec<Text> = failures.collect();
    if !failures.is_empty() {
        let (failed, total) = (failures.len(), asked.observations.len());
        let count = (total > 1).then(|| text!(" ({failed} of {total})", failed, total));
        let mut distinct: Vec<Text> = Vec::new();
        for failure in failures {
            if !distinct.contains(&failure) {
                distinct.push(failure);
            }
        }
        parts.push(text!("{failures}{count}", failures = Text::list(distinct), count));
    }
    let dns = || asked.observations.iter().filter_map(|observation| observation.detail.dns());
    if dns().any(|dns| dns.truncated) {
        parts.push(text!("truncated"));
    }
    let further = Text::list(dns().flat_map(|dns| &dns.further_answers).map(further_answer));
    if !further.is_empty() {
        parts.push(text!("and then {further}", further));
    }
    if let Some(scope) = dns().find_map(|dns| dns.client_subnet_scope) {
        parts.push(text!("for /{scope} of the client's network", scope));
    }
    Text::sentences(parts)
}

/// The addresses of a further answer, or why it has none.
fn further_answer(further: &FurtherAnswer) -> Text {
    match (further.addresses.as_slice(), further.rcode.as_deref()) {
        ([], Some(rcode)) if rcode != "NOERROR" => Text::literal(rcode),
        ([], _) => text!("no records"),
        (addresses, _) => listed(addresses),
    }
}

fn failure(observation: &Observation) -> Option<Text> {
    match &observation.outcome {
        Outcome::Succeeded => None,
        Outcome::Failed { kind, message, .. } => {
            let rcode = observation.detail.dns().and_then(|dns| dns.rcode.clone()).filter(|rcode| rcode != "NOERROR");
            // DNS over TLS and HTTPS fail in many ways.
            let is_vague = matches!(kind, FailureKind::HandshakeFailed | FailureKind::Other);
            let told = rcode.or_else(|| message.clone().filter(|_| is_vague));
            Some(told.map_or_else(|| Text::word(kind), Text::literal))
        }
        Outcome::NotRun { because } => Some(text!("not run: {because}", because = Text::word(because))),
        Outcome::Unknown => Some(text!("unknown")),
    }
}

/// The relation that says the most.
fn compared(asked: &Asked<'_>) -> Text {
    const BY_WEIGHT: [Relation; 5] =
        [Relation::Forged, Relation::Different, Relation::SplitHorizon, Relation::Rotation, Relation::Same];
    let heaviest = BY_WEIGHT.iter().find(|relation| asked.views.iter().any(|view| view.relation == **relation));
    heaviest.map_or_else(|| Text::literal("-"), |relation| Text::word(relation.as_str()))
}

/// The aliases, once for all servers that agree about them.
fn chains(page: &mut Page, asked: &[Asked<'_>]) {
    let mut shown: Vec<Vec<&str>> = Vec::new();
    for dns in asked.iter().flat_map(|asked| &asked.observations).filter_map(|observation| observation.detail.dns()) {
        let chain: Vec<&str> = dns.cname_chain.iter().map(|cname| cname.target.as_str()).collect();
        if !chain.is_empty() && !shown.contains(&chain) {
            page.line(&text!("alias: "), &Text::literal(chain.join(" → ")));
            shown.push(chain);
        }
    }
}
