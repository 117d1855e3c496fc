//! The real stack of the README works as it is pasted: its commands, in their order, on the servers of `deploy/local`.
//!
//! Without the servers the test says so and passes; `SEISMOLOG_LIVE=required` makes it fail instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that meets a surprise ends there"
)]

mod live;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The commands of the block that begins with `deploy/local/up`.
fn block() -> Vec<String> {
    let text = std::fs::read_to_string(home().join("README.md")).unwrap();
    let block = text
        .split("```sh\n")
        .find(|block| block.starts_with("deploy/local/up"))
        .expect("the README shows the real stack");
    let block = block.split("```").next().unwrap();
    block.lines().map(str::to_owned).collect()
}

fn seismolog(command: &str) -> Command {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("seismolog"), "{command}");
    let mut run = Command::new(env!("CARGO_BIN_EXE_seismolog"));
    run.args(words).current_dir(home()).stdin(Stdio::null());
    run
}

#[test]
fn the_real_stack_of_the_readme_works_as_pasted() {
    if !live::listen(&live::ALL) {
        return;
    }
    let block = block();
    assert!(block.len() <= 5, "at most five lines: {block:?}");
    let [up, generate, run, verify] = block.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        panic!("the block has other commands than this test knows: {block:?}");
    };
    let up = Command::new(home().join(up)).output().unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    let made = seismolog(generate).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // Another port than the pages of whoever works on this machine.
    let mut service = seismolog(run)
        .args(["--bind", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(service.stderr.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    let told = lines.by_ref().find(|line| line.contains("the pages are at"));
    let address = told.expect("it serves the pages");
    let address = address.split_whitespace().last().unwrap().to_owned();
    let drain = std::thread::spawn(move || lines.for_each(drop));

    let until = Instant::now() + Duration::from_secs(120);
    let agreed = loop {
        let checked = seismolog(verify).args(["-o", "json"]).output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap_or_default();
        let events = document["checks"].as_array().is_some_and(|checks| {
            checks.iter().any(|check| {
                check["stage"] == "druid" && check["number"] == "events" && check["found"].as_u64() >= Some(1)
            })
        });
        if checked.status.success() && events {
            break true;
        }
        if Instant::now() > until {
            eprintln!("{document:#}\n{}", String::from_utf8_lossy(&checked.stderr));
            break false;
        }
    };
    let found = reqwest::blocking::get(format!("{address}/api/v1/errors?from=-3650d&limit=5"))
        .unwrap()
        .text()
        .unwrap();
    let told = interrupt(service.id());
    let ended = service.wait().unwrap();
    drain.join().unwrap();
    assert!(agreed, "verify does not agree");
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert!(!found["items"].as_array().unwrap().is_empty(), "{found}");
    assert!(told && ended.success(), "it stops when it is told to: {ended}");
}

/// Asks a process to end, as Ctrl-C does.
fn interrupt(pid: u32) -> bool {
    Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status()
        .is_ok_and(|status| status.success())
}
