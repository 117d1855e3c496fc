//! One frame as it stands in a record: a line of a Java stack, or an object of Log4j2's array of frames.
//!
//! Comes in: the bytes of a record and where a line or an object begins. Goes out: where class and method stand and where
//! the next one begins, or nothing where it is not plainly a frame; and the name of a frame without what varies. What
//! always holds: the answer depends on the bytes of that line or object alone, so equal bytes have equal answers
//! wherever they stand.

use super::skeleton::{Written, next_digit, zero_into};
use memchr::{memchr, memchr2, memmem, memrchr};
use std::ops::Range;
use std::sync::LazyLock;

/// Where class and method of a frame stand, counted from the beginning of the text.
pub(super) struct Symbol {
    pub(super) class: Range<usize>,
    pub(super) method: Range<usize>,
}

/// Class and method of the `{…"class":"C","method":"m"…}` that begins at `at`, and where it ends. Nothing where anything
/// inside is escaped.
pub(super) fn object_symbol(text: &[u8], at: usize) -> Option<(Symbol, usize)> {
    static CLASS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"class\":\""));
    const FIRST: &[u8] = b"{\"class\":\"";
    const METHOD: &[u8] = b"\",\"method\":\"";
    let object = text.get(at..)?;
    let class = if object.starts_with(FIRST) {
        at + FIRST.len()
    } else {
        // A class loader or a module stands before it.
        if object.first() != Some(&b'{') {
            return None;
        }
        let class = at + CLASS.find(object)? + CLASS.needle().len();
        if memchr2(b'}', b'\\', text.get(at..class)?).is_some() {
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
    let symbol = Symbol {
        class: class..class_end,
        method: method..method_end,
    };
    (text.get(end) == Some(&b'}')).then_some((symbol, end + 1))
}

/// Where the first line break at or after `from` begins and ends.
pub(super) fn line_break(text: &[u8], from: usize, written: Written) -> Option<(usize, usize)> {
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

/// A line that is plainly a frame.
pub(super) struct FrameLine {
    /// How many tabs the line begins with: they tell suppressed frames from others.
    pub(super) tabs: u8,
    /// A dot stands between class and method.
    pub(super) symbol: Symbol,
    pub(super) has_digits: bool,
    /// Whether a line break ends it, not the text.
    pub(super) broken: bool,
    /// Where the next line begins.
    pub(super) next: usize,
}

/// The frame of Java in the line that begins at `at`: tabs, `at`, a dotted name without a blank or an escape, a place in
/// brackets. Nothing where the line is not plainly that.
pub(super) fn frame_line(text: &[u8], at: usize, written: Written) -> Option<FrameLine> {
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
        symbol: Symbol {
            class: from..dot,
            method: dot + 1..to,
        },
        has_digits,
        broken: broken.is_some(),
        next,
    })
}

/// Whether a name holds digits; nothing where it holds a blank, a backslash or what is not ASCII. A block at a time, which
/// compilers turn into vectors.
fn plain_name(name: &[u8]) -> Option<bool> {
    let (blocks, rest) = name.as_chunks::<LANES>();
    let mut last = [b'a'; LANES];
    if let Some(place) = last.get_mut(..rest.len()) {
        place.copy_from_slice(rest);
    }
    let (mut odd, mut digits) = seen_in(&last);
    for block in blocks {
        let (more_odd, more_digits) = seen_in(block);
        odd |= more_odd;
        digits |= more_digits;
    }
    (!odd).then_some(digits)
}

/// Whether there is a byte that is in no plain name, and whether there is a digit.
#[inline]
fn seen_in(block: &[u8; LANES]) -> (bool, bool) {
    let mut odd = false;
    let mut digits = false;
    for byte in block {
        odd |= (*byte <= b' ') | (*byte >= 0x80) | (*byte == b'\\');
        digits |= byte.wrapping_sub(b'0') < 10;
    }
    (odd, digits)
}

/// Bytes looked at together.
const LANES: usize = 32;

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

    #[test]
    fn a_name_is_plain_without_blanks_escapes_and_what_is_not_ascii() {
        assert_eq!(plain_name(b"org.apache.flink.Task.run"), Some(false));
        assert_eq!(plain_name(b"a.B$$Lambda$17/0x00007f.apply"), Some(true));
        assert_eq!(plain_name(b""), Some(false));
        for odd in ["a b.c", "a.b\\u0041", "a.b\u{a0}c", "a.b\t", "名.b"] {
            assert_eq!(plain_name(odd.as_bytes()), None, "{odd}");
        }
    }
}
