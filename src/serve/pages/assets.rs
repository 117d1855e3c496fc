//! Files the pages load: all of them ours or vendored, inside the binary, with the licence beside them.

use crate::serve::problem::{Kind, Problem};
use crate::serve::routes::Routes;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// (name, kind, content).
const ASSETS: &[(&str, &str, &str)] = &[
    (
        "seismolog.css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("../assets/uPlot.min.css"),
            "\n",
            include_str!("../assets/seismolog.css")
        ),
    ),
    (
        "seismolog.js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/seismolog.js"),
    ),
    (
        "uplot.js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/uPlot.iife.min.js"),
    ),
    (
        "uplot.LICENSE",
        "text/plain; charset=utf-8",
        include_str!("../assets/uPlot.LICENSE"),
    ),
    ("mark.svg", "image/svg+xml", include_str!("../assets/mark.svg")),
];

pub(crate) fn add(routes: &mut Routes) {
    routes.page("/assets/{name}", get(asset));
}

/// The address of a file; it changes with the content, so that browsers may keep it for ever.
pub(crate) fn href(name: &str) -> String {
    static HASHES: std::sync::OnceLock<Vec<(&str, u64)>> = std::sync::OnceLock::new();
    let hashes = HASHES.get_or_init(|| {
        let hash =
            |(name, _, content): &(&'static str, &str, &str)| (*name, xxhash_rust::xxh3::xxh3_64(content.as_bytes()));
        ASSETS.iter().map(hash).collect()
    });
    let hash = hashes.iter().find(|(n, _)| *n == name).map_or(0, |(_, h)| *h);
    format!("/assets/{name}?{hash:016x}")
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(n, _, _)| *n == name) {
        Some((_, kind, content)) => {
            let kept = "public, max-age=31536000, immutable";
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, kept)], *content).into_response()
        }
        None => Problem::new(Kind::NotFound, "there is no such file").into_response(),
    }
}
