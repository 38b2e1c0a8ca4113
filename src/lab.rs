//! The lab: a COS double and a name server on loopback, for `cosprobe demo` and the loopback tests.
//!
//! It is reached only through the seams that users have: the address of a name server, `--connect-to` rules and a file with
//! a CA certificate. Nothing in the rest of cosprobe knows that it talks to a lab. [`SCENARIOS`] is the table of what can
//! go wrong (`lab/scenarios.rs`), `dns` answers names, `pki` makes certificates, `web` takes connections and spoils answers,
//! `cos` says what COS would say: `hosts` tells it which endpoint was asked, `account` who asks and what that one may do,
//! `objects` what is stored. To add a fault: a row in the table, and the compiler names the rest when the row needs a new word.

mod account;
mod asked;
mod cos;
mod dns;
mod encrypted_dns;
mod form;
mod hosts;
mod keys;
mod metadata;
mod moment;
mod objects;
mod pki;
mod raw_dns;
mod refusal;
mod reply;
mod scenario;
mod scenarios;
mod web;

use std::fmt::Display;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Socket, Type};
use tokio::task::JoinSet;

use crate::addr::{AddressScope, scope_of};
use crate::config::ConnectTo;
use crate::error::Error;

pub use keys::Key;
pub use scenario::{
    AccountBehaviour, AnswerBehaviour, BucketBehaviour, CertificateBehaviour, ClientKey, DnsBehaviour, OtherServer,
    PortBehaviour, Scenario, TlsBehaviour, Vm,
};
pub use scenarios::{SCENARIOS, find};

/// Loopback, the only place where the lab listens.
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How often the lab was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Questions that reached the name server.
    pub dns: u32,
    /// TCP connections that were accepted on port 80 or 443, whether or not anything was said on them.
    pub connections: u32,
    /// Requests in clear text.
    pub http: u32,
    /// Requests over TLS.
    pub https: u32,
    /// Requests with a signature, among both.
    pub signed: u32,
    /// Those among them that carry it in the Authorization header.
    pub signed_by_header: u32,
    /// Those that carry it in the query.
    pub signed_by_query: u32,
    /// Those that carry it in a form.
    pub signed_by_form: u32,
    /// PUT and POST, whether or not they were granted.
    pub writes: u32,
    /// DELETE, whether or not it was granted.
    pub deletes: u32,
}

/// The same while the lab runs.
#[derive(Debug, Default)]
struct Counters {
    dns: AtomicU32,
    connections: AtomicU32,
    http: AtomicU32,
    https: AtomicU32,
    signed: AtomicU32,
    signed_by_header: AtomicU32,
    signed_by_query: AtomicU32,
    signed_by_form: AtomicU32,
    writes: AtomicU32,
    deletes: AtomicU32,
    /// Numbers the answers across both ports, for their ids.
    answers: AtomicU32,
}

/// Counts one up and returns how many there were before.
fn count(counter: &AtomicU32) -> u32 {
    counter.fetch_add(1, Ordering::Relaxed)
}

/// A running lab. Dropping it stops it and removes its files.
pub struct Lab {
    double: Arc<cos::Double>,
    counters: Arc<Counters>,
    names: dns::NameServer,
    over_tls: SocketAddr,
    over_https: SocketAddr,
    others: Vec<(OtherServer, dns::NameServer)>,
    metadata: Option<SocketAddr>,
    hosts_file: PathBuf,
    connect_to: Vec<ConnectTo>,
    ca_file: PathBuf,
    _directory: PrivateDirectory,
    _refusing: Socket,
    _servers: JoinSet<()>,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").field("scenario", &self.double.scenario.name).finish_non_exhaustive()
    }
}

impl Lab {
    /// Starts the servers of a scenario on free ports. They run on the caller's tokio runtime.
    ///
    /// # Errors
    /// [`Error::Start`] when this machine gives no port, no certificate can be made, or the directory
    /// for temporary files is not writable.
    pub async fn start(scenario: &Scenario) -> Result<Self, Error> {
        let scenario = *scenario;
        let double = Arc::new(cos::Double { scenario, objects: objects::Objects::new() });
        let counters = Arc::new(Counters::default());
        let directory = PrivateDirectory::create()?;
        let pki = pki::make(scenario.certificate)?;
        let ca_file = directory.write("ca.pem", &pki.ca_pem)?;
        let names = dns::start(&scenario, &counters).await?;
        let mut others = Vec::new();
        for other in scenario.others {
            others.push((*other, dns::start_other(&scenario, other.addresses, &counters).await?));
        }
        let entry = scenario.hosts_entry.map(|address| format!("{address} {}\n", scenario.host())).unwrap_or_default();
        let hosts_file = directory.write("hosts", &format!("127.0.0.1 localhost\n{entry}"))?;
        let refusing = refusing_socket().map_err(cannot_start)?;
        let mut servers = JoinSet::new();
        let over_tls = encrypted_dns::Inside::Framed;
        let over_tls = encrypted_dns::start(over_tls, names.address, Arc::clone(&pki.server), &mut servers);
        let over_tls = over_tls.await.map_err(cannot_start)?;
        let over_https = encrypted_dns::Inside::Http;
        let over_https = encrypted_dns::start(over_https, names.address, Arc::clone(&pki.server), &mut servers);
        let over_https = over_https.await.map_err(cannot_start)?;
        let metadata = match scenario.vm {
            Some(vm) => Some(metadata::start(vm, &mut servers).await.map_err(cannot_start)?),
            None => None,
        };
        let ports = [
            (80, scenario.port_80, web::Speech::ClearText),
            (443, scenario.port_443, web::Speech::Tls(scenario.tls, pki.server)),
        ];
        let mut connect_to = Vec::new();
        for (port, behaviour, speech) in ports {
            let refused = local_port(&refusing)?;
            let served = match behaviour {
                PortBehaviour::Refuse => refused,
                PortBehaviour::Serve => web::listen(&double, &counters, speech, &mut servers).await?,
            };
            // Nobody redirects a sinkhole, and cosprobe must find out by itself that it leads nowhere.
            let mapped = scenario.all_given_addresses();
            let mapped = mapped.into_iter().filter(|ip| scope_of((*ip).into()) != AddressScope::Sinkhole);
            connect_to.extend(mapped.map(|address| ConnectTo {
                host: address.to_string(),
                port: Some(port),
                to: IpAddr::V4(LOOPBACK),
                to_port: Some(if scenario.dead.contains(&address) { refused } else { served }),
            }));
        }
        Ok(Self {
            double,
            counters,
            names,
            over_tls,
            over_https,
            others,
            metadata,
            hosts_file,
            connect_to,
            ca_file,
            _directory: directory,
            _refusing: refusing,
            _servers: servers,
        })
    }

    /// The name server. It answers over UDP and TCP.
    pub fn resolver(&self) -> SocketAddr {
        self.names.address
    }

    /// The same name server over TLS. Its certificate is that of port 443.
    pub fn resolver_over_tls(&self) -> SocketAddr {
        self.over_tls
    }

    /// The same over HTTPS, at the path `/dns-query`.
    pub fn resolver_over_https(&self) -> SocketAddr {
        self.over_https
    }

    /// The name servers beside it, and whom they stand for.
    pub fn other_resolvers(&self) -> impl Iterator<Item = (OtherServer, SocketAddr)> {
        self.others.iter().map(|(other, server)| (*other, server.address))
    }

    /// The metadata service of the machine, and the path of its answers, when it is one of Tencent's.
    pub fn metadata(&self) -> Option<(SocketAddr, &'static str)> {
        self.metadata.map(|address| (address, metadata::PATH))
    }

    /// The client's hosts file.
    pub fn hosts_file(&self) -> &Path {
        &self.hosts_file
    }

    /// Where connections to the addresses that the name server gives out have to go.
    pub fn connect_to(&self) -> &[ConnectTo] {
        &self.connect_to
    }

    /// PEM file with the lab's CA.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The client's key, when it has one. It is not a key of any real account.
    pub fn key(&self) -> Option<Key> {
        self.double.scenario.key.key()
    }

    /// What to check, as people type it.
    pub fn target(&self) -> &'static str {
        self.double.scenario.target
    }

    /// The host of the target.
    pub fn host(&self) -> &'static str {
        self.double.scenario.host()
    }

    /// The keys of the objects in the bucket, sorted.
    pub fn objects(&self) -> Vec<String> {
        self.double.objects.keys()
    }

    /// Waits until so many connections were taken.
    ///
    /// # Panics
    /// When they are not within some seconds.
    #[cfg(test)]
    pub async fn took(&self, connections: u32) {
        let taken = async {
            while self.calls().connections < connections {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), taken).await.expect("connections are taken");
    }

    /// How often the lab was called until now, so that a test notices when it was not called at all.
    pub fn calls(&self) -> Calls {
        let read = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        Calls {
            dns: read(&self.counters.dns),
            connections: read(&self.counters.connections),
            http: read(&self.counters.http),
            https: read(&self.counters.https),
            signed: read(&self.counters.signed),
            signed_by_header: read(&self.counters.signed_by_header),
            signed_by_query: read(&self.counters.signed_by_query),
            signed_by_form: read(&self.counters.signed_by_form),
            writes: read(&self.counters.writes),
            deletes: read(&self.counters.deletes),
        }
    }
}

fn cannot_start(problem: impl Display) -> Error {
    Error::Start { what: "the lab", problem: problem.to_string() }
}

/// A TCP port that answers with RST: bound and never listening. While the socket lives, nobody else can get the port.
fn refusing_socket() -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((LOOPBACK, 0)).into())?;
    Ok(socket)
}

fn local_port(socket: &Socket) -> Result<u16, Error> {
    let address = socket.local_addr().map_err(cannot_start)?;
    address.as_socket().map(|address| address.port()).ok_or_else(|| cannot_start("a socket without a port"))
}

/// A directory that only this user can enter. It is removed with everything in it when this is dropped.
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn create() -> Result<Self, Error> {
        // The standard library's hash keys are the one source of randomness at hand. `create` refuses a path that exists,
        // so a guessed name is an error and not a way in.
        let random = std::hash::RandomState::new().build_hasher().finish();
        let path = std::env::temp_dir().join(format!("cosprobe-lab-{}-{random:016x}", std::process::id()));
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(no_directory(&path, &error)),
        }
    }

    fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.0.join(name);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()));
        match written {
            Ok(()) => Ok(path),
            Err(error) => Err(no_directory(&path, &error)),
        }
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // A destructor has nobody to tell that a temporary directory was left behind.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;

fn no_directory(path: &Path, error: &std::io::Error) -> Error {
    Error::Start { what: "the lab", problem: format!("{} cannot be written: {error}; set TMPDIR", path.display()) }
}
