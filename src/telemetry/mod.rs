//! Our own logs and metrics.

pub mod logging;
pub mod metrics;
pub mod ready;
