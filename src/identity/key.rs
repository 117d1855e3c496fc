//! The memo key: everything an identity is made of, with what varies taken out, hashed.
//!
//! Comes in: an event as decoded, text still escaped. Goes out: 128 bits, or nothing where the event is too unusual
//! to be remembered. What always holds: two events with the same key have the same identity under the same rules.
//! For that it must see whatever identity looks at: layout, level, logger, message, root class and message,
//! and of a stack the lines that are no frames and the class and method of those that are ([`super::blocks`]). Line
//! numbers, jar names and source files of Java frames are left out, as identity does not look at them.

use super::blocks::{Parts, written};
use super::is_short;
use super::skeleton::{Written, zero_into};
use crate::event::{Dimensions, ErrorEvent, Text, Thrown};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// A stack text shorter than this may have no frames, and then the task is part of the identity. Escaped text is longer
/// than what it stands for, so this is well above the limit identity uses.
const SHORT_STACK: usize = 1024;
/// Identity looks at the first 8 KB of a message; texts longer than this keep their length in the key.
const LONG: usize = 4096;

/// Makes keys; holds the scratch space.
#[derive(Debug, Default)]
pub struct KeyMaker {
    scratch: Vec<u8>,
    /// Where the headers of the throwable stand in it.
    headers: Range<usize>,
    /// Hash of the frames of the throwable.
    frames: u128,
    parts: Parts,
}

impl KeyMaker {
    /// The key of an event, or nothing when it is not to be remembered.
    #[must_use]
    pub fn key(&mut self, event: &ErrorEvent<'_>, dimensions: &Dimensions) -> Option<u128> {
        let out = &mut self.scratch;
        out.clear();
        out.push(event.layout as u8);
        optional(event.level.as_ref(), Varies::No, out);
        optional(event.logger.as_ref(), Varies::No, out);
        part(&event.message, Varies::Yes, out);
        let headers_from = out.len();
        optional(event.root_class.as_ref(), Varies::No, out);
        optional(event.root_message.as_ref(), Varies::Yes, out);
        self.parts.part(&event.thrown);
        match &event.thrown {
            Thrown::Absent => out.push(0),
            Thrown::Text(_) => out.push(1),
            Thrown::Json { shape, .. } => out.extend_from_slice(&[2, *shape as u8]),
            Thrown::Named { class, message } => {
                out.push(3);
                part(class, Varies::No, out);
                optional(message.as_ref(), Varies::Yes, out);
            }
            Thrown::Parsed(_) => return None,
        }
        out.extend_from_slice(self.parts.headers());
        out.push(u8::from(is_short(&event.thrown)));
        self.headers = headers_from..out.len();
        if may_lack_frames(&event.thrown) {
            out.push(4);
            out.extend_from_slice(dimensions.task.as_deref().unwrap_or_default().as_bytes());
            out.push(4);
            optional(event.thread.as_ref(), Varies::Yes, out);
        }
        // Its length keeps the hash apart from what stands before it.
        self.frames = self.parts.frames_hash();
        out.extend_from_slice(&self.frames.to_le_bytes());
        Some(xxh3_128(out))
    }

    /// The key of what stands in the throwable beside its frames, of the event that was given a key last.
    #[must_use]
    pub fn headers_key(&self) -> u128 {
        xxh3_128(self.scratch.get(self.headers.clone()).unwrap_or_default())
    }

    /// The key of the message with its level and logger, of the event that was given a key last.
    #[must_use]
    pub fn message_key(&self) -> u128 {
        xxh3_128(self.scratch.get(..self.headers.start).unwrap_or_default())
    }

    /// Hash of the frames, of the event that was given a key last.
    #[must_use]
    pub fn frames_key(&self) -> u128 {
        self.frames
    }

    /// The throwable of the event that was given a key last, headers and frames apart.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}

/// Whether a throwable is written so short that it may have no frames: then the task is part of the key.
fn may_lack_frames(thrown: &Thrown<'_>) -> bool {
    match thrown {
        Thrown::Absent | Thrown::Named { .. } => true,
        Thrown::Text(text) => text.held().len() < SHORT_STACK,
        Thrown::Json { raw, .. } => raw.held().len() < 2 * SHORT_STACK,
        Thrown::Parsed(_) => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Varies {
    Yes,
    No,
}

/// One field: its way of writing, its length, and its bytes. The length keeps fields apart.
fn part(text: &Text<'_>, varies: Varies, out: &mut Vec<u8>) {
    let held = text.held().as_bytes();
    out.push(match written(text) {
        Written::Literal => b'l',
        Written::Escaped => b'e',
    });
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    match varies {
        Varies::Yes => zero_into(held, written(text), out),
        Varies::No => out.extend_from_slice(held),
    }
    // The length of what is in the key: numbers may be longer in the text. Of a text so long that identity looks at its
    // beginning only, where that ends depends on the length as held.
    let length = if held.len() > LONG {
        held.len()
    } else {
        out.len() - length_at - 4
    };
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn optional(text: Option<&Text<'_>>, varies: Varies, out: &mut Vec<u8>) {
    match text {
        Some(text) => part(text, varies, out),
        None => out.push(b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventTime, Layout, ThrownShape};

    fn event<'a>(message: &'a str, thrown: Thrown<'a>) -> ErrorEvent<'a> {
        ErrorEvent {
            layout: Layout::Recipe,
            time: EventTime::from_millis(0),
            level: Some("ERROR".into()),
            logger: Some("a.B".into()),
            thread: Some("t-1".into()),
            message: message.into(),
            thrown,
            root_class: None,
            root_message: None,
            fields: Vec::new(),
            truncated: false,
        }
    }

    fn key(event: &ErrorEvent<'_>) -> u128 {
        KeyMaker::default().key(event, &Dimensions::default()).unwrap()
    }

    const STACK: &str = r"a.Outer: order 17 failed\n\tat shop.Flow$1.lambda$map$3(Flow.java:12) ~[job-1.2.jar:?]\n\tat shop.Main.main(Main.java:5)\nCaused by: b.Inner: at 10.0.0.1:9092\n\t... 7 more\n";

    #[test]
    fn what_varies_leaves_the_key_as_it_is() {
        let other = STACK
            .replace("17", "42")
            .replace(":12)", ":13)")
            .replace("~[job-1.2.jar:?]", "[x.jar]")
            .replace("9092", "9093")
            .replace("7 more", "9 more");
        assert_eq!(
            key(&event("m 1", Thrown::Text(Text::Escaped(STACK)))),
            key(&event("m 2", Thrown::Text(Text::Escaped(&other))))
        );
    }

    #[test]
    fn the_number_of_an_accessor_or_a_proxy_leaves_the_key_as_it_is() {
        let stack = |n: u32| {
            format!(
                "a.B: x\n\tat jdk.internal.reflect.GeneratedMethodAccessor{n}.invoke(Unknown Source)\n\tat com.sun.proxy.$Proxy{n}.run(Unknown Source)\n"
            )
        };
        let (one, other) = (stack(7), stack(112));
        assert_eq!(
            key(&event("m", Thrown::Text(Text::Plain(&one)))),
            key(&event("m", Thrown::Text(Text::Plain(&other))))
        );
    }

    #[test]
    fn what_tells_changes_the_key() {
        let base = key(&event("m", Thrown::Text(Text::Escaped(STACK))));
        for (from, to) in [
            ("a.Outer", "a.Outes"),
            ("shop.Flow", "shop.Flaw"),
            ("Inner: at", "Inner: on"),
            ("Main.main", "Main.moin"),
            ("Caused by", "Wrapped by"),
        ] {
            let other = STACK.replace(from, to);
            assert_ne!(base, key(&event("m", Thrown::Text(Text::Escaped(&other)))), "{from}");
        }
        assert_ne!(base, key(&event("n", Thrown::Text(Text::Escaped(STACK)))));
        assert_ne!(base, key(&event("m", Thrown::Absent)));
    }

    #[test]
    fn a_log4j2_object_is_read_frame_by_frame() {
        let raw = r#"{"commonElementCount":0,"message":"order 17","name":"a.B","cause":{"commonElementCount":3,"name":"c.D","extendedStackTrace":[{"module":"java.base","moduleVersion":"17.0.15","class":"x.Y","method":"z","file":"Y.java","line":12,"exact":false,"location":"?","version":"?"}]},"extendedStackTrace":[{"class":"p.Q","method":"r","file":"Q.java","line":4,"exact":true,"location":"job.jar","version":"?"},{"class":"p.S","method":"t","file":"S.java","line":5,"exact":true,"location":"job.jar","version":"?"}]}"#;
        let of = |raw: &str| {
            let raw = raw.to_owned();
            key(&event(
                "m",
                Thrown::Json {
                    raw: Text::Owned(raw),
                    shape: ThrownShape::Log4j2,
                },
            ))
        };
        let same = raw
            .replace("order 17", "order 99")
            .replace("\"line\":12", "\"line\":99")
            .replace("job.jar", "other.jar")
            .replace("Q.java", "K.java");
        assert_eq!(of(raw), of(&same));
        for (from, to) in [
            ("p.Q", "p.R"),
            ("\"r\"", "\"s\""),
            ("c.D", "c.E"),
            ("order", "ordes"),
            ("p.S", "p.T"),
            ("\"z\"", "\"y\""),
            ("x.Y", "x.Z"),
        ] {
            assert_ne!(of(raw), of(&raw.replace(from, to)), "{from}");
        }
    }
}
