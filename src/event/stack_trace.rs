//! A throwable with its causes, whatever language wrote it.

/// Who wrote the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Java, Scala, Kotlin, Groovy.
    Java,
    /// Python.
    Python,
    /// Node.
    Node,
}

/// How a throwable came to stand in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The outermost one.
    Outermost,
    /// Cause of the throwable at this index.
    CauseOf(usize),
    /// Suppressed by the throwable at this index (also: member of an exception group).
    SuppressedBy(usize),
}

/// One frame, as written; cleaning is identity's work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Class (Java) or module or file (Python, Node), without module and class-loader prefixes.
    pub class: String,
    /// Method or function.
    pub method: String,
    /// Source file.
    pub file: Option<String>,
    /// Line; -2 is native, absent unknown.
    pub line: Option<i32>,
    /// Module or class-loader prefix as written (`java.base`, `app//`), without the slash.
    pub module: Option<String>,
    /// Jar and version as written in brackets: `flink-dist-1.20.3.jar:1.20.3`.
    pub location: Option<String>,
}

/// One throwable of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throwable {
    /// Class as written (`$` kept).
    pub class: String,
    /// Message, absent when there is none (`null` printed by Logback counts as none).
    pub message: Option<String>,
    /// Frames, innermost call first.
    pub frames: Vec<Frame>,
    /// Frames shared with the enclosing throwable and left out by the writer (`... n more`).
    pub common: u32,
    /// Frames left out by the writer's own limit (`... n frames truncated`), or unknown many after a cut (at least 1).
    pub omitted: u32,
    /// How it hangs in the trace.
    pub relation: Relation,
}

/// A trace: the outermost throwable first, then its causes and suppressed ones in the order they hang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackTrace {
    /// At least one.
    pub throwables: Vec<Throwable>,
    /// Who wrote it.
    pub language: Language,
    /// Whether the text was cut, so that causes or frames may be missing.
    pub truncated: bool,
}

impl StackTrace {
    /// Indexes of the cause chain from the outermost throwable to the deepest cause, suppressed ones left out.
    #[must_use]
    pub fn chain(&self) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut at = if self.throwables.is_empty() { None } else { Some(0) };
        while let Some(index) = at {
            chain.push(index);
            at = self
                .throwables
                .iter()
                .enumerate()
                .skip(index + 1)
                .find(|(_, t)| t.relation == Relation::CauseOf(index))
                .map(|(i, _)| i);
        }
        chain
    }
}
