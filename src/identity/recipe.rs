//! From the pieces of an identity to its 128 bits.

use super::RECIPE_VERSION;
use xxhash_rust::xxh3::xxh3_128;

/// Collects the pieces of an identity. Each goes in with its length, so that `ab`, `c` is not `a`, `bc`.
#[derive(Debug)]
pub(super) struct Recipe {
    bytes: Vec<u8>,
}

impl Recipe {
    /// Begins with the version and with what is made (`fingerprint` and `group` must never meet).
    #[must_use]
    pub(super) fn begin(version: u16, what: &str) -> Self {
        let mut recipe = Self {
            bytes: Vec::with_capacity(256),
        };
        recipe.bytes.extend_from_slice(&version.to_le_bytes());
        recipe.field(what);
        recipe
    }

    /// Adds a piece.
    pub(super) fn field(&mut self, piece: &str) {
        self.bytes.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(piece.as_bytes());
    }

    /// The 128 bits.
    #[must_use]
    pub(super) fn finish(&self) -> u128 {
        xxh3_128(&self.bytes)
    }

    /// The bits of named pieces under the present version.
    #[must_use]
    pub(super) fn of(what: &str, pieces: &[super::Piece]) -> u128 {
        let mut recipe = Self::begin(RECIPE_VERSION, what);
        for piece in pieces {
            recipe.field(&piece.name);
            recipe.field(&piece.value);
        }
        recipe.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> u128 {
        let mut recipe = Recipe::begin(1, "x");
        for field in fields {
            recipe.field(field);
        }
        recipe.finish()
    }

    #[test]
    fn the_border_between_pieces_counts() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }

    #[test]
    fn the_version_counts_and_the_value_is_the_same_on_every_machine() {
        assert_ne!(Recipe::begin(1, "x").finish(), Recipe::begin(2, "x").finish());
        assert_eq!(
            of(&["java.lang.NullPointerException"]),
            of(&["java.lang.NullPointerException"])
        );
    }
}
