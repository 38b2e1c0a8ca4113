//! A report as the output of a Nagios plugin: one line, performance data behind a bar, and further findings below.
//!
//! Source: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios".

use super::{Report, Style};
use crate::diagnose::{Finding, Severity, Status};
use crate::evidence::printable;

/// What Nagios knows: its exit codes are the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl State {
    /// A root finding from `fail_on` on is critical, one below it and above information a warning.
    fn of(report: &Report, fail_on: Severity) -> Self {
        let worst = report.findings.iter().filter(|finding| finding.is_root()).map(|finding| finding.severity).max();
        match (report.verdict.status, worst) {
            (Status::Inconclusive, _) => Self::Unknown,
            (Status::Unreachable, _) => Self::Critical,
            (_, Some(severity)) if severity >= fail_on => Self::Critical,
            (_, Some(Severity::Warning | Severity::Error)) => Self::Warning,
            _ => Self::Ok,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

pub(super) fn exit_code(report: &Report, fail_on: Severity) -> u8 {
    State::of(report, fail_on) as u8
}

pub(super) fn render(report: &Report, style: Style) -> String {
    let state = State::of(report, style.fail_on).word();
    // A bar would end the text and begin the numbers.
    let plain = |text: String| printable(&text).replace('|', "/").replace('\n', " ");
    let summary = plain(report.verdict.summary.say(style.language));
    let code = report.verdict.code.as_ref().map_or_else(String::new, |code| format!(" {code}:"));
    let is_told = |finding: &&Finding| finding.is_root() && report.verdict.code.as_ref() == Some(&finding.code);
    let first = report.findings.iter().position(|finding| is_told(&finding));
    let others =
        report.findings.iter().enumerate().filter(|(place, f)| f.severity > Severity::Info && Some(*place) != first);
    let others = others.map(|(_, finding)| {
        format!("{} {}: {}\n", finding.severity.as_str(), finding.code, plain(finding.summary.say(style.language)))
    });
    format!("COSPROBE {state} -{code} {summary} | {}\n{}", performance(report), others.collect::<String>())
}

/// The numbers, each with its unit.
fn performance(report: &Report) -> String {
    let duration = report.ended_at.duration_since(report.started_at).as_secs_f64().max(0.0);
    let mut numbers = vec![format!("time={duration:.6}s;;;0")];
    for view in &report.addresses {
        for port in &view.ports {
            let lost = port.attempts.saturating_sub(port.connected);
            let peer = std::net::SocketAddr::new(view.ip, port.port);
            if let Some(rtt) = &port.kernel_rtt_us {
                numbers.push(format!("'rtt_{peer}'={}us;;;0", rtt.median));
            }
            numbers.push(format!("'failed_{peer}'={lost};;;0;{}", port.attempts));
        }
    }
    numbers.join(" ")
}
