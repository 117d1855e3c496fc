//! Where the frames of a throwable stand in a record, without reading them.
//!
//! A throwable repeats in two parts that vary independently: its headers (classes and messages, the same for every job that
//! meets an error) and its frames (the same for every error of a job). So they are parted: the headers with a mark for
//! each run of frames are parsed and judged once and remembered, and of the frames only those are read that the
//! judgement asks for.
//!
//! Comes in: the text or the Log4j2 object as it stands in the record, escaped or not. Goes out: the bytes of headers
//! and of frames that identity looks at, digits zeroed ([`Parts`]), the runs ([`Block`]), the throwable with marks in the
//! place of its frames ([`Parts::marked`]), the frames of a run ([`Parts::frames`]). What always holds: what is taken for
//! a frame here, every reader takes for one; whatever is less plain is left among the headers, whole.

use super::skeleton::{Written, next_digit, zero_into};
use crate::event::{Text, Thrown, ThrownShape};
use memchr::{memchr, memchr2, memmem, memrchr};
use std::ops::Range;
use std::sync::LazyLock;

/// The class of a mark; its method is `b` and the number of the run.
const MARK: &str = "seismolog.frames.Mark";
/// Frames of one run that are read; what is beyond repeats.
const LONGEST_RUN: usize = 4096;

/// A run of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    /// Its bytes in the record.
    bytes: Range<usize>,
    /// Which of the frames found are its.
    frames: Range<usize>,
    /// Tabs before each of its lines.
    tabs: u8,
}

/// A throwable parted into headers and runs of frames. Holds its buffers from one event to the next.
#[derive(Debug, Default)]
pub struct Parts {
    /// What stands outside of frames, varying digits zeroed, a mark for each run.
    headers: Vec<u8>,
    /// Class and method of each frame, varying digits zeroed.
    frames: Vec<u8>,
    blocks: Vec<Block>,
    /// Where class and method of each frame stand in the record.
    found: Vec<Found>,
    form: Form,
}

/// Where class and method of a frame stand.
#[derive(Debug, Clone)]
struct Found {
    class: Range<usize>,
    method: Range<usize>,
}

/// How the throwable is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    #[default]
    Text,
    Log4j2,
}

/// Class and method of a frame, and the file where that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRef<'a> {
    /// Class (Java), module or file (Python, Node), without module and class-loader prefixes.
    pub class: &'a str,
    /// Method or function.
    pub method: &'a str,
    /// Source file.
    pub file: Option<&'a str>,
}

impl Parts {
    /// Parts a throwable.
    pub(super) fn part(&mut self, thrown: &Thrown<'_>) {
        self.headers.clear();
        self.frames.clear();
        self.blocks.clear();
        self.found.clear();
        match thrown {
            Thrown::Text(text) => {
                self.form = Form::Text;
                self.text(text.held().as_bytes(), written(text));
            }
            Thrown::Json { raw, shape } if *shape == ThrownShape::Log4j2 && written(raw) == Written::Literal => {
                self.form = Form::Log4j2;
                self.log4j2(raw.held().as_bytes());
            }
            Thrown::Json { raw, .. } => zero_into(raw.held().as_bytes(), Written::Escaped, &mut self.headers),
            Thrown::Absent | Thrown::Named { .. } | Thrown::Parsed(_) => {}
        }
    }

    /// What stands outside of frames, and the frames: bytes that are the same where identity cannot tell two throwables
    /// apart.
    pub(super) fn bytes(&self) -> (&[u8], &[u8]) {
        (&self.headers, &self.frames)
    }

    /// Whether frames were parted from headers.
    #[must_use]
    pub fn have_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// The throwable with one marked frame in the place of each run. Nothing where there are no runs, or where the
    /// throwable itself looks like a mark.
    #[must_use]
    pub fn marked(&self, thrown: &Thrown<'_>) -> Option<Thrown<'static>> {
        static LOOKS_MARKED: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(MARK));
        let (held, is_escaped) = match thrown {
            Thrown::Text(text) => (text.held(), written(text) == Written::Escaped),
            Thrown::Json { raw, .. } => (raw.held(), false),
            Thrown::Absent | Thrown::Named { .. } | Thrown::Parsed(_) => return None,
        };
        if self.blocks.is_empty() || LOOKS_MARKED.find(held.as_bytes()).is_some() {
            return None;
        }
        let mut marked = String::with_capacity(1024);
        let mut from = 0;
        for (number, block) in self.blocks.iter().enumerate() {
            marked.push_str(held.get(from..block.bytes.start)?);
            match self.form {
                Form::Text => {
                    let (tab, end) = if is_escaped { ("\\t", "\\n") } else { ("\t", "\n") };
                    for _ in 0..block.tabs {
                        marked.push_str(tab);
                    }
                    marked.push_str(&format!("at {MARK}.b{number}(M){end}"));
                }
                Form::Log4j2 => marked.push_str(&format!(r#"{{"class":"{MARK}","method":"b{number}"}}"#)),
            }
            from = block.bytes.end;
        }
        marked.push_str(held.get(from..)?);
        Some(match (thrown, is_escaped) {
            (Thrown::Json { shape, .. }, _) => Thrown::Json {
                raw: Text::Owned(marked),
                shape: *shape,
            },
            (_, true) => Thrown::Text(Text::Owned(Text::Escaped(&marked).decoded().into_owned())),
            (_, false) => Thrown::Text(Text::Owned(marked)),
        })
    }

    /// The number of the run a frame of a marked throwable stands for.
    #[must_use]
    pub fn run_of(frame: &FrameRef<'_>) -> Option<usize> {
        (frame.class == MARK).then(|| frame.method.strip_prefix('b')?.parse().ok())?
    }

    /// The frames of a run of the throwable that was parted last, the innermost call first.
    pub fn frames<'t>(&self, thrown: &'t Thrown<'_>, number: usize, take: &mut dyn FnMut(FrameRef<'t>)) {
        let Some(block) = self.blocks.get(number) else {
            return;
        };
        let held = match thrown {
            Thrown::Text(text) => text.held(),
            Thrown::Json { raw, .. } => raw.held(),
            Thrown::Absent | Thrown::Named { .. } | Thrown::Parsed(_) => return,
        };
        let found = self.found.get(block.frames.clone()).unwrap_or_default();
        for frame in found.iter().take(LONGEST_RUN) {
            let (Some(class), Some(method)) = (held.get(frame.class.clone()), held.get(frame.method.clone())) else {
                return;
            };
            let (_, class) = crate::decode::stack::split_module(class);
            take(FrameRef {
                class,
                method,
                file: None,
            });
        }
    }

    /// A stack text: lines that begin with tabs and `at ` and are whole are frames.
    fn text(&mut self, text: &[u8], written: Written) {
        self.headers.push(match written {
            Written::Literal => b'l',
            Written::Escaped => b'e',
        });
        let mut at = 0;
        while at < text.len() {
            if let Some(line) = frame_line(text, at, written) {
                self.frames.push(1);
                let symbol = text.get(line.from..line.to).unwrap_or_default();
                if line.has_digits {
                    symbol_into(symbol, written, &mut self.frames);
                } else {
                    self.frames.extend_from_slice(symbol);
                }
                let number = self.found.len();
                self.found.push(Found {
                    class: line.from..line.dot,
                    method: line.dot + 1..line.to,
                });
                match self.blocks.last_mut() {
                    Some(block) if block.bytes.end == at && block.tabs == line.tabs => {
                        block.bytes.end = line.next;
                        block.frames.end = number + 1;
                    }
                    _ => {
                        self.headers.extend_from_slice(&[1, line.tabs]);
                        self.frames.push(2);
                        self.blocks.push(Block {
                            bytes: at..line.next,
                            frames: number..number + 1,
                            tabs: line.tabs,
                        });
                    }
                }
                at = line.next;
                continue;
            }
            let (end, next) = line_break(text, at, written).unwrap_or((text.len(), text.len()));
            self.headers.push(2);
            zero_into(text.get(at..end).unwrap_or_default(), written, &mut self.headers);
            at = next;
        }
    }

    /// A Log4j2 object: the arrays of plain frames in it are runs.
    fn log4j2(&mut self, raw: &[u8]) {
        static FRAMES: LazyLock<memmem::Finder<'static>> =
            LazyLock::new(|| memmem::Finder::new(b"\"extendedStackTrace\":[{"));
        let mut from = 0;
        while let Some(found) = FRAMES.find(raw.get(from..).unwrap_or_default()) {
            let open = from + found + FRAMES.needle().len() - 1;
            let (before, first) = (self.frames.len(), self.found.len());
            match self.objects(raw, open) {
                Some(end) => {
                    zero_into(
                        raw.get(from..open).unwrap_or_default(),
                        Written::Escaped,
                        &mut self.headers,
                    );
                    self.headers.push(1);
                    self.frames.push(2);
                    self.blocks.push(Block {
                        bytes: open..end,
                        frames: first..self.found.len(),
                        tabs: 0,
                    });
                    from = end;
                }
                None => {
                    self.frames.truncate(before);
                    self.found.truncate(first);
                    let end = open + 1;
                    zero_into(
                        raw.get(from..end).unwrap_or_default(),
                        Written::Escaped,
                        &mut self.headers,
                    );
                    from = end;
                }
            }
        }
        zero_into(raw.get(from..).unwrap_or_default(), Written::Escaped, &mut self.headers);
    }

    /// Reads `{…},{…}]` from `open`; gives the place of the bracket, or nothing where a frame is not plain.
    fn objects(&mut self, raw: &[u8], open: usize) -> Option<usize> {
        let mut at = open;
        loop {
            let rest = raw.get(at..)?;
            let (Found { class, method }, length) = object_symbol(rest)?;
            self.frames.push(1);
            let (class_text, method_text) = (rest.get(class.clone())?, rest.get(method.clone())?);
            // Nothing between them has a digit, so both are asked at once.
            if next_digit(rest.get(class.start..method.end)?, 0).is_none() {
                self.frames.extend_from_slice(class_text);
                self.frames.push(b'.');
                self.frames.extend_from_slice(method_text);
            } else {
                symbol_into(class_text, Written::Escaped, &mut self.frames);
                self.frames.push(b'.');
                symbol_into(method_text, Written::Escaped, &mut self.frames);
            }
            self.found.push(Found {
                class: at + class.start..at + class.end,
                method: at + method.start..at + method.end,
            });
            at += length;
            match raw.get(at)? {
                b',' => at += 1,
                b']' => return Some(at),
                _ => return None,
            }
        }
    }
}

pub(super) fn written(text: &Text<'_>) -> Written {
    match text {
        Text::Plain(_) | Text::Owned(_) => Written::Literal,
        Text::Escaped(_) => Written::Escaped,
    }
}

/// Class and method of the `{…"class":"C","method":"m"…}` that `text` begins with, and its length. Nothing where anything
/// inside is escaped.
fn object_symbol(text: &[u8]) -> Option<(Found, usize)> {
    static CLASS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"class\":\""));
    const FIRST: &[u8] = b"{\"class\":\"";
    const METHOD: &[u8] = b"\",\"method\":\"";
    let class = if text.starts_with(FIRST) {
        FIRST.len()
    } else {
        // A class loader or a module stands before it.
        if text.first() != Some(&b'{') {
            return None;
        }
        let class = CLASS.find(text)? + CLASS.needle().len();
        if memchr2(b'}', b'\\', text.get(..class)?).is_some() {
            return None;
        }
        class
    };
    let quote = |from: usize| {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        (text.get(at) == Some(&b'"')).then_some(at)
    };
    let class_end = quote(class)?;
    let method = class_end + METHOD.len();
    if text.get(class_end..method)? != METHOD || class == class_end {
        return None;
    }
    let method_end = quote(method)?;
    // A brace inside of a name would end the object too early.
    if memchr(b'}', text.get(class..method_end)?).is_some() {
        return None;
    }
    let end = method_end + memchr2(b'}', b'\\', text.get(method_end..)?)?;
    let found = Found {
        class: class..class_end,
        method: method..method_end,
    };
    (text.get(end) == Some(&b'}')).then_some((found, end + 1))
}

/// Where the first line break at or after `from` begins and ends.
fn line_break(text: &[u8], from: usize, written: Written) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let found = match written {
            Written::Literal => return memchr(b'\n', text.get(at..)?).map(|found| (at + found, at + found + 1)),
            Written::Escaped => at + memchr(b'\\', text.get(at..)?)?,
        };
        if text.get(found + 1) == Some(&b'n') {
            return Some((found, found + 2));
        }
        at = found + 2;
    }
}

/// A line that is plainly a frame. All places are counted from the beginning of the text.
struct FrameLine {
    /// How many tabs the line begins with: they tell suppressed frames from others.
    tabs: u8,
    /// Where class and method stand.
    from: usize,
    /// The dot before the method.
    dot: usize,
    to: usize,
    has_digits: bool,
    /// Where the next line begins.
    next: usize,
}

/// The frame of Java in the line that begins at `at`: tabs, `at`, a dotted name without a blank or an escape, a place in
/// brackets. Nothing where the line is not plainly that.
fn frame_line(text: &[u8], at: usize, written: Written) -> Option<FrameLine> {
    let tab: &[u8] = match written {
        Written::Literal => b"\t",
        Written::Escaped => b"\\t",
    };
    let line = text.get(at..)?;
    let mut tabs = 0u8;
    let mut after = line;
    while let Some(stripped) = after.strip_prefix(tab) {
        after = stripped;
        tabs = tabs.saturating_add(1);
    }
    if tabs == 0 {
        return None;
    }
    let after = after.strip_prefix(b"at ")?;
    let from = text.len() - after.len();
    let to = from + memchr(b'(', after)?;
    // A line break before the bracket is no part of a plain name.
    let symbol = text.get(from..to)?;
    let has_digits = plain_name(symbol)?;
    // A slash parts the module from the class, so it stands before the method's dot.
    let method = symbol.iter().rev().position(|byte| matches!(byte, b'.' | b'/'))?;
    let dot = to - method - 1;
    if text.get(dot) != Some(&b'.') {
        return None;
    }
    let broken = line_break(text, to, written);
    let (end, next) = broken.unwrap_or((text.len(), text.len()));
    let place = text.get(to..end)?;
    let whole = match place.last() {
        Some(b')') => true,
        // A last line may be cut.
        Some(last) => (broken.is_some() || *last == b']') && memchr(b')', place).is_some(),
        None => false,
    };
    whole.then_some(FrameLine {
        tabs,
        from,
        dot,
        to,
        has_digits,
        next,
    })
}

/// Whether a name holds digits; nothing where it holds a blank, a backslash or what is not ASCII. Sixteen bytes at a
/// time, which compilers turn into one vector.
fn plain_name(name: &[u8]) -> Option<bool> {
    let mut odd = [false; LANES];
    let mut digits = [false; LANES];
    let (chunks, rest) = name.as_chunks::<LANES>();
    let mut last = [b'a'; LANES];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    for chunk in chunks.iter().chain(std::iter::once(&last)) {
        for ((odd, digit), byte) in odd.iter_mut().zip(&mut digits).zip(chunk) {
            *odd |= (*byte <= b' ') | (*byte >= 0x80) | (*byte == b'\\');
            *digit |= byte.wrapping_sub(b'0') < 10;
        }
    }
    (!odd.contains(&true)).then(|| digits.contains(&true))
}

/// Bytes looked at together.
const LANES: usize = 16;

/// Names that are followed by the number of their making: `GeneratedMethodAccessor7`, `$Proxy12`. Clean names lose it.
const COUNTED: [&[u8]; 4] = [
    b"GeneratedMethodAccessor",
    b"GeneratedConstructorAccessor",
    b"GeneratedSerializationConstructorAccessor",
    b"$Proxy",
];

/// Whether all digits of a symbol, the first at `at`, are ordinals of inner classes and lambdas (`Flow$1`,
/// `lambda$map$3`) alone. They are the same wherever the same program runs, so a key may hold them.
fn only_ordinals(symbol: &[u8], at: usize) -> bool {
    let mut digit = Some(at);
    while let Some(at) = digit {
        let run = symbol.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
        let before = at.checked_sub(1).and_then(|before| symbol.get(before));
        let after = symbol.get(at + run);
        let ordinal = before == Some(&b'$') && matches!(after, None | Some(b'.' | b'$'));
        let lambda = ordinal && symbol.get(..at).is_some_and(|head| head.ends_with(b"Lambda$"));
        if run > 3 || !ordinal || lambda {
            return false;
        }
        digit = next_digit(symbol, at + run);
    }
    true
}

/// Class and method of a frame without the numbers that clean names lose.
pub(super) fn symbol_into(symbol: &[u8], written: Written, out: &mut Vec<u8>) {
    let Some(first) = next_digit(symbol, 0) else {
        // Most symbols hold nothing that varies.
        out.extend_from_slice(symbol);
        return;
    };
    if only_ordinals(symbol, first) {
        out.extend_from_slice(symbol);
        return;
    }
    if let Some((class, rest)) = symbol.split_at_checked(first)
        && (class.ends_with(b"$$Lambda$") || class.ends_with(b"$$Lambda/"))
        && let Some(dot) = memrchr(b'.', rest)
    {
        // A class that only calls through is no owner, whatever its number.
        out.extend_from_slice(class);
        out.extend_from_slice(rest.get(dot..).unwrap_or_default());
        return;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::stack::stack_trace;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_plain_without_blanks_escapes_and_what_is_not_ascii() {
        assert_eq!(plain_name(b"org.apache.flink.Task.run"), Some(false));
        assert_eq!(plain_name(b"a.B$$Lambda$17/0x00007f.apply"), Some(true));
        assert_eq!(plain_name(b""), Some(false));
        for odd in ["a b.c", "a.b\\u0041", "a.b\u{a0}c", "a.b\t", "名.b"] {
            assert_eq!(plain_name(odd.as_bytes()), None, "{odd}");
        }
    }

    fn marked_and_back(thrown: &Thrown<'_>) {
        let mut parts = Parts::default();
        parts.part(thrown);
        let Some(marked) = parts.marked(thrown) else { return };
        let (Some(whole), Some(marked)) = (stack_trace(thrown), stack_trace(&marked)) else {
            panic!("no trace of {thrown:?}");
        };
        assert_eq!(whole.throwables.len(), marked.throwables.len());
        for (whole, marked) in whole.throwables.iter().zip(&marked.throwables) {
            assert_eq!((&whole.class, &whole.message), (&marked.class, &marked.message));
            assert_eq!((whole.common, whole.relation), (marked.common, marked.relation));
            let mut frames = Vec::new();
            for frame in &marked.frames {
                let frame = FrameRef {
                    class: &frame.class,
                    method: &frame.method,
                    file: None,
                };
                match Parts::run_of(&frame) {
                    Some(run) => parts.frames(thrown, run, &mut |f| frames.push((f.class, f.method))),
                    None => frames.push((frame.class, frame.method)),
                }
            }
            let wanted: Vec<_> = whole.frames.iter().map(|f| (&*f.class, &*f.method)).collect();
            assert_eq!(frames, wanted);
        }
    }

    const TEXT: &str = "a.Outer: order 17 failed\n\tat java.base/java.lang.Thread.run(Thread.java:5)\n\tat app//shop.Flow$1.lambda$map$3(Flow.java:12) ~[job-1.2.jar:?]\n\tSuppressed: c.D: closed\n\t\tat q.R.s(R.java)\n\t\t... 3 more\nCaused by: b.Inner: at 10.0.0.1:9092\n\tat k.L.m(Native Method)\n\t... 7 more\n";

    #[test]
    fn a_marked_text_is_read_as_the_whole_one() {
        marked_and_back(&Thrown::Text(Text::Plain(TEXT)));
        let escaped = TEXT.replace('\n', "\\n").replace('\t', "\\t");
        marked_and_back(&Thrown::Text(Text::Escaped(&escaped)));
        marked_and_back(&Thrown::Text(Text::Plain(TEXT.trim_end())));
        marked_and_back(&Thrown::Text(Text::Plain("a.B: x\n\tat a.B.c(B.java:1)")));
    }

    #[test]
    fn a_marked_log4j2_object_is_read_as_the_whole_one() {
        let raw = r#"{"commonElementCount":0,"message":"order 17","name":"a.B","cause":{"commonElementCount":3,"name":"c.D","extendedStackTrace":[{"module":"java.base","moduleVersion":"17.0.15","class":"x.Y","method":"z","file":"Y.java","line":12,"exact":false,"location":"?","version":"?"}]},"extendedStackTrace":[{"class":"p.Q","method":"r","file":"Q.java","line":4,"exact":true,"location":"job.jar","version":"?"},{"class":"app//p.S","method":"t","file":"S.java","line":5}]}"#;
        marked_and_back(&Thrown::Json {
            raw: Text::Plain(raw),
            shape: ThrownShape::Log4j2,
        });
    }

    #[test]
    fn a_throwable_that_holds_a_mark_of_ours_is_read_whole() {
        let text = "a.B: x\n\tat a.B.c(B.java:1)\n    at seismolog.frames.Mark.b0(M)\n";
        let thrown = Thrown::Text(Text::Plain(text));
        let mut parts = Parts::default();
        parts.part(&thrown);
        assert!(parts.have_blocks());
        assert!(parts.marked(&thrown).is_none());
    }

    proptest! {
        #[test]
        fn any_mix_of_lines_is_read_the_same_marked_or_whole(lines in proptest::collection::vec(
            prop_oneof![
                Just("\tat a.b.C.d(C.java:1)".to_owned()),
                Just("\tat java.base/x.Y.z(Unknown Source)".to_owned()),
                Just("\t\tat s.T.u(T.java:3)".to_owned()),
                Just("    at p.Q.r(Q.java:3)".to_owned()),
                Just("\tat broken".to_owned()),
                Just("\tat a/b.c/d(X.java)".to_owned()),
                Just("\t... 3 more".to_owned()),
                Just("Caused by: c.DException: why".to_owned()),
                Just("\tSuppressed: e.FException: beside".to_owned()),
                Just("Wrapped by: g.HException".to_owned()),
                Just("more words of a message".to_owned()),
                Just(String::new()),
                Just("Driver stacktrace:".to_owned()),
                Just("i.JException: again".to_owned()),
            ],
            0..14,
        )) {
            let text = format!("a.FirstException: one\n{}", lines.join("\n"));
            marked_and_back(&Thrown::Text(Text::Plain(&text)));
        }
    }
}
