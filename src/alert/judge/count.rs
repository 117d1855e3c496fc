//! Counts: errors a minute, requests, messages.
//!
//! Three windows (one bucket, five, twenty) hold what was counted and what was expected. Each knows its own
//! dispersion, measured on its own past: bursts that last make long windows more scattered than short ones. The
//! surprise is the tail of the negative-binomial distribution (of the Poisson where nothing speaks against it),
//! with the uncertainty of the level in it, so that a young series is hard to surprise. It is then calibrated by
//! how often and how far the same window was surprised before.

use super::season::Season;
use super::{Bucket, Direction, Reading, short, tail};
use serde::{Deserialize, Serialize};

/// Windows in buckets: a tenfold step shows in one bucket of a busy series and in five of a quiet one; twenty
/// find what grows slowly. With each, how much of its surprise counts: single buckets of real series hold
/// batches, retries and bots, and their bursts are half as telling as what lasts (measured).
const WINDOWS: [(usize, f64); 3] = [(1, 0.5), (5, 1.0), (20, 1.0)];
const LONGEST: usize = 20;
/// Buckets the level and the dispersions remember: two weeks of five minutes, three days of minutes.
const MEMORY: f64 = 4_032.0;
/// Buckets before anything is judged, where there is no prior.
const LEARNING: f64 = 60.0;
/// A prior counts as so many buckets of own past.
const PRIOR_WEIGHT: f64 = 60.0;
/// Before anything was counted half an event is assumed (Jeffreys' prior of a rate): "never yet" is not "never".
const HALF_AN_EVENT: f64 = 0.5;
/// What is learned of one bucket ends so many standard deviations above the expectation, and this many events:
/// an incident does not become the norm at once.
const CLIP: f64 = 5.0;
const CLIP_EVENTS: f64 = 3.0;
/// A dispersion is believed where it exceeds so many standard errors.
const BELIEVED: f64 = 2.0;
/// A dispersion known less well than this is taken to be as large as it may be.
const KNOWN_WELL: f64 = 0.2;
/// Where the tail of the surprises begins: under a right model one in ten is beyond `ln 10` nats.
const EDGE: f64 = std::f64::consts::LN_10;
const BEYOND_EDGE: f64 = 0.1;
/// One surprise teaches at most so many nats about the tail: an incident does not deafen for weeks.
const TEACHES: f64 = 20.0;
/// Sparse counts are taken together with their neighbours until so many events are expected; at most
/// [`WIDEST`] slots on either side, and where that is not enough there is no season.
const ENOUGH_EVENTS: f64 = 20.0;
const WIDEST: u16 = 4;
/// A season's expectation rests on two days at least.
const LEAST_DAYS: f64 = 2.0;
const SECONDS_OF_SLOT: f64 = 1_800.0;
/// A level that differs for so many buckets is the new level, and learned within as many.
const SETTLED: u32 = 300;

/// The state of one series of counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Counts {
    /// What was counted and what was expected, bucket by bucket.
    recent: [(f32, f32); LONGEST],
    next: usize,
    filled: usize,
    /// Events a bucket, and the number of buckets it rests on.
    level: f64,
    weight: f64,
    windows: [Window; WINDOWS.len()],
    /// None until the series has events enough to show a rhythm.
    pub(super) season: Option<Box<Season>>,
}

/// What one window knows of its past.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Window {
    /// Decayed sums: `(count - expected)² - expected`, `expected²`, and the variance the first has by chance.
    beyond_poisson: f32,
    squares: f32,
    chance: f32,
    /// Share of the buckets surprised beyond the edge, and their mean excess: .1 and 1 under a right model.
    share: f32,
    excess: f32,
}

/// What is expected of a bucket, and the relative variance of that expectation.
#[derive(Debug, Clone, Copy)]
struct Expectation {
    rate: f64,
    unsure: f64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            recent: [(0.0, 0.0); LONGEST],
            next: 0,
            filled: 0,
            level: 0.0,
            weight: 0.0,
            windows: [Window {
                beyond_poisson: 0.0,
                squares: 0.0,
                chance: 0.0,
                share: 0.1,
                excess: 1.0,
            }; WINDOWS.len()],
            season: None,
        }
    }

    /// Whether it can be gone on with: what was read from a store may be anything.
    pub(super) fn is_sound(&self) -> bool {
        let season = self.season.as_deref().is_none_or(Season::is_sound);
        self.next < LONGEST && self.filled <= LONGEST && season
    }

    /// Judges a bucket, `missed` buckets after the one before it.
    pub(super) fn judge(&mut self, bucket: &Bucket<'_>, missed: i64) -> Reading {
        if missed > LONGEST as i64 {
            self.filled = 0;
        }
        let count = bucket.seen.max(0.0);
        let (assumed, assumed_buckets) = bucket
            .prior
            .filter(|rate| rate.is_finite() && *rate >= 0.0)
            .map_or((HALF_AN_EVENT, 0.0), |rate| {
                (rate * PRIOR_WEIGHT + HALF_AN_EVENT, PRIOR_WEIGHT)
            });
        let exposure = self.weight + assumed_buckets;
        let events = self.level * self.weight + assumed;
        let flat = Expectation {
            rate: if exposure > 0.0 { events / exposure } else { count },
            unsure: 1.0 / events,
        };
        let expectation = self.seasonal(bucket, count, flat.rate).unwrap_or(flat);
        self.remember(count, expectation.rate);

        let known = exposure >= LEARNING;
        let surprise = self.surprise(bucket, expectation, known);
        self.learn(bucket, count, expectation.rate, known);
        Reading {
            expected: (exposure > 0.0).then_some(expectation.rate),
            surprise: known.then_some(surprise),
        }
    }

    /// What the season expects, where it has something to say; and tells it of this bucket.
    fn seasonal(&mut self, bucket: &Bucket<'_>, count: f64, flat: f64) -> Option<Expectation> {
        let slot = (SECONDS_OF_SLOT / f64::from(bucket.settings.step.max(1))).max(1.0);
        let width = (0..=WIDEST).find(|width| flat * slot * f64::from(2 * width + 1) >= ENOUGH_EVENTS);
        if self.season.is_none() && width.is_some() {
            self.season = Season::new(bucket.settings.step).map(Box::new);
        }
        let width = width.unwrap_or(WIDEST);
        let season = self.season.as_deref_mut()?;
        season.enter(bucket.time, flat, width);
        let expected = season.expected();
        season.add(count);
        let buckets = slot * f64::from(2 * width + 1) * LEAST_DAYS;
        let events = expected? * buckets + HALF_AN_EVENT;
        Some(Expectation {
            rate: events / buckets,
            unsure: 1.0 / events,
        })
    }

    fn remember(&mut self, count: f64, expected: f64) {
        if let Some(kept) = self.recent.get_mut(self.next) {
            *kept = (short(count), short(expected));
        }
        self.next = (self.next + 1) % LONGEST;
        self.filled = (self.filled + 1).min(LONGEST);
    }

    /// The largest surprise of the windows; each learns from its own.
    fn surprise(&mut self, bucket: &Bucket<'_>, expectation: Expectation, known: bool) -> f64 {
        let both = bucket.settings.direction == Direction::Both;
        // Short and long windows are two chances to be wrong (the middle one is hardly another), and both
        // directions are two each.
        let chances = if both { 4f64.ln() } else { 2f64.ln() };
        let keep = 1.0 - 1.0 / self.weight.clamp(1.0, MEMORY);
        let (mut most, mut counted, mut foretold, mut reached) = (0.0f64, 0.0, 0.0, 0);
        for (window, (buckets, telling)) in self.windows.iter_mut().zip(WINDOWS) {
            if buckets > self.filled {
                break;
            }
            for back in reached + 1..=buckets {
                let (count, expected) = self
                    .recent
                    .get((self.next + LONGEST - back) % LONGEST)
                    .copied()
                    .unwrap_or_default();
                counted += f64::from(count);
                foretold += f64::from(expected);
            }
            reached = buckets;
            let dispersion = window.dispersion();
            let more = counted > foretold;
            if known {
                let raw = if more {
                    tail::at_least(counted, foretold, dispersion + expectation.unsure)
                } else {
                    tail::at_most(counted, foretold, dispersion + expectation.unsure)
                };
                if if more { counted >= bucket.settings.minimum } else { both } {
                    most = most.max(window.calibrated(raw) * telling - chances);
                }
                window.learn_tail(raw);
            }
            let deviation = (foretold + dispersion * foretold * foretold).sqrt();
            window.learn_scatter((counted - foretold).min(CLIP * deviation + CLIP_EVENTS), foretold, keep);
        }
        most
    }

    fn learn(&mut self, bucket: &Bucket<'_>, count: f64, expected: f64, known: bool) {
        let most = if bucket.episode > SETTLED {
            f64::from(SETTLED)
        } else {
            MEMORY
        };
        self.weight = (self.weight + 1.0).min(most);
        let [single, ..] = &self.windows;
        let deviation = (expected + single.dispersion() * expected * expected).sqrt();
        let taught = if known {
            count.min(expected + CLIP * deviation + CLIP_EVENTS)
        } else {
            count
        };
        self.level += (taught - self.level) / self.weight;
    }
}

impl Window {
    /// `(variance - mean) / mean²` by moments; on the safe side while little is known.
    fn dispersion(&self) -> f64 {
        let squares = f64::from(self.squares);
        if squares <= 0.0 {
            return 1.0;
        }
        let found = f64::from(self.beyond_poisson) / squares;
        let error = f64::from(self.chance).sqrt() / squares;
        let believed = if found > BELIEVED * error { found } else { 0.0 };
        believed.max(error - KNOWN_WELL).max(0.0)
    }

    fn learn_scatter(&mut self, off: f64, foretold: f64, keep: f64) {
        let decayed = |sum: f32, more: f64| short(f64::from(sum) * keep + more);
        self.beyond_poisson = decayed(self.beyond_poisson, off * off - foretold);
        self.squares = decayed(self.squares, foretold * foretold);
        self.chance = decayed(self.chance, 2.0 * foretold * foretold + foretold);
    }

    /// The surprise, at most as rare as its like was in this window's past.
    fn calibrated(&self, raw: f64) -> f64 {
        if raw <= EDGE {
            return raw;
        }
        let share = f64::from(self.share).clamp(BEYOND_EDGE, 1.0);
        -share.ln() + (raw - EDGE) / f64::from(self.excess).max(1.0)
    }

    fn learn_tail(&mut self, raw: f64) {
        let beyond = raw > EDGE;
        let share = f64::from(self.share);
        self.share = short(share + (f64::from(u8::from(beyond)) - share) / MEMORY);
        if beyond {
            // A tenth of the buckets teach the excess, so that each teaches ten times as much.
            let excess = f64::from(self.excess);
            self.excess = short(excess + ((raw - EDGE).min(TEACHES) - excess) / (MEMORY * BEYOND_EDGE));
        }
    }
}
