//! A judge as bytes, so that it outlives its process.

use super::{Counts, Episode, Judge, Model};

/// A judge of counts in two parts: what every bucket changes, and the two weeks behind it, which change twice an hour
/// and are ten times as large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What every bucket changes.
    pub now: Vec<u8>,
    /// The weeks behind it; None where the series has no season yet.
    pub weeks: Option<Vec<u8>>,
}

impl Judge {
    /// The judge as bytes; `weeks` says whether those are wanted too. None of a judge of values: a file has no
    /// restart.
    #[must_use]
    pub fn keep(&self, weeks: bool) -> Option<Kept> {
        let Model::Counts(counts) = &self.model else {
            return None;
        };
        let season = counts.season.as_deref().filter(|_| weeks);
        Some(Kept {
            now: postcard::to_allocvec(&(self.last, self.episode, counts)).ok()?,
            weeks: season.and_then(|season| postcard::to_allocvec(season.weeks().1).ok()),
        })
    }

    /// Since when the weeks stand as they are: they need not be written again before that changes.
    #[must_use]
    pub fn weeks_since(&self) -> Option<i64> {
        match &self.model {
            Model::Counts(counts) => counts.season.as_deref().and_then(|season| season.weeks().0),
            Model::Measure(_) => None,
        }
    }

    /// The judge of [`Judge::keep`]; without its weeks it learns a new season. None where the bytes are no judge.
    #[must_use]
    pub fn restore(now: &[u8], weeks: Option<&[u8]>) -> Option<Self> {
        let (last, episode, mut counts): (Option<i64>, Episode, Box<Counts>) = postcard::from_bytes(now).ok()?;
        if !counts.is_sound() {
            return None;
        }
        if let Some(season) = counts.season.as_deref_mut() {
            season.take_weeks(weeks.and_then(|weeks| postcard::from_bytes(weeks).ok()));
        }
        Some(Self {
            model: Model::Counts(counts),
            episode,
            last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::judge::Settings;

    #[test]
    fn a_judge_that_was_kept_judges_on_as_if_it_had_never_ended() {
        let settings = Settings::fleet(60);
        let count = |minute: i64| ((minute * 7_919 % 13) + if minute % 1_440 < 400 { 2 } else { 30 }) as f64;
        let (mut judge, mut other) = (Judge::of_counts(), Judge::of_counts());
        for minute in 0..6_000 {
            if minute % 611 == 0 {
                let kept = other.keep(true).unwrap();
                assert!(kept.now.len() < 600, "{}", kept.now.len());
                other = Judge::restore(&kept.now, kept.weeks.as_deref()).unwrap();
            }
            let seen = if minute == 5_500 { 900.0 } else { count(minute) };
            let (one, two) = (
                judge.observe(&settings, minute * 60, seen, None),
                other.observe(&settings, minute * 60, seen, None),
            );
            assert_eq!(one, two, "minute {minute}");
        }
    }

    #[test]
    fn bytes_that_are_no_judge_are_none() {
        let kept = Judge::of_counts().keep(true).unwrap();
        assert!(Judge::restore(kept.now.get(..9).unwrap(), None).is_none());
        assert!(Judge::restore(&[], None).is_none());
    }
}
