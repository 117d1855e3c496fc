//! What is written for each receiver, against what its documentation asks for (`tests/notify/schemas`) and its limits.

use super::outbox::change;
use super::routes;
use super::schema::faults;
use seismolog::alert::notify::to::{Call, request};
use seismolog::alert::notify::{Request, Telling};
use seismolog::alert::{AlertId, Follower};
use seismolog::event::Fingerprint;
use seismolog::store::{AlertChange, ChangeKind};
use serde_json::Value;
use std::path::Path;

/// 2026-11-21T00:53:04.300Z
const NOW: i64 = 1_795_222_384_300;
const SECRET: &str = "SEC-of-ours";

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/notify/schemas/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What is sent to a destination of a kind; its address and secret come from files, as mounted.
fn call(kind: &str, more: &str, changes: &[&AlertChange]) -> Call {
    let folder = tempfile::tempdir().unwrap();
    let (hook, secret) = (folder.path().join("hook"), folder.path().join("secret"));
    std::fs::write(
        &hook,
        "https://hooks.example.org/robot/send?access_token=0123456789abcdef\n",
    )
    .unwrap();
    std::fs::write(&secret, SECRET).unwrap();
    let secret_key = match kind {
        "feishu" | "dingtalk" | "webhook" => "secret_file",
        "pagerduty" => "routing_key_file",
        "alertmanager" => "token_file",
        _ => "",
    };
    let secret = if secret_key.is_empty() {
        String::new()
    } else {
        format!(", {secret_key}: '{}'", secret.display())
    };
    let text = format!(
        "destinations:\n  it: {{kind: {kind}, url_file: '{}'{secret}{more}}}\n",
        hook.display()
    );
    let routes = routes(&text).unwrap();
    let destination = routes.destination("it").unwrap();
    let telling = Telling {
        changes,
        key: "key-1",
        now: NOW,
        base_url: Some("https://seismolog.example.org/"),
        test: false,
    };
    match request(destination, &destination.reach().unwrap(), &telling).unwrap() {
        Request::Call(call) => call,
        Request::Letter(_) => panic!("a letter"),
    }
}

fn body(call: &Call) -> Value {
    serde_json::from_str(&call.body).unwrap()
}

fn one(kind: ChangeKind) -> AlertChange {
    let mut change = change(5, 3, kind);
    change.at = "2026-11-21T00:53:04.000Z".to_owned();
    change.alert.started_at = "2026-11-21T00:50:00Z".to_owned();
    change.alert.ended_at = change.alert.ended_at.map(|_| "2026-11-21T00:52:30Z".to_owned());
    change.alert.fingerprint = Some(Fingerprint(0xfee1));
    change.alert.followers.push(Follower {
        error_type: "job_failed".to_owned(),
        exception: Some("org.apache.flink.runtime.JobException".to_owned()),
        count: 3,
        first_seen: "2026-11-21T00:53:05Z".to_owned(),
        why: Some("a job fails after its task".to_owned()),
    });
    change
}

/// Everything too long, and everywhere what some receiver takes for markup.
fn hostile() -> AlertChange {
    let nasty = "<!channel> <@all> <at id=all></at> **b** [x](http://evil.example.org) `c` & \u{7} 作业失败😀\n# h ";
    let long = nasty.repeat(400);
    let mut change = one(ChangeKind::Fired);
    change.note = Some(long.clone());
    change.by = Some(nasty.to_owned());
    let alert = &mut change.alert;
    alert.title = long.clone();
    alert.job_name = Some(long.clone());
    alert.jobs = vec![long.clone(); 300];
    alert.team = Some(long.clone());
    alert.error_type = Some(long.clone());
    alert.exception = Some(long.clone());
    alert.reason = Some(long.clone());
    let follower = alert.followers[0].clone();
    alert.followers = vec![
        Follower {
            error_type: long.clone(),
            why: Some(long),
            ..follower
        };
        200
    ];
    change
}

fn many() -> Vec<AlertChange> {
    (0..40_u32)
        .map(|n| {
            let mut change = hostile();
            change.seq = i64::from(n);
            change.alert.id = AlertId(u128::from(n));
            change
        })
        .collect()
}

const KINDS: [&str; 7] = [
    "webhook",
    "alertmanager",
    "slack",
    "pagerduty",
    "feishu",
    "dingtalk",
    "wecom",
];

#[test]
fn every_message_is_what_its_receiver_documents_however_nasty_and_long_the_alert() {
    let several = many();
    for kind in KINDS {
        let schema = schema(kind);
        let told: Vec<Vec<&AlertChange>> = vec![several.iter().collect()];
        let singles = [
            one(ChangeKind::Fired),
            one(ChangeKind::Updated),
            one(ChangeKind::Reminded),
            one(ChangeKind::NoData),
            one(ChangeKind::Resolved),
            one(ChangeKind::Closed),
            one(ChangeKind::Acknowledged),
            one(ChangeKind::Silenced),
            hostile(),
        ];
        let told = told.into_iter().chain(singles.iter().map(|one| vec![one]));
        for changes in told {
            for more in ["", ", language: zh"] {
                let call = call(kind, more, &changes);
                let wrong = faults(&schema, &body(&call));
                let shown: String = call.body.chars().take(1_500).collect();
                assert!(wrong.is_empty(), "{kind}: {wrong:?}\n{shown}");
                // What the receivers take at most, as bytes of the whole request.
                let most = match kind {
                    "feishu" | "dingtalk" => 20_000,
                    "pagerduty" => 512 * 1024,
                    _ => 4 << 20,
                };
                assert!(call.body.len() <= most, "{kind}: {} bytes", call.body.len());
                let text = body(&call)["markdown"]["content"].as_str().map_or(0, str::len);
                assert!(text <= 4_096, "wecom: {text} bytes");
            }
        }
    }
}

#[test]
fn what_is_cut_shows_that_it_was_and_the_link_stays() {
    let hostile = hostile();
    assert_eq!(body(&call("webhook", "", &[&hostile]))["cut"], true);
    assert_eq!(body(&call("webhook", "", &[&one(ChangeKind::Fired)]))["cut"], false);
    for kind in ["slack", "feishu", "dingtalk", "wecom"] {
        let call = call(kind, "", &[&hostile]);
        assert!(call.body.contains('…'), "{kind}");
        assert!(call.body.contains("https://seismolog.example.org/alerts/"), "{kind}");
    }
}

#[test]
fn text_of_a_log_calls_nobody_and_links_nowhere() {
    let hostile = hostile();
    for (kind, never) in [
        ("slack", vec!["<!channel>", "<@all>"]),
        ("feishu", vec!["<at id", "**b**"]),
        ("dingtalk", vec!["<@all>", "](http://evil"]),
        ("wecom", vec!["<@all>", "](http://evil"]),
    ] {
        let call = call(kind, "", &[&hostile]);
        let mut body = body(&call);
        // Titles of these are plain text.
        if let Some(header) = body.pointer_mut("/card/header") {
            header.take();
        }
        if let Some(title) = body.pointer_mut("/markdown/title") {
            title.take();
        }
        if let Some(header) = body.pointer_mut("/blocks/0") {
            header.take();
        }
        let text = body.to_string();
        for never in never {
            assert!(!text.contains(never), "{kind}: {never}");
        }
    }
}

#[test]
fn a_message_says_who_what_since_when_and_where_to_look_in_both_languages() {
    let fired = one(ChangeKind::Fired);
    let issue = seismolog::event::IssueId::of("job-5", Fingerprint(0xfee1));
    for (kind, more, wanted) in [
        (
            "slack",
            "",
            [
                "Firing: job-5 failed",
                "*Severity*: high",
                "*Team*: orders",
                "Followed by",
                "Open the error",
            ],
        ),
        (
            "feishu",
            ", language: zh",
            [
                "触发:job-5 failed",
                "**级别**:严重",
                "**团队**:orders",
                "连带错误",
                "查看错误",
            ],
        ),
        (
            "dingtalk",
            ", language: zh",
            [
                "触发:job-5 failed",
                "**级别**:严重",
                "**次数**:12",
                "连带错误",
                "查看告警",
            ],
        ),
        (
            "wecom",
            "",
            [
                "Firing: job-5 failed",
                "**Severity**: high",
                "**Events**: 12",
                "Followed by",
                "Open the alert",
            ],
        ),
    ] {
        let text = call(kind, more, &[&fired]).body;
        for wanted in wanted {
            assert!(text.contains(wanted), "{kind}: {wanted} in {text}");
        }
        assert!(
            text.contains(&format!("https://seismolog.example.org/errors/{issue}")),
            "{kind}"
        );
    }
}

#[test]
fn pagerduty_opens_acknowledges_and_closes_one_incident_by_the_id_of_the_alert() {
    for (kind, action) in [
        (ChangeKind::Fired, "trigger"),
        (ChangeKind::Updated, "trigger"),
        (ChangeKind::Acknowledged, "acknowledge"),
        (ChangeKind::Resolved, "resolve"),
        (ChangeKind::Closed, "resolve"),
    ] {
        let told = body(&call("pagerduty", "", &[&one(kind)]));
        assert_eq!(told["event_action"], action);
        assert_eq!(told["dedup_key"], AlertId(5).to_string());
        assert_eq!(told["routing_key"], SECRET);
    }
}

#[test]
fn alertmanager_is_told_when_it_began_and_when_it_ended_under_labels_that_stay() {
    let fired = body(&call("alertmanager", "", &[&one(ChangeKind::Fired)]));
    let over = body(&call("alertmanager", "", &[&one(ChangeKind::Resolved)]));
    assert_eq!(fired[0]["labels"], over[0]["labels"]);
    assert_eq!(fired[0]["startsAt"], "2026-11-21T00:50:00Z");
    assert_eq!(fired[0]["endsAt"], "2026-11-21T00:57:04.300Z", "four minutes from now");
    assert_eq!(over[0]["endsAt"], "2026-11-21T00:52:30Z");
    let call = call("alertmanager", "", &[&one(ChangeKind::Fired)]);
    assert!(call.headers.contains(&("Authorization", format!("Bearer {SECRET}"))));
    assert!(call.url.path().ends_with("/api/v2/alerts"));
}

/// HMAC-SHA256 from its definition (RFC 2104), apart from the code under test.
fn hmac_by_hand(key: &[u8], text: &[u8]) -> Vec<u8> {
    let sha = |parts: &[&[u8]]| {
        ring::digest::digest(&ring::digest::SHA256, &parts.concat())
            .as_ref()
            .to_vec()
    };
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = sha(&[&block.map(|byte| byte ^ 0x36), text]);
    sha(&[&block.map(|byte| byte ^ 0x5c), &inner])
}

#[test]
fn signatures_are_what_the_receivers_compute() {
    let fired = one(ChangeKind::Fired);
    // Both computed with Python's hmac by the recipes of the two guides.
    let feishu = body(&call("feishu", "", &[&fired]));
    assert_eq!(feishu["timestamp"], "1795222384");
    assert_eq!(feishu["sign"], "CDCIYrhEsUyYfQWr+irmPTXiZDaQL3uaSIzT00eGBAU=");
    let dingtalk = call("dingtalk", "", &[&fired]).url;
    assert_eq!(
        dingtalk.query(),
        Some(
            "access_token=0123456789abcdef&timestamp=1795222384300&sign=VyPmBaLwQavz239zKAQ%2FospMpxY3JWwoXCutstTbKU4%3D"
        )
    );
    let webhook = call("webhook", "", &[&fired]);
    let header = webhook
        .headers
        .iter()
        .find(|(name, _)| *name == "X-Seismolog-Signature")
        .unwrap();
    let tag = hmac_by_hand(SECRET.as_bytes(), format!("1795222384.{}", webhook.body).as_bytes());
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header.1, format!("t=1795222384,v1={hex}"));
}

#[test]
fn what_is_shown_of_a_request_holds_no_secret() {
    for kind in KINDS {
        let call = call(kind, "", &[&one(ChangeKind::Fired)]);
        let shown = format!("{call:?} {}", call.summary());
        for hidden in [SECRET, "0123456789abcdef", "/robot/"] {
            assert!(!shown.contains(hidden), "{kind}: {shown}");
        }
        assert!(shown.contains("hooks.example.org"));
    }
}

#[test]
fn somebodys_own_words_replace_ours() {
    let own = ", title: '{{ severity }}! {{ alert.job_name }}', text: 'see *runbook* {{ alert.error_type }}'";
    let told = call("slack", own, &[&one(ChangeKind::Fired)]).body;
    assert!(told.contains("high! job-5"), "{told}");
    assert!(told.contains("see *runbook* checkpoint_expired"), "{told}");
    assert!(!told.contains("Followed by"));
}

#[test]
fn a_letter_can_be_written_of_anything_and_no_text_of_a_log_becomes_a_header() {
    let text =
        "destinations:\n  it: {kind: email, url: 'smtp://mail.example.org', from: a@example.org, to: b@example.org}\n";
    let routes = routes(text).unwrap();
    let destination = routes.destination("it").unwrap();
    let mut hostile = hostile();
    hostile.alert.title = "failed\r\nBcc: evil@example.org\r\n\r\nmore".to_owned();
    let several = many();
    for changes in [vec![&hostile], several.iter().collect()] {
        let telling = Telling {
            changes: &changes,
            key: "key-1",
            now: NOW,
            base_url: None,
            test: false,
        };
        let letter = request(destination, &destination.reach().unwrap(), &telling).unwrap();
        let Request::Letter(letter) = letter else {
            panic!("no letter")
        };
        let written = String::from_utf8(letter.written.formatted()).unwrap();
        let headers = written.split("\r\n\r\n").next().unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
        assert!(written.len() < 256 * 1024, "{} bytes", written.len());
        assert_eq!((letter.host.as_str(), letter.port), ("mail.example.org", 587));
    }
}
