//! Findings about this machine: routes, hosts file, clock and limits.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::codes::{HST001, HST003, HST004, HST006, HST007};
use super::resolvers::{private_addresses, private_answers};
use super::view::{failures, listed, route_of};
use super::{Confidence, Finding, Severity};
use crate::addr::{AddressScope, scope_of};
use crate::config::{Policy, Route};
use crate::evidence::{
    CosError, Evidence, FailureKind, Http, Hypothesis, Interface, Observation, ObservationId, Outcome, PolicyRule,
    RecordType, RouteKind, Stage, VerificationResult, clock_offset,
};
use crate::text;
use crate::text::Text;

/// The subject of findings that are not about one endpoint.
pub const MACHINE: &str = "this machine";

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(no_network(evidence));
    findings.extend(clock_skew(evidence, policy));
    for target in &evidence.targets {
        findings.extend(no_ipv6(evidence, &target.host));
        findings.extend(hosts_file_override(evidence, &target.host));
        findings.extend(ports_exhausted(evidence, &target.host));
    }
    findings
}

/// The kernel has no route: for every look-up, or for every connect of an endpoint. A private address without a route on a
/// machine that has a way out is RTE002.
fn no_network(evidence: &Evidence) -> Option<Finding> {
    if evidence.of_stage(Stage::Connect).any(|observation| observation.outcome.is_success()) {
        return None;
    }
    let routes = evidence.of_stage(Stage::Host).find_map(|o| Some((o.id, o.detail.routes()?)));
    let has_default = routes.is_some_and(|(_, routes)| !routes.default_routes.is_empty());
    let is_own = |o: &&Observation| o.detail.dns().is_some_and(|dns| !dns.comparison);
    let lookups: Vec<_> = evidence.of_stage(Stage::Resolve).filter(is_own).filter(|o| o.was_run()).collect();
    let mut cited = all_without_route(&lookups);
    for target in &evidence.targets {
        let connects: Vec<_> = evidence.of_endpoint(Stage::Connect, &target.host).filter(|o| o.was_run()).collect();
        let is_private = |o: &&Observation| o.peer.is_some_and(|peer| scope_of(peer.ip()) == AddressScope::Private);
        let any_v4 = connects.iter().any(|observation| observation.peer.is_some_and(|peer| peer.is_ipv4()));
        if any_v4 && !(has_default && connects.iter().all(is_private)) {
            cited.extend(all_without_route(&connects));
        }
    }
    let first = *cited.first()?;
    let peers = listed(cited.iter().filter_map(|&id| Some(evidence.get(id)?.peer?.ip())));
    let why =
        if has_default { text!("the routing table has no way there") } else { text!("there is no default route") };
    let down =
        Text::list(routes.into_iter().flat_map(|(_, routes)| &routes.interfaces).filter_map(what_is_down).take(3));
    let down = if down.is_empty() { down } else { text!("; {down}", down) };
    let finding = Finding::new(&HST001, MACHINE, first, text!("no route to {peers}: {why}{down}", peers, why, down))
        .citing(cited)
        .citing(routes.map(|(id, _)| id))
        .help(text!("you: look at `ip route` and `ip link`; bring the interface up, or restore its default route (DHCP, or `ip route add default via GATEWAY`)"));
    Some(finding)
}

/// What keeps an interface from carrying anything, in words. The kernel's own tunnels are never up, and a bridge without containers
/// has no carrier: neither tells anything.
fn what_is_down(interface: &Interface) -> Option<Text> {
    let name = &interface.name;
    match (interface.kind.as_str(), interface.is_up, interface.has_carrier) {
        ("loopback", ..) | (_, true, true) | ("tunnel" | "other", false, _) | ("bridge", true, false) => None,
        (_, false, _) => Some(text!("{name} is down", name)),
        (_, true, false) => Some(text!("{name} has no carrier", name)),
    }
}

/// The observations, if every one failed for want of a route.
fn all_without_route(observations: &[&Observation]) -> Vec<ObservationId> {
    let all = observations.iter().all(|o| o.outcome.failure() == Some(FailureKind::NoRoute));
    if all { observations.iter().map(|observation| observation.id).collect() } else { Vec::new() }
}

fn no_ipv6(evidence: &Evidence, host: &str) -> Option<Finding> {
    let connects: Vec<_> =
        evidence.of_endpoint(Stage::Connect, host).filter(|observation| observation.was_run()).collect();
    let local = [FailureKind::NoRoute, FailureKind::FamilyUnsupported];
    let only_v6 = connects.iter().all(|observation| {
        observation.peer.is_some_and(|peer| peer.is_ipv6())
            && observation.outcome.failure().is_some_and(|kind| local.contains(&kind))
    });
    let first = connects.first().filter(|_| only_v6)?;
    // IPv4 addresses may exist all the same when nobody answered the question for them.
    let a_is_unanswered = evidence.of_endpoint(Stage::Resolve, host).any(|observation| {
        let asked_a = observation.detail.dns().is_some_and(|dns| dns.record_type == RecordType::A);
        asked_a && observation.outcome.failure().is_some_and(|kind| kind != FailureKind::NoRecords)
    });
    let finding = Finding::new(
        &HST007,
        host,
        first.id,
        text!("{host} has IPv6 addresses only, and this machine has no IPv6", host),
    )
    .citing(connects.iter().map(|observation| observation.id))
    .confidence(Confidence::high_if(!a_is_unanswered))
    .help(text!("you: use an endpoint with IPv4 addresses (the default one), or give this machine IPv6"));
    Some(finding)
}

fn hosts_file_override(evidence: &Evidence, host: &str) -> Option<Finding> {
    let (id, file) = evidence.hosts_entry(host).filter(|_| host != "localhost")?;
    let path = if file.path.is_empty() { text!("the hosts file") } else { Text::literal(&file.path) };
    let reached = answered_at(evidence, host, &file.addresses);
    let severity = if reached { Severity::Warning } else { Severity::Error };
    // What is missed is worth telling where the file leads elsewhere.
    let leads_out = route_of(evidence, host) != Route::Private;
    let private = if leads_out { private_answers(evidence, host) } else { Vec::new() };
    let instead = if private.is_empty() {
        Text::empty()
    } else {
        text!("; name servers answer the private {addresses}", addresses = listed(private_addresses(&private)))
    };
    let summary = text!(
        "{path} sends {host} to {addresses}, whatever DNS says{instead}",
        path = &path,
        host,
        addresses = listed(&file.addresses),
        instead
    );
    let finding = Finding::new(&HST003, host, id, summary)
        .citing(private.iter().map(|observation| observation.id))
        .severity(severity)
        .help(text!(
            "you: remove the line for {host} from {path}, or correct it; then look the name up again",
            host,
            path
        ));
    Some(finding)
}

/// Whether COS answered at one of some addresses. Programs on this machine use those of the hosts file and no others.
fn answered_at(evidence: &Evidence, host: &str, ips: &[IpAddr]) -> bool {
    evidence.of_endpoint(Stage::HttpRoundTrip, host).any(|observation| {
        let there = observation.peer.is_some_and(|peer| ips.contains(&peer.ip()));
        there && observation.detail.http().is_some_and(|http| http.request_id().is_some())
    })
}

/// The rule of policy routing that forbids, where the kernel's own look-up of the route is refused too.
pub(super) fn forbidding_rule<'a>(
    evidence: &'a Evidence,
    refused: &[&Observation],
) -> Option<(ObservationId, &'a PolicyRule)> {
    let is_refused = |ip: IpAddr| refused.iter().any(|o| o.peer.is_some_and(|peer| peer.ip() == ip));
    let is_prohibited = |o: &Observation| o.detail.route_to().is_some_and(|way| way.kind == RouteKind::Prohibit);
    let looked_up = evidence.of_stage(Stage::Route).filter(|o| is_prohibited(o)).filter_map(|o| o.peer);
    let ips: Vec<IpAddr> = looked_up.map(|peer| peer.ip()).filter(|ip| is_refused(*ip)).collect();
    let routes = evidence.of_stage(Stage::Host).filter_map(|o| Some((o.id, o.detail.routes()?)));
    let mut rules = routes.flat_map(|(id, routes)| routes.rules.iter().map(move |rule| (id, rule)));
    rules.find(|(_, rule)| ips.iter().any(|ip| forbids(&rule.text, *ip)))
}

/// Whether a rule, in the words of `ip rule`, forbids what goes to an address. One that goes by anything else is not known to.
fn forbids(rule: &str, ip: IpAddr) -> bool {
    let words: Vec<&str> = rule.split(' ').collect();
    let contains = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.contains(&ip));
    match words.as_slice() {
        ["from", "all", "to", net, "prohibit"] => contains(net),
        ["from", "all", "prohibit"] => true,
        _ => false,
    }
}

fn ports_exhausted(evidence: &Evidence, host: &str) -> Option<Finding> {
    let kinds = [FailureKind::NoFreePort, FailureKind::TooManyFiles];
    let exhausted: Vec<_> = failures(evidence, Stage::Connect, host, &kinds).collect();
    let Some(first) = exhausted.first() else { return nobody_asked(evidence, host) };
    let (what, fix) = match first.outcome.failure() {
        Some(FailureKind::TooManyFiles) => (text!("no file descriptor is left for a connection"), files_help()),
        _ => (
            text!("no local port is free for this destination"),
            text!(
                "you: reuse connections (pooling), set net.ipv4.tcp_tw_reuse=1, or widen net.ipv4.ip_local_port_range; `ss -s` shows the use"
            ),
        ),
    };
    let peers = listed(exhausted.iter().filter_map(|observation| observation.peer));
    let finding =
        Finding::new(&HST006, host, first.id, text!("{what}: connecting to {peers} was not tried", what, peers))
            .citing(exhausted.iter().map(|observation| observation.id))
            .help(fix);
    Some(finding)
}

fn files_help() -> Text {
    text!("you: raise the limit of open files (`ulimit -n`, LimitNOFILE=), or find what leaks descriptors")
}

/// Name servers that could not be asked for want of a descriptor, where no other was.
fn nobody_asked(evidence: &Evidence, host: &str) -> Option<Finding> {
    if evidence.own_lookups(host).any(|lookup| lookup.outcome == Outcome::Succeeded) {
        return None;
    }
    let unasked: Vec<_> = failures(evidence, Stage::Resolve, host, &[FailureKind::TooManyFiles]).collect();
    let first = unasked.first()?;
    let summary = text!("no file descriptor is left to ask a name server for {host}", host);
    let finding = Finding::new(&HST006, host, first.id, summary);
    Some(finding.citing(unasked.iter().map(|observation| observation.id)).help(files_help()))
}

fn clock_skew(evidence: &Evidence, policy: &Policy) -> Option<Finding> {
    let clock = clock_offset(evidence)?;
    let seconds = clock.offset.unsigned_abs().as_secs();
    if seconds < u64::from(policy.clock_warning_seconds) {
        return None;
    }
    let &(first, _) = clock.readings.first()?;
    // A clock is off for every answer; where one server differs, it is that server's.
    let agrees = |(_, other): &(ObservationId, SignedDuration)| {
        other.as_secs().abs_diff(clock.offset.as_secs()) < u64::from(policy.clock_warning_seconds) / 2
    };
    let all_agree = clock.readings.iter().all(agrees) && clock.request_ids_agree != Some(false);
    let told_twice = clock.readings.len() > 1 || clock.request_ids_agree == Some(true);
    let proof = signed_with_their_time(evidence);
    let refused = proof.is_some() || signature_was_untimely(evidence);
    let is_error = seconds >= u64::from(policy.clock_error_seconds) || refused;
    let time = minutes(seconds);
    let off = if clock.offset.is_negative() {
        text!("this machine's clock is {time} behind COS's", time)
    } else {
        text!("this machine's clock is {time} ahead of COS's", time)
    };
    let summary = text!(
        "{off} (± {seconds} s); {consequence}",
        off,
        seconds = format!("{:.1}", clock.bound.as_secs_f64().max(0.1)),
        consequence = consequence(proof, refused, policy)
    );
    let finding = Finding::new(&HST004, MACHINE, first, summary)
        .severity(if is_error && all_agree { Severity::Error } else { Severity::Warning })
        .confidence(if all_agree { Confidence::high_if(told_twice) } else { Confidence::Low })
        .citing(clock.readings.iter().map(|(id, _)| *id))
        .citing(proof)
        .citing(certificates_valid_by_server_clock(evidence, clock.offset))
        .help(text!("you: set the clock by NTP: `timedatectl status`, `chronyc tracking`; inside Tencent Cloud the servers are time1.tencentyun.com to time5.tencentyun.com"));
    let finding = match kernel_view(evidence) {
        Some((id, view)) => finding.citing([id]).help(view),
        None => finding,
    };
    Some(if all_agree {
        finding
    } else {
        finding.help(text!("Tencent support: the answers do not agree about the time; one server's clock, or a device that answers in its place, may be off"))
    })
}

fn consequence(proof: Option<ObservationId>, refused: bool, policy: &Policy) -> Text {
    match (proof, refused) {
        (Some(_), _) => text!("COS refuses the signature for it, and takes one that is made with its own time"),
        (None, true) => text!("and COS refuses the signature for it"),
        (None, false) => {
            text!("COS refuses signatures from {time} on", time = minutes(u64::from(policy.clock_error_seconds)))
        }
    }
}

/// The request that passed because it was signed with COS's time.
fn signed_with_their_time(evidence: &Evidence) -> Option<ObservationId> {
    let passed = |http: &Http| http.hypothesis == Some(Hypothesis::ClockCorrected) && http.is_accepted();
    let mut exchanges = evidence.of_stage(Stage::HttpRoundTrip);
    exchanges.find(|observation| observation.detail.http().is_some_and(passed)).map(|observation| observation.id)
}

/// What the kernel holds of its own clock, as advice.
fn kernel_view(evidence: &Evidence) -> Option<(ObservationId, Text)> {
    evidence.of_stage(Stage::Host).find_map(|observation| {
        let view = if observation.detail.clock()?.ntp_synchronized? {
            text!("you: the kernel believes that its clock is in step, so the time source of the NTP daemon is wrong: look which servers it follows")
        } else {
            text!("you: the kernel says that nothing keeps its clock in step: start chronyd, ntpd or systemd-timesyncd")
        };
        Some((observation.id, view))
    })
}

/// Whether COS refused a signature for its time.
fn signature_was_untimely(evidence: &Evidence) -> bool {
    let mut errors = evidence.of_stage(Stage::HttpRoundTrip).filter_map(|o| o.detail.http()?.error.as_ref());
    errors.any(CosError::is_about_time)
}

/// Handshakes whose certificate is out of its time by this machine's clock, and valid by the server's.
fn certificates_valid_by_server_clock(evidence: &Evidence, offset: SignedDuration) -> Vec<ObservationId> {
    let by_server = |at: Timestamp| at.checked_sub(offset).ok();
    evidence
        .of_stage(Stage::TlsHandshake)
        .filter(|observation| {
            observation.detail.tls().is_some_and(|tls| {
                let out_of_time =
                    matches!(tls.verification.result, VerificationResult::Expired | VerificationResult::NotYetValid);
                let now = observation.started_at.and_then(by_server);
                let valid = |now| tls.chain.iter().all(|c| c.not_before <= Some(now) && Some(now) <= c.not_after);
                out_of_time && now.is_some_and(valid)
            })
        })
        .map(|observation| observation.id)
        .collect()
}

fn minutes(seconds: u64) -> Text {
    match seconds {
        0..120 => text!("{seconds} s", seconds),
        120..7200 => text!("{minutes} min", minutes = (seconds + 30) / 60),
        7200..172_800 => text!("{hours} h", hours = (seconds + 1800) / 3600),
        _ => text!("{days} days", days = (seconds + 43_200) / 86_400),
    }
}
