//! The reading side: a pool of read-only connections, each question on one snapshot, none longer than its limit.

mod detail;
mod errors;
mod filter;
mod issues;
mod jobs;
mod small;
mod trends;

use super::StoreOptions;
use super::alerts::AlertRows;
use super::codes::Column;
use super::columns;
use super::counts::Window;
use super::read_flags;
use super::states::{self, Said};
use super::write::Numbers;
use crate::event::{AlertId, IssueId};
use crate::query::Field;
use crate::store::{
    AlertChange, AlertDetail, AlertReader, AlertsAsk, ErrorAsk, ErrorsAsk, Issue, IssueDetail, IssueNotes, Job,
    JobDetail, JobsAsk, Marker, Page, ReadError, Reader, StoredAlert, StoredReject, StoredSample, Totals, Trends,
    TrendsAsk,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// SQLite looks at the clock after so many of its steps.
const STEPS_BETWEEN_LOOKS: i32 = 20_000;

/// Opens a connection that only reads.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, read_flags())?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON;")?;
    Ok(connection)
}

/// Answers questions from the embedded store.
pub(super) struct SqliteReader {
    path: PathBuf,
    limit: Duration,
    /// Connections at rest, and how many more may be opened.
    pool: Mutex<(Vec<Connection>, usize)>,
    freed: Condvar,
}

impl SqliteReader {
    pub(super) fn new(path: PathBuf, options: StoreOptions) -> Self {
        Self {
            path,
            limit: Duration::from_millis(options.question_limit_ms),
            pool: Mutex::new((Vec::new(), options.readers.max(1))),
            freed: Condvar::new(),
        }
    }

    /// Asks on a connection of the pool, inside one read transaction.
    fn ask<T>(&self, question: impl FnOnce(&Snapshot<'_>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let deadline = Instant::now() + self.limit;
        let mut connection = self.take(deadline)?;
        let outcome = self.on(&mut connection, deadline, question);
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection that met an error is opened anew next time: the file may have been replaced.
        if matches!(outcome, Err(ReadError::Store(_))) {
            pool.1 += 1;
        } else {
            pool.0.push(connection);
        }
        drop(pool);
        self.freed.notify_one();
        outcome
    }

    fn on<T>(
        &self,
        connection: &mut Connection,
        deadline: Instant,
        question: impl FnOnce(&Snapshot<'_>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let watch = move || Instant::now() >= deadline;
        connection
            .progress_handler(STEPS_BETWEEN_LOOKS, Some(watch))
            .map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let outcome = Snapshot::take(connection, deadline).and_then(|snapshot| question(&snapshot));
        let ended = connection.execute_batch("ROLLBACK").map_err(failed);
        let outcome = match outcome {
            Err(ReadError::TimedOut(_)) => {
                return Err(ReadError::TimedOut(
                    u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX),
                ));
            }
            other => other,
        };
        ended.and(outcome)
    }

    fn take(&self, deadline: Instant) -> Result<Connection, ReadError> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = pool.0.pop() {
                return Ok(connection);
            }
            if pool.1 > 0 {
                pool.1 -= 1;
                drop(pool);
                return connect(&self.path).map_err(|error| {
                    let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
                    pool.1 += 1;
                    failed(error)
                });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReadError::TimedOut(
                    u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX),
                ));
            }
            pool = self
                .freed
                .wait_timeout(pool, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// An error of SQLite as an answer.
pub(super) fn failed(error: rusqlite::Error) -> ReadError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => ReadError::TimedOut(0),
        Some(_) | None => ReadError::Store(error.to_string()),
    }
}

/// One consistent view of the store, with what was looked up in it.
struct Snapshot<'c> {
    connection: &'c Connection,
    numbers: Numbers,
    deadline: Instant,
    names: RefCell<HashMap<(Field, u32), Option<String>, foldhash::fast::FixedState>>,
    columns: RefCell<BTreeMap<Column, Rc<Vec<u32>>>>,
    said: BTreeMap<u32, Said>,
}

impl<'c> Snapshot<'c> {
    fn take(connection: &'c Connection, deadline: Instant) -> Result<Self, ReadError> {
        Ok(Self {
            connection,
            numbers: Numbers::read(connection).map_err(failed)?,
            deadline,
            names: RefCell::default(),
            columns: RefCell::default(),
            said: states::read_all(connection).map_err(failed)?,
        })
    }

    /// Ends a question that takes too long: called between passes over memory, where SQLite does not look.
    fn in_time(&self) -> Result<(), ReadError> {
        if Instant::now() >= self.deadline {
            return Err(ReadError::TimedOut(0));
        }
        Ok(())
    }

    /// A column of small numbers; remembered for the question.
    fn narrow(&self, column: Column) -> Result<Rc<Vec<u32>>, ReadError> {
        self.in_time()?;
        if let Some(known) = self.columns.borrow().get(&column) {
            return Ok(Rc::clone(known));
        }
        let read = columns::whole(self.connection, column, self.size_of(column)).map_err(failed)?;
        let read = Rc::new(read);
        self.columns.borrow_mut().insert(column, Rc::clone(&read));
        Ok(read)
    }

    fn wide(&self, column: Column) -> Result<Vec<u64>, ReadError> {
        self.in_time()?;
        columns::whole(self.connection, column, self.size_of(column)).map_err(failed)
    }

    fn one(&self, column: Column, id: u32) -> Result<u64, ReadError> {
        columns::one(self.connection, column, id).map_err(failed)
    }

    fn size_of(&self, column: Column) -> u32 {
        match column.code() {
            0..16 => self.numbers.next_fingerprint,
            16..32 => self.numbers.next_issue,
            _ => self.numbers.next_series,
        }
    }

    /// The text of a value; remembered for the question.
    fn name(&self, field: Field, id: u32) -> Result<Option<String>, ReadError> {
        if id == 0 {
            return Ok(None);
        }
        if let Some(name) = self.names.borrow().get(&(field, id)) {
            return Ok(name.clone());
        }
        let name = super::dictionary::text(self.connection, field, id).map_err(failed)?;
        self.names.borrow_mut().insert((field, id), name.clone());
        Ok(name)
    }

    /// The number of an issue that lives.
    fn issue(&self, issue: IssueId) -> Result<u32, ReadError> {
        let id: Option<u32> = self
            .connection
            .prepare_cached("SELECT id FROM issues WHERE issue = ?1")
            .and_then(|mut read| read.query_row([issue.to_bytes()], |row| row.get(0)).optional())
            .map_err(failed)?;
        id.ok_or_else(|| ReadError::NotFound(format!("issue {issue}")))
    }
}

impl AlertReader for SqliteReader {
    fn alerts(&self, ask: &AlertsAsk) -> Result<Page<StoredAlert>, ReadError> {
        self.ask(|snapshot| AlertRows(snapshot.connection).list(ask))
    }

    fn alert(&self, id: AlertId) -> Result<AlertDetail, ReadError> {
        self.ask(|snapshot| AlertRows(snapshot.connection).detail(id))
    }

    fn changes(&self, after: i64, limit: usize) -> Result<Vec<AlertChange>, ReadError> {
        self.ask(|snapshot| AlertRows(snapshot.connection).changes(after, limit))
    }

    fn latest_change(&self) -> Result<i64, ReadError> {
        self.ask(|snapshot| AlertRows(snapshot.connection).latest_change())
    }
}

impl Reader for SqliteReader {
    fn errors(&self, ask: &ErrorsAsk) -> Result<Page<Issue>, ReadError> {
        self.ask(|snapshot| snapshot.errors(ask))
    }

    fn error(&self, ask: &ErrorAsk) -> Result<IssueDetail, ReadError> {
        self.ask(|snapshot| snapshot.error(ask))
    }

    fn samples(&self, issue: IssueId, limit: usize, after: Option<&str>) -> Result<Page<StoredSample>, ReadError> {
        self.ask(|snapshot| snapshot.samples(issue, limit, after))
    }

    fn trends(&self, ask: &TrendsAsk) -> Result<Trends, ReadError> {
        self.ask(|snapshot| snapshot.trends(ask))
    }

    fn jobs(&self, ask: &JobsAsk) -> Result<Page<Job>, ReadError> {
        self.ask(|snapshot| snapshot.jobs(ask))
    }

    fn job(&self, job: &str, from: i64, to: i64) -> Result<JobDetail, ReadError> {
        self.ask(|snapshot| snapshot.job(job, Window::of_millis(from, to)))
    }

    fn rejects(&self, limit: usize, after: Option<&str>) -> Result<Page<StoredReject>, ReadError> {
        self.ask(|snapshot| snapshot.rejects(limit, after))
    }

    fn totals(&self) -> Result<Totals, ReadError> {
        self.ask(|snapshot| snapshot.totals())
    }

    fn notes(&self, issue: IssueId) -> Result<IssueNotes, ReadError> {
        self.ask(|snapshot| snapshot.notes(issue))
    }

    fn markers(&self, from: i64, to: i64, job: Option<&str>) -> Result<Vec<Marker>, ReadError> {
        self.ask(|snapshot| snapshot.markers(from, to, job))
    }

    fn values(&self, field: &str, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, ReadError> {
        self.ask(|snapshot| snapshot.values(field, prefix, limit))
    }
}
