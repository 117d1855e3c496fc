//! One alert: what happened, since when, why, what came with it, who was told, and what to do about it.

use super::alerts::{self, badges, kinds, lasted, state_word};
use super::chart::{self, Line};
use super::errors::severity_chart;
use super::layout::{self, Head, Here};
use super::{At, Oops, Shown, link, shown, words};
use crate::alert::{AlertId, State as Stands};
use crate::event::IssueId;
use crate::serve::api::{Said, act as do_act, act_from, alert_id, step_minutes};
use crate::serve::ask::{Window, parse_query};
use crate::serve::parts::{Parts, RuleWords};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::not_judging;
use crate::serve::time;
use crate::store::{AlertChange, AlertDetail, ChangeKind, Delivery, DeliveryOutcome, Trends, TrendsAsk};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use maud::{Markup, html};
use percent_encoding::percent_decode_str;

/// All the page shows.
struct Found {
    /// Number of the latest change before anything was read.
    latest: i64,
    detail: AlertDetail,
    /// What the rule of the root says.
    words: Option<RuleWords>,
    /// Events of the root around the alert.
    trend: Option<(Trends, Window)>,
    editable: bool,
    now: i64,
}

pub(super) async fn one(State(shared): At, Path(id): Path<String>) -> Shown {
    let id = alert_id(&id)?;
    let now = shared.now();
    let found = shared.off_thread(move |parts| find(parts, id, now)).await?;
    let alert = &found.detail.alert.alert;
    let title: String = alert.title.chars().take(120).collect();
    let feed = link::feed(alert.job_name.as_deref(), alert.team.as_deref());
    let body = html! {
        (header_of(&found))
        div.columns {
            div.main {
                p.changed #changed hidden { "This alert has changed meanwhile. " a href=(alerts::href(id)) { "Show it as it is now" } }
                (measured(&found))
                (cause(&found))
                (chart_of(&found))
                (chain(&found))
                (jobs(&found))
                (history(&found))
                (deliveries(&found.detail.deliveries))
            }
            aside { (side(&found, &feed)) }
        }
    };
    let head = Head {
        title: &title,
        here: Here::Alerts,
        around: shared.around(),
        feed: Some(&feed),
    };
    Ok(shown(layout::page(&head, &body)))
}

/// Blocks.
fn find(parts: &Parts, id: AlertId, now: i64) -> Result<Found, Problem> {
    let reader = parts.alerts.as_ref().ok_or_else(not_judging)?;
    let latest = reader.latest_change()?;
    let detail = reader.alert(id)?;
    let alert = &detail.alert.alert;
    let words = match (&parts.explain, &alert.error_type) {
        // The type of an error is the id of the rule that gave it.
        (Some(explain), Some(error_type)) => explain.words(error_type),
        (Some(_) | None, _) => None,
    };
    Ok(Found {
        latest,
        words,
        trend: trend(parts, &detail, now),
        editable: parts.alert_editor.is_some() && alert.state != Stands::Resolved,
        now,
        detail,
    })
}

/// Before an alert and after it, on its chart: an hour each, milliseconds.
const AROUND: i64 = 3_600_000;

/// Events of the root around the alert; nothing where they cannot be told, since the page says enough without.
fn trend(parts: &Parts, detail: &AlertDetail, now: i64) -> Option<(Trends, Window)> {
    let alert = &detail.alert.alert;
    let mut search = link::term("fingerprint", &alert.fingerprint?.to_string());
    if let Some(job) = &alert.job_name {
        search = format!("{search} {}", link::term("job", job));
    }
    let ended = alert.ended_at.as_deref().map_or(Some(now), time::millis)?;
    let window = Window {
        from: time::millis(&alert.started_at)?.saturating_sub(AROUND),
        to: ended.saturating_add(AROUND).min(now.saturating_add(1)),
    };
    let ask = TrendsAsk {
        by: "severity".to_owned(),
        step_minutes: step_minutes(None, window).ok()?,
        from: window.from,
        to: window.to,
        query: parse_query(&search).ok()?,
        top: 5,
        now,
    };
    let trends = parts.reader.trends(&ask).ok()?;
    trends.total.iter().any(|count| *count > 0).then_some((trends, window))
}

fn header_of(found: &Found) -> Markup {
    let stored = &found.detail.alert;
    let alert = &stored.alert;
    html! {
        header.issue data-live=(found.latest) data-kinds=(kinds()) data-alert=(alert.id) {
            p.crumbs {
                a href="/alerts" { "Alerts" }
                @if let Some(job) = &alert.job_name { " / " a href=(link::job(job)) { (job) } }
                " " span #live-said role="status" {}
            }
            h1.clamp { (alert.title) }
            p.facts {
                (words::severity_word(alert.severity))
                (badges(stored, found.now))
                span { (alert.rule) }
                span { (alert.level.as_str()) }
                @if let Some(team) = &alert.team { a href=(link::href("/alerts", &[("team", team)])) { (team) } }
            }
            dl.figures {
                div { dt { "State" } dd { (words::sentence(&state_word(alert.state))) } }
                div { dt { "Began" } dd { (words::ago(&alert.started_at, found.now)) } }
                div { dt { "Lasted" } dd { (lasted(stored, found.now)) } }
                div { dt { @if alert.expected.is_some() || alert.reason.is_some() { "Value" } @else { "Events of the root" } } dd { (words::measure(alert.value)) } }
                @if let Some(expected) = alert.expected { div { dt { "Expected" } dd { (words::measure(expected)) } } }
            }
            // On a narrow screen the forms stand far below.
            @if found.editable { p.to-people { a href="#people" { "Acknowledge, silence, resolve" } } }
        }
    }
}

/// What was compared with what, in sentences.
fn measured(found: &Found) -> Markup {
    let alert = &found.detail.alert.alert;
    if alert.reason.is_none() && alert.expected.is_none() && alert.probability.is_none() {
        return html! {};
    }
    html! {
        section {
            h2 { "Why it was raised" }
            @if let Some(reason) = &alert.reason { p { (reason) } }
            @if let Some(expected) = alert.expected {
                p {
                    (words::measure(alert.value)) " where " (words::measure(expected)) " was to be expected"
                    @if let Some(probability) = alert.probability { ": so strange a value comes " (words::by_chance(probability)) }
                    "."
                }
            } @else if let Some(probability) = alert.probability {
                p { "So strange a value comes " (words::by_chance(probability)) "." }
            }
        }
    }
}

/// The root, what its rule says, and the way to the error.
fn cause(found: &Found) -> Markup {
    let alert = &found.detail.alert.alert;
    if alert.error_type.is_none() && alert.exception.is_none() {
        return html! {};
    }
    let error = alert.fingerprint.map(|fingerprint| match &alert.job_name {
        Some(job) => format!("/errors/{}", IssueId::of(job, fingerprint)),
        None => link::href(
            "/",
            &[
                ("q", &link::term("fingerprint", &fingerprint.to_string())),
                ("noise", "show"),
            ],
        ),
    });
    html! {
        section {
            h2 { "Root cause" }
            p.root {
                @if let Some(class) = &alert.exception { code title=(class) { (class) } " " }
                @if let Some(error_type) = &alert.error_type { span.hint { (error_type) } }
            }
            @if alert.exception_chain.len() > 1 {
                p.hint {
                    "Around it, outermost first: "
                    @for (n, class) in alert.exception_chain.iter().enumerate() {
                        @if n > 0 { " → " }
                        code title=(class) { (words::simple_class(class)) }
                    }
                }
            }
            @if let Some(href) = error { p { a href=(href) { "The error with its samples and stack" } } }
        }
        @if let Some(words) = &found.words {
            section.advice {
                h2 { (words.title) }
                @if let Some(cause) = &words.cause { p { (cause) } }
                @if let Some(advice) = &words.advice { p { strong { "What to do. " } (advice) } }
            }
        }
    }
}

fn chart_of(found: &Found) -> Markup {
    let Some((trends, window)) = &found.trend else {
        return html! {};
    };
    let alert = &found.detail.alert.alert;
    let mut chart = severity_chart(trends);
    let line = |at: Option<&str>, title: &str| {
        at.and_then(time::millis).map(|at| Line {
            at: at.div_euclid(1000),
            title: title.to_owned(),
            alert: true,
        })
    };
    chart.markers.extend(line(Some(&alert.started_at), "began"));
    // Beside each other only where both can be read.
    let ended = alert.ended_at.as_deref();
    let length = ended
        .and_then(time::millis)
        .zip(time::millis(&alert.started_at))
        .map(|(to, from)| to - from);
    if length.is_some_and(|length| length > (window.to - window.from) / 8) {
        chart.markers.extend(line(ended, "over"));
    }
    html! {
        section {
            h2 {
                "Events of the root "
                span.hint { (words::at(&time::rfc3339(window.from))) " to " (words::at(&time::rfc3339(window.to))) }
            }
            (chart::columns(&chart, "Events of the root error around the alert"))
        }
    }
}

/// The root and what came with it, in the order it was first seen.
fn chain(found: &Found) -> Markup {
    let alert = &found.detail.alert.alert;
    if alert.followers.is_empty() {
        return html! {};
    }
    let search = |error_type: &str| {
        let mut q = link::term("error_type", error_type);
        if let Some(job) = &alert.job_name {
            q = format!("{q} {}", link::term("job", job));
        }
        let from = time::millis(&alert.started_at).map(|at| time::rfc3339(at.saturating_sub(AROUND)));
        link::href(
            "/",
            &[("q", &q), ("from", from.as_deref().unwrap_or("")), ("noise", "show")],
        )
    };
    html! {
        section {
            h2 { "What came with it " span.hint { "one failure, one alert" } }
            ol.line {
                li.root {
                    (words::at(&alert.started_at))
                    div {
                        p {
                            span.badge.cause { "root" } " "
                            @if let Some(error_type) = &alert.error_type { a href=(search(error_type)) { (error_type) } }
                            @if let Some(class) = &alert.exception { " " code title=(class) { (words::simple_class(class)) } }
                        }
                    }
                }
                @for one in &alert.followers {
                    li {
                        (words::at(&one.first_seen))
                        div {
                            p {
                                a href=(search(&one.error_type)) { (one.error_type) }
                                @if let Some(class) = &one.exception { " " code title=(class) { (words::simple_class(class)) } }
                                " " span.hint { (words::plural(one.count, "event")) }
                            }
                            @if let Some(why) = &one.why { p.hint { (why) } }
                        }
                    }
                }
            }
        }
    }
}

fn jobs(found: &Found) -> Markup {
    let jobs = &found.detail.alert.alert.jobs;
    html! {
        @if !jobs.is_empty() {
            section {
                h2 { "Jobs it concerns " span.hint { (words::thousands(jobs.len() as u64)) } }
                ul.names { @for job in jobs { li { a href=(link::job(job)) { (job) } } } }
            }
        }
    }
}

/// What happened to the alert.
fn history(found: &Found) -> Markup {
    let changes = &found.detail.history;
    let before = std::iter::once(None).chain(changes.iter().map(Some));
    html! {
        section {
            h2 { "Time line" }
            @if changes.is_empty() { p.quiet { "Nothing is noted of it." } }
            ol.line {
                @for (change, before) in changes.iter().zip(before) { (changed(change, before)) }
            }
        }
    }
}

fn changed(change: &AlertChange, before: Option<&AlertChange>) -> Markup {
    let renamed = before.is_some_and(|before| before.alert.title != change.alert.title);
    html! {
        li.{ "change-" (change.change.as_str()) } {
            (words::at(&change.at))
            div {
                p {
                    (change_words(change.change))
                    @if let Some(by) = &change.by { " by " strong { (by) } }
                }
                @if renamed { p.hint { "Now: " (change.alert.title) } }
                @if let Some(note) = &change.note { blockquote { (note) } }
            }
        }
    }
}

fn change_words(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Pending => "Its condition holds; not yet for long enough",
        ChangeKind::Fired => "Fired",
        ChangeKind::Updated => "A better root, a worse error or more jobs",
        ChangeKind::Reminded => "Still goes on: who was told is reminded",
        ChangeKind::NoData => "Nobody counts what it is about",
        ChangeKind::Resolved => "Over",
        ChangeKind::Acknowledged => "Acknowledged",
        ChangeKind::Silenced => "Silenced",
        ChangeKind::Closed => "Said to be over",
    }
}

fn deliveries(deliveries: &[Delivery]) -> Markup {
    let outcome = |outcome: DeliveryOutcome| match outcome {
        DeliveryOutcome::Delivered => html! { span.good { "delivered" } },
        DeliveryOutcome::Retried => html! { "tried again" },
        DeliveryOutcome::GivenUp => html! { span.bad { "given up" } },
        DeliveryOutcome::Summed => html! { "told in a summary" },
    };
    html! {
        section {
            h2 { "Who was told" }
            @if deliveries.is_empty() { p.quiet { "Nobody: no destination is configured for it, or it is too early." } }
            @else {
                table.plain {
                    thead { tr {
                        th scope="col" { "Destination" } th scope="col" { "Outcome" } th.right scope="col" { "Try" }
                        th.time-col scope="col" { "When" } th scope="col" { "Answer" }
                    } }
                    tbody {
                        @for one in deliveries {
                            tr {
                                td { (one.destination) } td { (outcome(one.outcome)) } td.right { (one.attempt) }
                                td.time-col { (words::at(&one.at)) } td.wrap { (one.detail.as_deref().unwrap_or("")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn side(found: &Found, feed: &str) -> Markup {
    let alert = &found.detail.alert.alert;
    let known = [("job id", alert.job_id.as_deref()), ("team", alert.team.as_deref())];
    html! {
        (people(found))
        section {
            h2 { "Facts" }
            dl.tags {
                dt { "began" } dd { (words::at(&alert.started_at)) }
                @if let Some(ended) = &alert.ended_at { dt { "last event" } dd { (words::at(ended)) } }
                dt { "changed" } dd { (words::at(&found.detail.alert.updated_at)) }
                dt { "rule" } dd { a href=(link::href("/alerts", &[("rule", &alert.rule)])) { (alert.rule) } }
                dt { "level" } dd { (alert.level.as_str()) }
                @for (name, value) in known { @if let Some(value) = value { dt { (name) } dd { (value) } } }
                dt { "id" } dd.mono { (alert.id) }
                dt { "feed" } dd { a href={ (feed) ".atom" } { "Atom" } " · " a href={ (feed) ".json" } { "JSON" } }
            }
        }
    }
}

/// Lengths of a silence one click away: (what is sent, what a person reads).
const SILENCES: &[(&str, &str)] = &[("1h", "1 hour"), ("4h", "4 hours"), ("1d", "1 day")];

fn people(found: &Found) -> Markup {
    let stored = &found.detail.alert;
    let action = format!("/alerts/{}/act", stored.alert.id);
    let silent = stored
        .silenced_until
        .as_deref()
        .filter(|until| time::millis(until).is_some_and(|at| at > found.now));
    html! {
        section.people #people {
            h2 { "What people say" }
            @if let Some(seen) = &stored.acknowledged {
                p { "Acknowledged" @if let Some(by) = &seen.by { " by " strong { (by) } } " " span.hint { (words::ago(&seen.at, found.now)) } }
                @if let Some(note) = &seen.note { blockquote { (note) } }
            }
            @if let Some(until) = silent { p { "Silenced until " (words::at(until)) } }
            @if let Some(other) = stored.inhibited_by { p { a href=(alerts::href(other)) { "Another alert" } " tells of it already." } }
            @if stored.past { p { "It was over long before it was known; nobody was told." } }
            @if found.editable {
                form.note method="post" action=(action) {
                    label.sr for="by" { "Your name" }
                    input #by name="by" maxlength="200" placeholder="your name" autocomplete="name";
                    label.sr for="note" { "Note" }
                    textarea #note name="note" rows="2" maxlength="10000" placeholder="a note for the next person" {}
                    div.buttons {
                        @if stored.acknowledged.is_none() { button type="submit" name="do" value="ack" { "Acknowledge" } }
                        @else { button type="submit" name="do" value="ack" { "Acknowledge anew" } }
                        button type="submit" name="do" value="resolve" { "It is over" }
                    }
                    p.hint { "Silence for" }
                    div.buttons {
                        @for (length, said) in SILENCES { button type="submit" name="do" value={ "silence " (length) } { (said) } }
                    }
                }
            } @else if stored.acknowledged.is_none() && stored.alert.state != Stands::Resolved { p.quiet { "This server only reads." } }
            @else if stored.alert.state == Stands::Resolved { p.quiet { "It is over." } }
        }
    }
}

/// A form of the page: does it, then shows the page again.
pub(super) async fn act(State(shared): At, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Shown {
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
    let id = alert_id(&id)?;
    let text = std::str::from_utf8(&body).map_err(|_| Problem::new(Kind::BadBody, "the form is not UTF-8"))?;
    let (call, said) = form(text)?;
    let what = act_from(&call, said, shared.now())?;
    do_act(&shared, id, what).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, alerts::href(id))]).into_response())
}

/// What a form says. The buttons of a silence name its length: one click is enough without a script.
fn form(text: &str) -> Result<(String, Said), Problem> {
    let mut call = String::new();
    let mut said = Said::default();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let spaced = value.replace('+', " ");
        let value = percent_decode_str(&spaced)
            .decode_utf8()
            .map_err(|_| Problem::new(Kind::BadBody, "the form is not UTF-8"))?
            .into_owned();
        match name {
            "do" => match value.split_once(' ') {
                Some((what, length)) => (call, said.lasting) = (what.to_owned(), Some(length.to_owned())),
                None => call = value,
            },
            "for" => said.lasting = Some(value),
            "by" => said.by = Some(value),
            "note" => said.note = Some(value),
            _ => {}
        }
    }
    Ok((call, said))
}
