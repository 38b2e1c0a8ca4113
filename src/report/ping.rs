//! What pinging comes to: a line for each connect, and the figures of each peer at the end.

mod document;
mod figures;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_text;
use crate::diagnose::PeerSeries;
use crate::evidence::{Outcome, Sample};
use crate::text;
use crate::text::{Language, Text};

pub use document::PingDocument;
use document::{Summary, Unresolved};

/// How connects and figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingFormat {
    /// Lines for people, and the figures at the end.
    Table,
    /// One document at the end.
    Json,
    /// One document in each line: for each connect, and for each peer at the end.
    Jsonl,
    /// A head, and one line for each connect.
    Csv,
}

/// Single connects that the document at the end holds at most; the oldest go first.
const MOST_SAMPLES: usize = 20_000;

/// The head of the lines of a format, where it has one.
pub const fn ping_head(format: PingFormat) -> Option<&'static str> {
    match format {
        PingFormat::Csv => {
            Some("at,endpoint,ip,port,number,outcome,elapsed_us,kernel_rtt_us,syn_retransmits,source_port\n")
        }
        PingFormat::Table | PingFormat::Json | PingFormat::Jsonl => None,
    }
}

/// One connect as it is told.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Pinged {
    /// When it began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Host of the endpoint.
    pub endpoint: String,
    /// Address and port; the address alone where an ICMP echo was sent, which has port 0 here.
    #[serde(serialize_with = "as_peer")]
    #[schemars(with = "String")]
    pub peer: SocketAddr,
    /// Number of the round, from 1.
    pub number: u64,
    /// Whether it is left out of the figures.
    pub is_warm_up: bool,
    /// What came of it.
    #[serde(flatten)]
    pub sample: Sample,
}

/// One connect in one line, with its line end; empty where the format has no such lines.
pub fn ping_line(pinged: &Pinged, format: PingFormat, with_time: bool, language: Language) -> String {
    match format {
        PingFormat::Json => String::new(),
        PingFormat::Jsonl => event("probe", pinged),
        PingFormat::Csv => {
            let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
            let Pinged { at, endpoint, peer, number: round, sample, .. } = pinged;
            let good = if port_of(*peer).is_some() { "connected" } else { "answered" };
            let outcome = sample.outcome.failure().map_or(good, crate::evidence::FailureKind::as_str);
            let source_port = sample.local.map(|local| local.port());
            let figures = [
                sample.elapsed_us,
                sample.kernel_rtt_us.map(u64::from),
                sample.syn_retransmits.map(u64::from),
                source_port.map(u64::from),
            ];
            let figures = figures.map(number).join(",");
            let port = port_of(*peer).map_or_else(String::new, |port| port.to_string());
            format!("{at},{endpoint},{},{port},{round},{outcome},{figures}\n", peer.ip())
        }
        PingFormat::Table => format!("{}\n", line(pinged, with_time).say(language)),
    }
}

fn line(pinged: &Pinged, with_time: bool) -> Text {
    let Pinged { at, number, sample, .. } = pinged;
    let peer = peer_words(pinged.peer);
    let time = if with_time { format!("[{}] ", at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")) } else { String::new() };
    let elapsed = sample.elapsed_us.map(exact_milliseconds);
    let lost = match sample.syn_retransmits {
        Some(count) if count > 0 => text!(", {count} SYN lost", count),
        _ => Text::empty(),
    };
    let warm_up = pinged.is_warm_up.then(|| text!(" (warm-up)"));
    match &sample.outcome {
        Outcome::Succeeded => {
            let what = match port_of(pinged.peer) {
                Some(_) => text!("Connected to {peer}", peer),
                None => text!("Reply from {peer}", peer),
            };
            let kernel = sample.kernel_rtt_us.map(|us| text!(", RTT {time}", time = exact_milliseconds(us.into())));
            let elapsed = elapsed.unwrap_or_default();
            text!(
                "{time}{what}: number={number} time={elapsed}{kernel}{lost}{warm_up}",
                time,
                what,
                number,
                elapsed,
                kernel,
                lost,
                warm_up
            )
        }
        Outcome::Failed { kind, from, .. } => {
            let what = match port_of(pinged.peer) {
                Some(_) => text!("Not connected to {peer}", peer),
                None => text!("No reply from {peer}", peer),
            };
            let by = from.map(|from| text!(", says {from}", from));
            let after = elapsed.map(|time| text!(" after {time}", time));
            // Where traffic is balanced over several ways, the port tells which one it was.
            let port = sample.local.map(|local| text!(", from port {port}", port = local.port()));
            text!(
                "{time}{what}: number={number} {kind}{by}{after}{lost}{port}{warm_up}",
                time,
                what,
                number,
                kind = Text::word(kind),
                by,
                after,
                lost,
                port,
                warm_up
            )
        }
        Outcome::NotRun { because } => {
            let because = Text::word(because);
            text!("{time}{peer}: number={number} not run: {because}", time, peer, number, because)
        }
        Outcome::Unknown => text!("{time}{peer}: number={number} unknown", time, peer, number),
    }
}

/// A time with every microsecond: a private path takes few of them.
fn exact_milliseconds(us: u64) -> String {
    format!("{}.{:03} ms", us / 1000, us % 1000)
}

/// The port; `None` where an ICMP echo was sent.
fn port_of(peer: SocketAddr) -> Option<u16> {
    Some(peer.port()).filter(|port| *port != 0)
}

/// Address and port, or the address alone.
fn peer_words(peer: SocketAddr) -> String {
    port_of(peer).map_or_else(|| peer.ip().to_string(), |_| peer.to_string())
}

fn as_peer<S: serde::Serializer>(peer: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&peer_words(*peer))
}

/// Addresses of a name that came or went while it was pinged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AddressChange {
    /// When it was noticed.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The name.
    pub endpoint: String,
    /// Addresses that are new.
    pub come: Vec<IpAddr>,
    /// Addresses that are gone. They are not pinged any more.
    pub gone: Vec<IpAddr>,
}

/// A change in one line, with its line end.
pub fn address_line(change: &AddressChange, format: PingFormat, language: Language) -> String {
    let list = |sign: &str, ips: &[IpAddr]| {
        ips.iter().flat_map(|ip| [" ".to_owned(), sign.to_owned(), ip.to_string()]).collect::<String>()
    };
    match format {
        PingFormat::Table => {
            let (endpoint, come, gone) = (&change.endpoint, list("+", &change.come), list("-", &change.gone));
            let told = text!("{endpoint} now resolves otherwise:{come}{gone}", endpoint, come, gone);
            format!("{}\n", told.say(language))
        }
        PingFormat::Jsonl => event("addresses", change),
        PingFormat::Json | PingFormat::Csv => String::new(),
    }
}

/// Everything that was seen.
#[derive(Debug, Clone)]
pub struct PingRun {
    /// When it began.
    pub started_at: Timestamp,
    /// The peers, in the order in which they were found.
    pub series: Vec<PeerSeries>,
    /// Names without an address, and why, in the words of the report.
    pub unresolved: Vec<(String, String)>,
    /// What changed about the names.
    pub changes: Vec<AddressChange>,
    /// The last single connects, where the format wants them.
    pub samples: VecDeque<Pinged>,
    /// How many single connects were left out.
    pub samples_left_out: u64,
}

impl PingRun {
    /// Nothing yet.
    pub const fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            series: Vec::new(),
            unresolved: Vec::new(),
            changes: Vec::new(),
            samples: VecDeque::new(),
            samples_left_out: 0,
        }
    }

    /// Keeps a single connect, in bounded memory.
    pub fn keep(&mut self, pinged: Pinged) {
        if self.samples.len() >= MOST_SAMPLES {
            self.samples.pop_front();
            self.samples_left_out += 1;
        }
        self.samples.push_back(pinged);
    }

    /// Whether anything was reached.
    pub fn any_connected(&self) -> bool {
        self.series.iter().any(|series| series.connected > 0)
    }

    /// Whether anything was tried.
    pub fn any_sent(&self) -> bool {
        self.series.iter().any(|series| series.sent > 0)
    }
}

/// What stands at the end; empty where the format has nothing there.
pub fn ping_end(
    run: &PingRun,
    ended_at: Timestamp,
    format: PingFormat,
    with_histogram: bool,
    language: Language,
) -> String {
    match format {
        PingFormat::Csv => String::new(),
        PingFormat::Table => figures::table(run, with_histogram, language),
        PingFormat::Jsonl => {
            let missing = run.unresolved.iter().map(|name| event("unresolved", Unresolved::of(name)));
            missing.chain(run.series.iter().map(|series| event("summary", Summary::of(series)))).collect()
        }
        PingFormat::Json => json_text(&PingDocument::of(run, ended_at)),
    }
}

/// One document in a line, with the word for what it tells.
fn event(event: &'static str, of: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Event<T> {
        event: &'static str,
        #[serde(flatten)]
        of: T,
    }
    // Strings, numbers and times only: nothing that JSON cannot say.
    format!("{}\n", serde_json::to_string(&Event { event, of }).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evidence::FailureKind;

    fn pinged(outcome: Outcome, rtt: Option<u32>, retransmits: u32) -> Pinged {
        let sample = Sample {
            elapsed_us: Some(16_900),
            kernel_rtt_us: rtt,
            syn_retransmits: Some(retransmits),
            local: "192.168.1.10:40001".parse().ok(),
            ..Sample::ended(outcome)
        };
        let (at, peer) = ("2026-11-24T08:00:00.25Z".parse().unwrap(), "203.0.113.10:443".parse().unwrap());
        Pinged { at, endpoint: "x.example".to_owned(), peer, number: 3, is_warm_up: false, sample }
    }

    #[test]
    fn a_connect_is_told_as_telnet_users_know_it() {
        let good = pinged(Outcome::Succeeded, Some(16_200), 0);
        let told = "Connected to 203.0.113.10:443: number=3 time=16.900 ms, RTT 16.200 ms\n";
        assert_eq!(ping_line(&good, PingFormat::Table, false, Language::English), told);
        assert_eq!(
            ping_line(&good, PingFormat::Table, true, Language::English),
            format!("[2026-11-24T08:00:00.250Z] {told}")
        );
        let csv = "2026-11-24T08:00:00.25Z,x.example,203.0.113.10,443,3,connected,16900,16200,0,40001\n";
        assert_eq!(ping_line(&good, PingFormat::Csv, false, Language::English), csv);
        let failed = Outcome::Failed {
            kind: FailureKind::AdminProhibited,
            from: Some("100.64.12.2".parse().unwrap()),
            message: None,
        };
        let told = "Not connected to 203.0.113.10:443: number=3 admin prohibited, says 100.64.12.2 after 16.900 ms, 2 SYN lost, from port 40001\n";
        assert_eq!(ping_line(&pinged(failed, None, 2), PingFormat::Table, false, Language::English), told);
    }

    #[test]
    fn an_echo_has_no_port() {
        let echo = |outcome| Pinged { peer: "203.0.113.10:0".parse().unwrap(), ..pinged(outcome, Some(200), 0) };
        let told = |outcome, format| ping_line(&echo(outcome), format, false, Language::English);
        let reply = "Reply from 203.0.113.10: number=3 time=16.900 ms, RTT 0.200 ms\n";
        assert_eq!(told(Outcome::Succeeded, PingFormat::Table), reply);
        let silent = told(Outcome::failed(FailureKind::ResponseTimeout), PingFormat::Table);
        assert!(silent.starts_with("No reply from 203.0.113.10: number=3 response timeout"), "{silent}");
        assert!(told(Outcome::Succeeded, PingFormat::Csv).contains(",203.0.113.10,,3,answered,"));
        assert!(told(Outcome::Succeeded, PingFormat::Jsonl).contains("\"peer\":\"203.0.113.10\""));
    }

    #[test]
    fn every_line_of_jsonl_is_a_document() {
        let mut run = PingRun::new(Timestamp::UNIX_EPOCH);
        let pinged = pinged(Outcome::Succeeded, Some(16_200), 0);
        let mut series = PeerSeries::new("x.example".to_owned(), pinged.peer);
        series.take(&pinged.sample, pinged.at, true);
        run.series.push(series);
        let text = ping_line(&pinged, PingFormat::Jsonl, false, Language::English)
            + &ping_end(&run, pinged.at, PingFormat::Jsonl, false, Language::English);
        let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&events[0]["event"], &events[0]["kernel_rtt_us"]), (&json!("probe"), &json!(16_200)));
        assert_eq!((&events[1]["event"], &events[1]["kernel_rtt_us"]["median"]), (&json!("summary"), &json!(16_200)));
    }

    #[test]
    fn the_figures_fit_into_80_columns_and_name_who_never_answered() {
        let mut run = PingRun::new(Timestamp::UNIX_EPOCH);
        let good = pinged(Outcome::Succeeded, Some(123_456), 0);
        let silent = pinged(Outcome::failed(FailureKind::ConnectTimeout), None, 3);
        for (peer, sample) in [("203.0.113.10:443", &good), ("203.0.113.11:443", &good), ("[2001:db8::1]:443", &silent)]
        {
            let mut series =
                PeerSeries::new("examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com".into(), peer.parse().unwrap());
            (0..20).for_each(|second| series.take(&sample.sample, Timestamp::from_second(second).unwrap(), true));
            run.series.push(series);
        }
        let text = ping_end(&run, Timestamp::UNIX_EPOCH, PingFormat::Table, true, Language::English);
        let heads = |line: &&str| !line.starts_with("---");
        assert!(text.lines().filter(heads).all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("20 sent, 0 connected, 100.0% loss, 20 with lost SYN"), "{text}");
        assert!(text.contains("never reached: [2001:db8::1]:443"), "{text}");
        assert!(text.contains("longest down 20 in a row, 00:00:00Z to 00:00:19Z (19 s)"), "{text}");
    }

    #[test]
    fn single_connects_are_bounded() {
        let mut run = PingRun::new(Timestamp::UNIX_EPOCH);
        (0..MOST_SAMPLES + 5).for_each(|_| run.keep(pinged(Outcome::Succeeded, Some(1), 0)));
        assert_eq!((run.samples.len(), run.samples_left_out), (MOST_SAMPLES, 5));
    }
}
