//! The tables, and how an older store becomes a present one.

use super::codes::{PAGE_BYTES, field_code};
use crate::event::{Part, Severity};
use crate::query::Field;
use rusqlite::{Connection, params};

/// Marks our files: "SEIS".
pub(super) const APPLICATION_ID: i64 = 0x5345_4953;

/// One step from a version to the next.
pub(super) struct Migration {
    /// The version it leads to.
    pub(super) to: i64,
    /// What it does.
    pub(super) step: fn(&Connection) -> rusqlite::Result<()>,
}

/// Every step, oldest first. A released step is never edited: a change is a new one.
pub(super) const MIGRATIONS: &[Migration] = &[Migration { to: 1, step: first }, Migration { to: 2, step: alerts }];

/// The version this program writes.
pub(super) fn present(migrations: &[Migration]) -> i64 {
    migrations.last().map_or(0, |last| last.to)
}

fn first(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "
        -- Values of fields as numbers, from 1; 0 is unknown. `events` counts for suggestions.
        CREATE TABLE dictionary(
            field INTEGER NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, events INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY(field, id)) WITHOUT ROWID;
        CREATE INDEX dictionary_text ON dictionary(field, text COLLATE NOCASE);
        -- What a fingerprint is; `stack` is its first one, compressed, the base of all later ones.
        CREATE TABLE fingerprints(
            id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, identity INTEGER NOT NULL, body TEXT NOT NULL,
            stack BLOB);
        -- Classes of the cause chain to fingerprints.
        CREATE TABLE chains(
            class INTEGER NOT NULL, fingerprint INTEGER NOT NULL, PRIMARY KEY(class, fingerprint)) WITHOUT ROWID;
        CREATE TABLE issues(id INTEGER PRIMARY KEY, issue BLOB NOT NULL UNIQUE);
        -- One per (identity, dimensions) counts are kept by.
        CREATE TABLE series(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);
        -- Keys of these four are packed numbers: codes.rs.
        CREATE TABLE columns(key INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE counts(key INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE postings(key INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE details(
            key INTEGER PRIMARY KEY, count INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
            seen BLOB NOT NULL, sample BLOB NOT NULL);
        -- What people said; only issues somebody spoke of.
        CREATE TABLE states(
            issue INTEGER PRIMARY KEY, state TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, volume INTEGER,
            period INTEGER, assignee TEXT, note TEXT);
        CREATE TABLE markers(
            id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, until INTEGER, title TEXT NOT NULL,
            text TEXT, job TEXT, kind TEXT NOT NULL);
        CREATE INDEX markers_at ON markers(at);
        CREATE TABLE positions(source TEXT PRIMARY KEY, next INTEGER NOT NULL, identity TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE ledger(
            source TEXT PRIMARY KEY, records INTEGER NOT NULL, extra INTEGER NOT NULL, folded INTEGER NOT NULL,
            rejected INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE learned(job_id TEXT PRIMARY KEY, job_name TEXT NOT NULL);
        CREATE TABLE rejects(
            id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, offset INTEGER NOT NULL, reason TEXT NOT NULL,
            detail TEXT NOT NULL, length INTEGER NOT NULL, bytes BLOB NOT NULL, at INTEGER NOT NULL);
        -- Numbers kept beside the tables: next ids (never used twice) and totals.
        CREATE TABLE numbers(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE VIRTUAL TABLE texts USING fts5(
            message, template, exception, stack, parts,
            content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0');
        CREATE VIRTUAL TABLE words USING fts5vocab(texts, row);
        ",
    )?;
    // Closed sets have fixed numbers: their order on disk is their order.
    let mut insert = connection.prepare("INSERT INTO dictionary(field, id, text) VALUES (?1, ?2, ?3)")?;
    for (severity, id) in Severity::ALL.iter().zip(1_u32..) {
        insert.execute(params![field_code(Field::Severity), id, severity.as_str()])?;
    }
    for (part, id) in Part::ALL.iter().zip(1_u32..) {
        insert.execute(params![field_code(Field::Part), id, part.as_str()])?;
    }
    Ok(())
}

fn alerts(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "
        -- How each alert stands. Times are milliseconds since the epoch; `body` is the alert as JSON.
        CREATE TABLE alerts(
            id BLOB PRIMARY KEY, state TEXT NOT NULL, level TEXT NOT NULL, rule TEXT NOT NULL, team TEXT,
            started INTEGER NOT NULL, ended INTEGER, updated INTEGER NOT NULL, body TEXT NOT NULL,
            past INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0, acked_at INTEGER, acked_by TEXT, acked_note TEXT, silenced_until INTEGER,
            inhibited_by BLOB, reminders INTEGER NOT NULL DEFAULT 0, remind_at INTEGER);
        CREATE INDEX alerts_started ON alerts(started, id);
        CREATE INDEX alerts_open ON alerts(state) WHERE state <> 'resolved';
        CREATE INDEX alerts_remind ON alerts(remind_at) WHERE remind_at IS NOT NULL;
        -- The jobs an alert is about.
        CREATE TABLE alert_jobs(job TEXT NOT NULL, alert BLOB NOT NULL, PRIMARY KEY(job, alert)) WITHOUT ROWID;
        CREATE INDEX alert_jobs_of ON alert_jobs(alert);
        CREATE TABLE alert_changes(
            seq INTEGER PRIMARY KEY AUTOINCREMENT, alert BLOB NOT NULL, at INTEGER NOT NULL, change TEXT NOT NULL,
            by TEXT, note TEXT, body TEXT NOT NULL);
        CREATE INDEX alert_changes_of ON alert_changes(alert, seq);
        -- What is still to be told to whom.
        CREATE TABLE outbox(
            id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, alert BLOB NOT NULL, seq INTEGER NOT NULL,
            due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX outbox_of ON outbox(destination, alert, id);
        CREATE TABLE deliveries(
            id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, alert BLOB NOT NULL, seq INTEGER NOT NULL,
            at INTEGER NOT NULL, outcome TEXT NOT NULL, attempt INTEGER NOT NULL, detail TEXT);
        CREATE INDEX deliveries_of ON deliveries(alert, id);
        -- What the alerter must know in its next life.
        CREATE TABLE alert_pieces(key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
        ",
    )
}

/// Why a store cannot be brought to the present version.
#[derive(Debug)]
pub(super) enum MigrateError {
    /// Not written by this program.
    NotOurs,
    /// Written by a later one.
    Newer { found: i64 },
    /// SQLite said no.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> Self {
        MigrateError::Sqlite(error)
    }
}

/// What version a store has: 0 when it is new and empty.
pub(super) fn version(connection: &Connection, migrations: &[Migration]) -> Result<i64, MigrateError> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(MigrateError::NotOurs);
    }
    if version > present(migrations) {
        return Err(MigrateError::Newer { found: version });
    }
    Ok(version)
}

/// Brings a store to the present version, each step whole or not at all.
pub(super) fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), MigrateError> {
    let found = version(connection, migrations)?;
    if found == 0 {
        // These hold only when set before the first table is made.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    for migration in migrations.iter().filter(|migration| migration.to > found) {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        (migration.step)(&transaction)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", migration.to)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch("ALTER TABLE learned ADD COLUMN since INTEGER NOT NULL DEFAULT 7")
    }

    fn broken(connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch("ALTER TABLE learned ADD COLUMN half INTEGER; SELECT no_such_function()")
    }

    #[test]
    fn an_older_store_is_brought_up_step_by_step_and_keeps_what_it_holds() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        connection
            .execute("INSERT INTO learned(job_id, job_name) VALUES ('a', 'b')", [])
            .unwrap();
        let known = present(MIGRATIONS);
        let mut later: Vec<Migration> = MIGRATIONS
            .iter()
            .map(|one| Migration {
                to: one.to,
                step: one.step,
            })
            .collect();
        later.push(Migration {
            to: known + 1,
            step: second,
        });
        migrate(&mut connection, &later).unwrap();
        let since: i64 = connection
            .query_row("SELECT since FROM learned", [], |row| row.get(0))
            .unwrap();
        assert_eq!((since, version(&connection, &later).unwrap()), (7, known + 1));
        assert!(matches!(
            version(&connection, MIGRATIONS),
            Err(MigrateError::Newer { found }) if found == known + 1
        ));
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        let known = present(MIGRATIONS);
        let later = [Migration {
            to: known + 1,
            step: broken,
        }];
        assert!(migrate(&mut connection, &later).is_err());
        assert_eq!(version(&connection, MIGRATIONS).unwrap(), known);
        assert!(connection.prepare("SELECT half FROM learned").is_err());
    }

    #[test]
    fn a_database_of_somebody_else_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs(a)").unwrap();
        assert!(matches!(
            migrate(&mut connection, MIGRATIONS),
            Err(MigrateError::NotOurs)
        ));
    }
}
