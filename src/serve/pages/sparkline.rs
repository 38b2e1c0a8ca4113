//! The last round trips of a target as a line, with a gap and a mark below it where nobody answered.

use maud::{Markup, html};

use crate::diagnose::milliseconds;
use crate::text;
use crate::text::{Language, Text};

/// Units of the drawing, which is scaled to its place.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 32.0;
/// Room for the width of the line.
const EDGE: f64 = 3.0;
/// Places of the drawing; the newest is at the right.
const PLACES: usize = 60;

/// `was_tried`: whether the last probe connected to anything, without which there is no round trip to be had.
pub(super) fn show(round_trips: &[Option<u64>], was_tried: bool, language: Language) -> Markup {
    let newest = &round_trips[round_trips.len().saturating_sub(PLACES)..];
    let known = || newest.iter().flatten().copied();
    let (Some(least), Some(most)) = (known().min(), known().max()) else {
        return html! { @if was_tried { small { (text!("no round trip").say(language)) } } };
    };
    let missing = newest.iter().filter(|us| us.is_none()).count();
    let latest =
        newest.last().copied().flatten().map_or_else(|| text!("no answer"), |us| Text::literal(milliseconds(us)));
    let (least, all) = (milliseconds(least), newest.len());
    let gaps = (missing > 0).then(|| text!(", {missing} of {all} not answered", missing, all));
    let told = text!("round trip {latest}, {least} to {most}{gaps}", latest, least, most = milliseconds(most), gaps);
    let first = PLACES - newest.len();
    html! {
        svg.spark viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" aria-hidden="true" {
            @for run in runs(newest) {
                @let points: Vec<String> = run.iter().map(|&(at, us)| point(first + at, us, most)).collect();
                // A line of one point is seen by its ends.
                @let points = if let [only] = points.as_slice() { format!("{only} {only}") } else { points.join(" ") };
                polyline.line points=(points) {}
            }
            @for (at, _) in newest.iter().enumerate().filter(|(_, us)| us.is_none()) {
                @let x = format!("{:.1}", place(first + at));
                line.missing x1=(x) x2=(x) y1=(HEIGHT - 8.0) y2=(HEIGHT) {}
            }
        }
        small { (told.say(language)) }
    }
}

/// Round trips that follow each other, with their places.
fn runs(round_trips: &[Option<u64>]) -> Vec<Vec<(usize, u64)>> {
    let places: Vec<(usize, Option<u64>)> = round_trips.iter().copied().enumerate().collect();
    let runs = places.chunk_by(|one, next| one.1.is_some() == next.1.is_some());
    let known = runs.map(|run| run.iter().filter_map(|&(at, us)| Some((at, us?))).collect::<Vec<_>>());
    known.filter(|run| !run.is_empty()).collect()
}

fn point(at: usize, us: u64, most: u64) -> String {
    format!("{:.1},{:.1}", place(at), height(us, most))
}

#[expect(clippy::cast_precision_loss, reason = "there are few places")]
fn place(at: usize) -> f64 {
    EDGE + at as f64 * (WIDTH - 2.0 * EDGE) / (PLACES - 1) as f64
}

/// From the top; nothing is at the bottom.
#[expect(clippy::cast_precision_loss, reason = "a time that loses precision here is longer than 285 years")]
fn height(us: u64, most: u64) -> f64 {
    EDGE + (HEIGHT - 2.0 * EDGE) * (1.0 - us as f64 / most.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_nobody_answered() {
        let all = [Some(1), Some(2), None, Some(3), None, None, Some(4)];
        assert_eq!(runs(&all), vec![vec![(0, 1), (1, 2)], vec![(3, 3)], vec![(6, 4)]]);
        let shown = show(&all, true, Language::English).into_string();
        assert_eq!((shown.matches("<polyline").count(), shown.matches("<line").count()), (3, 3));
        assert!(shown.contains("round trip 0.00 ms, 0.00 ms to 0.00 ms, 3 of 7 not answered"), "{shown}");
        let unanswered = show(&[Some(500), None], true, Language::English).into_string();
        assert!(unanswered.contains("round trip no answer, 0.50 ms to 0.50 ms, 1 of 2 not answered"), "{unanswered}");
    }

    #[test]
    fn what_was_not_tried_is_not_told_as_unanswered() {
        assert_eq!(show(&[None, None], false, Language::English).into_string(), "");
        assert_eq!(show(&[None, None], true, Language::English).into_string(), "<small>no round trip</small>");
        assert_eq!(show(&[], false, Language::English).into_string(), "");
    }

    #[test]
    fn the_newest_is_at_the_right_and_the_slowest_at_the_top() {
        assert_eq!((point(PLACES - 1, 10, 10), point(0, 0, 10)), ("237.0,3.0".to_owned(), "3.0,29.0".to_owned()));
        assert_eq!(point(0, 0, 0), "3.0,29.0");
    }
}
