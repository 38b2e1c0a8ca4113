//! The table for people: names and servers, addresses and ports, findings with fixes, and the verdict as the last line.

mod addresses;
mod targets;

use anstyle::{AnsiColor, Style as Paint};

pub use addresses::latency;
pub(super) use addresses::{HEADER, port_told};
pub(super) use targets::{COLUMNS as TARGET_COLUMNS, are_several, row as target_row};

use super::page::Page;
use super::resolution::origin_word;
use super::{Ended, Report, Style, View, exchanges, machine, resolution};
use crate::diagnose::{AddressView, Finding, MACHINE, PortView, Severity, Status, Verdict, listed, milliseconds};
use crate::evidence::{Authentication, Detail, Evidence, Http, NotRunReason, Observation, Outcome, Stage};
use crate::target::{EndpointRole, Target};
use crate::text;
use crate::text::Text;

/// Widest text; longer lines are hard to read.
const MAX_WIDTH: usize = 120;

pub(super) fn render(report: &Report, style: Style) -> String {
    let style = Style { width: style.width.clamp(40, MAX_WIDTH), ..style };
    let evidence = report.observed();
    let mut page = Page::new(style);
    targets::show(&mut page, report);
    if style.view == View::Resolution {
        machine::show(&mut page, &evidence);
    }
    for target in &report.targets {
        endpoint(&mut page, report, &evidence, target);
    }
    findings(&mut page, report);
    for remark in remarks(report) {
        page.line(&Text::empty(), &remark);
        page.blank();
    }
    verdict_line(&mut page, report);
    page.into_text()
}

/// What has to be known about the report as a whole.
pub(super) fn remarks(report: &Report) -> Vec<Text> {
    let why = match report.ended_because {
        Ended::Completed => None,
        Ended::Interrupted => Some(text!("interrupted")),
        Ended::Deadline => Some(text!("out of time (--deadline)")),
        Ended::Unknown => Some(text!("not completed")),
    };
    let why = why.map(|why| text!("the run was {why}: what is not shown was not measured", why));
    let stand_ins = text!("Names and addresses are stand-ins (--redact), the same throughout this report.");
    why.into_iter().chain(report.redacted.map(|_| stand_ins)).collect()
}

fn endpoint(page: &mut Page, report: &Report, evidence: &Evidence, target: &Target) {
    let bold = page.paint(&target.host, Paint::new().bold());
    page.raw(&bold);
    let region = target.region.as_deref().map(|region| text!(", region {region}", region));
    page.line(&text!("  "), &text!("{role}{region}", role = Text::phrase(target.role.describe()), region));
    for file in evidence.of_endpoint(Stage::Host, &target.host).filter_map(|o| o.detail.hosts_file()) {
        if !file.addresses.is_empty() {
            let addresses = listed(&file.addresses);
            page.line(&text!("  "), &text!("{path}: {addresses}", path = &file.path, addresses));
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
        for note in notes(&views, left_out.len(), evidence, target, page.style.view) {
            page.line(&Text::empty(), &note);
        }
        page.blank();
    }
    if let Some(view) = view.filter(|_| target.address().is_none()) {
        page.line(&text!("route: "), &view.route_reason);
        if let Some(reason) = &view.extent_reason {
            page.line(&text!("control group: "), reason);
        }
        page.blank();
    }
}

/// The answers of servers that nothing here goes by, for addresses of one family and without failures: in one line each.
fn compared(page: &mut Page, evidence: &Evidence, target: &Target) {
    let first_look = |o: &&Observation| o.parent.is_none() && o.outcome.is_success();
    for observation in evidence.comparisons(&target.host).filter(first_look) {
        let Detail::Dns(dns) = &observation.detail else { continue };
        let addresses = listed(dns.addresses.iter().map(|record| record.ip));
        let server = observation.peer.map(|peer| peer.to_string()).unwrap_or_default();
        let told = text!("{addresses} from {server} ({origin})", addresses, server, origin = origin_word(dns.origin));
        page.line(&text!("  else  "), &told);
    }
}

/// What a stranger could misread in the table.
pub(super) fn notes(
    views: &[&AddressView],
    left_out: usize,
    evidence: &Evidence,
    target: &Target,
    view: View,
) -> Vec<Text> {
    let mut notes = Vec::new();
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
        let what = match view {
            View::Addresses | View::Resolution => text!("HTTP is an anonymous HEAD: 403 from COS"),
            View::Exchanges => text!("403 from COS without a signature"),
        };
        let is_list = target.role == EndpointRole::Service;
        let whose = if is_list { text!("the list of buckets") } else { text!("a private bucket") };
        notes.push(text!("{what} is what {whose} answers.", what, whose));
    }
    let redirected = evidence
        .of_endpoint(Stage::Connect, &target.host)
        .any(|observation| observation.detail.tcp().is_some_and(|tcp| tcp.redirected_to.is_some()));
    if redirected {
        notes.push(text!("Connections were sent elsewhere by --connect-to."));
    }
    for view in views {
        let measured = |port: &PortView| Some((port.port, port.answer_hops?, port.answer_ttl?));
        let ports = view.ports.iter().filter_map(measured);
        let away =
            Text::list(ports.map(|(port, hops, ttl)| text!("port {port} at hop {hops} (TTL {ttl})", port, hops, ttl)));
        if !away.is_empty() {
            notes.push(text!("By the TTL of the answers of {ip}: {away}.", ip = view.ip, away));
        }
    }
    let works_privately =
        |view: &&AddressView| view.scope.as_str() == "private" && view.ports.iter().any(|port| port.connected > 0);
    if views.iter().any(works_privately) {
        notes.push(text!("SSRF guards and pod egress rules may refuse private addresses that work here."));
    }
    if left_out > 0 {
        let (count, probed) = (left_out, views.len());
        notes.push(text!("{count} further addresses were not probed: one run probes {probed}", count, probed));
    }
    notes
}

/// Whether an address is one too many and was not probed at all.
pub(super) fn is_left_out(view: &AddressView) -> bool {
    let beyond = Outcome::NotRun { because: NotRunReason::AddressLimit };
    !view.ports.is_empty() && view.ports.iter().all(|port| port.outcome == beyond)
}

/// One look-up in one line.
fn lookup(page: &mut Page, observation: &Observation) {
    let Detail::Dns(dns) = &observation.detail else { return };
    let server = observation.peer.map_or(text!("no name server"), |peer| Text::literal(peer.to_string()));
    let time = observation.result_us().map(|us| text!(" in {time}", time = milliseconds(us)));
    let transport = wire_word(dns.transport).to_uppercase();
    let asked = text!("from {server} over {transport}{time}", server, transport, time);
    let answer = match &observation.outcome {
        Outcome::Succeeded => {
            let addresses = match dns.addresses.as_slice() {
                [] => text!("no address"),
                records => listed(records.iter().map(|record| record.ip)),
            };
            let ttl = dns.addresses.first().map(|record| text!(", TTL {ttl} s", ttl = record.ttl_seconds));
            let via = dns.cname_chain.last().map(|cname| text!(", alias of {name}", name = &cname.target));
            let truncated = dns.truncated.then(|| text!(", truncated"));
            text!("{addresses} {asked}{ttl}{via}{truncated}", addresses, asked, ttl, via, truncated)
        }
        Outcome::Failed { kind, .. } => {
            let rcode = dns.rcode.as_deref().filter(|rcode| *rcode != "NOERROR");
            let rcode = rcode.map(|rcode| text!("{rcode}, ", rcode));
            text!("{rcode}{kind} {asked}", rcode, kind = Text::word(kind), asked)
        }
        Outcome::NotRun { because } => text!("not run: {because}", because = Text::word(because)),
        Outcome::Unknown => text!("unknown"),
    };
    page.line(&Text::literal(format!("  {:4}  ", wire_word(dns.record_type))), &answer);
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
        for symptom in symptoms(report, finding) {
            let Finding { code, name, summary, .. } = symptom;
            page.line(&text!("  symptom: "), &text!("{code} {name}: {summary}", code, name, summary));
        }
        if finding.severity >= Severity::Warning {
            page.line(&text!("  more: "), &Text::literal(format!("cosprobe explain {}", finding.code)));
        }
        page.blank();
    }
}

/// What a root finding explains.
pub(super) fn symptoms<'a>(report: &'a Report, root: &'a Finding) -> impl Iterator<Item = &'a Finding> {
    report.findings.iter().filter(move |other| {
        let same_subject = other.subject == root.subject || root.subject == MACHINE;
        other.caused_by.as_deref() == Some(&root.code) && same_subject
    })
}

fn one_finding(page: &mut Page, finding: &Finding) {
    let color = match finding.severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Info => AnsiColor::Cyan,
    };
    let severity = page.say(&Text::word(finding.severity.as_str()));
    let severity = page.paint(&severity, Paint::new().bold().fg_color(Some(color.into())));
    // What is only worth knowing needs no measure of how sure it is.
    let confidence = match finding.severity {
        Severity::Info => Text::empty(),
        _ => text!(" (confidence {confidence})", confidence = Text::word(finding.confidence.as_str())),
    };
    let Finding { code, name, .. } = finding;
    page.tell(&text!("{severity} {code} {name}{confidence}", severity, code, name, confidence));
    page.line(&text!("  "), &finding.summary);
    if finding.severity != Severity::Info && !finding.candidates.is_empty() {
        page.line(&text!("  or: "), &Text::sentences(finding.candidates.iter().cloned()));
    }
    let lead = if finding.severity == Severity::Info { text!("  note: ") } else { text!("  fix: ") };
    for line in &finding.help {
        page.line(&lead, line);
    }
}

fn verdict_line(page: &mut Page, report: &Report) {
    let color = match report.verdict.status {
        Status::Healthy => AnsiColor::Green,
        Status::Degraded | Status::Inconclusive => AnsiColor::Yellow,
        Status::Unreachable => AnsiColor::Red,
    };
    let status = page.say(&Text::word(report.verdict.status.as_str()));
    let status = page.paint(&status, Paint::new().bold().fg_color(Some(color.into())));
    page.tell(&verdict_text(&report.verdict, Text::literal(status)));
}

/// A verdict in one sentence, with the word for its status as it is to look.
fn verdict_text(verdict: &Verdict, status: Text) -> Text {
    let code = verdict.code.as_deref().map(|code| text!(" {code}", code));
    let (route, summary) = (Text::word(verdict.route.as_str()), &verdict.summary);
    text!("{status} [{route} route]{code}: {summary}", status, route, code, summary)
}
