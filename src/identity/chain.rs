//! Which throwable of a chain says what happened.
//!
//! Comes in: `chain.yaml` and the chain, outermost first. Goes out: a verdict per throwable and the telling one. What
//! always holds: the answer depends on classes and messages only, with numbers zeroed.

use super::symbol::class_name;
use crate::rules::Fault;
use regex::Regex;
use serde::{Deserialize, Serialize};

const FILE: &str = "chain.yaml";

/// One throwable of the chain as it is judged: numbers zeroed, class clean.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Clean class.
    pub class: String,
    /// Message, if any.
    pub message: Option<String>,
}

/// What a throwable is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Says what happened.
    Tells,
    /// Is true and says nothing: `Connection refused`, without where to.
    Mute,
    /// Only carries its cause.
    Wraps,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Tells => "would tell",
            Verdict::Mute => "mute",
            Verdict::Wraps => "wraps",
        }
    }
}

/// What a trace is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// This one of the chain.
    Chain(usize),
    /// This one of the suppressed: no cause tells.
    Suppressed(usize),
}

/// `chain.yaml`, compiled.
#[derive(Debug)]
pub struct ChainRules {
    wrappers: Vec<Name>,
    mute: Vec<Mute>,
    frames_decide: Vec<Name>,
    message_decides: Vec<Name>,
}

/// A class: qualified, or simple when it has no dot.
#[derive(Debug)]
struct Name {
    text: String,
    simple: bool,
}

#[derive(Debug)]
struct Mute {
    classes: Vec<Name>,
    message: Option<Regex>,
    below: Option<Regex>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainFile {
    wrappers: Vec<String>,
    mute: Vec<MuteEntry>,
    #[serde(default)]
    frames_decide: Vec<String>,
    #[serde(default)]
    message_decides: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MuteEntry {
    class: Vec<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    below: Option<String>,
}

impl Name {
    fn new(text: &str) -> Self {
        let text = class_name(text);
        Self {
            simple: !text.contains('.'),
            text,
        }
    }

    fn is(&self, class: &str) -> bool {
        if self.simple {
            class.rsplit('.').next() == Some(self.text.as_str())
        } else {
            class == self.text
        }
    }
}

impl ChainRules {
    /// Reads the rules of the chain.
    ///
    /// # Errors
    /// Every fault found.
    pub fn from_yaml(yaml: &str) -> Result<Self, Vec<Fault>> {
        let file: ChainFile = serde_yaml_ng::from_str(yaml).map_err(|e| vec![super::yaml_fault(FILE, &e)])?;
        let mut faults = Vec::new();
        let mut mute = Vec::new();
        for (number, entry) in file.mute.iter().enumerate() {
            let mut pattern = |name: &str, pattern: &Option<String>| -> Option<Regex> {
                let pattern = pattern.as_deref()?;
                let checked =
                    super::digits::check(pattern).and_then(|()| Regex::new(pattern).map_err(|e| e.to_string()));
                match checked {
                    Ok(regex) => Some(regex),
                    Err(what) => {
                        faults.push(Fault {
                            file: FILE.to_owned(),
                            line: None,
                            rule: Some(format!("mute[{number}].{name}")),
                            what: format!("{pattern:?} {what}"),
                            advice: "mend the pattern; digits vary, so use \\d".to_owned(),
                        });
                        None
                    }
                }
            };
            mute.push(Mute {
                classes: entry.class.iter().map(|c| Name::new(c)).collect(),
                message: pattern("message", &entry.message),
                below: pattern("below", &entry.below),
            });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            wrappers: file.wrappers.iter().map(|c| Name::new(c)).collect(),
            mute,
            frames_decide: file.frames_decide.iter().map(|c| Name::new(c)).collect(),
            message_decides: file.message_decides.iter().map(|c| Name::new(c)).collect(),
        })
    }

    /// Whether the message of a class only repeats values, so that frames decide wherever there are some.
    #[must_use]
    pub fn frames_decide(&self, class: &str) -> bool {
        self.frames_decide.iter().any(|name| name.is(class))
    }

    /// Whether the place where a class is thrown is chance (memory is used up anywhere), so that its message decides.
    #[must_use]
    pub fn message_decides(&self, class: &str) -> bool {
        self.message_decides.iter().any(|name| name.is(class))
    }

    /// The verdict on each throwable of a chain, outermost first.
    #[must_use]
    pub fn verdicts(&self, chain: &[Link]) -> Vec<Verdict> {
        chain
            .iter()
            .enumerate()
            .map(|(at, link)| {
                let above = at.checked_sub(1).and_then(|i| chain.get(i));
                self.verdict(link, chain.get(at + 1), above)
            })
            .collect()
    }

    fn verdict(&self, link: &Link, cause: Option<&Link>, above: Option<&Link>) -> Verdict {
        if cause.is_some_and(|cause| self.wraps(link, cause)) {
            return Verdict::Wraps;
        }
        let mute = self.mute.iter().any(|mute| mute.is(link, above));
        if mute { Verdict::Mute } else { Verdict::Tells }
    }

    /// A known wrapper, or one whose message is only what its cause prints.
    fn wraps(&self, link: &Link, cause: &Link) -> bool {
        if self.wrappers.iter().any(|name| name.is(&link.class)) {
            return true;
        }
        match link.message.as_deref().map(str::trim) {
            None | Some("") => true,
            Some(message) => {
                let class_end = message.find(':').unwrap_or(message.len());
                let named = class_name(message.get(..class_end).unwrap_or_default());
                named == cause.class || cause.message.as_deref() == Some(message)
            }
        }
    }

    /// The telling throwable: from the deepest cause upwards the first that tells, then a suppressed one that does,
    /// then the deepest that is no wrapper.
    #[must_use]
    pub fn telling(&self, chain: &[Link], verdicts: &[Verdict], suppressed: &[Link]) -> Option<Telling> {
        let coded = chain.iter().rposition(|link| code(link).is_some());
        if let Some(at) = coded.or_else(|| verdicts.iter().rposition(|v| *v == Verdict::Tells)) {
            return Some(Telling::Chain(at));
        }
        let told_beside = suppressed
            .iter()
            .position(|link| self.verdict(link, None, None) == Verdict::Tells);
        if let Some(at) = told_beside {
            return Some(Telling::Suppressed(at));
        }
        verdicts
            .iter()
            .rposition(|v| *v != Verdict::Wraps)
            .or_else(|| chain.len().checked_sub(1))
            .map(Telling::Chain)
    }
}

/// The code in brackets at the start of a message: `[DIVIDE_BY_ZERO]`, `[UNRESOLVED_COLUMN.WITH_SUGGESTION]`.
#[must_use]
pub fn code(link: &Link) -> Option<&str> {
    let message = link.message.as_deref()?;
    let (code, _) = message.strip_prefix('[')?.split_once(']')?;
    let shaped = code.len() >= 4
        && code
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.'))
        && (code.contains('_') || code.contains('.'))
        && code.starts_with(|c: char| c.is_ascii_uppercase());
    shaped.then_some(code)
}

impl Mute {
    fn is(&self, link: &Link, above: Option<&Link>) -> bool {
        if !self.classes.iter().any(|name| name.is(&link.class)) {
            return false;
        }
        let message = link.message.as_deref().unwrap_or_default();
        if !self.message.as_ref().is_none_or(|regex| regex.is_match(message)) {
            return false;
        }
        match &self.below {
            None => true,
            Some(below) => above.is_some_and(|above| {
                below.is_match(above.message.as_deref().unwrap_or_default()) || below.is_match(&above.class)
            }),
        }
    }
}
