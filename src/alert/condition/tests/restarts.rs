//! A life that ends anywhere and is taken up gives the alerts an unbroken one gives.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// SplitMix64: Steele, Lea, Flood, OOPSLA 2014.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub(super) fn poisson(&mut self, mean: f64) -> u64 {
        let least = (-mean).exp();
        let (mut count, mut product) = (0, self.uniform());
        while product > least {
            count += 1;
            product *= self.uniform();
        }
        count
    }
}

/// Some events, owned.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    pub(super) minute: i64,
    job: String,
    error_type: &'static str,
    count: u64,
}

impl Owned {
    pub(super) fn counted(&self) -> Counted<'_> {
        row(self.minute, &self.job, self.error_type, self.count)
    }
}

/// Twenty jobs with background, bursts, restarts and errors that come late.
pub(super) fn history(seed: u64, minutes: i64) -> Vec<Owned> {
    const TYPES: [&str; 6] = [
        "user_npe",
        "job_restarting",
        "oom_heap",
        "checkpoint_expired",
        "jdbc_deadlock",
        "tm_unreachable",
    ];
    let mut chance = Chance(seed);
    let mut rows = Vec::new();
    for minute in 0..minutes {
        for job in 0..20_u64 {
            let burst = chance.next().is_multiple_of(400);
            let count = chance.poisson(if job < 5 { 4.0 } else { 0.05 }) + if burst { 80 } else { 0 };
            if count == 0 {
                continue;
            }
            let kind = if burst { chance.next() % 6 } else { 0 };
            rows.push(Owned {
                minute,
                job: format!("job-{job}"),
                error_type: TYPES[usize::try_from(kind).unwrap()],
                count,
            });
        }
    }
    rows
}

/// Every kind of rule at once.
const ALL_KINDS: &str = "\
- {id: sums, severity: low, title: '{job}', by: [job], threshold: {above: 60, back_below: 20, within: 7m}, for: 1m, keep: 3m}
- {id: spikes, severity: low, title: '{job} {expected}', by: [job], spike: {one_in: 2000, direction: both, hold: 5m}}
- {id: by_type, severity: low, title: '{error_type}', by: [error_type], spike: {one_in: 2000, hold: 5m}}
- {id: fresh, severity: low, title: '{job}', by: [job], new: {learning: 30m, usual: 5}, keep: 5m}
- {id: anew, severity: low, title: '{error_type}', regression: {after_quiet: 1h, usual: 9}, keep: 5m}
- {id: missed, severity: low, title: '{job}', by: [job], absence: {for: 30m, came: 3}}
- {id: many, severity: low, title: '{value}', where: 'error_type:[job_restarting,oom_heap]', share: {of: job, above: 1, share: 0.05, within: 30m}}
- {id: either, severity: low, title: '{job}', by: [job], composite: {any: [sums, missed]}}
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn a_life_taken_up_judges_on(seed in any::<u64>(), restart_every in 1_usize..400) {
        let rules = rules(ALL_KINDS);
        let rows = history(seed, 400);
        let mut whole = Conditions::new(Arc::clone(&rules));
        let mut broken = Conditions::new(Arc::clone(&rules));
        let mut store: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let (mut steps, mut told) = (0_usize, 0);
        for minute in 0..400 {
            let now: Vec<_> = rows.iter().filter(|one| one.minute == minute).collect();
            if minute == 200 {
                whole.gap(at(200, 0), at(210, 0));
                broken.gap(at(200, 0), at(210, 0));
            }
            // Half of a minute before its middle, half behind: a life may end between taking and looking.
            for (half, second) in [(0, 30), (1, 59)] {
                for (_, one) in now.iter().enumerate().filter(|(at, _)| at % 2 == half) {
                    whole.take(&one.counted());
                    broken.take(&one.counted());
                }
                let alerts = whole.advance(at(minute, second));
                prop_assert_eq!(&alerts, &broken.advance(at(minute, second)), "minute {}", minute);
                told += alerts.len();
                steps += 1;
                if steps % restart_every == 0 {
                    for (name, bytes) in broken.changed_pieces() {
                        match bytes {
                            Some(bytes) => store.insert(name, bytes),
                            None => store.remove(&name),
                        };
                    }
                    broken = Conditions::new(Arc::clone(&rules));
                    broken.restore(store.clone().into_iter());
                    prop_assert_eq!(whole.firing(), broken.firing());
                }
            }
        }
        prop_assert!(told > 20, "{}", told);
    }
}

/// All that is kept of a life.
fn kept(conditions: &mut Conditions) -> BTreeMap<String, Vec<u8>> {
    let pieces = conditions.changed_pieces().into_iter();
    pieces.filter_map(|(name, bytes)| Some((name, bytes?))).collect()
}

#[test]
fn what_is_taken_and_not_looked_at_outlives_a_restart() {
    let rules = by_job("threshold: {above: 3, within: 5m}");
    let mut conditions = Conditions::new(Arc::clone(&rules));
    conditions.advance(at(0, 0));
    conditions.take(&row(0, "orders", "boom", 9));
    conditions.take(&row(3, "payments", "boom", 9));
    let store = kept(&mut conditions);
    let mut next = Conditions::new(rules);
    next.restore(store.into_iter());
    assert_eq!(told(0, &next.advance(at(0, 5))), "0F ");
    assert_eq!(told(3, &next.advance(at(3, 5))), "3F ");
}

#[test]
fn only_what_changed_is_written() {
    let mut conditions = Conditions::new(by_job("spike: {}"));
    for minute in 0..100 {
        for job in 0..50 {
            conditions.take(&row(minute, &format!("job-{job}"), "boom", 3));
        }
        conditions.advance(at(minute, 59));
    }
    assert!(conditions.changed_pieces().len() > 100);
    conditions.take(&row(100, "job-7", "boom", 1));
    let pieces = conditions.changed_pieces();
    assert!(pieces.len() <= 2, "{pieces:?}");
    assert_eq!(conditions.changed_pieces(), []);
}

#[test]
fn what_cannot_be_read_begins_anew_and_is_forgotten() {
    let rules = by_job("threshold: {above: 3, within: 5m}");
    let mut conditions = Conditions::new(Arc::clone(&rules));
    conditions.take(&row(0, "orders", "boom", 9));
    conditions.advance(at(0, 5));
    let mut store = kept(&mut conditions);
    for (_, bytes) in store.iter_mut().filter(|(name, _)| name.contains(".c.")) {
        bytes.truncate(11);
    }
    store.insert("0.c.r.x".to_owned(), vec![1]);
    let cells = store.keys().filter(|name| name.contains(".c.")).count();
    let mut next = Conditions::new(rules);
    next.restore(store.into_iter());
    assert_eq!(next.firing(), []);
    let gone = next
        .changed_pieces()
        .into_iter()
        .filter(|(_, bytes)| bytes.is_none())
        .count();
    assert_eq!(gone, cells);
}

#[test]
fn a_rule_that_stays_keeps_its_state_and_one_that_changes_ends_its_alerts() {
    let first = "- {id: a, severity: low, title: '{job}', by: [job], threshold: {above: 3, within: 5m}}\n- {id: b, severity: low, title: '{job}', by: [job], threshold: {above: 4, within: 5m}}\n";
    // Other words and another severity judge the same; another limit does not.
    let second = first
        .replace(
            "id: a, severity: low, title: '{job}'",
            "id: a, severity: high, title: 'anew {job}'",
        )
        .replace("above: 4", "above: 5");
    let mut conditions = Conditions::new(rules(first));
    conditions.take(&row(0, "orders", "boom", 9));
    assert_eq!(conditions.advance(at(0, 5)).len(), 2);
    conditions.set_rules(rules(&second));
    let alerts = conditions.advance(at(0, 6));
    let ended: Vec<_> = alerts.iter().map(|alert| (&*alert.rule, alert.state)).collect();
    assert_eq!(ended, [("b", State::Resolved)]);
    let firing = conditions.firing();
    assert_eq!((firing.len(), &*firing[0].title), (1, "anew orders"));
    let over: Vec<Alert> = (1..40).flat_map(|minute| conditions.advance(at(minute, 0))).collect();
    assert_eq!(told(0, &over), "0r ");
}
