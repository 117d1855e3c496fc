//! Logging in to real servers: every way that is offered works, every refusal names the setting and the remedy, and a
//! secret stands in no output.
//!
//! The local search node and Druid know no logins. So a gate stands before each that ends TLS and looks at the login;
//! what it lets through is answered by the real server. Kafka's listeners with TLS and SASL are its own
//! (`deploy/local/up --with tls`). Without the servers the tests say so and pass; `SEISMOLOG_LIVE=required` makes them
//! fail instead.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets a surprise ends there"
)]

#[path = "live_login/gate.rs"]
mod gate;
mod live;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gate::Gate;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ELASTIC: &str = "127.0.0.1:9200";
const DRUID: [&str; 2] = ["127.0.0.1:8082", "127.0.0.1:8081"];
const PASSWORD: &str = "correct-horse-battery";

/// The folder of the local servers' certificates, where `--with tls` made them.
fn certificates() -> Option<PathBuf> {
    let stack = std::env::var_os("SEISMOLOG_STACK_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local/.run"),
        PathBuf::from,
    );
    let folder = stack.join("tls");
    if folder.join("ca.pem").is_file() {
        return Some(folder);
    }
    live::not_run("there are no certificates (--with tls makes them)");
    None
}

/// A configuration in a folder of its own, and what is set by environment.
struct Setting {
    dir: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Setting {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("seismolog.toml"), text).unwrap();
        Self {
            dir,
            environment: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seismolog"));
        command.current_dir(self.dir.path()).args(args);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command.output().unwrap()
    }

    /// Exit code and lines of `config check --connect`, in which no secret stands.
    fn check(&self) -> (Option<i32>, Vec<Value>) {
        let mut lines = Vec::new();
        let mut code = None;
        for form in ["jsonl", "table"] {
            let output = self.run(&["config", "check", "--connect", "-o", form]);
            self.assert_no_secret(&output);
            code = output.status.code();
            if form == "jsonl" {
                let text = String::from_utf8(output.stdout).unwrap();
                lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
        }
        (code, lines)
    }

    fn assert_no_secret(&self, output: &Output) {
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let said = String::from_utf8_lossy(&said);
        for (name, value) in &self.environment {
            if !["PASSWORD", "API_KEY"].iter().any(|secret| name.ends_with(secret)) {
                continue;
            }
            let parts = value.split(':').filter(|part| part.len() > 8).map(str::to_owned);
            for secret in parts.chain([value.clone(), STANDARD.encode(value), basic("logs", value)]) {
                let secret = secret.trim_start_matches("Basic ");
                assert!(!said.contains(secret), "{secret} stands in {said}");
            }
        }
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn of<'l>(lines: &'l [Value], dependency: &str) -> &'l Value {
    let mut found = lines.iter().filter(|line| line["dependency"] == dependency);
    let line = found.next().unwrap_or_else(|| panic!("no {dependency} in {lines:?}"));
    assert!(found.next().is_none(), "{dependency} twice in {lines:?}");
    line
}

/// That a line has this state, and says these words.
fn assert_told(line: &Value, state: &str, words: &[&str]) {
    assert_eq!(line["state"], state, "{line}");
    let text = format!(
        "{} {}",
        line["reason"].as_str().unwrap(),
        line["remedy"].as_str().unwrap()
    );
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in {line}");
    }
}

/// A configuration of a search node and Druid, both behind gates.
fn behind(elastic: &[&str], druid: &str, ca: Option<&Path>, more: &str) -> Setting {
    let ca = ca.map_or_else(String::new, |ca| format!("ca = {:?}\n", ca.display().to_string()));
    Setting::new(&format!(
        "[elasticsearch]\nurls = {elastic:?}\ntimeout = \"5s\"\n{more}{ca}[druid]\nurl = {druid:?}\ntimeout = \"1s\"\n{ca}"
    ))
}

#[test]
fn the_search_node_behind_tls_takes_a_password_or_a_key_and_tells_what_is_wrong_with_another() {
    let Some(tls) = certificates().filter(|_| live::listen(&[ELASTIC])) else {
        return;
    };
    let gate = Gate::open(&format!("http://{ELASTIC}"), Some(&tls));
    let setting = || {
        let prefix = "prefix = \"t-login-none\"\n";
        behind(&[&gate.url], "http://127.0.0.1:1", Some(&tls.join("ca.pem")), prefix)
    };
    let (user, password, key) = (
        "SEISMOLOG_ELASTICSEARCH__USERNAME",
        "SEISMOLOG_ELASTICSEARCH__PASSWORD",
        "SEISMOLOG_ELASTICSEARCH__API_KEY",
    );
    let encoded = STANDARD.encode("my-key-id-1:correct-horse-battery");
    let ways = [
        (
            setting().with(user, "logs").with(password, PASSWORD),
            basic("logs", PASSWORD),
        ),
        (
            setting().with(key, "my-key-id-1:correct-horse-battery"),
            format!("ApiKey {encoded}"),
        ),
        (setting().with(key, &encoded), format!("ApiKey {encoded}")),
    ];
    for (right, header) in &ways {
        gate.wants(header);
        let (_, lines) = right.check();
        assert_told(of(&lines, "elasticsearch"), "ok", &["7.", "let in"]);
        gate.wants("Basic somebody else");
        let (code, lines) = right.check();
        assert_eq!(code, Some(78));
        assert_told(
            of(&lines, "elasticsearch"),
            "refused",
            &["401", "elasticsearch.api_key", "elasticsearch.password"],
        );
        // What asks the search node all day says no more.
        let asked = right.run(&["search", "timeout"]);
        assert_ne!(asked.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&asked.stderr).contains("401"));
        right.assert_no_secret(&asked);
    }
    // Without any login, and with the certificate of an authority that is not ours.
    let (code, lines) = setting().check();
    assert_eq!(code, Some(78));
    assert_told(
        of(&lines, "elasticsearch"),
        "refused",
        &["401", "elasticsearch.api_key"],
    );
    for ca in [Some(tls.join("other-ca.pem")), None] {
        let passed = gate.passed();
        let stranger = behind(&[&gate.url], "http://127.0.0.1:1", ca.as_deref(), "").with(password, PASSWORD);
        let stranger = stranger.with(user, "logs");
        gate.wants(&basic("logs", PASSWORD));
        let (code, lines) = stranger.check();
        assert_eq!(code, Some(78));
        assert_told(
            of(&lines, "elasticsearch"),
            "refused",
            &["certificate", "not trusted", "UnknownIssuer", "elasticsearch.ca"],
        );
        assert_eq!(gate.passed(), passed, "nothing is sent to whom we do not trust");
    }
    // A file that holds no certificate.
    let empty = tempfile::NamedTempFile::new().unwrap();
    let (code, lines) = behind(&[&gate.url], "http://127.0.0.1:1", Some(empty.path()), "").check();
    assert_eq!(code, Some(78));
    assert_told(
        of(&lines, "elasticsearch"),
        "refused",
        &["elasticsearch.ca", "PEM certificate"],
    );
}

#[test]
fn every_node_has_its_line_and_what_is_no_search_node_is_told() {
    if !live::listen(&[ELASTIC]) {
        return;
    }
    let node = format!("http://{ELASTIC}");
    let (code, lines) = behind(&["http://127.0.0.1:1", &node], "http://127.0.0.1:1", None, "").check();
    assert_eq!(code, Some(75));
    let told: Vec<&Value> = lines
        .iter()
        .filter(|line| line["dependency"] == "elasticsearch")
        .collect();
    assert_eq!(told.len(), 2);
    assert_told(told[0], "away", &["127.0.0.1:1", "elasticsearch.urls"]);
    assert_told(told[1], "ok", &["Elasticsearch 7."]);
    assert_told(of(&lines, "druid broker"), "away", &["druid.broker_url"]);
    // Each asked what the other is.
    let (code, lines) = behind(&[&node], &node, None, "").check();
    assert_eq!(code, Some(78));
    assert_told(
        of(&lines, "druid broker"),
        "refused",
        &["is druid.broker_url a broker or router?"],
    );
}

#[test]
fn druid_behind_tls_takes_its_login_and_tells_what_is_wrong_with_another() {
    let Some(tls) = certificates().filter(|_| live::listen(&DRUID)) else {
        return;
    };
    let [broker, coordinator] = DRUID.map(|server| Gate::open(&format!("http://{server}"), Some(&tls)));
    let setting = |ca: &str| {
        let ca = tls.join(ca);
        let text = format!(
            "[elasticsearch]\nurls = \"http://127.0.0.1:1\"\ntimeout = \"2s\"\n[druid]\nbroker_url = {:?}\n\
             coordinator_url = {:?}\ntimeout = \"5s\"\nusername = \"logs\"\nca = {ca:?}\ndatasource = \"t-login\"\n",
            broker.url, coordinator.url
        );
        Setting::new(&text).with("SEISMOLOG_DRUID__PASSWORD", PASSWORD)
    };
    for gate in [&broker, &coordinator] {
        gate.wants(&basic("logs", PASSWORD));
    }
    let (code, lines) = setting("ca.pem").check();
    assert_eq!(code, Some(75), "only the search node is away: {lines:?}");
    for dependency in ["druid broker", "druid coordinator"] {
        assert_told(of(&lines, dependency), "ok", &["Druid 3", "let in as logs"]);
    }
    for gate in [&broker, &coordinator] {
        gate.wants(&basic("logs", "another"));
    }
    let (code, lines) = setting("ca.pem").check();
    assert_eq!(code, Some(78));
    for dependency in ["druid broker", "druid coordinator"] {
        assert_told(
            of(&lines, dependency),
            "refused",
            &["401", "druid.username", "druid.password"],
        );
    }
    let asked = setting("ca.pem").run(&["trends"]);
    assert_ne!(asked.status.code(), Some(0));
    setting("ca.pem").assert_no_secret(&asked);
    let (code, lines) = setting("other-ca.pem").check();
    assert_eq!(code, Some(78));
    for dependency in ["druid broker", "druid coordinator"] {
        assert_told(
            of(&lines, dependency),
            "refused",
            &["not trusted", "UnknownIssuer", "druid.ca"],
        );
    }
}
