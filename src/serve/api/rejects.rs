//! Records that could not become events.

use crate::serve::ask::Params;
use crate::serve::endpoint::{AFTER, Answer, Body, Endpoint, Holds, LIMIT, Param, Verb};
use crate::serve::problem::Problem;
use crate::serve::question::Shared;
use crate::store::{Page, StoredReject};
use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;

pub(crate) static LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/rejects",
    id: "listRejects",
    doc: "Records that could not become events, newest first, with the reason and their bytes.",
    params: &[
        LIMIT,
        AFTER,
        Param {
            name: "bytes",
            holds: Holds::Number(0, 1_048_576),
            default: "2000",
            doc: "How many bytes of each record to show at most.",
        },
    ],
    body: Body::None,
    answer: Answer::List("Reject"),
};

/// A reject, its text cut to what was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct RejectAnswer {
    #[serde(flatten)]
    reject: StoredReject,
    /// Bytes of the record that are not shown here.
    bytes_left_out: u64,
}

/// Cuts a text at a character boundary at or before `most` bytes.
pub(crate) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<RejectAnswer>>, Problem> {
    let params = Params::read(raw.as_deref(), LIST.params)?;
    let limit = params.number("limit")?;
    let after = params.after();
    let most = params.number("bytes")?;
    let page = shared
        .ask(move |reader| reader.rejects(limit, after.as_deref()))
        .await?;
    let items = page.items.into_iter().map(|mut reject| {
        cut(&mut reject.bytes, most);
        let shown = u64::try_from(reject.bytes.len()).unwrap_or(u64::MAX);
        RejectAnswer {
            bytes_left_out: reject.length.saturating_sub(shown),
            reject,
        }
    });
    Ok(Json(Page {
        items: items.collect(),
        next: page.next,
    }))
}
