//! What the README promises holds: its commands run as they stand, its configuration is accepted, its links lead
//! somewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test that meets a surprise ends there"
)]

use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Stands for the binary without arguments, which is what it builds and starts.
const STARTS: &str = "cargo run --release";
const TESTS: &str = "cargo test";
/// With the commands of its block it is tested by `live_readme`.
const SERVERS: &str = "deploy/local/up";
/// What tells a command that needs the servers.
const ON_SERVERS: &str = "deploy/local/seismolog.toml";

/// The store of the README's examples; here each test has its own.
const STORE: &str = "/tmp/my-store";

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(home().join("README.md")).unwrap()
}

/// The blocks of one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(of)) => open = Some((of == language, String::new())),
            (Some(_), Some(_)) => {
                if let Some((true, block)) = open.take() {
                    blocks.push(block);
                }
            }
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of the README is not closed");
    blocks
}

/// Every line of the shell blocks: one command each.
fn commands() -> Vec<String> {
    let blocks = blocks("sh").concat();
    let lines = blocks.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The words of a command, as a shell parts them where nothing but single quotes is used.
fn words(command: &str) -> Vec<String> {
    let odd = ['"', '$', '`', '\\', '|', ';', '>', '<', '&', '*', '~', '#'];
    let mut words = Vec::new();
    for (i, part) in command.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            assert!(
                !part.contains(odd),
                "this test does not speak that much shell: {command}"
            );
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    assert!(
        command.matches('\'').count().is_multiple_of(2),
        "a quote is not closed: {command}"
    );
    words
}

/// A folder that looks to the binary like a clone of the repository, and may be written to.
fn clone() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["sample-logs", "rules"] {
        symlink(home().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// The binary, with no setting of whoever runs the tests.
fn seismolog(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seismolog"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEISMOLOG_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> String {
    format!(
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn every_command_of_the_readme_is_one_that_is_tested() {
    let commands = commands();
    let others: Vec<&String> = commands.iter().filter(|c| !c.starts_with("seismolog ")).collect();
    assert_eq!(others, [STARTS, TESTS, SERVERS], "each is tested by a test of its own");
    assert!(commands.len() > 4, "the blocks were not found: {commands:?}");
    // A block these tests do not look at would be a promise nobody keeps.
    for unknown in ["```bash", "```shell", "```console", "~~~"] {
        assert!(!readme().contains(unknown), "{unknown} is not looked at");
    }
}

#[test]
fn the_check_before_a_change_lands_runs_the_tests_by_the_command_of_the_readme() {
    let script = fs::read_to_string(home().join(".ci/run")).unwrap();
    let sed = script
        .lines()
        .find_map(|line| line.strip_prefix("readme_test=$("))
        .and_then(|rest| rest.strip_suffix(')'))
        .expect(".ci/run takes the test command from the README");
    let found = Command::new("bash")
        .args(["-c", sed])
        .current_dir(home())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), TESTS, "{}", told(&found));
}

#[test]
fn the_commands_of_the_readme_do_what_they_are_shown_for() {
    let folder = clone();
    let store = folder.path().join("store");
    let alone = |c: &&String| c.starts_with("seismolog ") && !c.contains(ON_SERVERS);
    for command in commands().iter().filter(alone) {
        let words = words(&command.replace(STORE, &store.display().to_string()));
        let output = seismolog(folder.path()).args(&words[1..]).output().unwrap();
        assert!(output.status.success(), "{command}: {}", told(&output));
        assert!(!output.stdout.is_empty(), "{command} says nothing: {}", told(&output));
    }
    assert!(store.is_dir(), "the examples fill the store they ask");
}

#[test]
fn ingesting_twice_adds_nothing_as_the_readme_says() {
    let folder = clone();
    let first = commands()
        .into_iter()
        .find(|c| c.starts_with("seismolog ingest "))
        .unwrap();
    let store = folder.path().join("store");
    let words = words(&first.replace(STORE, &store.display().to_string()));
    let mut read = Vec::new();
    for _ in 0..2 {
        let output = seismolog(folder.path())
            .args(&words[1..])
            .args(["--output", "json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", told(&output));
        let ledger: Value = serde_json::from_slice(&output.stdout).unwrap();
        read.push(ledger["read"].as_u64().unwrap());
    }
    assert!(read[0] > 4_000, "{read:?}");
    assert_eq!(read[1], 0, "the second time nothing is new");
}

#[test]
fn normalize_and_explain_print_what_the_readme_lists() {
    let folder = clone();
    let run = |name: &str| {
        let command = commands()
            .into_iter()
            .find(|c| c.starts_with(&format!("seismolog {name} ")))
            .unwrap();
        let output = seismolog(folder.path()).args(&words(&command)[1..]).output().unwrap();
        (words(&command), String::from_utf8(output.stdout).unwrap())
    };
    let (words, lines) = run("normalize");
    let input = fs::read_to_string(folder.path().join(&words[2])).unwrap();
    let records = input.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(lines.lines().count(), records, "one line out per line in");
    for key in [
        "event_time",
        "job_name",
        "task",
        "host",
        "error_type",
        "rule",
        "template",
        "exception",
        "top_frame",
        "fingerprint",
    ] {
        assert!(
            lines.lines().any(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line.get(key).is_some()
            }),
            "no line has {key}"
        );
    }
    let (_, explained) = run("explain");
    assert!(explained.contains("fingerprint"), "{explained}");
}

#[test]
fn the_configuration_of_the_readme_holds() {
    let blocks = blocks("toml");
    assert!(!blocks.is_empty());
    for block in blocks {
        let folder = clone();
        fs::write(folder.path().join("seismolog.toml"), &block).unwrap();
        let output = seismolog(folder.path())
            .args(["config", "check", "-c", "seismolog.toml"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{block}\n{}", told(&output));
    }
}

#[test]
fn every_link_and_picture_of_the_readme_is_there() {
    let text = readme();
    let mut seen = 0;
    for rest in text.split("](").skip(1) {
        let target = rest.split(')').next().unwrap();
        if target.contains("://") {
            continue;
        }
        let path = target.split('#').next().unwrap();
        let there = home().join(path);
        let there = if there.is_dir() { there.join("README.md") } else { there };
        let bytes = fs::metadata(&there).map(|m| m.len());
        assert!(bytes.as_ref().is_ok_and(|bytes| *bytes > 0), "{target}: {bytes:?}");
        if path.ends_with(".png") {
            assert!(
                fs::read(&there).unwrap().starts_with(b"\x89PNG"),
                "{target} is no picture"
            );
        }
        seen += 1;
    }
    assert!(seen > 2, "the links were not found");
}

/// The running service, stopped whatever happens.
struct Service {
    child: Child,
    /// Lines it writes to stderr.
    says: Receiver<String>,
    http: String,
}

impl Service {
    /// Starts it as `cargo run` does, on a free port, and waits until it tells its address.
    fn start(folder: &Path) -> Self {
        let mut child = seismolog(folder)
            .env("SEISMOLOG_SERVE__BIND", "127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let says = lines(child.stderr.take().unwrap());
        let mut service = Self {
            child,
            says,
            http: String::new(),
        };
        let until = Instant::now() + Duration::from_secs(30);
        let mut said = Vec::new();
        while service.http.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = service.says.recv_timeout(left) else {
                panic!("it told no address: {said:#?}");
            };
            if let Some((_, address)) = line.split_once("the pages are at ") {
                service.http = address.trim().to_owned();
            }
            said.push(line);
        }
        service
    }

    /// Asks it to stop as a service manager does, and waits for the end.
    fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
        let until = Instant::now() + Duration::from_secs(20);
        let mut said = Vec::new();
        // The end of its stderr is the end of the process.
        while let Ok(line) = self.says.recv_timeout(until.saturating_duration_since(Instant::now())) {
            said.push(line);
        }
        assert!(Instant::now() < until, "it did not stop: {said:#?}");
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (tell, says) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    says
}

fn client() -> reqwest::blocking::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(10));
    client.build().unwrap()
}

/// A page that must answer.
fn page(client: &reqwest::blocking::Client, address: &str) -> String {
    let answer = client.get(address).send().unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{address}");
    answer.text().unwrap()
}

#[test]
fn one_command_without_a_server_shows_the_errors_of_the_sample() {
    let folder = clone();
    let service = Service::start(folder.path());
    let client = client();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let text = page(&client, &format!("{}/api/v1/totals", service.http));
        let totals: Value = serde_json::from_str(&text).unwrap();
        let number = |key: &str| {
            totals["ledger"][key]
                .as_u64()
                .unwrap_or_else(|| panic!("no {key} in {text}"))
        };
        assert_eq!(
            number("folded"),
            number("records"),
            "every record of the sample is an error: {text}"
        );
        if number("records") > 4_000 {
            break;
        }
        assert!(Instant::now() < until, "the sample is not played in time: {text}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let list = page(&client, &format!("{}/", service.http));
    assert!(list.to_lowercase().contains("sample data"), "{list}");
    assert!(list.contains("href=\"/errors/"), "{list}");
    // The address the README names for the search language and the API.
    let api = page(&client, &format!("{}/api/v1/openapi.json", service.http));
    let _: Value = serde_json::from_str(&api).unwrap();
    // A push as the README describes it.
    let line = fs::read_to_string(folder.path().join("sample-logs/dw-yarn/jobs.recipe.jsonl")).unwrap();
    let pushed = client
        .post(format!("{}/api/v1/ingest", service.http))
        .header("Content-Type", "application/x-ndjson")
        .body(line.lines().next().unwrap().to_owned())
        .send()
        .unwrap();
    let status = pushed.status().as_u16();
    let answer: Value = serde_json::from_str(&pushed.text().unwrap()).unwrap();
    assert_eq!((status, &answer["folded"]), (200, &Value::from(1)), "{answer}");
    let (code, said) = service.stop();
    assert_eq!(code, Some(0), "{said:#?}");
    assert!(
        folder.path().join("seismolog-data").is_dir(),
        "the embedded store is in the folder it was started in"
    );
}

#[test]
fn the_help_of_search_tells_the_whole_language() {
    let output = seismolog(&std::env::temp_dir())
        .args(["search", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for key in seismolog::query::FIELDS {
        assert!(help.contains(key.name), "{} is missing", key.name);
    }
    // Each search the help shows can be read.
    let shown = help.split("Searches:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    for line in shown.lines() {
        let search = line.trim().split("  ").next().unwrap().trim_matches('\'');
        // A quoted search may stand close to what it means.
        let search = search.split("' ").next().unwrap();
        seismolog::query::Query::parse(search).unwrap_or_else(|mistake| panic!("{search}: {mistake}"));
    }
    assert!(shown.lines().count() > 4, "{help}");
}

#[test]
fn the_addresses_the_readme_names_are_the_defaults() {
    let output = seismolog(&std::env::temp_dir())
        .args(["config", "default"])
        .output()
        .unwrap();
    let defaults = String::from_utf8(output.stdout).unwrap();
    // What stands in a configuration is the reader's own.
    let text = blocks("toml")
        .iter()
        .fold(readme(), |text, block| text.replace(block, ""));
    for part in text.split("http://").skip(1) {
        let host = part.split(['/', '`', '>', ')']).next().unwrap();
        assert!(defaults.contains(&format!("bind = \"{host}\"")), "{host}");
    }
    assert!(defaults.contains("path = \"seismolog-data\""));
}

#[test]
fn the_folders_the_readme_shows_are_where_it_says() {
    for name in [
        "sample-logs/README.md",
        "rules/README.md",
        "deploy/README.md",
        "rust-toolchain.toml",
    ] {
        assert!(home().join(name).is_file(), "{name}");
    }
    let named: Vec<PathBuf> = commands()
        .iter()
        .flat_map(|c| words(c))
        .filter(|word| word.starts_with("sample-logs"))
        .map(|word| home().join(word))
        .collect();
    assert!(!named.is_empty() && named.iter().all(|path| path.exists()), "{named:?}");
}
