//! Claims about the whole pure path, through the public API.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what fails here is meant to be seen"
)]

use proptest::prelude::*;
use seismolog::engine::{Engine, LineWriter, Options};
use seismolog::rules::RuleSet;
use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, LazyLock};

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::shipped().unwrap()));

/// Real lines of every layout.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut lines = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs")];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "jsonl" || e == "json") {
                let text = std::fs::read(&path).unwrap();
                lines.extend(
                    text.split(|&b| b == b'\n')
                        .filter(|l| !l.is_empty())
                        .map(<[u8]>::to_vec),
                );
            }
        }
    }
    // Equal lines teach nothing new; a stride keeps the table small and every file in it.
    let stride = (lines.len() / 400).max(1);
    lines.into_iter().step_by(stride).collect()
});

fn normalized(engine: &mut Engine, record: &[u8]) -> String {
    let mut writer = LineWriter::default();
    writer.begin();
    engine.read(record, &mut |outcome| writer.add(&outcome, record.len()));
    let mut out = Vec::new();
    writer.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn engine(memo: usize) -> Engine {
    Engine::with_options(
        Arc::clone(&RULES),
        Options {
            memo,
            ..Options::default()
        },
    )
}

thread_local! {
    static REMEMBERING: RefCell<Engine> = RefCell::new(engine(65_536));
    static FORGETFUL: RefCell<Engine> = RefCell::new(engine(0));
}

/// Other digits where there were digits, by a seed; keys and structure stay.
fn other_digits(line: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    line.iter()
        .map(|&b| {
            if !b.is_ascii_digit() {
                return b;
            }
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Not every digit changes: a time must mostly stay a time.
            if state >> 62 == 0 {
                b'0' + u8::try_from((state >> 33) % 10).unwrap()
            } else {
                b
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_hit_of_the_memo_equals_a_miss(index in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let line = other_digits(index.get::<Vec<u8>>(LINES.as_slice()), seed);
        let hit = REMEMBERING.with_borrow_mut(|e| normalized(e, &line));
        let miss = FORGETFUL.with_borrow_mut(|e| normalized(e, &line));
        prop_assert_eq!(hit, miss);
    }

    #[test]
    fn no_bytes_make_it_panic_and_every_record_has_an_outcome(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let line = REMEMBERING.with_borrow_mut(|e| normalized(e, &bytes));
        prop_assert!(line.starts_with("{\"outcome\":"), "{}", line);
        let _: serde_json::Value = serde_json::from_str(&line).unwrap();
    }

    #[test]
    fn damaged_lines_have_an_outcome_too(
        index in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut line = index.get(LINES.as_slice()).clone();
        let at = at.index(line.len());
        if cut { line.truncate(at) } else { line[at] = byte }
        let out = REMEMBERING.with_borrow_mut(|e| normalized(e, &line));
        let _: serde_json::Value = serde_json::from_str(&out).unwrap();
    }
}

#[test]
fn the_order_of_arrival_changes_no_identity() {
    let identity = |line: String| {
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        (
            value["fingerprint"].clone(),
            value["error_type"].clone(),
            value["template"].clone(),
        )
    };
    let mut forwards = engine(65_536);
    let mut backwards = engine(65_536);
    let ahead: Vec<_> = LINES.iter().map(|l| identity(normalized(&mut forwards, l))).collect();
    let mut behind: Vec<_> = LINES
        .iter()
        .rev()
        .map(|l| identity(normalized(&mut backwards, l)))
        .collect();
    behind.reverse();
    assert_eq!(ahead, behind);
}
