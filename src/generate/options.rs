//! What to generate.

use super::layouts::LayoutKind;
use std::fmt;
use std::str::FromStr;

/// The kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Many errors over many jobs: jobs and families by Zipf's law.
    Steady,
    /// 95 of 100 records come from 50 (job, family) pairs.
    Storm,
    /// Every record is an error nobody has seen.
    Novel,
    /// Failures with their root and followers over many lines and jobs.
    Cascade,
    /// Two days of a fleet: jobs that are well most of the time, by the clock, and incidents; several layouts and
    /// engines.
    Fleet,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Scenario; 5] = [
        Scenario::Steady,
        Scenario::Storm,
        Scenario::Novel,
        Scenario::Cascade,
        Scenario::Fleet,
    ];

    /// The name on the command line and in the truth file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scenario::Steady => "steady",
            Scenario::Storm => "storm",
            Scenario::Novel => "novel",
            Scenario::Cascade => "cascade",
            Scenario::Fleet => "fleet",
        }
    }
}

/// Which layouts records are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutChoice {
    /// Each job in its own: 65 of 100 records ecs, 35 jsonlayout; in `fleet` also recipe, logback and logstash.
    Mix,
    /// All Flink records in one.
    One(LayoutKind),
}

/// A name that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not known; one of {known}")]
pub struct UnknownChoice {
    given: String,
    known: String,
}

fn unknown<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> UnknownChoice {
    UnknownChoice {
        given: given.chars().take(64).collect(),
        known: known.collect::<Vec<_>>().join(", "),
    }
}

impl FromStr for Scenario {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Scenario::ALL.into_iter().find(|s| s.as_str() == text);
        found.ok_or_else(|| unknown(text, Scenario::ALL.iter().map(|s| s.as_str())))
    }
}

impl FromStr for LayoutChoice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "mix" {
            return Ok(LayoutChoice::Mix);
        }
        let found = LayoutKind::ALL.into_iter().find(|l| l.as_str() == text);
        let names = LayoutKind::ALL.iter().map(|l| l.as_str());
        found
            .map(LayoutChoice::One)
            .ok_or_else(|| unknown(text, std::iter::once("mix").chain(names)))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for LayoutChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayoutChoice::Mix => "mix",
            LayoutChoice::One(layout) => layout.as_str(),
        })
    }
}

/// What to generate. The same options give the same bytes on every machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The kind of load.
    pub scenario: Scenario,
    /// Records per second of event time, at least 1. `fleet` does without: it lasts its hours whatever the
    /// count.
    pub rate: u64,
    /// Records.
    pub count: u64,
    /// Jobs, at least 1 and at most [`Options::MOST_JOBS`].
    pub jobs: usize,
    /// Seed.
    pub seed: u64,
    /// Event time of the first record, milliseconds since the epoch.
    pub start_millis: i64,
    /// How long `fleet` lasts, at most [`Options::MOST_HOURS`].
    pub hours: u32,
    /// Layouts.
    pub layout: LayoutChoice,
    /// Whether counts per (job, family, minute) are kept for the truth file.
    pub minutes: bool,
}

impl Options {
    /// How many jobs can be asked for.
    pub const MOST_JOBS: usize = 100_000;

    /// How long a fleet can last: a year.
    pub const MOST_HOURS: u32 = 8_784;

    /// `count` records of a scenario with everything else at its default: 4000 jobs, 1000 records a second (cascade:
    /// 20), seed 1, from 2026-11-21T00:00:00Z, a fleet for 48 hours.
    #[must_use]
    pub fn of(scenario: Scenario, count: u64) -> Self {
        Self {
            scenario,
            rate: Self::default_rate(scenario),
            count,
            jobs: 4000,
            seed: 1,
            start_millis: 1_795_219_200_000,
            hours: 48,
            layout: LayoutChoice::Mix,
            minutes: false,
        }
    }

    /// Records per second where none are asked for.
    #[must_use]
    pub fn default_rate(scenario: Scenario) -> u64 {
        match scenario {
            Scenario::Steady | Scenario::Storm | Scenario::Novel => 1000,
            Scenario::Cascade => 20,
            Scenario::Fleet => 3,
        }
    }

    /// How much event time the load covers, in milliseconds.
    #[must_use]
    pub fn span_millis(&self) -> i64 {
        match self.scenario {
            Scenario::Fleet => i64::from(self.hours) * 3_600_000,
            Scenario::Steady | Scenario::Storm | Scenario::Novel | Scenario::Cascade => {
                let millis = u128::from(self.count) * 1000 / u128::from(self.rate.max(1));
                i64::try_from(millis).unwrap_or(i64::MAX)
            }
        }
    }
}
