//! Names of classes, as rules mean them.
//!
//! A simple name stands for that class in any package, a qualified one for itself and for copies shaded below another
//! package. `$` and `.` are the same, since one writer prints `KeeperException$ConnectionLossException` and the next
//! `KeeperException.ConnectionLossException` for one class.

/// Whether the class told is the class wanted.
pub(crate) fn same(told: &str, wanted: &str) -> bool {
    let mut told = trimmed(told).bytes().rev();
    let mut wanted = wanted.bytes().rev();
    loop {
        match (told.next(), wanted.next()) {
            (Some(a), Some(b)) if dotted(a) == dotted(b) => {}
            (a, None) => return a.is_none_or(|a| dotted(a) == b'.'),
            (None | Some(_), Some(_)) => return false,
        }
    }
}

/// The last part of a name: what rules are looked up by.
pub(crate) fn simple(name: &str) -> &str {
    trimmed(name).rsplit(['.', '$']).next().unwrap_or(name)
}

/// Scala objects end in `$`.
fn trimmed(name: &str) -> &str {
    name.trim_end_matches(['$', '.'])
}

fn dotted(byte: u8) -> u8 {
    if byte == b'$' { b'.' } else { byte }
}

/// Whether the name is one that many failures share, so that it tells little without a message.
pub(crate) fn is_common(name: &str) -> bool {
    let simple = simple(name);
    // A qualified name outside the JDK is a class of its own even if it shares a simple name with one.
    let own = name.contains('.')
        && !["java.", "javax.", "kotlin.", "scala."]
            .iter()
            .any(|p| name.starts_with(p));
    !own && COMMON.binary_search(&simple).is_ok()
}

/// Sorted. Classes of the JDK, of Flink's and Kafka's base types, of Python's and JavaScript's built-ins.
const COMMON: &[&str] = &[
    "AccessDeniedException",
    "ArithmeticException",
    "ArrayIndexOutOfBoundsException",
    "ArrayStoreException",
    "AssertionError",
    "AsynchronousCloseException",
    "AttributeError",
    "BatchUpdateException",
    "BindException",
    "BrokenPipeError",
    "BufferOverflowException",
    "BufferUnderflowException",
    "CancellationException",
    "ClassCastException",
    "ClosedByInterruptException",
    "ClosedChannelException",
    "CompletionException",
    "ConcurrentModificationException",
    "ConnectException",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DateTimeException",
    "DateTimeParseException",
    "EOFError",
    "EOFException",
    "Error",
    "Exception",
    "ExceptionInInitializerError",
    "ExecutionException",
    "FileAlreadyExistsException",
    "FileNotFoundError",
    "FileNotFoundException",
    "FileSystemException",
    "FlinkException",
    "FlinkRuntimeException",
    "HttpTimeoutException",
    "IOException",
    "IllegalArgumentException",
    "IllegalMonitorStateException",
    "IllegalStateException",
    "IndexError",
    "IndexOutOfBoundsException",
    "InputMismatchException",
    "InterruptedException",
    "InterruptedIOException",
    "InvocationTargetException",
    "KafkaException",
    "KeyError",
    "LinkageError",
    "MalformedURLException",
    "NativeIoException",
    "NegativeArraySizeException",
    "NoRouteToHostException",
    "NoSuchElementException",
    "NoSuchFileException",
    "NullPointerException",
    "NumberFormatException",
    "OSError",
    "OutOfMemoryError",
    "ParseException",
    "PermissionError",
    "PortUnreachableException",
    "RangeError",
    "ReferenceError",
    "RejectedExecutionException",
    "RuntimeError",
    "RuntimeException",
    "SQLException",
    "SecurityException",
    "SocketException",
    "SocketTimeoutException",
    "StringIndexOutOfBoundsException",
    "SyntaxError",
    "Throwable",
    "TimeoutError",
    "TimeoutException",
    "TypeError",
    "URISyntaxException",
    "UncheckedIOException",
    "UndeclaredThrowableException",
    "UnknownHostException",
    "UnsupportedOperationException",
    "ValueError",
    "ZeroDivisionError",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simple_name_stands_for_any_package_and_a_qualified_one_for_shaded_copies_too() {
        for (told, wanted, expected) in [
            (
                "org.apache.zookeeper.KeeperException$ConnectionLossException",
                "ConnectionLossException",
                true,
            ),
            (
                "org.apache.zookeeper.KeeperException.ConnectionLossException",
                "KeeperException$ConnectionLossException",
                true,
            ),
            (
                "org.apache.flink.shaded.org.apache.zookeeper.KeeperException",
                "org.apache.zookeeper.KeeperException",
                true,
            ),
            (
                "java.util.concurrent.TimeoutException",
                "org.apache.kafka.common.errors.TimeoutException",
                false,
            ),
            ("MyTimeoutException", "TimeoutException", false),
            ("TimeoutException", "x.TimeoutException", false),
            ("KeyError", "KeyError", true),
            ("a.B$", "B", true),
        ] {
            assert_eq!(same(told, wanted), expected, "{told} {wanted}");
        }
    }

    #[test]
    fn common_names_are_sorted_and_other_libraries_own_theirs() {
        assert!(COMMON.is_sorted());
        assert!(is_common("TimeoutException") && is_common("java.util.concurrent.TimeoutException"));
        assert!(!is_common("org.apache.kafka.common.errors.TimeoutException"));
        assert!(!is_common("RegionTooBusyException"));
    }
}
