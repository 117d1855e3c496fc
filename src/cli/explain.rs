//! `seismolog explain`: every decision made on one record.

use super::input::{self, EngineArgs};
use super::lines::{Line, Lines};
use super::{CommandResult, Exit, Failure};
use crate::engine::explain::{Explained, lines};
use anyhow::{Context as _, anyhow};
use std::io::{self, Write};
use std::num::NonZeroU64;

/// Show every decision made on one record: the layout, where each dimension came from, the cause chain and which
/// throwable tells, the owner frames, the rules that matched, and the pieces that made the fingerprint.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file (also .gz and .zst), or - for stdin
    #[arg(default_value = "-")]
    file: String,
    /// Which line, from 1 (blank lines count)
    #[arg(short = 'n', long = "line", value_name = "LINE", default_value = "1")]
    line: NonZeroU64,
    /// For a person, or the same as JSON
    #[arg(long, value_enum, default_value = "text")]
    output: Form,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One decision per line
    Text,
    /// One JSON object per event
    Json,
}

/// Runs it.
///
/// # Errors
/// When the input has no such line, the record is rejected or the rules are faulty.
pub fn run(args: Args) -> CommandResult {
    let mut engine = args.engine.engine()?;
    let mut reader = Lines::new(input::open(&args.file)?, args.engine.limits().max_bytes);
    let bad = |e: anyhow::Error| Failure::new(Exit::BadInput, e);
    let mut number = 0;
    loop {
        let line = reader
            .next_line()
            .with_context(|| format!("could not read {}", args.file))
            .map_err(bad)?;
        number += 1;
        let Some(line) = line else {
            let has = number - 1;
            return Err(bad(anyhow!(
                "{} has {has} lines, there is no line {}",
                args.file,
                args.line
            )));
        };
        if number < args.line.get() {
            continue;
        }
        let Line::Whole(bytes) = line else {
            return Err(bad(anyhow!(
                "line {number} is longer than {} bytes",
                args.engine.limits().max_bytes
            )));
        };
        let mut events = Vec::new();
        engine.explain(bytes, &mut |event| events.push(event));
        let mut rejected = None;
        for event in events {
            match event {
                Ok(explained) => {
                    print(&explained, args.output)
                        .context("could not write to stdout")
                        .map_err(|e| Failure::new(Exit::Unavailable, e))?;
                }
                Err(rejection) => rejected = Some(rejection),
            }
        }
        return match rejected {
            None => Ok(Exit::Done),
            Some(rejection) => Err(bad(anyhow!(
                "line {number} is rejected as {}: {}",
                rejection.reason,
                rejection.detail
            ))),
        };
    }
}

fn print(explained: &Explained, form: Form) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match form {
        Form::Json => {
            serde_json::to_writer(&mut out, explained)?;
            writeln!(out)
        }
        Form::Text => {
            let mut last = String::new();
            for (step, text) in lines(explained) {
                let shown = if step == last { "" } else { step.as_str() };
                let mut rows = text.split('\n');
                writeln!(out, "{shown:>15}  {}", rows.next().unwrap_or_default())?;
                for row in rows {
                    writeln!(out, "{:>15}  {row}", "")?;
                }
                last = step;
            }
            Ok(())
        }
    }
}
