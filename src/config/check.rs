//! What is wrong: all of it in one run, each with its key, value and remedy.

use super::keys::{Key, Kind};
use super::raw::{Setting, Settings, Value};
use super::{Config, Secret, units};
use crate::fold::FoldLimits;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where rules are looked for when nobody says; where nothing is there, the shipped ones are used.
const RULES: &str = "rules";

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// Where it was written: the file, or the variable.
    pub place: String,
    /// The key, where it is one.
    pub key: String,
    /// What is wrong, with the value.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.advice)
    }
}

/// At least one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}

/// Whether a value fits its key; the advice if not.
pub(super) fn fits(key: &Key, value: &Value) -> Result<(), String> {
    let wrong = |wanted: String| Err(wanted);
    match (key.kind, value) {
        (Kind::Text | Kind::Path | Kind::Secret, Value::Text(text)) if !text.is_empty() => Ok(()),
        (Kind::Text | Kind::Path | Kind::Secret, _) => wrong("write a text in quotes".into()),
        (Kind::Texts, Value::Text(text)) if text.is_empty() => wrong("write a text, or a list: [\"a\", \"b\"]".into()),
        // One is a list of one.
        (Kind::Texts, Value::Texts(_) | Value::Text(_)) | (Kind::Bool, Value::Bool(_)) => Ok(()),
        (Kind::Properties, Value::Properties(_)) => Ok(()),
        (Kind::Properties, _) => wrong("write a table: { \"fetch.wait.max.ms\" = 100 }".into()),
        (Kind::Texts, _) => wrong("write a list of texts: [\"a\", \"b\"]".into()),
        (Kind::Bool, _) => wrong("write true or false".into()),
        (Kind::Count { least, most }, Value::Count(count)) if (least..=most).contains(count) => Ok(()),
        (Kind::Count { least, most }, _) => wrong(format!("write a whole number from {least} to {most}")),
        (Kind::Duration { may_be_off: true, .. } | Kind::Bytes { may_be_off: true, .. }, Value::Text(text))
            if text == "off" =>
        {
            Ok(())
        }
        (
            Kind::Duration {
                least,
                most,
                may_be_off,
            },
            value,
        ) => {
            let millis = match value {
                Value::Text(text) => units::duration(text).and_then(|d| u64::try_from(d.as_millis()).ok()),
                Value::Texts(_) | Value::Bool(_) | Value::Count(_) | Value::Properties(_) => None,
            };
            match millis {
                Some(millis) if (least..=most).contains(&millis) => Ok(()),
                _ => wrong(format!(
                    "write a time with its unit (\"250ms\", \"1s\", \"30d\") from {least} to {most} ms{}",
                    or_off(may_be_off)
                )),
            }
        }
        (
            Kind::Bytes {
                least,
                most,
                may_be_off,
            },
            value,
        ) => {
            let bytes = match value {
                Value::Text(text) => units::bytes(text),
                Value::Count(count) => Some(*count),
                Value::Texts(_) | Value::Bool(_) | Value::Properties(_) => None,
            };
            match bytes {
                Some(bytes) if (least..=most).contains(&bytes) => Ok(()),
                _ => wrong(format!(
                    "write a size with its unit (\"48MB\") from {least} to {most} bytes{}",
                    or_off(may_be_off)
                )),
            }
        }
        (Kind::Address, Value::Text(text)) if text.parse::<SocketAddr>().is_ok() => Ok(()),
        (Kind::Address, _) => wrong("write an address and a port: \"127.0.0.1:8420\"".into()),
        (Kind::Zone, Value::Text(text)) if zone(text).is_some() => Ok(()),
        (Kind::Zone, _) => wrong("write a time zone: \"UTC\", \"Asia/Shanghai\", \"+08:00\"".into()),
    }
}

fn or_off(may_be_off: bool) -> &'static str {
    if may_be_off { ", or \"off\"" } else { "" }
}

/// A zone by name or as an offset.
pub(crate) fn zone(text: &str) -> Option<jiff::tz::TimeZone> {
    if text.eq_ignore_ascii_case("z") {
        return Some(jiff::tz::TimeZone::UTC);
    }
    if let Some(digits) = text.strip_prefix(['+', '-']) {
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        if hours > 18 || minutes > 59 {
            return None;
        }
        let seconds = hours * 3_600 + minutes * 60;
        let signed = if text.starts_with('-') { -seconds } else { seconds };
        return Some(jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(signed).ok()?));
    }
    jiff::tz::TimeZone::get(text).ok()
}

impl Settings {
    /// What the values mean together.
    ///
    /// # Errors
    /// Faults that show only now: values that contradict each other.
    pub fn meaning(&self) -> Result<Config, ConfigFaults> {
        let mut faults = Vec::new();
        let duration = |path| self.text(path).and_then(|text| units::duration(&text));
        let bytes = |path| match self.value(path) {
            Some(Value::Count(count)) => Some(*count),
            Some(Value::Text(text)) => units::bytes(text),
            Some(Value::Texts(_) | Value::Bool(_) | Value::Properties(_)) | None => None,
        };
        let bind = self
            .text("serve.bind")
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8420)));
        let viewer_token = self.text("serve.viewer_token").map(Secret::new);
        let editor_token = self.text("serve.editor_token").map(Secret::new);
        for (path, token) in [
            ("serve.viewer_token", &viewer_token),
            ("serve.editor_token", &editor_token),
        ] {
            let short = token.as_ref().filter(|token| token.expose().len() < 16);
            if let (Some(short), Some(setting)) = (short, self.get(path)) {
                faults.push(setting.fault(
                    path,
                    format!("the token has {} characters", short.expose().len()),
                    "take at least 16",
                ));
            }
        }
        let unguarded = !bind.ip().is_loopback() && viewer_token.is_none() && editor_token.is_none();
        if let Some(setting) = self.get("serve.bind").filter(|_| unguarded) {
            faults.push(setting.fault(
                "serve.bind",
                format!("{bind} can be reached from other machines and no token is set"),
                "set serve.editor_token_file or serve.viewer_token_file, or bind to 127.0.0.1",
            ));
        }
        let rules = self.text("rules.path").map(PathBuf::from);
        let rules = match (rules, self.get("rules.path")) {
            (Some(path), Some(setting)) if !path.join("errors").is_dir() => {
                // The default written out means what it means unwritten.
                let meant = path != Path::new(RULES);
                if meant && !path.is_dir() {
                    faults.push(setting.fault(
                        "rules.path",
                        format!("there is no folder {}", path.display()),
                        "name a folder of rules, or leave the key out for the shipped rules",
                    ));
                }
                meant.then_some(path)
            }
            (rules, _) => rules,
        };
        let servers = self.servers(&mut faults);
        let url = self.pages_url(&mut faults);
        if !faults.is_empty() {
            return Err(ConfigFaults(faults));
        }
        let fold = FoldLimits::default();
        Ok(Config {
            default_zone: self
                .text("source.default_zone")
                .and_then(|text| zone(&text))
                .unwrap_or(jiff::tz::TimeZone::UTC),
            files: self.texts("source.files.paths"),
            follow: self.bool("source.files.follow"),
            flush_interval: duration("process.flush_interval").unwrap_or(Duration::from_secs(1)),
            fold: FoldLimits {
                keys: self
                    .count("process.max_keys")
                    .and_then(|keys| usize::try_from(keys).ok())
                    .unwrap_or(fold.keys),
                bytes: bytes("process.max_bytes")
                    .and_then(|bytes| usize::try_from(bytes).ok())
                    .unwrap_or(fold.bytes),
            },
            store: self
                .text("store.path")
                .map_or_else(|| "seismolog-data".into(), PathBuf::from),
            retention_age: duration("store.retention.age"),
            retention_bytes: bytes("store.retention.size"),
            bind,
            hosts: self.texts("serve.hosts"),
            url,
            ingest: self.bool("serve.ingest"),
            viewer_token,
            editor_token,
            threads: self
                .count("process.threads")
                .and_then(|threads| usize::try_from(threads).ok())
                .unwrap_or(1),
            kafka: servers.kafka,
            topics: servers.topics,
            topic_plan: servers.topic_plan,
            elasticsearch: servers.elasticsearch,
            druid: servers.druid,
            rules,
        })
    }
}

impl Setting {
    pub(super) fn fault(&self, key: &str, what: String, advice: &str) -> ConfigFault {
        ConfigFault {
            place: self.origin.to_string(),
            key: key.to_owned(),
            what,
            advice: advice.to_owned(),
        }
    }
}
