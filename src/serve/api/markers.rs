//! Markers: deployments and other events shown on every chart.

use super::state::read_body;
use crate::serve::ask::Params;
use crate::serve::endpoint::{Answer, Body, Endpoint, FROM, LIMIT, TO, Verb};
use crate::serve::parts::{Marker, NewMarker};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::Shared;
use crate::serve::time;
use crate::store::Page;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

pub(crate) static LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/markers",
    id: "listMarkers",
    doc: "Deployments and other events shown on every chart, oldest first.",
    params: &[FROM, TO, LIMIT],
    body: Body::None,
    answer: Answer::List("Marker"),
};

pub(crate) static ADD: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/v1/markers",
    id: "addMarker",
    doc: "Adds a marker. Answers 201 with the marker as stored.",
    params: &[],
    body: Body::Json("NewMarker"),
    answer: Answer::Json("Marker"),
};

/// Longest title and job, in characters.
const LONGEST: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkerBody {
    /// Left out: now.
    at: Option<String>,
    title: String,
    job: Option<String>,
}

pub(crate) async fn list(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Json<Page<Marker>>, Problem> {
    let params = Params::read(raw.as_deref(), LIST.params)?;
    let window = params.window(shared.now())?;
    let limit = params.number("limit")?;
    let items = shared.off_thread(move |parts| match &parts.editor {
        Some(editor) => Ok(editor.markers(window.from, window.to, limit)?),
        None => Ok(Vec::new()),
    });
    Ok(Json(Page {
        items: items.await?,
        next: None,
    }))
}

pub(crate) async fn add(
    State(shared): State<Shared>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Marker>), Problem> {
    Params::read(raw.as_deref(), ADD.params)?;
    let body: MarkerBody = read_body(&headers, &body)?;
    let title = body.title.trim().to_owned();
    for (name, text) in [("title", Some(&title)), ("job", body.job.as_ref())] {
        if text.is_some_and(|t| t.is_empty() || t.chars().count() > LONGEST) {
            let detail = format!("{name} is empty or longer than {LONGEST} characters");
            return Err(Problem::parameter(name, detail));
        }
    }
    let now = shared.now();
    let at = match body.at.as_deref() {
        Some(text) => time::parse_time(text, now).map_err(|e| Problem::parameter("at", e.to_string()))?,
        None => now,
    };
    let marker = NewMarker {
        at,
        title,
        job: body.job,
    };
    let stored = shared.off_thread(move |parts| match &parts.editor {
        Some(editor) => Ok(editor.mark(&marker)?),
        None => Err(Problem::new(
            Kind::ReadOnly,
            "this server only reads; markers cannot be added",
        )),
    });
    Ok((StatusCode::CREATED, Json(stored.await?)))
}
