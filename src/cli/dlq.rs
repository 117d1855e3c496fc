//! `seismolog dlq`: records that could not become events, and what the search node refused.

use super::config::FileArgs;
use super::ingest::read_store;
use super::output::{Cell, Listing, OutputArgs, Tone, left, right};
use super::{CommandResult, Exit, Failure};
use crate::config::Config;
use crate::config::servers::KafkaConfig;
use crate::engine::{Engine, Outcome};
use crate::event::EventTime;
use crate::rules::LiveRules;
use crate::source::kafka::load::Sender;
use crate::source::kafka::tail::{self, TailRecord};
use crate::store::{ReadError, Reader, StoredReject};
use crate::topics::reject::{RejectRecord, Stage};
use anyhow::anyhow;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `dlq`.
#[derive(Debug, Default, clap::Args)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// The latest rejects, newest first
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// One reject with its bytes
    Show {
        /// The id that `list` shows
        id: String,
        /// Write the bytes as they are, and nothing else
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Send rejects back to where they came from, to be read again under the present rules
    Replay {
        #[command(flatten)]
        which: Which,
        /// Only say what would be sent, and what would become of it
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which rejects.
#[derive(Debug, Clone, clap::Args)]
struct Which {
    /// At most so many of the latest
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Only this reason (`invalid_json`, `no_timestamp`, …)
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only one id; may be given several times
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Where rejects are.
#[derive(Debug, Clone, clap::Args)]
struct Place {
    #[command(flatten)]
    config: FileArgs,
    /// Folder of the embedded store [default: store.path of the configuration]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

/// A reject from either place.
struct Found {
    /// `partition:offset` in the topic, or the number in the store.
    id: String,
    stage: Stage,
    source: String,
    offset: i64,
    reason: String,
    detail: String,
    length: u64,
    bytes: Vec<u8>,
    /// Milliseconds since the epoch.
    rejected_at: i64,
    /// The topic it was read from, where it was Kafka.
    topic: Option<String>,
}

impl Found {
    /// Whether all of its bytes were kept.
    fn is_whole(&self) -> bool {
        u64::try_from(self.bytes.len()).is_ok_and(|kept| kept == self.length)
    }

    fn stage(&self) -> &'static str {
        match self.stage {
            Stage::Process => "process",
            Stage::Index => "index",
        }
    }
}

/// Runs it.
///
/// # Errors
/// When Kafka or the store cannot be read, or there is no such reject.
pub fn run(args: Args) -> CommandResult {
    match args.action {
        Some(Action::List { which, output }) => list(&which, output),
        Some(Action::Show { id, raw, place }) => show(&id, raw, &place),
        Some(Action::Replay { which, dry_run }) => replay(&which, dry_run),
        None => Ok(Exit::Usage),
    }
}

fn list(which: &Which, output: OutputArgs) -> CommandResult {
    let names = [
        "id",
        "stage",
        "source",
        "offset",
        "reason",
        "detail",
        "length",
        "rejected_at",
    ];
    let columns = [
        left("id"),
        left("rejected at"),
        left("stage"),
        left("source"),
        right("offset"),
        left("reason"),
        right("bytes"),
        left("detail"),
    ];
    let mut listing = Listing::new(&columns, &names);
    for found in which.find()? {
        let at = EventTime::from_millis(found.rejected_at).rfc3339();
        let row = serde_json::json!({
            "id": found.id, "stage": found.stage(), "source": found.source, "offset": found.offset,
            "reason": found.reason, "detail": found.detail, "length": found.length, "rejected_at": at,
        });
        let cells = vec![
            Cell::toned(&found.id, Tone::Strong),
            Cell::toned(at, Tone::Faint),
            Cell::from(found.stage()),
            Cell::from(found.source.as_str()),
            Cell::from(found.offset.to_string()),
            Cell::toned(&found.reason, Tone::Warning),
            Cell::from(found.length.to_string()),
            Cell::toned(&found.detail, Tone::Faint),
        ];
        listing.push(cells, row);
    }
    listing.print(output.chosen(), "there is no reject")
}

fn show(id: &str, raw: bool, place: &Place) -> CommandResult {
    let found = place.one(id)?;
    let mut stdout = std::io::stdout().lock();
    let text = String::from_utf8_lossy(&found.bytes);
    // Escaped, so that hostile bytes never reach a terminal.
    let shown: String = text
        .chars()
        .flat_map(|c| match c {
            '\n' | '\t' => vec![c],
            c if c.is_control() => c.escape_default().collect(),
            c => vec![c],
        })
        .collect();
    let written = if raw {
        stdout.write_all(&found.bytes)
    } else {
        let cut = if found.is_whole() {
            ""
        } else {
            " (cut: the rest was not kept)"
        };
        writeln!(
            stdout,
            "id           {}\nstage        {}\nsource       {}\noffset       {}\nreason       {}\ndetail       {}\n\
             rejected at  {}\nbytes        {}{cut}\n\n{shown}",
            found.id,
            found.stage(),
            found.source,
            found.offset,
            found.reason,
            found.detail,
            EventTime::from_millis(found.rejected_at).rfc3339(),
            found.length,
        )
    };
    written
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    Ok(Exit::Done)
}

/// Sends rejects back. A record that would be rejected again is left where it is: sending it would only make another.
fn replay(which: &Which, dry_run: bool) -> CommandResult {
    let config = which.place.config.load()?;
    let Some(kafka) = which.place.kafka(&config) else {
        let error = anyhow!(
            "the embedded store replays nothing: write the bytes with `seismolog dlq show --raw ID`, mend them and \
             read them with `seismolog ingest -`"
        );
        return Err(Failure::new(Exit::Usage, error));
    };
    let rules = match &config.rules {
        Some(folder) => LiveRules::of_folder(folder),
        None => LiveRules::shipped(),
    };
    let rules = rules.map_err(|faults| Failure::new(Exit::Config, anyhow!("the rules do not hold\n{faults}")))?;
    let mut engine = Engine::new(rules.current(), config.default_zone.clone());
    let mut sender = None;
    let (mut sent, mut left_alone) = (0_u64, 0_u64);
    let mut stdout = std::io::stdout().lock();
    for found in which.find()? {
        let why_not = why_not(&found, &mut engine);
        let told = match (&why_not, dry_run) {
            (Some(_), _) => "left alone",
            (None, true) => "would be sent",
            (None, false) => "sent",
        };
        let line = serde_json::json!({
            "id": found.id, "topic": found.topic, "outcome": told, "why": why_not,
        });
        if why_not.is_some() {
            left_alone += 1;
        } else {
            sent += 1;
            if !dry_run && let Some(topic) = &found.topic {
                let sender = match &mut sender {
                    Some(sender) => sender,
                    none => none.insert(Sender::new(kafka, topic)?),
                };
                sender.send_to(topic, key_of(&found).as_bytes(), &found.bytes)?;
            }
        }
        writeln!(stdout, "{line}").map_err(|error| Failure::new(Exit::Unavailable, error))?;
    }
    if let Some(sender) = sender {
        sender.finish()?;
    }
    let verb = if dry_run { "would be sent" } else { "were sent" };
    eprintln!(
        "seismolog: {sent} rejects {verb}, {left_alone} left alone; a reject stays in its topic, so a second \
               replay sends it again"
    );
    Ok(Exit::Done)
}

/// Why a reject is not worth sending; `None` where it is.
fn why_not(found: &Found, engine: &mut Engine) -> Option<String> {
    if !found.is_whole() {
        return Some(format!(
            "only {} of its {} bytes were kept",
            found.bytes.len(),
            found.length
        ));
    }
    match found.stage {
        // A delta the search node refused: whether it takes it now is its to say.
        Stage::Index => None,
        Stage::Process => {
            let mut folded = false;
            let mut why = None;
            engine.read(&found.bytes, &mut |outcome| match outcome {
                Outcome::Folded(_) => folded = true,
                Outcome::Rejected(rejection) => why = Some(format!("{}: {}", rejection.reason, rejection.detail)),
            });
            why.filter(|_| !folded)
                .map(|why| format!("it would be rejected again: {why}"))
        }
    }
}

/// The key it is sent with: a delta's is its issue, so that it meets the others of its issue; a record's was not kept.
fn key_of(found: &Found) -> String {
    let issue = match found.stage {
        Stage::Index => serde_json::from_slice::<serde_json::Value>(&found.bytes).ok(),
        Stage::Process => None,
    };
    let issue = issue
        .as_ref()
        .and_then(|value| value.get("issue"))
        .and_then(serde_json::Value::as_str);
    issue.map_or_else(|| found.id.clone(), str::to_owned)
}

impl Which {
    /// The rejects asked for, newest first.
    fn find(&self) -> Result<Vec<Found>, Failure> {
        if !self.id.is_empty() {
            return self.id.iter().map(|id| self.place.one(id)).collect();
        }
        let config = self.place.config.load()?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let wanted = |found: &Found| self.reason.as_ref().is_none_or(|reason| *reason == found.reason);
        if let Some(kafka) = self.place.kafka(&config) {
            let mut all = Vec::new();
            let mut broken = 0_u64;
            tail::tail(
                kafka,
                &config.topics.rejects,
                limit,
                &mut |record| match found(&record) {
                    Some(found) if wanted(&found) => all.push(found),
                    Some(_) => {}
                    None => broken += 1,
                },
            )?;
            if broken > 0 {
                eprintln!(
                    "seismolog: {broken} records of {} are no rejects",
                    config.topics.rejects
                );
            }
            all.sort_by(|a, b| (b.rejected_at, &b.id).cmp(&(a.rejected_at, &a.id)));
            all.truncate(limit);
            return Ok(all);
        }
        let reader = self.place.reader(&config)?;
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = reader.rejects(500, after.as_deref()).map_err(unread)?;
            all.extend(page.items.into_iter().map(stored).filter(wanted));
            after = page.next;
            if all.len() >= limit || after.is_none() {
                all.truncate(limit);
                return Ok(all);
            }
        }
    }
}

impl Place {
    /// Kafka, where it is configured and no store is named.
    fn kafka<'c>(&self, config: &'c Config) -> Option<&'c KafkaConfig> {
        config.kafka.as_ref().filter(|_| self.store.is_none())
    }

    fn reader(&self, config: &Config) -> Result<Arc<dyn Reader>, Failure> {
        let folder = self.store.as_ref().unwrap_or(&config.store);
        read_store(folder)
    }

    /// The reject of an id.
    fn one(&self, id: &str) -> Result<Found, Failure> {
        let config = self.config.load()?;
        let unknown = || {
            Failure::new(
                Exit::No,
                anyhow!("there is no reject {id}; `seismolog dlq list` shows ids"),
            )
        };
        if let Some(kafka) = self.kafka(&config) {
            let place = id
                .split_once(':')
                .and_then(|(p, o)| Some((p.parse().ok()?, o.parse().ok()?)));
            let Some((partition, offset)) = place else {
                let error = anyhow!("{id:?} is no id; write partition:offset as `seismolog dlq list` shows it");
                return Err(Failure::new(Exit::Usage, error));
            };
            let record = tail::at(kafka, &config.topics.rejects, partition, offset)?;
            return record.as_ref().and_then(found).ok_or_else(unknown);
        }
        let number: i64 = id
            .parse()
            .map_err(|_| Failure::new(Exit::Usage, anyhow!("{id:?} is no id; write the number `list` shows")))?;
        let page = self
            .reader(&config)?
            .rejects(1, Some(&number.saturating_add(1).to_string()))
            .map_err(unread)?;
        let one = page.items.into_iter().find(|reject| reject.id == number);
        one.map(stored).ok_or_else(unknown)
    }
}

fn found(record: &TailRecord) -> Option<Found> {
    let reject: RejectRecord = serde_json::from_slice(&record.payload).ok()?;
    Some(Found {
        id: format!("{}:{}", record.partition, record.offset),
        bytes: reject.decoded().ok()?,
        stage: reject.stage,
        source: format!("{}/{}", reject.topic, reject.partition),
        offset: reject.offset,
        reason: reject.reason,
        detail: reject.detail,
        length: reject.length,
        rejected_at: reject.rejected_at,
        topic: Some(reject.topic),
    })
}

fn stored(reject: StoredReject) -> Found {
    let at = reject.rejected_at.parse::<jiff::Timestamp>();
    Found {
        id: reject.id.to_string(),
        stage: Stage::Process,
        source: reject.source,
        offset: i64::try_from(reject.offset).unwrap_or(i64::MAX),
        reason: reject.reason,
        detail: reject.detail,
        length: reject.length,
        bytes: reject.bytes.into_bytes(),
        rejected_at: at.map_or(0, jiff::Timestamp::as_millisecond),
        topic: None,
    }
}

fn unread(error: ReadError) -> Failure {
    Failure::new(Exit::Unavailable, error)
}
