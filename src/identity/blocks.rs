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

use super::frame_line::{frame_line, line_break, object_symbol, symbol_into};
use super::pieces::{self, Piece, Pieces, Place};
use super::sequence::Sequence;
use super::skeleton::{Written, zero_into};
use crate::event::{Text, Thrown, ThrownShape};
use memchr::{memchr, memmem};
use std::ops::Range;
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_128;

/// The class of a mark; its method is `b` and the number of the run.
const MARK: &str = "seismolog.frames.Mark";
/// Frames of one run that are read; what is beyond repeats.
const LONGEST_RUN: usize = 4096;
/// Stands among the frames where a run begins.
const BEGINS: u128 = 2;

/// A run of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    /// Its bytes in the record.
    bytes: Range<usize>,
    /// Tabs before each of its lines.
    tabs: u8,
}

/// A throwable parted into headers and runs of frames. Holds its buffers from one event to the next.
#[derive(Debug, Default)]
pub struct Parts {
    /// What stands outside of frames, varying digits zeroed, a mark for each run.
    headers: Vec<u8>,
    /// Class and method of each frame, varying digits zeroed.
    frames: Sequence,
    blocks: Vec<Block>,
    form: Form,
    pieces: Pieces,
    /// One symbol without what varies.
    symbol: Vec<u8>,
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
        self.frames = Sequence::default();
        self.blocks.clear();
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

    /// What stands outside of frames: bytes that are the same where identity cannot tell two throwables apart.
    pub(super) fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Hash of the frames, the same where identity cannot tell them apart.
    pub(super) fn frames_hash(&self) -> u128 {
        xxh3_128(&self.frames.bytes())
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

    /// The frames of a run of the throwable that was parted last, the innermost call first. They are read as they are
    /// asked for.
    pub fn frames<'t>(&'t self, thrown: &'t Thrown<'_>, number: usize) -> impl Iterator<Item = FrameRef<'t>> + 't {
        let (held, written) = match thrown {
            Thrown::Text(text) => (text.held(), written(text)),
            Thrown::Json { raw, .. } => (raw.held(), written(raw)),
            Thrown::Absent | Thrown::Named { .. } | Thrown::Parsed(_) => ("", Written::Literal),
        };
        let run = self.blocks.get(number).map_or(0..0, |block| block.bytes.clone());
        let mut at = run.start;
        let read = move || {
            if at >= run.end {
                return None;
            }
            let (symbol, next) = match self.form {
                Form::Text => frame_line(held.as_bytes(), at, written).map(|line| (line.symbol, line.next)),
                // A comma parts them.
                Form::Log4j2 => object_symbol(held.as_bytes(), at).map(|(symbol, end)| (symbol, end + 1)),
            }?;
            at = next;
            let (class, method) = (held.get(symbol.class)?, held.get(symbol.method)?);
            // A module ends in a slash, which few classes have.
            let class = match memchr(b'/', class.as_bytes()) {
                Some(_) => crate::decode::stack::split_module(class).1,
                None => class,
            };
            Some(FrameRef {
                class,
                method,
                file: None,
            })
        };
        std::iter::from_fn(read).take(LONGEST_RUN)
    }

    /// A stack text: lines that begin with tabs and `at ` and are whole are frames.
    fn text(&mut self, text: &[u8], written: Written) {
        self.headers.push(match written {
            Written::Literal => b'l',
            Written::Escaped => b'e',
        });
        let mut at = 0;
        while at < text.len() {
            if let Some(piece) = self.lines(text, at, written) {
                let end = at + piece.length;
                match self.blocks.last_mut() {
                    Some(block) if block.bytes.end == at && block.tabs == piece.tabs => block.bytes.end = end,
                    _ => {
                        self.headers.extend_from_slice(&[1, piece.tabs]);
                        self.frames.push(BEGINS);
                        self.blocks.push(Block {
                            bytes: at..end,
                            tabs: piece.tabs,
                        });
                    }
                }
                self.frames.append(&piece.frames);
                at = end;
                continue;
            }
            let (end, next) = line_break(text, at, written).unwrap_or((text.len(), text.len()));
            self.headers.push(2);
            zero_into(text.get(at..end).unwrap_or_default(), written, &mut self.headers);
            at = next;
        }
    }

    /// The first frames at `at`: as many as were read as one piece before, or as many as can be read as one. Nothing where
    /// no frame begins there.
    fn lines(&mut self, text: &[u8], at: usize, written: Written) -> Option<Piece> {
        let rest = text.get(at..)?;
        let (tab, form) = match written {
            Written::Literal => (&b"\t"[..], pieces::Form::Lines),
            Written::Escaped => (&b"\\t"[..], pieces::Form::EscapedLines),
        };
        if !rest.starts_with(tab) {
            return None;
        }
        let place = Pieces::place(rest, form);
        if let Some(known) = place.and_then(|place| self.pieces.find(rest, place)) {
            return Some(*known);
        }
        let mut piece = Piece::default();
        let mut count = 0;
        let mut last: &[u8] = &[];
        while let Some(line) = frame_line(text, at + piece.length, written) {
            let name = text
                .get(line.symbol.class.start..line.symbol.method.end)
                .unwrap_or_default();
            if count == 0 {
                piece.tabs = line.tabs;
            } else if line.tabs != piece.tabs || Pieces::ends(count, last, name) {
                break;
            }
            let (item, varies) = self.item(name, line.has_digits, written);
            // A last line without a break may be the beginning of a longer one elsewhere.
            let alone = varies || !line.broken;
            if alone {
                self.keep(rest, place, piece);
            }
            piece.frames.push(item);
            piece.length = line.next - at;
            if alone {
                return Some(piece);
            }
            count += 1;
            last = name;
        }
        self.keep(rest, place, piece);
        (count > 0).then_some(piece)
    }

    fn keep(&mut self, rest: &[u8], place: Option<Place>, piece: Piece) {
        if let (Some(place), Some(bytes)) = (place, rest.get(..piece.length)) {
            self.pieces.keep(bytes, place, piece);
        }
    }

    /// Hash of a frame's class and method without what varies, and whether something does.
    fn item(&mut self, symbol: &[u8], has_digits: bool, written: Written) -> (u128, bool) {
        if !has_digits {
            return (xxh3_128(symbol), false);
        }
        self.symbol.clear();
        symbol_into(symbol, written, &mut self.symbol);
        (xxh3_128(&self.symbol), self.symbol != symbol)
    }

    /// A Log4j2 object: the arrays of plain frames in it are runs.
    fn log4j2(&mut self, raw: &[u8]) {
        static FRAMES: LazyLock<memmem::Finder<'static>> =
            LazyLock::new(|| memmem::Finder::new(b"\"extendedStackTrace\":[{"));
        let mut from = 0;
        while let Some(found) = FRAMES.find(raw.get(from..).unwrap_or_default()) {
            let open = from + found + FRAMES.needle().len() - 1;
            let before = self.frames;
            self.frames.push(BEGINS);
            let end = self.objects(raw, open);
            let to = if end.is_some() { open } else { open + 1 };
            zero_into(
                raw.get(from..to).unwrap_or_default(),
                Written::Escaped,
                &mut self.headers,
            );
            match end {
                Some(end) => {
                    self.headers.push(1);
                    self.blocks.push(Block {
                        bytes: open..end,
                        tabs: 0,
                    });
                    from = end;
                }
                None => {
                    self.frames = before;
                    from = to;
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
            let place = Pieces::place(rest, pieces::Form::Objects);
            if let Some(known) = place.and_then(|place| self.pieces.find(rest, place)) {
                self.frames.append(&known.frames);
                at += known.length;
                continue;
            }
            let mut piece = Piece::default();
            let mut count = 0;
            let mut last_class: &[u8] = &[];
            loop {
                let (symbol, end) = object_symbol(raw, at + piece.length)?;
                let (class, method) = (raw.get(symbol.class)?, raw.get(symbol.method)?);
                if count > 0 && Pieces::ends(count, last_class, class) {
                    self.keep(rest, place, piece);
                    break;
                }
                let (item, varies) = self.object_item(class, method);
                let last = match raw.get(end)? {
                    b',' => false,
                    b']' => true,
                    _ => return None,
                };
                if last || varies {
                    self.keep(rest, place, piece);
                }
                piece.frames.push(item);
                if last {
                    self.frames.append(&piece.frames);
                    return Some(end);
                }
                piece.length = end + 1 - at;
                if varies {
                    break;
                }
                count += 1;
                last_class = class;
            }
            self.frames.append(&piece.frames);
            at += piece.length;
        }
    }

    /// As [`Parts::item`], for an object.
    fn object_item(&mut self, class: &[u8], method: &[u8]) -> (u128, bool) {
        self.symbol.clear();
        symbol_into(class, Written::Escaped, &mut self.symbol);
        self.symbol.push(b'.');
        symbol_into(method, Written::Escaped, &mut self.symbol);
        let stays = self.symbol.len() == class.len() + 1 + method.len()
            && self.symbol.starts_with(class)
            && self.symbol.ends_with(method);
        (xxh3_128(&self.symbol), !stays)
    }
}

pub(super) fn written(text: &Text<'_>) -> Written {
    match text {
        Text::Plain(_) | Text::Owned(_) => Written::Literal,
        Text::Escaped(_) => Written::Escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::stack::stack_trace;
    use proptest::prelude::*;

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
                    Some(run) => frames.extend(parts.frames(thrown, run).map(|f| (f.class, f.method))),
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

    /// All that is told of a throwable by its parts.
    fn told(parts: &mut Parts, thrown: &Thrown<'_>) -> (Vec<u8>, u128, Vec<Block>) {
        parts.part(thrown);
        (parts.headers.clone(), parts.frames_hash(), parts.blocks.clone())
    }

    /// Lines long enough to be kept as pieces, of several packages, plain and with numbers that vary.
    fn any_line() -> impl Strategy<Value = String> {
        let named = |package: &'static str| {
            ("[a-c]", 1_u8..4).prop_map(move |(class, line)| {
                format!("\tat {package}.streaming.runtime.tasks.mailbox.Processor{class}.run(Processor.java:{line}) ~[x-1.2.jar:1.2]")
            })
        };
        prop_oneof![
            4 => named("org.apache.flink"),
            2 => named("com.acme.orders"),
            1 => named("java.base/java.util"),
            1 => (0_u32..9).prop_map(|n| format!("\tat com.acme.orders.Job$$Lambda${n}/0x0000{n}.apply(Unknown Source)")),
            1 => (0_u32..9).prop_map(|n| format!("\tat jdk.internal.reflect.GeneratedMethodAccessor{n}.invoke(Unknown Source)")),
            1 => named("com.acme.orders").prop_map(|line| format!("\t{line}")),
            1 => Just("Caused by: c.DException: why 12".to_owned()),
            1 => Just("\t... 3 more".to_owned()),
            1 => Just("\tat broken".to_owned()),
        ]
    }

    fn escaped(text: &str) -> String {
        let mut raw = Vec::new();
        crate::event::escape_into(text, &mut raw);
        String::from_utf8(raw).unwrap()
    }

    proptest! {
        #[test]
        fn pieces_met_before_are_told_as_if_they_were_read(
            texts in proptest::collection::vec(proptest::collection::vec(any_line(), 0..60), 1..8),
            cut in 0_usize..200,
        ) {
            let mut warm = Parts::default();
            for lines in &texts {
                let text = format!("a.FirstException: one\n{}", lines.join("\n"));
                let cut = text.get(..text.len().saturating_sub(cut)).unwrap_or(&text);
                let raw = escaped(&text);
                for thrown in [
                    Thrown::Text(Text::Plain(&text)),
                    Thrown::Text(Text::Escaped(&raw)),
                    Thrown::Text(Text::Plain(cut)),
                    Thrown::Text(Text::Plain(&text)),
                ] {
                    prop_assert_eq!(told(&mut warm, &thrown), told(&mut Parts::default(), &thrown));
                }
            }
        }

        #[test]
        fn objects_met_before_are_told_as_if_they_were_read(
            arrays in proptest::collection::vec(proptest::collection::vec(("(org\\.apache\\.flink|com\\.acme\\.orders)", "[a-c]|\\$\\$Lambda\\$[1-9]", 1_u8..3), 1..40), 1..6),
        ) {
            let mut warm = Parts::default();
            for array in &arrays {
                let frames: Vec<String> = array
                    .iter()
                    .map(|(package, class, line)| format!(r#"{{"class":"{package}.Task{class}","method":"run","file":"Task.java","line":{line}}}"#))
                    .collect();
                let raw = format!(r#"{{"name":"a.B","extendedStackTrace":[{}]}}"#, frames.join(","));
                let thrown = Thrown::Json { raw: Text::Plain(&raw), shape: ThrownShape::Log4j2 };
                prop_assert_eq!(told(&mut warm, &thrown), told(&mut Parts::default(), &thrown));
                marked_and_back(&thrown);
            }
        }

        #[test]
        fn what_is_told_does_not_depend_on_line_numbers_and_generated_numbers(
            lines in proptest::collection::vec(any_line(), 0..40),
            line in 1_u32..9999,
            number in 1_u32..9999,
        ) {
            let text = format!("a.FirstException: one\n{}\n", lines.join("\n"));
            let other = text
                .replace(".java:1)", &format!(".java:{line})"))
                .replace("Accessor3", &format!("Accessor{number}"))
                .replace("Lambda$4/", &format!("Lambda${number}/"));
            let mut parts = Parts::default();
            let (headers, frames, _) = told(&mut parts, &Thrown::Text(Text::Plain(&text)));
            let (other_headers, other_frames, _) = told(&mut parts, &Thrown::Text(Text::Plain(&other)));
            prop_assert_eq!((headers, frames), (other_headers, other_frames));
        }

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
