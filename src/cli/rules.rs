//! `seismolog rules`: what types of errors and alert rules are known, whether the rules hold, and where an example does not.

use super::{CommandResult, Exit, Failure};
use crate::alert::condition::AlertRule;
use crate::rules::{self, ErrorRule, ExamplesRun, Faults, RuleSet};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Arguments of `rules`.
#[derive(Debug, Default, clap::Args)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Every type with its category, severity, part and cause
    List {
        #[command(flatten)]
        source: Source,
        /// List the alert rules instead
        #[arg(long)]
        alerts: bool,
        /// How the list is written [default: table on a terminal, jsonl elsewhere]
        #[arg(long, value_enum)]
        output: Option<Output>,
    },
    /// Read and compile the rules and run their examples; print all faults
    Check {
        #[command(flatten)]
        source: Source,
    },
    /// Run every example and print those that do not hold
    Test {
        #[command(flatten)]
        source: Source,
    },
}

#[derive(Debug, clap::Args)]
struct Source {
    /// Folder of the rules [default: ./rules where there is one, else the shipped rules]
    #[arg(long = "rules", value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Output {
    Table,
    Json,
    Jsonl,
    Csv,
}

impl Source {
    /// The folder, or none for the shipped rules.
    fn folder(&self) -> Option<PathBuf> {
        let here = PathBuf::from("rules");
        self.folder
            .clone()
            .or_else(|| here.join("errors").is_dir().then_some(here))
    }

    fn load(folder: Option<&Path>) -> Result<RuleSet, Failure> {
        folder.map_or_else(RuleSet::shipped, RuleSet::load).map_err(wrong)
    }
}

/// Runs it.
///
/// # Errors
/// When the rules are wrong, or stdout cannot be written.
pub fn run(args: Args) -> CommandResult {
    match args.action {
        Some(Action::List {
            source,
            alerts: true,
            output,
        }) => list_alerts(&source, output),
        Some(Action::List { source, output, .. }) => list(&source, output),
        Some(Action::Check { source }) => check(&source),
        Some(Action::Test { source }) => test(&source),
        None => Ok(Exit::Usage),
    }
}

fn list(source: &Source, output: Option<Output>) -> CommandResult {
    let rules = Source::load(source.folder().as_deref())?;
    let listed = Listed {
        columns: &COLUMNS,
        rows: rules.errors().iter().map(|rule| row(rule).to_vec()).collect(),
        objects: rules.errors().iter().map(object).collect(),
    };
    print_list(&listed, output)
}

fn list_alerts(source: &Source, output: Option<Output>) -> CommandResult {
    let rules = Source::load(source.folder().as_deref())?;
    let rules: Vec<_> = rules.alerts().iter().cloned().collect();
    let listed = Listed {
        columns: &ALERT_COLUMNS,
        rows: rules.iter().map(|rule| alert_row(rule).to_vec()).collect(),
        objects: rules.iter().map(|rule| alert_object(rule)).collect(),
    };
    print_list(&listed, output)
}

/// What a listing shows: the same as rows and as objects.
struct Listed<'a> {
    columns: &'a [&'static str],
    rows: Vec<Vec<&'a str>>,
    objects: Vec<serde_json::Value>,
}

fn print_list(listed: &Listed<'_>, output: Option<Output>) -> CommandResult {
    let stdout = io::stdout();
    let output = output.unwrap_or(if stdout.is_terminal() {
        Output::Table
    } else {
        Output::Jsonl
    });
    let mut out = io::BufWriter::new(stdout.lock());
    write_list(listed, output, &mut out)
        .and_then(|()| out.flush())
        .map_err(unwritten)?;
    Ok(Exit::Done)
}

fn write_list(listed: &Listed<'_>, output: Output, out: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Table => {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
            table.set_header(listed.columns);
            for row in &listed.rows {
                table.add_row(row);
            }
            writeln!(out, "{table}")
        }
        Output::Json => {
            serde_json::to_writer_pretty(&mut *out, &listed.objects)?;
            writeln!(out)
        }
        Output::Jsonl => listed.objects.iter().try_for_each(|object| writeln!(out, "{object}")),
        Output::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(listed.columns)?;
            for row in &listed.rows {
                csv.write_record(row)?;
            }
            csv.flush()
        }
    }
}

fn check(source: &Source) -> CommandResult {
    let folder = source.folder();
    let rules = folder
        .as_deref()
        .map_or_else(RuleSet::shipped_and_checked, RuleSet::load)
        .map_err(wrong)?;
    let categories: BTreeSet<_> = rules.errors().iter().map(|rule| &rule.category).collect();
    writeln!(
        io::stdout(),
        "{}: {} types in {} categories, {} alert rules, version {}, no faults",
        shown(folder.as_deref()),
        rules.errors().iter().count(),
        categories.len(),
        rules.alerts().iter().count(),
        rules.version()
    )
    .map_err(unwritten)?;
    for (destination, why) in rules.routes().unreached() {
        // The rules hold; whoever checks them need not be set up to send.
        eprintln!("seismolog: as this process is set up, destination {destination} is not reached: {why}");
    }
    Ok(Exit::Done)
}

fn test(source: &Source) -> CommandResult {
    let folder = source.folder();
    let run = rules::run_examples(folder.as_deref()).map_err(wrong)?;
    write_failed(&run, &shown(folder.as_deref()), &mut io::stdout().lock()).map_err(unwritten)?;
    Ok(if run.failed.is_empty() { Exit::Done } else { Exit::No })
}

fn write_failed(run: &ExamplesRun, what: &str, out: &mut dyn Write) -> io::Result<()> {
    for failed in &run.failed {
        let line = failed.place.1.map_or_else(String::new, |line| format!(":{line}"));
        writeln!(out, "{}{line}: {}", failed.place.0, failed.rule)?;
        writeln!(out, "  example   {}", failed.example.escape_debug())?;
        writeln!(out, "  expected  {}", failed.expected)?;
        writeln!(out, "  got       {}", failed.got)?;
    }
    writeln!(out, "{what}: {} examples, {} failed", run.run, run.failed.len())
}

fn unwritten(error: io::Error) -> Failure {
    Failure::new(
        Exit::Bug,
        anyhow::Error::new(error).context("could not write to stdout"),
    )
}

const COLUMNS: [&str; 5] = ["error_type", "category", "severity", "part", "cause"];

fn row(rule: &ErrorRule) -> [&str; 5] {
    [
        &rule.id,
        &rule.category,
        rule.severity.as_str(),
        rule.part.as_str(),
        &rule.cause,
    ]
}

const ALERT_COLUMNS: [&str; 5] = ["rule", "level", "severity", "condition", "about"];

fn alert_row(rule: &AlertRule) -> [&str; 5] {
    [
        &rule.id,
        rule.level.as_str(),
        rule.severity.as_str(),
        rule.kind,
        &rule.about,
    ]
}

fn alert_object(rule: &AlertRule) -> serde_json::Value {
    serde_json::json!({
        "rule": &*rule.id,
        "level": rule.level,
        "severity": rule.severity,
        "condition": rule.kind,
        "by": rule.by().iter().map(|one| one.name()).collect::<Vec<_>>(),
        "about": rule.about,
        "enabled": rule.enabled,
        "folds_into_failure": rule.folds_into_failure,
        "file": rule.place.0,
        "line": rule.place.1,
    })
}

fn object(rule: &ErrorRule) -> serde_json::Value {
    serde_json::json!({
        "error_type": &*rule.id,
        "category": &*rule.category,
        "severity": rule.severity,
        "part": rule.part,
        "cause": rule.cause,
        "advice": rule.advice,
        "file": rule.place.0,
        "line": rule.place.1,
    })
}

fn shown(folder: Option<&Path>) -> String {
    folder.map_or_else(|| "the shipped rules".to_owned(), |folder| folder.display().to_string())
}

fn wrong(faults: Faults) -> Failure {
    let count = faults.0.len();
    let plural = if count == 1 { "fault" } else { "faults" };
    Failure::new(
        Exit::Config,
        anyhow::anyhow!("the rules have {count} {plural}:\n{faults}"),
    )
}
