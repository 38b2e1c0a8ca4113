//! Findings about who answers HTTP requests, and how.

use super::codes::{HTP001, HTP003, HTP004, HTP005, HTP006};
use super::mtu;
use super::reply::reset_by;
use super::view::{failure_words, failures, listed};
use super::{CodeRow, Confidence, Finding, Severity};
use crate::config::Policy;
use crate::evidence::{Evidence, FailureKind, Http, Observation, ReplyTo, Stage, VerificationResult};
use crate::target::{EndpointRole, Target};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &evidence.targets {
        findings.extend(not_cos(evidence, target));
        findings.extend(server_errors(evidence, &target.host));
        findings.extend(stalled(evidence, &target.host));
        findings.extend(broken_off(evidence, &target.host));
    }
    findings
}

/// The answers that came for an endpoint to requests of the usual kind.
pub(super) fn answers<'a>(
    evidence: &'a Evidence,
    host: &'a str,
) -> impl Iterator<Item = (&'a Observation, &'a Http, u16)> {
    evidence.of_endpoint(Stage::HttpRoundTrip, host).filter_map(|observation| {
        let http = observation.detail.http().filter(|http| http.is_usual())?;
        Some((observation, http, http.status?))
    })
}

fn not_cos(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let host = target.host.as_str();
    let foreign: Vec<_> = answers(evidence, host).filter(|(_, http, _)| !http.is_from_cos()).collect();
    let &(first, http, status) = foreign.first()?;
    // Whoever answers in COS's place brings a certificate of its own.
    let addresses: Vec<_> = foreign.iter().filter_map(|(o, _, _)| Some(o.peer?.ip())).collect();
    let impostors = evidence.of_endpoint(Stage::TlsHandshake, host).filter(|observation| {
        let there = observation.peer.is_some_and(|peer| addresses.contains(&peer.ip()));
        there
            && observation.detail.tls().is_some_and(|tls| {
                !matches!(tls.verification.result, VerificationResult::Trusted | VerificationResult::NotChecked)
            })
    });
    let server = http.header("server").map_or_else(Text::empty, |server| text!(", Server: {server}", server));
    let location = http.header("location").map_or_else(Text::empty, |to| text!(", sent on to {to}", to));
    let peers = listed(foreign.iter().filter_map(|(o, _, _)| o.peer));
    let summary = text!(
        "{host} ({peers}) answers {status} without COS's headers{server}{location}",
        host,
        peers,
        status,
        server,
        location
    );
    let may_be_fronted = matches!(target.role, EndpointRole::Custom | EndpointRole::Cdn | EndpointRole::Address);
    let finding = Finding::new(&HTP001, host, first.id, summary)
        .citing(foreign.iter().map(|(o, _, _)| o.id))
        .citing(impostors.map(|o| o.id))
        .severity(if may_be_fronted { Severity::Warning } else { Severity::Error })
        .confidence(Confidence::high_if(!may_be_fronted));
    Some(if may_be_fronted {
        finding.help(text!(
            "you: a CDN or another server stands at this name; check COS itself with the bucket's default endpoint"
        ))
    } else if status / 100 == 3 {
        finding
            .help(text!("you: log in to the network's portal in a browser, then try again"))
            .help(text!("network team: let requests to COS's domains pass without the portal"))
    } else {
        finding
            .help(text!("network team or ISP: a proxy, portal or filter answers in COS's place; let requests to COS's domains pass"))
            .help(text!("you: check name resolution (nslookup) and the proxy variables; use HTTPS"))
    })
}

/// One finding for answers 503 that say `SlowDown`, one for every other 5xx.
fn server_errors(evidence: &Evidence, host: &str) -> Vec<Finding> {
    let failing: Vec<_> =
        answers(evidence, host).filter(|(_, http, status)| http.is_from_cos() && *status >= 500).collect();
    let slow_down = |http: &Http| http.error.as_ref().is_some_and(|error| error.code == "SlowDown");
    let is_throttled = failing.iter().any(|(_, http, _)| slow_down(http));
    // A HEAD has no reason of its own: a 503 beside one that says SlowDown is taken to be the same.
    let throttled = |(_, http, status): &(&Observation, &Http, u16)| {
        is_throttled && *status == 503 && http.error.as_ref().is_none_or(|error| error.code == "SlowDown")
    };
    let (slow, broken): (Vec<_>, Vec<_>) = failing.into_iter().partition(throttled);
    let total = answers(evidence, host).count();
    [server_error(&HTP004, host, &slow, total), server_error(&HTP003, host, &broken, total)]
        .into_iter()
        .flatten()
        .collect()
}

fn server_error(
    row: &'static CodeRow,
    host: &str,
    group: &[(&Observation, &Http, u16)],
    total: usize,
) -> Option<Finding> {
    let &(first, http, status) = group.first()?;
    let code = group.iter().find_map(|(_, http, _)| http.error.as_ref()).map(|error| error.code.as_str());
    let reason = code.map_or_else(Text::empty, |code| text!(" {code}", code));
    let id = with_id(http);
    let peers = listed(group.iter().filter_map(|(o, _, _)| o.peer));
    let finding = Finding::new(
        row,
        host,
        first.id,
        text!("{host} ({peers}) answers {status}{reason}{id}", host, peers, status, reason, id),
    )
    .citing(group.iter().map(|(o, _, _)| o.id))
    .confidence(Confidence::high_if(group.len() == total));
    Some(if row.code == HTP004.code {
        finding.help(text!("you: send fewer requests per second, or spread them; the limits stand in COS's documentation, Specifications and Limits"))
    } else {
        finding
            .help(text!("you: try again; COS asks for retries with growing pauses"))
            .help(text!("Tencent support: if it stays, report the request id; https://console.cloud.tencent.com/cos/diagnose decodes it"))
    })
}

fn stalled(evidence: &Evidence, host: &str) -> Option<Finding> {
    let stalled: Vec<_> = failures(evidence, Stage::HttpRoundTrip, host, &[FailureKind::ResponseTimeout])
        .filter(|observation| is_of_endpoint(observation))
        .collect();
    let first = stalled.first()?;
    let begun = stalled.iter().any(|o| o.detail.http().is_some_and(|http| http.first_byte_us.is_some()));
    let what = if begun {
        text!("the answer begins and does not end in time")
    } else {
        text!("the request is sent and nothing comes back")
    };
    let peers = listed(stalled.iter().filter_map(|o| o.peer));
    let cause = if !begun && stalled.iter().all(|o| mtu::arrives(evidence, host, o)) {
        text!(
            "network team: a proxy may hold the answer back; requests of several full packets arrive, so their size is not the cause"
        )
    } else {
        text!("network team: a proxy may hold the answer back, or full-size packets may vanish (MTU)")
    };
    let finding = Finding::new(&HTP005, host, first.id, text!("{what}: {host} ({peers})", what, host, peers))
        .citing(stalled.iter().map(|o| o.id))
        .confidence(Confidence::Medium)
        .help(text!("you: try a longer --timeout; if only some addresses stall, report those"))
        .help(cause);
    Some(finding)
}

fn broken_off(evidence: &Evidence, host: &str) -> Option<Finding> {
    // Every other way of failing than silence; a defect of ours is none.
    let is_broken = |kind| !matches!(kind, FailureKind::ResponseTimeout | FailureKind::Internal);
    let broken: Vec<_> = evidence
        .of_endpoint(Stage::HttpRoundTrip, host)
        .filter(|observation| is_of_endpoint(observation) && observation.outcome.failure().is_some_and(is_broken))
        .collect();
    let first = broken.first()?;
    let reset_by = reset_by(evidence, host, &broken, FailureKind::ResponseReset, ReplyTo::Request);
    let peers = listed(broken.iter().filter_map(|o| o.peer));
    let finding = Finding::new(
        &HTP006,
        host,
        first.id,
        text!(
            "no usable answer from {host} ({peers}): {words}",
            host,
            peers,
            words = failure_words(broken.iter().copied())
        ),
    )
    .citing(broken.iter().map(|o| o.id))
    .confidence(Confidence::high_if(reset_by.as_ref().is_some_and(|(_, is_all)| *is_all)));
    let finding = match &reset_by {
        Some((sender, _)) => sender.told_in(finding),
        None => finding,
    };
    let finding = finding
        .help(text!("network team: a firewall or proxy on the way breaks the exchange off or answers in COS's place"))
        .help(text!("you: compare HTTP with HTTPS, and with another network"));
    Some(finding)
}

/// The request id of an answer, to stand behind what was answered.
pub(super) fn with_id(http: &Http) -> Text {
    http.request_id().map_or_else(Text::empty, |id| text!(", request id {id}", id))
}

/// Whether an exchange tells of the endpoint: not a look into another region, and not one more try of the signature doctor.
fn is_of_endpoint(observation: &Observation) -> bool {
    observation.detail.http().is_some_and(|http| http.hypothesis.is_none())
}
