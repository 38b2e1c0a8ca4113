//! One row for each scenario of the lab: the roots that must be found, and no others, and the verdict.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{BUCKET, REMOTE_BUCKET, codes, lab_is_there, netlab, roots, run_seconds, run_with, summary};
use crate::accuracy::{Judged, all_of};

/// A scenario and what it must come to.
struct Row {
    scenario: &'static str,
    roots: &'static [&'static str],
    status: &'static str,
    route: &'static str,
    /// Findings that nothing is wrong with, and that must be told too.
    told: &'static [&'static str],
    target: &'static str,
    flags: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    /// What the flags or variables make of it, in words.
    but: &'static str,
}

const fn row(scenario: &'static str, roots: &'static [&'static str], status: &'static str, route: &'static str) -> Row {
    Row { scenario, roots, status, route, told: &[], target: BUCKET, flags: &[], variables: &[], but: "" }
}

impl Row {
    /// The same for another target.
    const fn on(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    /// The same, with findings that nothing is wrong with.
    const fn telling(self, told: &'static [&'static str]) -> Self {
        Self { told, ..self }
    }

    /// The same with variables, which make something of it.
    const fn given(self, variables: &'static [(&'static str, &'static str)], but: &'static str) -> Self {
        Self { variables, but, ..self }
    }

    /// The same, where flags make something of it.
    const fn but(self, but: &'static str) -> Self {
        Self { but, ..self }
    }

    /// The same with flags.
    const fn with(self, flags: &'static [&'static str]) -> Self {
        Self { flags, ..self }
    }
}

const ROWS: &[Row] = &[
    row("vpc-private", &[], "healthy", "private"),
    row("classic-private", &[], "healthy", "private"),
    row("cross-region-public", &[], "healthy", "public").on(REMOTE_BUCKET).telling(&["RTE001"]),
    row("isp-normal", &[], "healthy", "public"),
    row("dual-stack", &[], "healthy", "public"),
    row("high-latency", &[], "healthy", "public"),
    row("slow-link", &[], "healthy", "public"),
    row("mtu-reported", &[], "healthy", "public"),
    row("mtu-clamped", &[], "healthy", "public"),
    row("silent-hops", &[], "healthy", "private"),
    row("ecmp", &[], "healthy", "public"),
    row("icmp-ratelimited", &[], "healthy", "public"),
    row("wrong-resolver", &["DNS004"], "degraded", "public"),
    row("stub-resolver", &["DNS004"], "degraded", "public"),
    row("real-views", &["DNS004"], "degraded", "public"),
    row("container-dns", &["DNS004"], "degraded", "public"),
    row("hosts-override-vpc", &["HST003"], "degraded", "public"),
    row("public-no-egress", &["RTE003"], "unreachable", "public").on(REMOTE_BUCKET),
    row("finance-zone", &[], "healthy", "public").on(REMOTE_BUCKET).telling(&["RTE008"]),
    row("vpn-route", &["RTE002"], "unreachable", "private"),
    row("private-unrouted", &["RTE002"], "unreachable", "private"),
    row("metadata-hangs", &[], "healthy", "private"),
    row("policy-prohibit", &["HST005"], "unreachable", "public"),
    row("ports-exhausted", &["HST006"], "unreachable", "public"),
    row("answer-doubled", &["DNS006"], "unreachable", "public"),
    row("dns-intercepted", &["DNS006"], "unreachable", "public"),
    row("resolvers-disagree", &[], "healthy", "public").telling(&["DNS005"]),
    row("split-horizon-office", &[], "healthy", "private"),
    row("many-addresses", &[], "healthy", "public"),
    row("long-chain", &[], "healthy", "public"),
    row("aaaa-timeout", &["DNS002"], "degraded", "public"),
    row("odd-resolv-conf", &[], "healthy", "public"),
    row("nsswitch-dns-only", &[], "healthy", "public"),
    row("dns-cname", &[], "healthy", "public"),
    row("dns-rotate", &[], "healthy", "public"),
    row("dns-truncated", &[], "healthy", "public"),
    row("no-network", &["HST001"], "unreachable", "unknown"),
    row("no-route", &["HST001"], "unreachable", "public"),
    row("hosts-override", &["HST003"], "degraded", "public"),
    row("clock-skew", &["HST004"], "degraded", "public"),
    row("clock-skew-small", &["HST004"], "degraded", "public"),
    row("dns-nxdomain", &["DNS001"], "unreachable", "unknown"),
    row("dns-timeout", &["DNS002"], "unreachable", "unknown"),
    row("dns-unreachable", &["DNS002"], "unreachable", "unknown"),
    row("two-resolvers-one-dead", &["DNS002"], "degraded", "public"),
    row("dns-tcp-blocked", &["DNS010"], "unreachable", "unknown"),
    row("dns-servfail", &["DNS003"], "unreachable", "unknown"),
    row("dns-refused", &["DNS003"], "unreachable", "unknown"),
    row("sinkhole", &["DNS006"], "unreachable", "unknown"),
    row("fake-ip", &["DNS007"], "unreachable", "unknown"),
    row("dns-slow", &["DNS008"], "degraded", "public"),
    row("nodata", &["DNS009"], "unreachable", "unknown"),
    row("private-leak", &["RTE002"], "unreachable", "private"),
    row("private-classic-unreachable", &["RTE002"], "unreachable", "private"),
    row("mixed-route", &["RTE004"], "degraded", "mixed"),
    row("all-refused", &["TCP001"], "unreachable", "public"),
    row("all-filtered", &["TCP002"], "unreachable", "public").telling(&["PTH002"]),
    row("local-firewall", &["HST005"], "unreachable", "public"),
    row("local-drop", &["HST005"], "unreachable", "public"),
    row("local-drop-443", &["HST005"], "degraded", "public"),
    row("local-refusal", &["TCP009"], "degraded", "public"),
    row("host-unreachable", &["TCP003"], "unreachable", "public"),
    row("net-unreachable", &["TCP003"], "unreachable", "public"),
    row("routing-loop", &["PTH003"], "unreachable", "public"),
    row("admin-prohibited", &["TCP004"], "unreachable", "public"),
    row("host-prohibited", &["TCP004"], "unreachable", "public"),
    row("loss", &["TCP005"], "degraded", "public"),
    row("syn-loss", &["TCP005"], "degraded", "public"),
    row("syn-loss-random", &["TCP005"], "degraded", "public").with(&["-c", "40"]),
    row("slow-path", &["TCP006"], "degraded", "public"),
    row("slow-private", &["TCP006"], "degraded", "private"),
    row("one-address-dead", &["TCP007"], "degraded", "public"),
    row("one-address-refused", &["TCP007"], "degraded", "public"),
    row("four-dead-addresses", &["TCP007"], "degraded", "public"),
    row("port80-filtered", &["TCP008"], "degraded", "public"),
    row("port80-rst", &["TCP008"], "degraded", "public"),
    row("port443-filtered", &["TCP009"], "degraded", "public"),
    row("port443-rst", &["TCP009"], "degraded", "public"),
    row("ecmp-leg-broken", &["TCP010"], "degraded", "public").with(&["-c", "20", "--timeout", "1"]),
    row("ecmp-return-broken", &["TCP010"], "degraded", "public").with(&["-c", "40", "--timeout", "1"]),
    row("port443-closed", &["TCP009"], "degraded", "public"),
    row("port443-rst-v6", &["TCP009"], "degraded", "public"),
    row("ipv6-broken", &["TCP011"], "degraded", "public"),
    row("ipv6-refused", &["TCP011"], "degraded", "public"),
    row("tls-expired", &["TLS001"], "degraded", "public"),
    row("tls-wrong-name", &["TLS002"], "degraded", "public"),
    row("tls-untrusted", &["TLS003"], "degraded", "public"),
    row("tls-reset", &["TLS004"], "degraded", "public"),
    row("tls-reset-by-server", &["TLS004"], "degraded", "public"),
    row("tls-old", &["TLS004"], "degraded", "public"),
    row("tls-stall", &["TLS005"], "degraded", "public"),
    row("mtu-blackhole", &["PTH001"], "degraded", "public"),
    row("mtu-blackhole-v6", &["PTH001"], "degraded", "public"),
    row("mtu-blackhole-out", &["PTH001"], "degraded", "public"),
    row("mtu-blackhole-in", &["PTH001"], "degraded", "public"),
    row("tls-plaintext", &["TLS008"], "degraded", "public"),
    row("dns-hijack", &["DNS006"], "unreachable", "public"),
    row("http-hijack", &["PTH004"], "degraded", "public"),
    row("captive-portal", &["PTH004"], "unreachable", "public"),
    row("not-cos", &["HTP001"], "unreachable", "public"),
    row("http-503", &["HTP004"], "degraded", "public"),
    row("http-drip", &["HTP005"], "unreachable", "public"),
    row("http-stall", &["HTP005"], "unreachable", "public"),
    row("http-reset", &["HTP006"], "unreachable", "public"),
    row("http-reset-on-the-way", &["HTP006"], "degraded", "public"),
    row("http-big-headers", &["HTP006"], "unreachable", "public"),
    row("nginx", &[], "healthy", "public"),
    row("nginx-default-site", &["HTP001"], "unreachable", "public"),
    row("nginx-chain-incomplete", &["TLS003"], "degraded", "public"),
    row("nginx-name-refused", &["TLS004"], "degraded", "public"),
    row("nginx-client-certificate", &["HTP001"], "degraded", "public"),
    row("nginx-tls-on-80", &["HTP001"], "degraded", "public"),
    row("nginx-old-tls", &["TLS007"], "degraded", "public"),
    row("nginx-bad-gateway", &["HTP001"], "unreachable", "public"),
    row("isp-normal", &["RTE005"], "degraded", "public")
        .with(&["--expect", "private"])
        .but("and the private route is expected"),
    row("isp-normal", &["HST002"], "degraded", "public").given(
        &[("https_proxy", "http://192.0.2.9:3128"), ("no_proxy", "169.254.0.0/16")],
        "and programs go over a proxy to it",
    ),
    row("isp-normal", &[], "healthy", "public").given(
        &[("https_proxy", "http://192.0.2.9:3128"), ("no_proxy", ".myqcloud.com")],
        "and a proxy is named that programs do not use for COS",
    ),
    row("ipv6-only-name", &["HST007"], "unreachable", "public"),
    row("ipv6-only-name", &["HST007"], "unreachable", "public").with(&["-6"]).but("and IPv6 alone is asked for"),
    row("ports-exhausted", &["HST006"], "unreachable", "public")
        .with(&["-p", "443"])
        .but("and port 443 alone is asked for"),
    row("routing-loop", &["PTH003"], "unreachable", "public")
        .with(&["-p", "443"])
        .but("and port 443 alone is asked for"),
    row("all-filtered", &["TCP002"], "unreachable", "public").with(&["-p", "80"]).but("and port 80 alone is asked for"),
    row("public-no-egress", &["RTE003"], "unreachable", "public")
        .on(REMOTE_BUCKET)
        .with(&["--control", "never"])
        .but("and there is no control group"),
    row("wrong-resolver-and-ended-certificate", &["DNS004", "TLS001"], "degraded", "public"),
    row("dead-address-and-dead-resolver", &["DNS002", "TCP007"], "degraded", "public").with(&["--timeout", "2"]),
    row("port80-filtered-and-slow-resolver", &["DNS008", "TCP008"], "degraded", "public"),
    row("clock-skew-and-port443-rst", &["HST004", "TCP009"], "degraded", "public"),
    row("ipv6-broken-and-mtu-blackhole", &["PTH001", "TCP011"], "degraded", "public").with(&["--timeout", "2"]),
    row("blocked-443-and-503", &["HTP004", "TCP009"], "degraded", "public"),
];

/// Rows that run at the same time: most of them wait.
const AT_ONCE: usize = 3;

/// No fault takes longer to be told.
const MOST_SECONDS: f64 = 8.0;

/// What every row came to, in their order; `None` where there is no lab. They run once.
pub(crate) fn judged() -> Option<&'static [Judged]> {
    static JUDGED: OnceLock<Option<Vec<Judged>>> = OnceLock::new();
    JUDGED
        .get_or_init(|| {
            let faults = faults()?;
            Some(all_of(ROWS, AT_ONCE, |row| judge(row, faults.get(row.scenario).map_or("", String::as_str))))
        })
        .as_deref()
}

/// The scenarios of the lab with what they are, in words.
fn faults() -> Option<BTreeMap<String, String>> {
    if !lab_is_there() {
        return None;
    }
    let listed = netlab(&["list"]).output().expect("python3 runs");
    let listed = String::from_utf8(listed.stdout).expect("the list is text");
    let words = |line: &str| line.split_once(' ').map(|(name, what)| (name.to_owned(), what.trim().to_owned()));
    Some(listed.lines().filter_map(words).collect())
}

fn judge(row: &Row, fault: &str) -> Judged {
    let (_, report) = run_with(row.scenario, row.target, row.flags, row.variables).expect("there is a lab");
    let word = |field: &str| report["verdict"][field].as_str().unwrap_or_default().to_owned();
    let (status, route) = (word("status"), word("route"));
    let mut problem = String::new();
    let found: Vec<String> = roots(&report).into_iter().map(str::to_owned).collect();
    let told: Vec<&str> = codes(&report, |finding| finding["severity"] == "info");
    let is_told = row.told.iter().all(|code| told.contains(code));
    if found != row.roots || status != row.status || route != row.route || !is_told {
        problem = format!("{}: {}", row.scenario, summary(&report));
    }
    let seconds = run_seconds(&report);
    if seconds > MOST_SECONDS {
        problem = format!("{}: the run took {seconds} s", row.scenario);
    }
    eprintln!("{}: {seconds:.1} s", row.scenario);
    Judged {
        name: row.scenario,
        fault: if row.but.is_empty() { fault.to_owned() } else { format!("{fault}; {}", row.but) },
        expected: row.roots.iter().map(|code| (*code).to_owned()).collect(),
        found,
        told: row.told.iter().filter(|code| told.contains(*code)).map(|code| (*code).to_owned()).collect(),
        status,
        problem,
    }
}

#[test]
fn every_row_comes_to_its_roots_and_no_others() {
    let Some(judged) = judged() else { return };
    let problems: Vec<&str> = judged.iter().map(|row| row.problem.as_str()).filter(|text| !text.is_empty()).collect();
    assert!(problems.is_empty(), "{} of {} rows:\n{}", problems.len(), judged.len(), problems.join("\n"));
}

#[test]
fn every_scenario_has_a_row() {
    let Some(faults) = faults() else { return };
    let rows: Vec<&str> = ROWS.iter().map(|row| row.scenario).collect();
    let missing: Vec<&String> = faults.keys().filter(|scenario| !rows.contains(&scenario.as_str())).collect();
    assert!(missing.is_empty() && faults.len() > 50, "{missing:?} of {}", faults.len());
}
