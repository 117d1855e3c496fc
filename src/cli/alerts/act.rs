//! `seismolog alerts ack|silence|resolve`: what a person does about an alert, told to a running server.

use super::list::listing;
use crate::alert::AlertId;
use crate::cli::output::OutputArgs;
use crate::cli::search::refused;
use crate::cli::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use crate::serve::client::Client;
use serde_json::{Map, Value};

/// Arguments of all three.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its id: 32 hexadecimal digits
    id: AlertId,
    /// Who says it
    #[arg(long, env = "USER", hide_env_values = true, value_name = "NAME")]
    by: Option<String>,
    /// What there is to say
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The running server that judges: http://127.0.0.1:8420
    #[arg(long, value_name = "URL")]
    server: String,
    /// Token of an editor, for a server that wants one
    #[arg(long, env = "SEISMOLOG_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments of `silence`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("end").required(true).args(["lasting", "until"])))]
pub(super) struct Silence {
    #[command(flatten)]
    act: Args,
    /// How long: 1h, 4h, 1d
    #[arg(long = "for", value_name = "DURATION")]
    lasting: Option<String>,
    /// Until when: 2026-11-22T08:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Somebody looks after it.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub(super) fn ack(args: &Args) -> CommandResult {
    args.say("ack", &[])
}

/// It is over.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub(super) fn resolve(args: &Args) -> CommandResult {
    args.say("resolve", &[])
}

/// Nobody is told of it for a while.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub(super) fn silence(args: &Silence) -> CommandResult {
    args.act.say(
        "silence",
        &[("for", args.lasting.as_deref()), ("until", args.until.as_deref())],
    )
}

impl Args {
    fn say(&self, call: &str, more: &[(&str, Option<&str>)]) -> CommandResult {
        let client = Client::new(&self.server, self.token.clone()).map_err(|error| Failure::new(Exit::Usage, error))?;
        let mut body = Map::new();
        let said = [("by", self.by.as_deref()), ("note", self.note.as_deref())];
        for (name, value) in said.iter().chain(more) {
            if let Some(value) = value {
                body.insert((*name).to_owned(), Value::from(*value));
            }
        }
        let stands = client
            .post(&format!("alerts/{}/{call}", self.id), &Value::Object(body))
            .map_err(refused)?;
        listing(&[&stands], Clock::System.now_millis()).print(self.output.chosen(), "")
    }
}
