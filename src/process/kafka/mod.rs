//! The process role: error logs of Kafka to details, counts and rejects in Kafka, each record exactly once.
//!
//! Comes in: the topics with error logs, as a member of a consumer group. Goes out: `error-details`, `error-stats`,
//! `error-rejects` and the group's offsets, all of a flush in one transaction. What always holds: a fold is forgotten
//! only when its transaction is committed; offsets are sent only of partitions that are still ours, under the
//! membership of that moment; the ledger of every partition adds up before anything is sent. What it does not do:
//! keep anything on disk, skip a record, wait for the search node or Druid.
//!
//! ```text
//! one thread:  poll ─► engine ─► one fold per partition ─┬─ interval, full fold, revoke ─► stage ─► transaction
//!               ▲                                        │                                 │  abort: the same again
//!               └──── paused while a fold waits ─────────┘                                 │  fatal: all anew from
//!                                                                                          ▼  the committed offsets
//! ```
//!
//! - [`worker`]: one thread, session after session. A session ends by a stop or by an error after which nobody knows
//!   what was committed; the next one fences it and goes on at the committed offsets, so it need not be known.
//! - [`session`]: consumer and producer of a session, and the loop around them.
//! - [`share`]: what a thread holds of one partition.
//! - [`encode`]: from a flush to the records of our topics.
//! - [`outbox`]: the commit protocol.
//! - [`watch`]: what the consumer's library tells: rebalances, lag.
//! - [`sent`]: which samples were sent before.
//! - [`names`]: job names, shared by all threads and processes.

mod encode;
mod names;
mod outbox;
mod sent;
mod session;
mod share;
mod watch;
mod worker;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::servers::{KafkaConfig, TopicNames};
use crate::fold::{FoldLimits, Ledger, LedgerBroken};
use crate::process::stop::Stop;
use crate::rules::LiveRules;
use crate::source::kafka::KafkaFault;
use crate::source::kafka::check::check_process;
use names::Names;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use worker::Worker;

/// What the role is run with.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// Brokers, topics, group, and who we are.
    pub kafka: KafkaConfig,
    /// Our own topics.
    pub topics: TopicNames,
    /// How long a fold is filled at most.
    pub flush_interval: Duration,
    /// Bounds of all folds of the process together.
    pub fold: FoldLimits,
    /// Threads, each a member of the group of its own.
    pub threads: usize,
    /// Where times without a zone were written.
    pub default_zone: jiff::tz::TimeZone,
    /// Who says what time it is.
    pub clock: Clock,
}

impl ProcessOptions {
    /// What the configuration says; `None` where no Kafka is configured.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        Some(Self {
            kafka: config.kafka.clone()?,
            topics: config.topics.clone(),
            flush_interval: config.flush_interval,
            fold: config.fold,
            threads: config.threads.max(1),
            default_zone: config.default_zone.clone(),
            clock: Clock::System,
        })
    }
}

/// Why the role ended before it was told to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaProcessError {
    /// Kafka, for a reason that does not pass by itself.
    #[error("{0}; {advice}", advice = .0.advice())]
    Kafka(KafkaFault),
    /// A bug in the accounting; nothing of the flush was sent.
    #[error(transparent)]
    Ledger(#[from] LedgerBroken),
    /// A bug: a thread ended. Nothing of the flush in hand was committed.
    #[error("the {0} thread ended by a bug; what was not committed is read again at the next start")]
    Panicked(&'static str),
    /// A thread could not be started.
    #[error("could not start a thread: {0}")]
    Thread(String),
}

impl From<KafkaFault> for KafkaProcessError {
    fn from(fault: KafkaFault) -> Self {
        KafkaProcessError::Kafka(fault)
    }
}

impl KafkaProcessError {
    /// Whether it is the configuration that is wrong, and not a server that is away.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            KafkaProcessError::Kafka(fault) => !fault.may_pass(),
            KafkaProcessError::Ledger(_) | KafkaProcessError::Panicked(_) | KafkaProcessError::Thread(_) => false,
        }
    }
}

/// What the role did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// What was committed.
    pub ledger: Ledger,
    /// Transactions committed.
    pub commits: u64,
    /// Transactions aborted.
    pub aborts: u64,
    /// Sessions after the first.
    pub restarts: u64,
}

impl Report {
    fn add(&mut self, other: &Report) {
        self.ledger.add(&other.ledger);
        self.commits += other.commits;
        self.aborts += other.aborts;
        self.restarts += other.restarts;
    }
}

/// The running role.
#[derive(Debug)]
pub struct KafkaProcess {
    threads: Vec<JoinHandle<Result<Report, KafkaProcessError>>>,
    names: JoinHandle<()>,
    stop: Stop,
}

/// How long the first look at the brokers may take before their absence is told and waited out.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Looks whether everything is there, and starts the threads. Brokers that are away are waited for.
///
/// # Errors
/// When a topic, a right or a password is missing, or a thread cannot be started.
pub fn start(options: ProcessOptions, rules: &Arc<LiveRules>, stop: &Stop) -> Result<KafkaProcess, KafkaProcessError> {
    while let Err(fault) = check_process(&options.kafka, &options.topics, FIRST_LOOK) {
        if !fault.may_pass() {
            return Err(fault.into());
        }
        tracing::error!(%fault, advice = fault.advice(), "kafka is away; waiting for it");
        if stop.wait(Duration::from_secs(2)) {
            break;
        }
    }
    let options = Arc::new(options);
    let names = Arc::new(Names::default());
    let follower = names::follow(&options, &names, stop)?;
    let lags = Arc::new(watch::Lags::of(options.threads));
    let threads = (0..options.threads)
        .map(|number| {
            let worker = Worker::new(number, &options, rules, &names, &lags, stop);
            std::thread::Builder::new()
                .name(format!("process-{number}"))
                .spawn(move || worker.run())
                .map_err(|error| KafkaProcessError::Thread(error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(KafkaProcess {
        threads,
        names: follower,
        stop: stop.clone(),
    })
}

/// Runs the role until it is told to stop.
///
/// # Errors
/// Why it ended before.
pub fn run(options: ProcessOptions, rules: &Arc<LiveRules>, stop: &Stop) -> Result<Report, KafkaProcessError> {
    start(options, rules, stop)?.wait()
}

impl KafkaProcess {
    /// Whether a thread ended: by an error, or because all was told to stop.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Asks to stop, waits until all that was read is committed.
    ///
    /// # Errors
    /// Why it had ended before.
    pub fn finish(self) -> Result<Report, KafkaProcessError> {
        self.stop.ask();
        self.wait()
    }

    /// Waits until it ends, without asking. When one thread gives up, all stop: its partitions would stand still.
    ///
    /// # Errors
    /// Why it ended.
    pub fn wait(self) -> Result<Report, KafkaProcessError> {
        let mut report = Report::default();
        let mut error = None;
        while !self.has_ended() && !self.stop.wait(Duration::from_millis(100)) {}
        let asked = self.stop.is_asked();
        self.stop.ask();
        for thread in self.threads {
            match thread.join() {
                Ok(Ok(of_thread)) => report.add(&of_thread),
                Ok(Err(why)) => error = error.or(Some(why)),
                Err(_) => error = error.or(Some(KafkaProcessError::Panicked("process"))),
            }
        }
        if self.names.join().is_err() && !asked {
            error = error.or(Some(KafkaProcessError::Panicked("names")));
        }
        match error {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }
}
