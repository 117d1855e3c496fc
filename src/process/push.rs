//! Records handed in by HTTP: a bounded queue in front of the pipeline, an answer when they are durable.
//!
//! The records of one body go into one flush, whole: an answer means all of them are stored, a failure none of them.

use super::stop::Stop;
use crate::engine::Identified;
use crate::event::{IssueId, Rejection};
use crate::source::{FrameLimits, Framer, Record, Tail};
use serde::Serialize;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// What became of one record of a body, in the order of the body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecordOutcome {
    /// `folded` or `rejected`; `folded` when at least one event of it was.
    pub outcome: OutcomeName,
    /// How many events of it were folded.
    pub events: u32,
    /// The issue it was folded into, the first where there were many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<IssueId>,
    /// Why it, or the first part of it that was, was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The same for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The two fates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// At least one event was folded.
    Folded,
    /// Nothing of it could become an event.
    #[default]
    Rejected,
}

/// An outcome as the pipeline tells it.
pub(super) enum Told<'a, 'r> {
    Folded(&'a Identified<'r>),
    Rejected(&'a Rejection),
}

impl RecordOutcome {
    pub(super) fn hear(&mut self, told: &Told<'_, '_>) {
        match told {
            Told::Folded(identified) => {
                self.outcome = OutcomeName::Folded;
                self.events += 1;
                let job = identified.dimensions.job().0;
                self.issue
                    .get_or_insert_with(|| IssueId::of(job, identified.identity.fingerprint));
            }
            Told::Rejected(rejection) => {
                self.reason.get_or_insert(rejection.reason.as_str());
                self.detail.get_or_insert_with(|| rejection.detail.clone());
            }
        }
    }
}

/// The queue is full: the caller tries again later (429 or 503).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Too many bodies wait.
    #[error("too many bodies wait to be stored; try again in a second")]
    Full,
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

/// What a body is answered with once its flush is durable, or why it could not be stored (nothing of it was).
pub type PushAnswer = Result<Vec<RecordOutcome>, String>;

/// Takes bodies of records: JSON Lines, one array, or text.
pub trait Ingest: Send + Sync {
    /// Hands a body in; the receiver gets the outcomes when they are durable.
    ///
    /// # Errors
    /// When the queue is full or the service is stopping; nothing of the body was taken.
    fn submit(&self, body: Vec<u8>) -> Result<oneshot::Receiver<PushAnswer>, Busy>;

    /// The same for records the caller has cut: one outcome per record, in their order.
    ///
    /// # Errors
    /// When the queue is full or the service is stopping; nothing was taken.
    fn submit_records(&self, records: Vec<Vec<u8>>) -> Result<oneshot::Receiver<PushAnswer>, Busy>;
}

/// What is handed in.
#[derive(Debug)]
pub(super) enum Body {
    /// As it came.
    Bytes(Vec<u8>),
    /// Cut into records by the caller.
    Records(Vec<Vec<u8>>),
}

impl Body {
    /// Hands out its records.
    pub(super) fn records(&self, limits: FrameLimits, take: &mut dyn FnMut(&Record<'_>)) {
        match self {
            Body::Bytes(bytes) => records_of(bytes, limits, take),
            Body::Records(records) => {
                let mut offset = 0;
                for bytes in records {
                    let length = u64::try_from(bytes.len()).unwrap_or(0);
                    take(&Record {
                        bytes,
                        offset,
                        next: offset + length,
                        too_large: (bytes.len() > limits.record).then_some(length),
                        terminated: true,
                    });
                    offset += length;
                }
            }
        }
    }
}

/// A body on its way.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) body: Body,
    pub(super) answer: oneshot::Sender<PushAnswer>,
}

/// How many bodies may wait. With bodies of at most 16 MB (the server's limit) this bounds memory.
const WAITING: usize = 16;

/// The handle for HTTP. Clones share the queue.
#[derive(Debug, Clone)]
pub struct PushHandle {
    queue: SyncSender<Pushed>,
    stop: Stop,
}

impl Ingest for PushHandle {
    fn submit(&self, body: Vec<u8>) -> Result<oneshot::Receiver<PushAnswer>, Busy> {
        self.hand_in(Body::Bytes(body))
    }

    fn submit_records(&self, records: Vec<Vec<u8>>) -> Result<oneshot::Receiver<PushAnswer>, Busy> {
        self.hand_in(Body::Records(records))
    }
}

impl PushHandle {
    fn hand_in(&self, body: Body) -> Result<oneshot::Receiver<PushAnswer>, Busy> {
        if self.stop.is_asked() {
            return Err(Busy::Stopping);
        }
        let (answer, receiver) = oneshot::channel();
        match self.queue.try_send(Pushed { body, answer }) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_)) => Err(Busy::Full),
            Err(TrySendError::Disconnected(_)) => Err(Busy::Stopping),
        }
    }
}

/// The pipeline's end of the queue.
#[derive(Debug)]
pub(super) struct PushQueue(Receiver<Pushed>);

/// A queue for bodies.
pub(super) fn queue(stop: &Stop) -> (PushHandle, PushQueue) {
    let (sender, receiver) = sync_channel(WAITING);
    let handle = PushHandle {
        queue: sender,
        stop: stop.clone(),
    };
    (handle, PushQueue(receiver))
}

impl PushQueue {
    /// The next body, waiting at most so long. `None` also when no handle is left.
    pub(super) fn next(&self, longest: Duration, stop: &Stop) -> Option<Pushed> {
        match self.0.recv_timeout(longest) {
            Ok(pushed) => Some(pushed),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // Not a busy loop when nobody can push any more; being asked to stop is seen by the caller.
                let _asked = stop.wait(longest);
                None
            }
        }
    }
}

/// Cuts a body into records: the elements of one JSON array, else as a file is cut.
pub(super) fn records_of(body: &[u8], limits: FrameLimits, take: &mut dyn FnMut(&Record<'_>)) {
    if let Some(elements) = elements_of(body) {
        let start = body.as_ptr().addr();
        for element in elements {
            let bytes = element.get().as_bytes();
            // Elements borrow from the body: where they are is the difference of the addresses.
            let offset = u64::try_from(bytes.as_ptr().addr().saturating_sub(start)).unwrap_or(0);
            let length = u64::try_from(bytes.len()).unwrap_or(0);
            take(&Record {
                bytes,
                offset,
                next: offset + length,
                too_large: (bytes.len() > limits.record).then_some(length),
                terminated: true,
            });
        }
        return;
    }
    let mut framer = Framer::new(limits);
    let mut rest = body;
    let mut tail = Tail::More;
    loop {
        while let Some(record) = framer.next(tail) {
            take(&record);
        }
        if tail == Tail::End {
            return;
        }
        if !matches!(framer.fill(&mut rest), Ok(count) if count > 0) {
            tail = Tail::End;
        }
    }
}

fn elements_of(body: &[u8]) -> Option<Vec<&serde_json::value::RawValue>> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *first != b'[' {
        return None;
    }
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &str) -> Vec<String> {
        let mut records = Vec::new();
        records_of(body.as_bytes(), FrameLimits::default(), &mut |record| {
            records.push(String::from_utf8_lossy(record.bytes).into_owned());
        });
        records
    }

    #[test]
    fn a_body_is_an_array_or_lines() {
        assert_eq!(cut("[{\"a\":1}, {\"b\":[2]}\n]"), ["{\"a\":1}", "{\"b\":[2]}"]);
        assert_eq!(cut("{\"a\":1}\n{\"b\":2}"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(cut("[{\"a\":1},\n{\"b\":"), ["[{\"a\":1},", "{\"b\":"]);
        assert!(cut("").is_empty() && cut("[]").is_empty() && cut(" \n").is_empty());
    }

    #[test]
    fn a_full_queue_turns_the_next_body_away() {
        let stop = Stop::default();
        let (handle, _queue) = queue(&stop);
        let mut waiting = Vec::new();
        for _ in 0..WAITING {
            waiting.push(handle.submit(Vec::new()).unwrap());
        }
        assert_eq!(handle.submit(Vec::new()).unwrap_err(), Busy::Full);
        stop.ask();
        assert_eq!(handle.submit(Vec::new()).unwrap_err(), Busy::Stopping);
    }
}
