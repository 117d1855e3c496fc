//! What the jobs of a fleet log while they are well.
//!
//! Each job has a repertoire of a few families, one of them its usual one. Records come in clumps (one dirty file, one
//! broker that restarts), and every half hour has a mood of its own, so that counts scatter far more than by chance.
//! Jobs differ as the sizes of Zipf's law do: few say most, most say little.

use super::library::{Engine, Set};
use super::plan::World;
use super::random::{Random, mix};

/// Families of the sizing mix that a job logs without failing.
const ALSO_HEALTHY: [&str; 8] = [
    "metric_collision",
    "association_gated",
    "jdbc_retry",
    "pg_duplicate_key",
    "rest_rate_limit",
    "user_rule",
    "interceptor_chain",
    "mysql_link",
];

/// Share of the families of a repertoire, in percent, the usual one first.
const SHARES: [u64; 4] = [60, 25, 10, 5];

/// How much of what it could log a job logs in a half hour, in thousandths: one of these for each, by chance.
const MOODS: [u64; 8] = [200, 300, 400, 400, 500, 600, 700, 900];

const MOOD_NANOS: i64 = 1_800_000_000_000;

/// Largest clump of the jobs with the calmest and the wildest temper.
const CLUMPS: (u64, u64) = (2, 12);

/// One in so many clumps is larger than one record.
const LARGER: u64 = 4;

#[derive(Debug)]
struct Habit {
    /// The families, the usual one first.
    repertoire: Vec<usize>,
    /// Largest clump.
    temper: u64,
    salt: u64,
}

/// What all jobs log.
#[derive(Debug)]
pub(crate) struct Background {
    habits: Vec<Habit>,
}

/// Some records of one family at once.
#[derive(Debug)]
pub(crate) struct Clump {
    pub(crate) job: usize,
    pub(crate) family: usize,
    pub(crate) records: u64,
}

impl Background {
    pub(crate) fn new(world: &World) -> Self {
        let mut flink = world.families_of(Set::Healthy, Engine::Flink);
        flink.extend(ALSO_HEALTHY.iter().filter_map(|id| world.family(id)));
        let beside = |engine| world.families_of(Set::Beside, engine);
        let [spark, python, node] = [Engine::Spark, Engine::Python, Engine::Node].map(beside);
        let habit = |job: &super::jobs::Job| {
            let mut random = Random::new(job.salt, 21);
            let mut left = match job.engine {
                Engine::Flink => flink.clone(),
                Engine::Spark => spark.clone(),
                Engine::Python => python.clone(),
                Engine::Node => node.clone(),
            };
            let mut repertoire = Vec::new();
            let wanted = 2 + random.index(SHARES.len() - 1);
            while repertoire.len() < wanted && !left.is_empty() {
                repertoire.push(left.swap_remove(random.index(left.len())));
            }
            Habit {
                repertoire,
                temper: CLUMPS.0 + random.below(CLUMPS.1 - CLUMPS.0 + 1),
                salt: job.salt,
            }
        };
        Self {
            habits: world.jobs.iter().map(habit).collect(),
        }
    }

    /// What is logged next about `nanos`; nothing where the job drawn is in no mood for it.
    pub(crate) fn draw(&self, world: &World, random: &mut Random, nanos: i64) -> Option<Clump> {
        let job = world.job_ranks.draw(random);
        let habit = self.habits.get(job)?;
        let half_hour = u64::try_from(nanos.div_euclid(MOOD_NANOS)).unwrap_or(0);
        let mood = usize::try_from(mix(habit.salt ^ mix(half_hour)) % 8).unwrap_or(0);
        if !random.chance(MOODS.get(mood).copied().unwrap_or(1000)) {
            return None;
        }
        let all: u64 = SHARES.iter().take(habit.repertoire.len()).sum();
        let mut drawn = random.below(all);
        let mut shares = SHARES.iter().zip(&habit.repertoire);
        let family = shares.find_map(|(share, family)| {
            let is_it = drawn < *share;
            drawn = drawn.saturating_sub(*share);
            is_it.then_some(*family)
        })?;
        let records = if random.below(LARGER) == 0 {
            1 + random.below(habit.temper)
        } else {
            1
        };
        Some(Clump { job, family, records })
    }

    /// A family of the job that may come in a spike, and its share of what the job logs, in percent.
    pub(crate) fn spiking(&self, world: &World, random: &mut Random, job: usize) -> Option<(usize, u64)> {
        let habit = self.habits.get(job)?;
        let all: u64 = SHARES.iter().take(habit.repertoire.len()).sum();
        let told = habit.repertoire.iter().zip(SHARES);
        let loud = told.filter(|(family, _)| world.families.get(**family).is_some_and(|family| family.part == "root"));
        let loud: Vec<(usize, u64)> = loud
            .map(|(family, share)| (*family, share * 100 / all.max(1)))
            .collect();
        random.pick(&loud).copied()
    }
}

#[cfg(test)]
mod tests {
    use crate::alert::Cascades;
    use crate::generate::library;

    #[test]
    fn nothing_that_healthy_jobs_log_says_that_something_failed() {
        let rules = crate::rules::RuleSet::shipped().unwrap();
        let cascades: &Cascades = rules.cascades();
        let families = library::of_a_fleet().unwrap();
        for id in super::ALSO_HEALTHY {
            assert!(families.iter().any(|family| family.id == id), "{id}");
        }
        let healthy = families
            .iter()
            .filter(|family| family.set == library::Set::Healthy || super::ALSO_HEALTHY.contains(&family.id.as_str()));
        for family in healthy {
            assert!(!cascades.says_failed(&family.message), "{}", family.id);
        }
    }
}
