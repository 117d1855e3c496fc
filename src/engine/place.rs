//! Where an event happened, remembered: most events come from places met before.

use crate::dimensions::{DimensionRules, Found, LearnedNames};
use crate::event::{Dimensions, ErrorEvent};
use crate::rules::RuleSet;
use hashbrown::HashMap;
use quick_cache::unsync::Cache;
use std::sync::Arc;

/// How many places are remembered: tasks, hosts and pods of a large fleet; some 300 bytes each.
const PLACES: usize = 65_536;
/// How many paths of fields are remembered.
const PATHS: usize = 4096;

/// Finds and remembers dimensions.
#[derive(Debug)]
pub(super) struct Places {
    /// Number of a path's field, or none where no candidate asks for it.
    paths: HashMap<Box<str>, Option<u16>, foldhash::fast::RandomState>,
    /// By everything but the message.
    surroundings: Cache<u128, Arc<Dimensions>>,
    /// By content, so that equal dimensions are one value.
    interned: Cache<Arc<Dimensions>, Arc<Dimensions>>,
    names: LearnedNames,
    learned: Vec<(Box<str>, Box<str>)>,
    scratch: Vec<u8>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            paths: HashMap::default(),
            surroundings: Cache::new(PLACES),
            interned: Cache::new(PLACES),
            names: LearnedNames::default(),
            learned: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl Places {
    /// The dimensions of an event.
    pub(super) fn of(&mut self, event: &ErrorEvent<'_>, rules: &RuleSet) -> Arc<Dimensions> {
        let looks = rules.dimensions();
        let mut found = Found::new();
        self.scratch.clear();
        for field in &event.fields {
            let path = field.path.held();
            let id = match self.paths.get(path) {
                Some(known) => *known,
                None => {
                    let id = looks.field(&field.path.decoded());
                    if self.paths.len() >= PATHS {
                        self.paths.clear();
                    }
                    self.paths.insert(path.into(), id);
                    id
                }
            };
            if let Some(id) = id {
                self.scratch.extend_from_slice(&id.to_le_bytes());
                part(&mut self.scratch, Some(field.value.held()));
                found.push((id, &field.value));
            }
        }
        self.scratch.push(event.layout as u8);
        part(&mut self.scratch, event.thread.as_ref().map(|t| t.held()));
        part(&mut self.scratch, event.logger.as_ref().map(|t| t.held()));
        part(&mut self.scratch, crate::dimensions::stack_jar(event));
        let key = xxhash_rust::xxh3::xxh3_128(&self.scratch);
        let around = match self.surroundings.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let dimensions = looks.from_surroundings(event, &found);
                let interned = self.intern(dimensions);
                self.surroundings.insert(key, Arc::clone(&interned));
                interned
            }
        };
        let message = &event.message;
        let told = match looks.from_message(message.held(), || message.decoded().into_owned(), &around) {
            None => around,
            Some((more, learned)) => {
                if let Some((id, name)) = learned
                    && self.names.learn(&id, &name)
                {
                    self.learned.push((id.into(), name.into()));
                }
                if more == *around { around } else { self.intern(more) }
            }
        };
        match DimensionRules::from_tables(&told, &self.names, rules.catalogue()) {
            Some(more) => self.intern(more),
            None => told,
        }
    }

    fn intern(&mut self, dimensions: Dimensions) -> Arc<Dimensions> {
        if let Some(known) = self.interned.get(&dimensions) {
            return Arc::clone(known);
        }
        let fresh = Arc::new(dimensions);
        self.interned.insert(Arc::clone(&fresh), Arc::clone(&fresh));
        fresh
    }

    /// Forgets what was found under other rules; learned names stay.
    pub(super) fn forget(&mut self) {
        self.paths.clear();
        self.surroundings = Cache::new(PLACES);
        self.interned = Cache::new(PLACES);
    }

    pub(super) fn teach(&mut self, id: Box<str>, name: Box<str>) {
        self.names.learn(&id, &name);
    }

    pub(super) fn take_learned(&mut self) -> Vec<(Box<str>, Box<str>)> {
        std::mem::take(&mut self.learned)
    }

    /// The names learned so far.
    pub(super) fn names(&self) -> &LearnedNames {
        &self.names
    }
}

/// A part of a key with its length, so that no two lists of parts meet.
fn part(key: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => key.push(0),
        Some(text) => {
            key.push(1);
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
    }
}
