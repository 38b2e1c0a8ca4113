//! What is printed: the style sheet for paper, measured in frames of the width of a page, and the pages of a PDF.

use std::path::Path;

use super::super::html;
use super::{Opened, chromium, scheme};
use crate::support::read;

/// Points of the style sheet between the margins of a page of A4.
const PAPER: u32 = 700;

/// Lines that a page in a frame of paper's width writes: what it takes, its background, the sum of columns whose words are
/// broken, and how many blocks can be scrolled.
fn on_paper(program: &Path, document: &str) -> (u32, String, u32, u32) {
    let document = document.replace("@media print", "@media all").replace('&', "&amp;").replace('"', "&quot;");
    let page = format!(
        "<!DOCTYPE html><body><iframe width={PAPER} height=600 style='border:0' srcdoc=\"{document}\"></iframe>
        <script>addEventListener('load', () => {{
            const frame = document.querySelector('iframe');
            const inner = frame.contentDocument;
            const style = element => frame.contentWindow.getComputedStyle(element);
            const range = inner.createRange();
            const isBroken = cell => /^[^\\s-]+$/.test(cell.textContent) && cell.textContent.length < 24
                && (range.selectNodeContents(cell), range.getClientRects().length > 1);
            const cells = [...inner.querySelectorAll('.scroll td')].filter(isBroken);
            const scrolled = [...inner.querySelectorAll('pre, .scroll')].filter(e => style(e).overflowX != 'visible');
            const taken = inner.documentElement.scrollWidth;
            const lines = [taken, style(inner.body).backgroundColor, cells.length, scrolled.length];
            document.body.innerHTML = '<pre>' + lines.join('|') + '</pre>';
        }});</script>"
    );
    // A reader who prefers dark colours has white paper all the same.
    let (shown, _) = Opened::new(&page).browse(program, &["--dump-dom".to_owned(), scheme(0)]);
    let line = shown.split_once("<pre>").unwrap_or_else(|| panic!("{shown}")).1.split('<').next().unwrap();
    let parts: Vec<&str> = line.split('|').collect();
    let number = |at: usize| parts[at].parse().unwrap_or_else(|_| panic!("{line}"));
    (number(0), parts[1].to_owned(), number(2), number(3))
}

/// The pages of a PDF.
fn pages(program: &Path, document: &str) -> usize {
    let opened = Opened::new(document);
    let file = opened.file("printed.pdf");
    opened.browse(program, &[format!("--print-to-pdf={}", file.display()), "--no-pdf-header-footer".to_owned()]);
    let printed = std::fs::read(file).unwrap();
    String::from_utf8_lossy(&printed).split("/Type /Page\n").count() - 1
}

const SHOWN: [&str; 4] = [
    "tests/golden/one-address-dead.json",
    "tests/golden/tls-untrusted.json",
    "tests/evidence/flow-broken-traced.json",
    "tests/evidence/three-targets.json",
];

#[test]
fn paper_is_white_and_nothing_is_cut_off_or_broken_within_an_address() {
    let Some(program) = chromium() else { return };
    for path in SHOWN {
        let (taken, back, broken, scrolled) = on_paper(&program, &html(&read(path)));
        assert!(taken <= PAPER, "{path}: it takes {taken} of {PAPER}");
        assert_eq!((back.as_str(), broken, scrolled), ("rgb(255, 255, 255)", 0, 0), "{path}");
    }
}

#[test]
fn what_is_ugly_on_paper_would_be_seen() {
    let Some(program) = chromium() else { return };
    let document = html(&read(SHOWN[0]));
    let with = |rule: &str| on_paper(&program, &document.replace("</style>", &format!("{rule}</style>")));
    assert!(with(".scroll table { width: 900px }").0 > PAPER);
    assert!(with(".scroll td { max-width: 3rem; overflow-wrap: anywhere }").2 > 0);
    assert_eq!(with("pre { overflow: auto }").3, u32::try_from(document.matches("<pre").count()).unwrap());
}

#[test]
fn a_report_takes_some_pages_and_no_empty_ones() {
    let Some(program) = chromium() else { return };
    let document = html(&read(SHOWN[0]));
    let printed = pages(&program, &document);
    assert!((3..=5).contains(&printed), "{printed} pages");
    let longer =
        document.replace("</main>", "<p>x</p></main>").replace("</style>", "main > p { break-before: page }</style>");
    assert_eq!(pages(&program, &longer), printed + 1);
}
