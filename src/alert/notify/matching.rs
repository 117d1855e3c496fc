//! Which alerts a route is for.

use crate::alert::{Alert, Level};
use crate::event::Severity;
use globset::GlobSet;
use std::collections::HashSet;

/// What a route asks of an alert. What it does not ask for holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Matching {
    /// One of these levels.
    pub(super) levels: Option<Vec<Level>>,
    /// At least as severe.
    pub(super) severity: Option<Severity>,
    /// Somebody of these teams.
    pub(super) teams: Option<GlobSet>,
    /// One of these jobs; of an alert over several any one is enough.
    pub(super) jobs: Option<GlobSet>,
    /// One of these rules.
    pub(super) rules: Option<GlobSet>,
    /// One of these types, those of the categories asked for among them.
    pub(super) types: Option<(GlobSet, HashSet<String>)>,
}

impl Matching {
    /// Whether an alert is one of these.
    pub(super) fn holds(&self, alert: &Alert) -> bool {
        let one_of = |wanted: &Option<GlobSet>, value: Option<&str>| match (wanted, value) {
            (None, _) => true,
            (Some(globs), Some(value)) => globs.is_match(value),
            (Some(_), None) => false,
        };
        let level = self.levels.as_ref().is_none_or(|levels| levels.contains(&alert.level));
        let severity = self.severity.is_none_or(|least| alert.severity >= least);
        let jobs = self.jobs.as_ref().is_none_or(|globs| {
            let all = alert.jobs.iter().map(String::as_str).chain(alert.job_name.as_deref());
            all.into_iter().any(|job| globs.is_match(job))
        });
        let types = self.types.as_ref().is_none_or(|(globs, exact)| {
            let told = alert.error_type.as_deref();
            told.is_some_and(|told| exact.contains(told) || globs.is_match(told))
        });
        level
            && severity
            && jobs
            && types
            && one_of(&self.teams, alert.team.as_deref())
            && one_of(&self.rules, Some(&alert.rule))
    }
}
