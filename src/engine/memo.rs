//! What was worked out before, by key; bounded, the least recently used leave first.

use quick_cache::unsync::Cache;
use std::sync::Arc;

/// A memo.
#[derive(Debug)]
pub(super) struct Memo<T> {
    known: Option<Cache<u128, Arc<T>, quick_cache::UnitWeighter, FoldedKeys>>,
    capacity: usize,
}

/// Keys are hashes already.
type FoldedKeys = foldhash::fast::FixedState;

impl<T> Memo<T> {
    /// A memo of at most `capacity` entries; 0 remembers nothing.
    pub(super) fn new(capacity: usize) -> Self {
        let cache = || {
            Cache::with(
                capacity,
                u64::try_from(capacity).unwrap_or(u64::MAX),
                quick_cache::UnitWeighter,
                FoldedKeys::default(),
                quick_cache::unsync::DefaultLifecycle::default(),
            )
        };
        Self {
            known: (capacity > 0).then(cache),
            capacity,
        }
    }

    pub(super) fn get(&self, key: u128) -> Option<Arc<T>> {
        self.known.as_ref()?.get(&key).cloned()
    }

    pub(super) fn insert(&mut self, key: u128, value: Arc<T>) {
        if let Some(known) = &mut self.known {
            known.insert(key, value);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }
}
