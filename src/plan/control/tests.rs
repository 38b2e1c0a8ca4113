use serde_json::{Value, json};

use super::*;
use crate::plan::tests::{Case, HOST};

fn hosts(case: &Case) -> Vec<(ControlKind, String)> {
    controls(&case.config).into_iter().map(|control| (control.kind, control.target.host)).collect()
}

#[test]
fn a_bucket_has_four_endpoints_to_compare_with() {
    let host = |text: &str| text.to_owned();
    assert_eq!(
        hosts(&Case::new()),
        [
            (ControlKind::ServiceHost, host("cos.ap-guangzhou.myqcloud.com")),
            (ControlKind::OtherSuffix, host("examplebucket-1250000000.cos.ap-guangzhou.tencentcos.cn")),
            (ControlKind::Internal, host("cos-internal.ap-guangzhou.tencentcos.cn")),
            (ControlKind::OtherRegion, host("cos.ap-shanghai.myqcloud.com")),
        ]
    );
}

#[test]
fn the_suffixes_change_places_and_the_other_region_is_another() {
    let twin = "examplebucket-1250000000.cos.ap-shanghai.tencentcos.cn";
    let case = Case::of(json!({"host": twin, "region": "ap-shanghai"}));
    let hosts = hosts(&case);
    assert_eq!(hosts[0].1, "cos.ap-shanghai.tencentcos.cn");
    assert_eq!(hosts[1].1, "examplebucket-1250000000.cos.ap-shanghai.myqcloud.com");
    assert_eq!(hosts[3].1, "cos.ap-guangzhou.tencentcos.cn");
}

#[test]
fn a_region_that_does_not_exist_has_no_endpoints() {
    let case =
        Case::of(json!({"host": "examplebucket-1250000000.cos.ap-guangzou.myqcloud.com", "region": "ap-guangzou"}));
    assert_eq!(hosts(&case), [(ControlKind::OtherRegion, "cos.ap-guangzhou.myqcloud.com".to_owned())]);
}

/// The hosts that are probed for the control group.
fn probed(case: &Case) -> Vec<String> {
    let mut evidence = case.evidence.clone();
    evidence.controls = controls(&case.config);
    let config = config_for(&case.config, &evidence);
    config.targets.into_iter().map(|target| target.host).collect()
}

#[test]
fn every_target_has_a_whole_group_and_each_host_is_probed_once() {
    let second = json!({"host": "other-1250000000.cos.ap-guangzhou.myqcloud.com", "bucket": "other-1250000000"});
    let both = Case::of_targets(vec![json!({}), second]);
    let kinds = |of: &str| controls(&both.config).iter().filter(|control| control.of == of).count();
    assert_eq!((kinds(HOST), kinds("other-1250000000.cos.ap-guangzhou.myqcloud.com")), (4, 4));
    let twins = ["examplebucket-1250000000", "other-1250000000"].map(|b| format!("{b}.cos.ap-guangzhou.tencentcos.cn"));
    assert_eq!(probed(&both).len(), 5, "two twins, and three hosts in common: {:?}", probed(&both));
    assert!(twins.iter().all(|twin| probed(&both).contains(twin)));
}

#[test]
fn what_is_a_target_already_is_not_probed_again_and_what_is_in_no_region_has_no_group() {
    let service = json!({"host": "cos.ap-guangzhou.myqcloud.com", "role": "service", "bucket": null});
    let both = Case::of_targets(vec![json!({}), service.clone()]);
    assert!(probed(&both).iter().all(|host| host != "cos.ap-guangzhou.myqcloud.com"));
    assert!(hosts(&both).contains(&(ControlKind::ServiceHost, "cos.ap-guangzhou.myqcloud.com".to_owned())));
    assert_eq!(hosts(&Case::of(service))[0].1, "cos.ap-guangzhou.tencentcos.cn", "its twin is a service host too");
    assert_eq!(hosts(&Case::of(json!({"host": "files.example.com", "role": "custom", "region": null}))), vec![]);
}

#[test]
fn ports_where_cos_does_not_answer_are_not_asked() {
    let ports = |services: Value| {
        let case = Case::of(json!({"services": services}));
        let group = controls(&case.config);
        let ports = |control: &Control| control.target.services.iter().map(|service| service.port).collect::<Vec<_>>();
        assert!(group.iter().all(|control| ports(control) == ports(&group[0])));
        ports(&group[0])
    };
    assert_eq!(ports(json!([{"port": 443, "protocol": "https"}])), [443]);
    assert_eq!(ports(json!([{"port": 8443, "protocol": "https"}, {"port": 80, "protocol": "http"}])), [80]);
    assert_eq!(ports(json!([{"port": 8443, "protocol": "tcp"}])), [80, 443]);
}

#[test]
fn the_control_group_gets_no_key_and_little_time() {
    let mut case = Case::new();
    case.config.name_servers.system = true;
    let mut case = case
        .observed("host", &json!({"type": "resolver_configuration", "servers": ["192.0.2.53:53"]}))
        .but(json!({"endpoint": null}));
    case.evidence.controls = controls(&case.config);
    let config = config_for(&case.config, &case.evidence);
    assert_eq!(config.targets.len(), 4);
    assert!(config.signing.anonymous_only && !config.signing.has_credential);
    assert_eq!((config.limits.attempt_timeout, config.limits.count), (ATTEMPT, COUNT));
    assert!(config.name_servers.comparison.is_empty() && config.canary.is_none() && !config.search_regions);
    let servers: Vec<String> = config.name_servers.extra.iter().map(|server| server.address.to_string()).collect();
    assert_eq!((servers, config.name_servers.system), (vec!["192.0.2.53:53".to_owned()], false));
}
