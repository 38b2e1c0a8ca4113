//! Traced paths: a table for people, and the JSON that readers of mtr's reports know.

mod mtr;

use std::net::IpAddr;

use comfy_table::{CellAlignment, Table, presets};
use schemars::JsonSchema;
use serde::Serialize;

pub use mtr::mtr_json;

use super::page::Page;
use super::{FORMAT_VERSION, Style, json_text};
use crate::diagnose::{HopAddress, HopFlag, HopView, PathEnd, PathView, Spread};
use crate::evidence::{FailureKind, HopAnswer, Observation, Outcome, PathProtocol, PathStop};
use crate::text;
use crate::text::{Language, Text};

/// Silent hops at the end of a path that stand in lines of their own.
const MOST_SILENT: usize = 2;

/// Characters of a name that are shown.
const LONGEST_NAME: usize = 38;

/// The columns of hops.
pub(super) const HEADER: [Text; 5] = [text!("ttl"), text!("address"), Text::empty(), text!("rtt ms"), text!("loss")];

/// What `trace` writes as JSON.
#[derive(Serialize, JsonSchema)]
pub struct TraceDocument<'a> {
    /// Version of the format of all JSON documents.
    format_version: &'static str,
    /// `trace`.
    kind: &'static str,
    /// What the traces come to.
    paths: &'a [PathView],
    /// What was observed: as in the report.
    evidence: &'a [Observation],
}

/// The traces in one JSON document.
pub fn trace_json(paths: &[PathView], evidence: &[Observation]) -> String {
    json_text(&TraceDocument { format_version: FORMAT_VERSION, kind: "trace", paths, evidence })
}

/// All paths in tables; the text ends with a line end.
pub fn path_tables(paths: &[PathView], language: Language) -> String {
    let mut page = Page::new(Style { language, ..Style::default() });
    for (index, path) in paths.iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        one(&mut page, path);
    }
    page.into_text()
}

fn one(page: &mut Page, path: &PathView) {
    page.line(&Text::empty(), &title(path));
    let (shown, left_out) = shown_hops(path);
    if !shown.is_empty() {
        page.blank();
        for line in table(&shown, page.style.language).lines() {
            page.raw(line);
        }
        if let Some((first, last)) = left_out {
            page.raw(&format!("{first}-{last}  *"));
        }
    }
    page.blank();
    page.line(&Text::empty(), &sentence(path));
}

/// The hops that stand in lines of their own, and the first and the last TTL of the silent ones at the end that do not.
pub(super) fn shown_hops(path: &PathView) -> (Vec<&HopView>, Option<(u8, u8)>) {
    let end = path.last_answer_ttl.map_or(0, usize::from);
    let (known, silent) = path.hops.split_at(end.min(path.hops.len()));
    let silent_shown = if silent.len() > MOST_SILENT + 1 { MOST_SILENT } else { silent.len() };
    let shown = known.iter().chain(&silent[..silent_shown]).collect();
    (shown, silent.get(silent_shown).zip(silent.last()).map(|(first, last)| (first.ttl, last.ttl)))
}

/// All lines of a path in cells.
pub(super) fn all_rows(path: &PathView) -> Vec<[Text; 5]> {
    let (shown, left_out) = shown_hops(path);
    let silent = |(first, last)| {
        let ttl = Text::literal(format!("{first}-{last}"));
        [ttl, Text::literal("*"), Text::empty(), Text::empty(), Text::empty()]
    };
    shown.into_iter().flat_map(rows).chain(left_out.map(silent)).collect()
}

/// What was traced, how and from where.
pub(super) fn title(path: &PathView) -> Text {
    let what = path.peer.map_or(Text::literal(&path.endpoint), |peer| {
        let place = if path.protocol == PathProtocol::Icmp { peer.ip().to_string() } else { peer.to_string() };
        // An address as the target is its own name.
        if path.endpoint == peer.ip().to_string() {
            Text::literal(place)
        } else {
            text!("{endpoint} at {place}", endpoint = &path.endpoint, place)
        }
    });
    let from = path.source.map(|source| text!(" from {source}", source));
    let protocol = Text::phrase(path.protocol.describe());
    text!("{what}, by {protocol}{from}", what, protocol, from)
}

fn table(hops: &[&HopView], language: Language) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_header(HEADER.map(|word| word.say(language)));
    for hop in hops {
        table.add_rows(rows(hop).into_iter().map(|row| row.map(|text| text.say(language))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for index in [0, 4] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().flat_map(|line| [line.trim_end().to_owned(), "\n".to_owned()]).collect()
}

/// The line of a hop, and one for each further address.
fn rows(hop: &HopView) -> Vec<[Text; 5]> {
    let flags = Text::list(hop.flags.iter().map(|flag| Text::word(flag.as_str())));
    let ttl = Text::literal(hop.ttl.to_string());
    let unanswered = hop.sent.saturating_sub(hop.answered);
    let loss = (unanswered * 100).checked_div(hop.sent).map_or_else(|| "-".to_owned(), |percent| format!("{percent}%"));
    let loss = Text::literal(loss);
    let Some((first, others)) = hop.addresses.split_first() else {
        return vec![[ttl, Text::literal("*"), flags, Text::literal("-"), loss]];
    };
    let place = |address: &HopAddress| Text::literal(address.address.to_string());
    let rtt = |address: &HopAddress| Text::literal(address.rtt_us.map_or_else(|| "-".to_owned(), times));
    let mut rows = vec![[ttl, place(first), flags, rtt(first), loss]];
    rows.extend(name_row(first));
    for address in others {
        rows.push([Text::empty(), place(address), Text::empty(), rtt(address), Text::empty()]);
        rows.extend(name_row(address));
    }
    rows
}

/// The name of an address below it. One that is too long to stand there is cut: it is no more than a hint.
fn name_row(address: &HopAddress) -> Option<[Text; 5]> {
    let name = address.name.as_ref()?;
    let cut: String = name.chars().take(LONGEST_NAME).collect();
    let more = if cut.len() < name.len() { "…" } else { "" };
    let name = Text::literal(format!(" {cut}{more}"));
    Some([Text::empty(), name, Text::empty(), Text::empty(), Text::empty()])
}

/// Minimum, median and maximum, or the one time that there is.
fn times(spread: Spread) -> String {
    match spread.count {
        1 => figure(spread.median),
        _ => [spread.min, spread.median, spread.max].map(figure).join("/"),
    }
}

fn figure(us: u64) -> String {
    let ms = milliseconds(us);
    if us < 10_000 { format!("{ms:.2}") } else { format!("{ms:.1}") }
}

#[expect(clippy::cast_precision_loss, reason = "a time that loses precision here is longer than 285 years")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// Where the path ends and why.
pub(super) fn sentence(path: &PathView) -> Text {
    match (&path.outcome, path.stop, &path.end) {
        (Outcome::NotRun { because }, ..) if path.hops.is_empty() => {
            text!("not traced: {because}", because = Text::word(because))
        }
        (Outcome::NotRun { because }, ..) => {
            text!("not traced to its end: {because}", because = Text::word(because))
        }
        (_, PathStop::Reached, Some(end)) => {
            let hint = if path.is_answered_too_near {
                text!(
                    "; there is a gateway before it, so a device nearby answers in its place, or the network hides its hops"
                )
            } else if path.hops.iter().any(|hop| hop.flags.contains(&HopFlag::Unnamed)) {
                text!("; this kernel does not tell who answered before: that needs Linux 5.8 or --udp")
            } else {
                Text::empty()
            };
            text!("reached at TTL {ttl}: {how}{hint}", ttl = end.ttl, how = reached_by(end, path.protocol), hint)
        }
        (_, PathStop::Unreachable, Some(end)) => {
            let who = match end.from {
                Some(from) if Some(from) == path.source => text!("this machine itself ({from})", from),
                Some(from) => Text::literal(from.to_string()),
                None => text!("somebody"),
            };
            text!("not reached: {who} reports at TTL {ttl}: {what}", who, ttl = end.ttl, what = reported(end, path))
        }
        (_, PathStop::Loop, _) => {
            let circle = path.repeated.map(|again| {
                let (first, second) = (again.first_ttl, again.second_ttl);
                let address = again.address;
                text!(": {address} answers at TTL {first} and again at {second}", address, first, second)
            });
            text!("not reached: packets go in a circle{circle}", circle)
        }
        (_, PathStop::TtlLimit, _) => {
            let ttl = path.hops.len();
            text!("not reached: routers still answer at TTL {ttl}; a larger --max-ttl may reach it", ttl)
        }
        (Outcome::Failed { kind: FailureKind::Other | FailureKind::NotPermitted, message: Some(message), .. }, ..) => {
            text!("not traced: {message}", message)
        }
        (Outcome::Failed { kind, message: Some(message), .. }, ..) => {
            text!("not traced: {kind}: {message}", kind = Text::word(kind), message)
        }
        (Outcome::Failed { kind, .. }, PathStop::NotSent, _) => text!("not traced: {kind}", kind = Text::word(kind)),
        (_, PathStop::Silent, _) => silent(path),
        _ => text!("it is not known how far it is"),
    }
}

/// Where the answers end.
fn silent(path: &PathView) -> Text {
    let tried = path.hops.len();
    let is_tcp = path.protocol == PathProtocol::Tcp;
    let hint = (!is_tcp).then(|| text!("; many hosts do not answer this, TCP tells more"));
    match path.last_answer_ttl.zip(last_router(path)) {
        Some((ttl, router)) => text!(
            "not reached: nothing answers beyond TTL {ttl} ({router}) up to {tried}; a device behind it drops the packets or their answers{hint}",
            ttl,
            router,
            tried,
            hint
        ),
        None => text!("not reached: nothing answers at any TTL up to {tried}{hint}", tried, hint),
    }
}

fn last_router(path: &PathView) -> Option<IpAddr> {
    let last = path.hops.iter().rfind(|hop| !hop.addresses.is_empty())?;
    last.addresses.first().map(|address| address.address)
}

fn reached_by(end: &PathEnd, protocol: PathProtocol) -> Text {
    match (end.answer, protocol) {
        (HopAnswer::SynAck, _) => text!("the port is open (SYN-ACK)"),
        (HopAnswer::Rst, _) => text!("the connection is refused (RST)"),
        (HopAnswer::EchoReply, _) => text!("it answers the echo request"),
        (_, PathProtocol::Udp) => text!("it answers the datagram (ICMP {icmp})", icmp = type_and_code(end)),
        _ => text!("it answers with an ICMP error ({icmp})", icmp = type_and_code(end)),
    }
}

fn type_and_code(end: &PathEnd) -> String {
    match (end.icmp_type, end.icmp_code) {
        (Some(icmp_type), Some(code)) => format!("{icmp_type}/{code}"),
        _ => "?".to_owned(),
    }
}

fn reported(end: &PathEnd, path: &PathView) -> Text {
    let kind = path.outcome.failure().map_or(text!("unreachable"), Text::word);
    text!("{kind} (ICMP {icmp})", kind, icmp = type_and_code(end))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnose::paths;
    use crate::evidence::Evidence;

    fn traced(outcome: &Value, stop: &str, hops: &Value) -> Vec<PathView> {
        let detail = json!({"type": "path", "protocol": "tcp", "source": "192.168.1.10", "stop": stop, "hops": hops});
        let observation = json!({"id": 1, "stage": "path", "endpoint": "bucket.example", "peer": "203.0.113.10:443",
            "outcome": outcome, "detail": detail});
        let evidence: Evidence = serde_json::from_value(json!({"targets": [], "evidence": [observation]})).unwrap();
        paths(&evidence)
    }

    fn probe(answer: &str, from: &str, rtt_us: u64) -> Value {
        json!({"round": 1, "answer": answer, "from": from, "rtt_us": rtt_us})
    }

    fn reached() -> Vec<PathView> {
        let hops = json!([
            {"ttl": 1, "probes": [probe("time_exceeded", "192.168.1.1", 650), probe("time_exceeded", "192.168.1.1", 700)]},
            {"ttl": 2, "probes": [{"round": 1}, {"round": 2}]},
            {"ttl": 3, "probes": [probe("syn_ack", "203.0.113.10", 15_700), {"round": 2}]},
        ]);
        traced(&json!({"status": "succeeded"}), "reached", &hops)
    }

    #[test]
    fn a_path_in_a_table() {
        let expected = "\
bucket.example at 203.0.113.10:443, by TCP from 192.168.1.10

ttl  address               rtt ms          loss
  1  192.168.1.1           0.65/0.65/0.70    0%
  2  *             silent  -               100%
  3  203.0.113.10  loss    15.7             50%

reached at TTL 3: the port is open (SYN-ACK)
";
        assert_eq!(path_tables(&reached(), Language::English), expected);
    }

    #[test]
    fn the_last_line_tells_where_the_way_ends() {
        let last = |outcome: Value, stop: &str, hops: Value| {
            let text = path_tables(&traced(&outcome, stop, &hops), Language::English);
            text.rsplit("\n\n").next().unwrap_or_default().replace('\n', " ").trim().to_owned()
        };
        let failed = |kind: &str| json!({"status": "failed", "kind": kind});
        let router = |ttl: u8| json!({"ttl": ttl, "probes": [probe("time_exceeded", "192.0.2.1", 5)]});
        let silent = |ttl: u8| json!({"ttl": ttl, "probes": [{"round": 1}]});
        let mut error = probe("unreachable", "192.0.2.2", 5);
        error["icmp_type"] = 3.into();
        error["icmp_code"] = 13.into();
        assert_eq!(
            last(failed("admin_prohibited"), "unreachable", json!([router(1), {"ttl": 2, "probes": [error]}])),
            "not reached: 192.0.2.2 reports at TTL 2: admin prohibited (ICMP 3/13)"
        );
        let text = last(failed("connect_timeout"), "silent", json!([router(1), silent(2), silent(3)]));
        assert!(text.starts_with("not reached: nothing answers beyond TTL 1 (192.0.2.1) up to 3;"), "{text}");
        let text = last(failed("connect_timeout"), "silent", json!([silent(1)]));
        assert_eq!(text, "not reached: nothing answers at any TTL up to 1");
        let not_run = json!({"status": "not_run", "because": "no_address"});
        assert_eq!(last(not_run, "unknown", json!([])), "not traced: no address");
        let message = json!({"status": "failed", "kind": "no_route", "message": "Network is unreachable"});
        assert_eq!(last(message, "not_sent", json!([])), "not traced: no route: Network is unreachable");
        let text = last(failed("ttl_exceeded"), "ttl_limit", json!([router(1)]));
        assert!(text.starts_with("not reached: routers still answer at TTL 1;"), "{text}");
    }

    #[test]
    fn an_old_kernel_is_told() {
        let hops = json!([{"ttl": 1, "probes": [{"round": 1, "answer": "unnamed"}]},
            {"ttl": 2, "probes": [probe("syn_ack", "203.0.113.10", 5)]}]);
        let text = path_tables(&traced(&json!({"status": "succeeded"}), "reached", &hops), Language::English);
        assert!(text.contains("unnamed") && text.contains("Linux 5.8"), "{text}");
    }

    #[test]
    fn many_silent_hops_stand_in_one_line() {
        let hops: Vec<Value> = (1..=30).map(|ttl| json!({"ttl": ttl, "probes": [{"round": 1}]})).collect();
        let text = path_tables(
            &traced(&json!({"status": "failed", "kind": "connect_timeout"}), "silent", &hops.into()),
            Language::English,
        );
        assert!(text.contains("\n3-30  *\n"), "{text}");
    }

    #[test]
    fn readers_of_mtrs_reports_find_their_fields() {
        let document: Value = serde_json::from_str(&mtr_json(&reached())).unwrap();
        let report = &document["report"];
        for field in ["src", "dst", "tos", "tests", "psize", "bitpattern"] {
            assert!(!report["mtr"][field].is_null(), "{field}");
        }
        let hub = &report["hubs"][2];
        assert_eq!((&hub["count"], &hub["host"]), (&json!(3), &json!("203.0.113.10")));
        assert_eq!((&hub["Loss%"], &hub["Snt"], &hub["Best"]), (&json!(50.0), &json!(2), &json!(15.7)));
        for field in ["Last", "Avg", "Wrst", "StDev"] {
            assert!(hub[field].is_f64(), "{field}");
        }
        assert_eq!(report["hubs"][1]["host"], "???");
    }
}
