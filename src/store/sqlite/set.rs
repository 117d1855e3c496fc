//! A set of ids as bits: what every part of a search becomes, so that AND, OR and NOT are one pass each.

/// A set of ids below a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdSet {
    words: Vec<u64>,
    size: u32,
}

impl IdSet {
    /// No id.
    pub(super) fn none(size: u32) -> Self {
        let words = usize::try_from(size.div_ceil(64)).unwrap_or(0);
        Self {
            words: vec![0; words],
            size,
        }
    }

    /// Every id below `size`.
    pub(super) fn all(size: u32) -> Self {
        let mut set = Self::none(size);
        set.words.fill(u64::MAX);
        set.trim();
        set
    }

    /// The ids for which `keep` holds, by their value in a column.
    pub(super) fn of<T: Copy>(column: &[T], keep: impl Fn(T) -> bool) -> Self {
        let mut words = Vec::with_capacity(column.len().div_ceil(64));
        for sixty_four in column.chunks(64) {
            let mut word = 0_u64;
            for (bit, value) in sixty_four.iter().enumerate() {
                word |= u64::from(keep(*value)) << bit;
            }
            words.push(word);
        }
        Self {
            words,
            size: u32::try_from(column.len()).unwrap_or(u32::MAX),
        }
    }

    fn trim(&mut self) {
        let used = self.size % 64;
        if used > 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << used) - 1;
        }
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn insert(&mut self, id: u32) {
        if id < self.size
            && let Some(word) = usize::try_from(id / 64).ok().and_then(|at| self.words.get_mut(at))
        {
            *word |= 1 << (id % 64);
        }
    }

    #[inline]
    pub(super) fn contains(&self, id: u32) -> bool {
        let word = usize::try_from(id / 64).ok().and_then(|at| self.words.get(at));
        word.is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    pub(super) fn and(&mut self, other: &Self) {
        let theirs = other.words.iter().copied().chain(std::iter::repeat(0));
        for (word, other) in self.words.iter_mut().zip(theirs) {
            *word &= other;
        }
    }

    pub(super) fn and_not(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    pub(super) fn or(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self.trim();
    }

    pub(super) fn complement(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        self.trim();
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Whether any id in `from..to` is in; both are multiples of 64 but for the end of the set.
    pub(super) fn any_in(&self, from: u32, to: u32) -> bool {
        let from = usize::try_from(from / 64).unwrap_or(usize::MAX);
        let to = usize::try_from(to.div_ceil(64))
            .unwrap_or(usize::MAX)
            .min(self.words.len());
        self.words
            .get(from..to)
            .is_some_and(|words| words.iter().any(|word| *word != 0))
    }

    /// The ids, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip(0_u32..).flat_map(|(word, at)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                if bit == 64 {
                    return None;
                }
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_what_their_algebra_says() {
        let mut even = IdSet::of(&(0_u32..130).collect::<Vec<_>>(), |n| n % 2 == 0);
        assert_eq!(even.count(), 65);
        let mut low = IdSet::none(130);
        (0..10).for_each(|id| low.insert(id));
        low.insert(1000);
        even.and(&low);
        assert_eq!(even.iter().collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
        even.complement();
        assert_eq!(even.count(), 125);
        let mut odd = low.clone();
        odd.and_not(&IdSet::of(&[true, false, true], |in_it| in_it));
        assert_eq!(odd.iter().collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7, 8, 9]);
        even.or(&low);
        assert_eq!(even, IdSet::all(130));
        assert!(even.any_in(128, 200) && !IdSet::none(130).any_in(0, 130));
    }
}
