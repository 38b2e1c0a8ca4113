//! The table for people: names and servers, addresses and ports, findings with fixes, and the verdict as the last line.

mod addresses;

use anstyle::{AnsiColor, Style as Paint};

pub use addresses::latency;

use super::page::{Page, words};
use super::resolution::origin_word;
use super::{Ended, Report, Style, View, exchanges, machine, resolution};
use crate::diagnose::{AddressView, Finding, MACHINE, PortView, Severity, Status, milliseconds};
use crate::evidence::{Authentication, Detail, Evidence, Http, NotRunReason, Observation, Outcome, Stage};
use crate::target::{EndpointRole, Target};

/// Widest text; longer lines are hard to read.
const MAX_WIDTH: usize = 120;

pub(super) fn render(report: &Report, style: Style) -> String {
    let style = Style { width: style.width.clamp(40, MAX_WIDTH), ..style };
    let evidence = report.observed();
    let mut page = Page::new(style);
    if style.view == View::Resolution {
        machine::show(&mut page, &evidence);
    }
    for target in &report.targets {
        endpoint(&mut page, report, &evidence, target);
    }
    findings(&mut page, report);
    if report.ended_because != Ended::Completed {
        let why = match report.ended_because {
            Ended::Interrupted => "interrupted",
            Ended::Deadline => "out of time (--deadline)",
            Ended::Completed | Ended::Unknown => "not completed",
        };
        page.line("", &format!("the run was {why}: what is not shown was not measured"));
        page.blank();
    }
    if report.redacted.is_some() {
        page.line("", "Names and addresses are stand-ins (--redact), the same throughout this report.");
        page.blank();
    }
    verdict_line(&mut page, report);
    page.into_text()
}

fn endpoint(page: &mut Page, report: &Report, evidence: &Evidence, target: &Target) {
    let bold = page.paint(&target.host, Paint::new().bold());
    page.raw(&bold);
    let region = target.region.as_deref().map_or_else(String::new, |region| format!(", region {region}"));
    page.line("  ", &format!("{}{region}", target.role.describe()));
    for file in evidence.of_endpoint(Stage::Host, &target.host).filter_map(|o| o.detail.hosts_file()) {
        if !file.addresses.is_empty() {
            page.line("  ", &format!("{}: {}", file.path, crate::diagnose::listed(&file.addresses)));
        }
    }
    let view = report.endpoints.iter().find(|view| view.endpoint == target.host);
    if page.style.view == View::Resolution {
        page.blank();
        resolution::show(page, evidence, view);
    } else {
        for observation in evidence.own_lookups(&target.host) {
            lookup(page, observation);
        }
        compared(page, evidence, target);
    }
    page.blank();
    let all = report.addresses.iter().filter(|view| view.endpoint == target.host);
    let (left_out, views): (Vec<_>, Vec<_>) = all.partition(|view| is_left_out(view));
    if !views.is_empty() && page.style.view != View::Resolution {
        match page.style.view {
            View::Resolution => {}
            View::Addresses => {
                for line in addresses::table(&views, evidence, page.style).lines() {
                    page.raw(line);
                }
            }
            View::Exchanges => exchanges::show(page, &views, evidence),
        }
        notes(page, &views, evidence, target);
        if !left_out.is_empty() {
            page.line(
                "",
                &format!("{} further addresses were not probed: one run probes {}", left_out.len(), views.len()),
            );
        }
        page.blank();
    }
    if let Some(view) = view.filter(|_| target.address().is_none()) {
        page.line("route: ", &view.route_reason);
        if let Some(reason) = &view.extent_reason {
            page.line("control group: ", reason);
        }
        page.blank();
    }
}

/// The answers of servers that nothing here goes by, for addresses of one family and without failures: in one line each.
fn compared(page: &mut Page, evidence: &Evidence, target: &Target) {
    let first_look = |o: &&Observation| o.parent.is_none() && o.outcome.is_success();
    for observation in evidence.comparisons(&target.host).filter(first_look) {
        let Detail::Dns(dns) = &observation.detail else { continue };
        let addresses = crate::diagnose::listed(dns.addresses.iter().map(|record| record.ip));
        let server = observation.peer.map(|peer| peer.to_string()).unwrap_or_default();
        page.line("  else  ", &format!("{addresses} from {server} ({})", origin_word(dns.origin)));
    }
}

/// What a stranger could misread in the table.
fn notes(page: &mut Page, views: &[&AddressView], evidence: &Evidence, target: &Target) {
    let anonymous: Vec<&Http> = evidence
        .of_endpoint(Stage::HttpRoundTrip, &target.host)
        .filter_map(|observation| observation.detail.http())
        .filter(|http| {
            http.authentication == Authentication::Anonymous && http.status == Some(403) && http.is_from_cos()
        })
        .collect();
    // Where COS gave a reason of its own, it is in a finding.
    let is_usual = anonymous.iter().filter_map(|http| http.error.as_ref()).all(|error| error.says("Access Denied"));
    if !anonymous.is_empty() && is_usual {
        let what = match page.style.view {
            View::Addresses | View::Resolution => "HTTP is an anonymous HEAD: 403 from COS",
            View::Exchanges => "403 from COS without a signature",
        };
        let whose = if target.role == EndpointRole::Service { "the list of buckets" } else { "a private bucket" };
        page.line("", &format!("{what} is what {whose} answers."));
    }
    let redirected = evidence
        .of_endpoint(Stage::Connect, &target.host)
        .any(|observation| observation.detail.tcp().is_some_and(|tcp| tcp.redirected_to.is_some()));
    if redirected {
        page.line("", "Connections were sent elsewhere by --connect-to.");
    }
    for view in views {
        let measured = |port: &PortView| Some((port.port, port.answer_hops?, port.answer_ttl?));
        let ports = view.ports.iter().filter_map(measured);
        let away: Vec<String> =
            ports.map(|(port, hops, ttl)| format!("port {port} at hop {hops} (TTL {ttl})")).collect();
        if !away.is_empty() {
            page.line("", &format!("By the TTL of the answers of {}: {}.", view.ip, away.join(", ")));
        }
    }
    let works_privately =
        |view: &&AddressView| view.scope.as_str() == "private" && view.ports.iter().any(|port| port.connected > 0);
    if views.iter().any(works_privately) {
        page.line("", "SSRF guards and pod egress rules may refuse private addresses that work here.");
    }
}

/// Whether an address is one too many and was not probed at all.
fn is_left_out(view: &AddressView) -> bool {
    let beyond = Outcome::NotRun { because: NotRunReason::AddressLimit };
    !view.ports.is_empty() && view.ports.iter().all(|port| port.outcome == beyond)
}

/// One look-up in one line.
fn lookup(page: &mut Page, observation: &Observation) {
    let Detail::Dns(dns) = &observation.detail else { return };
    let server = observation.peer.map_or_else(|| "no name server".to_owned(), |peer| peer.to_string());
    let time = observation.result_us().map_or_else(String::new, |us| format!(" in {}", milliseconds(us)));
    let asked = format!("from {server} over {}{time}", wire_word(dns.transport).to_uppercase());
    let answer = match &observation.outcome {
        Outcome::Succeeded => {
            let addresses = match dns.addresses.as_slice() {
                [] => "no address".to_owned(),
                records => crate::diagnose::listed(records.iter().map(|record| record.ip)),
            };
            let ttl =
                dns.addresses.first().map_or_else(String::new, |record| format!(", TTL {} s", record.ttl_seconds));
            let via = dns.cname_chain.last().map_or_else(String::new, |cname| format!(", alias of {}", cname.target));
            let truncated = if dns.truncated { ", truncated" } else { "" };
            format!("{addresses} {asked}{ttl}{via}{truncated}")
        }
        Outcome::Failed { kind, .. } => {
            let rcode = dns.rcode.as_deref().filter(|rcode| *rcode != "NOERROR").map(|rcode| format!("{rcode}, "));
            format!("{}{} {asked}", rcode.unwrap_or_default(), words(kind))
        }
        Outcome::NotRun { because } => format!("not run: {}", words(because)),
        Outcome::Unknown => "unknown".to_owned(),
    };
    page.line(&format!("  {:4}  ", wire_word(dns.record_type)), &answer);
}

/// The word that stands in JSON, as people write it.
pub(super) fn wire_word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => "?".to_owned(),
    }
}

fn findings(page: &mut Page, report: &Report) {
    for finding in report.findings.iter().filter(|finding| finding.is_root()) {
        one_finding(page, finding);
        let symptoms = report.findings.iter().filter(|other| {
            let same_subject = other.subject == finding.subject || finding.subject == MACHINE;
            other.caused_by.as_deref() == Some(&finding.code) && same_subject
        });
        for symptom in symptoms {
            page.line("  symptom: ", &format!("{} {}: {}", symptom.code, symptom.name, symptom.summary));
        }
        if finding.severity >= Severity::Warning {
            page.line("  more: ", &format!("cosprobe explain {}", finding.code));
        }
        page.blank();
    }
}

fn one_finding(page: &mut Page, finding: &Finding) {
    let color = match finding.severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Info => AnsiColor::Cyan,
    };
    let word = page.paint(finding.severity.as_str(), Paint::new().bold().fg_color(Some(color.into())));
    // What is only worth knowing needs no measure of how sure it is.
    let confidence = match finding.severity {
        Severity::Info => String::new(),
        _ => format!(" (confidence {})", finding.confidence.as_str()),
    };
    page.raw(&format!("{word} {} {}{confidence}", finding.code, finding.name));
    page.line("  ", &finding.summary);
    let lead = if finding.severity == Severity::Info { "  note: " } else { "  fix: " };
    for line in &finding.help {
        page.line(lead, line);
    }
}

fn verdict_line(page: &mut Page, report: &Report) {
    let color = match report.verdict.status {
        Status::Healthy => AnsiColor::Green,
        Status::Degraded | Status::Inconclusive => AnsiColor::Yellow,
        Status::Unreachable => AnsiColor::Red,
    };
    let status = page.paint(report.verdict.status.as_str(), Paint::new().bold().fg_color(Some(color.into())));
    let line = format!("{status}{}", verdict_rest(report));
    page.raw(&line);
}

/// The verdict line without its first word.
fn verdict_rest(report: &Report) -> String {
    let code = report.verdict.code.as_deref().map_or_else(String::new, |code| format!(" {code}"));
    format!(" [{} route]{code}: {}", report.verdict.route.as_str(), report.verdict.summary)
}
