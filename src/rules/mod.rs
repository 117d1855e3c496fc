//! The top-level `rules/` folder: read, compiled, checked against its own examples, swapped whole.
//!
//! Comes in: YAML files, the shipped ones or those of a folder. Goes out: a [`RuleSet`]: error types, masks and
//! ownership, dimensions, the job catalogue, cascades and alert rules, all compiled. What always holds: a set is whole or it is not there; all
//! faults of a folder are found in one run, each with its file, line and remedy; every example of every rule holds.
//! What it does not do: watch the clock or the folder (the service asks [`LiveRules::check_folder`]).
//!
//! How rules are written stands in `rules/README.md`.

mod class_name;
mod classify;
mod example;
mod fault;
mod files;
mod literals;
mod pattern;
mod reload;
mod self_check;
#[cfg(test)]
mod tests;
mod told;
mod written;
pub(crate) mod yaml;

pub use classify::{Considered, ErrorRules, OnThrown, Place, Verdict};
pub use fault::{Fault, Faults};
pub use files::Files;
pub use reload::{LiveRules, Reloaded};
pub use self_check::{ExamplesRun, FailedExample};
pub use told::{ToldError, ToldLine, ToldThrowable, unclassified_severity};
pub use written::ErrorRule;

use crate::alert::cascade::Known;
use crate::alert::{AlertRules, Cascades};
use crate::dimensions::{DimensionRules, JobCatalogue};
use crate::identity::IdentityRules;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use written::Compile;
use xxhash_rust::xxh3::Xxh3;
pub(crate) use yaml::nearest;

/// Files that stand alone. One that a folder does not have is taken from the shipped rules.
const SINGLE: &[&str] = &[
    "masks.yaml",
    "ownership.yaml",
    "chain.yaml",
    "dimensions.yaml",
    "jobs.yaml",
    "cascades.yaml",
];

/// All rules, compiled. Swapped whole, never changed in place.
#[derive(Debug)]
pub struct RuleSet {
    errors: ErrorRules,
    identity: IdentityRules,
    dimensions: DimensionRules,
    catalogue: Arc<JobCatalogue>,
    cascades: Arc<Cascades>,
    alerts: Arc<AlertRules>,
    version: String,
}

impl RuleSet {
    /// The rules shipped inside the binary.
    ///
    /// # Errors
    /// Never in a released binary: a test loads them.
    pub fn shipped() -> Result<Self, Faults> {
        Self::compile(files::shipped(), Check::Shipped)
    }

    /// The shipped rules with their examples run, as a folder's are.
    ///
    /// # Errors
    /// As [`RuleSet::load`].
    pub fn shipped_and_checked() -> Result<Self, Faults> {
        Self::compile(files::shipped(), Check::Full)
    }

    /// The rules of a folder. Files it does not have (`masks.yaml`, `alerts/basic.yaml`, …, or all of `errors/`) are
    /// the shipped ones.
    ///
    /// # Errors
    /// All faults found, with file, line and what to do.
    pub fn load(folder: &Path) -> Result<Self, Faults> {
        Self::compile(files::read(folder)?, Check::Full)
    }

    /// The rules of these files (path below the folder to content).
    ///
    /// # Errors
    /// As [`RuleSet::load`].
    pub fn from_files(files: &Files) -> Result<Self, Faults> {
        Self::compile(files.clone(), Check::Full)
    }

    fn compile(mut files: Files, check: Check) -> Result<Self, Faults> {
        let own_errors = files.keys().any(|path| path.starts_with("errors/"));
        let own: BTreeSet<String> = files.keys().cloned().collect();
        complete(&mut files);
        let mut faults = unknown_files(&files);
        let errors = read_errors(&files, check, &mut faults);
        let [masks, ownership, chain] = ["masks.yaml", "ownership.yaml", "chain.yaml"].map(|path| text(&files, path));
        let identity = note(&mut faults, IdentityRules::from_yaml(masks, ownership, chain));
        let dimensions = note(&mut faults, DimensionRules::from_yaml(text(&files, "dimensions.yaml")));
        let catalogue = note(&mut faults, JobCatalogue::from_yaml(text(&files, "jobs.yaml")));
        let catalogue = catalogue.map(Arc::new);
        let known = errors.as_ref().map(|errors| Known {
            types: errors.iter().map(|rule| &*rule.id).collect(),
            categories: errors.iter().map(|rule| &*rule.category).collect(),
        });
        // Shipped tables beside error types of somebody's own name types that never come.
        let known_in = |own: bool| known.as_ref().filter(|_| own || !own_errors);
        let cascades = known.as_ref().and_then(|_| {
            let known = known_in(own.contains("cascades.yaml"));
            note(&mut faults, Cascades::from_yaml(text(&files, "cascades.yaml"), known))
        });
        let alerts = known.as_ref().and_then(|_| {
            let written = files.iter().filter(|(path, _)| path.starts_with("alerts/"));
            let written = written.map(|(path, text)| (path.as_str(), text.as_str()));
            let jobs = catalogue.clone().unwrap_or_default();
            note(
                &mut faults,
                AlertRules::read(written, |path| known_in(own.contains(path)), jobs),
            )
        });
        drop(known);
        if let (Some(errors), Some(identity), Some(dimensions), Some(catalogue), Some(cascades), Some(alerts)) =
            (errors, identity, dimensions, catalogue, cascades, alerts)
        {
            if matches!(check, Check::Full) {
                faults.extend(
                    self_check::run_examples(&errors)
                        .failed
                        .iter()
                        .map(self_check::as_fault),
                );
            }
            if faults.is_empty() {
                return Ok(Self {
                    errors,
                    identity,
                    dimensions,
                    catalogue,
                    cascades: Arc::new(cascades),
                    alerts: Arc::new(alerts),
                    version: version(&files),
                });
            }
        }
        faults.sort();
        Err(Faults(faults))
    }

    /// The types of errors.
    #[must_use]
    pub fn errors(&self) -> &ErrorRules {
        &self.errors
    }

    /// What varies in a message, whose code a frame is, which throwables only wrap.
    #[must_use]
    pub fn identity(&self) -> &IdentityRules {
        &self.identity
    }

    /// Where dimensions come from.
    #[must_use]
    pub fn dimensions(&self) -> &DimensionRules {
        &self.dimensions
    }

    /// Who owns which job.
    #[must_use]
    pub fn catalogue(&self) -> &JobCatalogue {
        &self.catalogue
    }

    /// What belongs to one failure.
    #[must_use]
    pub fn cascades(&self) -> &Arc<Cascades> {
        &self.cascades
    }

    /// What is an alert beside failures.
    #[must_use]
    pub fn alerts(&self) -> &Arc<AlertRules> {
        &self.alerts
    }

    /// Twelve hex digits: the same files give the same version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// Runs every example of a folder's rules (`None`: of the shipped ones), whether they hold or not.
///
/// # Errors
/// What keeps the rules from being compiled at all.
pub fn run_examples(folder: Option<&Path>) -> Result<ExamplesRun, Faults> {
    let files = folder.map_or_else(|| Ok(files::shipped()), files::read)?;
    RuleSet::compile(files, Check::Compile).map(|rules| self_check::run_examples(&rules.errors))
}

/// How much is checked while reading.
#[derive(Debug, Clone, Copy)]
enum Check {
    /// Everything: an example that does not hold is a fault.
    Full,
    /// All but the examples: somebody runs them next and wants to see each.
    Compile,
    /// What the build's own tests do not prove.
    Shipped,
}

/// Fills in what a folder leaves out.
fn complete(files: &mut Files) {
    let own_errors = files.keys().any(|path| path.starts_with("errors/"));
    for (path, text) in files::shipped() {
        let wanted = if path.starts_with("errors/") {
            !own_errors
        } else {
            path.starts_with("alerts/") || SINGLE.contains(&path.as_str())
        };
        if wanted {
            files.entry(path).or_insert(text);
        }
    }
}

fn unknown_files(files: &Files) -> Vec<Fault> {
    let known =
        |path: &&String| path.starts_with("errors/") || path.starts_with("alerts/") || SINGLE.contains(&path.as_str());
    files
        .keys()
        .filter(|path| !known(path))
        .map(|path| Fault {
            file: path.clone(),
            line: None,
            rule: None,
            what: "no rules file has this name".to_owned(),
            advice: match nearest(path, SINGLE.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!(
                    "error types belong below errors/, alert rules below alerts/; the others are {}",
                    SINGLE.join(", ")
                ),
            },
        })
        .collect()
}

fn read_errors(files: &Files, check: Check, faults: &mut Vec<Fault>) -> Option<ErrorRules> {
    let compile = match check {
        Check::Full | Check::Compile => Compile::Now,
        Check::Shipped => Compile::WhenNeeded,
    };
    let mut rules = Vec::new();
    let before = faults.len();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("errors/")) {
        let (read, wrong) = written::read(path, text, compile);
        rules.extend(read);
        faults.extend(wrong);
    }
    faults.extend(self_check::check_names(&rules));
    if faults.len() > before {
        return None;
    }
    match ErrorRules::new(rules) {
        Ok(rules) => Some(rules),
        Err(what) => {
            faults.push(Fault {
                file: "errors".to_owned(),
                line: None,
                rule: None,
                what,
                advice: "take out the rules added last".to_owned(),
            });
            None
        }
    }
}

fn text<'f>(files: &'f Files, path: &str) -> &'f str {
    files.get(path).map_or("", String::as_str)
}

fn note<T>(faults: &mut Vec<Fault>, result: Result<T, Vec<Fault>>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(found) => {
            faults.extend(found);
            None
        }
    }
}

fn version(files: &Files) -> String {
    let mut hash = Xxh3::new();
    for (path, text) in files {
        for part in [path, text] {
            // With its length, so that no two folders read as one text.
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    let mut version = format!("{:016x}", hash.digest());
    version.truncate(12);
    version
}
