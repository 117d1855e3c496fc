//! Counts over time: by dimension and id, by minute and by hour, exact.
//!
//! A row holds the counts of up to 4096 neighbouring ids in one slot, sparse. Ten million detail rows become some
//! thirty megabytes, so that any sum over any window is read, not estimated.

use super::bytes::{Sparse, merge_sparse};
use super::codes::{COUNT_CHUNK, Dim, Level, count_key, field_code, low32};
use super::set::IdSet;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{BTreeMap, HashMap};

/// Whole minutes: the first, and the one after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Window {
    /// The minutes touched by `from..to` in milliseconds: counts are kept by minute, so windows are whole minutes.
    pub(super) fn of_millis(from: i64, to: i64) -> Self {
        let minute = |millis: i64| u32::try_from(millis.max(0)).unwrap_or(u32::MAX);
        let from = minute(from.max(0) / 60_000);
        let to = minute(to.max(0) / 60_000 + i64::from(to.max(0) % 60_000 > 0));
        Self { from, to: to.max(from) }
    }

    /// Nanoseconds at which it begins.
    pub(super) fn begin_nanos(self) -> u64 {
        u64::from(self.from).saturating_mul(60_000_000_000)
    }

    /// Nanoseconds at which it has ended.
    pub(super) fn end_nanos(self) -> u64 {
        u64::from(self.to).saturating_mul(60_000_000_000)
    }

    /// The fewest rows that cover it: minutes up to the first whole hour, hours, the minutes that remain.
    pub(super) fn pieces(self) -> Vec<(Level, u32, u32)> {
        let first = self.from.div_ceil(60);
        let last = self.to / 60;
        if first >= last {
            return vec![(Level::Minute, self.from, self.to)];
        }
        [
            (Level::Minute, self.from, first * 60),
            (Level::Hour, first, last),
            (Level::Minute, last * 60, self.to),
        ]
        .into_iter()
        .filter(|(_, from, to)| from < to)
        .collect()
    }
}

/// Counts gathered before they are written.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Dimension, minute and id in one number.
    counts: HashMap<u128, u64, foldhash::fast::FixedState>,
}

impl Gathered {
    pub(super) fn add(&mut self, dim: Dim, minute: u32, id: u32, count: u64) {
        let key = u128::from(dim.code()) << 64 | u128::from(id) << 32 | u128::from(minute);
        let sum = self.counts.entry(key).or_default();
        *sum = sum.saturating_add(count);
    }

    /// Events by value: (number of the field, number of the value), of dimensions a dictionary names.
    pub(super) fn by_value(&self) -> BTreeMap<(u8, u32), u64> {
        let mut sums = BTreeMap::new();
        #[allow(clippy::iter_over_hash_type, reason = "summed into an ordered map")]
        for (key, count) in &self.counts {
            let (dim, id, _) = unpack(*key);
            let named = dim
                .filter(|dim| !matches!(dim, Dim::LoudJob | Dim::Group))
                .and_then(Dim::field);
            if let Some(code) = named.and_then(field_code).filter(|_| id > 0) {
                let sum: &mut u64 = sums.entry((code, id)).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        sums
    }

    /// Adds all of them to what is stored.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut entries: Vec<Entry> = Vec::with_capacity(self.counts.len() * 2);
        #[allow(clippy::iter_over_hash_type, reason = "sorted before it is used")]
        for (key, count) in self.counts {
            let (Some(dim), id, minute) = unpack(key) else {
                continue;
            };
            for (level, slot) in [(Level::Minute, minute), (Level::Hour, minute / 60)] {
                let row = count_key(dim, level, id / COUNT_CHUNK, slot);
                entries.push(Entry {
                    row,
                    offset: id % COUNT_CHUNK,
                    count,
                });
            }
        }
        entries.sort_unstable_by_key(|entry| (entry.row, entry.offset));
        let mut read = connection.prepare_cached("SELECT data FROM counts WHERE key = ?1")?;
        let mut write = connection.prepare_cached("INSERT OR REPLACE INTO counts(key, data) VALUES (?1, ?2)")?;
        let mut more: Vec<(u32, u64)> = Vec::new();
        for of_row in entries.chunk_by(|a, b| a.row == b.row) {
            more.clear();
            for entry in of_row {
                match more.last_mut() {
                    Some((offset, count)) if *offset == entry.offset => *count = count.saturating_add(entry.count),
                    Some(_) | None => more.push((entry.offset, entry.count)),
                }
            }
            let Some(row) = of_row.first().map(|entry| entry.row) else {
                continue;
            };
            let merged = read
                .query_row([row], |row| {
                    Ok(merge_sparse(row.get_ref(0)?.as_blob().unwrap_or_default(), &more))
                })
                .optional()?;
            write.execute(params![row, merged.unwrap_or_else(|| merge_sparse(&[], &more))])?;
        }
        Ok(())
    }
}

fn unpack(key: u128) -> (Option<Dim>, u32, u32) {
    let low = |bits: u128| u32::try_from(bits & 0xffff_ffff).unwrap_or(0);
    let code = low(key >> 64);
    let dim = Dim::ALL.iter().copied().find(|dim| u32::from(dim.code()) == code);
    (dim, low(key >> 32), low(key))
}

struct Entry {
    row: i64,
    offset: u32,
    count: u64,
}

/// Which ids a walk visits.
#[derive(Clone, Copy)]
pub(super) enum Ids<'a> {
    /// Every one below this.
    Below(u32),
    /// These.
    In(&'a IdSet),
}

impl Ids<'_> {
    fn size(self) -> u32 {
        match self {
            Ids::Below(size) => size,
            Ids::In(set) => set.size(),
        }
    }

    fn any_in(self, from: u32, to: u32) -> bool {
        match self {
            Ids::Below(_) => true,
            Ids::In(set) => set.any_in(from, to),
        }
    }
}

/// Walks over the counts of a dimension: `visit(slot in minutes, id, count)`. Ids that are not wanted are left out;
/// `pieces` says which levels and slots.
pub(super) fn walk(
    connection: &Connection,
    dim: Dim,
    ids: Ids<'_>,
    pieces: &[(Level, u32, u32)],
    mut visit: impl FnMut(u32, u32, u64),
) -> rusqlite::Result<()> {
    let mut read = connection.prepare_cached("SELECT key, data FROM counts WHERE key >= ?1 AND key < ?2")?;
    for chunk in 0..ids.size().div_ceil(COUNT_CHUNK) {
        let first = chunk * COUNT_CHUNK;
        if !ids.any_in(first, first.saturating_add(COUNT_CHUNK)) {
            continue;
        }
        for (level, from, to) in pieces {
            let minutes = match level {
                Level::Minute => 1,
                Level::Hour => 60,
            };
            let mut rows = read.query([count_key(dim, *level, chunk, *from), count_key(dim, *level, chunk, *to)])?;
            while let Some(row) = rows.next()? {
                let slot = low32(row.get(0)?).saturating_mul(minutes);
                let data = row.get_ref(1)?.as_blob().unwrap_or_default();
                match ids {
                    Ids::Below(_) => Sparse::new(data).for_each(|(offset, count)| visit(slot, first + offset, count)),
                    Ids::In(set) => {
                        for (offset, count) in Sparse::new(data) {
                            if set.contains(first + offset) {
                                visit(slot, first + offset, count);
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// The sum of each id over a window; index is the id.
pub(super) fn sums(connection: &Connection, dim: Dim, ids: Ids<'_>, window: Window) -> rusqlite::Result<Vec<u64>> {
    let mut sums = vec![0_u64; usize::try_from(ids.size()).unwrap_or(0)];
    walk(connection, dim, ids, &window.pieces(), |_, id, count| {
        if let Some(sum) = usize::try_from(id).ok().and_then(|id| sums.get_mut(id)) {
            *sum = sum.saturating_add(count);
        }
    })?;
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_covered_once_by_minutes_and_hours() {
        for (from, to) in [(0, 0), (5, 50), (59, 61), (60, 120), (30, 200), (61, 3000)] {
            let mut minutes = Vec::new();
            for (level, from, to) in (Window { from, to }).pieces() {
                match level {
                    Level::Minute => minutes.extend(from..to),
                    Level::Hour => minutes.extend(from * 60..to * 60),
                }
            }
            assert_eq!(minutes, (from..to).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_window_takes_in_the_minutes_it_touches() {
        assert_eq!(Window::of_millis(61_000, 119_999), Window { from: 1, to: 2 });
        assert_eq!(Window::of_millis(-5, 60_000), Window { from: 0, to: 1 });
        assert_eq!(Window::of_millis(0, i64::MAX).to, u32::MAX);
    }
}
