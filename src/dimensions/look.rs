//! Where to look, compiled; and the looking.

use super::jar::stack_jar;
use super::slots::{NAMES, Slot, Slots, Source};
use super::written::{Candidate, Dimension, Written};
use super::{JobCatalogue, LearnedNames};
use crate::event::{Dimensions, ErrorEvent, Text};
use crate::rules::Fault;
use hashbrown::HashMap;
use memchr::memmem;
use quick_cache::sync::Cache;
use regex::Regex;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Range;

const FILE: &str = "dimensions.yaml";

/// A field some candidate asks for, by number.
type FieldId = u16;

/// What a pattern looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Into {
    Thread,
    Logger,
    Layout,
    StackJar,
    Fields(Vec<FieldId>),
    Dimension(Slot),
}

#[derive(Debug)]
enum Look {
    Fields(Vec<FieldId>),
    Pattern { into: Into, pattern: Pattern },
}

#[derive(Debug)]
struct Pattern {
    /// Its number among all patterns.
    number: u64,
    regex: Regex,
    /// Groups that are dimensions.
    groups: Vec<(String, Slot)>,
    /// What is set when the pattern matches, where it has no groups.
    value: Option<String>,
    /// Whether it tells id and name of a job together.
    teaches: bool,
    source: String,
}

/// Where the dimensions come from.
#[derive(Debug)]
pub struct DimensionRules {
    containers: Vec<String>,
    fields: HashMap<String, FieldId>,
    names: Vec<String>,
    looks: Vec<(Slot, Look)>,
    accept: [Option<Regex>; NAMES.len()],
    messages: Vec<(memmem::Finder<'static>, Pattern)>,
    patterns: u64,
    /// What patterns made of texts seen before: hosts, threads and log files come again and again.
    seen: Cache<u128, Option<Groups>>,
}

/// Groups that took part in a match: which of the pattern's, and where.
type Groups = SmallVec<[(usize, Range<usize>); 2]>;

/// How many texts are remembered with what a pattern made of them; some 150 bytes each.
const SEEN: usize = 65_536;
/// Longer texts are not remembered.
const SEEN_LENGTH: usize = 256;
/// The number of the first `accept`; patterns have the numbers below it.
const ACCEPT: u64 = 1 << 32;

/// Which patterns over the message could still tell something, one bit each; those beyond share the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asks(u64);

impl Asks {
    fn bit(number: usize) -> u64 {
        1 << number.min(63)
    }
}

/// Where a value comes from, worded only where somebody listens.
#[derive(Debug, Clone, Copy)]
enum Origin<'r> {
    Field(&'r str),
    Pattern(&'r str),
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Field(name) => write!(f, "field {name}"),
            Origin::Pattern(source) => write!(f, "pattern over {source}"),
        }
    }
}

/// The fields of an event that candidates ask for.
pub type Found<'e> = SmallVec<[(FieldId, &'e Text<'e>); 16]>;

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
                fields: HashMap::new(),
                names: Vec::new(),
                looks: Vec::new(),
                accept: [const { None }; NAMES.len()],
                messages: Vec::new(),
                patterns: 0,
                seen: Cache::new(SEEN),
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
        if compiler.faults.is_empty() {
            Ok(compiler.rules)
        } else {
            Err(compiler.faults)
        }
    }

    /// The number of a field that some candidate asks for. Costs an allocation; callers remember paths.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<u16> {
        if path.len() > 200 {
            return None;
        }
        let squeezed = squeeze(path);
        let below = self
            .containers
            .iter()
            .filter(|c| starts_below(path, c))
            .find_map(|c| self.fields.get(squeezed.strip_prefix(c.as_str())?));
        below.or_else(|| self.fields.get(&squeezed)).copied()
    }

    /// Everything but the message: fields, thread, logger, layout, log file, stack.
    #[must_use]
    pub fn from_surroundings(&self, event: &ErrorEvent<'_>, found: &Found<'_>) -> Dimensions {
        let mut slots = Slots::default();
        self.look(event, found, &mut slots, &mut |_, _| {});
        slots.into_dimensions()
    }

    /// Which patterns over the message could tell more than is known.
    pub(crate) fn asks(&self, known: &Dimensions) -> Asks {
        let asked = self.messages.iter().enumerate().filter(|(_, (_, pattern))| {
            pattern.teaches || pattern.groups.iter().any(|(_, slot)| !slot.is_known(known))
        });
        Asks(asked.fold(0, |asks, (number, _)| asks | Asks::bit(number)))
    }

    /// Fills from the message what is not known yet; absent when nothing is to be had from it. Gives id and name of a
    /// job where the message tells both. `held` is the message as it stands in the record, escaped or not.
    pub fn from_message(
        &self,
        held: &str,
        message: impl FnOnce() -> String,
        known: &Dimensions,
    ) -> Option<(Dimensions, Option<(String, String)>)> {
        self.ask_message(held, message, known, self.asks(known))
    }

    /// [`DimensionRules::from_message`] for callers that remember what is asked: `asks` goes with `known`.
    pub(crate) fn ask_message(
        &self,
        held: &str,
        message: impl FnOnce() -> String,
        known: &Dimensions,
        asks: Asks,
    ) -> Option<(Dimensions, Option<(String, String)>)> {
        let worth = self
            .messages
            .iter()
            .enumerate()
            .any(|(number, (needs, _))| asks.0 & Asks::bit(number) != 0 && needs.find(held.as_bytes()).is_some());
        if !worth {
            return None;
        }
        let mut slots = Slots::from_dimensions(known);
        let learned = self.read_message(&message(), &mut slots, &mut |_, _| {});
        Some((slots.into_dimensions(), learned))
    }

    /// The name of a job known by id only, and the team of a job the catalogue knows. Absent when nothing is new.
    #[must_use]
    pub fn from_tables(known: &Dimensions, names: &LearnedNames, catalogue: &JobCatalogue) -> Option<Dimensions> {
        let name = match (&known.job_name, known.job_id.as_deref()) {
            (None, Some(id)) => names.name(id),
            (Some(_), _) | (None, None) => None,
        };
        let job = known.job_name.as_deref().or(name);
        let team = match (&known.team, job) {
            (None, Some(job)) => catalogue.of(job).and_then(|owned| owned.team.as_deref()),
            (Some(_), _) | (None, None) => None,
        };
        if name.is_none() && team.is_none() {
            return None;
        }
        let mut more = known.clone();
        if let Some(name) = name {
            more.job_name = Some(name.into());
        }
        if let Some(team) = team {
            more.team = Some(team.into());
        }
        Some(more)
    }

    /// Every dimension with where it came from.
    #[must_use]
    pub fn explain(&self, event: &ErrorEvent<'_>, names: &LearnedNames, catalogue: &JobCatalogue) -> Vec<Source> {
        let found: Found<'_> = event
            .fields
            .iter()
            .filter_map(|f| Some((self.field(&f.path.decoded())?, &f.value)))
            .collect();
        let mut slots = Slots::default();
        let mut told: Vec<(Slot, String)> = Vec::new();
        self.look(event, &found, &mut slots, &mut |slot, from| {
            told.push((slot, from.to_string()))
        });
        self.read_message(&event.message.decoded(), &mut slots, &mut |slot, from| {
            told.push((slot, from.to_string()))
        });
        let mut sources: Vec<Source> = told
            .into_iter()
            .filter_map(|(slot, from)| {
                Some(Source {
                    dimension: slot.name(),
                    value: slots.get(slot)?.to_owned(),
                    from,
                })
            })
            .collect();
        let known = slots.into_dimensions();
        if let Some(more) = Self::from_tables(&known, names, catalogue) {
            if known.job_name.is_none()
                && let Some(name) = more.job_name
            {
                let from = "learned from a message that told id and name".to_owned();
                sources.push(Source {
                    dimension: "job_name",
                    value: name.into(),
                    from,
                });
            }
            if known.team.is_none()
                && let Some(team) = more.team
            {
                sources.push(Source {
                    dimension: "team",
                    value: team.into(),
                    from: "jobs.yaml".to_owned(),
                });
            }
        }
        sources
    }

    fn look(
        &self,
        event: &ErrorEvent<'_>,
        found: &Found<'_>,
        slots: &mut Slots,
        told: &mut dyn FnMut(Slot, Origin<'_>),
    ) {
        // By number, so that each of the many candidates is one look; of a repeated field the first counts.
        let mut fields: SmallVec<[Option<&Text<'_>>; 128]> = SmallVec::from_elem(None, self.names.len());
        for (id, text) in found.iter().rev() {
            if let Some(place) = fields.get_mut(usize::from(*id)) {
                *place = Some(text);
            }
        }
        let value_of = |ids: &[FieldId]| {
            ids.iter()
                .find_map(|id| Some((*id, fields.get(usize::from(*id)).copied().flatten()?.decoded())))
        };
        for (slot, look) in &self.looks {
            if slots.get(*slot).is_some() {
                continue;
            }
            match look {
                Look::Fields(ids) => {
                    let acceptable = ids.iter().find_map(|id| {
                        let (_, value) = value_of(&[*id])?;
                        self.accepts(*slot, &value).then_some((*id, value))
                    });
                    if let Some((id, value)) = acceptable
                        && slots.fill(*slot, &value)
                    {
                        let name = self.names.get(usize::from(id)).map_or("", String::as_str);
                        told(*slot, Origin::Field(name));
                    }
                }
                Look::Pattern { into, pattern } => {
                    let text: Option<Cow<'_, str>> = match into {
                        Into::Thread => event.thread.as_ref().map(Text::decoded),
                        Into::Logger => event.logger.as_ref().map(Text::decoded),
                        Into::Layout => Some(Cow::Borrowed(event.layout.as_str())),
                        Into::StackJar => stack_jar(event).map(Cow::Borrowed),
                        Into::Fields(ids) => value_of(ids).map(|(_, value)| value),
                        Into::Dimension(other) => slots.get(*other).map(|v| Cow::Owned(v.to_owned())),
                    };
                    if let Some(text) = text {
                        self.apply(pattern, &text, Some(*slot), slots, told);
                    }
                }
            }
        }
    }

    fn read_message(
        &self,
        message: &str,
        slots: &mut Slots,
        told: &mut dyn FnMut(Slot, Origin<'_>),
    ) -> Option<(String, String)> {
        let mut learned = None;
        for (needs, pattern) in &self.messages {
            if needs.find(message.as_bytes()).is_none() {
                continue;
            }
            let groups = self.apply(pattern, message, None, slots, told);
            if let [Some(id), Some(name)] = groups {
                learned.get_or_insert((id, name));
            }
        }
        learned
    }

    /// Applies a pattern; gives the groups job_id and job_name when it has both.
    fn apply(
        &self,
        pattern: &Pattern,
        text: &str,
        slot: Option<Slot>,
        slots: &mut Slots,
        told: &mut dyn FnMut(Slot, Origin<'_>),
    ) -> [Option<String>; 2] {
        let mut both = [None, None];
        let Some(groups) = self.groups(pattern, text) else {
            return both;
        };
        if let (Some(value), Some(slot)) = (&pattern.value, slot) {
            if slots.fill(slot, value) {
                told(slot, Origin::Pattern(&pattern.source));
            }
            return both;
        }
        for (number, range) in groups {
            let (Some((name, slot)), Some(value)) = (pattern.groups.get(number), text.get(range)) else {
                continue;
            };
            if !self.accepts(*slot, value) {
                continue;
            }
            match name.as_str() {
                "job_id" => both[0] = Some(value.to_owned()),
                "job_name" => both[1] = Some(value.to_owned()),
                _ => {}
            }
            if slots.fill(*slot, value) {
                told(*slot, Origin::Pattern(&pattern.source));
            }
        }
        both
    }

    /// The groups of a pattern that is a dimension each; nothing where it does not match.
    fn groups(&self, pattern: &Pattern, text: &str) -> Option<Groups> {
        self.remembered(pattern.number, text, || {
            // Most patterns do not fit, and saying so is cheaper than looking for groups.
            if !pattern.regex.is_match(text) {
                return None;
            }
            if pattern.value.is_some() {
                return Some(Groups::new());
            }
            let captures = pattern.regex.captures(text)?;
            let groups = pattern.groups.iter().enumerate();
            let taking_part = groups.filter_map(|(number, (name, _))| Some((number, captures.name(name)?.range())));
            Some(taking_part.collect())
        })
    }

    fn remembered(&self, number: u64, text: &str, work_out: impl FnOnce() -> Option<Groups>) -> Option<Groups> {
        if text.len() > SEEN_LENGTH {
            return work_out();
        }
        let key = xxhash_rust::xxh3::xxh3_128_with_seed(text.as_bytes(), number);
        if let Some(known) = self.seen.get(&key) {
            return known;
        }
        let groups = work_out();
        self.seen.insert(key, groups.clone());
        groups
    }

    fn accepts(&self, slot: Slot, value: &str) -> bool {
        let value = value.trim();
        let accept = self.accept.get(slot.0).and_then(Option::as_ref);
        let fits = |accept: &Regex| {
            let number = ACCEPT + slot.0 as u64;
            self.remembered(number, value, || accept.is_match(value).then(Groups::new))
                .is_some()
        };
        !value.is_empty() && accept.is_none_or(fits)
    }
}

/// Whether the path stands below a container, so that `labels.team` is not read as one word.
fn starts_below(path: &str, container: &str) -> bool {
    path.match_indices('.')
        .any(|(at, _)| path.get(..at).is_some_and(|head| squeeze(head) == container))
}

/// Lower case, without `_`, `-` and `.`; a leading `_` (GELF) goes with them.
fn squeeze(path: &str) -> String {
    path.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
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

struct Compiler {
    rules: DimensionRules,
    sources: HashMap<String, Vec<FieldId>>,
    faults: Vec<Fault>,
}

impl Compiler {
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
        let number = self.rules.patterns;
        self.rules.patterns += 1;
        Some(Pattern {
            number,
            teaches,
            regex,
            groups,
            value,
            source: source.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventTime, Field, Layout, Thrown};

    fn rules() -> DimensionRules {
        DimensionRules::from_yaml(include_str!("../../rules/dimensions.yaml")).unwrap()
    }

    fn event<'a>(thread: &'a str, logger: &'a str, message: &'a str, fields: &[(&'a str, &'a str)]) -> ErrorEvent<'a> {
        ErrorEvent {
            layout: Layout::Recipe,
            time: EventTime::from_millis(0),
            level: None,
            logger: Some(logger.into()),
            thread: Some(thread.into()),
            message: message.into(),
            thrown: Thrown::Absent,
            root_class: None,
            root_message: None,
            fields: fields
                .iter()
                .map(|(p, v)| Field {
                    path: (*p).into(),
                    value: (*v).into(),
                })
                .collect(),
            truncated: false,
        }
    }

    fn found(event: &ErrorEvent<'_>) -> Vec<(&'static str, String)> {
        let mut out: Vec<_> = rules()
            .explain(event, &LearnedNames::default(), &JobCatalogue::default())
            .into_iter()
            .map(|s| (s.dimension, s.value))
            .collect();
        out.sort();
        out
    }

    fn owned(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        pairs.iter().map(|(d, v)| (*d, (*v).to_owned())).collect()
    }

    #[test]
    fn a_task_line_in_a_pod_tells_nearly_everything() {
        let event = event(
            "Source: orders -> Map (3/8)#0",
            "org.apache.flink.runtime.taskmanager.Task",
            "m",
            &[
                ("mdc.flink-job-id", "3f1c0de2a44b0e0c9b7d5a1f6e8c2b10"),
                ("job", "orders"),
                ("pod", "orders-cluster-taskmanager-1-3"),
                ("kubernetes.namespace_name", "rt"),
                ("mdc.pekkoUid", "-2355288474899147153"),
            ],
        );
        let want = [
            ("cluster", "orders-cluster"),
            ("engine", "flink"),
            ("job_id", "3f1c0de2a44b0e0c9b7d5a1f6e8c2b10"),
            ("job_name", "orders"),
            ("namespace", "rt"),
            ("pod", "orders-cluster-taskmanager-1-3"),
            ("role", "taskmanager"),
            ("subtask", "3"),
            ("task", "Source: orders -> Map"),
        ];
        assert_eq!(found(&event), owned(&want));
    }

    #[test]
    fn spellings_and_containers_do_not_matter() {
        for path in [
            "jobName",
            "job_name",
            "job-name",
            "mdc.jobName",
            "contextMap.job_name",
            "_job_name",
            "fields.job.name",
        ] {
            let event = event("main", "x", "m", &[(path, "orders")]);
            assert!(found(&event).contains(&("job_name", "orders".to_owned())), "{path}");
        }
        // A word that only begins like a container is no container.
        let event = event("main", "x", "m", &[("labelsteam", "a")]);
        assert!(found(&event).iter().all(|(d, _)| *d != "team"));
    }

    #[test]
    fn yarn_paths_tell_cluster_container_and_role() {
        let file =
            "/data/yarn/logs/application_1763000000000_2358/container_e17_1763000000000_2358_01_000002/taskmanager.log";
        let event = event("t", "l", "m", &[("log_file", file)]);
        let want = [
            ("cluster", "application_1763000000000_2358"),
            ("container", "container_e17_1763000000000_2358_01_000002"),
            ("engine", "flink"),
            ("role", "taskmanager"),
        ];
        assert_eq!(found(&event), owned(&want));
    }

    #[test]
    fn the_message_fills_what_is_missing_and_teaches_names() {
        let message = "Job orders (3f1c0de2a44b0e0c9b7d5a1f6e8c2b10) switched from state RUNNING to RESTARTING.";
        let (dimensions, learned) = rules()
            .from_message(message, || message.to_owned(), &Dimensions::default())
            .unwrap();
        assert_eq!(dimensions.job_name.as_deref(), Some("orders"));
        assert_eq!(
            learned,
            Some(("3f1c0de2a44b0e0c9b7d5a1f6e8c2b10".to_owned(), "orders".to_owned()))
        );
        let message = "Map (1/2) (f8475e1786d29c1badb0f510e14ebe04_cbc357ccb763df2852fee8c4fc7d55f2_0_0) switched from RUNNING to FAILED on tm-1 @ dn-7.acme (dataPort=4711).";
        let (dimensions, learned) = rules()
            .from_message(message, || message.to_owned(), &Dimensions::default())
            .unwrap();
        assert_eq!((dimensions.task.as_deref(), dimensions.subtask), (Some("Map"), Some(1)));
        assert_eq!(dimensions.host.as_deref(), Some("dn-7.acme"));
        assert_eq!(learned, None);
    }

    #[test]
    fn a_message_is_asked_only_for_what_is_not_known() {
        let rules = rules();
        let message = "no such thing (dataPort=1) on tm-1 @ dn-7.acme (dataPort=4711)";
        let told = |known: &Dimensions| rules.from_message(message, || message.to_owned(), known);
        assert!(told(&Dimensions::default()).is_some());
        let known = Dimensions {
            host: Some("h".into()),
            ..Dimensions::default()
        };
        assert!(told(&known).is_none());
        assert_ne!(rules.asks(&known), rules.asks(&Dimensions::default()));
    }

    #[test]
    fn an_address_in_place_of_a_pod_is_passed_over() {
        let event = event("t", "l", "m", &[("pod", "fd00:0:0:0:0:0:0:2%eth0")]);
        assert!(found(&event).iter().all(|(d, _)| *d != "pod"));
    }

    #[test]
    fn faults_are_told_all_at_once() {
        let faults = DimensionRules::from_yaml(
            "dimensions: {jobb: {candidates: []}, pod: {accept: '(', candidates: [{from: x, regex: y}]}}",
        )
        .unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
    }
}
