//! Killed at any moment and started again, `ingest` counts every record exactly once.
//!
//! The files are of `generate`, so the truth is known. They grow between the starts, at any byte, are rotated by
//! rename, and one of them is packed. What stands in the store at the end must equal the truth, and a store that was
//! filled in one go.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets a surprise ends there"
)]

use rand::{RngExt as _, SeedableRng as _};
use seismolog::query::Query;
use seismolog::store::{ErrorSort, ErrorsAsk, Store, StoreOptions, TrendsAsk};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: usize = 50;

/// All of the test stays below this, whatever the machine: then the rest is read in one go and compared all the same.
const LONGEST: Duration = Duration::from_secs(80);

fn seismolog() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seismolog"));
    // Many small flushes: many moments between which it can be killed.
    command
        .env("SEISMOLOG_PROCESS__FLUSH_INTERVAL", "10ms")
        .env("SEISMOLOG_PROCESS__MAX_KEYS", "40")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn ingest(folder: &Path, store: &Path) -> Child {
    let mut command = seismolog();
    command
        .args(["ingest", "--default-zone", "UTC", "--store"])
        .arg(store)
        .arg(folder);
    command.spawn().unwrap()
}

fn to_the_end(folder: &Path, store: &Path) {
    let output = ingest(folder, store).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything counted: by issue over all time, by minute, and the ledger's folded events.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    issues: BTreeMap<(String, String), (u64, String, String)>,
    minutes: BTreeMap<i64, u64>,
    folded: u64,
}

fn counts(store: &Path, truth: &Value) -> Counts {
    let reader = Store::open_read_only(store, StoreOptions::default()).unwrap();
    let minutes: Vec<i64> = truth["minutes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m[0].as_i64().unwrap())
        .collect();
    let (from, to) = (
        minutes.iter().min().unwrap() * 60_000,
        (minutes.iter().max().unwrap() + 1) * 60_000,
    );
    let mut issues = BTreeMap::new();
    let mut after = None;
    loop {
        let page = reader
            .errors(&ErrorsAsk {
                query: Query::default(),
                from,
                to,
                sort: ErrorSort::FirstSeen,
                limit: 500,
                after,
                sparkline: 0,
                now: to,
            })
            .unwrap();
        for issue in page.items {
            assert_eq!(issue.count, issue.total, "all of it lies in the window");
            let key = (issue.job, issue.fingerprint.to_string());
            issues.insert(key, (issue.total, issue.first_seen, issue.last_seen));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let trends = reader
        .trends(&TrendsAsk {
            by: "error_type".into(),
            step_minutes: 1,
            from,
            to,
            query: Query::default(),
            top: 1,
            now: to,
        })
        .unwrap();
    let minutes = trends.times.iter().map(|second| second / 60).zip(trends.total);
    Counts {
        issues,
        minutes: minutes.filter(|(_, count)| *count > 0).collect(),
        folded: reader.totals().unwrap().ledger.folded,
    }
}

fn true_minutes(truth: &Value) -> BTreeMap<i64, u64> {
    let mut minutes = BTreeMap::new();
    for entry in truth["minutes"].as_array().unwrap() {
        *minutes.entry(entry[0].as_i64().unwrap()).or_default() += entry[3].as_u64().unwrap();
    }
    minutes
}

/// A log that grows at any byte and is rotated now and then.
struct GrowingLog {
    folder: PathBuf,
    bytes: Vec<u8>,
    written: usize,
    rotated: usize,
}

impl GrowingLog {
    fn grow(&mut self, count: usize) {
        let to = (self.written + count).min(self.bytes.len());
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("a.log"))
            .unwrap();
        file.write_all(&self.bytes[self.written..to]).unwrap();
        self.written = to;
    }

    /// Writers rotate between lines.
    fn rotate(&mut self) {
        let rest = &self.bytes[self.written..];
        let line = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
        self.grow(line);
        self.rotated += 1;
        let to = self.folder.join(format!("a.log.{}", self.rotated));
        fs::rename(self.folder.join("a.log"), to).unwrap();
        self.grow(1);
    }
}

#[test]
fn killed_at_fifty_moments_it_counts_every_record_exactly_once() {
    let place = tempfile::tempdir().unwrap();
    let (growing, whole) = (place.path().join("growing"), place.path().join("whole"));
    fs::create_dir_all(&growing).unwrap();
    fs::create_dir_all(&whole).unwrap();
    let generated = place.path().join("truth.json");
    let output = seismolog()
        .stdout(Stdio::piped())
        .args([
            "generate",
            "--scenario",
            "storm",
            "--count",
            "6000",
            "--jobs",
            "40",
            "--seed",
            "11",
            "--rate",
            "40",
        ])
        .args(["--start", "2026-11-20T00:00:00Z", "--truth"])
        .arg(&generated)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let truth: Value = serde_json::from_slice(&fs::read(&generated).unwrap()).unwrap();

    // A third of it is packed and there from the beginning, the rest is a growing log.
    let bytes = output.stdout;
    let third = bytes.len() / 3;
    let cut = third + bytes[third..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&bytes[..cut]).unwrap();
    fs::write(growing.join("b.gz"), packed.finish().unwrap()).unwrap();
    fs::write(whole.join("all.jsonl"), &bytes).unwrap();
    let mut log = GrowingLog {
        folder: growing.clone(),
        bytes: bytes[cut..].to_vec(),
        written: 0,
        rotated: 0,
    };

    let store = place.path().join("store");
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(3);
    let begun = Instant::now();
    let mut kills = 0;
    log.grow(1);
    while kills < KILLS && begun.elapsed() < LONGEST {
        log.grow(random.random_range(0..2 * log.bytes.len() / KILLS));
        if kills % 17 == 9 && log.rotated < 3 && log.written < log.bytes.len() {
            log.rotate();
        }
        let mut child = ingest(&growing, &store);
        let moment = Duration::from_millis(random.random_range(1..500));
        let until = Instant::now() + moment;
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    log.grow(log.bytes.len());
    to_the_end(&growing, &store);
    to_the_end(&growing, &store);
    assert!(kills >= 10, "only {kills} kills met a running process");

    let counted = counts(&store, &truth);
    assert_eq!(
        counted.folded,
        truth["records"].as_u64().unwrap(),
        "after {kills} kills"
    );
    assert_eq!(counted.minutes, true_minutes(&truth));
    let at_once = place.path().join("at-once");
    to_the_end(&whole, &at_once);
    assert_eq!(counted, counts(&at_once, &truth));
}
