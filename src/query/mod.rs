//! The search language: text to a tree, with mistakes pointed at.

/// A parsed search. The default matches everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The tree; absent matches everything.
    pub root: Option<()>,
}
