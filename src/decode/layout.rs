//! Which writer a record comes from, told by the keys that were met, never by their order.

use super::gather::Gathered;
use super::keys::{Marks, TimeKey};
use super::level::Scale;
use super::scan::Value;
use super::time::{self, Unit};
use crate::event::{EventTime, Layout, Reason, Rejection, Text};
use jiff::tz::TimeZone;

/// Which layout the keys tell.
pub(crate) fn recognize(gathered: &Gathered<'_>) -> Layout {
    let marks = gathered.marks;
    let has = |key: TimeKey| gathered.times.get(key.index()).is_some_and(Option::is_some);
    let text_at = |key: TimeKey| matches!(gathered.times.get(key.index()), Some(Some(Value::Str(_))));
    let instant = has(TimeKey::InstantSecond) || has(TimeKey::Millis);

    if marks.all(&[Marks::LOGGER_NAME]) && (marks.any(&[Marks::LOG4J2]) || instant) {
        return Layout::Log4j2Json;
    }
    if marks.any(&[Marks::ECS]) || marks.all(&[Marks::LOG_LEVEL, Marks::AT_TIMESTAMP]) {
        return Layout::Ecs;
    }
    if marks.any(&[Marks::GCP]) {
        return Layout::Gcp;
    }
    if marks.any(&[Marks::SHORT_MESSAGE]) {
        return Layout::Gelf;
    }
    if marks.all(&[Marks::LOGGER]) && (marks.any(&[Marks::RECIPE]) || marks.all(&[Marks::THREAD, Marks::AT_TIMESTAMP]))
    {
        return Layout::Recipe;
    }
    if marks.any(&[Marks::LOGGER_UNDERSCORE]) {
        return if marks.any(&[Marks::LEVEL_VALUE, Marks::STACK_TRACE]) || !marks.any(&[Marks::SOURCE_HOST]) {
            Layout::Logback
        } else {
            Layout::LogstashV1
        };
    }
    if marks.any(&[Marks::PYTHON]) {
        return Layout::PythonJson;
    }
    if marks.any(&[Marks::EVENT]) && !marks.any(&[Marks::MSG]) && gathered.level.is_some() {
        return Layout::Structlog;
    }
    let spark = marks.any(&[Marks::CONTEXT, Marks::LOGGER, Marks::EXCEPTION]);
    if marks.all(&[Marks::TS, Marks::MSG]) && text_at(TimeKey::Ts) && spark {
        return Layout::Spark;
    }
    let pino = marks.any(&[Marks::LEVEL_NUMBER, Marks::ERR]) || marks.all(&[Marks::PID, Marks::HOSTNAME]);
    if marks.any(&[Marks::TIME]) && pino {
        return Layout::Pino;
    }
    if marks.all(&[Marks::SEVERITY, Marks::LOGGER]) {
        return Layout::PythonJson;
    }
    Layout::GenericJson
}

/// Time keys in the order they are believed when a layout's own is missing. Those of collectors come last.
const ORDER: [TimeKey; 6] = [
    TimeKey::Ts,
    TimeKey::Asctime,
    TimeKey::Timestamp,
    TimeKey::Other,
    TimeKey::At,
    TimeKey::Time,
];

fn own_key(layout: Layout) -> Option<TimeKey> {
    match layout {
        Layout::Ecs | Layout::Recipe | Layout::LogstashV1 | Layout::Logback => Some(TimeKey::At),
        Layout::Gelf | Layout::Gcp | Layout::Structlog => Some(TimeKey::Timestamp),
        Layout::Spark => Some(TimeKey::Ts),
        Layout::PythonJson => Some(TimeKey::Asctime),
        Layout::Pino => Some(TimeKey::Time),
        Layout::Log4j2Json | Layout::Otlp | Layout::GenericJson | Layout::Text => None,
    }
}

/// The time of a record; `None` where no key holds one.
pub(crate) fn time(gathered: &Gathered<'_>, layout: Layout, zone: &TimeZone) -> Result<Option<EventTime>, Rejection> {
    let get = |key: TimeKey| gathered.times.get(key.index()).and_then(Option::as_ref);
    if let Some(seconds) = get(TimeKey::InstantSecond) {
        let whole = |value: &Value<'_>| match value {
            Value::Number(text) => text.parse::<i64>().ok(),
            Value::Str(text) => text.held().parse::<i64>().ok(),
            Value::Bool(_) | Value::Null | Value::Object(_) | Value::Array(_) => None,
        };
        let nanos = get(TimeKey::InstantNano).map_or(Some(0), whole);
        let read = whole(seconds).zip(nanos).and_then(|(s, n)| time::from_parts(s, n));
        return read.map(Some).ok_or_else(|| bad("instant"));
    }
    if let Some(millis) = get(TimeKey::Millis) {
        return read(millis, Unit::Millis, zone)
            .map(Some)
            .ok_or_else(|| bad("timeMillis"));
    }
    let candidates = own_key(layout).into_iter().chain(ORDER);
    for key in candidates {
        if let Some(value) = get(key) {
            return read(value, Unit::Guessed, zone).map(Some).ok_or_else(|| bad(name(key)));
        }
    }
    match get(TimeKey::Journal) {
        Some(value) => read(value, Unit::Micros, zone)
            .map(Some)
            .ok_or_else(|| bad("__REALTIME_TIMESTAMP")),
        None => Ok(None),
    }
}

fn read(value: &Value<'_>, unit: Unit, zone: &TimeZone) -> Option<EventTime> {
    match value {
        Value::Number(text) => time::parse(text, unit, zone),
        Value::Str(text) => time::parse(&text.decoded(), unit, zone),
        Value::Bool(_) | Value::Null | Value::Object(_) | Value::Array(_) => None,
    }
}

fn bad(key: &str) -> Rejection {
    Rejection::new(
        Reason::BadTimestamp,
        format!("the time under `{key}` cannot be read or lies outside years 1970 to 2261"),
    )
}

fn name(key: TimeKey) -> &'static str {
    match key {
        TimeKey::InstantSecond | TimeKey::InstantNano => "instant",
        TimeKey::Millis => "timeMillis",
        TimeKey::At => "@timestamp",
        TimeKey::Timestamp => "timestamp",
        TimeKey::Ts => "ts",
        TimeKey::Asctime => "asctime",
        TimeKey::Time => "time",
        TimeKey::Other => "a time key",
        TimeKey::Journal => "__REALTIME_TIMESTAMP",
    }
}

/// The level as text: trimmed, numbers by the layout's scale.
pub(crate) fn level<'a>(value: Value<'a>, layout: Layout) -> Option<Text<'a>> {
    match value {
        Value::Number(text) => Some(numbered(text, layout)),
        Value::Str(Text::Plain(text)) => {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            Some(if digits {
                numbered(text, layout)
            } else {
                Text::Plain(text)
            })
        }
        Value::Str(text) => Some(Text::Owned(text.decoded().trim().to_owned())),
        Value::Bool(_) | Value::Null | Value::Object(_) | Value::Array(_) => None,
    }
}

fn numbered(text: &str, layout: Layout) -> Text<'_> {
    let Ok(number) = text.parse::<i64>() else {
        return Text::Plain(text);
    };
    let scale = match layout {
        Layout::Gelf => Scale::Syslog,
        Layout::Otlp => Scale::Otlp,
        Layout::PythonJson | Layout::Structlog => Scale::Python,
        _ if number < 8 => Scale::Syslog,
        Layout::Log4j2Json
        | Layout::Ecs
        | Layout::Recipe
        | Layout::LogstashV1
        | Layout::Logback
        | Layout::Gcp
        | Layout::Spark
        | Layout::Pino
        | Layout::GenericJson
        | Layout::Text => Scale::Pino,
    };
    scale.name(number).map_or(Text::Plain(text), Text::Plain)
}
