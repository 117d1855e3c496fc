//! Whose frame is it? Layers by prefix, from the user's code down to the JDK.
//!
//! Comes in: `ownership.yaml` and a class. Goes out: its layer. The longest prefix wins; what no prefix covers is the
//! user's.

use super::frames::OwnedFrame;
use crate::rules::Fault;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use xxhash_rust::xxh3::Xxh3;

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
    prefixes: HashMap<String, Layer>,
    /// Prefixes that end inside a name (`StreamExec*`).
    stems: Vec<(String, Layer)>,
    plumbing: Vec<String>,
    borders: Vec<String>,
    /// Java frames worked out before, by a hash of class and method.
    frames: Cache<u128, Option<OwnedFrame>>,
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
        let mut prefixes = HashMap::new();
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
                } else if prefixes
                    .insert(prefix.clone(), *layer)
                    .is_some_and(|other| other != *layer)
                {
                    faults.push(fault(prefix, "stands in two layers", "leave it in one"));
                }
            }
        }
        stems.sort_by_key(|(stem, _)| std::cmp::Reverse(stem.len()));
        if faults.is_empty() {
            Ok(Self {
                prefixes,
                stems,
                plumbing: file.plumbing,
                borders: file.borders,
                frames: Cache::new(FRAMES),
            })
        } else {
            Err(faults)
        }
    }

    /// What was worked out for a Java frame before, or is now.
    pub(super) fn remembered(
        &self,
        class: &str,
        method: &str,
        work_out: impl FnOnce() -> Option<OwnedFrame>,
    ) -> Option<OwnedFrame> {
        let mut hasher = Xxh3::new();
        hasher.update(class.as_bytes());
        hasher.update(&[0]);
        hasher.update(method.as_bytes());
        let key = hasher.digest128();
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
        let mut prefix = class;
        let exact = loop {
            if let Some(layer) = self.prefixes.get(prefix) {
                break Some((prefix.len(), *layer));
            }
            match prefix.rfind('.').and_then(|at| prefix.get(..at)) {
                Some(shorter) => prefix = shorter,
                None => break None,
            }
        };
        let stem = self.stems.iter().find(|(stem, _)| class.starts_with(stem.as_str()));
        match (exact, stem) {
            (Some((length, _)), Some((stem, layer))) if stem.len() > length => *layer,
            (Some((_, layer)), _) => layer,
            (None, Some((_, layer))) => *layer,
            (None, None) => Layer::User,
        }
    }

    /// Whether frames of this class only call through (reflection, method handles).
    #[must_use]
    pub fn is_plumbing(&self, class: &str) -> bool {
        self.plumbing.iter().any(|prefix| covers(prefix, class))
    }

    /// Whether what called this frame is another operator: an output hands a record on.
    #[must_use]
    pub fn is_border(&self, class: &str) -> bool {
        self.borders.iter().any(|prefix| covers(prefix, class))
    }
}

fn covers(prefix: &str, class: &str) -> bool {
    class
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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
