//! The writer thread: groups a fold into a flush and makes it durable.

use super::push::{PushAnswer, RecordOutcome};
use super::stop::Stop;
use super::{ProcessError, Sink, SinkError};
use crate::event::{Fingerprint, Reason};
use crate::fold::{Flush, Fold, Ledger, SourcePosition};
use crate::telemetry::metrics::{self, Metric};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A fold on its way to the sink.
pub(super) struct Job {
    pub(super) fold: Fold,
    pub(super) positions: Vec<SourcePosition>,
    pub(super) learned: Vec<(Box<str>, Box<str>)>,
    pub(super) answers: Vec<Answer>,
}

/// A push that waits for its flush.
pub(super) struct Answer {
    pub(super) to: oneshot::Sender<PushAnswer>,
    pub(super) outcomes: Vec<RecordOutcome>,
}

/// What to do when the sink refuses a flush for a reason that may pass (a full disk, a busy store).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Stop with the error: a person waits in front of it and starts again.
    Stop,
    /// Wait with growing pauses until it passes; reading is held back meanwhile and nothing is lost.
    Wait,
}

/// What was made durable.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// By source.
    pub ledgers: BTreeMap<Arc<str>, Ledger>,
    /// Rejects by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Distinct fingerprints met, up to [`Totals::FINGERPRINTS`].
    pub fingerprints: u64,
    /// Whether there were more.
    pub more_fingerprints: bool,
    /// Flushes.
    pub flushes: u64,
}

impl Totals {
    /// How many distinct fingerprints are told apart: 16 MB of them.
    pub const FINGERPRINTS: usize = 1_000_000;

    /// Over all sources.
    #[must_use]
    pub fn all(&self) -> Ledger {
        let mut all = Ledger::default();
        self.ledgers.values().for_each(|ledger| all.add(ledger));
        all
    }
}

/// How writing ended.
#[derive(Debug)]
pub struct WriteReport {
    /// What was made durable.
    pub totals: Totals,
    /// Why it ended before its time.
    pub error: Option<ProcessError>,
}

/// The pipeline's handle to the writer thread.
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: JoinHandle<WriteReport>,
    stop: Stop,
    /// Jobs handed over whose fate is still open.
    open: Arc<AtomicUsize>,
}

/// How many flushes wait beside the one being applied. None: a fold that is full while another is being applied waits
/// where it was filled, which keeps both threads as busy as a queue would and costs the memory of one fold less.
const WAITING: usize = 0;

/// The sink has its turn when nothing was handed over for so long.
const IDLE: Duration = Duration::from_millis(500);

/// A pause grows from the first to the second while a sink refuses.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

impl Writer {
    pub(super) fn start(sink: Box<dyn Sink>, on_failure: OnFailure, stop: &Stop) -> Result<Self, ProcessError> {
        let (jobs, queue) = sync_channel(WAITING);
        let stop = stop.clone();
        let asked = stop.clone();
        let open = Arc::new(AtomicUsize::new(0));
        let applied = Arc::clone(&open);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || write_all(sink, &queue, on_failure, &asked, &applied))
            .map_err(ProcessError::Thread)?;
        Ok(Self {
            jobs: Some(jobs),
            thread,
            stop,
            open,
        })
    }

    /// Hands a fold over, waiting while another is being applied. `false` when the writer gave up.
    pub(super) fn hand_over(&self, job: Job) -> bool {
        let Some(jobs) = &self.jobs else {
            return false;
        };
        self.open.fetch_add(1, Ordering::Relaxed);
        jobs.send(job).is_ok()
    }

    /// Whether a job handed over now would be taken at once, or refused at once as the writer gave up. While it is
    /// not, a fold that is not full is better filled on: what repeats in it is written once.
    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0 || self.gave_up()
    }

    /// Whether the writer gave up.
    pub(super) fn gave_up(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until all that was handed over has its fate.
    pub(super) fn finish(mut self) -> Result<WriteReport, ProcessError> {
        drop(self.jobs.take());
        let report = self.thread.join().map_err(|_| ProcessError::Panicked("writer"));
        self.stop.ask();
        report
    }
}

fn write_all(
    mut sink: Box<dyn Sink>,
    queue: &Receiver<Job>,
    on_failure: OnFailure,
    stop: &Stop,
    open: &AtomicUsize,
) -> WriteReport {
    let mut totals = Totals::default();
    let mut fingerprints: HashSet<Fingerprint, foldhash::fast::RandomState> = HashSet::default();
    loop {
        let job = match queue.recv_timeout(IDLE) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                if let Err(error) = sink.idle() {
                    tracing::warn!(%error, "what is due by time alone could not be stored; it is tried again");
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let flush = match job.fold.into_flush() {
            Ok(flush) => Flush {
                positions: job.positions,
                learned: job.learned,
                ..flush
            },
            Err(broken) => {
                refuse(job.answers, &broken.to_string());
                return WriteReport {
                    totals,
                    error: Some(broken.into()),
                };
            }
        };
        if let Err(error) = apply(&mut *sink, &flush, on_failure, stop) {
            refuse(job.answers, &error.to_string());
            return WriteReport {
                totals,
                error: Some(error.into()),
            };
        }
        totals.enter(&flush, &mut fingerprints);
        for answer in job.answers {
            // Who asked may have gone away; the records are stored all the same.
            drop(answer.to.send(Ok(answer.outcomes)));
        }
        // What the flush held is gone from memory before the next fold is asked for.
        drop(flush);
        open.fetch_sub(1, Ordering::Relaxed);
    }
    WriteReport { totals, error: None }
}

fn apply(sink: &mut dyn Sink, flush: &Flush, on_failure: OnFailure, stop: &Stop) -> Result<(), SinkError> {
    let begun = Instant::now();
    let mut pause = PAUSES.0;
    let mut told: Option<SinkError> = None;
    loop {
        let error = match sink.apply(flush) {
            Ok(()) => break,
            Err(error) => error,
        };
        if on_failure == OnFailure::Stop || !error.may_pass() {
            return Err(error);
        }
        metrics::add(Metric::FlushRetries, 1);
        // Once per change, not once per try.
        if told.as_ref() != Some(&error) {
            tracing::error!(%error, "the store refuses a flush; reading is held back until it passes");
            told = Some(error.clone());
        }
        if stop.wait(pause) {
            return Err(error);
        }
        pause = (pause * 2).min(PAUSES.1);
    }
    if told.is_some() {
        tracing::info!("the store takes flushes again");
    }
    metrics::add(Metric::Flushes, 1);
    metrics::add_seconds(Metric::FlushSeconds, begun.elapsed());
    Ok(())
}

fn refuse(answers: Vec<Answer>, why: &str) {
    for answer in answers {
        drop(answer.to.send(Err(why.to_owned())));
    }
}

impl Totals {
    fn enter(&mut self, flush: &Flush, fingerprints: &mut HashSet<Fingerprint, foldhash::fast::RandomState>) {
        self.flushes += 1;
        for (source, ledger) in &flush.ledger {
            self.ledgers.entry(Arc::clone(source)).or_default().add(ledger);
            metrics::add(Metric::RecordsRead, ledger.records);
            metrics::add(Metric::EventsFolded, ledger.folded);
            metrics::add(Metric::RecordsRejected, ledger.rejected);
        }
        for reject in &flush.rejects {
            *self.reasons.entry(reject.reason).or_default() += 1;
        }
        for delta in &flush.details {
            if fingerprints.len() < Self::FINGERPRINTS {
                fingerprints.insert(delta.fingerprint());
            } else if !fingerprints.contains(&delta.fingerprint()) {
                self.more_fingerprints = true;
            }
        }
        self.fingerprints = u64::try_from(fingerprints.len()).unwrap_or(u64::MAX);
    }
}
