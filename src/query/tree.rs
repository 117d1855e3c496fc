//! The tree a search becomes.

use super::field::Field;
use super::pattern::Pattern;
use super::time::When;
use crate::event::Severity;
use std::fmt;

/// A node. `And` and `Or` have at least two children, none of their own kind (the parser flattens).
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// All of them.
    And(Vec<Node>),
    /// Any of them.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// Words anywhere in message, exception or stack; more than one word stands in this order.
    Text(Pattern),
    /// A key with what its value must be.
    Field(Field, Test),
    /// `is:`.
    Is(IsWord),
    /// `has:`.
    Has(Presence),
}

/// What the value of a key must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Any of these; at least one.
    OneOf(Vec<Pattern>),
    /// A number.
    Number(Op, u64),
    /// A time.
    Time(Op, When),
    /// A severity.
    Severity(Op, Severity),
    /// A truth.
    Truth(bool),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// Nothing in front of the value.
    Equal,
}

impl Op {
    /// Whether `left` stands to `right` as the operator says.
    #[must_use]
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Op::Greater => left > right,
            Op::AtLeast => left >= right,
            Op::Less => left < right,
            Op::AtMost => left <= right,
            Op::Equal => left == right,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Op::Greater => ">",
            Op::AtLeast => ">=",
            Op::Less => "<",
            Op::AtMost => "<=",
            Op::Equal => "",
        }
    }
}

/// What an issue can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsWord {
    /// First seen inside the window asked for, and within its last 24 hours when it is longer.
    New,
    /// In this state. `open` counts regressed issues in, as `is:regressed` tells which of them came back.
    State(StateName),
    /// Has somebody who looks after it.
    Assigned,
}

/// A state by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateName {
    /// Nobody said anything, or it came back.
    Open,
    /// Said to be mended.
    Resolved,
    /// Not to be shown for now.
    Muted,
    /// Was resolved and came back.
    Regressed,
}

impl StateName {
    /// Every state.
    pub const ALL: &'static [StateName] = &[
        StateName::Open,
        StateName::Resolved,
        StateName::Muted,
        StateName::Regressed,
    ];

    /// The name as typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            StateName::Open => "open",
            StateName::Resolved => "resolved",
            StateName::Muted => "muted",
            StateName::Regressed => "regressed",
        }
    }
}

impl IsWord {
    /// Every word after `is:`.
    pub const ALL: &'static [IsWord] = &[
        IsWord::New,
        IsWord::State(StateName::Open),
        IsWord::State(StateName::Resolved),
        IsWord::State(StateName::Muted),
        IsWord::State(StateName::Regressed),
        IsWord::Assigned,
    ];

    /// The word as typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            IsWord::New => "new",
            IsWord::State(state) => state.as_str(),
            IsWord::Assigned => "assigned",
        }
    }
}

/// What an issue can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A value of this key.
    Value(Field),
    /// A note somebody wrote.
    Note,
}

impl Presence {
    /// The word as typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Presence::Value(field) => field.name(),
            Presence::Note => "note",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::And(nodes) => join(f, nodes, " "),
            Node::Or(nodes) => join(f, nodes, " OR "),
            Node::Not(node) => {
                f.write_str("-")?;
                match node.as_ref() {
                    Node::And(_) | Node::Or(_) | Node::Not(_) => write!(f, "({node})"),
                    Node::Text(_) | Node::Field(..) | Node::Is(_) | Node::Has(_) => write!(f, "{node}"),
                }
            }
            Node::Text(pattern) => pattern.fmt(f),
            Node::Field(field, test) => write!(f, "{}:{test}", field.name()),
            Node::Is(word) => write!(f, "is:{}", word.as_str()),
            Node::Has(presence) => write!(f, "has:{}", presence.as_str()),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, nodes: &[Node], between: &str) -> fmt::Result {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        match node {
            Node::And(_) | Node::Or(_) => write!(f, "({node})")?,
            Node::Not(_) | Node::Text(_) | Node::Field(..) | Node::Is(_) | Node::Has(_) => write!(f, "{node}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::OneOf(patterns) => match patterns.as_slice() {
                [one] => one.fmt(f),
                several => {
                    f.write_str("[")?;
                    for (at, pattern) in several.iter().enumerate() {
                        if at > 0 {
                            f.write_str(",")?;
                        }
                        pattern.fmt(f)?;
                    }
                    f.write_str("]")
                }
            },
            Test::Number(op, number) => write!(f, "{}{number}", op.as_str()),
            Test::Time(op, when) => write!(f, "{}{when}", op.as_str()),
            Test::Severity(op, severity) => write!(f, "{}{severity}", op.as_str()),
            Test::Truth(truth) => write!(f, "{truth}"),
        }
    }
}
