//! Which job, task, host and team an event belongs to.
//!
//! Comes in: an [`crate::event::ErrorEvent`]. Goes out: [`crate::event::Dimensions`]. `rules/dimensions.yaml` says where to look:
//! fields of the body, patterns over thread, logger, log file and the like, patterns over the message, then names
//! learned from messages, then the job catalogue. What always holds: unknown is absent; a look-up that was never
//! resolved or a value that does not fit is passed over. What it does not do: remember (that is the engine's memo).
//!
//! The work is cut in two so that the engine can remember the first part: [`DimensionRules::from_surroundings`] sees
//! everything but the message, [`DimensionRules::from_message`] fills what is still missing.

mod catalogue;
mod jar;
mod look;
mod slots;
mod written;

pub use catalogue::JobCatalogue;
pub(crate) use jar::stack_jar;
pub(crate) use look::Asks;
pub use look::{DimensionRules, Found};
pub use slots::Source;

use hashbrown::HashMap;

/// Names learned from messages that tell id and name of a job together. Bounded; the oldest leave first.
#[derive(Debug, Default)]
pub struct LearnedNames {
    names: HashMap<Box<str>, Box<str>, foldhash::fast::RandomState>,
    order: std::collections::VecDeque<Box<str>>,
}

impl LearnedNames {
    /// How many names are kept: a fleet of thousands of jobs over many redeployments.
    pub const LIMIT: usize = 100_000;

    /// The name of a job id.
    #[must_use]
    pub fn name(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(AsRef::as_ref)
    }

    /// Takes a name; says whether it is news.
    pub fn learn(&mut self, id: &str, name: &str) -> bool {
        if self.name(id) == Some(name) {
            return false;
        }
        if self.names.insert(id.into(), name.into()).is_none() {
            self.order.push_back(id.into());
        }
        if self.order.len() > Self::LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        true
    }
}
