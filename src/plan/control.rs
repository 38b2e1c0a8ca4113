//! The control group: endpoints that have something in common with a target, so that "only this bucket", "only this suffix", "only
//! this region" and "everything" can be told apart.

use std::time::Duration;

use crate::config::{Config, NameServers, Signing, When};
use crate::evidence::{Control, ControlKind, Evidence};
use crate::plan::resolve::own_servers;
use crate::region;
use crate::target::{EndpointRole, HostForm, Service, Target};

/// Time for one step against an endpoint of the control group: it is only to answer or not.
const ATTEMPT: Duration = Duration::from_secs(2);
/// TCP connects per address and port there.
const COUNT: u16 = 2;
/// The suffixes of COS's hosts; the SDKs switch from the first to the second when it fails.
const USUAL_SUFFIX: &str = "myqcloud.com";
const OTHER_SUFFIX: &str = "tencentcos.cn";
/// Regions to compare with: the first that is not the target's.
const OTHER_REGIONS: [&str; 2] = ["ap-guangzhou", "ap-shanghai"];

/// The control group of every target that is an endpoint of COS in a region. Targets share members, and may be members themselves.
pub fn controls(config: &Config) -> Vec<Control> {
    config.targets.iter().filter(|target| target.role.is_cos_host()).flat_map(of_target).collect()
}

fn of_target(target: &Target) -> Vec<Control> {
    let Some(region) = target.region.as_deref() else { return Vec::new() };
    let is_other = target.host.ends_with(OTHER_SUFFIX);
    let (own_suffix, other_suffix) = if is_other { (OTHER_SUFFIX, USUAL_SUFFIX) } else { (USUAL_SUFFIX, OTHER_SUFFIX) };
    let elsewhere = OTHER_REGIONS.into_iter().find(|id| *id != region).unwrap_or(OTHER_REGIONS[0]);
    let services = services(target);
    let service = |prefix: &str, region: &str, suffix: &str| Target {
        input: String::new(),
        host: format!("{prefix}.{region}.{suffix}"),
        role: EndpointRole::Service,
        bucket: None,
        region: Some(region.to_owned()),
        path: "/".to_owned(),
        services: services.clone(),
    };
    let bucket = target.bucket.as_deref();
    let twin = bucket.and_then(|bucket| HostForm::build(EndpointRole::Default, bucket, region, other_suffix).ok());
    let twin =
        twin.map(|host| Target { host, role: EndpointRole::Default, services: services.clone(), ..target.clone() });
    [
        (ControlKind::ServiceHost, Some(service("cos", region, own_suffix))),
        (ControlKind::OtherSuffix, twin.or_else(|| Some(service("cos", region, other_suffix)))),
        (ControlKind::Internal, Some(service("cos-internal", region, OTHER_SUFFIX))),
        (ControlKind::OtherRegion, Some(service("cos", elsewhere, own_suffix))),
    ]
    .into_iter()
    // A service host is no member of its own group.
    .filter(|(_, member)| member.as_ref().is_some_and(|member| member.host != target.host))
    // Nothing has a name in a region that does not exist.
    .filter(|(kind, _)| *kind == ControlKind::OtherRegion || region::find(region).is_some())
    .filter_map(|(kind, twin)| Some(Control { kind, of: target.host.clone(), target: twin? }))
    .collect()
}

/// The ports of a target where COS answers. Another port is closed everywhere, which would tell nothing: then the usual ones.
fn services(target: &Target) -> Vec<Service> {
    let usual = [Service::customary(80), Service::customary(443)];
    let of_target: Vec<Service> = target.services.iter().copied().filter(|service| usual.contains(service)).collect();
    if of_target.is_empty() { usual.to_vec() } else { of_target }
}

/// What a run against the control group is to do: the same with the same name servers, without a key, and quickly. Its names are not
/// looked up as programs do, which may take much longer. Each host once, and none that is a target itself: that one is probed already.
pub fn config_for(config: &Config, evidence: &Evidence) -> Config {
    let mut targets: Vec<Target> = Vec::new();
    for member in evidence.controls.iter().map(|control| &control.target) {
        if !config.targets.iter().chain(&targets).any(|target| target.host == member.host) {
            targets.push(member.clone());
        }
    }
    let mut limits = config.limits.clone();
    limits.attempt_timeout = limits.attempt_timeout.min(ATTEMPT);
    limits.count = limits.count.min(COUNT);
    Config {
        targets,
        limits,
        name_servers: NameServers { extra: own_servers(config, evidence), ..NameServers::default() },
        signing: Signing { anonymous_only: true, ..Signing::default() },
        search_regions: false,
        canary: None,
        trace_in_check: When::Never,
        retry_ports: false,
        ..config.clone()
    }
}

#[cfg(test)]
mod tests;
