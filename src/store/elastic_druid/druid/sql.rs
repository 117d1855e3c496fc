//! SQL with parameters.

use super::client::{Answer, DruidClient, detail};
use super::error::{DruidError, Service};
use reqwest::Method;
use serde_json::{Value, json};

/// A value in a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// SQL in which `?` stands for each parameter, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    sql: String,
    parameters: Vec<Parameter>,
}

impl Question {
    /// A question that begins with this SQL.
    #[must_use]
    pub fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            parameters: Vec::new(),
        }
    }

    /// Goes on with this SQL.
    pub fn sql(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Goes on with a name: of a column or a datasource.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.sql.push('"');
        self.sql.push_str(&name.replace('"', "\"\""));
        self.sql.push('"');
        self
    }

    /// Goes on with a text as parameter.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.sql.push('?');
        self.parameters.push(Parameter::Text(text.to_owned()));
        self
    }

    /// Goes on with a number as parameter.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.sql.push('?');
        self.parameters.push(Parameter::Number(number));
        self
    }

    /// Goes on with a moment, milliseconds since the epoch.
    pub fn moment(&mut self, millis: i64) -> &mut Self {
        self.sql("MILLIS_TO_TIMESTAMP(").number(millis).sql(")")
    }

    /// Goes on with texts, parted by commas.
    pub fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> &mut Self {
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                self.sql.push_str(", ");
            }
            self.text(text);
        }
        self
    }

    /// Goes on with another piece and its parameters.
    pub fn piece(&mut self, piece: &Question) -> &mut Self {
        self.sql.push_str(&piece.sql);
        self.parameters.extend_from_slice(&piece.parameters);
        self
    }

    /// The SQL.
    #[must_use]
    pub fn as_sql(&self) -> &str {
        &self.sql
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

impl DruidClient {
    /// Asks; rows of values in the order of the columns. A datasource nothing was read into yet has no rows.
    ///
    /// # Errors
    /// No answer, or not with rows.
    pub fn sql(&self, question: &Question) -> Result<Vec<Vec<Value>>, DruidError> {
        let parameters: Vec<Value> = question
            .parameters
            .iter()
            .map(|parameter| match parameter {
                Parameter::Text(text) => json!({ "type": "VARCHAR", "value": text }),
                Parameter::Number(number) => json!({ "type": "BIGINT", "value": number }),
            })
            .collect();
        let body = json!({
            "query": question.sql,
            "parameters": parameters,
            // One JSON array: an answer that broke off cannot be read, and so is never taken for a whole one.
            "resultFormat": "array",
            "context": {
                "timeout": u64::try_from(self.patience().as_millis()).unwrap_or(u64::MAX),
                "sqlTimeZone": "UTC",
                // Exact, not estimated.
                "useApproximateTopN": false,
                "useApproximateCountDistinct": false,
            },
        });
        let answer = self.ask(Service::Broker, &Method::POST, "/druid/v2/sql", Some(&body))?;
        if self.is_empty_datasource(&answer) {
            return Ok(Vec::new());
        }
        let strange = |error: String| DruidError::Strange {
            service: Service::Broker,
            url: self.url(Service::Broker).to_owned(),
            error,
        };
        serde_json::from_value(self.json(Service::Broker, &answer)?)
            .map_err(|error| strange(format!("no rows: {error}")))
    }

    /// Druid learns of a datasource with its first row; until then its name is unknown.
    fn is_empty_datasource(&self, answer: &Answer) -> bool {
        answer.status == 400 && detail(&answer.body).contains(&format!("Object '{}' not found", self.datasource()))
    }
}

/// A whole number that is none below zero; null is 0.
pub(super) fn count(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or(0)
}
