//! One flush, one transaction.
//!
//! Comes in: a [`Flush`]. Goes out: all of it durable, or an error and nothing of it. What always holds: positions,
//! ledger and data are committed together, so whoever starts again at the stored positions counts every record once.
//!
//! `synchronous = NORMAL`: a killed process loses nothing that was committed. After a power loss the last commits may
//! be gone, whole and in order; their positions are gone with them, so files are read again from there. Where a
//! sender is told "stored" and will not send again (push), ask for [`super::Durability::PowerLoss`].
//!
//! There is one write connection, behind a mutex that flushes and people's changes share: a second one would have to
//! wait for SQLite's lock just the same, and the numbers remembered here would go stale under it.

mod details;
mod identities;
mod remainder;
mod stats;

use super::codes::Dim;
use super::columns::Patches;
use super::counts::Gathered;
use super::dictionary::Dictionary;
use super::error::WriteError;
use super::postings::Postings;
use super::states::States;
use super::text::Unindexed;
use crate::alert::{Alert, ChangeKind};
use crate::fold::Flush;
pub(super) use details::Touched;
pub(super) use identities::{Body, part_id, severity_id};
use identities::{FingerprintEntry, IssueEntry};
use quick_cache::unsync::Cache;
use rusqlite::Connection;
use std::sync::Arc;

/// Entries remembered: an entry is some 50 bytes, so the three tables stay below 40 MB.
const FINGERPRINTS_REMEMBERED: usize = 100_000;
const ISSUES_REMEMBERED: usize = 250_000;
const SERIES_REMEMBERED: usize = 300_000;
/// Bytes of first stacks remembered.
const STACKS_REMEMBERED: u64 = 32 << 20;

/// Numbers that only grow: ids are never used twice, so that what still names a deleted one finds nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) next_fingerprint: u32,
    pub(super) next_issue: u32,
    pub(super) next_series: u32,
    pub(super) fingerprints: i64,
    pub(super) issues: i64,
    pub(super) details: i64,
}

impl Numbers {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut read = connection.prepare_cached("SELECT value FROM numbers WHERE name = ?1")?;
        let mut number = |name: &str| -> rusqlite::Result<i64> {
            use rusqlite::OptionalExtension as _;
            Ok(read.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
        };
        let next = |number: i64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Ok(Self {
            next_fingerprint: next(number("next_fingerprint")?),
            next_issue: next(number("next_issue")?),
            next_series: next(number("next_series")?),
            fingerprints: number("fingerprints")?,
            issues: number("issues")?,
            details: number("details")?,
        })
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut write = connection.prepare_cached("INSERT OR REPLACE INTO numbers(name, value) VALUES (?1, ?2)")?;
        for (name, value) in [
            ("next_fingerprint", i64::from(self.next_fingerprint)),
            ("next_issue", i64::from(self.next_issue)),
            ("next_series", i64::from(self.next_series)),
            ("fingerprints", self.fingerprints),
            ("issues", self.issues),
            ("details", self.details),
        ] {
            write.execute(rusqlite::params![name, value])?;
        }
        Ok(())
    }
}

/// The writing side: the one connection that writes, and what it remembers.
pub(super) struct WriteSide {
    pub(super) connection: Connection,
    pub(super) dictionary: Dictionary,
    pub(super) postings: Postings,
    fingerprints: Cache<u128, FingerprintEntry>,
    issues: Cache<u128, IssueEntry>,
    series: Cache<u128, u32>,
    stacks: Cache<u32, Arc<str>, StackBytes>,
    unindexed: Unindexed,
    pub(super) numbers: Numbers,
    pub(super) states: States,
    /// Whom changes of alerts made by hand are told.
    pub(super) tell: Routing,
}

/// Names of the destinations a change of an alert is told.
pub type Routing = Arc<dyn Fn(&Alert, ChangeKind) -> Vec<String> + Send + Sync>;

#[derive(Clone)]
struct StackBytes;

impl quick_cache::Weighter<u32, Arc<str>> for StackBytes {
    fn weight(&self, _: &u32, stack: &Arc<str>) -> u64 {
        u64::try_from(stack.len()).unwrap_or(u64::MAX).saturating_add(64)
    }
}

impl WriteSide {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        connection.set_prepared_statement_cache_capacity(128);
        super::text::tune(&connection)?;
        Ok(Self {
            numbers: Numbers::read(&connection)?,
            states: States::read(&connection)?,
            dictionary: Dictionary::read(&connection)?,
            postings: Postings::default(),
            fingerprints: Cache::new(FINGERPRINTS_REMEMBERED),
            issues: Cache::new(ISSUES_REMEMBERED),
            series: Cache::new(SERIES_REMEMBERED),
            stacks: Cache::with_weighter(8_192, STACKS_REMEMBERED, StackBytes),
            unindexed: Unindexed::default(),
            tell: Arc::new(|_, _| Vec::new()),
            connection,
        })
    }

    /// Does `work` in a transaction: all of it or nothing. What was remembered goes with what was taken back.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let outcome = work(self).and_then(|done| {
            self.connection.execute_batch("COMMIT")?;
            Ok(done)
        });
        if outcome.is_err() {
            self.take_back();
        }
        outcome
    }

    fn take_back(&mut self) {
        if !self.connection.is_autocommit() {
            // SQLite may have rolled back by itself (full disk); a second roll-back then has nothing to say.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.forget();
        self.unindexed.forget();
        if let Ok(numbers) = Numbers::read(&self.connection) {
            self.numbers = numbers;
        }
        if let Ok(states) = States::read(&self.connection) {
            self.states = states;
        }
    }

    /// Forgets what can be looked up again.
    pub(super) fn forget(&mut self) {
        self.dictionary.forget();
        self.postings.forget();
        self.fingerprints.clear();
        self.issues.clear();
        self.series.clear();
        self.stacks.clear();
    }

    /// Whether so many entries of a memory are all there are, so that what it does not hold is new and need not be
    /// searched for. A memory holds nothing that is not stored, so the numbers tell.
    fn is_all(remembered: usize, stored: i64) -> bool {
        i64::try_from(remembered).is_ok_and(|remembered| remembered == stored)
    }

    /// Stores a flush.
    pub(super) fn apply(&mut self, flush: &Flush) -> Result<(), WriteError> {
        self.transaction(|side| {
            side.put(flush)?;
            Ok(())
        })
    }

    pub(super) fn put(&mut self, flush: &Flush) -> rusqlite::Result<()> {
        let mut patches = Patches::default();
        let mut counts = Gathered::default();
        let mut met = identities::Met::default();
        let touched = self.put_details(&flush.details, &mut met, &mut patches, &mut counts)?;
        self.put_stats(&flush.stats, &mut met, &mut patches, &mut counts)?;
        self.put_remainder(flush)?;
        patches.write(&self.connection)?;
        self.put_suggestions(&counts)?;
        counts.write(&self.connection)?;
        self.postings.write(&self.connection)?;
        self.unindexed.write(&self.connection)?;
        self.states.after_flush(&self.connection, &touched)?;
        self.numbers.write(&self.connection)
    }
}

/// Every dimension of `TREND_DIMENSIONS` that follows from what the error is.
pub(super) const OF_IDENTITY: [Dim; 7] = [
    Dim::ErrorType,
    Dim::Category,
    Dim::Severity,
    Dim::Part,
    Dim::Exception,
    Dim::Group,
    Dim::Fingerprint,
];

/// Every dimension that follows from where it happened.
pub(super) const OF_PLACE: [Dim; 7] = [
    Dim::Job,
    Dim::Cluster,
    Dim::Namespace,
    Dim::Team,
    Dim::Engine,
    Dim::Role,
    Dim::Host,
];
