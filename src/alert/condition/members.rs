//! How many jobs, hosts or others something happens to.

use super::life::Reading;
use super::minutes::Minutes;
use super::series::exact;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The values of one dimension, each with its counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Members {
    counts: BTreeMap<Box<str>, Minutes>,
    /// Those that were concerned since the alert began.
    concerned: BTreeSet<Box<str>>,
}

/// What is asked of members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) each: u64,
    pub(super) above: u64,
    pub(super) share: Option<f64>,
    pub(super) within: i64,
    /// How many there are in all.
    pub(super) population: usize,
}

impl Members {
    /// Values told apart; of more, those that came first are counted.
    const LIMIT: usize = 5_000;

    pub(super) fn add(&mut self, name: &str, minute: i64, count: u64) {
        if let Some(minutes) = self.counts.get_mut(name) {
            minutes.add(minute, count);
        } else if self.counts.len() < Self::LIMIT {
            self.counts.entry(name.into()).or_default().add(minute, count);
        }
    }

    /// How many are concerned. Over a window that ends with the last whole minute, or the present one as far as it has
    /// come: whichever has more.
    pub(super) fn look(&mut self, minute: i64, asked: &Asked, active: bool) -> Reading {
        let Asked { each, within, .. } = *asked;
        let over = |last: i64| {
            let concerned = self
                .counts
                .iter()
                .filter(move |(_, minutes)| minutes.sum(last, within) >= each.max(1));
            concerned.map(|(name, _)| name).collect::<Vec<_>>()
        };
        let (now, before) = (over(minute), over(minute.saturating_sub(1)));
        let concerned = if now.len() >= before.len() { now } else { before };
        let value = concerned.len();
        let holds = value > usize::try_from(asked.above).unwrap_or(usize::MAX)
            && asked
                .share
                .is_none_or(|share| exact(value as u64) > share * exact(asked.population as u64));
        if holds || active {
            let named: Vec<Box<str>> = concerned.into_iter().cloned().collect();
            self.concerned.extend(named);
        } else {
            self.concerned.clear();
        }
        self.counts.retain(|_, minutes| {
            minutes.forget_before(minute.saturating_sub(within));
            !minutes.is_empty()
        });
        Reading {
            holds,
            value: exact(value as u64),
            grows: true,
            ..Reading::default()
        }
    }

    /// When it is to be looked at again.
    pub(super) fn next(&self, minute: i64, within: i64) -> Option<i64> {
        let ahead = self
            .counts
            .values()
            .filter_map(|minutes| minutes.next_after(minute))
            .min();
        let last = self.counts.values().filter_map(Minutes::last).max();
        ahead.or(last.map(|last| last.max(minute) + within + 1))
    }

    /// Those that were concerned.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.concerned.iter().map(|name| &**name)
    }
}
