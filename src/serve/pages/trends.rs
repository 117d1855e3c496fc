//! Counts over time by any dimension.

use super::chart::{self, Columns};
use super::errors::severity_chart;
use super::layout::{self, Head, Here};
use super::search_box::search_box;
use super::{At, Oops, Shown, link, shown, words};
use crate::serve::api::{MOST_BUCKETS, step_minutes};
use crate::serve::ask::{Params, parse_query};
use crate::serve::endpoint::{FROM, Holds, Param, Q, TO};
use crate::serve::time;
use crate::store::{TREND_DIMENSIONS, Trends, TrendsAsk};
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};

const SHAPES: &[&str] = &["stacked", "lines"];
const PARAMS: &[Param] = &[
    Q,
    FROM,
    TO,
    Param {
        name: "by",
        holds: Holds::OneOf(TREND_DIMENSIONS),
        default: "error_type",
        doc: "",
    },
    Param {
        name: "step",
        holds: Holds::Duration,
        default: "",
        doc: "",
    },
    Param {
        name: "top",
        holds: Holds::Number(1, 50),
        default: "8",
        doc: "",
    },
    Param {
        name: "shape",
        holds: Holds::OneOf(SHAPES),
        default: "stacked",
        doc: "",
    },
];

pub(super) async fn trends(State(shared): At, RawQuery(raw): RawQuery) -> Shown {
    let params = Params::of_page(raw.as_deref(), PARAMS)?;
    let now = shared.now();
    let window = params.window(now)?;
    let by = params.one_of("by", TREND_DIMENSIONS)?;
    let shape = params.one_of("shape", SHAPES)?;
    let top = params.number("top")?;
    let q = params.text("q").unwrap_or("").to_owned();
    let step = step_minutes(params.text("step"), window)?;
    let step_text = params.text("step").unwrap_or("").to_owned();
    let top_text = if top == 8 { String::new() } else { top.to_string() };
    let keep: Vec<(&str, &str)> = vec![
        ("q", &q),
        ("by", if by == "error_type" { "" } else { by }),
        ("step", &step_text),
        ("top", &top_text),
        ("shape", if shape == "stacked" { "" } else { shape }),
    ];
    let mut all = keep.clone();
    all.push(("from", params.text("from").unwrap_or("")));
    all.push(("to", params.text("to").unwrap_or("")));
    let head = Head {
        title: "Trends",
        here: Here::Trends,
        around: shared.around(),
        feed: None,
    };
    let query = match parse_query(&q) {
        Ok(query) => query,
        Err(mistake) => {
            let body = search_box("/trends", "Trends", &q, Some(&mistake), &all);
            return Ok((mistake.status(), layout::page(&head, &body)).into_response());
        }
    };
    let ask = TrendsAsk {
        by: by.to_owned(),
        step_minutes: step,
        from: window.from,
        to: window.to,
        query,
        top,
        now,
    };
    let found = shared
        .ask(move |reader| reader.trends(&ask))
        .await
        .map_err(Oops::from)?;
    let leads = |value: &str| leads_to(by, value, &q, &params);
    let mut chart = if by == "severity" {
        severity_chart(&found)
    } else {
        Columns::of(&found, |i, _| chart::colour(i), |value| Some(leads(value)))
    };
    chart.lines = shape == "lines";
    chart.zoom = chart::zoom("/trends", &keep);
    let events: u64 = found.total.iter().sum();
    let body = html! {
        (search_box("/trends", "Trends", &q, None, &all))
        div.bar {
            (controls(&all, by, shape, step))
            (layout::windows("/trends", &params, window, &keep))
        }
        @if events == 0 {
            section.empty { h2 { "No events here" } p { "Nothing in this window matches. Take a longer window or fewer words." } }
        } @else {
            section.summary {
                p.headline { strong { (words::plural(events, "event")) } " by " (by.replace('_', " ")) ", " (time::step_text(step)) " a bar" }
                (chart::columns(&chart, "Events over time"))
            }
            (table(&found, events, by, leads))
        }
    };
    Ok(shown(layout::page(&head, &body)))
}

/// Where a value leads: the errors that have it.
fn leads_to(by: &str, value: &str, q: &str, params: &Params) -> String {
    let term = if value == "-" {
        format!("-has:{by}")
    } else {
        link::term(by, value)
    };
    let search = format!("{q} {term}");
    link::href(
        "/",
        &[
            ("q", search.trim()),
            ("from", params.text("from").unwrap_or("")),
            ("to", params.text("to").unwrap_or("")),
            ("noise", "show"),
        ],
    )
}

fn controls(all: &[(&str, &str)], by: &str, shape: &str, step: i64) -> Markup {
    let with = |name: &'static str, value: &str| {
        let mut pairs: Vec<(&str, &str)> = all.iter().copied().filter(|(n, _)| *n != name).collect();
        pairs.push((name, value));
        link::href("/trends", &pairs)
    };
    html! {
        div.chips role="group" aria-label="What is shown" {
            details.menu {
                summary.chip aria-current="true" { "by " (by.replace('_', " ")) }
                div.choices {
                    @for dimension in TREND_DIMENSIONS {
                        a href=(with("by", dimension)) aria-current=[(*dimension == by).then_some("true")] { (dimension.replace('_', " ")) }
                    }
                }
            }
            @for name in SHAPES {
                a.chip href=(with("shape", name)) aria-current=[(*name == shape).then_some("true")] { (name) }
            }
            details.menu {
                summary.chip { (time::step_text(step)) " bars" }
                div.choices {
                    a href=(with("step", "")) { "fitting" }
                    @for step in ["1m", "5m", "15m", "1h", "1d"] { a href=(with("step", step)) { (step) } }
                    p.hint { "At most " (MOST_BUCKETS) " bars." }
                }
            }
        }
    }
}

fn table(found: &Trends, events: u64, by: &str, leads: impl Fn(&str) -> String) -> Markup {
    let other: u64 = found.other.iter().sum();
    let share = |n: u64| {
        let tenths = u128::from(n) * 1000 / u128::from(events.max(1));
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let spark = |counts: &[u64]| {
        // A row has room for some forty bars.
        let per = counts.len().div_ceil(40).max(1);
        let bars: Vec<u64> = counts.chunks(per).map(|c| c.iter().sum()).collect();
        chart::sparkline(&bars, "events over the window")
    };
    html! {
        table.plain {
            thead { tr { th scope="col" { (words::sentence(&by.replace('_', " "))) } th.spark-col scope="col" { "Trend" } th.right scope="col" { "Events" } th.right scope="col" { "Share" } } }
            tbody {
                @for series in &found.series {
                    tr {
                        td.wrap { a href=(leads(&series.value)) { @if series.value == "-" { "(unknown)" } @else { (series.value) } } }
                        td.spark-col { (spark(&series.counts)) }
                        td.right { (words::count(series.count)) }
                        td.right { (share(series.count)) }
                    }
                }
                @if other > 0 { tr.quiet { td { "all other" } td.spark-col { (spark(&found.other)) } td.right { (words::count(other)) } td.right { (share(other)) } } }
            }
            tfoot { tr { th scope="row" { "Total" } td.spark-col { (spark(&found.total)) } td.right { (words::count(events)) } td.right { "100 %" } } }
        }
    }
}
