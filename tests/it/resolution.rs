//! Name servers on loopback: over TLS and HTTPS; and how long those are waited for that are only compared with.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use cosprobe::cli::demo_job;
use cosprobe::config::{Config, Family, NameServer, When};
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
    let report = checked("healthy-public", |config, _| {
        config.name_servers.comparison = vec![server];
        config.limits.attempt_timeout = Duration::from_secs(15);
    });
    assert_eq!((report.verdict.status.as_str(), report.ended_because), ("healthy", Ended::Completed));
    assert_eq!(compared(&report), [&Outcome::NotRun { because: NotRunReason::NotWaitedFor }; 2]);
    assert!(took(&report) < Duration::from_secs(10), "{:?}", took(&report));
}

#[test]
fn where_something_is_wrong_it_is_waited_for() {
    let (_socket, server) = silent_server();
    let report = checked("all-refused", |config, _| {
        config.name_servers.comparison = vec![server];
        config.limits.attempt_timeout = Duration::from_millis(1500);
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
        // Listening takes a second from the answer on.
        config.limits.deadline = Duration::from_millis(900);
    });
    assert_eq!(report.ended_because, Ended::Deadline);
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

#[test]
fn who_compares_waits_for_all_questions_however_many_wait_for_their_turn() {
    let (_socket, server) = silent_server();
    let report = checked("healthy-public", |config, _| {
        look_up_only(config);
        config.name_servers.comparison = vec![server];
        config.questions.tries = 6;
        (config.limits.concurrency, config.limits.attempt_timeout) = (2, Duration::from_millis(300));
    });
    assert_eq!(compared(&report), [&Outcome::failed(FailureKind::QueryTimeout); 12]);
}

/// A name server that answers one question with one answer after the other: addresses, or anything else.
fn talkative_server(answers: Vec<Option<[u8; 4]>>) -> NameServer {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = NameServer::plain(socket.local_addr().unwrap(), DnsTransport::Udp, ServerOrigin::Given);
    std::thread::spawn(move || {
        let mut question = [0; 1024];
        let (length, client) = socket.recv_from(&mut question).unwrap();
        // The header and the question behind it: labels up to an empty one, type and class.
        let end = 12 + question[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
        for answer in answers {
            let mut message = question[..end].to_vec();
            match answer {
                Some(address) => {
                    // A response, recursion available; one question, one answer, no more.
                    message[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
                    // The name of the question; A, IN, a minute, four bytes.
                    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                    message.extend(address);
                }
                None => message.truncate(7),
            }
            socket.send_to(&message, client).unwrap();
        }
    });
    server
}

#[test]
fn further_answers_are_listened_for_past_what_is_none_and_four_are_enough() {
    let others = (1..=6).map(|last| Some([192, 0, 2, last]));
    let answers = [Some([203, 0, 113, 10]), None].into_iter().chain(others).collect();
    let report = checked("healthy-public", |config, _| {
        look_up_only(config);
        config.family = Family::V4;
        config.name_servers.extra = vec![talkative_server(answers)];
    });
    let asked = lookups(&report);
    let [(observation, dns)] = asked.as_slice() else { panic!("{asked:#?}") };
    assert_eq!(dns.addresses[0].ip, IpAddr::from([203, 0, 113, 10]));
    let further: Vec<IpAddr> = dns.further_answers.iter().flat_map(|further| further.addresses.clone()).collect();
    assert_eq!(further, [1, 2, 3, 4].map(|last| IpAddr::from([192, 0, 2, last])));
    assert!(dns.answered_us.is_some_and(|us| us < 500_000) && observation.result_us() == dns.answered_us);
    assert_eq!(report.verdict.code.as_deref(), Some("DNS006"), "{:?}", report.verdict);
}

#[test]
fn a_control_group_is_probed_where_something_is_wrong_or_where_it_is_wanted() {
    let controls = |scenario: &str, when: When| {
        let report = checked(scenario, |config, _| config.control = when);
        let hosts: Vec<String> = report.controls.iter().map(|control| control.target.host.clone()).collect();
        let probed = |host: &String| report.evidence.iter().any(|o| o.endpoint.as_ref() == Some(host));
        assert!(hosts.iter().all(probed), "{scenario}: {hosts:?}");
        hosts.len()
    };
    assert_eq!(controls("all-refused", When::Auto), 4);
    assert_eq!(controls("all-refused", When::Never), 0);
    assert_eq!(controls("healthy-public", When::Auto), 0);
    assert_eq!(controls("healthy-public", When::Always), 4);
    for told_by_cos in ["bad-signature", "clock-skew"] {
        assert_eq!(controls(told_by_cos, When::Auto), 0, "{told_by_cos}");
    }
}
