//! Job names learned from log lines, shared by all threads and processes through a compacted topic.
//!
//! A line that tells both id and name of a job may come in one partition, and lines that tell only the id in another.
//! What a thread learns goes out with the transaction of the events it learned it from; a follower in each process
//! hands it to all threads. Until then an event is named by its id. Where the topic is missing, names are shared by
//! the threads of this process only and learned anew after a start.

use super::{KafkaProcessError, ProcessOptions};
use crate::process::flush::LearnedNames;
use crate::process::stop::Stop;
use crate::source::kafka::KafkaSettings;
use crate::source::kafka::client::Calls;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Names in the order they came, each thread with its own place in them.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Mutex<LearnedNames>,
    /// Whether the topic is there, so that names may be sent to it.
    has_topic: AtomicBool,
    /// Whether all that the topic held at the start was read.
    is_read: AtomicBool,
}

/// How many are handed on at most; a thread's engine keeps its own bounded table.
const MOST: usize = 1_000_000;

/// How long a start waits for the names that are there.
const FIRST_READ: Duration = Duration::from_secs(10);

impl Names {
    /// Adds names.
    pub(super) fn add(&self, names: impl IntoIterator<Item = (Box<str>, Box<str>)>) {
        let mut list = lock(&self.list);
        list.extend(names);
        // The oldest are the first a job's end makes useless; threads have taken them long ago.
        if list.len() > MOST {
            list.clear();
        }
    }

    /// The names behind a place, and the new place.
    pub(super) fn since(&self, place: usize) -> (LearnedNames, usize) {
        let list = lock(&self.list);
        let from = if place > list.len() { 0 } else { place };
        (list.get(from..).unwrap_or_default().to_vec(), list.len())
    }

    /// Whether names may be sent to the topic.
    pub(super) fn has_topic(&self) -> bool {
        self.has_topic.load(Ordering::Acquire)
    }

    /// Waits until what the topic held was read, a bounded time.
    pub(super) fn wait(&self, stop: &Stop) {
        let until = Instant::now() + FIRST_READ;
        while !self.is_read.load(Ordering::Acquire) && Instant::now() < until {
            if stop.wait(Duration::from_millis(20)) {
                return;
            }
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the follower.
pub(super) fn follow(
    options: &Arc<ProcessOptions>,
    names: &Arc<Names>,
    stop: &Stop,
) -> Result<JoinHandle<()>, KafkaProcessError> {
    let (options, names, stop) = (Arc::clone(options), Arc::clone(names), stop.clone());
    std::thread::Builder::new()
        .name("names".into())
        .spawn(move || {
            while !stop.is_asked() {
                if let Err(error) = read(&options, &names, &stop) {
                    tracing::warn!(
                        topic = options.topics.names,
                        %error,
                        "learned names are not shared between processes; `seismolog setup` makes the topic"
                    );
                }
                names.is_read.store(true, Ordering::Release);
                if stop.wait(Duration::from_secs(60)) {
                    return;
                }
            }
        })
        .map_err(|error| KafkaProcessError::Thread(error.to_string()))
}

/// Reads the topic from its beginning and follows it.
fn read(options: &ProcessOptions, names: &Names, stop: &Stop) -> Result<(), KafkaError> {
    let topic = options.topics.names.as_str();
    let consumer: BaseConsumer<Calls> = KafkaSettings::new(&options.kafka)
        .reader()
        .create_with_context(Calls::new(options.kafka.token.clone()))?;
    consumer.context().first_token(|wait| drop(consumer.poll(wait)));
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(5))?;
    let found = metadata.topics().first();
    if let Some(error) = found.and_then(rdkafka::metadata::MetadataTopic::error) {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let partitions: Vec<i32> = found
        .map(|t| t.partitions().iter().map(|p| p.id()).collect())
        .unwrap_or_default();
    let mut list = TopicPartitionList::new();
    for partition in &partitions {
        list.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    names.has_topic.store(true, Ordering::Release);
    let mut unread: BTreeSet<i32> = partitions.into_iter().collect();
    while !stop.is_asked() {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let text = |bytes: Option<&[u8]>| bytes.and_then(|b| std::str::from_utf8(b).ok()).map(Box::<str>::from);
                if let (Some(id), Some(name)) = (text(message.key()), text(message.payload())) {
                    names.add([(id, name)]);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
                if unread.is_empty() {
                    names.is_read.store(true, Ordering::Release);
                }
            }
            // Brokers come back; until then there is nothing to hear.
            Some(Err(_)) | None => {}
        }
    }
    Ok(())
}
