//! What the topics say, added up record by record.

use crate::topics::detail::Detail;
use crate::topics::reject::{RejectRecord, Stage};
use crate::topics::replayed::Replayed;
use crate::topics::stat::{Stat, StatKind};
use std::collections::BTreeMap;

/// An input partition.
pub type Place = (String, i32);

/// What was said of one input partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Input {
    /// Heartbeats.
    pub heartbeats: u64,
    /// Records read.
    pub records: u64,
    /// Events folded.
    pub folded: u64,
    /// Rejects told by heartbeats.
    pub rejected: u64,
    /// Rejects found in `error-rejects`.
    pub rejects: u64,
    /// The offset to go on at.
    pub next_offset: i64,
    /// Where its first heartbeat began.
    pub first_offset: i64,
    /// Where the first heartbeat began of those whose input is still in the topic.
    pub kept_from: Option<i64>,
    /// Records of those.
    pub kept_records: u64,
}

impl Input {
    /// Offsets that held no record of ours: marks of transactions, records compacted away, or records passed over.
    #[must_use]
    pub fn holes(&self) -> i64 {
        (self.next_offset - self.first_offset).saturating_sub(super::span::signed(self.records))
    }
}

/// What all topics say together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events in the counts of `error-stats`.
    pub stats: u64,
    /// By input partition.
    pub inputs: BTreeMap<Place, Input>,
    /// Events in the deltas of `error-details`.
    pub details: u64,
    /// Events of deltas whose minute the search node refused.
    pub refused_minutes: u64,
    /// Events of deltas whose issue the search node refused.
    pub refused_issues: u64,
    /// Records that could not be read: by topic.
    pub unreadable: BTreeMap<String, u64>,
    /// First offset of each input partition that is still there.
    kept: BTreeMap<Place, i64>,
    /// What the name of the index of issues is: refusals name it.
    issues_index: String,
}

impl Counted {
    /// Nothing yet. `kept` holds the first offset of each input partition; refusals of `issues_index` leave the
    /// minutes alone.
    #[must_use]
    pub fn new(kept: BTreeMap<Place, i64>, issues_index: String) -> Self {
        Self {
            kept,
            issues_index,
            ..Self::default()
        }
    }

    /// Everything folded, as the heartbeats say.
    #[must_use]
    pub fn folded(&self) -> u64 {
        self.inputs.values().map(|input| input.folded).sum()
    }

    /// Adds a record of `error-stats`.
    pub fn add_stat(&mut self, topic: &str, payload: &[u8]) {
        let Ok(stat) = serde_json::from_slice::<Stat>(payload) else {
            return self.cannot_read(topic);
        };
        match (stat.kind, stat.heartbeat) {
            (StatKind::Error, _) => self.stats = self.stats.saturating_add(stat.count),
            (StatKind::Heartbeat, None) => self.cannot_read(topic),
            (StatKind::Heartbeat, Some(beat)) => {
                let place = (beat.topic, beat.partition);
                let kept = self.kept.get(&place).copied().unwrap_or(0);
                let input = self.inputs.entry(place).or_default();
                let began = if input.heartbeats == 0 {
                    beat.next_offset.saturating_sub(super::span::signed(beat.records))
                } else {
                    input.next_offset
                };
                if input.heartbeats == 0 {
                    input.first_offset = began;
                }
                if began >= kept {
                    input.kept_from.get_or_insert(began);
                    input.kept_records = input.kept_records.saturating_add(beat.records);
                }
                input.heartbeats += 1;
                input.records = input.records.saturating_add(beat.records);
                input.folded = input.folded.saturating_add(beat.folded);
                input.rejected = input.rejected.saturating_add(beat.rejected);
                input.next_offset = input.next_offset.max(beat.next_offset);
            }
        }
    }

    /// Adds a record of `error-details`.
    pub fn add_detail(&mut self, topic: &str, payload: &[u8]) {
        match serde_json::from_slice::<Detail>(payload) {
            Ok(detail) => self.details = self.details.saturating_add(detail.count),
            Err(_) => self.cannot_read(topic),
        }
    }

    /// Adds a record of `error-rejects`.
    pub fn add_reject(&mut self, topic: &str, payload: &[u8]) {
        let Ok(reject) = serde_json::from_slice::<RejectRecord>(payload) else {
            // What was sent back is counted where it went; its note is no reject.
            if serde_json::from_slice::<Replayed>(payload).is_err() {
                self.cannot_read(topic);
            }
            return;
        };
        match reject.stage {
            Stage::Process => {
                let input = self.inputs.entry((reject.topic, reject.partition)).or_default();
                input.rejects = input.rejects.saturating_add(1);
            }
            Stage::Index => {
                let count = reject
                    .decoded()
                    .ok()
                    .and_then(|bytes| serde_json::from_slice::<Detail>(&bytes).ok())
                    .map(|detail| detail.count);
                let Some(count) = count else {
                    // Cut, as it was too long, or of a version we do not know: its count cannot be had.
                    return self.cannot_read(topic);
                };
                let (minute, issue) = refused(&reject.detail, &self.issues_index);
                self.refused_minutes = self.refused_minutes.saturating_add(if minute { count } else { 0 });
                self.refused_issues = self.refused_issues.saturating_add(if issue { count } else { 0 });
            }
        }
    }

    fn cannot_read(&mut self, topic: &str) {
        let count = self.unreadable.entry(topic.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
}

/// Which of a delta's documents were refused, from the words of the reject (`INDEX: reason; INDEX: reason`): its
/// minute, its issue. A delta that was not even tried has neither.
fn refused(detail: &str, issues_index: &str) -> (bool, bool) {
    let issue = detail.split("; ").any(|part| {
        part.strip_prefix(issues_index)
            .is_some_and(|rest| rest.starts_with(": "))
    });
    let minute = issues_index.strip_suffix("-issues").is_some_and(|prefix| {
        detail
            .split("; ")
            .any(|part| part.starts_with(&format!("{prefix}-details-")))
    });
    if minute || issue { (minute, issue) } else { (true, true) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::stat::Heartbeat;

    fn beat(next_offset: i64, folded: u64, rejected: u64) -> Vec<u8> {
        let beat = Heartbeat {
            topic: "in".into(),
            partition: 0,
            next_offset,
            records: folded + rejected,
            folded,
            rejected,
            watermark: None,
            idle: false,
        };
        serde_json::to_vec(&Stat::heartbeat("2026-11-20T00:00:00.000Z".into(), beat)).unwrap()
    }

    #[test]
    fn heartbeats_add_up_and_show_offsets_without_records() {
        let mut counted = Counted::new(BTreeMap::from([(("in".to_owned(), 0), 10)]), "s-issues".into());
        counted.add_stat("t", &beat(10, 8, 2));
        counted.add_stat("t", &beat(15, 4, 0));
        counted.add_stat("t", b"{}");
        let input = counted.inputs[&("in".to_owned(), 0)];
        assert_eq!((input.records, input.folded, input.rejected), (14, 12, 2));
        assert_eq!((input.first_offset, input.next_offset, input.holes()), (0, 15, 1));
        // The first ten are gone from the input; the second heartbeat began at what is left.
        assert_eq!((input.kept_from, input.kept_records), (Some(10), 4));
        assert_eq!(counted.unreadable["t"], 1);
    }

    #[test]
    fn a_refusal_names_the_document_it_was_about() {
        for (detail, wanted) in [
            ("s-details-2026.11.20: no", (true, false)),
            ("s-issues: no", (false, true)),
            ("s-details-2026.11.20: a; s-issues: b", (true, true)),
            ("made by a later version", (true, true)),
        ] {
            assert_eq!(refused(detail, "s-issues"), wanted, "{detail}");
        }
    }

    #[test]
    fn no_bytes_break_it() {
        let mut counted = Counted::default();
        for payload in [&b""[..], b"null", b"[1", b"\xff", b"{\"kind\":\"heartbeat\"}"] {
            counted.add_stat("t", payload);
            counted.add_detail("t", payload);
            counted.add_reject("t", payload);
        }
        // A note of what was sent back is as it should be.
        counted.add_reject("t", br#"{"replayed":[7],"replayed_at":1795222384411}"#);
        assert_eq!(counted.unreadable["t"], 15);
    }
}
