//! How a key of a search is asked for: the table of [`documents`] as the searches need it.

use crate::query::Field;
use crate::store::elastic_druid::elastic::documents::{self, Match};

/// Fields of issue documents (and, where both have them, of detail documents).
pub(super) mod issue {
    use crate::store::elastic_druid::elastic::documents as d;
    pub(in super::super) use d::{
        ASSIGNEE, EXCEPTION, FINGERPRINT, FIRST_NANOS as FIRST, GROUP, HAS_NOTE, HOSTS as HOST, ISSUE as ID, JOB,
        LAST_NANOS as LAST, NOTE, PART_FIELDS as PARTS, ROLES as ROLE, STATE, STATE_EVENTS as EVENTS,
        STATE_MINUTES as MINUTES, STATE_RECENT as RECENT, STATE_SINCE as SINCE, STATE_UNTIL as UNTIL, TASKS as TASK,
        TOTAL,
    };
    pub(in super::super) const ERROR_TYPE: &str = "seismolog.error_type";
    pub(in super::super) const CATEGORY: &str = "seismolog.category";
    pub(in super::super) const SEVERITY: &str = "seismolog.severity";
    pub(in super::super) const PART: &str = "seismolog.part";
    pub(in super::super) const RULE: &str = "seismolog.rule";
    pub(in super::super) const CHAIN: &str = "seismolog.exception_chain";
    pub(in super::super) const TOP_FRAME: &str = "seismolog.top_frame";
    pub(in super::super) const TEMPLATE: &str = "seismolog.template";
    pub(in super::super) const EXCEPTION_TEMPLATE: &str = "seismolog.exception_template";
    pub(in super::super) const HAS_STACK: &str = "seismolog.has_stack";
    /// Attributes of the latest event.
    pub(in super::super) const LATEST_JOB_ID: &str = "seismolog.latest.job_id";
    pub(in super::super) const LATEST_TEAM: &str = "seismolog.latest.team";
    pub(in super::super) const LATEST_CLUSTER: &str = "seismolog.latest.cluster";
    pub(in super::super) const LATEST_ENGINE: &str = "seismolog.latest.engine";
}

/// Fields of detail documents.
pub(super) mod detail {
    pub(in super::super) use crate::store::elastic_druid::elastic::documents::{
        COUNT, MESSAGE, SAMPLE, STACK, TIMESTAMP as MINUTE,
    };
}

/// Which texts are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Message, template, exception and stack.
    Anything,
    /// One text.
    Only(&'static str),
}

impl Words {
    /// The fields with the words of these texts.
    pub(super) fn fields(self) -> Vec<&'static str> {
        match self {
            Words::Anything => documents::WORD_FIELDS.to_vec(),
            Words::Only(name) => vec![name],
        }
    }
}

/// How a key is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A value, compared whole.
    Word(&'static str),
    /// A dotted name, also found by its last parts.
    Dotted(&'static str),
    /// Words of a text.
    Words(&'static str),
    /// A number.
    Number(&'static str),
    /// A number that is absent where it is 0.
    NumberOrNone(&'static str),
    /// True, or false or absent.
    Truth(&'static str),
    /// First or last seen.
    Time,
    /// Events in the window.
    Counted,
    /// What people said.
    State,
}

/// How a key is asked for in issue documents.
pub(super) fn form_of(key: Field) -> Form {
    let field = documents::field(key);
    match field.how {
        Match::Words => Form::Words(field.name),
        Match::Keyword => Form::Word(field.name),
        Match::Dotted => Form::Dotted(field.name),
        Match::Number if key == Field::Redactions => Form::NumberOrNone(field.name),
        Match::Number => Form::Number(field.name),
        Match::Nanos => Form::Time,
        Match::Bool => Form::Truth(field.name),
        Match::Computed if key == Field::State => Form::State,
        Match::Computed if key == Field::Count => Form::Counted,
        Match::Computed => Form::Time,
    }
}

/// The field of a dimension of counts, the same in issue and detail documents.
pub(super) fn of_dimension(name: &str) -> Option<&'static str> {
    if !crate::store::TREND_DIMENSIONS.contains(&name) {
        return None;
    }
    match form_of(Field::named(name)?) {
        Form::Word(name) | Form::Dotted(name) => Some(name),
        Form::Words(_)
        | Form::Number(_)
        | Form::NumberOrNone(_)
        | Form::Truth(_)
        | Form::Time
        | Form::Counted
        | Form::State => None,
    }
}
