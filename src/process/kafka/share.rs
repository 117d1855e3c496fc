//! What a thread holds of one partition: the fold that is filled, and the flush that waits for its transaction.

use super::encode::{self, Contents, Largest, Records, SampleSent};
use super::sent::Sent;
use crate::engine::{Engine, Outcome};
use crate::event::{Reason, Rejection};
use crate::fold::{Flush, FoldLimits, Folder, Ledger, LedgerBroken, Reject};
use crate::topics::stat::Heartbeat;
use std::sync::Arc;
use std::time::Instant;

/// One partition of ours.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    /// `topic/partition`.
    source: Arc<str>,
    folder: Folder,
    /// Records taken since the last flush was staged.
    taken: u64,
    /// The offset behind the last record taken.
    pub(super) next: i64,
    /// Whether the group has an offset of it: from then on it has one for as long as the topic lives.
    pub(super) has_offset: bool,
    /// Latest event time so far, never later than the present: a clock that is ahead must not close minutes.
    watermark: Option<i64>,
    /// Whether there is nothing left to read.
    pub(super) idle: bool,
    /// The flush on its way, the same until it is committed.
    staged: Option<Staged>,
    /// When a heartbeat was committed last.
    beaten: Option<Instant>,
}

/// A flush on its way.
#[derive(Debug)]
struct Staged {
    flush: Flush,
    records: Records,
    samples: Vec<SampleSent>,
    heartbeat: Heartbeat,
    staged_at: i64,
}

impl Share {
    pub(super) fn new(topic: Arc<str>, partition: i32, next: i64, limits: FoldLimits) -> Self {
        Self {
            source: format!("{topic}/{partition}").into(),
            topic,
            partition,
            folder: Folder::new(limits),
            taken: 0,
            next,
            has_offset: false,
            watermark: None,
            idle: false,
            staged: None,
            beaten: None,
        }
    }

    /// Reads one record into the fold.
    pub(super) fn take(&mut self, engine: &mut Engine, offset: i64, payload: &[u8], now: i64) {
        let (folder, source) = (&mut self.folder, &self.source);
        let watermark = &mut self.watermark;
        let mut outcomes = 0_u64;
        let reject = |rejection: Rejection| Reject {
            source: Arc::clone(source),
            offset: u64::try_from(offset).unwrap_or(0),
            reason: rejection.reason,
            detail: rejection.detail,
            length: u64::try_from(payload.len()).unwrap_or(u64::MAX),
            bytes: payload.get(..Reject::KEPT_BYTES).unwrap_or(payload).to_vec(),
            rejected_at: now,
        };
        engine.read(payload, &mut |outcome| {
            outcomes += 1;
            match outcome {
                Outcome::Folded(identified) => {
                    let time = identified.event.time.millis().min(now);
                    *watermark = Some(watermark.map_or(time, |before| before.max(time)));
                    folder.add(&identified, source);
                }
                Outcome::Rejected(rejection) => folder.reject(reject(rejection)),
            }
        });
        if outcomes == 0 {
            // The engine owes one outcome at least; a record without a fate must not pass.
            let nothing = Rejection::new(Reason::Empty, "nothing came of the record");
            self.folder.reject(reject(nothing));
            outcomes = 1;
        }
        self.folder.record(&self.source, outcomes);
        self.taken += 1;
        self.next = offset + 1;
        self.idle = false;
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let staged = self.staged.as_ref().map_or(0, |staged| staged.records.bytes());
        self.folder.bytes() + staged
    }

    pub(super) fn is_full(&self) -> bool {
        self.folder.is_full()
    }

    /// Whether records were taken that no flush holds yet.
    pub(super) fn has_news(&self) -> bool {
        self.taken > 0
    }

    pub(super) fn is_staged(&self) -> bool {
        self.staged.is_some()
    }

    /// When a heartbeat was committed last.
    pub(super) fn beaten(&self) -> Option<Instant> {
        self.beaten
    }

    /// Makes a flush of what was folded, unless one is on its way.
    ///
    /// # Errors
    /// When the ledger does not add up: a bug, found before anything is sent.
    pub(super) fn stage(&mut self, sent: &Sent, largest: Largest, now: i64) -> Result<(), LedgerBroken> {
        if self.staged.is_some() {
            return Ok(());
        }
        let flush = self.folder.take()?;
        let ledger = flush.ledger.get(&self.source).copied().unwrap_or_default();
        if ledger.records != self.taken || flush.ledger.len() > 1 {
            return Err(LedgerBroken {
                source_name: Arc::clone(&self.source),
                ledger,
            });
        }
        let heartbeat = Heartbeat {
            topic: self.topic.to_string(),
            partition: self.partition,
            next_offset: self.next,
            records: ledger.records,
            folded: ledger.folded,
            rejected: ledger.rejected,
            watermark: self.watermark,
            idle: self.idle,
        };
        self.taken = 0;
        self.staged = Some(self.staged(flush, heartbeat, sent, largest, now));
        Ok(())
    }

    /// Makes the records of the staged flush anew, with other bounds.
    pub(super) fn restage(&mut self, sent: &Sent, largest: Largest) {
        if let Some(old) = self.staged.take() {
            self.staged = Some(self.staged(old.flush, old.heartbeat, sent, largest, old.staged_at));
        }
    }

    fn staged(&self, flush: Flush, heartbeat: Heartbeat, sent: &Sent, largest: Largest, now: i64) -> Staged {
        let contents = Contents {
            flush: &flush,
            topic: &self.topic,
            partition: self.partition,
            heartbeat: heartbeat.clone(),
            now,
        };
        let (records, samples) = encode::encode(contents, sent, largest);
        Staged {
            flush,
            records,
            samples,
            heartbeat,
            staged_at: now,
        }
    }

    /// The records on their way.
    pub(super) fn records(&self) -> Option<&Records> {
        self.staged.as_ref().map(|staged| &staged.records)
    }

    /// The offset the staged flush ends before.
    pub(super) fn staged_next(&self) -> Option<i64> {
        self.staged.as_ref().map(|staged| staged.heartbeat.next_offset)
    }

    /// The staged flush was committed: it is forgotten, and what it told is noted.
    pub(super) fn committed(&mut self, sent: &mut Sent, now: Instant) -> Option<Ledger> {
        let staged = self.staged.take()?;
        for (issue, minute, nanos) in staged.samples {
            sent.note(issue, minute, nanos);
        }
        self.beaten = Some(now);
        self.has_offset = true;
        staged.flush.ledger.get(&self.source).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::Topic;
    use super::*;
    use crate::rules::RuleSet;
    use crate::topics::detail::Detail;
    use crate::topics::reject::RejectRecord;
    use crate::topics::stat::{Stat, StatKind};

    const NOW: i64 = 1_795_222_400_000;

    fn engine() -> Engine {
        Engine::new(Arc::new(RuleSet::shipped().unwrap()), jiff::tz::TimeZone::UTC)
    }

    fn share() -> Share {
        Share::new("flink-errors".into(), 3, 40, FoldLimits::default())
    }

    fn record(second: u32, message: &str) -> Vec<u8> {
        format!(
            r#"{{"@timestamp":"2026-11-21T00:53:{second:02}.300Z","log.level":"ERROR","message":"{message}","service.name":"j"}}"#
        )
        .into_bytes()
    }

    fn payloads(share: &Share, topic: Topic) -> Vec<Vec<u8>> {
        let records = share.records().unwrap().iter();
        records
            .filter(|record| record.topic == topic)
            .map(|record| record.payload.to_vec())
            .collect()
    }

    fn details(share: &Share) -> Vec<Detail> {
        payloads(share, Topic::Details)
            .iter()
            .map(|bytes| serde_json::from_slice(bytes).unwrap())
            .collect()
    }

    #[test]
    fn a_flush_on_its_way_stays_the_same_while_reading_goes_on() {
        let (mut share, mut engine, mut sent) = (share(), engine(), Sent::default());
        share.take(&mut engine, 40, &record(5, "boom"), NOW);
        share.take(&mut engine, 41, b"{\"half", NOW);
        share.take(&mut engine, 43, &record(6, "boom"), NOW);
        share.stage(&sent, Largest::default(), NOW).unwrap();
        let before: Vec<Vec<u8>> = share
            .records()
            .unwrap()
            .iter()
            .map(|record| record.payload.to_vec())
            .collect();
        share.take(&mut engine, 44, &record(7, "boom"), NOW);
        share.stage(&sent, Largest::default(), NOW).unwrap();
        let after: Vec<Vec<u8>> = share
            .records()
            .unwrap()
            .iter()
            .map(|record| record.payload.to_vec())
            .collect();
        assert_eq!(before, after);
        assert_eq!(share.staged_next(), Some(44));
        let beat = payloads(&share, Topic::Stats).pop().unwrap();
        let beat: Stat = serde_json::from_slice(&beat).unwrap();
        assert_eq!(beat.kind, StatKind::Heartbeat);
        let heartbeat = beat.heartbeat.unwrap();
        assert_eq!((heartbeat.records, heartbeat.folded, heartbeat.rejected), (3, 2, 1));
        assert_eq!(
            (heartbeat.next_offset, heartbeat.watermark),
            (44, Some(1_795_222_386_300))
        );
        assert_eq!(beat.time, "2026-11-21T00:53:00.000Z");
        let ledger = share.committed(&mut sent, Instant::now()).unwrap();
        assert_eq!((ledger.records, ledger.folded, ledger.rejected), (3, 2, 1));
        assert!(!share.is_staged() && share.has_news());
    }

    #[test]
    fn a_sample_travels_once_unless_an_earlier_event_comes() {
        let (mut share, mut engine, mut sent) = (share(), engine(), Sent::default());
        let cases = [(30, true), (31, false), (30, false), (10, true), (20, false)];
        for (offset, (second, wanted)) in (40..).zip(cases) {
            share.take(&mut engine, offset, &record(second, "boom"), NOW);
            share.stage(&sent, Largest::default(), NOW).unwrap();
            let told = details(&share);
            assert_eq!((told.len(), told[0].sample.is_some()), (1, wanted), "{second}");
            share.committed(&mut sent, Instant::now());
        }
    }

    #[test]
    fn a_sample_of_a_flush_that_was_not_committed_travels_again() {
        let (mut share, mut engine, sent) = (share(), engine(), Sent::default());
        share.take(&mut engine, 40, &record(5, "boom"), NOW);
        share.stage(&sent, Largest::default(), NOW).unwrap();
        share.restage(&sent, Largest::default());
        assert!(details(&share)[0].sample.is_some());
    }

    #[test]
    fn what_is_too_large_is_cut_and_says_how_long_it_was() {
        let (mut share, mut engine, sent) = (share(), engine(), Sent::default());
        let long = "x".repeat(50_000);
        share.take(&mut engine, 40, &record(5, &format!("boom {long}")), NOW);
        share.take(&mut engine, 41, format!("{{\"half {long}").as_bytes(), NOW);
        let mut largest = Largest::default();
        while largest.smaller(Topic::Details).is_some() {}
        while largest.smaller(Topic::Rejects).is_some() {}
        share.stage(&sent, largest, NOW).unwrap();
        for record in share.records().unwrap().iter() {
            assert!(record.payload.len() + record.key.len() < 30_000, "{:?}", record.topic);
        }
        let sample = details(&share).remove(0).sample.unwrap();
        assert!(sample.truncated && sample.message.starts_with("boom xxx"));
        let reject = payloads(&share, Topic::Rejects).remove(0);
        let reject: RejectRecord = serde_json::from_slice(&reject).unwrap();
        assert_eq!((reject.length, reject.offset, reject.partition), (50_007, 41, 3));
        assert!(reject.decoded().unwrap().starts_with(b"{\"half xxx"));
    }

    #[test]
    fn a_clock_that_is_ahead_moves_no_watermark_beyond_the_present() {
        let (mut share, mut engine, sent) = (share(), engine(), Sent::default());
        let early = 1_795_222_000_000;
        share.take(&mut engine, 40, &record(5, "boom"), early);
        share.stage(&sent, Largest::default(), early).unwrap();
        let beat: Stat = serde_json::from_slice(&payloads(&share, Topic::Stats).pop().unwrap()).unwrap();
        assert_eq!(beat.heartbeat.unwrap().watermark, Some(early));
    }

    #[test]
    fn an_empty_record_is_a_reject() {
        let (mut share, mut engine, mut sent) = (share(), engine(), Sent::default());
        share.take(&mut engine, 40, b"", NOW);
        share.stage(&sent, Largest::default(), NOW).unwrap();
        assert_eq!(share.committed(&mut sent, Instant::now()).unwrap().rejected, 1);
    }
}
