//! `ingest`, `config` and `run` through the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets a surprise ends there"
)]

use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seismolog"));
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SEISMOLOG_")) {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `ingest` and gives its exit code and ledger.
    fn ingest(&self, what: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["ingest", "--store", "st", "-o", "json"], what].concat());
        let ledger = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap(), ledger)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn line(second: u32, message: &str) -> String {
    format!(
        "{{\"@timestamp\":\"2026-01-02T03:{:02}:{:02}.000Z\",\"level\":\"ERROR\",\"logger\":\"a.B\",\"message\":\"{message}\",\"job\":\"orders\"}}\n",
        second / 60,
        second % 60
    )
}

fn lines(count: u32) -> String {
    (0..count).map(|second| line(second, "boom")).collect()
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/source")
        .join(name)
}

#[test]
fn records_over_many_lines_are_read_as_their_writers_meant_them() {
    for (name, records) in [
        ("printed-out.jsonl", 2),
        ("ecs-stack-as-array.jsonl", 2),
        ("array-written-record-by-record.json", 3),
        ("nul-delimited.jsonl", 3),
        ("taskmanager.log", 3),
    ] {
        let place = Place::new();
        let (code, ledger) = place.ingest(&[case(name).to_str().unwrap()]);
        assert_eq!(
            (code, &ledger["read"], &ledger["folded"]),
            (0, &records.into(), &records.into()),
            "{name}"
        );
    }
}

#[test]
fn a_second_run_adds_nothing_and_a_grown_file_gives_the_rest() {
    let place = Place::new();
    let path = place.write("logs/a.jsonl", lines(100));
    let (code, ledger) = place.ingest(&["logs"]);
    assert_eq!((code, ledger["folded"].as_u64()), (0, Some(100)));
    let (code, ledger) = place.ingest(&["logs"]);
    assert_eq!(
        (code, ledger["read"].as_u64(), ledger["unchanged"].as_u64()),
        (0, Some(0), Some(1))
    );
    fs::write(&path, lines(130)).unwrap();
    let (_, ledger) = place.ingest(&["logs/*.jsonl"]);
    assert_eq!(ledger["folded"].as_u64(), Some(30));
}

#[test]
fn bad_input_ends_with_65_and_says_what_it_was() {
    let place = Place::new();
    place.write("empty.log", "");
    place.write("junk.bin", [0_u8, 159, 146, 150, 10, 255, 254]);
    fs::create_dir(place.path("nothing")).unwrap();
    place.write("docs/README.md", "# no log\n");
    for (what, said) in [
        ("empty.log", "it is empty"),
        ("junk.bin", "nothing of the input could be read"),
        ("nothing", "no log was found"),
        ("docs", "by its name no log"),
        ("missing.log", "could not open missing.log"),
    ] {
        let output = place.run(&["ingest", "--store", "st", what]);
        assert_eq!(output.status.code(), Some(65), "{what}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{what}: {}", stderr(&output));
    }
    assert_eq!(place.run(&["ingest"]).status.code(), Some(64));
}

#[test]
fn a_line_of_a_hundred_megabytes_and_deep_nesting_cost_a_reject_each() {
    let place = Place::new();
    let path = place.path("a.log");
    let mut file = fs::File::create(&path).unwrap();
    let piece = vec![b'x'; 1 << 20];
    write!(file, "{{\"a\":\"").unwrap();
    for _ in 0..100 {
        file.write_all(&piece).unwrap();
    }
    writeln!(file, "\"}}\n{}", "[".repeat(100_000)).unwrap();
    write!(file, "{}", "{\"a\":".repeat(100_000)).unwrap();
    write!(file, "\n{}", lines(3)).unwrap();
    drop(file);
    let (code, ledger) = place.ingest(&["a.log"]);
    assert_eq!((code, ledger["folded"].as_u64()), (0, Some(3)));
    assert_eq!(ledger["reasons"]["too_large"].as_u64(), Some(1), "{ledger}");
    assert_eq!(ledger["rejected"].as_u64(), Some(3 - 1), "{ledger}");
}

#[test]
fn a_damaged_archive_keeps_what_stood_before_and_ends_with_65() {
    let place = Place::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(lines(1_000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    place.write("a.gz", &packed[..packed.len() / 2]);
    let output = place.run(&["ingest", "--store", "st", "-o", "json", "a.gz"]);
    assert_eq!(output.status.code(), Some(65));
    assert!(stderr(&output).contains("damaged"), "{}", stderr(&output));
    let ledger: Value = serde_json::from_slice(&output.stdout).unwrap();
    let before = ledger["folded"].as_u64().unwrap();
    assert!(before > 100, "{ledger}");
    place.write("a.gz", &packed);
    let (code, ledger) = place.ingest(&["a.gz"]);
    assert_eq!((code, ledger["folded"].as_u64()), (0, Some(1_000 - before)));
}

#[test]
fn stdin_is_read_packed_or_not() {
    let place = Place::new();
    let mut child = place
        .command(&["ingest", "--store", "st", "-o", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let packed = zstd::encode_all(lines(7).as_bytes(), 1).unwrap();
    child.stdin.take().unwrap().write_all(&packed).unwrap();
    let output = child.wait_with_output().unwrap();
    let ledger: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(ledger["folded"].as_u64(), Some(7));
}

#[test]
fn a_wrong_configuration_ends_with_78_and_names_every_fault() {
    let place = Place::new();
    place.write("seismolog.toml", "[store]\npaht = \"x\"\n[source.kafka]\n");
    for args in [&["config", "check"][..], &["run"], &["ingest", "x.log"]] {
        let output = place.run(args);
        assert_eq!(output.status.code(), Some(78), "{args:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("did you mean store.path?"),
            "{}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains("source.kafka: the section is empty"),
            "{}",
            stderr(&output)
        );
    }
    place.write("seismolog.toml", "");
    assert!(place.run(&["config", "check"]).status.success());
}

#[test]
fn the_default_configuration_holds_and_show_says_where_values_come_from() {
    let place = Place::new();
    let default = place.run(&["config", "default"]);
    place.write("seismolog.toml", &default.stdout);
    assert!(place.run(&["config", "check"]).status.success());
    let shown = place
        .command(&["config", "show", "-o", "jsonl"])
        .env("SEISMOLOG_STORE__PATH", "elsewhere")
        .output()
        .unwrap();
    let rows: Vec<Value> = shown
        .stdout
        .lines()
        .map(|row| serde_json::from_str(&row.unwrap()).unwrap())
        .collect();
    let path = rows.iter().find(|row| row["key"] == "store.path").unwrap();
    assert_eq!(
        (&path["value"], &path["origin"]),
        (&"\"elsewhere\"".into(), &"SEISMOLOG_STORE__PATH".into())
    );
}

/// A running service; killed when the test ends, however it ends.
struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(place: &Place, args: &[&str]) -> Self {
        let all = [&["run", "--bind", "127.0.0.1:0"], args].concat();
        let mut child = place.command(&all).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        let url = loop {
            text.clear();
            assert!(said.read_line(&mut text).unwrap() > 0, "it ended before it served");
            if let Some((_, url)) = text.split_once("the pages are at ") {
                break url.trim().to_owned();
            }
        };
        // Its log goes nowhere, but somebody must take it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, url }
    }

    fn get(&self, path: &str) -> Value {
        let body = self.raw(&format!("GET {path} HTTP/1.1\r\n"), b"");
        serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&body)))
    }

    fn post(&self, path: &str, body: &[u8]) -> Value {
        let head = format!(
            "POST {path} HTTP/1.1\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n",
            body.len()
        );
        let answer = self.raw(&head, body);
        serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer)))
    }

    fn raw(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let addr = self.url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(addr).unwrap();
        stream
            .write_all(format!("{head}Host: {addr}\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        answer[at + 4..].to_vec()
    }

    /// Events of the last year by the API.
    fn counted(&self) -> u64 {
        let trends = self.get("/api/v1/trends?by=severity&step=1d&from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z");
        let total = trends["total"].as_array().unwrap();
        total.iter().map(|count| count.as_u64().unwrap()).sum()
    }

    fn until_counted(&self, wanted: u64) {
        let begun = Instant::now();
        while self.counted() != wanted {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{} instead of {wanted}",
                self.counted()
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn stop(mut self) -> Option<i32> {
        let ended = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(ended.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_service_follows_files_takes_pushes_and_goes_on_after_a_restart() {
    let place = Place::new();
    let log = place.write("logs/a.log", lines(5));
    place.write(
        "seismolog.toml",
        "[source.files]\npaths = [\"logs\"]\n[process]\nflush_interval = \"50ms\"\n",
    );
    let service = Service::start(&place, &[]);
    service.until_counted(5);
    let answer = service.post("/api/v1/ingest", (line(90, "pushed") + "no json\n").as_bytes());
    assert_eq!(answer["items"][0]["outcome"], "folded", "{answer}");
    assert_eq!(answer["items"][1]["outcome"], "rejected", "{answer}");
    assert_eq!(service.counted(), 6, "durable before it was answered");
    let text = String::from_utf8(service.raw("GET /metrics HTTP/1.1\r\n", b"")).unwrap();
    assert!(text.contains("seismolog_events_folded_total 6"), "{text}");
    assert_eq!(service.stop(), Some(0));

    fs::write(&log, lines(8)).unwrap();
    let service = Service::start(&place, &[]);
    service.until_counted(9);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn without_a_configuration_the_sample_is_played_once() {
    let place = Place::new();
    place.write("sample-logs/a.jsonl", lines(20));
    let service = Service::start(&place, &[]);
    let begun = Instant::now();
    let events = |service: &Service| {
        let trends = service.get("/api/v1/trends?by=severity&from=-1h");
        trends["total"]
            .as_array()
            .unwrap()
            .iter()
            .map(|count| count.as_u64().unwrap())
            .sum::<u64>()
    };
    while events(&service) < 20 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(service.stop(), Some(0));
    let service = Service::start(&place, &[]);
    std::thread::park_timeout(Duration::from_millis(1_500));
    assert_eq!(events(&service), 20);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_port_or_a_store_in_use_ends_with_75() {
    let place = Place::new();
    place.write("seismolog.toml", "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = place.run(&["run", "--bind", &addr]);
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    assert!(stderr(&output).contains("is in use"), "{}", stderr(&output));

    let service = Service::start(&place, &[]);
    let output = place.run(&["ingest", "--store", "seismolog-data", "seismolog.toml"]);
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    assert_eq!(service.stop(), Some(0));
}
