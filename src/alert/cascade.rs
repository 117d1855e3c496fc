//! Which errors belong to one failure, and which of them are consequences: `rules/cascades.yaml`, compiled.
//!
//! Source of the shipped table: recovery of Flink as its own logs tell it (tasks fail before the job, a lost
//! TaskManager is told by its peers, a heartbeat trails what stopped it).

use crate::rules::{Fault, nearest};
use regex::RegexSet;
use serde::Deserialize;
use std::collections::HashSet;

const FILE: &str = "cascades.yaml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    failed: Vec<String>,
    #[serde(default)]
    states: Vec<String>,
    #[serde(default)]
    last_resort: Vec<String>,
    #[serde(default)]
    shared: Vec<String>,
    #[serde(default)]
    consequences: Vec<WrittenConsequence>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenConsequence {
    why: String,
    #[serde(default)]
    trailing: bool,
    of: Vec<String>,
    are: Vec<String>,
}

/// The names there are.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Error types.
    pub types: HashSet<&'a str>,
    /// Categories.
    pub categories: HashSet<&'a str>,
}

/// Some types are consequences of others.
#[derive(Debug)]
pub struct Consequence {
    /// The reason, for a person.
    pub why: String,
    /// Whether the cause may be told after them.
    trailing: bool,
    of: HashSet<String>,
    are: HashSet<String>,
}

/// `cascades.yaml`, compiled.
#[derive(Debug)]
pub struct Cascades {
    failed: RegexSet,
    states: HashSet<String>,
    last_resort: HashSet<String>,
    shared: HashSet<String>,
    consequences: Vec<Consequence>,
}

/// A cause told so long after its consequence still counts as told before it: clocks of hosts differ.
const CLOCKS_DIFFER_NANOS: i64 = 5_000_000_000;

fn fault(rule: Option<&str>, line: Option<usize>, what: String, advice: String) -> Fault {
    Fault {
        file: FILE.to_owned(),
        line,
        rule: rule.map(str::to_owned),
        what,
        advice,
    }
}

impl Written {
    /// A fault for each name that is not known.
    fn unknown(&self, known: &Known<'_>) -> Vec<Fault> {
        let types = |place: &'static str, names| (place, "error type", names, &known.types);
        let mut named = vec![
            types("states", &self.states),
            types("last_resort", &self.last_resort),
            ("shared", "category", &self.shared, &known.categories),
        ];
        for one in &self.consequences {
            named.extend([types("consequences", &one.of), types("consequences", &one.are)]);
        }
        let of_place = |(place, kind, names, known): (&str, &str, &Vec<String>, &HashSet<&str>)| {
            let unknown = names.iter().filter(|name| !known.contains(name.as_str()));
            let told = unknown.map(|name| {
                let advice = match nearest(name, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("name one of errors/*.yaml ({kind})"),
                };
                fault(Some(place), None, format!("{name:?} is no {kind}"), advice)
            });
            told.collect::<Vec<Fault>>()
        };
        named.into_iter().flat_map(of_place).collect()
    }
}

impl Cascades {
    /// Reads `cascades.yaml`. Its names are to be among the `known`; without these they are not looked at: the shipped
    /// table beside error types of somebody's own names types that never come.
    ///
    /// # Errors
    /// All faults.
    pub fn from_yaml(text: &str, known: Option<&Known<'_>>) -> Result<Self, Vec<Fault>> {
        let written: Written = serde_yaml_ng::from_str(text).map_err(|error| {
            let line = error.location().map(|at| at.line());
            let advice = "the file has failed, states, last_resort, shared and consequences (why, trailing, of, are)";
            vec![fault(None, line, error.to_string(), advice.to_owned())]
        })?;
        let mut faults = Vec::new();
        if let Some(known) = known {
            faults.extend(written.unknown(known));
        }
        let failed = RegexSet::new(&written.failed).map_err(|error| {
            let advice = "write expressions of the Rust crate regex".to_owned();
            faults.push(fault(Some("failed"), None, error.to_string(), advice));
        });
        match failed {
            Ok(failed) if faults.is_empty() => Ok(Self {
                failed,
                states: written.states.into_iter().collect(),
                last_resort: written.last_resort.into_iter().collect(),
                shared: written.shared.into_iter().collect(),
                consequences: written.consequences.into_iter().map(Consequence::from).collect(),
            }),
            Ok(_) | Err(()) => Err(faults),
        }
    }

    /// Whether a masked message says that a job or a task has failed.
    #[must_use]
    pub fn says_failed(&self, template: &str) -> bool {
        self.failed.is_match(template)
    }

    /// Whether a type tells a state and never why.
    #[must_use]
    pub fn is_state(&self, error_type: &str) -> bool {
        self.states.contains(error_type)
    }

    /// Whether a type, noise on its own, is what happened where nothing else says.
    #[must_use]
    pub fn is_last_resort(&self, error_type: &str) -> bool {
        self.last_resort.contains(error_type)
    }

    /// Whether several jobs may depend on what fails with a type of this category.
    #[must_use]
    pub fn is_shared(&self, category: &str) -> bool {
        self.shared.contains(category)
    }

    /// Why an error first seen at `first` is the consequence of one of `others` (type, nanoseconds of the first).
    pub fn consequence<'o>(
        &self,
        error_type: &str,
        first: i64,
        others: impl Iterator<Item = (&'o str, i64)> + Clone,
    ) -> Option<&Consequence> {
        self.consequences
            .iter()
            .filter(|one| one.are.contains(error_type))
            .find(|one| {
                others.clone().any(|(other, other_first)| {
                    let before = one.trailing || other_first <= first.saturating_add(CLOCKS_DIFFER_NANOS);
                    other != error_type && before && one.of.contains(other)
                })
            })
    }
}

impl From<WrittenConsequence> for Consequence {
    fn from(written: WrittenConsequence) -> Self {
        Self {
            why: written.why,
            trailing: written.trailing,
            of: written.of.into_iter().collect(),
            are: written.are.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "failed: ['to FAILED']\nconsequences:\n  - why: w\n    of: [a]\n    are: [b]\n  - why: t\n    trailing: true\n    of: [c]\n    are: [b]\n";

    fn read(text: &str) -> Result<Cascades, Vec<Fault>> {
        let known = Known {
            types: HashSet::from(["a", "b", "c"]),
            categories: HashSet::from(["jdbc"]),
        };
        Cascades::from_yaml(text, Some(&known))
    }

    #[test]
    fn a_consequence_comes_after_its_cause_unless_the_cause_may_trail() {
        let table = read(TABLE).unwrap();
        let seconds = |n: i64| n * 1_000_000_000;
        let why = |cause: &'static str, at: i64| {
            table
                .consequence("b", seconds(10), [(cause, seconds(at))].into_iter())
                .map(|one| one.why.as_str())
        };
        assert_eq!(why("a", 9), Some("w"));
        assert_eq!(why("a", 14), Some("w"));
        assert_eq!(why("a", 16), None);
        assert_eq!(why("c", 60), Some("t"));
        assert_eq!(why("b", 9), None);
    }

    #[test]
    fn a_type_that_does_not_exist_is_named_with_the_nearest() {
        let text = TABLE.replace("of: [a]", "of: [aa]");
        let faults = read(&text).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].to_string().contains("\"aa\" is no error type"),
            "{}",
            faults[0]
        );
    }

    #[test]
    fn a_category_that_does_not_exist_is_named_with_the_nearest() {
        let faults = read(&format!("{TABLE}shared: [jdbcs]\n")).unwrap_err();
        assert!(
            faults[0]
                .to_string()
                .contains("\"jdbcs\" is no category; did you mean `jdbc`?"),
            "{}",
            faults[0]
        );
    }

    #[test]
    fn a_line_that_is_no_expression_is_a_fault() {
        let faults = read("failed: ['(']\n").unwrap_err();
        assert_eq!(faults[0].rule.as_deref(), Some("failed"));
    }
}
