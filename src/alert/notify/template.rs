//! Somebody's own wording: `title` and `text` of a destination, in the syntax of Jinja.
//!
//! A template is tried when it is read, on an alert that says everything and on one that says as little as can be, so
//! that a misspelt name is a fault in the file and not a message that never leaves. Templates see the alert and nothing
//! else, and are bounded in steps.

use super::Telling;
use super::destination::{Kind, Language};
use super::fit;
use crate::store::{AlertChange, ChangeKind};
use minijinja::value::Value as Filled;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Steps one rendering may take.
const FUEL: u64 = 100_000;
/// Bytes of a template.
const LONGEST: usize = 16 * 1024;

/// The templates of a destination.
#[derive(Clone, Default)]
pub(super) struct Templates {
    env: Option<Arc<Environment<'static>>>,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates")
            .field("any", &self.env.is_some())
            .finish_non_exhaustive()
    }
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// One line.
    Title,
    /// What stands below it, in the receiver's markup.
    Text,
}

impl Part {
    pub(super) const ALL: [Part; 2] = [Part::Title, Part::Text];

    pub(super) fn key(self) -> &'static str {
        match self {
            Part::Title => "title",
            Part::Text => "text",
        }
    }
}

impl Templates {
    /// Compiles them and tries them. What is filled in is escaped for the receiver, but in titles, which are plain.
    ///
    /// # Errors
    /// For each that does not render, why.
    pub(super) fn new(
        kind: &Kind,
        language: Language,
        written: &[(Part, String)],
    ) -> Result<Self, Vec<(Part, String)>> {
        if written.is_empty() {
            return Ok(Self::default());
        }
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        let markup = super::to::markup(kind);
        env.set_formatter(move |out, state, value| {
            if value.is_undefined() {
                return Err(Error::from(ErrorKind::UndefinedError));
            }
            let raw = value.is_safe() || state.name() == Part::Title.key();
            let text = if value.is_none() {
                String::new()
            } else {
                value.to_string()
            };
            out.write_str(&if raw { text } else { markup(&text) })
                .map_err(|_| Error::from(ErrorKind::WriteFailure))
        });
        let mut wrong = Vec::new();
        for (part, text) in written {
            if text.len() > LONGEST {
                wrong.push((*part, format!("{} bytes; keep it below {LONGEST}", text.len())));
            } else if let Err(error) = env.add_template_owned(part.key(), text.clone()) {
                wrong.push((*part, told(&error)));
            }
        }
        let templates = Self {
            env: Some(Arc::new(env)),
        };
        if wrong.is_empty() {
            for (part, _) in written {
                if let Some(why) = templates.tried(*part, language) {
                    wrong.push((*part, why));
                }
            }
        }
        if wrong.is_empty() { Ok(templates) } else { Err(wrong) }
    }

    /// Whether somebody wrote one.
    pub(super) fn any(&self) -> bool {
        self.env.is_some()
    }

    /// Why one does not render, if so.
    fn tried(&self, part: Part, language: Language) -> Option<String> {
        super::probe::samples().iter().find_map(|change| {
            let telling = Telling {
                changes: &[change],
                key: "sample",
                now: 0,
                base_url: None,
                test: true,
            };
            self.rendered(part, change, &telling, language)?
                .err()
                .map(|error| told(&error))
        })
    }

    fn rendered(
        &self,
        part: Part,
        change: &AlertChange,
        telling: &Telling<'_>,
        language: Language,
    ) -> Option<Result<String, Error>> {
        let template = self.env.as_ref()?.get_template(part.key()).ok()?;
        Some(template.render(Filled::from_serialize(said(change, telling, language))))
    }

    /// The text of a part; none where nobody wrote a template, or where one that rendered when it was read does not now.
    pub(super) fn render(
        &self,
        part: Part,
        change: &AlertChange,
        telling: &Telling<'_>,
        language: Language,
    ) -> Option<String> {
        match self.rendered(part, change, telling, language)? {
            Ok(text) => Some(text),
            Err(error) => {
                tracing::warn!(error = %told(&error), "a template does not render; our own words are sent instead");
                None
            }
        }
    }
}

/// The error in a line: with its place, without the template around it.
fn told(error: &Error) -> String {
    let line = error
        .line()
        .map_or_else(String::new, |line| format!(" (line {line} of the template)"));
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    fit::line(&format!("{}{detail}{line}", error.kind()), 300)
}

/// What a template may name. All of it is always there, empty where nothing is known.
fn said(change: &AlertChange, telling: &Telling<'_>, language: Language) -> Value {
    let mut alert = serde_json::to_value(&change.alert).unwrap_or_default();
    if let Some(alert) = alert.as_object_mut() {
        for key in OPTIONAL {
            alert.entry(*key).or_insert(Value::Null);
        }
        for key in ["jobs", "followers", "exception_chain"] {
            alert.entry(key).or_insert_with(|| json!([]));
        }
    }
    json!({
        "alert": alert,
        "change": change.change,
        "word": language.change(change.change),
        "severity": language.severity(change.alert.severity),
        "firing": change.change != ChangeKind::Pending && !super::telling::ends(change.change),
        "at": change.at,
        "by": change.by,
        "note": change.note,
        "url": telling.alert_url(change),
        "error_url": telling.error_url(change),
        "test": telling.test,
    })
}

/// What an alert leaves out where it does not know it.
const OPTIONAL: &[&str] = &[
    "job_name",
    "job_id",
    "team",
    "error_type",
    "exception",
    "fingerprint",
    "ended_at",
    "expected",
    "probability",
    "reason",
    "url",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &Kind, text: &str) -> Result<Templates, Vec<(Part, String)>> {
        Templates::new(kind, Language::En, &[(Part::Text, text.to_owned())])
    }

    #[test]
    fn a_template_that_does_not_render_is_a_fault_when_it_is_read() {
        for bad in [
            "{{ alert.jobname }}",
            "{{ nothing }}",
            "{{ alert.title",
            "{% for x in %}",
            "{{ alert.title | shout }}",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        ] {
            let wrong = read(&Kind::Slack, bad).unwrap_err();
            assert_eq!(wrong[0].0, Part::Text, "{bad}");
            assert!(!wrong[0].1.is_empty());
        }
        read(
            &Kind::Slack,
            "{{ alert.team }} {{ alert.followers|length }} {{ url }} {{ error_url }} {{ note }}",
        )
        .unwrap();
    }

    #[test]
    fn what_is_filled_in_is_escaped_for_its_receiver() {
        let [whole, ..] = super::super::probe::samples();
        let mut change = whole;
        change.alert.title = "<!channel> & more".to_owned();
        let telling = Telling {
            changes: &[&change],
            key: "k",
            now: 0,
            base_url: None,
            test: false,
        };
        let slack = read(&Kind::Slack, "*{{ alert.title }}*").unwrap();
        let text = slack.render(Part::Text, &change, &telling, Language::En).unwrap();
        assert_eq!(text, "*&lt;!channel&gt; &amp; more*");
    }
}
