use super::super::ingest::{Plan, Progress, Report, ingest};
use super::*;
use crate::source::FrameLimits;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn plan(files: &[&Path], keys: usize) -> Plan {
    Plan {
        files: files.iter().map(PathBuf::from).collect(),
        fold: FoldLimits {
            keys,
            ..FoldLimits::default()
        },
        frame: FrameLimits::default(),
        flush_interval: Duration::from_secs(1),
        clock: clock(),
    }
}

fn run(store: &Memory, plan: &Plan) -> Result<Report, ProcessError> {
    let mut last = Progress::default();
    ingest(LineEngine::default(), store.sink(), plan, None, &mut |progress| {
        assert!(progress.records >= last.records && progress.bytes >= last.bytes);
        last = progress;
    })
}

fn many(records: u64) -> String {
    (0..records)
        .map(|n| line(1_700_000_000 + n, &format!("job{}", n % 7), &format!("m{}", n % 13)))
        .collect()
}

#[test]
fn everything_is_counted_once_and_a_second_run_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, many(5_000) + "no json\n").unwrap();
    fs::write(&b, "\n").unwrap();
    let store = Memory::default();
    let report = run(&store, &plan(&[&a, &b], 100)).unwrap();
    let all = report.totals.all();
    assert_eq!((all.records, all.folded, all.rejected), (5_001, 5_000, 1));
    assert_eq!(report.totals.fingerprints, 13);
    assert!(report.totals.flushes > 5, "the fold was full many times");
    assert_eq!(store.folded(), 5_000);
    assert_eq!(store.0.lock().unwrap().rejects, ["no json"]);

    let again = run(&store, &plan(&[&a, &b], 100)).unwrap();
    assert_eq!((again.totals.all(), again.unchanged), (Ledger::default(), 2));
    assert_eq!((report.empty, again.empty), (1, 0));
    assert_eq!(store.folded(), 5_000);

    fs::write(&a, many(6_000)).unwrap();
    let other = run(&store, &plan(&[&a], 100)).unwrap();
    assert_eq!(other.totals.all().records, 6_000, "written anew, it is another file");
}

#[test]
fn a_store_that_refuses_ends_it_and_the_next_run_goes_on_exactly_there() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("a");
    fs::write(&a, many(3_000)).unwrap();
    let truth = {
        let store = Memory::default();
        run(&store, &plan(&[&a], 50_000)).unwrap();
        store.counts()
    };
    let store = Memory::default();
    for refuse in 0..12 {
        store.0.lock().unwrap().refuse_from = Some((refuse * 3, SinkError::Full("/".into())));
        let error = run(&store, &plan(&[&a], 64)).unwrap_err();
        assert!(matches!(error, ProcessError::Sink(SinkError::Full(_))), "{error}");
    }
    store.0.lock().unwrap().refuse_from = None;
    run(&store, &plan(&[&a], 64)).unwrap();
    assert_eq!(store.counts(), truth);
    assert_eq!(store.0.lock().unwrap().ledger.records, 3_000);
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_and_the_others_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, b) = (dir.path().join("missing"), dir.path().join("b"));
    fs::write(&b, many(10)).unwrap();
    let store = Memory::default();
    let report = run(&store, &plan(&[&missing, &b], 100)).unwrap();
    assert_eq!((report.faults.len(), store.folded()), (1, 10));
}

#[test]
fn stdin_counts_each_time() {
    let store = Memory::default();
    for round in 1..3 {
        let stdin = Box::new(std::io::Cursor::new(many(10).into_bytes()));
        ingest(
            LineEngine::default(),
            store.sink(),
            &plan(&[], 100),
            Some(stdin),
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(store.folded(), round * 10);
    }
}

#[test]
fn a_half_written_event_is_counted_once_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("a");
    let whole = many(3);
    let store = Memory::default();
    for cut in [
        whole.len() - 9,
        whole.len() - 9,
        whole.len() - 5,
        whole.len() - 1,
        whole.len(),
    ] {
        fs::write(&a, &whole.as_bytes()[..cut]).unwrap();
        run(&store, &plan(&[&a], 100)).unwrap();
    }
    assert_eq!(store.folded(), 3);
    assert_eq!(
        store.0.lock().unwrap().rejects.len(),
        2,
        "the two halves, each told once"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_ledger_adds_up_whatever_the_bytes(
        pieces in proptest::collection::vec(prop_oneof![
            (0_u64..9, 0_u64..3).prop_map(|(t, m)| line(t, "j", &m.to_string()).into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(b"\n".to_vec()),
            Just(b"{\n\"t\":1\n}\n".to_vec()),
        ], 0..60),
        keys in 1_usize..8,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let a = dir.path().join("a");
        fs::write(&a, pieces.concat()).unwrap();
        let store = Memory::default();
        let report = run(&store, &plan(&[&a], keys)).unwrap();
        let all = report.totals.all();
        prop_assert!(all.adds_up());
        prop_assert_eq!(all, store.0.lock().unwrap().ledger);
        prop_assert_eq!(all.folded, store.folded());
        prop_assert_eq!(all.rejected, store.0.lock().unwrap().rejects.len() as u64);
        let again = run(&store, &plan(&[&a], keys)).unwrap();
        prop_assert_eq!(again.totals.all(), Ledger::default());
    }
}
