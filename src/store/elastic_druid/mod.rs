//! Storage that scales: details in the search node, counts in Druid.

pub mod elastic;
