//! The search language: text to a tree, with mistakes pointed at.
//!
//! Comes in: what a person typed. Goes out: a [`Query`], or a [`QueryError`] that knows where the mistake stands and
//! what was probably meant. What always holds: parsing never panics and costs time and memory bounded by
//! [`MAX_BYTES`] and [`MAX_DEPTH`]; printing a query and parsing it again gives the same tree. What it does not do:
//! know where the answers come from. Relative times stay relative; whoever answers says what now is.
//!
//! ```text
//! checkpoint expired                        both words, anywhere in message, exception or stack
//! "could not materialize"                   these words in this order
//! job:orders-* -severity:low                wildcards, and not
//! error_type:[checkpoint_expired,oom_heap]  any of a list
//! (is:new OR count:>100) has:stack          brackets, OR, numbers, what there is
//! first_seen:>-1h last_seen:<2026-11-20     times: relative, RFC 3339, days
//! ```

mod error;
mod field;
mod lexer;
mod parser;
mod pattern;
mod time;
mod tree;

pub use error::QueryError;
pub use field::{FIELDS, Field, FieldDoc, Kind};
pub use pattern::{Pattern, Piece};
pub use time::When;
pub use tree::{IsWord, Node, Op, Presence, StateName, Test};

use std::fmt;
use std::str::FromStr;

/// Longest search that is read, in bytes: far beyond what a person types, small enough to be cheap whatever it holds.
pub const MAX_BYTES: usize = 4096;

/// Deepest nesting of brackets and negations.
pub const MAX_DEPTH: usize = 32;

/// A parsed search. The default matches everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The tree; absent matches everything.
    pub root: Option<Node>,
}

impl Query {
    /// Reads a search. Blank text matches everything.
    ///
    /// ```
    /// use seismolog::query::Query;
    /// let query = Query::parse("timeout job:orders-* -severity:low").unwrap();
    /// assert_eq!(query.to_string(), "timeout job:orders-* -severity:low");
    /// let error = Query::parse("sevrity:high").unwrap_err();
    /// assert_eq!(error.nearest(), Some("severity"));
    /// ```
    ///
    /// # Errors
    /// The first mistake, with its place and the nearest name.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parser::parse(text).map(|root| Self { root })
    }

    /// Whether everything matches.
    #[must_use]
    pub fn matches_all(&self) -> bool {
        self.root.is_none()
    }
}

impl FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Some(root) => root.fmt(f),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
