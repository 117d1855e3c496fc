//! The job catalogue: who owns which jobs (`jobs.yaml`).

use crate::rules::Fault;
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

/// One entry as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    job: String,
    team: Option<String>,
    owner: Option<String>,
    tier: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    jobs: Vec<Entry>,
}

/// Who owns which jobs.
#[derive(Debug, Default)]
pub struct JobCatalogue {
    entries: Vec<(GlobMatcher, Owned)>,
}

/// What the catalogue says of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned {
    /// Team.
    pub team: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Tier, 1 being the most important.
    pub tier: Option<u8>,
}

impl JobCatalogue {
    /// Reads `jobs.yaml`.
    ///
    /// # Errors
    /// All faults.
    pub fn from_yaml(text: &str) -> Result<Self, Vec<Fault>> {
        let fault = |rule: Option<&str>, line: Option<usize>, what: String| Fault {
            file: "jobs.yaml".to_owned(),
            line,
            rule: rule.map(str::to_owned),
            what,
            advice: "an entry has job (a name with *), team, owner and tier".to_owned(),
        };
        let written: Written = serde_yaml_ng::from_str(text)
            .map_err(|e| vec![fault(None, e.location().map(|l| l.line()), e.to_string())])?;
        let mut entries = Vec::new();
        let mut faults = Vec::new();
        for entry in written.jobs {
            match GlobBuilder::new(&entry.job).literal_separator(false).build() {
                Ok(glob) => {
                    let owned = Owned {
                        team: entry.team,
                        owner: entry.owner,
                        tier: entry.tier,
                    };
                    entries.push((glob.compile_matcher(), owned));
                }
                Err(error) => faults.push(fault(Some(&entry.job), None, error.to_string())),
            }
        }
        if faults.is_empty() {
            Ok(Self { entries })
        } else {
            Err(faults)
        }
    }

    /// What is said of a job.
    #[must_use]
    pub fn of(&self, job: &str) -> Option<&Owned> {
        self.entries
            .iter()
            .find(|(glob, _)| glob.is_match(job))
            .map(|(_, owned)| owned)
    }
}
