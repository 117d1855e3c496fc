//! The pure path in one call: bytes in, identified events or a rejection out.
//!
//! Comes in: the bytes of one record. Goes out: one [`Outcome`] per event in it (mostly one), or a rejection. What
//! always holds: no I/O, no clock; the same bytes give the same identity under the same rules, whatever was read
//! before; a hit of the memo equals a miss. What it does not do: count, store or keep bytes.
//!
//! Most errors repeat, so most records cost a scan, a key and a look-up; only what was not met before is parsed,
//! masked, classified and fingerprinted.

pub mod explain;
mod line;
mod memo;
mod place;
mod redact;

pub use line::LineWriter;
pub use redact::{REDACTED, Redactor};

use crate::decode::{Decoder, Limits, stack};
use crate::event::{Dimensions, ErrorEvent, Part, Rejection, StackTrace, Text, Throwable, Thrown};
use crate::fold::Sample;
use crate::identity::key::KeyMaker;
use crate::identity::skeleton::without_ids;
use crate::identity::{self, Identity, Told};
use crate::rules::{ErrorRule, RuleSet, ToldError, ToldThrowable, unclassified_severity};
use memo::{Memo, Remembered};
use place::Places;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Type and category of what no rule knows.
pub const UNCLASSIFIED: &str = "unclassified";

/// What became of an event.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// It is an error we can count.
    Folded(Identified<'a>),
    /// It could not become an event.
    Rejected(Rejection),
}

/// An event, who it is and where it happened.
#[derive(Debug, Clone, Copy)]
pub struct Identified<'a> {
    /// As decoded.
    pub event: &'a ErrorEvent<'a>,
    /// What error it is. The same `Arc` for the same memo entry.
    pub identity: &'a Arc<Identity>,
    /// Where it happened. Interned: equal dimensions are mostly the same `Arc`.
    pub dimensions: &'a Arc<Dimensions>,
    /// Present when the event may hold a secret.
    redactor: Option<&'a Redactor>,
}

/// Message and stack without their secrets.
#[derive(Debug)]
pub struct Redacted<'a> {
    /// The message.
    pub message: Cow<'a, str>,
    /// How many secrets were taken out of message and stack.
    pub count: u32,
    stack: Option<String>,
}

impl<'a> Identified<'a> {
    /// An event that is known not to hold a secret; for tests of what comes after.
    #[must_use]
    pub fn new(event: &'a ErrorEvent<'a>, identity: &'a Arc<Identity>, dimensions: &'a Arc<Dimensions>) -> Self {
        Self {
            event,
            identity,
            dimensions,
            redactor: None,
        }
    }

    /// Message and stack without secrets, where there may be some.
    #[must_use]
    pub fn redacted(&self) -> Option<Redacted<'a>> {
        let redactor = self.redactor?;
        let event: &'a ErrorEvent<'a> = self.event;
        let message = event.message.decoded();
        let (clean, in_message) = redactor.redact(&message);
        let clean = clean.into_owned();
        let stack = stack_text(&event.thrown);
        let (stack, in_stack) = match stack {
            None => (None, 0),
            Some(stack) => {
                let (clean, count) = redactor.redact_stack(&stack);
                (Some(clean.into_owned()), count)
            }
        };
        Some(Redacted {
            message: Cow::Owned(clean),
            count: in_message + in_stack,
            stack,
        })
    }

    /// The event in full, secrets redacted. Costs: only for the first of a (job, fingerprint, minute).
    #[must_use]
    pub fn sample(&self) -> Sample {
        let (message, stack, redactions) = match self.redacted() {
            Some(redacted) => (redacted.message.into_owned(), redacted.stack, redacted.count),
            None => {
                let stack = stack_text(&self.event.thrown).map(Cow::into_owned);
                (self.event.message.decoded().into_owned(), stack, 0)
            }
        };
        let owned = |text: &Option<Text<'_>>| text.as_ref().map(|t| t.decoded().into_owned());
        Sample {
            event_time: self.event.time.rfc3339(),
            level: owned(&self.event.level),
            logger: owned(&self.event.logger),
            thread: owned(&self.event.thread),
            message,
            stack,
            dimensions: by_name(self.dimensions),
            layout: self.event.layout.as_str().to_owned(),
            truncated: self.event.truncated,
            stack_bytes: None,
            redactions,
        }
    }
}

fn by_name(dimensions: &Dimensions) -> BTreeMap<String, String> {
    let texts = dimensions
        .texts()
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let subtask = dimensions.subtask.map(|n| ("subtask".to_owned(), n.to_string()));
    texts.chain(subtask).collect()
}

/// The throwable as text, as the writer gave it where it was text.
fn stack_text<'a>(thrown: &'a Thrown<'_>) -> Option<Cow<'a, str>> {
    match thrown {
        Thrown::Absent => None,
        Thrown::Text(text) => Some(text.decoded()),
        Thrown::Json { .. } | Thrown::Named { .. } | Thrown::Parsed(_) => {
            stack::stack_trace(thrown).map(|trace| Cow::Owned(stack::render(&trace)))
        }
    }
}

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Limits of one record.
    pub limits: Limits,
    /// Where times without a zone were written.
    pub default_zone: jiff::tz::TimeZone,
    /// How many errors are remembered; 0 turns the memo off.
    pub memo: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            default_zone: jiff::tz::TimeZone::UTC,
            memo: 65_536,
        }
    }
}

/// Reads records. One per thread; not shared.
#[derive(Debug)]
pub struct Engine {
    decoder: Decoder,
    identifier: Identifier,
}

impl Engine {
    /// An engine with these rules. `default_zone` is where times without a zone were written.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, default_zone: jiff::tz::TimeZone) -> Self {
        Self::with_options(
            rules,
            Options {
                default_zone,
                ..Options::default()
            },
        )
    }

    /// An engine with these rules and options.
    #[must_use]
    pub fn with_options(rules: Arc<RuleSet>, options: Options) -> Self {
        Self {
            decoder: Decoder::new(options.limits, options.default_zone),
            identifier: Identifier {
                rules,
                redactor: Redactor::built_in(),
                places: Places::default(),
                memo: Memo::new(options.memo),
                keys: KeyMaker::default(),
            },
        }
    }

    /// Reads one record and hands each outcome to `out`, at least one per record.
    pub fn read(&mut self, bytes: &[u8], out: &mut dyn FnMut(Outcome<'_>)) {
        let identifier = &mut self.identifier;
        self.decoder.decode(bytes, &mut |decoded| match decoded {
            Ok(event) => identifier.identify(&event, out),
            Err(rejection) => out(Outcome::Rejected(rejection)),
        });
    }

    /// Takes the rules from now on; what was remembered under the old ones is forgotten.
    pub fn set_rules(&mut self, rules: Arc<RuleSet>) {
        self.identifier.memo.clear();
        self.identifier.places.forget();
        self.identifier.rules = rules;
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.identifier.rules
    }

    /// Names learned since the last call: job id to job name. They belong into the same flush as the events read.
    pub fn take_learned(&mut self) -> Vec<(Box<str>, Box<str>)> {
        self.identifier.places.take_learned()
    }

    /// Teaches names learned in an earlier life (from the store).
    pub fn teach(&mut self, names: impl IntoIterator<Item = (Box<str>, Box<str>)>) {
        for (id, name) in names {
            self.identifier.places.teach(id, name);
        }
    }
}

/// All but decoding.
#[derive(Debug)]
struct Identifier {
    rules: Arc<RuleSet>,
    redactor: Arc<Redactor>,
    places: Places,
    memo: Memo,
    keys: KeyMaker,
}

impl Identifier {
    fn identify(&mut self, event: &ErrorEvent<'_>, out: &mut dyn FnMut(Outcome<'_>)) {
        let dimensions = self.places.of(event, &self.rules);
        let key = self.keys.key(event, &dimensions);
        let remembered = match key.and_then(|key| self.memo.get(key)) {
            Some(known) if !known.depends_on_digits => known,
            Some(_) | None => {
                let fresh = Arc::new(self.work_out(event, &dimensions));
                if let Some(key) = key {
                    self.memo.insert(key, Arc::clone(&fresh));
                }
                fresh
            }
        };
        out(Outcome::Folded(Identified {
            event,
            identity: &remembered.identity,
            dimensions: &dimensions,
            redactor: remembered.may_hold_secret.then_some(&*self.redactor),
        }));
    }

    /// What the memo remembers: everything that the key determines.
    fn work_out(&self, event: &ErrorEvent<'_>, dimensions: &Dimensions) -> Remembered {
        work_out(event, dimensions, &self.rules, &self.redactor).remembered
    }
}

/// An event identified from scratch.
struct WorkedOut {
    told: Told,
    classified: identity::Classified,
    remembered: Remembered,
}

/// Identifies an event from scratch, with all that was told on the way.
fn work_out(event: &ErrorEvent<'_>, dimensions: &Dimensions, rules: &RuleSet, redactor: &Redactor) -> WorkedOut {
    let (clean, may_hold_secret) = without_secrets(event, redactor);
    let told = identity::tell(&clean, dimensions, rules.identity());
    let message = clean.message.decoded();
    let level = clean.level.as_ref().map(Text::decoded);
    let logger = clean.logger.as_ref().map(Text::decoded);
    let (classified, depends_on_digits) =
        classify_told(&told, &message, logger.as_deref(), level.as_deref(), |error| {
            let errors = rules.errors();
            (
                classified(errors.classify(error), error.level),
                errors.depends_on_digits(error),
            )
        });
    let identity = Arc::new(identity::identity(&told, &classified));
    let remembered = Remembered {
        identity,
        depends_on_digits,
        may_hold_secret,
    };
    WorkedOut {
        told,
        classified,
        remembered,
    }
}

/// Hands to `ask` what the rules look at. Ids are taken out of it, so that no rule can depend on one.
fn classify_told<R>(
    told: &Told,
    message: &str,
    logger: Option<&str>,
    level: Option<&str>,
    ask: impl FnOnce(&ToldError<'_>) -> R,
) -> R {
    let message = without_ids(message);
    let (chain, suppressed) = told.trace.as_ref().map(split_chain).unwrap_or_default();
    let chain_texts = messages_without_ids(&chain);
    let suppressed_texts = messages_without_ids(&suppressed);
    let chain = as_told(&chain, &chain_texts);
    let suppressed = as_told(&suppressed, &suppressed_texts);
    ask(&ToldError {
        message: &message,
        logger,
        level,
        chain: &chain,
        suppressed: &suppressed,
    })
}

fn messages_without_ids<'t>(throwables: &[&'t Throwable]) -> Vec<Option<Cow<'t, str>>> {
    throwables
        .iter()
        .map(|t| t.message.as_deref().map(without_ids))
        .collect()
}

fn as_told<'t>(throwables: &[&'t Throwable], messages: &'t [Option<Cow<'t, str>>]) -> Vec<ToldThrowable<'t>> {
    let pairs = throwables.iter().zip(messages);
    pairs
        .map(|(t, message)| ToldThrowable {
            class: &t.class,
            message: message.as_deref(),
        })
        .collect()
}

/// What the rules say, or what is said of what no rule knows.
fn classified(rule: Option<&ErrorRule>, level: Option<&str>) -> identity::Classified {
    match rule {
        Some(rule) => identity::Classified {
            error_type: Arc::clone(&rule.id),
            category: Arc::clone(&rule.category),
            severity: rule.severity,
            part: rule.part,
            rule: Some(Arc::clone(&rule.id)),
        },
        None => identity::Classified {
            error_type: UNCLASSIFIED.into(),
            category: UNCLASSIFIED.into(),
            severity: unclassified_severity(level),
            part: Part::Root,
            rule: None,
        },
    }
}

/// The cause chain, outermost first, and everything that hangs beside it.
fn split_chain(trace: &StackTrace) -> (Vec<&Throwable>, Vec<&Throwable>) {
    let chain = trace.chain();
    let inside = chain.iter().filter_map(|&i| trace.throwables.get(i)).collect();
    let beside = trace
        .throwables
        .iter()
        .enumerate()
        .filter(|(i, _)| !chain.contains(i))
        .map(|(_, t)| t)
        .collect();
    (inside, beside)
}

/// The event with its stack unescaped and, where it may hold a secret, redacted; and whether it may.
fn without_secrets<'e>(event: &'e ErrorEvent<'e>, redactor: &Redactor) -> (Cow<'e, ErrorEvent<'e>>, bool) {
    let message = event.message.decoded();
    let root_message = event.root_message.as_ref().map(Text::decoded);
    let stack = stack_text(&event.thrown);
    let may = redactor.may_hold_secret(&message)
        || root_message.as_deref().is_some_and(|m| redactor.may_hold_secret(m))
        || stack.as_deref().is_some_and(|s| redactor.stack_may_hold_secret(s));
    let is_text = matches!(event.thrown, Thrown::Text(_));
    if !may && !is_text {
        return (Cow::Borrowed(event), false);
    }
    let mut copy = event.clone();
    if may {
        let clean = |text: &str| Text::Owned(redactor.redact(text).0.into_owned());
        copy.root_message = root_message.as_deref().map(clean);
        copy.message = clean(&message);
    }
    if let Some(stack) = stack {
        let (redacted, count) = if may {
            redactor.redact_stack(&stack)
        } else {
            (Cow::Borrowed(&*stack), 0)
        };
        if count > 0 {
            copy.thrown = Thrown::Text(Text::Owned(redacted.into_owned()));
        } else if is_text {
            // Unescaped once, for all that look at it.
            copy.thrown = Thrown::Text(Text::Owned(stack.into_owned()));
        }
    }
    (Cow::Owned(copy), may)
}
