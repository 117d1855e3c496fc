//! The real servers of `deploy/local`: where they are, and whether they are there.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "each test file uses its part; what fails is meant to be seen"
)]

use seismolog::config::servers::DruidConfig;
use std::net::TcpStream;
use std::time::Duration;

/// Kafka, the search node, and Druid's coordinator and broker.
pub const ALL: [&str; 4] = ["127.0.0.1:9092", "127.0.0.1:9200", "127.0.0.1:8081", "127.0.0.1:8082"];

/// Where a server is: as the variable says, or where `deploy/local` puts it.
pub fn address(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}

/// The broker.
pub fn brokers() -> String {
    address("SEISMOLOG_LIVE_KAFKA", "127.0.0.1:9092")
}

/// Druid, with a datasource of this name.
pub fn druid(datasource: &str) -> DruidConfig {
    DruidConfig {
        broker_url: address("SEISMOLOG_LIVE_DRUID_BROKER", "http://127.0.0.1:8082"),
        coordinator_url: address("SEISMOLOG_LIVE_DRUID_COORDINATOR", "http://127.0.0.1:8081"),
        datasource: datasource.to_owned(),
        username: None,
        password: None,
        ca: None,
        timeout: Duration::from_secs(30),
        tasks: 1,
        kafka_brokers: None,
    }
}

/// Ends a supervisor and its tasks at once. A task left behind asks for its topic, once that is gone, in a loop without
/// a pause, and takes the machine from the tests after it.
pub fn end_druid(druid: &DruidConfig) {
    let http = reqwest::blocking::Client::new();
    for call in ["supervisor/{}/terminate", "datasources/{}/shutdownAllTasks"] {
        let call = call.replace("{}", &druid.datasource);
        drop(
            http.post(format!("{}/druid/indexer/v1/{call}", druid.coordinator_url))
                .send(),
        );
    }
}

/// Whether somebody listens on each; where nobody does, the test says so loudly, or fails where servers are required.
pub fn listen(servers: &[&str]) -> bool {
    servers.iter().all(|server| {
        let host = server.trim_start_matches("http://").trim_end_matches('/');
        let there = TcpStream::connect(host).is_ok();
        if !there {
            not_run(&format!("nothing listens on {server}"));
        }
        there
    })
}

/// Says loudly that a test did not run, and fails where `SEISMOLOG_LIVE=required`.
pub fn not_run(why: &str) {
    let why = format!("NOT RUN: {why}; deploy/local/up starts the servers");
    assert_ne!(std::env::var("SEISMOLOG_LIVE").as_deref(), Ok("required"), "{why}");
    eprintln!("{why}");
}

/// A configuration for the servers of `deploy/local`, in which all that is ours begins with this name.
pub fn configuration(name: &str) -> String {
    format!(
        "[source.kafka]\nbrokers = \"127.0.0.1:9092\"\ntopics = [\"{name}-in\"]\ngroup_id = \"{name}\"\n\
         instance_id = \"{name}-0\"\n[process]\nflush_interval = \"200ms\"\n\
         [topics]\ndetails = \"{name}-details\"\nstats = \"{name}-stats\"\nrejects = \"{name}-rejects\"\n\
         alerts = \"{name}-alerts\"\nnames = \"{name}-names\"\n\
         [elasticsearch]\nurls = [\"http://127.0.0.1:9200\"]\nprefix = \"{name}\"\nreplicas = 0\n\
         [druid]\nbroker_url = \"http://127.0.0.1:8082\"\ncoordinator_url = \"http://127.0.0.1:8081\"\n\
         datasource = \"{name}\"\n[store]\npath = \"{}\"\n",
        std::env::temp_dir().join(format!("seismolog-{name}")).display()
    )
}

/// The topics of such a configuration.
pub fn topics(name: &str) -> [String; 6] {
    ["in", "details", "stats", "rejects", "alerts", "names"].map(|part| format!("{name}-{part}"))
}
