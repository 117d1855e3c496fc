//! Whole days of details removed when they are older than they are wanted.
//!
//! A job of our own, since lifecycle management differs between the products and is absent from some. Every process of
//! the role does it; the second finds nothing left to do.

use crate::clock::Clock;
use crate::store::elastic_druid::elastic::documents::{details_index, details_pattern};
use crate::store::elastic_druid::elastic::{Elastic, ElasticError, Method};
use serde_json::Value;
use std::time::Duration;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(3_600);
/// How soon it is tried again after a fault.
const AGAIN: Duration = Duration::from_secs(60);

const DAY_MILLIS: i64 = 86_400_000;

/// Removes old days, now and every hour. Ends only by being dropped.
pub(super) async fn keep(elastic: &Elastic, age: Duration, clock: Clock) {
    loop {
        let pause = match remove_old(elastic, age, clock.now_millis()).await {
            Ok(removed) => {
                for index in removed {
                    tracing::info!(index, "removed: older than elasticsearch.retention_age");
                }
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "old days could not be removed");
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Removes the indices of days that ended longer ago than `age`; gives their names.
///
/// # Errors
/// The search node is away or forbids it.
pub async fn remove_old(elastic: &Elastic, age: Duration, now_millis: i64) -> Result<Vec<String>, ElasticError> {
    let prefix = elastic.prefix();
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let oldest = now_millis.saturating_sub(age);
    let path = format!("{}/_mapping", details_pattern(prefix));
    let query = [("allow_no_indices", "true"), ("ignore_unavailable", "true")];
    let found = elastic.find(Method::Get, &path, &query, None).await?;
    let mut removed = Vec::new();
    for (index, holder) in found.iter().filter_map(Value::as_object).flatten() {
        let ours = holder.pointer("/mappings/_meta/product").and_then(Value::as_str) == Some("seismolog");
        if ours && ended_before(prefix, index, oldest) {
            elastic.find(Method::Delete, index, &[], None).await?;
            removed.push(index.clone());
        }
    }
    Ok(removed)
}

/// Whether an index is that of a day which ended at or before a time.
fn ended_before(prefix: &str, index: &str, millis: i64) -> bool {
    let day = index
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix("-details-"));
    let Some(begins) = day.and_then(|day| {
        format!("{}T00:00:00Z", day.replace('.', "-"))
            .parse::<jiff::Timestamp>()
            .ok()
    }) else {
        return false;
    };
    let begins = begins.as_millisecond();
    // Written otherwise than we write it: not ours.
    details_index(prefix, begins) == index && begins.saturating_add(DAY_MILLIS) <= millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_days_of_ours_that_have_ended_are_old() {
        let noon: i64 = 1_795_262_400_000; // 2026-11-21T12:00:00Z
        for (index, old) in [
            ("s-details-2026.11.20", true),
            ("s-details-2026.11.21", false),
            ("s-details-2026.11.22", false),
            ("s-details-1999.01.01", true),
            ("s-details-2026.11.20-old", false),
            ("s-details-2026-11-20", false),
            ("s-details-", false),
            ("s-issues", false),
            ("t-details-2026.11.20", false),
        ] {
            assert_eq!(ended_before("s", index, noon), old, "{index}");
        }
    }
}
