//! Storage that scales: details in the search node, counts in Druid.
//!
//! - [`elastic`]: the search node; [`druid`]: Druid, fed by its own supervisor.
//! - [`reader`]: the answers of both, equal to those of the embedded store.

pub mod druid;
pub mod elastic;
pub mod reader;
