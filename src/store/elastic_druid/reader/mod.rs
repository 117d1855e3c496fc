//! The reading side over the search node and Druid: the same answers as the embedded store.
//!
//! Comes in: a question of [`Reader`], a change of [`Editor`]. Goes out: what the embedded store would answer of the
//! same records. What always holds: an answer is exact or an error, never put together from the largest of each shard;
//! a question ends by its limit; a shard that did not answer is an error and no empty answer. What it does not do:
//! write counts (that is the index role and Druid's supervisor).
//!
//! ```text
//! errors, error, samples, jobs      search node: issue documents, counts summed over the details of the window
//! trends                            Druid; what only the search node knows (words, state, samples) goes to Druid as
//!                                   the issues it stands for; details where there is no Druid
//! totals                            sums over issues; the ledger from Druid's heartbeats
//! notes, markers, states            search node
//! rejects                           the end of their topic
//! ```
//!
//! - [`asking`]: requests with a deadline. [`names`], [`search`]: a search as a query over issue documents.
//! - [`counts`]: events of a window by issue, and sparklines. [`issues`]: documents as they are shown.
//! - [`errors`], [`detail`], [`jobs`], [`trends`], [`values`], [`totals`], [`rejects`]: one file per kind of question.
//! - [`states`], [`markers`]: what people say.

mod asking;
mod counts;
mod detail;
mod errors;
mod issues;
mod jobs;
mod markers;
mod names;
mod rejects;
mod search;

mod states;
mod totals;
mod trends;
mod values;

use super::druid::{DruidClient, DruidReader};
use crate::config::servers::{DruidConfig, ElasticConfig};
use crate::event::IssueId;
use crate::store::window::Window;
use crate::store::{
    EditError, Editor, ErrorAsk, ErrorsAsk, Issue, IssueDetail, IssueNotes, Job, JobDetail, JobsAsk, Marker, NewMarker,
    Page, ReadError, Reader, StateChange, StoredReject, StoredSample, Totals, Trends, TrendsAsk,
};
use asking::Node;
pub use rejects::RejectTopic;
use std::sync::Arc;
use std::time::Duration;

/// Longest a question may take, as in the embedded store.
const LIMIT: Duration = Duration::from_secs(10);

/// Answers from the search node and Druid, and keeps what people say in the search node. Calls block.
#[derive(Debug)]
pub struct ElasticDruidReader {
    node: Node,
    druid: Option<DruidReader>,
    rejects: Option<RejectTopic>,
}

impl ElasticDruidReader {
    /// A reader. Without Druid, counts come from the details in the search node; by host and role they are refused,
    /// as a detail document counts all hosts of its minute together.
    ///
    /// # Errors
    /// An address or a certificate cannot be used. Whether somebody answers there shows with the first question.
    pub fn connect(elastic: &ElasticConfig, druid: Option<&DruidConfig>) -> Result<Self, ReadError> {
        let client = |config| DruidClient::new(config).map_err(|error| ReadError::Store(error.to_string()));
        let druid = druid.map(client).transpose()?;
        Ok(Self {
            node: Node::connect(elastic, LIMIT)?,
            druid: druid.map(|client| DruidReader::new(Arc::new(client))),
            rejects: None,
        })
    }

    /// The same, with the topic rejects are read from; without one there are none to show.
    #[must_use]
    pub fn with_rejects(mut self, topic: RejectTopic) -> Self {
        self.rejects = Some(topic);
        self
    }
}

impl Reader for ElasticDruidReader {
    fn errors(&self, ask: &ErrorsAsk) -> Result<Page<Issue>, ReadError> {
        self.node.begin().errors(ask)
    }

    fn error(&self, ask: &ErrorAsk) -> Result<IssueDetail, ReadError> {
        self.node.begin().error(ask)
    }

    fn samples(&self, issue: IssueId, limit: usize, after: Option<&str>) -> Result<Page<StoredSample>, ReadError> {
        self.node.begin().samples(issue, limit, after)
    }

    fn trends(&self, ask: &TrendsAsk) -> Result<Trends, ReadError> {
        trends::trends(self.node.begin(), self.druid.as_ref(), ask)
    }

    fn jobs(&self, ask: &JobsAsk) -> Result<Page<Job>, ReadError> {
        self.node.begin().jobs(ask)
    }

    fn job(&self, job: &str, from: i64, to: i64) -> Result<JobDetail, ReadError> {
        self.node.begin().job(job, Window::of_millis(from, to))
    }

    fn rejects(&self, limit: usize, after: Option<&str>) -> Result<Page<StoredReject>, ReadError> {
        rejects::page(self.rejects.as_ref(), limit, after)
    }

    fn totals(&self) -> Result<Totals, ReadError> {
        self.node.begin().totals(self.druid.as_ref())
    }

    fn notes(&self, issue: IssueId) -> Result<IssueNotes, ReadError> {
        self.node.begin().notes(issue)
    }

    fn markers(&self, from: i64, to: i64, job: Option<&str>) -> Result<Vec<Marker>, ReadError> {
        self.node.begin().markers_in(from, to, job)
    }

    fn values(&self, field: &str, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, ReadError> {
        values::values(self.node.begin(), self.druid.as_ref(), field, prefix, limit)
    }
}

impl Editor for ElasticDruidReader {
    fn set_state(&self, issue: IssueId, change: &StateChange, now: i64) -> Result<IssueNotes, EditError> {
        self.node.begin().set_state(issue, change, now)
    }

    fn add_marker(&self, marker: &NewMarker) -> Result<Marker, EditError> {
        self.node.begin().add_marker(marker)
    }

    fn remove_marker(&self, id: i64) -> Result<(), EditError> {
        self.node.begin().remove_marker(id)
    }
}
