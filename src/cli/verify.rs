//! `seismolog verify`.

use super::config::FileArgs;
use super::ingest::read_store;
use super::output::{Cell, Listing, Output, OutputArgs, Tone, left, right};
use super::{CommandResult, Exit, Failure};
use crate::config::Config;
use crate::serve::time;
use crate::verify::{Check, Report, Span, Verdict, VerifyError, VerifyOptions, verify_servers, verify_store};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: FileArgs,
    /// Verify this embedded store, whatever the configuration says
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// How long to wait until all agrees; a running system is looked at again and again
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    within: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
///
/// # Errors
/// When it cannot be compared; the failure says why and how the process ends.
pub fn run(args: Args) -> CommandResult {
    let within = time::parse_duration(&args.within)
        .ok()
        .and_then(|millis| u64::try_from(millis).ok())
        .ok_or_else(|| {
            let error = anyhow::anyhow!("--within {} is no length of time: 30s, 5m", args.within);
            Failure::new(Exit::Usage, error)
        })?;
    let config = args.config.load()?;
    let report = if config.kafka.is_some() && args.store.is_none() {
        let options = VerifyOptions {
            within: Duration::from_millis(within),
        };
        verify_servers(&config, options).map_err(failed)?
    } else {
        of_store(&config, args.store.as_ref().unwrap_or(&config.store))?
    };
    print(&report, args.output.chosen())?;
    Ok(if report.agrees() { Exit::Done } else { Exit::No })
}

fn of_store(config: &Config, folder: &std::path::Path) -> Result<Report, Failure> {
    let reader = read_store(folder)?;
    let removes = config.retention_age.is_some() || config.retention_bytes.is_some();
    verify_store(reader.as_ref(), removes).map_err(failed)
}

fn failed(error: VerifyError) -> Failure {
    Failure::of_server(error.is_temporary(), error)
}

fn print(report: &Report, output: Output) -> Result<(), Failure> {
    let mut listing = Listing::new(
        &[
            left("stage"),
            left("of"),
            left("number"),
            right("wanted"),
            right("found"),
            left("verdict"),
            left("note"),
        ],
        &["stage", "of", "number", "wanted", "found", "verdict", "note"],
    );
    listing.set_document(json!({
        "agrees": report.agrees(),
        "verdict": report.verdict(),
        "checks": report.checks.iter().map(row).collect::<Vec<_>>(),
    }));
    for check in &report.checks {
        let tone = match check.verdict {
            Verdict::Exact => Tone::Good,
            Verdict::InFlight | Verdict::NotCompared => Tone::Warning,
            Verdict::Differs => Tone::Bad,
        };
        let cells = vec![
            Cell::from(&check.stage),
            Cell::from(&check.of),
            Cell::from(check.what),
            Cell::from(check.wanted.to_string()),
            Cell::from(
                check
                    .found
                    .map_or_else(|| "unknown".to_owned(), |found| found.to_string()),
            ),
            Cell::toned(check.verdict.as_str(), tone),
            Cell::toned(&check.note, Tone::Faint),
        ];
        listing.push(cells, row(check));
    }
    listing.print(output, "nothing to compare: nothing was counted yet")?;
    if output == Output::Table || std::io::stderr().is_terminal() {
        let said = match report.verdict() {
            Verdict::Exact => "all numbers agree",
            Verdict::InFlight => "all numbers agree up to what was in flight; a system at rest gives exact ones",
            Verdict::NotCompared => "all numbers that can be compared agree",
            Verdict::Differs => "there are differences",
        };
        // Who reads no stderr is not told; the table and the exit code say it as well.
        drop(writeln!(std::io::stderr(), "{said}"));
    }
    Ok(())
}

fn row(check: &Check) -> serde_json::Value {
    let shown = |span: Span| {
        if span.is_exact() {
            json!(span.low)
        } else {
            json!(span.to_string())
        }
    };
    json!({
        "stage": check.stage,
        "of": check.of,
        "number": check.what,
        "wanted": shown(check.wanted),
        "found": check.found.map(shown),
        "verdict": check.verdict,
        "note": check.note,
    })
}
