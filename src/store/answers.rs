//! Questions and answers of the reading side. Serialized as they stand in the HTTP API.

use crate::event::{Fingerprint, Group, IssueId, Part, Severity};
use crate::fold::{Ledger, Sample};
use crate::query::Query;
use serde::Serialize;

/// One page of a listing.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Hand it back as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// How issues are ordered, always descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorSort {
    /// Latest event first.
    #[default]
    LastSeen,
    /// Newest issue first.
    FirstSeen,
    /// Most events in the window first.
    Count,
}

/// Which issues.
#[derive(Debug, Clone, Default)]
pub struct ErrorsAsk {
    /// The search.
    pub query: Query,
    /// Seen at or after.
    pub from: i64,
    /// Seen before.
    pub to: i64,
    /// Order.
    pub sort: ErrorSort,
    /// At most so many (1 to 500).
    pub limit: usize,
    /// Cursor of the page before.
    pub after: Option<String>,
    /// How many buckets the sparkline of each issue has; 0 leaves it out.
    pub sparkline: usize,
    /// The time to which `first_seen:>-1h` and `is:new` refer.
    pub now: i64,
}

/// One issue: (job, fingerprint).
#[derive(Debug, Clone, Serialize)]
pub struct Issue {
    /// Id.
    pub id: IssueId,
    /// Fingerprint.
    pub fingerprint: Fingerprint,
    /// Group.
    pub group: Group,
    /// Job key.
    pub job: String,
    /// Last known job id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Team, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Cluster, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Engine, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Type.
    pub error_type: String,
    /// Category.
    pub category: String,
    /// Severity.
    pub severity: Severity,
    /// Part.
    pub part: Part,
    /// Rule, if one spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Root-cause class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Owner frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_frame: Option<String>,
    /// Template of the message.
    pub template: String,
    /// What a person reads as the title: the message of the telling cause if there is one, else the message.
    pub title: String,
    /// Events in the window asked for.
    pub count: u64,
    /// Events over all time.
    pub total: u64,
    /// First event over all time, RFC 3339.
    pub first_seen: String,
    /// Last event over all time, RFC 3339.
    pub last_seen: String,
    /// open, resolved or muted.
    pub state: IssueState,
    /// Counts over the window, oldest first; empty when not asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sparkline: Vec<u64>,
}

/// What people said of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    /// Nobody said anything.
    #[default]
    Open,
    /// Said to be mended.
    Resolved,
    /// Not to be shown for now.
    Muted,
    /// Was resolved and came back. Counts as open wherever open is asked for.
    Regressed,
}

/// Which issue, over which window.
#[derive(Debug, Clone)]
pub struct ErrorAsk {
    /// The issue.
    pub id: IssueId,
    /// Counts from.
    pub from: i64,
    /// Counts to.
    pub to: i64,
    /// How many of its kin at most.
    pub kin: usize,
}

/// One issue in full.
#[derive(Debug, Clone, Serialize)]
pub struct IssueDetail {
    /// The issue.
    #[serde(flatten)]
    pub issue: Issue,
    /// Classes of the cause chain, outermost first.
    pub exception_chain: Vec<String>,
    /// Counts by minute in the window: (minute start RFC 3339, count), only minutes with events.
    pub minutes: Vec<(String, u64)>,
    /// Hosts it was seen on (bounded).
    pub hosts: Vec<String>,
    /// Roles it was seen on (bounded).
    pub roles: Vec<String>,
    /// Tasks it was seen on (bounded).
    pub tasks: Vec<String>,
    /// The latest sample.
    pub sample: Option<StoredSample>,
    /// The same fingerprint in other jobs.
    pub same_fingerprint: Vec<Issue>,
    /// Other fingerprints of the same group.
    pub same_group: Vec<Issue>,
}

/// A sample as stored.
#[derive(Debug, Clone, Serialize)]
pub struct StoredSample {
    /// Start of its minute, RFC 3339.
    pub minute: String,
    /// Events of that minute.
    pub count: u64,
    /// The event.
    #[serde(flatten)]
    pub sample: Sample,
}

/// Which counts.
#[derive(Debug, Clone)]
pub struct TrendsAsk {
    /// A dimension of `TREND_DIMENSIONS`.
    pub by: String,
    /// Width of a bucket in minutes, at least 1.
    pub step_minutes: i64,
    /// From (rounded down to the step).
    pub from: i64,
    /// To.
    pub to: i64,
    /// The search.
    pub query: Query,
    /// How many series beside `other`.
    pub top: usize,
    /// The time relative times in the query refer to.
    pub now: i64,
}

/// What counts can be told apart by.
pub const TREND_DIMENSIONS: &[&str] = &[
    "error_type",
    "category",
    "severity",
    "part",
    "exception",
    "job",
    "cluster",
    "namespace",
    "team",
    "engine",
    "role",
    "host",
    "fingerprint",
    "group",
];

/// Counts over time, zero-filled.
#[derive(Debug, Clone, Serialize)]
pub struct Trends {
    /// The dimension.
    pub by: String,
    /// Start of the first bucket, RFC 3339.
    pub from: String,
    /// End of the last bucket, RFC 3339.
    pub to: String,
    /// Width of a bucket in seconds.
    pub step_seconds: i64,
    /// Starts of the buckets, seconds since the epoch.
    pub times: Vec<i64>,
    /// One per value, largest first.
    pub series: Vec<Series>,
    /// All that is in no series.
    pub other: Vec<u64>,
    /// Everything that matches.
    pub total: Vec<u64>,
}

/// Counts of one value.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    /// The value; `-` where the dimension is unknown.
    pub value: String,
    /// Sum over the window.
    pub count: u64,
    /// One per bucket.
    pub counts: Vec<u64>,
}

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobsAsk {
    /// Window.
    pub from: i64,
    /// Window.
    pub to: i64,
    /// Part of the name, any case; empty for all.
    pub name: String,
    /// At most.
    pub limit: usize,
    /// Cursor.
    pub after: Option<String>,
    /// Buckets of the sparkline.
    pub sparkline: usize,
}

/// A job with its health over the window.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Job key.
    pub job: String,
    /// Team, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Cluster, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Engine, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Events, noise left out.
    pub count: u64,
    /// Distinct issues, noise left out.
    pub issues: u64,
    /// Issues first seen in the window.
    pub new_issues: u64,
    /// Job or task restarts told by the logs.
    pub restarts: u64,
    /// 0 (bad) to 100 (nothing to see).
    pub health: u32,
    /// Why: one sentence per point lost.
    pub health_parts: Vec<String>,
    /// Last event, RFC 3339.
    pub last_seen: String,
    /// Counts over the window, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sparkline: Vec<u64>,
}

/// A job with its top errors.
#[derive(Debug, Clone, Serialize)]
pub struct JobDetail {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Issues with most events in the window.
    pub top_errors: Vec<Issue>,
}

/// A reject as stored.
#[derive(Debug, Clone, Serialize)]
pub struct StoredReject {
    /// Number in the store.
    pub id: i64,
    /// Source.
    pub source: String,
    /// Offset.
    pub offset: u64,
    /// Reason.
    pub reason: String,
    /// For a person.
    pub detail: String,
    /// Length of the record.
    pub length: u64,
    /// Kept bytes, as text (invalid UTF-8 replaced).
    pub bytes: String,
    /// When, RFC 3339.
    pub rejected_at: String,
}

/// What is in the store.
#[derive(Debug, Clone, Serialize)]
pub struct Totals {
    /// The ledger over all sources.
    pub ledger: Ledger,
    /// The ledger by source.
    pub sources: Vec<(String, Ledger)>,
    /// Issues.
    pub issues: u64,
    /// Distinct fingerprints.
    pub fingerprints: u64,
    /// Detail rows.
    pub details: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Earliest event, RFC 3339, if any.
    pub first_seen: Option<String>,
    /// Latest event, RFC 3339, if any.
    pub last_seen: Option<String>,
}
