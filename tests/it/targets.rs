//! Several targets in one run: a row and a verdict for each, and the worst for all.

use cosprobe::diagnose::{EndpointView, Verdict};
use cosprobe::report::{Format, Report, Style, exit_code, render};
use cosprobe::text::Language;

use crate::support::{Cosprobe, files, read, repository};

/// Every recorded report with its path.
fn reports() -> Vec<(String, Report)> {
    let all = files("tests/evidence", &[".json"]).into_iter().chain(files("tests/golden", &[".json"]));
    all.map(|(path, text)| (path.clone(), Report::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"))))
        .collect()
}

fn recorded(name: &str) -> Report {
    Report::read(&read(&format!("tests/evidence/{name}.json"))).unwrap()
}

fn shown(report: &Report, style: Style) -> String {
    render(report, Format::Table, style)
}

/// Status and code of each.
fn verdicts(report: &Report) -> Vec<(&str, Option<&str>)> {
    report.endpoints.iter().map(|view| (view.verdict.status.as_str(), view.verdict.code.as_deref())).collect()
}

#[test]
fn each_target_has_a_verdict_of_its_own() {
    for (name, exit, wanted) in [
        ("healthy-plus-inconclusive", 3, vec![("healthy", None), ("inconclusive", None)]),
        ("degraded-plus-inconclusive", 1, vec![("degraded", Some("AUT003")), ("inconclusive", None)]),
        ("three-targets", 1, vec![("healthy", None), ("unreachable", Some("DNS001")), ("inconclusive", None)]),
    ] {
        let report = recorded(name);
        assert_eq!(verdicts(&report), wanted, "{name}");
        assert_eq!(exit_code(&report, cosprobe::diagnose::Severity::Error), exit, "{name}");
    }
}

#[test]
fn the_worst_verdict_is_that_of_the_run() {
    let mut several = 0;
    for (path, report) in reports() {
        let of_each = || report.endpoints.iter().map(|view: &EndpointView| &view.verdict);
        assert_eq!(of_each().map(|verdict: &Verdict| verdict.status).max(), Some(report.verdict.status), "{path}");
        let codes: Vec<_> = of_each().filter_map(|verdict| verdict.code.as_ref()).collect();
        assert!(report.verdict.code.iter().all(|code| codes.contains(&code)), "{path}: {codes:?}");
        if let [only] = report.endpoints.as_slice() {
            assert_eq!(only.verdict, report.verdict, "{path}");
        } else {
            several += 1;
        }
    }
    assert!(several >= 8, "{several}");
}

/// The lines before the details of the first target.
fn head(report: &Report, style: Style) -> Vec<String> {
    let first = &report.targets[0].host;
    let text = shown(report, style);
    text.lines().take_while(|line| line != first).map(str::to_owned).collect()
}

#[test]
fn several_targets_begin_with_a_row_and_a_verdict_each() {
    let three = recorded("three-targets");
    let expected = repository("tests/golden/three-targets.txt");
    let expected = snapbox::Data::read_from(&expected, Some(snapbox::data::DataFormat::Text)).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(shown(&three, Style::default()), expected);
    for language in [Language::English, Language::Chinese] {
        for (report, count) in [(recorded("healthy-plus-inconclusive"), 2), (recorded("three-targets"), 3)] {
            let head = head(&report, Style { language, ..Style::default() });
            let numbers = |blanks: &str| -> Vec<usize> {
                (1..=9).filter(|n| head.iter().any(|line| line.starts_with(&format!("{n}{blanks}")))).collect()
            };
            assert_eq!(numbers("  "), (1..=count).collect::<Vec<_>>(), "{head:#?}");
            for view in &report.endpoints {
                let status = cosprobe::text::Text::word(view.verdict.status.as_str()).say(language);
                let begin = format!("{status} [");
                assert!(
                    head.iter().any(|line| line.get(3..).is_some_and(|line| line.starts_with(&begin))),
                    "{begin}: {head:#?}"
                );
                assert!(view.verdict.code.iter().all(|code| head.iter().filter(|l| l.contains(code)).count() == 2));
            }
        }
    }
}

#[test]
fn one_target_has_no_row_before_its_details() {
    for (path, report) in reports().into_iter().filter(|(_, report)| report.endpoints.len() == 1) {
        let text = shown(&report, Style::default());
        assert!(text.starts_with(&report.targets[0].host), "{path}: {text}");
    }
}

#[test]
fn a_row_fits_at_every_width() {
    for width in [40, 60, 80, 120] {
        for language in [Language::English, Language::Chinese] {
            let report = recorded("three-targets");
            let head = head(&report, Style { width, language, ..Style::default() });
            let columns = |line: &str| textwrap::core::display_width(line);
            let widest = head.iter().map(|line| columns(line)).max().unwrap();
            // At forty columns a host alone is longer.
            assert!(widest <= width.max(76), "{width}: {head:#?}");
        }
    }
}

#[test]
fn a_live_run_of_two_says_which_of_them_is_broken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let targets = [format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}")];
    let ran = Cosprobe::new(["check", "--control=never", "--format=json"]).arguments(&targets).run();
    let report = ran.report();
    assert_eq!(verdicts(&report), [("healthy", None), ("unreachable", Some("TCP001"))]);
    assert_eq!((ran.code, report.verdict.status.as_str()), (Some(1), "unreachable"));
    assert_eq!(ran.json()["endpoints"][1]["verdict"]["code"], "TCP001");
}
