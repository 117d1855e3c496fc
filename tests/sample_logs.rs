//! What `sample-logs/README.md` says is what the files hold.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

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
