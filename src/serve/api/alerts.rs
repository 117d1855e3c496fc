//! Alerts: the list, one of them, what people do about it, and every change as it comes.

use super::state::json_only;
use crate::alert::{AlertId, Level, State as AlertState};
use crate::serve::ask::Params;
use crate::serve::endpoint::{AFTER, Answer, Body, Endpoint, Holds, LIMIT, Param, Verb};
use crate::serve::follow::follow;
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::{Shared, not_judging};
use crate::serve::time;
use crate::store::{AlertAct, AlertDetail, AlertsAsk, Page, StoredAlert};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::time::Duration;

/// Names of states.
pub(crate) const STATES: &[&str] = &["pending", "firing", "no_data", "resolved"];
/// Names of levels.
pub(crate) const LEVELS: &[&str] = &["basic", "custom", "platform"];

pub(crate) static LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/alerts",
    id: "listAlerts",
    doc: "Alerts, latest beginning first.",
    params: &[
        Param {
            name: "state",
            holds: Holds::SomeOf(STATES),
            default: "",
            doc: "Those in one of these states, with commas between them; left out: all.",
        },
        Param {
            name: "job",
            holds: Holds::Text(500),
            default: "",
            doc: "Those of this job, alerts over several jobs that name it among them.",
        },
        Param {
            name: "team",
            holds: Holds::Text(200),
            default: "",
            doc: "Those of this team.",
        },
        Param {
            name: "rule",
            holds: Holds::Text(200),
            default: "",
            doc: "Those of this rule.",
        },
        Param {
            name: "level",
            holds: Holds::OneOf(LEVELS),
            default: "",
            doc: "Those of this level.",
        },
        Param {
            name: "from",
            holds: Holds::Time,
            default: "",
            doc: "Those that went on at or after this: RFC 3339, milliseconds since 1970, `now`, or relative (`-24h`).",
        },
        Param {
            name: "to",
            holds: Holds::Time,
            default: "",
            doc: "Those that began before this, in the same forms.",
        },
        LIMIT,
        AFTER,
    ],
    body: Body::None,
    answer: Answer::List("Alert"),
};

pub(crate) static ONE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/alerts/{id}",
    id: "getAlert",
    doc: "One alert: how it stands, how it came there, and who was told.",
    params: &[],
    body: Body::None,
    answer: Answer::Json("AlertDetail"),
};

pub(crate) static ACK: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/v1/alerts/{id}/ack",
    id: "acknowledgeAlert",
    doc: "Somebody looks after it: nobody is reminded of it until it is over. Answers with how it stands now.",
    params: &[],
    body: Body::Json("AlertSaid"),
    answer: Answer::Json("Alert"),
};

pub(crate) static SILENCE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/v1/alerts/{id}/silence",
    id: "silenceAlert",
    doc: "Nobody is told of it for a while. Answers with how it stands now.",
    params: &[],
    body: Body::Json("AlertSilence"),
    answer: Answer::Json("Alert"),
};

pub(crate) static RESOLVE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/v1/alerts/{id}/resolve",
    id: "resolveAlert",
    doc: "It is over, whatever the logs say; seen again, it is a new alert. Answers with how it stands now.",
    params: &[],
    body: Body::Json("AlertSaid"),
    answer: Answer::Json("Alert"),
};

pub(crate) static STREAM: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/v1/alerts/stream",
    id: "followAlerts",
    doc: "Every change of every alert as it comes, as server-sent events: the event is what happened, its id the number \
          of the change, its data the change. A comment comes at least every 15 seconds. Who connects again says with \
          Last-Event-ID (or `after`) which change it had last, and misses none.",
    params: &[Param {
        name: "after",
        holds: Holds::Text(20),
        default: "",
        doc: "The number of a change: those after it. Left out: those to come. Last-Event-ID goes before it.",
    }],
    body: Body::None,
    answer: Answer::Events("AlertChange"),
};

/// States of their names.
pub(crate) fn states_of(names: &[&str]) -> Vec<AlertState> {
    let named = |name: &&str| AlertState::ALL.into_iter().find(|state| state.as_str() == *name);
    names.iter().filter_map(named).collect()
}

/// The level of a name.
pub(crate) fn level_of(name: &str) -> Option<Level> {
    Level::ALL.into_iter().find(|level| level.as_str() == name)
}

pub(crate) fn alert_id(text: &str) -> Result<AlertId, Problem> {
    text.parse::<AlertId>()
        .map_err(|e| Problem::parameter("id", e.to_string()))
}

/// The question of a list with the parameters of [`LIST`].
pub(crate) fn asked_for(params: &Params, now: i64) -> Result<AlertsAsk, Problem> {
    let text = |name: &str| params.text(name).map(str::to_owned);
    let (from, to) = (params.maybe_time("from", now)?, params.maybe_time("to", now)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        let (from, to) = (time::rfc3339(from), time::rfc3339(to));
        let detail = format!("the window is empty: from {from} is not before to {to}");
        return Err(Problem::parameter("from", detail));
    }
    Ok(AlertsAsk {
        states: states_of(&params.some_of("state", STATES)?),
        job: text("job"),
        team: text("team"),
        rule: text("rule"),
        level: level_of(params.one_of("level", LEVELS)?),
        from,
        to,
        limit: params.number("limit")?,
        after: params.after(),
    })
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<StoredAlert>>, Problem> {
    let params = Params::read(raw.as_deref(), LIST.params)?;
    let ask = asked_for(&params, shared.now())?;
    shared.ask_alerts(move |alerts| alerts.alerts(&ask)).await.map(Json)
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Json<AlertDetail>, Problem> {
    Params::read(raw.as_deref(), ONE.params)?;
    let id = alert_id(&id)?;
    shared.ask_alerts(move |alerts| alerts.alert(id)).await.map(Json)
}

/// What a person says, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) by: Option<String>,
    pub(crate) note: Option<String>,
    /// Of a silence: its end …
    pub(crate) until: Option<String>,
    /// … or how long it lasts.
    #[serde(rename = "for")]
    pub(crate) lasting: Option<String>,
}

/// Longest name of who says something, in characters.
const LONGEST_NAME: usize = 200;
/// Longest note, in characters.
const LONGEST_NOTE: usize = 10_000;

/// What is said, as something to do. `call` is `ack`, `silence` or `resolve`.
pub(crate) fn act_from(call: &str, said: Said, now: i64) -> Result<AlertAct, Problem> {
    let by = bounded("by", said.by, LONGEST_NAME)?;
    let note = bounded("note", said.note, LONGEST_NOTE)?;
    if call != "silence" {
        for (name, given) in [("until", said.until.is_some()), ("for", said.lasting.is_some())] {
            if given {
                return Err(Problem::parameter(name, format!("{name} goes with a silence only")));
            }
        }
    }
    match call {
        "ack" => Ok(AlertAct::Ack { by, note }),
        "resolve" => Ok(AlertAct::Resolve { by, note }),
        "silence" => Ok(AlertAct::Silence {
            until: silence_end(said.until.as_deref(), said.lasting.as_deref(), now)?,
            by,
            note,
        }),
        _ => Err(Problem::parameter("do", "one of ack, silence, resolve is wanted")),
    }
}

fn bounded(name: &str, text: Option<String>, most: usize) -> Result<Option<String>, Problem> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if text.as_deref().is_some_and(|text| text.chars().count() > most) {
        return Err(Problem::parameter(name, format!("it is longer than {most} characters")));
    }
    Ok(text)
}

fn silence_end(until: Option<&str>, lasting: Option<&str>, now: i64) -> Result<i64, Problem> {
    let (name, end) = match (until, lasting) {
        (Some(until), None) => ("until", time::parse_time(until, now)),
        (None, Some(lasting)) => (
            "for",
            time::parse_duration(lasting.trim()).map(|length| now.saturating_add(length)),
        ),
        (Some(_), Some(_)) | (None, None) => {
            let detail = "a silence needs either its end (until) or how long it lasts (for: 4h)";
            return Err(Problem::parameter("for", detail));
        }
    };
    let end = end.map_err(|e| Problem::parameter(name, e.to_string()))?;
    if end <= now {
        let detail = format!(
            "the silence would be over already: {} is not to come",
            time::rfc3339(end)
        );
        return Err(Problem::parameter(name, detail));
    }
    Ok(end)
}

/// Does it, off the async threads, and lets those who follow know.
pub(crate) async fn act(shared: &Shared, id: AlertId, act: AlertAct) -> Result<StoredAlert, Problem> {
    let now = shared.now();
    let stands = shared.off_thread(move |parts| match (&parts.alert_editor, &parts.alerts) {
        (Some(editor), _) => Ok(editor.act(id, &act, now)?),
        (None, Some(_)) => Err(Problem::new(
            Kind::ReadOnly,
            "this server only reads; nothing can be said of alerts here",
        )),
        (None, None) => Err(not_judging()),
    });
    let stands = stands.await?;
    shared.following.look_now();
    Ok(stands)
}

/// One request that says something.
struct Call {
    shared: Shared,
    id: String,
    raw: Option<String>,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    async fn take(self, endpoint: &'static Endpoint, call: &str) -> Result<Json<StoredAlert>, Problem> {
        Params::read(self.raw.as_deref(), endpoint.params)?;
        let id = alert_id(&self.id)?;
        json_only(&self.headers)?;
        let said: Said = if self.body.is_empty() {
            Said::default()
        } else {
            serde_json::from_slice(&self.body).map_err(|e| Problem::new(Kind::BadBody, e.to_string()))?
        };
        let what = act_from(call, said, self.shared.now())?;
        act(&self.shared, id, what).await.map(Json)
    }
}

/// The handler of a call that says something.
macro_rules! saying {
    ($name:ident, $endpoint:ident) => {
        pub(crate) async fn $name(
            State(shared): State<Shared>,
            Path(id): Path<String>,
            RawQuery(raw): RawQuery,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Json<StoredAlert>, Problem> {
            let call = Call {
                shared,
                id,
                raw,
                headers,
                body,
            };
            call.take(&$endpoint, stringify!($name)).await
        }
    };
}
saying!(ack, ACK);
saying!(silence, SILENCE);
saying!(resolve, RESOLVE);

/// Longest pause between two things a follower hears.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(crate) async fn stream(
    State(shared): State<Shared>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(raw.as_deref(), STREAM.params)?;
    let after = match headers.get("last-event-id").filter(|id| !id.is_empty()) {
        Some(id) => Some(number("Last-Event-ID", id.to_str().unwrap_or("(not text)"))?),
        None => params.text("after").map(|text| number("after", text)).transpose()?,
    };
    let events = follow(&shared, after).await?;
    // A connection on which nothing happens is closed: something has to happen before that.
    let heartbeat = HEARTBEAT.min(shared.options.idle / 3);
    let sent = Sse::new(events).keep_alive(KeepAlive::new().interval(heartbeat));
    // nginx would keep what is sent until it has a page of it.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, sent).into_response())
}

fn number(name: &str, text: &str) -> Result<i64, Problem> {
    text.trim().parse().ok().filter(|n| *n >= 0).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Problem::parameter(name, format!("{shown:?} is not the number of a change"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_level_has_its_name_in_the_lists() {
        assert_eq!(STATES.to_vec(), AlertState::ALL.map(AlertState::as_str));
        assert_eq!(LEVELS.to_vec(), Level::ALL.map(Level::as_str));
    }

    #[test]
    fn a_silence_has_one_end_and_that_is_to_come() {
        let said = |until: Option<&str>, lasting: Option<&str>| Said {
            until: until.map(str::to_owned),
            lasting: lasting.map(str::to_owned),
            ..Said::default()
        };
        let until = |said: Said| match act_from("silence", said, 10_000_000) {
            Ok(AlertAct::Silence { until, .. }) => Some(until),
            Ok(AlertAct::Ack { .. } | AlertAct::Resolve { .. }) | Err(_) => None,
        };
        assert_eq!(until(said(None, Some("4h"))), Some(24_400_000));
        assert_eq!(until(said(Some("+1h"), None)), Some(13_600_000));
        for (end, lasting) in [
            (None, None),
            (Some("+1h"), Some("1h")),
            (Some("-1h"), None),
            (None, Some("0s")),
            (None, Some("soon")),
        ] {
            assert_eq!(until(said(end, lasting)), None, "{end:?} {lasting:?}");
        }
        assert!(act_from("ack", said(None, Some("4h")), 0).is_err());
    }
}
