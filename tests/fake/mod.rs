//! A reader made of a handful of errors, for the tests of what is shown; it writes down what it was asked.

pub mod alerts;
pub mod flush;

use alerts::FakeAlerts;
use seismolog::clock::Clock;
use seismolog::event::{Fingerprint, Group, IssueId, Part, Severity};
use seismolog::fold::{Ledger, Sample};
use seismolog::serve::{
    Explain, Explanation, Finding, Ingest, IngestError, Layer, Parts, RecordOutcome, RuleWords, ServeOptions, Serving,
};
use seismolog::store::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// 2026-11-21T12:00:00Z
pub const NOW: i64 = 1_795_262_400_000;

pub const JAVA_STACK: &str = "org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy(maxNumberRestartAttempts=3, backoffTimeMS=10000)
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(ExecutionFailureHandler.java:180) ~[flink-dist-1.20.0.jar:1.20.0]
\tat org.apache.flink.runtime.scheduler.DefaultScheduler.recordTaskFailure(DefaultScheduler.java:283) ~[flink-dist-1.20.0.jar:1.20.0]
\tat org.apache.flink.runtime.scheduler.DefaultScheduler.handleTaskFailure(DefaultScheduler.java:275) ~[flink-dist-1.20.0.jar:1.20.0]
\tat org.apache.pekko.actor.Actor.aroundReceive(Actor.scala:537) ~[flink-rpc-akka.jar:1.20.0]
Caused by: java.lang.RuntimeException: Could not enrich order
\tat com.acme.orders.Enrich.lookup(Enrich.java:88) ~[orders.jar:?]
\tat com.acme.orders.Enrich.map(Enrich.java:42) ~[orders.jar:?]
\tat org.apache.flink.streaming.api.operators.StreamMap.processElement(StreamMap.java:38) ~[flink-dist-1.20.0.jar:1.20.0]
\tat org.apache.flink.streaming.runtime.tasks.CopyingChainingOutput.pushToOperator(CopyingChainingOutput.java:75) ~[flink-dist-1.20.0.jar:1.20.0]
\tat org.apache.flink.runtime.taskmanager.Task.run(Task.java:562) ~[flink-dist-1.20.0.jar:1.20.0]
\tat java.base/java.lang.Thread.run(Thread.java:840) ~[?:?]
Caused by: org.postgresql.util.PSQLException: Connection to db-orders-01.prod.internal:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.
\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:342) ~[postgresql-42.7.3.jar:42.7.3]
\tat org.postgresql.jdbc.PgConnection.<init>(PgConnection.java:273) ~[postgresql-42.7.3.jar:42.7.3]
\tat com.acme.orders.Db.open(Db.java:31) ~[orders.jar:?]
\t... 9 more
";

pub fn spark(seed: u64, n: usize, high: u64) -> Vec<u64> {
    (0..n as u64)
        .map(|i| {
            let x = (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 97)) % 1000;
            if x < 300 {
                0
            } else {
                x * high / 1000 + (if i > 28 && seed.is_multiple_of(3) { high * 2 } else { 0 })
            }
        })
        .collect()
}

pub fn rfc(ms: i64) -> String {
    seismolog::serve::time::rfc3339(ms)
}

pub fn issue(
    n: u64,
    title: &str,
    class: &str,
    error_type: &str,
    category: &str,
    severity: Severity,
    part: Part,
    job: &str,
) -> Issue {
    let fingerprint = Fingerprint(u128::from(n) * 0x1234_5678_9abc_def0_1111 + 7);
    Issue {
        id: IssueId::of(job, fingerprint),
        fingerprint,
        group: Group(u128::from(n) * 0xfeed_beef),
        job: job.to_owned(),
        job_id: Some("7f3b2c9d1e4f5a6b8c0d9e8f7a6b5c4d".to_owned()),
        team: Some("payments".to_owned()),
        cluster: Some("prod-eu-1".to_owned()),
        engine: Some("flink".to_owned()),
        error_type: error_type.to_owned(),
        category: category.to_owned(),
        severity,
        part,
        rule: Some(error_type.to_owned()),
        exception: (!class.is_empty()).then(|| class.to_owned()),
        top_frame: Some("com.acme.orders.Db.open".to_owned()),
        template: title.to_owned(),
        title: title.to_owned(),
        count: 13 * n * n * 37 % 91_234 + 1,
        total: 13 * n * n * 37 % 91_234 + 1 + n * 1000,
        first_seen: rfc(NOW - (n as i64) * 7_300_000),
        last_seen: rfc(NOW - (n as i64) * 61_000),
        state: match n % 7 {
            5 => IssueState::Resolved,
            6 => IssueState::Muted,
            _ => IssueState::Open,
        },
        sparkline: spark(n, 36, 40),
    }
}

pub fn issues() -> Vec<Issue> {
    use Part::*;
    use Severity::*;
    vec![
        issue(
            1,
            "Connection to db-orders-01.prod.internal:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.",
            "org.postgresql.util.PSQLException",
            "database_unreachable",
            "dependency",
            Critical,
            Root,
            "orders-enrichment",
        ),
        issue(
            2,
            "Checkpoint expired before completing.",
            "org.apache.flink.runtime.checkpoint.CheckpointException",
            "checkpoint_expired",
            "checkpoint",
            High,
            Symptom,
            "fraud-detection",
        ),
        issue(
            3,
            "Heartbeat of TaskManager with id container_1700000000000_0001_01_000003(node7:43211) timed out.",
            "java.util.concurrent.TimeoutException",
            "taskmanager_heartbeat_timeout",
            "cluster",
            High,
            Root,
            "clickstream-sessions",
        ),
        issue(
            4,
            "<script>alert('x')</script> & \"quotes\" in a message",
            "com.acme.Weird$Inner",
            "unclassified",
            "unclassified",
            Medium,
            Root,
            "job <b>bold</b>/with slash",
        ),
        issue(
            5,
            "无法连接到数据库：连接被拒绝（主机名 db-上海-01，端口 5432），请检查网络配置后重试",
            "java.net.ConnectException",
            "connection_refused",
            "network",
            Medium,
            Root,
            "实时订单统计",
        ),
        issue(
            6,
            "Error while responding to request: the partition was not found on this worker since it was already released, which is expected while the job restarts after a failure elsewhere in the pipelined region",
            "org.apache.flink.runtime.io.network.partition.PartitionNotFoundException",
            "partition_not_found",
            "network",
            Low,
            Symptom,
            "clickstream-sessions",
        ),
        issue(
            7,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "com.averyveryveryveryverylongpackagename.withmanyparts.thatgoonandon.AnExceptionClassWhoseNameIsFarTooLongForAnyReasonableTableColumnException",
            "user_code_exception",
            "user_code",
            High,
            Root,
            "a-job-with-a-very-long-name-that-goes-on-and-on-and-does-not-stop-where-one-would-expect-it-to-stop",
        ),
        issue(
            8,
            "'NoneType' object has no attribute 'get'",
            "AttributeError",
            "python_attribute_error",
            "user_code",
            Medium,
            Root,
            "pyflink-features",
        ),
        issue(
            9,
            "Disconnecting from node -1 due to socket connection setup timeout.",
            "",
            "kafka_client_disconnect",
            "kafka",
            Info,
            Root,
            "orders-enrichment",
        ),
    ]
}

pub fn sample(stack: Option<&str>, at: i64) -> StoredSample {
    let dimensions: BTreeMap<String, String> = [
        ("cluster", "prod-eu-1"),
        ("host", "node7.prod.internal"),
        ("job_name", "orders-enrichment"),
        ("role", "taskmanager"),
        ("task", "Source: orders -> Map -> Sink: enriched"),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .collect();
    StoredSample {
        minute: rfc(at.div_euclid(60_000) * 60_000),
        count: 42,
        sample: Sample {
            event_time: rfc(at),
            level: Some("WARN".to_owned()),
            logger: Some("org.apache.flink.runtime.taskmanager.Task".to_owned()),
            thread: Some("Source: orders (3/8)#1".to_owned()),
            message: "Source: orders -> Map -> Sink: enriched (3/8)#1 switched from RUNNING to FAILED with failure cause: <script>alert(1)</script>".to_owned(),
            stack: stack.map(str::to_owned),
            dimensions,
            layout: "log4j2-json".to_owned(),
            truncated: false,
            stack_bytes: None,
            redactions: 0,
        },
    }
}

#[derive(Default)]
pub struct FakeReader {
    pub asked: Mutex<Vec<String>>,
    pub empty: bool,
    /// Every question waits this long.
    pub slow: Option<std::time::Duration>,
}

impl FakeReader {
    fn note(&self, what: String) -> Result<(), ReadError> {
        if let Some(wait) = self.slow {
            let (_keep, hear) = std::sync::mpsc::sync_channel::<()>(1);
            let _ = hear.recv_timeout(wait);
        }
        if what.contains("boom") {
            panic!("the fake was told to panic");
        }
        if what.contains("brokenstore") {
            return Err(ReadError::Store("disk I/O error".to_owned()));
        }
        self.asked.lock().unwrap().push(what);
        Ok(())
    }
    pub fn heard(&self, part: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|a| a.contains(part))
    }
    fn find(&self, id: IssueId) -> Result<Issue, ReadError> {
        issues()
            .into_iter()
            .find(|i| i.id == id)
            .ok_or_else(|| ReadError::NotFound(format!("error {id}")))
    }
}

impl Reader for FakeReader {
    fn errors(&self, ask: &ErrorsAsk) -> Result<Page<Issue>, ReadError> {
        self.note(format!(
            "errors q={} from={} to={} sort={:?} limit={} after={:?} sparkline={}",
            ask.query, ask.from, ask.to, ask.sort, ask.limit, ask.after, ask.sparkline
        ))?;
        if ask.after.as_deref() == Some("garbage") {
            return Err(ReadError::BadRequest(
                "the cursor cannot be read; start from the first page".to_owned(),
            ));
        }
        let none = self.empty || ask.query.to_string().contains("nothingmatches");
        let mut items = if none { Vec::new() } else { issues() };
        if ask.sparkline == 0 {
            items.iter_mut().for_each(|i| i.sparkline.clear());
        }
        Ok(Page {
            items,
            next: (!none && ask.after.is_none()).then(|| "cursor-2/=&".to_owned()),
        })
    }
    fn error(&self, ask: &ErrorAsk) -> Result<IssueDetail, ReadError> {
        self.note(format!("error {} from={} to={}", ask.id, ask.from, ask.to))?;
        let issue = self.find(ask.id)?;
        let minutes = (0..1440)
            .filter(|m| m % 7 != 0 && *m > 700)
            .map(|m| (rfc(NOW - m * 60_000), (m as u64 * 31) % 23 + 1))
            .collect();
        let kin = issues();
        Ok(IssueDetail {
            exception_chain: vec![
                "org.apache.flink.runtime.JobException".to_owned(),
                "java.lang.RuntimeException".to_owned(),
                issue.exception.clone().unwrap_or_default(),
            ],
            minutes,
            hosts: (1..=20).map(|n| format!("node{n}.prod.internal")).collect(),
            roles: vec!["jobmanager".to_owned(), "taskmanager".to_owned()],
            tasks: vec!["Source: orders -> Map -> Sink: enriched".to_owned()],
            sample: Some(sample(Some(JAVA_STACK), NOW - 90_000)),
            same_fingerprint: kin[1..3].to_vec(),
            same_group: kin[5..7].to_vec(),
            issue,
        })
    }
    fn samples(&self, issue: IssueId, limit: usize, after: Option<&str>) -> Result<Page<StoredSample>, ReadError> {
        self.note(format!("samples {issue} limit={limit} after={after:?}"))?;
        self.find(issue)?;
        let items = (0..4)
            .map(|n| sample((n % 2 == 0).then_some(JAVA_STACK), NOW - n * 600_000))
            .collect();
        Ok(Page {
            items,
            next: Some("older".to_owned()),
        })
    }
    fn trends(&self, ask: &TrendsAsk) -> Result<Trends, ReadError> {
        self.note(format!(
            "trends by={} step={} from={} to={} top={} q={}",
            ask.by, ask.step_minutes, ask.from, ask.to, ask.top, ask.query
        ))?;
        let step = ask.step_minutes * 60;
        let first = ask.from.div_euclid(1000).div_euclid(step) * step;
        let times: Vec<i64> = (0..)
            .map(|i| first + i * step)
            .take_while(|t| t * 1000 < ask.to)
            .collect();
        let values: Vec<&str> = match ask.by.as_str() {
            "severity" => vec!["high", "critical", "medium", "low", "info"],
            "part" => vec!["root", "symptom", "noise"],
            "category" => vec!["dependency", "checkpoint", "network", "user_code", "unclassified"],
            "team" => vec!["payments", "-"],
            _ => vec![
                "database_unreachable",
                "checkpoint_expired",
                "taskmanager_heartbeat_timeout",
                "user_code_exception",
                "<script>alert(2)</script>",
                "kafka_client_disconnect",
            ],
        };
        let series: Vec<Series> = if self.empty || ask.query.to_string().contains("nothingmatches") {
            vec![]
        } else {
            values
                .iter()
                .take(ask.top)
                .enumerate()
                .map(|(n, v)| {
                    let counts: Vec<u64> = spark(n as u64 + 3, times.len(), 60 / (n as u64 + 1));
                    Series {
                        value: (*v).to_owned(),
                        count: counts.iter().sum(),
                        counts,
                    }
                })
                .collect()
        };
        let other = if series.is_empty() {
            vec![0; times.len()]
        } else {
            spark(9, times.len(), 4)
        };
        let total = (0..times.len())
            .map(|i| other[i] + series.iter().map(|s| s.counts[i]).sum::<u64>())
            .collect();
        Ok(Trends {
            by: ask.by.clone(),
            from: rfc(first * 1000),
            to: rfc((first + step * times.len() as i64) * 1000),
            step_seconds: step,
            times,
            series,
            other,
            total,
        })
    }
    fn jobs(&self, ask: &JobsAsk) -> Result<Page<Job>, ReadError> {
        self.note(format!(
            "jobs name={} limit={} after={:?}",
            ask.name, ask.limit, ask.after
        ))?;
        let mut items: Vec<Job> = Vec::new();
        for (n, issue) in issues().into_iter().enumerate() {
            if !items.iter().any(|j| j.job == issue.job) {
                items.push(job(n as u64, &issue.job));
            }
        }
        items.retain(|j| j.job.contains(&ask.name));
        Ok(Page { items, next: None })
    }
    fn job(&self, key: &str, from: i64, to: i64) -> Result<JobDetail, ReadError> {
        self.note(format!("job {key} from={from} to={to}"))?;
        if !issues().iter().any(|i| i.job == key) {
            return Err(ReadError::NotFound(format!("job {key:?}")));
        }
        Ok(JobDetail {
            job: job(2, key),
            top_errors: issues(),
        })
    }
    fn rejects(&self, limit: usize, after: Option<&str>) -> Result<Page<StoredReject>, ReadError> {
        self.note(format!("rejects limit={limit} after={after:?}"))?;
        Ok(Page {
            items: vec![StoredReject {
                id: 1,
                source: "sample-logs/taskmanager.jsonl".to_owned(),
                offset: 4_096,
                reason: "invalid_json".to_owned(),
                detail: "ended too early at byte 118".to_owned(),
                length: 9_000,
                bytes: format!("{{\"message\":\"<img src=x onerror=alert(3)>\"{}", "é".repeat(4000)),
                rejected_at: rfc(NOW - 4_000),
            }],
            next: None,
        })
    }
    fn totals(&self) -> Result<Totals, ReadError> {
        self.note("totals".to_owned())?;
        let ledger = if self.empty {
            Ledger::default()
        } else {
            Ledger {
                records: 120_000,
                extra: 12,
                folded: 120_009,
                rejected: 3,
            }
        };
        Ok(Totals {
            ledger,
            sources: vec![("sample-logs/taskmanager.jsonl".to_owned(), ledger)],
            issues: 9,
            fingerprints: 8,
            details: 4_012,
            bytes: 5_300_000,
            first_seen: (!self.empty).then(|| rfc(NOW - 86_400_000)),
            last_seen: (!self.empty).then(|| rfc(NOW)),
        })
    }
    fn notes(&self, issue: IssueId) -> Result<IssueNotes, ReadError> {
        self.find(issue)?;
        Ok(notes())
    }
    fn markers(&self, from: i64, to: i64, job: Option<&str>) -> Result<Vec<Marker>, ReadError> {
        self.note(format!("markers from={from} to={to} job={job:?}"))?;
        Ok(vec![Marker {
            id: 7,
            at: rfc(NOW - 9_000_000),
            until: None,
            title: "deploy orders 1.4.2 <i>".to_owned(),
            text: None,
            job: None,
            kind: "deployment".to_owned(),
        }])
    }
    fn values(&self, field: &str, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, ReadError> {
        self.note(format!("values {field} {prefix} {limit}"))?;
        Ok(vec![
            ("orders-enrichment".to_owned(), 4_000),
            ("fraud-detection".to_owned(), 12),
        ])
    }
}

pub fn job(n: u64, key: &str) -> Job {
    Job {
        job: key.to_owned(),
        team: Some("payments".to_owned()),
        cluster: Some("prod-eu-1".to_owned()),
        engine: Some("flink".to_owned()),
        count: 1_234 * (n + 1),
        issues: n + 2,
        new_issues: n % 3,
        restarts: n * 2,
        health: (17 * (n as u32 + 1)) % 101,
        health_parts: vec!["-40: 3 critical errors".to_owned(), "-12: restarted 4 times".to_owned()],
        last_seen: rfc(NOW - 300_000),
        sparkline: spark(n + 2, 36, 30),
    }
}

#[derive(Default)]
pub struct FakeEditor {
    pub changes: Mutex<Vec<(IssueId, StateChange)>>,
    pub markers: Mutex<Vec<Marker>>,
}

impl Editor for FakeEditor {
    fn set_state(&self, issue: IssueId, change: &StateChange, _now: i64) -> Result<IssueNotes, EditError> {
        if !issues().iter().any(|i| i.id == issue) {
            return Err(EditError::NotFound(format!("error {issue}")));
        }
        self.changes.lock().unwrap().push((issue, change.clone()));
        Ok(notes())
    }
    fn add_marker(&self, marker: &NewMarker) -> Result<Marker, EditError> {
        let stored = Marker {
            id: 1,
            at: rfc(marker.at),
            until: marker.until.map(rfc),
            title: marker.title.clone(),
            text: marker.text.clone(),
            job: marker.job.clone(),
            kind: marker.kind.clone(),
        };
        self.markers.lock().unwrap().push(stored.clone());
        Ok(stored)
    }
    fn remove_marker(&self, id: i64) -> Result<(), EditError> {
        if id == 7 {
            Ok(())
        } else {
            Err(EditError::NotFound(format!("marker {id}")))
        }
    }
}

fn notes() -> IssueNotes {
    IssueNotes {
        assignee: Some("Ada".to_owned()),
        note: Some("Restarted the database; <b>watch it</b>.".to_owned()),
        ..IssueNotes::default()
    }
}

pub struct FakeIngest;

impl Ingest for FakeIngest {
    fn ingest(&self, records: &[&[u8]]) -> Result<Vec<RecordOutcome>, IngestError> {
        if records.iter().any(|r| r == b"\"busy\"") {
            return Err(IngestError::Busy { retry_after_seconds: 3 });
        }
        Ok(records
            .iter()
            .map(|r| {
                if r.starts_with(b"{") {
                    RecordOutcome {
                        outcome: "folded",
                        events: 1,
                        issue: Some(issues()[0].id),
                        reason: None,
                        detail: None,
                    }
                } else {
                    RecordOutcome {
                        outcome: "rejected",
                        events: 0,
                        issue: None,
                        reason: Some("not_an_object"),
                        detail: Some("a number".to_owned()),
                    }
                }
            })
            .collect())
    }
}

pub struct FakeRules;

impl Explain for FakeRules {
    fn words(&self, rule: &str) -> Option<RuleWords> {
        Some(RuleWords {
            id: rule.to_owned(),
            title: "The database cannot be reached".to_owned(),
            cause: Some("The job opens connections to a database that refuses them: it is down, full, or another host.".to_owned()),
            advice: Some("See whether the database runs and takes connections from the TaskManagers' network; the job restarts by itself once it does.".to_owned()),
        })
    }
    fn layer(&self, _class: &str) -> Option<Layer> {
        None
    }
    fn explain(&self, _sample: &Sample) -> Option<Explanation> {
        Some(Explanation {
            recipe: 1,
            findings: vec![
                Finding {
                    step: "layout".to_owned(),
                    value: "log4j2-json".to_owned(),
                    why: "thrown, level and loggerName are there".to_owned(),
                },
                Finding {
                    step: "telling cause".to_owned(),
                    value: "org.postgresql.util.PSQLException".to_owned(),
                    why: "the deepest cause, ConnectException, says only that it was refused".to_owned(),
                },
            ],
        })
    }
}

pub struct Running {
    pub serving: Serving,
    pub reader: Arc<FakeReader>,
    pub editor: Arc<FakeEditor>,
    pub alerts: Arc<FakeAlerts>,
    pub http: String,
    pub address: String,
}

/// A whole server over the fake.
pub async fn running() -> Running {
    with(FakeReader::default(), |_, _| {}).await
}

pub async fn with(reader: FakeReader, change: impl FnOnce(&mut ServeOptions, &mut Parts)) -> Running {
    let reader = Arc::new(reader);
    let editor = Arc::new(FakeEditor::default());
    let alerts = Arc::new(FakeAlerts::with_samples());
    let mut options = ServeOptions {
        bind: "127.0.0.1:0".parse().unwrap(),
        ..ServeOptions::default()
    };
    let mut parts = Parts {
        reader: reader.clone(),
        alerts: Some(alerts.clone()),
        alert_editor: Some(alerts.clone()),
        editor: Some(editor.clone()),
        ingest: Some(Arc::new(FakeIngest)),
        explain: Some(Arc::new(FakeRules)),
        clock: Clock::Fixed(NOW),
        sample: true,
        metrics: Arc::new(|| "seismolog_up 1\n".to_owned()),
        ready: Arc::new(|| Ok(())),
    };
    change(&mut options, &mut parts);
    let serving = seismolog::serve::start(options, parts).await.unwrap();
    let address = serving.addr().to_string();
    Running {
        http: format!("http://{address}"),
        address,
        serving,
        reader,
        editor,
        alerts,
    }
}
