//! Opening: which way a file is packed, told by its first bytes and not by its name.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};

/// How a stream is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, also many members one after the other.
    Gzip,
    /// Zstandard, also many frames one after the other.
    Zstd,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::Plain => "plain",
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        })
    }
}

impl Packing {
    /// Told by the first bytes.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            _ => Packing::Plain,
        }
    }
}

/// The largest zstd window that is unpacked (128 MB, what `zstd` itself takes without `--long`): bounds memory.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The unpacked stream of a file, from its beginning.
pub(super) fn unpacked(file: File, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    stream(file, packing)
}

/// Opens a file for its unpacked stream, from the beginning.
///
/// # Errors
/// When it cannot be opened or its first bytes not be read.
pub fn open_unpacked(path: &std::path::Path) -> io::Result<Box<dyn Read + Send>> {
    let (input, _) = sniffed(Box::new(File::open(path)?))?;
    Ok(input)
}

/// The unpacked stream of any input, told by its first bytes.
pub(super) fn sniffed(mut input: Box<dyn Read + Send>) -> io::Result<(Box<dyn Read + Send>, Packing)> {
    let mut head = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut head)?;
    let packing = Packing::of(&head);
    let whole = io::Cursor::new(head).chain(input);
    Ok((stream(whole, packing)?, packing))
}

fn stream(input: impl Read + Send + 'static, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Plain => Box::new(input),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(
            256 * 1024,
            input,
        ))),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}
