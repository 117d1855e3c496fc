//! An outbox in memory that does what the trait says: numbered, in order per alert and destination, durable over
//! deliverers.

use seismolog::alert::{Alert, AlertId, Level, State};
use seismolog::event::Severity;
use seismolog::store::{AlertChange, ChangeKind, Delivery, DeliveryOutcome, EditError, Outbox, Outgoing};
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Memory {
    rows: Mutex<Vec<Row>>,
    notes: Mutex<Vec<(i64, Delivery)>>,
}

struct Row {
    out: Outgoing,
    due_at: i64,
    done: bool,
}

pub fn now() -> i64 {
    seismolog::clock::Clock::System.now_millis()
}

/// Alert number `n` after a change.
pub fn change(n: u32, seq: i64, kind: ChangeKind) -> AlertChange {
    let over = matches!(kind, ChangeKind::Resolved | ChangeKind::Closed);
    let at = jiff::Timestamp::from_millisecond(now()).unwrap().to_string();
    AlertChange {
        seq,
        at: at.clone(),
        change: kind,
        by: None,
        note: None,
        alert: Alert {
            id: AlertId(u128::from(n)),
            rule: "job_failed".into(),
            level: Level::Basic,
            state: if over { State::Resolved } else { State::Firing },
            severity: if n.is_multiple_of(2) {
                Severity::Critical
            } else {
                Severity::High
            },
            title: format!("job-{n} failed: CheckpointException: Checkpoint expired before completing."),
            job_name: Some(format!("job-{n}")),
            job_id: None,
            jobs: Vec::new(),
            team: Some("orders".to_owned()),
            error_type: Some("checkpoint_expired".to_owned()),
            exception: Some("org.apache.flink.runtime.checkpoint.CheckpointException".to_owned()),
            exception_chain: Vec::new(),
            fingerprint: None,
            followers: Vec::new(),
            started_at: at.clone(),
            ended_at: over.then_some(at),
            value: 12.0,
            expected: None,
            probability: None,
            reason: None,
            url: None,
        },
    }
}

impl Memory {
    pub fn put(&self, destination: &str, change: AlertChange) -> i64 {
        let mut rows = self.rows.lock().unwrap();
        let id = i64::try_from(rows.len()).unwrap() + 1;
        rows.push(Row {
            out: Outgoing {
                id,
                destination: destination.to_owned(),
                change,
                attempts: 0,
            },
            due_at: 0,
            done: false,
        });
        id
    }

    pub fn notes(&self) -> Vec<(i64, Delivery)> {
        self.notes.lock().unwrap().clone()
    }

    pub fn outcomes(&self, id: i64) -> Vec<DeliveryOutcome> {
        let notes = self.notes();
        notes
            .iter()
            .filter(|(of, _)| *of == id)
            .map(|(_, one)| one.outcome)
            .collect()
    }

    pub fn left(&self, destination: &str) -> usize {
        let rows = self.rows.lock().unwrap();
        rows.iter()
            .filter(|row| !row.done && row.out.destination == destination)
            .count()
    }

    /// Waits until nothing is left for a destination.
    pub async fn empty(&self, destination: &str, within: Duration) {
        let begun = Instant::now();
        while self.left(destination) > 0 {
            let left = self.left(destination);
            assert!(
                begun.elapsed() < within,
                "{left} left for {destination}: {:?}",
                self.notes().last()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Outbox for Memory {
    fn due(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, EditError> {
        let rows = self.rows.lock().unwrap();
        let mut waiting = std::collections::HashSet::new();
        let mut due = Vec::new();
        for row in rows.iter().filter(|row| !row.done) {
            let whose = (row.out.destination.clone(), row.out.change.alert.id);
            if row.due_at > now {
                waiting.insert(whose);
            } else if !waiting.contains(&whose) && due.len() < limit {
                due.push(row.out.clone());
            }
        }
        Ok(due)
    }

    fn note(&self, id: i64, delivery: &Delivery, again_at: Option<i64>) -> Result<(), EditError> {
        let mut rows = self.rows.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.out.id == id).unwrap();
        if row.done {
            // A note of a deliverer that was killed came late: its message was told twice.
            return Ok(());
        }
        row.out.attempts = delivery.attempt;
        match again_at {
            Some(at) => row.due_at = at,
            None => row.done = true,
        }
        self.notes.lock().unwrap().push((id, delivery.clone()));
        Ok(())
    }
}
