//! An error as rules are told it.

use crate::event::Severity;

/// A throwable as classification needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldThrowable<'a> {
    /// Its class, simple or qualified, `$` or `.`.
    pub class: &'a str,
    /// Its message.
    pub message: Option<&'a str>,
}

/// An error as classification needs it. Serialized throwables are unwrapped already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldError<'a> {
    /// The log message.
    pub message: &'a str,
    /// The logger.
    pub logger: Option<&'a str>,
    /// The level as logged.
    pub level: Option<&'a str>,
    /// The cause chain, outermost first.
    pub chain: &'a [ToldThrowable<'a>],
    /// Suppressed throwables.
    pub suppressed: &'a [ToldThrowable<'a>],
}

/// What the log line itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldLine<'a> {
    /// The log message.
    pub message: &'a str,
    /// The logger.
    pub logger: Option<&'a str>,
    /// The level as logged.
    pub level: Option<&'a str>,
}

impl<'a> ToldError<'a> {
    /// What is not of the throwables.
    #[must_use]
    pub fn line(&self) -> ToldLine<'a> {
        ToldLine {
            message: self.message,
            logger: self.logger,
            level: self.level,
        }
    }
}

/// How bad an error is that no rule knows: by its level, since nothing else is known.
#[must_use]
pub fn unclassified_severity(level: Option<&str>) -> Severity {
    let is = |names: &[&str]| level.is_some_and(|level| names.iter().any(|name| name.eq_ignore_ascii_case(level)));
    if is(&["FATAL", "CRITICAL", "EMERGENCY", "ALERT", "SEVERE", "PANIC"]) {
        Severity::High
    } else if is(&["WARN", "WARNING"]) {
        Severity::Low
    } else if is(&["INFO", "NOTICE", "DEBUG", "TRACE"]) {
        Severity::Info
    } else {
        Severity::Medium
    }
}
