//! Claims about identities, through the public API: cases as files, and what must hold for any text.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so"
)]

use proptest::prelude::*;
use seismolog::decode::{Decoder, Limits};
use seismolog::event::{Dimensions, ErrorEvent, EventTime, Fingerprint, Group, Layout, Part, Severity, Text, Thrown};
use seismolog::identity::{Classified, Identity, IdentityRules, Told, identity, skeleton, tell_event};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static RULES: LazyLock<IdentityRules> = LazyLock::new(|| {
    IdentityRules::from_yaml(
        include_str!("../rules/masks.yaml"),
        include_str!("../rules/ownership.yaml"),
        include_str!("../rules/chain.yaml"),
    )
    .unwrap_or_else(|faults| panic!("{faults:#?}"))
});

fn unclassified() -> Classified {
    Classified {
        error_type: "unclassified".into(),
        category: "unclassified".into(),
        severity: Severity::Medium,
        part: Part::Root,
        rule: None,
    }
}

fn told_of(event: &ErrorEvent<'_>) -> (Told, Identity) {
    let told = tell_event(event, &Dimensions::default(), &RULES);
    let identity = identity(&told, &unclassified());
    (told, identity)
}

fn event<'a>(message: &'a str, thrown: Thrown<'a>) -> ErrorEvent<'a> {
    ErrorEvent {
        layout: Layout::Recipe,
        time: EventTime::from_millis(0),
        level: Some("ERROR".into()),
        logger: Some("com.acme.Job".into()),
        thread: Some("main".into()),
        message: message.into(),
        thrown,
        root_class: None,
        root_message: None,
        fields: Vec::new(),
        truncated: false,
    }
}

fn of_stack(stack: &str) -> Identity {
    told_of(&event("it failed", Thrown::Text(Text::Plain(stack)))).1
}

fn of_message(message: &str) -> Identity {
    told_of(&event(message, Thrown::Absent)).1
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/identity")
        .join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The identities of the records of a file.
fn of_records(path: &Path) -> Vec<Identity> {
    let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    let mut found = Vec::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        decoder.decode(line.as_bytes(), &mut |decoded| {
            found.push(told_of(&decoded.unwrap()).1);
        });
    }
    found
}

#[test]
fn one_failure_has_one_fingerprint_whoever_tells_it() {
    let paths = cases("same");
    assert!(!paths.is_empty());
    for path in paths {
        let found = of_records(&path);
        assert!(found.len() > 1, "{}", path.display());
        for other in &found[1..] {
            assert_eq!(
                other.fingerprint,
                found[0].fingerprint,
                "{}: {other:#?}\n{:#?}",
                path.display(),
                found[0]
            );
            assert_eq!(other.group, found[0].group, "{}", path.display());
        }
    }
}

#[test]
fn different_failures_have_different_fingerprints() {
    for path in cases("different") {
        let found = of_records(&path);
        let mut seen: HashMap<Fingerprint, usize> = HashMap::new();
        for (line, identity) in found.iter().enumerate() {
            if let Some(other) = seen.insert(identity.fingerprint, line) {
                panic!("{}: lines {other} and {line} are one: {identity:#?}", path.display());
            }
        }
    }
}

#[test]
fn a_fingerprint_belongs_to_one_group() {
    let mut groups: HashMap<Fingerprint, Group> = HashMap::new();
    for path in cases("same").into_iter().chain(cases("different")) {
        for identity in of_records(&path) {
            let known = *groups.entry(identity.fingerprint).or_insert(identity.group);
            assert_eq!(known, identity.group);
        }
    }
}

#[test]
fn stacks_are_told_as_their_case_says() {
    for path in cases("told")
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
    {
        let stack = std::fs::read_to_string(&path).unwrap();
        let (told, identity) = told_of(&event("it failed", Thrown::Text(Text::Plain(&stack))));
        let got = serde_json::json!({
            "exception": identity.exception,
            "exception_chain": identity.exception_chain,
            "exception_template": identity.exception_template,
            "top_frame": identity.top_frame,
            "pieces": told.pieces.iter().map(|p| format!("{}: {}", p.name, p.value)).collect::<Vec<_>>(),
        });
        let expected = path.with_extension("expected.json");
        let wanted: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&expected).unwrap_or_default()).unwrap_or_default();
        assert_eq!(
            got,
            wanted,
            "{}:\n{}",
            path.display(),
            serde_json::to_string_pretty(&got).unwrap()
        );
    }
}

#[test]
fn a_stack_overflow_is_one_error_at_any_depth_and_wherever_it_was_cut() {
    let cycle = [
        "\tat com.acme.Tree.visit(Tree.java:10)\n",
        "\tat com.acme.Tree.child(Tree.java:14)\n",
        "\tat com.acme.Tree.walk(Tree.java:19)\n",
    ];
    let stack = |from: usize, length: usize| {
        let frames: String = (from..from + length).map(|i| cycle[i % 3]).collect();
        of_stack(&format!("java.lang.StackOverflowError: null\n{frames}"))
    };
    let one = stack(0, 1024);
    for (from, length) in [(1, 1024), (2, 1023), (0, 300), (1, 4000)] {
        assert_eq!(stack(from, length).fingerprint, one.fingerprint, "{from} {length}");
    }
}

#[test]
fn a_wrapper_more_or_less_changes_nothing() {
    let root = "Caused by: java.io.IOException: volume of tenant 7 is sealed for writing\n\tat com.acme.store.Volume.write(Volume.java:8)\n\t... 3 more\n";
    let inner = format!(
        "java.lang.RuntimeException: java.io.IOException: volume of tenant 7 is sealed for writing\n\tat com.acme.Job.map(Job.java:5)\n\tat java.lang.Thread.run(Thread.java:1)\n{root}"
    );
    let outer = format!(
        "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n\tat org.apache.flink.X.y(X.java:1)\nCaused by: {inner}"
    );
    let bare = root
        .trim_start_matches("Caused by: ")
        .replace("\t... 3 more\n", "\tat com.acme.Job.map(Job.java:4)\n");
    assert_eq!(of_stack(&inner).fingerprint, of_stack(&outer).fingerprint);
    assert_eq!(of_stack(&inner).fingerprint, of_stack(&bare).fingerprint);
}

#[test]
fn reflection_before_and_after_inflation_is_one_error() {
    let stack = |accessor: &str| {
        of_stack(&format!(
            "java.lang.IllegalStateException\n{accessor}\tat java.base/java.lang.reflect.Method.invoke(Method.java:569)\n\tat com.acme.Api.call(Api.java:3)\n"
        ))
    };
    let native = stack(
        "\tat java.base/jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)\n\tat java.base/jdk.internal.reflect.NativeMethodAccessorImpl.invoke(NativeMethodAccessorImpl.java:77)\n",
    );
    let generated = stack("\tat jdk.internal.reflect.GeneratedMethodAccessor17.invoke(Unknown Source)\n");
    assert_eq!(native.fingerprint, generated.fingerprint);
}

#[test]
fn known_noise_is_one_error_per_type_in_whatever_words() {
    let noise = Classified {
        error_type: "boot_chatter".into(),
        part: Part::Noise,
        rule: Some("boot_chatter".into()),
        ..unclassified()
    };
    let of = |message: &str| {
        identity(
            &tell_event(&event(message, Thrown::Absent), &Dimensions::default(), &RULES),
            &noise,
        )
    };
    let (a, b) = (of("No tokens obtained"), of("Tokens update task not started"));
    assert_eq!((a.fingerprint, a.group), (b.fingerprint, b.group));
    assert_ne!(a.template, b.template);
}

#[test]
fn changing_a_masked_value_keeps_the_fingerprint() {
    for (a, b) in [
        (
            "Call to http://gw-01:8080/a/1 took 12 ms, 3.5 KiB",
            "Call to http://gw-02:99/b?x=7 took 2.25 s, 12 MB",
        ),
        (
            "checkpoint 17 of job 90c177681c457aa9c49539cd862ca32f expired",
            "checkpoint 3 of job 0123456789abcdef0123456789abcdef expired",
        ),
        (
            "Source: a -> b (1/2)#0 (4fec5c24fc677add3ccc6f3ad61d65d6_6cdc5bb954874d922eaee11a8e7b5dd5_0_0) switched from RUNNING to FAILED with failure cause:",
            "Sink: c (12/64)#3 (00112233445566778899aabbccddeeff_ffeeddccbbaa99887766554433221100_11_3) switched from RUNNING to FAILED with failure cause:",
        ),
        (
            "Pod risk-7c9f6d5b84-x2k4q on 10.0.3.17 was evicted at 2026-11-21T00:53:04.300+0000",
            "Pod orders-dev-5d6f7c8b9d-zz9kp on fe80::1:2 was evicted at 2027-01-02 10:00:00,123",
        ),
        ("For input string: \"12,50 EUR\"", "For input string: \"\""),
        (
            "lost partitions [a-1, b-2, c-3] of {x=1}",
            "lost partitions [a-7] of {y=2, z={q=1}}",
        ),
        (
            "file /opt/flink/in/a.csv of user mail@acme.com",
            "file /data/b/c/d.parquet of user x.y@test.org",
        ),
    ] {
        assert_eq!(
            of_message(a).fingerprint,
            of_message(b).fingerprint,
            "{}\n{}",
            of_message(a).template,
            of_message(b).template
        );
    }
}

#[test]
fn what_is_said_changes_the_fingerprint() {
    let all = [
        "checkpoint 17 expired",
        "checkpoint 17 declined",
        "process ended with exit code 137",
        "process ended with exit code 143",
        "request failed with status 503",
        "request failed with status 404",
        "[DIVIDE_BY_ZERO] failed",
        "[CAST_INVALID_INPUT] failed",
    ];
    let prints: HashSet<Fingerprint> = all.iter().map(|m| of_message(m).fingerprint).collect();
    assert_eq!(prints.len(), all.len());
}

/// Pieces real messages are made of.
fn message() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[A-Z][a-z]{2,8}",
        "[a-z]{1,9}",
        "-?[0-9]{1,6}(\\.[0-9]{1,3})?",
        "[0-9a-f]{8,32}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(:[0-9]{2,5})?",
        "[a-z]{2,6}-[0-9]{1,3}(\\.acme\\.internal)?(:[0-9]{2,5})?",
        "(https?|hdfs|s3|pekko\\.tcp)://[a-z0-9./:-]{1,20}",
        "/[a-z]{1,6}(/[a-z0-9_.]{1,8}){0,3}",
        "'[a-z0-9 .]{0,8}'",
        "\"[a-z0-9 {}\\[\\]=,]{0,8}\"",
        "\\[[a-z0-9, =-]{0,12}\\]",
        "\\{[a-z0-9, =:-]{0,12}\\}",
        "[a-z]{2,5}=[a-zA-Z0-9]{1,6}",
        "[0-9]{1,4} ?(ms|s|min|MB|KiB|bytes|h)",
        "(20[0-9]{2}-[01][0-9]-[0-3][0-9])(T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z?)?",
        "\\([0-9]{1,2}/[0-9]{1,2}\\)(#[0-9])?",
        "[A-Z][a-zA-Z]{2,6}@[0-9a-f]{6,8}",
        "(exit )?(code|status|errno)[ =:]{1,2}[0-9]{1,4}",
        "<[A-Z]{2,6}>",
        "[a-z]{1,4}[0-9]{1,4}[a-z]{0,2}",
        "[-:,.;()<>'\"=/@]{1,3}",
        "订单号|金额",
    ];
    prop::collection::vec(
        (
            piece,
            prop_oneof![Just(" "), Just(" "), Just(": "), Just(""), Just(", ")],
        ),
        1..9,
    )
    .prop_map(|parts| parts.into_iter().flat_map(|(p, s)| [p, s.to_owned()]).collect())
}

fn stack() -> impl Strategy<Value = String> {
    let class = "(com\\.acme|org\\.apache\\.flink|java\\.util|org\\.postgresql)\\.[A-Z][a-z]{1,5}(\\$[0-9]{1,2}|\\$\\$Lambda\\$[0-9]{1,3}/0x[0-9a-f]{6})?";
    let method = "[a-z]{2,5}|lambda\\$[a-z]{2,4}\\$[0-9]{1,2}";
    let frame = (class, method, 1..999u32).prop_map(|(c, m, l)| format!("\tat {c}.{m}(X.java:{l})\n"));
    let header = (class, prop::option::of(message())).prop_map(|(c, m)| match m {
        Some(m) => format!("{c}Exception: {m}\n"),
        None => format!("{c}Exception\n"),
    });
    let block = (header, prop::collection::vec(frame, 0..8), any::<bool>())
        .prop_map(|(h, f, cut)| format!("{h}{}{}", f.concat(), if cut { "\t... 3 more\n" } else { "" }));
    prop::collection::vec(block, 1..4).prop_map(|blocks| blocks.join("Caused by: "))
}

fn essence(identity: &Identity) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        identity.fingerprint,
        identity.group,
        identity.exception.clone(),
        identity.exception_chain.clone(),
        identity.template.clone(),
        identity.exception_template.clone(),
        identity.top_frame.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn masking_twice_changes_nothing(text in message()) {
        let once = RULES.masks.apply(&text);
        prop_assert_eq!(RULES.masks.apply(&once), once.clone(), "{}", text);
    }

    #[test]
    fn masking_any_text_never_panics(text in any::<String>()) {
        let once = RULES.masks.apply(&text);
        prop_assert!(once.len() <= text.len() * 8 + 64);
    }

    #[test]
    fn the_value_of_a_varying_digit_is_never_seen(text in message()) {
        let zeroed = skeleton::zeroed(&text);
        prop_assert_eq!(essence(&of_message(&text)), essence(&of_message(&zeroed)), "{}", text);
    }

    #[test]
    fn the_value_of_a_varying_digit_in_a_stack_is_never_seen(text in stack()) {
        // Java writes no `... 00 more`: a cause without shared frames has no such line.
        let zeroed = skeleton::zeroed(&text).replace("... 00 more", "... 3 more");
        prop_assert_eq!(essence(&of_stack(&text)), essence(&of_stack(&zeroed)), "{}", text);
    }

    #[test]
    fn any_text_has_an_identity(message in any::<String>(), stack in any::<String>()) {
        let (told, identity) = told_of(&event(&message, Thrown::Text(Text::Plain(&stack))));
        prop_assert!(!told.pieces.is_empty());
        prop_assert!(identity.template.chars().count() <= 513);
    }

    #[test]
    fn what_came_before_does_not_matter(first in stack(), second in stack()) {
        let alone = essence(&of_stack(&second));
        of_stack(&first);
        prop_assert_eq!(essence(&of_stack(&second)), alone);
    }
}
