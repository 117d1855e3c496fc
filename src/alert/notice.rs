//! An alert as everybody gets it: in the terminal, the API, the feeds and the topic alike.

use super::Cascades;
use super::failure::{Failure, Member};
use crate::event::{AlertId, EventTime, Fingerprint, Severity};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use xxhash_rust::xxh3::Xxh3;

impl AlertId {
    /// The id of what a rule saw beginning at a time.
    #[must_use]
    pub fn of(rule: &str, whose: &str, began: EventTime) -> Self {
        let mut hash = Xxh3::new();
        for part in [rule, whose] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        hash.update(&began.nanos().to_le_bytes());
        Self(hash.digest128())
    }
}

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// On for every job.
    Basic,
    /// Somebody's own, for a job or a team.
    Custom,
    /// Over all jobs.
    Platform,
}

impl Level {
    /// All, the nearest to one job first.
    pub const ALL: [Level; 3] = [Level::Basic, Level::Custom, Level::Platform];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Basic => "basic",
            Level::Custom => "custom",
            Level::Platform => "platform",
        }
    }
}

/// Where an alert stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its condition holds, but not for long enough to tell anybody.
    Pending,
    /// It goes on.
    Firing,
    /// Nobody counted lately what it is about, so that nobody knows whether it goes on.
    NoData,
    /// Nothing of it was seen for a while.
    Resolved,
}

impl State {
    /// All, in the order of a life.
    pub const ALL: [State; 4] = [State::Pending, State::Firing, State::NoData, State::Resolved];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Firing => "firing",
            State::NoData => "no_data",
            State::Resolved => "resolved",
        }
    }
}

/// An error that came with the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follower {
    /// Its type.
    #[serde(rename = "type")]
    pub error_type: String,
    /// Its exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Events.
    pub count: u64,
    /// First event, RFC 3339.
    pub first_seen: String,
    /// Why it is a consequence, where the rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Id.
    pub id: AlertId,
    /// The rule that judged: `job_failed`, `error_burst`, `shared_failure`, or the id of one in `rules/alerts`.
    pub rule: Cow<'static, str>,
    /// Whose rule it is.
    pub level: Level,
    /// Where it stands.
    pub state: State,
    /// The worst of what was seen.
    pub severity: Severity,
    /// For a person: the job and what happened.
    pub title: String,
    /// The job key; absent where no job is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// Id of the job, where one was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The jobs of an alert over several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
    /// Whose job it is, where the job catalogue or the logs say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Type of the root; of an alert over several errors the one with most events. Absent where nothing was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Exception of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Exceptions around the root, outermost first.
    #[serde(default)]
    pub exception_chain: Vec<String>,
    /// Fingerprint of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// What came with it, in the order it was first seen.
    #[serde(default)]
    pub followers: Vec<Follower>,
    /// First event of the failure, RFC 3339.
    pub started_at: String,
    /// Last event of it, RFC 3339; once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What was measured: of a failure the events of its root so far, else what the rule compares.
    #[serde(serialize_with = "whole_where_it_is")]
    pub value: f64,
    /// What was expected of it, in the same unit; absent where a rule expects nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// How probable a value as strange was, by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// In a sentence: what was compared with what. Absent for failures, whose title says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where to look at it; absent where no address of the pages is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Alert {
    /// Whether it goes on.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        match self.state {
            State::Firing | State::NoData => true,
            State::Pending | State::Resolved => false,
        }
    }
}

/// Counts are written as counts: `12`, not `12.0`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn whole_where_it_is<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    /// Up to here every whole number is one of f64's.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
        return serializer.serialize_i64(*value as i64);
    }
    serializer.serialize_f64(*value)
}

/// What an alert says beside what was seen.
#[derive(Debug)]
pub(super) struct Heading {
    /// The rule that judged.
    pub(super) rule: &'static str,
    /// Whose rule it is.
    pub(super) level: Level,
    /// Who it happened to, for the title.
    pub(super) who: String,
    /// What happened to them, for the title.
    pub(super) verb: &'static str,
    /// The job, where it is one.
    pub(super) job_name: Option<String>,
    /// The jobs, where they are several.
    pub(super) jobs: Vec<String>,
}

impl Alert {
    /// The alert of a failure with this root; nothing where nothing was seen of it.
    pub(super) fn of(
        id: AlertId,
        heading: Heading,
        state: State,
        failure: &Failure,
        root: &Member,
        cascades: &Cascades,
    ) -> Option<Self> {
        let followers = failure.followers(root);
        let told = std::iter::once(root).chain(followers.iter().copied());
        let seen = told.clone().map(|one| (&*one.identity.error_type, one.first.nanos()));
        let why = |one: &Member| {
            let why = cascades.consequence(&one.identity.error_type, one.first.nanos(), seen.clone());
            why.map(|one| one.why.clone())
        };
        Some(Self {
            id,
            rule: heading.rule.into(),
            level: heading.level,
            state,
            severity: failure.severity(),
            title: title(&heading, root),
            job_name: heading.job_name,
            job_id: told.clone().find_map(|one| one.job_id.as_deref()).map(str::to_owned),
            jobs: heading.jobs,
            team: None,
            error_type: Some(root.identity.error_type.to_string()),
            exception: root.identity.exception.clone(),
            exception_chain: root.identity.exception_chain.clone(),
            fingerprint: Some(root.identity.fingerprint),
            followers: followers
                .iter()
                .map(|one| Follower {
                    error_type: one.identity.error_type.to_string(),
                    exception: one.identity.exception.clone(),
                    count: one.count,
                    first_seen: one.first.rfc3339(),
                    why: why(one),
                })
                .collect(),
            started_at: failure.first()?.rfc3339(),
            ended_at: match state {
                State::Pending | State::Firing | State::NoData => None,
                State::Resolved => failure.last().map(EventTime::rfc3339),
            },
            #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
            value: root.count as f64,
            expected: None,
            probability: None,
            reason: None,
            url: None,
        })
    }
}

/// `risk-feature failed: CheckpointException: Checkpoint expired before completing.`
fn title(heading: &Heading, root: &Member) -> String {
    let identity = &root.identity;
    let said = identity.exception_template.as_deref().filter(|said| !said.is_empty());
    let what = match (&identity.exception, said) {
        (Some(class), Some(said)) => format!("{}: {said}", simple(class)),
        (Some(class), None) => format!("{} ({})", simple(class), identity.error_type),
        (None, _) => identity.template.clone(),
    };
    let first_line = what.lines().next().unwrap_or_default();
    shortened(&format!("{} {}: {first_line}", heading.who, heading.verb))
}

/// A title is a line: what is longer is cut, with an ellipsis.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 240;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// The class without its package.
fn simple(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}
