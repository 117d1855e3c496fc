//! `seismolog jobs`.

use super::CommandResult;
use super::output::{Cell, Listing, OutputArgs, Tone, bars, left, right};
use super::search::{Answers, BARS, FromArgs, WindowArgs, ago, answered, counts, items, number, refused, text};
use crate::store::JobsAsk;
use serde_json::Value;

/// Arguments of `jobs`.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Part of a job's name, in any case
    #[arg(default_value = "", hide_default_value = true)]
    name: String,
    #[command(flatten)]
    window: WindowArgs,
    /// At most so many jobs
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
pub fn run(args: Args) -> CommandResult {
    let window = args.window.read()?;
    let answer = match args.from.open()? {
        Answers::Store(reader) => answered(reader.jobs(&JobsAsk {
            from: window.from,
            to: window.to,
            name: args.name,
            limit: usize::from(args.limit),
            after: Some(args.after).filter(|a| !a.is_empty()),
            sparkline: BARS,
        }))?,
        Answers::Server(client) => client
            .get(
                "jobs",
                &[
                    ("from", &window.from.to_string()),
                    ("to", &window.to.to_string()),
                    ("name", &args.name),
                    ("limit", &args.limit.to_string()),
                    ("after", &args.after),
                    ("sparkline", &BARS.to_string()),
                ],
            )
            .map_err(refused)?,
    };
    let mut listing = Listing::new(
        &[
            left("job"),
            right("health"),
            left("trend"),
            right("events"),
            right("errors"),
            right("new"),
            right("restarts"),
            left("last seen"),
            left("why"),
        ],
        &[
            "job",
            "health",
            "count",
            "issues",
            "new_issues",
            "restarts",
            "team",
            "cluster",
            "engine",
            "last_seen",
            "health_parts",
        ],
    );
    for job in items(&answer) {
        listing.push(cells(job, window.now), job.clone());
    }
    listing.set_next(answer.get("next").and_then(Value::as_str).map(str::to_owned));
    listing.print(
        args.output.chosen(),
        "no job logged an error in this window; an earlier --since looks further back",
    )
}

fn cells(job: &Value, now: i64) -> Vec<Cell> {
    let health = number(job, "health");
    let tone = match health {
        0..50 => Tone::Bad,
        50..80 => Tone::Warning,
        _ => Tone::Good,
    };
    let parts = job.get("health_parts").and_then(Value::as_array);
    let why: Vec<&str> = parts.into_iter().flatten().filter_map(Value::as_str).collect();
    let count = |key: &str| Cell::from(number(job, key).to_string());
    vec![
        Cell::toned(text(job, "job"), Tone::Strong),
        Cell::toned(health.to_string(), tone),
        bars(&counts(job, "sparkline")).into(),
        count("count"),
        count("issues"),
        count("new_issues"),
        count("restarts"),
        ago(job, "last_seen", now).into(),
        Cell::toned(why.join("; "), Tone::Faint),
    ]
}
