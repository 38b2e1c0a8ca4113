//! Paths as readers of `mtr --json` know them.

use serde_json::{Value, json};

use super::super::json_text;
use super::milliseconds;
use crate::diagnose::{HopView, PathView, Spread};

/// One document for each path, as `mtr --json` writes them.
pub fn mtr_json(paths: &[PathView]) -> String {
    let documents = paths.iter().filter(|path| path.was_traced()).map(mtr_document);
    documents.map(|document| json_text(&document)).collect()
}

fn mtr_document(path: &PathView) -> Value {
    let tests = path.hops.iter().map(|hop| hop.sent).max().unwrap_or(0);
    let hub = |hop: &HopView| {
        let host = hop.addresses.first().map_or_else(|| "???".to_owned(), |address| address.address.to_string());
        let lost = hop.sent.saturating_sub(hop.answered);
        let spread = hop.rtt_us;
        let of = |figure: fn(Spread) -> u64| spread.map_or(0.0, |spread| milliseconds(figure(spread)));
        json!({
            "count": hop.ttl,
            "host": host,
            "Loss%": if hop.sent == 0 { 0.0 } else { f64::from(lost) * 100.0 / f64::from(hop.sent) },
            "Snt": hop.sent,
            "Last": milliseconds(hop.last_us.unwrap_or(0)),
            "Avg": milliseconds(hop.mean_us.unwrap_or(0)),
            "Best": of(|spread| spread.min),
            "Wrst": of(|spread| spread.max),
            "StDev": milliseconds(hop.deviation_us.unwrap_or(0)),
        })
    };
    let mtr = json!({
        "src": path.source.map_or_else(String::new, |source| source.to_string()),
        "dst": path.peer.map_or_else(|| path.endpoint.clone(), |peer| peer.ip().to_string()),
        "tos": 0,
        "tests": tests,
        "psize": "60",
        "bitpattern": "0x00",
    });
    json!({"report": {"mtr": mtr, "hubs": path.hops.iter().map(hub).collect::<Vec<_>>()}})
}
