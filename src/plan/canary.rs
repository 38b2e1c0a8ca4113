//! The write probe: look that nothing is there, write a tiny object, read it back, delete it.
//!
//! Only what is known to be absent is written, and COS is told not to overwrite all the same. Whatever was written, or may have
//! been, is deleted again, also when the run is broken off.

use super::http::{Payload, RequestPlan, signs, step};
use super::{Action, Step, service_of};
use crate::config::{Canary, CanaryMethod, Config};
use crate::evidence::{Authentication, Evidence, Http, NotRunReason, Observation, Outcome, Purpose, Stage};
use crate::target::{Service, Target};

/// What the write probe writes.
pub const CANARY_CONTENT: &str = "written by cosprobe to see that writing works; it can be deleted\n";

/// What COS answers with, of a bucket with versions (COS documentation, "PUT Object" and "DELETE Object").
const VERSION: &str = "x-cos-version-id";

/// The next step of the write probe of each endpoint.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let Some(canary) = &config.canary else { return Vec::new() };
    config.targets.iter().filter_map(|target| next_step(config, canary, evidence, target)).collect()
}

fn next_step(config: &Config, canary: &Canary, evidence: &Evidence, target: &Target) -> Option<Step> {
    let of = |purpose: Purpose| {
        let mut exchanges = evidence.of_endpoint(Stage::HttpRoundTrip, &target.host);
        exchanges.find_map(|o| o.detail.http().filter(|http| http.purpose == purpose).map(|http| (o, http)))
    };
    let Some((look, look_http)) = of(Purpose::CanaryLook) else {
        let (first, service) = first_signed(config, evidence, target)?;
        return Some(step(target, first, Action::Request(Plans { target, service, canary }.look())));
    };
    let plans = Plans { target, service: service_of(target, look)?, canary };
    let Some((write, write_http)) = of(Purpose::CanaryWrite) else {
        let write = plans.write();
        let action = match unwritable(look, look_http) {
            None => Action::Request(write),
            Some(because) => Action::Skip { because, detail: write.unsent() },
        };
        return Some(step(target, look, action));
    };
    if !write_http.is_done() && !write_http.is_in_doubt() {
        return None;
    }
    let Some((read, read_http)) = of(Purpose::CanaryRead) else {
        return Some(step(target, write, Action::Request(plans.read())));
    };
    let deleted = of(Purpose::CanaryDelete).is_some();
    let is_ours = write_http.is_done() || read_http.body_matches == Some(true);
    (!deleted && is_ours && !is_anothers(write_http, read_http))
        .then(|| step(target, read, Action::Request(plans.delete(write_http, read_http))))
}

/// The first signed request of an endpoint that was answered: what the write probe builds on.
fn first_signed<'a>(config: &Config, evidence: &'a Evidence, target: &'a Target) -> Option<(&'a Observation, Service)> {
    evidence.of_endpoint(Stage::HttpRoundTrip, &target.host).find_map(|observation| {
        let http = observation.detail.http()?;
        let service = service_of(target, observation)?;
        let signed = http.authentication == Authentication::Signed && http.purpose == Purpose::Probe;
        let usable = target.role.takes_back_writes() && signs(target, service.protocol, config).is_ok();
        (signed && usable && http.status.is_some() && http.is_from_cos()).then_some((observation, service))
    })
}

/// Why nothing may be written; `None` when nothing is there.
fn unwritable(look: &Observation, http: &Http) -> Option<NotRunReason> {
    match (&look.outcome, http.status) {
        (Outcome::NotRun { because }, _) => Some(*because),
        // A write may replace a version of what was deleted.
        _ if http.is_absent() && http.header("x-cos-delete-marker").is_some() => Some(NotRunReason::ObjectExists),
        _ if http.is_absent() => None,
        (_, Some(200..=299)) => Some(NotRunReason::ObjectExists),
        _ => Some(NotRunReason::AbsenceUnknown),
    }
}

/// Whether what was read is not what was written but what somebody else has put there since.
fn is_anothers(written: &Http, read: &Http) -> bool {
    let both = written.header("etag").zip(read.header("etag"));
    read.body_matches == Some(false) && both.is_none_or(|(written, read)| written != read)
}

/// The requests of a write probe.
struct Plans<'a> {
    target: &'a Target,
    service: Service,
    canary: &'a Canary,
}

impl Plans<'_> {
    fn request(&self, method: &'static str, purpose: Purpose) -> RequestPlan {
        let path = format!("{}{}", self.target.bucket_path(), self.canary.key);
        RequestPlan { method, path, purpose, ..RequestPlan::head(self.target, self.service, Authentication::Signed) }
    }

    fn look(&self) -> RequestPlan {
        self.request("HEAD", Purpose::CanaryLook)
    }

    fn write(&self) -> RequestPlan {
        match self.canary.by {
            CanaryMethod::Put => RequestPlan {
                headers: vec![("content-type", "text/plain"), ("x-cos-forbid-overwrite", "true")],
                payload: Payload::Content(CANARY_CONTENT),
                ..self.request("PUT", Purpose::CanaryWrite)
            },
            CanaryMethod::Post => RequestPlan {
                path: self.target.bucket_path(),
                payload: Payload::Form {
                    bucket: self.target.bucket.clone().unwrap_or_default(),
                    key: self.canary.key.clone(),
                    content: CANARY_CONTENT,
                },
                ..self.request("POST", Purpose::CanaryWrite)
            },
        }
    }

    fn read(&self) -> RequestPlan {
        RequestPlan { expected_body: Some(CANARY_CONTENT), ..self.request("GET", Purpose::CanaryRead) }
    }

    /// Of a bucket with versions, the very version that was written: without its id, DELETE would only hide it.
    fn delete(&self, written: &Http, read: &Http) -> RequestPlan {
        let version = written.header(VERSION).or_else(|| read.header(VERSION));
        RequestPlan {
            params: version.map(|version| ("versionId".to_owned(), version.to_owned())).into_iter().collect(),
            ..self.request("DELETE", Purpose::CanaryDelete)
        }
    }
}

#[cfg(test)]
mod tests;
