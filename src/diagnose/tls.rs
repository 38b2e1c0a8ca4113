//! Findings about TLS handshakes and certificates.

use super::codes::{TLS001, TLS002, TLS003, TLS004, TLS005, TLS006, TLS007, TLS008};
use super::mtu;
use super::reply::reset_by;
use super::view::{failure_words, failures, listed};
use super::{CodeRow, Confidence, Finding, Severity};
use crate::config::Policy;
use crate::evidence::{
    Certificate, Evidence, FailureKind, Observation, ObservationId, ReplyTo, Stage, Tls, VerificationResult,
    clock_offset,
};
use crate::target::EndpointRole;
use crate::text;
use crate::text::Text;

/// What is advised where a handshake stalls and smaller segments do not help.
const HELD_BACK: &[Text] = &[
    text!(
        "network team: a filter or proxy on the way holds the handshake back; it stalls with small packets too, so their size is not the cause"
    ),
    text!("you: compare with another network; if only one address stalls, report it to Tencent support"),
];

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &evidence.targets {
        findings.extend(certificate_findings(evidence, &target.host, policy));
        findings.extend(expires_soon(evidence, &target.host, policy));
        findings.extend(handshake_findings(evidence, &target.host));
    }
    findings
}

/// Findings by what checking the certificate came to.
fn certificate_findings(evidence: &Evidence, host: &str, policy: &Policy) -> Vec<Finding> {
    let rows: [(&'static CodeRow, &[VerificationResult]); 3] = [
        (&TLS001, &[VerificationResult::Expired, VerificationResult::NotYetValid]),
        (&TLS002, &[VerificationResult::WrongName]),
        (&TLS003, &[VerificationResult::UntrustedIssuer, VerificationResult::Invalid, VerificationResult::Unknown]),
    ];
    rows.into_iter()
        .filter_map(|(row, results)| {
            let cited: Vec<(&Observation, &Tls)> = evidence
                .of_endpoint(Stage::TlsHandshake, host)
                .filter_map(|observation| Some((observation, observation.detail.tls()?)))
                .filter(|(_, tls)| results.contains(&tls.verification.result))
                .collect();
            let &(first, tls) = cited.first()?;
            let peers = listed(cited.iter().filter_map(|(o, _)| o.peer));
            let finding = Finding::new(row, host, first.id, certificate_summary(row, host, &peers, first, tls))
                .citing(cited.iter().map(|(o, _)| o.id))
                .severity(certificate_severity(row, evidence, host, policy))
                .confidence(Confidence::high_if(alternatives_excluded(row, evidence, host, tls)));
            Some(certificate_help(row, finding, tls))
        })
        .collect()
}

/// Nobody can have a certificate for the bare address of a shared service.
fn certificate_severity(row: &CodeRow, evidence: &Evidence, host: &str, policy: &Policy) -> Severity {
    let is_address = evidence.target(host).is_some_and(|target| target.role == EndpointRole::Address);
    if policy.insecure || (is_address && row.code == "TLS002") { Severity::Info } else { row.severity }
}

/// Whether the evidence leaves no other reading of a certificate problem.
fn alternatives_excluded(row: &CodeRow, evidence: &Evidence, host: &str, tls: &Tls) -> bool {
    let is_cos = evidence.target(host).is_some_and(|target| target.role.is_cos_host());
    match row.code {
        // The clock was compared with COS's, and a wrong one would be HST004.
        "TLS001" => is_clock_checked(evidence, host),
        "TLS002" => is_cos,
        _ => tls.verification.result == VerificationResult::UntrustedIssuer,
    }
}

/// Whether an answer of the endpoint told what time it is there.
fn is_clock_checked(evidence: &Evidence, host: &str) -> bool {
    clock_offset(evidence).is_some_and(|clock| {
        let of_host = |(id, _): &(ObservationId, _)| {
            evidence.get(*id).is_some_and(|observation| observation.endpoint.as_deref() == Some(host))
        };
        clock.readings.iter().any(of_host)
    })
}

fn certificate_summary(row: &CodeRow, host: &str, peers: &Text, observation: &Observation, tls: &Tls) -> Text {
    let leaf = tls.chain.first().cloned().unwrap_or_default();
    let at = text!("the certificate of {host} ({peers})", host, peers);
    let word = |text: &str| if text.is_empty() { text!("unknown") } else { text!("'{text}'", text) };
    match (row.code, tls.verification.result) {
        ("TLS001", VerificationResult::NotYetValid) => {
            text!("{at} is not valid before {time}", at, time = time(leaf.not_before))
        }
        ("TLS001", _) => {
            // The one of the chain that is over, which need not be the leaf.
            let over = |c: &&Certificate| c.not_after.is_some() && c.not_after < observation.started_at;
            let expired = tls.chain.iter().find(over).and_then(|certificate| certificate.not_after);
            text!("{at} expired on {time}", at, time = time(expired.or(leaf.not_after)))
        }
        ("TLS002", _) => text!("{at} is for other names: {names}", at, names = names(&leaf)),
        _ => {
            let library =
                tls.verification.message.as_deref().map_or(text!("no trusted root stands behind it"), Text::literal);
            text!(
                "{at} is not trusted: issuer {issuer}, subject {subject} ({library})",
                at,
                issuer = word(&leaf.issuer),
                subject = word(&leaf.subject),
                library
            )
        }
    }
}

fn certificate_help(row: &CodeRow, finding: Finding, tls: &Tls) -> Finding {
    match row.code {
        "TLS001" => finding
            .help(text!("you: check this machine's clock first: date -u"))
            .help(text!("bucket's owner: for a custom domain, renew the certificate; a COS domain's Tencent renews: if this stays, look at the issuer for something that answers in COS's place")),
        "TLS002" => finding
            .help(text!("you: check that the name leads to COS: nslookup NAME; a wrong hosts entry or resolver leads elsewhere"))
            .help(text!("bucket's owner: for a custom domain, bind a certificate for this name")),
        _ => {
            let finding = finding
            .help(text!("network team: if a proxy inspects TLS here, exempt COS's domains or give this machine the proxy's root (--cacert FILE)"))
            .help(text!("you: {roots} are trusted; if the issuer should be among them, install it (update-ca-certificates)", roots = tls.verification.roots.as_deref().map_or(text!("the system's roots"), Text::phrase)));
            chain_help(finding, tls)
        }
    }
}

/// A server that sends its own certificate alone leaves it to the client to know the authorities between it and a root.
fn chain_help(finding: Finding, tls: &Tls) -> Finding {
    match tls.chain.as_slice() {
        [leaf] if leaf.issuer != leaf.subject => finding.help(text!(
            "bucket's owner: the server sends one certificate and none of its issuer's; for a custom domain, bind the certificate with its whole chain"
        )),
        _ => finding,
    }
}

fn time(at: Option<jiff::Timestamp>) -> Text {
    at.map_or_else(|| text!("an unknown time"), |at| Text::literal(at.strftime("%Y-%m-%d %H:%M UTC").to_string()))
}

fn names(leaf: &Certificate) -> Text {
    if leaf.names.is_empty() { text!("'{subject}'", subject = &leaf.subject) } else { listed(&leaf.names) }
}

fn expires_soon(evidence: &Evidence, host: &str, policy: &Policy) -> Option<Finding> {
    let mut soon: Vec<(i64, &Observation)> = evidence
        .of_endpoint(Stage::TlsHandshake, host)
        .filter_map(|observation| {
            let tls = observation.detail.tls()?;
            // Others of the chain may be spares that no client needs.
            let earliest = tls.chain.first()?.not_after?;
            let left = earliest.duration_since(observation.started_at?).as_hours();
            (tls.verification.result == VerificationResult::Trusted && left < i64::from(policy.certificate_days) * 24)
                .then_some((left, observation))
        })
        .collect();
    soon.sort_by_key(|(left, observation)| (*left, observation.id));
    let &(left, first) = soon.first()?;
    let summary = text!("the certificate of {host} expires in {days} days", host, days = left / 24);
    // By a clock that runs ahead, every certificate ends early.
    let finding = Finding::new(&TLS006, host, first.id, summary)
        .confidence(Confidence::high_if(is_clock_checked(evidence, host)))
        .citing(soon.iter().map(|(_, observation)| observation.id))
        .help(text!("bucket's owner: for a custom domain, renew the certificate; for a COS domain Tencent does, tell its support if it stays"));
    Some(finding)
}

/// Findings by how the handshake failed.
fn handshake_findings(evidence: &Evidence, host: &str) -> Vec<Finding> {
    type Row = (&'static CodeRow, &'static [FailureKind], Text, &'static [Text]);
    const ROWS: &[Row] = &[
        (
            &TLS004,
            &[
                FailureKind::HandshakeReset,
                FailureKind::HandshakeClosed,
                FailureKind::HandshakeAlert,
                FailureKind::HandshakeFailed,
                FailureKind::Other,
                FailureKind::Unknown,
            ],
            text!("the TLS handshake is broken off"),
            &[text!(
                "network team: a firewall that filters by name (SNI) or inspects TLS breaks it off; allow the name of the endpoint"
            )],
        ),
        (
            &TLS005,
            &[FailureKind::HandshakeTimeout],
            text!("the connection opens and the TLS handshake stalls"),
            &[
                text!(
                    "network team: full-size packets may vanish (MTU): allow ICMP type 3 code 4, or clamp the MSS; or a device holds the handshake back"
                ),
                text!("you: see whether a smaller MTU helps: ip link set dev INTERFACE mtu 1280"),
            ],
        ),
        (
            &TLS007,
            &[FailureKind::TlsVersion],
            text!("the server offers only TLS versions before 1.2"),
            &[text!(
                "network team: COS speaks TLS 1.2; an old proxy or appliance answers in its place; bypass or update it"
            )],
        ),
        (
            &TLS008,
            &[FailureKind::NotTls],
            text!("what answers does not speak TLS"),
            &[
                text!("you: check the port: this one speaks something else, perhaps plain HTTP"),
                text!("network team: on 443 of a COS address, a proxy or portal answers in its place"),
            ],
        ),
    ];
    ROWS.iter()
        .filter_map(|(row, kinds, what, helps)| {
            let failed: Vec<_> = failures(evidence, Stage::TlsHandshake, host, kinds).collect();
            let first = failed.first()?;
            let peers = listed(failed.iter().filter_map(|observation| observation.peer));
            let summary = text!(
                "{what}: {host} ({peers}), {words}",
                what,
                host,
                peers,
                words = failure_words(failed.iter().copied())
            );
            let tried = evidence.of_endpoint(Stage::TlsHandshake, host).filter(|o| o.was_run()).count();
            let reset_by = reset_by(evidence, host, &failed, FailureKind::HandshakeReset, ReplyTo::ClientHello);
            let certain = match row.code {
                // An alert is the server's own word; anyone on the way can send a RST or close.
                "TLS004" => {
                    failed.iter().all(|o| o.outcome.failure() == Some(FailureKind::HandshakeAlert))
                        || reset_by.as_ref().is_some_and(|(_, is_all)| *is_all)
                }
                "TLS008" => failed.len() == tried,
                _ => false,
            };
            let finding = Finding::new(row, host, first.id, summary)
                .citing(failed.iter().map(|observation| observation.id))
                .confidence(Confidence::high_if(certain));
            let helps = if row.code == TLS005.code && mtu::no_size_helps(evidence, host) { HELD_BACK } else { *helps };
            let finding = match &reset_by {
                Some((sender, _)) => sender.told_in(finding),
                None => finding,
            };
            Some(helps.iter().fold(finding, |finding, line| finding.help(line.clone())))
        })
        .collect()
}
