//! The integration tests, in one binary: one module per promise that cosprobe makes.
//!
//! Nothing leaves loopback. The real binary runs with a scrubbed environment (`support.rs`), the network is the embedded lab.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails and says where, one that is skipped says so"
)]

mod accuracy;
mod cli;
mod confidence;
mod config;
mod credentials;
mod diff;
mod docs;
mod explain;
mod head;
mod html;
mod judged;
mod language;
mod loopback;
mod markdown;
mod namespaces;
mod netns;
mod otlp;
mod ping;
mod redact;
mod regions;
mod report;
mod resolution;
mod saved;
mod sdk;
mod serve;
mod sign;
mod stores;
mod support;
mod targets;
mod tidy;
