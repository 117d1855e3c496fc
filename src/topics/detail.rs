//! `error-details`: what became known of one (job, fingerprint, minute) in one flush.

use crate::event::{Fingerprint, Group, IssueId, Part, Severity};
use crate::fold::{DetailDelta, Sample};
use crate::identity::RECIPE_VERSION;
use serde::{Deserialize, Serialize};

/// A detail delta on its way to the search node. Its key in the topic is the issue as 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// Shape of this record; readers refuse a newer one.
    pub version: u16,
    /// (job, fingerprint).
    pub issue: IssueId,
    /// The job key.
    pub job: String,
    /// Start of the minute, milliseconds since the epoch.
    pub minute: i64,
    /// Fingerprint.
    pub fingerprint: Fingerprint,
    /// Group.
    pub group: Group,
    /// Version of the recipe that made the fingerprint.
    pub recipe: u16,
    /// Type.
    pub error_type: String,
    /// Category.
    pub category: String,
    /// Severity.
    pub severity: Severity,
    /// Part.
    pub part: Part,
    /// Rule, if one spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Masked message.
    pub template: String,
    /// Masked message of the telling cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_template: Option<String>,
    /// Root-cause class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Classes of the chain, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exception_chain: Vec<String>,
    /// Owner frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_frame: Option<String>,
    /// Events.
    pub count: u64,
    /// Earliest event, nanoseconds since the epoch.
    pub first_seen: i64,
    /// Latest event, nanoseconds since the epoch.
    pub last_seen: i64,
    /// Hosts, sorted, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Roles, sorted, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Tasks, sorted, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// Whether a set was full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// One event in full, where this is the first delta of its minute that the writer sent or an earlier event than
    /// the one it sent before. Readers keep the earliest, ties by [`Sample::cmp_content`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

impl Detail {
    /// The shape written now.
    pub const VERSION: u16 = 1;

    /// The record of a delta, with or without its sample.
    #[must_use]
    pub fn of(delta: &DetailDelta, with_sample: bool) -> Self {
        let texts = |texts: &[Box<str>]| texts.iter().map(|text| text.to_string()).collect();
        let identity = &delta.identity;
        Self {
            version: Self::VERSION,
            issue: delta.issue,
            job: delta.job.to_string(),
            minute: delta.minute.start_millis(),
            fingerprint: identity.fingerprint,
            group: identity.group,
            recipe: RECIPE_VERSION,
            error_type: identity.error_type.to_string(),
            category: identity.category.to_string(),
            severity: identity.severity,
            part: identity.part,
            rule: identity.rule.as_deref().map(str::to_owned),
            template: identity.template.clone(),
            exception_template: identity.exception_template.clone(),
            exception: identity.exception.clone(),
            exception_chain: identity.exception_chain.clone(),
            top_frame: identity.top_frame.clone(),
            count: delta.count,
            first_seen: delta.first_seen.nanos(),
            last_seen: delta.last_seen.nanos(),
            hosts: texts(&delta.seen_on.hosts),
            roles: texts(&delta.seen_on.roles),
            tasks: texts(&delta.seen_on.tasks),
            more: delta.seen_on.more,
            sample: with_sample.then(|| (*delta.sample).clone()),
        }
    }

    /// Appends the JSON of [`Detail::of`] without making one: a flush writes thousands.
    ///
    /// # Errors
    /// When JSON cannot say it; nothing of ours is so.
    pub fn write(delta: &DetailDelta, with_sample: bool, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let identity = &*delta.identity;
        let written = Written {
            version: Self::VERSION,
            issue: delta.issue,
            job: &delta.job,
            minute: delta.minute.start_millis(),
            fingerprint: identity.fingerprint,
            group: identity.group,
            recipe: RECIPE_VERSION,
            error_type: &identity.error_type,
            category: &identity.category,
            severity: identity.severity,
            part: identity.part,
            rule: identity.rule.as_deref(),
            template: &identity.template,
            exception_template: identity.exception_template.as_deref(),
            exception: identity.exception.as_deref(),
            exception_chain: &identity.exception_chain,
            top_frame: identity.top_frame.as_deref(),
            count: delta.count,
            first_seen: delta.first_seen.nanos(),
            last_seen: delta.last_seen.nanos(),
            hosts: &delta.seen_on.hosts,
            roles: &delta.seen_on.roles,
            tasks: &delta.seen_on.tasks,
            more: delta.seen_on.more,
            sample: with_sample.then_some(&*delta.sample),
        };
        serde_json::to_writer(out, &written)
    }
}

/// [`Detail`], borrowed: the same fields in the same order.
#[derive(Serialize)]
struct Written<'a> {
    version: u16,
    issue: IssueId,
    job: &'a str,
    minute: i64,
    fingerprint: Fingerprint,
    group: Group,
    recipe: u16,
    error_type: &'a str,
    category: &'a str,
    severity: Severity,
    part: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    template: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception_template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    exception_chain: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_frame: Option<&'a str>,
    count: u64,
    first_seen: i64,
    last_seen: i64,
    #[serde(skip_serializing_if = "<[Box<str>]>::is_empty")]
    hosts: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[Box<str>]>::is_empty")]
    roles: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[Box<str>]>::is_empty")]
    tasks: &'a [Box<str>],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<&'a Sample>,
}
