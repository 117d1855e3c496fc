//! Jobs with their health.

use super::alerts;
use super::chart::{self};
use super::errors::{self, Columned};
use super::layout::{self, Head, Here};
use super::{At, Shown, link, shown, words};
use crate::serve::api::step_minutes;
use crate::serve::ask::{Params, parse_query};
use crate::serve::endpoint::{AFTER, FROM, Holds, Param, TO};
use crate::store::{Job, JobDetail, JobsAsk, Trends, TrendsAsk};
use axum::extract::{Path, RawQuery, State};
use maud::{Markup, html};

const PARAMS: &[Param] = &[
    FROM,
    TO,
    AFTER,
    Param {
        name: "name",
        holds: Holds::Text(500),
        default: "",
        doc: "",
    },
];
const ROWS: usize = 50;
const BARS: usize = 36;

pub(super) async fn list(State(shared): At, RawQuery(raw): RawQuery) -> Shown {
    let params = Params::of_page(raw.as_deref(), PARAMS)?;
    let now = shared.now();
    let window = params.window(now)?;
    let name = params.text("name").unwrap_or("").to_owned();
    let ask = JobsAsk {
        from: window.from,
        to: window.to,
        name: name.clone(),
        limit: ROWS,
        after: params.after(),
        sparkline: BARS,
    };
    let page = shared.ask(move |reader| reader.jobs(&ask)).await?;
    let from = params.text("from").unwrap_or("");
    let to = params.text("to").unwrap_or("");
    let body = html! {
        form.search action="/jobs" method="get" role="search" {
            h1.sr { "Jobs" }
            input #q type="search" name="name" value=(name) placeholder="Part of a job's name" aria-label="Part of a job's name" autocomplete="off" spellcheck="false";
            kbd aria-hidden="true" { "/" }
            @if !from.is_empty() { input type="hidden" name="from" value=(from); }
            @if !to.is_empty() { input type="hidden" name="to" value=(to); }
            button type="submit" { "Search" }
        }
        div.bar {
            p.hint { "Jobs that logged errors in this window, the worst first. Noise is left out." }
            (layout::windows("/jobs", &params, window, &[("name", &name)]))
        }
        @if page.items.is_empty() {
            section.empty { h2 { "No jobs here" } p { "No job logged an error in this window" @if !name.is_empty() { " under that name" } "." } }
        } @else {
            table.plain.jobs {
                thead { tr {
                    th scope="col" { "Job" } th scope="col" { "Health" } th.spark-col scope="col" { "Trend" }
                    th.right scope="col" { "Events" } th.right scope="col" { "Errors" } th.right scope="col" { "New" }
                    th.right scope="col" { "Restarts" } th.time-col scope="col" { "Last seen" }
                } }
                tbody { @for job in &page.items { (row(job, from, to, now)) } }
            }
            nav.pager aria-label="Rows" {
                span {}
                span.steps {
                    @if params.after().is_some() { a href=(link::href("/jobs", &[("name", &name), ("from", from), ("to", to)])) { "First page" } }
                    @if let Some(next) = &page.next { a.next href=(link::href("/jobs", &[("name", &name), ("from", from), ("to", to), ("after", next)])) { "Next " (ROWS) " →" } }
                }
            }
        }
    };
    let head = Head {
        title: "Jobs",
        here: Here::Jobs,
        around: shared.around(),
        feed: None,
    };
    Ok(shown(layout::page(&head, &body)))
}

fn row(job: &Job, from: &str, to: &str, now: i64) -> Markup {
    let href = link::href(&link::job(&job.job), &[("from", from), ("to", to)]);
    html! {
        tr {
            td.wrap {
                a.title href=(href) { (job.job) }
                p.facts { (placed(job)) }
            }
            td { (health(job)) }
            td.spark-col { (chart::sparkline(&job.sparkline, "events over the window")) }
            td.right { (words::count(job.count)) }
            td.right { (words::count(job.issues)) }
            td.right { @if job.new_issues > 0 { span.badge.new { (job.new_issues) } } @else { span.none { "0" } } }
            td.right { (words::count(job.restarts)) }
            td.time-col { (words::ago(&job.last_seen, now)) }
        }
    }
}

fn placed(job: &Job) -> Markup {
    let known = [job.engine.as_deref(), job.cluster.as_deref(), job.team.as_deref()];
    html! { @for value in known.into_iter().flatten() { span { (value) } } }
}

/// The score, its band readable without colour.
fn health(job: &Job) -> Markup {
    let band = match job.health {
        0..50 => "bad",
        50..80 => "poor",
        _ => "good",
    };
    html! {
        span.{ "health health-" (band) } title=(job.health_parts.join("\n")) {
            svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                path.track d="M0 0h100v6h-100z" {}
                path.level d={ "M0 0h" (job.health.min(100)) "v6h-" (job.health.min(100)) "z" } {}
            }
            (job.health) span.sr { " of 100, " (band) }
        }
    }
}

pub(super) async fn one(State(shared): At, Path(key): Path<String>, RawQuery(raw): RawQuery) -> Shown {
    let params = Params::of_page(raw.as_deref(), PARAMS)?;
    let now = shared.now();
    let window = params.window(now)?;
    let term = link::term("job", &key);
    let trend = TrendsAsk {
        by: "severity".to_owned(),
        step_minutes: step_minutes(None, window)?,
        from: window.from,
        to: window.to,
        query: parse_query(&format!("{term} -part:noise"))?,
        top: 5,
        now,
    };
    let (asked, marked) = (key.clone(), key.clone());
    let (detail, trend, markers, alerts) = tokio::join!(
        shared.ask(move |reader| reader.job(&asked, window.from, window.to)),
        shared.ask(move |reader| reader.trends(&trend)),
        shared.ask(move |reader| reader.markers(window.from, window.to, Some(&marked))),
        alerts::of_job(&shared, &key, window),
    );
    let (detail, trend): (JobDetail, Trends) = (detail?, trend?);
    let path = link::job(&key);
    let job = &detail.job;
    let mut chart = errors::severity_chart(&trend);
    chart.markers = chart::lines_of(&markers?);
    chart.markers.extend(alerts::lines_of(&alerts));
    chart.zoom = chart::zoom(&path, &[]);
    let search = link::href(
        "/",
        &[
            ("q", &term),
            ("from", params.text("from").unwrap_or("")),
            ("to", params.text("to").unwrap_or("")),
        ],
    );
    let body = html! {
        header.issue {
            p.crumbs { a href="/jobs" { "Jobs" } }
            h1.clamp { (key) }
            p.facts { (placed(job)) }
            dl.figures {
                div { dt { "Health" } dd { (health(job)) } }
                div { dt { "Events" } dd { (words::thousands(job.count)) } }
                div { dt { "Errors" } dd { (words::thousands(job.issues)) } }
                div { dt { "New" } dd { (words::thousands(job.new_issues)) } }
                div { dt { "Restarts" } dd { (words::thousands(job.restarts)) } }
                div { dt { "Last seen" } dd { (words::ago(&job.last_seen, now)) } }
            }
        }
        section {
            div.bar { h2 { "Health " (job.health) " of 100" } (layout::windows(&path, &params, window, &[])) }
            @if job.health_parts.is_empty() { p.hint { "Nothing takes from its health in this window." } }
            @else { ul.reasons { @for part in &job.health_parts { li { (part) } } } }
        }
        (alerts::beside(&alerts, &key, now))
        section { h2 { "Events" } (chart::columns(&chart, "Events of this job over time by severity")) }
        section {
            h2 { "Errors with most events " a.hint href=(search) { "all of them" } }
            @if detail.top_errors.is_empty() { p.hint { "None in this window." } }
            @else { (errors::table(&detail.top_errors, window, now, Columned::WithoutJob)) }
        }
    };
    let head = Head {
        title: &key,
        here: Here::Jobs,
        around: shared.around(),
        feed: Some(&link::feed(Some(&key), None)),
    };
    Ok(shown(layout::page(&head, &body)))
}
