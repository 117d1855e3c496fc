//! From a flush to the records of our topics, as bytes ready to send.

use super::sent::Sent;
use crate::config::servers::TopicNames;
use crate::event::{EventTime, IssueId, Minute};
use crate::fold::{DetailDelta, Flush, Reject, Sample, StatRow};
use crate::source::kafka::settings::LARGEST_RECORD;
use crate::topics::detail::Detail;
use crate::topics::reject::{RejectRecord, Stage};
use crate::topics::stat::{Heartbeat, Stat};
use std::io::Write as _;
use std::sync::Arc;

/// Which of our topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Details,
    Stats,
    Rejects,
    Names,
}

impl Topic {
    /// Its name in Kafka.
    pub(super) fn name(self, names: &TopicNames) -> &str {
        match self {
            Topic::Details => &names.details,
            Topic::Stats => &names.stats,
            Topic::Rejects => &names.rejects,
            Topic::Names => &names.names,
        }
    }
}

/// Records in the order they are sent, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    ends: Vec<Ends>,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    topic: Topic,
    start: usize,
    key: usize,
    payload: usize,
}

/// A record to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) topic: Topic,
    pub(super) key: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl Records {
    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// All records.
    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'_>> + Clone {
        self.ends.iter().map(|ends| Record {
            topic: ends.topic,
            key: self.bytes.get(ends.start..ends.key).unwrap_or_default(),
            payload: self.bytes.get(ends.key..ends.payload).unwrap_or_default(),
        })
    }

    /// Adds a record and says how long it became.
    fn push(
        &mut self,
        topic: Topic,
        key: impl std::fmt::Display,
        value: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> usize {
        let start = self.bytes.len();
        // Writing to memory cannot fail, and our records hold nothing that JSON cannot say.
        let _written = write!(self.bytes, "{key}");
        let key = self.bytes.len();
        let _written = value(&mut self.bytes);
        let payload = self.bytes.len();
        self.ends.push(Ends {
            topic,
            start,
            key,
            payload,
        });
        payload - start
    }

    /// Takes the last record back.
    fn pop(&mut self) {
        if let Some(ends) = self.ends.pop() {
            self.bytes.truncate(ends.start);
        }
    }
}

/// How large records may become, as far as brokers have told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Largest {
    pub(super) details: usize,
    pub(super) rejects: usize,
}

impl Default for Largest {
    fn default() -> Self {
        Self {
            details: LARGEST_RECORD,
            rejects: LARGEST_RECORD,
        }
    }
}

/// The sizes tried one after the other: what `setup` makes, a broker's default, and ever less.
const SIZES: &[usize] = &[LARGEST_RECORD, 900_000, 400_000, 100_000, 30_000];

impl Largest {
    /// The next smaller size for a topic, after a broker refused; `None` where there is none that would help.
    pub(super) fn smaller(&mut self, topic: Topic) -> Option<usize> {
        let of_topic = match topic {
            Topic::Details => &mut self.details,
            Topic::Rejects => &mut self.rejects,
            // Nothing in them can be cut.
            Topic::Stats | Topic::Names => return None,
        };
        let next = SIZES.iter().copied().find(|size| size < of_topic)?;
        *of_topic = next;
        Some(next)
    }
}

/// What goes into the records of one partition's flush.
pub(super) struct Contents<'a> {
    pub(super) flush: &'a Flush,
    /// Input topic and partition.
    pub(super) topic: &'a Arc<str>,
    pub(super) partition: i32,
    pub(super) heartbeat: Heartbeat,
    /// When, milliseconds since the epoch.
    pub(super) now: i64,
}

/// A sample that goes out with these records.
pub(super) type SampleSent = (IssueId, Minute, i64);

/// The records of a flush, and which samples are among them.
pub(super) fn encode(contents: Contents<'_>, sent: &Sent, largest: Largest) -> (Records, Vec<SampleSent>) {
    let mut records = Records::default();
    let mut samples = Vec::new();
    let flush = contents.flush;
    for delta in &flush.details {
        let nanos = delta.first_seen.nanos();
        let with_sample = sent.is_news(delta.issue, delta.minute, nanos);
        push_detail(&mut records, delta, with_sample, largest.details);
        if with_sample {
            samples.push((delta.issue, delta.minute, nanos));
        }
    }
    let mut minute = MinuteText::default();
    for row in &flush.stats {
        push_stat(&mut records, row, minute.of(row.minute));
    }
    for reject in &flush.rejects {
        push_reject(
            &mut records,
            reject,
            contents.topic,
            contents.partition,
            largest.rejects,
        );
    }
    let heartbeat = contents.heartbeat;
    // An idle partition's watermark is the present: a beat in an old minute would open old segments again and again.
    let at = heartbeat.watermark.filter(|_| !heartbeat.idle).unwrap_or(contents.now);
    let time = minute.of(EventTime::from_millis(at).minute()).to_owned();
    let key = format!("{}/{}", contents.topic, contents.partition);
    let beat = Stat::heartbeat(time, heartbeat);
    records.push(Topic::Stats, key, |out| serde_json::to_writer(out, &beat));
    (records, samples)
}

/// Names learned, as records.
pub(super) fn encode_names(learned: &[(Box<str>, Box<str>)]) -> Records {
    let mut records = Records::default();
    for (id, name) in learned {
        let start = records.bytes.len();
        records.bytes.extend_from_slice(id.as_bytes());
        let key = records.bytes.len();
        records.bytes.extend_from_slice(name.as_bytes());
        records.ends.push(Ends {
            topic: Topic::Names,
            start,
            key,
            payload: records.bytes.len(),
        });
    }
    records
}

/// Room for the frame of a record: lengths, time, checksum.
const FRAME: usize = 512;

fn push_detail(records: &mut Records, delta: &DetailDelta, with_sample: bool, largest: usize) {
    let bytes = records.push(Topic::Details, delta.issue, |out| {
        Detail::write(delta, with_sample, out)
    });
    if bytes + FRAME <= largest || !with_sample {
        return;
    }
    records.pop();
    // What a broker does not take whole is cut where it is longest, and says so.
    let mut cut = Detail::of(delta, with_sample);
    let mut keep = largest / 4;
    loop {
        if let Some(sample) = &mut cut.sample {
            cut_sample(sample, keep);
        }
        let bytes = records.push(Topic::Details, delta.issue, |out| serde_json::to_writer(out, &cut));
        if bytes + FRAME <= largest || keep == 0 {
            return;
        }
        records.pop();
        keep /= 2;
    }
}

fn cut_sample(sample: &mut Sample, keep: usize) {
    if let Some(stack) = &mut sample.stack
        && stack.len() > keep
    {
        let before = u64::try_from(stack.len()).unwrap_or(u64::MAX);
        stack.truncate(stack.floor_char_boundary(keep));
        sample.stack_bytes.get_or_insert(before);
        sample.truncated = true;
    }
    if sample.message.len() > keep {
        sample.message.truncate(sample.message.floor_char_boundary(keep));
        sample.truncated = true;
    }
    for value in sample.dimensions.values_mut().filter(|value| value.len() > keep) {
        value.truncate(value.floor_char_boundary(keep));
        sample.truncated = true;
    }
}

/// Rows of a job stay together, so that who follows the counts sees a series in one partition.
fn push_stat(records: &mut Records, row: &StatRow, time: &str) {
    let job = row.dimensions.job().0;
    records.push(Topic::Stats, job, |out| Stat::write(row, time, out));
}

fn push_reject(records: &mut Records, reject: &Reject, topic: &Arc<str>, partition: i32, largest: usize) {
    // Base64 takes four bytes for three; the rest of the record is short.
    let room = largest.saturating_sub(8 * FRAME + reject.detail.len()) / 4 * 3;
    let kept = reject.bytes.get(..room).unwrap_or(&reject.bytes);
    let offset = i64::try_from(reject.offset).unwrap_or(i64::MAX);
    let record = RejectRecord {
        stage: Stage::Process,
        topic: topic.to_string(),
        partition,
        offset,
        reason: reject.reason.to_string(),
        detail: reject.detail.clone(),
        length: reject.length,
        bytes: RejectRecord::encode(kept),
        rejected_at: reject.rejected_at,
    };
    let key = format!("{topic}/{partition}/{offset}");
    records.push(Topic::Rejects, key, |out| serde_json::to_writer(out, &record));
}

/// The text of a minute, made once for rows that follow each other in it.
#[derive(Default)]
struct MinuteText(Option<(Minute, String)>);

impl MinuteText {
    fn of(&mut self, minute: Minute) -> &str {
        if self.0.as_ref().is_none_or(|(known, _)| *known != minute) {
            self.0 = Some((minute, EventTime::from_millis(minute.start_millis()).rfc3339()));
        }
        self.0.as_ref().map_or("", |(_, text)| text)
    }
}
