//! How listings are written: table, JSON, JSON Lines, CSV.
