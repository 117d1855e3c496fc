//! The configuration: what was written, what is wrong, what it means.
