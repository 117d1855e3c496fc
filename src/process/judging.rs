//! The embedded store as a sink that judges: what follows from a flush for alerts is kept in the flush's transaction.

use super::flush::LearnedNames;
use super::store_sink::told;
use super::{Sink, SinkError};
use crate::alert::{Alerter, Judged, Patience};
use crate::clock::Clock;
use crate::fold::{Flush, SourcePosition};
use crate::rules::{LiveRules, RuleSet};
use crate::store::Writer;
use std::sync::Arc;

/// A store that judges what it keeps.
pub struct Judging {
    writer: Writer,
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

/// What was judged and could not be kept yet.
struct Open {
    judged: Judged,
    /// Whether the flush in hand is part of it: one handed over again is not judged again.
    has_flush: bool,
}

/// How often reminders are looked for where nothing else is to be kept.
const REMINDERS_EVERY_MILLIS: i64 = 10_000;

impl std::fmt::Debug for Judging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judging")
            .field("alerter", &self.alerter)
            .finish_non_exhaustive()
    }
}

impl Judging {
    /// Goes on where a former life ended. `news` is called after changes were kept; it must not block.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn new(
        writer: Writer,
        rules: Arc<LiveRules>,
        clock: Clock,
        news: Box<dyn Fn() + Send>,
    ) -> Result<Self, SinkError> {
        let (pieces, open) = writer.judged_before().map_err(told)?;
        let in_force = rules.current();
        let mut alerter = Alerter::new(Arc::clone(in_force.cascades()), Patience::default());
        alerter.restore(pieces, &open, clock.now_millis());
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

    fn keep(&mut self, flush: Option<&Flush>) -> Result<(), SinkError> {
        let wall = self.clock.now_millis();
        self.take_rules();
        let open = match (self.open.take(), flush) {
            (Some(open), Some(_)) if open.has_flush => open,
            (open, flush) => {
                let mut judged = open.map(|open| open.judged).unwrap_or_default();
                judged.join(match flush {
                    Some(flush) => self.alerter.take(flush, wall),
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
        let kept = self.writer.apply_judged(flush, &open.judged).map_err(told);
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
            self.alerter.set_cascades(Arc::clone(rules.cascades()));
            self.in_force = rules;
        }
    }
}

impl Sink for Judging {
    fn apply(&mut self, flush: &Flush) -> Result<(), SinkError> {
        self.keep(Some(flush))
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.keep(None)
    }

    fn positions(&self) -> Result<Vec<SourcePosition>, SinkError> {
        Sink::positions(&self.writer)
    }

    fn learned(&self) -> Result<LearnedNames, SinkError> {
        Sink::learned(&self.writer)
    }
}
