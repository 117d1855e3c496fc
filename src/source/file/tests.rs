use super::*;
use std::fs;
use std::io::Write;
use tempfile::TempDir;

/// Reads a file to its end as `ingest` does; a record that begins with `!` counts as rejected. Gives the records and
/// puts the position, if it moved, into the store.
fn read(path: &Path, store: &mut Vec<SourcePosition>) -> (Vec<String>, Option<SourceError>) {
    let mut known = KnownFiles::new(store);
    read_with(path, &mut known, store)
}

fn read_with(
    path: &Path,
    known: &mut KnownFiles,
    store: &mut Vec<SourcePosition>,
) -> (Vec<String>, Option<SourceError>) {
    let mut reader = FileReader::open(path, known, FrameLimits::default()).unwrap();
    let mut records = Vec::new();
    let fault = loop {
        let half = match reader.next(Tail::End) {
            Ok(Next::Record(record)) => {
                records.push(String::from_utf8_lossy(record.bytes).into_owned());
                let rejected = record.bytes.starts_with(b"{") && !record.bytes.ends_with(b"}");
                (rejected && !record.terminated).then_some((record.offset, record.next))
            }
            Ok(Next::Nothing) => break None,
            Err(fault) => break Some(fault),
        };
        if let Some((offset, next)) = half {
            reader.was_unfinished(offset, next);
        }
    };
    if let Some(position) = reader.moved() {
        store.retain(|known| known.source != position.source);
        store.push(position);
    }
    (records, fault)
}

fn records(path: &Path, store: &mut Vec<SourcePosition>) -> Vec<String> {
    let (records, fault) = read(path, store);
    assert!(fault.is_none(), "{fault:?}");
    records
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

struct Place {
    _dir: TempDir,
    root: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    Place { _dir: dir, root }
}

const A: &str = "{\"time\":\"2026-01-02T03:04:05Z\",\"a\":1}";
const B: &str = "{\"time\":\"2026-01-02T03:04:06Z\",\"b\":2}";
const C: &str = "{\"time\":\"2026-01-02T03:04:07Z\",\"c\":3}";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_read_twice_gives_nothing_the_second_time_and_only_the_rest_when_it_grew() {
    let place = place();
    let path = place.root.join("a.jsonl");
    let mut store = Vec::new();
    append(&path, &format!("{A}\n{B}\n"));
    assert_eq!(records(&path, &mut store), [A, B]);
    let stored = store.clone();
    assert!(records(&path, &mut store).is_empty());
    assert_eq!(store, stored, "nothing moved");
    append(&path, &format!("{C}\n"));
    assert_eq!(records(&path, &mut store), [C]);
    assert_eq!(store.len(), 1);
}

#[test]
fn a_renamed_a_packed_and_a_copied_over_file_are_the_same_file() {
    let place = place();
    let path = place.root.join("a.log");
    let renamed = place.root.join("a.log.1");
    let mut store = Vec::new();
    append(&path, &format!("{A}\n"));
    assert_eq!(records(&path, &mut store), [A]);

    append(&path, &format!("{B}\n"));
    fs::rename(&path, &renamed).unwrap();
    append(&path, &format!("{C}\n"));
    let mut known = KnownFiles::new(&store);
    assert_eq!(read_with(&path, &mut known, &mut store).0, [C]);
    assert_eq!(read_with(&renamed, &mut known, &mut store).0, [B]);
    assert!(records(&renamed, &mut store).is_empty() && records(&path, &mut store).is_empty());

    let packed = place.root.join("a.log.2.gz");
    fs::write(&packed, gzip(&format!("{A}\n{B}\n"))).unwrap();
    fs::remove_file(&renamed).unwrap();
    assert!(records(&packed, &mut store).is_empty());

    let other = place.root.join("copy");
    fs::copy(&path, &other).unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(records(&path, &mut store).is_empty());
}

#[test]
fn a_copy_beside_its_original_is_a_file_of_its_own() {
    let place = place();
    let (path, copy) = (place.root.join("a"), place.root.join("b"));
    let mut store = Vec::new();
    append(&path, &format!("{A}\n"));
    fs::copy(&path, &copy).unwrap();
    assert_eq!(records(&path, &mut store), [A]);
    assert_eq!(records(&copy, &mut store), [A]);
    assert!(records(&path, &mut store).is_empty() && records(&copy, &mut store).is_empty());
}

#[test]
fn a_truncated_and_a_replaced_file_begin_anew() {
    let place = place();
    let path = place.root.join("a.log");
    let mut store = Vec::new();
    append(&path, &format!("{A}\n{B}\n"));
    assert_eq!(records(&path, &mut store), [A, B]);
    fs::write(&path, format!("{C}\n")).unwrap();
    assert_eq!(records(&path, &mut store), [C]);
    fs::write(&path, format!("{B}\n{A}\n{C}\n")).unwrap();
    assert_eq!(records(&path, &mut store), [B, A, C], "longer than before, and another");
    assert!(records(&path, &mut store).is_empty());
}

#[test]
fn a_half_written_line_is_read_again_whole_once_it_has_grown() {
    let place = place();
    let path = place.root.join("a.log");
    let mut store = Vec::new();
    let (half, rest) = B.split_at(12);
    append(&path, &format!("{A}\n{half}"));
    assert_eq!(records(&path, &mut store), [A, half]);
    assert!(records(&path, &mut store).is_empty(), "told once");
    append(&path, &format!("{rest}\n{C}"));
    assert_eq!(records(&path, &mut store), [B, C]);
    assert!(records(&path, &mut store).is_empty());
    append(&path, &format!("\n{A}\n"));
    assert_eq!(
        records(&path, &mut store),
        [A],
        "the last line was whole though it had no end"
    );
}

#[test]
fn a_file_that_is_half_a_line_only_is_told_once_and_read_whole_later() {
    let place = place();
    let path = place.root.join("a.log");
    let mut store = Vec::new();
    let (half, rest) = B.split_at(12);
    append(&path, half);
    assert_eq!(records(&path, &mut store), [half]);
    assert!(records(&path, &mut store).is_empty());
    append(&path, rest);
    assert_eq!(records(&path, &mut store), [B]);
    assert!(records(&path, &mut store).is_empty());
}

#[test]
fn packed_files_are_read_over_all_their_members_whatever_they_are_called() {
    let place = place();
    let mut store = Vec::new();
    let path = place.root.join("a.log");
    let members = [gzip(&format!("{A}\n")), gzip(&format!("{B}\n"))].concat();
    fs::write(&path, &members).unwrap();
    assert_eq!(records(&path, &mut store), [A, B]);
    assert!(records(&path, &mut store).is_empty());
    fs::write(&path, [members, gzip(&format!("{C}\n"))].concat()).unwrap();
    assert_eq!(records(&path, &mut store), [C]);

    let path = place.root.join("b.zst");
    let frames = [A, B].map(|line| zstd::encode_all(format!("{line}\n").as_bytes(), 1).unwrap());
    fs::write(&path, frames.concat()).unwrap();
    assert_eq!(records(&path, &mut store), [A, B]);
    assert!(records(&path, &mut store).is_empty());
}

#[test]
fn a_damaged_archive_keeps_what_stood_before_and_goes_on_when_repaired() {
    let place = place();
    let path = place.root.join("a.gz");
    let mut store = Vec::new();
    // Lines that do not pack well, so that half the bytes are about half the lines.
    let lines: Vec<String> = (0..5_000_u64)
        .map(|i| {
            format!(
                "{{\"n\":{i},\"x\":\"{:x}\"}}",
                xxhash_rust::xxh3::xxh3_128(&i.to_le_bytes())
            )
        })
        .collect();
    let whole = gzip(&(lines.join("\n") + "\n"));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (before, fault) = read(&path, &mut store);
    assert!(matches!(fault, Some(SourceError::Damaged { .. })), "{fault:?}");
    assert!(before.len() > 1_000 && before.len() < 5_000);
    assert_eq!(before, lines[..before.len()]);

    let (again, fault) = read(&path, &mut store);
    assert!(again.is_empty() && fault.is_some(), "still damaged, nothing twice");

    fs::write(&path, &whole).unwrap();
    assert_eq!(records(&path, &mut store), lines[before.len()..]);
}

#[test]
fn a_stream_is_unpacked_too_and_has_no_position() {
    let bytes = gzip(&format!("{A}\n"));
    let mut reader =
        FileReader::stream("stdin".into(), Box::new(io::Cursor::new(bytes)), FrameLimits::default()).unwrap();
    assert!(matches!(reader.next(Tail::End), Ok(Next::Record(record)) if record.bytes == A.as_bytes()));
    assert!(reader.moved().is_none());
    let empty = FileReader::stream("stdin".into(), Box::new(io::empty()), FrameLimits::default());
    assert!(matches!(empty.unwrap().next(Tail::End), Ok(Next::Nothing)));
}
