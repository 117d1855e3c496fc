//! Jobs with their health.

use crate::serve::ask::Params;
use crate::serve::endpoint::{AFTER, Answer, Body, Endpoint, FROM, Holds, LIMIT, Param, SPARKLINE, TO, Verb};
use crate::serve::problem::Problem;
use crate::serve::question::Shared;
use crate::store::{Job, JobDetail, JobsAsk, Page};
use axum::Json;
use axum::extract::{Path, RawQuery, State};

pub(crate) static LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/jobs",
    id: "listJobs",
    doc: "Jobs that logged errors in a window, with their health.",
    params: &[
        FROM,
        TO,
        Param {
            name: "name",
            holds: Holds::Text(500),
            default: "",
            doc: "Part of the name, in any case.",
        },
        LIMIT,
        AFTER,
        SPARKLINE,
    ],
    body: Body::None,
    answer: Answer::List("Job"),
};

pub(crate) static ONE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/jobs/{job}",
    id: "getJob",
    doc: "One job: its health with the reasons, restarts, and the errors with most events.",
    params: &[FROM, TO],
    body: Body::None,
    answer: Answer::Json("JobDetail"),
};

pub(crate) async fn list(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Json<Page<Job>>, Problem> {
    let params = Params::read(raw.as_deref(), LIST.params)?;
    let window = params.window(shared.now())?;
    let ask = JobsAsk {
        from: window.from,
        to: window.to,
        name: params.text("name").unwrap_or("").to_owned(),
        limit: params.number("limit")?,
        after: params.after(),
        sparkline: params.number("sparkline")?,
    };
    shared.ask(move |reader| reader.jobs(&ask)).await.map(Json)
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(job): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Json<JobDetail>, Problem> {
    let params = Params::read(raw.as_deref(), ONE.params)?;
    let window = params.window(shared.now())?;
    shared
        .ask(move |reader| reader.job(&job, window.from, window.to))
        .await
        .map(Json)
}
