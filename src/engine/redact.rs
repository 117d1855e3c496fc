//! Secrets that messages carry are taken out before anything is identified or stored.
//!
//! Comes in: text. Goes out: the text with each secret replaced by `<REDACTED>`, and how many there were. What it
//! does not do: guess. A value is a secret when the key before it says so, or when its own shape does (a bearer or
//! basic credential, a JSON web token, an access key id, user and password in an address, a private key).

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::Regex;
use std::borrow::Cow;

/// What stands in place of a secret.
pub const REDACTED: &str = "<REDACTED>";

/// Words without which no pattern can match, but for user and password in an address. They hold no digits, so that
/// the answer is the same for all texts with one memo key.
const WORDS: &[&str] = &[
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "api.key",
    "access_key",
    "access-key",
    "accesskey",
    "access.key",
    "account_key",
    "account-key",
    "accountkey",
    "account.key",
    "private_key",
    "private-key",
    "privatekey",
    "private.key",
    "credential",
    "authorization",
    "bearer",
    "private key",
    "akia",
    "asia",
    "eyj",
    "signature",
    "sig=",
];

/// Each pattern redacts its group `s`.
const PATTERNS: &[&str] = &[
    // key = value, key: value, "key":"value", --key value; quoted values may hold blanks
    r#"(?i)(?:passw(?:or)?d|passwd|pwd|passphrase|secret(?:[_.-]?(?:access[_.-]?)?key)?|(?:api|access|account|private)[_.-]?key(?:[_.-]?(?:id|secret))?|(?:auth|access|refresh|session|security|id|sas|bearer)?[_.-]?token|credentials?|x-amz-(?:signature|credential|security-token)|signature|sig)(?:\\?["'])?\s*(?:=>|[=:])\s*(?:\\?["'](?P<s>[^"'\\]{3,})|(?P<s2>[^\s"'\\,;&)\]}<]{3,}))"#,
    // user and password in an address
    r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/@:]*:(?P<s>[^\s/@]+)@",
    // Authorization: Bearer x, Basic x
    r#"(?i)\bauthorization\W{1,5}(?:(?:bearer|basic|digest|negotiate)\s+)?(?P<s>[^\s"',;<\\]{6,})"#,
    r"(?i)\bbearer\s+(?P<s>[a-z0-9+/_.~-]*[0-9.][a-z0-9+/_.~-]{7,}=*)",
    // JSON web token
    r"\b(?P<s>eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
    // AWS access key id
    r"\b(?P<s>A(?:KIA|SIA)[A-Z0-9]{16})\b",
    // PEM private key
    r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<s>.+?)(?:-----END|\z)",
];

/// Takes secrets out of text.
#[derive(Debug)]
pub struct Redactor {
    words: AhoCorasick,
    patterns: Vec<Regex>,
}

impl Redactor {
    /// The built-in patterns, compiled once per process.
    #[must_use]
    pub fn built_in() -> std::sync::Arc<Self> {
        static BUILT_IN: std::sync::LazyLock<std::sync::Arc<Redactor>> = std::sync::LazyLock::new(|| {
            #[allow(clippy::expect_used, reason = "the patterns are constants and a test compiles them")]
            let redactor = Redactor::new().expect("built-in redaction patterns compile");
            std::sync::Arc::new(redactor)
        });
        std::sync::Arc::clone(&BUILT_IN)
    }

    /// The built-in patterns.
    ///
    /// # Errors
    /// When a pattern does not compile, which a test rules out.
    pub fn new() -> Result<Self, String> {
        let words = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(WORDS)
            .map_err(|e| e.to_string())?;
        let patterns = PATTERNS
            .iter()
            .map(|p| Regex::new(p))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        Ok(Self { words, patterns })
    }

    /// Whether the text may hold a secret. Depends on letters only, never on digits.
    #[must_use]
    pub fn may_hold_secret(&self, text: &str) -> bool {
        self.words.is_match(text) || may_hold_user_info(text)
    }

    /// As [`Redactor::may_hold_secret`] for a stack: its frames are not looked at.
    #[must_use]
    pub fn stack_may_hold_secret(&self, stack: &str) -> bool {
        stack.lines().any(|line| !is_frame(line) && self.may_hold_secret(line))
    }

    /// As [`Redactor::redact`] for a stack: its frames are not looked at.
    #[must_use]
    pub fn redact_stack<'t>(&self, stack: &'t str) -> (Cow<'t, str>, u32) {
        if !self.stack_may_hold_secret(stack) {
            return (Cow::Borrowed(stack), 0);
        }
        if stack.contains("PRIVATE KEY") {
            // A key goes over many lines.
            return self.redact(stack);
        }
        let mut out = String::with_capacity(stack.len());
        let mut count = 0;
        for line in stack.split_inclusive('\n') {
            if is_frame(line) {
                out.push_str(line);
            } else {
                let (clean, taken) = self.redact(line);
                out.push_str(&clean);
                count += taken;
            }
        }
        (Cow::Owned(out), count)
    }

    /// The text without its secrets, and how many were taken out.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> (Cow<'t, str>, u32) {
        if !self.may_hold_secret(text) {
            return (Cow::Borrowed(text), 0);
        }
        let mut out = Cow::Borrowed(text);
        let mut count = 0;
        for pattern in &self.patterns {
            let mut secrets: Vec<(usize, usize)> = Vec::new();
            for found in pattern.captures_iter(&out) {
                let secret = found.name("s").or_else(|| found.name("s2"));
                if let Some(secret) = secret.filter(|s| is_no_placeholder(s.as_str())) {
                    secrets.push((secret.start(), secret.end()));
                }
            }
            if secrets.is_empty() {
                continue;
            }
            count += u32::try_from(secrets.len()).unwrap_or(u32::MAX);
            let mut clean = String::with_capacity(out.len());
            let mut from = 0;
            for (start, end) in secrets {
                clean.push_str(out.get(from..start).unwrap_or_default());
                clean.push_str(REDACTED);
                from = end;
            }
            clean.push_str(out.get(from..).unwrap_or_default());
            out = Cow::Owned(clean);
        }
        (out, count)
    }
}

/// `scheme://…@`, without a blank between.
fn may_hold_user_info(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), b"://").any(|at| {
        let after = text.as_bytes().get(at + 3..).unwrap_or_default();
        after
            .iter()
            .take_while(|b| !b.is_ascii_whitespace() && **b != b'/')
            .any(|&b| b == b'@')
    })
}

/// A line of a call stack: `\tat …` or `    at …`.
fn is_frame(line: &str) -> bool {
    let called = line.trim_start_matches([' ', '\t']);
    called.len() < line.len() && called.starts_with("at ")
}

/// `token: null`, `password=***`, `<REDACTED>` and look-ups say nothing that has to be hidden.
fn is_no_placeholder(value: &str) -> bool {
    let masked = value.chars().all(|c| matches!(c, '*' | '.' | 'x' | 'X' | '-' | '…'));
    let empty_word = [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "hidden",
        "redacted",
    ]
    .iter()
    .any(|word| value.eq_ignore_ascii_case(word));
    !(masked || empty_word || value.starts_with('<') || value.starts_with("${") || value.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redacted(text: &str) -> (String, u32) {
        let (out, count) = Redactor::new().unwrap().redact(text);
        (out.into_owned(), count)
    }

    #[test]
    fn secrets_are_taken_out_and_counted() {
        let cases = [
            (
                "jdbc:mysql://db:3306/x?user=a&password=hunter2&ssl=true",
                "jdbc:mysql://db:3306/x?user=a&password=<REDACTED>&ssl=true",
            ),
            ("redis://:s3cr3t@cache:6379/0", "redis://:<REDACTED>@cache:6379/0"),
            (
                r#"{"password":"a b c","user":"x"}"#,
                r#"{"password":"<REDACTED>","user":"x"}"#,
            ),
            (
                r#"config {\"apiKey\":\"12345678\"}"#,
                r#"config {\"apiKey\":\"<REDACTED>\"}"#,
            ),
            (
                "Authorization: Bearer abcdefghijklmnop.qrst",
                "Authorization: Bearer <REDACTED>",
            ),
            ("access key AKIAIOSFODNN7EXAMPLE denied", "access key <REDACTED> denied"),
            ("fs.s3a.secret.key=wJalrXUtnFEMI", "fs.s3a.secret.key=<REDACTED>"),
            ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM expired", "<REDACTED> expired"),
        ];
        for (text, want) in cases {
            assert_eq!(redacted(text), (want.to_owned(), 1), "{text}");
        }
    }

    #[test]
    fn a_stack_is_redacted_but_for_its_frames() {
        let redactor = Redactor::new().unwrap();
        let stack = "a.B: password=hunter2\n\tat a.Token.secret(Token.java:1)\nCaused by: c.D: redis://:pw1@h\n";
        let (clean, count) = redactor.redact_stack(stack);
        assert_eq!(count, 2);
        assert_eq!(
            clean,
            "a.B: password=<REDACTED>\n\tat a.Token.secret(Token.java:1)\nCaused by: c.D: redis://:<REDACTED>@h\n"
        );
        assert!(!redactor.stack_may_hold_secret("a.B: x\n\tat a.Token.secret(Token.java:1)\n"));
    }

    #[test]
    fn what_only_looks_like_a_secret_stays() {
        for text in [
            "Fencing token mismatch: Ignoring message",
            "No tokens obtained so skipping notifications",
            "Failed to obtain delegation token",
            "password=***",
            "token: null",
            "Association with [pekko.tcp://flink@dn-0117:6123] has failed",
            "Expected token ',' but found '}'",
            "Basic authentication failed",
        ] {
            assert_eq!(redacted(text), (text.to_owned(), 0), "{text}");
        }
    }

    proptest! {
        #[test]
        fn redacting_twice_changes_nothing(text in "[a-z:= @/\"]{0,40}(password|token|secret)[:= ]{0,3}[a-z0-9]{0,12}.{0,20}") {
            let redactor = Redactor::new().unwrap();
            let once = redactor.redact(&text).0.into_owned();
            let again = redactor.redact(&once).0.into_owned();
            prop_assert_eq!(again, once);
        }

        #[test]
        fn digits_do_not_matter_to_the_prefilter(text in any::<String>()) {
            let redactor = Redactor::new().unwrap();
            let other: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            prop_assert_eq!(redactor.may_hold_secret(&text), redactor.may_hold_secret(&other));
        }
    }
}
