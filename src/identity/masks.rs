//! Masks: what varies in a message becomes a placeholder.
//!
//! Comes in: `masks.yaml` and any text. Goes out: the text with placeholders (`<NUM>`, `<HOST>`, …). What always holds:
//! each mask's own examples came out right when it was loaded; the result depends only on the text with its varying
//! digits zeroed (they are zeroed before the first mask looks), so a memo hit equals a miss; masking twice changes
//! nothing; a placeholder in the text is text like any other.
//!
//! The order: ids (UUIDs, hexadecimal), the masks of the file from top to bottom, numbers.

use super::{collections, digits, quoted, skeleton, tokens};
use crate::rules::Fault;
use memchr::memmem::Finder;
use quick_cache::sync::Cache;
use regex::{Captures, Regex};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// The name of the file in faults.
const FILE: &str = "masks.yaml";
/// Passes after the first; what still changes then is left as it is.
const PASSES: usize = 4;
/// Text beyond this many bytes is not masked: a template is far shorter.
const LONGEST: usize = 8192;

/// All masks, compiled.
#[derive(Debug)]
pub struct Masks {
    masks: Vec<Mask>,
    /// Masked before, by the zeroed text: headers and messages repeat even where their combination is new.
    known: Cache<String, Arc<str>>,
}

/// How many masked texts are kept.
const KNOWN: usize = 16_384;
/// Longer texts are not kept.
const KNOWN_LENGTH: usize = 1024;

#[derive(Debug)]
struct Mask {
    name: String,
    needs: Vec<Needle>,
    work: Work,
}

/// A literal without which a mask cannot match.
#[derive(Debug)]
struct Needle {
    bytes: Present,
    finder: Finder<'static>,
}

/// Which bytes a text holds: most literals are ruled out by it without a search.
#[derive(Debug, Clone, Copy, Default)]
struct Present([u64; 4]);

impl Present {
    fn of(text: &[u8]) -> Self {
        let mut present = Self::default();
        for byte in text {
            if let Some(word) = present.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        present
    }

    fn covers(&self, needed: &Self) -> bool {
        self.0.iter().zip(&needed.0).all(|(have, need)| have & need == *need)
    }
}

#[derive(Debug)]
enum Work {
    Pattern {
        regex: Regex,
        replace: Replace,
        with_digit: bool,
    },
    Quoted,
    Collections,
}

/// The replacement, taken apart once.
#[derive(Debug)]
enum Replace {
    Plain(String),
    Parts(Vec<Part>),
}

#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MasksFile {
    masks: Vec<MaskEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaskEntry {
    name: String,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    builtin: Option<String>,
    #[serde(default)]
    replace: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    with_digit: bool,
    #[serde(default)]
    examples: Vec<(String, String)>,
}

impl Masks {
    /// Reads and checks the masks.
    ///
    /// # Errors
    /// Every fault found: bad YAML, a pattern that does not compile or looks at the value of a digit, an example that
    /// does not come out, a mask without examples.
    pub fn from_yaml(yaml: &str) -> Result<Self, Vec<Fault>> {
        let file: MasksFile = serde_yaml_ng::from_str(yaml).map_err(|e| vec![super::yaml_fault(FILE, &e)])?;
        let mut faults = Vec::new();
        let mut masks = Vec::new();
        for entry in &file.masks {
            match compile(entry) {
                Ok(mask) => masks.push(mask),
                Err(fault) => faults.push(fault),
            }
            if entry.examples.is_empty() {
                faults.push(fault(
                    entry,
                    "has no examples".to_owned(),
                    "add at least one [text, masked text]",
                ));
            }
        }
        let masks = Self {
            masks,
            known: Cache::new(KNOWN),
        };
        if faults.is_empty() {
            for entry in &file.masks {
                masks.check_examples(entry, &mut faults);
            }
        }
        if faults.is_empty() { Ok(masks) } else { Err(faults) }
    }

    fn check_examples(&self, entry: &MaskEntry, faults: &mut Vec<Fault>) {
        for (text, wanted) in &entry.examples {
            let got = self.apply(text);
            if got != *wanted {
                let what = format!("the example {text:?} gives {got:?}, not {wanted:?}");
                faults.push(fault(
                    entry,
                    what,
                    "mend the pattern, its place in the order, or the example",
                ));
            }
            let again = self.apply(&got);
            if again != got {
                let what = format!("masking {got:?} once more gives {again:?}");
                faults.push(fault(entry, what, "let the pattern leave placeholders alone"));
            }
        }
    }

    /// The text with its variable parts replaced.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let zeroed = skeleton::zeroed(head(text, LONGEST));
        if zeroed.len() > KNOWN_LENGTH {
            return self.mask_zeroed(&zeroed, &mut |_| {});
        }
        if let Some(known) = self.known.get(&zeroed) {
            return known.as_ref().to_owned();
        }
        let masked = self.mask_zeroed(&zeroed, &mut |_| {});
        self.known.insert(zeroed, masked.as_str().into());
        masked
    }

    /// The same, telling the name of each mask that changed something.
    pub fn apply_told(&self, text: &str, told: &mut dyn FnMut(&str)) -> String {
        self.mask_zeroed(&skeleton::zeroed(head(text, LONGEST)), told)
    }

    fn mask_zeroed(&self, zeroed: &str, told: &mut dyn FnMut(&str)) -> String {
        let mut masked = self.pass(&tokens::mask_ids(zeroed), told);
        // A placeholder may stand where it makes a pattern fit that did not fit the value (`a(1/2)` beside an address).
        // Masks are applied until nothing changes, so that masking twice changes nothing; one further pass is the rule.
        for _ in 0..PASSES {
            let again = self.pass(&tokens::mask_ids(&skeleton::zeroed(&masked)), told);
            if again == masked {
                break;
            }
            masked = again;
        }
        masked
    }

    fn pass(&self, text: &str, told: &mut dyn FnMut(&str)) -> String {
        let mut masked = Cow::Borrowed(text);
        let mut present = Present::of(text.as_bytes());
        for mask in &self.masks {
            if !mask.wanted(&masked, &present) {
                continue;
            }
            if let Cow::Owned(changed) = mask.apply(&masked)
                && changed != *masked
            {
                told(&mask.name);
                present = Present::of(changed.as_bytes());
                masked = Cow::Owned(changed);
            }
        }
        tokens::mask_numbers(&masked)
    }

    /// Names of the masks, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.masks.iter().map(|mask| mask.name.as_str())
    }
}

/// The first `limit` bytes, or fewer where a character would be cut.
pub(crate) fn head(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

impl Mask {
    fn wanted(&self, text: &str, present: &Present) -> bool {
        let stands = |needle: &Needle| present.covers(&needle.bytes) && needle.finder.find(text.as_bytes()).is_some();
        self.needs.is_empty() || self.needs.iter().any(stands)
    }

    fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.work {
            Work::Quoted => Cow::Owned(quoted::mask_quoted(text)),
            Work::Collections => Cow::Owned(collections::mask_collections(text)),
            Work::Pattern {
                regex,
                replace: Replace::Plain(plain),
                with_digit,
            } => replace_plain(regex, text, plain, *with_digit),
            Work::Pattern {
                regex,
                replace: Replace::Parts(parts),
                with_digit,
            } => replace_parts(regex, text, parts, *with_digit),
        }
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) || text.contains("<HEX>")
}

fn replace_plain<'t>(regex: &Regex, text: &'t str, plain: &str, with_digit: bool) -> Cow<'t, str> {
    let mut out: Option<String> = None;
    let mut from = 0;
    for found in regex.find_iter(text) {
        if with_digit && !has_digit(found.as_str()) {
            continue;
        }
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(from..found.start()).unwrap_or_default());
        out.push_str(plain);
        from = found.end();
    }
    finish(out, text, from)
}

fn replace_parts<'t>(regex: &Regex, text: &'t str, parts: &[Part], with_digit: bool) -> Cow<'t, str> {
    let mut out: Option<String> = None;
    let mut from = 0;
    for captures in regex.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        if with_digit && !has_digit(found.as_str()) {
            continue;
        }
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(from..found.start()).unwrap_or_default());
        expand(parts, &captures, out);
        from = found.end();
    }
    finish(out, text, from)
}

fn finish(out: Option<String>, text: &str, from: usize) -> Cow<'_, str> {
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(from..).unwrap_or_default());
            Cow::Owned(out)
        }
    }
}

fn expand(parts: &[Part], captures: &Captures<'_>, out: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Group(group) => out.push_str(captures.get(*group).map_or("", |m| m.as_str())),
        }
    }
}

fn compile(entry: &MaskEntry) -> Result<Mask, Fault> {
    let work = match (&entry.regex, entry.builtin.as_deref()) {
        (Some(pattern), None) => {
            digits::check(pattern).map_err(|what| {
                fault(
                    entry,
                    what,
                    "use \\d: digits vary, and a pattern may not tell one from another",
                )
            })?;
            let regex = Regex::new(pattern).map_err(|e| fault(entry, e.to_string(), "mend the pattern"))?;
            let Some(replace) = &entry.replace else {
                return Err(fault(
                    entry,
                    "has no `replace`".to_owned(),
                    "say what to put in its place",
                ));
            };
            let replace =
                take_apart(replace, regex.captures_len()).map_err(|what| fault(entry, what, "groups are $1 to $9"))?;
            Work::Pattern {
                regex,
                replace,
                with_digit: entry.with_digit,
            }
        }
        (None, Some("quoted")) => Work::Quoted,
        (None, Some("collections")) => Work::Collections,
        (None, Some(other)) => {
            return Err(fault(
                entry,
                format!("there is no builtin {other:?}"),
                "use quoted or collections",
            ));
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(fault(
                entry,
                "needs either `regex` or `builtin`".to_owned(),
                "give one of them",
            ));
        }
    };
    Ok(Mask {
        name: entry.name.clone(),
        needs: entry
            .needs
            .iter()
            .map(|literal| Needle {
                bytes: Present::of(literal.as_bytes()),
                finder: Finder::new(literal).into_owned(),
            })
            .collect(),
        work,
    })
}

fn take_apart(replace: &str, groups: usize) -> Result<Replace, String> {
    let mut parts = Vec::new();
    let mut pieces = replace.split('$');
    let first = pieces.next().unwrap_or_default();
    parts.push(Part::Text(first.to_owned()));
    for piece in pieces {
        let mut chars = piece.chars();
        let group = chars
            .next()
            .and_then(|c| c.to_digit(10))
            .and_then(|d| usize::try_from(d).ok());
        match group.filter(|&g| g > 0 && g < groups) {
            Some(group) => {
                parts.push(Part::Group(group));
                parts.push(Part::Text(chars.as_str().to_owned()));
            }
            None => return Err(format!("`replace` names a group that the pattern has not: {replace:?}")),
        }
    }
    Ok(if parts.len() == 1 {
        Replace::Plain(replace.to_owned())
    } else {
        Replace::Parts(parts)
    })
}

fn fault(entry: &MaskEntry, what: String, advice: &str) -> Fault {
    Fault {
        file: FILE.to_owned(),
        line: None,
        rule: Some(entry.name.clone()),
        what,
        advice: advice.to_owned(),
    }
}
