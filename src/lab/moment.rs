//! When an answer is made, and the ids that COS makes of that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// The COS machine that answers, as request ids tell. From TEST-NET-1 (RFC 5737).
const NODE: [u8; 4] = [192, 0, 2, 80];

/// When, and the how-manieth answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The double's clock, by which it judges.
    pub now: Timestamp,
    /// The time that the answer tells; earlier than `now` when a cache kept it.
    pub told: Timestamp,
    /// Number of the request.
    pub serial: u32,
}

impl Moment {
    /// As in the Date header.
    pub(super) fn date(self) -> String {
        http_date(self.told)
    }

    /// As COS makes them: the second, the machine and two numbers, all in hex, the machine's address little-endian. COS does not
    /// document it; the samples of its "HEAD Bucket" page decode to their own Date.
    pub(super) fn request_id(self) -> String {
        let node = u32::from_le_bytes(NODE);
        let text = format!("{:x}_{node:x}_{:x}_{:x}", self.told.as_second(), std::process::id(), self.serial);
        STANDARD.encode(text)
    }

    pub(super) fn trace_id(self) -> String {
        STANDARD.encode(format!("lab-trace-{:032x}", self.serial))
    }
}

/// A time as HTTP writes it.
pub(super) fn http_date(time: Timestamp) -> String {
    // The only timestamps without this form are before the year 0.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}
