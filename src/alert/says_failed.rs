//! Whether a masked message says that a job or a task has failed, remembered: few messages, many events.

use super::Cascades;
use hashbrown::HashMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Remembers which masked messages say that something failed.
#[derive(Debug)]
pub(super) struct SaysFailed {
    cascades: Arc<Cascades>,
    known: HashMap<u128, bool, foldhash::fast::RandomState>,
}

impl SaysFailed {
    /// Messages remembered, at 24 bytes each; then all are asked anew.
    const KNOWN: usize = 100_000;

    pub(super) fn new(cascades: Arc<Cascades>) -> Self {
        Self {
            cascades,
            known: HashMap::default(),
        }
    }

    /// Whether it does.
    pub(super) fn of(&mut self, template: &str) -> bool {
        let key = xxh3_128(template.as_bytes());
        if let Some(failed) = self.known.get(&key) {
            return *failed;
        }
        if self.known.len() >= Self::KNOWN {
            self.known.clear();
        }
        let failed = self.cascades.says_failed(template);
        self.known.insert(key, failed);
        failed
    }
}
