//! A small chart for a terminal: value against expectation over time, with what fired below it.

use crate::alert::backtest::Row;
use crate::alert::judge::Verdict;
use std::io::{self, Write};

/// Columns and lines of the chart: fits a terminal of 80 by 24.
const WIDTH: usize = 72;
const HEIGHT: u8 = 12;
/// Alarms named below the chart.
const NAMED: usize = 20;

const RED: &str = "\x1b[31m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// What one column of the chart stands for.
#[derive(Debug, Clone, Copy)]
struct Column {
    low: f64,
    high: f64,
    expected: Option<f64>,
    firing: bool,
}

/// Draws it.
pub(super) fn draw(out: &mut impl Write, rows: &[Row], verdicts: &[Verdict], colour: bool) -> io::Result<()> {
    let columns = columns(rows, verdicts);
    let seen = columns
        .iter()
        .flat_map(|column| [column.low, column.high])
        .filter(|value| value.is_finite());
    let (low, high) = seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return writeln!(out, "nothing was measured in {} rows", rows.len());
    }
    let paint = |text: &str, tone: &str| {
        if colour {
            format!("{tone}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    };
    let lines = f64::from(HEIGHT);
    let scale = |value: f64| {
        ((value - low) / (high - low).max(f64::MIN_POSITIVE) * lines)
            .floor()
            .min(lines - 1.0)
    };
    for line in (0..HEIGHT).map(f64::from).rev() {
        let label = if line == lines - 1.0 {
            super::backtest::number(high)
        } else if line == 0.0 {
            super::backtest::number(low)
        } else {
            String::new()
        };
        write!(out, "{label:>10} ")?;
        for column in &columns {
            let value = scale(column.low) <= line && line <= scale(column.high);
            let expected = column.expected.is_some_and(|expected| scale(expected) == line);
            match (value, expected) {
                (true, _) if column.firing => write!(out, "{}", paint("█", RED))?,
                (true, _) => write!(out, "█")?,
                (false, true) => write!(out, "{}", paint("·", DIM))?,
                (false, false) => write!(out, " ")?,
            }
        }
        writeln!(out)?;
    }
    write!(out, "{:>10} ", "firing")?;
    for column in &columns {
        write!(
            out,
            "{}",
            if column.firing {
                paint("▲", RED)
            } else {
                " ".to_owned()
            }
        )?;
    }
    writeln!(out)?;
    if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
        let room = WIDTH.saturating_sub(first.timestamp.chars().count());
        writeln!(out, "{:>10} {}{:>room$}", "", first.timestamp, last.timestamp)?;
    }
    writeln!(out, "\n█ value   · expected   ▲ firing")?;
    alarms(out, rows, verdicts)
}

/// Each start with what was seen and expected.
fn alarms(out: &mut impl Write, rows: &[Row], verdicts: &[Verdict]) -> io::Result<()> {
    let mut before = false;
    let starts = rows.iter().zip(verdicts).filter(|(_, verdict)| {
        let starts = verdict.firing && !before;
        before = verdict.firing;
        starts
    });
    let mut more = 0usize;
    for (n, (row, verdict)) in starts.enumerate() {
        if n >= NAMED {
            more += 1;
            continue;
        }
        let expected = verdict.expected.map(super::backtest::number).unwrap_or_default();
        let probability = super::backtest::number(verdict.probability);
        writeln!(
            out,
            "{}  value {}  expected {expected}  probability {probability}",
            row.timestamp, row.value
        )?;
    }
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    Ok(())
}

fn columns(rows: &[Row], verdicts: &[Verdict]) -> Vec<Column> {
    let each = rows.len().div_ceil(WIDTH).max(1);
    let column = |(rows, verdicts): (&[Row], &[Verdict])| {
        let mut column = Column {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            expected: None,
            firing: false,
        };
        for value in rows.iter().filter_map(|row| row.seen) {
            column.low = column.low.min(value);
            column.high = column.high.max(value);
        }
        column.expected = verdicts.iter().find_map(|verdict| verdict.expected);
        column.firing = verdicts.iter().any(|verdict| verdict.firing);
        column
    };
    rows.chunks(each).zip(verdicts.chunks(each)).map(column).collect()
}
