//! Errors of the API: RFC 9457 problem details. The `type` is stable; scripts hold on to it.

use crate::store::{EditError, ReadError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::parts::IngestError;

/// What went wrong, as the kinds a script may tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BadParameter,
    BadQuery,
    BadBody,
    NotFound,
    MethodNotAllowed,
    Unauthorized,
    Forbidden,
    WrongHost,
    ReadOnly,
    TooLarge,
    Unsupported,
    Busy,
    TooSlow,
    NotReady,
    Broken,
}

impl Kind {
    pub(crate) const ALL: &'static [Kind] = &[
        Kind::BadParameter,
        Kind::BadQuery,
        Kind::BadBody,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::WrongHost,
        Kind::ReadOnly,
        Kind::TooLarge,
        Kind::Unsupported,
        Kind::Busy,
        Kind::TooSlow,
        Kind::NotReady,
        Kind::Broken,
    ];

    /// (name in `type`, title, status).
    pub(crate) fn facts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Kind::BadParameter => ("bad-parameter", "a parameter cannot be used", StatusCode::BAD_REQUEST),
            Kind::BadQuery => ("bad-query", "the search has a mistake", StatusCode::BAD_REQUEST),
            Kind::BadBody => ("bad-body", "the body cannot be used", StatusCode::BAD_REQUEST),
            Kind::NotFound => ("not-found", "not found", StatusCode::NOT_FOUND),
            Kind::MethodNotAllowed => (
                "method-not-allowed",
                "the method is not allowed here",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Kind::Unauthorized => ("unauthorized", "a token is needed", StatusCode::UNAUTHORIZED),
            Kind::Forbidden => ("forbidden", "not allowed", StatusCode::FORBIDDEN),
            Kind::WrongHost => (
                "wrong-host",
                "the Host header names another server",
                StatusCode::MISDIRECTED_REQUEST,
            ),
            Kind::ReadOnly => ("read-only", "not allowed by the configuration", StatusCode::FORBIDDEN),
            Kind::TooLarge => ("too-large", "too large", StatusCode::PAYLOAD_TOO_LARGE),
            Kind::Unsupported => (
                "unsupported-media-type",
                "the content type is not supported",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Kind::Busy => ("busy", "too much is under way", StatusCode::TOO_MANY_REQUESTS),
            Kind::TooSlow => (
                "too-slow",
                "the question took too long",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Kind::NotReady => ("not-ready", "not ready yet", StatusCode::SERVICE_UNAVAILABLE),
            Kind::Broken => (
                "internal",
                "something broke on our side",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
        }
    }
}

/// One problem. Boxed: it travels in the error of nearly every function here.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Facts>);

impl std::ops::Deref for Problem {
    type Target = Facts;
    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl std::ops::DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.0
    }
}

/// A problem as serialized.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    #[serde(rename = "type")]
    pub(crate) type_: String,
    pub(crate) title: &'static str,
    pub(crate) status: u16,
    pub(crate) detail: String,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// Where in the parameter, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<usize>,
    /// How many characters of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) length: Option<usize>,
    /// The nearest that would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggestion: Option<String>,
    #[serde(skip)]
    pub(crate) kind: Kind,
    #[serde(skip)]
    pub(crate) retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (name, title, status) = kind.facts();
        Self(Box::new(Facts {
            type_: format!("urn:seismolog:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            parameter: None,
            position: None,
            length: None,
            suggestion: None,
            kind,
            retry_after: None,
        }))
    }

    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(Kind::BadParameter, detail);
        problem.parameter = Some(name.to_owned());
        problem
    }

    pub(crate) fn suggesting(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.kind.facts().2
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"seismolog\", charset=\"UTF-8\""),
            );
        }
        // For the guard, which turns it into a page where a person asked.
        response.extensions_mut().insert(self);
        response
    }
}

impl Problem {
    /// The problem of a plain refusal: a limit of the framework was met before an answer began.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            404 => Problem::new(Kind::NotFound, "there is nothing at this address"),
            405 => Problem::new(Kind::MethodNotAllowed, "the Allow header names what is"),
            408 => Problem::new(Kind::TooSlow, "the request took too long to arrive or to be answered"),
            413 => Problem::new(Kind::TooLarge, "the body is longer than this call takes"),
            415 => Problem::new(Kind::Unsupported, "the content type is not supported"),
            500..600 => Problem::new(Kind::Broken, "the log of the server says why"),
            _ => Problem::new(
                Kind::BadParameter,
                "the address or the body cannot be read: is all of it UTF-8?",
            ),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::NotFound(_) => Problem::new(Kind::NotFound, detail),
            ReadError::BadRequest(_) => Problem::new(Kind::BadParameter, detail),
            ReadError::Store(_) => {
                tracing::error!(error = %detail, "a question to the store failed");
                Problem::new(Kind::Broken, detail)
            }
            ReadError::TimedOut(_) => Problem::new(Kind::TooSlow, detail),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        let detail = error.to_string();
        match error {
            EditError::NotFound(_) => Problem::new(Kind::NotFound, detail),
            EditError::BadRequest(_) => Problem::new(Kind::BadParameter, detail),
            EditError::Write(_) => {
                tracing::error!(error = %detail, "a change was not stored");
                Problem::new(Kind::Broken, detail)
            }
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        let detail = error.to_string();
        match error {
            IngestError::Busy { retry_after_seconds } => {
                let mut problem = Problem::new(Kind::Busy, detail);
                problem.retry_after = Some(retry_after_seconds);
                problem
            }
            IngestError::Store(_) => {
                tracing::error!(error = %detail, "pushed records were not stored");
                Problem::new(Kind::Broken, detail)
            }
        }
    }
}
