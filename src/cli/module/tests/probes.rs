//! What the kinds of modules send, and what comes of it, against the lab.

use std::collections::BTreeMap;

use super::{MINUTE, block_on, chosen, of};
use crate::evidence::Stage;
use crate::lab::{Calls, Lab, find};
use crate::report::Report;

/// One probe of the lab with a module of a kind; the keys of the module stand below the way to the lab.
fn probe(scenario: &str, keys: &str) -> (Report, Calls) {
    probe_at(scenario, keys, false)
}

/// The same, by the first address of the lab where that is given and the name not asked for.
fn probe_at(scenario: &str, keys: &str, is_given: bool) -> (Report, Calls) {
    block_on(async {
        let lab = Lab::start(find(scenario).unwrap()).await.unwrap();
        let rule = |rule: &crate::config::ConnectTo| {
            let (port, to_port) = (rule.port.unwrap(), rule.to_port.unwrap());
            format!("'{}:{port}:{}:{to_port}'", rule.host, rule.to)
        };
        let rules: Vec<String> = lab.connect_to().iter().map(rule).collect();
        let (resolver, ca_file) = (lab.resolver(), lab.ca_file().display());
        let way = format!("resolver = '{resolver}'\nconnect_to = [{}]\ncacert = '{ca_file}'", rules.join(", "));
        let built = of(&format!("[modules.m]\n{keys}\n{way}"));
        let module = &built.modules["m"];
        if let (Some(key), Some(own), true) = (&module.key, lab.key(), module.signed) {
            key.take(Ok(chosen(own.secret_id, own.secret_key, None))).unwrap();
        }
        let job = if is_given {
            let address = lab.connect_to()[0].host.parse().unwrap();
            module.job_at(lab.target(), address, None, MINUTE).unwrap()
        } else {
            module.job(lab.target(), MINUTE).unwrap()
        };
        let none = std::future::pending();
        let report = crate::check(job.config, job.credential, BTreeMap::new(), none, |_| {}).await.unwrap();
        // A connection is one before the lab takes it, which has to wait for its turn on this thread.
        let ports = report.addresses.iter().flat_map(|address| &address.ports);
        let connected: u32 = ports.map(|port| port.connected).sum();
        lab.took(connected).await;
        (report, lab.calls())
    })
}

/// The codes of what is wrong. What is told of the machine that tests run on is left out.
fn codes(report: &Report) -> Vec<&str> {
    let codes = report.findings.iter().filter(|finding| finding.is_root()).map(|finding| finding.code.as_str());
    codes.filter(|code| !code.starts_with("HST")).collect()
}

/// Addresses with a port.
fn peers(report: &Report) -> u32 {
    report.addresses.iter().map(|address| u32::try_from(address.ports.len()).unwrap()).sum()
}

fn statuses(report: &Report) -> Vec<u16> {
    report.evidence.iter().filter_map(|o| o.detail.http().and_then(|http| http.status)).collect()
}

#[test]
fn a_connect_sends_no_more() {
    let (report, calls) = probe("healthy-public", "probe = \"connect\"");
    assert_eq!(codes(&report), Vec::<&str>::new(), "{:?}", report.verdict);
    assert_eq!((calls.connections, calls.http + calls.https), (peers(&report), 0));
    let (report, _) = probe("all-refused", "probe = \"connect\"");
    assert!(!codes(&report).is_empty());
}

#[test]
fn a_head_sends_its_requests_alone() {
    let (report, calls) = probe("healthy-public", "probe = \"head\"\nanonymous = true");
    assert_eq!(codes(&report), Vec::<&str>::new(), "{:?}", report.verdict);
    assert!(report.evidence.iter().all(|observation| observation.stage != Stage::PathMtu));
    assert!(statuses(&report).contains(&403) && calls.signed == 0, "{calls:?}");
    assert_eq!(calls.connections, peers(&report));
    let (report, calls) = probe("healthy-public", "probe = \"head\"");
    assert!(statuses(&report).contains(&200) && calls.signed > 0, "{calls:?}");
    assert_eq!(codes(&report), Vec::<&str>::new(), "{:?}", report.verdict);
}

#[test]
fn a_check_does_everything() {
    let (report, calls) = probe("healthy-public", "anonymous = true\nmetadata = \"never\"");
    assert!(report.evidence.iter().any(|observation| observation.stage == Stage::PathMtu));
    assert!(calls.connections >= 5 * peers(&report), "{calls:?}");
}

#[test]
fn the_name_of_a_given_address_is_not_asked_for() {
    let check = "anonymous = true\nmetadata = \"never\"\nsearch_regions = true\ncontrol = \"always\"";
    for keys in ["probe = \"connect\"", "probe = \"head\"", check] {
        let (report, calls) = probe_at("healthy-public", keys, true);
        assert!(report.evidence.iter().all(|observation| observation.stage != Stage::Resolve), "{keys}");
        assert_eq!(report.verdict.status, crate::diagnose::Status::Healthy, "{keys}: {:?}", report.verdict);
        assert_eq!(calls.dns, 0, "{keys}");
        assert!(calls.connections > 0 && peers(&report) > 0, "{keys}: {calls:?}");
        let refused = probe_at("all-refused", keys, true).0;
        assert!(codes(&refused).iter().all(|code| code.starts_with("TCP")) && !codes(&refused).is_empty(), "{keys}");
    }
}
