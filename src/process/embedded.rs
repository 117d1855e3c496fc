//! The service: follows files, takes pushes and plays the sample, until told to stop.
//!
//! One pipeline thread turns between its sources, some records of each at a time, so that none starves the others.
//! Where the store refuses (a full disk), the writer waits, the channel fills, and the pipeline waits in front of it:
//! files are simply not read on, pushes are turned away with 503, and nothing is lost. Told to stop, it flushes what
//! it holds and ends.

use super::pipeline::{Pipeline, Reads};
use super::push::{self, PushHandle, PushQueue, Pushed};
use super::sample::Sample;
use super::stop::Stop;
use super::writer::{Answer, OnFailure, WriteReport, Writer};
use super::{ProcessError, Sink};
use crate::clock::Clock;
use crate::fold::{FoldLimits, SourcePosition};
use crate::rules::RuleSet;
use crate::source::{Follower, FrameLimits, KnownFiles, Verdict};
use crate::telemetry::metrics::{self, Metric};
use arc_swap::ArcSwapOption;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Files, folders and patterns to read.
    pub files: Vec<String>,
    /// Whether they are followed, or read once to the end they have now.
    pub follow: bool,
    /// A folder of sample logs to play once per store.
    pub sample: Option<PathBuf>,
    /// Bounds of the fold.
    pub fold: FoldLimits,
    /// Bounds of the framing.
    pub frame: FrameLimits,
    /// How long a fold is filled at most.
    pub flush_interval: Duration,
    /// What to do when the store refuses for a reason that may pass.
    pub on_failure: OnFailure,
    /// Who says what time it is.
    pub clock: Clock,
}

/// The running service.
#[derive(Debug)]
pub struct Embedded {
    thread: JoinHandle<Result<WriteReport, ProcessError>>,
    push: PushHandle,
    rules: Arc<ArcSwapOption<RuleSet>>,
    stop: Stop,
}

/// How long to wait for something to do between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How many records of a source are read before it is the next one's turn.
const TURN: usize = 2_000;

/// How long a push waits for company before it is flushed: a flush costs the store a sync to disk.
const PUSH_WAITS: Duration = Duration::from_millis(50);

impl Embedded {
    /// Starts the threads. Positions and learned names are read from the sink first.
    ///
    /// # Errors
    /// When the sink cannot be read or a thread not be started.
    pub fn start<E: Reads + 'static>(
        mut engine: E,
        sink: Box<dyn Sink>,
        plan: Plan,
        stop: &Stop,
    ) -> Result<Self, ProcessError> {
        let positions = sink.positions()?;
        engine.teach(sink.learned()?);
        let rules = Arc::new(ArcSwapOption::empty());
        let (push, queue) = push::queue(stop);
        let writer = Writer::start(sink, plan.on_failure, stop)?;
        let service = Service {
            follower: follower(&plan, &positions),
            sample: plan
                .sample
                .as_ref()
                .map(|folder| Sample::new(folder, &positions, plan.frame)),
            pipeline: Pipeline::new(engine, plan.fold, plan.clock),
            queue,
            answers: Vec::new(),
            sample_positions: Vec::new(),
            rules: Arc::clone(&rules),
            plan,
            stop: stop.clone(),
            flushed: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("pipeline".into())
            .spawn(move || service.run(writer))
            .map_err(ProcessError::Thread)?;
        Ok(Self {
            thread,
            push,
            rules,
            stop: stop.clone(),
        })
    }

    /// The handle for HTTP.
    #[must_use]
    pub fn push_handle(&self) -> PushHandle {
        self.push.clone()
    }

    /// Takes new rules, from the next record on.
    pub fn set_rules(&self, rules: Arc<RuleSet>) {
        self.rules.store(Some(rules));
    }

    /// Whether it ended on its own, by an error.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Asks to stop, waits until all that was read is flushed.
    ///
    /// # Errors
    /// Why it had ended before, or why the last flush failed.
    pub fn finish(self) -> Result<super::Totals, ProcessError> {
        self.stop.ask();
        self.wait()
    }

    /// Waits until it ends, without asking.
    ///
    /// # Errors
    /// Why it ended.
    pub fn wait(self) -> Result<super::Totals, ProcessError> {
        let report = self.thread.join().map_err(|_| ProcessError::Panicked("pipeline"))??;
        match report.error {
            Some(error) => Err(error),
            None => Ok(report.totals),
        }
    }
}

fn follower(plan: &Plan, positions: &[SourcePosition]) -> Follower {
    let follower = Follower::new(plan.files.clone(), KnownFiles::new(positions), plan.frame);
    if plan.follow { follower } else { follower.once() }
}

struct Service<E> {
    plan: Plan,
    pipeline: Pipeline<E>,
    follower: Follower,
    sample: Option<Sample>,
    queue: PushQueue,
    /// Pushes whose records are in the fold.
    answers: Vec<Answer>,
    /// Positions of sample files whose records are in the fold.
    sample_positions: Vec<SourcePosition>,
    rules: Arc<ArcSwapOption<RuleSet>>,
    stop: Stop,
    flushed: Instant,
}

impl<E: Reads> Service<E> {
    fn run(mut self, writer: Writer) -> Result<WriteReport, ProcessError> {
        while !self.stop.is_asked() && !writer.gave_up() {
            if let Some(rules) = self.rules.swap(None) {
                self.pipeline.engine.set_rules(rules);
            }
            let read_files = self.read_files();
            let played = self.play_sample();
            let busy = read_files || played;
            let wait = if busy { Duration::ZERO } else { self.until_due() };
            let pushed = self.queue.next(wait, &self.stop);
            if let Some(pushed) = pushed {
                self.take_push(pushed);
            }
            if self.is_due(&writer) && !self.flush(&writer) {
                break;
            }
        }
        self.flush(&writer);
        writer.finish()
    }

    fn read_files(&mut self) -> bool {
        let now = self.plan.clock.now_millis();
        self.follower.look(now);
        let pipeline = &mut self.pipeline;
        let any = self.follower.read(now, TURN, &mut |read| {
            let fate = pipeline.take(read.source, &read.record);
            Verdict {
                rejected: fate.folded == 0,
                full: pipeline.is_full(),
            }
        });
        for fault in self.follower.faults() {
            metrics::add(Metric::SourceFaults, 1);
            tracing::error!(error = %fault, "a source could not be read");
        }
        for path in self.follower.awaited() {
            tracing::warn!(path, "does not exist yet; it is read as soon as it does");
        }
        metrics::set(
            Metric::FilesFollowed,
            u64::try_from(self.follower.files()).unwrap_or(u64::MAX),
        );
        any
    }

    /// Plays some of the sample logs; whether there was something to play.
    fn play_sample(&mut self) -> bool {
        let Some(sample) = &mut self.sample else {
            return false;
        };
        let now = self.plan.clock.now_millis();
        match sample.play(&mut self.pipeline, now, TURN) {
            Ok(true) => {
                self.sample_positions.extend(sample.moved());
                true
            }
            Ok(false) => {
                self.sample_positions.extend(sample.moved());
                self.sample = None;
                false
            }
            Err(fault) => {
                tracing::warn!(error = %fault, "the sample logs could not be played");
                self.sample_positions.extend(sample.moved());
                self.sample = None;
                false
            }
        }
    }

    fn take_push(&mut self, pushed: Pushed) {
        let source: Arc<str> = "push".into();
        let mut outcomes = Vec::new();
        let pipeline = &mut self.pipeline;
        pushed.body.records(self.plan.frame, &mut |record| {
            outcomes.push(pipeline.take_pushed(&source, record));
        });
        metrics::add(Metric::PushedBodies, 1);
        self.answers.push(Answer {
            to: pushed.answer,
            outcomes,
        });
    }

    /// How long until there may be something to do.
    fn until_due(&self) -> Duration {
        let interval = if self.answers.is_empty() {
            LOOK_EVERY
        } else {
            PUSH_WAITS
        };
        interval.min(self.plan.flush_interval)
    }

    fn is_due(&self, writer: &Writer) -> bool {
        let interval = if self.answers.is_empty() {
            self.plan.flush_interval
        } else {
            PUSH_WAITS.min(self.plan.flush_interval)
        };
        self.pipeline.is_full() || (self.flushed.elapsed() >= interval && writer.is_idle())
    }

    /// Hands over what there is; `false` when the writer gave up.
    fn flush(&mut self, writer: &Writer) -> bool {
        self.flushed = Instant::now();
        let mut positions = self.follower.moved();
        positions.append(&mut self.sample_positions);
        if self.pipeline.is_empty() && positions.is_empty() && self.answers.is_empty() {
            return !writer.gave_up();
        }
        let answers = std::mem::take(&mut self.answers);
        writer.hand_over(self.pipeline.take_job(positions, answers))
    }
}
