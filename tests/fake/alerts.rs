//! Alerts in memory, with every state, and with text that wants to be markup.

use super::{NOW, issues, rfc};
use seismolog::alert::{Alert, AlertId, Follower, Level, State};
use seismolog::event::Severity;
use seismolog::store::*;
use std::sync::Mutex;

/// Text of a log line that wants to be markup, and control characters XML has no form for.
pub const HOSTILE: &str = "<script>alert('a')</script> & \"]]>\" \u{1}\u{b}\u{1b}[31m\u{fffe} <b>bold 张";

pub fn alert(n: u64, rule: &'static str, level: Level, state: State, severity: Severity, title: &str) -> StoredAlert {
    let began = NOW - n as i64 * 3_700_000;
    StoredAlert {
        alert: Alert {
            id: AlertId(u128::from(n) * 0x0101_0101_0101_0101 + 5),
            rule: rule.into(),
            level,
            state,
            severity,
            title: title.to_owned(),
            job_name: Some("orders-enrichment".to_owned()),
            job_id: Some("7f3b2c9d1e4f5a6b8c0d9e8f7a6b5c4d".to_owned()),
            jobs: Vec::new(),
            team: Some("payments".to_owned()),
            error_type: Some("database_unreachable".to_owned()),
            exception: Some("org.postgresql.util.PSQLException".to_owned()),
            exception_chain: vec![
                "org.apache.flink.runtime.JobException".to_owned(),
                "org.postgresql.util.PSQLException".to_owned(),
            ],
            fingerprint: Some(issues()[0].fingerprint),
            followers: Vec::new(),
            started_at: rfc(began),
            ended_at: (state == State::Resolved).then(|| rfc(began + 1_200_000)),
            value: 12.0 * n as f64,
            expected: None,
            probability: None,
            reason: None,
            url: None,
        },
        updated_at: rfc(began + 1_500_123),
        acknowledged: None,
        silenced_until: None,
        inhibited_by: None,
        past: false,
    }
}

/// One of each kind.
pub fn samples() -> Vec<StoredAlert> {
    use Level::*;
    use Severity::*;
    let mut failed = alert(
        1,
        "job_failed",
        Basic,
        State::Firing,
        Critical,
        "orders-enrichment failed: PSQLException: Connection to db-orders-01.prod.internal:5432 refused.",
    );
    failed.alert.followers = vec![
        Follower {
            error_type: "checkpoint_expired".to_owned(),
            exception: Some("org.apache.flink.runtime.checkpoint.CheckpointException".to_owned()),
            count: 3,
            first_seen: rfc(NOW - 3_600_000),
            why: Some("no checkpoint completes while a task restarts".to_owned()),
        },
        Follower {
            error_type: "unclassified".to_owned(),
            exception: Some(HOSTILE.to_owned()),
            count: 1,
            first_seen: rfc(NOW - 3_500_000),
            why: None,
        },
    ];
    let mut spike = alert(
        2,
        "orders-spike",
        Custom,
        State::Firing,
        High,
        "实时订单统计: errors spike",
    );
    spike.alert.job_name = Some("实时订单统计".to_owned());
    spike.alert.team = Some("growth & co".to_owned());
    spike.alert.value = 1_234.0;
    spike.alert.expected = Some(12.4);
    spike.alert.probability = Some(1e-9);
    spike.alert.reason = Some("1,234 errors in 5 min; at this hour there are about 12".to_owned());
    let quiet = alert(
        3,
        "orders-absent",
        Custom,
        State::NoData,
        Medium,
        "nobody counts orders-enrichment",
    );
    let young = alert(
        4,
        "orders-share",
        Custom,
        State::Pending,
        Low,
        "a share of orders-enrichment is high",
    );
    let mut shared = alert(
        5,
        "shared_failure",
        Platform,
        State::Firing,
        Critical,
        "17 jobs failed: SocketTimeoutException: no answer from the NameNode",
    );
    shared.alert.job_name = None;
    shared.alert.team = None;
    shared.alert.jobs = (1..=17)
        .map(|n| format!("job-{n:02}-of-the-warehouse <b>bold</b>"))
        .collect();
    shared.acknowledged = Some(Acknowledged {
        by: Some("Ada <b>bold</b>".to_owned()),
        at: rfc(NOW - 600_000),
        note: Some(HOSTILE.to_owned()),
    });
    shared.silenced_until = Some(rfc(NOW + 3_600_000));
    let over = alert(6, "job_failed", Basic, State::Resolved, High, HOSTILE);
    let mut past = alert(
        7,
        "error_burst",
        Basic,
        State::Resolved,
        Medium,
        "nobody was told: a backlog",
    );
    past.past = true;
    let mut part = alert(
        8,
        "job_failed",
        Basic,
        State::Resolved,
        High,
        "nobody was told: part of another",
    );
    part.inhibited_by = Some(shared.alert.id);
    vec![failed, spike, quiet, young, shared, over, past, part]
}

pub fn change_of(seq: i64, kind: ChangeKind, stored: &StoredAlert) -> AlertChange {
    AlertChange {
        seq,
        at: rfc(NOW - 1_000_000 + seq * 1_000),
        change: kind,
        by: None,
        note: None,
        alert: stored.alert.clone(),
    }
}

#[derive(Default)]
pub struct FakeAlerts {
    pub kept: Mutex<Vec<StoredAlert>>,
    pub changes: Mutex<Vec<AlertChange>>,
    pub asked: Mutex<Vec<AlertsAsk>>,
    pub acts: Mutex<Vec<(AlertId, AlertAct)>>,
    /// The store cannot be read.
    pub broken: Mutex<bool>,
}

impl FakeAlerts {
    pub fn with_samples() -> Self {
        let kept = samples();
        let changes = kept
            .iter()
            .zip(1..)
            .map(|(one, seq)| change_of(seq, ChangeKind::Fired, one))
            .collect();
        Self {
            kept: Mutex::new(kept),
            changes: Mutex::new(changes),
            ..Self::default()
        }
    }

    /// The next change, of the first alert.
    pub fn happens(&self, kind: ChangeKind) -> i64 {
        let first = self.kept.lock().unwrap()[0].clone();
        let mut changes = self.changes.lock().unwrap();
        let seq = changes.last().map_or(1, |last| last.seq + 1);
        changes.push(change_of(seq, kind, &first));
        seq
    }

    fn well(&self) -> Result<(), ReadError> {
        if *self.broken.lock().unwrap() {
            return Err(ReadError::Store("disk I/O error".to_owned()));
        }
        Ok(())
    }
}

impl AlertReader for FakeAlerts {
    fn alerts(&self, ask: &AlertsAsk) -> Result<Page<StoredAlert>, ReadError> {
        self.well()?;
        self.asked.lock().unwrap().push(ask.clone());
        let skipped = match ask.after.as_deref() {
            Some("garbage") => return Err(ReadError::BadRequest("the cursor cannot be read".to_owned())),
            Some(cursor) => cursor.parse().unwrap_or(0),
            None => 0,
        };
        let time = |text: &str| seismolog::serve::time::millis(text).unwrap();
        let kept = self.kept.lock().unwrap();
        let fitting: Vec<StoredAlert> = kept
            .iter()
            .filter(|one| {
                let alert = &one.alert;
                let ended = alert.ended_at.as_deref().map(time);
                (ask.states.is_empty() || ask.states.contains(&alert.state))
                    && ask
                        .job
                        .as_ref()
                        .is_none_or(|job| alert.job_name.as_ref() == Some(job) || alert.jobs.contains(job))
                    && ask.team.as_ref().is_none_or(|team| alert.team.as_ref() == Some(team))
                    && ask.rule.as_ref().is_none_or(|rule| *rule == alert.rule)
                    && ask.level.is_none_or(|level| level == alert.level)
                    && ask.from.is_none_or(|from| ended.is_none_or(|ended| ended >= from))
                    && ask.to.is_none_or(|to| time(&alert.started_at) < to)
            })
            .cloned()
            .collect();
        let items: Vec<StoredAlert> = fitting.iter().skip(skipped).take(ask.limit).cloned().collect();
        let end = skipped + items.len();
        Ok(Page {
            items,
            next: (end < fitting.len()).then(|| end.to_string()),
        })
    }
    fn alert(&self, id: AlertId) -> Result<AlertDetail, ReadError> {
        self.well()?;
        let kept = self.kept.lock().unwrap();
        let stored = kept.iter().find(|one| one.alert.id == id);
        let stored = stored.ok_or_else(|| ReadError::NotFound(format!("alert {id}")))?;
        let mut acknowledged = change_of(40, ChangeKind::Acknowledged, stored);
        acknowledged.by = Some("Ada".to_owned());
        acknowledged.note = Some(HOSTILE.to_owned());
        let mut pending = change_of(1, ChangeKind::Pending, stored);
        pending.alert.title = "orders-enrichment failed".to_owned();
        let delivery = |attempt, outcome, detail: Option<&str>| Delivery {
            destination: "oncall-feishu".to_owned(),
            seq: 2,
            at: rfc(NOW - 900_000 + i64::from(attempt) * 10_000),
            outcome,
            attempt,
            detail: detail.map(str::to_owned),
        };
        Ok(AlertDetail {
            alert: stored.clone(),
            history: vec![pending, change_of(2, ChangeKind::Fired, stored), acknowledged],
            deliveries: vec![
                delivery(2, DeliveryOutcome::Delivered, None),
                delivery(1, DeliveryOutcome::Retried, Some("503 <b>bold</b> Service Unavailable")),
            ],
        })
    }
    fn changes(&self, after: i64, limit: usize) -> Result<Vec<AlertChange>, ReadError> {
        self.well()?;
        let changes = self.changes.lock().unwrap();
        let new = changes.iter().filter(|change| change.seq > after);
        Ok(new.take(limit).cloned().collect())
    }
    fn latest_change(&self) -> Result<i64, ReadError> {
        self.well()?;
        Ok(self.changes.lock().unwrap().last().map_or(0, |last| last.seq))
    }
}

impl AlertEditor for FakeAlerts {
    fn act(&self, id: AlertId, act: &AlertAct, now: i64) -> Result<StoredAlert, EditError> {
        let mut kept = self.kept.lock().unwrap();
        let found = kept.iter_mut().find(|one| one.alert.id == id);
        let stored = found.ok_or_else(|| EditError::NotFound(format!("alert {id}")))?;
        if stored.alert.state == State::Resolved {
            return Err(EditError::BadRequest("it is over already".to_owned()));
        }
        match act {
            AlertAct::Ack { by, note } => {
                stored.acknowledged = Some(Acknowledged {
                    by: by.clone(),
                    at: rfc(now),
                    note: note.clone(),
                });
            }
            AlertAct::Silence { until, .. } => stored.silenced_until = Some(rfc(*until)),
            AlertAct::Resolve { .. } => {
                stored.alert.state = State::Resolved;
                stored.alert.ended_at = Some(rfc(now));
            }
        }
        self.acts.lock().unwrap().push((id, act.clone()));
        let kind = match act {
            AlertAct::Ack { .. } => ChangeKind::Acknowledged,
            AlertAct::Silence { .. } => ChangeKind::Silenced,
            AlertAct::Resolve { .. } => ChangeKind::Closed,
        };
        let mut changes = self.changes.lock().unwrap();
        let seq = changes.last().map_or(1, |last| last.seq + 1);
        changes.push(change_of(seq, kind, stored));
        Ok(stored.clone())
    }
}
