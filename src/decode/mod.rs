//! Bytes to an event, whatever layout and envelope they came in, or a rejection.

mod java_line;
mod java_stack;
mod node_stack;
mod python_stack;
pub mod stack;
mod thrown_json;
