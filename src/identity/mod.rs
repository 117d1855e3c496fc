//! What error is this?
//!
//! Comes in: an [`crate::event::ErrorEvent`] and its dimensions. Goes out: what was decided and why ([`Told`], for
//! rules and `explain`), and with the verdict of the rules an [`Identity`]. What always holds: pure; the same event gives
//! the same identity on every machine and in any order; changing a masked value changes nothing; a memo hit equals a
//! miss, since whatever is looked at has its varying digits zeroed first ([`skeleton`]). What it does not do: learn,
//! classify, remember.
//!
//! The way of an event: [`chain`] finds the throwable that tells, [`frames`] its owner frames with the help of
//! [`symbol`] (clean names) and [`ownership`] (layers), [`template`] masks the messages with [`masks`], [`told`] puts
//! the pieces together, [`recipe`] hashes them. [`key`] is the memo's key and is made before all this, with the headers
//! and frames of a throwable kept apart by [`blocks`].

pub mod blocks;
pub mod chain;
mod collections;
mod digits;
mod frame_line;
pub mod frames;
pub mod key;
pub mod masks;
pub mod memo;
pub mod ownership;
mod pieces;
mod quoted;
mod recipe;
mod sequence;
pub mod skeleton;
pub mod symbol;
pub mod template;
mod tokens;
mod told;

use crate::event::{Fingerprint, Group, Part, Severity};
use crate::rules::Fault;
use recipe::Recipe;
use std::borrow::Cow;
use std::sync::Arc;

pub use chain::ChainRules;
pub use masks::Masks;
pub use ownership::{Layer, Ownership};
pub use symbol::{class_name, method_name};
pub(crate) use told::read_trace;
pub use told::{
    ChainLink, Piece, Told, ToldHeaders, ToldThrown, is_short, tell, tell_event, tell_headers, tell_thrown,
};

/// The version of the recipe that makes fingerprints. A change splits groups and is listed in the CHANGELOG.
pub const RECIPE_VERSION: u16 = 1;

/// What an error is: all that repeats from one occurrence to the next.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// What the rules say of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// Id of the rule's type, `unclassified` when none matched.
    pub error_type: Arc<str>,
    /// Category of the type.
    pub category: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// Root, symptom or noise.
    pub part: Part,
    /// The rule that spoke.
    pub rule: Option<Arc<str>>,
}

/// The files that say what an error is: `masks.yaml`, `ownership.yaml`, `chain.yaml`.
#[derive(Debug)]
pub struct IdentityRules {
    /// What varies in messages.
    pub masks: Masks,
    /// Whose frames are whose.
    pub ownership: Ownership,
    /// Which throwable of a chain tells.
    pub chain: ChainRules,
}

impl IdentityRules {
    /// Reads the three files.
    ///
    /// # Errors
    /// All faults of all three at once.
    pub fn from_yaml(masks: &str, ownership: &str, chain: &str) -> Result<Self, Vec<Fault>> {
        let (masks, ownership, chain) = (
            Masks::from_yaml(masks),
            Ownership::from_yaml(ownership),
            ChainRules::from_yaml(chain),
        );
        match (masks, ownership, chain) {
            (Ok(masks), Ok(ownership), Ok(chain)) => Ok(Self {
                masks,
                ownership,
                chain,
            }),
            (masks, ownership, chain) => {
                let mut faults = masks.err().unwrap_or_default();
                faults.extend(ownership.err().unwrap_or_default());
                faults.extend(chain.err().unwrap_or_default());
                Err(faults)
            }
        }
    }
}

/// The fault of a file that is no YAML or not of the wanted shape.
fn yaml_fault(file: &str, error: &serde_yaml_ng::Error) -> Fault {
    Fault {
        file: file.to_owned(),
        line: error.location().map(|at| at.line()),
        rule: None,
        what: error.to_string(),
        advice: "mend the YAML".to_owned(),
    }
}

/// What goes into the fingerprint. Known noise is one error per type, in whatever words it comes.
#[must_use]
pub fn pieces<'t>(told: &'t Told, class: &Classified) -> Cow<'t, [Piece]> {
    if class.part == Part::Noise && class.rule.is_some() {
        return Cow::Owned(vec![Piece {
            name: "noise".to_owned(),
            value: class.error_type.to_string(),
        }]);
    }
    Cow::Borrowed(&told.pieces)
}

/// The identity of what was told, as the rules classified it.
#[must_use]
pub fn identity(told: &Told, class: &Classified) -> Identity {
    let pieces = pieces(told, class);
    let group = match &pieces {
        Cow::Borrowed(_) => &told.group_pieces,
        Cow::Owned(noise) => noise,
    };
    Identity {
        error_type: Arc::clone(&class.error_type),
        category: Arc::clone(&class.category),
        severity: class.severity,
        part: class.part,
        rule: class.rule.clone(),
        template: told.template.clone(),
        exception: told.thrown.headers.exception.clone(),
        exception_chain: told
            .thrown
            .headers
            .chain
            .iter()
            .map(|link| link.class.clone())
            .collect(),
        top_frame: told.thrown.owners.first().map(|frame| frame.symbol.clone()),
        exception_template: told.thrown.headers.exception_template.clone(),
        fingerprint: Fingerprint(Recipe::of("fingerprint", &pieces)),
        group: Group(Recipe::of("group", group)),
    }
}
