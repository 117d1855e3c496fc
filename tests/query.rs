//! Every operator of the search language, asked of the store.
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

use seismolog::event::Severity;
use seismolog::query::{FIELDS, Kind, Query};
use seismolog::store::{ErrorSort, ErrorsAsk, ReadError, Store, StoreOptions, TrendsAsk};
use std::collections::BTreeSet;
use synthetic::{Event, Numbers, World};

/// 2026-11-20T00:00:00Z
const DAY: i64 = 1_795_132_800_000;
const HOUR: i64 = 3_600_000;
const NOW: i64 = DAY + 30 * HOUR;

struct Answers {
    _folder: tempfile::TempDir,
    store: Store,
    events: Vec<Event>,
}

fn answers() -> Answers {
    let mut numbers = Numbers(77);
    let events: Vec<Event> = (0..900)
        .map(|_| Event {
            job: numbers.skewed(12),
            error: numbers.skewed(30),
            host: numbers.below(3),
            at: DAY + (numbers.next() % (30 * 3_600_000)) as i64,
        })
        .collect();
    let mut world = World::new(12, 30, 3, 6);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut writer = store.writer();
    for (number, batch) in events.chunks(130).enumerate() {
        writer.apply(&world.fold(batch, number as u64 + 1)).unwrap();
    }
    Answers {
        _folder: folder,
        store,
        events,
    }
}

impl Answers {
    fn ask(&self, search: &str) -> Result<BTreeSet<(String, String)>, ReadError> {
        let page = self.store.reader().errors(&ErrorsAsk {
            query: Query::parse(search).unwrap_or_else(|error| panic!("{}", error.pointed_at(search))),
            from: DAY,
            to: NOW,
            sort: ErrorSort::LastSeen,
            limit: 500,
            after: None,
            sparkline: 0,
            now: NOW,
        })?;
        Ok(page
            .items
            .into_iter()
            .map(|issue| (issue.job, issue.fingerprint.to_string()))
            .collect())
    }

    /// The issues of which `keep` holds, given all their events.
    fn expected(&self, keep: impl Fn(usize, usize, &[Event]) -> bool) -> BTreeSet<(String, String)> {
        synthetic::issues(&self.events)
            .into_iter()
            .filter(|(job, error)| {
                let own: Vec<Event> = self
                    .events
                    .iter()
                    .copied()
                    .filter(|e| e.job == *job && e.error == *error)
                    .collect();
                keep(*job, *error, &own)
            })
            .map(|(job, error)| (synthetic::job(job), synthetic::identity(error).fingerprint.to_string()))
            .collect()
    }
}

type Keep = Box<dyn Fn(usize, usize, &[Event]) -> bool>;

fn keep(keep: impl Fn(usize, usize, &[Event]) -> bool + 'static) -> Keep {
    Box::new(keep)
}

#[test]
fn every_operator_finds_what_it_says() {
    let answers = answers();
    let exception = |error: usize| synthetic::exception(error).unwrap_or_default();
    let cases: Vec<(&str, Keep)> = vec![
        ("", keep(|_, _, _| true)),
        // Values, any case, wildcards, lists.
        ("job:orders-3", keep(|job, _, _| job == 3)),
        ("JOB:ORDERS-3", keep(|job, _, _| job == 3)),
        ("job:\"orders-3\"", keep(|job, _, _| job == 3)),
        ("job:orders-1*", keep(|job, _, _| job == 1 || job >= 10)),
        ("job:*-1", keep(|job, _, _| job == 1)),
        ("job:*", keep(|_, _, _| true)),
        ("job:[orders-1, orders-2]", keep(|job, _, _| job == 1 || job == 2)),
        ("job:orders-99", keep(|_, _, _| false)),
        ("job_name:orders-3", keep(|job, _, _| job == 3)),
        ("job_id:*3", keep(|job, _, _| format!("{job:032x}").ends_with('3'))),
        (
            "error_type:oom_heap",
            keep(|_, error, _| synthetic::error_type(error) == "oom_heap"),
        ),
        (
            "rule:oom_*",
            keep(|_, error, _| synthetic::error_type(error) == "oom_heap"),
        ),
        ("category:category-1", keep(|_, error, _| error % 4 == 1)),
        (
            "severity:High",
            keep(|_, error, _| synthetic::severity(error) == Severity::High),
        ),
        (
            "severity:>=high",
            keep(|_, error, _| synthetic::severity(error) >= Severity::High),
        ),
        (
            "severity:<medium",
            keep(|_, error, _| synthetic::severity(error) < Severity::Medium),
        ),
        (
            "severity:[low,info]",
            keep(|_, error, _| synthetic::severity(error) <= Severity::Low),
        ),
        (
            "part:root",
            keep(|_, error, _| synthetic::part(error).as_str() == "root"),
        ),
        ("cluster:cluster-1", keep(|job, _, _| job % 3 == 1)),
        (
            "team:team-1",
            keep(|job, _, _| synthetic::team(job).as_deref() == Some("team-1")),
        ),
        ("engine:flink", keep(|_, _, _| true)),
        ("engine_version:1.20*", keep(|_, _, _| true)),
        (
            "role:jobmanager",
            keep(|_, _, own| own.iter().any(|event| event.host == 0)),
        ),
        (
            "host:worker-2.*",
            keep(|_, _, own| own.iter().any(|event| event.host == 2)),
        ),
        // Found by whole name and by last part.
        (
            "exception:com.acme.orders.BadOrderCException",
            keep(move |_, error, _| exception(error).ends_with("BadOrderCException")),
        ),
        (
            "exception:badordercexception",
            keep(move |_, error, _| exception(error).ends_with("BadOrderCException")),
        ),
        ("exception:Bad*", keep(move |_, error, _| !exception(error).is_empty())),
        (
            "exception_chain:JobException",
            keep(move |_, error, _| !exception(error).is_empty()),
        ),
        (
            "top_frame:com.acme.orders.Placer4.place",
            keep(move |_, error, _| error == 4),
        ),
        ("top_frame:place", keep(move |_, error, _| !exception(error).is_empty())),
        // Ids.
        (
            "fingerprint:10000000000000000000000000000005",
            keep(|_, error, _| error == 5),
        ),
        (
            "fingerprint:1000*5",
            keep(|_, error, _| format!("{:x}", error).ends_with('5')),
        ),
        (
            "group:00000000000000000000000000000003",
            keep(|_, error, _| error % 9 == 2),
        ),
        // Of samples.
        ("level:error", keep(|_, _, _| true)),
        ("logger:ExecutionGraph", keep(|_, _, _| true)),
        ("layout:log4j2*", keep(|_, _, _| true)),
        ("task:\"Source: orders -> Map 1\"", keep(|_, error, _| error % 3 == 1)),
        ("truncated:true", keep(|_, error, _| error % 11 == 5)),
        ("truncated:false", keep(|_, error, _| error % 11 != 5)),
        ("redactions:>0", keep(|_, error, _| error % 13 == 7)),
        ("redactions:0", keep(|_, error, _| error % 13 != 7)),
        ("recipe:1", keep(|_, _, _| true)),
        ("recipe:>1", keep(|_, _, _| false)),
        // Numbers and times.
        ("count:>5", keep(|_, _, own| own.len() > 5)),
        ("count:1", keep(|_, _, own| own.len() == 1)),
        ("total:[1,2]", keep(|_, _, own| own.len() <= 2)),
        ("total:>=3 total:<6", keep(|_, _, own| (3..6).contains(&own.len()))),
        (
            "first_seen:>-6h",
            keep(|_, _, own| own.iter().all(|event| event.at > NOW - 6 * HOUR)),
        ),
        (
            "first_seen:-6h",
            keep(|_, _, own| own.iter().all(|event| event.at >= NOW - 6 * HOUR)),
        ),
        (
            "last_seen:<2026-11-20T10:00:00Z",
            keep(|_, _, own| own.iter().all(|event| event.at < DAY + 10 * HOUR)),
        ),
        (
            "last_seen:2026-11-21",
            keep(|_, _, own| own.iter().any(|event| event.at >= DAY + 24 * HOUR)),
        ),
        (
            "event_time:<2026-11-20T03:00",
            keep(|_, _, own| own.iter().any(|event| event.at < DAY + 3 * HOUR)),
        ),
        (
            "is:new",
            keep(|_, _, own| own.iter().all(|event| event.at >= NOW - 24 * HOUR)),
        ),
        ("is:open", keep(|_, _, _| true)),
        ("is:resolved", keep(|_, _, _| false)),
        ("state:[open,muted]", keep(|_, _, _| true)),
        // Presence.
        ("has:stack", keep(move |_, error, _| !exception(error).is_empty())),
        ("has:exception", keep(move |_, error, _| !exception(error).is_empty())),
        ("-has:team", keep(|job, _, _| job % 4 == 0)),
        ("has:namespace", keep(|_, _, _| false)),
        (
            "has:rule",
            keep(|_, error, _| synthetic::error_type(error) != "unclassified"),
        ),
        (
            "has:exception_chain",
            keep(move |_, error, _| !exception(error).is_empty()),
        ),
        ("has:message has:job has:pod", keep(|_, _, _| true)),
        // Text: words, parts of names, phrases, prefixes, wildcards.
        ("kind7", keep(|_, error, _| error == 7)),
        ("KIND7", keep(|_, error, _| error == 7)),
        ("kind", keep(|_, _, _| true)),
        ("kind1*", keep(|_, error, _| error == 1 || (10..20).contains(&error))),
        ("ki*d7", keep(|_, error, _| error == 7)),
        ("*ind7", keep(|_, error, _| error == 7)),
        ("\"place order\"", keep(|_, _, _| true)),
        ("\"order place\"", keep(|_, _, _| false)),
        ("order place", keep(|_, _, _| true)),
        (
            "BadOrderCException",
            keep(move |_, error, _| exception(error).ends_with("BadOrderCException")),
        ),
        (
            "com.acme.orders.BadOrderC*",
            keep(move |_, error, _| exception(error).ends_with("BadOrderCException")),
        ),
        ("Bad", keep(move |_, error, _| !exception(error).is_empty())),
        ("com.acme.orders.Placer4.place3", keep(move |_, error, _| error == 4)),
        ("customer5", keep(|job, _, own| job == 5 && !own.is_empty())),
        ("message:customer5", keep(|job, _, _| job == 5)),
        ("template:customer5", keep(|_, _, _| false)),
        ("template:\"order <NUM> of kind3\"", keep(|_, error, _| error == 3)),
        ("stack:Placer4", keep(|_, error, _| error == 4)),
        ("message:Placer4", keep(|_, _, _| false)),
        (
            "stack:\"JobException: Recovery is suppressed\"",
            keep(move |_, error, _| !exception(error).is_empty()),
        ),
        ("\"?!\"", keep(|_, _, _| false)),
        // Together.
        ("kind7 OR kind8", keep(|_, error, _| error == 7 || error == 8)),
        ("kind7 kind8", keep(|_, _, _| false)),
        ("-kind7", keep(|_, error, _| error != 7)),
        (
            "NOT (kind7 OR job:orders-1)",
            keep(|job, error, _| error != 7 && job != 1),
        ),
        (
            "job:orders-1 AND (kind1 OR kind2) -host:worker-0*",
            keep(|job, error, own| job == 1 && (error == 1 || error == 2) && own.iter().all(|event| event.host != 0)),
        ),
        (
            "kind1 job:orders-0 OR kind2 job:orders-1",
            keep(|job, error, _| (error, job) == (1, 0) || (error, job) == (2, 1)),
        ),
    ];
    for (search, keep) in cases {
        assert_eq!(answers.ask(search).unwrap(), answers.expected(keep), "{search}");
    }
}

#[test]
fn a_search_in_trends_counts_events_and_not_whole_issues() {
    let answers = answers();
    let count = |search: &str| -> u64 {
        let ask = TrendsAsk {
            by: "severity".to_owned(),
            step_minutes: 60,
            from: DAY,
            to: NOW,
            query: Query::parse(search).unwrap(),
            top: 10,
            now: NOW,
        };
        answers.store.reader().trends(&ask).unwrap().total.iter().sum()
    };
    let events = |keep: &dyn Fn(&Event) -> bool| answers.events.iter().filter(|event| keep(event)).count() as u64;
    assert_eq!(count("host:worker-1*"), events(&|event| event.host == 1));
    assert_eq!(count("-host:worker-1*"), events(&|event| event.host != 1));
    assert_eq!(
        count("role:taskmanager kind3"),
        events(&|event| event.host != 0 && event.error == 3)
    );
    assert_eq!(
        count("has:team OR job:orders-0"),
        events(&|event| event.job % 4 != 0 || event.job == 0)
    );
    assert_eq!(count("customer2"), events(&|event| event.job == 2));
}

#[test]
fn text_of_other_scripts_is_found_by_any_piece() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut world = World::new(2, 2, 1, 2);
    let event = |job| Event {
        job,
        error: 1,
        host: 0,
        at: DAY,
    };
    let mut flush = world.fold(&[event(0), event(1)], 1);
    for (delta, message) in flush
        .details
        .iter_mut()
        .zip(["检查点 17 超时,作业已重启", "Überlauf im Puffer: größe"])
    {
        let mut sample = delta.sample.as_ref().clone();
        sample.message = message.to_owned();
        delta.sample = sample.into();
    }
    store.writer().apply(&flush).unwrap();
    let answers = Answers {
        _folder: folder,
        store,
        events: Vec::new(),
    };
    for (search, found) in [
        ("检查点", true),
        ("查点", true),
        ("重", true),
        ("启", true),
        ("\"作业已重启\"", true),
        ("点检", false),
    ] {
        assert_eq!(!answers.ask(search).unwrap().is_empty(), found, "{search}");
    }
    for search in ["überlauf", "ÜBERLAUF", "GRÖSSE OR größe", "Puff*"] {
        assert!(!answers.ask(search).unwrap().is_empty(), "{search}");
    }
}

#[test]
fn a_wildcard_that_cannot_be_asked_says_so() {
    let answers = answers();
    for search in ["com.*.orders", "*"] {
        match answers.ask(search) {
            Err(ReadError::BadRequest(message)) => assert!(!message.is_empty()),
            Ok(_) => {}
            other => panic!("{search}: {other:?}"),
        }
    }
}

#[test]
fn every_key_can_be_asked_for() {
    let answers = answers();
    for field in FIELDS {
        let value = match field.kind {
            Kind::Text | Kind::Word | Kind::Dotted => "x*",
            Kind::Enum => "*",
            Kind::Id => "0*",
            Kind::Number => ">3",
            Kind::Time => ">-1h",
            Kind::Bool => "true",
        };
        answers.ask(&format!("{}:{value}", field.name)).unwrap();
        answers.ask(&format!("has:{}", field.name)).unwrap();
        assert!(field.doc.ends_with('.'), "{}", field.name);
    }
}
