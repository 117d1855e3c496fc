//! `seismolog alerts test`: whether a destination takes what we send, before it matters.

use super::super::input;
use super::super::{CommandResult, Exit, Failure};
use crate::alert::notify::{Verdict, probe};
use crate::clock::Clock;
use crate::rules::nearest;
use anyhow::anyhow;
use std::io::Write as _;
use std::path::PathBuf;

/// Sends one clearly marked test alert to a destination of `routes.yaml` and prints what it answered.
///
/// Exit code 0: it took it. 75: it did not answer, or is busy. 78: it refused, or is not configured.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ORDERS_CHAT=https://… seismolog alerts test orders-chat --rules rules")]
pub(super) struct Args {
    /// Name of the destination in routes.yaml
    destination: String,
    /// Folder of rules; without it ./rules where there is one
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Where the pages are, for links in the message
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

/// Runs it.
///
/// # Errors
/// The destination is not known or cannot be reached as configured, refused (78), or stayed away (75).
pub(super) fn run(args: &Args) -> CommandResult {
    let rules = input::rules(args.rules.as_deref())?;
    let routes = rules.routes();
    let destination = routes.destination(&args.destination).ok_or_else(|| {
        let known: Vec<&str> = routes.destinations().map(|one| one.name.as_str()).collect();
        let advice = match nearest(&args.destination, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None if known.is_empty() => "routes.yaml names none, or the rules folder has no such file".to_owned(),
            None => format!("known: {}", known.join(", ")),
        };
        Failure::new(
            Exit::Config,
            anyhow!("{:?} is no destination; {advice}", args.destination),
        )
    })?;
    let name = &destination.name;
    destination
        .reach()
        .map_err(|error| Failure::new(Exit::Config, anyhow!("{name} cannot be reached: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let now = Clock::System.now_millis();
    let probed = runtime.block_on(probe::probe(destination, args.base_url.as_deref(), now));
    writeln!(
        std::io::stdout(),
        "{name} ({}): {}",
        destination.kind.as_str(),
        probed.request
    )
    .map_err(|error| Failure::new(Exit::Bug, error))?;
    match probed.verdict {
        Verdict::Taken(said) => {
            writeln!(std::io::stdout(), "taken: {said}").map_err(|error| Failure::new(Exit::Bug, error))?;
            Ok(Exit::Done)
        }
        Verdict::Again { why, .. } => {
            let error = anyhow!("{name} did not take it for now: {why}");
            Err(Failure::new(Exit::Unavailable, error))
        }
        Verdict::Refused(why) => Err(Failure::new(Exit::Config, anyhow!("{name} refused it: {why}"))),
    }
}
