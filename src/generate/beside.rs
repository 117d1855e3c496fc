//! How the engines beside Flink write: Spark's structured log, structlog, pino.

use super::layouts::{Packaging, Writer, stack_text};
use super::library::{Family, StackLine};

pub(crate) fn spark(family: &Family, record: &mut Writer) -> Result<(), String> {
    record.open();
    record.string("ts", "{iso}")?;
    record.string("level", &family.level)?;
    record.string("msg", &family.message)?;
    if let Some(outermost) = family.chain().first() {
        record.object("exception");
        record.string("class", &outermost.class)?;
        if let Some(message) = &outermost.message {
            record.string("msg", message)?;
        }
        record.key("stacktrace");
        record.out.raw("[");
        let mut first = true;
        for (symbol, file, line) in family.stack.iter().filter_map(spark_frame) {
            record.out.raw(if first { "" } else { "," });
            first = false;
            let (class, method) = symbol.rsplit_once('.').unwrap_or((symbol, ""));
            record.open();
            record.string("class", class)?;
            record.string("method", method)?;
            record.string("file", file)?;
            record.bare("line", line)?;
            record.close();
        }
        record.out.raw("]");
        record.close();
    }
    record.string("logger", &family.logger)?;
    record.string("app_name", "{job}")?;
    record.string("team", "{team}")?;
    record.string("host", "{tmhost}")?;
    record.close();
    Ok(())
}

/// Symbol, file and line of a frame.
fn spark_frame(line: &StackLine) -> Option<(&str, &str, &str)> {
    match line {
        StackLine::Frame(frame) => {
            let (symbol, place) = frame.strip_prefix("at ")?.strip_suffix(')')?.split_once('(')?;
            let symbol = symbol.rsplit_once('/').map_or(symbol, |(_, name)| name);
            Some(match place.split_once(':') {
                Some((file, line)) => (symbol, file, line),
                None => (symbol, place, "-1"),
            })
        }
        StackLine::Header(_) | StackLine::More(_) => None,
    }
}

pub(crate) fn structlog(family: &Family, record: &mut Writer) -> Result<(), String> {
    record.open();
    record.string("event", &family.message)?;
    record.string("level", &family.level)?;
    record.string("timestamp", "{iso}")?;
    record.string("job", "{job}")?;
    record.string("team", "{team}")?;
    record.string("host", "{tmhost}")?;
    if !family.stack.is_empty() {
        record.string("exception", stack_text(family, Packaging::Absent).trim_end())?;
    }
    record.close();
    Ok(())
}

pub(crate) fn pino(family: &Family, record: &mut Writer) -> Result<(), String> {
    record.open();
    record.bare("level", "50")?;
    record.bare("time", "{epochms}")?;
    record.bare("pid", "{num}")?;
    record.string("hostname", "{tmhost}")?;
    record.string("name", "{job}")?;
    record.string("team", "{team}")?;
    let text = stack_text(family, Packaging::Absent);
    if let Some(header) = text.lines().next().filter(|line| !line.is_empty()) {
        let (class, message) = header.split_once(": ").unwrap_or((header, ""));
        record.object("err");
        record.string("type", class)?;
        record.string("message", message)?;
        record.string("stack", text.trim_end())?;
        record.close();
    }
    record.string("msg", &family.message)?;
    record.close();
    Ok(())
}
