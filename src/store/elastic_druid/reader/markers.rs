//! Markers: one document each, numbered in the order they were made.

use super::asking::{Ask, hits};
use super::search::{all, any, exists, not, term};
use super::states::{edited, written};
use crate::store::elastic_druid::elastic::Method;
use crate::store::said::{checked_marker, marker_shown};
use crate::store::{EditError, Marker, NewMarker, ReadError};
use serde_json::{Value, json};

const ID: &str = "seismolog.id";
const AT: &str = "seismolog.at";
const UNTIL: &str = "seismolog.until";
const JOB: &str = "seismolog.job";

/// How often a number is looked for that nobody took meanwhile.
const TRIES: usize = 16;

impl Ask<'_> {
    pub(super) fn markers_in(&self, from: i64, to: i64, job: Option<&str>) -> Result<Vec<Marker>, ReadError> {
        let ends_after = any(vec![
            json!({"range": {UNTIL: {"gte": from}}}),
            all(vec![not(exists(UNTIL)), json!({"range": {AT: {"gte": from}}})]),
        ]);
        let mut query = vec![json!({"range": {AT: {"lt": to}}}), ends_after];
        if let Some(job) = job {
            query.push(any(vec![not(exists(JOB)), term(JOB, job)]));
        }
        let body = json!({
            "size": 10_000,
            "query": all(query),
            "sort": [{AT: {"order": "asc", "unmapped_type": "date"}}, {ID: {"order": "asc", "unmapped_type": "long"}}],
        });
        let answer = self.search(&self.node.markers(), body).found()?;
        Ok(hits(&answer)
            .iter()
            .filter_map(|hit| marker_of(hit.get("_source")?))
            .collect())
    }

    pub(super) fn add_marker(&self, marker: &NewMarker) -> Result<Marker, EditError> {
        let marker = checked_marker(marker)?;
        let mut number = self.last_number().map_err(edited)?;
        for _ in 0..TRIES {
            number = number.saturating_add(1);
            let document = json!({
                "@timestamp": crate::event::EventTime::from_millis(marker.at).rfc3339(),
                ID: number,
                AT: marker.at,
                UNTIL: marker.until,
                "seismolog.title": marker.title,
                "seismolog.text": marker.text,
                JOB: marker.job,
                "seismolog.kind": marker.kind,
            });
            let path = format!("{}/_create/{number}", self.node.markers());
            if written(self.send(Method::Put, path, &refreshed(), Some(document)))?.is_some() {
                return Ok(marker_shown(number, marker));
            }
        }
        Err(EditError::Write(crate::store::WriteError::other(
            "many markers are being added at once; try again".to_owned(),
        )))
    }

    /// The largest number taken; 0 before the first marker.
    fn last_number(&self) -> Result<i64, ReadError> {
        let body = json!({
            "size": 1,
            "_source": [ID],
            "sort": [{ID: {"order": "desc", "unmapped_type": "long"}}],
        });
        let answer = self.search(&self.node.markers(), body).found()?;
        let number = hits(&answer)
            .first()
            .and_then(|hit| hit.pointer("/sort/0"))
            .and_then(Value::as_i64);
        Ok(number.unwrap_or(0))
    }

    pub(super) fn remove_marker(&self, id: i64) -> Result<(), EditError> {
        let path = format!("{}/_doc/{id}", self.node.markers());
        let answer = self
            .send(Method::Delete, path, &refreshed(), None)
            .found()
            .map_err(edited)?;
        match answer.get("result").and_then(Value::as_str) {
            Some("deleted") => Ok(()),
            Some(_) | None => Err(EditError::NotFound(format!("marker {id}"))),
        }
    }
}

/// So that the next question sees it.
pub(super) fn refreshed() -> [(&'static str, String); 1] {
    [("refresh", "true".to_owned())]
}

fn marker_of(source: &Value) -> Option<Marker> {
    let text = |name: &str| source.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| source.get(name).and_then(Value::as_i64);
    let marker = NewMarker {
        at: number(AT)?,
        until: number(UNTIL),
        title: text("seismolog.title")?,
        text: text("seismolog.text"),
        job: text(JOB),
        kind: text("seismolog.kind")?,
    };
    Some(marker_shown(number(ID)?, marker))
}
