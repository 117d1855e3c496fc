//! How many messages a destination gets in any minute.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The sendings of the last minute. At most so many stand in any 60 seconds, wherever these begin.
#[derive(Debug, Default)]
pub(super) struct Rate {
    sent: VecDeque<Instant>,
}

impl Rate {
    /// How many may be sent now; no limit where `None`.
    pub(super) fn left(&mut self, per_minute: Option<NonZeroU32>, now: Instant) -> Option<usize> {
        let most = usize::try_from(per_minute?.get()).unwrap_or(usize::MAX);
        while self.sent.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            self.sent.pop_front();
        }
        Some(most.saturating_sub(self.sent.len()))
    }

    /// When the next may be sent, once none is left.
    pub(super) fn free_at(&self) -> Option<Instant> {
        self.sent.front().map(|at| *at + MINUTE)
    }

    /// One was sent.
    pub(super) fn count(&mut self, now: Instant) {
        self.sent.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_wherever_it_begins_holds_more_than_was_asked_for() {
        let mut rate = Rate::default();
        let three = NonZeroU32::new(3);
        let begun = Instant::now();
        let mut sent = Vec::new();
        for second in 0..300 {
            let now = begun + Duration::from_secs(second);
            if rate.left(three, now).unwrap() > 0 {
                rate.count(now);
                sent.push(second);
            }
        }
        assert!(sent.len() > 10);
        assert!(sent.windows(4).all(|four| four[3] - four[0] >= 60), "{sent:?}");
        assert_eq!(rate.left(None, begun), None);
    }
}
