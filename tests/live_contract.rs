//! The search node with Druid answers what the embedded store answers of the same records.
//!
//! Differences that are allowed, each with its reason:
//!
//! - Cursors: each store has its own. What pages hold together is compared.
//! - The order of what is equal in the order asked for: the embedded store takes the order in which things were first
//!   stored, the others their names. What stands between is compared.
//! - Which of several messages or stacks of one issue is found by its words: the embedded store keeps those that came
//!   first, the search node those that happened first. The searches here ask for what all of them say.
//! - Totals: bytes on disk, and how sources are called.
//!
//! Without servers the tests say so and pass; `SEISMOLOG_LIVE=required` makes them fail instead.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests: what fails here is meant to be seen"
)]

#[path = "live_contract/both.rs"]
mod both;
mod live;
#[path = "live_contract/speed.rs"]
mod speed;
mod synthetic;

use both::Both;
use seismolog::event::{EventTime, IssueId, Minute};
use seismolog::fold::{Flush, Sample, StatRow};
use seismolog::identity::Identity;
use seismolog::query::{FIELDS, Query};
use seismolog::store::{
    ErrorAsk, ErrorSort, ErrorsAsk, Issue, Job, JobsAsk, NewMarker, ReadError, Reader, StateChange, StoredSample,
    TREND_DIMENSIONS, TrendsAsk,
};
use serde_json::{Value, json};
use std::sync::Arc;
use synthetic::{Event, Numbers, World};

/// 2026-11-20T00:00:00Z
const DAY: i64 = 1_795_132_800_000;
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;
const END: i64 = DAY + 50 * HOUR;

fn some_events(count: usize, seed: u64) -> Vec<Event> {
    let mut numbers = Numbers(seed * 2 + 1);
    (0..count)
        .map(|_| Event {
            job: numbers.skewed(6),
            error: numbers.skewed(14),
            host: numbers.below(3),
            at: DAY + (numbers.next() % (50 * HOUR as u64)) as i64,
        })
        .collect()
}

/// An error whose texts are of other scripts and shapes than those of the world.
fn odd(message: &str, template: &str, class: &str, at: i64, number: usize) -> Flush {
    let mut world = World::new(8, 20, 3, 2);
    let event = Event {
        job: 7,
        error: 15 + number % 5,
        host: 1,
        at,
    };
    let mut flush = world.fold(&[event], 1);
    let identity = Arc::new(Identity {
        template: template.to_owned(),
        exception: Some(class.to_owned()),
        exception_chain: vec![class.to_owned()],
        exception_template: None,
        fingerprint: seismolog::event::Fingerprint(0x7000 + number as u128),
        ..synthetic::identity(event.error)
    });
    for delta in &mut flush.details {
        delta.identity = Arc::clone(&identity);
        delta.issue = IssueId::of(&delta.job, identity.fingerprint);
        delta.sample = Arc::new(Sample {
            message: message.to_owned(),
            stack: Some(format!("{class}: {message}\n\tat org.acme.Odd$Inner.run(Odd.java:1)\n")),
            ..(*delta.sample).clone()
        });
    }
    for row in &mut flush.stats {
        *row = StatRow {
            identity: Arc::clone(&identity),
            ..row.clone()
        };
    }
    flush
}

fn filled(name: &str, with_druid: bool) -> Option<Both> {
    let mut both = Both::new(name, with_druid)?;
    let events = some_events(1_500, 11);
    let mut world = World::new(6, 14, 3, 4);
    for (number, events) in events.chunks(400).enumerate() {
        both.apply(&world.fold(events, number as u64 + 1));
    }
    for (number, (message, template, class)) in [
        (
            "检查点超时 after 5s",
            "检查点超时 after <DURATION>",
            "com.acme.flow.CheckpointLost",
        ),
        (
            "HTTPServer v2 is gone: NoSuchHostKnown",
            "HTTPServer v2 is gone",
            "org.acme.Odd$NoClassDefFoundError",
        ),
        (
            "Job orders (0) switched from state RUNNING to RESTARTING.",
            "Job orders (<NUM>) switched from state RUNNING to RESTARTING.",
            "org.acme.Restart",
        ),
        (
            "path /data/Über-Job_1/part*?x=\\1 \"quoted\" lost",
            "path <PATH> lost",
            "org.acme.PathLost",
        ),
        ("", "", "org.acme.Silent"),
    ]
    .into_iter()
    .enumerate()
    {
        both.apply(&odd(message, template, class, END - (number as i64 + 2) * HOUR, number));
    }
    both.settle();
    Some(both)
}

/// Asks both; what may differ is taken out by `f`.
fn same<T: PartialEq + std::fmt::Debug>(both: &Both, what: &str, f: impl Fn(&Arc<dyn Reader>) -> T) {
    drop(both_say(both, what, f));
}

/// As [`same`], with the answer.
fn both_say<T: PartialEq + std::fmt::Debug>(both: &Both, what: &str, f: impl Fn(&Arc<dyn Reader>) -> T) -> T {
    let [embedded, served] = both.readers();
    let (wanted, found) = (f(&embedded), f(&served));
    if wanted != found {
        let (wanted, found) = (format!("{wanted:#?}"), format!("{found:#?}"));
        let line = wanted.lines().zip(found.lines()).position(|(a, b)| a != b).unwrap_or(0);
        let around = |text: &str| {
            text.lines()
                .skip(line.saturating_sub(12))
                .take(30)
                .collect::<Vec<_>>()
                .join("\n")
        };
        panic!(
            "{what}\n--- embedded\n{}\n--- search node\n{}",
            around(&wanted),
            around(&found)
        );
    }
    found
}

fn told<T>(answer: Result<T, ReadError>) -> Result<T, String> {
    answer.map_err(|error| match error {
        ReadError::NotFound(what) => format!("not found: {what}"),
        ReadError::BadRequest(why) => format!("bad request: {why}"),
        ReadError::Store(why) => format!("store: {why}"),
        ReadError::TimedOut(_) => "timed out".to_owned(),
    })
}

fn query(search: &str) -> Query {
    Query::parse(search).unwrap_or_else(|error| panic!("{}", error.pointed_at(search)))
}

/// All pages of a list, in an order that does not depend on how ties are broken.
fn list(
    reader: &Arc<dyn Reader>,
    search: &str,
    window: (i64, i64),
    sort: ErrorSort,
    limit: usize,
) -> Result<Vec<Value>, String> {
    let mut after = None;
    let mut all: Vec<Issue> = Vec::new();
    loop {
        let page = told(reader.errors(&ErrorsAsk {
            query: query(search),
            from: window.0,
            to: window.1,
            sort,
            limit,
            after,
            sparkline: 5,
            now: END,
        }))?;
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let key = |issue: &Issue| match sort {
        ErrorSort::LastSeen => issue.last_seen.clone(),
        ErrorSort::FirstSeen => issue.first_seen.clone(),
        ErrorSort::Count => format!("{:020}", issue.count),
    };
    assert!(
        all.windows(2).all(|pair| key(&pair[0]) >= key(&pair[1])),
        "{search} is not in order"
    );
    all.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.id.cmp(&b.id)));
    assert!(
        all.windows(2).all(|pair| pair[0].id != pair[1].id),
        "{search}: an issue twice"
    );
    Ok(all.iter().map(|issue| serde_json::to_value(issue).unwrap()).collect())
}

const SEARCHES: &[&str] = &[
    "",
    "could place",
    "\"could not place order\"",
    "\"order could\"",
    "kind3",
    "KIND3 customer1",
    "kind*",
    "of-kin*",
    "place-ord*",
    "*stomer2",
    "cust*mer2",
    "stock gone",
    "Placer1.place2",
    "-kind1 -kind2",
    "kind1 OR kind2",
    "(kind1 OR kind2) -customer0",
    "...",
    "检查点",
    "超",
    "点超时",
    "httpserver",
    "server",
    "host",
    "class found",
    "NoClassDefFoundError",
    "Odd$Inner.run",
    "über",
    "part*",
    "\"part*?x\"",
    "message:customer3",
    "message:[kind1,kind2]",
    "template:\"place order\"",
    "stack:Placer2",
    "stack:could",
    "error_type:oom_heap",
    "error_type:[oom_heap,kafka_timeout]",
    "error_type:OOM_*",
    "category:category-1 -error_type:unclassified",
    "severity:>=high",
    "severity:<medium",
    "severity:[low,info]",
    "part:noise OR part:symptom",
    "rule:*",
    "-has:rule",
    "exception:BadOrderCException",
    "exception:badorder*",
    "exception:com.acme.orders.BadOrderEException",
    "exception:NoClassDefFoundError",
    "exception_chain:JobException",
    "has:exception_chain",
    "-has:exception",
    "top_frame:place",
    "top_frame:Placer1*",
    "job:orders-1",
    "job:ORDERS-*",
    "job:*-2",
    "job:[orders-0,orders-3]",
    "job_name:orders-4",
    "job_id:*5",
    "cluster:cluster-1",
    "team:team-* -team:team-1",
    "-has:team",
    "has:namespace",
    "engine:flink engine_version:1.20.*",
    "role:jobmanager",
    "host:worker-1.acme.example",
    "host:worker-?.acme.example",
    "pod:*taskmanager-1-2",
    "has:container",
    "task:\"Source: orders -> Map 1\"",
    "subtask:2",
    "subtask:>2",
    "has:subtask",
    "level:error",
    "logger:ExecutionGraph",
    "logger:executiongraph*",
    "thread:*-dispatcher-1",
    "layout:log4j2_json",
    "fingerprint:1000000000000000000000000000000*",
    "fingerprint:10000000000000000000000000000003",
    "group:00000000000000000000000000000002",
    "id:*",
    "truncated:true",
    "truncated:false",
    "redactions:0",
    "redactions:>0",
    "redactions:<1",
    "redactions:<=1",
    "has:redactions",
    "has:stack",
    "-has:stack",
    "count:>20",
    "count:<5",
    "-count:>=5",
    "count:3 OR total:>100",
    "total:<=10",
    "recipe:>0",
    "first_seen:>-10h",
    "first_seen:<2026-11-20T02:00:00Z",
    "last_seen:>-30m",
    "last_seen:2026-11-21",
    "event_time:>-2h event_time:<2026-11-20T05:00:00Z",
    "is:new",
    "is:open",
    "is:resolved OR is:muted",
    "is:regressed",
    "state:mu*",
    "is:assigned",
    "assignee:ann*",
    "has:note",
    "has:assignee",
    "-is:new severity:>=high (kind1 OR has:team) count:>1",
];

const WINDOWS: &[(i64, i64)] = &[
    (DAY, END),
    (DAY + 7 * HOUR + 17 * MINUTE, DAY + 9 * HOUR + 3 * MINUTE),
    (DAY + 20 * HOUR, DAY + 20 * HOUR + 1),
];

fn lists_are_the_same(both: &Both) {
    let sorts = [ErrorSort::LastSeen, ErrorSort::FirstSeen, ErrorSort::Count];
    for (at, search) in SEARCHES.iter().enumerate() {
        // Every search over all of the time, and in turn over the other windows in every order.
        for (window, sort) in [(WINDOWS[0], sorts[at % 3]), (WINDOWS[1 + at % 2], sorts[at / 2 % 3])] {
            same(both, &format!("{search:?} {window:?} {sort:?}"), |reader| {
                list(reader, search, window, sort, 200)
            });
        }
    }
    for search in ["", "kind*", "severity:>=high", "-count:>=5"] {
        for window in &WINDOWS[..2] {
            for sort in sorts {
                same(both, &format!("pages of {search:?} {window:?} {sort:?}"), |reader| {
                    list(reader, search, *window, sort, 9)
                });
            }
        }
    }
    // Searches that find nothing would compare nothing.
    let [embedded, _] = both.readers();
    assert!(list(&embedded, "", WINDOWS[0], ErrorSort::Count, 200).unwrap().len() > 60);
    let empty: Vec<&&str> = SEARCHES
        .iter()
        .filter(|search| {
            list(&embedded, search, WINDOWS[0], ErrorSort::Count, 200)
                .unwrap()
                .is_empty()
        })
        .collect();
    assert!(empty.len() <= 15, "{empty:?}");
    for wrong in ["a*b* c*d", "\"a *b c\""] {
        drop(Query::parse(wrong).map(|query| {
            same(both, wrong, |reader| {
                told(reader.errors(&ErrorsAsk {
                    query: query.clone(),
                    from: DAY,
                    to: END,
                    limit: 5,
                    now: END,
                    ..ErrorsAsk::default()
                }))
                .map(|page| page.items.len())
            })
        }));
    }
}

fn issue_ids(both: &Both) -> Vec<IssueId> {
    let [embedded, _] = both.readers();
    let page = embedded
        .errors(&ErrorsAsk {
            from: DAY,
            to: END,
            sort: ErrorSort::Count,
            limit: 500,
            now: END,
            ..ErrorsAsk::default()
        })
        .unwrap();
    page.items.iter().map(|issue| issue.id).collect()
}

/// Kin of the same moment stand in no promised order.
fn kin(issues: &[Issue]) -> Vec<Value> {
    let mut issues = issues.to_vec();
    issues.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.id.cmp(&b.id)));
    issues
        .iter()
        .map(|issue| serde_json::to_value(issue).unwrap())
        .collect()
}

fn one_issue_is_the_same(both: &Both) {
    // The loudest, the quietest and some in between.
    for id in issue_ids(both).into_iter().step_by(4) {
        for (from, to) in WINDOWS {
            same(both, &format!("issue {id}"), |reader| {
                let detail = told(reader.error(&ErrorAsk {
                    id,
                    from: *from,
                    to: *to,
                    kin: 50,
                }))?;
                let mut told = serde_json::to_value(&detail).unwrap();
                told["same_fingerprint"] = json!(kin(&detail.same_fingerprint));
                told["same_group"] = json!(kin(&detail.same_group));
                Ok::<_, String>(told)
            });
        }
        let samples = both_say(both, &format!("samples of {id}"), |reader| {
            let mut all: Vec<StoredSample> = Vec::new();
            let mut after = None;
            loop {
                let page = told(reader.samples(id, 17, after.as_deref()))?;
                assert!(page.items.len() <= 17);
                all.extend(page.items);
                after = page.next;
                if after.is_none() {
                    return Ok::<_, String>(serde_json::to_value(&all).unwrap());
                }
            }
        });
        assert!(!samples.unwrap().as_array().unwrap().is_empty());
        same(both, &format!("notes of {id}"), |reader| told(reader.notes(id)));
    }
    let unknown = IssueId(5);
    same(both, "an unknown issue", |reader| {
        let ask = ErrorAsk {
            id: unknown,
            from: DAY,
            to: END,
            kin: 3,
        };
        (
            told(reader.error(&ask)).map(|_| ()),
            told(reader.samples(unknown, 3, None)).map(|_| ()),
            told(reader.notes(unknown)),
        )
    });
    same(both, "a cursor that is none", |reader| {
        let ask = ErrorsAsk {
            from: DAY,
            to: END,
            limit: 5,
            after: Some("zz".to_owned()),
            ..ErrorsAsk::default()
        };
        (
            told(reader.errors(&ask)).map(|_| ()),
            told(reader.samples(unknown, 3, Some("zz"))).map(|_| ()).is_err(),
            told(reader.rejects(3, Some("zz"))).map(|_| ()),
        )
    });
}

fn jobs_are_the_same(both: &Both) {
    for (from, to) in WINDOWS {
        for (name, limit) in [("", 50), ("", 2), ("ORDERS-1", 50), ("nothing", 5)] {
            let jobs = both_say(both, &format!("jobs {from}..{to} {name:?}"), |reader| {
                let mut all: Vec<Job> = Vec::new();
                let mut after = None;
                loop {
                    let page = told(reader.jobs(&JobsAsk {
                        from: *from,
                        to: *to,
                        name: name.to_owned(),
                        limit,
                        after,
                        sparkline: 24,
                    }))?;
                    assert!(page.items.len() <= limit);
                    all.extend(page.items);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert!(all.windows(2).all(|pair| pair[0].health <= pair[1].health));
                all.sort_by(|a, b| (a.health, u64::MAX - a.count, &a.job).cmp(&(b.health, u64::MAX - b.count, &b.job)));
                Ok::<_, String>(serde_json::to_value(&all).unwrap())
            });
            if name.is_empty() && *from == DAY {
                let jobs = jobs.unwrap();
                assert!(
                    jobs.as_array().unwrap().iter().any(|job| job["restarts"] != json!(0)),
                    "{jobs}"
                );
            }
        }
        for job in ["orders-0", "orders-3", "orders-7", "ORDERS-0", "unknown"] {
            same(both, &format!("job {job}"), |reader| {
                let detail = told(reader.job(job, *from, *to))?;
                let mut told = serde_json::to_value(&detail).unwrap();
                let counts: Vec<u64> = detail.top_errors.iter().map(|issue| issue.count).collect();
                assert!(counts.windows(2).all(|pair| pair[0] >= pair[1]));
                // Of those with as many events as the last, others may have been taken.
                let last = counts.last().copied().unwrap_or(0);
                let sure = detail
                    .top_errors
                    .iter()
                    .filter(|issue| issue.count > last || counts.len() < 20);
                let mut sure: Vec<&Issue> = sure.collect();
                sure.sort_by_key(|issue| (u64::MAX - issue.count, issue.id));
                told["top_errors"] = json!([counts, sure]);
                Ok::<_, String>(told)
            });
        }
    }
}

fn trends_are_the_same(both: &Both, dimensions: &[&str], searches: &[&str]) {
    for by in dimensions {
        for search in searches {
            for (step, top, (from, to)) in [
                (60, 200, WINDOWS[0]),
                (7, 4, WINDOWS[1]),
                (1, 200, (DAY + 3 * HOUR, DAY + 4 * HOUR + 30 * MINUTE)),
            ] {
                same(
                    both,
                    &format!("by {by} {search:?} every {step} min, top {top}"),
                    |reader| {
                        let mut trends = told(reader.trends(&TrendsAsk {
                            by: (*by).to_owned(),
                            step_minutes: step,
                            from,
                            to,
                            query: query(search),
                            top,
                            now: END,
                        }))?;
                        trends
                            .series
                            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
                        // Of values with as many events as the last one shown, others may have been taken.
                        let cut = trends.series.len() == top;
                        let last = trends.series.last().map_or(0, |series| series.count);
                        let tie = trends
                            .series
                            .iter()
                            .filter(|series| cut && series.count == last)
                            .count();
                        if tie > 0 {
                            trends.series.retain(|series| series.count > last);
                            trends.other.clear();
                        }
                        Ok::<_, String>((tie, serde_json::to_value(&trends).unwrap()))
                    },
                );
            }
        }
    }
    same(both, "a dimension that is none", |reader| {
        told(reader.trends(&TrendsAsk {
            by: "weather".to_owned(),
            step_minutes: 1,
            from: DAY,
            to: END,
            query: Query::default(),
            top: 5,
            now: END,
        }))
        .map(|_| ())
    });
}

fn values_are_the_same(both: &Both, but: &[&str]) {
    let names = FIELDS.iter().map(|field| field.name).filter(|name| !but.contains(name));
    for name in names.chain(["weather"]) {
        for prefix in ["", "o", "ORDERS-", "com.acme", "1", "*"] {
            same(both, &format!("values of {name} with {prefix:?}"), |reader| {
                told(reader.values(name, prefix, 1_000))
            });
        }
    }
}

fn totals_are_the_same(both: &Both) {
    same(both, "totals", |reader| {
        told(reader.totals()).map(|mut totals| {
            assert!(totals.bytes > 0 && totals.ledger.adds_up());
            totals.bytes = 0;
            totals.sources.iter_mut().for_each(|(name, _)| name.clear());
            serde_json::to_value(&totals).unwrap()
        })
    });
}

fn everybody_says_the_same(both: &mut Both) {
    let ids = issue_ids(both);
    let now = END;
    let changes = [
        (ids[0], StateChange::Resolve),
        (
            ids[1],
            StateChange::Mute {
                until: Some(now + HOUR),
                events: None,
                minutes: None,
            },
        ),
        (
            ids[2],
            StateChange::Mute {
                until: None,
                events: Some(3),
                minutes: Some(10),
            },
        ),
        (
            ids[3],
            StateChange::Assign {
                to: Some(" Anna ".to_owned()),
            },
        ),
        (
            ids[4],
            StateChange::Note {
                text: Some("see the runbook".to_owned()),
            },
        ),
        (ids[5], StateChange::Resolve),
        (ids[5], StateChange::Reopen),
        (ids[6], StateChange::Resolve),
        (
            ids[6],
            StateChange::Assign {
                to: Some("ann".to_owned()),
            },
        ),
        (
            ids[7],
            StateChange::Mute {
                until: None,
                events: None,
                minutes: None,
            },
        ),
        (
            ids[3],
            StateChange::Note {
                text: Some("x".to_owned()),
            },
        ),
        (ids[3], StateChange::Note { text: None }),
        (
            ids[8],
            StateChange::Mute {
                until: Some(now - 1),
                events: None,
                minutes: None,
            },
        ),
        (
            ids[8],
            StateChange::Mute {
                until: None,
                events: Some(1),
                minutes: None,
            },
        ),
        (
            ids[8],
            StateChange::Mute {
                until: None,
                events: Some(0),
                minutes: Some(5),
            },
        ),
        (
            ids[8],
            StateChange::Assign {
                to: Some("x".repeat(201)),
            },
        ),
        (IssueId(5), StateChange::Resolve),
    ];
    for (id, change) in changes {
        let [wanted, found] = both
            .editors()
            .map(|editor| editor.set_state(id, &change, now).map_err(|error| error.to_string()));
        assert_eq!(wanted, found, "{change:?}");
        same(both, &format!("notes after {change:?}"), |reader| {
            told(reader.notes(id))
        });
    }
    lists_with_states_are_the_same(both);
    // Seen again: the resolved one regresses, the muted one is told once it has its three events.
    let [embedded, _] = both.readers();
    let of = |id: IssueId| {
        let ask = ErrorAsk {
            id,
            from: DAY,
            to: END,
            kin: 0,
        };
        let issue = embedded.error(&ask).unwrap().issue;
        let job: usize = issue.job.trim_start_matches("orders-").parse().unwrap();
        let error = (issue.fingerprint.0 - synthetic::identity(0).fingerprint.0) as usize;
        (job, error)
    };
    let again = |(job, error): (usize, usize), at: i64| Event {
        job,
        error,
        host: 1,
        at,
    };
    let (resolved, muted, until) = (of(ids[0]), of(ids[2]), of(ids[1]));
    let mut world = World::new(6, 14, 3, 4);
    for (number, events) in [
        vec![
            again(resolved, END + MINUTE),
            again(muted, END + MINUTE),
            again(until, END + MINUTE),
        ],
        // The later minute first: what comes in any order counts the same.
        vec![again(muted, END + 4 * MINUTE), again(muted, END + 3 * MINUTE)],
        vec![again(until, END + 2 * HOUR)],
    ]
    .into_iter()
    .enumerate()
    {
        both.apply(&world.fold(&events, 100 + number as u64));
        both.settle();
        for id in &ids[..9] {
            same(both, &format!("notes of {id} after flush {number}"), |reader| {
                told(reader.notes(*id))
            });
        }
        lists_with_states_are_the_same(both);
    }
    let [embedded, _] = both.readers();
    let state = |id: IssueId| serde_json::to_value(embedded.notes(id).unwrap()).unwrap()["state"].clone();
    assert_eq!(
        [state(ids[0]), state(ids[1]), state(ids[2])],
        [json!("regressed"), json!("open"), json!("open")]
    );
}

fn lists_with_states_are_the_same(both: &Both) {
    for search in SEARCHES.iter().filter(|search| {
        ["is:", "state:", "assign", "note", "new"]
            .iter()
            .any(|word| search.contains(word))
            || search.is_empty()
    }) {
        same(both, search, |reader| {
            list(reader, search, (DAY, END + 3 * HOUR), ErrorSort::LastSeen, 100)
        });
    }
}

fn markers_are_the_same(both: &Both) {
    let marker = |at: i64, until: Option<i64>, title: &str, job: Option<&str>| NewMarker {
        at,
        until,
        title: title.to_owned(),
        text: None,
        job: job.map(str::to_owned),
        kind: " ".to_owned(),
    };
    for new in [
        marker(DAY, None, "release 1", None),
        marker(DAY + HOUR, Some(DAY + 2 * HOUR), " release 2 ", Some("orders-0")),
        marker(DAY + HOUR, None, "release 3", Some("orders-1")),
        marker(DAY + HOUR, Some(DAY), "backwards", None),
        marker(DAY + HOUR, None, " ", None),
    ] {
        let [wanted, found] = both
            .editors()
            .map(|editor| editor.add_marker(&new).map_err(|error| error.to_string()));
        assert_eq!(wanted, found);
    }
    let ask = |what: &str| {
        for (from, to, job) in [
            (DAY, END, None),
            (DAY, END, Some("orders-0")),
            (DAY + 90 * MINUTE, END, None),
            (DAY + 3 * HOUR, END, None),
        ] {
            same(both, what, |reader| told(reader.markers(from, to, job)));
        }
    };
    ask("markers");
    for id in [2, 2, 77] {
        let [wanted, found] = both
            .editors()
            .map(|editor| editor.remove_marker(id).map_err(|error| error.to_string()));
        assert_eq!(wanted, found);
    }
    ask("markers after one went");
}

#[test]
fn the_search_node_and_druid_answer_as_the_embedded_store_does() {
    let Some(mut both) = filled("all", true) else { return };
    lists_are_the_same(&both);
    one_issue_is_the_same(&both);
    jobs_are_the_same(&both);
    let by_issue = [
        "kind3 OR kind1",
        "logger:ExecutionGraph host:worker-1.acme.example",
        "is:open -kind2",
        "-(customer1 OR role:jobmanager)",
        "count:>20 severity:>=medium",
        "has:stack -team:team-1",
        "nowhere",
        "-has:stack",
    ];
    trends_are_the_same(
        &both,
        TREND_DIMENSIONS,
        &["", "host:worker-1*", "-team:team-1 severity:>=high", "kind3"],
    );
    trends_are_the_same(&both, &["host", "job", "error_type"], &by_issue);
    values_are_the_same(&both, &[]);
    totals_are_the_same(&both);
    markers_are_the_same(&both);
    everybody_says_the_same(&mut both);
}

#[test]
fn without_druid_all_but_hosts_and_roles_is_the_same() {
    let Some(both) = filled("alone", false) else { return };
    let dimensions: Vec<&str> = TREND_DIMENSIONS
        .iter()
        .copied()
        .filter(|by| !["host", "role"].contains(by))
        .collect();
    trends_are_the_same(
        &both,
        &dimensions,
        &[
            "",
            "-team:team-1 severity:>=high",
            "kind3",
            "is:open -kind2",
            "count:>20 has:team",
        ],
    );
    values_are_the_same(&both, &["host", "role"]);
    totals_are_the_same(&both);
    for (by, search) in [("host", ""), ("job", "role:jobmanager")] {
        let [_, served] = both.readers();
        let refused = served.trends(&TrendsAsk {
            by: by.to_owned(),
            step_minutes: 60,
            from: DAY,
            to: END,
            query: query(search),
            top: 5,
            now: END,
        });
        assert!(matches!(refused, Err(ReadError::BadRequest(_))), "{refused:?}");
    }
}

#[test]
fn an_empty_search_node_has_empty_answers() {
    let Some(both) = Both::new("empty", false) else { return };
    same(&both, "nothing", |reader| {
        list(reader, "kind3", (DAY, END), ErrorSort::Count, 5)
    });
    same(&both, "nothing by time", |reader| {
        list(reader, "", (DAY, END), ErrorSort::LastSeen, 5)
    });
    same(&both, "no jobs", |reader| {
        let ask = JobsAsk {
            from: DAY,
            to: END,
            limit: 5,
            sparkline: 3,
            ..JobsAsk::default()
        };
        told(reader.jobs(&ask)).map(|page| page.items.len())
    });
    same(&both, "no markers", |reader| told(reader.markers(DAY, END, None)));
    same(&both, "no rejects", |reader| {
        told(reader.rejects(5, None)).map(|page| page.items.len())
    });
    same(&both, "no values", |reader| told(reader.values("job", "", 5)));
}

#[test]
fn a_detail_of_another_minute_is_no_part_of_the_window() {
    let Some(mut both) = Both::new("edge", false) else {
        return;
    };
    let mut world = World::new(2, 2, 1, 1);
    let events: Vec<Event> = [0, MINUTE - 1, MINUTE, 2 * MINUTE, 24 * HOUR - 1, 24 * HOUR]
        .into_iter()
        .map(|at| Event {
            job: 0,
            error: 0,
            host: 0,
            at: DAY + at,
        })
        .collect();
    assert_eq!(EventTime::from_millis(DAY).minute(), Minute(DAY / MINUTE));
    both.apply(&world.fold(&events, 1));
    both.settle();
    for (from, to) in [
        (0, 1),
        (1, MINUTE),
        (MINUTE, 2 * MINUTE),
        (MINUTE, 2 * MINUTE + 1),
        (3 * MINUTE, 23 * HOUR),
        (23 * HOUR, 25 * HOUR),
    ] {
        for sort in [ErrorSort::LastSeen, ErrorSort::Count] {
            same(&both, &format!("{from}..{to}"), |reader| {
                list(reader, "", (DAY + from, DAY + to), sort, 5)
            });
        }
    }
}
