//! The figures of each peer for people, and how several go together.

use jiff::{SignedDuration, Timestamp};

use super::{PingRun, exact_milliseconds, peer_words, port_of};
use crate::diagnose::{Figures, PeerSeries, Streak, listed};
use crate::text;
use crate::text::{Language, Text};

/// Widest bar of a histogram, in characters.
const WIDEST_BAR: usize = 30;

/// The widest name before figures, in columns.
const WIDEST_NAME: usize = 11;

/// All of it.
pub(super) fn table(run: &PingRun, with_histogram: bool, language: Language) -> String {
    let mut text = String::new();
    for series in &run.series {
        text.push_str(&of_peer(series, language));
        if with_histogram {
            text.push_str(&histogram(series));
        }
    }
    for (endpoint, reason) in &run.unresolved {
        let told = text!("{endpoint} has no address: {reason}", endpoint, reason = Text::word(reason));
        text.extend([&told.say(language), "\n"]);
    }
    text.push_str(&comparison(run, language));
    text
}

/// The figures of one peer, in some lines.
fn of_peer(series: &PeerSeries, language: Language) -> String {
    let loss = series.loss_percent();
    let loss = loss.map_or(text!("nothing sent"), |loss| text!("{percent}% loss", percent = format!("{loss:.1}")));
    let (sent, done) = (series.sent, series.connected);
    let first = match port_of(series.peer) {
        Some(_) => {
            let resent = series.with_syn_retransmits;
            text!("{sent} sent, {done} connected, {loss}, {resent} with lost SYN", sent, done, loss, resent)
        }
        None => text!("{sent} sent, {done} answered, {loss}", sent, done, loss),
    };
    let peer = peer_words(series.peer);
    let mut lines = vec![
        text!("--- {endpoint} at {peer} ---", endpoint = &series.endpoint, peer).say(language),
        first.say(language),
    ];
    for (name, times) in [(text!("kernel RTT"), &series.kernel_rtt), (text!("user time"), &series.connect)] {
        if let Some(figures) = times.figures() {
            lines.push(format!("{}{}", column(&name, WIDEST_NAME, language), three_lines(&figures, language)));
        }
    }
    let streaks = [(text!("longest up"), &series.longest_up), (text!("longest down"), &series.longest_down)];
    let told = streaks.into_iter().filter_map(|(name, streak)| {
        Some(format!("{}{}", column(&name, WIDEST_NAME + 2, language), streak_words(streak.as_ref()?).say(language)))
    });
    lines.extend(told.filter(|_| series.sent > series.connected));
    for (word, count) in &series.failures {
        lines.push(text!("{count} x {kind}", count, kind = Text::word(word)).say(language));
    }
    if series.not_tried > 0 {
        let told = text!("{count} were not tried: this machine had no port or file left", count = series.not_tried);
        lines.push(told.say(language));
    }
    lines.join("\n") + "\n"
}

/// A name with the blanks behind it.
fn column(name: &Text, width: usize, language: Language) -> String {
    let name = name.say(language);
    let blanks = width.saturating_sub(textwrap::core::display_width(&name));
    name + &" ".repeat(blanks)
}

/// The figures in milliseconds, below 80 columns.
fn three_lines(figures: &Figures, language: Language) -> String {
    let ms = |us: u64| exact_milliseconds(us).trim_end_matches(" ms").to_owned();
    let [min, mean, largest] = [figures.min, figures.mean, figures.max].map(ms);
    let [half, p95, p99] = [figures.median, figures.p95, figures.p99].map(ms);
    let deviation = ms(figures.standard_deviation);
    let jitter = figures.jitter.map(|us| text!(", jitter {time}", time = ms(us)));
    let usual = text!("min {min}, mean {mean}, median {half}, max {largest} ms", min, mean, half, largest);
    let rare = text!("p95 {p95}, p99 {p99}, stddev {deviation}{jitter} ms", p95, p99, deviation, jitter);
    format!("{}\n{}{}", usual.say(language), " ".repeat(WIDEST_NAME), rare.say(language))
}

fn streak_words(streak: &Streak) -> Text {
    let time = |at: Timestamp| at.strftime("%H:%M:%SZ").to_string();
    let lasted = streak.to.duration_since(streak.from).round(jiff::Unit::Second).unwrap_or(SignedDuration::ZERO);
    let (count, from, to, seconds) = (streak.count, time(streak.from), time(streak.to), lasted.as_secs());
    text!("{count} in a row, {from} to {to} ({seconds} s)", count, from, to, seconds)
}

/// How the kernel's times are spread, or else the process's.
fn histogram(series: &PeerSeries) -> String {
    let classes =
        if series.kernel_rtt.figures().is_some() { series.kernel_rtt.classes() } else { series.connect.classes() };
    let most = classes.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let bar = |count: u64| {
        let width = usize::try_from(count.saturating_mul(WIDEST_BAR as u64) / most).unwrap_or(0);
        "#".repeat(width.max(usize::from(count > 0)))
    };
    classes
        .iter()
        .map(|(bound, count)| {
            let up_to = exact_milliseconds(*bound);
            format!("{up_to:>14}  {count:>8}  {}", bar(*count)).trim_end().to_owned() + "\n"
        })
        .collect()
}

/// Which of several peers is the quickest, and which the worst.
fn comparison(run: &PingRun, language: Language) -> String {
    let median =
        |series: &&PeerSeries| series.kernel_rtt.figures().or(series.connect.figures()).map(|figures| figures.median);
    let mut ranked: Vec<(u64, &PeerSeries)> =
        run.series.iter().filter_map(|series| Some((median(&series)?, series))).collect();
    ranked.sort_by_key(|(us, series)| (*us, series.peer));
    let unreached: Vec<String> =
        run.series.iter().filter(|series| series.connected == 0).map(|series| peer_words(series.peer)).collect();
    let mut text = String::new();
    if let [(best_us, best), .., (worst_us, worst)] = ranked.as_slice() {
        let best = text!(
            "quickest  {peer} (median {time})",
            peer = peer_words(best.peer),
            time = exact_milliseconds(*best_us)
        );
        let worst = text!(
            "slowest   {peer} (median {time})",
            peer = peer_words(worst.peer),
            time = exact_milliseconds(*worst_us)
        );
        text = format!("\n{}\n{}\n", best.say(language), worst.say(language));
    }
    if !unreached.is_empty() && run.series.len() > 1 {
        let told = text!("never reached: {peers}", peers = listed(unreached));
        text.extend([&told.say(language), "\n"]);
    }
    text
}
