//! What a person does to an error: resolve, mute, reopen, assign, note.

use super::errors::issue_id;
use crate::event::IssueId;
use crate::serve::ask::{Params, nearest};
use crate::serve::endpoint::{Answer, Body, Endpoint, Verb};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::Shared;
use crate::serve::time;
use crate::store::{IssueNotes, StateChange};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use serde::Deserialize;

pub(crate) static CHANGE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/v1/errors/{id}/state",
    id: "changeError",
    doc: "Resolves, mutes, reopens or assigns an error, or adds a note. Answers with what is now said of it.",
    params: &[],
    body: Body::Json("Change"),
    answer: Answer::Json("IssueNotes"),
};

/// What can be done.
pub(crate) const ACTIONS: &[&str] = &["resolve", "mute", "reopen", "assign", "note"];
/// Longest note, in characters.
const LONGEST_NOTE: usize = 10_000;
/// Longest name of an assignee, in characters.
const LONGEST_NAME: usize = 200;

/// The body, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    #[serde(rename = "do")]
    pub(crate) action: String,
    /// Of a mute: a time, or a duration from now.
    pub(crate) until: Option<String>,
    /// Of a mute: until it has so many events …
    pub(crate) events: Option<u64>,
    /// … in so many minutes.
    pub(crate) minutes: Option<u32>,
    /// Of an assignment: who; absent or empty takes the name away.
    pub(crate) to: Option<String>,
    /// Of a note; absent or empty takes it away.
    pub(crate) text: Option<String>,
}

/// What a body means.
pub(crate) fn change_from(body: &ChangeBody, now: i64) -> Result<StateChange, Problem> {
    let action = body.action.as_str();
    if !ACTIONS.contains(&action) {
        let detail = format!("{:?} is not one of {}", short(action), ACTIONS.join(", "));
        return Err(Problem::parameter("do", detail).suggesting(nearest(action, ACTIONS)));
    }
    for (name, given, belongs) in [
        ("until", body.until.is_some(), "mute"),
        ("events", body.events.is_some(), "mute"),
        ("minutes", body.minutes.is_some(), "mute"),
        ("to", body.to.is_some(), "assign"),
        ("text", body.text.is_some(), "note"),
    ] {
        if given && action != belongs {
            let detail = format!("{name} goes with {belongs:?}, not with {action:?}");
            return Err(Problem::parameter(name, detail));
        }
    }
    match action {
        "resolve" => Ok(StateChange::Resolve),
        "mute" => mute(body, now),
        "assign" => Ok(StateChange::Assign {
            to: bounded("to", body.to.as_deref(), LONGEST_NAME)?,
        }),
        "note" => Ok(StateChange::Note {
            text: bounded("text", body.text.as_deref(), LONGEST_NOTE)?,
        }),
        _ => Ok(StateChange::Reopen),
    }
}

fn mute(body: &ChangeBody, now: i64) -> Result<StateChange, Problem> {
    if body.events.is_some() != body.minutes.is_some() {
        let missing = if body.events.is_some() { "minutes" } else { "events" };
        return Err(Problem::parameter(
            missing,
            "events and minutes go together: mute until so many events come in so many minutes",
        ));
    }
    Ok(StateChange::Mute {
        until: mute_end(body.until.as_deref().unwrap_or(""), now)?,
        events: body.events,
        minutes: body.minutes,
    })
}

/// A text without blanks around it, absent when empty.
fn bounded(name: &str, text: Option<&str>, most: usize) -> Result<Option<String>, Problem> {
    let text = text.map(str::trim).filter(|t| !t.is_empty());
    if text.is_some_and(|t| t.chars().count() > most) {
        return Err(Problem::parameter(name, format!("it is longer than {most} characters")));
    }
    Ok(text.map(str::to_owned))
}

fn mute_end(text: &str, now: i64) -> Result<Option<i64>, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let until = match time::parse_duration(text) {
        Ok(length) => now.saturating_add(length),
        Err(_) => time::parse_time(text, now).map_err(|e| Problem::parameter("until", e.to_string()))?,
    };
    if until <= now {
        return Err(Problem::parameter(
            "until",
            format!("{} is in the past", time::rfc3339(until)),
        ));
    }
    Ok(Some(until))
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Makes a change, off the async threads.
pub(crate) async fn apply(shared: &Shared, id: IssueId, change: StateChange) -> Result<IssueNotes, Problem> {
    let now = shared.now();
    shared
        .off_thread(move |parts| match &parts.editor {
            Some(editor) => Ok(editor.set_state(id, &change, now)?),
            None => Err(Problem::new(
                Kind::ReadOnly,
                "this server only reads; states cannot be changed",
            )),
        })
        .await
}

/// Refuses a body that is not declared as JSON: a form of another site could send anything else.
pub(crate) fn json_only(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = given.and_then(|v| v.split(';').next()).unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::new(
            Kind::Unsupported,
            "send the body with Content-Type: application/json",
        ))
    }
}

/// Reads a JSON body.
pub(crate) fn read_body<'b, T: Deserialize<'b>>(headers: &HeaderMap, body: &'b [u8]) -> Result<T, Problem> {
    json_only(headers)?;
    serde_json::from_slice(body).map_err(|e| Problem::new(Kind::BadBody, e.to_string()))
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<IssueNotes>, Problem> {
    Params::read(raw.as_deref(), CHANGE.params)?;
    let id = issue_id(&id)?;
    let body: ChangeBody = read_body(&headers, &body)?;
    let change = change_from(&body, shared.now())?;
    apply(&shared, id, change).await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(action: &str) -> ChangeBody {
        ChangeBody {
            action: action.to_owned(),
            ..ChangeBody::default()
        }
    }

    #[test]
    fn a_mute_ends_at_a_time_or_after_a_duration_but_never_in_the_past() {
        let until = |until| StateChange::Mute {
            until,
            events: None,
            minutes: None,
        };
        let mut mute = body("mute");
        assert_eq!(change_from(&mute, 1000).unwrap(), until(None));
        mute.until = Some("1h".to_owned());
        assert_eq!(change_from(&mute, 1000).unwrap(), until(Some(3_601_000)));
        mute.until = Some("-1h".to_owned());
        assert!(change_from(&mute, 10_000_000).is_err());
    }

    #[test]
    fn a_mistyped_action_is_answered_with_the_nearest() {
        let problem = change_from(&body("resolv"), 0).unwrap_err();
        assert_eq!(problem.suggestion.as_deref(), Some("resolve"));
    }

    #[test]
    fn what_does_not_go_with_an_action_is_refused() {
        let mut resolve = body("resolve");
        resolve.until = Some("1h".to_owned());
        assert!(change_from(&resolve, 0).is_err());
        let mut half = body("mute");
        half.events = Some(5);
        assert!(change_from(&half, 0).is_err());
    }
}
