//! What the benches share: records of the sizing mix in memory.

#![allow(dead_code, reason = "each bench uses its part")]

use criterion::Throughput;
use seismolog::generate::{LayoutChoice, LayoutKind, Options, Scenario, records};

/// Records of one input: enough that they do not fit into the caches beside the tables, few enough to be made at once.
pub(crate) const RECORDS: u64 = 20_000;

/// An input with its name.
pub(crate) struct Input {
    /// As it appears in the results.
    pub(crate) name: &'static str,
    /// Its records.
    pub(crate) records: Vec<Vec<u8>>,
}

impl Input {
    /// `RECORDS` records of a scenario in the mix of layouts.
    pub(crate) fn mix(scenario: Scenario) -> Self {
        let records = records(&Options::of(scenario, RECORDS)).unwrap_or_default();
        Self {
            name: scenario.as_str(),
            records,
        }
    }

    /// `RECORDS` steady records, all in one layout.
    pub(crate) fn in_layout(layout: LayoutKind) -> Self {
        let options = Options {
            layout: LayoutChoice::One(layout),
            ..Options::of(Scenario::Steady, RECORDS)
        };
        Self {
            name: layout.as_str(),
            records: records(&options).unwrap_or_default(),
        }
    }

    /// Records as elements: results read as records per second.
    pub(crate) fn throughput(&self) -> Throughput {
        Throughput::Elements(RECORDS)
    }
}
