//! `seismolog alerts show`: one alert in full.

use super::list::{lasted, listing, standing, value};
use crate::alert::AlertId;
use crate::cli::output::{Output, OutputArgs};
use crate::cli::search::{Answers, FromArgs, answered, refused, text};
use crate::cli::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use anyhow::Context as _;
use serde_json::Value;
use std::io::Write as _;

/// Arguments of `alerts show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its id: 32 hexadecimal digits
    id: AlertId,
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
    let answer = match args.from.open_alerts()? {
        Answers::Store(reader) => answered(reader.alert(args.id))?,
        Answers::Server(client) => client.get(&format!("alerts/{}", args.id), &[]).map_err(refused)?,
    };
    let now = Clock::System.now_millis();
    match args.output.chosen() {
        Output::Table => {
            let mut out = std::io::stdout().lock();
            out.write_all(told(&answer, now).as_bytes())
                .and_then(|()| out.flush())
                .context("could not write to stdout")
                .map_err(|error| Failure::new(Exit::Unavailable, error))?;
            Ok(Exit::Done)
        }
        form @ (Output::Json | Output::Jsonl | Output::Csv) => {
            let mut listing = listing(&[&answer], now);
            listing.set_document(answer.clone());
            listing.print(form, "")
        }
    }
}

/// The alert for a person: what, why, what came with it, what happened, who was told.
fn told(alert: &Value, now: i64) -> String {
    let mut out = Told::default();
    out.line("", text(alert, "title"));
    out.line("state", &standing(alert, now));
    out.line("severity", text(alert, "severity"));
    out.line("rule", &format!("{} ({})", text(alert, "rule"), text(alert, "level")));
    out.line("job", text(alert, "job_name"));
    let jobs: Vec<&str> = list(alert, "jobs").filter_map(Value::as_str).collect();
    out.line("jobs", &jobs.join(", "));
    out.line("team", text(alert, "team"));
    out.line("began", text(alert, "started_at"));
    out.line("ended", text(alert, "ended_at"));
    out.line("lasted", &lasted(alert, now));
    out.line("value", &value(alert));
    out.line("why", text(alert, "reason"));
    out.line("type", text(alert, "error_type"));
    out.line("exception", text(alert, "exception"));
    out.line("silenced", text(alert, "silenced_until"));
    out.line("page", text(alert, "url"));
    out.part("came with it", list(alert, "followers"), |one| {
        let count = one.get("count").map(Value::to_string).unwrap_or_default();
        let words = [
            text(one, "first_seen"),
            text(one, "type"),
            text(one, "exception"),
            &count,
            text(one, "why"),
        ];
        joined(&words)
    });
    out.part("what happened", list(alert, "history"), |one| {
        joined(&[text(one, "at"), text(one, "change"), text(one, "by"), text(one, "note")])
    });
    out.part("who was told", list(alert, "deliveries"), |one| {
        let words = ["at", "destination", "outcome", "detail"].map(|key| text(one, key));
        joined(&words)
    });
    out.0
}

fn list<'v>(alert: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    alert.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn joined(words: &[&str]) -> String {
    let said: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    said.join("  ")
}

/// Lines for a terminal: nothing a log line says moves the cursor.
#[derive(Default)]
struct Told(String);

impl Told {
    fn line(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let clean: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = if name.is_empty() {
            format!("{clean}\n")
        } else {
            format!("  {name:10} {clean}\n")
        };
        self.0.push_str(&line);
    }

    fn part<'v>(&mut self, head: &str, rows: impl Iterator<Item = &'v Value>, row: impl Fn(&Value) -> String) {
        for (n, one) in rows.enumerate() {
            if n == 0 {
                self.line("", head);
            }
            self.line("-", &row(one));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_line_says_moves_no_cursor_and_makes_no_line() {
        let alert = serde_json::json!({
            "title": "a \u{1b}[31mred\nline", "state": "firing", "value": 3, "expected": 0.5,
            "history": [{ "at": "2026-11-21T08:00:00Z", "change": "acknowledged", "by": "Ada", "note": "a\rb" }],
        });
        let told = told(&alert, 0);
        assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
        assert!(told.contains("value      3 / 0.5"), "{told}");
        assert!(
            told.contains("what happened\n  -          2026-11-21T08:00:00Z  acknowledged  Ada  a b\n"),
            "{told}"
        );
    }
}
