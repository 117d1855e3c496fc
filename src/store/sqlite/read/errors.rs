//! The list of issues: a set, an order, a page.

use super::super::codes::{Column, Dim};
use super::super::counts::{Ids, Window, sums};
use super::super::set::IdSet;
use super::filter::Frame;
use super::{Snapshot, failed};
use crate::store::cursor;
use crate::store::{ErrorSort, ErrorsAsk, Issue, Page, ReadError};

impl Snapshot<'_> {
    pub(super) fn errors(&self, ask: &ErrorsAsk) -> Result<Page<Issue>, ReadError> {
        let limit = ask.limit.clamp(1, 500);
        let window = Window::of_millis(ask.from, ask.to);
        let after = ask
            .after
            .as_deref()
            .map(|cursor| Place::read(ask.sort, cursor))
            .transpose()?;
        let frame = Frame { window, now: ask.now };
        let matching = self.issues_matching(&ask.query, frame)?;
        let (members, keys) = match ask.sort {
            ErrorSort::Count => {
                let counts = sums(self.connection, Dim::Issue, Ids::In(&matching), window).map_err(failed)?;
                (IdSet::of(&counts, |count| count > 0), counts)
            }
            ErrorSort::LastSeen => (self.seen_in(matching, window)?, self.wide(Column::IssueLast)?),
            ErrorSort::FirstSeen => (self.seen_in(matching, window)?, self.wide(Column::IssueFirst)?),
        };
        self.in_time()?;
        let mut places: Vec<Place> = members
            .iter()
            .map(|id| Place {
                key: value(&keys, id),
                id,
            })
            .filter(|place| after.is_none_or(|after| *place < after))
            .collect();
        let more = places.len() > limit;
        if more {
            places.select_nth_unstable_by(limit, |a, b| b.cmp(a));
            places.truncate(limit);
        }
        places.sort_unstable_by(|a, b| b.cmp(a));
        let next = places.last().filter(|_| more).map(|last| last.write(ask.sort));
        let ids: Vec<u32> = places.iter().map(|place| place.id).collect();
        let items = self.hydrate(&ids, window, ask.sparkline, frame.now_millis())?;
        Ok(Page { items, next })
    }

    /// Those of `issues` that have events in the window.
    fn seen_in(&self, issues: IdSet, window: Window) -> Result<IdSet, ReadError> {
        let first = self.wide(Column::IssueFirst)?;
        let last = self.wide(Column::IssueLast)?;
        let (from, to) = (window.begin_nanos(), window.end_nanos());
        let inside = |nanos: u64| nanos >= from && nanos < to;
        let mut seen = IdSet::none(issues.size());
        let mut around = IdSet::none(issues.size());
        for id in issues.iter() {
            let (first, last) = (value(&first, id), value(&last, id));
            if inside(first) || inside(last) {
                seen.insert(id);
            } else if first < from && last >= to {
                // Seen before and after: whether in between, only its counts tell.
                around.insert(id);
            }
        }
        if !around.is_empty() {
            let counts = sums(self.connection, Dim::Issue, Ids::In(&around), window).map_err(failed)?;
            seen.or(&IdSet::of(&counts, |count| count > 0));
        }
        Ok(seen)
    }
}

/// The value of an id in a column.
pub(super) fn value<T: Copy + Default>(column: &[T], id: u32) -> T {
    usize::try_from(id)
        .ok()
        .and_then(|at| column.get(at))
        .copied()
        .unwrap_or_default()
}

/// Where an issue stands in an order; ties by id, so that every place is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: u64,
    id: u32,
}

impl Place {
    fn write(self, sort: ErrorSort) -> String {
        cursor::write_issue(sort, self.key, format_args!("{:x}", self.id))
    }

    fn read(sort: ErrorSort, cursor: &str) -> Result<Self, ReadError> {
        let (key, id) = cursor::read_issue(sort, cursor, |id| u32::from_str_radix(id, 16).ok())?;
        Ok(Self { key, id })
    }
}
