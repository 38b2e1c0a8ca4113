//! The last probes, to be looked at by people. Failed ones are kept longer, as those are what people look for.

use std::collections::VecDeque;
use std::sync::Arc;

use super::probing::Probed;

pub(super) struct History {
    limit: usize,
    next_id: u64,
    recent: VecDeque<(u64, Arc<Probed>)>,
    failed: VecDeque<(u64, Arc<Probed>)>,
}

impl History {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, next_id: 1, recent: VecDeque::new(), failed: VecDeque::new() }
    }

    /// Keeps a probe. The oldest makes place for it; if it failed, it goes to the failed ones.
    pub(super) fn keep(&mut self, probed: Arc<Probed>) {
        self.recent.push_back((self.next_id, probed));
        self.next_id += 1;
        while self.recent.len() > self.limit {
            if let Some(oldest) = self.recent.pop_front().filter(|(_, oldest)| !oldest.success) {
                self.failed.push_back(oldest);
            }
        }
        while self.failed.len() > self.limit {
            self.failed.pop_front();
        }
    }

    /// All that is kept, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &(u64, Arc<Probed>)> {
        self.recent.iter().rev().chain(self.failed.iter().rev())
    }
}
