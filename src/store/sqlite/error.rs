//! What can go wrong with the file below the store, told apart by what to do about it.

use crate::cli::Exit;
use rusqlite::ErrorCode;
use std::path::PathBuf;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("the store in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Nothing there, and only reading was asked for.
    #[error("there is no store in {}", .0.display())]
    Missing(PathBuf),
    /// Written by a later version.
    #[error("the store in {} has version {found}; this seismolog knows versions up to {known}", .folder.display())]
    Newer {
        /// Where.
        folder: PathBuf,
        /// Its version.
        found: i64,
        /// The latest one known here.
        known: i64,
    },
    /// A version that reading alone cannot bring up to date.
    #[error("the store in {} has version {found} and must be brought to version {known} before it can be read", .folder.display())]
    Older {
        /// Where.
        folder: PathBuf,
        /// Its version.
        found: i64,
        /// The version known here.
        known: i64,
    },
    /// A file that is none of ours.
    #[error("{} is not a seismolog store", .0.display())]
    NotAStore(PathBuf),
    /// A file that was ours and is damaged.
    #[error("the store in {} is damaged: {why}", .folder.display())]
    Corrupt {
        /// Where.
        folder: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// No permission to write.
    #[error("the store in {} cannot be written: {why}", .folder.display())]
    ReadOnly {
        /// Where.
        folder: PathBuf,
        /// What the system said.
        why: String,
    },
    /// No room.
    #[error("no space left for the store in {}", .0.display())]
    DiskFull(PathBuf),
    /// Anything else.
    #[error("could not open the store in {}: {why}", .folder.display())]
    Other {
        /// Where.
        folder: PathBuf,
        /// What SQLite or the system said.
        why: String,
    },
}

impl OpenError {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            OpenError::InUse(_) => "stop the other process, or ask it with --server; reading while it runs is fine",
            OpenError::Missing(_) => "run `seismolog ingest` first, or name the folder with --store",
            OpenError::Newer { .. } => "use the seismolog that wrote it or a later one, or another folder",
            OpenError::Older { .. } => {
                "open it once for writing: `seismolog run` or `seismolog ingest` brings it up to date"
            }
            OpenError::NotAStore(_) => "name another folder with --store or store.path",
            OpenError::Corrupt { .. } => "restore a copy, or move the folder away and read the logs again",
            OpenError::ReadOnly { .. } => {
                "give the user of this process the right to write there, or name another folder"
            }
            OpenError::DiskFull(_) => "free some space, or name a folder on another disk",
            OpenError::Other { .. } => "see that the folder can be made and written, and that its disk is well",
        }
    }

    /// How a command that needs the store ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            OpenError::InUse(_) | OpenError::DiskFull(_) | OpenError::Corrupt { .. } | OpenError::Other { .. } => {
                Exit::Unavailable
            }
            OpenError::Missing(_)
            | OpenError::Newer { .. }
            | OpenError::Older { .. }
            | OpenError::NotAStore(_)
            | OpenError::ReadOnly { .. } => Exit::Config,
        }
    }

    pub(super) fn of(folder: PathBuf, error: &rusqlite::Error) -> Self {
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::NotAStore(folder),
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt { folder, why },
            Some(ErrorCode::DiskFull) => OpenError::DiskFull(folder),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { folder, why },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse(folder),
            Some(_) | None => OpenError::Other { folder, why },
        }
    }

    pub(super) fn of_io(folder: PathBuf, error: &std::io::Error) -> Self {
        let why = error.to_string();
        use std::io::ErrorKind;
        let kind = error.kind();
        if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            OpenError::DiskFull(folder)
        } else if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
            OpenError::ReadOnly { folder, why }
        } else {
            OpenError::Other { folder, why }
        }
    }
}

/// What kept a flush from being stored. Nothing of it was: the same flush can be handed over again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteErrorKind {
    /// No room on the disk.
    DiskFull,
    /// The file or folder may not be written.
    ReadOnly,
    /// The file is damaged.
    Corrupt,
    /// Another process holds the file.
    Locked,
    /// Anything else.
    Other,
}

/// A change that was not stored.
#[derive(Debug, thiserror::Error)]
#[error("could not write the store: {why}")]
pub struct WriteError {
    /// What kind of reason.
    pub kind: WriteErrorKind,
    why: String,
}

impl WriteError {
    /// Of a store that is no file of ours.
    pub(crate) fn other(why: String) -> Self {
        Self {
            kind: WriteErrorKind::Other,
            why,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.kind {
            WriteErrorKind::DiskFull => "free some space or shorten the retention; what was not stored is read again",
            WriteErrorKind::ReadOnly => "give the user of this process the right to write there",
            WriteErrorKind::Corrupt => "restore a copy, or move the folder away and read the logs again",
            WriteErrorKind::Locked => "find the process that holds the file; what was not stored is read again",
            WriteErrorKind::Other => "see that the disk is well; what was not stored is read again",
        }
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => WriteErrorKind::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => WriteErrorKind::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => WriteErrorKind::Corrupt,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => WriteErrorKind::Locked,
            Some(_) | None => WriteErrorKind::Other,
        };
        Self {
            kind,
            why: error.to_string(),
        }
    }
}
