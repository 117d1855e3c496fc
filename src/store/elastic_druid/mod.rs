//! The reading side over a search node and Druid: details from the one, counts from the other.

pub mod druid;
