//! Windows of whole minutes and their buckets, the same as of the embedded store.

use crate::event::EventTime;
use crate::store::{ReadError, TrendsAsk};

/// Most buckets of an answer.
const MOST_BUCKETS: i64 = 10_000;
const MINUTE: i64 = 60_000;

/// Whole minutes: the first, and the one after the last, since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Minutes {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Minutes {
    /// The minutes touched by `from..to` in milliseconds.
    pub(super) fn of_millis(from: i64, to: i64) -> Self {
        let last = i64::from(u32::MAX);
        let from = (from.max(0) / MINUTE).min(last);
        let to = (to.max(0) / MINUTE + i64::from(to.max(0) % MINUTE > 0)).min(last);
        Self { from, to: to.max(from) }
    }

    pub(super) fn begins_millis(self) -> i64 {
        self.from * MINUTE
    }

    pub(super) fn ends_millis(self) -> i64 {
        self.to * MINUTE
    }
}

/// Buckets of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    pub(super) window: Minutes,
    /// Minutes.
    pub(super) step: i64,
    pub(super) count: usize,
}

impl Buckets {
    pub(super) fn of(ask: &TrendsAsk) -> Result<Self, ReadError> {
        let step = u32::try_from(ask.step_minutes)
            .ok()
            .filter(|step| *step > 0)
            .ok_or_else(|| {
                ReadError::BadRequest(format!("step is {} minutes; at least 1 is wanted", ask.step_minutes))
            })?;
        let step = i64::from(step);
        let asked = Minutes::of_millis(ask.from, ask.to);
        let window = Minutes {
            from: asked.from / step * step,
            to: asked.to,
        };
        let length = window.to.saturating_sub(window.from);
        let count = length / step + i64::from(length % step > 0);
        if count > MOST_BUCKETS {
            return Err(ReadError::BadRequest(format!(
                "{count} buckets are asked for, at most {MOST_BUCKETS} are given; ask for a wider step or less time"
            )));
        }
        Ok(Self {
            window,
            step,
            count: usize::try_from(count).unwrap_or(0),
        })
    }

    /// As Druid writes a length of time.
    pub(super) fn period(self) -> String {
        format!("PT{}M", self.step)
    }

    /// The bucket that begins at these milliseconds.
    pub(super) fn at(self, millis: i64) -> Option<usize> {
        let minutes = millis.div_euclid(MINUTE).checked_sub(self.window.from)?;
        usize::try_from(minutes.div_euclid(self.step))
            .ok()
            .filter(|at| *at < self.count)
    }

    /// Starts in seconds since the epoch.
    pub(super) fn starts(self) -> Vec<i64> {
        let begins = (0_i64..).take(self.count);
        begins.map(|at| (self.window.from + at * self.step) * 60).collect()
    }

    /// Where the first begins and the last ends, RFC 3339.
    pub(super) fn ends(self) -> (String, String) {
        let count = i64::try_from(self.count).unwrap_or(0);
        (text(self.window.from), text(self.window.from + count * self.step))
    }
}

fn text(minute: i64) -> String {
    EventTime::new(minute.saturating_mul(60_000_000_000), 0).rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    fn ask(step: i64, from: i64, to: i64) -> TrendsAsk {
        TrendsAsk {
            by: "job".into(),
            step_minutes: step,
            from,
            to,
            query: Query::default(),
            top: 5,
            now: 0,
        }
    }

    #[test]
    fn a_window_begins_at_its_step_and_takes_the_last_minute_in() {
        let buckets = Buckets::of(&ask(7, 15 * MINUTE + 1, 30 * MINUTE + 1)).unwrap();
        assert_eq!((buckets.window.from, buckets.window.to, buckets.count), (14, 31, 3));
        assert_eq!(buckets.starts(), [14 * 60, 21 * 60, 28 * 60]);
        assert_eq!(
            buckets.ends(),
            ("1970-01-01T00:14:00Z".into(), "1970-01-01T00:35:00Z".into())
        );
        assert_eq!(buckets.at(21 * MINUTE), Some(1));
        assert_eq!(buckets.at(13 * MINUTE), None);
        assert_eq!(buckets.at(35 * MINUTE), None);
    }

    #[test]
    fn no_ask_overflows() {
        for step in [i64::MIN, 0, 1, i64::from(u32::MAX), i64::MAX] {
            for (from, to) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, 0)] {
                drop(Buckets::of(&ask(step, from, to)));
            }
        }
    }
}
