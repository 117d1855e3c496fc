//! Values as small numbers: a dictionary per field, so that columns and counts hold four bytes where there was text.

use super::codes::field_code;
use crate::query::{Field, Pattern};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashMap;

/// Values the writer remembers at most, before it forgets them all and looks them up again.
const REMEMBERED: usize = 200_000;

/// A dictionary of a new store holds no more than the values of closed sets.
const NEW: usize = 64;

/// The writer's side: finds or makes the number of a value.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    known: HashMap<Box<str>, u32, foldhash::fast::FixedState>,
    /// The value asked for last, by field: most fields hardly change from one sample to the next.
    last: Vec<(String, u32)>,
    next: HashMap<u8, u32, foldhash::fast::FixedState>,
    key: String,
    /// Whether `known` holds all there is, so that what it does not hold is new and need not be searched for.
    complete: bool,
}

impl Dictionary {
    /// What the dictionary of a store holds, as far as it is small.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut dictionary = Self::default();
        let mut read = connection.prepare("SELECT field, id, text FROM dictionary LIMIT ?1")?;
        let mut rows = read.query([i64::try_from(NEW).unwrap_or(0)])?;
        while let Some(row) = rows.next()? {
            let key = format!("{}{}", char::from(row.get::<_, u8>(0)?), row.get_ref(2)?.as_str()?);
            dictionary.known.insert(key.into(), row.get(1)?);
        }
        dictionary.complete = dictionary.known.len() < NEW;
        Ok(dictionary)
    }

    /// Forgets everything: after a flush that was taken back.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.last.clear();
        self.next.clear();
        self.complete = false;
    }

    /// The number of a value, made when it is new; 0 for no value and for fields without a dictionary.
    pub(super) fn id(&mut self, connection: &Connection, field: Field, text: Option<&str>) -> rusqlite::Result<u32> {
        let (Some(text), Some(code)) = (text, field_code(field)) else {
            return Ok(0);
        };
        let place = usize::from(code);
        if let Some((last, id)) = self.last.get(place)
            && last == text
            && *id > 0
        {
            return Ok(*id);
        }
        let id = self.look_up(connection, code, text)?;
        if self.last.len() <= place {
            self.last.resize(place + 1, Default::default());
        }
        if let Some(last) = self.last.get_mut(place) {
            last.0.clear();
            last.0.push_str(text);
            last.1 = id;
        }
        Ok(id)
    }

    fn look_up(&mut self, connection: &Connection, code: u8, text: &str) -> rusqlite::Result<u32> {
        self.key.clear();
        self.key.push(char::from(code));
        self.key.push_str(text);
        if let Some(id) = self.known.get(self.key.as_str()) {
            return Ok(*id);
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
            self.complete = false;
        }
        let found = if self.complete {
            None
        } else {
            find(connection, code, text)?
        };
        let id = match found {
            Some(id) => id,
            None => self.insert(connection, code, text)?,
        };
        self.known.insert(self.key.as_str().into(), id);
        Ok(id)
    }

    fn insert(&mut self, connection: &Connection, code: u8, text: &str) -> rusqlite::Result<u32> {
        let next = match self.next.get(&code) {
            Some(next) => *next,
            None => connection
                .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM dictionary WHERE field = ?1")?
                .query_row([code], |row| row.get(0))?,
        };
        connection
            .prepare_cached("INSERT INTO dictionary(field, id, text) VALUES (?1, ?2, ?3)")?
            .execute(params![code, next, text])?;
        self.next.insert(code, next + 1);
        Ok(next)
    }
}

/// The number of exactly this value.
pub(super) fn find(connection: &Connection, code: u8, text: &str) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached("SELECT id FROM dictionary WHERE field = ?1 AND text = ?2 COLLATE NOCASE AND text = ?2")?
        .query_row(params![code, text], |row| row.get(0))
        .optional()
}

/// The text of a number; nothing for 0 and for numbers that are gone.
pub(super) fn text(connection: &Connection, field: Field, id: u32) -> rusqlite::Result<Option<String>> {
    let Some(code) = field_code(field).filter(|_| id > 0) else {
        return Ok(None);
    };
    connection
        .prepare_cached("SELECT text FROM dictionary WHERE field = ?1 AND id = ?2")?
        .query_row(params![code, id], |row| row.get(0))
        .optional()
}

/// The numbers of the values a pattern matches, ASCII letters in any case. Dotted names match by their last parts too.
pub(super) fn matching(connection: &Connection, field: Field, pattern: &Pattern) -> rusqlite::Result<Vec<u32>> {
    let Some(code) = field_code(field) else {
        return Ok(Vec::new());
    };
    let dotted = field.kind() == crate::query::Kind::Dotted;
    if let Some(literal) = pattern.as_literal()
        && !dotted
    {
        return connection
            .prepare_cached("SELECT id FROM dictionary WHERE field = ?1 AND text = ?2 COLLATE NOCASE")?
            .query_map(params![code, literal], |row| row.get(0))?
            .collect();
    }
    // A dotted name is wanted whole or behind a dot: every dot is a place to begin.
    let begins = |text: &str| {
        pattern.matches(text)
            || (dotted
                && text
                    .match_indices(['.', '$'])
                    .any(|(at, dot)| text.get(at + dot.len()..).is_some_and(|rest| pattern.matches(rest))))
    };
    let mut found = Vec::new();
    let mut read = connection.prepare_cached("SELECT id, text FROM dictionary WHERE field = ?1")?;
    let mut rows = read.query([code])?;
    while let Some(row) = rows.next()? {
        if row.get_ref(1)?.as_str().is_ok_and(begins) {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

/// The numbers of the values that are numbers for which `keep` holds.
pub(super) fn matching_numbers(
    connection: &Connection,
    field: Field,
    keep: impl Fn(u64) -> bool,
) -> rusqlite::Result<Vec<u32>> {
    let Some(code) = field_code(field) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut read = connection.prepare_cached("SELECT id, text FROM dictionary WHERE field = ?1")?;
    let mut rows = read.query([code])?;
    while let Some(row) = rows.next()? {
        let number = row.get_ref(1)?.as_str().ok().and_then(|text| text.parse().ok());
        if number.is_some_and(&keep) {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}
