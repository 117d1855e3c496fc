//! Alerts over HTTP: the calls, the stream of changes, the feeds.

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

use fake::alerts::{HOSTILE, samples};
use fake::{FakeReader, NOW, running, with};
use seismolog::alert::{Level, State};
use seismolog::serve::{Role, Token};
use seismolog::store::ChangeKind;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(
    request: impl FnOnce(&reqwest::blocking::Client) -> reqwest::blocking::RequestBuilder + Send + 'static,
) -> Got {
    tokio::task::spawn_blocking(move || {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::blocking::Client::new();
        let response = request(&client).send().unwrap();
        Got {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().unwrap(),
        }
    })
    .await
    .unwrap()
}

async fn get(address: String) -> Got {
    send(move |c| c.get(address)).await
}

async fn get_with(address: String, name: &'static str, value: String) -> Got {
    send(move |c| c.get(address).header(name, value)).await
}

async fn post(address: String, body: &str) -> Got {
    let body = body.to_owned();
    send(move |c| c.post(address).header("content-type", "application/json").body(body)).await
}

mod calls {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_asked_is_what_the_reader_hears() {
        let running = running().await;
        let http = &running.http;
        let address = format!(
            "{http}/api/v1/alerts?state=firing,%20no_data&job=a%2Fb&team=t&rule=r&level=platform&from=-2h&to=now&limit=7&after=3"
        );
        assert_eq!(get(address).await.status, 200);
        let ask = running.alerts.asked.lock().unwrap().last().cloned().unwrap();
        assert_eq!(ask.states, [State::Firing, State::NoData]);
        assert_eq!(
            (ask.job.as_deref(), ask.team.as_deref(), ask.rule.as_deref(), ask.level),
            (Some("a/b"), Some("t"), Some("r"), Some(Level::Platform))
        );
        assert_eq!(
            (ask.from, ask.to, ask.limit, ask.after.as_deref()),
            (Some(NOW - 7_200_000), Some(NOW), 7, Some("3"))
        );
        let all = get(format!("{http}/api/v1/alerts")).await.json();
        assert_eq!(all["items"].as_array().unwrap().len(), 8);
        let firing = get(format!("{http}/api/v1/alerts?state=firing")).await.json();
        assert_eq!(firing["items"].as_array().unwrap().len(), 3);
        let page = get(format!("{http}/api/v1/alerts?limit=3")).await.json();
        assert_eq!(page["next"], "3");
        let one = get(format!("{http}/api/v1/alerts/{}", samples()[0].alert.id))
            .await
            .json();
        assert_eq!(one["history"][1]["change"], "fired");
        assert_eq!(one["deliveries"][0]["outcome"], "delivered");
        assert_eq!(one["value"], 12);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hostile_parameters_are_problems() {
        let running = running().await;
        for (call, want) in [
            ("alerts?state=fireing", 400),
            ("alerts?state=firing,boom", 400),
            ("alerts?level=all", 400),
            ("alerts?from=now&to=-1h", 400),
            ("alerts?from=yesterday", 400),
            ("alerts?limit=0", 400),
            ("alerts?after=garbage", 400),
            ("alerts?stat=firing", 400),
            ("alerts/xyz", 400),
            ("alerts/00000000000000000000000000000000", 404),
            ("alerts/stream?after=-1", 400),
            ("alerts/stream?after=1e9", 400),
            ("alerts/stream?afer=1", 400),
            ("feed.atom?limit=201", 400),
            ("feed.json?state=all", 400),
        ] {
            let got = get(format!("{}/api/v1/{call}", running.http)).await;
            assert_eq!(
                (got.status, got.header("content-type")),
                (want, "application/problem+json"),
                "{call}: {}",
                got.body
            );
        }
        let mistyped = get(format!("{}/api/v1/alerts?state=fireing", running.http))
            .await
            .json();
        assert_eq!(mistyped["suggestion"], "firing");
        let got = get_with(
            format!("{}/api/v1/alerts/stream", running.http),
            "last-event-id",
            "seven".to_owned(),
        )
        .await;
        assert_eq!(got.status, 400, "{}", got.body);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_people_say_reaches_the_editor_and_mistakes_do_not() {
        let running = running().await;
        let alert = format!("{}/api/v1/alerts/{}", running.http, samples()[0].alert.id);
        for (call, body, want) in [
            (
                "ack",
                r#"{"by":" Ada ","note":""}"#,
                "Ack { by: Some(\"Ada\"), note: None }",
            ),
            ("ack", "", "Ack { by: None, note: None }"),
            (
                "silence",
                r#"{"for":"4h"}"#,
                "Silence { until: 1795276800000, by: None, note: None }",
            ),
            (
                "silence",
                r#"{"until":"2026-11-22T00:00:00Z"}"#,
                "Silence { until: 1795305600000, by: None, note: None }",
            ),
            (
                "resolve",
                r#"{"note":"fixed"}"#,
                "Resolve { by: None, note: Some(\"fixed\") }",
            ),
        ] {
            let got = post(format!("{alert}/{call}"), body).await;
            assert_eq!(got.status, 200, "{call} {body}: {}", got.body);
            assert_eq!(
                format!("{:?}", running.alerts.acts.lock().unwrap().last().unwrap().1),
                want
            );
        }
        let other = format!("{}/api/v1/alerts/{}", running.http, samples()[1].alert.id);
        let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(10_001));
        for (call, body) in [
            ("silence", "{}"),
            ("silence", r#"{"for":"4h","until":"now"}"#),
            ("silence", r#"{"until":"-1h"}"#),
            ("silence", r#"{"for":"for ever"}"#),
            ("ack", r#"{"for":"4h"}"#),
            ("ack", r#"{"who":"Ada"}"#),
            ("ack", "["),
            ("ack", &long),
        ] {
            let got = post(format!("{other}/{call}"), body).await;
            assert_eq!(got.status, 400, "{call} {body}: {}", got.body);
        }
        // It is over by now.
        assert_eq!(post(format!("{alert}/ack"), "{}").await.status, 400);
        let unknown = format!("{}/api/v1/alerts/{}/ack", running.http, "0".repeat(32));
        assert_eq!(post(unknown, "{}").await.status, 404);
        let to = format!("{other}/ack");
        let form = send(move |c| c.post(to).header("content-type", "text/plain").body("{}")).await;
        assert_eq!(form.status, 415);
        let to = format!("{other}/ack");
        let foreign = send(move |c| {
            c.post(to)
                .header("content-type", "application/json")
                .header("origin", "https://evil.example")
                .body("{}")
        })
        .await;
        assert_eq!(foreign.status, 403);
        assert_eq!(running.alerts.acts.lock().unwrap().len(), 5);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn viewers_read_and_only_editors_say_something() {
        let token = |name: &str, role| Token {
            name: name.to_owned(),
            role,
            secret: format!("{name}-secret-of-enough-letters"),
        };
        let running = with(FakeReader::default(), |options, _| {
            options.tokens = vec![token("view", Role::Viewer), token("edit", Role::Editor)];
        })
        .await;
        let alerts = format!("{}/api/v1/alerts", running.http);
        for (secret, read, write) in [
            ("view-secret-of-enough-letters", 200, 403),
            ("edit-secret-of-enough-letters", 200, 200),
            ("wrong", 401, 401),
        ] {
            for address in [alerts.clone(), format!("{}/feed.atom", running.http)] {
                assert_eq!(
                    send(move |c| c.get(address).bearer_auth(secret)).await.status,
                    read,
                    "{secret}"
                );
            }
            let address = format!("{alerts}/{}/ack", samples()[0].alert.id);
            let got = send(move |c| {
                c.post(address)
                    .bearer_auth(secret)
                    .header("content-type", "application/json")
                    .body("{}")
            })
            .await;
            assert_eq!(got.status, write, "{secret}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_does_not_judge_or_only_reads_says_so() {
        let blind = with(FakeReader::default(), |_, parts| {
            parts.alerts = None;
            parts.alert_editor = None;
        })
        .await;
        let id = samples()[0].alert.id;
        for call in [
            "api/v1/alerts".to_owned(),
            format!("api/v1/alerts/{id}"),
            "api/v1/alerts/stream".to_owned(),
            "feed.atom".to_owned(),
            "jobs/x/feed.json".to_owned(),
        ] {
            let got = get(format!("{}/{call}", blind.http)).await;
            assert_eq!(got.status, 404, "{call}");
            assert!(
                got.json()["detail"].as_str().unwrap().contains("does not judge"),
                "{call}"
            );
        }
        assert_eq!(
            post(format!("{}/api/v1/alerts/{id}/ack", blind.http), "{}")
                .await
                .status,
            404
        );
        let reading = with(FakeReader::default(), |_, parts| parts.alert_editor = None).await;
        assert_eq!(
            post(format!("{}/api/v1/alerts/{id}/ack", reading.http), "{}")
                .await
                .status,
            403
        );
        let page = get(format!("{}/alerts/{id}", reading.http)).await;
        assert!(page.status == 200 && !page.body.contains("method=\"post\""));
    }
}

mod stream {
    use super::*;

    /// An event of the stream.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct Event {
        pub id: String,
        pub name: String,
        pub data: String,
    }

    /// One who follows, on a connection of its own.
    pub struct Follower {
        head: String,
        lines: BufReader<TcpStream>,
        /// Heartbeats heard.
        comments: usize,
    }

    impl Follower {
        pub fn connect(address: &str, path: &str, headers: &str) -> Self {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n{headers}\r\n"
            )
            .unwrap();
            let mut lines = BufReader::new(stream);
            let mut head = String::new();
            loop {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                if line == "\r\n" {
                    break;
                }
                head.push_str(&line.to_lowercase());
            }
            Self {
                head,
                lines,
                comments: 0,
            }
        }

        /// A line of the body; nothing at its end. Chunks are whole lines here, so that their frames are passed over.
        fn line(&mut self) -> Option<String> {
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Ok(0) => None,
                Ok(_) => Some(line),
                Err(error) => panic!("{error}"),
            }
        }

        /// The next event that says something; nothing when the stream ends.
        pub fn event(&mut self) -> Option<Event> {
            let mut event = Event::default();
            loop {
                let line = self.line()?;
                // A frame of chunked encoding is hexadecimal digits, its end an empty line of its own with a return.
                if line.ends_with("\r\n") {
                    if line.trim() == "0" {
                        return None;
                    }
                    continue;
                }
                let line = line.trim_end_matches('\n');
                if line.is_empty() {
                    if !event.data.is_empty() {
                        return Some(event);
                    }
                    continue;
                }
                match line.split_once(':') {
                    Some(("", _)) => self.comments += 1,
                    Some(("id", id)) => event.id = id.trim().to_owned(),
                    Some(("event", name)) => event.name = name.trim().to_owned(),
                    Some(("data", data)) => event.data = data.trim().to_owned(),
                    Some(("retry", _)) => {}
                    other => panic!("a line no reader knows: {other:?} {line:?}"),
                }
            }
        }

        fn ids(&mut self, count: usize) -> Vec<i64> {
            (0..count).map(|_| self.event().unwrap().id.parse().unwrap()).collect()
        }
    }

    async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_come_as_events_with_their_number_their_name_and_the_alert() {
        let running = running().await;
        let (address, alerts) = (running.address.clone(), running.alerts.clone());
        blocking(move || {
            let mut follower = Follower::connect(&address, "/api/v1/alerts/stream", "");
            assert!(follower.head.starts_with("http/1.1 200"), "{}", follower.head);
            assert!(follower.head.contains("content-type: text/event-stream"));
            assert!(
                !follower.head.contains("content-encoding"),
                "an event would wait in the compressor"
            );
            assert!(follower.head.contains("x-accel-buffering: no"));
            // What was before is no news.
            let seq = alerts.happens(ChangeKind::Reminded);
            let event = follower.event().unwrap();
            assert_eq!(
                (event.id.as_str(), event.name.as_str()),
                (seq.to_string().as_str(), "reminded")
            );
            let change: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!((&change["seq"], &change["change"]), (&seq.into(), &"reminded".into()));
            assert_eq!(change["alert"]["id"], samples()[0].alert.id.to_string());
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_connects_again_misses_nothing_and_hears_nothing_twice() {
        let running = running().await;
        let (address, alerts) = (running.address.clone(), running.alerts.clone());
        blocking(move || {
            let path = "/api/v1/alerts/stream?after=0";
            let mut heard = Vec::new();
            let mut follower = Follower::connect(&address, path, "");
            heard.extend(follower.ids(5));
            drop(follower);
            // More than is read at once.
            for _ in 0..250 {
                alerts.happens(ChangeKind::Updated);
            }
            for count in [120, 30, 103] {
                let last = format!("last-event-id: {}\r\n", heard.last().unwrap());
                let mut follower = Follower::connect(&address, path, &last);
                heard.extend(follower.ids(count));
            }
            assert_eq!(heard, (1..=258).collect::<Vec<i64>>());
            // Writing and following at the same time.
            let mut follower = Follower::connect(&address, "/api/v1/alerts/stream?after=258", "");
            let writing = std::thread::spawn(move || {
                for _ in 0..500 {
                    alerts.happens(ChangeKind::Updated);
                }
            });
            assert_eq!(follower.ids(500), (259..=758).collect::<Vec<i64>>());
            writing.join().unwrap();
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_of_another_store_is_followed_from_the_beginning_of_this_one() {
        let running = running().await;
        let address = running.address.clone();
        blocking(move || {
            let mut follower = Follower::connect(&address, "/api/v1/alerts/stream?after=4000", "");
            assert_eq!(follower.ids(8), (1..=8).collect::<Vec<i64>>());
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_quiet_stream_beats_so_that_nobody_takes_it_for_dead() {
        let running = with(FakeReader::default(), |options, _| {
            options.idle = Duration::from_millis(900)
        })
        .await;
        let (address, alerts) = (running.address.clone(), running.alerts.clone());
        blocking(move || {
            let mut follower = Follower::connect(&address, "/api/v1/alerts/stream", "");
            // Longer than a connection on which nothing happens lives.
            let (_keep, hear) = std::sync::mpsc::sync_channel::<()>(1);
            let _ = hear.recv_timeout(Duration::from_millis(2500));
            alerts.happens(ChangeKind::Resolved);
            assert_eq!(follower.event().unwrap().name, "resolved");
            assert!(follower.comments >= 4, "{} heartbeats in 2.5 s", follower.comments);
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_fails_ends_the_stream_and_it_is_taken_up_again_without_a_gap() {
        let running = running().await;
        let (address, alerts) = (running.address.clone(), running.alerts.clone());
        blocking(move || {
            let mut follower = Follower::connect(&address, "/api/v1/alerts/stream?after=0", "");
            assert_eq!(follower.ids(8).last(), Some(&8));
            // The next look sees the change, the follower cannot read it.
            *alerts.broken.lock().unwrap() = true;
            let refused = Follower::connect(&address, "/api/v1/alerts/stream?after=8", "");
            assert!(refused.head.starts_with("http/1.1 500"), "{}", refused.head);
            alerts.happens(ChangeKind::Updated);
            *alerts.broken.lock().unwrap() = false;
            assert_eq!(follower.ids(1), [9]);
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn followers_are_bounded_and_make_room_when_they_go() {
        let running = with(FakeReader::default(), |options, _| options.followers = 2).await;
        let (address, alerts) = (running.address.clone(), running.alerts.clone());
        blocking(move || {
            let connect = || Follower::connect(&address, "/api/v1/alerts/stream", "");
            let (first, second) = (connect(), connect());
            let third = connect();
            assert!(third.head.starts_with("http/1.1 429"), "{}", third.head);
            assert!(third.head.contains("retry-after: 60"));
            drop((first, second));
            // The server sees it when it sends something, at the latest.
            let (_keep, hear) = std::sync::mpsc::sync_channel::<()>(1);
            for _ in 0..50 {
                alerts.happens(ChangeKind::Updated);
                let _ = hear.recv_timeout(Duration::from_millis(100));
                if connect().head.starts_with("http/1.1 200") {
                    return;
                }
            }
            panic!("who went keeps a place");
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_stops_lets_its_followers_go() {
        let running = running().await;
        let address = running.address.clone();
        let mut follower = blocking(move || Follower::connect(&address, "/api/v1/alerts/stream", "")).await;
        let began = std::time::Instant::now();
        running.serving.shutdown(Duration::from_secs(20)).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(blocking(move || follower.event()).await, None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_said_on_a_page_is_an_event_at_once() {
        let running = running().await;
        let (address, http) = (running.address.clone(), running.http.clone());
        let mut follower = blocking(move || Follower::connect(&address, "/api/v1/alerts/stream", "")).await;
        let ack = format!("{http}/api/v1/alerts/{}/ack", samples()[0].alert.id);
        assert_eq!(post(ack, r#"{"by":"Ada"}"#).await.status, 200);
        assert_eq!(blocking(move || follower.event()).await.unwrap().name, "acknowledged");
    }
}

mod feeds {
    use super::*;
    use feed_rs::model::{Feed, FeedType};

    fn parsed(got: &Got) -> Feed {
        assert_eq!(got.status, 200, "{}", got.body);
        feed_rs::parser::parse(got.body.as_bytes()).unwrap_or_else(|e| panic!("{e} in {}", got.body))
    }

    fn ids(feed: &Feed) -> Vec<String> {
        feed.entries.iter().map(|entry| entry.id.clone()).collect()
    }

    fn cleaned() -> String {
        HOSTILE
            .chars()
            .map(|c| {
                if c.is_control() || c == '\u{fffe}' {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn both_forms_are_valid_and_tell_the_same() {
        let running = running().await;
        let http = &running.http;
        let atom = get(format!("{http}/api/v1/feed.atom")).await;
        assert_eq!(atom.header("content-type"), "application/atom+xml; charset=utf-8");
        let read = roxmltree::Document::parse(&atom.body).unwrap();
        for entry in read.descendants().filter(|node| node.has_tag_name("entry")) {
            let children: Vec<&str> = entry.children().map(|child| child.tag_name().name()).collect();
            for wanted in ["id", "title", "updated", "published", "link", "summary", "content"] {
                assert!(children.contains(&wanted), "{wanted} is missing in {children:?}");
            }
            assert!(children.iter().all(|name| *name == "link"
                || *name == "category"
                || children.iter().filter(|n| *n == name).count() == 1));
        }
        let json = get(format!("{http}/api/v1/feed.json")).await;
        assert_eq!(json.header("content-type"), "application/feed+json; charset=utf-8");
        assert_eq!(json.json()["version"], "https://jsonfeed.org/version/1.1");
        let (atom, json_feed) = (parsed(&atom), parsed(&json));
        assert_eq!(
            (&atom.feed_type, &json_feed.feed_type),
            (&FeedType::Atom, &FeedType::JSON)
        );
        // Firing, no data and over; not what waits, and not what nobody was told of.
        assert_eq!(atom.entries.len(), 5);
        assert_eq!(ids(&atom), ids(&json_feed));
        let first = &atom.entries[0];
        assert_eq!(first.id, format!("tag:seismolog,2026:alert:{}", samples()[0].alert.id));
        assert_eq!(first.links[0].href, format!("{http}/alerts/{}", samples()[0].alert.id));
        assert_eq!(first.title.as_ref().unwrap().content, samples()[0].alert.title);
        assert_eq!(first.updated.unwrap().timestamp_millis(), NOW - 3_700_000 + 1_500_123);
        assert_eq!(first.published.unwrap().timestamp_millis(), NOW - 3_700_000);
        assert!(
            first
                .content
                .as_ref()
                .unwrap()
                .body
                .as_ref()
                .unwrap()
                .contains("What came with it:")
        );
        let item = &json.json()["items"][1];
        assert_eq!(item["_seismolog"]["alert"]["expected"], 12.4);
        assert_eq!(item["date_published"], samples()[1].alert.started_at.as_str());
        let latest = samples().iter().map(|one| one.updated_at.clone()).max().unwrap();
        assert_eq!(
            seismolog::serve::time::rfc3339(atom.updated.unwrap().timestamp_millis()),
            latest
        );
        let own: Vec<&str> = atom
            .links
            .iter()
            .filter(|link| link.rel.as_deref() == Some("self"))
            .map(|link| link.href.as_str())
            .collect();
        assert_eq!(own, [format!("{http}/api/v1/feed.atom")]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_a_log_line_says_a_feed_stays_one() {
        let running = running().await;
        let got = get(format!("{}/feed.atom?state=resolved", running.http)).await;
        // A reader that takes XML at its word.
        let read = roxmltree::Document::parse(&got.body).unwrap_or_else(|e| panic!("{e} in {}", got.body));
        assert!(read.descendants().all(|node| !node.has_tag_name("script")));
        let feed = parsed(&got);
        assert_eq!(feed.entries.len(), 1);
        assert_eq!(
            feed.entries[0].title.as_ref().unwrap().content,
            format!("Resolved: {}", cleaned())
        );
        let firing = parsed(&get(format!("{}/feed.atom?state=firing", running.http)).await);
        let shown = firing.entries[0].content.as_ref().unwrap().body.clone().unwrap();
        assert!(
            shown.contains("&lt;script&gt;") && !shown.contains("<script"),
            "{shown}"
        );
        let json = get(format!("{}/feed.json?state=firing", running.http)).await.json();
        let shown = json["items"][0]["content_html"].as_str().unwrap();
        assert!(
            shown.contains("&lt;script&gt;") && !shown.contains("<script"),
            "{shown}"
        );
        // A name of a job that wants to be more than a name.
        let job = "%22%3E%3Cx%20a=%22&%01";
        let got = get(format!("{}/jobs/{job}/feed.atom", running.http)).await;
        let read = roxmltree::Document::parse(&got.body).unwrap_or_else(|e| panic!("{e} in {}", got.body));
        assert!(read.descendants().all(|node| !node.has_tag_name("x")));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_and_teams_have_feeds_of_their_own_at_both_addresses() {
        let running = running().await;
        let all = [
            ("jobs/orders-enrichment", 3),
            ("jobs/job-03-of-the-warehouse%20%3Cb%3Ebold%3C%2Fb%3E", 1),
            ("jobs/nosuchjob", 0),
            ("teams/growth%20%26%20co", 1),
            ("teams/payments", 3),
        ];
        let mut feeds = std::collections::BTreeSet::new();
        for (whose, count) in all {
            for form in ["atom", "json"] {
                let short = parsed(&get(format!("{}/{whose}/feed.{form}", running.http)).await);
                let long = parsed(&get(format!("{}/api/v1/{whose}/feed.{form}", running.http)).await);
                assert_eq!(short.entries.len(), count, "{whose}");
                assert_eq!(ids(&short), ids(&long));
                if form == "atom" {
                    assert_eq!(short.id, long.id);
                    feeds.insert(short.id.clone());
                    // Atom wants the time of an update, also of nothing.
                    assert!(short.updated.is_some());
                }
            }
        }
        assert_eq!(feeds.len(), all.len(), "each feed has an id of its own");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_has_it_already_is_told_so() {
        let running = running().await;
        for form in ["atom", "json"] {
            let address = format!("{}/feed.{form}", running.http);
            let got = get(address.clone()).await;
            let (tag, modified) = (got.header("etag").to_owned(), got.header("last-modified").to_owned());
            assert!(tag.starts_with("W/\""), "{tag}");
            assert_eq!(modified, "Sat, 21 Nov 2026 11:23:20 GMT");
            assert_eq!(get(address.clone()).await.header("etag"), tag, "nothing changed");
            for (name, value, want) in [
                ("if-none-match", tag.clone(), 304),
                ("if-none-match", format!("\"other\", {tag}"), 304),
                ("if-none-match", tag.trim_start_matches("W/").to_owned(), 304),
                ("if-none-match", "\"other\"".to_owned(), 200),
                ("if-modified-since", modified.clone(), 304),
                ("if-modified-since", "Sat, 21 Nov 2026 11:23:19 GMT".to_owned(), 200),
                ("if-modified-since", "yesterday".to_owned(), 200),
            ] {
                let got = get_with(address.clone(), name, value.clone()).await;
                assert_eq!(got.status, want, "{name}: {value}");
                assert_eq!(got.header("etag"), tag);
                assert_eq!(got.body.is_empty(), want == 304);
            }
            // The tag goes before the time.
            let (to, tag_, at) = (address.clone(), "\"other\"".to_owned(), modified.clone());
            let got = send(move |c| c.get(to).header("if-none-match", tag_).header("if-modified-since", at)).await;
            assert_eq!(got.status, 200);
        }
        let address = format!("{}/feed.atom", running.http);
        let tag = get(address.clone()).await.header("etag").to_owned();
        running.alerts.kept.lock().unwrap()[0].updated_at = fake::rfc(NOW);
        let got = get_with(address, "if-none-match", tag).await;
        assert_eq!(got.status, 200, "it has changed");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn links_lead_to_the_host_that_was_asked_and_ids_do_not_depend_on_it() {
        let running = with(FakeReader::default(), |options, _| {
            options.hosts = vec!["errors.example.org".to_owned()];
        })
        .await;
        let at = async |host: &'static str, proto: &'static str| {
            let address = format!("{}/feed.atom", running.http);
            send(move |c| c.get(address).header("host", host).header("x-forwarded-proto", proto)).await
        };
        let local = parsed(&get(format!("{}/feed.atom", running.http)).await);
        let named = parsed(&at("errors.example.org", "https").await);
        assert_eq!(ids(&local), ids(&named));
        assert!(
            named.entries[0].links[0]
                .href
                .starts_with("https://errors.example.org/alerts/")
        );
        let odd = parsed(&at("localhost:81", "javascript").await);
        assert!(odd.entries[0].links[0].href.starts_with("http://localhost:81/alerts/"));
        assert_eq!(at("evil.example", "http").await.status, 421);
        let configured = with(FakeReader::default(), |options, _| {
            options.url = Some("https://proxy.example.org/seismolog/".to_owned());
        })
        .await;
        let feed = parsed(&get(format!("{}/teams/payments/feed.atom", configured.http)).await);
        assert!(
            feed.entries[0].links[0]
                .href
                .starts_with("https://proxy.example.org/seismolog/alerts/")
        );
        let links: Vec<&str> = feed.links.iter().map(|link| link.href.as_str()).collect();
        assert!(
            links.contains(&"https://proxy.example.org/seismolog/teams/payments/feed.atom"),
            "{links:?}"
        );
        // The address the alerter was told of goes before.
        running.alerts.kept.lock().unwrap()[0].alert.url = Some("https://seismolog.example.org/alerts/1".to_owned());
        running.alerts.kept.lock().unwrap()[1].alert.url = Some("javascript:alert(1)".to_owned());
        let feed = parsed(&get(format!("{}/feed.atom", running.http)).await);
        assert_eq!(feed.entries[0].links[0].href, "https://seismolog.example.org/alerts/1");
        assert!(feed.entries[1].links[0].href.starts_with("http://127.0.0.1:"));
    }
}

mod terminal {
    //! The same from a terminal.
    use super::*;
    use assert_cmd::Command;
    use predicates::prelude::PredicateBooleanExt as _;
    use predicates::str::contains;

    async fn run(arguments: &[&str]) -> assert_cmd::assert::Assert {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        tokio::task::spawn_blocking(move || {
            Command::cargo_bin("seismolog")
                .unwrap()
                .args(arguments)
                .env_remove("SEISMOLOG_TOKEN")
                .env("USER", "ada")
                .assert()
        })
        .await
        .unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_list_asks_a_server_for_what_was_meant() {
        let running = running().await;
        let server = running.http.as_str();
        run(&["alerts", "--server", server, "--since", "30000d", "-o", "table"])
            .await
            .code(64);
        run(&[
            "alerts",
            "--state",
            "firing,no_data",
            "--job",
            "orders-enrichment",
            "--since",
            "2026-11-01",
            "--until",
            "2026-12-01",
            "--server",
            server,
            "--output",
            "table",
        ])
        .await
        .success()
        .stdout(
            contains("orders-enrichment failed")
                .and(contains("nobody counts"))
                .and(contains("17 jobs").not()),
        );
        let ask = running.alerts.asked.lock().unwrap().last().cloned().unwrap();
        assert_eq!(ask.states, [State::Firing, State::NoData]);
        assert!(ask.from.is_some() && ask.to.is_some());
        run(&[
            "alerts",
            "--since",
            "2026-11-01",
            "--until",
            "2026-12-01",
            "--server",
            server,
        ])
        .await
        .success()
        .stdout(contains("\"rule\":\"shared_failure\""));
        run(&[
            "alerts",
            "--since",
            "2026-11-01",
            "--until",
            "2026-12-01",
            "--server",
            server,
            "-o",
            "csv",
        ])
        .await
        .success()
        .stdout(contains("id,rule,level,state,severity,title"));
        run(&["alerts", "--state", "fireing", "--server", server])
            .await
            .code(64);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_alert_is_shown_and_answered() {
        let running = running().await;
        let server = running.http.as_str();
        let id = samples()[0].alert.id.to_string();
        run(&["alerts", "show", &id, "--server", server, "-o", "table"])
            .await
            .success()
            .stdout(
                contains("came with it")
                    .and(contains("no checkpoint completes"))
                    .and(contains("oncall-feishu  retried"))
                    .and(contains("\u{1b}").not()),
            );
        run(&["alerts", "show", &id, "--server", server, "-o", "json"])
            .await
            .success()
            .stdout(contains("\"deliveries\""));
        run(&["alerts", "show", &"0".repeat(32), "--server", server])
            .await
            .code(1);
        run(&["alerts", "show", "xyz", "--server", server]).await.code(64);
        for (arguments, want) in [
            (
                vec!["ack", "--note", "on it"],
                "Ack { by: Some(\"ada\"), note: Some(\"on it\") }",
            ),
            (
                vec!["silence", "--for", "4h", "--by", "Ada"],
                "Silence { until: 1795276800000, by: Some(\"Ada\"), note: None }",
            ),
            (vec!["resolve"], "Resolve { by: Some(\"ada\"), note: None }"),
        ] {
            let mut all = vec!["alerts"];
            all.extend(&arguments);
            all.extend([id.as_str(), "--server", server, "-o", "jsonl"]);
            run(&all).await.success().stdout(contains(id.as_str()));
            assert_eq!(
                format!("{:?}", running.alerts.acts.lock().unwrap().last().unwrap().1),
                want
            );
        }
        // It is over by now; and a silence needs an end.
        run(&["alerts", "ack", &id, "--server", server]).await.code(64);
        run(&["alerts", "silence", &id, "--server", server]).await.code(64);
        run(&["alerts", "ack", &id]).await.code(64);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_list_reads_the_folder_of_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let options = seismolog::store::StoreOptions::default();
        drop(seismolog::store::Store::open(folder.path(), options).unwrap());
        let path = folder.path().to_str().unwrap().to_owned();
        run(&["alerts", "--store", &path, "-o", "json"])
            .await
            .success()
            .stdout(contains("\"items\": []"));
        run(&["alerts", "show", &"0".repeat(32), "--store", &path])
            .await
            .code(1);
        let none = tempfile::tempdir().unwrap();
        run(&["alerts", "--store", none.path().to_str().unwrap()])
            .await
            .code(78);
    }
}

mod over_the_embedded_store {
    //! The same surface with real answers behind it.
    use super::*;
    use assert_cmd::Command;
    use seismolog::alert::{Change, Judged};
    use seismolog::clock::Clock;
    use seismolog::serve::{Parts, ServeOptions};
    use seismolog::store::{Store, StoreOptions};
    use std::collections::BTreeSet;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_judged_is_listed_followed_fed_and_answered() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let changes = samples().into_iter().map(|one| Change {
            kind: if one.alert.state == State::Resolved {
                ChangeKind::Resolved
            } else {
                ChangeKind::Fired
            },
            past: one.past,
            alert: one.alert,
        });
        let judged = Judged {
            at: NOW,
            changes: changes.collect(),
            pieces: Vec::new(),
        };
        store.writer().apply_judged(None, &judged).unwrap();
        let parts = Parts {
            alerts: Some(store.alert_reader()),
            alert_editor: Some(store.alert_editor()),
            clock: Clock::Fixed(NOW),
            ..Parts::read_only(store.reader())
        };
        let options = ServeOptions {
            bind: "127.0.0.1:0".parse().unwrap(),
            ..ServeOptions::default()
        };
        let serving = seismolog::serve::start(options, parts).await.unwrap();
        let http = format!("http://{}", serving.addr());

        let mut seen = BTreeSet::new();
        let mut after = String::new();
        loop {
            let page = get(format!("{http}/api/v1/alerts?limit=3&after={after}")).await.json();
            for item in page["items"].as_array().unwrap() {
                assert!(seen.insert(item["id"].to_string()), "{item} came twice");
            }
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 8);
        assert_eq!(get(format!("{http}/api/v1/alerts?after=garbage")).await.status, 400);

        let alert = samples()[0].alert.clone();
        let ack = format!("{http}/api/v1/alerts/{}/ack", alert.id);
        let got = post(ack, r#"{"by":"Ada","note":"on it"}"#).await;
        assert_eq!(
            (got.status, &got.json()["acknowledged"]["by"]),
            (200, &"Ada".into()),
            "{}",
            got.body
        );
        let address = serving.addr().to_string();
        let heard = tokio::task::spawn_blocking(move || {
            let mut follower = stream::Follower::connect(&address, "/api/v1/alerts/stream?after=0", "");
            (0..9).map(|_| follower.event().unwrap().name).collect::<Vec<_>>()
        });
        let heard = heard.await.unwrap();
        assert_eq!(heard.iter().filter(|name| *name == "fired").count(), 5, "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("acknowledged"));

        let page = get(format!("{http}/alerts/{}", alert.id)).await;
        assert!(page.status == 200 && page.body.contains("on it") && page.body.contains("change-acknowledged"));
        assert_eq!(get(format!("{http}/alerts")).await.status, 200);
        let feed = get(format!("{http}/feed.atom")).await;
        let feed = feed_rs::parser::parse(feed.body.as_bytes()).unwrap();
        // The store knows nothing of inhibition that nobody told it of: six were told, one waits, one is past.
        assert_eq!(feed.entries.len(), 6);
        let path = folder.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let listed = Command::cargo_bin("seismolog")
                .unwrap()
                .args([
                    "alerts",
                    "--since",
                    "2026-11-01",
                    "--until",
                    "2026-12-01",
                    "--state",
                    "firing",
                    "-o",
                    "jsonl",
                ])
                .arg("--store")
                .arg(path)
                .assert()
                .success();
            let listed = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
            assert_eq!(listed.lines().count(), 3, "{listed}");
        })
        .await
        .unwrap();
    }
}
