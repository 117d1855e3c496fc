//! The API: one file per noun. Each call is described once (an [`super::endpoint::Endpoint`]) and added with that description.

mod alerts;
mod errors;
mod feeds;
mod ingest;
mod jobs;
mod markers;
mod rejects;
mod state;
mod trends;
mod whole;

pub(crate) use alerts::{LEVELS, STATES, Said, act, act_from, alert_id, level_of, states_of};
pub(crate) use errors::{ErrorAnswer, fetch_error};
pub(crate) use errors::{KIN, SORTS, explanation_of, issue_id, sort_of};
pub(crate) use rejects::cut;
pub(crate) use state::{ACTIONS, ChangeBody, apply, change_from};
pub(crate) use trends::{MOST_BUCKETS, step_minutes};

use super::routes::Routes;
use axum::routing::{delete, get, post};

pub(crate) fn add(routes: &mut Routes) {
    routes.call(&errors::LIST, get(errors::list));
    routes.call(&errors::ONE, get(errors::one));
    routes.call(&errors::SAMPLES, get(errors::samples));
    routes.call(&errors::EXPLAIN, get(errors::explain));
    routes.call(&state::CHANGE, post(state::change));
    routes.call(&alerts::LIST, get(alerts::list));
    routes.call(&alerts::STREAM, get(alerts::stream));
    routes.call(&alerts::ONE, get(alerts::one));
    routes.call(&alerts::ACK, post(alerts::ack));
    routes.call(&alerts::SILENCE, post(alerts::silence));
    routes.call(&alerts::RESOLVE, post(alerts::resolve));
    feeds::add(routes);
    routes.call(&trends::TRENDS, get(trends::trends));
    routes.call(&jobs::LIST, get(jobs::list));
    routes.call(&jobs::ONE, get(jobs::one));
    routes.call(&markers::LIST, get(markers::list));
    routes.call(&markers::ADD, post(markers::add));
    routes.call(&markers::REMOVE, delete(markers::remove));
    routes.call(&ingest::PUSH, post(ingest::push));
    routes.call(&rejects::LIST, get(rejects::list));
    routes.call(&whole::TOTALS, get(whole::totals));
    routes.call(&whole::VALUES, get(whole::values));
    routes.call(&whole::OPENAPI, get(whole::openapi));
    routes.call(&whole::ALIVE, get(whole::alive));
    routes.call(&whole::READY, get(whole::ready));
    routes.call(&whole::METRICS, get(whole::metrics));
}
