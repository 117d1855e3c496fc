//! All alert rules: the shipped ones and those of a folder.

use super::counted::Dimension;
use super::rule::{AlertRule, Condition};
use super::written;
use crate::alert::cascade::Known;
use crate::dimensions::JobCatalogue;
use crate::rules::{Fault, nearest};
use std::collections::HashMap;
use std::sync::Arc;

/// Rules the failure watch goes by; its alerts carry their names.
const TAKEN: [&str; 3] = ["job_failed", "error_burst", "shared_failure"];

/// Rules of all files together: far beyond what people write, small enough to be judged each second.
const LIMIT: usize = 2_000;

/// All alert rules, read.
#[derive(Debug, Default)]
pub struct AlertRules {
    rules: Vec<Arc<AlertRule>>,
    catalogue: Arc<JobCatalogue>,
}

impl AlertRules {
    /// Reads files (path, text). The types and categories a file names are to be among those `known` for it; where
    /// that is nothing they are not looked at: shipped rules beside error types of somebody's own name types that
    /// never come.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn read<'f, 'k>(
        files: impl Iterator<Item = (&'f str, &'f str)>,
        known: impl Fn(&str) -> Option<&'k Known<'k>>,
        catalogue: Arc<JobCatalogue>,
    ) -> Result<Self, Vec<Fault>> {
        let mut rules = Vec::new();
        let mut faults = Vec::new();
        for (path, text) in files {
            let (read, wrong) = written::read(path, text);
            if let Some(known) = known(path) {
                faults.extend(read.iter().flat_map(|rule| unknown(rule, known)));
            }
            rules.extend(read);
            faults.extend(wrong);
        }
        faults.extend(together(&rules));
        if !faults.is_empty() {
            return Err(faults);
        }
        let rules = rules.into_iter().map(Arc::new).collect();
        Ok(Self { rules, catalogue })
    }

    /// The rule of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<AlertRule>> {
        self.rules.iter().find(|rule| &*rule.id == id)
    }

    /// All of them, those that are turned off too.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<AlertRule>> {
        self.rules.iter()
    }

    /// Who owns which job.
    pub(super) fn catalogue(&self) -> &JobCatalogue {
        &self.catalogue
    }
}

fn fault(rule: &AlertRule, what: String, advice: String) -> Fault {
    Fault {
        file: rule.place.0.clone(),
        line: rule.place.1,
        rule: Some(rule.id.to_string()),
        what,
        advice,
    }
}

/// Types and categories that do not exist.
fn unknown(rule: &AlertRule, known: &Known<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (dimension, name) in rule.filter.names() {
        let (kind, known) = if dimension == Dimension::ErrorType {
            ("error type", &known.types)
        } else {
            ("category", &known.categories)
        };
        if known.contains(name) || name == "unclassified" {
            continue;
        }
        let advice = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("name a {kind} of errors/*.yaml; `seismolog rules list` shows them"),
        };
        faults.push(fault(rule, format!("{name:?} is no {kind}"), advice));
    }
    faults
}

/// What only shows when all rules are known.
fn together(rules: &[AlertRule]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut first: HashMap<&str, &AlertRule> = HashMap::new();
    for rule in rules {
        if TAKEN.contains(&&*rule.id) {
            let advice = "it is one of the failure watch; choose another".to_owned();
            faults.push(fault(rule, format!("the id `{}` is taken", rule.id), advice));
        }
        if let Some(other) = first.insert(&rule.id, rule) {
            let place = other.place.1.map_or_else(String::new, |line| format!(":{line}"));
            let what = format!("the id `{}` stands in {}{place} too", rule.id, other.place.0);
            let advice = "give each rule its own id; to change a shipped rule copy its file and edit it there";
            faults.push(fault(rule, what, advice.to_owned()));
        }
    }
    for rule in rules {
        let Condition::Composite { of, .. } = &rule.condition else {
            continue;
        };
        for id in of {
            let (what, advice) = match first.get(&**id) {
                None => {
                    let advice = match nearest(id, first.keys().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => "name rules of alerts/*.yaml".to_owned(),
                    };
                    (format!("{id:?} is no alert rule"), advice)
                }
                Some(child) if matches!(child.condition, Condition::Composite { .. }) => (
                    format!("`{id}` is a composite itself"),
                    "name the rules it is made of".to_owned(),
                ),
                Some(child) if !child.enabled => {
                    let advice = "enable it with `tells: false`, so that nobody hears of it alone";
                    (format!("`{id}` is not enabled"), advice.to_owned())
                }
                Some(child) if child.by != rule.by => {
                    let by: Vec<&str> = child.by.iter().map(|one| one.name()).collect();
                    (
                        format!("`{id}` has another key: by [{}]", by.join(", ")),
                        "rules of a composite have the `by` of the composite".to_owned(),
                    )
                }
                Some(_) => continue,
            };
            faults.push(fault(rule, what, advice));
        }
    }
    if rules.len() > LIMIT
        && let Some(last) = rules.last()
    {
        let advice = format!("keep them below {LIMIT}: one rule `by` a dimension serves all its values");
        faults.push(fault(last, format!("{} alert rules", rules.len()), advice));
    }
    faults
}
