//! The files that say how this machine looks names up. A line that cannot be read is skipped and reported.

use std::fs;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::Path;

use resolv_conf::{Config as ResolvConf, ParseError, ScopedIp};

use crate::config::SystemFiles;
use crate::evidence::{Detail, FailureKind, HostsFile, Outcome, ResolverConfiguration, SkippedLine, Stub, clean};
use crate::sys;

/// glibc reads the first three servers (resolv.conf(5), `MAXNS`).
const MAX_SERVERS: usize = 3;
/// Skipped lines that are reported.
const MAX_SKIPPED: usize = 8;
/// Search domains and nsswitch words that are recorded.
const MAX_WORDS: usize = 16;
/// Where systemd-resolved says whom it asks (systemd-resolved.service(8)).
const BEHIND_RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Where nscd(8) listens.
const NSCD: [&str; 2] = ["/run/nscd/socket", "/var/run/nscd/socket"];

/// The name servers, how names are completed, where names are looked up, and what stands between.
pub(in crate::probe) fn resolver_configuration(files: &SystemFiles) -> (Outcome, Detail) {
    let path = files.resolv_conf.display().to_string();
    let mut configuration = ResolverConfiguration { path, ..ResolverConfiguration::default() };
    configuration.sources = sources(&files.nsswitch_conf);
    configuration.has_nscd = NSCD.iter().any(|path| Path::new(path).exists());
    let bytes = match fs::read(&files.resolv_conf) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(&error, Detail::ResolverConfiguration(configuration)),
    };
    let (read, errors) = ResolvConf::parse_with_errors(&bytes);
    configuration.skipped = errors.iter().take(MAX_SKIPPED).map(|error| skipped(error, &bytes)).collect();
    configuration.servers = servers(&read);
    let words = read.get_last_search_or_domain().take(MAX_WORDS);
    configuration.search = words.map(|word| clean(word, 253)).collect();
    // The library's value is the default of 1 where the file says nothing.
    configuration.ndots = (read.ndots != 1).then(|| u8::try_from(read.ndots).unwrap_or(u8::MAX));
    configuration.stub = stub(&configuration);
    if configuration.stub == Some(Stub::SystemdResolved) {
        let behind = fs::read(BEHIND_RESOLVED).unwrap_or_default();
        configuration.behind_stub = servers(&ResolvConf::parse_with_errors(&behind).0);
    }
    (Outcome::Succeeded, Detail::ResolverConfiguration(configuration))
}

/// The line that an error is about, and what is wrong with it.
fn skipped(error: &ParseError, bytes: &[u8]) -> SkippedLine {
    let (index, problem) = match error {
        ParseError::InvalidUtf8(index, _) => (index, "is not text"),
        ParseError::InvalidIp(index, _) => (index, "has no address"),
        ParseError::InvalidDirective(index) => (index, "is no known keyword"),
        ParseError::InvalidOption(index) | ParseError::InvalidOptionValue(index) => (index, "has an unknown option"),
        ParseError::InvalidValue(index) => (index, "lacks its value"),
        ParseError::ExtraData(index) => (index, "says more than it should"),
    };
    let line = bytes.split(|byte| *byte == b'\n').nth(*index).unwrap_or_default();
    skipped_line(*index, &String::from_utf8_lossy(line), problem)
}

fn skipped_line(index: usize, line: &str, problem: &str) -> SkippedLine {
    let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
    SkippedLine { line: number, problem: format!("'{}' {problem}", clean(line, 40)) }
}

/// The servers that glibc would ask, each once.
fn servers(configuration: &ResolvConf) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for server in configuration.nameservers.iter().take(MAX_SERVERS) {
        let address = match server {
            ScopedIp::V4(ip) => SocketAddr::new(IpAddr::V4(*ip), 53),
            // A link-local address is one only together with its link.
            ScopedIp::V6(ip, link) => {
                let scope = link.as_deref().and_then(sys::interface_index).unwrap_or_default();
                SocketAddrV6::new(*ip, 53, 0, scope).into()
            }
        };
        if !servers.contains(&address) {
            servers.push(address);
        }
    }
    servers
}

/// What answers at the first server, by its address and by the search list.
fn stub(configuration: &ResolverConfiguration) -> Option<Stub> {
    let first = configuration.servers.first()?.ip();
    let is_cluster = || configuration.search.iter().any(|word| word.starts_with("svc."));
    match first {
        IpAddr::V4(ip) => match ip.octets() {
            [127, 0, 0, 53 | 54] => Some(Stub::SystemdResolved),
            [127, 0, 0, 11] => Some(Stub::Docker),
            [169, 254, 20 | 25, 10] => Some(Stub::NodeLocalDns),
            [127, ..] => Some(Stub::Loopback),
            _ => is_cluster().then_some(Stub::ClusterDns),
        },
        IpAddr::V6(ip) if ip.is_loopback() => Some(Stub::Loopback),
        IpAddr::V6(_) => is_cluster().then_some(Stub::ClusterDns),
    }
}

/// The words behind `hosts:` in nsswitch.conf(5).
fn sources(path: &Path) -> Vec<String> {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let hosts = text.lines().find_map(|line| line.split('#').next()?.trim().strip_prefix("hosts:"));
    let words = hosts.unwrap_or_default().split_whitespace().take(MAX_WORDS);
    words.map(|word| clean(word, 60)).collect()
}

/// The addresses that the hosts file gives a name.
pub(in crate::probe) fn hosts_file(name: &str, path: &Path) -> (Outcome, Detail) {
    let mut file = HostsFile { path: path.display().to_string(), ..HostsFile::default() };
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // A machine without a hosts file has no override.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return (Outcome::Succeeded, Detail::HostsFile(file));
        }
        Err(error) => return unreadable(&error, Detail::HostsFile(file)),
    };
    for (index, line) in text.lines().enumerate() {
        match entry(line) {
            Ok(Some((ip, mut names))) => {
                let is_named = names.any(|given| given.trim_end_matches('.').eq_ignore_ascii_case(name));
                if is_named && !file.addresses.contains(&ip) {
                    file.addresses.push(ip);
                }
            }
            // The names in a line that is about something else are nobody's business.
            Err(problem) if file.skipped.len() < MAX_SKIPPED => {
                let first = line.split_whitespace().next().unwrap_or_default();
                file.skipped.push(skipped_line(index, first, problem));
            }
            Ok(None) | Err(_) => {}
        }
    }
    (Outcome::Succeeded, Detail::HostsFile(file))
}

/// Address and names of a line of hosts(5); `None` for an empty one.
fn entry(line: &str) -> Result<Option<(IpAddr, impl Iterator<Item = &str>)>, &'static str> {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace().peekable();
    let Some(address) = words.next() else { return Ok(None) };
    let ip = address.split('%').next().unwrap_or_default().parse().map_err(|_| "has no address")?;
    if words.peek().is_none() {
        return Err("has no name");
    }
    Ok(Some((ip, words)))
}

fn unreadable(error: &dyn std::error::Error, detail: Detail) -> (Outcome, Detail) {
    (Outcome::failed_with(FailureKind::Unreadable, &error.to_string()), detail)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Files with these contents, and the directory that they live in.
    fn files(hosts: &[u8], resolv_conf: &[u8], nsswitch_conf: &[u8]) -> (tempfile::TempDir, SystemFiles) {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| -> PathBuf {
            let path = directory.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let files = SystemFiles {
            hosts: write("hosts", hosts),
            resolv_conf: write("resolv.conf", resolv_conf),
            nsswitch_conf: write("nsswitch.conf", nsswitch_conf),
        };
        (directory, files)
    }

    fn configuration(resolv_conf: &str, nsswitch_conf: &str) -> ResolverConfiguration {
        let (_directory, files) = files(b"", resolv_conf.as_bytes(), nsswitch_conf.as_bytes());
        match resolver_configuration(&files) {
            (Outcome::Succeeded, Detail::ResolverConfiguration(configuration)) => configuration,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pod_s_configuration_is_read() {
        let pod = "nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
        let read = configuration(pod, "passwd: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns # all\n");
        assert_eq!(read.servers, ["10.96.0.10:53".parse().unwrap()]);
        assert_eq!((read.search.len(), read.ndots, read.stub), (3, Some(5), Some(Stub::ClusterDns)));
        assert_eq!(read.sources, ["files", "mdns4_minimal", "[NOTFOUND=return]", "dns"]);
        assert!(read.skipped.is_empty());
    }

    #[test]
    fn stubs_are_known_by_their_address() {
        for (server, stub) in [
            ("127.0.0.53", Some(Stub::SystemdResolved)),
            ("127.0.0.54", Some(Stub::SystemdResolved)),
            ("127.0.0.11", Some(Stub::Docker)),
            ("127.0.0.1", Some(Stub::Loopback)),
            ("::1", Some(Stub::Loopback)),
            ("169.254.20.10", Some(Stub::NodeLocalDns)),
            ("169.254.25.10", Some(Stub::NodeLocalDns)),
            ("169.254.21.10", None),
            ("183.60.83.19", None),
        ] {
            assert_eq!(configuration(&format!("nameserver {server}\n"), "").stub, stub, "{server}");
        }
    }

    #[test]
    fn a_cluster_is_known_by_the_domain_of_its_services_and_nothing_else() {
        for (search, stub) in [
            ("ns.svc.cluster.local svc.cluster.local", Some(Stub::ClusterDns)),
            ("svc.example", Some(Stub::ClusterDns)),
            ("a.svc.example", None),
            ("mysvc.example", None),
        ] {
            let read = configuration(&format!("nameserver 10.96.0.10\nsearch {search}\noptions ndots:0\n"), "");
            assert_eq!((read.stub, read.ndots), (stub, Some(0)), "{search}");
        }
        assert_eq!(
            configuration("nameserver 10.96.0.10\noptions ndots:1\n", "").ndots,
            None,
            "as where nothing is said"
        );
    }

    #[test]
    fn lines_that_cannot_be_read_are_skipped_and_reported() {
        let odd = "gibberish here\nnameserver\nnameserver not-an-address\n# comment\nnameserver 192.0.2.1\n\nnameserver 192.0.2.1\n";
        let read = configuration(odd, "");
        assert_eq!(read.servers, ["192.0.2.1:53".parse().unwrap()]);
        assert_eq!(read.skipped.iter().map(|skipped| skipped.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(read.skipped[2].problem.contains("not-an-address"), "{:?}", read.skipped);
    }

    #[test]
    fn more_than_three_servers_are_cut_as_glibc_does() {
        let five = (1..=5).map(|last| format!("nameserver 192.0.2.{last}")).collect::<Vec<_>>().join("\n");
        assert_eq!(configuration(&five, "").servers.len(), 3);
    }

    #[test]
    fn a_link_local_server_is_one_of_its_link() {
        let read = configuration("nameserver fe80::1%lo\nnameserver fe80::1%7\nnameserver fe80::1%nosuchlink\n", "");
        let servers: Vec<String> = read.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["[fe80::1%1]:53", "[fe80::1%7]:53", "[fe80::1]:53"]);
        assert!(servers.iter().all(|server| server.parse::<SocketAddr>().is_ok()), "a saved report is read again");
    }

    #[test]
    fn the_hosts_file_gives_every_address_of_a_name() {
        let text = b"127.0.0.1 localhost\n192.0.2.1 a.example A2.example # a\n\xff\xfe bad\n2001:db8::1 a.EXAMPLE.\n192.0.2.9\nx a.example\n192.0.2.1 b a.example\n";
        let (_directory, files) = files(text, b"", b"");
        let (outcome, detail) = hosts_file("a.example", &files.hosts);
        let Detail::HostsFile(file) = detail else { panic!("{detail:?}") };
        assert!(outcome.is_success());
        assert_eq!(file.addresses, ["192.0.2.1".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]);
        assert_eq!(file.skipped.iter().map(|skipped| skipped.line).collect::<Vec<_>>(), [3, 5, 6]);
        assert!(hosts_file("a.example", Path::new("/no/such/file")).0.is_success());
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read(bytes in proptest::collection::vec(0_u8.., 0..400)) {
            let (_directory, files) = files(&bytes, &bytes, &bytes);
            resolver_configuration(&files);
            hosts_file("a.example", &files.hosts);
        }
    }
}
