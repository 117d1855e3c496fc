//! `seismolog ingest`: files into the embedded store, each record once.

use super::config::FileArgs;
use super::output::{Cell, Listing, OutputArgs, Tone, left, right};
use super::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use crate::config::{Config, zone};
use crate::engine::Engine;
use crate::process::embedded::{self, Embedded};
use crate::process::ingest::{Plan, Progress, Report, ingest};
use crate::process::stop::Stop;
use crate::process::{OnFailure, ProcessError, SinkError, Totals};
use crate::rules::RuleSet;
use crate::source::{Found, FrameLimits, SourceError, discover};
use crate::store::{AlertReader, OpenError, Reader, Store, StoreOptions, Writer};
use crate::telemetry::logging;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Arguments of `ingest`.
#[derive(Debug, Default, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    /// Files, folders, patterns in quotes; `-` is stdin. Plain, gzip and zstd are told by content
    #[arg(required = true, value_name = "FILE|DIR|PATTERN|-")]
    what: Vec<String>,
    /// Folder of the embedded store [default: store.path of the configuration, else seismolog-data]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Go on reading as files grow and are rotated, until interrupted
    #[arg(long, short = 'f')]
    follow: bool,
    /// Folder of rules [default: ./rules where there is one, else the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Zone of times written without one: UTC, Asia/Shanghai, +08:00
    #[arg(long, value_name = "ZONE")]
    default_zone: Option<String>,
    #[command(flatten)]
    config: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
///
/// # Errors
/// When a source is bad (65, its good records are kept), the store cannot be used (75, 78) or the rules do not hold
/// (78).
pub fn run(args: Args) -> CommandResult {
    logging::start("warn");
    let mut config = args.config.load()?;
    if let Some(text) = &args.default_zone {
        config.default_zone = zone(text).ok_or_else(|| {
            let error = anyhow::anyhow!("{text:?} is no time zone; write UTC, Asia/Shanghai or +08:00");
            Failure::new(Exit::Usage, error)
        })?;
    }
    if let Some(folder) = &args.rules {
        config.rules = Some(folder.clone());
    }
    if let Some(folder) = &args.store {
        config.store.clone_from(folder);
    }
    let with_stdin = args.what.iter().any(|what| what == "-");
    let meant: Vec<String> = args.what.iter().filter(|what| *what != "-").cloned().collect();
    if args.follow && with_stdin {
        let error = anyhow::anyhow!("stdin cannot be followed; it is read to its end without --follow");
        return Err(Failure::new(Exit::Usage, error));
    }
    let found = if args.follow {
        Found::default()
    } else {
        found(&meant, with_stdin)?
    };
    let engine = Engine::new(
        Arc::new(load_rules(config.rules.as_deref())?),
        config.default_zone.clone(),
    );
    let store = open_store(&config.store)?;
    if args.follow {
        let totals = follow(engine, store.writer(), meant, &config)?;
        print_ledger(&Told::of(&totals), args.output)?;
        return Ok(Exit::Done);
    }
    let begun = Instant::now();
    let plan = Plan {
        files: found.files,
        fold: config.fold,
        frame: FrameLimits::default(),
        flush_interval: config.flush_interval,
        clock: Clock::System,
    };
    let bar = bar_for(&plan.files, with_stdin);
    let stdin = with_stdin.then(|| Box::new(std::io::stdin()) as _);
    let report = ingest(engine, Box::new(store.writer()), &plan, stdin, &mut |progress| {
        show(&bar, progress)
    });
    bar.finish_and_clear();
    let report = report.map_err(failed)?;
    drop(store.writer().checkpoint());
    for skipped in &found.skipped {
        eprintln!("skipped {}: {}", skipped.path.display(), skipped.reason);
    }
    for fault in &report.faults {
        eprintln!("seismolog: {fault}");
    }
    let mut told = Told::of(&report.totals);
    told.files = plan.files.len() + usize::from(with_stdin);
    told.report(&report, begun.elapsed().as_secs_f64());
    print_ledger(&told, args.output)?;
    verdict(&report)
}

/// What is to be read; nothing at all is bad input.
fn found(meant: &[String], with_stdin: bool) -> Result<Found, Failure> {
    let found = discover(meant).map_err(|error| {
        let exit = match &error {
            SourceError::Pattern { .. } => Exit::Usage,
            SourceError::Open { .. } | SourceError::Read { .. } | SourceError::Damaged { .. } => Exit::BadInput,
        };
        Failure::new(exit, error)
    })?;
    if found.files.is_empty() && !with_stdin {
        let passed = if found.skipped.is_empty() {
            String::new()
        } else {
            let first: Vec<String> = found
                .skipped
                .iter()
                .take(5)
                .map(|skipped| format!("{} ({})", skipped.path.display(), skipped.reason))
                .collect();
            format!("; {} files were passed over: {}", found.skipped.len(), first.join(", "))
        };
        let error = anyhow::anyhow!(
            "no log was found in {}{passed}; name a file to have it read whatever it is called",
            meant.join(", ")
        );
        return Err(Failure::new(Exit::BadInput, error));
    }
    Ok(found)
}

/// The rules of a folder, or the shipped ones.
pub(super) fn load_rules(folder: Option<&Path>) -> Result<RuleSet, Failure> {
    folder.map_or_else(RuleSet::shipped, RuleSet::load).map_err(|faults| {
        let error = anyhow::anyhow!("the rules do not hold\n{faults}");
        Failure::new(Exit::Config, error)
    })
}

/// The store of a folder, for writing.
pub(super) fn open_store(folder: &Path) -> Result<Store, Failure> {
    Store::open(folder, StoreOptions::default()).map_err(not_opened)
}

/// The store of a folder, for reading; a service may be running on it.
pub(super) fn read_store(folder: &Path) -> Result<Arc<dyn Reader>, Failure> {
    Store::open_read_only(folder, StoreOptions::default()).map_err(not_opened)
}

/// The same for the alerts in it.
pub(super) fn read_alerts(folder: &Path) -> Result<Arc<dyn AlertReader>, Failure> {
    Store::open_alerts_read_only(folder, StoreOptions::default()).map_err(not_opened)
}

fn not_opened(error: OpenError) -> Failure {
    let advice = error.advice();
    Failure::new(error.exit(), anyhow::anyhow!("{error}; {advice}"))
}

/// How a failure of processing ends the command.
pub(super) fn failed(error: ProcessError) -> Failure {
    let exit = match &error {
        ProcessError::Source(_) => Exit::BadInput,
        ProcessError::Sink(SinkError::Full(_) | SinkError::Busy(_)) | ProcessError::Thread(_) => Exit::Unavailable,
        ProcessError::Sink(SinkError::Broken(_)) => Exit::Config,
        ProcessError::Ledger(_) | ProcessError::Panicked(_) => Exit::Bug,
    };
    Failure::new(exit, error)
}

fn follow(engine: Engine, writer: Writer, meant: Vec<String>, config: &Config) -> Result<Totals, Failure> {
    let stop = Stop::default();
    let plan = embedded::Plan {
        files: meant,
        follow: true,
        sample: None,
        fold: config.fold,
        frame: FrameLimits::default(),
        flush_interval: config.flush_interval,
        on_failure: OnFailure::Wait,
        clock: Clock::System,
    };
    let service = Embedded::start(engine, Box::new(writer), plan, &stop).map_err(failed)?;
    super::run::until_interrupted(&stop, || service.has_ended())?;
    service.finish().map_err(failed)
}

/// How it ends: 65 where the input was all there was and nothing came of it, or some of it broke.
fn verdict(report: &Report) -> CommandResult {
    let all = report.totals.all();
    let bad = |what: &str| Err(Failure::new(Exit::BadInput, anyhow::anyhow!(what.to_owned())));
    if !report.faults.is_empty() {
        return Ok(Exit::BadInput);
    }
    if all.records == 0 && report.unchanged == 0 {
        return bad("the input holds no record: it is empty");
    }
    if all.records > 0 && all.folded == 0 {
        return bad(
            "nothing of the input could be read as an error; the reasons stand above, the bytes are kept as rejects",
        );
    }
    if all.records == 0 {
        eprintln!("nothing new: all of it was read before");
    }
    Ok(Exit::Done)
}

/// The ledger as it is told at the end.
#[derive(Debug, Default, serde::Serialize)]
struct Told {
    read: u64,
    folded: u64,
    rejected: u64,
    fingerprints: u64,
    /// Events beyond the first of their record.
    extra: u64,
    files: usize,
    unchanged: u64,
    bytes: u64,
    seconds: f64,
    /// Rejects by reason.
    reasons: std::collections::BTreeMap<&'static str, u64>,
    /// Sources that broke.
    faults: Vec<String>,
}

impl Told {
    fn of(totals: &Totals) -> Self {
        let all = totals.all();
        Self {
            read: all.records,
            folded: all.folded,
            rejected: all.rejected,
            extra: all.extra,
            fingerprints: totals.fingerprints,
            reasons: totals
                .reasons
                .iter()
                .map(|(reason, count)| (reason.as_str(), *count))
                .collect(),
            ..Self::default()
        }
    }

    fn report(&mut self, report: &Report, seconds: f64) {
        self.unchanged = report.unchanged;
        self.bytes = report.bytes;
        self.seconds = (seconds * 1_000.0).round() / 1_000.0;
        self.faults = report.faults.iter().map(ToString::to_string).collect();
    }
}

fn print_ledger(told: &Told, output: OutputArgs) -> Result<(), Failure> {
    let columns = [
        right("read"),
        right("folded"),
        right("rejected"),
        right("fingerprints"),
        right("files"),
        left("why rejected"),
    ];
    let mut listing = Listing::new(
        &columns,
        &[
            "read",
            "folded",
            "rejected",
            "fingerprints",
            "extra",
            "files",
            "unchanged",
            "bytes",
            "seconds",
            "faults",
        ],
    );
    let reasons: Vec<String> = told
        .reasons
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    let number = |number: u64| Cell::from(number.to_string());
    let rejected = if told.rejected > 0 { Tone::Warning } else { Tone::Plain };
    let cells = vec![
        number(told.read),
        number(told.folded),
        Cell::toned(told.rejected.to_string(), rejected),
        number(told.fingerprints),
        Cell::from(told.files.to_string()),
        Cell::toned(reasons.join(", "), Tone::Faint),
    ];
    let row = serde_json::to_value(told).map_err(|error| Failure::new(Exit::Bug, error))?;
    listing.set_document(row.clone());
    listing.push(cells, row);
    listing.print(output.chosen(), "").map(|_| ())
}

/// A bar where all sizes are known, else a spinner; only on a terminal.
fn bar_for(files: &[PathBuf], with_stdin: bool) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let packed = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "gz" || ending == "zst");
    let known = !with_stdin && !files.iter().any(packed);
    let bytes = files
        .iter()
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|there| there.len());
    let (bar, style) = if known {
        let style = "{bar:30} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {msg}  {eta}";
        (ProgressBar::new(bytes.sum()), style)
    } else {
        (
            ProgressBar::new_spinner(),
            "{spinner} {bytes}  {binary_bytes_per_sec}  {msg}",
        )
    };
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_position(progress.bytes);
    bar.set_message(format!("{} records", progress.records));
}
