//! `seismolog setup`: topics, templates, scripts, indices and the supervisor, made or brought up to date.

use super::config::FileArgs;
use super::output::{Cell, Listing, OutputArgs, Tone, left};
use super::{CommandResult, Exit, Failure};
use crate::config::Config;
use crate::config::servers::{DruidConfig, ElasticConfig, KafkaConfig};
use crate::source::kafka::admin::ensure_topics;
use crate::store::elastic_druid::druid::{self, DruidClient, OtherHands};
use crate::store::elastic_druid::elastic::{self, Elastic, ElasticError};
use serde_json::json;

/// Makes what the servers need: topics in Kafka, templates, scripts and indices in the search node, the supervisor in
/// Druid. Run again it changes nothing; after an upgrade it changes what is new. Prints what it changed.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: FileArgs,
    /// Put our supervisor in the place of one that another made or changed
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What was changed where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    /// kafka, elasticsearch, druid.
    pub(super) server: &'static str,
    /// What.
    pub(super) change: String,
}

/// Runs it.
///
/// # Errors
/// When no servers are configured, one is away, or one refuses.
pub fn run(args: Args) -> CommandResult {
    let config = args.config.load()?;
    let hands = if args.replace {
        OtherHands::Replace
    } else {
        OtherHands::Leave
    };
    let changed = set_up(&config, hands)?;
    let mut listing = Listing::new(&[left("server"), left("change")], &["server", "change"]);
    for one in &changed {
        listing.push(
            vec![Cell::toned(one.server, Tone::Strong), Cell::from(one.change.clone())],
            json!({ "server": one.server, "change": one.change }),
        );
    }
    listing.print(
        args.output.chosen(),
        "everything is as it should be; nothing was changed",
    )
}

/// Makes what the configured servers need, and tells what was changed.
///
/// # Errors
/// The first server that is away or refuses; what was made before it stays.
pub(super) fn set_up(config: &Config, hands: OtherHands) -> Result<Vec<Changed>, Failure> {
    let mut changed = Vec::new();
    let mut note = |server, change: String| changed.push(Changed { server, change });
    if config.kafka.is_none() && config.elasticsearch.is_none() && config.druid.is_none() {
        let error = anyhow::anyhow!(
            "no server is configured, and the embedded store needs no setting up; name [source.kafka], [elasticsearch] \
             and [druid] in the configuration"
        );
        return Err(Failure::new(Exit::Config, error));
    }
    if let Some(kafka) = &config.kafka {
        for change in of_kafka(kafka, config)? {
            note("kafka", change);
        }
    }
    if let Some(elastic) = &config.elasticsearch {
        for change in of_elastic(elastic)? {
            note("elasticsearch", change);
        }
    }
    if let (Some(druid), Some(kafka)) = (&config.druid, &config.kafka) {
        for change in of_druid(druid, kafka, config, hands)? {
            note("druid", change);
        }
    }
    Ok(changed)
}

fn of_kafka(kafka: &KafkaConfig, config: &Config) -> Result<Vec<String>, Failure> {
    let made = ensure_topics(kafka, &config.topics, &config.topic_plan)?;
    Ok(made.iter().map(ToString::to_string).collect())
}

fn of_elastic(config: &ElasticConfig) -> Result<Vec<String>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let changed = runtime.block_on(async {
        let client = Elastic::new(config)?;
        elastic::setup(&client, config).await
    });
    let changed = changed.map_err(of_elastic_error)?;
    Ok(changed.iter().map(ToString::to_string).collect())
}

fn of_druid(
    druid: &DruidConfig,
    kafka: &KafkaConfig,
    config: &Config,
    hands: OtherHands,
) -> Result<Vec<String>, Failure> {
    let failed = |error: druid::DruidError| Failure::of_server(error.is_temporary(), error);
    let client = DruidClient::new(druid).map_err(failed)?;
    let wanted = druid::specification(druid, kafka, &config.topics).map_err(failed)?;
    let changed =
        druid::setup(&client, &wanted, hands).map_err(|error| Failure::of_server(error.is_temporary(), error))?;
    Ok(changed.iter().map(ToString::to_string).collect())
}

fn of_elastic_error(error: ElasticError) -> Failure {
    Failure::of_server(error.may_pass(), anyhow::anyhow!("{error}; {}", error.advice()))
}
