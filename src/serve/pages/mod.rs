//! Pages: the API's answers for people. Made on the server, whole without JavaScript; scripts only add comfort
//! (times of the reader's zone, charts to point at, copying, `/` for the search).

mod about;
mod alert;
mod alerts;
mod assets;
mod chart;
mod error;
mod errors;
mod frame;
mod jobs;
mod layout;
mod link;
mod rejects;
mod search_box;
mod stack;
mod trends;
mod words;

use super::problem::{Kind, Problem};
use super::question::{Around, Shared};
use super::routes::Routes;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use maud::html;

pub(crate) fn add(routes: &mut Routes) {
    routes.page("/", get(errors::list));
    routes.page("/errors/{id}", get(error::one));
    routes.page("/errors/{id}/state", post(error::change));
    routes.page("/alerts", get(alerts::list));
    routes.page("/alerts/{id}", get(alert::one));
    routes.page("/alerts/{id}/act", post(alert::act));
    routes.page("/trends", get(trends::trends));
    routes.page("/jobs", get(jobs::list));
    routes.page("/jobs/{job}", get(jobs::one));
    routes.page("/rejects", get(rejects::list));
    routes.page("/about", get(about::about));
    assets::add(routes);
}

/// A page, or a page that says what went wrong.
type Shown = Result<Response, Oops>;

/// A problem on its way to a person.
#[derive(Debug)]
struct Oops(Problem);

impl From<Problem> for Oops {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Oops {
    fn into_response(self) -> Response {
        problem_page(&self.0)
    }
}

/// A problem as a page of its own.
pub(crate) fn problem_page(problem: &Problem) -> Response {
    let body = html! {
        section.empty {
            h1 { (words::sentence(problem.title)) }
            p { (problem.detail) }
            @if let Some(suggestion) = &problem.suggestion { p { "Did you mean " code { (suggestion) } "?" } }
            p { a href="/" { "To the list of errors" } }
        }
    };
    let page = layout::page(
        &layout::Head {
            title: problem.title,
            here: layout::Here::Nowhere,
            around: Around::default(),
            feed: None,
        },
        &body,
    );
    let mut response = (problem.status(), page).into_response();
    if problem.kind == Kind::Unauthorized {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            axum::http::HeaderValue::from_static("Basic realm=\"seismolog\", charset=\"UTF-8\""),
        );
    }
    response
}

fn shown(page: Html<String>) -> Response {
    page.into_response()
}

/// Where a page is drawn from.
type At = State<Shared>;
