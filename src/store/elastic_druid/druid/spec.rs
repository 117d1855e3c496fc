//! The supervisor as we want it: the template of `deploy/druid/supervisor.json` with the configuration in it.

use super::consumer;
use super::error::DruidError;
use crate::config::servers::{DruidConfig, KafkaConfig, TopicNames};
use serde_json::{Map, Value, json};

/// The version of what we ask of Druid. Raised when the template changes, so that `setup` brings it up to date.
pub const SPECIFICATION: u64 = 1;

/// Where our mark stands in the context of a supervisor.
pub(super) const MARK: &str = "seismolog";

const TEMPLATE: &str = include_str!("../../../../deploy/druid/supervisor.json");

/// The supervisor specification for a configuration, with our mark in its context.
///
/// # Errors
/// Something of the configuration cannot be handed to Druid.
pub fn specification(druid: &DruidConfig, kafka: &KafkaConfig, topics: &TopicNames) -> Result<Value, DruidError> {
    let mut spec: Value = serde_json::from_str(TEMPLATE)
        .map_err(|error| DruidError::Configuration(format!("deploy/druid/supervisor.json is damaged: {error}")))?;
    let properties = consumer::properties(kafka, druid)?;
    put(&mut spec, "/spec/dataSchema/dataSource", json!(druid.datasource));
    put(&mut spec, "/spec/ioConfig/topic", json!(topics.stats));
    put(&mut spec, "/spec/ioConfig/taskCount", json!(druid.tasks.max(1)));
    put(
        &mut spec,
        "/spec/ioConfig/consumerProperties",
        Value::Object(properties),
    );
    let digest = digest(&spec);
    if let Some(context) = spec.pointer_mut("/context").and_then(Value::as_object_mut) {
        context.insert(
            MARK.to_owned(),
            json!({ "specification": SPECIFICATION, "digest": digest }),
        );
    }
    Ok(spec)
}

fn put(spec: &mut Value, place: &str, value: Value) {
    if let Some(at) = spec.pointer_mut(place) {
        *at = value;
    }
}

/// What tells one specification from another; secrets are no part of it, as it is readable by whoever may see Druid.
fn digest(spec: &Value) -> String {
    let mut bare = spec.clone();
    if let Some(properties) = bare
        .pointer_mut("/spec/ioConfig/consumerProperties")
        .and_then(Value::as_object_mut)
    {
        let shown: Map<String, Value> = std::mem::take(properties)
            .into_iter()
            .filter(|(name, _)| !consumer::is_secret(name))
            .collect();
        *properties = shown;
    }
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bare.to_string().as_bytes()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::TREND_DIMENSIONS;
    use std::time::Duration;

    pub(in crate::store::elastic_druid::druid) fn druid(datasource: &str) -> DruidConfig {
        DruidConfig {
            broker_url: "http://127.0.0.1:8082".into(),
            coordinator_url: "http://127.0.0.1:8081".into(),
            datasource: datasource.into(),
            username: None,
            password: None,
            ca: None,
            timeout: Duration::from_secs(2),
            tasks: 3,
            kafka_brokers: None,
        }
    }

    pub(in crate::store::elastic_druid::druid) fn kafka() -> KafkaConfig {
        KafkaConfig {
            brokers: "127.0.0.1:9092".into(),
            topics: vec!["in".into()],
            group_id: "seismolog".into(),
            instance_id: "seismolog-0".into(),
            ..KafkaConfig::default()
        }
    }

    #[test]
    fn the_configuration_stands_in_the_specification() {
        let spec = specification(&druid("d"), &kafka(), &TopicNames::default()).unwrap();
        assert_eq!(spec["spec"]["dataSchema"]["dataSource"], "d");
        assert_eq!(spec["spec"]["ioConfig"]["topic"], "error-stats");
        assert_eq!(spec["spec"]["ioConfig"]["taskCount"], 3);
        assert_eq!(spec["context"][MARK]["specification"], SPECIFICATION);
    }

    #[test]
    fn every_trend_dimension_is_one_of_druid() {
        let spec = specification(&druid("d"), &kafka(), &TopicNames::default()).unwrap();
        let dimensions = spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
            .as_array()
            .unwrap();
        for wanted in TREND_DIMENSIONS.iter().chain(&["kind"]) {
            assert!(dimensions.iter().any(|d| d["name"] == *wanted), "{wanted}");
        }
    }

    #[test]
    fn no_row_is_rejected_silently() {
        let spec = specification(&druid("d"), &kafka(), &TopicNames::default()).unwrap();
        let io = spec["spec"]["ioConfig"].as_object().unwrap();
        assert!(io.keys().all(|key| !key.ends_with("RejectionPeriod")));
        assert_eq!(io["useEarliestOffset"], true);
        assert_eq!(io["consumerProperties"]["isolation.level"], "read_committed");
        assert_eq!(spec["spec"]["tuningConfig"]["resetOffsetAutomatically"], false);
    }

    #[test]
    fn a_secret_does_not_change_the_digest_and_another_topic_does() {
        let plain = kafka();
        let mut other = kafka();
        other.sasl_mechanism = Some("PLAIN".into());
        other.password = Some(crate::config::Secret::new("one".into()));
        let mut another = other.clone();
        another.password = Some(crate::config::Secret::new("two".into()));
        let digest = |kafka: &KafkaConfig, topics: &TopicNames| {
            specification(&druid("d"), kafka, topics).unwrap()["context"][MARK]["digest"].clone()
        };
        let topics = TopicNames::default();
        assert_eq!(digest(&other, &topics), digest(&another, &topics));
        assert_ne!(digest(&plain, &topics), digest(&other, &topics));
        let renamed = TopicNames {
            stats: "s".into(),
            ..TopicNames::default()
        };
        assert_ne!(digest(&plain, &topics), digest(&plain, &renamed));
    }
}
