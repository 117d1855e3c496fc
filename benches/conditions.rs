//! What judging 100,000 live series costs each minute, all shipped rules at once, beside its bars.
//!
//! `cargo bench --bench conditions` (`-- --series 10000` for a short run). Each series is a job; a tenth is busy, a
//! third brings a few events now and then, the others are nearly silent.

use seismolog::alert::{Conditions, Counted};
use seismolog::event::{EventTime, Fingerprint, Group, Minute, Part, Severity};
use seismolog::rules::RuleSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SERIES: usize = 100_000;
const MINUTES: i64 = 150;
const MEASURED: i64 = 60;
const START: i64 = 29_000_000;
const BAR_SECONDS: f64 = 2.0;
const BAR_MEGABYTES: f64 = 500.0;

fn main() {
    let given = std::env::args().skip_while(|arg| arg != "--series").nth(1);
    let series = given.and_then(|text| text.parse().ok()).unwrap_or(SERIES);
    let rules = RuleSet::shipped();
    let Ok(rules) = rules else { return };
    let jobs: Vec<String> = (0..series).map(|n| format!("warehouse-job-{n}")).collect();
    let before = resident();
    let mut conditions = Conditions::new(Arc::clone(rules.alerts()));
    let mut chance = 1u64;
    let mut below = |bound: u64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % bound
    };
    let (mut times, mut rows, mut written, mut pieces, mut told) = (Vec::new(), 0, 0, 0, 0);
    for minute in 0..MINUTES {
        let counts: Vec<u64> = (0..series)
            .map(|n| match n % 10 {
                _ if minute == 0 => 1,
                0 => below(40),
                1..4 => below(2),
                _ => u64::from(below(50) == 0),
            })
            .collect();
        let begin = Instant::now();
        let mut taken = 0;
        for (job, count) in jobs.iter().zip(&counts).filter(|(_, count)| **count > 0) {
            conditions.take(&row(minute, job, *count));
            taken += 1;
        }
        told += conditions.advance(at(minute + 1)).len();
        let judged = begin.elapsed();
        let begin = Instant::now();
        let changed = conditions.changed_pieces();
        if minute >= MINUTES - MEASURED {
            times.push((judged, begin.elapsed()));
            rows += taken;
            pieces += changed.len();
            written += changed
                .iter()
                .filter_map(|(_, bytes)| bytes.as_ref())
                .map(Vec::len)
                .sum::<usize>();
        }
    }
    let megabytes = (resident() - before) / 1e6;
    let measured = times.len().max(1);
    let mean = |of: fn(&(Duration, Duration)) -> Duration| {
        times.iter().map(of).sum::<Duration>().as_secs_f64() / measured as f64
    };
    let worst = times
        .iter()
        .map(|(judged, _)| *judged)
        .max()
        .map_or(0.0, |worst| worst.as_secs_f64());
    let mut stdout = std::io::stdout();
    let said = writeln!(
        stdout,
        "{series} series, {} rows a minute: a minute takes {:.3} s of one core, at worst {worst:.3} s (bar {BAR_SECONDS} s); \
         {megabytes:.0} MB (bar {BAR_MEGABYTES} MB); keeping it {:.3} s, {} pieces, {:.1} MB; {} cells, {} errors known, \
         {told} alerts",
        rows / measured,
        mean(|one| one.0),
        mean(|one| one.1),
        pieces / measured,
        written as f64 / measured as f64 / 1e6,
        conditions.keys(),
        conditions.known_errors(),
    );
    assert!(said.is_ok(), "stdout went away");
}

fn row(minute: i64, job: &str, count: u64) -> Counted<'_> {
    Counted {
        minute: Minute(START + minute),
        identity: seismolog::alert::condition::CountedIdentity {
            error_type: "user_npe",
            category: "user_code",
            severity: Severity::High,
            part: Part::Root,
            exception: Some("java.lang.NullPointerException"),
            fingerprint: Fingerprint(7 << 64 | 99),
            group: Group(7),
        },
        dimensions: seismolog::alert::condition::CountedDimensions::default(),
        job,
        count,
    }
}

fn at(minute: i64) -> EventTime {
    EventTime::new((START + minute) * 60_000_000_000, 3)
}

/// Resident bytes of this process; 0 where the system does not tell.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4_096.0
}
