//! From Kafka to Kafka on a real broker: whatever happens to the process, every record is counted exactly once.
//!
//! Records are of `generate`, so the truth is known, with some that are no records among them. What a reader of
//! committed records finds in our topics at the end must equal the truth, by job and minute, and so must the ledger
//! of every partition. Needs a broker on 127.0.0.1:9092 (`deploy/local/up kafka`); where none answers, the tests say
//! so and pass, unless `SEISMOLOG_LIVE=required`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test that meets a surprise ends there"
)]

use rand::{RngExt as _, SeedableRng as _};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use seismolog::config::servers::{KafkaConfig, TopicNames, TopicPlan};
use seismolog::generate::{Generator, Options, Scenario};
use seismolog::source::kafka::admin::{Changed, ensure_topic, ensure_topics, remove_topics};
use seismolog::source::kafka::{KafkaSettings, load, tail};
use seismolog::topics::detail::Detail;
use seismolog::topics::reject::RejectRecord;
use seismolog::topics::stat::{Stat, StatKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BROKER: &str = "127.0.0.1:9092";

/// One at a time: they share a broker and two cores.
static TURN: Mutex<()> = Mutex::new(());

/// How long a group may take to read all there is.
const LONGEST: Duration = Duration::from_secs(240);

fn live() -> Option<MutexGuard<'static, ()>> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let address = BROKER.parse().unwrap();
    if TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok() {
        return Some(turn);
    }
    assert!(
        std::env::var("SEISMOLOG_LIVE").as_deref() != Ok("required"),
        "no broker answers on {BROKER}: start one with deploy/local/up kafka"
    );
    eprintln!("NOT RUN: no broker answers on {BROKER} (deploy/local/up kafka starts one)");
    None
}

/// Topics of a test, a configuration, and members of the group.
struct Bed {
    kafka: KafkaConfig,
    topics: TopicNames,
    dir: tempfile::TempDir,
    generator: Generator,
    bad: u64,
    sent: u64,
}

const PARTITIONS: u64 = 8;

impl Bed {
    fn new(records: u64) -> Self {
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
            jobs: 20,
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
            bad: 0,
            sent: 0,
        }
    }

    /// Sends so many more records, one in a hundred of them bad.
    fn send(&mut self, records: u64) {
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

    fn config(&self, member: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{member}.toml"));
        let topics = &self.topics;
        let text = format!(
            "[source.kafka]\nbrokers = \"{BROKER}\"\ntopics = [\"{}\"]\ngroup_id = \"{}\"\ninstance_id = \"{member}\"\n\
             [source.kafka.properties]\nsession.timeout.ms = 6000\nheartbeat.interval.ms = 500\n\
             transaction.timeout.ms = 4000\n\
             [process]\nflush_interval = \"100ms\"\n\
             [topics]\ndetails = \"{}\"\nstats = \"{}\"\nrejects = \"{}\"\nalerts = \"{}\"\nnames = \"{}\"\n\
             [elasticsearch]\nurls = \"http://127.0.0.1:9200\"\n[druid]\nurl = \"http://127.0.0.1:8888\"\n",
            self.kafka.topics[0],
            self.kafka.group_id,
            topics.details,
            topics.stats,
            topics.rejects,
            topics.alerts,
            topics.names,
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn member(&self, name: &str) -> Member {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join(format!("{name}.log")))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_seismolog"))
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

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// How many records the group has committed, of how many there are.
    fn progress(&self) -> (i64, i64) {
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
            _ => 0,
        });
        let ends = (0..=last).map(|partition| {
            let bounds = consumer.fetch_watermarks(topic, partition, Duration::from_secs(20));
            bounds.unwrap().1
        });
        (committed.sum(), ends.sum())
    }

    fn is_read(&self) -> bool {
        let (committed, end) = self.progress();
        committed == end
    }

    fn wait_until_read(&self) {
        let until = Instant::now() + LONGEST;
        while !self.is_read() {
            assert!(Instant::now() < until, "the group stands at {:?}", self.progress());
            wait(Duration::from_millis(300));
        }
    }

    fn read<T>(&self, topic: &str, of: impl Fn(&[u8], &tail::TailRecord) -> T) -> Vec<T> {
        let mut all = Vec::new();
        tail::tail(&self.kafka, topic, 100_000_000, &mut |record| {
            all.push(of(&record.payload, &record));
        })
        .unwrap();
        all
    }

    /// Everything in our topics equals what was sent.
    fn assert_exact(&self) {
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
        let mut by_stats: BTreeMap<(i64, String), u64> = BTreeMap::new();
        let (mut records, mut folded, mut rejected) = (0, 0, 0);
        let mut reached: BTreeMap<i32, i64> = BTreeMap::new();
        for stat in self.read(&self.topics.stats, |payload, _| {
            serde_json::from_slice::<Stat>(payload).unwrap()
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
            serde_json::from_slice::<Detail>(payload).unwrap()
        }) {
            seen.insert((detail.issue, detail.minute));
            if detail.sample.is_some() {
                sampled.insert((detail.issue, detail.minute));
            }
            *by_details.entry((detail.minute, detail.job)).or_default() += detail.count;
        }
        let rejects = self.read(&self.topics.rejects, |payload, record| {
            let reject: RejectRecord = serde_json::from_slice(payload).unwrap();
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
struct Member(Child);

impl Member {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    fn stop(&mut self) -> std::process::ExitStatus {
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

fn nanos() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    u64::try_from(since.as_nanos() & u128::from(u64::MAX)).unwrap()
}

fn wait(time: Duration) {
    std::thread::park_timeout(time);
}

/// How often the process is killed: 20 by default, more for a soak.
fn kills() -> u32 {
    std::env::var("SEISMOLOG_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

#[test]
fn our_topics_are_made_once_and_a_second_time_changes_nothing() {
    let Some(_turn) = live() else { return };
    let bed = Bed::new(1);
    let mut plan = TopicPlan {
        partitions: 3,
        ..TopicPlan::default()
    };
    assert_eq!(ensure_topics(&bed.kafka, &bed.topics, &plan).unwrap(), []);
    plan.partitions = 4;
    plan.retention = Duration::from_secs(3 * 86_400);
    let changed = ensure_topics(&bed.kafka, &bed.topics, &plan).unwrap();
    assert!(changed.contains(&Changed::Partitions {
        topic: bed.topics.details.clone(),
        from: 3,
        to: 4
    }));
    assert!(changed.contains(&Changed::Setting {
        topic: bed.topics.stats.clone(),
        name: "retention.ms".into(),
        from: "604800000".into(),
        to: "259200000".into()
    }));
    assert_eq!(ensure_topics(&bed.kafka, &bed.topics, &plan).unwrap(), []);
}

#[test]
fn what_stands_in_our_topics_is_what_was_sent() {
    let Some(_turn) = live() else { return };
    let mut bed = Bed::new(2_000);
    bed.send(2_000);
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    bed.assert_exact();
}

#[test]
fn killed_at_any_moment_every_record_is_counted_once() {
    let Some(_turn) = live() else { return };
    let kills = kills();
    let records = u64::from(kills) * 150;
    let mut bed = Bed::new(records);
    let mut random = rand_pcg::Pcg64::seed_from_u64(nanos());
    for _ in 0..kills {
        bed.send(150);
        let mut member = bed.member("a");
        // Mostly while it reads and commits: from the group's first progress on.
        let before = bed.progress().0;
        let begun = Instant::now();
        while bed.progress().0 == before && begun.elapsed() < Duration::from_secs(15) {
            wait(Duration::from_millis(20));
        }
        wait(Duration::from_millis(random.random_range(0..400)));
        member.kill();
    }
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    bed.assert_exact();
}

#[test]
fn members_that_come_go_and_sleep_past_their_session_change_no_count() {
    let Some(_turn) = live() else { return };
    let mut bed = Bed::new(4_000);
    bed.send(800);
    let mut a = bed.member("a");
    wait(Duration::from_secs(4));
    // A second comes while the first reads.
    let mut b = bed.member("b");
    bed.send(800);
    wait(Duration::from_secs(6));
    bed.send(800);
    // The first sleeps past its session, with records in its fold; the second takes its partitions.
    wait(Duration::from_millis(700));
    a.signal("-STOP");
    bed.send(800);
    wait(Duration::from_secs(14));
    a.signal("-CONT");
    wait(Duration::from_secs(3));
    // The second goes, the first reads to the end.
    assert!(b.stop().success());
    bed.send(800);
    bed.wait_until_read();
    assert!(a.stop().success());
    bed.assert_exact();
}
