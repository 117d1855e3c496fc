//! Which address leads where. An API call can only be added with its description, so OpenAPI cannot miss one.

use super::endpoint::Endpoint;
use super::problem::{Kind, Problem};
use super::question::Shared;
use super::{api, guard, openapi, pages};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use std::any::Any;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

/// Longest body of a call that is no push, in bytes.
const LONGEST_BODY: usize = 64 << 10;
/// A request whose body and answer together take longer is given up.
const LONGEST_REQUEST: Duration = Duration::from_secs(120);

/// All addresses, and the descriptions of those that are API calls.
pub(crate) struct Routes {
    router: Router<Shared>,
    described: Vec<&'static Endpoint>,
}

impl Routes {
    pub(crate) fn all() -> Self {
        let mut routes = Self {
            router: Router::new(),
            described: Vec::new(),
        };
        api::add(&mut routes);
        pages::add(&mut routes);
        routes
    }

    /// Adds a call of the API.
    pub(crate) fn call(&mut self, endpoint: &'static Endpoint, answers: MethodRouter<Shared>) {
        self.described.push(endpoint);
        self.page(endpoint.path, answers);
    }

    /// Adds an address that is no part of the API.
    pub(crate) fn page(&mut self, path: &'static str, answers: MethodRouter<Shared>) {
        let router = std::mem::take(&mut self.router);
        self.router = router.route(path, answers);
    }

    pub(crate) fn openapi(&self) -> String {
        openapi::document(&self.described)
    }

    pub(crate) fn into_router(self, shared: Shared) -> Router {
        self.router
            .method_not_allowed_fallback(wrong_method)
            .fallback(nothing_there)
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::REQUEST_TIMEOUT,
                LONGEST_REQUEST,
            ))
            .layer(CompressionLayer::new())
            .layer(CatchPanicLayer::custom(broken))
            .layer(axum::middleware::from_fn_with_state(shared.clone(), guard::guard))
            .with_state(shared)
    }
}

async fn wrong_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "the Allow header names what is")
}

async fn nothing_there(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    let problem = Problem::new(Kind::NotFound, format!("there is nothing at {path}"));
    if path.starts_with("/api/") {
        problem.into_response()
    } else {
        pages::problem_page(&problem)
    }
}

fn broken(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("an answer panicked; the request was answered with 500");
    Problem::new(Kind::Broken, "the answer died; the log of the server says why").into_response()
}
