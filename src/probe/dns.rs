//! One question to one name server, on a socket of our own: the server that answers is known, the time is that of this
//! question alone, and a closed port shows as what it is. hickory's protocol crate is the codec.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType as WireType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::host::address_of;
use super::{Context, tcp};
use crate::evidence::{AddressRecord, Cname, Detail, Dns, DnsTransport, FailureKind, Outcome, RecordType, clean};
use crate::plan::{Action, Step};

/// Size that we announce for UDP answers (DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;
/// Lost datagrams are sent again after this long, as stub resolvers do, as long as the time for the look-up lasts.
const RETRANSMIT_AFTER: Duration = Duration::from_secs(1);
/// Datagrams that are no answer, after which no more are read.
const MAX_WRONG_ANSWERS: u32 = 64;
/// Aliases that are followed within one answer.
const MAX_CHAIN: usize = 16;
/// Addresses that are kept of one answer.
const MAX_ADDRESSES: usize = 256;

/// Asks and records.
pub(super) async fn query(context: &Context, step: &Step) -> (Outcome, Detail) {
    let Action::Query { name, record_type, transport, system } = &step.action else {
        return (Outcome::failed(FailureKind::Internal), step.action.blank_detail());
    };
    let mut dns =
        Dns { name: name.clone(), record_type: *record_type, transport: *transport, system: *system, ..Dns::default() };
    let outcome = match (step.peer, question(name, *record_type)) {
        (Some(server), Ok(question)) => ask(context, server, &question, &mut dns).await,
        (None, _) => Outcome::failed(FailureKind::Internal),
        (_, Err(problem)) => Outcome::failed_with(FailureKind::MalformedAnswer, &problem),
    };
    (outcome, Detail::Dns(dns))
}

fn question(name: &str, record_type: RecordType) -> Result<Message, String> {
    let name = Name::from_ascii(format!("{name}.")).map_err(|error| error.to_string())?;
    let wire_type = match record_type {
        RecordType::A => WireType::A,
        RecordType::Aaaa | RecordType::Unknown => WireType::AAAA,
    };
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, wire_type));
    let mut edns = Edns::new();
    edns.set_max_payload(EDNS_PAYLOAD).set_version(0);
    message.set_edns(edns);
    Ok(message)
}

async fn ask(context: &Context, server: SocketAddr, question: &Message, dns: &mut Dns) -> Outcome {
    let limit = context.config.limits.attempt_timeout;
    let Ok(wire) = question.to_vec() else {
        return Outcome::failed_with(FailureKind::Other, "the name cannot be put into a question");
    };
    let answered = match dns.transport {
        DnsTransport::Tcp => over_tcp(server, question, &wire, limit, dns).await,
        DnsTransport::Udp | DnsTransport::Unknown => over_udp(server, question, &wire, limit, dns).await,
    };
    match answered {
        Ok(answer) => record(&answer, dns),
        Err(outcome) => outcome,
    }
}

async fn over_udp(
    server: SocketAddr,
    question: &Message,
    wire: &[u8],
    limit: Duration,
    dns: &mut Dns,
) -> Result<Message, Outcome> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let failed = |error: &io::Error| udp_failure(error, server);
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(|error| failed(&error))?;
    socket.connect(server).await.map_err(|error| failed(&error))?;
    let end = Instant::now() + limit;
    let (mut garbage, mut wrong) = (None, 0_u32);
    let mut buffer = vec![0_u8; 4096];
    while Instant::now() < end {
        socket.send(wire).await.map_err(|error| failed(&error))?;
        dns.transmissions += 1;
        let resend_at = end.min(Instant::now() + RETRANSMIT_AFTER);
        while let Ok(received) = timeout_at(resend_at, socket.recv(&mut buffer)).await {
            let length = received.map_err(|error| failed(&error))?;
            match accept(question, &buffer[..length]) {
                Ok(answer) => {
                    dns.answer_bytes = u32::try_from(length).ok();
                    return Ok(answer);
                }
                // Anyone can send a wrong datagram; the right one may still come. A flood of them is not read to its end,
                // and leaves the clock a say.
                Err(problem) => {
                    garbage = Some(problem);
                    wrong += 1;
                    if wrong >= MAX_WRONG_ANSWERS {
                        return Err(Outcome::failed_with(FailureKind::MalformedAnswer, problem));
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    Err(match garbage {
        Some(problem) => Outcome::failed_with(FailureKind::MalformedAnswer, problem),
        None => Outcome::failed(FailureKind::QueryTimeout),
    })
}

async fn over_tcp(
    server: SocketAddr,
    question: &Message,
    wire: &[u8],
    limit: Duration,
    dns: &mut Dns,
) -> Result<Message, Outcome> {
    let end = Instant::now() + limit;
    let attempt = tcp::dial(server, limit).await;
    let Some(mut stream) = attempt.stream else { return Err(attempt.sample.outcome) };
    dns.transmissions = 1;
    let exchange = async {
        // One write: length and question in two segments cost some servers a delayed acknowledgement.
        let mut framed = u16::try_from(wire.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        framed.extend_from_slice(wire);
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0_u8; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let bytes = match timeout(end.saturating_duration_since(Instant::now()), exchange).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(Outcome::failed_with(FailureKind::MalformedAnswer, &error.to_string())),
        Err(_) => return Err(Outcome::failed(FailureKind::QueryTimeout)),
    };
    dns.answer_bytes = u32::try_from(bytes.len()).ok();
    accept(question, &bytes).map_err(|problem| Outcome::failed_with(FailureKind::MalformedAnswer, problem))
}

/// On a connected socket an ICMP port unreachable comes back as ECONNREFUSED.
fn udp_failure(error: &io::Error, server: SocketAddr) -> Outcome {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Outcome::failed(FailureKind::PortUnreachable),
        Some(libc::EHOSTUNREACH) => Outcome::failed(FailureKind::HostUnreachable),
        _ => tcp::local_failure(error, server),
    }
}

/// The message if it answers the question.
fn accept(question: &Message, bytes: &[u8]) -> Result<Message, &'static str> {
    // The id stands first; a datagram with another one is not worth decoding.
    if bytes.get(..2).is_some_and(|id| id != question.metadata.id.to_be_bytes()) {
        return Err("the answer has another id than the question");
    }
    let message = Message::from_vec(bytes).map_err(|_| "the answer is not a DNS message")?;
    if message.metadata.message_type != MessageType::Response {
        return Err("the answer is not a response");
    }
    if message.queries.first() != question.queries.first() {
        return Err("the answer is for another question");
    }
    Ok(message)
}

/// Copies the facts of an answer and tells how the look-up ended.
fn record(answer: &Message, dns: &mut Dns) -> Outcome {
    let rcode = answer.metadata.response_code;
    dns.rcode = Some(rcode_word(rcode));
    dns.truncated = answer.metadata.truncation;
    let chain_is_sound = follow_chain(answer, dns);
    match rcode {
        ResponseCode::NoError if !chain_is_sound => Outcome::failed(FailureKind::CnameLoop),
        ResponseCode::NoError if dns.addresses.is_empty() && !dns.truncated => Outcome::failed(FailureKind::NoRecords),
        ResponseCode::NoError => Outcome::Succeeded,
        ResponseCode::NXDomain => Outcome::failed(FailureKind::NameNotFound),
        ResponseCode::ServFail => Outcome::failed(FailureKind::ServerFailure),
        ResponseCode::Refused => Outcome::failed(FailureKind::QueryRefused),
        _ => Outcome::failed(FailureKind::ErrorRcode),
    }
}

/// Follows the aliases from the asked name and collects the addresses at their end. False when they lead in a circle or are
/// more than anyone needs.
fn follow_chain(answer: &Message, dns: &mut Dns) -> bool {
    let Some(query) = answer.queries.first() else { return true };
    let mut owner = query.name().clone();
    while let Some((target, ttl_seconds)) = answer.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(cname) if record.name == owner => Some((cname.0.clone(), record.ttl)),
        _ => None,
    }) {
        let text = clean(target.to_string().trim_end_matches('.'), 253);
        if dns.cname_chain.iter().any(|earlier| earlier.target == text) || dns.cname_chain.len() >= MAX_CHAIN {
            return false;
        }
        dns.cname_chain.push(Cname { target: text, ttl_seconds });
        owner = target;
    }
    dns.addresses = answer
        .answers
        .iter()
        .filter(|record| record.name == owner)
        .filter_map(|record| Some(AddressRecord { ip: address_of(&record.data)?, ttl_seconds: record.ttl }))
        .take(MAX_ADDRESSES)
        .collect();
    true
}

/// The mnemonic of IANA's registry of response codes.
fn rcode_word(rcode: ResponseCode) -> String {
    match rcode {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, CNAME};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn answer(records: Vec<Record>) -> Message {
        let mut message = question("a.example", RecordType::A).unwrap();
        message.metadata.message_type = MessageType::Response;
        message.answers = records;
        message
    }

    fn alias(from: &str, to: &str) -> Record {
        Record::from_rdata(name(from), 60, RData::CNAME(CNAME(name(to))))
    }

    fn address(owner: &str) -> Record {
        Record::from_rdata(name(owner), 60, RData::A(A::new(192, 0, 2, 1)))
    }

    #[test]
    fn only_an_answer_to_the_question_is_accepted() {
        let asked = question("a.example", RecordType::A).unwrap();
        let mut good = asked.clone();
        good.metadata.message_type = MessageType::Response;
        assert!(accept(&asked, &good.to_vec().unwrap()).is_ok());
        assert!(accept(&asked, &asked.to_vec().unwrap()).is_err(), "a query is no answer");
        let mut other_id = good.clone();
        other_id.metadata.id = good.metadata.id.wrapping_add(1);
        assert!(accept(&asked, &other_id.to_vec().unwrap()).is_err());
        let mut other = question("b.example", RecordType::A).unwrap();
        other.metadata.id = asked.metadata.id;
        other.metadata.message_type = MessageType::Response;
        assert!(accept(&asked, &other.to_vec().unwrap()).is_err());
    }

    #[test]
    fn aliases_are_followed_to_their_addresses() {
        let mut dns = Dns::default();
        let message = answer(vec![alias("a.example.", "b.example."), address("b.example."), address("c.example.")]);
        assert_eq!(record(&message, &mut dns), Outcome::Succeeded);
        assert_eq!(dns.cname_chain, vec![Cname { target: "b.example".into(), ttl_seconds: 60 }]);
        assert_eq!(dns.addresses.len(), 1, "an address of another name does not count");
    }

    #[test]
    fn a_circle_of_aliases_ends() {
        let mut dns = Dns::default();
        let message = answer(vec![alias("a.example.", "b.example."), alias("b.example.", "a.example.")]);
        assert_eq!(record(&message, &mut dns).failure(), Some(FailureKind::CnameLoop));
    }

    #[test]
    fn a_thousand_addresses_are_bounded() {
        let mut dns = Dns::default();
        assert_eq!(record(&answer(vec![address("a.example."); 1000]), &mut dns), Outcome::Succeeded);
        assert_eq!(dns.addresses.len(), MAX_ADDRESSES);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in proptest::collection::vec(0_u8.., 0..600)) {
            let asked = question("a.example", RecordType::A).unwrap();
            if let Ok(message) = accept(&asked, &bytes) {
                record(&message, &mut Dns::default());
            }
        }
    }
}
