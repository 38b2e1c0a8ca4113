//! Name servers on loopback: over TLS and HTTPS; and how long those are waited for that are only compared with.

use std::net::UdpSocket;
use std::time::Duration;

use cosprobe::cli::demo_job;
use cosprobe::config::{Config, NameServer, When};
use cosprobe::evidence::{Dns, DnsTransport, FailureKind, NotRunReason, Observation, Outcome, ServerOrigin};
use cosprobe::lab::Lab;
use cosprobe::report::{Ended, Report};

use crate::support::runtime;

/// Checks a scenario of the lab with some things changed, without a control group.
fn checked(scenario: &str, change: impl FnOnce(&mut Config, &Lab)) -> Report {
    runtime().block_on(async {
        let scenario = cosprobe::lab::find(scenario).unwrap();
        let lab = Lab::start(scenario).await.unwrap();
        let mut job = demo_job(scenario, &lab).unwrap();
        job.config.control = When::Never;
        change(&mut job.config, &lab);
        cosprobe::check(job.config, job.credential, job.labels, std::future::pending(), |_| {}).await.unwrap()
    })
}

/// Checks the lab's bucket with one name server over an encrypted transport.
fn check(transport: DnsTransport, server_name: &str, path: &str) -> Report {
    checked("healthy-public", |config, lab| {
        let address = match transport {
            DnsTransport::Tls => lab.resolver_over_tls(),
            _ => lab.resolver_over_https(),
        };
        let (server_name, path) = (Some(server_name.to_owned()), path.to_owned());
        let origin = ServerOrigin::Given;
        config.name_servers.extra = vec![NameServer { address, transport, origin, server_name, path }];
    })
}

/// A name server that takes questions and is silent, and the same to compare with.
fn silent_server() -> (UdpSocket, NameServer) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let server = NameServer::plain(socket.local_addr().unwrap(), DnsTransport::Udp, ServerOrigin::Dnspod);
    (socket, server)
}

/// What `dns` does: look names up, connect to nothing, wait for all and listen.
fn look_up_only(config: &mut Config) {
    config.targets.iter_mut().for_each(|target| target.services.clear());
    config.name_servers.wait_for_comparison = true;
}

fn lookups(report: &Report) -> Vec<(&Observation, &Dns)> {
    report.evidence.iter().filter_map(|observation| Some((observation, observation.detail.dns()?))).collect()
}

#[test]
fn encrypted_name_servers_answer_as_plain_ones() {
    for transport in [DnsTransport::Tls, DnsTransport::Https] {
        let report = check(transport, "cos.ap-guangzhou.myqcloud.com", "/dns-query");
        assert_eq!(report.verdict.code, None, "{:?}", report.verdict);
        let lookups = lookups(&report);
        assert_eq!(lookups.len(), 2);
        for (_, dns) in lookups {
            assert_eq!((dns.transport, dns.rcode.as_deref()), (transport, Some("NOERROR")));
            assert!(dns.answer_bytes.is_some_and(|bytes| bytes > 12));
        }
    }
}

#[test]
fn a_server_whose_certificate_is_for_another_name_is_asked_nothing() {
    let report = check(DnsTransport::Tls, "dns.example", "");
    assert_eq!(report.verdict.code.as_deref(), Some("DNS003"));
    for (observation, dns) in lookups(&report) {
        let Outcome::Failed { kind, message: Some(message), .. } = &observation.outcome else {
            panic!("{observation:?}")
        };
        assert_eq!((*kind, dns.transmissions), (FailureKind::HandshakeFailed, 0));
        assert!(message.contains("certificate"), "{message}");
    }
}

#[test]
fn a_web_server_that_is_no_name_server_is_told_with_its_status() {
    let report = check(DnsTransport::Https, "cos.ap-guangzhou.myqcloud.com", "/elsewhere");
    assert_eq!(report.verdict.code.as_deref(), Some("DNS003"));
    let messages: Vec<String> = lookups(&report).iter().map(|(o, _)| format!("{:?}", o.outcome)).collect();
    assert!(messages.iter().all(|message| message.contains("HTTP status 404")), "{messages:?}");
}

fn compared(report: &Report) -> Vec<&Outcome> {
    lookups(report).into_iter().filter(|(_, dns)| dns.comparison).map(|(observation, _)| &observation.outcome).collect()
}

fn took(report: &Report) -> Duration {
    report.ended_at.duration_since(report.started_at).try_into().unwrap()
}

#[test]
fn where_all_is_well_a_silent_server_to_compare_with_is_not_waited_for() {
    let (_socket, server) = silent_server();
    let report = checked("healthy-public", |config, _| config.name_servers.comparison = vec![server]);
    assert_eq!((report.verdict.status.as_str(), report.ended_because), ("healthy", Ended::Completed));
    assert_eq!(compared(&report), [&Outcome::NotRun { because: NotRunReason::NotWaitedFor }; 2]);
    assert!(took(&report) < Duration::from_secs(1), "{:?}", took(&report));
}

#[test]
fn where_something_is_wrong_it_is_waited_for() {
    let (_socket, server) = silent_server();
    let report = checked("all-refused", |config, _| {
        config.name_servers.comparison = vec![server];
        config.limits.attempt_timeout = Duration::from_millis(700);
    });
    assert_eq!(report.verdict.code.as_deref(), Some("TCP001"));
    // Behind them stands the second look at the server that is gone by.
    assert_eq!(compared(&report)[..2], [&Outcome::failed(FailureKind::QueryTimeout); 2]);
}

#[test]
fn what_is_known_when_the_time_is_up_is_not_lost() {
    let (_socket, server) = silent_server();
    let report = checked("healthy-public", |config, _| {
        look_up_only(config);
        config.name_servers.comparison = vec![server];
        config.limits.deadline = Duration::from_millis(400);
    });
    assert_eq!(report.ended_because, Ended::Deadline);
    assert!(took(&report) < Duration::from_millis(600), "{:?}", took(&report));
    let own: Vec<_> = lookups(&report).into_iter().filter(|(_, dns)| !dns.comparison).collect();
    assert!(!own.is_empty() && own.iter().all(|(_, dns)| dns.rcode.as_deref() == Some("NOERROR")), "{own:#?}");
    assert_eq!(compared(&report), [&Outcome::NotRun { because: NotRunReason::Deadline }; 2]);
    assert_eq!(report.verdict.status.as_str(), "healthy", "what is only compared with is not missed");
}

#[test]
fn no_more_questions_are_under_way_than_steps_may_be() {
    let (socket, server) = silent_server();
    checked("healthy-public", |config, _| {
        look_up_only(config);
        config.name_servers.comparison = vec![server];
        config.questions.tries = 20;
        (config.limits.concurrency, config.limits.deadline) = (3, Duration::from_millis(500));
    });
    let mut question = [0; 1024];
    let asked = std::iter::from_fn(|| socket.recv(&mut question).ok()).count();
    assert_eq!(asked, 3, "of forty questions, as many as there are permits");
}
