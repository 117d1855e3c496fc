//! The index role and the search node, against the real servers.

#[path = "live_index/support.rs"]
mod support;

use seismolog::store::elastic_druid::elastic::documents::{details_index, issues_index, read_sample};
use seismolog::store::elastic_druid::elastic::update::{Document, Origin, Update};
use seismolog::store::elastic_druid::elastic::{Method, setup};
use std::sync::Arc;
use support::{Node, detail, sample};

const MINUTE: i64 = 1_795_222_380_000;

fn both(details: &[(i64, &seismolog::topics::detail::Detail)]) -> Vec<Update> {
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
fn setup_twice_changes_nothing_the_second_time_and_leaves_templates_of_others_alone() {
    let Some(node) = Node::open("setup") else { return };
    let first = node.wait(setup(&node.elastic, &node.config)).unwrap();
    assert!(
        first
            .iter()
            .any(|changed| changed.to_string() == format!("created index template {}-details", node.prefix())),
        "{first:?}"
    );
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
    eprintln!("{minute:#?} {issue:#?}");
    assert_eq!(minute["seismolog.count"], 17);
    assert_eq!(issue["seismolog.total"], 17);
    assert_eq!(minute["error.message"], "earlier");
    assert_eq!(read_sample(&minute), three.sample);
    assert_eq!(issue["host.name"], serde_json::json!(["h1", "h2"]));
    let _ = Method::Get;
}
