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
mod place;
mod redact;
mod work_out;

pub use line::LineWriter;
pub use redact::{REDACTED, Redactor};

use crate::decode::{Decoder, Limits, stack};
use crate::event::{Dimensions, ErrorEvent, Rejection, Text, Thrown};
use crate::fold::Sample;
use crate::identity::Identity;
use crate::identity::frames::{Site, Unread};
use crate::identity::key::KeyMaker;
use crate::identity::memo::Memo;
use crate::rules::RuleSet;
use place::Places;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use work_out::{Known, KnownHeaders, KnownMessage, Remembered, known_headers, work_out};

/// Headers of throwables, places and messages repeat more than whole errors, so fewer are remembered: one for so many
/// errors.
const PARTS_SHARE: usize = 4;

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
                headers: Memo::new(options.memo / PARTS_SHARE),
                sites: Memo::new(options.memo / PARTS_SHARE),
                messages: Memo::new(options.memo / PARTS_SHARE),
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
        self.identifier.headers.clear();
        self.identifier.sites.clear();
        self.identifier.messages.clear();
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
    memo: Memo<Remembered>,
    headers: Memo<KnownHeaders>,
    sites: Memo<Site>,
    messages: Memo<KnownMessage>,
    keys: KeyMaker,
}

impl Identifier {
    fn identify(&mut self, event: &ErrorEvent<'_>, out: &mut dyn FnMut(Outcome<'_>)) {
        let dimensions = self.places.of(event, &self.rules);
        let key = self.keys.key(event, &dimensions);
        let remembered = match key.and_then(|key| self.memo.get(key)) {
            Some(known) if !known.depends_on_digits => known,
            Some(_) | None => {
                let fresh = Arc::new(self.work_out(event, &dimensions, key.is_some()));
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

    /// What the memo does not know. The headers of the throwable may be known where the whole is not.
    fn work_out(&mut self, event: &ErrorEvent<'_>, dimensions: &Dimensions, has_key: bool) -> Remembered {
        let (rules, redactor) = (&self.rules, &self.redactor);
        let parts = self.keys.parts();
        let marked = || parts.marked(&event.thrown);
        let message = has_key.then(|| (self.keys.message_key(), &mut self.messages));
        if has_key && parts.have_blocks() {
            let key = self.keys.headers_key();
            let headers = match self.headers.get(key) {
                Some(known) => Some(known),
                None => marked().map(|marked| {
                    let fresh = Arc::new(known_headers(&marked, event, rules, redactor));
                    self.headers.insert(key, Arc::clone(&fresh));
                    fresh
                }),
            };
            // What is redacted is read anew, and so is for the rules what they could tell apart by digits.
            let headers = headers.filter(|headers| headers.tells_others());
            let headers = match headers {
                Some(known) if known.on.depends_on_digits() => {
                    marked().map(|marked| Arc::new(known.with_digits_of(&marked, event, rules)))
                }
                known => known,
            };
            if let Some(headers) = headers {
                let unread = Unread {
                    parts,
                    thrown: &event.thrown,
                    frames_key: self.keys.frames_key(),
                };
                let known = Known {
                    unread: Some((unread, &mut self.sites)),
                    message,
                };
                return work_out(event, dimensions, &headers, known, rules, redactor).remembered;
            }
        }
        let headers = known_headers(&event.thrown, event, rules, redactor);
        let known = Known { unread: None, message };
        work_out(event, dimensions, &headers, known, rules, redactor).remembered
    }
}
