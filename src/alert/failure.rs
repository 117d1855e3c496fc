//! One failure of one subject: all that was seen of it, its root, its followers.
//!
//! Comes in: sightings of one subject, in any order. Goes out: which error is the root, and the others in the order they
//! were first seen. What always holds: the order of arrival changes nothing; at most [`Failure::MEMBERS`] kinds of
//! errors are kept apart, those beyond are counted together.

use super::{Cascades, Sighting, Subject};
use crate::event::{EventTime, Group, Part, Severity};
use crate::identity::Identity;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A kind of error seen in a failure: one type with one exception.
#[derive(Debug, Clone)]
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
}

/// What was seen of one failure.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    members: BTreeMap<(Arc<str>, Option<String>), Member>,
    /// Events of kinds beyond [`Failure::MEMBERS`].
    uncounted: u64,
}

/// How little an error tells about why; the root is the least.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It may be the cause.
    Root,
    /// A consequence or wrapper, but it says more than that something failed.
    Symptom,
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

    /// Takes in a sighting.
    pub fn see(&mut self, seen: &Sighting) {
        let key = (Arc::clone(&seen.identity.error_type), seen.identity.exception.clone());
        if !self.members.contains_key(&key) && self.members.len() >= Self::MEMBERS {
            self.uncounted = self.uncounted.saturating_add(seen.count);
            return;
        }
        let fresh = || Member {
            identity: Arc::clone(&seen.identity),
            job_id: None,
            first: seen.first,
            last: seen.last,
            count: 0,
            failed: false,
        };
        let member = self.members.entry(key).or_insert_with(fresh);
        let order = |first: EventTime, identity: &Identity| (first, identity.fingerprint);
        if order(seen.first, &seen.identity) < order(member.first, &member.identity) {
            member.first = seen.first;
            member.identity = Arc::clone(&seen.identity);
        }
        member.last = member.last.max(seen.last);
        member.failed |= seen.failed;
        member.count = member.count.saturating_add(seen.count);
        if member.job_id.is_none() {
            member.job_id.clone_from(&seen.job_id);
        }
    }

    /// Takes in all of another failure that turned out to be this one.
    pub fn join(&mut self, other: Failure) {
        self.uncounted = self.uncounted.saturating_add(other.uncounted);
        for member in other.members.into_values() {
            self.see(&Sighting {
                subject: Subject::Process("".into()),
                job_id: member.job_id,
                identity: member.identity,
                first: member.first,
                last: member.last,
                count: member.count,
                failed: member.failed,
            });
        }
    }

    /// Whether an error of this group was seen: the same failure, told by others, may lose its message.
    #[must_use]
    pub fn has(&self, group: Group) -> bool {
        self.members.values().any(|member| member.identity.group == group)
    }

    /// Events in all.
    #[must_use]
    pub fn events(&self) -> u64 {
        let counted = self.members.values().map(|member| member.count);
        counted.fold(self.uncounted, u64::saturating_add)
    }

    /// The first event.
    #[must_use]
    pub fn first(&self) -> Option<EventTime> {
        self.members.values().map(|member| member.first).min()
    }

    /// The last event.
    #[must_use]
    pub fn last(&self) -> Option<EventTime> {
        self.members.values().map(|member| member.last).max()
    }

    /// The root: of what is no consequence of another one here and says why, the first to be seen.
    #[must_use]
    pub fn root(&self, cascades: &Cascades) -> Option<&Member> {
        let others = self
            .members
            .values()
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

    /// All but the root, in the order they were first seen, noise left out.
    #[must_use]
    pub fn followers(&self, cascades: &Cascades) -> Vec<&Member> {
        let root = self.root(cascades).map(|root| root.identity.fingerprint);
        let is_follower =
            |member: &&Member| member.identity.part != Part::Noise && Some(member.identity.fingerprint) != root;
        let mut followers: Vec<&Member> = self.members.values().filter(is_follower).collect();
        followers.sort_by_key(|member| (member.first, member.identity.fingerprint));
        followers
    }

    /// The worst of what is no noise.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let told = self
            .members
            .values()
            .filter(|member| member.identity.part != Part::Noise);
        told.map(|member| member.identity.severity)
            .max()
            .unwrap_or(Severity::Info)
    }
}

fn standing(member: &Member, cascades: &Cascades) -> Standing {
    let identity = &member.identity;
    // What a task failed with is no trifle, whatever level its line had.
    let is_light = identity.severity < Severity::Medium && !member.failed;
    match identity.part {
        _ if cascades.is_last_resort(&identity.error_type) => Standing::LastResort,
        _ if cascades.is_state(&identity.error_type) => Standing::State,
        Part::Noise => Standing::Light,
        Part::Root | Part::Symptom if is_light => Standing::Light,
        Part::Root => Standing::Root,
        Part::Symptom => Standing::Symptom,
    }
}
