//! Drives sources through the engine into flushes.
