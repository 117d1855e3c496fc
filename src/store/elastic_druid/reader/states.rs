//! What people say of issues: kept on the issue's document, by the rules of [`crate::store::said`]. The script that
//! applies deltas makes of it what events make of it (a resolved issue that is seen again has regressed, a mute ends
//! by volume).
//!
//! A change is read, made and written back only where nobody wrote meanwhile; else it is made anew.

use super::asking::{Ask, Pending};
use super::counts::minute_of;
use super::issues::Doc;
use super::markers::refreshed;
use super::names::{detail, issue};
use crate::event::IssueId;
use crate::store::elastic_druid::elastic::Method;
use crate::store::elastic_druid::elastic::documents::{details_id, details_index};
use crate::store::said::{Said, state_name};
use crate::store::{EditError, IssueNotes, ReadError, StateChange, WriteError};
use serde_json::{Map, Value, json};

/// How often a change is made anew because the document was written meanwhile.
const TRIES: usize = 32;

const SAID: &[&str] = &[
    issue::ID,
    issue::STATE,
    issue::SINCE,
    issue::UNTIL,
    issue::EVENTS,
    issue::MINUTES,
    issue::ASSIGNEE,
    issue::NOTE,
];

impl Ask<'_> {
    pub(super) fn notes(&self, id: IssueId) -> Result<IssueNotes, ReadError> {
        let doc = self.issue(id, SAID)?;
        Ok(doc.said().map(|said| said.notes()).unwrap_or_default())
    }

    pub(super) fn set_state(&self, id: IssueId, change: &StateChange, now: i64) -> Result<IssueNotes, EditError> {
        for _ in 0..TRIES {
            let found = self
                .get(&self.node.issues(), &id.to_string(), SAID)
                .found()
                .map_err(edited)?;
            let Some(source) = found.get("_source") else {
                return Err(EditError::NotFound(format!("issue {id}")));
            };
            let said = Doc(source.clone())
                .said()
                .unwrap_or_else(|| Said::new(now))
                .changed(change, now)?;
            let recent = match (change, said.volume) {
                (StateChange::Mute { .. }, Some(_)) => Some(self.so_far(id, now)?),
                (StateChange::Resolve | StateChange::Reopen | StateChange::Mute { .. }, _) => Some(Value::Null),
                (StateChange::Assign { .. } | StateChange::Note { .. }, _) => None,
            };
            let mut query: Vec<(&'static str, String)> = refreshed().to_vec();
            for (name, key) in [("if_seq_no", "_seq_no"), ("if_primary_term", "_primary_term")] {
                let number = found.get(key).and_then(Value::as_i64).unwrap_or(0);
                query.push((name, number.to_string()));
            }
            let path = format!("{}/_update/{id}", self.node.issues());
            let body = json!({"doc": document(&said, recent)});
            if written(self.send(Method::Post, path, &query, Some(body)))?.is_some() {
                return Ok(said.notes());
            }
            self.in_time().map_err(edited)?;
        }
        Err(EditError::Write(WriteError::other(format!(
            "issue {id} is being written without pause; try again"
        ))))
    }

    /// Events of the minute a mute by volume begins in: they count, as they do in the embedded store.
    fn so_far(&self, id: IssueId, now: i64) -> Result<Value, EditError> {
        let minute = i64::from(minute_of(Some(&json!(now))));
        let millis = minute.saturating_mul(60_000);
        let index = details_index(self.node.prefix(), millis);
        let found = self
            .get(&index, &details_id(id, millis), &[detail::COUNT])
            .found()
            .map_err(edited)?;
        let count = found
            .get("_source")
            .and_then(|source| source.get(detail::COUNT))
            .cloned();
        let mut recent = Map::new();
        recent.extend(count.map(|count| (minute.to_string(), count)));
        Ok(Value::Object(recent))
    }
}

/// What is said, as it stands in the document; nulls take away what stood there.
fn document(said: &Said, recent: Option<Value>) -> Value {
    let mut fields = Map::new();
    for (name, value) in [
        (issue::STATE, json!(state_name(said.state))),
        (issue::SINCE, json!(said.since)),
        (issue::UNTIL, json!(said.until)),
        (issue::EVENTS, json!(said.volume)),
        (issue::MINUTES, json!(said.period)),
        (issue::ASSIGNEE, json!(said.assignee)),
        (issue::NOTE, json!(said.note)),
        (issue::HAS_NOTE, json!(said.note.is_some())),
    ] {
        fields.insert(name.to_owned(), value);
    }
    if let Some(recent) = recent {
        fields.insert(issue::RECENT.to_owned(), recent);
    }
    Value::Object(fields)
}

/// An error of asking as one of editing.
pub(super) fn edited(error: ReadError) -> EditError {
    match error {
        ReadError::NotFound(what) => EditError::NotFound(what),
        ReadError::BadRequest(what) => EditError::BadRequest(what),
        ReadError::Store(_) | ReadError::TimedOut(_) => EditError::Write(WriteError::other(error.to_string())),
    }
}

/// What was written; nothing where somebody else wrote first.
pub(super) fn written(pending: Pending) -> Result<Option<Value>, EditError> {
    pending.unless_conflict().map_err(edited)
}
