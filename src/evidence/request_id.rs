//! What COS's request ids hold.
//!
//! `x-cos-request-id` is base64 of four hex numbers joined by `_`: the second in which the request arrived, the IPv4 address
//! of the front end that took it (little-endian), and two more. Tencent documents none of this. It was inferred from the
//! samples of the page "HEAD Bucket" of the COS documentation, which decode to their own `Date`, so it is a hint and never a
//! condition.

use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// The earliest second that can be one of COS's: 2014-01-01, before the service existed.
const EARLIEST: i64 = 1_388_534_400;
/// The latest second that eight hex digits hold.
const LATEST: i64 = u32::MAX as i64;

/// What is read out of a request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestIdHint {
    /// The second in which the request arrived, by COS's clock.
    pub at: Timestamp,
    /// The address of the front end inside Tencent's network.
    pub front_end: Ipv4Addr,
}

impl RequestIdHint {
    /// Reads a request id; `None` when it does not have the form.
    pub fn decode(request_id: &str) -> Option<Self> {
        let bytes = STANDARD.decode(request_id).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        let mut fields = text.split('_');
        let hex = |field: &str| u32::from_str_radix(field, 16).ok();
        let (second, address) = (i64::from(hex(fields.next()?)?), hex(fields.next()?)?);
        let rest = fields.all(|field| !field.is_empty() && field.bytes().all(|b| b.is_ascii_hexdigit()));
        if !rest || text.split('_').count() != 4 || !(EARLIEST..=LATEST).contains(&second) {
            return None;
        }
        Some(Self { at: Timestamp::from_second(second).ok()?, front_end: Ipv4Addr::from(address.swap_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_and_front_end_are_read() {
        // The bytes of the first address are 9.11.192.248; its leading zero is dropped, as in the documented sample.
        let id = STANDARD.encode("5cdd0ad3_f8c00b09_1ad8_3d6f0");
        let hint = RequestIdHint::decode(&id).unwrap();
        assert_eq!(hint.front_end, Ipv4Addr::new(9, 11, 192, 248));
        assert_eq!(hint.at.to_string(), "2019-05-16T07:01:39Z");
    }

    #[test]
    fn other_ids_are_left_alone() {
        let others = [
            "",
            "x",
            "5cdd0ad3_f8c00b09_1ad8",
            "5cdd0ad3_f8c00b09_1ad8_1_1",
            "5cdd0ad3_f8c00b09_1ad8_zz",
            "5cdd0ad3_f8c00b09_1ad8_",
            "1_f8c00b09_1_1",
            "5cdd0ad3__1_1",
            "15cdd0ad3_f8c00b09_1_1",
        ];
        for text in others {
            assert_eq!(RequestIdHint::decode(&STANDARD.encode(text)), None, "{text}");
        }
        assert_eq!(RequestIdHint::decode("not base64!"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_no_panic(text in "\\PC{0,80}") {
            let _ = RequestIdHint::decode(&text);
            let _ = RequestIdHint::decode(&STANDARD.encode(&text));
        }
    }
}
