//! The loop over the outbox: every destination its own turn, so that none holds up another.

use super::destination::Destination;
use super::lane::Lane;
use super::pace::Pace;
use super::post::Post;
use super::routes::Routes;
use super::telling::Telling;
use super::to::Verdict;
use crate::clock::Clock;
use crate::event::{AlertId, EventTime};
use crate::store::{AlertChange, Delivery, DeliveryOutcome, Outbox, Outgoing};
use crate::telemetry::metrics::{self, Metric};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

/// Gives the routes in force: they may change while we run.
pub type LiveRoutes = Arc<dyn Fn() -> Arc<Routes> + Send + Sync>;

/// What is taken out of the outbox at one look.
const AT_ONE_LOOK: usize = 1_000;

/// A deliverer at work.
#[derive(Debug)]
pub struct Deliverer {
    poked: Arc<Notify>,
    stopping: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Begins to deliver; must be called inside a tokio runtime. `base_url` is where our pages are, for links.
///
/// # Errors
/// No client can be made.
pub fn start(outbox: Arc<dyn Outbox>, routes: LiveRoutes, base_url: Option<String>) -> Result<Deliverer, String> {
    Deliverer::with_pace(outbox, routes, base_url, Pace::default())
}

impl Deliverer {
    /// As [`start`], at another pace.
    ///
    /// # Errors
    /// As [`start`].
    pub fn with_pace(
        outbox: Arc<dyn Outbox>,
        routes: LiveRoutes,
        base_url: Option<String>,
        pace: Pace,
    ) -> Result<Self, String> {
        let poked = Arc::new(Notify::new());
        let stopping = Arc::new(AtomicBool::new(false));
        let post = Post::new(pace.patience, base_url.as_deref())?;
        let shared = Arc::new(Shared {
            outbox,
            post,
            base_url,
            pace,
            stopping: Arc::clone(&stopping),
        });
        let task = tokio::spawn(run(shared, routes, Arc::clone(&poked)));
        Ok(Self { poked, stopping, task })
    }

    /// Something was put into the outbox: it is looked into at once.
    pub fn poke(&self) {
        self.poked.notify_one();
    }

    /// What [`Deliverer::poke`] does, to be handed on.
    #[must_use]
    pub fn poker(&self) -> Box<dyn Fn() + Send> {
        let poked = Arc::clone(&self.poked);
        Box::new(move || poked.notify_one())
    }

    /// Stops: no message is begun any more, and those under way have so long to end. What did not end is told again
    /// after the next start, under the same key.
    pub async fn shutdown(self, grace: Duration) {
        self.stopping.store(true, Ordering::Release);
        self.poked.notify_one();
        let mut task = self.task;
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            tracing::warn!("alerts under way did not end in time; they are told again after the next start");
            task.abort();
        }
    }
}

/// What all lanes share.
pub(super) struct Shared {
    outbox: Arc<dyn Outbox>,
    post: Post,
    base_url: Option<String>,
    pub(super) pace: Pace,
    stopping: Arc<AtomicBool>,
}

impl Shared {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tells of one change, or of several in one message.
    pub(super) async fn tell(&self, destination: &Destination, told: &[Outgoing]) -> Verdict {
        let changes: Vec<&AlertChange> = told.iter().map(|one| &one.change).collect();
        let Some((first, last)) = told.first().zip(told.last()) else {
            return Verdict::Taken(String::new());
        };
        // A summary that is tried again may have grown: then it is another message.
        let key = match told {
            [one] => one.idempotency_key(),
            _ => format!("{}+{}-{}", first.idempotency_key(), told.len(), last.change.seq),
        };
        self.send(destination, &changes, &key).await
    }

    /// Says again what goes on.
    pub(super) async fn say_again(&self, destination: &Destination, changes: &[&AlertChange]) -> Verdict {
        self.send(destination, changes, "again").await
    }

    async fn send(&self, destination: &Destination, changes: &[&AlertChange], key: &str) -> Verdict {
        let telling = Telling {
            changes,
            key,
            now: Clock::System.now_millis(),
            base_url: self.base_url.as_deref(),
            test: false,
        };
        self.post.send(destination, &telling).await.1
    }

    /// Notes what came of tries; says whether all of it was.
    pub(super) async fn note(&self, notes: Vec<(i64, Delivery, Option<i64>)>) -> bool {
        let outbox = Arc::clone(&self.outbox);
        let noted = tokio::task::spawn_blocking(move || {
            notes
                .iter()
                .try_for_each(|(id, delivery, again_at)| outbox.note(*id, delivery, *again_at))
        });
        match noted.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(%error, "what came of an alert could not be noted; it may be told twice");
                false
            }
            Err(_) => false,
        }
    }

    /// What goes on and was told to a destination, where the outbox can say.
    pub(super) async fn goes_on(&self, destination: &str, most: usize) -> Option<BTreeMap<AlertId, AlertChange>> {
        let outbox = Arc::clone(&self.outbox);
        let name = destination.to_owned();
        let asked = tokio::task::spawn_blocking(move || outbox.goes_on(&name, most));
        match asked.await {
            Ok(Ok(all)) => Some(all?.into_iter().map(|change| (change.alert.id, change)).collect()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "what goes on could not be read; it is said again from memory");
                None
            }
            Err(_) => None,
        }
    }
}

async fn run(shared: Arc<Shared>, routes: LiveRoutes, poked: Arc<Notify>) {
    let mut dispatch = Dispatch {
        shared: Arc::clone(&shared),
        idle: HashMap::new(),
        working: JoinSet::new(),
        names: HashMap::new(),
        told_unreached: None,
        read: true,
    };
    let mut look = tokio::time::interval(shared.pace.look);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !shared.is_stopping() {
        tokio::select! {
            _ = look.tick() => {}
            () = poked.notified() => {}
            Some(done) = dispatch.working.join_next_with_id(), if !dispatch.working.is_empty() => dispatch.back(done),
        }
        if !shared.is_stopping() {
            dispatch.look(&routes()).await;
        }
    }
    while dispatch.working.join_next().await.is_some() {}
}

/// Hands out turns.
struct Dispatch {
    shared: Arc<Shared>,
    /// Lanes at rest.
    idle: HashMap<String, Lane>,
    /// Lanes at work: each owns its state until it comes back.
    working: JoinSet<Lane>,
    names: HashMap<Id, String>,
    /// The routes whose unreachable destinations were told of already.
    told_unreached: Option<Arc<Routes>>,
    /// Whether the outbox could be read the last time: its trouble is said once.
    read: bool,
}

impl Dispatch {
    fn back(&mut self, done: Result<(Id, Lane), tokio::task::JoinError>) {
        match done {
            Ok((id, lane)) => {
                self.names.remove(&id);
                self.idle.insert(lane.name.clone(), lane);
            }
            Err(error) => {
                let name = self.names.remove(&error.id());
                tracing::error!(
                    destination = name,
                    "a bug ended the turn of a destination; it begins anew"
                );
                if let Some(name) = name {
                    let lane = Lane::new(name.clone(), self.shared.pace.minute);
                    self.idle.insert(name, lane);
                }
            }
        }
    }

    /// Looks into the outbox once, and gives every destination that may have one its turn.
    async fn look(&mut self, routes: &Arc<Routes>) {
        self.say_unreached(routes);
        let now = Instant::now();
        let resting = self.idle.values().filter(|lane| lane.rests(now));
        let busy: HashSet<String> = resting
            .map(|lane| lane.name.clone())
            .chain(self.names.values().cloned())
            .collect();
        let wall = Clock::System.now_millis();
        let mut batches = self.due(&busy, wall).await;
        for destination in routes.destinations() {
            let name = &destination.name;
            if busy.contains(name) {
                continue;
            }
            let batch = batches.remove(name).unwrap_or_default();
            let minute = self.shared.pace.minute;
            let kept = self.idle.remove(name);
            let mut lane = kept.unwrap_or_else(|| Lane::new(name.clone(), minute));
            let free = lane.free(batch, wall);
            if free.is_empty() && !lane.has_to_resay(&destination.kind, now) {
                self.idle.insert(name.clone(), lane);
                continue;
            }
            let turn = lane.work(free, destination.clone(), Arc::clone(&self.shared));
            let id = self.working.spawn(turn).id();
            self.names.insert(id, name.clone());
        }
        self.idle.retain(|name, _| routes.destination(name).is_some());
        self.give_up(batches.into_values().flatten(), wall).await;
    }

    async fn due(&mut self, busy: &HashSet<String>, now: i64) -> BTreeMap<String, Vec<Outgoing>> {
        let outbox = Arc::clone(&self.shared.outbox);
        let not_for = busy.clone();
        let asked = tokio::task::spawn_blocking(move || outbox.due_elsewhere(&not_for, now, AT_ONE_LOOK));
        let due = match asked.await {
            Ok(Ok(due)) => {
                self.read = true;
                due
            }
            Ok(Err(error)) => {
                if std::mem::replace(&mut self.read, false) {
                    tracing::error!(%error, "the outbox of alerts could not be read; it is tried again");
                }
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let mut batches: BTreeMap<String, Vec<Outgoing>> = BTreeMap::new();
        for one in due.into_iter().filter(|one| !busy.contains(&one.destination)) {
            batches.entry(one.destination.clone()).or_default().push(one);
        }
        batches
    }

    /// What is for nobody any more.
    async fn give_up(&self, gone: impl Iterator<Item = Outgoing>, now: i64) {
        let at = EventTime::from_millis(now).rfc3339();
        let notes: Vec<_> = gone
            .map(|one| {
                let delivery = Delivery {
                    destination: one.destination,
                    seq: one.change.seq,
                    at: at.clone(),
                    outcome: DeliveryOutcome::GivenUp,
                    attempt: one.attempts.saturating_add(1),
                    detail: Some("routes.yaml has no destination of this name any more".to_owned()),
                };
                (one.id, delivery, None)
            })
            .collect();
        if !notes.is_empty() {
            let count = notes.len();
            metrics::add(Metric::NotifyGivenUp, u64::try_from(count).unwrap_or(u64::MAX));
            tracing::warn!(
                count,
                "alerts for destinations that are gone from routes.yaml are given up"
            );
            self.shared.note(notes).await;
        }
    }

    /// Says once per reading of the rules which destinations cannot be reached as we are set up.
    fn say_unreached(&mut self, routes: &Arc<Routes>) {
        if self
            .told_unreached
            .as_ref()
            .is_some_and(|told| Arc::ptr_eq(told, routes))
        {
            return;
        }
        for (destination, why) in routes.unreached() {
            tracing::error!(
                destination,
                why,
                "a destination of alerts cannot be reached; what is for it waits"
            );
        }
        self.told_unreached = Some(Arc::clone(routes));
    }
}
