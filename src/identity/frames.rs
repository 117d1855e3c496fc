//! Which frames own an error.
//!
//! Comes in: a trace, the telling throwable and the layers. Goes out: the frames that decide, clean, the best layer
//! first. What always holds: neither line numbers nor the number of frames an enclosing throwable shares matter, so a
//! wrapper more or less changes nothing; recursion is folded.

use super::blocks::{FrameRef, Parts};
use super::ownership::{Layer, Ownership};
use super::skeleton;
use super::symbol::symbol;
use crate::event::{Frame, Language, StackTrace, Thrown};
use serde::Serialize;
use std::collections::HashSet;

/// Frames looked at from the throw site downwards; beyond it stands only more of the same.
const DEEPEST: usize = 2048;
/// So many frames down, further frames of a throwing library are no longer looked for.
const THROWER_REACH: usize = 64;
/// A frame seen this often in a stack overflow belongs to its cycle.
const CYCLE: usize = 3;
/// What is seen less often than the most frequent frame by this factor is a branch, not the cycle.
const CYCLE_SHARE: usize = 4;
/// Frames of a cycle that are kept.
const CYCLE_FRAMES: usize = 8;

/// A clean frame and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnedFrame {
    /// `com.acme.Job.map`.
    pub symbol: String,
    /// Whose it is.
    pub layer: Layer,
    /// Whether what called it belongs to another operator.
    #[serde(skip)]
    pub border: bool,
}

/// What the frames of a throwable tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Site {
    /// The distinct frames of the best layer, topmost first (of a stack overflow: its cycle, sorted).
    pub owners: Vec<OwnedFrame>,
    /// The topmost frame that is not the JDK's: who threw.
    pub thrower: Option<OwnedFrame>,
    /// The distinct frames of the thrower's layer, topmost first.
    pub throwers: Vec<OwnedFrame>,
    /// Whether there were any frames at all.
    pub any: bool,
}

/// Where the runs of frames stand that a trace only marks.
#[derive(Debug, Clone, Copy)]
pub struct Unread<'t> {
    /// The throwable, parted.
    pub parts: &'t Parts,
    /// As it stands in the record.
    pub thrown: &'t Thrown<'t>,
    /// Hash of the frames in the runs.
    pub frames_key: u128,
}

/// The frames that decide for the throwable at `index`, at most `most` of each kind. The trace may mark runs of frames
/// that are `unread`.
#[must_use]
pub fn site(trace: &StackTrace, unread: Option<Unread<'_>>, index: usize, ownership: &Ownership, most: usize) -> Site {
    let class = trace.throwables.get(index).map_or("", |t| t.class.as_str());
    if class.ends_with("StackOverflowError") || class == "RecursionError" {
        let raw = whole_stack(trace, unread, index);
        let frames: Vec<OwnedFrame> = raw
            .iter()
            .take(DEEPEST)
            .filter_map(|frame| owned(frame, trace.language, ownership))
            .collect();
        return cycle(&frames, !raw.is_empty());
    }
    let asked = || OperatorsOwn::new(trace.language, ownership, most);
    let mut own = asked();
    if !own.take_own(trace, unread, index) {
        // What it shares with its enclosing one tells too.
        own = asked();
        let raw = whole_stack(trace, unread, index);
        raw.iter().any(|frame| own.take(frame));
    }
    let (frames, any) = (own.frames, own.looked_at > 0);
    let thrower = frames.iter().find(|f| f.layer != Layer::Jdk).cloned();
    Site {
        owners: owners(&frames, most),
        throwers: thrower
            .as_ref()
            .map(|t| of_layer(&frames, t.layer, most))
            .unwrap_or_default(),
        thrower,
        any,
    }
}

/// The clean frames up to the output that handed the record on; an output that throws itself is no border. Ends early
/// once nothing further down can change the answer.
struct OperatorsOwn<'o> {
    language: Language,
    ownership: &'o Ownership,
    /// So many frames of each kind are wanted.
    most: usize,
    frames: Vec<OwnedFrame>,
    looked_at: usize,
    /// A frame of the operator was met, so that an output ends it.
    begun: bool,
    users: usize,
}

impl<'o> OperatorsOwn<'o> {
    fn new(language: Language, ownership: &'o Ownership, most: usize) -> Self {
        Self {
            language,
            ownership,
            most,
            frames: Vec::with_capacity(32),
            looked_at: 0,
            begun: false,
            users: 0,
        }
    }

    /// Takes the frames a throwable has of its own; says whether those it shares cannot change the answer.
    fn take_own(&mut self, trace: &StackTrace, unread: Option<Unread<'_>>, index: usize) -> bool {
        let Some(throwable) = trace.throwables.get(index) else {
            return true;
        };
        for frame in &throwable.frames {
            let frame = as_ref(frame);
            let done = match (Parts::run_of(&frame), unread) {
                (Some(run), Some(unread)) => unread.parts.frames(unread.thrown, run).any(|f| self.take(&f)),
                (Some(_), None) | (None, _) => self.take(&frame),
            };
            if done {
                return true;
            }
        }
        throwable.common == 0 && self.looked_at > 0
    }

    /// Takes the next frame down; says whether the ones below it cannot change the answer.
    fn take(&mut self, frame: &FrameRef<'_>) -> bool {
        if self.looked_at >= DEEPEST {
            return true;
        }
        self.looked_at += 1;
        let Some(frame) = owned(frame, self.language, self.ownership) else {
            return false;
        };
        if self.begun && frame.border {
            return true;
        }
        self.begun |= frame.layer != Layer::Jdk && !frame.border;
        if frame.layer == Layer::User && self.frames.iter().all(|f| f.symbol != frame.symbol) {
            self.users += 1;
        }
        self.frames.push(frame);
        // The thrower stands above the first user frame, and no layer is better than the user's.
        let thrower_done = || {
            let thrower = self.frames.iter().find(|f| f.layer != Layer::Jdk);
            thrower.is_some_and(|f| f.layer == Layer::User)
        };
        self.users >= self.most && (self.frames.len() >= THROWER_REACH || thrower_done())
    }
}

fn owners(frames: &[OwnedFrame], most: usize) -> Vec<OwnedFrame> {
    let Some(best) = frames.iter().map(|f| f.layer).min() else {
        return Vec::new();
    };
    of_layer(frames, best, most)
}

fn of_layer(frames: &[OwnedFrame], layer: Layer, most: usize) -> Vec<OwnedFrame> {
    let mut seen = HashSet::new();
    frames
        .iter()
        .filter(|f| f.layer == layer && seen.insert(f.symbol.as_str()))
        .take(most)
        .cloned()
        .collect()
}

/// A stack overflow: the frames that come again and again, sorted, so that it does not matter where the stack was cut.
fn cycle(frames: &[OwnedFrame], any: bool) -> Site {
    let mut sorted: Vec<&OwnedFrame> = frames.iter().collect();
    sorted.sort_by(|a, b| (a.layer, &a.symbol).cmp(&(b.layer, &b.symbol)));
    let groups = || sorted.chunk_by(|a, b| a.symbol == b.symbol);
    let most = groups().map(<[_]>::len).max().unwrap_or_default();
    let mut repeated: Vec<OwnedFrame> = Vec::new();
    for group in groups() {
        if let Some(first) = group.first()
            && group.len() >= CYCLE.max(most / CYCLE_SHARE)
        {
            repeated.push((*first).clone());
        }
    }
    let best = repeated.iter().map(|f| f.layer).min();
    let owners: Vec<OwnedFrame> = match best {
        Some(best) => repeated
            .into_iter()
            .filter(|f| f.layer == best)
            .take(CYCLE_FRAMES)
            .collect(),
        None => owners(frames, 1),
    };
    Site {
        thrower: owners.first().cloned(),
        throwers: owners.clone(),
        owners,
        any,
    }
}

/// A frame, clean and with its owner; nothing for one that stands for no source. Frames of Java repeat over all errors
/// of a library, so they are worked out once.
fn owned(frame: &FrameRef<'_>, language: Language, ownership: &Ownership) -> Option<OwnedFrame> {
    match language {
        Language::Java => ownership.remembered(frame, || worked_out(frame, language, ownership)),
        Language::Python | Language::Node => worked_out(frame, language, ownership),
    }
}

fn worked_out(frame: &FrameRef<'_>, language: Language, ownership: &Ownership) -> Option<OwnedFrame> {
    let symbol = symbol(frame, language)?;
    let (layer, border) = match language {
        Language::Java => {
            let owner = ownership.owner(&symbol.class);
            if owner.plumbing {
                return None;
            }
            (owner.layer, owner.border)
        }
        Language::Python => (python_layer(frame), false),
        Language::Node => (node_layer(frame), false),
    };
    Some(OwnedFrame {
        symbol: symbol.into_text(),
        layer,
        border,
    })
}

fn python_layer(frame: &FrameRef<'_>) -> Layer {
    let path = frame.file.unwrap_or(frame.class);
    if path.contains("site-packages") || path.contains("dist-packages") {
        Layer::Connector
    } else if path.contains("/lib/python") || path.starts_with("<frozen") || path.contains("\\Lib\\") {
        Layer::Jdk
    } else {
        Layer::User
    }
}

fn node_layer(frame: &FrameRef<'_>) -> Layer {
    let path = frame.file.unwrap_or(frame.class);
    if path.contains("node_modules") {
        Layer::Connector
    } else if path.starts_with("node:") || path.starts_with("internal/") || path.is_empty() || path == "native" {
        Layer::Jdk
    } else {
        Layer::User
    }
}

/// The frames of a throwable with those it shares with its enclosing one, which the writer left out.
///
/// Where they begin is found by name, not by the count of `... n more`: the throwable was caught in the method that
/// made the enclosing one, so both name that method, at different lines.
fn whole_stack<'t>(trace: &'t StackTrace, unread: Option<Unread<'t>>, index: usize) -> Vec<FrameRef<'t>> {
    use crate::event::Relation;
    let mut frames: Vec<FrameRef<'t>> = Vec::with_capacity(64);
    let mut at = index;
    // Relations point to earlier throwables, so this ends; the bound guards against a trace that lies.
    for _ in 0..trace.throwables.len() {
        let Some(throwable) = trace.throwables.get(at) else {
            break;
        };
        let first = frames.len();
        let last = frames.last().copied();
        for frame in &throwable.frames {
            let frame = as_ref(frame);
            match (Parts::run_of(&frame), unread) {
                (Some(run), Some(unread)) => frames.extend(unread.parts.frames(unread.thrown, run)),
                (Some(_), None) | (None, _) => frames.push(frame),
            }
        }
        let own = frames.get(first..).unwrap_or_default();
        let lost = own.is_empty() && first == 0;
        if let Some(last) = last
            && let Some(shared) = own.iter().position(|f| same_place(f, &last))
        {
            frames.drain(first..=first + shared);
        }
        if (throwable.common == 0 && !lost) || frames.len() > DEEPEST {
            break;
        }
        at = match throwable.relation {
            Relation::Outermost => break,
            Relation::CauseOf(above) | Relation::SuppressedBy(above) if above < at => above,
            Relation::CauseOf(_) | Relation::SuppressedBy(_) => break,
        };
    }
    frames
}

fn as_ref(frame: &Frame) -> FrameRef<'_> {
    FrameRef {
        class: &frame.class,
        method: &frame.method,
        file: frame.file.as_deref(),
    }
}

fn same_place(a: &FrameRef<'_>, b: &FrameRef<'_>) -> bool {
    same_name(a.method, b.method) && same_name(a.class, b.class)
}

/// Whether two names are the same but for varying digits (zeroing keeps the length).
fn same_name(a: &str, b: &str) -> bool {
    a == b
        || (a.len() == b.len()
            && a.bytes().any(|byte| byte.is_ascii_digit())
            && skeleton::zeroed(a) == skeleton::zeroed(b))
}
