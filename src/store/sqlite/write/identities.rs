//! Fingerprints and issues: found, made, kept up to date.

use super::WriteSide;
use crate::event::{Fingerprint, IssueId, Part, Severity};
use crate::fold::{DetailDelta, Sample};
use crate::identity::{Identity, RECIPE_VERSION};
use crate::query::Field;
use crate::store::health::tells_restart;
use crate::store::sqlite::bytes::put_text;
use crate::store::sqlite::codes::{Column, Doc, FLAG_RESTART};
use crate::store::sqlite::columns::{Patch, Patches};
use crate::store::sqlite::stack;
use crate::store::sqlite::text::Texts;
use rusqlite::{OptionalExtension as _, params};
use std::collections::HashMap;
use std::sync::Arc;

/// What is remembered of a fingerprint.
#[derive(Debug, Clone, Copy)]
pub(super) struct FingerprintEntry {
    id: u32,
    /// Hash of its identity, to notice when rules changed what it is called.
    identity: i64,
    has_stack: bool,
}

/// What is remembered of an issue.
#[derive(Debug, Clone, Copy)]
pub(super) struct IssueEntry {
    pub(super) id: u32,
    /// Team, cluster, engine and job id last written, and the minute they were said in.
    attributes: [u32; 4],
    said_in: u32,
}

/// Identities met in this flush, by address: the same `Arc` is looked at once.
#[derive(Debug, Default)]
pub(super) struct Met {
    by_address: HashMap<usize, u32, foldhash::fast::FixedState>,
}

/// What the store keeps of an identity beside its columns.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::store::sqlite) struct Body {
    pub(in crate::store::sqlite) template: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::store::sqlite) chain: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store::sqlite) exception_template: Option<String>,
    pub(in crate::store::sqlite) recipe: u16,
}

impl WriteSide {
    /// The id of the fingerprint, made when it is new, brought up to date when the rules call it something else.
    pub(super) fn fingerprint(
        &mut self,
        identity: &Arc<Identity>,
        sample: Option<&Sample>,
        met: &mut Met,
        patches: &mut Patches,
    ) -> rusqlite::Result<u32> {
        let address = Arc::as_ptr(identity).addr();
        if let Some(id) = met.by_address.get(&address) {
            return Ok(*id);
        }
        let hash = hash_of(identity);
        let key = identity.fingerprint.0;
        let known = match self.fingerprints.get(&key) {
            Some(entry) => Some(*entry),
            None => self.find_fingerprint(identity.fingerprint)?,
        };
        let entry = match known {
            Some(entry) if entry.identity == hash => entry,
            Some(entry) => {
                self.describe(entry.id, identity, patches)?;
                self.connection
                    .prepare_cached("UPDATE fingerprints SET identity = ?2, body = ?3 WHERE id = ?1")?
                    .execute(params![entry.id, hash, body_of(identity)])?;
                FingerprintEntry {
                    identity: hash,
                    ..entry
                }
            }
            None => self.make_fingerprint(identity, hash, sample, patches)?,
        };
        self.fingerprints.insert(key, entry);
        met.by_address.insert(address, entry.id);
        Ok(entry.id)
    }

    fn find_fingerprint(&self, fingerprint: Fingerprint) -> rusqlite::Result<Option<FingerprintEntry>> {
        if Self::is_all(self.fingerprints.len(), self.numbers.fingerprints) {
            return Ok(None);
        }
        self.connection
            .prepare_cached("SELECT id, identity, stack IS NOT NULL FROM fingerprints WHERE fingerprint = ?1")?
            .query_row([fingerprint.to_bytes()], |row| {
                Ok(FingerprintEntry {
                    id: row.get(0)?,
                    identity: row.get(1)?,
                    has_stack: row.get(2)?,
                })
            })
            .optional()
    }

    fn make_fingerprint(
        &mut self,
        identity: &Identity,
        hash: i64,
        sample: Option<&Sample>,
        patches: &mut Patches,
    ) -> rusqlite::Result<FingerprintEntry> {
        let id = self.numbers.next_fingerprint;
        self.numbers.next_fingerprint += 1;
        self.numbers.fingerprints += 1;
        let first_stack = sample.and_then(|sample| sample.stack.as_deref());
        self.connection
            .prepare_cached(
                "INSERT INTO fingerprints(id, fingerprint, identity, body, stack) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                id,
                identity.fingerprint.to_bytes(),
                hash,
                body_of(identity),
                first_stack.map(stack::pack)
            ])?;
        self.describe(id, identity, patches)?;
        let template = match &identity.exception_template {
            Some(cause) => format!("{}\n{cause}", identity.template),
            None => identity.template.clone(),
        };
        let exception = exception_text(identity);
        self.unindexed.add(
            Doc::Fingerprint(id),
            &Texts {
                // Messages are found by the issue they belong to: what varies in them is of one job.
                message: "",
                template: &template,
                exception: &exception,
                stack: first_stack.unwrap_or_default(),
            },
        );
        if let Some(stack) = first_stack {
            self.stacks.insert(id, stack.into());
        }
        Ok(FingerprintEntry {
            id,
            identity: hash,
            has_stack: first_stack.is_some(),
        })
    }

    /// Writes the columns of a fingerprint and the classes of its chain.
    fn describe(&mut self, id: u32, identity: &Identity, patches: &mut Patches) -> rusqlite::Result<()> {
        let restart = tells_restart(&identity.error_type, &identity.template);
        let group = identity.group.to_string();
        let texts = [
            (
                Column::FpErrorType,
                Field::ErrorType,
                Some(identity.error_type.as_ref()),
            ),
            (Column::FpCategory, Field::Category, Some(identity.category.as_ref())),
            (Column::FpRule, Field::Rule, identity.rule.as_deref()),
            (Column::FpException, Field::Exception, identity.exception.as_deref()),
            (Column::FpGroup, Field::Group, Some(group.as_str())),
            (Column::FpTopFrame, Field::TopFrame, identity.top_frame.as_deref()),
        ];
        for (column, field, text) in texts {
            let value = self.dictionary.id(&self.connection, field, text)?;
            patches.set(column, id, value);
        }
        patches.set(Column::FpSeverity, id, severity_id(identity.severity));
        patches.set(Column::FpPart, id, part_id(identity.part));
        patches.set(Column::FpFlags, id, if restart { FLAG_RESTART } else { 0 });
        patches.set(Column::FpRecipe, id, u32::from(RECIPE_VERSION));
        for class in &identity.exception_chain {
            let class = self
                .dictionary
                .id(&self.connection, Field::ExceptionChain, Some(class))?;
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO chains(class, fingerprint) VALUES (?1, ?2)")?
                .execute([class, id])?;
        }
        Ok(())
    }

    /// The first stack of a fingerprint: the base of patches. Taken from this sample when there was none so far.
    pub(super) fn base_stack(
        &mut self,
        fingerprint: Fingerprint,
        id: u32,
        sample: &Sample,
    ) -> rusqlite::Result<Arc<str>> {
        let Some(text) = sample.stack.as_deref() else {
            return Ok(Arc::from(""));
        };
        if let Some(base) = self.stacks.get(&id) {
            return Ok(Arc::clone(base));
        }
        let entry = match self.fingerprints.get(&fingerprint.0) {
            Some(entry) => Some(*entry),
            None => self.find_fingerprint(fingerprint)?,
        };
        let base: Arc<str> = match entry {
            Some(entry) if !entry.has_stack => {
                self.connection
                    .prepare_cached("UPDATE fingerprints SET stack = ?2 WHERE id = ?1")?
                    .execute(params![id, stack::pack(text)])?;
                let texts = Texts {
                    stack: text,
                    ..Texts::default()
                };
                self.unindexed.add(Doc::LateStack(id), &texts);
                self.fingerprints.insert(
                    fingerprint.0,
                    FingerprintEntry {
                        has_stack: true,
                        ..entry
                    },
                );
                text.into()
            }
            Some(_) | None => {
                let packed: Option<Vec<u8>> = self
                    .connection
                    .prepare_cached("SELECT stack FROM fingerprints WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?
                    .flatten();
                packed
                    .and_then(|packed| stack::unpack(&packed))
                    .unwrap_or_default()
                    .into()
            }
        };
        self.stacks.insert(id, Arc::clone(&base));
        Ok(base)
    }

    /// The issue of a detail, made when it is new; its attributes brought up to date.
    pub(super) fn issue(
        &mut self,
        delta: &DetailDelta,
        fingerprint: u32,
        minute: u32,
        patches: &mut Patches,
    ) -> rusqlite::Result<u32> {
        let known = self.find_issue(delta.issue)?;
        let mut entry = match known {
            Some(entry) => entry,
            None => self.make_issue(delta, fingerprint, patches)?,
        };
        let said = |name: &str| delta.sample.dimensions.get(name).map(String::as_str);
        if minute >= entry.said_in {
            entry.said_in = minute;
            for (place, (column, field)) in ATTRIBUTES.iter().enumerate() {
                let value = self.dictionary.id(&self.connection, *field, said(field.name()))?;
                if let Some(last) = entry.attributes.get_mut(place)
                    && value != 0
                    && *last != value
                {
                    *last = value;
                    patches.set(*column, entry.id, value);
                }
            }
        }
        self.issues.insert(delta.issue.0, entry);
        Ok(entry.id)
    }

    /// The id of an issue that is known; 0 when it is not.
    pub(super) fn issue_known(&mut self, issue: IssueId) -> rusqlite::Result<u32> {
        let entry = self.find_issue(issue)?;
        if let Some(entry) = entry {
            self.issues.insert(issue.0, entry);
        }
        Ok(entry.map_or(0, |entry| entry.id))
    }

    fn find_issue(&self, issue: IssueId) -> rusqlite::Result<Option<IssueEntry>> {
        if let Some(entry) = self.issues.get(&issue.0) {
            return Ok(Some(*entry));
        }
        if Self::is_all(self.issues.len(), self.numbers.issues) {
            return Ok(None);
        }
        self.connection
            .prepare_cached("SELECT id FROM issues WHERE issue = ?1")?
            .query_row([issue.to_bytes()], |row| {
                Ok(IssueEntry {
                    id: row.get(0)?,
                    attributes: [0; 4],
                    said_in: 0,
                })
            })
            .optional()
    }

    fn make_issue(
        &mut self,
        delta: &DetailDelta,
        fingerprint: u32,
        patches: &mut Patches,
    ) -> rusqlite::Result<IssueEntry> {
        let id = self.numbers.next_issue;
        self.numbers.next_issue += 1;
        self.numbers.issues += 1;
        self.connection
            .prepare_cached("INSERT INTO issues(id, issue) VALUES (?1, ?2)")?
            .execute(params![id, delta.issue.to_bytes()])?;
        let job = self.dictionary.id(&self.connection, Field::Job, Some(&delta.job))?;
        patches.set(Column::IssueFp, id, fingerprint);
        patches.set(Column::IssueJob, id, job);
        patches.push(Column::IssueFirst, id, Patch::Set(u64::MAX));
        let texts = Texts {
            message: &delta.sample.message,
            ..Texts::default()
        };
        self.unindexed.add(Doc::Issue(id), &texts);
        Ok(IssueEntry {
            id,
            attributes: [0; 4],
            said_in: 0,
        })
    }
}

/// Attributes of an issue that are those of its latest event.
pub(in crate::store::sqlite) const ATTRIBUTES: [(Column, Field); 4] = [
    (Column::IssueTeam, Field::Team),
    (Column::IssueCluster, Field::Cluster),
    (Column::IssueEngine, Field::Engine),
    (Column::IssueJobId, Field::JobId),
];

/// The fixed number of a severity.
pub(in crate::store::sqlite) fn severity_id(severity: Severity) -> u32 {
    position(Severity::ALL, severity)
}

/// The fixed number of a part.
pub(in crate::store::sqlite) fn part_id(part: Part) -> u32 {
    position(Part::ALL, part)
}

fn position<T: PartialEq>(all: &[T], wanted: T) -> u32 {
    all.iter()
        .zip(1_u32..)
        .find(|(known, _)| **known == wanted)
        .map_or(0, |(_, id)| id)
}

fn body_of(identity: &Identity) -> String {
    let body = Body {
        template: identity.template.clone(),
        chain: identity.exception_chain.clone(),
        exception_template: identity.exception_template.clone(),
        recipe: RECIPE_VERSION,
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn exception_text(identity: &Identity) -> String {
    let mut text = identity.exception.clone().unwrap_or_default();
    for class in &identity.exception_chain {
        text.push('\n');
        text.push_str(class);
    }
    if let Some(frame) = &identity.top_frame {
        text.push('\n');
        text.push_str(frame);
    }
    text
}

/// Changes when anything of the identity changes.
fn hash_of(identity: &Identity) -> i64 {
    let mut bytes = Vec::with_capacity(256);
    let mut field = |text: &str| put_text(&mut bytes, text);
    field(&identity.error_type);
    field(&identity.category);
    field(identity.severity.as_str());
    field(identity.part.as_str());
    field(identity.rule.as_deref().unwrap_or("\u{0}"));
    field(&identity.template);
    field(identity.exception.as_deref().unwrap_or("\u{0}"));
    identity.exception_chain.iter().for_each(|class| field(class));
    field(identity.top_frame.as_deref().unwrap_or("\u{0}"));
    field(identity.exception_template.as_deref().unwrap_or("\u{0}"));
    field(&identity.group.to_string());
    i64::from_le_bytes(xxhash_rust::xxh3::xxh3_64(&bytes).to_le_bytes())
}
