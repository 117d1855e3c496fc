//! The contract of the API, over a reader made of a handful of errors.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::too_many_arguments,
    clippy::let_underscore_must_use,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod fake;

use fake::{FakeReader, NOW, issues, running, with};
use seismolog::serve::{Role, ServeError, ServeOptions, Token};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

struct Got {
    status: u16,
    kind: String,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }
}

async fn send(
    request: impl FnOnce(&reqwest::blocking::Client) -> reqwest::blocking::RequestBuilder + Send + 'static,
) -> Got {
    tokio::task::spawn_blocking(move || {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let response = request(&client).send().unwrap();
        Got {
            status: response.status().as_u16(),
            kind: response
                .headers()
                .get("content-type")
                .map(|v| v.to_str().unwrap().to_owned())
                .unwrap_or_default(),
            headers: response.headers().clone(),
            body: response.text().unwrap(),
        }
    })
    .await
    .unwrap()
}

async fn get(address: &str) -> Got {
    let address = address.to_owned();
    send(move |c| c.get(address)).await
}

async fn post(address: &str, kind: &'static str, body: impl Into<Vec<u8>>) -> Got {
    let (address, body) = (address.to_owned(), body.into());
    send(move |c| c.post(address).header("content-type", kind).body(body)).await
}

fn id() -> String {
    issues()[0].id.to_string()
}

fn alert_id() -> String {
    fake::alerts::samples()[0].alert.id.to_string()
}

/// Calls whose answer has no end; their tests are beside the others of what they answer (`serve_alerts`).
const ENDLESS: &[&str] = &["/api/v1/alerts/stream"];

/// Every documented call with something that goes well.
fn good_calls() -> Vec<(&'static str, String)> {
    let id = id();
    vec![
        (
            "/api/v1/errors",
            "/api/v1/errors?q=severity:high&from=-24h&to=now&sort=count&limit=5&after=x&sparkline=10".to_owned(),
        ),
        ("/api/v1/errors/{id}", format!("/api/v1/errors/{id}?from=-24h&to=now")),
        (
            "/api/v1/errors/{id}/samples",
            format!("/api/v1/errors/{id}/samples?limit=3&after=x"),
        ),
        ("/api/v1/errors/{id}/explain", format!("/api/v1/errors/{id}/explain")),
        (
            "/api/v1/alerts",
            "/api/v1/alerts?state=firing,no_data&job=j&team=t&rule=r&level=basic&from=-24h&to=now&limit=5&after=x"
                .to_owned(),
        ),
        ("/api/v1/alerts/{id}", format!("/api/v1/alerts/{}", alert_id())),
        (
            "/api/v1/feed.atom",
            "/api/v1/feed.atom?state=firing&level=basic&limit=5".to_owned(),
        ),
        (
            "/api/v1/feed.json",
            "/api/v1/feed.json?state=firing&level=basic&limit=5".to_owned(),
        ),
        (
            "/api/v1/jobs/{job}/feed.atom",
            "/api/v1/jobs/j/feed.atom?state=firing&level=basic&limit=5".to_owned(),
        ),
        (
            "/api/v1/jobs/{job}/feed.json",
            "/api/v1/jobs/j/feed.json?state=firing&level=basic&limit=5".to_owned(),
        ),
        (
            "/api/v1/teams/{team}/feed.atom",
            "/api/v1/teams/t/feed.atom?state=firing&level=basic&limit=5".to_owned(),
        ),
        (
            "/api/v1/teams/{team}/feed.json",
            "/api/v1/teams/t/feed.json?state=firing&level=basic&limit=5".to_owned(),
        ),
        (
            "/api/v1/trends",
            "/api/v1/trends?by=job&step=5m&from=-1h&to=now&q=x&top=3".to_owned(),
        ),
        (
            "/api/v1/jobs",
            "/api/v1/jobs?from=-24h&to=now&name=o&limit=5&after=x&sparkline=3".to_owned(),
        ),
        (
            "/api/v1/jobs/{job}",
            "/api/v1/jobs/orders-enrichment?from=-24h&to=now".to_owned(),
        ),
        (
            "/api/v1/markers",
            "/api/v1/markers?from=-24h&to=now&job=orders-enrichment".to_owned(),
        ),
        (
            "/api/v1/rejects",
            "/api/v1/rejects?limit=5&after=x&bytes=100".to_owned(),
        ),
        ("/api/v1/totals", "/api/v1/totals".to_owned()),
        ("/api/v1/values", "/api/v1/values?field=job&prefix=o&limit=5".to_owned()),
        ("/api/v1/openapi.json", "/api/v1/openapi.json".to_owned()),
        ("/healthz", "/healthz".to_owned()),
        ("/readyz", "/readyz".to_owned()),
        ("/metrics", "/metrics".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_and_parameter_is_in_openapi_and_the_other_way_round() {
    let running = running().await;
    let document = get(&format!("{}/api/v1/openapi.json", running.http)).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let gets: BTreeSet<&str> = paths
        .iter()
        .filter(|(_, calls)| calls.get("get").is_some())
        .map(|(p, _)| p.as_str())
        .filter(|path| !ENDLESS.contains(path))
        .collect();
    let tried: BTreeSet<&str> = good_calls().iter().map(|(p, _)| *p).collect();
    assert_eq!(
        gets, tried,
        "a call is documented and not tried here, or the other way round"
    );
    let posts: BTreeSet<&str> = paths
        .iter()
        .filter(|(_, calls)| calls.get("post").is_some())
        .map(|(p, _)| p.as_str())
        .collect();
    assert_eq!(
        posts,
        BTreeSet::from([
            "/api/v1/alerts/{id}/ack",
            "/api/v1/alerts/{id}/resolve",
            "/api/v1/alerts/{id}/silence",
            "/api/v1/errors/{id}/state",
            "/api/v1/ingest",
            "/api/v1/markers",
        ])
    );
    let deletes: BTreeSet<&str> = paths
        .iter()
        .filter(|(_, calls)| calls.get("delete").is_some())
        .map(|(p, _)| p.as_str())
        .collect();
    assert_eq!(deletes, BTreeSet::from(["/api/v1/markers/{id}"]));
    for (path, address) in good_calls() {
        let got = get(&format!("{}{address}", running.http)).await;
        assert_eq!(got.status, 200, "{address}: {}", got.body);
        let documented: BTreeSet<String> = paths[path]["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["in"] == "query")
            .map(|p| p["name"].as_str().unwrap().to_owned())
            .collect();
        let used: BTreeSet<String> = address
            .split_once('?')
            .map(|(_, q)| q.split('&').map(|p| p.split('=').next().unwrap().to_owned()).collect())
            .unwrap_or_default();
        assert_eq!(
            documented, used,
            "{path}: documented parameters and those that are taken differ"
        );
        if path.starts_with("/api") {
            let got = get(&format!(
                "{}{}?nosuchparameter=1",
                running.http,
                address.split('?').next().unwrap()
            ))
            .await;
            assert_eq!(got.status, 400, "{path} takes what is not documented");
        }
    }
}

/// Checks a value against a schema: types, required keys, no key the schema does not name.
fn conforms(value: &Value, schema: &Value, document: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        return conforms(
            value,
            document.pointer(pointer).unwrap_or_else(|| panic!("{name} is missing")),
            document,
            at,
        );
    }
    if let Some(any) = schema["anyOf"].as_array() {
        if value.is_null() {
            assert!(any.iter().any(|s| s["type"] == "null"), "{at}: null is not allowed");
            return;
        }
        return conforms(value, &any[0], document, at);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{at}: no type in {schema}"),
    };
    let fits = kinds.iter().any(|kind| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: unknown type {other}"),
    });
    assert!(fits, "{at}: {value} is no {kinds:?}");
    if let Some(names) = schema["enum"].as_array() {
        assert!(names.contains(value), "{at}: {value} is not one of {names:?}");
    }
    if let (Some(map), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for key in schema["required"].as_array().unwrap() {
            assert!(map.contains_key(key.as_str().unwrap()), "{at}: {key} is missing");
        }
        for (key, inner) in map {
            let schema = known
                .get(key)
                .unwrap_or_else(|| panic!("{at}.{key} is not in the schema"));
            conforms(inner, schema, document, &format!("{at}.{key}"));
        }
    }
    if let Some(list) = value.as_array() {
        for (i, inner) in list.iter().enumerate() {
            let schema = schema["prefixItems"].get(i).unwrap_or(&schema["items"]);
            conforms(inner, schema, document, &format!("{at}[{i}]"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_what_their_schemas_say() {
    let running = running().await;
    let document = get(&format!("{}/api/v1/openapi.json", running.http)).await.json();
    for (path, address) in good_calls()
        .into_iter()
        .filter(|(p, _)| p.starts_with("/api") && !p.ends_with("openapi.json") && !p.contains("/feed."))
    {
        let answer = get(&format!("{}{address}", running.http)).await.json();
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        conforms(&answer, schema, &document, path);
    }
    let schema = |path: &str, status: &str| {
        document["paths"][path]["post"]["responses"][status]["content"]["application/json"]["schema"].clone()
    };
    let got = post(
        &format!("{}/api/v1/errors/{}/state", running.http, id()),
        "application/json",
        r#"{"do":"resolve"}"#,
    )
    .await;
    assert_eq!(got.status, 200, "{}", got.body);
    conforms(
        &got.json(),
        &schema("/api/v1/errors/{id}/state", "200"),
        &document,
        "state",
    );
    let got = post(
        &format!("{}/api/v1/markers", running.http),
        "application/json",
        r#"{"title":"deploy","at":"-5m"}"#,
    )
    .await;
    assert_eq!(got.status, 201, "{}", got.body);
    conforms(&got.json(), &schema("/api/v1/markers", "201"), &document, "marker");
    let got = post(
        &format!("{}/api/v1/ingest", running.http),
        "application/x-ndjson",
        "{\"a\":1}\n5\n",
    )
    .await;
    assert_eq!(got.status, 200, "{}", got.body);
    conforms(&got.json(), &schema("/api/v1/ingest", "200"), &document, "ingest");
    let all = get(&format!("{}/api/v1/alerts", running.http)).await.json();
    let schema_of_all =
        &document["paths"]["/api/v1/alerts"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(all["items"].as_array().unwrap().len(), 8);
    conforms(&all, schema_of_all, &document, "alerts of every kind");
    for (call, body) in [
        ("ack", r#"{"by":"Ada"}"#),
        ("silence", r#"{"for":"4h"}"#),
        ("resolve", "{}"),
    ] {
        let got = post(
            &format!("{}/api/v1/alerts/{}/{call}", running.http, alert_id()),
            "application/json",
            body,
        )
        .await;
        assert_eq!(got.status, 200, "{call}: {}", got.body);
        conforms(
            &got.json(),
            &schema(&format!("/api/v1/alerts/{{id}}/{call}"), "200"),
            &document,
            call,
        );
    }
    let problem = get(&format!("{}/api/v1/errors?q=sevrity:high", running.http)).await;
    conforms(
        &problem.json(),
        &json!({"$ref": "#/components/schemas/Problem"}),
        &document,
        "problem",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_what_the_reader_hears() {
    let running = running().await;
    get(&format!(
        "{}/api/v1/errors?q=disk+full&from=-2h&to=2026-11-21T11:00:00Z&sort=count&limit=7&after=abc%2F%3D&sparkline=12",
        running.http
    ))
    .await;
    let want = format!(
        "errors q=disk full from={} to={} sort=Count limit=7 after=Some(\"abc/=\") sparkline=12",
        NOW - 7_200_000,
        NOW - 3_600_000
    );
    assert!(running.reader.heard(&want), "{:?}", running.reader.asked);
    get(&format!(
        "{}/api/v1/trends?by=host&from=-1h&step=5m&top=3",
        running.http
    ))
    .await;
    assert!(
        running.reader.heard("trends by=host step=5 "),
        "{:?}",
        running.reader.asked
    );
    get(&format!(
        "{}/api/v1/jobs/{}",
        running.http, "job%20%3Cb%3Ebold%3C%2Fb%3E%2Fwith%20slash"
    ))
    .await;
    assert!(
        running.reader.heard("job job <b>bold</b>/with slash from="),
        "{:?}",
        running.reader.asked
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_search_is_pointed_at() {
    let running = running().await;
    let got = get(&format!("{}/api/v1/errors?q=disk+sevrity:high", running.http)).await;
    assert_eq!((got.status, got.kind.as_str()), (400, "application/problem+json"));
    let problem = got.json();
    assert_eq!(problem["type"], "urn:seismolog:problem:bad-query");
    assert_eq!(problem["parameter"], "q");
    assert_eq!(problem["position"], 5);
    assert_eq!(problem["suggestion"], "severity");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_parameters_are_problems_and_never_a_500() {
    let running = running().await;
    let long = "x".repeat(5000);
    let calls = [
        "/api/v1/errors?limit=0".to_owned(),
        "/api/v1/errors?limit=99999999999999999999999".to_owned(),
        "/api/v1/errors?limit=-1".to_owned(),
        "/api/v1/errors?limt=5".to_owned(),
        "/api/v1/errors?limit=5&limit=6".to_owned(),
        "/api/v1/errors?from=now&to=-1h".to_owned(),
        "/api/v1/errors?from=%00".to_owned(),
        "/api/v1/errors?from=-99999999999999d".to_owned(),
        "/api/v1/errors?sort=random()".to_owned(),
        "/api/v1/errors?q=%ff%fe".to_owned(),
        format!("/api/v1/errors?q={long}"),
        format!("/api/v1/errors?q={}", "(".repeat(4000)),
        format!("/api/v1/errors?after={long}"),
        "/api/v1/errors?after=garbage".to_owned(),
        "/api/v1/errors/xyz".to_owned(),
        "/api/v1/errors/..%2f..%2fetc%2fpasswd".to_owned(),
        "/api/v1/errors/%ff".to_owned(),
        "/api/v1/trends?by=password".to_owned(),
        "/api/v1/trends?step=1s".to_owned(),
        "/api/v1/trends?step=1m&from=-30d".to_owned(),
        "/api/v1/trends?step=0m".to_owned(),
        "/api/v1/trends?top=0".to_owned(),
        "/api/v1/values".to_owned(),
        "/api/v1/markers?from=yesterday".to_owned(),
        "/api/v1/rejects?bytes=99999999".to_owned(),
    ];
    for call in calls {
        let got = get(&format!("{}{call}", running.http)).await;
        let shown: String = call.chars().take(80).collect();
        assert_eq!(
            (got.status, got.kind.as_str()),
            (400, "application/problem+json"),
            "{shown}: {}",
            got.body
        );
        let problem = got.json();
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|d| d.len() > 10 && d.len() < 700),
            "{shown}: {problem}"
        );
    }
    for call in [
        "/api/v1/nothing",
        "/api/v1/errors/00000000000000000000000000000000",
        "/api/v1/jobs/nosuchjob",
    ] {
        let got = get(&format!("{}{call}", running.http)).await;
        assert_eq!(
            (got.status, got.kind.as_str()),
            (404, "application/problem+json"),
            "{call}: {}",
            got.body
        );
    }
    let got = post(&format!("{}/api/v1/errors", running.http), "application/json", "{}").await;
    assert_eq!((got.status, got.kind.as_str()), (405, "application/problem+json"));
    assert!(got.headers.contains_key("allow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_or_a_broken_store_costs_that_answer_only() {
    let running = running().await;
    for word in ["boom", "brokenstore"] {
        let got = get(&format!("{}/api/v1/errors?q={word}", running.http)).await;
        assert_eq!(
            (got.status, got.kind.as_str()),
            (500, "application/problem+json"),
            "{}",
            got.body
        );
    }
    assert_eq!(get(&format!("{}/api/v1/errors", running.http)).await.status, 200);
    assert_eq!(get(&format!("{}/?q=boom", running.http)).await.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_questions_are_given_up_and_do_not_pile_up() {
    let slow = FakeReader {
        slow: Some(Duration::from_millis(1500)),
        ..FakeReader::default()
    };
    let running = with(slow, |options, _| {
        options.question_limit = Duration::from_millis(200);
        options.questions_at_once = 1;
    })
    .await;
    let address = format!("{}/api/v1/totals", running.http);
    let first = tokio::spawn({
        let address = address.clone();
        async move { get(&address).await.status }
    });
    assert_eq!(first.await.unwrap(), 503);
    // The one given up still holds its place: the next is told to come back instead of piling up behind it.
    let got = get(&address).await;
    assert_eq!(got.status, 429, "{}", got.body);
    assert_eq!(got.headers["retry-after"], "5");
    assert_eq!(get(&format!("{}/healthz", running.http)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_reach_the_editor_and_mistakes_do_not() {
    let running = running().await;
    let state = format!("{}/api/v1/errors/{}/state", running.http, id());
    for body in [
        r#"{"do":"resolve"}"#,
        r#"{"do":"mute","until":"1h"}"#,
        r#"{"do":"mute","events":100,"minutes":60}"#,
        r#"{"do":"reopen"}"#,
        r#"{"do":"assign","to":"Ada"}"#,
        r#"{"do":"note","text":"look at the <b>disk</b>"}"#,
    ] {
        let got = post(&state, "application/json", body).await;
        assert_eq!(got.status, 200, "{body}: {}", got.body);
    }
    assert_eq!(running.editor.changes.lock().unwrap().len(), 6);
    for body in [
        r#"{"do":"resolv"}"#,
        r#"{"do":"mute","until":"-1h"}"#,
        r#"{"do":"resolve","until":"1h"}"#,
        "{}",
        "[",
        r#"{"do":"note","text":"x","more":1}"#,
        r#"{"do":"mute","events":5}"#,
    ] {
        let got = post(&state, "application/json", body).await;
        assert_eq!(
            (got.status, got.kind.as_str()),
            (400, "application/problem+json"),
            "{body}: {}",
            got.body
        );
    }
    assert_eq!(post(&state, "text/plain", r#"{"do":"resolve"}"#).await.status, 415);
    let got = post(&state, "application/json", " ".repeat(100_000)).await;
    assert_eq!((got.status, got.kind.as_str()), (413, "application/problem+json"));
    let unknown = format!("{}/api/v1/errors/{}/state", running.http, "0".repeat(32));
    assert_eq!(
        post(&unknown, "application/json", r#"{"do":"resolve"}"#).await.status,
        404
    );
    assert_eq!(running.editor.changes.lock().unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_come_and_go() {
    let running = running().await;
    let markers = format!("{}/api/v1/markers", running.http);
    for (body, want) in [
        (r#"{"title":"deploy 1.4","at":"-5m","until":"now","job":"orders"}"#, 201),
        (r#"{"title":""}"#, 400),
        (r#"{"title":"x","at":"now","until":"-1h"}"#, 400),
        (r#"{"title":"x","at":"soon"}"#, 400),
        (r#"{"titel":"x"}"#, 400),
    ] {
        let got = post(&markers, "application/json", body).await;
        assert_eq!(got.status, want, "{body}: {}", got.body);
    }
    for (id, want) in [("7", 204), ("8", 404), ("x", 400)] {
        let address = format!("{markers}/{id}");
        assert_eq!(send(move |c| c.delete(address)).await.status, want, "{id}");
    }
    let address = format!("{markers}/7");
    let foreign = send(move |c| c.delete(address).header("origin", "https://evil.example")).await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_hands_says_so() {
    let running = with(FakeReader::default(), |_, parts| {
        parts.editor = None;
        parts.ingest = None;
    })
    .await;
    let state = format!("{}/api/v1/errors/{}/state", running.http, id());
    assert_eq!(
        post(&state, "application/json", r#"{"do":"resolve"}"#).await.status,
        403
    );
    assert_eq!(
        post(&format!("{}/api/v1/ingest", running.http), "application/x-ndjson", "{}")
            .await
            .status,
        403
    );
    let page = get(&format!("{}/errors/{}", running.http, id())).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("method=\"post\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_give_one_outcome_per_record_in_order() {
    let running = with(FakeReader::default(), |options, _| options.ingest_bytes = 10_000).await;
    let push = format!("{}/api/v1/ingest", running.http);
    for (kind, body) in [
        ("application/x-ndjson", "{\"a\":1}\n5\n\n{\"b\":2}\n"),
        ("application/json", "[{\"a\":1}, 5, {\"b\":2}]"),
    ] {
        let answer = post(&push, kind, body).await.json();
        assert_eq!(answer["records"], 3);
        assert_eq!((&answer["folded"], &answer["rejected"]), (&json!(2), &json!(1)));
        let outcomes: Vec<&str> = answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(outcomes, ["folded", "rejected", "folded"]);
    }
    let got = post(&push, "application/x-ndjson", "x".repeat(10_001)).await;
    assert_eq!((got.status, got.kind.as_str()), (413, "application/problem+json"));
    let got = post(&push, "application/json", "[\"busy\"]").await;
    assert_eq!((got.status, got.headers["retry-after"].to_str().unwrap()), (429, "3"));
    assert_eq!(post(&push, "application/json", "[1,").await.status, 400);
    assert_eq!(post(&push, "application/x-www-form-urlencoded", "{}").await.status, 415);
    assert_eq!(
        post(&push, "text/plain", "{}").await.status,
        415,
        "a form of another site can send text/plain"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_cannot_change_anything_nor_rebind_a_name() {
    let running = running().await;
    let state = format!("{}/api/v1/errors/{}/state", running.http, id());
    for (name, value, want) in [
        ("origin", "https://evil.example".to_owned(), 403),
        ("origin", "null".to_owned(), 403),
        ("sec-fetch-site", "cross-site".to_owned(), 403),
        ("sec-fetch-site", "same-site".to_owned(), 403),
        ("sec-fetch-site", "same-origin".to_owned(), 200),
        ("origin", running.http.clone(), 200),
    ] {
        let (address, value_) = (state.clone(), value.clone());
        let got = send(move |c| {
            c.post(address)
                .header("content-type", "application/json")
                .header(name, value_)
                .body(r#"{"do":"resolve"}"#)
        })
        .await;
        assert_eq!(got.status, want, "{name}: {value}");
    }
    for (host, want) in [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost:8420", 200),
        ("[::1]:8420", 200),
    ] {
        let address = format!("{}/", running.http);
        let got = send(move |c| c.get(address).header("host", host)).await;
        assert_eq!(got.status, want, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_bind_a_browser() {
    let running = running().await;
    for path in ["/", "/api/v1/errors", "/nothing", "/api/v1/errors?limit=0", "/?q=boom"] {
        let got = get(&format!("{}{path}", running.http)).await;
        let policy = got.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(got.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(got.headers["referrer-policy"], "same-origin", "{path}");
        assert_eq!(got.headers["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_asked_for_and_roles_hold() {
    let token = |name: &str, role| Token {
        name: name.to_owned(),
        role,
        secret: format!("{name}-secret-of-enough-letters"),
    };
    let running = with(FakeReader::default(), |options, _| {
        options.tokens = vec![token("view", Role::Viewer), token("edit", Role::Editor)];
    })
    .await;
    let list = format!("{}/api/v1/errors", running.http);
    let state = format!("{}/api/v1/errors/{}/state", running.http, id());
    let got = get(&list).await;
    assert_eq!(got.status, 401);
    assert!(got.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    assert_eq!(get(&format!("{}/healthz", running.http)).await.status, 200);
    for (secret, read, write) in [
        ("view-secret-of-enough-letters", 200, 403),
        ("edit-secret-of-enough-letters", 200, 200),
        ("wrong", 401, 401),
        ("", 401, 401),
    ] {
        let address = list.clone();
        assert_eq!(
            send(move |c| c.get(address).bearer_auth(secret)).await.status,
            read,
            "{secret}"
        );
        let address = list.clone();
        assert_eq!(
            send(move |c| c.get(address).basic_auth("anyone", Some(secret)))
                .await
                .status,
            read,
            "{secret}"
        );
        let address = state.clone();
        let got = send(move |c| {
            c.post(address)
                .bearer_auth(secret)
                .header("content-type", "application/json")
                .body(r#"{"do":"resolve"}"#)
        })
        .await;
        assert_eq!(got.status, write, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_needs_tokens_and_a_port_in_use_is_said() {
    let parts = || seismolog::serve::Parts::read_only(std::sync::Arc::new(FakeReader::default()));
    let options = |bind: &str| ServeOptions {
        bind: bind.parse().unwrap(),
        ..ServeOptions::default()
    };
    let error = seismolog::serve::start(options("0.0.0.0:0"), parts())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ServeError::Unguarded { .. }) && error.is_configuration(),
        "{error}"
    );
    let running = running().await;
    let error = seismolog::serve::start(options(&running.address), parts())
        .await
        .unwrap_err();
    assert!(matches!(error, ServeError::PortInUse { .. }) && !error.is_configuration());
    assert!(error.to_string().contains(&running.address), "{error}");
    let mut weak = options("127.0.0.1:0");
    weak.tokens = vec![Token {
        name: "a".to_owned(),
        role: Role::Viewer,
        secret: "short".to_owned(),
    }];
    let error = seismolog::serve::start(weak, parts()).await.unwrap_err();
    assert!(error.is_configuration());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_go_of_its_port() {
    let running = running().await;
    let address = running.serving.addr();
    running.serving.shutdown(Duration::from_secs(2)).await;
    tokio::net::TcpListener::bind(address).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_lose_their_place() {
    use std::io::{Read, Write};
    let running = with(FakeReader::default(), |options, _| {
        options.idle = Duration::from_millis(400);
        options.sending = Duration::from_millis(1000);
        options.connections = 2;
    })
    .await;
    let address = running.address.clone();
    let took = tokio::task::spawn_blocking(move || {
        let began = std::time::Instant::now();
        // One says nothing; the other sends a byte now and then.
        let silent = std::net::TcpStream::connect(&address).unwrap();
        let mut dripping = std::net::TcpStream::connect(&address).unwrap();
        dripping.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ").unwrap();
        dripping.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut byte = [0_u8; 1];
        while began.elapsed() < Duration::from_secs(20) {
            if dripping.write_all(b"x").is_err() {
                break;
            }
            match dripping.read(&mut byte) {
                Ok(_) => break,
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let took = began.elapsed();
        drop(silent);
        took
    })
    .await
    .unwrap();
    assert!(
        took < Duration::from_secs(5),
        "the dripping client kept its place for {took:?}"
    );
    assert_eq!(get(&format!("{}/healthz", running.http)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_what_is_missing() {
    let running = with(FakeReader::default(), |_, parts| {
        parts.ready = std::sync::Arc::new(|| Err("the sample logs are still being read".to_owned()));
    })
    .await;
    let got = get(&format!("{}/readyz", running.http)).await;
    assert_eq!(got.status, 503);
    assert!(got.body.contains("still being read"));
    let metrics = get(&format!("{}/metrics", running.http)).await;
    assert!(metrics.kind.starts_with("text/plain; version=0.0.4"));
}

mod terminal {
    //! The questions from a terminal, against a running server.
    use super::*;
    use assert_cmd::Command;
    use predicates::str::contains;

    fn seismolog(arguments: Vec<String>) -> assert_cmd::assert::Assert {
        Command::cargo_bin("seismolog")
            .unwrap()
            .args(arguments)
            .env_remove("SEISMOLOG_TOKEN")
            .assert()
    }

    async fn run(arguments: &[&str]) -> assert_cmd::assert::Assert {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        tokio::task::spawn_blocking(move || seismolog(arguments)).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn search_trends_and_jobs_ask_a_server() {
        let running = running().await;
        let server = running.http.as_str();
        run(&["search", "-severity:low", "--server", server, "--output", "table"])
            .await
            .success()
            .stdout(contains("PSQLException: Connection to"));
        assert!(running.reader.heard("q=-severity:low"), "{:?}", running.reader.asked);
        run(&["search", "--server", server])
            .await
            .success()
            .stdout(contains("\"error_type\":\"checkpoint_expired\""));
        run(&["search", "--server", server, "-o", "csv"])
            .await
            .success()
            .stdout(contains("id,fingerprint,job,"));
        run(&[
            "trends", "--by", "category", "--since", "6h", "--server", server, "-o", "table",
        ])
        .await
        .success()
        .stdout(contains("(total)"));
        run(&["trends", "--server", server, "-o", "json"])
            .await
            .success()
            .stdout(contains("step_seconds"));
        run(&["jobs", "--server", server, "-o", "table"])
            .await
            .success()
            .stdout(contains("orders-enrichment"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn mistakes_end_with_64_and_a_caret_below_them() {
        run(&["search", "disk sevrity:high"])
            .await
            .code(64)
            .stderr(contains("\n     ^^^^^^^"))
            .stderr(contains("severity"));
        run(&["search", "--since", "yesterday"]).await.code(64);
        run(&["search", "--since", "1h", "--until", "-2h"]).await.code(64);
        run(&["search", "--limit", "0"]).await.code(64);
        run(&["trends", "--by", "password"]).await.code(64);
        run(&["trends", "--step", "1s"]).await.code(64);
        run(&["search", "--server", "localhost"]).await.code(64);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_stays_away_ends_with_75() {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        run(&["jobs", "--server", &format!("http://127.0.0.1:{port}")])
            .await
            .code(75)
            .stderr(contains("does not answer"));
    }
}

mod over_the_embedded_store {
    //! The same surface with real answers behind it.
    use super::*;
    use assert_cmd::Command;
    use fake::flush::flush;
    use seismolog::clock::Clock;
    use seismolog::fold::Flush;
    use seismolog::serve::Parts;
    use seismolog::store::{Store, StoreOptions};

    struct Filled {
        running: seismolog::serve::Serving,
        http: String,
        folder: tempfile::TempDir,
        _store: Store,
    }

    async fn filled(now: i64, clock: Clock, flushes: impl IntoIterator<Item = Flush>) -> Filled {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let mut writer = store.writer();
        for flush in flushes {
            writer.apply(&flush).unwrap();
        }
        drop(writer);
        let parts = Parts {
            editor: Some(store.editor()),
            clock,
            ..Parts::read_only(store.reader())
        };
        let options = ServeOptions {
            bind: "127.0.0.1:0".parse().unwrap(),
            ..ServeOptions::default()
        };
        let running = seismolog::serve::start(options, parts).await.unwrap();
        let _ = now;
        Filled {
            http: format!("http://{}", running.addr()),
            running,
            folder,
            _store: store,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_answer_conforms_and_every_page_opens() {
        let filled = filled(NOW, Clock::Fixed(NOW), [flush(0, 60, NOW, &[1, 30, 300], 4)]).await;
        let http = &filled.http;
        let document = get(&format!("{http}/api/v1/openapi.json")).await.json();
        let list = get(&format!("{http}/api/v1/errors?sparkline=24&limit=10")).await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), 10);
        let id = list["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(list["items"][0]["count"], 12);
        for (path, address) in [
            ("/api/v1/errors", "/api/v1/errors?sparkline=24&limit=10".to_owned()),
            ("/api/v1/errors/{id}", format!("/api/v1/errors/{id}")),
            ("/api/v1/errors/{id}/samples", format!("/api/v1/errors/{id}/samples")),
            ("/api/v1/errors/{id}/explain", format!("/api/v1/errors/{id}/explain")),
            ("/api/v1/trends", "/api/v1/trends?by=team".to_owned()),
            ("/api/v1/jobs", "/api/v1/jobs?sparkline=24".to_owned()),
            ("/api/v1/jobs/{job}", "/api/v1/jobs/job-003".to_owned()),
            ("/api/v1/markers", "/api/v1/markers".to_owned()),
            ("/api/v1/rejects", "/api/v1/rejects".to_owned()),
            ("/api/v1/totals", "/api/v1/totals".to_owned()),
            ("/api/v1/values", "/api/v1/values?field=job&prefix=job-00".to_owned()),
        ] {
            let got = get(&format!("{http}{address}")).await;
            assert_eq!(got.status, 200, "{address}: {}", got.body);
            let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
            conforms(&got.json(), schema, &document, path);
        }
        // Pages of the list hold every error once.
        let mut seen = BTreeSet::new();
        let mut after = String::new();
        loop {
            let page = get(&format!("{http}/api/v1/errors?limit=7&after={after}")).await.json();
            for item in page["items"].as_array().unwrap() {
                assert!(
                    seen.insert(item["id"].as_str().unwrap().to_owned()),
                    "{item} came twice"
                );
            }
            match page["next"].as_str() {
                Some(next) => after = next.replace('+', "%2B").replace('=', "%3D").replace('/', "%2F"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 60);
        for page in [
            "/",
            "/?noise=show&sort=count",
            "/?q=is:new+job:job-003",
            "/trends?by=job",
            "/jobs",
            "/jobs/job-003",
            "/rejects",
            "/about",
        ] {
            let got = get(&format!("{http}{page}")).await;
            assert_eq!(got.status, 200, "{page}: {}", got.body);
        }
        let page = get(&format!("{http}/errors/{id}")).await;
        assert!(page.body.contains("Connection to db-"), "{}", page.body);
        let front = get(&format!("{http}/")).await;
        assert!(front.body.contains("144 noise events"), "{}", front.body);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_people_say_changes_the_answers() {
        let filled = filled(NOW, Clock::Fixed(NOW), [flush(0, 5, NOW, &[1], 1)]).await;
        let http = &filled.http;
        let id = get(&format!("{http}/api/v1/errors")).await.json()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let state = format!("{http}/api/v1/errors/{id}/state");
        for body in [
            r#"{"do":"mute","events":5,"minutes":60}"#,
            r#"{"do":"assign","to":"Ada"}"#,
            r#"{"do":"note","text":"known"}"#,
            r#"{"do":"resolve"}"#,
        ] {
            let got = post(&state, "application/json", body).await;
            assert_eq!(got.status, 200, "{body}: {}", got.body);
        }
        let resolved = get(&format!("{http}/api/v1/errors?q=is:resolved")).await.json();
        assert_eq!(resolved["items"].as_array().unwrap().len(), 1);
        let one = get(&format!("{http}/api/v1/errors/{id}")).await.json();
        assert_eq!(
            (&one["people"]["assignee"], &one["people"]["note"]),
            (&json!("Ada"), &json!("known"))
        );
        let got = post(
            &format!("{http}/api/v1/markers"),
            "application/json",
            r#"{"title":"deploy","at":"-5m"}"#,
        )
        .await;
        assert_eq!(got.status, 201, "{}", got.body);
        let markers = get(&format!("{http}/api/v1/markers")).await.json();
        assert_eq!(markers["items"][0]["title"], "deploy");
        assert!(get(&format!("{http}/errors/{id}")).await.body.contains("deploy"));
        drop(filled.running);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_terminal_reads_the_folder_while_a_service_holds_it() {
        let now = Clock::System.now_millis();
        let filled = filled(now, Clock::System, [flush(0, 20, now, &[1, 30], 4)]).await;
        let folder = filled.folder.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let run = |arguments: &[&str]| {
                let done = Command::cargo_bin("seismolog")
                    .unwrap()
                    .args(arguments)
                    .arg("--store")
                    .arg(&folder)
                    .assert()
                    .success();
                String::from_utf8(done.get_output().stdout.clone()).unwrap()
            };
            let listed = run(&["search", "error_type:database_unreachable", "--output", "jsonl"]);
            assert_eq!(listed.lines().count(), 4, "{listed}");
            assert!(run(&["search", "--output", "csv", "--sort", "count"]).lines().count() > 15);
            let total: Value =
                serde_json::from_str(run(&["trends", "--by", "job", "-o", "jsonl"]).lines().last().unwrap()).unwrap();
            assert_eq!(total["count"], 160);
            assert!(run(&["jobs", "job-00", "--output", "table"]).contains("job-003"));
            let none = tempfile::tempdir().unwrap();
            Command::cargo_bin("seismolog")
                .unwrap()
                .args(["jobs", "--store"])
                .arg(none.path())
                .assert()
                .code(78);
        })
        .await
        .unwrap();
    }

    /// How long pages take on a large store. Size by `ERRORS` (in thousands) and `MINUTES`.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "fills a large store; for measuring"]
    async fn measure_pages_on_a_large_store() {
        let size = |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
        let (thousands, minutes) = (size("ERRORS", 20), size("MINUTES", 10));
        let began = std::time::Instant::now();
        let flushes = (0..thousands).map(|t| {
            let minutes: Vec<i64> = (0..minutes)
                .map(|m| i64::try_from((m * 137 + t * 7) % 1400).unwrap())
                .collect();
            flush(t * 1000, 1000, NOW, &minutes, 3)
        });
        let filled = filled(NOW, Clock::Fixed(NOW), flushes).await;
        eprintln!("filled in {:?}", began.elapsed());
        let http = filled.http.clone();
        let id = get(&format!("{http}/api/v1/errors?limit=1")).await.json()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let pages: Vec<String> = [
            "/",
            "/?sort=count",
            "/?q=refused+part",
            "/?q=job:job-00*+severity:%3E=high",
            "/?from=-7d",
            "/trends",
            "/trends?by=job",
            "/jobs",
            "/jobs/job-003",
            "/rejects",
            "/about",
        ]
        .iter()
        .map(|p| (*p).to_owned())
        .chain([format!("/errors/{id}")])
        .collect();
        tokio::task::spawn_blocking(move || {
            let client = reqwest::blocking::Client::new();
            for page in pages {
                let mut took: Vec<u128> = (0..20)
                    .map(|_| {
                        let began = std::time::Instant::now();
                        let response = client.get(format!("{http}{page}")).send().unwrap();
                        let status = response.status();
                        response.bytes().unwrap();
                        assert!(status.is_success(), "{page}: {status}");
                        began.elapsed().as_micros()
                    })
                    .collect();
                let first = took[0];
                took.sort_unstable();
                eprintln!(
                    "{page:40} first {:>7} us   median {:>7} us   p95 {:>7} us",
                    first, took[10], took[18]
                );
            }
        })
        .await
        .unwrap();
    }
}
