#![allow(clippy::cast_possible_truncation, reason = "offsets of a few bytes")]

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    text: String,
    offset: u64,
    next: u64,
    too_large: Option<u64>,
    terminated: bool,
}

/// Hands out at most so many bytes per read.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buf.len());
        let (now, later) = self.0.split_at(count);
        buf[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

fn cuts_with(limits: FrameLimits, bytes: &[u8], drip: usize) -> Vec<Cut> {
    cuts_from(Framer::new(limits), bytes, drip)
}

fn cuts_from(mut framer: Framer, bytes: &[u8], drip: usize) -> Vec<Cut> {
    let mut input = Dripping(bytes, drip);
    let mut cuts = Vec::new();
    let mut tail = Tail::More;
    loop {
        while let Some(record) = framer.next(tail) {
            cuts.push(Cut {
                text: String::from_utf8_lossy(record.bytes).into_owned(),
                offset: record.offset,
                next: record.next,
                too_large: record.too_large,
                terminated: record.terminated,
            });
        }
        if tail == Tail::End {
            return cuts;
        }
        if framer.fill(&mut input).unwrap() == 0 {
            tail = Tail::End;
        }
    }
}

fn texts(bytes: &str) -> Vec<String> {
    cuts_with(FrameLimits::default(), bytes.as_bytes(), usize::MAX)
        .into_iter()
        .map(|cut| cut.text)
        .collect()
}

#[test]
fn streams_are_cut_where_records_end() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("\n\n \r\n", &[]),
        ("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}\r\n\r\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}\0{\"b\":2}\0", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}\r\n\0{\"b\":2}\r\n\0", &["{\"a\":1}", "{\"b\":2}"]),
        // complete="true": an array written record by record.
        ("[\r\n{\"a\":1}\r\n, {\"b\":2}\r\n]\r\n", &["{\"a\":1}", ", {\"b\":2}"]),
        ("[{\"a\":1},\n{\"b\":2}]\n", &["[{\"a\":1},", "{\"b\":2}]"]),
        (
            "[\n  {\n    \"a\": 1\n  },\n  {\n    \"b\": 2\n  }\n]\n",
            &["  {\n    \"a\": 1\n  },", "  {\n    \"b\": 2\n  }"],
        ),
        // Printed-out layout; ECS with the stack as an array over lines.
        (
            "{\r\n  \"a\" : 1,\r\n  \"b\" : { \"c\" : \"}\" }\r\n}\r\n{\"d\":1}\n",
            &["{\r\n  \"a\" : 1,\r\n  \"b\" : { \"c\" : \"}\" }\r\n}", "{\"d\":1}"],
        ),
        (
            "{\"a\":[\n\t\"x\",\n\t\"at y\"]}\n{\"b\":2}\n",
            &["{\"a\":[\n\t\"x\",\n\t\"at y\"]}", "{\"b\":2}"],
        ),
        // A writer that died: only its own line is lost.
        ("{\"a\":\"bro\n{\"b\":2}\n", &["{\"a\":\"bro", "{\"b\":2}"]),
        ("{\"a\":1,\n{\"b\":2}\n", &["{\"a\":1,", "{\"b\":2}"]),
        ("{\"a\":[{\"x\":1},\n{\"b\":2}\n", &["{\"a\":[{\"x\":1},", "{\"b\":2}"]),
        (
            "{\"a\":1,\n2026-01-02 03:04:05 ERROR x\n",
            &["{\"a\":1,", "2026-01-02 03:04:05 ERROR x"],
        ),
        ("{\n  \"a\": 1,\nShutting down\n", &["{\n  \"a\": 1,", "Shutting down"]),
        // Text with stacks.
        (
            "2026-01-02 03:04:05,678 ERROR a.B - boom\njava.lang.E: x\n\tat a.B.c(B.java:1)\nCaused by: y\n\t... 3 more\n2026-01-02 03:04:06,678 WARN z\n",
            &[
                "2026-01-02 03:04:05,678 ERROR a.B - boom\njava.lang.E: x\n\tat a.B.c(B.java:1)\nCaused by: y\n\t... 3 more",
                "2026-01-02 03:04:06,678 WARN z",
            ],
        ),
        (
            "ERROR a\n\nmore of it\n\n\nERROR b\n",
            &["ERROR a\n\nmore of it", "ERROR b"],
        ),
        // A printed-out object inside a text message; a log record between text.
        (
            "ERROR request was:\n{\n  \"id\": 1\n}\nERROR b\n",
            &["ERROR request was:\n{\n  \"id\": 1\n}", "ERROR b"],
        ),
        (
            "ERROR a\n{\"b\":2}\nlauncher note\nanother\n{\"c\":3}\n",
            &["ERROR a", "{\"b\":2}", "launcher note", "another", "{\"c\":3}"],
        ),
        // Stacks without a line in front.
        (
            "java.lang.E: x\n\tat a.B.c(B.java:1)\nCaused by: y\n\tat d\nnext\n",
            &["java.lang.E: x\n\tat a.B.c(B.java:1)\nCaused by: y\n\tat d", "next"],
        ),
        (
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nValueError: y\nnext\n",
            &[
                "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nValueError: y",
                "next",
            ],
        ),
        (
            "Exception in thread \"main\" a.B\n\tat c\n",
            &["Exception in thread \"main\" a.B\n\tat c"],
        ),
    ];
    for (input, wanted) in cases {
        assert_eq!(texts(input), *wanted, "{input:?}");
    }
}

#[test]
fn the_last_record_may_lack_its_line_end_and_says_so() {
    let cuts = cuts_with(FrameLimits::default(), b"{\"a\":1}\n{\"b\":", 3);
    assert!(cuts[0].terminated);
    assert_eq!((cuts[1].text.as_str(), cuts[1].terminated), ("{\"b\":", false));
    let cuts = cuts_with(FrameLimits::default(), b"ERROR a\n\tat b", 3);
    assert_eq!((cuts[0].text.as_str(), cuts[0].terminated), ("ERROR a\n\tat b", false));
}

#[test]
fn a_text_record_at_the_tail_is_complete_when_nothing_came_for_a_while() {
    let mut framer = Framer::new(FrameLimits::default());
    framer.fill(&mut Dripping(b"ERROR a\n\tat b\n", 100)).unwrap();
    assert!(framer.next(Tail::More).is_none());
    assert_eq!(framer.next(Tail::Idle).unwrap().bytes, b"ERROR a\n\tat b");
    framer.fill(&mut Dripping(b"ERROR b\n\tat", 100)).unwrap();
    assert!(framer.next(Tail::More).is_none());
    assert!(framer.next(Tail::Idle).is_none(), "the half line may belong to it");
    framer.fill(&mut Dripping(b" c\n{\"half\":", 100)).unwrap();
    assert!(framer.next(Tail::Idle).is_none(), "nor is it known what a half line is");
    framer.fill(&mut Dripping(b"1}\n", 100)).unwrap();
    assert_eq!(framer.next(Tail::More).unwrap().bytes, b"ERROR b\n\tat c");
    assert_eq!(framer.next(Tail::More).unwrap().bytes, b"{\"half\":1}");
}

#[test]
fn a_line_above_the_limit_is_told_with_its_length_and_costs_no_memory() {
    let limits = FrameLimits {
        record: 4 * CHUNK,
        kept: 100,
        ..FrameLimits::default()
    };
    let long = 64 * CHUNK;
    let mut bytes = b"{\"a\":1}\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', long));
    bytes.extend(b"\n{\"b\":2}\n");
    let mut framer = Framer::new(limits);
    let mut input = Dripping(&bytes, usize::MAX);
    let mut seen = Vec::new();
    let mut tail = Tail::More;
    loop {
        while let Some(record) = framer.next(tail) {
            seen.push((record.bytes.len(), record.too_large, record.offset, record.next));
        }
        assert!(framer.buffer.len() <= 8 * CHUNK);
        if tail == Tail::End {
            break;
        }
        if framer.fill(&mut input).unwrap() == 0 {
            tail = Tail::End;
        }
    }
    let after = 8 + long as u64 + 1;
    assert_eq!(seen[0], (7, None, 0, 8));
    assert_eq!(seen[1], (100, Some(long as u64), 8, after));
    assert_eq!(seen[2], (7, None, after, after + 8));
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_long_line_ends_the_text_record_before_it_and_may_be_the_last() {
    let limits = FrameLimits {
        record: CHUNK,
        kept: 10,
        ..FrameLimits::default()
    };
    let mut bytes = b"ERROR a\n\tat b\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 4 * CHUNK));
    let cuts = cuts_with(limits, &bytes, CHUNK);
    assert_eq!(cuts[0].text, "ERROR a\n\tat b");
    assert_eq!((cuts[1].too_large, cuts[1].terminated), (Some(4 * CHUNK as u64), false));
    assert_eq!(cuts.len(), 2);
}

#[test]
fn an_object_over_more_lines_than_the_limit_is_too_large() {
    let limits = FrameLimits {
        record: 1000,
        kept: 10,
        ..FrameLimits::default()
    };
    let mut text = String::from("{\n");
    for _ in 0..200 {
        text.push_str("  \"a\": 1,\n");
    }
    let cuts = cuts_with(limits, text.as_bytes(), usize::MAX);
    assert!(cuts[0].too_large.is_some_and(|length| length > 1000));
    assert_eq!(cuts[0].text.len(), 10);
}

#[test]
fn a_text_record_ends_at_its_bounds_and_the_rest_stays() {
    let limits = FrameLimits {
        lines: 3,
        ..FrameLimits::default()
    };
    let cuts = cuts_with(
        limits,
        b"ERROR a\n\tat 1\n\tat 2\n\tat 3\n\tat 4\nERROR b\n",
        usize::MAX,
    );
    let texts: Vec<_> = cuts.iter().map(|cut| cut.text.as_str()).collect();
    assert_eq!(texts, ["ERROR a\n\tat 1\n\tat 2", "\tat 3\n\tat 4", "ERROR b"]);
}

#[test]
fn a_resumed_stream_goes_on_where_it_was() {
    let bytes = b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";
    let framer = Framer::resumed(FrameLimits::default(), 8, &bytes[..8]);
    assert_eq!(framer.history(8), &bytes[..8]);
    let cuts = cuts_from(framer, &bytes[8..], 5);
    assert_eq!(cuts, cuts_with(FrameLimits::default(), bytes, 5)[1..]);
}

/// Pieces of which hostile and ordinary streams are made.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"{\"a\":1}".to_vec()),
        Just(b"{\"a\":[".to_vec()),
        Just(b"{".to_vec()),
        Just(b"}".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\\".to_vec()),
        Just(b", ".to_vec()),
        Just(b"[".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"\tat a.b(C)".to_vec()),
        Just(b"2026-01-02 03:04:05 ERROR x".to_vec()),
        Just(b"Caused by: x".to_vec()),
        Just(b"Traceback (most recent call last):".to_vec()),
        Just(b"some text".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn how_the_bytes_were_cut_into_reads_changes_nothing(bytes in any_stream(), drip in 1_usize..9) {
        let limits = FrameLimits { record: 60, text: 50, lines: 4, kept: 20 };
        prop_assert_eq!(cuts_with(limits, &bytes, usize::MAX), cuts_with(limits, &bytes, drip));
    }

    #[test]
    fn records_tile_the_stream_and_only_blanks_stand_between(bytes in any_stream()) {
        let cuts = cuts_with(FrameLimits::default(), &bytes, usize::MAX);
        let mut at = 0;
        for cut in &cuts {
            prop_assert!(cut.offset >= at && cut.next > cut.offset);
            for line in bytes[at as usize..cut.offset as usize].split(|b| *b == b'\n') {
                prop_assert_eq!(line::kind(line), LineKind::Blank);
            }
            prop_assert!(!line::trim_end(cut.text.as_bytes()).is_empty());
            at = cut.next;
        }
        for line in bytes[at as usize..].split(|b| *b == b'\n') {
            prop_assert_eq!(line::kind(line), LineKind::Blank);
        }
    }

    #[test]
    fn reading_on_from_any_position_gives_the_rest(bytes in any_stream(), at in any::<prop::sample::Index>()) {
        let whole = cuts_with(FrameLimits::default(), &bytes, usize::MAX);
        if whole.is_empty() {
            return Ok(());
        }
        let at = at.index(whole.len());
        let from = whole[at].next;
        let framer = Framer::resumed(FrameLimits::default(), from, &[]);
        prop_assert_eq!(&cuts_from(framer, &bytes[from as usize..], 7), &whole[at + 1..]);
    }
}
