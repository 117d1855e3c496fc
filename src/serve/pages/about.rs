//! What is in the store, and the ledger that shows that nothing was lost.

use super::layout::{self, Head, Here};
use super::{At, Shown, shown, words};
use crate::fold::Ledger;
use axum::extract::State;
use maud::{Markup, html};

/// Sources listed.
const SOURCES: usize = 500;

pub(super) async fn about(State(shared): At) -> Shown {
    let now = shared.now();
    let totals = shared.ask(|reader| reader.totals()).await?;
    let left = totals.sources.len().saturating_sub(SOURCES);
    let body = html! {
        header.issue {
            h1 { "About this store" }
            dl.figures {
                div { dt { "Errors" } dd { (words::thousands(totals.issues)) } }
                div { dt { "Fingerprints" } dd { (words::thousands(totals.fingerprints)) } }
                div { dt { "Detail rows" } dd { (words::thousands(totals.details)) } }
                div { dt { "On disk" } dd { (words::bytes(totals.bytes)) } }
                @if let Some(first) = &totals.first_seen { div { dt { "Earliest event" } dd { (words::ago(first, now)) } } }
                @if let Some(last) = &totals.last_seen { div { dt { "Latest event" } dd { (words::ago(last, now)) } } }
            }
        }
        section {
            h2 { "Ledger" }
            p.lead {
                "Every record read has one fate: "
                code { "records + extra = folded + rejected" } ". "
                @if totals.ledger.adds_up() { strong.good { "It adds up." } }
                @else { strong.bad { "It does not add up: run seismolog verify and report this." } }
            }
            table.plain {
                thead { tr { th scope="col" { "Source" } th.right scope="col" { "Records" } th.right scope="col" title="Events beyond the first of their record" { "Extra" } th.right scope="col" { "Folded" } th.right scope="col" { "Rejected" } } }
                tbody { @for (source, ledger) in totals.sources.iter().take(SOURCES) { tr { td.wrap { (source) } (cells(ledger)) } } }
                tfoot { tr { th scope="row" { "All" } (cells(&totals.ledger)) } }
            }
            @if left > 0 { p.hint { (words::plural(u64::try_from(left).unwrap_or(0), "more source")) " not listed." } }
        }
        section {
            h2 { "Elsewhere" }
            ul.reasons {
                li { a href="/api/v1/openapi.json" { "The API, as OpenAPI 3.1" } }
                li { a href="/metrics" { "Metrics" } }
                li { "Charts by uPlot, " a href=(super::assets::href("uplot.LICENSE")) { "MIT licence" } }
            }
        }
    };
    let head = Head {
        title: "About",
        here: Here::About,
        around: shared.around(),
        feed: None,
    };
    Ok(shown(layout::page(&head, &body)))
}

fn cells(ledger: &Ledger) -> Markup {
    html! {
        @for n in [ledger.records, ledger.extra, ledger.folded, ledger.rejected] { td.right { (words::thousands(n)) } }
    }
}
