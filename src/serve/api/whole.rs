//! The whole: totals, values for suggestions, the description of the API, and the three calls at the root.

use crate::serve::ask::Params;
use crate::serve::endpoint::{Answer, Body, Endpoint, Holds, LIMIT, Param, Verb};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::Shared;
use crate::store::{Page, Totals};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

pub(crate) static TOTALS: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/totals",
    id: "getTotals",
    doc: "What is in the store, and the ledger: records read and what became of them, per source.",
    params: &[],
    body: Body::None,
    answer: Answer::Json("Totals"),
};

pub(crate) static VALUES: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/values",
    id: "listValues",
    doc: "Values of a field with their counts, most frequent first, for suggestions and filters.",
    params: &[
        Param {
            name: "field",
            holds: Holds::Text(64),
            default: "",
            doc: "A field of the search language (needed).",
        },
        Param {
            name: "prefix",
            holds: Holds::Text(200),
            default: "",
            doc: "How the value begins.",
        },
        LIMIT,
    ],
    body: Body::None,
    answer: Answer::List("Value"),
};

pub(crate) static OPENAPI: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/openapi.json",
    id: "getOpenApi",
    doc: "This document.",
    params: &[],
    body: Body::None,
    answer: Answer::OpenApi,
};

pub(crate) static ALIVE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/healthz",
    id: "isAlive",
    doc: "200 while the process answers. Needs no token.",
    params: &[],
    body: Body::None,
    answer: Answer::Text,
};

pub(crate) static READY: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/readyz",
    id: "isReady",
    doc: "200 when questions can be answered, 503 with what is missing otherwise. Needs no token.",
    params: &[],
    body: Body::None,
    answer: Answer::Text,
};

pub(crate) static METRICS: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/metrics",
    id: "getMetrics",
    doc: "Metrics in the text format of Prometheus.",
    params: &[],
    body: Body::None,
    answer: Answer::Text,
};

/// A value of a field.
#[derive(Debug, Serialize)]
pub(crate) struct Value {
    value: String,
    count: u64,
}

pub(crate) async fn totals(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Json<Totals>, Problem> {
    Params::read(raw.as_deref(), TOTALS.params)?;
    shared.ask(|reader| reader.totals()).await.map(Json)
}

pub(crate) async fn values(
    State(shared): State<Shared>,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<Value>>, Problem> {
    let params = Params::read(raw.as_deref(), VALUES.params)?;
    let field = params
        .text("field")
        .ok_or_else(|| Problem::parameter("field", "field is needed: the name of a field, as in field=job"))?
        .to_owned();
    let prefix = params.text("prefix").unwrap_or("").to_owned();
    let limit = params.number("limit")?;
    let found = shared.ask(move |reader| reader.values(&field, &prefix, limit)).await?;
    let items = found.into_iter().map(|(value, count)| Value { value, count });
    Ok(Json(Page {
        items: items.collect(),
        next: None,
    }))
}

pub(crate) async fn openapi(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Response, Problem> {
    Params::read(raw.as_deref(), OPENAPI.params)?;
    let body = shared.openapi.to_string();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

pub(crate) async fn ready(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    match (shared.parts.ready)() {
        Ok(()) => Ok("ready\n"),
        Err(missing) => Err(Problem::new(Kind::NotReady, missing)),
    }
}

pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    let text = (shared.parts.metrics)();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
