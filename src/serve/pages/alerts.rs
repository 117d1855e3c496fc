//! The list of alerts: what goes on first, then what is over; and alerts beside other things.

use super::chart::Line;
use super::layout::{self, Head, Here};
use super::{At, Shown, link, shown, words};
use crate::alert::{AlertId, State as Stands};
use crate::serve::api::{LEVELS, STATES, level_of, states_of};
use crate::serve::ask::{Params, Window};
use crate::serve::endpoint::{AFTER, Holds, Param};
use crate::serve::problem::Problem;
use crate::serve::question::{Shared, not_judging};
use crate::serve::time;
use crate::store::{AlertReader, AlertsAsk, ChangeKind, Page, ReadError, StoredAlert};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use maud::{Markup, html};

const fn text(name: &'static str) -> Param {
    Param {
        name,
        holds: Holds::Text(500),
        default: "",
        doc: "",
    }
}

const PARAMS: &[Param] = &[
    Param {
        name: "state",
        holds: Holds::OneOf(STATES),
        default: "",
        doc: "",
    },
    Param {
        name: "level",
        holds: Holds::OneOf(LEVELS),
        default: "",
        doc: "",
    },
    text("job"),
    text("team"),
    text("rule"),
    AFTER,
];

/// Rows of what is over, on one page.
const ROWS: usize = 50;
/// Rows of what goes on: all of it, as far as a person can look.
const MOST_GOING_ON: usize = 200;

/// What the page was asked for.
struct Asked {
    params: Params,
    state: &'static str,
    level: &'static str,
    now: i64,
}

impl Asked {
    fn read(raw: Option<&str>, now: i64) -> Result<Self, Problem> {
        let params = Params::of_page(raw, PARAMS)?;
        Ok(Self {
            state: params.one_of("state", STATES)?,
            level: params.one_of("level", LEVELS)?,
            params,
            now,
        })
    }

    fn text(&self, name: &str) -> &str {
        self.params.text(name).unwrap_or("")
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        vec![
            ("state", self.state),
            ("level", self.level),
            ("job", self.text("job")),
            ("team", self.text("team")),
            ("rule", self.text("rule")),
        ]
    }

    /// This page with one pair changed; always from the first row.
    fn href(&self, name: &str, value: &str) -> String {
        let mut pairs = self.pairs();
        pairs.retain(|(n, _)| *n != name);
        pairs.push((name, value));
        link::href("/alerts", &pairs)
    }

    fn ask(&self, states: Vec<Stands>, limit: usize, after: Option<String>) -> AlertsAsk {
        let text = |name: &str| self.params.text(name).map(str::to_owned);
        AlertsAsk {
            states,
            job: text("job"),
            team: text("team"),
            rule: text("rule"),
            level: level_of(self.level),
            from: None,
            to: None,
            limit,
            after,
        }
    }
}

/// All the page shows.
struct Found {
    /// Number of the latest change before anything was read: what comes after it is news to the page.
    latest: i64,
    /// What goes on, where no state and no further page is asked for.
    going_on: Vec<StoredAlert>,
    /// There is more of it.
    more: bool,
    /// What is over, or all of the state asked for.
    rest: Page<StoredAlert>,
}

/// Blocks.
fn find(alerts: &dyn AlertReader, going_on: Option<AlertsAsk>, rest: &AlertsAsk) -> Result<Found, ReadError> {
    let latest = alerts.latest_change()?;
    let mut first = match going_on {
        Some(ask) => alerts.alerts(&ask)?,
        None => Page {
            items: Vec::new(),
            next: None,
        },
    };
    // Stable: within a state the latest beginning stays first.
    first.items.sort_by_key(|one| rank(one.alert.state));
    Ok(Found {
        latest,
        more: first.next.is_some(),
        going_on: first.items,
        rest: alerts.alerts(rest)?,
    })
}

/// What asks for somebody first.
fn rank(state: Stands) -> u8 {
    match state {
        Stands::Firing => 0,
        Stands::NoData => 1,
        Stands::Pending => 2,
        Stands::Resolved => 3,
    }
}

pub(super) async fn list(State(shared): At, RawQuery(raw): RawQuery) -> Shown {
    let asked = Asked::read(raw.as_deref(), shared.now())?;
    let (job, team) = (asked.params.text("job"), asked.params.text("team"));
    let feed = link::feed(job, team);
    let head = Head {
        title: "Alerts",
        here: Here::Alerts,
        around: shared.around(),
        feed: shared.parts.alerts.is_some().then_some(feed.as_str()),
    };
    if shared.parts.alerts.is_none() {
        return Ok((StatusCode::NOT_FOUND, layout::page(&head, &nobody_judges())).into_response());
    }
    let after = asked.params.after();
    let first_page = asked.state.is_empty() && after.is_none();
    let going_on = first_page.then(|| {
        asked.ask(
            vec![Stands::Firing, Stands::NoData, Stands::Pending],
            MOST_GOING_ON,
            None,
        )
    });
    let rest = match asked.state {
        "" => asked.ask(vec![Stands::Resolved], ROWS, after),
        state => asked.ask(states_of(&[state]), ROWS, after),
    };
    let found = shared.ask_alerts(move |alerts| find(alerts, going_on, &rest)).await?;
    let body = html! {
        (filter(&asked))
        div.bar {
            (chips(&asked))
            p.hint {
                span #live-said role="status" {}
                " Feed: " a href={ (feed) ".atom" } { "Atom" } " · " a href={ (feed) ".json" } { "JSON" }
            }
        }
        div data-live=(found.latest) data-kinds=(kinds()) { (tables(&asked, &found, first_page)) }
    };
    Ok(shown(layout::page(&head, &body)))
}

/// What the stream of changes may say, for the script that listens.
pub(super) fn kinds() -> String {
    ChangeKind::ALL.map(ChangeKind::as_str).join(" ")
}

fn nobody_judges() -> Markup {
    html! {
        section.empty {
            h1 { "No alerts here" }
            p { (words::sentence(&not_judging().detail)) "." }
            p { a href="/" { "To the list of errors" } }
        }
    }
}

fn filter(asked: &Asked) -> Markup {
    let field = |name: &str, said: &str| {
        html! { input type="search" name=(name) value=(asked.text(name)) placeholder=(said) aria-label=(said) autocomplete="off" spellcheck="false"; }
    };
    html! {
        form.search.filter action="/alerts" method="get" role="search" {
            h1.sr { "Alerts" }
            @for (name, value) in asked.pairs() {
                @if !value.is_empty() && !matches!(name, "job" | "team") { input type="hidden" name=(name) value=(value); }
            }
            (field("job", "Job"))
            (field("team", "Team"))
            button type="submit" { "Show" }
        }
    }
}

fn chips(asked: &Asked) -> Markup {
    html! {
        div.chips role="group" aria-label="Filters" {
            @for state in [Stands::Firing, Stands::NoData, Stands::Pending, Stands::Resolved] {
                @let name = state.as_str();
                @let on = asked.state == name;
                a.chip href=(asked.href("state", if on { "" } else { name })) aria-current=[on.then_some("true")] { (state_word(state)) }
            }
            @for level in LEVELS {
                @let on = asked.level == *level;
                a.chip href=(asked.href("level", if on { "" } else { level })) aria-current=[on.then_some("true")] { (level) }
            }
            @for name in ["job", "team", "rule"] {
                @if !asked.text(name).is_empty() {
                    a.chip href=(asked.href(name, "")) aria-current="true" { (name) ": " (asked.text(name)) " ✕" span.sr { " take away" } }
                }
            }
        }
    }
}

fn tables(asked: &Asked, found: &Found, first_page: bool) -> Markup {
    let counted = |state: Stands| found.going_on.iter().filter(|one| one.alert.state == state).count();
    html! {
        @if first_page {
            section {
                h2 {
                    "Going on "
                    span.hint {
                        (counted(Stands::Firing)) " firing"
                        @for state in [Stands::NoData, Stands::Pending] {
                            @if counted(state) > 0 { " · " (counted(state)) " " (state_word(state)) }
                        }
                        @if found.more { " · and more: narrow it down" }
                    }
                }
                @if found.going_on.is_empty() { p.quiet { "Nothing goes on." } }
                @else { (table(&found.going_on, asked.now, Named::WithJob)) }
            }
        }
        section {
            @if asked.state.is_empty() { h2 { "Over" } } @else { h2 { (words::sentence(&state_word(states_of(&[asked.state]).first().copied().unwrap_or(Stands::Firing)))) } }
            @if found.rest.items.is_empty() { p.quiet { "None." } }
            @else { (table(&found.rest.items, asked.now, Named::WithJob)) }
            nav.pager aria-label="Rows" {
                span {}
                span.steps {
                    @if asked.params.after().is_some() { a href=(asked.href("after", "")) { "First page" } }
                    @if let Some(next) = &found.rest.next { a.next href=(asked.href("after", next)) { "Next " (ROWS) " →" } }
                }
            }
        }
    }
}

/// Whether rows name the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    WithJob,
    WithoutJob,
}

/// The page of an alert.
pub(super) fn href(id: AlertId) -> String {
    format!("/alerts/{id}")
}

/// Alerts as a table.
pub(super) fn table(alerts: &[StoredAlert], now: i64, named: Named) -> Markup {
    html! {
        table.errors.alerts {
            thead { tr {
                th scope="col" { "Alert" } th.right scope="col" { "Value" }
                th.time-col scope="col" { "Began" } th.time-col scope="col" { "Lasted" }
            } }
            tbody { @for one in alerts { (row(one, now, named)) } }
        }
    }
}

fn row(stored: &StoredAlert, now: i64, named: Named) -> Markup {
    let alert = &stored.alert;
    html! {
        tr.{ "state-" (alert.state.as_str()) } {
            td.what {
                (words::severity(alert.severity))
                div {
                    a.title href=(href(alert.id)) { (alert.title) }
                    p.facts {
                        (badges(stored, now))
                        @if let Some(class) = &alert.exception { code title=(class) { (words::simple_class(class)) } }
                        span.type { (alert.rule) }
                        @if named == Named::WithJob {
                            @if let Some(job) = &alert.job_name { a.job href=(link::job(job)) { (job) } }
                        }
                        @if !alert.jobs.is_empty() { span { (words::plural(alert.jobs.len() as u64, "job")) } }
                        @if let Some(team) = &alert.team { a.job href=(link::href("/alerts", &[("team", team)])) { (team) } }
                    }
                }
            }
            td.right {
                (words::measure(alert.value))
                @if let Some(expected) = alert.expected { p.hint { "of " (words::measure(expected)) " expected" } }
            }
            td.time-col { (words::ago(&alert.started_at, now)) }
            td.time-col { (lasted(stored, now)) }
        }
    }
}

/// From its first event to its last, or to now.
pub(super) fn lasted(stored: &StoredAlert, now: i64) -> String {
    let alert = &stored.alert;
    let end = alert.ended_at.as_deref().map_or(Some(now), time::millis);
    time::millis(&alert.started_at).zip(end).map_or_else(
        || "–".to_owned(),
        |(from, to)| time::span(to.saturating_sub(from).max(0).div_euclid(1000)),
    )
}

/// A state as a person says it.
pub(super) fn state_word(state: Stands) -> String {
    state.as_str().replace('_', " ")
}

/// Where it stands, and what people did about it.
pub(super) fn badges(stored: &StoredAlert, now: i64) -> Markup {
    let state = stored.alert.state;
    let silent = stored.silenced_until.as_deref().and_then(time::millis);
    html! {
        span.badge.{ (state.as_str()) } { (state_word(state)) }
        @if stored.acknowledged.is_some() { span.badge.muted { "acknowledged" } }
        @if silent.is_some_and(|until| until > now) { span.badge.muted { "silenced" } }
        @if let Some(other) = stored.inhibited_by { a.badge.muted href=(href(other)) { "part of another" } }
        @if stored.past { span.badge.muted title="It was over long before it was known; nobody was told." { "past" } }
    }
}

/// Alerts beside something else, at most.
const BESIDE: usize = 20;

/// Alerts of a job that went on in a window, latest beginning first; none where nobody judges, or where they cannot be
/// read: they stand beside what the page is about.
pub(super) async fn of_job(shared: &Shared, job: &str, window: Window) -> Vec<StoredAlert> {
    if shared.parts.alerts.is_none() {
        return Vec::new();
    }
    let ask = AlertsAsk {
        states: vec![Stands::Firing, Stands::NoData, Stands::Resolved],
        job: Some(job.to_owned()),
        from: Some(window.from),
        to: Some(window.to),
        limit: BESIDE,
        ..AlertsAsk::default()
    };
    match shared.ask_alerts(move |alerts| alerts.alerts(&ask)).await {
        Ok(page) => page.items,
        Err(problem) => {
            tracing::warn!(reason = %problem.detail, "a page was shown without its alerts");
            Vec::new()
        }
    }
}

/// Where alerts began, for a chart.
pub(super) fn lines_of(alerts: &[StoredAlert]) -> Vec<Line> {
    let line = |one: &StoredAlert| {
        time::millis(&one.alert.started_at).map(|at| Line {
            at: at.div_euclid(1000),
            title: format!("alert: {}", one.alert.rule),
            alert: true,
        })
    };
    alerts.iter().filter_map(line).collect()
}

/// A section with the alerts of a job, nothing where there are none.
pub(super) fn beside(alerts: &[StoredAlert], job: &str, now: i64) -> Markup {
    html! {
        @if !alerts.is_empty() {
            section {
                h2 { "Alerts of this job " a.hint href=(link::href("/alerts", &[("job", job)])) { "all of them" } }
                (table(alerts, now, Named::WithoutJob))
            }
        }
    }
}
