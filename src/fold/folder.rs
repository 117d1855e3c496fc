//! The table on the hot path.

use super::group::{Cell, Detail, Fold};
use super::{Flush, FoldLimits, Ledger, LedgerBroken, Reject, Sample};
use crate::engine::Identified;
use crate::event::{Dimensions, ErrorEvent, EventTime, IssueId, Minute, Text, Thrown};
use crate::identity::Identity;
use hashbrown::HashTable;
use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// Folds events into cells, one look-up each.
///
/// A cell is keyed by the addresses of the identity and the dimensions (both are held by the cell, so an address
/// cannot come to mean something else) and the minute. The engine interns both, so addresses nearly always meet;
/// where equal content came under two addresses, [`Fold::into_flush`] joins the cells by content. Equal input gives
/// equal flushes however it was interned.
///
/// The sample of a (job, fingerprint, minute) is its earliest event, of several the smallest by content. A later
/// event costs nothing; an earlier one, or another of the same instant, costs one [`Identified::sample`]. The worst
/// order there is (every event earlier than all before) thus costs as much as as many new errors would, and no more;
/// in a shuffled order of n events it happens about ln n times. Keeping the raw record instead was left alone: it
/// would copy whole records on the common path to make a rare one cheaper.
#[derive(Debug, Default)]
pub struct Folder {
    limits: FoldLimits,
    hasher: foldhash::fast::RandomState,
    /// By (address of identity, address of dimensions, minute).
    cells: HashTable<Cell>,
    details: Vec<Detail>,
    /// Indexes into `details`, by (issue, minute).
    by_issue: HashTable<u32>,
    rejects: Vec<Reject>,
    sources: Vec<(Arc<str>, Ledger)>,
    /// The source of the last record: mostly that of the next.
    last_source: usize,
    bytes: usize,
}

impl Folder {
    /// An empty folder with these bounds.
    #[must_use]
    pub fn new(limits: FoldLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Enters a record into the ledger: it was read, and so many outcomes came of it. Called once per record,
    /// beside [`Folder::add`] or [`Folder::reject`] once per outcome.
    pub fn record(&mut self, source: &Arc<str>, outcomes: u64) {
        let ledger = self.ledger(source);
        ledger.records += 1;
        ledger.extra += outcomes.saturating_sub(1);
    }

    /// Folds one event.
    pub fn add(&mut self, identified: &Identified<'_>, source: &Arc<str>) {
        self.ledger(source).folded += 1;
        let event = identified.event;
        self.fold(
            event.time,
            identified.identity,
            identified.dimensions,
            || content_of(event, identified.dimensions),
            || identified.sample(),
        );
    }

    /// Folds one event as if it had happened at another time (the sample logs are moved so that they end now).
    pub fn add_at(&mut self, time: EventTime, identified: &Identified<'_>, source: &Arc<str>) {
        self.ledger(source).folded += 1;
        let event = identified.event;
        self.fold(
            time,
            identified.identity,
            identified.dimensions,
            || content_of(event, identified.dimensions),
            || Sample {
                event_time: time.rfc3339(),
                ..identified.sample()
            },
        );
    }

    /// Keeps one reject.
    pub fn reject(&mut self, mut reject: Reject) {
        reject.bytes.truncate(Reject::KEPT_BYTES);
        reject.bytes.shrink_to_fit();
        self.ledger(&Arc::clone(&reject.source)).rejected += 1;
        self.bytes += size_of::<Reject>() + reject.bytes.capacity() + reject.detail.capacity();
        self.rejects.push(reject);
    }

    /// Whether a bound was met and the fold wants to be flushed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.cells.len() >= self.limits.keys || self.bytes >= self.limits.bytes
    }

    /// Whether nothing was read since the last flush.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Bytes held, as accounted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes what was folded and begins anew. Cheap; [`Fold::into_flush`] does the grouping, on whatever thread.
    #[must_use]
    pub fn take_fold(&mut self) -> Fold {
        let cells = self.cells.len();
        let details = self.details.len();
        let fold = Fold {
            cells: std::mem::take(&mut self.cells).into_iter().collect(),
            details: std::mem::take(&mut self.details),
            rejects: std::mem::take(&mut self.rejects),
            sources: std::mem::take(&mut self.sources),
        };
        // As much room as was needed last time: the next fold is probably alike.
        self.cells.reserve(cells, |cell| cell.hash(&self.hasher));
        self.by_issue.clear();
        self.details.reserve(details);
        self.last_source = 0;
        self.bytes = 0;
        fold
    }

    /// Takes what was folded as a flush; positions and learned names are the caller's to fill in.
    ///
    /// # Errors
    /// When the ledger of a source does not add up: a bug.
    pub fn take(&mut self) -> Result<Flush, LedgerBroken> {
        self.take_fold().into_flush()
    }

    fn ledger(&mut self, source: &Arc<str>) -> &mut Ledger {
        let same = |(name, _): &(Arc<str>, Ledger)| Arc::ptr_eq(name, source) || name == source;
        let hit = self.sources.get(self.last_source).is_some_and(same);
        if !hit {
            self.last_source = match self.sources.iter().position(same) {
                Some(at) => at,
                None => {
                    self.sources.push((Arc::clone(source), Ledger::default()));
                    self.sources.len() - 1
                }
            };
        }
        let at = self.last_source;
        #[allow(clippy::indexing_slicing, reason = "`at` was found or pushed a line above")]
        &mut self.sources[at].1
    }

    /// Folds one event whose content and sample are made only when asked for.
    pub(super) fn fold(
        &mut self,
        time: EventTime,
        identity: &Arc<Identity>,
        dimensions: &Arc<Dimensions>,
        content: impl Fn() -> Option<u64>,
        sample: impl FnOnce() -> Sample,
    ) {
        let minute = time.minute();
        let hash = cell_hash(&self.hasher, identity, dimensions, minute);
        let same = |cell: &Cell| cell.is(identity, dimensions, minute);
        if let Some(cell) = self.cells.find_mut(hash, same) {
            cell.count += 1;
            cell.last_seen = cell.last_seen.max(time);
            if time > cell.first_seen {
                return;
            }
            cell.first_seen = time;
            let at = cell.detail;
            self.offer(at, time, identity, content, sample);
            return;
        }
        let at = self.detail(time, identity, dimensions, minute, content, sample);
        let cell = Cell {
            identity: Arc::clone(identity),
            dimensions: Arc::clone(dimensions),
            minute,
            detail: at,
            count: 1,
            first_seen: time,
            last_seen: time,
        };
        self.bytes += size_of::<Cell>() + dimensions_weight(dimensions);
        self.cells.insert_unique(hash, cell, |cell| cell.hash(&self.hasher));
    }

    /// The detail of a new cell: one that is there is offered the event as its sample, else one is made.
    fn detail(
        &mut self,
        time: EventTime,
        identity: &Arc<Identity>,
        dimensions: &Arc<Dimensions>,
        minute: Minute,
        content: impl Fn() -> Option<u64>,
        sample: impl FnOnce() -> Sample,
    ) -> u32 {
        let job = dimensions.job().0;
        let issue = IssueId::of(job, identity.fingerprint);
        let hash = self.hasher.hash_one((issue, minute));
        let details = &self.details;
        let found = self.by_issue.find(hash, |&at| {
            usize::try_from(at)
                .ok()
                .and_then(|at| details.get(at))
                .is_some_and(|d| d.issue == issue && d.minute == minute)
        });
        if let Some(&at) = found {
            self.offer(at, time, identity, content, sample);
            return at;
        }
        let mut sample = sample();
        sample.cut_to_limits();
        let detail = Detail {
            issue,
            job: job.into(),
            minute,
            time,
            identity: Arc::clone(identity),
            content: content(),
            sample,
        };
        self.bytes += size_of::<Detail>() + job.len() + detail.sample.weight() + identity_weight(identity);
        // The bound on keys keeps the number of details far below u32::MAX.
        let at = u32::try_from(self.details.len()).unwrap_or(u32::MAX);
        self.details.push(detail);
        let details = &self.details;
        let hasher = &self.hasher;
        self.by_issue.insert_unique(hash, at, |&at| {
            let detail = usize::try_from(at).ok().and_then(|at| details.get(at));
            detail.map_or(0, |d| hasher.hash_one((d.issue, d.minute)))
        });
        at
    }

    /// Makes the event the sample of the detail if it is earlier, or of the same instant and smaller.
    fn offer(
        &mut self,
        at: u32,
        time: EventTime,
        identity: &Arc<Identity>,
        content: impl Fn() -> Option<u64>,
        sample: impl FnOnce() -> Sample,
    ) {
        let Some(detail) = usize::try_from(at).ok().and_then(|at| self.details.get_mut(at)) else {
            return;
        };
        let content = match time.cmp(&detail.time) {
            Ordering::Greater => return,
            Ordering::Less => content(),
            Ordering::Equal => {
                let content = content();
                let same_content = content.is_some() && content == detail.content;
                if same_content && Arc::ptr_eq(identity, &detail.identity) {
                    return;
                }
                content
            }
        };
        let mut sample = sample();
        sample.cut_to_limits();
        let wins = time < detail.time
            || sample
                .cmp_content(&detail.sample)
                .then_with(|| super::group::cmp_identity(identity, &detail.identity))
                .is_lt();
        if wins {
            self.bytes = self
                .bytes
                .saturating_sub(detail.sample.weight())
                .saturating_add(sample.weight());
            detail.time = time;
            detail.sample = sample;
            detail.content = content;
            detail.identity = Arc::clone(identity);
        }
    }
}

impl Cell {
    fn is(&self, identity: &Arc<Identity>, dimensions: &Arc<Dimensions>, minute: Minute) -> bool {
        self.minute == minute && Arc::ptr_eq(&self.identity, identity) && Arc::ptr_eq(&self.dimensions, dimensions)
    }

    fn hash(&self, hasher: &foldhash::fast::RandomState) -> u64 {
        cell_hash(hasher, &self.identity, &self.dimensions, self.minute)
    }
}

fn cell_hash(
    hasher: &foldhash::fast::RandomState,
    identity: &Arc<Identity>,
    dimensions: &Arc<Dimensions>,
    minute: Minute,
) -> u64 {
    let addresses = (Arc::as_ptr(identity).addr(), Arc::as_ptr(dimensions).addr());
    hasher.hash_one((addresses, minute))
}

/// A hash of all that a sample is made of, so that equal events of one instant need no second sample. `None` where
/// it cannot be had cheaply.
fn content_of(event: &ErrorEvent<'_>, dimensions: &Dimensions) -> Option<u64> {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let mut text = |text: Option<&Text<'_>>| match text {
        Some(text) => {
            hasher.write_u8(match text {
                Text::Escaped(_) => 2,
                Text::Plain(_) | Text::Owned(_) => 1,
            });
            text.held().hash(&mut hasher);
        }
        None => hasher.write_u8(0),
    };
    text(Some(&event.message));
    text(event.level.as_ref());
    text(event.logger.as_ref());
    text(event.thread.as_ref());
    match &event.thrown {
        Thrown::Absent => text(None),
        Thrown::Text(stack) => text(Some(stack)),
        Thrown::Json { raw, shape: _ } => text(Some(raw)),
        Thrown::Named { class, message } => {
            text(Some(class));
            text(message.as_ref());
        }
        Thrown::Parsed(_) => return None,
    }
    event.layout.hash(&mut hasher);
    event.truncated.hash(&mut hasher);
    dimensions.hash(&mut hasher);
    Some(hasher.finish())
}

fn dimensions_weight(dimensions: &Dimensions) -> usize {
    let texts = dimensions.texts();
    let texts: usize = texts.iter().filter_map(|(_, text)| text.map(|t| t.len() + 16)).sum();
    size_of::<Dimensions>() + texts
}

fn identity_weight(identity: &Identity) -> usize {
    let optional = [&identity.exception, &identity.top_frame, &identity.exception_template];
    let optional: usize = optional.into_iter().flatten().map(String::len).sum();
    let chain: usize = identity.exception_chain.iter().map(|class| class.len() + 24).sum();
    size_of::<Identity>() + identity.template.len() + optional + chain
}

#[cfg(test)]
mod tests;
