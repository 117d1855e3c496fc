//! `seismolog run`: the service. Opens the store, reads what is configured, serves the pages, until it is told to stop.

use super::config::FileArgs;
use super::ingest::{failed, open_store, read_store};
use super::{CommandResult, Exit, Failure, run_servers, tell};
use crate::alerting::Judging;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::Engine;
use crate::process::embedded::{Embedded, Plan};
use crate::process::push::{Busy, Ingest as _, OutcomeName, PushHandle};
use crate::process::stop::Stop;
use crate::process::{OnFailure, sample};
use crate::rules::{LiveRules, Reloaded};
use crate::serve::{self, Parts, ServeOptions, Serving, Token};
use crate::source::FrameLimits;
use crate::store::{Reader, Retention, Store, Writer};
use crate::telemetry::logging;
use crate::telemetry::metrics::{self, Metric};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `run`.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: FileArgs,
    /// What this process does: roles may be parted over processes, each of them many times
    #[arg(long, value_enum, value_delimiter = ',', default_value = "all")]
    role: Vec<Role>,
    /// Folder of the embedded store [default: store.path of the configuration]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Address of the pages [default: serve.bind of the configuration]
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<std::net::SocketAddr>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Role {
    /// Everything
    All,
    /// Read, fold and store
    Process,
    /// Details from Kafka to the search node
    Index,
    /// Judge, and tell of alerts; one process of it per deployment
    Alert,
    /// Pages and API
    Serve,
}

/// How long requests under way may take when it is told to stop.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// How often the folder of rules is looked at.
pub(super) const RULES_EVERY: Duration = Duration::from_secs(5);

/// How often retention has its turn.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// Where the sample logs lie, seen from the folder it is started in.
const SAMPLE: &str = "sample-logs";

/// Runs it.
///
/// # Errors
/// When the configuration or the rules do not hold (78), the store is in use or the port is (75).
pub fn run(args: Args) -> CommandResult {
    logging::start("info");
    let mut config = args.config.load()?;
    if let Some(folder) = args.store {
        config.store = folder;
    }
    if let Some(bind) = args.bind {
        config.bind = bind;
    }
    let unconfigured = args.config.file().is_none() && config.files.is_empty();
    let does = |role| args.role.contains(&Role::All) || args.role.is_empty() || args.role.contains(&role);
    let on_servers = config.kafka.is_some() || config.elasticsearch.is_some();
    if args.role == [Role::Alert] && !on_servers {
        let error = anyhow::anyhow!(
            "the role alert judges what others put into Kafka, and none is configured; the embedded store judges what it \
             keeps: take process or all, or set [source.kafka]"
        );
        return Err(Failure::new(Exit::Config, error));
    }
    if args.role.contains(&Role::Index) && !on_servers {
        let error = anyhow::anyhow!(
            "the role index brings details from Kafka to a search node, and none is configured; the embedded store \
             needs no such role: take process, serve or all, or set [source.kafka], [elasticsearch] and [druid]"
        );
        return Err(Failure::new(Exit::Config, error));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    if on_servers {
        return runtime.block_on(run_servers::run(config, &args.role));
    }
    if does(Role::Process) {
        let sample = (unconfigured && Path::new(SAMPLE).is_dir()).then(|| PathBuf::from(SAMPLE));
        match &sample {
            Some(folder) => eprintln!(
                "seismolog: the source is {}, played as if it were live",
                folder.display()
            ),
            None if config.files.is_empty() && config.ingest && does(Role::Serve) => eprintln!(
                "seismolog: no file is configured; set source.files.paths, or push records to POST /api/v1/ingest"
            ),
            None if config.files.is_empty() => eprintln!("seismolog: nothing is read; set source.files.paths"),
            None => {}
        }
        runtime.block_on(whole(config, sample, does(Role::Serve)))
    } else {
        runtime.block_on(pages_only(config))
    }
}

/// The rules of the configuration.
pub(super) fn load_rules(config: &Config) -> Result<Arc<LiveRules>, Failure> {
    let rules = match &config.rules {
        Some(folder) => LiveRules::of_folder(folder),
        None => LiveRules::shipped(),
    };
    rules
        .map(Arc::new)
        .map_err(|faults| Failure::new(Exit::Config, anyhow::anyhow!("the rules do not hold\n{faults}")))
}

/// Reads, stores, and serves if wanted.
async fn whole(config: Config, sample: Option<PathBuf>, serving: bool) -> CommandResult {
    let rules = load_rules(&config)?;
    let store = open_store(&config.store)?;
    let writer = store.writer();
    let holds_sample = sample.is_some() || writer_holds_sample(&writer)?;
    let stop = Stop::default();
    let engine = Engine::new(rules.current(), config.default_zone.clone());
    let plan = Plan {
        files: config.files.clone(),
        follow: config.follow,
        sample,
        fold: config.fold,
        frame: FrameLimits::default(),
        flush_interval: config.flush_interval,
        on_failure: OnFailure::Wait,
        clock: Clock::System,
    };
    let deliverer = tell::start(&store, &rules, &config, None)?;
    let sink = Judging::new(writer.clone(), Arc::clone(&rules), Clock::System, deliverer.poker());
    let sink = sink.map_err(|error| failed(error.into()))?;
    let service = Embedded::start(engine, Box::new(sink), plan, &stop).map_err(failed)?;
    let served = if serving {
        let push = config.ingest.then(|| service.push_handle());
        let parts = Parts {
            editor: Some(store.editor()),
            alerts: Some(store.alert_reader()),
            alert_editor: Some(store.alert_editor()),
            ingest: push.map(|push| Arc::new(push) as _),
            sample: holds_sample,
            explain: Some(Arc::clone(&rules) as _),
            ..parts(store.reader())
        };
        match start_pages(&config, parts).await {
            Ok(serving) => Some(serving),
            Err(failure) => {
                stop.ask();
                finish(service, writer).await?;
                return Err(failure);
            }
        }
    } else {
        None
    };
    let ended = turn(&service, &rules, &writer, &store, &config).await;
    if let Some(serving) = served {
        serving.shutdown(GRACE).await;
    }
    let finished = finish(service, writer).await;
    deliverer.shutdown(GRACE).await;
    ended.and(finished)?;
    tracing::info!("stopped; everything read is stored");
    Ok(Exit::Done)
}

/// Waits for signals and timers until it is told to stop, or the service ends by itself.
async fn turn(
    service: &Embedded,
    rules: &Arc<LiveRules>,
    writer: &Writer,
    store: &Store,
    config: &Config,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut look = tokio::time::interval(Duration::from_millis(500));
    let mut rules_due = tokio::time::interval(RULES_EVERY);
    let mut retention_due = tokio::time::interval(RETENTION_EVERY);
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Wish::Stop => return Ok(()),
                Wish::Reload => reload(service, rules).await,
            },
            _ = rules_due.tick() => reload(service, rules).await,
            _ = retention_due.tick() => retain(writer, store, config).await,
            _ = look.tick() => if service.has_ended() { return Ok(()) },
        }
    }
}

async fn reload(service: &Embedded, rules: &Arc<LiveRules>) {
    if take_changed(rules).await {
        service.set_rules(rules.current());
    }
}

/// Takes changed rules and says whether there were any; a bad edit keeps the old ones and says why.
pub(super) async fn take_changed(rules: &Arc<LiveRules>) -> bool {
    let live = Arc::clone(rules);
    match tokio::task::spawn_blocking(move || live.check_folder()).await {
        Ok(Reloaded::Swapped(version)) => {
            metrics::add(Metric::RulesReloads, 1);
            tracing::info!(version, "changed rules are in force");
            true
        }
        Ok(Reloaded::Kept(faults)) => {
            metrics::add(Metric::RulesRefused, 1);
            tracing::error!(%faults, "the changed rules do not hold; the old ones stay in force");
            false
        }
        Ok(Reloaded::Unchanged) | Err(_) => false,
    }
}

/// One turn of retention, in steps, each well below a second, so that flushes get their turn between them.
async fn retain(writer: &Writer, store: &Store, config: &Config) {
    let retention = Retention {
        max_age_ms: config.retention_age.and_then(|age| i64::try_from(age.as_millis()).ok()),
        max_bytes: config.retention_bytes,
    };
    let mut writer = writer.clone();
    let reader = store.reader();
    let worked = tokio::task::spawn_blocking(move || {
        for _ in 0..STEPS {
            match writer.retain(Clock::System.now_millis(), &retention) {
                Ok(retained) if retained.more => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "old events could not be removed");
                    break;
                }
            }
        }
        if let Ok(totals) = reader.totals() {
            metrics::set(Metric::StoreBytes, totals.bytes);
        }
    });
    if worked.await.is_err() {
        tracing::error!("retention ended by a bug; it is tried again");
    }
}

/// Steps of retention in one turn.
const STEPS: usize = 50;

/// Stops reading, flushes what was read, and leaves one complete file.
async fn finish(service: Embedded, mut writer: Writer) -> Result<(), Failure> {
    let ended = tokio::task::spawn_blocking(move || {
        let ended = service.finish();
        drop(writer.checkpoint());
        ended
    });
    match ended.await {
        Ok(ended) => ended.map(|_| ()).map_err(failed),
        Err(error) => Err(Failure::new(Exit::Bug, error)),
    }
}

/// Only the pages, on a store another process writes.
async fn pages_only(config: Config) -> CommandResult {
    let serving = start_pages(&config, parts(read_store(&config.store)?)).await?;
    let mut signals = Signals::listen()?;
    signals.stop().await;
    serving.shutdown(GRACE).await;
    Ok(Exit::Done)
}

fn parts(reader: Arc<dyn Reader>) -> Parts {
    Parts {
        metrics: Arc::new(metrics::render),
        ..Parts::read_only(reader)
    }
}

pub(super) async fn start_pages(config: &Config, parts: Parts) -> Result<Serving, Failure> {
    let token = |name: &str, role, secret: &Option<crate::config::Secret>| {
        secret.as_ref().map(|secret| Token {
            name: name.to_owned(),
            role,
            secret: secret.expose().to_owned(),
        })
    };
    let tokens = [
        token("viewer", serve::Role::Viewer, &config.viewer_token),
        token("editor", serve::Role::Editor, &config.editor_token),
    ];
    let options = ServeOptions {
        bind: config.bind,
        hosts: config.hosts.clone(),
        url: config.url.clone(),
        tokens: tokens.into_iter().flatten().collect(),
        ..ServeOptions::default()
    };
    let serving = serve::start(options, parts)
        .await
        .map_err(|error| Failure::of_server(!error.is_configuration(), error))?;
    eprintln!("seismolog: the pages are at http://{}", serving.addr());
    Ok(serving)
}

fn writer_holds_sample(writer: &Writer) -> Result<bool, Failure> {
    let positions = crate::process::Sink::positions(writer).map_err(|error| failed(error.into()))?;
    Ok(sample::is_in(&positions))
}

impl serve::Ingest for PushHandle {
    fn ingest(&self, records: &[&[u8]]) -> Result<Vec<serve::RecordOutcome>, serve::IngestError> {
        let records = records.iter().map(|record| record.to_vec()).collect();
        let answer = self.submit_records(records).map_err(|busy| match busy {
            Busy::Full => serve::IngestError::Busy { retry_after_seconds: 1 },
            Busy::Stopping => serve::IngestError::Busy {
                retry_after_seconds: 10,
            },
        })?;
        let stopped = || serve::IngestError::Store("the service stopped before they were stored".into());
        let outcomes = answer.blocking_recv().map_err(|_| stopped())?;
        let outcomes = outcomes.map_err(serve::IngestError::Store)?;
        let told = outcomes.into_iter().map(|outcome| serve::RecordOutcome {
            outcome: match outcome.outcome {
                OutcomeName::Folded => "folded",
                OutcomeName::Rejected => "rejected",
            },
            events: outcome.events,
            issue: outcome.issue,
            reason: outcome.reason,
            detail: outcome.detail,
        });
        Ok(told.collect())
    }
}

/// The signals we heed.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::Unavailable, error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Stop,
    Reload,
}

/// Waits until interrupted or until `ended`, without a server.
pub(super) fn until_interrupted(stop: &Stop, ended: impl Fn() -> bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut look = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                () = signals.stop() => break,
                _ = look.tick() => if ended() { break },
            }
        }
        Ok::<(), Failure>(())
    })?;
    stop.ask();
    Ok(())
}
