//! What was asked: query parameters, each known, bounded and named when it is wrong.

use super::endpoint::{Holds, Param};
use super::problem::{Kind, Problem};
use super::time;
use crate::query::Query;
use percent_encoding::percent_decode_str;

/// Longest search, in bytes.
pub(crate) const LONGEST_QUERY: usize = 4096;
/// Longest cursor, in bytes.
const LONGEST_CURSOR: usize = 1024;

/// The parameters of one request.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    given: Vec<(String, String)>,
    known: &'static [Param],
}

/// A window of time, milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Params {
    /// Reads the part of the address after `?`. Unknown names, names given twice and values out of bounds are problems.
    pub(crate) fn read(raw: Option<&str>, known: &'static [Param]) -> Result<Self, Problem> {
        let params = Self::read_known(raw, known)?;
        for param in known {
            params.check(param)?;
        }
        Ok(params)
    }

    /// The parameters of a page: names it does not know are passed over (mail programs and chats add some).
    pub(crate) fn of_page(raw: Option<&str>, known: &'static [Param]) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in raw.unwrap_or("").split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if known.iter().any(|p| p.name == name) && !given.iter().any(|(n, _)| n == name) {
                given.push((name.to_owned(), decode(value)?));
            }
        }
        Ok(Self { given, known })
    }

    fn read_known(raw: Option<&str>, known: &'static [Param]) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in raw.unwrap_or("").split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            let value = decode(value)?;
            if !known.iter().any(|p| p.name == name) {
                let names: Vec<&str> = known.iter().map(|p| p.name).collect();
                let shown: String = name.chars().take(64).collect();
                let detail = if names.is_empty() {
                    format!("{shown:?} is not a parameter of this call; it takes none")
                } else {
                    format!(
                        "{shown:?} is not a parameter of this call; it takes {}",
                        names.join(", ")
                    )
                };
                return Err(Problem::parameter(&shown, detail).suggesting(nearest(&name, &names)));
            }
            if given.iter().any(|(n, _)| *n == name) {
                let detail = format!("{name:?} is given twice; give it once");
                return Err(Problem::parameter(&name, detail));
            }
            given.push((name, value));
        }
        Ok(Self { given, known })
    }

    /// The text as given, absent when left out or empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
            .filter(|v| !v.is_empty())
    }

    fn or_default(&self, name: &str) -> &str {
        let default = self.known.iter().find(|p| p.name == name).map_or("", |p| p.default);
        self.text(name).unwrap_or(default)
    }

    fn check(&self, param: &Param) -> Result<(), Problem> {
        match param.holds {
            Holds::Query => self.query().map(drop),
            Holds::Time => self.maybe_time(param.name, 0).map(drop),
            Holds::Duration => match self.text(param.name) {
                Some(text) => time::parse_duration(text)
                    .map(drop)
                    .map_err(|e| Problem::parameter(param.name, e.to_string())),
                None => Ok(()),
            },
            Holds::OneOf(names) => self.one_of(param.name, names).map(drop),
            Holds::SomeOf(names) => self.some_of(param.name, names).map(drop),
            Holds::Number(..) => self.number(param.name).map(drop),
            Holds::Cursor => match self.text(param.name) {
                Some(text) if text.len() > LONGEST_CURSOR => Err(Problem::parameter(
                    param.name,
                    "it is no cursor; hand back the `next` of the page before as it was",
                )),
                Some(_) | None => Ok(()),
            },
            Holds::Text(most) => match self.text(param.name) {
                Some(text) if text.chars().count() > most => Err(Problem::parameter(
                    param.name,
                    format!("it is longer than {most} characters"),
                )),
                Some(_) | None => Ok(()),
            },
        }
    }

    /// A time; its default when left out.
    pub(crate) fn time(&self, name: &str, now: i64) -> Result<i64, Problem> {
        time::parse_time(self.or_default(name), now).map_err(|e| Problem::parameter(name, e.to_string()))
    }

    /// A time; its default when left out, nothing where it has none.
    pub(crate) fn maybe_time(&self, name: &str, now: i64) -> Result<Option<i64>, Problem> {
        if self.or_default(name).is_empty() {
            return Ok(None);
        }
        self.time(name, now).map(Some)
    }

    /// The window from `from` and `to`.
    pub(crate) fn window(&self, now: i64) -> Result<Window, Problem> {
        let from = self.time("from", now)?;
        // A minute that has begun is part of "now": events carry times up to and including this one.
        let to = match self.or_default("to") {
            "now" => now.saturating_add(1),
            _ => self.time("to", now)?,
        };
        if from >= to {
            return Err(Problem::parameter(
                "from",
                format!(
                    "the window is empty: from {} is not before to {}",
                    time::rfc3339(from),
                    time::rfc3339(to)
                ),
            ));
        }
        Ok(Window { from, to })
    }

    /// The search, parsed.
    pub(crate) fn query(&self) -> Result<Query, Problem> {
        parse_query(self.text("q").unwrap_or(""))
    }

    /// A whole number within its bounds; its default when left out.
    pub(crate) fn number(&self, name: &str) -> Result<usize, Problem> {
        let text = self.or_default(name);
        let (least, most) = self
            .known
            .iter()
            .find(|p| p.name == name)
            .map_or((0, usize::MAX), |p| match p.holds {
                Holds::Number(least, most) => (least, most),
                Holds::Query
                | Holds::Time
                | Holds::Duration
                | Holds::OneOf(_)
                | Holds::SomeOf(_)
                | Holds::Cursor
                | Holds::Text(_) => (0, usize::MAX),
            });
        text.parse::<usize>()
            .ok()
            .filter(|n| (least..=most).contains(n))
            .ok_or_else(|| {
                let shown: String = text.chars().take(64).collect();
                Problem::parameter(name, format!("{shown:?} is not a whole number from {least} to {most}"))
            })
    }

    /// One of some names; its default when left out.
    pub(crate) fn one_of(&self, name: &str, names: &[&'static str]) -> Result<&'static str, Problem> {
        let text = self.or_default(name);
        if text.is_empty() {
            return Ok("");
        }
        named(name, text, names)
    }

    /// Some of some names; its default when left out.
    pub(crate) fn some_of(&self, name: &str, names: &[&'static str]) -> Result<Vec<&'static str>, Problem> {
        let given = self.or_default(name).split(',').map(str::trim);
        given
            .filter(|text| !text.is_empty())
            .map(|text| named(name, text, names))
            .collect()
    }

    /// The cursor, if any.
    pub(crate) fn after(&self) -> Option<String> {
        self.text("after").map(str::to_owned)
    }
}

fn named(parameter: &str, text: &str, names: &[&'static str]) -> Result<&'static str, Problem> {
    names.iter().copied().find(|n| *n == text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Problem::parameter(parameter, format!("{shown:?} is not one of {}", names.join(", ")))
            .suggesting(nearest(text, names))
    })
}

/// Parses a search; a mistake becomes a problem with its position.
pub(crate) fn parse_query(text: &str) -> Result<Query, Problem> {
    if text.len() > LONGEST_QUERY {
        return Err(Problem::parameter(
            "q",
            format!("the search is longer than {LONGEST_QUERY} bytes"),
        ));
    }
    query_of(text)
}

fn query_of(text: &str) -> Result<Query, Problem> {
    Query::parse(text).map_err(|mistake| {
        let mut problem = Problem::new(Kind::BadQuery, mistake.message());
        let place = mistake.position();
        problem.parameter = Some("q".to_owned());
        problem.position = Some(place.start);
        problem.length = Some(place.end.saturating_sub(place.start));
        problem.suggesting(mistake.nearest())
    })
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Problem::new(
            Kind::BadParameter,
            "a parameter is not UTF-8 once its percent signs are decoded",
        )),
    }
}

/// The nearest of some names, if one is near: at most a third of its letters wrong.
pub(crate) fn nearest<'n>(given: &str, names: &[&'n str]) -> Option<&'n str> {
    let given: String = given.chars().take(64).flat_map(char::to_lowercase).collect();
    names
        .iter()
        .map(|name| (distance(&given, name), *name))
        .filter(|(d, name)| *d <= name.chars().count().div_ceil(3).max(1))
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// Edits between two short texts (optimal string alignment without transposition).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (cb, above) in b.iter().zip(row.iter().skip(1)) {
            let here = (diagonal + usize::from(ca != *cb)).min(left + 1).min(above + 1);
            diagonal = *above;
            left = here;
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::endpoint::{FROM, LIMIT, TO};

    const KNOWN: &[Param] = &[FROM, TO, LIMIT];

    #[test]
    fn an_unknown_parameter_is_answered_with_the_nearest_name() {
        let problem = Params::read(Some("limt=5"), KNOWN).unwrap_err();
        assert_eq!(problem.suggestion.as_deref(), Some("limit"));
        let problem = Params::read(Some("zzzzzz=5"), KNOWN).unwrap_err();
        assert_eq!(problem.suggestion, None);
    }

    #[test]
    fn bounds_hold_and_are_said() {
        for bad in [
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=1e3",
            "limit=1&limit=2",
            "from=x",
            "%ff=1",
            "limit=%ff",
        ] {
            assert!(Params::read(Some(bad), KNOWN).is_err(), "{bad} was taken");
        }
        let params = Params::read(Some("from=-1h"), KNOWN).unwrap();
        assert_eq!(params.number("limit").unwrap(), 50);
        assert_eq!(params.window(7_200_000).unwrap().from, 3_600_000);
    }

    #[test]
    fn an_empty_window_is_a_problem() {
        let params = Params::read(Some("from=now&to=-1h"), KNOWN).unwrap();
        assert!(params.window(7_200_000).is_err());
    }

    #[test]
    fn distances_are_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
