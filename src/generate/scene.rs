//! What one record is filled with: slots to bytes.

use super::jobs::Job;
use super::random::{below, mix};
use super::template::Slot;

/// The parts of a time that change once a second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Second {
    second: Option<i64>,
    /// `2026-11-21T00:53:04`
    text: Vec<u8>,
}

impl Second {
    /// Moves to the second of `millis`.
    pub(crate) fn at(&mut self, millis: i64) {
        let second = millis.div_euclid(1000);
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            crate::event::EventTime::new(second.saturating_mul(1_000_000_000), 0).write_rfc3339(&mut self.text);
            self.text.pop();
        }
    }
}

/// What one record is filled with.
pub(crate) struct Scene<'a> {
    pub(crate) job: &'a Job,
    /// Where the numbers of this record come from.
    pub(crate) draw: u64,
    pub(crate) second: &'a Second,
    pub(crate) millis: i64,
    /// From 1.
    pub(crate) subtask: u64,
    pub(crate) attempt: u64,
    /// The TaskManager another process speaks of.
    pub(crate) peer: u64,
    /// Number of the instance of a data base, cache or file system, from 1.
    pub(crate) dependency: u64,
    pub(crate) checkpoint: u64,
    /// Which of the three lives of the process: lambda and accessor numbers change with it.
    pub(crate) life: u64,
    pub(crate) graph: (u64, u64),
    pub(crate) novel: &'a str,
    pub(crate) novel_class: &'a str,
}

impl Scene<'_> {
    /// Appends what a slot stands for.
    pub(crate) fn fill(&self, slot: Slot, out: &mut Vec<u8>) {
        match slot {
            Slot::Package => text(&self.job.package, out),
            Slot::Class => text(&self.job.class, out),
            Slot::Org => text(self.job.org, out),
            Slot::JobName => text(&self.job.name, out),
            Slot::JobId => text(&self.job.id, out),
            Slot::Cluster => text(&self.job.cluster, out),
            Slot::Namespace => text(&self.job.namespace, out),
            Slot::Team => text(&self.job.team, out),
            Slot::Jar => text(&self.job.jar, out),
            Slot::Version => text(self.job.version, out),
            Slot::Task => text(&self.job.task, out),
            Slot::Topic => text(&self.job.topic, out),
            Slot::Table => text(&self.job.table, out),
            Slot::Parallelism => number(self.job.parallelism, out),
            Slot::JobManagerId => text(self.job.job_manager().map_or("", |w| &w.id), out),
            Slot::JobManagerHost => text(self.job.job_manager().map_or("", |w| &w.host), out),
            Slot::JobManagerLog => text(self.job.job_manager().map_or("", |w| &w.log_file), out),
            Slot::Thread => {
                text(&self.job.task, out);
                text(" (", out);
                number(self.subtask, out);
                text("/", out);
                number(self.job.parallelism, out);
                text(")#", out);
                number(self.attempt, out);
            }
            Slot::Subtask => number(self.subtask, out),
            Slot::Attempt => {
                hex(self.graph.0, 16, out);
                hex(self.graph.1, 16, out);
                text("_", out);
                hex(mix(self.job.salt), 16, out);
                hex(mix(self.job.salt ^ 1), 16, out);
                text("_", out);
                number(self.subtask.saturating_sub(1), out);
                text("_", out);
                number(self.attempt, out);
            }
            Slot::ManagerId => text(self.job.task_manager(self.subtask).map_or("", |w| &w.id), out),
            Slot::ManagerHost => text(self.job.task_manager(self.subtask).map_or("", |w| &w.host), out),
            Slot::ManagerLog => text(self.job.task_manager(self.subtask).map_or("", |w| &w.log_file), out),
            Slot::PeerId => text(self.job.task_manager(self.peer).map_or("", |w| &w.id), out),
            Slot::PeerHost => text(self.job.task_manager(self.peer).map_or("", |w| &w.host), out),
            Slot::PeerIp => address(mix(self.job.salt ^ self.peer), out),
            Slot::Dependency => number(self.dependency, out),
            Slot::DatabasePort => number(5432 + self.dependency % 2, out),
            Slot::Checkpoint => number(self.checkpoint, out),
            Slot::IsoMillis => self.iso(b"Z", out),
            Slot::IsoOffset => self.iso(b"+0000", out),
            Slot::TextTime => {
                out.extend_from_slice(self.second.text.get(..10).unwrap_or_default());
                out.push(b' ');
                out.extend_from_slice(self.second.text.get(11..).unwrap_or_default());
                out.push(b',');
                padded(self.of_second(), 3, out);
            }
            Slot::EpochSeconds => number(u64::try_from(self.millis.div_euclid(1000)).unwrap_or(0), out),
            Slot::NanoOfSecond => number(self.of_second() * 1_000_000, out),
            Slot::EpochMillis => number(u64::try_from(self.millis).unwrap_or(0), out),
            Slot::IsoDate => out.extend_from_slice(self.second.text.get(..10).unwrap_or_default()),
            Slot::SlashDate => {
                let date = self.second.text.get(..10).unwrap_or_default();
                out.extend(date.iter().map(|b| if *b == b'-' { b'/' } else { *b }));
            }
            Slot::IsoTime => {
                out.extend_from_slice(&self.second.text);
                out.push(b'Z');
            }
            Slot::NovelClass => text(self.novel_class, out),
            Slot::NovelWord => text(self.novel, out),
            Slot::Lambda(place) => {
                let drawn = mix(self.job.salt ^ (place << 8) ^ self.life);
                text("$$Lambda$", out);
                number(300 + drawn % 1200, out);
                text("/0x00007f", out);
                hex(drawn >> 8, 10, out);
            }
            Slot::Accessor(place) => number(1 + mix(self.job.salt ^ (place << 8) ^ self.life) % 120, out),
            Slot::Digit => self.up_to(1, 9, 1, out),
            Slot::TwoDigits => self.up_to(2, 60, 2, out),
            Slot::Number => self.up_to(1, 5000, 3, out),
            Slot::Big => self.up_to(1_100_000, 90_000_000, 4, out),
            Slot::Millis => self.up_to(800, 120_000, 5, out),
            Slot::Id => self.up_to(1_000_000, 90_000_000_000, 6, out),
            Slot::Offset => self.up_to(10_000, 9_000_000_000, 7, out),
            Slot::Partition => self.up_to(0, 48, 8, out),
            Slot::Port => self.up_to(30_000, 30_000, 9, out),
            Slot::Ip => address(self.bits(10), out),
            Slot::Uuid => {
                let (high, low) = (self.bits(11), self.bits(12));
                hex(high >> 32, 8, out);
                text("-", out);
                hex(high >> 16, 4, out);
                text("-4", out);
                hex(high, 3, out);
                text("-a", out);
                hex(low >> 48, 3, out);
                text("-", out);
                hex(low, 12, out);
            }
            Slot::Hex8 => hex(self.bits(13), 8, out),
            Slot::Hex16 => hex(self.bits(14), 16, out),
            Slot::Hex32 => {
                hex(self.bits(15), 16, out);
                hex(self.bits(16), 16, out);
            }
        }
    }

    fn of_second(&self) -> u64 {
        u64::try_from(self.millis.rem_euclid(1000)).unwrap_or(0)
    }

    fn iso(&self, zone: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.second.text);
        out.push(b'.');
        padded(self.of_second(), 3, out);
        out.extend_from_slice(zone);
    }

    /// The bits of this record for a use.
    fn bits(&self, purpose: u64) -> u64 {
        mix(self.draw ^ (purpose << 32))
    }

    fn up_to(&self, from: u64, count: u64, purpose: u64, out: &mut Vec<u8>) {
        number(from + below(self.bits(purpose), count), out);
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(value.as_bytes());
}

/// Decimal digits.
fn number(value: u64, out: &mut Vec<u8>) {
    padded(value, 1, out);
}

/// Decimal digits, at least `width`.
fn padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    let mut rest = value;
    while rest > 0 || out.len() - begin < width {
        out.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
    }
    if let Some(digits) = out.get_mut(begin..) {
        digits.reverse();
    }
}

/// The lowest `digits` hex digits.
fn hex(value: u64, digits: u32, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for place in (0..digits).rev() {
        let nibble = usize::try_from((value >> (4 * place)) & 15).unwrap_or(0);
        out.push(HEX.get(nibble).copied().unwrap_or(b'0'));
    }
}

fn address(bits: u64, out: &mut Vec<u8>) {
    text("10.", out);
    number(bits % 32, out);
    text(".", out);
    number((bits >> 8) % 256, out);
    text(".", out);
    number(1 + (bits >> 16) % 250, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full() {
        let mut out = Vec::new();
        number(0, &mut out);
        out.push(b' ');
        number(9_070, &mut out);
        out.push(b' ');
        padded(7, 3, &mut out);
        out.push(b' ');
        hex(0xbeef, 6, &mut out);
        assert_eq!(out, b"0 9070 007 00beef");
    }
}
