//! Tells a topic made anew from the one before it.
//!
//! Guards in documents name the partition an offset belongs to. A topic that was deleted and made again begins at
//! offset 0, and its records must not meet the guards of the topic before; a consumer group that was forgotten by the
//! brokers (or renamed) begins at offset 0 as well, and its records must. The brokers forget the offsets of a deleted
//! topic, so a committed offset that carries a name is proof; without one, a record we know of is looked up: the
//! index of sources holds, per partition, its name and the last record taken in.

use crate::clock::Clock;
use crate::config::servers::KafkaConfig;
use crate::source::kafka::check::Questions;
use crate::source::kafka::{KafkaFault, tail};
use crate::store::elastic_druid::elastic::documents::sources_index;
use crate::store::elastic_druid::elastic::{Elastic, ElasticError, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::time::Duration;

/// What stands before the name in the metadata of a committed offset.
const MARK: &str = "seismolog-incarnation:";

/// How long the brokers may take to tell what a partition holds.
const WAIT: Duration = Duration::from_secs(10);

/// The metadata of a committed offset.
pub(super) fn metadata(incarnation: &str) -> String {
    format!("{MARK}{incarnation}")
}

/// The name in the metadata of a committed offset.
pub(super) fn of_metadata(metadata: &str) -> Option<&str> {
    metadata.strip_prefix(MARK).filter(|name| !name.is_empty())
}

/// A record taken in, to know its topic again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) offset: i64,
    pub(super) written_at: Option<i64>,
}

/// Which partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) partition: i32,
}

/// Why a name could not be found out.
#[derive(Debug)]
pub(super) enum Unsettled {
    Kafka(KafkaFault),
    Elastic(ElasticError),
}

impl Unsettled {
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Unsettled::Kafka(fault) => fault.may_pass(),
            Unsettled::Elastic(error) => error.may_pass(),
        }
    }
}

fn path(prefix: &str, place: &Place, call: &str) -> String {
    // Topics may hold dots, dashes and underscores only, which are fine in an address; escaped all the same.
    let id = format!("{}-{}", place.topic, place.partition);
    let id = utf8_percent_encode(&id, NON_ALPHANUMERIC);
    format!("{}/{call}/{id}", sources_index(prefix))
}

/// The name of what now stands in a partition of which no committed offset tells.
pub(super) async fn settle(
    elastic: &Elastic,
    kafka: &KafkaConfig,
    place: &Place,
    clock: Clock,
) -> Result<String, Unsettled> {
    for _ in 0..3 {
        let stored = path(elastic.prefix(), place, "_doc");
        let found = elastic
            .find(Method::Get, &stored, &[], None)
            .await
            .map_err(Unsettled::Elastic)?;
        let source = found.as_ref().and_then(|found| found.get("_source"));
        let Some(name) = source
            .and_then(|source| source.get("incarnation"))
            .and_then(Value::as_str)
        else {
            let name = fresh(place, clock);
            let body = document(place, &name, None, clock);
            let create = path(elastic.prefix(), place, "_create");
            match elastic.call(Method::Put, &create, &[], Some(&body)).await {
                Ok(_) => return Ok(name),
                // Another of us was faster.
                Err(ElasticError::Refused { status: 409, .. }) => continue,
                Err(error) => return Err(Unsettled::Elastic(error)),
            }
        };
        let number = |key: &str| source.and_then(|source| source.get(key)).and_then(Value::as_i64);
        let known = number("offset").map(|offset| Known {
            offset,
            written_at: number("written_at"),
        });
        let same = match known {
            // Nothing was taken in under this name.
            None => true,
            Some(known) => {
                let (kafka, place) = (kafka.clone(), place.clone());
                let looked = tokio::task::spawn_blocking(move || still_there(&kafka, &place, known)).await;
                match looked {
                    Ok(looked) => looked.map_err(Unsettled::Kafka)?,
                    Err(_) => return Err(Unsettled::Elastic(ElasticError::Away { tried: Vec::new() })),
                }
            }
        };
        if same {
            return Ok(name.to_owned());
        }
        let name = fresh(place, clock);
        tracing::warn!(
            topic = place.topic,
            partition = place.partition,
            incarnation = name,
            "the topic was made anew: its records are counted as new ones"
        );
        // Only over the document that was judged: two of us must not choose two names.
        let meta = |key: &str| {
            found
                .as_ref()
                .and_then(|found| found.get(key))
                .and_then(Value::as_i64)
                .unwrap_or(0)
        };
        let (number, term) = (meta("_seq_no").to_string(), meta("_primary_term").to_string());
        let query = [("if_seq_no", number.as_str()), ("if_primary_term", term.as_str())];
        let body = document(place, &name, None, clock);
        match elastic.call(Method::Put, &stored, &query, Some(&body)).await {
            Ok(_) => return Ok(name),
            Err(ElasticError::Refused { status: 409, .. }) => {}
            Err(error) => return Err(Unsettled::Elastic(error)),
        }
    }
    // Others change it as fast as we look: later.
    Err(Unsettled::Elastic(ElasticError::Away { tried: Vec::new() }))
}

/// Notes the last record taken in under a name.
pub(super) async fn note(
    elastic: &Elastic,
    place: &Place,
    incarnation: &str,
    known: Known,
    clock: Clock,
) -> Result<(), ElasticError> {
    let body = document(place, incarnation, Some(known), clock);
    let stored = path(elastic.prefix(), place, "_doc");
    elastic.call(Method::Put, &stored, &[], Some(&body)).await.map(drop)
}

fn document(place: &Place, incarnation: &str, known: Option<Known>, clock: Clock) -> Value {
    let at = crate::event::EventTime::from_millis(clock.now_millis()).rfc3339();
    json!({
        "@timestamp": at,
        "topic": place.topic,
        "partition": place.partition,
        "incarnation": incarnation,
        "offset": known.map(|known| known.offset),
        "written_at": known.and_then(|known| known.written_at),
    })
}

fn fresh(place: &Place, clock: Clock) -> String {
    format!("{}@{:x}{:04x}", place.topic, clock.now_millis(), rand::random::<u16>())
}

/// Whether the record we know of stands where it stood, or has gone with age.
fn still_there(kafka: &KafkaConfig, place: &Place, known: Known) -> Result<bool, KafkaFault> {
    let bounds = Questions::new(kafka, WAIT)?.bounds(&place.topic, place.partition)?;
    if known.offset >= bounds.high {
        return Ok(false);
    }
    if known.offset < bounds.low {
        // Removed by retention, or by a new topic that has lost as many: everything now there lies behind every
        // guard of the old one, so the old name counts right in both.
        return Ok(true);
    }
    let record = tail::at(kafka, &place.topic, place.partition, known.offset)?;
    Ok(record.is_some_and(|record| known.written_at.is_none() || record.written_at == known.written_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_from_the_metadata_it_was_written_to() {
        assert_eq!(of_metadata(&metadata("t@1")), Some("t@1"));
        for other in ["", "seismolog-incarnation:", "somebody else's"] {
            assert_eq!(of_metadata(other), None);
        }
    }
}
