//! Findings about where this machine is: its region against the endpoint's, and whether it has a way out at all.

use super::codes::{RTE001, RTE003, RTE008};
use super::firewall::keeps_back;
use super::resolvers::{can_be_private, metadata, private_answers};
use super::view::{listed, route_of};
use super::{Confidence, Finding};
use crate::addr::{self, AddressScope};
use crate::config::{Policy, Route};
use crate::evidence::{Evidence, FailureKind, Metadata, Observation, ObservationId, Stage};
use crate::region;
use crate::target::Target;
use crate::text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    let Some((told, vm)) = metadata(evidence) else { return Vec::new() };
    let of_target = |target| [other_region(evidence, target, told, vm), no_egress(evidence, target, told, vm)];
    evidence.targets.iter().flat_map(of_target).flatten().collect()
}

/// Public by design: the private network of a region ends at its border, and finance zones have one of their own.
fn other_region(evidence: &Evidence, target: &Target, told: ObservationId, vm: &Metadata) -> Option<Finding> {
    let (here, there) = (vm.region.as_deref()?, target.region.as_deref()?);
    let host = target.host.as_str();
    if here == there || route_of(evidence, host) != Route::Public || !can_be_private(target) {
        return None;
    }
    // Where a private answer is at hand, public is no design: DNS004.
    if !private_answers(evidence, host).is_empty() {
        return None;
    }
    let cited: Vec<ObservationId> = evidence.own_lookups(host).filter(|o| o.was_run()).map(|o| o.id).collect();
    let places = text!("this machine is in {here} and {host} in {there}", here, host, there);
    let finding = if region::is_finance(here) == region::is_finance(there) {
        Finding::new(&RTE001, host, told, text!("{places}: public by design", places))
            .help(text!("you: use a bucket in this machine's region, or replicate to one there"))
            .help(text!("bucket's owner: global acceleration has a private endpoint, BUCKET.cos-internal.accelerate.tencentcos.cn, that other regions reach over the private network"))
    } else {
        Finding::new(
            &RTE008,
            host,
            told,
            text!("{places}: finance zones and public regions have no private network in common", places),
        )
        .help(text!("you: use a bucket of the zone that this machine is in"))
    };
    Some(finding.citing(cited))
}

/// A machine without a public address, and nothing public can be reached from it.
fn no_egress(evidence: &Evidence, target: &Target, told: ObservationId, vm: &Metadata) -> Option<Finding> {
    let host = target.host.as_str();
    let public = route_of(evidence, host) == Route::Public;
    // With a private answer at hand the public one is the fault: DNS004. What this machine keeps back is HST005.
    if !vm.has_no_public_ipv4 || !public || !private_answers(evidence, host).is_empty() || keeps_back(evidence) {
        return None;
    }
    let is_public = |o: &&Observation| o.peer.is_some_and(|peer| addr::scope_of(peer.ip()) == AddressScope::Public);
    // A family that this machine does not have tells nothing about the way out.
    let connects = || evidence.of_stage(Stage::Connect).filter(|o| o.was_run() && !lacks_family(o));
    let is_own = |o: &&Observation| o.endpoint.as_deref() == Some(host);
    let own: Vec<&Observation> = connects().filter(is_own).collect();
    let first = own.first().filter(|_| own.iter().all(|o| is_silence(o)))?;
    let others = || connects().filter(|o| !is_own(o)).filter(is_public);
    if others().any(|observation| !is_silence(observation)) {
        return None;
    }
    let too = others().next().map(|_| text!(", nor can other public endpoints"));
    let is_control = |o: &Observation| {
        evidence.controls.iter().any(|control| o.endpoint.as_deref() == Some(control.target.host.as_str()))
    };
    let summary = text!(
        "{host} is public ({addresses}) and cannot be reached{too}: this machine has no public address, and no way out",
        host,
        addresses = listed(own.iter().filter_map(|o| o.peer).map(|peer| peer.ip())),
        too
    );
    let finding = Finding::new(&RTE003, host, first.id, summary)
        .citing(own.iter().map(|o| o.id))
        .citing([told])
        .confidence(Confidence::high_if(others().any(is_control)))
        .help(text!("you: give the VPC a NAT gateway and a route to it, or the machine a public address, and let its security group and network ACL allow TCP 80 and 443 out"));
    Some(finding.help(text!("you: or use a bucket of this machine's region, which it reaches over the private network without a public address")))
}

/// Whether this machine's kernel has no way to addresses of that family at all.
fn lacks_family(observation: &Observation) -> bool {
    matches!(observation.outcome.failure(), Some(FailureKind::NoRoute | FailureKind::FamilyUnsupported))
}

/// Whether nothing came back, as where there is no way out.
fn is_silence(observation: &Observation) -> bool {
    observation.outcome.failure().is_some_and(|kind| {
        matches!(kind, FailureKind::ConnectTimeout | FailureKind::AdminProhibited) || kind.is_unreachable()
    })
}
