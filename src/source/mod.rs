//! Bytes with a position: files, folders, stdin, pushes.
