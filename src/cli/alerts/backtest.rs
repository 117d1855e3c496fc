//! `seismolog alerts backtest`: the spike judge over a file of `timestamp,value`.

use super::super::{CommandResult, Exit, Failure};
use super::picture;
use crate::alert::backtest::{self, Kind, Plan, Row};
use crate::alert::judge::{Direction, Verdict};
use crate::serve::time;
use anyhow::{Context as _, anyhow};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};

/// Arguments of `alerts backtest`.
///
/// In: CSV with the header `timestamp,value`; times as 2014-02-14 14:30:00 (UTC), RFC 3339 or seconds since 1970.
/// Out: `timestamp,value,expected,probability,anomaly_score,firing`, one line a row, in order. The score is 0 to 1,
/// unusual from .5; an alert is sent where `firing` becomes true.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  seismolog alerts backtest errors-per-minute.csv --direction both | grep ',true$' | head -1"
)]
pub(super) struct Args {
    /// The file, or - for stdin
    file: String,
    /// Width of a bucket: 1m, 5m, 1h [default: found from the data]
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// Which way is unusual
    #[arg(long, value_enum, default_value_t = DirectionArg::Up)]
    direction: DirectionArg,
    /// What the values are: counts are summed within a bucket, values are averaged
    #[arg(long, value_enum, default_value_t = KindArg::Auto)]
    kind: KindArg,
    /// By chance at most one false alarm in so many buckets; for one of thousands of series 1000000
    #[arg(long, value_name = "BUCKETS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(10..=1_000_000_000_000))]
    one_in: u64,
    /// Draw value, expectation and alarms instead of printing rows
    #[arg(long)]
    picture: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DirectionArg {
    /// More than expected
    Up,
    /// More or less than expected
    Both,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KindArg {
    /// Found from the data
    Auto,
    /// Numbers of events
    Count,
    /// Anything else
    Value,
}

/// Longest bucket: a week.
const LONGEST_STEP: i64 = 7 * 86_400_000;

/// Runs it.
///
/// # Errors
/// When the file cannot be read or holds something else, or the output cannot be written.
pub(super) fn run(args: &Args) -> CommandResult {
    let plan = Plan {
        step: args.step.as_deref().map(step).transpose()?,
        kind: match args.kind {
            KindArg::Auto => None,
            KindArg::Count => Some(Kind::Counts),
            KindArg::Value => Some(Kind::Values),
        },
        direction: match args.direction {
            DirectionArg::Up => Direction::Up,
            DirectionArg::Both => Direction::Both,
        },
        one_in: args.one_in as f64,
    };
    let rows = backtest::read(open(&args.file)?)
        .with_context(|| args.file.clone())
        .map_err(|error| Failure::new(Exit::BadInput, error))?;
    let verdicts = backtest::judge(&rows, &plan);
    let mut stdout = io::stdout().lock();
    let written = if args.picture {
        let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        picture::draw(&mut stdout, &rows, &verdicts, colour)
    } else {
        write_rows(&mut io::BufWriter::new(stdout), &rows, &verdicts)
    };
    written
        .context("could not write to stdout")
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    Ok(Exit::Done)
}

/// Seconds of a bucket.
fn step(text: &str) -> Result<u32, Failure> {
    let wrong =
        || anyhow!("--step {text:?} is no width of a bucket; write whole seconds up to a week, as 30s, 5m or 1h");
    time::parse_duration(text)
        .ok()
        .filter(|millis| (1_000..=LONGEST_STEP).contains(millis) && millis % 1_000 == 0)
        .and_then(|millis| u32::try_from(millis / 1_000).ok())
        .ok_or_else(|| Failure::new(Exit::Usage, wrong()))
}

fn open(file: &str) -> Result<Box<dyn Read>, Failure> {
    if file == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("could not open {file}"));
    Ok(Box::new(opened.map_err(|error| Failure::new(Exit::BadInput, error))?))
}

fn write_rows(out: &mut impl Write, rows: &[Row], verdicts: &[Verdict]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(&mut *out);
    csv.write_record([
        "timestamp",
        "value",
        "expected",
        "probability",
        "anomaly_score",
        "firing",
    ])?;
    for (row, verdict) in rows.iter().zip(verdicts) {
        let expected = verdict.expected.map(number).unwrap_or_default();
        let firing = if verdict.firing { "true" } else { "false" };
        csv.write_record([
            row.timestamp.as_str(),
            row.value.as_str(),
            expected.as_str(),
            number(verdict.probability).as_str(),
            format!("{:.6}", verdict.anomaly_score).as_str(),
            firing,
        ])?;
    }
    csv.flush()
}

/// Six digits that tell: what lies beyond is noise.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e15).contains(&size) {
        format!("{value:.4e}")
    } else {
        let whole_digits = size.log10().floor() + 1.0;
        let decimals = (1..=9u8)
            .rev()
            .find(|decimals| f64::from(*decimals) + whole_digits <= 6.0)
            .unwrap_or(0);
        let text = format!("{value:.*}", usize::from(decimals));
        if decimals == 0 {
            text
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits_that_tell() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (20.5, "20.5"),
            (1.0 / 3.0, "0.333333"),
            (-12.345_678_9, "-12.3457"),
            (9_926_554.0, "9926554"),
            (1.234_56e-7, "1.2346e-7"),
            (1e300, "1.0000e300"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_step_is_whole_seconds_up_to_a_week() {
        assert_eq!(step("5m").ok(), Some(300));
        for wrong in ["0s", "5", "1500ms", "30d", "soon"] {
            assert!(step(wrong).is_err(), "{wrong}");
        }
    }
}
