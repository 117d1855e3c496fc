//! A hash of a sequence that can be put together from hashes of its parts, wherever the parts were cut.

/// The prime 2^61 - 1: both lanes are polynomials over the numbers below it.
const PRIME: u64 = (1 << 61) - 1;
/// Where the polynomials are asked.
const AT: [u64; 2] = [0x0a3b_1956_7c2d_e4f1, 0x1d5f_8e20_93b6_47a9];

/// The hash of a sequence of items that are hashes themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    value: [u64; 2],
    /// [`AT`] to the number of items.
    power: [u64; 2],
}

impl Default for Sequence {
    fn default() -> Self {
        Self {
            value: [0; 2],
            power: [1; 2],
        }
    }
}

impl Sequence {
    /// Puts one item behind the others.
    pub(super) fn push(&mut self, item: u128) {
        self.append(&Self {
            value: [below_prime(item), below_prime(item >> 64)],
            power: AT,
        });
    }

    /// Puts the items of another sequence behind these.
    pub(super) fn append(&mut self, other: &Self) {
        let lanes = self.value.iter_mut().zip(&mut self.power);
        for ((value, power), (more, by)) in lanes.zip(other.value.iter().zip(&other.power)) {
            *value = folded(times(*value, *by) + more);
            *power = times(*power, *by);
        }
    }

    /// The hash.
    pub(super) fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = self.value.iter().chain(&self.power);
        for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// The low 61 bits, below the prime.
fn below_prime(item: u128) -> u64 {
    folded(low(item))
}

fn low(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(PRIME)).unwrap_or_default()
}

/// A number below 2^62 without the prime that may be in it.
fn folded(number: u64) -> u64 {
    if number >= PRIME { number - PRIME } else { number }
}

fn times(one: u64, other: u64) -> u64 {
    let wide = u128::from(one) * u128::from(other);
    folded(low(wide) + low(wide >> 61))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(items: &[u128]) -> Sequence {
        let mut sequence = Sequence::default();
        items.iter().for_each(|item| sequence.push(*item));
        sequence
    }

    proptest! {
        #[test]
        fn a_sequence_put_together_from_parts_is_the_whole_one(
            items in proptest::collection::vec(any::<u128>(), 0..12),
            cuts in proptest::collection::vec(0_usize..12, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(items.len())).collect();
            cuts.extend([0, items.len()]);
            cuts.sort_unstable();
            let mut joined = Sequence::default();
            for cut in cuts.windows(2) {
                joined.append(&of(&items[cut[0]..cut[1]]));
            }
            prop_assert_eq!(joined, of(&items));
        }

        #[test]
        fn other_items_or_another_order_make_another_sequence(
            one in proptest::collection::vec(any::<u128>(), 0..6),
            other in proptest::collection::vec(any::<u128>(), 0..6),
        ) {
            prop_assume!(one != other);
            prop_assert_ne!(of(&one), of(&other));
            let mut turned = one.clone();
            turned.reverse();
            prop_assert_eq!(of(&turned) == of(&one), turned == one);
        }

        #[test]
        fn numbers_stay_below_the_prime(one in 0..PRIME, other in 0..PRIME) {
            let wanted = u128::from(one) * u128::from(other) % u128::from(PRIME);
            prop_assert_eq!(u128::from(times(one, other)), wanted);
        }
    }
}
