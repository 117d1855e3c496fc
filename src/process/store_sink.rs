//! The embedded store as a [`Sink`].

use super::{Sink, SinkError};
use crate::fold::{Flush, SourcePosition};
use crate::store::{WriteError, WriteErrorKind, Writer};

impl Sink for Writer {
    fn apply(&mut self, flush: &Flush) -> Result<(), SinkError> {
        Ok(Writer::apply(self, flush)?)
    }

    fn positions(&self) -> Result<Vec<SourcePosition>, SinkError> {
        Ok(Writer::positions(self)?)
    }

    fn learned(&self) -> Result<super::flush::LearnedNames, SinkError> {
        Ok(Writer::learned(self)?)
    }
}

impl From<WriteError> for SinkError {
    fn from(error: WriteError) -> Self {
        let advice = error.advice();
        match error.kind {
            WriteErrorKind::DiskFull => SinkError::Full(error.to_string()),
            WriteErrorKind::Locked => SinkError::Busy(format!("{error}; {advice}")),
            WriteErrorKind::ReadOnly | WriteErrorKind::Corrupt | WriteErrorKind::Other => {
                SinkError::Broken(format!("{error}; {advice}"))
            }
        }
    }
}
