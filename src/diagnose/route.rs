//! Findings about the network that an endpoint is reached over: private or public.

use std::net::IpAddr;

use super::codes::{RTE002, RTE004, RTE005, RTE006, RTE007};
use super::resolvers::metadata;
use super::view::{addresses, failure_words, listed, route_of};
use super::{AddressView, Confidence, Finding};
use crate::addr::{self, AddressScope};
use crate::config::{Policy, Route};
use crate::evidence::{Evidence, FailureKind, ObservationId, RouteKind, Stage};
use crate::target::{EndpointRole, Target};
use crate::text;
use crate::text::Text;

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
    let any = |addresses: &[IpAddr]| addresses.iter().any(|ip| ips.contains(ip));
    let from_hosts = evidence.hosts_entry(host).filter(|(_, file)| any(&file.addresses)).map(|(id, _)| id);
    let from_dns = evidence
        .own_lookups(host)
        .filter(|o| o.detail.dns().is_some_and(|dns| dns.addresses.iter().any(|record| ips.contains(&record.ip))));
    let from_system = evidence.system_lookups(host).filter(|(_, lookup)| any(&lookup.addresses)).map(|(id, _)| id);
    let given: Vec<_> = from_hosts.into_iter().chain(from_dns.map(|o| o.id)).chain(from_system).collect();
    if !given.is_empty() {
        return given;
    }
    of_host(Stage::Connect).filter(|o| o.peer.is_some_and(|peer| ips.contains(&peer.ip()))).map(|o| o.id).collect()
}

/// By the metadata service, which only Tencent's machines have, and else by DMI.
fn is_tencent_vm(evidence: &Evidence) -> Option<bool> {
    let by_maker =
        || evidence.of_stage(Stage::Host).find_map(|observation| observation.detail.machine()?.is_tencent_vm);
    metadata(evidence).map(|_| true).or_else(by_maker)
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
    let from_here = outside.then(|| text!(", and this machine is not a Tencent Cloud VM"));
    let astray = private.iter().find_map(|o| leads_astray(evidence, &target.host, o.peer?.ip()));
    let because = match &astray {
        Some((_, why)) => text!("; {why}", why),
        None if lacks_route(evidence, &private) => text!("; this VM has no route of its own for 169.254.0.0/16"),
        None => Text::empty(),
    };
    let summary = text!(
        "{host} has the private address {ips}, which cannot be reached from here ({words}){from_here}{because}",
        host = &target.host,
        ips,
        words = failure_words(private.iter().copied().copied()),
        from_here,
        because
    );
    let finding = Finding::new(&RTE002, &target.host, first.id, summary)
        .confidence(Confidence::high_if(outside || astray.is_some()))
        .citing(private.iter().map(|o| o.id));
    if let Some((id, _)) = astray {
        return Some(finding.citing([id]).help(text!("you: correct the route (`ip route get ADDRESS`, `ip rule`): addresses in 169.254.0.0/16, 10.0.0.0/8 and 100.64.0.0/10 belong to the VPC's gateway; exclude them from the VPN")));
    }
    Some(if outside {
        finding
            .help(text!("you: this answer is meant for machines inside the VPC; ask a public resolver (--resolver 119.29.29.29), and find out why yours answers like one inside"))
            .help(text!("network team: if the office is connected by VPN or Direct Connect, route 169.254.0.0/16 or 10.0.0.0/8 there, or do not forward the name to Tencent's resolver"))
    } else {
        finding
            .help(text!("you: check that 169.254.0.0/16 is routed (`ip route get ADDRESS`), and that security group, network ACL and local firewall let TCP 80 and 443 out"))
            .help(text!("you: in a container, check that the pod's network forwards link-local addresses"))
    })
}

/// Whether the kernel itself refuses to send packets to an address, or sends them into a tunnel; and how.
fn leads_astray(evidence: &Evidence, host: &str, ip: IpAddr) -> Option<(ObservationId, Text)> {
    let to_address = |o: &&crate::evidence::Observation| o.peer.is_some_and(|peer| peer.ip() == ip);
    evidence.of_endpoint(Stage::Route, host).filter(to_address).find_map(|observation| {
        let way = observation.detail.route_to()?;
        let interface = way.interface.as_deref().map_or(text!("a tunnel"), Text::literal);
        let why = match way.kind {
            RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Blackhole => {
                text!("this machine's routing table refuses it ({kind})", kind = way.kind.as_str())
            }
            _ if way.is_tunnel == Some(true) => text!("this machine sends it into {interface}, as VPNs do", interface),
            _ => return None,
        };
        Some((observation.id, why))
    })
}

/// Whether a link-local address is sent by the default route, on a machine that is known as one of Tencent's.
fn lacks_route(evidence: &Evidence, private: &[&&crate::evidence::Observation]) -> bool {
    let link_local = private.iter().any(|o| o.peer.is_some_and(|peer| addr::is_link_local_v4(peer.ip())));
    let routes = evidence.of_stage(Stage::Host).find_map(|observation| observation.detail.routes());
    // Where the interfaces are recorded, the routes were looked at.
    let none = routes.is_some_and(|routes| routes.link_local.is_empty() && !routes.interfaces.is_empty());
    link_local && none && is_tencent_vm(evidence) == Some(true)
}

fn mixed(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let (private, public) = (ips_of(views, AddressScope::Private), ips_of(views, AddressScope::Public));
    let in_hosts_file = evidence.hosts_entry(&target.host).is_some();
    // With a hosts entry programs ask no server: HST003.
    if private.is_empty() || public.is_empty() || in_hosts_file {
        return None;
    }
    let all = [private.clone(), public.clone()].concat();
    let cited = givers(evidence, &target.host, &all);
    let summary = text!(
        "{host} has private ({private}) and public ({public}) addresses: the route is left to chance",
        host = &target.host,
        private = listed(private),
        public = listed(public)
    );
    let finding = Finding::new(&RTE004, &target.host, *cited.first()?, summary)
        .citing(cited)
        .confidence(Confidence::high_if(!any_doubt(&all)))
        .help(text!("you: use one kind of resolver only; inside a Tencent VPC 183.60.83.19 and 183.60.82.98, without a public one beside them"));
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
    let summary = text!(
        "{host} resolves to the {found} route ({addresses}), expected is {expected}",
        host = &target.host,
        found = Text::word(found.as_str()),
        addresses = listed(&ips),
        expected = Text::word(expected.as_str())
    );
    let finding = Finding::new(&RTE005, &target.host, *cited.first()?, summary)
        .citing(cited)
        .confidence(Confidence::high_if(!any_doubt(&ips) && found != Route::Unknown));
    Some(match expected {
        Route::Private => finding.help(text!("you: use the bucket's default or cos-internal endpoint from a VM of the same region with Tencent's resolvers 183.60.83.19 and 183.60.82.98")),
        _ => finding.help(text!("you: ask a public resolver, or use a public endpoint such as the acceleration domain")),
    })
}

fn ambiguous(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let not_tencent = is_tencent_vm(evidence) != Some(true);
    let doubts: Vec<(IpAddr, Text)> = views
        .iter()
        .filter_map(|view| {
            let link_local = addr::is_link_local_v4(view.ip) && not_tencent;
            let doubt = if link_local {
                text!("link-local: COS inside a VPC, but nothing shows that this machine is a Tencent Cloud VM")
            } else {
                Text::phrase(addr::range_of(view.ip)?.doubt?)
            };
            Some((view.ip, doubt))
        })
        .collect();
    let (ip, doubt) = doubts.first()?;
    let cited = givers(evidence, &target.host, &doubts.iter().map(|(ip, _)| *ip).collect::<Vec<_>>());
    let summary = text!("the range of {ip} does not tell the network for sure: {doubt}", ip, doubt);
    let finding = Finding::new(&RTE006, &target.host, *cited.first()?, summary).citing(cited).help(text!(
        "you: nothing to do if the address is what you expect; `ip route get ADDRESS` shows the way it takes"
    ));
    Some(finding)
}

fn never_private(evidence: &Evidence, target: &Target, views: &[&AddressView]) -> Option<Finding> {
    let never = matches!(target.role, EndpointRole::Accelerate | EndpointRole::Cdn | EndpointRole::Custom);
    let public = ips_of(views, AddressScope::Public);
    let cited = givers(evidence, &target.host, &public);
    let first = *cited.first().filter(|_| never)?;
    let summary = text!(
        "{host} is a {role}: it is public wherever it is asked from",
        host = &target.host,
        role = Text::phrase(target.role.describe())
    );
    let finding = Finding::new(&RTE007, &target.host, first, summary).citing(cited).help(text!(
        "you: for the private network use the bucket's default or cos-internal endpoint from a VM of the same region"
    ));
    Some(finding)
}
