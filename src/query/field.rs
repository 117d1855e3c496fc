//! The keys of the search language: names, kinds, what they mean.

/// How the value of a key is read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Words of a longer text: found by whole words, parts of names, and phrases.
    Text,
    /// A value, compared whole, any case; `*` stands for anything.
    Word,
    /// A dotted name: also found by its last parts (`NullPointerException`).
    Dotted,
    /// One of a closed set; `>` and `<` compare severities.
    Enum,
    /// 32 hexadecimal digits; `*` stands for anything.
    Id,
    /// A whole number; `>` and `<` compare.
    Number,
    /// A time; `>` and `<` compare.
    Time,
    /// `true` or `false`.
    Bool,
}

impl Kind {
    /// The name as shown in documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Word => "word",
            Kind::Dotted => "name",
            Kind::Enum => "enum",
            Kind::Id => "id",
            Kind::Number => "number",
            Kind::Time => "time",
            Kind::Bool => "bool",
        }
    }
}

/// A key with its documentation.
#[derive(Debug, Clone, Copy)]
pub struct FieldDoc {
    /// The key.
    pub field: Field,
    /// Its name.
    pub name: &'static str,
    /// How its value is read.
    pub kind: Kind,
    /// What it means, one sentence.
    pub doc: &'static str,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident $doc:literal),+ $(,)?) => {
        /// A key of the search language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $(#[doc = $doc] $variant),+ }

        /// Every key, for suggestions and documentation.
        pub const FIELDS: &[FieldDoc] = &[
            $(FieldDoc { field: Field::$variant, name: $name, kind: Kind::$kind, doc: $doc }),+
        ];

        impl Field {
            /// The name as typed.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),+ }
            }

            /// How its value is read.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Field::$variant => Kind::$kind),+ }
            }

            /// The key of this name, any case.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                FIELDS.iter().find(|known| known.name.eq_ignore_ascii_case(name)).map(|known| known.field)
            }
        }
    };
}

fields!(
    ErrorType "error_type" Word "Type of the error: the id of the rule that knows it, or `unclassified`.",
    Category "category" Word "Category of the type.",
    Severity "severity" Enum "critical, high, medium, low or info; `severity:>=high` works.",
    Part "part" Enum "root, symptom or noise: the part it plays in a failure.",
    Rule "rule" Word "The rule that spoke.",
    Exception "exception" Dotted "Class of the root cause.",
    ExceptionChain "exception_chain" Dotted "Any class of the cause chain.",
    TopFrame "top_frame" Dotted "The owner frame.",
    Fingerprint "fingerprint" Id "Identity of the error over all jobs.",
    Group "group" Id "Coarse identity: root exception class and owner frame.",
    Id "id" Id "Id of the issue: one job, one fingerprint.",
    Job "job" Word "The job: its name, else its id, else the cluster.",
    JobName "job_name" Word "Name of the job.",
    JobId "job_id" Word "Id of the job as the engine gives it.",
    Cluster "cluster" Word "Cluster it was seen in.",
    Namespace "namespace" Word "Namespace it was seen in.",
    Team "team" Word "Team or owner.",
    Engine "engine" Word "flink, spark, java, python and so on.",
    EngineVersion "engine_version" Word "Version of the engine.",
    Role "role" Word "jobmanager, taskmanager, driver and so on.",
    Host "host" Word "Host it was seen on.",
    Pod "pod" Word "Pod it was seen in.",
    Container "container" Word "Container it was seen in.",
    Task "task" Word "Task (operator chain) it was seen in.",
    Subtask "subtask" Number "Number of the subtask.",
    Level "level" Word "Level as logged.",
    Logger "logger" Dotted "Logger that wrote it.",
    Thread "thread" Word "Thread that wrote it.",
    Layout "layout" Word "Layout it was read as.",
    Message "message" Text "Words of the message.",
    Template "template" Text "Words of the message with its variable parts masked.",
    Stack "stack" Text "Words of the stack.",
    State "state" Enum "open, resolved, muted or regressed.",
    Assignee "assignee" Word "Who looks after it.",
    Count "count" Number "Events in the window asked for.",
    Total "total" Number "Events over all time.",
    FirstSeen "first_seen" Time "First event over all time.",
    LastSeen "last_seen" Time "Last event over all time.",
    EventTime "event_time" Time "Has an event after (`>`) or before (`<`) a time.",
    Truncated "truncated" Bool "Whether a sample of it was cut.",
    Redactions "redactions" Number "How many secrets were redacted in a sample.",
    Recipe "recipe" Number "Version of the recipe that made the fingerprint.",
);
