//! What is shown on standard error while a run goes on: a spinner with the stage, on a terminal; each observation with `-v`.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use cosprobe::diagnose::milliseconds;
use cosprobe::evidence::{Detail, Observation, Outcome, Sample, TcpState, remark_on_size};
use cosprobe::run::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// The progress that is shown.
pub(crate) struct Shown {
    spinner: Option<ProgressBar>,
    verbose: bool,
}

impl Shown {
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && !quiet && !verbose;
        Self { spinner: on_terminal.then(spinner), verbose: verbose && !quiet }
    }

    pub(crate) fn update(&mut self, progress: &Progress<'_>) {
        match (progress, &self.spinner) {
            (Progress::Stage(stage), Some(spinner)) => spinner.set_message(stage.describe()),
            (Progress::Observed(observation), _) if self.verbose => {
                // A closed standard error is no reason to stop measuring.
                let _ = writeln!(std::io::stderr().lock(), "{}", line(observation));
            }
            _ => {}
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} … {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// One observation in one line.
fn line(observation: &Observation) -> String {
    let outcome = match &observation.outcome {
        Outcome::Succeeded => {
            let status = observation.detail.http().and_then(|http| http.status);
            status.map_or_else(|| "ok".to_owned(), |status| status.to_string())
        }
        Outcome::Failed { kind, from: Some(from), .. } => format!("{kind} from {from}"),
        Outcome::Failed { kind, .. } => kind.to_string(),
        Outcome::NotRun { because } => format!("not run: {because}"),
        Outcome::Unknown => "unknown".to_owned(),
    };
    let what = match &observation.detail {
        Detail::Tcp(tcp) => format!("{} connects", tcp.samples.len()),
        Detail::Http(http) => format!("{} {}", http.authentication.word(), http.method),
        detail => detail.kind().replace('_', " "),
    };
    let endpoint = observation.endpoint.as_deref().unwrap_or("this machine");
    let peer = observation.peer.map_or_else(String::new, |peer| format!(" {peer}"));
    let time = observation.result_us().map_or_else(String::new, |us| format!(" in {}", milliseconds(us)));
    let size = size(observation).map_or_else(String::new, |size| format!(", {size}"));
    format!("{:>4} {what} {endpoint}{peer}: {outcome}{time}{size}", observation.id)
}

/// What is worth knowing of the size of packets.
fn size(observation: &Observation) -> Option<String> {
    let is_v6 = observation.peer?.is_ipv6();
    let of_sample = |sample: &Sample| TcpState {
        path_mtu_bytes: sample.path_mtu_bytes,
        mss_bytes: sample.mss_bytes,
        announced_mss_bytes: sample.announced_mss_bytes,
        ..TcpState::default()
    };
    let state = match &observation.detail {
        Detail::Tcp(tcp) => tcp.samples.iter().find(|sample| sample.outcome.is_success()).map(of_sample),
        Detail::Tls(tls) => tls.tcp.clone(),
        Detail::LargeRequest(large) if large.mss_bytes.is_none() => large.tcp.clone(),
        _ => None,
    };
    remark_on_size(&state?, is_v6)
}
