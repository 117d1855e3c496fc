//! One pass over the keys of a record: each value is put where its key says, nested objects are walked by dotted
//! path, and what no key table knows is kept as a field for the dimensions.

use super::general;
use super::keys::{Marks, Meaning, TimeKey, meaning};
use super::scan::{Object, Scanner, Value};
use super::shapes::Member;
use super::throwable;
use crate::event::{Field, Text, Thrown};
use std::borrow::Cow;

/// Fields kept per event; a record with more has them cut off in the order written.
const MAX_FIELDS: usize = 64;
/// Bytes of a field's value; a longer one is no dimension.
const MAX_FIELD_BYTES: usize = 1024;
/// Bytes of a field's path.
const MAX_PATH_BYTES: usize = 256;
/// How deep nested objects are walked for fields.
const MAX_WALK: usize = 8;
/// Keys of nested objects looked at per record.
const MAX_NESTED: usize = 1024;
/// Fields that most records have room for at once.
const FIELDS: usize = 12;

/// A value on its way to its place.
struct Met<'m, 'a> {
    path: Cow<'a, str>,
    meaning: (Meaning, Marks),
    value: Value<'a>,
    /// The keys of an object, where they were read already.
    inside: Option<&'m mut Object<'a>>,
}

/// The best value met so far for one thing, with the rank of its key.
pub(crate) type Slot<'a> = Option<(u8, Value<'a>)>;

/// What one object said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered<'a> {
    pub(crate) marks: Marks,
    pub(crate) times: [Option<Value<'a>>; TimeKey::COUNT],
    pub(crate) level: Slot<'a>,
    pub(crate) logger: Slot<'a>,
    pub(crate) thread: Slot<'a>,
    pub(crate) message: Slot<'a>,
    /// A line of another writer.
    pub(crate) carrier: Option<(u8, Text<'a>)>,
    /// An object that looks like a record of its own (decoded by the collector).
    pub(crate) inner_record: Option<(Cow<'a, str>, &'a str)>,
    pub(crate) thrown: Option<(u8, Thrown<'a>)>,
    /// `full_message` of GELF: a trace, or the message in full.
    pub(crate) maybe_stack: Option<Text<'a>>,
    pub(crate) name: Option<Text<'a>>,
    pub(crate) root_class: Option<Text<'a>>,
    pub(crate) root_message: Option<Text<'a>>,
    pub(crate) error_type: Option<Text<'a>>,
    pub(crate) error_message: Option<Text<'a>>,
    /// A short text under a key of throwables (`"error": "not found"`).
    pub(crate) error_note: Option<Text<'a>>,
    pub(crate) fields: Vec<Field<'a>>,
    /// A collector says that it cut the line.
    pub(crate) truncated: bool,
    nested: usize,
}

/// Whether text says nothing: empty, or a look-up nobody resolved (`${env:POD_NAME}`).
#[inline]
pub(crate) fn is_missing(text: &Text<'_>) -> bool {
    is_nothing(text.held())
}

/// The same for literal text.
#[inline]
pub(crate) fn is_nothing(held: &str) -> bool {
    match held.as_bytes() {
        [first, ..] if *first > b' ' && !matches!(first, b'$' | b'\\') => false,
        _ => reads_as_nothing(held),
    }
}

#[inline(never)]
fn reads_as_nothing(held: &str) -> bool {
    match held.as_bytes() {
        [] => true,
        [b'$', b'{', .., b'}'] => held.len() < 200,
        [first, ..] if *first <= b' ' || *first == b'\\' => {
            // Only white space, literal or escaped.
            held.trim().is_empty() || (held.len() < 64 && crate::event::unescape(held).trim().is_empty())
        }
        _ => false,
    }
}

impl<'a> Gathered<'a> {
    /// Puts one value where its path says.
    pub(crate) fn put(&mut self, path: Cow<'a, str>, value: Value<'a>, max_depth: usize) {
        self.place(path, value, 0, max_depth);
    }

    /// The same for a key whose meaning is known.
    #[inline]
    pub(crate) fn put_member(&mut self, member: Member<'_, 'a>, max_depth: usize) {
        if member.path.len() > MAX_PATH_BYTES {
            return;
        }
        if let Value::Str(text) = member.value {
            return self.put_text(member.path, member.meaning, text, max_depth);
        }
        let met = Met {
            path: Cow::Borrowed(member.path),
            meaning: member.meaning,
            value: member.value,
            inside: member.inside,
        };
        self.place_met(met, 0, max_depth);
    }

    /// The same for text, which nearly all values are: most of it needs few of the questions.
    #[inline]
    fn put_text(&mut self, path: &'a str, meaning: (Meaning, Marks), text: Text<'a>, max_depth: usize) {
        let (what, marks) = meaning;
        let slot = match what {
            Meaning::Level(rank) => Some((&mut self.level, rank)),
            Meaning::Logger(rank) => Some((&mut self.logger, rank)),
            Meaning::Thread(rank) => Some((&mut self.thread, rank)),
            Meaning::Other if path != "message.message" && path != "message.msg" => None,
            Meaning::Time(_)
            | Meaning::Name
            | Meaning::Message(_)
            | Meaning::Carrier(_)
            | Meaning::Thrown(_)
            | Meaning::MaybeStack
            | Meaning::RootClass
            | Meaning::RootMessage
            | Meaning::ErrorType
            | Meaning::ErrorMessage
            | Meaning::Noise
            | Meaning::Other => {
                let met = Met {
                    path: Cow::Borrowed(path),
                    meaning,
                    value: Value::Str(text),
                    inside: None,
                };
                return self.place_met(met, 0, max_depth);
            }
        };
        if is_missing(&text) {
            return;
        }
        self.marks.add(marks);
        match slot {
            Some((slot, rank)) => take(slot, rank, Value::Str(text)),
            None => self.keep_field(Text::Plain(path), text),
        }
    }

    fn place(&mut self, path: Cow<'a, str>, value: Value<'a>, walked: usize, max_depth: usize) {
        if path.len() > MAX_PATH_BYTES {
            return;
        }
        let met = Met {
            meaning: meaning(&path),
            path,
            value,
            inside: None,
        };
        self.place_met(met, walked, max_depth);
    }

    fn place_met(&mut self, met: Met<'_, 'a>, walked: usize, max_depth: usize) {
        let Met {
            path,
            meaning: (what, marks),
            value,
            inside,
        } = met;
        match what {
            Meaning::Thrown(rank) => {
                self.marks.add(marks);
                self.place_thrown(rank, path, (value, inside), max_depth);
                return;
            }
            Meaning::Carrier(rank) => match value {
                Value::Str(text) => {
                    self.marks.add(marks);
                    if !is_missing(&text) && self.carrier.as_ref().is_none_or(|(had, _)| rank < *had) {
                        self.carrier = Some((rank, text));
                    }
                    return;
                }
                Value::Object(raw) => return self.walk(&path, (raw, inside), walked, max_depth),
                Value::Number(_) | Value::Bool(_) | Value::Null | Value::Array(_) => return,
            },
            Meaning::Message(rank) => {
                if let (Value::Object(raw), true) = (&value, rank > 0 || path != "message") {
                    return self.walk(&path, (raw, inside), walked, max_depth);
                }
                self.marks.add(marks);
                if let Value::Object(raw) = &value {
                    self.walk(&path, (raw, inside), walked, max_depth);
                }
                take(&mut self.message, rank, value);
                return;
            }
            Meaning::Time(_)
            | Meaning::Level(_)
            | Meaning::Logger(_)
            | Meaning::Name
            | Meaning::Thread(_)
            | Meaning::MaybeStack
            | Meaning::RootClass
            | Meaning::RootMessage
            | Meaning::ErrorType
            | Meaning::ErrorMessage
            | Meaning::Noise
            | Meaning::Other => {}
        }
        if let Value::Object(raw) = value {
            if path == "context" {
                self.marks.add(Marks::CONTEXT);
            }
            return self.walk(&path, (raw, inside), walked, max_depth);
        }
        if let Value::Array(raw) = value {
            if marks == Marks::OTLP {
                self.marks.add(marks);
            }
            return self.place_array(&path, raw, max_depth);
        }
        if what == Meaning::Noise {
            self.marks.add(marks);
            if path == "@version" && matches!(value, Value::Number(_)) {
                self.marks.add(Marks::SOURCE_HOST);
            }
            return;
        }
        match &value {
            Value::Null => return,
            Value::Str(text) if is_missing(text) => return,
            Value::Str(_) | Value::Number(_) | Value::Bool(_) | Value::Object(_) | Value::Array(_) => {}
        }
        self.marks.add(marks);
        match what {
            Meaning::Time(key) => {
                let place = self.times.get_mut(key.index());
                if let Some(place @ None) = place {
                    *place = Some(value);
                }
            }
            Meaning::Level(rank) => {
                if matches!(value, Value::Number(_)) {
                    self.marks.add(Marks::LEVEL_NUMBER);
                }
                // A number says less than any text.
                let rank = if matches!(value, Value::Number(_)) {
                    rank + 10
                } else {
                    rank
                };
                take(&mut self.level, rank, value);
            }
            Meaning::Logger(rank) => take(&mut self.logger, rank, value),
            Meaning::Thread(rank) => take(&mut self.thread, rank, value),
            Meaning::Name => self.name = text_of(value),
            Meaning::MaybeStack => self.maybe_stack = text_of(value),
            Meaning::RootClass => self.root_class = text_of(value),
            Meaning::RootMessage => self.root_message = text_of(value),
            Meaning::ErrorType => self.error_type = text_of(value),
            Meaning::ErrorMessage => self.error_message = text_of(value),
            // A message that is an object says its own message already.
            Meaning::Other if matches!(&*path, "message.message" | "message.msg") => {}
            Meaning::Other => self.push_field(path, value),
            Meaning::Noise | Meaning::Thrown(_) | Meaning::Carrier(_) | Meaning::Message(_) => {}
        }
    }

    fn place_thrown(
        &mut self,
        rank: u8,
        path: Cow<'a, str>,
        (value, inside): (Value<'a>, Option<&mut Object<'a>>),
        max_depth: usize,
    ) {
        // `error`, `err` and `exception` may as well hold a short text that is no throwable.
        let sure = !matches!(&*path, "error" | "err" | "exception" | "exc" | "exc_info" | "stack");
        match throwable::read(&value, inside, sure, max_depth) {
            Thrown::Absent => {
                // Where a logger was called (`stack` of the Python writers) is no dimension.
                if let Value::Str(text) = value
                    && path != "stack"
                    && !is_missing(&text)
                {
                    self.push_field(path, Value::Str(text.clone()));
                    self.error_note = Some(text);
                }
            }
            thrown @ (Thrown::Text(_) | Thrown::Json { .. } | Thrown::Named { .. } | Thrown::Parsed(_)) => {
                let rank = if matches!(thrown, Thrown::Named { .. }) {
                    rank + 10
                } else {
                    rank
                };
                if self.thrown.as_ref().is_none_or(|(had, _)| rank < *had) {
                    self.thrown = Some((rank, thrown));
                }
            }
        }
    }

    /// Walks a nested object, each key by its dotted path. Its keys may have been read already.
    fn walk(
        &mut self,
        prefix: &str,
        (raw, inside): (&'a str, Option<&mut Object<'a>>),
        walked: usize,
        max_depth: usize,
    ) {
        if walked >= MAX_WALK || self.nested >= MAX_NESTED {
            return;
        }
        let mut own = Object::new();
        let Some(entries) = general::keys_of(raw, inside, &mut own, max_depth) else {
            return;
        };
        self.nested += entries.len();
        if walked == 0 && self.inner_record.is_none() && looks_like_record(entries) {
            // Kept whole until it is known whether the record around it is one itself.
            self.inner_record = Some((Cow::Owned(prefix.to_owned()), raw));
            return;
        }
        for entry in entries.drain(..) {
            let path = joined(prefix, &entry.key);
            self.place(path, entry.value, walked + 1, max_depth);
        }
    }

    /// Walks the object that looked like a record and turned out to be a part of one.
    pub(crate) fn open_inner_record(&mut self, max_depth: usize) {
        if let Some((prefix, raw)) = self.inner_record.take() {
            self.walk(&prefix, (raw, None), 1, max_depth);
        }
    }

    /// Lists: Log4j2's `contextMap` as pairs, Filebeat's `log.flags`.
    fn place_array(&mut self, path: &str, raw: &'a str, max_depth: usize) {
        let scanner = Scanner::again(raw, max_depth);
        let pairs = matches!(path, "contextMap" | "mdc" | "properties");
        let flags = path == "log.flags";
        if !pairs && !flags {
            return;
        }
        let mut found = Vec::new();
        let walked = scanner.array(0, &mut |value| {
            found.push(value);
            found.len() < MAX_FIELDS
        });
        if walked.is_err() {
            return;
        }
        for value in found {
            match value {
                Value::Object(inner) if pairs => {
                    let mut entries = Object::new();
                    if Scanner::again(inner, max_depth).object(0, &mut entries).is_err() {
                        continue;
                    }
                    let mut key = None;
                    let mut content = None;
                    for entry in entries {
                        match (&*entry.key, entry.value) {
                            ("key", Value::Str(text)) => key = Some(text),
                            ("value", value) => content = Some(value),
                            _ => {}
                        }
                    }
                    if let (Some(key), Some(content)) = (key, content) {
                        let path = joined(path, &key.decoded());
                        self.push_field(path, content);
                    }
                }
                Value::Str(text) if flags && text.held() == "truncated" => self.truncated = true,
                Value::Str(_)
                | Value::Number(_)
                | Value::Bool(_)
                | Value::Null
                | Value::Object(_)
                | Value::Array(_) => {}
            }
        }
    }

    /// Keeps a scalar as a field, if it says anything.
    pub(crate) fn push_field(&mut self, path: Cow<'a, str>, value: Value<'a>) {
        let Some(value) = text_of(value) else { return };
        if is_missing(&value) {
            return;
        }
        let path = match path {
            Cow::Borrowed(path) => Text::Plain(path),
            Cow::Owned(path) => Text::Owned(path),
        };
        self.keep_field(path, value);
    }

    /// Keeps a value that says something as a field, if there is room.
    #[inline]
    fn keep_field(&mut self, path: Text<'a>, value: Text<'a>) {
        if self.fields.len() >= MAX_FIELDS || value.held().len() > MAX_FIELD_BYTES {
            return;
        }
        if self.fields.capacity() == 0 {
            self.fields.reserve(FIELDS);
        }
        self.fields.push(Field { path, value });
    }
}

/// A nested path; the ones every record of a layout has need no allocation.
fn joined<'a>(prefix: &str, key: &str) -> Cow<'a, str> {
    match (prefix, key) {
        ("instant", "epochSecond") => Cow::Borrowed("instant.epochSecond"),
        ("instant", "nanoOfSecond") => Cow::Borrowed("instant.nanoOfSecond"),
        ("contextMap", "flink-job-id") => Cow::Borrowed("contextMap.flink-job-id"),
        ("mdc", "flink-job-id") => Cow::Borrowed("mdc.flink-job-id"),
        _ => {
            let mut path = String::with_capacity(prefix.len() + 1 + key.len());
            path.push_str(prefix);
            path.push('.');
            path.push_str(key);
            Cow::Owned(path)
        }
    }
}

fn take<'a>(slot: &mut Slot<'a>, rank: u8, value: Value<'a>) {
    if slot.as_ref().is_none_or(|(had, _)| rank < *had) {
        *slot = Some((rank, value));
    }
}

/// The text of a scalar.
pub(crate) fn text_of(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::Str(text) => Some(text),
        Value::Number(text) | Value::Bool(text) => Some(Text::Plain(text)),
        Value::Null | Value::Object(_) | Value::Array(_) => None,
    }
}

/// Whether a nested object has the keys of a log record: a level, and a message or a time.
fn looks_like_record(entries: &Object<'_>) -> bool {
    let mut level = false;
    let mut rest = false;
    for entry in entries {
        if entry.value == Value::Null {
            continue;
        }
        let (what, _) = meaning(&entry.key);
        level |= matches!(what, Meaning::Level(_));
        rest |= matches!(what, Meaning::Message(_) | Meaning::Time(_));
    }
    level && rest
}
