//! One thread: session after session, each from the committed offsets on.

use super::encode::Largest;
use super::names::Names;
use super::sent::Sent;
use super::session::{Ended, Session};
use super::watch::Lags;
use super::{KafkaProcessError, ProcessOptions, Report};
use crate::engine::Engine;
use crate::process::stop::Stop;
use crate::rules::LiveRules;
use crate::telemetry::metrics::{self, Metric};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What outlives a session.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) options: Arc<ProcessOptions>,
    pub(super) rules: Arc<LiveRules>,
    pub(super) names: Arc<Names>,
    pub(super) lags: Arc<Lags>,
    pub(super) stop: Stop,
    pub(super) engine: Engine,
    pub(super) sent: Sent,
    pub(super) largest: Largest,
    pub(super) report: Report,
    /// Names learned here that no transaction held yet.
    pub(super) learned: Vec<(Box<str>, Box<str>)>,
    /// Our place among the names of all.
    pub(super) heard: usize,
}

/// Pauses between sessions that fail grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A session that lasted so long was a good one: the next failure begins with the shortest pause.
const GOOD: Duration = Duration::from_secs(60);

impl Worker {
    pub(super) fn new(
        number: usize,
        options: &Arc<ProcessOptions>,
        rules: &Arc<LiveRules>,
        names: &Arc<Names>,
        lags: &Arc<Lags>,
        stop: &Stop,
    ) -> Self {
        Self {
            number,
            engine: Engine::new(rules.current(), options.default_zone.clone()),
            options: Arc::clone(options),
            rules: Arc::clone(rules),
            names: Arc::clone(names),
            lags: Arc::clone(lags),
            stop: stop.clone(),
            sent: Sent::default(),
            largest: Largest::default(),
            report: Report::default(),
            learned: Vec::new(),
            heard: 0,
        }
    }

    /// Our name in the group: stable over restarts, one per thread.
    pub(super) fn member(&self) -> String {
        format!("{}-{}", self.options.kafka.instance_id, self.number)
    }

    /// Our id as a transactional producer: of this group, so that two groups on one cluster do not fence each other.
    pub(super) fn transactional_id(&self) -> String {
        format!("{}-{}", self.options.kafka.group_id, self.member())
    }

    /// Runs until it is told to stop, or until an error that does not pass.
    pub(super) fn run(mut self) -> Result<Report, KafkaProcessError> {
        self.names.wait(&self.stop);
        let mut pause = PAUSES.0;
        while !self.stop.is_asked() {
            let begun = Instant::now();
            let ended = match Session::open(&mut self) {
                Ok(Some(session)) => session.run(),
                // Told to stop while it waited for brokers.
                Ok(None) => Ended::Stopped,
                Err(fault) if fault.may_pass() => Ended::Anew(fault.to_string()),
                Err(fault) => Ended::Failed(fault.into()),
            };
            match ended {
                Ended::Stopped => break,
                Ended::Failed(error) => return Err(error),
                Ended::Anew(why) => {
                    self.report.restarts += 1;
                    metrics::add(Metric::KafkaSessions, 1);
                    tracing::warn!(
                        member = self.member(),
                        why,
                        "beginning anew at the committed offsets; what was not committed is read again"
                    );
                    if begun.elapsed() > GOOD {
                        pause = PAUSES.0;
                    }
                    if self.stop.wait(pause) {
                        break;
                    }
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
        self.lags.set(self.number, 0);
        Ok(self.report)
    }
}
