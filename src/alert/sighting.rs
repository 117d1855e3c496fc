//! What the alerter sees: some events of one error in one job.

use crate::engine::Identified;
use crate::event::{Dimensions, EventTime, Fingerprint, JobKey};
use crate::fold::DetailDelta;
use crate::identity::Identity;
use std::fmt;
use std::sync::Arc;

/// Whose error it is: the job's, or, where no job is told, that of the process that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Subject {
    /// The job key (`Dimensions::job`).
    Job(Arc<str>),
    /// Pod, container or host of a process that names no job; empty where none of them is told.
    Process(Arc<str>),
}

impl Subject {
    /// Whose error an event with these dimensions is.
    #[must_use]
    pub fn of(dimensions: &Dimensions) -> Self {
        Self::named(dimensions.job().0, |name| match name {
            "pod" => dimensions.pod.as_deref(),
            "container" => dimensions.container.as_deref(),
            _ => dimensions.host.as_deref(),
        })
    }

    /// Whose error it is, where its job key and what else is known by name are at hand.
    #[must_use]
    pub fn named<'a>(job: &str, dimension: impl Fn(&str) -> Option<&'a str>) -> Self {
        if job != JobKey::NONE {
            return Self::Job(job.into());
        }
        let process = ["pod", "container", "host"].iter().find_map(|name| dimension(name));
        Self::Process(process.unwrap_or_default().into())
    }

    /// The job, where one is told.
    #[must_use]
    pub fn job(&self) -> Option<&Arc<str>> {
        match self {
            Self::Job(job) => Some(job),
            Self::Process(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => f.write_str(job),
            Self::Process(process) if process.is_empty() => f.write_str("a process without a name"),
            Self::Process(process) => write!(f, "a process on {process}"),
        }
    }
}

/// Events of one error of one subject, close in time.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Whose error it is.
    pub subject: Subject,
    /// Id of the job, where known.
    pub job_id: Option<Box<str>>,
    /// What error it is.
    pub identity: Arc<Identity>,
    /// Earliest event.
    pub first: EventTime,
    /// Latest event.
    pub last: EventTime,
    /// Events.
    pub count: u64,
    /// Whether one of them says that a job or a task has failed.
    pub failed: bool,
}

impl Sighting {
    /// One event; `failed` as [`super::Cascades::says_failed`] tells of its masked message.
    #[must_use]
    pub fn of(event: &Identified<'_>, failed: bool) -> Self {
        Self {
            subject: Subject::of(event.dimensions),
            job_id: event.dimensions.job_id.clone(),
            identity: Arc::clone(event.identity),
            first: event.event.time,
            last: event.event.time,
            count: 1,
            failed,
        }
    }

    /// The events of a delta. Whether they say that something failed is not known yet.
    #[must_use]
    pub fn of_delta(delta: &DetailDelta) -> Self {
        let dimension = |name: &str| delta.sample.dimensions.get(name).map(String::as_str);
        Self {
            subject: Subject::named(&delta.job, dimension),
            job_id: dimension("job_id").map(Into::into),
            identity: Arc::clone(&delta.identity),
            first: delta.first_seen,
            last: delta.last_seen,
            count: delta.count,
            failed: false,
        }
    }

    /// An order of sightings that is the same every time.
    #[must_use]
    pub fn by_time(&self) -> (EventTime, &Subject, Fingerprint) {
        (self.first, &self.subject, self.identity.fingerprint)
    }

    /// Takes in another sighting of the same error of the same subject.
    pub fn join(&mut self, other: Self) {
        if other.first < self.first {
            self.first = other.first;
            self.identity = other.identity;
        }
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        self.failed |= other.failed;
    }
}
