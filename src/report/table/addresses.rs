//! The table of addresses and ports.

use comfy_table::{Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::super::Style;
use super::super::page::words;
use crate::diagnose::{AddressView, PortView, Spread, milliseconds};
use crate::evidence::{
    Authentication, Evidence, FailureKind, Observation, ObservationId, Outcome, Stage, VerificationResult,
};

const HEADER: [&str; 8] = ["address", "scope", "port", "TCP", "kernel RTT ms", "TLS", "HTTP", "signed"];
/// From this width on there is room for the times of TLS and HTTP.
const WIDE: usize = 110;

/// A row for each address and port.
pub(super) fn table(views: &[&AddressView], evidence: &Evidence, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.width).unwrap_or(80)).set_header(HEADER);
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for view in views {
        let mut address = Some(folded(&view.ip.to_string()));
        let mut scope = Some(view.scope.as_str().to_owned());
        for port in &view.ports {
            let mut row = vec![
                Cell::new(address.take().unwrap_or_default()),
                Cell::new(scope.take().unwrap_or_default().replace('_', " ")),
            ];
            row.extend(port_cells(port, evidence, style));
            table.add_row(row);
        }
        if let (Some(address), Some(scope)) = (address, scope) {
            table.add_row([address, scope]);
        }
    }
    for index in 0..HEADER.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if index == 2 || index == 3 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    // Ports, counts and addresses are worth nothing when they are cut.
    for index in [0, 1, 2, 3] {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    // The widest words that must not be broken, with the padding: three times, `untrusted`, `not run`.
    for (index, width) in [(4, 16), (5, 11), (6, 6), (7, 9)] {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    table.to_string()
}

/// An address in lines of at most fifteen characters, broken behind colons: a long one leaves no room for the rest.
fn folded(address: &str) -> String {
    let mut lines = vec![String::new()];
    for group in address.split_inclusive(':') {
        match lines.last_mut() {
            Some(line) if line.len() + group.len() <= 15 => line.push_str(group),
            _ => lines.push(group.to_owned()),
        }
    }
    lines.join("\n")
}

fn port_cells(port: &PortView, evidence: &Evidence, style: Style) -> [Cell; 6] {
    let connects = Cell::new(format!("{}/{}", port.connected, port.attempts));
    let latency = match &port.outcome {
        Outcome::Succeeded => Cell::new(latency(port.kernel_rtt_us, port.connect_us, port.with_syn_retransmits)),
        Outcome::Failed { kind, from, .. } => {
            let by = from.map_or_else(String::new, |from| format!(", says {from}"));
            Cell::new(format!("{}{by}", words(kind))).fg(Color::Red)
        }
        Outcome::NotRun { because } => Cell::new(format!("not run: {}", words(because))),
        Outcome::Unknown => Cell::new("unknown"),
    };
    let (tls, http, signed) = later_stages(port.observation, evidence, style.width >= WIDE);
    [Cell::new(port.port), connects, latency, tls, http, signed]
}

/// Round trips in milliseconds as minimum, median and maximum: the kernel's, and where it has none the process's; and how many of
/// the connects lost a SYN.
pub fn latency(kernel_rtt_us: Option<Spread>, connect_us: Option<Spread>, with_lost_syn: u32) -> String {
    let lost = match with_lost_syn {
        0 => String::new(),
        count => format!(", {count} with lost SYN"),
    };
    match (kernel_rtt_us, connect_us) {
        (Some(rtt), _) => format!("{}{lost}", three(rtt)),
        (None, Some(connect)) => format!("{} (user time){lost}", three(connect)),
        (None, None) => format!("unknown{lost}"),
    }
}

/// Minimum, median and maximum.
fn three(spread: Spread) -> String {
    [spread.min, spread.median, spread.max].map(short).join("/")
}

#[expect(clippy::cast_precision_loss, reason = "a time that loses precision here is longer than 285 years")]
fn short(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match us {
        0..10_000 => format!("{ms:.2}"),
        10_000..100_000 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

/// A time behind something, where there is one to show.
fn time(us: Option<u64>) -> String {
    us.map_or_else(String::new, |us| format!(" {}", milliseconds(us)))
}

/// What TLS and HTTP came to on the connections of one connect observation.
fn later_stages(connect: ObservationId, evidence: &Evidence, wide: bool) -> (Cell, Cell, Cell) {
    let descends = |observation: &&Observation| evidence.descends_from(observation.id, connect);
    let tls = evidence.of_stage(Stage::TlsHandshake).filter(descends).find_map(|o| tls_cell(o, wide));
    let of_requests = |wanted: Authentication| {
        evidence
            .of_stage(Stage::HttpRoundTrip)
            .filter(descends)
            .filter(|o| o.detail.http().is_some_and(|http| http.authentication == wanted && http.method == "HEAD"))
            .find_map(|o| http_cell(o, wide))
    };
    let none = || Cell::new("-");
    (
        tls.unwrap_or_else(none),
        of_requests(Authentication::Anonymous).unwrap_or_else(none),
        of_requests(Authentication::Signed).unwrap_or_else(none),
    )
}

fn tls_cell(observation: &Observation, wide: bool) -> Option<Cell> {
    let tls = observation.detail.tls()?;
    Some(match &observation.outcome {
        Outcome::Succeeded => {
            let version = tls.version.as_deref().unwrap_or("TLS");
            let version = format!("{version}{}", time(observation.elapsed_us.filter(|_| wide)));
            match tls.verification.result {
                VerificationResult::Trusted => Cell::new(version),
                VerificationResult::NotChecked => Cell::new(format!("{version}, not checked")),
                result => Cell::new(certificate_word(result)).fg(Color::Red),
            }
        }
        Outcome::Failed { kind, .. } => Cell::new(short_failure(*kind)).fg(Color::Red),
        Outcome::NotRun { .. } => Cell::new("not run"),
        Outcome::Unknown => Cell::new("unknown"),
    })
}

/// What is wrong with the certificate, short enough for the table.
const fn certificate_word(result: VerificationResult) -> &'static str {
    match result {
        VerificationResult::UntrustedIssuer => "untrusted",
        VerificationResult::WrongName => "wrong name",
        VerificationResult::Expired => "expired",
        VerificationResult::NotYetValid => "too early",
        _ => "invalid",
    }
}

/// How a handshake or an exchange failed, short enough for the table.
fn short_failure(kind: FailureKind) -> String {
    let word = kind.as_str();
    let short = word.strip_prefix("handshake_").or(word.strip_prefix("response_")).or(word.strip_suffix("_response"));
    short.unwrap_or(word).replace('_', " ")
}

fn http_cell(observation: &Observation, wide: bool) -> Option<Cell> {
    let http = observation.detail.http()?;
    Some(match (&observation.outcome, http.status) {
        (Outcome::NotRun { .. }, _) => Cell::new("not run"),
        (_, Some(status)) if http.is_from_cos() => {
            Cell::new(format!("{status}{}", time(http.first_byte_us.filter(|_| wide))))
        }
        (_, Some(status)) => Cell::new(format!("{status} not COS")).fg(Color::Red),
        (Outcome::Failed { kind, .. }, None) => Cell::new(short_failure(*kind)).fg(Color::Red),
        (Outcome::Succeeded | Outcome::Unknown, None) => Cell::new("unknown"),
    })
}
