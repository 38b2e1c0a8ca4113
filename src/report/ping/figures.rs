//! The figures of each peer for people, and how several go together.

use jiff::{SignedDuration, Timestamp};

use super::{PingRun, exact_milliseconds, peer_words, port_of};
use crate::diagnose::{Figures, PeerSeries, Streak, listed};
use crate::report::page::words;

/// Widest bar of a histogram, in characters.
const WIDEST_BAR: usize = 30;

/// All of it.
pub(super) fn table(run: &PingRun, with_histogram: bool) -> String {
    let mut text = String::new();
    for series in &run.series {
        text.push_str(&of_peer(series));
        if with_histogram {
            text.push_str(&histogram(series));
        }
    }
    for (endpoint, reason) in &run.unresolved {
        text.extend([endpoint, " has no address: ", &words(reason), "\n"]);
    }
    text.push_str(&comparison(run));
    text
}

/// The figures of one peer, in some lines.
fn of_peer(series: &PeerSeries) -> String {
    let loss = series.loss_percent().map_or_else(|| "nothing sent".to_owned(), |loss| format!("{loss:.1}% loss"));
    let (answered, lost_syns) = match port_of(series.peer) {
        Some(_) => ("connected", format!(", {} with lost SYN", series.with_syn_retransmits)),
        None => ("answered", String::new()),
    };
    let mut lines = vec![
        format!("--- {} at {} ---", series.endpoint, peer_words(series.peer)),
        format!("{} sent, {} {answered}, {loss}{lost_syns}", series.sent, series.connected),
    ];
    for (name, times) in [("kernel RTT ", &series.kernel_rtt), ("user time  ", &series.connect)] {
        if let Some(figures) = times.figures() {
            lines.push(format!("{name}{}", three_lines(&figures)));
        }
    }
    let streaks = [("longest up  ", &series.longest_up), ("longest down", &series.longest_down)];
    let told =
        streaks.into_iter().filter_map(|(name, streak)| Some(format!("{name} {}", streak_words(streak.as_ref()?))));
    lines.extend(told.filter(|_| series.sent > series.connected));
    for (word, count) in &series.failures {
        lines.push(format!("{count} x {}", words(word)));
    }
    if series.not_tried > 0 {
        lines.push(format!("{} were not tried: this machine had no port or file left", series.not_tried));
    }
    lines.join("\n") + "\n"
}

/// The figures in milliseconds, below 80 columns.
fn three_lines(figures: &Figures) -> String {
    let ms = |us: u64| exact_milliseconds(us).trim_end_matches(" ms").to_owned();
    let main = [("min", figures.min), ("mean", figures.mean), ("median", figures.median), ("max", figures.max)];
    let more = [("p95", figures.p95), ("p99", figures.p99), ("stddev", figures.standard_deviation)];
    let told = |pairs: &[(&str, u64)]| {
        pairs.iter().map(|(name, us)| format!("{name} {}", ms(*us))).collect::<Vec<_>>().join(", ")
    };
    let jitter = figures.jitter.map_or_else(String::new, |us| format!(", jitter {}", ms(us)));
    format!("{} ms\n           {}{jitter} ms", told(&main), told(&more))
}

fn streak_words(streak: &Streak) -> String {
    let time = |at: Timestamp| at.strftime("%H:%M:%SZ").to_string();
    let lasted = streak.to.duration_since(streak.from).round(jiff::Unit::Second).unwrap_or(SignedDuration::ZERO);
    format!("{} in a row, {} to {} ({} s)", streak.count, time(streak.from), time(streak.to), lasted.as_secs())
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
fn comparison(run: &PingRun) -> String {
    let median =
        |series: &&PeerSeries| series.kernel_rtt.figures().or(series.connect.figures()).map(|figures| figures.median);
    let mut ranked: Vec<(u64, &PeerSeries)> =
        run.series.iter().filter_map(|series| Some((median(&series)?, series))).collect();
    ranked.sort_by_key(|(us, series)| (*us, series.peer));
    let unreached: Vec<String> =
        run.series.iter().filter(|series| series.connected == 0).map(|series| peer_words(series.peer)).collect();
    let mut text = String::new();
    if let [(best_us, best), .., (worst_us, worst)] = ranked.as_slice() {
        text = format!(
            "\nquickest  {} (median {})\nslowest   {} (median {})\n",
            peer_words(best.peer),
            exact_milliseconds(*best_us),
            peer_words(worst.peer),
            exact_milliseconds(*worst_us)
        );
    }
    if !unreached.is_empty() && run.series.len() > 1 {
        text.extend(["never reached: ", &listed(unreached), "\n"]);
    }
    text
}
