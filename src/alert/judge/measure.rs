//! Values that are no counts: CPU shares, temperatures, latencies, sizes.
//!
//! Means over a short and a longer window are compared with the same means of the last [`MEMORY`] buckets; the
//! longer one also after taking off what earlier days had at this time. Single buckets are not judged alone: single
//! values of real series are so heavy-tailed that whatever catches them catches noise first (measured), and what
//! matters in one bucket moves the mean of six.

use super::past::Past;
use super::season::Season;
use super::{Bucket, Direction, Reading, short};

/// Buckets of the past a value is compared with: two weeks of five minutes.
const MEMORY: usize = 4_032;
/// Buckets before anything is judged: the tail of the short mean needs a few independent values.
const LEARNING: u32 = 200;
/// The windows in buckets. Half as long or twice as long does about as well.
const SHORT: usize = 6;
const LONG: usize = 24;
/// A mean is remembered this often within its window: overlapping means say little new.
const PER_WINDOW: usize = 3;
/// Residuals from the season before they are judged.
const SEASONAL: usize = 32;
/// A remembered mean is worth this many independent ones: two for each window's length.
const WORTH: f64 = 2.0 / PER_WINDOW as f64;

/// The state of one series of values.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    /// The last values, and what they were beyond the season (NaN where there was none).
    recent: [(f64, f64); LONG],
    next: usize,
    filled: usize,
    seen: u32,
    soon: Past,
    slow: Past,
    beyond_season: Past,
    season: Option<Season>,
}

impl Measure {
    pub(super) fn new(step: u32) -> Self {
        let room = |window: usize| MEMORY * PER_WINDOW / window;
        Self {
            recent: [(0.0, f64::NAN); LONG],
            next: 0,
            filled: 0,
            seen: 0,
            soon: Past::new(room(SHORT), WORTH),
            slow: Past::new(room(LONG), WORTH),
            beyond_season: Past::new(room(LONG), WORTH),
            season: Season::new(step),
        }
    }

    /// Judges a bucket, `missed` buckets after the one before it.
    pub(super) fn judge(&mut self, bucket: &Bucket<'_>, missed: i64) -> Reading {
        if missed > LONG as i64 {
            // What lies before a long gap is not averaged with what lies after it.
            self.filled = 0;
        }
        let level = f64::from(self.slow.median());
        let mut seasonal = None;
        let mut paying = None;
        if let Some(season) = &mut self.season {
            season.enter(bucket.time, level, 0);
            seasonal = season.same_time_of_day();
            paying = season.expected();
            season.add(bucket.seen);
        }
        self.remember(
            bucket.seen,
            seasonal.map_or(f64::NAN, |expected| bucket.seen - expected),
        );
        let soon = self.mean(SHORT, |(value, _)| *value);
        let slow = self.mean(LONG, |(value, _)| *value);
        let beyond = self.mean(LONG, |(_, residual)| *residual);
        let both = bucket.settings.direction == Direction::Both;
        let surprise = |past: &Past, mean: Option<f32>| {
            mean.map_or(0.0, |mean| {
                past.above(mean).max(if both { past.below(mean) } else { 0.0 })
            })
        };
        let mut most = None;
        if self.seen >= LEARNING {
            let mut found = surprise(&self.soon, soon).max(surprise(&self.slow, slow));
            if self.beyond_season.len() >= SEASONAL {
                found = found.max(surprise(&self.beyond_season, beyond));
            }
            most = Some(found);
        }
        let each = |window: usize| u32::try_from(window / PER_WINDOW).unwrap_or(1).max(1);
        for (past, mean, window) in [
            (&mut self.soon, soon, SHORT),
            (&mut self.slow, slow, LONG),
            (&mut self.beyond_season, beyond, LONG),
        ] {
            if let Some(mean) = mean.filter(|_| self.seen.is_multiple_of(each(window))) {
                past.push(mean);
            }
        }
        self.seen = self.seen.saturating_add(1);
        let expected = if self.seen > 1 {
            Some(paying.unwrap_or(level))
        } else {
            None
        };
        Reading {
            expected,
            surprise: most,
        }
    }

    fn remember(&mut self, value: f64, residual: f64) {
        if let Some(kept) = self.recent.get_mut(self.next) {
            *kept = (value, residual);
        }
        self.next = (self.next + 1) % LONG;
        self.filled = (self.filled + 1).min(LONG);
    }

    /// The mean of the last `window` values; None before there are so many, or where one has no season.
    fn mean(&self, window: usize, part: impl Fn(&(f64, f64)) -> f64) -> Option<f32> {
        if self.filled < window {
            return None;
        }
        let last = (1..=window).filter_map(|back| self.recent.get((self.next + LONG - back) % LONG));
        let mean = short(last.map(part).sum::<f64>() / window as f64);
        mean.is_finite().then_some(mean)
    }
}
