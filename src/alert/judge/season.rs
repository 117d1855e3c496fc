//! What the series did at the same time of day, and of week: two weeks of half hours.
//!
//! Each slot keeps the mean of its buckets. The expectation is the median over the days, so that one day's
//! incident is not expected again. Whether a season pays is judged from the series itself: each finished slot is
//! compared with what the flat level, the day and the week would have said.

use serde::{Deserialize, Serialize};

/// Days remembered: two weeks, the least that shows a week.
const DAYS: u16 = 14;
/// Slots of a day: half hours. Two weeks of them are 2.7 kB a series.
const SLOTS: u16 = 48;
const SECONDS_OF_DAY: i64 = 86_400;
/// A season pays when its errors are below this share of the flat level's: far enough below one that chance does
/// not decide it (independent counts gain nothing), near enough that a weak rhythm is used.
const PAYS: f32 = 0.8;
/// Errors are compared over about this many slots: four days.
const ERROR_MEMORY: f32 = 192.0;
/// Slots that must have been compared before a season may be used: a day.
const ENOUGH: u16 = SLOTS;
/// The seven days before, and the same day of the two weeks before: days ago, one by one.
const EACH_DAY: [u16; 7] = [1, 2, 3, 4, 5, 6, 7];
const SAME_WEEKDAY: [u16; 2] = [7, 14];

/// Two weeks of slots and how well they foretold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Season {
    /// Means by slot of the two weeks; NaN where nothing was seen. Kept apart: they change twice an hour.
    #[serde(skip)]
    means: Box<[f32]>,
    slots_of_day: u16,
    /// Number of the slot in progress, since 1970.
    current: Option<i64>,
    sum: f64,
    seen: u32,
    day: Rhythm,
    week: Rhythm,
}

/// One way to expect, and how it compares with expecting the level.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Rhythm {
    expected: f32,
    error: f32,
    flat_error: f32,
    compared: u16,
}

impl Rhythm {
    const NONE: Self = Self {
        expected: f32::NAN,
        error: 0.0,
        flat_error: 0.0,
        compared: 0,
    };

    fn compare(&mut self, mean: f32, flat: f32) {
        if self.expected.is_finite() {
            let keep = 1.0 - 1.0 / ERROR_MEMORY;
            self.error = self.error * keep + (mean - self.expected).abs();
            self.flat_error = self.flat_error * keep + (mean - flat).abs();
            self.compared = self.compared.saturating_add(1);
        }
    }

    /// Its errors as a share of the flat level's, where it pays.
    fn pays(&self) -> Option<f32> {
        let share = self.error / self.flat_error;
        (self.expected.is_finite() && self.compared >= ENOUGH && share <= PAYS).then_some(share)
    }
}

impl Season {
    /// For buckets of `step` seconds; None where a bucket is so long that a day has no shape.
    pub(super) fn new(step: u32) -> Option<Self> {
        let in_a_day = SECONDS_OF_DAY / i64::from(step.max(1));
        if in_a_day < 4 {
            return None;
        }
        let slots_of_day = u16::try_from(in_a_day).unwrap_or(SLOTS).min(SLOTS);
        Some(Self {
            means: vec![f32::NAN; usize::from(slots_of_day) * usize::from(DAYS)].into_boxed_slice(),
            slots_of_day,
            current: None,
            sum: 0.0,
            seen: 0,
            day: Rhythm::NONE,
            week: Rhythm::NONE,
        })
    }

    /// Whether its slots are some a day can have.
    pub(super) fn is_sound(&self) -> bool {
        (1..=SLOTS).contains(&self.slots_of_day)
    }

    /// The means as they are kept, and the slot since which they stand so.
    pub(super) fn weeks(&self) -> (Option<i64>, &[f32]) {
        (self.current, &self.means)
    }

    /// Takes the means back; begins them anew where they are not of these slots.
    pub(super) fn take_weeks(&mut self, means: Option<Vec<f32>>) {
        let length = usize::from(self.slots_of_day) * usize::from(DAYS);
        let fits = means.filter(|means| means.len() == length);
        self.means = fits.unwrap_or_else(|| vec![f32::NAN; length]).into_boxed_slice();
    }

    /// Moves to the slot of `time` (seconds) before the bucket at that time is judged. `flat` is the level without
    /// a season; `width` slots on either side are taken together (sparse counts say little in one).
    pub(super) fn enter(&mut self, time: i64, flat: f64, width: u16) {
        let slot = time.div_euclid(SECONDS_OF_DAY / i64::from(self.slots_of_day));
        if self.current == Some(slot) {
            return;
        }
        if let Some(before) = self.current {
            if self.seen > 0 {
                let mean = super::short(self.sum / f64::from(self.seen));
                self.store(before, mean);
                self.day.compare(mean, super::short(flat));
                self.week.compare(mean, super::short(flat));
            }
            // Slots that were skipped still hold what was seen two weeks earlier: forget it.
            let skipped = slot
                .saturating_sub(before)
                .clamp(1, i64::from(self.slots_of_day) * i64::from(DAYS));
            for missing in 1..skipped {
                self.store(before + missing, f32::NAN);
            }
        }
        self.current = Some(slot);
        self.sum = 0.0;
        self.seen = 0;
        self.day.expected = self.median(slot, &EACH_DAY, width);
        self.week.expected = self.median(slot, &SAME_WEEKDAY, width);
        self.store(slot, f32::NAN);
    }

    /// A bucket of the slot in progress.
    pub(super) fn add(&mut self, seen: f64) {
        self.sum += seen;
        self.seen = self.seen.saturating_add(1);
    }

    /// The median of the last days at this time, whether or not it pays.
    pub(super) fn same_time_of_day(&self) -> Option<f64> {
        self.day.expected.is_finite().then_some(f64::from(self.day.expected))
    }

    /// What the better of day and week expects, where one pays. The week has only two values to go by and must
    /// beat the day as clearly as the day beats the level.
    pub(super) fn expected(&self) -> Option<f64> {
        let rhythm = match (self.day.pays(), self.week.pays()) {
            (Some(day), Some(week)) if week <= PAYS * day => self.week,
            (Some(_), _) => self.day,
            (None, Some(_)) => self.week,
            (None, None) => return None,
        };
        Some(f64::from(rhythm.expected))
    }

    fn store(&mut self, slot: i64, mean: f32) {
        let at = self.place(slot);
        if let Some(kept) = self.means.get_mut(at) {
            *kept = mean;
        }
    }

    fn place(&self, slot: i64) -> usize {
        usize::try_from(slot.rem_euclid(i64::from(self.slots_of_day) * i64::from(DAYS))).unwrap_or(0)
    }

    /// The median over these days of the mean around this time; NaN where fewer than two were seen.
    fn median(&self, slot: i64, days_ago: &[u16], width: u16) -> f32 {
        let oldest = slot - i64::from(self.slots_of_day) * i64::from(DAYS);
        let mut found = [f32::INFINITY; EACH_DAY.len()];
        let mut count = 0;
        for (kept, ago) in found.iter_mut().zip(days_ago) {
            let centre = slot - i64::from(*ago) * i64::from(self.slots_of_day);
            let (mut sum, mut seen) = (0.0, 0.0);
            for near in centre - i64::from(width)..=centre + i64::from(width) {
                if near >= oldest
                    && near < slot
                    && let Some(mean) = self.means.get(self.place(near)).filter(|mean| mean.is_finite())
                {
                    sum += mean;
                    seen += 1.0;
                }
            }
            if seen > 0.0 {
                *kept = sum / seen;
                count += 1;
            }
        }
        if count < 2 {
            return f32::NAN;
        }
        found.sort_by(f32::total_cmp);
        let at = |place: usize| found.get(place).copied().unwrap_or(f32::NAN);
        (at((count - 1) / 2) + at(count / 2)) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `days` of hourly buckets and gives the season as it stands when the next day begins.
    fn play(days: i64, value: impl Fn(i64, i64) -> f64, level: f64) -> Season {
        let mut season = Season::new(3_600).unwrap();
        for hour in 0..days * 24 {
            season.enter(hour * 3_600, level, 0);
            season.add(value(hour / 24, hour % 24));
        }
        season.enter(days * SECONDS_OF_DAY, level, 0);
        season
    }

    #[test]
    fn a_daily_rhythm_is_expected_again() {
        let season = play(8, |_, hour| if hour < 8 { 10.0 } else { 100.0 }, 70.0);
        assert_eq!(season.expected(), Some(10.0));
    }

    #[test]
    fn one_days_incident_is_not_expected_again() {
        let season = play(
            8,
            |day, hour| {
                if hour >= 8 {
                    100.0
                } else if day == 7 {
                    900.0
                } else {
                    10.0
                }
            },
            70.0,
        );
        assert_eq!(season.expected(), Some(10.0));
    }

    #[test]
    fn a_series_without_a_rhythm_is_expected_at_its_level() {
        let season = play(
            13,
            |day, hour| f64::from(u8::from((day * 31 + hour * 17) % 7 < 3)),
            0.43,
        );
        assert_eq!(season.expected(), None);
    }

    #[test]
    fn a_weekly_rhythm_beats_the_daily_one() {
        // Two quiet days in seven; day 22 is the second of the fourth week's.
        let season = play(22, |day, _| if day % 7 < 2 { 10.0 } else { 100.0 }, 74.0);
        assert_eq!((season.week.expected, season.day.expected), (10.0, 100.0));
        assert_eq!(season.expected(), Some(10.0));
    }

    #[test]
    fn what_was_skipped_is_not_remembered_from_two_weeks_before() {
        let mut season = play(3, |_, _| 10.0, 10.0);
        season.enter(30 * SECONDS_OF_DAY, 10.0, 0);
        assert_eq!(season.same_time_of_day(), None);
    }
}
