//! Asks all servers, waits for what is behind, asks again.

use super::checks::{Held, Look, checks};
use super::counted::{Counted, Place};
use super::report::Report;
use super::topics::Follower;
use crate::config::Config;
use crate::config::servers::KafkaConfig;
use crate::source::kafka::KafkaFault;
use crate::store::elastic_druid::druid::{DruidClient, DruidError};
use crate::store::elastic_druid::elastic::documents::{COUNT, TOTAL, details_pattern, issues_index};
use crate::store::elastic_druid::elastic::{Elastic, ElasticError, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Least time one look is given, however little is left.
const LEAST: Duration = Duration::from_secs(5);

/// Most time reading our topics may take.
const MOST: Duration = Duration::from_secs(3_600);

/// How it is done.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions {
    /// How long it may take until all agrees.
    pub within: Duration,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Kafka is not configured.
    #[error("no Kafka is configured (source.kafka.brokers); without it the embedded store is verified")]
    NoKafka,
    /// Kafka.
    #[error("{0}; {advice}", advice = .0.advice())]
    Kafka(#[from] KafkaFault),
    /// Druid's configuration.
    #[error(transparent)]
    Druid(#[from] DruidError),
    /// The search node's configuration.
    #[error("{0}; {advice}", advice = .0.advice())]
    Elastic(#[from] ElasticError),
    /// The store.
    #[error("{0}")]
    Store(#[from] crate::store::ReadError),
    /// No thread.
    #[error("could not start: {0}")]
    Start(String),
}

impl VerifyError {
    /// Whether it may go well later (exit 75).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            VerifyError::Kafka(fault) => fault.may_pass(),
            VerifyError::Druid(error) => error.is_temporary(),
            VerifyError::Elastic(error) => error.may_pass(),
            VerifyError::Store(_) | VerifyError::Start(_) => true,
            VerifyError::NoKafka => false,
        }
    }
}

/// Whom to ask.
struct Servers<'a> {
    config: &'a Config,
    kafka: &'a KafkaConfig,
    follower: Follower<'a>,
    druid: Option<DruidClient>,
    elastic: Option<Elastic>,
    runtime: tokio::runtime::Runtime,
    counted: Counted,
}

/// Compares until all is exact or the time is over.
///
/// # Errors
/// Kafka cannot be read, or a configuration cannot be used. A Druid or search node that does not answer is a check
/// that failed.
pub fn verify_servers(config: &Config, options: VerifyOptions) -> Result<Report, VerifyError> {
    let until = Instant::now() + options.within;
    let mut servers = Servers::new(config)?;
    loop {
        let report = checks(&servers.look(until.max(Instant::now() + LEAST))?);
        if report.is_settled() || Instant::now() + PAUSE >= until {
            return Ok(report);
        }
        std::thread::park_timeout(PAUSE);
    }
}

impl<'a> Servers<'a> {
    fn new(config: &'a Config) -> Result<Self, VerifyError> {
        let kafka = config.kafka.as_ref().ok_or(VerifyError::NoKafka)?;
        let names = &config.topics;
        let ours = [names.details.as_str(), names.stats.as_str(), names.rejects.as_str()];
        let follower = Follower::new(kafka, &ours, LEAST)?;
        let kept = follower.firsts(&kafka.topics)?;
        let issues = config
            .elasticsearch
            .as_ref()
            .map(|elastic| issues_index(&elastic.prefix));
        Ok(Self {
            config,
            kafka,
            counted: Counted::new(kept, issues.unwrap_or_default()),
            follower,
            druid: config.druid.as_ref().map(DruidClient::new).transpose()?,
            elastic: config.elasticsearch.as_ref().map(Elastic::new).transpose()?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| VerifyError::Start(error.to_string()))?,
        })
    }

    fn look(&mut self, until: Instant) -> Result<Look, VerifyError> {
        let names = self.config.topics.clone();
        self.read()?;
        let before = self.counted.clone();
        let (druid, druid_behind) = self.of_druid(until);
        let (elastic, index_behind) = self.of_elastic(until)?;
        let committed = self.follower.committed(&self.kafka.group_id, &self.kafka.topics)?;
        self.read()?;
        let read_again = self.read_again(until.max(Instant::now() + LEAST));
        Ok(Look {
            before,
            after: self.counted.clone(),
            committed,
            read_again,
            druid,
            druid_behind,
            elastic,
            index_behind,
            cut: self.follower.cut(),
            removed_by_age: self
                .config
                .elasticsearch
                .as_ref()
                .is_some_and(|e| e.retention_age.is_some()),
            names,
        })
    }

    /// Not bound by the time that is given: without the topics there is nothing to compare. A broker that is silent
    /// ends it, and a topic that grows faster than it is read.
    fn read(&mut self) -> Result<(), VerifyError> {
        let until = Instant::now() + MOST;
        let names = &self.config.topics;
        let counted = &mut self.counted;
        self.follower.read(until, &mut |found| {
            if found.topic == names.stats {
                counted.add_stat(found.topic, found.payload);
            } else if found.topic == names.details {
                counted.add_detail(found.topic, found.payload);
            } else {
                counted.add_reject(found.topic, found.payload);
            }
        })?;
        Ok(())
    }

    /// Counts the records of inputs whose heartbeats leave holes.
    fn read_again(&self, until: Instant) -> BTreeMap<Place, Result<u64, String>> {
        let holed = self.counted.inputs.iter().filter(|(_, input)| input.holes() > 0);
        holed
            .map(|(place, input)| {
                let found = match input.kept_from {
                    None => Ok(0),
                    Some(from) => self
                        .follower
                        .count(place, from, input.next_offset, until)
                        .map_err(|fault| format!("the input could not be read again: {fault}")),
                };
                (place.clone(), found)
            })
            .collect()
    }

    /// Druid's sums, once it has read what was in the topic; and what it is behind if it has not.
    fn of_druid(&self, until: Instant) -> (Option<Result<crate::store::elastic_druid::druid::Sums, String>>, String) {
        let Some(druid) = &self.druid else {
            return (None, String::new());
        };
        let ends = self.follower.read_up_to(&self.config.topics.stats);
        let mut behind = loop {
            let why = match druid.status() {
                Ok(status) if status.has_read(&ends) => break String::new(),
                Ok(status) => status
                    .trouble()
                    .unwrap_or_else(|| format!("druid has not read {} to its end yet", self.config.topics.stats)),
                Err(error) => error.to_string(),
            };
            if Instant::now() + PAUSE >= until {
                break why;
            }
            std::thread::park_timeout(PAUSE);
        };
        let sums = druid.sums().map_err(|error| error.to_string());
        if sums.is_err() {
            behind.clear();
        }
        (Some(sums), behind)
    }

    /// The search node's sums, once the index role has committed what was in the topic.
    fn of_elastic(&self, until: Instant) -> Result<(Option<Result<Held, String>>, String), VerifyError> {
        let Some(elastic) = &self.elastic else {
            return Ok((None, String::new()));
        };
        let topic = &self.config.topics.details;
        let ends = self.follower.read_up_to(topic);
        let group = format!("{}-index", self.kafka.group_id);
        let behind = loop {
            let committed = self.follower.committed(&group, std::slice::from_ref(topic))?;
            let open = ends
                .iter()
                .find(|(partition, end)| committed.get(&(topic.clone(), **partition)).is_none_or(|at| at < *end));
            let Some((partition, end)) = open else {
                break String::new();
            };
            if Instant::now() + PAUSE >= until {
                let at = committed.get(&(topic.clone(), *partition)).copied().unwrap_or(0);
                break format!(
                    "the index role has written {topic}/{partition} up to {at} of {end}; does one run (--role index)?"
                );
            }
            std::thread::park_timeout(PAUSE);
        };
        let held = self.runtime.block_on(held(elastic));
        Ok((Some(held.map_err(|error| error.to_string())), behind))
    }
}

/// What the search node holds.
async fn held(elastic: &Elastic) -> Result<Held, ElasticError> {
    let prefix = elastic.prefix();
    Ok(Held {
        minutes: sum(elastic, &details_pattern(prefix), COUNT).await?,
        issues: sum(elastic, &issues_index(prefix), TOTAL).await?,
    })
}

/// The sum of a field over indices, of everything that was acknowledged.
async fn sum(elastic: &Elastic, indices: &str, field: &str) -> Result<u64, ElasticError> {
    let lenient = [("ignore_unavailable", "true"), ("allow_no_indices", "true")];
    elastic
        .call(Method::Post, &format!("{indices}/_refresh"), &lenient, None)
        .await?;
    let body = json!({ "size": 0, "aggs": { "sum": { "sum": { "field": field } } } });
    let whole = [
        ("ignore_unavailable", "true"),
        ("allow_no_indices", "true"),
        ("allow_partial_search_results", "false"),
    ];
    let answer = elastic
        .call(Method::Post, &format!("{indices}/_search"), &whole, Some(&body))
        .await?;
    // Sums come as floating point; they are whole up to 2^53.
    let sum = answer.pointer("/aggregations/sum/value").and_then(Value::as_f64);
    Ok(sum.map_or(0, whole_number))
}

fn whole_number(sum: f64) -> u64 {
    // Written without a fraction, it is read as a whole number: no cast that could cut it.
    format!("{sum:.0}").parse().unwrap_or(0)
}
