//! Who answers there, and whether it lets us in.

use super::client::DruidClient;
use super::error::{DruidError, Service};
use super::sql::Question;
use reqwest::Method;
use serde_json::Value;

/// What a service of Druid says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DruidAbout {
    /// Its address.
    pub url: String,
    /// Its version; absent where our user may not ask for it.
    pub version: Option<String>,
}

impl DruidClient {
    /// Asks a service what we ask it all day, and its version: the broker for an answer of SQL, the coordinator for our
    /// supervisor.
    ///
    /// # Errors
    /// No answer, something else answers, or it does not let us in.
    pub fn about(&self, service: Service) -> Result<DruidAbout, DruidError> {
        match service {
            Service::Broker => {
                self.sql(&Question::new("SELECT 1"))?;
            }
            Service::Coordinator => {
                self.running()?;
            }
        }
        let answer = self.ask(service, &Method::GET, "/status", None)?;
        // Only a right to see the servers' state opens this page, and we need none.
        if matches!(answer.status, 401 | 403) {
            return Ok(DruidAbout {
                url: self.url(service).to_owned(),
                version: None,
            });
        }
        let said = self.json(service, &answer)?;
        let version = said.get("version").and_then(Value::as_str);
        Ok(DruidAbout {
            url: self.url(service).to_owned(),
            version: version.map(str::to_owned),
        })
    }
}
