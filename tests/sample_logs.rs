//! What `sample-logs/README.md` says is what the files hold.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test that meets a surprise ends there"
)]

use seismolog::decode::{Decoder, Limits};
use seismolog::engine::{Engine, Outcome};
use seismolog::event::{Part, Thrown};
use seismolog::rules::RuleSet;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DAY: &str = "2026-11-20";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs")
}

fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ext| ext != "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn text_of(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|ext| ext == "gz") {
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

/// A JSON line: the event itself (taken out of its envelope), the job it says it belongs to and the line.
struct Line {
    event: Value,
    job: String,
    raw: String,
}

fn lines() -> Vec<(PathBuf, Line)> {
    let mut all = Vec::new();
    for path in files(&folder())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext != "log"))
    {
        for raw in text_of(&path).lines() {
            let outer: Value =
                serde_json::from_str(raw).unwrap_or_else(|e| panic!("{}: {e}: {raw:.200}", path.display()));
            let names = ["job", "jobName", "job_name", "service.name", "service"];
            let mut job = names
                .iter()
                .find_map(|key| outer.get(key)?.as_str())
                .unwrap_or("-")
                .to_owned();
            let event = match outer.get("log").and_then(Value::as_str) {
                Some(wrapped) => {
                    let labels = &outer["kubernetes"]["labels"];
                    job = labels["spark-app-name"].as_str().unwrap().to_owned();
                    serde_json::from_str(wrapped).unwrap()
                }
                None => outer,
            };
            all.push((
                path.clone(),
                Line {
                    event,
                    job,
                    raw: raw.to_owned(),
                },
            ));
        }
    }
    all
}

impl Line {
    fn level(&self) -> &str {
        ["level", "log.level", "severity"]
            .iter()
            .find_map(|key| self.event.get(key)?.as_str())
            .unwrap_or("")
    }

    /// `2026-11-20 13:10:07`
    fn time(&self) -> String {
        let texts = ["@timestamp", "ts", "timestamp"];
        if let Some(text) = texts.iter().find_map(|key| self.event.get(key)?.as_str()) {
            return text.get(..19).unwrap().replace('T', " ");
        }
        let epoch = self
            .event
            .get("instant")
            .and_then(|instant| instant["epochSecond"].as_i64());
        let epoch = epoch.or_else(|| self.event.get("time").and_then(|time| Some(time.as_i64()? / 1000)));
        let second =
            jiff::Timestamp::from_second(epoch.unwrap_or_else(|| panic!("no time: {:.200}", self.raw))).unwrap();
        second.to_string().get(..19).unwrap().replace('T', " ")
    }
}

#[test]
fn every_json_line_is_an_object_of_that_day() {
    let lines = lines();
    assert!(lines.len() > 4000, "{} lines", lines.len());
    for (path, line) in lines {
        assert!(line.event.is_object(), "{}", path.display());
        assert!(line.time().starts_with(DAY), "{}: {}", path.display(), line.time());
    }
}

#[test]
fn lines_of_a_file_are_in_the_order_of_time() {
    let mut last: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (path, line) in lines() {
        let time = line.time();
        let before = last.insert(path.clone(), time.clone()).unwrap_or_default();
        assert!(before <= time, "{}: {time} after {before}", path.display());
    }
}

#[test]
fn text_files_begin_every_record_with_a_time_of_that_day() {
    let texts: Vec<PathBuf> = files(&folder())
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "log"))
        .collect();
    assert_eq!(texts.len(), 2);
    for path in texts {
        let text = text_of(&path);
        let records = text.lines().filter(|line| line.starts_with(DAY)).count();
        assert!(
            text.starts_with(DAY) && records > 20,
            "{}: {records} records",
            path.display()
        );
        assert!(text.contains("\n\tat ") && text.contains("NullPointerException"));
    }
}

#[test]
fn a_flink_job_has_one_id_all_day() {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (_, line) in lines() {
        let places = [line.event.get("mdc"), line.event.get("contextMap"), Some(&line.event)];
        let id = places
            .iter()
            .flatten()
            .find_map(|place| place.get("flink-job-id")?.as_str());
        if let Some(id) = id {
            assert_eq!(id.len(), 32, "{id}");
            let first = ids.entry(line.job.clone()).or_insert_with(|| id.to_owned());
            assert_eq!(first, id, "{}", line.job);
        }
    }
    assert!(ids.len() >= 25, "{} jobs with an id", ids.len());
}

#[test]
fn what_the_readme_counts_is_there() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let table = readme.split("| job | text | records | first |").nth(1).unwrap();
    let lines = lines();
    let mut stories = 0;
    for row in table.lines().filter(|row| row.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [job, text, records, first] = cells[..] else {
            panic!("{row}")
        };
        let found: Vec<&Line> = lines
            .iter()
            .map(|(_, line)| line)
            .filter(|line| line.job == job && line.raw.contains(text) && matches!(line.level(), "WARN" | "ERROR"))
            .collect();
        assert_eq!(found.len().to_string(), records, "{row}");
        assert_eq!(
            found.iter().map(|line| line.time()).min().unwrap(),
            format!("{DAY} {first}"),
            "{row}"
        );
        stories += 1;
    }
    assert!(stories >= 30, "{stories} stories");
}

#[test]
fn the_day_is_small_enough_to_be_read_at_every_start() {
    let bytes: u64 = files(&folder()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!((2_000_000..6_000_000).contains(&bytes), "{bytes} bytes");
}

/// How each folder and file says it writes, and as what it is read.
#[test]
fn every_json_line_is_decoded_as_the_layout_it_was_written_in() {
    let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    let mut layouts: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for (path, line) in lines() {
        let mut outcomes = 0;
        decoder.decode(line.raw.as_bytes(), &mut |outcome| {
            outcomes += 1;
            let event =
                outcome.unwrap_or_else(|rejection| panic!("{}: {rejection:?}: {:.200}", path.display(), line.raw));
            assert_eq!(
                event.time.rfc3339().get(..19).unwrap().replace('T', " "),
                line.time(),
                "{:.200}",
                line.raw
            );
            assert!(
                !event.message.is_empty() || !matches!(event.thrown, Thrown::Absent),
                "{:.200}",
                line.raw
            );
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            *layouts
                .entry(name)
                .or_default()
                .entry(event.layout.as_str())
                .or_default() += 1;
        });
        assert_eq!(outcomes, 1, "{:.200}", line.raw);
    }
    let read: BTreeMap<&str, Vec<&str>> = layouts
        .iter()
        .map(|(file, layouts)| (file.as_str(), layouts.keys().copied().collect()))
        .collect();
    let written = BTreeMap::from([
        ("batch.fluentbit.jsonl", vec!["spark"]),
        ("feature-loader.structlog.jsonl", vec!["structlog"]),
        ("feature-store.logstash.jsonl", vec!["logstash-v1"]),
        ("jobs.recipe.jsonl", vec!["recipe"]),
        ("kafka-appender.jsonlayout.jsonl", vec!["log4j2-json"]),
        ("kafka-connect.log4j1.jsonl", vec!["logstash-v1"]),
        ("label-loader.python-json.jsonl", vec!["python-json"]),
        ("order-api-canary.ecs.jsonl", vec!["ecs"]),
        ("order-api.logback.jsonl", vec!["logback"]),
        ("push-gateway.pino.jsonl", vec!["pino"]),
        ("rt-prod.ecs.jsonl", vec!["ecs"]),
        ("rt-prod.logback.jsonl", vec!["logback"]),
        ("rt-prod.recipe.jsonl.gz", vec!["recipe"]),
    ]);
    assert_eq!(read, written);
}

#[test]
fn every_text_record_is_decoded_with_its_stack() {
    let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    let mut with_stack = 0;
    for path in files(&folder())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
    {
        let text = text_of(&path);
        let mut record = String::new();
        for line in text.lines().chain([DAY]) {
            if line.starts_with(DAY) && !record.is_empty() {
                decoder.decode(record.trim_end().as_bytes(), &mut |outcome| {
                    let event = outcome.unwrap_or_else(|rejection| panic!("{rejection:?}: {record:.200}"));
                    assert_eq!(event.layout.as_str(), "text", "{record:.200}");
                    assert!(event.time.rfc3339().starts_with(DAY));
                    with_stack += usize::from(!matches!(event.thrown, Thrown::Absent));
                });
                record.clear();
            }
            record.push_str(line);
            record.push('\n');
        }
    }
    assert!(with_stack >= 20, "{with_stack} with a stack");
}

/// What the stories say to search for finds them: the job, and the category of what went wrong.
#[test]
fn every_story_is_found_by_its_job_and_category() {
    let mut engine = Engine::new(Arc::new(RuleSet::shipped().unwrap()), jiff::tz::TimeZone::UTC);
    let lines = lines();
    // Two passes: names of jobs are learned from lines that may come after those that need them.
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut noise = 0;
    for pass in 0..2 {
        for (path, line) in &lines {
            engine.read(line.raw.as_bytes(), &mut |outcome| match outcome {
                Outcome::Folded(event) if pass == 1 => {
                    let job = event.dimensions.job().0.to_owned();
                    // Connect's workers are one service, the job is the connector. Spark's lines hold no name.
                    let inside = !path.ends_with("services/kafka-connect.log4j1.jsonl")
                        && !path.ends_with("spark/batch.fluentbit.jsonl");
                    if inside {
                        assert_eq!(job, line.job, "{}: {:.300}", path.display(), line.raw);
                    }
                    noise += u64::from(event.identity.part == Part::Noise);
                    *found.entry((job, event.identity.category.to_string())).or_default() += 1;
                }
                Outcome::Folded(_) => {}
                Outcome::Rejected(rejection) => panic!("{rejection:?}: {:.300}", line.raw),
            });
        }
    }
    for (job, category) in [
        ("orders-enrich", "user_code"),
        ("checkout-rules", "user_code"),
        ("price-watch", "user_code"),
        ("dws-user-agg", "checkpoint"),
        ("session-cache", "memory"),
        ("promo-tree", "memory"),
        ("orders-to-pg", "jdbc_mysql"),
        ("payments-to-pg", "jdbc_mysql"),
        ("dws-sales-day", "jdbc_mysql"),
        ("orders-dim-user", "redis"),
        ("dws-item-day", "sql"),
        ("dws-user-tags", "sql"),
        ("dws-pay-day", "sql"),
        ("clicks-sessions", "kafka"),
        ("dwd-orders-to-kafka", "kafka"),
        ("stock-sync", "serialization"),
        ("feature-store", "savepoint_restore"),
        ("risk-offers", "savepoint_restore"),
        ("risk-feature", "juicefs"),
        ("dwd-trade-day", "remote_shuffle"),
        ("trade-shuffle", "network"),
        ("ads-attribution", "taskmanager_lost"),
    ] {
        let count = found.get(&(job.to_owned(), category.to_owned()));
        let others: Vec<_> = found.iter().filter(|((other, _), _)| other == job).collect();
        assert!(count.is_some_and(|count| *count >= 2), "{job} {category}: {others:?}");
    }
    assert!(noise > 500, "{noise} records are noise");
}
