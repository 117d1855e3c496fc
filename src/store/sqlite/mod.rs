//! The embedded store: SQLite in one folder.
//!
//! Comes in: flushes, one transaction each; what people say. Goes out: answers, from connections of their own that
//! never wait for a flush. What always holds: counts are exact, never sampled; killed at any moment, the store opens
//! and holds whole flushes only, positions included; one process writes, any number read.
//!
//! ```text
//! seismolog-data/
//!   seismolog.db      tables (schema.rs)      seismolog.db-wal, -shm   the write-ahead log
//!   seismolog.lock    held by the process that writes
//! ```
//!
//! How it is fast, in both directions: values are small numbers (dictionary.rs); what there is one of per issue,
//! fingerprint or series stands in fixed-width columns (columns.rs); counts by minute and hour are sparse rows of
//! 4096 neighbours (counts.rs); detail rows append by minute (codes.rs), stacks as patches (stack.rs). A question
//! turns its search into a set of ids (set.rs, read/filter.rs) and then reads columns and counts: milliseconds per
//! million, whatever the search was, without an index per field.

mod alerts;
mod bytes;
mod codes;
mod columns;
mod counts;
mod dictionary;
mod error;
mod postings;
mod read;
mod retain;
mod sample;
mod schema;
mod set;
mod stack;
mod states;
mod text;
mod write;

pub(crate) use alerts::ALERTS_TOPIC;
use alerts::Due;
pub use error::{OpenError, WriteError, WriteErrorKind};
pub use retain::{Retained, Retention};

use super::{
    AlertAct, AlertChange, AlertEditor, AlertReader, Delivery, EditError, Editor, IssueNotes, Marker, NewMarker,
    Outbox, Outgoing, Reader, StateChange, StoredAlert,
};
use crate::alert::{Alert, Judged, Piece};
use crate::event::{AlertId, IssueId};
use crate::fold::{Flush, SourcePosition};
use rusqlite::{Connection, OpenFlags};
use schema::{MIGRATIONS, MigrateError};
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub use write::Routing;
use write::WriteSide;

const DATABASE: &str = "seismolog.db";
const LOCK: &str = "seismolog.lock";

/// What must happen before a flush counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It survives the end of the process, however it ends. After a power loss the last flushes may be missing,
    /// whole and with their positions: right for sources that can be read again.
    #[default]
    ProcessCrash,
    /// It survives a power loss: one wait for the disk per flush.
    PowerLoss,
}

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// What must happen before a flush counts as stored.
    pub durability: Durability,
    /// Connections that read.
    pub readers: usize,
    /// How long a question may take, in milliseconds.
    pub question_limit_ms: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            durability: Durability::ProcessCrash,
            readers: 4,
            question_limit_ms: 10_000,
        }
    }
}

/// The embedded store of a folder. Holds the folder's lock until it and everything made from it is dropped.
pub struct Store {
    shared: Arc<Shared>,
    reader: Arc<read::SqliteReader>,
}

struct Shared {
    write: Mutex<WriteSide>,
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store of a folder for writing; makes folder and store where there are none, brings an older one up
    /// to date.
    ///
    /// # Errors
    /// In use by another process, of a later version, not ours, damaged, not writable, no space.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        std::fs::create_dir_all(folder).map_err(|error| OpenError::of_io(folder.to_owned(), &error))?;
        let lock = lock(folder)?;
        let sqlite = |error: rusqlite::Error| OpenError::of(folder.to_owned(), &error);
        let path = folder.join(DATABASE);
        refuse_unwritable(folder, &path)?;
        let mut connection = Connection::open(&path).map_err(sqlite)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(sqlite)?;
        schema::migrate(&mut connection, MIGRATIONS).map_err(|error| not_migrated(folder, error))?;
        connection
            .execute_batch(match options.durability {
                Durability::ProcessCrash => "PRAGMA synchronous = NORMAL",
                Durability::PowerLoss => "PRAGMA synchronous = FULL",
            })
            .and_then(|()| {
                // 32 MB of pages; the log is copied back when it holds 64 MB and cut to 128 MB, so that pages written
                // flush after flush are copied once.
                connection.execute_batch(
                    "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8192; PRAGMA temp_store = MEMORY;
                     PRAGMA journal_size_limit = 134217728; PRAGMA trusted_schema = OFF;",
                )
            })
            .map_err(sqlite)?;
        let side = WriteSide::new(connection).map_err(sqlite)?;
        let shared = Arc::new(Shared {
            write: Mutex::new(side),
            _lock: lock,
        });
        let reader = Arc::new(read::SqliteReader::new(path, options));
        Ok(Self { shared, reader })
    }

    /// Opens the store of a folder for questions only: beside a running service, or on its own.
    ///
    /// # Errors
    /// No store there, another version, not ours, damaged, not readable.
    pub fn open_read_only(folder: &Path, options: StoreOptions) -> Result<Arc<dyn Reader>, OpenError> {
        Ok(Self::only_reader(folder, options)?)
    }

    /// Opens the store of a folder for questions about alerts only.
    ///
    /// # Errors
    /// Those of [`Store::open_read_only`].
    pub fn open_alerts_read_only(folder: &Path, options: StoreOptions) -> Result<Arc<dyn AlertReader>, OpenError> {
        Ok(Self::only_reader(folder, options)?)
    }

    fn only_reader(folder: &Path, options: StoreOptions) -> Result<Arc<read::SqliteReader>, OpenError> {
        let path = folder.join(DATABASE);
        match std::fs::metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Missing(folder.to_owned()));
            }
            Err(error) => return Err(OpenError::of_io(folder.to_owned(), &error)),
        }
        let sqlite = |error: rusqlite::Error| OpenError::of(folder.to_owned(), &error);
        let connection = read::connect(&path).map_err(sqlite)?;
        let version = schema::version(&connection, MIGRATIONS).map_err(|error| not_migrated(folder, error))?;
        let known = schema::present(MIGRATIONS);
        if version < known {
            return Err(OpenError::Older {
                folder: folder.to_owned(),
                found: version,
                known,
            });
        }
        Ok(Arc::new(read::SqliteReader::new(path, options)))
    }

    /// The writing side.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer {
            shared: Arc::clone(&self.shared),
        }
    }

    /// The reading side.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.reader) as Arc<dyn Reader>
    }

    /// The reading side of alerts.
    #[must_use]
    pub fn alert_reader(&self) -> Arc<dyn AlertReader> {
        Arc::clone(&self.reader) as Arc<dyn AlertReader>
    }

    /// What people say of alerts.
    #[must_use]
    pub fn alert_editor(&self) -> Arc<dyn AlertEditor> {
        Arc::new(self.writer())
    }

    /// Who is still to be told of alerts.
    #[must_use]
    pub fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(self.writer())
    }

    /// Changes people make.
    #[must_use]
    pub fn editor(&self) -> Arc<dyn Editor> {
        Arc::new(self.writer())
    }
}

/// A name learned: job id, job name.
pub type LearnedName = (Box<str>, Box<str>);

/// The writing side of a store. Handles share one connection and take turns.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    fn with<T>(&self, work: impl FnOnce(&mut WriteSide) -> T) -> T {
        // A panic of another holder took its transaction with it or left it open; `transaction` begins anew and
        // fails loudly if it cannot.
        let mut side = self.shared.write.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut side)
    }

    /// Stores a flush: all of it in one transaction, or nothing of it.
    ///
    /// # Errors
    /// What kept it from being stored; the same flush can be handed over again.
    pub fn apply(&mut self, flush: &Flush) -> Result<(), WriteError> {
        self.with(|side| side.apply(flush))
    }

    /// Stores a flush, if any, and what was judged from it: all of it in one transaction, or nothing of it. Reminds
    /// of alerts that have gone on for long, so it is to be called every second or so even where nothing was judged.
    ///
    /// # Errors
    /// What kept it from being stored; the same can be handed over again.
    pub fn apply_judged(&mut self, flush: Option<&Flush>, judged: &Judged) -> Result<(), WriteError> {
        self.with(|side| {
            let tell = Arc::clone(&side.tell);
            side.apply_judged(flush, judged, &*tell)
        })
    }

    /// From now on changes of alerts are told to whom `tell` names.
    pub fn route(&self, tell: Routing) {
        self.with(|side| side.tell = tell);
    }

    /// What is still to be written to the topic of alerts.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn due_for_topic(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, WriteError> {
        Ok(self.with(|side| side.outbox_due(now, limit, &Due::Topic))?)
    }

    /// What the alerter of a former life kept, and the alerts that were not over then.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn judged_before(&self) -> Result<(Vec<Piece>, Vec<Alert>), WriteError> {
        self.with(|side| {
            let rows = alerts::AlertRows(&side.connection);
            Ok((rows.pieces()?, rows.open()?))
        })
    }

    /// Where every source goes on.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn positions(&self) -> Result<Vec<SourcePosition>, WriteError> {
        self.with(|side| {
            let mut read = side
                .connection
                .prepare("SELECT source, next, identity FROM positions ORDER BY source")?;
            let rows = read.query_map([], |row| {
                Ok(SourcePosition {
                    source: row.get::<_, String>(0)?.into(),
                    next: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                    identity: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    /// Names learned so far: job id to job name, latest last.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn learned(&self) -> Result<Vec<LearnedName>, WriteError> {
        self.with(|side| {
            let mut read = side
                .connection
                .prepare("SELECT job_id, job_name FROM learned ORDER BY rowid")?;
            let rows = read.query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?.into_boxed_str(),
                    row.get::<_, String>(1)?.into_boxed_str(),
                ))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    /// One step of retention, well below a second; call again while [`Retained::more`]. Also ends mutes whose time
    /// has come, so call it every minute or so even where everything is kept.
    ///
    /// # Errors
    /// The store could not be written.
    pub fn retain(&mut self, now_ms: i64, retention: &Retention) -> Result<Retained, WriteError> {
        self.with(|side| side.retain(now_ms, retention))
    }

    /// Writes the log back into the database file and cuts it, so that the folder holds one file that is complete:
    /// before the end of a process. Waits for nobody.
    ///
    /// # Errors
    /// The store could not be written.
    pub fn checkpoint(&mut self) -> Result<(), WriteError> {
        self.with(|side| {
            side.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }
}

impl Editor for Writer {
    fn set_state(&self, issue: IssueId, change: &StateChange, now: i64) -> Result<IssueNotes, EditError> {
        self.with(|side| side.set_state(issue, change, now))
    }

    fn add_marker(&self, marker: &NewMarker) -> Result<Marker, EditError> {
        self.with(|side| side.add_marker(marker))
    }

    fn remove_marker(&self, id: i64) -> Result<(), EditError> {
        self.with(|side| side.remove_marker(id))
    }
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let io = |error: std::io::Error| OpenError::of_io(folder.to_owned(), &error);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// SQLite opens a file it may not write and fails at the first change; say so at once.
fn refuse_unwritable(folder: &Path, path: &PathBuf) -> Result<(), OpenError> {
    match File::options().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenError::of_io(folder.to_owned(), &error)),
    }
}

fn not_migrated(folder: &Path, error: MigrateError) -> OpenError {
    match error {
        MigrateError::NotOurs => OpenError::NotAStore(folder.join(DATABASE)),
        MigrateError::Newer { found } => OpenError::Newer {
            folder: folder.to_owned(),
            found,
            known: schema::present(MIGRATIONS),
        },
        MigrateError::Sqlite(error) => OpenError::of(folder.to_owned(), &error),
    }
}

/// How readers open the file.
fn read_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

#[cfg(test)]
mod tests;

impl AlertEditor for Writer {
    fn act(&self, id: AlertId, act: &AlertAct, now: i64) -> Result<StoredAlert, EditError> {
        self.with(|side| side.act_on_alert(id, act, now))
    }
}

impl Outbox for Writer {
    fn due(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, EditError> {
        self.with(|side| side.outbox_due(now, limit, &Due::Others(&HashSet::new())))
            .map_err(|error| EditError::Write(error.into()))
    }

    fn due_elsewhere(&self, busy: &HashSet<String>, now: i64, limit: usize) -> Result<Vec<Outgoing>, EditError> {
        self.with(|side| side.outbox_due(now, limit, &Due::Others(busy)))
            .map_err(|error| EditError::Write(error.into()))
    }

    fn goes_on(&self, destination: &str, limit: usize) -> Result<Option<Vec<AlertChange>>, EditError> {
        self.with(|side| side.told_and_going_on(destination, limit))
            .map(Some)
            .map_err(|error| EditError::Write(error.into()))
    }

    fn note(&self, id: i64, delivery: &Delivery, again_at: Option<i64>) -> Result<(), EditError> {
        self.with(|side| side.note_delivery(id, delivery, again_at))
    }
}
