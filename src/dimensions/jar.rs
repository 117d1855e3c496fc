//! The engine's own jar, as a stack names it.

use crate::event::{ErrorEvent, Thrown};
use memchr::memmem;
use std::sync::LazyLock;

/// The name of the engine's own jar in the stack, from its beginning.
pub(crate) fn stack_jar<'e>(event: &'e ErrorEvent<'_>) -> Option<&'e str> {
    let held = match &event.thrown {
        Thrown::Text(text) => text.held(),
        Thrown::Json { raw, .. } => raw.held(),
        Thrown::Absent | Thrown::Named { .. } | Thrown::Parsed(_) => return None,
    };
    let at = engine_jar(held.as_bytes())?;
    let end = (at + 40).min(held.len());
    let jar = held.as_bytes().get(at..end)?;
    let ascii = jar.iter().take_while(|b| b.is_ascii_graphic()).count();
    held.get(at..at + ascii)
}

/// Where the first `flink-dist` begins.
///
/// Stacks without jars hold hardly a dash, and looking for one byte takes a third of looking for a word; where dashes
/// are many, the word is looked for.
fn engine_jar(held: &[u8]) -> Option<usize> {
    static JAR: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("flink-dist"));
    const DASHES: usize = 16;
    let mut dashes = memchr::memchr_iter(b'-', held);
    let mut from = 0;
    for _ in 0..DASHES {
        let dash = dashes.next()?;
        let (before, behind) = held.split_at_checked(dash)?;
        if before.ends_with(b"flink") && behind.starts_with(b"-dist") {
            return before.len().checked_sub(b"flink".len());
        }
        from = dash + 1;
    }
    // The word cannot begin before `from`, since its own dash stands behind it.
    JAR.find(held.get(from..)?).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_engine_jar_is_found_among_few_and_many_dashes() {
        let word = memmem::Finder::new("flink-dist");
        for dashes in [0, 1, 15, 16, 17, 40] {
            for (before, jar) in [
                ("", ""),
                ("-", "flink-dist-1.jar"),
                ("flink", "flink-dist"),
                ("é", "-dist flink-"),
            ] {
                for tail in ["", "flink-dist", "-", "flink-dis"] {
                    let text = format!("{}{before}{jar}{tail}", "spark-core ".repeat(dashes));
                    assert_eq!(engine_jar(text.as_bytes()), word.find(text.as_bytes()), "{text}");
                }
            }
        }
    }
}
