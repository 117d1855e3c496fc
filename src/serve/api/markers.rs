//! Markers: deployments and other events shown on every chart.

use super::state::read_body;
use crate::serve::ask::Params;
use crate::serve::endpoint::{Answer, Body, Endpoint, FROM, Holds, Param, TO, Verb};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::Shared;
use crate::serve::time;
use crate::store::{Marker, NewMarker, Page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

pub(crate) static LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/markers",
    id: "listMarkers",
    doc: "Deployments and other events shown on every chart, oldest first.",
    params: &[
        FROM,
        TO,
        Param {
            name: "job",
            holds: Holds::Text(500),
            default: "",
            doc: "Those of this job, and those of all jobs.",
        },
    ],
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

pub(crate) static REMOVE: Endpoint = Endpoint {
    verb: Verb::Delete,
    path: "/api/v1/markers/{id}",
    id: "removeMarker",
    doc: "Removes a marker.",
    params: &[],
    body: Body::None,
    answer: Answer::Nothing,
};

/// The body, as written: times as everywhere in this API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkerBody {
    /// Left out: now.
    at: Option<String>,
    until: Option<String>,
    title: String,
    text: Option<String>,
    job: Option<String>,
    kind: Option<String>,
}

pub(crate) async fn list(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Json<Page<Marker>>, Problem> {
    let params = Params::read(raw.as_deref(), LIST.params)?;
    let window = params.window(shared.now())?;
    let job = params.text("job").map(str::to_owned);
    let items = shared.ask(move |reader| reader.markers(window.from, window.to, job.as_deref()));
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
    for (name, text, most) in [
        ("title", Some(title.as_str()), 200),
        ("text", body.text.as_deref(), 10_000),
        ("job", body.job.as_deref(), 500),
        ("kind", body.kind.as_deref(), 100),
    ] {
        if text.is_some_and(|t| t.trim().is_empty() || t.chars().count() > most) {
            let detail = format!("{name} is empty or longer than {most} characters");
            return Err(Problem::parameter(name, detail));
        }
    }
    let now = shared.now();
    let time =
        |name: &str, text: &str| time::parse_time(text, now).map_err(|e| Problem::parameter(name, e.to_string()));
    let at = body.at.as_deref().map_or(Ok(now), |text| time("at", text))?;
    let until = body.until.as_deref().map(|text| time("until", text)).transpose()?;
    if until.is_some_and(|until| until < at) {
        return Err(Problem::parameter("until", "the marker ends before it begins"));
    }
    let marker = NewMarker {
        at,
        until,
        title,
        text: body.text,
        job: body.job,
        kind: body.kind.unwrap_or_else(|| "deployment".to_owned()),
    };
    let stored = shared.off_thread(move |parts| match &parts.editor {
        Some(editor) => Ok(editor.add_marker(&marker)?),
        None => Err(read_only()),
    });
    Ok((StatusCode::CREATED, Json(stored.await?)))
}

fn read_only() -> Problem {
    Problem::new(Kind::ReadOnly, "this server only reads; markers cannot be changed")
}

pub(crate) async fn remove(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<StatusCode, Problem> {
    Params::read(raw.as_deref(), REMOVE.params)?;
    let id: i64 = id
        .parse()
        .map_err(|_| Problem::parameter("id", "the number of a marker is wanted"))?;
    let done = shared.off_thread(move |parts| match &parts.editor {
        Some(editor) => Ok(editor.remove_marker(id)?),
        None => Err(read_only()),
    });
    done.await.map(|()| StatusCode::NO_CONTENT)
}
