//! What every page has: the head, the way around, the foot.

use super::assets;
use crate::serve::ask::{Params, Window};
use crate::serve::follow::MOST_COUNTED;
use crate::serve::question::Around;
use crate::serve::time;
use axum::response::Html;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Which page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    Errors,
    Alerts,
    Trends,
    Jobs,
    Rejects,
    About,
    Nowhere,
}

pub(crate) struct Head<'a> {
    pub(crate) title: &'a str,
    pub(crate) here: Here,
    pub(crate) around: Around,
    /// Address of the feed of what is shown, without its ending, where there is one.
    pub(crate) feed: Option<&'a str>,
}

/// A pen's trace: calm, then a jolt.
const MARK: PreEscaped<&str> = PreEscaped(
    "<svg class=\"mark\" viewBox=\"0 0 28 20\" aria-hidden=\"true\"><path d=\"M0 11h6l2-3 2 5 3-12 4 17 3-9 2 2h6\"/></svg>",
);

const WAYS: &[(Here, &str, &str)] = &[
    (Here::Errors, "/", "Errors"),
    (Here::Alerts, "/alerts", "Alerts"),
    (Here::Trends, "/trends", "Trends"),
    (Here::Jobs, "/jobs", "Jobs"),
    (Here::Rejects, "/rejects", "Rejects"),
    (Here::About, "/about", "About"),
];

pub(crate) fn page(head: &Head<'_>, body: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (head.title) " · seismolog" }
                link rel="icon" href=(assets::href("mark.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::href("seismolog.css"));
                @if let Some(feed) = head.feed {
                    link rel="alternate" type="application/atom+xml" title="Alerts (Atom)" href={ (feed) ".atom" };
                    link rel="alternate" type="application/feed+json" title="Alerts (JSON Feed)" href={ (feed) ".json" };
                }
                script src=(assets::href("uplot.js")) defer {}
                script src=(assets::href("seismolog.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/" { (MARK) span { "seismolog" } }
                    nav aria-label="Pages" {
                        @for (here, href, name) in WAYS {
                            a href=(href) aria-current=[(*here == head.here).then_some("page")] {
                                (name)
                                @if *here == Here::Alerts { span #firing { (firing(head.around.firing)) } }
                            }
                        }
                    }
                    @if head.around.sample {
                        span.sample title="The store holds the shipped sample logs, moved in time so that they end now." { "sample data" }
                    }
                }
                main #main { (body) }
                footer {
                    span.zone { "Times are in " span #zone { "UTC" } "." }
                    span { "seismolog " (env!("CARGO_PKG_VERSION")) }
                    a href="/api/v1/openapi.json" { "API" }
                }
            }
        }
    };
    Html(page.into_string())
}

/// How many alerts fire, beside the way to them.
fn firing(count: usize) -> Markup {
    html! {
        @if count > 0 {
            " " span.firing {
                @if count >= MOST_COUNTED { (MOST_COUNTED - 1) "+" } @else { (count) }
                span.sr { " firing" }
            }
        }
    }
}

/// Windows one click away: (what `from` says, what a person reads).
pub(crate) const WINDOWS: &[(&str, &str)] = &[("-1h", "1h"), ("-6h", "6h"), ("-24h", "24h"), ("-7d", "7d")];

/// What `from` says on this page.
pub(crate) fn from_text(params: &Params) -> &str {
    params.text("from").unwrap_or("-24h")
}

/// Picks the window. `keep` are the other pairs of the address.
pub(crate) fn windows(path: &str, params: &Params, window: Window, keep: &[(&str, &str)]) -> Markup {
    let to = params.text("to").unwrap_or("now");
    let from = from_text(params);
    let named = to == "now" && WINDOWS.iter().any(|(w, _)| *w == from);
    let with = |from: &str| {
        let mut pairs = keep.to_vec();
        // The default needs no words.
        pairs.push(("from", if from == "-24h" { "" } else { from }));
        super::link::href(path, &pairs)
    };
    html! {
        div.windows role="group" aria-label="Window of time" {
            @for (value, name) in WINDOWS {
                a href=(with(value)) aria-current=[(to == "now" && *value == from).then_some("true")] { (name) }
            }
            details.menu.custom {
                summary aria-current=[(!named).then_some("true")] { "Custom" }
                form action=(path) method="get" {
                    @for (name, value) in keep.iter().filter(|(_, v)| !v.is_empty()) {
                        input type="hidden" name=(name) value=(value);
                    }
                    label { "From" input name="from" value=(from) autocomplete="off" spellcheck="false"; }
                    label { "To" input name="to" value=(to) autocomplete="off" spellcheck="false"; }
                    p.hint { "-36h, now, 2026-11-21 or 2026-11-21T08:00:00Z" }
                    p.hint { "Shown: " (super::words::at(&time::rfc3339(window.from))) " to " (super::words::at(&time::rfc3339(window.to))) }
                    button type="submit" { "Show" }
                }
            }
        }
    }
}
