//! `seismolog alerts`: what was, or would have been, an alert.

use super::CommandResult;
use clap::Subcommand;

mod backtest;
mod picture;
mod probe;
mod simulate;

/// Arguments of `alerts`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play logs by their own time; print every alert that would have been sent
    Simulate(simulate::Args),
    /// Judge a file of `timestamp,value`: what would have fired, and when
    Backtest(backtest::Args),
    /// Send a marked test alert to a destination of routes.yaml
    Test(probe::Args),
}

/// Runs it.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub fn run(args: Args) -> CommandResult {
    match args.command {
        Command::Simulate(args) => simulate::run(args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Test(args) => probe::run(&args),
    }
}
