//! One regular expression of a rule: compiled, with the text it cannot match without and the digits it looks at.
//!
//! Two questions are answered from the parsed expression, so that nobody has to write the answers down in a rule:
//!
//! - *Which literal must be there?* All literals of all rules go into one automaton; the expression itself runs only
//!   where its literal was seen. That is what makes hundreds of rules cost about as much as a few.
//! - *Does it tell digits apart?* `Code: 252` does, `chk-\d+` does not. The memo in front of the rules forgets digits,
//!   so it must know which texts a rule still wants to see as they are.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition,
};
use std::sync::{Arc, OnceLock};

/// Compiled size of one expression, in bytes. `\w{1000}` is refused, thirty `\S+` are not.
const SIZE_LIMIT: usize = 2 << 20;
/// Strings one expression may need one of: more would crowd the automaton for little.
const ALTERNATIVES: usize = 24;

/// An expression, compiled when it is first asked: most of the shipped ones never are.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Lazy,
    /// Lower case; one of them stands in every text that matches. Empty: nothing is known.
    needed: Vec<Vec<u8>>,
    /// How much literal text it holds: the more, the more specific.
    weight: usize,
    relaxed: Option<Arc<Relaxed>>,
}

/// The same expression, blind to which digit stands where.
#[derive(Debug)]
pub(crate) struct Relaxed {
    regex: Lazy,
    needed: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Lazy {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Reads an expression; the error is for a person.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let source = ascii_classes(source);
        let hir = regex_syntax::parse(&source).map_err(|error| first_line(&error.to_string()))?;
        if hir.properties().minimum_len() == Some(0) {
            return Err("it matches the empty text, so it matches everything".to_owned());
        }
        let relaxed = tells_digits_apart(&hir).then(|| {
            let blind = relax(&hir);
            Arc::new(Relaxed {
                needed: needed(&blind),
                regex: Lazy::new(blind.to_string()),
            })
        });
        Ok(Self {
            regex: Lazy::new(source),
            needed: needed(&hir),
            weight: literal_length(&hir),
            relaxed,
        })
    }

    /// Compiles it now; the error is for a person.
    pub(crate) fn compile(&self) -> Result<(), String> {
        let relaxed = self.relaxed.as_deref().map(|relaxed| &relaxed.regex);
        [Some(&self.regex), relaxed]
            .into_iter()
            .flatten()
            .try_for_each(|lazy| compile(&lazy.source).map(|_| ()))
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.regex.source
    }

    pub(crate) fn needed(&self) -> &[Vec<u8>] {
        &self.needed
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn relaxed(&self) -> Option<&Arc<Relaxed>> {
        self.relaxed.as_ref()
    }
}

impl Relaxed {
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn needed(&self) -> &[Vec<u8>] {
        &self.needed
    }
}

impl Lazy {
    fn new(source: String) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// An expression that does not compile matches nothing. Those of a folder were compiled when it was loaded, those
    /// shipped by a test.
    fn is_match(&self, text: &str) -> bool {
        let regex = self.compiled.get_or_init(|| compile(&self.source).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// `\d` means the ten digits and `\b` the border of an ASCII word: smaller to compile, faster on text that is not
/// ASCII, and an `ECONNREFUSED` between Chinese characters is still found.
fn ascii_classes(source: &str) -> String {
    let mut ascii = String::with_capacity(source.len() + 16);
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            ascii.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => ascii.push_str("[0-9]"),
            Some('b') => ascii.push_str(r"(?-u:\b)"),
            Some(other) => ascii.extend(['\\', other]),
            None => ascii.push('\\'),
        }
    }
    ascii
}

fn compile(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| first_line(&error.to_string()))
}

/// The last line of a regex error says what is wrong; the others draw it.
fn first_line(error: &str) -> String {
    let said = error.lines().last().unwrap_or(error).trim();
    said.strip_prefix("error: ").unwrap_or(said).to_owned()
}

/// What is known of the text an expression matches.
enum Known {
    /// It is one of these, whole (lower case).
    Whole(Vec<Vec<u8>>),
    /// It holds one of these, or nothing is known (empty).
    Holds(Vec<Vec<u8>>),
}

fn needed(hir: &Hir) -> Vec<Vec<u8>> {
    let strings = match known(hir) {
        Known::Whole(strings) | Known::Holds(strings) => strings,
    };
    if shortest(&strings) < 2 { Vec::new() } else { strings }
}

fn shortest(strings: &[Vec<u8>]) -> usize {
    strings.iter().map(Vec::len).min().unwrap_or(0)
}

/// The set whose shortest string is longer wins; of equals the smaller set.
fn better(one: Vec<Vec<u8>>, other: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let key = |set: &[Vec<u8>]| (shortest(set), usize::MAX - set.len());
    if key(&other) > key(&one) { other } else { one }
}

fn known(hir: &Hir) -> Known {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Known::Whole(vec![Vec::new()]),
        HirKind::Literal(literal) => Known::Whole(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => match few_ascii(class) {
            Some(bytes) => Known::Whole(bytes.into_iter().map(|byte| vec![byte]).collect()),
            None => Known::Holds(Vec::new()),
        },
        HirKind::Repetition(repetition) => known_repetition(repetition),
        HirKind::Capture(capture) => known(&capture.sub),
        HirKind::Concat(parts) => known_concat(parts),
        HirKind::Alternation(branches) => known_alternation(branches),
    }
}

fn known_repetition(repetition: &Repetition) -> Known {
    match (repetition.min, repetition.max, known(&repetition.sub)) {
        (0, Some(1), Known::Whole(mut strings)) if strings.len() < ALTERNATIVES => {
            strings.push(Vec::new());
            Known::Whole(strings)
        }
        (1, Some(1), inner) => inner,
        (0, _, _) => Known::Holds(Vec::new()),
        (_, _, Known::Whole(strings) | Known::Holds(strings)) => Known::Holds(strings),
    }
}

fn known_concat(parts: &[Hir]) -> Known {
    let mut run = vec![Vec::new()];
    let mut best = Vec::new();
    let mut whole = true;
    for part in parts {
        match known(part) {
            Known::Whole(strings) if run.len() * strings.len() <= ALTERNATIVES => {
                run = run
                    .iter()
                    .flat_map(|head| strings.iter().map(move |tail| [head.as_slice(), tail].concat()))
                    .collect();
            }
            Known::Whole(strings) => {
                whole = false;
                best = better(best, std::mem::replace(&mut run, strings));
            }
            Known::Holds(strings) => {
                whole = false;
                best = better(best, std::mem::replace(&mut run, vec![Vec::new()]));
                best = better(best, strings);
            }
        }
    }
    if whole {
        Known::Whole(run)
    } else {
        Known::Holds(better(best, run))
    }
}

fn known_alternation(branches: &[Hir]) -> Known {
    let mut whole = true;
    let mut all: Vec<Vec<u8>> = Vec::new();
    for branch in branches {
        let strings = match known(branch) {
            Known::Whole(strings) => strings,
            Known::Holds(strings) => {
                whole = false;
                strings
            }
        };
        if strings.is_empty() {
            return Known::Holds(Vec::new());
        }
        all.extend(strings);
        if all.len() > ALTERNATIVES {
            return Known::Holds(Vec::new());
        }
    }
    if whole { Known::Whole(all) } else { Known::Holds(all) }
}

/// The lower-case ASCII characters of a small class, or nothing where it holds more than that.
fn few_ascii(class: &Class) -> Option<Vec<u8>> {
    const FEW: usize = 4;
    let mut bytes = Vec::new();
    let mut add = |start: u32, end: u32| {
        for code in start..=end.min(start.saturating_add(16)) {
            let byte = u8::try_from(code).ok().filter(u8::is_ascii)?.to_ascii_lowercase();
            if !bytes.contains(&byte) {
                bytes.push(byte);
            }
            if bytes.len() > FEW {
                return None;
            }
        }
        Some(())
    };
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                add(u32::from(range.start()), u32::from(range.end()))?;
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                add(u32::from(range.start()), u32::from(range.end()))?;
            }
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Literal bytes any match holds, in all.
fn literal_length(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Class(class) => usize::from(few_ascii(class).is_some()),
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Repetition(repetition) if repetition.min == 0 => 0,
        HirKind::Repetition(repetition) => literal_length(&repetition.sub),
        HirKind::Capture(capture) => literal_length(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(literal_length).sum(),
        HirKind::Alternation(branches) => branches.iter().map(literal_length).min().unwrap_or(0),
    }
}

fn tells_digits_apart(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.iter().any(u8::is_ascii_digit),
        // A single digit: `\d` is not `\d\d`.
        HirKind::Class(class) => !matches!(digits_of(class), 0 | 10) || is_digit(class),
        HirKind::Repetition(repetition) if of_digits(repetition) => counts_digits(repetition),
        HirKind::Repetition(repetition) => tells_digits_apart(&repetition.sub),
        HirKind::Capture(capture) => tells_digits_apart(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(tells_digits_apart),
    }
}

/// Whether it counts what may be digits: `\d{13}`, `\d{1,3}`, `\d?`, `.{0,40}`. The memo does not keep how many digits a
/// number has.
fn counts_digits(repetition: &Repetition) -> bool {
    let counts = repetition.min > 1 || repetition.max.is_some_and(|max| max > 1);
    let optional =
        matches!(repetition.sub.kind(), HirKind::Class(class) if is_digit(class)) && repetition.max.is_some();
    of_digits(repetition) && (counts || optional)
}

/// Whether what it repeats may be digits, as they come.
fn of_digits(repetition: &Repetition) -> bool {
    matches!(repetition.sub.kind(), HirKind::Class(class) if digits_of(class) == 10)
}

fn is_digit(class: &Class) -> bool {
    digits_of(class) == 10 && few_others(class)
}

/// Whether a class is digits and little else.
fn few_others(class: &Class) -> bool {
    let starts_with_digits = match class {
        Class::Unicode(class) => class
            .ranges()
            .first()
            .is_some_and(|r| r.start() == '0' && r.end() == '9'),
        Class::Bytes(class) => class
            .ranges()
            .first()
            .is_some_and(|r| r.start() == b'0' && r.end() == b'9'),
    };
    let letters = match class {
        Class::Unicode(class) => class.ranges().iter().any(|r| ('A'..='z').contains(&r.start())),
        Class::Bytes(class) => class.ranges().iter().any(|r| (b'A'..=b'z').contains(&r.start())),
    };
    starts_with_digits && !letters
}

/// How many of the ten ASCII digits a class holds.
fn digits_of(class: &Class) -> usize {
    ('0'..='9')
        .filter(|&digit| match class {
            Class::Unicode(class) => class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&digit)),
            Class::Bytes(class) => class
                .ranges()
                .iter()
                .any(|r| (u32::from(r.start())..=u32::from(r.end())).contains(&u32::from(digit))),
        })
        .count()
}

/// Every literal digit and every class with some of the digits widened to all ten, and to any number of them.
fn relax(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Literal(literal) => {
            let parts = literal.0.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
            Hir::concat(
                parts
                    .map(|part| {
                        if part.first().is_some_and(u8::is_ascii_digit) {
                            at_least_one(any_digit())
                        } else {
                            Hir::literal(part)
                        }
                    })
                    .collect(),
            )
        }
        HirKind::Class(class) if is_digit(class) || !matches!(digits_of(class), 0 | 10) => {
            at_least_one(Hir::class(widen(class)))
        }
        HirKind::Class(class) => Hir::class(class.clone()),
        HirKind::Repetition(repetition) if of_digits(repetition) => Hir::repetition(Repetition {
            min: repetition.min.min(1),
            max: None,
            greedy: repetition.greedy,
            sub: repetition.sub.clone(),
        }),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(relax(&repetition.sub)),
        }),
        HirKind::Capture(capture) => relax(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(relax).collect()),
        HirKind::Alternation(branches) => Hir::alternation(branches.iter().map(relax).collect()),
    }
}

fn at_least_one(sub: Hir) -> Hir {
    Hir::repetition(Repetition {
        min: 1,
        max: None,
        greedy: true,
        sub: Box::new(sub),
    })
}

fn any_digit() -> Hir {
    Hir::class(Class::Unicode(ClassUnicode::new([ClassUnicodeRange::new('0', '9')])))
}

fn widen(class: &Class) -> Class {
    let mut class = class.clone();
    if !matches!(digits_of(&class), 0 | 10) {
        match &mut class {
            Class::Unicode(class) => class.union(&ClassUnicode::new([ClassUnicodeRange::new('0', '9')])),
            Class::Bytes(class) => class.union(&ClassBytes::new([ClassBytesRange::new(b'0', b'9')])),
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(source: &str) -> Vec<String> {
        let strings = Pattern::new(source).unwrap().needed;
        strings.into_iter().map(|s| String::from_utf8(s).unwrap()).collect()
    }

    #[test]
    fn the_longest_literal_a_match_cannot_do_without_is_found() {
        assert_eq!(
            needs(r"Checkpoint \d+ of job \w+ expired before completing"),
            [" expired before completing"]
        );
        assert_eq!(needs("[Hh]eartbeat of TaskManager"), ["heartbeat of taskmanager"]);
        assert_eq!(needs("(GET|PUT) operation"), ["get operation", "put operation"]);
        assert_eq!(needs("its?elf"), ["itself", "itelf"]);
        assert_eq!(needs(r"^No space$"), ["no space"]);
        assert!(needs(r"\w+").is_empty());
        assert!(needs(r"(?:abc|\d+)x").is_empty());
    }

    #[test]
    fn only_expressions_that_look_at_a_digit_are_relaxed() {
        for (source, relaxed) in [
            (r"chk-\d+", false),
            (r"[0-9a-f]+", false),
            (r"[0-9a-f]{32}", true),
            (r"of \S+ within .*x", false),
            (r"a.{0,40}b", true),
            (r"\S+ failed", false),
            (r"exit code 137", true),
            (r"[1-5]\d\d", true),
            (r"rm\d+", false),
            (r"rm\d", true),
            (r"[^0]x", true),
        ] {
            assert_eq!(Pattern::new(source).unwrap().relaxed().is_some(), relaxed, "{source}");
        }
        let pattern = Pattern::new(r"Code: 25[0-3]\b").unwrap();
        // However many digits a number has in the key.
        assert!(pattern.relaxed().unwrap().is_match("Code: 000"));
        assert!(pattern.relaxed().unwrap().is_match("Code: 00"));
        assert!(!pattern.is_match("Code: 000"));
    }

    #[test]
    fn borders_and_digits_are_ascii() {
        let pattern = Pattern::new(r"\bECONNREFUSED\b \d+\\d").unwrap();
        assert!(pattern.is_match(r"连接ECONNREFUSED 12\d"));
        assert!(!pattern.is_match(r"xECONNREFUSED 12\d"));
    }

    #[test]
    fn an_expression_that_is_too_big_or_matches_all_is_refused_with_a_reason() {
        for source in [r"(\w{500}){500}", r"x*", "(", r"(?=x)"] {
            let reason = Pattern::new(source).and_then(|pattern| pattern.compile()).unwrap_err();
            assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}");
        }
    }
}
