//! Which of the servers beside us is away: asked in the background, so that `/readyz` answers at once.

use crate::config::Config;
use crate::process::stop::Stop;
use crate::source::kafka::check::Questions;
use crate::store::elastic_druid::druid::DruidClient;
use crate::store::elastic_druid::elastic::Elastic;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often each server is asked.
const EVERY: Duration = Duration::from_secs(5);
/// How long Kafka may take to answer.
const WAIT: Duration = Duration::from_secs(3);

/// What is away, by server.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Readiness {
    /// Asks the configured servers every few seconds, until told to stop. Before the first answers it is not ready.
    #[must_use]
    pub fn watch(config: &Config, stop: &Stop) -> Self {
        let ready = Self::default();
        if config.kafka.is_some() || config.elasticsearch.is_some() || config.druid.is_some() {
            ready.note("seismolog", Some("the servers were not asked yet".to_owned()));
        }
        let (watched, config, stop) = (ready.clone(), config.clone(), stop.clone());
        let watching = std::thread::Builder::new()
            .name("readiness".to_owned())
            .spawn(move || watched.ask_until(&config, &stop));
        if let Err(error) = watching {
            ready.note("seismolog", Some(format!("could not start a thread: {error}")));
        }
        ready
    }

    /// Whether all servers answer.
    ///
    /// # Errors
    /// Which do not, and why.
    pub fn now(&self) -> Result<(), String> {
        let away = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if away.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = away.iter().map(|(server, why)| format!("{server}: {why}")).collect();
        Err(told.join("; "))
    }

    fn note(&self, server: &'static str, why: Option<String>) {
        let mut away = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => away.insert(server, why),
            None => away.remove(server),
        };
    }

    fn ask_until(&self, config: &Config, stop: &Stop) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
        let elastic = config
            .elasticsearch
            .as_ref()
            .and_then(|config| Elastic::new(config).ok());
        let druid = config.druid.as_ref().and_then(|config| DruidClient::new(config).ok());
        let kafka = config.kafka.as_ref().map(|kafka| (kafka, Questions::new(kafka, WAIT)));
        loop {
            match &kafka {
                Some((config, Ok(questions))) => {
                    let away = config.topics.iter().find_map(|topic| questions.partitions(topic).err());
                    self.note("kafka", away.map(|fault| fault.to_string()));
                }
                Some((_, Err(fault))) => self.note("kafka", Some(fault.to_string())),
                None => {}
            }
            if let (Some(elastic), Some(runtime)) = (&elastic, &runtime) {
                let about = runtime.block_on(elastic.about());
                self.note("elasticsearch", about.err().map(|error| error.to_string()));
            }
            if let Some(druid) = &druid {
                let why = match druid.status() {
                    Ok(status) => status.trouble(),
                    Err(error) => Some(error.to_string()),
                };
                self.note("druid", why);
            }
            self.note("seismolog", None);
            if stop.wait(EVERY) {
                return;
            }
        }
    }
}
