//! Findings about the network that an endpoint is reached over: private or public.

use std::net::IpAddr;

use super::codes::{RTE002, RTE004, RTE005, RTE006, RTE007};
use super::view::{addresses, listed, route_of};
use super::{AddressView, Confidence, Finding};
use crate::addr::{self, AddressScope};
use crate::config::{Policy, Route};
use crate::evidence::{Evidence, FailureKind, ObservationId, Stage};
use crate::target::{EndpointRole, Target};

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    let views = addresses(evidence);
    let mut findings = Vec::new();
    for target in &evidence.targets {
        let of_target: Vec<&AddressView> = views.iter().filter(|view| view.endpoint == target.host).collect();
        findings.extend(private_unreachable(evidence, target, &of_target));
        findings.extend(mixed(evidence, target, &of_target));
        findings.extend(expectation(evidence, target, &of_target, policy));
        findings.extend(ambiguous(evidence, target, &of_target));
        findings.extend(never_private(evidence, target, &of_target));
    }
    findings
}

/// The observations that gave an address, or else those that used it.
fn givers(evidence: &Evidence, host: &str, ips: &[IpAddr]) -> Vec<ObservationId> {
    let of_host = |stage| evidence.of_endpoint(stage, host);
    let from_hosts = of_host(Stage::Host)
        .filter(|o| o.detail.hosts_file().is_some_and(|file| file.addresses.iter().any(|ip| ips.contains(ip))));
    let from_dns = of_host(Stage::Resolve)
        .filter(|o| o.detail.dns().is_some_and(|dns| dns.addresses.iter().any(|record| ips.contains(&record.ip))));
    let given: Vec<_> = from_hosts.chain(from_dns).map(|o| o.id).collect();
    if !given.is_empty() {
        return given;
    }
    of_host(Stage::Connect).filter(|o| o.peer.is_some_and(|peer| ips.contains(&peer.ip()))).map(|o| o.id).collect()
}

fn is_tencent_vm(evidence: &Evidence) -> Option<bool> {
    evidence.of_stage(Stage::Host).find_map(|observation| observation.detail.machine()?.is_tencent_vm)
}

fn ips_of(views: &[&AddressView], scope: AddressScope) -> Vec<IpAddr> {
    views.iter().filter(|view| view.scope == scope).map(|view| view.ip).collect()
}

/// Whether the range of an address leaves its network in doubt.
fn any_doubt(ips: &[IpAddr]) -> bool {
    ips.iter().any(|ip| addr::range_of(*ip).is_some_and(|range| range.doubt.is_some()))
}

fn private_unreachable(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let dead = |kind| {
        matches!(kind, FailureKind::ConnectTimeout | FailureKind::NoRoute | FailureKind::AdminProhibited)
            || kind.is_unreachable()
    };
    let connects: Vec<_> = evidence.of_endpoint(Stage::Connect, &target.host).filter(|o| o.was_run()).collect();
    let private: Vec<_> = connects
        .iter()
        .filter(|o| o.peer.is_some_and(|peer| addr::scope_of(peer.ip()) == AddressScope::Private))
        .collect();
    let all_dead = private.iter().all(|o| o.outcome.failure().is_some_and(dead));
    let other_works = connects.iter().any(|o| o.outcome.is_success());
    let first = private.first().filter(|_| all_dead && !other_works)?;
    let ips = listed(ips_of(views, AddressScope::Private));
    let outside = is_tencent_vm(evidence) == Some(false);
    let from_here = if outside { ", and this machine is not a Tencent Cloud VM" } else { "" };
    let kinds: std::collections::BTreeSet<_> =
        private.iter().filter_map(|o| o.outcome.failure()).map(FailureKind::phrase).collect();
    let summary = format!(
        "{} has the private address {ips}, which cannot be reached from here ({}){from_here}",
        target.host,
        listed(kinds)
    );
    let finding = Finding::new(&RTE002, &target.host, first.id, summary)
        .confidence(Confidence::high_if(outside))
        .citing(private.iter().map(|o| o.id));
    Some(if outside {
        finding
            .help("you: this answer is meant for machines inside the VPC; ask a public resolver (--resolver 119.29.29.29), and find out why yours answers like one inside")
            .help("network team: if the office is connected by VPN or Direct Connect, route 169.254.0.0/16 or 10.0.0.0/8 there, or do not forward the name to Tencent's resolver")
    } else {
        finding
            .help("you: check that 169.254.0.0/16 is routed (`ip route get ADDRESS`), and that security group, network ACL and local firewall let TCP 80 and 443 out")
            .help("you: in a container, check that the pod's network forwards link-local addresses")
    })
}

fn mixed(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let (private, public) = (ips_of(views, AddressScope::Private), ips_of(views, AddressScope::Public));
    let in_hosts_file = evidence
        .of_endpoint(Stage::Host, &target.host)
        .any(|o| o.detail.hosts_file().is_some_and(|file| !file.addresses.is_empty()));
    // With a hosts entry programs ask no server: HST003.
    if private.is_empty() || public.is_empty() || in_hosts_file {
        return None;
    }
    let all = [private.clone(), public.clone()].concat();
    let cited = givers(evidence, &target.host, &all);
    let summary = format!(
        "{} has private ({}) and public ({}) addresses: the route is left to chance",
        target.host,
        listed(private),
        listed(public)
    );
    let finding = Finding::new(&RTE004, &target.host, *cited.first()?, summary)
        .citing(cited)
        .confidence(Confidence::high_if(!any_doubt(&all)))
        .help("you: use one kind of resolver only; inside a Tencent VPC 183.60.83.19 and 183.60.82.98, without a public one beside them");
    Some(finding)
}

fn expectation(evidence: &Evidence, target: &Target, views: &[&AddressView], policy: &Policy) -> Option<Finding> {
    let expected = policy.expect.filter(|route| *route != Route::Unknown)?;
    let found = route_of(evidence, &target.host);
    if found == expected {
        return None;
    }
    let ips: Vec<IpAddr> = views.iter().map(|view| view.ip).collect();
    let cited = givers(evidence, &target.host, &ips);
    let summary = format!(
        "{} resolves to the {} route ({}), expected is {}",
        target.host,
        found.as_str(),
        listed(&ips),
        expected.as_str()
    );
    let finding = Finding::new(&RTE005, &target.host, *cited.first()?, summary)
        .citing(cited)
        .confidence(Confidence::high_if(!any_doubt(&ips) && found != Route::Unknown));
    Some(match expected {
        Route::Private => finding.help("you: use the bucket's default or cos-internal endpoint from a VM of the same region with Tencent's resolvers 183.60.83.19 and 183.60.82.98"),
        _ => finding.help("you: ask a public resolver, or use a public endpoint such as the acceleration domain"),
    })
}

fn ambiguous(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let not_tencent = is_tencent_vm(evidence) != Some(true);
    let doubts: Vec<(IpAddr, &'static str)> = views
        .iter()
        .filter_map(|view| {
            let link_local = addr::is_link_local_v4(view.ip) && not_tencent;
            let doubt = if link_local {
                "link-local: COS inside a VPC, but nothing shows that this machine is a Tencent Cloud VM"
            } else {
                addr::range_of(view.ip)?.doubt?
            };
            Some((view.ip, doubt))
        })
        .collect();
    let &(ip, doubt) = doubts.first()?;
    let cited = givers(evidence, &target.host, &doubts.iter().map(|(ip, _)| *ip).collect::<Vec<_>>());
    let summary = format!("the range of {ip} does not tell the network for sure: {doubt}");
    let finding = Finding::new(&RTE006, &target.host, *cited.first()?, summary)
        .citing(cited)
        .help("you: nothing to do if the address is what you expect; `ip route get ADDRESS` shows the way it takes");
    Some(finding)
}

fn never_private(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let never = matches!(target.role, EndpointRole::Accelerate | EndpointRole::Cdn | EndpointRole::Custom);
    let public = ips_of(views, AddressScope::Public);
    let cited = givers(evidence, &target.host, &public);
    let first = *cited.first().filter(|_| never)?;
    let summary = format!("{} is a {}: it is public wherever it is asked from", target.host, target.role.describe());
    let finding = Finding::new(&RTE007, &target.host, first, summary).citing(cited).help(
        "you: for the private network use the bucket's default or cos-internal endpoint from a VM of the same region",
    );
    Some(finding)
}
