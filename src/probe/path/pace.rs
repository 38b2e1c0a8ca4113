//! When the packets of one pass are sent, and how long is waited for their answers. No sockets, no clock of its own.

use std::time::{Duration, Instant};

/// TTLs that are under way beyond the last hop that is known to be there: most of the way to a server is known after one round trip.
/// Each that is larger than the distance is a connection to the server.
const WINDOW: u8 = 8;
/// When nothing happens for so long, further TTLs are tried: some hops never answer.
const PAUSE: Duration = Duration::from_millis(200);
/// How long an answer is waited for while nothing is known of the end. The kernel sends a SYN again after a second.
const PATIENCE: Duration = Duration::from_millis(900);
/// The least time for it once the end is known.
const LEAST: Duration = Duration::from_millis(100);

/// One pass over the TTLs.
pub(super) struct Pace {
    max_ttl: u8,
    at_once: bool,
    most: Duration,
    largest_rtt: Duration,
    sent: Vec<Sent>,
    farthest_router: u8,
    end: Option<u8>,
    /// The last TTL that answered in an earlier pass.
    known_before: u8,
    last_event: Option<Instant>,
}

struct Sent {
    at: Instant,
    is_answered: bool,
}

impl Pace {
    /// A pass that finds out how far it is. No answer is waited for longer than `most`.
    pub(super) const fn finding(max_ttl: u8, most: Duration) -> Self {
        Self {
            max_ttl,
            at_once: false,
            most,
            largest_rtt: Duration::ZERO,
            sent: Vec::new(),
            farthest_router: 0,
            end: None,
            known_before: 0,
            last_event: None,
        }
    }

    /// A pass after this one, over the part of the way that is known and, where its end is not, a little more; all at once.
    pub(super) fn again(&self) -> Self {
        let known = self.end.unwrap_or_else(|| self.known().saturating_add(WINDOW).min(self.max_ttl));
        let (largest_rtt, known_before) = (self.largest_rtt, self.known());
        Self { at_once: true, largest_rtt, known_before, ..Self::finding(known, self.most) }
    }

    /// The TTLs to send now. They count as sent from then on.
    pub(super) fn due(&mut self, now: Instant) -> std::ops::RangeInclusive<u8> {
        let top = self.top();
        let is_quiet = self.last_event.is_none_or(|last| now >= last + PAUSE);
        let beyond = if is_quiet { top.max(self.farthest_router) } else { self.farthest_router };
        let wanted = if self.at_once { self.max_ttl } else { beyond.saturating_add(WINDOW) };
        let wanted = wanted.min(self.limit());
        if wanted > top {
            self.last_event = Some(now);
            self.sent.extend((top..wanted).map(|_| Sent { at: now, is_answered: false }));
        }
        top + 1..=wanted
    }

    /// Takes an answer in.
    pub(super) fn answered(&mut self, ttl: u8, is_end: bool, rtt: Duration, now: Instant) {
        let Some(sent) = self.sent.get_mut(usize::from(ttl).wrapping_sub(1)) else { return };
        sent.is_answered = true;
        self.last_event = Some(now);
        self.largest_rtt = self.largest_rtt.max(rtt);
        if is_end {
            self.end = Some(self.end.map_or(ttl, |end| end.min(ttl)));
        } else {
            self.farthest_router = self.farthest_router.max(ttl);
        }
    }

    /// Sends no further TTLs.
    pub(super) fn go_no_further(&mut self) {
        self.max_ttl = self.max_ttl.min(self.top());
    }

    /// When there is something to do next, if nothing comes before; `None` when the pass is over.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        let limit = self.limit();
        let waited_for = self.sent.iter().take(limit.into()).filter(|sent| !sent.is_answered);
        let expiry = waited_for.map(|sent| sent.at + self.patience()).filter(|expiry| *expiry > now).min();
        let further = self.last_event.filter(|_| self.top() < limit && !self.at_once).map(|last| last + PAUSE);
        match (expiry, further) {
            (Some(expiry), Some(further)) => Some(expiry.min(further)),
            (expiry, further) => expiry.or(further),
        }
    }

    /// How long the answer to one packet is waited for.
    pub(super) fn patience(&self) -> Duration {
        let least = if self.end.is_some() { LEAST } else { PATIENCE };
        least.max(self.largest_rtt * 3).min(self.most)
    }

    /// The last TTL at which anything answered, in this pass or in one before it: a pass may take a broken way.
    pub(super) fn known(&self) -> u8 {
        self.end.unwrap_or_else(|| self.farthest_router.max(self.known_before))
    }

    /// As far as a way may go of which it is not known yet where it ends.
    pub(super) fn farthest(&self) -> u8 {
        if self.end.is_some() { self.known() } else { self.known().saturating_add(WINDOW) }
    }

    /// The last TTL that matters.
    fn limit(&self) -> u8 {
        self.end.unwrap_or(self.max_ttl)
    }

    fn top(&self) -> u8 {
        u8::try_from(self.sent.len()).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pace() -> (Pace, Instant) {
        (Pace::finding(30, Duration::from_secs(3)), Instant::now())
    }

    fn sent(pace: &mut Pace, now: Instant) -> Vec<u8> {
        pace.due(now).collect()
    }

    #[test]
    fn the_window_moves_with_the_routers_that_answer() {
        let (mut pace, begun) = pace();
        assert_eq!(sent(&mut pace, begun), [1, 2, 3, 4, 5, 6, 7, 8]);
        pace.answered(1, false, MS, begun + MS);
        assert_eq!(sent(&mut pace, begun + MS), [9]);
        pace.answered(3, false, 2 * MS, begun + 2 * MS);
        assert_eq!(sent(&mut pace, begun + 2 * MS), [10, 11]);
        pace.answered(4, true, 120 * MS, begun + 120 * MS);
        assert_eq!(sent(&mut pace, begun + 400 * MS), [0_u8; 0], "the end is known");
        assert_eq!(pace.wake(begun + 120 * MS), Some(begun + 360 * MS), "hop 2 has three of the largest round trips");
        assert_eq!(pace.wake(begun + 360 * MS), None);
    }

    #[test]
    fn a_path_on_which_all_answer_is_known_with_the_last_answer() {
        let (mut pace, begun) = pace();
        sent(&mut pace, begun);
        for ttl in 1..=3 {
            pace.answered(ttl, ttl == 3, 10 * MS, begun + 10 * MS);
        }
        assert_eq!(pace.wake(begun + 10 * MS), None);
        let mut next = pace.again();
        assert_eq!(sent(&mut next, begun), [1, 2, 3], "at once, and no further than the end");
        assert_eq!((next.limit(), pace.known()), (3, 3));
        next.answered(1, false, MS, begun);
        assert_eq!((next.known(), next.again().known()), (3, 3), "a way that breaks off does not shorten the other");
    }

    #[test]
    fn silence_moves_the_window_after_a_pause_and_ends() {
        let (mut pace, begun) = pace();
        assert_eq!(sent(&mut pace, begun).len(), 8);
        assert_eq!(pace.wake(begun), Some(begun + 200 * MS));
        let mut now = begun;
        let mut count = 8;
        while let Some(wake) = pace.wake(now) {
            assert!(wake > now || now == begun);
            now = wake;
            count += sent(&mut pace, now).len();
        }
        assert_eq!((count, now), (30, begun + 1500 * MS), "8 more every 200 ms, and 900 ms for the last ones");
        assert_eq!((pace.known(), sent(&mut pace.again(), now)), (0, (1..=8).collect::<Vec<_>>()));
    }

    #[test]
    fn a_silent_hop_before_the_end_is_not_waited_for_long() {
        let (mut pace, begun) = pace();
        sent(&mut pace, begun);
        pace.answered(4, true, MS, begun + MS);
        assert_eq!(pace.wake(begun + MS), Some(begun + 100 * MS));
        assert_eq!(pace.wake(begun + 100 * MS), None);
    }

    #[test]
    fn no_wait_is_longer_than_allowed() {
        let begun = Instant::now();
        let mut pace = Pace::finding(3, 50 * MS);
        assert_eq!(sent(&mut pace, begun), [1, 2, 3]);
        assert_eq!(pace.wake(begun), Some(begun + 50 * MS));
        pace.go_no_further();
        pace.answered(200, false, MS, begun);
        assert_eq!(pace.wake(begun + 50 * MS), None);
    }
}
