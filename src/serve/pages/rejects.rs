//! Records that could not become events: nothing is dropped without a word.

use super::layout::{self, Head, Here};
use super::{At, Shown, link, shown, words};
use crate::serve::api::cut;
use crate::serve::ask::Params;
use crate::serve::endpoint::{AFTER, Param};
use crate::store::StoredReject;
use axum::extract::{RawQuery, State};
use maud::{Markup, html};

const PARAMS: &[Param] = &[AFTER];
const ROWS: usize = 50;
/// Bytes of a record shown; the API gives all that is kept.
const SHOWN_BYTES: usize = 4_000;

pub(super) async fn list(State(shared): At, RawQuery(raw): RawQuery) -> Shown {
    let params = Params::of_page(raw.as_deref(), PARAMS)?;
    let now = shared.now();
    let after = params.after();
    let page = shared.ask(move |reader| reader.rejects(ROWS, after.as_deref())).await?;
    let body = html! {
        header.issue {
            h1 { "Rejects" }
            p.lead { "Records that could not become events, newest first. Their bytes are kept; nothing is dropped without a word." }
        }
        @if page.items.is_empty() {
            section.empty { h2 { "None" } p { "Every record that was read became an event." } }
        } @else {
            table.plain.rejects {
                thead { tr { th scope="col" { "Reason" } th scope="col" { "Record" } th.right scope="col" { "Length" } th.time-col scope="col" { "Rejected" } } }
                tbody { @for reject in page.items { (row(reject, now)) } }
            }
            nav.pager aria-label="Rows" {
                span {}
                span.steps {
                    @if params.after().is_some() { a href="/rejects" { "First page" } }
                    @if let Some(next) = &page.next { a.next href=(link::href("/rejects", &[("after", next)])) { "Next " (ROWS) " →" } }
                }
            }
        }
    };
    let head = Head {
        title: "Rejects",
        here: Here::Rejects,
        around: shared.around(),
        feed: None,
    };
    Ok(shown(layout::page(&head, &body)))
}

fn row(mut reject: StoredReject, now: i64) -> Markup {
    cut(&mut reject.bytes, SHOWN_BYTES);
    let whole = u64::try_from(reject.bytes.len()).unwrap_or(0) >= reject.length;
    html! {
        tr {
            td { code { (reject.reason) } }
            td.wrap {
                p { (reject.detail) }
                p.facts { span { (reject.source) } span { "at " (words::thousands(reject.offset)) } }
                details { summary { "Bytes" } pre { (reject.bytes) } @if !whole { p.hint { "Only the beginning is shown." } } }
            }
            td.right { (words::bytes(reject.length)) }
            td.time-col { (words::ago(&reject.rejected_at, now)) }
        }
    }
}
