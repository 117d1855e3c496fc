//! How the supervisor fares: for readiness, for metrics, and for `verify`, which waits until it has read far enough.

use super::client::DruidClient;
use super::error::{DruidError, Service};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;

/// Faults that are told.
const MOST_FAULTS: usize = 5;

/// The state of the supervisor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SupervisorStatus {
    /// Its id: the name of the datasource.
    pub id: String,
    /// Whether there is one.
    pub exists: bool,
    /// In Druid's words: `RUNNING`, `UNHEALTHY_TASKS`.
    pub state: String,
    /// In Druid's words, finer: `CONNECTING_TO_STREAM`.
    pub detailed_state: String,
    /// What Druid thinks of it.
    pub healthy: bool,
    /// Whether somebody suspended it.
    pub suspended: bool,
    /// Tasks that read, and tasks that publish what they read.
    pub tasks: (usize, usize),
    /// Offsets of the topic not read yet, as of a few seconds ago; absent while it is not known.
    pub lag: Option<u64>,
    /// How far each partition of the topic was read.
    pub read: BTreeMap<i32, i64>,
    /// Where each partition ends.
    pub ends: BTreeMap<i32, i64>,
    /// The latest faults, newest first.
    pub faults: Vec<SupervisorFault>,
}

/// A fault of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorFault {
    /// When, as Druid writes it.
    pub at: String,
    /// Class of the exception.
    pub class: String,
    /// What it said, shortened.
    pub message: String,
}

impl SupervisorStatus {
    /// The partitions that were read further than the topic now reaches: it was deleted and made anew.
    #[must_use]
    pub fn ahead(&self) -> Vec<i32> {
        let beyond =
            |(partition, end): (&i32, &i64)| self.read.get(partition).filter(|read| *read > end).map(|_| *partition);
        self.ends.iter().filter_map(beyond).collect()
    }

    /// Whether all rows below these offsets are read.
    #[must_use]
    pub fn has_read(&self, ends: &BTreeMap<i32, i64>) -> bool {
        ends.iter()
            .all(|(partition, end)| *end == 0 || self.read.get(partition).is_some_and(|read| read >= end))
    }

    /// What is wrong and what to do about it; nothing when counting goes on.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let id = &self.id;
        if !self.exists {
            return Some(format!("druid has no supervisor {id}; run `seismolog setup`"));
        }
        if self.suspended {
            return Some(format!(
                "druid's supervisor {id} is suspended; POST /druid/indexer/v1/supervisor/{id}/resume to its coordinator"
            ));
        }
        let ahead = self.ahead();
        if let Some(partition) = ahead.first() {
            return Some(format!(
                "druid's supervisor {id} has read partition {partition} up to offset {}, but the topic ends at {}: it \
                 was deleted and made anew, and its rows are not counted; POST to its coordinator \
                 /druid/indexer/v1/supervisor/{id}/suspend, wait until it is SUSPENDED and has no tasks (they publish \
                 what they counted, a reset before that loses it), then /resetOffsets with these partitions at 0, \
                 then /resume",
                self.read.get(partition).copied().unwrap_or(0),
                self.ends.get(partition).copied().unwrap_or(0),
            ));
        }
        if self.healthy {
            return None;
        }
        let last = self.faults.first().map_or_else(String::new, |fault| {
            format!(": {} ({}, {})", fault.message, fault.class, fault.at)
        });
        Some(format!(
            "druid's supervisor {id} is {}{last}; its log and the logs of its tasks tell more",
            self.detailed_state
        ))
    }
}

impl DruidClient {
    /// How the supervisor fares.
    ///
    /// # Errors
    /// No answer.
    pub fn status(&self) -> Result<SupervisorStatus, DruidError> {
        let id = self.datasource().to_owned();
        let answer = self.ask(Service::Coordinator, &Method::GET, &self.supervisor("/status"), None)?;
        if answer.status == 404 {
            return Ok(SupervisorStatus {
                id,
                ..SupervisorStatus::default()
            });
        }
        let said = self.json(Service::Coordinator, &answer)?;
        let Some(payload) = said.get("payload") else {
            return Err(DruidError::Strange {
                service: Service::Coordinator,
                url: self.url(Service::Coordinator).to_owned(),
                error: "the status of a supervisor without payload".to_owned(),
            });
        };
        Ok(read(id, payload))
    }

    /// The path of our supervisor.
    pub(super) fn supervisor(&self, call: &str) -> String {
        let id = percent_encoding::utf8_percent_encode(self.datasource(), percent_encoding::NON_ALPHANUMERIC);
        format!("/druid/indexer/v1/supervisor/{id}{call}")
    }
}

fn read(id: String, payload: &Value) -> SupervisorStatus {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let truth = |key: &str| payload.get(key).and_then(Value::as_bool).unwrap_or(false);
    let list = |key: &str| {
        payload
            .get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let (active, publishing) = (list("activeTasks"), list("publishingTasks"));
    let mut furthest = BTreeMap::new();
    for task in active.iter().chain(publishing) {
        // A task that has not told yet begins where the one before it ended.
        for key in ["startingOffsets", "currentOffsets"] {
            for (partition, offset) in offsets(task.get(key)) {
                let at = furthest.entry(partition).or_insert(offset);
                *at = offset.max(*at);
            }
        }
    }
    let faults = list("recentErrors").iter().rev().take(MOST_FAULTS);
    SupervisorStatus {
        id,
        exists: true,
        state: text(payload, "state"),
        detailed_state: text(payload, "detailedState"),
        healthy: truth("healthy"),
        suspended: truth("suspended"),
        tasks: (active.len(), publishing.len()),
        lag: payload
            .get("latestOffsets")
            .and_then(|_| payload.get("aggregateLag"))
            .and_then(Value::as_u64),
        read: furthest,
        ends: offsets(payload.get("latestOffsets")).collect(),
        faults: faults
            .map(|fault| SupervisorFault {
                at: text(fault, "timestamp"),
                class: text(fault, "exceptionClass"),
                message: text(fault, "message").chars().take(300).collect(),
            })
            .collect(),
    }
}

fn offsets(value: Option<&Value>) -> impl Iterator<Item = (i32, i64)> + '_ {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(partition, offset)| Some((partition.parse().ok()?, offset.as_i64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn running() -> Value {
        json!({
            "activeTasks": [{ "startingOffsets": { "0": 0, "1": 7 }, "currentOffsets": { "0": 4 } }],
            "publishingTasks": [], "latestOffsets": { "0": 5, "1": 7 }, "aggregateLag": 1, "suspended": false,
            "healthy": true, "state": "RUNNING", "detailedState": "RUNNING", "recentErrors": []
        })
    }

    #[test]
    fn a_supervisor_that_reads_is_no_trouble_and_tells_its_lag() {
        let status = read("d".into(), &running());
        assert_eq!((status.trouble(), status.lag, status.tasks), (None, Some(1), (1, 0)));
        assert!(status.has_read(&BTreeMap::from([(0, 4), (1, 7), (2, 0)])));
        assert!(!status.has_read(&BTreeMap::from([(0, 5)])));
        assert!(!status.has_read(&BTreeMap::from([(3, 1)])));
    }

    #[test]
    fn a_topic_made_anew_is_told_with_the_reset_though_druid_thinks_all_is_well() {
        let mut payload = running();
        payload["latestOffsets"] = json!({ "0": 0, "1": 7 });
        let status = read("d".into(), &payload);
        assert_eq!(status.ahead(), [0]);
        assert!(status.trouble().unwrap().contains("/resetOffsets"));
    }

    #[test]
    fn every_trouble_names_its_remedy() {
        let missing = SupervisorStatus {
            id: "d".into(),
            ..SupervisorStatus::default()
        };
        assert!(missing.trouble().unwrap().contains("seismolog setup"));
        let mut payload = running();
        payload["suspended"] = json!(true);
        assert!(read("d".into(), &payload).trouble().unwrap().contains("/resume"));
        payload["suspended"] = json!(false);
        payload["healthy"] = json!(false);
        payload["detailedState"] = json!("UNABLE_TO_CONNECT_TO_STREAM");
        payload["recentErrors"] = json!([{ "timestamp": "t", "exceptionClass": "C", "message": "m" }]);
        let trouble = read("d".into(), &payload).trouble().unwrap();
        assert!(trouble.contains("UNABLE_TO_CONNECT_TO_STREAM: m (C, t)"), "{trouble}");
    }
}
