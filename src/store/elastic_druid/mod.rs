//! Storage that scales: details in the search node, counts in Druid.
//!
//! - [`elastic`]: the search node; [`druid`]: Druid, fed by its own supervisor.
//! - [`reader`]: the answers of both, equal to those of the embedded store.

pub mod druid;
pub mod elastic;
pub mod reader;

/// Whether a connection failed because we do not trust the other's certificate, by the words of the TLS library: its
/// error lies too deep in those of the HTTP clients to be met as itself.
pub(crate) fn is_untrusted(fault: &str) -> bool {
    fault.contains("invalid peer certificate")
}
