//! Pictures of a report, read point by point: what a reader sees in light and dark, on a desk and on a phone, in both languages.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cosprobe::report::{Format, Report, Style, render};
use cosprobe::text::Language;

use super::{Opened, SCHEMES, chromium, scheme};
use crate::html::{contrast, html};
use crate::support::read;

/// A desk and a phone.
pub(super) const SIZES: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// Width and height of a PNG (its `IHDR`).
fn size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

pub(super) fn picture(program: &Path, document: &str, (width, height): (u32, u32), number: u8) -> Vec<u8> {
    let opened = Opened::new(document);
    let picture = opened.file("picture.png");
    let screenshot = format!("--screenshot={}", picture.display());
    opened.browse(program, &[screenshot, format!("--window-size={width},{height}"), scheme(number)]);
    std::fs::read(&picture).unwrap()
}

/// A colour and how many points have it.
pub(super) type Colour = ([f64; 3], u32);

/// The colours of pictures, the most frequent first: a page draws them and counts.
pub(super) fn colours(program: &Path, pictures: &[Vec<u8>]) -> Vec<Vec<Colour>> {
    let image = |picture| ["<img src='data:image/png;base64,", &STANDARD.encode(picture), "'>"].concat();
    let images: String = pictures.iter().map(image).collect();
    let page = format!(
        "<!DOCTYPE html><body>{images}<script>addEventListener('load', () => {{
            const lines = [...document.images].map(image => {{
                const canvas = document.createElement('canvas');
                canvas.width = image.naturalWidth;
                canvas.height = image.naturalHeight;
                const context = canvas.getContext('2d');
                context.drawImage(image, 0, 0);
                const points = context.getImageData(0, 0, canvas.width, canvas.height).data;
                const counts = new Map();
                for (let at = 0; at < points.length; at += 4) {{
                    const colour = points.slice(at, at + 3).join(',');
                    counts.set(colour, (counts.get(colour) || 0) + 1);
                }}
                const sorted = [...counts].sort((one, other) => other[1] - one[1]);
                return sorted.map(([colour, count]) => colour + ',' + count).join(' ');
            }});
            document.body.innerHTML = '<pre>' + lines.join('\\n') + '</pre>';
        }});</script>"
    );
    let (shown, _) = Opened::new(&page).browse(program, &["--dump-dom".to_owned()]);
    let lines = shown.split_once("<pre>").unwrap_or_else(|| panic!("{shown}")).1.split("</pre>").next().unwrap();
    let colour = |word: &str| {
        let parts: Vec<u32> = word.split(',').map(|part| part.parse().unwrap()).collect();
        let part = |at: usize| f64::from(u8::try_from(parts[at]).unwrap()) / 255.0;
        ([part(0), part(1), part(2)], parts[3])
    };
    lines.lines().map(|line| line.split(' ').map(colour).collect()).collect()
}

/// The share of points that can well be read on what most of the picture consists of.
pub(super) fn legible(colours: &[Colour]) -> f64 {
    let points = |colours: &mut dyn Iterator<Item = &Colour>| f64::from(colours.map(|(_, count)| *count).sum::<u32>());
    let behind = colours[0].0;
    points(&mut colours.iter().filter(|(colour, _)| contrast(*colour, behind) >= 7.0)) / points(&mut colours.iter())
}

#[test]
fn it_can_be_read_in_light_and_dark_on_a_desk_and_on_a_phone() {
    let Some(program) = chromium() else { return };
    let report = Report::read(&read("tests/golden/one-address-dead.json")).unwrap();
    let mut pictures = Vec::new();
    let mut kinds = Vec::new();
    for language in [Language::English, Language::Chinese] {
        let document = render(&report, Format::Html, Style { language, ..Style::default() });
        for size_of in SIZES {
            for (number, background) in SCHEMES {
                let shown = picture(&program, &document, size_of, number);
                assert_eq!(size(&shown), size_of);
                assert!(
                    !pictures.contains(&shown),
                    "{language:?}, {size_of:?}, {background}: it looks like another one"
                );
                pictures.push(shown);
                kinds.push((language, size_of, background));
            }
        }
    }
    for (kind, colours) in kinds.iter().zip(colours(&program, &pictures)) {
        let [red, green, blue] = colours[0].0.map(|part| (part * 255.0).round());
        assert_eq!(format!("rgb({red}, {green}, {blue})"), kind.2, "{kind:?}: the background");
        let share = legible(&colours);
        assert!((0.005..0.4).contains(&share), "{kind:?}: {share:.4} of it are letters that can be read");
    }
}

#[test]
fn a_page_that_cannot_be_read_would_be_seen() {
    let Some(program) = chromium() else { return };
    let document = html(&read("tests/golden/one-address-dead.json"));
    let faint = document.replace("</style>", "* { color: #bbb !important; fill: #bbb !important }</style>");
    let blank = document.replace("</style>", "body { visibility: hidden }</style>");
    let pictures = [document, faint, blank].map(|document| picture(&program, &document, SIZES[0], 1));
    let shares: Vec<f64> = colours(&program, &pictures).iter().map(|colours| legible(colours)).collect();
    assert!(shares[0] > 0.005 && shares[1] < 0.005 && shares[2] < 0.005, "{shares:?}");
}
