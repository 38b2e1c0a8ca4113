//! Why a HEAD was refused: only the answer to a GET has a body that tells.

use std::collections::BTreeSet;

use super::http::{RequestPlan, step};
use super::{Action, Step, authentication_of, service_of};
use crate::evidence::{Authentication, Evidence, Observation, Purpose, Stage};
use crate::target::{EndpointRole, Service, Target};

/// One GET per endpoint and kind of request, on the first HEAD that was refused in a way that only a body explains.
pub(super) fn steps(evidence: &Evidence) -> Vec<Step> {
    let mut followed: BTreeSet<(String, bool)> = BTreeSet::new();
    for observation in evidence.of_stage(Stage::HttpRoundTrip) {
        if observation.detail.http().is_some_and(|http| http.purpose == Purpose::Reason) {
            followed.extend(key_of(observation));
        }
    }
    let mut steps = Vec::new();
    for refused in evidence.of_stage(Stage::HttpRoundTrip) {
        let Some(key) = key_of(refused) else { continue };
        let Some(target) = evidence.target(&key.0).filter(|target| wants_body(refused, target)) else { continue };
        let Some(service) = service_of(target, refused) else { continue };
        if followed.insert(key) {
            let authentication = authentication_of(refused).unwrap_or_default();
            steps.push(step(target, refused, Action::Request(smallest_get(target, service, authentication))));
        }
    }
    steps
}

/// The smallest GET of the same resource: one key of a bucket, one byte of an object.
fn smallest_get(target: &Target, service: Service, authentication: Authentication) -> RequestPlan {
    let asks_for_object = target.asks_for_object() || target.asks_for_stand_in();
    let lists_bucket = target.role.root_is_bucket() && !asks_for_object;
    RequestPlan {
        method: "GET",
        params: if lists_bucket { vec![("max-keys".to_owned(), "1".to_owned())] } else { Vec::new() },
        headers: if asks_for_object { vec![("range", "bytes=0-0")] } else { Vec::new() },
        purpose: Purpose::Reason,
        ..RequestPlan::head(target, service, authentication)
    }
}

fn key_of(observation: &Observation) -> Option<(String, bool)> {
    Some((observation.endpoint.clone()?, authentication_of(observation)? == Authentication::Signed))
}

/// An anonymous 403 is what a private bucket answers, but in path style it may be the form that is refused, and a 404 is what is
/// to be expected of an object that need not exist. Everything else from 400 up has a reason worth reading.
fn wants_body(observation: &Observation, target: &Target) -> bool {
    observation.detail.http().is_some_and(|http| {
        let refused = http.status.is_some_and(|status| status >= 400);
        let private = http.authentication == Authentication::Anonymous
            && http.status == Some(403)
            && target.role != EndpointRole::Path;
        let absent = target.asks_for_stand_in() && http.status == Some(404);
        http.purpose == Purpose::Probe && refused && !private && !absent && http.is_from_cos()
    })
}

#[cfg(test)]
mod tests;
