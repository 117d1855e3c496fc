//! What goes wrong when Druid is asked, and what to do about it.

use std::fmt;
use std::time::Duration;

/// Which of its services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Answers SQL.
    Broker,
    /// Keeps supervisors and tasks.
    Coordinator,
}

impl Service {
    /// The configuration key of its address.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Service::Broker => "druid.broker_url",
            Service::Coordinator => "druid.coordinator_url",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::Broker => "broker",
            Service::Coordinator => "coordinator",
        })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DruidError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// Nobody answers there.
    #[error("druid's {service} at {url} does not answer: {error}; {}", is_there(*service))]
    Away {
        /// Which.
        service: Service,
        /// Where.
        url: String,
        /// Why.
        error: String,
    },
    /// It answers, with a certificate we do not trust.
    #[error("druid's {service} at {url} has a certificate that is not trusted: {error}; {UNTRUSTED}")]
    Untrusted {
        /// Which.
        service: Service,
        /// Where.
        url: String,
        /// What is wrong with it.
        error: String,
    },
    /// It took too long.
    #[error("druid's {service} at {url} gave no answer within {} ms; {TOO_SLOW}", within.as_millis())]
    TimedOut {
        /// Which.
        service: Service,
        /// Where.
        url: String,
        /// How long was waited.
        within: Duration,
    },
    /// It refuses.
    #[error("druid's {service} at {url} answers {status}: {detail}{}", behind(&remedy(*service, *status, detail)))]
    Refused {
        /// Which.
        service: Service,
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its words, shortened.
        detail: String,
    },
    /// What came is not what Druid answers.
    #[error("druid's {service} at {url} answers something else than expected: {error}; {}", is_it(*service))]
    Strange {
        /// Which.
        service: Service,
        /// Where.
        url: String,
        /// What.
        error: String,
    },
}

impl DruidError {
    /// What to do about it, as it stands at the end of the text; empty where nothing is known.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            DruidError::Configuration(_) => "mend [druid] of the configuration".to_owned(),
            DruidError::Away { service, .. } => is_there(*service),
            DruidError::Untrusted { .. } => UNTRUSTED.to_owned(),
            DruidError::TimedOut { .. } => TOO_SLOW.to_owned(),
            DruidError::Refused {
                service,
                status,
                detail,
                ..
            } => remedy(*service, *status, detail),
            DruidError::Strange { service, .. } => is_it(*service),
        }
    }

    /// Whether it may go well later (exit 75).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            DruidError::Away { .. } | DruidError::TimedOut { .. } => true,
            DruidError::Refused { status, detail, .. } => passes(*status, detail),
            DruidError::Configuration(_) | DruidError::Untrusted { .. } | DruidError::Strange { .. } => false,
        }
    }
}

/// Whether an answer tells of something that passes. A broker keeps connections to tasks that died, until it notices.
pub(super) fn passes(status: u16, detail: &str) -> bool {
    matches!(status, 429 | 502..=504)
        || [
            "Faulty channel in resource pool",
            "Channel disconnected",
            "Connection refused",
        ]
        .iter()
        .any(|sign| detail.contains(sign))
}

const UNTRUSTED: &str = "set druid.ca to the certificate (PEM) of the authority that signed it, and name the server as \
                         its certificate does";

const TOO_SLOW: &str = "ask for less time, or raise druid.timeout";

fn is_there(service: Service) -> String {
    format!("check {} and that it runs", service.key())
}

fn is_it(service: Service) -> String {
    format!("is {} a {service} or router?", service.key())
}

fn behind(remedy: &str) -> String {
    if remedy.is_empty() {
        String::new()
    } else {
        format!("; {remedy}")
    }
}

fn remedy(service: Service, status: u16, detail: &str) -> String {
    if detail.contains("Resource limit exceeded") || detail.contains("merging dictionary") {
        return "ask for less time or a dimension with fewer values, or give druid.query.groupBy more room".to_owned();
    }
    match status {
        401 => "check druid.username and druid.password".to_owned(),
        403 => format!(
            "the user of druid.username needs {}",
            match service {
                Service::Broker => "READ on the datasource",
                Service::Coordinator => "READ and WRITE on the datasource",
            }
        ),
        404 | 405 => format!("is {} the address of a {service} or of a router?", service.key()),
        429 | 502..=504 => "it may pass: ask again".to_owned(),
        _ => String::new(),
    }
}
