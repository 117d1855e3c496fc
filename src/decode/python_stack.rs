//! placeholder
use crate::event::StackTrace;
pub(super) fn is_mark(_line: &str) -> bool { false }
pub(super) fn parse(_text: &str) -> Option<StackTrace> { None }
