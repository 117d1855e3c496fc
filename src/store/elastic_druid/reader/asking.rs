//! Asking the search node from threads that may block, with an end to every question.

use crate::config::servers::ElasticConfig;
use crate::store::ReadError;
use crate::store::elastic_druid::elastic::{Elastic, ElasticError, Method, documents};
use crate::store::window::Window;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Longest window whose days are named one by one; a longer one asks every index.
const MOST_DAYS: u32 = 40;

const MINUTES_OF_DAY: u32 = 1_440;

/// The client with threads of its own.
#[derive(Debug)]
pub(super) struct Node {
    elastic: Arc<Elastic>,
    limit: Duration,
    runtime: Option<Runtime>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // Whoever drops it may be a thread that may not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Answered = Result<Option<Value>, ElasticError>;

impl Node {
    pub(super) fn connect(config: &ElasticConfig, limit: Duration) -> Result<Self, ReadError> {
        let elastic = Elastic::new(config).map_err(|error| told(&error))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("search-node")
            .enable_all()
            .build()
            .map_err(|error| ReadError::Store(format!("could not start threads for the search node: {error}")))?;
        Ok(Self {
            elastic: Arc::new(elastic),
            limit,
            runtime: Some(runtime),
        })
    }

    /// A question begins.
    pub(super) fn begin(&self) -> Ask<'_> {
        Ask {
            node: self,
            deadline: Instant::now() + self.limit,
        }
    }

    pub(super) fn prefix(&self) -> &str {
        self.elastic.prefix()
    }

    pub(super) fn issues(&self) -> String {
        documents::issues_index(self.prefix())
    }

    pub(super) fn markers(&self) -> String {
        documents::markers_index(self.prefix())
    }

    pub(super) fn all_details(&self) -> String {
        documents::details_pattern(self.prefix())
    }

    /// The indices with the details of a window: one per day.
    pub(super) fn details(&self, window: Window) -> String {
        let days = window.from / MINUTES_OF_DAY..window.to.div_ceil(MINUTES_OF_DAY);
        if days.is_empty() || days.len() > usize::try_from(MOST_DAYS).unwrap_or(0) {
            return self.all_details();
        }
        let name = |day: u32| documents::details_index(self.prefix(), i64::from(day) * 86_400_000);
        days.map(name).collect::<Vec<_>>().join(",")
    }
}

/// One question: everything it asks the node ends by its deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) node: &'a Node,
    deadline: Instant,
}

/// An answer on its way.
pub(super) struct Pending {
    answer: Receiver<Answered>,
    deadline: Instant,
    limit: Duration,
}

impl Pending {
    fn timed_out(&self) -> ReadError {
        ReadError::TimedOut(u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX))
    }

    fn wait(self) -> Result<Answered, ReadError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.answer.recv_timeout(left) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(self.timed_out()),
            Err(RecvTimeoutError::Disconnected) => Err(ReadError::Store(
                "the search node's answer got lost; ask again".to_owned(),
            )),
        }
    }

    /// What was found; what the node could not finish in time, or not on every shard, is no answer.
    pub(super) fn found(self) -> Result<Value, ReadError> {
        let late = self.timed_out();
        let answer = self.wait()?.map_err(|error| told(&error))?.unwrap_or(Value::Null);
        if answer.get("timed_out").and_then(Value::as_bool) == Some(true) {
            return Err(late);
        }
        match answer.pointer("/_shards/failed").and_then(Value::as_u64) {
            None | Some(0) => Ok(answer),
            Some(failed) => Err(ReadError::Store(format!(
                "{failed} shards of the search node did not answer; look at its health"
            ))),
        }
    }
}

impl Pending {
    /// What was written; nothing where somebody else wrote first (409).
    pub(super) fn unless_conflict(self) -> Result<Option<Value>, ReadError> {
        match self.wait()? {
            Ok(Some(answer)) => Ok(Some(answer)),
            Ok(None) => Err(ReadError::NotFound("the document".to_owned())),
            Err(ElasticError::Refused { status: 409, .. }) => Ok(None),
            Err(error) => Err(told(&error)),
        }
    }
}

impl Ask<'_> {
    /// Ends a question that takes too long: called between passes over memory.
    pub(super) fn in_time(&self) -> Result<(), ReadError> {
        if Instant::now() >= self.deadline {
            let limit = self.node.limit.as_millis();
            return Err(ReadError::TimedOut(u64::try_from(limit).unwrap_or(u64::MAX)));
        }
        Ok(())
    }

    /// Sends a request; several may be on their way at once. What is not there (404) is nothing.
    pub(super) fn send(
        &self,
        method: Method,
        path: String,
        query: &[(&'static str, String)],
        body: Option<Value>,
    ) -> Pending {
        let (answered, answer) = sync_channel(1);
        let elastic = Arc::clone(&self.node.elastic);
        let query = query.to_vec();
        if let Some(runtime) = &self.node.runtime {
            runtime.spawn(async move {
                let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let outcome = elastic.find(method, &path, &query, body.as_ref()).await;
                // Who asked may have gone meanwhile.
                drop(answered.send(outcome));
            });
        }
        Pending {
            answer,
            deadline: self.deadline,
            limit: self.node.limit,
        }
    }

    /// Searches an index, or several parted by commas; those that are not there hold nothing.
    pub(super) fn search(&self, index: &str, mut body: Value) -> Pending {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if let Some(body) = body.as_object_mut() {
            let millis = left.as_millis().max(1);
            body.insert("timeout".to_owned(), json!(format!("{millis}ms")));
            body.entry("track_total_hits").or_insert(json!(false));
        }
        let query = [
            ("ignore_unavailable", "true".to_owned()),
            ("allow_no_indices", "true".to_owned()),
            ("allow_partial_search_results", "false".to_owned()),
        ];
        self.send(Method::Post, format!("{index}/_search"), &query, Some(body))
    }

    /// One document.
    pub(super) fn get(&self, index: &str, id: &str, fields: &[&str]) -> Pending {
        let query = [("_source_includes", fields.join(","))];
        self.send(Method::Get, format!("{index}/_doc/{id}"), &query, None)
    }
}

/// An error of the search node as an answer.
pub(super) fn told(error: &ElasticError) -> ReadError {
    ReadError::Store(format!("{error}; {}", error.advice()))
}

/// The hits of an answer.
pub(super) fn hits(answer: &Value) -> &[Value] {
    answer
        .pointer("/hits/hits")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The buckets of an aggregation.
pub(super) fn buckets<'a>(answer: &'a Value, path: &str) -> &'a [Value] {
    answer
        .pointer(path)
        .and_then(|aggregation| aggregation.get("buckets"))
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A sum: the node gives a floating number, whole up to 2^53.
pub(super) fn whole(value: Option<&Value>) -> u64 {
    let Some(value) = value else { return 0 };
    value.as_u64().unwrap_or_else(|| {
        let number = value.as_f64().unwrap_or(0.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates; below 2^53 it is exact"
        )]
        {
            number.round() as u64
        }
    })
}
