//! `seismolog search`; and where the answers of `search`, `trends`, `jobs` and `alerts` come from: the store's folder,
//! which a service may be using meanwhile, or a running server.

use super::config::FileArgs;
use super::ingest::{read_alerts, read_store};
use super::output::{Cell, Listing, OutputArgs, Tone, bars, left, right, shortened};
use super::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use crate::query::{FIELDS, Query};
use crate::serve::client::{Client, ClientError};
use crate::serve::time;
use crate::store::{AlertReader, ErrorSort, ErrorsAsk, ReadError, Reader};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `search`.
#[derive(Debug, Default, clap::Args)]
#[command(after_long_help = language())]
pub struct Args {
    /// The search, as on the pages: words, "a phrase", job:orders-*, severity:>=high, -part:noise, is:new
    #[arg(default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    query: String,
    #[command(flatten)]
    window: WindowArgs,
    /// Order
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// At most so many errors
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// The `next` of the page before
    #[arg(long, default_value = "", hide_default_value = true)]
    after: String,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The search language, for who has no page open.
fn language() -> String {
    let keys: Vec<&str> = FIELDS.iter().map(|key| key.name).collect();
    format!(
        "\
Searches:
  checkpoint expired                        both words, anywhere in message, exception or stack
  '\"could not materialize\"'                 these words in this order
  'job:orders-* -severity:low'              wildcards, and not
  'error_type:[tm_closed,tm_fatal_error]'   any of a list
  '(is:new OR count:>100) has:stack'        brackets, OR, numbers, what there is
  'first_seen:>-1h last_seen:<2026-11-20'   times: relative, RFC 3339, days

Keys: {}",
        keys.join(", ")
    )
}

/// The window of a question.
#[derive(Debug, Default, clap::Args)]
pub struct WindowArgs {
    /// How far back, or from when: 24h, 7d, 2026-11-21T08:00:00Z
    #[arg(long, default_value = "24h", value_name = "TIME")]
    since: String,
    /// Until when: now, -1h, 2026-11-21T09:00:00Z
    #[arg(long, default_value = "now", value_name = "TIME")]
    until: String,
}

/// A window, milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) now: i64,
}

impl WindowArgs {
    pub(crate) fn read(&self) -> Result<Window, Failure> {
        let now = Clock::System.now_millis();
        let usage = |error: time::TimeError| Failure::new(Exit::Usage, error);
        let from = match time::parse_duration(&self.since) {
            Ok(length) => now.saturating_sub(length).max(0),
            Err(_) => time::parse_time(&self.since, now).map_err(usage)?,
        };
        // What happens while we ask is part of "now".
        let to = match self.until.as_str() {
            "now" => now.saturating_add(1000),
            other => time::parse_time(other, now).map_err(usage)?,
        };
        if from >= to {
            let error = anyhow::anyhow!(
                "--since {} is not before --until {}; give a longer window",
                self.since,
                self.until
            );
            return Err(Failure::new(Exit::Usage, error));
        }
        Ok(Window { from, to, now })
    }
}

/// Orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Sort {
    /// Latest event first
    #[default]
    LastSeen,
    /// Newest error first
    FirstSeen,
    /// Most events first
    Count,
}

/// Who is asked.
#[derive(Debug, Default, clap::Args)]
pub struct FromArgs {
    #[command(flatten)]
    config: FileArgs,
    /// Folder of an embedded store; a service may be running on it [default: what the configuration names: the search
    /// node and Druid, or the embedded store]
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    store: Option<PathBuf>,
    /// A running server: http://127.0.0.1:8420
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Token for a server that wants one
    #[arg(long, env = "SEISMOLOG_TOKEN", hide_env_values = true, requires = "server")]
    token: Option<String>,
}

/// Who answers.
pub(crate) enum Answers<R: ?Sized = dyn Reader> {
    Store(Arc<R>),
    Server(Client),
}

impl FromArgs {
    pub(crate) fn open(&self) -> Result<Answers, Failure> {
        match &self.server {
            Some(server) => self.client(server).map(Answers::Server),
            None => self.reader().map(Answers::Store),
        }
    }

    /// The same for alerts: they are kept in the store of the process that judges.
    pub(crate) fn open_alerts(&self) -> Result<Answers<dyn AlertReader>, Failure> {
        match &self.server {
            Some(server) => self.client(server).map(Answers::Server),
            None => {
                let folder = match &self.store {
                    Some(folder) => folder.clone(),
                    None => self.config.load()?.store,
                };
                read_alerts(&folder).map(Answers::Store)
            }
        }
    }

    fn client(&self, server: &str) -> Result<Client, Failure> {
        Client::new(server, self.token.clone()).map_err(|error| Failure::new(Exit::Usage, error))
    }
}

impl FromArgs {
    fn reader(&self) -> Result<Arc<dyn Reader>, Failure> {
        if let Some(folder) = &self.store {
            return read_store(folder);
        }
        let config = self.config.load()?;
        if config.elasticsearch.is_some() {
            return Ok(super::run_servers::reader(&config)?);
        }
        read_store(&config.store)
    }
}

/// Reads a search; a mistake is pointed at on stderr and ends with 64.
pub(crate) fn read_query(text: &str) -> Result<Query, Failure> {
    Query::parse(text).map_err(|mistake| {
        let said = format!("the search has a mistake\n{}", mistake.pointed_at(text));
        Failure::new(Exit::Usage, anyhow::anyhow!(said))
    })
}

/// An answer of the store as the API writes it.
pub(crate) fn answered<T: serde::Serialize>(answer: Result<T, ReadError>) -> Result<Value, Failure> {
    let answer = answer.map_err(|error| {
        let exit = match &error {
            ReadError::NotFound(_) => Exit::No,
            ReadError::BadRequest(_) => Exit::Usage,
            ReadError::Store(_) | ReadError::TimedOut(_) => Exit::Unavailable,
        };
        Failure::new(exit, error)
    })?;
    serde_json::to_value(answer).map_err(|error| Failure::new(Exit::Bug, error))
}

/// How a failure of the client ends the command.
pub(crate) fn refused(error: ClientError) -> Failure {
    let exit = match &error {
        _ if error.is_temporary() => Exit::Unavailable,
        ClientError::Refused { status: 400, .. } => Exit::Usage,
        ClientError::Refused { status: 404, .. } => Exit::No,
        ClientError::Refused { .. } | ClientError::Address(_) | ClientError::Strange { .. } => Exit::Config,
        ClientError::Away { .. } => Exit::Unavailable,
    };
    Failure::new(exit, error)
}

/// Buckets of the bars in a table.
pub(crate) const BARS: usize = 24;

/// Runs it.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub fn run(args: Args) -> CommandResult {
    let query = read_query(&args.query)?;
    let window = args.window.read()?;
    let answer = match args.from.open()? {
        Answers::Store(reader) => answered(reader.errors(&ErrorsAsk {
            query,
            from: window.from,
            to: window.to,
            sort: match args.sort {
                Sort::LastSeen => ErrorSort::LastSeen,
                Sort::FirstSeen => ErrorSort::FirstSeen,
                Sort::Count => ErrorSort::Count,
            },
            limit: usize::from(args.limit),
            after: Some(args.after).filter(|a| !a.is_empty()),
            sparkline: BARS,
            now: window.now,
        }))?,
        Answers::Server(client) => client
            .get(
                "errors",
                &[
                    ("q", &args.query),
                    ("from", &window.from.to_string()),
                    ("to", &window.to.to_string()),
                    (
                        "sort",
                        match args.sort {
                            Sort::LastSeen => "last_seen",
                            Sort::FirstSeen => "first_seen",
                            Sort::Count => "count",
                        },
                    ),
                    ("limit", &args.limit.to_string()),
                    ("after", &args.after),
                    ("sparkline", &BARS.to_string()),
                ],
            )
            .map_err(refused)?,
    };
    let mut listing = Listing::new(
        &[
            left("severity"),
            right("events"),
            left("trend"),
            left("last seen"),
            left("first seen"),
            left("job"),
            left("type"),
            left("error"),
        ],
        &[
            "id",
            "fingerprint",
            "job",
            "error_type",
            "category",
            "severity",
            "part",
            "exception",
            "count",
            "total",
            "first_seen",
            "last_seen",
            "state",
            "title",
        ],
    );
    for issue in items(&answer) {
        listing.push(cells(issue, window.now), issue.clone());
    }
    listing.set_next(answer.get("next").and_then(Value::as_str).map(str::to_owned));
    listing.print(
        args.output.chosen(),
        "no errors match in this window; an earlier --since looks further back",
    )
}

/// The rows of a page.
pub(crate) fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("items").and_then(Value::as_array).into_iter().flatten()
}

/// A text of a row; empty when there is none.
pub(crate) fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A count of a row.
pub(crate) fn number(row: &Value, key: &str) -> u64 {
    row.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// Counts of a row.
pub(crate) fn counts(row: &Value, key: &str) -> Vec<u64> {
    let values = row.get(key).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// How long ago a time of a row was.
pub(crate) fn ago(row: &Value, key: &str, now: i64) -> String {
    let text = text(row, key);
    time::millis(text).map_or_else(|| text.to_owned(), |then| time::ago(then, now))
}

/// Longest name of a job or a type in a table, in characters.
const NAME: usize = 28;

fn cells(issue: &Value, now: i64) -> Vec<Cell> {
    let severity = text(issue, "severity");
    let tone = match severity {
        "critical" | "high" => Tone::Bad,
        "medium" => Tone::Warning,
        _ => Tone::Faint,
    };
    let class = text(issue, "exception");
    let simple = class.rsplit('.').next().unwrap_or(class);
    let title = text(issue, "title");
    let error = match (simple.is_empty(), title.is_empty()) {
        (true, _) => title.to_owned(),
        (false, true) => simple.to_owned(),
        (false, false) => format!("{simple}: {title}"),
    };
    vec![
        Cell::toned(severity, tone),
        Cell::toned(number(issue, "count").to_string(), Tone::Strong),
        bars(&counts(issue, "sparkline")).into(),
        ago(issue, "last_seen", now).into(),
        Cell::toned(ago(issue, "first_seen", now), Tone::Faint),
        shortened(text(issue, "job"), NAME).into(),
        Cell::toned(shortened(text(issue, "error_type"), NAME), Tone::Faint),
        error.into(),
    ]
}
