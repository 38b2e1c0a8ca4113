use serde_json::{Value, json};

use super::super::tests::{Case, HOST, PEER, only, request};
use super::*;
use crate::evidence::Detail;

const KEY: &str = "cosprobe/a b";
const COS: &str = "tencent-cos";

/// A run whose signed HEAD was answered, with a write probe asked for.
fn asked(target: Value, by: CanaryMethod) -> Case {
    let mut case = Case::of(target).answered(json!({}));
    case.config.canary = Some(Canary { key: KEY.to_owned(), by });
    case
}

fn put() -> Case {
    asked(json!({}), CanaryMethod::Put)
}

fn looked(status: u16) -> Case {
    put().answered(json!({"purpose": "canary_look", "status": status}))
}

fn written() -> Case {
    looked(404).answered(json!({"purpose": "canary_write", "method": "PUT", "status": 200}))
}

/// A write that was not answered.
fn unanswered() -> Case {
    written().unanswered()
}

/// What was read back: the status, and whether it is what was written.
fn read(case: Case, status: u16, matches: Option<bool>) -> Case {
    case.answered(json!({"purpose": "canary_read", "method": "GET", "status": status, "body_matches": matches}))
}

fn planned(case: &Case) -> Vec<Step> {
    steps(&case.config, &case.evidence)
}

/// What the next request is for; `None` when there is none.
fn next(case: &Case) -> Option<Purpose> {
    let mut steps = planned(case);
    let step = steps.pop()?;
    assert!(steps.is_empty());
    Some(request(&step).purpose)
}

/// Why the write is not even tried.
fn skipped(case: &Case) -> NotRunReason {
    let step = only(planned(case));
    let Action::Skip { because, detail: Detail::Http(http) } = &step.action else { panic!("{step:?}") };
    assert_eq!((http.purpose, http.method.as_str(), step.parent), (Purpose::CanaryWrite, "PUT", Some(2)));
    assert_eq!(http.path, format!("/{KEY}"), "what was not written is recorded");
    *because
}

#[test]
fn it_begins_with_a_look_after_a_signed_answer() {
    let step = only(planned(&put()));
    let plan = request(&step);
    assert_eq!((step.parent, plan.method, plan.purpose), (Some(1), "HEAD", Purpose::CanaryLook));
    assert_eq!((plan.path.as_str(), plan.authentication), ("/cosprobe/a b", Authentication::Signed));
    assert_eq!((plan.payload.clone(), plan.expected_body), (Payload::Empty, None));
}

#[test]
fn nothing_is_done_unasked_or_where_nothing_can_be_taken_back() {
    let mut unasked = put();
    unasked.config.canary = None;
    assert_eq!(next(&unasked), None);
    for role in ["accelerate", "website", "service", "custom", "cdn"] {
        assert_eq!(next(&asked(json!({"role": role}), CanaryMethod::Put)), None, "{role}");
    }
    for role in ["default", "internal", "dualstack", "path"] {
        assert_eq!(next(&asked(json!({"role": role}), CanaryMethod::Put)), Some(Purpose::CanaryLook), "{role}");
    }
    let changes: [fn(&mut Config); 2] =
        [|config| config.signing.anonymous_only = true, |config| config.signing.has_credential = false];
    for change in changes {
        let mut case = put();
        change(&mut case.config);
        assert_eq!(next(&case), None);
    }
}

#[test]
fn it_builds_on_an_answer_of_cos_to_a_usual_signed_request() {
    let on = |detail: Value| next(&put().but(json!({"detail": detail})));
    let server = json!([{"name": "server", "value": COS}]);
    let http = |authentication: &str, purpose: &str, headers: &Value| json!({"type": "http", "authentication": authentication, "purpose": purpose, "status": 403, "headers": headers});
    assert_eq!(on(http("signed", "probe", &server)), Some(Purpose::CanaryLook));
    assert_eq!(on(http("anonymous", "probe", &server)), None);
    assert_eq!(on(http("signed", "reason", &server)), None);
    assert_eq!(on(http("signed", "probe", &json!([]))), None, "a portal");
    assert_eq!(next(&put().unanswered()), None);
    let over_http = |allowed| {
        let mut case = put().but(json!({"peer": "203.0.113.10:80"}));
        case.config.signing.over_clear_text = allowed;
        planned(&case).len()
    };
    assert_eq!((over_http(false), over_http(true)), (0, 1));
}

#[test]
fn only_what_is_known_to_be_absent_is_written() {
    assert_eq!(next(&looked(404)), Some(Purpose::CanaryWrite));
    for status in [200, 206, 299] {
        assert_eq!(skipped(&looked(status)), NotRunReason::ObjectExists, "{status}");
    }
    for status in [301, 304, 400, 403, 405, 412, 500, 503] {
        assert_eq!(skipped(&looked(status)), NotRunReason::AbsenceUnknown, "{status}");
    }
    let portal = put().answered(json!({"purpose": "canary_look", "status": 404, "headers": []}));
    assert_eq!(skipped(&portal), NotRunReason::AbsenceUnknown, "somebody else's 404");
    assert_eq!(skipped(&looked(404).unanswered()), NotRunReason::AbsenceUnknown);
    assert_eq!(skipped(&looked(404).not_run("interrupted")), NotRunReason::Interrupted);
    assert_eq!(skipped(&looked(404).not_run("deadline")), NotRunReason::Deadline);
}

#[test]
fn a_put_asks_not_to_overwrite() {
    let step = only(planned(&looked(404)));
    let plan = request(&step);
    assert_eq!((step.parent, plan.method, plan.path.as_str()), (Some(2), "PUT", "/cosprobe/a b"));
    assert!(plan.headers.contains(&("x-cos-forbid-overwrite", "true")), "{plan:?}");
    assert_eq!(plan.payload, Payload::Content(CANARY_CONTENT));
    assert_eq!(plan.authentication, Authentication::Signed);
}

#[test]
fn a_form_goes_to_the_bucket_and_names_the_key() {
    for (target, path) in [
        (json!({"path": "/other"}), "/"),
        (json!({"role": "path", "path": "/examplebucket-1250000000"}), "/examplebucket-1250000000/"),
    ] {
        let case = asked(target, CanaryMethod::Post).answered(json!({"purpose": "canary_look", "status": 404}));
        let step = only(planned(&case));
        let plan = request(&step);
        assert_eq!((plan.method, plan.path.as_str(), plan.purpose), ("POST", path, Purpose::CanaryWrite));
        let bucket = "examplebucket-1250000000".to_owned();
        assert_eq!(plan.payload, Payload::Form { bucket, key: KEY.to_owned(), content: CANARY_CONTENT });
    }
}

#[test]
fn in_path_style_the_bucket_stands_before_the_key() {
    let target = json!({"role": "path", "path": "/examplebucket-1250000000"});
    let mut case = asked(target, CanaryMethod::Put);
    for (purpose, status) in [("canary_look", 404), ("canary_write", 200), ("canary_read", 200), ("canary_delete", 204)]
    {
        let step = only(planned(&case));
        let plan = request(&step);
        assert_eq!((plan.path.as_str(), plan.purpose.as_str()), ("/examplebucket-1250000000/cosprobe/a b", purpose));
        case = case.answered(json!({"purpose": purpose, "status": status, "body_matches": true}));
    }
    assert_eq!(planned(&case), []);
}

#[test]
fn what_was_written_or_may_have_been_is_read_back() {
    let case = written();
    let step = only(planned(&case));
    let plan = request(&step);
    assert_eq!((step.parent, plan.method, plan.purpose), (Some(3), "GET", Purpose::CanaryRead));
    assert_eq!((plan.path.as_str(), plan.expected_body), ("/cosprobe/a b", Some(CANARY_CONTENT)));
    assert_eq!(next(&unanswered()), Some(Purpose::CanaryRead));
    let unsent = written().but(json!({"outcome": {"status": "failed", "kind": "connection_refused"}}));
    let unsent = unsent.http(|http| (http.send_us, http.status) = (None, None));
    assert_eq!(next(&unsent), None, "what never went out was not written");
    for status in [301, 400, 403, 409, 412, 499] {
        let refused = looked(404).answered(json!({"purpose": "canary_write", "status": status}));
        assert_eq!(next(&refused), None, "{status}");
    }
    for status in [500, 502, 503] {
        let open = looked(404).answered(json!({"purpose": "canary_write", "status": status}));
        assert_eq!(next(&open), Some(Purpose::CanaryRead), "{status}: it may have been written all the same");
    }
    for because in ["object_exists", "absence_unknown", "interrupted", "deadline"] {
        assert_eq!(next(&written().not_run(because)), None, "{because}");
    }
    // The status came, the rest of the answer did not.
    let refused = looked(404).answered(json!({"purpose": "canary_write", "status": 403}));
    let cut = refused.but(json!({"outcome": {"status": "failed", "kind": "response_reset"}}));
    assert_eq!(next(&cut), None);
}

#[test]
fn what_was_written_is_deleted_whatever_was_read() {
    let deleted = |case: &Case| next(case) == Some(Purpose::CanaryDelete);
    assert!(deleted(&read(written(), 200, Some(true))));
    assert!(deleted(&read(written(), 403, None)));
    assert!(deleted(&read(written(), 404, None)));
    assert!(deleted(&read(written(), 200, Some(true)).unanswered()));
    assert!(deleted(&read(written(), 200, Some(true)).not_run("deadline")));
    let step = only(planned(&read(written(), 200, Some(true))));
    assert_eq!(
        (step.parent, request(&step).method, request(&step).path.as_str()),
        (Some(4), "DELETE", "/cosprobe/a b")
    );
}

#[test]
fn what_may_have_been_written_is_deleted_only_when_it_was_read() {
    assert_eq!(next(&read(unanswered(), 200, Some(true))), Some(Purpose::CanaryDelete));
    assert_eq!(next(&read(unanswered(), 200, Some(false))), None, "another's");
    assert_eq!(next(&read(unanswered(), 404, None)), None, "nothing is there");
    assert_eq!(next(&read(unanswered(), 403, None)), None);
    assert_eq!(next(&read(unanswered(), 200, None).unanswered()), None);
    assert_eq!(next(&read(unanswered(), 200, None).not_run("interrupted")), None);
}

#[test]
fn what_something_else_than_cos_says_of_the_write_is_not_believed() {
    for status in [200, 403, 504] {
        let answered = || looked(404).answered(json!({"purpose": "canary_write", "status": status, "headers": []}));
        assert_eq!(next(&answered()), Some(Purpose::CanaryRead), "{status}");
        assert_eq!(next(&read(answered(), 200, Some(true))), Some(Purpose::CanaryDelete), "{status}: it was passed on");
        assert_eq!(next(&read(answered(), 404, None)), None, "{status}");
        assert_eq!(next(&read(answered(), 200, Some(false))), None, "{status}");
    }
}

#[test]
fn anothers_object_is_never_deleted() {
    let tagged = |written: Option<&str>, read_tag: Option<&str>| {
        let headers = |tag: Option<&str>| {
            let mut all = vec![json!({"name": "server", "value": COS})];
            all.extend(tag.map(|tag| json!({"name": "etag", "value": tag})));
            all
        };
        let case = looked(404);
        let case = case.answered(json!({"purpose": "canary_write", "status": 200, "headers": headers(written)}));
        next(&case.answered(json!({"purpose": "canary_read", "status": 200, "body_matches": false,
            "headers": headers(read_tag)})))
    };
    assert_eq!(tagged(Some("\"1\""), Some("\"1\"")), Some(Purpose::CanaryDelete), "changed on the way");
    assert_eq!(tagged(Some("\"1\""), Some("\"2\"")), None);
    assert_eq!(tagged(Some("\"1\""), None), None);
    assert_eq!(tagged(None, Some("\"1\"")), None);
    assert_eq!(tagged(None, None), None);
}

#[test]
fn after_the_delete_nothing_follows() {
    let deleted =
        |status: u16| read(written(), 200, Some(true)).answered(json!({"purpose": "canary_delete", "status": status}));
    assert_eq!(next(&deleted(204)), None);
    assert_eq!(next(&deleted(403)), None);
    assert_eq!(next(&deleted(204).unanswered()), None);
}

#[test]
fn what_was_begun_is_ended_and_what_was_written_is_taken_back() {
    let taken = |case: Case| {
        let step = only(planned(&case));
        (step.must_be_taken(), step.must_end())
    };
    assert_eq!(taken(put()), (false, false), "the look");
    assert_eq!(taken(looked(404)), (false, true), "the write");
    assert_eq!(taken(looked(200)), (false, false), "the write that is skipped");
    assert_eq!(taken(written()), (true, true), "reading back");
    assert_eq!(taken(read(written(), 200, Some(true))), (true, true), "the delete");
}

#[test]
fn each_endpoint_has_a_write_probe_of_its_own() {
    let other = "other-1250000000.cos.ap-guangzhou.myqcloud.com";
    let mut case = Case::of_targets(vec![json!({}), json!({"host": other})]).answered(json!({}));
    case.config.canary = Some(Canary { key: KEY.to_owned(), by: CanaryMethod::Put });
    let case = case.answered(json!({"purpose": "canary_look", "status": 404}));
    let case = case.answered(json!({})).but(json!({"endpoint": other}));
    let steps = planned(&case);
    let of: Vec<_> = steps.iter().map(|step| (step.endpoint.as_deref(), step.peer)).collect();
    let peer = Some(PEER.parse().unwrap());
    assert_eq!(of, [(Some(HOST), peer), (Some(other), peer)]);
}
