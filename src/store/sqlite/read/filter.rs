//! A search as a set of ids.
//!
//! Issues match by what is known of them: their fingerprint, their job, every place they were ever seen at, their
//! samples, what people said. Series match by what was true of each single event: `host:h1` in a trend counts the
//! events of that host, in a list it finds the issues that were seen there. Keys that are no dimension of counts
//! (text, logger, state, …) match series by their issue.

use super::super::codes::{Column, Dim, Doc, POSTED, field_code};
use super::super::counts::{Ids, Window, sums};
use super::super::postings;
use super::super::set::IdSet;
use super::super::text::{self, AskError, Within};
use super::super::{dictionary, states};
use super::{Snapshot, failed};
use crate::event::Severity;
use crate::query::{Field, IsWord, Node, Op, Pattern, Presence, Query, StateName, Test};
use crate::store::{IssueState, ReadError};

const DAY_NANOS: u64 = 86_400_000_000_000;

/// What a search refers to beside what is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) window: Window,
    /// Milliseconds since the epoch; 0 when the question gave none, then the end of the window.
    pub(super) now: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Domain {
    Issues,
    Series,
}

impl Snapshot<'_> {
    /// The issues that live and match.
    pub(super) fn issues_matching(&self, query: &Query, frame: Frame) -> Result<IdSet, ReadError> {
        let mut set = IdSet::of(&self.narrow(Column::IssueFp)?, |fingerprint| fingerprint != 0);
        if let Some(root) = &query.root {
            set.and(&self.evaluate(root, Domain::Issues, frame)?);
        }
        Ok(set)
    }

    /// The series that match.
    pub(super) fn series_matching(&self, root: &Node, frame: Frame) -> Result<IdSet, ReadError> {
        self.evaluate(root, Domain::Series, frame)
    }

    fn size(&self, domain: Domain) -> u32 {
        match domain {
            Domain::Issues => self.numbers.next_issue,
            Domain::Series => self.numbers.next_series,
        }
    }

    fn evaluate(&self, node: &Node, domain: Domain, frame: Frame) -> Result<IdSet, ReadError> {
        self.in_time()?;
        let issues = match node {
            Node::And(nodes) => {
                let mut set = IdSet::all(self.size(domain));
                for node in nodes {
                    set.and(&self.evaluate(node, domain, frame)?);
                    if set.is_empty() {
                        break;
                    }
                }
                return Ok(set);
            }
            Node::Or(nodes) => {
                let mut set = IdSet::none(self.size(domain));
                for node in nodes {
                    set.or(&self.evaluate(node, domain, frame)?);
                }
                return Ok(set);
            }
            Node::Not(node) => {
                let mut set = self.evaluate(node, domain, frame)?;
                set.complement();
                return Ok(set);
            }
            Node::Field(field, test) => {
                if let Some(dim) = Dim::named(field.name()) {
                    let values = self.values_of(*field, test)?;
                    return match domain {
                        Domain::Series => self.series_with(dim, &values),
                        Domain::Issues => self.issues_with(dim, &values),
                    };
                }
                self.field(*field, test, frame)?
            }
            Node::Has(Presence::Value(field)) => {
                if let Some(dim) = Dim::named(field.name()) {
                    let values = Values::Known;
                    return match domain {
                        Domain::Series => self.series_with(dim, &values),
                        Domain::Issues => self.issues_with(dim, &values),
                    };
                }
                self.has(*field)?
            }
            Node::Has(Presence::Note) => self.said(|said| said.note.is_some()),
            Node::Text(pattern) => self.text(pattern, Within::Anything)?,
            Node::Is(word) => self.is(*word, frame)?,
        };
        match domain {
            Domain::Issues => Ok(issues),
            Domain::Series => {
                let of_series = self.narrow(Column::SeriesIssue)?;
                Ok(IdSet::of(&of_series, |issue| issue != 0 && issues.contains(issue)))
            }
        }
    }

    /// The values of a dimension that pass a test.
    fn values_of(&self, field: Field, test: &Test) -> Result<Values, ReadError> {
        let mut found = Vec::new();
        match test {
            Test::OneOf(patterns) => {
                for pattern in patterns {
                    found.extend(if field == Field::Fingerprint {
                        self.fingerprints_like(pattern)?
                    } else {
                        dictionary::matching(self.connection, field, pattern).map_err(failed)?
                    });
                }
            }
            Test::Severity(op, wanted) => {
                let ids = Severity::ALL.iter().zip(1_u32..);
                found.extend(
                    ids.filter(|(severity, _)| op.holds(*severity, wanted))
                        .map(|(_, id)| id),
                );
            }
            Test::Number(..) | Test::Time(..) | Test::Truth(_) => {}
        }
        Ok(Values::These(ids_set(&found)))
    }

    fn series_with(&self, dim: Dim, values: &Values) -> Result<IdSet, ReadError> {
        match dim.of_series() {
            Some(column) => Ok(values.select(&self.narrow(column)?)),
            None => Ok(IdSet::none(self.numbers.next_series)),
        }
    }

    /// Issues by what they are now called, or by every place they were seen at.
    fn issues_with(&self, dim: Dim, values: &Values) -> Result<IdSet, ReadError> {
        let column = match dim {
            Dim::ErrorType => Column::FpErrorType,
            Dim::Category => Column::FpCategory,
            Dim::Severity => Column::FpSeverity,
            Dim::Part => Column::FpPart,
            Dim::Exception => Column::FpException,
            Dim::Group => Column::FpGroup,
            Dim::Fingerprint => return Ok(values.select(&self.narrow(Column::IssueFp)?)),
            Dim::Job => return Ok(values.select(&self.narrow(Column::IssueJob)?)),
            Dim::Cluster
            | Dim::Namespace
            | Dim::Team
            | Dim::Engine
            | Dim::Role
            | Dim::Host
            | Dim::Issue
            | Dim::Series
            | Dim::Total
            | Dim::LoudJob => {
                let series = self.series_with(dim, values)?;
                let issues = self.narrow(Column::SeriesIssue)?;
                let mut set = IdSet::none(self.numbers.next_issue);
                for id in series.iter() {
                    if let Some(issue) = usize::try_from(id).ok().and_then(|at| issues.get(at)) {
                        set.insert(*issue);
                    }
                }
                return Ok(set);
            }
        };
        self.issues_of(&values.select(&self.narrow(column)?))
    }

    /// The issues of fingerprints.
    fn issues_of(&self, fingerprints: &IdSet) -> Result<IdSet, ReadError> {
        let of_issue = self.narrow(Column::IssueFp)?;
        Ok(IdSet::of(&of_issue, |fingerprint| fingerprints.contains(fingerprint)))
    }

    /// Keys that are no dimension of counts.
    fn field(&self, field: Field, test: &Test, frame: Frame) -> Result<IdSet, ReadError> {
        let size = self.numbers.next_issue;
        match (field, test) {
            (Field::Message, Test::OneOf(patterns)) => self.texts(patterns, Within::Message),
            (Field::Template, Test::OneOf(patterns)) => self.texts(patterns, Within::Template),
            (Field::Stack, Test::OneOf(patterns)) => self.texts(patterns, Within::Stack),
            (Field::Count, Test::Number(op, wanted)) => {
                let counts = sums(self.connection, Dim::Issue, Ids::Below(size), frame.window).map_err(failed)?;
                Ok(IdSet::of(&counts, |count| op.holds(&count, wanted)))
            }
            (Field::Total, Test::Number(op, wanted)) => Ok(IdSet::of(&self.wide(Column::IssueTotal)?, |total| {
                op.holds(&total, wanted)
            })),
            (Field::Recipe, Test::Number(op, wanted)) => {
                let recipes = self.narrow(Column::FpRecipe)?;
                self.issues_of(&IdSet::of(&recipes, |recipe| {
                    recipe != 0 && op.holds(&u64::from(recipe), wanted)
                }))
            }
            (Field::FirstSeen | Field::LastSeen | Field::EventTime, Test::Time(op, when)) => {
                let millis = when.millis(frame.now_millis()).max(0);
                let wanted = u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000);
                let after = matches!(op, Op::Greater | Op::AtLeast);
                let by_last = field == Field::LastSeen || (field == Field::EventTime && after);
                let column = if by_last { Column::IssueLast } else { Column::IssueFirst };
                Ok(IdSet::of(&self.wide(column)?, |nanos| op.holds(&nanos, &wanted)))
            }
            (Field::State, Test::OneOf(patterns)) => {
                let mut set = IdSet::none(size);
                for name in StateName::ALL
                    .iter()
                    .filter(|name| patterns.iter().any(|p| p.matches(name.as_str())))
                {
                    set.or(&self.is(IsWord::State(*name), frame)?);
                }
                Ok(set)
            }
            (Field::Assignee, Test::OneOf(patterns)) => Ok(self.said(|said| {
                said.assignee
                    .as_deref()
                    .is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
            })),
            (Field::Id, Test::OneOf(patterns)) => {
                let mut set = IdSet::none(size);
                for pattern in patterns {
                    for id in self.hex_like(
                        "SELECT id, issue FROM issues WHERE issue >= ?1 AND issue <= ?2",
                        pattern,
                    )? {
                        set.insert(id);
                    }
                }
                Ok(set)
            }
            (Field::ExceptionChain, Test::OneOf(patterns)) => self.chain(patterns),
            (Field::Rule | Field::TopFrame, Test::OneOf(patterns)) => {
                let mut found = Vec::new();
                for pattern in patterns {
                    found.extend(dictionary::matching(self.connection, field, pattern).map_err(failed)?);
                }
                let column = if field == Field::Rule {
                    Column::FpRule
                } else {
                    Column::FpTopFrame
                };
                self.issues_of(&Values::These(ids_set(&found)).select(&self.narrow(column)?))
            }
            (field, test) => self.posted(field, test),
        }
    }

    /// Keys found by the samples that had the value.
    fn posted(&self, field: Field, test: &Test) -> Result<IdSet, ReadError> {
        let mut set = IdSet::none(self.numbers.next_issue);
        let Some(code) = field_code(field).filter(|_| POSTED.contains(&field)) else {
            return Ok(set);
        };
        let mut values = Vec::new();
        match test {
            Test::OneOf(patterns) => {
                for pattern in patterns {
                    values.extend(dictionary::matching(self.connection, field, pattern).map_err(failed)?);
                }
            }
            Test::Number(op, wanted) => {
                let keep = |number: u64| op.holds(&number, wanted);
                values = dictionary::matching_numbers(self.connection, field, keep).map_err(failed)?;
                if field == Field::Redactions && op.holds(&0, wanted) {
                    postings::collect_any(self.connection, code, &mut set).map_err(failed)?;
                    set.complement();
                }
            }
            Test::Truth(truth) => {
                postings::collect_any(self.connection, code, &mut set).map_err(failed)?;
                if !truth {
                    set.complement();
                }
            }
            Test::Time(..) | Test::Severity(..) => {}
        }
        for value in values {
            postings::collect(self.connection, code, value, &mut set).map_err(failed)?;
        }
        Ok(set)
    }

    fn has(&self, field: Field) -> Result<IdSet, ReadError> {
        if POSTED.contains(&field) {
            let mut set = IdSet::none(self.numbers.next_issue);
            if let Some(code) = field_code(field) {
                postings::collect_any(self.connection, code, &mut set).map_err(failed)?;
            }
            return Ok(set);
        }
        if field == Field::Rule || field == Field::TopFrame {
            let column = if field == Field::Rule {
                Column::FpRule
            } else {
                Column::FpTopFrame
            };
            return self.issues_of(&Values::Known.select(&self.narrow(column)?));
        }
        if field == Field::ExceptionChain {
            return self.chain(&[]);
        }
        if field == Field::Assignee {
            return Ok(self.said(|said| said.assignee.is_some()));
        }
        // What every issue has.
        Ok(IdSet::all(self.numbers.next_issue))
    }

    fn is(&self, word: IsWord, frame: Frame) -> Result<IdSet, ReadError> {
        let now = frame.now_millis();
        let in_state = |state: IssueState| self.said(|said| said.state_at(now) == state);
        Ok(match word {
            IsWord::New => {
                let end = frame.window.end_nanos();
                let until = u64::try_from(now.max(0))
                    .unwrap_or(0)
                    .saturating_mul(1_000_000)
                    .min(end);
                let from = frame.window.begin_nanos().max(until.saturating_sub(DAY_NANOS));
                IdSet::of(&self.wide(Column::IssueFirst)?, |first| first >= from && first < end)
            }
            IsWord::State(StateName::Open) => {
                let mut set = in_state(IssueState::Resolved);
                set.or(&in_state(IssueState::Muted));
                set.complement();
                set
            }
            IsWord::State(StateName::Resolved) => in_state(IssueState::Resolved),
            IsWord::State(StateName::Muted) => in_state(IssueState::Muted),
            IsWord::State(StateName::Regressed) => in_state(IssueState::Regressed),
            IsWord::Assigned => self.said(|said| said.assignee.is_some()),
        })
    }

    fn said(&self, keep: impl Fn(&states::Said) -> bool) -> IdSet {
        let mut set = IdSet::none(self.numbers.next_issue);
        for (issue, _) in self.said.iter().filter(|(_, said)| keep(said)) {
            set.insert(*issue);
        }
        set
    }

    /// The issues of fingerprints with a class in their chain; any class when no pattern is given.
    fn chain(&self, patterns: &[Pattern]) -> Result<IdSet, ReadError> {
        let mut fingerprints = IdSet::none(self.numbers.next_fingerprint);
        let mut add = |sql: &str, class: Option<u32>| -> rusqlite::Result<()> {
            let mut read = self.connection.prepare_cached(sql)?;
            let mut rows = match class {
                Some(class) => read.query([class])?,
                None => read.query([])?,
            };
            while let Some(row) = rows.next()? {
                fingerprints.insert(row.get(0)?);
            }
            Ok(())
        };
        if patterns.is_empty() {
            add("SELECT fingerprint FROM chains", None).map_err(failed)?;
        }
        for pattern in patterns {
            let classes = dictionary::matching(self.connection, Field::ExceptionChain, pattern).map_err(failed)?;
            for class in classes {
                add("SELECT fingerprint FROM chains WHERE class = ?1", Some(class)).map_err(failed)?;
            }
        }
        self.issues_of(&fingerprints)
    }

    fn texts(&self, patterns: &[Pattern], within: Within) -> Result<IdSet, ReadError> {
        let mut set = IdSet::none(self.numbers.next_issue);
        for pattern in patterns {
            set.or(&self.text(pattern, within)?);
        }
        Ok(set)
    }

    /// The issues with words: in what their fingerprint says (template, chain, its first stack), or in their own first
    /// message.
    fn text(&self, pattern: &Pattern, within: Within) -> Result<IdSet, ReadError> {
        let ask = text::ask(self.connection, pattern, within).map_err(|error| match error {
            AskError::TooWide(message) => ReadError::BadRequest(message),
            AskError::Store(error) => failed(error),
        })?;
        let mut fingerprints = IdSet::none(self.numbers.next_fingerprint);
        let mut set = IdSet::none(self.numbers.next_issue);
        let Some(ask) = ask else {
            return Ok(set);
        };
        let mut read = self
            .connection
            .prepare_cached("SELECT rowid FROM texts WHERE texts MATCH ?1")
            .map_err(failed)?;
        let mut rows = read.query([ask]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            match Doc::at(row.get(0).map_err(failed)?) {
                Some(Doc::Fingerprint(id) | Doc::LateStack(id)) => fingerprints.insert(id),
                Some(Doc::Issue(id)) => set.insert(id),
                None => {}
            }
        }
        set.or(&self.issues_of(&fingerprints)?);
        Ok(set)
    }

    fn fingerprints_like(&self, pattern: &Pattern) -> Result<Vec<u32>, ReadError> {
        let sql = "SELECT id, fingerprint FROM fingerprints WHERE fingerprint >= ?1 AND fingerprint <= ?2";
        self.hex_like(sql, pattern)
    }

    /// Ids by a pattern over their 32 digits; `sql` takes the first and the last id of the range that can match.
    fn hex_like(&self, sql: &str, pattern: &Pattern) -> Result<Vec<u32>, ReadError> {
        let prefix = pattern.prefix();
        let bound = |fill: char| -> [u8; 16] {
            let mut digits = prefix.to_owned();
            digits.extend(std::iter::repeat_n(fill, 32_usize.saturating_sub(prefix.len())));
            u128::from_str_radix(&digits, 16).unwrap_or(0).to_be_bytes()
        };
        let mut read = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = read.query([bound('0'), bound('f')]).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let bytes: [u8; 16] = row.get(1).map_err(failed)?;
            if pattern.matches(&format!("{:032x}", u128::from_be_bytes(bytes))) {
                found.push(row.get(0).map_err(failed)?);
            }
        }
        Ok(found)
    }
}

impl Frame {
    pub(super) fn now_millis(self) -> i64 {
        if self.now > 0 {
            self.now
        } else {
            i64::from(self.window.to).saturating_mul(60_000)
        }
    }
}

/// Which values of a column are wanted.
enum Values {
    /// Any that is known.
    Known,
    /// These.
    These(IdSet),
}

impl Values {
    fn select(&self, column: &[u32]) -> IdSet {
        match self {
            Values::Known => IdSet::of(column, |value| value != 0),
            Values::These(set) => IdSet::of(column, |value| value != 0 && set.contains(value)),
        }
    }
}

fn ids_set(ids: &[u32]) -> IdSet {
    let size = ids.iter().max().map_or(0, |max| max.saturating_add(1));
    let mut set = IdSet::none(size);
    ids.iter().for_each(|id| set.insert(*id));
    set
}
