//! A search node that answers, with indices of our own that go away again.

use super::live;
use seismolog::config::servers::ElasticConfig;
use seismolog::event::{Fingerprint, Group, IssueId, Part, Severity};
use seismolog::fold::Sample;
use seismolog::store::elastic_druid::elastic::update::Update;
use seismolog::store::elastic_druid::elastic::{Elastic, Method};
use seismolog::topics::detail::Detail;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) struct Node {
    pub(crate) elastic: Elastic,
    pub(crate) config: ElasticConfig,
    runtime: tokio::runtime::Runtime,
}

pub(crate) fn elastic_url() -> String {
    live::address("SEISMOLOG_TEST_ELASTIC", "http://127.0.0.1:9200")
}

/// Logs to standard error, as RUST_LOG says; nothing where it is not set.
pub(crate) fn logs() {
    let logs = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_ansi(false)
        .with_writer(std::io::stderr);
    // Another test of this process may have begun them.
    drop(logs.try_init());
}

/// Says loudly that a test did not run, or fails where the servers are required.
pub(crate) fn skip(what: &str, why: &str) {
    live::not_run(&format!("{what} does not answer ({why})"));
}

pub(crate) fn config(url: &str, prefix: &str) -> ElasticConfig {
    ElasticConfig {
        urls: vec![url.to_owned()],
        prefix: prefix.to_owned(),
        username: None,
        password: None,
        api_key: None,
        ca: None,
        timeout: Duration::from_secs(20),
        shards: 1,
        replicas: 0,
        retention_age: None,
    }
}

impl Node {
    pub(crate) fn open(name: &str) -> Option<Self> {
        Self::at(&elastic_url(), name)
    }

    pub(crate) fn at(url: &str, name: &str) -> Option<Self> {
        logs();
        let config = config(url, &format!("t-elastic-{name}-{:08x}", rand::random::<u32>()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let elastic = Elastic::new(&config).unwrap();
        match runtime.block_on(elastic.about()) {
            Ok(_) => Some(Self {
                elastic,
                config,
                runtime,
            }),
            Err(error) => {
                skip(&format!("the search node at {url}"), &error.to_string());
                None
            }
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        self.elastic.prefix()
    }

    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.wait(self.elastic.call(method, path, &[], body)).unwrap()
    }

    pub(crate) fn refresh(&self) {
        self.call(Method::Post, &format!("{}-*/_refresh", self.prefix()), None);
    }

    /// Sends updates; what became of each.
    pub(crate) fn bulk(&self, updates: &[Update]) -> Vec<String> {
        let mut body = Vec::new();
        for update in updates {
            update.write(self.prefix(), &mut body);
        }
        let answer = self
            .wait(self.elastic.send(Method::Post, "_bulk", &[], Some(&body)))
            .unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
        items
            .iter()
            .map(|item| match item["update"]["result"].as_str() {
                Some(result) => result.to_owned(),
                None => item.to_string(),
            })
            .collect()
    }

    pub(crate) fn all(&self, index: &str) -> Vec<Map<String, Value>> {
        let body = serde_json::json!({"size": 10_000, "query": {"match_all": {}}});
        let path = format!("{index}/_search");
        let query = [("ignore_unavailable", "true"), ("allow_no_indices", "true")];
        let found = self
            .wait(self.elastic.call(Method::Post, &path, &query, Some(&body)))
            .unwrap();
        let hits = found["hits"]["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| hit["_source"].as_object().unwrap().clone())
            .collect()
    }

    pub(crate) fn only(&self, index: &str) -> Map<String, Value> {
        let mut all = self.all(index);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let prefix = self.config.prefix.clone();
        let elastic = &self.elastic;
        self.runtime.block_on(async {
            let found = elastic
                .find(Method::Get, &format!("{prefix}-*/_mapping"), &[], None)
                .await;
            for index in found
                .ok()
                .flatten()
                .iter()
                .filter_map(Value::as_object)
                .flat_map(Map::keys)
            {
                drop(elastic.call(Method::Delete, index, &[], None).await);
            }
            for kind in ["details", "issues", "markers"] {
                drop(
                    elastic
                        .call(Method::Delete, &format!("_index_template/{prefix}-{kind}"), &[], None)
                        .await,
                );
                drop(
                    elastic
                        .call(Method::Delete, &format!("_scripts/{prefix}-{kind}-v1"), &[], None)
                        .await,
                );
            }
        });
    }
}

pub(crate) fn sample(time: &str, message: &str, host: &str) -> Sample {
    Sample {
        event_time: time.to_owned(),
        level: Some("ERROR".to_owned()),
        logger: Some("com.acme.Job".to_owned()),
        thread: None,
        message: message.to_owned(),
        stack: Some(format!(
            "java.lang.IllegalStateException: {message}\n\tat com.acme.Job.run(Job.java:1)"
        )),
        dimensions: BTreeMap::from([
            ("host".to_owned(), host.to_owned()),
            ("cluster".to_owned(), "blue".to_owned()),
            ("subtask".to_owned(), "3".to_owned()),
        ]),
        layout: "text".to_owned(),
        truncated: false,
        stack_bytes: None,
        redactions: 0,
    }
}

pub(crate) fn detail(key: u128, minute: i64, count: u64, sample: Option<Sample>) -> Detail {
    let job = "orders".to_owned();
    let fingerprint = Fingerprint(key);
    let hosts = sample
        .iter()
        .filter_map(|sample| sample.dimensions.get("host").cloned())
        .collect();
    Detail {
        version: Detail::VERSION,
        issue: IssueId::of(&job, fingerprint),
        job,
        minute,
        fingerprint,
        group: Group(7),
        recipe: 1,
        error_type: "unclassified".to_owned(),
        category: "unclassified".to_owned(),
        severity: Severity::Medium,
        part: Part::Root,
        rule: None,
        template: "first <NUM>".to_owned(),
        exception_template: None,
        exception: Some("java.lang.IllegalStateException".to_owned()),
        exception_chain: vec!["java.lang.IllegalStateException".to_owned()],
        top_frame: Some("com.acme.Job.run".to_owned()),
        count,
        first_seen: minute * 1_000_000,
        last_seen: minute * 1_000_000 + 59_000_000_000,
        hosts,
        roles: vec!["taskmanager".to_owned()],
        tasks: vec![],
        more: false,
        sample,
    }
}
