//! `seismolog generate`.

use super::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use crate::generate::{GenerateError, Generator, LayoutChoice, Options, Scenario};
use anyhow::Context as _;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Scenarios:
  steady   errors over many jobs: jobs Zipf 1.05, 40 error families Zipf 0.8
  storm    95 % of the records from 50 (job, family) pairs
  novel    every record a new error
  cascade  failures with root and followers: TaskManager lost, checkpoint spiral,
           dependency outage over many jobs, JobManager lost, crash loop
  fleet    a day of a fleet: load that follows the clock, incidents, noise,
           several layouts, Spark, Python and Node beside Flink

The truth file is one JSON object: `records`, `bytes`, `distinct`, counts by `levels` and `layouts`,
`families` (root class, chain, expected error type, part), `jobs` (id, name, cluster, team, workers),
`pairs` [job, family, count], `minutes` [minute since 1970, job, family, count] and `incidents` with
their root, followers, jobs and times. Job and family numbers are positions in `jobs` and `families`.

With --start and --seed the bytes are the same on every machine.")]
pub struct Args {
    /// Kind of load: steady, storm, novel, cascade or fleet
    #[arg(long, value_name = "NAME")]
    scenario: Scenario,
    /// Records per second of event time [default: 1000; cascade 20; fleet takes a day whatever the count]
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Records [default: 100000]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Jobs
    #[arg(long, value_name = "N", default_value_t = 4000)]
    jobs: usize,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Event time of the first record, RFC 3339 [default: so that the load ends now]
    #[arg(long, value_name = "TIME")]
    start: Option<jiff::Timestamp>,
    /// Where records go
    #[arg(long, value_name = "WHERE", default_value = "stdout")]
    to: Destination,
    /// File for the truth: what was generated, to compare with
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Layout of the records: mix, ecs, jsonlayout, recipe, logback, logstash or text
    #[arg(long, value_name = "NAME", default_value = "mix")]
    layout: LayoutChoice,
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Destination {
    /// One record per line on standard output.
    Stdout,
}

/// Records are collected to this many bytes before they are written.
const CHUNK: usize = 1 << 18;

/// Runs it.
///
/// # Errors
/// When an option lies outside its range (64), or stdout or the truth file cannot be written (75).
pub fn run(args: Args) -> CommandResult {
    let options = options(&args);
    let mut generator = Generator::new(&options).map_err(|error| {
        let exit = match &error {
            GenerateError::Option { .. } => Exit::Usage,
            GenerateError::Family(_) | GenerateError::Template { .. } => Exit::Bug,
        };
        Failure::new(exit, error)
    })?;
    let unavailable = |error: anyhow::Error| Failure::new(Exit::Unavailable, error);
    // Opened before the long work, so that a bad path is told at once.
    let truth = match &args.truth {
        Some(path) => {
            let opened = std::fs::File::create(path);
            let file = opened
                .with_context(|| format!("could not create {}", path.display()))
                .map_err(unavailable)?;
            Some((path, file))
        }
        None => None,
    };
    let written = match args.to {
        Destination::Stdout => write_all(&mut generator, &mut std::io::stdout().lock()),
    };
    // When a reader went away nobody knows how far it came: then there is no truth to write.
    written
        .context("could not write records to standard output")
        .map_err(unavailable)?;
    if let Some((path, file)) = truth {
        let mut file = std::io::BufWriter::new(file);
        let wrote = serde_json::to_writer(&mut file, &generator.truth()).map_err(std::io::Error::from);
        let flushed = wrote.and_then(|()| file.write_all(b"\n")).and_then(|()| file.flush());
        flushed
            .with_context(|| format!("could not write {}", path.display()))
            .map_err(unavailable)?;
    }
    Ok(Exit::Done)
}

fn options(args: &Args) -> Options {
    let scenario = args.scenario;
    let rate = args.rate.unwrap_or_else(|| Options::default_rate(scenario));
    let count = match (args.count, scenario, args.rate) {
        (Some(count), _, _) => count,
        // A fleet's day of so many records a second.
        (None, Scenario::Fleet, Some(rate)) => rate.saturating_mul(86_400),
        (None, _, _) => 100_000,
    };
    let mut options = Options {
        rate,
        jobs: args.jobs,
        seed: args.seed,
        layout: args.layout,
        minutes: args.truth.is_some(),
        ..Options::of(scenario, count)
    };
    options.start_millis = match args.start {
        Some(start) => start.as_millisecond(),
        None => Clock::System.now_millis().saturating_sub(options.span_millis()),
    };
    options
}

fn write_all(generator: &mut Generator, out: &mut dyn Write) -> std::io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK + 65_536);
    while generator.next_record(&mut chunk) {
        chunk.push(b'\n');
        if chunk.len() >= CHUNK {
            out.write_all(&chunk)?;
            chunk.clear();
        }
    }
    out.write_all(&chunk)?;
    out.flush()
}
