//! What is promised of Druid, shown by a real Kafka and a real Druid: `deploy/local/up` starts them.
//!
//! Without them the tests say so and pass; `SEISMOLOG_LIVE=required` makes them fail instead.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests: what fails here is meant to be seen"
)]

mod live;
mod synthetic;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use seismolog::config::servers::{DruidConfig, KafkaConfig, TopicNames};
use seismolog::event::EventTime;
use seismolog::fold::{Flush, StatRow};
use seismolog::query::Query;
use seismolog::store::elastic_druid::druid::{
    DruidClient, DruidReader, OtherHands, SetupError, answers, setup, specification,
};
use seismolog::store::{Store, StoreOptions, TREND_DIMENSIONS, Trends, TrendsAsk};
use seismolog::topics::stat::{Heartbeat, Stat};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use synthetic::{Event, Numbers, World};

/// 2026-11-20T00:00:00Z
const DAY: i64 = 1_795_132_800_000;
const HOUR: i64 = 3_600_000;
const PARTITIONS: i32 = 3;
/// A supervisor begins, reads and answers within this time, also where others load the machine.
const PATIENCE: Duration = Duration::from_secs(120);

type Producer = ThreadedProducer<rdkafka::producer::DefaultProducerContext>;

/// The servers, or a loud reason why there are none.
struct Live {
    druid: DruidConfig,
    kafka: KafkaConfig,
    topics: TopicNames,
    client: Arc<DruidClient>,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Live {
    fn new(name: &str) -> Option<Self> {
        let brokers = live::brokers();
        let unique = format!(
            "t-druid-{name}-{}-{}",
            std::process::id(),
            std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()
        );
        let druid = live::druid(&unique);
        let kafka = KafkaConfig {
            brokers: brokers.clone(),
            topics: vec!["in".into()],
            group_id: unique.clone(),
            instance_id: unique.clone(),
            ..KafkaConfig::default()
        };
        if !live::listen(&[&brokers, &druid.broker_url, &druid.coordinator_url]) {
            return None;
        }
        let admin = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
        let live = Self {
            client: Arc::new(DruidClient::new(&druid).unwrap()),
            topics: TopicNames {
                stats: unique,
                ..TopicNames::default()
            },
            druid,
            kafka,
            admin,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        live.create_topic();
        Some(live)
    }

    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    fn create_topic(&self) {
        let topic = NewTopic::new(&self.topics.stats, PARTITIONS, TopicReplication::Fixed(1));
        let made = self
            .wait(self.admin.create_topics([&topic], &AdminOptions::new()))
            .unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    fn delete_topic(&self) {
        drop(self.wait(self.admin.delete_topics(&[&self.topics.stats], &AdminOptions::new())));
    }

    fn producer(&self, id: &str) -> Producer {
        let producer: Producer = ClientConfig::new()
            .set("bootstrap.servers", &self.kafka.brokers)
            .set("transactional.id", format!("{}-{id}", self.topics.stats))
            .set("transaction.timeout.ms", "15000")
            .create()
            .unwrap();
        producer.init_transactions(Duration::from_secs(60)).unwrap();
        producer
    }

    fn send(&self, producer: &Producer, rows: &[Stat], commit: bool) {
        producer.begin_transaction().unwrap();
        for (at, row) in rows.iter().enumerate() {
            let value = serde_json::to_vec(row).unwrap();
            let record = BaseRecord::<(), [u8]>::to(&self.topics.stats)
                .partition(i32::try_from(at).unwrap() % PARTITIONS)
                .payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(Duration::from_secs(60)).unwrap();
        if commit {
            producer.commit_transaction(Duration::from_secs(60)).unwrap();
        } else {
            producer.abort_transaction(Duration::from_secs(60)).unwrap();
        }
    }

    fn specification(&self) -> Value {
        specification(&self.druid, &self.kafka, &self.topics).unwrap()
    }

    fn setup(&self) -> Vec<String> {
        let changed = setup(&self.client, &self.specification(), OtherHands::Leave).unwrap();
        changed.iter().map(ToString::to_string).collect()
    }

    /// Waits until Druid has counted so many events, and says how many it has.
    fn counted(&self, events: u64) -> u64 {
        let begun = Instant::now();
        loop {
            let sums = self.client.sums().unwrap();
            if sums.events >= events || begun.elapsed() > PATIENCE {
                return sums.events;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        live::end_druid(&self.druid);
        self.delete_topic();
    }
}

fn events(count: usize, seed: u64) -> Vec<Event> {
    let mut numbers = Numbers(seed * 2 + 1);
    (0..count)
        .map(|_| Event {
            job: numbers.skewed(6),
            error: numbers.skewed(14),
            host: numbers.below(3),
            at: DAY + (numbers.next() % (50 * HOUR as u64)) as i64,
        })
        .collect()
}

fn row(row: &StatRow) -> Stat {
    Stat::of(row, EventTime::from_millis(row.minute.start_millis()).rfc3339())
}

fn rows(flush: &Flush) -> Vec<Stat> {
    flush.stats.iter().map(row).collect()
}

fn heartbeat(partition: i32, next_offset: i64, folded: u64, rejected: u64) -> Stat {
    let time = EventTime::from_millis(DAY).rfc3339();
    Stat::heartbeat(
        time,
        Heartbeat {
            topic: "in".into(),
            partition,
            next_offset,
            records: folded + rejected,
            folded,
            rejected,
            watermark: Some(DAY + next_offset),
            idle: false,
        },
    )
}

/// Values with the same count stand in no promised order.
fn comparable(mut trends: Trends) -> Value {
    trends
        .series
        .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    serde_json::to_value(trends).unwrap()
}

#[test]
fn druid_answers_trends_as_the_embedded_store_does() {
    let Some(live) = Live::new("trends") else { return };
    assert_eq!(
        live.setup(),
        [format!("druid supervisor {}: created", live.druid.datasource)]
    );
    let reader = DruidReader::new(Arc::clone(&live.client));
    let ask = |by: &str, step: i64, from: i64, to: i64, search: &str, top: usize| TrendsAsk {
        by: by.to_owned(),
        step_minutes: step,
        from,
        to,
        query: Query::parse(search).unwrap(),
        top,
        now: DAY + 50 * HOUR,
    };
    let empty = reader.trends(&ask("job", 60, DAY, DAY + HOUR, "", 5)).unwrap().unwrap();
    assert_eq!((empty.series.len(), empty.total), (0, vec![0]));

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let (mut writer, mut world) = (store.writer(), World::new(6, 14, 3, 4));
    let producer = live.producer("a");
    let all = events(4_000, 7);
    for (number, part) in all.chunks(500).enumerate() {
        let flush = world.fold(part, number as u64 + 1);
        writer.apply(&flush).unwrap();
        live.send(&producer, &rows(&flush), true);
        // What was not committed is not counted.
        live.send(&producer, &rows(&flush), false);
    }
    assert_eq!(live.counted(all.len() as u64), all.len() as u64);

    let mut asks = Vec::new();
    for by in TREND_DIMENSIONS {
        asks.push(ask(by, 60, DAY, DAY + 50 * HOUR, "", 200));
        asks.push(ask(by, 7, DAY + 3 * HOUR + 61_000, DAY + 9 * HOUR + 1, "", 200));
    }
    for search in [
        "job:orders-1",
        "job:*1",
        "job:O*-*",
        "-job:*1 severity:>=high",
        "exception:BadOrderAException",
        "exception:*exception",
        "has:team",
        "-has:team",
        "-team:team-*",
        "has:exception -has:namespace",
        "(error_type:[oom_heap,KAFKA_TIMEOUT] OR part:noise) -host:*er-1*",
        "severity:>critical",
        "severity:<high",
        "fingerprint:1*7 OR group:*1",
    ] {
        for (by, step) in [("error_type", 1_440), ("team", 90), ("exception", 60)] {
            asks.push(ask(by, step, DAY - HOUR, DAY + 51 * HOUR, search, 200));
        }
    }
    let embedded = store.reader();
    let mut not_empty = 0;
    for ask in asks {
        let wanted = comparable(embedded.trends(&ask).unwrap());
        not_empty += u32::from(
            wanted["total"]
                .as_array()
                .unwrap()
                .iter()
                .any(|count| *count != json!(0)),
        );
        let found = comparable(reader.trends(&ask).unwrap().unwrap());
        assert_eq!(
            found, wanted,
            "by {} every {} min: {}",
            ask.by, ask.step_minutes, ask.query
        );
    }
    assert!(
        not_empty > 60,
        "{not_empty} of the questions have an answer that is not empty"
    );
    // The rest is what is in no series.
    let few = reader
        .trends(&ask("fingerprint", 60, DAY, DAY + 50 * HOUR, "", 3))
        .unwrap()
        .unwrap();
    assert_eq!(few.series.len(), 3);
    for (at, total) in few.total.iter().enumerate() {
        let shown: u64 = few.series.iter().map(|series| series.counts[at]).sum();
        assert_eq!(shown + few.other[at], *total);
    }
    assert_eq!(few.total.iter().sum::<u64>(), all.len() as u64);
    // What Druid cannot know it does not answer.
    let unknown = ask("job", 60, DAY, DAY + HOUR, "some words", 5);
    assert!(!answers(&unknown.query) && reader.trends(&unknown).unwrap().is_none());
}

#[test]
fn heartbeats_tell_how_far_each_input_was_counted() {
    let Some(live) = Live::new("heartbeats") else { return };
    live.setup();
    let producer = live.producer("a");
    let mut world = World::new(6, 14, 3, 4);
    let flush = world.fold(&events(50, 3), 1);
    let mut first = rows(&flush);
    first.extend([heartbeat(0, 30, 28, 2), heartbeat(1, 22, 22, 0)]);
    live.send(&producer, &first, true);
    live.send(&producer, &[heartbeat(0, 99, 69, 0)], false);
    live.send(&producer, &[heartbeat(0, 40, 10, 0)], true);
    live.send(&producer, &rows(&world.fold(&events(10, 4), 2)), true);
    assert_eq!(live.counted(60), 60);
    let begun = Instant::now();
    let mut sums = live.client.sums().unwrap();
    while sums.inputs.values().map(|input| input.records).sum::<u64>() < 62 && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(200));
        sums = live.client.sums().unwrap();
    }
    let zero = sums.inputs[&("in".to_owned(), 0)];
    assert_eq!(
        (zero.records, zero.folded, zero.rejected, zero.next_offset),
        (40, 38, 2, 40)
    );
    assert_eq!(zero.watermark, DAY + 40);
    assert_eq!(sums.inputs[&("in".to_owned(), 1)].next_offset, 22);
    assert_eq!(sums.inputs.len(), 2);
}

#[test]
fn setup_twice_changes_nothing_and_tells_another_s_hand() {
    let Some(live) = Live::new("setup") else { return };
    assert_eq!(
        live.client
            .status()
            .unwrap()
            .trouble()
            .map(|told| told.contains("seismolog setup")),
        Some(true)
    );
    assert_eq!(live.setup().len(), 1);
    assert!(live.setup().is_empty());

    let mut theirs = live.specification();
    theirs["spec"]["ioConfig"]["lateMessageRejectionPeriod"] = json!("PT1H");
    post(&live, "", &theirs);
    let error = setup(&live.client, &live.specification(), OtherHands::Leave).unwrap_err();
    assert!(matches!(error, SetupError::ChangedByHand { .. }), "{error}");
    assert!(error.to_string().contains("lateMessageRejectionPeriod"), "{error}");
    let replaced = setup(&live.client, &live.specification(), OtherHands::Replace).unwrap();
    assert_eq!(replaced.len(), 1);
    assert!(live.setup().is_empty());

    let mut more = live.druid.clone();
    more.tasks = 2;
    let wanted = specification(&more, &live.kafka, &live.topics).unwrap();
    let changed = setup(&live.client, &wanted, OtherHands::Leave).unwrap();
    assert!(changed[0].how.contains("taskCount is 1, wanted is 2"), "{changed:?}");

    post(&live, &format!("/{}/suspend", live.druid.datasource), &json!({}));
    let told = setup(&live.client, &wanted, OtherHands::Leave).unwrap_err().to_string();
    assert!(told.contains("/resume"), "{told}");
}

#[test]
fn a_topic_deleted_and_made_anew_is_told_with_the_reset() {
    let Some(live) = Live::new("anew") else { return };
    live.setup();
    let mut world = World::new(6, 14, 3, 4);
    live.send(&live.producer("a"), &rows(&world.fold(&events(50, 3), 1)), true);
    assert_eq!(live.counted(50), 50);
    live.delete_topic();
    std::thread::sleep(Duration::from_secs(2));
    live.create_topic();
    let begun = Instant::now();
    let told = loop {
        if let Some(told) = live.client.status().unwrap().trouble() {
            break told;
        }
        assert!(begun.elapsed() < PATIENCE, "{:?}", live.client.status());
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(told.contains("made anew") && told.contains("/resetOffsets"), "{told}");
    let refused = setup(&live.client, &live.specification(), OtherHands::Leave);
    assert!(matches!(refused, Err(SetupError::Trouble(_))), "{refused:?}");
    // What is told helps, and loses nothing that was counted before.
    let changed = live.client.read_anew(&live.topics.stats, PATIENCE).unwrap();
    assert_eq!(changed.len(), 1);
    live.send(&live.producer("b"), &rows(&world.fold(&events(10, 4), 2)), true);
    assert_eq!(live.counted(60), 60);
}

#[test]
fn errors_name_service_status_and_remedy() {
    let Some(live) = Live::new("errors") else { return };
    let mut wrong = live.druid.clone();
    wrong.broker_url = "http://127.0.0.1:9".into();
    wrong.timeout = Duration::from_secs(1);
    let begun = Instant::now();
    let error = DruidClient::new(&wrong).unwrap().sums().unwrap_err();
    assert!(error.is_temporary() && begun.elapsed() < Duration::from_secs(5));
    assert!(error.to_string().contains("druid.broker_url"), "{error}");
    // The search node's or Kafka's address instead of Druid's.
    wrong.broker_url = live.druid.coordinator_url.clone();
    let error = DruidClient::new(&wrong).unwrap().sums().unwrap_err().to_string();
    assert!(
        error.contains("broker") && error.contains("druid.broker_url"),
        "{error}"
    );
}

fn post(live: &Live, call: &str, body: &Value) {
    let url = format!("{}/druid/indexer/v1/supervisor{call}", live.druid.coordinator_url);
    let answer = reqwest::blocking::Client::new().post(url).json(body).send().unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().unwrap());
}
