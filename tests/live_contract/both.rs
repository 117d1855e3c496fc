//! The same flushes in the embedded store and in the search node with Druid.

use super::live;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use seismolog::config::servers::{DruidConfig, ElasticConfig, KafkaConfig, TopicNames};
use seismolog::event::EventTime;
use seismolog::fold::Flush;
use seismolog::store::elastic_druid::druid::{self, DruidClient, OtherHands, specification};
use seismolog::store::elastic_druid::elastic::update::{Document, Origin, Update};
use seismolog::store::elastic_druid::elastic::{self, Elastic};
use seismolog::store::elastic_druid::reader::ElasticDruidReader;
use seismolog::store::{Editor, Reader, Store, StoreOptions, Writer};
use seismolog::topics::detail::Detail;
use seismolog::topics::stat::{Heartbeat, Stat};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A supervisor begins, reads and answers within this time, also where others load the machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Details of ours in a search node; they go away with it.
pub(crate) struct Node {
    pub(crate) config: ElasticConfig,
    http: reqwest::blocking::Client,
    offset: i64,
}

impl Node {
    pub(crate) fn new(unique: &str) -> Option<Self> {
        let url = live::address("SEISMOLOG_TEST_ELASTIC", "http://127.0.0.1:9200");
        if !live::listen(&[&url]) {
            return None;
        }
        let config = ElasticConfig {
            urls: vec![url],
            prefix: unique.to_owned(),
            username: None,
            password: None,
            api_key: None,
            ca: None,
            timeout: Duration::from_secs(30),
            shards: 2,
            replicas: 0,
            retention_age: None,
        };
        let client = Elastic::new(&config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(elastic::setup(&client, &config)).unwrap();
        Some(Self {
            config,
            http: reqwest::blocking::Client::builder()
                .timeout(Duration::from_secs(120))
                .build()
                .unwrap(),
            offset: 0,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.config.urls[0])
    }

    /// Applies the details of a flush as the index role does: merged per document, guarded by offsets.
    pub(crate) fn apply(&mut self, flush: &Flush) {
        let mut updates: HashMap<Document, Update> = HashMap::new();
        let part: Arc<str> = Arc::from("t/0");
        for delta in &flush.details {
            let detail = Arc::new(Detail::of(delta, true));
            let origin = Origin {
                part: Arc::clone(&part),
                offset: self.offset,
            };
            self.offset += 1;
            for document in [
                Document::Minute(detail.issue, detail.minute.div_euclid(60_000)),
                Document::Issue(detail.issue),
            ] {
                match updates.get_mut(&document) {
                    Some(update) => update.add(&detail, &origin),
                    None => drop(updates.insert(document, Update::new(document, &detail, &origin))),
                }
            }
        }
        let updates: Vec<Update> = updates.into_values().collect();
        for some in updates.chunks(2_000) {
            let mut body = Vec::new();
            some.iter()
                .for_each(|update| update.write(&self.config.prefix, &mut body));
            let answer: Value = self
                .http
                .post(self.url("_bulk"))
                .header("content-type", "application/x-ndjson")
                .body(body)
                .send()
                .unwrap()
                .json()
                .unwrap();
            assert_eq!(
                answer["errors"],
                false,
                "{}",
                answer.to_string().chars().take(2_000).collect::<String>()
            );
        }
    }

    pub(crate) fn refresh(&self) {
        let path = format!("{}-*/_refresh", self.config.prefix);
        assert!(self.http.post(self.url(&path)).send().unwrap().status().is_success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let prefix = &self.config.prefix;
        let names = self
            .http
            .get(self.url(&format!("_cat/indices/{prefix}-*?h=index")))
            .send();
        for name in names
            .and_then(reqwest::blocking::Response::text)
            .unwrap_or_default()
            .lines()
        {
            drop(self.http.delete(self.url(name)).send());
        }
        for kind in ["details", "issues", "markers"] {
            drop(
                self.http
                    .delete(self.url(&format!("_index_template/{prefix}-{kind}")))
                    .send(),
            );
        }
        let scripts: Option<Value> = self
            .http
            .get(self.url("_cluster/state/metadata?filter_path=metadata.stored_scripts"))
            .send()
            .ok()
            .and_then(|answer| answer.json().ok());
        let names = scripts
            .as_ref()
            .and_then(|all| all["metadata"]["stored_scripts"].as_object());
        for name in names
            .into_iter()
            .flat_map(|all| all.keys())
            .filter(|name| name.starts_with(prefix.as_str()))
        {
            drop(self.http.delete(self.url(&format!("_scripts/{name}"))).send());
        }
    }
}

/// Counts of ours in Druid; supervisor and topic go away with it.
pub(crate) struct Counts {
    pub(crate) config: DruidConfig,
    topics: TopicNames,
    client: DruidClient,
    admin: AdminClient<DefaultClientContext>,
    producer: ThreadedProducer<DefaultProducerContext>,
    runtime: tokio::runtime::Runtime,
    folded: u64,
}

impl Counts {
    pub(crate) fn new(unique: &str) -> Option<Self> {
        let brokers = live::brokers();
        let config = live::druid(unique);
        if !live::listen(&[&brokers, &config.broker_url, &config.coordinator_url]) {
            return None;
        }
        let kafka = KafkaConfig {
            brokers: brokers.clone(),
            topics: vec!["in".into()],
            group_id: unique.to_owned(),
            instance_id: unique.to_owned(),
            ..KafkaConfig::default()
        };
        let topics = TopicNames {
            stats: unique.to_owned(),
            ..TopicNames::default()
        };
        let mut client_config = ClientConfig::new();
        client_config.set("bootstrap.servers", &brokers);
        let counts = Self {
            client: DruidClient::new(&config).unwrap(),
            admin: client_config.create().unwrap(),
            producer: client_config.create().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            config,
            topics,
            folded: 0,
        };
        let topic = NewTopic::new(unique, 1, TopicReplication::Fixed(1));
        let made = counts.admin.create_topics([&topic], &AdminOptions::new());
        assert!(counts.runtime.block_on(made).unwrap().iter().all(Result::is_ok));
        let wanted = specification(&counts.config, &kafka, &counts.topics).unwrap();
        druid::setup(&counts.client, &wanted, OtherHands::Leave).unwrap();
        Some(counts)
    }

    pub(crate) fn apply(&mut self, flush: &Flush) {
        let rows = flush
            .stats
            .iter()
            .map(|row| Stat::of(row, EventTime::from_millis(row.minute.start_millis()).rfc3339()));
        for row in rows {
            self.folded += row.count;
            self.send(&row);
        }
        for ledger in flush.ledger.values() {
            let heartbeat = Heartbeat {
                topic: "in".into(),
                partition: 0,
                next_offset: i64::try_from(self.folded).unwrap(),
                records: ledger.records,
                folded: ledger.folded,
                rejected: ledger.rejected,
                watermark: None,
                idle: false,
            };
            let time = flush.details.first().map_or(0, |delta| delta.minute.start_millis());
            self.send(&Stat::heartbeat(EventTime::from_millis(time).rfc3339(), heartbeat));
        }
        self.producer.flush(Duration::from_secs(60)).unwrap();
    }

    fn send(&self, row: &Stat) {
        let value = serde_json::to_vec(row).unwrap();
        loop {
            let record = BaseRecord::<(), [u8]>::to(&self.topics.stats).payload(&value);
            match self.producer.send(record) {
                Ok(()) => return,
                Err(_) => self.producer.flush(Duration::from_secs(60)).unwrap(),
            }
        }
    }

    pub(crate) fn wait(&self) {
        let begun = Instant::now();
        loop {
            let sums = self.client.sums().unwrap();
            let told: u64 = sums.inputs.values().map(|input| input.folded).sum();
            if sums.events == self.folded && told == self.folded {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "druid has {} of {} events",
                sums.events,
                self.folded
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        live::end_druid(&self.config);
        drop(
            self.runtime
                .block_on(self.admin.delete_topics(&[&self.topics.stats], &AdminOptions::new())),
        );
    }
}

/// Both stores with the same in them.
pub(crate) struct Both {
    _folder: tempfile::TempDir,
    store: Store,
    writer: Writer,
    pub(crate) node: Node,
    pub(crate) counts: Option<Counts>,
    served: Arc<ElasticDruidReader>,
}

impl Both {
    /// Empty stores, with Druid or without.
    pub(crate) fn new(name: &str, with_druid: bool) -> Option<Self> {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let unique = format!("t-reader-{name}-{}-{now}", std::process::id());
        let node = Node::new(&unique)?;
        let counts = if with_druid { Some(Counts::new(&unique)?) } else { None };
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let druid = counts.as_ref().map(|counts| &counts.config);
        Some(Self {
            served: Arc::new(ElasticDruidReader::connect(&node.config, druid).unwrap()),
            writer: store.writer(),
            _folder: folder,
            store,
            node,
            counts,
        })
    }

    pub(crate) fn apply(&mut self, flush: &Flush) {
        self.writer.apply(flush).unwrap();
        self.node.apply(flush);
        if let Some(counts) = &mut self.counts {
            counts.apply(flush);
        }
    }

    /// Waits until all of it can be read.
    pub(crate) fn settle(&self) {
        self.node.refresh();
        if let Some(counts) = &self.counts {
            counts.wait();
        }
    }

    /// The embedded store, then the others.
    pub(crate) fn readers(&self) -> [Arc<dyn Reader>; 2] {
        [self.store.reader(), Arc::clone(&self.served) as Arc<dyn Reader>]
    }

    pub(crate) fn editors(&self) -> [Arc<dyn Editor>; 2] {
        [self.store.editor(), Arc::clone(&self.served) as Arc<dyn Editor>]
    }
}
