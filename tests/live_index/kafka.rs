//! Topics of our own, filled with detail deltas.

use super::support::skip;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use seismolog::config::servers::{KafkaConfig, TopicNames};
use seismolog::topics::detail::Detail;
use seismolog::topics::reject::RejectRecord;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const PARTITIONS: i32 = 4;

pub(crate) struct Topics {
    pub(crate) kafka: KafkaConfig,
    pub(crate) names: TopicNames,
    runtime: tokio::runtime::Runtime,
}

fn brokers() -> String {
    std::env::var("SEISMOLOG_TEST_KAFKA").unwrap_or_else(|_| "127.0.0.1:9092".to_owned())
}

pub(crate) fn config(group: &str) -> KafkaConfig {
    KafkaConfig {
        brokers: brokers(),
        topics: vec![],
        group_id: group.to_owned(),
        instance_id: format!("{group}-0"),
        tls: false,
        ca: None,
        certificate: None,
        key: None,
        sasl_mechanism: None,
        username: None,
        password: None,
        token: None,
        // So that a member that was killed is missed soon.
        properties: BTreeMap::from([
            ("session.timeout.ms".to_owned(), "6000".to_owned()),
            ("heartbeat.interval.ms".to_owned(), "1000".to_owned()),
        ]),
    }
}

impl Topics {
    pub(crate) fn open(name: &str) -> Option<Self> {
        let unique = format!("t-elastic-{name}-{:08x}", rand::random::<u32>());
        let kafka = config(&unique);
        let probe: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .create()
            .unwrap();
        if let Err(error) = probe.fetch_metadata(None, Duration::from_secs(5)) {
            skip(&format!("Kafka at {}", brokers()), &error.to_string());
            return None;
        }
        let topics = Self {
            names: TopicNames {
                details: format!("{unique}-details"),
                rejects: format!("{unique}-rejects"),
                ..TopicNames::default()
            },
            kafka,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        topics.create(&topics.names.details.clone());
        topics.create(&topics.names.rejects.clone());
        Some(topics)
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .create()
            .unwrap()
    }

    pub(crate) fn create(&self, topic: &str) {
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
        let done = self
            .runtime
            .block_on(self.admin().create_topics([&new], &AdminOptions::new()))
            .unwrap();
        assert!(done.iter().all(Result::is_ok), "{done:?}");
    }

    pub(crate) fn exists(&self, topic: &str) -> bool {
        seismolog::source::kafka::load::exists(&self.kafka, topic).unwrap()
    }

    pub(crate) fn delete(&self, topic: &str) {
        drop(
            self.runtime
                .block_on(self.admin().delete_topics(&[topic], &AdminOptions::new())),
        );
    }

    /// Removes all records there are, as retention does.
    pub(crate) fn remove_records(&self) {
        let mut list = rdkafka::TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&self.names.details, partition, rdkafka::Offset::End)
                .unwrap();
        }
        let admin = self.admin();
        let removed = admin.delete_records(&list, &AdminOptions::new());
        self.runtime.block_on(removed).unwrap();
    }

    /// Writes deltas, keyed by their issue.
    pub(crate) fn send(&self, details: &[Detail]) {
        let records: Vec<(String, Vec<u8>)> = details
            .iter()
            .map(|detail| (detail.issue.to_string(), serde_json::to_vec(detail).unwrap()))
            .collect();
        self.send_raw(&records);
    }

    pub(crate) fn send_raw(&self, records: &[(String, Vec<u8>)]) {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .set("enable.idempotence", "true")
            .create()
            .unwrap();
        for (key, value) in records {
            let mut record = BaseRecord::to(&self.names.details).key(key).payload(value);
            while let Err((error, back)) = producer.send(record) {
                assert!(
                    matches!(
                        error,
                        KafkaError::MessageProduction(rdkafka::types::RDKafkaErrorCode::QueueFull)
                    ),
                    "{error}"
                );
                std::thread::yield_now();
                record = back;
            }
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// Everything in the rejects, as a reader of committed records sees it.
    pub(crate) fn rejects(&self) -> Vec<RejectRecord> {
        let mut found = Vec::new();
        seismolog::source::kafka::tail::tail(&self.kafka, &self.names.rejects, 100_000, &mut |record| {
            found.push(serde_json::from_slice(&record.payload).unwrap());
        })
        .unwrap();
        found
    }

    /// How many records of the details the group has not committed yet.
    pub(crate) fn behind(&self, group: &str) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .set("group.id", group)
            .create()
            .unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_range(&self.names.details, 0, PARTITIONS - 1);
        let committed = consumer.committed_offsets(list, Duration::from_secs(10)).unwrap();
        committed
            .elements()
            .iter()
            .map(|element| {
                let (low, high) = consumer
                    .fetch_watermarks(&self.names.details, element.partition(), Duration::from_secs(10))
                    .unwrap();
                let next = element.offset().to_raw().filter(|offset| *offset >= 0).unwrap_or(low);
                high - next
            })
            .sum()
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        self.delete(&self.names.details.clone());
        self.delete(&self.names.rejects.clone());
    }
}
