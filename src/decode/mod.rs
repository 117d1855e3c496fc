//! Bytes to an event, whatever layout and envelope they came in, or a rejection.
