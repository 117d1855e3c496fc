//! Errors that were never seen before, or come again after a quiet time.

use super::life::Reading;
use super::minutes::Minutes;
use super::rule::Fresh;
use super::series::exact;
use serde::{Deserialize, Serialize};

/// After a day an error is known, whether or not it goes on.
const NEWS: i64 = 1_440;
/// What is usual is told by the first sightings of a day.
const USUAL: i64 = 1_440;

/// What is new in one key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FreshErrors {
    flags: Vec<Flag>,
    /// First sightings, by minute.
    firsts: Minutes,
}

/// An error that may be news.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Flag {
    fingerprint: u128,
    first: i64,
    counts: Minutes,
    told: bool,
}

impl Flag {
    fn count(&self, minute: i64) -> u64 {
        self.counts.sum(minute, NEWS + 1)
    }
}

impl FreshErrors {
    /// Errors of one key followed at once; of more, the first ones are told.
    const LIMIT: usize = 16;

    /// An error was seen for the first time; `young`: in a store in which all is new.
    pub(super) fn first(&mut self, minute: i64, fingerprint: u128, count: u64, young: bool) {
        self.firsts.add(minute, 1);
        if !young && self.flags.len() < Self::LIMIT {
            let mut counts = Minutes::default();
            counts.add(minute, count);
            self.flags.push(Flag {
                fingerprint,
                first: minute,
                counts,
                told: false,
            });
        }
    }

    /// An error was seen; false where it is none that is followed.
    pub(super) fn again(&mut self, minute: i64, fingerprint: u128, count: u64) -> bool {
        let flag = self.flags.iter_mut().find(|flag| flag.fingerprint == fingerprint);
        flag.is_some_and(|flag| {
            flag.first = flag.first.min(minute);
            flag.counts.add(minute, count);
            true
        })
    }

    /// What is news in a minute.
    pub(super) fn look(&mut self, minute: i64, fresh: &Fresh, keep: i64) -> Reading {
        let firsts = &self.firsts;
        self.flags.retain_mut(|flag| {
            let age = minute.saturating_sub(flag.first);
            if age < 0 {
                return true;
            }
            if !flag.told && flag.count(minute) >= fresh.at_least {
                // Those of its own minutes came with it and say nothing of what is usual.
                flag.told = firsts.busy(flag.first.saturating_sub(1), USUAL) <= fresh.usual;
                if !flag.told {
                    return false;
                }
            }
            if flag.told {
                flag.counts.sum(minute, keep.max(1) + 1) > 0 && age <= NEWS
            } else {
                age <= fresh.within
            }
        });
        self.firsts.forget_before(minute.saturating_sub(USUAL));
        let told = || self.flags.iter().filter(|flag| flag.told && flag.first <= minute);
        Reading {
            holds: told().next().is_some(),
            value: exact(told().map(|flag| flag.count(minute)).fold(0, u64::saturating_add)),
            ..Reading::default()
        }
    }

    /// When it is to be looked at again; never where nothing is left.
    pub(super) fn next(&self, minute: i64) -> Option<i64> {
        if !self.flags.is_empty() {
            return Some(minute + 1);
        }
        self.firsts.last().map(|last| last.max(minute) + USUAL + 1)
    }
}
