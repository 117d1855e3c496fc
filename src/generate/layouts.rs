//! The layouts records are written in: one template per family, layout and platform, made once.
//!
//! JSON layouts give one line. The frames of `jsonlayout` carry packaging data (`~[jar:version]`) and its `thrown`
//! object nests the causes by name, message and shared frames; the whole stack stands in the outermost
//! `extendedStackTrace`, as Log4j2 writes it with `stacktraceAsString`.

use super::beside;
use super::jobs::Platform;
use super::library::{Engine, Family, StackLine};
use super::template::{Escape, Template};

/// A layout records are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayoutKind {
    /// Log4j2 EcsLayout: flat keys of the Elastic Common Schema.
    Ecs,
    /// Log4j2 JsonLayout with stacktraceAsString, `thrown` nested, `contextMap`.
    JsonLayout,
    /// The JsonTemplateLayout recipe (`root_class`, `root_message`, `stack`).
    Recipe,
    /// logstash-logback-encoder.
    Logback,
    /// LogstashJsonEventLayoutV1.
    Logstash,
    /// Plain text lines with the stack below.
    Text,
}

impl LayoutKind {
    /// Every layout.
    pub const ALL: [LayoutKind; 6] = [
        LayoutKind::Ecs,
        LayoutKind::JsonLayout,
        LayoutKind::Recipe,
        LayoutKind::Logback,
        LayoutKind::Logstash,
        LayoutKind::Text,
    ];

    /// The name on the command line and in the truth file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LayoutKind::Ecs => "ecs",
            LayoutKind::JsonLayout => "jsonlayout",
            LayoutKind::Recipe => "recipe",
            LayoutKind::Logback => "logback",
            LayoutKind::Logstash => "logstash",
            LayoutKind::Text => "text",
        }
    }
}

/// The record of `family` as a job on `platform` writes it.
pub(crate) fn template(family: &Family, layout: LayoutKind, platform: Platform) -> Result<Template, String> {
    let mut record = Writer {
        out: Template::default(),
        first: true,
    };
    match family.engine {
        Engine::Flink => match layout {
            LayoutKind::Ecs => ecs(family, platform, &mut record)?,
            LayoutKind::JsonLayout => json_layout(family, platform, &mut record)?,
            LayoutKind::Recipe => recipe(family, platform, &mut record)?,
            LayoutKind::Logback => logback(family, platform, &mut record)?,
            LayoutKind::Logstash => logstash(family, &mut record)?,
            LayoutKind::Text => plain(family, &mut record)?,
        },
        Engine::Spark => beside::spark(family, &mut record)?,
        Engine::Python => beside::structlog(family, &mut record)?,
        Engine::Node => beside::pino(family, &mut record)?,
    }
    Ok(record.out)
}

/// Writes a JSON object key by key.
pub(crate) struct Writer {
    pub(crate) out: Template,
    first: bool,
}

impl Writer {
    pub(crate) fn open(&mut self) {
        self.out.raw("{");
        self.first = true;
    }

    pub(crate) fn close(&mut self) {
        self.out.raw("}");
        self.first = false;
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.out.raw(if self.first { "\"" } else { ",\"" });
        self.out.raw(key);
        self.out.raw("\":");
        self.first = false;
    }

    /// A string value with slots.
    pub(crate) fn string(&mut self, key: &str, value: &str) -> Result<(), String> {
        self.key(key);
        self.out.raw("\"");
        self.out.push(value, Escape::Json)?;
        self.out.raw("\"");
        Ok(())
    }

    /// A value written as it is, with slots.
    pub(crate) fn bare(&mut self, key: &str, value: &str) -> Result<(), String> {
        self.key(key);
        self.out.push(value, Escape::No)
    }

    pub(crate) fn object(&mut self, key: &str) {
        self.key(key);
        self.open();
    }
}

/// Where the process runs: id, host and log file slots.
fn place(family: &Family) -> (&'static str, &'static str, &'static str) {
    if family.on_job_manager() {
        ("{jmid}", "{jmhost}", "{jmlog}")
    } else {
        ("{tmid}", "{tmhost}", "{tmlog}")
    }
}

fn ecs(family: &Family, platform: Platform, record: &mut Writer) -> Result<(), String> {
    let (id, host, _) = place(family);
    record.open();
    record.string("@timestamp", "{iso}")?;
    record.string("log.level", &family.level)?;
    record.string("message", &family.message)?;
    record.string("ecs.version", "1.2.0")?;
    record.string("service.name", "{job}")?;
    record.string("service.node.name", id)?;
    record.string("event.dataset", "flink")?;
    record.string("process.thread.name", &family.thread)?;
    record.string("log.logger", &family.logger)?;
    record.string("flink-job-id", "{jobid}")?;
    record.string("host.name", host)?;
    record.string("labels.team", "{team}")?;
    match platform {
        Platform::Kubernetes => {
            record.string("orchestrator.cluster.name", "{cluster}")?;
            record.string("orchestrator.namespace", "{namespace}")?;
        }
        Platform::Yarn => record.string("yarn_app_id", "{cluster}")?,
    }
    if let Some(outermost) = family.chain().first() {
        record.string("error.type", &outermost.class)?;
        if let Some(message) = &outermost.message {
            record.string("error.message", message)?;
        }
        record.string("error.stack_trace", &stack_text(family, Packaging::Absent))?;
    }
    record.close();
    Ok(())
}

fn json_layout(family: &Family, platform: Platform, record: &mut Writer) -> Result<(), String> {
    let (id, host, _) = place(family);
    record.open();
    record.object("instant");
    record.bare("epochSecond", "{epochs}")?;
    record.bare("nanoOfSecond", "{nanos}")?;
    record.close();
    record.string("thread", &family.thread)?;
    record.string("level", &family.level)?;
    record.string("loggerName", &family.logger)?;
    record.string("message", &family.message)?;
    let chain = family.chain();
    if !chain.is_empty() {
        for (depth, link) in chain.iter().enumerate() {
            record.object(if depth == 0 { "thrown" } else { "cause" });
            record.bare("commonElementCount", &link.shared)?;
            if let Some(message) = &link.message {
                record.string("localizedMessage", message)?;
                record.string("message", message)?;
            }
            record.string("name", &link.class)?;
        }
        for _ in 1..chain.len() {
            record.close();
        }
        record.string("extendedStackTrace", &stack_text(family, Packaging::Shown))?;
        record.close();
    }
    record.object("contextMap");
    record.string("flink-job-id", "{jobid}")?;
    record.close();
    record.bare("endOfBatch", "false")?;
    record.string("loggerFqcn", "org.apache.logging.slf4j.Log4jLogger")?;
    record.bare("threadId", "{num}")?;
    record.bare("threadPriority", "5")?;
    record.string("jobName", "{job}")?;
    record.string("team", "{team}")?;
    record.string("host", host)?;
    match platform {
        Platform::Kubernetes => {
            record.string("podName", id)?;
            record.string("clusterId", "{cluster}")?;
            record.string("namespace", "{namespace}")?;
        }
        Platform::Yarn => {
            record.string("containerId", id)?;
            record.string("yarnAppId", "{cluster}")?;
        }
    }
    record.close();
    Ok(())
}

fn recipe(family: &Family, platform: Platform, record: &mut Writer) -> Result<(), String> {
    let (id, host, log) = place(family);
    record.open();
    record.string("@timestamp", "{isooffset}")?;
    record.string("level", &family.level)?;
    record.string("logger", &family.logger)?;
    record.string("thread", &family.thread)?;
    record.string("message", &family.message)?;
    record.object("mdc");
    record.string("flink-job-id", "{jobid}")?;
    record.close();
    record.string("job", "{job}")?;
    record.string("log_file", log)?;
    if let Some(deepest) = family.chain().last() {
        record.string("root_class", &deepest.class)?;
        match &deepest.message {
            Some(message) => record.string("root_message", message)?,
            None => record.bare("root_message", "null")?,
        }
        record.string("stack", &stack_text(family, Packaging::Absent))?;
    }
    match platform {
        Platform::Kubernetes => {
            record.string("pod", id)?;
            record.string("namespace", "{namespace}")?;
            record.string("cluster_id", "{cluster}")?;
            let component = if family.on_job_manager() {
                "jobmanager"
            } else {
                "taskmanager"
            };
            record.string("component", component)?;
        }
        Platform::Yarn => {
            record.string("app_id", "{cluster}")?;
            record.string("container_id", id)?;
            record.string("yarn_queue", "root.rt")?;
        }
    }
    record.string("host", host)?;
    record.string("team", "{team}")?;
    record.close();
    Ok(())
}

fn logback(family: &Family, platform: Platform, record: &mut Writer) -> Result<(), String> {
    let (id, host, _) = place(family);
    record.open();
    record.string("@timestamp", "{iso}")?;
    record.string("@version", "1")?;
    record.string("message", &family.message)?;
    record.string("logger_name", &family.logger)?;
    record.string("thread_name", &family.thread)?;
    record.string("level", &family.level)?;
    let value = match family.level.as_str() {
        "ERROR" => "40000",
        "WARN" => "30000",
        _ => "20000",
    };
    record.bare("level_value", value)?;
    if !family.stack.is_empty() {
        record.string("stack_trace", &stack_text(family, Packaging::Absent))?;
    }
    record.string("flink-job-id", "{jobid}")?;
    record.string("HOSTNAME", host)?;
    record.string("jobName", "{job}")?;
    record.string("team", "{team}")?;
    match platform {
        Platform::Kubernetes => {
            record.string("pod", id)?;
            record.string("namespace", "{namespace}")?;
        }
        Platform::Yarn => record.string("container", id)?,
    }
    record.close();
    Ok(())
}

fn logstash(family: &Family, record: &mut Writer) -> Result<(), String> {
    let (_, host, _) = place(family);
    record.open();
    record.object("mdc");
    record.string("flink-job-id", "{jobid}")?;
    record.close();
    if let Some(outermost) = family.chain().first() {
        record.object("exception");
        record.string("exception_class", &outermost.class)?;
        if let Some(message) = &outermost.message {
            record.string("exception_message", message)?;
        }
        record.string("stacktrace", &stack_text(family, Packaging::Absent))?;
        record.close();
    }
    record.bare("@version", "1")?;
    record.string("source_host", host)?;
    record.string("message", &family.message)?;
    record.string("thread_name", &family.thread)?;
    record.string("@timestamp", "{isooffset}")?;
    record.string("level", &family.level)?;
    record.string("logger_name", &family.logger)?;
    record.string("jobName", "{job}")?;
    record.string("team", "{team}")?;
    record.close();
    Ok(())
}

fn plain(family: &Family, record: &mut Writer) -> Result<(), String> {
    record.out.push("{texttime} ", Escape::No)?;
    record
        .out
        .push(&format!("{:<5} {:<60} [] - ", family.level, family.logger), Escape::No)?;
    record.out.push(&family.message, Escape::No)?;
    if !family.stack.is_empty() {
        record.out.raw("\n");
        let stack = stack_text(family, Packaging::Shown);
        record.out.push(stack.trim_end(), Escape::No)?;
    }
    Ok(())
}

/// Whether frames say which jar they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packaging {
    Shown,
    Absent,
}

pub(crate) fn stack_text(family: &Family, packaging: Packaging) -> String {
    let mut out = String::new();
    for line in &family.stack {
        match line {
            StackLine::Header(text) => out.push_str(text),
            StackLine::More(text) => {
                out.push('\t');
                out.push_str(text);
            }
            StackLine::Frame(text) => {
                out.push('\t');
                out.push_str(text);
                if packaging == Packaging::Shown {
                    out.push_str(jar(text));
                }
            }
        }
        out.push('\n');
    }
    out
}

/// Packaging data as Log4j2 prints it: by the longest prefix.
fn jar(frame: &str) -> &'static str {
    const JARS: [(&str, &str); 14] = [
        (
            "at org.apache.flink.connector.kafka",
            " ~[flink-connector-kafka-3.4.0.jar:3.4.0]",
        ),
        (
            "at org.apache.flink.connector.jdbc",
            " ~[flink-connector-jdbc-3.3.0.jar:3.3.0]",
        ),
        (
            "at org.apache.flink.connector.elastic",
            " ~[flink-connector-elasticsearch-base-3.0.1.jar:3.0.1]",
        ),
        (
            "at org.apache.flink.formats.avro",
            " ~[flink-avro-{version}.jar:{version}]",
        ),
        ("at org.apache.flink", " ~[flink-dist-{version}.jar:{version}]"),
        ("at org.apache.pekko", " ~[flink-rpc-akka.jar:{version}]"),
        ("at scala", " ~[flink-scala_2.12.jar:{version}]"),
        ("at org.apache.kafka", " ~[kafka-clients-3.9.1.jar:?]"),
        ("at org.apache.hadoop", " ~[hadoop-client-api-3.3.6.jar:?]"),
        ("at org.postgresql", " ~[postgresql-42.7.4.jar:42.7.4]"),
        ("at com.fasterxml", " ~[{jar}:?]"),
        ("at {pkg}", " ~[{jar}:?]"),
        ("at java.base", " ~[?:?]"),
        ("at jdk.internal", " ~[?:?]"),
    ];
    JARS.iter()
        .find(|(prefix, _)| frame.starts_with(prefix))
        .map_or(" ~[?:?]", |(_, jar)| jar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::library;

    #[test]
    fn every_family_can_be_written_in_every_layout() {
        for family in library::shipped().unwrap() {
            for layout in LayoutKind::ALL {
                for platform in [Platform::Kubernetes, Platform::Yarn] {
                    let made = template(&family, layout, platform);
                    assert!(made.is_ok(), "{} in {}: {:?}", family.id, layout.as_str(), made.err());
                }
            }
        }
    }
}
