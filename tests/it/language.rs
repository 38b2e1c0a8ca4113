//! Everything that is for people can be said in Chinese: each sentence of the sources has a translation with the same parts, no
//! translation is left over, and no English is left in what is rendered.

mod sources;

use std::collections::BTreeSet;

use cosprobe::diagnose::CODES;
use cosprobe::report::{Format, Report, Style, View, render};
use cosprobe::text::Language;

use crate::support::{Cosprobe, files, read, repository};
use sources::{catalogue, loose_sentences, templates, words};

/// Entries that are the same in Chinese, or have signs and parts only.
const WITHOUT_CHINESE: [&str; 7] = ["TCP", "TLS", "HTTP", "HTTPS", "TTL", "VPC", "DNSPod"];

/// Entries with a word that is a name in every language.
const NAMES: [&str; 14] = [
    "A {a}; B {b}",
    "{who} HEAD",
    "Code: {code}",
    "Message: {message}",
    "systemd-resolved",
    "NodeLocal DNSCache",
    "ttl",
    "rtt ms",
    "{kind} (ICMP {icmp})",
    ", RTT {time}",
    " (HEAD: {status})",
    ", Server: {server}",
    "--- {endpoint} at {peer} ---",
    "{servers} {is_silent} for {host} ({words})",
];

/// Entries of which only the parts are left.
const PARTS_ONLY: [&str; 9] = [
    "{bucket} in {region}",
    " of {peer}",
    " of {subject}",
    "{what} of {subject}",
    "{endpoint} at {place}",
    "{status} [{route} route]{code}",
    "{status} [{route} route]{code}: {summary}",
    "({route} route){code}: {summary}",
    "{route} route{code}",
];

fn is_han(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// The names of the parts, in the order of the alphabet.
fn parts(template: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

/// The template without its parts.
fn fixed(template: &str) -> String {
    let behind = template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(_, behind)| behind);
    template.split('{').take(1).chain(behind).collect()
}

fn commands(template: &str) -> BTreeSet<&str> {
    template.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_sentence_and_word_is_translated() {
    let (catalogue, templates) = (catalogue(), templates());
    assert!(templates.len() > 700, "{}", templates.len());
    let has_letters = |template: &&String| fixed(template).chars().any(char::is_alphabetic);
    let wanted = templates.iter().filter(has_letters).cloned().chain(words());
    let missing: Vec<String> = wanted.filter(|template| !catalogue.contains_key(template)).collect();
    assert!(missing.is_empty(), "src/text/zh.json lacks {missing:#?}");
}

#[test]
fn no_translation_is_left_over() {
    let known: BTreeSet<String> = templates().into_iter().chain(words()).collect();
    let unused: Vec<String> = catalogue().into_keys().filter(|template| !known.contains(template)).collect();
    assert!(unused.is_empty(), "nothing says {unused:#?}");
}

#[test]
fn a_translation_has_the_same_parts_and_commands() {
    for (english, chinese) in catalogue() {
        assert_eq!(parts(&english), parts(&chinese), "{english}");
        assert_eq!(commands(&english), commands(&chinese), "{english}");
    }
}

#[test]
fn a_translation_is_chinese() {
    for (english, chinese) in catalogue() {
        let excepted = [&WITHOUT_CHINESE[..], &NAMES, &PARTS_ONLY].concat().contains(&english.as_str());
        let is_plain = !fixed(&english).chars().any(char::is_alphabetic);
        let has_han = chinese.chars().any(is_han);
        assert_eq!(has_han, !(excepted || is_plain), "{english}: {chinese}");
    }
}

#[test]
fn chinese_has_full_width_signs_and_blanks_around_latin() {
    for (english, chinese) in catalogue() {
        let text: String = chinese.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let letters: Vec<char> = text.chars().collect();
        for pair in letters.windows(2) {
            let is_half = |c: char| ",;:!?()".contains(c);
            let wrong = is_han(pair[0]) && is_half(pair[1]) || is_half(pair[0]) && is_han(pair[1]);
            let tight = is_han(pair[0]) && pair[1].is_ascii_alphanumeric()
                || pair[0].is_ascii_alphanumeric() && is_han(pair[1]);
            assert!(!wrong && !tight, "{english}: {chinese}");
        }
    }
}

/// Rules and renderings have no other way to say something.
#[test]
fn no_sentence_stands_outside_of_a_text() {
    let found = loose_sentences();
    assert!(found.is_empty(), "text! is the way to say {found:#?}");
}

#[test]
fn the_pages_that_are_compiled_in_are_those_that_are_there() {
    let is_page = |code: &&str| repository(&format!("docs/explain/zh/{code}.md")).exists();
    let (there, compiled): (Vec<&str>, Vec<&str>) = (
        CODES.iter().map(|row| row.code).filter(is_page).collect(),
        CODES.iter().map(|row| row.code).filter(|code| Language::Chinese.page(code).is_some()).collect(),
    );
    assert_eq!(compiled, there, "src/text/catalogue.rs has the list");
}

/// Every recorded report with its path.
fn reports() -> Vec<(String, String)> {
    let mut all = files("tests/evidence", &[".json"]);
    all.extend(files("tests/golden", &[".json"]));
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// What others said and this program passes on: messages, headers, rules.
fn recorded(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Array(items) => {
            // Lists of names are shown in one line.
            found.push(items.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(" "));
            for item in items {
                recorded(item, found);
            }
        }
        serde_json::Value::Object(members) => {
            for member in members.values() {
                recorded(member, found);
            }
        }
        _ => {}
    }
}

/// Three words of English in a row, outside of commands.
fn english(text: &str) -> Option<String> {
    let prose = text.split('`').step_by(2).collect::<Vec<_>>().join(" | ");
    let words: Vec<&str> = prose.split(' ').collect();
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase());
    words.windows(3).find(|three| three.iter().all(is_word)).map(|three| three.join(" "))
}

/// What a report is rendered as for people.
const RENDERED: [(View, Format); 5] = [
    (View::Addresses, Format::Table),
    (View::Exchanges, Format::Table),
    (View::Resolution, Format::Table),
    (View::Addresses, Format::Markdown),
    (View::Addresses, Format::Html),
];

/// What a reader of a page sees as text, without commands: the words between the tags, in lines.
fn prose_of_html(page: &str) -> String {
    let without = |text: &str, begin: &str, end: &str| {
        let mut parts = text.split(begin);
        let first = parts.next().unwrap_or_default().to_owned();
        let behind = parts.map(|part| part.split_once(end).expect("every element ends").1);
        behind.fold(first, |before, behind| format!("{before}` `{behind}"))
    };
    // The pages of the findings quote what other programs say.
    let page = without(&without(page, "<style>", "</style>"), "</summary>", "</details>");
    let page = without(&page, "<code>", "</code>");
    let words = page.split('<').map(|part| part.split_once('>').map_or(part, |(_, words)| words));
    let words = words.collect::<Vec<_>>().join("\n");
    words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[test]
fn nothing_english_is_left_in_what_is_rendered() {
    assert_eq!(english("用 a network team 处理").as_deref(), None);
    assert_eq!(english("用 the network team 处理").as_deref(), Some("the network team"));
    for (path, text) in reports() {
        let report = Report::read(&text).unwrap();
        let mut others = Vec::new();
        recorded(&serde_json::to_value(report.observed()).unwrap(), &mut others);
        others.retain(|text| text.contains(' '));
        others.sort_by_key(|text| std::cmp::Reverse(text.len()));
        for (view, format) in RENDERED {
            let style = Style { view, language: Language::Chinese, width: 120, ..Style::default() };
            let shown = render(&report, format, style);
            let shown = if format == Format::Html { prose_of_html(&shown) } else { shown };
            let plain = |text: &str| text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ");
            let text = others.iter().fold(plain(&shown), |text, other| text.replace(&plain(other), "…"));
            // Commands stand in a block of their own, with comments between them.
            let fenced = shown.split("```").enumerate().flat_map(|(at, part)| part.lines().map(move |line| (at, line)));
            let prose = fenced.filter(|(at, line)| at % 2 == 0 || line.starts_with('#')).map(|(_, line)| line);
            let left = prose.filter_map(english).find(|words| text.contains(words));
            assert_eq!(left, None, "{path}: {shown}");
        }
    }
}

/// Columns of a line. The last line is never wrapped.
#[test]
fn chinese_fits_into_80_columns() {
    let columns =
        |line: &str| line.chars().map(|c| if c.is_ascii() || "…–×±·".contains(c) { 1 } else { 2 }).sum::<usize>();
    for (path, text) in reports() {
        let report = Report::read(&text).unwrap();
        for view in [View::Addresses, View::Exchanges, View::Resolution] {
            let style = Style { view, language: Language::Chinese, ..Style::default() };
            let shown = render(&report, Format::Table, style);
            let lines: Vec<&str> = shown.lines().collect();
            for line in &lines[..lines.len() - 1] {
                // A word that cannot be broken may be longer.
                let is_one_word = line.trim_start().split(' ').any(|word| columns(word) > 60);
                assert!(columns(line) <= 80 || is_one_word, "{path}: {line}\n{shown}");
            }
        }
    }
}

#[test]
fn a_chinese_table_looks_as_it_did() {
    let report = Report::read(&read("tests/golden/one-address-dead.json")).unwrap();
    let table = render(&report, Format::Table, Style { language: Language::Chinese, ..Style::default() });
    let path = repository("tests/golden/one-address-dead.zh.txt");
    let expected = snapbox::Data::read_from(&path, Some(snapbox::data::DataFormat::Text)).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(table, expected);
}

#[test]
fn the_language_is_that_of_the_flag_the_variable_or_the_locale() {
    let said = |flags: &[&str], variables: &[(&str, &str)]| {
        let ran = Cosprobe::new(["explain", "--list"]).arguments(flags);
        let ran = variables.iter().fold(ran, |ran, (name, value)| ran.variable(name, value)).run();
        if ran.stdout.contains("域名不存在") { "zh" } else { "en" }
    };
    assert_eq!(said(&[], &[]), "en");
    assert_eq!(said(&["--lang", "zh"], &[]), "zh");
    assert_eq!(said(&[], &[("COSPROBE_LANG", "zh")]), "zh");
    assert_eq!(said(&[], &[("LANG", "zh_CN.UTF-8")]), "zh");
    assert_eq!(said(&[], &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), "en");
    assert_eq!(said(&["--lang", "en"], &[("LANG", "zh_CN.UTF-8")]), "en");
}

#[test]
fn json_is_english() {
    let path = repository("tests/golden/one-address-dead.json");
    let judged = |language: &str| {
        Cosprobe::new(["diagnose", "--format", "json", "--lang", language, "--from"]).arguments([&path]).run().stdout
    };
    assert_eq!(judged("zh"), judged("en"));
}
