//! The keys of records met before, in the order they were written.
//!
//! A writer puts the same keys in the same order, so which key comes next is known before it is read: comparing it
//! tells where it ends, what it means and that it does not stand twice. The orders are a tree; what leaves it is read
//! key by key and, where there is room, becomes a branch of its own. The tree only ever saves work: a record reads the
//! same with an empty one.

use super::keys::{Marks, Meaning, meaning};
use super::scan::{KeySet, Object, Odd, Scanner, Value};
use std::sync::Arc;

/// Keys remembered in all; a fleet has some dozen orders of some twenty keys.
const MOST_KEYS: usize = 4096;
/// Keys remembered behind one and the same beginning: more of them are data, not keys.
const MOST_BRANCHES: usize = 8;
/// Bytes of a key worth remembering.
const LONGEST: usize = 256;
/// Keys that found no room, after which everything is forgotten: what fills the tree may be of yesterday.
const MOST_MISSED: u32 = 1 << 16;

/// One key of a record's object and what it says.
#[derive(Debug)]
pub(crate) struct Member<'m, 'a> {
    pub(crate) path: &'a str,
    pub(crate) meaning: (Meaning, Marks),
    pub(crate) value: Value<'a>,
    /// The keys of the value where it is an object. Absent where the scanner found them odd.
    pub(crate) inside: Option<&'m mut Object<'a>>,
}

/// The orders of keys met so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shapes {
    /// The first one stands before all keys.
    keys: Vec<Key>,
    missed: u32,
}

#[derive(Debug, Clone)]
struct Key {
    /// As written: quotes, key and colon.
    written: Arc<str>,
    meaning: (Meaning, Marks),
    /// The key before this one.
    before: usize,
    /// The keys that were met behind this one.
    next: Vec<usize>,
}

/// Where the walk along known keys ended.
enum Followed {
    /// Behind the object.
    Whole(usize),
    /// At a key that was never met behind this one.
    Left { known: usize, at: usize },
}

impl Shapes {
    /// Hands each key of the object that opens at `open` to `take`; gives the place behind the object. When it gives
    /// up it has handed over some.
    pub(crate) fn each<'a>(
        &mut self,
        scanner: &Scanner<'a>,
        open: usize,
        mut take: impl FnMut(Member<'_, 'a>),
    ) -> Result<usize, Odd> {
        let first = scanner.open_object(open)?;
        if scanner.byte(first) == Some(b'}') {
            return Ok(first + 1);
        }
        self.begin();
        let mut inside = Object::new();
        let (known, mut at) = match self.follow(scanner, first, &mut inside, &mut take)? {
            Followed::Whole(end) => return Ok(end),
            Followed::Left { known, at } => (known, at),
        };
        // From here on each key is read, and compared with those before it.
        let before = self.way_to(known);
        let mut keys = KeySet::default();
        for written in &before {
            keys.add(bare(written))?;
        }
        let mut known = Some(known);
        loop {
            let (path, end) = scanner.key(at)?;
            keys.add(path)?;
            let meaning = meaning(path);
            known = known.and_then(|key| self.learn(key, scanner.span(at, end + 2).ok()?, meaning));
            let value_at = scanner.colon(end + 1)?;
            let behind = hand_over(scanner, value_at, (path, meaning), &mut inside, &mut take)?;
            match scanner.byte(behind) {
                Some(b',') => at = scanner.skip_space(behind + 1),
                Some(b'}') => return Ok(behind + 1),
                _ => return Err(Odd::Unusual),
            }
        }
    }

    /// Hands over keys as long as they come as they came before: none of them stands twice, since none did.
    fn follow<'a>(
        &self,
        scanner: &Scanner<'a>,
        first: usize,
        inside: &mut Object<'a>,
        take: &mut impl FnMut(Member<'_, 'a>),
    ) -> Result<Followed, Odd> {
        let mut at = first;
        let mut known = 0;
        loop {
            let rest = scanner.rest(at);
            let met = self.keys.get(known).and_then(|key| {
                key.next.iter().find_map(|next| {
                    let key = self.keys.get(*next)?;
                    rest.starts_with(key.written.as_bytes()).then_some((*next, key))
                })
            });
            let Some((next, key)) = met else {
                return Ok(Followed::Left { known, at });
            };
            known = next;
            let end = at + key.written.len();
            let path = scanner.span(at + 1, end - 2)?;
            let value_at = scanner.skip_space(end);
            let behind = hand_over(scanner, value_at, (path, key.meaning), inside, take)?;
            match scanner.byte(behind) {
                Some(b',') => at = scanner.skip_space(behind + 1),
                Some(b'}') => return Ok(Followed::Whole(behind + 1)),
                _ => return Err(Odd::Unusual),
            }
        }
    }

    /// Starts the tree, or starts it anew.
    fn begin(&mut self) {
        if self.keys.is_empty() || self.missed >= MOST_MISSED {
            self.missed = 0;
            self.keys.clear();
            self.keys.push(Key {
                written: "".into(),
                meaning: (Meaning::Other, Marks::NONE),
                before: 0,
                next: Vec::new(),
            });
        }
    }

    /// The keys up to one of them, last one first.
    fn way_to(&self, key: usize) -> Vec<Arc<str>> {
        let mut way = Vec::new();
        let mut at = key;
        while let Some(key) = self.keys.get(at).filter(|_| at > 0) {
            way.push(Arc::clone(&key.written));
            at = key.before;
        }
        way
    }

    /// Remembers a key that was met behind `before`, and stands nowhere further up.
    fn learn(&mut self, before: usize, written: &str, meaning: (Meaning, Marks)) -> Option<usize> {
        let at = self.keys.len();
        let next = &mut self.keys.get_mut(before)?.next;
        let has_room = at < MOST_KEYS && next.len() < MOST_BRANCHES && written.len() <= LONGEST;
        // A key with a blank before its colon is left to be read.
        if !written.ends_with("\":") || !has_room {
            self.missed = self.missed.saturating_add(1);
            return None;
        }
        next.push(at);
        self.keys.push(Key {
            written: written.into(),
            meaning,
            before,
            next: Vec::new(),
        });
        Some(at)
    }
}

/// A key without quotes and colon.
fn bare(written: &str) -> &str {
    written
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix("\":"))
        .unwrap_or(written)
}

/// Reads the value that begins at `at` and hands it over; gives the place of what follows it.
#[inline(always)]
fn hand_over<'a>(
    scanner: &Scanner<'a>,
    at: usize,
    (path, meaning): (&'a str, (Meaning, Marks)),
    inside: &mut Object<'a>,
    take: &mut impl FnMut(Member<'_, 'a>),
) -> Result<usize, Odd> {
    let mut member = |value, inside| {
        take(Member {
            path,
            meaning,
            value,
            inside,
        });
    };
    let behind = match scanner.byte(at) {
        Some(b'"') => {
            let (text, behind) = scanner.text(at)?;
            member(Value::Str(text), None);
            behind
        }
        Some(b'{') => {
            inside.clear();
            // Read once, with its keys, instead of walked over first and read afterwards.
            match scanner.nested(at, inside) {
                Some((value, behind)) => {
                    member(value, Some(inside));
                    behind
                }
                None => {
                    let (value, behind) = scanner.value(at)?;
                    member(value, None);
                    behind
                }
            }
        }
        _ => {
            let (value, behind) = scanner.value(at)?;
            member(value, None);
            behind
        }
    };
    Ok(scanner.skip_space(behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::scan::MAX_DEPTH;
    use proptest::prelude::*;

    /// What is handed over, as text.
    fn told(shapes: &mut Shapes, text: &str) -> Result<Vec<String>, Odd> {
        let mut told = Vec::new();
        let end = shapes.each(&Scanner::new(text, MAX_DEPTH), 0, |member| {
            let inside = member.inside.map(|inside| inside.drain(..).collect::<Vec<_>>());
            told.push(format!(
                "{} {:?} {:?} {inside:?}",
                member.path, member.meaning, member.value
            ));
        })?;
        told.push(end.to_string());
        Ok(told)
    }

    fn record() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "message",
            "level",
            "a",
            "ab",
            "json.level",
            "thrown",
            "@timestamp",
            "a\\u0062",
        ]);
        let value = prop::sample::select(vec![
            "1",
            "\"x\\n\"",
            "{\"k\":[{\"k\":1}],\"l\":\"\\u00e9\"}",
            "{\"k\":1,\"k\":2}",
            "[]",
            "null",
            "{}",
            "{",
        ]);
        let colon = prop::sample::select(vec![":", ":", ":", " : "]);
        prop::collection::vec((key, colon, value), 0..7).prop_map(|pairs| {
            let pairs: Vec<_> = pairs.iter().map(|(k, c, v)| format!("\"{k}\"{c}{v}")).collect();
            format!("{{{}}}", pairs.join(","))
        })
    }

    proptest! {
        #[test]
        fn what_was_met_before_changes_nothing(texts in prop::collection::vec(record(), 1..20)) {
            let mut shapes = Shapes::default();
            for text in &texts {
                prop_assert_eq!(told(&mut shapes, text), told(&mut Shapes::default(), text), "{}", text);
            }
        }

        #[test]
        fn the_keys_handed_over_are_those_of_the_scanner(texts in prop::collection::vec(record(), 1..20)) {
            let mut shapes = Shapes::default();
            for text in &texts {
                let scanner = Scanner::new(text, MAX_DEPTH);
                let mut wanted = Object::new();
                let end = scanner.object(0, &mut wanted);
                let mut given = Object::new();
                let walked = shapes.each(&scanner, 0, |member| {
                    given.push(crate::decode::scan::Entry { key: member.path.into(), value: member.value });
                });
                prop_assert_eq!(walked, end, "{}", text);
                if end.is_ok() {
                    prop_assert_eq!(given, wanted);
                }
            }
        }
    }

    #[test]
    fn a_repeated_key_is_odd_however_often_it_comes() {
        let mut shapes = Shapes::default();
        for _ in 0..3 {
            assert!(told(&mut shapes, r#"{"a":1,"b":2}"#).is_ok());
            assert_eq!(told(&mut shapes, r#"{"a":1,"b":2,"a":3}"#), Err(Odd::Unusual));
            assert_eq!(told(&mut shapes, r#"{"a":1,"a":3}"#), Err(Odd::Unusual));
        }
        let many: Vec<_> = (0..60).map(|n| format!("\"k{n}\":1")).collect();
        for _ in 0..3 {
            assert!(told(&mut shapes, &format!("{{{}}}", many.join(","))).is_ok());
            let text = format!("{{{},\"k3\":1}}", many.join(","));
            assert_eq!(told(&mut shapes, &text), Err(Odd::Unusual));
        }
    }

    #[test]
    fn keys_that_are_data_do_not_fill_the_memory() {
        let mut shapes = Shapes::default();
        for n in 0..200_000 {
            assert!(told(&mut shapes, &format!("{{\"id{n}\":1,\"x{n}\":2}}")).is_ok());
        }
        assert!(shapes.keys.len() <= MOST_KEYS);
    }
}
