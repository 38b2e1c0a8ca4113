//! `serve`, as those see it who ask it: what is answered to what, what is refused, and that it goes on.

mod faults;
mod hostile;
mod howto;
mod load;
pub(crate) mod service;
mod web;

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use crate::support::{RunningLab, signal};
use service::{Service, eventually, lab_module, refusing, silent};

/// A file with one target on loopback.
fn config(port: u16) -> String {
    format!(
        "[labels]\nsite = \"gz-3\"\n\n[[targets]]\ntarget = \"127.0.0.1:{port}\"\nmodule = \"tcp_connect\"\n\
         interval = \"1s\"\nlabels = {{ team = \"data\" }}\n"
    )
}

#[test]
fn every_request_has_its_answer() {
    let listener = silent();
    let port = listener.local_addr().unwrap().port();
    let service = Service::start(&config(port));
    let good = format!("/probe?target=127.0.0.1:{port}&module=tcp_connect");
    let unknown_module = format!("/probe?target=127.0.0.1:{port}&module=none");
    let misnamed = "/probe?target=cos.ap-guangzhou.myqcloud.com&module=tcp_connect&hostname=a.example";
    let absolute = format!("http://cosprobe.example{good}");
    let other_port = format!("/probe?target=127.0.0.1:{}&module=tcp_connect", port ^ 1);
    let huge = format!("/probe?target={}", "a".repeat(20_000));
    let time = |text: &str| format!("X-Prometheus-Scrape-Timeout-Seconds: {text}\r\n");
    let open_metrics = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let rows: &[(&str, &str, String, u16, &str)] = &[
        ("GET", &good, String::new(), 200, "probe_success{site=\"gz-3\"} 1"),
        ("GET", &good, String::new(), 200, "probe_timeout_seconds{site=\"gz-3\"} 10"),
        ("GET", &good, time("3"), 200, "probe_timeout_seconds{site=\"gz-3\"} 2.5"),
        ("GET", &good, time("0.2"), 200, "probe_timeout_seconds{site=\"gz-3\"} 10"),
        ("GET", &good, time("soon"), 400, "a number of seconds"),
        ("GET", &good, time("-1"), 400, "a number of seconds"),
        ("GET", &good, open_metrics.to_owned(), 200, "# EOF"),
        ("GET", &absolute, String::new(), 200, "probe_success{site=\"gz-3\"} 1"),
        ("GET", misnamed, String::new(), 400, "hostname is the name to use for an address"),
        ("GET", "/probe", String::new(), 400, "there is no target"),
        ("GET", "/probe?target=", String::new(), 400, "there is no target"),
        ("GET", &unknown_module, String::new(), 400, "there is no module none: there are"),
        ("POST", &good, String::new(), 405, "does not take the method"),
        ("GET", "/-/reload", String::new(), 405, "does not take the method"),
        ("DELETE", "/metrics", String::new(), 405, "does not take the method"),
        ("GET", "/-/healthy", String::new(), 200, "Healthy"),
        ("HEAD", "/-/healthy", String::new(), 200, ""),
        ("GET", "/config", String::new(), 200, "module = \"tcp_connect\""),
        ("GET", "/", String::new(), 200, "<!DOCTYPE html>"),
        ("GET", "/logs?id=999", String::new(), 404, "no such probe"),
        ("GET", "/nothing", String::new(), 404, "no such page"),
        ("GET", "//probe", String::new(), 404, "no such page"),
        ("GET", "/probe/", String::new(), 404, "no such page"),
        ("GET", "/probe/..", String::new(), 404, "no such page"),
        ("GET", "/%70robe", String::new(), 404, "no such page"),
        ("POST", "/-%2freload", String::new(), 405, "does not take the method"),
        ("GET", &huge, String::new(), 431, ""),
        // What is not in the file is not connected to.
        ("GET", &other_port, String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=169.254.169.254", String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=169.254.0.23:80", String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=http://metadata.tencentyun.com", String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=127.0.0.1", String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=10.0.0.1", String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=10.0.0.1&hostname=cos.ap-guangzhou.myqcloud.com", String::new(), 403, "10.0.0.1"),
        ("GET", "/probe?target=[::1]:80", String::new(), 403, "no target of the configuration"),
        ("GET", "/probe?target=%5B::ffff:127.0.0.1%5D:80", String::new(), 403, "no target of the configuration"),
    ];
    let mut wrong = String::new();
    for (method, path, lines, status, part) in rows {
        let answer = service.request(method, path, lines);
        if answer.status != *status || !answer.body.contains(part) {
            let path: String = path.chars().take(100).collect();
            writeln!(wrong, "{method} {path} {lines}: {status} with {part:?} was due, and it is {answer:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(service.metric("cosprobe_unknown_modules_total", &[]), Some(1.0));
    assert_eq!(service.metric("cosprobe_refused_targets_total", &[]), Some(9.0));
    let metrics = service.request("GET", "/metrics", open_metrics);
    assert!(metrics.body.ends_with("# EOF\n") && metrics.head.contains("application/openmetrics-text"), "{metrics:?}");
    let refused = service.get("/-/reload");
    assert!(refused.head.contains("\nallow: post, put\r"), "{refused:?}");
}

#[test]
fn debug_shows_the_diagnosis_the_metrics_and_the_module() {
    let (port, _taken) = refusing();
    let service = Service::start(&config(port));
    let answer = service.get(&format!("/probe?target=127.0.0.1:{port}&module=tcp_connect&debug=true"));
    assert_eq!(answer.status, 200);
    let blocks =
        ["Logs for the probe:", "TCP001", "Metrics that would have been returned:", "probe_success{site=\"gz-3\"} 0"];
    let mut rest = answer.body.as_str();
    for block in blocks.into_iter().chain(["Module configuration:", "[modules.tcp_connect]", "probe = \"connect\""]) {
        let at = rest.find(block).unwrap_or_else(|| panic!("no {block} in its place: {}", answer.body));
        rest = &rest[at + block.len()..];
    }
}

#[test]
fn a_bad_file_changes_nothing_and_all_its_mistakes_are_told() {
    let listener = silent();
    let port = listener.local_addr().unwrap().port();
    let service = Service::start(&config(port));
    let reloaded = |wanted: f64| {
        eventually("the metric of the reload", || {
            (service.metric("cosprobe_config_last_reload_successful", &[]) == Some(wanted)).then_some(())
        });
    };
    let secret = "fakeFAKEfakeFAKEfakeFAKEfake0001";
    let bad = format!("nonsense = 1\n[modules.own]\nsecret_key = \"{secret}\"\nprobe = \"wrong\"\n");
    std::fs::write(service.file(), bad).unwrap();
    let answer = service.request("POST", "/-/reload", "");
    assert_eq!(answer.status, 500, "{answer:?}");
    for part in ["line 1: ", "line 3: ", "line 4: ", "stays as it was"] {
        assert!(answer.body.contains(part), "{part} in {}", answer.body);
    }
    assert!(!answer.body.contains(secret), "{answer:?}");
    reloaded(0.0);
    assert!(service.get("/config").body.contains("team = \"data\""));
    assert!(!service.get("/config").body.contains(secret));

    // The same by the signal, there and back.
    std::fs::write(service.file(), config(port).replace("gz-3", "gz-4")).unwrap();
    signal("HUP", service.process());
    reloaded(1.0);
    let path = format!("/probe?target=127.0.0.1:{port}&module=tcp_connect");
    assert_eq!(service.get(&path).sample("probe_success", &["site=\"gz-4\""]), Some(1.0));
    std::fs::write(service.file(), "nonsense = 1\n").unwrap();
    signal("HUP", service.process());
    reloaded(0.0);
    assert_eq!(service.get(&path).sample("probe_success", &["site=\"gz-4\""]), Some(1.0));
}

#[test]
fn the_targets_of_the_file_are_probed_before_and_after_a_reload() {
    let listener = silent();
    let port = listener.local_addr().unwrap().port();
    let service = Service::start(&config(port));
    let target = format!("target=\"127.0.0.1:{port}\"");
    let labels = ["site=\"gz-3\"", "team=\"data\"", "module=\"tcp_connect\"", target.as_str()];
    eventually("a series", || service.metric("probe_success", &labels).filter(|value| *value > 0.5));
    assert_eq!(service.request("POST", "/-/reload", "").status, 200);
    assert_eq!(service.metric("probe_success", &labels), Some(1.0), "what is known is kept");
    let before = service.probes();
    eventually("a further probe", || (service.probes() > before).then_some(()));
    let count = service.metric("cosprobe_kernel_rtt_seconds_count", &labels);
    assert!(count.is_some_and(|count| count >= 2.0), "{count:?}");
}

#[test]
fn what_the_objectives_count_is_told_from_the_beginning_and_kept_over_a_reload() {
    let listener = silent();
    let port = listener.local_addr().unwrap().port();
    let (refusing, _taken) = refusing();
    let target = |port: u16, module: &str, interval: &str| {
        format!("[[targets]]\ntarget = '127.0.0.1:{port}'\nmodule = '{module}'\ninterval = '{interval}'\n")
    };
    let module = |name: &str| format!("[modules.{name}]\nprobe = 'connect'\npolicy = '{name}'\n");
    let file = [
        "[policies.promised.slo]\navailability_percent = 99.9\nlatency_percent = 95\nlatency_ms = 60000\n".to_owned(),
        "[policies.planned.slo]\navailability_percent = 99\nwindow_days = 7\n".to_owned(),
        "[[policies.planned.maintenance]]\nfrom = 2020-01-01T00:00:00Z\nto = 2120-01-01T00:00:00Z\n".to_owned(),
        module("promised") + &module("planned"),
        target(port, "promised", "1s") + &target(refusing, "promised", "1s") + &target(refusing, "planned", "1s"),
        target(port, "tcp_connect", "1s") + &target(port ^ 1, "promised", "24h"),
    ];
    let service = Service::start(&file.concat());
    let of = |port: u16| format!("target=\"127.0.0.1:{port}\"");
    let (good, bad, late) = (of(port), of(refusing), of(port ^ 1));
    let (module, availability, latency) = ("module=\"promised\"", "slo=\"availability\"", "slo=\"latency\"");
    let counts = |metrics: &service::Answer, target: &str, module: &str, slo: &str| {
        let count = |name| metrics.sample(name, &[target, module, slo]);
        (count("cosprobe_slo_probes_total"), count("cosprobe_slo_good_probes_total"))
    };
    let some = |counts: (Option<f64>, Option<f64>)| counts.0.is_some_and(|count| count >= 2.0);
    let planned = ["module=\"planned\"", bad.as_str()];
    let metrics = eventually("two probes of each", || {
        let metrics = service.get("/metrics");
        let is_probed = metrics.sample("probe_success", &planned) == Some(0.0);
        let counted = [&good, &bad].iter().all(|target| some(counts(&metrics, target, module, availability)));
        (is_probed && counted).then_some(metrics)
    });
    let (all, successes) = counts(&metrics, &good, module, availability);
    assert_eq!(all, successes, "{metrics:?}");
    assert_eq!(counts(&metrics, &good, module, latency), (all, successes), "{metrics:?}");
    assert_eq!(counts(&metrics, &bad, module, availability).1, Some(0.0), "{metrics:?}");
    // Nobody was connected to, a window is there, or nothing was probed yet.
    let none = (Some(0.0), Some(0.0));
    assert_eq!(counts(&metrics, &bad, module, latency), none, "{metrics:?}");
    assert_eq!(counts(&metrics, &bad, planned[0], availability), none, "{metrics:?}");
    assert_eq!(counts(&metrics, &late, module, availability), none, "{metrics:?}");
    assert_eq!(counts(&metrics, &good, "module=\"tcp_connect\"", availability), (None, None), "{metrics:?}");
    for (slo, words, objective, window) in
        [(availability, module, 0.999, 30.0), (latency, module, 0.95, 30.0), (availability, planned[0], 0.99, 7.0)]
    {
        let value = |name| metrics.sample(name, &[slo, words]);
        assert_eq!(value("cosprobe_slo_objective_ratio"), Some(objective), "{metrics:?}");
        assert_eq!(value("cosprobe_slo_window_seconds"), Some(window * 86_400.0), "{metrics:?}");
    }
    checked_by_promtool(&metrics.body);
    assert_eq!(service.request("POST", "/-/reload", "").status, 200);
    assert!(some(counts(&service.get("/metrics"), &good, module, availability)));
}

#[test]
fn a_target_without_its_key_is_shown_with_the_reason() {
    let listener = silent();
    let port = listener.local_addr().unwrap().port();
    let signing = "[modules.signing]\nprobe = \"head\"\n\n[[targets]]\ntarget = \"examplebucket-1250000000\"\n\
                   region = \"ap-guangzhou\"\nmodule = \"signing\"\ninterval = \"1h\"\n\n";
    let service = Service::start(&format!("{signing}{}", config(port).replace("[labels]\nsite = \"gz-3\"\n\n", "")));
    let metrics = service.get("/metrics");
    let labels = ["module=\"signing\"", "target=\"examplebucket-1250000000\"", "bucket_region=\"ap-guangzhou\""];
    assert_eq!(metrics.sample("probe_success", &labels), Some(0.0), "{metrics:?}");
    assert_eq!(metrics.sample("cosprobe_target_ready", &labels), Some(0.0), "{metrics:?}");
    assert_eq!(metrics.sample("cosprobe_target_ready", &["module=\"tcp_connect\""]), Some(1.0), "{metrics:?}");
    checked_by_promtool(&metrics.body);
    let page = service.get("/").body;
    assert!(page.contains("✗ it cannot be probed: module signing signs and there is no key"), "{page}");
    // What needs no key can be probed.
    let file = std::fs::read_to_string(service.file()).unwrap();
    std::fs::write(service.file(), file.replace("probe = \"head\"", "probe = \"head\"\nanonymous = true")).unwrap();
    assert_eq!(service.request("POST", "/-/reload", "").status, 200);
    assert_eq!(service.metric("cosprobe_target_ready", &labels), Some(1.0));
    assert_eq!(service.metric("probe_success", &labels), None);
}

#[test]
fn behind_a_proxy_paths_and_links_begin_where_they_should() {
    let (url, root) = ("--web.external-url=https://monitor.example/cos/", "--web.route-prefix=/");
    for (flags, begin, link) in [
        (&[url][..], "/cos", "/cos"),
        (&[url, root], "", "/cos"),
        (&["--web.route-prefix", "inner"], "/inner", "/inner"),
        (&[url, "--web.route-prefix=/inner"], "/inner", "/cos"),
        (&[], "", ""),
    ] {
        let service = Service::with("", flags);
        let page = service.get(&format!("{begin}/"));
        assert!(page.status == 200 && page.body.contains(&format!("href=\"{link}/metrics\"")), "{flags:?}: {page:?}");
        for path in ["/metrics", "/config", "/-/healthy"] {
            assert_eq!(service.get(&format!("{begin}{path}")).status, 200, "{flags:?} {path}");
            let without = service.get(path).status;
            assert_eq!(without, if begin.is_empty() { 200 } else { 404 }, "{flags:?} {path}");
        }
        assert_eq!(service.request("POST", &format!("{begin}/-/reload"), "").status, 200);
        if !begin.is_empty() {
            assert_eq!(service.get(&format!("{begin}x/metrics")).status, 404, "{flags:?}");
            for path in ["/", begin] {
                let redirect = service.get(path);
                let is_right = redirect.head.contains(&format!("location: {link}/\r"));
                assert!(redirect.status == 302 && is_right, "{flags:?} {path}: {redirect:?}");
            }
        }
    }
}

#[test]
fn a_bucket_is_checked_in_full() {
    let lab = RunningLab::start("healthy-private");
    let module = format!("{}anonymous = true\n", lab_module(&lab));
    let service = Service::start(&module);
    let answer = service.get(&format!("/probe?target={}&module=lab", lab.host()));
    assert_eq!((answer.status, answer.sample("probe_success", &[])), (200, Some(1.0)), "{answer:?}");
    let samples: [(&str, &[&str], f64); 4] = [
        ("cosprobe_verdict", &["status=\"healthy\""], 1.0),
        ("cosprobe_private_route", &[], 1.0),
        ("probe_ip_protocol", &[], 4.0),
        ("probe_http_ssl", &[], 1.0),
    ];
    for (name, words, value) in samples {
        assert_eq!(answer.sample(name, words), Some(value), "{name} in {}", answer.body);
    }
    assert!(answer.sample("probe_ssl_earliest_cert_expiry", &[]).is_some(), "{}", answer.body);
    checked_by_promtool(&answer.body);
}

#[test]
fn promtool_has_nothing_to_say_against_the_metrics() {
    let listener = silent();
    let service = Service::start(&config(listener.local_addr().unwrap().port()));
    eventually("a series", || service.metric("probe_success", &[]));
    checked_by_promtool(&service.get("/metrics").body);
}

/// Whether a program that a test needs is there; without it the test says so, and fails where that is wanted.
pub(crate) fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let is_required = std::env::var("COSPROBE_LAB").is_ok_and(|value| value == "require");
    assert!(there || !is_required, "COSPROBE_LAB=require, and there is no {program}");
    if !there {
        eprintln!("skipped: there is no {program}");
    }
    there
}

fn checked_by_promtool(metrics: &str) {
    use std::io::Write as _;
    if !is_there("promtool") {
        return;
    }
    let mut command = Command::new("promtool");
    let command =
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{metrics}");
}
