//! How many messages a destination gets in any minute.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// The sendings of the last minute. No more stand in any minute, wherever it begins.
#[derive(Debug)]
pub(super) struct Rate {
    minute: Duration,
    sent: VecDeque<Instant>,
}

impl Rate {
    pub(super) fn new(minute: Duration) -> Self {
        Self {
            minute,
            sent: VecDeque::new(),
        }
    }

    /// How many may be sent now; no limit where `None`.
    pub(super) fn left(&mut self, per_minute: Option<NonZeroU32>, now: Instant) -> Option<usize> {
        let most = usize::try_from(per_minute?.get()).unwrap_or(usize::MAX);
        while self
            .sent
            .front()
            .is_some_and(|at| now.duration_since(*at) >= self.minute)
        {
            self.sent.pop_front();
        }
        Some(most.saturating_sub(self.sent.len()))
    }

    /// When the next may be sent, once none is left.
    pub(super) fn free_at(&self) -> Option<Instant> {
        self.sent.front().map(|at| *at + self.minute)
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
        let mut rate = Rate::new(Duration::from_secs(60));
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
