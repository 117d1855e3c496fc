//! What holds between changes of alerts, what people say, and who is told.

use crate::alert::{Alert, Change, ChangeKind, Judged, Level, State};
use crate::event::{AlertId, EventTime, Severity};
use crate::fold::{Flush, SourcePosition};
use crate::store::{
    AlertAct, AlertEditor as _, AlertReader, AlertsAsk, Delivery, DeliveryOutcome, EditError, Outbox as _, Retention,
    Store, StoreOptions, Writer,
};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_795_000_000_000;

fn alert(id: u128, state: State) -> Alert {
    Alert {
        id: AlertId(id),
        rule: "job_failed".into(),
        level: Level::Basic,
        state,
        severity: Severity::High,
        title: format!("job {id} failed"),
        job_name: Some(format!("job-{}", id % 3)),
        job_id: None,
        jobs: Vec::new(),
        team: id.is_multiple_of(2).then(|| "even".to_owned()),
        error_type: Some("user_npe".into()),
        exception: None,
        exception_chain: Vec::new(),
        fingerprint: None,
        followers: Vec::new(),
        started_at: EventTime::from_millis(NOW + i64::try_from(id % 7).unwrap()).rfc3339(),
        ended_at: (state == State::Resolved).then(|| EventTime::from_millis(NOW + 1_000).rfc3339()),
        value: 3.0,
        expected: None,
        probability: None,
        reason: None,
        url: None,
    }
}

fn change(kind: ChangeKind, id: u128) -> Change {
    let state = match kind {
        ChangeKind::Pending => State::Pending,
        ChangeKind::NoData => State::NoData,
        ChangeKind::Resolved | ChangeKind::Closed => State::Resolved,
        ChangeKind::Fired
        | ChangeKind::Updated
        | ChangeKind::Reminded
        | ChangeKind::Acknowledged
        | ChangeKind::Silenced => State::Firing,
    };
    Change {
        kind,
        alert: alert(id, state),
        past: false,
    }
}

fn judged(at: i64, changes: Vec<Change>) -> Judged {
    Judged {
        at,
        changes,
        pieces: Vec::new(),
    }
}

struct Bed {
    _folder: tempfile::TempDir,
    store: Store,
    writer: Writer,
    alerts: Arc<dyn AlertReader>,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let writer = store.writer();
        writer.route(Arc::new(|_, _| vec!["oncall".to_owned(), "chat".to_owned()]));
        let alerts = store.alert_reader();
        Self {
            _folder: folder,
            store,
            writer,
            alerts,
        }
    }

    fn keep(&mut self, at: i64, changes: Vec<Change>) {
        self.writer.apply_judged(None, &judged(at, changes)).unwrap();
    }

    /// What is due at the on-call, as (alert, change).
    fn due(&self, now: i64) -> Vec<(u128, ChangeKind)> {
        let due = self.writer.due(now, 100).unwrap();
        due.iter()
            .filter(|one| one.destination == "oncall")
            .map(|one| (one.change.alert.id.0, one.change.change))
            .collect()
    }

    /// Delivers all that is due, again and again, and says what the on-call got.
    fn deliver_all(&self, now: i64) -> Vec<(u128, ChangeKind)> {
        let mut told = Vec::new();
        loop {
            let due = self.writer.due(now, 100).unwrap();
            if due.is_empty() {
                return told;
            }
            for one in due {
                if one.destination == "oncall" {
                    told.push((one.change.alert.id.0, one.change.change));
                }
                let delivery = Delivery {
                    destination: one.destination.clone(),
                    seq: one.change.seq,
                    at: EventTime::from_millis(now).rfc3339(),
                    outcome: DeliveryOutcome::Delivered,
                    attempt: 1,
                    detail: None,
                };
                self.writer.note(one.id, &delivery, None).unwrap();
            }
        }
    }
}

#[test]
fn a_change_what_is_to_be_told_of_it_and_the_position_stand_or_fall_together() {
    let mut bed = Bed::new();
    let flush = Flush {
        positions: vec![SourcePosition {
            source: "judged:error-details/0".into(),
            next: 7,
            identity: String::new(),
        }],
        ..Flush::default()
    };
    let mut broken = judged(NOW, vec![change(ChangeKind::Fired, 1)]);
    broken.pieces = vec![("state".into(), Some(vec![1, 2, 3]))];
    bed.writer.with(|side| {
        side.connection
            .execute_batch("ALTER TABLE alert_pieces RENAME TO away")
            .unwrap()
    });
    assert!(bed.writer.apply_judged(Some(&flush), &broken).is_err());
    assert!(
        bed.alerts
            .alerts(&AlertsAsk {
                limit: 10,
                ..AlertsAsk::default()
            })
            .unwrap()
            .items
            .is_empty()
    );
    assert!(bed.due(NOW).is_empty() && bed.writer.positions().unwrap().is_empty());
    bed.writer.with(|side| {
        side.connection
            .execute_batch("ALTER TABLE away RENAME TO alert_pieces")
            .unwrap()
    });
    bed.writer.apply_judged(Some(&flush), &broken).unwrap();
    assert_eq!(bed.due(NOW), [(1, ChangeKind::Fired)]);
    assert_eq!(bed.writer.positions().unwrap().len(), 1);
    let (pieces, open) = bed.writer.judged_before().unwrap();
    assert_eq!((pieces, open.len()), (broken.pieces, 1));
}

#[test]
fn changes_of_one_alert_are_told_in_their_order_and_others_do_not_wait_for_them() {
    let mut bed = Bed::new();
    bed.keep(NOW, vec![change(ChangeKind::Fired, 1), change(ChangeKind::Fired, 2)]);
    bed.keep(NOW, vec![change(ChangeKind::Resolved, 1)]);
    assert_eq!(bed.due(NOW), [(1, ChangeKind::Fired), (2, ChangeKind::Fired)]);
    // The first try fails: what comes after it at that destination waits with it, other alerts do not.
    let due = bed.writer.due(NOW, 100).unwrap();
    let first = due.iter().find(|one| one.destination == "oncall").unwrap();
    let delivery = Delivery {
        destination: first.destination.clone(),
        seq: first.change.seq,
        at: EventTime::from_millis(NOW).rfc3339(),
        outcome: DeliveryOutcome::Retried,
        attempt: 1,
        detail: Some("503".into()),
    };
    bed.writer.note(first.id, &delivery, Some(NOW + 5_000)).unwrap();
    assert_eq!(bed.due(NOW), [(2, ChangeKind::Fired)]);
    assert_eq!(bed.due(NOW + 5_000), [(1, ChangeKind::Fired), (2, ChangeKind::Fired)]);
    assert_eq!(bed.writer.due(NOW + 5_000, 100).unwrap()[0].attempts, 1);
    let busy = std::collections::HashSet::from(["oncall".to_owned()]);
    let elsewhere = bed.writer.due_elsewhere(&busy, NOW + 5_000, 1).unwrap();
    assert_eq!(elsewhere.len(), 1, "what waits for a busy one takes nobody's place");
    assert_eq!(elsewhere[0].destination, "chat");
    let told = bed.deliver_all(NOW + 5_000);
    let going_on = bed.writer.goes_on("oncall", 10).unwrap().unwrap();
    assert_eq!(going_on.iter().map(|one| one.alert.id.0).collect::<Vec<_>>(), [2]);
    assert_eq!(
        told.iter()
            .filter(|(id, _)| *id == 1)
            .map(|(_, kind)| *kind)
            .collect::<Vec<_>>(),
        [ChangeKind::Fired, ChangeKind::Resolved]
    );
    let detail = bed.alerts.alert(AlertId(1)).unwrap();
    assert_eq!(detail.history.len(), 2);
    assert_eq!(detail.deliveries.len(), 5);
    assert_eq!(detail.alert.alert.state, State::Resolved);
}

#[test]
fn what_goes_on_is_reminded_of_in_growing_intervals_until_somebody_looks_after_it() {
    let mut bed = Bed::new();
    bed.keep(NOW, vec![change(ChangeKind::Fired, 1)]);
    bed.deliver_all(NOW);
    let mut reminded = Vec::new();
    for hour in 1..60 {
        bed.keep(NOW + hour * HOUR, Vec::new());
        if !bed.deliver_all(NOW + hour * HOUR).is_empty() {
            reminded.push(hour);
        }
    }
    assert_eq!(reminded, [1, 5, 17, 41]);
    let ack = AlertAct::Ack {
        by: Some("ann".into()),
        note: None,
    };
    let stands = bed.writer.act(AlertId(1), &ack, NOW + 60 * HOUR).unwrap();
    assert_eq!(stands.acknowledged.unwrap().by.as_deref(), Some("ann"));
    bed.deliver_all(NOW + 60 * HOUR);
    bed.keep(NOW + 200 * HOUR, Vec::new());
    assert!(bed.deliver_all(NOW + 200 * HOUR).is_empty());
    // Its end is told all the same.
    bed.keep(NOW + 201 * HOUR, vec![change(ChangeKind::Resolved, 1)]);
    assert_eq!(bed.deliver_all(NOW + 201 * HOUR), [(1, ChangeKind::Resolved)]);
}

#[test]
fn nobody_is_told_of_what_is_silenced_until_the_silence_ends() {
    let mut bed = Bed::new();
    bed.keep(NOW, vec![change(ChangeKind::Fired, 1)]);
    let silence = AlertAct::Silence {
        until: NOW + HOUR,
        by: None,
        note: Some("deploy".into()),
    };
    bed.writer.act(AlertId(1), &silence, NOW + 1).unwrap();
    bed.keep(NOW + 2, vec![change(ChangeKind::Updated, 1)]);
    assert!(bed.due(NOW + HOUR - 1).is_empty());
    bed.keep(NOW + HOUR, Vec::new());
    assert_eq!(bed.due(NOW + HOUR), [(1, ChangeKind::Reminded)]);
    let past = AlertAct::Silence {
        until: NOW,
        by: None,
        note: None,
    };
    assert!(matches!(
        bed.writer.act(AlertId(1), &past, NOW + HOUR),
        Err(EditError::BadRequest(_))
    ));
}

#[test]
fn what_somebody_closed_stays_closed_while_it_goes_on() {
    let mut bed = Bed::new();
    bed.keep(NOW, vec![change(ChangeKind::Fired, 1)]);
    let close = AlertAct::Resolve {
        by: Some("bob".into()),
        note: None,
    };
    bed.writer.act(AlertId(1), &close, NOW + 1).unwrap();
    bed.deliver_all(NOW + 1);
    bed.keep(
        NOW + 2,
        vec![change(ChangeKind::Updated, 1), change(ChangeKind::Resolved, 1)],
    );
    assert!(bed.due(NOW + 2).is_empty());
    let detail = bed.alerts.alert(AlertId(1)).unwrap();
    assert_eq!(detail.alert.alert.state, State::Resolved);
    assert_eq!(
        detail.history.iter().map(|one| one.change).collect::<Vec<_>>(),
        [ChangeKind::Fired, ChangeKind::Closed]
    );
    assert!(matches!(
        bed.writer.act(AlertId(1), &close, NOW + 3),
        Err(EditError::BadRequest(_))
    ));
    // Over by itself as well, it may come again.
    bed.keep(NOW + 4, vec![change(ChangeKind::Fired, 1)]);
    assert_eq!(bed.due(NOW + 4), [(1, ChangeKind::Fired)]);
    assert!(matches!(
        bed.writer.act(AlertId(9), &close, NOW + 3),
        Err(EditError::NotFound(_))
    ));
}

#[test]
fn what_was_over_long_before_it_was_known_is_listed_and_told_to_nobody() {
    let mut bed = Bed::new();
    let past = |kind| Change {
        past: true,
        ..change(kind, 1)
    };
    bed.keep(NOW, vec![past(ChangeKind::Fired), past(ChangeKind::Resolved)]);
    assert!(bed.due(NOW + 100 * HOUR).is_empty());
    bed.keep(NOW + 100 * HOUR, Vec::new());
    assert!(bed.due(NOW + 100 * HOUR).is_empty());
    assert!(bed.alerts.alert(AlertId(1)).unwrap().alert.past);
}

#[test]
fn pages_hold_each_alert_once_latest_first_and_filters_choose() {
    let mut bed = Bed::new();
    bed.keep(NOW, (1..=20).map(|id| change(ChangeKind::Fired, id)).collect());
    bed.keep(NOW, (1..=5).map(|id| change(ChangeKind::Resolved, id)).collect());
    let list = |ask: AlertsAsk| {
        let (mut ask, mut seen) = (AlertsAsk { limit: 3, ..ask }, Vec::new());
        loop {
            let page = bed.alerts.alerts(&ask).unwrap();
            seen.extend(page.items.into_iter().map(|one| one.alert));
            match page.next {
                Some(next) => ask.after = Some(next),
                None => return seen,
            }
        }
    };
    let all = list(AlertsAsk::default());
    assert_eq!(all.len(), 20);
    assert!(
        all.windows(2)
            .all(|two| (&two[0].started_at, two[0].id) > (&two[1].started_at, two[1].id))
    );
    let count = |ask: AlertsAsk| list(ask).len();
    assert_eq!(
        count(AlertsAsk {
            states: vec![State::Firing],
            ..AlertsAsk::default()
        }),
        15
    );
    assert_eq!(
        count(AlertsAsk {
            job: Some("job-1".into()),
            ..AlertsAsk::default()
        }),
        7
    );
    assert_eq!(
        count(AlertsAsk {
            team: Some("even".into()),
            states: vec![State::Resolved],
            ..AlertsAsk::default()
        }),
        2
    );
    assert_eq!(
        count(AlertsAsk {
            level: Some(Level::Platform),
            ..AlertsAsk::default()
        }),
        0
    );
    assert_eq!(
        count(AlertsAsk {
            from: Some(NOW + HOUR),
            ..AlertsAsk::default()
        }),
        15
    );
    let odd = AlertsAsk {
        limit: 3,
        after: Some("nonsense".into()),
        ..AlertsAsk::default()
    };
    assert!(bed.alerts.alerts(&odd).is_err());
    // Who follows changes misses none and gets none twice.
    let latest = bed.alerts.latest_change().unwrap();
    assert_eq!(latest, 25);
    let later = bed.alerts.changes(latest - 2, 100).unwrap();
    assert_eq!(later.iter().map(|one| one.seq).collect::<Vec<_>>(), [24, 25]);
}

#[test]
fn retention_removes_alerts_that_are_long_over_and_keeps_what_goes_on() {
    let mut bed = Bed::new();
    bed.keep(NOW, vec![change(ChangeKind::Fired, 1), change(ChangeKind::Fired, 2)]);
    bed.deliver_all(NOW);
    bed.keep(NOW, vec![change(ChangeKind::Resolved, 1)]);
    bed.deliver_all(NOW);
    let age = Retention {
        max_age_ms: Some(24 * HOUR),
        max_bytes: None,
    };
    while bed.writer.retain(NOW + 48 * HOUR, &age).unwrap().more {}
    let left = bed
        .alerts
        .alerts(&AlertsAsk {
            limit: 10,
            ..AlertsAsk::default()
        })
        .unwrap();
    assert_eq!(left.items.iter().map(|one| one.alert.id.0).collect::<Vec<_>>(), [2]);
    assert!(bed.alerts.alert(AlertId(1)).is_err());
    // Numbers of changes go on from where they were.
    assert_eq!(bed.alerts.latest_change().unwrap(), 3);
    drop(bed.store);
}
