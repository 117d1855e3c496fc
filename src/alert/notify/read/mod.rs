//! Reads `routes.yaml` and gathers all that is wrong with it.

mod route;

use super::destination::{Destination, Kind, Language, Mail, MailTls};
use super::routes::{Categories, Routes};
use super::source::{Sourced, address};
use super::template::{Part, Templates};
use crate::rules::yaml::{Reading, kind as kind_of};
use crate::rules::{Fault, nearest};
use lettre::message::Mailbox;
use serde_yaml_ng::{Mapping, Value};
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;

const FILE: &str = "routes.yaml";
/// Destinations and routes of one file; more is a mistake.
const MOST: usize = 1_000;
const KINDS: [&str; 9] = [
    "webhook",
    "alertmanager",
    "slack",
    "pagerduty",
    "feishu",
    "lark",
    "dingtalk",
    "wecom",
    "email",
];

/// Reads the file.
pub(super) fn routes(text: &str, categories: &Categories<'_>) -> Result<Routes, Vec<Fault>> {
    let mut reading = Reading::new(FILE, text);
    let Some(document) = reading.document(text) else {
        return Err(reading.into_faults());
    };
    let mut routes = Routes::default();
    match &document {
        Value::Null => {}
        Value::Mapping(file) => {
            reading.known_keys(file, &["destinations", "routes", "default"]);
            routes.destinations = destinations(&mut reading, text, file);
            let named: HashSet<String> = names(file);
            routes.routes = route::each(&mut reading, text, file, &named, categories);
            routes.otherwise = route::otherwise(&mut reading, text, file, &named);
        }
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Tagged(_)) => {
            let advice = "the file has destinations, routes and default";
            reading.fault(format!("the file is {}", kind_of(other)), advice);
        }
    }
    let faults = reading.into_faults();
    if faults.is_empty() { Ok(routes) } else { Err(faults) }
}

/// All names of destinations, faulty ones among them: a route to one of these is no second fault.
fn names(file: &Mapping) -> HashSet<String> {
    let all = file.get("destinations").and_then(Value::as_mapping);
    let keys = all.into_iter().flat_map(Mapping::keys);
    keys.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn destinations(reading: &mut Reading<'_>, text: &str, file: &Mapping) -> BTreeMap<String, Destination> {
    let mut read = BTreeMap::new();
    let all = match file.get("destinations") {
        None | Some(Value::Null) => return read,
        Some(Value::Mapping(all)) if all.len() <= MOST => all,
        Some(other) => {
            let what = format!("`destinations` is {} (at most {MOST})", kind_of(other));
            reading.fault(what, "write `NAME:` and below it `kind: …` for each");
            return read;
        }
    };
    for (name, written) in all {
        let Some(name) = name.as_str() else {
            reading.fault(
                format!("a name of a destination is {}", kind_of(name)),
                "names are plain words",
            );
            continue;
        };
        reading.enter_at(name, line_of_name(text, name));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let advice = "letters, digits, `-`, `_` and `.`, at most 64: it stands in keys of messages";
            reading.fault(format!("{name:?} is no name of a destination"), advice);
        }
        match written {
            Value::Mapping(written) => {
                if let Some(destination) = destination(reading, name, written) {
                    read.insert(name.to_owned(), destination);
                }
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Tagged(_)) => {
                reading.fault(
                    format!("it is {}", kind_of(other)),
                    "write `kind: …` and the rest below its name",
                );
            }
        }
        reading.leave();
    }
    read
}

/// What the kinds differ in, as written.
struct Form {
    /// Whether the address may stand in the file: those of chat hooks are secrets.
    open_address: bool,
    /// The address where none is written.
    usual_address: Option<&'static str>,
    /// What the secret is called, and whether there must be one.
    secret: Option<(&'static str, bool)>,
    /// Whether one may say who we are.
    username: bool,
    /// Whether there may be a cap, and words of one's own.
    for_people: bool,
}

fn form(kind: &str) -> Form {
    let chat = Form {
        open_address: false,
        usual_address: None,
        secret: None,
        username: false,
        for_people: true,
    };
    match kind {
        "feishu" | "lark" | "dingtalk" => Form {
            secret: Some(("secret", false)),
            ..chat
        },
        "webhook" => Form {
            open_address: true,
            secret: Some(("secret", false)),
            ..chat
        },
        "alertmanager" => Form {
            open_address: true,
            secret: Some(("password", false)),
            username: true,
            for_people: false,
            ..chat
        },
        "pagerduty" => Form {
            open_address: true,
            usual_address: Some("https://events.pagerduty.com/v2/enqueue"),
            secret: Some(("routing_key", true)),
            for_people: false,
            ..chat
        },
        "email" => Form {
            open_address: true,
            secret: Some(("password", false)),
            username: true,
            ..chat
        },
        _ => chat,
    }
}

fn destination(reading: &mut Reading<'_>, name: &str, written: &Mapping) -> Option<Destination> {
    let word = reading.wanted_text(written, "kind")?;
    if !KINDS.contains(&word.as_str()) {
        let advice = match nearest(&word, KINDS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of {}", KINDS.join(", ")),
        };
        reading.fault_at("kind", format!("{word:?} is no kind of destination"), advice);
        return None;
    }
    let form = form(&word);
    known(reading, written, &form, &word);
    let kind = match word.as_str() {
        "alertmanager" => Kind::Alertmanager,
        "slack" => Kind::Slack,
        "pagerduty" => Kind::PagerDuty,
        "feishu" | "lark" => Kind::Feishu,
        "dingtalk" => Kind::DingTalk,
        "wecom" => Kind::WeCom,
        "email" => Kind::Email(mail(reading, written)?),
        _ => Kind::Webhook,
    };
    let language = language(reading, written);
    let templates = templates(reading, written, &kind, language);
    let url = url(reading, written, &kind, &form);
    let secret = match form.secret {
        Some((key, needed)) => secret(reading, written, key, needed),
        None => None,
    };
    // A bearer token stands where a password would, without a user.
    let secret = secret.or_else(|| secret_of(reading, written, "token").filter(|_| word == "alertmanager"));
    let username = reading.text(written, "username").filter(|_| form.username);
    if username.is_some() && secret.is_none() {
        reading.fault_at(
            "username",
            "`username` stands without a password",
            "add `password_env: NAME`",
        );
    }
    Some(Destination {
        name: name.to_owned(),
        language,
        per_minute: per_minute(reading, written, &kind),
        url: url?,
        username: username.map(Sourced::Given),
        secret,
        templates,
        kind,
    })
}

/// Refuses unknown keys, and secrets that stand in the file: without repeating them.
fn known(reading: &mut Reading<'_>, written: &Mapping, form: &Form, kind: &str) {
    let mut known = vec!["kind".to_owned(), "language".to_owned()];
    let mut sourced = |key: &str, open: bool| {
        known.extend(open.then(|| key.to_owned()));
        known.extend([format!("{key}_env"), format!("{key}_file")]);
    };
    sourced("url", form.open_address);
    let secrets: Vec<&str> = form
        .secret
        .iter()
        .map(|(key, _)| *key)
        .chain((kind == "alertmanager").then_some("token"))
        .collect();
    for key in &secrets {
        sourced(key, false);
    }
    known.extend(form.username.then(|| "username".to_owned()));
    known.extend(
        (kind != "webhook")
            .then_some(["title", "text"])
            .into_iter()
            .flatten()
            .map(str::to_owned),
    );
    known.extend(form.for_people.then(|| "per_minute".to_owned()));
    if kind == "email" {
        known.extend(["from", "to", "tls"].map(str::to_owned));
    }
    let hidden = |key: &str| (key == "url" && !form.open_address) || secrets.contains(&key);
    let mut open = written.clone();
    for key in written.keys().filter_map(Value::as_str).filter(|key| hidden(key)) {
        let what = format!("`{key}` is a secret and stands in the file");
        let advice = format!("take it out, and write `{key}_env: VARIABLE` or `{key}_file: PATH`");
        reading.fault_at(key, what, advice);
        open.remove(key);
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    reading.known_keys(&open, &known);
}

fn url(reading: &mut Reading<'_>, written: &Mapping, kind: &Kind, form: &Form) -> Option<Sourced> {
    if !form.open_address || !written.contains_key("url") {
        let sourced = secret_of(reading, written, "url");
        let usual = form.usual_address.map(|usual| Sourced::Given(usual.to_owned()));
        let url = sourced.or(usual);
        if url.is_none() && !written.contains_key("url") {
            let advice = if form.open_address {
                "add `url: …`, or `url_env: VARIABLE`"
            } else {
                "add `url_env: VARIABLE` or `url_file: PATH`: the address of a chat hook is a secret"
            };
            reading.fault("it has no address", advice);
        }
        return url;
    }
    if secret_of(reading, written, "url").is_some() {
        reading.fault_at("url", "it has two addresses", "keep one of url, url_env and url_file");
    }
    let given = reading.text(written, "url")?;
    match address(&given, kind.schemes()) {
        Ok(_) => Some(Sourced::Given(given)),
        Err(why) => {
            reading.fault_at("url", format!("`url` {why}"), "correct it");
            None
        }
    }
}

fn secret(reading: &mut Reading<'_>, written: &Mapping, key: &str, needed: bool) -> Option<Sourced> {
    let found = secret_of(reading, written, key);
    if needed && found.is_none() && !written.contains_key(key) {
        let advice = format!("add `{key}_env: VARIABLE` or `{key}_file: PATH`");
        reading.fault(format!("it has no {key}"), advice);
    }
    found
}

/// What `KEY_env` or `KEY_file` name.
fn secret_of(reading: &mut Reading<'_>, written: &Mapping, key: &str) -> Option<Sourced> {
    let (env, file) = (format!("{key}_env"), format!("{key}_file"));
    let variable = reading.text(written, &env);
    let path = reading.text(written, &file);
    if let Some(name) = &variable {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            // Not repeated: somebody may have written the secret itself.
            let what = format!("`{env}` holds no name of an environment variable");
            reading.fault_at(
                &env,
                what,
                "letters, digits and `_`; the variable holds the secret, not the file",
            );
        }
    }
    match (variable, path) {
        (Some(_), Some(_)) => {
            let what = format!("`{env}` and `{file}` both stand there");
            reading.fault_at(&file, what, "keep one of them");
            None
        }
        (Some(name), None) => Some(Sourced::Env(name)),
        (None, Some(path)) => Some(Sourced::File(path.into())),
        (None, None) => None,
    }
}

fn language(reading: &mut Reading<'_>, written: &Mapping) -> Language {
    match reading.text(written, "language").as_deref() {
        None | Some("en") => Language::En,
        Some("zh") => Language::Zh,
        Some(other) => {
            reading.fault_at(
                "language",
                format!("{other:?} is no language we speak"),
                "write en or zh",
            );
            Language::En
        }
    }
}

fn per_minute(reading: &mut Reading<'_>, written: &Mapping, kind: &Kind) -> Option<NonZeroU32> {
    match reading.text(written, "per_minute").as_deref() {
        None => kind.usual_per_minute(),
        Some("unlimited") => None,
        Some(text) => {
            let number = text.parse().ok().and_then(NonZeroU32::new);
            let number = number.filter(|number| number.get() <= 10_000);
            if number.is_none() {
                let what = format!("`per_minute` is {text:?}");
                reading.fault_at("per_minute", what, "write a number from 1 to 10,000, or unlimited");
            }
            number
        }
    }
}

fn templates(reading: &mut Reading<'_>, written: &Mapping, kind: &Kind, language: Language) -> Templates {
    let texts: Vec<(Part, String)> = Part::ALL
        .into_iter()
        .filter_map(|part| Some((part, reading.text(written, part.key())?)))
        .collect();
    match Templates::new(kind, language, &texts) {
        Ok(templates) => templates,
        Err(wrong) => {
            for (part, why) in wrong {
                let what = format!("the template `{}` does not render: {why}", part.key());
                let advice = "it may name alert.…, change, word, severity, firing, at, by, note, url, error_url, test";
                reading.fault_at(part.key(), what, advice);
            }
            Templates::default()
        }
    }
}

fn mail(reading: &mut Reading<'_>, written: &Mapping) -> Option<Mail> {
    let mut mailbox = |key: &str, text: &str| -> Option<Mailbox> {
        let read = text.parse().ok();
        if read.is_none() {
            let what = format!("{text:?} is no address of mail");
            reading.fault_at(key, what, "write name@example.org, or `Name <name@example.org>`");
        }
        read
    };
    let from = written.get("from").and_then(Value::as_str);
    let from = from.and_then(|from| mailbox("from", from));
    let given = written.get("to");
    let one = given.and_then(Value::as_str).into_iter();
    let list = given.and_then(Value::as_sequence).into_iter().flatten();
    let to: Vec<Mailbox> = one
        .chain(list.filter_map(Value::as_str))
        .filter_map(|to| mailbox("to", to))
        .collect();
    for (key, there) in [("from", written.contains_key("from")), ("to", given.is_some())] {
        if !there {
            reading.fault(format!("`{key}` is missing"), format!("add `{key}: name@example.org`"));
        }
    }
    let wrapped = written
        .get("url")
        .and_then(Value::as_str)
        .is_some_and(|url| url.starts_with("smtps:"));
    let tls = match reading.text(written, "tls").as_deref() {
        None if wrapped => MailTls::Wrapped,
        Some("wrapped") => MailTls::Wrapped,
        None | Some("starttls") => MailTls::StartTls,
        Some("none") => MailTls::None,
        Some(other) => {
            let what = format!("`tls` is {other:?}");
            reading.fault_at("tls", what, "write starttls (the default), wrapped (smtps) or none");
            MailTls::StartTls
        }
    };
    (!to.is_empty()).then_some(Mail { from: from?, to, tls })
}

/// The line of a destination's name, below `destinations:`.
fn line_of_name(text: &str, name: &str) -> Option<usize> {
    let mut lines = text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("destinations:"));
    let named = |line: &str| {
        let key = line.trim_start().trim_start_matches(['"', '\'']);
        let rest = key.strip_prefix(name).map(|rest| rest.trim_start_matches(['"', '\'']));
        line.starts_with(' ') && rest.is_some_and(|rest| rest.starts_with(':'))
    };
    lines.find(|(_, line)| named(line)).map(|(at, _)| at + 1)
}
