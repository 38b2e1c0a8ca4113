//! The name server: one zone, over UDP and TCP on the same port.
//!
//! hickory-server speaks for it wherever it can; what no library would send is made in `raw_dns`.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::ProtoError;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::{A, CNAME, SOA};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::hosts::is_cos_name;
use super::scenario::{DnsBehaviour, Scenario};
use super::{Counters, LOOPBACK, cannot_start, count, raw_dns};
use crate::error::Error;

/// The alias behind which COS's addresses of the region stand, and in the lab those of all regions: the double is the same.
const ALIAS: &str = "gz.file.myqcloud.com";
const TTL_SECONDS: u32 = 600;
/// Answers over UDP are no longer than this, as on real name servers (DNS flag day 2020).
const MOST_UDP_BYTES: u16 = 1232;
/// How often to look for a port that is free for UDP and TCP alike.
const PORT_ATTEMPTS: usize = 32;

/// A running name server. Dropping it stops it.
pub(super) struct NameServer {
    /// Where it listens.
    pub address: SocketAddr,
    _server: Running,
}

/// Who answers. The TCP socket is kept where it does not listen: as long as it lives, connections to it are refused.
enum Running {
    Hickory { _server: Server<Zone>, _tcp: Option<Socket> },
    ByHand { _task: JoinSet<()>, _tcp: Socket },
}

/// Starts a name server that answers with some addresses as the healthy ones do.
pub(super) async fn start_other(
    scenario: &Scenario,
    addresses: &'static [Ipv4Addr],
    counters: &Arc<Counters>,
) -> Result<NameServer, Error> {
    start(&Scenario { dns: DnsBehaviour::Ok, addresses, ..*scenario }, counters).await
}

/// Starts the name server of a scenario.
pub(super) async fn start(scenario: &Scenario, counters: &Arc<Counters>) -> Result<NameServer, Error> {
    let (udp, tcp) = bind_both().await.map_err(cannot_start)?;
    let address = udp.local_addr().map_err(cannot_start)?;
    let running = if matches!(scenario.dns, DnsBehaviour::Garbage | DnsBehaviour::WrongQuestion) {
        let mut task = JoinSet::new();
        task.spawn(raw_dns::answer_all(udp, scenario.dns, Arc::clone(counters)));
        Running::ByHand { _task: task, _tcp: tcp }
    } else {
        let mut server = Server::new(Zone::new(scenario, counters).map_err(cannot_start)?);
        server.register_socket(udp);
        let mut refusing = None;
        if scenario.dns == DnsBehaviour::TruncateWithoutTcp {
            refusing = Some(tcp);
        } else {
            server.register_listener(listen(tcp).map_err(cannot_start)?, Duration::from_secs(30), 32);
        }
        Running::Hickory { _server: server, _tcp: refusing }
    };
    Ok(NameServer { address, _server: running })
}

/// A UDP and a TCP socket on one port. The TCP socket does not listen yet.
async fn bind_both() -> std::io::Result<(UdpSocket, Socket)> {
    let mut attempts_left = PORT_ATTEMPTS;
    loop {
        let udp = UdpSocket::bind((LOOPBACK, 0)).await?;
        let tcp = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        match tcp.bind(&udp.local_addr()?.into()) {
            Ok(()) => return Ok((udp, tcp)),
            Err(_) if attempts_left > 0 => attempts_left -= 1,
            Err(problem) => return Err(problem),
        }
    }
}

fn listen(socket: Socket) -> std::io::Result<TcpListener> {
    socket.listen(64)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into())?;
    // Accepted sockets inherit it; without it each answer waits 40 ms for a delayed acknowledgement.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    Ok(listener)
}

/// What is known about names.
struct Zone {
    behaviour: DnsBehaviour,
    host: Name,
    alias: Name,
    soa: Record,
    addresses: Vec<Ipv4Addr>,
    counters: Arc<Counters>,
}

/// What one question is answered with.
#[derive(Default)]
struct Answer {
    code: ResponseCode,
    truncated: bool,
    records: Vec<Record>,
    with_soa: bool,
}

impl Zone {
    fn new(scenario: &Scenario, counters: &Arc<Counters>) -> Result<Self, ProtoError> {
        let name = |text: &str| Name::from_ascii(format!("{text}."));
        let apex = name("myqcloud.com")?;
        let soa = SOA::new(name("ns1.myqcloud.com")?, name("hostmaster.myqcloud.com")?, 1, 300, 300, 86400, 60);
        Ok(Self {
            behaviour: scenario.dns,
            host: name(scenario.host())?,
            alias: name(ALIAS)?,
            soa: Record::from_rdata(apex, 60, RData::SOA(soa)),
            addresses: scenario.all_addresses(),
            counters: Arc::clone(counters),
        })
    }

    /// The answer to a question; `None` is silence.
    fn answer(&self, name: &Name, record_type: RecordType, protocol: Protocol) -> Option<Answer> {
        let failure = |code| Some(Answer { code, ..Answer::default() });
        let text = name.to_lowercase().to_ascii();
        let known = [&self.host, &self.alias].contains(&name) || is_cos_name(text.trim_end_matches('.'));
        match self.behaviour {
            DnsBehaviour::Silent => None,
            DnsBehaviour::ServFail => failure(ResponseCode::ServFail),
            DnsBehaviour::Refused => failure(ResponseCode::Refused),
            DnsBehaviour::NxDomain => Some(Self::no_such_name()),
            _ if !known => Some(Self::no_such_name()),
            DnsBehaviour::NoData => Some(Answer { with_soa: true, ..Answer::default() }),
            DnsBehaviour::Truncate | DnsBehaviour::TruncateWithoutTcp if protocol == Protocol::Udp => {
                Some(Answer { truncated: true, ..Answer::default() })
            }
            DnsBehaviour::CnameLoop => {
                let other = if *name == self.alias { &self.host } else { &self.alias };
                let there = alias_record(name, other);
                let and_back = alias_record(other, name);
                Some(Answer { records: vec![there, and_back], ..Answer::default() })
            }
            _ => Some(self.addresses_of(name, record_type)),
        }
    }

    fn no_such_name() -> Answer {
        Answer { code: ResponseCode::NXDomain, with_soa: true, ..Answer::default() }
    }

    fn addresses_of(&self, name: &Name, record_type: RecordType) -> Answer {
        let mut records = Vec::new();
        let owner = if self.behaviour == DnsBehaviour::WithoutAlias { name } else { &self.alias };
        if name != owner {
            records.push(alias_record(name, &self.alias));
        }
        let has_data = record_type == RecordType::A && !self.addresses.is_empty();
        if has_data {
            let address = |ip: &Ipv4Addr| Record::from_rdata(owner.clone(), TTL_SECONDS, RData::A(A(*ip)));
            records.extend(self.addresses.iter().map(address));
        }
        Answer { records, with_soa: !has_data && record_type != RecordType::CNAME, ..Answer::default() }
    }

    async fn respond<R: ResponseHandler>(&self, request: &Request, mut out: R) -> ResponseInfo {
        count(&self.counters.dns);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.recursion_available = true;
        let unsent = ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() });
        let Ok(info) = request.request_info() else { return unsent };
        let query = info.query.original();
        let Some(answer) = self.answer(query.name(), query.query_type(), info.protocol) else { return unsent };
        metadata.response_code = answer.code;
        metadata.truncation = answer.truncated;

        let mut edns = Edns::new();
        edns.set_max_payload(request.max_payload().min(MOST_UDP_BYTES)).set_version(0);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if request.edns.is_some() {
            builder.edns(&edns);
        }
        let soa = answer.with_soa.then_some(&self.soa);
        let response = builder.build(metadata, answer.records.iter(), [], soa, []);
        out.send_response(response).await.unwrap_or(unsent)
    }
}

fn alias_record(from: &Name, to: &Name) -> Record {
    Record::from_rdata(from.clone(), TTL_SECONDS, RData::CNAME(CNAME(to.clone())))
}

// The trait is made with the async-trait macro, which is no dependency of ours; this is what it expects.
impl RequestHandler for Zone {
    fn handle_request<'server, 'request, 'both, R, T>(
        &'server self,
        request: &'request Request,
        response_handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'both>>
    where
        R: ResponseHandler + 'both,
        T: Time + 'both,
        'server: 'both,
        'request: 'both,
        Self: 'both,
    {
        Box::pin(self.respond(request, response_handle))
    }
}

#[cfg(test)]
mod tests {
    use hickory_server::proto::op::{Message, Query};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::lab::hosts::{HOST, SERVICE_HOST};
    use crate::lab::scenarios::find;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs") })
    }

    fn query(name: &str, record_type: RecordType) -> Message {
        let mut query = Message::query();
        query.metadata.id = 4711;
        query.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), record_type));
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        query.edns = Some(edns);
        query
    }

    async fn ask_udp(address: SocketAddr, query: &Message) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
        socket.connect(address).await.unwrap();
        socket.send(&query.to_vec().unwrap()).await.unwrap();
        let mut reply = vec![0; 4096];
        let length = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut reply)).await.ok()?.unwrap();
        reply.truncate(length);
        Some(reply)
    }

    async fn ask_tcp(address: SocketAddr, query: &Message) -> std::io::Result<Message> {
        let bytes = query.to_vec().unwrap();
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&[&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()).await?;
        let mut reply = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut reply).await?;
        Ok(Message::from_vec(&reply).unwrap())
    }

    /// Asks over UDP for addresses of the lab's bucket.
    async fn ask(scenario: &str) -> Option<Message> {
        let server = start(find(scenario).unwrap(), &Arc::default()).await.unwrap();
        let reply = ask_udp(server.address, &query(HOST, RecordType::A)).await?;
        Some(Message::from_vec(&reply).unwrap())
    }

    fn addresses(reply: &Message) -> Vec<Ipv4Addr> {
        let address = |record: &Record| if let RData::A(a) = record.data { Some(a.0) } else { None };
        reply.answers.iter().filter_map(address).collect()
    }

    #[test]
    fn the_bucket_has_its_addresses_behind_an_alias() {
        run(async {
            let counters = Arc::new(Counters::default());
            let server = start(find("healthy-public").unwrap(), &counters).await.unwrap();
            let elsewhere = HOST.replace("guangzhou", "shanghai");
            for name in [HOST, SERVICE_HOST, &elsewhere] {
                let reply = ask_udp(server.address, &query(name, RecordType::A)).await.unwrap();
                let reply = Message::from_vec(&reply).unwrap();
                assert_eq!((reply.metadata.id, reply.metadata.response_code), (4711, ResponseCode::NoError));
                assert!(reply.metadata.recursion_available && !reply.metadata.truncation);
                assert_eq!(reply.answers[0].data.to_string(), "gz.file.myqcloud.com.");
                assert!(reply.answers.iter().all(|record| record.ttl == 600));
                assert_eq!(addresses(&reply), find("healthy-public").unwrap().addresses);
            }
            let v6 = ask_tcp(server.address, &query(HOST, RecordType::AAAA)).await.unwrap();
            assert_eq!(v6.metadata.response_code, ResponseCode::NoError);
            assert_eq!((v6.answers.len(), v6.authorities.len()), (1, 1));
            let other = ask_tcp(server.address, &query("nothing.example", RecordType::A)).await.unwrap();
            assert_eq!(other.metadata.response_code, ResponseCode::NXDomain);
            assert_eq!((other.answers.len(), other.authorities.len()), (0, 1));
            let no_region =
                ask_tcp(server.address, &query(&HOST.replace("guangzhou", "guangzou"), RecordType::A)).await;
            assert_eq!(no_region.unwrap().metadata.response_code, ResponseCode::NXDomain);
            assert_eq!(counters.dns.load(std::sync::atomic::Ordering::Relaxed), 6);
        });
    }

    #[test]
    fn failures_are_those_of_the_scenario() {
        run(async {
            for (scenario, code) in [
                ("name-not-found", ResponseCode::NXDomain),
                ("resolver-refuses", ResponseCode::Refused),
                ("resolver-fails", ResponseCode::ServFail),
                ("no-address", ResponseCode::NoError),
                ("hostile-dns-cname-loop", ResponseCode::NoError),
            ] {
                let reply = ask(scenario).await.unwrap();
                assert_eq!(reply.metadata.response_code, code, "{scenario}");
                assert_eq!(addresses(&reply), Vec::<Ipv4Addr>::new(), "{scenario}");
            }
            assert!(ask("resolver-silent").await.is_none());
        });
    }

    #[test]
    fn long_answers_need_tcp() {
        run(async {
            for (scenario, number) in [("hostile-dns-many", 100), ("hostile-dns-truncated", 1)] {
                let server = start(find(scenario).unwrap(), &Arc::default()).await.unwrap();
                let short = ask_udp(server.address, &query(HOST, RecordType::A)).await.unwrap();
                assert!(Message::from_vec(&short).unwrap().metadata.truncation && short.len() <= 1232, "{scenario}");
                let whole = ask_tcp(server.address, &query(HOST, RecordType::A)).await.unwrap();
                assert_eq!((whole.metadata.truncation, addresses(&whole).len()), (false, number), "{scenario}");
            }
            let server = start(find("tcp-53-blocked").unwrap(), &Arc::default()).await.unwrap();
            let short = ask_udp(server.address, &query(HOST, RecordType::A)).await.unwrap();
            assert!(Message::from_vec(&short).unwrap().metadata.truncation);
            let refused = ask_tcp(server.address, &query(HOST, RecordType::A)).await.unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        });
    }

    #[test]
    fn datagrams_made_by_hand_are_wrong_in_the_way_they_should_be() {
        run(async {
            let reply = ask("hostile-dns-wrong-question").await.unwrap();
            assert_eq!((reply.metadata.id, addresses(&reply).len()), (4711, 1));
            assert_eq!(reply.queries[0].name().to_ascii(), format!("d{}.", &HOST[1..]));
            let server = start(find("hostile-dns-garbage").unwrap(), &Arc::default()).await.unwrap();
            let reply = ask_udp(server.address, &query(HOST, RecordType::A)).await.unwrap();
            assert!(Message::from_vec(&reply).is_err());
        });
    }
}
