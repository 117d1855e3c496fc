//! Counts over time by a dimension.

use crate::serve::ask::{Params, Window};
use crate::serve::endpoint::{Answer, Body, Endpoint, FROM, Holds, Param, Q, TO, Verb};
use crate::serve::problem::Problem;
use crate::serve::question::Shared;
use crate::serve::time;
use crate::store::{TREND_DIMENSIONS, Trends, TrendsAsk};
use axum::Json;
use axum::extract::{RawQuery, State};

/// Most buckets of one answer. Source: 2,880 minutes are two days by minute; a chart has no more pixels.
pub(crate) const MOST_BUCKETS: i64 = 2_880;
/// Buckets aimed at when no step is given.
const BUCKETS: i64 = 120;

pub(crate) static TRENDS: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/trends",
    id: "getTrends",
    doc: "Counts over time: one zero-filled series per value of a dimension, the rest as `other`, and the total.",
    params: &[
        Param {
            name: "by",
            holds: Holds::OneOf(TREND_DIMENSIONS),
            default: "error_type",
            doc: "What to tell apart.",
        },
        Param {
            name: "step",
            holds: Holds::Duration,
            default: "",
            doc: "Width of a bucket, whole minutes (`1m`, `1h`). Left out: chosen so that there are about 120.",
        },
        FROM,
        TO,
        Q,
        Param {
            name: "top",
            holds: Holds::Number(1, 100),
            default: "10",
            doc: "How many series beside `other`.",
        },
    ],
    body: Body::None,
    answer: Answer::Json("Trends"),
};

/// The step asked for, or a fitting one, in minutes.
pub(crate) fn step_minutes(step: Option<&str>, window: Window) -> Result<i64, Problem> {
    let length = window.to.saturating_sub(window.from);
    let Some(text) = step else {
        return Ok(time::step_for(length, BUCKETS));
    };
    let step = time::parse_duration(text).map_err(|e| Problem::parameter("step", e.to_string()))?;
    if step < 60_000 || step % 60_000 != 0 {
        return Err(Problem::parameter(
            "step",
            format!("{text:?} is not a number of whole minutes; counts are kept by minute"),
        ));
    }
    let minutes = step / 60_000;
    if length / step > MOST_BUCKETS {
        let least = time::step_text(time::step_for(length, MOST_BUCKETS));
        return Err(Problem::parameter(
            "step",
            format!("{text} over this window gives more than {MOST_BUCKETS} buckets; take {least} or a shorter window"),
        )
        .suggesting(Some(least)));
    }
    Ok(minutes)
}

pub(crate) async fn trends(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Json<Trends>, Problem> {
    let params = Params::read(raw.as_deref(), TRENDS.params)?;
    let now = shared.now();
    let window = params.window(now)?;
    let ask = TrendsAsk {
        by: params.one_of("by", TREND_DIMENSIONS)?.to_owned(),
        step_minutes: step_minutes(params.text("step"), window)?,
        from: window.from,
        to: window.to,
        query: params.query()?,
        top: params.number("top")?,
        now,
    };
    shared.ask(move |reader| reader.trends(&ask)).await.map(Json)
}
