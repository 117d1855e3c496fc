//! Counts over time by a dimension.
//!
//! Druid keeps counts by every dimension and answers. What a search asks of words, state or samples only the search
//! node knows: it says which issues those are, and Druid is asked for their jobs and fingerprints. Where there is no
//! Druid, it is away, or the issues are too many to be named, details are summed: exact by all dimensions but host and role, as a
//! detail document counts all hosts of its minute together.

use super::super::druid::DruidReader;
use super::asking::{Ask, buckets, hits, whole};
use super::counts::inside;
use super::errors::touching;
use super::names::{detail, issue, of_dimension};
use super::search::{self, Frame, all, any, not, terms};
use crate::event::Severity;
use crate::query::{Field, IsWord, Node, Op, Pattern, Presence, Query, StateName, Test};
use crate::store::window::{Buckets, Window};
use crate::store::{ReadError, Series, TREND_DIMENSIONS, Trends, TrendsAsk};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most issues that are named to Druid.
const MOST_NAMED: usize = 2_000;

/// Most buckets of one answer; a node gives up to 65,535 as it comes.
const MOST_BUCKETS: usize = 50_000;

/// What a document without a value of the dimension counts for.
const UNKNOWN: &str = "-";

pub(super) fn trends(ask: Ask<'_>, druid: Option<&DruidReader>, of: &TrendsAsk) -> Result<Trends, ReadError> {
    let field = of_dimension(&of.by).ok_or_else(|| {
        let shown: String = of.by.chars().take(64).collect();
        ReadError::BadRequest(format!(
            "by={shown} is not known; it is one of {}",
            TREND_DIMENSIONS.join(", ")
        ))
    })?;
    let steps = Buckets::of(of)?;
    let counts = ask.counts_for(&of.query, steps.window)?;
    let frame = Frame {
        window: steps.window,
        now: of.now,
        counts: counts.as_ref(),
    };
    let root = of.query.root.as_ref();
    let only_druid = matches!(of.by.as_str(), "host" | "role") || root.is_some_and(asks_places);
    match druid.map(|druid| ask.of_druid(druid, of, frame)) {
        Some(Ok(Some(trends))) => return Ok(trends),
        // Details tell the same while Druid is away.
        Some(Err(ReadError::Store(_))) if !only_druid => {}
        Some(Err(error)) => return Err(error),
        Some(Ok(None)) if only_druid => {
            return Err(ReadError::BadRequest(format!(
                "the search stands for more than {MOST_NAMED} issues, too many to count by host or role; write more of it"
            )));
        }
        None if only_druid => {
            return Err(ReadError::BadRequest(
                "counts by host or role need Druid; set [druid]".to_owned(),
            ));
        }
        Some(Ok(None)) | None => {}
    }
    let matching = match root {
        Some(root) => ask.details_matching(root, frame)?,
        None => search::everything(),
    };
    ask.summed(of, field, steps, &matching)
}

/// Whether a search asks where single events were seen.
fn asks_places(node: &Node) -> bool {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(asks_places),
        Node::Not(node) => asks_places(node),
        Node::Field(field, _) | Node::Has(Presence::Value(field)) => matches!(field, Field::Host | Field::Role),
        Node::Text(_) | Node::Is(_) | Node::Has(Presence::Note) => false,
    }
}

/// Whether a node asks for a dimension of counts, which is true or not of each event.
fn is_dimension(node: &Node) -> bool {
    match node {
        Node::Field(field, _) | Node::Has(Presence::Value(field)) => TREND_DIMENSIONS.contains(&field.name()),
        Node::And(_) | Node::Or(_) | Node::Not(_) | Node::Text(_) | Node::Is(_) | Node::Has(Presence::Note) => false,
    }
}

/// Whether every leaf asks for what is known of issues, and none is negated, so that the issues are probably few.
fn of_issues(node: &Node) -> bool {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().all(of_issues),
        Node::Not(_) => false,
        Node::Field(..) | Node::Has(_) => !is_dimension(node),
        Node::Text(_) | Node::Is(_) => true,
    }
}

/// What only issues know is parted from what each event knows, so that it is asked at once.
fn parted(nodes: &[Node], join: fn(Vec<Node>) -> Node) -> Vec<Node> {
    let (mut whole, rest): (Vec<Node>, Vec<Node>) = nodes.iter().cloned().partition(of_issues);
    let mut parts = rest;
    match whole.len() {
        0 => {}
        1 => parts.append(&mut whole),
        _ => parts.push(join(whole)),
    }
    parts
}

impl Ask<'_> {
    /// Druid's answer; nothing where the search stands for too many issues.
    fn of_druid(&self, druid: &DruidReader, of: &TrendsAsk, frame: Frame<'_>) -> Result<Option<Trends>, ReadError> {
        let Some(root) = &of.query.root else {
            return druid.trends(of);
        };
        if let Some(trends) = druid.trends(of)? {
            return Ok(Some(trends));
        }
        let Some(root) = self.named(root, frame)? else {
            return Ok(None);
        };
        druid.trends(&TrendsAsk {
            query: Query { root: Some(root) },
            ..of.clone()
        })
    }

    /// A search in which every node that asks for what only issues know is replaced by the jobs and fingerprints of
    /// the issues it stands for; nothing where they are too many.
    fn named(&self, node: &Node, frame: Frame<'_>) -> Result<Option<Node>, ReadError> {
        let several = |nodes: Vec<Node>| -> Result<Option<Vec<Node>>, ReadError> {
            let mut named = Vec::with_capacity(nodes.len());
            for node in &nodes {
                match self.named(node, frame)? {
                    Some(node) => named.push(node),
                    None => return Ok(None),
                }
            }
            Ok(Some(named))
        };
        let single = |mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node| match nodes.len() {
            1 => nodes.pop(),
            _ => Some(join(nodes)),
        };
        Ok(match node {
            _ if of_issues(node) => match negated(node) {
                Some(inner) => self.pairs(&inner, frame)?.map(|node| Node::Not(Box::new(node))),
                None => self.pairs(node, frame)?,
            },
            Node::And(nodes) => several(parted(nodes, Node::And))?.and_then(|nodes| single(nodes, Node::And)),
            Node::Or(nodes) => several(parted(nodes, Node::Or))?.and_then(|nodes| single(nodes, Node::Or)),
            Node::Not(node) => self.named(node, frame)?.map(|node| Node::Not(Box::new(node))),
            Node::Field(..) | Node::Has(_) | Node::Text(_) | Node::Is(_) => Some(node.clone()),
        })
    }

    /// The issues of a search, as the jobs and fingerprints they are.
    fn pairs(&self, node: &Node, frame: Frame<'_>) -> Result<Option<Node>, ReadError> {
        let body = json!({
            "size": MOST_NAMED + 1,
            "query": all(vec![search::issues(node, frame)?, touching(frame.window)]),
            // Stored fields would be unpacked for every hit: with them this takes ten times as long.
            "stored_fields": "_none_",
            "_source": false,
            "docvalue_fields": [issue::JOB, issue::FINGERPRINT],
            "sort": ["_doc"],
        });
        let answer = self.search(&self.node.issues(), body).found()?;
        let found = hits(&answer);
        if found.len() > MOST_NAMED {
            return Ok(None);
        }
        // Fingerprints with the same jobs go together: words are mostly those of a fingerprint.
        let mut jobs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for hit in found {
            let first = |name: &str| {
                let values = hit.get("fields").and_then(|fields| fields.get(name));
                values
                    .and_then(|values| values.get(0))
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            if let (Some(job), Some(fingerprint)) = (first(issue::JOB), first(issue::FINGERPRINT)) {
                jobs.entry(fingerprint).or_default().insert(job);
            }
        }
        let mut fingerprints: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
        for (fingerprint, jobs) in jobs {
            fingerprints.entry(jobs).or_default().push(fingerprint);
        }
        let one_of = |field: Field, texts: &mut dyn Iterator<Item = &String>| {
            Node::Field(field, Test::OneOf(texts.map(|text| Pattern::literal(text)).collect()))
        };
        let mut nodes: Vec<Node> = fingerprints
            .iter()
            .map(|(jobs, fingerprints)| {
                Node::And(vec![
                    one_of(Field::Fingerprint, &mut fingerprints.iter()),
                    one_of(Field::Job, &mut jobs.iter()),
                ])
            })
            .collect();
        Ok(match nodes.len() {
            // Nothing is worse than critical.
            0 => Some(Node::Field(
                Field::Severity,
                Test::Severity(Op::Greater, Severity::Critical),
            )),
            1 => nodes.pop(),
            _ => Some(Node::Or(nodes)),
        })
    }

    /// The details whose events match: dimensions by the document itself, all else by its issue.
    fn details_matching(&self, node: &Node, frame: Frame<'_>) -> Result<Value, ReadError> {
        let several = |nodes: Vec<Node>| {
            nodes
                .iter()
                .map(|node| self.details_matching(node, frame))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match node {
            _ if is_dimension(node) => search::issues(node, frame)?,
            _ if of_issues(node) => match negated(node) {
                Some(inner) => not(self.of_those(&inner, frame)?),
                None => self.of_those(node, frame)?,
            },
            Node::And(nodes) => all(several(parted(nodes, Node::And))?),
            Node::Or(nodes) => any(several(parted(nodes, Node::Or))?),
            Node::Not(node) => not(self.details_matching(node, frame)?),
            Node::Field(..) | Node::Has(_) | Node::Text(_) | Node::Is(_) => search::issues(node, frame)?,
        })
    }

    fn of_those(&self, node: &Node, frame: Frame<'_>) -> Result<Value, ReadError> {
        let ids = self.ids(&all(vec![search::issues(node, frame)?, touching(frame.window)]))?;
        Ok(terms(issue::ID, ids.iter().map(String::as_str)))
    }

    /// Sums over the details that match.
    fn summed(&self, of: &TrendsAsk, field: &str, steps: Buckets, matching: &Value) -> Result<Trends, ReadError> {
        let window = steps.window;
        let query = all(vec![inside(window), matching.clone()]);
        let values = self.values_of(field, &query, window)?;
        let mut largest: Vec<(String, u64)> = values.into_iter().filter(|(_, count)| *count > 0).collect();
        largest.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        largest.truncate(of.top.clamp(1, 200));
        let line = json!({
            "date_histogram": {
                "field": detail::MINUTE,
                "fixed_interval": format!("{}m", steps.step),
                "offset": format!("{}m", window.from % steps.step),
                "min_doc_count": 1,
            },
            "aggs": {"count": {"sum": {"field": detail::COUNT}}}
        });
        let mut total = vec![0_u64; steps.count];
        let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        if let Some(at_once) = MOST_BUCKETS.checked_div(steps.count) {
            let body = json!({"size": 0, "query": query, "aggs": {"line": line}});
            let all_of_them = self.search(&self.node.details(window), body);
            let names: Vec<&str> = largest.iter().map(|(name, _)| name.as_str()).collect();
            let pending: Vec<_> = names
                .chunks(at_once.max(1))
                .map(|names| {
                    let by = json!({"field": field, "size": names.len(), "missing": UNKNOWN, "include": names});
                    let body = json!({
                        "size": 0, "query": query, "aggs": {"by": {"terms": by, "aggs": {"line": line}}}
                    });
                    self.search(&self.node.details(window), body)
                })
                .collect();
            add(&mut total, &all_of_them.found()?, "/aggregations/line", steps);
            for pending in pending {
                let answer = pending.found()?;
                for bucket in buckets(&answer, "/aggregations/by") {
                    let Some(name) = bucket.get("key").and_then(Value::as_str) else {
                        continue;
                    };
                    let line = counts.entry(name.to_owned()).or_insert_with(|| vec![0; steps.count]);
                    add(line, bucket, "/line", steps);
                }
            }
        }
        let mut other = total.clone();
        let mut series = Vec::with_capacity(largest.len());
        for (value, _) in largest {
            let counts = counts.remove(&value).unwrap_or_else(|| vec![0; steps.count]);
            for (rest, count) in other.iter_mut().zip(&counts) {
                *rest = rest.saturating_sub(*count);
            }
            series.push(Series {
                value,
                count: counts.iter().sum(),
                counts,
            });
        }
        Ok(steps.answer(&of.by, series, other, total))
    }

    /// The events of every value of a field.
    fn values_of(&self, field: &str, query: &Value, window: Window) -> Result<Vec<(String, u64)>, ReadError> {
        let body = json!({
            "size": 0,
            "query": query,
            "aggs": {"by": {
                "terms": {"field": field, "size": MOST_BUCKETS, "missing": UNKNOWN},
                "aggs": {"count": {"sum": {"field": detail::COUNT}}}
            }}
        });
        let answer = self.search(&self.node.details(window), body).found()?;
        if whole(answer.pointer("/aggregations/by/sum_other_doc_count")) > 0 {
            return Err(ReadError::BadRequest(format!(
                "there are more than {MOST_BUCKETS} values; ask for less time or write more of the search"
            )));
        }
        let found = buckets(&answer, "/aggregations/by").iter();
        Ok(found
            .filter_map(|bucket| {
                let name = bucket.get("key")?.as_str()?.to_owned();
                Some((name, whole(bucket.pointer("/count/value"))))
            })
            .collect())
    }
}

/// What is the rest of: nearly every issue is open, so those that are not are named.
fn negated(node: &Node) -> Option<Node> {
    let closed = || {
        Node::Or(vec![
            Node::Is(IsWord::State(StateName::Resolved)),
            Node::Is(IsWord::State(StateName::Muted)),
        ])
    };
    matches!(node, Node::Is(IsWord::State(StateName::Open))).then(closed)
}

fn add(line: &mut [u64], answer: &Value, path: &str, steps: Buckets) {
    for bucket in buckets(answer, path) {
        let minute = super::counts::minute_of(bucket.get("key"));
        if let Some(counter) = line.get_mut(steps.at(minute)) {
            *counter = counter.saturating_add(whole(bucket.pointer("/count/value")));
        }
    }
}
