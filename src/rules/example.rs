//! What a rule says it matches and what it says it leaves.
//!
//! An example is a line of text: `org.x.FooException: what it says` is a throwable, anything else a log message
//! without one. Where that is not enough it is a mapping: `{log: …, logger: …, level: …, class: …, message: …}` or
//! `{log: …, chain: [outermost, …, deepest]}`; `is: other_rule` names the type the text gets instead.

use super::told::{ToldError, ToldThrowable};
use super::yaml::{Reading, kind};
use serde_yaml_ng::Value;

const KEYS: &[&str] = &[
    "log",
    "logger",
    "level",
    "class",
    "message",
    "chain",
    "suppressed",
    "is",
];

/// An example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) log: String,
    pub(crate) logger: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) chain: Vec<(String, Option<String>)>,
    pub(crate) suppressed: Vec<(String, Option<String>)>,
    /// The type it gets, where that is another one.
    pub(crate) is: Option<String>,
}

impl Example {
    pub(crate) fn read(reading: &mut Reading<'_>, value: &Value, key: &str) -> Option<Self> {
        match value {
            Value::String(line) => Some(Self::from_line(line)),
            Value::Mapping(mapping) => {
                reading.known_keys(mapping, KEYS);
                let mut example = Self {
                    log: reading.text(mapping, "log").unwrap_or_default(),
                    logger: reading.text(mapping, "logger"),
                    level: reading.text(mapping, "level"),
                    chain: reading
                        .texts(mapping, "chain")
                        .iter()
                        .map(|line| throwable(line))
                        .collect(),
                    suppressed: reading
                        .texts(mapping, "suppressed")
                        .iter()
                        .map(|line| throwable(line))
                        .collect(),
                    is: reading.text(mapping, "is"),
                };
                if let Some(class) = reading.text(mapping, "class") {
                    example.chain.insert(0, (class, reading.text(mapping, "message")));
                } else if mapping.contains_key("message") {
                    reading.fault_at(
                        key,
                        "an example has a `message` without a `class`",
                        "call it `log`, or add its class",
                    );
                }
                if example.log.is_empty() && example.chain.is_empty() && example.logger.is_none() {
                    reading.fault_at(key, "an example says nothing", "add `log`, `class` or `chain`");
                    return None;
                }
                Some(example)
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Sequence(_) | Value::Tagged(_)) => {
                reading.fault_at(key, format!("an example is {}", kind(other)), "put it into quotes");
                None
            }
        }
    }

    fn from_line(line: &str) -> Self {
        let (class, message) = throwable(line);
        if looks_like_class(&class) {
            Self {
                chain: vec![(class, message)],
                ..Self::default()
            }
        } else {
            Self {
                log: line.to_owned(),
                ..Self::default()
            }
        }
    }

    /// The example as a classifier is told it.
    pub(crate) fn tell<R>(&self, hear: impl FnOnce(&ToldError<'_>) -> R) -> R {
        let chain: Vec<ToldThrowable<'_>> = self.chain.iter().map(told).collect();
        let suppressed: Vec<ToldThrowable<'_>> = self.suppressed.iter().map(told).collect();
        hear(&ToldError {
            message: &self.log,
            logger: self.logger.as_deref(),
            level: self.level.as_deref(),
            chain: &chain,
            suppressed: &suppressed,
        })
    }

    /// One line for a person.
    pub(crate) fn shown(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        if !self.log.is_empty() {
            parts.push(self.log.clone());
        }
        for (class, message) in &self.chain {
            parts.push(match message {
                Some(message) => format!("{class}: {message}"),
                None => class.clone(),
            });
        }
        parts.join(" <- ")
    }
}

fn told((class, message): &(String, Option<String>)) -> ToldThrowable<'_> {
    ToldThrowable {
        class,
        message: message.as_deref(),
    }
}

/// `Class: message` in its two parts.
fn throwable(line: &str) -> (String, Option<String>) {
    match line.split_once(": ") {
        Some((class, message)) => (class.trim().to_owned(), Some(message.to_owned())),
        None => (line.trim().trim_end_matches(':').to_owned(), None),
    }
}

/// Whether a word is the name of a throwable rather than the beginning of a sentence.
fn looks_like_class(word: &str) -> bool {
    const ENDS: &[&str] = &["Exception", "Error", "Throwable", "ExceptionGroup", "Interrupt"];
    let name = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "._$".contains(c));
    let simple = super::class_name::simple(word);
    name && simple != "Error" && ENDS.iter().any(|end| simple.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_throwable_where_it_begins_with_a_class() {
        let told = Example::from_line("java.io.IOException: No space left on device");
        assert_eq!(
            told.chain,
            [(
                "java.io.IOException".to_owned(),
                Some("No space left on device".to_owned())
            )]
        );
        assert_eq!(Example::from_line("java.lang.StackOverflowError").chain.len(), 1);
        for line in [
            "Error: something",
            "FATAL: Thread 'x' died",
            "caught IOException: no space",
            "lost: IOException",
        ] {
            assert!(Example::from_line(line).chain.is_empty(), "{line}");
        }
    }
}
