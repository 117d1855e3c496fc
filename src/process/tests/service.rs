use super::super::embedded::{Embedded, Plan};
use super::super::push::{Busy, Ingest as _, OutcomeName};
use super::super::stop::Stop;
use super::super::{OnFailure, sample};
use super::*;
use crate::source::FrameLimits;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn plan() -> Plan {
    Plan {
        files: Vec::new(),
        follow: true,
        sample: None,
        fold: FoldLimits::default(),
        frame: FrameLimits::default(),
        flush_interval: Duration::from_millis(20),
        on_failure: OnFailure::Wait,
        clock: clock(),
    }
}

fn start(store: &Memory, plan: Plan) -> (Embedded, Stop) {
    let stop = Stop::default();
    (
        Embedded::start(LineEngine::default(), store.sink(), plan, &stop).unwrap(),
        stop,
    )
}

/// Waits for what must come, with a limit that only a fault meets.
fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not come");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_push_is_answered_when_it_is_durable_record_by_record() {
    let store = Memory::default();
    let (service, _) = start(&store, plan());
    let body = format!("{}no json\n{}", line(1, "a", "x"), line(2, "a", "y"));
    let answer = service.push_handle().submit(body.into_bytes()).unwrap();
    let outcomes = answer.blocking_recv().unwrap().unwrap();
    assert_eq!(store.folded(), 2, "durable before it was answered");
    let names: Vec<_> = outcomes.iter().map(|outcome| outcome.outcome).collect();
    assert_eq!(names, [OutcomeName::Folded, OutcomeName::Rejected, OutcomeName::Folded]);
    assert_eq!(outcomes[1].reason, Some("invalid_json"));
    let empty = service.push_handle().submit(Vec::new()).unwrap();
    assert!(empty.blocking_recv().unwrap().unwrap().is_empty());
    let push = service.push_handle();
    let totals = service.finish().unwrap();
    assert_eq!(totals.all().records, 3);
    assert_eq!(push.submit(Vec::new()).unwrap_err(), Busy::Stopping);
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_lost() {
    let store = Memory::default();
    store.0.lock().unwrap().refuse_from = Some((0, SinkError::Full("/".into())));
    let (service, _) = start(&store, plan());
    let answer = service.push_handle().submit(line(1, "a", "x").into_bytes()).unwrap();
    std::thread::park_timeout(Duration::from_millis(100));
    assert_eq!(store.folded(), 0);
    store.0.lock().unwrap().refuse_from = None;
    assert_eq!(answer.blocking_recv().unwrap().unwrap().len(), 1);
    assert_eq!(store.folded(), 1);
    service.finish().unwrap();
}

#[test]
fn stopping_while_the_disk_is_full_ends_and_refuses_the_push() {
    let store = Memory::default();
    store.0.lock().unwrap().refuse_from = Some((0, SinkError::Full("/".into())));
    let (service, _) = start(&store, plan());
    let answer = service.push_handle().submit(line(1, "a", "x").into_bytes()).unwrap();
    std::thread::park_timeout(Duration::from_millis(100));
    assert!(service.finish().is_err());
    assert!(!matches!(answer.blocking_recv(), Ok(Ok(_))));
    assert_eq!(store.folded(), 0);
}

#[test]
fn a_store_that_is_broken_ends_the_service_with_its_reason() {
    let store = Memory::default();
    store.0.lock().unwrap().refuse_from = Some((0, SinkError::Broken("read-only".into())));
    let (service, _) = start(&store, plan());
    let _answer = service.push_handle().submit(line(1, "a", "x").into_bytes()).unwrap();
    until(|| service.has_ended());
    assert!(service.wait().unwrap_err().to_string().contains("read-only"));
}

#[test]
fn followed_files_are_flushed_and_a_restart_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let store = Memory::default();
    let follow = |store: &Memory| {
        start(
            store,
            Plan {
                files: vec![path.to_string_lossy().into_owned()],
                ..plan()
            },
        )
    };
    fs::write(&path, line(1, "a", "x")).unwrap();
    let (service, _) = follow(&store);
    until(|| store.folded() == 1);
    service.finish().unwrap();
    fs::write(&path, line(1, "a", "x") + &line(2, "a", "y")).unwrap();
    let (service, _) = follow(&store);
    until(|| store.folded() == 2);
    service.finish().unwrap();
    assert_eq!(store.folded(), 2);
}

#[test]
fn the_sample_is_played_once_per_store_and_ends_now() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("k8s")).unwrap();
    fs::write(dir.path().join("README.md"), "no log\n").unwrap();
    fs::write(
        dir.path().join("a.jsonl"),
        line(1_000, "a", "x") + &line(4_600, "a", "y"),
    )
    .unwrap();
    let packed = zstd::encode_all(line(4_000, "b", "z").as_bytes(), 1).unwrap();
    fs::write(dir.path().join("k8s/b.zst"), packed).unwrap();
    let play = |store: &Memory, now: i64| {
        start(
            store,
            Plan {
                sample: Some(PathBuf::from(dir.path())),
                clock: Clock::Fixed(now),
                ..plan()
            },
        )
    };
    let store = Memory::default();
    let now = 1_800_000_000_000;
    let (service, _) = play(&store, now);
    until(|| store.folded() == 3);
    service.finish().unwrap();
    let minutes = store.0.lock().unwrap().minutes.clone();
    let wanted = [now - 3_600_000, now - 600_000, now].map(|millis| (millis / 60_000, 1));
    assert_eq!(minutes, BTreeMap::from(wanted));
    assert!(sample::is_in(&store.positions().unwrap()));

    // An hour later: nothing is played again; what was left is played with the old shift.
    let half = Memory::default();
    {
        let mut held = half.0.lock().unwrap();
        for position in store.positions().unwrap() {
            if !position.source.contains("b.zst") {
                held.positions.insert(Arc::clone(&position.source), position);
            }
        }
    }
    let (service, _) = play(&half, now + 3_600_000);
    until(|| half.folded() == 1);
    service.finish().unwrap();
    assert_eq!(
        half.0.lock().unwrap().minutes,
        BTreeMap::from([((now - 600_000) / 60_000, 1)])
    );
}
