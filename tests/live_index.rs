//! The index role and the search node, against the real servers.

#[path = "live_index/kafka.rs"]
mod kafka;
#[path = "live_index/role.rs"]
mod role;
#[path = "live_index/support.rs"]
mod support;

use kafka::Topics;
use role::{MINUTE, Running, Truth, be_the_role, child, load, options, pause, wait};
use seismolog::store::elastic_druid::elastic::documents::{details_index, issues_index, read_sample};
use seismolog::store::elastic_druid::elastic::update::{Document, Origin, Update};
use seismolog::store::elastic_druid::elastic::setup;
use seismolog::topics::detail::Detail;
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
    let wanted = format!("created index template {}-details", node.prefix());
    assert!(first.iter().any(|changed| changed.to_string() == wanted), "{first:?}");
    assert_eq!(node.wait(setup(&node.elastic, &node.config)).unwrap(), []);
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
    let (Some(node), Some(topics)) = (Node::open("once"), Topics::open("once")) else { return };
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
    wait("the deltas again", Duration::from_secs(60), || topics.behind(&group) == 0);
    let report = running.end().unwrap();
    assert_eq!((report.deltas, report.written), (3_000, 0));
    assert_eq!(Truth::stored(&node), truth);
}

#[test]
fn a_role_killed_at_any_moment_counts_exactly() {
    let (Some(node), Some(topics)) = (Node::open("kill"), Topics::open("kill")) else { return };
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
