use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::overview::{LeftOut, Overview, Row, State, chosen, counts};
use crate::cli::Scheduled;
use crate::report::Report;
use crate::serve::language::Spoken;
use crate::serve::probing::{Probed, Question};
use crate::text::Language;

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=y>&#x3c;\u{202e}\u{1b}[31m";

fn probed(golden: &str, success: bool, maintenance: Option<&str>) -> Arc<Probed> {
    let path = format!("{}/tests/golden/{golden}.json", env!("CARGO_MANIFEST_DIR"));
    let report = Report::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    let question =
        Question { module: "cos_check".to_owned(), target: "asked".to_owned(), hostname: None, region: None };
    let (at, maintenance) = (report.started_at, maintenance.map(str::to_owned));
    Arc::new(Probed { question, at, report, success, timeout: Duration::from_secs(1), maintenance })
}

fn row(target: &str, last: Option<Arc<Probed>>) -> Row {
    let scheduled = Scheduled {
        target: target.to_owned(),
        module: "cos_check".to_owned(),
        interval: Duration::from_mins(1),
        labels: BTreeMap::new(),
        region: None,
    };
    Row { scheduled, last, obstacle: None, round_trips: vec![Some(200), None, Some(300)] }
}

fn page(rows: Vec<Row>, probes: Vec<(u64, Arc<Probed>)>) -> String {
    page_in(Spoken::default(), rows, probes)
}

fn page_in(spoken: Spoken, rows: Vec<Row>, probes: Vec<(u64, Arc<Probed>)>) -> String {
    let counts = counts(rows.iter().map(|row| State::of(row.last.as_deref(), row.obstacle.as_deref())));
    let (now, left_out) = (Timestamp::UNIX_EPOCH, LeftOut::default());
    Overview { prefix: String::new(), spoken, rows, counts, left_out, probes, stale_since: None, now }.render()
}

#[test]
fn a_target_is_shown_with_all_that_is_known_of_it() {
    let last = probed("tls-untrusted", false, Some("switch <replaced>"));
    let shown = page(vec![row("bucket.example", Some(Arc::clone(&last))), row("new.example", None)], vec![(7, last)]);
    for expected in [
        "2 targets: 1 failing in maintenance, 1 not probed yet",
        "degraded",
        "✗ the probe failed",
        "⚙ maintenance: switch &lt;replaced&gt;",
        "<b>TLS003</b>",
        "1 of 3 not answered",
        "route</small>",
        "– not probed yet",
        // The clock was set back since the probe.
        " (0s ago)",
        "/logs?target=bucket%2Eexample&amp;module=cos%5Fcheck\"",
        "/logs?id=7&amp;format=html",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("<script") && !shown.contains("http://"), "{shown}");
}

#[test]
fn in_chinese_everything_is_chinese_that_the_page_says_itself() {
    let (failed, good) = (probed("tls-untrusted", false, Some("maintenance")), probed("healthy-public", true, None));
    let mut hindered = row("key.example", None);
    hindered.obstacle = Some("there is no key".to_owned());
    let rows = vec![row("a.example", Some(Arc::clone(&failed))), row("b.example", None), hindered];
    let spoken = Spoken { language: Language::Chinese, parameter: "&lang=zh" };
    let shown = page_in(spoken, rows, vec![(7, failed), (8, good)]);
    for expected in [
        "<html lang=\"zh-CN\">",
        "3 个目标：1 个无法探测、1 个在维护期间失败、1 个尚未探测",
        "降级",
        "✗ 探测失败",
        "⚙ 维护<",
        "✗ 无法探测：there is no key",
        "– 尚未探测",
        "3 次中有 1 次无响应",
        "<h2>最近的探测</h2>",
        "✓ 成功",
        "/logs?id=7&amp;lang=zh&amp;format=html",
        "前)",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    for english in ["Targets", "Last probes", "round trip", "route<", "failed", " ago", "maintenance<", ">log<"] {
        assert!(!shown.contains(english), "{english}: {shown}");
    }
}

#[test]
fn nothing_from_files_or_the_network_becomes_markup() {
    let mut hostile = Arc::into_inner(probed("tls-untrusted", false, Some(HOSTILE))).unwrap();
    hostile.question.target = HOSTILE.to_owned();
    hostile.question.module = HOSTILE.to_owned();
    let root = hostile.report.findings.iter_mut().find(|finding| finding.is_root()).unwrap();
    root.summary = crate::text!("{name}", name = HOSTILE);
    let hostile = Arc::new(hostile);
    let mut named = row(HOSTILE, Some(Arc::clone(&hostile)));
    named.scheduled.module = HOSTILE.to_owned();
    named.scheduled.region = Some(HOSTILE.to_owned());
    named.scheduled.labels.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    let shown = page(vec![named], vec![(1, hostile)]);
    // Target, module, region, both sides of the label, maintenance and finding; and target and module of the last probe.
    assert_eq!(shown.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count(), 9, "{shown}");
    for bad in ["<script", "<img", "\u{202e}", "\u{1b}", "\"'>"] {
        assert!(!shown.contains(bad), "{bad:?}: {shown}");
    }
}

#[test]
fn a_target_that_cannot_be_probed_is_shown_with_the_reason_and_not_with_what_was() {
    let mut hindered = row("bucket.example", Some(probed("healthy-public", true, None)));
    hindered.obstacle = Some("there is no key <here>".to_owned());
    let shown = page(vec![hindered], Vec::new());
    for expected in
        ["1 target: 1 that cannot be probed", "✗ not probed", "✗ it cannot be probed: there is no key &lt;here&gt;"]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("healthy"), "{shown}");
}

#[test]
fn failing_targets_come_first_and_a_fleet_is_cut_to_what_a_browser_shows() {
    let (good, bad) = (probed("healthy-public", true, None), probed("tls-untrusted", false, None));
    let planned = probed("tls-untrusted", false, Some("planned"));
    let remarkable = probed("tls-untrusted", true, None);
    let all = [Some(&good), None, Some(&remarkable), Some(&planned), Some(&bad)];
    let (shown, left_out) = chosen(&all, |last| State::of(last.map(Arc::as_ref), None));
    let order: Vec<_> =
        shown.iter().map(|one| all.iter().position(|other| std::ptr::eq(*one, other)).unwrap()).collect();
    assert_eq!((order, left_out), (vec![4, 3, 2, 1, 0], LeftOut::default()));
    let fleet: Vec<_> = (0..10_000).map(|at| if at % 10 == 0 { Some(&bad) } else { Some(&good) }).collect();
    let (shown, left_out) = chosen(&fleet, |last| State::of(last.map(Arc::as_ref), None));
    assert_eq!((shown.len(), left_out), (700, LeftOut { failing: 500, others: 8800 }));
    assert!(shown[..500].iter().all(|last| last.is_some_and(|probed| !probed.success)));
}

#[test]
fn an_empty_page_says_what_can_be_done_and_a_stale_configuration_is_told() {
    let shown = page(Vec::new(), Vec::new());
    assert!(shown.contains("0 targets") && shown.contains("None was taken yet."), "{shown}");
    let counts = counts(std::iter::empty());
    let (now, stale_since) = (Timestamp::UNIX_EPOCH, Some(Timestamp::UNIX_EPOCH));
    let overview = Overview {
        prefix: String::new(),
        spoken: Spoken::default(),
        rows: Vec::new(),
        counts,
        left_out: LeftOut { failing: 1, others: 2 },
        probes: Vec::new(),
        stale_since,
        now,
    };
    let shown = overview.render();
    assert!(shown.contains("could not be read again") && shown.contains("1970-01-01 00:00:00 UTC"), "{shown}");
    assert!(shown.contains("1 failing and 2 other targets are not shown"), "{shown}");
}
