use super::*;
use std::io::Write;

/// A folder that is followed, with a clock of its own.
struct World {
    _dir: tempfile::TempDir,
    root: PathBuf,
    now: i64,
    store: Vec<SourcePosition>,
    follower: Follower,
    meant: Vec<String>,
}

impl World {
    fn new(meant: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let meant: Vec<String> = meant
            .iter()
            .map(|name| root.join(name).to_string_lossy().into_owned())
            .collect();
        Self {
            follower: Follower::new(meant.clone(), KnownFiles::default(), FrameLimits::default()),
            _dir: dir,
            root,
            now: 1_000_000,
            store: Vec::new(),
            meant,
        }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.root.join(from), self.root.join(to)).unwrap();
    }

    /// Lets time pass and reads, a look each half second.
    fn after(&mut self, millis: i64) -> Vec<String> {
        let mut records = Vec::new();
        let until = self.now + millis;
        loop {
            self.follower.look(self.now);
            self.follower.read(self.now, 100, &mut |read| {
                records.push(String::from_utf8_lossy(read.record.bytes).into_owned());
                Verdict {
                    rejected: false,
                    full: false,
                }
            });
            for position in self.follower.moved() {
                self.store.retain(|known| known.source != position.source);
                self.store.push(position);
            }
            if self.now >= until {
                return records;
            }
            self.now += 500;
        }
    }

    /// What is told to be missing, without the folder of the test.
    fn awaited(&mut self) -> Vec<String> {
        let root = format!("{}/", self.root.display());
        let awaited = self.follower.awaited();
        awaited.iter().map(|path| path.replace(&root, "")).collect()
    }

    fn restart(&mut self) {
        self.follower = Follower::new(self.meant.clone(), KnownFiles::new(&self.store), FrameLimits::default());
    }
}

#[test]
fn growth_is_read_and_half_lines_wait() {
    let mut world = World::new(&["a.log"]);
    assert!(world.after(2_000).is_empty(), "what is not there yet may come");
    world.write("a.log", "{\"a\":1}\n{\"b\":");
    assert_eq!(world.after(10_000), ["{\"a\":1}"]);
    world.write("a.log", "2}\n");
    assert_eq!(world.after(1_000), ["{\"b\":2}"]);
    world.restart();
    world.write("a.log", "{\"c\":3}\n");
    assert_eq!(world.after(1_000), ["{\"c\":3}"]);
}

#[test]
fn a_stack_at_the_tail_is_complete_after_a_while() {
    let mut world = World::new(&["a.log"]);
    world.write("a.log", "ERROR boom\n\tat a.B\n");
    assert!(world.after(500).is_empty());
    world.write("a.log", "\tat c.D\n");
    assert!(world.after(1_000).is_empty());
    assert_eq!(world.after(3_000), ["ERROR boom\n\tat a.B\n\tat c.D"]);
}

#[test]
fn rotation_by_rename_loses_and_doubles_nothing() {
    for meant in ["a.log", "*.log*"] {
        let mut world = World::new(&[meant]);
        world.write("a.log", "{\"n\":1}\n");
        assert_eq!(world.after(1_000), ["{\"n\":1}"]);
        world.write("a.log", "{\"n\":2}\n");
        world.rename("a.log", "a.log.1");
        // The writer still holds the old file for a moment.
        world.write("a.log.1", "{\"n\":3}\n");
        world.write("a.log", "{\"n\":4}\n");
        let mut records = world.after(20_000);
        records.sort();
        assert_eq!(records, ["{\"n\":2}", "{\"n\":3}", "{\"n\":4}"], "{meant}");
        world.write("a.log", "{\"n\":5}\n");
        assert_eq!(world.after(1_000), ["{\"n\":5}"], "{meant}");
        world.restart();
        assert!(world.after(5_000).is_empty(), "{meant}");
    }
}

#[test]
fn what_was_rotated_while_we_were_away_is_read_to_its_end() {
    let mut world = World::new(&["a.log"]);
    world.write("a.log", "{\"n\":1}\n");
    assert_eq!(world.after(1_000), ["{\"n\":1}"]);
    world.write("a.log", "{\"n\":2}\n");
    world.rename("a.log", "a.log.1");
    world.write("a.log", "{\"n\":3}\n");
    world.restart();
    let mut records = world.after(2_000);
    records.sort();
    assert_eq!(records, ["{\"n\":2}", "{\"n\":3}"]);
    world.restart();
    assert!(world.after(10_000).is_empty());
}

#[test]
fn a_file_truncated_in_place_is_read_from_its_beginning() {
    let mut world = World::new(&["a.log"]);
    world.write("a.log", "{\"n\":1}\nERROR waits for more\n");
    assert_eq!(world.after(500), ["{\"n\":1}"]);
    fs::write(world.root.join("a.log"), "{\"m\":1}\n").unwrap();
    assert_eq!(world.after(500), ["ERROR waits for more", "{\"m\":1}"]);
    // Written beyond the old length before anybody looked.
    fs::write(world.root.join("a.log"), "{\"k\":1}\n{\"k\":2}\n{\"k\":3}\n").unwrap();
    assert_eq!(world.after(500), ["{\"k\":1}", "{\"k\":2}", "{\"k\":3}"]);
    world.restart();
    assert!(world.after(5_000).is_empty());
}

#[test]
fn new_files_of_a_folder_appear_and_deleted_ones_go() {
    let mut world = World::new(&["."]);
    world.write("a.log", "{\"n\":1}\n");
    assert_eq!(world.after(500), ["{\"n\":1}"]);
    world.write("b.log", "{\"n\":2}\n");
    assert_eq!(world.after(2_000), ["{\"n\":2}"]);
    assert_eq!(world.follower.files(), 2);
    fs::remove_file(world.root.join("a.log")).unwrap();
    assert!(world.after(10_000).is_empty());
    assert_eq!(world.follower.files(), 1);
}

#[test]
fn a_packed_file_in_a_followed_folder_is_read_once() {
    let mut world = World::new(&["."]);
    let packed = zstd::encode_all(&b"{\"n\":1}\nERROR tail\n"[..], 1).unwrap();
    fs::write(world.root.join("a.zst"), packed).unwrap();
    assert_eq!(world.after(5_000), ["{\"n\":1}", "ERROR tail"]);
    world.restart();
    assert!(world.after(5_000).is_empty());
}

#[test]
fn read_once_means_to_the_end_there_is_and_no_further() {
    let mut world = World::new(&["."]);
    world.write("a.log", "{\"n\":1}\nERROR tail");
    world.restart();
    world.follower = std::mem::replace(
        &mut world.follower,
        Follower::new(Vec::new(), KnownFiles::default(), FrameLimits::default()),
    )
    .once();
    assert_eq!(world.after(1_000), ["{\"n\":1}", "ERROR tail"]);
    world.write("a.log", "\n{\"n\":2}\n");
    world.write("b.log", "{\"n\":3}\n");
    assert!(world.after(5_000).is_empty());
    world.restart();
    let mut records = world.after(2_000);
    records.sort();
    assert_eq!(records, ["{\"n\":2}", "{\"n\":3}"]);
}

#[test]
fn what_is_not_there_yet_is_told_once_and_read_when_it_comes() {
    let mut world = World::new(&["app.jsonl", "logs/other.jsonl"]);
    assert_eq!(world.after(20_000), [""; 0]);
    assert_eq!(world.awaited(), ["app.jsonl", "logs/other.jsonl"]);
    world.after(20_000);
    assert_eq!(world.awaited(), [""; 0]);
    world.write("app.jsonl", "{\"a\":1}\n");
    assert_eq!(world.after(20_000), ["{\"a\":1}"]);
}
