//! Failure after failure, over many jobs, with a little noise between.

use super::incidents::{self, Incident, Kind};
use super::plan::{Planned, World};
use super::random::Random;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The plan of `cascade`.
#[derive(Debug)]
pub(crate) struct Cascade {
    rate: u64,
    next_start: i64,
    started: usize,
    incidents: Vec<Incident>,
    waiting: BinaryHeap<Reverse<(i64, u64, Planned)>>,
    queued: u64,
}

impl Cascade {
    pub(crate) fn new(start_millis: i64, rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            next_start: start_millis.saturating_mul(1_000_000),
            started: 0,
            incidents: Vec::new(),
            waiting: BinaryHeap::new(),
            queued: 0,
        }
    }

    pub(crate) fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    fn queue(&mut self, planned: Planned) {
        self.waiting.push(Reverse((planned.nanos, self.queued, planned)));
        self.queued += 1;
    }

    pub(crate) fn next(&mut self, world: &World, random: &mut Random) -> Option<Planned> {
        // An incident that begins before the next waiting line is planned first: times never go back.
        while self
            .waiting
            .peek()
            .is_none_or(|Reverse((nanos, _, _))| self.next_start <= *nanos)
        {
            let kind = Kind::ALL
                .get(self.started % Kind::ALL.len())
                .copied()
                .unwrap_or(Kind::CrashLoop);
            let at = self.next_start;
            let (incident, lines) = incidents::plan(world, random, kind, self.incidents.len(), at);
            let size = incident.planned.max(1);
            self.incidents.push(incident);
            self.started += 1;
            for line in lines {
                self.queue(line);
            }
            // One line in twenty is noise of a job that has nothing to do with it.
            let gap = i64::try_from(u128::from(size) * 1_050_000_000 / u128::from(self.rate)).unwrap_or(i64::MAX / 4);
            for _ in 0..size / 20 {
                let family = if random.chance(500) {
                    "association_gated"
                } else {
                    "metric_collision"
                };
                if let Some(family) = world.family(family) {
                    let nanos = at + i64::try_from(random.below(u64::try_from(gap).unwrap_or(1))).unwrap_or(0);
                    let job = world.job_ranks.draw(random);
                    self.queue(Planned {
                        nanos,
                        job,
                        family,
                        peer: None,
                        dependency: None,
                        incident: None,
                    });
                }
            }
            self.next_start = self.next_start.saturating_add(gap.max(1));
        }
        self.waiting.pop().map(|Reverse((_, _, planned))| planned)
    }
}
