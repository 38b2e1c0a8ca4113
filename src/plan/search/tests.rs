use serde_json::{Value, json};

use super::super::tests::{Case, HOST};
use super::*;
use crate::config::Family;
use crate::evidence::DnsTransport;
use crate::evidence::RecordType;
use crate::target::{Protocol, Service};

/// A run whose name was resolved, with a search asked for.
fn resolved(target: Value) -> Case {
    let mut case = Case::of(target).observed("resolve", &answer("udp", &["203.0.113.10"])).but(server("192.0.2.53:53"));
    case.config.search_regions = true;
    case
}

fn answer(transport: &str, addresses: &[&str]) -> Value {
    let addresses: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    json!({"type": "dns", "name": HOST, "transport": transport, "addresses": addresses})
}

fn server(peer: &str) -> Value {
    json!({"peer": peer})
}

fn planned(case: &Case) -> Vec<Step> {
    steps(&case.config, &case.evidence)
}

/// Region and host of each look.
fn looks(steps: &[Step]) -> Vec<(&str, &str)> {
    let look = |step: &Step| matches!(step.action, Action::SearchBucket { .. });
    assert!(steps.iter().all(look), "{steps:?}");
    let read = |step| match step {
        &Step { action: Action::SearchBucket { region, ref host, .. }, .. } => (region, host.as_str()),
        other => panic!("{other:?}"),
    };
    steps.iter().map(read).collect()
}

#[test]
fn a_missing_bucket_is_looked_for_in_every_other_region() {
    let case = resolved(json!({})).reason("NoSuchBucket", "");
    let steps = planned(&case);
    let looks = looks(&steps);
    assert_eq!(looks.len(), REGIONS.len() - 1);
    assert!(looks.iter().all(|(region, _)| *region != "ap-guangzhou"), "not where it was missed");
    for (region, host) in looks {
        assert_eq!(host, format!("examplebucket-1250000000.cos.{region}.myqcloud.com"));
    }
    for step in &steps {
        assert_eq!((step.parent, step.endpoint.as_deref()), (Some(2), Some(HOST)));
        assert_eq!(step.peer, Some("192.0.2.53:53".parse().unwrap()), "the name server that answered");
        let Action::SearchBucket { service, ref server, .. } = step.action else { panic!("{step:?}") };
        assert_eq!((service, server.transport), (Service::customary(443), DnsTransport::Udp));
    }
}

#[test]
fn it_is_looked_for_at_addresses_of_the_family_that_is_used() {
    for (family, wanted) in [(Family::Both, RecordType::A), (Family::V4, RecordType::A), (Family::V6, RecordType::Aaaa)]
    {
        let mut case = resolved(json!({})).reason("NoSuchBucket", "");
        case.config.family = family;
        let steps = planned(&case);
        let is_wanted =
            |step: &Step| matches!(step.action, Action::SearchBucket { record_type, .. } if record_type == wanted);
        assert!(!steps.is_empty() && steps.iter().all(is_wanted), "{family:?}: {steps:?}");
    }
}

#[test]
fn it_is_looked_for_only_when_asked() {
    let mut case = resolved(json!({})).reason("NoSuchBucket", "");
    case.config.search_regions = false;
    assert_eq!(planned(&case), []);
}

#[test]
fn code_or_message_must_say_that_the_bucket_is_missing() {
    for (code, message, searched) in [
        ("NoSuchBucket", "The specified bucket does not exist.", true),
        ("AccessDenied", "NoSuchBucket", true),
        ("NoSuchKey", "The specified key does not exist.", false),
        ("AccessDenied", "Access Denied.", false),
    ] {
        let case = resolved(json!({})).reason(code, message);
        assert_eq!(!planned(&case).is_empty(), searched, "{code} {message}");
    }
    let without_reason = resolved(json!({})).answered(json!({"status": 404}));
    assert_eq!(planned(&without_reason), []);
    let anonymous = json!({"authentication": "anonymous", "purpose": "reason", "error": {"code": "NoSuchBucket"}});
    assert!(!planned(&resolved(json!({})).answered(anonymous)).is_empty(), "whoever asked");
}

#[test]
fn it_is_looked_for_once() {
    let look = json!({"type": "bucket_search", "region": "ap-beijing"});
    let case = resolved(json!({})).reason("NoSuchBucket", "").observed("http_round_trip", &look);
    assert_eq!(planned(&case), []);
    assert_eq!(planned(&case.not_run("deadline")), [], "nor when it was not run");
}

#[test]
fn the_domain_stays_the_same() {
    let host = "examplebucket-1250000000.cos.ap-guangzhou.tencentcos.cn";
    let mut case = resolved(json!({"host": host})).reason("NoSuchBucket", "");
    for observation in &mut case.evidence.observations {
        observation.endpoint = Some(host.to_owned());
    }
    let steps = planned(&case);
    assert!(looks(&steps).contains(&("ap-beijing", "examplebucket-1250000000.cos.ap-beijing.tencentcos.cn")));
}

#[test]
fn a_name_server_that_answered_is_needed() {
    let mut case = Case::new().observed("resolve", &answer("udp", &[])).but(server("192.0.2.1:53"));
    case.config.search_regions = true;
    let unanswered = Case { config: case.config.clone(), evidence: case.evidence.clone() }.reason("NoSuchBucket", "");
    assert_eq!(planned(&unanswered), []);

    let second = case.observed("resolve", &answer("tcp", &["203.0.113.10"])).but(server("192.0.2.2:53"));
    let steps = planned(&second.reason("NoSuchBucket", ""));
    assert_eq!(steps[0].peer, Some("192.0.2.2:53".parse().unwrap()));
    assert!(matches!(&steps[0].action, Action::SearchBucket { server, .. } if server.transport == DnsTransport::Tcp));
}

#[test]
fn a_bucket_of_no_name_is_not_looked_for_and_one_of_no_region_everywhere() {
    let case = resolved(json!({"bucket": null})).reason("NoSuchBucket", "");
    assert_eq!(planned(&case), []);
    let case = resolved(json!({"region": null})).reason("NoSuchBucket", "");
    assert_eq!(planned(&case).len(), REGIONS.len());
}

#[test]
fn it_is_looked_for_over_what_the_refused_request_went_over() {
    let case = resolved(json!({})).reason("NoSuchBucket", "").but(server("203.0.113.10:80"));
    let steps = planned(&case);
    assert!(!steps.is_empty());
    let over = |step: &Step| match step.action {
        Action::SearchBucket { service, .. } => service.protocol,
        _ => Protocol::Unknown,
    };
    assert!(steps.iter().all(|step| over(step) == Protocol::Http));
}
