//! The dimensions by number, while they are being found.

use crate::event::Dimensions;

/// Longest value of a dimension in bytes; what is longer is cut at a character.
pub(super) const LONGEST: usize = 256;

/// Names of the dimensions, in the order of [`Slot`].
pub(super) const NAMES: [&str; 13] = [
    "cluster",
    "namespace",
    "job_id",
    "job_name",
    "task",
    "subtask",
    "role",
    "host",
    "pod",
    "container",
    "engine",
    "engine_version",
    "team",
];

/// A dimension by its place in [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(pub(super) usize);

impl Slot {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().position(|&known| known == name).map(Slot)
    }

    /// Whether the dimension has a value.
    pub(super) fn is_known(self, dimensions: &Dimensions) -> bool {
        if self.name() == "subtask" {
            return dimensions.subtask.is_some();
        }
        dimensions
            .texts()
            .iter()
            .any(|(name, value)| *name == self.name() && value.is_some())
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.get(self.0).copied().unwrap_or("?")
    }
}

/// Where a value came from, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Source {
    /// Name of the dimension.
    pub dimension: &'static str,
    /// Its value.
    pub value: String,
    /// The field, the pattern or the table it came from.
    pub from: String,
}

/// Values found so far.
#[derive(Debug, Default)]
pub(super) struct Slots {
    values: [Option<Box<str>>; NAMES.len()],
}

impl Slots {
    pub(super) fn get(&self, slot: Slot) -> Option<&str> {
        self.values.get(slot.0)?.as_deref()
    }

    /// Sets a value where none is yet; says whether it did.
    pub(super) fn fill(&mut self, slot: Slot, value: &str) -> bool {
        let value = value.trim();
        let Some(place) = self.values.get_mut(slot.0) else {
            return false;
        };
        if place.is_some() || value.is_empty() {
            return false;
        }
        let mut end = value.len().min(LONGEST);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        *place = value.get(..end).map(Into::into);
        true
    }

    pub(super) fn from_dimensions(dimensions: &Dimensions) -> Self {
        let mut slots = Self::default();
        for (name, value) in dimensions.texts() {
            if let (Some(slot), Some(value)) = (Slot::named(name), value) {
                slots.fill(slot, value);
            }
        }
        if let (Some(slot), Some(subtask)) = (Slot::named("subtask"), dimensions.subtask) {
            slots.fill(slot, &subtask.to_string());
        }
        slots
    }

    pub(super) fn into_dimensions(self) -> Dimensions {
        let [
            cluster,
            namespace,
            job_id,
            job_name,
            task,
            subtask,
            role,
            host,
            pod,
            container,
            engine,
            engine_version,
            team,
        ] = self.values;
        let subtask = subtask.and_then(|n| n.parse().ok());
        Dimensions {
            cluster,
            namespace,
            job_id,
            job_name,
            task,
            subtask,
            role,
            host,
            pod,
            container,
            engine,
            engine_version,
            team,
        }
    }
}
