//! Runs of `check`: exit codes, bounds in time, interruption. Nothing leaves loopback.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use cosprobe::evidence::{FailureKind, NotRunReason, Observation, Outcome, Stage};
use cosprobe::report::{Ended, Report};
use socket2::{Domain, Socket, Type};

use crate::support::{Cosprobe, Ran, RunningLab, interrupt, run};

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A TCP port that swallows every SYN: its queue of one connection is full. It lasts as long as the sockets.
fn silent_port() -> (SocketAddr, Socket, TcpStream) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let filling = TcpStream::connect(address).unwrap();
    (address, socket, filling)
}

/// A UDP port that nobody answers on and nobody else can take: its socket listens to another peer only.
fn closed_udp_port() -> (SocketAddr, UdpSocket) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, 9)).unwrap();
    (socket.local_addr().unwrap(), socket)
}

fn only(report: &Report, stage: Stage) -> &Observation {
    let mut found = report.evidence.iter().filter(|observation| observation.stage == stage);
    let observation = found.next().unwrap();
    assert!(found.next().is_none(), "more than one observation of {stage:?}");
    observation
}

fn is_not_run(outcome: &Outcome, wanted: NotRunReason) -> bool {
    *outcome == Outcome::NotRun { because: wanted }
}

#[test]
fn a_check_through_the_seams_of_users_finds_the_lab_healthy() {
    let lab = RunningLab::start("healthy-private");
    let ran = lab.check().arguments([lab.host(), "--format", "json", "--label", "a=b", "--label", "c=d"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let json = ran.json();
    assert_eq!(json["verdict"]["status"], "healthy");
    assert_eq!(json["verdict"]["route"], "private");
    assert_eq!(json["labels"], serde_json::json!({"a": "b", "c": "d"}));
    assert_eq!(json["ended_because"], "completed");
}

#[test]
fn the_region_can_be_set_by_a_variable() {
    let lab = RunningLab::start("healthy-private");
    let bucket = "examplebucket-1250000000";
    let ran = lab.check().arguments([bucket, "--format=json"]).variable("COSPROBE_REGION", "ap-guangzhou").run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.report();
    assert_eq!((report.targets[0].host.as_str(), report.targets[0].input.as_str()), (lab.host(), bucket));
}

#[test]
fn a_region_that_is_not_known_is_hinted_at_and_checked_all_the_same() {
    let lab = RunningLab::start("name-not-found");
    let arguments = ["examplebucket-1250000000", "--region=ap-guangzou"];
    let ran = lab.check().arguments(arguments).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with("hint: ") && ran.stderr.contains("did you mean ap-guangzhou?"), "{ran:?}");
    assert!(ran.last_line().contains("DNS001"), "{ran:?}");
    let quiet = lab.check().arguments(arguments).arguments(["--quiet"]).run();
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(1), "", ""));
}

#[test]
fn without_a_key_only_anonymous_requests_are_sent() {
    let lab = RunningLab::start("healthy-private");
    for further in [&[][..], &["--anonymous"]] {
        let check = lab.check().variable("COS_SECRET_ID", "").variable("COS_SECRET_KEY", "");
        let ran = check.arguments([lab.host(), "--format", "json"]).arguments(further).run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let report = ran.report();
        let told = report.findings.iter().any(|finding| finding.code == "AUT008");
        assert_eq!(told, further.is_empty(), "{:?}", report.findings);
    }
}

#[test]
fn an_expectation_that_is_missed_has_its_own_exit_code() {
    let lab = RunningLab::start("healthy-private");
    let missed = lab.check().arguments([lab.host(), "--expect", "public"]).run();
    assert_eq!(missed.code, Some(4), "{missed:?}");
    assert!(missed.stdout.contains("RTE005"), "{missed:?}");
    let met = lab.check().arguments([lab.host(), "--expect", "private"]).run();
    assert_eq!(met.code, Some(0), "{met:?}");
}

#[test]
fn other_findings_go_before_a_missed_expectation() {
    let lab = RunningLab::start("bad-signature");
    let ran = lab.check().arguments([lab.host(), "--expect", "public"]).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("RTE005") && ran.stdout.contains("AUT001"), "{ran:?}");
}

#[test]
fn warnings_fail_only_when_asked_to() {
    let plain = run(["demo", "mixed-route"]);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(plain.last_line().starts_with("degraded"), "{plain:?}");
    let strict = run(["demo", "mixed-route", "--fail-on", "warning"]);
    assert_eq!(strict.code, Some(1), "{strict:?}");
    assert!(strict.last_line().starts_with("degraded"), "{strict:?}");
}

#[test]
fn an_interrupted_run_reports_what_was_measured() {
    let (listener, server) = listener();
    let to = format!("--connect-to=127.0.0.1:80:127.0.0.1:{}", server.port());
    // Without the signal it would take longer than any test may.
    let check = Cosprobe::new(["check", "127.0.0.1", "--port=80", "--count=3", "--timeout=5m", "--deadline=5m"]);
    let ran = check.arguments([&to, "--format=json"]).run_with(|process| {
        // The server takes connections, reads the first request, and never answers.
        loop {
            let (mut connection, _) = listener.accept().unwrap();
            if connection.read(&mut [0; 1]).unwrap_or(0) > 0 {
                interrupt(process);
                // The connection stays open until the run has ended.
                thread::spawn(move || connection.read_to_end(&mut Vec::new()));
                break;
            }
        }
    });
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let report = ran.report();
    assert_eq!(report.ended_because, Ended::Interrupted);
    let connect = only(&report, Stage::Connect);
    let samples = &connect.detail.tcp().unwrap().samples;
    assert!(connect.outcome.is_success() && samples.len() == 3, "{connect:?}");
    assert!(samples.iter().all(|sample| sample.outcome.is_success() && sample.elapsed_us.is_some()), "{samples:?}");
    let request = report.evidence.iter().find(|o| o.stage == Stage::HttpRoundTrip).unwrap();
    assert!(is_not_run(&request.outcome, NotRunReason::Interrupted), "{request:?}");
}

#[test]
fn an_interrupted_run_says_so_in_the_table_too() {
    let (silent, _queue, _filling) = silent_port();
    let (open, server) = listener();
    let targets = [format!("http://127.0.0.1:{}", server.port()), silent.to_string()];
    let check = Cosprobe::new(["check", "--timeout=5m", "--deadline=5m"]).arguments(&targets);
    let mut connection = None;
    let ran = check.run_with(|process| {
        // A connection shows that the run goes on, and the silent port keeps it from ending.
        connection = Some(open.accept().unwrap());
        interrupt(process);
    });
    drop(connection);
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.stdout.contains("interrupted"), "{ran:?}");
}

#[test]
fn a_deadline_is_kept_and_what_it_cut_off_is_recorded() {
    let (silent, _queue, _filling) = silent_port();
    let begun = Instant::now();
    let ran = Cosprobe::new(["check", &silent.to_string(), "--deadline=500ms", "--timeout=1m", "--format=json"]).run();
    let took = begun.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_secs(5)).contains(&took), "{took:?}");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.report();
    assert_eq!(report.ended_because, Ended::Deadline);
    assert_eq!(report.verdict.status.as_str(), "inconclusive");
    let connect = only(&report, Stage::Connect);
    assert!(is_not_run(&connect.outcome, NotRunReason::Deadline), "{connect:?}");
    let measured = report.ended_at.duration_since(report.started_at);
    assert!(measured.as_millis() < 700, "{measured:?}");
}

#[test]
fn a_port_that_swallows_everything_is_filtered() {
    let (silent, _queue, _filling) = silent_port();
    let ran = Cosprobe::new(["check", &silent.to_string(), "--timeout=300ms", "--format=json"]).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.report();
    assert_eq!(report.verdict.code.as_deref(), Some("TCP002"), "{:?}", report.findings);
    let connect = only(&report, Stage::Connect);
    assert_eq!(connect.outcome.failure(), Some(FailureKind::ConnectTimeout));
}

/// A check of a server that ends every connection as soon as it has taken it.
fn check_of_a_server_that_hangs_up(linger: Option<Duration>) -> Ran {
    let (listener, server) = listener();
    thread::spawn(move || {
        for connection in listener.incoming() {
            Socket::from(connection.unwrap()).set_linger(linger).unwrap();
        }
    });
    // Paced connects, so that the end often comes before cosprobe has looked at the connection.
    Cosprobe::new(["check", &server.to_string(), "--count=100", "--timeout=1", "--deadline=5", "--format=json"]).run()
}

fn assert_every_connect_succeeded(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.report();
    assert_eq!(report.ended_because, Ended::Completed);
    let samples = &only(&report, Stage::Connect).detail.tcp().unwrap().samples;
    let failed: Vec<_> = samples.iter().filter(|sample| !sample.outcome.is_success()).collect();
    assert!(samples.len() == 100 && failed.is_empty(), "{failed:?}");
}

#[test]
fn a_server_that_closes_at_once_was_reached() {
    assert_every_connect_succeeded(&check_of_a_server_that_hangs_up(None));
}

#[test]
fn a_server_that_resets_at_once_was_reached() {
    // No time to linger makes close() send RST.
    assert_every_connect_succeeded(&check_of_a_server_that_hangs_up(Some(Duration::ZERO)));
}

#[test]
fn a_name_server_that_is_not_there_is_found_at_once() {
    let (closed, _socket) = closed_udp_port();
    let begun = Instant::now();
    let host = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
    let ran = Cosprobe::new(["check", host, "--resolver", &closed.to_string(), "--timeout=20"]).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.last_line().starts_with("unreachable") && ran.last_line().contains("DNS002"), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn two_targets_are_checked_in_one_run() {
    let (_open, server) = listener();
    let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    other.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)).into()).unwrap();
    let refusing = other.local_addr().unwrap().as_socket().unwrap();

    let ran = Cosprobe::new(["check", &server.to_string(), "--targets-from=-", "--format=json"])
        .input(&format!("# a comment\n\n{refusing} # refuses\n"))
        .run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.report();
    let hosts: Vec<&str> = report.targets.iter().map(|target| target.host.as_str()).collect();
    assert_eq!(hosts, ["127.0.0.1", "127.0.0.2"]);
    let is_of = |host: &str, o: &Observation| o.stage == Stage::Connect && o.endpoint.as_deref() == Some(host);
    let of = |host: &str| report.evidence.iter().find(|o| is_of(host, o)).unwrap();
    assert!(of("127.0.0.1").outcome.is_success());
    assert_eq!(of("127.0.0.2").outcome.failure(), Some(FailureKind::ConnectionRefused));
    assert_eq!(report.verdict.code.as_deref(), Some("TCP001"));
    assert!(report.findings.iter().filter(|f| f.code == "TCP001").all(|f| f.subject == "127.0.0.2"));
}

#[test]
fn many_silent_targets_take_the_time_of_one() {
    let silent: Vec<_> = (0..20).map(|_| silent_port()).collect();
    let target = |(number, (address, _, _)): (usize, &(SocketAddr, Socket, TcpStream))| {
        // Each host once: every address of 127/8 leads to the same machine, and the rule to its port.
        (format!("127.1.0.{number}:7"), format!("--connect-to=127.1.0.{number}:7:127.0.0.1:{}", address.port()))
    };
    let (targets, rules): (Vec<_>, Vec<_>) = silent.iter().enumerate().map(target).unzip();
    let begun = Instant::now();
    let ran = Cosprobe::new(["check", "--timeout=1", "-q"]).arguments(targets).arguments(rules).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn verbose_tells_on_standard_error_and_leaves_standard_output_alone() {
    let ran = run(["demo", "--verbose", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.report();
    for observation in &report.evidence {
        let told = ran.stderr.lines().any(|line| line.trim_start().starts_with(&format!("{} ", observation.id)));
        assert!(told, "observation {} is not told: {}", observation.id, ran.stderr);
    }
    let answer = ran.stderr.lines().find(|line| line.contains(" signed HEAD "));
    assert!(answer.is_some_and(|line| line.contains(":443: 200 in ")), "{}", ran.stderr);
}
