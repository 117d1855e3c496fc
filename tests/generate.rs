//! `generate`: the same bytes for the same options, and a truth that is true.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test that meets a surprise ends there"
)]

use seismolog::decode::stack::stack_trace;
use seismolog::decode::{Decoder, Limits};
use seismolog::engine::{Engine, Outcome};
use seismolog::event::Thrown;
use seismolog::generate::{Generator, LayoutChoice, LayoutKind, Options, Scenario, records};
use seismolog::rules::{RuleSet, ToldError, ToldThrowable};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn seismolog(args: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("seismolog").unwrap();
    command.args(args);
    command
}

fn json(record: &[u8]) -> Value {
    serde_json::from_slice(record).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(record)))
}

/// Milliseconds since the epoch, whatever the layout.
fn millis(record: &Value) -> i64 {
    if let Some(instant) = record.get("instant") {
        return instant["epochSecond"].as_i64().unwrap() * 1000 + instant["nanoOfSecond"].as_i64().unwrap() / 1_000_000;
    }
    if let Some(time) = record.get("time").and_then(Value::as_i64) {
        return time;
    }
    let text = ["@timestamp", "ts", "timestamp"]
        .iter()
        .find_map(|key| record.get(key)?.as_str())
        .unwrap();
    let text = text.replace("+0000", "Z");
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn stack(record: &Value) -> Option<&str> {
    let keys = ["error.stack_trace", "stack", "stack_trace"];
    keys.iter()
        .find_map(|key| record.get(key)?.as_str())
        .or_else(|| record.get("thrown")?.get("extendedStackTrace")?.as_str())
        .or_else(|| record.get("exception")?.get("stacktrace")?.as_str())
}

fn job_name(record: &Value) -> &str {
    let keys = ["service.name", "jobName", "job", "app_name", "name"];
    keys.iter().find_map(|key| record.get(key)?.as_str()).unwrap()
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_gives_others() {
    for scenario in Scenario::ALL {
        let options = Options::of(scenario, 500);
        let first = records(&options).unwrap();
        assert_eq!(first.len(), 500, "{scenario}");
        assert!(first == records(&options).unwrap(), "{scenario}");
        assert!(first != records(&Options { seed: 2, ..options }).unwrap(), "{scenario}");
    }
}

/// The bytes are part of what tests, benches and colleagues compare: a change must be meant.
#[test]
fn the_bytes_of_a_seed_are_these_on_every_machine() {
    let hashes: Vec<String> = Scenario::ALL
        .iter()
        .map(|scenario| {
            let all = records(&Options::of(*scenario, 300)).unwrap().concat();
            format!("{scenario} {:016x}", xxhash_rust::xxh3::xxh3_64(&all))
        })
        .collect();
    let known = include_str!("cases/generate/hashes.txt");
    assert_eq!(hashes.join("\n"), known.trim_end());
}

#[test]
fn every_record_is_json_in_every_layout_and_times_never_go_back() {
    for scenario in Scenario::ALL {
        for layout in LayoutKind::ALL.into_iter().filter(|layout| *layout != LayoutKind::Text) {
            let options = Options {
                layout: LayoutChoice::One(layout),
                ..Options::of(scenario, 400)
            };
            let mut last = i64::MIN;
            for record in records(&options).unwrap() {
                assert!(!record.contains(&b'\n'), "{scenario} {}", layout.as_str());
                let time = millis(&json(&record));
                assert!(time >= last, "{scenario} {}", layout.as_str());
                last = time;
            }
        }
    }
}

#[test]
fn steady_has_the_shape_of_the_sizing_study() {
    let options = Options::of(Scenario::Steady, 50_000);
    let mut generator = Generator::new(&options).unwrap();
    let mut sizes = Vec::new();
    let mut without_stack = 0;
    let mut record = Vec::new();
    while generator.next_record(&mut record) {
        sizes.push(record.len());
        // Reading every tenth is enough for a share and saves most of the time.
        if sizes.len() % 10 == 0 {
            without_stack += 10 * usize::from(stack(&json(&record)).is_none());
        }
        record.clear();
    }
    let truth = generator.truth();
    sizes.sort_unstable();
    let at = |percent: usize| sizes[sizes.len() * percent / 100];
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((4500..5000).contains(&mean), "mean {mean}");
    assert!((2500..3100).contains(&at(10)), "p10 {}", at(10));
    assert!((4500..5100).contains(&at(50)), "p50 {}", at(50));
    assert!((6200..7200).contains(&at(90)), "p90 {}", at(90));
    let share = |count: usize| count * 1000 / sizes.len();
    assert!(
        (70..95).contains(&share(without_stack)),
        "{} in 1000 without a stack",
        share(without_stack)
    );
    assert!((15_000..20_000).contains(&truth.distinct), "{} pairs", truth.distinct);
    let mut counts: Vec<u32> = truth.pairs.iter().map(|(_, _, count)| *count).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let top: u32 = counts.iter().take(50).sum();
    assert!(
        (180..230).contains(&share(top as usize)),
        "top 50 pairs have {} in 1000",
        share(top as usize)
    );
}

#[test]
fn a_storm_comes_from_fifty_pairs() {
    let mut generator = Generator::new(&Options::of(Scenario::Storm, 20_000)).unwrap();
    while generator.next_record(&mut Vec::new()) {}
    let mut counts: Vec<u32> = generator.truth().pairs.iter().map(|(_, _, count)| *count).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let top: u32 = counts.iter().take(50).sum();
    assert!((18_800..19_400).contains(&top), "{top} of 20000");
}

#[test]
fn no_two_records_of_novel_say_the_same() {
    let mut seen = BTreeSet::new();
    for record in records(&Options::of(Scenario::Novel, 8000)).unwrap() {
        let record = json(&record);
        // The new word stands in the class of the root or, where there is no stack, in the logger.
        let word = match stack(&record) {
            Some(stack) => stack
                .lines()
                .filter(|line| line.contains(".java:") && line.contains("\tat com."))
                .map(str::to_owned)
                .collect(),
            None => record
                .get("log.logger")
                .or(record.get("loggerName"))
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned(),
        };
        assert!(!word.is_empty());
        assert!(seen.insert(word.clone()), "{word}");
    }
}

#[test]
fn the_truth_counts_what_was_written() {
    let options = Options {
        minutes: true,
        ..Options::of(Scenario::Fleet, 6000)
    };
    let mut generator = Generator::new(&options).unwrap();
    let mut by_job: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_minute: BTreeMap<i64, u64> = BTreeMap::new();
    let mut bytes = 0;
    let mut record = Vec::new();
    while generator.next_record(&mut record) {
        let parsed = json(&record);
        *by_job.entry(job_name(&parsed).to_owned()).or_default() += 1;
        *by_minute.entry(millis(&parsed).div_euclid(60_000)).or_default() += 1;
        bytes += record.len() as u64;
        record.clear();
    }
    let truth = generator.truth();
    assert_eq!((truth.records, truth.bytes), (6000, bytes));
    let told: BTreeMap<String, u64> = truth.jobs.iter().map(|job| (job.job_name.clone(), job.count)).collect();
    assert_eq!(told, by_job);
    let mut minutes: BTreeMap<i64, u64> = BTreeMap::new();
    for (minute, _, _, count) in truth.minutes.as_ref().unwrap() {
        *minutes.entry(*minute).or_default() += u64::from(*count);
    }
    assert_eq!(minutes, by_minute);
    assert_eq!(
        truth.pairs.iter().map(|(_, _, count)| u64::from(*count)).sum::<u64>(),
        6000
    );
    assert_eq!(truth.families.iter().map(|family| family.count).sum::<u64>(), 6000);
}

#[test]
fn a_cascade_tells_all_kinds_of_failures_with_their_roots() {
    let mut generator = Generator::new(&Options::of(Scenario::Cascade, 5000)).unwrap();
    while generator.next_record(&mut Vec::new()) {}
    let truth = serde_json::to_value(generator.truth()).unwrap();
    let incidents = truth["incidents"].as_array().unwrap();
    let kinds: BTreeSet<&str> = incidents
        .iter()
        .map(|incident| incident["kind"].as_str().unwrap())
        .collect();
    let all = [
        "checkpoint_spiral",
        "crash_loop",
        "dependency_outage",
        "jobmanager_lost",
        "taskmanager_lost",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
    for incident in incidents {
        let lines = incident["lines"].as_array().unwrap();
        assert_eq!(
            lines.iter().filter(|line| line["root"] == true).count(),
            1,
            "{incident}"
        );
        let counted: u64 = lines.iter().map(|line| line["count"].as_u64().unwrap()).sum();
        assert_eq!(Some(counted), incident["records"].as_u64());
        let root = &truth["families"][incident["root"]["family"].as_u64().unwrap() as usize];
        assert_ne!(root["part"], "noise", "{incident}");
        assert!(
            incident["subject"].as_str().is_some_and(|subject| !subject.is_empty()),
            "{incident}"
        );
    }
}

#[test]
fn the_command_writes_lines_and_a_truth_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    let args = [
        "generate",
        "--scenario",
        "steady",
        "--count",
        "250",
        "--jobs",
        "50",
        "--seed",
        "9",
    ];
    let start = ["--start", "2026-11-21T00:00:00Z", "--truth", file.to_str().unwrap()];
    let output = seismolog(&args).args(start).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&[u8]> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(lines.len(), 250);
    let truth: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(truth["records"], 250);
    assert_eq!(truth["first"], "2026-11-21T00:00:00.000Z");
    assert!(truth["jobs"].as_array().unwrap().len() <= 50);
    assert!(truth["minutes"].as_array().is_some_and(|minutes| !minutes.is_empty()));
}

#[test]
fn without_a_start_the_load_ends_now() {
    let output = seismolog(&["generate", "--scenario", "novel", "--count", "10", "--rate", "10"])
        .output()
        .unwrap();
    let last = output
        .stdout
        .split(|byte| *byte == b'\n')
        .rfind(|line| !line.is_empty())
        .unwrap();
    let age = seismolog::clock::Clock::System.now_millis() - millis(&json(last));
    assert!((0..60_000).contains(&age), "{age} ms ago");
}

#[test]
fn wrong_options_are_usage_faults_with_a_remedy() {
    for (args, told) in [
        (["--scenario", "steady", "--jobs", "0"], "1 to 100000"),
        (["--scenario", "steady", "--rate", "0"], "at least 1"),
        (
            ["--scenario", "steady", "--start", "2300-01-01T00:00:00Z"],
            "between 1970 and 2261",
        ),
        (
            ["--scenario", "steady", "--count", "18446744073709551615"],
            "between 1970 and 2261",
        ),
        (
            ["--scenario", "calm", "--seed", "1"],
            "steady, storm, novel, cascade, fleet",
        ),
        (["--scenario", "storm", "--layout", "xml"], "mix, ecs, jsonlayout"),
        (["--scenario", "storm", "--to", "kafka"], "--brokers"),
    ] {
        let output = seismolog(&["generate"]).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{args:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(told), "{args:?}: {error}");
    }
}

#[test]
fn every_record_is_decoded_as_the_layout_it_was_written_in() {
    let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    for (layout, read_as) in [
        (LayoutKind::Ecs, "ecs"),
        (LayoutKind::JsonLayout, "log4j2-json"),
        (LayoutKind::Recipe, "recipe"),
        (LayoutKind::Logback, "logback"),
        (LayoutKind::Logstash, "logstash-v1"),
        (LayoutKind::Text, "text"),
    ] {
        for scenario in [Scenario::Steady, Scenario::Novel, Scenario::Cascade] {
            let options = Options {
                layout: LayoutChoice::One(layout),
                ..Options::of(scenario, 600)
            };
            for record in records(&options).unwrap() {
                let shown = String::from_utf8_lossy(&record).into_owned();
                let mut outcomes = 0;
                decoder.decode(&record, &mut |outcome| {
                    outcomes += 1;
                    let event = outcome.unwrap_or_else(|rejection| panic!("{rejection:?}: {shown:.300}"));
                    assert_eq!(event.layout.as_str(), read_as, "{shown:.300}");
                    if layout != LayoutKind::Text {
                        let record = json(&record);
                        assert_eq!(event.time.millis(), millis(&record), "{shown:.300}");
                        let absent = matches!(event.thrown, Thrown::Absent);
                        assert_eq!(absent, stack(&record).is_none(), "{shown:.300}");
                    }
                });
                assert_eq!(outcomes, 1, "{shown:.300}");
            }
        }
    }
}

/// The chain a record's throwable is parsed to is the one the truth tells, in every layout that writes the whole one.
#[test]
fn the_cause_chains_of_the_truth_are_those_of_the_records() {
    for layout in [
        LayoutKind::Ecs,
        LayoutKind::JsonLayout,
        LayoutKind::Recipe,
        LayoutKind::Logback,
        LayoutKind::Logstash,
    ] {
        let options = Options {
            layout: LayoutChoice::One(layout),
            ..Options::of(Scenario::Steady, 3000)
        };
        let mut generator = Generator::new(&options).unwrap();
        let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
        let mut parsed: BTreeMap<(String, Vec<String>), u64> = BTreeMap::new();
        let mut record = Vec::new();
        while generator.next_record(&mut record) {
            let name = job_name(&json(&record)).to_owned();
            decoder.decode(&record, &mut |outcome| {
                let trace = stack_trace(&outcome.unwrap().thrown);
                let chain = trace.map_or_else(Vec::new, |trace| {
                    trace
                        .chain()
                        .into_iter()
                        .map(|at| trace.throwables[at].class.clone())
                        .collect()
                });
                *parsed.entry((name.clone(), chain)).or_default() += 1;
            });
            record.clear();
        }
        let truth = serde_json::to_value(generator.truth()).unwrap();
        let mut told: BTreeMap<(String, Vec<String>), u64> = BTreeMap::new();
        for pair in truth["pairs"].as_array().unwrap() {
            let [job, family, count] = [0, 1, 2].map(|at| pair[at].as_u64().unwrap() as usize);
            let job = &truth["jobs"][job];
            let package = job["package"].as_str().unwrap();
            let classes = truth["families"][family]["chain"].as_array().unwrap().iter();
            let chain = classes
                .map(|class| class.as_str().unwrap().replace("{pkg}", package))
                .collect();
            *told
                .entry((job["job_name"].as_str().unwrap().to_owned(), chain))
                .or_default() += count as u64;
        }
        for (known, count) in &told {
            assert_eq!(parsed.get(known), Some(count), "{}: {known:?}", layout.as_str());
        }
        assert_eq!(parsed.len(), told.len(), "{}", layout.as_str());
    }
}

/// What is expected of a family is what the shipped rules say of its records; where the truth expects nothing they may
/// say anything.
#[test]
fn the_types_the_truth_expects_are_those_the_rules_tell() {
    let rules = RuleSet::shipped().unwrap();
    let options = Options {
        layout: LayoutChoice::One(LayoutKind::Ecs),
        ..Options::of(Scenario::Steady, 2500)
    };
    let mut generator = Generator::new(&options).unwrap();
    let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let mut record = Vec::new();
    while generator.next_record(&mut record) {
        decoder.decode(&record, &mut |outcome| {
            let event = outcome.unwrap();
            let trace = stack_trace(&event.thrown);
            let throwables = trace.as_ref().map_or_else(Vec::new, |trace| {
                trace.chain().into_iter().map(|at| &trace.throwables[at]).collect()
            });
            let chain: Vec<ToldThrowable<'_>> = throwables
                .iter()
                .map(|throwable| ToldThrowable {
                    class: &throwable.class,
                    message: throwable.message.as_deref(),
                })
                .collect();
            let rule = rules.errors().classify(&ToldError {
                message: &event.message.decoded(),
                logger: event.logger.as_ref().map(|logger| logger.decoded()).as_deref(),
                level: event.level.as_ref().map(|level| level.decoded()).as_deref(),
                chain: &chain,
                suppressed: &[],
            });
            *told
                .entry(rule.map_or("unclassified", |rule| &rule.id).to_owned())
                .or_default() += 1;
        });
        record.clear();
    }
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    let truth = generator.truth();
    for family in truth.families.iter().filter(|family| family.count > 0) {
        if let Some(error_type) = &family.error_type {
            *expected.entry(error_type).or_default() += family.count;
        }
    }
    for (error_type, count) in expected {
        assert_eq!(told.get(error_type), Some(&count), "{error_type}");
    }
}

/// One error of one job is one fingerprint, whatever its numbers, hosts, subtasks and restarts; two are two.
#[test]
fn every_job_and_family_of_the_truth_is_one_fingerprint() {
    let rules = Arc::new(RuleSet::shipped().unwrap());
    for (scenario, layout) in [
        (Scenario::Steady, LayoutKind::Ecs),
        (Scenario::Steady, LayoutKind::JsonLayout),
        (Scenario::Cascade, LayoutKind::Recipe),
        (Scenario::Novel, LayoutKind::Logback),
    ] {
        let options = Options {
            layout: LayoutChoice::One(layout),
            jobs: 60,
            ..Options::of(scenario, 5000)
        };
        let mut engine = Engine::new(Arc::clone(&rules), jiff::tz::TimeZone::UTC);
        let mut generator = Generator::new(&options).unwrap();
        let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let mut record = Vec::new();
        while generator.next_record(&mut record) {
            engine.read(&record, &mut |outcome| match outcome {
                Outcome::Folded(found) => {
                    let fingerprints = counts.entry(found.dimensions.job().0.to_owned()).or_default();
                    *fingerprints.entry(found.identity.fingerprint.to_string()).or_default() += 1;
                }
                Outcome::Rejected(rejection) => panic!("{rejection:?}"),
            });
            record.clear();
        }
        let truth = generator.truth();
        let distinct: u64 = counts.values().map(|fingerprints| fingerprints.len() as u64).sum();
        assert_eq!(distinct, truth.distinct, "{scenario} {}", layout.as_str());
        if scenario == Scenario::Novel {
            continue;
        }
        let mut told: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (job, _, count) in &truth.pairs {
            told.entry(&truth.jobs[*job].job_name)
                .or_default()
                .push(u64::from(*count));
        }
        for (job, mut expected) in told {
            let mut found: Vec<u64> = counts[job].values().copied().collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{scenario} {} {job}", layout.as_str());
        }
    }
}
