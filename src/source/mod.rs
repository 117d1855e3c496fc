//! Bytes with a position.
//!
//! Comes in: paths, folders, patterns, `-`. Goes out: records with the name of their source and the position behind
//! them. What always holds: a file is read once, whatever it is called meanwhile; a position is only given for what
//! was handed out; memory does not grow with the size of a file or of a line. What it does not do: know what a record
//! says, and decide when a position is stored.
//!
//! # How a file is recognised
//!
//! A position keeps, beside the path: device and inode, a hash of the first bytes (up to 1 KB, of the unpacked
//! stream) and a hash of the bytes just before the position. A file on disk goes on at a stored position when the
//! first bytes are the same, it reaches that far, the bytes before the position are the same, and either
//!
//! 1. device and inode are the same: it grew, or was renamed (rotation by rename); or
//! 2. it stands at the stored path: it was copied over, restored or repaired; or
//! 3. the file the position belonged to is gone: it was moved to another disk or packed (rotation with `gzip`).
//!
//! Otherwise it is another file and is read from its beginning: a truncated file (shorter than the position, or with
//! other first bytes), a file replaced by another, and a copy beside its original, which is a file of its own. Under
//! a new identity old positions stay where they are.
//!
//! # The last line
//!
//! When a file is followed, a line without its end waits. When it is read once, the last line counts as a record even
//! without a line end. If it was folded, the position goes behind it: what is written behind it later is read as
//! records of its own. If it was rejected, it was probably half written: it is kept as a reject, the position stays in
//! front of it with a note of how much was told, and when the file has grown the line is read again, whole. So an
//! event is never counted twice and never lost; a half line leaves its reject behind.

mod discover;
mod file;
mod follow;
mod frame;
mod identity;
pub mod kafka;
mod line;
mod open;

pub use discover::{Found, SkipReason, Skipped, discover};
pub use file::{FileReader, Next};
pub use follow::{FollowedRecord, Follower, Verdict};
pub use frame::{FrameLimits, Framer, Record, Tail};
pub use identity::KnownFiles;
pub use open::{Packing, open_unpacked};

use std::io;
use std::path::PathBuf;

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be opened.
    #[error("could not open {path}: {error}")]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It could not be read on.
    #[error("could not read {path} beyond byte {at}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// How far it was read.
        at: u64,
        /// What the system said.
        error: io::Error,
    },
    /// A packed file is damaged.
    #[error(
        "{path} is damaged: {packing} data ends or breaks after {at} unpacked bytes ({error}); the records before \
         that are kept, and a repaired file goes on there"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it is packed.
        packing: Packing,
        /// How far it could be unpacked.
        at: u64,
        /// What the unpacker said.
        error: io::Error,
    },
    /// A pattern that is none.
    #[error("{pattern:?} is not a file, a folder or a pattern: {reason}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}
