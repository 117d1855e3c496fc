//! `seismolog alerts` without more: the list.

use crate::alert::{Level, State};
use crate::cli::CommandResult;
use crate::cli::output::{Cell, Listing, OutputArgs, Tone, left, right, shortened};
use crate::cli::search::{Answers, FromArgs, WindowArgs, ago, answered, items, refused, text};
use crate::serve::time;
use crate::store::AlertsAsk;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

/// Arguments of the list.
#[derive(Debug, Default, clap::Args)]
// Those of the command around it are a group of the same name.
#[group(skip)]
pub(super) struct Args {
    /// Those in one of these states, with commas between them [default: all]
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(State::ALL.map(State::as_str)))]
    state: Vec<String>,
    /// Those of this job
    #[arg(long, default_value = "", hide_default_value = true)]
    job: String,
    /// Those of this team
    #[arg(long, default_value = "", hide_default_value = true)]
    team: String,
    /// Those of this rule
    #[arg(long, default_value = "", hide_default_value = true)]
    rule: String,
    /// Those of this level
    #[arg(long, value_parser = PossibleValuesParser::new(Level::ALL.map(Level::as_str)))]
    level: Option<String>,
    #[command(flatten)]
    window: WindowArgs,
    /// At most so many alerts
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

/// Runs it.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub(super) fn run(args: &Args) -> CommandResult {
    let window = args.window.read()?;
    let answer = match args.from.open_alerts()? {
        Answers::Store(reader) => {
            let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            answered(
                reader.alerts(&AlertsAsk {
                    states: State::ALL
                        .into_iter()
                        .filter(|state| args.state.iter().any(|name| name == state.as_str()))
                        .collect(),
                    job: given(&args.job),
                    team: given(&args.team),
                    rule: given(&args.rule),
                    level: Level::ALL
                        .into_iter()
                        .find(|level| args.level.as_deref() == Some(level.as_str())),
                    from: Some(window.from),
                    to: Some(window.to),
                    limit: usize::from(args.limit),
                    after: given(&args.after),
                }),
            )?
        }
        Answers::Server(client) => client
            .get(
                "alerts",
                &[
                    ("state", &args.state.join(",")),
                    ("job", &args.job),
                    ("team", &args.team),
                    ("rule", &args.rule),
                    ("level", args.level.as_deref().unwrap_or("")),
                    ("from", &window.from.to_string()),
                    ("to", &window.to.to_string()),
                    ("limit", &args.limit.to_string()),
                    ("after", &args.after),
                ],
            )
            .map_err(refused)?,
    };
    let rows: Vec<&Value> = items(&answer).collect();
    let mut listing = listing(&rows, window.now);
    listing.set_next(answer.get("next").and_then(Value::as_str).map(str::to_owned));
    listing.print(
        args.output.chosen(),
        "no alert went on in this window; an earlier --since looks further back",
    )
}

/// Alerts as a listing.
pub(super) fn listing(alerts: &[&Value], now: i64) -> Listing {
    let mut listing = Listing::new(
        &[
            left("state"),
            left("severity"),
            left("began"),
            left("lasted"),
            right("value"),
            left("rule"),
            left("id"),
            left("alert"),
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
            "jobs",
            "team",
            "error_type",
            "exception",
            "fingerprint",
            "started_at",
            "ended_at",
            "updated_at",
            "value",
            "expected",
            "probability",
            "url",
        ],
    );
    for alert in alerts {
        listing.push(cells(alert, now), (*alert).clone());
    }
    listing
}

fn cells(alert: &Value, now: i64) -> Vec<Cell> {
    let state = text(alert, "state");
    let tone = match state {
        "firing" => Tone::Bad,
        "no_data" => Tone::Warning,
        "resolved" => Tone::Good,
        _ => Tone::Faint,
    };
    let severity = match text(alert, "severity") {
        name @ ("critical" | "high") => Cell::toned(name, Tone::Bad),
        name @ "medium" => Cell::toned(name, Tone::Warning),
        name => Cell::toned(name, Tone::Faint),
    };
    vec![
        Cell::toned(standing(alert, now), tone),
        severity,
        ago(alert, "started_at", now).into(),
        lasted(alert, now).into(),
        Cell::from(value(alert)),
        Cell::toned(shortened(text(alert, "rule"), 24), Tone::Faint),
        Cell::toned(text(alert, "id"), Tone::Faint),
        Cell::toned(text(alert, "title"), Tone::Strong),
    ]
}

/// The state, and what people did about it: `firing, acknowledged`.
pub(super) fn standing(alert: &Value, now: i64) -> String {
    let mut said = text(alert, "state").replace('_', " ");
    if alert.get("acknowledged").is_some() {
        said.push_str(", acknowledged");
    }
    if time::millis(text(alert, "silenced_until")).is_some_and(|until| until > now) {
        said.push_str(", silenced");
    }
    said
}

/// From its first event to its last, or to now.
pub(super) fn lasted(alert: &Value, now: i64) -> String {
    let end = match text(alert, "ended_at") {
        "" => Some(now),
        ended => time::millis(ended),
    };
    time::millis(text(alert, "started_at"))
        .zip(end)
        .map_or_else(String::new, |(from, to)| {
            time::span(to.saturating_sub(from).max(0).div_euclid(1000))
        })
}

/// What was measured, and what was expected of it.
pub(super) fn value(alert: &Value) -> String {
    let written = |key: &str| alert.get(key).filter(|value| value.is_number()).map(Value::to_string);
    match (written("value"), written("expected")) {
        (Some(value), Some(expected)) => format!("{value} / {expected}"),
        (Some(value), None) => value,
        (None, _) => String::new(),
    }
}
