//! The little of JSON Schema that our schemas use. A word it does not know is an error, so that nothing passes unseen.

#![allow(unreachable_pub, dead_code, reason = "each test file uses its part")]

use regex::Regex;
use serde_json::{Map, Value};
use std::path::Path;

/// The schema of a topic, from `deploy/schemas`.
pub fn schema(topic: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("deploy/schemas/{topic}.json"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

/// Every fault of a value. Fields a schema does not name are faults here: what we write must be described.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    look("", schema, value, &mut faults);
    faults
}

fn look(place: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
    for (word, wanted) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "$id" | "title" | "description" => true,
            "type" => match wanted.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                other => panic!("{place}: this test does not know the type {other}"),
            },
            "required" => {
                let names = wanted.as_array().unwrap();
                names.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flat_map(Map::iter) {
                    match wanted.get(name) {
                        Some(schema) => look(&format!("{place}/{name}"), schema, inner, faults),
                        None => faults.push(format!("{place}/{name} is not described")),
                    }
                }
                true
            }
            "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flat_map(Map::iter) {
                    look(&format!("{place}/{name}"), wanted, inner, faults);
                }
                true
            }
            "items" => {
                for inner in value.as_array().into_iter().flatten() {
                    look(&format!("{place}[]"), wanted, inner, faults);
                }
                true
            }
            "maxItems" => value
                .as_array()
                .is_some_and(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
            "minItems" => value
                .as_array()
                .is_some_and(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
            // Characters, as the standard has it.
            "maxLength" => value
                .as_str()
                .is_some_and(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap()),
            "minLength" => value
                .as_str()
                .is_some_and(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap()),
            "const" => value == wanted,
            "anyOf" => wanted
                .as_array()
                .unwrap()
                .iter()
                .any(|one| self::faults(one, value).is_empty()),
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_some_and(|number| number >= wanted.as_f64().unwrap()),
            "multipleOf" => value
                .as_i64()
                .is_some_and(|number| number % wanted.as_i64().unwrap() == 0),
            "pattern" => {
                let pattern = Regex::new(wanted.as_str().unwrap()).unwrap();
                value.as_str().is_some_and(|text| pattern.is_match(text))
            }
            other => panic!("{place}: this test does not know the word {other}"),
        };
        if !holds {
            faults.push(format!("{place}: {word} {wanted} does not hold"));
        }
    }
}
