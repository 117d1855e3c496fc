//! `dimensions.yaml` as it is written.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) containers: Vec<String>,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) more_sources: BTreeMap<String, Vec<String>>,
    pub(super) dimensions: serde_yaml_ng::Mapping,
    #[serde(default)]
    pub(super) messages: Vec<Message>,
}

/// One dimension.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dimension {
    pub(super) accept: Option<String>,
    pub(super) candidates: Vec<Candidate>,
}

/// One place to look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidate {
    #[serde(default)]
    pub(super) fields: Vec<String>,
    pub(super) from: Option<String>,
    pub(super) regex: Option<String>,
    pub(super) value: Option<String>,
}

/// One pattern over the message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    pub(super) needs: String,
    pub(super) regex: String,
}
