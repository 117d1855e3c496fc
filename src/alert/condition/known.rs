//! Which errors were seen before, and when last.
//!
//! 24 bytes an error. Kept in shards, so that what changed can be written without writing all.

use std::mem::size_of;

/// How an error was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sighted {
    /// Never before, as far as is remembered.
    First,
    /// After so many minutes without it; 0 where it came lately.
    After(i64),
    /// Though somebody said it was mended.
    Mended,
}

/// An error that was seen: its id in two halves, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: (u64, u64),
    /// When last, in [`Known::UNIT`] minutes since the epoch; the first bit says that it is said to be mended since.
    last: u32,
}

const MENDED: u32 = 1 << 31;

/// Errors that were seen before.
#[derive(Debug, Default)]
pub(super) struct Known {
    shards: Vec<Shard>,
}

#[derive(Debug, Clone, Default)]
struct Shard {
    entries: Vec<Entry>,
    changed: bool,
}

impl Known {
    const SHARDS: u64 = 1 << 12;
    /// Errors kept in a shard, two millions in all: 48 MB. Of more, the one not seen for longest is forgotten, and new
    /// when it comes again.
    const SHARD_LIMIT: usize = 512;
    /// Times are kept to ten minutes, so that an error that goes on is not written every minute.
    const UNIT: i64 = 10;

    /// Sees an error in a minute.
    pub(super) fn see(&mut self, id: u128, minute: i64) -> Sighted {
        let now = unit(minute);
        let Some((shard, key)) = self.shard(id) else {
            return Sighted::First;
        };
        match shard.entries.binary_search_by_key(&key, |entry| entry.id) {
            Ok(at) => {
                let Some(entry) = shard.entries.get_mut(at) else {
                    return Sighted::After(0);
                };
                let (last, mended) = (entry.last & !MENDED, entry.last & MENDED != 0);
                if now < last || (now == last && !mended) {
                    return Sighted::After(0);
                }
                entry.last = now;
                shard.changed = true;
                if mended {
                    return Sighted::Mended;
                }
                Sighted::After(i64::from(now - last) * Self::UNIT)
            }
            Err(_) => {
                shard.learn(key, now);
                Sighted::First
            }
        }
    }

    /// Takes what another life knew.
    pub(super) fn learn(&mut self, id: u128, minute: i64) {
        let now = unit(minute);
        if let Some((shard, key)) = self.shard(id) {
            shard.learn(key, now);
        }
    }

    /// Somebody says that an error is mended.
    pub(super) fn mend(&mut self, id: u128) {
        if let Some((shard, key)) = self.shard(id)
            && let Ok(at) = shard.entries.binary_search_by_key(&key, |entry| entry.id)
            && let Some(entry) = shard.entries.get_mut(at)
        {
            entry.last |= MENDED;
            shard.changed = true;
        }
    }

    fn shard(&mut self, id: u128) -> Option<(&mut Shard, (u64, u64))> {
        if self.shards.is_empty() {
            let shards = usize::try_from(Self::SHARDS).unwrap_or(1);
            self.shards.resize(shards, Shard::default());
        }
        let [high, low] = halves(id);
        let at = usize::try_from(low % Self::SHARDS).ok()?;
        self.shards.get_mut(at).map(|shard| (shard, (high, low)))
    }

    /// The shards that changed since the last call, as bytes.
    pub(super) fn changed(&mut self) -> impl Iterator<Item = (usize, Vec<u8>)> {
        let changed = self.shards.iter_mut().enumerate().filter(|(_, shard)| shard.changed);
        changed.map(|(number, shard)| {
            shard.changed = false;
            let mut bytes = Vec::with_capacity(shard.entries.len() * ENTRY);
            for entry in &shard.entries {
                bytes.extend_from_slice(&entry.id.0.to_le_bytes());
                bytes.extend_from_slice(&entry.id.1.to_le_bytes());
                bytes.extend_from_slice(&entry.last.to_le_bytes());
            }
            (number, bytes)
        })
    }

    /// Takes the bytes of a shard back; false where they are none.
    pub(super) fn restore(&mut self, bytes: &[u8]) -> bool {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        for entry in entries {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, last @ ..] = *entry;
            let high = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            let low = u64::from_le_bytes([i, j, k, l, m, n, o, p]);
            let id = (u128::from(high) << 64) | u128::from(low);
            if let Some((shard, key)) = self.shard(id) {
                let changed = shard.changed;
                shard.learn(key, u32::from_le_bytes(last));
                shard.changed = changed;
            }
        }
        rest.is_empty()
    }

    /// Errors known.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.entries.len()).sum()
    }
}

/// Bytes of an entry as it is kept.
const ENTRY: usize = 2 * size_of::<u64>() + size_of::<u32>();

impl Shard {
    fn learn(&mut self, id: (u64, u64), last: u32) {
        match self.entries.binary_search_by_key(&id, |entry| entry.id) {
            Ok(at) => {
                let known = self.entries.get_mut(at);
                if let Some(entry) = known.filter(|entry| entry.last & !MENDED < last & !MENDED) {
                    entry.last = last;
                    self.changed = true;
                }
            }
            Err(at) => {
                self.entries.insert(at, Entry { id, last });
                self.changed = true;
                if self.entries.len() > Known::SHARD_LIMIT {
                    let oldest = self
                        .entries
                        .iter()
                        .enumerate()
                        .min_by_key(|(_, entry)| entry.last & !MENDED);
                    if let Some((oldest, _)) = oldest {
                        self.entries.remove(oldest);
                    }
                }
            }
        }
    }
}

fn unit(minute: i64) -> u32 {
    let units = minute.div_euclid(Known::UNIT).clamp(0, i64::from(MENDED - 1));
    u32::try_from(units).unwrap_or(0)
}

fn halves(id: u128) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = id.to_be_bytes();
    [
        u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        u64::from_be_bytes([i, j, k, l, m, n, o, p]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_new_once_and_quiet_is_counted() {
        let mut known = Known::default();
        assert_eq!(known.see(7, 1_000), Sighted::First);
        assert_eq!(known.see(7, 1_005), Sighted::After(0));
        assert_eq!(known.see(7, 5_000), Sighted::After(4_000));
        assert_eq!(known.see(7, 900), Sighted::After(0), "what comes late is no return");
        known.mend(7);
        assert_eq!(known.see(7, 5_001), Sighted::Mended);
        assert_eq!(known.see(7, 5_001), Sighted::After(0));
    }

    #[test]
    fn what_is_kept_is_known_again_and_only_what_changed_is_written() {
        let mut known = Known::default();
        for id in 0..5_000_u128 {
            known.learn(id * 0x1_0001_0001_0001_0003, 1_000);
        }
        let mut other = Known::default();
        for (_, bytes) in known.changed() {
            assert!(other.restore(&bytes));
        }
        assert_eq!(other.len(), 5_000);
        assert_eq!(other.changed().count(), 0);
        assert_eq!(other.see(4_999 * 0x1_0001_0001_0001_0003, 1_000), Sighted::After(0));
        assert_eq!(other.see(3, 1_000), Sighted::First);
        assert_eq!(other.changed().count(), 1);
        assert!(!other.restore(&[1, 2, 3]));
    }

    #[test]
    fn a_full_shard_forgets_what_was_not_seen_for_longest() {
        let mut known = Known::default();
        let id = |n: u128| n << 64;
        for n in 0..600 {
            known.see(id(n), 1_000 + i64::try_from(n).unwrap() * 10);
        }
        assert_eq!(known.len(), Known::SHARD_LIMIT);
        assert_eq!(known.see(id(0), 9_000), Sighted::First);
        assert_ne!(known.see(id(599), 9_000), Sighted::First);
    }
}
