//! Counts over time by a dimension.
//!
//! Without a search the rollup of the dimension answers. With one, the counts of the series that match are walked and
//! each is added to the value it has in the dimension. Both are sums of what was counted, so both are exact.

use super::super::codes::{Column, Dim, Level};
use super::super::counts::{Ids, Window, walk};
use super::super::set::IdSet;
use super::errors::value;
use super::filter::Frame;
use super::{Snapshot, failed};
use crate::query::Node;
use crate::store::window::Buckets;
use crate::store::{ReadError, Series, TREND_DIMENSIONS, Trends, TrendsAsk};
use rusqlite::OptionalExtension as _;

/// Most counters added to while walking, as many as a cache holds; above, the largest values are found first, by hours,
/// and walked again.
const MOST_COUNTERS: usize = 200_000;

impl Buckets {
    /// Hours where the step is whole hours, minutes otherwise.
    fn pieces(self) -> Vec<(Level, u32, u32)> {
        if self.step.is_multiple_of(60) {
            self.window.pieces()
        } else {
            vec![(Level::Minute, self.window.from, self.window.to)]
        }
    }
}

/// What is walked and what value each id has.
struct Source<'a> {
    dim: Dim,
    ids: Ids<'a>,
    /// The value of each id; the id itself when absent.
    values: Option<&'a [u32]>,
    /// Values are below this.
    size: usize,
}

/// Values with their counts by bucket, and the sum over all values.
type Largest = (Vec<(u32, Vec<u64>)>, Option<Vec<u64>>);

impl Snapshot<'_> {
    pub(super) fn trends(&self, ask: &TrendsAsk) -> Result<Trends, ReadError> {
        let dim = Dim::named(&ask.by).ok_or_else(|| {
            let shown: String = ask.by.chars().take(64).collect();
            ReadError::BadRequest(format!(
                "by={shown} is not known; it is one of {}",
                TREND_DIMENSIONS.join(", ")
            ))
        })?;
        let buckets = Buckets::of(ask)?;
        let top = ask.top.clamp(1, 200);
        let size = self.values_below(dim)?;
        let searched = match &ask.query.root {
            None => None,
            Some(root) => self.searched(root, buckets.window, ask.now)?,
        };
        let (sums, total) = match &searched {
            None => {
                let source = Source {
                    dim,
                    ids: Ids::Below(size),
                    values: None,
                    size: usize::try_from(size).unwrap_or(0),
                };
                let (sums, _) = self.largest(&source, buckets, top)?;
                (sums, self.total(Dim::Total, Ids::Below(1), buckets)?)
            }
            Some(set) => {
                let values = match dim.of_series() {
                    Some(column) => self.narrow(column)?,
                    None => return Err(ReadError::BadRequest(format!("by={} cannot be searched in", ask.by))),
                };
                let source = Source {
                    dim: Dim::Series,
                    ids: Ids::In(set),
                    values: Some(&values),
                    size: usize::try_from(size).unwrap_or(0),
                };
                let (sums, total) = self.largest(&source, buckets, top)?;
                let total = match total {
                    Some(total) => total,
                    None => self.total(Dim::Series, Ids::In(set), buckets)?,
                };
                (sums, total)
            }
        };
        let mut other = total.clone();
        let mut series = Vec::with_capacity(sums.len());
        for (id, counts) in sums {
            for (rest, count) in other.iter_mut().zip(&counts) {
                *rest = rest.saturating_sub(*count);
            }
            series.push(Series {
                value: self.value_name(dim, id)?,
                count: counts.iter().sum(),
                counts,
            });
        }
        Ok(buckets.answer(&ask.by, series, other, total))
    }

    /// The series that match; nothing when all of them do, as then the rollups answer.
    fn searched(&self, root: &Node, window: Window, now: i64) -> Result<Option<IdSet>, ReadError> {
        let set = self.series_matching(root, Frame { window, now })?;
        let mut left = IdSet::of(&self.narrow(Column::SeriesFp)?, |fingerprint| fingerprint != 0);
        left.and_not(&set);
        Ok((!left.is_empty()).then_some(set))
    }

    fn total(&self, dim: Dim, ids: Ids<'_>, buckets: Buckets) -> Result<Vec<u64>, ReadError> {
        let mut total = vec![0; buckets.count];
        walk(self.connection, dim, ids, &buckets.pieces(), |slot, _, count| {
            add(&mut total, buckets.at(slot), count);
        })
        .map_err(failed)?;
        Ok(total)
    }

    /// The largest values with their counts by bucket, largest first; and the sum of all where it came along.
    fn largest(&self, source: &Source<'_>, buckets: Buckets, top: usize) -> Result<Largest, ReadError> {
        self.in_time()?;
        let value_of = |id: u32| source.values.map_or(id, |values| value(values, id));
        let at_once = source.size.saturating_mul(buckets.count) <= MOST_COUNTERS;
        let mut matrix = vec![0_u64; if at_once { source.size * buckets.count } else { 0 }];
        let mut sums = vec![0_u64; source.size];
        if at_once {
            walk(
                self.connection,
                source.dim,
                source.ids,
                &buckets.pieces(),
                |slot, id, count| {
                    let value = usize::try_from(value_of(id)).unwrap_or(usize::MAX);
                    add(&mut sums, value, count);
                    add(
                        &mut matrix,
                        value.saturating_mul(buckets.count).saturating_add(buckets.at(slot)),
                        count,
                    );
                },
            )
            .map_err(failed)?;
        } else {
            walk(
                self.connection,
                source.dim,
                source.ids,
                &buckets.window.pieces(),
                |_, id, count| {
                    add(&mut sums, usize::try_from(value_of(id)).unwrap_or(usize::MAX), count);
                },
            )
            .map_err(failed)?;
        }
        let mut largest: Vec<(u64, u32)> = sums.iter().copied().zip(0_u32..).filter(|(sum, _)| *sum > 0).collect();
        largest.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        largest.truncate(top);
        if at_once {
            let row = |value: u32| {
                let from = usize::try_from(value).unwrap_or(0).saturating_mul(buckets.count);
                matrix
                    .get(from..from.saturating_add(buckets.count))
                    .unwrap_or_default()
                    .to_vec()
            };
            let mut total = vec![0_u64; buckets.count];
            for counts in matrix.chunks_exact(buckets.count.max(1)) {
                for (total, count) in total.iter_mut().zip(counts) {
                    *total = total.saturating_add(*count);
                }
            }
            let rows = largest.into_iter().map(|(_, value)| (value, row(value))).collect();
            return Ok((rows, Some(total)));
        }
        self.in_time()?;
        let mut rows: Vec<(u32, Vec<u64>)> = largest
            .iter()
            .map(|(_, value)| (*value, vec![0; buckets.count]))
            .collect();
        let mut place = vec![u32::MAX; source.size];
        for ((_, value), at) in largest.iter().zip(0_u32..) {
            if let Some(place) = usize::try_from(*value).ok().and_then(|value| place.get_mut(value)) {
                *place = at;
            }
        }
        if source.values.is_some() {
            // Every series that matches is walked again: the sum of all comes along.
            let mut total = vec![0_u64; buckets.count];
            walk(
                self.connection,
                source.dim,
                source.ids,
                &buckets.pieces(),
                |slot, id, count| {
                    let at = buckets.at(slot);
                    add(&mut total, at, count);
                    let row = usize::try_from(value(&place, value_of(id)))
                        .ok()
                        .and_then(|at| rows.get_mut(at));
                    if let Some((_, row)) = row {
                        add(row, at, count);
                    }
                },
            )
            .map_err(failed)?;
            return Ok((rows, Some(total)));
        }
        // Only the largest values are walked again.
        let mut again = IdSet::none(u32::try_from(source.size).unwrap_or(u32::MAX));
        largest.iter().for_each(|(_, value)| again.insert(*value));
        walk(
            self.connection,
            source.dim,
            Ids::In(&again),
            &buckets.pieces(),
            |slot, id, count| {
                let row = usize::try_from(value(&place, id)).ok().and_then(|at| rows.get_mut(at));
                if let Some((_, row)) = row {
                    add(row, buckets.at(slot), count);
                }
            },
        )
        .map_err(failed)?;
        Ok((rows, None))
    }

    /// One above the largest value of a dimension.
    fn values_below(&self, dim: Dim) -> Result<u32, ReadError> {
        let Some(code) = dim.field().and_then(super::super::codes::field_code) else {
            return Ok(self.numbers.next_fingerprint);
        };
        self.connection
            .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM dictionary WHERE field = ?1")
            .and_then(|mut read| read.query_row([code], |row| row.get(0)))
            .map_err(failed)
    }

    /// A value as shown; `-` where it is unknown.
    fn value_name(&self, dim: Dim, id: u32) -> Result<String, ReadError> {
        let name = match dim.field() {
            Some(field) => self.name(field, id)?,
            None => {
                let key: Option<[u8; 16]> = self
                    .connection
                    .prepare_cached("SELECT fingerprint FROM fingerprints WHERE id = ?1")
                    .and_then(|mut read| read.query_row([id], |row| row.get(0)).optional())
                    .map_err(failed)?;
                key.map(|key| crate::event::Fingerprint::from_bytes(key).to_string())
            }
        };
        Ok(name.unwrap_or_else(|| "-".to_owned()))
    }
}

#[inline]
fn add(counters: &mut [u64], at: usize, count: u64) {
    if let Some(counter) = counters.get_mut(at) {
        *counter = counter.saturating_add(count);
    }
}
