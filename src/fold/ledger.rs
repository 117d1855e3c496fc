//! Records consumed = events folded + rejects, per source, always.

use std::sync::Arc;

/// Records consumed and what became of them: `records + extra == folded + rejected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    /// Records read.
    pub records: u64,
    /// Events beyond the first of their record (an OTLP record holds many).
    pub extra: u64,
    /// Events folded.
    pub folded: u64,
    /// Rejects.
    pub rejected: u64,
}

impl Ledger {
    /// Whether it adds up.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.records + self.extra == self.folded + self.rejected
    }

    /// Adds another.
    pub fn add(&mut self, other: &Ledger) {
        self.records += other.records;
        self.extra += other.extra;
        self.folded += other.folded;
        self.rejected += other.rejected;
    }
}

/// A record without a fate, or with two: a bug, found before anything was handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger of {source_name} does not add up: {} records and {} further events were read, {} folded and {} \
     rejected; nothing of this flush was stored, please report it",
    ledger.records, ledger.extra, ledger.folded, ledger.rejected
)]
pub struct LedgerBroken {
    /// The source.
    pub source_name: Arc<str>,
    /// Its ledger.
    pub ledger: Ledger,
}
