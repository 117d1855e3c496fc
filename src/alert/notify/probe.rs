//! A marked test alert: whether a destination takes what we send, before it matters.

use super::destination::Destination;
use super::pace::Pace;
use super::post::Post;
use super::telling::Telling;
use super::to::Verdict;
use crate::alert::{Alert, AlertId, Follower, Level, State};
use crate::event::{EventTime, Fingerprint, Severity};
use crate::store::{AlertChange, ChangeKind};

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// What was sent: method, host, size, names of headers; no secret.
    pub request: String,
    /// What the receiver made of it.
    pub verdict: Verdict,
}

/// Sends a test alert, once.
pub async fn probe(destination: &Destination, base_url: Option<&str>, now: i64) -> Probed {
    let at = EventTime::from_millis(now);
    let id = AlertId::of("test", &destination.name, at);
    let change = test_change(id, at);
    let key = format!("{id}-0-{}", destination.name);
    let telling = Telling {
        changes: &[&change],
        key: &key,
        now,
        base_url,
        test: true,
    };
    let post = match Post::new(Pace::default().patience, base_url) {
        Ok(post) => post,
        Err(why) => {
            return Probed {
                request: "none".to_owned(),
                verdict: Verdict::Again { why, after: None },
            };
        }
    };
    let (request, verdict) = post.send(destination, &telling).await;
    Probed { request, verdict }
}

fn test_change(id: AlertId, at: EventTime) -> AlertChange {
    AlertChange {
        seq: 0,
        at: at.rfc3339(),
        change: ChangeKind::Fired,
        by: None,
        note: None,
        alert: Alert {
            severity: Severity::Info,
            title: "test-job failed: TestException: this is only a test".to_owned(),
            started_at: at.rfc3339(),
            ..whole(id)
        },
    }
}

fn whole(id: AlertId) -> Alert {
    Alert {
        id,
        rule: "test".into(),
        level: Level::Custom,
        state: State::Firing,
        severity: Severity::High,
        title: "orders-enrich failed: PSQLException: Connection to db refused".to_owned(),
        job_name: Some("test-job".to_owned()),
        job_id: None,
        jobs: Vec::new(),
        team: None,
        error_type: Some("test".to_owned()),
        exception: Some("org.example.TestException".to_owned()),
        exception_chain: vec!["org.example.TestException".to_owned()],
        fingerprint: None,
        followers: Vec::new(),
        started_at: "2026-11-21T00:53:04.300Z".to_owned(),
        ended_at: None,
        value: 1.0,
        expected: None,
        probability: None,
        reason: None,
        url: None,
    }
}

/// Changes on which templates are tried: one that says everything, one that is over, one that says as little as can be.
pub(super) fn samples() -> [AlertChange; 3] {
    let id = AlertId(0x5e15_3010_9000_0000_0000_0000_0000_0001);
    let full = Alert {
        job_id: Some("a6b8d0a2f3c94d7c8a1e5d6f7b8c9d0e".to_owned()),
        jobs: vec!["orders-enrich".to_owned(), "orders-join".to_owned()],
        team: Some("orders".to_owned()),
        fingerprint: Some(Fingerprint(7)),
        followers: vec![Follower {
            error_type: "job_failed".to_owned(),
            exception: Some("org.apache.flink.runtime.JobException".to_owned()),
            count: 3,
            first_seen: "2026-11-21T00:53:05Z".to_owned(),
            why: Some("a job fails after its task".to_owned()),
        }],
        expected: Some(0.5),
        probability: Some(1e-9),
        reason: Some("12 in 5 minutes, 0.5 expected".to_owned()),
        url: Some("https://seismolog.example.org/alerts/1".to_owned()),
        ..whole(id)
    };
    let over = Alert {
        state: State::Resolved,
        ended_at: Some("2026-11-21T01:00:00Z".to_owned()),
        ..full.clone()
    };
    let bare = Alert {
        job_name: None,
        error_type: None,
        exception: None,
        exception_chain: Vec::new(),
        ..whole(id)
    };
    let change = |seq, change, alert| AlertChange {
        seq,
        at: "2026-11-21T00:53:10.000Z".to_owned(),
        change,
        by: None,
        note: None,
        alert,
    };
    let mut whole = change(1, ChangeKind::Fired, full);
    whole.by = Some("li.wei".to_owned());
    whole.note = Some("looking".to_owned());
    [
        whole,
        change(2, ChangeKind::Resolved, over),
        change(3, ChangeKind::Reminded, bare),
    ]
}
