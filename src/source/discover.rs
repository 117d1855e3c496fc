//! Which files are meant: names, folders, patterns.

use super::SourceError;
use super::open::{Packing, unpacked};
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files to read, in the order of their names, each once.
    pub files: Vec<PathBuf>,
    /// Files of folders that were passed over, and why.
    pub skipped: Vec<Skipped>,
}

/// A file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file of a folder is no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// Its name begins with a dot.
    DotFile,
    /// Its name says that it is something else (documentation, code, configuration, an archive).
    OtherKind,
    /// Its first bytes are not text.
    Binary,
    /// It cannot be opened.
    Unreadable,
    /// Neither a file nor a folder.
    Special,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SkipReason::DotFile => "its name begins with a dot",
            SkipReason::OtherKind => "by its name no log",
            SkipReason::Binary => "not text",
            SkipReason::Unreadable => "it cannot be opened",
            SkipReason::Special => "neither a file nor a folder",
        })
    }
}

/// What folders hold beside logs, by the end of their names. Named outright, such a file is read all the same.
const NO_LOGS: &[&str] = &[
    "md",
    "rst",
    "html",
    "htm",
    "css",
    "js",
    "ts",
    "py",
    "pyc",
    "java",
    "class",
    "scala",
    "kt",
    "rs",
    "go",
    "c",
    "h",
    "sh",
    "bat",
    "sql",
    "xml",
    "yaml",
    "yml",
    "toml",
    "properties",
    "conf",
    "cfg",
    "ini",
    "csv",
    "tsv",
    "parquet",
    "avro",
    "orc",
    "db",
    "sqlite",
    "wal",
    "shm",
    "pid",
    "lock",
    "swp",
    "tmp",
    "part",
    "jar",
    "war",
    "zip",
    "tar",
    "tgz",
    "bz2",
    "xz",
    "7z",
    "so",
    "o",
    "a",
    "bin",
    "exe",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "ico",
    "pdf",
    "hprof",
    "jfr",
    "key",
    "pem",
    "crt",
];

/// Finds the files meant by names, folders (all below them) and patterns (`*`, `?`, `[…]`, `**`).
///
/// # Errors
/// When something named does not exist, or a pattern is none.
pub fn discover<S: AsRef<str>>(meant: &[S]) -> Result<Found, SourceError> {
    let mut found = Found::default();
    for meant in meant {
        let meant = meant.as_ref();
        let path = Path::new(meant);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, None, &mut found)?,
            Ok(_) => found.files.push(path.to_owned()),
            Err(_) if is_pattern(meant) => {
                let glob = globset::GlobBuilder::new(meant)
                    .literal_separator(true)
                    .build()
                    .map_err(|error| SourceError::Pattern {
                        pattern: meant.to_owned(),
                        reason: error.kind().to_string(),
                    })?;
                walk(&fixed_part(path), Some(&glob.compile_matcher()), &mut found)?;
            }
            Err(error) => {
                return Err(SourceError::Open {
                    path: path.to_owned(),
                    error,
                });
            }
        }
    }
    found.files.sort();
    found.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    found.skipped.dedup();
    // One file under two names (named twice, linked) is read once.
    let mut seen = std::collections::HashSet::new();
    found.files.retain(|path| match fs::metadata(path) {
        Ok(metadata) => seen.insert((metadata.dev(), metadata.ino())),
        Err(_) => true,
    });
    Ok(found)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// The folder a pattern begins in.
fn fixed_part(pattern: &Path) -> PathBuf {
    let fixed: PathBuf = pattern
        .components()
        .take_while(|part| match part {
            Component::Normal(name) => !is_pattern(&name.to_string_lossy()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => true,
        })
        .collect();
    if fixed.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        fixed
    }
}

/// Deeper folders than anybody keeps logs in; links to folders are not followed, so there are no circles.
const DEPTH: usize = 64;

fn walk(folder: &Path, pattern: Option<&globset::GlobMatcher>, found: &mut Found) -> Result<(), SourceError> {
    let mut waiting = vec![(folder.to_owned(), 0_usize)];
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => {
                return Err(SourceError::Open { path: folder, error });
            }
            Err(_) => {
                found.skip(folder, SkipReason::Unreadable);
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                found.skip(path, SkipReason::Unreadable);
                continue;
            };
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if kind.is_dir() {
                if !hidden && depth < DEPTH {
                    waiting.push((path, depth + 1));
                }
                continue;
            }
            // Patterns are written without `./`.
            let shown = path.strip_prefix("./").unwrap_or(&path);
            if pattern.is_some_and(|pattern| !pattern.is_match(shown) && !pattern.is_match(&path)) {
                continue;
            }
            match no_log(&path, hidden, pattern.is_some()) {
                Some(reason) => found.skip(path, reason),
                None => found.files.push(path),
            }
        }
    }
    Ok(())
}

impl Found {
    fn skip(&mut self, path: PathBuf, reason: SkipReason) {
        self.skipped.push(Skipped { path, reason });
    }
}

/// Why a file of a folder is not read. Who wrote a pattern meant the names it matches.
fn no_log(path: &Path, hidden: bool, by_pattern: bool) -> Option<SkipReason> {
    if hidden {
        return Some(SkipReason::DotFile);
    }
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    if !by_pattern && ending.is_some_and(|ending| NO_LOGS.contains(&ending)) {
        return Some(SkipReason::OtherKind);
    }
    let Ok(metadata) = fs::metadata(path) else {
        return Some(SkipReason::Unreadable);
    };
    if !metadata.is_file() {
        return Some(SkipReason::Special);
    }
    match first_bytes(path) {
        Ok(head) if is_binary(&head) => Some(SkipReason::Binary),
        Ok(_) => None,
        Err(_) => Some(SkipReason::Unreadable),
    }
}

/// The first unpacked bytes; fewer where a packed file is damaged (reading it tells).
fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut head)?;
    let packing = Packing::of(&head);
    if packing != Packing::Plain {
        let mut unpacked_head = vec![0; 4096];
        let count = unpacked(File::open(path)?, packing)
            .and_then(|mut input| input.read(&mut unpacked_head))
            .unwrap_or(0);
        unpacked_head.truncate(count);
        return Ok(unpacked_head);
    }
    Ok(head)
}

/// Text has no NUL but behind a record (`includeNullDelimiter`), and hardly any control characters.
fn is_binary(head: &[u8]) -> bool {
    let stray_nul = head
        .windows(2)
        .any(|pair| matches!(pair, [before, 0] if !matches!(before, b'}' | b'\n' | b'\r' | 0)));
    let control = head
        .iter()
        .filter(|byte| matches!(byte, 1..=8 | 14..=26 | 28..=31))
        .count();
    head.first() == Some(&0) || stray_nul || control * 20 > head.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &Found, root: &Path) -> Vec<String> {
        let below = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        found.files.iter().map(below).collect()
    }

    #[test]
    fn a_folder_gives_its_logs_and_says_what_it_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("a.log", b"ERROR x\n");
        write("b/c.jsonl", b"{}\n");
        write("b/taskmanager.log.3", b"ERROR x\n");
        write("README.md", b"# about\n");
        write(".hidden", b"ERROR x\n");
        write(".git/x.log", b"ERROR x\n");
        write("core", b"\x7fELF\0\0\0\0");
        let whole = root.path().to_string_lossy().into_owned();
        let found = discover(&[whole.as_str()]).unwrap();
        assert_eq!(
            names(&found, root.path()),
            ["a.log", "b/c.jsonl", "b/taskmanager.log.3"]
        );
        let reasons: Vec<_> = found.skipped.iter().map(|s| s.reason).collect();
        assert_eq!(
            reasons,
            [SkipReason::DotFile, SkipReason::OtherKind, SkipReason::Binary]
        );

        let pattern = format!("{whole}/**/*.log*");
        assert_eq!(
            names(&discover(&[pattern]).unwrap(), root.path()),
            ["a.log", "b/taskmanager.log.3"]
        );
        let twice = [format!("{whole}/a.log"), whole.clone()];
        assert_eq!(discover(&twice).unwrap().files.len(), 3);
    }

    #[test]
    fn what_is_named_must_be_there() {
        assert!(matches!(discover(&["/no/such/file"]), Err(SourceError::Open { .. })));
        assert!(matches!(discover(&["/no/such/*.log"]), Err(SourceError::Open { .. })));
        assert!(matches!(discover(&["a[.log"]), Err(SourceError::Pattern { .. })));
    }
}
