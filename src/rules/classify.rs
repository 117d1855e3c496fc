//! Which type is an error? All rules asked at once, the best answer given.
//!
//! Comes in: an error as [`ToldError`]. Goes out: the rule that says what happened. Which answer is best, in this
//! order:
//!
//! 1. A root rule that matched a throwable by its message, or by a class that is not common. The deepest cause first.
//! 2. A root rule that matched the log line (`log`).
//! 3. Any other rule on a throwable, the deepest cause first: symptoms, noise, root rules with only a common class.
//! 4. Any other rule on the log line.
//! 5. Rules marked `last`.
//! 6. The same for suppressed throwables, which count only where nothing else matched.
//!
//! On one throwable class and message beat the message alone, that beats the class alone, that beats a common class;
//! then root, symptom, noise; then the rule with more literal text. At the end a matching rule that stands `over` the
//! winner takes its place. Where no throwable came along, `message` looks at the log line, which must then also name the
//! class a rule asks for.
//!
//! What it costs: one pass of one automaton over the messages; an expression runs only where its literal was seen.

use super::class_name;
use super::literals::{Hits, Literals, RelaxedIndex, count, cut, index};
use super::pattern::Pattern;
use super::told::{ToldError, ToldLine, ToldThrowable};
use super::written::{Alternative, ErrorRule, Over};
use crate::event::Part;
use smallvec::SmallVec;
use std::collections::HashMap;

/// Causes looked at, from the deepest up.
const CHAIN_LIMIT: usize = 64;

/// Where a rule matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the throwable at this index of the chain.
    Throwable(usize),
    /// On the log line.
    Line,
    /// On the suppressed throwable at this index.
    Suppressed(usize),
}

/// A rule that matched, for a person.
#[derive(Debug, Clone)]
pub struct Considered<'r> {
    /// The rule.
    pub rule: &'r ErrorRule,
    /// Where it matched.
    pub place: Place,
    /// The class or expression that matched.
    pub by: String,
    /// Why it stands where it stands in the order.
    pub why: String,
    /// Whether it is the answer.
    pub won: bool,
}

/// All rules of error types, compiled into one index.
#[derive(Debug)]
pub struct ErrorRules {
    rules: Vec<ErrorRule>,
    entries: Vec<Entry>,
    by_class: HashMap<Box<str>, Vec<u32>>,
    /// Entries that ask only for a logger (and level).
    by_logger: Vec<u32>,
    literals: Literals,
    patterns: Vec<Indexed>,
    relaxed: RelaxedIndex,
    /// For each rule the rules it beats; `None` is all.
    over: Vec<Option<Vec<u32>>>,
}

/// One alternative of one rule.
#[derive(Debug)]
struct Entry {
    rule: u32,
    alternative: Alternative,
    /// Ids of its message expressions: `first_message..first_log`.
    first_message: u32,
    first_log: u32,
    common: bool,
}

/// An expression in the index.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    entry: u32,
    of_log: bool,
    slot: usize,
}

/// What the throwables of an error say to the rules, whatever the log line says. The same throwables give the same, so
/// it may be remembered.
#[derive(Debug, Clone, Default)]
pub struct OnThrown {
    /// The deepest cause first.
    chain: SmallVec<[Found; 4]>,
    suppressed: Vec<Found>,
    /// No throwable came along.
    bare: bool,
    /// Some rule could tell these throwables from others that differ only in digits.
    depends_on_digits: bool,
}

/// What the rules say of an error.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'r> {
    /// The rule that says what happened, if any does.
    pub rule: Option<&'r ErrorRule>,
    /// Whether some rule could tell this error from one that differs only in digits. Then the answer may not be
    /// remembered under a text whose digits were forgotten.
    pub depends_on_digits: bool,
}

impl OnThrown {
    /// As [`Verdict::depends_on_digits`], of the throwables alone.
    #[must_use]
    pub fn depends_on_digits(&self) -> bool {
        self.depends_on_digits
    }
}

type Rank = (u8, usize, u8, u8, usize, u32);

#[derive(Debug, Clone, Copy)]
struct Found {
    rank: Rank,
    rule: u32,
    place: Place,
    entry: u32,
    /// Slot of the expression that matched.
    by: Option<(bool, usize)>,
}

impl ErrorRules {
    /// Builds the index. Ids named under `over` were checked before; unknown ones are passed over.
    pub(crate) fn new(mut rules: Vec<ErrorRule>) -> Result<Self, String> {
        let ids: HashMap<&str, u32> = rules.iter().zip(0..).map(|(rule, at)| (&*rule.id, at)).collect();
        let over = rules
            .iter()
            .map(|rule| match &rule.over {
                Over::Nobody => Some(Vec::new()),
                Over::All => None,
                Over::Rules(beaten) => Some(beaten.iter().filter_map(|id| ids.get(id.as_str()).copied()).collect()),
            })
            .collect();
        let mut entries = Vec::new();
        let mut patterns = Vec::new();
        let mut by_class: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        let mut by_logger = Vec::new();
        for (rule, number) in rules.iter_mut().zip(0..) {
            for alternative in std::mem::take(&mut rule.alternatives) {
                let at = count(entries.len());
                let first_message = count(patterns.len());
                let slots = (0..alternative.messages.len()).map(|slot| (false, slot));
                let log_slots = (0..alternative.log.len()).map(|slot| (true, slot));
                for (of_log, slot) in slots.chain(log_slots) {
                    patterns.push(Indexed {
                        entry: at,
                        of_log,
                        slot,
                    });
                }
                for class in &alternative.classes {
                    let list = by_class.entry(class_name::simple(class).into()).or_default();
                    if list.last() != Some(&at) {
                        list.push(at);
                    }
                }
                if !alternative.of_throwable() && alternative.log.is_empty() {
                    by_logger.push(at);
                }
                let bare = alternative.within_classes.is_empty() && alternative.within_messages.is_empty();
                entries.push(Entry {
                    rule: number,
                    first_message,
                    first_log: first_message + count(alternative.messages.len()),
                    common: bare && alternative.classes.iter().all(|class| class_name::is_common(class)),
                    alternative,
                });
            }
        }
        let expression = |at: &Indexed| expression(&entries, at);
        let relaxed = RelaxedIndex::new(&entries.iter().map(|entry| &entry.alternative).collect::<Vec<_>>());
        let needed = patterns
            .iter()
            .map(|at| expression(at).map_or(&[][..], Pattern::needed));
        let literals = Literals::new(needed.chain(relaxed.needed()))?;
        Ok(Self {
            literals,
            relaxed,
            rules,
            entries,
            by_class,
            by_logger,
            patterns,
            over,
        })
    }

    /// The rule that says what happened, if any does.
    #[must_use]
    pub fn classify(&self, told: &ToldError<'_>) -> Option<&ErrorRule> {
        self.verdict(&self.on_thrown(told.chain, told.suppressed), &told.line())
            .rule
    }

    /// What the throwables say: to be put together with the log line by [`ErrorRules::verdict`].
    #[must_use]
    pub fn on_thrown(&self, chain: &[ToldThrowable<'_>], suppressed: &[ToldThrowable<'_>]) -> OnThrown {
        let mut on = OnThrown {
            bare: chain.is_empty() && suppressed.is_empty(),
            // Of a longer chain not every throwable is looked at below, but rules may ask what stands around one.
            depends_on_digits: chain.len() > CHAIN_LIMIT
                || self.relaxed.any_name(chain.iter().chain(suppressed).map(|t| t.class)),
            ..OnThrown::default()
        };
        for (depth, at) in (0..chain.len()).rev().take(CHAIN_LIMIT).enumerate() {
            if let Some(throwable) = chain.get(at) {
                let spot = Spot {
                    throwable,
                    outer: chain.get(..at).unwrap_or_default(),
                    depth,
                };
                on.depends_on_digits |=
                    self.on_throwable(&spot, Place::Throwable(at), &mut |found| on.chain.push(found));
            }
        }
        for (at, throwable) in suppressed.iter().take(CHAIN_LIMIT).enumerate() {
            let spot = Spot {
                throwable,
                outer: chain,
                depth: at,
            };
            on.depends_on_digits |=
                self.on_throwable(&spot, Place::Suppressed(at), &mut |found| on.suppressed.push(found));
        }
        on
    }

    /// What the rules say, with what the throwables say known.
    #[must_use]
    pub fn verdict(&self, thrown: &OnThrown, line: &ToldLine<'_>) -> Verdict<'_> {
        let (found, on_line) = self.gather(thrown, line);
        let winner = self.decide(&found);
        Verdict {
            rule: winner.and_then(|winner| self.rules.get(index(winner.rule))),
            depends_on_digits: thrown.depends_on_digits || on_line,
        }
    }

    /// Every rule that matched, the answer first, with where and why.
    #[must_use]
    pub fn explain(&self, told: &ToldError<'_>) -> Vec<Considered<'_>> {
        let (mut found, _) = self.gather(&self.on_thrown(told.chain, told.suppressed), &told.line());
        let winner = self.decide(&found).map(|winner| winner.rule);
        found.sort_unstable_by_key(|one| (Some(one.rule) != winner, one.rank));
        let mut considered: Vec<Considered<'_>> = Vec::new();
        for one in found {
            let Some(rule) = self.rules.get(index(one.rule)) else {
                continue;
            };
            if considered.iter().any(|c| c.rule.id == rule.id && c.place == one.place) {
                continue;
            }
            considered.push(Considered {
                rule,
                place: one.place,
                by: self.matched_by(&one),
                why: why(&one, rule),
                won: Some(one.rule) == winner,
            });
        }
        considered
    }

    /// As [`Verdict::depends_on_digits`].
    #[must_use]
    pub fn depends_on_digits(&self, told: &ToldError<'_>) -> bool {
        self.verdict(&self.on_thrown(told.chain, told.suppressed), &told.line())
            .depends_on_digits
    }

    /// All rules, in the order of files and lines.
    pub fn iter(&self) -> impl Iterator<Item = &ErrorRule> {
        self.rules.iter()
    }

    /// The rule of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&ErrorRule> {
        self.rules.iter().find(|rule| &*rule.id == id)
    }

    /// What matched, and whether the line depends on digits.
    fn gather(&self, thrown: &OnThrown, line: &ToldLine<'_>) -> (SmallVec<[Found; 8]>, bool) {
        let mut found = SmallVec::new();
        let text = cut(line.message);
        let hits = self.literals.hits(text);
        let depends_on_digits =
            self.relaxed.is_match(text, &hits, self.patterns.len()) || self.relaxed.any_name(line.logger.into_iter());
        self.on_line(line, text, &hits, thrown.bare, &mut found);
        let holds = |one: &&Found| {
            let entry = self.entries.get(index(one.entry));
            entry.is_some_and(|entry| around_holds(&entry.alternative, line))
        };
        found.extend(thrown.chain.iter().filter(holds).copied());
        if found.is_empty() {
            found.extend(thrown.suppressed.iter().filter(holds).copied());
        }
        (found, depends_on_digits)
    }

    /// Tells what matched; gives whether the text depends on digits.
    fn on_throwable(&self, spot: &Spot<'_>, place: Place, found: &mut dyn FnMut(Found)) -> bool {
        let text = cut(spot.throwable.message.unwrap_or_default());
        let hits = self.literals.hits(text);
        let by_class = self.by_class.get(class_name::simple(spot.throwable.class));
        for &at in by_class.into_iter().flatten() {
            let Some(entry) = self.entries.get(index(at)) else {
                continue;
            };
            let named = entry
                .alternative
                .classes
                .iter()
                .any(|class| class_name::same(spot.throwable.class, class));
            if !named {
                continue;
            }
            if entry.alternative.messages.is_empty() {
                if within_holds(&entry.alternative, spot.outer) {
                    found(self.found(at, entry, place, None, spot.depth));
                }
                continue;
            }
            let own = hits
                .iter()
                .filter(|&&p| (entry.first_message..entry.first_log).contains(&p));
            let matched = own
                .filter_map(|&p| self.confirm(p, text))
                .min_by_key(|(_, weight)| usize::MAX - weight);
            if let Some((slot, _)) = matched
                && within_holds(&entry.alternative, spot.outer)
            {
                found(self.found(at, entry, place, Some((false, slot)), spot.depth));
            }
        }
        for &pattern in &hits {
            let Some(Indexed {
                entry: at,
                of_log: false,
                ..
            }) = self.patterns.get(index(pattern))
            else {
                continue;
            };
            let Some(entry) = self.entries.get(index(*at)) else {
                continue;
            };
            if !entry.alternative.classes.is_empty() {
                continue;
            }
            if let Some((slot, _)) = self.confirm(pattern, text)
                && within_holds(&entry.alternative, spot.outer)
            {
                found(self.found(*at, entry, place, Some((false, slot)), spot.depth));
            }
        }
        self.relaxed.is_match(text, &hits, self.patterns.len())
    }

    fn on_line(&self, line: &ToldLine<'_>, text: &str, hits: &Hits, bare: bool, found: &mut SmallVec<[Found; 8]>) {
        for &pattern in hits {
            let Some(indexed) = self.patterns.get(index(pattern)) else {
                continue;
            };
            let Some(entry) = self.entries.get(index(indexed.entry)) else {
                continue;
            };
            let asked = if indexed.of_log {
                !entry.alternative.of_throwable()
            } else {
                bare && names_a_class(text, &entry.alternative.classes)
            };
            if !asked {
                continue;
            }
            if let Some((slot, _)) = self.confirm(pattern, text)
                && around_holds(&entry.alternative, line)
                && within_holds(&entry.alternative, &[])
            {
                found.push(self.found(indexed.entry, entry, Place::Line, Some((indexed.of_log, slot)), 0));
            }
        }
        for &at in &self.by_logger {
            let Some(entry) = self.entries.get(index(at)) else {
                continue;
            };
            if around_holds(&entry.alternative, line) && within_holds(&entry.alternative, &[]) {
                found.push(self.found(at, entry, Place::Line, None, 0));
            }
        }
    }

    /// Runs an expression; its slot and weight where it matches.
    fn confirm(&self, pattern: u32, text: &str) -> Option<(usize, usize)> {
        let indexed = self.patterns.get(index(pattern))?;
        let pattern = expression(&self.entries, indexed)?;
        pattern.is_match(text).then(|| (indexed.slot, pattern.weight()))
    }

    fn found(&self, at: u32, entry: &Entry, place: Place, by: Option<(bool, usize)>, depth: usize) -> Found {
        let rule = self.rules.get(index(entry.rule));
        let part = rule.map_or(Part::Noise, |rule| rule.part);
        let last = rule.is_some_and(|rule| rule.last);
        let classes = &entry.alternative.classes;
        let by_message = matches!(by, Some((false, _)));
        let specificity = match (place, classes.is_empty(), by_message) {
            (Place::Line, ..) if by.is_some() => 1,
            (Place::Line, ..) => 3,
            (_, false, true) => 0,
            (_, true, true) => 1,
            (_, false, false) if !entry.common => 2,
            (_, _, false) => 3,
        };
        let telling = specificity < 3 && part == Part::Root;
        let tier = match place {
            Place::Suppressed(_) => 6,
            _ if last => 5,
            Place::Throwable(_) if telling => 1,
            Place::Throwable(_) => 3,
            Place::Line if part == Part::Root => 2,
            Place::Line => 4,
        };
        let expression = by.and_then(|(of_log, slot)| {
            let list = if of_log {
                &entry.alternative.log
            } else {
                &entry.alternative.messages
            };
            list.get(slot)
        });
        let weight = expression.map_or(0, Pattern::weight) + classes.iter().map(String::len).max().unwrap_or(0);
        let part = match part {
            Part::Root => 0,
            Part::Symptom => 1,
            Part::Noise => 2,
        };
        Found {
            rank: (tier, depth, specificity, part, usize::MAX - weight, entry.rule),
            rule: entry.rule,
            place,
            entry: at,
            by,
        }
    }

    fn decide<'f>(&self, found: &'f [Found]) -> Option<&'f Found> {
        let mut winner = found.iter().min_by_key(|one| one.rank)?;
        // Each round climbs one step of `over`; circles are refused at load, so there are fewer rounds than rules found.
        for _ in 0..found.len() {
            let above = found.iter().filter(|one| self.beats(one.rule, winner.rule));
            match above.min_by_key(|one| one.rank) {
                Some(above) => winner = above,
                None => break,
            }
        }
        Some(winner)
    }

    fn beats(&self, one: u32, other: u32) -> bool {
        let named = |a: u32, b: u32| {
            let over = self.over.get(index(a));
            over.is_some_and(|over| over.as_ref().is_some_and(|beaten| beaten.contains(&b)))
        };
        let all = |a: u32| self.over.get(index(a)).is_some_and(Option::is_none);
        one != other && (named(one, other) || (all(one) && !all(other) && !named(other, one)))
    }

    fn matched_by(&self, found: &Found) -> String {
        let Some(entry) = self.entries.get(index(found.entry)) else {
            return String::new();
        };
        let alternative = &entry.alternative;
        let expression = found.by.and_then(|(of_log, slot)| {
            let list = if of_log {
                &alternative.log
            } else {
                &alternative.messages
            };
            list.get(slot)
        });
        let mut by: Vec<String> = Vec::new();
        if !alternative.classes.is_empty() && found.place != Place::Line {
            by.push(format!("class {}", alternative.classes.join(" or ")));
        }
        if let Some(pattern) = expression {
            by.push(format!("text `{}`", pattern.as_str()));
        }
        if !alternative.loggers.is_empty() {
            by.push(format!("logger {}", alternative.loggers.join(" or ")));
        }
        if !alternative.within_classes.is_empty() || !alternative.within_messages.is_empty() {
            by.push("what it stands within".to_owned());
        }
        by.join(" and ")
    }
}

/// A throwable on the way up.
struct Spot<'a> {
    throwable: &'a ToldThrowable<'a>,
    outer: &'a [ToldThrowable<'a>],
    depth: usize,
}

/// What an alternative asks of the log line beside class and message of a throwable.
fn around_holds(wanted: &Alternative, line: &ToldLine<'_>) -> bool {
    let logger = wanted.loggers.is_empty()
        || line
            .logger
            .is_some_and(|logger| wanted.loggers.iter().any(|w| class_name::same(logger, w)));
    let level = wanted.levels.is_empty()
        || line
            .level
            .is_some_and(|level| wanted.levels.iter().any(|w| w.eq_ignore_ascii_case(level)));
    // On the line itself the expressions under `log` were just confirmed; on a throwable they come on top.
    logger
        && level
        && (!wanted.of_throwable()
            || wanted.log.is_empty()
            || wanted.log.iter().any(|pattern| pattern.is_match(cut(line.message))))
}

/// What an alternative asks of the throwables around the one it matched.
fn within_holds(wanted: &Alternative, outer: &[ToldThrowable<'_>]) -> bool {
    let unwrapped = wanted.within_classes.is_empty() && wanted.within_messages.is_empty();
    unwrapped
        || outer.iter().take(CHAIN_LIMIT).any(|throwable| {
            let class = wanted.within_classes.is_empty()
                || wanted
                    .within_classes
                    .iter()
                    .any(|class| class_name::same(throwable.class, class));
            let message = wanted.within_messages.is_empty()
                || throwable
                    .message
                    .is_some_and(|text| wanted.within_messages.iter().any(|p| p.is_match(cut(text))));
            class && message
        })
}

fn why(found: &Found, rule: &ErrorRule) -> String {
    let (tier, depth, specificity, ..) = found.rank;
    let place = match found.place {
        Place::Throwable(_) if depth == 0 => "the deepest cause".to_owned(),
        Place::Throwable(_) => format!("{depth} above the deepest cause"),
        Place::Line => "the log line".to_owned(),
        Place::Suppressed(_) => "a suppressed throwable, since nothing else matched".to_owned(),
    };
    let how = match specificity {
        0 => "class and message",
        1 => "message",
        2 => "class",
        _ if found.place == Place::Line => "text",
        _ => "a common class",
    };
    let tail = if tier == 5 { ", asked last" } else { "" };
    format!("{} by {how} on {place}{tail}", rule.part)
}

/// Whether a line names one of the classes wanted, as lines do whose throwable was printed into them.
fn names_a_class(line: &str, classes: &[String]) -> bool {
    classes.is_empty() || classes.iter().any(|class| line.contains(class_name::simple(class)))
}

fn expression<'e>(entries: &'e [Entry], at: &Indexed) -> Option<&'e Pattern> {
    let alternative = &entries.get(index(at.entry))?.alternative;
    let list = if at.of_log {
        &alternative.log
    } else {
        &alternative.messages
    };
    list.get(at.slot)
}
