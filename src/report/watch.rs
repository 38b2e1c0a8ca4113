//! What watching the answers of name servers comes to: a line for each change, and a table at the end.

use std::net::IpAddr;

use comfy_table::{Table, presets};
use jiff::Timestamp;

use super::table::wire_word;
use crate::diagnose::{Change, Series, Watch, listed};
use crate::evidence::DnsTransport;

/// Distinct answers that are shown of one series.
const MOST_SHOWN: usize = 8;

/// One change in one line, without a line end.
pub fn change_line(change: &Change, at: Timestamp) -> String {
    let time = at.strftime("%H:%M:%SZ");
    let addresses = |sign: &str, ips: &[IpAddr]| {
        ips.iter().flat_map(|ip| [" ".to_owned(), sign.to_owned(), ip.to_string()]).collect::<String>()
    };
    let ttl = change.ttl_seconds.map_or_else(String::new, |ttl| format!(", TTL {ttl} s"));
    let what = if change.is_first {
        format!("is{}", addresses("", &change.come))
    } else {
        format!("changed{}{}", addresses("+", &change.come), addresses("-", &change.gone))
    };
    let name = asked(change.server.map(|server| server.to_string()), change.record_type.map(wire_word));
    format!("{time} {} {name} {what}{ttl}", change.endpoint)
}

/// Who was asked for what.
fn asked(server: Option<String>, record_type: Option<String>) -> String {
    match (server, record_type) {
        (Some(server), Some(record_type)) => format!("{record_type} from {server}"),
        _ => "as programs look it up".to_owned(),
    }
}

/// Everything in a table; the text ends with a line end.
pub fn summary(watch: &Watch) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_header(["asked", "answered", "changes", "TTL", "answers"]);
    let mut endpoint = None;
    for series in &watch.series {
        // The name stands once, where there is more than one.
        if watch.series.iter().any(|other| other.endpoint != series.endpoint) && endpoint != Some(&series.endpoint) {
            table.add_row([&series.endpoint]);
            endpoint = Some(&series.endpoint);
        }
        table.add_row(row(series));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: String = table.to_string().lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    let changes: u64 = watch.series.iter().map(|series| series.changes).sum();
    let cut = if watch.is_cut { "; further names and servers were not followed" } else { "" };
    format!("{lines}\nlooked up {} times, {changes} changes{cut}\n", watch.rounds)
}

fn row(series: &Series) -> [String; 5] {
    let ttl = match (series.ttl_min_seconds, series.ttl_max_seconds) {
        (Some(min), Some(max)) if min == max => min.to_string(),
        (Some(min), Some(max)) => format!("{min}-{max}"),
        _ => "-".to_owned(),
    };
    let shown =
        series.answers.iter().take(MOST_SHOWN).map(|seen| format!("{}x {}", seen.count, listed(&seen.addresses)));
    let mut answers: Vec<String> = shown.collect();
    let more = series.answers.len().saturating_sub(MOST_SHOWN);
    if more > 0 || series.further_answers > 0 {
        answers.push(format!("and {more} or more further ones"));
    }
    let transport = series.transport.filter(|transport| *transport != DnsTransport::Udp);
    let transport = transport.map_or_else(String::new, |transport| format!("{}://", wire_word(transport)));
    let server = series.server.map(|server| format!("{transport}{server}"));
    let name = asked(server, series.record_type.map(wire_word));
    [name, format!("{}/{}", series.answered, series.asked), series.changes.to_string(), ttl, answers.join("\n")]
}
