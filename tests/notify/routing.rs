//! Who is told of what, and what is wrong with a file.

use super::outbox::change;
use super::routes;
use seismolog::alert::{Alert, Level};
use seismolog::event::Severity;
use seismolog::rules::RuleSet;
use seismolog::store::ChangeKind;
use std::collections::BTreeMap;

const FILE: &str = r"
destinations:
  audit: {kind: webhook, url: 'https://audit.example.org/alerts', secret_env: AUDIT_SECRET}
  orders-chat:
    kind: feishu
    language: zh
    url_env: ORDERS_CHAT
    secret_env: ORDERS_CHAT_SECRET
  night: {kind: pagerduty, routing_key_env: NIGHT_KEY}
  ops: {kind: lark, url_file: /run/secrets/ops}
routes:
  - to: audit
    changes: [fired, updated, reminded, no_data, resolved, acknowledged, silenced, closed]
    continue: true
  - team: orders
    severity: high
    to: [orders-chat, night]
  - job: ['pay-*', 'risk-*']
    category: checkpoint
    to: [night]
    continue: true
  - level: platform
    rule: shared_*
    to: [ops, night]
  - error_type: user_*
    to: []
default: [ops]
";

fn alert(edit: impl Fn(&mut Alert)) -> Alert {
    let mut alert = change(1, 1, ChangeKind::Fired).alert;
    alert.team = None;
    edit(&mut alert);
    alert
}

#[test]
fn the_first_route_that_matches_tells_unless_it_goes_on() {
    let routes = routes(FILE).unwrap();
    let fired = |edit: &dyn Fn(&mut Alert)| routes.of(&alert(edit), ChangeKind::Fired).join(" ");
    assert_eq!(fired(&|_| {}), "audit", "the first route goes on, but has matched");
    assert_eq!(
        fired(&|alert| alert.team = Some("orders".into())),
        "audit orders-chat night"
    );
    let low = |alert: &mut Alert| {
        alert.team = Some("orders".into());
        alert.severity = Severity::Medium;
    };
    assert_eq!(fired(&low), "audit", "severity is the least");
    assert_eq!(
        fired(&|alert| alert.job_name = Some("pay-refunds".into())),
        "audit night"
    );
    let elsewhere = |alert: &mut Alert| {
        alert.job_name = Some("pay-refunds".into());
        alert.error_type = Some("kafka_down".into());
    };
    assert_eq!(
        fired(&elsewhere),
        "audit",
        "the category is one of the types of the rules"
    );
    let shared = |alert: &mut Alert| {
        alert.level = Level::Platform;
        alert.rule = "shared_failure".into();
        alert.job_name = None;
        alert.jobs = vec!["a".into(), "risk-b".into()];
    };
    assert_eq!(fired(&shared), "audit night ops", "each once, in the order of the file");
}

#[test]
fn where_no_route_matches_the_default_is_told_and_without_a_file_nobody() {
    let some = super::routes(
        "destinations:\n  ops: {kind: webhook, url: 'http://x'}\nroutes:\n  - {team: a, to: []}\ndefault: ops\n",
    );
    let some = some.unwrap();
    assert_eq!(some.of(&alert(|_| {}), ChangeKind::Fired), ["ops"]);
    assert!(
        some.of(&alert(|alert| alert.team = Some("a".into())), ChangeKind::Fired)
            .is_empty()
    );
    assert!(routes("").unwrap().of(&alert(|_| {}), ChangeKind::Fired).is_empty());
}

#[test]
fn what_is_pending_is_told_to_nobody_and_what_people_did_only_where_asked_for() {
    let routes = routes(FILE).unwrap();
    let alert = alert(|alert| alert.team = Some("orders".into()));
    for (kind, wanted) in [
        (ChangeKind::Pending, ""),
        (ChangeKind::Acknowledged, "audit"),
        (ChangeKind::Silenced, "audit"),
        (ChangeKind::NoData, "audit"),
        (ChangeKind::Fired, "audit orders-chat night"),
        (ChangeKind::Updated, "audit orders-chat night"),
        (ChangeKind::Reminded, "audit orders-chat night"),
        (ChangeKind::Resolved, "audit orders-chat night"),
        (ChangeKind::Closed, "audit orders-chat night"),
    ] {
        assert_eq!(routes.of(&alert, kind).join(" "), wanted, "{kind:?}");
    }
}

#[test]
fn every_fault_of_a_file_is_told_with_its_line_and_remedy_in_one_run_and_no_secret_is_repeated() {
    let text = r"
destinations:
  chat:
    kind: feishu
    url: https://open.feishu.cn/open-apis/bot/v2/hook/T0PSECRET
    secret: T0PSECRET
  hook:
    kind: webhook
    url: not an address
    colour: red
  mail:
    kind: email
    url: smtp://mail.example.org
    to: nobody
    from: seismolog@example.org
  pager: {kind: pagerdutty}
  pd: {kind: pagerduty, per_minute: 5}
  words:
    kind: slack
    url_env: WORDS
    title: '{{ alert.titel }}'
    language: fr
    per_minute: 0
  'bad name': {kind: wecom, url_env: 'https://qyapi.weixin.qq.com/T0PSECRET'}
routes:
  - team: orders
    to: [chatt]
    changes: [fired, pending, ended]
  - severity: hi
    level: basics
    category: checkpiont
    to: [chat]
    team_name: x
default: [nobody]
routs: []
";
    let faults = routes(text).unwrap_err();
    let all = faults.join("\n");
    for wanted in [
        "routes.yaml:5: chat: `url` is a secret and stands in the file; take it out, and write `url_env: VARIABLE`",
        "routes.yaml:6: chat: `secret` is a secret and stands in the file",
        "routes.yaml:9: hook: `url` is no address",
        "routes.yaml:10: hook: unknown key `colour`",
        "routes.yaml:14: mail: \"nobody\" is no address of mail",
        "pager: \"pagerdutty\" is no kind of destination; did you mean `pagerduty`?",
        "pd: unknown key `per_minute`",
        "pd: it has no routing_key",
        "routes.yaml:21: words: the template `title` does not render: undefined value",
        "routes.yaml:22: words: \"fr\" is no language we speak; write en or zh",
        "routes.yaml:23: words: `per_minute` is \"0\"",
        "\"bad name\" is no name of a destination",
        "bad name: `url_env` holds no name of an environment variable",
        "routes.yaml:27: route 1: \"chatt\" is no destination; did you mean `chat`?",
        "routes.yaml:28: route 1: nobody is told of what is pending",
        "routes.yaml:28: route 1: \"ended\" is nothing that happens to alerts",
        "routes.yaml:29: route 2: \"hi\" is no severity",
        "routes.yaml:30: route 2: \"basics\" is no level",
        "routes.yaml:31: route 2: \"checkpiont\" is no category; did you mean `checkpoint`?",
        "routes.yaml:33: route 2: unknown key `team_name`",
        "default: \"nobody\" is no destination",
        "unknown key `routs`; did you mean `routes`?",
    ] {
        assert!(all.contains(wanted), "wanted {wanted}\nin\n{all}");
    }
    assert!(!all.contains("T0PSECRET"), "{all}");
    for no_yaml in ["destinations: [", "- a", "7", "destinations: []", "routes: {}"] {
        assert!(routes(no_yaml).is_err(), "{no_yaml}");
    }
}

#[test]
fn routes_are_part_of_the_rules_and_know_their_categories() {
    let file = |routes: &str| RuleSet::from_files(&BTreeMap::from([("routes.yaml".to_owned(), routes.to_owned())]));
    let hook = "destinations:\n  ops: {kind: webhook, url: 'http://x'}\n";
    let rules = file(&format!("{hook}routes:\n  - {{category: checkpoint, to: ops}}\n")).unwrap();
    assert_eq!(rules.routes().of(&alert(|_| {}), ChangeKind::Fired), ["ops"]);
    let other = alert(|alert| alert.error_type = Some("unclassified".into()));
    assert!(rules.routes().of(&other, ChangeKind::Fired).is_empty());
    let faults = file(&format!("{hook}routes:\n  - {{category: checkpoints, to: ops}}\n")).unwrap_err();
    assert!(faults.to_string().contains("did you mean `checkpoint`?"), "{faults}");
    assert!(RuleSet::shipped().unwrap().routes().destinations().next().is_none());
}

#[test]
fn the_file_shown_in_the_readme_holds() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/README.md")).unwrap();
    let section = readme.split("## Who is told").nth(1).unwrap();
    let shown = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let read = routes(shown).unwrap();
    let orders = alert(|alert| alert.team = Some("orders".into()));
    assert_eq!(read.of(&orders, ChangeKind::Fired), ["orders-chat", "night"]);
    let words = section.split("```yaml\n").nth(2).unwrap().split("```").next().unwrap();
    let with = format!("destinations:\n  it:\n    kind: slack\n    url_env: X\n{words}");
    assert!(routes(&with).is_ok(), "{:?}", routes(&with).err());
}
