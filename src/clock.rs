//! The only reader of wall time. Everything else is told what time it is.

/// Wall time, or a time a test chose.
#[derive(Debug, Clone, Copy, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// Always the same millisecond since 1970-01-01T00:00:00Z.
    Fixed(i64),
}

impl Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_millis(self) -> i64 {
        match self {
            Clock::Fixed(millis) => millis,
            #[allow(clippy::disallowed_methods, reason = "this is the one place that reads wall time")]
            Clock::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}
