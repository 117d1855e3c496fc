//! Counts over time by a dimension, equal to what the embedded store answers.
//!
//! Two questions: the largest values over the window, then the counts of those and of the rest by bucket. Series,
//! rest and total come from the second alone, so that they add up while counting goes on.

use super::client::DruidClient;
use super::error::DruidError;
use super::filter;
use super::sql::{Question, count};
use crate::store::window::Buckets;
use crate::store::{ReadError, Series, TREND_DIMENSIONS, Trends, TrendsAsk};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// What the reading side asks of Druid.
#[derive(Debug, Clone)]
pub struct DruidReader {
    pub(super) client: Arc<DruidClient>,
}

/// A value's name and its counts; no name where it is unknown.
type Row = (Option<String>, Vec<u64>);

impl DruidReader {
    /// A reader.
    #[must_use]
    pub fn new(client: Arc<DruidClient>) -> Self {
        Self { client }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &DruidClient {
        &self.client
    }

    /// Counts over time. Nothing when the search asks for what Druid does not know.
    ///
    /// # Errors
    /// A question that cannot be asked, or no answer.
    pub fn trends(&self, ask: &TrendsAsk) -> Result<Option<Trends>, ReadError> {
        let Some(by) = TREND_DIMENSIONS.iter().find(|known| **known == ask.by).copied() else {
            let shown: String = ask.by.chars().take(64).collect();
            return Err(ReadError::BadRequest(format!(
                "by={shown} is not known; it is one of {}",
                TREND_DIMENSIONS.join(", ")
            )));
        };
        let buckets = Buckets::of(ask)?;
        let top = ask.top.clamp(1, 200);
        let Some(condition) = filter::condition(&ask.query) else {
            return Ok(None);
        };
        let mut errors = Question::new(" FROM ");
        errors
            .name(self.client.datasource())
            .sql(" WHERE \"kind\" = 'error' AND \"__time\" >= ")
            .moment(buckets.window.begin_millis())
            .sql(" AND \"__time\" < ")
            .moment(buckets.window.end_millis());
        if let Some(condition) = &condition {
            errors.sql(" AND ").piece(condition);
        }
        let largest = if buckets.count == 0 {
            Vec::new()
        } else {
            self.largest(by, &errors, top)?
        };
        let (rows, other) = self.by_bucket(by, &errors, buckets, largest)?;
        Ok(Some(answer(ask, buckets, rows, other)))
    }

    /// The largest values of a dimension.
    fn largest(&self, by: &str, errors: &Question, top: usize) -> Result<Vec<Option<String>>, ReadError> {
        let mut question = Question::new("SELECT ");
        question
            .name(by)
            .sql(", SUM(\"count\")")
            .piece(errors)
            .sql(" GROUP BY 1 HAVING SUM(\"count\") > 0 ORDER BY 2 DESC, 1 ASC LIMIT ")
            .sql(&top.to_string());
        let rows = self.client.sql(&question).map_err(failed)?;
        Ok(rows.iter().map(|row| name(row.first())).collect())
    }

    /// The counts of some values by bucket, and the counts of all others.
    fn by_bucket(
        &self,
        by: &str,
        errors: &Question,
        buckets: Buckets,
        values: Vec<Option<String>>,
    ) -> Result<(Vec<Row>, Vec<u64>), ReadError> {
        let mut other = vec![0_u64; buckets.count];
        let mut rows: Vec<Row> = values.into_iter().map(|name| (name, vec![0; buckets.count])).collect();
        if rows.is_empty() {
            return Ok((rows, other));
        }
        let known: Vec<&str> = rows.iter().filter_map(|(name, _)| name.as_deref()).collect();
        let mut question = Question::new("SELECT TIMESTAMP_TO_MILLIS(TIME_FLOOR(\"__time\", ");
        // Without an origin, periods of minutes begin anew at every hour.
        question
            .sql(&format!("'PT{}M', ", buckets.step))
            .moment(buckets.window.begin_millis())
            .sql(")), ");
        if known.is_empty() {
            question.sql("CAST(NULL AS VARCHAR)");
        } else {
            question
                .sql("CASE WHEN ")
                .name(by)
                .sql(" IN (")
                .texts(known)
                .sql(") THEN ")
                .name(by)
                .sql(" ELSE NULL END");
        }
        question
            .sql(", CASE WHEN ")
            .name(by)
            .sql(" IS NULL THEN 1 ELSE 0 END, SUM(\"count\")")
            .piece(errors)
            .sql(" GROUP BY 1, 2, 3");
        let places: HashMap<Option<String>, usize> = rows
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (name.clone(), at))
            .collect();
        for row in self.client.sql(&question).map_err(failed)? {
            let Some(at) = row
                .first()
                .and_then(Value::as_i64)
                .and_then(|millis| buckets.at_millis(millis))
            else {
                return Err(ReadError::Store(format!(
                    "druid answers a bucket at {}, which is none of those asked for",
                    row.first().unwrap_or(&Value::Null)
                )));
            };
            let value = name(row.get(1));
            let unknown = count(row.get(2)) == 1;
            let place = if value.is_some() || unknown {
                places.get(&value)
            } else {
                None
            };
            let counts = match place.and_then(|place| rows.get_mut(*place)) {
                Some((_, counts)) => counts,
                None => &mut other,
            };
            if let Some(counter) = counts.get_mut(at) {
                *counter = counter.saturating_add(count(row.get(3)));
            }
        }
        Ok((rows, other))
    }
}

fn answer(ask: &TrendsAsk, buckets: Buckets, rows: Vec<Row>, other: Vec<u64>) -> Trends {
    let mut total = other.clone();
    let mut series: Vec<Series> = Vec::with_capacity(rows.len());
    for (name, counts) in rows {
        for (sum, count) in total.iter_mut().zip(&counts) {
            *sum = sum.saturating_add(*count);
        }
        series.push(Series {
            value: name.unwrap_or_else(|| "-".to_owned()),
            count: counts.iter().sum(),
            counts,
        });
    }
    // Counting may have gone on between the two questions.
    series.sort_by_key(|series| std::cmp::Reverse(series.count));
    buckets.answer(&ask.by, series, other, total)
}

pub(super) fn name(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

/// An error of the client as one of the reading side.
pub(super) fn failed(error: DruidError) -> ReadError {
    match error {
        DruidError::TimedOut { within, .. } => {
            ReadError::TimedOut(u64::try_from(within.as_millis()).unwrap_or(u64::MAX))
        }
        DruidError::Configuration(_)
        | DruidError::Away { .. }
        | DruidError::Untrusted { .. }
        | DruidError::Refused { .. }
        | DruidError::Strange { .. } => ReadError::Store(error.to_string()),
    }
}
