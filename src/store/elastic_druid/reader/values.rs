//! Values of a field with their counts, for suggestions: events for the dimensions of counts, issues for all else.

use super::super::druid::{DruidReader, Question};
use super::asking::{Ask, buckets, whole};
use super::names::{Form, detail, form_of, issue, of_dimension};
use super::search::{all, everything, exists, term};
use crate::query::{Field, StateName};
use crate::store::ReadError;
use crate::store::values::ValuesAsk;
use serde_json::{Value, json};

/// Values looked at.
const MOST_VALUES: usize = 50_000;

/// Keys whose suggestions are counted in issues although they are dimensions of counts.
const BY_ISSUES: &[Field] = &[Field::Group, Field::Fingerprint];

pub(super) fn values(
    ask: Ask<'_>,
    druid: Option<&DruidReader>,
    field: &str,
    prefix: &str,
    limit: usize,
) -> Result<Vec<(String, u64)>, ReadError> {
    let wanted = ValuesAsk::new(field, prefix, limit)?;
    let known = wanted.field;
    let by_events = of_dimension(known.name()).filter(|_| !BY_ISSUES.contains(&known));
    let found = match (by_events, druid) {
        (Some(_), Some(druid)) => events(druid, known.name(), prefix)?,
        (Some(field), None) => ask.events_of(field, prefix)?,
        (None, _) => ask.issues_of(known, prefix)?,
    };
    Ok(wanted.most_frequent(found))
}

/// Events by value over all time.
fn events(druid: &DruidReader, dimension: &str, prefix: &str) -> Result<Vec<(String, u64)>, ReadError> {
    let mut question = Question::new("SELECT ");
    question
        .name(dimension)
        .sql(", SUM(\"count\") FROM ")
        .name(druid.client().datasource())
        .sql(" WHERE \"kind\" = 'error' AND ")
        .name(dimension)
        .sql(" IS NOT NULL");
    if !prefix.is_empty() {
        let mut expression = r"(?is)\A".to_owned();
        for c in prefix.chars() {
            if c.is_ascii_punctuation() {
                expression.push('\\');
            }
            expression.push(c);
        }
        question
            .sql(" AND REGEXP_LIKE(")
            .name(dimension)
            .sql(", ")
            .text(&expression)
            .sql(")");
    }
    question.sql(&format!(" GROUP BY 1 ORDER BY 2 DESC, 1 ASC LIMIT {MOST_VALUES}"));
    let rows = druid
        .client()
        .sql(&question)
        .map_err(|error| ReadError::Store(error.to_string()))?;
    let row = |row: &Vec<Value>| Some((row.first()?.as_str()?.to_owned(), whole(row.get(1))));
    Ok(rows.iter().filter_map(row).collect())
}

impl Ask<'_> {
    /// Events by value from the details, where there is no Druid. A minute's document counts all its hosts together,
    /// so a value is given what was counted where it was seen.
    fn events_of(&self, field: &str, prefix: &str) -> Result<Vec<(String, u64)>, ReadError> {
        let sum = json!({"count": {"sum": {"field": detail::COUNT}}});
        let answer = self.search(
            &self.node.all_details(),
            json!({
                "size": 0,
                "query": beginning(field, prefix),
                "aggs": {"by": {"terms": by_value(field), "aggs": sum}}
            }),
        );
        Ok(told(&answer.found()?, "/count/value"))
    }

    fn issues_of(&self, known: Field, prefix: &str) -> Result<Vec<(String, u64)>, ReadError> {
        let chain = json!({"count": {"cardinality": {"field": issue::FINGERPRINT, "precision_threshold": 40_000}}});
        let (query, terms, inner, count) = match form_of(known) {
            Form::State => return self.states(),
            // Nothing to choose from: ids, times, texts.
            _ if matches!(known, Field::Id | Field::Assignee | Field::Total | Field::Recipe) => return Ok(Vec::new()),
            Form::Words(_) | Form::Time | Form::Counted => return Ok(Vec::new()),
            Form::Dotted(field) if known == Field::ExceptionChain => {
                (beginning(field, prefix), by_value(field), chain, "/count/value")
            }
            Form::Word(field) | Form::Dotted(field) => {
                (beginning(field, prefix), by_value(field), json!({}), "/doc_count")
            }
            Form::Number(field) | Form::NumberOrNone(field) | Form::Truth(field) => {
                (everything(), by_value(field), json!({}), "/doc_count")
            }
        };
        let body = json!({"size": 0, "query": query, "aggs": {"by": {"terms": terms, "aggs": inner}}});
        let answer = self.search(&self.node.issues(), body).found()?;
        let mut found = told(&answer, count);
        // What is not so is no value.
        found.retain(|(text, _)| match form_of(known) {
            Form::NumberOrNone(_) => text != "0",
            Form::Truth(_) => text == "true",
            Form::Word(_)
            | Form::Dotted(_)
            | Form::Words(_)
            | Form::Number(_)
            | Form::Time
            | Form::Counted
            | Form::State => true,
        });
        Ok(found)
    }

    /// What people said, by state.
    fn states(&self) -> Result<Vec<(String, u64)>, ReadError> {
        let mut filters = serde_json::Map::new();
        for state in StateName::ALL {
            filters.insert(state.as_str().to_owned(), term(issue::STATE, state.as_str()));
        }
        let body = json!({
            "size": 0,
            "query": all(vec![exists(issue::SINCE)]),
            "aggs": {"by": {"filters": {"filters": filters}}}
        });
        let answer = self.search(&self.node.issues(), body).found()?;
        let count = |name: &str| whole(answer.pointer(&format!("/aggregations/by/buckets/{name}/doc_count")));
        let states = StateName::ALL.iter().map(|state| state.as_str());
        Ok(states.map(|name| (name.to_owned(), count(name))).collect())
    }
}

/// Documents with a value that begins so; a document may have others beside, which are left out later. A pattern in
/// the aggregation itself would do, but fails on OpenSearch 2.19 where no value matches.
fn beginning(field: &str, prefix: &str) -> Value {
    if prefix.is_empty() {
        everything()
    } else {
        json!({"prefix": {field: {"value": prefix, "case_insensitive": true}}})
    }
}

fn by_value(field: &str) -> Value {
    json!({"field": field, "size": MOST_VALUES})
}

fn told(answer: &Value, count: &str) -> Vec<(String, u64)> {
    let text = |bucket: &Value| match (bucket.get("key_as_string"), bucket.get("key")) {
        (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => Some(text.clone()),
        (_, Some(Value::Number(number))) => Some(number.to_string()),
        (_, _) => None,
    };
    let found = buckets(answer, "/aggregations/by").iter();
    found
        .filter_map(|bucket| Some((text(bucket)?, whole(bucket.pointer(count)))))
        .collect()
}
