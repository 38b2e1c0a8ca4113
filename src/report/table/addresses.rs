//! The table of addresses and ports.

use comfy_table::{Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::super::Style;
use crate::diagnose::{AddressView, PortView, Spread, milliseconds};
use crate::evidence::{
    Authentication, Evidence, FailureKind, Observation, ObservationId, Outcome, Stage, VerificationResult,
};
use crate::text;
use crate::text::Text;

/// The columns.
pub(in crate::report) const HEADER: [Text; 8] = [
    text!("address"),
    text!("scope"),
    text!("port"),
    text!("TCP"),
    text!("kernel RTT ms"),
    text!("TLS"),
    text!("HTTP"),
    text!("signed"),
];
/// From this width on there is room for the times of TLS and HTTP.
const WIDE: usize = 110;

/// A row for each address and port.
pub(super) fn table(views: &[&AddressView], evidence: &Evidence, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.width).unwrap_or(80)).set_header(HEADER.map(|word| word.say(style.language)));
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for view in views {
        let mut address = Some(folded(&view.ip.to_string()));
        let mut scope = Some(Text::word(view.scope.as_str()).say(style.language));
        for port in &view.ports {
            let mut row =
                vec![Cell::new(address.take().unwrap_or_default()), Cell::new(scope.take().unwrap_or_default())];
            row.extend(port_told(port, evidence, style.width >= WIDE).iter().map(|told| told.cell(style)));
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

/// What stands in one cell, and whether it is a fault.
pub(in crate::report) struct Told {
    pub(in crate::report) text: Text,
    pub(in crate::report) is_fault: bool,
}

impl Told {
    fn cell(&self, style: Style) -> Cell {
        let cell = Cell::new(self.text.say(style.language));
        if self.is_fault { cell.fg(Color::Red) } else { cell }
    }
}

const fn good(text: Text) -> Told {
    Told { text, is_fault: false }
}

const fn bad(text: Text) -> Told {
    Told { text, is_fault: true }
}

/// What there is to tell of one port: its number, connects, round trips, TLS, the anonymous and the signed request; with the times
/// of the last three where there is room for them.
pub(in crate::report) fn port_told(port: &PortView, evidence: &Evidence, wide: bool) -> [Told; 6] {
    let connects = good(Text::literal(format!("{}/{}", port.connected, port.attempts)));
    let latency = match &port.outcome {
        Outcome::Succeeded => good(latency(port.kernel_rtt_us, port.connect_us, port.with_syn_retransmits)),
        Outcome::Failed { kind, from, .. } => {
            let by = from.map(|from| text!(", says {from}", from));
            bad(text!("{kind}{by}", kind = Text::word(kind), by))
        }
        Outcome::NotRun { because } => good(text!("not run: {because}", because = Text::word(because))),
        Outcome::Unknown => good(text!("unknown")),
    };
    let later = later_stages(port.observation, evidence, wide);
    let [tls, http, signed] = later.map(|told| told.unwrap_or_else(|| good(Text::literal("-"))));
    [good(Text::literal(port.port.to_string())), connects, latency, tls, http, signed]
}

/// Round trips in milliseconds as minimum, median and maximum: the kernel's, and where it has none the process's; and how many of
/// the connects lost a SYN.
pub fn latency(kernel_rtt_us: Option<Spread>, connect_us: Option<Spread>, with_lost_syn: u32) -> Text {
    let lost = match with_lost_syn {
        0 => Text::empty(),
        count => text!(", {count} with lost SYN", count),
    };
    match (kernel_rtt_us, connect_us) {
        (Some(rtt), _) => text!("{rtt}{lost}", rtt = three(rtt), lost),
        (None, Some(connect)) => text!("{time} (user time){lost}", time = three(connect), lost),
        (None, None) => text!("unknown{lost}", lost),
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
fn later_stages(connect: ObservationId, evidence: &Evidence, wide: bool) -> [Option<Told>; 3] {
    let descends = |observation: &&Observation| evidence.descends_from(observation.id, connect);
    let tls = evidence.of_stage(Stage::TlsHandshake).filter(descends).find_map(|o| tls_told(o, wide));
    let of_requests = |wanted: Authentication| {
        evidence
            .of_stage(Stage::HttpRoundTrip)
            .filter(descends)
            .filter(|o| o.detail.http().is_some_and(|http| http.authentication == wanted && http.method == "HEAD"))
            .find_map(|o| http_told(o, wide))
    };
    [tls, of_requests(Authentication::Anonymous), of_requests(Authentication::Signed)]
}

fn tls_told(observation: &Observation, wide: bool) -> Option<Told> {
    let tls = observation.detail.tls()?;
    Some(match &observation.outcome {
        Outcome::Succeeded => {
            let version = tls.version.as_deref().unwrap_or("TLS");
            let version = format!("{version}{}", time(observation.elapsed_us.filter(|_| wide)));
            match tls.verification.result {
                VerificationResult::Trusted => good(Text::literal(version)),
                VerificationResult::NotChecked => good(text!("{version}, not checked", version)),
                result => bad(certificate_word(result)),
            }
        }
        Outcome::Failed { kind, .. } => bad(short_failure(*kind)),
        Outcome::NotRun { .. } => good(text!("not run")),
        Outcome::Unknown => good(text!("unknown")),
    })
}

/// What is wrong with the certificate, short enough for the table.
const fn certificate_word(result: VerificationResult) -> Text {
    match result {
        VerificationResult::UntrustedIssuer => text!("untrusted"),
        VerificationResult::WrongName => text!("wrong name"),
        VerificationResult::Expired => text!("expired"),
        VerificationResult::NotYetValid => text!("too early"),
        _ => text!("invalid"),
    }
}

/// How a handshake or an exchange failed, short enough for the table.
fn short_failure(kind: FailureKind) -> Text {
    let word = kind.as_str();
    let short = word.strip_prefix("handshake_").or(word.strip_prefix("response_")).or(word.strip_suffix("_response"));
    Text::word(short.unwrap_or(word))
}

fn http_told(observation: &Observation, wide: bool) -> Option<Told> {
    let http = observation.detail.http()?;
    Some(match (&observation.outcome, http.status) {
        (Outcome::NotRun { .. }, _) => good(text!("not run")),
        (_, Some(status)) if http.is_from_cos() => {
            good(Text::literal(format!("{status}{}", time(http.first_byte_us.filter(|_| wide)))))
        }
        (_, Some(status)) => bad(text!("{status} not COS", status)),
        (Outcome::Failed { kind, .. }, None) => bad(short_failure(*kind)),
        (Outcome::Succeeded | Outcome::Unknown, None) => good(text!("unknown")),
    })
}
