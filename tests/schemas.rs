//! The JSON Schemas of our topics describe what is really written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets a surprise ends there"
)]

mod schema;

use schema::{faults, schema};
use seismolog::alert::{Patience, replay::Replay};
use seismolog::engine::{Engine, Outcome};
use seismolog::event::EventTime;
use seismolog::fold::{Flush, FoldLimits, Folder};
use seismolog::generate::{Generator, Options, Scenario};
use seismolog::rules::RuleSet;
use seismolog::topics::detail::Detail;
use seismolog::topics::reject::{RejectRecord, Stage};
use seismolog::topics::replayed::Replayed;
use seismolog::topics::stat::{Heartbeat, Stat};
use serde_json::{Value, json};
use std::sync::Arc;

/// A day of a fleet in small: every engine and several layouts.
fn flush() -> Flush {
    let options = Options {
        jobs: 30,
        start_millis: 1_795_222_384_000,
        ..Options::of(Scenario::Fleet, 400)
    };
    let mut generator = Generator::new(&options).unwrap();
    let mut engine = Engine::new(Arc::new(RuleSet::shipped().unwrap()), jiff::tz::TimeZone::UTC);
    let mut folder = Folder::new(FoldLimits::default());
    let source: Arc<str> = "flink-errors/0".into();
    let mut record = Vec::new();
    while generator.next_record(&mut record) {
        let mut outcomes = 0;
        engine.read(&record, &mut |outcome| {
            if let Outcome::Folded(identified) = outcome {
                outcomes += 1;
                folder.add(&identified, &source);
            }
        });
        folder.record(&source, outcomes);
        record.clear();
    }
    folder.take().unwrap()
}

fn assert_described(schema: &Value, value: &Value) {
    let faults = faults(schema, value);
    assert!(faults.is_empty(), "{faults:?}\n{value}");
}

#[test]
fn details_and_counts_are_described_and_read_back_the_same() {
    let flush = flush();
    assert!(flush.details.len() > 50 && flush.stats.len() > 50);
    let (details, stats) = (schema("error-details"), schema("error-stats"));
    for (number, delta) in flush.details.iter().enumerate() {
        let detail = Detail::of(delta, number % 2 == 0);
        let value = serde_json::to_value(&detail).unwrap();
        assert_described(&details, &value);
        assert_eq!(serde_json::from_value::<Detail>(value).unwrap(), detail);
        let mut written = Vec::new();
        Detail::write(delta, number % 2 == 0, &mut written).unwrap();
        assert_eq!(written, serde_json::to_vec(&detail).unwrap());
    }
    for row in &flush.stats {
        let time = EventTime::from_millis(row.minute.start_millis()).rfc3339();
        let mut written = Vec::new();
        Stat::write(row, &time, &mut written).unwrap();
        let stat = Stat::of(row, time);
        assert_eq!(written, serde_json::to_vec(&stat).unwrap());
        let value = serde_json::to_value(&stat).unwrap();
        assert_described(&stats, &value);
        assert_eq!(serde_json::from_value::<Stat>(value).unwrap(), stat);
    }
}

#[test]
fn heartbeats_and_rejects_are_described() {
    for watermark in [None, Some(1_795_222_384_411)] {
        let heartbeat = Heartbeat {
            topic: "flink-errors".into(),
            partition: 3,
            next_offset: 17,
            records: 5,
            folded: 4,
            rejected: 1,
            watermark,
            idle: watermark.is_none(),
        };
        let stat = Stat::heartbeat("2026-11-21T00:53:00.000Z".into(), heartbeat);
        assert_described(&schema("error-stats"), &serde_json::to_value(stat).unwrap());
    }
    for stage in [Stage::Process, Stage::Index] {
        let reject = RejectRecord {
            stage,
            topic: "flink-errors".into(),
            partition: 0,
            offset: 7,
            reason: "invalid_json".into(),
            detail: "it ends in a text".into(),
            length: 9,
            bytes: RejectRecord::encode(b"\xff\x00{\"half"),
            rejected_at: 1_795_222_384_411,
        };
        assert_described(&schema("error-rejects"), &serde_json::to_value(reject).unwrap());
    }
    let note = Replayed {
        replayed: vec![3, 17],
        replayed_at: 1_795_222_384_411,
    };
    assert_described(&schema("error-rejects-replayed"), &serde_json::to_value(note).unwrap());
}

#[test]
fn a_record_that_is_not_as_described_is_found() {
    let details = schema("error-details");
    let good = serde_json::to_value(Detail::of(&flush().details[0], true)).unwrap();
    for (field, value) in [
        ("fingerprint", json!("xyz")),
        ("minute", json!(61_000)),
        ("severity", json!("bad")),
        ("count", json!(0)),
        ("surprise", json!(1)),
        ("hosts", json!("one")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!faults(&details, &bad).is_empty(), "{field}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("issue");
    assert!(!faults(&details, &bad).is_empty());
    // The schema of alerts at least is one.
    assert!(!faults(&schema("error-alerts"), &json!({})).is_empty());
}

#[test]
fn alerts_are_described() {
    let rules = Arc::new(RuleSet::shipped().unwrap());
    let mut engine = Engine::new(Arc::clone(&rules), jiff::tz::TimeZone::UTC);
    let mut replay = Replay::new(rules.cascades().clone());
    let options = Options {
        jobs: 30,
        start_millis: 1_795_222_384_000,
        ..Options::of(Scenario::Cascade, 3000)
    };
    let mut generator = Generator::new(&options).unwrap();
    let mut record = Vec::new();
    while generator.next_record(&mut record) {
        engine.read(&record, &mut |outcome| {
            if let Outcome::Folded(event) = outcome {
                replay.take(&event);
            }
        });
        record.clear();
    }
    let alerts = replay.play(Patience::default());
    assert!(alerts.iter().any(|alert| !alert.followers.is_empty()));
    let described = schema("error-alerts");
    for alert in &alerts {
        assert_described(&described, &serde_json::to_value(alert).unwrap());
    }
}
