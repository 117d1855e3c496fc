//! `alerts test` and `rules check` through the binary.

use super::receiver::{Answer, Receiver, ok};
use assert_cmd::Command;
use std::path::Path;

fn rules(folder: &Path, routes: &str) {
    std::fs::write(folder.join("routes.yaml"), routes).unwrap();
}

async fn run(args: Vec<String>) -> (i32, String, String) {
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("seismolog"));
        command.args(args).output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_alert_is_marked_and_its_answer_decides_the_exit_code() {
    let receiver = Receiver::start(|number, _| match number {
        0 => Answer::Says(200, "", r#"{"errcode":0,"errmsg":"ok"}"#.to_owned()),
        1 => Answer::Says(
            200,
            "",
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#.to_owned(),
        ),
        _ => Answer::Says(503, "", String::new()),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("hook"),
        format!("{}/cgi-bin/webhook/send?key=693a91f6-7xxx", receiver.url),
    )
    .unwrap();
    let hook = folder.path().join("hook");
    rules(
        folder.path(),
        &format!(
            "destinations:\n  chat: {{kind: wecom, url_file: '{}'}}\n  later: {{kind: slack, url_env: SEISMOLOG_TEST_NOT_SET}}\n",
            hook.display()
        ),
    );
    let test = |name: &str| {
        let folder = folder.path().display().to_string();
        run(["alerts", "test", name, "--rules", &folder].map(str::to_owned).to_vec())
    };
    let (code, out, err) = test("chat").await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("POST http://127.0.0.1") && out.contains("taken"), "{out}");
    assert!(receiver.got()[0].body.contains("[TEST]"), "{}", receiver.got()[0].body);
    assert!(receiver.got()[0].path.contains("key=693a91f6-7xxx"));

    let (code, refused_out, err) = test("chat").await;
    assert_eq!(code, 78);
    assert!(err.contains("93000"), "{err}");
    let (code, _, busy) = test("chat").await;
    assert_eq!(code, 75, "{busy}");
    let (code, _, unset) = test("later").await;
    assert_eq!(code, 78);
    assert!(unset.contains("SEISMOLOG_TEST_NOT_SET is not set"), "{unset}");
    let (code, _, unknown) = test("chats").await;
    assert_eq!(code, 78);
    assert!(unknown.contains("did you mean chat?"), "{unknown}");
    assert!(
        !format!("{out}{refused_out}{err}{busy}").contains("693a91f6"),
        "the hook was shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_check_covers_the_routes() {
    let _receiver = Receiver::start(|_, _| ok()).await;
    let folder = tempfile::tempdir().unwrap();
    rules(
        folder.path(),
        "destinations:\n  a: {kind: slack, url_env: SEISMOLOG_TEST_NOT_SET}\n",
    );
    let check = || {
        run(["rules", "check", "--rules", &folder.path().display().to_string()]
            .map(str::to_owned)
            .to_vec())
    };
    let (code, _, err) = check().await;
    assert_eq!(code, 0, "rules hold wherever they are checked: {err}");
    assert!(err.contains("SEISMOLOG_TEST_NOT_SET is not set"), "{err}");
    rules(folder.path(), "destinations:\n  a: {kind: slak, url_env: X}\n");
    let (code, _, err) = check().await;
    assert_eq!(code, 78);
    assert!(
        err.contains("routes.yaml:2: a: \"slak\" is no kind of destination; did you mean `slack`?"),
        "{err}"
    );
}
