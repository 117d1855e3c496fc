//! Brings the supervisor to what we want. Running it again changes nothing.

use super::client::DruidClient;
use super::compare::{Difference, differences};
use super::consumer;
use super::error::{DruidError, Service};
use super::spec::{MARK, SPECIFICATION};
use crate::changed::Changed;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Differences that are told by name.
const MOST_TOLD: usize = 5;

/// Between two looks at tasks that come to their end.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What to do with what another made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherHands {
    /// Leave it, and tell.
    #[default]
    Leave,
    /// Put ours in its place.
    Replace,
}

/// Why the supervisor is not as we want it.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Druid does not answer, or refuses.
    #[error(transparent)]
    Druid(#[from] DruidError),
    /// Somebody else made it.
    #[error(
        "druid's supervisor {id} was not made by seismolog; choose another druid.datasource, or let setup replace it"
    )]
    NotOurs {
        /// Its id.
        id: String,
    },
    /// Somebody changed ours.
    #[error(
        "druid's supervisor {id} was changed by another's hand: {}; put the change into the configuration, or let setup \
         replace it",
        told(differences)
    )]
    ChangedByHand {
        /// Its id.
        id: String,
        /// In what.
        differences: Vec<Difference>,
    },
    /// It reads another topic: its offsets mean nothing in ours.
    #[error(
        "druid's supervisor {id} reads the topic {running}, wanted is {wanted}; a datasource is fed by one topic only: \
         choose another druid.datasource, or terminate the supervisor and reset it"
    )]
    OtherTopic {
        /// Its id.
        id: String,
        /// Its topic.
        running: String,
        /// Ours.
        wanted: String,
    },
    /// It is there but does not count.
    #[error("{0}")]
    Trouble(String),
}

impl SetupError {
    /// Whether it may go well later (exit 75).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            SetupError::Druid(error) => error.is_temporary(),
            SetupError::NotOurs { .. }
            | SetupError::ChangedByHand { .. }
            | SetupError::OtherTopic { .. }
            | SetupError::Trouble(_) => false,
        }
    }
}

fn told(differences: &[Difference]) -> String {
    let mut told: Vec<String> = differences.iter().take(MOST_TOLD).map(Difference::to_string).collect();
    if let Some(more) = differences.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
        told.push(format!("{more} more"));
    }
    told.join("; ")
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Submit(String),
}

/// Brings the supervisor to `wanted` (see [`super::specification`]); tells what was changed.
///
/// # Errors
/// Druid does not answer, another's hand is in it, or it does not count.
pub fn setup(client: &DruidClient, wanted: &Value, hands: OtherHands) -> Result<Vec<Changed>, SetupError> {
    let running = client.running()?;
    let step = match &running {
        None => Step::Submit("created".to_owned()),
        Some(running) => step(client.datasource(), wanted, running, hands)?,
    };
    let changed = match step {
        Step::Nothing => Vec::new(),
        Step::Submit(how) => {
            client.submit(wanted, running.as_ref())?;
            vec![Changed::new(format!("druid supervisor {}", client.datasource()), how)]
        }
    };
    if running.is_some() {
        let status = client.status()?;
        if status.suspended || !status.ahead().is_empty() {
            return Err(SetupError::Trouble(status.trouble().unwrap_or_default()));
        }
    }
    Ok(changed)
}

fn step(id: &str, wanted: &Value, running: &Value, hands: OtherHands) -> Result<Step, SetupError> {
    let id = || id.to_owned();
    let text = |spec: &Value, place: &str| {
        spec.pointer(place)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let topic = |spec: &Value| text(spec, "/spec/ioConfig/topic");
    if topic(running) != topic(wanted) {
        return Err(SetupError::OtherTopic {
            id: id(),
            running: topic(running),
            wanted: topic(wanted),
        });
    }
    let Some(mark) = running
        .pointer(&format!("/context/{MARK}"))
        .filter(|mark| mark.is_object())
    else {
        return match hands {
            OtherHands::Leave => Err(SetupError::NotOurs { id: id() }),
            OtherHands::Replace => Ok(Step::Submit("replaced: another made it".to_owned())),
        };
    };
    let differences = differences(wanted, running);
    let digest = |spec: &Value| text(spec, &format!("/context/{MARK}/digest"));
    if digest(wanted) != digest(running) {
        let version = mark.get("specification").and_then(Value::as_u64).unwrap_or(0);
        let what = told(&differences);
        return Ok(Step::Submit(if version == SPECIFICATION {
            format!("updated, the configuration changed: {what}")
        } else {
            format!("updated from specification {version} to {SPECIFICATION}: {what}")
        }));
    }
    // The digest knows no secrets: a new password is ours to hand on, anything else is another's change.
    let by_hand: Vec<Difference> = differences.iter().filter(|d| !d.secret).cloned().collect();
    match (by_hand.is_empty(), hands) {
        (true, _) if differences.is_empty() => Ok(Step::Nothing),
        (true, _) => Ok(Step::Submit("updated: its login".to_owned())),
        (false, OtherHands::Leave) => Err(SetupError::ChangedByHand {
            id: id(),
            differences: by_hand,
        }),
        (false, OtherHands::Replace) => Ok(Step::Submit(format!(
            "replaced what another changed: {}",
            told(&by_hand)
        ))),
    }
}

impl DruidClient {
    /// The specification of our supervisor as it runs.
    pub(super) fn running(&self) -> Result<Option<Value>, DruidError> {
        let answer = self.ask(Service::Coordinator, &Method::GET, &self.supervisor(""), None)?;
        if answer.status == 404 {
            return Ok(None);
        }
        self.json(Service::Coordinator, &answer).map(Some)
    }

    /// Hands a specification over. One that was suspended stays so.
    fn submit(&self, wanted: &Value, running: Option<&Value>) -> Result<(), DruidError> {
        let mut wanted = wanted.clone();
        let suspended = running.and_then(|running| running.get("suspended"));
        if let (Some(suspended), Some(spec)) = (suspended, wanted.as_object_mut()) {
            spec.insert("suspended".to_owned(), suspended.clone());
        }
        let path = "/druid/indexer/v1/supervisor";
        let answer = self.ask(Service::Coordinator, &Method::POST, path, Some(&wanted))?;
        if answer.status >= 300 {
            return Err(without_secrets(self.refused(Service::Coordinator, &answer), &wanted));
        }
        Ok(())
    }

    /// Reads the partitions anew that were read further than the topic reaches, because it was deleted and made anew.
    /// Only for somebody who knows that: the tasks publish what they counted, then these partitions begin at 0.
    ///
    /// # Errors
    /// No answer, or the tasks do not come to their end in time; the supervisor then stays suspended.
    pub fn read_anew(&self, topic: &str, within: Duration) -> Result<Vec<Changed>, SetupError> {
        let ahead = self.status()?.ahead();
        if ahead.is_empty() {
            return Ok(Vec::new());
        }
        self.tell("/suspend", None)?;
        let begun = Instant::now();
        loop {
            let status = self.status()?;
            // Just after its suspension a supervisor has not found its tasks yet.
            if status.detailed_state == "SUSPENDED" && status.tasks == (0, 0) {
                break;
            }
            if begun.elapsed() > within {
                return Err(SetupError::Trouble(format!(
                    "druid's supervisor {} was suspended, but its tasks have not ended after {} s; ask again, or POST \
                     /druid/indexer/v1/supervisor/{0}/resume to its coordinator",
                    status.id,
                    within.as_secs()
                )));
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
        let starts: serde_json::Map<String, Value> = ahead
            .iter()
            .map(|partition| (partition.to_string(), Value::from(0)))
            .collect();
        let partitions = json!({ "type": "end", "stream": topic, "partitionOffsetMap": starts });
        self.tell(
            "/resetOffsets",
            Some(&json!({ "type": "kafka", "partitions": partitions })),
        )?;
        self.tell("/resume", None)?;
        Ok(vec![Changed::new(
            format!("druid supervisor {}", self.datasource()),
            format!("reads {} partitions of {topic} from their beginning", ahead.len()),
        )])
    }

    fn tell(&self, call: &str, body: Option<&Value>) -> Result<(), DruidError> {
        let answer = self.ask(Service::Coordinator, &Method::POST, &self.supervisor(call), body)?;
        if answer.status >= 300 {
            return Err(self.refused(Service::Coordinator, &answer));
        }
        Ok(())
    }
}

/// A refusal may repeat a piece of what was handed over.
fn without_secrets(error: DruidError, wanted: &Value) -> DruidError {
    let properties = wanted
        .pointer("/spec/ioConfig/consumerProperties")
        .and_then(Value::as_object);
    let holds_secrets = properties.is_some_and(|all| all.keys().any(|name| consumer::is_secret(name)));
    match error {
        DruidError::Refused {
            service, url, status, ..
        } if holds_secrets => DruidError::Refused {
            service,
            url,
            status,
            detail: "(its reason is in its log; it is not repeated here, as the specification holds a login)"
                .to_owned(),
        },
        DruidError::Configuration(_)
        | DruidError::Away { .. }
        | DruidError::Untrusted { .. }
        | DruidError::TimedOut { .. }
        | DruidError::Refused { .. }
        | DruidError::Strange { .. } => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::servers::TopicNames;
    use crate::store::elastic_druid::druid::spec::{specification, tests};

    fn wanted(password: &str, tasks: u64) -> Value {
        let mut kafka = tests::kafka();
        kafka.sasl_mechanism = Some("PLAIN".into());
        kafka.password = Some(Secret::new(password.into()));
        let mut druid = tests::druid("d");
        druid.tasks = tasks;
        specification(&druid, &kafka, &TopicNames::default()).unwrap()
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        let spec = wanted("a", 1);
        assert_eq!(step("d", &spec, &spec, OtherHands::Leave).unwrap(), Step::Nothing);
    }

    #[test]
    fn our_own_changes_are_handed_on() {
        let update = |wanted: &Value, running: &Value| match step("d", wanted, running, OtherHands::Leave).unwrap() {
            Step::Submit(how) => how,
            Step::Nothing => String::new(),
        };
        let how = update(&wanted("a", 2), &wanted("a", 1));
        assert!(how.contains("spec.ioConfig.taskCount is 1, wanted is 2"), "{how}");
        assert_eq!(update(&wanted("b", 1), &wanted("a", 1)), "updated: its login");
        let mut old = wanted("a", 1);
        old["context"][MARK] = json!({ "specification": 0, "digest": "old" });
        assert!(update(&wanted("a", 1), &old).starts_with("updated from specification 0 to"));
    }

    #[test]
    fn another_s_hand_is_told_and_replaced_only_when_asked() {
        let ours = wanted("a", 1);
        let mut theirs = ours.clone();
        theirs["spec"]["ioConfig"]["taskCount"] = json!(7);
        let error = step("d", &ours, &theirs, OtherHands::Leave).unwrap_err().to_string();
        assert!(
            error.contains("another's hand") && error.contains("taskCount is 7"),
            "{error}"
        );
        assert!(matches!(
            step("d", &ours, &theirs, OtherHands::Replace),
            Ok(Step::Submit(_))
        ));
        theirs["context"] = Value::Null;
        assert!(matches!(
            step("d", &ours, &theirs, OtherHands::Leave),
            Err(SetupError::NotOurs { .. })
        ));
    }

    #[test]
    fn another_topic_is_refused_whoever_asks() {
        let ours = wanted("a", 1);
        let mut theirs = ours.clone();
        theirs["spec"]["ioConfig"]["topic"] = json!("other");
        let refused = step("d", &ours, &theirs, OtherHands::Replace);
        assert!(matches!(refused, Err(SetupError::OtherTopic { .. })));
    }
}
