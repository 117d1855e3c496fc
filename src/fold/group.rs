//! From the table to deltas and rows: joins by content what met under different addresses, and sorts.

use super::{DetailDelta, Flush, Ledger, LedgerBroken, Reject, Sample, SeenOn, StatRow};
use crate::event::{Dimensions, EventTime, IssueId, Minute};
use crate::identity::Identity;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Events of one (identity, dimensions, minute).
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) identity: Arc<Identity>,
    pub(super) dimensions: Arc<Dimensions>,
    pub(super) minute: Minute,
    /// Index of its (job, fingerprint, minute).
    pub(super) detail: u32,
    pub(super) count: u64,
    pub(super) first_seen: EventTime,
    pub(super) last_seen: EventTime,
}

/// The (job, fingerprint, minute) of some cells, and its sample so far.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) issue: IssueId,
    pub(super) job: Box<str>,
    pub(super) minute: Minute,
    /// When the sample happened.
    pub(super) time: EventTime,
    /// Identity of the sample: where texts differ under one fingerprint, delta and sample tell the same story.
    pub(super) identity: Arc<Identity>,
    /// Hash of the sample's event, where it could be had.
    pub(super) content: Option<u64>,
    pub(super) sample: Sample,
}

/// What was folded, not yet grouped.
#[derive(Debug, Default)]
pub struct Fold {
    pub(super) cells: Vec<Cell>,
    pub(super) details: Vec<Detail>,
    pub(super) rejects: Vec<Reject>,
    pub(super) sources: Vec<(Arc<str>, Ledger)>,
}

impl Fold {
    /// Groups and sorts: equal input gives equal flushes. Positions and learned names are the caller's to fill in.
    ///
    /// # Errors
    /// When the ledger of a source does not add up: a bug.
    pub fn into_flush(mut self) -> Result<Flush, LedgerBroken> {
        let mut ledger = BTreeMap::new();
        for (source_name, of_source) in self.sources {
            if !of_source.adds_up() {
                return Err(LedgerBroken {
                    source_name,
                    ledger: of_source,
                });
            }
            ledger.insert(source_name, of_source);
        }
        let counted: u64 = self.cells.iter().map(|cell| cell.count).sum();
        let mut all = Ledger::default();
        ledger.values().for_each(|of_source| all.add(of_source));
        if counted != all.folded {
            all.folded = counted;
            return Err(LedgerBroken {
                source_name: "all sources together".into(),
                ledger: all,
            });
        }
        self.rejects
            .sort_by(|a, b| (&a.source, a.offset, &a.detail).cmp(&(&b.source, b.offset, &b.detail)));
        self.cells.sort_by_key(|cell| cell.detail);
        Ok(Flush {
            stats: stat_rows(&self.cells),
            details: detail_deltas(&self.cells, self.details),
            rejects: self.rejects,
            positions: Vec::new(),
            learned: Vec::new(),
            ledger,
        })
    }
}

/// One delta per detail, sorted by (issue, minute). `cells` are sorted by their detail.
fn detail_deltas(cells: &[Cell], details: Vec<Detail>) -> Vec<DetailDelta> {
    let mut runs = cells.chunk_by(|a, b| a.detail == b.detail);
    let mut deltas: Vec<DetailDelta> = Vec::with_capacity(details.len());
    // Every detail was made for a cell, and both are in the order of their index.
    for (detail, run) in details.into_iter().zip(&mut runs) {
        let last_seen = run.iter().map(|cell| cell.last_seen).max();
        deltas.push(DetailDelta {
            issue: detail.issue,
            job: detail.job,
            minute: detail.minute,
            identity: detail.identity,
            count: run.iter().map(|cell| cell.count).sum(),
            first_seen: detail.time,
            last_seen: last_seen.unwrap_or(detail.time),
            seen_on: seen_on(run),
            sample: Arc::new(detail.sample),
        });
    }
    deltas.sort_by_key(|delta| (delta.issue, delta.minute));
    deltas
}

fn seen_on(run: &[Cell]) -> SeenOn {
    let mut more = false;
    let mut of = |field: fn(&Dimensions) -> Option<&str>| {
        let mut values: Vec<&str> = run.iter().filter_map(|cell| field(&cell.dimensions)).collect();
        values.sort_unstable();
        values.dedup();
        more |= values.len() > SeenOn::LIMIT;
        values.into_iter().take(SeenOn::LIMIT).map(Box::from).collect()
    };
    SeenOn {
        hosts: of(|d| d.host.as_deref()),
        roles: of(|d| d.role.as_deref()),
        tasks: of(|d| d.task.as_deref()),
        more,
    }
}

/// One row per (minute, what the error is, coarse dimensions), sorted.
fn stat_rows(cells: &[Cell]) -> Vec<StatRow> {
    // Addresses first, so that the texts are compared once per address and not once per cell.
    let mut coarse_of: HashMap<usize, Arc<Dimensions>, foldhash::fast::RandomState> = HashMap::default();
    let mut known: HashMap<Arc<Dimensions>, (), foldhash::fast::RandomState> = HashMap::default();
    let mut rows: Vec<StatRow> = Vec::with_capacity(cells.len());
    for cell in cells {
        let dimensions = coarse_of
            .entry(Arc::as_ptr(&cell.dimensions).addr())
            .or_insert_with(|| {
                let coarse = coarse(&cell.dimensions);
                if let Some((shared, ())) = known.get_key_value(&coarse) {
                    return Arc::clone(shared);
                }
                let shared = Arc::new(coarse);
                known.insert(Arc::clone(&shared), ());
                shared
            });
        rows.push(StatRow {
            minute: cell.minute,
            identity: Arc::clone(&cell.identity),
            dimensions: Arc::clone(dimensions),
            count: cell.count,
        });
    }
    rows.sort_by(|a, b| cmp_row(a, b).then_with(|| cmp_identity(&a.identity, &b.identity)));
    rows.dedup_by(|next, row| {
        let same = cmp_row(next, row).is_eq();
        if same {
            row.count += next.count;
        }
        same
    });
    rows
}

/// The dimensions counts are kept by. The job id stays only where it is the job's key, for want of a name.
fn coarse(fine: &Dimensions) -> Dimensions {
    let job_id = if fine.job_name.is_none() {
        fine.job_id.clone()
    } else {
        None
    };
    Dimensions {
        cluster: fine.cluster.clone(),
        namespace: fine.namespace.clone(),
        job_id,
        job_name: fine.job_name.clone(),
        task: None,
        subtask: None,
        role: fine.role.clone(),
        host: fine.host.clone(),
        pod: None,
        container: None,
        engine: fine.engine.clone(),
        engine_version: None,
        team: fine.team.clone(),
    }
}

/// By the key of a row: equal means one row.
fn cmp_row(a: &StatRow, b: &StatRow) -> Ordering {
    let (x, y) = (&a.identity, &b.identity);
    a.minute
        .cmp(&b.minute)
        .then_with(|| x.fingerprint.cmp(&y.fingerprint))
        .then_with(|| {
            if Arc::ptr_eq(x, y) {
                return Ordering::Equal;
            }
            x.group
                .cmp(&y.group)
                .then_with(|| x.error_type.cmp(&y.error_type))
                .then_with(|| x.category.cmp(&y.category))
                .then_with(|| x.severity.cmp(&y.severity))
                .then_with(|| x.part.cmp(&y.part))
                .then_with(|| x.exception.cmp(&y.exception))
        })
        .then_with(|| {
            if Arc::ptr_eq(&a.dimensions, &b.dimensions) {
                return Ordering::Equal;
            }
            cmp_dimensions(&a.dimensions, &b.dimensions)
        })
}

fn cmp_dimensions(a: &Dimensions, b: &Dimensions) -> Ordering {
    let pairs = a.texts().into_iter().zip(b.texts());
    pairs
        .map(|((_, x), (_, y))| x.cmp(&y))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Any total order over all that an identity says.
pub(super) fn cmp_identity(a: &Arc<Identity>, b: &Arc<Identity>) -> Ordering {
    if Arc::ptr_eq(a, b) {
        return Ordering::Equal;
    }
    a.fingerprint
        .cmp(&b.fingerprint)
        .then_with(|| a.group.cmp(&b.group))
        .then_with(|| a.error_type.cmp(&b.error_type))
        .then_with(|| a.category.cmp(&b.category))
        .then_with(|| a.severity.cmp(&b.severity))
        .then_with(|| a.part.cmp(&b.part))
        .then_with(|| a.rule.cmp(&b.rule))
        .then_with(|| a.template.cmp(&b.template))
        .then_with(|| a.exception.cmp(&b.exception))
        .then_with(|| a.exception_chain.cmp(&b.exception_chain))
        .then_with(|| a.top_frame.cmp(&b.top_frame))
        .then_with(|| a.exception_template.cmp(&b.exception_template))
}
