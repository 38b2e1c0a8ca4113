//! Why a signature is refused: by comparing what both sides signed where COS tells, else by which change of the signature passed.

use std::time::Duration;

use super::super::codes::AUT002;
use super::super::{Confidence, Finding};
use super::reasons::{self, DIAGNOSE};
use crate::evidence::{
    Authentication, CosError, Evidence, Http, Hypothesis, Observation, ObservationId, Purpose, Stage, clock_offset,
};
use crate::sign::difference::differences;
use crate::target::Target;
use crate::text;
use crate::text::Text;

/// Differences that are told; more of them say nothing more.
const MOST_DIFFERENCES: usize = 3;
/// A window opens this long before it is signed, so a clock that is off by less is not what a signature fails for.
const EARLY: Duration = Duration::from_mins(1);

/// Adds what is known of the cause, and what to do about it.
pub(super) fn explained(finding: Finding, evidence: &Evidence, target: &Target) -> Finding {
    let tried = Tried::read(evidence, &target.host);
    match finding.code.as_str() {
        "AUT002" => unknown_key(finding, &tried, target),
        "AUT004" => untimely(finding, &tried, evidence),
        "AUT007" => too_little_signed(finding, &tried),
        _ => mismatch(finding, &tried, evidence, target),
    }
}

/// Whether COS took a signature that was made with its own time.
pub(super) fn passed_with_their_time(evidence: &Evidence, host: &str) -> bool {
    Tried::read(evidence, host).passed == Some(Hypothesis::ClockCorrected)
}

/// What the signature doctor tried for an endpoint.
struct Tried {
    ids: Vec<ObservationId>,
    passed: Option<Hypothesis>,
}

impl Tried {
    fn read(evidence: &Evidence, host: &str) -> Self {
        let mut tried = Self { ids: Vec::new(), passed: None };
        for (observation, http) in exchanges(evidence, host) {
            if http.purpose == Purpose::Hypothesis && http.is_from_cos() {
                tried.ids.push(observation.id);
                tried.passed = tried.passed.or(http.hypothesis.filter(|_| http.is_accepted()));
            }
        }
        tried
    }
}

fn exchanges<'a>(evidence: &'a Evidence, host: &'a str) -> impl Iterator<Item = (&'a Observation, &'a Http)> {
    let observations = evidence.of_endpoint(Stage::HttpRoundTrip, host);
    observations.filter_map(|observation| Some((observation, observation.detail.http()?)))
}

/// The signed request that COS refused with a reason.
fn refused<'a>(evidence: &'a Evidence, host: &'a str) -> Option<(&'a Http, &'a CosError)> {
    exchanges(evidence, host).find_map(|(_, http)| {
        let signed = http.authentication == Authentication::Signed && http.is_usual();
        Some((http, http.error.as_ref().filter(|_| signed)?))
    })
}

fn unknown_key(finding: Finding, tried: &Tried, target: &Target) -> Finding {
    let finding = finding.citing(tried.ids.iter().copied());
    match tried.passed {
        Some(hypothesis) => {
            let (cause, fix) = cause(hypothesis);
            fix.into_iter().fold(finding.adding(text!(": {cause}", cause)), Finding::help)
        }
        None => reasons::help(&AUT002, finding, target),
    }
}

fn untimely(finding: Finding, tried: &Tried, evidence: &Evidence) -> Finding {
    let finding = finding.citing(tried.ids.iter().copied());
    if tried.passed == Some(Hypothesis::ClockCorrected) {
        return finding
            .adding(text!(" by this machine's clock, and the same request signed with COS's time passes"))
            .confidence(Confidence::High)
            .help(text!("you: set this machine's clock: `timedatectl status`, `chronyc tracking`"));
    }
    match clock_offset(evidence).filter(|clock| clock.offset.unsigned_abs() < EARLY) {
        Some(clock) => finding
            .adding(text!(", though this machine's clock agrees with COS's"))
            .citing(clock.readings.iter().map(|(id, _)| *id))
            .help(text!("network team: look for a proxy or gateway that holds requests back or sends old ones again"))
            .help(DIAGNOSE),
        None => finding.help(text!("you: check this machine's clock: date -u; sign shortly before sending")),
    }
}

fn too_little_signed(finding: Finding, tried: &Tried) -> Finding {
    let passes = tried.passed == Some(Hypothesis::EverythingSigned);
    let finding = finding.citing(tried.ids.iter().copied()).confidence(Confidence::High);
    let finding = if passes { finding.adding(text!(" (with every header signed it passes)")) } else { finding };
    finding
        .help(text!("you: let the program sign the header or parameter that COS names: add it to what the SDK signs, or do not send it"))
        .help(text!("bucket's owner: the rules stand under strict signature mode in the bucket's security settings"))
}

fn mismatch(finding: Finding, tried: &Tried, evidence: &Evidence, target: &Target) -> Finding {
    let finding = finding.citing(tried.ids.iter().copied());
    if let Some(hypothesis) = tried.passed {
        let (cause, fixes) = cause(hypothesis);
        let finding = finding.adding(text!(": {cause}", cause)).confidence(Confidence::High);
        return fixes.into_iter().fold(finding, Finding::help).help(DIAGNOSE);
    }
    let texts = refused(evidence, &target.host)
        .and_then(|(http, error)| Some((&http.signed.as_ref()?.format_string, error.format_string.as_ref()?)));
    match texts {
        Some((ours, theirs)) if ours == theirs => wrong_key(
            finding.adding(text!(": COS signed the same text, so the secret key is not the one of this secret id")),
        ),
        Some((ours, theirs)) => {
            let all = differences(ours, theirs);
            let shown = Text::sentences(all.into_iter().take(MOST_DIFFERENCES).map(|difference| difference.sentence));
            finding
                .adding(text!(": the request was changed on the way, {shown}", shown))
                .help(text!("network team: a proxy or gateway between here and COS rewrites what was signed; let it pass Host, path, query and headers unchanged"))
                .help(text!("you: where a gateway is meant to stand there, sign for the host that it sends on to, or leave Host unsigned"))
        }
        None => {
            let finding = finding.confidence(Confidence::Medium);
            if tried.ids.is_empty() {
                return wrong_key(finding);
            }
            let tried = tried.ids.len();
            wrong_key(finding.adding(text!(
                ": most likely the secret key is wrong, for no other way to sign passes ({tried} tried)",
                tried
            )))
        }
    }
}

fn wrong_key(finding: Finding) -> Finding {
    finding
        .help(text!("you: copy secret id and secret key again, both from the same line of the console"))
        .help(text!("you: see which key is used: `cosprobe credentials`"))
        .help(DIAGNOSE)
}

/// What a hypothesis that passed means, and what to do.
fn cause(hypothesis: Hypothesis) -> (Text, Vec<Text>) {
    match hypothesis {
        Hypothesis::ClockCorrected => {
            (text!("signed with COS's own time it passes"), vec![text!("you: set this machine's clock")])
        }
        Hypothesis::KeyTrimmed => (
            text!("without the quotes, separators or written-out line ends around the key it passes"),
            vec![text!(
                "you: remove what stands around the key where it is kept: quotes, a comma, a semicolon, or \\n in letters"
            )],
        ),
        Hypothesis::KeyDecoded => (
            text!("with the percent-encoding of the key undone it passes"),
            vec![text!("you: keep the key as the console shows it, and not percent-encoded")],
        ),
        Hypothesis::WithoutToken => (
            text!("without the token it passes"),
            vec![text!(
                "you: the key is not a temporary one: remove the token that is left over (COS_SESSION_TOKEN, TENCENTCLOUD_TOKEN)"
            )],
        ),
        Hypothesis::HostUnsigned => (
            text!("with the Host header unsigned it passes, so something on the way rewrites Host"),
            vec![
                text!("network team: let the proxy or gateway pass the Host header unchanged"),
                text!("you: where it is meant to change Host, sign for the host that it sends on to"),
            ],
        ),
        Hypothesis::HostWithPort => (
            text!("with the port in the signed Host header it passes, so something on the way adds the port to Host"),
            vec![text!("network team: let the proxy or gateway pass the Host header unchanged")],
        ),
        Hypothesis::PathEncoded => (
            text!("with the percent-encoded path signed it passes, so something on the way encodes the path once more"),
            vec![text!("network team: let the proxy or gateway pass the path unchanged")],
        ),
        Hypothesis::EverythingSigned => {
            (text!("with every header signed it passes"), vec![text!("you: sign every header that is sent")])
        }
        Hypothesis::Unknown => {
            (text!("a way to sign that this version does not know passes"), vec![text!("you: use a newer cosprobe")])
        }
    }
}
