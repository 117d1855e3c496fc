//! Is this more than chance? One bucket of one series in, a verdict out.
//!
//! ```text
//!            seen, event time                    surprise in nats
//! bucket ─► counts  (negative-binomial tail)  ─►  episode (hysteresis) ─► Verdict
//!        └► measure (exponential tail beyond      threshold: ln(one in N)
//!                    what was measured)
//! ```
//!
//! What always holds:
//! - **Pure.** Time is an argument, in seconds of the event; the same buckets give the same verdicts anywhere.
//! - **Event time.** A bucket is judged once, when the caller knows it to be complete (its watermark has passed).
//!   A backlog that is replayed falls into the buckets it belongs to, so it is no spike; what comes for a bucket
//!   already judged is [`State::Late`] and changes nothing.
//! - **Zeros are data, silence is not.** [`Judge::zeros_until`] fills buckets in which nothing was counted though
//!   somebody counted; a bucket nobody watched is [`Judge::no_data`], and neither dips, calms nor ends anything.
//! - **A promised rate.** A bucket is unusual when chance alone brings its like once in [`Settings::one_in`]
//!   buckets. Series of independent counts, Poisson or over-dispersed, of any mean, alarm at most that often:
//!   with the setting for fleets, at most 41 false alarms a week over 4,000 series judged every minute (10,080
//!   buckets each); the simulation in `tests/judge.rs` measures it (8 were found). A real series is not independent: what its
//!   past surprised with, beyond the model, is asked of the next surprise on top.
//! - **No flapping.** An episode starts once and ends after [`Settings::hold`] buckets without anything unusual.
//!
//! The expectation is the median of earlier days at this time (or of one and two weeks ago) where that foretold
//! the series better than its level did; else the level; and where there is no past, what the caller gives as
//! `prior` (the parent dimension's rate). Judging costs no allocation once a series has its season.

mod count;
mod episode;
mod kept;
mod measure;
mod past;
mod season;
mod tail;

use count::Counts;
use episode::Episode;
pub use kept::Kept;
use measure::Measure;

/// What to alarm on, and how seldom by chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Seconds of a bucket.
    pub step: u32,
    /// Which way is unusual.
    pub direction: Direction,
    /// Chance alone starts at most one episode in so many buckets of a series.
    pub one_in: f64,
    /// Fewer events than this, in the window that surprises, are no spike.
    pub minimum: f64,
    /// So many buckets without anything unusual end an episode.
    pub hold: u32,
}

/// Which way is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More than expected.
    Up,
    /// More or less than expected.
    Both,
}

impl Settings {
    /// For one series that a person looks at: by chance at most one false alarm in 2,000 buckets, which is a
    /// week of five minutes.
    #[must_use]
    pub fn one_series(step: u32) -> Self {
        Self {
            step,
            direction: Direction::Up,
            one_in: 2_000.0,
            minimum: 5.0,
            hold: 100,
        }
    }

    /// For thousands of series: by chance at most one false alarm in a million buckets, which for 4,000 series
    /// judged every minute is 41 a week over all of them.
    #[must_use]
    pub fn fleet(step: u32) -> Self {
        Self {
            one_in: 1_000_000.0,
            ..Self::one_series(step)
        }
    }

    /// How many nats of surprise are unusual.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.one_in.max(2.0).ln()
    }
}

/// What is known of the series after a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Too little past to say anything.
    Learning,
    /// Nothing unusual.
    Calm,
    /// An episode lasts.
    Firing,
    /// Nobody watched this bucket; an episode that lasted still does.
    NoData,
    /// The bucket was judged before; nothing changed.
    Late,
}

/// The judgement of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// What is known of the series now.
    pub state: State,
    /// What the bucket should have held; None before there is any past.
    pub expected: Option<f64>,
    /// How probable something as strange was, by chance: 1 where nothing is strange.
    pub probability: f64,
    /// 0 to 1, higher is stranger; from .5 the bucket is unusual.
    pub anomaly_score: f64,
    /// Whether an episode lasts.
    pub firing: bool,
    /// Whether the episode starts with this bucket: the one moment to alert.
    pub started: bool,
}

/// What a model says of one bucket: the surprise either way, in nats; None while it learns.
#[derive(Debug, Clone, Copy)]
struct Reading {
    expected: Option<f64>,
    surprise: Option<f64>,
}

/// One bucket with all that is known about it.
#[derive(Debug, Clone, Copy)]
struct Bucket<'a> {
    time: i64,
    seen: f64,
    prior: Option<f64>,
    /// How many buckets the present episode has lasted.
    episode: u32,
    settings: &'a Settings,
}

#[derive(Debug, Clone)]
enum Model {
    Counts(Box<Counts>),
    Measure(Box<Measure>),
}

/// One series: what it did and whether it is in an episode. Some 3 kB for counts, some 50 kB for values.
#[derive(Debug, Clone)]
pub struct Judge {
    model: Model,
    episode: Episode,
    last: Option<i64>,
}

impl Judge {
    /// For counts of events: whole, never negative, at least as scattered as chance.
    #[must_use]
    pub fn of_counts() -> Self {
        Self {
            model: Model::Counts(Box::new(Counts::new())),
            episode: Episode::default(),
            last: None,
        }
    }

    /// For any other figure: a share, a latency, a size.
    #[must_use]
    pub fn of_values(settings: &Settings) -> Self {
        let model = Model::Measure(Box::new(Measure::new(settings.step)));
        Self {
            model,
            episode: Episode::default(),
            last: None,
        }
    }

    /// Judges the complete bucket that began at `time` (seconds). `prior` is what a parent dimension lets expect
    /// while the series has little past of its own; only counts use it. Figures that are not finite are no data.
    ///
    /// ```
    /// use seismolog::alert::judge::{Judge, Settings};
    /// let settings = Settings::fleet(60);
    /// let mut judge = Judge::of_counts();
    /// for minute in 0..600 {
    ///     assert!(!judge.observe(&settings, minute * 60, f64::from([4, 6, 5, 3, 7][minute as usize % 5]), None).firing);
    /// }
    /// let spike = judge.observe(&settings, 600 * 60, 50.0, None);
    /// assert!(spike.started && spike.probability < 1e-6);
    /// ```
    pub fn observe(&mut self, settings: &Settings, time: i64, seen: f64, prior: Option<f64>) -> Verdict {
        if self.last.is_some_and(|last| time <= last) {
            return self.unchanged(State::Late);
        }
        if !seen.is_finite() {
            return self.no_data(time);
        }
        let missed = self.last.map_or(0, |last| {
            time.saturating_sub(last) / i64::from(settings.step.max(1)) - 1
        });
        self.last = Some(time);
        let bucket = Bucket {
            time,
            seen,
            prior,
            episode: self.episode.age(),
            settings,
        };
        let reading = match &mut self.model {
            Model::Counts(counts) => counts.judge(&bucket, missed),
            Model::Measure(measure) => measure.judge(&bucket, missed),
        };
        let surprise = reading.surprise.unwrap_or(0.0).max(0.0);
        let threshold = settings.threshold();
        let started = self.episode.step(surprise >= threshold, settings.hold);
        let firing = self.episode.firing();
        Verdict {
            state: match reading.surprise {
                _ if firing => State::Firing,
                Some(_) => State::Calm,
                None => State::Learning,
            },
            expected: reading.expected,
            probability: (-surprise).exp(),
            anomaly_score: if surprise.is_finite() {
                surprise / (surprise + threshold)
            } else {
                1.0
            },
            firing,
            started,
        }
    }

    /// Judges every bucket after the last one and before `until` as counted and empty. Call it when the watermark
    /// has passed them. Returns the first verdict that starts an episode (with both directions a silence can),
    /// else the last. More than two weeks of silence are no data.
    pub fn zeros_until(&mut self, settings: &Settings, until: i64, prior: Option<f64>) -> Option<Verdict> {
        let step = i64::from(settings.step.max(1));
        let mut time = self.last?.saturating_add(step);
        if until.saturating_sub(time) > LONGEST_SILENCE {
            return Some(self.no_data(until.saturating_sub(step)));
        }
        let mut told: Option<Verdict> = None;
        while time < until {
            let verdict = self.observe(settings, time, 0.0, prior);
            if !told.is_some_and(|earlier| earlier.started) {
                told = Some(verdict);
            }
            time = time.saturating_add(step);
        }
        told
    }

    /// The bucket that began at `time` was not watched: no dip, no calm, no end of an episode.
    pub fn no_data(&mut self, time: i64) -> Verdict {
        if self.last.is_some_and(|last| time <= last) {
            return self.unchanged(State::Late);
        }
        self.unchanged(State::NoData)
    }

    /// What [`Judge::observe`] would say of a bucket, without learning from it: for a bucket that still fills. Counts
    /// only grow, so that a spike seen early is one when the bucket is complete.
    #[must_use]
    pub fn foresee(&self, settings: &Settings, time: i64, seen: f64, prior: Option<f64>) -> Verdict {
        self.clone().observe(settings, time, seen, prior)
    }

    /// Whether an episode lasts.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.episode.firing()
    }

    /// The start of the last bucket judged.
    #[must_use]
    pub fn judged_until(&self) -> Option<i64> {
        self.last
    }

    fn unchanged(&self, state: State) -> Verdict {
        Verdict {
            state,
            expected: None,
            probability: 1.0,
            anomaly_score: 0.0,
            firing: self.episode.firing(),
            started: false,
        }
    }
}

/// Seconds of silence that are filled with zeros at most: two weeks, what a season remembers.
const LONGEST_SILENCE: i64 = 14 * 86_400;

/// 24 bits are enough to rank what was measured and to expect something.
#[expect(
    clippy::cast_possible_truncation,
    reason = "precision is given up on purpose, to halve the state"
)]
fn short(x: f64) -> f32 {
    x as f32
}
