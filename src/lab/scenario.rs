//! The words of which a scenario is made. Each says how one part of the lab behaves.

use std::net::Ipv4Addr;

use super::account::{LAB_ID, LAB_KEY, LAB_TOKEN, OTHER_ID, OTHER_KEY};

/// How the name server behaves towards the bucket's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsBehaviour {
    /// It answers with the scenario's addresses behind one alias, as COS's servers do.
    Ok,
    /// It says that the name does not exist.
    NxDomain,
    /// It fails.
    ServFail,
    /// It refuses the question.
    Refused,
    /// It never answers.
    Silent,
    /// The name exists and has no address.
    NoData,
    /// Two aliases that lead to each other.
    CnameLoop,
    /// It answers with so many addresses that UDP does not hold them: this many, from 203.0.113.0/24.
    Many(u8),
    /// It answers another question than the one that was asked.
    WrongQuestion,
    /// What it answers is not DNS.
    Garbage,
    /// Over UDP it says that the answer is too long; over TCP it answers.
    Truncate,
    /// Over UDP it says that the answer is too long; TCP is refused.
    TruncateWithoutTcp,
}

/// How a port behaves, at every address that is not dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortBehaviour {
    /// It takes connections.
    Serve,
    /// It answers with RST.
    Refuse,
}

/// What happens on port 443 once the connection is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsBehaviour {
    /// A handshake.
    Normal,
    /// An HTTP answer in clear text.
    PlainText,
    /// Nothing.
    Silent,
    /// RST after the `ClientHello`.
    Reset,
}

/// The certificate on port 443.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateBehaviour {
    /// For the bucket's host, valid, from the lab's CA.
    Good,
    /// For another host.
    WrongName,
    /// It ended a day ago.
    Expired,
    /// It begins in two days.
    NotYetValid,
    /// For the bucket's host, from a CA that nobody trusts.
    Untrusted,
    /// For a portal's host, from a CA that nobody trusts.
    Portal,
}

/// What a request is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerBehaviour {
    /// What COS would say.
    Cos,
    /// A redirect to the login page of a captive portal.
    Portal,
    /// A page of some other web server.
    NotCos,
    /// 500 from COS.
    ServerError,
    /// 503 from COS.
    SlowDown,
    /// Header lines without end.
    EndlessHeaders,
    /// A refusal whose body has no end.
    EndlessBody,
    /// Bytes that are not HTTP.
    Garbage,
    /// One byte every 200 ms.
    SlowDrip,
    /// A refusal of COS with control and bidirectional characters in headers and body.
    ControlCharacters,
    /// One header line of this many bytes.
    HugeHeaderLine(usize),
    /// Half an answer, then RST.
    ResetMidAnswer,
    /// Nothing.
    Silent,
}

/// What the account behind the bucket makes of the client's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountBehaviour {
    /// The key may do everything.
    Ok,
    /// The client has another secret key than the account.
    WrongKey,
    /// The account has no such key.
    UnknownKey,
    /// The key is good and may do nothing.
    Denied,
    /// The client's key is a temporary one and has expired.
    ExpiredToken,
    /// There is no such bucket.
    NoBucket,
}

impl AccountBehaviour {
    /// The key that the client has.
    pub(super) const fn client_key(self) -> (&'static str, &'static str) {
        match self {
            Self::WrongKey => (LAB_ID, OTHER_KEY),
            Self::UnknownKey => (OTHER_ID, OTHER_KEY),
            Self::Ok | Self::Denied | Self::ExpiredToken | Self::NoBucket => (LAB_ID, LAB_KEY),
        }
    }

    /// The token that the client has.
    pub(super) const fn client_token(self) -> Option<&'static str> {
        match self {
            Self::ExpiredToken => Some(LAB_TOKEN),
            _ => None,
        }
    }
}

/// One row: what misbehaves, and what a check has to conclude.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The word for `cosprobe demo`.
    pub name: &'static str,
    /// What misbehaves, for people.
    pub summary: &'static str,
    /// Whether lists leave it out: hostile peers, for tests.
    pub hidden: bool,
    /// The host to check.
    pub host: &'static str,
    /// What the name server answers with.
    pub addresses: &'static [Ipv4Addr],
    /// Those among them that refuse every connection.
    pub dead: &'static [Ipv4Addr],
    /// The name server.
    pub dns: DnsBehaviour,
    /// Port 80.
    pub port_80: PortBehaviour,
    /// Port 443.
    pub port_443: PortBehaviour,
    /// What follows the connection on port 443.
    pub tls: TlsBehaviour,
    /// The certificate.
    pub certificate: CertificateBehaviour,
    /// How far the server's clock is ahead of this machine's.
    pub clock_offset_seconds: i64,
    /// The answer to a request.
    pub answer: AnswerBehaviour,
    /// The account behind the bucket.
    pub account: AccountBehaviour,
    /// Codes that must be the root findings of severity warning or error, and no others.
    pub roots: &'static [&'static str],
    /// The status of the verdict: `healthy`, `degraded` or `unreachable`.
    pub status: &'static str,
}

impl Scenario {
    /// Every address that the name server answers with.
    pub fn all_addresses(&self) -> Vec<Ipv4Addr> {
        match self.dns {
            DnsBehaviour::Many(number) => (1..=number).map(|last| Ipv4Addr::new(203, 0, 113, last)).collect(),
            _ => self.addresses.to_vec(),
        }
    }
}
