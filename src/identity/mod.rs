//! What error is this?
//!
//! Comes in: an [`crate::event::ErrorEvent`], its parsed stack and its dimensions. Goes out: an [`Identity`]. What
//! always holds: pure; the same event gives the same identity on every machine and in any order; changing a masked
//! value changes nothing; a memo hit equals a miss.

pub mod key;
pub mod skeleton;

use crate::event::{Fingerprint, Group, Part, Severity};
use std::sync::Arc;

/// The version of the recipe that makes fingerprints. A change splits groups and is listed in the CHANGELOG.
pub const RECIPE_VERSION: u16 = 1;

/// What an error is: all that repeats from one occurrence to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Id of the rule's type, `unclassified` when none matched.
    pub error_type: Arc<str>,
    /// Category of the type, `unclassified` when none matched.
    pub category: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// Root, symptom or noise.
    pub part: Part,
    /// The rule that spoke, absent when none did.
    pub rule: Option<Arc<str>>,
    /// The message with its variable parts masked.
    pub template: String,
    /// Class of the root cause (the telling one), cleaned, `$` folded to `.`.
    pub exception: Option<String>,
    /// Classes of the cause chain, outermost first.
    pub exception_chain: Vec<String>,
    /// The owner frame: `com.acme.Job.map`.
    pub top_frame: Option<String>,
    /// Message of the telling cause with its variable parts masked.
    pub exception_template: Option<String>,
    /// Stable identity.
    pub fingerprint: Fingerprint,
    /// Coarse identity.
    pub group: Group,
}
