//! Rules that follow their folder: swapped whole when it changed and holds, kept when it does not.

use super::files::{self, Stamp};
use super::{Faults, RuleSet};
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a look at the folder led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// Nothing changed since the last look (or the folder is just being written: the next look decides).
    Unchanged,
    /// The new rules are in force; their version.
    Swapped(String),
    /// The folder changed and does not hold: the rules in force stay.
    Kept(Faults),
}

/// The rules in force. Cheap to read from any thread.
#[derive(Debug)]
pub struct LiveRules {
    rules: ArcSwap<RuleSet>,
    /// None: the shipped rules, which never change.
    folder: Option<PathBuf>,
    /// The folder as it looked when it was last read, whether it held or not.
    seen: Mutex<Option<Stamp>>,
}

impl LiveRules {
    /// The shipped rules.
    ///
    /// # Errors
    /// As [`RuleSet::shipped`].
    pub fn shipped() -> Result<Self, Faults> {
        Ok(Self::fixed(Arc::new(RuleSet::shipped()?)))
    }

    /// Rules that never change.
    #[must_use]
    pub fn fixed(rules: Arc<RuleSet>) -> Self {
        Self {
            rules: ArcSwap::new(rules),
            folder: None,
            seen: Mutex::new(None),
        }
    }

    /// The rules of a folder, followed from now on.
    ///
    /// # Errors
    /// As [`RuleSet::load`]: at the start there are no older rules to keep.
    pub fn of_folder(folder: &Path) -> Result<Self, Faults> {
        let stamp = files::stamp(folder).ok();
        let rules = RuleSet::load(folder)?;
        Ok(Self {
            rules: ArcSwap::from_pointee(rules),
            folder: Some(folder.to_owned()),
            seen: Mutex::new(stamp),
        })
    }

    /// The rules in force.
    #[must_use]
    pub fn current(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }

    /// Looks at the folder, and takes its rules if they changed and hold.
    ///
    /// A file that is being written shows as a folder that looks different before and after reading; then nothing is
    /// decided until it rests.
    pub fn check_folder(&self) -> Reloaded {
        let Some(folder) = &self.folder else {
            return Reloaded::Unchanged;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = files::stamp(folder).ok();
        if before.is_some() && *seen == before {
            return Reloaded::Unchanged;
        }
        let loaded = RuleSet::load(folder);
        if files::stamp(folder).ok() != before {
            return Reloaded::Unchanged;
        }
        let first_look = *seen != before;
        *seen = before;
        match loaded {
            Ok(rules) if rules.version() == self.rules.load().version() => Reloaded::Unchanged,
            Ok(rules) => {
                let version = rules.version().to_owned();
                self.rules.store(Arc::new(rules));
                Reloaded::Swapped(version)
            }
            // A folder that is gone is said once, not at every look.
            Err(_) if !first_look => Reloaded::Unchanged,
            Err(faults) => Reloaded::Kept(faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const GOOD: &str =
        "- {id: a, severity: low, match: [{message: abc}], cause: c, advice: a, matches: [abc], leaves: [abd]}\n";

    #[test]
    fn a_good_edit_is_taken_and_a_bad_one_keeps_the_rules_in_force() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("errors")).unwrap();
        let file = folder.path().join("errors/mine.yaml");
        fs::write(&file, GOOD).unwrap();
        let live = LiveRules::of_folder(folder.path()).unwrap();
        assert_eq!(live.check_folder(), Reloaded::Unchanged);

        fs::write(&file, format!("{GOOD}- id: half").as_bytes()).unwrap();
        let before = live.current().version().to_owned();
        let Reloaded::Kept(faults) = live.check_folder() else {
            panic!("a broken file was taken")
        };
        assert!(faults.to_string().contains("errors/mine.yaml"), "{faults}");
        assert_eq!(live.current().version(), before);
        assert_eq!(live.check_folder(), Reloaded::Unchanged, "a fault is told once");

        fs::write(&file, GOOD.replace("abc", "abcd").replace("abd", "x")).unwrap();
        let Reloaded::Swapped(version) = live.check_folder() else {
            panic!("a good edit was not taken")
        };
        assert_eq!(live.current().version(), version);
        assert_ne!(version, before);
    }

    #[test]
    fn a_folder_that_went_away_is_told_once_and_the_rules_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("errors")).unwrap();
        fs::write(folder.path().join("errors/mine.yaml"), GOOD).unwrap();
        let live = LiveRules::of_folder(folder.path()).unwrap();
        let version = live.current().version().to_owned();
        folder.close().unwrap();
        assert!(matches!(live.check_folder(), Reloaded::Kept(_)));
        assert_eq!(live.check_folder(), Reloaded::Unchanged);
        assert_eq!(live.current().version(), version);
    }

    #[test]
    fn a_file_touched_without_a_change_swaps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("errors")).unwrap();
        let file = folder.path().join("errors/mine.yaml");
        fs::write(&file, GOOD).unwrap();
        let live = LiveRules::of_folder(folder.path()).unwrap();
        let touched = fs::metadata(&file).unwrap().modified().unwrap() + std::time::Duration::from_secs(5);
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(touched)
            .unwrap();
        assert_eq!(live.check_folder(), Reloaded::Unchanged);
    }
}
