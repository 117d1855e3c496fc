use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> String {
    Query::parse(text)
        .unwrap_or_else(|e| panic!("{}", e.pointed_at(text)))
        .to_string()
}

#[test]
fn what_is_typed_reads_as_meant() {
    let cases = [
        ("", ""),
        ("  \t ", ""),
        ("checkpoint expired", "checkpoint expired"),
        ("checkpoint AND expired", "checkpoint expired"),
        ("\"could not  materialize\"", "\"could not  materialize\""),
        ("a b OR c", "(a b) OR c"),
        ("a (b OR c)", "a (b OR c)"),
        ("((a))", "a"),
        ("(a b) c", "a b c"),
        ("NOT a", "-a"),
        ("!job:x", "-job:x"),
        ("-(a OR b)", "-(a OR b)"),
        ("NOT NOT a", "-(-a)"),
        ("JOB:Orders", "job:Orders"),
        ("job:orders-*", "job:orders-*"),
        ("job:\"a * b\"", "job:\"a * b\""),
        ("job:[a, b,\"c d\"]", "job:[a,b,\"c d\"]"),
        ("severity:HIGH", "severity:high"),
        ("severity:>=high", "severity:>=high"),
        ("count:>100", "count:>100"),
        ("count:>= 100", "count:>=100"),
        ("count:[1,2]", "count:1 OR count:2"),
        ("first_seen:>-1h", "first_seen:>-1h"),
        ("first_seen:-60m", "first_seen:>=-1h"),
        ("last_seen:<2026-11-20T10:00:00Z", "last_seen:<2026-11-20T10:00:00.000Z"),
        (
            "last_seen:<2026-11-20T10:00:00+08:00",
            "last_seen:<2026-11-20T02:00:00.000Z",
        ),
        (
            "last_seen:2026-11-20",
            "last_seen:>=2026-11-20T00:00:00.000Z last_seen:<2026-11-21T00:00:00.000Z",
        ),
        ("is:new is:Regressed", "is:new is:regressed"),
        ("has:stack -has:team", "has:stack -has:team"),
        ("truncated:true", "truncated:true"),
        ("10:15:00 java.lang.Foo:", "\"10:15:00\" \"java.lang.Foo:\""),
        ("time-out", "time-out"),
        ("ANDROID ORacle", "ANDROID ORacle"),
    ];
    for (typed, meant) in cases {
        assert_eq!(parsed(typed), meant, "{typed:?}");
    }
}

#[test]
fn a_mistake_is_pointed_at_with_the_nearest_name() {
    let cases: &[(&str, std::ops::Range<usize>, Option<&str>)] = &[
        ("sevrity:high", 0..7, Some("severity")),
        ("a errortype:x", 2..11, Some("error_type")),
        ("severity:hgih", 9..13, Some("high")),
        ("is:muetd", 3..8, Some("muted")),
        ("has:stak", 4..8, Some("stack")),
        ("日志 foo:x", 3..6, None),
        ("count:many", 6..10, None),
        ("first_seen:>yesterday", 12..21, None),
        ("job:>5", 4..5, None),
        ("(a b", 0..1, None),
        ("a)", 1..2, None),
        ("()", 1..2, None),
        ("a \"b c", 2..6, None),
        ("a OR", 3..4, None),
        ("OR a", 0..2, None),
        ("job:", 0..4, None),
        ("job:[a", 4..6, None),
        ("a - b", 2..3, None),
        ("fingerprint:xyz", 12..15, None),
    ];
    for (typed, place, near) in cases {
        let error = Query::parse(typed).unwrap_err();
        assert_eq!(error.position(), *place, "{}", error.pointed_at(typed));
        assert_eq!(error.nearest(), *near, "{typed:?}");
    }
}

#[test]
fn carets_stand_below_the_mistake() {
    let error = Query::parse("a sevrity:high").unwrap_err();
    let shown = error.pointed_at("a sevrity:high");
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("a sevrity:high"));
    assert_eq!(lines.next(), Some("  ^^^^^^^"));
    assert!(lines.next().unwrap().contains("did you mean severity?"));
}

#[test]
fn length_and_depth_are_bounded() {
    let long = "a ".repeat(MAX_BYTES);
    assert!(Query::parse(&long).is_err());
    for deep in [
        "(".repeat(MAX_BYTES - 1),
        "-".repeat(MAX_BYTES - 2),
        "NOT ".repeat(1000),
    ] {
        let error = Query::parse(&format!("{deep}a")).unwrap_err();
        assert!(error.message().contains("deeper"), "{error}");
    }
    assert!(Query::parse(&format!("{}a{}", "(".repeat(31), ")".repeat(31))).is_ok());
}

#[test]
fn patterns_match_any_case_and_stars_stand_for_anything() {
    let pattern = |text: &str| match Query::parse(&format!("job:{text}")).unwrap().root {
        Some(Node::Field(_, Test::OneOf(mut patterns))) => patterns.remove(0),
        other => panic!("{other:?}"),
    };
    for (written, text, expected) in [
        ("orders", "Orders", true),
        ("orders", "orders2", false),
        ("ord*", "orders", true),
        ("*ers", "orders", true),
        ("*rd*", "orders", true),
        ("o*d*s", "orders", true),
        ("o*d*s", "orderx", false),
        ("a*a", "a", false),
        ("*", "", true),
        ("*ab", "aab", true),
        ("日*", "日志", true),
        ("*志", "日志", true),
    ] {
        assert_eq!(pattern(written).matches(text), expected, "{written} {text}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        drop(Query::parse(&text));
    }

    #[test]
    fn printing_and_parsing_gives_the_same_tree(text in r#"([a-z:*()"\\\[\],<>=\-! ]|OR|AND|NOT|job:|count:>|severity:high|is:new|has:stack|first_seen:|-1h|2026-11-20|5){0,24}"#) {
        if let Ok(query) = Query::parse(&text) {
            let printed = query.to_string();
            let again = Query::parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&query), "{} -> {}", text, printed);
        }
    }

    #[test]
    fn any_text_can_be_searched_for_in_quotes(text in "\\PC{1,40}") {
        let query = Query { root: Some(Node::Text(Pattern::literal(&text))) };
        prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
    }
}
