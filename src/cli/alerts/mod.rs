//! `seismolog alerts`: what is, was, or would have been, an alert.

use super::CommandResult;
use clap::Subcommand;

mod act;
mod backtest;
mod list;
mod picture;
mod probe;
mod show;
mod simulate;

/// Arguments of `alerts`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: list::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One alert in full: what came with it, what happened to it, who was told
    Show(show::Args),
    /// Say that somebody looks after it: no reminders until it is over
    Ack(act::Args),
    /// Have nobody told of it for a while
    Silence(act::Silence),
    /// Say that it is over; seen again, it is a new alert
    Resolve(act::Args),
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
        None => list::run(&args.list),
        Some(Command::Show(args)) => show::run(&args),
        Some(Command::Ack(args)) => act::ack(&args),
        Some(Command::Silence(args)) => act::silence(&args),
        Some(Command::Resolve(args)) => act::resolve(&args),
        Some(Command::Simulate(args)) => simulate::run(args),
        Some(Command::Backtest(args)) => backtest::run(&args),
        Some(Command::Test(args)) => probe::run(&args),
    }
}
