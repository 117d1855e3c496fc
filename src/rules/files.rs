//! The files of a rules folder: where they are, what they hold, whether they changed.

use super::fault::{Fault, Faults};
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// Path below the folder (with `/`) to content.
pub type Files = BTreeMap<String, String>;

/// A rules folder holds dozens of files; more is another folder by mistake.
const FILES_LIMIT: usize = 2_000;

/// What a folder looks like from outside: cheap to take, different after an edit.
pub(crate) type Stamp = BTreeMap<String, (u64, Option<SystemTime>)>;

/// The files shipped inside the binary.
pub(crate) fn shipped() -> Files {
    let mut files = Files::new();
    let mut folders = vec![&SHIPPED];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
                let path = path.replace('\\', "/");
                if is_rule_file(&path) {
                    files.insert(path, text.to_owned());
                }
            }
        }
    }
    files
}

/// The files of a folder.
pub(crate) fn read(folder: &Path) -> Result<Files, Faults> {
    let mut files = Files::new();
    let mut faults = Vec::new();
    let stamp = stamp(folder).map_err(|error| {
        Faults(vec![fault(
            String::new(),
            format!("could not read the rules folder {}: {error}", folder.display()),
            "name a folder with --rules, or leave it out to use the shipped rules",
        )])
    })?;
    if stamp.is_empty() {
        return Err(Faults(vec![fault(
            String::new(),
            format!("the rules folder {} holds no rules", folder.display()),
            "put YAML files into it or into its folders `errors` and `alerts`, or leave --rules out to use the shipped rules",
        )]));
    }
    for path in stamp.into_keys() {
        match fs::read(folder.join(&path)).map(String::from_utf8) {
            Ok(Ok(text)) => {
                files.insert(path, text);
            }
            Ok(Err(_)) => faults.push(fault(path, "not UTF-8".to_owned(), "save the file as UTF-8")),
            Err(error) => faults.push(fault(
                path,
                format!("could not be read: {error}"),
                "check its permissions",
            )),
        }
    }
    if faults.is_empty() {
        Ok(files)
    } else {
        Err(Faults(faults))
    }
}

/// The stamp of a folder: each rule file with its size and time of change.
pub(crate) fn stamp(folder: &Path) -> io::Result<Stamp> {
    let mut stamp = Stamp::new();
    for below in ["", "errors", "alerts"] {
        let entries = match fs::read_dir(folder.join(below)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !below.is_empty() => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = if below.is_empty() {
                name.to_owned()
            } else {
                format!("{below}/{name}")
            };
            // Follows links: Kubernetes mounts every file of a ConfigMap as one.
            let found = match fs::metadata(folder.join(&path)) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if found.is_file() && is_rule_file(&path) {
                stamp.insert(path, (found.len(), found.modified().ok()));
            }
            if stamp.len() > FILES_LIMIT {
                return Err(io::Error::other(format!(
                    "more than {FILES_LIMIT} files: not a rules folder"
                )));
            }
        }
    }
    Ok(stamp)
}

/// YAML at the top, in `errors/` or in `alerts/`; what editors leave beside it is passed over.
fn is_rule_file(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let yaml = Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    yaml && !name.starts_with(['.', '#']) && (folder.is_empty() || folder == "errors" || folder == "alerts")
}

fn fault(file: String, what: String, advice: &str) -> Fault {
    Fault {
        file,
        line: None,
        rule: None,
        what,
        advice: advice.to_owned(),
    }
}
