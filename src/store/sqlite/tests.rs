//! What only shows from inside: flushes broken off anywhere, files that cannot be written.

use super::*;
use crate::event::{Dimensions, EventTime, Fingerprint, Group, Minute, Part, Severity};
use crate::fold::{DetailDelta, Ledger, Sample, SeenOn, StatRow};
use crate::identity::Identity;
use crate::store::{ErrorsAsk, TrendsAsk};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

fn flush(number: u64) -> Flush {
    let mut flush = Flush::default();
    for n in 0..20_u64 {
        let identity = Arc::new(Identity {
            error_type: "unclassified".into(),
            category: "unclassified".into(),
            severity: Severity::High,
            part: Part::Root,
            rule: None,
            template: format!("it broke {}", number * 7 + n),
            exception: Some(format!("a.b.C{n}")),
            exception_chain: vec![format!("a.b.C{n}")],
            top_frame: None,
            exception_template: None,
            fingerprint: Fingerprint(u128::from(number * 7 + n)),
            group: Group(1),
        });
        let place = Arc::new(Dimensions {
            job_name: Some(format!("job {}", n % 3).into()),
            host: Some(format!("host {n}").into()),
            ..Dimensions::default()
        });
        let minute = Minute(i64::try_from(1_000 + number + n % 2).unwrap());
        let time = EventTime::from_millis(minute.start_millis() + 5);
        flush.details.push(DetailDelta {
            issue: IssueId::of(place.job().0, identity.fingerprint),
            job: place.job().0.into(),
            minute,
            identity: Arc::clone(&identity),
            count: 2,
            first_seen: time,
            last_seen: time,
            seen_on: SeenOn::default(),
            sample: Arc::new(Sample {
                event_time: time.rfc3339(),
                level: None,
                logger: None,
                thread: Some(format!("thread {number} {n}")),
                message: format!("it broke {n}"),
                stack: (n % 2 == 0).then(|| format!("a.b.C{n}: {number}\n\tat a.b.C.d(C.java:1)")),
                dimensions: BTreeMap::new(),
                layout: "plain".to_owned(),
                truncated: false,
                stack_bytes: None,
                redactions: 0,
            }),
        });
        flush.stats.push(StatRow {
            minute,
            identity,
            dimensions: place,
            count: 2,
        });
    }
    flush.positions.push(SourcePosition {
        source: "a.log".into(),
        next: number,
        identity: String::new(),
    });
    let sum = Ledger {
        records: 40,
        extra: 0,
        folded: 40,
        rejected: 0,
    };
    flush.ledger.insert("a.log".into(), sum);
    flush
}

fn sums(reader: &dyn Reader) -> (u64, u64, u64, u64) {
    let page = reader.errors(&ErrorsAsk {
        to: i64::MAX,
        limit: 500,
        ..ErrorsAsk::default()
    });
    let issues = page.unwrap().items;
    let trends = reader.trends(&TrendsAsk {
        by: "host".to_owned(),
        step_minutes: 60,
        from: 0,
        to: 3_000 * 60_000,
        query: "severity:high".parse().unwrap(),
        top: 3,
        now: 0,
    });
    (
        issues.iter().map(|issue| issue.count).sum(),
        issues.iter().map(|issue| issue.total).sum(),
        trends.unwrap().total.iter().sum(),
        reader.totals().unwrap().ledger.folded,
    )
}

#[test]
fn a_flush_broken_off_anywhere_leaves_nothing_and_can_be_handed_over_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut writer = store.writer();
    let reader = store.reader();
    // SQLite asks after every ten steps whether to go on; it is told to stop when the steps are used up.
    static LEFT: AtomicI64 = AtomicI64::new(0);
    writer.with(|side| {
        side.connection
            .progress_handler(10, Some(|| LEFT.fetch_sub(1, Ordering::Relaxed) <= 0))
            .unwrap();
    });
    let mut broken = 0;
    for number in 1..=8_u64 {
        let flush = flush(number);
        let mut steps = i64::try_from(number).unwrap();
        loop {
            LEFT.store(steps, Ordering::Relaxed);
            match writer.apply(&flush) {
                Ok(()) => break,
                Err(error) => {
                    broken += 1;
                    assert_eq!(error.kind, WriteErrorKind::Other, "{error}");
                    let before = (number - 1) * 40;
                    LEFT.store(i64::MAX, Ordering::Relaxed);
                    assert_eq!(sums(reader.as_ref()), (before, before, before, before));
                    steps = steps * 5 / 4 + 3;
                }
            }
        }
        LEFT.store(i64::MAX, Ordering::Relaxed);
        assert_eq!(
            sums(reader.as_ref()),
            (number * 40, number * 40, number * 40, number * 40)
        );
        assert_eq!(writer.positions().unwrap()[0].next, number);
    }
    assert!(broken > 50, "{broken}");
}

#[test]
fn a_full_disk_is_named_and_what_was_stored_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut writer = store.writer();
    writer.apply(&flush(1)).unwrap();
    let limit = |pages: i64| {
        writer.with(|side| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            side.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
        })
    };
    let now = limit(1);
    let mut number = 2;
    let mut other = store.writer();
    let error = loop {
        assert!(number < 400, "never full");
        match other.apply(&flush(number)) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, WriteErrorKind::DiskFull, "{error}");
    let stored = (number - 1) * 40;
    assert_eq!(sums(store.reader().as_ref()).3, stored);
    limit(now + 10_000);
    other.apply(&flush(number)).unwrap();
    assert_eq!(sums(store.reader().as_ref()).3, stored + 40);
}

#[test]
fn a_question_that_takes_too_long_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        question_limit_ms: 0,
        ..StoreOptions::default()
    };
    let store = Store::open(folder.path(), options).unwrap();
    store.writer().apply(&flush(1)).unwrap();
    let answer = store.reader().totals();
    assert!(
        matches!(answer, Err(crate::store::ReadError::TimedOut(0))),
        "{answer:?}"
    );
}
