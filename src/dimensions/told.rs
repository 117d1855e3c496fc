//! What each part of an event tells by itself, remembered.
//!
//! Comes in: the parts of an event one by one (its fields, thread, logger, layout). Goes out: the dimensions they tell
//! together. Threads, hosts and pods come again and again, but seldom all in the same company, so what is remembered
//! is what one text tells every look that hears of it, and the parts are put together anew for each event. What always
//! holds: the outcome is that of [`DimensionRules::from_surroundings`].

use super::look::{DimensionRules, Part};
use super::slots::{NAMES, Slot, Slots};
use crate::event::{Dimensions, Text};
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher as _;
use std::ops::Range;

/// Bytes that may be remembered before all is forgotten: parts of a large fleet, some 150 bytes each.
const MOST_BYTES: usize = 32 << 20;
/// Bytes a part costs beside its text, its tellings and its values: places in tables.
const EACH: usize = 96;
/// Longer texts are not remembered.
const LONGEST_TEXT: usize = 1024;
/// Bytes a telling costs with what it sets.
const TELLING: usize = 32;

/// A value by its number; 0 is none.
type Value = u32;

/// The numbers of the values of an event, one per dimension: a key of its dimensions.
pub(crate) type Numbers = [Value; NAMES.len()];

/// What a part tells one look.
#[derive(Debug, Clone)]
struct Telling {
    look: u16,
    /// Its place among the fields the look asks for; the lowest speaks.
    rank: u16,
    /// What it sets.
    fills: Range<usize>,
}

/// A part met before.
#[derive(Debug)]
struct Known {
    part: Part,
    escaped: bool,
    text: Box<str>,
    tellings: Range<usize>,
}

/// What is remembered, and the event under hands.
#[derive(Debug, Default)]
pub(crate) struct Told {
    hasher: foldhash::fast::RandomState,
    parts: HashTable<Known>,
    /// The parts that are values of dimensions, which have numbers.
    derived: HashMap<(Slot, Value), Range<usize>, foldhash::fast::RandomState>,
    tellings: Vec<Telling>,
    fills: Vec<(Slot, Value)>,
    numbers: HashMap<Box<str>, Value, foldhash::fast::RandomState>,
    /// By number less one.
    values: Vec<Box<str>>,
    bytes: usize,
    /// Which looks have heard something, one bit each.
    heard: Vec<u64>,
    /// By look: the number of what it has heard, where it has heard something.
    best: Vec<usize>,
    /// By field: the event it was met in last.
    met: Vec<u64>,
    event: u64,
}

impl Told {
    /// Begins an event. Says whether what was remembered had grown too large and was forgotten, so that numbers given
    /// before mean nothing any more.
    pub(crate) fn begin(&mut self, rules: &DimensionRules) -> bool {
        let grown = self.bytes > MOST_BYTES;
        if grown {
            *self = Self::default();
        }
        let looks = rules.looks();
        if self.best.len() != looks {
            self.best.clear();
            self.best.resize(looks, 0);
            self.heard.resize(looks.div_ceil(64), 0);
        }
        self.heard.fill(0);
        self.event += 1;
        grown
    }

    /// Takes a field. Of a field that stands twice the first counts.
    pub(crate) fn field(&mut self, id: u16, text: &Text<'_>, rules: &DimensionRules) {
        let at = usize::from(id);
        if at >= self.met.len() {
            self.met.resize(at + 1, 0);
        }
        if let Some(met) = self.met.get_mut(at) {
            if *met == self.event {
                return;
            }
            *met = self.event;
        }
        self.hear(Part::Field(id), text, rules);
    }

    /// Takes a part.
    pub(crate) fn hear(&mut self, part: Part, text: &Text<'_>, rules: &DimensionRules) {
        let held = text.held();
        if held.len() > LONGEST_TEXT {
            let tellings = self.ask(part, &text.decoded(), rules);
            return self.take(tellings);
        }
        let escaped = matches!(text, Text::Escaped(_));
        let hash = self.hasher.hash_one((part, held));
        let known = self.parts.find(hash, |known| {
            *known.text == *held && known.part == part && known.escaped == escaped
        });
        let tellings = match known {
            Some(known) => known.tellings.clone(),
            None => {
                let tellings = self.ask(part, &text.decoded(), rules);
                self.bytes += EACH + held.len();
                let fresh = Known {
                    part,
                    escaped,
                    text: held.into(),
                    tellings: tellings.clone(),
                };
                let hasher = &self.hasher;
                let again = |known: &Known| hasher.hash_one((known.part, &*known.text));
                self.parts.insert_unique(hash, fresh, again);
                tellings
            }
        };
        self.take(tellings);
    }

    /// Puts together what was heard. The jar of the stack is looked for only where a look asks for it in the end.
    pub(crate) fn together<'e>(&mut self, rules: &DimensionRules, jar: impl FnOnce() -> Option<&'e str>) -> Numbers {
        let mut numbers: Numbers = [0; NAMES.len()];
        let mut jar = Some(jar);
        let mut from = 0;
        loop {
            // The looks over the jar stand in their place whether or not one was heard of.
            let wanted = jar.as_ref().and_then(|_| rules.jar_look(from));
            let next = self.next_heard(from);
            let look = match (next, wanted) {
                (Some(heard), Some(wanted)) => heard.min(wanted),
                (Some(look), None) | (None, Some(look)) => look,
                (None, None) => return numbers,
            };
            from = look + 1;
            let is_known = |numbers: &Numbers, slot: Slot| numbers.get(slot.0).is_none_or(|value| *value != 0);
            if rules.slot_of(look).is_none_or(|slot| is_known(&numbers, slot)) {
                continue;
            }
            if wanted == Some(look)
                && let Some(jar) = jar.take()
                && let Some(jar) = jar()
            {
                self.hear(Part::StackJar, &Text::Plain(jar), rules);
            }
            if !self.has_heard(look) {
                continue;
            }
            let best = self.best.get(look).and_then(|best| self.tellings.get(*best));
            for at in best.map(|telling| telling.fills.clone()).unwrap_or_default() {
                let Some((slot, value)) = self.fills.get(at).copied() else {
                    continue;
                };
                if is_known(&numbers, slot) {
                    continue;
                }
                if let Some(number) = numbers.get_mut(slot.0) {
                    *number = value;
                }
                if rules.hears_of(slot) {
                    self.derive(slot, value, rules);
                }
            }
        }
    }

    /// The dimensions these numbers stand for.
    pub(crate) fn dimensions(&self, numbers: &Numbers) -> Dimensions {
        let mut slots = Slots::default();
        for (slot, number) in numbers.iter().enumerate() {
            if let Some(value) = self.value(*number) {
                slots.fill(Slot(slot), value);
            }
        }
        slots.into_dimensions()
    }

    fn value(&self, number: Value) -> Option<&str> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.values.get(at).map(AsRef::as_ref)
    }

    /// Takes a value of a dimension that other looks look into. Those that stand before it do not see it.
    fn derive(&mut self, slot: Slot, value: Value, rules: &DimensionRules) {
        let tellings = match self.derived.get(&(slot, value)) {
            Some(known) => known.clone(),
            None => {
                let text = self.value(value).unwrap_or_default().to_owned();
                let tellings = self.ask(Part::Dimension(slot), &text, rules);
                self.bytes += EACH;
                self.derived.insert((slot, value), tellings.clone());
                tellings
            }
        };
        self.take(tellings);
    }

    /// What a part not met before tells.
    fn ask(&mut self, part: Part, text: &str, rules: &DimensionRules) -> Range<usize> {
        let from = self.tellings.len();
        rules.tell(part, text, &mut |look, rank, values| {
            let first = self.fills.len();
            for (slot, value) in values {
                let number = self.number(value);
                self.fills.push((*slot, number));
            }
            let fills = first..self.fills.len();
            self.bytes += TELLING;
            self.tellings.push(Telling { look, rank, fills });
        });
        from..self.tellings.len()
    }

    fn number(&mut self, value: &str) -> Value {
        if let Some(known) = self.numbers.get(value) {
            return *known;
        }
        // There are never that many: they are forgotten by bytes long before.
        let number = u32::try_from(self.values.len() + 1).unwrap_or(0);
        self.values.push(value.into());
        self.numbers.insert(value.into(), number);
        self.bytes += EACH + 2 * value.len();
        number
    }

    fn take(&mut self, tellings: Range<usize>) {
        let first = tellings.start;
        let told = self.tellings.get(tellings).unwrap_or_default();
        for (at, telling) in told.iter().enumerate() {
            let look = usize::from(telling.look);
            let (Some(heard), Some(best)) = (self.heard.get_mut(look / 64), self.best.get_mut(look)) else {
                continue;
            };
            let bit = 1 << (look % 64);
            let before = self.tellings.get(*best);
            if *heard & bit == 0 || before.is_none_or(|before| telling.rank < before.rank) {
                *heard |= bit;
                *best = first + at;
            }
        }
    }

    fn has_heard(&self, look: usize) -> bool {
        self.heard
            .get(look / 64)
            .is_some_and(|heard| heard & (1 << (look % 64)) != 0)
    }

    /// The first look from `from` on that has heard something.
    fn next_heard(&self, from: usize) -> Option<usize> {
        let (mut word, mut mask) = (from / 64, u64::MAX << (from % 64));
        loop {
            let heard = self.heard.get(word)? & mask;
            if heard != 0 {
                return Some(word * 64 + usize::try_from(heard.trailing_zeros()).unwrap_or(0));
            }
            (word, mask) = (word + 1, u64::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dimensions::{Found, stack_jar};
    use crate::event::{ErrorEvent, EventTime, Field, Layout, Thrown};
    use proptest::prelude::*;

    fn rules() -> DimensionRules {
        DimensionRules::from_yaml(include_str!("../../rules/dimensions.yaml")).unwrap()
    }

    fn told(told: &mut Told, event: &ErrorEvent<'_>, rules: &DimensionRules) -> Dimensions {
        told.begin(rules);
        for field in &event.fields {
            if let Some(id) = rules.field(&field.path.decoded()) {
                told.field(id, &field.value, rules);
            }
        }
        told.hear(Part::Layout, &Text::Plain(event.layout.as_str()), rules);
        for (part, text) in [(Part::Thread, &event.thread), (Part::Logger, &event.logger)] {
            if let Some(text) = text {
                told.hear(part, text, rules);
            }
        }
        let numbers = told.together(rules, || stack_jar(event));
        told.dimensions(&numbers)
    }

    fn looked(event: &ErrorEvent<'_>, rules: &DimensionRules) -> Dimensions {
        let met = |field: &'_ Field<'_>| rules.field(&field.path.decoded());
        let found: Found<'_> = event.fields.iter().filter_map(|f| Some((met(f)?, &f.value))).collect();
        rules.from_surroundings(event, &found)
    }

    const VALUES: [&str; 20] = [
        "orders",
        " orders ",
        "orders-taskmanager-1-3",
        "orders-7d9f8b6c5d-x2x4z",
        "fd00:0:0:0:0:0:0:2%eth0",
        "application_1763000000000_2358",
        "app-20261121000000-0001",
        "container_e17_1763000000000_2358_01_000002",
        "container_e17_1763000000000_2358_01_000001",
        "/data/yarn/logs/application_1763000000000_2358/container_e17_1763000000000_2358_01_000002/taskmanager.log",
        "/opt/flink/log/flink--kubernetes-taskmanager-0-orders-taskmanager-1-3.log",
        "/var/log/pods/rt_orders-1_uid/main/0.log",
        "3f1c0de2a44b0e0c9b7d5a1f6e8c2b10",
        "[kafka-connect|task-3] ",
        "taskmanager",
        "flink.log",
        "kafka-connect",
        "1.17.1",
        "dn-7.acme",
        "\\t\\u006frders",
    ];
    const PATHS: [&str; 22] = [
        "pod",
        "podName",
        "kubernetes.pod_name",
        "tm_id",
        "log_file",
        "file",
        "connector.context",
        "container_id",
        "namespace",
        "flink-job-id",
        "job_id",
        "app_id",
        "job.key",
        "job",
        "service.name",
        "host",
        "nm_host",
        "cluster_id",
        "component",
        "event.dataset",
        "flink.version",
        "team",
    ];
    const THREADS: [&str; 8] = [
        "Source: orders -> Map (3/8)#0",
        "jobmanager-io-thread-3",
        "task-thread-orders-3",
        "SourceCoordinator-Source: orders",
        "flink-taskexecutor-io-thread-1",
        "Executor task launch worker for task 0.0",
        "main",
        "",
    ];
    const LOGGERS: [&str; 6] = [
        "org.apache.flink.runtime.taskmanager.Task",
        "org.apache.flink.client.cli.CliFrontend",
        "org.apache.spark.executor.Executor",
        "org.apache.kafka.connect.runtime.WorkerTask",
        "acme.Orders",
        "root",
    ];

    fn event() -> impl Strategy<Value = ErrorEvent<'static>> {
        let text = prop::sample::select(VALUES.to_vec()).prop_map(|value| match value.contains('\\') {
            true => Text::Escaped(value),
            false => Text::Plain(value),
        });
        let field = (prop::sample::select(PATHS.to_vec()), text).prop_map(|(path, value)| Field {
            path: path.into(),
            value,
        });
        let stack = prop::sample::select(vec![
            "a.B: m\n\tat a.B.c(B.java:1)",
            "a.B: m\n\tat a.B.c(B.java:1) ~[flink-dist-1.17.1.jar:1.17.1]",
            "a.B: m\n\tat a.B.c(B.java:1) ~[flink-dist_2.12-1.13.6-SNAPSHOT.jar:1.13.6]",
        ]);
        (
            prop::collection::vec(field, 0..9),
            prop::option::of(prop::sample::select(THREADS.to_vec())),
            prop::option::of(prop::sample::select(LOGGERS.to_vec())),
            prop::sample::select(Layout::ALL.to_vec()),
            prop::option::of(stack),
        )
            .prop_map(|(fields, thread, logger, layout, stack)| ErrorEvent {
                layout,
                time: EventTime::from_millis(0),
                level: None,
                logger: logger.map(Text::Plain),
                thread: thread.map(Text::Plain),
                message: "m".into(),
                thrown: stack.map_or(Thrown::Absent, |stack| Thrown::Text(Text::Plain(stack))),
                root_class: None,
                root_message: None,
                fields,
                truncated: false,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn parts_put_together_tell_what_a_look_at_all_of_them_tells(events in prop::collection::vec(event(), 1..60)) {
            let rules = rules();
            let mut memory = Told::default();
            for event in &events {
                prop_assert_eq!(told(&mut memory, event, &rules), looked(event, &rules), "{:?}", event);
                // Met before, and never met.
                prop_assert_eq!(told(&mut memory, event, &rules), looked(event, &rules), "{:?}", event);
                prop_assert_eq!(told(&mut Told::default(), event, &rules), looked(event, &rules), "{:?}", event);
            }
        }
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let rules = rules();
        let mut memory = Told::default();
        let mut forgotten = 0;
        for n in 0..200_000 {
            forgotten += usize::from(memory.begin(&rules));
            let thread = format!("Map {n} (3/8)#0");
            memory.hear(Part::Thread, &Text::Plain(&thread), &rules);
            let numbers = memory.together(&rules, || None);
            assert_eq!(memory.dimensions(&numbers).task.as_deref(), thread.split(" (").next());
            assert!(memory.bytes < MOST_BYTES + 4096);
        }
        assert!(forgotten > 0);
    }
}
