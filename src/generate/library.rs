//! The families of `families.txt` and `healthy.txt`, read once.

use std::collections::BTreeMap;

/// Which part of the load a family belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// The forty of the sizing mix.
    Steady,
    /// Lines around a failure.
    Step,
    /// Shapes whose words are new in every record.
    Novel,
    /// Engines beside Flink.
    Beside,
    /// What jobs of a fleet log that do not fail.
    Healthy,
}

/// Which engine writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Apache Flink.
    Flink,
    /// Apache Spark.
    Spark,
    /// A Python job.
    Python,
    /// A Node service.
    Node,
}

impl Engine {
    /// The name as written in outputs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Engine::Flink => "flink",
            Engine::Spark => "spark",
            Engine::Python => "python",
            Engine::Node => "node",
        }
    }
}

/// One line of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StackLine {
    /// Class and message, or the continuation of a message.
    Header(String),
    /// `at …`, without the leading blanks.
    Frame(String),
    /// `... n more`, without the leading blanks.
    More(String),
}

/// One throwable of the chain: class and message with their slots, and how many frames it shares with its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) class: String,
    pub(crate) message: Option<String>,
    pub(crate) shared: String,
}

/// One kind of failure.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) id: String,
    pub(crate) set: Set,
    pub(crate) engine: Engine,
    /// The type the rule catalogue has for it.
    pub(crate) error_type: Option<String>,
    pub(crate) part: String,
    pub(crate) level: String,
    pub(crate) logger: String,
    pub(crate) thread: String,
    pub(crate) message: String,
    pub(crate) telling: Option<String>,
    pub(crate) stack: Vec<StackLine>,
}

impl Family {
    /// Whether the JobManager writes it: its threads are never a task's.
    pub(crate) fn on_job_manager(&self) -> bool {
        ["flink-pekko", "Checkpoint Timer", "jobmanager-io"]
            .iter()
            .any(|thread| self.thread.starts_with(thread))
    }

    /// The cause chain, outermost first.
    pub(crate) fn chain(&self) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        for (at, line) in self.stack.iter().enumerate() {
            match line {
                StackLine::Header(text) => {
                    let begins = if at == 0 {
                        Some(text.as_str())
                    } else {
                        text.strip_prefix("Caused by: ")
                    };
                    match (begins, links.last_mut()) {
                        (Some(header), _) => {
                            let (class, message) = match header.split_once(": ") {
                                Some((class, message)) => (class, Some(message.to_owned())),
                                None => (header, None),
                            };
                            links.push(Link {
                                class: class.to_owned(),
                                message,
                                shared: "0".to_owned(),
                            });
                        }
                        (None, Some(link)) => {
                            let message = link.message.get_or_insert_default();
                            message.push('\n');
                            message.push_str(text);
                        }
                        (None, None) => {}
                    }
                }
                StackLine::More(text) => {
                    if let (Some(link), Some(shared)) = (links.last_mut(), text.split(' ').nth(1)) {
                        link.shared = shared.to_owned();
                    }
                }
                StackLine::Frame(_) => {}
            }
        }
        links
    }

    /// Class of the cause that tells what happened.
    pub(crate) fn root_class(&self) -> Option<String> {
        self.telling
            .clone()
            .or_else(|| self.chain().pop().map(|link| link.class))
    }
}

/// What is wrong in `families.txt`. Only a build with a broken file can meet it; a test reads the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("families.txt:{line}: {what}")]
pub struct FamilyFault {
    /// Line from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// Reads the shipped families.
pub(crate) fn shipped() -> Result<Vec<Family>, FamilyFault> {
    read(include_str!("families.txt"))
}

/// The shipped families, and those of healthy jobs behind them.
pub(crate) fn of_a_fleet() -> Result<Vec<Family>, FamilyFault> {
    read(concat!(include_str!("families.txt"), include_str!("healthy.txt")))
}

#[derive(Default)]
struct Draft {
    id: String,
    begun: usize,
    keys: BTreeMap<String, String>,
    stack: Vec<String>,
    in_stack: bool,
}

fn read(text: &str) -> Result<Vec<Family>, FamilyFault> {
    let mut blocks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut block: Option<String> = None;
    let mut draft: Option<Draft> = None;
    let mut families = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let fault = |what: String| FamilyFault { line: number, what };
        if line.starts_with('#') {
            continue;
        }
        if let Some(head) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if let Some(done) = draft.take() {
                families.push(finish(done, &blocks)?);
            }
            block = None;
            match head.split_once(' ') {
                Some(("block", name)) => block = Some(name.to_owned()),
                Some(("family", id)) => {
                    draft = Some(Draft {
                        id: id.to_owned(),
                        begun: number,
                        ..Draft::default()
                    });
                }
                _ => return Err(fault(format!("unknown section {head:?}"))),
            }
        } else if let Some(name) = &block {
            if !line.trim().is_empty() {
                blocks.entry(name.clone()).or_default().push(line.to_owned());
            }
        } else if let Some(draft) = &mut draft {
            if draft.in_stack {
                draft.stack.push(line.to_owned());
            } else if line == "stack:" {
                draft.in_stack = true;
            } else if let Some((key, value)) = line.split_once(": ") {
                draft.keys.insert(key.to_owned(), value.to_owned());
            } else if !line.trim().is_empty() {
                return Err(fault(format!("neither key nor stack: {line:?}")));
            }
        }
    }
    if let Some(done) = draft {
        families.push(finish(done, &blocks)?);
    }
    Ok(families)
}

fn finish(mut draft: Draft, blocks: &BTreeMap<String, Vec<String>>) -> Result<Family, FamilyFault> {
    let fault = |what: String| FamilyFault {
        line: draft.begun,
        what: format!("{}: {what}", draft.id),
    };
    while draft.stack.last().is_some_and(|line| line.trim().is_empty()) {
        draft.stack.pop();
    }
    let mut stack = Vec::new();
    for line in &draft.stack {
        put(line, blocks, &mut stack, 0).map_err(&fault)?;
    }
    let key = |name: &str| {
        draft
            .keys
            .get(name)
            .cloned()
            .ok_or_else(|| fault(format!("key {name} is missing")))
    };
    let set = match key("set")?.as_str() {
        "steady" => Set::Steady,
        "step" => Set::Step,
        "novel" => Set::Novel,
        "beside" => Set::Beside,
        "healthy" => Set::Healthy,
        other => return Err(fault(format!("unknown set {other:?}"))),
    };
    let engine = match draft.keys.get("engine").map(String::as_str) {
        None => Engine::Flink,
        Some("spark") => Engine::Spark,
        Some("python") => Engine::Python,
        Some("node") => Engine::Node,
        Some(other) => return Err(fault(format!("unknown engine {other:?}"))),
    };
    Ok(Family {
        set,
        engine,
        error_type: Some(key("type")?).filter(|name| name != "-"),
        part: key("part")?,
        level: key("level")?,
        logger: key("logger")?,
        thread: key("thread")?,
        message: key("message")?,
        telling: draft.keys.get("telling").cloned(),
        id: draft.id.clone(),
        stack,
    })
}

/// Puts one line of a stack, or the block it names. Blocks may name blocks; the depth bounds a circle.
fn put(line: &str, blocks: &BTreeMap<String, Vec<String>>, out: &mut Vec<StackLine>, depth: u8) -> Result<(), String> {
    if let Some(named) = line.strip_prefix('@') {
        let (name, times) = match named.split_once('*') {
            Some((name, times)) => (name, times.parse::<u8>().map_err(|_| format!("bad count in {line:?}"))?),
            None => (named, 1),
        };
        let lines = blocks
            .get(name)
            .filter(|_| depth < 4)
            .ok_or_else(|| format!("unknown block {name:?}"))?;
        for _ in 0..times {
            for line in lines {
                put(line, blocks, out, depth + 1)?;
            }
        }
    } else if line.starts_with("  at ") {
        out.push(StackLine::Frame(line.trim_start().to_owned()));
    } else if line.starts_with("  ... ") {
        out.push(StackLine::More(line.trim_start().to_owned()));
    } else {
        out.push(StackLine::Header(line.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Vec<Family> {
        shipped()
            .unwrap()
            .into_iter()
            .filter(|f| f.set == Set::Steady)
            .collect()
    }

    #[test]
    fn there_are_forty_families_of_the_sizing_mix() {
        assert_eq!(steady().len(), 40);
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<String> = of_a_fleet().unwrap().into_iter().map(|f| f.id).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    #[test]
    fn stacks_have_the_depths_and_chains_of_the_sizing_study() {
        for family in steady().iter().filter(|f| !f.stack.is_empty()) {
            let frames = family.stack.iter().filter(|l| matches!(l, StackLine::Frame(_))).count();
            assert!((17..=64).contains(&frames), "{}: {frames} frames", family.id);
            let chain = family.chain().len();
            assert!((1..=5).contains(&chain), "{}: {chain} throwables", family.id);
        }
    }

    #[test]
    fn a_message_over_several_lines_belongs_to_its_throwable() {
        let family = steady().into_iter().find(|f| f.id == "mysql_link").unwrap();
        let chain = family.chain();
        assert_eq!(chain[1].class, "com.mysql.cj.jdbc.exceptions.CommunicationsException");
        assert!(
            chain[1]
                .message
                .as_deref()
                .unwrap()
                .starts_with("Communications link failure\n\nThe last packet")
        );
        assert_eq!(chain[2].shared, "14");
    }

    #[test]
    fn a_fault_names_the_line() {
        let fault = read("[family x]\nset: steady\n").unwrap_err();
        assert_eq!(fault.line, 1);
        assert!(fault.to_string().contains("key"), "{fault}");
    }
}
