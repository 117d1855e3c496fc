//! Windows of whole minutes, and times as text: the same in every store.

use crate::event::EventTime;
use crate::store::{ReadError, Series, Trends, TrendsAsk};

/// Milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// Whole minutes: the first, and the one after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Window {
    /// The minutes touched by `from..to` in milliseconds: counts are kept by minute, so windows are whole minutes.
    pub(crate) fn of_millis(from: i64, to: i64) -> Self {
        let minute = |millis: i64| u32::try_from(millis.max(0)).unwrap_or(u32::MAX);
        let from = minute(from.max(0) / MINUTE);
        let to = minute(to.max(0) / MINUTE + i64::from(to.max(0) % MINUTE > 0));
        Self { from, to: to.max(from) }
    }

    /// Milliseconds at which it begins.
    pub(crate) fn begin_millis(self) -> i64 {
        i64::from(self.from) * MINUTE
    }

    /// Milliseconds at which it has ended.
    pub(crate) fn end_millis(self) -> i64 {
        i64::from(self.to) * MINUTE
    }

    /// Nanoseconds at which it begins.
    pub(crate) fn begin_nanos(self) -> u64 {
        u64::from(self.from).saturating_mul(60_000_000_000)
    }

    /// Nanoseconds at which it has ended.
    pub(crate) fn end_nanos(self) -> u64 {
        u64::from(self.to).saturating_mul(60_000_000_000)
    }
}

/// A time in nanoseconds as text, with as many digits as it needs (milliseconds at least).
pub(crate) fn time_text(nanos: u64) -> String {
    let digits = if nanos.is_multiple_of(1_000_000) {
        3
    } else if nanos.is_multiple_of(1_000) {
        6
    } else {
        9
    };
    EventTime::new(i64::try_from(nanos).unwrap_or(i64::MAX), digits).rfc3339()
}

/// The start of a minute as text.
pub(crate) fn minute_text(minute: u32) -> String {
    start_text(i64::from(minute))
}

/// As [`minute_text`]; what lies beyond the times there are is the last of them.
fn start_text(minute: i64) -> String {
    EventTime::new(minute.saturating_mul(60_000_000_000), 0).rfc3339()
}

/// Most buckets of an answer.
pub(crate) const MOST_BUCKETS: u32 = 10_000;

/// Which buckets counts over time are put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) window: Window,
    pub(crate) step: u32,
    pub(crate) count: usize,
}

impl Buckets {
    /// The buckets of a question.
    pub(crate) fn of(ask: &TrendsAsk) -> Result<Self, ReadError> {
        let step = u32::try_from(ask.step_minutes)
            .ok()
            .filter(|step| *step > 0)
            .ok_or_else(|| {
                ReadError::BadRequest(format!("step is {} minutes; at least 1 is wanted", ask.step_minutes))
            })?;
        let asked = Window::of_millis(ask.from, ask.to);
        let window = Window {
            from: asked.from / step * step,
            to: asked.to,
        };
        let count = window.to.saturating_sub(window.from).div_ceil(step);
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

    /// The bucket of a minute.
    pub(crate) fn at(self, slot: u32) -> usize {
        usize::try_from(slot.saturating_sub(self.window.from) / self.step).unwrap_or(usize::MAX)
    }

    /// The bucket that holds these milliseconds, if one does.
    pub(crate) fn at_millis(self, millis: i64) -> Option<usize> {
        let minutes = millis.div_euclid(MINUTE).checked_sub(i64::from(self.window.from))?;
        usize::try_from(minutes.div_euclid(i64::from(self.step)))
            .ok()
            .filter(|at| *at < self.count)
    }

    /// Minutes at which the buckets begin, and the one at which the last has ended.
    fn edges(self) -> impl Iterator<Item = i64> {
        (0_i64..=i64::try_from(self.count).unwrap_or(0))
            .map(move |at| i64::from(self.window.from) + at * i64::from(self.step))
    }

    /// The answer to a question about counts over time.
    pub(crate) fn answer(self, by: &str, series: Vec<Series>, other: Vec<u64>, total: Vec<u64>) -> Trends {
        Trends {
            by: by.to_owned(),
            from: minute_text(self.window.from),
            to: self.edges().last().map(start_text).unwrap_or_default(),
            step_seconds: i64::from(self.step) * 60,
            times: self.edges().take(self.count).map(|minute| minute * 60).collect(),
            series,
            other,
            total,
        }
    }
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
        let answer = buckets.answer("job", Vec::new(), Vec::new(), Vec::new());
        assert_eq!(answer.times, [14 * 60, 21 * 60, 28 * 60]);
        assert_eq!(
            (answer.from, answer.to),
            ("1970-01-01T00:14:00Z".into(), "1970-01-01T00:35:00Z".into())
        );
        assert_eq!(buckets.at_millis(21 * MINUTE), Some(1));
        assert_eq!(buckets.at_millis(13 * MINUTE), None);
        assert_eq!(buckets.at_millis(35 * MINUTE), None);
    }

    #[test]
    fn no_ask_overflows() {
        for step in [i64::MIN, 0, 1, 3_000_000_000, i64::from(u32::MAX), i64::MAX] {
            for (from, to) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MAX, i64::MAX), (0, 0)] {
                if let Ok(buckets) = Buckets::of(&ask(step, from, to)) {
                    let answer = buckets.answer("job", Vec::new(), Vec::new(), Vec::new());
                    assert_eq!(answer.times.len(), buckets.count);
                }
            }
        }
    }
}
