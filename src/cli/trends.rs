//! `seismolog trends`.

use super::output::{Cell, Listing, Output, OutputArgs, Tone, bars, gathered, left, right};
use super::search::{Answers, FromArgs, WindowArgs, answered, counts, number, read_query, refused, text};
use super::{CommandResult, Exit, Failure};
use crate::serve::time;
use crate::store::{TREND_DIMENSIONS, TrendsAsk};
use serde_json::{Value, json};

/// Arguments of `trends`.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// What to tell apart
    #[arg(long, default_value = "error_type", value_parser = clap::builder::PossibleValuesParser::new(TREND_DIMENSIONS))]
    by: String,
    /// Width of a bucket, whole minutes: 1m, 1h [default: so that there are about 60]
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    #[command(flatten)]
    window: WindowArgs,
    /// Only what matches this search
    #[arg(
        long,
        short,
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    query: String,
    /// How many series beside `other`
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    top: u16,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Buckets aimed at: the bars of a table are as many characters.
const BUCKETS: i64 = 60;
/// Most buckets of one answer: the same as of the API.
const MOST_BUCKETS: i64 = 2_880;

/// Runs it.
///
/// # Errors
/// When it cannot be done; the failure says why and how the process ends.
pub fn run(args: Args) -> CommandResult {
    let query = read_query(&args.query)?;
    let window = args.window.read()?;
    let step = step_minutes(args.step.as_deref(), window.to - window.from)?;
    let answer = match args.from.open()? {
        Answers::Store(reader) => answered(reader.trends(&TrendsAsk {
            by: args.by.clone(),
            step_minutes: step,
            from: window.from,
            to: window.to,
            query,
            top: usize::from(args.top),
            now: window.now,
        }))?,
        Answers::Server(client) => client
            .get(
                "trends",
                &[
                    ("by", &args.by),
                    ("step", &format!("{step}m")),
                    ("from", &window.from.to_string()),
                    ("to", &window.to.to_string()),
                    ("q", &args.query),
                    ("top", &args.top.to_string()),
                ],
            )
            .map_err(refused)?,
    };
    let output = args.output.chosen();
    let listing = if output == Output::Csv {
        by_bucket(&answer)
    } else {
        by_value(&answer, &args.by)
    };
    listing.print(
        output,
        "no events match in this window; an earlier --since looks further back",
    )
}

fn step_minutes(step: Option<&str>, length: i64) -> Result<i64, Failure> {
    let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
    let Some(text) = step else {
        return Ok(time::step_for(length, BUCKETS));
    };
    let step = time::parse_duration(text).map_err(|error| usage(error.into()))?;
    if step < 60_000 || step % 60_000 != 0 {
        return Err(usage(anyhow::anyhow!(
            "--step {text} is not a number of whole minutes; counts are kept by minute"
        )));
    }
    if length / step > MOST_BUCKETS {
        let least = time::step_text(time::step_for(length, MOST_BUCKETS));
        return Err(usage(anyhow::anyhow!(
            "--step {text} over this window gives more than {MOST_BUCKETS} buckets; take --step {least} or a shorter window"
        )));
    }
    Ok(step / 60_000)
}

fn series(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("series").and_then(Value::as_array).into_iter().flatten()
}

/// Rows of a table: one per value, then the rest, then all.
fn by_value(answer: &Value, by: &str) -> Listing {
    let head = TREND_DIMENSIONS
        .iter()
        .find(|known| **known == by)
        .copied()
        .unwrap_or("value");
    let mut listing = Listing::new(&[left(head), left("trend"), right("events"), right("share")], &[]);
    listing.set_document(answer.clone());
    let total_counts = counts(answer, "total");
    let total: u64 = total_counts.iter().sum();
    if total == 0 {
        return listing;
    }
    let share = |count: u64| {
        let tenths = u128::from(count) * 1000 / u128::from(total.max(1));
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let columns = usize::try_from(BUCKETS).unwrap_or(60) + 1;
    let mut add = |name: &str, tone: Tone, counts: &[u64], count: u64, row: Value| {
        let cells = vec![
            Cell::toned(name, tone),
            bars(&gathered(counts, columns)).into(),
            Cell::toned(count.to_string(), Tone::Strong),
            share(count).into(),
        ];
        listing.push(cells, row);
    };
    for series in series(answer) {
        let name = text(series, "value");
        let shown = if name == "-" { "(unknown)" } else { name };
        add(
            shown,
            Tone::Plain,
            &counts(series, "counts"),
            number(series, "count"),
            series.clone(),
        );
    }
    let other = counts(answer, "other");
    let other_sum: u64 = other.iter().sum();
    if other_sum > 0 {
        let row = json!({ "other": true, "count": other_sum, "counts": other });
        add("(other)", Tone::Faint, &other, other_sum, row);
    }
    let row = json!({ "total": true, "count": total, "counts": total_counts });
    add("(total)", Tone::Strong, &total_counts, total, row);
    listing
}

/// Rows of CSV: one per value and bucket.
fn by_bucket(answer: &Value) -> Listing {
    let mut listing = Listing::new(&[], &["time", "value", "count"]);
    let times: Vec<i64> = answer
        .get("times")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect();
    let mut add = |name: &str, counts: &[u64]| {
        for (at, count) in times.iter().zip(counts) {
            let at = time::rfc3339(at.saturating_mul(1000));
            listing.push(Vec::new(), json!({ "time": at, "value": name, "count": count }));
        }
    };
    for series in series(answer) {
        add(text(series, "value"), &counts(series, "counts"));
    }
    add("(other)", &counts(answer, "other"));
    add("(total)", &counts(answer, "total"));
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Value {
        json!({
            "times": [0, 60], "series": [{ "value": "a", "count": 3, "counts": [1, 2] }],
            "other": [0, 1], "total": [1, 3]
        })
    }

    #[test]
    fn the_rest_and_the_whole_stand_below_the_values() {
        let mut out = Vec::new();
        let look = super::super::output::Look {
            colour: false,
            width: Some(80),
        };
        by_value(&answer(), "job").write(Output::Table, look, &mut out).unwrap();
        let table = String::from_utf8(out).unwrap();
        for part in ["75.0 %", "(other)", "(total)", "100.0 %"] {
            assert!(table.contains(part), "{part} in {table}");
        }
    }

    #[test]
    fn csv_has_one_row_per_value_and_bucket() {
        let mut out = Vec::new();
        by_bucket(&answer())
            .write(Output::Csv, super::super::output::Look::default(), &mut out)
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("time,value,count\n1970-01-01T00:00:00Z,a,1\n1970-01-01T00:01:00Z,a,2\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 7);
    }

    #[test]
    fn a_step_that_gives_too_many_buckets_is_refused_with_one_that_fits() {
        let failure = step_minutes(Some("1m"), 30 * 86_400_000).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.error.to_string().contains("take --step 30m"),
            "{}",
            failure.error
        );
        assert!(step_minutes(Some("90s"), 86_400_000).is_err());
    }
}
