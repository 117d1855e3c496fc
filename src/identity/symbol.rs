//! Clean names: a class and a method without what compilers, proxies and code generators put into them.
//!
//! What always holds: a clean name depends only on the name with its numbers zeroed (see [`super::skeleton`]), never
//! on counters, hashes, loaders or line numbers; cleaning twice changes nothing that the first time left.

use super::blocks::FrameRef;
use super::skeleton;
use crate::event::Language;
use std::borrow::Cow;

/// From these markers on a class name is the work of a proxy or byte code library.
const SUFFIX_MARKERS: &[&str] = &[
    "$$Lambda",
    "$$EnhancerBy",
    "$$FastClassBy",
    "$$SpringCGLIB$$",
    "$$EnhancerByCGLIB",
    "$$KeyFactoryBy",
    "_$$_jvst",
    "_$$_javassist",
    "_$$_Weld",
    "_$$_Java",
    "$$_WeldSubclass",
    "$ByteBuddy$",
    "$HibernateProxy$",
    "$HibernateBasicProxy",
    "$MockitoMock$",
    "$JaxbAccessor",
    "$auxiliary$",
    "_ClientProxy",
    "$$$view",
    "$$Proxy",
];

/// Stems of generated classes whose number follows a letter.
const COUNTED_STEMS: &[&str] = &[
    "CodegenStage",
    "GeneratedMethodAccessor",
    "GeneratedConstructorAccessor",
    "GeneratedSerializationConstructorAccessor",
    "$Proxy",
];

/// The clean name of a class: `$` is `.`, numbers of anonymous classes, hashes and proxy suffixes are gone.
///
/// ```
/// # use seismolog::identity::class_name;
/// assert_eq!(class_name("org.apache.zookeeper.KeeperException$ConnectionLossException"),
///            "org.apache.zookeeper.KeeperException.ConnectionLossException");
/// assert_eq!(class_name("com.acme.Svc$$EnhancerBySpringCGLIB$$1a2b3c4d"), "com.acme.Svc");
/// ```
#[must_use]
pub fn class_name(written: &str) -> String {
    let cut = without_suffix(without_prefix(written));
    if cut.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.') {
        return cut.trim_matches('.').to_owned();
    }
    let mut plain = without_numbers(cut);
    if plain.bytes().any(|b| b.is_ascii_digit()) {
        for stem in COUNTED_STEMS {
            if plain.contains(stem) {
                plain = without_count(&plain, stem);
            }
        }
    }
    let mut out = String::with_capacity(plain.len());
    for part in plain.split(['.', '$']) {
        let part = closure_part(part);
        let part = part.trim_end_matches(['_', '-', '/']);
        if part.is_empty() || part == "anon" || part == "anonfun" {
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(part);
    }
    out
}

/// `java.base@17.0.1/x.Y` and `app//x.Y` without what the JVM puts before the class.
fn without_prefix(class: &str) -> &str {
    match class.rsplit_once('/') {
        // Hidden classes end in `/0x…`; a Groovy or Kotlin name has no slash at all.
        Some((before, after)) if after.starts_with("0x") => without_prefix(before),
        Some((_, after)) if after.contains('.') => after,
        Some(_) | None => class,
    }
}

fn without_suffix(class: &str) -> &str {
    let bytes = class.as_bytes();
    let marked = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        SUFFIX_MARKERS.iter().any(|marker| rest.starts_with(marker.as_bytes()))
    };
    let end = memchr::memchr2_iter(b'$', b'_', bytes).find(|&at| at > 0 && marked(at));
    end.and_then(|at| class.get(..at)).unwrap_or(class)
}

/// Without hexadecimal ids and numbers that begin a token.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for span in skeleton::spans(text) {
        out.push_str(text.get(from..span.start).unwrap_or_default());
        from = span.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Without the number behind a stem.
fn without_count(text: &str, stem: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(stem) {
        out.push_str(before);
        out.push_str(stem);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out.push_str(rest);
    out
}

/// Groovy closures: `_run_closure1` is `run`.
fn closure_part(part: &str) -> &str {
    match part.find("_closure") {
        Some(at) => part.get(..at).unwrap_or(part).trim_start_matches('_'),
        None => part,
    }
}

/// The clean name of a method; nothing for a synthetic one that stands for no source.
///
/// ```
/// # use seismolog::identity::method_name;
/// assert_eq!(method_name("lambda$map$3").as_deref(), Some("map"));
/// assert_eq!(method_name("access$000"), None);
/// ```
#[must_use]
pub fn method_name(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('$') && !written.contains(|c: char| c.is_ascii_digit()) {
        return Some(Cow::Borrowed(written.strip_suffix("-impl").unwrap_or(written)));
    }
    if written.starts_with("access$") {
        return None;
    }
    let named = ["lambda$", "$anonfun$", "$anonfun", "liftedTree", "bridge$lambda$"]
        .iter()
        .find_map(|prefix| written.strip_prefix(prefix).map(|rest| (*prefix, rest)));
    let name = match named {
        Some(("liftedTree", _)) => "liftedTree",
        Some((_, rest)) => rest.trim_start_matches('$').split('$').next().unwrap_or(rest),
        None => written.split('$').find(|part| !part.is_empty()).unwrap_or(written),
    };
    let name = name.trim_end_matches("-impl");
    // Kotlin writes `f$lambda-3`, older javac `lambda$null$0` for a lambda inside a lambda.
    let name = without_numbers(name);
    let name = name.trim_end_matches(['-', '_']);
    if name.is_empty() || name == "null" {
        return Some(Cow::Borrowed("lambda"));
    }
    Some(Cow::Owned(name.to_owned()))
}

/// The clean symbol of a frame (`com.acme.Job.map`); nothing where the frame stands for no source: reflection,
/// proxies, lambda classes, accessors.
#[must_use]
pub fn symbol(frame: &FrameRef<'_>, language: Language) -> Option<Symbol> {
    match language {
        Language::Java => java_symbol(frame),
        Language::Python => Some(python_symbol(frame)),
        Language::Node => node_symbol(frame),
    }
}

/// Class and method, clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Class, or module.
    pub class: String,
    /// Method, or function.
    pub method: String,
}

impl Symbol {
    /// `class.method`.
    #[must_use]
    pub fn into_text(self) -> String {
        let Self {
            class: mut text,
            method,
        } = self;
        if text.is_empty() {
            return method;
        }
        if !method.is_empty() {
            text.reserve_exact(method.len() + 1);
            text.push('.');
            text.push_str(&method);
        }
        text
    }
}

/// Simple names of classes that call through and do nothing of their own.
fn calls_through(class: &str) -> bool {
    let simple = class.rsplit('.').next().unwrap_or(class);
    simple.starts_with("$Proxy")
        || class.contains("$$Lambda")
        || class.contains("$$FastClassBy")
        || simple.starts_with("GeneratedMethodAccessor")
        || simple.starts_with("GeneratedConstructorAccessor")
        || simple.starts_with("GeneratedSerializationConstructorAccessor")
        || (simple.starts_with("LambdaForm$") && class.starts_with("java.lang.invoke"))
}

fn java_symbol(frame: &FrameRef<'_>) -> Option<Symbol> {
    let plain = |name: &str| {
        name.bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'<' | b'>'))
    };
    if plain(frame.class) && plain(frame.method) {
        return Some(Symbol {
            class: frame.class.to_owned(),
            method: frame.method.to_owned(),
        });
    }
    if calls_through(frame.class) {
        return None;
    }
    let mut method = method_name(frame.method)?.into_owned();
    // Scala 2.11 and Groovy make a class of each closure: its method tells nothing, the class names the method.
    if let Some(enclosing) = closure_method(frame.class) {
        method = without_numbers(enclosing);
        let (outer, _) = frame
            .class
            .split_once("$$anonfun$")
            .or_else(|| frame.class.split_once("$_"))
            .unwrap_or((frame.class, ""));
        return Some(Symbol {
            class: class_name(outer),
            method,
        });
    }
    Some(Symbol {
        class: class_name(frame.class),
        method,
    })
}

fn closure_method(class: &str) -> Option<&str> {
    if let Some((_, rest)) = class.split_once("$$anonfun$") {
        let name = rest.split('$').next()?;
        let named = name.starts_with(|c: char| c.is_alphabetic());
        return named.then_some(name);
    }
    let (_, rest) = class.split_once("$_")?;
    let (name, _) = rest.split_once("_closure")?;
    (!name.is_empty()).then_some(name)
}

/// Python: the module as far as its path tells it, and the function.
fn python_symbol(frame: &FrameRef<'_>) -> Symbol {
    let path = frame.class;
    let path = frame
        .file
        .filter(|f| f.contains('/') || f.contains('\\'))
        .unwrap_or(path);
    Symbol {
        class: module_of(path),
        method: without_numbers(frame.method.trim_matches(['<', '>'])),
    }
}

/// `/usr/lib/python3.11/asyncio/runners.py` is `asyncio.runners`, `/opt/app/common.py` is `common`: where an
/// application was unpacked says nothing.
fn module_of(path: &str) -> String {
    let unified = path.replace('\\', "/");
    let stem = unified
        .strip_suffix(".py")
        .or_else(|| unified.strip_suffix(".pyx"))
        .unwrap_or(&unified);
    let library = ["/site-packages/", "/dist-packages/"]
        .iter()
        .find_map(|mark| stem.rfind(mark).and_then(|at| stem.get(at + mark.len()..)))
        .or_else(|| {
            let at = stem.rfind("/lib/python")?;
            stem.get(at + 1..)?.splitn(3, '/').nth(2)
        });
    match library {
        Some(module) => without_numbers(module).replace('/', "."),
        None => without_numbers(stem.rsplit('/').next().unwrap_or(stem)),
    }
}

/// Node: the file's stem and the function; `async`, `new` and receivers that are only `Object` tell nothing.
fn node_symbol(frame: &FrameRef<'_>) -> Option<Symbol> {
    let path = frame.file.unwrap_or(frame.class);
    let class = node_module(path);
    let method = frame.method;
    let method = method.strip_prefix("async ").unwrap_or(method);
    let method = method.strip_prefix("new ").unwrap_or(method);
    let method = method.split(" [as ").next().unwrap_or(method);
    let method = ["Object.", "Function.", "Module.", "Proxy."]
        .iter()
        .find_map(|receiver| method.strip_prefix(receiver))
        .unwrap_or(method);
    let method = if method == "<anonymous>" { "" } else { method };
    if class.is_empty() && method.is_empty() {
        return None;
    }
    Some(Symbol {
        class,
        method: without_numbers(method),
    })
}

fn node_module(path: &str) -> String {
    let unified = path.replace('\\', "/");
    let stem = [".js", ".mjs", ".cjs", ".ts", ".tsx"]
        .iter()
        .find_map(|end| unified.strip_suffix(end))
        .unwrap_or(&unified);
    if stem.starts_with("node:") {
        return without_numbers(stem);
    }
    let stem = stem.strip_prefix("file://").unwrap_or(stem);
    match stem.rfind("/node_modules/") {
        Some(at) => {
            let inside = stem.get(at + "/node_modules/".len()..).unwrap_or_default();
            format!("node_modules/{}", without_numbers(inside))
        }
        None => without_numbers(stem.rsplit('/').next().unwrap_or(stem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_lose_what_was_generated() {
        for (written, clean) in [
            ("java.lang.NullPointerException", "java.lang.NullPointerException"),
            ("com.acme.Job$1", "com.acme.Job"),
            ("com.acme.Job$1Local", "com.acme.Job.Local"),
            ("com.acme.Job$Inner$2", "com.acme.Job.Inner"),
            ("com.acme.Job$$Lambda$1534/0x00007f1a2b", "com.acme.Job"),
            ("com.acme.Job$$Lambda/0x00007f1a2b3c", "com.acme.Job"),
            ("com.acme.Svc$$EnhancerBySpringCGLIB$$1a2b3c4d", "com.acme.Svc"),
            ("com.acme.Svc$$SpringCGLIB$$0", "com.acme.Svc"),
            ("com.acme.Svc_$$_jvst4f1_7", "com.acme.Svc"),
            ("com.acme.Svc_$$_javassist_12", "com.acme.Svc"),
            ("com.acme.Svc$HibernateProxy$xYz12", "com.acme.Svc"),
            ("com.acme.Svc$MockitoMock$123456", "com.acme.Svc"),
            ("com.acme.Svc$ByteBuddy$aB3dE", "com.acme.Svc"),
            ("com.acme.Svc$$EnhancerByGuice$$a1b2c3d4", "com.acme.Svc"),
            ("com.acme.Main$", "com.acme.Main"),
            ("com.acme.Main$$anon$3", "com.acme.Main"),
            ("StreamExecCalc$42", "StreamExecCalc"),
            (
                "org.apache.spark.sql.catalyst.expressions.GeneratedClass$GeneratedIteratorForCodegenStage12",
                "org.apache.spark.sql.catalyst.expressions.GeneratedClass.GeneratedIteratorForCodegenStage",
            ),
            (
                "com.acme.rules.RuleEvaluator_5f3a9c2b11",
                "com.acme.rules.RuleEvaluator",
            ),
            ("app//com.acme.Job", "com.acme.Job"),
            ("java.base@17.0.1/java.lang.Thread", "java.lang.Thread"),
            ("com.acme.RiskGateway$规则异常", "com.acme.RiskGateway.规则异常"),
            ("org.apache.log4j2.Base64", "org.apache.log4j2.Base64"),
        ] {
            assert_eq!(class_name(written), clean, "{written}");
            assert_eq!(class_name(clean), clean, "{written} twice");
        }
    }

    #[test]
    fn methods_keep_the_enclosing_name() {
        for (written, clean) in [
            ("map", Some("map")),
            ("lambda$map$3", Some("map")),
            ("lambda$main$5f3a9c2b$1", Some("main")),
            ("lambda$null$0", Some("lambda")),
            ("$anonfun$process$1", Some("process")),
            ("$anonfun$process$1$adapted", Some("process")),
            ("apply$mcV$sp", Some("apply")),
            ("access$000", None),
            ("access$getLogger$p", None),
            ("load$lambda-3", Some("load")),
            ("load$default", Some("load")),
            ("<init>", Some("<init>")),
            ("liftedTree1$1", Some("liftedTree")),
            ("md5", Some("md5")),
        ] {
            assert_eq!(method_name(written).as_deref(), clean, "{written}");
        }
    }

    fn frame<'a>(class: &'a str, method: &'a str) -> FrameRef<'a> {
        FrameRef {
            class,
            method,
            file: None,
        }
    }

    #[test]
    fn frames_that_only_call_through_are_no_symbols() {
        for (class, method) in [
            ("com.sun.proxy.$Proxy12", "price"),
            ("jdk.proxy2.$Proxy4", "price"),
            ("com.acme.order.$Proxy4", "price"),
            ("jdk.internal.reflect.GeneratedMethodAccessor7", "invoke"),
            ("com.acme.Job$$Lambda$12/0x1f", "apply"),
            ("com.acme.Svc$$FastClassBySpringCGLIB$$1a2b3c4d", "invoke"),
        ] {
            assert_eq!(java_symbol(&frame(class, method)), None, "{class}");
        }
    }

    #[test]
    fn closures_are_called_by_their_method() {
        let of = |class, method| java_symbol(&frame(class, method)).map(Symbol::into_text);
        assert_eq!(
            of("com.acme.Job$$anonfun$run$1", "apply").as_deref(),
            Some("com.acme.Job.run")
        );
        assert_eq!(
            of("Pipeline$_load_closure1", "doCall").as_deref(),
            Some("Pipeline.load")
        );
    }

    #[test]
    fn python_and_node_modules_do_not_know_where_they_were_unpacked() {
        assert_eq!(module_of("/opt/app/common.py"), "common");
        assert_eq!(
            module_of("/usr/local/lib/python3.11/asyncio/runners.py"),
            "asyncio.runners"
        );
        assert_eq!(
            module_of("/opt/app/venv/lib/python3.11/site-packages/sqlalchemy/engine/base.py"),
            "sqlalchemy.engine.base"
        );
        assert_eq!(node_module("/opt/app/svc.js"), "svc");
        assert_eq!(node_module("node:net"), "node:net");
        assert_eq!(
            node_module("/opt/app/node_modules/pg/lib/client.js"),
            "node_modules/pg/lib/client"
        );
    }

    proptest! {
        #[test]
        fn cleaning_never_panics_and_ignores_variable_digits(text in "[a-zA-Z0-9_.$/<>-]{0,60}|.{0,40}") {
            let zeroed = skeleton::zeroed(&text);
            prop_assert_eq!(class_name(&text), class_name(&zeroed));
            prop_assert_eq!(method_name(&text), method_name(&zeroed));
        }
    }
}
