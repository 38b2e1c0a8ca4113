//! The HTML report: one file that asks for nothing, in which foreign text stays text; and what a browser makes of it (`browser`).

mod browser;

use std::collections::BTreeMap;

use cosprobe::diagnose::CODES;
use cosprobe::report::{Format, Report, Style, render};
use cosprobe::text::Language;

use crate::markdown::{HOSTILE, planted};
use crate::support::{Cosprobe, files, read, run};

fn html(text: &str) -> String {
    of(&Report::read(text).unwrap())
}

fn of(report: &Report) -> String {
    render(report, Format::Html, Style::default())
}

/// The tags of a document in order. What is between `<` and `>` is one: text has neither, and a value in a tag has none here.
fn tags(text: &str) -> Vec<&str> {
    let (head, body) = text.split_once("<style>").unwrap();
    let body = body.split_once("</style>").unwrap().1;
    [head, body]
        .into_iter()
        .flat_map(|part| part.split('<').skip(1))
        .map(|part| part.split_once('>').expect("every tag ends").0)
        // Commands between backquotes have one.
        .filter(|tag| !matches!(*tag, "code" | "/code"))
        .collect()
}

#[test]
fn a_document_is_whole_and_asks_for_nothing() {
    let mut frozen = files("tests/evidence", &[".json"]);
    frozen.extend(files("tests/golden", &[".json"]));
    assert!(frozen.len() > 100, "{}", frozen.len());
    for (path, text) in frozen {
        let report = Report::read(&text).unwrap();
        let text = of(&report);
        assert!(text.starts_with("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"), "{path}");
        assert!(text.ends_with("</html>\n"), "{path}");
        let policy = "content=\"default-src 'none'; style-src 'unsafe-inline'\"";
        assert!(text.contains(policy) && text.contains("name=\"viewport\""), "{path}");
        let mut open: Vec<&str> = Vec::new();
        for tag in tags(&text) {
            let name = tag.split(' ').next().unwrap();
            // What is outside of quotes.
            let mut names = tag.split('"').step_by(2);
            let loads =
                ["script", "img", "link", "iframe", "object", "embed", "form", "base", "/script"].contains(&name);
            assert!(
                !loads && !names.any(|names| [" on", " src=", " style="].iter().any(|name| names.contains(name))),
                "{path}: {tag}"
            );
            assert!(tag.split_once("href=\"").is_none_or(|(_, target)| target.starts_with('#')), "{path}: {tag}");
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{path}: {tag}"),
                None if ["!DOCTYPE", "meta", "hr", "br", "wbr"].contains(&name) => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{path}: {open:?}");
        for finding in report.findings.iter().filter(|finding| finding.is_root()) {
            assert!(text.contains(&format!("id=\"page-{}\"", finding.code)), "{path}: {}", finding.code);
        }
    }
    let style_sheet = read("src/report/html/style.css");
    assert!(!["url(", "@import", "http", "<"].iter().any(|word| style_sheet.contains(word)), "{style_sheet}");
}

#[test]
fn it_tells_what_the_table_tells() {
    for (path, text) in files("tests/golden", &[".json"]) {
        let report = Report::read(&text).unwrap();
        let text = of(&report);
        let escaped =
            |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        assert!(text.contains(report.verdict.status.as_str()), "{path}");
        assert!(text.contains(&escaped(&report.verdict.summary.to_string())), "{path}");
        for finding in &report.findings {
            assert!(text.contains(&format!("{} {}", finding.code, finding.name)), "{path}: {finding:?}");
        }
        for view in &report.addresses {
            assert!(text.contains(&format!("<td>{}</td>", view.ip)), "{path}: {}", view.ip);
        }
    }
    let text = html(&read("tests/evidence/flow-broken-traced.json"));
    for wanted in ["100.64.12.2", "nothing answers beyond TTL 3", "class=\"phase-4\"", "class=\"dot\"", "ip route get"]
    {
        assert!(text.contains(wanted), "{wanted}");
    }
}

#[test]
fn each_of_several_targets_has_a_row_that_leads_to_its_section_and_a_single_one_has_none() {
    let mut several = 0;
    for (path, text) in files("tests/evidence", &[".json"]) {
        let report = Report::read(&text).unwrap();
        for language in [Language::English, Language::Chinese] {
            let shown = render(&report, Format::Html, Style { language, ..Style::default() });
            let rows = shown.split_once("<section class=\"targets\">").map(|(_, rest)| rest.split("</section>").next());
            let Some(Some(rows)) = rows else {
                assert!(report.endpoints.len() == 1 && !shown.contains("target-1"), "{path}");
                continue;
            };
            several += 1;
            let rows: Vec<&str> = rows.split("<tr>").skip(2).collect();
            assert_eq!(rows.len(), report.endpoints.len(), "{path}");
            for (row, view) in rows.iter().zip(&report.endpoints) {
                let id = row.split_once("href=\"#").unwrap().1.split('"').next().unwrap();
                let (_, section) = shown.split_once(&format!("<section id=\"{id}\">")).expect(id);
                assert!(section.starts_with(&format!("<h2>{}</h2>", view.endpoint)), "{path}: {id}");
                let status = cosprobe::text::Text::word(view.verdict.status.as_str()).say(language);
                assert!(row.contains(&format!("</span>{status}</span>")), "{path}: {row}");
                let section = section.split("</section>").next().unwrap();
                assert!(section.contains(&format!("</span>{status}</span>")), "{path}: {section}");
                assert!(view.verdict.code.iter().all(|code| row.contains(code) && section.contains(code)), "{path}");
            }
        }
    }
    assert!(several >= 8, "{several}");
}

#[test]
fn the_page_of_every_finding_is_shown_as_it_should() {
    let mut report = Report::read(&read("tests/golden/one-address-dead.json")).unwrap();
    let finding = report.findings[0].clone();
    report.findings = CODES
        .iter()
        .map(|row| cosprobe::diagnose::Finding {
            code: row.code.to_owned(),
            name: row.name.to_owned(),
            ..finding.clone()
        })
        .collect();
    let text = of(&report);
    assert_eq!(text.matches("<details").count(), CODES.len());
    assert!(
        !text.contains("\"stage\": \"connect\"") && !text.contains("&quot;stage&quot;"),
        "the evidence is left out"
    );
    assert!(!text.contains("<h5") && text.matches("<h4>How to fix it</h4>").count() > CODES.len() / 2);
    // A page stands once, and further findings of its code lead there.
    report.findings.extend(report.findings.clone());
    let text = of(&report);
    assert_eq!((text.matches("<details").count(), text.matches("href=\"#page-").count()), (CODES.len(), CODES.len()));
}

#[test]
fn it_goes_to_a_file_and_can_be_redacted() {
    let diagnose = || Cosprobe::new(["diagnose", "--format=html", "--from=tests/golden/one-address-dead.json"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.html");
    let ran = diagnose().arguments(["-o"]).arguments([&file]).run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), html(&read("tests/golden/one-address-dead.json")));
    let redacted = diagnose().arguments(["--redact"]).run().stdout;
    assert!(redacted.contains("TCP007") && redacted.contains("stand-ins"), "{redacted}");
    // The page of the finding has an example bucket of its own.
    let told = redacted.split("<details").next().unwrap();
    assert!(!told.contains("examplebucket") && !told.contains("203.0.113"), "{told}");
    let demo = run(["demo", "one-address-dead", "--format=html"]);
    assert!(demo.stdout.starts_with("<!DOCTYPE html>") && demo.stdout.contains("TCP007"), "{demo:?}");
}

/// Whether nothing in a text controls a terminal or turns what surrounds it around.
fn is_harmless(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{200e}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| (c.is_control() && c != '\n') || turns(c))
}

#[test]
fn a_stranger_changes_words_and_no_tag() {
    let plain = of(&planted("words"));
    for words in HOSTILE {
        let text = of(&planted(words));
        assert_eq!(tags(&text), tags(&plain), "{words}");
        assert!(is_harmless(&text), "{words}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_words_leave_the_tags_as_they_are(words in "[<>\"'`&a1 /=!-]{0,12}\\PC{0,12}[\u{0}-\u{1f}\u{200e}\u{202e}\u{2066}]{0,3}") {
        let (plain, text) = (of(&planted("words")), of(&planted(&format!("x{words}"))));
        proptest::prop_assert_eq!(tags(&text), tags(&plain));
        proptest::prop_assert!(is_harmless(&text));
    }
}

/// The colours of a block of the style sheet by their names, as red, green and blue.
fn palette(block: &str) -> BTreeMap<&str, [f64; 3]> {
    let block = block.split_once(":root {").unwrap().1.split('}').next().unwrap();
    block
        .split(';')
        .filter_map(|line| {
            let (name, value) = line.split_once(": #")?;
            let part = |at: usize| f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
            Some((name.trim(), [part(0), part(2), part(4)]))
        })
        .collect()
}

/// The contrast of two colours (WCAG 2.2, "contrast ratio").
pub(super) fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let luminance =
        |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn colours_can_be_told_from_what_they_stand_on() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 0.01);
    let sheet = read("src/report/html/style.css");
    let (light, rest) = sheet.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let (dark, print) = rest.split_once("@media print").unwrap();
    for (name, colours) in [("light", palette(light)), ("dark", palette(dark)), ("print", palette(print))] {
        assert_eq!(colours.len(), 15, "{name}");
        for (which, colour) in colours.iter().filter(|(which, _)| !["--back", "--panel", "--line"].contains(*which)) {
            let least = if which.starts_with("--phase") { 3.0 } else { 4.5 };
            for behind in ["--back", "--panel"] {
                let ratio = contrast(*colour, colours[behind]);
                assert!(ratio >= least, "{name}: {which} on {behind} has {ratio:.2}");
            }
        }
    }
}
