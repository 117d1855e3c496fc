//! OpenTelemetry logs in JSON: one record of the transport, many events.
//!
//! Attributes of the resource become fields `resource.KEY`, those of a log record `attributes.KEY`. A body that is a
//! line of another writer (a collector that only tails files) is read as such where the log record has no severity.
//! Source: opentelemetry-proto, `logs.proto` and its JSON mapping.

use super::gather::is_missing;
use super::glued;
use super::level::Scale;
use super::record::{Layer, Out, Reader, lent, no_message, no_time, plain, was_cut};
use super::scan::{Object, Scanner, Value};
use super::time::{self, Unit};
use super::{throwable, trimmed};
use crate::event::{ErrorEvent, EventTime, Field, Layout, Reason, Rejection, Text, Thrown};

type Fields<'a> = Vec<Field<'a>>;

/// Values longer than this are no dimension.
const MAX_FIELD_BYTES: usize = 1024;
/// Attributes of one log record that are looked at.
const MAX_ATTRIBUTES: usize = 256;
/// Fields of one event.
const MAX_FIELDS: usize = 64;

/// Hands every log record of `text` to `out`.
pub(crate) fn read<'x>(reader: &Reader<'_>, text: &'x str, layer: Option<&'x Layer<'x>>, out: &mut Out<'_>) {
    let mut walk = Walk {
        reader,
        layer,
        out,
        told: 0,
        most: reader.limits.max_events,
    };
    if let Err(rejection) = walk.resources(text) {
        walk.tell(Err(rejection));
    }
    if walk.told == 0 {
        walk.tell(Err(Rejection::new(Reason::Empty, "no log record in resourceLogs")));
    }
}

struct Walk<'w, 'x, 'o> {
    reader: &'w Reader<'w>,
    layer: Option<&'x Layer<'x>>,
    out: &'w mut Out<'o>,
    told: usize,
    most: usize,
}

/// What the levels above a log record say.
struct Around<'a> {
    resource: Fields<'a>,
    scope: Option<Text<'a>>,
}

impl<'x> Walk<'_, 'x, '_> {
    fn tell(&mut self, outcome: Result<ErrorEvent<'_>, Rejection>) {
        self.told += 1;
        (self.out)(outcome);
    }

    fn resources(&mut self, whole: &'x str) -> Result<(), Rejection> {
        let top = self.reader.object(whole)?;
        for logs in self.elements(get(&top, "resourceLogs")) {
            let Value::Object(raw) = logs else { continue };
            let entries = self.reader.object(raw)?;
            let mut around = Around {
                resource: Fields::new(),
                scope: None,
            };
            if let Some(Value::Object(resource)) = get(&entries, "resource") {
                let resource = self.reader.object(resource)?;
                for (key, value) in self.attributes(get(&resource, "attributes")) {
                    push(&mut around.resource, "resource.", &key, value);
                }
            }
            let scopes = get(&entries, "scopeLogs").or_else(|| get(&entries, "instrumentationLibraryLogs"));
            for scope in self.elements(scopes) {
                let Value::Object(raw) = scope else { continue };
                let scope = self.reader.object(raw)?;
                around.scope = None;
                if let Some(Value::Object(named)) = get(&scope, "scope") {
                    let named = self.reader.object(named)?;
                    around.scope = text(get(&named, "name"));
                }
                for record in self.elements(get(&scope, "logRecords")) {
                    if self.told >= self.most {
                        return Err(Rejection::new(
                            Reason::TooLarge,
                            format!("more than {} log records; those beyond were not read", self.most),
                        ));
                    }
                    match record {
                        Value::Object(raw) => self.record(raw, &around),
                        Value::Str(_) | Value::Number(_) | Value::Bool(_) | Value::Null | Value::Array(_) => {
                            self.tell(Err(Rejection::new(
                                Reason::NotAnObject,
                                "a log record that is not an object",
                            )))
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, raw: &str, around: &Around<'_>) {
        let entries = match self.reader.object(raw) {
            Ok(entries) => entries,
            Err(rejection) => return self.tell(Err(rejection)),
        };
        let time = match self.time(&entries) {
            Ok(time) => time,
            Err(rejection) => return self.tell(Err(rejection)),
        };
        let level = text(get(&entries, "severityText")).or_else(|| numbered(get(&entries, "severityNumber")));
        let body = match get(&entries, "body") {
            Some(Value::Object(body)) => self.content(body),
            Some(other) => super::gather::text_of(other.clone()),
            None => None,
        };
        let mut fields = Fields::new();
        let mut class = None;
        let mut message = None;
        let mut trace = None;
        let mut thread = None;
        for (key, value) in self.attributes(get(&entries, "attributes")) {
            match &*key.decoded() {
                "exception.type" => class = Some(value),
                "exception.message" => message = Some(value),
                "exception.stacktrace" => trace = Some(value),
                "thread.name" => thread = Some(value),
                "thread.id" => {}
                _ => push(&mut fields, "attributes.", &key, value),
            }
        }
        for field in &around.resource {
            fields.push(Field {
                path: lent(&field.path),
                value: lent(&field.value),
            });
        }
        fields.truncate(MAX_FIELDS);
        let thrown = match trace {
            Some(trace) => Thrown::Text(trace),
            None => throwable::named(class, message),
        };
        let depth = self.layer.map_or(0, |layer| layer.depth);
        if level.is_none()
            && thrown == Thrown::Absent
            && let Some(body) = &body
        {
            let inside = body.decoded();
            let bare = trimmed(&inside);
            if depth < 4
                && (bare.starts_with('{') && super::general::is_json(bare) || super::text_line::parse(bare).is_some())
            {
                let layer = Layer {
                    time: time.or(self.layer.and_then(|layer| layer.time)),
                    level: None,
                    fields,
                    truncated: false,
                    depth: depth + 1,
                };
                let told = &mut self.told;
                let out = &mut *self.out;
                self.reader.read(bare, Some(&layer), &mut |outcome| {
                    *told += 1;
                    out(outcome);
                });
                return;
            }
        }
        let Some(time) = time.or(self.layer.and_then(|layer| layer.time)) else {
            return self.tell(Err(no_time()));
        };
        let mut event = plain(Layout::Otlp, time, body.unwrap_or_default());
        event.level = level;
        event.logger = around.scope.as_ref().map(lent);
        event.thread = thread;
        event.thrown = thrown;
        event.fields = fields;
        glued::unglue(&mut event.message, &mut event.thrown);
        if event.message.is_empty() && event.thrown == Thrown::Absent {
            return self.tell(Err(no_message()));
        }
        event.truncated = match &event.thrown {
            Thrown::Text(text) => was_cut(text, 0),
            Thrown::Json { .. } | Thrown::Named { .. } | Thrown::Absent | Thrown::Parsed(_) => false,
        };
        if let Some(layer) = self.layer {
            layer.lend_to(&mut event);
        }
        self.tell(Ok(event));
    }

    /// `timeUnixNano`, else `observedTimeUnixNano`; 0 means unknown.
    fn time(&self, entries: &Object<'_>) -> Result<Option<EventTime>, Rejection> {
        for key in ["timeUnixNano", "observedTimeUnixNano"] {
            let Some(value) = get(entries, key).cloned().and_then(super::gather::text_of) else {
                continue;
            };
            let held = value.held();
            if held.is_empty() || held == "0" {
                continue;
            }
            return match time::parse(held, Unit::Nanos, self.reader.zone) {
                Some(time) => Ok(Some(time)),
                None => Err(Rejection::new(
                    Reason::BadTimestamp,
                    format!("the time under `{key}` cannot be read or lies outside years 1970 to 2261"),
                )),
            };
        }
        Ok(None)
    }

    /// The elements of a raw array, one more than may be told.
    fn elements<'a>(&self, value: Option<&Value<'a>>) -> Vec<Value<'a>> {
        let mut found = Vec::new();
        if let Some(Value::Array(raw)) = value {
            let most = self.most.saturating_add(1);
            let walked = Scanner::new(raw, self.reader.limits.max_depth).array(0, &mut |value| {
                found.push(value);
                found.len() < most
            });
            if walked.is_err() {
                found.clear();
            }
        }
        found
    }

    /// Keys and scalar values of an attribute list.
    fn attributes<'a>(&self, value: Option<&Value<'a>>) -> Vec<(Text<'a>, Text<'a>)> {
        let mut found = Vec::new();
        for attribute in self.elements(value).into_iter().take(MAX_ATTRIBUTES) {
            let Value::Object(raw) = attribute else { continue };
            let Ok(entries) = self.reader.object(raw) else { continue };
            let (Some(key), Some(Value::Object(value))) = (text(get(&entries, "key")), get(&entries, "value")) else {
                continue;
            };
            if let Some(content) = self.content(value).filter(|content| !is_missing(content)) {
                found.push((key, content));
            }
        }
        found
    }

    /// The text of an `AnyValue`; a map by its own message, else as it was written.
    fn content<'a>(&self, raw: &'a str) -> Option<Text<'a>> {
        let entries = self.reader.object(raw).ok()?;
        let entry = entries.into_iter().next()?;
        match (&*entry.key, entry.value) {
            ("stringValue" | "intValue" | "boolValue" | "doubleValue", value) => super::gather::text_of(value),
            ("kvlistValue", Value::Object(list)) => {
                let list_entries = self.reader.object(list).ok()?;
                let mut pairs = self.attributes(get(&list_entries, "values"));
                let at = pairs
                    .iter()
                    .position(|(key, _)| matches!(key.held(), "message" | "msg" | "body" | "event"));
                at.map(|at| pairs.swap_remove(at).1).or(Some(Text::Plain(list)))
            }
            (_, Value::Object(raw) | Value::Array(raw)) => Some(Text::Plain(raw)),
            _ => None,
        }
    }
}

fn get<'o, 'a>(entries: &'o Object<'a>, key: &str) -> Option<&'o Value<'a>> {
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

/// A string that says something.
fn text<'a>(value: Option<&Value<'a>>) -> Option<Text<'a>> {
    match value {
        Some(Value::Str(text)) if !is_missing(text) => Some(text.clone()),
        _ => None,
    }
}

fn numbered(value: Option<&Value<'_>>) -> Option<Text<'static>> {
    let text = value.cloned().and_then(super::gather::text_of)?;
    Scale::Otlp.name(text.held().parse().ok()?).map(Text::Plain)
}

fn push<'a>(fields: &mut Fields<'a>, prefix: &str, key: &Text<'_>, value: Text<'a>) {
    if fields.len() < MAX_FIELDS && value.held().len() <= MAX_FIELD_BYTES && key.held().len() <= 256 {
        fields.push(Field {
            path: Text::Owned(format!("{prefix}{}", key.decoded())),
            value,
        });
    }
}
