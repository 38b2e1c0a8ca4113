//! The files to copy of `docs/howto/monitoring`, read by the programs that they are for; and a real Prometheus that asks a real service.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::is_there;
use super::service::{Service, eventually, refusing};
use crate::support::{read, repository, run};

const DIRECTORY: &str = "docs/howto/monitoring";

#[test]
fn the_rules_and_the_scrape_configuration_are_good() {
    if !is_there("promtool") {
        return;
    }
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output = Command::new("promtool").args(arguments).current_dir(repository(DIRECTORY)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn the_file_of_the_service_is_good() {
    let file = repository(DIRECTORY).join("cosprobe.toml");
    let ran = run(["serve", "--config.check", "--config.file", file.to_str().unwrap()]);
    assert!(ran.code == Some(0) && ran.stdout.contains("1 targets"), "{ran:?}");
}

/// Ends a process with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The document of Prometheus's interface; `None`: it does not answer yet.
fn asked(address: SocketAddr, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: prometheus.example\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn prometheus_raises_an_alert_that_names_the_finding() {
    if !is_there("prometheus") {
        return;
    }
    let (port, _taken) = refusing();
    let target = format!("127.0.0.1:{port}");
    let service =
        Service::start(&format!("[[targets]]\ntarget = \"{target}\"\nmodule = \"tcp_connect\"\ninterval = \"1h\"\n"));
    let home = tempfile::tempdir().unwrap();
    // What users copy, with the places and the times of this test.
    let scrape = read(&format!("{DIRECTORY}/prometheus.yml"))
        .replace("127.0.0.1:9115", &service.address.to_string())
        .replace("[cos_check]", "[tcp_connect]")
        .replace("scrape_interval: 60s", "scrape_interval: 1s\n  evaluation_interval: 1s")
        .replace("scrape_timeout: 15s", "scrape_timeout: 1s");
    let rules = read(&format!("{DIRECTORY}/alerts.yml"));
    let rules: Vec<String> = rules.lines().filter(|line| !line.trim().starts_with("for:")).map(str::to_owned).collect();
    std::fs::write(home.path().join("prometheus.yml"), scrape).unwrap();
    std::fs::write(home.path().join("alerts.yml"), rules.join("\n")).unwrap();
    std::fs::write(home.path().join("cos-targets.yml"), format!("- targets: [\"{target}\"]\n")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("prometheus");
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]).current_dir(home.path());
    command.arg(format!("--web.listen-address={address}")).stdout(Stdio::null()).stderr(Stdio::null());
    let _prometheus = Ended(command.spawn().unwrap());
    let alert = eventually("an alert", || {
        let all = asked(address, "/api/v1/alerts")?;
        let alerts = all["data"]["alerts"].as_array()?;
        alerts.iter().find(|alert| alert["labels"]["alertname"] == "CosFinding" && alert["state"] == "firing").cloned()
    });
    let labels = &alert["labels"];
    assert_eq!((&labels["code"], &labels["name"]), (&"TCP001".into(), &"connection-refused".into()), "{alert}");
    assert_eq!(labels["instance"], target.as_str(), "{alert}");
}
