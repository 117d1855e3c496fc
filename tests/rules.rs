//! The rules through the binary.

use assert_cmd::Command;
use predicates::prelude::*;
use seismolog::engine::{Engine, Outcome};
use seismolog::rules::RuleSet;
use std::fs;

fn seismolog() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("seismolog"))
}

#[test]
fn every_example_of_the_shipped_rules_holds() {
    let empty = tempfile::tempdir().unwrap();
    seismolog()
        .current_dir(empty.path())
        .args(["rules", "test"])
        .assert()
        .success()
        .stdout(predicate::str::contains("the shipped rules: ").and(predicate::str::contains(" 0 failed")));
}

#[test]
fn the_shipped_rules_are_the_folder_of_this_repository() {
    let version = |args: &[&str]| {
        let out = seismolog().args(args).assert().success();
        let said = String::from_utf8(out.get_output().stdout.clone()).unwrap();
        said.split("version ").nth(1).unwrap().to_owned()
    };
    let empty = tempfile::tempdir().unwrap();
    let shipped = seismolog()
        .current_dir(empty.path())
        .args(["rules", "check"])
        .assert()
        .success();
    let shipped = String::from_utf8(shipped.get_output().stdout.clone()).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    assert_eq!(
        shipped.split("version ").nth(1),
        Some(&*version(&["rules", "check", "--rules", folder]))
    );
}

#[test]
fn the_pack_covers_every_category_with_what_a_person_needs() {
    let out = seismolog()
        .args(["rules", "list", "--output", "jsonl"])
        .assert()
        .success();
    let text = String::from_utf8(out.get_output().stdout.clone()).unwrap();
    let rules: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rules.len() > 400, "{}", rules.len());
    for key in ["error_type", "category", "severity", "part", "cause", "advice"] {
        assert!(
            rules
                .iter()
                .all(|rule| rule[key].as_str().is_some_and(|text| !text.is_empty())),
            "{key}"
        );
    }
    for category in [
        "checkpoint",
        "savepoint_restore",
        "failover_ha",
        "taskmanager_lost",
        "resources",
        "network",
        "memory",
        "state_backend",
        "serialization",
        "classloading",
        "user_code",
        "sql",
        "time_watermark",
        "source_sink",
        "kafka",
        "jdbc_mysql",
        "hbase",
        "redis",
        "elasticsearch",
        "clickhouse",
        "lake_hive",
        "cdc",
        "hdfs",
        "object_store",
        "startup_artifact",
        "yarn",
        "kubernetes",
        "remote_shuffle",
        "security",
        "config_rest",
        "spark",
        "kafka_connect",
        "python",
        "node",
        "juicefs",
        "chatter",
    ] {
        assert!(rules.iter().any(|rule| rule["category"] == category), "{category}");
    }
}

#[test]
fn a_listing_is_written_as_asked() {
    for (output, begins) in [
        ("csv", "error_type,category,severity,part,cause\n"),
        ("json", "[\n"),
        ("table", " error_type"),
    ] {
        let out = seismolog()
            .args(["rules", "list", "--output", output])
            .assert()
            .success();
        let text = String::from_utf8(out.get_output().stdout.clone()).unwrap();
        assert!(text.starts_with(begins), "{output}: {text:.60}");
        assert!(text.contains("checkpoint_expired"), "{output}");
    }
}

#[test]
fn a_bad_folder_is_refused_with_all_its_faults_and_exit_code_78() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("errors")).unwrap();
    fs::write(
        folder.path().join("errors/mine.yaml"),
        "- id: mine\n  severity: hgh\n  match:\n    - message: 'a('\n  cause: c\n  advice: a\n  matches: [x]\n",
    )
    .unwrap();
    seismolog()
        .args(["rules", "check", "--rules"])
        .arg(folder.path())
        .assert()
        .code(78)
        .stdout("")
        .stderr(
            predicate::str::contains("errors/mine.yaml:2: mine: `severity` is `hgh`; did you mean `high`?")
                .and(predicate::str::contains(
                    "errors/mine.yaml:4: mine: the expression `a(` does not compile",
                ))
                .and(predicate::str::contains("`leaves` has no example")),
        );
}

#[test]
fn an_example_that_does_not_hold_is_shown_with_what_it_became_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("errors")).unwrap();
    fs::write(
        folder.path().join("errors/mine.yaml"),
        "- {id: mine, severity: low, match: [{message: quota}], cause: c, advice: a, matches: [limit reached], leaves: [b]}\n",
    )
    .unwrap();
    seismolog()
        .args(["rules", "test", "--rules"])
        .arg(folder.path())
        .assert()
        .code(1)
        .stdout(
            predicate::str::contains("errors/mine.yaml:1: mine")
                .and(predicate::str::contains("example   limit reached"))
                .and(predicate::str::contains("expected  mine"))
                .and(predicate::str::contains("got       unclassified"))
                .and(predicate::str::contains("2 examples, 1 failed")),
        );
}

#[test]
fn a_folder_that_is_not_there_is_a_configuration_error() {
    seismolog()
        .args(["rules", "check", "--rules", "/nowhere/rules"])
        .assert()
        .code(78)
        .stderr(predicate::str::contains("/nowhere/rules"));
}

/// Lines that running programs wrote, with the type and part they must get: `tests/cases/rules/types.jsonl`.
#[test]
fn real_lines_of_many_layouts_get_their_type_and_part() {
    let rules = std::sync::Arc::new(RuleSet::shipped().unwrap_or_else(|faults| panic!("{faults}")));
    let mut engine = Engine::new(rules, jiff::tz::TimeZone::UTC);
    let cases = fs::read_to_string("tests/cases/rules/types.jsonl").unwrap();
    let mut wrong = Vec::new();
    for case in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(case).unwrap();
        let record = case["record"].as_str().unwrap();
        engine.read(record.as_bytes(), &mut |outcome| {
            let got = match outcome {
                Outcome::Folded(it) => format!("{} {}", it.identity.error_type, it.identity.part),
                Outcome::Rejected(rejection) => format!("{rejection:?}"),
            };
            let wanted = format!("{} {}", case["type"].as_str().unwrap(), case["part"].as_str().unwrap());
            if got != wanted {
                wrong.push(format!("{got} instead of {wanted}: {:.200}", record));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn alert_rules_are_listed_and_their_faults_are_told_where_they_stand() {
    let out = seismolog()
        .args(["rules", "list", "--alerts", "--output", "jsonl"])
        .assert()
        .success();
    let text = String::from_utf8(out.get_output().stdout.clone()).unwrap();
    let spike = text.lines().find(|line| line.contains("\"error_spike\"")).unwrap();
    let spike: serde_json::Value = serde_json::from_str(spike).unwrap();
    assert_eq!(spike["condition"], "spike");
    assert_eq!(spike["file"], "alerts/basic.yaml");

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("alerts")).unwrap();
    let rule = "- id: mine\n  severity: high\n  title: '{job}'\n  by: [job]\n  threshold: {above: 3, within: 90s}\n";
    fs::write(folder.path().join("alerts/mine.yaml"), rule).unwrap();
    seismolog()
        .args(["rules", "check", "--rules"])
        .arg(folder.path())
        .assert()
        .code(78)
        .stderr(predicate::str::contains(
            "alerts/mine.yaml:1: mine: `within: 90s` is no whole number of minutes; counts are kept by the minute",
        ));
}
