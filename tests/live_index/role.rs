//! The role in a thread or as a process of its own, and what must come out.

use super::kafka::Topics;
use super::support::{Node, detail, sample};
use seismolog::clock::Clock;
use seismolog::config::servers::{ElasticConfig, KafkaConfig};
use seismolog::index::{BatchLimits, IndexError, IndexOptions, Report, run};
use seismolog::process::stop::Stop;
use seismolog::topics::detail::Detail;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) const MINUTE: i64 = 1_795_222_380_000;

pub(crate) fn options(node: &Node, topics: &Topics) -> IndexOptions {
    IndexOptions {
        limits: BatchLimits {
            interval: Duration::from_millis(200),
            ..BatchLimits::default()
        },
        clock: Clock::System,
        ..IndexOptions::new(topics.kafka.clone(), topics.names.clone(), node.config.clone())
    }
}

pub(crate) struct Running {
    stop: Stop,
    thread: Option<JoinHandle<Result<Report, IndexError>>>,
}

impl Running {
    pub(crate) fn start(options: IndexOptions) -> Self {
        let stop = Stop::default();
        let asked = stop.clone();
        let thread = std::thread::spawn(move || run(&options, &asked));
        Self {
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn end(mut self) -> Result<Report, IndexError> {
        self.stop.ask();
        self.thread.take().unwrap().join().unwrap()
    }

    /// What it ended with by itself.
    pub(crate) fn ended(mut self) -> Result<Report, IndexError> {
        wait("the role to end", Duration::from_secs(60), || {
            self.thread.as_ref().unwrap().is_finished()
        });
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

pub(crate) fn wait(what: &str, longest: Duration, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + longest;
    while !done() {
        assert!(Instant::now() < until, "waited {longest:?} for {what}");
        pause(Duration::from_millis(100));
    }
}

/// Waits without `thread::sleep`, which the lints forbid.
pub(crate) fn pause(time: Duration) {
    let _asked = Stop::default().wait(time);
}

/// Deltas of many issues over some minutes, and what they must sum up to.
pub(crate) fn load(deltas: usize, seed: u64) -> (Vec<Detail>, Truth) {
    let mut truth = Truth::default();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let details = (0..deltas)
        .map(|_| {
            let key = u128::from(next(40)) + 1;
            let minute = MINUTE + i64::try_from(next(3)).unwrap() * 60_000;
            let count = next(20) + 1;
            let told = (next(4) == 0).then(|| {
                sample(
                    &format!("2026-11-21T00:{}:{:02}Z", 53 + (minute - MINUTE) / 60_000, next(60)),
                    &format!("message {}", next(5)),
                    &format!("host-{}", next(6)),
                )
            });
            let detail = detail(key, minute, count, told);
            truth.add(&detail);
            detail
        })
        .collect();
    (details, truth)
}

/// Counts by issue, and by issue and minute.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) issues: BTreeMap<String, u64>,
    pub(crate) minutes: BTreeMap<(String, String), u64>,
}

impl Truth {
    pub(crate) fn add(&mut self, detail: &Detail) {
        let minute = seismolog::event::EventTime::from_millis(detail.minute).rfc3339();
        *self.issues.entry(detail.issue.to_string()).or_default() += detail.count;
        *self.minutes.entry((detail.issue.to_string(), minute)).or_default() += detail.count;
    }

    pub(crate) fn and(mut self, other: &Self) -> Self {
        for (issue, count) in &other.issues {
            *self.issues.entry(issue.clone()).or_default() += count;
        }
        for (minute, count) in &other.minutes {
            *self.minutes.entry(minute.clone()).or_default() += count;
        }
        self
    }

    /// What the search node says.
    pub(crate) fn stored(node: &Node) -> Self {
        node.refresh();
        let mut truth = Self::default();
        let text =
            |source: &serde_json::Map<String, serde_json::Value>, key: &str| source[key].as_str().unwrap().to_owned();
        for source in node.all(&format!("{}-issues", node.prefix())) {
            let total = source["seismolog.total"].as_u64().unwrap();
            truth.issues.insert(text(&source, "seismolog.issue"), total);
        }
        for source in node.all(&format!("{}-details-*", node.prefix())) {
            let count = source["seismolog.count"].as_u64().unwrap();
            truth
                .minutes
                .insert((text(&source, "seismolog.issue"), text(&source, "@timestamp")), count);
        }
        truth
    }
}

const ROLE: &str = "SEISMOLOG_TEST_ROLE";

/// The role as a process of its own, to be killed: this test binary, told to be it.
pub(crate) fn child(options: &IndexOptions) -> Child {
    let told = serde_json::json!({
        "brokers": options.kafka.brokers,
        "group": options.kafka.group_id,
        "instance": options.kafka.instance_id,
        "details": options.topics.details,
        "rejects": options.topics.rejects,
        "url": options.elastic.urls[0],
        "prefix": options.elastic.prefix,
        "interval": u64::try_from(options.limits.interval.as_millis()).unwrap(),
        "bytes": options.limits.bytes,
    });
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_role_as_a_process", "--nocapture"])
        .env(ROLE, told.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// In a child: is the role and does not return.
pub(crate) fn be_the_role() {
    let Ok(told) = std::env::var(ROLE) else { return };
    super::support::logs();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let text = |key: &str| told[key].as_str().unwrap().to_owned();
    let kafka = KafkaConfig {
        brokers: text("brokers"),
        instance_id: text("instance"),
        ..super::kafka::config(&text("group"))
    };
    let elastic: ElasticConfig = super::support::config(&text("url"), &text("prefix"));
    let mut options = IndexOptions::new(kafka, seismolog::config::servers::TopicNames::default(), elastic);
    options.topics.details = text("details");
    options.topics.rejects = text("rejects");
    options.limits.interval = Duration::from_millis(told["interval"].as_u64().unwrap());
    options.limits.bytes = usize::try_from(told["bytes"].as_u64().unwrap()).unwrap();
    match run(&options, &Stop::default()) {
        Ok(_) => {}
        Err(error) => panic!("{error}; {}", error.advice()),
    }
}
