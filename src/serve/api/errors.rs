//! Errors: the list, one of them, its samples, and why it is this one.

use crate::event::IssueId;
use crate::serve::ask::Params;
use crate::serve::endpoint::{AFTER, Answer, Body, Endpoint, FROM, Holds, LIMIT, Param, Q, SPARKLINE, TO, Verb};
use crate::serve::parts::{Explanation, Finding, Parts, RuleWords};
use crate::serve::problem::Problem;
use crate::serve::question::Shared;
use crate::store::{ErrorAsk, ErrorSort, ErrorsAsk, Issue, IssueDetail, IssueNotes, Page, StoredSample};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;

/// Orders of a list of errors.
pub(crate) const SORTS: &[&str] = &["last_seen", "first_seen", "count"];

pub(crate) static LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/errors",
    id: "listErrors",
    doc: "Errors seen in a window: one per (job, fingerprint).",
    params: &[
        Q,
        FROM,
        TO,
        Param {
            name: "sort",
            holds: Holds::OneOf(SORTS),
            default: "last_seen",
            doc: "Order, always descending.",
        },
        LIMIT,
        AFTER,
        SPARKLINE,
    ],
    body: Body::None,
    answer: Answer::List("Issue"),
};

pub(crate) static ONE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/errors/{id}",
    id: "getError",
    doc: "One error: counts by minute, where it was seen, a sample with the whole stack, its kin, what people said of it.",
    params: &[FROM, TO],
    body: Body::None,
    answer: Answer::Json("IssueDetail"),
};

pub(crate) static SAMPLES: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/errors/{id}/samples",
    id: "listSamples",
    doc: "Samples of one error, newest first: one event in full per minute.",
    params: &[LIMIT, AFTER],
    body: Body::None,
    answer: Answer::List("Sample"),
};

pub(crate) static EXPLAIN: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/errors/{id}/explain",
    id: "explainError",
    doc: "Why an event became this error: every decision and every piece of the fingerprint.",
    params: &[],
    body: Body::None,
    answer: Answer::Json("Explanation"),
};

pub(crate) fn sort_of(name: &str) -> ErrorSort {
    match name {
        "first_seen" => ErrorSort::FirstSeen,
        "count" => ErrorSort::Count,
        _ => ErrorSort::LastSeen,
    }
}

pub(crate) fn issue_id(text: &str) -> Result<IssueId, Problem> {
    text.parse::<IssueId>()
        .map_err(|e| Problem::parameter("id", e.to_string()))
}

pub(crate) async fn list(State(shared): State<Shared>, RawQuery(raw): RawQuery) -> Result<Json<Page<Issue>>, Problem> {
    let params = Params::read(raw.as_deref(), LIST.params)?;
    let now = shared.now();
    let window = params.window(now)?;
    let ask = ErrorsAsk {
        query: params.query()?,
        from: window.from,
        to: window.to,
        sort: sort_of(params.one_of("sort", SORTS)?),
        limit: params.number("limit")?,
        after: params.after(),
        sparkline: params.number("sparkline")?,
        now,
    };
    shared.ask(move |reader| reader.errors(&ask)).await.map(Json)
}

/// One error as answered: what the store knows, what people said, what the rule says.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorAnswer {
    #[serde(flatten)]
    pub(crate) detail: IssueDetail,
    /// What people said of it.
    pub(crate) people: IssueNotes,
    /// What the rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<RuleWords>,
}

/// Asks for one error in full. Blocks.
pub(crate) fn fetch_error(parts: &Parts, ask: &ErrorAsk) -> Result<ErrorAnswer, Problem> {
    let detail = parts.reader.error(ask)?;
    let people = parts.reader.notes(ask.id)?;
    let words = match (&parts.explain, detail.issue.rule.as_deref()) {
        (Some(explain), Some(rule)) => explain.words(rule),
        (Some(_) | None, _) => None,
    };
    Ok(ErrorAnswer { detail, people, words })
}

/// How many of its kin an answer holds.
pub(crate) const KIN: usize = 20;

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Json<ErrorAnswer>, Problem> {
    let params = Params::read(raw.as_deref(), ONE.params)?;
    let window = params.window(shared.now())?;
    let ask = ErrorAsk {
        id: issue_id(&id)?,
        from: window.from,
        to: window.to,
        kin: KIN,
    };
    shared.off_thread(move |parts| fetch_error(parts, &ask)).await.map(Json)
}

pub(crate) async fn samples(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<StoredSample>>, Problem> {
    let params = Params::read(raw.as_deref(), SAMPLES.params)?;
    let id = issue_id(&id)?;
    let limit = params.number("limit")?;
    let after = params.after();
    shared
        .ask(move |reader| reader.samples(id, limit, after.as_deref()))
        .await
        .map(Json)
}

/// Why an event became this error.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainAnswer {
    id: IssueId,
    /// `rules`: the present rules run over the latest sample. `stored`: what was decided when it was read.
    from: &'static str,
    #[serde(flatten)]
    explanation: Explanation,
}

pub(crate) async fn explain(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Json<ExplainAnswer>, Problem> {
    Params::read(raw.as_deref(), EXPLAIN.params)?;
    let now = shared.now();
    let ask = ErrorAsk {
        id: issue_id(&id)?,
        from: now,
        to: now.saturating_add(1),
        kin: 0,
    };
    let answer = shared.off_thread(move |parts| {
        let detail = parts.reader.error(&ask)?;
        let (from, explanation) = explanation_of(parts, &detail);
        Ok(ExplainAnswer {
            id: ask.id,
            from,
            explanation,
        })
    });
    answer.await.map(Json)
}

/// The decisions of the present rules over the latest sample, else those that are stored.
pub(crate) fn explanation_of(parts: &Parts, detail: &IssueDetail) -> (&'static str, Explanation) {
    let fresh = match (&parts.explain, &detail.sample) {
        (Some(explain), Some(stored)) => explain.explain(&stored.sample),
        (Some(_) | None, _) => None,
    };
    fresh.map_or_else(
        || ("stored", stored_findings(detail)),
        |explanation| ("rules", explanation),
    )
}

fn stored_findings(detail: &IssueDetail) -> Explanation {
    let issue = &detail.issue;
    let finding = |step: &str, value: &str, why: &str| Finding {
        step: step.to_owned(),
        value: value.to_owned(),
        why: why.to_owned(),
    };
    let none = "(none)";
    let mut findings = Vec::new();
    if let Some(stored) = &detail.sample {
        findings.push(finding(
            "layout",
            &stored.sample.layout,
            "the shape the record was read as",
        ));
    }
    findings.extend([
        finding(
            "cause chain",
            &detail.exception_chain.join(" → "),
            "classes, outermost first",
        ),
        finding(
            "telling cause",
            issue.exception.as_deref().unwrap_or(none),
            "the deepest cause that says what happened",
        ),
        finding(
            "owner frame",
            issue.top_frame.as_deref().unwrap_or(none),
            "topmost frame of the best layer of code present",
        ),
        finding(
            "template",
            &issue.template,
            "the message with its variable parts masked",
        ),
        finding(
            "rule",
            issue.rule.as_deref().unwrap_or("(no rule spoke)"),
            "decides type, category, severity and part",
        ),
        finding(
            "fingerprint",
            &issue.fingerprint.to_string(),
            "cause chain, owner frames, and the template where frames do not decide",
        ),
        finding("group", &issue.group.to_string(), "telling cause and owner frame"),
        finding("job", &issue.job, "with the fingerprint it makes the id of this error"),
    ]);
    Explanation {
        recipe: crate::identity::RECIPE_VERSION,
        findings,
    }
}
