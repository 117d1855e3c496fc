//! How fast the search node answers: 100,000 details (or `SEISMOLOG_SPEED_DETAILS`), every kind of question.

use super::both::Node;
use super::synthetic::{Event, Numbers, World};
use super::{DAY, HOUR, query, told};
use seismolog::store::elastic_druid::reader::ElasticDruidReader;
use seismolog::store::{ErrorAsk, ErrorSort, ErrorsAsk, JobsAsk, Reader, TrendsAsk};
use std::time::{Duration, Instant};

const TIMES: usize = 20;

/// At the 95th percentile of twenty.
const LIMIT: Duration = Duration::from_millis(300);

#[test]
#[ignore = "fills a search node for minutes; a measurement, to be taken on a machine with nothing else to do"]
fn a_hundred_thousand_details_are_answered_within_the_limit() {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let Some(mut node) = Node::new(&format!("t-reader-speed-{now}")) else {
        return;
    };
    let wanted = std::env::var("SEISMOLOG_SPEED_DETAILS").ok();
    let wanted: usize = wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(100_000);
    let mut numbers = Numbers(77);
    let mut world = World::new(200, 400, 40, 12);
    let mut details = 0;
    let begun = Instant::now();
    while details < wanted {
        let events: Vec<Event> = (0..10_000.min(wanted))
            .map(|_| Event {
                job: numbers.skewed(200),
                error: numbers.skewed(400),
                host: numbers.below(40),
                at: DAY + (numbers.next() % (24 * HOUR as u64)) as i64,
            })
            .collect();
        let flush = world.fold(&events, 1);
        details += flush.details.len();
        node.apply(&flush);
    }
    node.refresh();
    eprintln!("{details} details stored in {:?}", begun.elapsed());
    let reader = ElasticDruidReader::connect(&node.config, None).unwrap();
    let errors = |search: &str, sort: ErrorSort| {
        let ask = ErrorsAsk {
            query: query(search),
            from: DAY,
            to: DAY + 24 * HOUR,
            sort,
            limit: 50,
            after: None,
            sparkline: 24,
            now: DAY + 24 * HOUR,
        };
        told(reader.errors(&ask)).unwrap()
    };
    let totals = reader.totals().unwrap();
    eprintln!("{} issues, {} MB", totals.issues, totals.bytes / 1_000_000);
    let id = errors("", ErrorSort::Count).items[0].id;
    let trend = |by: &str, search: &str, step: i64| {
        let ask = TrendsAsk {
            by: by.to_owned(),
            step_minutes: step,
            from: DAY,
            to: DAY + 24 * HOUR,
            query: query(search),
            top: 10,
            now: DAY + 24 * HOUR,
        };
        told(reader.trends(&ask)).unwrap();
    };
    let jobs = JobsAsk {
        from: DAY,
        to: DAY + 24 * HOUR,
        limit: 50,
        sparkline: 24,
        ..JobsAsk::default()
    };
    let questions: &[(&str, &dyn Fn())] = &[
        ("errors, last seen", &|| drop(errors("", ErrorSort::LastSeen))),
        ("errors, count", &|| drop(errors("", ErrorSort::Count))),
        ("errors with words", &|| {
            drop(errors("kind3 customer1", ErrorSort::LastSeen))
        }),
        ("errors with words by count", &|| {
            drop(errors("could place", ErrorSort::Count))
        }),
        ("errors, many conditions", &|| {
            drop(errors(
                "severity:>=high -team:team-1 host:worker-1* (kind* OR has:stack)",
                ErrorSort::FirstSeen,
            ));
        }),
        ("errors with counts", &|| drop(errors("count:>50", ErrorSort::Count))),
        ("one error", &|| {
            let ask = ErrorAsk {
                id,
                from: DAY,
                to: DAY + 24 * HOUR,
                kin: 10,
            };
            drop(told(reader.error(&ask)).unwrap());
        }),
        ("samples", &|| drop(told(reader.samples(id, 20, None)).unwrap())),
        ("trends by type", &|| trend("error_type", "", 15)),
        ("trends by job with words", &|| trend("job", "kind3", 15)),
        ("jobs", &|| drop(told(reader.jobs(&jobs)).unwrap())),
        ("one job", &|| {
            drop(told(reader.job("orders-0", DAY, DAY + 24 * HOUR)).unwrap())
        }),
        ("values of hosts", &|| {
            drop(told(reader.values("host", "w", 20)).unwrap())
        }),
        ("totals", &|| drop(told(reader.totals()).unwrap())),
    ];
    let mut late = Vec::new();
    for (what, ask) in questions {
        ask();
        let mut took: Vec<Duration> = (0..TIMES)
            .map(|_| {
                let begun = Instant::now();
                ask();
                begun.elapsed()
            })
            .collect();
        took.sort_unstable();
        let (half, most) = (took[TIMES / 2], took[TIMES - 2]);
        eprintln!("{what:32} median {half:?}, p95 {most:?}");
        if most > LIMIT {
            late.push(*what);
        }
    }
    assert!(late.is_empty(), "slower than {LIMIT:?}: {late:?}");
}
