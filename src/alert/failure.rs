//! One failure of one subject: all that was seen of it, its root, its followers.
//!
//! Comes in: sightings of one subject, in any order. Goes out: which error is the root, and the others in the order they
//! were first seen. What always holds: the order of arrival changes nothing; at most [`Failure::MEMBERS`] kinds of
//! errors are kept, those beyond are passed over.

use super::usual::Rate;
use super::{Cascades, Sighting};
use crate::event::{EventTime, Group, Part, Severity};
use crate::identity::Identity;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A kind of error seen in a failure: one type with one exception.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// What error it is: of the earliest event, and of those of one instant the smallest fingerprint.
    pub identity: Arc<Identity>,
    /// Id of the job, where one was told.
    pub job_id: Option<Box<str>>,
    /// Earliest event.
    pub first: EventTime,
    /// Latest event.
    pub last: EventTime,
    /// Events.
    pub count: u64,
    /// Whether one of them says that a job or a task has failed.
    pub failed: bool,
    /// Whether it came as it does day by day: then it most likely has nothing to do with the failure.
    pub usual: bool,
}

/// What was seen of one failure.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    members: BTreeMap<(Arc<str>, Option<String>), Member>,
}

/// How little an error tells about why; the root is the least.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It may be the cause.
    Root,
    /// A consequence or wrapper, but it says more than that something failed.
    Symptom,
    /// It comes day by day, without a failure too.
    Usual,
    /// Noise that is what happened where nothing else says.
    LastResort,
    /// It only tells a state.
    State,
    /// Noise, or too light to be a cause.
    Light,
}

impl Failure {
    /// Kinds of errors kept apart. The largest real failures have some 30.
    pub const MEMBERS: usize = 256;

    /// Takes in a sighting that came so often.
    pub(super) fn see(&mut self, seen: &Sighting, rate: Rate) {
        self.add(Member {
            identity: Arc::clone(&seen.identity),
            job_id: seen.job_id.clone(),
            first: seen.first,
            last: seen.last,
            count: seen.count,
            failed: seen.failed,
            usual: rate == Rate::Usual && !seen.failed,
        });
    }

    /// Takes in all of another failure that turned out to be this one.
    pub fn join(&mut self, other: Failure) {
        for member in other.members.into_values() {
            self.add(member);
        }
    }

    fn add(&mut self, member: Member) {
        let key = (
            Arc::clone(&member.identity.error_type),
            member.identity.exception.clone(),
        );
        let is_full = self.members.len() >= Self::MEMBERS;
        match self.members.get_mut(&key) {
            Some(known) => known.join(member),
            None if is_full => {}
            None => {
                self.members.insert(key, member);
            }
        }
    }

    /// Whether an error of this kind was seen.
    #[must_use]
    pub fn knows(&self, identity: &Identity) -> bool {
        let same = |member: &Member| {
            member.identity.error_type == identity.error_type && member.identity.exception == identity.exception
        };
        self.members.values().any(same)
    }

    /// Whether an error of this group was seen: the same failure, told by others, may lose its message.
    #[must_use]
    pub fn has(&self, group: Group) -> bool {
        self.members.values().any(|member| member.identity.group == group)
    }

    /// The first event that has to do with it.
    #[must_use]
    pub fn first(&self) -> Option<EventTime> {
        // What comes day by day came before it, and will come after.
        let first = |usual: bool| {
            let alike = self.members.values().filter(|member| member.usual == usual);
            alike.map(|member| member.first).min()
        };
        first(false).or_else(|| first(true))
    }

    /// The last event that has to do with it.
    #[must_use]
    pub fn last(&self) -> Option<EventTime> {
        let last = |usual: bool| {
            let alike = self.members.values().filter(|member| member.usual == usual);
            alike.map(|member| member.last).max()
        };
        last(false).or_else(|| last(true))
    }

    /// The root: of what is no consequence of another one here and says why, the first to be seen.
    #[must_use]
    pub fn root(&self, cascades: &Cascades) -> Option<&Member> {
        let others = self
            .members
            .values()
            .filter(|member| !member.usual)
            .map(|member| (&*member.identity.error_type, member.first.nanos()));
        self.members.values().min_by_key(|member| {
            let identity = &member.identity;
            let error_type = &*identity.error_type;
            let is_consequence = cascades.consequence(error_type, member.first.nanos(), others.clone());
            (
                is_consequence.is_some(),
                standing(member, cascades),
                identity.exception.is_none(),
                member.first,
                Reverse(identity.severity),
                identity.fingerprint,
            )
        })
    }

    /// The first error of this type.
    #[must_use]
    pub fn of_type(&self, error_type: &str) -> Option<&Member> {
        let of_type = |member: &&Member| &*member.identity.error_type == error_type;
        let all = self.members.values().filter(of_type);
        all.min_by_key(|member| (member.first, member.identity.fingerprint))
    }

    /// All but the root, in the order they were first seen, noise and what comes day by day left out.
    #[must_use]
    pub fn followers(&self, root: &Member) -> Vec<&Member> {
        let root = root.identity.fingerprint;
        let is_follower = |member: &&Member| tells(member) && member.identity.fingerprint != root;
        let mut followers: Vec<&Member> = self.members.values().filter(is_follower).collect();
        followers.sort_by_key(|member| (member.first, member.identity.fingerprint));
        followers
    }

    /// The worst of what is no noise and does not come day by day.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let told = self.members.values().filter(|member| tells(member));
        told.map(|member| member.identity.severity)
            .max()
            .unwrap_or(Severity::Info)
    }
}

impl Member {
    fn join(&mut self, other: Member) {
        let order = |member: &Member| (member.first, member.identity.fingerprint);
        if order(&other) < order(self) {
            self.first = other.first;
            self.identity = other.identity;
        }
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        self.failed |= other.failed;
        self.usual &= other.usual;
        if self.job_id.is_none() {
            self.job_id = other.job_id;
        }
    }
}

/// Whether it says anything of the failure.
fn tells(member: &Member) -> bool {
    member.identity.part != Part::Noise && !member.usual
}

fn standing(member: &Member, cascades: &Cascades) -> Standing {
    let identity = &member.identity;
    // What a task failed with is no trifle, whatever level its line had.
    let is_light = identity.severity < Severity::Medium && !member.failed;
    match identity.part {
        _ if cascades.is_last_resort(&identity.error_type) => Standing::LastResort,
        _ if cascades.is_state(&identity.error_type) => Standing::State,
        Part::Noise => Standing::Light,
        Part::Root | Part::Symptom if member.usual => Standing::Usual,
        Part::Root | Part::Symptom if is_light => Standing::Light,
        Part::Root => Standing::Root,
        Part::Symptom => Standing::Symptom,
    }
}
