//! Who is told of what: `rules/routes.yaml`, compiled.

use super::destination::Destination;
use super::matching::Matching;
use super::read;
use crate::alert::Alert;
use crate::rules::Fault;
use crate::store::ChangeKind;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Who is told of what. Without a file: nobody, and alerts stand in lists and feeds only.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub(super) destinations: BTreeMap<String, Destination>,
    pub(super) routes: Vec<Route>,
    /// Where no route matches.
    pub(super) otherwise: Target,
}

/// One route.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) matching: Matching,
    pub(super) target: Target,
    /// Whether routes below it have their turn as well.
    pub(super) goes_on: bool,
}

/// Whom a route tells, and of what.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) to: Vec<String>,
    pub(super) changes: HashSet<ChangeKind>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            changes: USUAL.iter().copied().collect(),
        }
    }
}

/// What is told where a route does not say.
pub(super) const USUAL: &[ChangeKind] = &[
    ChangeKind::Fired,
    ChangeKind::Updated,
    ChangeKind::Reminded,
    ChangeKind::Resolved,
    ChangeKind::Closed,
];

/// What may be told: nobody is told of what may yet turn out to be nothing.
pub(super) const TELLABLE: &[ChangeKind] = &[
    ChangeKind::Fired,
    ChangeKind::Updated,
    ChangeKind::Reminded,
    ChangeKind::NoData,
    ChangeKind::Resolved,
    ChangeKind::Acknowledged,
    ChangeKind::Silenced,
    ChangeKind::Closed,
];

/// Error types by category, as the rules have them.
pub type Categories<'a> = HashMap<&'a str, HashSet<&'a str>>;

impl Routes {
    /// Reads `routes.yaml`; an empty text tells nobody. Categories are those of the error rules.
    ///
    /// # Errors
    /// All faults.
    pub fn from_yaml(text: &str, categories: &Categories<'_>) -> Result<Self, Vec<Fault>> {
        read::routes(text, categories)
    }

    /// Names of those who are told of a change, each once, in the order of the file.
    #[must_use]
    pub fn of(&self, alert: &Alert, change: ChangeKind) -> Vec<&str> {
        let mut told: Vec<&str> = Vec::new();
        let mut matched = false;
        for route in self.routes.iter().filter(|route| route.matching.holds(alert)) {
            matched = true;
            take(&route.target, change, &mut told);
            if !route.goes_on {
                break;
            }
        }
        if !matched {
            take(&self.otherwise, change, &mut told);
        }
        told
    }

    /// The destination of a name.
    #[must_use]
    pub fn destination(&self, name: &str) -> Option<&Destination> {
        self.destinations.get(name)
    }

    /// All destinations, by name.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.destinations.values()
    }

    /// What keeps destinations from being reached as this process is set up: variables that are not set, files that are
    /// not there, addresses that are none. As name and reason.
    #[must_use]
    pub fn unreached(&self) -> Vec<(&str, String)> {
        let tried = self.destinations.values();
        tried
            .filter_map(|one| Some((one.name.as_str(), one.reach().err()?.to_string())))
            .collect()
    }
}

fn take<'r>(target: &'r Target, change: ChangeKind, told: &mut Vec<&'r str>) {
    if target.changes.contains(&change) {
        for name in &target.to {
            if !told.contains(&name.as_str()) {
                told.push(name);
            }
        }
    }
}
