//! One record: JSON or text, in as many envelopes as stand around it, to events.
//!
//! An envelope is a record without a level and a throwable of its own whose payload is a line of another writer, as
//! text or already taken apart. What it says about the place stands beside what the line says itself; its time counts
//! only where the line has none.

use super::gather::{self, Gathered, is_missing};
use super::glued;
use super::keys::Marks;
use super::scan::{Object, Odd, Scanner, Value};
use super::shapes::Shapes;
use super::text_line::{self, Line};
use super::{Limits, general, layout, otlp, throwable, trimmed};
use crate::event::{ErrorEvent, EventTime, Field, Layout, Reason, Rejection, Text, Thrown};
use jiff::tz::TimeZone;
use std::cell::RefCell;

/// Envelopes inside one another that are opened: a container runtime, a collector, a broker bridge, and one spare.
const MAX_ENVELOPES: u8 = 4;
/// A message this long that ends in `…` was cut; a shorter one may be written so.
const CUT_MESSAGE_BYTES: usize = 1000;

/// Where events go.
pub(crate) type Out<'o> = dyn FnMut(Result<ErrorEvent<'_>, Rejection>) + 'o;

/// What reading needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'d> {
    pub(crate) limits: &'d Limits,
    pub(crate) zone: &'d TimeZone,
    /// Learned from record to record.
    pub(crate) shapes: &'d RefCell<Shapes>,
}

/// What an envelope says about the record inside.
#[derive(Debug, Default)]
pub(crate) struct Layer<'e> {
    pub(crate) time: Option<EventTime>,
    pub(crate) level: Option<Text<'e>>,
    /// A plain vector, since a borrowed layer must be able to shorten its lifetime (`SmallVec` is invariant).
    pub(crate) fields: Vec<Field<'e>>,
    pub(crate) truncated: bool,
    /// How many envelopes are open.
    pub(crate) depth: u8,
}

/// The same text, borrowed from where it is held.
pub(crate) fn lent<'x>(text: &'x Text<'_>) -> Text<'x> {
    match text {
        Text::Plain(text) => Text::Plain(text),
        Text::Escaped(raw) => Text::Escaped(raw),
        Text::Owned(text) => Text::Plain(text),
    }
}

impl Reader<'_> {
    /// Reads a record or the line inside an envelope.
    pub(crate) fn read<'x>(&self, text: &'x str, layer: Option<&'x Layer<'x>>, out: &mut Out<'_>) {
        let text = trimmed(text);
        if text.starts_with('{') {
            self.json(text, layer, out);
        } else {
            self.text(text, layer, out);
        }
    }

    /// Reads one object.
    pub(crate) fn json<'x>(&self, text: &'x str, layer: Option<&'x Layer<'x>>, out: &mut Out<'_>) {
        let most = self.limits.max_depth;
        let scanner = Scanner::new(text, most);
        let mut gathered = Gathered::default();
        let scanned = {
            // Nobody else reads while this is borrowed; were it so, the record would be read without what is known.
            let mut known = self.shapes.try_borrow_mut();
            let mut none = Shapes::default();
            let shapes = known.as_deref_mut().unwrap_or(&mut none);
            shapes.each(&scanner, 0, |member| gathered.put_member(member, most))
        };
        match scanned {
            Ok(end) if scanner.skip_space(end) == text.len() => {}
            Ok(_) | Err(Odd::Unusual) => match general::object(text, most) {
                Ok(entries) => {
                    gathered = Gathered::default();
                    for entry in entries {
                        gathered.put(entry.key, entry.value, most);
                    }
                }
                Err(rejection) => return out(Err(rejection)),
            },
            Err(Odd::TooDeep) => return out(Err(general::too_deep(most))),
            Err(Odd::TooManyKeys) => return out(Err(general::too_many_keys())),
        }
        self.gathered(text, &mut gathered, layer, out);
    }

    /// The keys of one object.
    pub(crate) fn object<'a>(&self, text: &'a str) -> Result<Object<'a>, Rejection> {
        let scanner = Scanner::new(text, self.limits.max_depth);
        let mut entries = Object::new();
        match scanner.object(0, &mut entries) {
            Ok(end) if scanner.skip_space(end) == text.len() => Ok(entries),
            Ok(_) | Err(Odd::Unusual) => general::object(text, self.limits.max_depth),
            Err(Odd::TooDeep) => Err(general::too_deep(self.limits.max_depth)),
            Err(Odd::TooManyKeys) => Err(general::too_many_keys()),
        }
    }

    /// Decides what an object is: many events, an envelope, or one event.
    fn gathered<'a>(
        &self,
        text: &'a str,
        gathered: &mut Gathered<'a>,
        layer: Option<&'a Layer<'a>>,
        out: &mut Out<'_>,
    ) {
        if gathered.marks.any(&[Marks::OTLP]) {
            otlp::read(self, text, layer, out);
            return;
        }
        let depth = layer.map_or(0, |layer| layer.depth);
        let docker = gathered.marks.all(&[Marks::SHORT_MESSAGE, Marks::ENVELOPE]);
        if (gathered.level.is_none() || docker) && gathered.thrown.is_none() && depth < MAX_ENVELOPES {
            if let Some((_, raw)) = gathered.inner_record.take() {
                let layer = self.layer(gathered, layer);
                self.json(raw, Some(&layer), out);
                return;
            }
            if let Some(payload) = payload(gathered).cloned() {
                let inside = payload.decoded();
                let bare = trimmed(&inside);
                let enveloped = gathered.marks.any(&[Marks::ENVELOPE]);
                if bare.starts_with('{') && (enveloped || general::is_json(bare)) {
                    let layer = self.layer(gathered, layer);
                    self.json(bare, Some(&layer), out);
                    return;
                }
                if enveloped || gathered.carrier.is_some() || text_line::parse(bare).is_some() {
                    let layer = self.layer(gathered, layer);
                    self.text(bare, Some(&layer), out);
                    return;
                }
            }
        }
        gathered.open_inner_record(self.limits.max_depth);
        out(self.event(gathered, layer));
    }

    /// What an envelope says; its payload stays behind.
    fn layer<'x>(&self, gathered: &mut Gathered<'x>, outer: Option<&'x Layer<'x>>) -> Layer<'x> {
        let kind = layout::recognize(gathered);
        let own = layout::time(gathered, kind, self.zone).ok().flatten();
        drop_own_version(gathered, kind);
        let mut layer = Layer {
            time: own.or(outer.and_then(|outer| outer.time)),
            level: None,
            fields: std::mem::take(&mut gathered.fields),
            truncated: gathered.truncated,
            depth: 1,
        };
        if let Some(outer) = outer {
            layer.inherit(outer);
        }
        layer
    }

    /// The event of one object.
    fn event<'a>(
        &self,
        gathered: &mut Gathered<'a>,
        layer: Option<&'a Layer<'a>>,
    ) -> Result<ErrorEvent<'a>, Rejection> {
        let kind = layout::recognize(gathered);
        let time = match layout::time(gathered, kind, self.zone)? {
            Some(time) => time,
            None => layer.and_then(|layer| layer.time).ok_or_else(no_time)?,
        };
        let error_type = gathered.error_type.take();
        let error_message = gathered.error_message.take();
        let mut logger = gathered.logger.take();
        let mut truncated = gathered.truncated;
        drop_own_version(gathered, kind);
        let fields = &mut gathered.fields;
        if let Some(name) = gathered.name.take() {
            if logger.is_none() && matches!(kind, Layout::PythonJson | Layout::Pino) {
                logger = Some((9, Value::Str(name)));
            } else {
                fields.push(Field {
                    path: "name".into(),
                    value: name,
                });
            }
        }
        let mut message = gathered
            .message
            .take()
            .and_then(|(_, value)| spoken(value, self.limits.max_depth))
            .or_else(|| gathered.carrier.take().map(|(_, text)| text))
            .or_else(|| gathered.error_note.take())
            .unwrap_or_default();
        let python = matches!(kind, Layout::Structlog | Layout::PythonJson);
        let mut thrown = match gathered.thrown.take() {
            // `stack` of the Python writers is where the logger was called, not a throwable.
            Some((4, _)) if python => Thrown::Absent,
            Some((_, Thrown::Named { class, message })) => Thrown::Named {
                class,
                message: message.or(error_message),
            },
            Some((_, Thrown::Text(trace))) => Thrown::Text(throwable::with_header(
                trace,
                error_type.as_ref(),
                error_message.as_ref(),
            )),
            Some((_, thrown)) => thrown,
            None => throwable::named(error_type, error_message),
        };
        if let Some(full) = gathered.maybe_stack.take() {
            let absent = matches!(thrown, Thrown::Absent | Thrown::Named { .. });
            if absent && glued::reads_like_throwable(&full) {
                let trace = match glued::split_owned(full.decoded().into_owned()) {
                    Ok((_, trace)) => trace,
                    Err(whole) => whole,
                };
                thrown = Thrown::Text(Text::Owned(trace));
            } else if message.is_empty() {
                message = full;
            }
        }
        glued::unglue(&mut message, &mut thrown);
        if message.is_empty() && thrown == Thrown::Absent && gathered.root_class.is_none() {
            return Err(no_message());
        }
        truncated |= was_cut(&message, CUT_MESSAGE_BYTES)
            || match &thrown {
                Thrown::Text(text) => was_cut(text, 0),
                Thrown::Json { .. } | Thrown::Named { .. } | Thrown::Absent | Thrown::Parsed(_) => false,
            };
        let mut event = ErrorEvent {
            layout: kind,
            time,
            level: gathered.level.take().and_then(|(_, value)| layout::level(value, kind)),
            logger: logger.and_then(|(_, value)| gather::text_of(value)),
            thread: gathered.thread.take().and_then(|(_, value)| gather::text_of(value)),
            message,
            thrown,
            root_class: gathered.root_class.take(),
            root_message: gathered.root_message.take(),
            fields: std::mem::take(&mut gathered.fields),
            truncated,
        };
        if let Some(layer) = layer {
            layer.lend_to(&mut event);
        }
        Ok(event)
    }

    /// Reads a record of text.
    pub(crate) fn text<'x>(&self, text: &'x str, layer: Option<&'x Layer<'x>>, out: &mut Out<'_>) {
        let depth = layer.map_or(0, |layer| layer.depth);
        if depth < MAX_ENVELOPES {
            if let Some((inner, inside)) = self.container_runtime(text, layer) {
                self.read(&inside, Some(&inner), out);
                return;
            }
            if let Some((inner, inside)) = self.syslog(text, layer) {
                self.read(inside, Some(&inner), out);
                return;
            }
        }
        match text_line::parse(text) {
            Some(line) => out(self.line(line, layer)),
            None => match layer.and_then(|layer| layer.level.as_ref().zip(layer.time)) {
                // syslog itself gave time and level; any text is a message then.
                Some((level, time)) if !text.is_empty() => {
                    let mut event = plain(Layout::Text, time, Text::Plain(text));
                    event.level = Some(lent(level));
                    if let Some(layer) = layer {
                        layer.lend_to(&mut event);
                    }
                    out(Ok(event));
                }
                _ => out(Err(stray(text, layer))),
            },
        }
    }

    fn line<'t>(&self, line: Line<'t>, layer: Option<&'t Layer<'t>>) -> Result<ErrorEvent<'t>, Rejection> {
        let time = match line.stamp {
            Some(stamp) => stamp.at(self.zone).ok_or_else(|| {
                Rejection::new(
                    Reason::BadTimestamp,
                    "the time at the start of the line lies outside years 1970 to 2261",
                )
            })?,
            None => layer.and_then(|layer| layer.time).ok_or_else(no_time)?,
        };
        let mut event = plain(Layout::Text, time, Text::Plain(line.message));
        event.level = line.level.map(Text::Plain);
        event.logger = line.logger.map(Text::Plain);
        event.thread = line.thread.map(Text::Plain);
        let trace = line.trace.trim_end();
        if !trace.is_empty() {
            event.thrown = Thrown::Text(Text::Plain(trace));
        }
        event.truncated = was_cut(&event.message, CUT_MESSAGE_BYTES);
        if event.message.is_empty() && event.thrown == Thrown::Absent {
            return Err(no_message());
        }
        if let Some(layer) = layer {
            layer.lend_to(&mut event);
        }
        Ok(event)
    }
}

impl<'e> Layer<'e> {
    /// Adds what an outer envelope says.
    pub(crate) fn inherit(&mut self, outer: &'e Layer<'_>) {
        self.time = self.time.or(outer.time);
        self.depth = outer.depth + 1;
        self.truncated |= outer.truncated;
        if self.level.is_none() {
            self.level = outer.level.as_ref().map(lent);
        }
        self.fields.extend(outer.fields.iter().map(|field| Field {
            path: lent(&field.path),
            value: lent(&field.value),
        }));
    }

    /// Puts what the envelope says beside what the record says.
    pub(crate) fn lend_to(&'e self, event: &mut ErrorEvent<'e>) {
        event.fields.extend(self.fields.iter().map(|field| Field {
            path: lent(&field.path),
            value: lent(&field.value),
        }));
        event.truncated |= self.truncated;
        if event.level.is_none() {
            event.level = self.level.as_ref().map(lent);
        }
    }
}

/// GELF's `version` is that of the format, and says nothing of the job.
fn drop_own_version(gathered: &mut Gathered<'_>, kind: Layout) {
    if kind == Layout::Gelf {
        gathered.fields.retain(|field| field.path.held() != "version");
    }
}

/// The text of an envelope that may be a line of another writer.
fn payload<'g, 'a>(gathered: &'g Gathered<'a>) -> Option<&'g Text<'a>> {
    match (&gathered.carrier, &gathered.message) {
        (Some((_, text)), _) => Some(text),
        (None, Some((_, Value::Str(text)))) if !is_missing(text) => Some(text),
        _ => None,
    }
}

/// What a message value says: text as it is, an object by its own message, else as it was written.
fn spoken(value: Value<'_>, max_depth: usize) -> Option<Text<'_>> {
    match value {
        Value::Str(text) => Some(text),
        Value::Number(text) | Value::Bool(text) => Some(Text::Plain(text)),
        Value::Object(raw) => {
            let mut entries = Object::new();
            if Scanner::again(raw, max_depth).object(0, &mut entries).is_ok() {
                for entry in entries {
                    if let ("message" | "msg" | "text", Value::Str(text)) = (&*entry.key, entry.value) {
                        return Some(text);
                    }
                }
            }
            Some(Text::Plain(raw))
        }
        Value::Array(raw) => Some(Text::Plain(raw)),
        Value::Null => None,
    }
}

/// Whether a writer cut the text at its limit and said so with an ellipsis.
pub(crate) fn was_cut(text: &Text<'_>, least: usize) -> bool {
    let held = text.held();
    held.len() >= least && (held.ends_with('…') || held.ends_with("\\u2026"))
}

pub(crate) fn plain(layout: Layout, time: EventTime, message: Text<'_>) -> ErrorEvent<'_> {
    ErrorEvent {
        layout,
        time,
        level: None,
        logger: None,
        thread: None,
        message,
        thrown: Thrown::Absent,
        root_class: None,
        root_message: None,
        fields: Vec::new(),
        truncated: false,
    }
}

pub(crate) fn no_time() -> Rejection {
    Rejection::new(
        Reason::NoTimestamp,
        "no time in any known form, neither in the record nor around it",
    )
}

pub(crate) fn no_message() -> Rejection {
    Rejection::new(Reason::NoMessage, "neither a message nor an exception")
}

/// The rejection of text in no known pattern.
fn stray(text: &str, layer: Option<&Layer<'_>>) -> Rejection {
    if text.is_empty() {
        return Rejection::new(Reason::Empty, "nothing but white space or punctuation");
    }
    if layer.is_none() && general::is_json(text) {
        return Rejection::new(Reason::NotAnObject, "JSON, but not an object");
    }
    Rejection::new(
        Reason::UnknownLayout,
        "text in no known pattern: no time, level and message, and no stack",
    )
}
