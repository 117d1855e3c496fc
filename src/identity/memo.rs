//! What was worked out before, by key; bounded, the least recently used leave first.

use quick_cache::unsync::Cache;
use std::sync::Arc;

/// What was worked out before, by the hash of all it was made from.
#[derive(Debug)]
pub struct Memo<T> {
    known: Option<Cache<u128, Arc<T>, quick_cache::UnitWeighter, FoldedKeys>>,
    capacity: usize,
}

/// Keys are hashes already.
type FoldedKeys = foldhash::fast::FixedState;

impl<T> Memo<T> {
    /// A memo of at most `capacity` entries; 0 remembers nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
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

    /// What is known under the key.
    #[must_use]
    pub fn get(&self, key: u128) -> Option<Arc<T>> {
        self.known.as_ref()?.get(&key).cloned()
    }

    /// What is known under the key, worked out where nothing is.
    pub fn known_or(&mut self, key: u128, work_out: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.get(key) {
            return known;
        }
        let fresh = Arc::new(work_out());
        self.insert(key, Arc::clone(&fresh));
        fresh
    }

    /// Remembers a value.
    pub fn insert(&mut self, key: u128, value: Arc<T>) {
        if let Some(known) = &mut self.known {
            known.insert(key, value);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }
}
