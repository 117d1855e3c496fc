//! `seismolog run` on Kafka, a search node and Druid: each role on a thread of its own, until told to stop.
//!
//! What always holds: when one role ends by an error all end, loudly, since the others would only hide it; what a role
//! had not committed is read again at the next start. A server that is away ends nothing: it is waited for, and
//! `/readyz` names it.

use super::ingest::open_store;
use super::run::{GRACE, RULES_EVERY, Role, Signals, Wish, load_rules, start_pages, take_changed};
use super::setup::set_up;
use super::{CommandResult, Exit, Failure, tell};
use crate::alerting::{self, AlertOptions};
use crate::clock::Clock;
use crate::config::Config;
use crate::index::{self, IndexError, IndexOptions};
use crate::process::kafka::{self, ProcessOptions};
use crate::process::stop::Stop;
use crate::rules::LiveRules;
use crate::serve::Parts;
use crate::store::elastic_druid::druid::OtherHands;
use crate::store::elastic_druid::reader::{ElasticDruidReader, RejectTopic};
use crate::store::{ALERTS_TOPIC, ReadError, Store, Writer};
use crate::telemetry::metrics;
use crate::telemetry::ready::Readiness;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A role under way.
struct Running {
    role: &'static str,
    task: JoinHandle<Result<(), Failure>>,
}

/// Runs the roles asked for.
///
/// # Errors
/// Why the first role ended.
pub(super) async fn run(config: Config, roles: &[Role]) -> CommandResult {
    // First of all: a signal that comes while the roles start is heeded as well.
    let mut signals = Signals::listen()?;
    let does = |role| roles.is_empty() || roles.contains(&Role::All) || roles.contains(&role);
    let rules = load_rules(&config)?;
    if roles.is_empty() || roles.contains(&Role::All) {
        set_up_first(&config).await?;
    }
    let stop = Stop::default();
    let ready = Readiness::watch(&config, &stop);
    let mut running = Vec::new();
    if does(Role::Process)
        && let Some(options) = ProcessOptions::of(&config)
    {
        running.push(process(options, &rules, &stop));
    }
    if does(Role::Index)
        && let (Some(kafka), Some(elastic)) = (config.kafka.clone(), config.elasticsearch.clone())
    {
        let options = IndexOptions::new(kafka, config.topics.clone(), elastic);
        running.push(index(options, &stop));
    }
    let store = if does(Role::Alert) && config.kafka.is_some() {
        match open_store(&config.store) {
            Ok(store) => Some(store),
            Err(failure) => return end(running, &stop, Err(failure)).await,
        }
    } else {
        None
    };
    let mut deliverer = None;
    if let (Some(store), Some(kafka)) = (&store, config.kafka.clone()) {
        let options = AlertOptions {
            kafka,
            topics: config.topics.clone(),
            clock: Clock::System,
        };
        let telling = match tell::start(store, &rules, &config, Some(ALERTS_TOPIC)) {
            Ok(telling) => telling,
            Err(failure) => return end(running, &stop, Err(failure)).await,
        };
        running.push(alert(options, store.writer(), &rules, &stop, telling.poker()));
        deliverer = Some(telling);
    }
    let served = if does(Role::Serve) {
        let (of_parts, of_rules, of_ready) = (config.clone(), Arc::clone(&rules), ready.clone());
        let parts = tokio::task::spawn_blocking(move || parts(&of_parts, &of_rules, &of_ready)).await;
        let parts = match parts.map_err(|error| Failure::new(Exit::Bug, error)) {
            Ok(Ok(parts)) => Parts {
                alerts: store.as_ref().map(Store::alert_reader),
                alert_editor: store.as_ref().map(Store::alert_editor),
                ..parts
            },
            Ok(Err(failure)) | Err(failure) => return end(running, &stop, Err(failure)).await,
        };
        match start_pages(&config, parts).await {
            Ok(serving) => Some(serving),
            Err(failure) => return end(running, &stop, Err(failure)).await,
        }
    } else {
        None
    };
    let ended = until_told(&mut signals, &rules, &running).await;
    if let Some(serving) = served {
        serving.shutdown(GRACE).await;
    }
    let ended = end(running, &stop, ended).await;
    if let Some(deliverer) = deliverer {
        deliverer.shutdown(GRACE).await;
    }
    ended
}

/// With all roles in one process there is nobody else to set the servers up.
async fn set_up_first(config: &Config) -> Result<(), Failure> {
    let config = config.clone();
    let changed = tokio::task::spawn_blocking(move || set_up(&config, OtherHands::Leave)).await;
    for (server, change) in changed.map_err(|error| Failure::new(Exit::Bug, error))?? {
        tracing::info!(server, %change, "set up");
    }
    Ok(())
}

fn process(options: ProcessOptions, rules: &Arc<LiveRules>, stop: &Stop) -> Running {
    let (rules, stop) = (Arc::clone(rules), stop.clone());
    let task = tokio::task::spawn_blocking(move || {
        let ended = kafka::run(options, &rules, &stop);
        let report = ended.map_err(|error| Failure::of_server(!error.is_configuration(), error))?;
        tracing::info!(
            records = report.ledger.records,
            commits = report.commits,
            aborts = report.aborts,
            "process stopped; everything read is committed"
        );
        Ok(())
    });
    Running { role: "process", task }
}

fn index(options: IndexOptions, stop: &Stop) -> Running {
    let stop = stop.clone();
    let task = tokio::task::spawn_blocking(move || {
        let report = index::run(&options, &stop).map_err(|error| {
            let exit = match &error {
                IndexError::Kafka(fault) if !fault.may_pass() => Exit::Config,
                IndexError::Elastic(error) if !error.may_pass() => Exit::Config,
                IndexError::Panicked => Exit::Bug,
                IndexError::Kafka(_) | IndexError::Elastic(_) | IndexError::Runtime(_) => Exit::Unavailable,
            };
            let advice = error.advice();
            Failure::new(exit, anyhow::anyhow!("{error}; {advice}"))
        })?;
        tracing::info!(?report, "index stopped");
        Ok(())
    });
    Running { role: "index", task }
}

fn alert(
    options: AlertOptions,
    writer: Writer,
    rules: &Arc<LiveRules>,
    stop: &Stop,
    news: Box<dyn Fn() + Send>,
) -> Running {
    let (rules, stop) = (Arc::clone(rules), stop.clone());
    let task = tokio::task::spawn_blocking(move || {
        let ended = alerting::run(&options, writer, rules, &stop, news);
        let report = ended.map_err(|error| Failure::of_server(!error.is_configuration(), error))?;
        tracing::info!(?report, "alert stopped");
        Ok(())
    });
    Running { role: "alert", task }
}

fn parts(config: &Config, rules: &Arc<LiveRules>, ready: &Readiness) -> Result<Parts, Failure> {
    let reader = reader(config)?;
    let ready = ready.clone();
    Ok(Parts {
        editor: Some(Arc::clone(&reader) as _),
        explain: Some(Arc::clone(rules) as _),
        metrics: Arc::new(metrics::render),
        ready: Arc::new(move || ready.now()),
        ..Parts::read_only(reader)
    })
}

/// Who answers questions on the configured servers.
///
/// # Errors
/// No search node is configured, or an address or certificate cannot be used.
pub(super) fn reader(config: &Config) -> Result<Arc<ElasticDruidReader>, Failure> {
    let Some(elastic) = &config.elasticsearch else {
        let error = anyhow::anyhow!("no search node is configured; set elasticsearch.urls");
        return Err(Failure::new(Exit::Config, error));
    };
    let reader = ElasticDruidReader::connect(elastic, config.druid.as_ref())
        .map_err(|error: ReadError| Failure::new(Exit::Config, error))?;
    Ok(Arc::new(match config.kafka.clone() {
        Some(kafka) => reader.with_rejects(RejectTopic {
            kafka,
            topic: config.topics.rejects.clone(),
        }),
        None => reader,
    }))
}

/// Waits for signals and changed rules until it is told to stop, or a role ends by itself. The process role looks at the
/// rules itself.
async fn until_told(signals: &mut Signals, rules: &Arc<LiveRules>, running: &[Running]) -> Result<(), Failure> {
    let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
    let mut rules_due = tokio::time::interval(RULES_EVERY);
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Wish::Stop => return Ok(()),
                Wish::Reload => drop(take_changed(rules).await),
            },
            _ = rules_due.tick() => drop(take_changed(rules).await),
            _ = look.tick() => if running.iter().any(|one| one.task.is_finished()) { return Ok(()) },
        }
    }
}

/// Stops all roles and tells the first error.
async fn end(running: Vec<Running>, stop: &Stop, ended: Result<(), Failure>) -> CommandResult {
    stop.ask();
    let mut first = ended;
    for one in running {
        let result = match one.task.await {
            Ok(result) => result,
            Err(error) => Err(Failure::new(Exit::Bug, error)),
        };
        match result {
            Ok(()) => {}
            Err(failure) if first.is_ok() => {
                first = Err(Failure::new(
                    failure.exit,
                    failure.error.context(format!("the role {} ended", one.role)),
                ));
            }
            Err(failure) => tracing::error!(role = one.role, error = format!("{:#}", failure.error), "ended as well"),
        }
    }
    first.map(|()| Exit::Done)
}
