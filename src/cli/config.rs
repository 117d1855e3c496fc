//! `seismolog config`: what the configuration is, whether it holds, and what it is when nobody says.

use super::output::{Cell, Listing, OutputArgs, Tone, left};
use super::{CommandResult, Exit, Failure};
use crate::config::{Config, Settings, keys};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `config`.
#[derive(Debug, Default, clap::Args)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Every key with its value and where that comes from
    Show {
        #[command(flatten)]
        file: FileArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Whether the configuration holds; every fault with its key, value and remedy
    Check {
        #[command(flatten)]
        file: FileArgs,
        /// Ask each configured server as well: whether it answers, lets us in, and has what we need. In Kafka this writes
        /// one record to each of our topics in a transaction that is aborted; nothing else is changed
        #[arg(long)]
        connect: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// The default configuration, commented
    Default,
}

/// `--config`, for every command that reads one.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FileArgs {
    /// Configuration file [default: seismolog.toml where there is one]
    #[arg(long = "config", short = 'c', value_name = "FILE", env = "SEISMOLOG_CONFIG")]
    file: Option<PathBuf>,
}

impl FileArgs {
    /// The file to read: the one named, else `seismolog.toml` of the present folder, if it is there.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let here = Path::new("seismolog.toml");
        self.file.clone().or_else(|| here.is_file().then(|| here.to_owned()))
    }

    /// The settings of that file and the environment.
    ///
    /// # Errors
    /// All faults, exit 78.
    pub fn settings(&self) -> Result<Settings, Failure> {
        Settings::load(self.file().as_deref(), environment()).map_err(wrong)
    }

    /// What they mean.
    ///
    /// # Errors
    /// All faults, exit 78.
    pub fn load(&self) -> Result<Config, Failure> {
        self.settings()?.meaning().map_err(wrong)
    }
}

/// Variables that are text; others are none of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn wrong(faults: crate::config::ConfigFaults) -> Failure {
    Failure::new(
        Exit::Config,
        anyhow::anyhow!("the configuration does not hold\n{faults}"),
    )
}

/// Runs it.
///
/// # Errors
/// When the configuration does not hold, or stdout cannot be written.
pub fn run(args: Args) -> CommandResult {
    match args.action {
        Some(Action::Show { file, output }) => show(&file, output),
        Some(Action::Check { file, connect, output }) => {
            let config = check(&file)?;
            if connect {
                super::connect::run(&config, output)
            } else {
                Ok(Exit::Done)
            }
        }
        Some(Action::Default) => default(),
        None => Ok(Exit::Usage),
    }
}

fn show(file: &FileArgs, output: OutputArgs) -> CommandResult {
    let settings = file.settings()?;
    let columns = [left("key"), left("value"), left("origin"), left("what for")];
    let mut listing = Listing::new(&columns, &["key", "value", "origin", "help"]);
    for (key, value, origin) in settings.shown() {
        let tone = if origin == "default" { Tone::Faint } else { Tone::Plain };
        let row = serde_json::json!({ "key": key.path, "value": value, "origin": origin, "help": key.help });
        let cells = vec![
            Cell::toned(key.path, Tone::Strong),
            Cell::from(value),
            Cell::toned(origin, tone),
            Cell::toned(key.help, Tone::Faint),
        ];
        listing.push(cells, row);
    }
    listing.print(output.chosen(), "there is no key")
}

fn check(file: &FileArgs) -> Result<Config, Failure> {
    let config = file.load()?;
    if let Some(folder) = &config.rules {
        crate::rules::RuleSet::load(folder).map_err(|faults| {
            let error = anyhow::anyhow!("the rules in {} do not hold\n{faults}", folder.display());
            Failure::new(Exit::Config, error)
        })?;
    }
    match file.file() {
        Some(path) => eprintln!("{} holds", path.display()),
        None => eprintln!("there is no configuration file: the defaults and the environment hold"),
    }
    Ok(config)
}

fn default() -> CommandResult {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(keys::default_file().as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    Ok(Exit::Done)
}
