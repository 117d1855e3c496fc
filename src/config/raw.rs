//! What was written: the file and the environment, as values with their origin.

use super::check::{ConfigFault, ConfigFaults, fits};
use super::keys::{ENVIRONMENT, KEYS, Key, Kind, SERVERS, variable};
use super::passed::{is_secret, may_pass};
use crate::rules::yaml::nearest;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Environment(name) => f.write_str(name),
        }
    }
}

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Bool(bool),
    Count(u64),
    Properties(BTreeMap<String, String>),
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub(super) value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// All keys that have a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Reads the defaults, over them a file (if any), over that the environment.
    ///
    /// # Errors
    /// All faults found, each with its key, value and remedy.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigFaults> {
        let mut settings = Self::default();
        let mut faults = Vec::new();
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let written = format!("value = {}", key.default);
            let table = written.parse::<toml::Table>().unwrap_or_default();
            if let Some(value) = table.get("value").and_then(value_of) {
                settings.set(key, value, Origin::Default);
            }
        }
        if let Some(file) = file {
            settings.read_file(file, &mut faults);
        }
        settings.read_environment(environment, &mut faults);
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigFaults(faults))
        }
    }

    fn set(&mut self, key: &'static Key, value: Value, origin: Origin) {
        self.0.insert(key.path, Setting { value, origin });
    }

    /// One key's setting.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.0.get(path)
    }

    /// All keys in the order of the table, with the value as TOML (a secret as `***`) and the origin.
    pub fn shown(&self) -> impl Iterator<Item = (&'static Key, String, String)> {
        KEYS.iter().map(|key| {
            let setting = self.0.get(key.path);
            let value = match setting {
                None => "(not set)".to_owned(),
                Some(_) if key.kind == Kind::Secret => "\"***\"".to_owned(),
                Some(setting) => setting.value.to_string(),
            };
            let origin = setting.map_or_else(|| Origin::Default.to_string(), |s| s.origin.to_string());
            (key, value, origin)
        })
    }

    pub(super) fn value(&self, path: &str) -> Option<&Value> {
        self.0.get(path).map(|setting| &setting.value)
    }

    pub(super) fn text(&self, path: &str) -> Option<String> {
        match self.value(path)? {
            Value::Text(text) => Some(text.clone()),
            Value::Texts(_) | Value::Bool(_) | Value::Count(_) | Value::Properties(_) => None,
        }
    }

    pub(super) fn properties(&self, path: &str) -> BTreeMap<String, String> {
        match self.value(path) {
            Some(Value::Properties(properties)) => properties.clone(),
            Some(Value::Text(_) | Value::Texts(_) | Value::Bool(_) | Value::Count(_)) | None => BTreeMap::new(),
        }
    }

    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        match self.value(path) {
            Some(Value::Texts(texts)) => texts.clone(),
            Some(Value::Text(text)) => vec![text.clone()],
            Some(Value::Bool(_) | Value::Count(_) | Value::Properties(_)) | None => Vec::new(),
        }
    }

    pub(super) fn bool(&self, path: &str) -> bool {
        self.value(path) == Some(&Value::Bool(true))
    }

    pub(super) fn count(&self, path: &str) -> Option<u64> {
        match self.value(path)? {
            Value::Count(count) => Some(*count),
            Value::Text(_) | Value::Texts(_) | Value::Bool(_) | Value::Properties(_) => None,
        }
    }

    /// The keys of a section that somebody set.
    pub(super) fn said_in(&self, section: &str) -> Vec<(&'static str, &Setting)> {
        let of_section = |path: &str| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
        let said = self
            .0
            .iter()
            .filter(|(path, s)| of_section(path) && s.origin != Origin::Default);
        said.map(|(path, setting)| (*path, setting)).collect()
    }

    /// Enters one property among those that are there.
    fn set_property(&mut self, key: &'static Key, name: &str, text: &str, origin: Origin) {
        let mut properties = self.properties(key.path);
        properties.insert(name.to_owned(), text.to_owned());
        self.set(key, Value::Properties(properties), origin);
    }

    fn read_file(&mut self, file: &Path, faults: &mut Vec<ConfigFault>) {
        let fault = |key: &str, what: String, advice: String| ConfigFault {
            place: file.display().to_string(),
            key: key.to_owned(),
            what,
            advice,
        };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                faults.push(fault(
                    "",
                    format!("it cannot be read: {error}"),
                    "name a file that is there; `seismolog config default` prints one".into(),
                ));
                return;
            }
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let line = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map_or(1, |before| before.matches('\n').count() + 1);
                faults.push(fault(
                    "",
                    format!("line {line} is not TOML: {}", error.message()),
                    "mend it; `seismolog config default` shows the form".into(),
                ));
                return;
            }
        };
        let mut written = Vec::new();
        flatten("", &table, &mut written);
        for section in SERVERS.iter().filter(|section| is_empty_table(&table, section)) {
            faults.push(fault(
                section,
                "the section is empty".into(),
                format!("set {}, or leave the section out", first_key(section)),
            ));
        }
        for (path, value) in written {
            match place_of(&path) {
                Place::Key(key) if key.kind == Kind::Secret => faults.push(fault(
                    &path,
                    "a secret must not stand in the file".into(),
                    format!("set {} or {path}_file (a file that holds it)", variable(&path)),
                )),
                Place::Key(key) => match value_of(value) {
                    Some(value) => match fits(key, &value) {
                        Ok(()) => self.set(key, value, Origin::File(file.to_owned())),
                        Err(advice) => faults.push(fault(&path, format!("{value} does not fit"), advice)),
                    },
                    None => faults.push(fault(
                        &path,
                        format!("a {} does not fit", value.type_str()),
                        "`seismolog config default` shows what does".into(),
                    )),
                },
                Place::SecretFile(key) => match value.as_str().map(Path::new) {
                    Some(holder) => match read_secret(holder) {
                        Ok(secret) => self.set(key, Value::Text(secret), Origin::File(holder.to_owned())),
                        Err(what) => faults.push(fault(&path, what, "name a file that holds the secret".into())),
                    },
                    None => faults.push(fault(
                        &path,
                        format!("a {} does not fit", value.type_str()),
                        "write the path of a file in quotes".into(),
                    )),
                },
                Place::Property(key, name) => match text_of(value) {
                    Some(text) => match may_pass(&name, true) {
                        Ok(()) => self.set_property(key, &name, &text, Origin::File(file.to_owned())),
                        Err((what, advice)) => faults.push(fault(&path, what, advice)),
                    },
                    None => faults.push(fault(
                        &path,
                        format!("a {} does not fit", value.type_str()),
                        "write a text, a number, true or false".into(),
                    )),
                },
                Place::Unknown(near) => {
                    faults.push(fault(&path, "there is no such key".into(), meant(near)));
                }
            }
        }
    }

    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
        faults: &mut Vec<ConfigFault>,
    ) {
        let mut ours: Vec<(String, String)> = environment
            .into_iter()
            // Names without a section (`SEISMOLOG_LOG`) are no keys.
            .filter(|(name, _)| name.strip_prefix(ENVIRONMENT).is_some_and(|rest| rest.contains("__")))
            .collect();
        ours.sort();
        for (name, text) in ours {
            let name_of_variable = name.clone();
            let path = name
                .strip_prefix(ENVIRONMENT)
                .unwrap_or_default()
                .replace("__", ".")
                .to_lowercase();
            let fault = |what: String, advice: String| ConfigFault {
                place: name.clone(),
                key: path.clone(),
                what,
                advice,
            };
            match place_of(&path) {
                Place::Key(key) => {
                    let value = typed(key, &text);
                    match fits(key, &value) {
                        Ok(()) => self.set(key, value, Origin::Environment(name.clone())),
                        Err(advice) if key.kind == Kind::Secret => faults.push(fault("it is empty".into(), advice)),
                        Err(advice) => faults.push(fault(format!("{text:?} does not fit"), advice)),
                    }
                }
                Place::SecretFile(key) => match read_secret(Path::new(&text)) {
                    Ok(secret) => self.set(key, Value::Text(secret), Origin::Environment(name.clone())),
                    Err(what) => faults.push(fault(what, "name a file that holds the secret".into())),
                },
                Place::Property(key, name) => {
                    // Names of librdkafka have dots where a variable can only have underscores.
                    let name = name.replace('_', ".");
                    match may_pass(&name, false) {
                        Ok(()) => self.set_property(key, &name, &text, Origin::Environment(name_of_variable.clone())),
                        Err((what, advice)) => faults.push(fault(what, advice)),
                    }
                }
                Place::Unknown(near) => faults.push(fault(
                    "there is no such key".into(),
                    near.map_or_else(|| meant(None), |near| format!("did you mean {}?", variable(near))),
                )),
            }
        }
    }
}

/// What a path means.
enum Place {
    Key(&'static Key),
    /// `…_file` of a secret.
    SecretFile(&'static Key),
    /// A name below a key of properties.
    Property(&'static Key, String),
    /// None; the nearest name.
    Unknown(Option<&'static str>),
}

fn place_of(path: &str) -> Place {
    if let Some(key) = KEYS.iter().find(|key| key.path == path) {
        return Place::Key(key);
    }
    let secret = path
        .strip_suffix("_file")
        .and_then(|path| KEYS.iter().find(|key| key.path == path && key.kind == Kind::Secret));
    if let Some(key) = secret {
        return Place::SecretFile(key);
    }
    let property = KEYS.iter().filter(|key| key.kind == Kind::Properties).find_map(|key| {
        let name = path.strip_prefix(key.path)?.strip_prefix('.')?;
        Some((key, name.to_owned()))
    });
    if let Some((key, name)) = property {
        return Place::Property(key, name);
    }
    Place::Unknown(nearest(path, KEYS.iter().map(|key| key.path)))
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(
        || "`seismolog config default` lists the keys".into(),
        |near| format!("did you mean {near}?"),
    )
}

/// Every value with its dotted path.
fn flatten<'t>(prefix: &str, table: &'t toml::Table, out: &mut Vec<(String, &'t toml::Value)>) {
    for (name, value) in table {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let known = KEYS
            .iter()
            .any(|key| key.path.starts_with(&format!("{path}.")) || (key.kind == Kind::Properties && key.path == path));
        match value.as_table() {
            Some(inner) if known || !inner.is_empty() => flatten(&path, inner, out),
            _ => out.push((path, value)),
        }
    }
}

/// Whether a section was written with nothing in it: it was meant, so it is told.
fn is_empty_table(table: &toml::Table, section: &str) -> bool {
    let mut steps = section.split('.');
    let first = steps.next().and_then(|step| table.get(step));
    let inner = steps.fold(first, |value, step| value?.as_table()?.get(step));
    inner.and_then(toml::Value::as_table).is_some_and(toml::Table::is_empty)
}

/// The key that turns a server on.
fn first_key(section: &str) -> &'static str {
    let of_section = |key: &&Key| key.path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
    KEYS.iter().find(of_section).map_or("its keys", |key| key.path)
}

/// The value of a property as text.
fn text_of(value: &toml::Value) -> Option<String> {
    Some(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Boolean(yes) => yes.to_string(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Array(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => return None,
    })
}

fn value_of(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Boolean(yes) => Value::Bool(*yes),
        toml::Value::Integer(number) => Value::Count(u64::try_from(*number).ok()?),
        toml::Value::Array(items) => Value::Texts(
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        ),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => return None,
    })
}

/// A variable's text as the kind of the key wants it; what cannot be read stays text and does not fit.
fn typed(key: &Key, text: &str) -> Value {
    let as_text = || Value::Text(text.to_owned());
    match key.kind {
        Kind::Texts => Value::Texts(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        Kind::Bool => text.parse().map_or_else(|_| as_text(), Value::Bool),
        Kind::Count { .. } => text.parse().map_or_else(|_| as_text(), Value::Count),
        Kind::Text
        | Kind::Duration { .. }
        | Kind::Bytes { .. }
        | Kind::Address
        | Kind::Zone
        | Kind::Path
        | Kind::Properties
        | Kind::Secret => as_text(),
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(format!("{} is empty", path.display())),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self {
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Value::Bool(yes) => write!(f, "{yes}"),
            Value::Properties(properties) => {
                let shown = |(name, value): (&String, &String)| {
                    let value = if is_secret(name) { quoted("***") } else { quoted(value) };
                    format!("{} = {value}", quoted(name))
                };
                let shown: Vec<String> = properties.iter().map(shown).collect();
                write!(f, "{{ {} }}", shown.join(", "))
            }
            Value::Count(count) => write!(f, "{count}"),
        }
    }
}
