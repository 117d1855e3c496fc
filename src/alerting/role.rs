//! The role `alert`: from the details and counts in Kafka to alerts, each transition once.
//!
//! What was read and what was judged from it stand in one transaction of the store: a process killed at any moment
//! goes on after the last record it judged. Changes go to the topic `error-alerts` from the store's outbox, at least
//! once, with the number of the change in a header.

use super::keeper::{Beside, Keeper};
use super::publish::Publisher;
use crate::alert::{Sighting, Subject};
use crate::clock::Clock;
use crate::config::servers::{KafkaConfig, TopicNames};
use crate::event::{EventTime, IssueId, JobKey};
use crate::fold::{Flush, SourcePosition};
use crate::identity::Identity;
use crate::process::stop::Stop;
use crate::rules::LiveRules;
use crate::source::kafka::check::Questions;
use crate::source::kafka::client::Calls;
use crate::source::kafka::{KafkaFault, KafkaSettings};
use crate::store::{WriteError, WriteErrorKind, Writer};
use crate::telemetry::metrics::{self, Metric};
use crate::topics::detail::Detail;
use crate::topics::stat::Stat;
use hashbrown::HashMap;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the role is told.
#[derive(Debug, Clone)]
pub struct AlertOptions {
    /// Where details are read.
    pub kafka: KafkaConfig,
    /// Names of our topics.
    pub topics: TopicNames,
    /// What time it is.
    pub clock: Clock,
}

/// Why the role ended.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaFault),
    /// The store of its state.
    #[error("the state of the alerter: {0}")]
    Store(#[from] WriteError),
}

impl AlertError {
    /// Whether it lies in the configuration: waiting does not help.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            AlertError::Kafka(fault) => !fault.may_pass(),
            AlertError::Store(error) => !may_pass(error),
        }
    }
}

/// What was done from start to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Details judged.
    pub details: u64,
    /// Records that are no details this release can read.
    pub refused: u64,
}

/// How long details are gathered before they are judged.
const INTERVAL: Duration = Duration::from_millis(500);
/// Records judged at once at most.
const ROUND: usize = 20_000;
/// How far back the first life begins: errors that led to a failure that goes on.
const BEFORE_MILLIS: i64 = 15 * 60_000;
/// How long a broker may take for an answer.
const WAIT: Duration = Duration::from_secs(10);
/// How often new partitions are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A pause grows from the first to the second while something does not work.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// Names of processes remembered, by issue.
const PROCESSES: usize = 100_000;

/// Runs the role until it is asked to stop, or cannot go on. Blocks; belongs on a thread of its own. `news` is called
/// after changes were stored; it must not block.
///
/// # Errors
/// What nobody but a person can mend. What may pass (servers that are away, a full disk) is waited for.
pub fn run(
    options: &AlertOptions,
    writer: Writer,
    rules: Arc<LiveRules>,
    stop: &Stop,
    news: Box<dyn Fn() + Send>,
) -> Result<Report, AlertError> {
    let mut publisher = Publisher::new(options.kafka.clone(), options.topics.alerts.clone(), options.clock);
    let mut keeper = Keeper::new(writer, rules, options.clock, news)?;
    let mut report = Report::default();
    let mut pause = PAUSES.0;
    while !stop.is_asked() {
        let begun = Instant::now();
        let ended = Session::new(options, &keeper)
            .and_then(|mut session| session.run(&mut keeper, &mut publisher, &mut report, stop));
        match ended {
            Ok(()) => break,
            Err(AlertError::Kafka(fault)) if fault.may_pass() => {
                tracing::warn!(%fault, "Kafka does not go on for now; what was judged stands");
            }
            Err(error) => return Err(error),
        }
        pause = if begun.elapsed() > pause * 4 {
            PAUSES.0
        } else {
            (pause * 2).min(PAUSES.1)
        };
        // What is due by time alone goes on while Kafka is away.
        if let Err(error) = keeper.keep(None, Beside::default()) {
            tracing::warn!(%error, "what is due could not be stored; it is tried again");
        }
        if stop.wait(pause) {
            break;
        }
    }
    Ok(report)
}

fn may_pass(error: &WriteError) -> bool {
    match error.kind {
        WriteErrorKind::DiskFull | WriteErrorKind::Locked => true,
        WriteErrorKind::ReadOnly | WriteErrorKind::Corrupt | WriteErrorKind::Other => false,
    }
}

/// The topics that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    /// Failures are made of these.
    Details,
    /// Rules count by these.
    Stats,
}

impl Topic {
    const ALL: [Topic; 2] = [Topic::Details, Topic::Stats];
}

/// A record as read.
enum Read {
    Detail(Box<Detail>),
    Stat(Box<Stat>),
    /// None of ours, or of a later release.
    Strange,
}

impl Read {
    fn of(topic: Topic, payload: &[u8]) -> Self {
        match topic {
            Topic::Details => match serde_json::from_slice::<Detail>(payload) {
                Ok(detail) if detail.version <= Detail::VERSION => Self::Detail(Box::new(detail)),
                Ok(_) | Err(_) => Self::Strange,
            },
            Topic::Stats => serde_json::from_slice(payload).map_or(Self::Strange, |stat| Self::Stat(Box::new(stat))),
        }
    }
}

/// What came within an interval.
#[derive(Debug, Default)]
struct Gathered {
    beside: Beside,
    /// Jobs and whose they are.
    teams: Vec<(String, String)>,
}

struct Session<'a> {
    options: &'a AlertOptions,
    consumer: BaseConsumer<Calls>,
    /// Where each partition goes on: what was read so far.
    next: BTreeMap<(Topic, i32), i64>,
    /// Partitions that moved since the last time something was stored.
    moved: BTreeMap<(Topic, i32), i64>,
    looked: Instant,
    /// Processes that name no job, by issue: only the first detail of a minute tells the process.
    processes: HashMap<IssueId, Box<str>, foldhash::fast::RandomState>,
}

impl<'a> Session<'a> {
    fn new(options: &'a AlertOptions, keeper: &Keeper) -> Result<Self, AlertError> {
        let fault = |error: &KafkaError| KafkaFault::of(error, "setting up a consumer", &options.kafka.brokers);
        let mut settings = KafkaSettings::new(&options.kafka).reader();
        settings
            .set("enable.partition.eof", "false")
            .set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Calls> = settings
            .create_with_context(Calls::new(options.kafka.token.clone()))
            .map_err(|error| fault(&error))?;
        consumer.context().first_token(|wait| drop(consumer.poll(wait)));
        let mut session = Self {
            options,
            consumer,
            next: BTreeMap::new(),
            moved: BTreeMap::new(),
            looked: Instant::now(),
            processes: HashMap::default(),
        };
        for position in keeper.writer.positions()? {
            for topic in Topic::ALL {
                if let Some(partition) = partition_of(&position.source, session.name_of(topic)) {
                    let next = i64::try_from(position.next).unwrap_or(i64::MAX);
                    session.next.insert((topic, partition), next);
                }
            }
        }
        session.assign()?;
        Ok(session)
    }

    fn name_of(&self, topic: Topic) -> &'a str {
        match topic {
            Topic::Details => &self.options.topics.details,
            Topic::Stats => &self.options.topics.stats,
        }
    }

    fn topic_named(&self, name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.name_of(*topic) == name)
    }

    /// Takes all partitions of both topics, each where it goes on; new ones from their beginning, and in the first
    /// life from a little while ago.
    fn assign(&mut self) -> Result<(), AlertError> {
        let questions = Questions::new(&self.options.kafka, WAIT)?;
        let is_first_life = self.next.is_empty();
        let mut list = TopicPartitionList::new();
        for topic in Topic::ALL {
            let name = self.name_of(topic);
            let no_topic = || KafkaFault::NoTopic {
                topic: name.to_owned(),
                ours: true,
            };
            let partitions = questions.partitions(name)?.ok_or_else(no_topic)?;
            for partition in 0..partitions {
                let bounds = questions.bounds(name, partition)?;
                let next = match self.next.get(&(topic, partition)) {
                    Some(next) if (bounds.low..=bounds.high).contains(next) => *next,
                    Some(next) => {
                        tracing::error!(
                            topic = name,
                            partition,
                            next,
                            low = bounds.low,
                            high = bounds.high,
                            "records were removed before they were judged (or the topic was made anew): judging goes \
                             on with the oldest there are"
                        );
                        bounds.low
                    }
                    None if is_first_life => self.a_while_ago(&questions, name, partition, bounds.high)?,
                    None => bounds.low,
                };
                self.next.insert((topic, partition), next);
                list.add_partition_offset(name, partition, Offset::Offset(next))
                    .map_err(|error| questions.fault(&error, "choosing where to go on"))?;
            }
        }
        self.consumer
            .assign(&list)
            .map_err(|error| questions.fault(&error, "taking the partitions of details and counts"))?;
        self.looked = Instant::now();
        Ok(())
    }

    fn a_while_ago(&self, questions: &Questions<'_>, topic: &str, partition: i32, end: i64) -> Result<i64, AlertError> {
        let since = self.options.clock.now_millis().saturating_sub(BEFORE_MILLIS);
        let mut asked = TopicPartitionList::new();
        let fault = |error: &KafkaError| questions.fault(error, "asking for an offset by time");
        asked
            .add_partition_offset(topic, partition, Offset::Offset(since))
            .map_err(|error| fault(&error))?;
        let found = questions
            .consumer()
            .offsets_for_times(asked, WAIT)
            .map_err(|error| fault(&error))?;
        let offset = found.elements().first().and_then(|element| element.offset().to_raw());
        Ok(offset.filter(|offset| *offset >= 0).unwrap_or(end))
    }

    fn run(
        &mut self,
        keeper: &mut Keeper,
        publisher: &mut Publisher,
        report: &mut Report,
        stop: &Stop,
    ) -> Result<(), AlertError> {
        let mut refused = false;
        while !stop.is_asked() {
            let seen = self.gather(report)?;
            self.keep(keeper, seen, stop)?;
            match publisher.publish(&keeper.writer) {
                Ok(()) => refused = false,
                Err(error) if !refused => {
                    tracing::warn!(%error, "the topic of alerts does not take changes for now; they are kept");
                    refused = true;
                }
                Err(_) => {}
            }
            if self.looked.elapsed() > LOOK_EVERY {
                self.look_for_partitions()?;
            }
        }
        Ok(())
    }

    /// What came within an interval.
    fn gather(&mut self, report: &mut Report) -> Result<Gathered, AlertError> {
        let until = Instant::now() + INTERVAL;
        let mut came = Vec::new();
        for _ in 0..ROUND {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.consumer.poll(left) {
                None => break,
                Some(Ok(message)) => {
                    let Some(topic) = self.topic_named(message.topic()) else {
                        continue;
                    };
                    let read = Read::of(topic, message.payload().unwrap_or_default());
                    came.push((topic, message.partition(), message.offset() + 1, read));
                }
                Some(Err(error)) => self.fault(&error)?,
            }
        }
        let mut gathered = Gathered::default();
        for (topic, partition, next, read) in came {
            self.next.insert((topic, partition), next);
            self.moved.insert((topic, partition), next);
            match read {
                Read::Detail(detail) => {
                    report.details += 1;
                    metrics::add(Metric::DetailsJudged, 1);
                    let team = detail.sample.as_ref().and_then(|sample| sample.dimensions.get("team"));
                    gathered
                        .teams
                        .extend(team.map(|team| (detail.job.clone(), team.clone())));
                    gathered.beside.sightings.push(self.sighting(*detail));
                }
                Read::Stat(stat) => gathered.beside.stats.push(*stat),
                // The index role puts it into the rejects, and Druid tells of its own; here it is only passed over.
                Read::Strange => report.refused += 1,
            }
        }
        Ok(gathered)
    }

    fn sighting(&mut self, detail: Detail) -> Sighting {
        let dimensions = detail.sample.as_ref().map(|sample| &sample.dimensions);
        let dimension = |name: &str| dimensions.and_then(|all| all.get(name)).map(String::as_str);
        let job_id = dimension("job_id").map(Into::into);
        let subject = if detail.job == JobKey::NONE && dimensions.is_none() {
            let known = self.processes.get(&detail.issue).cloned();
            let host = || detail.hosts.first().map(|host| host.as_str().into());
            Subject::Process(known.or_else(host).unwrap_or_default().as_ref().into())
        } else {
            Subject::named(&detail.job, dimension)
        };
        if let Subject::Process(process) = &subject
            && self.processes.len() < PROCESSES
        {
            self.processes.insert(detail.issue, process.as_ref().into());
        }
        Sighting {
            subject,
            job_id,
            identity: Arc::new(Identity {
                error_type: detail.error_type.into(),
                category: detail.category.into(),
                severity: detail.severity,
                part: detail.part,
                rule: detail.rule.map(Into::into),
                template: detail.template,
                exception: detail.exception,
                exception_chain: detail.exception_chain,
                top_frame: detail.top_frame,
                exception_template: detail.exception_template,
                fingerprint: detail.fingerprint,
                group: detail.group,
            }),
            first: EventTime::new(detail.first_seen, 9),
            last: EventTime::new(detail.last_seen, 9),
            count: detail.count,
            failed: false,
        }
    }

    /// Judges what came and stores it with the offsets, waiting for a full disk.
    fn keep(&mut self, keeper: &mut Keeper, gathered: Gathered, stop: &Stop) -> Result<(), AlertError> {
        if self.moved.is_empty() {
            return Ok(keeper.keep(None, Beside::default())?);
        }
        let moved = std::mem::take(&mut self.moved).into_iter();
        let position = |((topic, partition), next): ((Topic, i32), i64)| SourcePosition {
            source: source_of(self.name_of(topic), partition),
            next: u64::try_from(next).unwrap_or(0),
            identity: String::new(),
        };
        let flush = Flush {
            positions: moved.map(position).collect(),
            ..Flush::default()
        };
        for (job, team) in &gathered.teams {
            keeper.belongs(job, team);
        }
        let mut beside = gathered.beside;
        let mut pause = PAUSES.0;
        loop {
            match keeper.keep(Some(&flush), std::mem::take(&mut beside)) {
                Ok(()) => return Ok(()),
                Err(error) if may_pass(&error) => {
                    tracing::error!(%error, "what was judged cannot be stored; reading waits until it can");
                    if stop.wait(pause) {
                        // Read and judged again in the next life.
                        return Ok(());
                    }
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn look_for_partitions(&mut self) -> Result<(), AlertError> {
        let questions = Questions::new(&self.options.kafka, WAIT)?;
        for topic in Topic::ALL {
            let known = self.next.keys().filter(|(one, _)| *one == topic).count();
            let there = questions.partitions(self.name_of(topic))?;
            if there.is_some_and(|there| usize::try_from(there).unwrap_or(0) > known) {
                tracing::info!(topic = self.name_of(topic), known, "the topic has more partitions now");
                self.assign()?;
                break;
            }
        }
        self.looked = Instant::now();
        Ok(())
    }

    /// What an error of polling means.
    fn fault(&self, error: &KafkaError) -> Result<(), AlertError> {
        let code = error.rdkafka_error_code();
        let fault = self
            .consumer
            .context()
            .fault(error, "reading details and counts", &self.options.kafka.brokers);
        if matches!(code, Some(Code::AutoOffsetReset | Code::OffsetOutOfRange)) {
            // The next session finds out which, says so, and goes on with what there is.
            let why = "the offset to go on at was not there".to_owned();
            let doing = "reading details and counts".to_owned();
            return Err(KafkaFault::Other {
                doing,
                why,
                may_pass: true,
            }
            .into());
        }
        if fault.may_pass() {
            // The library goes on by itself; until then there is nothing to read.
            tracing::debug!(%fault, "reading waits");
            return Ok(());
        }
        Err(fault.into())
    }
}

/// How a partition is called among the positions of the store.
fn source_of(topic: &str, partition: i32) -> Arc<str> {
    format!("judged:{topic}/{partition}").into()
}

fn partition_of(source: &str, topic: &str) -> Option<i32> {
    source
        .strip_prefix("judged:")?
        .strip_prefix(topic)?
        .strip_prefix('/')?
        .parse()
        .ok()
}
