//! Bytes to an event, whatever layout and envelope they came in, or a rejection.
//!
//! Comes in: the bytes of one record (a Kafka message, a framed line of a file). Goes out: an [`ErrorEvent`] that
//! borrows from them, mostly one per record, or a [`Rejection`] with its reason; at least one of either. What always
//! holds: no configuration, no clock, no panic on any bytes; layouts are told by their keys, never by the order of
//! keys; whatever is accepted as JSON is valid JSON; the cost is linear in the length and bounded in memory. What it
//! does not do: parse stacks (a throwable is handed on as it stands), judge severity, find dimensions.
//!
//! The way of a record: `scan` walks the top-level object without unescaping (`general` is its slow and always
//! right stand-in), `shapes` knows its keys beforehand, `gather` puts each value where `keys` says, `layout` tells
//! the writer, `record` opens envelopes and builds the event, `throwable` and `glued` find the stack, `time` and
//! `level` read theirs.
//! `otlp` and `text_line` are the two shapes that are not one flat object; `wrapper` takes off
//! the prefixes container runtimes and syslog put before a line.

mod gather;
mod general;
mod glued;
mod java_line;
mod java_stack;
mod keys;
mod lanes;
mod layout;
mod level;
mod node_stack;
mod otlp;
mod python_stack;
mod record;
mod scan;
#[cfg(test)]
mod scan_oracle;
mod shapes;
pub mod stack;
mod text_line;
mod throwable;
mod thrown_json;
mod time;
mod wrapper;

use crate::event::{ErrorEvent, Reason, Rejection};
use jiff::tz::TimeZone;
use record::{Out, Reader};
use scan::{Odd, Scanner, Value};
use shapes::Shapes;
use std::cell::RefCell;

/// What a record may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a record; a longer one is rejected as `too_large`, unread.
    pub max_bytes: usize,
    /// Nesting of JSON, at most 128; deeper is rejected as `too_deep`.
    pub max_depth: usize,
    /// Events of one record; those beyond are rejected together as `too_large`.
    pub max_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            max_depth: 128,
            max_events: 10_000,
        }
    }
}

/// Reads records. One per thread.
#[derive(Debug, Clone)]
pub struct Decoder {
    limits: Limits,
    default_zone: TimeZone,
    shapes: RefCell<Shapes>,
}

impl Decoder {
    /// A decoder. `default_zone` is where times without a zone were written.
    #[must_use]
    pub fn new(limits: Limits, default_zone: TimeZone) -> Self {
        let limits = Limits {
            max_depth: limits.max_depth.clamp(1, scan::MAX_DEPTH),
            max_events: limits.max_events.max(1),
            ..limits
        };
        Self {
            limits,
            default_zone,
            shapes: RefCell::default(),
        }
    }

    /// Hands each event (or rejection) of one record to `out`, at least one call per record.
    ///
    /// ```
    /// use seismolog::decode::{Decoder, Limits};
    /// let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    /// let line = br#"{"@timestamp":"2026-11-21T00:53:04.300+0000","level":"WARN","logger":"a.Task","thread":"Map (1/2)#0","message":"m","root_class":"java.io.IOException","stack":"java.io.IOException: x\n\tat a.B.c(B.java:1)"}"#;
    /// decoder.decode(line, &mut |outcome| {
    ///     let event = outcome.unwrap();
    ///     assert_eq!(event.time.rfc3339(), "2026-11-21T00:53:04.300Z");
    ///     assert_eq!(event.layout.as_str(), "recipe");
    /// });
    /// ```
    pub fn decode(&mut self, bytes: &[u8], out: &mut dyn FnMut(Result<ErrorEvent<'_>, Rejection>)) {
        if bytes.len() > self.limits.max_bytes {
            out(Err(Rejection::new(
                Reason::TooLarge,
                format!(
                    "{} bytes, more than the limit of {}",
                    bytes.len(),
                    self.limits.max_bytes
                ),
            )));
            return;
        }
        let text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => {
                let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| 0);
                out(Err(Rejection::new(
                    Reason::InvalidUtf8,
                    format!("not UTF-8 at byte {at}"),
                )));
                return;
            }
        };
        let reader = Reader {
            limits: &self.limits,
            zone: &self.default_zone,
            shapes: &self.shapes,
        };
        let text = trimmed(text);
        match text.as_bytes().first() {
            None => out(Err(nothing())),
            Some(b'{') => reader.json(without_list_end(text), None, out),
            Some(b'[' | b',' | b']') => listed(&reader, text, out),
            Some(_) => reader.text(text, None, out),
        }
    }
}

/// Text without what transports and layouts put around it: byte order mark, NUL, carriage returns, white space.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '\u{feff}' | '\0'))
}

/// An object without the comma or bracket that Log4j2's `complete=true` leaves behind it.
fn without_list_end(text: &str) -> &str {
    if text.ends_with('}') {
        text
    } else {
        text.trim_end_matches(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '\0'))
    }
}

/// A record that begins with list punctuation: a piece of a list (Log4j2's `complete=true` writes `[` before the first
/// object, `, ` before the others and `]` at the end), a whole list of objects, or text in brackets.
fn listed(reader: &Reader<'_>, text: &str, out: &mut Out<'_>) {
    let bare = text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '[' | ']' | ',' | '\0'));
    let inside = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '[' | ',' | ']' | '\0'));
    if bare.is_empty() {
        let deep = text
            .bytes()
            .take(reader.limits.max_depth + 1)
            .filter(|b| *b == b'[')
            .count();
        return out(Err(if deep > reader.limits.max_depth {
            general::too_deep(reader.limits.max_depth)
        } else {
            nothing()
        }));
    }
    if !inside.starts_with('{') {
        return if text.starts_with('[') {
            reader.text(text, None, out)
        } else {
            reader.text(inside, None, out)
        };
    }
    // Objects one after the other, as long as commas stand between them.
    let scanner = Scanner::new(inside, reader.limits.max_depth);
    let mut at = 0;
    let mut told = 0_usize;
    loop {
        let rest = inside.get(at..).unwrap_or_default();
        let end = match scanner.value(at) {
            Ok((Value::Object(raw), end)) => {
                if told >= reader.limits.max_events {
                    return out(Err(Rejection::new(
                        Reason::TooLarge,
                        format!(
                            "more than {} events; those beyond were not read",
                            reader.limits.max_events
                        ),
                    )));
                }
                reader.json(raw, None, out);
                end
            }
            Ok((_, end)) => {
                out(Err(Rejection::new(
                    Reason::NotAnObject,
                    "an element of the list is not an object",
                )));
                end
            }
            Err(Odd::TooDeep) => return out(Err(general::too_deep(reader.limits.max_depth))),
            Err(Odd::TooManyKeys) => return out(Err(general::too_many_keys())),
            // The general path names the place; what it reads is the last element.
            Err(Odd::Unusual) => return reader.json(without_list_end(rest), None, out),
        };
        told += 1;
        at = scanner.skip_space(end);
        match inside.as_bytes().get(at) {
            Some(b',') => at = scanner.skip_space(at + 1),
            Some(b']') | None => {
                let behind = inside.get(at..).unwrap_or_default();
                if behind
                    .trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, ']' | ',' | '\0'))
                    .is_empty()
                {
                    return;
                }
                return out(Err(Rejection::new(
                    Reason::InvalidJson,
                    format!("text behind the list, at byte {}", text.len() - behind.len() + 1),
                )));
            }
            Some(_) => {
                return out(Err(Rejection::new(
                    Reason::InvalidJson,
                    format!(
                        "a comma or the end of the list is wanted at byte {}",
                        text.len() - inside.len() + at + 1
                    ),
                )));
            }
        }
        if at >= inside.len() {
            return;
        }
    }
}

fn nothing() -> Rejection {
    Rejection::new(Reason::Empty, "nothing but white space or punctuation")
}
