//! The network-namespace tier: cosprobe as an unprivileged user in real networks with real faults (`tests/netlab`).
//!
//! A row names a scenario of the lab, the roots that must be found, and the verdict. Every fault must yield its finding and no
//! other root; a healthy network yields none. Where namespaces cannot be made the tests say that they are skipped;
//! `COSPROBE_LAB=require` makes a skip a failure.

mod flows;
mod mtu;
mod path;
mod ping;
mod resolution;
mod sender;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::Value;

const BUCKET: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
const REMOTE_BUCKET: &str = "examplebucket-1250000000.cos.ap-shanghai.myqcloud.com";

/// Declares one test for each scenario: `test_name "scenario" [roots] "status" "route";`, and where it needs them `on TARGET` and
/// `with [FLAGS]`.
macro_rules! scenarios {
    ($($test:ident $scenario:literal [$($root:literal)*] $status:literal $route:literal $(on $target:expr)? $(, with [$($flag:literal)*])?;)+) => {
        $(
            #[test]
            fn $test() {
                #[allow(unused_mut, unused_assignments, reason = "most rows leave the target as it is")]
                let mut target = BUCKET;
                $(target = $target;)?
                let Some(report) = check($scenario, target, &[$($($flag),*)?]) else { return };
                assert_roots($scenario, &report, &[$($root),*]);
                assert_eq!(report["verdict"]["status"], $status, "{}", summary(&report));
                assert_eq!(report["verdict"]["route"], $route, "{}", summary(&report));
            }
        )+

        /// Every scenario of the lab has a row.
        #[test]
        fn every_scenario_has_a_row() {
            if !lab_is_there() { return }
            let listed = netlab(&["list"]).output().expect("python3 runs");
            let listed = String::from_utf8(listed.stdout).expect("the list is text");
            let rows = [$($scenario),+];
            for scenario in listed.lines().filter_map(|line| line.split_whitespace().next()) {
                assert!(rows.contains(&scenario), "scenario {scenario} has no row");
            }
            assert!(!rows.is_empty() && listed.lines().count() > 50, "the list is not empty");
        }
    };
}

scenarios! {
    vpc_private "vpc-private" [] "healthy" "private";
    classic_private "classic-private" [] "healthy" "private";
    cross_region_public "cross-region-public" [] "healthy" "public" on REMOTE_BUCKET;
    isp_normal "isp-normal" [] "healthy" "public";
    dual_stack "dual-stack" [] "healthy" "public";
    high_latency "high-latency" [] "healthy" "public";
    slow_link "slow-link" [] "healthy" "public";
    mtu_reported "mtu-reported" [] "healthy" "public";
    mtu_clamped "mtu-clamped" [] "healthy" "public";
    silent_hops "silent-hops" [] "healthy" "private";
    ecmp "ecmp" [] "healthy" "public";
    icmp_ratelimited "icmp-ratelimited" [] "healthy" "public";
    wrong_resolver "wrong-resolver" ["DNS004"] "degraded" "public";
    stub_resolver "stub-resolver" ["DNS004"] "degraded" "public";
    real_views "real-views" ["DNS004"] "degraded" "public";
    container_dns "container-dns" ["DNS004"] "degraded" "public";
    hosts_override_vpc "hosts-override-vpc" ["HST003"] "degraded" "public";
    public_no_egress "public-no-egress" ["RTE003"] "unreachable" "public" on REMOTE_BUCKET;
    finance_zone "finance-zone" [] "healthy" "public" on REMOTE_BUCKET;
    vpn_route "vpn-route" ["RTE002"] "unreachable" "private";
    private_unrouted "private-unrouted" ["RTE002"] "unreachable" "private";
    metadata_hangs "metadata-hangs" [] "healthy" "private";
    policy_prohibit "policy-prohibit" ["HST005"] "unreachable" "public";
    ports_exhausted "ports-exhausted" ["HST006"] "unreachable" "public";
    answer_doubled "answer-doubled" ["DNS006"] "unreachable" "public";
    dns_intercepted "dns-intercepted" ["DNS006"] "unreachable" "public";
    resolvers_disagree "resolvers-disagree" [] "healthy" "public";
    split_horizon_office "split-horizon-office" [] "healthy" "private";
    many_addresses "many-addresses" [] "healthy" "public";
    long_chain "long-chain" [] "healthy" "public";
    aaaa_timeout "aaaa-timeout" ["DNS002"] "degraded" "public";
    odd_resolv_conf "odd-resolv-conf" [] "healthy" "public";
    nsswitch_dns_only "nsswitch-dns-only" [] "healthy" "public";
    dns_cname "dns-cname" [] "healthy" "public";
    dns_rotate "dns-rotate" [] "healthy" "public";
    dns_truncated "dns-truncated" [] "healthy" "public";
    no_network "no-network" ["HST001"] "unreachable" "unknown";
    no_route "no-route" ["HST001"] "unreachable" "public";
    hosts_override "hosts-override" ["HST003"] "degraded" "public";
    clock_skew "clock-skew" ["HST004"] "degraded" "public";
    clock_skew_small "clock-skew-small" ["HST004"] "degraded" "public";
    dns_nxdomain "dns-nxdomain" ["DNS001"] "unreachable" "unknown";
    dns_timeout "dns-timeout" ["DNS002"] "unreachable" "unknown";
    dns_unreachable "dns-unreachable" ["DNS002"] "unreachable" "unknown";
    two_resolvers_one_dead "two-resolvers-one-dead" ["DNS002"] "degraded" "public";
    dns_tcp_blocked "dns-tcp-blocked" ["DNS010"] "unreachable" "unknown";
    dns_servfail "dns-servfail" ["DNS003"] "unreachable" "unknown";
    dns_refused "dns-refused" ["DNS003"] "unreachable" "unknown";
    sinkhole "sinkhole" ["DNS006"] "unreachable" "unknown";
    fake_ip "fake-ip" ["DNS007"] "unreachable" "unknown";
    dns_slow "dns-slow" ["DNS008"] "degraded" "public";
    nodata "nodata" ["DNS009"] "unreachable" "unknown";
    private_leak "private-leak" ["RTE002"] "unreachable" "private";
    private_classic_unreachable "private-classic-unreachable" ["RTE002"] "unreachable" "private";
    mixed_route "mixed-route" ["RTE004"] "degraded" "mixed";
    all_refused "all-refused" ["TCP001"] "unreachable" "public";
    all_filtered "all-filtered" ["TCP002"] "unreachable" "public";
    local_firewall "local-firewall" ["HST005"] "unreachable" "public";
    local_drop "local-drop" ["HST005"] "unreachable" "public";
    local_drop_443 "local-drop-443" ["HST005"] "degraded" "public";
    local_refusal "local-refusal" ["TCP009"] "degraded" "public";
    host_unreachable "host-unreachable" ["TCP003"] "unreachable" "public";
    net_unreachable "net-unreachable" ["TCP003"] "unreachable" "public";
    routing_loop "routing-loop" ["PTH003"] "unreachable" "public";
    admin_prohibited "admin-prohibited" ["TCP004"] "unreachable" "public";
    host_prohibited "host-prohibited" ["TCP004"] "unreachable" "public";
    loss "loss" ["TCP005"] "degraded" "public";
    syn_loss "syn-loss" ["TCP005"] "degraded" "public";
    syn_loss_random "syn-loss-random" ["TCP005"] "degraded" "public", with ["-c" "40"];
    slow_path "slow-path" ["TCP006"] "degraded" "public";
    slow_private "slow-private" ["TCP006"] "degraded" "private";
    one_address_dead "one-address-dead" ["TCP007"] "degraded" "public";
    one_address_refused "one-address-refused" ["TCP007"] "degraded" "public";
    four_dead_addresses "four-dead-addresses" ["TCP007"] "degraded" "public";
    port80_filtered "port80-filtered" ["TCP008"] "degraded" "public";
    port80_rst "port80-rst" ["TCP008"] "degraded" "public";
    port443_filtered "port443-filtered" ["TCP009"] "degraded" "public";
    port443_rst "port443-rst" ["TCP009"] "degraded" "public";
    ecmp_leg_broken "ecmp-leg-broken" ["TCP010"] "degraded" "public", with ["-c" "20"];
    ecmp_return_broken "ecmp-return-broken" ["TCP010"] "degraded" "public", with ["-c" "40"];
    port443_closed "port443-closed" ["TCP009"] "degraded" "public";
    port443_rst_v6 "port443-rst-v6" ["TCP009"] "degraded" "public";
    ipv6_broken "ipv6-broken" ["TCP011"] "degraded" "public";
    ipv6_refused "ipv6-refused" ["TCP011"] "degraded" "public";
    tls_expired "tls-expired" ["TLS001"] "degraded" "public";
    tls_wrong_name "tls-wrong-name" ["TLS002"] "degraded" "public";
    tls_untrusted "tls-untrusted" ["TLS003"] "degraded" "public";
    tls_reset "tls-reset" ["TLS004"] "degraded" "public";
    tls_reset_by_server "tls-reset-by-server" ["TLS004"] "degraded" "public";
    tls_old "tls-old" ["TLS004"] "degraded" "public";
    tls_stall "tls-stall" ["TLS005"] "degraded" "public";
    mtu_blackhole "mtu-blackhole" ["PTH001"] "degraded" "public";
    mtu_blackhole_v6 "mtu-blackhole-v6" ["PTH001"] "degraded" "public";
    mtu_blackhole_out "mtu-blackhole-out" ["PTH001"] "degraded" "public";
    mtu_blackhole_in "mtu-blackhole-in" ["PTH001"] "degraded" "public";
    tls_plaintext "tls-plaintext" ["TLS008"] "degraded" "public";
    dns_hijack "dns-hijack" ["DNS006"] "unreachable" "public";
    http_hijack "http-hijack" ["PTH004"] "degraded" "public";
    captive_portal "captive-portal" ["PTH004"] "unreachable" "public";
    not_cos "not-cos" ["HTP001"] "unreachable" "public";
    http_503 "http-503" ["HTP004"] "degraded" "public";
    http_drip "http-drip" ["HTP005"] "unreachable" "public";
    http_stall "http-stall" ["HTP005"] "unreachable" "public";
    http_reset "http-reset" ["HTP006"] "unreachable" "public";
    http_reset_on_the_way "http-reset-on-the-way" ["HTP006"] "degraded" "public";
    http_big_headers "http-big-headers" ["HTP006"] "unreachable" "public";
}

#[test]
fn the_router_that_reports_an_error_is_named() {
    for (scenario, kind) in [("admin-prohibited", "admin_prohibited"), ("net-unreachable", "network_unreachable")] {
        let Some(report) = check(scenario, BUCKET, &[]) else { return };
        let observations = report["evidence"].as_array().expect("a list");
        let reported = observations.iter().find(|o| o["outcome"]["kind"] == kind).expect(scenario);
        assert_eq!(reported["outcome"]["from"], "100.64.12.2", "{scenario}");
        let finding = &report["findings"][0]["summary"];
        assert!(finding.as_str().is_some_and(|text| text.contains("100.64.12.2")), "{finding}");
    }
}

#[test]
fn dead_addresses_cost_one_timeout_together() {
    let begun = Instant::now();
    let Some(report) =
        check("four-dead-addresses", BUCKET, &["--timeout", "2", "--control", "never", "--trace", "never"])
    else {
        return;
    };
    let run = run_seconds(&report);
    assert!((2.0..3.0).contains(&run), "three dead addresses took {run} s of {:?}", begun.elapsed());
}

#[test]
fn the_deadline_is_kept_and_what_was_cut_off_says_so() {
    let Some(report) = check("all-filtered", BUCKET, &["--deadline", "800ms"]) else { return };
    let run = run_seconds(&report);
    assert!((0.8..1.0).contains(&run), "the run took {run} s");
    assert_eq!(report["ended_because"], "deadline");
    let observations = report["evidence"].as_array().expect("a list");
    assert!(observations.iter().any(|o| o["outcome"]["because"] == "deadline"));
    assert!(observations.iter().any(|o| o["stage"] == "resolve" && o["outcome"]["status"] == "succeeded"));
}

#[test]
fn an_expected_route_that_is_missed_is_exit_code_4() {
    let Some((code, report)) = run("isp-normal", BUCKET, &["--expect", "private"]) else { return };
    assert_roots("isp-normal", &report, &["RTE005"]);
    assert_eq!(code, Some(4));
}

#[test]
fn a_proxy_that_other_programs_use_is_told_and_one_that_they_do_not_is_not() {
    let proxy = ("https_proxy", "http://user:fakePassword@192.0.2.9:3128");
    let judged = |variables: &[(&str, &str)]| run_with("isp-normal", BUCKET, &[], variables);
    let Some((code, report)) = judged(&[proxy, ("no_proxy", "169.254.0.0/16")]) else { return };
    assert_roots("isp-normal", &report, &["HST002"]);
    assert_eq!((code, &report["verdict"]["status"]), (Some(0), &Value::from("degraded")), "a warning");
    assert!(report.to_string().contains("http://192.0.2.9:3128") && !report.to_string().contains("fakePassword"));
    let long = format!("{}myqcloud.com", "service.namespace.svc.cluster.example,".repeat(20));
    let Some((code, report)) = judged(&[proxy, ("no_proxy", &long)]) else { return };
    assert_roots("isp-normal", &report, &[]);
    assert_eq!((code, &report["verdict"]["status"]), (Some(0), &Value::from("healthy")));
}

#[test]
fn a_lost_syn_is_loss_and_not_latency() {
    let Some(report) = check("syn-loss", BUCKET, &[]) else { return };
    let samples = samples(&report);
    let lost: Vec<_> = samples.iter().filter(|sample| sample["syn_retransmits"].as_u64() > Some(0)).collect();
    assert!(!lost.is_empty());
    for sample in lost {
        assert!(sample["elapsed_us"].as_u64() > Some(900_000), "{sample}");
        assert_eq!(sample["kernel_rtt_us"], Value::Null, "{sample}");
    }
    for address in report["addresses"].as_array().expect("a list") {
        for port in address["ports"].as_array().expect("a list") {
            assert!(port["kernel_rtt_us"]["max"].as_u64().is_none_or(|us| us < 500_000), "{port}");
            assert!(port["connect_us"]["max"].as_u64().is_none_or(|us| us < 900_000), "{port}");
        }
    }
}

/// All samples of all connects.
fn samples(report: &Value) -> Vec<Value> {
    let observations = report["evidence"].as_array().expect("a list");
    let of_tcp = observations.iter().filter(|o| o["detail"]["type"] == "tcp");
    of_tcp.flat_map(|o| o["detail"]["samples"].as_array().expect("samples").clone()).collect()
}

fn run_seconds(report: &Value) -> f64 {
    let at = |field: &str| {
        let text = report[field].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().expect("RFC 3339")
    };
    at("ended_at").duration_since(at("started_at")).as_secs_f64()
}

/// The codes of root findings of severity warning or error, once each.
fn assert_roots(scenario: &str, report: &Value, expected: &[&str]) {
    let findings = report["findings"].as_array().expect("a list");
    let roots = findings.iter().filter(|f| f["caused_by"].is_null() && f["severity"] != "info");
    let mut found: Vec<&str> = roots.filter_map(|f| f["code"].as_str()).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, expected, "{scenario}: {}", summary(report));
}

fn summary(report: &Value) -> String {
    format!("{:#}\n{:#}", report["verdict"], report["findings"])
}

fn check(scenario: &str, target: &str, arguments: &[&str]) -> Option<Value> {
    run(scenario, target, arguments).map(|(_, report)| report)
}

fn run(scenario: &str, target: &str, arguments: &[&str]) -> Option<(Option<i32>, Value)> {
    run_with(scenario, target, arguments, &[])
}

/// Runs a check on the lab's client without privileges, with some variables; `None` where there is no lab.
fn run_with(
    scenario: &str,
    target: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Option<(Option<i32>, Value)> {
    run_command("check", scenario, target, arguments, variables)
}

/// Runs a command that takes a target there.
fn run_command(
    word: &str,
    scenario: &str,
    target: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Option<(Option<i32>, Value)> {
    if !lab_is_there() {
        return None;
    }
    let thread = std::thread::current();
    let name = format!("t{}-{}", std::process::id(), thread.name().unwrap_or("x").replace(':', "-"));
    let name = &name[..name.len().min(40)];
    let mut command = netlab(&["--name", name, "run", scenario, "-u", "--"]);
    command.arg(env!("CARGO_BIN_EXE_cosprobe")).args([word, target, "--format", "json"]).args(arguments);
    // The lab's server judges the time of a signature and not the key.
    command.env("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE").env("COS_SECRET_KEY", "fakeSecretKey");
    command.envs(variables.iter().copied());
    let output = command.output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{scenario}: {error}\n{text}\n{errors}"));
    Some((output.status.code(), report))
}

fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netlab")).args(arguments).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    if let Some(directory) = std::env::var_os("XDG_RUNTIME_DIR") {
        command.env("XDG_RUNTIME_DIR", directory);
    }
    command
}

/// Whether labs can be built here. Without one the tests are skipped, loudly, or fail when the lab is required.
fn lab_is_there() -> bool {
    static PROBLEM: OnceLock<Option<String>> = OnceLock::new();
    let problem = PROBLEM.get_or_init(|| {
        match netlab(&["--name", &format!("t{}-doctor", std::process::id()), "run", "vpc-private", "--", "true"])
            .output()
        {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("python3: {error}")),
        }
    });
    let Some(problem) = problem else { return true };
    let required = std::env::var("COSPROBE_LAB").is_ok_and(|value| value == "require");
    assert!(!required, "COSPROBE_LAB=require, and the network lab cannot be built: {problem}");
    // Not by a macro: the test runner would keep that to itself, and a skip has to be seen.
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a network test");
    writeln!(std::io::stderr(), "skipped {name}: the network lab cannot be built here: {problem}")
        .expect("standard error");
    false
}
