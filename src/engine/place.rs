//! Where an event happened, remembered: most events come from places met before.

use crate::dimensions::{Asks, DimensionRules, Found, LearnedNames};
use crate::event::{Dimensions, ErrorEvent, Text};
use crate::rules::RuleSet;
use hashbrown::HashMap;
use quick_cache::unsync::Cache;
use std::sync::Arc;

/// How many places are remembered: tasks, hosts and pods of a large fleet; some 300 bytes each.
const PLACES: usize = 65_536;
/// How many paths of fields are remembered.
const PATHS: usize = 4096;

/// A path of a field met before.
#[derive(Debug)]
struct Path {
    text: Box<str>,
    /// Number of its field, or none where no candidate asks for it.
    id: Option<u16>,
    /// The path that followed it last: a layout writes its fields in one order.
    next: usize,
}

/// The paths met before, by text and by what stood before them.
#[derive(Debug)]
struct Paths {
    /// The first one stands before all fields of an event.
    known: Vec<Path>,
    places: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
}

impl Default for Paths {
    fn default() -> Self {
        let begin = Path {
            text: "".into(),
            id: None,
            next: 0,
        };
        Self {
            known: vec![begin],
            places: HashMap::default(),
        }
    }
}

impl Paths {
    /// Place and field of a path that stands behind the one at `before`.
    fn behind(&mut self, before: usize, path: &Text<'_>, looks: &DimensionRules) -> (usize, Option<u16>) {
        let text = path.held();
        if let Some(before) = self.known.get(before)
            && let Some(next) = self.known.get(before.next)
            && *next.text == *text
            && before.next > 0
        {
            return (before.next, next.id);
        }
        let (at, id) = self.met(text, || looks.field(&path.decoded()));
        if let Some(before) = self.known.get_mut(before) {
            before.next = at;
        }
        (at, id)
    }

    fn met(&mut self, text: &str, field: impl FnOnce() -> Option<u16>) -> (usize, Option<u16>) {
        if let Some(at) = self.places.get(text)
            && let Some(path) = self.known.get(*at)
        {
            return (*at, path.id);
        }
        if self.known.len() >= PATHS {
            *self = Self::default();
        }
        let (at, id) = (self.known.len(), field());
        self.known.push(Path {
            text: text.into(),
            id,
            next: 0,
        });
        self.places.insert(text.into(), at);
        (at, id)
    }
}

/// What everything but the message told.
#[derive(Debug, Clone)]
struct Around {
    dimensions: Arc<Dimensions>,
    /// What the message is still asked for.
    asks: Asks,
}

/// Finds and remembers dimensions.
#[derive(Debug)]
pub(super) struct Places {
    paths: Paths,
    /// By everything but the message.
    surroundings: Cache<u128, Around>,
    /// By content, so that equal dimensions are one value.
    interned: Cache<Arc<Dimensions>, Arc<Dimensions>>,
    names: LearnedNames,
    learned: Vec<(Box<str>, Box<str>)>,
    scratch: Vec<u8>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            paths: Paths::default(),
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
        let mut before = 0;
        for field in &event.fields {
            let (at, id) = self.paths.behind(before, &field.path, looks);
            before = at;
            if let Some(id) = id {
                part(&mut self.scratch, id, Some(field.value.held()));
                found.push((id, &field.value));
            }
        }
        let layout = event.layout as u16;
        part(&mut self.scratch, layout, event.thread.as_ref().map(Text::held));
        part(&mut self.scratch, layout, event.logger.as_ref().map(Text::held));
        part(&mut self.scratch, layout, crate::dimensions::stack_jar(event));
        let key = xxhash_rust::xxh3::xxh3_128(&self.scratch);
        let Around { dimensions, asks } = match self.surroundings.get(&key) {
            Some(known) => known.clone(),
            None => {
                let dimensions = self.intern(looks.from_surroundings(event, &found));
                let asks = looks.asks(&dimensions);
                let fresh = Around { dimensions, asks };
                self.surroundings.insert(key, fresh.clone());
                fresh
            }
        };
        let message = &event.message;
        let unescaped = || message.decoded().into_owned();
        let told = match looks.ask_message(message.held(), unescaped, &dimensions, asks) {
            None => dimensions,
            Some((more, learned)) => {
                if let Some((id, name)) = learned
                    && self.names.learn(&id, &name)
                {
                    self.learned.push((id.into(), name.into()));
                }
                if more == *dimensions {
                    dimensions
                } else {
                    self.intern(more)
                }
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
        self.paths = Paths::default();
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

/// A part of a key with its name and length, so that no two lists of parts meet.
fn part(key: &mut Vec<u8>, name: u16, text: Option<&str>) {
    // Nothing is that long: it stands for no text.
    let length = text.map_or(u64::MAX, |text| text.len() as u64);
    let [a, b] = name.to_le_bytes();
    let [c, d, e, f, g, h, i, j] = length.to_le_bytes();
    key.extend_from_slice(&[a, b, c, d, e, f, g, h, i, j]);
    key.extend_from_slice(text.unwrap_or_default().as_bytes());
}
