//! The list of issues: a search, an order, a page.

use super::asking::{Ask, hits};
use super::issues::{Doc, LISTED, with_counts};
use super::names::issue;
use super::search::{self, Counts, Frame, all, asks_counts, everything, long};
use crate::query::Query;
use crate::store::cursor;
use crate::store::window::Window;
use crate::store::{ErrorSort, ErrorsAsk, Issue, Page, ReadError};
use serde_json::{Value, json};

/// Issues looked at in one go where many of them turn out to have no event in the window.
const WIDE_PAGE: usize = 1_000;

impl Ask<'_> {
    pub(super) fn errors(&self, ask: &ErrorsAsk) -> Result<Page<Issue>, ReadError> {
        let limit = ask.limit.clamp(1, 500);
        let window = Window::of_millis(ask.from, ask.to);
        let after = ask
            .after
            .as_deref()
            .map(|cursor| Place::read(ask.sort, cursor))
            .transpose()?;
        let counts = self.counts_for(&ask.query, window)?;
        let frame = Frame {
            window,
            now: ask.now,
            counts: counts.as_ref(),
        };
        let matching = match &ask.query.root {
            Some(root) => search::issues(root, frame)?,
            None => everything(),
        };
        let (docs, next) = match ask.sort {
            ErrorSort::Count => self.by_count(&matching, window, after, limit, counts.as_ref())?,
            ErrorSort::LastSeen => self.by_time(issue::LAST, &matching, window, after, limit)?,
            ErrorSort::FirstSeen => self.by_time(issue::FIRST, &matching, window, after, limit)?,
        };
        let ids: Vec<String> = docs.iter().map(|doc| doc.id().to_owned()).collect();
        let counted = self.lines(issue::ID, &ids, window, ask.sparkline, None)?;
        Ok(Page {
            items: with_counts(&docs, counted, frame.now_millis()),
            next: next.map(|place| place.write(ask.sort)),
        })
    }

    /// The counts of a window, where a search asks for them.
    pub(super) fn counts_for(&self, query: &Query, window: Window) -> Result<Option<Counts>, ReadError> {
        match &query.root {
            Some(root) if asks_counts(root) => self.counts(window, None).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// By first or last event: the order of the index. Whether an issue that was seen before and after the window was
    /// seen in between, only its counts tell.
    fn by_time(
        &self,
        order: &str,
        matching: &Value,
        window: Window,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Doc>, Option<Place>), ReadError> {
        let query = all(vec![matching.clone(), touching(window)]);
        let mut found: Vec<(Place, Doc)> = Vec::new();
        let mut after = after;
        let mut size = limit + 1;
        loop {
            let mut body = json!({
                "size": size,
                "query": query,
                "_source": LISTED,
                "sort": [{order: {"order": "desc", "unmapped_type": "long"}}, {issue::ID: {"order": "desc", "unmapped_type": "keyword"}}],
            });
            if let (Some(after), Some(body)) = (&after, body.as_object_mut()) {
                body.insert("search_after".to_owned(), json!([long(after.key), after.id]));
            }
            let answer = self.search(&self.node.issues(), body).found()?;
            let page: Vec<(Place, Doc)> = hits(&answer)
                .iter()
                .map(|hit| {
                    let doc = Doc::of(hit);
                    let place = Place {
                        key: doc.number(order),
                        id: doc.id().to_owned(),
                    };
                    (place, doc)
                })
                .collect();
            let full = page.len() >= size;
            after = page.last().map(|(place, _)| place.clone());
            let unsure: Vec<String> = page
                .iter()
                .filter(|(_, doc)| !seen_in(doc, window))
                .map(|(place, _)| place.id.clone())
                .collect();
            let counts = self.counts(window, Some(&unsure))?;
            found.extend(
                page.into_iter()
                    .filter(|(place, doc)| seen_in(doc, window) || counts.contains_key(&place.id)),
            );
            if found.len() > limit || !full {
                break;
            }
            self.in_time()?;
            size = WIDE_PAGE;
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(place, _)| place.clone());
        Ok((found.into_iter().map(|(_, doc)| doc).collect(), next))
    }

    /// By events in the window: all of them are counted, as the largest of each shard need not be the largest.
    fn by_count(
        &self,
        matching: &Value,
        window: Window,
        after: Option<Place>,
        limit: usize,
        known: Option<&Counts>,
    ) -> Result<(Vec<Doc>, Option<Place>), ReadError> {
        let whole = *matching == everything();
        let ids = if whole {
            None
        } else {
            Some(self.ids(&all(vec![matching.clone(), touching(window)]))?)
        };
        let counted;
        let counts = match known {
            Some(counts) => counts,
            None => {
                counted = self.counts(window, ids.as_deref())?;
                &counted
            }
        };
        let place = |id: &str, count: u64| Place {
            key: count,
            id: id.to_owned(),
        };
        let mut places: Vec<Place> = match &ids {
            Some(ids) => ids
                .iter()
                .filter_map(|id| counts.get(id).map(|count| place(id, *count)))
                .collect(),
            None => counts.iter().map(|(id, count)| place(id, *count)).collect(),
        };
        places.retain(|place| place.key > 0 && after.as_ref().is_none_or(|after| place < after));
        self.in_time()?;
        let more = places.len() > limit;
        if more {
            places.select_nth_unstable_by(limit, |a, b| b.cmp(a));
            places.truncate(limit);
        }
        places.sort_unstable_by(|a, b| b.cmp(a));
        let next = places.last().filter(|_| more).cloned();
        let ids: Vec<String> = places.into_iter().map(|place| place.id).collect();
        Ok((self.documents(&ids)?, next))
    }
}

/// Issues that may have events in the window.
pub(super) fn touching(window: Window) -> Value {
    json!({"bool": {"filter": [
        {"range": {issue::FIRST: {"lt": long(window.end_nanos())}}},
        {"range": {issue::LAST: {"gte": long(window.begin_nanos())}}},
    ]}})
}

/// Whether the first or the last event of an issue lies in the window.
fn seen_in(doc: &Doc, window: Window) -> bool {
    let inside = |nanos: u64| nanos >= window.begin_nanos() && nanos < window.end_nanos();
    inside(doc.number(issue::FIRST)) || inside(doc.number(issue::LAST))
}

/// Where an issue stands in an order; ties by id, so that every place is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: u64,
    id: String,
}

impl Place {
    fn write(&self, sort: ErrorSort) -> String {
        cursor::write_issue(sort, self.key, &self.id)
    }

    fn read(sort: ErrorSort, cursor: &str) -> Result<Self, ReadError> {
        let hexadecimal = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (key, id) = cursor::read_issue(sort, cursor, |id| hexadecimal(id).then(|| id.to_owned()))?;
        Ok(Self { key, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_foreign_one_refused() {
        let place = Place {
            key: 77,
            id: "0123456789abcdef0123456789abcdef".to_owned(),
        };
        for sort in [ErrorSort::LastSeen, ErrorSort::FirstSeen, ErrorSort::Count] {
            assert_eq!(Place::read(sort, &place.write(sort)).unwrap(), place);
        }
        for cursor in [
            "",
            "l",
            "l.",
            "c4d.zz",
            "x4d.0123456789abcdef0123456789abcdef",
            "l1.0123456789abcdef",
        ] {
            assert!(Place::read(ErrorSort::LastSeen, cursor).is_err(), "{cursor}");
        }
    }
}
