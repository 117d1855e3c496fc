//! The feeds: which alerts they hold, and how a reader that has them already is told so.

use super::alerts::{LEVELS, STATES, level_of, states_of};
use crate::serve::ask::Params;
use crate::serve::endpoint::{Answer, Body, Endpoint, Holds, Param, Verb};
use crate::serve::feed::{self, Feed, Place, Whose};
use crate::serve::guard::base_of;
use crate::serve::problem::Problem;
use crate::serve::question::Shared;
use crate::serve::routes::Routes;
use crate::serve::time;
use crate::store::{AlertReader, AlertsAsk, ReadError, StoredAlert};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::time::{Duration, SystemTime};

const PARAMS: &[Param] = &[
    Param {
        name: "state",
        holds: Holds::SomeOf(STATES),
        default: "firing,no_data,resolved",
        doc: "Those in one of these states, with commas between them.",
    },
    Param {
        name: "level",
        holds: Holds::OneOf(LEVELS),
        default: "",
        doc: "Those of this level.",
    },
    Param {
        name: "limit",
        holds: Holds::Number(1, 200),
        default: "50",
        doc: "At most so many entries.",
    },
];

/// The forms of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Atom,
    Json,
}

const ATOM: Answer = Answer::Feed("application/atom+xml");
const JSON: Answer = Answer::Feed("application/feed+json");

const fn described(path: &'static str, id: &'static str, doc: &'static str, answer: Answer) -> Endpoint {
    Endpoint {
        verb: Verb::Get,
        path,
        id,
        doc,
        params: PARAMS,
        body: Body::None,
        answer,
    }
}

static ALL_ATOM: Endpoint = described(
    "/api/v1/feed.atom",
    "feedAtom",
    "Alerts as an Atom feed. Also at /feed.atom.",
    ATOM,
);
static ALL_JSON: Endpoint = described(
    "/api/v1/feed.json",
    "feedJson",
    "Alerts as a JSON feed. Also at /feed.json.",
    JSON,
);
static JOB_ATOM: Endpoint = described(
    "/api/v1/jobs/{job}/feed.atom",
    "jobFeedAtom",
    "Alerts of a job as an Atom feed. Also at /jobs/{job}/feed.atom.",
    ATOM,
);
static JOB_JSON: Endpoint = described(
    "/api/v1/jobs/{job}/feed.json",
    "jobFeedJson",
    "Alerts of a job as a JSON feed. Also at /jobs/{job}/feed.json.",
    JSON,
);
static TEAM_ATOM: Endpoint = described(
    "/api/v1/teams/{team}/feed.atom",
    "teamFeedAtom",
    "Alerts of a team as an Atom feed. Also at /teams/{team}/feed.atom.",
    ATOM,
);
static TEAM_JSON: Endpoint = described(
    "/api/v1/teams/{team}/feed.json",
    "teamFeedJson",
    "Alerts of a team as a JSON feed. Also at /teams/{team}/feed.json.",
    JSON,
);

/// Each feed has two addresses: among the calls, and the short one that people hand to their readers.
pub(crate) fn add(routes: &mut Routes) {
    routes.call(&ALL_ATOM, get(all_atom));
    routes.call(&ALL_JSON, get(all_json));
    routes.call(&JOB_ATOM, get(job_atom));
    routes.call(&JOB_JSON, get(job_json));
    routes.call(&TEAM_ATOM, get(team_atom));
    routes.call(&TEAM_JSON, get(team_json));
    routes.page("/feed.atom", get(all_atom));
    routes.page("/feed.json", get(all_json));
    routes.page("/jobs/{job}/feed.atom", get(job_atom));
    routes.page("/jobs/{job}/feed.json", get(job_json));
    routes.page("/teams/{team}/feed.atom", get(team_atom));
    routes.page("/teams/{team}/feed.json", get(team_json));
}

async fn all_atom(State(shared): State<Shared>, asked: Asked) -> Result<Response, Problem> {
    asked.answer(&shared, Whose::Everybody, Form::Atom).await
}
async fn all_json(State(shared): State<Shared>, asked: Asked) -> Result<Response, Problem> {
    asked.answer(&shared, Whose::Everybody, Form::Json).await
}
async fn job_atom(State(shared): State<Shared>, Path(job): Path<String>, asked: Asked) -> Result<Response, Problem> {
    asked.answer(&shared, Whose::Job(job), Form::Atom).await
}
async fn job_json(State(shared): State<Shared>, Path(job): Path<String>, asked: Asked) -> Result<Response, Problem> {
    asked.answer(&shared, Whose::Job(job), Form::Json).await
}
async fn team_atom(State(shared): State<Shared>, Path(team): Path<String>, asked: Asked) -> Result<Response, Problem> {
    asked.answer(&shared, Whose::Team(team), Form::Atom).await
}
async fn team_json(State(shared): State<Shared>, Path(team): Path<String>, asked: Asked) -> Result<Response, Problem> {
    asked.answer(&shared, Whose::Team(team), Form::Json).await
}

/// What a reader asks.
struct Asked {
    raw: Option<String>,
    uri: Uri,
    headers: HeaderMap,
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _state: &S,
    ) -> Result<Self, std::convert::Infallible> {
        Ok(Self {
            raw: parts.uri.query().map(str::to_owned),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
        })
    }
}

impl Asked {
    /// Where links begin: what is configured, else the host that was asked, else where we listen.
    fn base(&self, shared: &Shared) -> String {
        let configured = shared
            .options
            .url
            .as_deref()
            .map(|url| url.trim_end_matches('/').to_owned());
        configured
            .or_else(|| base_of(&self.uri, &self.headers))
            .unwrap_or_else(|| format!("http://{}", shared.options.bind))
    }

    async fn answer(self, shared: &Shared, whose: Whose, form: Form) -> Result<Response, Problem> {
        let params = Params::read(self.raw.as_deref(), PARAMS)?;
        let limit = params.number("limit")?;
        let (job, team) = match &whose {
            Whose::Everybody => (None, None),
            Whose::Job(job) => (Some(job.clone()), None),
            Whose::Team(team) => (None, Some(team.clone())),
        };
        let ask = AlertsAsk {
            states: states_of(&params.some_of("state", STATES)?),
            job,
            team,
            level: level_of(params.one_of("level", LEVELS)?),
            limit,
            ..AlertsAsk::default()
        };
        let alerts = shared.ask_alerts(move |alerts| told(alerts, ask)).await?;
        let place = Place {
            base: self.base(shared),
            own: self.uri.path_and_query().map_or("/", |own| own.as_str()).to_owned(),
        };
        let feed = Feed::of(&whose, &place, alerts);
        let (kind, body) = match form {
            Form::Atom => (feed::ATOM_KIND, feed::atom(&feed)),
            Form::Json => (feed::JSON_KIND, feed::json(&feed)),
        };
        Ok(unless_known(&self.headers, &feed.updated, kind, body))
    }
}

/// Pages read to fill a feed: alerts nobody was told of are passed over, but not without end.
const MOST_PAGES: usize = 5;

/// The latest alerts that somebody was told of. Blocks.
fn told(alerts: &dyn AlertReader, mut ask: AlertsAsk) -> Result<Vec<StoredAlert>, ReadError> {
    let mut told: Vec<StoredAlert> = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = alerts.alerts(&ask)?;
        told.extend(
            page.items
                .into_iter()
                .filter(|one| !one.past && one.inhibited_by.is_none()),
        );
        match page.next {
            Some(next) if told.len() < ask.limit => ask.after = Some(next),
            Some(_) | None => break,
        }
    }
    told.truncate(ask.limit);
    Ok(told)
}

/// The feed, or 304 where the reader has it already (RFC 9110, 13).
fn unless_known(asked: &HeaderMap, updated: &str, kind: &'static str, body: String) -> Response {
    let tag = format!("W/\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(body.as_bytes()));
    let seconds = u64::try_from(time::millis(updated).unwrap_or(0).div_euclid(1000)).unwrap_or(0);
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let given = |name| {
        asked
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let known = match given(header::IF_NONE_MATCH) {
        Some(tags) => tags.split(',').any(|one| matches(one.trim(), &tag)),
        // Only where no tag is given: two changes may lie in one second.
        None => given(header::IF_MODIFIED_SINCE)
            .and_then(|at| httpdate::parse_http_date(at).ok())
            .is_some_and(|at| modified <= at),
    };
    let about = [
        (header::ETAG, tag),
        (header::LAST_MODIFIED, httpdate::fmt_http_date(modified)),
        // Kept by the reader, asked for anew each time.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    if known {
        (StatusCode::NOT_MODIFIED, about).into_response()
    } else {
        (about, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

/// Weak comparison (RFC 9110, 8.8.3.2).
fn matches(given: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    given == "*" || opaque(given) == opaque(tag)
}
