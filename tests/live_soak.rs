//! What takes too long for every run: each server is killed under the whole product, and `verify` stays exact.
//!
//! `make soak` runs it on the servers of `deploy/local`, which it kills and starts again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests: what fails here is meant to be seen"
)]

mod live;

use assert_cmd::cargo::CommandCargoExt as _;
use seismolog::config::Config;
use seismolog::source::kafka::admin::remove_topics;
use seismolog::store::elastic_druid::elastic::{Elastic, Method};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Every server, in the order in which they are killed.
const SERVERS: [&str; 7] = ["kafka", "es", "coordinator", "broker", "historical", "indexer", "zk"];

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn seismolog(arguments: &[&str], config: &Path) -> Command {
    let mut command = Command::cargo_bin("seismolog").unwrap();
    command.args(arguments).arg("-c").arg(config);
    command
}

/// `deploy/local/kill` or `start`.
fn servers(doing: &str, server: &str) {
    let done = Command::new(home().join("deploy/local").join(doing))
        .arg(server)
        .status()
        .unwrap();
    assert!(done.success(), "{doing} {server}");
}

/// The product, killed when the test ends, and all that it made, removed.
struct Product {
    roles: Child,
    config: PathBuf,
    name: String,
}

impl Drop for Product {
    fn drop(&mut self) {
        drop(self.roles.kill());
        drop(self.roles.wait());
        let config = Config::load(Some(&self.config), []).unwrap();
        live::end_druid(config.druid.as_ref().unwrap());
        let topics = live::topics(&self.name);
        drop(remove_topics(
            config.kafka.as_ref().unwrap(),
            &topics.each_ref().map(String::as_str),
        ));
        let elastic = Elastic::new(config.elasticsearch.as_ref().unwrap()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        drop(runtime.block_on(elastic.call(Method::Delete, &format!("{}-*", self.name), &[], None)));
    }
}

#[test]
#[ignore = "kills the servers the other tests use: make soak"]
fn every_server_killed_under_the_product_loses_nothing_and_counts_nothing_twice() {
    if !live::listen(&live::ALL) {
        return;
    }
    let name = format!("t-soak-{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("seismolog.toml");
    std::fs::write(&config, live::configuration(&name)).unwrap();
    // The topic with the logs is there before the product is set up.
    let send = |count: &str, rate: &str, seed: &str| {
        let sending = ["generate", "--scenario", "steady", "--to", "kafka", "--live"];
        let mut command = seismolog(&sending, &config);
        command.args(["--count", count, "--rate", rate, "--seed", seed]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(send("100", "100", "1").status().unwrap().success());
    assert!(
        seismolog(&["setup"], &config)
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let roles = seismolog(&["run", "--role", "process,index"], &config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let product = Product {
        roles,
        config: config.clone(),
        name,
    };
    let mut sender = send("60000", "300", "2").spawn().unwrap();
    for server in SERVERS {
        servers("kill", server);
        std::thread::park_timeout(Duration::from_secs(3));
        servers("start", server);
        std::thread::park_timeout(Duration::from_secs(5));
    }
    assert!(sender.wait().unwrap().success());
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        let verified = seismolog(&["verify"], &config).output().unwrap();
        if verified.status.success() {
            break;
        }
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(Instant::now() < until, "{said}");
        std::thread::park_timeout(Duration::from_secs(5));
    }
    drop(product);
}
