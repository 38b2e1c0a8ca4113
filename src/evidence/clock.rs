//! How far this machine's clock is from COS's, as far as the answers tell: a view over the evidence that planning and judging
//! share.
//!
//! An answer tells the server's second twice: in `Date` and in its request id. Either was read somewhere between the sending
//! of the request and the arrival of the answer's first byte, so each answer gives an interval, not a number.

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Http, ObservationId, RequestIdHint, Stage};

/// A second of `Date` or of a request id stands for all instants within it (RFC 9110, section 5.6.7).
const EDGE: SignedDuration = SignedDuration::from_secs(1);
/// `Date` and request id of one answer are this close; otherwise one of them is not of this request.
const SAME_ANSWER: SignedDuration = SignedDuration::from_secs(60);

/// The offset of this machine's clock to COS's: positive when this machine is ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockOffset {
    /// The middle of what is possible.
    pub offset: SignedDuration,
    /// Half the width of what is possible.
    pub bound: SignedDuration,
    /// The answers that were read, with the offset that each gives on its own.
    pub readings: Vec<(ObservationId, SignedDuration)>,
    /// Whether the seconds in the request ids say the same as `Date`; `None` when no request id could be read.
    pub request_ids_agree: Option<bool>,
}

/// The offsets that are possible, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Possible {
    low: SignedDuration,
    high: SignedDuration,
}

impl Possible {
    /// The server's clock showed `second`, or any instant within it, while the request was under way.
    fn of(second: Timestamp, http: &Http) -> Option<Self> {
        let trip = SignedDuration::from_micros(i64::try_from(http.first_byte_us.unwrap_or(0)).ok()?);
        let high = http.answered_at?.duration_since(second);
        Some(Self { low: high - trip - EDGE, high })
    }

    fn both(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low <= both.high).then_some(both)
    }

    fn middle(self) -> SignedDuration {
        self.low + (self.high - self.low) / 2
    }

    fn bound(self) -> SignedDuration {
        (self.high - self.low) / 2
    }
}

/// The clock's offset by all answers of a run; `None` when no answer can be used.
///
/// The narrowest answer decides, narrowed further by every other one that does not contradict it.
pub fn clock_offset(evidence: &Evidence) -> Option<ClockOffset> {
    let mut read: Vec<(ObservationId, Possible)> = Vec::new();
    let mut ids_agree = None;
    for observation in evidence.of_stage(Stage::HttpRoundTrip) {
        let Some(http) = observation.detail.http() else { continue };
        let Some((date, by_id)) = times(http) else { continue };
        let Some(by_date) = Possible::of(date, http) else { continue };
        let by_id = by_id.and_then(|second| Possible::of(second, http));
        let both = by_id.map(|by_id| by_date.both(by_id));
        ids_agree = match (ids_agree, both) {
            (so_far, None) => so_far,
            (so_far, Some(both)) => Some(so_far.unwrap_or(true) && both.is_some()),
        };
        read.push((observation.id, both.flatten().unwrap_or(by_date)));
    }
    let &(_, narrowest) = read.iter().min_by_key(|(id, possible)| (possible.bound(), *id))?;
    let possible = read.iter().fold(narrowest, |so_far, (_, other)| so_far.both(*other).unwrap_or(so_far));
    Some(ClockOffset {
        offset: possible.middle(),
        bound: possible.bound(),
        readings: read.iter().map(|(id, possible)| (*id, possible.middle())).collect(),
        request_ids_agree: ids_agree,
    })
}

/// The server's time by `Date` and by the request id. `None` for an answer that did not come fresh from COS: one that a cache
/// or a proxy passed on, or whose request id is of another time.
fn times(http: &Http) -> Option<(Timestamp, Option<Timestamp>)> {
    let passed_on = ["age", "via", "x-cache-lookup"].iter().any(|name| http.header(name).is_some());
    if !http.is_from_cos() || passed_on {
        return None;
    }
    let date = jiff::fmt::rfc2822::parse(http.header("date")?).ok()?.timestamp();
    let by_id = http.request_id().and_then(RequestIdHint::decode).map(|hint| hint.at);
    let is_stale = by_id.is_some_and(|at| at.duration_since(date).abs() > SAME_ANSWER);
    (!is_stale).then_some((date, by_id))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::evidence::{Detail, Header, Observation, Outcome};

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: value.to_owned() }
    }

    /// An answer that said noon and whose first byte arrived `milliseconds` later by our clock, after a round trip of 200 ms.
    fn answer(id: ObservationId, milliseconds: i64, further: &[Header]) -> Observation {
        let noon: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut headers = vec![header("server", "tencent-cos"), header("date", "Mon, 23 Nov 2026 12:00:00 GMT")];
        headers.extend_from_slice(further);
        let http = Http {
            headers,
            first_byte_us: Some(200_000),
            answered_at: noon.checked_add(SignedDuration::from_millis(milliseconds)).ok(),
            ..Http::default()
        };
        Observation {
            id,
            parent: None,
            stage: Stage::HttpRoundTrip,
            endpoint: None,
            peer: None,
            started_at: None,
            elapsed_us: None,
            outcome: Outcome::Succeeded,
            detail: Detail::Http(http),
        }
    }

    fn offset(observations: Vec<Observation>) -> Option<ClockOffset> {
        clock_offset(&Evidence { observations, ..Evidence::default() })
    }

    fn request_id(second: &str) -> Header {
        let second: Timestamp = second.parse().unwrap();
        header("x-cos-request-id", &STANDARD.encode(format!("{:x}_1020304_1_1", second.as_second())))
    }

    #[test]
    fn one_answer_bounds_the_offset_by_half_a_trip_and_half_a_second() {
        let one = offset(vec![answer(1, 700, &[])]).unwrap();
        assert_eq!((one.offset.as_millis(), one.bound.as_millis()), (100, 600));
        assert_eq!(one.request_ids_agree, None);
    }

    #[test]
    fn several_answers_narrow_it() {
        let two = offset(vec![answer(1, 300, &[]), answer(2, 1100, &[])]).unwrap();
        // From -0.9 to 0.3 and from -0.1 to 1.1.
        assert_eq!((two.offset.as_millis(), two.bound.as_millis()), (100, 200));
        let apart = offset(vec![answer(1, 300, &[]), answer(2, 600_000, &[])]).unwrap();
        assert_eq!(apart.readings.len(), 2);
        assert_eq!(apart.offset.as_secs(), 0);
    }

    #[test]
    fn the_request_id_is_a_second_clock() {
        let agreeing = offset(vec![answer(1, 700, &[request_id("2026-11-23T12:00:00Z")])]).unwrap();
        assert_eq!(agreeing.request_ids_agree, Some(true));
        let apart = offset(vec![answer(1, 700, &[request_id("2026-11-23T12:00:09Z")])]).unwrap();
        assert_eq!(apart.request_ids_agree, Some(false));
        assert_eq!(apart.offset.as_millis(), 100);
    }

    #[test]
    fn an_answer_that_is_not_fresh_tells_nothing() {
        let passed_on = [("age", "0"), ("via", "1.1 proxy"), ("x-cache-lookup", "Cache Hit")];
        let stale = ["2026-11-23T11:58:59Z", "2026-11-23T12:01:01Z"].map(request_id);
        for odd in passed_on.into_iter().map(|(name, value)| header(name, value)).chain(stale) {
            assert_eq!(offset(vec![answer(1, 700, std::slice::from_ref(&odd))]), None, "{odd:?}");
        }
        for close in ["2026-11-23T11:59:00Z", "2026-11-23T12:01:00Z"].map(request_id) {
            assert!(offset(vec![answer(1, 700, std::slice::from_ref(&close))]).is_some(), "{close:?}");
        }
        let fresh_beside = offset(vec![answer(1, 900_000, &[header("age", "899")]), answer(2, 700, &[])]).unwrap();
        assert_eq!((fresh_beside.offset.as_millis(), fresh_beside.readings.len()), (100, 1));
    }
}
