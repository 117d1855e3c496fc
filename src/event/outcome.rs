//! What becomes of a record that cannot become an event.

use std::fmt;

/// Why a record was rejected. A closed set: the names are part of the surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Looked like JSON and is none, or ended too early.
    InvalidJson,
    /// JSON, but not an object (nor an array of objects where one is allowed).
    NotAnObject,
    /// Longer than the limit.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
    /// No time in any known form.
    NoTimestamp,
    /// A time field that cannot be read or lies outside years 1970 to 2261.
    BadTimestamp,
    /// Not UTF-8.
    InvalidUtf8,
    /// Neither message nor exception: nothing that tells an error.
    NoMessage,
    /// Nothing but white space or punctuation.
    Empty,
    /// Text that is no known layout (a stray line).
    UnknownLayout,
}

impl Reason {
    /// Every reason.
    pub const ALL: &'static [Reason] = &[
        Reason::InvalidJson,
        Reason::NotAnObject,
        Reason::TooLarge,
        Reason::TooDeep,
        Reason::NoTimestamp,
        Reason::BadTimestamp,
        Reason::InvalidUtf8,
        Reason::NoMessage,
        Reason::Empty,
        Reason::UnknownLayout,
    ];

    /// The name as written in outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::InvalidJson => "invalid_json",
            Reason::NotAnObject => "not_an_object",
            Reason::TooLarge => "too_large",
            Reason::TooDeep => "too_deep",
            Reason::NoTimestamp => "no_timestamp",
            Reason::BadTimestamp => "bad_timestamp",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::NoMessage => "no_message",
            Reason::Empty => "empty",
            Reason::UnknownLayout => "unknown_layout",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that could not become an event. The bytes are kept by whoever holds the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The closed-set reason.
    pub reason: Reason,
    /// For a person: what was wrong and where (byte offset, key). Never holds payload.
    pub detail: String,
}

impl Rejection {
    /// A rejection with what a person needs to know.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}
