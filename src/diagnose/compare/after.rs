//! The facts of connects, paths, handshakes and answers.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Spread;
use super::super::path::paths;
use super::super::view::{addresses_of_endpoint, listed};
use super::before::{tells, trouble};
use super::{EXCHANGE_NOISE_US, Fact, ROUND_TRIP_NOISE_US, Value, View, by_english};
use crate::evidence::{Authentication, Http, Observation, PathStop, Stage, VerificationResult};
use crate::target::Protocol;
use crate::text;
use crate::text::Text;

const fn stop_word(stop: PathStop) -> Text {
    match stop {
        PathStop::Reached => text!("reached"),
        PathStop::Unreachable => text!("unreachable"),
        PathStop::Silent => text!("silent"),
        PathStop::Loop => text!("loop"),
        PathStop::TtlLimit => text!("ttl limit"),
        PathStop::NotSent => text!("not sent"),
        PathStop::Unknown => text!("unknown"),
    }
}

const fn verification_word(result: VerificationResult) -> Text {
    match result {
        VerificationResult::NotChecked => text!("not checked"),
        VerificationResult::Trusted => text!("trusted"),
        VerificationResult::UntrustedIssuer => text!("untrusted issuer"),
        VerificationResult::WrongName => text!("wrong name"),
        VerificationResult::Expired => text!("expired"),
        VerificationResult::NotYetValid => text!("not yet valid"),
        VerificationResult::Invalid => text!("invalid"),
        VerificationResult::Unknown => text!("unknown"),
    }
}

/// Outcomes of several peers: the words, and for what is not the usual one also who.
struct Outcomes {
    usual: Text,
    of: Vec<(Text, Option<std::net::SocketAddr>)>,
}

impl Outcomes {
    /// Leaves out a status where the same peer gave it with its reason too, as to the GET after a HEAD.
    fn without_bare(&mut self) {
        let has_reason = |word: &Text, peer| {
            let bare = format!("{word} ");
            self.of.iter().any(|(other, of)| *of == peer && other.to_string().starts_with(&bare))
        };
        let bare: Vec<bool> = self.of.iter().map(|(word, peer)| has_reason(word, *peer)).collect();
        let mut bare = bare.into_iter();
        self.of.retain(|_| !bare.next().unwrap_or_default());
    }

    fn value(&self, names: bool) -> Value {
        let words = by_english(self.of.iter().map(|(word, _)| word.clone()));
        let told = words.values().map(|word| {
            let peers: Vec<_> =
                self.of.iter().filter(|(other, _)| other == word).filter_map(|(_, peer)| *peer).collect();
            if *word == self.usual || peers.is_empty() {
                return word.clone();
            }
            let who = if names {
                listed(&peers)
            } else {
                text!("{count} of {all} peers", count = peers.len(), all = self.of.len())
            };
            text!("{word} ({who})", word, who)
        });
        let shown = Text::sentences(told);
        Value::Words(words.into_keys().collect(), shown)
    }
}

impl View<'_> {
    pub(super) fn of_endpoint(&self, host: &str, same_host: bool) -> Vec<Fact> {
        let mut facts = self.names_and_routes(host, same_host);
        facts.extend(self.connects(host));
        facts.extend(self.paths(host));
        facts.extend(self.handshakes(host, same_host));
        facts.extend(self.exchanges(host));
        facts
    }

    fn connects(&self, host: &str) -> Vec<Fact> {
        const CONNECTS: Text = text!("connects");
        let mut ports: BTreeMap<u16, Outcomes> = BTreeMap::new();
        let connects = self.evidence.of_endpoint(Stage::Connect, host).filter(|o| tells(&o.outcome));
        for (observation, peer) in connects.filter_map(|o| Some((o, o.peer?))) {
            let samples = observation.detail.tcp().map(|tcp| tcp.samples.as_slice()).unwrap_or_default();
            let in_part = samples.iter().any(|sample| sample.outcome.failure().is_some());
            let connected = if in_part { text!("connects, though not each time") } else { CONNECTS };
            let outcome = trouble(&observation.outcome).unwrap_or(connected);
            let outcomes = ports.entry(peer.port()).or_insert(Outcomes { usual: CONNECTS, of: Vec::new() });
            outcomes.of.push((outcome, Some(peer)));
        }
        let of_port = |(port, outcomes): (u16, Outcomes)| {
            Fact::new(Stage::Connect, text!("TCP connects to port {port}", port), outcomes.value(self.names))
        };
        let mut facts: Vec<Fact> = ports.into_iter().map(of_port).collect();
        facts.extend(self.figures(host));
        facts
    }

    /// What the samples come to: lost SYNs, the round trip, the size of segments.
    fn figures(&self, host: &str) -> Vec<Fact> {
        let views = addresses_of_endpoint(self.evidence, host);
        let ports = || views.iter().flat_map(|view| view.ports.iter().map(move |port| (view.ip.is_ipv4(), port)));
        let mut facts = Vec::new();
        let (lost, all) =
            ports().fold((0, 0), |(lost, all), (_, port)| (lost + port.with_syn_retransmits, all + port.attempts));
        if ports().any(|(_, port)| port.connected > 0) {
            let percent = lost * 100 / all.max(1);
            let bound = self.policy.syn_loss_percent;
            let (word, shown) = if percent > bound {
                ("lost", text!("lost: {percent} % of the connects", percent))
            } else {
                ("fine", text!("no more than {bound} % lost", bound))
            };
            facts.push(Fact::new(
                Stage::Connect,
                text!("SYNs"),
                Value::Words(BTreeSet::from([word.to_owned()]), shown),
            ));
        }
        let samples =
            self.evidence.of_endpoint(Stage::Connect, host).filter_map(|o| o.detail.tcp()).flat_map(|tcp| &tcp.samples);
        let times = samples.filter(|sample| sample.outcome.is_success()).filter_map(|sample| sample.kernel_rtt_us);
        if let Some(times) = Spread::of(times.map(u64::from)) {
            facts.push(Fact::new(
                Stage::Connect,
                text!("round trip (median)"),
                Value::Time(times.median, ROUND_TRIP_NOISE_US),
            ));
        }
        for (is_v4, what) in [(true, text!("segments over IPv4")), (false, text!("segments over IPv6"))] {
            let sizes = ports().filter(|(other, _)| *other == is_v4).filter_map(|(_, port)| port.mss_bytes);
            if let Some(smallest) = sizes.min() {
                facts.push(Fact::new(Stage::Connect, what, Value::Segment(smallest)));
            }
        }
        facts
    }

    fn paths(&self, host: &str) -> Option<Fact> {
        let stops = paths(self.evidence).into_iter().filter(|view| view.endpoint == host && view.was_traced());
        let outcomes = Outcomes {
            usual: text!("reached"),
            of: stops
                .filter(|view| view.stop != PathStop::Unknown)
                .map(|view| (stop_word(view.stop), view.peer))
                .collect(),
        };
        (!outcomes.of.is_empty()).then(|| Fact::new(Stage::Path, text!("traced path"), outcomes.value(self.names)))
    }

    fn handshakes(&self, host: &str, same_host: bool) -> Vec<Fact> {
        let mut outcomes = Outcomes { usual: text!("trusted"), of: Vec::new() };
        let mut issuers = BTreeSet::new();
        let mut times = Vec::new();
        let handshakes = self.evidence.of_endpoint(Stage::TlsHandshake, host).filter(|o| tells(&o.outcome));
        for observation in handshakes {
            let Some(tls) = observation.detail.tls() else { continue };
            let what = trouble(&observation.outcome).unwrap_or_else(|| verification_word(tls.verification.result));
            outcomes.of.push((what, observation.peer));
            issuers.extend(tls.chain.first().map(|leaf| leaf.issuer.clone()).filter(|issuer| !issuer.is_empty()));
            times.extend(observation.elapsed_us.filter(|_| observation.outcome.is_success()));
        }
        let mut facts = Vec::new();
        if !outcomes.of.is_empty() {
            facts.push(Fact::new(
                Stage::TlsHandshake,
                text!("TLS handshakes and certificates"),
                outcomes.value(self.names),
            ));
        }
        if self.names && same_host && !issuers.is_empty() {
            facts.push(Fact::new(
                Stage::TlsHandshake,
                text!("issuer of the certificate"),
                Value::words(issuers.into_iter().map(Text::literal)),
            ));
        }
        if let Some(times) = Spread::of(times) {
            facts.push(Fact::new(
                Stage::TlsHandshake,
                text!("time of a TLS handshake (median)"),
                Value::Time(times.median, EXCHANGE_NOISE_US),
            ));
        }
        facts
    }

    fn exchanges(&self, host: &str) -> Vec<Fact> {
        let mut kinds: BTreeMap<String, (Text, Outcomes)> = BTreeMap::new();
        let mut times = Vec::new();
        let exchanges =
            self.evidence.of_endpoint(Stage::HttpRoundTrip, host).filter_map(|o| Some((o, o.detail.http()?)));
        for (observation, http) in exchanges.filter(|(o, http)| http.is_usual() && tells(&o.outcome)) {
            let kind = kind(http);
            let empty = || (kind.clone(), Outcomes { usual: Text::empty(), of: Vec::new() });
            let (_, outcomes) = kinds.entry(kind.to_string()).or_insert_with(empty);
            outcomes.of.push((answered(observation, http), observation.peer));
            times.extend(http.first_byte_us);
        }
        for (_, outcomes) in kinds.values_mut() {
            outcomes.without_bare();
        }
        let mut facts: Vec<Fact> = kinds
            .into_values()
            .map(|(kind, outcomes)| {
                let words = by_english(outcomes.of.iter().map(|(word, _)| word.clone()));
                // Where all answer alike, who they are tells nothing.
                let value =
                    if words.len() < 2 { Value::words(words.into_values()) } else { outcomes.value(self.names) };
                Fact::new(Stage::HttpRoundTrip, kind, value)
            })
            .collect();
        if let Some(times) = Spread::of(times) {
            facts.push(Fact::new(
                Stage::HttpRoundTrip,
                text!("time to the first byte (median)"),
                Value::Time(times.median, EXCHANGE_NOISE_US),
            ));
        }
        facts
    }
}

const fn kind(http: &Http) -> Text {
    match (http.protocol, http.authentication) {
        (Protocol::Https, Authentication::Signed) => text!("signed HTTPS requests"),
        (Protocol::Https, _) => text!("anonymous HTTPS requests"),
        (_, Authentication::Signed) => text!("signed HTTP requests"),
        (_, _) => text!("anonymous HTTP requests"),
    }
}

fn answered(observation: &Observation, http: &Http) -> Text {
    let Some(status) = http.status else {
        return trouble(&observation.outcome).unwrap_or(text!("no status"));
    };
    let code = http.error.as_ref().map(|error| text!(" {code}", code = &error.code));
    let who = if http.is_from_cos() { Text::empty() } else { text!(", not COS") };
    text!("{status}{code}{who}", status, code, who)
}
