//! What conditions promise of all kinds: event time, order, gaps, bounds, few false alarms.

use super::*;
use crate::event::AlertId;
use proptest::prelude::*;

#[test]
fn a_gap_is_no_dip_and_no_calm() {
    let mut conditions = Conditions::new(by_job("spike: {direction: both, one_in: 2000}"));
    let mut alerts = Vec::new();
    for minute in 0..2_000_i64 {
        conditions.take(&row(minute, "orders", "boom", turn(&[48, 55, 50, 44, 53], minute)));
        alerts.extend(conditions.advance(at(minute, 59)));
    }
    conditions.gap(at(2_000, 0), at(2_300, 0));
    for minute in 2_000..2_600_i64 {
        if minute >= 2_300 {
            conditions.take(&row(minute, "orders", "boom", turn(&[48, 55, 50, 44, 53], minute)));
        }
        alerts.extend(conditions.advance(at(minute, 59)));
    }
    assert_eq!(alerts, []);
    // The same silence, counted, is a dip.
    for minute in 2_600..2_630 {
        alerts.extend(conditions.advance(at(minute, 59)));
    }
    assert_eq!(told(0, &alerts), "0F ");

    let mut conditions = Conditions::new(by_job("threshold: {above: 3, within: 2m}, keep: 5m"));
    conditions.take(&row(0, "orders", "boom", 9));
    let mut out = told(0, &conditions.advance(at(0, 30)));
    conditions.gap(at(1, 0), at(30, 0));
    for minute in 1..50 {
        out += &told(minute, &conditions.advance(at(minute, 30)));
    }
    assert_eq!(out, "0F 3n 31F 35r ");
}

#[test]
fn a_backlog_read_at_once_gives_what_it_gave_then() {
    let shipped = &*SHIPPED;
    let rows = restarts::history(7, 800);
    let mut live = Conditions::new(Arc::clone(shipped.alerts()));
    let mut then = Vec::new();
    for minute in 0..800 {
        for one in rows.iter().filter(|one| one.minute == minute) {
            live.take(&one.counted());
        }
        then.extend(live.advance(at(minute + 1, 0)));
    }
    let mut read = Conditions::new(Arc::clone(shipped.alerts()));
    let mut backwards: Vec<Counted<'_>> = rows.iter().map(restarts::Owned::counted).collect();
    backwards.reverse();
    let mut backlog = read.play(backwards, at(800, 0));
    // Taken without a look between, the same alerts are told, whichever error they name.
    let mut blind = Conditions::new(Arc::clone(shipped.alerts()));
    rows.iter().for_each(|one| blind.take(&one.counted()));
    let mut blind: Vec<AlertId> = blind.advance(at(800, 0)).iter().map(|alert| alert.id).collect();
    let mut ids: Vec<AlertId> = then.iter().map(|alert| alert.id).collect();
    blind.sort_unstable();
    ids.sort_unstable();
    assert_eq!(blind, ids);
    let order = |alert: &Alert| (alert.started_at.clone(), alert.id, alert.ended_at.clone(), alert.state);
    then.sort_by_key(order);
    backlog.sort_by_key(order);
    let brief = |alerts: &[Alert]| {
        alerts
            .iter()
            .map(|alert| (order(alert), alert.title.clone()))
            .collect::<Vec<_>>()
    };
    assert!(then.len() > 10, "{}", then.len());
    assert_eq!(brief(&then), brief(&backlog));
}

#[test]
fn independent_counts_give_no_spike_of_the_shipped_rule() {
    let shipped = &*SHIPPED;
    let mut conditions = Conditions::new(Arc::clone(shipped.alerts()));
    let mut chance = restarts::Chance(11);
    let jobs: Vec<String> = (0..120).map(|job| format!("job-{job}")).collect();
    let means = [0.01, 0.05, 0.2, 1.0, 5.0, 50.0];
    let mut alerts = Vec::new();
    for minute in 0..1_440 {
        for (at, job) in jobs.iter().enumerate() {
            let count = chance.poisson(means[at % means.len()]);
            if count > 0 {
                conditions.take(&row(minute, job, "user_npe", count));
            }
        }
        alerts.extend(conditions.advance(at(minute + 1, 0)));
    }
    // 172,800 buckets at one in a million.
    let spikes: Vec<_> = alerts.iter().filter(|alert| alert.rule == "error_spike").collect();
    assert!(spikes.is_empty(), "{spikes:#?}");
}

#[test]
fn rows_far_ahead_are_not_believed_and_late_ones_make_no_spike() {
    let mut conditions = Conditions::new(by_job("spike: {}"));
    for minute in 0..300 {
        conditions.take(&row(minute, "orders", "boom", 5));
        conditions.advance(at(minute, 59));
    }
    conditions.advance(at(301, 0));
    conditions.take(&row(200, "orders", "boom", 10_000));
    conditions.take(&row(300 + 10_000, "orders", "boom", 10_000));
    let alerts: Vec<Alert> = (301..330)
        .flat_map(|minute| conditions.advance(at(minute, 0)))
        .collect();
    assert_eq!(alerts, []);
}

#[test]
fn keys_beyond_the_bound_share_one() {
    let rule = by_job("threshold: {above: 0, within: 1m}");
    let mut judged = Judged::new(Arc::clone(rule.get("r").unwrap()));
    let last = (0..=Judged::KEYS + 5)
        .map(|n| judged.place(&format!("job-{n}"), None))
        .last();
    assert_eq!(judged.cells().count(), Judged::KEYS + 1);
    assert_eq!(last, judged.find(told::REST));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn the_order_within_a_minute_decides_nothing(seed in any::<u64>()) {
        let shipped = &*SHIPPED;
        let rows = restarts::history(seed, 300);
        let play = |turn: bool| {
            let mut conditions = Conditions::new(Arc::clone(shipped.alerts()));
            let mut alerts = Vec::new();
            for minute in 0..300 {
                let mut now: Vec<_> = rows.iter().filter(|one| one.minute == minute).collect();
                if turn {
                    now.reverse();
                }
                now.iter().for_each(|one| conditions.take(&one.counted()));
                alerts.extend(conditions.advance(at(minute + 1, 0)));
            }
            alerts
        };
        prop_assert_eq!(play(false), play(true));
    }
}
