//! The scanner: walks JSON without unescaping anything and hands out spans of the record.
//!
//! What it accepts is valid JSON for certain (a property test holds it against `serde_json`); whatever it finds odd
//! (an escaped or repeated key, broken syntax) it leaves to [`super::general`], which is always right. Strings are
//! skipped at memory speed: the closing quote is searched, not the end of each escape, and only the escapes
//! themselves are looked at.

use super::lanes::{any_end, escapes_hold, first_end, is_clean};
use crate::event::Text;
use memchr::{memchr, memchr2};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Keys of one object, beyond which a record is no log record: 4,096 is far above any layout.
pub(crate) const MAX_KEYS: usize = 4096;
/// Up to this many keys comparing them pairwise is cheaper than a table.
const FEW_KEYS: usize = 32;
/// Nesting the scanner can remember.
pub(crate) const MAX_DEPTH: usize = 128;

/// A value of the record, still as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A string.
    Str(Text<'a>),
    /// A number, as written.
    Number(&'a str),
    /// `true` or `false`, as written.
    Bool(&'a str),
    /// `null`.
    Null,
    /// A raw object, braces included.
    Object(&'a str),
    /// A raw array, brackets included.
    Array(&'a str),
}

/// One key of an object and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: Value<'a>,
}

/// The keys of one object, each once, in the order written.
pub(crate) type Object<'a> = SmallVec<[Entry<'a>; 24]>;

/// Why the scanner gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Nested deeper than allowed.
    TooDeep,
    /// More keys than any log record has.
    TooManyKeys,
    /// Not what the scanner reads: broken, or valid but unusual.
    Unusual,
}

/// Reads one text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// No control character anywhere, so none inside a string.
    clean: bool,
    /// The text was read as JSON before, so that its strings need no check.
    checked: bool,
    max_depth: u32,
}

impl<'a> Scanner<'a> {
    /// A scanner of `text`, which may nest `max_depth` deep (the outermost object counts).
    pub(crate) fn new(text: &'a str, max_depth: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            clean: is_clean(text.as_bytes()),
            checked: false,
            max_depth: u32::try_from(max_depth.min(MAX_DEPTH)).unwrap_or(0),
        }
    }

    /// A scanner of a part of JSON that was read before: a raw object or array of a [`Value`].
    pub(crate) fn again(raw: &'a str, max_depth: usize) -> Self {
        Self {
            text: raw,
            bytes: raw.as_bytes(),
            clean: true,
            checked: true,
            max_depth: u32::try_from(max_depth.min(MAX_DEPTH)).unwrap_or(0),
        }
    }

    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Everything from a place on.
    #[inline]
    pub(crate) fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn span(&self, from: usize, to: usize) -> Result<&'a str, Odd> {
        self.text.get(from..to).ok_or(Odd::Unusual)
    }

    /// The next place that is no white space.
    #[inline]
    pub(crate) fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    }

    /// Reads the object that opens at `open` inside of another into `out`; the value and the place behind it. Nothing
    /// where its keys are odd: it may hold all the same.
    pub(crate) fn nested(&self, open: usize, out: &mut Object<'a>) -> Option<(Value<'a>, usize)> {
        let inner = Self {
            max_depth: self.max_depth.saturating_sub(1),
            ..*self
        };
        let end = inner.object(open, out).ok()?;
        Some((Value::Object(self.span(open, end).ok()?), end))
    }

    /// The first key of the object that opens at `open`, or its end.
    #[inline]
    pub(crate) fn open_object(&self, open: usize) -> Result<usize, Odd> {
        if self.byte(open) != Some(b'{') {
            return Err(Odd::Unusual);
        }
        if self.max_depth == 0 {
            return Err(Odd::TooDeep);
        }
        Ok(self.skip_space(open + 1))
    }

    /// The key that opens at `at`, and its closing quote.
    #[inline]
    pub(crate) fn key(&self, at: usize) -> Result<(&'a str, usize), Odd> {
        if self.byte(at) != Some(b'"') {
            return Err(Odd::Unusual);
        }
        match self.string(at + 1)? {
            (_, true) => Err(Odd::Unusual),
            (end, false) => Ok((self.span(at + 1, end)?, end)),
        }
    }

    /// Reads the object that opens at `open` into `out`; gives the place behind it. When it gives up it has read some.
    pub(crate) fn object(&self, open: usize, out: &mut Object<'a>) -> Result<usize, Odd> {
        let mut at = self.open_object(open)?;
        if self.byte(at) == Some(b'}') {
            return Ok(at + 1);
        }
        let mut keys = KeySet::default();
        loop {
            let (key, end) = self.key(at)?;
            keys.add(key)?;
            let (value, behind) = self.value(self.colon(end + 1)?)?;
            out.push(Entry {
                key: Cow::Borrowed(key),
                value,
            });
            at = self.skip_space(behind);
            match self.byte(at) {
                Some(b',') => at = self.skip_space(at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(Odd::Unusual),
            }
        }
    }

    /// Hands each element of the array that opens at `open` to `each`; gives the place behind the array.
    pub(crate) fn array(&self, open: usize, each: &mut dyn FnMut(Value<'a>) -> bool) -> Result<usize, Odd> {
        if self.byte(open) != Some(b'[') {
            return Err(Odd::Unusual);
        }
        let mut at = self.skip_space(open + 1);
        if self.byte(at) == Some(b']') {
            return Ok(at + 1);
        }
        loop {
            let (value, behind) = self.value(at)?;
            if !each(value) {
                return Ok(behind);
            }
            at = self.skip_space(behind);
            match self.byte(at) {
                Some(b',') => at = self.skip_space(at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(Odd::Unusual),
            }
        }
    }

    /// Reads the value that begins at `at`, and gives the place behind it.
    pub(crate) fn value(&self, at: usize) -> Result<(Value<'a>, usize), Odd> {
        match self.byte(at) {
            Some(b'"') => self.text(at).map(|(text, behind)| (Value::Str(text), behind)),
            Some(b'{') => {
                let end = self.container(at)?;
                Ok((Value::Object(self.span(at, end)?), end))
            }
            Some(b'[') => {
                let end = self.container(at)?;
                Ok((Value::Array(self.span(at, end)?), end))
            }
            Some(first) => {
                let end = self.scalar(at)?;
                let text = self.span(at, end)?;
                let value = match first {
                    b'n' => Value::Null,
                    b't' | b'f' => Value::Bool(text),
                    _ => Value::Number(text),
                };
                Ok((value, end))
            }
            None => Err(Odd::Unusual),
        }
    }

    /// Reads the string that opens at `at`, and gives the place behind it.
    #[inline(always)]
    pub(crate) fn text(&self, at: usize) -> Result<(Text<'a>, usize), Odd> {
        let (end, escaped) = self.string(at + 1)?;
        let inside = self.span(at + 1, end)?;
        let text = if escaped {
            Text::Escaped(inside)
        } else {
            Text::Plain(inside)
        };
        Ok((text, end + 1))
    }

    /// The place of the value behind a key that ended just before `at`.
    #[inline]
    pub(crate) fn colon(&self, at: usize) -> Result<usize, Odd> {
        let at = self.skip_space(at);
        if self.byte(at) != Some(b':') {
            return Err(Odd::Unusual);
        }
        Ok(self.skip_space(at + 1))
    }

    /// The closing quote of the string whose inside begins at `start`, and whether it holds an escape.
    #[inline(always)]
    fn string(&self, start: usize) -> Result<(usize, bool), Odd> {
        let at = self.quote_or_backslash(start)?;
        if self.clean && self.byte(at) == Some(b'"') {
            return Ok((at, false));
        }
        self.closed(start, at)
    }

    /// The first quote or backslash from `start` on.
    #[inline(always)]
    fn quote_or_backslash(&self, start: usize) -> Result<usize, Odd> {
        let mut at = start;
        // Keys and short values end within a few words; a call of memchr costs more than they do.
        for _ in 0..6 {
            let Some(words) = self.rest(at).first_chunk::<16>() else {
                break;
            };
            if any_end(words) {
                return Ok(at + first_end(words));
            }
            at += 16;
        }
        let rest = self.bytes.get(at..).unwrap_or_default();
        memchr2(b'"', b'\\', rest).map(|hit| at + hit).ok_or(Odd::Unusual)
    }

    /// What [`Scanner::string`] gives, once the first quote or backslash is known to stand at `at`.
    #[inline(never)]
    fn closed(&self, start: usize, at: usize) -> Result<(usize, bool), Odd> {
        let (end, escaped) = match self.byte(at) {
            Some(b'"') => (at, false),
            _ => (self.behind_escapes(at)?, true),
        };
        if !self.clean {
            let inside = self.bytes.get(start..end).unwrap_or_default();
            if inside.iter().any(|byte| *byte < b' ') {
                return Err(Odd::Unusual);
            }
        }
        Ok((end, escaped))
    }

    /// The closing quote of a string whose first backslash stands at `first`. All its escapes are checked.
    fn behind_escapes(&self, first: usize) -> Result<usize, Odd> {
        let mut from = first;
        let end = loop {
            let rest = self.bytes.get(from..).unwrap_or_default();
            let quote = from + memchr(b'"', rest).ok_or(Odd::Unusual)?;
            let before = self.bytes.get(first..quote).unwrap_or_default();
            let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 0 {
                break quote;
            }
            from = quote + 1;
        };
        let inside = self.bytes.get(first..end).unwrap_or_default();
        if self.checked || escapes_hold(inside) {
            Ok(end)
        } else {
            Err(Odd::Unusual)
        }
    }

    /// The place behind a number, `true`, `false` or `null`.
    fn scalar(&self, at: usize) -> Result<usize, Odd> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        for word in [b"true".as_slice(), b"false", b"null"] {
            if rest.starts_with(word) {
                return Ok(at + word.len());
            }
        }
        let length = number_length(rest).ok_or(Odd::Unusual)?;
        Ok(at + length)
    }

    /// The place behind the object or array that opens at `open`; every byte of it is checked.
    fn container(&self, open: usize) -> Result<usize, Odd> {
        // One bit per open bracket, the innermost lowest: 1 is an object.
        let mut kinds = 0_u128;
        let mut depth = 0_u32;
        let mut at = open;
        'value: loop {
            let frame = match self.byte(at) {
                Some(b'{') if depth + 1 < self.max_depth => self.frame(at),
                _ => None,
            };
            match self.byte(at) {
                _ if frame.is_some() => at = frame.unwrap_or(at),
                Some(b'"') => at = self.string(at + 1)?.0 + 1,
                Some(b'{') => {
                    depth += 1;
                    if depth >= self.max_depth {
                        return Err(Odd::TooDeep);
                    }
                    kinds = kinds << 1 | 1;
                    at = self.skip_space(at + 1);
                    if self.byte(at) != Some(b'}') {
                        at = self.behind_key(at)?;
                        continue 'value;
                    }
                    at += 1;
                    kinds >>= 1;
                    depth -= 1;
                }
                Some(b'[') => {
                    depth += 1;
                    if depth >= self.max_depth {
                        return Err(Odd::TooDeep);
                    }
                    kinds <<= 1;
                    at = self.skip_space(at + 1);
                    if self.byte(at) != Some(b']') {
                        continue 'value;
                    }
                    at += 1;
                    kinds >>= 1;
                    depth -= 1;
                }
                _ => at = self.scalar(at)?,
            }
            while depth > 0 {
                at = self.skip_space(at);
                match (self.byte(at), kinds & 1) {
                    (Some(b','), 1) => {
                        at = self.behind_key(self.skip_space(at + 1))?;
                        continue 'value;
                    }
                    (Some(b','), _) => {
                        at = self.skip_space(at + 1);
                        continue 'value;
                    }
                    (Some(b'}'), 1) | (Some(b']'), 0) => {
                        at += 1;
                        kinds >>= 1;
                        depth -= 1;
                    }
                    _ => return Err(Odd::Unusual),
                }
            }
            return Ok(at);
        }
    }

    /// The place behind the stack frame that opens at `open`, if it is one exactly as Log4j2 and Spark write them.
    ///
    /// A nested throwable is nearly all frames: five values between the same few keys. Comparing the keys as literals
    /// takes half the time of walking them as JSON; whatever differs is walked.
    fn frame(&self, open: usize) -> Option<usize> {
        if !self.clean {
            return None;
        }
        let after = |at: usize, literal: &[u8]| {
            let rest = self.bytes.get(at..)?;
            rest.starts_with(literal).then_some(at + literal.len())
        };
        // The place of the closing quote of a string without escapes.
        let text = |at: usize| {
            let end = self.quote_or_backslash(at).ok()?;
            (self.byte(end) == Some(b'"')).then_some(end)
        };
        let mut at = match after(open, b"{\"class\":\"") {
            Some(at) => at,
            None => {
                let mut at = text(after(open, b"{\"classLoaderName\":\"").or_else(|| after(open, b"{\"module\":\""))?)?;
                for literal in [b"\",\"module\":\"".as_slice(), b"\",\"moduleVersion\":\""] {
                    if let Some(next) = after(at, literal) {
                        at = text(next)?;
                    }
                }
                after(at, b"\",\"class\":\"")?
            }
        };
        at = text(at)?;
        at = text(after(at, b"\",\"method\":\"")?)?;
        if let Some(next) = after(at, b"\",\"file\":\"") {
            at = text(next)?;
        }
        at = after(at, b"\",\"line\":")?;
        at += number_length(self.bytes.get(at..)?)?;
        if let Some(next) = after(at, b",\"exact\":") {
            at = after(next, b"true").or_else(|| after(next, b"false"))?;
            at = text(after(at, b",\"location\":\"")?)?;
            at = text(after(at, b"\",\"version\":\"")?)? + 1;
        }
        after(at, b"}")
    }

    /// The place of the value whose key opens at `at`.
    #[inline]
    fn behind_key(&self, at: usize) -> Result<usize, Odd> {
        if self.byte(at) != Some(b'"') {
            return Err(Odd::Unusual);
        }
        let (end, _) = self.string(at + 1)?;
        self.colon(end + 1)
    }
}

/// The keys of one object met so far, to tell that none stands twice.
#[derive(Debug, Default)]
pub(crate) struct KeySet<'a> {
    marks: u64,
    few: SmallVec<[&'a str; FEW_KEYS]>,
    many: Option<foldhash::HashSet<&'a str>>,
}

impl<'a> KeySet<'a> {
    /// Adds a key, if it is new.
    #[inline]
    pub(crate) fn add(&mut self, key: &'a str) -> Result<(), Odd> {
        if self.few.len() < FEW_KEYS {
            let mark = key_mark(key);
            if self.marks & mark != 0 && self.few.contains(&key) {
                return Err(Odd::Unusual);
            }
            self.marks |= mark;
            self.few.push(key);
            return Ok(());
        }
        let many = self.many.get_or_insert_with(|| self.few.iter().copied().collect());
        if many.len() >= MAX_KEYS {
            return Err(Odd::TooManyKeys);
        }
        if many.insert(key) { Ok(()) } else { Err(Odd::Unusual) }
    }
}

/// One bit of 64 for a key, so that most objects prove in one pass that no key stands twice.
fn key_mark(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let first = bytes.first().copied().unwrap_or(0);
    let last = bytes.last().copied().unwrap_or(0);
    let middle = bytes.get(bytes.len() / 2).copied().unwrap_or(0);
    let mixed = u64::from(first) * 31 + u64::from(last) * 7 + u64::from(middle) * 3 + bytes.len() as u64;
    1 << (mixed % 64)
}

/// The length of the JSON number `bytes` begins with.
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}
