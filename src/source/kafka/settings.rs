//! From our keys to librdkafka's properties.

use crate::config::servers::KafkaConfig;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::time::Duration;

/// How long a transaction may stay open before the broker ends it. Shorter than the session, so that a stuck process
/// frees its readers before its partitions move; long enough for a broker that restarts.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(12);

/// Largest record we send. Topics that `setup` makes take as much; where one takes less, a record is cut to fit.
pub const LARGEST_RECORD: usize = 4 << 20;

/// Records in one transaction at most wait in the producer; above that sending waits.
const QUEUED_RECORDS: &str = "200000";

/// What passes from our configuration to every client.
#[derive(Debug, Clone)]
pub struct KafkaSettings<'a> {
    config: &'a KafkaConfig,
}

impl<'a> KafkaSettings<'a> {
    /// The settings of a configuration.
    #[must_use]
    pub fn new(config: &'a KafkaConfig) -> Self {
        Self { config }
    }

    /// What every client needs: brokers, encryption, who we are, and what is passed through.
    #[must_use]
    pub fn common(&self) -> ClientConfig {
        let config = self.config;
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &config.brokers)
            .set("client.id", format!("seismolog-{}", config.instance_id))
            .set("client.software.name", "seismolog")
            .set("client.software.version", env!("CARGO_PKG_VERSION"))
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "3000")
            .set("allow.auto.create.topics", "false")
            // A topic made a moment ago, a leader that moved.
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set_log_level(RDKafkaLogLevel::Warning);
        let protocol = match (config.tls, &config.sasl_mechanism) {
            (false, None) => "plaintext",
            (true, None) => "ssl",
            (false, Some(_)) => "sasl_plaintext",
            (true, Some(_)) => "sasl_ssl",
        };
        client.set("security.protocol", protocol);
        if config.tls {
            // OpenSSL is built along and knows no folder of authorities of its own: the library looks in the usual ones.
            let ca = config.ca.as_ref().map(|path| path.display().to_string());
            client.set("ssl.ca.location", ca.unwrap_or_else(|| "probe".into()));
            for (name, path) in [
                ("ssl.certificate.location", &config.certificate),
                ("ssl.key.location", &config.key),
            ] {
                if let Some(path) = path {
                    client.set(name, path.display().to_string());
                }
            }
        }
        if let Some(mechanism) = &config.sasl_mechanism {
            client.set("sasl.mechanism", mechanism);
            if let Some(username) = &config.username {
                client.set("sasl.username", username);
            }
            if let Some(password) = &config.password {
                client.set("sasl.password", password.expose());
            }
        }
        for (name, value) in &config.properties {
            client.set(name, value);
        }
        client
    }

    /// A consumer of a group, as a static member: a restart takes its partitions up again without a rebalance.
    #[must_use]
    pub fn consumer(&self, group: &str, member: &str) -> ClientConfig {
        let mut client = self.common();
        defaults(
            &mut client,
            &[
                ("session.timeout.ms", "45000"),
                ("heartbeat.interval.ms", "3000"),
                ("max.poll.interval.ms", "300000"),
                // One queue for all partitions of this consumer: its memory.
                ("queued.min.messages", "100000"),
                ("queued.max.messages.kbytes", "65536"),
                ("fetch.message.max.bytes", "1048576"),
                ("fetch.wait.max.ms", "250"),
                // With a full queue a partition would pause for a second.
                ("fetch.queue.backoff.ms", "20"),
                // Lag and idle partitions are told by these.
                ("statistics.interval.ms", "1000"),
            ],
        );
        client
            .set("group.id", group)
            .set("group.instance.id", member)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed");
        // A group of the newer protocol has its assignor at the broker.
        if client
            .get("group.protocol")
            .is_none_or(|protocol| protocol == "classic")
        {
            client.set("partition.assignment.strategy", "cooperative-sticky");
        }
        client
    }

    /// A consumer that belongs to no group, for questions and for reading the end of a topic.
    #[must_use]
    pub fn reader(&self) -> ClientConfig {
        let mut client = self.common();
        defaults(
            &mut client,
            &[("fetch.wait.max.ms", "100"), ("queued.max.messages.kbytes", "16384")],
        );
        // The library wants a group for assigned partitions; nothing is ever committed to it.
        client
            .set("group.id", format!("{}-reader", self.config.group_id))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed");
        client
    }

    /// A transactional producer.
    #[must_use]
    pub fn transactional(&self, id: &str) -> ClientConfig {
        let mut client = self.producer();
        defaults(
            &mut client,
            &[("transaction.timeout.ms", &TRANSACTION_TIMEOUT.as_millis().to_string())],
        );
        // The library refuses a record or a request that may take longer than its transaction.
        let limit = client
            .get("transaction.timeout.ms")
            .and_then(|text| text.parse::<u64>().ok());
        for name in ["socket.timeout.ms", "message.timeout.ms", "request.timeout.ms"] {
            let present = client.get(name).and_then(|text| text.parse::<u64>().ok());
            if let (Some(limit), Some(present)) = (limit, present) {
                client.set(name, present.min(limit).to_string());
            }
        }
        client.set("transactional.id", id);
        client
    }

    /// A producer: idempotent, compressed, the same partition for a key as Java's.
    #[must_use]
    pub fn producer(&self) -> ClientConfig {
        let mut client = self.common();
        defaults(
            &mut client,
            &[
                ("compression.codec", "lz4"),
                // A flush is a burst that ends with a drain: there is nothing to wait for.
                ("linger.ms", "1"),
                ("batch.size", "1000000"),
                ("queue.buffering.max.messages", QUEUED_RECORDS),
                ("queue.buffering.max.kbytes", "131072"),
                ("message.max.bytes", &LARGEST_RECORD.to_string()),
                ("message.timeout.ms", "10000"),
                ("request.timeout.ms", "5000"),
            ],
        );
        client
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random");
        client
    }
}

/// Sets what nobody said.
fn defaults(client: &mut ClientConfig, values: &[(&str, &str)]) {
    for (name, value) in values {
        if client.get(name).is_none() {
            client.set(*name, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use std::collections::BTreeMap;

    fn config() -> KafkaConfig {
        KafkaConfig {
            brokers: "a:1,b:2".into(),
            topics: vec!["flink-errors".into()],
            group_id: "g".into(),
            instance_id: "i-0".into(),
            tls: true,
            ca: None,
            certificate: None,
            key: None,
            sasl_mechanism: Some("SCRAM-SHA-512".into()),
            username: Some("u".into()),
            password: Some(Secret::new("p".into())),
            token: None,
            properties: BTreeMap::from([("session.timeout.ms".to_owned(), "6000".to_owned())]),
        }
    }

    #[test]
    fn the_library_takes_every_property_of_every_client() {
        let config = config();
        let settings = KafkaSettings::new(&config);
        for client in [
            settings.consumer("g", "i-0"),
            settings.reader(),
            settings.transactional("g-i-0"),
            settings.producer(),
            settings.common(),
        ] {
            assert!(client.create_native_config().is_ok());
            assert_eq!(client.get("ssl.ca.location"), Some("probe"));
            assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
            // What somebody said wins over what nobody said.
            assert_eq!(client.get("session.timeout.ms"), Some("6000"));
        }
    }

    #[test]
    fn a_shorter_transaction_shortens_what_is_inside_it() {
        let mut config = config();
        config.properties.insert("transaction.timeout.ms".into(), "4000".into());
        let producer = KafkaSettings::new(&config).transactional("g-i-0");
        assert_eq!(producer.get("message.timeout.ms"), Some("4000"));
        assert_eq!(producer.get("socket.timeout.ms"), Some("4000"));
    }

    #[test]
    fn no_client_skips_commits_by_itself_or_reads_what_is_not_committed() {
        let config = config();
        let consumer = KafkaSettings::new(&config).consumer("g", "i-0");
        for (name, value) in [
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
            ("group.instance.id", "i-0"),
            ("partition.assignment.strategy", "cooperative-sticky"),
        ] {
            assert_eq!(consumer.get(name), Some(value));
        }
    }
}
