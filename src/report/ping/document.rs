//! The JSON document of `ping`, from which its schema is made.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{AddressChange, PingRun, Pinged, port_of};
use crate::diagnose::{Figures, PeerSeries, Streak};
use crate::report::FORMAT_VERSION;

/// What `ping` writes as JSON at the end. Times are in microseconds.
#[derive(Serialize, JsonSchema)]
pub struct PingDocument<'a> {
    /// Version of the format of all JSON documents.
    format_version: &'static str,
    /// `ping`.
    kind: &'static str,
    /// When the first look-up began.
    #[schemars(with = "String")]
    started_at: Timestamp,
    /// When the last connect ended.
    #[schemars(with = "String")]
    ended_at: Timestamp,
    /// The figures of each peer.
    series: Vec<Summary<'a>>,
    /// Names without an address.
    unresolved: Vec<Unresolved<'a>>,
    /// What changed about the names meanwhile.
    address_changes: &'a [AddressChange],
    /// The last single connects.
    samples: &'a VecDeque<Pinged>,
    /// How many earlier ones were left out.
    samples_left_out: u64,
}

impl<'a> PingDocument<'a> {
    /// The document of what was seen.
    pub(super) fn of(run: &'a PingRun, ended_at: Timestamp) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            kind: "ping",
            started_at: run.started_at,
            ended_at,
            series: run.series.iter().map(Summary::of).collect(),
            unresolved: run.unresolved.iter().map(Unresolved::of).collect(),
            address_changes: &run.changes,
            samples: &run.samples,
            samples_left_out: run.samples_left_out,
        }
    }
}

/// The figures of one peer.
#[derive(Serialize, JsonSchema)]
pub(super) struct Summary<'a> {
    /// Host of the target.
    endpoint: &'a str,
    /// The address.
    ip: IpAddr,
    /// The port; null for ICMP echo.
    port: Option<u16>,
    /// Connects that ended.
    sent: u64,
    /// Those that succeeded.
    connected: u64,
    /// The share that failed; null when none was made.
    loss_percent: Option<f64>,
    /// Those whose SYN had to be sent again.
    with_syn_retransmits: u64,
    /// Those that this machine could not begin, for want of ports or files; in no other figure.
    not_tried: u64,
    /// From SYN to SYN-ACK by the kernel, where it is valid.
    kernel_rtt_us: Option<Figures>,
    /// By the process's own clock, of those that succeeded and lost no SYN.
    connect_us: Option<Figures>,
    /// The longest row of successes.
    longest_up: Option<&'a Streak>,
    /// The longest row of failures.
    longest_down: Option<&'a Streak>,
    /// How many failed in each way.
    failures: BTreeMap<&'a str, u64>,
}

impl<'a> Summary<'a> {
    /// The figures of a series.
    pub(super) fn of(series: &'a PeerSeries) -> Self {
        Self {
            endpoint: &series.endpoint,
            ip: series.peer.ip(),
            port: port_of(series.peer),
            sent: series.sent,
            connected: series.connected,
            loss_percent: series.loss_percent(),
            with_syn_retransmits: series.with_syn_retransmits,
            not_tried: series.not_tried,
            kernel_rtt_us: series.kernel_rtt.figures(),
            connect_us: series.connect.figures(),
            longest_up: series.longest_up.as_ref(),
            longest_down: series.longest_down.as_ref(),
            failures: series.failures.iter().map(|(word, count)| (word.as_str(), *count)).collect(),
        }
    }
}

/// A name without an address.
#[derive(Serialize, JsonSchema)]
pub(super) struct Unresolved<'a> {
    /// The name.
    endpoint: &'a str,
    /// Why, in the words of the report.
    reason: &'a str,
}

impl<'a> Unresolved<'a> {
    /// A name and the reason.
    pub(super) fn of((endpoint, reason): &'a (String, String)) -> Self {
        Self { endpoint, reason }
    }
}
