//! Following alerts: changes as they come, to everybody who listens.
//!
//! One task looks at the store now and then, whoever listens; each follower then reads for itself what is new to it.
//! What always holds: a follower gets each change once and in order, also over a lost connection (it says which it had
//! last); followers are bounded, and end when the server stops.

use super::problem::{Kind, Problem};
use super::question::Shared;
use crate::alert::State;
use crate::store::{AlertChange, AlertsAsk};
use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

/// How often the store is looked at. A person does not see the difference to less.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Changes read at once.
const AT_ONCE: usize = 100;
/// Alerts counted for the way around; more are said to be more.
pub(crate) const MOST_COUNTED: usize = 100;
/// How long a browser waits before it connects again.
const COME_BACK: Duration = Duration::from_secs(3);

/// How the alerts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// Number of the latest change.
    latest: i64,
    /// How many fire, up to [`MOST_COUNTED`].
    pub(crate) firing: usize,
}

/// Who follows, and how the alerts stood when the store was looked at last.
#[derive(Debug)]
pub(crate) struct Following {
    standing: watch::Sender<Standing>,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    look_now: Notify,
}

impl Following {
    pub(crate) fn new(followers: usize, stopped: watch::Receiver<bool>) -> Self {
        Self {
            standing: watch::Sender::new(Standing::default()),
            places: Arc::new(Semaphore::new(followers)),
            stopped,
            look_now: Notify::new(),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// Something was changed just now: nobody has to wait for the next look.
    pub(crate) fn look_now(&self) {
        self.look_now.notify_one();
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let mut busy = Problem::new(Kind::Busy, "too many follow the alerts already; come back in a minute");
            busy.retry_after = Some(60);
            busy
        })
    }
}

/// Looks at the store until the server stops.
pub(crate) async fn keep_looking(shared: Shared) {
    let mut stopped = shared.following.stopped.clone();
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut counted_at = None;
    let mut well = true;
    loop {
        tokio::select! {
            // An error means that the server is gone as well.
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = every.tick() => {}
            () = shared.following.look_now.notified() => {}
        }
        let before = shared.following.standing();
        match look(&shared, counted_at, before).await {
            Ok(standing) => {
                well = true;
                counted_at = Some(standing.latest);
                let stand = |now: &mut Standing| std::mem::replace(now, standing) != standing;
                shared.following.standing.send_if_modified(stand);
            }
            Err(problem) if well => {
                well = false;
                tracing::warn!(reason = %problem.detail, "alerts cannot be looked at; who follows them hears nothing new");
            }
            Err(_) => {}
        }
    }
}

/// How the alerts stand; they are counted only where something changed since.
async fn look(shared: &Shared, counted_at: Option<i64>, before: Standing) -> Result<Standing, Problem> {
    shared
        .ask_alerts(move |alerts| {
            let latest = alerts.latest_change()?;
            if counted_at == Some(latest) {
                return Ok(before);
            }
            let firing = alerts.alerts(&AlertsAsk {
                states: vec![State::Firing],
                limit: MOST_COUNTED,
                ..AlertsAsk::default()
            })?;
            Ok(Standing {
                latest,
                firing: firing.items.len(),
            })
        })
        .await
}

/// One who follows.
struct Follower {
    shared: Shared,
    standing: watch::Receiver<Standing>,
    stopped: watch::Receiver<bool>,
    /// Number of the change sent last.
    after: i64,
    /// Whether the store may hold more than was read.
    due: bool,
    greeted: bool,
    read: VecDeque<AlertChange>,
    _place: OwnedSemaphorePermit,
}

/// The changes after a number, and further ones as they come; without a number, those to come.
pub(crate) async fn follow(
    shared: &Shared,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + use<>, Problem> {
    let place = shared.following.place()?;
    let latest = shared.ask_alerts(|alerts| alerts.latest_change()).await?;
    let after = match after {
        None => latest,
        // Numbers only grow: what is beyond them was said of another store, and all of this one is news.
        Some(after) if after > latest => 0,
        Some(after) => after,
    };
    let follower = Follower {
        standing: shared.following.standing.subscribe(),
        stopped: shared.following.stopped.clone(),
        shared: shared.clone(),
        after,
        due: true,
        greeted: false,
        read: VecDeque::new(),
        _place: place,
    };
    Ok(stream::unfold(follower, Follower::next))
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if !self.greeted {
            self.greeted = true;
            // An id without data is no event, but what a browser hands back when it connects again.
            let greeting = Event::default().id(self.after.to_string()).retry(COME_BACK);
            return Some((Ok(greeting), self));
        }
        loop {
            if let Some(change) = self.read.pop_front() {
                self.after = change.seq;
                return Some((Ok(event_of(&change)), self));
            }
            if self.due {
                self.read_on().await?;
            } else {
                self.wait().await?;
            }
        }
    }

    /// Reads what is new. Nothing where the store cannot be read: the follower connects again and says where it was.
    async fn read_on(&mut self) -> Option<()> {
        // Before the store is read: a change that comes meanwhile is then seen as one.
        self.standing.borrow_and_update();
        let after = self.after;
        let asked = self.shared.ask_alerts(move |alerts| alerts.changes(after, AT_ONCE));
        let read = tokio::select! {
            _ = self.stopped.wait_for(|stop| *stop) => return None,
            read = asked => read.ok()?,
        };
        self.due = read.len() >= AT_ONCE;
        self.read = read.into();
        Some(())
    }

    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            _ = self.stopped.wait_for(|stop| *stop) => return None,
            changed = self.standing.changed() => changed.ok()?,
        }
        self.due = self.standing.borrow_and_update().latest > self.after;
        Some(())
    }
}

fn event_of(change: &AlertChange) -> Event {
    let event = Event::default()
        .id(change.seq.to_string())
        .event(change.change.as_str());
    // JSON has no line breaks of its own, so that the data is one line. What cannot be written has no data: the number
    // is told all the same.
    match serde_json::to_string(change) {
        Ok(json) => event.data(json),
        Err(_) => event,
    }
}
