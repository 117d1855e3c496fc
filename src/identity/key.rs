//! The memo key: everything an identity is made of, with what varies taken out, hashed.
//!
//! Comes in: an event as decoded, text still escaped. Goes out: 128 bits, or nothing where the event is too unusual
//! to be remembered. What always holds: two events with the same key have the same identity under the same rules.
//! For that it must see whatever identity looks at: layout, level, logger, message, root class and message,
//! and of a stack the lines that are no frames and the class and method of those that are. Line numbers, jar names
//! and source files of Java frames are left out, as identity does not look at them.

use super::skeleton::{Written, next_digit, zero_into};
use crate::event::{Dimensions, ErrorEvent, Text, Thrown, ThrownShape};
use memchr::{memchr, memmem};
use std::ops::Range;
use std::sync::LazyLock;

/// A stack text shorter than this may have no frames, and then the task is part of the identity. Escaped text is longer
/// than what it stands for, so this is well above the limit identity uses.
const SHORT_STACK: usize = 1024;

/// Makes keys; holds the scratch space.
#[derive(Debug, Default)]
pub struct KeyMaker {
    scratch: Vec<u8>,
    /// Where the throwable stands in it.
    thrown: Range<usize>,
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
        let thrown_from = out.len();
        optional(event.root_class.as_ref(), Varies::No, out);
        optional(event.root_message.as_ref(), Varies::Yes, out);
        let may_lack_frames = match &event.thrown {
            Thrown::Absent => {
                out.push(0);
                true
            }
            Thrown::Text(text) => {
                out.push(1);
                stack_text(text.held().as_bytes(), written(text), out);
                text.held().len() < SHORT_STACK
            }
            Thrown::Json { raw, shape } => {
                out.extend_from_slice(&[2, *shape as u8]);
                match shape {
                    ThrownShape::Log4j2 => log4j2_object(raw.held().as_bytes(), out),
                    ThrownShape::Spark | ThrownShape::StructlogDict | ThrownShape::PinoErr | ThrownShape::Lines => {
                        zero_into(raw.held().as_bytes(), Written::Escaped, out);
                    }
                }
                raw.held().len() < 2 * SHORT_STACK
            }
            Thrown::Named { class, message } => {
                out.push(3);
                part(class, Varies::No, out);
                optional(message.as_ref(), Varies::Yes, out);
                true
            }
            Thrown::Parsed(_) => return None,
        };
        self.thrown = thrown_from..out.len();
        if may_lack_frames {
            out.push(4);
            out.extend_from_slice(dimensions.task.as_deref().unwrap_or_default().as_bytes());
            out.push(4);
            optional(event.thread.as_ref(), Varies::Yes, out);
        }
        Some(xxhash_rust::xxh3::xxh3_128(out))
    }

    /// The key of the throwable alone, of the event that was given a key last. Two events with the same one tell the
    /// same by their throwables.
    #[must_use]
    pub fn thrown_key(&self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(self.scratch.get(self.thrown.clone()).unwrap_or_default())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Varies {
    Yes,
    No,
}

fn written(text: &Text<'_>) -> Written {
    match text {
        Text::Plain(_) | Text::Owned(_) => Written::Literal,
        Text::Escaped(_) => Written::Escaped,
    }
}

/// One field: its way of writing, its length as held, and its bytes. The length keeps fields apart.
fn part(text: &Text<'_>, varies: Varies, out: &mut Vec<u8>) {
    let held = text.held().as_bytes();
    out.push(match written(text) {
        Written::Literal => b'l',
        Written::Escaped => b'e',
    });
    out.extend_from_slice(&(held.len() as u64).to_le_bytes());
    match varies {
        Varies::Yes => zero_into(held, written(text), out),
        Varies::No => out.extend_from_slice(held),
    }
}

fn optional(text: Option<&Text<'_>>, varies: Varies, out: &mut Vec<u8>) {
    match text {
        Some(text) => part(text, varies, out),
        None => out.push(b'-'),
    }
}

/// A stack text: lines that begin with a tab and `at ` give class and method, all others everything.
fn stack_text(text: &[u8], written: Written, out: &mut Vec<u8>) {
    out.push(match written {
        Written::Literal => b'l',
        Written::Escaped => b'e',
    });
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = split_line(rest, written);
        rest = after;
        if let Some((tabs, symbol)) = frame_symbol(line, written) {
            out.extend_from_slice(&[1, tabs]);
            symbol_into(symbol, written, out);
        } else {
            out.push(2);
            zero_into(line, written, out);
        }
    }
}

/// The first line and what follows its line break.
fn split_line(text: &[u8], written: Written) -> (&[u8], &[u8]) {
    let breaks_at = match written {
        Written::Literal => memchr(b'\n', text).map(|at| (at, at + 1)),
        Written::Escaped => {
            let mut from = 0;
            loop {
                let Some(found) = text.get(from..).and_then(|t| memchr(b'\\', t)) else {
                    break None;
                };
                let at = from + found;
                if text.get(at + 1) == Some(&b'n') {
                    break Some((at, at + 2));
                }
                from = at + 2;
            }
        }
    };
    match breaks_at {
        Some((end, next)) => (
            text.get(..end).unwrap_or_default(),
            text.get(next..).unwrap_or_default(),
        ),
        None => (text, &[]),
    }
}

/// How many tabs a Java frame line begins with (they tell suppressed frames from others), and class and method.
fn frame_symbol(line: &[u8], written: Written) -> Option<(u8, &[u8])> {
    let tab: &[u8] = match written {
        Written::Literal => b"\t",
        Written::Escaped => b"\\t",
    };
    let mut tabs = 0u8;
    let mut after = line;
    while let Some(stripped) = after.strip_prefix(tab) {
        after = stripped;
        tabs = tabs.saturating_add(1);
    }
    if tabs == 0 || !after.starts_with(b"at ") {
        return None;
    }
    let open = memchr(b'(', after)?;
    Some((tabs, after.get(..open)?))
}

/// Names that are followed by the number of their making: `GeneratedMethodAccessor7`, `$Proxy12`. Clean names lose it.
const COUNTED: [&[u8]; 4] = [
    b"GeneratedMethodAccessor",
    b"GeneratedConstructorAccessor",
    b"GeneratedSerializationConstructorAccessor",
    b"$Proxy",
];

/// Class and method of a frame without the numbers that clean names lose.
fn symbol_into(symbol: &[u8], written: Written, out: &mut Vec<u8>) {
    let Some(first) = next_digit(symbol, 0) else {
        // Most symbols hold nothing that varies.
        out.extend_from_slice(symbol);
        return;
    };
    let mut digits = Some(first);
    while let Some(at) = digits {
        let (head, tail) = symbol.split_at_checked(at).unwrap_or((symbol, &[]));
        let run = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        if COUNTED.iter().any(|stem| head.ends_with(stem)) {
            zero_into(head, written, out);
            zero_into(tail.get(run..).unwrap_or_default(), written, out);
            return;
        }
        digits = next_digit(symbol, at + run);
    }
    zero_into(symbol, written, out);
}

static CLASS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"class\":\""));

/// A Log4j2 throwable object: of each frame class and method, of the rest everything.
fn log4j2_object(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = CLASS.find(rest) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        between_frames(before, out);
        // `"class":"C","method":"m"`: whatever does not look so is taken whole by the next turn or at the end.
        let after = from.get(CLASS.needle().len()..).unwrap_or_default();
        let class_end = memchr(b'"', after).unwrap_or(after.len());
        let class = after.get(..class_end).unwrap_or_default();
        let after = after.get(class_end..).unwrap_or_default();
        out.push(1);
        symbol_into(class, Written::Escaped, out);
        let Some(method) = after.strip_prefix(b"\",\"method\":\"") else {
            rest = after;
            continue;
        };
        let method_end = memchr(b'"', method).unwrap_or(method.len());
        out.push(b'.');
        symbol_into(method.get(..method_end).unwrap_or_default(), Written::Escaped, out);
        let tail = method.get(method_end..).unwrap_or_default();
        let frame_end = memchr(b'}', tail).unwrap_or(0);
        rest = tail.get(frame_end..).unwrap_or_default();
    }
    between_frames(rest, out);
}

/// What stands between two frames: nothing that tells when it is only the border or the module of the next frame.
fn between_frames(text: &[u8], out: &mut Vec<u8>) {
    const NEXT: &[u8] = b"},{";
    if text == NEXT {
        return;
    }
    let only_module = text.strip_prefix(NEXT).is_some_and(|t| {
        let ends_with_comma = t.last() == Some(&b',');
        t.starts_with(b"\"module\":\"") && ends_with_comma && t.len() < 200 && memchr(b'{', t).is_none()
    });
    if !only_module {
        out.push(2);
        zero_into(text, Written::Escaped, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventTime, Layout};

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
            .replace("map$3", "map$9")
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
