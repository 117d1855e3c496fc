//! Realistic load with a known truth.
