//! One failure is one alert that names its root, whatever else was logged and in whatever order it came.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets a surprise ends there"
)]

use assert_cmd::Command;
use seismolog::alert::{Patience, replay::Replay};
use seismolog::engine::{Engine, Outcome};
use seismolog::rules::RuleSet;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

/// The alerts of these lines, each as it was told last.
fn simulate(logs: &str) -> Vec<Value> {
    static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::shipped().unwrap()));
    let mut engine = Engine::new(Arc::clone(&RULES), jiff::tz::TimeZone::UTC);
    let mut replay = Replay::new(RULES.cascades().clone()).with_rules(RULES.alerts().clone());
    for line in logs.lines() {
        engine.read(line.as_bytes(), &mut |outcome| match outcome {
            Outcome::Folded(event) => replay.take(&event),
            Outcome::Rejected(rejection) => panic!("{rejection:?}: {line}"),
        });
    }
    let alerts = replay.play(Patience::default());
    alerts
        .iter()
        .map(|alert| serde_json::to_value(alert).unwrap())
        .collect()
}

/// A line of the recipe: second of the day, job, level, logger, message, stack.
fn line(second: u32, job: Option<&str>, level: &str, logger: &str, message: &str, stack: Option<&str>) -> String {
    let mut line = serde_json::json!({
        "timestamp": format!("2026-11-20T{:02}:{:02}:{:02}.000Z", second / 3600, second / 60 % 60, second % 60),
        "level": level,
        "logger": logger,
        "thread": "main",
        "message": message,
        "host": "node-1",
    });
    if let Some(job) = job {
        line["job_name"] = job.into();
    }
    if let Some(stack) = stack {
        line["stacktrace"] = stack.into();
    }
    format!("{line}\n")
}

const TASK: &str = "org.apache.flink.runtime.taskmanager.Task";
const GRAPH: &str = "org.apache.flink.runtime.executiongraph.ExecutionGraph";
const FAILED: &str = "Map (1/2)#0 (3f1c0de2a44b0e0c9b7d5a1f6e8c2b10_a0000000000000000000000000000000_0_0) switched from RUNNING to FAILED with failure cause:";
const NPE: &str = "java.lang.NullPointerException: Cannot invoke \"com.acme.Profile.level()\" because \"p\" is null\n\tat com.acme.Enrich.map(Enrich.java:12)\n\tat org.apache.flink.streaming.api.operators.StreamMap.processElement(StreamMap.java:38)\n";
const CLOSED: &str = "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: Connection unexpectedly closed by remote task manager 'node-2/10.0.0.2:41000 [tm-2]'. This might indicate that the remote task manager was lost.\n\tat org.apache.flink.runtime.io.network.netty.CreditBasedPartitionRequestClientHandler.channelInactive(CreditBasedPartitionRequestClientHandler.java:123)\n";
const NO_SLOTS: &str = "org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required resources.\n\tat org.apache.flink.runtime.scheduler.DefaultScheduler.x(DefaultScheduler.java:1)\n";

fn restarting(second: u32, job: &str) -> String {
    let message = format!("Job {job} (3f1c0de2a44b0e0c9b7d5a1f6e8c2b10) switched from state RUNNING to RESTARTING.");
    line(second, Some(job), "INFO", GRAPH, &message, None)
}

fn task_failed(second: u32, job: &str, stack: &str) -> String {
    line(second, Some(job), "WARN", TASK, FAILED, Some(stack))
}

#[test]
fn a_failure_of_many_lines_is_one_alert_with_its_root() {
    let mut logs = String::new();
    for second in 100..104 {
        logs += &task_failed(second, "orders", NPE);
    }
    logs += &restarting(105, "orders");
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = &alerts[0];
    assert_eq!(alert["job_name"], "orders");
    assert_eq!(alert["exception"], "java.lang.NullPointerException");
    assert_eq!(alert["rule"], "job_failed");
    assert_eq!(alert["value"], 4);
    assert_eq!(alert["followers"][0]["type"], "job_restarting");
    assert!(
        alert["title"]
            .as_str()
            .unwrap()
            .starts_with("orders failed: NullPointerException")
    );
    assert_eq!(alert["started_at"], "2026-11-20T00:01:40.000Z");
}

#[test]
fn a_consequence_that_is_louder_than_its_cause_stays_a_follower() {
    // Missing slots are critical; the lost TaskManager was told first, and only as a symptom.
    let logs = task_failed(100, "orders", CLOSED) + &restarting(101, "orders") + &task_failed(130, "orders", NO_SLOTS);
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["error_type"], "remote_tm_closed");
    let followers = alerts[0]["followers"].as_array().unwrap();
    let missing = followers
        .iter()
        .find(|one| one["type"] == "no_resource_available")
        .unwrap();
    assert!(missing["why"].as_str().unwrap().contains("TaskManager"), "{missing}");
}

#[test]
fn the_order_of_lines_changes_nothing() {
    let lines = [
        task_failed(100, "orders", CLOSED),
        restarting(101, "orders"),
        task_failed(101, "payments", NPE),
        task_failed(130, "orders", NO_SLOTS),
        restarting(131, "payments"),
    ];
    let expected = simulate(&lines.concat());
    assert_eq!(expected.len(), 2);
    for turn in 1..lines.len() {
        let mut turned = lines.clone();
        turned.rotate_left(turn);
        assert_eq!(simulate(&turned.concat()), expected);
    }
}

#[test]
fn failures_with_quiet_between_them_are_two_alerts_and_a_crash_loop_is_one() {
    let twice = task_failed(100, "orders", NPE) + &task_failed(4000, "orders", NPE);
    assert_eq!(simulate(&twice).len(), 2);
    let mut looping = String::new();
    for second in (100..2000).step_by(60) {
        looping += &task_failed(second, "orders", NPE);
    }
    let alerts = simulate(&looping);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["value"], 32);
}

#[test]
fn a_failure_that_comes_again_soon_goes_on_and_another_one_does_not() {
    let again = task_failed(100, "orders", NPE) + &task_failed(1000, "orders", NPE) + &task_failed(2500, "orders", NPE);
    let alerts = simulate(&again);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(
        (&alerts[0]["value"], &alerts[0]["state"]),
        (&3.into(), &"firing".into())
    );
    let another = task_failed(100, "orders", NPE) + &task_failed(1000, "orders", PG_DOWN);
    assert_eq!(simulate(&another).len(), 2);
}

#[test]
fn noise_and_single_errors_of_a_job_that_goes_on_are_no_alert() {
    let mut logs = String::new();
    for second in (0..4000).step_by(10) {
        let message =
            "Name collision: Group already contains a Metric with the name 'lag'. Metric will not be reported.";
        logs += &line(
            second,
            Some("orders"),
            "WARN",
            "org.apache.flink.metrics.MetricGroup",
            message,
            None,
        );
    }
    for second in (0..4000).step_by(100) {
        logs += &line(
            second,
            Some("orders"),
            "ERROR",
            "com.acme.Enrich",
            "skip record",
            Some(NPE),
        );
    }
    assert_eq!(simulate(&logs), Vec::<Value>::new());
}

#[test]
fn a_burst_of_one_error_is_an_alert_though_nothing_failed() {
    let mut logs = String::new();
    for second in 100..130 {
        logs += &line(
            second,
            Some("orders"),
            "ERROR",
            "com.acme.Enrich",
            "skip record",
            Some(NPE),
        );
    }
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["rule"], "error_burst");
    assert_eq!(alerts[0]["state"], "firing");
    assert_eq!(alerts[0]["value"], 30);
}

/// An error every minute for some hours, in clumps of eight.
fn everyday(seconds: std::ops::Range<u32>, job: &str) -> String {
    let errors = seconds
        .step_by(60)
        .flat_map(|second| (0..8).map(move |within| second + within));
    errors
        .map(|second| line(second, Some(job), "ERROR", "com.acme.Enrich", "skip record", Some(NPE)))
        .collect()
}

#[test]
fn what_a_job_logs_day_by_day_is_neither_burst_nor_root_nor_keeps_a_failure_open() {
    let mut logs = everyday(0..30_000, "orders");
    // In the first hour nobody knows what is usual.
    let early = simulate(&logs);
    assert!(early.len() <= 1, "{early:#?}");
    logs += &task_failed(20_000, "orders", PG_DOWN);
    logs += &restarting(20_001, "orders");
    logs += &task_failed(26_000, "orders", PG_DOWN);
    let alerts = simulate(&logs);
    let failed: Vec<&Value> = alerts.iter().filter(|alert| alert["rule"] == "job_failed").collect();
    assert_eq!(failed.len(), 2, "{alerts:#?}");
    for alert in failed {
        assert_eq!(alert["error_type"], "pg_connection_refused");
        assert_eq!(alert["state"], "resolved");
    }
    assert_eq!(alerts.len(), early.len() + 2);
}

#[test]
fn far_more_than_usual_is_a_burst() {
    let mut logs = everyday(0..30_000, "orders");
    let quiet = simulate(&logs).len();
    for second in 30_000..30_300 {
        logs += &line(
            second,
            Some("orders"),
            "ERROR",
            "com.acme.Enrich",
            "skip record",
            Some(NPE),
        );
    }
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), quiet + 1, "{alerts:#?}");
    let last = alerts.last().unwrap();
    assert_eq!(
        (&last["rule"], &last["state"]),
        (&"error_burst".into(), &"firing".into())
    );
}

#[test]
fn a_young_fleet_is_no_storm_of_bursts() {
    let logs: String = (0..40).map(|job| everyday(job..2_000, &format!("job-{job}"))).collect();
    assert!(simulate(&logs).len() <= 5);
}

#[test]
fn lines_without_a_job_belong_to_the_job_that_fails_with_their_error() {
    let nameless = line(100, None, "WARN", TASK, FAILED, Some(NPE));
    let logs = nameless + &task_failed(103, "orders", NPE) + &restarting(104, "orders");
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["job_name"], "orders");
    assert_eq!(alerts[0]["value"], 2);
}

#[test]
fn a_process_that_names_no_job_is_told_by_its_place() {
    let alerts = simulate(&line(100, None, "WARN", TASK, FAILED, Some(NPE)));
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].get("job_name").is_none());
    assert!(
        alerts[0]["title"]
            .as_str()
            .unwrap()
            .starts_with("a process on node-1 failed")
    );
}

#[test]
fn a_failure_of_thousands_of_kinds_of_errors_stays_bounded_and_loses_no_count() {
    let mut logs = task_failed(100, "orders", NPE);
    for kind in 0..2000_u32 {
        let mut class = String::new();
        write!(
            class,
            "com.acme.E{}x{}Exception: boom\n\tat com.acme.A.b(A.java:1)\n",
            char::from_digit(10 + kind % 26, 36).unwrap(),
            kind
        )
        .unwrap();
        logs += &line(101, Some("orders"), "ERROR", "com.acme.Enrich", "failed", Some(&class));
    }
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0]["followers"].as_array().unwrap().len() <= 256);
}

const PG_DOWN: &str = "org.postgresql.util.PSQLException: Connection to pg-ods:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.\n\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:342)\nCaused by: java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)\n";

#[test]
fn a_dependency_that_fails_in_fifteen_jobs_is_one_incident() {
    let mut logs = String::new();
    for job in 0..15 {
        for again in 0..4 {
            let second = 100 + job * 3 + again * 40;
            logs += &task_failed(second, &format!("to-pg-{job}"), PG_DOWN);
            logs += &restarting(second + 1, &format!("to-pg-{job}"));
        }
    }
    let alerts = simulate(&logs);
    assert!(alerts.len() <= 4, "{alerts:#?}");
    let incidents: Vec<&Value> = alerts.iter().filter(|alert| alert["level"] == "platform").collect();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["rule"], "shared_failure");
    assert_eq!(incidents[0]["jobs"].as_array().unwrap().len(), 15);
    assert!(
        incidents[0]["title"]
            .as_str()
            .unwrap()
            .starts_with("15 jobs fail: PSQLException")
    );
}

#[test]
fn bugs_of_several_jobs_at_once_are_no_incident() {
    let mut logs = String::new();
    for job in 0..5 {
        logs += &task_failed(100, &format!("job-{job}"), NPE);
    }
    let alerts = simulate(&logs);
    assert_eq!(alerts.len(), 5);
    assert!(alerts.iter().all(|alert| alert["level"] == "basic"));
}

/// What `sample-logs/README.md` tells as stories, as alerts.
#[test]
fn the_stories_of_the_sample_logs_are_alerts_with_their_roots() {
    let run = Command::cargo_bin("seismolog")
        .unwrap()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["alerts", "simulate", "sample-logs", "--output", "jsonl"])
        .assert()
        .success();
    let out = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let alerts: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |job: &str, error_type: &str| {
        let failure = |alert: &Value| alert["rule"] == "job_failed" || alert["rule"] == "error_burst";
        let same = |alert: &&Value| failure(alert) && alert["job_name"] == job && alert["error_type"] == error_type;
        alerts.iter().filter(same).count()
    };
    assert_eq!(
        of("dws-user-agg", "checkpoint_expired"),
        1,
        "four rounds of a checkpoint spiral, minutes apart"
    );
    assert_eq!(of("trade-shuffle", "remote_tm_closed"), 1, "a killed TaskManager");
    assert_eq!(of("ads-attribution", "tm_shutting_down"), 1, "TaskManagers evicted");
    assert_eq!(of("promo-tree", "stack_overflow"), 1);
    assert_eq!(
        of("session-cache", "oom_heap"),
        2,
        "the second came again within the hour"
    );
    let incident = |alert: &&Value| alert["rule"] == "shared_failure" && alert["error_type"] == "jdbc_reconnect_failed";
    assert!(
        alerts.iter().any(|alert| incident(&alert)),
        "PostgreSQL down under four jobs"
    );
    let cancelled = |alert: &&Value| alert["started_at"].as_str().unwrap().starts_with("2026-11-20T16:3");
    assert_eq!(
        alerts.iter().filter(cancelled).count(),
        0,
        "a user who cancels a job is no failure"
    );
    assert!(alerts.iter().all(|alert| alert["part"] != "noise"));
}

#[test]
fn bad_input_is_told() {
    let run = |input: &str, what: &[&str]| {
        let mut command = Command::cargo_bin("seismolog").unwrap();
        command
            .args(["alerts", "simulate"])
            .args(what)
            .write_stdin(input.to_owned())
            .assert()
    };
    let missing = run("", &["no/such/file.jsonl"]).failure().code(65);
    let told = String::from_utf8(missing.get_output().stderr.clone()).unwrap();
    assert!(told.contains("no/such/file.jsonl"), "{told}");
    let garbage = run("{\"a\n[]\n", &["-"]).success();
    let told = String::from_utf8(garbage.get_output().stderr.clone()).unwrap();
    assert!(told.contains("no events"), "{told}");
}
