//! Which samples were sent before: a sample travels with the first delta of its (issue, minute), not with each.

use crate::event::{IssueId, Minute};
use std::collections::HashMap;

/// The time of the sample sent last, by (issue, minute). Forgetting costs a sample sent again, nothing else.
#[derive(Debug, Default)]
pub(super) struct Sent {
    newest: HashMap<(IssueId, Minute), i64, foldhash::fast::RandomState>,
    older: HashMap<(IssueId, Minute), i64, foldhash::fast::RandomState>,
}

impl Sent {
    /// How many are kept in each of two halves, of which the older goes when the newer is full: some 25 MB in all.
    const HALF: usize = 200_000;

    /// Whether a sample of that time tells something new: none was sent, or a later one.
    pub(super) fn is_news(&self, issue: IssueId, minute: Minute, nanos: i64) -> bool {
        let key = (issue, minute);
        let before = self.newest.get(&key).or_else(|| self.older.get(&key));
        before.is_none_or(|before| nanos < *before)
    }

    /// Notes a sample that was committed.
    pub(super) fn note(&mut self, issue: IssueId, minute: Minute, nanos: i64) {
        if self.newest.len() >= Self::HALF {
            self.older = std::mem::take(&mut self.newest);
        }
        self.newest.insert((issue, minute), nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_earlier_sample_is_news() {
        let mut sent = Sent::default();
        let (issue, minute) = (IssueId(1), Minute(7));
        assert!(sent.is_news(issue, minute, 50));
        sent.note(issue, minute, 50);
        assert!(!sent.is_news(issue, minute, 50) && !sent.is_news(issue, minute, 60));
        assert!(sent.is_news(issue, minute, 40) && sent.is_news(issue, Minute(8), 60));
        for other in 0..2 * Sent::HALF {
            sent.note(IssueId(2), Minute(i64::try_from(other).unwrap()), 1);
        }
        assert!(sent.newest.len() + sent.older.len() <= 2 * Sent::HALF);
        assert!(sent.is_news(issue, minute, 50));
    }
}
