//! A real Prometheus, with the files that users copy, asks a real service and a real `blackbox_exporter`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

use super::super::is_there;
use super::super::service::{Service, eventually, lab_module, refusing};
use super::{blackbox, copied, dashboard};
use crate::support::RunningLab;

/// Ends a process with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that listens at an address of its own, and works in a directory.
fn listening(program: &str, directory: &Path, flags: &[&str]) -> (SocketAddr, Ended) {
    // An address that no other process takes ports of, so that the port is still free when the program wants it.
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 + high, middle, low);
    let address = TcpListener::bind((own, 0)).unwrap().local_addr().unwrap();
    let mut command = Command::new(program);
    command.args(flags).arg(format!("--web.listen-address={address}")).current_dir(directory);
    (address, Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()))
}

/// Prometheus and all that it scrapes.
pub(super) struct Monitored {
    address: SocketAddr,
    /// A target that refuses, and one that answers.
    pub(super) refused: String,
    pub(super) answering: String,
    _processes: [Ended; 2],
    _service: Service,
    _lab: RunningLab,
    _taken: UdpSocket,
    _home: TempDir,
}

impl Monitored {
    fn start() -> Self {
        let lab = RunningLab::start("temporary-key");
        let (port, taken) = refusing();
        let refused = format!("127.0.0.1:{port}");
        let answering = format!("https://{}", lab.loopback(443));
        let service = Service::at(home_with_key(&lab), &config(&lab, &refused, &answering), &[]);
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("blackbox.yml"), blackbox::CONFIG).unwrap();
        let (exporter, first) = listening("prometheus-blackbox-exporter", home.path(), &["--config.file=blackbox.yml"]);
        // What users copy, with the places and the times of this test. The job for blackbox_exporter differs in nothing else.
        let scrape = copied("prometheus.yml")
            .replace("[cos_check]", "[http_2xx]")
            .replace("scrape_interval: 60s", "scrape_interval: 1s\n  evaluation_interval: 1s")
            .replace("scrape_timeout: 15s", "scrape_timeout: 1s");
        let (_, jobs) = scrape.split_once("scrape_configs:\n").unwrap();
        let job = jobs.split_once("  # The service itself").unwrap().0.to_owned();
        let other =
            job.replace("job_name: cos\n", "job_name: blackbox\n").replace("127.0.0.1:9115", &exporter.to_string());
        let scrape = scrape.replace("127.0.0.1:9115", &service.address.to_string()) + &other;
        let rules = copied("alerts.yml");
        let rules: Vec<&str> = rules.lines().filter(|line| !line.trim().starts_with("for:")).collect();
        std::fs::write(home.path().join("prometheus.yml"), scrape).unwrap();
        std::fs::write(home.path().join("alerts.yml"), rules.join("\n")).unwrap();
        std::fs::write(home.path().join("slo.yml"), copied("slo.yml")).unwrap();
        let targets = copied("cos-targets.yml");
        let host = targets.lines().find(|line| line.contains("myqcloud")).unwrap();
        let here = targets.replace(host, &format!("    - {refused}\n    - {answering}"));
        std::fs::write(home.path().join("cos-targets.yml"), here).unwrap();
        let flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"];
        let (address, second) = listening("prometheus", home.path(), &flags);
        Self {
            address,
            refused,
            answering,
            _processes: [first, second],
            _service: service,
            _lab: lab,
            _taken: taken,
            _home: home,
        }
    }

    /// The document of Prometheus's interface; `None`: it does not answer yet.
    pub(super) fn asked(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: prometheus.example\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }

    /// What a question brings, by the name of its parameter.
    pub(super) fn listed(&self, path: &str, parameter: &str, expression: &str) -> Option<Vec<Value>> {
        let answer = self.asked(&format!("{path}{parameter}={}", utf8_percent_encode(expression, NON_ALPHANUMERIC)))?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let data = &answer["data"];
        data["result"].as_array().or(data.as_array()).cloned()
    }
}

/// A home with a temporary key that has an end.
fn home_with_key(lab: &RunningLab) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let end = jiff::Timestamp::now().as_second() + 7200;
    let (id, key, token) = (lab.secret_id(), lab.secret_key(), lab.token().unwrap());
    let text = format!("[default]\nsecret_id = {id}\nsecret_key = {key}\ntoken = {token}\nexpired_time = {end}\n");
    std::fs::create_dir(home.path().join(".tencentcloud")).unwrap();
    std::fs::write(home.path().join(".tencentcloud/credentials"), text).unwrap();
    home
}

/// A target that is checked in full, in a window of maintenance, and the two that Prometheus asks for.
fn config(lab: &RunningLab, refused: &str, answering: &str) -> String {
    let window = "[[policies.window.maintenance]]\nfrom = 2020-01-01T00:00:00Z\nto = 2120-01-01T00:00:00Z\n";
    let head =
        "[modules.http_2xx]\nprobe = \"head\"\nanonymous = true\ninsecure = true\nvalid_status_codes = \"any\"\n";
    let target = |target: &str, module: &str, interval: &str| {
        format!("[[targets]]\ntarget = {target:?}\nmodule = \"{module}\"\ninterval = \"{interval}\"\n")
    };
    [
        window.to_owned(),
        lab_module(lab) + "policy = \"window\"\n",
        head.to_owned(),
        target(lab.host(), "lab", "1s"),
        target(refused, "tcp_connect", "1h"),
        target(answering, "http_2xx", "1h"),
    ]
    .join("\n")
}

/// One Prometheus for all: starting it is what takes time.
#[test]
fn prometheus_finds_what_the_files_promise() {
    if !is_there("prometheus") || !is_there("prometheus-blackbox-exporter") {
        return;
    }
    let monitored = Monitored::start();
    an_alert_names_the_finding(&monitored);
    dashboard::every_query_finds_something(&monitored);
    blackbox::the_names_are_the_same(&monitored);
}

fn an_alert_names_the_finding(monitored: &Monitored) {
    let alert = eventually("an alert", || {
        let all = monitored.asked("/api/v1/alerts")?;
        let alerts = all["data"]["alerts"].as_array()?;
        let is_due = |alert: &&Value| {
            let labels = &alert["labels"];
            labels["alertname"] == "CosFinding" && labels["instance"] == monitored.refused.as_str()
        };
        alerts.iter().filter(is_due).find(|alert| alert["state"] == "firing").cloned()
    });
    let labels = &alert["labels"];
    assert_eq!((&labels["code"], &labels["name"]), (&"TCP001".into(), &"connection-refused".into()), "{alert}");
    assert_eq!(labels["team"], "data", "{alert}");
}
