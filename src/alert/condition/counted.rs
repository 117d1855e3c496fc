//! What conditions see: some events of one error at one place in one minute.

use crate::engine::Identified;
use crate::event::{Dimensions, Fingerprint, Group, Minute, Part, Severity};
use crate::fold::StatRow;
use crate::identity::Identity;
use crate::topics::stat::{Stat, StatKind};
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Events of one error at one place in one minute. Rows of one minute add up, in any order.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The minute the events happened in.
    pub minute: Minute,
    /// What error it is.
    pub identity: CountedIdentity<'a>,
    /// Where it happened.
    pub dimensions: CountedDimensions<'a>,
    /// The job key (`Dimensions::job`), `-` where none is known.
    pub job: &'a str,
    /// Events.
    pub count: u64,
}

/// What is known of the error of a counted row.
#[derive(Debug, Clone, Copy)]
pub struct CountedIdentity<'a> {
    /// Type.
    pub error_type: &'a str,
    /// Category of the type.
    pub category: &'a str,
    /// How bad.
    pub severity: Severity,
    /// Root, symptom or noise.
    pub part: Part,
    /// Class of the root cause.
    pub exception: Option<&'a str>,
    /// Stable identity.
    pub fingerprint: Fingerprint,
    /// Coarse identity.
    pub group: Group,
}

/// Where the events of a counted row happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CountedDimensions<'a> {
    /// Cluster.
    pub cluster: Option<&'a str>,
    /// Namespace.
    pub namespace: Option<&'a str>,
    /// Team or owner.
    pub team: Option<&'a str>,
    /// Engine.
    pub engine: Option<&'a str>,
    /// Role.
    pub role: Option<&'a str>,
    /// Host that wrote it.
    pub host: Option<&'a str>,
}

impl<'a> From<&'a Identity> for CountedIdentity<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            error_type: &identity.error_type,
            category: &identity.category,
            severity: identity.severity,
            part: identity.part,
            exception: identity.exception.as_deref(),
            fingerprint: identity.fingerprint,
            group: identity.group,
        }
    }
}

impl<'a> From<&'a Dimensions> for CountedDimensions<'a> {
    fn from(dimensions: &'a Dimensions) -> Self {
        Self {
            cluster: dimensions.cluster.as_deref(),
            namespace: dimensions.namespace.as_deref(),
            team: dimensions.team.as_deref(),
            engine: dimensions.engine.as_deref(),
            role: dimensions.role.as_deref(),
            host: dimensions.host.as_deref(),
        }
    }
}

impl<'a> From<&'a StatRow> for Counted<'a> {
    fn from(row: &'a StatRow) -> Self {
        Self {
            minute: row.minute,
            identity: CountedIdentity::from(&*row.identity),
            dimensions: CountedDimensions::from(&*row.dimensions),
            job: row.dimensions.job().0,
            count: row.count,
        }
    }
}

impl<'a> Counted<'a> {
    /// One event.
    #[must_use]
    pub fn one(event: &Identified<'a>) -> Self {
        Self {
            minute: event.event.time.minute(),
            identity: CountedIdentity::from(&**event.identity),
            dimensions: CountedDimensions::from(&**event.dimensions),
            job: event.dimensions.job().0,
            count: 1,
        }
    }

    /// The row of a count; nothing of a heartbeat, or where a value is none of ours.
    #[must_use]
    pub fn of_stat(stat: &'a Stat) -> Option<Self> {
        if stat.kind != StatKind::Error {
            return None;
        }
        let time: jiff::Timestamp = stat.time.parse().ok()?;
        Some(Self {
            minute: Minute(time.as_second().div_euclid(60)),
            identity: CountedIdentity {
                error_type: stat.error_type.as_deref()?,
                category: stat.category.as_deref()?,
                severity: stat.severity.as_deref()?.parse().ok()?,
                part: stat.part.as_deref()?.parse().ok()?,
                exception: stat.exception.as_deref(),
                fingerprint: stat.fingerprint.as_deref()?.parse().ok()?,
                group: stat.group.as_deref()?.parse().ok()?,
            },
            dimensions: CountedDimensions {
                cluster: stat.cluster.as_deref(),
                namespace: stat.namespace.as_deref(),
                team: stat.team.as_deref(),
                engine: stat.engine.as_deref(),
                role: stat.role.as_deref(),
                host: stat.host.as_deref(),
            },
            job: stat.job.as_deref()?,
            count: stat.count,
        })
    }
}

macro_rules! dimensions {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// What a counted row can be filtered and keyed by; named as in the search language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Dimension { $(#[doc = $name] $variant),+ }

        impl Dimension {
            /// Every one.
            pub const ALL: &'static [Dimension] = &[$(Dimension::$variant),+];

            /// The name as written.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Dimension::$variant => $name),+ }
            }
        }
    };
}

dimensions!(
    Job "job",
    Cluster "cluster",
    Namespace "namespace",
    Team "team",
    Engine "engine",
    Role "role",
    Host "host",
    ErrorType "error_type",
    Category "category",
    Severity "severity",
    Part "part",
    Exception "exception",
    Fingerprint "fingerprint",
    Group "group",
);

impl Dimension {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    /// Its value in a row; none where the row does not tell it.
    #[must_use]
    pub fn of<'a>(self, row: &Counted<'a>) -> Option<Cow<'a, str>> {
        let (identity, place) = (&row.identity, &row.dimensions);
        let plain = match self {
            Dimension::Job => Some(row.job),
            Dimension::Cluster => place.cluster,
            Dimension::Namespace => place.namespace,
            Dimension::Team => place.team,
            Dimension::Engine => place.engine,
            Dimension::Role => place.role,
            Dimension::Host => place.host,
            Dimension::ErrorType => Some(identity.error_type),
            Dimension::Category => Some(identity.category),
            Dimension::Severity => Some(identity.severity.as_str()),
            Dimension::Part => Some(identity.part.as_str()),
            Dimension::Exception => identity.exception,
            Dimension::Fingerprint => return Some(Cow::Owned(identity.fingerprint.to_string())),
            Dimension::Group => return Some(Cow::Owned(identity.group.to_string())),
        };
        plain.map(Cow::Borrowed)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Stands between the values of a key; no name holds it.
const BETWEEN: char = '\u{1f}';

/// Writes the key of a row; false where the row does not tell one of the dimensions, so that it belongs to no key.
pub(super) fn write_key(by: &[Dimension], row: &Counted<'_>, key: &mut String) -> bool {
    key.clear();
    for (at, dimension) in by.iter().enumerate() {
        let Some(value) = dimension.of(row) else {
            return false;
        };
        if at > 0 {
            key.push(BETWEEN);
        }
        // Values of logs may hold anything; two of them may not read as others.
        for c in value.chars() {
            key.push(if c == BETWEEN { ' ' } else { c });
        }
    }
    true
}

/// The value of a dimension in a key.
pub(super) fn in_key<'k>(by: &[Dimension], key: &'k str, wanted: Dimension) -> Option<&'k str> {
    let at = by.iter().position(|dimension| *dimension == wanted)?;
    key.split(BETWEEN).nth(at)
}

/// A key for a person: `orders, oom_heap`.
pub(super) fn shown(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 2);
    for (at, part) in key.split(BETWEEN).enumerate() {
        let between = if at > 0 { ", " } else { "" };
        // Writing into a text does not fail.
        if write!(out, "{between}{part}").is_err() {
            break;
        }
    }
    out
}
