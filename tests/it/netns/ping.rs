//! `ping` across networks: what echoes, and what a router says.

use serde_json::Value;

use super::{BUCKET, run_command};

/// Pings the bucket three times there; the exit code and the figures of its only peer.
fn ping(scenario: &str, arguments: &[&str]) -> Option<(Option<i32>, Value)> {
    let arguments = [&["-c", "3", "-i", "0.05", "-t", "1"], arguments].concat();
    let (code, document) = run_command("ping", scenario, BUCKET, &arguments, &[])?;
    let series = document["series"].as_array().expect("a list");
    assert_eq!(series.len(), 1, "{scenario}: {document:#}");
    Some((code, document))
}

#[test]
fn an_ordinary_user_may_send_echo_requests() {
    for (scenario, arguments, address) in
        [("isp-normal", &["--icmp"][..], "203.0.113.10"), ("dual-stack", &["--icmp", "-6"], "2001:db8:c05::10")]
    {
        let Some((code, document)) = ping(scenario, arguments) else { return };
        let series = &document["series"][0];
        assert_eq!((code, &series["ip"], &series["port"]), (Some(0), &address.into(), &Value::Null), "{document:#}");
        assert_eq!((&series["connected"], &series["kernel_rtt_us"]["count"]), (&3.into(), &3.into()), "{document:#}");
    }
}

#[test]
fn who_cannot_be_reached_is_loss_and_the_router_is_named() {
    for arguments in [&["--icmp"][..], &["-p", "443"]] {
        let Some((code, document)) = ping("host-unreachable", arguments) else { return };
        assert_eq!((code, &document["series"][0]["loss_percent"]), (Some(1), &100.0.into()), "{document:#}");
        for sample in document["samples"].as_array().expect("a list") {
            let outcome = &sample["outcome"];
            let said = (&outcome["kind"], &outcome["from"]);
            assert_eq!(said, (&"host_unreachable".into(), &"100.64.12.2".into()), "{document:#}");
        }
    }
}

#[test]
fn connections_leave_by_the_chosen_interface_or_address() {
    for (chosen, code, source) in [
        ("eth0", Some(0), Some("192.168.1.10")),
        ("192.168.1.10", Some(0), Some("192.168.1.10")),
        ("lo", Some(1), None),
    ] {
        let Some((found, document)) = ping("isp-normal", &["-p", "443", "-I", chosen]) else { return };
        assert_eq!(found, code, "{chosen}: {document:#}");
        for sample in document["samples"].as_array().expect("a list") {
            let local = sample["local"].as_str().and_then(|local| local.rsplit_once(':'));
            assert!(source.is_none() || local.map(|(ip, _)| ip) == source, "{chosen}: {sample:#}");
        }
    }
}

#[test]
fn the_route_is_that_of_the_chosen_interface() {
    for (chosen, interface) in [("eth0", Some("eth0")), ("192.168.1.10", Some("eth0")), ("lo", Some("lo"))] {
        let arguments =
            ["-4", "-I", chosen, "--anonymous", "--control", "never", "--trace", "never", "-t", "1", "-c", "1"];
        let Some((_, report)) = run_command("check", "isp-normal", BUCKET, &arguments, &[]) else { return };
        let observations = report["evidence"].as_array().expect("a list");
        let routes: Vec<&Value> = observations.iter().filter(|o| o["detail"]["type"] == "route_to").collect();
        assert!(!routes.is_empty(), "{report:#}");
        for route in routes {
            assert_eq!(route["detail"]["interface"].as_str(), interface, "{chosen}: {route:#}");
        }
    }
}
