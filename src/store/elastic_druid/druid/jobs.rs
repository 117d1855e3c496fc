//! What Druid knows of jobs: counts, restarts by type, lines. Issues and their first sight are the search node's.

use super::sql::{Question, count};
use super::trends::{DruidReader, failed, name};
use crate::event::Fingerprint;
use crate::store::ReadError;
use crate::store::window::Window;
use std::collections::BTreeMap;

/// Most fingerprints one question names.
const MOST_FINGERPRINTS: usize = 1_000;
/// Most buckets of a line.
const MOST_BUCKETS: usize = 1_000;

/// Counts of one job over a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Events, noise left out.
    pub count: u64,
    /// Events with noise.
    pub events: u64,
    /// Distinct fingerprints, noise left out: as many as issues, as an issue is one job and one fingerprint.
    pub issues: u64,
    /// Distinct fingerprints of critical severity, noise left out.
    pub critical: u64,
    /// Distinct fingerprints of high severity, noise left out.
    pub high: u64,
    /// Events of the types asked for, and of the fingerprints asked for.
    pub restarts: u64,
    /// Start of the last minute with an event, milliseconds since the epoch.
    pub last_minute: i64,
}

impl DruidReader {
    /// Counts of every job with an event in the window. `restart_types` and `restart_fingerprints` say which events
    /// tell of a restart: most do by their type, some only by their text, which Druid does not know.
    ///
    /// # Errors
    /// No answer, or too many fingerprints.
    pub fn job_counts(
        &self,
        from: i64,
        to: i64,
        restart_types: &[&str],
        restart_fingerprints: &[Fingerprint],
    ) -> Result<BTreeMap<String, JobCounts>, ReadError> {
        if restart_fingerprints.len() > MOST_FINGERPRINTS {
            return Err(ReadError::BadRequest(format!(
                "{} fingerprints are asked for at once, at most {MOST_FINGERPRINTS} are answered",
                restart_fingerprints.len()
            )));
        }
        let window = Window::of_millis(from, to);
        let fingerprints: Vec<String> = restart_fingerprints.iter().map(Fingerprint::to_string).collect();
        // Inner: one row per issue, so that issues are counted exactly.
        let mut question = Question::new(
            "SELECT \"job\", SUM(\"loud\"), SUM(\"events\"), SUM(CASE WHEN \"loud\" > 0 THEN 1 ELSE 0 END), \
             SUM(\"critical\"), SUM(\"high\"), SUM(\"restarts\"), MAX(\"last\") FROM (SELECT \"job\", \"fingerprint\", \
             SUM(\"count\") AS \"events\", SUM(CASE WHEN \"part\" <> 'noise' THEN \"count\" ELSE 0 END) AS \"loud\", \
             MAX(CASE WHEN \"part\" <> 'noise' AND \"severity\" = 'critical' THEN 1 ELSE 0 END) AS \"critical\", \
             MAX(CASE WHEN \"part\" <> 'noise' AND \"severity\" = 'high' THEN 1 ELSE 0 END) AS \"high\", \
             SUM(CASE WHEN ",
        );
        if restart_types.is_empty() {
            question.sql("1 = 0");
        } else {
            question
                .sql("\"error_type\" IN (")
                .texts(restart_types.iter().copied())
                .sql(")");
        }
        if !fingerprints.is_empty() {
            question
                .sql(" OR \"fingerprint\" IN (")
                .texts(fingerprints.iter().map(String::as_str))
                .sql(")");
        }
        question.sql(" THEN \"count\" ELSE 0 END) AS \"restarts\", MAX(TIMESTAMP_TO_MILLIS(\"__time\")) AS \"last\"");
        self.of_errors(&mut question, window);
        question.sql(" GROUP BY 1, 2) GROUP BY 1");
        let rows = self.client.sql(&question).map_err(failed)?;
        let jobs = rows.iter().filter_map(|row| {
            let at = |place: usize| count(row.get(place));
            Some((
                name(row.first())?,
                JobCounts {
                    count: at(1),
                    events: at(2),
                    issues: at(3),
                    critical: at(4),
                    high: at(5),
                    restarts: at(6),
                    last_minute: row.get(7).and_then(serde_json::Value::as_i64).unwrap_or(0),
                },
            ))
        });
        Ok(jobs.collect())
    }

    /// Counts of some jobs over the window in so many buckets, oldest first, noise left out.
    ///
    /// # Errors
    /// No answer.
    pub fn job_lines(
        &self,
        jobs: &[&str],
        from: i64,
        to: i64,
        buckets: usize,
    ) -> Result<BTreeMap<String, Vec<u64>>, ReadError> {
        let buckets = buckets.min(MOST_BUCKETS);
        let mut lines: BTreeMap<String, Vec<u64>> =
            jobs.iter().map(|job| ((*job).to_owned(), vec![0; buckets])).collect();
        if jobs.is_empty() || buckets == 0 {
            return Ok(lines);
        }
        let window = Window::of_millis(from, to);
        let width = i64::from(window.to - window.from).max(1);
        let most = i64::try_from(buckets).unwrap_or(1);
        let mut question = Question::new("SELECT \"job\", ((TIMESTAMP_TO_MILLIS(\"__time\") - ");
        question
            .number(window.begin_millis())
            .sql(") / 60000) * ")
            .number(most)
            .sql(" / ")
            .number(width);
        question.sql(", SUM(\"count\")");
        self.of_errors(&mut question, window);
        question.sql(" AND \"part\" <> 'noise' AND \"job\" IN (");
        question.texts(jobs.iter().copied()).sql(") GROUP BY 1, 2");
        for row in self.client.sql(&question).map_err(failed)? {
            let line = name(row.first()).and_then(|job| lines.get_mut(&job));
            let at = usize::try_from(count(row.get(1))).unwrap_or(usize::MAX);
            if let Some(bucket) = line.and_then(|line| line.get_mut(at)) {
                *bucket = bucket.saturating_add(count(row.get(2)));
            }
        }
        Ok(lines)
    }

    fn of_errors(&self, question: &mut Question, window: Window) {
        question
            .sql(" FROM ")
            .name(self.client.datasource())
            .sql(" WHERE \"kind\" = 'error' AND \"__time\" >= ")
            .moment(window.begin_millis())
            .sql(" AND \"__time\" < ")
            .moment(window.end_millis());
    }
}
