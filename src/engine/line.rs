//! One output line of `normalize`.
//!
//! Comes in: the outcomes of one record. Goes out: one JSON object (names: `outcome`, `event_time`, the dimensions,
//! `level`, what the identity says, `message`, …), absent where unknown. A record with several events gives the
//! first folded one, and the others below `also`. Escaped text of the record is copied, not unescaped; what repeats
//! from line to line (identity, dimensions) is written once and copied.

use super::{Identified, Outcome};
use crate::event::{Dimensions, Rejection, escape_into};
use crate::identity::{Identity, RECIPE_VERSION};
use hashbrown::HashMap;
use std::io::Write as _;
use std::sync::Arc;

/// How many written identities and dimensions are kept before starting anew; each is about 1 KB.
const KEPT: usize = 16_384;

/// Writes lines; keeps what repeats.
#[derive(Debug, Default)]
pub struct LineWriter {
    identities: HashMap<usize, (Arc<Identity>, Vec<u8>), foldhash::fast::RandomState>,
    dimensions: HashMap<usize, (Arc<Dimensions>, Vec<u8>), foldhash::fast::RandomState>,
    main: Vec<u8>,
    also: Vec<u8>,
    main_is_rejected: bool,
}

impl LineWriter {
    /// Begins the line of a record.
    pub fn begin(&mut self) {
        self.main.clear();
        self.also.clear();
        self.main_is_rejected = false;
    }

    /// Adds an outcome of the record, which is `length` bytes long.
    pub fn add(&mut self, outcome: &Outcome<'_>, length: usize) {
        let folded = matches!(outcome, Outcome::Folded(_));
        if self.main.is_empty() {
            let mut line = std::mem::take(&mut self.main);
            self.write(outcome, length, &mut line);
            self.main = line;
            self.main_is_rejected = !folded;
            return;
        }
        let mut line = Vec::new();
        self.write(outcome, length, &mut line);
        if folded && self.main_is_rejected {
            std::mem::swap(&mut self.main, &mut line);
            self.main_is_rejected = false;
        }
        if !self.also.is_empty() {
            self.also.push(b',');
        }
        self.also.extend_from_slice(&line);
    }

    /// Appends the finished line with its line break.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.also.is_empty() {
            out.extend_from_slice(&self.main);
        } else {
            let open = self.main.strip_suffix(b"}").unwrap_or(&self.main);
            out.extend_from_slice(open);
            out.extend_from_slice(b",\"also\":[");
            out.extend_from_slice(&self.also);
            out.extend_from_slice(b"]}");
        }
        out.push(b'\n');
    }

    fn write(&mut self, outcome: &Outcome<'_>, length: usize, out: &mut Vec<u8>) {
        match outcome {
            Outcome::Folded(identified) => self.folded(identified, out),
            Outcome::Rejected(rejection) => rejected(rejection, length, out),
        }
    }

    fn folded(&mut self, identified: &Identified<'_>, out: &mut Vec<u8>) {
        let event = identified.event;
        out.extend_from_slice(b"{\"outcome\":\"folded\",\"event_time\":\"");
        event.time.write_rfc3339(out);
        out.push(b'"');
        out.extend_from_slice(kept(&mut self.dimensions, identified.dimensions, write_dimensions));
        if let Some(level) = &event.level {
            out.extend_from_slice(b",\"level\":\"");
            level.write_json(out);
            out.push(b'"');
        }
        let placed: [(&[u8], _); 2] = [(b",\"logger\":\"", &event.logger), (b",\"thread\":\"", &event.thread)];
        for (key, text) in placed {
            if let Some(text) = text {
                out.extend_from_slice(key);
                text.write_json(out);
                out.push(b'"');
            }
        }
        out.extend_from_slice(b",\"message\":\"");
        let redactions = match identified.redacted() {
            None => {
                event.message.write_json(out);
                0
            }
            Some(redacted) => {
                escape_into(&redacted.message, out);
                redacted.count
            }
        };
        out.push(b'"');
        out.extend_from_slice(kept(&mut self.identities, identified.identity, write_identity));
        match (event.truncated, redactions) {
            (false, 0) => out.extend_from_slice(b",\"truncated\":false,\"redactions\":0,\"layout\":\""),
            (truncated, redactions) => {
                // Writing to a Vec cannot fail.
                let _written = write!(
                    out,
                    ",\"truncated\":{truncated},\"redactions\":{redactions},\"layout\":\""
                );
            }
        }
        out.extend_from_slice(event.layout.as_str().as_bytes());
        out.extend_from_slice(b"\"}");
    }
}

/// The bytes written for a shared value, written at its first use. The `Arc` is kept beside them, so that no other
/// value can take its address.
fn kept<'k, T>(
    known: &'k mut HashMap<usize, (Arc<T>, Vec<u8>), foldhash::fast::RandomState>,
    value: &Arc<T>,
    write: fn(&T, &mut Vec<u8>),
) -> &'k [u8] {
    if known.len() >= KEPT {
        known.clear();
    }
    let address = Arc::as_ptr(value).addr();
    let (_, bytes) = known.entry(address).or_insert_with(|| {
        let mut bytes = Vec::with_capacity(512);
        write(value, &mut bytes);
        (Arc::clone(value), bytes)
    });
    bytes
}

fn key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
}

fn text(name: &str, value: &str, out: &mut Vec<u8>) {
    key(name, out);
    escape_into(value, out);
    out.push(b'"');
}

/// A number without the formatter, which costs more than all the rest of a place.
fn number(number: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let (mut left, mut used) = (number, 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

fn write_dimensions(dimensions: &Dimensions, out: &mut Vec<u8>) {
    for (name, value) in dimensions.texts() {
        if let Some(value) = value {
            text(name, value, out);
        }
        if name == "task"
            && let Some(subtask) = dimensions.subtask
        {
            out.extend_from_slice(b",\"subtask\":");
            number(subtask, out);
        }
    }
}

fn write_identity(identity: &Identity, out: &mut Vec<u8>) {
    text("severity", identity.severity.as_str(), out);
    text("error_type", &identity.error_type, out);
    text("category", &identity.category, out);
    text("part", identity.part.as_str(), out);
    if let Some(rule) = &identity.rule {
        text("rule", rule, out);
    }
    text("template", &identity.template, out);
    if let Some(exception) = &identity.exception {
        text("exception", exception, out);
    }
    if !identity.exception_chain.is_empty() {
        out.extend_from_slice(b",\"exception_chain\":[");
        for (i, class) in identity.exception_chain.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"\"" } else { b",\"" });
            escape_into(class, out);
            out.push(b'"');
        }
        out.push(b']');
    }
    if let Some(frame) = &identity.top_frame {
        text("top_frame", frame, out);
    }
    key("fingerprint", out);
    identity.fingerprint.write_hex(out);
    out.push(b'"');
    key("group", out);
    identity.group.write_hex(out);
    // Writing to a Vec cannot fail.
    let _written = write!(out, "\",\"recipe\":{RECIPE_VERSION}");
}

fn rejected(rejection: &Rejection, length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"outcome\":\"rejected\"");
    text("reason", rejection.reason.as_str(), out);
    text("detail", &rejection.detail, out);
    let _written = write!(out, ",\"bytes\":{length}}}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_displayed() {
        for given in [0, 7, 10, 99, 1_000_000, u32::MAX] {
            let mut out = Vec::new();
            number(given, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), given.to_string());
        }
    }
}
