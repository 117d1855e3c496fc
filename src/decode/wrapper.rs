//! What stands before a line that another process passed on: the prefix of a container runtime, the header of syslog.

use super::level::Scale;
use super::record::{Layer, Reader};
use super::time;
use crate::event::{Field, Text};
use std::borrow::Cow;

impl Reader<'_> {
    /// Kubernetes' container runtime: `2026-01-02T03:04:05.678901234Z stdout F <line>`, one prefix per line.
    pub(crate) fn container_runtime<'x>(
        &self,
        text: &'x str,
        outer: Option<&'x Layer<'x>>,
    ) -> Option<(Layer<'x>, Cow<'x, str>)> {
        let first = cri_line(text.lines().next()?)?;
        let mut layer = Layer {
            time: first.stamp.at(self.zone),
            truncated: false,
            depth: 1,
            ..Layer::default()
        };
        layer.fields.push(Field {
            path: "stream".into(),
            value: first.stream.into(),
        });
        let mut inside = String::with_capacity(text.len());
        let mut partial = false;
        for line in text.lines() {
            match cri_line(line) {
                Some(part) => {
                    inside.push_str(part.rest);
                    partial = part.partial;
                    if !partial {
                        inside.push('\n');
                    }
                }
                None => {
                    inside.push_str(line);
                    inside.push('\n');
                }
            }
        }
        layer.truncated = partial;
        if let Some(outer) = outer {
            layer.inherit(outer);
        }
        Some((layer, Cow::Owned(inside)))
    }

    /// syslog as of RFC 5424: `<11>1 2026-01-02T03:04:05.678Z host app pid msgid - <line>`.
    pub(crate) fn syslog<'x>(&self, text: &'x str, outer: Option<&'x Layer<'x>>) -> Option<(Layer<'x>, &'x str)> {
        let (priority, rest) = text.strip_prefix('<')?.split_once('>')?;
        let priority: i64 = priority.parse().ok().filter(|p| (0..192).contains(p))?;
        let rest = rest.strip_prefix("1 ")?;
        let (stamp, rest) = time::prefix(rest)?;
        let mut layer = Layer {
            time: stamp.at(self.zone),
            level: Scale::Syslog.name(priority % 8).map(Text::Plain),
            depth: 1,
            ..Layer::default()
        };
        let mut rest = rest.strip_prefix(' ')?;
        for path in ["host", "app", "pid", "msgid"] {
            let (word, behind) = rest.split_once(' ')?;
            if word != "-" && word.len() <= 255 {
                layer.fields.push(Field {
                    path: path.into(),
                    value: word.into(),
                });
            }
            rest = behind;
        }
        let rest = match rest.strip_prefix('-') {
            Some(rest) => rest,
            None => structured(rest)?,
        };
        if let Some(outer) = outer {
            layer.inherit(outer);
        }
        Some((layer, rest.trim_start_matches([' ', '\u{feff}'])))
    }
}

/// One line of the container runtime.
struct CriLine<'t> {
    stamp: time::Stamp,
    stream: &'t str,
    partial: bool,
    rest: &'t str,
}

fn cri_line(line: &str) -> Option<CriLine<'_>> {
    let (stamp, rest) = time::prefix(line)?;
    let rest = rest.strip_prefix(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    if stream != "stdout" && stream != "stderr" {
        return None;
    }
    let (tag, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let partial = match tag.split(':').next()? {
        "F" => false,
        "P" => true,
        _ => return None,
    };
    Some(CriLine {
        stamp,
        stream,
        partial,
        rest,
    })
}

/// What follows the structured data of a syslog line: `[id key="value"][…] `.
fn structured(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        let mut quoted = false;
        let mut escaped = false;
        let end = inside.find(|c| {
            if escaped {
                escaped = false;
                return false;
            }
            match c {
                '\\' => escaped = true,
                '"' => quoted = !quoted,
                ']' => return !quoted,
                _ => {}
            }
            false
        })?;
        rest = inside.get(end + 1..)?;
    }
    (rest.len() < text.len()).then_some(rest)
}
