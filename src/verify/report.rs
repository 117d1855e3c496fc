//! Checks and what they say.

use super::span::Span;
use std::fmt;

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same number.
    Exact,
    /// The same up to what was in flight while it was looked at.
    InFlight,
    /// Cannot be compared, and the note says why.
    NotCompared,
    /// They differ, or one of them could not be had.
    Differs,
}

impl Verdict {
    /// For a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Exact => "exact",
            Verdict::InFlight => "in flight",
            Verdict::NotCompared => "not compared",
            Verdict::Differs => "differs",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Two numbers that must be the same.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// Where the number stands: `kafka`, `error-stats`, `druid`, `elasticsearch`, `error-rejects`, `store`.
    pub stage: String,
    /// Of what: an input partition, or everything.
    pub of: String,
    /// Which number.
    pub what: &'static str,
    /// What it must be.
    pub wanted: Span,
    /// What it is; absent where it could not be had.
    pub found: Option<Span>,
    /// Whether it is.
    pub verdict: Verdict,
    /// What a person should know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Check {
    /// Two numbers that must be the same.
    #[must_use]
    pub fn equal(stage: &str, of: &str, what: &'static str, wanted: Span, found: Span) -> Self {
        let verdict = if !wanted.meets(found) {
            Verdict::Differs
        } else if wanted.is_exact() && found.is_exact() {
            Verdict::Exact
        } else {
            Verdict::InFlight
        };
        Self {
            stage: stage.to_owned(),
            of: of.to_owned(),
            what,
            wanted,
            found: Some(found),
            verdict,
            note: String::new(),
        }
    }

    /// A number of which the beginning is gone: what is found may be more.
    #[must_use]
    pub fn at_least(stage: &str, of: &str, what: &'static str, wanted: Span, found: Span, why: &str) -> Self {
        let mut check = Self::equal(stage, of, what, wanted, found);
        if found.low > wanted.high {
            check.verdict = Verdict::NotCompared;
        }
        if check.verdict != Verdict::Exact {
            check.note = why.to_owned();
        }
        check
    }

    /// A number that could not be had.
    #[must_use]
    pub fn unknown(stage: &str, of: &str, what: &'static str, wanted: Span, why: String) -> Self {
        Self {
            stage: stage.to_owned(),
            of: of.to_owned(),
            what,
            wanted,
            found: None,
            verdict: Verdict::Differs,
            note: why,
        }
    }

    /// The same with a note.
    #[must_use]
    pub fn noted(mut self, note: &str) -> Self {
        if !note.is_empty() {
            self.note = note.to_owned();
        }
        self
    }
}

/// All checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// One per place and number.
    pub checks: Vec<Check>,
}

impl Report {
    /// The worst of all; exact when there is none.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.checks
            .iter()
            .map(|check| check.verdict)
            .max()
            .unwrap_or(Verdict::Exact)
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.verdict() < Verdict::Differs
    }

    /// Whether looking again could not make it better.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.checks
            .iter()
            .all(|check| matches!(check.verdict, Verdict::Exact | Verdict::NotCompared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(wanted: (i64, i64), found: (i64, i64)) -> Verdict {
        let span = |(low, high)| Span { low, high };
        Check::equal("s", "o", "w", span(wanted), span(found)).verdict
    }

    #[test]
    fn numbers_differ_when_no_moment_can_explain_them() {
        assert_eq!(verdict((5, 5), (5, 5)), Verdict::Exact);
        assert_eq!(verdict((5, 5), (4, 4)), Verdict::Differs);
        assert_eq!(verdict((5, 8), (7, 7)), Verdict::InFlight);
        assert_eq!(verdict((5, 8), (9, 12)), Verdict::Differs);
        assert_eq!(verdict((5, 8), (1, 5)), Verdict::InFlight);
    }

    #[test]
    fn one_difference_is_enough_and_a_missing_number_is_one() {
        let exact = Check::equal("s", "o", "w", Span::exactly(1), Span::exactly(1));
        let missing = Check::unknown("s", "o", "w", Span::exactly(1), "away".into());
        let mut report = Report { checks: vec![exact] };
        assert!(report.agrees() && report.is_settled());
        report.checks.push(missing);
        assert!(!report.agrees());
    }

    #[test]
    fn a_topic_whose_beginning_is_gone_cannot_ask_for_less() {
        let at_least = |found| Check::at_least("s", "o", "w", Span::exactly(5), Span::exactly(found), "gone").verdict;
        assert_eq!(
            (at_least(4), at_least(5), at_least(6)),
            (Verdict::Differs, Verdict::Exact, Verdict::NotCompared)
        );
    }
}
