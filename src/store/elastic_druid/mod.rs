//! Storage that scales: details in the search node, counts in Druid.

pub mod druid;
pub mod elastic;
