//! Addresses of pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand as it is in a part of a path or in a value.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':');

/// A part of a path or a value, encoded.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// An address with those pairs whose value is not empty.
pub(crate) fn href(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    let mut joint = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(joint);
        out.push_str(name);
        out.push('=');
        out.push_str(&encoded(value));
        joint = '&';
    }
    out
}

/// The page of a job.
pub(crate) fn job(job: &str) -> String {
    // A part of a path that is only dots would be taken for a step up.
    match job {
        "." | ".." => format!("/jobs/{}", job.replace('.', "%2E")),
        _ => format!("/jobs/{}", encoded(job)),
    }
}

/// The feed of a job or, without one, of a team or of all, without its ending.
pub(crate) fn feed(of_job: Option<&str>, of_team: Option<&str>) -> String {
    match (of_job, of_team) {
        (Some(name), _) => format!("{}/feed", job(name)),
        // A part of a path that is only dots would be taken for a step up.
        (None, Some(team)) => format!("/teams/{}/feed", encoded(team).replace('.', "%2E")),
        (None, None) => "/feed".to_owned(),
    }
}

/// A word of the search for a value: quoted where it needs to be.
pub(crate) fn term(key: &str, value: &str) -> String {
    let plain = !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'));
    if plain {
        format!("{key}:{value}")
    } else {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{key}:\"{escaped}\"")
    }
}

/// A search with one term of a key put in (or taken out, when it is there), others of that key gone.
pub(crate) fn toggled(query: &str, key: &str, value: &str) -> String {
    let wanted = term(key, value);
    let mut there = false;
    let mut kept: Vec<&str> = Vec::new();
    for word in query.split_whitespace() {
        there |= word == wanted;
        let same_key = word.split_once(':').is_some_and(|(k, _)| k == key);
        if !same_key {
            kept.push(word);
        }
    }
    if !there {
        kept.push(&wanted);
    }
    kept.join(" ")
}

/// Whether a search has a term.
pub(crate) fn has(query: &str, key: &str, value: &str) -> bool {
    let wanted = term(key, value);
    query.split_whitespace().any(|word| word == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place_in_an_address() {
        assert_eq!(
            href("/", &[("q", "a&b=c#d \"é"), ("from", "")]),
            "/?q=a%26b%3Dc%23d%20%22%C3%A9"
        );
        assert_eq!(job("../x/y"), "/jobs/..%2Fx%2Fy");
        assert_eq!(job(".."), "/jobs/%2E%2E");
    }

    #[test]
    fn a_chip_goes_in_and_out_again() {
        let on = toggled("disk full", "severity", "high");
        assert_eq!(on, "disk full severity:high");
        assert_eq!(toggled(&on, "severity", "low"), "disk full severity:low");
        assert_eq!(toggled(&on, "severity", "high"), "disk full");
    }
}
