//! `seismolog setup`: topics, templates, scripts, indices and the supervisor, made or brought up to date.

use super::config::FileArgs;
use super::output::{Cell, Listing, OutputArgs, Tone, left};
use super::{CommandResult, Exit, Failure};
use crate::changed::Changed;
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

/// What was changed where: kafka, elasticsearch, druid.
pub(super) type ChangedAt = (&'static str, Changed);

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
    for (server, change) in &changed {
        let change = change.to_string();
        let row = json!({ "server": server, "change": change });
        listing.push(vec![Cell::toned(server, Tone::Strong), Cell::from(change)], row);
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
pub(super) fn set_up(config: &Config, hands: OtherHands) -> Result<Vec<ChangedAt>, Failure> {
    let mut changed = Vec::new();
    if config.kafka.is_none() && config.elasticsearch.is_none() && config.druid.is_none() {
        let error = anyhow::anyhow!(
            "no server is configured, and the embedded store needs no setting up; name [source.kafka], [elasticsearch] \
             and [druid] in the configuration"
        );
        return Err(Failure::new(Exit::Config, error));
    }
    if let Some(kafka) = &config.kafka {
        let made = ensure_topics(kafka, &config.topics, &config.topic_plan)?;
        changed.extend(made.into_iter().map(|change| ("kafka", change)));
    }
    if let Some(elastic) = &config.elasticsearch {
        changed.extend(of_elastic(elastic)?.into_iter().map(|change| ("elasticsearch", change)));
    }
    if let (Some(druid), Some(kafka)) = (&config.druid, &config.kafka) {
        let made = of_druid(druid, kafka, config, hands)?;
        changed.extend(made.into_iter().map(|change| ("druid", change)));
    }
    Ok(changed)
}

fn of_elastic(config: &ElasticConfig) -> Result<Vec<Changed>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let changed = runtime.block_on(async {
        let client = Elastic::new(config)?;
        elastic::setup(&client, config).await
    });
    changed.map_err(of_elastic_error)
}

fn of_druid(
    druid: &DruidConfig,
    kafka: &KafkaConfig,
    config: &Config,
    hands: OtherHands,
) -> Result<Vec<Changed>, Failure> {
    let failed = |error: druid::DruidError| Failure::of_server(error.is_temporary(), error);
    let client = DruidClient::new(druid).map_err(failed)?;
    let wanted = druid::specification(druid, kafka, &config.topics).map_err(failed)?;
    druid::setup(&client, &wanted, hands).map_err(|error| Failure::of_server(error.is_temporary(), error))
}

fn of_elastic_error(error: ElasticError) -> Failure {
    Failure::of_server(error.may_pass(), anyhow::anyhow!("{error}; {}", error.advice()))
}
