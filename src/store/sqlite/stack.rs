//! Stacks stored as what differs from the first stack of their fingerprint.
//!
//! Stacks of one fingerprint are nearly the same text: a message here, a lambda number there. Stored by content hash,
//! three of four would be kept in full (measured on the steady mix: 23 % repeat exactly); as a patch against the first
//! one they are the few lines that differ, at the cost of comparing lines. Of a line that differs only what differs is
//! kept (a class, a lambda's number), so that most patches are too short to be worth compressing.

use super::bytes::{put, put_text, take, take_text};
use std::cell::RefCell;
use zstd::bulk::Compressor;

/// Patches longer than this are compressed.
const COMPRESS_FROM: usize = 512;

/// Largest stack that is read back, so that a broken row cannot ask for the moon. Records are far smaller.
const LARGEST: usize = 256 << 20;

/// How far ahead a line of the base is looked for.
const LOOK_AHEAD: usize = 64;

/// The whole text, compressed: how the first stack of a fingerprint is kept.
pub(super) fn pack(text: &str) -> Vec<u8> {
    PACKER
        .with_borrow_mut(|packer| packed(packer, 3, text.as_bytes()))
        .unwrap_or_default()
}

thread_local! {
    // Making a context costs more than compressing a stack with it.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static PATCH_PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn packed(packer: &mut Option<Compressor<'static>>, level: i32, bytes: &[u8]) -> Option<Vec<u8>> {
    if packer.is_none() {
        *packer = Compressor::new(level).ok();
    }
    packer.as_mut()?.compress(bytes).ok()
}

/// What [`pack`] kept.
pub(super) fn unpack(packed: &[u8]) -> Option<String> {
    let bytes = zstd::stream::decode_all(packed).ok()?;
    String::from_utf8(bytes).ok()
}

/// What to store of `text`, given the first stack of its fingerprint.
pub(super) fn diff(base: &str, text: &str) -> Vec<u8> {
    // Whole lines that are the same at both ends are found at the speed of a comparison; most stacks are little else.
    let head = common_head(base, text);
    let (head_lines, base, text) = (lines_in(head), after(base, head), after(text, head));
    let tail = common_tail(base, text);
    let (base, text) = (before(base, tail), before(text, tail));
    let mut patch = Patch::default();
    patch.copy(0, head_lines);
    let base: Vec<&str> = base.map_or_else(Vec::new, |base| base.split('\n').collect());
    // The next line of the base, and how many lines since the last one that was found were not.
    let (mut at, mut missed) = (0, 0);
    for line in text.into_iter().flat_map(|text| text.split('\n')) {
        let found = base
            .iter()
            .enumerate()
            .skip(at)
            .take(LOOK_AHEAD)
            .find(|(_, other)| **other == line);
        match found {
            Some((place, _)) => {
                patch.copy(head_lines + place, 1);
                (at, missed) = (place + 1, 0);
            }
            None => {
                let place = at + missed;
                missed += 1;
                match base.get(place).and_then(|other| changed(other, line)) {
                    Some(change) => patch.changed(head_lines + place, &change),
                    None => patch.line(line),
                }
            }
        }
    }
    patch.copy(head_lines + base.len(), tail.map_or(0, |tail| lines_in(tail) + 1));
    patch.finish()
}

/// A line as a change of another: bytes kept of its beginning and of its end, and what stands between.
struct Change<'a> {
    head: usize,
    tail: usize,
    middle: &'a str,
}

/// Lines that share less than this many bytes have nothing to do with each other.
const LEAST_SHARED: usize = 16;

fn changed<'a>(base: &str, line: &'a str) -> Option<Change<'a>> {
    // What both have in common ends inside a character in both or in neither.
    let head = line.floor_char_boundary(same_head(base.as_bytes(), line.as_bytes()));
    let (base, line) = (base.get(head..)?, line.get(head..)?);
    let from = line.len() - same_tail(base.as_bytes(), line.as_bytes());
    let from = (from..=line.len()).find(|from| line.is_char_boundary(*from))?;
    let tail = line.len() - from;
    let middle = line.get(..from)?;
    (head + tail >= LEAST_SHARED).then_some(Change { head, tail, middle })
}

/// The whole lines, each with its end, with which both begin.
fn common_head<'a>(base: &str, text: &'a str) -> &'a str {
    let same = same_head(base.as_bytes(), text.as_bytes());
    let end = memchr::memrchr(b'\n', text.as_bytes().get(..same).unwrap_or_default()).map_or(0, |at| at + 1);
    text.get(..end).unwrap_or_default()
}

/// The whole lines, the first without its beginning, with which both end; none when not even the last line is the
/// same. What stands before it ends with a line's end, or is nothing at all.
fn common_tail<'a>(base: &str, text: &'a str) -> Option<&'a str> {
    if base == text {
        return Some(text);
    }
    let same = same_tail(base.as_bytes(), text.as_bytes());
    let from = text.len().checked_sub(same)?;
    let begin = memchr::memchr(b'\n', text.as_bytes().get(from..)?)?;
    text.get(from + begin + 1..)
}

/// Bytes compared at once.
const BLOCK: usize = 256;

/// How many bytes both begin with: blocks first, then the bytes of the block that differs.
fn same_head(a: &[u8], b: &[u8]) -> usize {
    let blocks = a
        .chunks_exact(BLOCK)
        .zip(b.chunks_exact(BLOCK))
        .take_while(|(a, b)| a == b)
        .count()
        * BLOCK;
    let rest = a.iter().skip(blocks).zip(b.iter().skip(blocks));
    blocks + rest.take_while(|(a, b)| a == b).count()
}

/// How many bytes both end with.
fn same_tail(a: &[u8], b: &[u8]) -> usize {
    let blocks = a
        .rchunks_exact(BLOCK)
        .zip(b.rchunks_exact(BLOCK))
        .take_while(|(a, b)| a == b)
        .count()
        * BLOCK;
    let rest = a.iter().rev().skip(blocks).zip(b.iter().rev().skip(blocks));
    blocks + rest.take_while(|(a, b)| a == b).count()
}

fn lines_in(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

fn after<'a>(text: &'a str, head: &str) -> &'a str {
    text.get(head.len()..).unwrap_or_default()
}

/// What stands before the tail, without the line's end between them; nothing when the tail is all.
fn before<'a>(text: &'a str, tail: Option<&str>) -> Option<&'a str> {
    match tail {
        None => Some(text),
        Some(tail) => text.len().checked_sub(tail.len() + 1).and_then(|end| text.get(..end)),
    }
}

/// A patch being written: copies of neighbouring lines become one.
#[derive(Default)]
struct Patch {
    bytes: Vec<u8>,
    copied: (usize, usize),
}

impl Patch {
    fn copy(&mut self, start: usize, count: usize) {
        if count > 0 && self.copied.1 > 0 && self.copied.0 + self.copied.1 == start {
            self.copied.1 += count;
        } else if count > 0 {
            self.put_copied();
            self.copied = (start, count);
        }
    }

    fn line(&mut self, line: &str) {
        self.put_copied();
        put(&mut self.bytes, 0);
        put_text(&mut self.bytes, line);
    }

    fn changed(&mut self, place: usize, change: &Change<'_>) {
        self.put_copied();
        put(&mut self.bytes, 1);
        for number in [place, change.head, change.tail] {
            put(&mut self.bytes, u64::try_from(number).unwrap_or(0));
        }
        put_text(&mut self.bytes, change.middle);
    }

    fn put_copied(&mut self) {
        let (start, count) = std::mem::take(&mut self.copied);
        if count > 0 {
            put(&mut self.bytes, u64::try_from(count).unwrap_or(0).saturating_add(1));
            put(&mut self.bytes, u64::try_from(start).unwrap_or(0));
        }
    }

    /// The patch with its form in front: 2 as it is, 3 compressed. (0 and 1 are the same without changed lines.)
    fn finish(mut self) -> Vec<u8> {
        self.put_copied();
        let mut out = Vec::with_capacity(self.bytes.len() + 1);
        if self.bytes.len() > COMPRESS_FROM
            && let Some(packed) = PATCH_PACKER.with_borrow_mut(|packer| packed(packer, 1, &self.bytes))
            && packed.len() < self.bytes.len()
        {
            out.push(3);
            out.extend_from_slice(&packed);
        } else {
            out.push(2);
            out.extend_from_slice(&self.bytes);
        }
        out
    }
}

/// The text of what [`diff`] made; nothing on bytes that are none of ours.
pub(super) fn patched(base: &str, stored: &[u8]) -> Option<String> {
    let (form, rest) = stored.split_first()?;
    let unpacked;
    let mut rest = match form {
        0 | 2 => rest,
        _ => {
            unpacked = zstd::stream::decode_all(rest)
                .ok()
                .filter(|bytes| bytes.len() <= LARGEST)?;
            unpacked.as_slice()
        }
    };
    let base: Vec<&str> = base.split('\n').collect();
    let mut out = String::new();
    let mut first = true;
    let mut push = |line: &str| {
        if !std::mem::take(&mut first) {
            out.push('\n');
        }
        out.push_str(line);
    };
    while !rest.is_empty() {
        let told = usize::try_from(take(&mut rest)?).ok()?;
        let with_changes = *form >= 2;
        let count = told.saturating_sub(usize::from(with_changes));
        if told == 0 {
            push(take_text(&mut rest)?);
        } else if count == 0 {
            let mut number = || usize::try_from(take(&mut rest)?).ok();
            let (line, head, tail) = (base.get(number()?)?, number()?, number()?);
            let middle = take_text(&mut rest)?;
            let (head, tail) = (line.get(..head)?, line.get(line.len().checked_sub(tail)?..)?);
            push(&[head, middle, tail].concat());
        } else {
            let start = usize::try_from(take(&mut rest)?).ok()?;
            for line in base.get(start..start.checked_add(count)?)? {
                push(line);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_patched_stack_is_the_stack(base in "([a-c]{0,2}\r?\n?){0,12}", text in "([a-c]{0,2}\r?\n?){0,12}") {
            prop_assert_eq!(patched(&base, &diff(&base, &text)), Some(text));
        }

        #[test]
        fn a_changed_line_is_the_line(
            lines in prop::collection::vec(("[a-cé検\u{1f600}]{0,24}", "[a-cé検]{0,3}", "[a-cè検\u{1f601}]{0,24}"), 0..8),
            changes in prop::collection::vec("[a-cê検\u{1f602}]{0,3}", 0..8),
        ) {
            let text = |middles: &mut dyn Iterator<Item = &String>| -> String {
                let lines = lines.iter().map(|(head, middle, tail)| format!("{head}{}{tail}\n", middles.next().unwrap_or(middle)));
                lines.collect()
            };
            let (base, other) = (text(&mut std::iter::empty()), text(&mut changes.iter()));
            prop_assert_eq!(patched(&base, &diff(&base, &other)), Some(other));
        }

        #[test]
        fn broken_patches_give_nothing_or_something_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = patched("a\nb\nan é in a longer line", &bytes);
        }
    }

    #[test]
    fn long_texts_are_the_same_as_far_as_they_are() {
        let long = "x".repeat(800);
        for at in [0, 1, 255, 256, 257, 511, 512, 543, 544, 545, 799] {
            let mut other = long.clone().into_bytes();
            other[at] = b'y';
            assert_eq!(same_head(long.as_bytes(), &other), at);
            assert_eq!(same_tail(long.as_bytes(), &other), 799 - at);
        }
    }

    #[test]
    fn a_patch_without_changed_lines_is_still_read() {
        let old = [0, 2, 0, 0, 3, b'n', b'e', b'w', 1, 2];
        assert_eq!(patched("a\nb\nc", &old).as_deref(), Some("a\nb\nnew\nc"));
    }

    #[test]
    fn one_changed_line_costs_what_changed() {
        let frames: String = (0..40)
            .map(|n| format!("\tat com.acme.Job.map{n}(Job.java:{n})\n"))
            .collect();
        let base = format!("java.lang.IllegalStateException: order 17\n{frames}");
        let text = format!("java.lang.IllegalStateException: order 4711\n{frames}");
        let patch = diff(&base, &text);
        assert!(patch.len() < 20, "{}", patch.len());
        assert_eq!(patched(&base, &patch), Some(text));
        assert_eq!(unpack(&pack(&base)), Some(base));
    }
}
