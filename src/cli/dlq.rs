//! `seismolog dlq`: records that could not become events, and what the search node refused.

use super::config::FileArgs;
use super::ingest::read_store;
use super::output::{Cell, Listing, OutputArgs, Tone, left, right};
use super::replay::{How, replay};
use super::{CommandResult, Exit, Failure};
use crate::config::Config;
use crate::config::servers::KafkaConfig;
use crate::event::EventTime;
use crate::source::kafka::replay::{Notes, is_note, notes_behind, take_note};
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
    /// Send rejects back to where they came from, to be read again under the present rules. Each is sent once: what is
    /// sent and the note that it was are one transaction, so a replay that was cut short can be started again
    Replay {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
    },
}

/// Which rejects.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Which {
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
    pub(super) place: Place,
}

/// Where rejects are.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Place {
    #[command(flatten)]
    pub(super) config: FileArgs,
    /// Folder of the embedded store [default: store.path of the configuration]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

/// A reject from either place.
pub(super) struct Found {
    /// `partition:offset` in the topic, or the number in the store.
    pub(super) id: String,
    pub(super) stage: Stage,
    pub(super) source: String,
    pub(super) offset: i64,
    pub(super) reason: String,
    pub(super) detail: String,
    pub(super) length: u64,
    pub(super) bytes: Vec<u8>,
    /// Milliseconds since the epoch.
    pub(super) rejected_at: i64,
    /// The topic it was read from, where it was Kafka.
    pub(super) topic: Option<String>,
    /// Where it stands in the topic of rejects: partition and offset.
    pub(super) place: Option<(i32, i64)>,
    /// When it was sent back, milliseconds since the epoch, where it was.
    pub(super) replayed_at: Option<i64>,
}

impl Found {
    /// Whether all of its bytes were kept.
    pub(super) fn is_whole(&self) -> bool {
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
        Some(Action::Replay { which, how }) => replay(&which, how),
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
        "replayed_at",
    ];
    let columns = [
        left("id"),
        left("rejected at"),
        left("stage"),
        left("source"),
        right("offset"),
        left("reason"),
        right("bytes"),
        left("sent back"),
        left("detail"),
    ];
    let mut listing = Listing::new(&columns, &names);
    for found in which.find()? {
        let at = EventTime::from_millis(found.rejected_at).rfc3339();
        let back = found.replayed_at.map(|at| EventTime::from_millis(at).rfc3339());
        let row = serde_json::json!({
            "id": found.id, "stage": found.stage(), "source": found.source, "offset": found.offset,
            "reason": found.reason, "detail": found.detail, "length": found.length, "rejected_at": at,
            "replayed_at": back,
        });
        let cells = vec![
            Cell::toned(&found.id, Tone::Strong),
            Cell::toned(at, Tone::Faint),
            Cell::from(found.stage()),
            Cell::from(found.source.as_str()),
            Cell::from(found.offset.to_string()),
            Cell::toned(&found.reason, Tone::Warning),
            Cell::from(found.length.to_string()),
            Cell::from(back.unwrap_or_default()),
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

impl Which {
    /// The rejects asked for, newest first.
    pub(super) fn find(&self) -> Result<Vec<Found>, Failure> {
        if !self.id.is_empty() {
            return self.id.iter().map(|id| self.place.one(id)).collect();
        }
        let config = self.place.config.load()?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let wanted = |found: &Found| self.reason.as_ref().is_none_or(|reason| *reason == found.reason);
        if let Some(kafka) = self.place.kafka(&config) {
            let mut all = Vec::new();
            let mut notes = Notes::new();
            let mut broken = 0_u64;
            let is_reject = |record: &TailRecord| !is_note(record);
            let mut take = |record: TailRecord| {
                if take_note(&record, &mut notes) {
                    return;
                }
                match found(&record) {
                    Some(found) if wanted(&found) => all.push(found),
                    Some(_) => {}
                    None => broken += 1,
                }
            };
            tail::tail_of(kafka, &config.topics.rejects, limit, &is_reject, &mut take)?;
            for found in &mut all {
                found.replayed_at = found.place.and_then(|place| notes.get(&place).copied());
            }
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
    pub(super) fn kafka<'c>(&self, config: &'c Config) -> Option<&'c KafkaConfig> {
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
            let mut found = record.as_ref().and_then(found).ok_or_else(unknown)?;
            let notes = notes_behind(kafka, &config.topics.rejects, partition, offset)?;
            found.replayed_at = notes.get(&(partition, offset)).copied();
            return Ok(found);
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
        place: Some((record.partition, record.offset)),
        replayed_at: None,
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
        place: None,
        replayed_at: None,
    }
}

fn unread(error: ReadError) -> Failure {
    Failure::new(Exit::Unavailable, error)
}
