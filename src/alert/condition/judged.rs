//! One rule with all its keys.

use super::cell::{Cell, Seen};
use super::counted::{Counted, Dimension};
use super::rule::AlertRule;
use super::series::Parent;
use super::told::REST;
use hashbrown::HashMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// One rule with all its keys.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) rule: Arc<AlertRule>,
    index: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    cells: Vec<Option<Cell>>,
    free: Vec<u32>,
    /// Cells that changed since they were written.
    pub(super) changed: Vec<u32>,
    /// Keys whose cells are gone though they were written.
    pub(super) gone: Vec<Box<str>>,
    pub(super) parent: Parent,
    /// Of a share: the values there are, by the hour they were seen last.
    population: HashMap<u64, i64, foldhash::fast::RandomState>,
    pub(super) population_changed: bool,
    /// How many of them were seen within a day, as of the minute.
    populated: (i64, usize),
}

/// Values count as there for a day.
const THERE: i64 = 24;

impl Judged {
    /// Keys of a rule. What comes beyond shares one key, so that it is judged, though not apart.
    pub(super) const KEYS: usize = 200_000;

    pub(super) fn new(rule: Arc<AlertRule>) -> Self {
        Self {
            rule,
            index: HashMap::default(),
            cells: Vec::new(),
            free: Vec::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            parent: Parent::default(),
            population: HashMap::default(),
            population_changed: false,
            populated: (i64::MIN, 0),
        }
    }

    /// The place of a key, where it has one.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The place of a key; makes one where there is none.
    pub(super) fn place(&mut self, key: &str, team: Option<&str>) -> u32 {
        if let Some(at) = self.index.get(key) {
            return *at;
        }
        let key = if self.index.len() < Self::KEYS { key } else { REST };
        if let Some(at) = self.index.get(key) {
            return *at;
        }
        self.put(Cell::new(key, team, &self.rule.condition))
    }

    /// Takes a cell as it is.
    pub(super) fn put(&mut self, cell: Cell) -> u32 {
        let key = cell.key.clone();
        let at = self.free.pop().unwrap_or_else(|| {
            self.cells.push(None);
            u32::try_from(self.cells.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slot(at) {
            *place = Some(cell);
        }
        self.index.insert(key, at);
        at
    }

    fn slot(&mut self, at: u32) -> Option<&mut Option<Cell>> {
        usize::try_from(at).ok().and_then(|at| self.cells.get_mut(at))
    }

    pub(super) fn cell(&self, at: u32) -> Option<&Cell> {
        let at = usize::try_from(at).ok()?;
        self.cells.get(at)?.as_ref()
    }

    pub(super) fn cell_mut(&mut self, at: u32) -> Option<&mut Cell> {
        self.slot(at)?.as_mut()
    }

    /// A cell, to be changed beside what all cells share.
    pub(super) fn cell_and_parent(&mut self, at: u32) -> Option<(&AlertRule, &mut Cell, &mut Parent)> {
        let place = usize::try_from(at).ok()?;
        let cell = self.cells.get_mut(place)?.as_mut()?;
        Some((&self.rule, cell, &mut self.parent))
    }

    /// Notes that a cell is to be written.
    pub(super) fn stir(&mut self, at: u32) {
        if let Some(cell) = self.cell_mut(at)
            && !cell.changed
        {
            cell.changed = true;
            self.changed.push(at);
        }
    }

    /// Forgets a key of which nothing is left.
    pub(super) fn drop_cell(&mut self, at: u32) {
        if let Some(cell) = self.slot(at).and_then(Option::take) {
            self.index.remove(&cell.key);
            if cell.written {
                self.gone.push(cell.key);
            }
            self.free.push(at);
        }
    }

    /// The cells there are, by their place.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u32, &Cell)> {
        let numbered = (0..).zip(&self.cells);
        numbered.filter_map(|(at, cell)| cell.as_ref().map(|cell| (at, cell)))
    }

    /// All cells, for a rule that goes on under another set.
    pub(super) fn with_rule(mut self, rule: Arc<AlertRule>) -> Self {
        self.rule = rule;
        self
    }

    /// Notes that a value of a dimension is there, whatever came of it.
    pub(super) fn populate(&mut self, of: Dimension, row: &Counted<'_>) {
        let Some(name) = of.of(row) else { return };
        let hour = row.minute.0.div_euclid(60);
        let hash = xxh3_64(name.as_bytes());
        let known = self.population.get(&hash).copied();
        let fits = known.is_some() || self.population.len() < Self::KEYS;
        if fits && known.is_none_or(|last| last < hour) {
            self.population.insert(hash, hour);
            self.population_changed = true;
        }
    }

    /// How many values are there in a minute.
    pub(super) fn population(&mut self, minute: i64) -> usize {
        if self.populated.0 != minute {
            let oldest = minute.div_euclid(60) - THERE;
            self.population.retain(|_, hour| *hour >= oldest);
            self.populated = (minute, self.population.len());
        }
        self.populated.1
    }

    /// The values there are, to be kept.
    pub(super) fn population_kept(&self) -> Vec<(u64, i64)> {
        let mut kept: Vec<(u64, i64)> = self.population.iter().map(|(hash, hour)| (*hash, *hour)).collect();
        kept.sort_unstable();
        kept
    }

    pub(super) fn restore_population(&mut self, kept: Vec<(u64, i64)>) {
        self.population.extend(kept);
    }

    /// The series of a cell, where it has one.
    pub(super) fn series_mut(&mut self, at: u32) -> Option<&mut super::series::Series> {
        match &mut self.cell_mut(at)?.seen {
            Seen::Series(series) => Some(series),
            Seen::Sums(_) | Seen::Fresh(_) | Seen::Last { .. } | Seen::Members(_) | Seen::Others => None,
        }
    }
}
