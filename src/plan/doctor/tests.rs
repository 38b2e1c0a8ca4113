use serde_json::json;

use super::super::tests::{Case, HOST, only, request};
use super::*;
use crate::evidence::Hypothesis::{
    ClockCorrected, EverythingSigned, HostUnsigned, HostWithPort, KeyDecoded, KeyTrimmed, PathEncoded, WithoutToken,
};

/// A run whose signed HEAD was refused, with what COS says about it.
fn refused(code: &str, message: &str) -> Case {
    Case::new().answered(json!({})).reason(code, message)
}

/// An answer that arrived so many milliseconds after the second that it tells; the offset is half a second less.
fn clock(case: Case, milliseconds: i64) -> Case {
    let noon: jiff::Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let at = noon + jiff::SignedDuration::from_millis(milliseconds);
    case.answered(json!({"authentication": "anonymous", "answered_at": at.to_string(), "headers": [
        {"name": "server", "value": "tencent-cos"}, {"name": "date", "value": "Mon, 23 Nov 2026 12:00:00 GMT"}]}))
}

/// Everything that is tried when COS answers as the closure says.
fn tried(mut case: Case, status: impl Fn(Hypothesis) -> u16) -> Vec<Hypothesis> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let mut steps = steps(&case.config, &case.evidence);
        let Some(step) = steps.pop() else { return all };
        assert!(steps.is_empty(), "one thing at a time");
        let hypothesis = request(&step).hypothesis.unwrap();
        assert!(before.is_none() || step.parent == before, "each builds on the one before, and so uses its connection");
        assert!(all.len() < 20, "it does not end: {all:?}");
        all.push(hypothesis);
        let answer = json!({"purpose": "hypothesis", "hypothesis": hypothesis.as_str(), "status": status(hypothesis)});
        case = case.answered(answer).but(json!({"parent": step.parent}));
        before = case.evidence.observations.last().map(|observation| observation.id);
    }
}

fn all_tried(case: Case) -> Vec<Hypothesis> {
    tried(case, |_| 403)
}

#[test]
fn a_mismatch_puts_what_is_signed_in_doubt() {
    assert_eq!(all_tried(refused("SignatureDoesNotMatch", "")), [HostUnsigned, HostWithPort, EverythingSigned]);
    assert_eq!(all_tried(refused("AccessDenied", "SignatureDoesNotMatch")).len(), 3, "the message tells as well");
}

#[test]
fn only_a_path_that_is_encoded_is_tried_encoded() {
    for (path, encoded) in [("/", false), ("/a-b_c.d~e/9Z", false), ("/a b", true), ("/a+b", true), ("/ä", true)] {
        let case = Case::of(json!({"path": path})).answered(json!({})).reason("SignatureDoesNotMatch", "");
        assert_eq!(all_tried(case).contains(&PathEncoded), encoded, "{path}");
    }
}

#[test]
fn the_looks_of_the_key_go_before_the_request_and_the_token_comes_last() {
    let mut case = refused("SignatureDoesNotMatch", "");
    case.config.signing.key_hypotheses = vec![KeyTrimmed, KeyDecoded];
    case.config.signing.key.has_token = true;
    let expected = [KeyTrimmed, KeyDecoded, HostUnsigned, HostWithPort, EverythingSigned, WithoutToken];
    assert_eq!(all_tried(case), expected);
}

#[test]
fn eight_are_the_most_whatever_is_in_doubt() {
    let mut case = Case::of(json!({"path": "/a b"})).answered(json!({})).reason("SignatureDoesNotMatch", "");
    case.config.signing.key_hypotheses = vec![KeyTrimmed, KeyDecoded];
    case.config.signing.key.has_token = true;
    let expected = [
        ClockCorrected,
        KeyTrimmed,
        KeyDecoded,
        HostUnsigned,
        HostWithPort,
        PathEncoded,
        EverythingSigned,
        WithoutToken,
    ];
    assert_eq!(all_tried(clock(case, 600_500)), expected);
}

#[test]
fn where_cos_tells_what_it_signed_only_the_key_is_in_doubt() {
    let explained = |ours: bool| {
        let error = json!({"code": "SignatureDoesNotMatch", "format_string": "get\n/\n\nhost=x\n"});
        let mut case = Case::new().answered(json!({"method": "GET", "purpose": "reason", "error": error}));
        if ours {
            case = case.but(json!({"detail": {"type": "http", "authentication": "signed", "purpose": "reason",
                "status": 403, "signed": {"format_string": "get\n/\n\nhost=y\n"}, "error": error}}));
        }
        case.config.signing.key_hypotheses = vec![KeyTrimmed];
        case
    };
    assert_eq!(all_tried(explained(true)), [KeyTrimmed]);
    let mut nothing = explained(true);
    nothing.config.signing.key_hypotheses.clear();
    assert_eq!(all_tried(nothing), []);
    assert!(all_tried(explained(false)).contains(&HostUnsigned), "without our own text there is nothing to compare");
    assert_eq!(all_tried(clock(explained(true), 600_500)), [ClockCorrected, KeyTrimmed]);
}

#[test]
fn an_unknown_key_puts_only_the_key_in_doubt() {
    for (code, message) in [("InvalidAccessKeyId", ""), ("AccessDenied", "InvalidAccessKeyId")] {
        assert_eq!(all_tried(refused(code, message)), []);
        let mut case = refused(code, message);
        case.config.signing.key_hypotheses = vec![KeyDecoded];
        case.config.signing.key.has_token = true;
        assert_eq!(all_tried(case), [KeyDecoded, WithoutToken]);
    }
}

#[test]
fn an_error_about_time_tries_the_clock_and_nothing_else() {
    for (code, message) in [("RequestTimeTooSkewed", ""), ("AccessDenied", "Request has expired")] {
        let case = || {
            let mut case = refused(code, message);
            case.config.signing.key_hypotheses = vec![KeyTrimmed];
            case.config.signing.key.has_token = true;
            case
        };
        assert_eq!(all_tried(clock(case(), 600_500)), [ClockCorrected]);
        assert_eq!(all_tried(case()), [], "no clock is known");
    }
}

#[test]
fn the_clock_is_in_doubt_from_thirty_seconds_on() {
    for (milliseconds, first) in [(30_400, false), (30_500, true), (-29_400, false), (-29_500, true)] {
        let all = all_tried(clock(refused("SignatureDoesNotMatch", ""), milliseconds));
        assert_eq!(all.first() == Some(&ClockCorrected), first, "{milliseconds}");
        assert_eq!(all.contains(&ClockCorrected), first, "{milliseconds}");
    }
}

#[test]
fn strict_mode_asks_for_everything_to_be_signed() {
    let mut case = refused("AccessDenied", "Strict signature missing header that must be signed: user-agent");
    case.config.signing.key_hypotheses = vec![KeyTrimmed];
    assert_eq!(all_tried(clock(case, 600_500)), [EverythingSigned]);
}

#[test]
fn other_errors_try_nothing() {
    for code in ["AccessDenied", "NoSuchBucket", "ExpiredToken", "InvalidToken"] {
        let mut case = refused(code, "Access Denied.");
        case.config.signing.key_hypotheses = vec![KeyTrimmed];
        case.config.signing.key.has_token = true;
        assert_eq!(all_tried(clock(case, 600_500)), [], "{code}");
    }
    let anonymous =
        json!({"purpose": "reason", "authentication": "anonymous", "error": {"code": "SignatureDoesNotMatch"}});
    assert_eq!(all_tried(Case::new().answered(anonymous)), []);
    assert_eq!(all_tried(Case::new().answered(json!({}))), [], "the reason is not known");
}

#[test]
fn nothing_is_tried_where_nothing_is_signed() {
    let refused = || refused("SignatureDoesNotMatch", "");
    let without = |change: fn(&mut Config)| {
        let mut case = refused();
        change(&mut case.config);
        all_tried(case)
    };
    assert_eq!(without(|config| config.signing.anonymous_only = true), []);
    assert_eq!(without(|config| config.signing.has_credential = false), []);
    let over_http = |allowed| {
        let mut case = refused().but(json!({"peer": "203.0.113.10:80"}));
        case.config.signing.over_clear_text = allowed;
        steps(&case.config, &case.evidence).len()
    };
    assert_eq!((over_http(false), over_http(true)), (0, 1));
}

#[test]
fn the_first_that_passes_is_the_last() {
    for status in [200, 204, 304, 404] {
        let passes = |hypothesis| if hypothesis == HostWithPort { status } else { 403 };
        assert_eq!(tried(refused("SignatureDoesNotMatch", ""), passes), [HostUnsigned, HostWithPort], "{status}");
    }
}

#[test]
fn what_somebody_else_answers_is_no_pass() {
    let portal = json!({"purpose": "hypothesis", "hypothesis": "host_unsigned", "status": 200, "headers": []});
    let case = refused("SignatureDoesNotMatch", "").answered(portal);
    assert_eq!(request(&only(steps(&case.config, &case.evidence))).hypothesis, Some(HostWithPort));
}

#[test]
fn a_step_that_was_not_run_ends_it_and_one_without_an_answer_does_not() {
    let hypothesis = json!({"purpose": "hypothesis", "hypothesis": "host_unsigned"});
    let one = || refused("SignatureDoesNotMatch", "").answered(hypothesis.clone());
    let (not_run, unanswered) = (one().not_run("deadline"), one().unanswered());
    assert_eq!(steps(&not_run.config, &not_run.evidence), []);
    let next = only(steps(&unanswered.config, &unanswered.evidence));
    assert_eq!(request(&next).hypothesis, Some(HostWithPort));
}

#[test]
fn a_try_is_a_signed_head_that_builds_on_the_one_before() {
    let case = clock(Case::of(json!({"path": "/k"})).answered(json!({})).reason("SignatureDoesNotMatch", ""), 600_500);
    let first = only(steps(&case.config, &case.evidence));
    assert_eq!(first.parent, Some(2), "the GET that asked for the reason");
    let plan = request(&first);
    assert_eq!((plan.method, plan.path.as_str(), plan.host_header.as_str()), ("HEAD", "/k", HOST));
    assert_eq!((plan.authentication, plan.purpose), (Authentication::Signed, Purpose::Hypothesis));
    assert_eq!((plan.hypothesis, plan.time_shift_seconds), (Some(ClockCorrected), -600), "we are ahead");

    let case = case.answered(json!({"purpose": "hypothesis", "hypothesis": "clock_corrected"}));
    let second = only(steps(&case.config, &case.evidence));
    assert_eq!(second.parent, Some(4), "the try before");
    assert_eq!((request(&second).hypothesis, request(&second).time_shift_seconds), (Some(HostUnsigned), 0));

    let behind = clock(refused("RequestTimeTooSkewed", ""), -599_500);
    assert_eq!(request(&only(steps(&behind.config, &behind.evidence))).time_shift_seconds, 600);
}

#[test]
fn every_target_has_a_doctor_of_its_own() {
    let other = "other-1250000000.cos.ap-guangzhou.myqcloud.com";
    let case = Case::of_targets(vec![json!({}), json!({"host": other})]);
    let case = case.reason("SignatureDoesNotMatch", "").reason("SignatureDoesNotMatch", "");
    let case = case.but(json!({"endpoint": other}));
    let all = steps(&case.config, &case.evidence);
    assert_eq!(all.iter().map(|step| step.endpoint.as_deref()).collect::<Vec<_>>(), [Some(HOST), Some(other)]);
    let case = case.answered(json!({"purpose": "hypothesis", "status": 200}));
    assert_eq!(only(steps(&case.config, &case.evidence)).endpoint.as_deref(), Some(other));
}
