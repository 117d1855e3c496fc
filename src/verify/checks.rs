//! What must equal what. Pure: numbers in, checks out.

use super::counted::{Counted, Input, Place};
use super::report::{Check, Report};
use super::span::{Span, signed};
use crate::store::elastic_druid::druid::{InputSums, Sums};
use std::collections::BTreeMap;

/// A number by name, as the topics say it and as another says it.
type Named<A, B> = (&'static str, fn(&A) -> u64, fn(&B) -> u64);

/// What the search node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Sum of the counts of all minutes.
    pub minutes: u64,
    /// Sum of the totals of all issues.
    pub issues: u64,
}

/// One look at everything.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The topics before all else.
    pub before: Counted,
    /// The topics after all else.
    pub after: Counted,
    /// Committed offsets of the process group; what could not be had is left out.
    pub committed: BTreeMap<Place, i64>,
    /// Records found in the input, where heartbeats leave holes: number, or why it could not be counted.
    pub read_again: BTreeMap<Place, Result<u64, String>>,
    /// Druid's sums, or why there are none; absent where no Druid is configured.
    pub druid: Option<Result<Sums, String>>,
    /// What Druid had not read yet when its sums were taken; empty when it had read all.
    pub druid_behind: String,
    /// The search node's sums.
    pub elastic: Option<Result<Held, String>>,
    /// What the index role had not committed yet.
    pub index_behind: String,
    /// Topics of ours whose beginning is gone.
    pub cut: Vec<String>,
    /// Whether details or issues may have been removed by age.
    pub removed_by_age: bool,
    /// Names of our topics.
    pub names: crate::config::servers::TopicNames,
}

/// All checks of a look.
#[must_use]
pub fn checks(look: &Look) -> Report {
    let mut report = Report::default();
    let places: Vec<&Place> = look.after.inputs.keys().chain(look.committed.keys()).collect();
    let mut places: Vec<&Place> = places;
    places.sort_unstable();
    places.dedup();
    for place in places {
        input(look, place, &mut report.checks);
    }
    totals(look, &mut report.checks);
    report
}

fn input(look: &Look, place: &Place, out: &mut Vec<Check>) {
    let of = format!("{}/{}", place.0, place.1);
    let at = |counted: &Counted| counted.inputs.get(place).copied().unwrap_or_default();
    let (before, after) = (at(&look.before), at(&look.after));
    let span = |value: fn(&Input) -> u64| Span::of_counts(value(&before), value(&after));
    let offsets = Span::between(before.next_offset, after.next_offset);
    let (stats, rejects) = (look.names.stats.as_str(), look.names.rejects.as_str());
    // What is committed is counted, and the other way round.
    match look.committed.get(place) {
        Some(committed) => {
            let mut check = Check::equal("kafka", &of, "next offset", offsets, Span::exactly(*committed));
            if after.heartbeats == 0 {
                check = check.noted("offsets are committed, but no heartbeat tells of this partition");
            }
            out.push(check);
        }
        None if after.heartbeats > 0 => out.push(Check::unknown(
            "kafka",
            &of,
            "next offset",
            offsets,
            "the group has no committed offset of it: it was deleted, or the group has another name".to_owned(),
        )),
        None => {}
    }
    // Every record has a fate; an OTLP record holds several events, so there may be more fates than records.
    let (records, fates) = (span(|i| i.records), span(|i| i.folded + i.rejected));
    let mut fated = Check::equal(stats, &of, "folded + rejected", records, fates);
    if fates.low > records.high {
        fated.wanted = fates;
        fated.verdict = super::Verdict::Exact;
        fated.note = format!("{} records held more than one event", records.high);
    }
    out.push(fated);
    if after.holes() > 0 {
        let wanted = Span::exactly(signed(after.kept_records));
        out.push(match look.read_again.get(place) {
            Some(Ok(found)) => Check::equal("kafka", &of, "records", Span::exactly(signed(*found)), wanted)
                .noted("offsets without a record; the input was read again and its records counted"),
            Some(Err(why)) => Check::unknown("kafka", &of, "records", wanted, why.clone()),
            None => Check::unknown(
                "kafka",
                &of,
                "records",
                wanted,
                "the input was not read again".to_owned(),
            ),
        });
    }
    let told = span(|i| i.rejected);
    let found = span(|i| i.rejects);
    out.push(compared(look, rejects, stats, rejects, &of, "rejected", told, found));
    if let Some(Ok(sums)) = &look.druid {
        let sums = sums.inputs.get(place).copied().unwrap_or_default();
        let numbers: [Named<Input, InputSums>; 3] = [
            ("records", |i| i.records, |s| s.records),
            ("folded", |i| i.folded, |s| s.folded),
            ("rejected", |i| i.rejected, |s| s.rejected),
        ];
        for (what, ours, theirs) in numbers {
            let found = Span::exactly(signed(theirs(&sums)));
            out.push(of_druid(look, &of, what, span(ours), found));
        }
        let found = Span::exactly(sums.next_offset);
        out.push(Check::equal("druid", &of, "next offset", offsets, found).noted(&look.druid_behind));
    }
}

fn totals(look: &Look, out: &mut Vec<Check>) {
    let span = |value: fn(&Counted) -> u64| Span::of_counts(value(&look.before), value(&look.after));
    let (stats, details) = (look.names.stats.as_str(), look.names.details.as_str());
    for (topic, count) in &look.after.unreadable {
        let check = Check::equal(
            topic,
            "all",
            "unreadable",
            Span::exactly(0),
            Span::exactly(signed(*count)),
        );
        out.push(check.noted("records that are none of ours, or of a later version"));
    }
    let folded = span(Counted::folded);
    out.push(Check::equal(stats, "all", "events", folded, span(|c| c.stats)));
    out.push(compared(
        look,
        details,
        stats,
        details,
        "all",
        "events",
        folded,
        span(|c| c.details),
    ));
    match &look.druid {
        Some(Ok(sums)) => {
            let found = Span::exactly(signed(sums.events));
            out.push(of_druid(look, "all", "events", span(|c| c.stats), found));
        }
        Some(Err(why)) => out.push(Check::unknown("druid", "all", "events", span(|c| c.stats), why.clone())),
        None => {}
    }
    let elastic: [Named<Counted, Held>; 2] = [
        ("events by minute", |c| c.refused_minutes, |h| h.minutes),
        ("events by issue", |c| c.refused_issues, |h| h.issues),
    ];
    for (what, refused, held) in elastic {
        // What was refused is in rejects.
        let refused = Span::of_counts(refused(&look.before), refused(&look.after));
        let delivered = span(|c| c.details);
        let wanted = Span::between(
            delivered.low.saturating_sub(refused.high),
            delivered.high.saturating_sub(refused.low),
        );
        match &look.elastic {
            Some(Ok(held_now)) => {
                let found = Span::exactly(signed(held(held_now)));
                let mut check = if look.cut.iter().any(|cut| cut == details) {
                    let why = "the beginning of the topic is past its retention";
                    Check::at_least("elasticsearch", "all", what, wanted, found, why)
                } else {
                    Check::equal("elasticsearch", "all", what, wanted, found)
                };
                if look.removed_by_age && found.high < wanted.low {
                    check.verdict = super::Verdict::NotCompared;
                    check.note = "older days were removed (elasticsearch.retention_age)".to_owned();
                }
                if refused.high > 0 {
                    check.note = format!("{} events were refused and are in {}", refused, look.names.rejects);
                }
                out.push(if look.index_behind.is_empty() {
                    check
                } else {
                    check.noted(&look.index_behind)
                });
            }
            Some(Err(why)) => out.push(Check::unknown("elasticsearch", "all", what, wanted, why.clone())),
            None => {}
        }
    }
}

/// A check of Druid against `error-stats`.
fn of_druid(look: &Look, of: &str, what: &'static str, wanted: Span, found: Span) -> Check {
    let cut = look.cut.contains(&look.names.stats);
    let why = "the beginning of the topic is past its retention";
    let check = if cut {
        Check::at_least("druid", of, what, wanted, found, why)
    } else {
        Check::equal("druid", of, what, wanted, found)
    };
    check.noted(&look.druid_behind)
}

/// A check of a topic against another, either of which may have lost its beginning.
#[allow(
    clippy::too_many_arguments,
    reason = "two topics, a place and a number: a struct would only rename them"
)]
fn compared(
    look: &Look,
    stage: &str,
    wanted_in: &str,
    found_in: &str,
    of: &str,
    what: &'static str,
    wanted: Span,
    found: Span,
) -> Check {
    let is_cut = |topic: &str| look.cut.iter().any(|cut| cut == topic);
    let mut check = Check::equal(stage, of, what, wanted, found);
    if check.verdict == super::Verdict::Differs && (is_cut(wanted_in) || is_cut(found_in)) {
        check.verdict = super::Verdict::NotCompared;
        check.note = "the beginning of a topic is past its retention".to_owned();
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict;

    type Harming<T> = (&'static str, fn(&mut T));

    fn place() -> Place {
        ("in".into(), 0)
    }

    /// A system at rest in which all is well.
    fn well() -> Look {
        let input = Input {
            heartbeats: 2,
            records: 100,
            folded: 97,
            rejected: 3,
            rejects: 3,
            next_offset: 100,
            kept_from: Some(0),
            kept_records: 100,
            ..Input::default()
        };
        let mut counted = Counted::new(BTreeMap::new(), "s-issues".into());
        counted.stats = 97;
        counted.details = 97;
        counted.inputs.insert(place(), input);
        let sums = Sums {
            events: 97,
            inputs: BTreeMap::from([(
                place(),
                InputSums {
                    records: 100,
                    folded: 97,
                    rejected: 3,
                    next_offset: 100,
                    watermark: 5,
                },
            )]),
        };
        Look {
            before: counted.clone(),
            after: counted,
            committed: BTreeMap::from([(place(), 100)]),
            druid: Some(Ok(sums)),
            elastic: Some(Ok(Held {
                minutes: 97,
                issues: 97,
            })),
            ..Look::default()
        }
    }

    #[test]
    fn a_system_at_rest_in_which_all_is_well_is_exact() {
        let report = checks(&well());
        assert!(
            report.checks.iter().all(|check| check.verdict == Verdict::Exact),
            "{report:#?}"
        );
        assert!(report.checks.len() >= 11);
    }

    #[test]
    fn every_single_loss_and_double_is_found() {
        type Harm = fn(&mut Look);
        let each = |look: &mut Look, change: fn(&mut Counted)| {
            change(&mut look.before);
            change(&mut look.after);
        };
        let input = |counted: &mut Counted, change: fn(&mut Input)| {
            counted.inputs.values_mut().for_each(change);
        };
        let harms: [(&str, Harm); 11] = [
            ("committed beyond what was counted", |l| {
                l.committed.insert(place(), 101);
            }),
            ("committed less", |l| {
                l.committed.insert(place(), 99);
            }),
            ("no committed offset", |l| l.committed.clear()),
            ("druid lost one", |l| {
                l.druid = l.druid.take().map(|d| d.map(|s| Sums { events: 96, ..s }));
            }),
            ("druid has one twice", |l| {
                l.druid = l.druid.take().map(|d| d.map(|s| Sums { events: 98, ..s }));
            }),
            ("druid does not answer", |l| l.druid = Some(Err("away".into()))),
            ("a minute lost one", |l| {
                l.elastic = Some(Ok(Held {
                    minutes: 96,
                    issues: 97,
                }))
            }),
            ("an issue counts one twice", |l| {
                l.elastic = Some(Ok(Held {
                    minutes: 97,
                    issues: 98,
                }))
            }),
            ("the search node does not answer", |l| {
                l.elastic = Some(Err("away".into()))
            }),
            ("druid knows nothing of the partition", |l| {
                l.druid = l.druid.take().map(|d| {
                    d.map(|s| Sums {
                        inputs: BTreeMap::new(),
                        ..s
                    })
                });
            }),
            ("an unreadable record", |l| {
                l.after.unreadable.insert("error-stats".into(), 1);
            }),
        ];
        for (name, harm) in harms {
            let mut look = well();
            harm(&mut look);
            assert!(!checks(&look).agrees(), "{name}");
        }
        let topics: [Harming<Counted>; 3] = [
            ("a count is missing", |c| c.stats -= 1),
            ("a detail is missing", |c| c.details -= 1),
            ("a detail is there twice", |c| c.details += 1),
        ];
        for (name, change) in topics {
            let mut look = well();
            each(&mut look, change);
            assert!(!checks(&look).agrees(), "{name}");
        }
        let inputs: [Harming<Input>; 3] = [
            ("a record without a fate", |i| i.records += 1),
            ("a reject is missing", |i| i.rejects -= 1),
            ("a record passed over", |i| i.next_offset += 1),
        ];
        for (name, change) in inputs {
            let mut look = well();
            input(&mut look.before, change);
            input(&mut look.after, change);
            assert!(!checks(&look).agrees(), "{name}");
        }
    }

    #[test]
    fn offsets_without_records_are_explained_by_reading_the_input_again() {
        let mut look = well();
        for counted in [&mut look.before, &mut look.after] {
            counted.inputs.values_mut().for_each(|input| input.next_offset = 102);
        }
        look.committed.insert(place(), 102);
        if let Some(Ok(sums)) = &mut look.druid {
            sums.inputs.values_mut().for_each(|input| input.next_offset = 102);
        }
        assert!(!checks(&look).agrees());
        look.read_again.insert(place(), Ok(101));
        assert!(!checks(&look).agrees(), "a record was passed over");
        look.read_again.insert(place(), Ok(100));
        assert!(checks(&look).agrees());
    }

    #[test]
    fn what_is_in_flight_agrees_and_what_is_not_does_not() {
        let mut look = well();
        look.after.stats = 150;
        look.after.details = 150;
        for input in look.after.inputs.values_mut() {
            (input.records, input.folded, input.next_offset) = (153, 150, 153);
        }
        look.committed.insert(place(), 120);
        if let Some(Ok(sums)) = &mut look.druid {
            sums.events = 110;
        }
        let report = checks(&look);
        assert_eq!(report.verdict(), Verdict::InFlight, "{report:#?}");
        assert!(!report.is_settled());
        if let Some(Ok(sums)) = &mut look.druid {
            sums.events = 96;
        }
        assert!(
            !checks(&look).agrees(),
            "druid has read what was there before, and lost one of it"
        );
    }

    #[test]
    fn what_the_search_node_refused_is_in_rejects() {
        let mut look = well();
        look.elastic = Some(Ok(Held {
            minutes: 90,
            issues: 97,
        }));
        for counted in [&mut look.before, &mut look.after] {
            counted.refused_minutes = 7;
        }
        assert!(checks(&look).agrees());
    }
}
