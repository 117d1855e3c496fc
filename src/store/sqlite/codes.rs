//! Numbers on disk: which column, which dimension, which key. Written once, never changed: a new meaning takes a new
//! number.

use crate::query::Field;

/// Ids per column chunk. Eight bytes times this fit one page (8192), so that a change rewrites one page.
pub(super) const COLUMN_CHUNK: u32 = 1000;

/// Ids per chunk of sparse counts: a question about everything reads few rows, one about an issue decodes few others.
pub(super) const COUNT_CHUNK: u32 = 4096;

/// Page size of a new store.
pub(super) const PAGE_BYTES: u32 = 8192;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The number on disk.
            pub(super) const fn code(self) -> u8 {
                match self { $($name::$variant => $code),+ }
            }

            /// All of them.
            #[allow(dead_code, reason = "not every set of numbers is walked")]
            pub(super) const ALL: &'static [$name] = &[$($name::$variant),+];
        }
    };
}

codes!(
    /// A column: one fixed-width value per id.
    Column {
        // By fingerprint.
        FpErrorType = 0,
        FpCategory = 1,
        FpSeverity = 2,
        FpPart = 3,
        FpRule = 4,
        FpException = 5,
        FpGroup = 6,
        FpTopFrame = 7,
        /// See [`FLAG_RESTART`].
        FpFlags = 8,
        FpRecipe = 9,
        // By issue. A fingerprint of 0 means the issue is gone.
        IssueFp = 16,
        IssueJob = 17,
        /// Nanoseconds since the epoch.
        IssueFirst = 18,
        /// Nanoseconds since the epoch.
        IssueLast = 19,
        IssueTotal = 20,
        IssueTeam = 21,
        IssueCluster = 22,
        IssueEngine = 23,
        IssueJobId = 24,
        // By series: one (issue, dimensions) each.
        SeriesIssue = 32,
        SeriesFp = 33,
        SeriesErrorType = 34,
        SeriesCategory = 35,
        SeriesSeverity = 36,
        SeriesPart = 37,
        SeriesException = 38,
        SeriesGroup = 39,
        SeriesJob = 40,
        SeriesCluster = 41,
        SeriesNamespace = 42,
        SeriesTeam = 43,
        SeriesEngine = 44,
        SeriesRole = 45,
        SeriesHost = 46,
    }
);

impl Column {
    /// Bytes of a value.
    pub(super) const fn width(self) -> usize {
        if matches!(self, Column::IssueFirst | Column::IssueLast | Column::IssueTotal) {
            8
        } else {
            4
        }
    }
}

/// Flag of a fingerprint: its events tell that a job restarted.
pub(super) const FLAG_RESTART: u32 = 1;

codes!(
    /// What counts are kept by.
    Dim {
        Issue = 0,
        Series = 1,
        /// Everything, id 0.
        Total = 2,
        ErrorType = 3,
        Category = 4,
        Severity = 5,
        Part = 6,
        Exception = 7,
        Job = 8,
        Cluster = 9,
        Namespace = 10,
        Team = 11,
        Engine = 12,
        Role = 13,
        Host = 14,
        Fingerprint = 15,
        Group = 16,
        /// By job, noise left out.
        LoudJob = 17,
    }
);

impl Dim {
    /// The dimension of this name in `TREND_DIMENSIONS`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "error_type" => Dim::ErrorType,
            "category" => Dim::Category,
            "severity" => Dim::Severity,
            "part" => Dim::Part,
            "exception" => Dim::Exception,
            "job" => Dim::Job,
            "cluster" => Dim::Cluster,
            "namespace" => Dim::Namespace,
            "team" => Dim::Team,
            "engine" => Dim::Engine,
            "role" => Dim::Role,
            "host" => Dim::Host,
            "fingerprint" => Dim::Fingerprint,
            "group" => Dim::Group,
            _ => return None,
        })
    }

    /// The column of the series that holds its value; none for issue, series and the totals.
    pub(super) fn of_series(self) -> Option<Column> {
        Some(match self {
            Dim::ErrorType => Column::SeriesErrorType,
            Dim::Category => Column::SeriesCategory,
            Dim::Severity => Column::SeriesSeverity,
            Dim::Part => Column::SeriesPart,
            Dim::Exception => Column::SeriesException,
            Dim::Job | Dim::LoudJob => Column::SeriesJob,
            Dim::Cluster => Column::SeriesCluster,
            Dim::Namespace => Column::SeriesNamespace,
            Dim::Team => Column::SeriesTeam,
            Dim::Engine => Column::SeriesEngine,
            Dim::Role => Column::SeriesRole,
            Dim::Host => Column::SeriesHost,
            Dim::Fingerprint => Column::SeriesFp,
            Dim::Group => Column::SeriesGroup,
            Dim::Issue | Dim::Series | Dim::Total => return None,
        })
    }

    /// The field whose dictionary names its values; none for fingerprints, which have a table of their own.
    pub(super) fn field(self) -> Option<Field> {
        Some(match self {
            Dim::ErrorType => Field::ErrorType,
            Dim::Category => Field::Category,
            Dim::Severity => Field::Severity,
            Dim::Part => Field::Part,
            Dim::Exception => Field::Exception,
            Dim::Job | Dim::LoudJob => Field::Job,
            Dim::Cluster => Field::Cluster,
            Dim::Namespace => Field::Namespace,
            Dim::Team => Field::Team,
            Dim::Engine => Field::Engine,
            Dim::Role => Field::Role,
            Dim::Host => Field::Host,
            Dim::Group => Field::Group,
            Dim::Fingerprint | Dim::Issue | Dim::Series | Dim::Total => return None,
        })
    }
}

/// The number on disk of a field that has a dictionary.
pub(super) fn field_code(field: Field) -> Option<u8> {
    Some(match field {
        Field::ErrorType => 1,
        Field::Category => 2,
        Field::Severity => 3,
        Field::Part => 4,
        Field::Rule => 5,
        Field::Exception => 6,
        Field::ExceptionChain => 7,
        Field::TopFrame => 8,
        Field::Group => 9,
        Field::Job => 10,
        Field::JobName => 11,
        Field::JobId => 12,
        Field::Cluster => 13,
        Field::Namespace => 14,
        Field::Team => 15,
        Field::Engine => 16,
        Field::EngineVersion => 17,
        Field::Role => 18,
        Field::Host => 19,
        Field::Pod => 20,
        Field::Container => 21,
        Field::Task => 22,
        Field::Subtask => 23,
        Field::Level => 24,
        Field::Logger => 25,
        Field::Thread => 26,
        Field::Layout => 27,
        Field::Truncated => 28,
        Field::Redactions => 29,
        Field::Stack => 30,
        Field::Fingerprint
        | Field::Id
        | Field::Message
        | Field::Template
        | Field::State
        | Field::Assignee
        | Field::Count
        | Field::Total
        | Field::FirstSeen
        | Field::LastSeen
        | Field::EventTime
        | Field::Recipe => return None,
    })
}

/// Fields of a sample that are searched by the issues whose samples had the value.
pub(super) const POSTED: &[Field] = &[
    Field::JobName,
    Field::JobId,
    Field::EngineVersion,
    Field::Pod,
    Field::Container,
    Field::Task,
    Field::Subtask,
    Field::Level,
    Field::Logger,
    Field::Thread,
    Field::Layout,
    Field::Truncated,
    Field::Redactions,
    Field::Stack,
];

/// Width of a count slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Level {
    Minute,
    Hour,
}

/// Key of a column chunk.
pub(super) fn column_key(column: Column, chunk: u32) -> i64 {
    (i64::from(column.code()) << 32) | i64::from(chunk)
}

/// Key of a counts chunk: dimension, level, chunk of ids, slot in time, so that one chunk over time is one range.
pub(super) fn count_key(dim: Dim, level: Level, chunk: u32, slot: u32) -> i64 {
    let level = match level {
        Level::Minute => 0,
        Level::Hour => 1,
    };
    (i64::from(dim.code()) << 56) | (level << 55) | (i64::from(chunk) << 32) | i64::from(slot)
}

/// Key of a detail row: minute, then issue, so that a flush appends and retention cuts a range.
pub(super) fn detail_key(minute: u32, issue: u32) -> i64 {
    (i64::from(minute) << 32) | i64::from(issue)
}

/// Key of a postings chunk: field, value, chunk of 65,536 issues.
pub(super) fn posting_key(field: u8, value: u32, chunk: u16) -> i64 {
    (i64::from(field) << 48) | (i64::from(value) << 16) | i64::from(chunk)
}

/// The lower 32 bits of a key.
pub(super) fn low32(key: i64) -> u32 {
    u32::try_from(key & 0xffff_ffff).unwrap_or(0)
}

/// Row of a text in the text index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doc {
    /// What a fingerprint says: template, chain, first stack.
    Fingerprint(u32),
    /// The first message of an issue.
    Issue(u32),
    /// The stack of a fingerprint whose first event came without one.
    LateStack(u32),
}

impl Doc {
    pub(super) fn row(self) -> i64 {
        match self {
            Doc::Fingerprint(id) => i64::from(id) << 2,
            Doc::Issue(id) => (i64::from(id) << 2) | 1,
            Doc::LateStack(id) => (i64::from(id) << 2) | 2,
        }
    }

    pub(super) fn at(row: i64) -> Option<Self> {
        let id = u32::try_from(row >> 2).ok()?;
        match row & 3 {
            0 => Some(Doc::Fingerprint(id)),
            1 => Some(Doc::Issue(id)),
            2 => Some(Doc::LateStack(id)),
            _ => None,
        }
    }
}
