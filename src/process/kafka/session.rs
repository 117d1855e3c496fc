//! Consumer and producer of a session, and the loop around them.

use super::KafkaProcessError;
use super::encode::{self, Records, Topic};
use super::outbox::{Failed, Outbox};
use super::share::Share;
use super::watch::{self, Moved, Watch};
use super::worker::Worker;
use crate::fold::FoldLimits;
use crate::source::kafka::client::Calls;
use crate::source::kafka::{KafkaFault, KafkaSettings};
use crate::telemetry::metrics::{self, Metric};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a session ended.
pub(super) enum Ended {
    /// It was told to stop, and all it had read is committed, or will be read again.
    Stopped,
    /// A new session must go on at the committed offsets.
    Anew(String),
    /// For good.
    Failed(KafkaProcessError),
}

/// One session.
pub(super) struct Session<'w> {
    worker: &'w mut Worker,
    /// Dropped before the producer: partitions are given back first.
    consumer: BaseConsumer<Watch>,
    outbox: Outbox,
    shares: Vec<Share>,
    /// Index of the share of the last record: mostly that of the next.
    last: usize,
    /// Names on their way.
    names: Option<Records>,
    flushed: Instant,
    paused: bool,
    /// When an aborted flush is tried again, and how often it was.
    again: Option<(Instant, u32)>,
    /// Milliseconds since the epoch, as of the last look at the clock.
    now: i64,
    /// What was told since the last commit, so that it is told once.
    told: Vec<Option<Code>>,
}

/// How many records are taken between two looks at the clock.
const LOOK_EVERY: u32 = 256;

/// How long a poll waits for a record.
const POLL: Duration = Duration::from_millis(50);

/// How often every partition of ours is told to be alive and how far it is.
const BEAT: Duration = Duration::from_secs(5);

/// How often a flush is tried before the session is.
const TRIES: u32 = 8;

/// How long the broker may take to tell committed offsets and bounds.
const WAIT: Duration = Duration::from_secs(10);

impl<'w> Session<'w> {
    /// Fences the session before and joins the group. `None` when told to stop meanwhile.
    pub(super) fn open(worker: &'w mut Worker) -> Result<Option<Self>, KafkaFault> {
        let options = Arc::clone(&worker.options);
        // First the producer: once it is there, what an earlier one began is ended, so that the offsets the consumer
        // is told are final.
        let Some(outbox) = Outbox::open(&options, &worker.transactional_id(), &worker.stop)? else {
            return Ok(None);
        };
        let fault = |error: &KafkaError, doing: &str| KafkaFault::of(error, doing, &options.kafka.brokers);
        let watch = Watch::new(Calls::new(options.kafka.token.clone()));
        let consumer: BaseConsumer<Watch> = KafkaSettings::new(&options.kafka)
            .consumer(&options.kafka.group_id, &worker.member())
            .create_with_context(watch)
            .map_err(|error| fault(&error, "setting up a consumer"))?;
        let topics: Vec<&str> = options.kafka.topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(|error| fault(&error, "subscribing"))?;
        Ok(Some(Self {
            now: options.clock.now_millis(),
            worker,
            consumer,
            outbox,
            shares: Vec::new(),
            last: 0,
            names: None,
            flushed: Instant::now(),
            paused: false,
            again: None,
            told: Vec::new(),
        }))
    }

    /// The loop.
    pub(super) fn run(mut self) -> Ended {
        let ended = loop {
            if self.worker.stop.is_asked() {
                break self.finish();
            }
            match self.turn() {
                Ok(()) => {}
                Err(ended) => break ended,
            }
        };
        self.consumer.context().close();
        self.let_go();
        ended
    }

    /// Some records, then whatever is due.
    fn turn(&mut self) -> Result<(), Ended> {
        self.now = self.worker.options.clock.now_millis();
        self.read()?;
        self.serve_moved()?;
        self.look_at_progress();
        self.take_rules_and_names();
        if let Some((at, _)) = self.again {
            if Instant::now() >= at {
                self.flush()?;
            }
        } else if self.is_due() {
            self.flush()?;
        }
        self.hold_or_release();
        Ok(())
    }

    fn read(&mut self) -> Result<(), Ended> {
        let mut wait = POLL;
        for _ in 0..LOOK_EVERY {
            let polled = self.consumer.poll(wait);
            // Only the first waits; then what is there is taken.
            wait = Duration::ZERO;
            let message = match polled {
                None => break,
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    self.heard(&error)?;
                    break;
                }
            };
            let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
            let is = |share: &Share| share.partition == partition && &*share.topic == topic;
            if !self.shares.get(self.last).is_some_and(is) {
                match self.shares.iter().position(is) {
                    Some(at) => self.last = at,
                    // Given back meanwhile: who has it now reads it.
                    None => continue,
                }
            }
            let Some(share) = self.shares.get_mut(self.last) else {
                continue;
            };
            if offset < share.next {
                // The library hands out again what it held when a partition was resumed.
                continue;
            }
            share.take(
                &mut self.worker.engine,
                offset,
                message.payload().unwrap_or_default(),
                self.now,
            );
        }
        Ok(())
    }

    /// What the consumer complains of.
    fn heard(&mut self, error: &KafkaError) -> Result<(), Ended> {
        let kafka = &self.worker.options.kafka;
        let code = error.rdkafka_error_code();
        let replaced = |why: String| {
            Ended::Failed(
                KafkaFault::Replaced {
                    member: self.worker.member(),
                    why,
                }
                .into(),
            )
        };
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the codes are the library's, and it adds to them"
        )]
        match (error, code) {
            (KafkaError::MessageConsumptionFatal(_), Some(Code::FencedInstanceId)) => {
                Err(replaced("another member joined the group under our name".into()))
            }
            (KafkaError::MessageConsumptionFatal(_), _) => match self.consumer.client().fatal_error() {
                Some((Code::FencedInstanceId, why)) => Err(replaced(why)),
                Some((_, why)) => Err(Ended::Anew(why)),
                None => Err(Ended::Anew(error.to_string())),
            },
            (_, Some(Code::AutoOffsetReset | Code::NoOffset | Code::OffsetOutOfRange | Code::LogTruncation)) => {
                Err(self.offset_lost(error))
            }
            (_, Some(Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed)) => Err(Ended::Failed(
                KafkaFault::of(error, "reading the topics with error logs", &kafka.brokers).into(),
            )),
            (KafkaError::PartitionEOF(_), _) => Ok(()),
            (_, code) => {
                if !self.told.contains(&code) {
                    self.told.push(code);
                    tracing::warn!(%error, "the consumer complains; polling goes on");
                }
                Ok(())
            }
        }
    }

    /// Which partition it is that cannot go on, and why.
    fn offset_lost(&self, error: &KafkaError) -> Ended {
        for share in &self.shares {
            match self.consumer.fetch_watermarks(&share.topic, share.partition, WAIT) {
                Ok((low, high)) if share.next < low || share.next > high => {
                    return Ended::Failed(self.lost(&share.topic, share.partition, share.next, (low, high)).into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ended::Anew(format!("the consumer cannot go on: {error}"))
    }

    fn lost(&self, topic: &str, partition: i32, wanted: i64, (low, high): (i64, i64)) -> KafkaFault {
        KafkaFault::OffsetLost {
            topic: topic.to_owned(),
            partition,
            wanted,
            low,
            high,
            group: self.worker.options.kafka.group_id.clone(),
        }
    }

    /// Partitions that came or are to go.
    fn serve_moved(&mut self) -> Result<(), Ended> {
        for moved in self.consumer.context().take_moved() {
            match moved {
                Moved::Given(list) => self.given(&list)?,
                Moved::Taken(list) => self.taken(&list)?,
            }
        }
        Ok(())
    }

    /// Answers rebalances without working on any partition: the library waits for an answer to each, even while it is
    /// taken down.
    fn let_go(&self) {
        for moved in self.consumer.context().take_moved() {
            if let Err(error) = watch::refuse(&self.consumer, &moved) {
                tracing::warn!(%error, "a rebalance could not be answered");
            }
        }
    }

    fn given(&mut self, list: &TopicPartitionList) -> Result<(), Ended> {
        if list.count() == 0 {
            return watch::take_up(&self.consumer, list).map_err(anew("taking partitions"));
        }
        // Waits until transactions of the owner before have ended: committed offsets are final then.
        let committed = self
            .consumer
            .committed_offsets(list.clone(), WAIT)
            .map_err(anew("asking for committed offsets"))?;
        let mut begin = TopicPartitionList::new();
        let limits = self.limits();
        let mut fresh = Vec::new();
        for element in committed.elements() {
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            element.error().map_err(anew("asking for committed offsets"))?;
            let bounds = self.bounds(&topic, partition, element.offset())?;
            let next = match element.offset() {
                Offset::Offset(next) if next < bounds.0 || next > bounds.1 => {
                    return Err(Ended::Failed(self.lost(&topic, partition, next, bounds).into()));
                }
                Offset::Offset(next) => next,
                Offset::Invalid | Offset::Beginning | Offset::End | Offset::Stored | Offset::OffsetTail(_) => {
                    tracing::info!(
                        topic,
                        partition,
                        offset = bounds.0,
                        "the group has no offset of this partition: it begins at the earliest record"
                    );
                    bounds.0
                }
            };
            begin
                .add_partition_offset(&topic, partition, Offset::Offset(next))
                .map_err(anew("taking partitions"))?;
            let mut share = Share::new(topic.into(), partition, next, limits);
            share.has_offset = matches!(element.offset(), Offset::Offset(_));
            fresh.push(share);
        }
        watch::take_up(&self.consumer, &begin).map_err(anew("taking partitions"))?;
        tracing::info!(
            member = self.worker.member(),
            partitions = fresh.len(),
            all = self.shares.len() + fresh.len(),
            "partitions taken"
        );
        // A partition that comes again begins anew, whatever was held of it.
        self.shares.retain(|share| {
            !fresh
                .iter()
                .any(|new| new.partition == share.partition && new.topic == share.topic)
        });
        self.shares.append(&mut fresh);
        self.shares
            .sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        self.last = 0;
        // What was paused stays so; the new ones are paused with the next look.
        self.paused = false;
        Ok(())
    }

    /// The offsets a partition has. A broker that has just become the leader may for a moment know less than the
    /// group was told: an end before the committed offset is asked for again.
    fn bounds(&self, topic: &str, partition: i32, committed: Offset) -> Result<(i64, i64), Ended> {
        let until = Instant::now() + WAIT;
        loop {
            let bounds = self
                .consumer
                .fetch_watermarks(topic, partition, WAIT)
                .map_err(anew("asking for the offsets of a partition"))?;
            let behind = matches!(committed, Offset::Offset(next) if next > bounds.1);
            if !behind || Instant::now() >= until || self.worker.stop.wait(Duration::from_millis(500)) {
                return Ok(bounds);
            }
        }
    }

    fn taken(&mut self, list: &TopicPartitionList) -> Result<(), Ended> {
        let lost = self.consumer.assignment_lost();
        let flushed = if lost || list.count() == 0 {
            Ok(())
        } else {
            // What was read is committed before the next owner begins; if that fails it reads it again.
            self.flush()
        };
        let gone = |share: &Share| list.find_partition(&share.topic, share.partition).is_some();
        let before = self.shares.len();
        self.shares.retain(|share| !gone(share));
        self.last = 0;
        tracing::info!(
            member = self.worker.member(),
            partitions = before - self.shares.len(),
            all = self.shares.len(),
            lost,
            "partitions given back"
        );
        if self.shares.iter().all(|share| !share.is_staged()) {
            self.again = None;
        }
        watch::give_back(&self.consumer, list).map_err(anew("giving partitions back"))?;
        flushed
    }

    /// The bounds of one fold. All together are watched as well; this keeps one partition from taking it all.
    fn limits(&self) -> FoldLimits {
        let threads = self.worker.options.threads.max(1);
        FoldLimits {
            keys: (self.worker.options.fold.keys / threads).max(1),
            bytes: self.worker.options.fold.bytes / threads,
        }
    }

    fn look_at_progress(&mut self) {
        let Some(progress) = self.consumer.context().take_progress() else {
            return;
        };
        let mut lag = 0;
        for share in &mut self.shares {
            let of_partition = progress
                .get(&*share.topic)
                .and_then(|topic| topic.get(&share.partition));
            let Some(found) = of_partition else {
                continue;
            };
            share.idle = found.at_end;
            if !found.at_end {
                lag += u64::try_from(found.stable_end - share.next).unwrap_or(0);
            }
        }
        self.worker.lags.set(self.worker.number, lag);
    }

    fn take_rules_and_names(&mut self) {
        let worker = &mut *self.worker;
        let rules = worker.rules.current();
        if !Arc::ptr_eq(worker.engine.rules(), &rules) {
            worker.engine.set_rules(rules);
        }
        let learned = worker.engine.take_learned();
        if !learned.is_empty() {
            worker.names.add(learned.iter().cloned());
            worker.learned.extend(learned);
        }
        let (names, heard) = worker.names.since(worker.heard);
        worker.heard = heard;
        worker.engine.teach(names);
    }

    /// Whether it is time to flush.
    fn is_due(&self) -> bool {
        let news = self.shares.iter().any(Share::has_news);
        if news && (self.flushed.elapsed() >= self.worker.options.flush_interval || self.is_full()) {
            return true;
        }
        let now = Instant::now();
        let quiet = |share: &Share| share.beaten().is_none_or(|beaten| now.duration_since(beaten) >= BEAT);
        self.flushed.elapsed() >= BEAT && self.shares.iter().any(quiet)
    }

    fn is_full(&self) -> bool {
        let held: usize = self.shares.iter().map(Share::bytes).sum();
        held >= self.limits().bytes || self.shares.iter().any(Share::is_full)
    }

    /// Everything that was read goes out in one transaction.
    fn flush(&mut self) -> Result<(), Ended> {
        let begun = Instant::now();
        self.flushed = begun;
        let worker = &mut *self.worker;
        let is_again = self.again.is_some();
        for share in &mut self.shares {
            let quiet = share.beaten().is_none_or(|beaten| begun.duration_since(beaten) >= BEAT);
            // A flush that was refused goes out as it was, before anything new.
            if !is_again && (share.has_news() || quiet) {
                share
                    .stage(&worker.sent, worker.largest, self.now)
                    .map_err(|broken| Ended::Failed(broken.into()))?;
            }
        }
        if self.names.is_none() && !worker.learned.is_empty() {
            let learned = std::mem::take(&mut worker.learned);
            self.names = worker.names.has_topic().then(|| encode::encode_names(&learned));
        }
        let (mut offsets, mut had) = (TopicPartitionList::new(), TopicPartitionList::new());
        for share in &self.shares {
            if let Some(next) = share.staged_next() {
                if share.has_offset {
                    had.add_partition(&share.topic, share.partition);
                }
                offsets
                    .add_partition_offset(&share.topic, share.partition, Offset::Offset(next))
                    .map_err(anew("listing offsets"))?;
            }
        }
        if offsets.count() == 0 {
            self.again = None;
            return Ok(());
        }
        let staged = self.shares.iter().filter_map(Share::records);
        let records = staged.chain(self.names.as_ref()).flat_map(Records::iter);
        let sending = Instant::now();
        let done = self
            .outbox
            .commit(records, &offsets, &had, &self.consumer, &worker.options.topics);
        metrics::add_seconds(Metric::KafkaCommitSeconds, sending.elapsed());
        match done {
            Ok(()) => {
                self.committed(begun);
                Ok(())
            }
            Err(Failed::Aborted(why)) => self.aborted(&why),
            Err(Failed::TooLarge(topic)) => self.too_large(topic),
            Err(Failed::Fenced(why)) => Err(self.fenced(why)),
            Err(Failed::Gone(topic, partition)) => Err(self.gone(&topic, partition)),
            Err(Failed::Unknown(fault)) if fault.may_pass() => Err(Ended::Anew(fault.to_string())),
            Err(Failed::Unknown(fault @ KafkaFault::Other { .. })) => Err(Ended::Anew(fault.to_string())),
            Err(Failed::Unknown(fault)) => Err(Ended::Failed(fault.into())),
        }
    }

    fn committed(&mut self, begun: Instant) {
        let now = Instant::now();
        let worker = &mut *self.worker;
        for share in &mut self.shares {
            if let Some(ledger) = share.committed(&mut worker.sent, now) {
                worker.report.ledger.add(&ledger);
                metrics::add(Metric::RecordsRead, ledger.records);
                metrics::add(Metric::EventsFolded, ledger.folded);
                metrics::add(Metric::RecordsRejected, ledger.rejected);
            }
        }
        self.names = None;
        worker.report.commits += 1;
        metrics::add(Metric::Flushes, 1);
        metrics::add_seconds(Metric::FlushSeconds, begun.elapsed());
        if let Some((_, tries)) = self.again.take() {
            tracing::info!(tries, "kafka takes flushes again");
        }
        self.told.clear();
    }

    fn aborted(&mut self, why: &str) -> Result<(), Ended> {
        self.worker.report.aborts += 1;
        metrics::add(Metric::FlushRetries, 1);
        let tries = self.again.map_or(0, |(_, tries)| tries) + 1;
        if tries >= TRIES {
            return Err(Ended::Anew(format!("a flush was refused {tries} times: {why}")));
        }
        tracing::warn!(tries, why, "a flush was aborted; the same is sent again");
        let pause = Duration::from_millis(50) * 2_u32.saturating_pow(tries);
        self.again = Some((Instant::now() + pause, tries));
        Ok(())
    }

    fn too_large(&mut self, topic: Topic) -> Result<(), Ended> {
        let worker = &mut *self.worker;
        worker.report.aborts += 1;
        let name = topic.name(&worker.options.topics).to_owned();
        let Some(largest) = worker.largest.smaller(topic) else {
            let largest = |records: &Records| records.iter().map(|record| record.payload.len()).max();
            let bytes = self.shares.iter().filter_map(Share::records).filter_map(largest).max();
            let fault = KafkaFault::TooLarge {
                topic: name,
                bytes: bytes.unwrap_or(0),
            };
            return Err(Ended::Failed(fault.into()));
        };
        tracing::warn!(
            topic = name,
            largest,
            "a record was too large for its topic; samples and rejects are cut to fit from now on; `seismolog setup` \
             raises what the topic takes"
        );
        for share in &mut self.shares {
            share.restage(&worker.sent, worker.largest);
        }
        self.again = Some((Instant::now(), 0));
        Ok(())
    }

    /// The topic was deleted. Where it was made anew, its beginning must not be passed over.
    fn gone(&self, topic: &str, partition: i32) -> Ended {
        let mine = |share: &&Share| &*share.topic == topic && share.partition == partition;
        let wanted = self.shares.iter().find(mine).map_or(0, |share| share.next);
        match self.consumer.fetch_watermarks(topic, partition, WAIT) {
            Ok(bounds) => Ended::Failed(self.lost(topic, partition, wanted, bounds).into()),
            Err(error) => Ended::Anew(format!(
                "the group has no offset of {topic}/{partition} any more: {error}"
            )),
        }
    }

    /// A later producer has our id: either we slept so long that the broker ended our transaction, or another process
    /// bears our name. The group knows which: it fences the consumer of that name as well.
    fn fenced(&mut self, why: String) -> Ended {
        let until = Instant::now() + Duration::from_secs(6);
        while Instant::now() < until && !self.worker.stop.is_asked() {
            self.let_go();
            let Some(Err(error)) = self.consumer.poll(Duration::from_millis(200)) else {
                continue;
            };
            if let Err(Ended::Failed(error)) = self.heard(&error) {
                return Ended::Failed(error);
            }
        }
        Ended::Anew(format!("the producer was fenced: {why}"))
    }

    /// Holds reading back while a full fold cannot go out, with polling going on, so that the group keeps us.
    fn hold_or_release(&mut self) {
        let hold = self.again.is_some() && self.is_full();
        if hold == self.paused || self.shares.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::new();
        for share in &self.shares {
            list.add_partition(&share.topic, share.partition);
        }
        let done = if hold {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        match done {
            Ok(()) => {
                self.paused = hold;
                metrics::set(Metric::KafkaPaused, u64::from(hold));
            }
            Err(error) => tracing::warn!(%error, hold, "partitions could not be paused or resumed"),
        }
    }

    /// Told to stop: what was read goes out.
    fn finish(&mut self) -> Ended {
        let until = Instant::now() + WAIT;
        loop {
            // Partitions that are being taken are given back by closing; their records are read again then.
            match self.flush() {
                Ok(()) => {}
                Err(Ended::Failed(error)) => return Ended::Failed(error),
                Err(Ended::Anew(_) | Ended::Stopped) => return Ended::Stopped,
            }
            match self.again {
                // What was read while a refused flush waited goes out after it.
                None if self.shares.iter().any(Share::has_news) => {}
                None => return Ended::Stopped,
                Some(_) if Instant::now() >= until => {
                    tracing::warn!("the last flush was not committed; its records are read again at the next start");
                    return Ended::Stopped;
                }
                Some((at, _)) => {
                    drop(self.consumer.poll(at.saturating_duration_since(Instant::now())));
                    if let Err(ended) = self.serve_moved() {
                        return match ended {
                            Ended::Failed(error) => Ended::Failed(error),
                            Ended::Anew(_) | Ended::Stopped => Ended::Stopped,
                        };
                    }
                }
            }
        }
    }
}

/// An error after which a new session begins.
fn anew(doing: &'static str) -> impl Fn(KafkaError) -> Ended {
    move |error| Ended::Anew(format!("{doing}: {error}"))
}
