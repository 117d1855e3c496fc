//! `verify` on the embedded store, through the real binary.
#![allow(clippy::unwrap_used, reason = "tests: what fails here is meant to be seen")]

use assert_cmd::Command;
use predicates::str::contains;

#[test]
fn an_embedded_store_is_exact_after_ingest_and_the_table_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let seismolog = || {
        let mut command = Command::cargo_bin("seismolog").unwrap();
        command.current_dir(folder.path());
        command
    };
    let mut log = Vec::new();
    for n in 0..300 {
        log.extend_from_slice(
            format!(
                "{{\"@timestamp\":\"2026-11-20T10:{:02}:00Z\",\"level\":\"ERROR\",\"message\":\"order {n} is lost\"}}\n",
                n % 60
            )
            .as_bytes(),
        );
    }
    log.extend_from_slice(b"{\"message\": \"half a rec\n");
    let file = folder.path().join("app.log.json");
    std::fs::write(&file, log).unwrap();
    seismolog()
        .arg("ingest")
        .arg(&file)
        .arg("--store")
        .arg(&store)
        .assert()
        .success();
    seismolog()
        .args(["verify", "-o", "csv", "--store"])
        .arg(&store)
        .assert()
        .success()
        .stdout(contains("store,all,events by minute,300,300,exact"))
        .stdout(contains("store,all,events by issue,300,300,exact"))
        .stdout(contains("store,all,rejects,1,1,exact"));
    seismolog().args(["verify", "--within", "soon"]).assert().code(64);
}
