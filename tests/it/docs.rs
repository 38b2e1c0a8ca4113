//! The docs, against the tables that they are made from: what is added to the code has to be added there.

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use cosprobe::cli::Cli;
use cosprobe::diagnose::CODES;
use cosprobe::error::exit;
use cosprobe::evidence::{FailureKind, Hypothesis, NotRunReason, Purpose};
use cosprobe::report::FORMATS;
use serde_json::Value;

use crate::support::{files, read, repository};
use crate::tidy::rooms::ARROWS;

/// Every page with its path.
fn pages() -> Vec<(String, String)> {
    let mut pages = files("docs", &[".md"]);
    pages.push(("README.md".to_owned(), read("README.md")));
    assert!(pages.len() > 50, "only {} pages were found", pages.len());
    pages
}

/// The cells of the table rows of a text, without blanks around them.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_metric_stands_in_the_reference_and_none_besides() {
    let page = read("docs/reference/metrics.md");
    let documented: BTreeSet<String> =
        rows(&page).iter().filter_map(|row| Some(row[0].strip_prefix('`')?.strip_suffix('`')?.to_owned())).collect();
    let is_metric = |text: &&str| ["probe_", "cosprobe_", "process_"].iter().any(|begin| text.starts_with(begin));
    let sources = [files("src/report/prometheus", &[".rs"]), files("src/serve", &[".rs"])].concat();
    let sources = sources.into_iter().chain([(String::new(), read("src/report/prometheus.rs"))]);
    let written: BTreeSet<String> = sources
        .flat_map(|(_, text)| text.split('"').filter(is_metric).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(written.len() > 20, "only {} metrics were found", written.len());
    assert_eq!(written, documented);
}

#[test]
fn the_exit_codes_stand_in_the_reference_and_the_readme() {
    let rows_wanted: Vec<String> =
        exit::TABLE.iter().map(|(code, meaning)| format!("| {code} | {meaning} |")).collect();
    for page in ["docs/reference/exit-codes.md", "README.md"] {
        let text = read(page);
        let found: Vec<&str> = text.lines().filter(|line| rows_wanted.iter().any(|row| row == line)).collect();
        assert_eq!(found, rows_wanted, "{page}");
    }
}

#[test]
fn the_findings_stand_in_the_reference() {
    let text = read("docs/reference/findings.md");
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("| [")).collect();
    let row = |row: &cosprobe::diagnose::CodeRow| {
        let (code, severity) = (row.code, row.severity.as_str());
        format!("| [{code}](../explain/{code}.md) | {} | {severity} | {} |", row.name, row.title)
    };
    assert_eq!(found, CODES.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn the_words_of_the_report_stand_in_the_reference() {
    let text = read("docs/reference/report.md");
    let rows = rows(&text);
    let words = FailureKind::TABLE.iter().map(|(_, word, meaning)| (*word, *meaning));
    let words = words.chain(NotRunReason::TABLE.iter().map(|(_, word, meaning)| (*word, *meaning)));
    let words = words.chain(Purpose::TABLE.iter().map(|(_, word, meaning)| (*word, *meaning)));
    for (word, meaning) in words.chain(Hypothesis::TABLE.iter().map(|(_, word, meaning)| (*word, *meaning))) {
        let wanted = [format!("`{word}`"), meaning.trim().to_owned()];
        assert!(rows.iter().any(|row| *row == wanted), "{wanted:?}");
    }
}

#[test]
fn every_field_of_the_report_stands_in_the_reference() {
    let text = read("docs/reference/report.md");
    let schema: Value = serde_json::from_str(&cosprobe::report::schema()).unwrap();
    let mut names = BTreeSet::new();
    property_names(&schema, &mut names);
    assert!(names.len() > 80, "{names:?}");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !text.contains(&format!("`{name}`")) && !text.contains(&format!(".{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/reference/report.md does not name {missing:?}");
}

fn property_names(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                names.extend(properties.keys().cloned());
            }
            fields.values().for_each(|value| property_names(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| property_names(value, names)),
        _ => {}
    }
}

#[test]
fn the_commands_flags_and_formats_stand_in_the_reference() {
    let text = read("docs/reference/cli.md");
    let mut missing = Vec::new();
    let command = Cli::command();
    let inner = command.get_subcommands().flat_map(clap::Command::get_subcommands);
    for command in command.get_subcommands().chain(inner) {
        if ![format!("`{}`", command.get_name()), format!(" {}`", command.get_name())]
            .iter()
            .any(|name| text.contains(name))
        {
            missing.push(command.get_name().to_owned());
        }
        for flag in command.get_arguments().filter_map(clap::Arg::get_long).filter(|flag| *flag != "help") {
            if !text.contains(&format!("`--{flag}`")) && !text.contains(&format!("`--{flag} ")) {
                missing.push(format!("{} --{flag}", command.get_name()));
            }
        }
    }
    missing.extend(FORMATS.iter().map(|(_, word, _)| format!("`{word}`")).filter(|word| !text.contains(word)));
    assert!(missing.is_empty(), "docs/reference/cli.md does not name {missing:?}");
}

#[test]
fn the_rooms_of_the_architecture_are_those_of_the_checker() {
    let text = read("docs/architecture.md");
    for (room, arrows) in ARROWS {
        let row = rows(&text).into_iter().find(|row| row[0].split([';', ' ']).any(|cell| cell == format!("`{room}`")));
        let row = row.unwrap_or_else(|| panic!("there is no room {room}"));
        let named: BTreeSet<&str> =
            row[2].split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let allowed =
            arrows.iter().flat_map(|arrow| arrow.split("::")).map(|word| if word == "*" { "all" } else { word });
        assert_eq!(named, allowed.collect(), "{room}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut seen = 0;
    for (path, text) in pages() {
        let directory = repository(&path).parent().unwrap().to_owned();
        // Code holds brackets of its own.
        for outside in text.split("```").step_by(2) {
            for link in outside.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = link.split('#').next().unwrap_or_default();
                if link.contains("://") || file.is_empty() {
                    continue;
                }
                assert!(directory.join(file).exists(), "{path}: {link}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} links were found");
}

/// The words of a line of shell up to the first comment, pipe, redirection or end of the command.
fn words(line: &str) -> Vec<String> {
    let is_end = |word: &&str| !["#", "|", "<", ">", "2>", "&&", "||"].contains(word) && !word.starts_with(['>', '#']);
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace().take_while(is_end) {
        let ended = word.ends_with(';');
        words.push(word.trim_end_matches(';').replace(['"', '\''], ""));
        if ended {
            break;
        }
    }
    words
}

#[test]
fn command_lines_in_the_docs_are_accepted() {
    let mut seen = 0;
    for (path, text) in pages() {
        for block in text.split("```").skip(1).step_by(2) {
            let block = block.replace("\\\n", " ");
            let (language, lines) = block.split_once('\n').unwrap_or_default();
            if !["sh", "console"].contains(&language) {
                continue;
            }
            for line in lines.lines().map(|line| line.trim_start_matches("$ ")) {
                if !line.starts_with("cosprobe ") {
                    continue;
                }
                if let Err(error) = Cli::try_parse_from(words(line)) {
                    assert!(!error.use_stderr(), "{path}: {line}\n{error}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "only {seen} command lines were found");
}
