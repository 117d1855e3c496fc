//! Some days of a fleet: what healthy jobs log, by the clock, and incidents between; several layouts and engines.

use super::background::Background;
use super::calendar::{self, Calendar, Span};
use super::incidents::Incident;
use super::library::Engine;
use super::options::Options;
use super::plan::{Planned, World};
use super::random::Random;

const MINUTE_NANOS: i64 = 60_000_000_000;
/// Records of a clump come so many milliseconds apart at most.
const CLUMP_GAP: u64 = 1_500;

/// Share of the busiest hour, in percent, hour by hour: night batch low, office hours and the evening high.
const HOURS: [u64; 24] = [
    30, 25, 22, 20, 20, 24, 35, 55, 80, 95, 100, 98, 90, 92, 96, 95, 90, 85, 88, 92, 85, 70, 55, 40,
];

/// The plan of `fleet`.
#[derive(Debug)]
pub(crate) struct Fleet {
    start_nanos: i64,
    incidents: Vec<Incident>,
    /// Lines of incidents, latest first.
    lines: Vec<Planned>,
    background: Background,
    /// How many background records each minute has.
    base: Vec<u64>,
    minute: usize,
    /// Records of the minute at hand, latest first.
    ready: Vec<Planned>,
}

/// The engine of a job of the fleet: three in twenty-five are none of Flink's.
pub(crate) fn engine(number: usize) -> Engine {
    match number % 25 {
        3 => Engine::Spark,
        11 => Engine::Python,
        19 => Engine::Node,
        _ => Engine::Flink,
    }
}

impl Fleet {
    pub(crate) fn new(world: &World, random: &mut Random, options: &Options) -> Self {
        let start_nanos = options.start_millis.saturating_mul(1_000_000);
        let background = Background::new(world);
        let span = Span {
            start_nanos,
            minutes: i64::from(options.hours) * 60,
            room: usize::try_from(options.count / 3).unwrap_or(usize::MAX),
            records: options.count,
        };
        let Calendar {
            incidents, mut lines, ..
        } = calendar::plan(world, &background, random, &span);
        lines.sort_by_key(|line| std::cmp::Reverse(line.nanos));
        let left = options
            .count
            .saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        let begins = u64::try_from(options.start_millis.div_euclid(60_000)).unwrap_or(0);
        Self {
            start_nanos,
            incidents,
            lines,
            background,
            base: spread(left, begins, u64::from(options.hours) * 60),
            minute: 0,
            ready: Vec::new(),
        }
    }

    pub(crate) fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    pub(crate) fn next(&mut self, world: &World, random: &mut Random) -> Option<Planned> {
        while self.ready.is_empty() {
            let base = self.base.get(self.minute).copied();
            if base.is_none() && self.lines.is_empty() {
                return None;
            }
            let begin = self.start_nanos + i64::try_from(self.minute).unwrap_or(0) * MINUTE_NANOS;
            self.log_background(world, random, begin, base.unwrap_or(0));
            while self.lines.last().is_some_and(|line| line.nanos < begin + MINUTE_NANOS) {
                self.ready.extend(self.lines.pop());
            }
            self.ready.sort_by(|a, b| b.cmp(a));
            self.minute += 1;
        }
        self.ready.pop()
    }

    /// So many background records of the minute that begins at `begin`.
    fn log_background(&mut self, world: &World, random: &mut Random, begin: i64, mut left: u64) {
        let last = begin + MINUTE_NANOS - 1_000_000;
        while left > 0 {
            let Some(clump) = self.background.draw(world, random, begin) else {
                continue;
            };
            let mut nanos = begin + i64::try_from(random.below(60_000)).unwrap_or(0) * 1_000_000;
            for _ in 0..clump.records.min(left) {
                self.ready.push(Planned {
                    nanos: nanos.min(last),
                    job: clump.job,
                    family: clump.family,
                    peer: None,
                    dependency: None,
                    incident: None,
                });
                nanos += i64::try_from(random.below(CLUMP_GAP)).unwrap_or(0) * 1_000_000;
            }
            left = left.saturating_sub(clump.records);
        }
    }
}

/// `total` records over so many minutes from `begins` (minutes since the epoch), by the clock. Sums to `total`
/// exactly: what rounding takes from one minute the next one gets.
fn spread(total: u64, begins: u64, minutes: u64) -> Vec<u64> {
    let weight = |minute: u64| {
        let minute = (begins + minute) % 1_440;
        let at = |hour: u64| {
            usize::try_from(hour % 24)
                .ok()
                .and_then(|h| HOURS.get(h))
                .copied()
                .unwrap_or(0)
        };
        at(minute / 60) * (60 - minute % 60) + at(minute / 60 + 1) * (minute % 60)
    };
    let all: u64 = (0..minutes).map(weight).sum();
    let mut before = 0_u64;
    let mut given = 0_u64;
    (0..minutes)
        .map(|minute| {
            before += weight(minute);
            let until = u64::try_from(u128::from(total) * u128::from(before) / u128::from(all.max(1))).unwrap_or(0);
            let here = until - given;
            given = until;
            here
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_hold_exactly_what_was_asked_for() {
        for total in [0, 1, 999, 123_457] {
            assert_eq!(spread(total, 0, 2_880).iter().sum::<u64>(), total);
        }
    }

    #[test]
    fn the_morning_is_busier_than_the_night_whenever_the_load_begins() {
        let minutes = spread(1_000_000, 0, 1_440);
        assert!(minutes[10 * 60] > 3 * minutes[4 * 60]);
        let minutes = spread(1_000_000, 6 * 60, 1_440);
        assert!(minutes[4 * 60] > 3 * minutes[22 * 60]);
    }
}
