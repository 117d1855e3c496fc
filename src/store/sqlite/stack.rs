//! Stacks stored as what differs from the first stack of their fingerprint.
//!
//! Stacks of one fingerprint are nearly the same text: a message here, a lambda number there. Stored by content hash,
//! three of four would be kept in full (measured on the steady mix: 23 % repeat exactly); as a patch against the first
//! one they are the few lines that differ, at the cost of comparing lines.

use super::bytes::{put, put_text, take, take_text};

/// Patches longer than this are compressed.
const COMPRESS_FROM: usize = 512;

/// Largest stack that is read back, so that a broken row cannot ask for the moon. Records are far smaller.
const LARGEST: usize = 256 << 20;

/// How far ahead a line of the base is looked for.
const LOOK_AHEAD: usize = 64;

/// The whole text, compressed: how the first stack of a fingerprint is kept.
pub(super) fn pack(text: &str) -> Vec<u8> {
    zstd::bulk::compress(text.as_bytes(), 3).unwrap_or_default()
}

/// What [`pack`] kept.
pub(super) fn unpack(packed: &[u8]) -> Option<String> {
    let bytes = zstd::stream::decode_all(packed).ok()?;
    String::from_utf8(bytes).ok()
}

/// What to store of `text`, given the first stack of its fingerprint.
pub(super) fn diff(base: &str, text: &str) -> Vec<u8> {
    let base: Vec<&str> = base.split('\n').collect();
    let mut patch = Vec::new();
    let mut at = 0;
    let mut copied: Option<(usize, usize)> = None;
    for line in text.split('\n') {
        let found = base
            .iter()
            .enumerate()
            .skip(at)
            .take(LOOK_AHEAD)
            .find(|(_, other)| **other == line);
        match (found, &mut copied) {
            (Some((place, _)), Some((start, count))) if *start + *count == place => {
                *count += 1;
                at = place + 1;
            }
            (Some((place, _)), _) => {
                put_copy(&mut patch, copied.replace((place, 1)));
                at = place + 1;
            }
            (None, _) => {
                put_copy(&mut patch, copied.take());
                put(&mut patch, 0);
                put_text(&mut patch, line);
                // The line stands in the place of one of the base more often than between two.
            }
        }
    }
    put_copy(&mut patch, copied);
    if patch.len() > COMPRESS_FROM
        && let Ok(packed) = zstd::bulk::compress(&patch, 1)
        && packed.len() < patch.len()
    {
        let mut out = Vec::with_capacity(packed.len() + 1);
        out.push(1);
        out.extend_from_slice(&packed);
        return out;
    }
    patch.insert(0, 0);
    patch
}

fn put_copy(patch: &mut Vec<u8>, copied: Option<(usize, usize)>) {
    if let Some((start, count)) = copied {
        put(patch, u64::try_from(count).unwrap_or(0));
        put(patch, u64::try_from(start).unwrap_or(0));
    }
}

/// The text of what [`diff`] made; nothing on bytes that are none of ours.
pub(super) fn patched(base: &str, stored: &[u8]) -> Option<String> {
    let (form, rest) = stored.split_first()?;
    let unpacked;
    let mut rest = match form {
        0 => rest,
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
        let count = usize::try_from(take(&mut rest)?).ok()?;
        if count == 0 {
            push(take_text(&mut rest)?);
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
        fn a_patched_stack_is_the_stack(base in "([a-c]{0,2}\n){0,12}", text in "([a-c]{0,2}\r?\n?){0,12}") {
            prop_assert_eq!(patched(&base, &diff(&base, &text)), Some(text));
        }

        #[test]
        fn broken_patches_give_nothing_or_something_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = patched("a\nb\nc", &bytes);
        }
    }

    #[test]
    fn one_changed_line_costs_one_line() {
        let frames: String = (0..40)
            .map(|n| format!("\tat com.acme.Job.map{n}(Job.java:{n})\n"))
            .collect();
        let base = format!("java.lang.IllegalStateException: order 17\n{frames}");
        let text = format!("java.lang.IllegalStateException: order 4711\n{frames}");
        let patch = diff(&base, &text);
        assert!(patch.len() < 64, "{}", patch.len());
        assert_eq!(patched(&base, &patch), Some(text));
        assert_eq!(unpack(&pack(&base)), Some(base));
    }
}
