//! Packets of a trace that tell, in the part that an error quotes or a reply returns, which of them they are.

/// Bytes of a datagram: our own few, and nothing behind them.
const DATAGRAM_BYTES: usize = 32;
/// Bytes of the header of an ICMP echo.
const ECHO_HEADER: usize = 8;

/// A datagram that tells, where a router quotes that much of it, for how many hops it lived.
pub(super) fn datagram(pass: u8, ttl: u8) -> Vec<u8> {
    let mut bytes = vec![0; DATAGRAM_BYTES];
    bytes[..2].copy_from_slice(&[pass, ttl]);
    bytes
}

pub(super) fn of_datagram(bytes: &[u8]) -> Option<(u8, u8)> {
    bytes.first_chunk().map(|[pass, ttl]| (*pass, *ttl))
}

/// An echo request whose sequence number tells. The two bytes behind it make up for it, so that the checksum, which balancers
/// hash as they hash ports, is the same for all. The kernel fills in checksum and identifier.
pub(super) fn echo_request(is_v6: bool, pass: u8, ttl: u8) -> Vec<u8> {
    let mut bytes = vec![0; ECHO_HEADER + DATAGRAM_BYTES];
    bytes[0] = if is_v6 { 128 } else { 8 };
    bytes[6..10].copy_from_slice(&[pass, ttl, !pass, !ttl]);
    bytes
}

/// The header of an echo reply, or that of our request as an error quotes it.
pub(super) fn of_echo(is_v6: bool, is_quoted: bool, bytes: &[u8]) -> Option<(u8, u8)> {
    let expected = match (is_v6, is_quoted) {
        (false, true) => 8,
        (false, false) => 0,
        (true, true) => 128,
        (true, false) => 129,
    };
    let header: &[u8; ECHO_HEADER] = bytes.first_chunk()?;
    (header[0] == expected).then_some((header[6], header[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_tell_their_pass_and_ttl() {
        assert_eq!(of_datagram(&datagram(3, 17)), Some((3, 17)));
        assert_eq!(of_datagram(&[3]), None, "a router that quotes no more than it must");
        assert_eq!(of_echo(false, true, &echo_request(false, 3, 17)), Some((3, 17)));
        assert_eq!(of_echo(true, true, &echo_request(true, 3, 17)), Some((3, 17)));
        let mut reply = echo_request(true, 3, 17);
        reply[0] = 129;
        assert_eq!(of_echo(true, false, &reply), Some((3, 17)));
        assert_eq!(of_echo(true, false, &echo_request(true, 3, 17)), None, "our own request");
        assert_eq!(of_echo(false, true, &[8, 0, 0]), None);
    }

    #[test]
    fn all_echo_requests_have_one_checksum() {
        let sum = |ttl| {
            let bytes = echo_request(false, 1, ttl);
            let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
            words.sum::<u32>() % 0xffff
        };
        assert!((2..=30).all(|ttl| sum(ttl) == sum(1)));
    }
}
