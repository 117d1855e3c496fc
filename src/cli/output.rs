//! How listings are written: table, JSON, JSON Lines, CSV.
//!
//! Without `--output` a terminal gets a table and a pipe gets JSON Lines: what a script reads never depends on the
//! width of a window. Colour stands only on a terminal, and not where `NO_COLOR` is set. Control characters of log
//! lines never reach a terminal.

use super::{CommandResult, Exit, Failure};
use anyhow::Context as _;
use comfy_table::{
    Attribute, Cell as TableCell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// The forms of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Columns for a person
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

/// `--output`, for every command that lists.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct OutputArgs {
    /// How to write the answer [default: table on a terminal, jsonl elsewhere]
    #[arg(long, short = 'o', value_enum, value_name = "FORM")]
    pub output: Option<Output>,
}

impl OutputArgs {
    /// The form to write to stdout.
    #[must_use]
    pub fn chosen(self) -> Output {
        self.output.unwrap_or_else(|| {
            if std::io::stdout().is_terminal() {
                Output::Table
            } else {
                Output::Jsonl
            }
        })
    }
}

/// How a cell of a table is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Beside the point.
    Faint,
    /// What the row is about.
    Strong,
    /// Good.
    Good,
    /// To be looked at.
    Warning,
    /// Bad.
    Bad,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell with a tone. Control characters become spaces.
    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        Self {
            text: text.as_ref().chars().map(clean).collect(),
            tone,
        }
    }
}

/// A text of at most `most` characters, an ellipsis at its end where it was cut: names that run on must not take the
/// room of what the row is about.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::toned(text, Tone::Plain)
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// Numbers stand to the right.
    pub right: bool,
}

/// A column of text.
#[must_use]
pub const fn left(head: &'static str) -> Column {
    Column { head, right: false }
}

/// A column of numbers.
#[must_use]
pub const fn right(head: &'static str) -> Column {
    Column { head, right: true }
}

/// A listing: what a person sees of each row, and the row itself.
#[derive(Debug, Clone)]
pub struct Listing {
    columns: Vec<Column>,
    csv: Vec<&'static str>,
    rows: Vec<(Vec<Cell>, Value)>,
    /// The document of `json`, where it is not `{"items": rows, "next": next}`.
    document: Option<Value>,
    next: Option<String>,
}

impl Listing {
    /// A listing with these columns of the table, and these keys of its rows as columns of CSV.
    #[must_use]
    pub fn new(columns: &[Column], csv: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            csv: csv.to_vec(),
            rows: Vec::new(),
            document: None,
            next: None,
        }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: Vec<Cell>, row: Value) {
        self.rows.push((cells, row));
    }

    /// Where the next page begins.
    pub fn set_next(&mut self, next: Option<String>) {
        self.next = next;
    }

    /// Gives `json` a document of its own.
    pub fn set_document(&mut self, document: Value) {
        self.document = Some(document);
    }

    /// Writes it to stdout; for a person who sees no row, `nothing` goes to stderr.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn print(&self, output: Output, nothing: &str) -> CommandResult {
        let mut stdout = std::io::stdout().lock();
        let terminal = std::io::stdout().is_terminal();
        let look = Look {
            colour: terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            width: if terminal { None } else { Some(WIDE) },
        };
        if output == Output::Table && self.rows.is_empty() {
            eprintln!("{nothing}");
            return Ok(Exit::Done);
        }
        self.write(output, look, &mut stdout)
            .and_then(|()| stdout.flush())
            .context("could not write to stdout")
            .map_err(|error| Failure::new(Exit::Unavailable, error))?;
        Ok(Exit::Done)
    }

    /// Writes it.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write(&self, output: Output, look: Look, out: &mut dyn Write) -> std::io::Result<()> {
        match output {
            Output::Table => self.write_table(look, out),
            Output::Json => {
                let items = || self.rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>();
                let document = self
                    .document
                    .clone()
                    .unwrap_or_else(|| serde_json::json!({ "items": items(), "next": self.next }));
                serde_json::to_writer_pretty(&mut *out, &document)?;
                writeln!(out)
            }
            Output::Jsonl => {
                for (_, row) in &self.rows {
                    serde_json::to_writer(&mut *out, row)?;
                    writeln!(out)?;
                }
                Ok(())
            }
            Output::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(&self.csv)?;
                for (_, row) in &self.rows {
                    writer.write_record(self.csv.iter().map(|key| plain(row.get(key))))?;
                }
                writer.flush()
            }
        }
    }

    fn write_table(&self, look: Look, out: &mut dyn Write) -> std::io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = look.width {
            table.set_width(width);
        }
        if look.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let head = self.columns.iter().map(|column| {
            let cell = TableCell::new(column.head.to_uppercase()).add_attribute(Attribute::Dim);
            if column.right {
                cell.set_alignment(CellAlignment::Right)
            } else {
                cell
            }
        });
        table.set_header(head.collect::<Vec<_>>());
        for (cells, _) in &self.rows {
            let cells = cells.iter().zip(&self.columns).map(|(cell, column)| {
                let shown = toned(TableCell::new(&cell.text), cell.tone);
                if column.right {
                    shown.set_alignment(CellAlignment::Right)
                } else {
                    shown
                }
            });
            let mut row = comfy_table::Row::from(cells.collect::<Vec<_>>());
            row.max_height(2);
            table.add_row(row);
        }
        self.hold_short_columns(&mut table);
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Listing {
    /// Short columns keep their width; the long ones share what is left.
    fn hold_short_columns(&self, table: &mut Table) {
        let widths = table.column_max_content_widths();
        for (column, width) in table.column_iter_mut().zip(widths) {
            if width <= SHORT {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
}

/// Columns up to this width are never narrowed, in characters.
const SHORT: u16 = 32;
/// Width of a table that goes to no terminal, in characters.
const WIDE: u16 = 200;

/// How a table is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// With colour.
    pub colour: bool,
    /// So many characters wide; the terminal's width when absent.
    pub width: Option<u16>,
}

fn toned(cell: TableCell, tone: Tone) -> TableCell {
    match tone {
        Tone::Plain => cell,
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
        Tone::Good => cell.fg(Color::Green),
        Tone::Warning => cell.fg(Color::Yellow),
        Tone::Bad => cell.fg(Color::Red),
    }
}

/// A value as one field of CSV: texts as they are, lists joined by `; `.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| plain(Some(value)))
            .collect::<Vec<_>>()
            .join("; "),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

/// Counts as a small line of bars: `▁▂▃▄▅▆▇█`, a blank for none.
#[must_use]
pub fn bars(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: u64| {
        if count == 0 {
            return ' ';
        }
        let level = u128::from(count) * 8 / (u128::from(most) + 1);
        let level = usize::try_from(level).unwrap_or(7).min(7);
        BARS.get(level).copied().unwrap_or('█')
    };
    counts.iter().copied().map(bar).collect()
}

/// The same counts in at most so many buckets.
#[must_use]
pub fn gathered(counts: &[u64], buckets: usize) -> Vec<u64> {
    let per = counts.len().div_ceil(buckets.max(1)).max(1);
    counts
        .chunks(per)
        .map(|chunk| chunk.iter().fold(0_u64, |sum, n| sum.saturating_add(*n)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing() -> Listing {
        let mut listing = Listing::new(&[left("name"), right("events")], &["name", "events", "tags"]);
        listing.push(
            vec!["a \u{1b}[31mred".into(), Cell::toned("5", Tone::Bad)],
            json!({"name": "a, \"b\"", "events": 5, "tags": ["x", "y"]}),
        );
        listing
    }

    fn written(output: Output) -> String {
        let mut out = Vec::new();
        let look = Look {
            colour: false,
            width: Some(80),
        };
        listing().write(output, look, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_escape_of_a_log_line_reaches_a_terminal() {
        let table = written(Output::Table);
        assert!(table.contains("NAME") && table.contains("[31mred"), "{table}");
        assert!(!table.contains('\u{1b}'));
    }

    #[test]
    fn csv_quotes_what_must_be_quoted() {
        assert_eq!(written(Output::Csv), "name,events,tags\n\"a, \"\"b\"\"\",5,x; y\n");
    }

    #[test]
    fn json_is_one_document_and_jsonl_one_object_per_line() {
        let document: Value = serde_json::from_str(&written(Output::Json)).unwrap();
        assert_eq!(document["items"][0]["events"], 5);
        assert_eq!(document["next"], Value::Null);
        assert_eq!(written(Output::Jsonl).lines().count(), 1);
    }

    #[test]
    fn bars_show_one_event_beside_a_storm() {
        assert_eq!(bars(&[0, 1, u64::MAX]), " ▁█");
        assert_eq!(gathered(&[1; 100], 40).len(), 34);
        assert_eq!(gathered(&[1; 100], 40).iter().sum::<u64>(), 100);
    }
}
