use std::time::Duration;

use super::Module;
use super::build::{Built, built};
use crate::config::{Config, When};
use crate::evidence::Stage;
use crate::settings::{Mistake, ProbeKind};
use crate::target::{Protocol, Service};

const BUCKET: &str = "examplebucket-1250000000";
const MINUTE: Duration = Duration::from_mins(1);

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
