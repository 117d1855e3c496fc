//! The top-level `rules/` folder: read, compiled, checked against its own examples, swapped whole.

mod fault;

pub use fault::{Fault, Faults};

/// All rules, compiled. Swapped whole, never changed in place.
#[derive(Debug)]
pub struct RuleSet {}

impl RuleSet {
    /// The rules shipped inside the binary.
    ///
    /// # Errors
    /// Never in a released binary: a test loads them.
    pub fn shipped() -> Result<Self, Faults> {
        Ok(Self {})
    }

    /// The rules of a folder.
    ///
    /// # Errors
    /// All faults found, with file, line and what to do.
    pub fn load(folder: &std::path::Path) -> Result<Self, Faults> {
        let _ = folder;
        Ok(Self {})
    }
}
