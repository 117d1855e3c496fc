//! `dimensions.yaml`, checked and compiled.

use super::look::{DimensionRules, FieldId, Into, Look, Part, Pattern, squeeze};
use super::slots::{NAMES, Slot};
use super::written::{Candidate, Dimension, Written};
use crate::rules::Fault;
use hashbrown::HashMap;
use memchr::memmem;
use regex::Regex;

const FILE: &str = "dimensions.yaml";

impl DimensionRules {
    /// Reads `dimensions.yaml`.
    ///
    /// # Errors
    /// All faults.
    pub fn from_yaml(text: &str) -> Result<Self, Vec<Fault>> {
        let written: Written = serde_yaml_ng::from_str(text).map_err(|e| {
            let line = e.location().map(|l| l.line());
            vec![fault(
                line,
                None,
                e.to_string(),
                "see the head of the file for its form",
            )]
        })?;
        let mut compiler = Compiler {
            rules: Self {
                containers: written.containers.iter().map(|c| squeeze(c)).collect(),
                ..Self::default()
            },
            sources: HashMap::new(),
            faults: Vec::new(),
        };
        for (name, fields) in written.sources.iter().chain(&written.more_sources) {
            let ids = fields.iter().map(|f| compiler.field(f)).collect();
            compiler.sources.insert(name.clone(), ids);
        }
        for (name, value) in written.dimensions {
            compiler.dimension(&name, value);
        }
        for message in written.messages {
            if let Some(pattern) = compiler.pattern("messages", &message.regex, None, "message") {
                let needs = memmem::Finder::new(&message.needs).into_owned();
                compiler.rules.messages.push((needs, pattern));
            }
        }
        compiler.listen();
        if compiler.faults.is_empty() {
            Ok(compiler.rules)
        } else {
            Err(compiler.faults)
        }
    }
}

struct Compiler {
    rules: DimensionRules,
    sources: HashMap<String, Vec<FieldId>>,
    faults: Vec<Fault>,
}

impl Compiler {
    /// Writes down which looks hear of which part.
    fn listen(&mut self) {
        let rules = &mut self.rules;
        for (number, (at, (_, look))) in (0_u16..).zip(rules.looks.iter().enumerate()) {
            for (part, rank) in look.parts() {
                let hear = rules.hear.entry(part).or_default();
                // A look that names a field twice asks for it once.
                if hear.last().is_none_or(|(last, _)| *last != number) {
                    hear.push((number, rank));
                }
                match part {
                    Part::Dimension(slot) => {
                        if let Some(derives) = rules.derives.get_mut(slot.0) {
                            *derives = true;
                        }
                    }
                    Part::StackJar => rules.jar_looks.push(at),
                    Part::Thread | Part::Logger | Part::Layout | Part::Field(_) => {}
                }
            }
        }
    }

    fn field(&mut self, name: &str) -> FieldId {
        let next = FieldId::try_from(self.rules.names.len()).unwrap_or(FieldId::MAX);
        let squeezed = squeeze(name);
        if let Some(&known) = self.rules.fields.get(&squeezed) {
            return known;
        }
        self.rules.names.push(name.to_owned());
        self.rules.fields.insert(squeezed, next);
        next
    }

    fn dimension(&mut self, name: &serde_yaml_ng::Value, value: serde_yaml_ng::Value) {
        let name = name.as_str().unwrap_or_default().to_owned();
        let Some(slot) = Slot::named(&name) else {
            let known = NAMES.join(", ");
            self.faults.push(fault(
                None,
                Some(&name),
                "no such dimension".into(),
                &format!("one of {known}"),
            ));
            return;
        };
        let dimension: Dimension = match serde_yaml_ng::from_value(value) {
            Ok(dimension) => dimension,
            Err(error) => {
                self.faults.push(fault(
                    None,
                    Some(&name),
                    error.to_string(),
                    "accept and candidates are known",
                ));
                return;
            }
        };
        if let Some(accept) = dimension.accept {
            match Regex::new(&accept) {
                Ok(regex) => {
                    if let Some(place) = self.rules.accept.get_mut(slot.0) {
                        *place = Some(regex);
                    }
                }
                Err(error) => self
                    .faults
                    .push(fault(None, Some(&name), error.to_string(), "mend `accept`")),
            }
        }
        for candidate in dimension.candidates {
            if let Some(look) = self.candidate(&name, candidate) {
                self.rules.looks.push((slot, look));
            }
        }
    }

    fn candidate(&mut self, name: &str, candidate: Candidate) -> Option<Look> {
        match (candidate.from, candidate.regex) {
            (None, None) => Some(Look::Fields(candidate.fields.iter().map(|f| self.field(f)).collect())),
            (Some(from), Some(regex)) => {
                let into = match from.as_str() {
                    "thread" => Into::Thread,
                    "logger" => Into::Logger,
                    "layout" => Into::Layout,
                    "stack_jar" => Into::StackJar,
                    other => match (self.sources.get(other), Slot::named(other)) {
                        (Some(ids), _) => Into::Fields(ids.clone()),
                        (None, Some(slot)) => Into::Dimension(slot),
                        (None, None) => {
                            let what = format!("`from: {other}` is no source");
                            let advice = "thread, logger, layout, stack_jar, a name of `sources` or a dimension";
                            self.faults.push(fault(None, Some(name), what, advice));
                            return None;
                        }
                    },
                };
                let pattern = self.pattern(name, &regex, candidate.value, &from)?;
                Some(Look::Pattern { into, pattern })
            }
            (Some(_), None) | (None, Some(_)) => {
                let what = "`from` and `regex` go together".to_owned();
                self.faults
                    .push(fault(None, Some(name), what, "give both, or `fields`"));
                None
            }
        }
    }

    fn pattern(&mut self, name: &str, regex: &str, value: Option<String>, source: &str) -> Option<Pattern> {
        let regex = match Regex::new(regex) {
            Ok(regex) => regex,
            Err(error) => {
                self.faults.push(fault(
                    None,
                    Some(name),
                    error.to_string(),
                    "mend the regular expression",
                ));
                return None;
            }
        };
        let groups: Vec<(String, Slot)> = regex
            .capture_names()
            .flatten()
            .filter_map(|g| Some((g.to_owned(), Slot::named(g)?)))
            .collect();
        if groups.is_empty() && value.is_none() {
            let what = format!("the pattern over {source} sets nothing");
            self.faults.push(fault(
                None,
                Some(name),
                what,
                "name a group like a dimension, or give `value`",
            ));
            return None;
        }
        let teaches = ["job_id", "job_name"]
            .iter()
            .all(|wanted| groups.iter().any(|(name, _)| name == wanted));
        Some(Pattern {
            teaches,
            regex,
            groups,
            value,
            source: source.to_owned(),
        })
    }
}

fn fault(line: Option<usize>, rule: Option<&str>, what: String, advice: &str) -> Fault {
    Fault {
        file: FILE.to_owned(),
        line,
        rule: rule.map(str::to_owned),
        what,
        advice: advice.to_owned(),
    }
}
