//! What a key means, whichever layout it comes from. One table for all: layouts are told apart afterwards, by which
//! keys were met ([`super::layout`]).
//!
//! Keys of nested objects are looked up by their dotted path, so `{"error":{"stack_trace":…}}` and
//! `{"error.stack_trace":…}` are the same.

/// What the value of a key is taken for. The number is a rank: where several keys give the same thing, the lowest
/// rank wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A time.
    Time(TimeKey),
    /// The level.
    Level(u8),
    /// The logger.
    Logger(u8),
    /// `name`: the logger of python-json-logger and pino, elsewhere anything.
    Name,
    /// The thread.
    Thread(u8),
    /// The message.
    Message(u8),
    /// A whole line of another writer, in a collector's envelope.
    Carrier(u8),
    /// The throwable: text, lines or an object.
    Thrown(u8),
    /// A stack only where its value reads like one (`full_message`, `stack` of structlog is none).
    MaybeStack,
    /// Class of the root cause.
    RootClass,
    /// Message of the root cause.
    RootMessage,
    /// Class of the outermost throwable.
    ErrorType,
    /// Message of the outermost throwable.
    ErrorMessage,
    /// Known and of no use.
    Noise,
    /// Unknown: a candidate for the dimensions.
    Other,
}

/// Which time key it was; layouts prefer their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeKey {
    /// `instant.epochSecond`.
    InstantSecond,
    /// `instant.nanoOfSecond`.
    InstantNano,
    /// `timeMillis`, `instant.epochMillis`.
    Millis,
    /// `@timestamp`.
    At,
    /// `timestamp`.
    Timestamp,
    /// `ts`.
    Ts,
    /// `asctime`.
    Asctime,
    /// `time`.
    Time,
    /// Any other spelling.
    Other,
    /// Of an envelope, in microseconds (journald).
    Journal,
}

impl TimeKey {
    /// How many there are.
    pub(crate) const COUNT: usize = 10;

    /// Its place in a table of times.
    pub(crate) fn index(self) -> usize {
        match self {
            TimeKey::InstantSecond => 0,
            TimeKey::InstantNano => 1,
            TimeKey::Millis => 2,
            TimeKey::At => 3,
            TimeKey::Timestamp => 4,
            TimeKey::Ts => 5,
            TimeKey::Asctime => 6,
            TimeKey::Time => 7,
            TimeKey::Other => 8,
            TimeKey::Journal => 9,
        }
    }
}

/// Keys that tell a layout or an envelope, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks(u32);

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident = $bit:literal),+ $(,)?) => {
        impl Marks { $($(#[$doc])* pub(crate) const $name: Marks = Marks(1 << $bit);)+ }
    };
}

marks! {
    /// `loggerName`.
    LOGGER_NAME = 0,
    /// `loggerFqcn`, `endOfBatch`.
    LOG4J2 = 1,
    /// `ecs.version`.
    ECS = 2,
    /// `log.level`.
    LOG_LEVEL = 3,
    /// `root_class`, `log_file`: the recipe's own.
    RECIPE = 4,
    /// `logger` and `thread` together are the recipe's.
    LOGGER = 5,
    /// `thread`.
    THREAD = 6,
    /// `logger_name`.
    LOGGER_UNDERSCORE = 7,
    /// `@version`.
    AT_VERSION = 8,
    /// `source_host`.
    SOURCE_HOST = 9,
    /// `level_value`.
    LEVEL_VALUE = 10,
    /// `short_message`.
    SHORT_MESSAGE = 11,
    /// `logging.googleapis.com/…`, `_exception`.
    GCP = 12,
    /// `severity`.
    SEVERITY = 13,
    /// `ts`.
    TS = 14,
    /// `msg`.
    MSG = 15,
    /// `context`.
    CONTEXT = 16,
    /// `exception`.
    EXCEPTION = 17,
    /// `event` as text.
    EVENT = 18,
    /// `levelname`, `asctime`, `exc_info`.
    PYTHON = 19,
    /// `pid` with `hostname`, `err`.
    PID = 20,
    /// `err`.
    ERR = 21,
    /// `time`.
    TIME = 22,
    /// `hostname`.
    HOSTNAME = 23,
    /// A collector or container runtime speaks.
    ENVELOPE = 24,
    /// `resourceLogs`.
    OTLP = 25,
    /// `@timestamp`.
    AT_TIMESTAMP = 26,
    /// `level` as a number.
    LEVEL_NUMBER = 27,
    /// `stack_trace`.
    STACK_TRACE = 28,
    /// `thread_name`.
    THREAD_NAME = 29,
}

impl Marks {
    /// None.
    pub(crate) const NONE: Marks = Marks(0);

    /// Adds what the other holds.
    pub(crate) fn add(&mut self, other: Marks) {
        self.0 |= other.0;
    }

    /// Whether every mark of `wanted` was met.
    pub(crate) fn all(self, wanted: &[Marks]) -> bool {
        wanted.iter().all(|mark| self.0 & mark.0 == mark.0)
    }

    /// Whether any mark of `wanted` was met.
    pub(crate) fn any(self, wanted: &[Marks]) -> bool {
        wanted.iter().any(|mark| self.0 & mark.0 != 0)
    }
}

/// What a dotted path means and which layout it hints at.
pub(crate) fn meaning(path: &str) -> (Meaning, Marks) {
    // Filebeat's prefix for a line it decoded itself.
    known(path.strip_prefix("json.").unwrap_or(path))
}

fn known(path: &str) -> (Meaning, Marks) {
    use Meaning as M;
    use TimeKey as T;
    match path {
        "message" => (M::Message(0), Marks::NONE),
        "level" => (M::Level(0), Marks::NONE),
        "@timestamp" => (M::Time(T::At), Marks::AT_TIMESTAMP),
        "timestamp" => (M::Time(T::Timestamp), Marks::NONE),
        "logger" => (M::Logger(0), Marks::LOGGER),
        "thread" => (M::Thread(0), Marks::THREAD),
        "stack" => (M::Thrown(4), Marks::NONE),
        "root_class" => (M::RootClass, Marks::RECIPE),
        "root_message" => (M::RootMessage, Marks::RECIPE),
        "log_file" => (M::Other, Marks::RECIPE),

        // Log4j2 JsonLayout
        "instant.epochSecond" => (M::Time(T::InstantSecond), Marks::NONE),
        "instant.nanoOfSecond" => (M::Time(T::InstantNano), Marks::NONE),
        "timeMillis" | "instant.epochMillis" => (M::Time(T::Millis), Marks::NONE),
        "loggerName" => (M::Logger(0), Marks::LOGGER_NAME),
        "loggerFqcn" | "endOfBatch" => (M::Noise, Marks::LOG4J2),
        "threadId" | "threadPriority" | "thread.id" | "thread.priority" => (M::Noise, Marks::NONE),
        "thrown" => (M::Thrown(0), Marks::NONE),

        // ECS
        "log.level" => (M::Level(1), Marks::LOG_LEVEL),
        "log.logger" => (M::Logger(1), Marks::NONE),
        "process.thread.name" => (M::Thread(1), Marks::NONE),
        "ecs.version" => (M::Noise, Marks::ECS),
        "error.stack_trace" => (M::Thrown(1), Marks::NONE),
        "error.type" | "exception.type" | "error.class" | "exception_class" | "exception.class" => {
            (M::ErrorType, Marks::NONE)
        }
        "error.message" | "exception.message" | "exception_message" => (M::ErrorMessage, Marks::NONE),
        "log.offset" | "log.origin.file.line" | "event.ingested" | "event.created" => (M::Noise, Marks::NONE),
        "log.original" | "event.original" => (M::Carrier(3), Marks::NONE),

        // Logstash, Logback, reload4j
        "@version" => (M::Noise, Marks::AT_VERSION),
        "logger_name" => (M::Logger(0), Marks::LOGGER_UNDERSCORE),
        "thread_name" => (M::Thread(0), Marks::THREAD_NAME),
        "level_value" => (M::Noise, Marks::LEVEL_VALUE),
        "stack_trace" => (M::Thrown(1), Marks::STACK_TRACE),
        "source_host" => (M::Other, Marks::SOURCE_HOST),
        "exception" => (M::Thrown(2), Marks::EXCEPTION),
        "stack_hash" | "line_number" => (M::Noise, Marks::NONE),

        // GELF, GCP
        "short_message" => (M::Message(1), Marks::SHORT_MESSAGE),
        "full_message" => (M::MaybeStack, Marks::NONE),
        "_logger" | "_logger_name" | "_loggerName" => (M::Logger(2), Marks::NONE),
        "_thread" | "_thread_name" | "_threadName" => (M::Thread(2), Marks::NONE),
        "_exception" => (M::Thrown(1), Marks::GCP),
        "_stack_trace" | "_stacktrace" | "_full_message" => (M::Thrown(3), Marks::NONE),
        "severity" => (M::Level(2), Marks::SEVERITY),
        "timestampSeconds" => (M::Time(T::Other), Marks::NONE),
        "logging.googleapis.com/insertId" | "logging.googleapis.com/trace_sampled" => (M::Noise, Marks::GCP),

        // Spark
        "ts" => (M::Time(T::Ts), Marks::TS),
        "msg" => (M::Message(1), Marks::MSG),

        // Python
        "event" => (M::Message(3), Marks::EVENT),
        "levelname" => (M::Level(1), Marks::PYTHON),
        "asctime" => (M::Time(T::Asctime), Marks::PYTHON),
        "exc_info" => (M::Thrown(1), Marks::PYTHON),
        "exc_text" => (M::Thrown(3), Marks::PYTHON),
        "threadName" => (M::Thread(1), Marks::NONE),
        "name" => (M::Name, Marks::NONE),
        "levelno" | "lineno" | "created" | "msecs" | "relativeCreated" => (M::Noise, Marks::NONE),
        "stack_info" => (M::Noise, Marks::NONE),

        // pino
        "time" => (M::Time(T::Time), Marks::TIME),
        "pid" => (M::Other, Marks::PID),
        "hostname" => (M::Other, Marks::HOSTNAME),
        "err" => (M::Thrown(1), Marks::ERR),
        "v" => (M::Noise, Marks::NONE),

        // OTLP
        "resourceLogs" => (M::Noise, Marks::OTLP),
        "exception.stacktrace" | "attributes.exception.stacktrace" => (M::Thrown(1), Marks::NONE),
        "thread.name" => (M::Thread(1), Marks::NONE),

        // Envelopes
        "log" => (M::Carrier(0), Marks::ENVELOPE),
        "MESSAGE" => (M::Carrier(0), Marks::ENVELOPE),
        "line" => (M::Carrier(2), Marks::NONE),
        "content" | "raw" | "_raw" | "raw_message" | "rawMessage" | "payload" | "log_message" | "logMessage" => {
            (M::Carrier(3), Marks::NONE)
        }
        "__REALTIME_TIMESTAMP" | "_SOURCE_REALTIME_TIMESTAMP" => (M::Time(T::Journal), Marks::ENVELOPE),
        "stream" | "source_type" | "logtag" | "log.file.path" | "agent.type" | "input.type" | "container_name"
        | "container_id" => (M::Other, Marks::ENVELOPE),
        // Fluent Bit's partial marker; Docker's GELF driver, whose level only tells stdout from stderr.
        "_p" | "_container_id" | "_container_name" => (M::Other, Marks::ENVELOPE),

        // Spellings of writers nobody has a name for
        "error" | "throwable" | "exc" => (M::Thrown(3), Marks::NONE),
        "stacktrace"
        | "stackTrace"
        | "StackTrace"
        | "traceback"
        | "throwable_stack"
        | "error_stack"
        | "errorStack"
        | "error.stack"
        | "exception.stackTrace"
        | "exceptionStackTrace"
        | "error_stack_trace"
        | "exception_stack" => (M::Thrown(3), Marks::NONE),
        "__time__" | "eventTime" | "event_time" | "datetime" | "dateTime" | "date" | "logTime" | "log_time"
        | "Timestamp" | "Time" | "timeStamp" | "time_stamp" | "timestamp_ms" | "timestampMs" | "@time" | "logtime" => {
            (M::Time(T::Other), Marks::NONE)
        }
        "timestamp_ns" | "timeUnixNano" | "time_unix_nano" => (M::Time(T::Other), Marks::NONE),
        "Level" | "LEVEL" | "loglevel" | "logLevel" | "log_level" | "LogLevel" | "lvl" | "severity_text"
        | "severityText" | "levelName" | "level_name" => (M::Level(3), Marks::NONE),
        "loggerClass" | "log_name" | "logName" | "logger.name" | "Logger" => (M::Logger(3), Marks::NONE),
        "thread.Name" | "Thread" | "_threadname" => (M::Thread(3), Marks::NONE),
        "Message" | "MSG" | "body" => (M::Message(4), Marks::NONE),
        "attributes.exception.type"
        | "exceptionClass"
        | "errorClass"
        | "error_type"
        | "errorType"
        | "exception_type"
        | "exceptionType" => (M::ErrorType, Marks::NONE),
        "exceptionMessage" | "errorMessage" | "error_message" | "attributes.exception.message" => {
            (M::ErrorMessage, Marks::NONE)
        }

        other => {
            if other.starts_with("kubernetes.") || other.starts_with("docker.") || other == "agent" {
                return (M::Other, Marks::ENVELOPE);
            }
            if other.starts_with("logging.googleapis.com/") {
                return (M::Other, Marks::GCP);
            }
            (M::Other, Marks::NONE)
        }
    }
}
