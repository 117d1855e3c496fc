//! What commands that read records share: opening the input and setting up an engine.

use super::{Exit, Failure};
use crate::config::zone;
use crate::decode::Limits;
use crate::engine::{Engine, Options};
use crate::rules::RuleSet;
use anyhow::{Context as _, anyhow};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where rules come from and where times without a zone were written.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EngineArgs {
    /// Folder of rules; without it ./rules where there is one, else the rules inside the binary
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Zone of times written without one: UTC, Asia/Shanghai, +08:00
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub default_zone: String,
}

impl EngineArgs {
    /// The rules.
    ///
    /// # Errors
    /// All faults of the rules, exit code 78.
    pub fn rules(&self) -> Result<Arc<RuleSet>, Failure> {
        rules(self.rules.as_deref())
    }

    /// Limits of one record.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits::default()
    }

    /// An engine.
    ///
    /// # Errors
    /// Faults of the rules or an unknown zone, exit codes 78 and 64.
    pub fn engine(&self) -> Result<Engine, Failure> {
        let options = Options {
            default_zone: self.zone()?,
            limits: self.limits(),
            ..Options::default()
        };
        Ok(Engine::with_options(self.rules()?, options))
    }

    /// The zone.
    ///
    /// # Errors
    /// An unknown name, exit code 64.
    pub fn zone(&self) -> Result<jiff::tz::TimeZone, Failure> {
        if self.default_zone.is_empty() {
            return Ok(jiff::tz::TimeZone::UTC);
        }
        zone(&self.default_zone).ok_or_else(|| {
            let error = anyhow!(
                "{:?} is no time zone; write UTC, Asia/Shanghai or +08:00",
                self.default_zone
            );
            Failure::new(Exit::Usage, error)
        })
    }
}

/// The rules of a folder, of `./rules`, or of the binary.
///
/// # Errors
/// All faults of the rules, exit code 78.
pub fn rules(folder: Option<&Path>) -> Result<Arc<RuleSet>, Failure> {
    let usual = Path::new("rules");
    let chosen = folder.or_else(|| usual.join("errors").is_dir().then_some(usual));
    let loaded = match chosen {
        Some(folder) => RuleSet::load(folder),
        None => RuleSet::shipped(),
    };
    loaded
        .map(Arc::new)
        .map_err(|faults| Failure::new(Exit::Config, anyhow!("the rules are faulty:\n{faults}")))
}

/// Opens a file (decompressed by its name) or stdin.
///
/// # Errors
/// When it cannot be opened, exit code 65.
pub fn open(name: &str) -> Result<Box<dyn Read>, Failure> {
    if name == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opening = || format!("could not open {name}");
    let bad = |e: anyhow::Error| Failure::new(Exit::BadInput, e);
    let path = Path::new(name);
    if path.is_dir() {
        return Err(bad(anyhow!(
            "{name} is a folder; give a file, or use `seismolog ingest` for folders"
        )));
    }
    let file = File::open(path).with_context(opening).map_err(bad)?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => Ok(Box::new(flate2::read::MultiGzDecoder::new(file))),
        Some("zst") => Ok(Box::new(zstd::Decoder::new(file).with_context(opening).map_err(bad)?)),
        Some(_) | None => Ok(Box::new(file)),
    }
}
