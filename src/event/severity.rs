//! How bad, and which part an error plays in a failure. Both come from rules, not from log levels.

use std::fmt;
use std::str::FromStr;

/// The name is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not one of {known}")]
pub struct UnknownName {
    given: String,
    known: &'static str,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $known:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The name as written in outputs and rules.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok($name::$variant),)+
                    other => Err(UnknownName { given: other.chars().take(64).collect(), known: $known }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

names!(
    /// How bad an error is, worst last.
    Severity, "critical, high, medium, low, info" {
        /// Worth keeping, nothing to do.
        Info = "info",
        /// A hint.
        Low = "low",
        /// To be looked at in working hours.
        Medium = "medium",
        /// A job is failing or about to.
        High = "high",
        /// A job is down, or many are.
        Critical = "critical",
    }
);

names!(
    /// The part an error plays in a failure.
    Part, "root, symptom, noise" {
        /// May be the cause.
        Root = "root",
        /// A wrapper or a consequence: look for the cause elsewhere.
        Symptom = "symptom",
        /// Normal during start, restart, cancel or leader change.
        Noise = "noise",
    }
);
