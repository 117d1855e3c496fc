//! What conditions promise, kind by kind.

use super::*;
use crate::event::{Fingerprint, Group, Minute, Part, Severity};
use crate::rules::RuleSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

mod faults;
mod restarts;
mod whole;

static SHIPPED: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::shipped().unwrap());

/// Some minute, long after the epoch.
const START: i64 = 29_000_000;

fn rules(text: &str) -> Arc<AlertRules> {
    let read = AlertRules::read([("alerts/mine.yaml", text)].into_iter(), |_| None, Arc::default());
    Arc::new(read.unwrap_or_else(|faults| panic!("{faults:?}")))
}

/// A rule with this condition, by job.
fn by_job(condition: &str) -> Arc<AlertRules> {
    rules(&format!(
        "- {{id: r, severity: high, title: '{{job}} {{value}}', by: [job], {condition}}}\n"
    ))
}

/// `count` events of a type in a job, `minute` minutes after the start.
fn row<'a>(minute: i64, job: &'a str, error_type: &'a str, count: u64) -> Counted<'a> {
    let fingerprint = xxhash_rust::xxh3::xxh3_128(error_type.as_bytes());
    Counted {
        minute: Minute(START + minute),
        identity: CountedIdentity {
            error_type,
            category: "checkpoint",
            severity: Severity::High,
            part: Part::Root,
            exception: Some("com.acme.BoomException"),
            fingerprint: Fingerprint(fingerprint),
            group: Group(7),
        },
        dimensions: CountedDimensions {
            host: Some("node-1"),
            ..CountedDimensions::default()
        },
        job,
        count,
    }
}

/// The count whose turn it is.
fn turn(counts: &[u64], minute: i64) -> u64 {
    counts[usize::try_from(minute).unwrap() % counts.len()]
}

/// So many seconds after the start of a minute.
fn at(minute: i64, second: i64) -> EventTime {
    EventTime::new(((START + minute) * 60 + second) * 1_000_000_000, 3)
}

/// `12F:r:orders` for each alert: minute it was told in, letter of its state, rule, key.
fn told(minute: i64, alerts: &[Alert]) -> String {
    let mut out = String::new();
    for alert in alerts {
        let letter = match alert.state {
            State::Pending => 'p',
            State::Firing => 'F',
            State::NoData => 'n',
            State::Resolved => 'r',
        };
        write!(out, "{minute}{letter} ").unwrap();
    }
    out
}

/// Plays counts of one job, minute by minute; what was told, and when.
fn play(rules: Arc<AlertRules>, counts: impl IntoIterator<Item = u64>) -> String {
    let mut conditions = Conditions::new(rules);
    let mut out = String::new();
    let mut end = 0;
    for (minute, count) in (0..).zip(counts) {
        if count > 0 {
            conditions.take(&row(minute, "orders", "boom", count));
        }
        out += &told(minute, &conditions.advance(at(minute, 59)));
        end = minute + 1;
    }
    out += &told(end, &conditions.advance(at(end, 0)));
    out.trim_end().to_owned()
}

fn repeat(count: u64, minutes: usize) -> Vec<u64> {
    vec![count; minutes]
}

#[test]
fn a_threshold_is_told_before_its_minute_is_over_and_is_over_after_its_hold() {
    let rule = || by_job("threshold: {above: 10, within: 3m}, keep: 2m");
    assert_eq!(play(rule(), [4, 4, 2, 0, 0, 0]), "", "ten are not more than ten");
    assert_eq!(play(rule(), [4, 4, 3, 0, 0, 0, 0, 0]), "2F 6r");
    let back = by_job("threshold: {above: 10, back_below: 5, within: 1m}, keep: 1m");
    assert_eq!(play(back, [11, 6, 6, 6, 5, 0, 0, 0]), "0F 6r");
    let pending = || by_job("threshold: {above: 10, within: 1m}, for: 2m, keep: 1m");
    assert_eq!(play(pending(), [11, 11, 11, 11, 0, 0, 0]), "0p 2F 6r");
    assert_eq!(
        play(pending(), [11, 0, 0, 0]),
        "0p 2r",
        "what does not last is not told"
    );
}

#[test]
fn a_tenfold_step_fires_before_its_first_minute_is_over() {
    let mut conditions = Conditions::new(by_job("spike: {}"));
    for minute in 0..600_i64 {
        conditions.take(&row(minute, "orders", "boom", turn(&[4, 6, 5, 3, 7], minute)));
        assert_eq!(conditions.advance(at(minute, 59)), []);
    }
    // Fifty events spread over the minute: told in it.
    let mut first = None;
    for second in 0..60 {
        conditions.take(&row(600, "orders", "boom", if second % 6 == 0 { 5 } else { 0 }));
        if let Some(alert) = conditions.advance(at(600, second)).pop() {
            first.get_or_insert((second, alert));
        }
    }
    let (second, alert) = first.expect("it fires");
    assert!(second < 60 && alert.state == State::Firing);
    assert_eq!(alert.job_name.as_deref(), Some("orders"));
    assert_eq!(alert.error_type.as_deref(), Some("boom"));
    assert!(alert.probability.unwrap() < 1e-6 && (4.0..6.0).contains(&alert.expected.unwrap()));
    assert!(alert.reason.unwrap().contains("were expected"));
    // And is over after its hold.
    let over: Vec<Alert> = (601..660)
        .flat_map(|minute| conditions.advance(at(minute, 0)))
        .collect();
    assert_eq!(told(0, &over), "0r ");
}

#[test]
fn a_young_series_is_judged_by_its_parent() {
    let mut conditions = Conditions::new(by_job("spike: {}"));
    for minute in 0..200 {
        for job in ["a", "b", "c"] {
            conditions.take(&row(minute, job, "boom", 3));
        }
        conditions.take(&row(minute, "loud", "boom", if minute % 2 == 0 { 8 } else { 12 }));
        assert_eq!(conditions.advance(at(minute, 59)), []);
    }
    // A job never seen before, as loud as the loudest: nothing. Far louder: at once.
    conditions.take(&row(200, "as-loud", "boom", 10));
    conditions.take(&row(200, "louder", "boom", 400));
    let alerts = conditions.advance(at(200, 30));
    let jobs: Vec<_> = alerts.iter().filter_map(|alert| alert.job_name.as_deref()).collect();
    assert_eq!(jobs, ["louder"]);
}

#[test]
fn an_error_is_new_once_and_not_in_a_young_store() {
    let rule = || by_job("new: {learning: 1d, usual: 1, within: 10m}, keep: 5m");
    let mut conditions = Conditions::new(rule());
    conditions.take(&row(0, "orders", "boom", 5));
    assert_eq!(conditions.advance(at(0, 10)), [], "all is new in a young store");
    let day = 1_440;
    conditions.take(&row(day + 10, "orders", "boom", 5));
    conditions.take(&row(day + 10, "orders", "crash", 5));
    let alerts = conditions.advance(at(day + 10, 10));
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0].error_type.as_deref(), Some("crash"));
    let mut over = Vec::new();
    for minute in day + 10..day + 30 {
        if minute < day + 15 {
            conditions.take(&row(minute, "orders", "crash", 1));
        }
        over.extend(conditions.advance(at(minute, 30)));
    }
    assert_eq!(told(0, &over), "0r ");
    // Two first sightings on one day are more than usual from then on.
    conditions.take(&row(day + 100, "orders", "second", 5));
    assert_eq!(told(0, &conditions.advance(at(day + 100, 10))), "0F ");
    conditions.advance(at(day + 200, 0));
    conditions.take(&row(day + 300, "orders", "third", 5));
    assert_eq!(
        conditions.advance(at(day + 300, 10)),
        [],
        "new errors are usual here by now"
    );
    // A store with a past is not young.
    let mut old = Conditions::new(rule());
    let issue = |name: &str| IssueId::of("orders", row(0, "orders", name, 1).identity.fingerprint);
    old.learn(issue("boom"), at(-5_000, 0));
    old.take(&row(0, "orders", "boom", 5));
    assert_eq!(old.advance(at(0, 10)), [], "it was known before");
    old.take(&row(1, "orders", "crash", 5));
    assert_eq!(told(0, &old.advance(at(1, 10))), "0F ");
}

#[test]
fn an_error_of_few_events_is_told_when_they_are_enough() {
    let rule = by_job("new: {learning: 0s, at_least: 3, within: 10m}");
    let mut conditions = Conditions::new(rule);
    for (minute, expected) in [(0, ""), (5, ""), (9, "0F ")] {
        conditions.take(&row(minute, "orders", "boom", 1));
        assert_eq!(
            told(0, &conditions.advance(at(minute, 10))),
            expected,
            "minute {minute}"
        );
    }
    for minute in [0, 20, 40] {
        conditions.take(&row(minute, "payments", "boom", 1));
        assert_eq!(
            told(0, &conditions.advance(at(minute, 10))).matches('F').count(),
            0,
            "three in an hour"
        );
    }
}

#[test]
fn an_error_that_comes_back_is_a_regression() {
    let mut conditions = Conditions::new(by_job("regression: {after_quiet: 1d}, keep: 5m"));
    let alerts_at = |minute: i64, conditions: &mut Conditions| {
        conditions.take(&row(minute, "orders", "boom", 1));
        told(0, &conditions.advance(at(minute, 30)))
    };
    assert_eq!(alerts_at(0, &mut conditions), "");
    assert_eq!(alerts_at(600, &mut conditions), "", "ten hours are no quiet");
    assert_eq!(alerts_at(600 + 1_500, &mut conditions), "0F ");
    assert_eq!(told(0, &conditions.advance(at(2_200, 0))), "0r ");
    let issue = IssueId::of("orders", row(0, "orders", "boom", 1).identity.fingerprint);
    conditions.mended(issue);
    assert_eq!(alerts_at(2_210, &mut conditions), "0F ", "it was said to be mended");
}

#[test]
fn what_used_to_come_is_missed_and_what_came_seldom_is_not() {
    let rule = || by_job("absence: {for: 10m, came: 5}");
    let silence = |before: usize| [repeat(1, before), repeat(0, 20)].concat();
    assert_eq!(play(rule(), silence(5)), "15F");
    assert_eq!(play(rule(), silence(4)), "");
    assert_eq!(play(rule(), [silence(5), repeat(1, 3)].concat()), "15F 25r");
    let mut conditions = Conditions::new(rule());
    for minute in 0..5 {
        conditions.take(&row(minute, "orders", "boom", 1));
    }
    conditions.gap(at(8, 0), at(60, 0));
    let alerts: Vec<Alert> = (5..64).flat_map(|minute| conditions.advance(at(minute, 0))).collect();
    assert_eq!(alerts, [], "nobody counted");
    let alerts: Vec<Alert> = (64..80).flat_map(|minute| conditions.advance(at(minute, 0))).collect();
    assert_eq!(told(0, &alerts), "0F ");
    let forgotten: Vec<Alert> = (80..11_000)
        .flat_map(|minute| conditions.advance(at(minute, 0)))
        .collect();
    assert_eq!(told(0, &forgotten), "0r ", "after a week it is missed no more");
    assert_eq!(conditions.keys(), 0);
}

#[test]
fn a_share_counts_jobs_and_names_them() {
    let rule = "- {id: r, severity: high, level: platform, title: '{value} jobs in {within}', share: {of: job, each: 2, above: 2, within: 10m}, keep: 5m}\n";
    let mut conditions = Conditions::new(rules(rule));
    for job in ["a", "b", "c", "d"] {
        conditions.take(&row(0, job, "boom", 1));
    }
    assert_eq!(conditions.advance(at(0, 30)), [], "once each");
    for job in ["a", "b", "c"] {
        conditions.take(&row(4, job, "boom", 1));
    }
    let alerts = conditions.advance(at(4, 30));
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].jobs, ["a", "b", "c"]);
    assert_eq!(alerts[0].title, "3 jobs in 10 min");
    let over: Vec<Alert> = (5..40).flat_map(|minute| conditions.advance(at(minute, 0))).collect();
    assert_eq!(told(0, &over), "0r ");

    let rule = "- {id: r, severity: high, title: '{value}', where: 'error_type:boom', share: {of: job, share: 0.5, within: 10m}}\n";
    let mut conditions = Conditions::new(rules(rule));
    for n in 0..10 {
        conditions.take(&row(n, &format!("job-{n}"), "calm", 1));
        conditions.advance(at(n, 30));
    }
    for (n, expected) in [(0, ""), (4, ""), (5, "0F ")] {
        for job in 0..=n {
            conditions.take(&row(20, &format!("job-{job}"), "boom", 1));
        }
        assert_eq!(told(0, &conditions.advance(at(20, 30))), expected, "{n}");
    }
}

#[test]
fn a_composite_holds_while_its_rules_do_for_the_same_key() {
    let rule = |word: &str| {
        rules(&format!(
            "- {{id: a, severity: low, tells: false, title: t, where: 'error_type:boom', by: [job], threshold: {{above: 0, within: 1m}}, keep: 0s}}\n\
             - {{id: b, severity: low, tells: false, title: t, where: 'error_type:crash', by: [job], threshold: {{above: 0, within: 1m}}, keep: 0s}}\n\
             - {{id: c, severity: high, title: '{{job}}', by: [job], composite: {{{word}: [a, b]}}, keep: 0s}}\n"
        ))
    };
    for (word, expected) in [("all", "2F 4r "), ("any", "0F 4r ")] {
        let mut conditions = Conditions::new(rule(word));
        let mut out = String::new();
        for (minute, job, error) in [
            (0, "x", "boom"),
            (1, "y", "crash"),
            (1, "x", "boom"),
            (2, "x", "boom"),
            (2, "x", "crash"),
        ] {
            if word == "all" || job == "x" {
                conditions.take(&row(minute, job, error, 1));
                out += &told(minute, &conditions.advance(at(minute, 10)));
            }
        }
        for minute in 3..8 {
            out += &told(minute, &conditions.advance(at(minute, 10)));
        }
        assert_eq!(out, expected, "{word}");
    }
}

#[test]
fn a_search_means_what_it_means_on_the_pages() {
    let cases = [
        ("", true),
        ("error_type:boom", true),
        ("error_type:b*", true),
        ("error_type:[crash,boom]", true),
        ("error_type:crash", false),
        ("-error_type:crash category:checkpoint", true),
        ("severity:>=high part:root", true),
        ("severity:<high", false),
        ("exception:BoomException", true),
        ("exception:acme.BoomException", true),
        ("exception:Boom", false),
        ("job:ord* (host:node-2 OR host:NODE-1)", true),
        ("has:host -has:team", true),
        ("has:team", false),
    ];
    for (search, expected) in cases {
        let filter = filter::Filter::read(search).unwrap();
        assert_eq!(filter.matches(&row(0, "orders", "boom", 1)), expected, "{search}");
    }
}

#[test]
fn a_rule_runs_for_whom_it_says() {
    let catalogue = "jobs: [{job: 'dws-*', team: warehouse, tier: 1}]";
    let catalogue = Arc::new(crate::dimensions::JobCatalogue::from_yaml(catalogue).unwrap());
    for (runs_for, expected) in [
        ("{jobs: ['dws-*']}", vec!["dws-orders"]),
        ("{teams: [Warehouse]}", vec!["dws-orders"]),
        ("{tiers: [1]}", vec!["dws-orders"]),
        ("{tiers: [2]}", vec![]),
        ("{jobs: ['*'], teams: [nobody]}", vec![]),
        ("{jobs: ['a*', 'd*']}", vec!["ads", "dws-orders"]),
    ] {
        let text = format!(
            "- {{id: r, severity: low, title: '{{job}}', by: [job], runs_for: {runs_for}, threshold: {{above: 0, within: 1m}}}}\n"
        );
        let rules = AlertRules::read(
            [("alerts/a.yaml", text.as_str())].into_iter(),
            |_| None,
            Arc::clone(&catalogue),
        );
        let mut conditions = Conditions::new(Arc::new(rules.unwrap()));
        conditions.take(&row(0, "dws-orders", "boom", 1));
        conditions.take(&row(0, "ads", "boom", 1));
        let mut alerts = conditions.advance(at(0, 1));
        alerts.sort_by(|a, b| a.job_name.cmp(&b.job_name));
        let jobs: Vec<_> = alerts.iter().filter_map(|alert| alert.job_name.as_deref()).collect();
        assert_eq!(jobs, expected, "{runs_for}");
        let teams: Vec<_> = alerts.iter().filter_map(|alert| alert.team.as_deref()).collect();
        assert_eq!(
            teams.len(),
            usize::from(expected.contains(&"dws-orders")),
            "the catalogue tells the team"
        );
    }
}
