//! `seismolog dlq replay`: sends rejects back, each once.
//!
//! What is sent and the note that it was are one transaction, so a replay that was killed can be started again: it
//! goes on where it stopped, and nothing is sent twice.

use super::dlq::{Found, Which};
use super::run::load_rules;
use super::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use crate::engine::{Engine, Outcome};
use crate::event::EventTime;
use crate::source::kafka::replay::{Back, Replayer};
use crate::topics::reject::Stage;
use anyhow::anyhow;
use std::io::Write;

/// What a replay does.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct How {
    /// Only say what would be sent, and what would become of it
    #[arg(long)]
    dry_run: bool,
    /// Send also what was sent back before
    #[arg(long)]
    again: bool,
}

/// Sends rejects back. A record that would be rejected again is left where it is: sending it would only make another.
pub(super) fn replay(which: &Which, how: How) -> CommandResult {
    let config = which.place.config.load()?;
    let Some(kafka) = which.place.kafka(&config) else {
        let error = anyhow!(
            "the embedded store replays nothing: write the bytes with `seismolog dlq show --raw ID`, mend them and \
             read them with `seismolog ingest -`"
        );
        return Err(Failure::new(Exit::Usage, error));
    };
    let mut engine = Engine::new(load_rules(&config)?.current(), config.default_zone.clone());
    // First of all: what another replay has open is ended, so that what is read now is all that was ever sent back.
    let mut replayer = if how.dry_run {
        None
    } else {
        Some(Replayer::open(kafka, &config.topics.rejects)?)
    };
    let (mut sent, mut left_alone) = (0_u64, 0_u64);
    for found in which.find()? {
        let why_not = why_not(&found, &mut engine, how);
        let back = match (why_not, back(&found)) {
            (None, Some(back)) => back,
            (why, _) => {
                left_alone += 1;
                let why = why.unwrap_or_else(|| "it does not say where it came from".to_owned());
                tell(&found.id, found.topic.as_deref(), "left alone", Some(&why))?;
                continue;
            }
        };
        sent += 1;
        match &mut replayer {
            None => tell(&found.id, found.topic.as_deref(), "would be sent", None)?,
            Some(replayer) => tell_sent(&replayer.take(back, Clock::System.now_millis())?)?,
        }
    }
    if let Some(replayer) = &mut replayer {
        tell_sent(&replayer.send(Clock::System.now_millis())?)?;
    }
    let verb = if how.dry_run { "would be sent" } else { "were sent" };
    eprintln!(
        "seismolog: {sent} rejects {verb}, {left_alone} left alone; what was sent back is noted beside the rejects, and \
         is not sent a second time"
    );
    Ok(Exit::Done)
}

/// Only what is committed is told as sent.
fn tell_sent(sent: &[Back]) -> Result<(), Failure> {
    for back in sent {
        let id = format!("{}:{}", back.place.0, back.place.1);
        tell(&id, Some(&back.topic), "sent", None)?;
    }
    Ok(())
}

fn tell(id: &str, topic: Option<&str>, outcome: &str, why: Option<&str>) -> Result<(), Failure> {
    let line = serde_json::json!({ "id": id, "topic": topic, "outcome": outcome, "why": why });
    writeln!(std::io::stdout().lock(), "{line}").map_err(|error| Failure::new(Exit::Unavailable, error))
}

fn back(found: &Found) -> Option<Back> {
    Some(Back {
        place: found.place?,
        topic: found.topic.clone()?,
        key: key_of(found),
        payload: found.bytes.clone(),
    })
}

/// Why a reject is not worth sending; `None` where it is.
fn why_not(found: &Found, engine: &mut Engine, how: How) -> Option<String> {
    if let Some(at) = found.replayed_at.filter(|_| !how.again) {
        return Some(format!(
            "it was sent back at {}; --again sends it a second time",
            EventTime::from_millis(at).rfc3339()
        ));
    }
    if !found.is_whole() {
        return Some(format!(
            "only {} of its {} bytes were kept",
            found.bytes.len(),
            found.length
        ));
    }
    match found.stage {
        // A delta the search node refused: whether it takes it now is its to say.
        Stage::Index => None,
        Stage::Process => {
            let mut folded = false;
            let mut why = None;
            engine.read(&found.bytes, &mut |outcome| match outcome {
                Outcome::Folded(_) => folded = true,
                Outcome::Rejected(rejection) => why = Some(format!("{}: {}", rejection.reason, rejection.detail)),
            });
            why.filter(|_| !folded)
                .map(|why| format!("it would be rejected again: {why}"))
        }
    }
}

/// The key it is sent with: a delta's is its issue, so that it meets the others of its issue; a record's was not kept.
fn key_of(found: &Found) -> String {
    let issue = match found.stage {
        Stage::Index => serde_json::from_slice::<serde_json::Value>(&found.bytes).ok(),
        Stage::Process => None,
    };
    let issue = issue
        .as_ref()
        .and_then(|value| value.get("issue"))
        .and_then(serde_json::Value::as_str);
    issue.map_or_else(|| found.id.clone(), str::to_owned)
}
