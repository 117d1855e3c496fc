//! One call of the API, described once: the routes, the check of parameters and the OpenAPI document are made of it.

/// What a parameter holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds {
    /// A search.
    Query,
    /// A time.
    Time,
    /// A duration.
    Duration,
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// Some of these names, with commas between them.
    SomeOf(&'static [&'static str]),
    /// A whole number from, to.
    Number(usize, usize),
    /// A cursor of the page before.
    Cursor,
    /// Text of at most so many characters.
    Text(usize),
}

/// A query parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    /// What stands when it is left out, as it would be written; empty: nothing.
    pub(crate) default: &'static str,
    pub(crate) doc: &'static str,
}

/// What a call takes in its body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    None,
    /// JSON of a schema.
    Json(&'static str),
    /// JSON Lines or an array.
    Records,
}

/// What a call answers with when it goes well.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// JSON of a schema.
    Json(&'static str),
    /// A page (`items`, `next`) of a schema.
    List(&'static str),
    /// Nothing: 204.
    Nothing,
    /// The OpenAPI document.
    OpenApi,
    /// Plain text.
    Text,
    /// Server-sent events whose data is JSON of a schema.
    Events(&'static str),
    /// A feed of this kind.
    Feed(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Delete => "delete",
        }
    }
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) verb: Verb,
    /// As axum and OpenAPI write it: `/api/v1/errors/{id}`.
    pub(crate) path: &'static str,
    /// Name of the call in generated clients.
    pub(crate) id: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) body: Body,
    pub(crate) answer: Answer,
}

/// The window every question has.
pub(crate) const FROM: Param = Param {
    name: "from",
    holds: Holds::Time,
    default: "-24h",
    doc: "Start of the window (inclusive): RFC 3339, milliseconds since 1970, `now`, or relative to now (`-24h`).",
};
/// The window every question has.
pub(crate) const TO: Param = Param {
    name: "to",
    holds: Holds::Time,
    default: "now",
    doc: "End of the window (exclusive), in the same forms.",
};
/// The search.
pub(crate) const Q: Param = Param {
    name: "q",
    holds: Holds::Query,
    default: "",
    doc: "Search: words and \"phrases\" over message, exception and stack; `key:value`, `-` or NOT, OR, brackets, `*`, `>` and `<`. A mistake is answered with its position and the nearest name.",
};
/// How many.
pub(crate) const LIMIT: Param = Param {
    name: "limit",
    holds: Holds::Number(1, 500),
    default: "50",
    doc: "At most so many items.",
};
/// Cursor.
pub(crate) const AFTER: Param = Param {
    name: "after",
    holds: Holds::Cursor,
    default: "",
    doc: "The `next` of the page before.",
};
/// Buckets.
pub(crate) const SPARKLINE: Param = Param {
    name: "sparkline",
    holds: Holds::Number(0, 200),
    default: "0",
    doc: "Adds `sparkline`: counts over the window in so many buckets, oldest first.",
};
