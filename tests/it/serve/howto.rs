//! The files to copy of `docs/howto/monitoring`, read by the programs that they are for; and a real Prometheus that asks a real service.

mod blackbox;
mod dashboard;
mod prometheus;
mod rules;

use crate::support::{files, read, repository, run};

const DIRECTORY: &str = "docs/howto/monitoring";

/// A file to copy.
fn copied(name: &str) -> String {
    read(&format!("{DIRECTORY}/{name}"))
}

#[test]
fn the_file_of_the_service_is_good() {
    let file = repository(DIRECTORY).join("cosprobe.toml");
    let ran = run(["serve", "--config.check", "--config.file", file.to_str().unwrap()]);
    assert!(ran.code == Some(0) && ran.stdout.contains("1 targets"), "{ran:?}");
}

#[test]
fn every_file_is_told_of_and_tested() {
    let index = read("docs/howto/monitor-with-prometheus.md");
    let tests = files("tests/it/serve", &[".rs"]);
    let all = files(DIRECTORY, &[""]);
    assert!(all.len() >= 6, "{}", all.len());
    for (path, _) in all {
        let name = path.rsplit('/').next().unwrap();
        assert!(index.contains(&format!("](monitoring/{name})")), "docs/howto/monitor-with-prometheus.md: no {name}");
        assert!(tests.iter().any(|(_, text)| text.contains(&format!("\"{name}\""))), "no test reads {name}");
    }
}
