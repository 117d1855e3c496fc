//! A number of a system that goes on counting.

use std::fmt;

/// What a number was at first and at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Span {
    /// Before the others were read.
    pub low: i64,
    /// After.
    pub high: i64,
}

impl Span {
    /// A number that was read once.
    #[must_use]
    pub fn exactly(number: i64) -> Self {
        Self {
            low: number,
            high: number,
        }
    }

    /// A number that was read twice.
    #[must_use]
    pub fn between(low: i64, high: i64) -> Self {
        Self {
            low: low.min(high),
            high: low.max(high),
        }
    }

    /// A count, read twice.
    #[must_use]
    pub fn of_counts(low: u64, high: u64) -> Self {
        Self::between(signed(low), signed(high))
    }

    /// Both numbers less another's.
    #[must_use]
    pub fn less(self, other: Span) -> Self {
        Self::between(self.low.saturating_sub(other.low), self.high.saturating_sub(other.high))
    }

    /// Whether it is one number.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.low == self.high
    }

    /// Whether they can be the same number.
    #[must_use]
    pub fn meets(self, other: Span) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{} to {}", self.low, self.high)
        }
    }
}

/// A count as a signed number.
#[must_use]
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
