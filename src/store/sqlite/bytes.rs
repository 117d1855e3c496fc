//! Small codings: variable-length numbers, and sorted sparse counts.

/// Appends a number, seven bits a byte.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while let Some(low) = u8::try_from(number & 0x7f).ok().filter(|_| number >= 0x80) {
        out.push(low | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number & 0x7f).unwrap_or(0));
}

/// Appends text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, u64::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
}

/// Reads what [`put`] wrote; nothing at the end or on bytes that are none of ours.
pub(super) fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    let mut shift = 0_u32;
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Reads a number that must fit an id.
pub(super) fn take_id(rest: &mut &[u8]) -> Option<u32> {
    take(rest).and_then(|number| u32::try_from(number).ok())
}

/// Reads what [`put_text`] wrote.
pub(super) fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

/// Walks over sparse counts: (offset, count), offsets ascending.
pub(super) struct Sparse<'a> {
    rest: &'a [u8],
    next: u32,
}

impl<'a> Sparse<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, next: 0 }
    }
}

impl Iterator for Sparse<'_> {
    type Item = (u32, u64);

    #[inline]
    fn next(&mut self) -> Option<(u32, u64)> {
        // Two bytes below 128 is what nearly every entry is.
        if let [gap, count, rest @ ..] = self.rest
            && (gap | count) & 0x80 == 0
        {
            self.rest = rest;
            let offset = self.next.saturating_add(u32::from(*gap));
            self.next = offset.saturating_add(1);
            return Some((offset, u64::from(*count)));
        }
        let gap = take_id(&mut self.rest)?;
        let count = take(&mut self.rest)?;
        let offset = self.next.saturating_add(gap);
        self.next = offset.saturating_add(1);
        Some((offset, count))
    }
}

/// Old sparse counts with more added; `more` ascending by offset, each offset once.
pub(super) fn merge_sparse(old: &[u8], more: &[(u32, u64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(old.len() + more.len() * 3);
    let mut next = 0_u32;
    let mut push = |offset: u32, count: u64| {
        put(&mut out, u64::from(offset.saturating_sub(next)));
        put(&mut out, count);
        next = offset.saturating_add(1);
    };
    let mut more = more.iter().copied().peekable();
    for (offset, count) in Sparse::new(old) {
        while let Some((new, added)) = more.next_if(|(new, _)| *new < offset) {
            push(new, added);
        }
        let added = more.next_if(|(new, _)| *new == offset).map_or(0, |(_, added)| added);
        push(offset, count.saturating_add(added));
    }
    for (new, added) in more {
        push(new, added);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn numbers_read_back(number in any::<u64>()) {
            let mut out = Vec::new();
            put(&mut out, number);
            prop_assert_eq!(take(&mut out.as_slice()), Some(number));
        }

        #[test]
        fn merged_counts_are_the_sums(
            first in prop::collection::btree_map(0_u32..5000, 1_u64..1_000_000, 0..60),
            second in prop::collection::btree_map(0_u32..5000, 1_u64..300, 0..60),
        ) {
            let list = |map: &BTreeMap<u32, u64>| map.iter().map(|(a, b)| (*a, *b)).collect::<Vec<_>>();
            let merged = merge_sparse(&merge_sparse(&[], &list(&first)), &list(&second));
            let mut expected = first;
            for (offset, count) in second {
                *expected.entry(offset).or_default() += count;
            }
            prop_assert_eq!(Sparse::new(&merged).collect::<Vec<_>>(), list(&expected));
        }

        #[test]
        fn bytes_that_are_none_of_ours_end_the_walk(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sparse::new(&bytes).count();
        }
    }
}
