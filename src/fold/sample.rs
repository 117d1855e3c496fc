//! One event in full, and how much of it is kept.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One event in full.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// RFC 3339.
    pub event_time: String,
    /// As logged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
    /// Logger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub logger: Option<String>,
    /// Thread.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thread: Option<String>,
    /// Message, redacted.
    pub message: String,
    /// The whole stack as text, redacted; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stack: Option<String>,
    /// The dimensions by name.
    pub dimensions: BTreeMap<String, String>,
    /// Which shape it was read as.
    pub layout: String,
    /// Whether text was cut by the writer or here.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub truncated: bool,
    /// Bytes of the stack before it was cut here, when it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stack_bytes: Option<u64>,
    /// How many secrets were redacted.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub redactions: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Sample {
    /// How much of a message is kept. A message is a sentence; what is longer is a dump.
    pub const MESSAGE_BYTES: usize = 64 * 1024;
    /// How much of a stack is kept: about 2,000 frames, twice what a JVM writes of a stack overflow (1,024).
    pub const STACK_BYTES: usize = 256 * 1024;
    /// How much of a level, logger, thread or dimension is kept.
    pub const NAME_BYTES: usize = 4 * 1024;

    /// Cuts what is longer than the limits and says so.
    pub(crate) fn cut_to_limits(&mut self) {
        let mut cut = cut_at(&mut self.message, Self::MESSAGE_BYTES);
        if let Some(stack) = &mut self.stack {
            let before = stack.len();
            if cut_at(stack, Self::STACK_BYTES) {
                cut = true;
                self.stack_bytes
                    .get_or_insert(u64::try_from(before).unwrap_or(u64::MAX));
            }
        }
        for name in [&mut self.level, &mut self.logger, &mut self.thread]
            .into_iter()
            .flatten()
        {
            cut |= cut_at(name, Self::NAME_BYTES);
        }
        for value in self.dimensions.values_mut() {
            cut |= cut_at(value, Self::NAME_BYTES);
        }
        self.truncated |= cut;
    }

    /// Which of two samples of the same instant is kept: the smaller by content, so that order of arrival does not
    /// matter. Readers that merge deltas use the same order.
    #[must_use]
    pub fn cmp_content(&self, other: &Self) -> Ordering {
        self.message
            .cmp(&other.message)
            .then_with(|| self.stack.cmp(&other.stack))
            .then_with(|| self.level.cmp(&other.level))
            .then_with(|| self.logger.cmp(&other.logger))
            .then_with(|| self.thread.cmp(&other.thread))
            .then_with(|| self.dimensions.cmp(&other.dimensions))
            .then_with(|| self.layout.cmp(&other.layout))
            .then_with(|| self.event_time.cmp(&other.event_time))
            .then_with(|| self.truncated.cmp(&other.truncated))
            .then_with(|| self.stack_bytes.cmp(&other.stack_bytes))
            .then_with(|| self.redactions.cmp(&other.redactions))
    }

    /// About how much memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let names = [&self.level, &self.logger, &self.thread, &self.stack];
        let texts: usize = names.into_iter().flatten().map(String::capacity).sum();
        let dimensions: usize = self.dimensions.iter().map(|(k, v)| k.len() + v.len() + 48).sum();
        size_of::<Self>() + self.message.capacity() + texts + dimensions
    }
}

/// Cuts at a character at or before `limit`; says whether something went.
fn cut_at(text: &mut String, limit: usize) -> bool {
    if text.len() <= limit {
        return false;
    }
    text.truncate(text.floor_char_boundary(limit));
    text.shrink_to_fit();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(message: String, stack: Option<String>) -> Sample {
        Sample {
            event_time: String::new(),
            level: None,
            logger: None,
            thread: None,
            message,
            stack,
            dimensions: BTreeMap::new(),
            layout: "text".into(),
            truncated: false,
            stack_bytes: None,
            redactions: 0,
        }
    }

    #[test]
    fn what_is_cut_is_marked_with_how_long_it_was() {
        let mut cut = sample(
            "é".repeat(Sample::MESSAGE_BYTES),
            Some("x".repeat(Sample::STACK_BYTES + 1)),
        );
        cut.cut_to_limits();
        assert!(cut.message.len() <= Sample::MESSAGE_BYTES);
        assert_eq!(cut.stack.map(|s| s.len()), Some(Sample::STACK_BYTES));
        assert_eq!(cut.stack_bytes, Some(Sample::STACK_BYTES as u64 + 1));
        assert!(cut.truncated);
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut whole = sample("m".repeat(Sample::MESSAGE_BYTES), None);
        let before = whole.clone();
        whole.cut_to_limits();
        assert_eq!(whole, before);
    }
}
