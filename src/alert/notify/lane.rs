//! One destination's turn: its messages one after the other, in the order of the outbox, however long it takes.
//!
//! A failure puts off the message (longer from try to try) and lets the destination rest (shortly); later changes of the
//! same alert wait for it, other alerts do not. Over the cap the last message a minute allows is a summary of all that
//! waits.

use super::deliver::Shared;
use super::destination::{Destination, Kind};
use super::pace::MOST_TRIES;
use super::rate::Rate;
use super::telling::ends;
use super::to::Verdict;
use crate::clock::Clock;
use crate::event::{AlertId, EventTime};
use crate::store::{AlertChange, Delivery, DeliveryOutcome, Outgoing};
use crate::telemetry::metrics::{self, Metric};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Alerts said to one receiver in one request, where it takes several.
const AT_ONCE: usize = 200;
/// Alerts said again and again to one receiver.
const MOST_RESAID: usize = 10_000;
/// How long a destination rests after what came of a try could not be noted: it would only be told twice.
const UNNOTED: Duration = Duration::from_secs(5);

/// What is known of one destination between its turns.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    rate: Rate,
    /// Alerts of which a change waits to be tried again, and until when, milliseconds since the epoch.
    held: HashMap<AlertId, i64>,
    failures: u32,
    rests_until: Option<Instant>,
    /// What goes on, where the receiver forgets what is not said again.
    goes_on: Option<BTreeMap<AlertId, AlertChange>>,
    resay_at: Instant,
}

impl Lane {
    pub(super) fn new(name: String, minute: Duration) -> Self {
        Self {
            name,
            rate: Rate::new(minute),
            held: HashMap::new(),
            failures: 0,
            rests_until: None,
            goes_on: None,
            resay_at: Instant::now(),
        }
    }

    /// Whether it is to be left alone for now.
    pub(super) fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }

    /// Whether it has to be told again what goes on.
    pub(super) fn has_to_resay(&self, kind: &Kind, now: Instant) -> bool {
        *kind == Kind::Alertmanager && self.resay_at <= now
    }

    /// Those of a batch that do not wait for an earlier change of their alert.
    pub(super) fn free(&mut self, batch: Vec<Outgoing>, now: i64) -> Vec<Outgoing> {
        self.held.retain(|_, until| *until > now);
        let free = batch
            .into_iter()
            .filter(|one| !self.held.contains_key(&one.change.alert.id));
        free.collect()
    }

    /// Works off a batch; ends early where the destination fails, has had its share, or we are to stop.
    pub(super) async fn work(
        mut self,
        mut queue: Vec<Outgoing>,
        destination: Destination,
        shared: Arc<Shared>,
    ) -> Self {
        while !queue.is_empty() && !shared.is_stopping() {
            let now = Instant::now();
            let take = match self.rate.left(destination.per_minute, now) {
                Some(0) => {
                    self.rests_until = self.rate.free_at();
                    break;
                }
                // The last one of this minute speaks for all that wait.
                Some(1) => queue.len(),
                Some(_) => 1,
                None if destination.kind == Kind::Alertmanager => queue.len().min(AT_ONCE),
                None => 1,
            };
            let told: Vec<Outgoing> = queue.drain(..take).collect();
            if destination.per_minute.is_some() {
                self.rate.count(now);
            }
            let verdict = shared.tell(&destination, &told).await;
            if !self.conclude(&told, &verdict, &destination, &shared).await {
                break;
            }
            if !queue.is_empty() {
                tokio::time::sleep(destination.kind.gap()).await;
            }
        }
        if self.has_to_resay(&destination.kind, Instant::now()) {
            self.resay(&destination, &shared).await;
        }
        self
    }

    /// Notes what came of a message; says whether the next one may go.
    async fn conclude(
        &mut self,
        told: &[Outgoing],
        verdict: &Verdict,
        destination: &Destination,
        shared: &Arc<Shared>,
    ) -> bool {
        let now = Clock::System.now_millis();
        let at = EventTime::from_millis(now).rfc3339();
        let summed = told.len() > 1 && destination.kind != Kind::Alertmanager;
        match verdict {
            Verdict::Taken(_) => {
                self.failures = 0;
                for one in told {
                    self.remember(&one.change, &destination.kind);
                }
            }
            Verdict::Again { after, .. } => {
                self.failures = self.failures.saturating_add(1);
                let rest = shared.pace.rest(self.failures).max(after.unwrap_or_default());
                self.rests_until = Some(Instant::now() + rest);
            }
            Verdict::Refused(_) => self.failures = 0,
        }
        let mut notes = Vec::with_capacity(told.len());
        // One for all of a summary, so that it stays one.
        let jitter = rand::random();
        for one in told {
            let attempt = one.attempts.saturating_add(1);
            let (outcome, detail, again_at) = match verdict {
                Verdict::Taken(said) if summed => {
                    let detail = format!("in a summary of {}; {said}", told.len());
                    (DeliveryOutcome::Summed, detail, None)
                }
                Verdict::Taken(said) => (DeliveryOutcome::Delivered, said.clone(), None),
                Verdict::Refused(why) => (DeliveryOutcome::GivenUp, why.clone(), None),
                Verdict::Again { why, after } => {
                    let pause = shared.pace.pause(attempt, jitter).max(after.unwrap_or_default());
                    let again_at = now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                    if tried_for_too_long(one, attempt, again_at, shared.pace.give_up) {
                        let why = format!("tried {attempt} times, last: {why}");
                        (DeliveryOutcome::GivenUp, why, None)
                    } else {
                        self.held.insert(one.change.alert.id, again_at);
                        (DeliveryOutcome::Retried, why.clone(), Some(again_at))
                    }
                }
            };
            measure(outcome, one, now);
            log(&self.name, outcome, one, attempt, &detail);
            let delivery = Delivery {
                destination: one.destination.clone(),
                seq: one.change.seq,
                at: at.clone(),
                outcome,
                attempt,
                detail: Some(detail),
            };
            notes.push((one.id, delivery, again_at));
        }
        let noted = shared.note(notes).await;
        if !noted {
            self.rests_until = Some(Instant::now() + UNNOTED);
        }
        noted && !matches!(verdict, Verdict::Again { .. })
    }

    /// Keeps in mind what goes on, for receivers that forget.
    fn remember(&mut self, change: &AlertChange, kind: &Kind) {
        if *kind != Kind::Alertmanager {
            return;
        }
        let goes_on = self.goes_on.get_or_insert_with(BTreeMap::new);
        if ends(change.change) {
            goes_on.remove(&change.alert.id);
        } else if goes_on.len() < MOST_RESAID {
            goes_on.insert(change.alert.id, change.clone());
        }
    }

    /// Says again what goes on. What came of it is noted nowhere: it is said again soon.
    async fn resay(&mut self, destination: &Destination, shared: &Arc<Shared>) {
        let remembered = self.goes_on.take().unwrap_or_default();
        let goes_on = shared.goes_on(&self.name, MOST_RESAID).await.unwrap_or(remembered);
        let all: Vec<&AlertChange> = goes_on.values().collect();
        for some in all.chunks(AT_ONCE) {
            if shared.is_stopping() {
                break;
            }
            let verdict = shared.say_again(destination, some).await;
            if !matches!(verdict, Verdict::Taken(_)) {
                tracing::warn!(
                    destination = self.name,
                    "what goes on could not be said again; it is tried soon"
                );
                break;
            }
        }
        self.goes_on = Some(goes_on);
        self.resay_at = Instant::now() + shared.pace.resay;
    }
}

/// By the clock, or by tries where the clocks disagree.
fn tried_for_too_long(one: &Outgoing, attempt: u32, again_at: i64, give_up: Duration) -> bool {
    let began: Option<jiff::Timestamp> = one.change.at.parse().ok();
    let age = began.map(|began| again_at.saturating_sub(began.as_millisecond()));
    let give_up = i64::try_from(give_up.as_millis()).unwrap_or(i64::MAX);
    attempt >= MOST_TRIES || age.is_some_and(|age| age > give_up)
}

fn measure(outcome: DeliveryOutcome, one: &Outgoing, now: i64) {
    let metric = match outcome {
        DeliveryOutcome::Delivered => Metric::NotifyDelivered,
        DeliveryOutcome::Retried => Metric::NotifyRetried,
        DeliveryOutcome::GivenUp => Metric::NotifyGivenUp,
        DeliveryOutcome::Summed => Metric::NotifySummed,
    };
    metrics::add(metric, 1);
    if matches!(outcome, DeliveryOutcome::Delivered | DeliveryOutcome::Summed) {
        let began = one.change.at.parse::<jiff::Timestamp>();
        let took = began.map_or(0, |began| now.saturating_sub(began.as_millisecond()));
        metrics::add_seconds(
            Metric::NotifySeconds,
            Duration::from_millis(u64::try_from(took).unwrap_or(0)),
        );
    }
}

/// The first failure of a message and its end; each try between them stands in the delivery log.
fn log(destination: &str, outcome: DeliveryOutcome, one: &Outgoing, attempt: u32, detail: &str) {
    let (alert, seq) = (one.change.alert.id, one.change.seq);
    match outcome {
        DeliveryOutcome::Retried if attempt == 1 => {
            tracing::warn!(destination, %alert, seq, why = detail, "an alert was not taken; it is tried again");
        }
        DeliveryOutcome::GivenUp => {
            tracing::error!(destination, %alert, seq, attempt, why = detail, "an alert could not be told and is given up");
        }
        DeliveryOutcome::Delivered | DeliveryOutcome::Retried | DeliveryOutcome::Summed => {
            tracing::debug!(destination, %alert, seq, attempt, outcome = ?outcome, "an alert was sent");
        }
    }
}
