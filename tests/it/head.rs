//! `head`: the exchanges in full, the signature doctor, the search for a bucket, and the write probe.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cosprobe::diagnose::Severity;
use cosprobe::evidence::{BucketSearch, Http, Purpose, RequestIdHint};
use cosprobe::report::Report;

use crate::support::{Cosprobe, Ran, RunningLab, run, signal};

/// Codes of the root findings of severity warning or error.
fn roots(report: &Report) -> Vec<&str> {
    let roots = report.findings.iter().filter(|finding| finding.is_root() && finding.severity >= Severity::Warning);
    roots.map(|finding| finding.code.as_str()).collect()
}

fn exchanges(report: &Report, purpose: Purpose) -> Vec<&Http> {
    let all = report.evidence.iter().filter_map(|observation| observation.detail.http());
    all.filter(|http| http.purpose == purpose).collect()
}

/// `head` against a scenario, as a report.
fn head(scenario: &str, further: &[&str]) -> Report {
    let lab = RunningLab::start(scenario);
    let ran = lab.command("head").arguments([lab.target(), "--format=json"]).arguments(further).run();
    assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.stderr);
    ran.report()
}

fn demo(scenario: &str, further: &[&str]) -> Ran {
    run(["demo", scenario].into_iter().chain(further.iter().copied()))
}

#[test]
fn head_shows_both_requests_side_by_side() {
    let lab = RunningLab::start("access-denied");
    let ran = lab.command("head").arguments([lab.target()]).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let text = &ran.stdout;
    for part in [
        "anonymous HEAD",
        "signed HEAD",
        "TCP connect",
        "TLS handshake",
        "first byte",
        "403 Forbidden",
        "tencent-cos",
        "request id of the signed HEAD:",
        "inferred: it arrived",
        "asked why by a GET",
        "Code: AccessDenied",
        "Message: Access Denied.",
        "https://console.cloud.tencent.com/cos/diagnose",
    ] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80 || line.starts_with("degraded")), "{text}");
    assert!(ran.last_line().starts_with("degraded [private route] AUT003"), "{text}");
}

#[test]
fn head_connects_once_and_check_five_times() {
    let samples = |command: &str, further: &[&str]| {
        let lab = RunningLab::start("healthy-private");
        let ran = lab.command(command).arguments([lab.host(), "--format=json"]).arguments(further).run();
        let report = ran.report();
        let tcp = report.evidence.iter().find_map(|observation| observation.detail.tcp()).unwrap();
        tcp.samples.len()
    };
    assert_eq!((samples("head", &[]), samples("check", &[]), samples("head", &["--count=3"])), (1, 5, 3));
}

#[test]
fn every_endpoint_is_asked_what_it_serves() {
    for (scenario, path) in [
        ("healthy-private", "/"),
        ("path-style", "/examplebucket-1250000000"),
        ("website", "/"),
        ("acceleration", "/cosprobe-need-not-exist"),
        ("dual-stack", "/"),
        ("service", "/"),
    ] {
        let report = head(scenario, &[]);
        assert!(roots(&report).is_empty(), "{scenario}: {:?}", report.findings);
        let heads = exchanges(&report, Purpose::Probe);
        assert!(heads.len() >= 2, "{scenario}");
        assert!(heads.iter().all(|http| http.method == "HEAD" && http.path == path), "{scenario}: {heads:?}");
    }
}

#[test]
fn the_doctor_stops_at_the_first_change_that_passes_and_tries_eight_at_most() {
    for (scenario, passes) in [("bad-signature-unexplained", false), ("rewritten-host", true), ("quoted-key", true)] {
        let report = demo(scenario, &["--format=json"]).report();
        let tried = exchanges(&report, Purpose::Hypothesis);
        assert!((1..=8).contains(&tried.len()), "{scenario}: {}", tried.len());
        assert!(tried.iter().all(|http| http.method == "HEAD" && http.hypothesis.is_some()), "{scenario}");
        let accepted: Vec<bool> = tried.iter().map(|http| http.is_accepted()).collect();
        assert_eq!(accepted.last(), Some(&passes), "{scenario}: {accepted:?}");
        assert!(accepted.iter().rev().skip(1).all(|accepted| !accepted), "{scenario}: {accepted:?}");
        assert_eq!(roots(&report), ["AUT001"], "{scenario}");
    }
}

#[test]
fn the_cause_of_a_refusal_is_named_before_what_cos_said() {
    for (scenario, cause) in [
        (
            "bad-signature",
            "does not match: COS signed the same text, so the secret key is not the one of this secret id; 403",
        ),
        ("bad-signature-unexplained", "most likely the secret key is wrong"),
        ("rewritten-host", "something on the way rewrites Host"),
        ("rewritten-host-explained", "the request was changed on the way, header host"),
        ("quoted-key", "without the quotes"),
        ("clock-kills-signature", "takes one that is made with its own time"),
        ("request-expired", "though this machine's clock agrees with COS's; 403"),
        ("unknown-key", "COS does not know the key that is used for examplebucket-1250000000.cos"),
        ("arrears", "the account behind examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com is in arrears: 451"),
        ("path-style-forbidden", "examplebucket-1250000000 may not be addressed in path style: 403"),
        (
            "bucket-elsewhere",
            "COS has no bucket examplebucket-1250000000 in ap-guangzhou, but one of this name is in ap-shanghai; 404",
        ),
    ] {
        let ran = demo(scenario, &[]);
        assert!(ran.last_line().contains(cause), "{scenario}: {ran:?}");
    }
}

#[test]
fn where_the_server_explains_nothing_is_tried() {
    let report = demo("rewritten-host-explained", &["--format=json"]).report();
    assert_eq!(exchanges(&report, Purpose::Hypothesis).len(), 0);
}

#[test]
fn a_bucket_is_looked_for_only_when_asked_to_and_found() {
    let searches = |report: &Report| {
        let searches = report.evidence.iter().filter_map(|observation| observation.detail.bucket_search());
        searches.cloned().collect::<Vec<BucketSearch>>()
    };
    let unasked = head("bucket-elsewhere", &[]);
    assert_eq!(searches(&unasked), []);
    assert!(
        unasked.findings[0].help.iter().any(|line| line.to_string().contains("--search-regions")),
        "{:?}",
        unasked.findings
    );

    let report = head("bucket-elsewhere", &["--search-regions"]);
    let found = searches(&report);
    assert!(found.len() > 20, "{}", found.len());
    let there: Vec<&str> = found.iter().filter(|look| look.is_found()).map(|look| look.region.as_str()).collect();
    assert_eq!(there, ["ap-shanghai"]);
    let id = |look: &BucketSearch| RequestIdHint::decode(look.request_id.as_ref().unwrap());
    assert!(found.iter().all(|look| id(look).is_some()), "the request id is what tells that COS answered: {found:?}");
    assert!(found.iter().all(|look| look.region != "ap-guangzhou"), "it is asked again where it is not");
    assert_eq!(roots(&report), ["BKT001"]);
    let there = "examplebucket-1250000000.cos.ap-shanghai.myqcloud.com, or --region ap-shanghai";
    assert!(report.findings[0].help.iter().any(|line| line.to_string().contains(there)), "{:?}", report.findings);

    let nowhere = head("bucket-not-found", &["--search-regions"]);
    assert_eq!(roots(&nowhere), ["BKT001"]);
}

#[test]
fn a_write_probe_writes_reads_and_deletes() {
    for (flag, method) in [("--put-canary", "PUT"), ("--post-canary", "POST")] {
        for scenario in ["healthy-private", "temporary-key", "path-style", "dual-stack"] {
            let lab = RunningLab::start(scenario);
            let ran = lab.command("head").arguments([lab.target(), flag, "a b/canary+1", "--format=json"]).run();
            let report = ran.report();
            assert_eq!(ran.code, Some(0), "{scenario}: {}", report.verdict.summary);
            let step = |purpose: Purpose| {
                let exchanges = exchanges(&report, purpose);
                assert_eq!(exchanges.len(), 1, "{scenario} {flag} {purpose}");
                exchanges[0].clone()
            };
            assert_eq!(step(Purpose::CanaryLook).status, Some(404), "{scenario}");
            let write = step(Purpose::CanaryWrite);
            assert!(write.method == method && write.status.unwrap() < 300, "{scenario}: {write:?}");
            assert_eq!(step(Purpose::CanaryRead).body_matches, Some(true), "{scenario}");
            assert_eq!(step(Purpose::CanaryDelete).status, Some(204), "{scenario}");
            let calls = lab.stop();
            assert_eq!((calls.writes, calls.deletes), (1, 1), "{scenario} {flag}: {calls:?}");
        }
    }
}

#[test]
fn an_object_that_exists_is_never_overwritten() {
    for flag in ["--put-canary", "--post-canary"] {
        let lab = RunningLab::start("healthy-private");
        let ran = lab.command("head").arguments([lab.host(), flag, "exampleobject", "--format=json"]).run();
        let report = ran.report();
        assert_eq!(roots(&report), ["BKT009"], "{ran:?}");
        assert_eq!(exchanges(&report, Purpose::CanaryDelete).len(), 0);
        let calls = lab.stop();
        assert_eq!((calls.writes, calls.deletes), (0, 0), "{flag}: {calls:?}");
    }
}

#[test]
fn what_goes_wrong_with_a_write_probe_is_said() {
    for flag in ["--put-canary", "--post-canary"] {
        for (scenario, code, words) in [
            ("canary-undeletable", "BKT008", "IS STILL THERE"),
            ("canary-write-denied", "AUT003", "is refused"),
            ("canary-altered", "BKT010", "is not what was written"),
        ] {
            let ran = demo(scenario, &[flag, "cosprobe/canary", "--format=json"]);
            assert_eq!(ran.code, Some(1), "{scenario}: {ran:?}");
            let report = ran.report();
            assert_eq!(roots(&report), [code], "{scenario} {flag}: {:?}", report.findings);
            assert!(
                report.verdict.summary.to_string().contains(words),
                "{scenario} {flag}: {}",
                report.verdict.summary
            );
        }
    }
}

#[test]
fn the_command_that_deletes_what_was_left_behind_takes_any_key() {
    let report = demo("canary-undeletable", &["--put-canary", "it's; $(a)", "--format=json"]).report();
    let command = r"`coscli rm 'cos://examplebucket-1250000000/it'\''s; $(a)'`";
    assert!(
        report.findings[0].help.iter().any(|line| line.to_string().ends_with(command)),
        "{:?}",
        report.findings[0].help
    );
}

#[test]
fn a_write_probe_that_cannot_be_is_refused_before_anything_is_sent() {
    let lab = RunningLab::start("healthy-private");
    for (arguments, named) in [
        (&["--put-canary=x", "--anonymous"][..], "needs a key"),
        (&["--put-canary="], "cannot be the key"),
        (&["--put-canary=a/"], "cannot be the key"),
        (&["--post-canary=a/../b"], "cannot be the key"),
        (&["--put-canary=x", "--via-sts=federation-token"], "give --policy"),
        (&["--post-canary=a\u{7}b"], "cannot be the key"),
        (&["--post-canary=a/${filename}"], "another key"),
        (&["--put-canary=x", "examplebucket-1250000000.cos-dualstack.ap-guangzhou.myqcloud.com"], "the same object"),
        (&["--put-canary=x", "--endpoint=website"], "cannot write to"),
        (&["--put-canary=x", "--endpoint=accelerate"], "cannot write to"),
    ] {
        let ran = lab.command("head").arguments([lab.host()]).arguments(arguments).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(named), "{arguments:?}: {ran:?}");
    }
    let taken = format!("https://{}/x", lab.host());
    let ran = lab.command("head").arguments([taken.as_str(), "--put-canary", "x"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("the very object"), "{ran:?}");
    assert_eq!(lab.stop().connections, 0);
}

/// One request of a client: its first line and its body. `None` at the end of the connection.
fn next_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first.split(" HTTP").next()?.to_owned(), body))
}

/// COS in clear text, as far as a write probe needs it. It holds the answer to the PUT back until it is told to go on, and tells of
/// every request.
fn slow_store() -> (SocketAddr, mpsc::Receiver<String>, mpsc::Sender<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let ((tell, requests), (go_on, wait)) = (mpsc::channel(), mpsc::channel::<()>());
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, tell, wait) = (connection.unwrap(), tell.clone(), wait.clone());
            thread::spawn(move || {
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                let mut connection = connection;
                while let Some((request, _)) = next_request(&mut reader) {
                    // The test may be over.
                    let _ = tell.send(request.clone());
                    let body = "written by cosprobe to see that writing works; it can be deleted\n";
                    let (status, body) = match request.split(' ').next().unwrap() {
                        "PUT" => {
                            wait.lock().unwrap().recv().unwrap();
                            ("200 OK", "")
                        }
                        "GET" => ("200 OK", body),
                        "DELETE" => ("204 No Content", ""),
                        _ if request.ends_with("/canary") => ("404 Not Found", ""),
                        _ => ("200 OK", ""),
                    };
                    let head = "server: tencent-cos\r\nx-cos-request-id: NmIwNDBlYTBfMTAwMTU4NjRfMWEyYl8z";
                    let length = if status.starts_with("204") {
                        String::new()
                    } else {
                        format!("content-length: {}\r\n", body.len())
                    };
                    if write!(connection, "HTTP/1.1 {status}\r\n{head}\r\n{length}\r\n{body}").is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, requests, go_on)
}

#[test]
fn what_was_begun_to_be_written_is_deleted_also_after_an_interrupt() {
    for name in ["INT", "TERM", "HUP"] {
        is_deleted_after(name);
    }
}

fn is_deleted_after(name: &str) {
    let lab = RunningLab::start("healthy-private");
    let (store, requests, go_on) = slow_store();
    let command = Cosprobe::new(["head"]).variable("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE").arguments([
        lab.resolver(),
        &format!("--connect-to=:80:{}:{}", store.ip(), store.port()),
        "--port=80",
        "--sign-over-http",
        "--put-canary=canary",
        "--format=json",
        lab.host(),
    ]);
    let command = command.variable("COS_SECRET_KEY", "fakeSecretKey");
    let mut seen = Vec::new();
    let ran = command.run_with(|process| {
        while let Ok(request) = requests.recv_timeout(Duration::from_secs(20)) {
            let is_write = request.starts_with("PUT");
            seen.push(request);
            if is_write {
                signal(name, process);
                go_on.send(()).unwrap();
                return;
            }
        }
    });
    seen.extend(requests.try_iter());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""), "{name}");
    assert_eq!(seen.last().map(String::as_str), Some("DELETE /canary"), "{seen:?}");
    let report = ran.report();
    assert_eq!(exchanges(&report, Purpose::CanaryDelete)[0].status, Some(204));
}
