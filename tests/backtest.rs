//! `alerts backtest` through the binary: rows out as they came in, one start an incident, faults with their line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "tests: what fails here is meant to be seen"
)]

use assert_cmd::Command;
use predicates::prelude::*;
use std::fmt::Write as _;

fn backtest(args: &[&str], input: &str) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("seismolog").unwrap();
    command
        .args(["alerts", "backtest", "-"])
        .args(args)
        .write_stdin(input)
        .assert()
}

/// A week of five minutes around 40 with a rhythm of a day, and what `change` makes of it.
fn series(change: impl Fn(usize, f64) -> f64) -> String {
    let mut text = "timestamp,value\n".to_owned();
    for n in 0..2_016usize {
        let noise = (n * 7_919 % 101) as f64 / 20.0;
        let value = 40.0 + 10.0 * (n as f64 / 288.0 * std::f64::consts::TAU).sin() + noise;
        writeln!(text, "{},{:.3}", 1_700_000_000 + n * 300, change(n, value)).unwrap();
    }
    text
}

fn starts(out: &str) -> Vec<usize> {
    let firing: Vec<bool> = out.lines().skip(1).map(|line| line.ends_with(",true")).collect();
    (0..firing.len())
        .filter(|&n| firing[n] && (n == 0 || !firing[n - 1]))
        .collect()
}

fn stdout(assert: assert_cmd::assert::Assert) -> String {
    String::from_utf8(assert.success().get_output().stdout.clone()).unwrap()
}

#[test]
fn one_line_out_for_each_row_in_with_the_row_as_it_was_written() {
    let input = series(|_, value| value);
    let out = stdout(backtest(&[], &input));
    assert!(out.starts_with("timestamp,value,expected,probability,anomaly_score,firing\n"));
    assert_eq!(out.lines().count(), input.lines().count());
    for (row, line) in input.lines().zip(out.lines()).skip(1) {
        assert!(line.starts_with(&format!("{row},")), "{line}");
        let score: f64 = line.split(',').nth(4).unwrap().parse().unwrap();
        assert!((0.0..=1.0).contains(&score));
    }
    assert_eq!(starts(&out), Vec::<usize>::new());
}

#[test]
fn an_incident_starts_once_and_soon() {
    let out = stdout(backtest(
        &[],
        &series(|n, value| {
            if (1_500..1_560).contains(&n) {
                value + 60.0
            } else {
                value
            }
        }),
    ));
    let starts = starts(&out);
    assert_eq!(starts.len(), 1);
    assert!((1_500..1_506).contains(&starts[0]), "{starts:?}");
}

#[test]
fn a_dip_fires_only_where_both_directions_are_asked_for() {
    let input = series(|n, value| {
        if (1_500..1_560).contains(&n) {
            value - 60.0
        } else {
            value
        }
    });
    assert_eq!(starts(&stdout(backtest(&["--direction", "both"], &input))).len(), 1);
    assert_eq!(starts(&stdout(backtest(&[], &input))).len(), 0);
}

#[test]
fn an_unknown_time_ends_with_its_line_and_exit_code_65() {
    backtest(&[], "timestamp,value\n1000,5\nsoon,6\n")
        .code(65)
        .stdout("")
        .stderr(predicate::str::contains("line 3: \"soon\" is no time").and(predicate::str::contains("RFC 3339")));
    backtest(&[], "")
        .code(65)
        .stderr(predicate::str::contains("timestamp,value"));
}

#[test]
fn a_step_that_is_none_is_a_mistake_of_the_command_line() {
    backtest(&["--step", "often"], "timestamp,value\n1000,5\n")
        .code(64)
        .stderr(predicate::str::contains("5m"));
}

#[test]
fn the_picture_names_each_alarm() {
    let input = series(|n, value| {
        if (1_500..1_560).contains(&n) {
            value + 60.0
        } else {
            value
        }
    });
    let drawn = stdout(backtest(&["--picture"], &input));
    assert!(drawn.contains('▲') && drawn.contains("expected") && drawn.contains("probability"));
    assert!(!drawn.contains('\u{1b}'), "colour is for terminals");
}
