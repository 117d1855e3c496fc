//! placeholder
use crate::event::{StackTrace, ThrownShape};
pub(super) fn parse(_raw: &str, _shape: ThrownShape) -> Option<StackTrace> { None }
