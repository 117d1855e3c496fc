//! The servers beside us, as the configuration means them: Kafka, the search node, Druid.

use super::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[source.kafka]`.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port`, parted by commas.
    pub brokers: String,
    /// Topics with error logs.
    pub topics: Vec<String>,
    /// Consumer group of the process role; other roles put their name behind it (`seismolog-index`).
    pub group_id: String,
    /// Names this instance for static membership and fencing (`seismolog-0`); one that starts with the same name
    /// fences the one before it.
    pub instance_id: String,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Authority the broker's certificate is checked against; the system's where absent.
    pub ca: Option<PathBuf>,
    /// Our certificate, for brokers that ask for one.
    pub certificate: Option<PathBuf>,
    /// Key of our certificate.
    pub key: Option<PathBuf>,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`; no SASL where absent.
    pub sasl_mechanism: Option<String>,
    /// Who we are.
    pub username: Option<String>,
    /// How we prove it.
    pub password: Option<Secret>,
    /// For OAUTHBEARER: the file that holds the token, read anew at every refresh.
    pub token: Option<PathBuf>,
    /// Any property of librdkafka, passed through.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaConfig {
    /// No brokers; the rest as the keys say when nobody does.
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topics: vec!["flink-errors".into()],
            group_id: "seismolog".into(),
            instance_id: "seismolog-0".into(),
            tls: false,
            ca: None,
            certificate: None,
            key: None,
            sasl_mechanism: None,
            username: None,
            password: None,
            token: None,
            properties: BTreeMap::new(),
        }
    }
}

/// `[topics]`: names of our own topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames {
    /// Detail deltas.
    pub details: String,
    /// Counts and heartbeats.
    pub stats: String,
    /// Rejects.
    pub rejects: String,
    /// Alerts.
    pub alerts: String,
    /// Names learned from log lines, job id to job name; compacted.
    pub names: String,
}

impl Default for TopicNames {
    fn default() -> Self {
        Self {
            details: "error-details".into(),
            stats: "error-stats".into(),
            rejects: "error-rejects".into(),
            alerts: "error-alerts".into(),
            names: "error-names".into(),
        }
    }
}

/// `[topics]`: what our own topics are made like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicPlan {
    /// Partitions of a new topic.
    pub partitions: u64,
    /// Replicas of a new topic; `None` takes what the brokers take.
    pub replicas: Option<u64>,
    /// How long Kafka keeps them.
    pub retention: Duration,
}

impl Default for TopicPlan {
    fn default() -> Self {
        Self {
            partitions: 8,
            replicas: None,
            retention: Duration::from_secs(7 * 86_400),
        }
    }
}

/// `[elasticsearch]`.
#[derive(Debug, Clone)]
pub struct ElasticConfig {
    /// Nodes; the next is asked where one is away.
    pub urls: Vec<String>,
    /// What our index names begin with: `seismolog` gives `seismolog-details-2026.11.20` and `seismolog-issues`.
    pub prefix: String,
    /// For basic authentication.
    pub username: Option<String>,
    /// For basic authentication.
    pub password: Option<Secret>,
    /// Instead of basic: `id:key` or its base64.
    pub api_key: Option<Secret>,
    /// Authority the nodes' certificates are checked against; the system's where absent.
    pub ca: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
    /// Shards of a new index.
    pub shards: u64,
    /// Replicas of a new index.
    pub replicas: u64,
    /// Details of older days are removed by us, whole days at a time; `None` keeps them.
    pub retention_age: Option<Duration>,
}

/// `[druid]`.
#[derive(Debug, Clone)]
pub struct DruidConfig {
    /// Where questions go: the broker, or the router.
    pub broker_url: String,
    /// Where the supervisor is set up: the coordinator-overlord, or the router.
    pub coordinator_url: String,
    /// Name of the datasource.
    pub datasource: String,
    /// For basic authentication.
    pub username: Option<String>,
    /// For basic authentication.
    pub password: Option<Secret>,
    /// Authority the certificate is checked against; the system's where absent.
    pub ca: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
    /// Tasks that read in parallel.
    pub tasks: u64,
    /// The brokers as Druid reaches them, where that is another address than ours.
    pub kafka_brokers: Option<String>,
}
