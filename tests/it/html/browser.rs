//! What a browser makes of an HTML report: it obeys its own policy, fits a phone, and has a light and a dark form.
//!
//! Where there is no `chromium` the tests say that they are skipped; `COSPROBE_LAB=require` makes that a failure. The browser reaches
//! nothing: no name resolves for it, and files are all that it opens.

mod pictures;
mod printed;
mod requests;
mod served;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cosprobe::report::Report;

use super::{html, of};
use crate::markdown::{HOSTILE, planted};
use crate::support::read;

/// What has to fit: a plain report, one with a path, and one with words that are longer than a phone is wide.
fn documents() -> Vec<(&'static str, String)> {
    let long = format!("{}/{}", "x".repeat(300), "y ".repeat(200));
    vec![
        ("tls-untrusted", html(&read("tests/golden/tls-untrusted.json"))),
        ("flow-broken-traced", html(&read("tests/evidence/flow-broken-traced.json"))),
        ("three-targets", html(&read("tests/evidence/three-targets.json"))),
        ("long words", of(&planted(&long))),
        ("hostile words", of(&planted(&HOSTILE.concat()))),
    ]
}

const WIDTHS: [u32; 3] = [320, 390, 1200];

/// A colour scheme that a reader prefers, as the browser's switch has it, and the background that goes with it.
const SCHEMES: [(u8, &str); 2] = [(0, "rgb(20, 24, 29)"), (1, "rgb(255, 255, 255)")];

/// The program; without one the test is skipped, loudly, or fails when it is required.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join("chromium")).find(|program| program.is_file());
    if found.is_none() {
        let is_required = std::env::var("COSPROBE_LAB").is_ok_and(|value| value == "require");
        assert!(!is_required, "COSPROBE_LAB=require, and there is no chromium");
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("a test of HTML");
        // Not by a macro: the test runner would keep that to itself, and a skip has to be seen.
        writeln!(std::io::stderr(), "skipped {name}: there is no chromium").expect("standard error");
    }
    found
}

/// A directory for one start of the browser, with what it opens.
struct Opened {
    directory: tempfile::TempDir,
    page: PathBuf,
}

impl Opened {
    fn new(document: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("page.html");
        std::fs::write(&page, document).unwrap();
        Self { directory, page }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the browser with some switches; what it wrote to standard output and error. It may take a minute and no longer.
    fn browse(&self, program: &Path, switches: &[String]) -> (String, String) {
        self.browse_at(program, switches, &format!("file://{}", self.page.display()))
    }

    /// The same with another page.
    fn browse_at(&self, program: &Path, switches: &[String], url: &str) -> (String, String) {
        let output = Command::new("timeout")
            .args(["-k", "5", "60"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", self.file("profile").display()))
            .args(switches)
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{}: {stderr}", output.status);
        (stdout, stderr)
    }
}

fn scheme(number: u8) -> String {
    format!("--blink-settings=preferredColorScheme={number}")
}

/// What a page has to say on the console: breaches of its policy, errors of its own.
fn complaints(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.contains(":CONSOLE")).collect()
}

#[test]
fn a_browser_shows_the_verdict_and_has_nothing_to_complain_about() {
    let Some(program) = chromium() else { return };
    for (name, document) in documents() {
        let (shown, stderr) = Opened::new(&document).browse(&program, &["--dump-dom".to_owned()]);
        let status = if name == "three-targets" { "unreachable" } else { "degraded" };
        assert!(shown.contains(&format!(" {status}<small>")), "{name}: {shown}");
        assert_eq!(complaints(&stderr), Vec::<&str>::new(), "{name}");
        for element in ["<script", "<img", "<b>", "<i>"] {
            // Of our own there are leads of lines.
            let ours = document.matches(element).count();
            assert_eq!(shown.matches(element).count(), ours, "{name}: {element}");
        }
    }
}

#[test]
fn a_breach_of_the_policy_would_be_seen() {
    let Some(program) = chromium() else { return };
    let document = html(&read("tests/golden/tls-untrusted.json"));
    for breach in ["<script>document.title = 'x'</script>", "<img src=\"http://127.0.0.1:1/x\">"] {
        let broken = document.replace("</main>", &format!("{breach}</main>"));
        let (_, stderr) = Opened::new(&broken).browse(&program, &["--dump-dom".to_owned()]);
        assert!(complaints(&stderr).iter().any(|line| line.contains("Content Security Policy")), "{breach}: {stderr}");
    }
}

/// A page that holds documents in frames of some widths and, once all are there, measures them: a line for each with its width, the
/// width that it takes, and its background.
fn measuring(documents: &[(&str, String)]) -> String {
    let mut page = "<!DOCTYPE html><body>".to_owned();
    for (_, document) in documents {
        let quoted = document.replace('&', "&amp;").replace('"', "&quot;");
        for width in WIDTHS {
            write!(page, "<iframe width={width} height=600 style='border:0' srcdoc=\"{quoted}\"></iframe>").unwrap();
        }
    }
    page + "<script>addEventListener('load', () => {
        const measured = [...document.querySelectorAll('iframe')].map(frame => {
            const inner = frame.contentDocument;
            const back = frame.contentWindow.getComputedStyle(inner.body).backgroundColor;
            return [frame.clientWidth, inner.documentElement.scrollWidth, back].join('|');
        });
        document.body.innerText = '';
        const lines = document.createElement('pre');
        lines.textContent = measured.join('\\n');
        document.body.append(lines);
    });</script>"
}

/// The lines that the measuring page writes: width, width that it takes, background.
fn measure(program: &Path, documents: &[(&str, String)], number: u8) -> Vec<(u32, u32, String)> {
    let switches = ["--dump-dom".to_owned(), scheme(number)];
    let (shown, _) = Opened::new(&measuring(documents)).browse(program, &switches);
    let lines = shown
        .split_once("<pre>")
        .and_then(|(_, rest)| rest.split_once("</pre>"))
        .unwrap_or_else(|| panic!("{shown}"))
        .0;
    let line = |line: &str| {
        let parts: Vec<&str> = line.split('|').collect();
        (parts[0].parse().unwrap(), parts[1].parse().unwrap(), parts[2].to_owned())
    };
    lines.lines().map(line).collect()
}

#[test]
fn it_fits_a_phone_and_follows_the_readers_colours() {
    let Some(program) = chromium() else { return };
    let documents = documents();
    for (number, background) in SCHEMES {
        let measured = measure(&program, &documents, number);
        let frames: Vec<(&str, u32)> =
            documents.iter().flat_map(|(name, _)| WIDTHS.map(|width| (*name, width))).collect();
        assert_eq!(measured.len(), frames.len(), "{measured:?}");
        for ((name, width), (frame, taken, back)) in frames.into_iter().zip(measured) {
            assert_eq!((frame, back.as_str()), (width, background), "{name}");
            assert!(taken <= width, "{name}: it takes {taken} of {width} px");
        }
    }
}

#[test]
fn what_does_not_fit_would_be_seen() {
    let Some(program) = chromium() else { return };
    let wide = html(&read("tests/golden/tls-untrusted.json")).replace("</main>", "<pre>x</pre></main>");
    let wide = wide.replace("</style>", "main > pre { width: 1300px }</style>");
    let measured = measure(&program, &[("wide", wide)], 1);
    assert!(measured.iter().all(|(width, taken, _)| taken > width), "{measured:?}");
}

#[test]
fn what_is_folded_is_printed() {
    let Some(program) = chromium() else { return };
    let document = html(&read("tests/golden/tls-untrusted.json"));
    let printed = |document: &str| {
        let opened = Opened::new(document);
        let file = opened.file("printed.pdf");
        opened.browse(&program, &[format!("--print-to-pdf={}", file.display()), "--no-pdf-header-footer".to_owned()]);
        std::fs::read(file).unwrap().len()
    };
    let (begin, rest) = document.split_once("<details").unwrap();
    let without = format!("{begin}{}", rest.split_once("</details>").unwrap().1);
    let (folded, unfolded, without) =
        (printed(&document), printed(&document.replace("<details", "<details open")), printed(&without));
    assert!(folded.abs_diff(unfolded) * 20 < folded - without, "{folded} {unfolded} {without}");
}

#[test]
fn the_verdict_of_every_status_is_shown() {
    let report = |text: &str| Report::read(text).unwrap().verdict.status.as_str();
    for (path, status) in
        [("healthy-public", "healthy"), ("name-not-found", "unreachable"), ("tls-untrusted", "degraded")]
    {
        let text = read(&format!("tests/golden/{path}.json"));
        assert_eq!(report(&text), status);
        let Some(program) = chromium() else { return };
        let (shown, stderr) = Opened::new(&html(&text)).browse(&program, &["--dump-dom".to_owned()]);
        assert!(shown.contains(&format!(" {status}<small>")), "{shown}");
        assert_eq!(complaints(&stderr), Vec::<&str>::new());
    }
}
