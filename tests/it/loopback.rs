//! Every scenario of the lab: a whole check on loopback, in this process, and `demo` through the binary.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cosprobe::cli::demo_job;
use cosprobe::diagnose::{CODES, Severity};
use cosprobe::evidence::{Detail, Observation, Outcome, Stage};
use cosprobe::lab::{Calls, Lab, SCENARIOS, Scenario};
use cosprobe::report::{Ended, FORMATS, Format, Report, Style, View, render};

use crate::accuracy::{Judged, all_of};
use crate::support::{RunningLab, run, runtime, schema_problems};

/// What a check of a scenario came to.
struct Checked {
    report: Report,
    calls: Calls,
    took: Duration,
    deadline: Duration,
    /// What must not be seen anywhere.
    secrets: Vec<String>,
    /// What was given to the check, as `Debug` shows it.
    job: String,
}

fn check(scenario: &Scenario) -> Checked {
    runtime().block_on(async {
        let lab = Lab::start(scenario).await.unwrap();
        let job = demo_job(scenario, &lab).unwrap();
        let (shown, deadline) = (format!("{job:?} {lab:?}"), job.config.limits.deadline);
        let begun = Instant::now();
        let report = cosprobe::check(job.config, job.credential, job.labels, std::future::pending(), |_| {}).await;
        let took = begun.elapsed();
        let secrets = lab.key().into_iter().flat_map(|key| std::iter::once(key.secret_key).chain(key.token));
        let secrets = secrets.map(|secret| secret.trim_matches('"').to_owned()).collect();
        Checked { report: report.unwrap(), calls: lab.calls(), took, deadline, secrets, job: shown }
    })
}

/// Codes of the root findings of severity warning or error, sorted.
fn roots(report: &Report) -> Vec<&str> {
    let roots = report.findings.iter().filter(|finding| finding.is_root() && finding.severity >= Severity::Warning);
    let mut codes: Vec<&str> = roots.map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes
}

fn judge(scenario: &Scenario) -> Judged {
    let checked = check(scenario);
    let report = &checked.report;
    let codes = |codes: &[&str]| {
        let mut codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        codes.sort_unstable();
        codes
    };
    Judged {
        name: scenario.name,
        fault: scenario.summary.to_owned(),
        expected: codes(scenario.roots),
        found: codes(&roots(report)),
        told: Vec::new(),
        status: report.verdict.status.as_str().to_owned(),
        problem: problems(scenario, &checked).join("\n"),
    }
}

/// Collects what is wrong instead of stopping at the first thing, so that one run tells all.
fn problems(scenario: &Scenario, checked: &Checked) -> Vec<String> {
    let report = &checked.report;
    let mut problems = Vec::new();
    let mut expect = |holds: bool, problem: String| {
        if !holds {
            problems.push(format!("{}: {problem}", scenario.name));
        }
    };

    let mut wanted = scenario.roots.to_vec();
    wanted.sort_unstable();
    expect(roots(report) == wanted, format!("the roots are {:?} and not {wanted:?}", roots(report)));
    let status = report.verdict.status.as_str();
    expect(status == scenario.status, format!("the status is {status} and not {}", scenario.status));
    expect(report.ended_because == Ended::Completed, format!("ended because of {:?}", report.ended_because));
    let (took, deadline) = (checked.took, checked.deadline);
    expect(took < deadline + Duration::from_millis(200), format!("took {took:?} of {deadline:?}"));
    for problem in uncalled(checked) {
        expect(false, problem);
    }
    for observation in &report.evidence {
        expect(stays_on_loopback(observation), format!("{observation:?} left loopback"));
    }

    let json = render(report, Format::Json, Style::default());
    let replayed = cosprobe::replay(&json).unwrap();
    expect(replayed.findings == report.findings, format!("replayed, the findings are {:?}", replayed.findings));
    expect(replayed.verdict == report.verdict, format!("replayed, the verdict is {:?}", replayed.verdict));
    expect(render(&replayed, Format::Json, Style::default()) == json, "replayed, the document differs".to_owned());
    for problem in schema_problems(&serde_json::from_str(&json).unwrap()) {
        expect(false, format!("against the schema: {problem}"));
    }
    for problem in unseemly(checked) {
        expect(false, problem);
    }
    problems
}

/// Whether an observation was made without sending anything off loopback.
fn stays_on_loopback(observation: &Observation) -> bool {
    let on_loopback = |address: Option<std::net::SocketAddr>| address.is_some_and(|address| address.ip().is_loopback());
    match &observation.detail {
        _ if !observation.was_run() => true,
        Detail::Dns(_) | Detail::Metadata(_) | Detail::BucketSearch(_) => on_loopback(observation.peer),
        Detail::Tcp(tcp) => on_loopback(tcp.redirected_to),
        Detail::SystemLookup(_) => false,
        // Routes are asked of the kernel, and what follows a connect goes where that one went.
        _ => true,
    }
}

/// A lab that was not called proves nothing.
fn uncalled(checked: &Checked) -> Vec<String> {
    let Checked { report, calls, .. } = checked;
    let mut problems = Vec::new();
    if calls.dns == 0 {
        problems.push("the name server was not asked".to_owned());
    }
    let evidence = || report.evidence.iter();
    let connected = evidence().any(|o| o.stage == Stage::Connect && o.outcome.is_success());
    if connected != (calls.connections > 0) {
        problems.push(format!("connected: {connected}, but the lab counts {calls:?}"));
    }
    let answered = evidence().any(|o| o.detail.http().is_some_and(|http| http.status.is_some()));
    if answered && calls.http + calls.https == 0 {
        problems.push(format!("there are answers, but the lab counts {calls:?}"));
    }
    let refused = report.findings.iter().any(|finding| finding.code.starts_with("AUT") && finding.code != "AUT008");
    if refused && calls.signed == 0 {
        problems.push(format!("a key was refused, but the lab counts {calls:?}"));
    }
    problems
}

/// Secrets, and characters of the network that a terminal would obey.
fn unseemly(checked: &Checked) -> Vec<String> {
    let mut problems = Vec::new();
    let mut renderings = vec![("Debug", format!("{:?} {}", checked.report, checked.job))];
    for (format, word, _) in FORMATS {
        let wide = Style { width: 120, color: true, ..Style::default() };
        for style in [Style::default(), wide, Style { view: View::Exchanges, ..Style::default() }] {
            renderings.push((word, render(&checked.report, *format, style)));
        }
        let plain = render(&checked.report, *format, Style::default());
        if plain.chars().any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)) {
            problems.push(format!("{word} contains control characters"));
        }
    }
    for (word, text) in renderings {
        if checked.secrets.iter().any(|secret| text.contains(secret)) {
            problems.push(format!("{word} contains a secret"));
        }
    }
    problems
}

/// What every scenario came to, in their order. They run once; some only wait, so a few at a time take no longer than the slowest.
pub(crate) fn judged() -> &'static [Judged] {
    static JUDGED: OnceLock<Vec<Judged>> = OnceLock::new();
    JUDGED.get_or_init(|| all_of(SCENARIOS, 8, judge))
}

#[test]
fn every_scenario_comes_to_what_its_row_says() {
    let found: Vec<&str> = judged().iter().map(|row| row.problem.as_str()).filter(|text| !text.is_empty()).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_finding_about_keys_and_buckets_has_a_scenario() {
    let of_keys_or_buckets = |code: &str| code.starts_with("AUT") || code.starts_with("BKT");
    let shown = || SCENARIOS.iter().filter(|scenario| !scenario.hidden);
    for row in CODES.iter().filter(|row| of_keys_or_buckets(row.code) && row.severity >= Severity::Warning) {
        assert!(shown().any(|scenario| scenario.roots.contains(&row.code)), "{} has no scenario", row.code);
    }
}

#[test]
fn comparing_all_answers_of_a_demo_stays_on_loopback() {
    for scenario in SCENARIOS.iter().filter(|scenario| !scenario.others.is_empty()) {
        let report = runtime().block_on(async {
            let lab = Lab::start(scenario).await.unwrap();
            let mut job = demo_job(scenario, &lab).unwrap();
            job.config.targets.iter_mut().for_each(|target| target.services.clear());
            job.config.name_servers.wait_for_comparison = true;
            cosprobe::check(job.config, None, job.labels, std::future::pending(), |_| {}).await.unwrap()
        });
        let asked = |observation: &&Observation| observation.detail.dns().is_some();
        assert!(report.evidence.iter().filter(asked).count() > 2, "{}", scenario.name);
        assert!(report.evidence.iter().all(stays_on_loopback), "{}: {:#?}", scenario.name, report.evidence);
    }
}

#[test]
fn a_check_looks_at_every_address_on_every_port() {
    for name in ["healthy-public", "one-address-dead"] {
        let scenario = cosprobe::lab::find(name).unwrap();
        let report = check(scenario).report;
        let mut peers: Vec<_> = {
            let of_target =
                |o: &&Observation| o.stage == Stage::Connect && o.endpoint.as_deref() == Some(scenario.host());
            report.evidence.iter().filter(of_target).filter_map(|o| o.peer).collect()
        };
        peers.sort();
        let ports = |ip: &std::net::Ipv4Addr| [80, 443].map(|port| (*ip, port).into());
        let mut wanted: Vec<std::net::SocketAddr> = scenario.all_addresses().iter().flat_map(ports).collect();
        wanted.sort();
        assert_eq!(peers, wanted, "{name}");
    }
}

#[test]
fn what_an_earlier_failure_makes_meaningless_is_recorded_as_not_run() {
    let report = check(cosprobe::lab::find("port-443-refused").unwrap()).report;
    let handshakes: Vec<_> = report.evidence.iter().filter(|o| o.stage == Stage::TlsHandshake).collect();
    assert!(!handshakes.is_empty());
    for observation in handshakes {
        assert!(matches!(observation.outcome, Outcome::NotRun { .. }), "{observation:?}");
    }
}

#[test]
fn without_a_key_nothing_is_signed_and_that_is_said() {
    let checked = check(cosprobe::lab::find("no-key").unwrap());
    assert_eq!(checked.calls.signed, 0);
    assert!(checked.report.findings.iter().any(|finding| finding.code == "AUT008"), "{:?}", checked.report.findings);
}

#[test]
fn a_temporary_key_is_sent_with_its_token() {
    let checked = check(cosprobe::lab::find("temporary-key").unwrap());
    let is_signed = |http: &cosprobe::evidence::Http| http.authentication == cosprobe::evidence::Authentication::Signed;
    let statuses = checked.report.evidence.iter().filter_map(|o| o.detail.http()).filter(|http| is_signed(http));
    assert_eq!(statuses.filter_map(|http| http.status).collect::<Vec<_>>(), [200]);
    assert_eq!((checked.calls.signed, checked.calls.signed_by_header), (1, 1));
}

#[test]
fn a_check_of_any_endpoint_only_reads() {
    for name in ["object", "path-style", "website", "custom-domain", "service", "temporary-key", "no-key"] {
        let lab = RunningLab::start(name);
        let ran = lab.check().arguments([lab.target(), "--format", "json"]).run();
        assert_eq!((ran.code, &ran.json()["verdict"]["status"]), (Some(0), &"healthy".into()), "{name}: {ran:?}");
        let (calls, objects) = lab.stop_and_list();
        assert!(calls.http > 0 && calls.https > 0, "{name}: {calls:?}");
        assert_eq!((calls.writes, calls.deletes), (0, 0), "{name}");
        assert_eq!(objects, ["exampleobject", "index.html"], "{name}");
    }
}

#[test]
fn demo_shows_a_healthy_network() {
    let ran = run(["demo"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.last_line().starts_with("healthy"), "{ran:?}");
    assert!(ran.stderr.contains("healthy-private"), "{ran:?}");
}

#[test]
fn the_note_about_403_stands_where_it_is_true() {
    for (scenario, note) in [
        ("healthy-private", Some("403 from COS is what a private bucket answers.")),
        ("service", Some("403 from COS is what the list of buckets answers.")),
        ("path-style-forbidden", None),
        ("public-read", None),
    ] {
        let ran = run(["demo", scenario]);
        let found = ran.stdout.lines().find(|line| line.starts_with("HTTP is an anonymous HEAD"));
        assert_eq!(found.and_then(|line| line.strip_prefix("HTTP is an anonymous HEAD: ")), note, "{scenario}");
    }
}

#[test]
fn where_a_private_address_works_it_is_told_what_may_refuse_it() {
    for (scenario, told) in [("healthy-private", true), ("healthy-public", false), ("port-443-refused", true)] {
        let is_private = run(["demo", scenario]).stdout.contains("  private ");
        assert_eq!(is_private, told, "{scenario}");
        assert_eq!(run(["demo", scenario]).stdout.contains("\nSSRF guards"), told, "{scenario}");
    }
}

#[test]
fn demo_lists_what_is_not_hidden() {
    let ran = run(["demo", "--list"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let listed: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let wanted: Vec<&str> =
        SCENARIOS.iter().filter(|scenario| !scenario.hidden).map(|scenario| scenario.name).collect();
    assert_eq!(listed, wanted);
}

#[test]
fn demo_refuses_what_it_does_not_know() {
    let ran = run(["demo", "nonsense"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("'nonsense'") && ran.stderr.contains("demo --list"), "{ran:?}");
    let near = run(["demo", "heathy-private"]);
    assert!(near.code == Some(2) && near.stderr.contains("did you mean healthy-private"), "{near:?}");
}

#[test]
fn demo_writes_one_json_document() {
    let ran = run(["demo", "bad-signature", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let json = ran.json();
    assert_eq!(json["verdict"]["code"], "AUT001");
    assert_eq!(json["verdict"]["status"], "degraded");
    assert_eq!(json["labels"]["demo"], "bad-signature");
}
