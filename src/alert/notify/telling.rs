//! What is told in one message: one change of one alert, or several summed up.

use crate::event::{EventTime, IssueId};
use crate::store::{AlertChange, ChangeKind};

/// What is told in one message.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// What happened: one change, or several to be summed up, oldest first.
    pub changes: &'a [&'a AlertChange],
    /// The same for every try, and no other message's.
    pub key: &'a str,
    /// Now, milliseconds since the epoch: for signatures.
    pub now: i64,
    /// Where our pages are, for links; none where it is not known.
    pub base_url: Option<&'a str>,
    /// It is only a test, and says so.
    pub test: bool,
}

impl<'a> Telling<'a> {
    /// The change, where it is one.
    pub(super) fn single(&self) -> Option<&'a AlertChange> {
        match self.changes {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Where to look at an alert.
    pub(super) fn alert_url(&self, change: &AlertChange) -> Option<String> {
        let base = self.base_url.map(|base| base.trim_end_matches('/'));
        let made = || base.map(|base| format!("{base}/alerts/{}", change.alert.id));
        change.alert.url.clone().or_else(made)
    }

    /// Where to look at the error it is about.
    pub(super) fn error_url(&self, change: &AlertChange) -> Option<String> {
        let base = self.base_url?.trim_end_matches('/');
        let issue = IssueId::of(change.alert.job_name.as_deref()?, change.alert.fingerprint?);
        Some(format!("{base}/errors/{issue}"))
    }

    /// Now, RFC 3339, so much later.
    pub(super) fn at(&self, later_millis: i64) -> String {
        EventTime::from_millis(self.now.saturating_add(later_millis)).rfc3339()
    }
}

/// Whether it is over after this change.
pub(super) fn ends(change: ChangeKind) -> bool {
    match change {
        ChangeKind::Resolved | ChangeKind::Closed => true,
        ChangeKind::Pending
        | ChangeKind::Fired
        | ChangeKind::Updated
        | ChangeKind::Reminded
        | ChangeKind::NoData
        | ChangeKind::Acknowledged
        | ChangeKind::Silenced => false,
    }
}
