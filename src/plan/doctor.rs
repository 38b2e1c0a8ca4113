//! The signature doctor: which way of signing does COS accept, when it does not accept ours? One change at a time, on a HEAD
//! that does no harm; the first that passes is the cause. Nothing is tried where COS's own words tell.

use super::http::{RequestPlan, signs, step};
use super::{Action, Step, service_of};
use crate::config::Config;
use crate::evidence::{Authentication, CosError, Evidence, Http, Hypothesis, Purpose, Stage, clock_offset};
use crate::target::{Service, Target};

/// The most that is tried, so that a wrong key is no burden to COS.
const MOST: usize = 8;
/// A smaller offset of the clock cannot be what a signature fails for: its window opens a minute early and lasts minutes.
const LEAST_OFFSET_SECONDS: u64 = 30;

/// The next change to try for each endpoint whose signed request was refused for its signature.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    config.targets.iter().filter_map(|target| next_step(config, evidence, target)).collect()
}

fn next_step(config: &Config, evidence: &Evidence, target: &Target) -> Option<Step> {
    let answered = || {
        let of_target = evidence.of_endpoint(Stage::HttpRoundTrip, &target.host);
        of_target.filter_map(|observation| Some((observation, observation.detail.http()?)))
    };
    let (reason, refused, error) = answered().find_map(|(observation, http)| {
        let signed = http.authentication == Authentication::Signed && http.purpose == Purpose::Reason;
        Some((observation, http, http.error.as_ref().filter(|_| signed)?))
    })?;
    let tried: Vec<_> = answered().filter(|(_, http)| http.purpose == Purpose::Hypothesis).collect();
    if tried.iter().any(|(observation, http)| http.is_accepted() || !observation.was_run()) {
        return None;
    }
    let service = service_of(target, reason).filter(|service| signs(target, service.protocol, config).is_ok())?;
    let candidates = candidates(config, evidence, target, refused, error);
    let &hypothesis = candidates.iter().take(MOST).nth(tried.len())?;
    let parent = tried.last().map_or(reason, |(observation, _)| observation);
    Some(step(target, parent, Action::Request(request(evidence, target, service, hypothesis))))
}

fn request(evidence: &Evidence, target: &Target, service: Service, hypothesis: Hypothesis) -> RequestPlan {
    let offset = clock_offset(evidence).map_or(0, |clock| clock.offset.as_secs());
    RequestPlan {
        purpose: Purpose::Hypothesis,
        hypothesis: Some(hypothesis),
        time_shift_seconds: if hypothesis == Hypothesis::ClockCorrected { -offset } else { 0 },
        ..RequestPlan::head(target, service, Authentication::Signed)
    }
}

/// What could be the matter, the likeliest first.
fn candidates(
    config: &Config,
    evidence: &Evidence,
    target: &Target,
    refused: &Http,
    error: &CosError,
) -> Vec<Hypothesis> {
    let clock = clock_offset(evidence).filter(|clock| clock.offset.unsigned_abs().as_secs() >= LEAST_OFFSET_SECONDS);
    let clock = clock.map(|_| Hypothesis::ClockCorrected);
    if error.is_about_time() {
        return clock.into_iter().collect();
    }
    if error.is_about_strict_signature() {
        return vec![Hypothesis::EverythingSigned];
    }
    if !error.says("SignatureDoesNotMatch") && !error.says("InvalidAccessKeyId") {
        return Vec::new();
    }
    let mut candidates: Vec<Hypothesis> = clock.into_iter().collect();
    candidates.extend(config.signing.key_hypotheses.iter().copied());
    // Where COS tells what it signed, comparing is better than trying: only the key is left to doubt, or nothing.
    let explained = error.format_string.is_some() && refused.signed.is_some();
    if error.says("SignatureDoesNotMatch") && !explained {
        candidates.extend([Hypothesis::HostUnsigned, Hypothesis::HostWithPort]);
        if needs_encoding(target.request_path()) {
            candidates.push(Hypothesis::PathEncoded);
        }
        candidates.push(Hypothesis::EverythingSigned);
    }
    if config.signing.key.has_token {
        candidates.push(Hypothesis::WithoutToken);
    }
    candidates
}

/// Whether a path looks otherwise on the request line than it is signed (RFC 3986, section 2.3).
fn needs_encoding(path: &str) -> bool {
    !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte))
}

#[cfg(test)]
mod tests;
