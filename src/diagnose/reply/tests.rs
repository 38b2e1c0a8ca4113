use serde_json::{Value, json};

use super::*;

const HOST: &str = "bucket.example";

/// Tries as the probe makes them: what lets the answer in, and the next one three times.
fn tries(ttl: u8, answer: &str) -> Value {
    let below = (ttl.saturating_sub(7).max(1)..=ttl).map(|minimum| json!({"minimum_ttl": minimum, "answer": answer}));
    let above = ttl.checked_add(1).into_iter().flat_map(|next| vec![json!({"minimum_ttl": next}); 3]);
    below.chain(above).collect()
}

fn measured(id: u32, port: u16, to: &str, tries: &Value) -> Value {
    json!({"id": id, "stage": "reply_ttl", "endpoint": HOST, "peer": format!("203.0.113.10:{port}"),
        "outcome": {"status": "succeeded"}, "detail": {"type": "reply_ttl", "to": to, "tries": tries}})
}

fn path(id: u32, routers: &[&str], end: &str) -> Value {
    let hop = |(index, from): (usize, &&str)| json!({"ttl": index + 1, "probes": [{"answer": "time_exceeded", "from": from}]});
    let mut hops: Vec<Value> = routers.iter().enumerate().map(hop).collect();
    hops.push(json!({"ttl": routers.len() + 1, "probes": [{"answer": end, "from": "203.0.113.10"}]}));
    json!({"id": id, "stage": "path", "endpoint": HOST, "peer": "203.0.113.10:443", "outcome": {"status": "succeeded"},
        "detail": {"type": "path", "stop": "reached", "hops": hops}})
}

fn gateway(id: u32) -> Value {
    json!({"id": id, "stage": "route", "endpoint": HOST, "peer": "203.0.113.10:443", "outcome": {"status": "succeeded"},
        "detail": {"type": "route_to", "kind": "unicast", "gateway": "192.0.2.1"}})
}

fn evidence(observations: &[Value]) -> Evidence {
    serde_json::from_value(json!({"targets": [{"host": HOST}], "evidence": observations})).unwrap()
}

fn said(observations: &[Value], to: ReplyTo) -> Option<(String, bool)> {
    let peer = "203.0.113.10:443".parse().unwrap();
    sender(&evidence(observations), HOST, peer, to)
        .map(|sender| (sender.words(&Text::empty()).to_string(), sender.is_proven))
}

fn ttl_of(tries: &Value) -> Option<(u8, u8)> {
    let found = replies(&evidence(&[measured(1, 443, "syn", tries)]), HOST);
    found.first().map(|reply| (reply.ttl, reply.hops))
}

#[test]
fn hops_are_counted_from_the_next_initial_ttl() {
    for (ttl, hops) in [(64, 1), (61, 4), (65, 64), (128, 1), (116, 13), (255, 1), (242, 14), (1, 64)] {
        assert_eq!(ttl_of(&tries(ttl, "rst")), Some((ttl, hops)));
    }
}

#[test]
fn a_ttl_that_is_not_sure_is_none() {
    let one = |minimum: u8, answer: &str| json!({"minimum_ttl": minimum, "answer": answer});
    let edge = [one(62, "none"), one(62, "none")];
    let with = |more: &[Value]| ttl_of(&more.iter().chain(&edge).cloned().collect());
    assert_eq!(with(&[one(61, "rst")]), Some((61, 4)));
    assert_eq!(with(&[one(61, "rst"), one(1, "none")]), Some((61, 4)), "lost");
    assert_eq!(with(&[one(61, "rst"), one(60, "none")]), None, "from two distances");
    assert_eq!(with(&[one(61, "rst"), one(60, "syn_ack")]), None, "now this, now that");
    assert_eq!(with(&[one(60, "rst")]), None, "61 was not tried");
    assert_eq!(ttl_of(&json!([one(61, "rst"), one(62, "none")])), None, "tried once only");
    assert_eq!(ttl_of(&json!([one(1, "none")])), None);
    assert_eq!(ttl_of(&json!([one(61, "rst"), one(62, "not_made"), one(62, "not_made")])), None);
}

#[test]
fn a_rst_is_compared_with_another_port_that_accepts() {
    let beside = |ttl: u8| {
        said(
            &[measured(1, 80, "syn", &tries(61, "syn_ack")), measured(2, 443, "syn", &tries(ttl, "rst"))],
            ReplyTo::Syn,
        )
    };
    let proven = |text: &str| Some((text.to_owned(), true));
    assert_eq!(beside(62), proven("the RST comes from 3 hops away, not from the server (4 hops)"));
    assert_eq!(beside(61), proven("the RST comes from as far away as the server itself (4 hops)"));
    // Systems differ in the TTL that they begin with, and so may one system for different packets.
    assert_eq!(beside(125), proven("the RST comes from as far away as the server itself (4 hops)"));
    assert_eq!(
        beside(250),
        proven("the RST is not the server's: its TTL stands for 6 hops, that of the server for 4 hops")
    );
}

#[test]
fn the_path_names_who_is_there() {
    let routers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let with_path = |ttl: u8| {
        let observations = [
            measured(1, 443, "syn", &tries(61, "syn_ack")),
            measured(2, 443, "client_hello", &tries(ttl, "rst")),
            path(3, &routers, "syn_ack"),
            gateway(4),
        ];
        said(&observations, ReplyTo::ClientHello).unwrap().0
    };
    assert_eq!(with_path(63), "the RST comes from 2 hops away, 192.0.2.2, not from the server (4 hops)");
    assert_eq!(with_path(64), "the RST comes from the first router, 192.0.2.1, not from the server (4 hops)");
}

#[test]
fn without_a_port_that_accepts_the_end_of_the_path_is_the_measure() {
    let routers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let alone = |ttl: u8, routers: &[&str]| {
        said(&[measured(1, 443, "syn", &tries(ttl, "rst")), path(2, routers, "rst"), gateway(3)], ReplyTo::Syn)
    };
    let likely = |text: &str| Some((text.to_owned(), false));
    assert_eq!(
        alone(62, &routers),
        likely("the RST seems to come from 3 hops away, 192.0.2.3: the path ends at hop 4")
    );
    let end = "the RST comes from the end of the path (4 hops), the server by all that is seen";
    assert_eq!(alone(61, &routers), likely(end));
    assert_eq!(alone(60, &routers), None, "the way back may be longer");
    let here = "the RST comes from this machine itself or its first router, not from the server";
    assert_eq!(alone(64, &[]), Some((here.to_owned(), true)));
    assert_eq!(said(&[measured(1, 443, "syn", &tries(62, "rst"))], ReplyTo::Syn), None, "nothing to compare with");
}
