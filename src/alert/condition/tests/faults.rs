//! A rule that cannot be is told where it stands, with what to do.

use super::*;
use crate::alert::Level;
use crate::alert::cascade::Known;
use crate::rules::Files;
use std::collections::HashSet;

fn faults(text: &str) -> Vec<String> {
    let known = Known {
        types: HashSet::from(["oom_heap", "oom_direct"]),
        categories: HashSet::from(["memory"]),
    };
    let read = AlertRules::read(
        [("alerts/mine.yaml", text)].into_iter(),
        |_| Some(&known),
        Arc::default(),
    );
    let faults = read.err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn each_fault_is_named_with_its_place_and_remedy() {
    const GOOD: &str = "- id: mine\n  severity: high\n  title: '{job}: {value}'\n  where: 'error_type:oom_heap'\n  by: [job]\n  threshold: {above: 3, within: 5m}\n";
    assert_eq!(faults(GOOD), [""; 0]);
    let cases = [
        (
            "severity: high",
            "severity: hihg",
            "alerts/mine.yaml:2: mine: \"hihg\" is no severity; did you mean `high`?",
        ),
        ("  severity: high\n", "", "mine: `severity` is missing"),
        (
            "  by:",
            "  bye:",
            "alerts/mine.yaml:5: mine: unknown key `bye`; did you mean `by`?",
        ),
        (
            "by: [job]",
            "by: [jobs]",
            "alerts/mine.yaml:5: mine: \"jobs\" is no dimension of counts; did you mean `job`?",
        ),
        ("by: [job]", "by: [job, job]", "`job` stands twice"),
        (
            "by: [job]",
            "by: [host]",
            "the title has no value for `{job}`; add `job` to `by`",
        ),
        (
            "{value}",
            "{vlaue}",
            "alerts/mine.yaml:3: mine: the title has no value for `{vlaue}`; did you mean `{value}`?",
        ),
        ("{value}", "{expected}", "the title has no value for `{expected}`"),
        ("{value}", "{value", "`{value` does not end"),
        (
            "error_type:oom_heap",
            "error_type:oom_haep",
            "mine: \"oom_haep\" is no error type; did you mean `oom_heap`?",
        ),
        (
            "error_type:oom_heap",
            "category:memry",
            "\"memry\" is no category; did you mean `memory`?",
        ),
        (
            "error_type:oom_heap",
            "eror_type:oom_heap",
            "eror_type is not a key that is known",
        ),
        (
            "error_type:oom_heap",
            "checkpoint expired",
            "the text checkpoint is not known of counts; alert rules filter by job,",
        ),
        (
            "error_type:oom_heap",
            "message:expired",
            "`message` is not known of counts",
        ),
        ("error_type:oom_heap", "is:new", "`is:new` is not known of counts"),
        ("error_type:oom_heap", "(job:a", "alerts/mine.yaml:4: mine: "),
        (
            "within: 5m",
            "within: 5",
            "`within: 5` is no duration; write a number with a unit: 5m, 2h, 1d",
        ),
        (
            "within: 5m",
            "within: 90s",
            "no whole number of minutes; counts are kept by the minute",
        ),
        (
            "within: 5m",
            "within: 0s",
            "`within: 0s` is out of bounds; write something from 1m to 7d",
        ),
        ("within: 5m", "within: 8d", "out of bounds"),
        (", within: 5m", "", "`within` is missing"),
        ("above: 3, ", "", "`above` is missing"),
        ("above: 3", "above: many", "`above: many` is no number from 0"),
        (
            "above: 3",
            "above: 3, back_below: 4",
            "`back_below` (4) is more than `above` (3)",
        ),
        ("above: 3", "over: 3", "unknown key `over`"),
        (
            "threshold: {above: 3, within: 5m}",
            "threshold: 3",
            "`threshold` is a number, not a mapping",
        ),
        (
            "  threshold: {above: 3, within: 5m}\n",
            "",
            "no condition; write one of threshold, spike",
        ),
        (
            "threshold:",
            "spike: {}\n  threshold:",
            "several conditions: threshold, spike",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "spike: {direction: down}",
            "\"down\" is no direction",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "spike: {one_in: 1}",
            "`one_in: 1` is no number from 2",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "regression: {after_quiet: 5m}",
            "`after_quiet: 5m` is out of bounds",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "share: {of: job, above: 2, within: 5m}",
            "`job` is in `by` too",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "share: {of: host, within: 5m}",
            "neither `above` nor `share`",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "composite: {all: [mine, other]}",
            "\"other\" is no alert rule",
        ),
        (
            "threshold: {above: 3, within: 5m}",
            "composite: {all: [mine]}",
            "made of 1 rules",
        ),
        (
            "threshold:",
            "runs_for: {jobs: ['[']}\n  threshold:",
            "write names of jobs with `*`",
        ),
        (
            "threshold:",
            "runs_for: {tier: [1]}\n  threshold:",
            "unknown key `tier`; did you mean `tiers`?",
        ),
        ("id: mine", "id: Mine", "the id `Mine` is not in snake_case"),
        ("id: mine", "id: job_failed", "the id `job_failed` is taken"),
    ];
    for (from, to, expected) in cases {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let told = faults(&text);
        assert!(told.iter().any(|fault| fault.contains(expected)), "{to}: {told:#?}");
    }
}

#[test]
fn all_faults_of_all_rules_are_found_in_one_run() {
    let two = "- {id: a, severity: low, title: t, where: 'mesage:x', by: [jb], threshold: {above: 1, within: 5}}\n- {id: a, severity: low, title: t, threshold: {above: 1, within: 5m}}\n";
    assert_eq!(faults(two).len(), 3, "{:#?}", faults(two));
    let twice = "- {id: a, severity: low, title: t, threshold: {above: 1, within: 5m}}\n".repeat(2);
    assert_eq!(faults(&twice).len(), 1);
    assert!(faults(&twice)[0].contains("stands in alerts/mine.yaml:1 too"));
}

#[test]
fn rules_of_a_composite_have_its_key_and_are_judged() {
    let text = |by: &str, enabled: &str| {
        format!(
            "- {{id: a, severity: low, title: t, by: [{by}], enabled: {enabled}, threshold: {{above: 1, within: 5m}}}}\n\
             - {{id: b, severity: low, title: t, by: [job], threshold: {{above: 1, within: 5m}}}}\n\
             - {{id: c, severity: low, title: t, by: [job], composite: {{any: [a, b]}}}}\n"
        )
    };
    assert_eq!(faults(&text("job", "true")), [""; 0]);
    assert!(faults(&text("host", "true"))[0].contains("`a` has another key: by [host]"));
    assert!(faults(&text("job", "false"))[0].contains("`a` is not enabled"));
}

#[test]
fn a_folder_adds_its_rules_to_the_shipped_ones_and_may_replace_a_file() {
    let own = |path: &str, text: &str| RuleSet::from_files(&Files::from([(path.to_owned(), text.to_owned())]));
    let mine =
        "- {id: mine, severity: low, title: t, where: 'error_type:oom_heap', threshold: {above: 1, within: 5m}}\n";
    let rules = own("alerts/mine.yaml", mine).unwrap();
    assert!(rules.alerts().get("mine").is_some() && rules.alerts().get("error_spike").is_some());
    let rules = own("alerts/basic.yaml", mine).unwrap();
    assert!(rules.alerts().get("error_spike").is_none() && rules.alerts().get("start_storm").is_some());
    let faults = own("alerts/mine.yaml", &mine.replace("oom_heap", "oom_haep")).unwrap_err();
    assert!(faults.to_string().contains("\"oom_haep\" is no error type"), "{faults}");
}

#[test]
fn the_shipped_rules_are_there_and_name_types_that_exist() {
    let rules = RuleSet::shipped_and_checked().unwrap();
    for (id, level) in [
        ("new_root_error", Level::Basic),
        ("error_spike", Level::Basic),
        ("checkpoint_failures", Level::Basic),
        ("restart_loop", Level::Basic),
        ("lost_taskmanagers", Level::Basic),
        ("out_of_memory", Level::Basic),
        ("job_failed_for_good", Level::Basic),
        ("many_jobs_restarting", Level::Platform),
        ("many_jobs_checkpoint_failures", Level::Platform),
        ("host_loses_taskmanagers", Level::Platform),
        ("start_storm", Level::Platform),
    ] {
        let rule = rules.alerts().get(id).unwrap_or_else(|| panic!("{id} is shipped"));
        assert!(rule.enabled && rule.level == level && !rule.about.is_empty(), "{id}");
    }
}
