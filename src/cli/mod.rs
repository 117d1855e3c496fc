//! One file per command. Data goes to stdout, everything else to stderr.

mod exit;

pub use exit::{CommandResult, Exit, Failure};

use clap::{Parser, Subcommand};
use std::process::ExitCode;

pub mod alerts;
pub mod config;
mod connect;
pub mod dlq;
pub mod explain;
pub mod generate;
pub mod ingest;
pub mod input;
pub mod jobs;
pub mod lines;
pub mod normalize;
pub mod output;
mod replay;
pub mod rules;
pub mod run;
mod run_servers;
pub mod search;
pub mod setup;
mod tell;
pub mod trends;
pub mod verify;

/// Makes sense of the error logs of streaming jobs.
#[derive(Debug, Parser)]
#[command(name = "seismolog", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service (the default): read, fold, store, and serve the pages
    Run(run::Args),
    /// Read files or folders into the embedded store, exactly once
    Ingest(ingest::Args),
    /// JSON Lines in, one JSON line out per line in; nothing is stored
    Normalize(normalize::Args),
    /// Show every decision made on one record
    Explain(explain::Args),
    /// Find errors
    Search(search::Args),
    /// Counts over time by a dimension
    Trends(trends::Args),
    /// Alerts: list and answer them; see what would have been one
    Alerts(Box<alerts::Args>),
    /// Jobs with their health
    Jobs(jobs::Args),
    /// List, check and test the rules
    Rules(rules::Args),
    /// Show, check or print the default configuration
    Config(config::Args),
    /// Make what the servers need: topics, templates, scripts, the supervisor; run again it changes nothing
    Setup(setup::Args),
    /// Compare every count with every other: Kafka, Druid, the search node, or the embedded store
    Verify(verify::Args),
    /// List, show or replay what was rejected
    Dlq(dlq::Args),
    /// Make realistic load with a known truth
    Generate(generate::Args),
}

/// Runs the command line and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let shown = error.print();
            let wanted = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
            );
            return if wanted && shown.is_ok() {
                Exit::Done.into()
            } else {
                Exit::Usage.into()
            };
        }
    };
    let result = match cli.command.unwrap_or(Command::Run(run::Args::default())) {
        Command::Run(args) => run::run(args),
        Command::Ingest(args) => ingest::run(args),
        Command::Normalize(args) => normalize::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Search(args) => search::run(args),
        Command::Trends(args) => trends::run(args),
        Command::Alerts(args) => alerts::run(*args),
        Command::Jobs(args) => jobs::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Config(args) => config::run(args),
        Command::Setup(args) => setup::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Dlq(args) => dlq::run(args),
        Command::Generate(args) => generate::run(args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // A reader that went away (`| head`) is no failure.
            let broken_pipe = failure
                .error
                .chain()
                .filter_map(|e| e.downcast_ref::<std::io::Error>())
                .any(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
            if broken_pipe {
                return Exit::Done.into();
            }
            eprintln!("seismolog: {:#}", failure.error);
            failure.exit.into()
        }
    }
}
