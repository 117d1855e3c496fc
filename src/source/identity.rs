//! Which file a position belongs to. The rules stand in the module's story.

use super::frame::HISTORY;
use crate::fold::SourcePosition;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// How many of the first bytes are hashed.
pub(super) const HEAD: usize = HISTORY;

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Node {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A hash of some bytes and how many they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) bytes: usize,
    hash: String,
}

impl Mark {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len(),
            hash: format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes)),
        }
    }

    /// Whether these bytes begin with the marked ones.
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        bytes.get(..self.bytes).is_some_and(|head| Mark::of(head) == *self)
    }

    /// Whether these bytes end with the marked ones.
    pub(super) fn ends(&self, bytes: &[u8]) -> bool {
        let from = bytes.len().checked_sub(self.bytes);
        let tail = from.and_then(|from| bytes.get(from..));
        tail.is_some_and(|tail| Mark::of(tail) == *self)
    }
}

/// Size and time of change on disk: an unchanged packed file needs no unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    changed: i64,
    nanos: i64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            changed: metadata.mtime(),
            nanos: metadata.mtime_nsec(),
        }
    }
}

/// What a position says of its file: the text of [`SourcePosition::identity`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileIdentity {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) node: Node,
    pub(super) head: Mark,
    /// The bytes before the position.
    pub(super) tail: Mark,
    /// Bytes behind the position that were told as a reject, being a line without its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) unfinished: Option<u64>,
    /// Of a packed file read to its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) whole: Option<Stamp>,
}

/// A stored position and its file.
#[derive(Debug, Clone)]
pub(super) struct KnownFile {
    pub(super) key: Arc<str>,
    pub(super) next: u64,
    pub(super) identity: FileIdentity,
    claimed: bool,
}

/// The files positions are stored of.
#[derive(Debug, Default)]
pub struct KnownFiles {
    files: Vec<KnownFile>,
    keys: HashSet<Arc<str>>,
}

impl KnownFiles {
    /// From what the store holds. Positions that are no file's (pushes, samples) are passed over.
    #[must_use]
    pub fn new(positions: &[SourcePosition]) -> Self {
        let mut known = Self::default();
        for position in positions {
            known.keys.insert(Arc::clone(&position.source));
            if let Ok(identity) = serde_json::from_str::<FileIdentity>(&position.identity) {
                known.files.push(KnownFile {
                    key: Arc::clone(&position.source),
                    next: position.next,
                    identity,
                    claimed: false,
                });
            }
        }
        known
    }

    /// Positions that may belong to a file at `path`, the likelier first. Whether they do, its bytes decide.
    pub(super) fn candidates(&self, path: &str, node: Node, head: &[u8]) -> Vec<KnownFile> {
        let mut found: Vec<(u8, &KnownFile)> = self
            .files
            .iter()
            .filter(|file| !file.claimed && file.identity.head.bytes > 0 && file.identity.head.begins(head))
            .filter_map(|file| {
                let rank = if file.identity.node == node {
                    0
                } else if file.identity.path == path {
                    1
                } else if is_gone(&file.identity) {
                    2
                } else {
                    return None;
                };
                Some((rank, file))
            })
            .collect();
        // The furthest first: where a file was truncated and written anew, the later life counts.
        found.sort_by_key(|(rank, file)| (*rank, std::cmp::Reverse(file.next)));
        found.into_iter().map(|(_, file)| file.clone()).collect()
    }

    /// Takes a position out of the game: two files must not go on at the same one.
    pub(super) fn claim(&mut self, key: &Arc<str>) {
        if let Some(file) = self.files.iter_mut().find(|file| file.key == *key) {
            file.claimed = true;
        }
    }

    /// What was read last at a path, when another file stands there now.
    pub(super) fn moved_from(&self, path: &str, now: Node) -> Vec<Node> {
        let moved = |file: &&KnownFile| !file.claimed && file.identity.path == path && file.identity.node != now;
        self.files.iter().filter(moved).map(|file| file.identity.node).collect()
    }

    /// A new key for a file not known yet: its path, made unlike all others.
    pub(super) fn new_key(&mut self, path: &str, node: Node, head: &[u8]) -> Arc<str> {
        for salt in 0_u64.. {
            let seed = format!("{}:{}:{salt}:{}", node.device, node.inode, Mark::of(head).hash);
            let id = xxhash_rust::xxh3::xxh3_64(seed.as_bytes());
            let key: Arc<str> = format!("{path}#{id:016x}").into();
            if self.keys.insert(Arc::clone(&key)) {
                return key;
            }
        }
        path.into()
    }
}

/// Whether the file a position belonged to no longer stands at its path.
fn is_gone(identity: &FileIdentity) -> bool {
    match std::fs::metadata(Path::new(&identity.path)) {
        Ok(there) => Node::of(&there) != identity.node,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_knows_its_bytes_again() {
        let mark = Mark::of(b"abc");
        assert!(mark.begins(b"abcdef") && mark.ends(b"xxabc"));
        assert!(!mark.begins(b"ab") && !mark.begins(b"abd") && !mark.ends(b"abcx"));
    }

    #[test]
    fn what_is_written_of_a_file_is_read_back() {
        let identity = FileIdentity {
            path: "/logs/a.log".into(),
            node: Node { device: 1, inode: 2 },
            head: Mark::of(b"head"),
            tail: Mark::of(b"tail"),
            unfinished: Some(7),
            whole: None,
        };
        let text = serde_json::to_string(&identity).unwrap();
        assert_eq!(serde_json::from_str::<FileIdentity>(&text).unwrap(), identity);
    }
}
