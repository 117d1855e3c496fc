//! Tails of the two distributions counts are judged by, in nats: `-ln(probability)`.
//!
//! In nats nothing underflows: fifty events where five are expected is 71 nats, and a probability of 1e-31
//! is still a number that can be compared. Sources: the NIST Digital Library of Mathematical Functions (DLMF),
//! section by section as named below.

/// Continued fractions end here at the latest. They need about the square root of the larger parameter.
const MOST_TERMS: u32 = 2_000;
/// Relative precision of series and fractions.
const PRECISION: f64 = 1e-12;
/// Stands for zero where a fraction would divide by it (Lentz's method).
const TINY: f64 = 1e-300;

/// `ln Γ(x)` for `x > 0`: Stirling's series, DLMF 5.11.1, after shifting `x` above 8 with Γ(x+1) = x Γ(x).
pub(crate) fn ln_gamma(x: f64) -> f64 {
    let mut x = x.max(TINY);
    let mut shift = 0.0;
    while x < 8.0 {
        shift += x.ln();
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series =
        1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series / x - shift
}

/// `-ln P(X >= count)` for a Poisson variable with this mean.
pub(crate) fn poisson_at_least(count: f64, mean: f64) -> f64 {
    if count <= 0.0 {
        return 0.0;
    }
    if mean <= 0.0 {
        return f64::INFINITY;
    }
    gamma_tails(count, mean).0
}

/// `-ln P(X <= count)` for a Poisson variable with this mean.
pub(crate) fn poisson_at_most(count: f64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    gamma_tails(count.max(0.0) + 1.0, mean).1
}

/// `-ln P(X >= count)` for a negative-binomial variable: `variance = mean + dispersion * mean²`.
pub(crate) fn at_least(count: f64, mean: f64, dispersion: f64) -> f64 {
    if dispersion * mean < 1e-6 {
        return poisson_at_least(count, mean);
    }
    if count <= 0.0 {
        return 0.0;
    }
    if mean <= 0.0 {
        return f64::INFINITY;
    }
    let size = 1.0 / dispersion;
    beta_tails(mean / (mean + size), count, size).0
}

/// `-ln P(X <= count)` for a negative-binomial variable: `variance = mean + dispersion * mean²`.
pub(crate) fn at_most(count: f64, mean: f64, dispersion: f64) -> f64 {
    if dispersion * mean < 1e-6 {
        return poisson_at_most(count, mean);
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let size = 1.0 / dispersion;
    beta_tails(mean / (mean + size), count.max(0.0) + 1.0, size).1
}

/// `-ln P(a, x)` and `-ln Q(a, x)`, the regularised incomplete gamma functions: the series DLMF 8.11.4 below
/// `a + 1`, Legendre's continued fraction DLMF 8.9.2 above it.
fn gamma_tails(a: f64, x: f64) -> (f64, f64) {
    let front = a * x.ln() - x - ln_gamma(a);
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        let mut next = a;
        for _ in 0..MOST_TERMS {
            next += 1.0;
            term *= x / next;
            sum += term;
            if term < sum * PRECISION {
                break;
            }
        }
        both(-(front + sum.ln()))
    } else {
        let mut b = x + 1.0 - a;
        let mut c = 1.0 / TINY;
        let mut d = 1.0 / away_from_zero(b);
        let mut fraction = d;
        for term in 1..MOST_TERMS {
            let n = f64::from(term);
            let a_n = -n * (n - a);
            b += 2.0;
            d = 1.0 / away_from_zero(a_n * d + b);
            c = away_from_zero(b + a_n / c);
            fraction *= d * c;
            if (d * c - 1.0).abs() < PRECISION {
                break;
            }
        }
        let (upper, lower) = both(-(front + fraction.ln()));
        (lower, upper)
    }
}

/// `-ln I_x(a, b)` and `-ln (1 - I_x(a, b))`, the regularised incomplete beta function: the continued fraction
/// DLMF 8.17.22, on the side where it converges fast (DLMF 8.17.4 gives the other).
fn beta_tails(x: f64, a: f64, b: f64) -> (f64, f64) {
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    if x < (a + 1.0) / (a + b + 2.0) {
        both(-(front + beta_fraction(x, a, b).ln() - a.ln()))
    } else {
        let (upper, lower) = both(-(front + beta_fraction(1.0 - x, b, a).ln() - b.ln()));
        (lower, upper)
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..MOST_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < PRECISION {
            break;
        }
    }
    fraction
}

/// A tail in nats, and the other tail: `1 - p`.
fn both(nats: f64) -> (f64, f64) {
    let nats = nats.max(0.0);
    (nats, -(-(-nats).exp_m1()).max(TINY).ln())
}

fn away_from_zero(x: f64) -> f64 {
    if x.abs() < TINY { TINY } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, known: f64) {
        assert!(
            (found - known).abs() <= 1e-8 * known.abs().max(1.0),
            "{found} is not {known}"
        );
    }

    /// The plain sum of the probabilities below `count`, for counts where it is exact enough.
    fn below(count: u32, mean: f64, dispersion: f64) -> f64 {
        let mut term = if dispersion == 0.0 {
            (-mean).exp()
        } else {
            (1.0 + dispersion * mean).powf(-1.0 / dispersion)
        };
        let mut sum = 0.0;
        for n in 0..count {
            sum += term;
            let n = f64::from(n);
            term *= if dispersion == 0.0 {
                mean / (n + 1.0)
            } else {
                (n + 1.0 / dispersion) / (n + 1.0) * (mean * dispersion / (1.0 + mean * dispersion))
            };
        }
        sum
    }

    #[test]
    fn ln_gamma_has_its_known_values() {
        close(ln_gamma(1.0), 0.0);
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        close(ln_gamma(11.0), 3_628_800f64.ln());
        close(ln_gamma(100.0), 359.134_205_369_575_4);
    }

    #[test]
    fn both_tails_equal_the_plain_sums() {
        for mean in [0.01, 0.2, 1.0, 5.0, 40.0] {
            for dispersion in [0.0, 0.01, 0.3, 2.0] {
                for count in [1u32, 2, 5, 10, 30, 60] {
                    let known = below(count, mean, dispersion);
                    let at_most = at_most(f64::from(count - 1), mean, dispersion);
                    assert!(((-at_most).exp() - known).abs() < 1e-10, "{mean} {dispersion} {count}");
                    let at_least = at_least(f64::from(count), mean, dispersion);
                    assert!(
                        ((-at_least).exp() - (1.0 - known)).abs() < 1e-10,
                        "{mean} {dispersion} {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn far_tails_do_not_underflow() {
        // P(X >= 50) at mean 5 is 5.04e-32 times (1 + 5/51 + ...): summed by hand.
        let by_hand = -(50.0 * 5f64.ln() - 5.0 - ln_gamma(51.0)
            + (1.0f64 + 5.0 / 51.0 + 25.0 / (51.0 * 52.0) + 125.0 / (51.0 * 52.0 * 53.0)).ln());
        assert!((poisson_at_least(50.0, 5.0) - by_hand).abs() < 1e-3);
        assert!(at_least(1e6, 1.0, 0.1).is_finite());
        assert!(at_most(0.0, 1e4, 0.01) > 100.0);
    }

    #[test]
    fn a_tiny_dispersion_is_nearly_poisson_and_a_larger_one_surprises_less() {
        assert!((at_least(30.0, 10.0, 1e-6) - poisson_at_least(30.0, 10.0)).abs() < 1e-3);
        assert!(at_least(30.0, 10.0, 0.2) < at_least(30.0, 10.0, 0.01));
    }
}
