//! Telling people: faults of receivers, order, repeats, caps, and what is written for each receiver.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    unreachable_pub,
    reason = "a test that meets a surprise ends there"
)]

#[path = "notify/commands.rs"]
mod commands;
#[path = "notify/deliveries.rs"]
mod deliveries;
#[path = "notify/formats.rs"]
mod formats;
#[path = "notify/mail.rs"]
mod mail;
#[path = "notify/outbox.rs"]
mod outbox;
#[path = "notify/receiver.rs"]
mod receiver;
#[path = "notify/routing.rs"]
mod routing;
mod schema;

use seismolog::alert::notify::{Categories, Deliverer, LiveRoutes, Pace, Routes};
use seismolog::store::Outbox;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Routes of a text, with one category of two types.
pub fn routes(text: &str) -> Result<Routes, Vec<String>> {
    let categories: Categories<'_> = HashMap::from([(
        "checkpoint",
        HashSet::from(["checkpoint_expired", "checkpoint_declined"]),
    )]);
    Routes::from_yaml(text, &categories).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// Tenths of seconds where the service takes seconds.
pub fn brisk() -> Pace {
    Pace {
        look: Duration::from_millis(10),
        patience: Duration::from_secs(2),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        longest_rest: Duration::from_millis(40),
        give_up: Duration::from_secs(3_600),
        resay: Duration::from_millis(200),
        minute: Duration::from_secs(60),
    }
}

/// A deliverer over the routes of a text.
pub fn deliverer(outbox: Arc<dyn Outbox>, text: &str, pace: Pace) -> Deliverer {
    let routes = Arc::new(routes(text).unwrap());
    let live: LiveRoutes = Arc::new(move || Arc::clone(&routes));
    Deliverer::with_pace(outbox, live, None, pace).unwrap()
}
