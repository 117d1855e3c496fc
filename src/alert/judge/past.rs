//! The remembered past of one measured figure, and how far beyond it something lies.
//!
//! No distribution is assumed for the bulk. The tail beyond its outer part is taken as exponential, with the mean
//! excess measured there (peaks over threshold: Siffer, Fouque, Termier, Largouet, "Anomaly Detection in Streams
//! with Extreme Value Theory", KDD 2017, with the shape held at zero: a fitted shape was measured to do worse).
//! The mean excess is itself known from few independent values only, so that the predictive tail is used:
//! `P(excess > d) = (1 + d / (m mean))^-m` for `m` values, which is the exponential as `m` grows.

use std::collections::VecDeque;

/// Where the tail begins, as a share of the past: far enough out to be a tail, and enough values to measure it.
pub(super) const OUTER: f64 = 0.15;
/// An excess is at least this share of the way from the median to the edge of the tail: where the past had no
/// scatter (a constant, a square wave), the last digit of a float is no surprise.
const LEAST_SCATTER: f64 = 0.02;
/// And at least this share of the figure itself, for a past that was constant all along.
const LEAST_CHANGE: f64 = 0.001;

/// The last values, in order of arrival and in order of size.
#[derive(Debug, Clone)]
pub(super) struct Past {
    arrived: VecDeque<f32>,
    sorted: Vec<f32>,
    room: usize,
    /// How many independent values one remembered value is worth.
    worth: f64,
}

impl Past {
    /// Remembers `room` values, each worth `worth` independent ones (overlapping means are worth less than one).
    pub(super) fn new(room: usize, worth: f64) -> Self {
        Self {
            arrived: VecDeque::new(),
            sorted: Vec::new(),
            room: room.max(1),
            worth,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn push(&mut self, value: f32) {
        if self.arrived.len() >= self.room
            && let Some(oldest) = self.arrived.pop_front()
        {
            let at = self.sorted.partition_point(|kept| *kept < oldest);
            if at < self.sorted.len() {
                self.sorted.remove(at);
            }
        }
        self.arrived.push_back(value);
        let at = self.sorted.partition_point(|kept| *kept < value);
        self.sorted.insert(at, value);
    }

    pub(super) fn median(&self) -> f32 {
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// How surprising it is, in nats, to lie as far above as `value` does.
    pub(super) fn above(&self, value: f32) -> f64 {
        let outer = self.outer();
        let start = self.sorted.len().saturating_sub(outer);
        let tail = self.sorted.get(start..).unwrap_or_default();
        let edge = self.sorted.get(start.saturating_sub(1)).copied().unwrap_or(value);
        self.surprise(edge, value - edge, tail.iter().map(|kept| f64::from(kept - edge)).sum())
    }

    /// How surprising it is, in nats, to lie as far below as `value` does.
    pub(super) fn below(&self, value: f32) -> f64 {
        let outer = self.outer();
        let tail = self.sorted.get(..outer).unwrap_or_default();
        let edge = self.sorted.get(outer).copied().unwrap_or(value);
        self.surprise(edge, edge - value, tail.iter().map(|kept| f64::from(edge - kept)).sum())
    }

    fn surprise(&self, edge: f32, beyond: f32, excesses: f64) -> f64 {
        if beyond <= 0.0 {
            return 0.0;
        }
        let outer = self.outer() as f64;
        let spread = f64::from((edge - self.median()).abs());
        let least = (LEAST_SCATTER * spread).max(LEAST_CHANGE * f64::from(edge.abs()));
        let mean = (excesses / outer).max(least).max(f64::from(f32::MIN_POSITIVE));
        let independent = (outer * self.worth).max(1.0);
        -OUTER.ln() + independent * (f64::from(beyond) / (mean * independent)).ln_1p()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is a length"
    )]
    fn outer(&self) -> usize {
        let most = self.sorted.len().saturating_sub(1).max(1);
        ((self.sorted.len() as f64 * OUTER).ceil() as usize).clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(values: impl IntoIterator<Item = f32>) -> Past {
        let mut past = Past::new(1_000, 1.0);
        for value in values {
            past.push(value);
        }
        past
    }

    #[test]
    fn the_tail_of_an_exponential_past_is_found_again() {
        // Quantiles of the exponential distribution: P(X > 12) = e^-12.
        let past = past((0..1_000u16).map(|n| -(1.0 - (f32::from(n) + 0.5) / 1_000.0).ln()));
        let found = past.above(12.0);
        assert!((found - 12.0).abs() < 1.0, "{found}");
    }

    #[test]
    fn what_lies_inside_the_past_is_no_surprise() {
        let past = past((0..1_000u16).map(f32::from));
        assert_eq!(past.above(800.0), 0.0);
        assert_eq!(past.below(300.0), 0.0);
        assert!(past.above(990.0) < 5.0);
    }

    #[test]
    fn a_constant_past_is_not_surprised_by_the_last_digit() {
        let past = past(std::iter::repeat_n(20.0, 500));
        assert!(past.above(20.000_01) < 3.0);
        assert!(past.above(30.0) > 20.0);
        assert!(past.below(10.0) > 20.0);
    }

    #[test]
    fn the_oldest_value_is_forgotten_first() {
        let mut past = Past::new(3, 1.0);
        for value in [9.0, 1.0, 2.0, 3.0] {
            past.push(value);
        }
        assert_eq!(past.len(), 3);
        assert_eq!(past.median(), 2.0);
    }
}
