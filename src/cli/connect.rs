//! `seismolog config check --connect`: asks each configured server whether it is there and lets us in.
//!
//! All are asked at once, each in finite time; one line each. What a server said may repeat what we sent it, so every
//! secret of the configuration is taken out of the lines before they are printed.

use super::output::{Cell, Listing, Output, OutputArgs, Tone, left};
use super::{CommandResult, Exit, Failure};
use crate::config::Config;
use crate::config::servers::{DruidConfig, ElasticConfig, KafkaConfig};
use crate::source::kafka::probe::{Probed, probe};
use crate::store::elastic_druid::druid::{DruidClient, DruidError, Service};
use crate::store::elastic_druid::elastic::{About, Elastic, ElasticError};
use serde_json::json;
use std::io::Write as _;
use std::time::Duration;

/// How long a server may take for one answer, where the configuration does not say less.
const WAIT: Duration = Duration::from_secs(10);

/// How a server was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It answers, lets us in, and has what we need.
    Ok,
    /// It does not answer, or says that it cannot for now.
    Away,
    /// It answers, and something has to be changed.
    Refused,
}

impl State {
    fn of_failure(may_pass: bool) -> Self {
        if may_pass { State::Away } else { State::Refused }
    }

    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Away => "away",
            State::Refused => "refused",
        }
    }

    fn tone(self) -> Tone {
        match self {
            State::Ok => Tone::Good,
            State::Away => Tone::Warning,
            State::Refused => Tone::Bad,
        }
    }
}

/// One line.
struct Line {
    /// kafka, elasticsearch, druid broker, druid coordinator.
    dependency: &'static str,
    address: String,
    state: State,
    /// What was found, or why not.
    reason: String,
    /// What to do about it; empty where nothing is to be done.
    remedy: String,
}

/// Asks all that is configured, and prints what each said.
///
/// # Errors
/// Only when stdout cannot be written; a server that fails is a line and an exit code: 78 where something has to be
/// changed, else 75 where one is away.
pub(super) fn run(config: &Config, output: OutputArgs) -> CommandResult {
    let mut lines = ask(config);
    if lines.is_empty() {
        eprintln!("no server is configured: there is nothing to connect to");
        return Ok(Exit::Done);
    }
    let secrets = secrets(config);
    for line in &mut lines {
        for secret in &secrets {
            line.reason = line.reason.replace(secret, "***");
        }
    }
    print(&lines, output)?;
    let any = |state| lines.iter().any(|line| line.state == state);
    Ok(if any(State::Refused) {
        Exit::Config
    } else if any(State::Away) {
        Exit::Unavailable
    } else {
        Exit::Done
    })
}

fn ask(config: &Config) -> Vec<Line> {
    std::thread::scope(|scope| {
        let kafka = config
            .kafka
            .as_ref()
            .map(|kafka| scope.spawn(|| vec![of_kafka(kafka, config)]));
        let elastic = config
            .elasticsearch
            .as_ref()
            .map(|elastic| scope.spawn(|| of_elastic(elastic)));
        let druid = config.druid.as_ref().map(|druid| scope.spawn(|| of_druid(druid)));
        let asked = [("kafka", kafka), ("elasticsearch", elastic), ("druid", druid)];
        let told = asked.into_iter().filter_map(|(dependency, asked)| {
            let lines = asked?.join();
            Some(lines.unwrap_or_else(|_| {
                let (state, reason, remedy) = bug();
                vec![Line {
                    dependency,
                    address: String::new(),
                    state,
                    reason,
                    remedy,
                }]
            }))
        });
        told.flatten().collect()
    })
}

fn of_kafka(kafka: &KafkaConfig, config: &Config) -> Line {
    let found = probe(kafka, &config.topics, WAIT);
    let (state, reason, remedy) = match found {
        Ok(found) => (State::Ok, found_in_kafka(kafka, &found), String::new()),
        Err(fault) => (State::of_failure(fault.may_pass()), fault.to_string(), fault.advice()),
    };
    Line {
        dependency: "kafka",
        address: kafka.brokers.clone(),
        state,
        reason,
        remedy,
    }
}

fn found_in_kafka(kafka: &KafkaConfig, found: &Probed) -> String {
    let login = kafka.sasl_mechanism.as_deref().map_or_else(
        || "connected without a login".to_owned(),
        |mechanism| format!("logged in by {mechanism}"),
    );
    let topics: Vec<String> = found
        .topics
        .iter()
        .map(|(topic, partitions)| format!("{topic} ({partitions})"))
        .collect();
    format!(
        "{login}; topics with their partitions: {}; reading, groups {} and writing in transactions are allowed",
        topics.join(", "),
        found.groups.join(", ")
    )
}

/// One line per node, so that one that is away is not hidden by the others.
fn of_elastic(config: &ElasticConfig) -> Vec<Line> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut cluster: Option<About> = None;
    config
        .urls
        .iter()
        .map(|url| {
            let alone = ElasticConfig {
                urls: vec![url.clone()],
                timeout: config.timeout.min(WAIT),
                ..config.clone()
            };
            let about = match &runtime {
                Ok(runtime) => runtime.block_on(async { Elastic::new(&alone)?.about().await }),
                Err(error) => Err(ElasticError::Away {
                    tried: vec![(url.clone(), error.to_string())],
                }),
            };
            let (state, reason, remedy) = match about {
                Err(error) => (State::of_failure(error.may_pass()), error.to_string(), error.advice()),
                Ok(about) => {
                    let first = cluster.get_or_insert_with(|| about.clone());
                    if first.cluster_uuid == about.cluster_uuid {
                        let found = format!(
                            "{} {}, cluster {:?}; {}",
                            about.flavour.name(),
                            about.version,
                            about.cluster,
                            elastic_login(config)
                        );
                        (State::Ok, found, String::new())
                    } else {
                        let reason = format!(
                            "it belongs to another cluster ({:?}) than {} ({:?})",
                            about.cluster, first.node, first.cluster
                        );
                        (
                            State::Refused,
                            reason,
                            "name nodes of one cluster in elasticsearch.urls".to_owned(),
                        )
                    }
                }
            };
            Line {
                dependency: "elasticsearch",
                address: url.clone(),
                state,
                reason,
                remedy,
            }
        })
        .collect()
}

fn elastic_login(config: &ElasticConfig) -> String {
    match (&config.api_key, &config.username) {
        (Some(_), _) => "let in by API key".to_owned(),
        (None, Some(name)) => format!("let in as {name}"),
        (None, None) => "let in without a login".to_owned(),
    }
}

fn of_druid(config: &DruidConfig) -> Vec<Line> {
    let services = [
        (Service::Broker, "druid broker", &config.broker_url),
        (Service::Coordinator, "druid coordinator", &config.coordinator_url),
    ];
    let hasty = DruidConfig {
        timeout: config.timeout.min(WAIT),
        ..config.clone()
    };
    std::thread::scope(|scope| {
        let hasty = &hasty;
        let asked = services.map(|(service, dependency, url)| {
            let asked = scope.spawn(move || DruidClient::new(hasty).and_then(|client| client.about(service)));
            (dependency, url, asked)
        });
        let lines = asked.into_iter().map(|(dependency, url, asked)| {
            let (state, reason, remedy) = match asked.join() {
                Ok(Ok(about)) => (State::Ok, found_in_druid(config, about.version), String::new()),
                Ok(Err(error)) => refused_by_druid(&error),
                Err(_) => bug(),
            };
            Line {
                dependency,
                address: url.clone(),
                state,
                reason,
                remedy,
            }
        });
        lines.collect()
    })
}

fn found_in_druid(config: &DruidConfig, version: Option<String>) -> String {
    let version = version.map_or_else(
        || "Druid, its version is not ours to know".to_owned(),
        |version| format!("Druid {version}"),
    );
    let login = config
        .username
        .as_ref()
        .map_or_else(|| "without a login".to_owned(), |name| format!("as {name}"));
    format!("{version}; let in {login}")
}

/// A thread that asked ended by a panic.
fn bug() -> (State, String, String) {
    (
        State::Away,
        "the question ended by a bug of ours".to_owned(),
        "report it".to_owned(),
    )
}

fn refused_by_druid(error: &DruidError) -> (State, String, String) {
    let (text, remedy) = (error.to_string(), error.advice());
    let reason = text.strip_suffix(&format!("; {remedy}")).unwrap_or(&text).to_owned();
    (State::of_failure(error.is_temporary()), reason, remedy)
}

/// Every secret we send, so that none is repeated.
fn secrets(config: &Config) -> Vec<String> {
    let mut secrets = Vec::new();
    if let Some(kafka) = &config.kafka {
        secrets.extend(kafka.password.iter().map(|secret| secret.expose().to_owned()));
        let token = kafka.token.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        secrets.extend(token.map(|token| token.trim().to_owned()));
        let named = |name: &str| {
            ["password", "secret", "pem", "jaas", "assertion"]
                .iter()
                .any(|part| name.contains(part))
        };
        let passed = kafka.properties.iter().filter(|(name, _)| named(name));
        secrets.extend(passed.map(|(_, value)| value.clone()));
    }
    if let Some(elastic) = &config.elasticsearch {
        let both = elastic.password.iter().chain(&elastic.api_key);
        secrets.extend(both.map(|secret| secret.expose().to_owned()));
    }
    if let Some(druid) = &config.druid {
        secrets.extend(druid.password.iter().map(|secret| secret.expose().to_owned()));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

fn print(lines: &[Line], output: OutputArgs) -> CommandResult {
    if output.chosen() == Output::Table {
        return for_a_person(lines);
    }
    let keys = ["dependency", "address", "state", "reason", "remedy"];
    let mut listing = Listing::new(&keys.map(left), &keys);
    for line in lines {
        let row = json!({
            "dependency": line.dependency, "address": line.address, "state": line.state.name(),
            "reason": line.reason, "remedy": line.remedy,
        });
        let cells = vec![
            Cell::toned(line.dependency, Tone::Strong),
            Cell::from(line.address.as_str()),
            Cell::toned(line.state.name(), line.state.tone()),
            Cell::from(line.reason.as_str()),
            Cell::from(line.remedy.as_str()),
        ];
        listing.push(cells, row);
    }
    listing.print(output.chosen(), "there is no server")
}

/// Whole lines: a table would cut the remedy, which is what they are for.
fn for_a_person(lines: &[Line]) -> CommandResult {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut stdout = std::io::stdout().lock();
    let written = lines.iter().try_for_each(|line| {
        let end = if line.remedy.is_empty() {
            String::new()
        } else {
            format!("; {}", line.remedy)
        };
        let said: String = format!("{} {}{end}", line.address, line.reason)
            .chars()
            .map(clean)
            .collect();
        writeln!(stdout, "{:<17} {:<7} {said}", line.dependency, line.state.name())
    });
    written
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    Ok(Exit::Done)
}
