//! Whose frame is it? Layers by prefix, from the user's code down to the JDK.
//!
//! Comes in: `ownership.yaml` and a class. Goes out: its layer. The longest prefix wins; what no prefix covers is the
//! user's.

use super::blocks::FrameRef;
use super::frames::OwnedFrame;
use crate::rules::Fault;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_128;

const FILE: &str = "ownership.yaml";

/// Whose code a frame is, the best to blame first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The job's or service's own code.
    User,
    /// Connectors, drivers, clients and formats.
    Connector,
    /// The engine: tables, operators, checkpoints, scheduling.
    Runtime,
    /// Transport and frameworks that only call through.
    Rpc,
    /// The JDK, language libraries and argument checks.
    Jdk,
}

impl Layer {
    /// The name as written in the file and in `explain`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::User => "user",
            Layer::Connector => "connector",
            Layer::Runtime => "runtime",
            Layer::Rpc => "rpc",
            Layer::Jdk => "jdk",
        }
    }
}

/// `ownership.yaml`, compiled.
#[derive(Debug)]
pub struct Ownership {
    prefixes: HashMap<String, Prefix, foldhash::fast::FixedState>,
    /// Prefixes that end inside a name (`StreamExec*`).
    stems: Vec<(String, Layer)>,
    /// Java frames worked out before, by a hash of class and method.
    frames: Cache<u128, Option<OwnedFrame>>,
}

/// What a prefix says.
#[derive(Debug, Clone, Copy, Default)]
struct Prefix {
    layer: Option<Layer>,
    plumbing: bool,
    border: bool,
}

/// Whose a class is, and what its frames do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Whose it is.
    pub layer: Layer,
    /// Its frames only call through (reflection, method handles).
    pub plumbing: bool,
    /// What called it is another operator: an output hands a record on.
    pub border: bool,
}

/// How many frames are kept: some 150 bytes each.
const FRAMES: usize = 32_768;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnershipFile {
    layers: HashMap<String, Vec<String>>,
    #[serde(default)]
    plumbing: Vec<String>,
    #[serde(default)]
    borders: Vec<String>,
}

impl Ownership {
    /// Reads the layers.
    ///
    /// # Errors
    /// Every fault found: an unknown layer, a prefix in two layers.
    pub fn from_yaml(yaml: &str) -> Result<Self, Vec<Fault>> {
        let file: OwnershipFile = serde_yaml_ng::from_str(yaml).map_err(|e| vec![super::yaml_fault(FILE, &e)])?;
        let mut faults = Vec::new();
        let mut prefixes: HashMap<String, Prefix, foldhash::fast::FixedState> = HashMap::default();
        let mut stems = Vec::new();
        let known = [
            ("user", Layer::User),
            ("connector", Layer::Connector),
            ("runtime", Layer::Runtime),
            ("rpc", Layer::Rpc),
            ("jdk", Layer::Jdk),
        ];
        let mut names: Vec<&String> = file.layers.keys().collect();
        names.sort();
        for name in names {
            let Some((_, layer)) = known.iter().find(|(known, _)| known == name) else {
                faults.push(fault(name, "is no layer", "use user, connector, runtime, rpc or jdk"));
                continue;
            };
            for prefix in file.layers.get(name).into_iter().flatten() {
                if let Some(stem) = prefix.strip_suffix('*') {
                    stems.push((stem.to_owned(), *layer));
                    continue;
                }
                let known = &mut prefixes.entry(prefix.clone()).or_default().layer;
                if known.replace(*layer).is_some_and(|other| other != *layer) {
                    faults.push(fault(prefix, "stands in two layers", "leave it in one"));
                }
            }
        }
        for prefix in file.plumbing {
            prefixes.entry(prefix).or_default().plumbing = true;
        }
        for prefix in file.borders {
            prefixes.entry(prefix).or_default().border = true;
        }
        stems.sort_by_key(|(stem, _)| std::cmp::Reverse(stem.len()));
        if faults.is_empty() {
            Ok(Self {
                prefixes,
                stems,
                frames: Cache::new(FRAMES),
            })
        } else {
            Err(faults)
        }
    }

    /// What was worked out for a Java frame before, or is now.
    pub(super) fn remembered(
        &self,
        frame: &FrameRef<'_>,
        work_out: impl FnOnce() -> Option<OwnedFrame>,
    ) -> Option<OwnedFrame> {
        let key = frame_key(frame);
        if let Some(known) = self.frames.get(&key) {
            return known;
        }
        let frame = work_out();
        self.frames.insert(key, frame.clone());
        frame
    }

    /// The layer of a clean class name.
    #[must_use]
    pub fn layer(&self, class: &str) -> Layer {
        self.owner(class).layer
    }

    /// Whose a clean class name is, and what its frames do.
    #[must_use]
    pub fn owner(&self, class: &str) -> Owner {
        let mut owner = Owner {
            layer: Layer::User,
            plumbing: false,
            border: false,
        };
        let mut exact = None;
        let mut prefix = class;
        loop {
            if let Some(found) = self.prefixes.get(prefix) {
                exact = exact.or_else(|| found.layer.map(|layer| (prefix.len(), layer)));
                owner.plumbing |= found.plumbing;
                owner.border |= found.border;
            }
            match memchr::memrchr(b'.', prefix.as_bytes()).and_then(|at| prefix.get(..at)) {
                Some(shorter) => prefix = shorter,
                None => break,
            }
        }
        let first = class.as_bytes().first();
        let length = exact.map_or(0, |(length, _)| length);
        let stem = self.stems.iter().find(|(stem, _)| {
            stem.len() > length && stem.as_bytes().first() == first && class.starts_with(stem.as_str())
        });
        if let Some(layer) = stem.map(|(_, layer)| *layer).or(exact.map(|(_, layer)| layer)) {
            owner.layer = layer;
        }
        owner
    }
}

/// A hash of class and method.
fn frame_key(frame: &FrameRef<'_>) -> u128 {
    /// Any odd number with many bits: it keeps `a`, `b` from meeting `b`, `a`.
    const PART: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    xxh3_128(frame.class.as_bytes())
        .wrapping_mul(PART)
        .wrapping_add(xxh3_128(frame.method.as_bytes()))
}

fn fault(rule: &str, what: &str, advice: &str) -> Fault {
    Fault {
        file: FILE.to_owned(),
        line: None,
        rule: Some(rule.to_owned()),
        what: what.to_owned(),
        advice: advice.to_owned(),
    }
}
