//! What holds of an alerter over its lives.

use super::*;
use crate::event::{Dimensions, Fingerprint, Group, IssueId, Part, Severity};
use crate::fold::{DetailDelta, Sample, SeenOn, StatRow};
use crate::identity::Identity;
use crate::rules::RuleSet;
use std::collections::BTreeMap;

const START: i64 = 1_795_000_000_000;

fn alerter() -> Alerter {
    static RULES: std::sync::OnceLock<RuleSet> = std::sync::OnceLock::new();
    let rules = RULES.get_or_init(|| RuleSet::shipped().unwrap());
    Alerter::new(
        Arc::clone(rules.cascades()),
        Arc::clone(rules.alerts()),
        Patience::default(),
    )
}

/// A flush in which a job logs one error so often at a time, milliseconds after the start.
fn flush(job: &str, error: &str, template: &str, at: i64, count: u64) -> Flush {
    let place = Arc::new(Dimensions {
        job_name: Some(job.into()),
        ..Dimensions::default()
    });
    let identity = Arc::new(Identity {
        error_type: error.into(),
        category: "user_code".into(),
        severity: Severity::High,
        part: Part::Root,
        rule: None,
        template: template.to_owned(),
        exception: Some(format!("com.acme.{error}")),
        exception_chain: vec![format!("com.acme.{error}")],
        top_frame: None,
        exception_template: Some("it broke".into()),
        fingerprint: Fingerprint(u128::from(xxhash_rust::xxh3::xxh3_64(error.as_bytes()))),
        group: Group(1),
    });
    let time = EventTime::from_millis(START + at);
    let sample = Sample {
        event_time: time.rfc3339(),
        level: None,
        logger: None,
        thread: None,
        message: template.to_owned(),
        stack: None,
        dimensions: BTreeMap::from([("job_name".into(), job.into()), ("team".into(), "pay".into())]),
        layout: "plain".into(),
        truncated: false,
        stack_bytes: None,
        redactions: 0,
    };
    Flush {
        details: vec![DetailDelta {
            issue: IssueId::of(job, identity.fingerprint),
            job: job.into(),
            minute: time.minute(),
            identity: Arc::clone(&identity),
            count,
            first_seen: time,
            last_seen: time,
            seen_on: SeenOn::default(),
            sample: Arc::new(sample),
        }],
        stats: vec![StatRow {
            minute: time.minute(),
            identity,
            dimensions: place,
            count,
        }],
        ..Flush::default()
    }
}

fn failed(job: &str, at: i64) -> Flush {
    flush(
        job,
        "Broken",
        "map (1/2) switched from RUNNING to FAILED with failure cause:",
        at,
        1,
    )
}

/// What a store keeps of an alerter.
#[derive(Default, Clone)]
struct Kept {
    pieces: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<AlertId, Alert>,
    told: Vec<(i64, ChangeKind, AlertId, bool)>,
}

impl Kept {
    fn keep(&mut self, judged: Judged) {
        for (key, bytes) in judged.pieces {
            match bytes {
                Some(bytes) => drop(self.pieces.insert(key, bytes)),
                None => drop(self.pieces.remove(&key)),
            }
        }
        for change in judged.changes {
            self.told.push((judged.at, change.kind, change.alert.id, change.past));
            if change.alert.state == State::Resolved {
                self.open.remove(&change.alert.id);
            } else {
                self.open.insert(change.alert.id, change.alert);
            }
        }
    }

    fn next_life(&self) -> Alerter {
        let mut next = alerter();
        let pieces = self
            .pieces
            .iter()
            .map(|(key, bytes)| (key.clone(), Some(bytes.clone())));
        next.restore(pieces.collect(), &self.open.values().cloned().collect::<Vec<_>>());
        next
    }
}

/// Steps of a story: what comes at a time, or that nothing does.
fn story() -> Vec<(i64, Option<Flush>)> {
    let mut steps: Vec<(i64, Option<Flush>)> = Vec::new();
    for second in 0..900_i64 {
        let at = second * 1_000;
        let came = match second {
            10 => Some(failed("a", at)),
            12 => Some(flush("a", "Follower", "it follows", at, 3)),
            60 => Some(failed("b", at)),
            70..=80 => Some(flush("c", "Noisy", "it is noisy", at, 9)),
            200 => Some(failed("b", at)),
            _ => None,
        };
        steps.push((START + at, came));
    }
    steps
}

fn step(alerter: &mut Alerter, wall: i64, came: Option<&Flush>) -> Judged {
    match came {
        Some(flush) => {
            let came = alerter.came_with(flush, wall);
            alerter.take(came)
        }
        None => alerter.idle(wall),
    }
}

#[test]
fn a_failure_is_told_within_three_seconds_and_is_over_when_it_was_quiet() {
    let (mut alerter, mut kept) = (alerter(), Kept::default());
    for (wall, came) in story() {
        kept.keep(step(&mut alerter, wall, came.as_ref()));
    }
    let of = |kind| kept.told.iter().filter(move |(_, one, ..)| *one == kind);
    let fired: Vec<i64> = of(ChangeKind::Fired).map(|(at, ..)| (at - START) / 1_000).collect();
    assert_eq!(fired.len(), 3, "{:?}", kept.told);
    assert!(
        (10..=13).contains(&fired[0]) && (60..=63).contains(&fired[1]),
        "{fired:?}"
    );
    assert_eq!(of(ChangeKind::Resolved).count(), 3);
    assert!(kept.open.is_empty() && kept.told.iter().all(|(.., past)| !past));
}

#[test]
fn killed_after_any_step_it_tells_what_it_would_have_told() {
    let (mut whole, mut expected) = (alerter(), Kept::default());
    for (wall, came) in story() {
        expected.keep(step(&mut whole, wall, came.as_ref()));
    }
    // What was seen within two minutes before a failure began is not kept: such a failure may begin later, and then has
    // another id. It is one alert all the same.
    let transitions = |kept: &Kept| -> Vec<ChangeKind> {
        let told = kept.told.iter().filter(|(_, kind, ..)| *kind != ChangeKind::Updated);
        told.map(|(_, kind, ..)| *kind).collect()
    };
    for every in [1, 7, 45] {
        let (mut alerter, mut kept) = (alerter(), Kept::default());
        for (number, (wall, came)) in story().into_iter().enumerate() {
            if number % every == every - 1 {
                alerter = kept.next_life();
            }
            kept.keep(step(&mut alerter, wall, came.as_ref()));
        }
        assert_eq!(transitions(&kept), transitions(&expected), "killed every {every} steps");
        let of = |kind| {
            kept.told
                .iter()
                .filter(move |(_, one, ..)| *one == kind)
                .map(|(_, _, id, _)| *id)
        };
        let (fired, over): (HashSet<_>, HashSet<_>) =
            (of(ChangeKind::Fired).collect(), of(ChangeKind::Resolved).collect());
        assert_eq!((fired.len(), &fired), (3, &over), "killed every {every} steps");
    }
}

#[test]
fn a_backlog_is_judged_by_its_own_time_and_told_to_nobody() {
    let (mut alerter, mut kept) = (alerter(), Kept::default());
    let late = START + 5 * 3_600_000;
    for (_, came) in story().into_iter().filter(|(_, came)| came.is_some()) {
        kept.keep(step(&mut alerter, late, came.as_ref()));
    }
    // Nothing comes any more: event time is now.
    kept.keep(step(&mut alerter, late + 61_000, None));
    assert!(
        kept.told.len() >= 6 && kept.told.iter().all(|(.., past)| *past),
        "{:?}",
        kept.told
    );
    assert!(kept.open.is_empty());
}

#[test]
fn a_clock_in_the_future_holds_no_alert_open() {
    let (mut alerter, mut kept) = (alerter(), Kept::default());
    kept.keep(step(&mut alerter, START, Some(&failed("a", 400 * 86_400_000))));
    for second in 1..400 {
        kept.keep(step(&mut alerter, START + second * 1_000, None));
    }
    let kinds: Vec<ChangeKind> = kept.told.iter().map(|(_, kind, ..)| *kind).collect();
    assert_eq!(kinds, [ChangeKind::Fired, ChangeKind::Resolved]);
}

#[test]
fn an_alert_nothing_is_known_of_any_more_is_over() {
    let mut kept = Kept::default();
    let mut first = alerter();
    for (wall, came) in story().into_iter().take(20) {
        kept.keep(step(&mut first, wall, came.as_ref()));
    }
    assert_eq!(kept.open.len(), 1);
    kept.pieces.clear();
    let mut next = kept.next_life();
    kept.keep(step(&mut next, START + 20_000, None));
    assert!(kept.open.is_empty());
}
