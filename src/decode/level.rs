//! Levels given as numbers, turned into the names their writers mean.

/// Whose numbers they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// syslog: 0 is the worst, 7 the least (GELF, journald). Source: RFC 5424, 6.2.1.
    Syslog,
    /// pino and bunyan: 10 to 60.
    Pino,
    /// OpenTelemetry: 1 to 24. Source: opentelemetry-proto, `SeverityNumber`.
    Otlp,
    /// python's logging: 10 to 50.
    Python,
}

impl Scale {
    /// The name of a number; `None` where the scale has no such number.
    pub(crate) fn name(self, number: i64) -> Option<&'static str> {
        match self {
            Scale::Syslog => match number {
                0 => Some("EMERGENCY"),
                1 => Some("ALERT"),
                2 => Some("CRITICAL"),
                3 => Some("ERROR"),
                4 => Some("WARN"),
                5 => Some("NOTICE"),
                6 => Some("INFO"),
                7 => Some("DEBUG"),
                _ => None,
            },
            Scale::Pino => match number {
                ..1 => None,
                1..20 => Some("TRACE"),
                20..30 => Some("DEBUG"),
                30..40 => Some("INFO"),
                40..50 => Some("WARN"),
                50..60 => Some("ERROR"),
                60.. => Some("FATAL"),
            },
            Scale::Otlp => match number {
                1..=4 => Some("TRACE"),
                5..=8 => Some("DEBUG"),
                9..=12 => Some("INFO"),
                13..=16 => Some("WARN"),
                17..=20 => Some("ERROR"),
                21..=24 => Some("FATAL"),
                _ => None,
            },
            Scale::Python => match number {
                ..1 => None,
                1..20 => Some("DEBUG"),
                20..30 => Some("INFO"),
                30..40 => Some("WARNING"),
                40..50 => Some("ERROR"),
                50.. => Some("CRITICAL"),
            },
        }
    }
}

/// Words that are levels, for lines of text.
const WORDS: &[&str] = &[
    "ERROR",
    "WARN",
    "WARNING",
    "INFO",
    "DEBUG",
    "TRACE",
    "FATAL",
    "CRITICAL",
    "SEVERE",
    "NOTICE",
    "ALERT",
    "EMERGENCY",
    "FINE",
    "FINER",
    "FINEST",
    "CONFIG",
    "ERR",
    "CRIT",
    "PANIC",
    "EMERG",
];

/// Whether a word is a level, whatever its case.
pub(crate) fn is_word(word: &str) -> bool {
    (3..=9).contains(&word.len()) && WORDS.iter().any(|level| level.eq_ignore_ascii_case(word))
}
