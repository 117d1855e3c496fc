//! Identities: 128 bits, written as 32 hex digits.

use std::fmt;
use std::str::FromStr;

/// The text was not 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: 32 hexadecimal digits are wanted")]
pub struct ParseIdError(String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                let value = if digits { u128::from_str_radix(text, 16).ok() } else { None };
                value.map(Self).ok_or_else(|| ParseIdError(text.chars().take(64).collect()))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl $name {
            /// Appends the 32 hex digits, without going through the formatter.
            pub fn write_hex(self, out: &mut Vec<u8>) {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or(b'0');
                let pairs = self.0.to_be_bytes().map(|byte| [digit(byte >> 4), digit(byte & 15)]);
                out.extend_from_slice(pairs.as_flattened());
            }

            /// The id as 16 bytes, most significant first: how stores keep it.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The id of 16 bytes, most significant first.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }
    };
}

id!(
    /// Stable identity of an error, over jobs, hosts, runs and releases of seismolog that share a recipe.
    Fingerprint
);
id!(
    /// Coarse identity: root exception class and owner frame. A fingerprint belongs to one group.
    Group
);
id!(
    /// An alert: the same over all changes of its state, and the same when the past is played again.
    AlertId
);
id!(
    /// One (job, fingerprint): what a person follows up.
    IssueId
);

impl IssueId {
    /// The issue of a fingerprint in a job. Each part goes in with its length, so that no two pairs meet.
    #[must_use]
    pub fn of(job: &str, fingerprint: Fingerprint) -> Self {
        let mut bytes = Vec::with_capacity(job.len() + 24);
        bytes.extend_from_slice(&(job.len() as u64).to_le_bytes());
        bytes.extend_from_slice(job.as_bytes());
        bytes.extend_from_slice(&fingerprint.to_bytes());
        Self(xxhash_rust::xxh3::xxh3_128(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_written_as_they_are_displayed() {
        for id in [0, 1, 0x0123_4567_89ab_cdef, u128::MAX, 0xa5 << 64] {
            let mut out = Vec::new();
            Group(id).write_hex(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), Group(id).to_string());
        }
    }
}
