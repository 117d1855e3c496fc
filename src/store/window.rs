//! Windows of whole minutes, and times as text: the same in every store.

use crate::event::EventTime;
use crate::store::{ReadError, TrendsAsk};

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
        let from = minute(from.max(0) / 60_000);
        let to = minute(to.max(0) / 60_000 + i64::from(to.max(0) % 60_000 > 0));
        Self { from, to: to.max(from) }
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
    EventTime::new(i64::from(minute) * 60_000_000_000, 0).rfc3339()
}

/// Most buckets of an answer.
pub(crate) const MOST_BUCKETS: u32 = 10_000;

/// Which buckets counts over time are put into.
#[derive(Debug, Clone, Copy)]
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
}
