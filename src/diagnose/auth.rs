//! Findings about what COS says of a request: of its signature, of the bucket, and of the request itself.
//!
//! `reasons` is the table of what COS says and what to do about it; `signature` tells why a signature does not match; `bucket`
//! where a missing bucket is. Server errors are in `http`, write probes in `canary`.

mod bucket;
pub(super) mod reasons;
mod signature;

use std::collections::BTreeMap;

use super::codes::{AUT001, AUT003, AUT004, AUT008, BKT001, BKT002, BKT007, HTP002, HTP008};
use super::http::{answers, with_id};
use super::view::listed;
use super::{CodeRow, Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Authentication, CosError, Evidence, Http, KeyPlace, NotRunReason, Observation, Outcome, Stage};
use crate::target::{EndpointRole, Target};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &evidence.targets {
        findings.extend(refusals(evidence, target));
        findings.extend(not_signed(evidence, &target.host));
    }
    findings
}

/// One answer of COS that is not what was asked for.
struct Refusal<'a> {
    observation: &'a Observation,
    http: &'a Http,
    status: u16,
    error: Option<&'a CosError>,
}

/// An answer with its status.
type Answer<'a> = (&'a Observation, &'a Http, u16);

/// One finding for each reason.
fn refusals(evidence: &Evidence, target: &Target) -> Vec<Finding> {
    let mut by_code: BTreeMap<&'static str, (&'static CodeRow, Vec<Refusal<'_>>)> = BTreeMap::new();
    let all: Vec<Answer<'_>> = answers(evidence, &target.host).filter(|(_, http, _)| http.is_from_cos()).collect();
    for &(observation, http, status) in &all {
        if !(300..500).contains(&status) || status == 304 {
            continue;
        }
        // The reason stands in the answer to the GET that follows the first HEAD of a kind.
        let same_kind = |other: &&Answer<'_>| {
            other.1.authentication == http.authentication && other.2 == status && other.1.error.is_some()
        };
        let error = http.error.as_ref().or_else(|| all.iter().find(same_kind).and_then(|other| other.1.error.as_ref()));
        let refusal = Refusal { observation, http, status, error };
        if let Some(row) = row_of(&refusal, target) {
            // A signature that passes with COS's own time fails for the time only.
            let is_untimely = row.code == AUT001.code && signature::passed_with_their_time(evidence, &target.host);
            let row = if is_untimely { &AUT004 } else { row };
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
    by_code.values().filter_map(|(row, group)| finding(row, group, &all, evidence, target)).collect()
}

fn is_signed(http: &Http) -> bool {
    http.authentication == Authentication::Signed
}

/// The finding that an answer belongs to; `None` for one that is as it should be.
fn row_of(refusal: &Refusal<'_>, target: &Target) -> Option<&'static CodeRow> {
    let signed = is_signed(refusal.http);
    if let Some(error) = refusal.error {
        if error.code == reasons::NOT_ON_ACCELERATION || is_absent_stand_in(refusal, target) {
            return None;
        }
        let row = reasons::row_of(error);
        // A website answers everyone alike, and an anonymous request has no signature that could be wrong. A rule of the bucket
        // refuses everyone.
        let is_about_key = row.code.starts_with("AUT") && row.code != "AUT009";
        return (!is_about_key || (signed && !is_website(target))).then_some(row);
    }
    match refusal.status {
        300..400 => Some(&HTP002),
        401 | 403 if !signed || is_website(target) => None,
        401 | 403 => Some(&AUT003),
        404 if is_absent_stand_in(refusal, target) => None,
        404 if target.asks_for_object() => Some(&BKT007),
        404 if target.role.root_is_bucket() => Some(&BKT001),
        402 | 451 => Some(&BKT002),
        // On an acceleration endpoint, HEAD Bucket is not served; the GET that follows tells when it is something else.
        400 if target.role.serves_objects_only() && !target.asks_for_object() => None,
        404 if is_website(target) => None,
        _ => Some(&HTP008),
    }
}

/// An object that need not exist is not missed.
fn is_absent_stand_in(refusal: &Refusal<'_>, target: &Target) -> bool {
    let absent = refusal.error.is_none_or(|error| error.says("NoSuchKey"));
    target.asks_for_stand_in() && refusal.status == 404 && absent
}

const fn is_website(target: &Target) -> bool {
    matches!(target.role, EndpointRole::Website | EndpointRole::WebsiteInternal)
}

fn finding(
    row: &'static CodeRow,
    group: &[Refusal<'_>],
    all: &[Answer<'_>],
    evidence: &Evidence,
    target: &Target,
) -> Option<Finding> {
    let first = group.iter().find(|refusal| refusal.http.method == "HEAD").or(group.first())?;
    // The same request that went well elsewhere makes it a matter of that address; the GET is another request.
    let same = |http: &Http| http.authentication == first.http.authentication && http.method == first.http.method;
    let elsewhere = all.iter().any(|(_, http, status)| same(http) && *status < 300);
    let at = if elsewhere {
        text!(" at {peers}", peers = listed(group.iter().filter_map(|r| r.observation.peer)))
    } else {
        Text::empty()
    };
    let error = group.iter().find_map(|refusal| refusal.error);
    let to = first.http.header("location").map_or_else(Text::empty, |to| text!(" to {to}", to));
    let what = text!("{what}{at}", what = reasons::what(row, error, &subject(row, target)), at);
    let finding = Finding::new(row, &target.host, first.observation.id, what.clone())
        .citing(group.iter().map(|refusal| refusal.observation.id))
        .confidence(confidence(row, error, elsewhere));
    let finding = match row.code {
        "AUT001" | "AUT002" | "AUT004" | "AUT007" => signature::explained(finding, evidence, target),
        "AUT003" => denied(finding, first, all, target),
        "BKT001" => bucket::searched(finding, evidence, target),
        _ => reasons::help(row, finding, target),
    };
    // The cause goes before what COS said: the line may be cut.
    let mark = if finding.summary == what { text!(": ") } else { text!("; ") };
    Some(finding.adding(text!(
        "{mark}{said}{to}{id}",
        mark,
        said = said(first.status, error),
        to,
        id = with_id(first.http)
    )))
}

fn confidence(row: &CodeRow, error: Option<&CosError>, elsewhere: bool) -> Confidence {
    match (row.code, error) {
        // A wrong clock of ours would be HST004; a delay or an old signature on the way is left.
        ("AUT004", _) => Confidence::Medium,
        ("AUT003", None) => Confidence::Low,
        (_, None) if row.code != HTP002.code => Confidence::Medium,
        _ => Confidence::high_if(!elsewhere),
    }
}

/// Status and reason as COS says them.
pub(super) fn said(status: u16, error: Option<&CosError>) -> Text {
    match error {
        Some(error) if error.message.is_empty() => text!("{status} {code}", status, code = &error.code),
        Some(error) => text!("{status} {code} ({message})", status, code = &error.code, message = &error.message),
        None => Text::literal(status.to_string()),
    }
}

fn subject(row: &CodeRow, target: &Target) -> Text {
    match (row.code, &target.bucket, &target.region) {
        ("BKT001", Some(bucket), Some(region)) => text!("{bucket} in {region}", bucket, region),
        ("BKT001", None, _) => text!("behind {host}", host = &target.host),
        ("BKT001" | "BKT003", Some(bucket), _) => Text::literal(bucket),
        ("BKT007", _, _) => text!("{host}{path}", host = &target.host, path = &target.path),
        _ => Text::literal(&target.host),
    }
}

/// What a key that is refused may do all the same: the GET that asked for the reason needs another right than the HEAD.
fn denied(finding: Finding, first: &Refusal<'_>, all: &[Answer<'_>], target: &Target) -> Finding {
    let got = |(_, http, status): &&Answer<'_>| is_signed(http) && http.method == "GET" && *status < 300;
    let finding = match all.iter().find(got) {
        Some((observation, _, _)) if first.http.method == "HEAD" => {
            let cause = text!(", while a signed GET passes, so only the right to HEAD is missing");
            finding.adding(cause).citing([observation.id]).confidence(Confidence::Medium)
        }
        _ => finding,
    };
    if target.asks_for_stand_in() {
        let note = text!(
            "bucket's owner: it may be the right to list that is missing: without it COS can say 403 for an object that does not exist, and cosprobe asked for one, because an acceleration endpoint does not serve HEAD Bucket"
        );
        return reasons::help(&AUT003, finding, target).help(note).confidence(Confidence::Low);
    }
    reasons::help(&AUT003, finding, target)
}

fn not_signed(evidence: &Evidence, host: &str) -> Option<Finding> {
    let missing = Outcome::NotRun { because: NotRunReason::NoCredential };
    let observation =
        evidence.of_endpoint(Stage::HttpRoundTrip, host).find(|observation| observation.outcome == missing)?;
    let key = evidence.of_stage(Stage::Host).find_map(|o| Some((o.id, o.detail.key()?)));
    let looked = key.map_or_else(Text::empty, |(_, key)| looked_in(&key.searched));
    let summary = text!("no signed request was sent to {host}: no key was found{looked}", host, looked);
    let finding = Finding::new(&AUT008, host, observation.id, summary).citing(key.map(|(id, _)| id));
    Some(finding.help(text!(
        "you: set COS_SECRET_ID and COS_SECRET_KEY, or TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or use another source of `cosprobe credentials`; without a key only network, TLS and the anonymous answer are checked"
    )))
}

/// Where a key was looked for: the places with the same outcome together.
fn looked_in(searched: &[KeyPlace]) -> Text {
    let mut by_outcome: Vec<(&str, Vec<&str>)> = Vec::new();
    for KeyPlace { place, found } in searched {
        match by_outcome.iter_mut().find(|(outcome, _)| outcome == found) {
            Some((_, places)) => places.push(place),
            None => by_outcome.push((found, vec![place])),
        }
    }
    let told = |(found, places): &(&str, Vec<&str>)| {
        text!(
            "{places} ({found})",
            places = Text::list(places.iter().copied().map(Text::phrase)),
            found = Text::phrase(*found)
        )
    };
    let places = Text::sentences(by_outcome.iter().map(told));
    if places.is_empty() { places } else { text!("; looked in {places}", places) }
}
