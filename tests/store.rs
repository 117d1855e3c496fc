//! What the embedded store promises, through its public surface.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::let_underscore_must_use,
    reason = "tests: what fails here is meant to be seen"
)]

mod synthetic;

use proptest::prelude::*;
use seismolog::event::{EventTime, Fingerprint, IssueId, Minute, Reason};
use seismolog::fold::{Flush, Reject};
use seismolog::query::Query;
use seismolog::store::{
    EditError, ErrorAsk, ErrorSort, ErrorsAsk, Issue, IssueState, JobsAsk, NewMarker, OpenError, ReadError, Reader,
    Retention, StateChange, Store, StoreOptions, TREND_DIMENSIONS, TrendsAsk,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use synthetic::{Event, Numbers, World};

/// 2026-11-20T00:00:00Z
const DAY: i64 = 1_795_132_800_000;
const HOUR: i64 = 3_600_000;

fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path(), StoreOptions::default()).unwrap()
}

fn filled(events: &[Event], world: &mut World, batch: usize) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut writer = store.writer();
    for (number, events) in events.chunks(batch.max(1)).enumerate() {
        writer.apply(&world.fold(events, number as u64 + 1)).unwrap();
    }
    (folder, store)
}

fn some_events(count: usize, seed: u64) -> Vec<Event> {
    let mut numbers = Numbers(seed * 2 + 1);
    (0..count)
        .map(|_| Event {
            job: numbers.skewed(6),
            error: numbers.skewed(14),
            host: numbers.below(3),
            at: DAY + (numbers.next() % (50 * 3_600_000)) as i64,
        })
        .collect()
}

fn list(reader: &Arc<dyn Reader>, search: &str, from: i64, to: i64, sort: ErrorSort) -> Vec<Issue> {
    let mut after = None;
    let mut all = Vec::new();
    loop {
        let page = reader
            .errors(&ErrorsAsk {
                query: Query::parse(search).unwrap_or_else(|error| panic!("{}", error.pointed_at(search))),
                from,
                to,
                sort,
                limit: 7,
                after,
                sparkline: 5,
                now: DAY + 50 * HOUR,
            })
            .unwrap();
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

fn ids(issues: &[Issue]) -> BTreeSet<IssueId> {
    issues.iter().map(|issue| issue.id).collect()
}

fn issue_id(job: usize, error: usize) -> IssueId {
    IssueId::of(&synthetic::job(job), synthetic::identity(error).fingerprint)
}

/// Whole minutes, as counts are kept.
fn inside(event: &Event, from: i64, to: i64) -> bool {
    let minute = event.at.div_euclid(60_000);
    minute >= from.div_euclid(60_000) && minute < (to + 59_999).div_euclid(60_000)
}

fn value_of(by: &str, event: &Event) -> String {
    let identity = synthetic::identity(event.error);
    let value = match by {
        "error_type" => Some(identity.error_type.to_string()),
        "category" => Some(identity.category.to_string()),
        "severity" => Some(identity.severity.to_string()),
        "part" => Some(identity.part.to_string()),
        "exception" => identity.exception,
        "job" => Some(synthetic::job(event.job)),
        "cluster" => Some(synthetic::cluster(event.job)),
        "namespace" => None,
        "team" => synthetic::team(event.job),
        "engine" => Some("flink".to_owned()),
        "role" => Some(synthetic::role(event.host).to_owned()),
        "host" => Some(synthetic::host(event.host)),
        "fingerprint" => Some(identity.fingerprint.to_string()),
        "group" => Some(identity.group.to_string()),
        other => panic!("{other}"),
    };
    value.unwrap_or_else(|| "-".to_owned())
}

fn trend(
    reader: &Arc<dyn Reader>,
    by: &str,
    search: &str,
    from: i64,
    to: i64,
    step: i64,
    top: usize,
) -> BTreeMap<String, u64> {
    let trends = reader
        .trends(&TrendsAsk {
            by: by.to_owned(),
            step_minutes: step,
            from,
            to,
            query: Query::parse(search).unwrap(),
            top,
            now: DAY + 50 * HOUR,
        })
        .unwrap();
    for (at, total) in trends.total.iter().enumerate() {
        let sum: u64 = trends.series.iter().map(|series| series.counts[at]).sum();
        assert_eq!(sum + trends.other[at], *total);
    }
    assert_eq!(trends.times.len(), trends.total.len());
    let mut sums: BTreeMap<String, u64> = trends
        .series
        .into_iter()
        .map(|series| (series.value, series.counts.iter().sum()))
        .collect();
    let other: u64 = trends.other.iter().sum();
    if other > 0 {
        sums.insert("(other)".to_owned(), other);
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_the_sum_of_what_was_applied(
        seed in 1_u64..1_000_000,
        count in 1_usize..400,
        batch in 1_usize..150,
        from in 0_i64..50 * 60,
        length in 1_i64..50 * 60,
    ) {
        let events = some_events(count, seed);
        let mut world = World::new(6, 14, 3, 4);
        let (_folder, store) = filled(&events, &mut world, batch);
        let reader = store.reader();
        let (from, to) = (DAY + from * 60_000, DAY + (from + length) * 60_000);
        let mut expected: BTreeMap<IssueId, (u64, u64, i64, i64)> = BTreeMap::new();
        for event in &events {
            let entry = expected.entry(issue_id(event.job, event.error)).or_insert((0, 0, i64::MAX, 0));
            entry.0 += 1;
            entry.1 += u64::from(inside(event, from, to));
            entry.2 = entry.2.min(event.at);
            entry.3 = entry.3.max(event.at);
        }
        for sort in [ErrorSort::LastSeen, ErrorSort::FirstSeen, ErrorSort::Count] {
            let found = list(&reader, "", from, to, sort);
            prop_assert_eq!(found.len(), ids(&found).len(), "no issue twice");
            let wanted: BTreeSet<IssueId> = expected.iter().filter(|(_, e)| e.1 > 0).map(|(id, _)| *id).collect();
            prop_assert_eq!(ids(&found), wanted);
            for issue in &found {
                let (total, count, first, last) = expected[&issue.id];
                prop_assert_eq!((issue.total, issue.count), (total, count));
                prop_assert_eq!(&issue.first_seen, &EventTime::from_millis(first).rfc3339());
                prop_assert_eq!(&issue.last_seen, &EventTime::from_millis(last).rfc3339());
                prop_assert_eq!(issue.sparkline.iter().sum::<u64>(), count);
            }
            let ordered = found.windows(2).all(|pair| match sort {
                ErrorSort::LastSeen => pair[0].last_seen >= pair[1].last_seen,
                ErrorSort::FirstSeen => pair[0].first_seen >= pair[1].first_seen,
                ErrorSort::Count => pair[0].count >= pair[1].count,
            });
            prop_assert!(ordered);
        }
        for by in TREND_DIMENSIONS {
            for (search, keep) in [
                ("", (|_| true) as fn(&Event) -> bool),
                ("host:worker-1.acme.example", |event| event.host == 1),
                ("-team:team-1 severity:>=high", |event| {
                    synthetic::team(event.job).as_deref() != Some("team-1")
                        && synthetic::severity(event.error) >= seismolog::event::Severity::High
                }),
                ("kind3", |event| event.error == 3),
            ] {
                let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
                for event in events.iter().filter(|event| inside(event, from, to) && keep(event)) {
                    *wanted.entry(value_of(by, event)).or_default() += 1;
                }
                prop_assert_eq!(trend(&reader, by, search, from, to, 1, 200), wanted, "{} {}", by, search);
            }
            let hours = (from.div_euclid(HOUR) * HOUR, to);
            let mut total = 0;
            for event in events.iter().filter(|event| inside(event, hours.0, hours.1)) {
                total += u64::from(event.at >= 0);
            }
            let by_hour = trend(&reader, by, "", hours.0, hours.1, 60, 2);
            prop_assert_eq!(by_hour.values().sum::<u64>(), total);
            prop_assert!(by_hour.len() <= 3);
        }
        let totals = reader.totals().unwrap();
        prop_assert!(totals.ledger.adds_up());
        prop_assert_eq!(totals.ledger.folded, count as u64);
        prop_assert_eq!(totals.issues as usize, expected.len());
        let minutes: BTreeSet<_> = events.iter().map(|e| (e.job, e.error, e.at / 60_000)).collect();
        prop_assert_eq!(totals.details as usize, minutes.len());
    }
}

#[test]
fn one_issue_is_told_in_full() {
    let events = some_events(600, 7);
    let mut world = World::new(6, 14, 3, 40);
    let (_folder, store) = filled(&events, &mut world, 50);
    let reader = store.reader();
    let (job, error) = (0, 0);
    let mine: Vec<&Event> = events
        .iter()
        .filter(|event| event.job == job && event.error == error)
        .collect();
    let detail = reader
        .error(&ErrorAsk {
            id: issue_id(job, error),
            from: DAY,
            to: DAY + 50 * HOUR,
            kin: 20,
        })
        .unwrap();
    let mut minutes: BTreeMap<String, u64> = BTreeMap::new();
    for event in &mine {
        *minutes
            .entry(EventTime::new(event.at.div_euclid(60_000) * 60_000_000_000, 0).rfc3339())
            .or_default() += 1;
    }
    assert_eq!(detail.minutes, minutes.into_iter().collect::<Vec<_>>());
    let hosts: BTreeSet<String> = mine.iter().map(|event| synthetic::host(event.host)).collect();
    assert_eq!(detail.hosts, hosts.into_iter().collect::<Vec<_>>());
    assert_eq!(detail.tasks, ["Source: orders -> Map 0"]);
    assert_eq!(detail.exception_chain.len(), 2);
    let others: BTreeSet<usize> = events
        .iter()
        .filter(|e| e.error == error && e.job != job)
        .map(|e| e.job)
        .collect();
    assert_eq!(detail.same_fingerprint.len(), others.len());
    assert!(
        detail
            .same_group
            .iter()
            .all(|issue| issue.group == detail.issue.group && issue.fingerprint != detail.issue.fingerprint)
    );
    assert!(detail.same_group.iter().any(|issue| issue.job == synthetic::job(0)));

    // Every sample is given once, newest first, with its stack as it was.
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = reader.samples(issue_id(job, error), 9, after.as_deref()).unwrap();
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0].minute > pair[1].minute));
    assert_eq!(seen.iter().map(|sample| sample.count).sum::<u64>(), mine.len() as u64);
    for stored in &seen {
        let event = mine
            .iter()
            .find(|event| EventTime::from_millis(event.at).rfc3339() == stored.sample.event_time)
            .unwrap();
        let expected = synthetic::sample(
            event,
            &synthetic::place(job, event.host),
            &synthetic::identity(error),
            40,
        );
        assert_eq!(stored.sample, expected);
    }
    assert_eq!(detail.sample.unwrap().minute, seen[0].minute);
    let unknown = IssueId(5);
    assert!(matches!(reader.samples(unknown, 1, None), Err(ReadError::NotFound(_))));
}

#[test]
fn a_store_opened_again_goes_on_where_it_was() {
    let events = some_events(300, 3);
    let mut world = World::new(6, 14, 3, 4);
    let folder = tempfile::tempdir().unwrap();
    for (number, batch) in events.chunks(60).enumerate() {
        let store = store(&folder);
        let mut writer = store.writer();
        assert_eq!(
            writer.positions().unwrap().first().map_or(0, |position| position.next),
            number as u64
        );
        writer.apply(&world.fold(batch, number as u64 + 1)).unwrap();
    }
    let reader = Store::open_read_only(folder.path(), StoreOptions::default()).unwrap();
    let found = list(&reader, "", DAY, DAY + 50 * HOUR, ErrorSort::Count);
    assert_eq!(found.iter().map(|issue| issue.total).sum::<u64>(), 300);
    assert_eq!(found.len(), synthetic::issues(&events).len());
}

#[test]
fn a_copy_taken_at_any_moment_opens_and_holds_whole_flushes() {
    let events = some_events(2_000, 5);
    let mut world = World::new(6, 14, 3, 4);
    let folder = tempfile::tempdir().unwrap();
    let live = store(&folder);
    let mut writer = live.writer();
    for (number, batch) in events.chunks(100).enumerate() {
        writer.apply(&world.fold(batch, number as u64 + 1)).unwrap();
        if number % 3 != 0 {
            continue;
        }
        // What a killed process leaves: the files as they stand, the log cut somewhere in its last pages.
        let copy = tempfile::tempdir().unwrap();
        for name in ["seismolog.db", "seismolog.db-wal"] {
            let _ = std::fs::copy(folder.path().join(name), copy.path().join(name));
        }
        let wal = copy.path().join("seismolog.db-wal");
        if let Ok(bytes) = std::fs::read(&wal) {
            let keep = bytes.len().saturating_sub(number * 1_777);
            std::fs::write(&wal, &bytes[..keep]).unwrap();
        }
        let Ok(crashed) = Store::open(copy.path(), StoreOptions::default()) else {
            // Cut before the schema was written: then there is no store yet.
            assert!(number < 1, "flush {number}");
            continue;
        };
        let flushes = crashed
            .writer()
            .positions()
            .unwrap()
            .first()
            .map_or(0, |position| position.next);
        let totals = crashed.reader().totals().unwrap();
        assert_eq!(totals.ledger.folded, flushes * 100);
        let sum: u64 = list(&crashed.reader(), "", DAY, DAY + 50 * HOUR, ErrorSort::LastSeen)
            .iter()
            .map(|i| i.count)
            .sum();
        assert_eq!(sum, flushes * 100);
        let by_type: u64 = trend(&crashed.reader(), "error_type", "", DAY, DAY + 50 * HOUR, 60, 50)
            .values()
            .sum();
        assert_eq!(by_type, flushes * 100);
    }
}

#[test]
fn two_writers_never_share_a_store_and_readers_may() {
    let events = some_events(50, 9);
    let mut world = World::new(6, 14, 3, 4);
    let (folder, store) = filled(&events, &mut world, 50);
    let second = Store::open(folder.path(), StoreOptions::default());
    assert!(matches!(second, Err(OpenError::InUse(_))));
    let reader = Store::open_read_only(folder.path(), StoreOptions::default()).unwrap();
    assert_eq!(reader.totals().unwrap().ledger.folded, 50);
    drop(store);
    assert!(Store::open(folder.path(), StoreOptions::default()).is_ok());
}

#[test]
fn what_is_no_store_of_ours_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Store::open_read_only(folder.path(), StoreOptions::default())
        .err()
        .unwrap();
    assert!(matches!(missing, OpenError::Missing(_)), "{missing}");
    drop(store(&folder));
    let path = folder.path().join("seismolog.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let newer = Store::open(folder.path(), StoreOptions::default()).err().unwrap();
    assert!(matches!(newer, OpenError::Newer { found: 99, .. }), "{newer}");
    assert!(!newer.advice().is_empty());
    let newer = Store::open_read_only(folder.path(), StoreOptions::default())
        .err()
        .unwrap();
    assert!(matches!(newer, OpenError::Newer { .. }));
    std::fs::write(
        &path,
        "not a database, but long enough to be looked at as one\n".repeat(100),
    )
    .unwrap();
    let other = Store::open(folder.path(), StoreOptions::default()).err().unwrap();
    assert!(matches!(other, OpenError::NotAStore(_)), "{other}");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "x").unwrap();
    assert!(Store::open(&file, StoreOptions::default()).is_err());
}

#[test]
fn a_damaged_file_gives_an_error_and_no_answer_that_is_wrong() {
    let events = some_events(500, 21);
    let mut world = World::new(6, 14, 3, 4);
    let (folder, store) = filled(&events, &mut world, 50);
    let mut writer = store.writer();
    writer.checkpoint().unwrap();
    drop((store, writer));
    let path = folder.path().join("seismolog.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[8192 * 3..middle].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    match Store::open(folder.path(), StoreOptions::default()) {
        Err(error) => assert!(
            matches!(error, OpenError::Corrupt { .. } | OpenError::Other { .. }),
            "{error}"
        ),
        Ok(store) => {
            let applied = store.writer().apply(&world.fold(&events, 9));
            assert!(applied.is_err());
        }
    }
}

#[test]
fn retention_removes_whole_hours_and_what_nothing_refers_to() {
    let mut events = some_events(1_500, 11);
    // One error that is only old, one job that is only new.
    events.retain(|event| event.error != 13 && event.job != 5);
    events.push(Event {
        job: 1,
        error: 13,
        host: 1,
        at: DAY + HOUR,
    });
    events.push(Event {
        job: 5,
        error: 2,
        host: 1,
        at: DAY + 49 * HOUR,
    });
    let mut world = World::new(6, 14, 3, 4);
    let (_folder, store) = filled(&events, &mut world, 200);
    let reader = store.reader();
    let mut writer = store.writer();
    assert_eq!(list(&reader, "kind13", DAY, DAY + 50 * HOUR, ErrorSort::Count).len(), 1);
    let retention = Retention {
        max_age_ms: Some(10 * HOUR),
        max_bytes: None,
    };
    let now = DAY + 50 * HOUR;
    let mut steps = 0;
    while writer.retain(now, &retention).unwrap().more {
        steps += 1;
        assert!(steps < 100);
    }
    let cutoff = DAY + 40 * HOUR;
    let kept: Vec<Event> = events.iter().copied().filter(|event| event.at >= cutoff).collect();
    let found = list(&reader, "", DAY, now, ErrorSort::LastSeen);
    assert_eq!(
        ids(&found),
        synthetic::issues(&kept)
            .into_iter()
            .map(|(job, error)| issue_id(job, error))
            .collect()
    );
    assert_eq!(found.iter().map(|issue| issue.count).sum::<u64>(), kept.len() as u64);
    for by in TREND_DIMENSIONS {
        assert_eq!(
            trend(&reader, by, "", DAY, now, 60, 200).values().sum::<u64>(),
            kept.len() as u64
        );
        assert_eq!(
            trend(&reader, by, "engine:flink", DAY, now, 1, 200)
                .values()
                .sum::<u64>(),
            kept.len() as u64
        );
    }
    assert!(list(&reader, "kind13", DAY, now, ErrorSort::Count).is_empty());
    let totals = reader.totals().unwrap();
    assert_eq!(totals.issues as usize, found.len());
    assert_eq!(totals.ledger.folded as usize, events.len(), "the ledger stays");
    // What comes back is counted anew, under the same issue id.
    let again = [Event {
        job: 1,
        error: 13,
        host: 1,
        at: now,
    }];
    writer.apply(&world.fold(&again, 99)).unwrap();
    let back = list(&reader, "kind13", DAY, now + HOUR, ErrorSort::Count);
    assert_eq!((back.len(), back[0].total, back[0].id), (1, 1, issue_id(1, 13)));
}

#[test]
fn retention_by_size_takes_the_oldest_hours_until_it_fits() {
    let events = some_events(4_000, 13);
    let mut world = World::new(6, 14, 3, 30);
    let (_folder, store) = filled(&events, &mut world, 1_000);
    let reader = store.reader();
    let before = reader.totals().unwrap();
    let mut writer = store.writer();
    let retention = Retention {
        max_age_ms: None,
        max_bytes: Some(before.bytes * 2 / 3),
    };
    let mut steps = 0;
    while writer.retain(DAY + 50 * HOUR, &retention).unwrap().more {
        steps += 1;
        assert!(steps < 200);
    }
    let after = reader.totals().unwrap();
    assert!(
        after.bytes <= before.bytes * 2 / 3,
        "{} of {}",
        after.bytes,
        before.bytes
    );
    assert!(after.details > 0 && after.details < before.details);
    let sum: u64 = trend(&reader, "error_type", "", DAY, DAY + 50 * HOUR, 60, 50)
        .values()
        .sum();
    let list: u64 = list(&reader, "", DAY, DAY + 50 * HOUR, ErrorSort::Count)
        .iter()
        .map(|issue| issue.count)
        .sum();
    assert_eq!(sum, list);
}

#[test]
fn states_follow_what_people_say_and_what_events_do() {
    let mut world = World::new(6, 14, 3, 4);
    let start = [Event {
        job: 1,
        error: 2,
        host: 1,
        at: DAY,
    }];
    let (_folder, store) = filled(&start, &mut world, 10);
    let (reader, editor, mut writer) = (store.reader(), store.editor(), store.writer());
    let id = issue_id(1, 2);
    let state = |search: &str| list(&reader, search, DAY, DAY + 50 * HOUR, ErrorSort::Count).len();
    assert_eq!((state("is:open"), state("is:resolved")), (1, 0));
    let now = DAY + HOUR;
    let notes = editor.set_state(id, &StateChange::Resolve, now).unwrap();
    assert_eq!(notes.state, IssueState::Resolved);
    assert_eq!((state("is:open"), state("is:resolved"), state("state:res*")), (0, 1, 1));
    // An event from before it was resolved changes nothing; a later one does.
    writer
        .apply(&world.fold(
            &[Event {
                at: DAY + HOUR / 2,
                ..start[0]
            }],
            2,
        ))
        .unwrap();
    assert_eq!(state("is:resolved"), 1);
    writer
        .apply(&world.fold(
            &[Event {
                at: now + 1,
                ..start[0]
            }],
            3,
        ))
        .unwrap();
    assert_eq!(
        (state("is:regressed"), state("is:open"), state("is:resolved")),
        (1, 1, 0)
    );
    assert_eq!(reader.notes(id).unwrap().state, IssueState::Regressed);
    // Muted until a volume.
    let mute = StateChange::Mute {
        until: None,
        events: Some(3),
        minutes: Some(10),
    };
    editor.set_state(id, &mute, DAY + 2 * HOUR).unwrap();
    for (number, minute) in [0, 20, 21].into_iter().enumerate() {
        let event = Event {
            at: DAY + 3 * HOUR + minute * 60_000,
            ..start[0]
        };
        writer.apply(&world.fold(&[event], 4 + number as u64)).unwrap();
        assert_eq!(state("is:muted"), 1, "minute {minute}");
    }
    writer
        .apply(&world.fold(
            &[Event {
                at: DAY + 3 * HOUR + 22 * 60_000,
                ..start[0]
            }],
            8,
        ))
        .unwrap();
    assert_eq!((state("is:muted"), state("is:open")), (0, 1));
    // Muted until a time.
    let until = DAY + 60 * HOUR;
    editor
        .set_state(
            id,
            &StateChange::Mute {
                until: Some(until),
                events: None,
                minutes: None,
            },
            DAY + 4 * HOUR,
        )
        .unwrap();
    assert_eq!(state("is:muted"), 1);
    writer.retain(until, &Retention::default()).unwrap();
    assert_eq!((state("is:muted"), state("is:open")), (0, 1));
    // Who and what.
    editor
        .set_state(
            id,
            &StateChange::Assign {
                to: Some("Ada".to_owned()),
            },
            now,
        )
        .unwrap();
    editor
        .set_state(
            id,
            &StateChange::Note {
                text: Some("known".to_owned()),
            },
            now,
        )
        .unwrap();
    assert_eq!(
        (state("assignee:ada"), state("is:assigned"), state("has:note")),
        (1, 1, 1)
    );
    editor.set_state(id, &StateChange::Assign { to: None }, now).unwrap();
    assert_eq!((state("has:assignee"), state("has:note")), (0, 1));
    let past = StateChange::Mute {
        until: Some(1),
        events: None,
        minutes: None,
    };
    assert!(matches!(
        editor.set_state(id, &past, now),
        Err(EditError::BadRequest(_))
    ));
    assert!(matches!(
        editor.set_state(IssueId(7), &StateChange::Resolve, now),
        Err(EditError::NotFound(_))
    ));
}

#[test]
fn markers_are_given_where_they_touch_the_window() {
    let mut world = World::new(6, 14, 3, 4);
    let (_folder, store) = filled(&[], &mut world, 10);
    let (reader, editor) = (store.reader(), store.editor());
    let marker = |at, until, job: Option<&str>| NewMarker {
        at,
        until,
        title: "release 2.1".to_owned(),
        text: None,
        job: job.map(str::to_owned),
        kind: "deployment".to_owned(),
    };
    editor.add_marker(&marker(DAY, None, None)).unwrap();
    editor
        .add_marker(&marker(DAY + HOUR, Some(DAY + 3 * HOUR), Some("orders-1")))
        .unwrap();
    let id = editor
        .add_marker(&marker(DAY + 2 * HOUR, None, Some("orders-2")))
        .unwrap()
        .id;
    assert_eq!(reader.markers(DAY, DAY + HOUR, None).unwrap().len(), 1);
    assert_eq!(reader.markers(DAY + 2 * HOUR, DAY + 4 * HOUR, None).unwrap().len(), 2);
    assert_eq!(reader.markers(DAY, DAY + 9 * HOUR, Some("orders-1")).unwrap().len(), 2);
    editor.remove_marker(id).unwrap();
    assert!(editor.remove_marker(id).is_err());
    assert_eq!(reader.markers(DAY, DAY + 9 * HOUR, None).unwrap().len(), 2);
}

#[test]
fn jobs_tell_counts_restarts_and_why_they_are_unwell() {
    let events = some_events(800, 17);
    let mut world = World::new(6, 14, 3, 4);
    let (_folder, store) = filled(&events, &mut world, 100);
    let reader = store.reader();
    let (from, to) = (DAY + 10 * HOUR, DAY + 40 * HOUR);
    let mut after = None;
    let mut jobs = Vec::new();
    loop {
        let page = reader
            .jobs(&JobsAsk {
                from,
                to,
                name: "ORDERS".to_owned(),
                limit: 2,
                after,
                sparkline: 6,
            })
            .unwrap();
        jobs.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(jobs.len(), 6);
    assert!(jobs.windows(2).all(|pair| pair[0].health <= pair[1].health));
    for job in &jobs {
        let n: usize = job.job.trim_start_matches("orders-").parse().unwrap();
        let mine = || events.iter().filter(|event| event.job == n && inside(event, from, to));
        let loud = |event: &&Event| synthetic::part(event.error) != seismolog::event::Part::Noise;
        assert_eq!(job.count, mine().filter(loud).count() as u64);
        assert_eq!(job.sparkline.iter().sum::<u64>(), job.count);
        assert_eq!(
            job.issues as usize,
            mine()
                .filter(loud)
                .map(|event| event.error)
                .collect::<BTreeSet<_>>()
                .len()
        );
        assert_eq!(
            job.restarts as usize,
            mine()
                .filter(|event| synthetic::error_type(event.error) == "job_restarting")
                .count()
        );
        assert_eq!(job.health == 100, job.health_parts.is_empty());
        let detail = reader.job(&job.job, from, to).unwrap();
        assert_eq!(detail.job.count, job.count);
        assert!(detail.top_errors.windows(2).all(|pair| pair[0].count >= pair[1].count));
        assert_eq!(detail.job.team, synthetic::team(n));
    }
    assert!(matches!(reader.job("nobody", from, to), Err(ReadError::NotFound(_))));
}

#[test]
fn rejects_keep_their_bytes_and_page_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let rejects = (0..25_u64).map(|n| Reject {
        source: "a.log".into(),
        offset: n * 10,
        reason: Reason::InvalidJson,
        detail: format!("byte {n}"),
        length: 3,
        bytes: vec![b'{', 0xff, b'0' + (n % 10) as u8],
        rejected_at: DAY,
    });
    let flush = Flush {
        rejects: rejects.collect(),
        learned: vec![("id".into(), "name".into())],
        ..Flush::default()
    };
    let mut writer = store.writer();
    writer.apply(&flush).unwrap();
    assert_eq!(writer.learned().unwrap(), [("id".into(), "name".into())]);
    let reader = store.reader();
    let first = reader.rejects(10, None).unwrap();
    let second = reader.rejects(20, first.next.as_deref()).unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (10, 15, None));
    assert_eq!(first.items[0].offset, 240);
    assert_eq!(first.items[0].bytes, "{\u{fffd}4");
}

#[test]
fn values_are_suggested_most_frequent_first() {
    let events = some_events(500, 23);
    let mut world = World::new(6, 14, 3, 4);
    let (_folder, store) = filled(&events, &mut world, 100);
    let reader = store.reader();
    let jobs = reader.values("job", "ORD", 3).unwrap();
    assert_eq!(jobs.len(), 3);
    for (job, count) in &jobs {
        assert_eq!(
            *count as usize,
            events.iter().filter(|event| synthetic::job(event.job) == *job).count()
        );
    }
    let pods = reader.values("pod", "orders-1-", 10).unwrap();
    assert!(!pods.is_empty() && pods.iter().all(|(pod, _)| pod.starts_with("orders-1-")));
    let all: u64 = reader
        .values("rule", "", 100)
        .unwrap()
        .iter()
        .map(|(_, issues)| issues)
        .sum();
    assert!(all > 0);
    assert!(matches!(reader.values("jbo", "", 1), Err(ReadError::BadRequest(_))));
    for field in seismolog::query::FIELDS {
        reader.values(field.name, "", 5).unwrap();
    }
}

#[test]
fn an_identity_that_changes_its_name_is_found_by_the_new_one() {
    let mut world = World::new(2, 3, 2, 4);
    let event = Event {
        job: 1,
        error: 2,
        host: 1,
        at: DAY,
    };
    let (_folder, store) = filled(&[event], &mut world, 10);
    let mut renamed = synthetic::identity(2);
    renamed.error_type = "user_stock_gone".into();
    world.identities[2] = Arc::new(renamed);
    store
        .writer()
        .apply(&world.fold(
            &[Event {
                at: DAY + HOUR,
                ..event
            }],
            2,
        ))
        .unwrap();
    let reader = store.reader();
    let found = list(
        &reader,
        "error_type:user_stock_gone",
        DAY,
        DAY + 2 * HOUR,
        ErrorSort::Count,
    );
    assert_eq!((found.len(), found[0].total), (1, 2));
    assert!(
        list(
            &reader,
            "error_type:unclassified",
            DAY,
            DAY + 2 * HOUR,
            ErrorSort::Count
        )
        .is_empty()
    );
    // What was counted under the old name stays counted under it.
    let by = trend(&reader, "error_type", "", DAY, DAY + 2 * HOUR, 60, 9);
    assert_eq!(
        by,
        BTreeMap::from([("unclassified".to_owned(), 1), ("user_stock_gone".to_owned(), 1)])
    );
}

#[test]
fn odd_questions_are_refused_or_answered_and_never_hang() {
    let events = some_events(100, 29);
    let mut world = World::new(6, 14, 3, 4);
    let (_folder, store) = filled(&events, &mut world, 100);
    let reader = store.reader();
    let ask = |by: &str, step, from, to| {
        reader.trends(&TrendsAsk {
            by: by.to_owned(),
            step_minutes: step,
            from,
            to,
            query: Query::default(),
            top: 5,
            now: 0,
        })
    };
    assert!(matches!(
        ask("color", 1, DAY, DAY + HOUR),
        Err(ReadError::BadRequest(_))
    ));
    assert!(matches!(ask("job", 0, DAY, DAY + HOUR), Err(ReadError::BadRequest(_))));
    assert!(matches!(
        ask("job", 1, i64::MIN, i64::MAX),
        Err(ReadError::BadRequest(_))
    ));
    assert!(ask("job", 5, DAY + HOUR, DAY).unwrap().total.is_empty());
    let all = list(&reader, "", i64::MIN, i64::MAX, ErrorSort::Count);
    assert_eq!(all.iter().map(|issue| issue.count).sum::<u64>(), 100);
    let cursor = reader.errors(&ErrorsAsk {
        limit: 1,
        to: i64::MAX,
        after: Some("nonsense".to_owned()),
        ..ErrorsAsk::default()
    });
    assert!(matches!(cursor, Err(ReadError::BadRequest(_))));
    let _ = (Minute(0), Fingerprint(0));
}
