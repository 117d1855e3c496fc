//! A minute of 100,000 live series through the spike judge, and the memory they take, beside their bars.
//!
//! `cargo bench --bench judge` (`-- --series 10000` for a short run). Every series has three days behind it, so
//! that seasons are there and judged by; a tenth is busy, a tenth has a daily rhythm, half is nearly silent. The past
//! is played in buckets of five minutes to keep the run short: judging a bucket costs the same however long it is.

use seismolog::alert::judge::{Judge, Settings};
use std::io::Write as _;
use std::time::{Duration, Instant};

const SERIES: usize = 100_000;
const STEP: u32 = 300;
const PAST: i64 = 3 * 288;
const MEASURED: i64 = 5;
const BAR_SECONDS: f64 = 2.0;
const BAR_MEGABYTES: f64 = 500.0;

fn main() {
    let given = std::env::args().skip_while(|arg| arg != "--series").nth(1);
    let series = given.and_then(|text| text.parse().ok()).unwrap_or(SERIES);
    let settings = Settings::fleet(STEP);
    let before = resident();
    let mut judges: Vec<Judge> = (0..series).map(|_| Judge::of_counts()).collect();
    let mut chance = 1u64;
    let mut count = |n: usize, bucket: i64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let uniform = (chance >> 40) as f64 / (1u64 << 24) as f64;
        match n % 10 {
            0 => (uniform * 1_000.0).floor(),
            1 => (uniform * if bucket % 288 < 96 { 10.0 } else { 80.0 }).floor(),
            2..5 => (uniform * 6.0).floor(),
            _ => f64::from(u8::from(uniform < 0.02)),
        }
    };
    let (mut times, mut started) = (Vec::new(), 0usize);
    for bucket in 0..PAST + MEASURED {
        let counts: Vec<f64> = (0..series).map(|n| count(n, bucket)).collect();
        let begin = Instant::now();
        for (judge, count) in judges.iter_mut().zip(counts) {
            started += usize::from(judge.observe(&settings, bucket * i64::from(STEP), count, None).started);
        }
        if bucket >= PAST - 30 {
            times.push(begin.elapsed());
        }
    }
    let megabytes = (resident() - before) / 1e6;
    let worst = times.iter().max().map_or(0.0, Duration::as_secs_f64);
    let mean = times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64;
    let mut stdout = std::io::stdout();
    let said = writeln!(
        stdout,
        "{series} series: all of them once take {mean:.3} s of one core, at worst {worst:.3} s (bar {BAR_SECONDS} s); \
         {megabytes:.0} MB (bar {BAR_MEGABYTES} MB); {started} episodes in three days"
    );
    assert!(said.is_ok(), "stdout went away");
}

/// Resident bytes of this process; 0 where the system does not tell.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok())
        .unwrap_or(0.0)
        * 4_096.0
}
