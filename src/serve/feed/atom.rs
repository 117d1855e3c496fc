//! A feed as Atom (RFC 4287).

use super::{Entry, Feed};
use maud::{Markup, PreEscaped, html};

/// How Atom is called.
pub(crate) const KIND: &str = "application/atom+xml; charset=utf-8";

/// The feed as Atom. Escaped by construction; every element is closed, as XML wants.
pub(crate) fn atom(feed: &Feed) -> String {
    let document = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"))
        feed xmlns="http://www.w3.org/2005/Atom" {
            id { (feed.id) }
            title { (feed.title) }
            updated { (feed.updated) }
            link rel="self" type="application/atom+xml" href=(feed.own) {}
            link rel="alternate" type="text/html" href=(feed.home) {}
            author { name { "seismolog" } }
            generator version=(env!("CARGO_PKG_VERSION")) { "seismolog" }
            @for one in &feed.entries { (entry(one)) }
        }
    };
    document.into_string()
}

fn entry(entry: &Entry) -> Markup {
    html! {
        entry {
            id { (entry.id) }
            title { (entry.title) }
            updated { (entry.updated) }
            published { (entry.published) }
            link rel="alternate" type="text/html" href=(entry.url) {}
            @for (what, value) in &entry.tags {
                category scheme={ "tag:seismolog,2026:" (what) } term=(value) {}
            }
            summary { (entry.summary) }
            // Markup as text: escaped once more.
            content type="html" { (entry.content.0) }
        }
    }
}
