//! The series of a spike rule: minutes that were counted, judged one after the other.

use super::gaps::Gaps;
use super::life::Reading;
use super::minutes::Minutes;
use crate::alert::judge::{Direction, Judge, Settings, Verdict};
use serde::{Deserialize, Serialize};

/// Minutes of own past before which a series is judged by its parent.
const YOUNG: i64 = 60;
/// A series that brought nothing for so long is forgotten: its season has run out.
const FORGOTTEN: i64 = 14 * 1_440;
/// Series in which nothing happens are caught up with once in so many minutes, each at its own minute of them.
const CATCH_UP: i64 = 60;
/// A minute that still fills is judged where it holds so many times what was expected; less waits for its end.
const EARLY: f64 = 2.0;

/// One series.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Series {
    /// What was counted and is not judged yet.
    counts: Minutes,
    /// The first and the last minute with events.
    first: i64,
    last: i64,
    expected: Option<f64>,
    /// What its parent let expect when it was looked at first; that may be nothing.
    prior: Option<Option<f64>>,
    /// The minute that was judged before it was over, with what it held then, and whether it was a spike already.
    early: (i64, u64, bool),
    /// Its past; none before anything was judged.
    #[serde(skip)]
    pub(super) judge: Option<Box<Judge>>,
    /// Whether the judge learned since it was written last.
    #[serde(skip)]
    pub(super) learned: bool,
    /// The weeks behind it as they were written last.
    #[serde(skip)]
    pub(super) weeks_written: Option<i64>,
}

/// What all series of a rule bring: what a young one is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Parent {
    sum: f64,
    squares: f64,
    minutes: f64,
    /// What was found when the minute began: the order of series within a minute decides nothing.
    rate: Option<f64>,
}

impl Parent {
    /// Minutes it remembers: three days.
    const MEMORY: f64 = 4_320.0;

    /// So many minutes have passed.
    pub(super) fn pass(&mut self, minutes: i64) {
        #[expect(clippy::cast_precision_loss, reason = "minutes of a history stay below 2^53")]
        let minutes = minutes as f64;
        let keep = (-minutes / Self::MEMORY).exp();
        self.sum *= keep;
        self.squares *= keep;
        self.minutes += minutes;
        // What the minute of a typical event holds: a new series must be louder than where most events come from, so
        // that a busy one is no spike in its first minute.
        let known = self.minutes >= YOUNG as f64 && self.sum > 0.0;
        self.rate = known.then(|| self.squares / self.sum);
    }

    fn add(&mut self, count: f64) {
        self.sum += count;
        self.squares += count * count;
    }
}

impl Series {
    /// Takes events of a minute; false where it was judged already.
    pub(super) fn add(&mut self, minute: i64, count: u64) -> bool {
        if self.judged().is_some_and(|judged| minute <= judged) {
            return false;
        }
        if self.first == 0 {
            self.first = minute;
        }
        self.last = self.last.max(minute);
        self.counts.add(minute, count);
        true
    }

    /// The last minute judged.
    fn judged(&self) -> Option<i64> {
        let until = self.judge.as_ref().and_then(|judge| judge.judged_until());
        until.map(|seconds| seconds.div_euclid(60))
    }

    /// Judges what is over before `minute`, and `minute` itself as far as it has come.
    pub(super) fn look(&mut self, minute: i64, settings: &Settings, gaps: &Gaps, parent: &mut Parent) -> Reading {
        let from = self
            .judged()
            .map_or(self.counts.first().unwrap_or(minute), |judged| judged + 1);
        let from = from.max(minute.saturating_sub(FORGOTTEN));
        let mut reading = Reading::default();
        let assumed = *self.prior.get_or_insert(parent.rate);
        let judge = self.judge.get_or_insert_with(|| Box::new(Judge::of_counts()));
        let prior = |minute: i64| assumed.filter(|_| minute.saturating_sub(self.first) < YOUNG);
        let mut counted = 0.0;
        let mut whole = Vec::new();
        for over in from..minute {
            let count = exact(self.counts.at(over));
            if count == 0.0 && gaps.holds(over) {
                continue;
            }
            let verdict = judge.observe(settings, over.saturating_mul(60), count, prior(over));
            self.learned = true;
            self.expected = verdict.expected;
            reading = read(count, &verdict);
            if count > 0.0 {
                whole.push(count);
            }
            counted = count;
        }
        if from >= minute {
            // Judged before within this minute: what was found then still holds.
            reading.holds = judge.is_firing();
            reading.value = counted;
        }
        self.counts.forget_before(minute);
        if !reading.holds {
            let now = self.counts.at(minute);
            let (at, held, spiked) = if self.early.0 == minute {
                self.early
            } else {
                (minute, 0, false)
            };
            let count = exact(now);
            let worth = now > held.saturating_add(held / 2)
                && count >= settings.minimum
                && self.expected.is_none_or(|expected| count > EARLY * expected);
            if spiked {
                reading.holds = true;
            } else if worth {
                let verdict = judge.foresee(settings, minute.saturating_mul(60), count, prior(minute));
                if verdict.started && verdict.expected.is_some_and(|expected| count > expected) {
                    reading = read(count, &verdict);
                }
                self.early = (at, now, reading.holds);
            }
        }
        whole.into_iter().for_each(|count| parent.add(count));
        reading
    }

    /// When it is to be looked at again; never where it is forgotten. `turn` spreads series over the minutes.
    pub(super) fn next(&self, minute: i64, settings: &Settings, turn: i64) -> Option<i64> {
        if minute.saturating_sub(self.last) > FORGOTTEN {
            return None;
        }
        let waits = settings.direction == Direction::Both || !self.counts.is_empty();
        let to_turn = CATCH_UP - minute.saturating_add(turn).rem_euclid(CATCH_UP);
        Some(minute + if waits { 1 } else { to_turn })
    }
}

fn read(count: f64, verdict: &Verdict) -> Reading {
    Reading {
        holds: verdict.firing,
        value: count,
        expected: verdict.expected,
        probability: Some(verdict.probability),
        grows: false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a minute stay below 2^53")]
pub(super) fn exact(count: u64) -> f64 {
    count as f64
}
