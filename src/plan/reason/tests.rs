use serde_json::json;

use super::super::tests::{Case, HOST, only, request};
use super::*;

fn refused(target: serde_json::Value, authentication: &str, status: u16) -> Vec<Step> {
    let case = Case::of(target).answered(json!({"authentication": authentication, "status": status}));
    steps(&case.evidence)
}

#[test]
fn a_bucket_is_asked_for_one_key_and_an_object_for_one_byte() {
    let max_keys = vec![("max-keys".to_owned(), "1".to_owned())];
    let range = vec![("range", "bytes=0-0")];
    let nothing = (Vec::new(), Vec::new());
    let acceleration = "examplebucket-1250000000.cos.accelerate.myqcloud.com";
    for (role, path, expected) in [
        ("default", "/", (max_keys.clone(), Vec::new())),
        ("internal", "/", (max_keys.clone(), Vec::new())),
        ("path", "/examplebucket-1250000000", (max_keys.clone(), Vec::new())),
        ("path", "/examplebucket-1250000000/", (max_keys, Vec::new())),
        ("path", "/examplebucket-1250000000/k", (Vec::new(), range.clone())),
        ("default", "/k", (Vec::new(), range.clone())),
        ("website", "/k", (Vec::new(), range.clone())),
        ("accelerate", "/k", (Vec::new(), range.clone())),
        ("accelerate", "/", (Vec::new(), range)),
        ("website", "/", nothing.clone()),
        ("service", "/", nothing),
    ] {
        let step = only(refused(json!({"role": role, "path": path}), "signed", 403));
        let plan = request(&step);
        assert_eq!((plan.params.clone(), plan.headers.clone()), expected, "{role} {path}");
        assert_eq!((plan.method, plan.purpose), ("GET", Purpose::Reason));
        let asked = if role == "accelerate" && path == "/" { "/cosprobe-need-not-exist" } else { path };
        assert_eq!((plan.path.as_str(), plan.authentication), (asked, Authentication::Signed));
        assert_eq!((step.parent, plan.host_header.as_str()), (Some(1), HOST), "{acceleration}");
    }
}

#[test]
fn a_refusal_is_asked_about_that_only_a_body_explains() {
    for (role, authentication, status, asked) in [
        ("default", "signed", 400, true),
        ("default", "signed", 403, true),
        ("default", "signed", 404, true),
        ("default", "signed", 503, true),
        ("default", "signed", 399, false),
        ("default", "signed", 301, false),
        ("default", "signed", 200, false),
        // What a private bucket answers is what is expected.
        ("default", "anonymous", 403, false),
        ("website", "anonymous", 403, false),
        ("default", "anonymous", 404, true),
        ("default", "anonymous", 451, true),
        // In path style it may be the form that is refused.
        ("path", "anonymous", 403, true),
        // The object that stands in need not exist; that it may not be asked for has a reason.
        ("accelerate", "signed", 404, false),
        ("accelerate", "anonymous", 404, false),
        ("accelerate", "signed", 400, true),
        ("accelerate", "signed", 403, true),
        ("accelerate", "anonymous", 403, false),
        ("accelerate_internal", "signed", 404, false),
    ] {
        let steps = refused(json!({"role": role}), authentication, status);
        assert_eq!(steps.len(), usize::from(asked), "{role} {authentication} {status}");
    }
    let object = refused(json!({"role": "accelerate", "path": "/k"}), "signed", 404);
    assert_eq!(object.len(), 1, "an object that was named is missed");
}

#[test]
fn each_kind_of_request_is_asked_about_once() {
    let case = Case::new().answered(json!({"status": 404})).answered(json!({"status": 404}));
    let step = only(steps(&case.evidence));
    assert_eq!(step.parent, Some(1), "the first one");
    let case = case.reason("NoSuchBucket", "");
    assert_eq!(steps(&case.evidence), []);
    let case = case.answered(json!({"authentication": "anonymous", "status": 404}));
    let step = only(steps(&case.evidence));
    assert_eq!((step.parent, request(&step).authentication), (Some(4), Authentication::Anonymous));
    let case = case.answered(json!({"authentication": "anonymous", "purpose": "reason"}));
    assert_eq!(steps(&case.evidence), []);
}

#[test]
fn one_of_several_endpoints_is_asked_about_for_itself() {
    let other = "other-1250000000.cos.ap-guangzhou.myqcloud.com";
    let case = Case::of_targets(vec![json!({}), json!({"host": other})]).answered(json!({})).reason("AccessDenied", "");
    let case = case.answered(json!({})).but(json!({"endpoint": other}));
    assert_eq!(only(steps(&case.evidence)).endpoint.as_deref(), Some(other));
}

#[test]
fn only_answers_of_cos_to_the_usual_question_are_followed() {
    for purpose in ["hypothesis", "canary_look", "canary_write", "canary_read", "canary_delete"] {
        let case = Case::new().answered(json!({"purpose": purpose}));
        assert_eq!(steps(&case.evidence), [], "{purpose}");
    }
    let portal = Case::new().answered(json!({"headers": []}));
    assert_eq!(steps(&portal.evidence), []);
    let silent = Case::new().answered(json!({})).unanswered();
    assert_eq!(steps(&silent.evidence), []);
}

#[test]
fn the_get_goes_where_the_head_went() {
    let case = Case::new().answered(json!({"protocol": "http"})).but(json!({"peer": "203.0.113.10:80"}));
    let step = only(steps(&case.evidence));
    let Action::Request(plan) = &step.action else { panic!("{step:?}") };
    assert_eq!((plan.protocol, step.peer.unwrap().port()), (crate::target::Protocol::Http, 80));
}
