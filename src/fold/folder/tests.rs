use super::super::SeenOn;
use super::*;
use crate::event::{Fingerprint, Group, Part, Reason, Severity};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An event as small as the fold needs it.
#[derive(Debug, Clone)]
struct Event {
    nanos: i64,
    fingerprint: u128,
    error_type: &'static str,
    template: &'static str,
    job: &'static str,
    host: u8,
    task: &'static str,
    message: &'static str,
}

fn identity(event: &Event) -> Arc<Identity> {
    Arc::new(Identity {
        error_type: event.error_type.into(),
        category: "c".into(),
        severity: Severity::High,
        part: Part::Root,
        rule: None,
        template: event.template.into(),
        exception: None,
        exception_chain: vec![],
        top_frame: None,
        exception_template: None,
        fingerprint: Fingerprint(event.fingerprint),
        group: Group(1),
    })
}

fn dimensions(event: &Event) -> Arc<Dimensions> {
    Arc::new(Dimensions {
        job_name: Some(event.job.into()),
        host: Some(format!("host-{}", event.host).into()),
        task: Some(event.task.into()),
        subtask: Some(u32::from(event.host)),
        ..Dimensions::default()
    })
}

fn sample(event: &Event) -> Sample {
    Sample {
        event_time: EventTime::new(event.nanos, 9).rfc3339(),
        level: None,
        logger: None,
        thread: None,
        message: event.message.into(),
        stack: None,
        dimensions: BTreeMap::from([
            ("host".into(), event.host.to_string()),
            ("task".into(), event.task.into()),
        ]),
        layout: "text".into(),
        truncated: false,
        stack_bytes: None,
        redactions: 0,
    }
}

/// Adds an event whose identity and dimensions are interned by content, as the engine does.
fn add(folder: &mut Folder, interned: &mut Interned, event: &Event, source: &Arc<str>) {
    let identity = interned.identity(event);
    let dimensions = interned.dimensions(event);
    folder.record(source, 1);
    folder.ledger(source).folded += 1;
    folder.fold(
        EventTime::new(event.nanos, 9),
        &identity,
        &dimensions,
        || {
            let content = (event.message, event.host, event.task);
            Some(foldhash::fast::FixedState::with_seed(1).hash_one(content))
        },
        || sample(event),
    );
}

#[derive(Default)]
struct Interned {
    identities: Vec<Arc<Identity>>,
    dimensions: Vec<Arc<Dimensions>>,
    /// Every so many, content comes under a new address: what an evicted memo does.
    forget_each: usize,
    asked: usize,
}

impl Interned {
    fn identity(&mut self, event: &Event) -> Arc<Identity> {
        self.asked += 1;
        if self.forget_each > 0 && self.asked.is_multiple_of(self.forget_each) {
            self.identities.clear();
            self.dimensions.clear();
        }
        let made = identity(event);
        if let Some(known) = self.identities.iter().find(|known| **known == made) {
            return Arc::clone(known);
        }
        self.identities.push(Arc::clone(&made));
        made
    }

    fn dimensions(&mut self, event: &Event) -> Arc<Dimensions> {
        let made = dimensions(event);
        if let Some(known) = self.dimensions.iter().find(|known| **known == made) {
            return Arc::clone(known);
        }
        self.dimensions.push(Arc::clone(&made));
        made
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let times = prop_oneof![0_i64..200_000_000_000, Just(5_i64), Just(60_000_000_000_i64)];
    let names = (
        prop_oneof![Just("t1"), Just("t2")],
        prop_oneof![Just("a <NUM>"), Just("b <NUM>")],
        prop_oneof![Just("orders"), Just("payments")],
        prop_oneof![Just("map"), Just("sink")],
        prop_oneof![Just("m1"), Just("m2"), Just("m3")],
    );
    (times, 0_u128..3, names, 0_u8..40).prop_map(|(nanos, fingerprint, names, host)| Event {
        nanos,
        fingerprint,
        error_type: names.0,
        template: names.1,
        job: names.2,
        host,
        task: names.3,
        message: names.4,
    })
}

fn flush(events: &[Event], forget_each: usize) -> Flush {
    let mut folder = Folder::default();
    let mut interned = Interned {
        forget_each,
        ..Interned::default()
    };
    let source: Arc<str> = "s".into();
    for event in events {
        add(&mut folder, &mut interned, event, &source);
    }
    folder.take().unwrap()
}

fn told(flush: &Flush) -> String {
    format!("{:#?}", (&flush.details, &flush.stats, &flush.ledger))
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(
        events in proptest::collection::vec(any_event(), 1..80),
        shuffle in any::<u64>(),
        forget_each in 0_usize..5,
    ) {
        let mut other = events.clone();
        let mut state = shuffle | 1;
        for i in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            other.swap(i, (state >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(told(&flush(&events, 0)), told(&flush(&other, forget_each)));
    }

    #[test]
    fn every_event_is_counted_once_in_deltas_and_once_in_rows(events in proptest::collection::vec(any_event(), 0..80)) {
        let flush = flush(&events, 3);
        let wanted = events.len() as u64;
        prop_assert_eq!(flush.details.iter().map(|d| d.count).sum::<u64>(), wanted);
        prop_assert_eq!(flush.stats.iter().map(|s| s.count).sum::<u64>(), wanted);
        prop_assert_eq!(flush.ledger.values().map(|l| l.folded).sum::<u64>(), wanted);
        prop_assert!(flush.ledger.values().all(Ledger::adds_up));
        for delta in &flush.details {
            let of_delta: Vec<_> = events
                .iter()
                .filter(|e| {
                    e.job == &*delta.job
                        && Fingerprint(e.fingerprint) == delta.fingerprint()
                        && EventTime::new(e.nanos, 9).minute() == delta.minute
                })
                .collect();
            prop_assert_eq!(delta.first_seen.nanos(), of_delta.iter().map(|e| e.nanos).min().unwrap());
            prop_assert_eq!(delta.last_seen.nanos(), of_delta.iter().map(|e| e.nanos).max().unwrap());
            prop_assert_eq!(&delta.sample.event_time, &delta.first_seen.rfc3339());
        }
    }
}

fn event(nanos: i64, host: u8, message: &'static str) -> Event {
    Event {
        nanos,
        fingerprint: 7,
        error_type: "t",
        template: "x",
        job: "orders",
        host,
        task: "map",
        message,
    }
}

#[test]
fn repeats_inside_one_minute_fold_into_one_delta() {
    let events: Vec<_> = (0..10).map(|s| event(s * 1_000_000_000, 1, "m")).collect();
    let flush = flush(&events, 0);
    assert_eq!(flush.details.len(), 1);
    assert_eq!(flush.details[0].count, 10);
    assert_eq!(flush.stats.len(), 1);
    assert_eq!(flush.stats[0].dimensions.task, None);
}

#[test]
fn a_sample_is_made_once_for_a_later_repeat() {
    let mut folder = Folder::default();
    let first = event(1, 1, "m");
    let (identity, dimensions) = (identity(&first), dimensions(&first));
    let mut made = 0;
    for nanos in [10, 11, 12, 10] {
        folder.fold(
            EventTime::new(nanos, 9),
            &identity,
            &dimensions,
            || Some(1),
            || {
                made += 1;
                sample(&event(nanos, 1, "m"))
            },
        );
    }
    assert_eq!(made, 1);
}

#[test]
fn more_hosts_than_a_delta_keeps_are_marked_and_the_smallest_win() {
    let events: Vec<_> = (0..50).map(|host| event(5, host, "m")).collect();
    let flush = flush(&events, 0);
    let seen = &flush.details[0].seen_on;
    assert_eq!(seen.hosts.len(), SeenOn::LIMIT);
    assert!(seen.more);
    assert_eq!(&*seen.hosts[0], "host-0");
}

#[test]
fn a_job_without_a_name_keeps_its_id_in_the_rows() {
    let mut folder = Folder::default();
    let identity = identity(&event(1, 1, "m"));
    let dimensions = Arc::new(Dimensions {
        job_id: Some("3f1c".into()),
        cluster: Some("c".into()),
        ..Dimensions::default()
    });
    let source: Arc<str> = "s".into();
    folder.record(&source, 1);
    folder.ledger(&source).folded += 1;
    folder.fold(
        EventTime::new(1, 9),
        &identity,
        &dimensions,
        || None,
        || sample(&event(1, 1, "m")),
    );
    let flush = folder.take().unwrap();
    assert_eq!(flush.stats[0].dimensions.job().0, "3f1c");
    assert_eq!(&*flush.details[0].job, "3f1c");
}

#[test]
fn a_full_fold_says_so_and_begins_anew_after_a_flush() {
    let mut folder = Folder::new(FoldLimits {
        keys: 2,
        bytes: usize::MAX,
    });
    let mut interned = Interned::default();
    let source: Arc<str> = "s".into();
    add(&mut folder, &mut interned, &event(1, 1, "m"), &source);
    assert!(!folder.is_full());
    add(&mut folder, &mut interned, &event(1, 2, "m"), &source);
    assert!(folder.is_full());
    assert_eq!(folder.take().unwrap().details.len(), 1);
    assert!(folder.is_empty() && !folder.is_full());
    assert_eq!(folder.bytes(), 0);
}

fn reject(source: &Arc<str>, length: usize) -> Reject {
    Reject {
        source: Arc::clone(source),
        offset: 0,
        reason: Reason::InvalidJson,
        detail: "d".into(),
        length: length as u64,
        bytes: vec![b'x'; length],
        rejected_at: 0,
    }
}

#[test]
fn rejects_count_against_the_bytes_and_keep_only_so_much() {
    let mut folder = Folder::new(FoldLimits {
        keys: 10,
        bytes: 1024 * 1024,
    });
    let source: Arc<str> = "s".into();
    folder.record(&source, 1);
    folder.reject(reject(&source, 3 * 1024 * 1024));
    assert!(folder.is_full());
    let flush = folder.take().unwrap();
    assert_eq!(flush.rejects[0].bytes.len(), Reject::KEPT_BYTES);
    assert_eq!(flush.ledger[&source].rejected, 1);
}

#[test]
fn a_record_without_a_fate_stops_the_flush() {
    let mut folder = Folder::default();
    let source: Arc<str> = "s".into();
    folder.record(&source, 0);
    let broken = folder.take().unwrap_err();
    assert_eq!(&*broken.source_name, "s");
}

#[test]
fn an_event_missing_from_the_cells_stops_the_flush() {
    let mut folder = Folder::default();
    let source: Arc<str> = "s".into();
    folder.record(&source, 1);
    folder.ledger(&source).folded += 1;
    assert!(folder.take().is_err());
}
