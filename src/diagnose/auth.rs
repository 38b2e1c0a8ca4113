//! Findings about what COS says of a request: of its signature, of the bucket, and of the request itself.
//!
//! COS's documents print some reasons as `Code` and some as `Message`, so both are read (COS documentation, "Error Codes" and
//! "403 error when accessing COS"). Server errors are in `http`.

use std::collections::BTreeMap;

use super::codes::{
    AUT001, AUT002, AUT003, AUT004, AUT005, AUT008, BKT001, BKT002, BKT003, BKT004, BKT005, BKT006, BKT007, HTP002,
    HTP008,
};
use super::http::answers;
use super::view::listed;
use super::{CodeRow, Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Authentication, CosError, Evidence, Http, NotRunReason, Observation, Outcome, Stage};
use crate::target::{EndpointRole, Target};

pub(super) fn rule(evidence: &Evidence, _policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &evidence.targets {
        findings.extend(refusals(evidence, target));
        findings.extend(not_signed(evidence, &target.host));
    }
    findings
}

/// A word that COS uses as code or in the message, and what it means. The first that fits decides: `AccessDenied` is the code of
/// several reasons, of which the message tells.
const REASONS: &[(&str, &CodeRow)] = &[
    ("SignatureDoesNotMatch", &AUT001),
    ("InvalidAccessKeyId", &AUT002),
    ("RequestTimeTooSkewed", &AUT004),
    ("Request has expired", &AUT004),
    ("ExpiredToken", &AUT005),
    ("NoSuchBucket", &BKT001),
    ("UnavailableForLegalReasons", &BKT002),
    ("PaymentRequired", &BKT002),
    ("PathStyleDomainForbidden", &BKT003),
    ("BucketAccelerateNotEnabled", &BKT004),
    ("NoSuchWebsiteConfiguration", &BKT005),
    ("UserCnameInvalid", &BKT006),
    ("NoSuchKey", &BKT007),
    ("AccessDenied", &AUT003),
];

/// What an acceleration endpoint answers to HEAD Bucket, enabled or not (COS documentation, "Global Acceleration" questions).
const NOT_ON_ACCELERATION: &str = "ActionAccelerateNotSupported";

/// One answer of COS that is not what was asked for.
struct Refusal<'a> {
    observation: &'a Observation,
    http: &'a Http,
    status: u16,
    error: Option<&'a CosError>,
}

/// One finding for each reason.
fn refusals(evidence: &Evidence, target: &Target) -> Vec<Finding> {
    let mut by_code: BTreeMap<&'static str, (&'static CodeRow, Vec<Refusal<'_>>)> = BTreeMap::new();
    let all: Vec<_> = answers(evidence, &target.host).filter(|(_, http, _)| http.is_from_cos()).collect();
    for &(observation, http, status) in &all {
        if !(300..500).contains(&status) || status == 304 {
            continue;
        }
        // The reason stands in the answer to the GET that follows the first HEAD of a kind.
        let same_kind = |other: &&(&Observation, &'_ Http, u16)| {
            other.1.authentication == http.authentication && other.2 == status && other.1.error.is_some()
        };
        let error = http.error.as_ref().or_else(|| all.iter().find(same_kind).and_then(|other| other.1.error.as_ref()));
        let refusal = Refusal { observation, http, status, error };
        if let Some(row) = row_of(&refusal, target) {
            by_code.entry(row.code).or_insert((row, Vec::new())).1.push(refusal);
        }
    }
    // Without the bucket there is nothing else to say of the request.
    if by_code.contains_key(BKT001.code) {
        by_code.retain(|code, _| *code == BKT001.code);
    }
    // A HEAD whose reason is not known says less than one whose reason is.
    let known = by_code.values().flat_map(|(_, group)| group).any(|r| is_signed(r.http) && r.error.is_some());
    by_code.retain(|_, (_, group)| !known || !group.iter().all(|r| is_signed(r.http) && r.error.is_none()));
    by_code.values().filter_map(|(row, group)| finding(row, group, &all, target)).collect()
}

fn is_signed(http: &Http) -> bool {
    http.authentication == Authentication::Signed
}

/// The finding that an answer belongs to; `None` for one that is as it should be.
fn row_of(refusal: &Refusal<'_>, target: &Target) -> Option<&'static CodeRow> {
    let signed = is_signed(refusal.http);
    if let Some(error) = refusal.error {
        if error.code == NOT_ON_ACCELERATION {
            return None;
        }
        let reason = REASONS.iter().find(|(word, _)| error.code == *word || error.message.contains(word));
        let row = reason.map_or(&HTP008, |(_, row)| *row);
        let about_key = row.code.starts_with("AUT");
        // A website answers everyone alike, and an anonymous request has no signature that could be wrong.
        return (!about_key || (signed && !is_website(target))).then_some(row);
    }
    match refusal.status {
        300..400 => Some(&HTP002),
        401 | 403 if !signed || is_website(target) => None,
        401 | 403 => Some(&AUT003),
        404 if target.asks_for_object() => Some(&BKT007),
        404 if target.role.root_is_bucket() => Some(&BKT001),
        402 | 451 => Some(&BKT002),
        // On an acceleration endpoint, HEAD Bucket is not served; the GET that follows tells when it is something else.
        400 if is_acceleration(target) && !target.asks_for_object() => None,
        404 if is_website(target) => None,
        _ => Some(&HTP008),
    }
}

const fn is_website(target: &Target) -> bool {
    matches!(target.role, EndpointRole::Website | EndpointRole::WebsiteInternal)
}

const fn is_acceleration(target: &Target) -> bool {
    matches!(target.role, EndpointRole::Accelerate | EndpointRole::AccelerateInternal)
}

fn finding(
    row: &'static CodeRow,
    group: &[Refusal<'_>],
    all: &[(&Observation, &Http, u16)],
    target: &Target,
) -> Option<Finding> {
    let first = group.iter().find(|refusal| refusal.http.method == "HEAD").or(group.first())?;
    // The same request that went well elsewhere makes it a matter of that address.
    let kind = first.http.authentication;
    let elsewhere = all.iter().any(|(_, http, status)| http.authentication == kind && *status < 300);
    let at = if elsewhere {
        format!(" at {}", listed(group.iter().filter_map(|r| r.observation.peer)))
    } else {
        String::new()
    };
    let error = group.iter().find_map(|refusal| refusal.error);
    let said = match error {
        Some(error) if error.message.is_empty() => format!("{} {}", first.status, error.code),
        Some(error) => format!("{} {} ({})", first.status, error.code, error.message),
        None => first.status.to_string(),
    };
    let to = first.http.header("location").map_or_else(String::new, |to| format!(" to {to}"));
    let id = first.http.request_id().map_or_else(String::new, |id| format!(", request id {id}"));
    let summary = format!("{} for {}{at}: {said}{to}{id}", what(row), subject(row, target));
    let confidence = match (row.code, error) {
        // A wrong clock of ours would be HST004; a delay or an old signature on the way is left.
        ("AUT004", _) => Confidence::Medium,
        ("AUT003", None) => Confidence::Low,
        (_, None) if row.code != HTP002.code => Confidence::Medium,
        _ => Confidence::high_if(!elsewhere),
    };
    let finding = Finding::new(row, &target.host, first.observation.id, summary)
        .citing(group.iter().map(|refusal| refusal.observation.id))
        .confidence(confidence);
    Some(help(row, finding, error, target))
}

fn subject(row: &CodeRow, target: &Target) -> String {
    match (row.code, &target.bucket, &target.region) {
        ("BKT001", Some(bucket), Some(region)) => format!("{bucket} in {region}"),
        ("BKT001", Some(bucket), None) => bucket.clone(),
        ("BKT007", _, _) => format!("{}{}", target.host, target.path),
        _ => target.host.clone(),
    }
}

fn what(row: &CodeRow) -> &'static str {
    match row.code {
        "AUT001" => "the signature does not match",
        "AUT002" => "the key is not known",
        "AUT003" => "the signed request is refused",
        "AUT004" => "the signature's time window is over or has not begun",
        "AUT005" => "the temporary key has expired",
        "BKT001" => "COS says that there is no such bucket",
        "BKT002" => "the account or the content is suspended",
        "BKT003" => "the bucket may not be addressed in path style",
        "BKT004" => "acceleration is not enabled",
        "BKT005" => "there is no website configuration",
        "BKT006" => "the custom domain is not bound to a bucket",
        "BKT007" => "there is no such object",
        "HTP002" => "COS sends the request elsewhere",
        _ => "COS refuses the request",
    }
}

fn help(row: &CodeRow, finding: Finding, error: Option<&CosError>, target: &Target) -> Finding {
    const DIAGNOSE: &str = "you: https://console.cloud.tencent.com/cos/diagnose explains the request id";
    match row.code {
        "AUT001" => {
            let finding = finding
                .help("you: the secret key does not belong to the secret id, or was copied with a mistake: copy both again");
            match error.and_then(|error| error.format_string.as_deref()) {
                Some(text) => finding.help(format!(
                    "you: COS computed its signature over {}; compare with `cosprobe sign --explain`",
                    text.replace('\n', "\\n")
                )),
                None => finding,
            }
        }
        "AUT002" => finding
            .help("you: check the secret id (it begins with AKID); in the CAM console, see that the key exists and is enabled"),
        "AUT004" => finding.help("you: check this machine's clock: date -u; sign shortly before sending"),
        "AUT005" => finding.help("you: fetch a new temporary key; the program that hands it out must refresh it in time"),
        "AUT003" if target.role == EndpointRole::Service => {
            finding.help("account's owner: grant the key name/cos:GetService in CAM, or check a bucket").help(DIAGNOSE)
        }
        "AUT003" => finding
            .help("bucket's owner: grant the key name/cos:HeadBucket (HeadObject for an object) on this bucket, in CAM or by bucket policy")
            .help(DIAGNOSE),
        "BKT001" => finding.help("you: check the bucket's name, its APPID and its region in the COS console; a wrong region gives the same answer"),
        "BKT002" => finding.help("account's owner: settle the account in the billing center; for blocked content, ask Tencent support with the request id"),
        "BKT003" => finding.help("you: put the bucket into the host name: BUCKET-APPID.cos.REGION.myqcloud.com"),
        "BKT004" => finding.help("bucket's owner: enable global acceleration for the bucket, and wait up to 15 minutes; or use the default endpoint"),
        "BKT005" => finding.help("bucket's owner: enable the static website; or use the default endpoint"),
        "BKT006" => finding.help("bucket's owner: bind the domain to the bucket in the COS console; or use the default endpoint"),
        "BKT007" => finding.help("you: check the key; without the right to list, COS may say 403 for a missing object"),
        "HTP002" => finding.help("you: redirects are not followed; check the target of the redirect, and the bucket's website or origin rules"),
        _ => finding.help(DIAGNOSE),
    }
}

fn not_signed(evidence: &Evidence, host: &str) -> Option<Finding> {
    let missing = Outcome::NotRun { because: NotRunReason::NoCredential };
    let observation =
        evidence.of_endpoint(Stage::HttpRoundTrip, host).find(|observation| observation.outcome == missing)?;
    let summary = format!("no signed request was sent to {host}: no key is set");
    let finding = Finding::new(&AUT008, host, observation.id, summary).help(format!(
        "you: set {}; without a key only network, TLS and the anonymous answer are checked",
        super::KEY_VARIABLES
    ));
    Some(finding)
}
