//! What becomes of one item of a bulk answer.

use crate::store::elastic_druid::elastic::error::{fault, is_block};
use serde_json::Value;

/// The fate of an update, or what to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Written.
    Written,
    /// Everything in it was there already.
    Unchanged,
    /// To be sent again.
    Retry {
        /// The node's name for it.
        kind: String,
        /// What it said.
        reason: String,
    },
    /// It will never be taken.
    Reject {
        /// The node's name for it.
        kind: String,
        /// What it said.
        reason: String,
    },
    /// We may not write there: nothing else will be taken either.
    Stop {
        /// HTTP status.
        status: u16,
        /// The node's name for it.
        kind: String,
        /// What it said.
        reason: String,
    },
}

/// What is wrong with an answer as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerFault {
    /// No JSON, cut in the middle.
    #[error("the answer cannot be read")]
    Unreadable,
    /// Not one item per update.
    #[error("{got} items for {sent} updates")]
    Miscounted {
        /// Sent.
        sent: usize,
        /// Told of.
        got: usize,
    },
}

/// Verdicts by position, counted first.
pub(super) fn verdicts(sent: usize, body: &[u8]) -> Result<Vec<Verdict>, AnswerFault> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| AnswerFault::Unreadable)?;
    let items = answer
        .get("items")
        .and_then(Value::as_array)
        .ok_or(AnswerFault::Unreadable)?;
    if items.len() != sent {
        return Err(AnswerFault::Miscounted { sent, got: items.len() });
    }
    items
        .iter()
        .map(|item| item.get("update").map(of_item).ok_or(AnswerFault::Unreadable))
        .collect()
}

fn of_item(item: &Value) -> Verdict {
    let status = item
        .get("status")
        .and_then(Value::as_u64)
        .and_then(|status| u16::try_from(status).ok());
    let (kind, reason) = item.get("error").map_or_else(|| (String::new(), String::new()), fault);
    match status.unwrap_or(0) {
        200..=299 => match item.get("result").and_then(Value::as_str) {
            Some("noop") => Verdict::Unchanged,
            Some(_) | None => Verdict::Written,
        },
        status => of_fault(status, kind, reason),
    }
}

/// The verdict of a refusal, of an item or of a whole request.
pub(super) fn of_fault(status: u16, kind: String, reason: String) -> Verdict {
    if passes(&kind, &reason) {
        return Verdict::Retry { kind, reason };
    }
    match status {
        401 | 403 => Verdict::Stop { status, kind, reason },
        // Conflicts, a full queue, a node that starts or goes; also what is no status of a refusal at all.
        409 | 429 | 0..=399 | 500.. => Verdict::Retry { kind, reason },
        400..=499 => Verdict::Reject { kind, reason },
    }
}

/// Refusals with a status of their own that speak of the state of the cluster and not of the document: somebody
/// mends them, and then the same update is taken.
fn passes(kind: &str, reason: &str) -> bool {
    let state = [
        "index_closed_exception",
        "index_not_found_exception",
        "no_shard_available_action_exception",
        "unavailable_shards_exception",
        "circuit_breaking_exception",
        "process_cluster_event_timeout_exception",
    ];
    // Too many shards in the cluster (cluster.max_shards_per_node); a script somebody removed.
    is_block(kind)
        || state.contains(&kind)
        || reason.contains("shards open")
        || reason.contains("unable to find script")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(status: u16, kind: &str, reason: &str) -> &'static str {
        match of_fault(status, kind.to_owned(), reason.to_owned()) {
            Verdict::Written => "written",
            Verdict::Unchanged => "unchanged",
            Verdict::Retry { .. } => "retry",
            Verdict::Reject { .. } => "reject",
            Verdict::Stop { .. } => "stop",
        }
    }

    #[test]
    fn each_refusal_has_its_verdict() {
        for (status, kind, reason, verdict) in [
            (409, "version_conflict_engine_exception", "", "retry"),
            (429, "es_rejected_execution_exception", "", "retry"),
            (503, "unavailable_shards_exception", "", "retry"),
            (500, "", "", "retry"),
            (400, "mapper_parsing_exception", "failed to parse field", "reject"),
            (400, "document_parsing_exception", "", "reject"),
            (400, "script_exception", "runtime error", "reject"),
            (413, "", "", "reject"),
            (401, "security_exception", "", "stop"),
            (403, "security_exception", "", "stop"),
            (403, "cluster_block_exception", "read-only", "retry"),
            (403, "index_create_block_exception", "", "retry"),
            (
                400,
                "validation_exception",
                "this cluster currently has [1000]/[1000] maximum normal shards open",
                "retry",
            ),
            (
                400,
                "illegal_argument_exception",
                "unable to find script [x] in cluster state",
                "retry",
            ),
            (404, "index_not_found_exception", "", "retry"),
            (400, "index_closed_exception", "", "retry"),
        ] {
            assert_eq!(of(status, kind, reason), verdict, "{status} {kind}");
        }
    }

    #[test]
    fn an_answer_is_counted_before_it_is_believed() {
        let item = json!({"update": {"status": 200, "result": "noop"}});
        let body = |items: &[Value]| json!({"items": items}).to_string().into_bytes();
        assert_eq!(
            verdicts(1, &body(std::slice::from_ref(&item))),
            Ok(vec![Verdict::Unchanged])
        );
        assert_eq!(
            verdicts(2, &body(&[item])),
            Err(AnswerFault::Miscounted { sent: 2, got: 1 })
        );
        for bad in ["", "{", "{}", r#"{"items":[{}]}"#, "null"] {
            assert_eq!(verdicts(1, bad.as_bytes()), Err(AnswerFault::Unreadable), "{bad}");
        }
    }
}
