//! A running supervisor beside the one we want. Druid hands a specification back with all its defaults filled in and
//! durations in other words; what we did not ask for is passed over, except where it would lose rows silently.

use super::consumer;
use super::spec::MARK;
use serde_json::Value;
use std::fmt;

/// One place in which they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `spec.ioConfig.taskCount`.
    pub place: String,
    /// What we want; `(nothing)` where nothing must stand.
    pub wanted: String,
    /// What stands there.
    pub running: String,
    /// Whether the values are secrets: then they are not shown.
    pub secret: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, wanted is {}", self.place, self.running, self.wanted)
    }
}

/// What must not be set, as it makes rows vanish without a word.
const MUST_BE_NOTHING: &[&str] = &[
    "/spec/ioConfig/lateMessageRejectionPeriod",
    "/spec/ioConfig/earlyMessageRejectionPeriod",
    "/spec/ioConfig/lateMessageRejectionStartDateTime",
    "/spec/ioConfig/topicPattern",
    "/spec/dataSchema/transformSpec/filter",
    "/spec/dataSchema/transformSpec/transforms",
];

/// Longest value shown.
const MOST_SHOWN: usize = 120;

/// All differences of a running supervisor to the wanted one.
#[must_use]
pub(super) fn differences(wanted: &Value, running: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    for part in ["type", "spec", "context"] {
        compare(part, wanted.get(part), running.get(part), &mut found);
    }
    for place in MUST_BE_NOTHING {
        let there = running
            .pointer(place)
            .filter(|value| !value.is_null() && !value.as_array().is_some_and(Vec::is_empty));
        if there.is_some() {
            found.push(difference(
                &place.trim_start_matches('/').replace('/', "."),
                None,
                there,
            ));
        }
    }
    // Any property more changes how the topic is read.
    let properties = |spec: &'_ Value| {
        spec.pointer("/spec/ioConfig/consumerProperties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let ours = properties(wanted);
    for (name, value) in properties(running) {
        if !ours.contains_key(&name) {
            found.push(difference(
                &format!("spec.ioConfig.consumerProperties.{name}"),
                None,
                Some(&value),
            ));
        }
    }
    found
}

fn compare(place: &str, wanted: Option<&Value>, running: Option<&Value>, found: &mut Vec<Difference>) {
    match (wanted, running) {
        (None, _) => {}
        (Some(Value::Object(wanted)), Some(Value::Object(running))) => {
            // Our mark is looked at by itself.
            for (key, value) in wanted.iter().filter(|(key, _)| *key != MARK) {
                compare(&format!("{place}.{key}"), Some(value), running.get(key), found);
            }
        }
        (Some(Value::Array(wanted)), Some(Value::Array(running))) if wanted.len() == running.len() => {
            for (at, (wanted, running)) in wanted.iter().zip(running).enumerate() {
                compare(&format!("{place}[{at}]"), Some(wanted), Some(running), found);
            }
        }
        (Some(wanted), Some(running)) if same(wanted, running) => {}
        (wanted, running) => found.push(difference(place, wanted, running)),
    }
}

/// Equal, or the same length of time: `PT1H` comes back as `PT3600S`.
fn same(wanted: &Value, running: &Value) -> bool {
    if wanted == running {
        return true;
    }
    let length = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<jiff::SignedDuration>().ok())
    };
    length(wanted).is_some() && length(wanted) == length(running)
}

fn difference(place: &str, wanted: Option<&Value>, running: Option<&Value>) -> Difference {
    let secret = place
        .strip_prefix("spec.ioConfig.consumerProperties.")
        .is_some_and(consumer::is_secret);
    let shown = |value: Option<&Value>| match value {
        None => "(nothing)".to_owned(),
        Some(_) if secret => "***".to_owned(),
        Some(Value::Array(values)) => format!("a list of {}", values.len()),
        Some(value) => value.to_string().chars().take(MOST_SHOWN).collect(),
    };
    Difference {
        place: place.to_owned(),
        wanted: shown(wanted),
        running: shown(running),
        secret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::servers::TopicNames;
    use crate::store::elastic_druid::druid::spec::{specification, tests};
    use serde_json::json;

    fn wanted() -> Value {
        specification(&tests::druid("d"), &tests::kafka(), &TopicNames::default()).unwrap()
    }

    /// As Druid hands it back.
    fn running() -> Value {
        let mut running = wanted();
        let io = &mut running["spec"]["ioConfig"];
        io["taskDuration"] = json!("PT3600S");
        io["completionTimeout"] = json!("PT1800S");
        io["lateMessageRejectionPeriod"] = Value::Null;
        io["autoScalerConfig"] = Value::Null;
        running["spec"]["dataSchema"]["transformSpec"] = json!({ "filter": null, "transforms": [] });
        running["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"][0]["createBitmapIndex"] = json!(true);
        running["suspended"] = json!(false);
        running
    }

    #[test]
    fn defaults_that_druid_filled_in_are_no_difference() {
        assert_eq!(differences(&wanted(), &running()), []);
    }

    #[test]
    fn what_another_changed_is_told_with_its_place() {
        let mut running = running();
        running["spec"]["ioConfig"]["taskCount"] = json!(9);
        running["spec"]["ioConfig"]["lateMessageRejectionPeriod"] = json!("PT1H");
        running["spec"]["dataSchema"]["transformSpec"]["filter"] = json!({ "type": "selector" });
        running["spec"]["ioConfig"]["consumerProperties"]["isolation.level"] = json!("read_uncommitted");
        running["spec"]["ioConfig"]["consumerProperties"]["group.id"] = json!("x");
        running["spec"]["dataSchema"]["metricsSpec"]
            .as_array_mut()
            .unwrap()
            .pop();
        let places: Vec<String> = differences(&wanted(), &running).into_iter().map(|d| d.place).collect();
        for place in [
            "spec.ioConfig.taskCount",
            "spec.ioConfig.lateMessageRejectionPeriod",
            "spec.dataSchema.transformSpec.filter",
            "spec.ioConfig.consumerProperties.isolation.level",
            "spec.ioConfig.consumerProperties.group.id",
            "spec.dataSchema.metricsSpec",
        ] {
            assert!(places.iter().any(|found| found == place), "{place} in {places:?}");
        }
        assert_eq!(places.len(), 6);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let mut running = running();
        running["spec"]["ioConfig"]["consumerProperties"]["sasl.jaas.config"] = json!("password=\"hidden\"");
        let found = differences(&wanted(), &running);
        assert!(found[0].secret && !format!("{found:?}").contains("hidden"), "{found:?}");
    }
}
