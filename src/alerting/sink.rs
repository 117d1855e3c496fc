//! The embedded store as a sink that judges what it keeps.

use super::keeper::{Beside, Keeper};
use crate::clock::Clock;
use crate::fold::{Flush, SourcePosition};
use crate::process::{LearnedNames, Sink, SinkError};
use crate::rules::LiveRules;
use crate::store::Writer;
use std::sync::Arc;

/// The embedded store as a sink: what follows from a flush for alerts is kept in the flush's transaction.
#[derive(Debug)]
pub struct Judging(Keeper);

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
        Ok(Self(Keeper::new(writer, rules, clock, news)?))
    }
}

impl Sink for Judging {
    fn apply(&mut self, flush: &Flush) -> Result<(), SinkError> {
        Ok(self.0.keep(Some(flush), Beside::default())?)
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(self.0.keep(None, Beside::default())?)
    }

    fn positions(&self) -> Result<Vec<SourcePosition>, SinkError> {
        Sink::positions(&self.0.writer)
    }

    fn learned(&self) -> Result<LearnedNames, SinkError> {
        Sink::learned(&self.0.writer)
    }
}
