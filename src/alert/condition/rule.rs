//! One alert rule, read: what it looks at, what it compares, what it says.

use super::counted::{Counted, Dimension};
use super::filter::Filter;
use super::title::Title;
use crate::alert::Level;
use crate::alert::judge::Settings;
use crate::dimensions::JobCatalogue;
use crate::event::Severity;
use globset::GlobSet;
use std::sync::Arc;

/// One alert rule.
#[derive(Debug)]
pub struct AlertRule {
    /// Its name, the `rule` of alerts.
    pub id: Arc<str>,
    /// Whose rule it is.
    pub level: Level,
    /// How bad what it sees is.
    pub severity: Severity,
    /// For a person: what it means and what to do.
    pub about: String,
    /// Whether it is judged.
    pub enabled: bool,
    /// Whether its alert is part of the failure of the same job, where that is told already.
    pub folds_into_failure: bool,
    /// Whether anybody is told of it by itself, and not only of a composite it is part of.
    pub tells: bool,
    /// The file it stands in and the line it begins at.
    pub place: (String, Option<usize>),
    /// The kind of its condition, as written: `threshold`, `spike`, ….
    pub kind: &'static str,
    pub(super) title: Title,
    pub(super) filter: Filter,
    pub(super) by: Vec<Dimension>,
    pub(super) condition: Condition,
    /// Minutes the condition holds before it is told.
    pub(super) pending: i64,
    /// Minutes it must not hold before it is over.
    pub(super) keep: i64,
    pub(super) runs_for: RunsFor,
    /// Of all that decides what it judges: a rule whose recipe stays keeps its state.
    pub(super) recipe: u64,
}

/// What is compared. Times in minutes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// More than `above` events within a time; over when not more than `back_below`.
    Threshold { above: u64, back_below: u64, within: i64 },
    /// More, or less, than the series' own past lets expect.
    Spike(Settings),
    /// An error never seen before in the key.
    New(Fresh),
    /// An error seen again after a quiet time, or after somebody said it was mended.
    Regression { fresh: Fresh, after_quiet: i64 },
    /// Nothing for a time, of what used to come.
    Absence { quiet: i64, came: u32 },
    /// So many values of a dimension with at least `each` events within a time.
    Share {
        of: Dimension,
        each: u64,
        above: u64,
        /// And more than this share of all that are known.
        share: Option<f64>,
        within: i64,
    },
    /// All or any of other rules go on for the same key.
    Composite { all: bool, of: Vec<Arc<str>> },
}

/// When a first sighting is news.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fresh {
    /// Minutes a store is young: everything is new in it, and nothing of that is told.
    pub(super) learning: i64,
    /// More first sightings than this within a day are usual for the key: another one is no news.
    pub(super) usual: usize,
    /// So many events of the error before it is told,
    pub(super) at_least: u64,
    /// within so many minutes.
    pub(super) within: i64,
}

/// For whom a rule is judged; for all where nothing is said.
#[derive(Debug, Clone, Default)]
pub(super) struct RunsFor {
    pub(super) jobs: Option<GlobSet>,
    pub(super) teams: Vec<String>,
    pub(super) tiers: Vec<u8>,
}

impl RunsFor {
    fn means(&self, row: &Counted<'_>, catalogue: &JobCatalogue) -> bool {
        if self.jobs.is_none() && self.teams.is_empty() && self.tiers.is_empty() {
            return true;
        }
        let job = self.jobs.as_ref().is_none_or(|jobs| jobs.is_match(row.job));
        let owned = catalogue.of(row.job);
        let team = row.dimensions.team.or(owned.and_then(|owned| owned.team.as_deref()));
        let is_team = |team: &str| self.teams.iter().any(|wanted| wanted.eq_ignore_ascii_case(team));
        let tier = owned.and_then(|owned| owned.tier);
        job && (self.teams.is_empty() || team.is_some_and(is_team))
            && (self.tiers.is_empty() || tier.is_some_and(|tier| self.tiers.contains(&tier)))
    }
}

impl AlertRule {
    /// Whether a row is looked at.
    pub(super) fn means(&self, row: &Counted<'_>, catalogue: &JobCatalogue) -> bool {
        self.filter.matches(row) && self.runs_for.means(row, catalogue)
    }

    /// The dimensions of its key.
    #[must_use]
    pub fn by(&self) -> &[Dimension] {
        &self.by
    }
}
