//! Reads what a person wrote, and gathers all that is wrong with it instead of stopping at the first fault.

use super::fault::Fault;
use super::written::Compile;
use serde_yaml_ng::{Mapping, Value};
use std::collections::{HashMap, VecDeque};

/// Text of one file; more is no rules file.
const FILE_LIMIT: usize = 4 << 20;

/// One file being read: where we are in it and what was wrong so far.
pub(crate) struct Reading<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    /// Where the ids of the file stand; one that stands twice has two places.
    ids: HashMap<&'a str, VecDeque<usize>>,
    here: Option<(String, Option<usize>)>,
    faults: Vec<Fault>,
    /// When expressions found here are compiled.
    pub(crate) compile: Compile,
}

impl<'a> Reading<'a> {
    /// Begins a file.
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut ids: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (number, line) in lines.iter().enumerate() {
            if let Some(id) = value_of(line, "id").or_else(|| value_of(line, "name")) {
                ids.entry(id).or_default().push_back(number + 1);
            }
        }
        Self {
            file,
            lines,
            ids,
            here: None,
            faults: Vec::new(),
            compile: Compile::Now,
        }
    }

    /// The document, or `None` with a fault.
    pub(crate) fn document(&mut self, text: &str) -> Option<Value> {
        if text.len() > FILE_LIMIT {
            self.fault(
                format!("{} bytes", text.len()),
                format!("keep a rules file below {FILE_LIMIT} bytes"),
            );
            return None;
        }
        match serde_yaml_ng::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let line = error.location().map(|at| at.line());
                self.faults.push(Fault {
                    file: self.file.to_owned(),
                    line,
                    rule: None,
                    what: format!("not YAML: {error}"),
                    advice: "check the indentation, and put regular expressions into single quotes".to_owned(),
                });
                None
            }
        }
    }

    /// From now on faults belong to this rule.
    pub(crate) fn enter(&mut self, id: &str) {
        let line = self.ids.get_mut(id).and_then(VecDeque::pop_front);
        self.here = Some((id.to_owned(), line));
    }

    /// From now on faults belong to what begins at this line.
    pub(crate) fn enter_at(&mut self, name: &str, line: Option<usize>) {
        self.here = Some((name.to_owned(), line));
    }

    /// Faults belong to the file again.
    pub(crate) fn leave(&mut self) {
        self.here = None;
    }

    /// Where the rule we are at begins.
    pub(crate) fn line(&self) -> Option<usize> {
        self.here.as_ref().and_then(|(_, line)| *line)
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        let (rule, line) = self.here.clone().unzip();
        self.faults.push(Fault {
            file: self.file.to_owned(),
            line: line.flatten(),
            rule,
            what: what.into(),
            advice: advice.into(),
        });
    }

    /// Notes a fault about a key, at its line where that can be found.
    pub(crate) fn fault_at(&mut self, key: &str, what: impl Into<String>, advice: impl Into<String>) {
        let from = self.line();
        self.fault(what, advice);
        let found = from.and_then(|from| self.find(key, from));
        if let (Some(line), Some(fault)) = (found, self.faults.last_mut()) {
            fault.line = Some(line);
        }
    }

    /// The line of a key inside what begins at `from`: up to the next that is as far to the left.
    fn find(&self, key: &str, from: usize) -> Option<usize> {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let begun = self.lines.get(from - 1).map_or(0, |line| indent(line));
        let inside = |line: &str| {
            let text = line.trim_start();
            text.is_empty() || text.starts_with('#') || indent(line) > begun
        };
        let rule = self.lines.iter().enumerate().skip(from - 1);
        rule.enumerate()
            .take_while(|(at, (_, line))| *at == 0 || inside(line))
            .find(|(_, (_, line))| starts_key(line, key))
            .map(|(_, (number, _))| number + 1)
    }

    /// All faults noted.
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// A list of mappings, the only shape rule files have.
    pub(crate) fn entries<'v>(&mut self, value: &'v Value) -> Vec<&'v Mapping> {
        match value {
            Value::Null => Vec::new(),
            Value::Sequence(items) => {
                let mut mappings = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    match item {
                        Value::Mapping(mapping) => mappings.push(mapping),
                        other @ (Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_)
                        | Value::Sequence(_)
                        | Value::Tagged(_)) => self.fault(
                            format!("entry {} is {}, not a mapping", at + 1, kind(other)),
                            "write `- id: …` with its keys below",
                        ),
                    }
                }
                mappings
            }
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Mapping(_) | Value::Tagged(_)) => {
                self.fault(
                    format!("the file is {}, not a list", kind(other)),
                    "begin each entry with `- `",
                );
                Vec::new()
            }
        }
    }

    /// Refuses keys that are not known, naming the nearest one.
    pub(crate) fn known_keys(&mut self, mapping: &Mapping, known: &[&str]) {
        for key in mapping.keys() {
            match key.as_str() {
                Some(key) if known.contains(&key) => {}
                Some(key) => {
                    let advice = match nearest(key, known.iter().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("known here: {}", known.join(", ")),
                    };
                    self.fault_at(key, format!("unknown key `{key}`"), advice);
                }
                None => self.fault(format!("a key is {}", kind(key)), "keys are plain words"),
            }
        }
    }

    /// The text under a key.
    pub(crate) fn text(&mut self, mapping: &Mapping, key: &str) -> Option<String> {
        match mapping.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(other) => {
                self.fault_at(
                    key,
                    format!("`{key}` is {}, not text", kind(other)),
                    "write one line of text",
                );
                None
            }
        }
    }

    /// The text under a key that must be there.
    pub(crate) fn wanted_text(&mut self, mapping: &Mapping, key: &str) -> Option<String> {
        let text = self.text(mapping, key);
        if text.as_deref().is_none_or(str::is_empty) {
            self.fault(format!("`{key}` is missing"), format!("add `{key}: …`"));
            return None;
        }
        text
    }

    /// The texts under a key: one, or a list.
    pub(crate) fn texts(&mut self, mapping: &Mapping, key: &str) -> Vec<String> {
        match mapping.get(key) {
            Some(Value::Sequence(items)) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match item {
                        Value::String(text) => texts.push(text.clone()),
                        Value::Number(number) => texts.push(number.to_string()),
                        other @ (Value::Null
                        | Value::Bool(_)
                        | Value::Sequence(_)
                        | Value::Mapping(_)
                        | Value::Tagged(_)) => self.fault_at(
                            key,
                            format!("`{key}` holds {}", kind(other)),
                            "every entry is text; put it into single quotes",
                        ),
                    }
                }
                texts
            }
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Number(number)) => vec![number.to_string()],
            Some(other) => {
                self.fault_at(
                    key,
                    format!("`{key}` is {}, not text or a list of texts", kind(other)),
                    "put it into single quotes",
                );
                Vec::new()
            }
        }
    }

    /// The flag under a key.
    pub(crate) fn flag(&mut self, mapping: &Mapping, key: &str) -> bool {
        match mapping.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.fault_at(key, format!("`{key}` is {}", kind(other)), "write true or false");
                false
            }
        }
    }
}

/// The value of `key` where the line is `- key: value`, `- {key: value, …` or `key: value`.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let line = line.strip_prefix("- ").unwrap_or(line);
    let (line, ends) = line.strip_prefix('{').map_or((line, None), |flow| (flow, Some(',')));
    let value = line.strip_prefix(key)?.strip_prefix(':')?;
    let value = ends.and_then(|end| value.split(end).next()).unwrap_or(value).trim();
    Some(value.trim_matches(['"', '\'']))
}

fn starts_key(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches([' ', '-', '{']);
    line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
}

/// What a value is, for a person.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Tagged(_) => "a tagged value",
    }
}

/// The known name that is nearest to the given one, if any is near.
pub(crate) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given: Vec<char> = given.chars().take(64).collect();
    let near = 1 + given.len() / 3;
    known
        .into_iter()
        .map(|name| (edits(&given, name), name))
        .filter(|(edits, _)| *edits <= near)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn edits(given: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=given.len()).collect();
    for (i, wanted) in name.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, told) in row.iter_mut().skip(1).zip(given) {
            let changed = diagonal + usize::from(*told != wanted);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_named_and_a_far_one_is_not() {
        let known = ["class", "message", "matches", "leaves"];
        assert_eq!(nearest("mesage", known), Some("message"));
        assert_eq!(nearest("match", known), Some("matches"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn a_fault_names_the_line_of_its_key() {
        let text = "- id: a\n  severity: high\n- id: b\n  matc:\n    - x\n";
        let mut reading = Reading::new("errors/x.yaml", text);
        let document = reading.document(text).unwrap();
        for entry in reading.entries(&document) {
            let id = entry.get("id").and_then(Value::as_str).unwrap();
            reading.enter(id);
            reading.known_keys(entry, &["id", "severity", "match"]);
        }
        let faults = reading.into_faults();
        assert_eq!(faults.len(), 1);
        assert_eq!(
            faults[0].to_string(),
            "errors/x.yaml:4: b: unknown key `matc`; did you mean `match`?"
        );
    }
}
