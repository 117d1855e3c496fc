//! Who may ask: host names, origins, tokens; and the headers every answer carries.
//!
//! - A page of another site can make a browser send requests here. Requests that change something must come from our
//!   own pages (`Sec-Fetch-Site`, else `Origin`) or from a client that is no browser.
//! - A name of another site can be made to point at 127.0.0.1 (DNS rebinding). Without tokens only loopback names and
//!   configured ones are answered.
//! - Tokens come as `Authorization: Bearer TOKEN`, or as the password of Basic (any user name), which browsers ask for.

use super::problem::{Kind, Problem};
use super::question::Shared;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, changes states, writes notes and markers, pushes records.
    Editor,
}

/// A secret and what it allows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// For the log.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The secret, at least 16 characters.
    pub secret: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Nothing but our own files runs or styles; nothing frames us; forms stay here.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Checks a request, answers it, and puts the headers on.
pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let feed = path.ends_with("/feed.atom") || path.ends_with("/feed.json");
    let for_scripts = feed || path.starts_with("/api/") || matches!(path, "/healthz" | "/readyz" | "/metrics");
    let answered = match check(&shared, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = in_form(answered, for_scripts);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it browsers send `Origin: null` for our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// What goes wrong is a problem for a script and a page for a person, wherever it went wrong.
fn in_form(response: Response, for_scripts: bool) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let known = response.extensions().get::<Problem>().cloned();
    match (known, for_scripts) {
        (Some(_), true) => response,
        (Some(problem), false) => super::pages::problem_page(&problem),
        (None, true) => keeping_allow(&response, Problem::of_status(status).into_response()),
        (None, false) if is_html(&response) => response,
        (None, false) => super::pages::problem_page(&Problem::of_status(status)),
    }
}

fn keeping_allow(from: &Response, mut to: Response) -> Response {
    if let Some(allow) = from.headers().get(header::ALLOW) {
        to.headers_mut().insert(header::ALLOW, allow.clone());
    }
    to
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|v| v.as_bytes().starts_with(b"text/html"))
}

fn check(shared: &Shared, request: &Request) -> Result<(), Problem> {
    let options = &shared.options;
    let path = request.uri().path();
    if path == "/healthz" || path == "/readyz" {
        // Probes come by address, with no name and no token, and learn nothing.
        return Ok(());
    }
    let asked = host_of(request);
    if options.tokens.is_empty() || !options.hosts.is_empty() {
        let known = asked
            .as_deref()
            .is_some_and(|host| is_loopback(host) || options.hosts.iter().any(|h| h.eq_ignore_ascii_case(host)));
        if !known {
            let named = asked.unwrap_or_else(|| "(none)".to_owned());
            let detail = format!(
                "the Host header names {named:?}; this server answers to localhost and to the names in serve.hosts"
            );
            return Err(Problem::new(Kind::WrongHost, detail));
        }
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes {
        check_origin(request.headers())?;
    }
    if options.tokens.is_empty() {
        return Ok(());
    }
    let secret = secret_of(request.headers()).ok_or_else(|| {
        Problem::new(
            Kind::Unauthorized,
            "send a token: Authorization: Bearer TOKEN, or as the password of Basic",
        )
    })?;
    // Every token is compared, so that the time taken does not tell which one nearly fits.
    let role = options
        .tokens
        .iter()
        .filter(|token| same(token.secret.as_bytes(), secret.as_bytes()))
        .map(|token| token.role)
        .max();
    match (role, changes) {
        (None, _) => Err(Problem::new(Kind::Unauthorized, "the token is not known")),
        (Some(Role::Viewer), true) => Err(Problem::new(
            Kind::Forbidden,
            "the token may read only; one with the role editor is needed",
        )),
        (Some(Role::Viewer), false) | (Some(Role::Editor), _) => Ok(()),
    }
}

/// The address a request was sent to, for links that leave this server: `http://HOST:PORT`. Which hosts are answered
/// to was decided before; here it is only kept from being more than a host. Nothing where none was named.
pub(crate) fn base_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    // A proxy that speaks TLS says so.
    let secure = headers
        .get("x-forwarded-proto")
        .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if secure { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}

/// The host asked for, without its port.
fn host_of(request: &Request) -> Option<String> {
    let given = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(header::HOST)?.to_str().ok()?,
    };
    Some(without_port(given).to_owned())
}

fn without_port(authority: &str) -> &str {
    if let Some((inside, _)) = authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
        return inside;
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let foreign = || {
        Problem::new(
            Kind::Forbidden,
            "the request comes from a page of another site; changes are taken from our own pages and from scripts",
        )
    };
    // Browsers set it and pages cannot.
    if let Some(site) = headers.get("sec-fetch-site") {
        return match site.as_bytes() {
            b"same-origin" | b"none" => Ok(()),
            _ => Err(foreign()),
        };
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().map_err(|_| foreign())?;
    let from = origin.split_once("://").map(|(_, authority)| authority);
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    match (from, host) {
        (Some(from), Some(host)) if from.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(foreign()),
    }
}

fn secret_of(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = given.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let plain = String::from_utf8(base64(rest.trim())?).ok()?;
        return plain.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

/// Standard base64 with or without padding; `None` when it is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let mut bits: u32 = 0;
    let mut held = 0_u32;
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0x3fff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Whether two secrets are the same, in a time that depends on the length of the given one only.
fn same(wanted: &[u8], given: &[u8]) -> bool {
    let mut wrong = u8::from(wanted.len() != given.len());
    for (i, byte) in given.iter().enumerate() {
        wrong |= byte ^ wanted.get(i % wanted.len().max(1)).copied().unwrap_or(0);
    }
    std::hint::black_box(wrong) == 0 && !wanted.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, plain) in [
            ("YTpi", "a:b"),
            ("dTpwYXNz", "u:pass"),
            ("dTpwYXM=", "u:pas"),
            ("dTpwYQ==", "u:pa"),
            ("dTpwYQ", "u:pa"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(plain.as_bytes()), "{text}");
        }
        assert_eq!(base64("a b"), None);
    }

    #[test]
    fn only_equal_secrets_are_the_same() {
        assert!(same(b"secret-secret-16", b"secret-secret-16"));
        assert!(!same(b"secret-secret-16", b"secret-secret-1"));
        assert!(!same(b"aa", b"aaaa"));
        assert!(!same(b"", b""));
    }

    #[test]
    fn ports_and_brackets_are_no_part_of_a_host() {
        for (given, host) in [
            ("localhost:8420", "localhost"),
            ("[::1]:8420", "::1"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(without_port(given), host);
            assert!(is_loopback(without_port(given)), "{given}");
        }
        assert!(!is_loopback("localhost.evil.example"));
        assert!(!is_loopback("127.0.0.1.evil.example"));
    }
}
