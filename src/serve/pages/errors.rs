//! The list of errors: which, since when, in which jobs, how often.

use super::chart::{self, Columns};
use super::layout::{self, Head, Here};
use super::search_box::{search_box, syntax};
use super::{At, Oops, Shown, link, shown, words};
use crate::event::{Part, Severity};
use crate::serve::api::{SORTS, sort_of, step_minutes};
use crate::serve::ask::{LONGEST_QUERY, Params, Window, parse_query};
use crate::serve::endpoint::{AFTER, FROM, Holds, Param, Q, TO};
use crate::serve::problem::{Kind, Problem};
use crate::serve::question::Shared;
use crate::serve::time;
use crate::store::{ErrorsAsk, Issue, IssueState, Page, Totals, Trends, TrendsAsk};
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};

const SORT: Param = Param {
    name: "sort",
    holds: Holds::OneOf(SORTS),
    default: "last_seen",
    doc: "",
};
/// `show` lets noise in.
const NOISE: Param = Param {
    name: "noise",
    holds: Holds::OneOf(&["show"]),
    default: "",
    doc: "",
};
const PARAMS: &[Param] = &[Q, FROM, TO, SORT, AFTER, NOISE];

/// Rows of one page.
const ROWS: usize = 50;
/// Bars of the sparkline of a row.
const BARS: usize = 36;

/// What the page was asked for.
struct Asked {
    params: Params,
    window: Window,
    q: String,
    sort: &'static str,
    /// Whether noise is shown: asked for, or the search speaks of parts itself.
    noise: bool,
    now: i64,
}

impl Asked {
    fn read(raw: Option<&str>, now: i64) -> Result<Self, Problem> {
        let params = Params::of_page(raw, PARAMS)?;
        let q = params.text("q").unwrap_or("").trim().to_owned();
        let noise = params.text("noise") == Some("show") || q.contains("part:");
        Ok(Self {
            window: params.window(now)?,
            sort: params.one_of("sort", SORTS)?,
            q,
            noise,
            now,
            params,
        })
    }

    /// The search as the store gets it.
    fn search(&self) -> String {
        match (self.noise, self.q.is_empty()) {
            (true, _) => self.q.clone(),
            (false, true) => "-part:noise".to_owned(),
            (false, false) => format!("({}) -part:noise", self.q),
        }
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        vec![
            ("q", &self.q),
            ("from", self.params.text("from").unwrap_or("")),
            ("to", self.params.text("to").unwrap_or("")),
            ("sort", if self.sort == "last_seen" { "" } else { self.sort }),
            ("noise", self.params.text("noise").unwrap_or("")),
        ]
    }

    /// This page with some pairs changed; always from the first row.
    fn href(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = self.pairs();
        for (name, value) in changes {
            pairs.retain(|(n, _)| n != name);
            pairs.push((name, value));
        }
        link::href("/", &pairs)
    }
}

pub(super) async fn list(State(shared): At, RawQuery(raw): RawQuery) -> Shown {
    let asked = Asked::read(raw.as_deref(), shared.now())?;
    // The search is checked as typed, so that a mistake is pointed at in what the person typed.
    if let Err(mistake) = parse_query(&asked.q) {
        return Ok(with_mistake(&shared, &asked, &mistake));
    }
    let found = find(&shared, &asked).await?;
    let body = html! {
        (search_box("/", "Errors", &asked.q, None, &asked.pairs()))
        (chips(&asked, &found))
        (summary(&asked, &found))
        @if found.page.items.is_empty() {
            (nothing(&asked, &found))
        } @else {
            (table(&found.page.items, asked.window, asked.now, Columned::WithJob))
            (pager(&asked, &found.page))
        }
    };
    Ok(shown(layout::page(&head(&shared), &body)))
}

fn head(shared: &Shared) -> Head<'static> {
    Head {
        title: "Errors",
        here: Here::Errors,
        around: shared.around(),
        feed: None,
    }
}

fn with_mistake(shared: &Shared, asked: &Asked, mistake: &Problem) -> axum::response::Response {
    let body = html! {
        (search_box("/", "Errors", &asked.q, Some(mistake), &asked.pairs()))
        (syntax())
    };
    let page = layout::page(&head(shared), &body);
    (mistake.status(), page).into_response()
}

/// All the page shows.
struct Found {
    page: Page<Issue>,
    trend: Trends,
    /// Events by part, where noise is hidden.
    parts: Option<Trends>,
    /// All there are, most events first, whatever the window: a sum over the window would search once more.
    categories: Vec<(String, u64)>,
    totals: Option<Totals>,
}

async fn find(shared: &Shared, asked: &Asked) -> Result<Found, Oops> {
    // Filling in `-part:noise` can only fail where the search is as long as it may be.
    let query = parse_query(&asked.search()).map_err(|_| {
        let most = LONGEST_QUERY - 20;
        Oops(Problem::new(
            Kind::BadQuery,
            format!("the search is longer than {most} bytes"),
        ))
    })?;
    let typed = parse_query(&asked.q)?;
    let Window { from, to } = asked.window;
    let errors = ErrorsAsk {
        query: query.clone(),
        from,
        to,
        sort: sort_of(asked.sort),
        limit: ROWS,
        after: asked.params.after(),
        sparkline: BARS,
        now: asked.now,
    };
    let trend = |by: &str, step_minutes: i64, query: &crate::query::Query, top: usize| {
        let ask = TrendsAsk {
            by: by.to_owned(),
            step_minutes,
            from,
            to,
            query: query.clone(),
            top,
            now: asked.now,
        };
        shared.ask(move |reader| reader.trends(&ask))
    };
    let step = step_minutes(None, asked.window)?;
    // In the steps of the chart: a bucket begins at a multiple of its width, so one as wide as the window would take in
    // what lies before it.
    let parts = async {
        if asked.noise {
            return Ok(None);
        }
        trend("part", step, &typed, 3).await.map(Some)
    };
    let (page, trend_, parts, categories) = tokio::join!(
        shared.ask(move |reader| reader.errors(&errors)),
        trend("severity", step, &query, 5),
        parts,
        shared.ask(|reader| reader.values("category", "", 40)),
    );
    let page = page?;
    let totals = if page.items.is_empty() {
        Some(shared.ask(|reader| reader.totals()).await?)
    } else {
        None
    };
    Ok(Found {
        page,
        trend: trend_?,
        parts: parts?,
        categories: categories?,
        totals,
    })
}

fn chips(asked: &Asked, found: &Found) -> Markup {
    let count_of = |trends: &Trends, value: &str| {
        let series = trends.series.iter().find(|s| s.value == value);
        series.map_or(0, |s| s.count)
    };
    let noise = found
        .parts
        .as_ref()
        .map_or(0, |parts| count_of(parts, Part::Noise.as_str()));
    let hidden = !asked.noise && noise > 0;
    let keep: Vec<(&str, &str)> = asked
        .pairs()
        .into_iter()
        .filter(|(n, _)| !matches!(*n, "from" | "to"))
        .collect();
    html! {
        div.bar {
            div.chips role="group" aria-label="Filters" {
                @for severity in Severity::ALL.iter().rev() {
                    @let name = severity.as_str();
                    @let n = count_of(&found.trend, name);
                    @let on = link::has(&asked.q, "severity", name);
                    @if n > 0 || on {
                        a.chip href=(asked.href(&[("q", &link::toggled(&asked.q, "severity", name))])) aria-current=[on.then_some("true")] {
                            span.{ "dot sev-" (name) } {} (name) " " (words::count(n))
                        }
                    }
                }
                (category_menu(asked, &found.categories))
                @let new = asked.q.split_whitespace().any(|w| w == "is:new");
                a.chip href=(asked.href(&[("q", &toggled_word(&asked.q, "is:new"))])) aria-current=[new.then_some("true")] { "new" }
                @if hidden {
                    a.chip.quiet href=(asked.href(&[("noise", "show")])) title="Normal during start, restart, cancel or a change of leader" {
                        (words::plural(noise, "noise event")) " hidden · show"
                    }
                } @else if asked.params.text("noise") == Some("show") {
                    a.chip.quiet href=(asked.href(&[("noise", "")])) aria-current="true" { "noise shown · hide" }
                }
            }
            (layout::windows("/", &asked.params, asked.window, &keep))
        }
    }
}

fn toggled_word(query: &str, word: &str) -> String {
    if query.split_whitespace().any(|w| w == word) {
        let kept: Vec<&str> = query.split_whitespace().filter(|w| *w != word).collect();
        kept.join(" ")
    } else {
        format!("{query} {word}").trim().to_owned()
    }
}

fn category_menu(asked: &Asked, categories: &[(String, u64)]) -> Markup {
    let chosen = asked.q.split_whitespace().find_map(|w| w.strip_prefix("category:"));
    html! {
        details.menu {
            summary.chip aria-current=[chosen.map(|_| "true")] { (chosen.unwrap_or("category")) }
            div.choices {
                @for (category, _) in categories {
                    @let on = link::has(&asked.q, "category", category);
                    a href=(asked.href(&[("q", &link::toggled(&asked.q, "category", category))])) aria-current=[on.then_some("true")] { (category) }
                }
                @if categories.is_empty() { p.hint { "None yet." } }
            }
        }
    }
}

fn summary(asked: &Asked, found: &Found) -> Markup {
    let events: u64 = found.trend.total.iter().sum();
    if events == 0 {
        return html! {};
    }
    let shown = u64::try_from(found.page.items.len()).unwrap_or(0);
    let more = found.page.next.is_some() || asked.params.after().is_some();
    let errors = if more {
        format!("{}+ errors", words::thousands(shown))
    } else {
        words::plural(shown, "error")
    };
    let mut chart = severity_chart(&found.trend);
    let keep: Vec<(&str, &str)> = asked
        .pairs()
        .into_iter()
        .filter(|(n, _)| !matches!(*n, "from" | "to"))
        .collect();
    chart.zoom = chart::zoom("/", &keep);
    html! {
        section.summary aria-label="Events over time" {
            p.headline { strong { (words::plural(events, "event")) } " of " (errors) }
            (chart::columns(&chart, "Events over time by severity"))
        }
    }
}

/// Stacked by severity, the worst lowest.
pub(super) fn severity_chart(trend: &Trends) -> Columns {
    let mut chart = Columns::of(trend, |_, value| format!("sev-fill-{value}"), |_| None);
    let rank = |name: &str| {
        name.parse::<Severity>()
            .map_or(0, |s| 1 + Severity::ALL.iter().position(|k| *k == s).unwrap_or(0))
    };
    chart.layers.sort_by_key(|layer| std::cmp::Reverse(rank(&layer.name)));
    chart
}

/// Whether the job is one of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columned {
    WithJob,
    WithoutJob,
}

/// Errors as a table.
pub(super) fn table(issues: &[Issue], window: Window, now: i64, columned: Columned) -> Markup {
    // Where all are new, none stands out (the first day of a store).
    let some_old = issues.iter().any(|issue| !is_new(issue, window));
    html! {
        table.errors {
            thead { tr {
                th scope="col" { "Error" }
                th.spark-col scope="col" { "Trend" }
                th.right scope="col" { "Events" }
                th.time-col scope="col" { "Last seen" }
                th.time-col scope="col" { "First seen" }
            } }
            tbody {
                @for issue in issues { (row(issue, some_old && is_new(issue, window), now, columned)) }
            }
        }
    }
}

/// Whether an error is new: the same rule as `is:new` of the search language.
fn is_new(issue: &Issue, window: Window) -> bool {
    let since = window.from.max(window.to.saturating_sub(86_400_000));
    time::millis(&issue.first_seen).is_some_and(|first| first >= since)
}

/// The page of an error.
pub(super) fn href(issue: &Issue) -> String {
    format!("/errors/{}", issue.id)
}

/// What a person reads as the name of an error.
pub(super) fn title(issue: &Issue) -> &str {
    let first_line = |text: &'_ str| !text.trim().is_empty();
    if first_line(&issue.title) {
        issue.title.trim()
    } else if first_line(&issue.template) {
        issue.template.trim()
    } else {
        issue.exception.as_deref().unwrap_or("(no message)")
    }
}

fn row(issue: &Issue, new: bool, now: i64, columned: Columned) -> Markup {
    let shown: String = title(issue).chars().take(400).collect();
    html! {
        tr.{ "part-" (issue.part.as_str()) } {
            td.what {
                (words::severity(issue.severity))
                div {
                    a.title href=(href(issue)) { (shown) }
                    p.facts {
                        @if new { span.badge.new { "new" } }
                        (state_badge(issue.state))
                        @if let Some(class) = &issue.exception {
                            code title=(class) { (words::simple_class(class)) }
                        }
                        span.type { (issue.error_type) }
                        @if columned == Columned::WithJob { a.job href=(link::job(&issue.job)) { (issue.job) } }
                    }
                }
            }
            td.spark-col { (chart::sparkline(&issue.sparkline, "events over the window")) }
            td.right { (words::count(issue.count)) }
            td.time-col { (words::ago(&issue.last_seen, now)) }
            td.time-col { (words::ago(&issue.first_seen, now)) }
        }
    }
}

pub(super) fn state_badge(state: IssueState) -> Markup {
    match state {
        IssueState::Open => html! {},
        IssueState::Resolved => html! { " " span.badge.resolved { "resolved" } },
        IssueState::Muted => html! { " " span.badge.muted { "muted" } },
        IssueState::Regressed => html! { " " span.badge.cause { "came back" } },
    }
}

fn pager(asked: &Asked, page: &Page<Issue>) -> Markup {
    let sorts = [
        ("last_seen", "last seen"),
        ("count", "most events"),
        ("first_seen", "newest"),
    ];
    html! {
        nav.pager aria-label="Rows" {
            span.sorts {
                "Sorted by "
                @for (sort, name) in sorts {
                    @let value = if sort == "last_seen" { "" } else { sort };
                    a href=(asked.href(&[("sort", value)])) aria-current=[(asked.sort == sort).then_some("true")] { (name) }
                }
            }
            span.steps {
                @if asked.params.after().is_some() { a href=(asked.href(&[])) { "First page" } }
                @if let Some(next) = &page.next { a.next href=(asked.href(&[("after", next)])) { "Next " (ROWS) " →" } }
            }
        }
    }
}

fn nothing(asked: &Asked, found: &Found) -> Markup {
    let empty = found.totals.as_ref().is_some_and(|t| t.ledger.records == 0);
    html! {
        section.empty {
            @if empty {
                h2 { "Nothing has been read yet" }
                p { "Give it logs, and the errors in them show up here:" }
                pre { "seismolog ingest path/to/logs\nseismolog ingest --help" }
                p { "JSON of Log4j2, Logback, ECS, OTLP, Spark and others, and plain text with stacks, are recognized by their content." }
            } @else {
                h2 { "No errors here" }
                p {
                    @if asked.q.is_empty() { "Nothing was seen in this window. " } @else { "Nothing in this window matches the search. " }
                    @if let Some(last) = found.totals.as_ref().and_then(|t| t.last_seen.as_deref()) {
                        "The latest event in the store is of " (words::at(last)) "."
                    }
                }
                p.ways {
                    a href=(asked.href(&[("from", "-7d"), ("to", "")])) { "Look at 7 days" }
                    @if let Some(totals) = &found.totals && let (Some(first), Some(last)) = (&totals.first_seen, &totals.last_seen) {
                        @let end = time::millis(last).map_or_else(|| "now".to_owned(), |t| time::rfc3339(t.saturating_add(60_000)));
                        a href=(asked.href(&[("from", first), ("to", &end)])) { "Look at everything" }
                    }
                    @if !asked.noise { a href=(asked.href(&[("noise", "show")])) { "Show noise" } }
                    @if !asked.q.is_empty() { a href=(asked.href(&[("q", "")])) { "Clear the search" } }
                }
                @if !asked.q.is_empty() { (syntax()) }
            }
        }
    }
}
