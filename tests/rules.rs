//! The shipped rules, as a whole.

use seismolog::rules::{RuleSet, run_examples};

#[test]
fn the_shipped_rules_load() {
    if let Err(faults) = RuleSet::shipped() {
        panic!("{faults}");
    }
}

#[test]
fn every_example_of_the_shipped_rules_holds() {
    let run = run_examples(None).unwrap_or_else(|faults| panic!("{faults}"));
    for failed in &run.failed {
        eprintln!("{failed:?}");
    }
    assert!(
        run.failed.is_empty(),
        "{} of {} examples failed",
        run.failed.len(),
        run.run
    );
    assert!(run.run > 700);
}
