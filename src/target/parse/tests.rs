//! Every form of a target, and every refusal.

use super::*;

fn parse(input: &str) -> Result<Target, String> {
    let defaults = TargetDefaults { region: Some("ap-guangzhou".to_owned()), ..TargetDefaults::default() };
    Target::parse(input, &defaults).map_err(|error| error.to_string())
}

const B: &str = "examplebucket-1250000000";

#[test]
fn every_form_of_a_target() {
    let default_host = format!("{B}.cos.ap-guangzhou.myqcloud.com");
    for (input, host, role, path) in [
        (B.to_owned(), default_host.clone(), EndpointRole::Default, "/"),
        (format!("cos://{B}"), default_host.clone(), EndpointRole::Default, "/"),
        (format!("cos://{B}/dir/a%20b"), default_host.clone(), EndpointRole::Default, "/dir/a b"),
        (default_host.clone(), default_host.clone(), EndpointRole::Default, "/"),
        (format!("https://{default_host}/key?x=1#y"), default_host.clone(), EndpointRole::Default, "/key"),
        (default_host.to_uppercase(), default_host.clone(), EndpointRole::Default, "/"),
        ("ap-shanghai".into(), "cos.ap-shanghai.myqcloud.com".into(), EndpointRole::Service, "/"),
        ("ap-beijing-1".into(), "cos.ap-beijing-1.myqcloud.com".into(), EndpointRole::Service, "/"),
        ("cosgz".into(), "cos.ap-guangzhou.myqcloud.com".into(), EndpointRole::Service, "/"),
        ("files.example.com".into(), "files.example.com".into(), EndpointRole::Custom, "/"),
        ("例え.jp".into(), "xn--r8jz45g.jp".into(), EndpointRole::Custom, "/"),
        ("localhost".into(), "localhost".into(), EndpointRole::Custom, "/"),
        ("192.0.2.7:8080".into(), "192.0.2.7".into(), EndpointRole::Address, "/"),
        ("2001:db8::7".into(), "2001:db8::7".into(), EndpointRole::Address, "/"),
        ("[2001:db8::7]:443".into(), "2001:db8::7".into(), EndpointRole::Address, "/"),
    ] {
        let target = parse(&input).unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!((target.host, target.role, target.path.as_str()), (host, role, path), "{input}");
        assert_eq!(Some(target.input.as_str()), input.split('?').next());
    }
}

#[test]
fn every_documented_host_form() {
    for (host, role, region) in [
        ("B.cos.ap-guangzhou.myqcloud.com", EndpointRole::Default, Some("ap-guangzhou")),
        ("B.cos.ap-guangzhou.tencentcos.cn", EndpointRole::Default, Some("ap-guangzhou")),
        ("cos.ap-guangzhou.myqcloud.com", EndpointRole::Service, Some("ap-guangzhou")),
        ("service.cos.myqcloud.com", EndpointRole::Service, None),
        ("B.cos-website.ap-guangzhou.myqcloud.com", EndpointRole::Website, Some("ap-guangzhou")),
        ("B.cos-website-internal.ap-guangzhou.tencentcos.cn", EndpointRole::WebsiteInternal, Some("ap-guangzhou")),
        ("B.cos.accelerate.myqcloud.com", EndpointRole::Accelerate, None),
        ("B.cos-internal.accelerate.tencentcos.cn", EndpointRole::AccelerateInternal, None),
        ("B.cos-internal.ap-guangzhou.tencentcos.cn", EndpointRole::Internal, Some("ap-guangzhou")),
        ("B.cos-internal.ap-guangzhou.myqcloud.com", EndpointRole::Internal, Some("ap-guangzhou")),
        ("B.cos-dualstack.ap-shanghai.myqcloud.com", EndpointRole::Dualstack, Some("ap-shanghai")),
        ("B.c1.cos-cdc.ap-shanghai.myqcloud.com", EndpointRole::DedicatedCluster, Some("ap-shanghai")),
        ("B.ci.ap-shanghai.myqcloud.com", EndpointRole::DataProcessing, Some("ap-shanghai")),
        ("B.pic.ap-shanghai.myqcloud.com", EndpointRole::DataProcessing, Some("ap-shanghai")),
        ("B.file.myqcloud.com", EndpointRole::Cdn, None),
        ("B.cn-south.myqcloud.com", EndpointRole::Legacy, Some("ap-guangzhou")),
        ("B.cosgz.myqcloud.com", EndpointRole::Legacy, Some("ap-guangzhou")),
    ] {
        let target = parse(&host.replace('B', B)).unwrap_or_else(|error| panic!("{host}: {error}"));
        assert_eq!((target.role, target.region.as_deref()), (role, region), "{host}");
        assert_eq!(target.bucket.as_deref(), host.starts_with("B.").then_some(B), "{host}");
    }
    let path_style = parse(&format!("https://cos.ap-guangzhou.myqcloud.com/{B}/key")).unwrap();
    assert_eq!((path_style.role, path_style.path), (EndpointRole::Path, format!("/{B}/key")));
}

#[test]
fn endpoint_flag_builds_every_role() {
    for (role, word) in crate::target::ROLES {
        let defaults = TargetDefaults { region: Some("gz".to_owned()), role: Some(*role), ..TargetDefaults::default() };
        let target = Target::parse(B, &defaults).unwrap();
        assert_eq!(target.role, *role, "{word}");
        let again = Target::parse(&format!("https://{}{}", target.host, target.path), &TargetDefaults::default());
        assert_eq!(again.unwrap().role, *role, "{word} reads back");
    }
}

#[test]
fn the_bucket_stands_before_the_key_in_path_style() {
    let defaults = TargetDefaults {
        region: Some("ap-guangzhou".to_owned()),
        role: Some(EndpointRole::Path),
        ..TargetDefaults::default()
    };
    let built = Target::parse(&format!("cos://{B}/{B}/x"), &defaults).unwrap();
    assert_eq!(built.path, format!("/{B}/{B}/x"));
    let url = parse(&format!("https://cos.ap-guangzhou.myqcloud.com/{B}")).unwrap();
    assert_eq!((url.path.as_str(), url.asks_for_object()), (format!("/{B}").as_str(), false));
    let object = parse(&format!("https://cos.ap-guangzhou.myqcloud.com/{B}/x")).unwrap();
    assert!(object.asks_for_object());
}

#[test]
fn ports_and_protocols() {
    let services = |input: &str| parse(input).unwrap().services;
    assert_eq!(services(B), vec![Service::customary(80), Service::customary(443)]);
    assert_eq!(services("192.0.2.7:443"), vec![Service::customary(443)]);
    assert_eq!(services("192.0.2.7:8080"), vec![Service { port: 8080, protocol: Protocol::Tcp }]);
    assert_eq!(
        services("HTTPS://h.example:8443?q-signature=x"),
        vec![Service { port: 8443, protocol: Protocol::Https }]
    );
    assert_eq!(services("https://h.example:8443/"), vec![Service { port: 8443, protocol: Protocol::Https }]);
}

#[test]
fn refusals_say_how_it_should_look() {
    for (input, says) in [
        ("", "empty"),
        ("examplebucket", "APPID is missing"),
        ("Example_Bucket-1250000000", "cannot be part of its name"),
        ("-x-1250000000", "begin or end with a dash"),
        ("guangzhou", "did you mean ap-guangzhou"),
        ("ftp://u:pw@x.example/", "http, https or cos"),
        ("https://user:pw@x.example/", "keys come from the sources that `cosprobe credentials` lists"),
        ("x.example:0", "1 to 65535"),
        ("x.example:http", "1 to 65535"),
        ("[2001:db8::7", "IPv6 address in brackets"),
        ("a..b", "not a host name"),
        ("https:///key", "no host"),
        ("cos://examplebucket", "APPID is missing"),
        ("cos://examplebucket-1250000000:80", "no port"),
        ("examplebucket.cos.ap-guangzhou.myqcloud.com", "APPID"),
        ("examplebucket-1250000000.cos.guangzhou.myqcloud.com", "did you mean ap-guangzhou"),
        ("examplebucket-1250000000.cos.ap-guangzhou.myqclod.com", "myqcloud.com"),
    ] {
        let problem = parse(input).expect_err(input);
        assert!(problem.contains(says), "{input}: {problem}");
        assert!(!problem.contains("pw"), "{problem}");
        assert!(!problem.ends_with('.') && !problem.starts_with(char::is_uppercase), "{problem}");
    }
    let no_region = Target::parse(B, &TargetDefaults::default()).unwrap_err().to_string();
    assert!(no_region.contains("--region"), "{no_region}");
}

#[test]
fn only_cos_hosts_may_be_signed() {
    for (input, may) in [
        (B, true),
        ("ap-guangzhou", true),
        ("examplebucket-1250000000.file.myqcloud.com", false),
        ("files.example.com", false),
        ("evil-myqcloud.com", false),
        ("examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com.evil.example", false),
        ("192.0.2.7", false),
    ] {
        assert_eq!(parse(input).unwrap().may_be_signed(), may, "{input}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_authority_is_read_or_refused(text in "[a-z0-9.:/@%\\[\\]-]{0,60}") {
        if let Ok(target) = parse(&text) {
            proptest::prop_assert!(!target.host.is_empty());
            proptest::prop_assert!(target.path.starts_with('/'));
        }
    }
}
