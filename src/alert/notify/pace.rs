//! How long the deliverer waits: between looks, for answers, before it tries again, and until it gives up.

use std::time::Duration;

/// How long it waits.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two looks into the outbox, where nobody pokes.
    pub look: Duration,
    /// For a receiver's whole answer.
    pub patience: Duration,
    /// Before the second try; it doubles from try to try.
    pub first_pause: Duration,
    /// The longest pause between two tries of one message.
    pub longest_pause: Duration,
    /// The longest a destination that fails is left alone for the sake of its other messages.
    pub longest_rest: Duration,
    /// From the change until nobody tries any more.
    pub give_up: Duration,
    /// Between two sayings of what goes on, to receivers that forget.
    pub resay: Duration,
    /// What counts as a minute where a destination has a cap.
    pub minute: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(500),
            patience: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(600),
            longest_rest: Duration::from_secs(30),
            give_up: Duration::from_secs(86_400),
            // Alertmanager's docs ask for every 30 seconds to 3 minutes; its resolve_timeout is 5 minutes.
            resay: Duration::from_secs(60),
            minute: Duration::from_secs(60),
        }
    }
}

/// Tries after which nobody tries any more, whatever the clocks say: more than the pauses leave room for in a day.
pub(super) const MOST_TRIES: u32 = 300;

impl Pace {
    /// The pause after a try, from 1; `jitter` from 0 to 1 spreads those that failed together.
    pub(super) fn pause(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self
            .first_pause
            .saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled
            .min(self.longest_pause)
            .mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
    }

    /// How long a destination rests after so many failures in a row.
    pub(super) fn rest(&self, failures: u32) -> Duration {
        self.pause(failures, 0.5).min(self.longest_rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest_and_a_day_has_fewer_tries_than_allowed() {
        let pace = Pace::default();
        assert_eq!(pace.pause(1, 0.5), Duration::from_secs(1));
        assert_eq!(pace.pause(4, 0.5), Duration::from_secs(8));
        assert_eq!(pace.pause(40, 1.0), Duration::from_secs(720));
        let day: Duration = (1..MOST_TRIES).map(|attempt| pace.pause(attempt, 0.0)).sum();
        assert!(day > pace.give_up);
    }
}
