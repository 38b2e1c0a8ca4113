//! Name servers over TLS and HTTPS, on loopback.

use cosprobe::cli::demo_job;
use cosprobe::config::{NameServer, When};
use cosprobe::evidence::{Dns, DnsTransport, FailureKind, Observation, Outcome, ServerOrigin};
use cosprobe::lab::Lab;
use cosprobe::report::Report;

use crate::support::runtime;

/// Checks the lab's bucket with one name server over an encrypted transport.
fn check(transport: DnsTransport, server_name: &str, path: &str) -> Report {
    runtime().block_on(async {
        let scenario = cosprobe::lab::find("healthy-public").unwrap();
        let lab = Lab::start(scenario).await.unwrap();
        let mut job = demo_job(scenario, &lab).unwrap();
        let address = match transport {
            DnsTransport::Tls => lab.resolver_over_tls(),
            _ => lab.resolver_over_https(),
        };
        let (server_name, path) = (Some(server_name.to_owned()), path.to_owned());
        let origin = ServerOrigin::Given;
        job.config.name_servers.extra = vec![NameServer { address, transport, origin, server_name, path }];
        job.config.control = When::Never;
        cosprobe::check(job.config, job.credential, job.labels, std::future::pending(), |_| {}).await.unwrap()
    })
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
