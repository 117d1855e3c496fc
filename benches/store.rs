//! The embedded store under load. Not part of the tests; run it by hand:
//!
//! ```text
//! cargo bench --bench store -- apply                        the steady mix: 1,000,000 records in flushes of 60,000
//! cargo bench --bench store -- questions                    1,000,000 issues, 10,000,000 detail rows, all in 24 hours
//! cargo bench --bench store -- questions --issues 100000 --details 1000000 --errors 100000
//! cargo bench --bench store -- questions --keep target/big  builds there once and asks again the next time
//! cargo bench --bench store -- http --keep target/big       the same store through HTTP: API and pages, 200 of each
//! ```
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, not the product"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    reason = "a bench, not the product"
)]

#[path = "common/http.rs"]
mod http;
#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use seismolog::event::IssueId;
use seismolog::query::Query;
use seismolog::store::{ErrorAsk, ErrorSort, ErrorsAsk, JobsAsk, Reader, Store, StoreOptions, TrendsAsk};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use synthetic::{Event, Numbers, World};

const PROGRAM: &str = env!("CARGO_BIN_EXE_seismolog");
const DAY: i64 = 1_795_132_800_000;
const MINUTE: i64 = 60_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |name: &str, default: usize| {
        let at = words.iter().position(|word| word == name);
        at.and_then(|at| words.get(at + 1))
            .map_or(default, |value| value.parse().unwrap())
    };
    match words.first().map(String::as_str) {
        Some("apply") => apply(number("--records", 1_000_000), number("--flush", 60_000)),
        Some(kind @ ("questions" | "http")) => {
            let keep = words
                .iter()
                .position(|word| word == "--keep")
                .map(|at| PathBuf::from(&words[at + 1]));
            let temporary = tempfile::tempdir_in("target").unwrap();
            let folder = keep.unwrap_or_else(|| temporary.path().to_owned());
            let (issues, errors) = (number("--issues", 1_000_000), number("--errors", 5_000));
            if !folder.join("seismolog.db").exists() {
                build(&folder, issues, number("--details", 10_000_000), errors);
            }
            if kind == "http" {
                let window = (DAY, DAY + 1_440 * MINUTE);
                http::questions(PROGRAM, &folder, number("--runs", 200), window);
            } else {
                questions(&folder, issues, errors, number("--runs", 15));
            }
        }
        Some(_) | None => println!("apply, questions or http; see the head of benches/store.rs"),
    }
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Time this thread was on a CPU: what counts on a machine that is shared.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn size_of(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}

/// The steady mix: 4000 jobs, 3000 errors, both skewed, 37 frames.
fn apply(records: usize, flush: usize) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut writer = store.writer();
    let mut world = World::new(4_000, 3_000, 8, 37);
    let mut numbers = Numbers(42);
    let (mut spent, mut details, mut stats, mut done) = (Duration::ZERO, 0, 0, 0);
    let (mut slowest, mut busy) = (Duration::ZERO, Duration::ZERO);
    println!("before: {}", memory());
    for number in 1.. {
        let events: Vec<Event> = (done..records.min(done + flush))
            .map(|at| {
                // Squared once more: few jobs say most, as in a fleet.
                let job = numbers.skewed(4_000) * (numbers.below(4_000) + 1) / 4_000;
                Event {
                    job,
                    error: (job * 7 + numbers.skewed(40) * 31) % 3_000,
                    host: job % 5 + numbers.below(2),
                    // A million records in a quarter of an hour.
                    at: DAY + at as i64 * 900 / 1_000,
                }
            })
            .collect();
        if events.is_empty() {
            break;
        }
        done += events.len();
        let flush = world.fold(&events, number);
        details += flush.details.len();
        stats += flush.stats.len();
        let (begin, on_cpu) = (Instant::now(), cpu());
        writer.apply(&flush).unwrap();
        let took = begin.elapsed();
        busy += cpu() - on_cpu;
        slowest = slowest.max(took);
        spent += took;
    }
    let begin = Instant::now();
    writer.checkpoint().unwrap();
    let checkpoint = begin.elapsed();
    let totals = store.reader().totals().unwrap();
    println!(
        "{records} records, {details} details, {stats} stat rows, {} issues, {} fingerprints",
        totals.issues, totals.fingerprints
    );
    println!(
        "apply {spent:.2?} of wall time, {busy:.2?} of CPU (slowest flush {slowest:.0?}), checkpoint {checkpoint:.2?}: {:.0} records/s and {:.0} details/s of CPU, {:.0} MB on disk",
        records as f64 / busy.as_secs_f64(),
        details as f64 / busy.as_secs_f64(),
        size_of(folder.path()) as f64 / 1e6
    );
    println!("after: {}", memory());
}

/// Issue `n`: 4000 jobs, each with its own share of the errors.
fn issue(n: usize, errors: usize) -> (usize, usize) {
    let job = n % 4_000;
    (job, (n / 4_000 * 17 + job * 13) % errors)
}

fn build(folder: &Path, issues: usize, details: usize, errors: usize) {
    let store = Store::open(folder, StoreOptions::default()).unwrap();
    let mut writer = store.writer();
    let mut world = World::new(4_000, errors, 50, 6);
    let begin = Instant::now();
    let mut spent = Duration::ZERO;
    let minutes = 1_440;
    let per_minute = details / minutes + 1;
    let mut made = 0;
    let mut number = 0;
    for minute in (0..minutes).step_by(5) {
        let mut events = Vec::new();
        for minute in minute..minute + 5 {
            for _ in 0..per_minute {
                // A walk that meets every issue once before it meets one again.
                let n = if errors >= issues {
                    made % issues
                } else {
                    made.wrapping_mul(7_919) % issues
                };
                let (job, error) = if errors >= issues {
                    (n % 4_000, n)
                } else {
                    issue(n, errors)
                };
                for again in 0..1 + made % 3 {
                    events.push(Event {
                        job,
                        error,
                        host: (n + made / issues % 2) % 50,
                        at: DAY + minute as i64 * MINUTE + (made % 50_000) as i64 + again as i64,
                    });
                }
                made += 1;
            }
        }
        number += 1;
        let flush = world.fold(&events, number);
        let begin = Instant::now();
        writer.apply(&flush).unwrap();
        spent += begin.elapsed();
        if minute % 120 == 0 {
            println!(
                "  minute {minute}: {made} details, apply {:.0}/s, {}",
                made as f64 / spent.as_secs_f64(),
                memory()
            );
        }
    }
    writer.checkpoint().unwrap();
    println!("built in {:.0?}, apply {spent:.0?}", begin.elapsed());
}

fn questions(folder: &Path, issues: usize, errors: usize, runs: usize) {
    let reader = Store::open_read_only(folder, StoreOptions::default()).unwrap();
    let totals = reader.totals().unwrap();
    println!(
        "{} issues, {} fingerprints, {} details, {} events, {:.2} GB",
        totals.issues,
        totals.fingerprints,
        totals.details,
        totals.ledger.folded,
        totals.bytes as f64 / 1e9
    );
    let mut asker = Asker {
        reader,
        runs,
        numbers: Numbers(99),
    };
    for (name, sort) in [
        ("last_seen", ErrorSort::LastSeen),
        ("first_seen", ErrorSort::FirstSeen),
        ("count", ErrorSort::Count),
    ] {
        for search in [
            "",
            "severity:high",
            "job:orders-17",
            "host:worker-3.acme.example",
            "-part:noise team:team-1 OR cluster:cluster-2",
            "exception:*OrderC*",
            "pod:orders-17-*",
            "count:>20",
            "is:new",
            "kind77",
            "order",
            "\"could not place\" job:orders-1*",
            "placer7 severity:critical -host:worker-1*",
            "nothing_like_it",
        ] {
            asker.list(name, sort, search);
        }
    }
    asker.time("one error", |asker| {
        let n = asker.numbers.below(issues);
        let (job, error) = if errors >= issues {
            (n % 4_000, n)
        } else {
            issue(n, errors)
        };
        let id = IssueId::of(&synthetic::job(job), synthetic::identity(error).fingerprint);
        let detail = asker
            .reader
            .error(&ErrorAsk {
                id,
                from: DAY,
                to: DAY + 1_440 * MINUTE,
                kin: 10,
            })
            .unwrap();
        detail.minutes.len()
    });
    asker.time("samples of one error", |asker| {
        let n = asker.numbers.below(issues);
        let (job, error) = if errors >= issues {
            (n % 4_000, n)
        } else {
            issue(n, errors)
        };
        let id = IssueId::of(&synthetic::job(job), synthetic::identity(error).fingerprint);
        asker.reader.samples(id, 20, None).unwrap().items.len()
    });
    for by in [
        "error_type",
        "severity",
        "exception",
        "job",
        "host",
        "role",
        "team",
        "fingerprint",
        "group",
    ] {
        for (search, step) in [
            ("", 1),
            ("", 60),
            ("severity:high", 5),
            ("job:orders-17", 1),
            ("order", 15),
            ("-host:worker-1*", 60),
        ] {
            asker.trend(by, search, step);
        }
    }
    asker.time("jobs", |asker| {
        let ask = JobsAsk {
            from: DAY,
            to: DAY + 1_440 * MINUTE,
            limit: 50,
            sparkline: 24,
            ..JobsAsk::default()
        };
        asker.reader.jobs(&ask).unwrap().items.len()
    });
    asker.time("one job", |asker| {
        let job = synthetic::job(asker.numbers.below(4_000));
        asker
            .reader
            .job(&job, DAY, DAY + 1_440 * MINUTE)
            .unwrap()
            .top_errors
            .len()
    });
    asker.time("totals", |asker| asker.reader.totals().unwrap().issues as usize);
    for field in ["job", "host", "exception", "pod", "top_frame"] {
        asker.time(&format!("values of {field}"), |asker| {
            asker.reader.values(field, "", 20).unwrap().len()
        });
    }
    println!("{}", memory());
}

struct Asker {
    reader: Arc<dyn Reader>,
    runs: usize,
    numbers: Numbers,
}

impl Asker {
    fn time(&mut self, name: &str, mut question: impl FnMut(&mut Self) -> usize) {
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..self.runs {
            let (begin, on_cpu) = (Instant::now(), cpu());
            found = question(self);
            took.push((begin.elapsed(), cpu() - on_cpu));
        }
        let at = |percent: usize, of: fn(&(Duration, Duration)) -> Duration| {
            let mut took: Vec<Duration> = took.iter().map(of).collect();
            took.sort();
            took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1e3
        };
        let slow = if at(95, |t| t.1) > 300.0 {
            "  <-- above 300 ms"
        } else {
            ""
        };
        println!(
            "{name:<64} p50 {:>7.1} ms  p95 {:>7.1} ms  CPU p50 {:>7.1} p95 {:>7.1}  ({found} found){slow}",
            at(50, |t| t.0),
            at(95, |t| t.0),
            at(50, |t| t.1),
            at(95, |t| t.1)
        );
    }

    fn list(&mut self, name: &str, sort: ErrorSort, search: &str) {
        let query = Query::parse(search).unwrap();
        self.time(&format!("list by {name}: {search}"), |asker| {
            let shift = asker.numbers.below(50) as i64 * MINUTE;
            let ask = ErrorsAsk {
                query: query.clone(),
                from: DAY + shift + 17_000,
                to: DAY + 1_440 * MINUTE,
                sort,
                limit: 50,
                after: None,
                sparkline: 24,
                now: DAY + 1_440 * MINUTE,
            };
            asker.reader.errors(&ask).unwrap().items.len()
        });
    }

    fn trend(&mut self, by: &str, search: &str, step: i64) {
        let query = Query::parse(search).unwrap();
        self.time(&format!("trend by {by} per {step} m: {search}"), |asker| {
            let shift = asker.numbers.below(3) as i64 * MINUTE;
            let ask = TrendsAsk {
                by: by.to_owned(),
                step_minutes: step,
                from: DAY,
                to: DAY + 1_440 * MINUTE - shift,
                query: query.clone(),
                top: 10,
                now: DAY + 1_440 * MINUTE,
            };
            asker.reader.trends(&ask).unwrap().series.len()
        });
    }
}
