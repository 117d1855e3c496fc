//! Questions to the store: off the async threads, only so many at once, each within a limit of time.

use super::follow::Following;
use super::parts::{Parts, ServeOptions};
use super::problem::{Kind, Problem};
use crate::store::{AlertReader, ReadError, Reader};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// What every answer is made with. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) parts: Arc<Parts>,
    pub(crate) options: Arc<ServeOptions>,
    /// The OpenAPI document, made once.
    pub(crate) openapi: Arc<str>,
    questions: Arc<Semaphore>,
    pub(crate) ingests: Arc<Semaphore>,
    /// Who follows the alerts, and how they stand.
    pub(crate) following: Arc<Following>,
}

/// What every page says of the whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    /// The store holds the shipped sample.
    pub(crate) sample: bool,
    /// How many alerts fire, up to [`super::follow::MOST_COUNTED`].
    pub(crate) firing: usize,
}

impl Shared {
    /// `stopped` turns true when the server is to end.
    pub(crate) fn new(options: ServeOptions, parts: Parts, openapi: String, stopped: watch::Receiver<bool>) -> Self {
        Self {
            questions: Arc::new(Semaphore::new(options.questions_at_once.max(1))),
            ingests: Arc::new(Semaphore::new(options.ingests_at_once.max(1))),
            following: Arc::new(Following::new(options.followers, stopped)),
            openapi: openapi.into(),
            parts: Arc::new(parts),
            options: Arc::new(options),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.parts.clock.now_millis()
    }

    /// Asks the reader.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Reader) -> Result<T, ReadError> + Send + 'static,
    {
        self.off_thread(move |parts| question(parts.reader.as_ref()).map_err(Problem::from))
            .await
    }

    /// What every page says of the whole.
    pub(crate) fn around(&self) -> Around {
        Around {
            sample: self.parts.sample,
            firing: self.following.standing().firing,
        }
    }

    /// Asks about alerts; a problem where nobody judges.
    pub(crate) async fn ask_alerts<T, F>(&self, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&dyn AlertReader) -> Result<T, ReadError> + Send + 'static,
    {
        self.off_thread(move |parts| match &parts.alerts {
            Some(alerts) => question(alerts.as_ref()).map_err(Problem::from),
            None => Err(not_judging()),
        })
        .await
    }

    /// Runs blocking work. The permit travels with the work: what is given up on still counts until it ends.
    pub(crate) async fn off_thread<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Parts) -> Result<T, Problem> + Send + 'static,
    {
        let limit = self.options.question_limit;
        let deadline = tokio::time::Instant::now() + limit;
        let waiting = tokio::time::timeout_at(deadline, Arc::clone(&self.questions).acquire_owned());
        let permit = match waiting.await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Problem::new(Kind::NotReady, "the server is stopping")),
            Err(_) => {
                let mut busy = Problem::new(
                    Kind::Busy,
                    "too many questions are under way; come back in a few seconds",
                );
                busy.retry_after = Some(5);
                return Err(busy);
            }
        };
        let parts = Arc::clone(&self.parts);
        let task = tokio::task::spawn_blocking(move || {
            let answer = work(&parts);
            drop(permit);
            answer
        });
        match tokio::time::timeout_at(deadline, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failed)) => {
                tracing::error!(panicked = failed.is_panic(), "a question to the store died");
                Err(Problem::new(
                    Kind::Broken,
                    "the question died; the log of the server says why",
                ))
            }
            Err(_) => Err(too_slow(limit)),
        }
    }
}

/// The problem of every call about alerts where nobody judges.
pub(crate) fn not_judging() -> Problem {
    Problem::new(
        Kind::NotFound,
        "this process does not judge and knows no alerts; ask one that runs the role alert",
    )
}

fn too_slow(limit: Duration) -> Problem {
    Problem::new(
        Kind::TooSlow,
        format!(
            "the question took longer than {} s and was given up; ask for less time or fewer words",
            limit.as_secs().max(1)
        ),
    )
}
