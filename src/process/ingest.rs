//! Files once, to their end: what the command `ingest` does without `--follow`.

use super::pipeline::{Pipeline, Reads};
use super::stop::Stop;
use super::writer::{OnFailure, WriteReport, Writer};
use super::{ProcessError, Sink, Totals};
use crate::clock::Clock;
use crate::fold::{FoldLimits, SourcePosition};
use crate::source::{FileReader, FrameLimits, KnownFiles, Next, SourceError, Tail};
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to read and within which bounds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Files, in this order.
    pub files: Vec<PathBuf>,
    /// Bounds of the fold.
    pub fold: FoldLimits,
    /// Bounds of the framing.
    pub frame: FrameLimits,
    /// How long a fold is filled at most.
    pub flush_interval: Duration,
    /// Who says what time it is.
    pub clock: Clock,
}

/// How it went.
#[derive(Debug)]
pub struct Report {
    /// What was made durable.
    pub totals: Totals,
    /// Sources that broke, each after its good records were taken.
    pub faults: Vec<SourceError>,
    /// Bytes read (unpacked).
    pub bytes: u64,
    /// Files read before that had nothing new.
    pub unchanged: u64,
    /// Files and streams without a record.
    pub empty: u64,
}

/// How far it is, for a progress bar.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Bytes read so far (unpacked).
    pub bytes: u64,
    /// Records so far.
    pub records: u64,
    /// Files done.
    pub files: u64,
}

/// How many records are read between two looks at the clock.
const LOOK_EVERY: u64 = 256;

/// Reads all of it into the sink; `stdin` is read last.
///
/// # Errors
/// When the sink refuses (positions did not move: started again, it goes on exactly there), or a bug was met. A source
/// that cannot be opened or breaks is no error here but a fault of the report; the others are read.
pub fn ingest<E: Reads>(
    engine: E,
    sink: Box<dyn Sink>,
    plan: &Plan,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ProcessError> {
    let mut known = KnownFiles::new(&sink.positions()?);
    let mut run = Run {
        pipeline: Pipeline::new(engine, plan.fold, plan.clock),
        interval: plan.flush_interval,
        flushed: Instant::now(),
        positions: Vec::new(),
        progress: Progress::default(),
        unchanged: 0,
        empty: 0,
    };
    run.pipeline.engine.teach(sink.learned()?);
    let writer = Writer::start(sink, OnFailure::Stop, &Stop::default())?;
    let mut faults = Vec::new();
    for path in &plan.files {
        let read =
            FileReader::open(path, &mut known, plan.frame).and_then(|reader| run.read(reader, &writer, progress));
        faults.extend(read.err());
        run.progress.files += 1;
        progress(run.progress);
        if writer.gave_up() {
            break;
        }
    }
    if let Some(stdin) = stdin {
        let opened = FileReader::stream("stdin".into(), stdin, plan.frame).map_err(|error| SourceError::Open {
            path: "stdin".into(),
            error,
        });
        faults.extend(opened.and_then(|reader| run.read(reader, &writer, progress)).err());
    }
    run.flush(&writer);
    let WriteReport { totals, error } = writer.finish()?;
    if let Some(error) = error {
        return Err(error);
    }
    Ok(Report {
        totals,
        faults,
        bytes: run.progress.bytes,
        unchanged: run.unchanged,
        empty: run.empty,
    })
}

struct Run<E> {
    pipeline: Pipeline<E>,
    interval: Duration,
    flushed: Instant,
    /// Positions of files done since the last flush.
    positions: Vec<SourcePosition>,
    progress: Progress,
    unchanged: u64,
    empty: u64,
}

impl<E: Reads> Run<E> {
    fn read(
        &mut self,
        mut reader: FileReader,
        writer: &Writer,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), SourceError> {
        let source = std::sync::Arc::clone(reader.name());
        let (bytes_before, records_before) = (self.progress.bytes, self.progress.records);
        let from = reader.received();
        let result = loop {
            let unfinished = match reader.next(Tail::End) {
                Ok(Next::Record(record)) => {
                    let fate = self.pipeline.take(&source, &record);
                    let place = (record.offset, record.next);
                    (!record.terminated && fate.folded == 0).then_some(place)
                }
                Ok(Next::Nothing) => break Ok(()),
                Err(fault) => break Err(fault),
            };
            if let Some((offset, next)) = unfinished {
                reader.was_unfinished(offset, next);
            }
            self.progress.records += 1;
            let look = self.progress.records.is_multiple_of(LOOK_EVERY);
            if look {
                self.progress.bytes = bytes_before + reader.received().saturating_sub(from);
                progress(self.progress);
            }
            if self.pipeline.is_full() || (look && self.flushed.elapsed() >= self.interval && writer.is_idle()) {
                self.positions.extend(reader.moved());
                if !self.flush(writer) {
                    break Ok(());
                }
            }
        };
        self.positions.extend(reader.moved());
        self.progress.bytes = bytes_before + reader.received().saturating_sub(from);
        let nothing = self.progress.records == records_before && result.is_ok();
        self.unchanged += u64::from(nothing && reader.was_known());
        self.empty += u64::from(nothing && !reader.was_known());
        result
    }

    /// Hands over what there is; `false` when the writer gave up.
    fn flush(&mut self, writer: &Writer) -> bool {
        self.flushed = Instant::now();
        if self.pipeline.is_empty() && self.positions.is_empty() {
            return !writer.gave_up();
        }
        let positions = std::mem::take(&mut self.positions);
        writer.hand_over(self.pipeline.take_job(positions, Vec::new()))
    }
}
