//! Cursors of listings: where the page before ended, as text. Stores differ in what they call an issue or a job, so how
//! that part is read is theirs.

use super::{ErrorSort, ReadError};
use std::fmt::Display;

/// What is said of a cursor that is none of `of`.
pub(crate) fn no_cursor(cursor: &str, of: &str) -> ReadError {
    let shown: String = cursor.chars().take(64).collect();
    ReadError::BadRequest(format!("after={shown:?} is not a cursor of {of}; begin without one"))
}

/// A cursor that is one number.
pub(crate) fn number<N: std::str::FromStr>(cursor: &str, of: &str) -> Result<N, ReadError> {
    cursor.parse().map_err(|_| no_cursor(cursor, of))
}

/// The place of an issue in an order: the key it is ordered by, and its id.
pub(crate) fn write_issue(sort: ErrorSort, key: u64, id: impl Display) -> String {
    format!("{}{key:x}.{id}", letter(sort))
}

/// Key and id of [`write_issue`].
pub(crate) fn read_issue<I>(
    sort: ErrorSort,
    cursor: &str,
    id: impl FnOnce(&str) -> Option<I>,
) -> Result<(u64, I), ReadError> {
    let place = cursor
        .strip_prefix(letter(sort))
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(key, rest)| Some((u64::from_str_radix(key, 16).ok()?, id(rest)?)));
    place.ok_or_else(|| no_cursor(cursor, "this order"))
}

fn letter(sort: ErrorSort) -> char {
    match sort {
        ErrorSort::LastSeen => 'l',
        ErrorSort::FirstSeen => 'f',
        ErrorSort::Count => 'c',
    }
}

/// Where a job stands: the least healthy first, then the loudest (as what is left of the largest number), then by name
/// or number.
pub(crate) type JobPlace<J> = (u32, u64, J);

/// The place of a job.
pub(crate) fn write_job(health: u32, rest: u64, job: impl Display) -> String {
    format!("{health}.{rest:x}.{job}")
}

/// The place of [`write_job`].
pub(crate) fn read_job<J>(cursor: &str, job: impl FnOnce(&str) -> Option<J>) -> Result<JobPlace<J>, ReadError> {
    let mut parts = cursor.splitn(3, '.');
    let place = (|| {
        let health = parts.next()?.parse().ok()?;
        let rest = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some((health, rest, job(parts.next()?)?))
    })();
    place.ok_or_else(|| no_cursor(cursor, "jobs"))
}
