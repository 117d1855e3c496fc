//! `seismolog run`.

use super::{CommandResult, Exit, Failure};

/// Arguments of `run`.
#[derive(Debug, Default, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub fn run(_args: Args) -> CommandResult {
    Err(Failure::new(Exit::Bug, anyhow::anyhow!("not there yet")))
}
