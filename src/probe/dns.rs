//! One question to one name server, on a socket of our own: the server that answers is known, the time is that of this
//! question alone, and a closed port shows as what it is. hickory's protocol crate is the codec.

mod answer;
mod encrypted;
mod plain;

use std::net::SocketAddr;

use hickory_resolver::proto::op::{Edns, Message, Query};
use hickory_resolver::proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_resolver::proto::rr::{Name, RecordType as WireType};
use ipnet::IpNet;
use tokio::time::Instant;

use super::Context;
use crate::evidence::{Detail, Dns, DnsTransport, FailureKind, Outcome, RecordType};
use crate::plan::{Question, Step};

/// Size that we announce for UDP answers (DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;

/// Asks and records.
pub(super) async fn query(context: &Context, step: &Step, asked: &Question) -> (Outcome, Detail) {
    let mut dns = asked.unanswered();
    let subnet = context.config.questions.client_subnet;
    dns.client_subnet = subnet.map(|subnet| subnet.to_string());
    let outcome = match (step.peer, question(&asked.name, asked.record_type, subnet)) {
        (Some(server), Ok(message)) => ask(context, server, asked, &message, &mut dns).await,
        (None, _) => Outcome::failed(FailureKind::Internal),
        (_, Err(problem)) => Outcome::failed_with(FailureKind::MalformedAnswer, &problem),
    };
    (outcome, Detail::Dns(dns))
}

fn question(name: &str, record_type: RecordType, subnet: Option<IpNet>) -> Result<Message, String> {
    let name = Name::from_ascii(format!("{name}.")).map_err(|error| error.to_string())?;
    let wire_type = match record_type {
        RecordType::A => WireType::A,
        RecordType::Ptr => WireType::PTR,
        RecordType::Aaaa | RecordType::Unknown => WireType::AAAA,
    };
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, wire_type));
    let mut edns = Edns::new();
    edns.set_max_payload(EDNS_PAYLOAD).set_version(0);
    if let Some(subnet) = subnet {
        let client = ClientSubnet::new(subnet.network(), subnet.prefix_len(), 0);
        edns.options_mut().insert(EdnsOption::Subnet(client));
    }
    message.set_edns(edns);
    Ok(message)
}

async fn ask(context: &Context, server: SocketAddr, asked: &Question, message: &Message, dns: &mut Dns) -> Outcome {
    let limit = context.config.limits.attempt_timeout;
    let Ok(wire) = message.to_vec() else {
        return Outcome::failed_with(FailureKind::Other, "the name cannot be put into a question");
    };
    let answered = match asked.server.transport {
        DnsTransport::Tcp => plain::over_tcp(server, message, &wire, limit, dns).await,
        DnsTransport::Tls => encrypted::over_tls(context, asked, message, &wire, Instant::now() + limit, dns).await,
        DnsTransport::Https => encrypted::over_https(context, asked, message, &wire, Instant::now() + limit, dns).await,
        DnsTransport::Udp | DnsTransport::Unknown => plain::over_udp(context, server, asked, message, &wire, dns).await,
    };
    match answered {
        Ok(answer) => answer::record(&answer, dns),
        Err(outcome) => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_of_a_client_goes_with_the_question_and_no_more_of_it_than_is_told() {
        let asked = question("a.example", RecordType::A, Some("203.0.113.0/24".parse().unwrap())).unwrap();
        let wire = asked.to_vec().unwrap();
        // Option 8, seven bytes: family 1, source prefix 24, scope 0, three bytes of the address (RFC 7871, section 6).
        let option = [0, 8, 0, 7, 0, 1, 24, 0, 203, 0, 113];
        assert!(wire.windows(option.len()).any(|window| window == option), "{wire:?}");
        let without = question("a.example", RecordType::A, None).unwrap().to_vec().unwrap();
        assert!(without.len() + 11 == wire.len() && !without.windows(4).any(|window| window == &option[..4]));
    }
}
