//! What `verify` compares: everything counted so far, and how far each input partition was counted.

use super::client::DruidClient;
use super::error::DruidError;
use super::sql::{Question, count};
use super::trends::name;
use serde_json::Value;
use std::collections::BTreeMap;

/// Sums over the whole datasource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Events in counts.
    pub events: u64,
    /// What the heartbeats told, by input topic and partition.
    pub inputs: BTreeMap<(String, i32), InputSums>,
}

/// What the heartbeats told of one input partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputSums {
    /// Records read.
    pub records: u64,
    /// Events folded.
    pub folded: u64,
    /// Rejects.
    pub rejected: u64,
    /// The offset to go on at.
    pub next_offset: i64,
    /// Latest event time seen, milliseconds since the epoch; 0 before the first event.
    pub watermark: i64,
}

impl DruidClient {
    /// Sums over the whole datasource, with one question, so that they belong together.
    ///
    /// # Errors
    /// No answer.
    pub fn sums(&self) -> Result<Sums, DruidError> {
        let mut question = Question::new(
            "SELECT \"kind\", \"input_topic\", \"input_partition\", SUM(\"count\"), SUM(\"records\"), SUM(\"folded\"), \
             SUM(\"rejected\"), MAX(\"next_offset\"), MAX(\"watermark\") FROM ",
        );
        question.name(self.datasource()).sql(" GROUP BY 1, 2, 3");
        let mut sums = Sums::default();
        for row in self.sql(&question)? {
            let signed = |at: usize| row.get(at).and_then(Value::as_i64).unwrap_or(0);
            sums.events = sums.events.saturating_add(count(row.get(3)));
            let partition = row
                .get(2)
                .and_then(Value::as_i64)
                .and_then(|number| i32::try_from(number).ok());
            if let (Some(topic), Some(partition)) = (name(row.get(1)), partition) {
                sums.inputs.insert(
                    (topic, partition),
                    InputSums {
                        records: count(row.get(4)),
                        folded: count(row.get(5)),
                        rejected: count(row.get(6)),
                        next_offset: signed(7),
                        watermark: signed(8),
                    },
                );
            }
        }
        Ok(sums)
    }
}
