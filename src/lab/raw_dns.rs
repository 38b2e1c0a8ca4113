//! Datagrams that are no answers to the questions asked, made by hand.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::scenario::DnsBehaviour;
use super::{Counters, count};

/// Answers every datagram with something that is no answer to it.
pub(super) async fn answer_all(socket: UdpSocket, behaviour: DnsBehaviour, counters: Arc<Counters>) {
    let mut datagram = [0; 1500];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut datagram).await else {
            // An ICMP error of an earlier answer. The next datagram is as good as any; a lasting error must not spin.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        count(&counters.dns);
        let query = datagram.get(..length).unwrap_or_default();
        let reply = match behaviour {
            DnsBehaviour::WrongQuestion => answer_to_another_question(query),
            _ => Some(garbage(query)),
        };
        if let Some(reply) = reply {
            // A client that is gone needs no answer.
            let _ = socket.send_to(&reply, client).await;
        }
    }
}

/// The id of the query, so that it is read at all, then bytes that claim records which are not there.
fn garbage(query: &[u8]) -> Vec<u8> {
    let mut reply = query.get(..2).unwrap_or_default().to_vec();
    reply.extend_from_slice(&[0xff; 61]);
    reply
}

/// An answer in good form, with the right id, to the same question with one letter changed.
fn answer_to_another_question(query: &[u8]) -> Option<Vec<u8>> {
    let name_length = query.get(12..)?.iter().position(|&byte| byte == 0)?;
    let question = query.get(12..12 + name_length + 5)?;
    let mut reply = query.get(..2)?.to_vec();
    // QR, RD, RA; one question, one answer.
    reply.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend_from_slice(question);
    // The first letter of the first label.
    *reply.get_mut(13)? ^= 1;
    // A record of the question's name: type A, class IN, TTL 600, 203.0.113.66.
    reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 2, 0x58, 0, 4, 203, 0, 113, 66]);
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_datagrams_are_survived() {
        for length in 0..40 {
            let query = vec![1; length];
            garbage(&query);
            assert!(answer_to_another_question(&query).is_none());
        }
    }
}
