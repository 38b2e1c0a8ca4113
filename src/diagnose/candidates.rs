//! What else could be the case where the evidence excludes no other explanation.
//!
//! A rule that gives less than high confidence needs a row here; a test holds the two to each other.

use super::{Confidence, Finding, mtu};
use crate::evidence::Evidence;
use crate::text;
use crate::text::Text;

/// What remains possible beside a finding, by its code.
type Row = (&'static str, &'static [Text]);

const ROWS: &[Row] = &[
    ("AUT001", &[text!("something on the way changed what was signed")]),
    ("AUT003", &[text!("another reason for 403: COS gave none, or gave it for a request that needs another right")]),
    ("AUT004", &[text!("the request was held up on its way, or a proxy sent an old one again")]),
    ("BKT001", &[text!("the host, and not the bucket, is what COS does not know: it gave no reason")]),
    ("BKT002", &[text!("blocked content or arrears: without a reason the status does not tell which")]),
    ("BKT007", &[text!("the bucket itself does not exist: COS gave no reason")]),
    ("BKT008", &[text!("the write never arrived, and nothing is there")]),
    (
        "BKT010",
        &[
            text!("somebody else wrote or deleted the object at the same time"),
            text!("a rule of the bucket changes or moves what is written"),
        ],
    ),
    ("DNS001", &[text!("the name exists, and a private zone or a company's resolver hides it")]),
    ("DNS002", &[text!("a device on the way drops questions of one kind, such as those for AAAA")]),
    (
        "DNS003",
        &[text!("several faults: the servers do not fail alike"), text!("a device on the way that answers or garbles")],
    ),
    ("DNS004", &[text!("this machine is not in the endpoint's region, so that the private address is of no use here")]),
    (
        "DNS006",
        &[
            text!("the answers are right, and COS is out of reach"),
            text!("servers that answer by place, and somebody else's server at one of the addresses"),
        ],
    ),
    ("DNS008", &[text!("a question or an answer that was lost on the way and sent again")]),
    ("DNS009", &[text!("an address of the other kind (A or AAAA), which was not asked for")]),
    ("HST002", &[text!("programs that run in another environment, or have settings of their own")]),
    ("HST004", &[text!("the clock of one server, or of a device that answers in COS's place")]),
    ("HST005", &[text!("other programs' packets were kept back here, and ours were lost on the way")]),
    ("HST007", &[text!("an IPv4 address: the question for it was not answered")]),
    ("HTP001", &[text!("a CDN or a proxy of the owner, which may rightly hide COS's headers")]),
    ("HTP003", &[text!("a short failure of a single server: other requests were answered")]),
    ("HTP004", &[text!("a short peak: other requests were answered")]),
    (
        "HTP005",
        &[
            text!("a proxy that takes connections and cannot reach COS"),
            text!("a firewall that drops after the opening of a connection"),
            SIZE,
            text!("loss, or a server that hangs"),
        ],
    ),
    ("HTP006", &[text!("a device on the way that broke the connection off"), text!("the server itself")]),
    ("HTP008", &[text!("any reason for this status: COS gave none")]),
    ("PTH001", &[text!("another limit, or loss: no size between is known to fail")]),
    ("PTH003", &[text!("ways of different length, over which packets are balanced")]),
    ("PTH004", &[text!("a port that is served from a nearer place by right")]),
    (
        "RTE002",
        &[
            text!("a filter on the way: security group, network ACL or firewall"),
            text!("a route that is missing further on"),
        ],
    ),
    ("RTE003", &[text!("only this endpoint is out of reach: no other was tried")]),
    ("RTE004", &[text!("addresses that are all in one network: the range of one does not tell for sure")]),
    ("RTE005", &[text!("the expected route after all: the range of an address does not tell for sure")]),
    (
        "TCP001",
        &[
            text!("a firewall or proxy, on the way or on this machine, that rejects with RST"),
            text!("the server itself, or another server at a wrong address"),
        ],
    ),
    (
        "TCP002",
        &[
            text!("a filter on the way there or back, this machine's own included"),
            text!("nobody at the address, a missing route back, or heavy loss"),
        ],
    ),
    ("TCP003", &[text!("a firewall that rejects with the same message: its sender is not known")]),
    ("TCP004", &[text!("any firewall on the way, or this machine's: the sender is not known")]),
    ("TCP005", &[text!("chance: few connects were made")]),
    ("TCP006", &[text!("a bad moment: few connects were measured")]),
    ("TCP007", &[text!("loss, or a filter that allows only some addresses")]),
    ("TCP008", &[text!("the address itself: it is the only one that was tested")]),
    ("TCP009", &[text!("everything is blocked, and a web proxy answers on port 80")]),
    ("TCP010", &[text!("a firewall that keeps a stale entry for just this connection")]),
    ("TCP011", &[text!("the address itself: it is the only one of IPv6")]),
    ("TLS001", &[text!("this machine's clock: no answer told what time it is at the server")]),
    ("TLS002", &[text!("a server of the owner, which stands at this name by right")]),
    ("TLS003", &[text!("a defect of the certificate that has nothing to do with its issuer")]),
    (
        "TLS004",
        &[
            text!("a device on the way: a filter by name, or a proxy"),
            text!("the server, or what stands just before it"),
        ],
    ),
    (
        "TLS005",
        &[
            SIZE,
            text!("a filter that drops, or a proxy that cannot reach its server"),
            text!("loss, or an overloaded server"),
        ],
    ),
    ("TLS006", &[text!("this machine's clock runs ahead: no answer told what time it is at the server")]),
    ("TLS007", &[text!("a filter that refuses with the alert for old versions")]),
    ("TLS008", &[text!("a single server that is set up wrong: others were not asked, or speak TLS")]),
];

/// Where COS's own word is clear, and the same request was answered otherwise by another address.
const ELSEWHERE: Text = text!("a single server, or a moment: the same request was answered well elsewhere");

/// The size of packets, which other measurements may exclude.
const SIZE: Text = text!("large packets that get lost (MTU)");

/// Adds what remains possible to each finding that is not sure.
pub(super) fn add(findings: &mut [Finding], evidence: &Evidence) {
    for finding in findings.iter_mut().filter(|finding| finding.confidence < Confidence::High) {
        finding.candidates = of(finding, evidence);
    }
}

fn of(finding: &Finding, evidence: &Evidence) -> Vec<Text> {
    let row = ROWS.iter().find(|(code, _)| *code == finding.code).map(|(_, candidates)| *candidates);
    let is_possible = |candidate: &&Text| **candidate != SIZE || !is_size_excluded(finding, evidence);
    let all: Vec<Text> = row.unwrap_or_default().iter().filter(is_possible).cloned().collect();
    if all.is_empty() { vec![ELSEWHERE] } else { all }
}

/// Whether requests of several full packets arrive, or no size of packets helps.
fn is_size_excluded(finding: &Finding, evidence: &Evidence) -> bool {
    let mut cited = finding.evidence.iter().filter_map(|id| evidence.get(*id)).peekable();
    let host = &finding.subject;
    mtu::no_size_helps(evidence, host)
        || (cited.peek().is_some() && cited.all(|observation| mtu::arrives(evidence, host, observation)))
}
