//! Markdown: how it looks, what it tells, and that nothing of the network gets out of its cell.

use cosprobe::report::{Format, Report, Style, render};
use cosprobe::text::Language;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::support::{Cosprobe, files, read, repository, run};

/// Reports that are shown, each with what follows on its findings.
const SHOWN: &[&str] = &[
    "tests/golden/bad-signature.json",
    "tests/golden/healthy-public.json",
    "tests/golden/name-not-found.json",
    "tests/golden/one-address-dead.json",
    "tests/golden/tls-untrusted.json",
    "tests/evidence/flow-broken-traced.json",
    "tests/evidence/three-targets.json",
];

fn markdown(text: &str) -> String {
    said(text, Language::English)
}

fn said(text: &str, language: Language) -> String {
    render(&Report::read(text).unwrap(), Format::Markdown, Style { language, ..Style::default() })
}

fn looks_like(name: &str, text: String) {
    let expected =
        snapbox::Data::read_from(&repository("tests/golden").join(name), Some(snapbox::data::DataFormat::Text));
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(text, expected.raw());
}

/// A finding that is not sure says in every rendering for people what else it could be.
#[test]
fn what_else_it_could_be_is_told() {
    let mut told = 0;
    for (path, text) in files("tests/evidence", &[".json"]) {
        let report = Report::read(&text).unwrap();
        let unsure = report.findings.iter().filter(|finding| finding.is_root() && !finding.candidates.is_empty());
        let count: usize = unsure.map(|finding| finding.candidates.len()).sum();
        let lines = markdown(&text).lines().filter(|line| line.starts_with("- or: ")).count();
        assert_eq!(lines, count, "{path}");
        let page = render(&report, Format::Html, Style::default());
        assert_eq!(page.matches(">or:").count(), count, "{path}");
        told += count;
    }
    assert!(told > 20, "{told}");
}

#[test]
fn it_looks_as_it_did() {
    for path in SHOWN {
        let name = path.rsplit('/').next().unwrap().replace(".json", "");
        looks_like(&format!("{name}.md"), markdown(&read(path)));
    }
}

#[test]
fn it_looks_as_it_did_in_chinese() {
    for path in ["golden/one-address-dead", "golden/bad-signature", "evidence/three-targets"] {
        let name = path.rsplit('/').next().unwrap();
        let text = said(&read(&format!("tests/{path}.json")), Language::Chinese);
        assert_eq!(live(&text), Vec::<String>::new(), "{text}");
        looks_like(&format!("{name}.zh.md"), text);
    }
}

/// The status of each target, in the order of the targets.
fn statuses(report: &Report, language: Language) -> Vec<String> {
    let word = |status: &str| cosprobe::text::Text::word(status).say(language);
    report.endpoints.iter().map(|view| word(view.verdict.status.as_str())).collect()
}

#[test]
fn several_targets_have_a_row_and_a_verdict_each_and_one_has_none() {
    let mut several = 0;
    for (path, text) in files("tests/evidence", &[".json"]) {
        let report = Report::read(&text).unwrap();
        for (language, heading) in [(Language::English, "### Targets\n"), (Language::Chinese, "### 目标\n")] {
            let shown = said(&text, language);
            let Some((_, rest)) = shown.split_once(heading) else {
                assert_eq!(report.endpoints.len(), 1, "{path}: {shown}");
                continue;
            };
            several += 1;
            let part = rest.split("###").next().unwrap();
            for (at, (view, status)) in report.endpoints.iter().zip(statuses(&report, language)).enumerate() {
                let (row, verdict) = (format!("| {} | ", at + 1), format!("{}. **", at + 1));
                let line = |begin: &str| part.lines().find(|line| line.starts_with(begin)).expect(&path);
                let (row, verdict) = (line(&row), line(&verdict));
                assert!(row.contains(&view.endpoint) && row.contains(&format!("| {status} |")), "{path}: {row}");
                assert!(verdict.contains(&format!("{status}**")), "{path}: {verdict}");
                assert!(view.verdict.code.iter().all(|code| row.contains(code) && verdict.contains(code)), "{path}");
            }
            assert_eq!(part.lines().filter(|line| line.starts_with("| ")).count(), report.endpoints.len() + 2);
        }
    }
    assert!(several >= 8, "{several}");
}

#[test]
fn it_goes_to_standard_output_or_a_file_and_can_be_redacted() {
    let diagnose = || Cosprobe::new(["diagnose", "--format=markdown", "--from=tests/golden/one-address-dead.json"]);
    let (ran, text) = (diagnose().run(), markdown(&read("tests/golden/one-address-dead.json")));
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), text.as_str(), ""));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.md");
    assert_eq!(diagnose().arguments(["-o"]).arguments([&file]).run().stdout, "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let redacted = diagnose().arguments(["--redact"]).run().stdout;
    assert!(redacted.contains("TCP007") && redacted.contains("stand-ins"), "{redacted}");
    assert!(!redacted.contains("examplebucket") && !redacted.contains("203.0.113"), "{redacted}");
}

#[test]
fn what_is_watched_is_no_report() {
    let ran = run(["dns", "bucket.example", "--watch-resolution=1s", "--format=markdown"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("--watch-resolution tells"), "{ran:?}");
}

/// Every document is read as a reader of GitHub's dialect reads it.
fn events(text: &str) -> Vec<Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS).collect()
}

/// The shape of a document: what it consists of, without its words.
fn shape(text: &str) -> Vec<String> {
    let tags = events(text).into_iter().filter_map(|event| match event {
        Event::Start(tag @ (Tag::Heading { .. } | Tag::Item | Tag::TableRow | Tag::TableCell | Tag::CodeBlock(_))) => {
            Some(format!("{tag:?}"))
        }
        Event::Html(_) | Event::InlineHtml(_) | Event::Rule => Some(format!("{event:?}")),
        _ => None,
    });
    tags.collect()
}

/// What a program could make more of than text: HTML, links, pictures, mentions, references.
fn live(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for event in events(text) {
        match &event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. }) => {
                found.push(format!("{event:?}"));
            }
            Event::Text(words) if !in_block => {
                let is_live =
                    ["@", "#", "://", "www.", "mailto", "<", ">", "]("].iter().any(|sign| words.contains(sign));
                found.extend(is_live.then(|| words.to_string()));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_frozen_report_can_be_shown_and_nothing_in_it_is_live() {
    let mut frozen = files("tests/evidence", &[".json"]);
    frozen.extend(files("tests/golden", &[".json"]));
    assert!(frozen.len() > 100, "{}", frozen.len());
    for (path, text) in frozen {
        for text in [markdown(&text), said(&text, Language::Chinese)] {
            assert_eq!(live(&text), Vec::<String>::new(), "{path}: {text}");
            assert!(text.starts_with("**") && text.ends_with('\n') && !text.ends_with("\n\n"), "{path}: {text}");
        }
    }
}

/// A report with a text wherever others choose the words.
pub(crate) fn planted(words: &str) -> Report {
    let mut document: Value = serde_json::from_str(&read("tests/golden/bad-signature.json")).unwrap();
    document["targets"][0]["region"] = words.into();
    document["labels"][words] = words.into();
    for observation in document["evidence"].as_array_mut().unwrap() {
        let detail = &mut observation["detail"];
        if detail["type"] == "machine" {
            detail["kernel"] = words.into();
            detail["container"] = words.into();
        }
        if detail["error"].is_object() {
            for member in ["code", "message", "request_id"] {
                detail["error"][member] = words.into();
            }
        }
        for header in detail["headers"].as_array_mut().into_iter().flatten() {
            header["value"] = words.into();
        }
        if detail["type"] == "http" {
            detail["path"] = words.into();
        }
    }
    Report::read(&document.to_string()).unwrap()
}

/// Texts of somebody who wants out.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "| a | b |",
    "`x` | <b>",
    "``` \n```\n# heading",
    "[click](https://x.example)",
    "![x](https://x.example/x.png)",
    "https://x.example www.x.example me@x.example @all #12 ABC-12",
    "\u{202e}desrever\u{1b}[2J",
    "- [ ] item\n1. one\n***\n---",
    "\\`<i>\\`",
    "'; rm -rf / #",
    "<!-- & &lt; -->",
];

#[test]
fn a_stranger_changes_words_and_not_the_document() {
    let plain = render(&planted("words"), Format::Markdown, Style::default());
    for words in HOSTILE {
        let text = render(&planted(words), Format::Markdown, Style::default());
        assert_eq!(live(&text), Vec::<String>::new(), "{words}: {text}");
        assert_eq!(shape(&text), shape(&plain), "{words}: {text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{words}: {text}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_words_leave_the_document_as_it_is(words in "[a1 `|<>@#*_\\[\\]()!\\\\&;:/.~+=-]{1,24}") {
        let plain = render(&planted("words"), Format::Markdown, Style::default());
        let text = render(&planted(&words), Format::Markdown, Style::default());
        proptest::prop_assert_eq!(live(&text), Vec::<String>::new(), "{}", text);
        proptest::prop_assert_eq!(shape(&text), shape(&plain), "{}", text);
    }
}

/// The commands of a report.
fn commands(text: &str) -> Vec<&str> {
    let block = text.split_once("```sh\n").map_or("", |(_, rest)| rest.split("```").next().unwrap());
    block.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn the_commands_are_those_that_bear_on_the_findings() {
    let of = |path: &str| markdown(&read(path));
    assert!(commands(&of("tests/golden/healthy-public.json")).is_empty(), "nothing is wrong");
    let host = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
    for (path, has, has_not) in [
        (
            "tests/golden/one-address-dead.json",
            &[
                "nslookup -port=40720 examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com 127.0.0.1",
                "ip route get 203.0.113.11",
                "timeout 5 telnet 203.0.113.11 443 </dev/null",
                "curl -sSI -m 10 --resolve examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com:443:203.0.113.11 \
                'https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/'",
            ][..],
            "openssl",
        ),
        (
            "tests/golden/tls-untrusted.json",
            &[&*format!("openssl s_client -connect 203.0.113.10:443 -servername {host} </dev/null")],
            "timeout",
        ),
        (
            "tests/golden/bad-signature.json",
            &[&*format!("curl -sSI -m 10 --resolve {host}:443:169.254.0.47 'https://{host}/'")],
            "openssl",
        ),
    ] {
        let text = of(path);
        let commands = commands(&text);
        for command in has {
            assert!(commands.contains(command), "{path}: {commands:#?}");
        }
        assert!(!commands.iter().any(|command| command.starts_with(has_not)), "{path}: {commands:#?}");
    }
}

#[test]
fn the_commands_are_single_words_to_a_shell_whatever_a_report_says() {
    for words in HOSTILE {
        let report = planted(words);
        let text = render(&report, Format::Markdown, Style::default());
        let lines = commands(&text);
        let counts = [("nslookup", 4), ("curl", 7)];
        assert!(counts.iter().all(|(name, _)| lines.iter().any(|line| line.starts_with(name))), "{text}");
        for line in lines {
            let script = format!("set -f; for word in {line}; do printf '%s\\n' \"$word\"; done");
            let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            let words = String::from_utf8(ran.stdout).unwrap();
            let count = counts.iter().find(|(name, _)| line.starts_with(name)).map(|(_, count)| *count);
            assert!(ran.status.success() && Some(words.lines().count()) == count, "{line}: {words}");
        }
    }
    let mut document: Value = serde_json::from_str(&read("tests/golden/bad-signature.json")).unwrap();
    let host = document["targets"][0]["host"].as_str().unwrap().to_owned();
    for name in ["-oProxyCommand=x", "$(id)", "a b", "a;b"] {
        document = serde_json::from_str(&document.to_string().replace(&host, name)).unwrap();
        assert!(commands(&markdown(&document.to_string())).is_empty(), "{name}");
        document = serde_json::from_str(&document.to_string().replace(name, &host)).unwrap();
    }
}
