//! Templates, scripts and indices: made and brought up to date, never taken from somebody else.
//!
//! What we put carries our name, a version and a digest of what was put, so that a second run changes nothing and a
//! template of another's hand is left alone. Scripts carry their version in the name: an old and a new program can
//! write side by side. They are put through the context they run in, since only then does the node compile them.

use super::client::{Elastic, Method};
use super::documents::{details_pattern, issues_index, markers_index, sources_index};
use super::error::ElasticError;
use crate::changed::Changed;
use crate::config::servers::ElasticConfig;
use serde_json::{Map, Value, json};

/// The template of details.
pub(crate) const DETAILS_TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/details.template.json"
));
/// The template of issues.
pub(crate) const ISSUES_TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/issues.template.json"
));
/// The template of markers.
pub(crate) const MARKERS_TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/markers.template.json"
));
const SOURCES_TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/sources.template.json"
));
const MERGE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/merge.painless"
));
const DETAILS_SCRIPT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/details.painless"
));
const ISSUES_SCRIPT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/elasticsearch/issues.painless"
));

/// What we write into `_meta` as the product.
const PRODUCT: &str = "seismolog";

/// Version of the scripts; part of their name.
const SCRIPTS: u32 = 1;

/// It was not there.
const CREATED: &str = "created";
/// It was ours, and older or different.
const UPDATED: &str = "updated";

/// Name of the script that merges details.
#[must_use]
pub fn details_script(prefix: &str) -> String {
    format!("{prefix}-details-v{SCRIPTS}")
}

/// Name of the script that merges issues.
#[must_use]
pub fn issues_script(prefix: &str) -> String {
    format!("{prefix}-issues-v{SCRIPTS}")
}

/// Creates and upgrades everything we need there. Says what changed; a second run changes nothing.
///
/// # Errors
/// A node is away, too old, forbids it, or something under our name is not ours.
pub async fn setup(elastic: &Elastic, config: &ElasticConfig) -> Result<Vec<Changed>, ElasticError> {
    elastic.about().await?;
    let prefix = elastic.prefix();
    let mut changed = Vec::new();
    for script in scripts(prefix) {
        put_script(elastic, &script, &mut changed).await?;
    }
    for template in templates(prefix) {
        let wanted = template.body(prefix, config)?;
        let put = put_template(elastic, &template, &wanted, &mut changed).await?;
        indices(elastic, &template, &wanted, put, &mut changed).await?;
    }
    Ok(changed)
}

/// Whether everything we need is there.
///
/// # Errors
/// [`ElasticError::NotSetUp`] with what is missing, or the node cannot be asked.
pub async fn check(elastic: &Elastic) -> Result<(), ElasticError> {
    let prefix = elastic.prefix();
    let mut missing = Vec::new();
    for script in scripts(prefix) {
        if found_script(elastic, &script.name).await?.as_deref() != Some(script.source.as_str()) {
            missing.push(format!("script {}", script.name));
        }
    }
    for template in templates(prefix) {
        let found = found_template(elastic, &template.name).await?;
        let wanted: Value = read(template.text)?;
        let version = |value: &Value| value.pointer("/_meta/version").and_then(Value::as_u64);
        let there = found.is_some_and(|found| is_ours(&found) && version(&found) >= version(&wanted));
        if !there {
            missing.push(format!("index template {}", template.name));
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(ElasticError::NotSetUp { missing })
    }
}

struct Script {
    name: String,
    source: String,
}

fn scripts(prefix: &str) -> [Script; 2] {
    [
        Script {
            name: details_script(prefix),
            source: format!("{MERGE}\n{DETAILS_SCRIPT}"),
        },
        Script {
            name: issues_script(prefix),
            source: format!("{MERGE}\n{ISSUES_SCRIPT}"),
        },
    ]
}

struct Template {
    name: String,
    text: &'static str,
    /// The index it is for, or the pattern where there are many.
    index: String,
    /// Whether there is exactly one index, which we make.
    single: bool,
}

fn templates(prefix: &str) -> [Template; 4] {
    [
        Template {
            name: format!("{prefix}-details"),
            text: DETAILS_TEMPLATE,
            index: details_pattern(prefix),
            single: false,
        },
        Template {
            name: issues_index(prefix),
            text: ISSUES_TEMPLATE,
            index: issues_index(prefix),
            single: true,
        },
        Template {
            name: markers_index(prefix),
            text: MARKERS_TEMPLATE,
            index: markers_index(prefix),
            single: true,
        },
        Template {
            name: sources_index(prefix),
            text: SOURCES_TEMPLATE,
            index: sources_index(prefix),
            single: true,
        },
    ]
}

impl Template {
    fn body(&self, prefix: &str, config: &ElasticConfig) -> Result<Value, ElasticError> {
        let mut body: Value = read(&self.text.replace("PREFIX", prefix))?;
        if let Some(Value::Object(index)) = body.pointer_mut("/template/settings/index") {
            index.insert("number_of_shards".to_owned(), config.shards.into());
            index.insert("number_of_replicas".to_owned(), config.replicas.into());
        }
        let digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(body.to_string().as_bytes()));
        if let Some(Value::Object(meta)) = body.get_mut("_meta") {
            meta.insert("digest".to_owned(), digest.into());
        }
        Ok(body)
    }
}

/// Our own files are read like everything else: a mistake in them is an error, not a panic.
fn read(text: &str) -> Result<Value, ElasticError> {
    serde_json::from_str(text).map_err(|error| ElasticError::Config {
        key: "deploy/elasticsearch",
        fault: error.to_string(),
    })
}

fn is_ours(holder: &Value) -> bool {
    holder.pointer("/_meta/product").and_then(Value::as_str) == Some(PRODUCT)
}

async fn found_script(elastic: &Elastic, name: &str) -> Result<Option<String>, ElasticError> {
    let found = elastic
        .find(Method::Get, &format!("_scripts/{name}"), &[], None)
        .await?;
    let source = found.as_ref().and_then(|found| found.pointer("/script/source"));
    Ok(source.and_then(Value::as_str).map(str::to_owned))
}

async fn put_script(elastic: &Elastic, script: &Script, changed: &mut Vec<Changed>) -> Result<(), ElasticError> {
    let found = found_script(elastic, &script.name).await?;
    if found.as_deref() == Some(script.source.as_str()) {
        return Ok(());
    }
    let body = json!({"script": {"lang": "painless", "source": script.source}});
    let path = format!("_scripts/{}/update", script.name);
    elastic.call(Method::Put, &path, &[], Some(&body)).await?;
    changed.push(Changed::new(
        format!("script {}", script.name),
        if found.is_some() { UPDATED } else { CREATED },
    ));
    Ok(())
}

async fn found_template(elastic: &Elastic, name: &str) -> Result<Option<Value>, ElasticError> {
    let path = format!("_index_template/{name}");
    let found = elastic.find(Method::Get, &path, &[], None).await?;
    Ok(found.and_then(|found| found.pointer("/index_templates/0/index_template").cloned()))
}

/// Puts a template unless the same or a later one of ours is there; says whether it did.
async fn put_template(
    elastic: &Elastic,
    template: &Template,
    wanted: &Value,
    changed: &mut Vec<Changed>,
) -> Result<bool, ElasticError> {
    let found = found_template(elastic, &template.name).await?;
    let how = match &found {
        None => CREATED,
        Some(found) if !is_ours(found) => {
            return Err(ElasticError::NotOurs {
                what: format!("index template {}", template.name),
            });
        }
        Some(found) => {
            let version = |value: &Value| value.pointer("/_meta/version").and_then(Value::as_u64);
            let same = found.pointer("/_meta/digest") == wanted.pointer("/_meta/digest");
            // A later program was here: what it needs holds what we need.
            if same || version(found) > version(wanted) {
                return Ok(false);
            }
            UPDATED
        }
    };
    let path = format!("_index_template/{}", template.name);
    elastic.call(Method::Put, &path, &[], Some(wanted)).await?;
    changed.push(Changed::new(format!("index template {}", template.name), how));
    Ok(true)
}

/// Makes the index where there is exactly one; brings the fields of indices that are there up to date.
async fn indices(
    elastic: &Elastic,
    template: &Template,
    wanted: &Value,
    template_changed: bool,
    changed: &mut Vec<Changed>,
) -> Result<(), ElasticError> {
    let path = format!("{}/_mapping", template.index);
    let query = [("allow_no_indices", "true"), ("ignore_unavailable", "true")];
    let found = elastic.find(Method::Get, &path, &query, None).await?;
    let none = Map::new();
    let found = found.as_ref().and_then(Value::as_object).unwrap_or(&none);
    for (index, mapped) in found {
        if !mapped.get("mappings").is_some_and(is_ours) {
            return Err(ElasticError::NotOurs {
                what: format!("index {index}"),
            });
        }
    }
    if found.is_empty() {
        if !template.single {
            return Ok(());
        }
        match elastic.call(Method::Put, &template.index, &[], None).await {
            Ok(_) => changed.push(Changed::new(format!("index {}", template.index), CREATED)),
            // Another of us made it in this moment.
            Err(ElasticError::Refused { kind, .. }) if kind == "resource_already_exists_exception" => {}
            Err(error) => return Err(error),
        }
        return Ok(());
    }
    if !template_changed {
        return Ok(());
    }
    let mappings = wanted.pointer("/template/mappings").cloned().unwrap_or_default();
    elastic.call(Method::Put, &path, &query, Some(&mappings)).await?;
    changed.push(Changed::new(format!("fields of index {}", template.index), UPDATED));
    Ok(())
}
