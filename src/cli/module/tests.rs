use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

#[cfg(feature = "lab")]
mod probes;

use super::build::{Built, built, scheduled};
use super::{Module, load};
use crate::cli::key::Chosen;
use crate::config::{Config, Route, When};
use crate::credential::Credential;
use crate::diagnose::Severity;
use crate::evidence::Stage;
use crate::settings::{Mistake, ProbeKind};
use crate::target::{Protocol, Service};

const BUCKET: &str = "examplebucket-1250000000";
const MINUTE: Duration = Duration::from_mins(1);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The modules of a file; no key was looked for.
fn of(text: &str) -> Built {
    built(text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn mistakes(text: &str) -> Vec<String> {
    built(text).err().unwrap_or_default().iter().map(Mistake::to_string).collect()
}

fn config(module: &Module) -> Config {
    module.job_in(BUCKET, Some("ap-guangzhou"), MINUTE).unwrap().config
}

/// A key as it is found.
fn chosen(id: &str, key: &str, expires_at: Option<Timestamp>) -> Chosen {
    let secret_key = SecretString::from(key.to_owned());
    let credential =
        Credential { secret_id: id.to_owned(), secret_key, token: None, expires_at, source: "a test".to_owned() };
    let mut chosen = Chosen::default();
    chosen.credential = Some(credential);
    chosen
}

#[test]
fn what_is_built_in_needs_no_file() {
    let built = of("");
    let kinds: Vec<_> =
        built.modules.values().map(|module| (module.name.as_str(), module.kind, module.signed)).collect();
    assert_eq!(
        kinds,
        [
            ("cos_check", ProbeKind::Check, false),
            ("cos_private", ProbeKind::Check, false),
            ("dns_compare", ProbeKind::Dns, false),
            ("head_anonymous", ProbeKind::Head, false),
            ("head_signed", ProbeKind::Head, true),
            ("http_2xx", ProbeKind::Head, false),
            ("tcp_connect", ProbeKind::Connect, false),
        ]
    );
    let grants =
        |name: &str| built.modules[name].valid_status_codes.as_ref().map(|c| (c.contains(200), c.contains(403)));
    assert_eq!([grants("cos_check"), grants("head_anonymous"), grants("http_2xx")], [None, None, Some((true, false))]);
}

#[test]
fn a_lean_module_sends_little() {
    let built = of("");
    let connect = config(&built.modules["tcp_connect"]);
    let tcp = |port| Service { port, protocol: Protocol::Tcp };
    assert_eq!(connect.targets[0].services, [tcp(80), tcp(443)]);
    for name in ["tcp_connect", "head_anonymous", "http_2xx"] {
        let lean = config(&built.modules[name]);
        assert_eq!(lean.limits.count, 1, "{name}");
        assert_eq!([lean.control, lean.metadata.when, lean.trace_in_check], [When::Never; 3], "{name}");
        assert!(lean.name_servers.system && lean.name_servers.comparison.is_empty(), "{name}");
        assert!(lean.signing.anonymous_only && !lean.stages.contains(&Stage::PathMtu), "{name}");
    }
    let full = config(&built.modules["cos_check"]);
    assert_eq!((full.limits.count, full.control), (5, When::Auto));
    assert!(!full.name_servers.comparison.is_empty() && full.stages == Stage::ALL);
    assert!(config(&built.modules["dns_compare"]).targets[0].services.is_empty());
}

#[test]
fn a_probe_ends_with_the_shorter_time() {
    let built = of("[modules.short]\ntimeout = \"2s\"");
    let deadline = |name: &str, most| {
        built.modules[name]
            .job_in(BUCKET, Some("ap-guangzhou"), Duration::from_secs(most))
            .unwrap()
            .config
            .limits
            .deadline
    };
    assert_eq!(deadline("short", 60), Duration::from_secs(2));
    assert_eq!(deadline("cos_check", 60), Duration::from_secs(10));
    assert_eq!(deadline("cos_check", 1), Duration::from_secs(1));
}

/// Where the mistakes of a file stand in it.
const MARK: &str = "#= ";

#[test]
fn each_mistake_is_told_with_its_line_and_what_was_meant() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        let found = mistakes(&text);
        if std::env::var_os("UPDATE").is_some() {
            let file = text.lines().filter(|line| !line.starts_with(MARK)).map(str::to_owned);
            let lines: Vec<String> = file.chain(found.iter().map(|mistake| format!("{MARK}{mistake}"))).collect();
            text = lines.join("\n") + "\n";
            std::fs::write(&path, &text).unwrap();
        }
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(MARK)).collect();
        assert!(!expected.is_empty(), "{} tells of no mistake", path.display());
        assert_eq!(found, expected, "{}", path.display());
        // Every secret in these files is of these letters.
        assert!(!found.concat().contains("fakeFAKE"), "{}: {found:#?}", path.display());
        seen += 1;
    }
    assert!(seen > 15, "only {seen} files were found");
}

#[test]
fn what_this_machine_lacks_is_told_at_the_key() {
    let found = mistakes("[modules.a]\nregion = \"ap-guangzhou\"\ninterface = \"nosuch0\"\n");
    assert!(
        found[0].starts_with("line 3: modules.a.interface: --interface nosuch0: this machine has no such"),
        "{found:?}"
    );
    let found = mistakes("[modules.a]\ninterface = \"fakeFAKEfakeFAKEfakeFAKEfake0007\"\n");
    assert!(found.len() == 1 && !found[0].contains("fakeFAKE"), "{found:?}");
}

/// The example of the reference.
fn example() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/config.md")).unwrap();
    page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// A document as JSON, for the schema.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Integer(number) => number.as_str().parse::<i64>().unwrap().into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().unwrap().into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => object(table),
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Datetime(moment) => moment.to_string().into(),
    }
}

fn object(table: &DeTable<'_>) -> Value {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect::<Map<_, _>>().into()
}

fn fits_the_schema(text: &str) -> bool {
    let document = object(DeTable::parse(text).unwrap().get_ref());
    jsonschema::validator_for(&serde_json::from_str(&super::schema()).unwrap()).unwrap().is_valid(&document)
}

#[test]
fn the_example_of_the_reference_is_loaded() {
    let text = example();
    let built = of(&text);
    let private = config(&built.modules["cos_private"]);
    assert_eq!((private.limits.count, private.control, private.policy.expect), (3, When::Never, Some(Route::Private)));
    assert_eq!((private.policy.slow_private_rtt_ms, private.policy.slow_public_rtt_ms), (5, 300));
    assert_eq!(built.modules["cos_private"].fail_on, Severity::Warning);
    assert_eq!(built.modules["cos_private"].maintenance.len(), 1);
    let promised = built.modules["cos_private"].slo.unwrap();
    assert_eq!((promised.availability, promised.window.as_secs()), (Some(0.999), 30 * 86_400));
    assert_eq!(promised.latency.map(|latency| (latency.ratio, latency.bound.as_millis())), Some((0.99, 5)));
    let (targets, mistakes) = scheduled(&built.modules, &built.settings.targets, None);
    assert_eq!((targets.len(), mistakes), (3, Vec::new()));
    assert_eq!(targets[1].region.as_deref(), Some("ap-shanghai"));
    let head = &built.modules["head_team"];
    // Its profile was not looked for yet.
    let refusal = head.job_in(&targets[1].target, targets[1].region.as_deref(), MINUTE).unwrap_err().to_string();
    assert!(refusal.starts_with("module head_team signs and there is no key"), "{refusal}");
    assert!(fits_the_schema(&text) && fits_the_schema(super::build::BUILT_IN));
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    for text in [
        "lables = {}",
        "[modules.a]\nregoin = \"x\"",
        "[modules.a]\nanonymous = \"yes\"",
        "[modules.a]\ntries = 3",
        "[modules.a]\nprobe = \"dns\"\nport = 443",
        "[modules.a]\nvalid_status_codes = [\"2xx\"]",
        "[modules.a]\nprobe = \"head\"\nvalid_status_codes = [\"6xx\"]",
        "[modules.a]\ndeadline = \"10s\"",
        "[modules.\"a b\"]",
        "[labels]\njob = \"x\"",
        "[labels]\n__a = \"x\"",
        "[policies.p]\ninsecure = true",
        "[policies.p]\nslow_private_rtt_ms = -1",
        "[[policies.p.maintenance]]\nfrom = 2026-12-01T00:00:00Z",
        "[policies.p]\nslo = 99",
        "[policies.p.slo]\nwindow_days = 30",
        "[policies.p.slo]\navailability_percent = 100",
        "[policies.p.slo]\navailability_percent = 99.9\nwindow_days = 6",
        "[policies.p.slo]\nlatency_percent = 99",
        "[policies.p.slo]\nlatency_percent = 99\nlatency_ms = 1.5",
        "[policies.p.slo]\navailability_percent = 99\nlatency_ms = 50",
        "[[targets]]\nmodule = \"cos_check\"",
        "[[targets]]\ntarget = \"cos.ap-guangzhou.myqcloud.com/?a\"",
    ] {
        assert!(!fits_the_schema(text), "{text}");
        assert!(!mistakes(text).is_empty(), "{text}");
    }
}

#[test]
fn no_variable_changes_a_module() {
    for kind in ProbeKind::TABLE.map(|(kind, _)| kind) {
        let command = super::flags::command(kind);
        assert!(command.get_arguments().all(|argument| argument.get_env().is_none()));
    }
}

#[test]
fn keys_are_shared_by_modules_that_look_for_the_same() {
    let built = of("[modules.a]\nprofile = \"x\"\n[modules.b]\nprofile = \"x\"\n[modules.c]\nprofile = \"y\"\n");
    let key = |name: &str| built.modules[name].key.as_ref().unwrap();
    assert!(Arc::ptr_eq(key("a"), key("b")) && Arc::ptr_eq(key("cos_check"), key("head_signed")));
    assert!(!Arc::ptr_eq(key("a"), key("c")) && !Arc::ptr_eq(key("a"), key("cos_check")));
    assert!(built.modules["dns_compare"].key.is_none());
}

#[test]
fn a_key_that_ends_is_looked_for_again() {
    let built = of("");
    let (signed, key) = (&built.modules["head_signed"], built.modules["head_signed"].key.as_ref().unwrap());
    let job = || signed.job_in(BUCKET, Some("ap-guangzhou"), MINUTE);
    let id = || job().unwrap().credential.unwrap().secret_id;
    let later = |minutes| Some(Timestamp::now() + SignedDuration::from_mins(minutes));
    let take = |id: &str, expires_at| key.take(Ok(chosen(id, "fake", expires_at)));
    assert!(key.is_due() && job().is_err(), "there is none");
    take("first", None).unwrap();
    assert!(!key.is_due() && id() == "first");
    take("second", later(60)).unwrap();
    assert!(!key.is_due() && id() == "second");
    take("third", later(3)).unwrap();
    assert!(key.is_due() && id() == "third");
    assert_eq!(key.take(Err("no answer".to_owned())), Err("no answer".to_owned()));
    key.take(Ok(Chosen::default())).unwrap();
    assert_eq!(id(), "third", "one that is still good stays");
    take("fourth", later(-1)).unwrap();
    key.take(Err("no answer".to_owned())).unwrap_err();
    assert_eq!(job().unwrap_err().to_string(), "no answer");
    assert!(key.is_due() && !built.modules["tcp_connect"].key.as_ref().unwrap().is_due());
}

#[test]
fn a_file_that_cannot_be_used_tells_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cosprobe.toml");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        block_on(load(Some(&path))).unwrap_err()
    };
    let error = refused("a = 1\n[modules.m]\nregoin = 1\n");
    let expected = format!(
        "{} is not a configuration that cosprobe can use: 2 mistakes\n  line 1: a: there is no such key\n  line 3: modules.m.regoin: there is no such key; did you mean region?",
        path.display()
    );
    assert_eq!((error.to_string(), error.exit_code()), (expected, 2));
    assert!(refused("=").to_string().contains("can use: 1 mistake\n  line 1: this is not TOML: "));
    std::fs::remove_file(&path).unwrap();
    let error = block_on(load(Some(&path))).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the configuration "), "{error}");
}
