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
    /// A secret: by environment, or the path of a file that holds it under the name with `_file` behind it.
    Secret,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted path.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The default as TOML; empty: unset.
    pub default: &'static str,
    /// For whom reads `config default`.
    pub help: &'static str,
}

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
const MB: u64 = 1 << 20;

/// All keys, section by section.
pub const KEYS: &[Key] = &[
    Key {
        path: "source.default_zone",
        kind: Kind::Zone,
        default: "\"UTC\"",
        help: "zone of times that were written without one",
    },
    Key {
        path: "source.files.paths",
        kind: Kind::Texts,
        default: "[]",
        help: "files, folders and patterns to read: [\"/var/log/flink\", \"/data/*/log/*.log*\"]",
    },
    Key {
        path: "source.files.follow",
        kind: Kind::Bool,
        default: "true",
        help: "go on reading as they grow and are rotated; false reads them once",
    },
    Key {
        path: "process.flush_interval",
        kind: Kind::Duration {
            least: 10,
            most: MINUTE,
            may_be_off: false,
        },
        default: "\"1s\"",
        help: "how long events are folded before they are stored",
    },
    Key {
        path: "process.max_keys",
        kind: Kind::Count {
            least: 1,
            most: 10_000_000,
        },
        default: "50000",
        help: "distinct (error, place, minute) that are folded before they are stored earlier",
    },
    Key {
        path: "process.max_bytes",
        kind: Kind::Bytes {
            least: MB,
            most: 16 << 30,
            may_be_off: false,
        },
        default: "\"48MB\"",
        help: "memory of a fold before it is stored earlier; up to three are held",
    },
    Key {
        path: "store.path",
        kind: Kind::Path,
        default: "\"seismolog-data\"",
        help: "folder of the embedded store",
    },
    Key {
        path: "store.retention.age",
        kind: Kind::Duration {
            least: 60 * MINUTE,
            most: 36_500 * DAY,
            may_be_off: true,
        },
        // Off: who reads an archive of old logs must not see it vanish with the next start of the service.
        default: "\"off\"",
        help: "events that happened longer ago are removed (\"30d\"); \"off\" keeps them",
    },
    Key {
        path: "store.retention.size",
        kind: Kind::Bytes {
            least: 16 * MB,
            most: 1 << 50,
            may_be_off: true,
        },
        default: "\"20GB\"",
        help: "above this size the oldest events are removed; \"off\" lets it grow",
    },
    Key {
        path: "serve.bind",
        kind: Kind::Address,
        default: "\"127.0.0.1:8420\"",
        help: "address of the pages and the API; another than loopback needs tokens",
    },
    Key {
        path: "serve.hosts",
        kind: Kind::Texts,
        default: "[]",
        help: "host names the pages are reached by behind a proxy",
    },
    Key {
        path: "serve.ingest",
        kind: Kind::Bool,
        default: "true",
        help: "take records by POST /api/v1/ingest",
    },
    Key {
        path: "serve.viewer_token",
        kind: Kind::Secret,
        default: "",
        help: "token of those who may read, at least 16 characters",
    },
    Key {
        path: "serve.editor_token",
        kind: Kind::Secret,
        default: "",
        help: "token of those who may also change and push, at least 16 characters",
    },
    Key {
        path: "rules.path",
        kind: Kind::Path,
        default: "\"rules\"",
        help: "folder of rules; where the default is not there the shipped rules are used",
    },
];

/// Sections the design gives a name to and this release does not speak to. Set, they are told, never passed over.
pub(super) const LATER: &[(&str, &str)] = &[
    ("source.kafka", "Kafka"),
    ("elasticsearch", "Elasticsearch"),
    ("druid", "Druid"),
];

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
            out.push_str(&format!("\n[{section}]\n"));
        }
        out.push_str(&format!("# {}\n", key.help));
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
