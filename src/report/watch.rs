//! What watching the answers of name servers comes to: a line for each change, and a table at the end.

use std::net::IpAddr;

use comfy_table::{Table, presets};
use jiff::Timestamp;

use super::table::wire_word;
use crate::diagnose::{Change, Series, Watch, listed};
use crate::evidence::DnsTransport;
use crate::text;
use crate::text::{Language, Text};

/// Distinct answers that are shown of one series.
const MOST_SHOWN: usize = 8;

/// One change in one line, without a line end.
pub fn change_line(change: &Change, at: Timestamp) -> Text {
    let time = at.strftime("%H:%M:%SZ").to_string();
    let addresses = |sign: &str, ips: &[IpAddr]| {
        ips.iter().flat_map(|ip| [" ".to_owned(), sign.to_owned(), ip.to_string()]).collect::<String>()
    };
    let ttl = change.ttl_seconds.map(|ttl| text!(", TTL {ttl} s", ttl));
    let what = if change.is_first {
        text!("is{addresses}", addresses = addresses("", &change.come))
    } else {
        text!("changed{come}{gone}", come = addresses("+", &change.come), gone = addresses("-", &change.gone))
    };
    let name = asked(change.server.map(|server| server.to_string()), change.record_type.map(wire_word));
    text!("{time} {endpoint} {name} {what}{ttl}", time, endpoint = &change.endpoint, name, what, ttl)
}

/// Who was asked for what.
fn asked(server: Option<String>, record_type: Option<String>) -> Text {
    match (server, record_type) {
        (Some(server), Some(record_type)) => text!("{record_type} from {server}", record_type, server),
        _ => text!("as programs look it up"),
    }
}

/// Everything in a table; the text ends with a line end.
pub fn summary(watch: &Watch, language: Language) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    let header = [text!("asked"), text!("answered"), text!("changes"), text!("TTL"), text!("answers")];
    table.set_header(header.map(|word| word.say(language)));
    let mut endpoint = None;
    for series in &watch.series {
        // The name stands once, where there is more than one.
        if watch.series.iter().any(|other| other.endpoint != series.endpoint) && endpoint != Some(&series.endpoint) {
            table.add_row([&series.endpoint]);
            endpoint = Some(&series.endpoint);
        }
        table.add_row(row(series, language));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: String = table.to_string().lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    let changes: u64 = watch.series.iter().map(|series| series.changes).sum();
    let cut = watch.is_cut.then(|| text!("; further names and servers were not followed"));
    let last = text!("looked up {rounds} times, {changes} changes{cut}", rounds = watch.rounds, changes, cut);
    format!("{lines}\n{}\n", last.say(language))
}

fn row(series: &Series, language: Language) -> [String; 5] {
    let ttl = match (series.ttl_min_seconds, series.ttl_max_seconds) {
        (Some(min), Some(max)) if min == max => min.to_string(),
        (Some(min), Some(max)) => format!("{min}-{max}"),
        _ => "-".to_owned(),
    };
    let seen = series.answers.iter().take(MOST_SHOWN);
    let shown = seen.map(|seen| text!("{count}x {addresses}", count = seen.count, addresses = listed(&seen.addresses)));
    let mut answers: Vec<String> = shown.map(|text| text.say(language)).collect();
    let more = series.answers.len().saturating_sub(MOST_SHOWN);
    if more > 0 || series.further_answers > 0 {
        answers.push(text!("and {more} or more further ones", more).say(language));
    }
    let transport = series.transport.filter(|transport| *transport != DnsTransport::Udp);
    let transport = transport.map_or_else(String::new, |transport| format!("{}://", wire_word(transport)));
    let server = series.server.map(|server| format!("{transport}{server}"));
    let name = asked(server, series.record_type.map(wire_word));
    [
        name.say(language),
        format!("{}/{}", series.answered, series.asked),
        series.changes.to_string(),
        ttl,
        answers.join("\n"),
    ]
}
