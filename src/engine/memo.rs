//! What was worked out before, by memo key; bounded, the least recently used leave first.

use crate::identity::Identity;
use quick_cache::unsync::Cache;
use std::sync::Arc;

/// What a memo key determines.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Who it is.
    pub(super) identity: Arc<Identity>,
    /// A rule tells digits apart here, and the key does not hold them: to be worked out for each event.
    pub(super) depends_on_digits: bool,
    /// A word that goes with secrets stands in it.
    pub(super) may_hold_secret: bool,
}

/// The memo.
#[derive(Debug)]
pub(super) struct Memo {
    known: Option<Cache<u128, Arc<Remembered>>>,
    capacity: usize,
}

impl Memo {
    /// A memo of at most `capacity` errors; 0 remembers nothing.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            known: (capacity > 0).then(|| Cache::new(capacity)),
            capacity,
        }
    }

    pub(super) fn get(&self, key: u128) -> Option<Arc<Remembered>> {
        self.known.as_ref()?.get(&key).cloned()
    }

    pub(super) fn insert(&mut self, key: u128, value: Arc<Remembered>) {
        if let Some(known) = &mut self.known {
            known.insert(key, value);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }
}
