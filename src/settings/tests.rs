use proptest::prelude::*;

use super::{CommandLine, FlagShape, FlagValue, Mistake, ProbeKind, Takes, hidden, masked, read};
use crate::config::{Policy, Route};

/// A command line with one flag of each kind.
fn line() -> CommandLine {
    let shape = |key: &str, takes| FlagShape { key: key.to_owned(), long: key.to_owned(), takes, refusal: None };
    let all = vec![shape("anonymous", Takes::Nothing), shape("region", Takes::One), shape("port", Takes::Many)];
    let seconds =
        |text: &str| text.trim_end_matches('s').parse().map(std::time::Duration::from_secs).map_err(|_| "?".into());
    CommandLine { check: all.clone(), dns: all, modules: vec!["cos_check".to_owned()], duration: seconds }
}

#[test]
fn a_file_becomes_settings() {
    let text = r#"
        labels = { site = "gz-3" }
        [policies.strict]
        expect = "private"
        slow_private_rtt_ms = 5
        [[policies.strict.maintenance]]
        from = 2026-12-01T08:00:00+08:00
        to = "2026-12-01T04:00:00Z"
        [modules.m]
        policy = "strict"
        timeout = 7
        port = [80, "443"]
        anonymous = false
        [[targets]]
        target = " a "
        module = "m"
        interval = "5s"
        labels = { team = "data" }
        [[targets]]
        target = "a"
    "#;
    let (settings, mistakes) = read(text, &line());
    assert_eq!(mistakes, []);
    assert_eq!(settings.labels["site"], "gz-3");
    let module = &settings.modules["m"];
    assert_eq!((module.kind, module.timeout.as_secs()), (ProbeKind::Check, 7));
    let values: Vec<_> = module.flags.iter().map(|flag| (flag.long.as_str(), flag.value.clone())).collect();
    let ports = FlagValue::Values(vec!["80".to_owned(), "443".to_owned()]);
    assert_eq!(values, [("port", ports), ("anonymous", FlagValue::Switch(false))]);
    let policy = module.policy.over(&Policy::default());
    assert_eq!(policy, Policy { expect: Some(Route::Private), slow_private_rtt_ms: 5, ..Policy::default() });
    let window = &module.policy.maintenance[0];
    let contains = |moment: &str| window.contains(moment.parse().unwrap());
    assert_eq!(
        ["2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", "2026-12-01T04:00:00Z"].map(contains),
        [false, true, false]
    );
    let targets = &settings.targets;
    assert_eq!((targets[0].target.0.as_str(), targets[0].interval.as_secs()), ("a", 5));
    assert_eq!((targets[1].module.as_str(), targets[1].interval.as_secs()), ("cos_check", 60));
}

#[test]
fn places_are_counted_in_characters() {
    let (_, mistakes) = read("labels = {}\nx = { 'ü' = 1, b = 2 }\n[modules.m]\n  'ü'.y = 1", &line());
    let spots: Vec<_> = mistakes.iter().map(|m| (m.spot.line, m.spot.column, m.spot.key.as_str())).collect();
    assert_eq!(spots, [(2, 1, "x"), (4, 3, "modules.m.\"ü\"")]);
}

#[test]
fn what_could_be_a_secret_is_not_shown() {
    for (text, expected) in [
        ("a = 1 # AKIDfakeFAKEfake0001", "a = 1\n"),
        ("# a comment\n\n# another\na = '#' # x\nb = \"\\\"#\" # y", "a = '#'\nb = \"\\\"#\"\n"),
        ("id = \"AKIDfakeFAKEfake0001\"", "id = \"****\"\n"),
        ("key = 'fakeFAKEfakeFAKEfakeFAKEfake0003'", "key = '****'\n"),
        (
            "u = \"https://me:pass@sts.example/a\", v = 'http://x@y'",
            "u = \"https://****@sts.example/a\", v = 'http://****@y'\n",
        ),
        ("r = \"https://192.0.2.1/dns-query\"", "r = \"https://192.0.2.1/dns-query\"\n"),
        ("a = 1\n\n\n\nb = 2", "a = 1\n\nb = 2\n"),
    ] {
        assert_eq!(masked(text), expected, "{text}");
    }
    for shown in
        ["examplebucket-1250000000", "exampleobject/0123456789abcdef0123456789abcdef", "AKID", "AkidsOfThisPage"]
    {
        assert_eq!(hidden(shown), shown);
    }
}

/// Pieces of which a file is made, sound and not.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: [&str; 31] = [
        "[modules.a]",
        "[policies.p]",
        "[[targets]]",
        "[labels]",
        "[[policies.p.maintenance]]",
        "[policies.p.slo]",
        "availability_percent = 99.9e9",
        "[modules]",
        "probe = \"head\"",
        "probe = \"dns\"",
        "timeout = ",
        "port = [80, 443]",
        "port = 0x1F",
        "valid_status_codes = [\"2xx\", 99999999999999999999]",
        "policy = \"p\"",
        "expect = \"private\"",
        "from = 2026-12-01T00:00:00Z",
        "to = 1979-05-27",
        "syn_loss_percent = -0b1",
        "target = \"a\"",
        "interval = 1e400",
        "labels = { \"ü\" = 1 }",
        "= 1",
        "[[",
        "\"\"\"",
        "'",
        "\u{0}",
        "\u{feff}",
        "\r\n",
        "\n",
        "a.b.c = inf",
    ];
    prop_oneof![proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), "\\PC{0,12}", Just("\n".to_owned())]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (read(&text, &line()), masked(&text));
    }

    #[test]
    fn any_pieces_are_read_or_refused(pieces in proptest::collection::vec(piece(), 0..30)) {
        let text = pieces.join("\n");
        let (_, mistakes) = read(&text, &line());
        let _ = masked(&text);
        prop_assert!(mistakes.iter().all(|mistake| mistake.spot.line >= 1 && mistake.spot.line <= text.lines().count() + 1));
    }

    #[test]
    fn a_secret_by_mistake_is_in_no_message(
        secret in "AKID[a-z]{6}[A-Z]{6}[0-9]{6}", place in proptest::sample::select(&[
            "SECRET = 1", "\"SECRET\" = 1", "[SECRET]", "[modules.SECRET]\nx = 1", "[modules.\"a SECRET\"]\nprobe = \"x\"", "x = SECRET", "x = \"SECRET",
            "SECRET", "[modules.m]\nprobe = \"SECRET\"", "[modules.m]\npolicy = \"SECRET\"", "[modules.m]\nSECRET.x = 1",
            "[modules.m]\ntimeout = \"SECRET\"", "[[targets]]\nmodule = \"SECRET\"\ntarget = \"x\"", "[labels]\nSECRET = \"x\"",
            "secret_id = \"SECRET\"", "secret_key = SECRET", "[policies.p]\nexpect = \"SECRET\"", "x = 1\nx.SECRET = 1", "SECRET = 1\nSECRET = 2",
        ][..]),
    ) {
        let (_, mistakes) = read(&place.replace("SECRET", &secret), &line());
        let told = mistakes.iter().map(Mistake::to_string).collect::<String>();
        prop_assert!(!told.contains(&secret), "{}", told);
        prop_assert!(!mistakes.is_empty());
    }
}
