//! Bytes with a position: files, folders, stdin, pushes.
mod frame;
mod line;
pub use frame::{FrameLimits, Framer, Record, Tail};
