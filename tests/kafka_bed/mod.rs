//! Topics of one test on a real broker, records with a known truth, and processes of the group.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use super::{live, schema};
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use seismolog::config::servers::{KafkaConfig, TopicNames, TopicPlan};
use seismolog::generate::{Generator, Options, Scenario};
use seismolog::source::kafka::admin::{ensure_topic, ensure_topics, remove_topics};
use seismolog::source::kafka::{KafkaSettings, load, tail};
use seismolog::topics::detail::Detail;
use seismolog::topics::reject::RejectRecord;
use seismolog::topics::stat::{Stat, StatKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub const BROKER: &str = "127.0.0.1:9092";

/// One at a time: they share a broker and two cores.
static TURN: Mutex<()> = Mutex::new(());

/// How long a group may take to read all there is.
const LONGEST: Duration = Duration::from_secs(240);

/// The turn of a test, or `None` where no broker answers.
pub fn turn() -> Option<MutexGuard<'static, ()>> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    live::listen(&[BROKER]).then_some(turn)
}

/// Topics of a test, a configuration, and members of the group.
pub struct Bed {
    pub kafka: KafkaConfig,
    pub topics: TopicNames,
    pub dir: tempfile::TempDir,
    pub generator: Generator,
    pub flush_interval: &'static str,
    pub bad: u64,
    pub sent: u64,
}

pub const PARTITIONS: u64 = 8;

impl Bed {
    /// A bed for so many records of a few jobs, flushed ten times a second.
    pub fn new(records: u64) -> Self {
        Self::with(records, 20, "100ms")
    }

    /// A bed for so many records of so many jobs.
    pub fn with(records: u64, jobs: usize, flush_interval: &'static str) -> Self {
        let number: u32 = rand_pcg::Pcg64::seed_from_u64(nanos()).random();
        let name = format!("t-kafka-{number:08x}");
        let kafka = KafkaConfig {
            brokers: BROKER.into(),
            topics: vec![format!("{name}-in")],
            group_id: name.clone(),
            ..KafkaConfig::default()
        };
        let topics = TopicNames {
            details: format!("{name}-details"),
            stats: format!("{name}-stats"),
            rejects: format!("{name}-rejects"),
            alerts: format!("{name}-alerts"),
            names: format!("{name}-names"),
        };
        let plan = TopicPlan {
            partitions: 3,
            ..TopicPlan::default()
        };
        let made = ensure_topics(&kafka, &topics, &plan).unwrap();
        assert_eq!(made.len(), 5);
        let input = TopicPlan {
            partitions: PARTITIONS,
            ..plan
        };
        ensure_topic(&kafka, &kafka.topics[0], &input).unwrap();
        let options = Options {
            jobs,
            rate: records / 150 + 1,
            minutes: true,
            start_millis: 1_795_222_384_000,
            ..Options::of(Scenario::Steady, records)
        };
        Self {
            kafka,
            topics,
            dir: tempfile::tempdir().unwrap(),
            generator: Generator::new(&options).unwrap(),
            flush_interval,
            bad: 0,
            sent: 0,
        }
    }

    /// Sends so many more records, one in a hundred of them bad.
    pub fn send(&mut self, records: u64) {
        let mut sender = load::Sender::new(&self.kafka, &self.kafka.topics[0]).unwrap();
        let mut record = Vec::new();
        for _ in 0..records {
            record.clear();
            assert!(self.generator.next_record(&mut record));
            sender.send(&record).unwrap();
            self.sent += 1;
            if self.sent.is_multiple_of(100) {
                sender.send(b"{\"message\": \"half a rec").unwrap();
                self.bad += 1;
            }
        }
        sender.finish().unwrap();
    }

    pub fn config(&self, member: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{member}.toml"));
        let topics = &self.topics;
        let text = format!(
            "[source.kafka]\nbrokers = \"{BROKER}\"\ntopics = [\"{}\"]\ngroup_id = \"{}\"\ninstance_id = \"{member}\"\n\
             [source.kafka.properties]\nsession.timeout.ms = 6000\nheartbeat.interval.ms = 500\n\
             transaction.timeout.ms = 4000\n\
             [process]\nflush_interval = \"{}\"\n\
             [topics]\ndetails = \"{}\"\nstats = \"{}\"\nrejects = \"{}\"\nalerts = \"{}\"\nnames = \"{}\"\n\
             [elasticsearch]\nurls = \"http://127.0.0.1:9200\"\n[druid]\nurl = \"http://127.0.0.1:8888\"\n",
            self.kafka.topics[0],
            self.kafka.group_id,
            self.flush_interval,
            topics.details,
            topics.stats,
            topics.rejects,
            topics.alerts,
            topics.names,
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn member(&self, name: &str) -> Member {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join(format!("{name}.log")))
            .unwrap();
        // Another build of the binary, for figures.
        let binary = std::env::var_os("SEISMOLOG_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_seismolog").into());
        let child = Command::new(binary)
            .args(["run", "--role", "process", "-c"])
            .arg(self.config(name))
            .env("SEISMOLOG_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Member(child)
    }

    /// What a member said.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// How many records the group has committed, of how many there are.
    pub fn progress(&self) -> (i64, i64) {
        let mut settings = KafkaSettings::new(&self.kafka).reader();
        settings.set("group.id", &self.kafka.group_id);
        let consumer: BaseConsumer = settings.create().unwrap();
        let topic = self.kafka.topics[0].as_str();
        let mut list = TopicPartitionList::new();
        let last = i32::try_from(PARTITIONS).unwrap() - 1;
        list.add_partition_range(topic, 0, last);
        // A transaction under way makes the broker ask to be asked again.
        let Ok(committed) = consumer.committed_offsets(list, Duration::from_secs(20)) else {
            return (0, i64::MAX);
        };
        let elements = committed.elements();
        let committed = elements.iter().map(|element| match element.offset() {
            Offset::Offset(offset) => offset,
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => 0,
        });
        let ends = (0..=last).map(|partition| {
            let bounds = consumer.fetch_watermarks(topic, partition, Duration::from_secs(20));
            bounds.unwrap().1
        });
        (committed.sum(), ends.sum())
    }

    pub fn is_read(&self) -> bool {
        let (committed, end) = self.progress();
        committed == end
    }

    pub fn wait_until_read(&self) {
        let until = Instant::now() + LONGEST;
        while !self.is_read() {
            assert!(Instant::now() < until, "the group stands at {:?}", self.progress());
            wait(Duration::from_millis(300));
        }
    }

    pub fn read<T>(&self, topic: &str, of: impl Fn(&[u8], &tail::TailRecord) -> T) -> Vec<T> {
        let mut all = Vec::new();
        tail::tail(&self.kafka, topic, 100_000_000, &mut |record| {
            all.push(of(&record.payload, &record));
        })
        .unwrap();
        all
    }

    /// Everything in our topics equals what was sent.
    pub fn assert_exact(&self) {
        let truth: serde_json::Value = serde_json::to_value(self.generator.truth()).unwrap();
        let jobs: Vec<&str> = truth["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|j| j["job_name"].as_str().unwrap())
            .collect();
        let mut wanted: BTreeMap<(i64, String), u64> = BTreeMap::new();
        for row in truth["minutes"].as_array().unwrap() {
            let number = |at: usize| row[at].as_u64().unwrap();
            let job = jobs[usize::try_from(number(1)).unwrap()].to_owned();
            let minute = i64::try_from(number(0)).unwrap() * 60_000;
            *wanted.entry((minute, job)).or_default() += number(3);
        }
        let [details_schema, stats_schema, rejects_schema] =
            ["error-details", "error-stats", "error-rejects"].map(schema::schema);
        let mut by_stats: BTreeMap<(i64, String), u64> = BTreeMap::new();
        let (mut records, mut folded, mut rejected) = (0, 0, 0);
        let mut reached: BTreeMap<i32, i64> = BTreeMap::new();
        for stat in self.read(&self.topics.stats, |payload, _| {
            described::<Stat>(&stats_schema, payload)
        }) {
            match stat.kind {
                StatKind::Error => {
                    let minute: jiff::Timestamp = stat.time.parse().unwrap();
                    *by_stats
                        .entry((minute.as_millisecond(), stat.job.unwrap()))
                        .or_default() += stat.count;
                }
                StatKind::Heartbeat => {
                    let heartbeat = stat.heartbeat.unwrap();
                    records += heartbeat.records;
                    folded += heartbeat.folded;
                    rejected += heartbeat.rejected;
                    let place = reached.entry(heartbeat.partition).or_default();
                    *place = (*place).max(heartbeat.next_offset);
                }
            }
        }
        let mut by_details: BTreeMap<(i64, String), u64> = BTreeMap::new();
        let mut sampled = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for detail in self.read(&self.topics.details, |payload, _| {
            described::<Detail>(&details_schema, payload)
        }) {
            seen.insert((detail.issue, detail.minute));
            if detail.sample.is_some() {
                sampled.insert((detail.issue, detail.minute));
            }
            *by_details.entry((detail.minute, detail.job)).or_default() += detail.count;
        }
        let rejects = self.read(&self.topics.rejects, |payload, record| {
            let reject: RejectRecord = described(&rejects_schema, payload);
            assert_eq!(reject.decoded().unwrap(), b"{\"message\": \"half a rec");
            let key = format!("{}/{}/{}", reject.topic, reject.partition, reject.offset);
            assert_eq!(record.key, key.as_bytes());
            (reject.partition, reject.offset)
        });
        assert_eq!(records, self.sent + self.bad, "records in heartbeats");
        assert_eq!((folded, rejected), (self.sent, self.bad), "the ledger");
        assert_eq!(rejects.len() as u64, self.bad, "rejects");
        assert_eq!(
            rejects.iter().collect::<BTreeSet<_>>().len(),
            rejects.len(),
            "each reject once"
        );
        let sum: i64 = reached.values().sum();
        assert_eq!(
            sum,
            i64::try_from(self.sent + self.bad).unwrap(),
            "how far the heartbeats came"
        );
        assert_eq!(by_stats.values().sum::<u64>(), self.sent, "counts");
        assert_eq!(by_details.values().sum::<u64>(), self.sent, "details");
        assert_eq!(by_stats, wanted, "counts by minute and job");
        assert_eq!(by_details, wanted, "details by minute and job");
        assert_eq!(seen, sampled, "every (issue, minute) has its sample");
    }
}

/// A record, after a look whether it is as its schema says.
fn described<T: serde::de::DeserializeOwned>(schema: &serde_json::Value, payload: &[u8]) -> T {
    let value = serde_json::from_slice(payload).unwrap();
    let faults = schema::faults(schema, &value);
    assert!(faults.is_empty(), "{faults:?}");
    serde_json::from_value(value).unwrap()
}

impl Drop for Bed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for entry in std::fs::read_dir(self.dir.path()).into_iter().flatten().flatten() {
                if entry.path().extension().is_some_and(|e| e == "log") {
                    let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                    let from = text.len().saturating_sub(4_000);
                    eprintln!("--- {}\n{}", entry.path().display(), text.get(from..).unwrap_or(&text));
                }
            }
        }
        let topics = &self.topics;
        let names = [
            self.kafka.topics[0].as_str(),
            &topics.details,
            &topics.stats,
            &topics.rejects,
            &topics.alerts,
            &topics.names,
        ];
        drop(remove_topics(&self.kafka, &names));
    }
}

/// A process of the group, killed when it goes out of scope.
pub struct Member(pub Child);

impl Member {
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Seconds of CPU it has used.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // Clock ticks of user and system time, 100 a second on Linux.
        let ticks: u32 = fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap();
        f64::from(ticks) / 100.0
    }

    /// Megabytes it held at most.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.0.wait().unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A seed that differs from run to run.
pub fn nanos() -> u64 {
    // Differs from run to run: where this process and its stack happen to lie, and its number.
    let here = std::process::id();
    let begun = Instant::now();
    u64::from(here)
        ^ u64::try_from(
            format!("{begun:?}")
                .bytes()
                .fold(7_u128, |h, b| (h * 31 + u128::from(b)) & 0xffff_ffff_ffff),
        )
        .unwrap()
}

pub fn wait(time: Duration) {
    std::thread::park_timeout(time);
}
