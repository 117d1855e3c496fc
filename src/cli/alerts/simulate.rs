//! `seismolog alerts simulate`: logs played by event time through the whole pipeline.

use super::super::input::EngineArgs;
use super::super::output::{Cell, Listing, OutputArgs, Tone, left, right};
use super::super::{CommandResult, Exit, Failure};
use crate::alert::{Alert, Patience, replay::Replay};
use crate::engine::{Engine, Outcome};
use crate::event::Severity;
use crate::source::{FrameLimits, Framer, Tail, discover, open_unpacked};
use anyhow::Context as _;
use std::io::Read;
use std::path::Path;

/// Plays logs by the time their events carry, whatever order they stand in, and prints every alert as it was told
/// last: the job, the root, what followed from it, from when to when.
///
/// Nothing is stored and nothing is sent.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  seismolog alerts simulate sample-logs --output jsonl | jq -r .title"
)]
pub(super) struct Args {
    /// Files, folders, patterns in quotes; `-` is stdin. Plain, gzip and zstd are told by content
    #[arg(required = true, value_name = "FILE|DIR|PATTERN|-")]
    what: Vec<String>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
///
/// # Errors
/// When an input cannot be read (65) or the rules are faulty (78).
pub(super) fn run(args: Args) -> CommandResult {
    let mut engine = args.engine.engine()?;
    let rules = engine.rules();
    let mut replay = Replay::new(rules.cascades().clone()).with_rules(rules.alerts().clone());
    let mut rejected = 0_u64;
    let bad = |error: anyhow::Error| Failure::new(Exit::BadInput, error);
    if args.what.iter().any(|what| what == "-") {
        rejected += gather(&mut std::io::stdin().lock(), &mut engine, &mut replay)
            .context("could not read stdin")
            .map_err(bad)?;
    }
    let meant: Vec<&String> = args.what.iter().filter(|what| *what != "-").collect();
    for file in discover(&meant).map_err(|error| bad(error.into()))?.files {
        rejected += gather_file(&file, &mut engine, &mut replay).map_err(bad)?;
    }
    if rejected > 0 {
        eprintln!("seismolog: {rejected} records are no events and were passed over; `seismolog normalize` says why");
    }
    print(&replay.play(Patience::default()), args.output)
}

fn gather_file(file: &Path, engine: &mut Engine, replay: &mut Replay) -> anyhow::Result<u64> {
    let reading = || format!("could not read {}", file.display());
    let mut input = open_unpacked(file).with_context(reading)?;
    gather(&mut *input, engine, replay).with_context(reading)
}

/// Reads all of an input; says how many records are no events.
fn gather(input: &mut dyn Read, engine: &mut Engine, replay: &mut Replay) -> std::io::Result<u64> {
    let mut framer = Framer::new(FrameLimits::default());
    let mut tail = Tail::More;
    let mut rejected = 0;
    loop {
        while let Some(record) = framer.next(tail) {
            if record.too_large.is_some() {
                rejected += 1;
                continue;
            }
            engine.read(record.bytes, &mut |outcome| match outcome {
                Outcome::Folded(event) => replay.take(&event),
                Outcome::Rejected(_) => rejected += 1,
            });
        }
        if tail == Tail::End {
            return Ok(rejected);
        }
        if framer.fill(input)? == 0 {
            tail = Tail::End;
        }
    }
}

fn print(alerts: &[Alert], output: OutputArgs) -> CommandResult {
    let mut listing = Listing::new(
        &[
            left("started"),
            left("state"),
            left("severity"),
            left("alert"),
            left("type"),
            right("events"),
            right("followers"),
        ],
        &[
            "id",
            "rule",
            "level",
            "state",
            "severity",
            "title",
            "job_name",
            "job_id",
            "error_type",
            "exception",
            "fingerprint",
            "started_at",
            "ended_at",
            "value",
        ],
    );
    for alert in alerts {
        let row = serde_json::to_value(alert)
            .context("an alert cannot be written as JSON")
            .map_err(|error| Failure::new(Exit::Bug, error))?;
        listing.push(cells(alert), row);
    }
    listing.print(output.chosen(), "no alert would have been sent")
}

fn cells(alert: &Alert) -> Vec<Cell> {
    let tone = match alert.severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warning,
        Severity::Low | Severity::Info => Tone::Plain,
    };
    vec![
        Cell::toned(&alert.started_at, Tone::Faint),
        alert.state.as_str().into(),
        Cell::toned(alert.severity.as_str(), tone),
        Cell::toned(&alert.title, Tone::Strong),
        alert.error_type.clone().unwrap_or_default().into(),
        alert.value.to_string().into(),
        alert.followers.len().to_string().into(),
    ]
}
