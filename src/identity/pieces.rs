//! Pieces of runs of frames that were read before.
//!
//! The same frames come again and again, byte for byte, jar and line number included: all errors of a library share the
//! lines of the library. So runs are cut into pieces, and what reading a piece gave is kept under its bytes. A piece is
//! found without looking for the ends of its lines: what stands at a place says by its first bytes which piece it may be,
//! and a hash over as many bytes as that piece has says whether it is.
//!
//! Comes in: bytes of a record where a frame may begin. Goes out: what was read there before. What always holds: what is
//! found is what reading would give (a piece is whole frames, and a frame depends on its own bytes alone); where runs
//! are cut changes nothing, since sequences are put together ([`super::sequence`]); the table has one size for ever and
//! holds no bytes of records.

use super::sequence::Sequence;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// So many bytes say which pieces may stand at a place: most of a line. Fewer leave too many pieces to choose from, with more
/// the last lines of a run have none.
const WINDOW: usize = 64;
/// Longer pieces are not kept.
const LONGEST: usize = 8192;
/// Frames of a piece at most.
const MOST_FRAMES: usize = 24;
/// A piece ends where so many first bytes of the names change: what one program calls in a library is the library's, and
/// beside it stands what no other program has.
const PACKAGE: usize = 8;
/// Places of the table that pieces with the same beginning share.
const WAYS: usize = 4;
/// Groups of such places: with [`WAYS`] 16,384 pieces in 2 MB.
const GROUPS: usize = 4096;

/// How the frames of a piece are written. It seeds the hashes, so that the same bytes are looked for among pieces written
/// the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines as they are.
    Lines,
    /// Lines inside of a JSON string.
    EscapedLines,
    /// Objects of an array.
    Objects,
}

/// What reading a piece gave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Piece {
    /// Its bytes.
    pub(super) length: usize,
    /// Tabs before each of its lines.
    pub(super) tabs: u8,
    /// Its frames.
    pub(super) frames: Sequence,
}

/// A piece and what tells it from others.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Hash of its first bytes; 0 where nothing is kept.
    window: u64,
    /// A few of its bytes: most others differ there.
    sample: u64,
    /// Hash of its bytes.
    whole: u128,
    piece: Piece,
}

/// The pieces that were read last.
#[derive(Debug)]
pub(super) struct Pieces {
    groups: Vec<[Known; WAYS]>,
}

/// Where a piece may be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    window: u64,
    group: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            groups: vec![[Known::default(); WAYS]; GROUPS],
        }
    }
}

impl Pieces {
    /// Where a piece that begins with these bytes may be kept; nothing where too few bytes are left.
    pub(super) fn place(rest: &[u8], form: Form) -> Option<Place> {
        let window = xxh3_64_with_seed(rest.get(..WINDOW)?, form as u64) | 1;
        // The upper half, as the lowest bit is set.
        let group = usize::try_from(window >> 32).unwrap_or_default() % GROUPS;
        Some(Place { window, group })
    }

    /// The piece that `rest` begins with, if it was read before.
    pub(super) fn find(&self, rest: &[u8], place: Place) -> Option<&Piece> {
        let known = self.groups.get(place.group)?;
        known.iter().find_map(|known| {
            if known.window != place.window {
                return None;
            }
            let bytes = rest.get(..known.piece.length)?;
            (sample(bytes) == known.sample && xxh3_128(bytes) == known.whole).then_some(&known.piece)
        })
    }

    /// Keeps what reading `bytes` gave; they stand where `place` was made.
    pub(super) fn keep(&mut self, bytes: &[u8], place: Place, piece: Piece) {
        // The first bytes of a shorter one are not its own alone.
        if !(WINDOW..=LONGEST).contains(&bytes.len()) {
            return;
        }
        if let Some(known) = self.groups.get_mut(place.group) {
            known.rotate_right(1);
            if let Some(first) = known.first_mut() {
                *first = Known {
                    window: place.window,
                    sample: sample(bytes),
                    whole: xxh3_128(bytes),
                    piece,
                };
            }
        }
    }

    /// Whether a piece of so many frames, the last of which has this name, ends before a frame with the next name.
    pub(super) fn ends(frames: usize, last: &[u8], next: &[u8]) -> bool {
        frames >= MOST_FRAMES || last.get(..PACKAGE) != next.get(..PACKAGE)
    }
}

/// Bytes from all over a piece.
fn sample(bytes: &[u8]) -> u64 {
    let word = |at: usize| {
        let word = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>);
        u64::from_le_bytes(word.copied().unwrap_or_default())
    };
    let eighth = bytes.len() / 8;
    let near = word(eighth * 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ word(eighth * 5);
    near.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ word(eighth * 7) ^ word(bytes.len().saturating_sub(24)).rotate_left(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(length: usize) -> Piece {
        Piece {
            length,
            ..Piece::default()
        }
    }

    #[test]
    fn a_piece_is_found_by_its_bytes_alone() {
        let text = "frame of some class ".repeat(20);
        let rest = text.as_bytes();
        let mut pieces = Pieces::default();
        let place = Pieces::place(rest, Form::Lines).unwrap();
        assert!(pieces.find(rest, place).is_none());
        pieces.keep(&rest[..100], place, piece(100));
        assert_eq!(pieces.find(rest, place).map(|piece| piece.length), Some(100));
        assert!(pieces.find(&rest[..99], place).is_none(), "too few bytes are left");
        for at in 0..100 {
            let mut other = rest.to_vec();
            other[at] ^= 1;
            let place = Pieces::place(&other, Form::Lines).unwrap();
            assert!(pieces.find(&other, place).is_none(), "another byte at {at}");
        }
        let escaped = Pieces::place(rest, Form::EscapedLines).unwrap();
        assert!(pieces.find(rest, escaped).is_none(), "written in another way");
    }

    #[test]
    fn pieces_too_short_and_too_long_are_not_kept() {
        let text = vec![b'x'; 2 * LONGEST];
        let mut pieces = Pieces::default();
        let place = Pieces::place(&text, Form::Lines).unwrap();
        for length in [0, 1, WINDOW - 1, LONGEST + 1] {
            pieces.keep(&text[..length], place, piece(length));
            assert!(pieces.find(&text, place).is_none(), "{length}");
        }
        assert!(Pieces::place(&text[..WINDOW - 1], Form::Lines).is_none());
    }

    #[test]
    fn the_last_pieces_of_a_beginning_stay() {
        let mut pieces = Pieces::default();
        let text = |n: usize| format!("{}{n:03}{}", "x".repeat(WINDOW), "y".repeat(40));
        for n in 0..10 {
            let text = text(n);
            let place = Pieces::place(text.as_bytes(), Form::Lines).unwrap();
            pieces.keep(text.as_bytes(), place, piece(text.len()));
        }
        for n in 0..10 {
            let text = text(n);
            let place = Pieces::place(text.as_bytes(), Form::Lines).unwrap();
            assert_eq!(pieces.find(text.as_bytes(), place).is_some(), n + WAYS >= 10, "{n}");
        }
    }
}
