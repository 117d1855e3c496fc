//! Realistic load with a known truth.
//!
//! Comes in: [`Options`]. Goes out: records as bytes and a [`Truth`] that says what they are: counts per job, family
//! and minute, and for every failure its root and its followers. What always holds: the same options give the same
//! bytes on every machine; event times never go back; every record written is counted. What it does not do: write
//! to disk or network, or read a clock.
//!
//! A record is a template (one per family, layout and platform) with slots; what a slot holds belongs to the job
//! (package, ids, hosts), to the record (subtask, attempt) or is new at each place (ids, offsets, durations).
//!
//! - `families.txt`, `healthy.txt`, `library`: the kinds of failures, what is logged without one, and their stacks.
//! - `jobs`: who fails. `plan`, `cascade`, `incidents`: when, with what, and what follows. `fleet`: two days of many jobs,
//!   of what they log while they are well (`background`) and of what fails (`calendar`).
//! - `layouts`, `beside`, `template`, `scene`: how it is written.
//! - [`truth`]: what was written, and the format of the truth file.

mod background;
mod beside;
mod calendar;
mod cascade;
mod fleet;
mod generator;
mod incidents;
mod jobs;
mod layouts;
mod library;
mod options;
mod plan;
mod random;
mod scene;
mod template;
pub mod truth;

pub use generator::{GenerateError, Generator};
pub use layouts::LayoutKind;
pub use library::FamilyFault;
pub use options::{LayoutChoice, Options, Scenario, UnknownChoice};
pub use truth::Truth;

use generator::dependency;

/// All records of these options in memory, for benches and tests.
///
/// # Errors
/// When an option lies outside its range.
pub fn records(options: &Options) -> Result<Vec<Vec<u8>>, GenerateError> {
    let mut generator = Generator::new(options)?;
    let mut all = Vec::new();
    loop {
        let mut record = Vec::new();
        if !generator.next_record(&mut record) {
            return Ok(all);
        }
        all.push(record);
    }
}
