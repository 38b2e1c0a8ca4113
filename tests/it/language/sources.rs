//! What the sources say: the templates of `text!`, and the words of the tables that are shown.

use std::collections::BTreeMap;

use cosprobe::addr::RANGES;
use cosprobe::evidence::{FailureKind, Hypothesis, NotRunReason};
use cosprobe::region::REGIONS;

use crate::support::read;
use crate::tidy::{code_of, sources};

/// Functions whose words are shown.
const WORDS: [(&str, &str); 11] = [
    ("src/diagnose.rs", "as_str"),
    ("src/diagnose/answers.rs", "as_str"),
    ("src/diagnose/path.rs", "as_str"),
    ("src/diagnose/verdict.rs", "as_str"),
    ("src/addr.rs", "as_str"),
    ("src/config.rs", "as_str"),
    ("src/target.rs", "describe"),
    ("src/evidence.rs", "describe"),
    ("src/evidence/path.rs", "describe"),
    ("src/evidence/exchange.rs", "word"),
    ("src/report/table/addresses.rs", "short_failure"),
];

/// Words that are what they are in every language.
const NAMES: [&str; 3] = ["-", "TCP", "UDP"];

/// What the table of addresses makes of failures: without `handshake_` and the like.
const SHORT: [&str; 7] = ["timeout", "reset", "closed", "alert", "failed", "malformed", "too large"];

/// What keys were found to be, and the roots that are trusted, as it is recorded.
const RECORDED: [&str; 9] = [
    "not set",
    "no such file",
    "not asked for",
    "HOME is not set",
    "not asked: not a Tencent machine",
    "not asked: --metadata never",
    "this machine has no role",
    "metadata service",
    "no system roots",
];

/// English with its Chinese.
pub(super) fn catalogue() -> BTreeMap<String, String> {
    serde_json::from_str(&read("src/text/zh.json")).unwrap()
}

/// The literals of a piece of code: where each begins, and what it holds.
fn literals(code: &str) -> Vec<(usize, String)> {
    let (mut found, bytes, mut at) = (Vec::new(), code.as_bytes(), 0);
    while at < bytes.len() {
        match bytes[at] {
            // A character, and not a lifetime.
            b'\'' if bytes.get(at + 1) == Some(&b'\\') => at += 4,
            b'\'' if bytes.get(at + 2) == Some(&b'\'') => at += 3,
            b'"' => {
                let begin = at;
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                // Rust's escapes that are used are those of JSON.
                found.push((begin, serde_json::from_str(&code[begin..at]).unwrap_or_default()));
            }
            _ => at += 1,
        }
    }
    found
}

/// Whether a literal is the template of a text.
fn is_template(code: &str, begin: usize) -> bool {
    code[..begin].trim_end().ends_with("text!(")
}

/// Every template.
pub(super) fn templates() -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let code = code_of(&text);
        let own: Vec<String> =
            literals(&code).into_iter().filter(|(at, _)| is_template(&code, *at)).map(|(_, text)| text).collect();
        // Each use has a literal, so that none is missed. The macro itself uses its own arm for parts.
        let uses = code.matches("text!(").count() - code.matches("$crate::text!(@part").count();
        assert_eq!(own.len(), uses, "{path}");
        found.extend(own);
    }
    found
}

/// Every word of the tables that are shown.
pub(super) fn words() -> Vec<String> {
    let mut found: Vec<&str> = FailureKind::TABLE.iter().map(|(_, word, _)| *word).collect();
    found.extend(NotRunReason::TABLE.iter().map(|(_, word, _)| *word));
    found.extend(Hypothesis::TABLE.iter().map(|(_, word, _)| *word));
    let mut found: Vec<String> = found.into_iter().map(|word| word.replace('_', " ")).collect();
    for (path, function) in WORDS {
        let code = code_of(&read(path));
        let bodies: Vec<&str> = code.split(&format!("fn {function}(")).skip(1).collect();
        assert!(!bodies.is_empty(), "{path} has no {function}");
        for body in bodies.into_iter().filter(|body| !body.contains("strip_prefix")) {
            let body = body.split("\n    }\n").next().unwrap_or_default();
            found.extend(literals(body).into_iter().map(|(_, word)| word.replace('_', " ")));
        }
    }
    found.extend(RANGES.iter().filter_map(|range| range.doubt).map(str::to_owned));
    found.extend(REGIONS.iter().flat_map(|region| [region.place, region.country]).map(str::to_owned));
    let all: String = sources().into_iter().map(|(_, text)| text).collect();
    assert!(RECORDED.iter().all(|said| all.contains(&format!("\"{said}"))), "nothing records one of {RECORDED:?}");
    found.extend(SHORT.into_iter().chain(RECORDED).map(str::to_owned));
    found.retain(|word| !NAMES.contains(&word.as_str()));
    found
}

/// Literals of rules and renderings that are sentences and no texts.
pub(super) fn loose_sentences() -> Vec<String> {
    let is_word = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase() || c == '\'');
    let is_sentence = |text: &str| {
        let words: Vec<&str> = text.split(' ').collect();
        words.windows(2).any(|pair| pair.iter().all(|word| is_word(word)))
    };
    let mut found = Vec::new();
    for (path, text) in sources() {
        let is_of_people =
            ["src/diagnose", "src/report", "src/serve/pages/"].iter().any(|begin| path.starts_with(begin))
                && !EXCEPTED.iter().any(|excepted| path == *excepted);
        let code = code_of(&text);
        for (at, literal) in literals(&code).into_iter().filter(|_| is_of_people) {
            let is_reason = code[..at].trim_end().ends_with("reason =");
            if is_sentence(&literal) && !is_template(&code, at) && !is_reason && !KEPT.contains(&literal.as_str()) {
                found.push(format!("{path}: {literal}"));
            }
        }
    }
    found
}

/// Titles of findings, which have a catalogue of their own, descriptions in a schema, in the help or of metrics, and why a file is no
/// report.
const EXCEPTED: [&str; 7] = [
    "src/diagnose/codes.rs",
    "src/report/schema.rs",
    "src/report.rs",
    "src/report/saved.rs",
    "src/report/prometheus.rs",
    "src/report/prometheus/network.rs",
    "src/report/prometheus/exchange.rs",
];

/// Words of COS that are looked for, the subject of a finding, a certificate's name, and commands.
const KEPT: [&str; 14] = [
    "Request has expired",
    "policy condition",
    "Strict signature missing",
    "this machine",
    "cosprobe lab",
    "{ip} route change default via GATEWAY dev INTERFACE",
    "cosprobe explain {}",
    "light dark",
    "ip route show",
    "sudo nft list ruleset",
    "ip rule show",
    "ip route get {}",
    "getent ahosts {host}",
    "cosprobe trace -p {} {}",
];
