//! `verify` on the whole product: real Kafka, Druid and search node, the process and index roles beside it.
//!
//! Without the servers the test says so and passes; `SEISMOLOG_LIVE=required` makes it fail instead.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests: what fails here is meant to be seen"
)]

mod live;

use assert_cmd::cargo::CommandCargoExt as _;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use seismolog::config::Config;
use seismolog::config::servers::TopicPlan;
use seismolog::generate::{Generator, Options, Scenario};
use seismolog::index::{IndexOptions, run as run_index};
use seismolog::process::kafka::{ProcessOptions, start as start_process};
use seismolog::process::stop::Stop;
use seismolog::rules::LiveRules;
use seismolog::source::kafka::admin::{ensure_topic, ensure_topics, remove_topics};
use seismolog::source::kafka::load::Sender;
use seismolog::store::elastic_druid::druid::{DruidClient, OtherHands, setup as setup_druid, specification};
use seismolog::store::elastic_druid::elastic::{Elastic, Method, setup as setup_elastic};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Exit code and document of `seismolog verify`.
fn verify(config: &Path, within: &str) -> (i32, Value) {
    let output = Command::cargo_bin("seismolog")
        .unwrap()
        .args(["verify", "-o", "json", "--within", within, "-c"])
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (output.status.code().unwrap(), document)
}

/// Checks that do not say what is wanted.
fn differing(document: &Value) -> Vec<String> {
    let checks = document["checks"].as_array().unwrap();
    let differs = checks.iter().filter(|check| check["verdict"] == "differs");
    differs
        .map(|check| {
            format!(
                "{} {} {}",
                check["stage"].as_str().unwrap(),
                check["of"].as_str().unwrap(),
                check["number"].as_str().unwrap()
            )
        })
        .collect()
}

struct Remove(Box<dyn Fn()>);

impl Drop for Remove {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn verify_is_exact_while_all_is_well_and_names_what_is_lost_or_counted_twice() {
    if !live::listen(&live::ALL) {
        return;
    }
    let name = format!(
        "t-druid-verify-{}-{}",
        std::process::id(),
        std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seismolog.toml");
    std::fs::write(&file, live::configuration(&name)).unwrap();
    let config = Config::load(Some(&file), []).unwrap();
    let kafka = config.kafka.clone().unwrap();
    let druid = Arc::new(DruidClient::new(config.druid.as_ref().unwrap()).unwrap());
    let elastic = Arc::new(Elastic::new(config.elasticsearch.as_ref().unwrap()).unwrap());
    let runtime = Arc::new(tokio::runtime::Runtime::new().unwrap());
    let plan = TopicPlan {
        partitions: 4,
        ..TopicPlan::default()
    };
    ensure_topic(&kafka, &kafka.topics[0], &plan).unwrap();
    ensure_topics(&kafka, &config.topics, &plan).unwrap();
    let _remove = Remove(Box::new({
        let (druid, elastic, runtime) = (live::druid(&name), Arc::clone(&elastic), Arc::clone(&runtime));
        let (kafka, name) = (kafka.clone(), name.clone());
        move || {
            live::end_druid(&druid);
            drop(remove_topics(
                &kafka,
                &live::topics(&name).each_ref().map(String::as_str),
            ));
            drop(runtime.block_on(elastic.call(Method::Delete, &format!("{name}-*"), &[], None)));
        }
    }));
    let wanted = specification(config.druid.as_ref().unwrap(), &kafka, &config.topics).unwrap();
    setup_druid(&druid, &wanted, OtherHands::Leave).unwrap();
    runtime
        .block_on(setup_elastic(&elastic, config.elasticsearch.as_ref().unwrap()))
        .unwrap();

    let stop = Stop::default();
    let rules = Arc::new(LiveRules::shipped().unwrap());
    let process = start_process(ProcessOptions::of(&config).unwrap(), &rules, &stop).unwrap();
    let index = {
        let options = IndexOptions::new(
            kafka.clone(),
            config.topics.clone(),
            config.elasticsearch.clone().unwrap(),
        );
        let stop = stop.clone();
        std::thread::spawn(move || run_index(&options, &stop).map(drop))
    };

    // Beside a generator that goes on sending.
    let records = 6_000;
    let options = Options {
        jobs: 10,
        rate: 100,
        minutes: true,
        start_millis: 1_795_222_384_000,
        ..Options::of(Scenario::Steady, records)
    };
    let mut generator = Generator::new(&options).unwrap();
    let sender = {
        let kafka = kafka.clone();
        std::thread::spawn(move || {
            let mut sender = Sender::new(&kafka, &kafka.topics[0]).unwrap();
            let mut record = Vec::new();
            let mut sent = 0_u32;
            while generator.next_record(&mut record) {
                sender.send(&record).unwrap();
                record.clear();
                sent += 1;
                if sent.is_multiple_of(100) {
                    sender.send(b"{\"message\": \"half a rec").unwrap();
                }
                if sent.is_multiple_of(50) {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            sender.finish().unwrap();
        })
    };
    std::thread::sleep(Duration::from_secs(2));
    let (exit, document) = verify(&file, "60s");
    assert_eq!(exit, 0, "beside a running system: {document:#}");
    sender.join().unwrap();

    let (exit, document) = verify(&file, "120s");
    assert_eq!((exit, &document["verdict"]), (0, &json!("exact")), "{document:#}");
    let events = |stage: &str, number: &str| {
        let checks = document["checks"].as_array().unwrap().iter();
        let mut of_all =
            checks.filter(|check| check["of"] == "all" && check["stage"] == stage && check["number"] == number);
        of_all
            .next()
            .unwrap_or_else(|| panic!("{stage} {number} in {document:#}"))["found"]
            .clone()
    };
    assert_eq!(events("druid", "events"), json!(records));
    assert_eq!(events("elasticsearch", "events by minute"), json!(records));
    assert_eq!(events("elasticsearch", "events by issue"), json!(records));
    eprintln!("{document:#}");

    process.finish().unwrap();
    index.join().unwrap().unwrap();

    // A minute is lost in the search node.
    let pattern = format!("{name}-details-*");
    let one = runtime
        .block_on(elastic.call(
            Method::Post,
            &format!("{pattern}/_search"),
            &[],
            Some(&json!({ "size": 1 })),
        ))
        .unwrap();
    let hit = &one["hits"]["hits"][0];
    let path = format!(
        "{}/_doc/{}",
        hit["_index"].as_str().unwrap(),
        hit["_id"].as_str().unwrap()
    );
    runtime
        .block_on(elastic.call(Method::Delete, &path, &[], None))
        .unwrap();
    let (exit, document) = verify(&file, "1s");
    assert_eq!(
        (exit, differing(&document)),
        (1, vec!["elasticsearch all events by minute".to_owned()])
    );

    // A count is there twice: somebody else wrote into our topic.
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .create()
        .unwrap();
    let twice = br#"{"time":"2026-11-20T00:00:00.000Z","kind":"error","job":"x","count":5}"#;
    let record = BaseRecord::<(), [u8]>::to(&config.topics.stats).payload(&twice[..]);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
    let (exit, document) = verify(&file, "15s");
    let found = differing(&document);
    assert_eq!(exit, 1);
    assert!(found.contains(&format!("{name}-stats all events")), "{found:?}");
}
