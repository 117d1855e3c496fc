//! Jobs and how well they are ([`crate::store::health`]): counts of every issue in the window beside what the issue
//! is, put together here, so that they are exact.

use super::asking::{Ask, hits};
use super::counts::{Counted, inside};
use super::errors::touching;
use super::issues::{Doc, LISTED};
use super::names::issue;
use super::search::{Counts, all, any, term, terms};
use crate::event::{Part, Severity};
use crate::store::cursor;
use crate::store::health::{Fleet, RESTART_TEXT, RESTART_TYPES, Told, health, tells_restart};
use crate::store::window::{Window, time_text};
use crate::store::{Job, JobDetail, JobsAsk, Page, ReadError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

/// Issues of a job that are shown with it.
const TOP_ERRORS: usize = 20;

/// Issues read in one page.
const PAGE: usize = 10_000;

/// What the window says of a job, and the issue seen last: its attributes are those of the job.
#[derive(Debug, Clone, Default)]
struct Tally {
    told: Told,
    latest: String,
    last_nanos: u64,
}

/// What an issue is, as far as health asks.
struct Known {
    id: String,
    job: String,
    noise: bool,
    critical: bool,
    high: bool,
    first: u64,
    last: u64,
}

impl Known {
    fn of(hit: &Value) -> Option<Self> {
        let fields = hit.get("fields")?;
        let first = |name: &str| fields.get(name).and_then(|values| values.get(0));
        let text = |name: &str| first(name).and_then(Value::as_str);
        let severity = text(issue::SEVERITY);
        Some(Self {
            id: text(issue::ID)?.to_owned(),
            job: text(issue::JOB)?.to_owned(),
            noise: text(issue::PART) == Some(Part::Noise.as_str()),
            critical: severity == Some(Severity::Critical.as_str()),
            high: severity == Some(Severity::High.as_str()),
            first: first(issue::FIRST).and_then(Value::as_u64).unwrap_or(0),
            last: first(issue::LAST).and_then(Value::as_u64).unwrap_or(0),
        })
    }
}

impl Ask<'_> {
    /// A tally for every job with an event in the window, and the counts of every issue.
    fn tallies(&self, window: Window) -> Result<(BTreeMap<String, Tally>, Counts), ReadError> {
        let (counts, known, restarts) = std::thread::scope(|scope| {
            let counts = scope.spawn(|| self.counts(window, None));
            let restarts = scope.spawn(|| self.restarts(window));
            let known = self.known(window);
            let lost = |_| ReadError::Store("a question about jobs broke off".to_owned());
            let counts = counts.join().map_err(lost)??;
            let restarts = restarts.join().map_err(lost)??;
            Ok::<_, ReadError>((counts, known?, restarts))
        })?;
        self.in_time()?;
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for issue in known {
            let Some(count) = counts.get(&issue.id).copied().filter(|count| *count > 0) else {
                continue;
            };
            let tally = tallies.entry(issue.job).or_default();
            if tally.latest.is_empty() || issue.last > tally.last_nanos {
                (tally.latest, tally.last_nanos) = (issue.id.clone(), issue.last);
            }
            let told = &mut tally.told;
            if restarts.contains(&issue.id) {
                told.restarts += count;
            }
            if issue.noise {
                continue;
            }
            told.count += count;
            told.issues += 1;
            told.new += u64::from(issue.first >= window.begin_nanos() && issue.first < window.end_nanos());
            told.critical += u64::from(issue.critical);
            told.high += u64::from(issue.high);
        }
        Ok((tallies, counts))
    }

    /// What every issue is that may have events in the window.
    fn known(&self, window: Window) -> Result<Vec<Known>, ReadError> {
        let mut known = Vec::new();
        let mut after: Option<Value> = None;
        loop {
            let mut body = json!({
                "size": PAGE,
                "query": touching(window),
                // Stored fields would be unpacked for every hit: with them this takes ten times as long.
                "stored_fields": "_none_",
                "_source": false,
                "docvalue_fields": [issue::ID, issue::JOB, issue::PART, issue::SEVERITY, issue::FIRST, issue::LAST],
                "sort": [{issue::ID: {"order": "asc", "unmapped_type": "keyword"}}],
            });
            if let (Some(after), Some(body)) = (&after, body.as_object_mut()) {
                body.insert("search_after".to_owned(), json!([after]));
            }
            let answer = self.search(&self.node.issues(), body).found()?;
            let page = hits(&answer);
            known.extend(page.iter().filter_map(Known::of));
            after = page.last().and_then(|hit| hit.pointer("/sort/0")).cloned();
            if after.is_none() || page.len() < PAGE {
                return Ok(known);
            }
            self.in_time()?;
        }
    }

    /// The issues whose events tell of a restart.
    fn restarts(&self, window: Window) -> Result<HashSet<String>, ReadError> {
        let mut words = crate::store::words::Parts::default();
        let said = crate::store::words::cut(RESTART_TEXT, &mut words);
        let template = crate::query::Field::Template;
        let name = crate::store::elastic_druid::elastic::documents::field(template).name;
        let body = json!({
            "size": PAGE,
            "query": all(vec![touching(window), any(vec![
                terms(issue::ERROR_TYPE, RESTART_TYPES.iter().copied()),
                json!({"match_phrase": {name: {"query": said.trim()}}}),
            ])]),
            "_source": [issue::ID, issue::ERROR_TYPE, issue::TEMPLATE],
        });
        let answer = self.search(&self.node.issues(), body).found()?;
        let docs = hits(&answer).iter().map(Doc::of);
        let tell = docs.filter(|doc| {
            let text = |name: &str| doc.text(name).unwrap_or_default().to_owned();
            tells_restart(&text(issue::ERROR_TYPE), &text(issue::TEMPLATE))
        });
        Ok(tell.map(|doc| doc.id().to_owned()).collect())
    }

    pub(super) fn jobs(&self, ask: &JobsAsk) -> Result<Page<Job>, ReadError> {
        let limit = ask.limit.clamp(1, 500);
        let window = Window::of_millis(ask.from, ask.to);
        let after = ask
            .after
            .as_deref()
            .map(|after| cursor::read_job(after, |job| Some(job.to_owned())))
            .transpose()?;
        let (tallies, _) = self.tallies(window)?;
        let fleet = Fleet::of(tallies.values().map(|tally| &tally.told));
        let wanted = ask.name.to_lowercase();
        let mut found = Vec::new();
        for (job, tally) in &tallies {
            let (health, _) = health(&tally.told, fleet);
            let place = (health, u64::MAX - tally.told.count, job.as_str());
            let before = after
                .as_ref()
                .is_some_and(|(health, rest, job)| place <= (*health, *rest, job.as_str()));
            if before || !(wanted.is_empty() || job.to_lowercase().contains(&wanted)) {
                continue;
            }
            found.push(place);
        }
        found.sort_unstable();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found
            .last()
            .filter(|_| more)
            .map(|(health, rest, job)| cursor::write_job(*health, *rest, job));
        let names: Vec<String> = found.iter().map(|(_, _, job)| (*job).to_owned()).collect();
        let mut lines = if ask.sparkline > 0 {
            let noise = term(issue::PART, Part::Noise.as_str());
            self.lines(issue::JOB, &names, window, ask.sparkline, Some(&noise))?
        } else {
            Counted::default()
        };
        let latest: Vec<String> = names
            .iter()
            .filter_map(|name| tallies.get(name).map(|tally| tally.latest.clone()))
            .collect();
        let docs = self.documents(&latest)?;
        let doc_of = |tally: &Tally| docs.iter().find(|doc| doc.id() == tally.latest);
        let items = names.into_iter().filter_map(|name| {
            let tally = tallies.get(&name)?;
            let line = lines.remove(&name).map(|(_, line)| line).unwrap_or_default();
            Some(shown(name, tally, doc_of(tally), fleet, line))
        });
        Ok(Page {
            items: items.collect(),
            next,
        })
    }

    pub(super) fn job(&self, name: &str, window: Window) -> Result<JobDetail, ReadError> {
        let unknown = || ReadError::NotFound(format!("job {:?}", name.chars().take(200).collect::<String>()));
        let of_job = term(issue::JOB, name);
        let latest = self.search(
            &self.node.issues(),
            json!({"size": 1, "query": all(vec![of_job.clone()]), "_source": LISTED, "sort": [{issue::LAST: "desc"}]}),
        );
        let (tallies, _) = self.tallies(window)?;
        let latest = latest.found()?;
        let latest = hits(&latest).first().map(Doc::of).ok_or_else(unknown)?;
        let fleet = Fleet::of(tallies.values().map(|tally| &tally.told));
        let told = tallies.get(name).map(|tally| tally.told).unwrap_or_default();
        let tally = Tally {
            told,
            latest: latest.id().to_owned(),
            last_nanos: latest.number(issue::LAST),
        };
        let counted = self.top_of(&all(vec![of_job, inside(window)]), window)?;
        let ids: Vec<String> = counted.into_iter().map(|(_, id)| id).collect();
        let docs = self.documents(&ids)?;
        let now = i64::from(window.to).saturating_mul(60_000);
        Ok(JobDetail {
            job: shown(name.to_owned(), &tally, Some(&latest), fleet, Vec::new()),
            top_errors: self.shown(&docs, window, 0, now)?,
        })
    }

    /// The issues with most events, of the details that match.
    fn top_of(&self, details: &Value, window: Window) -> Result<Vec<(u64, String)>, ReadError> {
        let mut top: Vec<(u64, String)> = self
            .counts_of(details, window)?
            .into_iter()
            .map(|(id, count)| (count, id))
            .filter(|(count, _)| *count > 0)
            .collect();
        top.sort_unstable_by(|a, b| b.cmp(a));
        top.truncate(TOP_ERRORS);
        Ok(top)
    }
}

fn shown(name: String, tally: &Tally, latest: Option<&Doc>, fleet: Fleet, sparkline: Vec<u64>) -> Job {
    let attribute = |name| latest.and_then(|doc| doc.text(name)).map(str::to_owned);
    let (health, health_parts) = health(&tally.told, fleet);
    Job {
        job: name,
        team: attribute(issue::LATEST_TEAM),
        cluster: attribute(issue::LATEST_CLUSTER),
        engine: attribute(issue::LATEST_ENGINE),
        count: tally.told.count,
        issues: tally.told.issues,
        new_issues: tally.told.new,
        restarts: tally.told.restarts,
        health,
        health_parts,
        last_seen: time_text(tally.last_nanos),
        sparkline,
    }
}
