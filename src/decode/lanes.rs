//! Bytes of JSON looked at many at a time.
//!
//! Comes in: raw bytes. Goes out: where a string may end, whether its escapes hold, whether control characters stand
//! anywhere. What always holds: the answers are those of a walk over single bytes; plain loops over arrays of fixed
//! length become vector instructions, and nothing here is unsafe.

use memchr::memchr;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = 0x2222_2222_2222_2222;
const BACKSLASHES: u64 = 0x5c5c_5c5c_5c5c_5c5c;

/// Whether sixteen bytes hold a quote or a backslash, which may end the plain part of a string.
#[inline(always)]
pub(crate) fn any_end(words: &[u8; 16]) -> bool {
    words.iter().fold(0, |any, byte| any | ends(*byte)) != 0
}

#[inline]
fn ends(byte: u8) -> u8 {
    u8::from(byte == b'"') | u8::from(byte == b'\\')
}

/// The first quote or backslash of sixteen bytes that hold one.
#[inline]
pub(crate) fn first_end(words: &[u8; 16]) -> usize {
    let ends = |word: u64| (below_zero(word ^ QUOTES) | below_zero(word ^ BACKSLASHES)) & HIGH;
    let (halves, _) = words.as_chunks::<8>();
    let mut at = 0;
    for half in halves {
        let hit = ends(u64::from_le_bytes(*half));
        if hit != 0 {
            return at + usize::try_from(hit.trailing_zeros() / 8).unwrap_or(0);
        }
        at += 8;
    }
    at
}

/// Sets the high bit of each byte that is zero; exact up to and including the lowest such byte. The other bits say
/// nothing.
/// Source: Henry S. Warren, "Hacker's Delight", 6-1.
#[inline]
const fn below_zero(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word
}

/// Whether no control character stands anywhere.
#[inline]
pub(crate) fn is_clean(bytes: &[u8]) -> bool {
    // Lanes side by side: eight vector registers that wait for nothing but memory.
    let (blocks, rest) = bytes.as_chunks::<128>();
    let mut least = [u8::MAX; 128];
    for block in blocks {
        for (least, byte) in least.iter_mut().zip(block) {
            *least = (*least).min(*byte);
        }
    }
    let least = least.iter().chain(rest).fold(u8::MAX, |least, byte| least.min(*byte));
    least >= b' '
}

/// Bytes of a string whose escapes are checked at once: what a block costs beside its bytes weighs as much as a
/// hundred of them.
const BLOCK: usize = 256;

/// Whether every backslash in the inside of a string begins an escape of JSON.
///
/// A stack is one line break and one tab after the other. A block in which nothing but `n` and `t` follows any
/// backslash holds, whatever goes on behind it, and is told by comparing it with itself moved by one byte: no branch
/// for each escape. In other blocks each escape is looked at.
pub(crate) fn escapes_hold(inside: &[u8]) -> bool {
    let mut rest = inside;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        let Some(moved) = rest.get(1..).and_then(|moved| moved.first_chunk::<BLOCK>()) else {
            break;
        };
        let odd = block.iter().zip(moved).fold(0, |odd, (byte, next)| {
            odd | (u8::from(*byte == b'\\') & u8::from(*next != b'n') & u8::from(*next != b't'))
        });
        if odd == 0 {
            rest = behind;
            continue;
        }
        while let Some(left) = rest.len().checked_sub(behind.len()).filter(|left| *left > 0) {
            match memchr(b'\\', rest.get(..left).unwrap_or_default()) {
                None => rest = behind,
                Some(at) => match rest.get(at..).and_then(behind_escape) {
                    Some(after) => rest = after,
                    None => return false,
                },
            }
        }
    }
    while let Some(at) = memchr(b'\\', rest) {
        match rest.get(at..).and_then(behind_escape) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// What follows an escape; nothing where a backslash begins none.
fn behind_escape(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [
            b'\\',
            b'n' | b't' | b'"' | b'\\' | b'/' | b'r' | b'b' | b'f',
            after @ ..,
        ] => Some(after),
        [b'\\', b'u', a, b, c, d, after @ ..] => [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit).then_some(after),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One byte after the other.
    fn walked(inside: &[u8]) -> bool {
        let mut rest = inside;
        loop {
            rest = match rest {
                [] => return true,
                [b'\\', ..] => match behind_escape(rest) {
                    Some(after) => after,
                    None => return false,
                },
                [_, after @ ..] => after,
            };
        }
    }

    /// Text much longer than a block, with escapes of every kind at every place.
    fn long() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            8 => "[a-z.(:)]{1,40}".prop_map(|text| text),
            8 => Just("\\n\\tat ".to_owned()),
            2 => prop::sample::select(vec!["\\\"", "\\\\", "\\u00e9", "\\/", "\\r", "\\\\n", "é"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["\\x", "\\u12g4", "\\", "\\u"]).prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn blocks_say_what_a_walk_says(text in long()) {
            prop_assert_eq!(escapes_hold(text.as_bytes()), walked(text.as_bytes()));
        }

        #[test]
        fn a_control_character_is_found_wherever_it_stands(length in 0_usize..400, at in 0_usize..400, byte in 0_u8..40) {
            let mut bytes = vec![b'x'; length];
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            prop_assert_eq!(is_clean(&bytes), bytes.iter().all(|byte| *byte >= b' '));
        }

        #[test]
        fn the_first_end_of_sixteen_bytes_is_found(bytes in any::<[u8; 16]>(), at in 0_usize..16, backslash in any::<bool>()) {
            let mut bytes = bytes;
            bytes[at] = if backslash { b'\\' } else { b'"' };
            let first = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert!(any_end(&bytes));
            prop_assert_eq!(Some(first_end(&bytes)), first);
        }
    }
}
