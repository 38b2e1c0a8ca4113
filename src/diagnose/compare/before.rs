//! The facts of what comes before the connects: the machine, the names, the kernel's routes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::Spread;
use super::super::view::{listed, route_of};
use super::{EXCHANGE_NOISE_US, Fact, Value, View, by_english};
use crate::addr::scope_of;
use crate::evidence::{
    DefaultRoute, Evidence, Metadata, NotRunReason, Observation, Outcome, RecordType, RouteTo, Routes, ServerOrigin,
    Stage, clock_offset,
};
use crate::text;
use crate::text::Text;

/// What is said of a look-up that succeeded.
const ANSWERED: Text = text!("answered");

/// What is said of an outcome without success.
pub(super) fn trouble(outcome: &Outcome) -> Option<Text> {
    match outcome {
        Outcome::Succeeded => None,
        Outcome::Failed { kind, .. } => Some(Text::word(kind)),
        Outcome::NotRun { because } => Some(text!("not run: {because}", because = Text::word(because))),
        Outcome::Unknown => Some(text!("unknown")),
    }
}

/// Whether a step tells about this machine or the network. One that was not taken tells nothing, unless that is because the machine
/// names no server, or an answer leads nowhere.
pub(super) const fn tells(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NotRun { because } => matches!(because, NotRunReason::NoNameServer | NotRunReason::UnusableAddress),
        Outcome::Succeeded | Outcome::Failed { .. } => true,
        Outcome::Unknown => false,
    }
}

fn routes(evidence: &Evidence) -> Option<&Routes> {
    evidence.of_stage(Stage::Host).find_map(|observation| observation.detail.routes())
}

fn metadata(evidence: &Evidence) -> Option<&Metadata> {
    evidence.of_stage(Stage::Host).filter(|o| o.outcome.is_success()).find_map(|o| o.detail.metadata())
}

/// Whether both runs were on one machine, as far as its instance and its source address tell.
pub(super) fn is_same_machine(a: &Evidence, b: &Evidence) -> bool {
    let instance = |evidence| metadata(evidence).and_then(|metadata| metadata.instance_id.clone());
    let source = |evidence| routes(evidence).and_then(|routes| routes.source_v4.or(routes.source_v6));
    match (instance(a), instance(b)) {
        (Some(one), Some(other)) => one == other,
        _ => source(a).is_some() && source(a) == source(b),
    }
}

impl View<'_> {
    /// Addresses as words: by themselves, or by their networks where they are stand-ins.
    fn addresses(&self, ips: impl IntoIterator<Item = IpAddr>) -> Value {
        let word =
            |ip: IpAddr| if self.names { Text::literal(ip.to_string()) } else { Text::phrase(scope_of(ip).as_str()) };
        Value::words(ips.into_iter().map(word))
    }

    pub(super) fn of_machine(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut add = |what, value| facts.push(Fact::new(Stage::Host, what, value));
        if let Some(routes) = routes(self.evidence) {
            let default = routes.default_routes.iter().map(|route| self.default_route(route));
            let default: Vec<Text> = default.collect();
            add(
                text!("default route"),
                if default.is_empty() { Value::words([text!("none")]) } else { Value::words(default) },
            );
        }
        let details = || self.evidence.of_stage(Stage::Host).map(|observation| &observation.detail);
        if let Some(configuration) = details().find_map(|detail| detail.resolver_configuration()) {
            let servers = configuration.servers.iter().map(std::net::SocketAddr::ip);
            add(text!("name servers"), self.addresses(servers));
            let behind = configuration.behind_stub.iter().map(std::net::SocketAddr::ip);
            if !configuration.behind_stub.is_empty() {
                add(text!("name servers behind the stub"), self.addresses(behind));
            }
        }
        if let Some(metadata) = metadata(self.evidence) {
            if let Some(region) = &metadata.region {
                add(text!("region of the machine"), Value::words([Text::literal(region)]));
            }
            let public = if metadata.has_no_public_ipv4 { text!("none") } else { text!("yes") };
            if metadata.has_no_public_ipv4 || metadata.public_ipv4.is_some() {
                add(text!("public address"), Value::words([public]));
            }
        }
        if let Some(proxies) = details().find_map(|detail| detail.proxy_environment()) {
            let variable =
                |(name, value): (&str, &str)| if self.names { format!("{name}={value}") } else { name.to_owned() };
            let all = proxies.variables.iter().map(|v| Text::literal(variable((&v.name, &v.value))));
            let all: Vec<Text> = all.collect();
            add(
                text!("proxy variables"),
                if all.is_empty() { Value::words([text!("none")]) } else { Value::words(all) },
            );
        }
        if let Some(clock) = self.clock() {
            add(text!("clock"), clock);
        }
        facts
    }

    fn default_route(&self, route: &DefaultRoute) -> Text {
        let interface = if self.names { Text::literal(&route.interface) } else { text!("an interface") };
        text!("over {interface}{by}", interface, by = self.gateway(route.gateway))
    }

    /// A gateway: its address says something on one and the same machine only.
    fn gateway(&self, gateway: Option<IpAddr>) -> Option<Text> {
        match gateway {
            Some(ip) if self.is_same_machine => Some(text!(" by {ip}", ip)),
            Some(_) => Some(text!(" by a gateway")),
            None => None,
        }
    }

    fn clock(&self) -> Option<Value> {
        let clock = clock_offset(self.evidence)?;
        let seconds = clock.offset.unsigned_abs().as_secs();
        let (word, shown) = match (seconds < u64::from(self.policy.clock_warning_seconds), clock.offset.is_negative()) {
            (true, _) => return Some(Value::words([text!("in step with COS's")])),
            (false, true) => ("behind", text!("{seconds} s behind COS's", seconds)),
            (false, false) => ("ahead", text!("{seconds} s ahead of COS's", seconds)),
        };
        Some(Value::Words(BTreeSet::from([word.to_owned()]), shown))
    }

    /// What an endpoint's name leads to, and which way the kernel sends packets there.
    pub(super) fn names_and_routes(&self, host: &str, same_host: bool) -> Vec<Fact> {
        let mut facts = Vec::new();
        let evidence = self.evidence;
        if let Some(file) = evidence.of_endpoint(Stage::Host, host).find_map(|o| o.detail.hosts_file()) {
            let entry = if file.addresses.is_empty() {
                Value::words([text!("none")])
            } else {
                self.addresses(file.addresses.iter().copied())
            };
            facts.push(Fact::new(Stage::Host, text!("entry in the hosts file"), entry));
        }
        let mut add = |what, value| facts.push(Fact::new(Stage::Resolve, what, value));
        let as_programs = |o: &&Observation| tells(&o.outcome) && o.detail.system_lookup().is_some();
        if let Some(lookup) = evidence.of_endpoint(Stage::Resolve, host).find(as_programs) {
            add(text!("look-up as programs do it"), Value::words([trouble(&lookup.outcome).unwrap_or(ANSWERED)]));
        }
        for (record_type, what) in [
            (RecordType::A, text!("look-up of IPv4 addresses")),
            (RecordType::Aaaa, text!("look-up of IPv6 addresses")),
        ] {
            let is_of_type = |dns: &crate::evidence::Dns| dns.record_type == record_type;
            let of_type = |o: &&Observation| tells(&o.outcome) && o.detail.dns().is_some_and(is_of_type);
            let all: Vec<&Observation> = evidence.own_lookups(host).filter(of_type).collect();
            if !all.is_empty() {
                add(what, self.lookups(&all));
            }
        }
        if evidence.of_endpoint(Stage::Resolve, host).any(|o| tells(&o.outcome)) {
            add(text!("network of the addresses"), Value::words([Text::word(route_of(evidence, host).as_str())]));
        }
        if self.names && same_host {
            add(text!("addresses"), answer(evidence, host));
        }
        let times = evidence.own_lookups(host).filter(|o| o.outcome.is_success()).filter_map(Observation::result_us);
        if let Some(times) = Spread::of(times) {
            add(text!("time of a look-up"), Value::Time(times.median, EXCHANGE_NOISE_US));
        }
        let ways = evidence.of_endpoint(Stage::Route, host).filter(|o| tells(&o.outcome));
        let ways = ways.filter_map(|o| Some(self.way(&o.outcome, o.detail.route_to()?)));
        let ways: Vec<Text> = ways.collect();
        if !ways.is_empty() {
            facts.push(Fact::new(Stage::Route, text!("the kernel's route"), Value::words(ways)));
        }
        facts
    }

    fn lookups(&self, all: &[&Observation]) -> Value {
        let outcome = |o: &Observation| trouble(&o.outcome).unwrap_or(ANSWERED);
        let words = by_english(all.iter().map(|o| outcome(o)));
        let told = words.values().map(|word| {
            let servers = all.iter().filter(|o| outcome(o) == *word && *word != ANSWERED).filter_map(|o| o.peer);
            let servers: Vec<_> = servers.collect();
            if servers.is_empty() || !self.names {
                return word.clone();
            }
            text!("{word} ({who})", word, who = listed(servers))
        });
        let shown = Text::list(told);
        Value::Words(words.into_keys().collect(), shown)
    }

    fn way(&self, outcome: &Outcome, way: &RouteTo) -> Text {
        if let Some(trouble) = trouble(outcome) {
            return trouble;
        }
        let over = way.interface.as_deref().filter(|_| self.names).map(|name| text!(" over {name}", name));
        let by = self.gateway(way.gateway);
        let tunnel = (way.is_tunnel == Some(true)).then(|| text!(" into a tunnel"));
        text!("{kind}{over}{by}{tunnel}", kind = way.kind.as_str(), over, by, tunnel)
    }
}

/// What the name servers that programs go by answer, and what programs look up.
fn answer(evidence: &Evidence, host: &str) -> Value {
    let own = || {
        let asked = |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.origin != ServerOrigin::Decoy);
        evidence.own_lookups(host).filter(asked).filter_map(|o| o.detail.dns())
    };
    let looked_up: Vec<IpAddr> =
        evidence.system_lookups(host).flat_map(|(_, lookup)| lookup.addresses.clone()).collect();
    let answered = own().flat_map(|dns| dns.addresses.iter().map(|record| record.ip));
    let aliases = own().flat_map(|dns| dns.cname_chain.iter().map(|cname| cname.target.clone()));
    if looked_up.is_empty() { Value::answer(answered, aliases) } else { Value::answer(looked_up, aliases) }
}
