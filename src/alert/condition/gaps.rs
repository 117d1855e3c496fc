//! Minutes in which nobody counted: no dip, no calm, no silence.

use serde::{Deserialize, Serialize};

/// The latest stretches in which nobody counted, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gaps {
    /// First minute and the one after the last.
    stretches: Vec<(i64, i64)>,
}

impl Gaps {
    /// Stretches kept; of more, the oldest count as watched.
    const LIMIT: usize = 256;

    /// Nobody counted from the first minute to before the second.
    pub(super) fn add(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        self.stretches.push((from, to));
        self.stretches.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(self.stretches.len());
        for (from, to) in self.stretches.drain(..) {
            match joined.last_mut() {
                Some((_, last)) if from <= *last => *last = to.max(*last),
                Some(_) | None => joined.push((from, to)),
            }
        }
        let over = joined.len().saturating_sub(Self::LIMIT);
        joined.drain(..over);
        self.stretches = joined;
    }

    /// Whether nobody counted in a minute.
    pub(super) fn holds(&self, minute: i64) -> bool {
        self.stretches
            .iter()
            .rev()
            .any(|(from, to)| (*from..*to).contains(&minute))
    }

    /// How many minutes nobody counted, after one and up to and with another.
    pub(super) fn between(&self, after: i64, last: i64) -> i64 {
        let inside = self.stretches.iter().map(|(from, to)| {
            let (from, to) = ((*from).max(after.saturating_add(1)), (*to).min(last.saturating_add(1)));
            to.saturating_sub(from).max(0)
        });
        inside.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_touch_are_one() {
        let mut gaps = Gaps::default();
        for (from, to) in [(10, 20), (30, 40), (20, 25), (5, 5)] {
            gaps.add(from, to);
        }
        assert_eq!(gaps.stretches, [(10, 25), (30, 40)]);
        assert!(gaps.holds(24) && !gaps.holds(25) && !gaps.holds(9));
        assert_eq!(gaps.between(0, 100), 25);
        assert_eq!(gaps.between(12, 31), 14);
    }
}
