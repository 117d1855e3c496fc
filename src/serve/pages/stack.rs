//! A stack for a person: the cause first, frames of the owner standing out, frames of libraries folded.
//!
//! Works on the stored text, line by line, and shows every line: what it does not understand stays as it is.

use super::frame;
use super::words;
use crate::serve::parts::{Explain, Layer};
use maud::{Markup, html};

/// Lines read for the view; the rest stands in the raw text.
const MOST_LINES: usize = 4_000;
/// Library frames in a row that are not worth folding.
const FEW: usize = 2;

/// One throwable: its head, and its lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// `caused by`, `suppressed`, … as written; empty for the outermost.
    pub(crate) relation: String,
    pub(crate) class: String,
    pub(crate) message: String,
    /// How deep it hangs below suppressed ones.
    pub(crate) depth: usize,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A frame: text without `at`, and the class or file that tells whose it is.
    Frame {
        text: String,
        class: String,
        method: String,
    },
    /// `... 12 more` and the like.
    Rest(String),
}

/// Splits a stack into throwables, in the order shown: cause first.
pub(crate) fn blocks(stack: &str) -> Vec<Block> {
    let lines: Vec<&str> = stack.lines().take(MOST_LINES).collect();
    let python = lines.iter().any(|l| l.starts_with("Traceback (most recent call last)"));
    if python {
        python_blocks(&lines)
    } else {
        java_blocks(&lines)
    }
}

const RELATIONS: &[&str] = &["Caused by: ", "Suppressed: ", "Wrapped by: "];

fn java_blocks(lines: &[&str]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut wrapped = false;
    for line in lines {
        let trimmed = line.trim_start();
        let depth = line.chars().take_while(|c| *c == '\t').count();
        let relation = RELATIONS
            .iter()
            .find_map(|r| trimmed.strip_prefix(r).map(|rest| (*r, rest)));
        if let Some((relation, rest)) = relation {
            wrapped |= relation == "Wrapped by: ";
            let (class, message) = head(rest);
            blocks.push(Block {
                relation: relation.trim_end_matches(": ").to_owned(),
                class,
                message,
                depth,
                lines: Vec::new(),
            });
            continue;
        }
        let Some(block) = blocks.last_mut() else {
            if !trimmed.is_empty() {
                let (class, message) = head(trimmed);
                blocks.push(Block {
                    class,
                    message,
                    ..Block::default()
                });
            }
            continue;
        };
        if let Some(text) = trimmed.strip_prefix("at ") {
            let (class, method) = frame::parts(text);
            block.lines.push(Line::Frame {
                text: text.trim_end().to_owned(),
                class,
                method,
            });
        } else if block.lines.is_empty() {
            block.message.push('\n');
            block.message.push_str(line);
        } else if !trimmed.is_empty() {
            block.lines.push(Line::Rest(trimmed.to_owned()));
        }
    }
    if wrapped { blocks } else { cause_first(blocks) }
}

/// Turns the outermost chain round; what is suppressed stays with its throwable.
fn cause_first(blocks: Vec<Block>) -> Vec<Block> {
    let mut links: Vec<Vec<Block>> = Vec::new();
    for block in blocks {
        match links.last_mut() {
            Some(link) if block.depth > 0 => link.push(block),
            Some(_) | None => links.push(vec![block]),
        }
    }
    links.into_iter().rev().flatten().collect()
}

fn python_blocks(lines: &[&str]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut frames: Vec<Line> = Vec::new();
    let mut relation = String::new();
    for line in lines {
        let trimmed = line.trim_start();
        if trimmed.starts_with("Traceback (most recent call last)") {
            frames.clear();
        } else if trimmed.starts_with("The above exception was") {
            "led to".clone_into(&mut relation);
        } else if trimmed.starts_with("During handling of the above") {
            "while it was handled".clone_into(&mut relation);
        } else if trimmed.starts_with("File \"") {
            let (class, method) = frame::python_parts(trimmed);
            frames.push(Line::Frame {
                text: trimmed.to_owned(),
                class,
                method,
            });
        } else if line.starts_with(' ') {
            match frames.last_mut() {
                Some(Line::Frame { text, .. }) => {
                    text.push_str("\n    ");
                    text.push_str(trimmed);
                }
                Some(Line::Rest(_)) | None => frames.push(Line::Rest(trimmed.to_owned())),
            }
        } else if trimmed.is_empty() {
        } else if frames.is_empty() && !blocks.is_empty() {
            if let Some(block) = blocks.last_mut() {
                block.message.push('\n');
                block.message.push_str(line);
            }
        } else {
            let (class, message) = head(line);
            blocks.push(Block {
                relation: std::mem::take(&mut relation),
                class,
                message,
                depth: 0,
                lines: std::mem::take(&mut frames),
            });
        }
    }
    if let (false, Some(block)) = (frames.is_empty(), blocks.last_mut()) {
        block.lines.append(&mut frames);
    }
    blocks
}

/// `class: message`; what does not begin like a class is a message.
fn head(text: &str) -> (String, String) {
    let end = text.find(": ").unwrap_or(text.trim_end_matches(':').len());
    let (class, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let like_a_class = !class.is_empty() && !class.contains(char::is_whitespace);
    if like_a_class {
        let message = rest
            .strip_prefix(": ")
            .or_else(|| rest.strip_prefix(':'))
            .unwrap_or(rest);
        (class.to_owned(), message.to_owned())
    } else {
        (String::new(), text.to_owned())
    }
}

/// What decides which frames stand out.
pub(crate) struct Owner<'a> {
    pub(crate) explain: Option<&'a dyn Explain>,
    /// The owner frame as identity found it.
    pub(crate) top_frame: Option<&'a str>,
    /// Class of the telling cause.
    pub(crate) exception: Option<&'a str>,
}

impl Owner<'_> {
    fn layer(&self, class: &str) -> Layer {
        self.explain
            .and_then(|e| e.layer(class))
            .unwrap_or_else(|| frame::built_in_layer(class))
    }

    fn decides(&self, class: &str, method: &str) -> bool {
        self.top_frame.is_some_and(|top| {
            let class = class.replace('$', ".");
            top.strip_prefix(class.as_str())
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|m| m == method)
        })
    }
}

/// The stack as a person reads it.
pub(crate) fn view(stack: &str, owner: &Owner<'_>) -> Markup {
    let blocks = blocks(stack);
    let best = blocks
        .iter()
        .flat_map(|b| &b.lines)
        .filter_map(|line| match line {
            Line::Frame { class, .. } => Some(owner.layer(class)),
            Line::Rest(_) => None,
        })
        .min()
        .unwrap_or(Layer::Library);
    let left = stack.lines().count().saturating_sub(MOST_LINES);
    html! {
        div.stack {
            @for (i, block) in blocks.iter().enumerate() {
                (block_view(block, i, owner, best))
            }
            @if left > 0 { p.hint { (left) " more lines stand in the raw text below." } }
        }
    }
}

fn block_view(block: &Block, i: usize, owner: &Owner<'_>, best: Layer) -> Markup {
    let telling = !block.class.is_empty() && owner.exception == Some(block.class.replace('$', ".").as_str());
    let said = match (i, block.relation.as_str()) {
        (_, "Suppressed") => "suppressed",
        (_, said @ ("led to" | "while it was handled")) => said,
        (0, _) => "",
        _ => "which became",
    };
    html! {
        section.throwable.telling[telling].nested[block.depth > 0] {
            h3 {
                @if !said.is_empty() { span.relation { (said) } " " }
                @if !block.class.is_empty() { code.class title=(block.class) { (words::simple_class(&block.class)) } }
                @if telling { " " span.badge.cause { "telling cause" } }
            }
            @if !block.message.trim().is_empty() { p.message { (block.message.trim()) } }
            @if !block.lines.is_empty() { (lines_view(&block.lines, owner, best)) }
        }
    }
}

fn stands_out(line: &Line, owner: &Owner<'_>, best: Layer) -> bool {
    match line {
        Line::Frame { class, method, .. } => {
            owner.decides(class, method) || (best != Layer::Library && owner.layer(class) == best)
        }
        Line::Rest(_) => false,
    }
}

fn lines_view(lines: &[Line], owner: &Owner<'_>, best: Layer) -> Markup {
    let runs = lines.chunk_by(|a, b| stands_out(a, owner, best) == stands_out(b, owner, best));
    html! {
        div.frames {
            @for run in runs {
                @let ours = run.first().is_some_and(|line| stands_out(line, owner, best));
                @if ours || run.len() <= FEW {
                    @for line in run { (line_view(line, owner, ours)) }
                } @else {
                    details {
                        summary { (frames_said(run)) }
                        @for line in run { (line_view(line, owner, false)) }
                    }
                }
            }
        }
    }
}

fn frames_said(run: &[Line]) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut frames = 0_u64;
    for line in run {
        if let Line::Frame { class, .. } = line {
            frames += 1;
            let name = frame::library(class);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let shown: Vec<&str> = names.iter().copied().filter(|n| !n.is_empty()).take(3).collect();
    let more = if names.len() > 3 { ", …" } else { "" };
    format!("{} in {}{more}", words::plural(frames, "frame"), shown.join(", "))
}

fn line_view(line: &Line, owner: &Owner<'_>, ours: bool) -> Markup {
    match line {
        Line::Frame { text, class, method } => {
            let decides = owner.decides(class, method);
            html! { div.frame.ours[ours].decides[decides] title=[decides.then_some("the owner frame: it decides the fingerprint")] { (text) } }
        }
        Line::Rest(text) => html! { div.frame.rest { (text) } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JAVA: &str = "org.apache.flink.runtime.JobException: Recovery is suppressed\n\tat org.apache.flink.A.b(A.java:1)\n\tSuppressed: java.io.IOException: closing\n\t\tat x.Y.z(Y.java:2)\nCaused by: java.lang.RuntimeException: outer\n\tat com.acme.Job.map(Job.java:42)\n\t... 3 more\nCaused by: java.net.ConnectException: refused\nsecond line of the message\n\tat java.base/sun.nio.ch.Net.connect0(Native Method)\n";

    #[test]
    fn the_deepest_cause_comes_first_and_the_suppressed_stay_with_theirs() {
        let blocks = blocks(JAVA);
        let classes: Vec<&str> = blocks.iter().map(|b| b.class.as_str()).collect();
        assert_eq!(
            classes,
            [
                "java.net.ConnectException",
                "java.lang.RuntimeException",
                "org.apache.flink.runtime.JobException",
                "java.io.IOException"
            ]
        );
        assert_eq!(blocks[0].message, "refused\nsecond line of the message");
        assert_eq!(blocks[1].lines[1], Line::Rest("... 3 more".to_owned()));
    }

    #[test]
    fn frames_of_the_owner_are_seen_without_unfolding() {
        let owner = Owner {
            explain: None,
            top_frame: Some("com.acme.Job.map"),
            exception: Some("java.net.ConnectException"),
        };
        let shown = view(JAVA, &owner).into_string();
        assert!(shown.contains("frame ours decides"), "{shown}");
        assert!(shown.contains("telling cause"));
    }

    #[test]
    fn a_python_chain_is_already_cause_first() {
        let text = "Traceback (most recent call last):\n  File \"/app/job.py\", line 3, in run\n    1/0\nZeroDivisionError: division by zero\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/app/job.py\", line 5, in <module>\n    run()\nValueError: bad\nmore of it\n";
        let blocks = blocks(text);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].class, "ZeroDivisionError");
        assert_eq!(blocks[1].relation, "while it was handled");
        assert_eq!(blocks[1].message, "bad\nmore of it");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\PC|[\\n\\t ]|at |Caused by: |Traceback \\(most recent call last\\):|File \"){0,60}") {
            let owner = Owner { explain: None, top_frame: None, exception: None };
            drop(view(&text, &owner));
        }

        #[test]
        fn every_frame_is_shown(n in 1_usize..40) {
            let mut text = "a.B: x\n".to_owned();
            for i in 0..n { text.push_str(&format!("\tat org.apache.flink.C{i}.m(C.java:{i})\n")); }
            let owner = Owner { explain: None, top_frame: None, exception: None };
            let shown = view(&text, &owner).into_string();
            for i in 0..n { let frame = format!("org.apache.flink.C{i}.m("); prop_assert!(shown.contains(&frame)); }
        }
    }
}
