//! The life of an alert: pending, firing, held against flapping, over.

use super::gaps::Gaps;
use crate::alert::State;
use serde::{Deserialize, Serialize};

/// Where the alert of a key stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// There is none.
    #[default]
    Calm,
    /// Its condition holds, not yet for long enough.
    Pending,
    /// It goes on.
    Firing,
    /// It went on when last anybody counted.
    NoData,
}

/// The alert of one key of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) phase: Phase,
    /// The minute its condition began to hold.
    pub(super) began: i64,
    /// The last minute its condition held.
    pub(super) held: i64,
    /// The strangest value, and what was expected and how probable it was then.
    pub(super) value: f64,
    pub(super) expected: Option<f64>,
    pub(super) probability: Option<f64>,
    /// The value it was told with last.
    pub(super) told: f64,
}

/// What was found of a key in a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reading {
    /// Whether the condition holds.
    pub(super) holds: bool,
    pub(super) value: f64,
    pub(super) expected: Option<f64>,
    pub(super) probability: Option<f64>,
    /// Whether the value grows into news: it is told again each time it has doubled.
    pub(super) grows: bool,
}

impl Life {
    /// Whether it has to be looked at every minute.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Calm
    }

    /// Whether it is told.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self.phase, Phase::Firing | Phase::NoData)
    }

    /// A reading of a minute. `pending` minutes the condition must hold before it is told, `keep` minutes it must not
    /// before it is over; minutes of gaps do not count. Gives the state that is to be told.
    pub(super) fn step(
        &mut self,
        minute: i64,
        reading: &Reading,
        (pending, keep): (i64, i64),
        gaps: &Gaps,
    ) -> Option<State> {
        let counted = |from: i64| minute.saturating_sub(from).saturating_sub(gaps.between(from, minute));
        // The last whole minute; the present one has only begun.
        if self.is_active() && gaps.holds(minute.saturating_sub(1)) && !reading.holds {
            if self.phase == Phase::Firing {
                self.phase = Phase::NoData;
                return Some(State::NoData);
            }
            return None;
        }
        if reading.holds {
            self.held = minute;
            self.note(reading);
        }
        match self.phase {
            Phase::Calm if reading.holds => {
                *self = Self {
                    phase: if pending > 0 { Phase::Pending } else { Phase::Firing },
                    began: minute,
                    held: minute,
                    value: reading.value,
                    expected: reading.expected,
                    probability: reading.probability,
                    told: reading.value,
                };
                Some(if pending > 0 { State::Pending } else { State::Firing })
            }
            Phase::Calm => None,
            Phase::Pending if !reading.holds => {
                self.phase = Phase::Calm;
                Some(State::Resolved)
            }
            Phase::Pending if counted(self.began) >= pending => self.tell(),
            Phase::Pending => None,
            Phase::NoData => self.tell(),
            Phase::Firing if !reading.holds && counted(self.held) > keep => {
                self.phase = Phase::Calm;
                Some(State::Resolved)
            }
            Phase::Firing if reading.grows && self.value >= 2.0 * self.told => self.tell(),
            Phase::Firing => None,
        }
    }

    fn tell(&mut self) -> Option<State> {
        self.phase = Phase::Firing;
        self.told = self.value;
        Some(State::Firing)
    }

    /// Keeps the strangest value: the most, or with an expectation the least probable.
    fn note(&mut self, reading: &Reading) {
        let stranger = match (reading.probability, self.probability) {
            (Some(now), Some(before)) if reading.expected.is_some_and(|expected| reading.value < expected) => {
                now < before
            }
            _ => reading.value > self.value,
        };
        if stranger {
            self.value = reading.value;
            self.expected = reading.expected;
            self.probability = reading.probability;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(pending: i64, keep: i64, gap: (i64, i64), holds: &[u8]) -> String {
        let mut gaps = Gaps::default();
        gaps.add(gap.0, gap.1);
        let mut life = Life::default();
        let mut told = String::new();
        for (minute, holds) in (0..).zip(holds) {
            let reading = Reading {
                holds: *holds == b'x',
                value: 1.0,
                ..Reading::default()
            };
            let letter = match life.step(minute, &reading, (pending, keep), &gaps) {
                None => '.',
                Some(State::Pending) => 'p',
                Some(State::Firing) => 'F',
                Some(State::NoData) => 'n',
                Some(State::Resolved) => 'r',
            };
            told.push(letter);
        }
        told
    }

    #[test]
    fn an_alert_is_pending_then_firing_then_held_then_over() {
        let none = (0, 0);
        assert_eq!(play(0, 0, none, b"-xx--"), ".F.r.");
        assert_eq!(
            play(2, 0, none, b"-x-xxx--"),
            ".prp.Fr.",
            "a condition that lets go begins anew"
        );
        assert_eq!(
            play(0, 2, none, b"x--x---x"),
            "F.....rF",
            "what comes back within the hold is one alert"
        );
        assert_eq!(
            play(0, 2, (1, 4), b"x-------"),
            "F.n..Fr.",
            "a gap is no calm, and is told"
        );
        assert_eq!(play(0, 0, (1, 3), b"x--xx---"), "F.nF.r..");
    }
}
