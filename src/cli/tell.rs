//! Telling people of alerts, as `run` does it: whom the routes name, by the deliverer.

use super::{Exit, Failure};
use crate::alert::notify::{self, Deliverer};
use crate::config::Config;
use crate::rules::LiveRules;
use crate::store::Store;
use std::sync::Arc;

/// Begins to tell of the alerts of a store: those named by `rules/routes.yaml`, as it stands at each change, and
/// `always`.
///
/// # Errors
/// No client can be made.
pub(super) fn start(
    store: &Store,
    rules: &Arc<LiveRules>,
    config: &Config,
    always: Option<&'static str>,
) -> Result<Deliverer, Failure> {
    let in_force = Arc::clone(rules);
    store.writer().route(Arc::new(move |alert, change| {
        let rules = in_force.current();
        let named = rules.routes().of(alert, change).into_iter();
        named.chain(always).map(str::to_owned).collect()
    }));
    let in_force = Arc::clone(rules);
    let routes = Arc::new(move || Arc::clone(in_force.current().routes()));
    notify::start(store.outbox(), routes, Some(address(config)))
        .map_err(|error| Failure::new(Exit::Config, anyhow::anyhow!("alerts cannot be told: {error}")))
}

/// Where people find the pages.
fn address(config: &Config) -> String {
    let bound = || format!("http://{}", config.bind);
    config.url.clone().unwrap_or_else(bound)
}
