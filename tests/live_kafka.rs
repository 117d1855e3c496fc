//! From Kafka to Kafka on a real broker: whatever happens to the process, every record is counted exactly once.
//!
//! Records are of `generate`, so the truth is known, with some that are no records among them. What a reader of
//! committed records finds in our topics at the end must equal the truth, by job and minute, and so must the ledger
//! of every partition. Needs a broker on 127.0.0.1:9092 (`deploy/local/up kafka`); where none answers, the tests say
//! so and pass, unless `SEISMOLOG_LIVE=required`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test that meets a surprise ends there"
)]

mod kafka_bed;
mod live;
mod schema;

use kafka_bed::{Bed, nanos, turn, wait};
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::producer::{BaseProducer, Producer as _};
use seismolog::config::servers::TopicPlan;
use seismolog::source::kafka::KafkaSettings;
use seismolog::source::kafka::admin::ensure_topics;
use std::time::{Duration, Instant};

/// How often the process is killed: 20 by default, more for a soak.
fn kills() -> u32 {
    std::env::var("SEISMOLOG_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

#[test]
fn our_topics_are_made_once_and_a_second_time_changes_nothing() {
    let Some(_turn) = turn() else { return };
    let bed = Bed::new(1);
    let mut plan = TopicPlan {
        partitions: 3,
        ..TopicPlan::default()
    };
    assert_eq!(ensure_topics(&bed.kafka, &bed.topics, &plan).unwrap(), []);
    plan.partitions = 4;
    plan.retention = Duration::from_secs(3 * 86_400);
    let changed = ensure_topics(&bed.kafka, &bed.topics, &plan).unwrap();
    let changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
    for wanted in [
        format!("topic {}: partitions from 3 to 4", bed.topics.details),
        format!("topic {}: retention.ms from 604800000 to 259200000", bed.topics.stats),
    ] {
        assert!(changed.contains(&wanted), "{wanted:?} is missing in {changed:?}");
    }
    assert_eq!(ensure_topics(&bed.kafka, &bed.topics, &plan).unwrap(), []);
}

#[test]
fn what_stands_in_our_topics_is_what_was_sent() {
    let Some(_turn) = turn() else { return };
    let mut bed = Bed::new(2_000);
    bed.send(2_000);
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    bed.assert_exact();
}

#[test]
fn killed_at_any_moment_every_record_is_counted_once() {
    let Some(_turn) = turn() else { return };
    let kills = kills();
    let records = u64::from(kills) * 150;
    let mut bed = Bed::new(records);
    let mut random = rand_pcg::Pcg64::seed_from_u64(nanos());
    for _ in 0..kills {
        bed.send(150);
        let mut member = bed.member("a");
        // Mostly while it reads and commits: from the group's first progress on.
        let before = bed.progress().0;
        let begun = Instant::now();
        while bed.progress().0 == before && begun.elapsed() < Duration::from_secs(15) {
            wait(Duration::from_millis(20));
        }
        wait(Duration::from_millis(random.random_range(0..400)));
        member.kill();
    }
    let mut member = bed.member("a");
    bed.wait_until_read();
    // The one before may have read to the end: this one must at least have begun to listen.
    wait(Duration::from_secs(2));
    let ended = member.stop();
    assert!(ended.success(), "{ended}: {}", bed.log("a"));
    bed.assert_exact();
}

#[test]
fn members_that_come_go_and_sleep_past_their_session_change_no_count() {
    let Some(_turn) = turn() else { return };
    let mut bed = Bed::new(4_000);
    bed.send(800);
    let mut a = bed.member("a");
    wait(Duration::from_secs(4));
    // A second comes while the first reads.
    let mut b = bed.member("b");
    bed.send(800);
    wait(Duration::from_secs(6));
    bed.send(800);
    // The first sleeps past its session, with records in its fold; the second takes its partitions.
    wait(Duration::from_millis(700));
    a.signal("-STOP");
    bed.send(800);
    wait(Duration::from_secs(14));
    a.signal("-CONT");
    wait(Duration::from_secs(3));
    // The second goes, the first reads to the end.
    assert!(b.stop().success());
    bed.send(800);
    bed.wait_until_read();
    assert!(a.stop().success());
    bed.assert_exact();
}

#[test]
fn a_rebalance_while_a_fenced_member_gives_up_does_not_hold_it_for_ever() {
    let Some(_turn) = turn() else { return };
    let mut bed = Bed::new(1_200);
    bed.send(400);
    let mut a = bed.member("a");
    bed.wait_until_read();
    // Somebody takes the id its producer has: the next flush of `a` is refused, and it listens for the reason.
    let producer: BaseProducer = KafkaSettings::new(&bed.kafka)
        .transactional(&format!("{}-a-0", bed.kafka.group_id))
        .create()
        .unwrap();
    producer.init_transactions(Duration::from_secs(20)).unwrap();
    bed.send(400);
    wait(Duration::from_secs(1));
    // In that time the group shares its partitions anew.
    let mut b = bed.member("b");
    bed.wait_until_read();
    assert!(bed.log("a").contains("beginning anew"), "{}", bed.log("a"));
    assert!(b.stop().success());
    bed.send(400);
    bed.wait_until_read();
    assert!(a.stop().success());
    bed.assert_exact();
}

/// Figures, not a claim: `SEISMOLOG_BINARY=target/release/seismolog cargo test --test live_kafka -- --ignored measure`.
#[test]
#[ignore = "figures of a release build on a quiet machine"]
fn measure_a_prefilled_topic() {
    let Some(_turn) = turn() else { return };
    let count = |name: &str, default| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let records = count("SEISMOLOG_RECORDS", 200_000);
    let mut bed = Bed::with(records, usize::try_from(count("SEISMOLOG_JOBS", 4_000)).unwrap(), "1s");
    bed.send(records);
    let end = bed.progress().1;
    let member = bed.member("a");
    while bed.progress().0 == 0 {
        wait(Duration::from_millis(20));
    }
    // From the first commit on: joining the group takes seconds of its own.
    let (first, cpu, begun) = (bed.progress().0, member.cpu(), Instant::now());
    while bed.progress().0 < end {
        wait(Duration::from_millis(50));
    }
    let taken = f64::from(u32::try_from(end - first).unwrap());
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), member.cpu() - cpu);
    eprintln!(
        "{taken} records in {seconds:.2} s: {:.0} records/s, {:.1} us of CPU per record, peak {} MB; {:.1} us over all",
        taken / seconds,
        cpu * 1e6 / taken,
        member.peak(),
        member.cpu() * 1e6 / f64::from(u32::try_from(end).unwrap()),
    );
}
