//! From a failure in Kafka to whoever is told of it, on a real broker: whole, and with the alerter killed again and again
//! while the receiver refuses every other message.
//!
//! Needs a broker (`deploy/local/up kafka`); where none answers, the tests say so and pass, unless
//! `SEISMOLOG_LIVE=required`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that meets a surprise ends there"
)]

mod live;

use seismolog::alert::{ChangeKind, State};
use seismolog::config::Config;
use seismolog::config::servers::TopicPlan;
use seismolog::source::kafka::admin::{ensure_topic, ensure_topics, remove_topics};
use seismolog::source::kafka::load::Sender;
use seismolog::source::kafka::tail;
use seismolog::store::{AlertReader, AlertsAsk, Store, StoreOptions};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A message a receiver was sent: its key, what it said, whether it was taken, and when it came.
#[derive(Debug, Clone)]
struct Sent {
    key: String,
    body: Value,
    taken: bool,
    at: Instant,
}

/// A receiver that refuses one message in `refuses`; none where 0.
struct Receiver {
    port: u16,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Receiver {
    fn start(refuses: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let noted = Arc::clone(&sent);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || while answer(&stream, &noted, refuses).is_some() {});
            }
        });
        Self { port, sent }
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

/// Reads one request and answers it; nothing where the connection ended.
fn answer(stream: &TcpStream, noted: &Mutex<Vec<Sent>>, refuses: usize) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "idempotency-key" => key = value.trim().to_owned(),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut noted = noted.lock().unwrap();
    let taken = refuses == 0 || !noted.len().is_multiple_of(refuses);
    noted.push(Sent {
        key,
        body: serde_json::from_slice(&body).unwrap(),
        taken,
        at: Instant::now(),
    });
    drop(noted);
    let answer = if taken {
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    } else {
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
    };
    (&mut (&*stream)).write_all(answer.as_bytes()).ok()
}

/// A configuration with topics of its own, rules that tell the receiver, and what runs on it.
struct Bed {
    folder: tempfile::TempDir,
    config: Config,
    name: String,
    running: Vec<Child>,
}

impl Bed {
    fn new(name: &str, receiver: &Receiver) -> Option<Self> {
        if !live::listen(&[&live::brokers()]) {
            return None;
        }
        let name = format!("t-{name}-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules");
        std::fs::create_dir(&rules).unwrap();
        let routes = format!(
            "destinations:\n  hook:\n    kind: webhook\n    url: http://127.0.0.1:{}/alerts\nroutes:\n  - to: [hook]\n",
            receiver.port
        );
        std::fs::write(rules.join("routes.yaml"), routes).unwrap();
        std::fs::create_dir(rules.join("errors")).unwrap();
        for rule in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/errors")).unwrap() {
            let rule = rule.unwrap();
            std::fs::copy(rule.path(), rules.join("errors").join(rule.file_name())).unwrap();
        }
        let text = format!(
            "{}[rules]\npath = \"{}\"\n",
            live::configuration(&name),
            rules.display()
        );
        let text = text.replace(
            &format!("{}/seismolog-{name}", std::env::temp_dir().display()),
            &folder.path().join("store").display().to_string(),
        );
        let file = folder.path().join("seismolog.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        let kafka = config.kafka.clone().unwrap();
        let plan = TopicPlan {
            partitions: 3,
            ..TopicPlan::default()
        };
        ensure_topic(&kafka, &kafka.topics[0], &plan).unwrap();
        ensure_topics(&kafka, &config.topics, &plan).unwrap();
        Some(Self {
            folder,
            config,
            name,
            running: Vec::new(),
        })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("seismolog.toml")
    }

    fn run(&self, role: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_seismolog"))
            .args(["run", "--role", role, "-c"])
            .arg(self.file())
            .stdout(Stdio::null())
            .stderr(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.log(role))
                    .unwrap(),
            )
            .spawn()
            .unwrap()
    }

    fn log(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.log"))
    }

    fn sender(&self) -> Sender {
        let kafka = self.config.kafka.as_ref().unwrap();
        Sender::new(kafka, &kafka.topics[0]).unwrap()
    }

    fn alerts(&self) -> Arc<dyn AlertReader> {
        Store::open_alerts_read_only(&self.config.store, StoreOptions::default()).unwrap()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for one in &mut self.running {
            drop(one.kill());
            drop(one.wait());
        }
        let topics = live::topics(&self.name);
        drop(remove_topics(
            self.config.kafka.as_ref().unwrap(),
            &topics.each_ref().map(String::as_str),
        ));
        if std::thread::panicking() {
            for role in ["process", "alert"] {
                eprintln!(
                    "{role}:\n{}",
                    std::fs::read_to_string(self.log(role)).unwrap_or_default()
                );
            }
        }
    }
}

/// A task of a job fails now, by an error of its own code.
fn failure(job: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = seismolog::event::EventTime::from_millis(i64::try_from(now).unwrap()).rfc3339();
    let trace = format!(
        "java.lang.IllegalStateException: no state for this key\n\tat com.acme.{}.Enrich.map(Enrich.java:41)\n\tat \
         org.apache.flink.streaming.runtime.tasks.StreamTask.invoke(StreamTask.java:973)",
        job.replace('-', "")
    );
    let line = json!({
        "@timestamp": now, "log.level": "WARN", "ecs.version": "1.2.0", "service.name": job,
        "message": "Map (1/2)#0 (8407a82a51594bb2b4dea97051e34fa5_b321a6643b69e798bf5ed9c3fff50a1d_0_0) switched from RUNNING \
                    to FAILED with failure cause:",
        "process.thread.name": "Map (1/2)#0", "log.logger": "org.apache.flink.runtime.taskmanager.Task",
        "error.type": "java.lang.IllegalStateException", "error.message": "no state for this key",
        "error.stack_trace": trace,
    });
    serde_json::to_vec(&line).unwrap()
}

/// The job and the change of a message, where it tells of the failure of one.
fn told(sent: &Sent) -> Option<(String, String)> {
    let alert = &sent.body["alert"];
    (alert["rule"] == "job_failed").then(|| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&alert["job_name"]), text(&sent.body["change"]))
    })
}

#[test]
fn an_alerter_killed_again_and_again_tells_of_every_failure_once() {
    const JOBS: usize = 60;
    let receiver = Receiver::start(2);
    let Some(mut bed) = Bed::new("alerts", &receiver) else {
        return;
    };
    let process = bed.run("process");
    bed.running.push(process);
    let mut alerter = bed.run("alert");
    let mut sender = bed.sender();
    for job in 0..JOBS {
        sender.send(&failure(&format!("job-{job}"))).unwrap();
        sender.settle().unwrap();
        std::thread::sleep(Duration::from_millis(250));
        if job % 5 == 4 {
            alerter.kill().unwrap();
            alerter.wait().unwrap();
            alerter = bed.run("alert");
        }
    }
    bed.running.push(alerter);
    let wanted: BTreeSet<String> = (0..JOBS).map(|job| format!("job-{job}")).collect();
    let taken = |sent: &[Sent]| -> BTreeSet<String> {
        let fired = sent.iter().filter(|one| one.taken).filter_map(told);
        fired
            .filter(|(_, change)| change == "fired")
            .map(|(job, _)| job)
            .collect()
    };
    let begun = Instant::now();
    while taken(&receiver.sent()) != wanted {
        let missing: Vec<_> = wanted.difference(&taken(&receiver.sent())).cloned().collect();
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "nobody was told of {missing:?}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    // A repeat has the key of what it repeats, and another message has another.
    let mut by_key: BTreeMap<String, Value> = BTreeMap::new();
    for one in receiver.sent() {
        let known = by_key.entry(one.key.clone()).or_insert_with(|| one.body.clone());
        assert_eq!(known["seq"], one.body["seq"], "{}", one.key);
    }
    // What is kept is what was told: no failure twice, none made up.
    let alerts = bed.alerts();
    let ask = AlertsAsk {
        rule: Some("job_failed".into()),
        limit: 500,
        ..AlertsAsk::default()
    };
    let kept = alerts.alerts(&ask).unwrap().items;
    assert_eq!(kept.len(), JOBS);
    let jobs: BTreeSet<String> = kept.iter().filter_map(|one| one.alert.job_name.clone()).collect();
    assert_eq!(jobs, wanted);
    for one in &kept {
        assert_eq!(one.alert.state, State::Firing);
        let history = alerts.alert(one.alert.id).unwrap().history;
        let fired = history.iter().filter(|change| change.change == ChangeKind::Fired);
        assert_eq!(fired.count(), 1, "{history:?}");
    }
    // And stands in the topic of alerts, each change at least once.
    let changes: BTreeSet<i64> = alerts.changes(0, 10_000).unwrap().iter().map(|one| one.seq).collect();
    let begun = Instant::now();
    loop {
        let mut in_topic = BTreeSet::new();
        tail::tail(
            bed.config.kafka.as_ref().unwrap(),
            &bed.config.topics.alerts,
            10_000,
            &mut |record| {
                let value: Value = serde_json::from_slice(&record.payload).unwrap();
                in_topic.insert(value["seq"].as_i64().unwrap());
            },
        )
        .unwrap();
        if in_topic.is_superset(&changes) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{in_topic:?} of {changes:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// How long it takes from a failure in Kafka to the webhook: prints, judges nothing.
#[test]
#[ignore = "a measurement: cargo test --release --test live_alerts -- --ignored --nocapture"]
fn measure_from_kafka_to_webhook() {
    const FAILURES: usize = 100;
    let receiver = Receiver::start(0);
    let Some(mut bed) = Bed::new("alerts-time", &receiver) else {
        return;
    };
    let roles = bed.run("process,alert");
    bed.running.push(roles);
    std::thread::sleep(Duration::from_secs(10));
    let mut sender = bed.sender();
    let mut begun = BTreeMap::new();
    for job in 0..FAILURES {
        let job = format!("job-{job}");
        sender.send(&failure(&job)).unwrap();
        sender.settle().unwrap();
        begun.insert(job, Instant::now());
        std::thread::sleep(Duration::from_millis(230));
    }
    std::thread::sleep(Duration::from_secs(10));
    let mut took: Vec<Duration> = Vec::new();
    for one in receiver.sent() {
        if let Some((job, change)) = told(&one)
            && change == "fired"
            && let Some(sent) = begun.remove(&job)
        {
            took.push(one.at - sent);
        }
    }
    took.sort();
    println!("told of {} of {FAILURES}", took.len());
    println!(
        "p50 {:?}, p99 {:?}, max {:?}",
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took.last()
    );
}
