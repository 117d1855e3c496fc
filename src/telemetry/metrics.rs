//! Our own metrics: every name once, no labels, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $variant:ident = $kind:ident $name:literal),+ $(,)?) => {
        /// What is measured. The doc of each is its help text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metric { $($(#[doc = $doc])+ $variant),+ }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant),+];

            /// The name as scraped.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Metric::$variant => $name),+ }
            }

            fn help(self) -> &'static str {
                match self { $(Metric::$variant => concat!($($doc),+)),+ }
            }

            fn kind(self) -> Kind {
                match self { $(Metric::$variant => Kind::$kind),+ }
            }
        }

        static VALUES: [AtomicU64; [$(Metric::$variant),+].len()] = [const { AtomicU64::new(0) }; [$(Metric::$variant),+].len()];
    };
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only grows.
    Counter,
    /// Only grows; held in microseconds, shown in seconds.
    Seconds,
    /// Goes up and down.
    Gauge,
}

metrics!(
    /// Records read and made durable, whatever became of them.
    RecordsRead = Counter "seismolog_records_read_total",
    /// Events folded and made durable.
    EventsFolded = Counter "seismolog_events_folded_total",
    /// Rejects kept.
    RecordsRejected = Counter "seismolog_records_rejected_total",
    /// Flushes made durable.
    Flushes = Counter "seismolog_flushes_total",
    /// Flushes the store refused and that were tried again.
    FlushRetries = Counter "seismolog_flush_retries_total",
    /// Time spent making flushes durable.
    FlushSeconds = Seconds "seismolog_flush_seconds_total",
    /// Records of the input topics that are not read yet, up to the last stable offset.
    KafkaLag = Gauge "seismolog_kafka_lag_records",
    /// Time spent sending and committing transactions.
    KafkaCommitSeconds = Seconds "seismolog_kafka_commit_seconds_total",
    /// Sessions that ended by an error and were begun anew at the committed offsets.
    KafkaSessions = Counter "seismolog_kafka_sessions_anew_total",
    /// Whether reading is held back because a full fold cannot go out.
    KafkaPaused = Gauge "seismolog_kafka_paused",
    /// Faults of sources: files that could not be opened, damaged archives.
    SourceFaults = Counter "seismolog_source_faults_total",
    /// Files followed.
    FilesFollowed = Gauge "seismolog_files_followed",
    /// Bodies taken by the ingest call.
    PushedBodies = Counter "seismolog_pushed_bodies_total",
    /// Size of the embedded store on disk.
    StoreBytes = Gauge "seismolog_store_bytes",
    /// Detail deltas read by the index role, whatever became of them.
    IndexDeltas = Counter "seismolog_index_deltas_total",
    /// Documents created or updated in the search node.
    IndexWritten = Counter "seismolog_index_documents_written_total",
    /// Updates that changed nothing: deltas delivered again.
    IndexUnchanged = Counter "seismolog_index_documents_unchanged_total",
    /// Updates sent again because the search node was busy or away.
    IndexRetried = Counter "seismolog_index_documents_retried_total",
    /// Detail deltas the search node would not take: they are in the rejects.
    IndexRejected = Counter "seismolog_index_deltas_rejected_total",
    /// Bulk requests answered.
    IndexBulks = Counter "seismolog_index_bulks_total",
    /// Time bulk requests took.
    IndexBulkSeconds = Seconds "seismolog_index_bulk_seconds_total",
    /// Bytes of bulk requests under way.
    IndexInFlightBytes = Gauge "seismolog_index_in_flight_bytes",
    /// Batches of deltas of which every one had its fate.
    IndexBatches = Counter "seismolog_index_batches_total",
    /// From the writing of the oldest delta of a batch to Kafka until the search node had taken the batch, summed
    /// over batches; searchable at the next refresh, at most a second later.
    IndexSearchableSeconds = Seconds "seismolog_index_searchable_seconds_total",
    /// The same of the last batch, in milliseconds.
    IndexSearchableMillis = Gauge "seismolog_index_searchable_milliseconds",
    /// Records between the last stable offset and where the index role reads.
    IndexLag = Gauge "seismolog_index_lag_records",
    /// Milliseconds the search node has kept the role waiting; 0 while it takes what it is given.
    IndexWaitingMillis = Gauge "seismolog_index_waiting_milliseconds",
    /// Details the alerter judged.
    DetailsJudged = Counter "seismolog_details_judged_total",
    /// Changes of alerts that a destination took.
    NotifyDelivered = Counter "seismolog_notify_delivered_total",
    /// Tries that failed and are made again.
    NotifyRetried = Counter "seismolog_notify_retried_total",
    /// Changes of alerts that a destination will not hear of: refused for good, or tried for too long.
    NotifyGivenUp = Counter "seismolog_notify_given_up_total",
    /// Changes of alerts told in a summary, as there were too many.
    NotifySummed = Counter "seismolog_notify_summed_total",
    /// From the change of an alert until a destination had taken it, summed over those taken.
    NotifySeconds = Seconds "seismolog_notify_seconds_total",
    /// Rules taken while running.
    RulesReloads = Counter "seismolog_rules_reloads_total",
    /// Rules refused while running: the old ones stayed.
    RulesRefused = Counter "seismolog_rules_refused_total",
);

fn value(metric: Metric) -> Option<&'static AtomicU64> {
    let at = Metric::ALL.iter().position(|known| *known == metric)?;
    VALUES.get(at)
}

/// Adds to a counter.
pub fn add(metric: Metric, count: u64) {
    if let Some(value) = value(metric) {
        value.fetch_add(count, Ordering::Relaxed);
    }
}

/// Adds a time.
pub fn add_seconds(metric: Metric, time: Duration) {
    add(metric, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}

/// Sets a gauge.
pub fn set(metric: Metric, to: u64) {
    if let Some(value) = value(metric) {
        value.store(to, Ordering::Relaxed);
    }
}

/// All metrics in the text format of Prometheus.
#[must_use]
pub fn render() -> String {
    let mut out = String::new();
    for metric in Metric::ALL {
        let value = value(*metric).map_or(0, |value| value.load(Ordering::Relaxed));
        let name = metric.name();
        let kind = match metric.kind() {
            Kind::Counter | Kind::Seconds => "counter",
            Kind::Gauge => "gauge",
        };
        let help = metric.help().trim();
        let shown = match metric.kind() {
            Kind::Counter | Kind::Gauge => value.to_string(),
            Kind::Seconds => format!("{}.{:06}", value / 1_000_000, value % 1_000_000),
        };
        // Writing to a String cannot fail.
        let _written = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {shown}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_rendered_once_with_its_help_and_type() {
        add(Metric::Flushes, 0);
        add_seconds(Metric::FlushSeconds, Duration::from_millis(0));
        let text = render();
        for metric in Metric::ALL {
            let line = format!("\n{} ", metric.name());
            assert_eq!(format!("\n{text}").matches(&line).count(), 1, "{line}");
            assert!(text.contains(&format!("# TYPE {} ", metric.name())));
        }
        assert!(text.ends_with('\n'));
    }
}
