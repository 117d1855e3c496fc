//! What happens next: who fails with what, and when. One plan per scenario.

use super::incidents::Incident;
use super::jobs::Job;
use super::library::{Engine, Family, Set};
use super::random::{Random, Zipf};

/// One record to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Planned {
    /// Event time, nanoseconds since the epoch.
    pub(crate) nanos: i64,
    pub(crate) job: usize,
    pub(crate) family: usize,
    /// The TaskManager it speaks of, where an incident decides.
    pub(crate) peer: Option<u64>,
    /// The instance of a dependency it speaks of, where an incident decides.
    pub(crate) dependency: Option<u64>,
    /// The incident it belongs to.
    pub(crate) incident: Option<usize>,
}

/// What every plan chooses from.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) families: Vec<Family>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) job_ranks: Zipf,
}

impl World {
    /// Number of a family.
    pub(crate) fn family(&self, id: &str) -> Option<usize> {
        self.families.iter().position(|family| family.id == id)
    }

    /// The share of all records of the load that a job writes.
    pub(crate) fn share_of(&self, job: usize) -> f64 {
        let weights = self.job_ranks.weights();
        let all: f64 = weights.iter().sum();
        weights.get(job).copied().unwrap_or(0.0) / all.max(f64::MIN_POSITIVE)
    }

    /// Numbers of the families of a set and an engine.
    pub(crate) fn families_of(&self, set: Set, engine: Engine) -> Vec<usize> {
        let of = |(at, family): (usize, &Family)| (family.set == set && family.engine == engine).then_some(at);
        self.families.iter().enumerate().filter_map(of).collect()
    }
}

/// Exponents of the sizing study: jobs and families.
pub(crate) const JOB_EXPONENT: f64 = 1.05;
pub(crate) const FAMILY_EXPONENT: f64 = 0.8;

/// How many (job, family) pairs a storm comes from.
const STORM_PAIRS: usize = 50;

/// Steady, storm and novel: one record after the other at the same distance.
#[derive(Debug)]
pub(crate) struct Even {
    start_nanos: i64,
    rate: u64,
    made: u64,
    families: Vec<usize>,
    family_ranks: Zipf,
    storm: Option<(Vec<(usize, usize)>, Zipf)>,
}

impl Even {
    pub(crate) fn new(families: Vec<usize>, start_millis: i64, rate: u64) -> Self {
        Self {
            start_nanos: start_millis.saturating_mul(1_000_000),
            rate: rate.max(1),
            made: 0,
            family_ranks: Zipf::new(families.len(), FAMILY_EXPONENT),
            families,
            storm: None,
        }
    }

    /// Lets 95 of 100 records come from few pairs.
    pub(crate) fn with_storm(mut self, world: &World, random: &mut Random) -> Self {
        let most = STORM_PAIRS.min(world.jobs.len().saturating_mul(self.families.len()));
        let mut pairs: Vec<(usize, usize)> = Vec::with_capacity(most);
        while pairs.len() < most {
            let pair = (random.index(world.jobs.len()), random.index(self.families.len()));
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        let ranks = Zipf::new(pairs.len(), FAMILY_EXPONENT);
        self.storm = Some((pairs, ranks));
        self
    }

    pub(crate) fn next(&mut self, world: &World, random: &mut Random) -> Planned {
        let after = u128::from(self.made) * 1_000_000_000 / u128::from(self.rate);
        self.made += 1;
        let stormy = self.storm.as_ref().filter(|_| random.chance(950));
        let (job, rank) = match stormy {
            Some((pairs, ranks)) => pairs.get(ranks.draw(random)).copied().unwrap_or_default(),
            None => (world.job_ranks.draw(random), self.family_ranks.draw(random)),
        };
        Planned {
            nanos: self
                .start_nanos
                .saturating_add(i64::try_from(after).unwrap_or(i64::MAX)),
            job,
            family: self.families.get(rank).copied().unwrap_or_default(),
            peer: None,
            dependency: None,
            incident: None,
        }
    }
}

/// What happens next.
#[derive(Debug)]
pub(crate) enum Plan {
    Even(Even),
    Cascade(super::cascade::Cascade),
    Fleet(super::fleet::Fleet),
}

impl Plan {
    /// The next record; `None` when the plan is at its end.
    pub(crate) fn next(&mut self, world: &World, random: &mut Random) -> Option<Planned> {
        match self {
            Plan::Even(even) => Some(even.next(world, random)),
            Plan::Cascade(cascade) => cascade.next(world, random),
            Plan::Fleet(fleet) => fleet.next(world, random),
        }
    }

    /// The incidents planned so far.
    pub(crate) fn incidents(&self) -> &[Incident] {
        match self {
            Plan::Even(_) => &[],
            Plan::Cascade(cascade) => cascade.incidents(),
            Plan::Fleet(fleet) => fleet.incidents(),
        }
    }
}
