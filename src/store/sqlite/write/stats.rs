//! Stat rows: counts by every dimension, and by series for questions that filter.
//!
//! A series is one (identity, place): all that counts can be told apart by. Its values stand in columns, so that a
//! filter over any mix of dimensions is a pass over numbers.

use super::details::minute_of;
use super::identities::{Met, part_id, severity_id};
use super::{OF_IDENTITY, OF_PLACE, WriteSide};
use crate::event::{Dimensions, IssueId, Part};
use crate::fold::StatRow;
use crate::identity::Identity;
use crate::query::Field;
use crate::store::sqlite::codes::{Column, Dim};
use crate::store::sqlite::columns::Patches;
use crate::store::sqlite::counts::Gathered;
use rusqlite::{OptionalExtension as _, params};
use std::collections::HashMap;
use std::sync::Arc;

type ByAddress = HashMap<usize, [u32; 7], foldhash::fast::FixedState>;
type SeriesByAddress = HashMap<(usize, usize), u32, foldhash::fast::FixedState>;

/// A stat row in numbers.
struct Resolved {
    minute: u32,
    series: u32,
    identity: [u32; 7],
    place: [u32; 7],
    count: u64,
    loud: bool,
}

impl Resolved {
    fn counted(&self, value: Option<&u32>) -> Option<(u32, u32, u64)> {
        value.map(|value| (self.minute, *value, self.count))
    }
}

impl WriteSide {
    pub(super) fn put_stats(
        &mut self,
        rows: &[StatRow],
        met: &mut Met,
        patches: &mut Patches,
        counts: &mut Gathered,
    ) -> rusqlite::Result<()> {
        let mut identities = ByAddress::default();
        let mut places = ByAddress::default();
        let mut known = SeriesByAddress::default();
        let mut resolved = Vec::with_capacity(rows.len());
        for row in rows {
            let minute = minute_of(row.minute.0);
            let identity_at = Arc::as_ptr(&row.identity).addr();
            let place_at = Arc::as_ptr(&row.dimensions).addr();
            let identity = match identities.get(&identity_at) {
                Some(values) => *values,
                None => {
                    let fingerprint = self.fingerprint(&row.identity, None, met, patches)?;
                    let values = self.identity_values(&row.identity, fingerprint)?;
                    identities.insert(identity_at, values);
                    values
                }
            };
            let place = match places.get(&place_at) {
                Some(values) => *values,
                None => {
                    let values = self.place_values(&row.dimensions)?;
                    places.insert(place_at, values);
                    values
                }
            };
            let series = match known.get(&(identity_at, place_at)) {
                Some(series) => *series,
                None => {
                    let series = self.series(row, &identity, &place, patches)?;
                    known.insert((identity_at, place_at), series);
                    series
                }
            };
            resolved.push(Resolved {
                minute,
                series,
                identity,
                place,
                count: row.count,
                loud: row.identity.part != Part::Noise,
            });
        }
        counts.add(
            Dim::Series,
            resolved.iter().map(|row| (row.minute, row.series, row.count)),
        );
        counts.add(Dim::Total, resolved.iter().map(|row| (row.minute, 0, row.count)));
        for (at, dim) in OF_IDENTITY.iter().enumerate() {
            counts.add(
                *dim,
                resolved.iter().filter_map(|row| row.counted(row.identity.get(at))),
            );
        }
        for (at, dim) in OF_PLACE.iter().enumerate() {
            counts.add(*dim, resolved.iter().filter_map(|row| row.counted(row.place.get(at))));
        }
        let loud = resolved.iter().filter(|row| row.loud);
        counts.add(Dim::LoudJob, loud.filter_map(|row| row.counted(row.place.first())));
        Ok(())
    }

    /// In the order of [`OF_IDENTITY`].
    fn identity_values(&mut self, identity: &Identity, fingerprint: u32) -> rusqlite::Result<[u32; 7]> {
        let mut id = |field, text| self.dictionary.id(&self.connection, field, text);
        Ok([
            id(Field::ErrorType, Some(&identity.error_type))?,
            id(Field::Category, Some(&identity.category))?,
            severity_id(identity.severity),
            part_id(identity.part),
            id(Field::Exception, identity.exception.as_deref())?,
            id(Field::Group, Some(&identity.group.to_string()))?,
            fingerprint,
        ])
    }

    /// In the order of [`OF_PLACE`].
    fn place_values(&mut self, place: &Dimensions) -> rusqlite::Result<[u32; 7]> {
        let mut id = |field, text| self.dictionary.id(&self.connection, field, text);
        Ok([
            id(Field::Job, Some(place.job().0))?,
            id(Field::Cluster, place.cluster.as_deref())?,
            id(Field::Namespace, place.namespace.as_deref())?,
            id(Field::Team, place.team.as_deref())?,
            id(Field::Engine, place.engine.as_deref())?,
            id(Field::Role, place.role.as_deref())?,
            id(Field::Host, place.host.as_deref())?,
        ])
    }

    fn series(
        &mut self,
        row: &StatRow,
        identity: &[u32; 7],
        place: &[u32; 7],
        patches: &mut Patches,
    ) -> rusqlite::Result<u32> {
        let mut bytes = Vec::with_capacity(56);
        for value in identity.iter().chain(place) {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        let key = xxhash_rust::xxh3::xxh3_128(&bytes);
        if let Some(series) = self.series.get(&key) {
            return Ok(*series);
        }
        // No number is used twice, so there are at most as many series as numbers were given out.
        let given_out = i64::from(self.numbers.next_series) - 1;
        let found: Option<u32> = if Self::is_all(self.series.len(), given_out) {
            None
        } else {
            self.connection
                .prepare_cached("SELECT id FROM series WHERE key = ?1")?
                .query_row([key.to_be_bytes()], |row| row.get(0))
                .optional()?
        };
        let series = match found {
            Some(series) => series,
            None => {
                let series = self.numbers.next_series;
                self.numbers.next_series += 1;
                self.connection
                    .prepare_cached("INSERT INTO series(id, key) VALUES (?1, ?2)")?
                    .execute(params![series, key.to_be_bytes()])?;
                let issue = self.issue_known(IssueId::of(row.dimensions.job().0, row.identity.fingerprint))?;
                patches.set(Column::SeriesIssue, series, issue);
                for (dim, value) in OF_IDENTITY.iter().zip(identity).chain(OF_PLACE.iter().zip(place)) {
                    if let Some(column) = dim.of_series() {
                        patches.set(column, series, *value);
                    }
                }
                series
            }
        };
        self.series.insert(key, series);
        Ok(series)
    }
}
