//! The text index of the embedded store: FTS5 without content, fed with words cut by [`crate::store::words`].
//!
//! Words, not trigrams: an index of trigrams finds pieces inside words, and costs one posting per character where
//! this costs one per word; parts and `*` find what people look for.

use super::codes::Doc;
use crate::query::Pattern;
use crate::store::wanted::{Wanted, wanted};
use crate::store::words::{Parts, cut};
use rusqlite::{Connection, OptionalExtension as _, params};

/// What is indexed of a document.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts<'a> {
    pub(super) message: &'a str,
    pub(super) template: &'a str,
    pub(super) exception: &'a str,
    pub(super) stack: &'a str,
}

/// A document, its words cut.
#[derive(Debug)]
struct Words {
    message: String,
    template: String,
    exception: String,
    stack: String,
    parts: String,
}

/// Documents of one transaction that are not indexed yet.
///
/// FTS5 gathers new words in memory as long as rows come in ascending order, and makes a segment of them whenever a
/// row goes down. Rows of fingerprints stand below those of issues, so as they come nearly each would be a segment.
#[derive(Debug, Default)]
pub(super) struct Unindexed {
    documents: Vec<(i64, Words)>,
}

impl Unindexed {
    /// Takes a document.
    pub(super) fn add(&mut self, doc: Doc, texts: &Texts<'_>) {
        let mut parts = Parts::default();
        let mut words = |text| cut(text, &mut parts);
        let (message, template) = (words(texts.message), words(texts.template));
        let (exception, stack) = (words(texts.exception), words(texts.stack));
        let words = Words {
            message,
            template,
            exception,
            stack,
            parts: parts.text,
        };
        self.documents.push((doc.row(), words));
    }

    /// Indexes what was taken.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.documents.is_empty() {
            return Ok(());
        }
        self.documents.sort_unstable_by_key(|(row, _)| *row);
        let mut write = connection.prepare_cached(
            "INSERT INTO texts(rowid, message, template, exception, stack, parts) VALUES (?1,?2,?3,?4,?5,?6)",
        )?;
        for (row, words) in self.documents.drain(..) {
            write.execute(params![
                row,
                words.message,
                words.template,
                words.exception,
                words.stack,
                words.parts
            ])?;
        }
        Ok(())
    }

    /// Forgets what was taken: its transaction was taken back.
    pub(super) fn forget(&mut self) {
        self.documents.clear();
    }
}

/// How the index is written: up to so many bytes of new words are gathered before they become a segment, and so many
/// segments before they are merged. With what FTS5 does by itself (1 MB, 4) a load of new errors spends a quarter of
/// its writing on merging what it wrote a moment ago.
const WRITING: [(&str, i64); 2] = [("hashsize", 8 << 20), ("automerge", 8)];

/// Has the index written as [`WRITING`] says; it keeps that by itself from then on.
pub(super) fn tune(connection: &Connection) -> rusqlite::Result<()> {
    for (name, value) in WRITING {
        let present: Option<i64> = connection
            .query_row("SELECT v FROM texts_config WHERE k = ?1", [name], |row| row.get(0))
            .optional()?;
        if present != Some(value) {
            connection.execute("INSERT INTO texts(texts, rank) VALUES (?1, ?2)", params![name, value])?;
        }
    }
    Ok(())
}

/// Removes a document.
pub(super) fn remove(connection: &Connection, doc: Doc) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM texts WHERE rowid = ?1")?
        .execute([doc.row()])?;
    Ok(())
}

/// Which columns a search for text looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Anything,
    Message,
    Template,
    Stack,
}

impl Within {
    fn filter(self) -> &'static str {
        match self {
            Within::Anything => "{message template exception stack}",
            Within::Message => "{message}",
            Within::Template => "{template}",
            Within::Stack => "{stack}",
        }
    }
}

/// What to ask the index for a pattern; nothing when the pattern holds no word (punctuation only).
///
/// # Errors
/// What cannot be asked, for a person.
pub(super) fn ask(connection: &Connection, pattern: &Pattern, within: Within) -> Result<Option<String>, AskError> {
    let (words, open) = match wanted(pattern).map_err(AskError::TooWide)? {
        Wanted::Nothing => return Ok(None),
        Wanted::Wild => return wild(connection, pattern, within),
        Wanted::Phrase { words, open } => (words, open),
    };
    let star = if open { "*" } else { "" };
    let quoted = words.join(" ");
    let filter = within.filter();
    let parts = within == Within::Anything && words.len() == 1;
    Ok(Some(if parts {
        format!("({filter} : \"{quoted}\"{star}) OR ({{parts}} : \"{quoted}\"{star})")
    } else {
        format!("{filter} : \"{quoted}\"{star}")
    }))
}

/// Most words a wildcard may stand for.
const MOST_WORDS: usize = 2_000;

/// Why a text cannot be asked for.
#[derive(Debug)]
pub(super) enum AskError {
    /// For a person.
    TooWide(String),
    /// The index could not be read.
    Store(rusqlite::Error),
}

impl From<rusqlite::Error> for AskError {
    fn from(error: rusqlite::Error) -> Self {
        AskError::Store(error)
    }
}

/// A star elsewhere than at the end of one word: the words of the index that match, any of them.
fn wild(connection: &Connection, pattern: &Pattern, within: Within) -> Result<Option<String>, AskError> {
    let mut read = connection.prepare_cached("SELECT term FROM words WHERE term >= ?1")?;
    let prefix = pattern.prefix().to_lowercase();
    let mut rows = read.query([&prefix])?;
    let mut found: Vec<String> = Vec::new();
    while let Some(row) = rows.next()? {
        let term = row.get_ref(0)?.as_str().unwrap_or_default();
        if !term.starts_with(&prefix) {
            break;
        }
        if pattern.matches(term) {
            if found.len() >= MOST_WORDS {
                let message = format!("{pattern} stands for more than {MOST_WORDS} words; write more of it");
                return Err(AskError::TooWide(message));
            }
            found.push(format!("\"{term}\""));
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let filter = within.filter();
    Ok(Some(format!("{filter} : ({})", found.join(" OR "))))
}
