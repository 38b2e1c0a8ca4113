//! Where is a bucket that is not where it should be? The names of buckets tell the account, so the same name in another region
//! is the same owner's bucket: an anonymous HEAD to the host that it would have in each region finds it.

use super::{Action, Step, resolve, service_of};
use crate::config::{Config, NameServer};
use crate::evidence::{Evidence, Observation, Stage};
use crate::region::REGIONS;
use crate::target::{EndpointRole, HostForm, Target};

/// One look in each other region, for each bucket that COS does not know, once.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    if !config.search_regions {
        return Vec::new();
    }
    config.targets.iter().flat_map(|target| of_target(config, evidence, target)).collect()
}

fn of_target(config: &Config, evidence: &Evidence, target: &Target) -> Vec<Step> {
    let exchanges = || evidence.of_endpoint(Stage::HttpRoundTrip, &target.host);
    let begun = exchanges().any(|observation| observation.detail.bucket_search().is_some());
    let missing = exchanges().find(|observation| says_no_bucket(observation));
    let (Some(bucket), Some(missing), false) = (&target.bucket, missing, begun) else { return Vec::new() };
    let (Some(service), Some(server)) = (service_of(target, missing), answering_server(config, evidence, target))
    else {
        return Vec::new();
    };
    let suffix = if target.host.ends_with("tencentcos.cn") { "tencentcos.cn" } else { "myqcloud.com" };
    let record_type = resolve::record_types(config).next().unwrap_or_default();
    let elsewhere = REGIONS.iter().map(|region| region.id).filter(|id| target.region.as_deref() != Some(id));
    elsewhere
        .filter_map(|region| {
            let host = HostForm::build(EndpointRole::Default, bucket, region, suffix).ok()?;
            Some(Step {
                parent: Some(missing.id),
                stage: Stage::HttpRoundTrip,
                endpoint: Some(target.host.clone()),
                peer: Some(server.address),
                action: Action::SearchBucket { region, host, record_type, server: server.clone(), service },
            })
        })
        .collect()
}

fn says_no_bucket(observation: &Observation) -> bool {
    let error = observation.detail.http().and_then(|http| http.error.as_ref());
    error.is_some_and(|error| error.says("NoSuchBucket"))
}

/// The name server that gave the target's addresses.
fn answering_server(config: &Config, evidence: &Evidence, target: &Target) -> Option<NameServer> {
    let gave = |o: &&Observation| o.detail.dns().is_some_and(|dns| !dns.addresses.is_empty());
    evidence.own_lookups(&target.host).find(gave).and_then(|observation| resolve::server_of(config, observation))
}

#[cfg(test)]
mod tests;
