//! The OpenAPI 3.1 document, made of the descriptions the routes were added with.

use super::endpoint::{Answer, Body, Endpoint, Holds, Param};
use super::problem::Kind;
use super::schemas;
use serde_json::{Map, Value, json};

/// The document as text.
pub(crate) fn document(endpoints: &[&'static Endpoint]) -> String {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let calls = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(calls) = calls.as_object_mut() {
            calls.insert(endpoint.verb.as_str().to_owned(), operation(endpoint));
        }
    }
    let kinds: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| format!("`urn:seismolog:problem:{}` {}", kind.facts().0, kind.facts().2.as_u16()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "seismolog",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Errors of streaming jobs: which, since when, in which jobs, how often.",
            "description": format!(
                "Times are RFC 3339 in UTC in answers; in questions also milliseconds since 1970, `now`, or relative \
                 (`-24h`). Durations are `5m`, `1h30m`. Lists are `items` and `next`, the cursor of the next page or \
                 null. Problems are RFC 9457, their types: {}.",
                kinds.join(", ")
            ),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "bearer": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "Where tokens are set." },
                "basic": { "type": "http", "scheme": "basic", "description": "The token as the password, any user name." }
            },
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457).",
                    "content": { "application/problem+json": { "schema": reference("Problem") } }
                }
            }
        }
    })
    .to_string()
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> = path_names(endpoint.path)
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" },
                    "description": path_doc(endpoint.path, name) })
        })
        .collect();
    parameters.extend(endpoint.params.iter().map(parameter));
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.doc,
        "parameters": parameters,
        "responses": {
            success(endpoint): answer(endpoint),
            "default": { "$ref": "#/components/responses/Problem" }
        }
    });
    if let (Some(body), Some(operation)) = (body(endpoint.body), operation.as_object_mut()) {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

fn success(endpoint: &Endpoint) -> &'static str {
    match (endpoint.id, endpoint.answer) {
        ("addMarker", _) => "201",
        (_, Answer::Nothing) => "204",
        (
            _,
            Answer::Json(_) | Answer::List(_) | Answer::OpenApi | Answer::Text | Answer::Events(_) | Answer::Feed(_),
        ) => "200",
    }
}

fn path_names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{').and_then(|p| p.strip_suffix('}')))
}

fn path_doc(path: &str, name: &str) -> &'static str {
    match (path.contains("/markers/"), name) {
        (true, _) => "Number of the marker",
        (false, "id") => "32 hexadecimal digits",
        (false, "team") => "The team",
        (false, _) => "The job key",
    }
}

fn parameter(param: &Param) -> Value {
    let mut schema = match param.holds {
        Holds::Query => json!({ "type": "string", "maxLength": super::ask::LONGEST_QUERY }),
        Holds::Time => json!({ "type": "string", "examples": ["-24h", "now", "2026-11-21T08:00:00Z"] }),
        Holds::Duration => json!({ "type": "string", "examples": ["5m", "1h"] }),
        Holds::OneOf(names) => json!({ "type": "string", "enum": names }),
        Holds::SomeOf(names) => json!({ "type": "array", "items": { "type": "string", "enum": names } }),
        Holds::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Holds::Cursor => json!({ "type": "string" }),
        Holds::Text(most) => json!({ "type": "string", "maxLength": most }),
    };
    if let (false, Some(schema)) = (param.default.is_empty(), schema.as_object_mut()) {
        let default = match param.holds {
            Holds::Number(..) => param.default.parse::<u64>().map_or(Value::Null, Value::from),
            Holds::SomeOf(_) => param.default.split(',').collect(),
            Holds::Query | Holds::Time | Holds::Duration | Holds::OneOf(_) | Holds::Cursor | Holds::Text(_) => {
                Value::from(param.default)
            }
        };
        schema.insert("default".to_owned(), default);
    }
    let mut parameter =
        json!({ "name": param.name, "in": "query", "required": false, "description": param.doc, "schema": schema });
    if let (Holds::SomeOf(_), Some(parameter)) = (param.holds, parameter.as_object_mut()) {
        // One parameter with commas, not one parameter for each.
        parameter.insert("explode".to_owned(), Value::from(false));
    }
    parameter
}

fn body(body: Body) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Json(schema) => Some(json!({
            "required": true,
            "content": { "application/json": { "schema": reference(schema) } }
        })),
        Body::Records => Some(json!({
            "required": true,
            "content": {
                "application/x-ndjson": { "schema": { "type": "string", "description": "One JSON value per line." } },
                "application/json": { "schema": { "type": "array", "items": {} } }
            }
        })),
    }
}

fn answer(endpoint: &Endpoint) -> Value {
    let (kind, schema) = match endpoint.answer {
        Answer::Json(schema) => ("application/json", reference(schema)),
        Answer::List(schema) => (
            "application/json",
            json!({
                "type": "object",
                "required": ["items", "next"],
                "properties": {
                    "items": { "type": "array", "items": reference(schema) },
                    "next": { "type": ["string", "null"], "description": "Hand it back as `after`; null at the end." }
                }
            }),
        ),
        Answer::Nothing => return json!({ "description": "It is done." }),
        Answer::OpenApi => ("application/json", json!({ "type": "object" })),
        Answer::Text => ("text/plain", json!({ "type": "string" })),
        Answer::Events(schema) => (
            "text/event-stream",
            json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": reference(schema) }),
        ),
        Answer::Feed(kind) => (kind, json!({})),
    };
    json!({ "description": "It went well.", "content": { kind: { "schema": schema } } })
}
