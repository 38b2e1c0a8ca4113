//! Findings about signed requests, and about the bucket they ask for.
//!
//! COS's documents print some reasons as `Code` and some as `Message`, so both are read (COS documentation, "Error Codes" and
//! "403 error when accessing COS").

use super::codes::{AUT001, AUT002, AUT003, AUT004, AUT005, AUT008, BKT001};
use super::http::answers;
use super::{CodeRow, Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Authentication, CosError, Evidence, Http, NotRunReason, Observation, Outcome, Stage};
use crate::target::Target;

pub(super) fn rule(evidence: &Evidence, _policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &evidence.targets {
        let bucket = bucket_not_found(evidence, target);
        // Without the bucket there is nothing that the key could be allowed to do.
        if bucket.is_none() {
            findings.extend(refused_signature(evidence, target));
        }
        findings.extend(bucket);
        findings.extend(not_signed(evidence, &target.host));
    }
    findings
}

/// A word that COS uses as code or as message, and what it means.
const REASONS: &[(&str, &CodeRow)] = &[
    ("SignatureDoesNotMatch", &AUT001),
    ("InvalidAccessKeyId", &AUT002),
    ("RequestTimeTooSkewed", &AUT004),
    ("Request has expired", &AUT004),
    ("ExpiredToken", &AUT005),
    ("AccessDenied", &AUT003),
];

fn row_of(error: &CosError) -> Option<&'static CodeRow> {
    // AccessDenied is the code of several reasons; the message goes first where it names one.
    REASONS.iter().find(|(word, _)| error.code == *word || error.message.contains(word)).map(|(_, row)| *row)
}

fn refused_signature(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let host = target.host.as_str();
    let refused: Vec<(&Observation, &Http, u16)> = answers(evidence, host)
        .filter(|(_, http, status)| {
            http.authentication == Authentication::Signed && http.is_from_cos() && (400..500).contains(status)
        })
        .collect();
    let error = refused.iter().find_map(|(_, http, _)| http.error.as_ref());
    let &(first, http, status) = refused.iter().find(|(_, http, _)| http.method == "HEAD").or(refused.first())?;
    if error.is_some_and(|error| error.code == "NoSuchKey") || (error.is_none() && status == 404) {
        return None;
    }
    let (row, confidence) = match error.map(|error| (error, row_of(error))) {
        // A wrong clock of ours would be HST004; a delay or an old signature on the way is left.
        Some((_, Some(row))) if row.code == "AUT004" => (row, Confidence::Medium),
        Some((_, Some(row))) => (row, Confidence::High),
        // A reason that has no row yet, or a HEAD whose reason could not be read.
        Some((_, None)) | None => (&AUT003, Confidence::Low),
    };
    let said = error.map_or_else(|| status.to_string(), |error| format!("{status} {} ({})", error.code, error.message));
    let id = http.request_id().map_or_else(String::new, |id| format!(", request id {id}"));
    let finding = Finding::new(row, host, first.id, format!("{} for {host}: {said}{id}", what_is_refused(row)))
        .citing(refused.iter().map(|(o, _, _)| o.id))
        .confidence(confidence);
    Some(help(row, finding, error))
}

fn what_is_refused(row: &CodeRow) -> &'static str {
    match row.code {
        "AUT001" => "the signature does not match",
        "AUT002" => "the key is not known",
        "AUT004" => "the signature's time window is over or has not begun",
        "AUT005" => "the temporary key has expired",
        _ => "the signed request is refused",
    }
}

fn help(row: &CodeRow, finding: Finding, error: Option<&CosError>) -> Finding {
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
        _ => finding
            .help("bucket's owner: grant the key name/cos:HeadBucket (HeadObject for an object) on this bucket, in CAM or by bucket policy")
            .help("you: https://console.cloud.tencent.com/cos/diagnose explains the request id"),
    }
}

fn bucket_not_found(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let host = target.host.as_str();
    let asks_for_bucket = target.role.root_is_bucket() && !target.asks_for_object();
    let missing: Vec<_> = answers(evidence, host)
        .filter(|(_, http, status)| {
            let said = http.error.as_ref().is_some_and(|error| error.code == "NoSuchBucket");
            http.is_from_cos() && (said || (*status == 404 && asks_for_bucket && http.error.is_none()))
        })
        .collect();
    let &(first, _, _) = missing.first()?;
    let said = missing.iter().any(|(_, http, _)| http.error.is_some());
    let bucket = target.bucket.as_deref().unwrap_or(host);
    let region = target.region.as_deref().map_or_else(String::new, |region| format!(" in {region}"));
    let finding = Finding::new(&BKT001, host, first.id, format!("COS says that there is no bucket {bucket}{region}"))
        .citing(missing.iter().map(|(o, _, _)| o.id))
        .confidence(if said { Confidence::High } else { Confidence::Medium })
        .help("you: check the bucket's name, its APPID and its region in the COS console; a wrong region gives the same answer");
    Some(finding)
}

fn not_signed(evidence: &Evidence, host: &str) -> Option<Finding> {
    let missing = Outcome::NotRun { because: NotRunReason::NoCredential };
    let observation =
        evidence.of_endpoint(Stage::HttpRoundTrip, host).find(|observation| observation.outcome == missing)?;
    let summary = format!("no signed request was sent to {host}: no key is set");
    let finding = Finding::new(&AUT008, host, observation.id, summary).help(format!(
        "you: set {}; without a key only network, TLS and the anonymous answer are checked",
        crate::diagnose::KEY_VARIABLES
    ));
    Some(finding)
}
