//! The embedded store as a [`Sink`].

use super::{Sink, SinkError};
use crate::fold::{Flush, SourcePosition};
use crate::store::{WriteError, WriteErrorKind, Writer};

impl Sink for Writer {
    fn apply(&mut self, flush: &Flush) -> Result<(), SinkError> {
        Writer::apply(self, flush).map_err(told)
    }

    fn positions(&self) -> Result<Vec<SourcePosition>, SinkError> {
        Writer::positions(self).map_err(told)
    }

    fn learned(&self) -> Result<super::flush::LearnedNames, SinkError> {
        Writer::learned(self).map_err(told)
    }
}

pub(super) fn told(error: WriteError) -> SinkError {
    let advice = error.advice();
    match error.kind {
        WriteErrorKind::DiskFull => SinkError::Full(error.to_string()),
        WriteErrorKind::Locked => SinkError::Busy(format!("{error}; {advice}")),
        WriteErrorKind::ReadOnly | WriteErrorKind::Corrupt | WriteErrorKind::Other => {
            SinkError::Broken(format!("{error}; {advice}"))
        }
    }
}
