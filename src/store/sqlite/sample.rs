//! The body of a detail row: the sample and where the error was seen, values as numbers of the dictionary.

use super::bytes::{put, put_text, take, take_id, take_text};
use super::codes::{POSTED, field_code};
use super::dictionary::{self, Dictionary};
use super::postings::Postings;
use super::stack;
use crate::fold::{Sample, SeenOn};
use crate::query::{FIELDS, Field};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Names of dimensions that a sample holds and the dictionary knows.
const DIMENSIONS: &[Field] = &[
    Field::Cluster,
    Field::Namespace,
    Field::JobId,
    Field::JobName,
    Field::Task,
    Field::Subtask,
    Field::Role,
    Field::Host,
    Field::Pod,
    Field::Container,
    Field::Engine,
    Field::EngineVersion,
    Field::Team,
];

const TRUNCATED: u64 = 1;
const HAS_STACK_BYTES: u64 = 2;
const HAS_STACK: u64 = 4;

fn field_of(code: u8) -> Option<Field> {
    FIELDS
        .iter()
        .map(|known| known.field)
        .find(|field| field_code(*field) == Some(code))
}

/// Encodes a sample against the first stack of its fingerprint, and posts its values for the search.
pub(super) fn encode(
    connection: &Connection,
    dictionary: &mut Dictionary,
    postings: &mut Postings,
    issue: u32,
    sample: &Sample,
    base: &str,
) -> rusqlite::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(sample.message.len() + 128);
    let flag = |set: bool, flag: u64| if set { flag } else { 0 };
    let flags = flag(sample.truncated, TRUNCATED)
        | flag(sample.stack_bytes.is_some(), HAS_STACK_BYTES)
        | flag(sample.stack.is_some(), HAS_STACK);
    put(&mut out, flags);
    put_text(&mut out, &sample.event_time);
    put_text(&mut out, &sample.message);
    put(&mut out, u64::from(sample.redactions));
    if let Some(bytes) = sample.stack_bytes {
        put(&mut out, bytes);
    }
    let mut values: Vec<(Field, &str)> = vec![(Field::Layout, sample.layout.as_str())];
    let optional = [
        (Field::Level, &sample.level),
        (Field::Logger, &sample.logger),
        (Field::Thread, &sample.thread),
    ];
    values.extend(
        optional
            .iter()
            .filter_map(|(field, value)| value.as_deref().map(|value| (*field, value))),
    );
    let mut others: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &sample.dimensions {
        match DIMENSIONS.iter().find(|field| field.name() == name) {
            Some(field) => values.push((*field, value)),
            None => others.push((name, value)),
        }
    }
    put(&mut out, u64::try_from(values.len()).unwrap_or(0));
    for (field, value) in values {
        let id = dictionary.id(connection, field, Some(value))?;
        let code = field_code(field).unwrap_or(0);
        put(&mut out, u64::from(code));
        put(&mut out, u64::from(id));
        if POSTED.contains(&field) {
            postings.add(code, id, issue);
        }
    }
    put(&mut out, u64::try_from(others.len()).unwrap_or(0));
    for (name, value) in others {
        put_text(&mut out, name);
        put_text(&mut out, value);
    }
    let facts = [
        (Field::Truncated, sample.truncated.then(|| "true".to_owned())),
        (
            Field::Redactions,
            (sample.redactions > 0).then(|| sample.redactions.to_string()),
        ),
        (Field::Stack, sample.stack.as_ref().map(|_| "true".to_owned())),
    ];
    for (field, fact) in facts {
        if let Some(fact) = fact {
            let id = dictionary.id(connection, field, Some(&fact))?;
            postings.add(field_code(field).unwrap_or(0), id, issue);
        }
    }
    if let Some(text) = &sample.stack {
        out.extend_from_slice(&stack::diff(base, text));
    }
    Ok(out)
}

/// Decodes a sample. `names` resolves numbers of the dictionary, `base` gives the first stack of the fingerprint.
/// Nothing on bytes that are none of ours.
pub(super) fn decode(
    mut rest: &[u8],
    names: &mut dyn FnMut(Field, u32) -> Option<String>,
    base: &mut dyn FnMut() -> String,
) -> Option<Sample> {
    let rest = &mut rest;
    let flags = take(rest)?;
    let mut sample = Sample {
        event_time: take_text(rest)?.to_owned(),
        level: None,
        logger: None,
        thread: None,
        message: take_text(rest)?.to_owned(),
        stack: None,
        dimensions: BTreeMap::new(),
        layout: String::new(),
        truncated: flags & TRUNCATED != 0,
        stack_bytes: None,
        redactions: take_id(rest)?,
    };
    if flags & HAS_STACK_BYTES != 0 {
        sample.stack_bytes = Some(take(rest)?);
    }
    for _ in 0..take(rest)? {
        let field = u8::try_from(take(rest)?).ok().and_then(field_of)?;
        let value = names(field, take_id(rest)?);
        if field == Field::Layout {
            sample.layout = value.unwrap_or_default();
        } else if field == Field::Level {
            sample.level = value;
        } else if field == Field::Logger {
            sample.logger = value;
        } else if field == Field::Thread {
            sample.thread = value;
        } else if let Some(value) = value {
            sample.dimensions.insert(field.name().to_owned(), value);
        }
    }
    for _ in 0..take(rest)? {
        let name = take_text(rest)?.to_owned();
        sample.dimensions.insert(name, take_text(rest)?.to_owned());
    }
    if flags & HAS_STACK != 0 {
        sample.stack = stack::patched(&base(), rest);
    }
    Some(sample)
}

/// Where an error was seen, as numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) hosts: Vec<u32>,
    pub(super) roles: Vec<u32>,
    pub(super) tasks: Vec<u32>,
    pub(super) more: bool,
}

impl Seen {
    /// Numbers for where it was seen; tasks are posted for the search (hosts and roles are found by their counts).
    pub(super) fn of(
        connection: &Connection,
        dictionary: &mut Dictionary,
        postings: &mut Postings,
        issue: u32,
        seen: &SeenOn,
    ) -> rusqlite::Result<Self> {
        let mut ids = |field: Field, values: &[Box<str>]| -> rusqlite::Result<Vec<u32>> {
            values
                .iter()
                .map(|value| dictionary.id(connection, field, Some(value)))
                .collect()
        };
        let seen = Self {
            hosts: ids(Field::Host, &seen.hosts)?,
            roles: ids(Field::Role, &seen.roles)?,
            tasks: ids(Field::Task, &seen.tasks)?,
            more: seen.more,
        };
        for task in &seen.tasks {
            postings.add(field_code(Field::Task).unwrap_or(0), *task, issue);
        }
        Ok(seen)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8);
        out.push(u8::from(self.more));
        for ids in [&self.hosts, &self.roles, &self.tasks] {
            put(&mut out, u64::try_from(ids.len()).unwrap_or(0));
            for id in ids {
                put(&mut out, u64::from(*id));
            }
        }
        out
    }

    pub(super) fn decode(mut rest: &[u8]) -> Option<Self> {
        let rest = &mut rest;
        let more = take(rest)? != 0;
        let mut list = || -> Option<Vec<u32>> {
            let count = usize::try_from(take(rest)?)
                .ok()
                .filter(|count| *count <= SeenOn::LIMIT)?;
            (0..count).map(|_| take_id(rest)).collect()
        };
        Some(Self {
            hosts: list()?,
            roles: list()?,
            tasks: list()?,
            more,
        })
    }

    /// Takes in another: unions, of each the smallest by text when there are too many.
    pub(super) fn merge(&mut self, connection: &Connection, other: &Self) -> rusqlite::Result<()> {
        self.more |= other.more;
        let sets = [
            (Field::Host, &mut self.hosts, &other.hosts),
            (Field::Role, &mut self.roles, &other.roles),
            (Field::Task, &mut self.tasks, &other.tasks),
        ];
        for (field, mine, theirs) in sets {
            for id in theirs {
                if !mine.contains(id) {
                    mine.push(*id);
                }
            }
            if mine.len() > SeenOn::LIMIT {
                let mut named = Vec::with_capacity(mine.len());
                for id in mine.drain(..) {
                    named.push((dictionary::text(connection, field, id)?, id));
                }
                named.sort();
                named.truncate(SeenOn::LIMIT);
                mine.extend(named.into_iter().map(|(_, id)| id));
                self.more = true;
            }
        }
        Ok(())
    }
}
