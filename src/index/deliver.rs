//! Updates to the search node, until each has its fate.
//!
//! Requests of bounded size, a bounded number at once. An answer is read item by item: what is to be sent again is
//! sent again alone, after a growing pause. A request that is refused as a whole is halved until the one update that
//! is at fault stands alone. Order does not matter: a batch holds at most one update per partition and document.

use super::options::BatchLimits;
use super::verdict::{Verdict, of_fault, verdicts};
use crate::store::elastic_druid::elastic::update::Update;
use crate::store::elastic_druid::elastic::{Elastic, ElasticError, Method};
use crate::telemetry::metrics::{self, Metric};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// An update that will never be taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) update: Update,
    pub(super) kind: String,
    pub(super) reason: String,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    pub(super) written: u64,
    pub(super) unchanged: u64,
    pub(super) retried: u64,
    pub(super) refused: Vec<Refusal>,
}

/// The first pause before something is sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest: a node that comes back is noticed within so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Sends updates until each has its fate. Does not end while the search node is away; whoever started it aborts it.
///
/// # Errors
/// We may not write there.
pub(super) async fn deliver(
    elastic: Arc<Elastic>,
    updates: Vec<Update>,
    limits: BatchLimits,
) -> Result<Delivered, ElasticError> {
    let mut delivered = Delivered::default();
    let mut groups = grouped(updates, limits.request_bytes);
    let mut again: Vec<Update> = Vec::new();
    let mut running = JoinSet::new();
    let mut pause = FIRST_PAUSE;
    let mut waiting_since: Option<Instant> = None;
    loop {
        while running.len() < limits.requests.max(1)
            && let Some(group) = groups.pop_front()
        {
            running.spawn(request(Arc::clone(&elastic), group));
        }
        let Some(ended) = running.join_next().await else {
            if again.is_empty() {
                metrics::set(Metric::IndexWaitingMillis, 0);
                return Ok(delivered);
            }
            let since = *waiting_since.get_or_insert_with(Instant::now);
            metrics::set(
                Metric::IndexWaitingMillis,
                u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            groups = grouped(std::mem::take(&mut again), limits.request_bytes);
            continue;
        };
        let (group, outcome) = match ended {
            Ok(ended) => ended,
            // Ours are never cancelled alone: a panic, told by whoever joins us.
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => return Err(ElasticError::Away { tried: Vec::new() }),
        };
        let before = delivered.written + delivered.unchanged;
        match outcome {
            Outcome::Items(verdicts) => {
                for (update, verdict) in group.into_iter().zip(verdicts) {
                    match verdict {
                        Verdict::Written => delivered.written += 1,
                        Verdict::Unchanged => delivered.unchanged += 1,
                        Verdict::Retry { kind, reason } => {
                            if again.is_empty() {
                                tracing::warn!(kind, reason, pause = ?pause, "the search node did not take an update for now");
                            }
                            again.push(update);
                        }
                        Verdict::Reject { kind, reason } => delivered.refused.push(Refusal { update, kind, reason }),
                        Verdict::Stop { status, kind, reason } => {
                            return Err(ElasticError::refused_item(status, kind, reason));
                        }
                    }
                }
            }
            Outcome::Again(error) => {
                if again.is_empty() {
                    tracing::warn!(%error, pause = ?pause, "the search node does not take updates for now");
                }
                again.extend(group);
            }
            Outcome::Stop(error) => return Err(error),
            Outcome::Whole(kind, reason) => halve(group, kind, reason, &mut groups, &mut delivered),
        }
        let retried = u64::try_from(again.len()).unwrap_or(0);
        if delivered.written + delivered.unchanged > before {
            // It takes something again.
            pause = FIRST_PAUSE;
            waiting_since = None;
        }
        if groups.is_empty() && running.is_empty() && retried > 0 {
            delivered.retried += retried;
            metrics::add(Metric::IndexRetried, retried);
        }
    }
}

/// Two halves to be tried alone, or the one that is at fault.
fn halve(
    mut group: Vec<Update>,
    kind: String,
    reason: String,
    groups: &mut VecDeque<Vec<Update>>,
    delivered: &mut Delivered,
) {
    if group.len() > 1 {
        let back = group.split_off(group.len() / 2);
        groups.push_front(back);
        groups.push_front(group);
    } else {
        delivered.refused.extend(group.into_iter().map(|update| Refusal {
            update,
            kind: kind.clone(),
            reason: reason.clone(),
        }));
    }
}

/// Updates in groups of about a request each.
fn grouped(updates: Vec<Update>, bytes: usize) -> VecDeque<Vec<Update>> {
    let mut groups = VecDeque::new();
    let mut group = Vec::new();
    let mut size = 0_usize;
    for update in updates {
        let about = update.about_bytes();
        if size.saturating_add(about) > bytes && !group.is_empty() {
            groups.push_back(std::mem::take(&mut group));
            size = 0;
        }
        size = size.saturating_add(about);
        group.push(update);
    }
    if !group.is_empty() {
        groups.push_back(group);
    }
    groups
}

/// What became of a request.
enum Outcome {
    /// Each item has a verdict.
    Items(Vec<Verdict>),
    /// None was taken, for now.
    Again(ElasticError),
    /// We may not write there.
    Stop(ElasticError),
    /// The request as such was refused.
    Whole(String, String),
}

async fn request(elastic: Arc<Elastic>, group: Vec<Update>) -> (Vec<Update>, Outcome) {
    let mut body = Vec::new();
    for update in &group {
        update.write(elastic.prefix(), &mut body);
    }
    let bytes = u64::try_from(body.len()).unwrap_or(0);
    let under_way = UnderWay::begin(bytes);
    let begun = Instant::now();
    // Only what verdicts need comes back.
    let query = [("filter_path", "errors,items.*.status,items.*.result,items.*.error")];
    let sent = elastic.send(Method::Post, "_bulk", &query, Some(&body)).await;
    drop(under_way);
    metrics::add(Metric::IndexBulks, 1);
    metrics::add_seconds(Metric::IndexBulkSeconds, begun.elapsed());
    let outcome = match sent {
        Err(error) => Outcome::Again(error),
        Ok(answer) if (200..=299).contains(&answer.status) => match verdicts(group.len(), &answer.body) {
            Ok(verdicts) => Outcome::Items(verdicts),
            // Some or all may have been applied: the guard knows.
            Err(fault) => Outcome::Again(ElasticError::Strange {
                node: answer.node,
                what: "POST /_bulk".to_owned(),
                fault: fault.to_string(),
            }),
        },
        Ok(answer) => {
            let error = ElasticError::refused(&answer.node, "POST /_bulk".to_owned(), answer.status, &answer.body);
            match &error {
                ElasticError::Refused {
                    status, kind, reason, ..
                } => match of_fault(*status, kind.clone(), reason.clone()) {
                    Verdict::Reject { kind, reason } => Outcome::Whole(kind, reason),
                    Verdict::Stop { .. } => Outcome::Stop(error),
                    Verdict::Retry { .. } | Verdict::Written | Verdict::Unchanged => Outcome::Again(error),
                },
                ElasticError::Config { .. }
                | ElasticError::Away { .. }
                | ElasticError::Untrusted { .. }
                | ElasticError::Unauthorized { .. }
                | ElasticError::Forbidden { .. }
                | ElasticError::TooOld { .. }
                | ElasticError::NotSearchNode { .. }
                | ElasticError::Strange { .. }
                | ElasticError::NotOurs { .. }
                | ElasticError::NotSetUp { .. } => Outcome::Stop(error),
            }
        }
    };
    (group, outcome)
}

/// Bytes under way, for as long as it lives.
struct UnderWay(u64);

static UNDER_WAY: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

impl UnderWay {
    fn begin(bytes: u64) -> Self {
        let before = UNDER_WAY.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        metrics::set(Metric::IndexInFlightBytes, before.saturating_add(bytes));
        Self(bytes)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let before = UNDER_WAY.fetch_sub(self.0, std::sync::atomic::Ordering::Relaxed);
        metrics::set(Metric::IndexInFlightBytes, before.saturating_sub(self.0));
    }
}
