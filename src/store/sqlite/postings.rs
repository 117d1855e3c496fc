//! Which issues had a value in a sample: sets of issues by (field, value), in chunks of 65,536.
//!
//! A chunk is a sorted list of two-byte numbers while it is small, and 8 KB of bits when it is not.

use super::codes::posting_key;
use super::set::IdSet;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Above this many ids the bits are smaller than the list.
const LIST_LIMIT: usize = 4096;
const BITS_BYTES: usize = 8192;

/// Pairs gathered before they are written, and a table of pairs known to be stored.
///
/// The table forgets (one slot per hash), it never errs: a slot holds the pair itself.
#[derive(Debug)]
pub(super) struct Postings {
    known: Vec<(u32, u32, u8)>,
    gathered: Vec<(u8, u32, u32)>,
}

/// Slots of the table of known pairs; 12 bytes each.
const KNOWN_SLOTS: usize = 1 << 19;

impl Default for Postings {
    fn default() -> Self {
        Self {
            known: vec![(0, 0, 0); KNOWN_SLOTS],
            gathered: Vec::new(),
        }
    }
}

impl Postings {
    /// Notes that a sample of the issue had the value.
    pub(super) fn add(&mut self, field: u8, value: u32, issue: u32) {
        let mixed = (u64::from(issue) << 32 | u64::from(value))
            .wrapping_add(u64::from(field) << 57)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = usize::try_from(mixed >> 40).unwrap_or(0) % KNOWN_SLOTS;
        let Some(known) = self.known.get_mut(slot) else {
            return;
        };
        if *known != (issue, value, field) {
            *known = (issue, value, field);
            self.gathered.push((field, value, issue));
        }
    }

    /// Forgets everything: after a flush that was taken back.
    pub(super) fn forget(&mut self) {
        self.known.fill((0, 0, 0));
        self.gathered.clear();
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.sort_unstable();
        gathered.dedup();
        let mut read = connection.prepare_cached("SELECT data FROM postings WHERE key = ?1")?;
        let mut write = connection.prepare_cached("INSERT OR REPLACE INTO postings(key, data) VALUES (?1, ?2)")?;
        for of_chunk in gathered.chunk_by(|a, b| (a.0, a.1, a.2 >> 16) == (b.0, b.1, b.2 >> 16)) {
            let Some((field, value, issue)) = of_chunk.first().copied() else {
                continue;
            };
            let key = posting_key(field, value, u16::try_from(issue >> 16).unwrap_or(u16::MAX));
            let old: Option<Vec<u8>> = read.query_row([key], |row| row.get(0)).optional()?;
            let more = of_chunk
                .iter()
                .map(|(_, _, issue)| u16::try_from(issue & 0xffff).unwrap_or(0));
            if let Some(data) = with(old.unwrap_or_default(), more) {
                write.execute(params![key, data])?;
            }
        }
        gathered.clear();
        self.gathered = gathered;
        Ok(())
    }
}

/// The chunk with more ids; nothing when they were all in.
fn with(mut old: Vec<u8>, more: impl Iterator<Item = u16>) -> Option<Vec<u8>> {
    let mut changed = false;
    if old.len() == BITS_BYTES {
        for id in more {
            if let Some(byte) = old.get_mut(usize::from(id / 8)) {
                changed |= *byte >> (id % 8) & 1 == 0;
                *byte |= 1 << (id % 8);
            }
        }
        return changed.then_some(old);
    }
    let mut list: Vec<u16> = old
        .as_chunks::<2>()
        .0
        .iter()
        .map(|two| u16::from_le_bytes(*two))
        .collect();
    for id in more {
        match list.last() {
            Some(last) if *last < id => {
                list.push(id);
                changed = true;
            }
            Some(_) | None => {
                if let Err(place) = list.binary_search(&id) {
                    list.insert(place, id);
                    changed = true;
                }
            }
        }
    }
    if !changed {
        return None;
    }
    if list.len() < LIST_LIMIT {
        return Some(list.iter().flat_map(|id| id.to_le_bytes()).collect());
    }
    let mut bits = vec![0_u8; BITS_BYTES];
    for id in list {
        if let Some(byte) = bits.get_mut(usize::from(id / 8)) {
            *byte |= 1 << (id % 8);
        }
    }
    Some(bits)
}

/// Adds the issues of a (field, value) to a set.
pub(super) fn collect(connection: &Connection, field: u8, value: u32, into: &mut IdSet) -> rusqlite::Result<()> {
    collect_range(
        connection,
        posting_key(field, value, 0),
        posting_key(field, value, u16::MAX),
        into,
    )
}

/// Adds the issues of any value of a field to a set.
pub(super) fn collect_any(connection: &Connection, field: u8, into: &mut IdSet) -> rusqlite::Result<()> {
    collect_range(
        connection,
        posting_key(field, 0, 0),
        posting_key(field, u32::MAX, u16::MAX),
        into,
    )
}

fn collect_range(connection: &Connection, from: i64, to: i64, into: &mut IdSet) -> rusqlite::Result<()> {
    let mut read = connection.prepare_cached("SELECT key, data FROM postings WHERE key BETWEEN ?1 AND ?2")?;
    let mut rows = read.query([from, to])?;
    while let Some(row) = rows.next()? {
        let base = u32::try_from(row.get::<_, i64>(0)? & 0xffff).unwrap_or(0) << 16;
        let data = row.get_ref(1)?.as_blob().unwrap_or_default();
        if data.len() == BITS_BYTES {
            for (byte, at) in data.iter().zip(0_u32..) {
                for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
                    into.insert(base + at * 8 + bit);
                }
            }
        } else {
            for two in data.as_chunks::<2>().0 {
                into.insert(base + u32::from(u16::from_le_bytes(*two)));
            }
        }
    }
    Ok(())
}

/// How many ids a chunk holds.
pub(super) fn count(data: &[u8]) -> u64 {
    if data.len() == BITS_BYTES {
        data.iter().map(|byte| u64::from(byte.count_ones())).sum()
    } else {
        u64::try_from(data.len() / 2).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_becomes_bits_and_keeps_its_ids() {
        let first: Vec<u16> = (0..4000).map(|n| n * 3).collect();
        let list = with(Vec::new(), first.iter().copied()).unwrap();
        assert_eq!(list.len(), 8000);
        assert_eq!(with(list.clone(), [3_u16, 6].into_iter()), None);
        let bits = with(list, (0..200).map(|n| n * 300 + 1)).unwrap();
        assert_eq!(bits.len(), BITS_BYTES);
        let ones: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 4200);
    }
}
