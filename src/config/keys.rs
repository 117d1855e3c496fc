//! Every key once: what it holds, what it is when nobody says, and what it is for.

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A list of texts; in the environment parted by commas.
    Texts,
    /// `true` or `false`.
    Bool,
    /// A whole number within these bounds.
    Count {
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
    },
    /// A time with its unit (`250ms`, `1s`, `30d`) within these bounds, in milliseconds; `"off"` where it may be.
    Duration {
        /// Shortest.
        least: u64,
        /// Longest.
        most: u64,
        /// Whether `off` is meant to be said.
        may_be_off: bool,
    },
    /// Bytes with their unit (`48MB`); `"off"` where it may be.
    Bytes {
        /// Fewest.
        least: u64,
        /// Most.
        most: u64,
        /// Whether `off` is meant to be said.
        may_be_off: bool,
    },
    /// `host:port`.
    Address,
    /// A time zone: `UTC`, `Asia/Shanghai`, `+08:00`.
    Zone,
    /// A folder or file.
    Path,
    /// Names and values that are not ours to know: `{ "fetch.wait.max.ms" = 100 }`; by environment one variable each.
    Properties,
    /// A secret: by environment, or the path of a file that holds it under the name with `_file` behind it.
    Secret,
}

pub use super::table::KEYS;

/// Servers: a section of these counts only where its first key is set, so the default file shows it as a comment.
pub(super) const SERVERS: &[&str] = &["source.kafka", "elasticsearch", "druid"];

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted path.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The default as TOML; empty: unset.
    pub default: &'static str,
    /// What could stand there, as TOML, where there is no default.
    pub example: &'static str,
    /// For whom reads `config default`.
    pub help: &'static str,
}

/// What every variable of ours begins with.
pub const ENVIRONMENT: &str = "SEISMOLOG_";

/// The variable that sets a key.
#[must_use]
pub fn variable(path: &str) -> String {
    format!("{ENVIRONMENT}{}", path.to_uppercase().replace('.', "__"))
}

/// The default configuration as a commented file.
#[must_use]
pub fn default_file() -> String {
    let mut out = String::from(
        "# seismolog.toml: every key with its default. Every key can also be set by environment, for example\n# \
         SEISMOLOG_STORE__PATH=/var/lib/seismolog; lists are parted by commas there.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if of != section {
            section = of;
            let hidden = if SERVERS.contains(&section) { "# " } else { "" };
            out.push_str(&format!("\n{hidden}[{section}]\n"));
        }
        out.push_str(&format!("# {}\n", key.help));
        // What has no default is shown by an example, as a comment.
        if (SERVERS.contains(&section) || key.default.is_empty()) && key.kind != Kind::Secret {
            let value = if key.default.is_empty() {
                key.example
            } else {
                key.default
            };
            out.push_str(&format!("# {name} = {value}\n"));
            continue;
        }
        if key.kind == Kind::Secret {
            out.push_str(&format!(
                "# {name}_file = \"/run/secrets/{name}\"   # or {}\n",
                variable(key.path)
            ));
        } else {
            out.push_str(&format!("{name} = {}\n", key.default));
        }
    }
    out
}
