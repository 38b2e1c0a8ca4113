//! The files to copy of `docs/howto/monitoring`, read by the programs that they are for; and a real Prometheus that asks a real service.

mod blackbox;
mod containers;
mod dashboard;
mod nagios;
mod prometheus;
mod rules;
mod systemd;

use clap::Parser;
use cosprobe::cli::Cli;

use crate::support::{files, read, repository, run};

const DIRECTORY: &str = "docs/howto/monitoring";

/// A file to copy.
fn copied(name: &str) -> String {
    read(&format!("{DIRECTORY}/{name}"))
}

/// The words of a command line behind the name of the program, which the built program has to take.
fn accepted(line: &str) -> Vec<String> {
    let (program, rest) = line.trim().split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/cosprobe", "{line}");
    let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    let parsed = Cli::try_parse_from(std::iter::once("cosprobe").chain(words.iter().map(String::as_str)));
    assert!(parsed.is_ok(), "{line}\n{:?}", parsed.err());
    words
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
