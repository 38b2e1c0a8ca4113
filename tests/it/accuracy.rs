//! How often cosprobe is right, as a number: every fault of both labs, what was expected and what was found. The page
//! `docs/reference/accuracy.md` is written by a run (`UPDATE=1`) and compared with every other one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::{is_updating, read, repository};
use crate::{loopback, netns};

const PAGE: &str = "docs/reference/accuracy.md";

const INTRODUCTION: &str = "\
# Accuracy

Every fault of both labs, what `check` was expected to find, and what it found. A test run writes this page
(`UPDATE=1`), and every other run compares it with what it finds. Only root findings of severity warning or error
count, `–` is none, and codes in brackets are information that has to be told. A row is right when the roots are the
expected ones and no others, and the verdict is the expected one.
";

/// What one row of a lab came to.
pub(crate) struct Judged {
    /// The scenario.
    pub(crate) name: &'static str,
    /// What is wrong there, in words.
    pub(crate) fault: String,
    /// The codes that must be the roots.
    pub(crate) expected: Vec<String>,
    /// The codes that were.
    pub(crate) found: Vec<String>,
    /// Codes of findings that nothing is wrong with, that had to be told and were.
    pub(crate) told: Vec<String>,
    /// The status of the verdict.
    pub(crate) status: String,
    /// What is not as it must be; empty when all is.
    pub(crate) problem: String,
}

/// Judges all rows, some at the same time, and returns them in their order.
pub(crate) fn all_of<R: Sync>(rows: &[R], at_once: usize, judge: impl Fn(&R) -> Judged + Sync) -> Vec<Judged> {
    let (next, judged) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(number) else { break };
                    let of_row = judge(row);
                    judged.lock().unwrap().push((number, of_row));
                }
            });
        }
    });
    let mut judged = judged.into_inner().unwrap();
    judged.sort_by_key(|(number, _)| *number);
    judged.into_iter().map(|(_, of_row)| of_row).collect()
}

/// The totals of some rows.
#[derive(Default)]
struct Totals {
    faults: usize,
    found: usize,
    extra: usize,
    healthy: usize,
    misjudged: usize,
}

impl Totals {
    fn of(rows: &[Judged]) -> Self {
        let mut totals = Self::default();
        for row in rows {
            let extra = row.found.iter().filter(|code| !row.expected.contains(code)).count();
            if row.expected.is_empty() {
                totals.healthy += 1;
                totals.misjudged += usize::from(!row.problem.is_empty());
            } else {
                totals.faults += 1;
                totals.found += usize::from(row.expected.iter().all(|code| row.found.contains(code)));
                totals.extra += extra;
            }
        }
        totals
    }
}

fn table(rows: &[Judged]) -> String {
    let mut lines = vec![
        "| scenario | what is wrong | expected | found | verdict | right |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    let codes = |codes: &[String]| if codes.is_empty() { "–".to_owned() } else { codes.join(", ") };
    for row in rows {
        let found: Vec<String> =
            row.found.iter().cloned().chain(row.told.iter().map(|code| format!("({code})"))).collect();
        let right = if row.problem.is_empty() { "yes" } else { "**no**" };
        let fault = row.fault.replace('|', "\\|");
        lines.push(format!(
            "| `{}` | {fault} | {} | {} | {} | {right} |",
            row.name,
            codes(&row.expected),
            codes(&found),
            row.status
        ));
    }
    lines.join("\n") + "\n"
}

fn page(networks: &[Judged], services: &[Judged]) -> String {
    let of = |rows: &[Judged]| {
        let Totals { faults, found, extra, healthy, misjudged } = Totals::of(rows);
        format!("{faults} | {found} | {extra} | {healthy} | {misjudged}")
    };
    format!(
        "{INTRODUCTION}\n\
         | lab | faults | roots found | wrong extra roots | healthy or odd but fine | of these misjudged |\n\
         | --- | --- | --- | --- | --- | --- |\n\
         | networks | {} |\n\
         | services | {} |\n\n\
         ## Networks\n\n\
         Real network namespaces with routers, firewalls, name servers, delay and loss (`tests/netlab`); cosprobe runs there \
         without\nprivileges.\n\n{}\n\
         ## Services\n\n\
         The double of COS on loopback that `cosprobe demo` has (`src/lab/scenarios`).\n\n{}",
        of(networks),
        of(services),
        table(networks),
        table(services)
    )
}

#[test]
fn the_page_tells_what_is_found() {
    let Some(networks) = netns::rows::judged() else { return };
    let page = page(networks, loopback::judged());
    if is_updating() {
        std::fs::write(repository(PAGE), &page).unwrap();
    }
    assert!(read(PAGE) == page, "{PAGE} is not what this run found: UPDATE=1 writes it anew");
}
