//! What an answer says: whether it is one, its response code, its aliases and the addresses at their end.

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use crate::evidence::{AddressRecord, Cname, Dns, FailureKind, Outcome, clean};
use crate::probe::host::address_of;

/// Aliases that are followed within one answer.
const MAX_CHAIN: usize = 16;
/// Names of one address that are kept.
const MAX_NAMES: usize = 4;
/// Addresses that are kept of one answer.
const MAX_ADDRESSES: usize = 256;

/// The message if it answers the question.
pub(super) fn accept(question: &Message, bytes: &[u8]) -> Result<Message, &'static str> {
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
pub(super) fn record(answer: &Message, dns: &mut Dns) -> Outcome {
    let rcode = answer.metadata.response_code;
    dns.rcode = Some(rcode_word(rcode));
    dns.truncated = answer.metadata.truncation;
    dns.client_subnet_scope = client_subnet_scope(answer);
    let chain_is_sound = follow_chain(answer, dns);
    match rcode {
        ResponseCode::NoError if !chain_is_sound => Outcome::failed(FailureKind::CnameLoop),
        ResponseCode::NoError if dns.addresses.is_empty() && dns.names.is_empty() && !dns.truncated => {
            Outcome::failed(FailureKind::NoRecords)
        }
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
    let name_of = |data: &RData| match data {
        RData::PTR(name) => Some(clean(name.to_string().trim_end_matches('.'), 253)),
        _ => None,
    };
    let of_owner = || answer.answers.iter().filter(|record| record.name == owner);
    dns.names = of_owner().filter_map(|record| name_of(&record.data)).take(MAX_NAMES).collect();
    dns.addresses = of_owner()
        .filter_map(|record| Some(AddressRecord { ip: address_of(&record.data)?, ttl_seconds: record.ttl }))
        .take(MAX_ADDRESSES)
        .collect();
    true
}

/// How many bits of the client's network the answer depends on (RFC 7871), where the server says so.
fn client_subnet_scope(answer: &Message) -> Option<u8> {
    match answer.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    }
}

/// The mnemonic of IANA's registry of response codes.
pub(super) fn rcode_word(rcode: ResponseCode) -> String {
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
    use hickory_resolver::proto::rr::rdata::{A, CNAME, PTR};
    use hickory_resolver::proto::rr::{Name, Record};

    use super::super::question;
    use super::*;
    use crate::evidence::RecordType;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn answer(records: Vec<Record>) -> Message {
        let mut message = question("a.example", RecordType::A, None).unwrap();
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
    fn names_of_an_address_are_kept_and_bounded() {
        let names = (0..9).map(|number| {
            let target = name(&format!("r{number}.example."));
            Record::from_rdata(name("a.example."), 60, RData::PTR(PTR(target)))
        });
        let mut dns = Dns::default();
        assert_eq!(record(&answer(names.collect()), &mut dns), Outcome::Succeeded);
        assert_eq!(dns.names, ["r0.example", "r1.example", "r2.example", "r3.example"]);
    }

    #[test]
    fn only_an_answer_to_the_question_is_accepted() {
        let asked = question("a.example", RecordType::A, None).unwrap();
        let mut good = asked.clone();
        good.metadata.message_type = MessageType::Response;
        assert!(accept(&asked, &good.to_vec().unwrap()).is_ok());
        assert!(accept(&asked, &asked.to_vec().unwrap()).is_err(), "a query is no answer");
        let mut other_id = good.clone();
        other_id.metadata.id = good.metadata.id.wrapping_add(1);
        assert!(accept(&asked, &other_id.to_vec().unwrap()).is_err());
        let mut other = question("b.example", RecordType::A, None).unwrap();
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
    fn the_part_of_the_client_s_network_that_decides_is_read() {
        use hickory_resolver::proto::rr::rdata::opt::ClientSubnet;
        let mut message = answer(vec![address("a.example.")]);
        let subnet = ClientSubnet::new([203, 0, 113, 0].into(), 24, 16);
        message.edns.as_mut().unwrap().options_mut().insert(EdnsOption::Subnet(subnet));
        let mut dns = Dns::default();
        record(&message, &mut dns);
        assert_eq!(dns.client_subnet_scope, Some(16));
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
            let asked = question("a.example", RecordType::A, None).unwrap();
            if let Ok(message) = accept(&asked, &bytes) {
                record(&message, &mut Dns::default());
            }
        }
    }
}
