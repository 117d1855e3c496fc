//! What was decided about an error and why.
//!
//! A fingerprint is made of the telling class and of what decides beside it: in the user's own code the topmost own
//! frame; where a library threw, its message, or the frames of that library where the message says nothing. Measured on
//! labelled failures, the library's own frames tell more than the user's frames below them, which come and go with the
//! caller; the user's frame is still what is shown.

use super::chain::{self, Link, Telling, Verdict};
use super::frames::{OwnedFrame, Site, Unread, site};
use super::memo::Memo;
use super::ownership::Layer;
use super::symbol::class_name;
use super::template::{template, words};
use super::{IdentityRules, skeleton};
use crate::decode::stack::stack_trace;
use crate::event::{Dimensions, ErrorEvent, Language, Relation, StackTrace, Text, Throwable, Thrown};
use serde::Serialize;
use std::sync::Arc;

/// Owner frames that are told.
const OWNERS: usize = 3;
/// Owner frames that go into a fingerprint where the user's own code threw.
const OWN_FRAMES: usize = 1;
/// Owner frames that go into a fingerprint where a library threw and its message tells nothing.
const LIBRARY_FRAMES: usize = 1;
/// A message with fewer words of its own does not tell one error from another.
const TELLING_WORDS: usize = 2;
/// A message with this many words of its own tells one error from another without frames.
const CLEAR_WORDS: usize = 4;
/// Causes named by messages that are followed, one inside the other.
const NAMED_CAUSES: usize = 4;
/// A throwable written shorter than this has no frames, and may be told apart by its task.
///
/// The memo key holds the task for such events only, and its limit is higher.
const SHORT: usize = 384;

/// A named piece of a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A throwable of the chain and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainLink {
    /// Clean class.
    pub class: String,
    /// Message with its variable parts masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What it is worth.
    pub verdict: Verdict,
}

/// What was decided of a throwable without its frames. The same headers give the same, so it may be remembered.
#[derive(Debug, Default, Serialize)]
pub struct ToldHeaders {
    /// The cause chain, outermost first.
    pub chain: Vec<ChainLink>,
    /// Which of the chain tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telling: Option<usize>,
    /// Clean class of the telling throwable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// The telling throwable's message with its variable parts masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception_template: Option<String>,
    /// The stack as it was read; runs of frames may be marked only.
    #[serde(skip)]
    pub trace: Option<StackTrace>,
    /// The throwable that tells.
    #[serde(skip)]
    teller: Option<Teller>,
    /// Hash of all that decides, beside the frames in the runs, which frames own the error.
    #[serde(skip)]
    shape: u64,
    /// Why it was decided so, in words.
    #[serde(skip)]
    notes: Vec<String>,
}

/// The throwable that tells, and what its frames are asked for.
#[derive(Debug)]
struct Teller {
    /// Its number in the trace.
    index: usize,
    link: Link,
    /// Words of its message's own.
    spoken: usize,
    /// Its message only repeats values.
    frames_decide: bool,
    /// It is thrown anywhere.
    message_decides: bool,
}

impl ToldHeaders {
    /// Which throwable tells and how the others hang together, with the frames or marks of each.
    fn shape_of(&self, trace: Option<&StackTrace>) -> u64 {
        let mut bytes = Vec::with_capacity(256);
        let mut put = |text: &str| {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        };
        if let (Some(teller), Some(trace)) = (&self.teller, trace) {
            put(&teller.index.to_string());
            put(&teller.link.class);
            put(&format!("{:?}", trace.language));
            for throwable in &trace.throwables {
                put(&format!("{:?} {}", throwable.relation, throwable.common));
                for frame in &throwable.frames {
                    put(&frame.class);
                    put(&frame.method);
                }
            }
        }
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }
}

/// What was decided of a throwable, whatever the log line around it says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ToldThrown {
    /// What was decided without its frames.
    #[serde(flatten)]
    pub headers: Arc<ToldHeaders>,
    /// Frames that own the error.
    pub owners: Vec<OwnedFrame>,
    /// The topmost frame that is not the JDK's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thrower: Option<OwnedFrame>,
    /// What it gives to the fingerprint.
    #[serde(skip)]
    pieces: Vec<Piece>,
    /// Why it was decided so, in words.
    #[serde(skip)]
    notes: Vec<&'static str>,
    /// What the throwable leaves open.
    #[serde(skip)]
    leaves: Leaves,
}

/// What a throwable leaves to the log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Leaves {
    /// There is none: message and logger decide.
    #[default]
    All,
    /// It has neither frames nor a telling message: logger and task decide beside its class.
    Place,
    /// The same, and it is written so long that its task does not count.
    PlaceButTask,
    /// It says enough.
    Nothing,
}

/// What was decided and why, for `explain`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Told {
    /// What was decided about the throwable.
    #[serde(flatten)]
    pub thrown: ToldThrown,
    /// The log message with its variable parts masked.
    pub template: String,
    /// What goes into the fingerprint.
    pub pieces: Vec<Piece>,
    /// What goes into the group.
    pub group_pieces: Vec<Piece>,
}

impl Told {
    /// Why it was decided so, in words.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        let thrown = self.thrown.notes.iter().copied();
        self.thrown.headers.notes.iter().map(String::as_str).chain(thrown)
    }
}

impl ToldThrown {
    fn piece(&mut self, name: &str, value: &str) {
        self.pieces.push(Piece::new(name, value));
    }

    fn note(&mut self, text: &'static str) {
        self.notes.push(text);
    }
}

impl Piece {
    fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }
}

/// Decides what can be decided of a throwable without its frames. `root` is the class and message the writer names
/// as the root.
#[must_use]
pub fn tell_headers(thrown: &Thrown<'_>, root: Option<(&str, Option<&str>)>, rules: &IdentityRules) -> ToldHeaders {
    let mut told = ToldHeaders::default();
    let trace = read_trace(thrown, root, &mut told.notes);
    match &trace {
        None => told.notes.push("no throwable: message and logger decide".to_owned()),
        Some(trace) => find_telling(&mut told, trace, rules),
    }
    told.shape = told.shape_of(trace.as_ref());
    told.trace = trace;
    told
}

/// The stack with the causes that are named elsewhere, and why they were put there.
pub(crate) fn read_trace(
    thrown: &Thrown<'_>,
    root: Option<(&str, Option<&str>)>,
    notes: &mut Vec<String>,
) -> Option<StackTrace> {
    let mut trace = stack_trace(thrown);
    if let Some(root) = root.and_then(|(class, message)| named_root(class, message, trace.as_ref())) {
        notes.push(format!(
            "the writer names {} as the root; the stack does not reach it",
            root.class
        ));
        append_root(&mut trace, root);
    }
    if let Some(trace) = &mut trace {
        notes.extend(follow_named_causes(trace));
    }
    trace
}

/// Decides what the throwable tells, frames and all. Frames that are `unread` come again below other headers, so whose they
/// are is remembered. `short` says whether it is written so short that it cannot have
/// frames ([`is_short`]).
#[must_use]
pub fn tell_thrown(
    headers: Arc<ToldHeaders>,
    unread: Option<(Unread<'_>, &mut Memo<Site>)>,
    short: bool,
    rules: &IdentityRules,
) -> ToldThrown {
    let mut told = ToldThrown {
        headers: Arc::clone(&headers),
        ..ToldThrown::default()
    };
    let Some(trace) = &headers.trace else {
        return told;
    };
    told.leaves = Leaves::Nothing;
    let Some(teller) = &headers.teller else {
        return told;
    };
    let work_out = |unread| site(trace, unread, teller.index, &rules.ownership, OWNERS);
    let site = match unread {
        Some((unread, sites)) => {
            let key = unread.frames_key ^ (u128::from(headers.shape) << 32);
            sites.known_or(key, || work_out(Some(unread)))
        }
        None => Arc::new(work_out(None)),
    };
    let message = headers.exception_template.as_deref().unwrap_or_default();
    decide(&mut told, teller, message, &site, trace.language);
    if !site.any && teller.spoken < TELLING_WORDS {
        told.note("no frames and no telling message: logger and task decide");
        told.leaves = if short { Leaves::Place } else { Leaves::PlaceButTask };
    }
    told.owners.clone_from(&site.owners);
    told.thrower.clone_from(&site.thrower);
    told
}

/// Decides what error an event is, with what its throwable tells known. `template` is the event's message with its
/// variable parts masked, `logger` its logger.
#[must_use]
pub fn tell(thrown: ToldThrown, template: String, logger: &str, dims: &Dimensions) -> Told {
    let mut thrown = thrown;
    let mut pieces = std::mem::take(&mut thrown.pieces);
    let task = dims.task.as_deref();
    match thrown.leaves {
        Leaves::Nothing => {}
        Leaves::All => {
            pieces.push(Piece::new("template", &template));
            pieces.push(Piece::new("logger", logger));
        }
        Leaves::Place | Leaves::PlaceButTask => {
            if let Some(message) = thrown.headers.exception_template.as_deref().filter(|m| !m.is_empty()) {
                pieces.push(Piece::new("message", message));
            }
            pieces.push(Piece::new("logger", logger));
            match task.filter(|_| thrown.leaves == Leaves::Place) {
                Some(task) => pieces.push(Piece::new("task", task)),
                None => pieces.push(Piece::new("template", &template)),
            }
        }
    }
    let group_pieces = match thrown.leaves {
        Leaves::All => pieces.clone(),
        Leaves::Place | Leaves::PlaceButTask | Leaves::Nothing => group_pieces(&pieces),
    };
    Told {
        template,
        pieces,
        group_pieces,
        thrown,
    }
}

/// Decides what error an event is, all three steps in one.
#[must_use]
pub fn tell_event(event: &ErrorEvent<'_>, dims: &Dimensions, rules: &IdentityRules) -> Told {
    let root = event.root();
    let root = root.as_ref().map(|(class, message)| (&**class, message.as_deref()));
    let headers = Arc::new(tell_headers(&event.thrown, root, rules));
    let thrown = tell_thrown(headers, None, is_short(&event.thrown), rules);
    let logger = event.logger.as_ref().map(Text::decoded).unwrap_or_default();
    let template = template(&event.message.decoded(), &rules.masks);
    tell(thrown, template, &logger, dims)
}

/// The root the writer names on its own, where the stack does not reach it.
fn named_root(class: &str, message: Option<&str>, trace: Option<&StackTrace>) -> Option<Throwable> {
    let wanted = class_name(class);
    if wanted.is_empty() {
        return None;
    }
    if let Some(trace) = trace {
        let known = trace.throwables.iter().any(|t| class_name(&t.class) == wanted);
        if known || !trace.truncated || wanted.ends_with("SerializedThrowable") {
            return None;
        }
    }
    Some(Throwable {
        class: class.to_owned(),
        message: message.map(str::to_owned),
        frames: Vec::new(),
        common: 0,
        omitted: 1,
        relation: Relation::Outermost,
    })
}

fn append_root(trace: &mut Option<StackTrace>, mut root: Throwable) {
    match trace {
        Some(trace) => {
            if let Some(deepest) = trace.chain().last() {
                root.relation = Relation::CauseOf(*deepest);
            }
            trace.throwables.push(root);
        }
        None => {
            *trace = Some(StackTrace {
                throwables: vec![root],
                language: Language::Java,
                truncated: true,
            });
        }
    }
}

/// A cause that a message names and the chain has lost (`java.io.IOException: a.b.SaslException: GSS initiate failed`)
/// becomes a throwable of its own, with the frames of the one that names it.
fn follow_named_causes(trace: &mut StackTrace) -> Option<String> {
    let mut note = None;
    for _ in 0..NAMED_CAUSES {
        let deepest = *trace.chain().last()?;
        let above = trace.throwables.get(deepest)?;
        let Some((class, message)) = named_cause(above.message.as_deref().unwrap_or_default()) else {
            break;
        };
        if class_name(class) == class_name(&above.class) && message.is_none() {
            break;
        }
        note = Some(format!("the message names {class} as the cause"));
        let cause = Throwable {
            class: class.to_owned(),
            message: message.map(str::to_owned),
            frames: Vec::new(),
            common: 1,
            omitted: 0,
            relation: Relation::CauseOf(deepest),
        };
        trace.throwables.push(cause);
    }
    note
}

/// Class and message of `a.b.SomeException: message`.
fn named_cause(message: &str) -> Option<(&str, Option<&str>)> {
    let end = message
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '$' | '_')))
        .unwrap_or(message.len());
    let (class, rest) = message.split_at_checked(end)?;
    let throwable = ["Exception", "Error", "Throwable"]
        .iter()
        .any(|tail| class.ends_with(tail));
    if !throwable || class.matches('.').count() < 2 {
        return None;
    }
    let rest = rest.trim();
    match rest.strip_prefix(':') {
        Some(message) => Some((class, Some(message.trim()).filter(|m| !m.is_empty() && *m != "null"))),
        None => rest.is_empty().then_some((class, None)),
    }
}

fn link(throwable: &Throwable) -> Link {
    Link {
        class: class_name(&throwable.class),
        message: throwable.message.as_deref().map(skeleton::zeroed),
    }
}

/// Which throwable tells.
fn find_telling(told: &mut ToldHeaders, trace: &StackTrace, rules: &IdentityRules) {
    let chain = trace.chain();
    let get = |index: &usize| trace.throwables.get(*index);
    let links: Vec<Link> = chain.iter().filter_map(get).map(link).collect();
    let beside: Vec<usize> = (0..trace.throwables.len()).filter(|i| !chain.contains(i)).collect();
    let beside_links: Vec<Link> = beside.iter().filter_map(get).map(link).collect();
    let verdicts = rules.chain.verdicts(&links);
    told.chain = links
        .iter()
        .zip(&verdicts)
        .map(|(link, verdict)| ChainLink {
            class: link.class.clone(),
            template: link.message.as_deref().map(|m| template(m, &rules.masks)),
            verdict: *verdict,
        })
        .collect();
    let index = match rules.chain.telling(&links, &verdicts, &beside_links) {
        Some(Telling::Chain(at)) => {
            told.telling = Some(at);
            chain.get(at).copied()
        }
        Some(Telling::Suppressed(at)) => {
            told.notes
                .push("no cause tells: a suppressed throwable does".to_owned());
            beside.get(at).copied()
        }
        None => None,
    };
    let Some(index) = index else { return };
    let Some(throwable) = trace.throwables.get(index) else {
        return;
    };
    let telling = link(throwable);
    told.exception_template = throwable.message.as_deref().map(|m| template(m, &rules.masks));
    told.exception = Some(telling.class.clone());
    told.teller = Some(Teller {
        index,
        spoken: words(told.exception_template.as_deref().unwrap_or_default()),
        frames_decide: rules.chain.frames_decide(&telling.class),
        message_decides: rules.chain.message_decides(&telling.class),
        link: telling,
    });
}

/// What the fingerprint says first: class and owner frame. Made of its pieces, so that it belongs to one group.
fn group_pieces(pieces: &[Piece]) -> Vec<Piece> {
    let first = |name: &str| pieces.iter().find(|piece| piece.name == name).cloned();
    let class = first("code").or_else(|| first("class"));
    class
        .into_iter()
        .chain(first("frame").or_else(|| first("logger")))
        .collect()
}

/// Class, then frames where they decide, then the message where they do not.
fn decide(told: &mut ToldThrown, teller: &Teller, message: &str, site: &Site, language: Language) {
    let telling = &teller.link;
    if let Some(code) = chain::code(telling) {
        told.note("the code in brackets says what happened, in whatever language the class is");
        told.piece("code", code);
        told.piece("message", message);
        return;
    }
    told.piece("class", identifying_class(&telling.class, language));
    let library = &site.throwers;
    let own_throw = site.thrower.as_ref().is_some_and(|t| t.layer == Layer::User);
    let spoken = teller.spoken;
    let generic = teller.frames_decide;
    let owned = site.owners.first().is_some_and(|f| f.layer != Layer::Jdk);
    let (frames, from) = if teller.message_decides && !message.is_empty() {
        told.note("a class that is thrown anywhere: its message decides");
        told.piece("message", message);
        (0, &site.owners)
    } else if own_throw {
        told.note("thrown in the user's own code: its frames decide");
        (OWN_FRAMES, &site.owners)
    } else if generic && owned {
        told.note("a class whose message only repeats values: frames decide");
        (LIBRARY_FRAMES, library)
    } else if spoken >= CLEAR_WORDS {
        told.note("thrown by a library: its message decides");
        told.piece("message", message);
        (0, &site.owners)
    } else if spoken >= TELLING_WORDS {
        told.note("thrown by a library with few words: message and owner frame decide");
        told.piece("message", message);
        (1, library)
    } else {
        told.note("thrown by a library without a telling message: frames decide");
        (LIBRARY_FRAMES, library)
    };
    for frame in from.iter().take(frames) {
        told.piece("frame", &frame.symbol);
    }
}

/// Python writes a class with or without its module, as the writer likes; Java's is always whole.
fn identifying_class(class: &str, language: Language) -> &str {
    match language {
        Language::Java => class,
        Language::Python | Language::Node => class.rsplit('.').next().unwrap_or(class),
    }
}

/// Whether a throwable is written so short that it cannot have frames.
///
/// The memo key holds the answer, since the length of what varies is not in it.
#[must_use]
pub fn is_short(thrown: &Thrown<'_>) -> bool {
    match thrown {
        Thrown::Absent | Thrown::Named { .. } => true,
        Thrown::Text(text) => text.held().len() < SHORT,
        Thrown::Json { raw, .. } => raw.held().len() < SHORT,
        Thrown::Parsed(_) => false,
    }
}
