//! Lines of a file or of stdin, borrowed from one buffer. A line beyond the limit is passed over, not held.

use std::io::{self, Read};

const CHUNK: usize = 1 << 20;

/// One line without its line break.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// As it stands.
    Whole(&'a [u8]),
    /// Longer than the limit; so many bytes long.
    TooLong(usize),
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
    at_end: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            limit,
            at_end: false,
        }
    }

    /// The next line, or nothing at the end.
    ///
    /// # Errors
    /// When reading fails.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut searched = self.start;
        loop {
            let unseen = self.buffer.get(searched..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unseen) {
                let line = self.start..searched + at;
                self.start = searched + at + 1;
                return Ok(self.buffer.get(line).map(Line::Whole));
            }
            searched = self.end;
            if self.at_end {
                let line = self.start..self.end;
                self.start = self.end;
                return Ok(if line.is_empty() {
                    None
                } else {
                    self.buffer.get(line).map(Line::Whole)
                });
            }
            if self.end - self.start > self.limit {
                return self.pass_over().map(Some);
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                searched -= self.start;
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.end < CHUNK / 2 {
                self.buffer.resize(self.buffer.len() + CHUNK, 0);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.reader.read(free) {
            Ok(0) => self.at_end = true,
            Ok(read) => self.end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn pass_over(&mut self) -> io::Result<Line<'static>> {
        let mut length = self.end - self.start;
        loop {
            self.start = 0;
            self.end = 0;
            self.fill()?;
            let read = self.buffer.get(..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', read) {
                self.start = at + 1;
                return Ok(Line::TooLong(length + at));
            }
            length += self.end;
            if self.at_end {
                self.start = self.end;
                return Ok(Line::TooLong(length));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_long_ones_are_passed_over() {
        let mut text = b"one\n\ntwo\r\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 5 << 20));
        text.extend_from_slice(b"\nlast");
        let mut lines = Lines::new(&text[..], 1 << 20);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push(match line {
                Line::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Line::TooLong(length) => format!("<{length}>"),
            });
        }
        assert_eq!(seen, ["one", "", "two\r", &format!("<{}>", 5 << 20), "last"]);
    }
}
