//! A record with holes: literal bytes and slots, so that a record costs copies and a few numbers.

use super::scene::Scene;

/// What is filled in. The names in braces are those of `families.txt` and `layouts.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    // Of the job.
    Package,
    Class,
    Org,
    JobName,
    JobId,
    Cluster,
    Namespace,
    Team,
    Jar,
    Version,
    Task,
    Topic,
    Table,
    Parallelism,
    JobManagerId,
    JobManagerHost,
    JobManagerLog,
    // Of the record, the same wherever it stands in it.
    Thread,
    Subtask,
    Attempt,
    ManagerId,
    ManagerHost,
    ManagerLog,
    PeerId,
    PeerHost,
    PeerIp,
    Dependency,
    DatabasePort,
    Checkpoint,
    IsoMillis,
    IsoOffset,
    TextTime,
    EpochSeconds,
    NanoOfSecond,
    EpochMillis,
    IsoDate,
    SlashDate,
    IsoTime,
    NovelClass,
    NovelWord,
    /// `$$Lambda$812/0x00007fde1c6210b8`: three values per job; the number tells slots of one record apart.
    Lambda(u64),
    /// Number of a generated accessor: three values per job.
    Accessor(u64),
    // New in each record, the same wherever it stands in it: a message comes again in its stack.
    Digit,
    TwoDigits,
    Number,
    Big,
    Millis,
    Id,
    Offset,
    Partition,
    Port,
    Ip,
    Uuid,
    Hex8,
    Hex16,
    Hex32,
}

/// Names of slots, `lambda` and `accessor` aside.
const NAMES: [(&str, Slot); 53] = [
    ("pkg", Slot::Package),
    ("cls", Slot::Class),
    ("org", Slot::Org),
    ("job", Slot::JobName),
    ("jobid", Slot::JobId),
    ("cluster", Slot::Cluster),
    ("namespace", Slot::Namespace),
    ("team", Slot::Team),
    ("jar", Slot::Jar),
    ("version", Slot::Version),
    ("task", Slot::Task),
    ("topic", Slot::Topic),
    ("table", Slot::Table),
    ("par", Slot::Parallelism),
    ("jmid", Slot::JobManagerId),
    ("jmhost", Slot::JobManagerHost),
    ("jmlog", Slot::JobManagerLog),
    ("thread", Slot::Thread),
    ("sub", Slot::Subtask),
    ("attempt", Slot::Attempt),
    ("tmid", Slot::ManagerId),
    ("tmhost", Slot::ManagerHost),
    ("tmlog", Slot::ManagerLog),
    ("peerid", Slot::PeerId),
    ("peerhost", Slot::PeerHost),
    ("peerip", Slot::PeerIp),
    ("dep", Slot::Dependency),
    ("pgport", Slot::DatabasePort),
    ("chk", Slot::Checkpoint),
    ("iso", Slot::IsoMillis),
    ("isooffset", Slot::IsoOffset),
    ("texttime", Slot::TextTime),
    ("epochs", Slot::EpochSeconds),
    ("nanos", Slot::NanoOfSecond),
    ("epochms", Slot::EpochMillis),
    ("isodate", Slot::IsoDate),
    ("slashdate", Slot::SlashDate),
    ("isotime", Slot::IsoTime),
    ("Novel", Slot::NovelClass),
    ("novel", Slot::NovelWord),
    ("digit", Slot::Digit),
    ("num2", Slot::TwoDigits),
    ("num", Slot::Number),
    ("big", Slot::Big),
    ("ms", Slot::Millis),
    ("id", Slot::Id),
    ("offset", Slot::Offset),
    ("part", Slot::Partition),
    ("port", Slot::Port),
    ("ip", Slot::Ip),
    ("uuid", Slot::Uuid),
    ("hex8", Slot::Hex8),
    ("hex16", Slot::Hex16),
];

impl Slot {
    fn named(name: &str, ordinal: u64) -> Option<Slot> {
        match name {
            "lambda" => Some(Slot::Lambda(ordinal)),
            "accessor" => Some(Slot::Accessor(ordinal)),
            "hex32" => Some(Slot::Hex32),
            _ => NAMES.iter().find(|(known, _)| *known == name).map(|(_, slot)| *slot),
        }
    }
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(Vec<u8>),
    Slot(Slot),
}

/// Literal bytes with slots between them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    ordinal: u64,
}

impl Template {
    /// Appends text, `{slot}`s filled later; `{{` and `}}` are braces. `as_json`: escaped as the inside of a JSON string.
    pub(crate) fn push(&mut self, text: &str, escape: Escape) -> Result<(), String> {
        let mut rest = text;
        while let Some((before, from)) = rest.split_once('{') {
            self.literal(&before.replace("}}", "}"), escape);
            if let Some(after) = from.strip_prefix('{') {
                self.literal("{", escape);
                rest = after;
                continue;
            }
            let (name, after) = from.split_once('}').ok_or_else(|| format!("open brace in {text:?}"))?;
            let slot = Slot::named(name, self.ordinal).ok_or_else(|| format!("unknown slot {name:?} in {text:?}"))?;
            if matches!(slot, Slot::Lambda(_) | Slot::Accessor(_)) {
                self.ordinal += 1;
            }
            self.pieces.push(Piece::Slot(slot));
            rest = after;
        }
        self.literal(&rest.replace("}}", "}"), escape);
        Ok(())
    }

    /// Appends text as it stands, braces and all.
    pub(crate) fn raw(&mut self, text: &str) {
        self.literal(text, Escape::No);
    }

    fn literal(&mut self, text: &str, escape: Escape) {
        if text.is_empty() {
            return;
        }
        let mut bytes = Vec::new();
        match escape {
            Escape::Json => crate::event::escape_into(text, &mut bytes),
            Escape::No => bytes.extend_from_slice(text.as_bytes()),
        }
        match self.pieces.last_mut() {
            Some(Piece::Literal(last)) => last.extend_from_slice(&bytes),
            _ => self.pieces.push(Piece::Literal(bytes)),
        }
    }

    /// Appends the record to `out`.
    pub(crate) fn render(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.extend_from_slice(bytes),
                Piece::Slot(slot) => scene.fill(*slot, out),
            }
        }
    }
}

/// How literal text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// As the inside of a JSON string.
    Json,
    /// As it is.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_braces_are_braces() {
        let mut template = Template::default();
        template.push("a{{b}} {{{{c}}", Escape::No).unwrap();
        let literal: Vec<u8> = template
            .pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Literal(bytes) => bytes.clone(),
                Piece::Slot(slot) => panic!("{slot:?}"),
            })
            .collect();
        assert_eq!(literal, b"a{b} {{c}");
    }

    #[test]
    fn a_slot_nobody_knows_is_refused() {
        let mut template = Template::default();
        assert!(template.push("a {nobody} b", Escape::No).is_err());
        assert!(template.push("a {open", Escape::No).is_err());
    }
}
