//! Reads topics from their beginning to their end, and later from there on.

use super::counted::Place;
use crate::config::servers::KafkaConfig;
use crate::source::kafka::check::Questions;
use crate::source::kafka::client::Calls;
use crate::source::kafka::{KafkaFault, KafkaSettings};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Longest silence of a broker while something is left to read.
const SILENCE: Duration = Duration::from_secs(20);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(20);

/// A reader of some topics, what was committed only.
pub(super) struct Follower<'a> {
    questions: Questions<'a>,
    config: &'a KafkaConfig,
    /// Where each partition is read on.
    next: BTreeMap<Place, i64>,
    /// Topics whose first offset is not 0.
    cut: BTreeSet<String>,
}

/// A record.
pub(super) struct Found<'m> {
    pub(super) topic: &'m str,
    pub(super) offset: i64,
    pub(super) payload: &'m [u8],
}

impl<'a> Follower<'a> {
    /// A reader that begins where the topics begin.
    pub(super) fn new(config: &'a KafkaConfig, topics: &[&str], wait: Duration) -> Result<Self, KafkaFault> {
        let questions = Questions::new(config, wait)?;
        let mut follower = Self {
            questions,
            config,
            next: BTreeMap::new(),
            cut: BTreeSet::new(),
        };
        for topic in topics {
            let partitions = follower
                .questions
                .partitions(topic)?
                .ok_or_else(|| KafkaFault::NoTopic {
                    topic: (*topic).to_owned(),
                    ours: true,
                })?;
            for partition in 0..partitions {
                let bounds = follower.questions.bounds(topic, partition)?;
                if bounds.low > 0 {
                    follower.cut.insert((*topic).to_owned());
                }
                follower.next.insert(((*topic).to_owned(), partition), bounds.low);
            }
        }
        Ok(follower)
    }

    /// Topics whose beginning is gone.
    pub(super) fn cut(&self) -> Vec<String> {
        self.cut.iter().cloned().collect()
    }

    /// Behind the last record read, of each partition of a topic in which there was one.
    pub(super) fn read_up_to(&self, topic: &str) -> BTreeMap<i32, i64> {
        self.next
            .iter()
            .filter(|((name, _), next)| name == topic && **next > 0)
            .map(|((_, partition), next)| (*partition, *next))
            .collect()
    }

    /// Reads on until every partition has ended once. What is written meanwhile may be read as well.
    pub(super) fn read(&mut self, until: Instant, take: &mut dyn FnMut(Found<'_>)) -> Result<(), KafkaFault> {
        let topics: BTreeSet<String> = self.next.keys().map(|(topic, _)| topic.clone()).collect();
        for topic in topics {
            let from = self.positions(&topic);
            let next = read(&self.questions, &self.config.brokers, &topic, &from, until, take)?;
            for (partition, offset) in next {
                self.next.insert((topic.clone(), partition), offset);
            }
        }
        Ok(())
    }

    fn positions(&self, topic: &str) -> BTreeMap<i32, i64> {
        let of_topic = self.next.iter().filter(|((name, _), _)| name == topic);
        of_topic.map(|((_, partition), next)| (*partition, *next)).collect()
    }

    /// How many records an input partition holds in `from..to`.
    pub(super) fn count(&self, place: &Place, from: i64, to: i64, until: Instant) -> Result<u64, KafkaFault> {
        let mut count = 0_u64;
        read(
            &self.questions,
            &self.config.brokers,
            &place.0,
            &BTreeMap::from([(place.1, from)]),
            until,
            &mut |found| count += u64::from(found.offset >= from && found.offset < to),
        )?;
        Ok(count)
    }

    /// What a group has committed of some topics.
    pub(super) fn committed(&self, group: &str, topics: &[String]) -> Result<BTreeMap<Place, i64>, KafkaFault> {
        let doing = format!("asking for the offsets of the group {group}");
        let fault = |error: &KafkaError| KafkaFault::of(error, &doing, &self.config.brokers);
        // Asked as one of the group, without joining it.
        let mut settings = KafkaSettings::new(self.config).reader();
        let consumer: BaseConsumer<Calls> = settings
            .set("group.id", group)
            .create_with_context(Calls::new(self.config.token.clone()))
            .map_err(|error| fault(&error))?;
        consumer.context().first_token(|wait| drop(consumer.poll(wait)));
        let mut list = TopicPartitionList::new();
        for (topic, partition) in self.firsts(topics)?.keys() {
            list.add_partition(topic, *partition);
        }
        let committed = consumer
            .committed_offsets(list, ANSWER)
            .map_err(|error| fault(&error))?;
        let known = committed
            .elements()
            .into_iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => Some(((element.topic().to_owned(), element.partition()), offset)),
                Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
            });
        Ok(known.collect())
    }

    /// First offsets of some topics' partitions.
    pub(super) fn firsts(&self, topics: &[String]) -> Result<BTreeMap<Place, i64>, KafkaFault> {
        let mut firsts = BTreeMap::new();
        for topic in topics {
            let partitions = self.questions.partitions(topic)?.ok_or_else(|| KafkaFault::NoTopic {
                topic: topic.clone(),
                ours: false,
            })?;
            for partition in 0..partitions {
                let bounds = self.questions.bounds(topic, partition)?;
                firsts.insert((topic.clone(), partition), bounds.low);
            }
        }
        Ok(firsts)
    }
}

/// Hands the records of a topic's partitions to `take`, from these offsets on, until each partition has ended once.
/// Gives back where each is to be read on.
fn read(
    questions: &Questions<'_>,
    brokers: &str,
    topic: &str,
    from: &BTreeMap<i32, i64>,
    until: Instant,
    take: &mut dyn FnMut(Found<'_>),
) -> Result<BTreeMap<i32, i64>, KafkaFault> {
    let doing = format!("reading {topic}");
    let consumer = questions.consumer();
    let mut list = TopicPartitionList::new();
    for (partition, offset) in from {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
            .map_err(|error| questions.fault(&error, &doing))?;
    }
    consumer
        .assign(&list)
        .map_err(|error| questions.fault(&error, &doing))?;
    let mut next = from.clone();
    let mut open: BTreeSet<i32> = from.keys().copied().collect();
    let mut heard = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) if message.topic() == topic => {
                heard = Instant::now();
                take(Found {
                    topic,
                    offset: message.offset(),
                    payload: message.payload().unwrap_or_default(),
                });
                next.insert(message.partition(), message.offset().saturating_add(1));
            }
            Some(Ok(_)) | None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                open.remove(&partition);
            }
            Some(Err(error)) => {
                let fault = questions.fault(&error, &doing);
                if !fault.may_pass() {
                    return Err(fault);
                }
            }
        }
        if let Some(partition) = open.first()
            && (heard.elapsed() > SILENCE || Instant::now() > until)
        {
            return Err(KafkaFault::Away {
                brokers: brokers.to_owned(),
                why: format!("{topic}/{partition} was not read to its end in time"),
            });
        }
    }
    // Nothing is fetched while others are looked at.
    drop(consumer.unassign());
    Ok(next)
}
