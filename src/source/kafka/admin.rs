//! Makes our topics, and says what it changed.

use super::check::Questions;
use super::client::Calls;
use super::settings::LARGEST_RECORD;
use super::{KafkaFault, KafkaSettings};
use crate::changed::Changed;
use crate::config::servers::{KafkaConfig, TopicNames, TopicPlan};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the brokers may take for one request.
const WAIT: Duration = Duration::from_secs(15);

/// A topic as it should be.
struct Wanted<'a> {
    name: &'a str,
    partitions: u64,
    settings: BTreeMap<&'static str, String>,
}

fn wanted<'a>(topics: &'a TopicNames, plan: &TopicPlan) -> Vec<Wanted<'a>> {
    let retention = plan.retention.as_millis().to_string();
    let delete = |largest: usize| {
        BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", retention.clone()),
            ("max.message.bytes", largest.to_string()),
        ])
    };
    let compact = BTreeMap::from([
        ("cleanup.policy", "compact".to_owned()),
        ("max.message.bytes", (1_usize << 20).to_string()),
    ]);
    let topic = |name: &'a str, partitions, settings| Wanted {
        name,
        partitions,
        settings,
    };
    vec![
        // Room for the frame around the largest record.
        topic(&topics.details, plan.partitions, delete(LARGEST_RECORD + 65_536)),
        topic(&topics.stats, plan.partitions, delete(1 << 20)),
        topic(&topics.rejects, plan.partitions, delete(LARGEST_RECORD + 65_536)),
        topic(&topics.alerts, 1, delete(1 << 20)),
        topic(&topics.names, 1, compact),
    ]
}

/// Makes the topics that are not there, and brings those that are to what is configured: settings always, partitions
/// only upwards (Kafka takes none away). The topics with error logs are not ours to make; see [`ensure_topic`].
///
/// # Errors
/// Why the brokers would not.
pub fn ensure_topics(config: &KafkaConfig, topics: &TopicNames, plan: &TopicPlan) -> Result<Vec<Changed>, KafkaFault> {
    let admin = Admin::new(config)?;
    let mut changed = Vec::new();
    for wanted in wanted(topics, plan) {
        admin.ensure(&wanted, plan.replicas, &mut changed)?;
    }
    Ok(changed)
}

/// Makes one topic with the brokers' settings, where it is not there (for load and for tests).
///
/// # Errors
/// Why the brokers would not.
pub fn ensure_topic(config: &KafkaConfig, name: &str, plan: &TopicPlan) -> Result<Vec<Changed>, KafkaFault> {
    let admin = Admin::new(config)?;
    let mut changed = Vec::new();
    let wanted = Wanted {
        name,
        partitions: plan.partitions,
        settings: BTreeMap::new(),
    };
    admin.ensure(&wanted, plan.replicas, &mut changed)?;
    Ok(changed)
}

/// Removes topics (for tests); one that is not there is no fault.
///
/// # Errors
/// Why the brokers would not.
pub fn remove_topics(config: &KafkaConfig, names: &[&str]) -> Result<(), KafkaFault> {
    let admin = Admin::new(config)?;
    let done = admin.wait(admin.client.delete_topics(names, &admin.options), "removing topics")?;
    for one in done {
        match one {
            Ok(_) | Err((_, Code::UnknownTopicOrPartition)) => {}
            Err((name, code)) => return Err(admin.refused(code, &format!("removing the topic {name}"))),
        }
    }
    Ok(())
}

struct Admin<'a> {
    config: &'a KafkaConfig,
    client: AdminClient<Calls>,
    options: AdminOptions,
    runtime: tokio::runtime::Runtime,
    questions: Questions<'a>,
}

impl<'a> Admin<'a> {
    fn new(config: &'a KafkaConfig) -> Result<Self, KafkaFault> {
        let fault = |error: &KafkaError| KafkaFault::of(error, "setting up a client", &config.brokers);
        let client = KafkaSettings::new(config)
            .common()
            .create_with_context(Calls::new(config.token.clone()))
            .map_err(|error| fault(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| KafkaFault::Other {
                doing: "starting a runtime".into(),
                why: error.to_string(),
                may_pass: false,
            })?;
        Ok(Self {
            config,
            client,
            options: AdminOptions::new()
                .request_timeout(Some(WAIT))
                .operation_timeout(Some(WAIT)),
            runtime,
            questions: Questions::new(config, WAIT)?,
        })
    }

    fn wait<T>(&self, asked: impl Future<Output = Result<T, KafkaError>>, doing: &str) -> Result<T, KafkaFault> {
        let answered = self
            .runtime
            .block_on(async { tokio::time::timeout(WAIT * 2, asked).await });
        match answered {
            Ok(answered) => answered.map_err(|error| self.questions.fault(&error, doing)),
            Err(_) => Err(self.refused(Code::OperationTimedOut, doing)),
        }
    }

    fn refused(&self, code: Code, doing: &str) -> KafkaFault {
        if code == Code::PolicyViolation {
            return KafkaFault::Other {
                doing: doing.to_owned(),
                why: "a policy of the brokers forbids it".into(),
                may_pass: false,
            };
        }
        KafkaFault::of_code(Some(code), &code.to_string(), doing, &self.config.brokers)
    }

    fn ensure(&self, wanted: &Wanted<'_>, replicas: Option<u64>, changed: &mut Vec<Changed>) -> Result<(), KafkaFault> {
        if self.config.token.is_some() {
            return self.look(wanted);
        }
        match self.questions.partitions(wanted.name)? {
            None => self.make(wanted, replicas, changed),
            Some(there) => {
                self.grow(wanted, u64::try_from(there).unwrap_or(0), changed)?;
                self.set(wanted, changed)
            }
        }
    }

    /// All that can be done by OAUTHBEARER: an administrating client of the library never asks for its token, so its
    /// requests would wait in vain.
    fn look(&self, wanted: &Wanted<'_>) -> Result<(), KafkaFault> {
        let there = self.questions.partitions(wanted.name)?;
        let place = format!("--bootstrap-server {} --topic {}", self.config.brokers, wanted.name);
        let partitions = wanted.partitions;
        let command = match there.map(|there| u64::try_from(there).unwrap_or(0)) {
            Some(there) if there >= partitions => return Ok(()),
            Some(_) => format!("kafka-topics.sh {place} --alter --partitions {partitions}"),
            None => {
                let settings: String = wanted
                    .settings
                    .iter()
                    .map(|(name, value)| format!(" --config {name}={value}"))
                    .collect();
                format!("kafka-topics.sh {place} --create --partitions {partitions}{settings}")
            }
        };
        Err(KafkaFault::NotByToken {
            topic: wanted.name.to_owned(),
            command,
        })
    }

    fn make(&self, wanted: &Wanted<'_>, replicas: Option<u64>, changed: &mut Vec<Changed>) -> Result<(), KafkaFault> {
        let doing = format!("making the topic {}", wanted.name);
        let partitions = i32::try_from(wanted.partitions).unwrap_or(i32::MAX);
        // -1: as many as the brokers make by default.
        let replicas = replicas.and_then(|n| i32::try_from(n).ok()).unwrap_or(-1);
        let mut topic = NewTopic::new(wanted.name, partitions, TopicReplication::Fixed(replicas));
        for (name, value) in &wanted.settings {
            topic = topic.set(name, value);
        }
        let done = self.wait(self.client.create_topics([&topic], &self.options), &doing)?;
        for one in done {
            match one {
                Ok(_) => changed.push(Changed::new(
                    format!("topic {}", wanted.name),
                    format!("created with {} partitions", wanted.partitions),
                )),
                // Another process was faster.
                Err((_, Code::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(self.refused(code, &doing)),
            }
        }
        Ok(())
    }

    fn grow(&self, wanted: &Wanted<'_>, there: u64, changed: &mut Vec<Changed>) -> Result<(), KafkaFault> {
        if there >= wanted.partitions || there == 0 {
            return Ok(());
        }
        let doing = format!("adding partitions to the topic {}", wanted.name);
        let count = usize::try_from(wanted.partitions).unwrap_or(usize::MAX);
        let more = NewPartitions::new(wanted.name, count);
        let done = self.wait(self.client.create_partitions([&more], &self.options), &doing)?;
        for one in done {
            one.map_err(|(_, code)| self.refused(code, &doing))?;
        }
        changed.push(Changed::new(
            format!("topic {}", wanted.name),
            format!("partitions from {there} to {}", wanted.partitions),
        ));
        Ok(())
    }

    fn set(&self, wanted: &Wanted<'_>, changed: &mut Vec<Changed>) -> Result<(), KafkaFault> {
        let doing = format!("reading the settings of the topic {}", wanted.name);
        let asked = [ResourceSpecifier::Topic(wanted.name)];
        let found = self.wait(self.client.describe_configs(&asked, &self.options), &doing)?;
        let mut present: Option<ConfigResource> = None;
        for one in found {
            present = Some(one.map_err(|code| self.refused(code, &doing))?);
        }
        let Some(present) = present else {
            return Ok(());
        };
        let value = |name: &str| {
            present
                .get(name)
                .and_then(|entry| entry.value.clone())
                .unwrap_or_default()
        };
        let other: Vec<(&str, String, &String)> = wanted
            .settings
            .iter()
            .map(|(name, to)| (*name, value(name), to))
            .filter(|(_, from, to)| from != *to)
            .collect();
        if other.is_empty() {
            return Ok(());
        }
        // The call replaces all settings of a topic: those somebody else made are said again.
        let kept: Vec<(&str, &str)> = present
            .entries
            .iter()
            .filter(|entry| entry.source == rdkafka::admin::ConfigSource::DynamicTopic)
            .filter(|entry| !wanted.settings.contains_key(entry.name.as_str()))
            .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)))
            .collect();
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(wanted.name));
        for (name, value) in kept {
            alter = alter.set(name, value);
        }
        for (name, value) in &wanted.settings {
            alter = alter.set(name, value);
        }
        let doing = format!("changing the settings of the topic {}", wanted.name);
        for one in self.wait(self.client.alter_configs([&alter], &self.options), &doing)? {
            one.map_err(|(_, code)| self.refused(code, &doing))?;
        }
        changed.extend(other.into_iter().map(|(name, from, to)| {
            Changed::new(format!("topic {}", wanted.name), format!("{name} from {from} to {to}"))
        }));
        Ok(())
    }
}
