//! Events made up from numbers, folded into flushes as the fold would: for the tests and the bench of the store.
#![allow(dead_code, reason = "each user takes what it needs")]
#![allow(unreachable_pub, reason = "shared by path between crates of tests")]

use seismolog::event::{Dimensions, EventTime, Fingerprint, Group, IssueId, Minute, Part, Severity};
use seismolog::fold::{DetailDelta, Flush, Ledger, Sample, SeenOn, SourcePosition, StatRow};
use seismolog::identity::Identity;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A fixed stream of numbers.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        // Source: Marsaglia, "Xorshift RNGs" (2003), triple 13, 7, 17.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    /// Small numbers far more often than large ones.
    pub fn skewed(&mut self, n: usize) -> usize {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((unit.powf(2.5)) * n as f64) as usize % n
    }
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub job: usize,
    pub error: usize,
    pub host: usize,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// Jobs, errors and hosts by number, each made once.
pub struct World {
    pub identities: Vec<Arc<Identity>>,
    pub jobs: usize,
    pub hosts: usize,
    places: HashMap<(usize, usize), Arc<Dimensions>>,
    /// Frames of the stacks.
    pub frames: usize,
}

pub const TYPES: [&str; 6] = [
    "checkpoint_expired",
    "oom_heap",
    "unclassified",
    "kafka_timeout",
    "job_restarting",
    "user_code_npe",
];

impl World {
    pub fn new(jobs: usize, errors: usize, hosts: usize, frames: usize) -> Self {
        Self {
            identities: (0..errors).map(|n| Arc::new(identity(n))).collect(),
            jobs,
            hosts,
            places: HashMap::new(),
            frames,
        }
    }

    pub fn place(&mut self, job: usize, host: usize) -> Arc<Dimensions> {
        let made = self
            .places
            .entry((job, host))
            .or_insert_with(|| Arc::new(place(job, host)));
        Arc::clone(made)
    }

    /// Folds events into one flush. `number` numbers the flush: its position and ledger.
    pub fn fold(&mut self, events: &[Event], number: u64) -> Flush {
        let mut details: HashMap<(usize, usize, i64), DetailDelta> = HashMap::new();
        let mut stats: HashMap<(i64, usize, usize, usize), StatRow> = HashMap::new();
        for event in events {
            let minute = event.at.div_euclid(60_000);
            let place = self.place(event.job, event.host);
            let identity = Arc::clone(&self.identities[event.error]);
            let time = EventTime::from_millis(event.at);
            let job = place.job().0;
            let host: Box<str> = host(event.host).into();
            let role: Box<str> = role(event.host).into();
            let task: Box<str> = task(event).into();
            let delta = details
                .entry((event.job, event.error, minute))
                .or_insert_with(|| DetailDelta {
                    issue: IssueId::of(job, identity.fingerprint),
                    job: job.into(),
                    minute: Minute(minute),
                    identity: Arc::clone(&identity),
                    count: 0,
                    first_seen: time,
                    last_seen: time,
                    seen_on: SeenOn::default(),
                    sample: Arc::new(sample(event, &place, &identity, self.frames)),
                });
            delta.count += 1;
            delta.first_seen = delta.first_seen.min(time);
            delta.last_seen = delta.last_seen.max(time);
            for (set, value) in [
                (&mut delta.seen_on.hosts, host),
                (&mut delta.seen_on.roles, role),
                (&mut delta.seen_on.tasks, task),
            ] {
                if let Err(at) = set.binary_search(&value)
                    && set.len() < SeenOn::LIMIT
                {
                    set.insert(at, value);
                }
            }
            let stat = stats
                .entry((minute, event.error, event.job, event.host))
                .or_insert_with(|| StatRow {
                    minute: Minute(minute),
                    identity,
                    dimensions: place,
                    count: 0,
                });
            stat.count += 1;
        }
        let folded = events.len() as u64;
        Flush {
            details: details.into_values().collect(),
            stats: stats.into_values().collect(),
            rejects: Vec::new(),
            positions: vec![SourcePosition {
                source: "made-up.log".into(),
                next: number,
                identity: "{}".to_owned(),
            }],
            learned: Vec::new(),
            ledger: BTreeMap::from([(
                "made-up.log".into(),
                Ledger {
                    records: folded,
                    extra: 0,
                    folded,
                    rejected: 0,
                },
            )]),
        }
    }
}

pub fn job(n: usize) -> String {
    format!("orders-{n}")
}

pub fn host(n: usize) -> String {
    format!("worker-{n}.acme.example")
}

pub fn role(host: usize) -> &'static str {
    if host == 0 { "jobmanager" } else { "taskmanager" }
}

pub fn task(event: &Event) -> String {
    format!("Source: orders -> Map {}", event.error % 3)
}

pub fn cluster(job: usize) -> String {
    format!("cluster-{}", job % 3)
}

pub fn team(job: usize) -> Option<String> {
    (!job.is_multiple_of(4)).then(|| format!("team-{}", job % 5))
}

pub fn place(job: usize, host: usize) -> Dimensions {
    Dimensions {
        cluster: Some(cluster(job).into()),
        job_id: Some(format!("{job:032x}").into()),
        job_name: Some(self::job(job).into()),
        role: Some(role(host).into()),
        host: Some(self::host(host).into()),
        engine: Some("flink".into()),
        engine_version: Some("1.20.1".into()),
        team: team(job).map(Into::into),
        ..Dimensions::default()
    }
}

pub fn error_type(error: usize) -> &'static str {
    TYPES[error % TYPES.len()]
}

pub fn severity(error: usize) -> Severity {
    Severity::ALL[error % Severity::ALL.len()]
}

pub fn part(error: usize) -> Part {
    Part::ALL[error % Part::ALL.len()]
}

pub fn exception(error: usize) -> Option<String> {
    (error % 7 != 3).then(|| format!("com.acme.orders.Bad{}Exception", letters(error % 40)))
}

fn letters(n: usize) -> String {
    format!("Order{}", char::from(b'A' + (n % 26) as u8))
}

pub fn identity(n: usize) -> Identity {
    let class = exception(n);
    Identity {
        error_type: error_type(n).into(),
        category: format!("category-{}", n % 4).into(),
        severity: severity(n),
        part: part(n),
        rule: (error_type(n) != "unclassified").then(|| error_type(n).into()),
        template: format!("could not place order <NUM> of kind{n}"),
        exception: class.clone(),
        exception_chain: class
            .iter()
            .flat_map(|class| ["org.apache.flink.runtime.JobException".to_owned(), class.clone()])
            .collect(),
        top_frame: class
            .as_ref()
            .map(|_| format!("com.acme.orders.Placer{}.place", n % 50)),
        exception_template: class
            .as_ref()
            .map(|_| format!("stock of kind{n} is gone after <DURATION>")),
        fingerprint: Fingerprint(0x1000_0000_0000_0000_0000_0000_0000_0000 + n as u128),
        group: Group((n % 9) as u128 + 1),
    }
}

pub fn message(event: &Event) -> String {
    format!(
        "could not place order {} of kind{} for customer{}",
        event.at % 100_000,
        event.error,
        event.job
    )
}

pub fn sample(event: &Event, place: &Dimensions, identity: &Identity, frames: usize) -> Sample {
    let stack = identity.exception.as_ref().map(|class| {
        let mut stack = format!(
            "org.apache.flink.runtime.JobException: Recovery is suppressed\n\tat org.apache.flink.Foo.bar(Foo.java:1)\nCaused by: {class}: stock of kind{} is gone after {} ms\n",
            event.error,
            event.at % 1000
        );
        for frame in 0..frames {
            stack.push_str(&format!(
                "\tat com.acme.orders.Placer{}.place{frame}(Placer.java:{}) ~[orders-job.jar:2.1]\n",
                event.error % 50,
                frame * 3
            ));
        }
        stack
    });
    let mut dimensions: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in place.texts() {
        if let Some(value) = value {
            dimensions.insert(name.to_owned(), value.to_owned());
        }
    }
    dimensions.insert("task".to_owned(), task(event));
    dimensions.insert("subtask".to_owned(), (event.host + 1).to_string());
    dimensions.insert(
        "pod".to_owned(),
        format!("orders-{}-taskmanager-1-{}", event.job, event.host),
    );
    Sample {
        event_time: EventTime::from_millis(event.at).rfc3339(),
        level: Some("ERROR".to_owned()),
        logger: Some("org.apache.flink.runtime.executiongraph.ExecutionGraph".to_owned()),
        thread: Some(format!("flink-akka.actor.default-dispatcher-{}", event.at / 1000 % 20)),
        message: message(event),
        stack,
        dimensions,
        layout: "log4j2_json".to_owned(),
        truncated: event.error % 11 == 5,
        stack_bytes: None,
        redactions: u32::from(event.error % 13 == 7),
    }
}

/// Distinct (job, error) pairs of events.
pub fn issues(events: &[Event]) -> BTreeSet<(usize, usize)> {
    events.iter().map(|event| (event.job, event.error)).collect()
}
