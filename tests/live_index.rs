//! The index role and the search node, against the real servers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on says so by panicking"
)]

#[path = "live_index/kafka.rs"]
mod kafka;
mod live;
#[path = "live_index/proxy.rs"]
mod proxy;
#[path = "live_index/role.rs"]
mod role;
#[path = "live_index/support.rs"]
mod support;

use kafka::Topics;
use proxy::Proxy;
use role::{MINUTE, Running, Truth, be_the_role, child, load, options, pause, wait};
use seismolog::index::IndexError;
use seismolog::index::retention::remove_old;
use seismolog::source::kafka::KafkaFault;
use seismolog::store::elastic_druid::elastic::ElasticError;
use seismolog::store::elastic_druid::elastic::documents::{details_index, issues_index, read_sample};
use seismolog::store::elastic_druid::elastic::update::{Document, Origin, Update};
use seismolog::store::elastic_druid::elastic::{Elastic, Method, setup};
use seismolog::topics::detail::Detail;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use support::{Node, detail, sample};

/// Not a test of its own: what the tests that kill it start.
#[test]
fn the_role_as_a_process() {
    be_the_role();
}

fn both(details: &[(i64, &Detail)]) -> Vec<Update> {
    let mut updates: Vec<Update> = Vec::new();
    for (offset, detail) in details {
        let detail = Arc::new((*detail).clone());
        let origin = Origin {
            part: "t/0".into(),
            offset: *offset,
        };
        for document in [
            Document::Minute(detail.issue, detail.minute / 60_000),
            Document::Issue(detail.issue),
        ] {
            match updates.iter_mut().find(|update| update.document() == document) {
                Some(update) => update.add(&detail, &origin),
                None => updates.push(Update::new(document, &detail, &origin)),
            }
        }
    }
    updates
}

#[test]
fn setup_twice_changes_nothing_the_second_time() {
    let Some(node) = Node::open("setup") else { return };
    let first = node.wait(setup(&node.elastic, &node.config)).unwrap();
    let wanted = format!("index template {}-details: created", node.prefix());
    assert!(first.iter().any(|changed| changed.to_string() == wanted), "{first:?}");
    assert_eq!(node.wait(setup(&node.elastic, &node.config)).unwrap(), []);
}

#[test]
fn a_template_of_another_hand_is_left_alone_and_told() {
    let Some(node) = Node::open("theirs") else { return };
    let path = format!("_index_template/{}-issues", node.prefix());
    let theirs = serde_json::json!({"index_patterns": [format!("{}-issues", node.prefix())]});
    node.call(Method::Put, &path, Some(&theirs));
    let error = node.wait(setup(&node.elastic, &node.config)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "index template {}-issues exists already and was not written by seismolog",
            node.prefix()
        )
    );
    let found = node.call(Method::Get, &path, None);
    assert!(found.pointer("/index_templates/0/index_template/_meta").is_none());
}

#[test]
fn a_resolved_issue_that_is_seen_again_has_regressed_and_a_loud_muted_one_is_open() {
    let Some(node) = Node::open("states") else { return };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let one = detail(1, MINUTE, 3, None);
    let index = issues_index(node.prefix());
    let said = |fields: serde_json::Value| {
        node.call(
            Method::Post,
            &format!("{index}/_update/{}", one.issue),
            Some(&serde_json::json!({"doc": fields})),
        );
    };
    let state = || {
        node.refresh();
        node.only(&index)["seismolog.state"].clone()
    };
    node.bulk(&both(&[(1, &one)]));
    said(serde_json::json!({"seismolog.state": "resolved", "seismolog.state_since": MINUTE + 60_000}));
    node.bulk(&both(&[(2, &one)]));
    assert_eq!(state(), "resolved");
    let later = detail(1, MINUTE + 60_000, 3, None);
    node.bulk(&both(&[(3, &later)]));
    assert_eq!(state(), "regressed");
    said(serde_json::json!({
        "seismolog.state": "muted", "seismolog.state_since": MINUTE + 60_000,
        "seismolog.state_events": 10, "seismolog.state_minutes": 5,
    }));
    for offset in 4..7 {
        node.bulk(&both(&[(offset, &later)]));
    }
    assert_eq!(state(), "muted");
    node.bulk(&both(&[(7, &later)]));
    assert_eq!(state(), "open");
}

#[test]
fn whole_days_older_than_wanted_are_removed_and_nothing_else() {
    let Some(node) = Node::open("retention") else { return };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let day = 86_400_000;
    for days in 0..4 {
        node.bulk(&both(&[(days, &detail(1, MINUTE - days * day, 1, None))]));
    }
    let age = Duration::from_secs(2 * 86_400);
    let removed = node.wait(remove_old(&node.elastic, age, MINUTE)).unwrap();
    let old = details_index(node.prefix(), MINUTE - 3 * day);
    assert_eq!(removed, [old]);
    assert_eq!(
        node.wait(remove_old(&node.elastic, age, MINUTE)).unwrap(),
        Vec::<String>::new()
    );
    node.refresh();
    assert_eq!(node.all(&format!("{}-details-*", node.prefix())).len(), 3);
}

#[test]
fn redelivered_and_overlapping_bulks_change_nothing() {
    let Some(node) = Node::open("redelivered") else { return };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let one = detail(1, MINUTE, 3, Some(sample("2026-11-21T00:53:04.300Z", "first", "h1")));
    let two = detail(1, MINUTE, 4, None);
    let three = detail(1, MINUTE, 10, Some(sample("2026-11-21T00:53:02Z", "earlier", "h2")));
    assert_eq!(node.bulk(&both(&[(5, &one), (6, &two)])), ["created", "created"]);
    assert_eq!(node.bulk(&both(&[(5, &one), (6, &two)])), ["noop", "noop"]);
    assert_eq!(node.bulk(&both(&[(6, &two), (7, &three)])), ["updated", "updated"]);
    assert_eq!(node.bulk(&both(&[(5, &one), (6, &two), (7, &three)])), ["noop", "noop"]);
    node.refresh();
    let minute = node.only(&details_index(node.prefix(), MINUTE));
    let issue = node.only(&issues_index(node.prefix()));
    assert_eq!(minute["seismolog.count"], 17);
    assert_eq!(issue["seismolog.total"], 17);
    assert_eq!(minute["error.message"], "earlier");
    assert_eq!(read_sample(&minute), three.sample);
    assert_eq!(issue["host.name"], serde_json::json!(["h1", "h2"]));
}

#[test]
fn deltas_are_counted_once_whatever_group_reads_them_and_however_often() {
    let (Some(node), Some(topics)) = (Node::open("once"), Topics::open("once")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let (details, truth) = load(3_000, 1);
    topics.send(&details);
    let mut options = options(&node, &topics);
    let group = options.group();
    let running = Running::start(options.clone());
    wait("the deltas", Duration::from_secs(60), || topics.behind(&group) == 0);
    let report = running.end().unwrap();
    assert_eq!((report.deltas, report.rejected), (3_000, 0));
    assert_eq!(Truth::stored(&node), truth);
    // Another group begins at the first record; the guards know them all.
    options.kafka.group_id.push_str("-other");
    let group = options.group();
    let running = Running::start(options);
    wait("the deltas again", Duration::from_secs(60), || {
        topics.behind(&group) == 0
    });
    let report = running.end().unwrap();
    assert_eq!((report.deltas, report.written), (3_000, 0));
    assert_eq!(Truth::stored(&node), truth);
}

#[test]
fn a_role_killed_at_any_moment_counts_exactly() {
    let (Some(node), Some(topics)) = (Node::open("kill"), Topics::open("kill")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let options = options(&node, &topics);
    let group = options.group();
    let mut truth = Truth::default();
    for round in 0..6 {
        let (details, more) = load(2_000, 10 + round);
        truth = truth.and(&more);
        topics.send(&details);
        let mut role = child(&options);
        pause(Duration::from_millis(700 + (round * 613) % 1_700));
        role.kill().unwrap();
        role.wait().unwrap();
    }
    let mut role = child(&options);
    wait("the rest", Duration::from_secs(90), || topics.behind(&group) == 0);
    role.kill().unwrap();
    role.wait().unwrap();
    assert_eq!(Truth::stored(&node), truth);
}

#[test]
fn whatever_a_troubled_node_answers_counts_stay_exact_and_what_it_never_takes_is_in_the_rejects() {
    let (Some(node), Some(topics)) = (Node::open("trouble"), Topics::open("trouble")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let (details, mut truth) = load(1_500, 3);
    let poisoned = details[0].issue;
    let proxy = Proxy::start(&support::elastic_url(), 40, Some(poisoned.to_string()), 5);
    let mut options = options(&node, &topics);
    options.elastic.urls = vec![proxy.url.clone()];
    options.elastic.timeout = Duration::from_secs(2);
    options.limits.request_bytes = 60_000;
    let group = options.group();
    let running = Running::start(options);
    for portion in details.chunks(300) {
        topics.send(portion);
        pause(Duration::from_millis(500));
    }
    topics.send_raw(&[("0".to_owned(), b"{\"no\": delta".to_vec())]);
    wait("the deltas", Duration::from_secs(60), || topics.behind(&group) == 0);
    let report = running.end().unwrap();
    let seen = proxy.seen();
    assert!(seen.len() >= 9, "{seen:?}");
    assert!(report.retried > 0);
    // Every delta of the poisoned issue is in the rejects, once, with its bytes; so is what is no delta.
    let lost: Vec<&Detail> = details.iter().filter(|detail| detail.issue == poisoned).collect();
    truth.issues.remove(&poisoned.to_string());
    truth.minutes.retain(|(issue, _), _| *issue != poisoned.to_string());
    assert_eq!(Truth::stored(&node), truth);
    let rejects = topics.rejects();
    let places: BTreeSet<(i32, i64)> = rejects.iter().map(|reject| (reject.partition, reject.offset)).collect();
    assert_eq!((rejects.len(), places.len()), (lost.len() + 1, lost.len() + 1));
    let mut kept: Vec<Detail> = Vec::new();
    for reject in &rejects {
        match reject.reason.as_str() {
            "invalid_detail" => assert_eq!(reject.decoded().unwrap(), b"{\"no\": delta"),
            "mapper_parsing_exception" => {
                assert!(reject.detail.contains("one item"), "{}", reject.detail);
                kept.push(serde_json::from_slice(&reject.decoded().unwrap()).unwrap());
            }
            other => panic!("{other}"),
        }
    }
    let sum = |details: &mut dyn Iterator<Item = u64>| details.sum::<u64>();
    assert_eq!(
        sum(&mut kept.iter().map(|detail| detail.count)),
        sum(&mut lost.iter().map(|detail| detail.count))
    );
}

#[test]
fn a_node_that_is_away_from_the_start_or_dies_midway_is_passed_over_by_writing_and_reading() {
    let (Some(node), Some(topics)) = (Node::open("failover"), Topics::open("failover")) else {
        return;
    };
    let [first, second] = [5, 6].map(|seed| Proxy::start(&support::elastic_url(), 0, None, seed));
    let mut config = node.config.clone();
    config.urls = vec!["http://127.0.0.1:1".into(), first.url.clone(), second.url.clone()];
    config.timeout = Duration::from_secs(5);
    let through = Elastic::new(&config).unwrap();
    // The first address is dead from the start.
    node.wait(setup(&through, &config)).unwrap();
    let mut options = options(&node, &topics);
    options.elastic = config;
    let group = options.group();
    let (details, truth) = load(600, 11);
    let running = Running::start(options);
    let count = || {
        let path = format!("{}-issues/_count", node.prefix());
        node.wait(through.call(Method::Get, &path, &[], None)).unwrap()["count"].clone()
    };
    let (before, after) = details.split_at(300);
    topics.send(before);
    wait("the first half", Duration::from_secs(60), || topics.behind(&group) == 0);
    node.refresh();
    assert_ne!(count(), 0);
    // The one that was asked so far dies, in the middle of its answers.
    first.down(true);
    topics.send(after);
    wait("the second half", Duration::from_secs(60), || {
        topics.behind(&group) == 0
    });
    running.end().unwrap();
    assert!(first.seen().contains_key("down"), "nobody asked the dead one");
    assert_eq!(Truth::stored(&node), truth);
    assert_eq!(count(), truth.issues.len());
}

#[test]
fn a_role_without_the_right_to_write_stops_and_says_so() {
    let (Some(node), Some(topics)) = (Node::open("forbidden"), Topics::open("forbidden")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let proxy = Proxy::start(&support::elastic_url(), 0, None, 5);
    proxy.forbid();
    let mut options = options(&node, &topics);
    options.elastic.urls = vec![proxy.url.clone()];
    let group = options.group();
    topics.send(&load(10, 1).0);
    let error = Running::start(options).ended().unwrap_err();
    assert!(
        matches!(&error, IndexError::Elastic(ElasticError::Forbidden { .. })),
        "{error}"
    );
    assert!(error.advice().contains("rights"));
    assert!(topics.behind(&group) > 0);
}

#[test]
fn a_role_whose_setup_is_missing_says_what_and_the_remedy() {
    let (Some(node), Some(topics)) = (Node::open("bare"), Topics::open("bare")) else {
        return;
    };
    let error = Running::start(options(&node, &topics)).ended().unwrap_err();
    assert!(error.to_string().contains("script"), "{error}");
    assert_eq!(error.advice(), "run `seismolog setup`");
}

#[test]
fn deltas_removed_before_they_were_read_are_told_and_not_jumped_over() {
    let (Some(node), Some(topics)) = (Node::open("lost"), Topics::open("lost")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let group = options(&node, &topics).group();
    let running = Running::start(options(&node, &topics));
    topics.send(&load(100, 1).0);
    wait("the deltas", Duration::from_secs(60), || topics.behind(&group) == 0);
    running.end().unwrap();
    topics.send(&load(100, 2).0);
    topics.remove_records();
    let error = Running::start(options(&node, &topics)).ended().unwrap_err();
    assert!(
        matches!(&error, IndexError::Kafka(KafkaFault::OffsetLost { .. })),
        "{error}"
    );
    let told = format!("{error}; {}", error.advice());
    for word in [
        "records were removed before they were read",
        &group,
        &topics.names.details,
    ] {
        assert!(told.contains(word), "{word:?} is missing in {told}");
    }
}

#[test]
fn a_topic_made_anew_is_counted_beside_the_one_before() {
    let (Some(node), Some(topics)) = (Node::open("anew"), Topics::open("anew")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let options = options(&node, &topics);
    let group = options.group();
    let (details, truth) = load(500, 7);
    topics.send(&details);
    let running = Running::start(options.clone());
    wait("the deltas", Duration::from_secs(60), || topics.behind(&group) == 0);
    running.end().unwrap();
    topics.delete(&topics.names.details);
    wait("the topic to go", Duration::from_secs(30), || {
        !topics.exists(&topics.names.details)
    });
    topics.create(&topics.names.details);
    let (details, more) = load(300, 8);
    topics.send(&details);
    let running = Running::start(options);
    wait("the deltas of the new topic", Duration::from_secs(60), || {
        topics.behind(&group) == 0
    });
    running.end().unwrap();
    assert_eq!(Truth::stored(&node), truth.and(&more));
}

fn resident_megabytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn an_outage_of_the_search_node_costs_no_memory_and_no_count() {
    let (Some(node), Some(topics)) = (Node::open("outage"), Topics::open("outage")) else {
        return;
    };
    node.wait(setup(&node.elastic, &node.config)).unwrap();
    let proxy = Proxy::start(&support::elastic_url(), 0, None, 5);
    let mut options = options(&node, &topics);
    options.elastic.urls = vec![proxy.url.clone()];
    options.limits.bytes = 4 << 20;
    let group = options.group();
    let (details, mut truth) = load(200, 1);
    topics.send(&details);
    let mut role = child(&options);
    wait("the first deltas", Duration::from_secs(60), || {
        topics.behind(&group) == 0
    });
    proxy.down(true);
    // About 40 MB: many times what the role may hold.
    for round in 0..2_u64 {
        let (mut details, _) = load(1_000, 20 + round);
        for detail in &mut details {
            let mut told = sample("2026-11-21T00:53:04.300Z", "large", "h1");
            told.stack = Some("\tat com.acme.Job.run(Job.java:1)\n".repeat(600));
            detail.sample = Some(told);
            truth.add(detail);
        }
        topics.send(&details);
    }
    pause(Duration::from_secs(8));
    let early = resident_megabytes(role.id());
    pause(Duration::from_secs(12));
    let late = resident_megabytes(role.id());
    eprintln!("resident while the search node is away: {early} MB, then {late} MB");
    assert!(late <= early + 10 && late < 250, "{early} MB, then {late} MB");
    assert!(topics.behind(&group) > 0);
    proxy.down(false);
    wait("the rest", Duration::from_secs(180), || topics.behind(&group) == 0);
    role.kill().unwrap();
    role.wait().unwrap();
    assert_eq!(Truth::stored(&node), truth);
}
