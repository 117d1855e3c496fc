//! One error: what, since when, how often, where, why, and what to do about it.

use super::alerts;
use super::chart::{self, Columns, Layer};
use super::errors::{self, Columned};
use super::layout::{self, Head, Here};
use super::stack::{self, Owner};
use super::{At, Oops, Shown, link, shown, words};
use crate::event::IssueId;
use crate::fold::Sample;
use crate::serve::api::{
    ChangeBody, ErrorAnswer, KIN, apply, change_from, explanation_of, fetch_error, issue_id, step_minutes,
};
use crate::serve::ask::{Params, Window};
use crate::serve::endpoint::{AFTER, FROM, Param, TO};
use crate::serve::parts::{Explanation, Parts};
use crate::serve::problem::{Kind, Problem};
use crate::serve::time;
use crate::store::{ErrorAsk, IssueDetail, IssueNotes, IssueState, Marker, Page, StoredAlert, StoredSample};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use maud::{Markup, html};
use percent_encoding::percent_decode_str;

const PARAMS: &[Param] = &[FROM, TO, AFTER];
/// Samples of one page.
const SAMPLES: usize = 10;
/// Most values of a tag that are shown.
const TAGS: usize = 12;

/// All the page shows.
struct Found {
    answer: ErrorAnswer,
    window: Window,
    samples: Page<StoredSample>,
    markers: Vec<Marker>,
    /// Alerts of its job.
    alerts: Vec<StoredAlert>,
    explained: (&'static str, Explanation),
    editable: bool,
}

pub(super) async fn one(State(shared): At, Path(id): Path<String>, RawQuery(raw): RawQuery) -> Shown {
    let params = Params::of_page(raw.as_deref(), PARAMS)?;
    let now = shared.now();
    let id = issue_id(&id)?;
    let window = params.window(now)?;
    let chosen = params.text("from").is_some() || params.text("to").is_some();
    let after = params.after();
    let found = shared.off_thread(move |parts| find(parts, id, window, chosen, after.as_deref()));
    let mut found = found.await?;
    found.alerts = alerts::of_job(&shared, &found.answer.detail.issue.job, found.window).await;
    let title: String = errors::title(&found.answer.detail.issue).chars().take(120).collect();
    let explain = shared.parts.explain.as_deref();
    let owner = Owner {
        explain,
        top_frame: found.answer.detail.issue.top_frame.as_deref(),
        exception: found.answer.detail.issue.exception.as_deref(),
    };
    let body = html! {
        (header_of(&found, now))
        div.columns {
            div.main {
                (words_of(&found))
                (counts(&found, &params))
                (alerts_of(&found, now))
                (first_sample(&found, &owner))
                (more_samples(&found, &owner))
                (kin(&found, now))
                (why(&found))
            }
            aside { (side(&found, now)) }
        }
    };
    let head = Head {
        title: &title,
        here: Here::Errors,
        around: shared.around(),
        feed: None,
    };
    Ok(shown(layout::page(&head, &body)))
}

/// Blocks. Where nobody chose a window and the error is quiet by now, the day it was last seen is shown.
fn find(parts: &Parts, id: IssueId, window: Window, chosen: bool, after: Option<&str>) -> Result<Found, Problem> {
    let ask = |window: Window| ErrorAsk {
        id,
        from: window.from,
        to: window.to,
        kin: KIN,
    };
    let mut window = window;
    let mut answer = fetch_error(parts, &ask(window))?;
    if answer.detail.issue.count == 0
        && !chosen
        && let Some(last) = time::millis(&answer.detail.issue.last_seen)
    {
        let to = last.div_euclid(60_000).saturating_add(1).saturating_mul(60_000);
        window = Window {
            from: to.saturating_sub(86_400_000),
            to,
        };
        answer = fetch_error(parts, &ask(window))?;
    }
    let job = answer.detail.issue.job.as_str();
    let markers = parts.reader.markers(window.from, window.to, Some(job))?;
    let explained = explanation_of(parts, &answer.detail);
    Ok(Found {
        samples: parts.reader.samples(id, SAMPLES, after)?,
        window,
        markers,
        alerts: Vec::new(),
        explained,
        editable: parts.editor.is_some(),
        answer,
    })
}

fn header_of(found: &Found, now: i64) -> Markup {
    let issue = &found.answer.detail.issue;
    html! {
        header.issue {
            p.crumbs { a href="/" { "Errors" } " / " a href=(link::job(&issue.job)) { (issue.job) } }
            h1.clamp { (errors::title(issue)) }
            p.facts {
                (words::severity_word(issue.severity))
                @if let Some(class) = &issue.exception { code { (class) } }
                a href=(link::href("/", &[("q", &link::term("error_type", &issue.error_type)), ("noise", "show")])) { (issue.error_type) }
                span { (issue.category) " · " (issue.part.as_str()) }
                (errors::state_badge(issue.state))
            }
            dl.figures {
                div { dt { "In this window" } dd { (words::thousands(issue.count)) } }
                div { dt { "Over all time" } dd { (words::thousands(issue.total)) } }
                div { dt { "First seen" } dd { (words::ago(&issue.first_seen, now)) } }
                div { dt { "Last seen" } dd { (words::ago(&issue.last_seen, now)) } }
            }
        }
    }
}

fn words_of(found: &Found) -> Markup {
    let Some(words) = &found.answer.words else {
        return html! {};
    };
    html! {
        section.advice {
            h2 { (words.title) }
            @if let Some(cause) = &words.cause { p { (cause) } }
            @if let Some(advice) = &words.advice { p { strong { "What to do. " } (advice) } }
        }
    }
}

/// Counts by minute, gathered into as many bars as a chart can show.
fn columns_of(detail: &IssueDetail, window: Window) -> Result<Columns, Problem> {
    let step = step_minutes(None, window)?.saturating_mul(60);
    let start = window.from.div_euclid(1000).div_euclid(step).saturating_mul(step);
    let end = window.to.div_euclid(1000);
    let mut times = Vec::new();
    let mut at = start;
    while at < end && times.len() < 4000 {
        times.push(at);
        at = at.saturating_add(step);
    }
    let mut counts = vec![0_u64; times.len()];
    for (minute, count) in &detail.minutes {
        let slot = time::millis(minute)
            .and_then(|ms| usize::try_from((ms.div_euclid(1000) - start).div_euclid(step)).ok())
            .and_then(|slot| counts.get_mut(slot));
        if let Some(slot) = slot {
            *slot = slot.saturating_add(*count);
        }
    }
    Ok(Columns {
        times,
        step,
        layers: vec![Layer {
            name: "events".to_owned(),
            class: format!("sev-fill-{}", detail.issue.severity.as_str()),
            sum: counts.iter().sum(),
            counts,
            href: None,
        }],
        markers: Vec::new(),
        zoom: None,
        lines: false,
    })
}

fn counts(found: &Found, params: &Params) -> Markup {
    let detail = &found.answer.detail;
    let path = errors::href(&detail.issue);
    let Ok(mut chart) = columns_of(detail, found.window) else {
        return html! {};
    };
    chart.markers = chart::lines_of(&found.markers);
    chart.markers.extend(alerts::lines_of(&found.alerts));
    chart.zoom = chart::zoom(&path, &[]);
    html! {
        section {
            div.bar {
                h2 { "Events" }
                (layout::windows(&path, params, found.window, &[]))
            }
            (chart::columns(&chart, "Events of this error over time"))
        }
    }
}

/// Alerts about this error, and those of its job that go on.
fn alerts_of(found: &Found, now: i64) -> Markup {
    let issue = &found.answer.detail.issue;
    let concerns = |one: &&StoredAlert| one.alert.fingerprint == Some(issue.fingerprint) || one.alert.goes_on();
    let alerts: Vec<StoredAlert> = found.alerts.iter().filter(concerns).cloned().collect();
    alerts::beside(&alerts, &issue.job, now)
}

fn first_sample(found: &Found, owner: &Owner<'_>) -> Markup {
    let Some(stored) = &found.answer.detail.sample else {
        return html! { section { h2 { "Sample" } p.hint { "No sample of this error is kept any more." } } };
    };
    html! {
        section {
            h2 { "Latest sample " span.hint { (words::at(&stored.sample.event_time)) } }
            (sample_view(&stored.sample, owner))
        }
    }
}

/// One event in full.
fn sample_view(sample: &Sample, owner: &Owner<'_>) -> Markup {
    html! {
        div.sample-view {
            p.said {
                @if let Some(level) = &sample.level { span.level { (level) } " " }
                span.message { (sample.message) }
            }
            @if let Some(stack) = &sample.stack {
                (stack::view(stack, owner))
                details.raw {
                    summary { "Raw text" @if sample.truncated { " (cut by its writer or here)" } }
                    button.copy type="button" data-copy hidden { "Copy" }
                    pre { (stack) }
                }
                @if let Some(bytes) = sample.stack_bytes {
                    p.hint { "The stack was " (words::bytes(bytes)) " long; what is stored was cut." }
                }
            } @else { p.hint { "The record came without a stack." } }
            details.fields {
                summary { "Fields" }
                dl.fields {
                    dt { "time" } dd { (sample.event_time) }
                    @if let Some(logger) = &sample.logger { dt { "logger" } dd { (logger) } }
                    @if let Some(thread) = &sample.thread { dt { "thread" } dd { (thread) } }
                    @for (name, value) in &sample.dimensions { dt { (name) } dd { (value) } }
                    dt { "layout" } dd { (sample.layout) }
                    @if sample.redactions > 0 { dt { "redactions" } dd { (sample.redactions) } }
                }
            }
        }
    }
}

fn more_samples(found: &Found, owner: &Owner<'_>) -> Markup {
    let path = errors::href(&found.answer.detail.issue);
    if found.samples.items.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 #samples { "Samples by minute" }
            @for stored in &found.samples.items {
                details.one-sample {
                    summary {
                        (words::at(&stored.sample.event_time))
                        span.hint { (words::plural(stored.count, "event")) " in that minute" }
                        span.where { (place(&stored.sample)) }
                    }
                    (sample_view(&stored.sample, owner))
                }
            }
            @if let Some(next) = &found.samples.next {
                nav.pager aria-label="Samples" { span {} a.next href={ (link::href(&path, &[("after", next)])) "#samples" } { "Older samples →" } }
            }
        }
    }
}

fn place(sample: &Sample) -> &str {
    let of = |name: &str| sample.dimensions.get(name).map(String::as_str);
    of("host").or_else(|| of("pod")).or_else(|| of("role")).unwrap_or("")
}

fn kin(found: &Found, now: i64) -> Markup {
    let detail = &found.answer.detail;
    let issue = &detail.issue;
    let group = link::href(
        "/",
        &[
            ("q", &link::term("group", &issue.group.to_string())),
            ("from", "-7d"),
            ("noise", "show"),
        ],
    );
    html! {
        @if !detail.same_fingerprint.is_empty() {
            section {
                h2 { "The same error in other jobs" }
                (errors::table(&detail.same_fingerprint, found.window, now, Columned::WithJob))
            }
        }
        @if !detail.same_group.is_empty() {
            section {
                h2 { "Kin: the same cause at the same place " a.hint href=(group) { "all of them" } }
                (errors::table(&detail.same_group, found.window, now, Columned::WithJob))
            }
        }
    }
}

fn why(found: &Found) -> Markup {
    let (from, explanation) = &found.explained;
    html! {
        section {
            details.why {
                summary { h2 { "Why this is one error" } }
                p.hint {
                    @if *from == "rules" { "What the present rules say of the latest sample, recipe " (explanation.recipe) "." }
                    @else { "What was decided when it was read, recipe " (explanation.recipe) "." }
                }
                dl.findings {
                    @for finding in &explanation.findings {
                        dt { (finding.step) }
                        dd { code { (finding.value) } @if !finding.why.is_empty() { span.hint { (finding.why) } } }
                    }
                }
            }
        }
    }
}

fn side(found: &Found, now: i64) -> Markup {
    let detail = &found.answer.detail;
    let issue = &detail.issue;
    let known = [
        ("job", Some(issue.job.as_str())),
        ("job_id", issue.job_id.as_deref()),
        ("team", issue.team.as_deref()),
        ("cluster", issue.cluster.as_deref()),
        ("engine", issue.engine.as_deref()),
        ("rule", issue.rule.as_deref()),
        ("top_frame", issue.top_frame.as_deref()),
    ];
    html! {
        (people_view(issue.id, &found.answer.people, found.editable, now))
        section {
            h2 { "Where" }
            dl.tags {
                @for (name, value) in known {
                    @if let Some(value) = value {
                        dt { (name.replace('_', " ")) }
                        dd { a href=(search_for(name, value)) { (value) } }
                    }
                }
                @for (name, label, values) in [("host", "hosts", &detail.hosts), ("role", "roles", &detail.roles), ("task", "tasks", &detail.tasks)] {
                    @if !values.is_empty() {
                        dt { (label) }
                        dd {
                            ul { @for value in values.iter().take(TAGS) { li { a href=(search_for(name, value)) { (value) } } } }
                            @if values.len() > TAGS { p.hint { "and " (values.len() - TAGS) " more" } }
                        }
                    }
                }
            }
        }
        section {
            h2 { "Identity" }
            dl.tags {
                dt { "template" } dd.mono { (issue.template) }
                dt { "fingerprint" } dd.mono { a href=(search_for("fingerprint", &issue.fingerprint.to_string())) { (issue.fingerprint) } }
                dt { "group" } dd.mono { a href=(search_for("group", &issue.group.to_string())) { (issue.group) } }
                @if detail.exception_chain.len() > 1 {
                    dt { "chain, outermost first" }
                    dd { ol.chain { @for class in &detail.exception_chain { li { code title=(class) { (words::simple_class(class)) } } } } }
                }
            }
        }
    }
}

fn search_for(key: &str, value: &str) -> String {
    link::href("/", &[("q", &link::term(key, value)), ("noise", "show")])
}

fn people_view(id: IssueId, people: &IssueNotes, editable: bool, now: i64) -> Markup {
    let action = format!("/errors/{id}/state");
    let button = |name: &str, said: &str| html! { button type="submit" name="do" value=(name) { (said) } };
    html! {
        section.people {
            h2 { "State" }
            p {
                @match people.state {
                    IssueState::Open => "Open",
                    IssueState::Resolved => "Resolved",
                    IssueState::Muted => "Muted",
                    IssueState::Regressed => "Came back after it was resolved",
                }
                @if let Some(since) = &people.since { " " span.hint { "since " (words::ago(since, now)) } }
                @if let Some(until) = &people.until { " until " (words::at(until)) }
                @if let (Some(events), Some(minutes)) = (people.events, people.minutes) {
                    " until " (words::plural(events, "event")) " come in " (words::plural(u64::from(minutes), "minute"))
                }
                @if let Some(who) = &people.assignee { " · " (who) }
            }
            @if editable {
                form method="post" action=(action) {
                    @if matches!(people.state, IssueState::Open | IssueState::Regressed) { (button("resolve", "Resolve")) }
                    @else { (button("reopen", "Reopen")) }
                }
                @if people.state != IssueState::Muted {
                    form method="post" action=(action) {
                        label.sr for="until" { "Mute until" }
                        select #until name="until" {
                            option value="1h" { "for 1 hour" } option value="1d" { "for 1 day" }
                            option value="1w" { "for 1 week" } option value="5/60" { "until 5 an hour" }
                            option value="100/60" { "until 100 an hour" } option value="" { "until reopened" }
                        }
                        (button("mute", "Mute"))
                    }
                }
                form method="post" action=(action) {
                    label.sr for="to" { "Assign to" }
                    input #to name="to" maxlength="200" placeholder="who looks after it" value=(people.assignee.as_deref().unwrap_or(""));
                    (button("assign", "Assign"))
                }
                form.note method="post" action=(action) {
                    label.sr for="text" { "Note" }
                    textarea #text name="text" rows="2" maxlength="10000" placeholder="a note for the next person" { (people.note.as_deref().unwrap_or("")) }
                    (button("note", "Keep note"))
                }
            }
            @if let (false, Some(note)) = (editable, &people.note) { blockquote { (note) } }
        }
    }
}

/// A form of the page: changes, then shows the page again.
pub(super) async fn change(State(shared): At, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Shown {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Oops(Problem::new(
            Kind::Unsupported,
            "this address takes the forms of the page; scripts use the API",
        )));
    }
    let id = issue_id(&id)?;
    let text = std::str::from_utf8(&body).map_err(|_| Problem::new(Kind::BadBody, "the form is not UTF-8"))?;
    let change = change_from(&form(text)?, shared.now())?;
    apply(&shared, id, change).await?;
    let back = format!("/errors/{id}");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response())
}

fn form(text: &str) -> Result<ChangeBody, Problem> {
    let mut body = ChangeBody::default();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let spaced = value.replace('+', " ");
        let value = percent_decode_str(&spaced)
            .decode_utf8()
            .map_err(|_| Problem::new(Kind::BadBody, "the form is not UTF-8"))?
            .into_owned();
        match name {
            "do" => body.action = value,
            "until" => match value.split_once('/') {
                // The choices of the page: events and minutes.
                Some((events, minutes)) => (body.events, body.minutes) = (events.parse().ok(), minutes.parse().ok()),
                None => body.until = Some(value),
            },
            "to" => body.to = Some(value),
            "text" => body.text = Some(value),
            _ => {}
        }
    }
    Ok(body)
}
