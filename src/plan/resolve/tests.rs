use serde_json::{Value, json};

use super::*;
use crate::config::{ConnectTo, NameServers};
use crate::plan::tests::{Case, HOST};

/// Tencent's pair and `DNSPod`'s server to compare with, as a check without a word of the user has them.
fn compared() -> Case {
    let server = |ip: &str, origin| NameServer::plain(format!("{ip}:53").parse().unwrap(), DnsTransport::Udp, origin);
    let mut case = Case::new();
    case.config.name_servers = NameServers {
        system: true,
        comparison: vec![
            server("183.60.83.19", ServerOrigin::TencentVpc),
            server("183.60.82.98", ServerOrigin::TencentVpc),
            server("119.29.29.29", ServerOrigin::Dnspod),
        ],
        ..NameServers::default()
    };
    case
}

/// The machine's own configuration names these servers.
fn system(case: Case, servers: &[&str]) -> Case {
    case.observed("host", &json!({"type": "resolver_configuration", "servers": servers})).but(json!({"endpoint": null}))
}

/// An answer with some addresses.
fn answered(case: Case, server: &str, detail: &Value, addresses: &[&str]) -> Case {
    let records: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    let mut dns = json!({"type": "dns", "name": HOST, "rcode": "NOERROR", "addresses": records});
    dns.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
    case.observed("resolve", &dns).but(json!({"peer": server}))
}

fn asked(steps: &[Step]) -> Vec<(String, bool, bool)> {
    let of_step = |step: &Step| match &step.action {
        Action::Query(question) => Some((step.peer?.to_string(), question.comparison, question.listen)),
        _ => None,
    };
    steps.iter().filter_map(of_step).collect()
}

#[test]
fn the_own_way_is_asked_first_and_the_others_only_to_compare() {
    let case = system(compared(), &["192.0.2.53:53"]);
    let first = first_steps(&case.config, &case.evidence);
    assert!(matches!(first[0].action, Action::LookUp { .. }));
    assert_eq!(asked(&first), vec![("192.0.2.53:53".to_owned(), false, false); 2]);
    let beside = comparison_steps(&case.config, &case.evidence);
    assert_eq!(beside.len(), 6);
    assert!(asked(&beside).iter().all(|(_, comparison, listen)| *comparison && !listen));
}

#[test]
fn a_server_of_the_machine_is_not_asked_twice() {
    let case = system(compared(), &["183.60.83.19:53", "183.60.82.98:53"]);
    let beside = asked(&comparison_steps(&case.config, &case.evidence));
    assert_eq!(beside, vec![("119.29.29.29:53".to_owned(), true, false); 2]);
}

#[test]
fn servers_of_a_vpc_are_asked_unless_the_machine_is_another_maker_s() {
    let of_maker = |case: Case, detail: Value| {
        let case = case.observed("host", &detail).but(json!({"endpoint": null}));
        asked(&comparison_steps(&case.config, &case.evidence)).iter().any(|(peer, ..)| peer.starts_with("183."))
    };
    let other = json!({"type": "machine", "is_tencent_vm": false});
    assert!(of_maker(compared(), json!({"type": "machine", "is_tencent_vm": true})));
    assert!(of_maker(compared(), json!({"type": "machine"})));
    assert!(!of_maker(compared(), other.clone()));
    let mut everywhere = compared();
    everywhere.config.name_servers.vpc_everywhere = true;
    assert!(of_maker(everywhere, other.clone()));
    let told = compared().observed("host", &json!({"type": "metadata", "region": "ap-guangzhou"}));
    assert!(of_maker(told.but(json!({"endpoint": null})), other));
}

#[test]
fn who_compares_everything_listens_outside_and_not_inside() {
    let mut case = system(compared(), &["192.0.2.53:53"]);
    case.config.name_servers.wait_for_comparison = true;
    assert!(asked(&first_steps(&case.config, &case.evidence)).iter().all(|(.., listen)| *listen));
    let inside = case.observed("host", &json!({"type": "metadata", "region": "ap-guangzhou"}));
    let inside = inside.but(json!({"endpoint": null}));
    assert!(asked(&first_steps(&inside.config, &inside.evidence)).iter().all(|(.., listen)| !listen));
}

#[test]
fn tries_are_as_many_questions() {
    let mut case = system(compared(), &["192.0.2.53:53"]);
    case.config.questions.tries = 3;
    assert_eq!(asked(&first_steps(&case.config, &case.evidence)).len(), 6);
}

#[test]
fn answers_that_agree_are_not_looked_at_twice() {
    let same = answered(compared(), "192.0.2.53:53", &json!({}), &["203.0.113.10"]);
    let same = answered(same, "119.29.29.29:53", &json!({"comparison": true}), &["203.0.113.10"]);
    assert_eq!(asked(&comparison_steps(&same.config, &same.evidence)), vec![]);
    let private = answered(compared(), "192.0.2.53:53", &json!({}), &["169.254.0.47"]);
    let private = answered(private, "119.29.29.29:53", &json!({"comparison": true}), &["203.0.113.10"]);
    assert_eq!(asked(&comparison_steps(&private.config, &private.evidence)), vec![], "that is how COS's names are");
}

#[test]
fn answers_that_differ_are_looked_at_again_and_a_decoy_is_asked_once() {
    let differing = || {
        let case = answered(compared(), "192.0.2.53:53", &json!({}), &["198.51.100.66"]);
        answered(case, "119.29.29.29:53", &json!({"comparison": true}), &["203.0.113.10"])
    };
    let case = differing();
    let again = asked(&comparison_steps(&case.config, &case.evidence));
    let at = |peer: &str| (peer.to_owned(), true, true);
    assert_eq!(again, [at("192.0.2.53:53"), at("119.29.29.29:53"), at("203.0.113.10:53")]);
    let taken = answered(differing(), "203.0.113.10:53", &json!({"comparison": true, "origin": "decoy"}), &[]);
    let taken = taken.but(json!({"parent": 1}));
    assert_eq!(asked(&comparison_steps(&taken.config, &taken.evidence)), vec![]);
    let mut elsewhere = differing();
    let to = |host: &str| ConnectTo { host: host.into(), port: None, to: "127.0.0.1".parse().unwrap(), to_port: None };
    elsewhere.config.connect_to = vec![to("203.0.113.10"), to("198.51.100.66")];
    let again = asked(&comparison_steps(&elsewhere.config, &elsewhere.evidence));
    assert_eq!(again.len(), 2, "where connections do not go, questions do not go: {again:?}");
    elsewhere.config.targets[0].services.clear();
    let again = asked(&comparison_steps(&elsewhere.config, &elsewhere.evidence));
    assert_eq!(again.len(), 2, "nor where nothing is connected to: {again:?}");
}

#[test]
fn an_address_where_cos_does_not_answer_is_suspicious() {
    let agreed = |headers: Value| {
        let case = answered(compared(), "192.0.2.53:53", &json!({}), &["203.0.113.10"]);
        let case = answered(case, "119.29.29.29:53", &json!({"comparison": true}), &["203.0.113.10"]);
        let case = case.observed("http_round_trip", &json!({"type": "http", "status": 200, "headers": headers}));
        asked(&comparison_steps(&case.config, &case.evidence)).len()
    };
    assert_eq!(agreed(json!([])), 3);
    assert_eq!(agreed(json!([{"name": "server", "value": "tencent-cos"}])), 0);
}

#[test]
fn a_denied_name_is_suspicious_and_a_silent_server_is_not() {
    let failed = |kind: &str, rcode: Value| {
        let case = answered(compared(), "192.0.2.53:53", &json!({"rcode": rcode}), &[]);
        let case = case.but(json!({"outcome": {"status": "failed", "kind": kind}}));
        let case = answered(case, "119.29.29.29:53", &json!({"comparison": true, "rcode": null}), &[]);
        asked(&comparison_steps(&case.config, &case.evidence)).len()
    };
    assert_eq!(failed("name_not_found", json!("NXDOMAIN")), 1);
    assert_eq!(failed("query_timeout", Value::Null), 0);
}

#[test]
fn an_own_answer_that_is_truncated_is_asked_for_over_tcp_at_once() {
    let follows = |detail: &Value| {
        let case = answered(compared(), "192.0.2.53:53", detail, &[]);
        crate::plan::follow_up(&case.config, &case.evidence.observations[0])
    };
    let step = follows(&json!({"truncated": true, "transport": "udp"})).unwrap();
    let Action::Query(question) = &step.action else { panic!("{step:?}") };
    assert_eq!((step.parent, step.stage), (Some(1), Stage::Resolve));
    assert_eq!((question.server.transport, question.comparison), (DnsTransport::Tcp, false));
    for detail in [
        json!({"truncated": false, "transport": "udp"}),
        json!({"truncated": true, "transport": "tcp"}),
        json!({"truncated": true, "transport": "udp", "comparison": true}),
    ] {
        assert_eq!(follows(&detail), None, "{detail}");
    }
}

#[test]
fn a_truncated_comparison_is_asked_for_over_tcp_where_all_answers_are_wanted() {
    let mut case = answered(compared(), "192.0.2.53:53", &json!({}), &["203.0.113.10"]);
    case = answered(case, "119.29.29.29:53", &json!({"comparison": true, "truncated": true}), &[]);
    assert_eq!(comparison_steps(&case.config, &case.evidence), vec![]);
    case.config.name_servers.wait_for_comparison = true;
    let steps = comparison_steps(&case.config, &case.evidence);
    let [Step { action: Action::Query(question), parent: Some(2), .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((question.server.transport, question.comparison), (DnsTransport::Tcp, true));
}
