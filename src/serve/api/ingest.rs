//! Pushed records: JSON Lines, or an array. Nothing is answered before it is durable.

use crate::serve::ask::Params;
use crate::serve::endpoint::{Answer, Body, Endpoint, Verb};
use crate::serve::parts::{Ingest, RecordOutcome};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::Shared;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, header};
use serde::Serialize;
use serde_json::value::RawValue;
use std::io::Read;
use std::sync::Arc;

pub(crate) static PUSH: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/v1/ingest",
    id: "pushRecords",
    doc: "Takes records: one JSON value per line, or one array of them; gzip is understood. Answers when everything is \
          durable, with one outcome per record in order. Only where the configuration allows it.",
    params: &[],
    body: Body::Records,
    answer: Answer::Json("IngestAnswer"),
};

/// Most records of one push: the answer holds a line for each.
const MOST_RECORDS: usize = 100_000;

/// What became of a push.
#[derive(Debug, Serialize)]
pub(crate) struct IngestAnswer {
    records: usize,
    folded: usize,
    rejected: usize,
    items: Vec<RecordOutcome>,
}

pub(crate) async fn push(
    State(shared): State<Shared>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Result<Json<IngestAnswer>, Problem> {
    Params::read(raw.as_deref(), PUSH.params)?;
    let Some(ingest) = shared.parts.ingest.clone() else {
        return Err(Problem::new(
            Kind::ReadOnly,
            "pushes are not allowed by the configuration of this server",
        ));
    };
    let Ok(place) = Arc::clone(&shared.ingests).try_acquire_owned() else {
        let mut busy = Problem::new(Kind::Busy, "other pushes are under way; come back in a second");
        busy.retry_after = Some(1);
        return Err(busy);
    };
    let (parts, body) = request.into_parts();
    let form = Form::of(&parts.headers)?;
    let most = shared.options.ingest_bytes;
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    // The one error beside the limit is a client that went away: it will not read the answer.
    let body = to_bytes(body, most).await.map_err(|_| too_large(most))?;
    // Not under the limit of questions: a push that has begun is finished, whoever still listens.
    let task = tokio::task::spawn_blocking(move || {
        let answer = take(ingest.as_ref(), &body, form, most);
        drop(place);
        answer
    });
    match task.await {
        Ok(answer) => answer.map(Json),
        Err(failed) => {
            tracing::error!(panicked = failed.is_panic(), "a push died");
            Err(Problem::new(
                Kind::Broken,
                "the push died; the log of the server says why",
            ))
        }
    }
}

/// How the body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    gzip: bool,
    /// Declared as JSON: it may be one object over many lines.
    json: bool,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
        let gzip = match text(header::CONTENT_ENCODING) {
            "" | "identity" => false,
            "gzip" | "x-gzip" => true,
            other => {
                let shown: String = other.chars().take(64).collect();
                let detail = format!("Content-Encoding {shown:?} is not understood; gzip is");
                return Err(Problem::new(Kind::Unsupported, detail));
            }
        };
        let kind = text(header::CONTENT_TYPE).split(';').next().unwrap_or("").trim();
        let kind = kind.to_ascii_lowercase();
        let json = match kind.as_str() {
            "application/json" => true,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/json-lines"
            | "application/octet-stream" => false,
            _ => {
                return Err(Problem::new(
                    Kind::Unsupported,
                    "send records with Content-Type: application/x-ndjson (lines) or application/json (an array)",
                ));
            }
        };
        Ok(Self { gzip, json })
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("the push is longer than {most} bytes; send it in smaller parts"),
    )
}

fn take(ingest: &dyn Ingest, body: &[u8], form: Form, most: usize) -> Result<IngestAnswer, Problem> {
    let unpacked;
    let body = if form.gzip {
        unpacked = unpack(body, most)?;
        unpacked.as_slice()
    } else {
        body
    };
    let records = split(body, form.json)?;
    if records.len() > MOST_RECORDS {
        return Err(Problem::new(
            Kind::TooLarge,
            format!(
                "the push holds {} records; send at most {MOST_RECORDS} at once",
                records.len()
            ),
        ));
    }
    let items = if records.is_empty() {
        Vec::new()
    } else {
        ingest.ingest(&records)?
    };
    let folded = items.iter().filter(|o| o.outcome == "folded").count();
    Ok(IngestAnswer {
        records: records.len(),
        folded,
        rejected: items.len().saturating_sub(folded),
        items,
    })
}

fn unpack(body: &[u8], most: usize) -> Result<Vec<u8>, Problem> {
    let mut plain = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(body)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|e| Problem::new(Kind::BadBody, format!("the body is not gzip: {e}")))?;
    if plain.len() > most {
        return Err(too_large(most));
    }
    Ok(plain)
}

/// The records of a body. An array that is broken is no array: its records cannot be told apart.
fn split(body: &[u8], json: bool) -> Result<Vec<&[u8]>, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.trim_ascii_start().starts_with(b"[") {
        let values: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|e| Problem::new(Kind::BadBody, format!("the array cannot be read: {e}")))?;
        return Ok(values.into_iter().map(|v| v.get().as_bytes()).collect());
    }
    if json && let Ok(one) = serde_json::from_slice::<&RawValue>(body) {
        return Ok(vec![one.get().as_bytes()]);
    }
    let lines = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    Ok(lines.filter(|line| !line.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrays_and_one_object_give_their_records() {
        for (body, json, want) in [
            (
                &b"{\"a\":1}\n\r\n {\"b\":2}\r\n"[..],
                false,
                vec![&b"{\"a\":1}"[..], b"{\"b\":2}"],
            ),
            (b" [ {\"a\":1}, 2 ]", false, vec![&b"{\"a\":1}"[..], b"2"]),
            (b"{\n\"a\": 1\n}", true, vec![&b"{\n\"a\": 1\n}"[..]]),
            (b"{\"a\":1}\n{\"b\"", true, vec![&b"{\"a\":1}"[..], b"{\"b\""]),
            (b"", false, vec![]),
            (b"[]", true, vec![]),
        ] {
            assert_eq!(split(body, json).unwrap(), want);
        }
        assert!(split(b"[{\"a\":1}", true).is_err());
    }

    #[test]
    fn what_unpacks_beyond_the_limit_is_refused() {
        use std::io::Write;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![b'a'; 100_000]).unwrap();
        let packed = packer.finish().unwrap();
        assert!(packed.len() < 1000);
        assert_eq!(unpack(&packed, 50_000).unwrap_err().kind, Kind::TooLarge);
        assert_eq!(unpack(&packed, 100_000).unwrap().len(), 100_000);
        assert_eq!(unpack(b"plain", 100).unwrap_err().kind, Kind::BadBody);
    }
}
