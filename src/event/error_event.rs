//! A decoded error: which shape it had, when, where, and what it said.

use super::{EventTime, StackTrace, Text};
use std::borrow::Cow;

/// The shape a record was read as. The names are part of the surface (`layout` of `normalize`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// Log4j2 `JsonLayout`, or the template of that name.
    Log4j2Json,
    /// Log4j2 `EcsLayout` template or ecs-logging-java / -python / -node.
    Ecs,
    /// The recipe of our own documentation (JsonTemplateLayout with `root_class`).
    Recipe,
    /// `LogstashJsonEventLayoutV1` template, or reload4j's jsonevent-layout.
    LogstashV1,
    /// logstash-logback-encoder.
    Logback,
    /// GELF 1.1.
    Gelf,
    /// Google Cloud template.
    Gcp,
    /// OpenTelemetry logs in JSON.
    Otlp,
    /// Spark's structured log.
    Spark,
    /// structlog.
    Structlog,
    /// python-json-logger.
    PythonJson,
    /// pino.
    Pino,
    /// JSON whose keys say enough though no writer is known by them.
    GenericJson,
    /// A line of text, with its stack.
    Text,
}

impl Layout {
    /// Every layout.
    pub const ALL: &'static [Layout] = &[
        Layout::Log4j2Json,
        Layout::Ecs,
        Layout::Recipe,
        Layout::LogstashV1,
        Layout::Logback,
        Layout::Gelf,
        Layout::Gcp,
        Layout::Otlp,
        Layout::Spark,
        Layout::Structlog,
        Layout::PythonJson,
        Layout::Pino,
        Layout::GenericJson,
        Layout::Text,
    ];

    /// The layout of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|layout| layout.as_str() == name)
    }

    /// The name as written in outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Log4j2Json => "log4j2-json",
            Layout::Ecs => "ecs",
            Layout::Recipe => "recipe",
            Layout::LogstashV1 => "logstash-v1",
            Layout::Logback => "logback",
            Layout::Gelf => "gelf",
            Layout::Gcp => "gcp",
            Layout::Otlp => "otlp",
            Layout::Spark => "spark",
            Layout::Structlog => "structlog",
            Layout::PythonJson => "python-json",
            Layout::Pino => "pino",
            Layout::GenericJson => "json",
            Layout::Text => "text",
        }
    }
}

/// A scalar of the body, for dimensions: dotted path and value. Paths of an envelope stand beside those of the inner
/// record (`kubernetes.pod_name`, `mdc.flink-job-id`, `fields.env`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// Dotted path from the top of the body, as written (case kept).
    pub path: Text<'a>,
    /// The value; numbers and booleans as their text.
    pub value: Text<'a>,
}

/// What a raw JSON throwable looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThrownShape {
    /// Log4j2: `{name, message, commonElementCount, extendedStackTrace, cause, suppressed}`.
    Log4j2,
    /// Spark: `{class, msg, stacktrace: [{class, method, file, line}]}`.
    Spark,
    /// structlog `dict_tracebacks`: `[{exc_type, exc_value, frames, …}]`, outermost first.
    StructlogDict,
    /// pino: `{type, message, stack, cause}`.
    PinoErr,
    /// An array of lines that make one text.
    Lines,
}

/// The throwable of an event as it stands in the record. Parsed only for errors not met before
/// (`crate::decode::stack_trace`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thrown<'a> {
    /// None.
    Absent,
    /// Stack text (Java, Python or Node), whatever key it stood under.
    Text(Text<'a>),
    /// Raw JSON, brackets included.
    Json {
        /// The bytes of the value, valid JSON.
        raw: Text<'a>,
        /// How to read them.
        shape: ThrownShape,
    },
    /// Class and message only: the writer left the stack out.
    Named {
        /// Class.
        class: Text<'a>,
        /// Message, if any.
        message: Option<Text<'a>>,
    },
    /// Already parsed, where the reader had to.
    Parsed(Box<StackTrace>),
}

/// A decoded error. Borrows from its record.
#[derive(Debug, Clone)]
pub struct ErrorEvent<'a> {
    /// The shape it was read as.
    pub layout: Layout,
    /// When it happened.
    pub time: EventTime,
    /// Level as logged; numbers are turned into names (pino 50 is `ERROR`, syslog 3 is `ERROR`).
    pub level: Option<Text<'a>>,
    /// Logger.
    pub logger: Option<Text<'a>>,
    /// Thread.
    pub thread: Option<Text<'a>>,
    /// The message without a stack that was glued to it.
    pub message: Text<'a>,
    /// The throwable.
    pub thrown: Thrown<'a>,
    /// Class of the root cause where the writer gives it on its own (`root_class` of the recipe, `error.type`).
    pub root_class: Option<Text<'a>>,
    /// Message of the root cause where the writer gives it on its own.
    pub root_message: Option<Text<'a>>,
    /// Scalars for the dimensions. Unresolved look-ups (`${env:X}`) and empty values are left out.
    pub fields: Vec<Field<'a>>,
    /// Whether the writer or an envelope cut text (`…` at the limit, a stack without its end).
    pub truncated: bool,
}

impl ErrorEvent<'_> {
    /// Class and message of the root cause, where the writer names it on its own.
    #[must_use]
    pub fn root(&self) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
        let class = self.root_class.as_ref()?.decoded();
        Some((class, self.root_message.as_ref().map(Text::decoded)))
    }
}
