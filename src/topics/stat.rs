//! `error-stats`: counts for Druid and for alerts, and the heartbeats that say how far counting has come.

use crate::event::{Fingerprint, Group, Part, Severity};
use crate::fold::StatRow;
use serde::{Deserialize, Serialize};

/// One row. Field names are those of the Druid datasource; `time` becomes `__time`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Start of the minute, RFC 3339 with milliseconds.
    pub time: String,
    /// A count or a heartbeat.
    pub kind: StatKind,
    /// Cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Job key; absent on a heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Root-cause class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Fingerprint, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Group, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Events; 0 on a heartbeat.
    pub count: u64,
    /// On a heartbeat: how far counting has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatKind {
    /// A count.
    Error,
    /// A watermark, with a count of 0.
    Heartbeat,
}

/// How far one input partition has been counted with this flush: everything below `next_offset` is in counts or
/// rejects of this or an earlier transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Input topic.
    pub topic: String,
    /// Input partition.
    pub partition: i32,
    /// The offset to go on at.
    pub next_offset: i64,
    /// Records consumed of this partition in this flush.
    pub records: u64,
    /// Events folded of this partition in this flush.
    pub folded: u64,
    /// Rejects of this partition in this flush.
    pub rejected: u64,
    /// Latest event time seen of this partition so far, milliseconds since the epoch; absent before the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<i64>,
    /// Whether the partition had nothing left to read, so that its watermark is the present.
    #[serde(default)]
    pub idle: bool,
}

impl Stat {
    /// The row of a count. `time` is the minute's start as RFC 3339.
    #[must_use]
    pub fn of(row: &StatRow, time: String) -> Self {
        let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        let (identity, dimensions) = (&row.identity, &row.dimensions);
        Self {
            time,
            kind: StatKind::Error,
            cluster: owned(&dimensions.cluster),
            namespace: owned(&dimensions.namespace),
            job: Some(dimensions.job().0.to_owned()),
            team: owned(&dimensions.team),
            engine: owned(&dimensions.engine),
            role: owned(&dimensions.role),
            host: owned(&dimensions.host),
            error_type: Some(identity.error_type.to_string()),
            category: Some(identity.category.to_string()),
            severity: Some(identity.severity.to_string()),
            part: Some(identity.part.to_string()),
            exception: identity.exception.clone(),
            fingerprint: Some(identity.fingerprint.to_string()),
            group: Some(identity.group.to_string()),
            count: row.count,
            heartbeat: None,
        }
    }

    /// Appends the JSON of [`Stat::of`] without making one: a flush writes thousands.
    ///
    /// # Errors
    /// When JSON cannot say it; nothing of ours is so.
    pub fn write(row: &StatRow, time: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let (identity, dimensions) = (&*row.identity, &*row.dimensions);
        let written = Written {
            time,
            kind: StatKind::Error,
            cluster: dimensions.cluster.as_deref(),
            namespace: dimensions.namespace.as_deref(),
            job: dimensions.job().0,
            team: dimensions.team.as_deref(),
            engine: dimensions.engine.as_deref(),
            role: dimensions.role.as_deref(),
            host: dimensions.host.as_deref(),
            error_type: &identity.error_type,
            category: &identity.category,
            severity: identity.severity,
            part: identity.part,
            exception: identity.exception.as_deref(),
            fingerprint: identity.fingerprint,
            group: identity.group,
            count: row.count,
        };
        serde_json::to_writer(out, &written)
    }

    /// The row of a heartbeat. `time` is the minute of the watermark, or of the flush before the first event.
    #[must_use]
    pub fn heartbeat(time: String, heartbeat: Heartbeat) -> Self {
        Self {
            time,
            kind: StatKind::Heartbeat,
            cluster: None,
            namespace: None,
            job: None,
            team: None,
            engine: None,
            role: None,
            host: None,
            error_type: None,
            category: None,
            severity: None,
            part: None,
            exception: None,
            fingerprint: None,
            group: None,
            count: 0,
            heartbeat: Some(heartbeat),
        }
    }
}

/// [`Stat`] of a count, borrowed: the same fields in the same order.
#[derive(Serialize)]
struct Written<'a> {
    time: &'a str,
    kind: StatKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    job: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    error_type: &'a str,
    category: &'a str,
    severity: Severity,
    part: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'a str>,
    fingerprint: Fingerprint,
    group: Group,
    count: u64,
}
