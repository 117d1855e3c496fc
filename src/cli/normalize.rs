//! `seismolog normalize`: JSON Lines in, one JSON line out per line in.

use super::input::{self, EngineArgs};
use super::lines::{Line, Lines};
use super::{CommandResult, Exit, Failure};
use crate::engine::{LineWriter, Outcome};
use crate::event::{Reason, Rejection};
use anyhow::Context as _;
use std::io::{self, Write};

/// How much output is gathered before it is written.
const OUT_CHUNK: usize = 256 * 1024;

/// JSON Lines in, JSON Lines out: exactly one line out per line in, in order.
///
/// A line out says `outcome`: `folded` (with the time, the dimensions, the error type, the template, the fingerprint
/// and the rest) or `rejected` (with the reason). Blank lines are no records. Nothing is stored.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  seismolog normalize app.jsonl | jq -r 'select(.part==\"root\") | .error_type' | sort | uniq -c"
)]
pub struct Args {
    /// A file (also .gz and .zst), or - for stdin
    #[arg(default_value = "-")]
    file: String,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Runs it.
///
/// # Errors
/// When the input cannot be read, the rules are faulty or the output cannot be written.
pub fn run(args: Args) -> CommandResult {
    let mut engine = args.engine.engine()?;
    let limit = args.engine.limits().max_bytes;
    let mut lines = Lines::new(input::open(&args.file)?, limit);
    let mut stdout = io::stdout().lock();
    let mut writer = LineWriter::default();
    let mut out = Vec::with_capacity(OUT_CHUNK * 2);
    let reading = || format!("could not read {}", args.file);
    while let Some(line) = lines
        .next_line()
        .with_context(reading)
        .map_err(|e| Failure::new(Exit::BadInput, e))?
    {
        match line {
            Line::Whole(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => continue,
            Line::Whole(bytes) => {
                writer.begin();
                engine.read(bytes, &mut |outcome| writer.add(&outcome, bytes.len()));
            }
            Line::TooLong(length) => {
                writer.begin();
                let detail = format!("the line is {length} bytes long, at most {limit} are read");
                writer.add(&Outcome::Rejected(Rejection::new(Reason::TooLarge, detail)), length);
            }
        }
        writer.finish(&mut out);
        if out.len() >= OUT_CHUNK {
            write_out(&mut stdout, &mut out)?;
        }
    }
    write_out(&mut stdout, &mut out)?;
    Ok(Exit::Done)
}

fn write_out(stdout: &mut impl Write, out: &mut Vec<u8>) -> Result<(), Failure> {
    let written = stdout.write_all(out).and_then(|()| stdout.flush());
    written
        .context("could not write to stdout")
        .map_err(|e| Failure::new(Exit::Unavailable, e))?;
    out.clear();
    Ok(())
}
