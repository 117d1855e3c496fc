//! What is kept of conditions: many small pieces, so that only what changed is written.
//!
//! | piece | what |
//! |---|---|
//! | `1.g` | how far event time has come, gaps, what series of a rule bring together |
//! | `1.c.<rule>.<key>` | a cell: what was counted of it, and its alert |
//! | `1.j.<rule>.<key>`, `1.w.<rule>.<key>` | the past of a series: what each minute changes, and the weeks behind it |
//! | `1.k.<dimensions>.<shard>` | errors known |
//! | `1.q.<rule>` | the values a share is taken of |
//!
//! The number in front is the version of the writing. A key stands in its name as a hash and in its cell in full. A
//! cell knows by which recipe it was judged: a rule that judges otherwise begins anew.

use super::cell::Cell;
use super::counted::Dimension;
use super::gaps::Gaps;
use super::known::Known;
use super::rule::AlertRule;
use super::series::Parent;
use super::{Conditions, Judged};
use crate::alert::judge::{Judge, Kept};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_128;

const VERSION: &str = "1";

/// What all rules share.
#[derive(Debug, Serialize, Deserialize)]
struct General {
    now: Option<i64>,
    looked: i64,
    since: Option<i64>,
    gaps: Gaps,
    parents: Vec<(String, u64, Parent)>,
}

fn name(kind: char, rule: &AlertRule, key: &str) -> String {
    format!("{VERSION}.{kind}.{}.{:032x}", rule.id, xxh3_128(key.as_bytes()))
}

/// The pieces of a key.
pub(super) fn names(rule: &AlertRule, key: &str) -> [String; 3] {
    ['c', 'j', 'w'].map(|kind| name(kind, rule, key))
}

/// The piece of the values a share is taken of.
pub(super) fn population(rule: &AlertRule) -> String {
    format!("{VERSION}.q.{}", rule.id)
}

/// The name of the dimensions errors are known by.
fn by_name(by: &[Dimension]) -> String {
    let names: Vec<&str> = by.iter().map(|one| one.name()).collect();
    if names.is_empty() {
        "all".to_owned()
    } else {
        names.join("+")
    }
}

impl Conditions {
    /// What changed since the last call, piece by piece; None where a piece is gone. To be written in one transaction
    /// with the alerts that were told and the place that was read up to.
    pub fn changed_pieces(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut pieces: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        pieces.extend(std::mem::take(&mut self.gone).into_iter().map(|name| (name, None)));
        for judged in &mut self.judged {
            write_rule(judged, &mut pieces);
        }
        for (by, known) in &mut self.known {
            let by = by_name(by);
            let shards = known.changed();
            pieces.extend(shards.map(|(shard, bytes)| (format!("{VERSION}.k.{by}.{shard}"), Some(bytes))));
        }
        if std::mem::take(&mut self.changed) {
            let parents = self
                .judged
                .iter()
                .map(|one| (one.rule.id.to_string(), one.rule.recipe, one.parent));
            let general = General {
                now: self.now,
                looked: self.looked,
                since: self.since,
                gaps: self.gaps.clone(),
                parents: parents.collect(),
            };
            pieces.push((format!("{VERSION}.g"), postcard::to_allocvec(&general).ok()));
        }
        pieces
    }

    /// Takes up a former life by its pieces, in any order, before anything else is taken. What cannot be read is
    /// told in the log and begun anew.
    pub fn restore(&mut self, pieces: impl Iterator<Item = (String, Vec<u8>)>) {
        let mut cells: Vec<(usize, String, Cell)> = Vec::new();
        let mut pasts: HashMap<String, Vec<u8>> = HashMap::new();
        let mut unread = 0_usize;
        for (name, bytes) in pieces {
            match self.read(&name, bytes) {
                Some(Read::Cell(rule, cell)) => cells.push((rule, name, *cell)),
                Some(Read::Past(bytes)) => {
                    pasts.insert(name, bytes);
                }
                Some(Read::Taken) => {}
                None => {
                    unread += 1;
                    self.gone.push(name);
                }
            }
        }
        for (rule, name, mut cell) in cells {
            let past = |kind: char| name.replacen(".c.", &format!(".{kind}."), 1);
            let (now, weeks) = (pasts.remove(&past('j')), pasts.remove(&past('w')));
            let Some(judged) = self.judged.get_mut(rule) else {
                continue;
            };
            cell.written = true;
            let at = judged.put(cell);
            let Some(series) = judged.series_mut(at) else { continue };
            if let Some(now) = now {
                let judge = Judge::restore(&now, weeks.as_deref());
                unread += usize::from(judge.is_none());
                series.weeks_written = judge.as_ref().and_then(Judge::weeks_since).filter(|_| weeks.is_some());
                series.judge = judge.map(Box::new);
            }
        }
        let mut left: Vec<String> = pasts.into_keys().collect();
        left.sort_unstable();
        self.gone.extend(left);
        if unread > 0 {
            tracing::warn!(
                pieces = unread,
                "parts of the state of alerts could not be read; they begin anew"
            );
        }
        self.changed = true;
        self.wake_all();
    }

    /// Reads one piece; none where it is none of ours.
    fn read(&mut self, name: &str, bytes: Vec<u8>) -> Option<Read> {
        let rest = name.strip_prefix(VERSION)?.strip_prefix('.')?;
        let (kind, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let of_rule = |judged: &[Judged]| {
            let id = rest.split('.').next().unwrap_or_default();
            judged.iter().position(|one| &*one.rule.id == id)
        };
        match kind {
            "g" => {
                let general: General = postcard::from_bytes(&bytes).ok()?;
                self.now = general.now;
                self.looked = general.looked;
                self.since = general.since;
                self.gaps = general.gaps;
                for (id, recipe, parent) in general.parents {
                    let same = |one: &&mut Judged| *one.rule.id == *id && one.rule.recipe == recipe;
                    if let Some(judged) = self.judged.iter_mut().find(same) {
                        judged.parent = parent;
                    }
                }
                Some(Read::Taken)
            }
            "c" => {
                let rule = of_rule(&self.judged)?;
                let (recipe, cell): (u64, Cell) = postcard::from_bytes(&bytes).ok()?;
                let same = self.judged.get(rule).is_some_and(|one| one.rule.recipe == recipe);
                same.then(|| Read::Cell(rule, Box::new(cell)))
            }
            "j" | "w" => Some(Read::Past(bytes)),
            "k" => {
                let (by, _) = rest.split_once('.')?;
                let known = self.known.iter_mut().find(|(known, _)| by_name(known) == by);
                known?.1.restore(&bytes).then_some(Read::Taken)
            }
            "q" => {
                let rule = of_rule(&self.judged)?;
                let kept = postcard::from_bytes(&bytes).ok()?;
                self.judged.get_mut(rule)?.restore_population(kept);
                Some(Read::Taken)
            }
            _ => None,
        }
    }

    /// Errors known by now, for figures of operation.
    #[must_use]
    pub fn known_errors(&self) -> usize {
        self.known.iter().map(|(_, known)| Known::len(known)).sum()
    }

    /// Keys of all rules by now, for figures of operation.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.judged.iter().map(|judged| judged.cells().count()).sum()
    }
}

/// What a piece held.
enum Read {
    Cell(usize, Box<Cell>),
    Past(Vec<u8>),
    Taken,
}

fn write_rule(judged: &mut Judged, pieces: &mut Vec<(String, Option<Vec<u8>>)>) {
    let rule = std::sync::Arc::clone(&judged.rule);
    // First what is gone: a key that came back is written behind it.
    for key in std::mem::take(&mut judged.gone) {
        pieces.extend(names(&rule, &key).map(|name| (name, None)));
    }
    for at in std::mem::take(&mut judged.changed) {
        let Some(cell) = judged.cell_mut(at).filter(|cell| cell.changed) else {
            continue;
        };
        cell.changed = false;
        cell.written = true;
        let key = cell.key.clone();
        pieces.push((
            name('c', &rule, &key),
            postcard::to_allocvec(&(rule.recipe, &*cell)).ok(),
        ));
        let Some(series) = judged.series_mut(at).filter(|series| series.learned) else {
            continue;
        };
        series.learned = false;
        let Some(judge) = series.judge.as_deref() else { continue };
        let since = judge.weeks_since();
        let Some(Kept { now, weeks }) = judge.keep(since != series.weeks_written) else {
            continue;
        };
        series.weeks_written = since;
        pieces.push((name('j', &rule, &key), Some(now)));
        pieces.extend(weeks.map(|weeks| (name('w', &rule, &key), Some(weeks))));
    }
    if std::mem::take(&mut judged.population_changed) {
        pieces.push((population(&rule), postcard::to_allocvec(&judged.population_kept()).ok()));
    }
}
