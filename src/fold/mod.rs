//! Many events to few deltas.
//!
//! Comes in: identified events and rejections, each with the source it was read from. Goes out: a [`Flush`].
//! What always holds: the order of arrival changes nothing; nothing is dropped (a full fold asks to be flushed
//! early); the ledger of a flush adds up, or the flush is not made. What it does not do: know positions, clocks or
//! stores; whoever drives it says when to take the fold and how far the sources were read.
//!
//! - [`folder`]: the table on the hot path, one look-up per event.
//! - [`group`]: turns the table into deltas and rows, off the hot path.
//! - [`ledger`], [`limits`], [`sample`]: the accounts, the bounds, the one event kept in full.

mod delta;
mod flush;
mod folder;
mod group;
mod ledger;
mod limits;
mod sample;

pub use delta::{DetailDelta, SeenOn, StatRow};
pub use flush::{Flush, Reject, SourcePosition};
pub use folder::Folder;
pub use group::Fold;
pub use ledger::{Ledger, LedgerBroken};
pub use limits::FoldLimits;
pub use sample::Sample;
