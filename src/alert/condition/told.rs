//! A cell as an alert.

use super::cell::{Cell, Seen};
use super::counted::{Dimension, in_key, shown};
use super::life::Life;
use super::rule::{AlertRule, Condition};
use super::rules::AlertRules;
use super::title::Slot;
use crate::alert::{Alert, State};
use crate::event::{AlertId, EventTime, Fingerprint, Minute};

/// The key of all that has no key of its own, as there are too many.
pub(super) const REST: &str = "(others)";

/// The alert of a cell.
pub(super) fn alert(rules: &AlertRules, rule: &AlertRule, cell: &Cell, state: State) -> Alert {
    let life = &cell.life;
    let value = |dimension: Dimension| in_key(&rule.by, &cell.key, dimension);
    let loudest = cell.loudest.first();
    let error_type = value(Dimension::ErrorType).or(loudest.map(|one| &*one.error_type));
    let exception = value(Dimension::Exception).or(loudest.and_then(|one| one.exception.as_deref()));
    let fingerprint = value(Dimension::Fingerprint)
        .and_then(|digits| digits.parse().ok())
        .or(loudest.map(|one| Fingerprint(one.fingerprint)));
    let job = value(Dimension::Job).filter(|job| *job != "-" && *job != REST);
    let catalogued = job.and_then(|job| rules.catalogue().of(job));
    let team = value(Dimension::Team)
        .or(cell.team.as_deref().filter(|_| job.is_some()))
        .or(catalogued.and_then(|owned| owned.team.as_deref()));
    let began = at(life.began);
    let fill = |slot: Slot| match slot {
        Slot::Of(Dimension::Job) if job.is_none() && &*cell.key != REST => "a process that names no job".to_owned(),
        Slot::Of(Dimension::ErrorType) => error_type.unwrap_or("an error").to_owned(),
        Slot::Of(Dimension::Exception) => exception.or(error_type).map_or_else(String::new, simple),
        Slot::Of(Dimension::Fingerprint) => fingerprint.map_or_else(String::new, |one| one.to_string()),
        Slot::Of(dimension) => value(dimension).unwrap_or(&cell.key).to_owned(),
        Slot::Value => number(life.value),
        Slot::Expected => life.expected.map_or_else(|| "0".to_owned(), number),
        Slot::Probability => life.probability.map_or_else(String::new, |one| format!("{one:.1e}")),
        Slot::Limit => limit(&rule.condition),
        Slot::Within => within(&rule.condition).map_or_else(String::new, time),
        Slot::Key => shown(&cell.key),
        Slot::Rule => rule.id.to_string(),
    };
    Alert {
        id: AlertId::of(&rule.id, &cell.key, began),
        rule: rule.id.to_string().into(),
        level: rule.level,
        state,
        severity: rule.severity,
        title: rule.title.fill(fill),
        job_name: job.map(str::to_owned),
        job_id: None,
        jobs: match (&cell.seen, &rule.condition) {
            (Seen::Members(members), Condition::Share { of: Dimension::Job, .. }) => {
                members.names().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        },
        team: team.map(str::to_owned),
        error_type: error_type.map(str::to_owned),
        exception: exception.map(str::to_owned),
        exception_chain: Vec::new(),
        fingerprint,
        followers: Vec::new(),
        started_at: began.rfc3339(),
        ended_at: match state {
            State::Resolved => Some(at(life.held).rfc3339()),
            State::Pending | State::Firing | State::NoData => None,
        },
        value: life.value,
        expected: life.expected,
        probability: life.probability,
        reason: Some(reason(rule, life)),
        url: None,
    }
}

/// In a sentence: what was compared with what.
fn reason(rule: &AlertRule, life: &Life) -> String {
    let value = number(life.value);
    match &rule.condition {
        Condition::Threshold { above, within, .. } => {
            format!("{value} events in {}; more than {above} are too many", time(*within))
        }
        Condition::Spike(_) => {
            let expected = life.expected.map_or_else(|| "0".to_owned(), number);
            let chance = life
                .probability
                .filter(|one| *one > 0.0)
                .map(|one| number((1.0 / one).round()));
            let chance = chance.map_or_else(String::new, |one| {
                format!("; chance brings its like once in {one} minutes")
            });
            format!("{value} events in a minute where {expected} were expected{chance}")
        }
        Condition::New(_) => format!("never seen before; {value} events so far"),
        Condition::Regression { after_quiet, .. } => {
            let quiet = time(*after_quiet);
            format!(
                "seen again after {quiet} or more without it, or after it was said to be mended; {value} events so far"
            )
        }
        Condition::Absence { quiet, .. } => {
            format!(
                "nothing for {value} minutes of what used to come; {} are too long",
                time(*quiet)
            )
        }
        Condition::Share {
            of,
            above,
            share,
            within,
            ..
        } => {
            let share = share.map_or_else(String::new, |share| format!(" and {}% of all", number(share * 100.0)));
            format!(
                "{value} different values of {of} in {}; more than {above}{share} are too many",
                time(*within)
            )
        }
        Condition::Composite { all, of } => {
            let between = if *all { " and " } else { " or " };
            of.iter().map(|id| &**id).collect::<Vec<_>>().join(between)
        }
    }
}

fn limit(condition: &Condition) -> String {
    match condition {
        Condition::Threshold { above, .. } | Condition::Share { above, .. } => above.to_string(),
        Condition::Spike(_)
        | Condition::New(_)
        | Condition::Regression { .. }
        | Condition::Absence { .. }
        | Condition::Composite { .. } => String::new(),
    }
}

/// The time in which it was measured, in minutes.
fn within(condition: &Condition) -> Option<i64> {
    match condition {
        Condition::Threshold { within, .. } | Condition::Share { within, .. } => Some(*within),
        Condition::Spike(_) => Some(1),
        Condition::New(fresh) => Some(fresh.within),
        Condition::Regression { after_quiet, .. } => Some(*after_quiet),
        Condition::Absence { quiet, .. } => Some(*quiet),
        Condition::Composite { .. } => None,
    }
}

fn at(minute: i64) -> EventTime {
    EventTime::new(Minute(minute).start_millis().saturating_mul(1_000_000), 3)
}

/// Minutes for a person.
fn time(minutes: i64) -> String {
    match minutes {
        1 => "a minute".to_owned(),
        _ if minutes % 1_440 == 0 => format!("{} d", minutes / 1_440),
        _ if minutes % 60 == 0 => format!("{} h", minutes / 60),
        _ => format!("{minutes} min"),
    }
}

/// Whole where it is, else with a digit behind the point; of little ones two.
fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value.abs() < 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    }
}

/// The class without its package.
fn simple(class: &str) -> String {
    class.rsplit('.').next().unwrap_or(class).to_owned()
}
