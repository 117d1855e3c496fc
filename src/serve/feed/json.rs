//! A feed as JSON Feed 1.1.

use super::{Entry, Feed};
use serde_json::{Value, json};

/// How a JSON feed is called.
pub(crate) const KIND: &str = "application/feed+json; charset=utf-8";

/// The feed as JSON; each item holds the whole alert below `_seismolog`.
pub(crate) fn json(feed: &Feed) -> String {
    json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.own,
        "description": "Alerts on the errors of streaming jobs, latest beginning first.",
        "language": "en",
        "authors": [{ "name": "seismolog" }],
        "items": feed.entries.iter().map(item).collect::<Vec<_>>(),
    })
    .to_string()
}

fn item(entry: &Entry) -> Value {
    let tags: Vec<&str> = entry.tags.iter().map(|(_, value)| value.as_str()).collect();
    json!({
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "content_html": entry.content.0,
        "date_published": entry.published,
        "date_modified": entry.updated,
        "tags": tags,
        "_seismolog": { "alert": entry.alert },
    })
}
