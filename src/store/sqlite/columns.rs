//! Fixed-width columns: one value per id, kept in chunks that fit a page.
//!
//! A million issues change a few thousand times a second; as rows with indexes that would touch a page or two each.
//! As columns a change patches a number in a page, and a question reads a column of a million values in milliseconds.

use super::codes::{COLUMN_CHUNK, Column, column_key};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

/// How a new value meets the one that stands there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patch {
    /// It replaces it.
    Set(u64),
    /// The smaller one stays.
    Min(u64),
    /// The larger one stays.
    Max(u64),
    /// They are added.
    Add(u64),
}

/// Changes to columns, gathered and written chunk by chunk.
#[derive(Debug, Default)]
pub(super) struct Patches {
    by_chunk: BTreeMap<(Column, u32), Vec<(usize, Patch)>>,
}

impl Patches {
    pub(super) fn push(&mut self, column: Column, id: u32, patch: Patch) {
        let offset = usize::try_from(id % COLUMN_CHUNK).unwrap_or(0);
        self.by_chunk
            .entry((column, id / COLUMN_CHUNK))
            .or_default()
            .push((offset, patch));
    }

    pub(super) fn set(&mut self, column: Column, id: u32, value: u32) {
        self.push(column, id, Patch::Set(u64::from(value)));
    }

    /// Writes all of them.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut read = connection.prepare_cached("SELECT data FROM columns WHERE key = ?1")?;
        let mut write = connection.prepare_cached("INSERT OR REPLACE INTO columns(key, data) VALUES (?1, ?2)")?;
        for ((column, chunk), patches) in self.by_chunk {
            let key = column_key(column, chunk);
            let width = column.width();
            let mut data: Vec<u8> = read.query_row([key], |row| row.get(0)).optional()?.unwrap_or_default();
            for (offset, patch) in patches {
                let from = offset * width;
                if data.len() < from + width {
                    data.resize(from + width, 0);
                }
                let Some(place) = data.get_mut(from..from + width) else {
                    continue;
                };
                let old = number(place);
                let new = match patch {
                    Patch::Set(value) => value,
                    Patch::Min(value) => old.min(value),
                    Patch::Max(value) => old.max(value),
                    Patch::Add(value) => old.saturating_add(value),
                };
                let bytes = new.to_le_bytes();
                place.copy_from_slice(bytes.get(..width).unwrap_or_default());
            }
            write.execute(params![key, data])?;
        }
        Ok(())
    }
}

fn number(bytes: &[u8]) -> u64 {
    match <[u8; 8]>::try_from(bytes) {
        Ok(eight) => u64::from_le_bytes(eight),
        Err(_) => bytes.try_into().map_or(0, |four| u64::from(u32::from_le_bytes(four))),
    }
}

/// A value wide or narrow.
pub(super) trait Value: Copy + Default {
    fn read(chunk: &[u8], out: &mut [Self]);
}

impl Value for u32 {
    fn read(chunk: &[u8], out: &mut [Self]) {
        for (four, out) in chunk.as_chunks::<4>().0.iter().zip(out) {
            *out = u32::from_le_bytes(*four);
        }
    }
}

impl Value for u64 {
    fn read(chunk: &[u8], out: &mut [Self]) {
        for (eight, out) in chunk.as_chunks::<8>().0.iter().zip(out) {
            *out = u64::from_le_bytes(*eight);
        }
    }
}

/// A whole column: `size` values, 0 where none was written.
pub(super) fn whole<T: Value>(connection: &Connection, column: Column, size: u32) -> rusqlite::Result<Vec<T>> {
    let mut out = vec![T::default(); usize::try_from(size).unwrap_or(0)];
    let mut read = connection.prepare_cached("SELECT key, data FROM columns WHERE key >= ?1 AND key < ?2")?;
    let from = column_key(column, 0);
    let mut rows = read.query([from, column_key(column, u32::MAX)])?;
    while let Some(row) = rows.next()? {
        let chunk = row.get::<_, i64>(0)? - from;
        let start = usize::try_from(chunk * i64::from(COLUMN_CHUNK)).unwrap_or(usize::MAX);
        let data = row.get_ref(1)?.as_blob().unwrap_or_default();
        if let Some(out) = out.get_mut(start..) {
            T::read(data, out);
        }
    }
    Ok(out)
}

/// One value; 0 where none was written.
pub(super) fn one(connection: &Connection, column: Column, id: u32) -> rusqlite::Result<u64> {
    let mut read = connection.prepare_cached("SELECT data FROM columns WHERE key = ?1")?;
    let data: Option<Vec<u8>> = read
        .query_row([column_key(column, id / COLUMN_CHUNK)], |row| row.get(0))
        .optional()?;
    let width = column.width();
    let from = usize::try_from(id % COLUMN_CHUNK).unwrap_or(0) * width;
    Ok(data
        .as_deref()
        .and_then(|data| data.get(from..from + width))
        .map_or(0, number))
}
