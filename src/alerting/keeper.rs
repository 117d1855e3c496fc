//! Judges, and keeps what it judged until it is stored.

use crate::alert::{Alerter, Counted, Judged, Patience, Sighting};
use crate::clock::Clock;
use crate::fold::Flush;
use crate::rules::{LiveRules, RuleSet};
use crate::store::{WriteError, Writer};
use crate::topics::stat::Stat;
use std::sync::Arc;

/// Judges, and stores what it judged with what it judged from.
pub(super) struct Keeper {
    pub(super) writer: Writer,
    alerter: Alerter,
    rules: Arc<LiveRules>,
    in_force: Arc<RuleSet>,
    clock: Clock,
    /// What was judged and is not kept yet.
    open: Option<Open>,
    /// When reminders were looked for, milliseconds since the epoch.
    looked: i64,
    /// Told whenever there is something new to tell.
    news: Box<dyn Fn() + Send>,
}

/// What is judged beside what a flush holds.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) sightings: Vec<Sighting>,
    pub(super) stats: Vec<Stat>,
}

/// What was judged and could not be kept yet.
struct Open {
    judged: Judged,
    /// Whether the flush in hand is part of it: one handed over again is not judged again.
    has_flush: bool,
}

/// How often reminders are looked for where nothing else is to be kept.
const REMINDERS_EVERY_MILLIS: i64 = 10_000;

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("alerter", &self.alerter)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    /// Goes on where a former life ended. `news` is called after changes were kept; it must not block.
    ///
    /// # Errors
    /// The store could not be read.
    pub(super) fn new(
        writer: Writer,
        rules: Arc<LiveRules>,
        clock: Clock,
        news: Box<dyn Fn() + Send>,
    ) -> Result<Self, WriteError> {
        let (pieces, open) = writer.judged_before()?;
        let in_force = rules.current();
        let mut alerter = Alerter::new(
            Arc::clone(in_force.cascades()),
            Arc::clone(in_force.alerts()),
            Patience::default(),
        );
        alerter.restore(pieces, &open);
        Ok(Self {
            writer,
            alerter,
            rules,
            in_force,
            clock,
            open: None,
            looked: 0,
            news,
        })
    }

    /// Whose a job is, as its logs say.
    pub(super) fn belongs(&mut self, job: &str, team: &str) {
        self.alerter.belongs(job, team);
    }

    /// Stores a flush, if any, with what was judged from it and from `seen`.
    ///
    /// # Errors
    /// What kept it from being stored; the same flush can be handed over again, and is not judged again.
    pub(super) fn keep(&mut self, flush: Option<&Flush>, beside: Beside) -> Result<(), WriteError> {
        let wall = self.clock.now_millis();
        self.take_rules();
        let open = match (self.open.take(), flush) {
            (Some(open), Some(_)) if open.has_flush => open,
            (open, flush) => {
                let mut judged = open.map(|open| open.judged).unwrap_or_default();
                judged.join(match flush {
                    Some(flush) => {
                        let mut came = self.alerter.came_with(flush, wall);
                        came.sightings.extend(beside.sightings);
                        came.counted.extend(beside.stats.iter().filter_map(Counted::of_stat));
                        self.alerter.take(came)
                    }
                    None => self.alerter.idle(wall),
                });
                Open {
                    judged,
                    has_flush: flush.is_some(),
                }
            }
        };
        let is_quiet = flush.is_none() && open.judged.is_empty();
        if is_quiet && wall.saturating_sub(self.looked) < REMINDERS_EVERY_MILLIS {
            return Ok(());
        }
        self.looked = wall;
        let kept = self.writer.apply_judged(flush, &open.judged);
        if kept.is_err() {
            self.open = Some(open);
        } else if !is_quiet {
            (self.news)();
        }
        kept
    }

    fn take_rules(&mut self) {
        let rules = self.rules.current();
        if !Arc::ptr_eq(&rules, &self.in_force) {
            self.alerter
                .set_rules(Arc::clone(rules.cascades()), Arc::clone(rules.alerts()));
            self.in_force = rules;
        }
    }
}
