//! `seismolog generate`.

use super::config::FileArgs;
use super::{CommandResult, Exit, Failure};
use crate::clock::Clock;
use crate::config::servers::{KafkaConfig, TopicPlan};
use crate::generate::{GenerateError, Generator, LayoutChoice, Options, Scenario};
use crate::source::kafka::admin::ensure_topic;
use crate::source::kafka::load;
use anyhow::Context as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Scenarios:
  steady   errors over many jobs: jobs Zipf 1.05, 40 error families Zipf 0.8
  storm    95 % of the records from 50 (job, family) pairs
  novel    every record a new error
  cascade  failures with root and followers: TaskManager lost, checkpoint spiral,
           dependency outage over many jobs, JobManager lost, crash loop
  fleet    two days of a fleet (--hours): what jobs log that are well, by the
           clock, few of them chatty; in the last quarter many incidents: failures
           of a job, spikes of one error, shared outages under 3 to 20 jobs,
           habitual restarts; several layouts, Spark, Python and Node beside Flink

The truth file is one JSON object: `records`, `bytes`, `distinct`, counts by `levels` and `layouts`,
`families` (root class, chain, expected error type, part), `jobs` (id, name, cluster, team, workers),
`pairs` [job, family, count], `minutes` [minute since 1970, job, family, count] and `incidents` with
their root, followers, jobs, times and, for fleet, how many alerts are right. Job and family numbers are positions in `jobs` and `families`.

With --start and --seed the bytes are the same on every machine.")]
pub struct Args {
    /// Kind of load: steady, storm, novel, cascade or fleet
    #[arg(long, value_name = "NAME")]
    scenario: Scenario,
    /// Records per second of event time [default: 1000; cascade 20; fleet takes its hours whatever the count]
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Records [default: 100000; fleet 500000]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// With fleet: how long it lasts
    #[arg(long, value_name = "N", default_value_t = 48)]
    hours: u32,
    /// Jobs
    #[arg(long, value_name = "N", default_value_t = 4000)]
    jobs: usize,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Event time of the first record, RFC 3339 [default: so that the load ends now]
    #[arg(long, value_name = "TIME")]
    start: Option<jiff::Timestamp>,
    /// Where records go
    #[arg(long, value_name = "WHERE", default_value = "stdout")]
    to: Destination,
    /// With --to kafka: the brokers [default: source.kafka.brokers of the configuration]
    #[arg(long, value_name = "HOST:PORT,...")]
    brokers: Option<String>,
    /// With --to kafka: the topic, made where it is missing [default: the first of source.kafka.topics]
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// With --to kafka: partitions of a topic that is made
    #[arg(long, value_name = "N", default_value_t = 8)]
    partitions: u64,
    /// With --to kafka: event times begin now, and --rate records are sent in a second
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    config: FileArgs,
    /// File for the truth: what was generated, to compare with
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Layout of the records: mix, ecs, jsonlayout, recipe, logback, logstash or text
    #[arg(long, value_name = "NAME", default_value = "mix")]
    layout: LayoutChoice,
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Destination {
    /// One record per line on standard output.
    Stdout,
    /// A topic of Kafka.
    Kafka,
}

/// Records are collected to this many bytes before they are written.
const CHUNK: usize = 1 << 18;

/// Runs it.
///
/// # Errors
/// When an option lies outside its range (64), or stdout or the truth file cannot be written (75).
pub fn run(args: Args) -> CommandResult {
    if args.to == Destination::Stdout && (args.live || args.brokers.is_some() || args.topic.is_some()) {
        let error = anyhow::anyhow!("--brokers, --topic and --live go with --to kafka");
        return Err(Failure::new(Exit::Usage, error));
    }
    let options = options(&args);
    let mut generator = Generator::new(&options).map_err(|error| {
        let exit = match &error {
            GenerateError::Option { .. } => Exit::Usage,
            GenerateError::Family(_) | GenerateError::Template { .. } => Exit::Bug,
        };
        Failure::new(exit, error)
    })?;
    let unavailable = |error: anyhow::Error| Failure::new(Exit::Unavailable, error);
    // Opened before the long work, so that a bad path is told at once.
    let truth = match &args.truth {
        Some(path) => {
            let opened = std::fs::File::create(path);
            let file = opened
                .with_context(|| format!("could not create {}", path.display()))
                .map_err(unavailable)?;
            Some((path, file))
        }
        None => None,
    };
    match args.to {
        // When a reader went away nobody knows how far it came: then there is no truth to write.
        Destination::Stdout => write_all(&mut generator, &mut std::io::stdout().lock())
            .context("could not write records to standard output")
            .map_err(unavailable)?,
        Destination::Kafka => to_kafka(&args, options.rate, &mut generator)?,
    }
    if let Some((path, file)) = truth {
        let mut file = std::io::BufWriter::new(file);
        let wrote = serde_json::to_writer(&mut file, &generator.truth()).map_err(std::io::Error::from);
        let flushed = wrote.and_then(|()| file.write_all(b"\n")).and_then(|()| file.flush());
        flushed
            .with_context(|| format!("could not write {}", path.display()))
            .map_err(unavailable)?;
    }
    Ok(Exit::Done)
}

fn options(args: &Args) -> Options {
    let scenario = args.scenario;
    let rate = args.rate.unwrap_or_else(|| Options::default_rate(scenario));
    let count = match (args.count, scenario, args.rate) {
        (Some(count), _, _) => count,
        // So many records a second for as long as the fleet lasts.
        (None, Scenario::Fleet, Some(rate)) => rate.saturating_mul(3_600).saturating_mul(args.hours.into()),
        (None, Scenario::Fleet, None) => 500_000,
        (None, _, _) => 100_000,
    };
    let mut options = Options {
        rate,
        jobs: args.jobs,
        hours: args.hours,
        seed: args.seed,
        layout: args.layout,
        minutes: args.truth.is_some(),
        ..Options::of(scenario, count)
    };
    options.start_millis = match args.start {
        Some(start) => start.as_millisecond(),
        None if args.live => Clock::System.now_millis(),
        None => Clock::System.now_millis().saturating_sub(options.span_millis()),
    };
    options
}

/// Sends all records; done when every one is acknowledged.
fn to_kafka(args: &Args, rate: u64, generator: &mut Generator) -> Result<(), Failure> {
    let configured = match (&args.brokers, &args.topic) {
        (Some(_), Some(_)) => None,
        (None | Some(_), _) => args.config.load()?.kafka,
    };
    let mut kafka = match (configured, &args.brokers) {
        (Some(kafka), _) => kafka,
        (None, Some(_)) => KafkaConfig::default(),
        (None, None) => {
            let error = anyhow::anyhow!("no brokers are known; give --brokers, or set source.kafka.brokers");
            return Err(Failure::new(Exit::Usage, error));
        }
    };
    if let Some(brokers) = &args.brokers {
        kafka.brokers.clone_from(brokers);
    }
    let topic = args.topic.clone().or_else(|| kafka.topics.first().cloned());
    let topic = topic.unwrap_or_else(|| "flink-errors".to_owned());
    if !load::exists(&kafka, &topic)? {
        let plan = TopicPlan {
            partitions: args.partitions,
            ..TopicPlan::default()
        };
        for changed in ensure_topic(&kafka, &topic, &plan)? {
            eprintln!("seismolog: {changed}");
        }
    }
    let mut sender = load::Sender::new(&kafka, &topic)?;
    let begun = Instant::now();
    let pace = args.live.then_some(rate.max(1));
    let mut record = Vec::with_capacity(4_096);
    let mut sent = 0_u64;
    while generator.next_record(&mut record) {
        sender.send(&record)?;
        record.clear();
        sent += 1;
        if let Some(rate) = pace {
            let due = Duration::from_micros(sent.saturating_mul(1_000_000) / rate);
            sender.wait(due.saturating_sub(begun.elapsed()));
        }
    }
    sender.finish()?;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("seismolog: {sent} records are in {topic} after {seconds:.1} s");
    Ok(())
}

fn write_all(generator: &mut Generator, out: &mut dyn Write) -> std::io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK + 65_536);
    while generator.next_record(&mut chunk) {
        chunk.push(b'\n');
        if chunk.len() >= CHUNK {
            out.write_all(&chunk)?;
            chunk.clear();
        }
    }
    out.write_all(&chunk)?;
    out.flush()
}
