//! Where an address or a secret comes from, and how it is shown: hardly at all.

use crate::config::Secret;
use reqwest::Url;
use std::path::PathBuf;

/// Where a value comes from. Only what is no secret is given in the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sourced {
    /// It stands in the file.
    Given(String),
    /// An environment variable holds it.
    Env(String),
    /// A file holds it, as orchestrators mount secrets; read at every sending, so that a changed one counts.
    File(PathBuf),
}

/// More than this is no address and no secret.
const LONGEST: usize = 8 * 1024;

impl Sourced {
    /// The value.
    ///
    /// # Errors
    /// Nothing is there.
    pub fn value(&self) -> Result<Secret, Unreached> {
        let (value, place) = match self {
            Sourced::Given(value) => (value.clone(), "routes.yaml".to_owned()),
            Sourced::Env(name) => {
                let place = format!("the environment variable {name}");
                let value = std::env::var(name).map_err(|_| Unreached(format!("{place} is not set")))?;
                (value, place)
            }
            Sourced::File(path) => {
                let place = format!("the file {}", path.display());
                let value = std::fs::read_to_string(path)
                    .map_err(|error| Unreached(format!("{place} could not be read: {error}")))?;
                (value, place)
            }
        };
        let value = value.trim();
        if value.is_empty() {
            return Err(Unreached(format!("{place} is empty")));
        }
        if value.len() > LONGEST || value.chars().any(char::is_control) {
            return Err(Unreached(format!("{place} holds more than one short line")));
        }
        Ok(Secret::new(value.to_owned()))
    }
}

/// Why a destination cannot be reached as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreached(pub(super) String);

/// How a destination is reached: everything looked up. Nothing of it is shown but the host.
#[derive(Clone)]
pub struct Reach {
    /// Its address.
    pub(super) url: Url,
    /// Who we are there.
    pub(super) username: Option<String>,
    /// What signs or lets us in.
    pub(super) secret: Option<Secret>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach")
            .field("host", &shown(&self.url))
            .finish_non_exhaustive()
    }
}

/// An address as it may be shown: the paths and queries of chat hooks are secrets.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// Reads an address.
///
/// # Errors
/// What is wrong with it, without repeating it.
pub(super) fn address(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let example = schemes.first().copied().unwrap_or("https");
    let wanted = format!("{example}://HOST/… is wanted");
    let url: Url = text
        .parse()
        .map_err(|error| format!("is no address ({error}); {wanted}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("begins with {}:; {wanted}", url.scheme()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("names no host; {wanted}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password; use username and password_env".to_owned());
    }
    Ok(url)
}

impl Reach {
    /// Text of somebody else, who may repeat what we sent, without our secrets.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        let path = Some(self.url.path()).filter(|path| path.len() > 8);
        let secret = self.secret.as_ref().map(Secret::expose);
        let secrets = [Some(self.url.as_str()), self.url.query(), path, secret];
        for secret in secrets.into_iter().flatten().filter(|secret| secret.len() > 3) {
            clean = clean.replace(secret, "***");
        }
        for (_, value) in self.url.query_pairs().filter(|(_, value)| value.len() > 3) {
            clean = clean.replace(&*value, "***");
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_and_not_repeated() {
        for bad in [
            "",
            "no address",
            "ftp://x.org/T-secret",
            "https://",
            "https://user:T-secret@x.org/",
        ] {
            let error = address(bad, &["https", "http"]).unwrap_err();
            assert!(!error.contains("T-secret"), "{error}");
        }
        assert!(address("http://127.0.0.1:9093", &["https", "http"]).is_ok());
    }

    #[test]
    fn neither_debug_nor_an_answer_that_echoes_it_shows_the_hook() {
        let reach = Reach {
            url: "https://hooks.example.org/services/T000/B000/XXXX?key=693a91f6"
                .parse()
                .unwrap(),
            username: None,
            secret: Some(Secret::new("SEC-of-ours".to_owned())),
        };
        let shown = format!(
            "{reach:?} {}",
            reach.scrub("no route for /services/T000/B000/XXXX with 693a91f6 and SEC-of-ours")
        );
        for secret in ["T000", "693a91f6", "SEC-of-ours"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("hooks.example.org"));
    }
}
