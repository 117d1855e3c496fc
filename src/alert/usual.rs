//! What a job logs day by day without failing, so that only what differs from it is a sign of failure.
//!
//! Comes in: the errors of one job, by the minute of their event. Goes out: whether an error comes as it usually does,
//! or in a burst. What always holds: nothing is learned of the time a failure lasts, unless it lasts so long
//! ([`EPOCH`]) that this is how the job is now; a job keeps at most [`Usual::ERRORS`] errors.
//!
//! An error's past is the most it ever brought within three and within ten minutes: counts of errors come in clumps,
//! and their largest says more of the next one than their mean. Where an error has little past of its own, the other
//! errors of its job stand in for it.

use crate::event::{EventTime, Fingerprint};
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000_000;
/// Minutes of the longer window.
const LONG: usize = 10;
/// Minutes of the shorter window: any two minutes lie within three that begin with the clock's.
const SHORT: usize = 3;
/// What is seen becomes the past after one to two of these, in minutes: a burst is over by then, or no burst.
const EPOCH: i64 = 20;
/// Twice the most that ever came is a burst, where the error is well known half as much again; and half of what is one
/// without any past on top: of few events many more come by chance.
const TIMES: u64 = 2;
/// An error seen in fewer minutes knows little of itself: half as much again as the worst of its fellows is granted to
/// it, up to [`GRANTED`] times what is a burst without any past.
const KNOWN_MINUTES: u32 = 300;
const GRANTED: u64 = 3;
/// What was seen in so many minutes has a past that a burst can be measured by.
const SURGING_MINUTES: u32 = 10;
/// An error is usual that came in so many minutes at least, ...
const USUAL_MINUTES: u32 = 3;
/// ... one in so many of those it is known: what comes more seldom is no chance when it comes with a failure.
const USUAL_ONE_IN: i64 = 66;
/// It counts as known for so many minutes at least.
const KNOWN_AT_LEAST: i64 = 60;

/// How an error comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    /// As it does day by day.
    Usual,
    /// Seldom seen so far, but not often now.
    Rare,
    /// In a burst, and nothing is known of how it came before.
    Burst,
    /// In a burst, far more often than ever.
    Surge,
}

/// What is a burst of an error without any past.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bursts {
    /// Events within the shorter window.
    pub(super) short: u64,
    /// Events within the longer one.
    pub(super) long: u64,
}

/// What came within some time.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Told {
    /// Most events within the shorter window.
    short: u64,
    /// Most events within the longer one.
    long: u64,
    /// Minutes with events.
    minutes: u32,
}

impl Told {
    fn join(&mut self, other: Told) {
        self.short = self.short.max(other.short);
        self.long = self.long.max(other.long);
        self.minutes = self.minutes.saturating_add(other.minutes);
    }
}

/// One error of a job.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Error {
    /// The minute it was first seen in, and the last one.
    since: i64,
    minute: i64,
    /// Events of the last minutes, by minute.
    recent: [u64; LONG],
    past: Told,
    /// The epoch before the present one, and the present one: not yet past.
    before: Told,
    present: Told,
}

/// The errors of one job.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Usual {
    errors: BTreeMap<Fingerprint, Error>,
}

impl Usual {
    /// Errors of one job kept apart; the one seen longest ago leaves first.
    pub(super) const ERRORS: usize = 128;

    /// Counts events of an error; says how it comes.
    pub(super) fn count(&mut self, fingerprint: Fingerprint, last: EventTime, events: u64, bursts: Bursts) -> Rate {
        let minute = last.nanos().div_euclid(MINUTE);
        if !self.errors.contains_key(&fingerprint) {
            self.make_room();
        }
        let error = self.errors.entry(fingerprint).or_insert_with(|| Error {
            since: minute,
            minute: minute - 1,
            ..Error::default()
        });
        let (short, long) = error.count(minute, events);
        let granted = if error.past.minutes < KNOWN_MINUTES && (short >= bursts.short || long >= bursts.long) {
            self.of_fellows()
        } else {
            Told::default()
        };
        let Some(error) = self.errors.get(&fingerprint) else {
            return Rate::Rare;
        };
        let limit = |own: u64, fellows: u64, least: u64| {
            let fellows = fellows.saturating_mul(3) / 2;
            let more = if error.past.minutes < KNOWN_MINUTES {
                own.saturating_mul(TIMES)
            } else {
                own.saturating_add(own / 2)
            };
            least
                .max(more.saturating_add(least / 2))
                .max(fellows.min(least.saturating_mul(GRANTED)))
        };
        if short >= limit(error.past.short, granted.short, bursts.short)
            || long >= limit(error.past.long, granted.long, bursts.long)
        {
            if error.past.minutes >= SURGING_MINUTES {
                Rate::Surge
            } else {
                Rate::Burst
            }
        } else if error.is_usual() {
            Rate::Usual
        } else {
            Rate::Rare
        }
    }

    /// A failure is over: what was seen of late was its, and is not learned.
    pub(super) fn forget_failure(&mut self) {
        for error in self.errors.values_mut() {
            error.recent = [0; LONG];
            error.before = Told::default();
            error.present = Told::default();
        }
    }

    /// Whether nothing was seen of it since.
    pub(super) fn is_silent_since(&self, since: EventTime) -> bool {
        let minute = since.nanos().div_euclid(MINUTE);
        self.errors.values().all(|error| error.minute < minute)
    }

    /// The most that any of the errors ever brought.
    fn of_fellows(&self) -> Told {
        let mut most = Told::default();
        for error in self.errors.values() {
            most.join(error.past);
        }
        most
    }

    fn make_room(&mut self) {
        if self.errors.len() >= Self::ERRORS {
            let oldest = self
                .errors
                .iter()
                .min_by_key(|(fingerprint, error)| (error.minute, **fingerprint));
            if let Some(oldest) = oldest.map(|(fingerprint, _)| *fingerprint) {
                self.errors.remove(&oldest);
            }
        }
    }
}

impl Error {
    /// Counts events of a minute; gives what came within the shorter and the longer window up to it.
    fn count(&mut self, minute: i64, events: u64) -> (u64, u64) {
        if minute > self.minute {
            self.turn_to(minute);
        }
        // What comes late counts for the last minute seen: windows only move on.
        let at = slot(self.minute);
        if let Some(here) = self.recent.get_mut(at) {
            if *here == 0 {
                self.present.minutes = self.present.minutes.saturating_add(1);
            }
            *here = here.saturating_add(events);
        }
        let within = |minutes: usize| {
            let back = (0..LONG).take(minutes).map(|back| (at + LONG - back) % LONG);
            let counted = back.filter_map(|slot| self.recent.get(slot));
            counted.fold(0, |sum: u64, count| sum.saturating_add(*count))
        };
        let (short, long) = (within(SHORT), within(LONG));
        self.present.short = self.present.short.max(short);
        self.present.long = self.present.long.max(long);
        (short, long)
    }

    fn turn_to(&mut self, minute: i64) {
        let passed = minute.saturating_sub(self.minute);
        for empty in 0..passed.min(LONG as i64) {
            if let Some(count) = self.recent.get_mut(slot(minute - empty)) {
                *count = 0;
            }
        }
        let epochs = minute.div_euclid(EPOCH) - self.minute.div_euclid(EPOCH);
        if epochs > 0 {
            let before = std::mem::replace(&mut self.before, std::mem::take(&mut self.present));
            self.past.join(before);
        }
        if epochs > 1 {
            self.past.join(std::mem::take(&mut self.before));
        }
        self.minute = minute;
    }

    fn is_usual(&self) -> bool {
        let known = self.minute.saturating_sub(self.since).max(KNOWN_AT_LEAST);
        self.past.minutes >= USUAL_MINUTES && i64::from(self.past.minutes) * USUAL_ONE_IN >= known
    }
}

/// Where the events of a minute are counted.
fn slot(minute: i64) -> usize {
    usize::try_from(minute.rem_euclid(LONG as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURSTS: Bursts = Bursts { short: 10, long: 20 };

    /// The rate of each of the last minute's events after these minutes, each with so many events.
    fn rate(minutes: impl IntoIterator<Item = (i64, u64)>) -> Rate {
        let mut error = Usual::default();
        let mut rate = Rate::Rare;
        for (minute, events) in minutes {
            rate = error.count_at(minute, events);
        }
        rate
    }

    impl Usual {
        fn count_at(&mut self, minute: i64, events: u64) -> Rate {
            let last = EventTime::new(minute * MINUTE, 9);
            self.count(Fingerprint::from_bytes([1; 16]), last, events, BURSTS)
        }
    }

    #[test]
    fn an_error_without_a_past_bursts_with_ten_events() {
        assert_eq!(rate([(0, 9)]), Rate::Rare);
        assert_eq!(rate([(0, 5), (1, 5)]), Rate::Burst);
        assert_eq!(rate([(0, 5), (4, 5)]), Rate::Rare);
        assert_eq!(
            rate((0..6).map(|minute| (minute * 2, 4))),
            Rate::Burst,
            "twenty in ten minutes"
        );
    }

    #[test]
    fn what_always_came_so_is_usual_and_far_more_is_a_burst() {
        let day = || (0..1_440).map(|minute| (minute, 20));
        assert_eq!(rate(day()), Rate::Usual);
        assert_eq!(
            rate(day().chain((1_440..1_443).map(|minute| (minute, 30)))),
            Rate::Usual
        );
        assert_eq!(
            rate(day().chain((1_440..1_443).map(|minute| (minute, 45)))),
            Rate::Surge
        );
    }

    #[test]
    fn what_bursts_for_an_hour_is_usual_then() {
        let hour = (0..70).map(|minute| (minute, 50));
        assert_eq!(rate(hour), Rate::Usual);
    }

    #[test]
    fn a_failure_teaches_nothing() {
        let mut usual = Usual::default();
        for minute in 0..10 {
            usual.count_at(minute, 50);
        }
        usual.forget_failure();
        assert_eq!(usual.count_at(200, 12), Rate::Burst);
    }

    #[test]
    fn errors_of_a_job_are_bounded() {
        let mut usual = Usual::default();
        for n in 0..1_000 {
            usual
                .errors
                .insert(Fingerprint::from_bytes(u128::to_be_bytes(n)), Error::default());
            usual.make_room();
        }
        assert!(usual.errors.len() <= Usual::ERRORS);
    }
}
