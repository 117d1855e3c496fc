//! What the keys of the servers mean together.

use super::check::ConfigFault;
use super::raw::Settings;
use super::servers::{DruidConfig, ElasticConfig, KafkaConfig, TopicNames, TopicPlan};
use super::{Secret, units};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All servers.
pub(super) struct Servers {
    pub(super) kafka: Option<KafkaConfig>,
    pub(super) topics: TopicNames,
    pub(super) topic_plan: TopicPlan,
    pub(super) elasticsearch: Option<ElasticConfig>,
    pub(super) druid: Option<DruidConfig>,
}

/// Ways to say who we are.
const MECHANISMS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

/// What Kafka takes as the name of a topic: at most so many characters.
const TOPIC_LENGTH: usize = 249;

impl Settings {
    /// What the keys of the servers mean; faults are added.
    pub(super) fn servers(&self, faults: &mut Vec<ConfigFault>) -> Servers {
        let kafka = self.kafka(faults);
        let elasticsearch = self.elasticsearch(faults);
        let druid = self.druid(faults);
        let mut fault = |key: &str, what: &str, advice: &str| {
            if let Some(setting) = self.get(key) {
                faults.push(setting.fault(key, what.to_owned(), advice));
            }
        };
        // A section with a fault of its own counts as there: one fault is told once.
        let said = |section| !self.said_in(section).is_empty();
        match (said("elasticsearch"), said("druid")) {
            (true, false) => fault(
                "elasticsearch.urls",
                "a search node is set and Druid is not",
                "set druid.url as well, or neither for the embedded store",
            ),
            (false, true) => {
                for key in ["druid.url", "druid.broker_url"] {
                    fault(
                        key,
                        "Druid is set and no search node is",
                        "set elasticsearch.urls as well, or neither for the embedded store",
                    );
                }
            }
            (false, false) if kafka.is_some() => fault(
                "source.kafka.brokers",
                "what is read from Kafka needs a search node and Druid to go to, and neither is set",
                "set elasticsearch.urls and druid.url; the embedded store takes files, stdin and POST /api/v1/ingest",
            ),
            (true, true) | (false, false) => {}
        }
        Servers {
            topics: self.topic_names(kafka.as_ref(), faults),
            topic_plan: TopicPlan {
                partitions: self.count("topics.partitions").unwrap_or(8),
                replicas: self.count("topics.replicas").filter(|replicas| *replicas > 0),
                retention: self
                    .duration("topics.retention")
                    .unwrap_or(Duration::from_secs(7 * 86_400)),
            },
            kafka,
            elasticsearch,
            druid,
        }
    }

    fn kafka(&self, faults: &mut Vec<ConfigFault>) -> Option<KafkaConfig> {
        if !self.is_there("source.kafka", &["source.kafka.brokers"], faults) {
            return None;
        }
        let path = |key| self.path(key);
        let before = faults.len();
        let brokers: Vec<String> = self
            .texts("source.kafka.brokers")
            .iter()
            .flat_map(|brokers| brokers.split(','))
            .map(|broker| broker.trim().to_owned())
            .filter(|broker| !broker.is_empty())
            .collect();
        let topics = self.texts("source.kafka.topics");
        let sasl_mechanism = self
            .text("source.kafka.sasl_mechanism")
            .map(|mechanism| mechanism.to_ascii_uppercase());
        let kafka = KafkaConfig {
            brokers: brokers.join(","),
            group_id: self.text("source.kafka.group_id").unwrap_or_default(),
            instance_id: self.text("source.kafka.instance_id").unwrap_or_else(host_name),
            tls: self.bool("source.kafka.tls"),
            ca: path("source.kafka.ca"),
            certificate: path("source.kafka.certificate"),
            key: path("source.kafka.key"),
            username: self.text("source.kafka.username"),
            password: self.text("source.kafka.password").map(Secret::new),
            token: path("source.kafka.token"),
            properties: self.properties("source.kafka.properties"),
            sasl_mechanism,
            topics,
        };
        let mut fault = |key: &str, what: String, advice: &str| {
            let setting = self.get(key).or_else(|| self.get("source.kafka.brokers"));
            if let Some(setting) = setting {
                faults.push(setting.fault(key, what, advice));
            }
        };
        if brokers.is_empty() {
            fault(
                "source.kafka.brokers",
                "it is empty".into(),
                "write \"host:port\", or a list of them",
            );
        }
        for broker in &brokers {
            let port = broker.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            if broker.contains("://") || matches!(port, Some(Err(_))) || broker.starts_with(':') {
                fault(
                    "source.kafka.brokers",
                    format!("{broker:?} does not fit"),
                    "write \"host:port\"",
                );
            }
        }
        if kafka.topics.is_empty() {
            fault(
                "source.kafka.topics",
                "there is none".into(),
                "name the topics with error logs",
            );
        }
        for topic in kafka.topics.iter().filter(|topic| !is_topic(topic)) {
            fault(
                "source.kafka.topics",
                format!("{topic:?} is not a name of a topic"),
                TOPIC_ADVICE,
            );
        }
        for key in ["source.kafka.ca", "source.kafka.certificate", "source.kafka.key"] {
            if let Some(file) = path(key).filter(|file| !file.is_file()) {
                fault(
                    key,
                    format!("there is no file {}", file.display()),
                    "name a file in PEM form",
                );
            }
            if path(key).is_some() && !kafka.tls {
                fault(
                    key,
                    "it is set and the connection is not encrypted".into(),
                    "set source.kafka.tls = true",
                );
            }
        }
        if kafka.certificate.is_some() != kafka.key.is_some() {
            let (here, there) = if kafka.key.is_some() {
                ("source.kafka.key", "source.kafka.certificate")
            } else {
                ("source.kafka.certificate", "source.kafka.key")
            };
            fault(
                here,
                format!("{there} is missing"),
                "a certificate and its key go together",
            );
        }
        match kafka.sasl_mechanism.as_deref() {
            None => {
                for key in ["source.kafka.username", "source.kafka.password", "source.kafka.token"] {
                    if self.get(key).is_some() {
                        fault(
                            key,
                            "it is set and no way to use it is".into(),
                            "set source.kafka.sasl_mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
                        );
                    }
                }
            }
            Some("OAUTHBEARER") if kafka.token.is_none() => fault(
                "source.kafka.sasl_mechanism",
                "OAUTHBEARER needs a token".into(),
                "set source.kafka.token to the file that holds it",
            ),
            Some("OAUTHBEARER") => {}
            Some(known) if MECHANISMS.contains(&known) => {
                if kafka.username.is_none() || kafka.password.is_none() {
                    fault(
                        "source.kafka.sasl_mechanism",
                        format!("{known} needs a name and a password"),
                        "set source.kafka.username and source.kafka.password_file",
                    );
                }
            }
            Some(other) => fault(
                "source.kafka.sasl_mechanism",
                format!("{other:?} does not fit"),
                "write PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            ),
        }
        (faults.len() == before).then_some(kafka)
    }

    fn elasticsearch(&self, faults: &mut Vec<ConfigFault>) -> Option<ElasticConfig> {
        if !self.is_there("elasticsearch", &["elasticsearch.urls"], faults) {
            return None;
        }
        let before = faults.len();
        let urls: Vec<String> = self
            .texts("elasticsearch.urls")
            .iter()
            .map(|url| trimmed(url))
            .collect();
        let setting = self.get("elasticsearch.urls");
        if let Some(setting) = setting.filter(|_| urls.is_empty()) {
            faults.push(setting.fault("elasticsearch.urls", "there is none".into(), URL_ADVICE));
        }
        for url in urls.iter().filter(|url| !is_url(url)) {
            if let Some(setting) = setting {
                faults.push(setting.fault(
                    "elasticsearch.urls",
                    format!("{:?} does not fit", without_password(url)),
                    URL_ADVICE,
                ));
            }
        }
        self.credentials("elasticsearch", faults);
        let prefix = self.text("elasticsearch.prefix").unwrap_or_default();
        let may = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let begins = prefix.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !(begins && prefix.chars().all(may))
            && let Some(setting) = self.get("elasticsearch.prefix")
        {
            let advice = "begin with a small letter or a digit; small letters, digits, -, _ and . may follow";
            faults.push(setting.fault(
                "elasticsearch.prefix",
                format!("{prefix:?} cannot begin an index name"),
                advice,
            ));
        }
        let config = ElasticConfig {
            urls,
            prefix,
            username: self.text("elasticsearch.username"),
            password: self.text("elasticsearch.password").map(Secret::new),
            api_key: self.text("elasticsearch.api_key").map(Secret::new),
            ca: self.path("elasticsearch.ca"),
            timeout: self
                .duration("elasticsearch.timeout")
                .unwrap_or(Duration::from_secs(30)),
            shards: self.count("elasticsearch.shards").unwrap_or(1),
            replicas: self.count("elasticsearch.replicas").unwrap_or(1),
            retention_age: self.duration("elasticsearch.retention"),
        };
        (faults.len() == before).then_some(config)
    }

    fn druid(&self, faults: &mut Vec<ConfigFault>) -> Option<DruidConfig> {
        let ways = ["druid.url", "druid.broker_url", "druid.coordinator_url"];
        if !self.is_there("druid", &ways, faults) {
            return None;
        }
        let before = faults.len();
        let of = |key| self.text(key).map(|url| trimmed(&url));
        let [router, broker, coordinator] = ways.map(of);
        for (key, other, one, two) in [
            (ways[1], ways[2], &broker, &coordinator),
            (ways[2], ways[1], &coordinator, &broker),
        ] {
            if let Some(setting) = self
                .get(key)
                .filter(|_| one.is_some() && two.is_none() && router.is_none())
            {
                faults.push(setting.fault(
                    key,
                    format!("{other} is missing"),
                    "set both, or druid.url to the router",
                ));
            }
        }
        for key in ways {
            let wrong = of(key).filter(|url| !is_url(url));
            if let (Some(url), Some(setting)) = (wrong, self.get(key)) {
                faults.push(setting.fault(key, format!("{:?} does not fit", without_password(&url)), URL_ADVICE));
            }
        }
        self.credentials("druid", faults);
        let config = DruidConfig {
            broker_url: broker.or_else(|| router.clone()).unwrap_or_default(),
            coordinator_url: coordinator.or(router).unwrap_or_default(),
            datasource: self.text("druid.datasource").unwrap_or_default(),
            username: self.text("druid.username"),
            password: self.text("druid.password").map(Secret::new),
            ca: self.path("druid.ca"),
            timeout: self.duration("druid.timeout").unwrap_or(Duration::from_secs(30)),
            tasks: self.count("druid.tasks").unwrap_or(1),
            kafka_brokers: self.text("druid.kafka_brokers"),
        };
        (faults.len() == before).then_some(config)
    }

    fn topic_names(&self, kafka: Option<&KafkaConfig>, faults: &mut Vec<ConfigFault>) -> TopicNames {
        let name = |key| self.text(key).unwrap_or_default();
        let names = TopicNames {
            details: name("topics.details"),
            stats: name("topics.stats"),
            rejects: name("topics.rejects"),
            alerts: name("topics.alerts"),
            names: name("topics.names"),
        };
        let mut met: Vec<(&str, &str)> = kafka
            .iter()
            .flat_map(|kafka| &kafka.topics)
            .map(|topic| ("source.kafka.topics", topic.as_str()))
            .collect();
        for (key, topic) in [
            ("topics.details", &names.details),
            ("topics.stats", &names.stats),
            ("topics.rejects", &names.rejects),
            ("topics.alerts", &names.alerts),
            ("topics.names", &names.names),
        ] {
            let Some(setting) = self.get(key) else {
                continue;
            };
            if !is_topic(topic) {
                faults.push(setting.fault(key, format!("{topic:?} is not a name of a topic"), TOPIC_ADVICE));
            }
            if let Some((other, _)) = met.iter().find(|(_, name)| name == topic) {
                faults.push(setting.fault(key, format!("{topic:?} is also in {other}"), "give each its own topic"));
            }
            met.push((key, topic));
        }
        names
    }

    /// Whether a server is configured: one of the keys that turn it on is set. Others set without them are a fault.
    fn is_there(&self, section: &str, first: &[&str], faults: &mut Vec<ConfigFault>) -> bool {
        if first.iter().any(|key| self.get(key).is_some()) {
            return true;
        }
        if let Some((key, setting)) = self.said_in(section).first() {
            let wanted = first.first().copied().unwrap_or_default();
            faults.push(setting.fault(key, format!("it is set and {wanted} is not"), &format!("set {wanted}")));
        }
        false
    }

    /// Name and password go together, and a file of an authority must be there.
    fn credentials(&self, section: &str, faults: &mut Vec<ConfigFault>) {
        let key = |name: &str| format!("{section}.{name}");
        let (username, password, api_key, ca) = (key("username"), key("password"), key("api_key"), key("ca"));
        match (self.get(&username), self.get(&password)) {
            (Some(setting), None) => {
                faults.push(setting.fault(
                    &username,
                    format!("{password} is missing"),
                    &format!("set {password}_file"),
                ));
            }
            (None, Some(setting)) => {
                faults.push(setting.fault(&password, format!("{username} is missing"), &format!("set {username}")));
            }
            (Some(setting), Some(_)) if self.get(&api_key).is_some() => {
                faults.push(setting.fault(&username, format!("{api_key} is set as well"), "take one of the two"));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let (Some(file), Some(setting)) = (self.path(&ca).filter(|file| !file.is_file()), self.get(&ca)) {
            faults.push(setting.fault(
                &ca,
                format!("there is no file {}", file.display()),
                "name a file in PEM form",
            ));
        }
    }

    fn duration(&self, key: &str) -> Option<Duration> {
        self.text(key).and_then(|text| units::duration(&text))
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// Where people find the pages.
    pub(super) fn pages_url(&self, faults: &mut Vec<ConfigFault>) -> Option<String> {
        let url = trimmed(&self.text("serve.url")?);
        if let Some(setting) = self.get("serve.url").filter(|_| !is_url(&url)) {
            let what = format!("{:?} is no address of pages", without_password(&url));
            let advice = "write it as people type it: \"https://seismolog.example.com\", with a path where it has one";
            faults.push(setting.fault("serve.url", what, advice));
        }
        Some(url)
    }
}

const TOPIC_ADVICE: &str = "letters, digits, ., _ and - are allowed, at most 249 of them";

const URL_ADVICE: &str =
    "write \"http://host:port\" or \"https://host:port\"; name and password have keys of their own";

fn is_topic(name: &str) -> bool {
    let may = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= TOPIC_LENGTH && name.chars().all(may) && name != "." && name != ".."
}

/// Without the slashes at its end, so that paths can be put behind it.
fn trimmed(url: &str) -> String {
    url.trim().trim_end_matches('/').to_owned()
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(['@', ' ', ',', '?', '#'])
    })
}

/// An address as it may be shown: what stands before an `@` may be a password.
fn without_password(url: &str) -> String {
    url.rsplit_once('@')
        .map_or_else(|| url.to_owned(), |(_, host)| format!("***@{host}"))
}

/// The name of this machine: on Kubernetes the pod's, which a StatefulSet keeps over restarts.
fn host_name() -> String {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).ok();
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    let clean: String = name
        .unwrap_or_default()
        .trim()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '-'
            }
        })
        .collect();
    if clean.is_empty() { "seismolog-0".into() } else { clean }
}
