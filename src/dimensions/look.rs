//! The looking.

use super::jar::stack_jar;
use super::slots::{NAMES, Slot, Slots, Source, fitting};
use super::{JobCatalogue, LearnedNames};
use crate::event::{Dimensions, ErrorEvent, Text};
use hashbrown::HashMap;
use memchr::memmem;
use regex::Regex;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Range;

/// A field some candidate asks for, by number.
pub(super) type FieldId = u16;

/// A part of an event that looks hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The thread.
    Thread,
    /// The logger.
    Logger,
    /// The name of the layout.
    Layout,
    /// The engine's own jar, as the stack names it.
    StackJar,
    /// A field some candidate asks for.
    Field(FieldId),
    /// The value of a dimension found before.
    Dimension(Slot),
}

/// What a pattern looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Into {
    Thread,
    Logger,
    Layout,
    StackJar,
    Fields(Vec<FieldId>),
    Dimension(Slot),
}

#[derive(Debug)]
pub(super) enum Look {
    Fields(Vec<FieldId>),
    Pattern { into: Into, pattern: Pattern },
}

impl Look {
    /// The parts it hears of, with the rank of each among those it prefers.
    pub(super) fn parts(&self) -> Vec<(Part, u16)> {
        let fields = |ids: &[FieldId]| ids.iter().map(|id| Part::Field(*id)).zip(0..).collect();
        match self {
            Look::Fields(ids) => fields(ids),
            Look::Pattern { into, .. } => match into {
                Into::Thread => vec![(Part::Thread, 0)],
                Into::Logger => vec![(Part::Logger, 0)],
                Into::Layout => vec![(Part::Layout, 0)],
                Into::StackJar => vec![(Part::StackJar, 0)],
                Into::Fields(ids) => fields(ids),
                Into::Dimension(slot) => vec![(Part::Dimension(*slot), 0)],
            },
        }
    }
}

#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// Groups that are dimensions.
    pub(super) groups: Vec<(String, Slot)>,
    /// What is set when the pattern matches, where it has no groups.
    pub(super) value: Option<String>,
    /// Whether it tells id and name of a job together.
    pub(super) teaches: bool,
    pub(super) source: String,
}

/// Where the dimensions come from.
#[derive(Debug, Default)]
pub struct DimensionRules {
    pub(super) containers: Vec<String>,
    pub(super) fields: HashMap<String, FieldId>,
    pub(super) names: Vec<String>,
    pub(super) looks: Vec<(Slot, Look)>,
    /// Which looks hear of a part, in their order, and with which rank.
    pub(super) hear: HashMap<Part, Vec<(u16, u16)>, foldhash::fast::RandomState>,
    /// Which dimensions some look looks into.
    pub(super) derives: [bool; NAMES.len()],
    /// The looks into the jar of the stack, in their order.
    pub(super) jar_looks: Vec<usize>,
    pub(super) accept: [Option<Regex>; NAMES.len()],
    pub(super) messages: Vec<(memmem::Finder<'static>, Pattern)>,
}

/// Groups that took part in a match: which of the pattern's, and where.
type Groups = SmallVec<[(usize, Range<usize>); 2]>;

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

    /// What a part with this text tells by itself: for each look that hears of it the look, the rank of the part and
    /// what it sets. A look that is told nothing is handed over only where that keeps a lower rank from speaking.
    pub(crate) fn tell(&self, part: Part, text: &str, each: &mut dyn FnMut(u16, u16, &[(Slot, &str)])) {
        for (number, rank) in self.hear.get(&part).into_iter().flatten() {
            match self.looks.get(usize::from(*number)) {
                None => {}
                Some((slot, Look::Fields(_))) => {
                    if self.accepts(*slot, text)
                        && let Some(value) = fitting(text)
                    {
                        each(*number, *rank, &[(*slot, value)]);
                    }
                }
                Some((slot, Look::Pattern { into, pattern })) => {
                    let sets = self.sets(pattern, text, *slot);
                    if !sets.is_empty() || matches!(into, Into::Fields(ids) if ids.len() > 1) {
                        each(*number, *rank, &sets);
                    }
                }
            }
        }
    }

    /// What a pattern sets.
    fn sets<'t>(&'t self, pattern: &'t Pattern, text: &'t str, slot: Slot) -> SmallVec<[(Slot, &'t str); 4]> {
        let groups = self.groups(pattern, text);
        match (groups, &pattern.value) {
            (None, _) => SmallVec::new(),
            (Some(_), Some(value)) => fitting(value).map(|value| (slot, value)).into_iter().collect(),
            (Some(groups), None) => {
                let taking_part = groups.into_iter().filter_map(|(number, range)| {
                    let ((_, slot), value) = (pattern.groups.get(number)?, text.get(range)?);
                    self.accepts(*slot, value).then_some((*slot, fitting(value)?))
                });
                taking_part.collect()
            }
        }
    }

    /// How many looks there are.
    pub(super) fn looks(&self) -> usize {
        self.looks.len()
    }

    /// The dimension a look is for.
    pub(super) fn slot_of(&self, look: usize) -> Option<Slot> {
        self.looks.get(look).map(|(slot, _)| *slot)
    }

    /// Whether some look looks into a dimension.
    pub(super) fn hears_of(&self, slot: Slot) -> bool {
        self.derives.get(slot.0).copied().unwrap_or(false)
    }

    /// The first look from `from` on that looks into the jar of the stack.
    pub(super) fn jar_look(&self, from: usize) -> Option<usize> {
        self.jar_looks.iter().copied().find(|look| *look >= from)
    }

    /// The groups of a pattern that is a dimension each; nothing where it does not match.
    fn groups(&self, pattern: &Pattern, text: &str) -> Option<Groups> {
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
    }

    fn accepts(&self, slot: Slot, value: &str) -> bool {
        let value = value.trim();
        let accept = self.accept.get(slot.0).and_then(Option::as_ref);
        !value.is_empty() && accept.is_none_or(|accept| accept.is_match(value))
    }
}

/// Whether the path stands below a container, so that `labels.team` is not read as one word.
fn starts_below(path: &str, container: &str) -> bool {
    path.match_indices('.')
        .any(|(at, _)| path.get(..at).is_some_and(|head| squeeze(head) == container))
}

/// Lower case, without `_`, `-` and `.`; a leading `_` (GELF) goes with them.
pub(super) fn squeeze(path: &str) -> String {
    path.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
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
