//! An error identified from scratch: what the memo did not know.
//!
//! In two steps, since headers, frames and messages vary independently: what the headers of the throwable tell
//! ([`KnownHeaders`], remembered by the headers alone), then what the whole event is ([`Remembered`]).

use super::{Redactor, UNCLASSIFIED, stack_text};
use crate::event::{Dimensions, ErrorEvent, Language, Part, StackTrace, Text, Throwable, Thrown};
use crate::identity::frames::{Site, Unread};
use crate::identity::memo::Memo;
use crate::identity::skeleton::without_ids;
use crate::identity::template::template;
use crate::identity::{self, Identity, Told, ToldHeaders, is_short, tell_headers, tell_thrown};
use crate::rules::{ErrorRule, OnThrown, RuleSet, ToldLine, ToldThrowable, unclassified_severity};
use std::borrow::Cow;
use std::sync::Arc;

/// What a memo key determines.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Who it is.
    pub(super) identity: Arc<Identity>,
    /// A rule tells digits apart here, and the key does not hold them: to be worked out for each event.
    pub(super) depends_on_digits: bool,
    /// A word that goes with secrets stands in it.
    pub(super) may_hold_secret: bool,
}

/// What a message tells, whatever stands beside it.
#[derive(Debug)]
pub(super) struct KnownMessage {
    /// With its variable parts masked.
    template: String,
    /// As [`Remembered::may_hold_secret`]. Then there is no template.
    may_hold_secret: bool,
}

/// What was known of parts of an event that come again with others beside them.
#[derive(Default)]
pub(super) struct Known<'k> {
    /// The frames of the throwable that its headers only mark, and what was found among such before.
    pub(super) unread: Option<(Unread<'k>, &'k mut Memo<Site>)>,
    /// The key of the message, and what messages told before.
    pub(super) message: Option<(u128, &'k mut Memo<KnownMessage>)>,
}

/// What the headers of a throwable tell, whatever its frames are and the log line says.
#[derive(Debug)]
pub(super) struct KnownHeaders {
    pub(super) told: Arc<ToldHeaders>,
    pub(super) on: OnThrown,
    /// As [`Remembered::may_hold_secret`].
    pub(super) may_hold_secret: bool,
}

impl KnownHeaders {
    /// Whether other throwables with the same headers but for digits and frames tell the same, but for what the rules
    /// say.
    pub(super) fn tells_others(&self) -> bool {
        // Marks stand for Java's frames only.
        let java = self
            .told
            .trace
            .as_ref()
            .is_some_and(|trace| trace.language == Language::Java);
        java && !self.may_hold_secret
    }

    /// The same for a throwable with other digits, which the rules may tell apart.
    pub(super) fn with_digits_of(&self, marked: &Thrown<'_>, event: &ErrorEvent<'_>, rules: &RuleSet) -> Self {
        let root = event.root();
        let root = root.as_ref().map(|(class, message)| (&**class, message.as_deref()));
        let trace = identity::read_trace(marked, root, &mut Vec::new());
        Self {
            told: Arc::clone(&self.told),
            on: said_of(trace.as_ref(), rules),
            may_hold_secret: self.may_hold_secret,
        }
    }
}

/// An event identified from scratch.
pub(super) struct WorkedOut {
    pub(super) told: Told,
    pub(super) classified: identity::Classified,
    pub(super) remembered: Remembered,
}

/// Identifies an event whose headers are known, with all that was told on the way.
pub(super) fn work_out(
    event: &ErrorEvent<'_>,
    dimensions: &Dimensions,
    headers: &KnownHeaders,
    known: Known<'_>,
    rules: &RuleSet,
    redactor: &Redactor,
) -> WorkedOut {
    let message = event.message.decoded();
    let masked = match known.message {
        Some((key, messages)) => messages.known_or(key, || known_message(&message, rules, redactor)),
        None => Arc::new(known_message(&message, rules, redactor)),
    };
    let may_hold_secret = masked.may_hold_secret;
    let (message, template) = if may_hold_secret {
        let clean = redactor.redact(&message).0.into_owned();
        let masked = template(&clean, &rules.identity().masks);
        (Cow::Owned(clean), masked)
    } else {
        (message, masked.template.clone())
    };
    let level = event.level.as_ref().map(Text::decoded);
    let logger = event.logger.as_ref().map(Text::decoded);
    let told = identity::tell(
        tell_thrown(
            Arc::clone(&headers.told),
            known.unread,
            is_short(&event.thrown),
            rules.identity(),
        ),
        template,
        logger.as_deref().unwrap_or_default(),
        dimensions,
    );
    // Ids are taken out of what the rules look at, so that no rule can depend on one.
    let message = without_ids(&message);
    let line = ToldLine {
        message: &message,
        logger: logger.as_deref(),
        level: level.as_deref(),
    };
    let verdict = rules.errors().verdict(&headers.on, &line);
    let classified = classified(verdict.rule, line.level);
    let remembered = Remembered {
        identity: Arc::new(identity::identity(&told, &classified)),
        depends_on_digits: verdict.depends_on_digits,
        may_hold_secret: may_hold_secret || headers.may_hold_secret,
    };
    WorkedOut {
        told,
        classified,
        remembered,
    }
}

/// What a message tells. One that may hold a secret is masked anew each time, since what is taken out is not in its key.
fn known_message(message: &str, rules: &RuleSet, redactor: &Redactor) -> KnownMessage {
    let may_hold_secret = redactor.may_hold_secret(message);
    KnownMessage {
        template: if may_hold_secret {
            String::new()
        } else {
            template(message, &rules.identity().masks)
        },
        may_hold_secret,
    }
}

/// What the headers of a throwable tell. `thrown` is the event's, or the same with its frames marked.
pub(super) fn known_headers(
    thrown: &Thrown<'_>,
    event: &ErrorEvent<'_>,
    rules: &RuleSet,
    redactor: &Redactor,
) -> KnownHeaders {
    let (thrown, stack_may) = without_secrets(thrown, redactor);
    let root_class = event.root_class.as_ref().map(Text::decoded);
    let root_message = event.root_message.as_ref().map(Text::decoded);
    let root_may = root_message
        .as_deref()
        .is_some_and(|message| redactor.may_hold_secret(message));
    let root_message = root_message.map(|message| {
        if root_may {
            Cow::Owned(redactor.redact(&message).0.into_owned())
        } else {
            message
        }
    });
    let root = root_class.as_deref().map(|class| (class, root_message.as_deref()));
    let told = tell_headers(&thrown, root, rules.identity());
    let on = said_of(told.trace.as_ref(), rules);
    KnownHeaders {
        told: Arc::new(told),
        on,
        may_hold_secret: stack_may || root_may,
    }
}

/// What the throwables say to the rules.
fn said_of(trace: Option<&StackTrace>, rules: &RuleSet) -> OnThrown {
    ask_with_throwables(trace, |chain, suppressed| rules.errors().on_thrown(chain, suppressed))
}

/// Hands to `ask` the throwables as the rules look at them: the cause chain, outermost first, and what hangs beside it.
pub(super) fn ask_with_throwables<R>(
    trace: Option<&StackTrace>,
    ask: impl FnOnce(&[ToldThrowable<'_>], &[ToldThrowable<'_>]) -> R,
) -> R {
    let (chain, suppressed) = trace.map(split_chain).unwrap_or_default();
    let chain_texts = messages_without_ids(&chain);
    let suppressed_texts = messages_without_ids(&suppressed);
    ask(&as_told(&chain, &chain_texts), &as_told(&suppressed, &suppressed_texts))
}

fn messages_without_ids<'t>(throwables: &[&'t Throwable]) -> Vec<Option<Cow<'t, str>>> {
    throwables
        .iter()
        .map(|t| t.message.as_deref().map(without_ids))
        .collect()
}

fn as_told<'t>(throwables: &[&'t Throwable], messages: &'t [Option<Cow<'t, str>>]) -> Vec<ToldThrowable<'t>> {
    let pairs = throwables.iter().zip(messages);
    pairs
        .map(|(t, message)| ToldThrowable {
            class: &t.class,
            message: message.as_deref(),
        })
        .collect()
}

/// What the rules say, or what is said of what no rule knows.
fn classified(rule: Option<&ErrorRule>, level: Option<&str>) -> identity::Classified {
    match rule {
        Some(rule) => identity::Classified {
            error_type: Arc::clone(&rule.id),
            category: Arc::clone(&rule.category),
            severity: rule.severity,
            part: rule.part,
            rule: Some(Arc::clone(&rule.id)),
        },
        None => identity::Classified {
            error_type: UNCLASSIFIED.into(),
            category: UNCLASSIFIED.into(),
            severity: unclassified_severity(level),
            part: Part::Root,
            rule: None,
        },
    }
}

/// The cause chain, outermost first, and everything that hangs beside it.
fn split_chain(trace: &StackTrace) -> (Vec<&Throwable>, Vec<&Throwable>) {
    let chain = trace.chain();
    let inside = chain.iter().filter_map(|&i| trace.throwables.get(i)).collect();
    let beside = trace
        .throwables
        .iter()
        .enumerate()
        .filter(|(i, _)| !chain.contains(i))
        .map(|(_, t)| t)
        .collect();
    (inside, beside)
}

/// The throwable unescaped and, where it may hold a secret, redacted; and whether it may.
fn without_secrets<'t>(thrown: &'t Thrown<'t>, redactor: &Redactor) -> (Cow<'t, Thrown<'t>>, bool) {
    match thrown {
        Thrown::Absent => (Cow::Borrowed(thrown), false),
        Thrown::Text(text) => {
            let stack = text.decoded();
            let may = redactor.stack_may_hold_secret(&stack);
            // Unescaped once, for all that look at it.
            let clean = match stack {
                stack if may => Text::Owned(redactor.redact_stack(&stack).0.into_owned()),
                Cow::Borrowed(stack) => Text::Plain(stack),
                Cow::Owned(stack) => Text::Owned(stack),
            };
            (Cow::Owned(Thrown::Text(clean)), may)
        }
        Thrown::Json { .. } | Thrown::Named { .. } | Thrown::Parsed(_) => {
            let Some(stack) = stack_text(thrown) else {
                return (Cow::Borrowed(thrown), false);
            };
            if !redactor.stack_may_hold_secret(&stack) {
                return (Cow::Borrowed(thrown), false);
            }
            let (clean, count) = redactor.redact_stack(&stack);
            if count == 0 {
                return (Cow::Borrowed(thrown), true);
            }
            (Cow::Owned(Thrown::Text(Text::Owned(clean.into_owned()))), true)
        }
    }
}
