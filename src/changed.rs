//! What setting up a server changed: one thing and what was done to it, in the same words for every server.

use std::fmt;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The thing: `topic error-stats`, `index template seismolog-details`, `druid supervisor seismolog-errors`.
    pub what: String,
    /// What was done to it: `created`, `partitions from 3 to 4`.
    pub how: String,
}

impl Changed {
    pub(crate) fn new(what: impl Into<String>, how: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            how: how.into(),
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.how)
    }
}
