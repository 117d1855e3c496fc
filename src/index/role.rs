//! The loop that owns the consumer.

use super::assignment::{Hooks, Move};
use super::commit::{CommitFault, Committer, Positions};
use super::deliver::{Delivered, deliver};
use super::gather::{Batch, OfPartition, Reached, Read, Refused};
use super::incarnation::{self, Known, Place, Unsettled};
use super::{IndexError, IndexOptions, retention};
use crate::fold::Reject;
use crate::process::stop::Stop;
use crate::source::kafka::check::Questions;
use crate::source::kafka::client::Calls;
use crate::source::kafka::{KafkaFault, KafkaSettings};
use crate::store::elastic_druid::elastic::documents::{details_index, issues_index};
use crate::store::elastic_druid::elastic::update::{Document, Update};
use crate::store::elastic_druid::elastic::{Elastic, ElasticError, setup};
use crate::telemetry::metrics::{self, Metric};
use crate::topics::reject::{RejectRecord, Stage};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// What was done from start to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Deltas of which each has its fate, as often as they were delivered.
    pub deltas: u64,
    /// Documents created or updated.
    pub written: u64,
    /// Updates that changed nothing.
    pub unchanged: u64,
    /// Updates sent again.
    pub retried: u64,
    /// Deltas in the rejects.
    pub rejected: u64,
}

/// How often the last record taken in is noted with the partition's name.
const NOTED: Duration = Duration::from_secs(30);
/// How long polling waits while something is under way or gathered.
const BUSY: Duration = Duration::from_millis(10);
/// How long polling waits while nothing happens.
const IDLE: Duration = Duration::from_millis(100);
/// How long it is waited before something that did not work is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Records taken between two looks at everything else.
const ROUND: usize = 2_000;

/// Runs the role until it is asked to stop, or cannot go on. Blocks; belongs on a thread of its own.
///
/// # Errors
/// What nobody but a person can mend: no rights, nothing set up, a topic that is not there, an offset that was lost.
/// What may pass (servers that are away) is waited for.
pub fn run(options: &IndexOptions, stop: &Stop) -> Result<Report, IndexError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("index")
        .enable_all()
        .build()
        .map_err(IndexError::Runtime)?;
    let elastic = Arc::new(Elastic::new(&options.elastic)?);
    let mut report = Report::default();
    if !ready(&runtime, &elastic, stop)? {
        return Ok(report);
    }
    let keeping = options.elastic.retention_age.map(|age| {
        let (elastic, clock) = (Arc::clone(&elastic), options.clock);
        runtime.spawn(async move { retention::keep(&elastic, age, clock).await })
    });
    let mut pause = AGAIN;
    let ended = loop {
        let begun = Instant::now();
        let ended = Session::new(options, &runtime, &elastic, &mut report).and_then(|mut session| session.run(stop));
        match ended {
            Err(IndexError::Kafka(fault)) if fault.may_pass() => {
                tracing::warn!(%fault, "Kafka does not go on for now");
                pause = if begun.elapsed() > pause * 4 {
                    AGAIN
                } else {
                    (pause * 2).min(Duration::from_secs(5))
                };
                if stop.wait(pause) {
                    break Ok(());
                }
            }
            ended => break ended,
        }
    };
    if let Some(keeping) = keeping {
        keeping.abort();
    }
    // Whatever is still under way is delivered again after the next start.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| report)
}

/// Waits until the search node answers and is set up; says whether to go on.
fn ready(runtime: &Runtime, elastic: &Elastic, stop: &Stop) -> Result<bool, IndexError> {
    let mut told = false;
    loop {
        let asked = runtime.block_on(async {
            let about = elastic.about().await?;
            setup::check(elastic).await?;
            Ok::<_, ElasticError>(about)
        });
        match asked {
            Ok(about) => {
                tracing::info!(
                    node = about.node,
                    product = about.flavour.name(),
                    version = about.version,
                    "the search node answers"
                );
                return Ok(!stop.is_asked());
            }
            Err(error) if error.may_pass() => {
                if !told {
                    tracing::warn!(%error, "waiting for the search node");
                    told = true;
                }
                if stop.wait(Duration::from_secs(1)) {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A partition of ours.
#[derive(Debug)]
struct Owned {
    /// Name of what stands in it, and as it stands in guards; none until it was found out.
    name: Option<(String, Arc<str>)>,
    noted: Option<Instant>,
    settling: Option<JoinHandle<Result<String, Unsettled>>>,
    settle_at: Instant,
}

/// A batch under way.
struct Flight {
    task: JoinHandle<Result<Delivered, ElasticError>>,
    told: BTreeMap<i32, Told>,
}

/// What of a partition's share of a batch is needed when it has its fate.
struct Told {
    reached: Option<Reached>,
    refused: Vec<Refused>,
    payloads: BTreeMap<i64, Box<[u8]>>,
    deltas: u64,
    oldest: Option<i64>,
}

/// A batch of which every delta has its fate, to be committed.
struct Fated {
    reached: BTreeMap<i32, Reached>,
    rejects: Vec<RejectRecord>,
    again_at: Instant,
}

struct Session<'a> {
    options: &'a IndexOptions,
    runtime: &'a Runtime,
    elastic: &'a Arc<Elastic>,
    report: &'a mut Report,
    consumer: BaseConsumer<Hooks>,
    committer: Committer,
    owned: BTreeMap<i32, Owned>,
    batch: Batch,
    batch_since: Option<Instant>,
    flight: Option<Flight>,
    fated: Option<Fated>,
    held: bool,
}

impl<'a> Session<'a> {
    fn new(
        options: &'a IndexOptions,
        runtime: &'a Runtime,
        elastic: &'a Arc<Elastic>,
        report: &'a mut Report,
    ) -> Result<Self, IndexError> {
        let topic = &options.topics.details;
        if Questions::new(&options.kafka, Duration::from_secs(10))?
            .partitions(topic)?
            .is_none()
        {
            let topic = topic.clone();
            return Err(KafkaFault::NoTopic { topic, ours: true }.into());
        }
        let fault = |error: &KafkaError| KafkaFault::of(error, "setting up a consumer", &options.kafka.brokers);
        let mut config = KafkaSettings::new(&options.kafka).consumer(&options.group(), &options.member());
        // What is fetched ahead is memory beside the batches; deltas are folded already, so little is enough.
        config.set("queued.max.messages.kbytes", "16384");
        let consumer: BaseConsumer<Hooks> = config
            .create_with_context(Hooks::new(Calls::new(options.kafka.token.clone())))
            .map_err(|error| fault(&error))?;
        consumer.subscribe(&[topic]).map_err(|error| fault(&error))?;
        Ok(Self {
            options,
            runtime,
            elastic,
            report,
            consumer,
            committer: Committer::new(),
            owned: BTreeMap::new(),
            batch: Batch::default(),
            batch_since: None,
            flight: None,
            fated: None,
            held: false,
        })
    }

    fn run(&mut self, stop: &Stop) -> Result<(), IndexError> {
        while !stop.is_asked() {
            self.poll()?;
            self.moves()?;
            self.settle()?;
            self.land()?;
            self.commit(CommitMode::Async)?;
            self.launch();
            self.hold()?;
        }
        self.end()
    }

    /// The batch under way may end and is committed; what was gathered is read again after the next start.
    fn end(&mut self) -> Result<(), IndexError> {
        let until = Instant::now() + self.options.limits.drain;
        while (self.flight.is_some() || self.fated.is_some()) && Instant::now() < until {
            self.batch = Batch::default();
            self.poll()?;
            self.moves()?;
            self.land()?;
            self.commit(CommitMode::Sync)?;
        }
        if let Some(flight) = self.flight.take() {
            flight.task.abort();
        }
        Ok(())
    }

    /// Takes what has come, up to a round.
    fn poll(&mut self) -> Result<(), IndexError> {
        let busy = self.flight.is_some() || self.fated.is_some() || !self.batch.is_empty();
        let mut wait = if busy { BUSY } else { IDLE };
        for _ in 0..ROUND {
            let full = self.batch.bytes() >= self.options.limits.bytes;
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let owned = self.owned.get(&message.partition());
                    let Some((_, part)) = owned.and_then(|owned| owned.name.as_ref()) else {
                        // Partitions run only once they are known; should one not, everything begins anew from what
                        // is committed.
                        return Err(KafkaFault::Other {
                            doing: "reading detail deltas".to_owned(),
                            why: format!("a record of partition {}, which is not ours", message.partition()),
                            may_pass: true,
                        }
                        .into());
                    };
                    let read = Read {
                        partition: message.partition(),
                        offset: message.offset(),
                        written_at: message.timestamp().to_millis(),
                        payload: message.payload().unwrap_or_default(),
                    };
                    self.batch.add(part, read);
                    self.batch_since.get_or_insert_with(Instant::now);
                }
                Some(Err(error)) => return self.fault(&error),
            }
            if full || !self.consumer.context().is_quiet() {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// What an error of polling means.
    fn fault(&self, error: &KafkaError) -> Result<(), IndexError> {
        let code = error.rdkafka_error_code();
        if matches!(code, Some(Code::AutoOffsetReset | Code::OffsetOutOfRange)) {
            return self.offset_lost();
        }
        if matches!(code, Some(Code::UnknownTopicOrPartition | Code::UnknownTopic)) {
            let topic = self.options.topics.details.clone();
            return Err(KafkaFault::NoTopic { topic, ours: true }.into());
        }
        let said = self.consumer.context().calls().take_last();
        let plain = KafkaFault::of(error, "reading detail deltas", &self.options.kafka.brokers);
        let fault = match said {
            Some((code, why)) if plain.may_pass() => {
                KafkaFault::of_code(Some(code), &why, "reading detail deltas", &self.options.kafka.brokers)
            }
            Some(_) | None => plain,
        };
        if fault.may_pass() {
            // The library goes on by itself; until then there is nothing to read.
            tracing::debug!(%fault, "reading waits");
            return Ok(());
        }
        Err(fault.into())
    }

    /// Which partition goes on at an offset that is not there: never skipped silently.
    fn offset_lost(&self) -> Result<(), IndexError> {
        let topic = &self.options.topics.details;
        let questions = Questions::new(&self.options.kafka, Duration::from_secs(10))?;
        let mut list = TopicPartitionList::new();
        for partition in self.owned.keys() {
            list.add_partition(topic, *partition);
        }
        let fault = |error: &KafkaError| KafkaFault::of(error, "asking for offsets", &self.options.kafka.brokers);
        let committed = self.consumer.committed_offsets(list, Duration::from_secs(10));
        for element in committed.map_err(|error| fault(&error))?.elements() {
            let bounds = questions.bounds(topic, element.partition())?;
            let wanted = element.offset().to_raw().filter(|offset| *offset >= 0);
            if let Some(wanted) = wanted
                && (wanted < bounds.low || wanted > bounds.high)
            {
                return Err(KafkaFault::OffsetLost {
                    topic: topic.clone(),
                    partition: element.partition(),
                    wanted,
                    low: bounds.low,
                    high: bounds.high,
                    group: self.options.group(),
                }
                .into());
            }
        }
        // It was there in the meantime, or is one we have read beyond: begin anew from what is committed.
        Err(KafkaFault::Other {
            doing: "reading detail deltas".to_owned(),
            why: "the offset to go on at was not there".to_owned(),
            may_pass: true,
        }
        .into())
    }

    /// Partitions that came and went.
    fn moves(&mut self) -> Result<(), IndexError> {
        let mut came: Vec<i32> = Vec::new();
        for moved in self.consumer.context().take() {
            match moved {
                Move::Came {
                    partition,
                    next,
                    incarnation,
                } => {
                    tracing::info!(partition, next, "a partition came");
                    let name = incarnation.map(|name| named(name, partition));
                    self.batch.drop_partitions(&[partition]);
                    self.owned.insert(
                        partition,
                        Owned {
                            name,
                            noted: None,
                            settling: None,
                            settle_at: Instant::now(),
                        },
                    );
                    came.push(partition);
                }
                Move::Went { partition } => {
                    tracing::info!(partition, "a partition went");
                    self.owned.remove(&partition);
                    self.batch.drop_partitions(&[partition]);
                    if let Some(flight) = &mut self.flight {
                        flight.told.remove(&partition);
                    }
                    if let Some(fated) = &mut self.fated {
                        fated.reached.remove(&partition);
                        fated.rejects.retain(|reject| reject.partition != partition);
                    }
                }
                Move::Failed(error) => {
                    return Err(KafkaFault::of(&error, "taking over partitions", &self.options.kafka.brokers).into());
                }
            }
        }
        if self.batch.is_empty() {
            self.batch_since = None;
        }
        // One that comes while others are held is held with them; one without a name waits for it.
        came.retain(|partition| self.owned.get(partition).is_some_and(|owned| owned.name.is_some()));
        if !came.is_empty() && !self.held {
            let list = self.list(came.into_iter());
            self.resume(&list)?;
        }
        Ok(())
    }

    /// Finds out the names of partitions whose committed offset carries none, and lets them run.
    fn settle(&mut self) -> Result<(), IndexError> {
        let mut settled = Vec::new();
        for (partition, owned) in &mut self.owned {
            if owned.name.is_some() {
                continue;
            }
            match owned.settling.take() {
                None if Instant::now() >= owned.settle_at => {
                    let place = Place {
                        topic: self.options.topics.details.clone(),
                        partition: *partition,
                    };
                    let (elastic, kafka, clock) =
                        (Arc::clone(self.elastic), self.options.kafka.clone(), self.options.clock);
                    owned.settling = Some(
                        self.runtime
                            .spawn(async move { incarnation::settle(&elastic, &kafka, &place, clock).await }),
                    );
                }
                None => {}
                Some(task) if !task.is_finished() => owned.settling = Some(task),
                Some(task) => match self.runtime.block_on(task) {
                    Ok(Ok(name)) => {
                        owned.name = Some(named(name, *partition));
                        settled.push(*partition);
                    }
                    Ok(Err(unsettled)) if unsettled.may_pass() => {
                        tracing::warn!(partition, ?unsettled, "waiting to find out which topic this is");
                        owned.settle_at = Instant::now() + AGAIN * 2;
                    }
                    Ok(Err(Unsettled::Kafka(fault))) => return Err(fault.into()),
                    Ok(Err(Unsettled::Elastic(error))) => return Err(error.into()),
                    Err(_) => return Err(IndexError::Panicked),
                },
            }
        }
        if !settled.is_empty() && !self.held {
            let list = self.list(settled.into_iter());
            self.resume(&list)?;
        }
        Ok(())
    }

    fn list(&self, partitions: impl Iterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.options.topics.details, partition);
        }
        list
    }

    fn resume(&self, list: &TopicPartitionList) -> Result<(), IndexError> {
        self.consumer
            .resume(list)
            .map_err(|error| KafkaFault::of(&error, "resuming partitions", &self.options.kafka.brokers).into())
    }

    /// Takes over what has ended.
    fn land(&mut self) -> Result<(), IndexError> {
        if self.fated.is_some() || !self.flight.as_ref().is_some_and(|flight| flight.task.is_finished()) {
            return Ok(());
        }
        let Some(flight) = self.flight.take() else {
            return Ok(());
        };
        let delivered = match self.runtime.block_on(flight.task) {
            Ok(delivered) => delivered?,
            Err(_) => return Err(IndexError::Panicked),
        };
        self.report.written += delivered.written;
        self.report.unchanged += delivered.unchanged;
        self.report.retried += delivered.retried;
        metrics::add(Metric::IndexWritten, delivered.written);
        metrics::add(Metric::IndexUnchanged, delivered.unchanged);
        metrics::add(Metric::IndexBatches, 1);
        let now = self.options.clock.now_millis();
        if let Some(oldest) = flight.told.values().filter_map(|told| told.oldest).min() {
            let took = u64::try_from(now.saturating_sub(oldest)).unwrap_or(0);
            metrics::set(Metric::IndexSearchableMillis, took);
            metrics::add_seconds(Metric::IndexSearchableSeconds, Duration::from_millis(took));
        }
        let rejects = rejects(
            &self.options.topics.details,
            &flight.told,
            &delivered,
            now,
            self.elastic.prefix(),
        );
        let deltas = flight.told.values().map(|told| told.deltas).sum();
        self.report.deltas += deltas;
        metrics::add(Metric::IndexDeltas, deltas);
        tracing::debug!(
            deltas,
            written = delivered.written,
            unchanged = delivered.unchanged,
            retried = delivered.retried,
            refused = delivered.refused.len(),
            "a batch has its fate"
        );
        self.fated = Some(Fated {
            reached: flight
                .told
                .into_iter()
                .filter_map(|(partition, told)| Some((partition, told.reached?)))
                .collect(),
            rejects,
            again_at: Instant::now(),
        });
        Ok(())
    }

    /// Commits what has its fate.
    fn commit(&mut self, mode: CommitMode) -> Result<(), IndexError> {
        let Some(fated) = &mut self.fated else { return Ok(()) };
        if Instant::now() < fated.again_at {
            return Ok(());
        }
        let positions: Positions = fated
            .reached
            .iter()
            .filter_map(|(partition, reached)| {
                let (name, _) = self.owned.get(partition)?.name.as_ref()?;
                Some((*partition, (*reached, name.clone())))
            })
            .collect();
        let done = self
            .committer
            .commit(self.options, &self.consumer, &positions, &fated.rejects, mode);
        match done {
            Ok(()) => {
                let rejected = u64::try_from(fated.rejects.len()).unwrap_or(0);
                self.report.rejected += rejected;
                metrics::add(Metric::IndexRejected, rejected);
                self.fated = None;
            }
            // Offsets alone: the next batch commits them as well.
            Err(CommitFault::Later(fault)) if fated.rejects.is_empty() => {
                tracing::debug!(%fault, "offsets are committed with the next batch");
                self.fated = None;
            }
            Err(CommitFault::Never(fault)) => return Err(fault.into()),
            Err(CommitFault::Later(fault)) => {
                tracing::warn!(%fault, "rejects are committed later");
                fated.again_at = Instant::now() + AGAIN;
            }
        }
        Ok(())
    }

    /// Sends what was gathered, when its time has come and nothing is under way.
    fn launch(&mut self) {
        if self.flight.is_some() || self.fated.is_some() {
            return;
        }
        let limits = self.options.limits;
        let ripe = self.batch_since.is_some_and(|since| since.elapsed() >= limits.interval);
        if self.batch.is_empty() || !(ripe || self.batch.bytes() >= limits.bytes) {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        self.batch_since = None;
        let mut updates: Vec<Update> = Vec::new();
        let mut told = BTreeMap::new();
        let mut notes = Vec::new();
        for (partition, of) in batch.partitions {
            let OfPartition {
                updates: mine,
                refused,
                payloads,
                reached,
                bytes: _,
                deltas,
                oldest,
            } = of;
            updates.extend(mine.into_values());
            if let (Some(reached), Some(owned)) = (reached, self.owned.get_mut(&partition))
                && owned.noted.is_none_or(|noted| noted.elapsed() >= NOTED)
                && let Some((name, _)) = &owned.name
            {
                owned.noted = Some(Instant::now());
                let known = Known {
                    offset: reached.next.saturating_sub(1),
                    written_at: reached.written_at,
                };
                let topic = self.options.topics.details.clone();
                notes.push((Place { topic, partition }, name.clone(), known));
            }
            told.insert(
                partition,
                Told {
                    reached,
                    refused,
                    payloads,
                    deltas,
                    oldest,
                },
            );
        }
        // Neighbours in an index stand together; also, the same batch makes the same requests every time.
        updates.sort_by_key(Update::document);
        let (elastic, clock) = (Arc::clone(self.elastic), self.options.clock);
        let task = self.runtime.spawn(async move {
            let delivered = deliver(Arc::clone(&elastic), updates, limits).await?;
            for (place, name, known) in notes {
                if let Err(error) = incarnation::note(&elastic, &place, &name, known, clock).await {
                    tracing::debug!(%error, "the last record taken in was not noted");
                }
            }
            Ok(delivered)
        });
        tracing::debug!(partitions = told.len(), "a batch is under way");
        self.flight = Some(Flight { task, told });
    }

    /// Pauses partitions while enough is gathered, and lets them run again.
    fn hold(&mut self) -> Result<(), IndexError> {
        let full = self.batch.bytes() >= self.options.limits.bytes;
        if full == self.held {
            return Ok(());
        }
        let named = self.owned.iter().filter(|(_, owned)| owned.name.is_some());
        let list = self.list(named.map(|(partition, _)| *partition));
        if list.count() == 0 {
            return Ok(());
        }
        tracing::debug!(full, "partitions are held or run again");
        if full {
            let paused = self.consumer.pause(&list);
            paused.map_err(|error| KafkaFault::of(&error, "pausing partitions", &self.options.kafka.brokers))?;
        } else {
            self.resume(&list)?;
        }
        self.held = full;
        Ok(())
    }
}

fn named(name: String, partition: i32) -> (String, Arc<str>) {
    let part = format!("{name}/{partition}");
    (name, part.into())
}

/// Rejects of a batch: one per delta, whatever number of its documents was refused.
fn rejects(
    topic: &str,
    told: &BTreeMap<i32, Told>,
    delivered: &Delivered,
    now: i64,
    prefix: &str,
) -> Vec<RejectRecord> {
    let mut found: BTreeMap<(i32, i64), (String, String)> = BTreeMap::new();
    for refused in told.values().flat_map(|told| &told.refused) {
        let key = (refused.partition, refused.offset);
        found.insert(key, (refused.reason.clone(), refused.detail.clone()));
    }
    if let Some(refusal) = delivered.refused.first() {
        tracing::warn!(
            updates = delivered.refused.len(),
            kind = refusal.kind,
            reason = refusal.reason,
            "the search node will not take updates: their deltas go to the rejects"
        );
    }
    for refusal in &delivered.refused {
        let index = match refusal.update.document() {
            Document::Minute(_, minute) => details_index(prefix, minute.saturating_mul(60_000)),
            Document::Issue(_) => issues_index(prefix),
        };
        let detail = format!("{index}: {}", refusal.reason);
        for (part, offset) in refusal.update.origins() {
            let partition = part.rsplit_once('/').and_then(|(_, number)| number.parse().ok());
            let Some(partition) = partition else { continue };
            let entry = found
                .entry((partition, offset))
                .or_insert_with(|| (refusal.kind.clone(), String::new()));
            if !entry.1.is_empty() {
                entry.1.push_str("; ");
            }
            entry.1.push_str(&detail);
        }
    }
    found
        .into_iter()
        .filter_map(|((partition, offset), (reason, detail))| {
            // A partition that went is rejected by whoever has it now.
            let payload = told.get(&partition)?.payloads.get(&offset)?;
            let kept = payload.get(..payload.len().min(Reject::KEPT_BYTES)).unwrap_or_default();
            Some(RejectRecord {
                stage: Stage::Index,
                topic: topic.to_owned(),
                partition,
                offset,
                reason,
                detail,
                length: u64::try_from(payload.len()).unwrap_or(u64::MAX),
                bytes: RejectRecord::encode(kept),
                rejected_at: now,
            })
        })
        .collect()
}
