//! Claims about the rules as a whole.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static SHIPPED: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::shipped().unwrap_or_else(|faults| panic!("{faults}")));

fn rules(errors: &str) -> RuleSet {
    let files = Files::from([("errors/test.yaml".to_owned(), errors.to_owned())]);
    RuleSet::compile(files, Check::Compile).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A rule in one line: id, part, what it matches.
fn rule(id: &str, part: &str, matches: &str) -> String {
    format!(
        "- {{id: {id}, severity: high, part: {part}, match: [{matches}], cause: c, advice: a, matches: [m], leaves: [l]}}\n"
    )
}

fn type_of(rules: &RuleSet, log: &str, chain: &[(&str, &str)]) -> String {
    let chain: Vec<ToldThrowable<'_>> = chain
        .iter()
        .map(|(class, message)| ToldThrowable {
            class,
            message: (!message.is_empty()).then_some(message),
        })
        .collect();
    let told = ToldError {
        message: log,
        logger: Some("com.acme.Job"),
        level: Some("ERROR"),
        chain: &chain,
        suppressed: &[],
    };
    rules
        .errors()
        .classify(&told)
        .map_or_else(|| "unclassified".to_owned(), |rule| rule.id.to_string())
}

#[test]
fn the_deepest_telling_cause_speaks_and_a_common_class_only_where_nothing_tells() {
    let rules = rules(
        &[
            rule("refused", "root", "{class: ConnectException}"),
            rule(
                "pg_refused",
                "root",
                "{class: PSQLException, message: 'Connection to .* refused'}",
            ),
            rule("wrapper", "symptom", "{message: 'Could not forward'}"),
            rule("npe", "root", "{class: NullPointerException}"),
            rule(
                "pool",
                "noise",
                "{class: IllegalStateException, message: 'pool is destroyed'}",
            ),
        ]
        .concat(),
    );
    let refused = ("java.net.ConnectException", "Connection refused");
    let pg = ("org.postgresql.util.PSQLException", "Connection to db:5432 refused.");
    let wrapper = ("a.Chained", "Could not forward element");
    for (chain, expected) in [
        (vec![wrapper, pg, refused], "pg_refused"),
        (vec![wrapper, refused], "refused"),
        (vec![wrapper, ("java.lang.NullPointerException", "")], "npe"),
        (
            vec![
                wrapper,
                ("java.lang.IllegalStateException", "Buffer pool is destroyed."),
            ],
            "pool",
        ),
        (vec![wrapper, ("com.acme.Odd", "")], "wrapper"),
        (vec![("com.acme.Odd", "")], "unclassified"),
    ] {
        assert_eq!(type_of(&rules, "m", &chain), expected, "{chain:?}");
    }
}

#[test]
fn the_log_line_speaks_after_telling_throwables_and_before_common_ones() {
    let rules = rules(
        &[
            rule("archive", "root", "{log: 'Failed to archive'}"),
            rule("disk", "root", "{message: 'No space left'}"),
            rule("npe", "root", "{class: NullPointerException}"),
            rule("bare", "root", "{class: OutOfMemoryError, message: Metaspace}"),
        ]
        .concat(),
    );
    let npe = ("java.lang.NullPointerException", "");
    assert_eq!(type_of(&rules, "Failed to archive job", &[npe]), "archive");
    assert_eq!(
        type_of(
            &rules,
            "Failed to archive job",
            &[("java.io.IOException", "No space left on device")]
        ),
        "disk"
    );
    assert_eq!(type_of(&rules, "it says No space left", &[]), "disk");
    // Where a class is asked for, a line without a throwable must name it.
    assert_eq!(type_of(&rules, "Metaspace is at 80 %", &[]), "unclassified");
    assert_eq!(
        type_of(&rules, "died: java.lang.OutOfMemoryError: Metaspace", &[]),
        "bare"
    );
}

#[test]
fn over_turns_the_order_round_and_all_beats_every_rule_that_does_not_say_so() {
    let noise = rule("cancel", "noise", "{log: 'while canceling'}").replace("cause: c", "cause: c, over: all");
    let named = rule("outer", "root", "{message: 'state handle'}").replace("cause: c", "cause: c, over: [inner]");
    let rules = rules(
        &[
            noise,
            named,
            rule(
                "inner",
                "root",
                "{class: FileNotFoundException, message: 'No such file'}",
            ),
        ]
        .concat(),
    );
    let inner = ("java.io.FileNotFoundException", "/x (No such file)");
    assert_eq!(type_of(&rules, "m", &[inner]), "inner");
    assert_eq!(type_of(&rules, "m", &[("a.B", "broken state handle"), inner]), "outer");
    assert_eq!(type_of(&rules, "Error while canceling task", &[inner]), "cancel");
}

#[test]
fn within_asks_what_stands_further_out() {
    let rules = rules(&rule(
        "jdbc_null",
        "root",
        "{class: NullPointerException, within: {message: 'Writing records to JDBC'}}",
    ));
    let npe = ("java.lang.NullPointerException", "");
    assert_eq!(
        type_of(
            &rules,
            "m",
            &[("java.io.IOException", "Writing records to JDBC failed."), npe]
        ),
        "jdbc_null"
    );
    assert_eq!(type_of(&rules, "m", &[npe]), "unclassified");
    assert_eq!(
        type_of(
            &rules,
            "m",
            &[npe, ("java.io.IOException", "Writing records to JDBC failed.")]
        ),
        "unclassified"
    );
}

#[test]
fn suppressed_throwables_count_only_where_nothing_else_matched() {
    let rules = rules(
        &[
            rule("disk", "root", "{message: 'No space left'}"),
            rule("x", "symptom", "{message: odd}"),
        ]
        .concat(),
    );
    let suppressed = [ToldThrowable {
        class: "java.io.IOException",
        message: Some("No space left on device"),
    }];
    for (message, expected) in [("odd", "x"), ("even", "disk")] {
        let chain = [ToldThrowable {
            class: "a.B",
            message: Some(message),
        }];
        let told = ToldError {
            message: "m",
            logger: None,
            level: None,
            chain: &chain,
            suppressed: &suppressed,
        };
        assert_eq!(&*rules.errors().classify(&told).unwrap().id, expected);
    }
}

#[test]
fn explain_names_every_rule_that_matched_with_the_answer_first() {
    let chain = [
        ToldThrowable {
            class: "java.io.IOException",
            message: Some("Writing records to JDBC failed."),
        },
        ToldThrowable {
            class: "org.postgresql.util.PSQLException",
            message: Some("ERROR: duplicate key value violates unique constraint \"pk\""),
        },
    ];
    let told = ToldError {
        message: "m",
        logger: None,
        level: None,
        chain: &chain,
        suppressed: &[],
    };
    let considered = SHIPPED.errors().explain(&told);
    let named: Vec<_> = considered.iter().map(|c| (&*c.rule.id, c.place, c.won)).collect();
    assert_eq!(
        named,
        [
            ("pg_duplicate_key", Place::Throwable(1), true),
            ("jdbc_write_failed", Place::Throwable(0), false)
        ]
    );
    assert!(considered[0].by.contains("duplicate key") && considered[0].why.contains("deepest cause"));
}

#[test]
fn all_faults_are_found_in_one_run_with_their_lines() {
    let yaml = "\
- id: A-b
  severity: hihg
  match:
    - mesage: 'x'
      message: 'a(b'
  cause: c
  advice: a
  matches: ['x']
  leaves: []
- id: twice
  severity: high
  match: [{message: abc}]
  cause: c
  advice: a
  over: [twise]
  matches: [abc]
  leaves: [b]
- id: twice
  severity: high
  match: [{message: abd}]
  cause: c
  advice: a
  matches: [abd]
  leaves: [b]
";
    let files = Files::from([
        ("errors/test.yaml".to_owned(), yaml.to_owned()),
        ("mask.yaml".to_owned(), String::new()),
        ("errors/broken.yaml".to_owned(), "- id: [".to_owned()),
    ]);
    let faults = RuleSet::from_files(&files).unwrap_err().to_string();
    for expected in [
        "errors/broken.yaml:2: not YAML",
        "errors/test.yaml:1: A-b: the id `A-b` is not in snake_case",
        "errors/test.yaml:2: A-b: `severity` is `hihg`; did you mean `high`?",
        "errors/test.yaml:4: A-b: unknown key `mesage`; did you mean `message`?",
        "errors/test.yaml:5: A-b: the expression `a(b` does not compile: unclosed group",
        "A-b: `leaves` has no example",
        "`over` names `twise`, which is no rule; did you mean `twice`?",
        "the id `twice` is taken by errors/test.yaml:10",
        "mask.yaml: no rules file has this name; did you mean `masks.yaml`?",
    ] {
        assert!(faults.contains(expected), "{expected}\nin\n{faults}");
    }
}

#[test]
fn an_example_that_does_not_hold_and_a_circle_of_over_are_faults() {
    let wrong =
        "- {id: a, severity: low, match: [{message: abc}], cause: c, advice: a, matches: [abx], leaves: [abc]}\n";
    let files = Files::from([("errors/test.yaml".to_owned(), wrong.to_owned())]);
    let faults = RuleSet::from_files(&files).unwrap_err();
    assert_eq!(faults.0.len(), 2, "{faults}");
    let circle = [rule("a", "root", "{message: abc}"), rule("b", "root", "{message: abd}")]
        .concat()
        .replacen("cause: c", "cause: c, over: [b]", 1)
        .replacen(
            "match: [{message: abd}], cause: c",
            "match: [{message: abd}], cause: c, over: [a]",
            1,
        );
    let files = Files::from([("errors/test.yaml".to_owned(), circle)]);
    let faults = RuleSet::from_files(&files).unwrap_err().to_string();
    assert!(faults.contains("`over` runs in a circle: a over b over a"), "{faults}");
}

#[test]
fn every_shipped_expression_compiles() {
    if let Err(faults) = RuleSet::shipped_and_checked() {
        panic!("{faults}");
    }
}

#[test]
fn the_same_files_have_the_same_version_and_a_changed_one_another() {
    let one = rules(&rule("a", "root", "{message: abc}"));
    let same = rules(&rule("a", "root", "{message: abc}"));
    let other = rules(&rule("a", "root", "{message: abd}"));
    assert_eq!(one.version(), same.version());
    assert_ne!(one.version(), other.version());
    assert_eq!(one.version().len(), 12);
}

/// Every text of every shipped example.
fn told_examples() -> Vec<example::Example> {
    let rules = SHIPPED.errors().iter();
    rules
        .flat_map(|rule| rule.matches.iter().chain(&rule.leaves))
        .cloned()
        .collect()
}

static EXAMPLES: LazyLock<Vec<example::Example>> = LazyLock::new(told_examples);

fn with_digits(text: &str, digits: &[u8]) -> String {
    let mut digits = digits.iter().cycle();
    let mut next = |c: char| match digits.next() {
        Some(digit) if c.is_ascii_digit() => char::from(b'0' + digit % 10),
        _ => c,
    };
    text.chars().map(&mut next).collect()
}

fn example_with_digits(example: &example::Example, digits: &[u8]) -> example::Example {
    let throwables = |list: &[(String, Option<String>)]| {
        let changed = |(class, message): &(String, Option<String>)| {
            (
                with_digits(class, digits),
                message.as_deref().map(|m| with_digits(m, digits)),
            )
        };
        list.iter().map(changed).collect()
    };
    example::Example {
        log: with_digits(&example.log, digits),
        logger: example.logger.as_deref().map(|l| with_digits(l, digits)),
        level: example.level.clone(),
        chain: throwables(&example.chain),
        suppressed: throwables(&example.suppressed),
        is: None,
    }
}

fn id_of(example: &example::Example) -> Option<String> {
    example.tell(|told| SHIPPED.errors().classify(told).map(|rule| rule.id.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn where_nothing_depends_on_digits_other_digits_get_the_same_type(
        at in any::<prop::sample::Index>(),
        digits in prop::collection::vec(0u8..10, 1..12),
        others in prop::collection::vec(0u8..10, 1..12),
    ) {
        let example = at.get(&EXAMPLES);
        let one = example_with_digits(example, &digits);
        let other = example_with_digits(example, &others);
        let depends = one.tell(|told| SHIPPED.errors().depends_on_digits(told));
        prop_assert_eq!(depends, other.tell(|told| SHIPPED.errors().depends_on_digits(told)));
        if !depends {
            prop_assert_eq!(id_of(&one), id_of(&other));
        }
    }

    #[test]
    fn classifying_never_panics(log in any::<String>(), class in any::<String>(), message in any::<String>()) {
        let chain = [ToldThrowable { class: &class, message: Some(&message) }];
        let told = ToldError { message: &log, logger: Some(&class), level: Some(&message), chain: &chain, suppressed: &chain };
        let answer = SHIPPED.errors().classify(&told).map(|rule| &rule.id);
        let explained = SHIPPED.errors().explain(&told);
        prop_assert_eq!(answer, explained.first().filter(|first| first.won).map(|first| &first.rule.id));
        prop_assert_eq!(SHIPPED.errors().depends_on_digits(&told), SHIPPED.errors().depends_on_digits(&told));
    }

    #[test]
    fn reading_rules_never_panics(text in "(?s)[ \\-a-z:\\[\\]{}'\"\\n|>&*!#]{0,200}") {
        let (rules, faults) = written::read("errors/test.yaml", &text, Compile::Now);
        prop_assert!(rules.is_empty() || faults.iter().all(|fault| !fault.what.is_empty()));
    }
}

#[test]
fn digits_matter_for_codes_and_not_for_counts() {
    for (log, depends) in [
        ("pod status: exitCode=137, reason=OOMKilled", true),
        ("DB::Exception Code: 999. ClickHouseException", true),
        (
            "Failed to trigger or complete checkpoint 42 for job 3f1c. (1 consecutive failed attempts so far)",
            false,
        ),
        ("user u7 paid 12 EUR", false),
    ] {
        let told = ToldError {
            message: log,
            logger: None,
            level: None,
            chain: &[],
            suppressed: &[],
        };
        assert_eq!(SHIPPED.errors().depends_on_digits(&told), depends, "{log}");
    }
}

#[test]
fn a_folder_without_rules_is_refused_instead_of_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("README.md"), "nothing yet").unwrap();
    let faults = RuleSet::load(folder.path()).unwrap_err().to_string();
    assert!(faults.contains("holds no rules"), "{faults}");
    assert!(faults.contains("--rules"), "{faults}");
}

#[test]
fn own_cascades_name_own_types_and_the_shipped_ones_stand_beside_any() {
    let rule = "- id: boom\n  severity: high\n  match: [{message: 'it went boom'}]\n  cause: c\n  advice: a\n  matches: ['it went boom']\n  leaves: ['it went well']\n";
    let mut files = Files::from([("errors/own.yaml".to_owned(), rule.to_owned())]);
    RuleSet::from_files(&files).unwrap();
    let cascades = "failed: []\nstates: [bom]\n";
    files.insert("cascades.yaml".to_owned(), cascades.to_owned());
    let faults = RuleSet::from_files(&files).unwrap_err().to_string();
    assert!(
        faults.contains("\"bom\" is no error type; did you mean `boom`?"),
        "{faults}"
    );
}
