//! Which expressions may match a text: one automaton over the literals they need.
//!
//! It holds the expressions themselves and, behind them, those that tell digits apart, blind to which digit it is.

use super::class_name;
use super::pattern::{Pattern, Relaxed};
use super::written::Alternative;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of each text this many bytes are looked at: a message that has not said what happened by then does not say it.
const TEXT_LIMIT: usize = 16 << 10;

/// Literals are cut to this many bytes.
const WINDOW: usize = 10;

/// Ids of expressions, sorted.
pub(crate) type Hits = SmallVec<[u32; 24]>;

/// One automaton over the literals that expressions need.
#[derive(Debug)]
pub(crate) struct Literals {
    automaton: Option<AhoCorasick>,
    /// For each literal of the automaton the expressions that need it.
    needed_by: Vec<Vec<u32>>,
    /// Expressions of which no literal is known.
    always: Vec<u32>,
}

/// Expressions that tell digits apart, blind to which digit stands where.
#[derive(Debug)]
pub(crate) struct RelaxedIndex {
    expressions: Vec<Arc<Relaxed>>,
    /// Class and logger names with digits, zeroed.
    names: Vec<String>,
}

impl Literals {
    pub(crate) fn new<'n>(needs: impl Iterator<Item = &'n [Vec<u8>]>) -> Result<Self, String> {
        let mut by_literal: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
        let mut always = Vec::new();
        for (need, at) in needs.zip(0..) {
            if need.is_empty() {
                always.push(at);
            }
            for literal in need {
                by_literal.entry(rarest(literal)).or_default().push(at);
            }
        }
        let automaton = if by_literal.is_empty() {
            None
        } else {
            let built = AhoCorasickBuilder::new()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::DFA))
                .build(by_literal.keys());
            Some(built.map_err(|error| format!("the literals of the rules make no automaton: {error}"))?)
        };
        Ok(Self {
            automaton,
            needed_by: by_literal.into_values().collect(),
            always,
        })
    }

    /// Ids of the expressions that may match, sorted.
    pub(crate) fn hits(&self, text: &str) -> Hits {
        let mut hits = Hits::new();
        if text.is_empty() {
            return hits;
        }
        hits.extend_from_slice(&self.always);
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_overlapping_iter(text) {
                if let Some(needed_by) = self.needed_by.get(found.pattern().as_usize()) {
                    hits.extend_from_slice(needed_by);
                }
            }
        }
        hits.sort_unstable();
        hits.dedup();
        hits
    }
}

/// The part of a literal that other texts are least likely to hold. Short parts keep the automaton small enough for
/// the cache, which decides its speed.
fn rarest(literal: &[u8]) -> &[u8] {
    let rarity = |window: &[u8]| window.iter().map(|&byte| rareness(byte)).sum::<usize>();
    // The first of equally rare ones, so that the automaton is the same everywhere.
    literal
        .windows(WINDOW)
        .rev()
        .max_by_key(|window| rarity(window))
        .unwrap_or(literal)
}

/// How seldom a byte is in the words of error messages: letters by their place in English text.
fn rareness(byte: u8) -> usize {
    const LETTERS: &[u8] = b" etaoinsrhldcumfpgwybvkxjqz";
    LETTERS
        .iter()
        .position(|&letter| letter == byte.to_ascii_lowercase())
        .unwrap_or(16)
}

impl RelaxedIndex {
    pub(crate) fn new(alternatives: &[&Alternative]) -> Self {
        let alternatives = || alternatives.iter();
        let patterns = alternatives().flat_map(|a| a.messages.iter().chain(&a.log).chain(&a.within_messages));
        let names = alternatives()
            .flat_map(|a| a.classes.iter().chain(&a.loggers).chain(&a.within_classes))
            .filter(|name| name.bytes().any(|b| b.is_ascii_digit()))
            .map(|name| zeroed(name))
            .collect();
        Self {
            expressions: patterns.filter_map(Pattern::relaxed).map(Arc::clone).collect(),
            names,
        }
    }

    /// The literals of each expression.
    pub(crate) fn needed(&self) -> impl Iterator<Item = &[Vec<u8>]> {
        self.expressions.iter().map(|expression| expression.needed())
    }

    /// Whether one of the expressions matches; `hits` are ids of expressions counted from `first`.
    pub(crate) fn is_match(&self, text: &str, hits: &Hits, first: usize) -> bool {
        let ours = hits.iter().filter_map(|&at| index(at).checked_sub(first));
        ours.filter_map(|at| self.expressions.get(at))
            .any(|expression| expression.is_match(text))
    }

    pub(crate) fn any_name<'n>(&self, names: impl Iterator<Item = &'n str>) -> bool {
        let mut told = names
            .filter(|name| name.bytes().any(|b| b.is_ascii_digit()))
            .map(zeroed);
        !self.names.is_empty() && told.any(|told| self.names.iter().any(|wanted| class_name::same(&told, wanted)))
    }
}

fn zeroed(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// The beginning of a text, as much as is looked at.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

pub(crate) fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Rules are bounded by the size of their files, far below 2^32.
pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
