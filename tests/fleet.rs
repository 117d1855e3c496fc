//! Two days of a fleet: what fails is told once, what healthy jobs log is not told.
//!
//! The truth is the generator's: what it planned, and how many alerts of it are right. The first three quarters of the
//! time are for learning.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test that meets a surprise ends there"
)]

use seismolog::alert::{Alert, Patience, replay::Replay};
use seismolog::engine::{Engine, Outcome};
use seismolog::generate::{Generator, LayoutChoice, LayoutKind, Options, Scenario};
use seismolog::rules::RuleSet;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A failure is told when its alert begins or goes on from so many seconds before its first line until so many after
/// its last: errors up to two minutes before belong to it, and it is over after five without any.
const BEFORE_SECONDS: i64 = 300;
const AFTER_SECONDS: i64 = 420;

fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_second()
}

/// What the alerts are worth.
#[derive(Debug, Default)]
struct Score {
    /// Failures of one job and spikes, and how many of them have exactly one alert.
    single: usize,
    told_once: usize,
    /// Alerts of each shared outage, with the number of its jobs.
    outages: Vec<(usize, usize)>,
    /// Alerts of nothing, and jobs times days they were watched.
    false_alerts: Vec<String>,
    job_days: f64,
    /// Alerts of nothing while it learned.
    while_learning: usize,
}

fn score(options: &Options) -> Score {
    let rules = Arc::new(RuleSet::shipped().unwrap());
    let mut engine = Engine::new(Arc::clone(&rules), jiff::tz::TimeZone::UTC);
    let mut replay = Replay::new(rules.cascades().clone());
    let mut generator = Generator::new(options).unwrap();
    let mut record = Vec::new();
    while generator.next_record(&mut record) {
        engine.read(&record, &mut |outcome| match outcome {
            Outcome::Folded(event) => replay.take(&event),
            Outcome::Rejected(rejection) => panic!("{rejection:?}"),
        });
        record.clear();
    }
    let truth = serde_json::to_value(generator.truth()).unwrap();
    compare(&truth, &replay.play(Patience::default()), options)
}

fn compare(truth: &Value, alerts: &[Alert], options: &Options) -> Score {
    let learned = options.start_millis / 1000 + i64::from(options.hours) * 3_600 * 3 / 4;
    let mut score = Score {
        job_days: options.jobs as f64 * f64::from(options.hours) / 4.0 / 24.0,
        ..Score::default()
    };
    let mut explained = BTreeSet::new();
    for incident in truth["incidents"].as_array().unwrap() {
        let jobs = incident["jobs"].as_array().unwrap().iter();
        let names: BTreeSet<&str> = jobs
            .map(|job| {
                truth["jobs"][job.as_u64().unwrap() as usize]["job_name"]
                    .as_str()
                    .unwrap()
            })
            .collect();
        let from = seconds(incident["started_at"].as_str().unwrap());
        let to = seconds(incident["ended_at"].as_str().unwrap());
        let is_of_it = |alert: &&Alert| {
            let one = alert.job_name.iter().chain(&alert.jobs);
            let began = seconds(&alert.started_at);
            let ended = alert.ended_at.as_deref().map_or(i64::MAX, seconds);
            one.into_iter().any(|job| names.contains(job.as_str()))
                && (from - BEFORE_SECONDS..=to + AFTER_SECONDS).contains(&began)
                && ended >= from
        };
        let told: Vec<&Alert> = alerts.iter().filter(is_of_it).collect();
        explained.extend(told.iter().map(|alert| alert.id));
        if from < learned {
            continue;
        }
        match incident["kind"].as_str().unwrap() {
            "habit" => assert!(told.len() <= 1, "{incident}: {told:#?}"),
            "dependency_outage" => score.outages.push((names.len(), told.len())),
            _ => {
                score.single += 1;
                score.told_once += usize::from(told.len() == 1);
                if told.len() != 1 {
                    let titles: Vec<&str> = told.iter().map(|alert| &*alert.title).collect();
                    println!("{} of {names:?} at {from}: {titles:?}", incident["kind"]);
                }
            }
        }
    }
    for alert in alerts.iter().filter(|alert| !explained.contains(&alert.id)) {
        if seconds(&alert.started_at) < learned {
            score.while_learning += 1;
        } else {
            score
                .false_alerts
                .push(format!("{} {} {}", alert.started_at, alert.rule, alert.title));
        }
    }
    score
}

fn assert_good(score: &Score) {
    println!("{score:#?}");
    assert!(score.told_once * 100 >= score.single * 95, "{score:#?}");
    assert!(score.single > 0 && !score.outages.is_empty(), "{score:#?}");
    assert!(
        score.outages.iter().all(|(_, alerts)| (1..=4).contains(alerts)),
        "{score:#?}"
    );
    assert!(
        score.false_alerts.len() as f64 <= 0.03 * score.job_days.max(34.0),
        "{score:#?}"
    );
    assert!(score.while_learning <= 20, "{score:#?}");
}

#[test]
fn a_small_fleet_is_told_what_fails_and_nothing_else() {
    let options = Options {
        jobs: 60,
        layout: LayoutChoice::One(LayoutKind::Recipe),
        ..Options::of(Scenario::Fleet, 15_000)
    };
    assert_good(&score(&options));
}

#[test]
#[ignore = "half a million records take minutes: cargo test --release --test fleet -- --ignored --nocapture"]
fn two_hundred_jobs_for_two_days_are_told_what_fails_and_nothing_else() {
    for seed in 1..=3 {
        let options = Options {
            jobs: 200,
            seed,
            ..Options::of(Scenario::Fleet, 500_000)
        };
        assert_good(&score(&options));
    }
}
