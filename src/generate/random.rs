//! Chance with a seed: the same seed gives the same bytes on every machine and with every release of a library.
//!
//! Only the raw 64-bit stream comes from a crate (PCG, specified); ranges and distributions are made here, with
//! integer arithmetic and the four IEEE operations alone, since `powf` may differ between machines in the last bit.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A seeded stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    /// The stream of `seed`; `purpose` keeps streams of one seed apart.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(mix(seed ^ mix(purpose))))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit` (0 for a limit of 0). Multiply-high: the bias is below 2^-32 for the limits used here.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        below(self.bits(), limit)
    }

    /// A number below `limit`, for an index.
    pub(crate) fn index(&mut self, limit: usize) -> usize {
        let drawn = self.below(u64::try_from(limit).unwrap_or(u64::MAX));
        usize::try_from(drawn).unwrap_or(0)
    }

    /// One of a slice.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// True in `per_mille` of 1000.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

/// The upper half of a 128-bit product: `bits` scaled to below `limit`.
pub(crate) fn below(bits: u64, limit: u64) -> u64 {
    u64::try_from((u128::from(bits) * u128::from(limit)) >> 64).unwrap_or(0)
}

/// A number spread over all 64 bits (splitmix64, Steele, Lea, Flood 2014).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Picks rank `k` (from 0) with a weight of `1 / (k + 1)^s`, in constant time (the alias method, Vose 1991).
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    weights: Vec<f64>,
    alias: Vec<(u64, usize)>,
}

impl Zipf {
    /// `ranks` ranks with exponent `s`.
    pub(crate) fn new(ranks: usize, s: f64) -> Self {
        let mut weights = Vec::with_capacity(ranks);
        let mut rank = 0.0_f64;
        for _ in 0..ranks {
            rank += 1.0;
            weights.push(exp(-s * ln(rank)));
        }
        Self::of(weights)
    }

    /// Any weights.
    pub(crate) fn of(weights: Vec<f64>) -> Self {
        let total: f64 = weights.iter().sum();
        let mut count = 0.0_f64;
        for _ in &weights {
            count += 1.0;
        }
        let mut scaled: Vec<f64> = weights.iter().map(|w| w * count / total).collect();
        let mut alias = vec![(u64::MAX, 0_usize); weights.len()];
        let mut small: Vec<usize> = Vec::new();
        let mut large: Vec<usize> = Vec::new();
        for (at, weight) in scaled.iter().enumerate() {
            if *weight < 1.0 {
                small.push(at);
            } else {
                large.push(at);
            }
        }
        while let (Some(low), Some(big)) = (small.pop(), large.last().copied()) {
            let keep = scaled.get(low).copied().unwrap_or(1.0);
            if let Some(slot) = alias.get_mut(low) {
                *slot = (threshold(keep), big);
            }
            let left = scaled.get(big).copied().unwrap_or(1.0) + keep - 1.0;
            if let Some(slot) = scaled.get_mut(big) {
                *slot = left;
            }
            if left < 1.0 {
                large.pop();
                small.push(big);
            }
        }
        for rest in small.into_iter().chain(large) {
            if let Some(slot) = alias.get_mut(rest) {
                *slot = (u64::MAX, rest);
            }
        }
        Self { weights, alias }
    }

    /// A rank.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let at = random.index(self.alias.len());
        let (keep, other) = self.alias.get(at).copied().unwrap_or((u64::MAX, at));
        if random.bits() <= keep { at } else { other }
    }

    /// The weight of each rank, not scaled.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// A share between 0 and 1 as a limit for 64 random bits.
fn threshold(share: f64) -> u64 {
    // 2^53 steps are exact in a double; the shift brings them to 64 bits.
    let mut left = share.clamp(0.0, 1.0);
    let mut bits = 0_u64;
    for _ in 0..53 {
        left *= 2.0;
        bits <<= 1;
        if left >= 1.0 {
            bits |= 1;
            left -= 1.0;
        }
    }
    (bits << 11) | 0x7ff
}

/// Natural logarithm of a number of at least 1, with the four operations alone.
fn ln(x: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let mut mantissa = x;
    let mut twos = 0.0;
    while mantissa > 1.5 {
        mantissa /= 2.0;
        twos += 1.0;
    }
    // ln(m) = 2 atanh((m - 1) / (m + 1)); |z| <= 1/5, so 24 odd powers are far below a last bit.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let mut power = z;
    let mut sum = 0.0;
    let mut odd = 1.0;
    for _ in 0..24 {
        sum += power / odd;
        power = power * z * z;
        odd += 2.0;
    }
    twos * LN_2 + 2.0 * sum
}

/// e to the power of `x`, with the four operations alone.
fn exp(x: f64) -> f64 {
    // Halve until small, sum the series, square back.
    let mut small = x;
    let mut halvings = 0;
    while small.abs() > 0.5 {
        small /= 2.0;
        halvings += 1;
    }
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut n = 1.0;
    for _ in 0..20 {
        term = term * small / n;
        sum += term;
        n += 1.0;
    }
    for _ in 0..halvings {
        sum *= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_powers_agree_with_the_library() {
        for k in 1..5000_u32 {
            let own = exp(-1.05 * ln(f64::from(k)));
            let library = f64::from(k).powf(-1.05);
            assert!((own / library - 1.0).abs() < 1e-12, "{k}: {own} {library}");
        }
    }

    #[test]
    fn ranks_come_as_often_as_their_weight_says() {
        let zipf = Zipf::new(40, 0.8);
        let mut random = Random::new(1, 2);
        let mut seen = [0_u32; 40];
        for _ in 0..400_000 {
            seen[zipf.draw(&mut random)] += 1;
        }
        let total: f64 = zipf.weights().iter().sum();
        for (rank, weight) in zipf.weights().iter().enumerate() {
            let expected = 400_000.0 * weight / total;
            let share = f64::from(seen[rank]) / expected;
            assert!(
                (0.9..1.1).contains(&share),
                "rank {rank}: {} instead of {expected}",
                seen[rank]
            );
        }
    }

    #[test]
    fn a_seed_always_gives_these_numbers() {
        let mut random = Random::new(42, 7);
        let drawn: Vec<u64> = (0..4).map(|_| random.below(1_000_000)).collect();
        let mut again = Random::new(42, 7);
        let repeated: Vec<u64> = (0..4).map(|_| again.below(1_000_000)).collect();
        assert_eq!(drawn, repeated);
        let mut other = Random::new(43, 7);
        assert_ne!(drawn.first(), Some(&other.below(1_000_000)));
    }
}
