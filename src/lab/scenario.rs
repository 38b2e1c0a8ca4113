//! The words of which a scenario is made. Each says how one part of the lab behaves.

use std::net::Ipv4Addr;

use super::keys::{Key, LASTING, STRANGE, TEMPORARY};

/// How the name server behaves towards the bucket's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsBehaviour {
    /// It answers with the scenario's addresses behind one alias, as COS's servers do.
    Ok,
    /// It answers with the scenario's addresses and without an alias, as those do who answer in COS's place.
    WithoutAlias,
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
    /// The alert of a server that knows no version which the client offers (RFC 8446 section 6.2).
    NoCommonVersion,
}

/// The certificate on port 443.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateBehaviour {
    /// For every host of the lab, valid, from the lab's CA.
    Good,
    /// For another host.
    WrongName,
    /// It ended a day ago.
    Expired,
    /// It begins in two days.
    NotYetValid,
    /// It ends in five days.
    EndsSoon,
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
    /// What COS said an hour ago, from a cache on the way.
    Cached,
    /// A redirect to the login page of a captive portal.
    Portal,
    /// A page of some other web server.
    NotCos,
    /// 500 from COS.
    ServerError,
    /// 503 from COS.
    SlowDown,
    /// 301 from COS to another region.
    Redirect,
    /// 409 from COS, a refusal with nothing special about it.
    Conflict,
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

/// The key that the client has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKey {
    /// A lasting key of the account.
    Lasting,
    /// A temporary key of the account, with its token.
    Temporary,
    /// A temporary key of the account with a token that is not its own.
    StrangeToken,
    /// A key of the account with another secret half.
    WrongSecret,
    /// A key of the account, with quotation marks around the secret half.
    Quoted,
    /// A key that the account does not have.
    Unknown,
    /// None.
    None,
}

impl ClientKey {
    /// The key itself.
    pub(super) const fn key(self) -> Option<Key> {
        Some(match self {
            Self::Lasting => LASTING,
            Self::Temporary => TEMPORARY,
            Self::StrangeToken => Key { token: Some("cosprobe-lab-token-of-nobody-2"), ..TEMPORARY },
            Self::WrongSecret => Key { secret_key: STRANGE.secret_key, ..LASTING },
            Self::Quoted => Key { secret_key: "\"cosprobeLabSecretKeyOfNobody0001\"", ..LASTING },
            Self::Unknown => STRANGE,
            Self::None => return None,
        })
    }
}

/// What the account makes of a request whose signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountBehaviour {
    /// Its keys may do everything.
    Ok,
    /// Its keys may do nothing.
    Denied,
    /// Its keys may do everything but HEAD Bucket.
    HeadBucketDenied,
    /// Its keys may not write.
    WriteDenied,
    /// Its keys may not delete.
    DeleteDenied,
    /// It takes every signed request to be too late.
    RequestsExpire,
    /// The temporary key has expired.
    ExpiredToken,
    /// Signatures have to cover the header `user-agent` where it is there (strict signature mode).
    StrictSignature,
}

/// What the bucket is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketBehaviour {
    /// Private. Path style, acceleration, website and the custom domain work.
    Private,
    /// Everybody may read it.
    PublicRead,
    /// There is no such bucket.
    Missing,
    /// It is in another region.
    Elsewhere,
    /// The account is in arrears.
    Arrears,
    /// A referer rule refuses everybody.
    RefererRule,
    /// It was made after 2023 and may not be addressed in path style.
    WithoutPathStyle,
    /// Acceleration is not enabled.
    WithoutAcceleration,
    /// It has no website.
    WithoutWebsite,
    /// The custom domain is not bound to it.
    WithoutCustomDomain,
    /// What it gives back is not what was written.
    Altering,
}

/// A name server beside the one that the client goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherServer {
    /// Whether it stands for one of Tencent's inside a VPC, or else for `DNSPod`'s public one.
    pub is_vpc: bool,
    /// What it answers with.
    pub addresses: &'static [Ipv4Addr],
}

/// The machine that the client is on, as Tencent's metadata service tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vm {
    /// Its region.
    pub region: &'static str,
    /// Whether it has a public address.
    pub has_public_address: bool,
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
    /// What to check, as people type it: a host or a URL.
    pub target: &'static str,
    /// What the name server answers with.
    pub addresses: &'static [Ipv4Addr],
    /// Those among them that refuse every connection.
    pub dead: &'static [Ipv4Addr],
    /// The name server.
    pub dns: DnsBehaviour,
    /// Others that only answer with addresses, to compare with.
    pub others: &'static [OtherServer],
    /// What the client's hosts file gives the target's host.
    pub hosts_entry: Option<Ipv4Addr>,
    /// The machine, when it is one of Tencent's.
    pub vm: Option<Vm>,
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
    /// The Host header that a gateway on the way puts in place of the client's.
    pub gateway: Option<&'static str>,
    /// The key that the client has.
    pub key: ClientKey,
    /// Whether the refusal of a wrong signature tells what COS computed. It is documented that it does, and not sure that it does so
    /// always.
    pub explains_signature: bool,
    /// The account behind the bucket.
    pub account: AccountBehaviour,
    /// The bucket.
    pub bucket: BucketBehaviour,
    /// The key of the object that a write probe by PUT writes; without it, nothing is written.
    pub canary: Option<&'static str>,
    /// Codes that must be the root findings of severity warning or error, and no others.
    pub roots: &'static [&'static str],
    /// The status of the verdict: `healthy`, `degraded` or `unreachable`.
    pub status: &'static str,
}

impl Scenario {
    /// The host of the target.
    pub fn host(&self) -> &'static str {
        let behind_scheme = self.target.split_once("://").map_or(self.target, |(_, rest)| rest);
        behind_scheme.split('/').next().unwrap_or_default()
    }

    /// Every address that anybody gives.
    pub fn all_given_addresses(&self) -> Vec<Ipv4Addr> {
        let others = self.others.iter().flat_map(|other| other.addresses).copied();
        let mut all: Vec<Ipv4Addr> = self.all_addresses().into_iter().chain(others).chain(self.hosts_entry).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Every address that the name server answers with.
    pub fn all_addresses(&self) -> Vec<Ipv4Addr> {
        match self.dns {
            DnsBehaviour::Many(number) => (1..=number).map(|last| Ipv4Addr::new(203, 0, 113, last)).collect(),
            _ => self.addresses.to_vec(),
        }
    }
}
