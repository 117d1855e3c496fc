//! What our clients do when the library calls back: log, remember the last error, fetch a token.

use super::KafkaFault;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI16, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The request that commits offsets inside a transaction, and the version of it that knows the group's members.
const OFFSETS_IN_TRANSACTION: (&str, i16) = ("TxnOffsetCommit", 3);

/// How long a new client may take to ask for its first token; it does so at once.
const FIRST_TOKEN: Duration = Duration::from_secs(1);

/// The callbacks all clients share.
#[derive(Debug)]
pub struct Calls {
    /// The file of the token, for OAUTHBEARER.
    token: Option<PathBuf>,
    /// Whether the library has asked for a token yet.
    asked: AtomicBool,
    /// The lowest version to which a broker can commit offsets in a transaction, of the brokers met; -1 before any was.
    offsets_in_transaction: AtomicI16,
    last: Mutex<Option<(Code, String)>>,
    refused: Mutex<Option<(Code, String)>>,
    /// The first delivery that failed since it was asked for: the record's number and why.
    undelivered: Mutex<Option<Undelivered>>,
}

/// A record that a broker did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// The number it was sent with.
    pub number: usize,
    /// Why.
    pub code: Code,
}

impl Calls {
    /// Callbacks of a client that may need a token.
    #[must_use]
    pub fn new(token: Option<PathBuf>) -> Self {
        Self {
            token,
            asked: AtomicBool::new(false),
            offsets_in_transaction: AtomicI16::new(-1),
            last: Mutex::default(),
            refused: Mutex::default(),
            undelivered: Mutex::default(),
        }
    }

    /// What exactly-once lacks at a broker we met: committing offsets inside a transaction in a way that fences who was
    /// taken for dead came with Kafka 2.5. Against an older one the library would leave the fence out without a word.
    pub(crate) fn too_old(&self) -> Option<String> {
        let version = self.offsets_in_transaction.load(Ordering::Relaxed);
        (0..OFFSETS_IN_TRANSACTION.1).contains(&version).then(|| {
            let (name, wanted) = OFFSETS_IN_TRANSACTION;
            format!("it knows {name} to version {version}, and version {wanted} is needed")
        })
    }

    /// Reads what the library tells of a broker's requests, a line for each: `  ApiKey TxnOffsetCommit (28) Versions 0..3`.
    fn hear(&self, said: &str) {
        let version = said.rsplit_once("..").map(|(_, version)| version.trim().parse::<i16>());
        if let Some(Ok(version)) = version.filter(|_| said.contains(OFFSETS_IN_TRANSACTION.0)) {
            // The lowest stays; -1 is none yet. The other's order does not matter.
            let present = self.offsets_in_transaction.load(Ordering::Relaxed);
            if present < 0 || version < present {
                self.offsets_in_transaction.store(version, Ordering::Relaxed);
            }
        }
    }

    /// Whether a broker has told yet which requests it knows.
    pub(crate) fn knows_age(&self) -> bool {
        self.offsets_in_transaction.load(Ordering::Relaxed) >= 0
    }

    /// What the library complained of last, if it did since this was asked before. That we are not let in outlives
    /// the time-outs that follow from it.
    pub fn take_last(&self) -> Option<(Code, String)> {
        let last = lock(&self.last).take();
        lock(&self.refused).take().or(last)
    }

    /// The fault of an error, with what the library complained of meanwhile.
    pub(crate) fn fault(&self, error: &KafkaError, doing: &str, brokers: &str) -> KafkaFault {
        let plain = KafkaFault::of(error, doing, brokers);
        match self.take_last() {
            Some((code, why)) if plain.may_pass() => KafkaFault::of_code(Some(code), &why, doing, brokers),
            Some(_) | None => plain,
        }
    }

    /// Polls until the library has asked for its first token, where one is needed: it asks only while somebody polls, and
    /// a call that does not poll would wait for the login in vain.
    pub(crate) fn first_token(&self, poll: impl Fn(Duration)) {
        let until = Instant::now() + FIRST_TOKEN;
        while self.token.is_some() && !self.asked.load(Ordering::Relaxed) && Instant::now() < until {
            poll(Duration::from_millis(10));
        }
    }

    /// The first delivery that failed since this was asked before.
    pub fn take_undelivered(&self) -> Option<Undelivered> {
        lock(&self.undelivered).take()
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Calls {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        if fac == "APIVERSION" {
            self.hear(log_message);
        }
        // What matters comes as an error to whoever called; this is for who looks for the reason.
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::debug!(facility = fac, said = log_message, "librdkafka"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::trace!(facility = fac, said = log_message, "librdkafka");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is no error.
        if error.rdkafka_error_code() == Some(Code::PartitionEOF) {
            return;
        }
        tracing::debug!(%error, reason, "kafka");
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        let held = (code, reason.to_owned());
        if matches!(code, Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL) {
            *lock(&self.refused) = Some(held.clone());
        }
        *lock(&self.last) = Some(held);
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.asked.store(true, Ordering::Relaxed);
        let Some(path) = &self.token else {
            return Err("no file of a token is configured (source.kafka.token)".into());
        };
        let token = std::fs::read_to_string(path)
            .map_err(|error| format!("the token in {} cannot be read: {error}", path.display()))?;
        token_of(token.trim(), path)
    }
}

impl ConsumerContext for Calls {}

impl ProducerContext for Calls {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
            // Purged by our own abort: no news.
            if !matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
                lock(&self.undelivered).get_or_insert(Undelivered { number, code });
            }
        }
    }
}

/// What the library wants to know of a token: whose it is and until when.
fn token_of(token: &str, path: &Path) -> Result<OAuthToken, Box<dyn Error>> {
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok())
        .ok_or_else(|| format!("what stands in {} is not a JWT", path.display()))?;
    let expires = claims
        .get("exp")
        .and_then(serde_json::Value::as_i64)
        .ok_or_else(|| format!("the token in {} does not say when it expires", path.display()))?;
    let subject = claims
        .get("sub")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("seismolog");
    Ok(OAuthToken {
        token: token.to_owned(),
        principal_name: subject.to_owned(),
        lifetime_ms: expires.saturating_mul(1_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_cannot_fence_is_told_by_what_it_lacks() {
        let calls = Calls::new(None);
        let hear = |said: &str| calls.log(RDKafkaLogLevel::Debug, "APIVERSION", said);
        assert_eq!(calls.too_old(), None);
        hear("[thrd:b]: b/1:   ApiKey TxnOffsetCommit (28) Versions 0..5");
        hear("[thrd:b]: b/1:   ApiKey Fetch (1) Versions 0..2");
        assert_eq!(calls.too_old(), None);
        hear("[thrd:b]: b/2:   ApiKey TxnOffsetCommit (28) Versions 0..2");
        hear("[thrd:b]: b/1:   ApiKey TxnOffsetCommit (28) Versions 0..5");
        assert!(calls.too_old().unwrap().contains("to version 2, and version 3"));
    }

    #[test]
    fn a_token_tells_whose_it_is_and_until_when() {
        let body = URL_SAFE_NO_PAD.encode(br#"{"sub":"logs","exp":1795222384}"#);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, format!("e30.{body}.sig\n")).unwrap();
        let token = Calls::new(Some(path.clone())).generate_oauth_token(None).unwrap();
        assert_eq!(
            (token.principal_name.as_str(), token.lifetime_ms),
            ("logs", 1_795_222_384_000)
        );
        std::fs::write(&path, "secret-that-is-no-jwt").unwrap();
        let error = Calls::new(Some(path))
            .generate_oauth_token(None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.ends_with("is not a JWT") && !error.contains("secret"), "{error}");
    }
}
