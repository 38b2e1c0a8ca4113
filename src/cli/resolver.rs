//! `--resolver`: which name servers are asked, and where those with a name are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::values::address_with_port;
use crate::config::NameServer;
use crate::error::{Error, usage};
use crate::evidence::{DnsTransport, ServerOrigin};

/// Tencent's name servers inside a VPC, in every region (Tencent CVM documentation, "Private Network Service").
const VPC_RESOLVERS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(183, 60, 83, 19)), IpAddr::V4(Ipv4Addr::new(183, 60, 82, 98))];
/// `DNSPod`'s public resolver.
const DNSPOD_RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(119, 29, 29, 29));
/// Where questions over HTTPS go when the address does not say (RFC 8484 leaves it open; this is what servers have in common).
const USUAL_PATH: &str = "/dns-query";
/// The longest time that looking up the name of a name server may take.
const LOOKUP: Duration = Duration::from_secs(5);

/// What `--resolver` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ResolverArg {
    /// The machine's own.
    System,
    /// Tencent's pair inside a VPC.
    Vpc,
    /// `DNSPod`'s public one.
    Dnspod,
    /// One server.
    Server(NameServer),
    /// One server, whose address has to be looked up first.
    Named {
        /// The name, which is also that of its certificate.
        name: String,
        /// The port.
        port: u16,
        /// How it is asked.
        transport: DnsTransport,
        /// The path that questions are sent to.
        path: String,
    },
}

/// `system`, `vpc`, `dnspod`, `IP[:PORT]`, or the same behind `udp://`, `tcp://`, `tls://` or `https://`.
pub(super) fn resolver(text: &str) -> Result<ResolverArg, String> {
    match text {
        "system" => return Ok(ResolverArg::System),
        "vpc" => return Ok(ResolverArg::Vpc),
        "dnspod" => return Ok(ResolverArg::Dnspod),
        _ => {}
    }
    let (transport, port, rest) = match text.split_once("://") {
        None => (DnsTransport::Udp, 53, text),
        Some(("udp", rest)) => (DnsTransport::Udp, 53, rest),
        Some(("tcp", rest)) => (DnsTransport::Tcp, 53, rest),
        Some(("tls", rest)) => (DnsTransport::Tls, 853, rest),
        Some(("https", rest)) => (DnsTransport::Https, 443, rest),
        Some((other, _)) => {
            return Err(format!("name servers are asked over udp, tcp, tls or https, not over '{other}'"));
        }
    };
    match transport {
        DnsTransport::Tls => encrypted(transport, port, rest, String::new()),
        DnsTransport::Https => {
            let at = rest.find('/').unwrap_or(rest.len());
            let path = if at == rest.len() { USUAL_PATH } else { &rest[at..] };
            encrypted(transport, port, &rest[..at], path.to_owned())
        }
        _ => address_with_port(rest, port)
            .filter(is_usable)
            .map(|address| ResolverArg::Server(NameServer::plain(address, transport, ServerOrigin::Given)))
            .ok_or_else(form),
    }
}

/// `NAME`, `IP` or `NAME@IP`, each with or without a port.
fn encrypted(transport: DnsTransport, port: u16, text: &str, path: String) -> Result<ResolverArg, String> {
    if path.chars().any(|c| !c.is_ascii_graphic()) || path.contains('#') {
        return Err(form());
    }
    let (server_name, place) = match text.split_once('@') {
        Some((name, place)) if is_host_name(name) => (Some(name.to_owned()), place),
        Some(_) => return Err(form()),
        None => (None, text),
    };
    if let Some(address) = address_with_port(place, port).filter(is_usable) {
        let origin = ServerOrigin::Given;
        return Ok(ResolverArg::Server(NameServer { address, transport, origin, server_name, path }));
    }
    let (name, port) = match place.split_once(':') {
        Some((name, port)) => (name, port.parse().map_err(|_| form())?),
        None => (place, port),
    };
    if server_name.is_some() || !is_host_name(name) || port == 0 {
        return Err(form());
    }
    Ok(ResolverArg::Named { name: name.to_owned(), port, transport, path })
}

/// Whether a text can be the name of a host (RFC 1123) and is no address.
fn is_host_name(text: &str) -> bool {
    let is_label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.len() <= 253 && text.split('.').all(is_label) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

fn is_usable(address: &SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

fn form() -> String {
    "it should be system, vpc, dnspod, an address such as 119.29.29.29 or 119.29.29.29:53, udp://…, tcp://…, \
     tls://ADDRESS or https://ADDRESS/dns-query, with NAME@ before the address when the certificate is for a name"
        .to_owned()
}

impl ResolverArg {
    /// The servers behind the word; `vpc` are the given ones instead of Tencent's pair.
    ///
    /// # Errors
    /// When the name of a server has no address.
    pub(super) fn servers(&self, vpc: &[IpAddr]) -> Result<Vec<NameServer>, Error> {
        Ok(match self {
            Self::System => Vec::new(),
            Self::Vpc => vpc_servers(vpc),
            Self::Dnspod => vec![dnspod()],
            Self::Server(server) => vec![server.clone()],
            Self::Named { name, port, transport, path } => vec![NameServer {
                address: find_server("name server", name, *port)?,
                transport: *transport,
                origin: ServerOrigin::Given,
                server_name: Some(name.clone()),
                path: path.clone(),
            }],
        })
    }
}

/// The servers behind `vpc`, given those of `--vpc-resolver`.
pub(super) fn vpc_servers(given: &[IpAddr]) -> Vec<NameServer> {
    let addresses = if given.is_empty() { &VPC_RESOLVERS[..] } else { given };
    addresses.iter().map(|ip| over_udp(*ip, ServerOrigin::TencentVpc)).collect()
}

/// The server behind `dnspod`.
pub(super) const fn dnspod() -> NameServer {
    over_udp(DNSPOD_RESOLVER, ServerOrigin::Dnspod)
}

const fn over_udp(ip: IpAddr, origin: ServerOrigin) -> NameServer {
    NameServer::plain(SocketAddr::new(ip, 53), DnsTransport::Udp, origin)
}

/// The address of a server that is given by its name, as programs on this machine would find it.
///
/// # Errors
/// When the name has no address.
pub(super) fn find_server(what: &str, name: &str, port: u16) -> Result<SocketAddr, Error> {
    let (sender, receiver) = mpsc::channel();
    let host = name.to_owned();
    thread::spawn(move || {
        // Whoever no longer waits for the answer needs none.
        let _ = sender.send((host.as_str(), port).to_socket_addrs().map(|mut found| found.next()));
    });
    let problem = match receiver.recv_timeout(LOOKUP) {
        Ok(Ok(Some(address))) => return Ok(address),
        Ok(Ok(None)) => "it has no address".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", LOOKUP.as_secs()),
    };
    usage(format!(
        "the {what} {name} cannot be found ({problem}): give its address instead; of a name server as in tls://{name}@192.0.2.1"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read() {
        let server = |text: &str, transport| {
            Ok(ResolverArg::Server(NameServer::plain(text.parse().unwrap(), transport, ServerOrigin::Given)))
        };
        assert_eq!(resolver("system"), Ok(ResolverArg::System));
        assert_eq!(resolver("192.0.2.1"), server("192.0.2.1:53", DnsTransport::Udp));
        assert_eq!(resolver("tcp://192.0.2.1:5353"), server("192.0.2.1:5353", DnsTransport::Tcp));
        assert_eq!(resolver("2001:db8::1"), server("[2001:db8::1]:53", DnsTransport::Udp));
        assert_eq!(resolver("[2001:db8::1]:54"), server("[2001:db8::1]:54", DnsTransport::Udp));
        assert_eq!(resolver("tls://192.0.2.1"), server("192.0.2.1:853", DnsTransport::Tls));
        for text in [
            "",
            "dns.example",
            "udp://dns.example",
            "192.0.2.1:x",
            "192.0.2.1:0",
            "0.0.0.0",
            "quic://192.0.2.1",
            "tls://",
            "tls://a b",
            "tls://x@y.example",
            "https://",
            "https:///dns-query",
            "https://dns.example:0/",
            "https://192.0.2.1/a b",
        ] {
            assert!(resolver(text).is_err(), "{text}");
        }
    }

    #[test]
    fn encrypted_servers_have_names_and_paths() {
        let https = |text: &str| match resolver(text) {
            Ok(ResolverArg::Server(server)) => (server.address.to_string(), server.server_name, server.path),
            Ok(ResolverArg::Named { name, port, path, .. }) => (format!("?:{port}"), Some(name), path),
            other => panic!("{text}: {other:?}"),
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(https("https://1.12.12.12"), ("1.12.12.12:443".to_owned(), None, "/dns-query".to_owned()));
        assert_eq!(https("https://doh.example/q"), ("?:443".to_owned(), some("doh.example"), "/q".to_owned()));
        assert_eq!(
            https("https://doh.example@[2001:db8::1]:8443/"),
            ("[2001:db8::1]:8443".to_owned(), some("doh.example"), "/".to_owned())
        );
        assert_eq!(https("tls://dot.example:8853"), ("?:8853".to_owned(), some("dot.example"), String::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = resolver(&text);
        }
    }
}
