//! The embedded store: its ledger beside what it holds.

use super::VerifyError;
use super::report::{Check, Report, Verdict};
use super::span::{Span, signed};
use crate::query::Query;
use crate::store::{ErrorSort, ErrorsAsk, Reader, TrendsAsk};

/// Issues of one page.
const PAGE: usize = 500;
/// Pages that are read at most: ten million issues.
const MOST_PAGES: usize = 20_000;
/// Minutes of a bucket of counts: a day.
const DAY_MINUTES: i64 = 1_440;
/// Days of one question.
const DAYS: i64 = 5_000;
const DAY_MILLIS: i64 = DAY_MINUTES * 60_000;

/// Compares the ledger of a store with its counts, its issues and its rejects. `removes` says that older events are
/// removed, so that less may be held than was counted.
///
/// # Errors
/// The store cannot be read.
pub fn verify_store(reader: &dyn Reader, removes: bool) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    let before = reader.totals()?;
    let counted = counts(reader, before.first_seen.as_deref(), before.last_seen.as_deref())?;
    let issues = issues(reader)?;
    let rejects = rejects(reader)?;
    let after = reader.totals()?;
    for (source, ledger) in &after.sources {
        let read = Span::exactly(signed(ledger.records.saturating_add(ledger.extra)));
        let fates = Span::exactly(signed(ledger.folded.saturating_add(ledger.rejected)));
        report
            .checks
            .push(Check::equal("store", source, "folded + rejected", read, fates));
    }
    let folded = Span::of_counts(before.ledger.folded, after.ledger.folded);
    let rejected = Span::of_counts(before.ledger.rejected, after.ledger.rejected);
    for (what, wanted, found) in [
        ("events by minute", folded, counted),
        ("events by issue", folded, issues),
        ("rejects", rejected, rejects),
    ] {
        let mut check = Check::equal("store", "all", what, wanted, Span::exactly(signed(found)));
        if removes && check.verdict == Verdict::Differs && signed(found) < wanted.low {
            check.verdict = Verdict::NotCompared;
            check.note = "older events were removed (store.retention)".to_owned();
        }
        report.checks.push(check);
    }
    Ok(report)
}

/// All counts by minute.
fn counts(reader: &dyn Reader, first: Option<&str>, last: Option<&str>) -> Result<u64, VerifyError> {
    let millis = |text: Option<&str>| {
        text.and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond)
    };
    let (Some(first), Some(last)) = (millis(first), millis(last)) else {
        return Ok(0);
    };
    let mut sum = 0_u64;
    let mut from = first.div_euclid(DAY_MILLIS) * DAY_MILLIS;
    // A running service may have counted since.
    let end = last.saturating_add(2 * DAY_MILLIS);
    while from < end {
        let to = from.saturating_add(DAYS * DAY_MILLIS).min(end);
        let trends = reader.trends(&TrendsAsk {
            by: "severity".to_owned(),
            step_minutes: DAY_MINUTES,
            from,
            to,
            query: Query::default(),
            top: 1,
            now: to,
        })?;
        sum = sum.saturating_add(trends.total.iter().sum());
        from = to;
    }
    Ok(sum)
}

/// The totals of all issues.
fn issues(reader: &dyn Reader) -> Result<u64, VerifyError> {
    let mut ask = ErrorsAsk {
        to: i64::from(u32::MAX) * 60_000,
        sort: ErrorSort::FirstSeen,
        limit: PAGE,
        ..ErrorsAsk::default()
    };
    let mut sum = 0_u64;
    for _ in 0..MOST_PAGES {
        let page = reader.errors(&ask)?;
        sum = page
            .items
            .iter()
            .fold(sum, |sum, issue| sum.saturating_add(issue.total));
        ask.after = page.next;
        if ask.after.is_none() {
            break;
        }
    }
    Ok(sum)
}

fn rejects(reader: &dyn Reader) -> Result<u64, VerifyError> {
    let mut after: Option<String> = None;
    let mut count = 0_u64;
    for _ in 0..MOST_PAGES {
        let page = reader.rejects(PAGE, after.as_deref())?;
        count = count.saturating_add(u64::try_from(page.items.len()).unwrap_or(0));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(count)
}
