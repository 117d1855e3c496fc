//! The judge over a file: `timestamp,value` in, one verdict a row out.
//!
//! Rows are put into buckets ([`Plan::step`]; without one, each distinct time is a bucket), each bucket is judged
//! with what lies before it and nothing else, and each row shows the verdict of its bucket. What is taken from the
//! whole file is only what a person would say about the column: how far rows lie apart, and whether they count
//! something ([`Kind::of`]). A row without a value and a gap between rows are no data: no dip.

mod read;

pub use read::{BadCsv, Row, read};

use super::judge::{Direction, Judge, Settings, Verdict};

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbers of events: summed within a bucket.
    Counts,
    /// Anything else: averaged within a bucket.
    Values,
}

/// A count whose mean is larger than this is judged as a value: below a percent, the scatter of chance that
/// counts have is no longer what decides.
const LARGEST_MEAN: f64 = 10_000.0;
/// Independent counts scatter as much as their mean; a column that scatters less than half of that counts nothing.
const LEAST_SCATTER: f64 = 0.5;

impl Kind {
    /// Counts are whole, never negative, and from row to row at least about as scattered as chance makes them.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let (mut sum, mut seen, mut steps, mut before) = (0.0, 0.0, 0.0, None);
        for value in rows.iter().filter_map(|row| row.seen) {
            if value < 0.0 || value.fract() != 0.0 {
                return Self::Values;
            }
            sum += value;
            seen += 1.0;
            if let Some(before) = before.replace(value) {
                steps += (value - before) * (value - before);
            }
        }
        let mean = sum / f64::max(seen, 1.0);
        // The mean square of the steps between independent values is twice their variance.
        let scatter = steps / f64::max(seen - 1.0, 1.0) / 2.0;
        if mean <= LARGEST_MEAN && scatter >= LEAST_SCATTER * mean && scatter > 0.0 {
            Self::Counts
        } else {
            Self::Values
        }
    }
}

/// How a file is judged.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seconds of a bucket; None: each distinct time is a bucket.
    pub step: Option<u32>,
    /// What the values are; None: found from the data.
    pub kind: Option<Kind>,
    /// Which way is unusual.
    pub direction: Direction,
    /// At most one false alarm by chance in so many buckets.
    pub one_in: f64,
}

/// The median distance between rows of different times, in seconds.
#[must_use]
pub fn usual_step(rows: &[Row]) -> u32 {
    let times = rows.iter().zip(rows.iter().skip(1));
    let mut steps: Vec<i64> = times
        .map(|(earlier, later)| later.time - earlier.time)
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    steps
        .get(steps.len() / 2)
        .and_then(|step| u32::try_from(*step).ok())
        .unwrap_or(60)
}

/// One verdict a row, in order.
#[must_use]
pub fn judge(rows: &[Row], plan: &Plan) -> Vec<Verdict> {
    let step = plan.step.unwrap_or_else(|| usual_step(rows)).max(1);
    let kind = plan.kind.unwrap_or_else(|| Kind::of(rows));
    let settings = Settings {
        direction: plan.direction,
        one_in: plan.one_in,
        ..Settings::one_series(step)
    };
    let mut judge = match kind {
        Kind::Counts => Judge::of_counts(),
        Kind::Values => Judge::of_values(&settings),
    };
    let bucket = |row: &Row| match plan.step {
        Some(_) => row.time.div_euclid(i64::from(step)) * i64::from(step),
        None => row.time,
    };
    let mut verdicts = Vec::with_capacity(rows.len());
    for rows in rows.chunk_by(|earlier, later| bucket(earlier) == bucket(later)) {
        let Some(first) = rows.first() else { continue };
        let seen = rows.iter().filter_map(|row| row.seen);
        let (sum, count) = seen.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
        let verdict = match kind {
            _ if count == 0 => judge.no_data(bucket(first)),
            Kind::Counts => judge.observe(&settings, bucket(first), sum, None),
            Kind::Values => judge.observe(&settings, bucket(first), sum / f64::from(count), None),
        };
        verdicts.extend(std::iter::repeat_n(verdict, rows.len()));
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: impl IntoIterator<Item = f64>) -> Vec<Row> {
        let row = |(n, value): (usize, f64)| Row {
            timestamp: n.to_string(),
            value: value.to_string(),
            time: i64::try_from(n).unwrap() * 300,
            seen: value.is_finite().then_some(value),
        };
        values.into_iter().enumerate().map(row).collect()
    }

    fn plan() -> Plan {
        Plan {
            step: None,
            kind: None,
            direction: Direction::Both,
            one_in: 2_000.0,
        }
    }

    #[test]
    fn whole_numbers_that_scatter_like_chance_are_counts() {
        assert_eq!(Kind::of(&rows([3.0, 5.0, 8.0, 2.0, 4.0, 6.0])), Kind::Counts);
        assert_eq!(Kind::of(&rows([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])), Kind::Counts);
    }

    #[test]
    fn fractions_negatives_constants_and_steady_figures_are_values() {
        assert_eq!(Kind::of(&rows([3.5, 5.0])), Kind::Values);
        assert_eq!(Kind::of(&rows([-3.0, 5.0])), Kind::Values);
        assert_eq!(Kind::of(&rows([45.0; 9])), Kind::Values);
        assert_eq!(Kind::of(&rows([64.0, 66.0, 65.0, 64.0, 63.0, 65.0])), Kind::Values);
    }

    #[test]
    fn every_row_has_its_verdict_also_where_a_bucket_holds_several() {
        let rows = rows((0..1_000).map(|n| f64::from(n % 7)));
        assert_eq!(judge(&rows, &plan()).len(), 1_000);
        let by_hour = judge(
            &rows,
            &Plan {
                step: Some(3_600),
                ..plan()
            },
        );
        assert_eq!(by_hour.len(), 1_000);
        assert!(
            by_hour
                .chunks(12)
                .all(|hour| hour.iter().all(|verdict| verdict == &hour[0]))
        );
    }

    #[test]
    fn what_comes_later_changes_no_verdict() {
        let all = rows((0..3_000).map(|n| f64::from(n * n % 23) + if n > 2_500 { 90.5 } else { 0.5 }));
        let plan = Plan {
            kind: Some(Kind::Values),
            step: Some(300),
            ..plan()
        };
        assert_eq!(judge(&all[..2_600], &plan), judge(&all, &plan)[..2_600]);
    }

    #[test]
    fn rows_without_a_value_fire_nothing() {
        let values = (0..2_000).map(|n| {
            if (1_500..1_700).contains(&n) {
                f64::NAN
            } else {
                f64::from(n * 7919 % 31) + 20.0
            }
        });
        assert!(judge(&rows(values), &plan()).iter().all(|verdict| !verdict.firing));
    }
}
