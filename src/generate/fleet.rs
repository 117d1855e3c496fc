//! A day of a fleet: base load that follows the clock, incidents, noise, several layouts and engines.

use super::incidents::{self, Incident, Kind};
use super::library::{Engine, Set};
use super::plan::{FAMILY_EXPONENT, Planned, World};
use super::random::{Random, Zipf};

/// How long the day is.
pub(crate) const DAY_MILLIS: i64 = 86_400_000;

const MINUTE_NANOS: i64 = 60_000_000_000;

/// Share of the busiest hour, in percent, hour by hour: night batch low, office hours and the evening high.
const HOURS: [u64; 24] = [
    30, 25, 22, 20, 20, 24, 35, 55, 80, 95, 100, 98, 90, 92, 96, 95, 90, 85, 88, 92, 85, 70, 55, 40,
];

/// How many incidents a day has at most; fewer when they would be more than a third of the records.
const INCIDENTS: usize = 40;

/// The plan of `fleet`.
#[derive(Debug)]
pub(crate) struct Fleet {
    start_nanos: i64,
    incidents: Vec<Incident>,
    /// Lines of incidents, latest first.
    lines: Vec<Planned>,
    /// How many base records each minute has.
    base: Vec<u64>,
    minute: usize,
    /// Records of the minute at hand, latest first.
    ready: Vec<Planned>,
    flink: Vec<usize>,
    flink_ranks: Zipf,
    noise: Vec<usize>,
    beside: [Vec<usize>; 3],
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
    pub(crate) fn new(world: &World, random: &mut Random, start_millis: i64, count: u64) -> Self {
        let start_nanos = start_millis.saturating_mul(1_000_000);
        let mut incidents = Vec::new();
        let mut lines: Vec<Planned> = Vec::new();
        for number in 0..INCIDENTS {
            let kind = Kind::ALL
                .get(number % Kind::ALL.len())
                .copied()
                .unwrap_or(Kind::CrashLoop);
            // The last begins early enough to end within the day.
            let at = start_nanos + i64::try_from(random.below(84_000_000)).unwrap_or(0) * 1_000_000;
            let (incident, script) = incidents::plan(world, random, kind, incidents.len(), at);
            if u64::try_from(lines.len() + script.len()).unwrap_or(u64::MAX) > count / 3 {
                break;
            }
            incidents.push(incident);
            lines.extend(script);
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.nanos));
        let left = count.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        let flink = world.families_of(Set::Steady, Engine::Flink);
        let noise = flink
            .iter()
            .copied()
            .filter(|f| world.families.get(*f).is_some_and(|f| f.part == "noise"))
            .collect();
        Self {
            start_nanos,
            incidents,
            lines,
            base: spread(left),
            minute: 0,
            ready: Vec::new(),
            flink_ranks: Zipf::new(flink.len(), FAMILY_EXPONENT),
            flink,
            noise,
            beside: [Engine::Spark, Engine::Python, Engine::Node].map(|engine| world.families_of(Set::Beside, engine)),
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
            for _ in 0..base.unwrap_or(0) {
                let nanos = begin + i64::try_from(random.below(60_000)).unwrap_or(0) * 1_000_000;
                let job = world.job_ranks.draw(random);
                let family = self.choose(world, random, job);
                self.ready.push(Planned {
                    nanos,
                    job,
                    family,
                    peer: None,
                    incident: None,
                });
            }
            while self.lines.last().is_some_and(|line| line.nanos < begin + MINUTE_NANOS) {
                self.ready.extend(self.lines.pop());
            }
            self.ready.sort_by(|a, b| b.cmp(a));
            self.minute += 1;
        }
        self.ready.pop()
    }

    fn choose(&self, world: &World, random: &mut Random, job: usize) -> usize {
        let engine = world.jobs.get(job).map_or(Engine::Flink, |job| job.engine);
        let [spark, python, node] = &self.beside;
        let list = match engine {
            Engine::Spark => spark,
            Engine::Python => python,
            Engine::Node => node,
            Engine::Flink if random.chance(300) => &self.noise,
            Engine::Flink => {
                return self
                    .flink
                    .get(self.flink_ranks.draw(random))
                    .copied()
                    .unwrap_or_default();
            }
        };
        random.pick(list).copied().unwrap_or_default()
    }
}

/// `total` records over the minutes of the day, by the clock. Sums to `total` exactly: what rounding takes from one
/// minute the next one gets.
fn spread(total: u64) -> Vec<u64> {
    let weight = |minute: u64| {
        let at = |hour: u64| {
            usize::try_from(hour % 24)
                .ok()
                .and_then(|h| HOURS.get(h))
                .copied()
                .unwrap_or(0)
        };
        at(minute / 60) * (60 - minute % 60) + at(minute / 60 + 1) * (minute % 60)
    };
    let all: u64 = (0..1440).map(weight).sum();
    let mut before = 0_u64;
    let mut given = 0_u64;
    (0..1440)
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
    fn the_day_holds_exactly_what_was_asked_for() {
        for total in [0, 1, 999, 123_457] {
            assert_eq!(spread(total).iter().sum::<u64>(), total);
        }
    }

    #[test]
    fn the_morning_is_busier_than_the_night() {
        let minutes = spread(1_000_000);
        assert!(minutes[10 * 60] > 3 * minutes[4 * 60]);
    }
}
