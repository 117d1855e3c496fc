//! Counts over time: by dimension and id, by minute and by hour, exact.
//!
//! A row holds the counts of up to 4096 neighbouring ids in one slot, sparse. Ten million detail rows become some
//! thirty megabytes, so that any sum over any window is read, not estimated.

use super::bytes::{Sparse, merge_sparse};
use super::codes::{COUNT_CHUNK, Dim, Level, count_key, field_code, low32};
use super::set::IdSet;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

pub(super) use crate::store::window::Window;

impl Window {
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

/// Counts gathered before they are written: a list per dimension, so that a flush of many thousand rows takes a few
/// megabytes and is sorted piece by piece.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    by_dim: BTreeMap<Dim, Vec<Count>>,
}

/// A count in a slot: a minute, or an hour once minutes are written.
#[derive(Debug, Clone, Copy)]
struct Count {
    slot: u32,
    id: u32,
    count: u64,
}

impl Count {
    /// The order of the rows they go into.
    fn place(&self) -> (u32, u32, u32) {
        (self.id / COUNT_CHUNK, self.slot, self.id)
    }
}

impl Gathered {
    /// Adds the counts of one dimension: (minute, id, count).
    pub(super) fn add(&mut self, dim: Dim, counts: impl Iterator<Item = (u32, u32, u64)>) {
        let counts = counts.map(|(slot, id, count)| Count { slot, id, count });
        let gathered = self.by_dim.entry(dim).or_default();
        gathered.extend(counts);
        settle(gathered);
    }

    /// Events by value: (number of the field, number of the value), of dimensions a dictionary names.
    pub(super) fn by_value(&self) -> BTreeMap<(u8, u32), u64> {
        let mut sums = BTreeMap::new();
        for (dim, counts) in &self.by_dim {
            let named = Some(*dim)
                .filter(|dim| !matches!(dim, Dim::LoudJob | Dim::Group))
                .and_then(Dim::field);
            let Some(code) = named.and_then(field_code) else {
                continue;
            };
            for Count { id, count, .. } in counts.iter().filter(|count| count.id > 0) {
                let sum: &mut u64 = sums.entry((code, *id)).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        sums
    }

    /// Adds all of them to what is stored.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        for (dim, mut counts) in self.by_dim {
            write_level(connection, dim, Level::Minute, &counts)?;
            counts.iter_mut().for_each(|count| count.slot /= 60);
            settle(&mut counts);
            write_level(connection, dim, Level::Hour, &counts)?;
        }
        Ok(())
    }
}

/// Sorts counts as their rows are and adds up those of one place.
fn settle(counts: &mut Vec<Count>) {
    counts.sort_unstable_by_key(Count::place);
    counts.dedup_by(|next, kept| {
        let same = next.slot == kept.slot && next.id == kept.id;
        if same {
            kept.count = kept.count.saturating_add(next.count);
        }
        same
    });
}

/// Adds settled counts to the rows of a level.
fn write_level(connection: &Connection, dim: Dim, level: Level, counts: &[Count]) -> rusqlite::Result<()> {
    let mut read = connection.prepare_cached("SELECT data FROM counts WHERE key = ?1")?;
    let mut write = connection.prepare_cached("INSERT OR REPLACE INTO counts(key, data) VALUES (?1, ?2)")?;
    let mut more: Vec<(u32, u64)> = Vec::new();
    let row_of = |count: &Count| (count.id / COUNT_CHUNK, count.slot);
    for of_row in counts.chunk_by(|a, b| row_of(a) == row_of(b)) {
        let Some((chunk, slot)) = of_row.first().map(row_of) else {
            continue;
        };
        more.clear();
        more.extend(of_row.iter().map(|count| (count.id % COUNT_CHUNK, count.count)));
        let key = count_key(dim, level, chunk, slot);
        let merged = read
            .query_row([key], |row| {
                Ok(merge_sparse(row.get_ref(0)?.as_blob().unwrap_or_default(), &more))
            })
            .optional()?;
        write.execute(params![key, merged.unwrap_or_else(|| merge_sparse(&[], &more))])?;
    }
    Ok(())
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
