//! `timestamp,value` from CSV: times in three ways of writing, faults with their line.

use jiff::{Timestamp, civil, tz::TimeZone};
use std::io::Read;

/// One row as it was written and as it was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As written.
    pub timestamp: String,
    /// As written.
    pub value: String,
    /// Seconds since 1970, UTC.
    pub time: i64,
    /// The value; None where the cell is empty: nobody measured.
    pub seen: Option<f64>,
}

/// Most rows of one file: all are held in memory.
const MOST_ROWS: usize = 5_000_000;
/// From here on a bare number is in milliseconds: as seconds it would be the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// What is wrong with a file, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BadCsv {
    /// No line at all, or none after the header.
    #[error("the file has no rows; it must hold a header `timestamp,value` and one row a measurement")]
    Empty,
    /// The first line does not name the columns.
    #[error(
        "line 1: no column `{missing}` in the header {found:?}; write `timestamp,value` above the rows, or rename the columns"
    )]
    NoHeader {
        /// The name looked for.
        missing: &'static str,
        /// What the first line says.
        found: String,
    },
    /// A time nobody can read.
    #[error(
        "line {line}: {text:?} is no time; write 2014-02-14 14:30:00 (taken as UTC), RFC 3339, or seconds since 1970"
    )]
    BadTime {
        /// Line of the file.
        line: u64,
        /// As written.
        text: String,
    },
    /// Not a number, or none a value can have.
    #[error(
        "line {line}: {text:?} is no number; write digits with a point (1e3 is fine), or leave the cell empty where nothing was measured"
    )]
    BadValue {
        /// Line of the file.
        line: u64,
        /// As written.
        text: String,
    },
    /// Earlier than the row before it.
    #[error("line {line}: {text:?} lies before the row above it; sort the rows by time")]
    TimeGoesBack {
        /// Line of the file.
        line: u64,
        /// As written.
        text: String,
    },
    /// More rows than are read.
    #[error("line {line}: more than {MOST_ROWS} rows; split the file, or sum it to a coarser step")]
    TooManyRows {
        /// Line of the file.
        line: u64,
    },
    /// The file cannot be read, or its rows have different numbers of cells.
    #[error("{0}; every row must have as many cells as the header")]
    Unreadable(#[from] csv::Error),
}

/// Reads all rows.
///
/// # Errors
/// The first fault found, with its line.
pub fn read(input: impl Read) -> Result<Vec<Row>, BadCsv> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let header = reader.headers()?.clone();
    if header.is_empty() {
        return Err(BadCsv::Empty);
    }
    let column = |name: &'static str| {
        let found = header
            .iter()
            .position(|cell| cell.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
        found.ok_or_else(|| BadCsv::NoHeader {
            missing: name,
            found: shortened(&header.iter().collect::<Vec<_>>().join(",")),
        })
    };
    let (timestamp, value) = (column("timestamp")?, column("value")?);
    let mut rows: Vec<Row> = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() >= MOST_ROWS {
            return Err(BadCsv::TooManyRows { line });
        }
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let (timestamp, value) = (cell(timestamp), cell(value));
        let time = time(timestamp).ok_or_else(|| BadCsv::BadTime {
            line,
            text: shortened(timestamp),
        })?;
        let seen = match value {
            "" => None,
            text => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                Ok(_) | Err(_) => {
                    return Err(BadCsv::BadValue {
                        line,
                        text: shortened(text),
                    });
                }
            },
        };
        if rows.last().is_some_and(|before| time < before.time) {
            return Err(BadCsv::TimeGoesBack {
                line,
                text: shortened(timestamp),
            });
        }
        rows.push(Row {
            timestamp: timestamp.to_owned(),
            value: value.to_owned(),
            time,
            seen,
        });
    }
    if rows.is_empty() { Err(BadCsv::Empty) } else { Ok(rows) }
}

/// Seconds since 1970.
fn time(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_second());
    }
    let local: civil::DateTime = text.parse().ok()?;
    local
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp().as_second())
}

/// A bare number: seconds, or milliseconds where seconds would be absurd.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked against the years a timestamp can have"
)]
fn epoch(number: f64) -> Option<i64> {
    let seconds = if number.abs() >= MILLISECONDS as f64 {
        number / 1_000.0
    } else {
        number
    };
    let whole = seconds.floor();
    (whole.is_finite() && whole.abs() < MILLISECONDS as f64).then_some(whole as i64)
}

/// At most 80 characters of what was written: an error is read by a person.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn three_ways_of_writing_a_time_are_read() {
        for written in [
            "2014-02-14 14:30:00",
            "2014-02-14T22:30:00+08:00",
            "1392388200",
            "1392388200000",
            "2014-02-14 14:30:00.000000",
        ] {
            let rows = read(format!("timestamp,value\n{written},1.5\n").as_bytes()).unwrap();
            assert_eq!((rows[0].time, rows[0].seen), (1_392_388_200, Some(1.5)), "{written}");
            assert_eq!(rows[0].timestamp, written);
        }
    }

    #[test]
    fn columns_are_found_by_name() {
        let rows = read("host,Value,Timestamp\na,7,1000\n".as_bytes()).unwrap();
        assert_eq!((rows[0].time, rows[0].seen), (1_000, Some(7.0)));
    }

    #[test]
    fn an_empty_cell_is_no_data() {
        assert_eq!(read("timestamp,value\n1000,\n".as_bytes()).unwrap()[0].seen, None);
    }

    #[test]
    fn a_fault_names_its_line_and_a_remedy() {
        assert!(fault("").contains("header `timestamp,value`"));
        assert!(fault("timestamp,value\n").contains("no rows"));
        assert!(fault("1000,5\n2000,6\n").starts_with("line 1: no column `timestamp`"));
        assert!(fault("timestamp,value\n1000,5\nyesterday,5\n").starts_with("line 3: \"yesterday\" is no time"));
        assert!(fault("timestamp,value\n1000,5\n1060,many\n").starts_with("line 3: \"many\" is no number"));
        assert!(fault("timestamp,value\n1000,inf\n").starts_with("line 2: \"inf\" is no number"));
        assert!(fault("timestamp,value\n1000,5\n940,5\n").starts_with("line 3: \"940\" lies before"));
        assert!(fault("timestamp,value\n1000,5,9\n").contains("as many cells"));
        assert!(fault("timestamp,value\n1e300,5\n").contains("no time"));
    }
}
