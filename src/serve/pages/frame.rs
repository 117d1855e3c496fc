//! One frame of a stack: whose it is, and how its library is called.

use crate::serve::parts::Layer;

/// Class and method of a Java or Node frame without `at`: `java.base/java.util.List.get(List.java:1) ~[?:?]`.
pub(crate) fn parts(text: &str) -> (String, String) {
    let call = text.split_once('(').map_or(text, |(call, _)| call).trim_end();
    // Module and class loader: `app//`, `java.base@17.0.1/`.
    let call = call.rsplit_once('/').map_or(call, |(_, rest)| rest);
    if let Some((_, place)) = text.split_once(" (")
        && !place.contains(".java")
    {
        // Node: `run (/app/job.js:3:5)`.
        let file = place.split(')').next().unwrap_or(place);
        return (file.to_owned(), call.to_owned());
    }
    call.rsplit_once('.').map_or_else(
        || (text.to_owned(), String::new()),
        |(class, method)| (class.to_owned(), method.to_owned()),
    )
}

/// File and function of a Python frame: `File "/app/job.py", line 3, in run`.
pub(crate) fn python_parts(text: &str) -> (String, String) {
    let file = text.split('"').nth(1).unwrap_or("");
    let function = text.split_once(", in ").map_or("", |(_, f)| f);
    (file.to_owned(), function.trim().to_owned())
}

/// What is nobody's own code, where no rules are at hand. The rules' `ownership.yaml` goes before.
const LIBRARIES: &[&str] = &[
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "jakarta.",
    "scala.",
    "kotlin.",
    "kotlinx.",
    "groovy.",
    "clojure.",
    "org.apache.",
    "org.springframework.",
    "org.codehaus.",
    "org.rocksdb.",
    "org.slf4j.",
    "org.eclipse.",
    "org.jboss.",
    "org.hibernate.",
    "org.postgresql.",
    "org.mariadb.",
    "org.elasticsearch.",
    "org.opensearch.",
    "akka.",
    "io.netty.",
    "io.grpc.",
    "io.fabric8.",
    "io.vertx.",
    "io.confluent.",
    "io.debezium.",
    "com.fasterxml.",
    "com.google.",
    "com.mysql.",
    "com.zaxxer.",
    "com.esotericsoftware.",
    "com.twitter.",
    "com.amazonaws.",
    "com.microsoft.",
    "com.ververica.",
    "okhttp3.",
    "okio.",
    "reactor.",
    "redis.clients.",
    "software.amazon.",
    "oracle.",
    "ch.qos.",
    "net.bytebuddy.",
];
/// Marks of library files in Python and Node.
const LIBRARY_PATHS: &[&str] = &[
    "site-packages",
    "dist-packages",
    "node_modules",
    "/lib/python",
    "node:",
    "<frozen",
];
/// Marks of connectors and formats.
const CONNECTORS: &[&str] = &[
    "org.apache.flink.connector.",
    "org.apache.flink.streaming.connectors.",
    "org.apache.flink.formats.",
    "org.apache.iceberg.",
    "org.apache.paimon.",
    "org.apache.hudi.",
    "org.apache.flink.cdc.",
    "com.ververica.cdc.",
    "io.debezium.",
];

/// Whose code a class or file is.
pub(crate) fn built_in_layer(class: &str) -> Layer {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|p| class.starts_with(p));
    if begins(CONNECTORS) {
        Layer::Connector
    } else if class.is_empty()
        || begins(LIBRARIES)
        || LIBRARY_PATHS.iter().any(|p| class.contains(p))
        || generated(class)
    {
        Layer::Library
    } else {
        Layer::User
    }
}

/// Classes made while the job runs: code of Flink's and Spark's planners, proxies.
fn generated(class: &str) -> bool {
    let numbered = |name: &str| class.starts_with(name) && class.contains('$');
    !class.contains('.')
        && (numbered("StreamExec") || numbered("BatchExec") || numbered("Generated") || numbered("LocalTime"))
        || class.contains("$Proxy")
        || class.contains("GeneratedMethodAccessor")
}

/// How a library is called: the first two or three parts of the package, or the package of a file.
pub(crate) fn library(class: &str) -> &str {
    for mark in ["site-packages/", "dist-packages/", "node_modules/"] {
        if let Some((_, rest)) = class.split_once(mark) {
            return rest.split('/').next().unwrap_or(rest);
        }
    }
    if class.contains('/') {
        return class.rsplit('/').next().unwrap_or(class);
    }
    let wanted = if class.starts_with("org.apache.") || class.starts_with("com.google.") {
        3
    } else {
        2
    };
    class.match_indices('.').nth(wanted - 1).map_or_else(
        || class.rsplit_once('.').map_or(class, |(package, _)| package),
        |(at, _)| class.get(..at).unwrap_or(class),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_jars_are_no_part_of_the_class() {
        for (text, class, method) in [
            (
                "java.base/java.util.ArrayList.get(ArrayList.java:427) ~[?:?]",
                "java.util.ArrayList",
                "get",
            ),
            (
                "app//com.acme.Job$Inner.lambda$map$0(Job.java:3)",
                "com.acme.Job$Inner",
                "lambda$map$0",
            ),
            ("com.acme.Job.<init>(Job.java)", "com.acme.Job", "<init>"),
            ("run (/app/job.js:3:5)", "/app/job.js:3:5", "run"),
        ] {
            assert_eq!(parts(text), (class.to_owned(), method.to_owned()), "{text}");
        }
        assert_eq!(
            python_parts("File \"/app/job.py\", line 3, in run"),
            ("/app/job.py".to_owned(), "run".to_owned())
        );
    }

    #[test]
    fn own_code_is_told_from_libraries() {
        for (class, layer) in [
            ("com.acme.Job", Layer::User),
            ("org.apache.flink.runtime.taskmanager.Task", Layer::Library),
            ("org.apache.flink.connector.jdbc.JdbcSink", Layer::Connector),
            ("/app/job.py", Layer::User),
            ("/usr/lib/python3/dist-packages/x.py", Layer::Library),
            ("StreamExecCalc$12", Layer::Library),
        ] {
            assert_eq!(built_in_layer(class), layer, "{class}");
        }
        assert_eq!(library("org.apache.flink.runtime.taskmanager.Task"), "org.apache.flink");
        assert_eq!(library("java.util.ArrayList"), "java.util");
    }
}
