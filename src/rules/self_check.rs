//! Do the rules do what they say? Ids are unique, `over` names rules and runs in no circle, every example holds.

use super::classify::ErrorRules;
use super::example::Example;
use super::fault::Fault;
use super::written::{ErrorRule, Over};
use super::yaml::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// One example that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedExample {
    /// The rule whose example it is.
    pub rule: String,
    /// File and line of the rule.
    pub place: (String, Option<usize>),
    /// The example.
    pub example: String,
    /// What it should have become.
    pub expected: String,
    /// What it became.
    pub got: String,
}

/// How many examples were run and which failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExamplesRun {
    /// Run in all.
    pub run: usize,
    /// Those that do not hold.
    pub failed: Vec<FailedExample>,
}

/// What is wrong with the rules as a whole.
pub(crate) fn check_names(rules: &[ErrorRule]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<&str, &ErrorRule> = BTreeMap::new();
    for rule in rules {
        if let Some(first) = seen.get(&*rule.id) {
            faults.push(fault(
                rule,
                format!("the id `{}` is taken by {}", rule.id, shown(&first.place)),
                "an id names one type; rename one of them",
            ));
        } else {
            seen.insert(&rule.id, rule);
        }
    }
    for rule in rules {
        let Over::Rules(beaten) = &rule.over else { continue };
        for id in beaten {
            if !seen.contains_key(id.as_str()) {
                let advice = match nearest(id, seen.keys().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name rules by their id".to_owned(),
                };
                faults.push(fault(rule, format!("`over` names `{id}`, which is no rule"), &advice));
            }
        }
        if let Some(circle) = circle_from(rule, &seen) {
            faults.push(fault(
                rule,
                format!("`over` runs in a circle: {}", circle.join(" over ")),
                "take it out of one of them",
            ));
        }
    }
    faults
}

/// The way from a rule back to itself along `over`.
fn circle_from(start: &ErrorRule, rules: &BTreeMap<&str, &ErrorRule>) -> Option<Vec<String>> {
    let mut open = vec![vec![start.id.to_string()]];
    let mut closed = BTreeSet::new();
    while let Some(way) = open.pop() {
        let Some(Over::Rules(beaten)) = way.last().and_then(|id| rules.get(id.as_str())).map(|rule| &rule.over) else {
            continue;
        };
        for next in beaten {
            let mut longer = way.clone();
            longer.push(next.clone());
            if *next == *start.id {
                return Some(longer);
            }
            if closed.insert(next.clone()) {
                open.push(longer);
            }
        }
    }
    None
}

/// Runs every example.
pub(crate) fn run_examples(rules: &ErrorRules) -> ExamplesRun {
    let mut run = ExamplesRun::default();
    for rule in rules.iter() {
        for (examples, matches) in [(&rule.matches, true), (&rule.leaves, false)] {
            for example in examples {
                run.run += 1;
                run.failed.extend(failure(rules, rule, example, matches));
            }
        }
    }
    run
}

fn failure(rules: &ErrorRules, rule: &ErrorRule, example: &Example, matches: bool) -> Option<FailedExample> {
    let got = example.tell(|told| rules.classify(told).map(|rule| rule.id.to_string()));
    let got = got.as_deref().unwrap_or("unclassified");
    let (holds, expected) = match (&example.is, matches) {
        (Some(other), _) => (got == other, other.clone()),
        (None, true) => (got == &*rule.id, rule.id.to_string()),
        (None, false) => (got != &*rule.id, format!("anything but {}", rule.id)),
    };
    (!holds).then(|| FailedExample {
        rule: rule.id.to_string(),
        place: rule.place.clone(),
        example: example.shown(),
        expected,
        got: got.to_owned(),
    })
}

/// A failed example as a fault of the folder.
pub(crate) fn as_fault(failed: &FailedExample) -> Fault {
    Fault {
        file: failed.place.0.clone(),
        line: failed.place.1,
        rule: Some(failed.rule.clone()),
        what: format!(
            "the example {:?} became {}, not {}",
            failed.example, failed.got, failed.expected
        ),
        advice: "change the match or the example; `seismolog rules test` shows them all".to_owned(),
    }
}

fn fault(rule: &ErrorRule, what: String, advice: &str) -> Fault {
    Fault {
        file: rule.place.0.clone(),
        line: rule.place.1,
        rule: Some(rule.id.to_string()),
        what,
        advice: advice.to_owned(),
    }
}

fn shown((file, line): &(String, Option<usize>)) -> String {
    match line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    }
}
