//! Counts by minute, only of minutes that have some.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Counts of minutes since the epoch, in order; a minute without events is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Minutes {
    counts: VecDeque<(i64, u64)>,
}

impl Minutes {
    /// Adds events of a minute, whatever came before.
    pub(super) fn add(&mut self, minute: i64, count: u64) {
        match self.counts.back_mut() {
            Some((last, sum)) if *last == minute => *sum = sum.saturating_add(count),
            Some((last, _)) if *last > minute => {
                let at = self.counts.partition_point(|(kept, _)| *kept < minute);
                match self.counts.get_mut(at) {
                    Some((kept, sum)) if *kept == minute => *sum = sum.saturating_add(count),
                    _ => self.counts.insert(at, (minute, count)),
                }
            }
            Some(_) | None => self.counts.push_back((minute, count)),
        }
    }

    /// Events of the `within` minutes up to and with `last`.
    pub(super) fn sum(&self, last: i64, within: i64) -> u64 {
        let first = last.saturating_sub(within);
        let counts = self.counts.iter().rev().skip_while(|(minute, _)| *minute > last);
        let inside = counts.take_while(|(minute, _)| *minute > first);
        inside.map(|(_, count)| *count).fold(0, u64::saturating_add)
    }

    /// How many minutes up to and with `last` had events, of `within` minutes.
    pub(super) fn busy(&self, last: i64, within: i64) -> usize {
        let first = last.saturating_sub(within);
        let inside = self
            .counts
            .iter()
            .filter(|(minute, _)| *minute > first && *minute <= last);
        inside.count()
    }

    /// Events of a minute.
    pub(super) fn at(&self, minute: i64) -> u64 {
        let found = self.counts.binary_search_by_key(&minute, |(kept, _)| *kept).ok();
        found.and_then(|at| self.counts.get(at)).map_or(0, |(_, count)| *count)
    }

    /// Forgets minutes before this one.
    pub(super) fn forget_before(&mut self, minute: i64) {
        while self.counts.front().is_some_and(|(kept, _)| *kept < minute) {
            self.counts.pop_front();
        }
    }

    /// The first minute with events.
    pub(super) fn first(&self) -> Option<i64> {
        self.counts.front().map(|(minute, _)| *minute)
    }

    /// The last minute with events.
    pub(super) fn last(&self) -> Option<i64> {
        self.counts.back().map(|(minute, _)| *minute)
    }

    /// The first minute with events after this one.
    pub(super) fn next_after(&self, minute: i64) -> Option<i64> {
        let later = self.counts.partition_point(|(kept, _)| *kept <= minute);
        self.counts.get(later).map(|(kept, _)| *kept)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_minutes_and_no_others_in_any_order() {
        let mut minutes = Minutes::default();
        for (minute, count) in [(10, 1), (12, 4), (11, 2), (12, 4), (3, 16)] {
            minutes.add(minute, count);
        }
        assert_eq!(minutes.sum(12, 1), 8);
        assert_eq!(minutes.sum(12, 2), 10);
        assert_eq!(minutes.sum(11, 2), 3);
        assert_eq!(minutes.sum(12, 100), 27);
        assert_eq!(minutes.at(11), 2);
        assert_eq!(minutes.at(9), 0);
        minutes.forget_before(11);
        assert_eq!((minutes.first(), minutes.last()), (Some(11), Some(12)));
    }
}
