//! The rooms and their arrows: a checker as a pure function over the path and the text of a file.

use std::collections::BTreeSet;

/// What a room may name of the others. `room::Item` allows that item only; `*` allows all.
///
/// The same table stands in `docs/architecture.md`; `docs.rs` compares them.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("addr", &[]),
    ("region", &[]),
    ("sign", &["text"]),
    ("sys", &[]),
    ("text", &[]),
    ("target", &["error", "region", "addr"]),
    (
        "config",
        &[
            "target",
            "sys::Egress",
            "evidence::DnsTransport",
            "evidence::Hypothesis",
            "evidence::Key",
            "evidence::ServerOrigin",
            "evidence::Stage",
        ],
    ),
    ("credential", &["error", "sign::mask"]),
    ("issuer", &["credential", "error", "evidence::clean", "sign"]),
    ("evidence", &["target"]),
    ("latency", &["evidence", "addr", "config::Policy"]),
    ("plan", &["config", "target", "addr", "region", "evidence", "latency"]),
    ("probe", &["config", "target", "evidence", "plan", "sign", "credential", "sys", "error"]),
    ("run", &["plan", "probe", "evidence", "config", "sys::Egress"]),
    (
        "diagnose",
        &[
            "evidence",
            "target",
            "addr",
            "region",
            "latency",
            "sign::difference",
            "config::Policy",
            "config::Route",
            "text",
        ],
    ),
    (
        "report",
        &[
            "evidence",
            "exposition",
            "diagnose",
            "target",
            "config::Policy",
            "config::Route",
            "error::exit",
            "addr",
            "region",
            "sign::encode",
            "text",
        ],
    ),
    ("exposition", &[]),
    ("settings", &["config::Policy", "config::Route", "diagnose::Severity", "exposition", "sign::mask"]),
    (
        "serve",
        &[
            "cli::Job",
            "cli::Loaded",
            "cli::Module",
            "cli::Scheduled",
            "cli::load",
            "diagnose::Severity",
            "diagnose::Status",
            "diagnose::milliseconds",
            "error",
            "evidence",
            "exposition",
            "probe::Roots",
            "report",
            "settings::LatencyObjective",
            "settings::Mistake",
            "settings::Objectives",
            "settings::ProbeKind",
            "settings::Spot",
            "target::Target",
            "text",
            "recheck",
        ],
    ),
    ("lab", &["addr", "config", "error", "region", "sign", "target"]),
    ("cli", &["*"]),
    ("lib", &["*"]),
    ("main", &["*"]),
];

/// Crates that only some rooms may name.
const CRATES: &[(&str, &[&str])] = &[
    ("clap", &["cli", "main"]),
    ("toml", &["settings"]),
    ("serde_saphyr", &["credential", "serve"]),
    ("bcrypt", &["serve"]),
    ("tokio", &["probe", "run", "lib", "main", "lab", "issuer", "serve"]),
    ("tokio_rustls", &["probe", "lab", "issuer", "serve"]),
    ("rustls", &["probe", "lab", "issuer", "serve"]),
    ("hyper", &["probe", "lab", "issuer", "serve"]),
    ("hyper_util", &["probe", "lab", "issuer", "serve"]),
    ("hickory_resolver", &["probe"]),
    ("hickory_server", &["lab"]),
    ("socket2", &["probe", "sys", "lab", "serve"]),
    ("nix", &["sys", "probe"]),
    ("libc", &["sys", "probe"]),
    ("indicatif", &["main"]),
    ("console", &["main"]),
    ("maud", &["report", "serve"]),
    ("pulldown_cmark", &["report"]),
];

/// Rooms of plain data and pure functions.
const PURE: &[&str] = &[
    "error",
    "exposition",
    "addr",
    "region",
    "sign",
    "text",
    "target",
    "config",
    "credential",
    "evidence",
    "latency",
    "plan",
    "diagnose",
    "report",
    "settings",
];

/// Words that read a clock, do I/O, or wait.
const IMPURE: &[&str] =
    &["SystemTime", "Instant", "::now", "TcpStream", "TcpListener", "UdpSocket", "File", "async", ".await"];

/// Modules of the standard library that do.
const IMPURE_STD: &[&str] = &["env", "fs", "process", "thread"];

/// The lines of a file with their numbers, up to its module of tests, without comments.
pub(super) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests");
    let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    let numbered = lines.into_iter().take(end).enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a line holds a word as a whole.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    positions(line, word).next().is_some()
}

/// Where the word stands as a whole.
fn positions<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_whole = move |at: &usize| {
        let (before, after) = (text[..*at].chars().next_back(), text[at + word.len()..].chars().next());
        let ends_open = word.ends_with(is_of_word) && after.is_some_and(is_of_word);
        let begins_open = word.starts_with(is_of_word) && before.is_some_and(is_of_word);
        !ends_open && !begins_open
    };
    text.match_indices(word).map(|(at, _)| at).filter(is_whole)
}

/// The room of a file, and how deep its module lies below the crate.
fn room_of(path: &str) -> (&str, usize) {
    let inner = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    match inner.split('/').next().unwrap_or_default() {
        "lib" => ("lib", 0),
        // The binary is one room of its own.
        "main" | "pinging" | "progress" => ("main", 0),
        room => (room, inner.split('/').count()),
    }
}

/// The first two segments of every path that a use tree, or a path, leads to: `a::{b, c::d}` leads to `a::b` and `a::c`.
fn leaves(tree: &str) -> Vec<String> {
    let mut paths = Vec::new();
    collect(tree, &[], &mut paths);
    paths
}

/// Reads one tree from the beginning of a text and returns what stands behind it.
fn collect<'a>(text: &'a str, above: &[&'a str], paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = collect(rest, above, paths).trim_start();
            match rest.strip_prefix(',') {
                Some(further) if !further.trim_start().starts_with('}') => rest = further,
                Some(further) => return further.trim_start().strip_prefix('}').unwrap_or_default(),
                None => return rest.strip_prefix('}').unwrap_or_default(),
            }
        }
    }
    let end = text.find(|c| !is_of_word(c) && c != '*').unwrap_or(text.len());
    let (segment, rest) = text.split_at(end);
    let here = [above, &[segment]].concat();
    if let Some(further) = rest.strip_prefix("::") {
        return collect(further, &here, paths);
    }
    paths.push(here.iter().take(2).copied().collect::<Vec<_>>().join("::"));
    // A new name for what is imported.
    rest.trim_start().strip_prefix("as ").map_or(rest, |name| name.trim_start().trim_start_matches(is_of_word))
}

/// What a file names of the crate, as `room::Item` or `room`.
fn named(text: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["crate::", "cosprobe::"] {
        found.extend(positions(text, root).flat_map(|at| leaves(&text[at + root.len()..])));
    }
    for at in positions(text, "super::") {
        if text[..at].ends_with("super::") {
            continue;
        }
        let rest = text[at..].trim_start_matches("super::");
        let up = (text.len() - at - rest.len()) / "super::".len();
        if depth > 0 && up >= depth {
            found.extend(leaves(rest));
        }
    }
    found
}

/// What a file of `src` names and may not.
pub(super) fn breaches(path: &str, text: &str) -> Vec<String> {
    let (room, depth) = room_of(path);
    let text = code(text).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{path}: the room {room} is not in the table")];
    };
    let may = |named: &str| {
        let to = named.split("::").next().unwrap_or_default();
        to == room || allowed.iter().any(|arrow| *arrow == "*" || *arrow == to || *arrow == named)
    };
    let mut found: Vec<String> = named(&text, depth)
        .into_iter()
        .filter(|named| !may(named))
        .map(|named| format!("{path} names {named}"))
        .collect();
    for (name, rooms) in CRATES.iter().filter(|(_, rooms)| !rooms.contains(&room)) {
        let is_crate = |at: usize| {
            let (before, after) = (&text[..at], &text[at + name.len()..]);
            let is_inner = before.ends_with("::") && !before.ends_with(" ::");
            !is_inner && (after.starts_with("::") || before.ends_with("use "))
        };
        if positions(&text, name).any(is_crate) {
            found.push(format!("{path} names the crate {name}, which is for {}", rooms.join(", ")));
        }
    }
    if PURE.contains(&room) {
        let impure = IMPURE.iter().filter(|word| has_word(&text, word));
        found.extend(impure.map(|word| format!("{path} says {word}, and its room is pure")));
        let modules: BTreeSet<String> = positions(&text, "std::").flat_map(|at| leaves(&text[at + 5..])).collect();
        for module in IMPURE_STD {
            let is_of = |named: &String| named.split("::").next() == Some(module);
            if modules.iter().any(is_of) {
                found.push(format!("{path} names std::{module}, and its room is pure"));
            }
        }
    }
    found
}

#[test]
fn a_planted_breach_is_caught() {
    for (path, text) in [
        ("src/diagnose/tcp.rs", "use crate::probe::Context;"),
        ("src/diagnose/tcp.rs", "use super::super::plan::Step;"),
        ("src/diagnose/tcp.rs", "use crate::config::{Policy, Signing};"),
        ("src/diagnose.rs", "use super::run::run;"),
        ("src/diagnose.rs", "fn f() { let now = jiff::Timestamp::now(); }"),
        ("src/diagnose.rs", "fn f() -> bool { crate::plan::steps().is_empty() }"),
        ("src/report/json.rs", "use crate::{\n    evidence::Evidence,\n    config::{Policy, Config},\n};"),
        ("src/report.rs", "use crate::*;"),
        ("src/plan.rs", "use tokio::time::sleep;"),
        ("src/plan/http.rs", "async fn f() {}"),
        ("src/run.rs", "use crate::diagnose;"),
        ("src/probe/tcp.rs", "#[cfg(test)]\nuse x;\nuse crate::report::Style;"),
        ("src/config.rs", "use clap::Parser;"),
        ("src/config.rs", "use std::env;"),
        ("src/config.rs", "use std::{collections::BTreeMap, fs::read};"),
        ("src/config.rs", "fn f() { std::process::exit(1) }"),
        ("src/target/host.rs", "use crate::evidence as e;"),
        ("src/sign.rs", "use std::time::SystemTime;"),
        ("src/lab/web.rs", "use crate::{error::Error, probe};"),
        ("src/novel.rs", ""),
    ] {
        assert_eq!(breaches(path, text).len(), 1, "{path}: {text}: {:?}", breaches(path, text));
    }
}

#[test]
fn what_is_allowed_is_not_a_breach() {
    for (path, text) in [
        ("src/diagnose/tcp.rs", "use super::{Finding, Severity};\nuse crate::config::{Policy, Route};"),
        ("src/diagnose/tcp.rs", "use super::super::diagnose::view;"),
        ("src/report/table/addresses.rs", "use super::super::Style;\nuse crate::evidence::{Evidence, Stage as S};"),
        ("src/report.rs", "use crate::error::exit;"),
        ("src/plan.rs", "//! Nothing of tokio:: and crate::report is here.\n/// [`crate::run`]\nfn f() {}"),
        ("src/plan.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::report::Style;\n}"),
        ("src/evidence.rs", "use crate::target::Target;\nfn f() { mytokio::g(); is_async(); }"),
        ("src/progress.rs", "use cosprobe::run::Progress;\nuse indicatif::ProgressBar;"),
        ("src/main.rs", "use cosprobe::cli::{Cli, Command};\nuse clap::Parser;"),
    ] {
        assert_eq!(breaches(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
