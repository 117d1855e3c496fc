//! What the pages show, without JavaScript.

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

use fake::alerts::samples;
use fake::{FakeReader, issues, running, with};

struct Page {
    status: u16,
    location: String,
    body: String,
}

async fn fetch(
    request: impl FnOnce(&reqwest::blocking::Client) -> reqwest::blocking::RequestBuilder + Send + 'static,
) -> Page {
    tokio::task::spawn_blocking(move || {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let response = request(&client).send().unwrap();
        Page {
            status: response.status().as_u16(),
            location: response
                .headers()
                .get("location")
                .map(|v| v.to_str().unwrap().to_owned())
                .unwrap_or_default(),
            body: response.text().unwrap(),
        }
    })
    .await
    .unwrap()
}

async fn get(address: String) -> Page {
    fetch(move |c| c.get(address)).await
}

fn shows(page: &Page, parts: &[&str]) {
    for part in parts {
        assert!(page.body.contains(part), "{part:?} is missing in {}", page.body);
    }
}

fn first() -> String {
    format!("/errors/{}", issues()[0].id)
}

fn all_pages() -> Vec<String> {
    vec![
        "/".to_owned(),
        "/?q=disk&from=-7d&sort=count&noise=show".to_owned(),
        "/?q=sevrity:high".to_owned(),
        "/?q=nothingmatches".to_owned(),
        first(),
        format!("/errors/{}", issues()[3].id),
        "/alerts".to_owned(),
        "/alerts?state=resolved&level=basic&job=orders-enrichment".to_owned(),
        "/alerts?team=%3Cb%3Ebold%3C/b%3E&rule=%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        format!("/alerts/{}", samples()[0].alert.id),
        format!("/alerts/{}", samples()[4].alert.id),
        format!("/alerts/{}", samples()[5].alert.id),
        "/trends".to_owned(),
        "/trends?by=severity&shape=lines".to_owned(),
        "/jobs".to_owned(),
        "/jobs/job%20%3Cb%3Ebold%3C%2Fb%3E%2Fwith%20slash".to_owned(),
        "/rejects".to_owned(),
        "/about".to_owned(),
        "/nothing/here".to_owned(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_log_line_says_is_markup() {
    let running = running().await;
    for page in all_pages() {
        let body = get(format!("{}{page}", running.http)).await.body;
        for bad in ["<script>alert", "<img src=x", "<b>bold", "<b>watch", "<i>"] {
            assert!(!body.contains(bad), "{bad} came through on {page}");
        }
        // Scripts and styles are files of ours; nothing is inline, nothing comes from elsewhere.
        for tag in body.match_indices("<script").map(|(at, _)| &body[at..at + 60]) {
            assert!(tag.starts_with("<script src=\"/assets/"), "{tag}");
        }
        for bad in [
            " style=\"",
            "<style",
            " onclick",
            " onload",
            "http://",
            "https://",
            "javascript:",
            "src=\"//",
        ] {
            assert!(!body.contains(bad), "{bad} stands on {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_what_a_reader_with_a_screen_reader_needs() {
    let running = running().await;
    for page in all_pages() {
        let body = get(format!("{}{page}", running.http)).await.body;
        assert!(body.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{page}");
        assert_eq!(body.matches("<h1").count(), 1, "{page}");
        assert_eq!(body.matches("<main").count(), 1, "{page}");
        for part in ["<title>", "name=\"viewport\"", "aria-label=\"Pages\"", "href=\"#main\""] {
            assert!(body.contains(part), "{part} is missing on {page}");
        }
        let ids: Vec<&str> = body
            .match_indices(" id=\"")
            .map(|(at, _)| body[at + 5..].split('"').next().unwrap())
            .collect();
        let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "an id stands twice on {page}: {ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_tells_which_since_when_in_which_jobs_how_often() {
    let running = running().await;
    let page = get(format!("{}/", running.http)).await;
    assert_eq!(page.status, 200);
    shows(
        &page,
        &[
            "Connection to db-orders-01.prod.internal:5432 refused.",
            "PSQLException",
            "title=\"org.postgresql.util.PSQLException\"",
            "database_unreachable",
            "orders-enrichment",
            "class=\"sev sev-critical\"",
            "61 s ago",
            "2026-11-21 11:58:59 UTC",
            "实时订单统计",
            "<svg class=\"spark\"",
            "sample data",
            "Next 50",
            "after=cursor-2%2F%3D%26",
        ],
    );
    assert!(
        running.reader.heard("errors q=-part:noise from=1795176000000"),
        "{:?}",
        running.reader.asked
    );
    // One question for the rows, sparklines included; the others are sums.
    let asked = running.reader.asked.lock().unwrap();
    assert_eq!(asked.len(), 4, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_hidden_said_and_one_click_away() {
    let running = running().await;
    let page = get(format!("{}/?q=disk", running.http)).await;
    shows(&page, &["hidden · show", "href=\"/?q=disk&amp;noise=show\""]);
    assert!(
        running.reader.heard("errors q=disk -part:noise "),
        "{:?}",
        running.reader.asked
    );
    get(format!("{}/?q=disk&noise=show", running.http)).await;
    assert!(running.reader.heard("errors q=disk from"), "{:?}", running.reader.asked);
    get(format!("{}/?q=part:noise", running.http)).await;
    assert!(
        running.reader.heard("errors q=part:noise from"),
        "{:?}",
        running.reader.asked
    );
    // A search with OR keeps its meaning beside the filter.
    get(format!("{}/?q=a+OR+b", running.http)).await;
    assert!(
        running.reader.heard("errors q=(a OR b) -part:noise"),
        "{:?}",
        running.reader.asked
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_pointed_at_below_the_box_with_the_nearest_name() {
    let running = running().await;
    for path in ["/", "/trends"] {
        let page = get(format!("{}{path}?q=disk+sevrity:high&from=-1h", running.http)).await;
        assert_eq!(page.status, 400);
        shows(
            &page,
            &[
                "value=\"disk sevrity:high\"",
                "disk <mark>sevrity</mark>:high",
                "Search for <a href=\"",
                "disk%20severity:high",
                "<code>disk severity:high</code>",
            ],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_says_what_to_do() {
    let running = running().await;
    let page = get(format!("{}/?q=nothingmatches", running.http)).await;
    shows(
        &page,
        &[
            "Nothing in this window matches the search.",
            "Look at 7 days",
            "Clear the search",
            "How to search",
        ],
    );
    let empty = with(
        FakeReader {
            empty: true,
            ..FakeReader::default()
        },
        |_, _| {},
    )
    .await;
    shows(
        &get(format!("{}/", empty.http)).await,
        &["Nothing has been read yet", "seismolog ingest"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_error_tells_what_since_when_how_often_where_and_why() {
    let running = running().await;
    let page = get(format!("{}{}", running.http, first())).await;
    assert_eq!(page.status, 200);
    shows(
        &page,
        &[
            "The database cannot be reached",
            "What to do. ",
            "In this window",
            "node1.prod.internal",
            "and 8 more",
            "telling cause",
            "frame ours decides",
            "<summary>4 frames in org.apache.flink, org.apache.pekko</summary>",
            "Raw text",
            "The same error in other jobs",
            "Why this is one error",
            "log4j2-json",
            "Older samples",
            "deploy orders 1.4.2 &lt;i&gt;",
            "<svg viewBox",
        ],
    );
    let cause = page
        .body
        .find("PSQLException</code> <span class=\"badge cause\"")
        .expect("the telling cause is marked");
    let outermost = page.body.find(">JobException</code>").expect("the outermost is shown");
    assert!(cause < outermost, "the cause comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_of_an_error_change_it() {
    let running = running().await;
    let address = format!("{}{}/state", running.http, first());
    for (form, want) in [
        ("do=resolve", "Resolve"),
        (
            "do=mute&until=1d",
            "Mute { until: Some(1795348800000), events: None, minutes: None }",
        ),
        (
            "do=mute&until=5%2F60",
            "Mute { until: None, events: Some(5), minutes: Some(60) }",
        ),
        ("do=mute&until=", "Mute { until: None, events: None, minutes: None }"),
        ("do=assign&to=Ada+%E5%BC%A0", "Assign { to: Some(\"Ada 张\") }"),
        ("do=note&text=look+at+it", "Note { text: Some(\"look at it\") }"),
    ] {
        let (to, body) = (address.clone(), form.to_owned());
        let page = fetch(move |c| {
            c.post(to)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
        })
        .await;
        assert_eq!(
            (page.status, page.location.as_str()),
            (303, first().as_str()),
            "{form}: {}",
            page.body
        );
        let changes = running.editor.changes.lock().unwrap();
        assert_eq!(format!("{:?}", changes.last().unwrap().1), want);
    }
    let to = address.clone();
    let foreign = fetch(move |c| {
        c.post(to)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "https://evil.example")
            .body("do=resolve")
    })
    .await;
    assert_eq!(foreign.status, 403);
    assert_eq!(running.editor.changes.lock().unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_alerts_shows_what_goes_on_first_and_says_how_many_fire() {
    let running = running().await;
    let page = get(format!("{}/alerts", running.http)).await;
    assert_eq!(page.status, 200);
    shows(
        &page,
        &[
            "3 firing",
            "1 no data",
            "1 pending",
            "orders-enrichment failed: PSQLException",
            "of 12.4 expected",
            "17 jobs",
            "acknowledged",
            "silenced",
            "part of another",
            "data-live=\"8\"",
            "data-kinds=\"pending fired updated",
            "href=\"/feed.atom\"",
            "rel=\"alternate\" type=\"application/atom+xml\"",
        ],
    );
    let at = |part: &str| page.body.find(part).unwrap_or_else(|| panic!("{part} is missing"));
    let order = [
        "orders-enrichment failed",
        "17 jobs failed",
        "nobody counts",
        "a share of",
        "nobody was told: a backlog",
    ];
    assert!(order.map(at).is_sorted(), "firing comes first, what is over last");
    // The way around says it on every page, once the store was looked at.
    let mut front = get(format!("{}/", running.http)).await;
    for _ in 0..50 {
        if front.body.contains("class=\"firing\"") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        front = get(format!("{}/", running.http)).await;
    }
    shows(
        &front,
        &["<span class=\"firing\">3<span class=\"sr\"> firing</span></span>"],
    );

    let filtered = get(format!(
        "{}/alerts?state=resolved&level=basic&team=payments",
        running.http
    ))
    .await;
    shows(&filtered, &["team: payments", "href=\"/teams/payments/feed.atom\""]);
    assert!(!filtered.body.contains("17 jobs failed"));
    let ask = running.alerts.asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        (ask.states, ask.level, ask.team.as_deref()),
        (
            vec![seismolog::alert::State::Resolved],
            Some(seismolog::alert::Level::Basic),
            Some("payments")
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alert_tells_what_why_what_came_with_it_and_who_was_told() {
    let running = running().await;
    let page = get(format!("{}/alerts/{}", running.http, samples()[0].alert.id)).await;
    assert_eq!(page.status, 200);
    shows(
        &page,
        &[
            "Root cause",
            "The database cannot be reached",
            "What to do. ",
            &format!("href=\"{}\"", first()),
            "What came with it",
            "no checkpoint completes while a task restarts",
            "&lt;script&gt;alert('a')",
            "Time line",
            "change-fired",
            "by <strong>Ada</strong>",
            "Now: orders-enrichment failed: PSQLException",
            "Who was told",
            "oncall-feishu",
            "503 &lt;b&gt;bold",
            "Events of the root",
            "value=\"ack\"",
            "value=\"silence 4h\"",
            "value=\"resolve\"",
        ],
    );
    let spike = get(format!("{}/alerts/{}", running.http, samples()[1].alert.id)).await;
    shows(
        &spike,
        &[
            "1,234 where 12.4 was to be expected: so strange a value comes by chance once in 1 billion.",
            "at this hour there are about 12",
        ],
    );
    let shared = get(format!("{}/alerts/{}", running.http, samples()[4].alert.id)).await;
    shows(
        &shared,
        &["Jobs it concerns", "job-17-of-the-warehouse", "q=fingerprint:"],
    );
    let over = get(format!("{}/alerts/{}", running.http, samples()[5].alert.id)).await;
    assert!(
        !over.body.contains("method=\"post\""),
        "nothing is to be done about what is over"
    );
    let unknown = get(format!("{}/alerts/{}", running.http, "0".repeat(32))).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_of_an_alert_act_and_lead_back() {
    let running = running().await;
    let page = format!("/alerts/{}", samples()[0].alert.id);
    let address = format!("{}{page}/act", running.http);
    let send = async |form: &str, origin: Option<&str>| {
        let (to, body, origin) = (address.clone(), form.to_owned(), origin.map(str::to_owned));
        fetch(move |c| {
            let request = c
                .post(to)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
            match origin {
                Some(origin) => request.header("origin", origin),
                None => request,
            }
        })
        .await
    };
    for (form, want) in [
        (
            "by=Ada+%E5%BC%A0&note=look+at+it&do=ack",
            "Ack { by: Some(\"Ada 张\"), note: Some(\"look at it\") }",
        ),
        (
            "by=&note=&do=silence+4h",
            "Silence { until: 1795276800000, by: None, note: None }",
        ),
        ("do=resolve", "Resolve { by: None, note: None }"),
    ] {
        let got = send(form, None).await;
        assert_eq!(
            (got.status, got.location.as_str()),
            (303, page.as_str()),
            "{form}: {}",
            got.body
        );
        assert_eq!(
            format!("{:?}", running.alerts.acts.lock().unwrap().last().unwrap().1),
            want
        );
    }
    assert_eq!(send("do=ack", Some("https://evil.example")).await.status, 403);
    assert_eq!(send("do=explode", None).await.status, 400);
    assert_eq!(send("do=silence+-4h", None).await.status, 400);
    // It is over by now.
    assert_eq!(send("do=ack", None).await.status, 400);
    assert_eq!(running.alerts.acts.lock().unwrap().len(), 3);
    let json = {
        let to = address.clone();
        fetch(move |c| c.post(to).header("content-type", "text/plain").body("do=ack")).await
    };
    assert_eq!(json.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_errors_show_the_alerts_that_concern_them() {
    let running = running().await;
    let job = get(format!("{}/jobs/orders-enrichment", running.http)).await;
    shows(
        &job,
        &[
            "Alerts of this job",
            "orders-enrichment failed: PSQLException",
            "class=\"marker alert\"",
            "href=\"/jobs/orders-enrichment/feed.atom\"",
        ],
    );
    let error = get(format!("{}{}", running.http, first())).await;
    shows(&error, &["Alerts of this job", "alert: job_failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_judges_the_pages_say_so() {
    let running = with(FakeReader::default(), |_, parts| {
        parts.alerts = None;
        parts.alert_editor = None;
    })
    .await;
    for page in ["/alerts".to_owned(), format!("/alerts/{}", samples()[0].alert.id)] {
        let got = get(format!("{}{page}", running.http)).await;
        assert_eq!(got.status, 404);
        assert!(
            got.body.to_lowercase().contains("this process does not judge"),
            "{}",
            got.body
        );
    }
    assert_eq!(
        get(format!("{}/jobs/orders-enrichment", running.http)).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trends_show_series_the_rest_and_the_total_and_lead_to_the_errors() {
    let running = running().await;
    let page = get(format!("{}/trends?by=error_type&from=-6h", running.http)).await;
    shows(
        &page,
        &[
            "checkpoint_expired",
            "all other",
            "Total",
            "100 %",
            "href=\"/?q=error_type:checkpoint_expired&amp;from=-6h&amp;noise=show\"",
        ],
    );
    let page = get(format!("{}/trends?by=team", running.http)).await;
    shows(&page, &["(unknown)", "q=-has:team"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_show_their_health_with_the_reasons() {
    let running = running().await;
    let page = get(format!("{}/jobs?name=orders", running.http)).await;
    shows(
        &page,
        &["orders-enrichment", "href=\"/jobs/orders-enrichment\"", "Restarts"],
    );
    let page = get(format!("{}/jobs/orders-enrichment", running.http)).await;
    shows(
        &page,
        &[
            "-40: 3 critical errors",
            "Errors with most events",
            "CheckpointException",
        ],
    );
    assert_eq!(get(format!("{}/jobs/nosuchjob", running.http)).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_and_the_ledger_are_shown() {
    let running = running().await;
    let page = get(format!("{}/rejects", running.http)).await;
    shows(
        &page,
        &[
            "invalid_json",
            "ended too early at byte 118",
            "4,096",
            "&lt;img src=x",
            "Only the beginning is shown.",
        ],
    );
    let page = get(format!("{}/about", running.http)).await;
    shows(&page, &["It adds up.", "120,009"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_a_page_for_a_person_and_a_problem_for_a_script() {
    let running = running().await;
    for page in [
        "/?q=boom",
        "/?from=yesterday",
        "/errors/xyz",
        "/errors/%ff",
        "/jobs/nosuchjob",
        "/nothing",
    ] {
        let got = get(format!("{}{page}", running.http)).await;
        assert!(got.status >= 400, "{page}");
        shows(&got, &["<!DOCTYPE html>", "To the list of errors"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_out_of_a_chat_with_parameters_of_their_own_still_open() {
    let running = running().await;
    assert_eq!(
        get(format!("{}/?utm_source=chat&q=disk", running.http)).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_by_browsers_until_they_change() {
    let running = running().await;
    let page = get(format!("{}/", running.http)).await;
    for name in ["seismolog.css", "seismolog.js", "uplot.js", "mark.svg"] {
        let start = page
            .body
            .find(&format!("/assets/{name}?"))
            .unwrap_or_else(|| panic!("{name} is not loaded"));
        let address = format!("{}{}", running.http, page.body[start..].split('"').next().unwrap());
        let headers = tokio::task::spawn_blocking(move || {
            let response = reqwest::blocking::get(address).unwrap();
            (
                response.status().as_u16(),
                response.headers()["cache-control"].to_str().unwrap().to_owned(),
            )
        })
        .await
        .unwrap();
        assert_eq!(headers, (200, "public, max-age=31536000, immutable".to_owned()));
    }
    assert_eq!(
        get(format!("{}/assets/..%2f..%2fCargo.toml", running.http))
            .await
            .status,
        404
    );
}
