//! Snapshots: the exact state after a tick as bytes, equal for equal states. Layout, all little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `STSNAP` and the format version, u16 |
//! | 8 | schema hash: names, fields and order of all components and resources |
//! | 32 | BLAKE3 of the scenario's text |
//! | 8 | length of the resources in bytes, a multiple of 8 |
//! | ... | resources: postcard, zero-padded; in version 2 the waves behind the others |
//! | 4 x 8 | rows per kind |
//! | ... | per kind, per component type: the column, rows by ascending id |
//! | 8 | XXH3-64 of everything before |
//!
//! Version 2 is written where an entity's wave differs from the first one, and version 1 where none does: a world in
//! which nothing interfered is written as it always was, and a build that knows no waves refuses the others by name.
//!
//! Loading checks all of it, and every component, before anything is changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::bodies::{Ephemeris, SavedEphemeris};
use crate::columns::{Columns, RowOrder, row_words, take_column};
use crate::component::{Berth, Component, Kind, Visitor, visit_components};
use crate::digest::{Hasher, RESOURCES, RESOURCES_ALWAYS};
use crate::input::{PlayerId, Role};
use crate::refusal::Refusal;
use crate::scenario::Scenario;
use crate::state::{State, Time};
use crate::systems::commands::ENTITIES_MAX;
use crate::time::{SimTime, Tick, TimeFactor};
use crate::tuning::Tuning;
use crate::waves::{Phasor, Waves};

const MAGIC: &[u8; 6] = b"STSNAP";
/// Without waves, and with them.
const VERSIONS: [u16; 2] = [1, 2];
const HEADER: usize = 8 + 8 + 32 + 8;

/// Why bytes are no snapshot of this world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Does not begin as a snapshot does.
    #[error("not a snapshot")]
    NotASnapshot,
    /// Written by another format version.
    #[error("snapshot format version {0}, this build reads 1 and 2")]
    Version(u16),
    /// Component types differ from this build's.
    #[error("the snapshot's component schema {found:016x} is not this build's {expected:016x}")]
    Schema {
        /// In the snapshot.
        found: u64,
        /// Of this build.
        expected: u64,
    },
    /// Of another scenario.
    #[error("the snapshot is of another scenario")]
    OtherScenario,
    /// Shorter or longer than it says.
    #[error("the snapshot is cut or has extra bytes")]
    Length,
    /// The checksum does not fit.
    #[error("the snapshot is damaged")]
    Checksum,
    /// Intact, and yet no state: a value is not finite, out of range, or an id is used twice.
    #[error("the snapshot holds an impossible {0}")]
    Impossible(&'static str),
}

/// Everything that is not in a column.
#[derive(Serialize, Deserialize)]
struct Resources {
    tick: Tick,
    now: SimTime,
    factor_quarters: u32,
    members: Vec<(PlayerId, Role)>,
    refused: Vec<u64>,
    tuning: Vec<f64>,
    last_id: u64,
    bodies: SavedEphemeris,
    /// Written behind the others, and only in version 2.
    #[serde(skip)]
    waves: Vec<(u64, Phasor)>,
}

/// Hash of the names, fields and order of everything a snapshot holds, if no entity's wave differs from the first one.
#[must_use]
pub fn schema_hash() -> u64 {
    schema_of(VERSIONS[0])
}

fn schema_of(version: u16) -> u64 {
    struct Describe(Hasher);
    impl Visitor for Describe {
        fn visit<C: Component>(&mut self) {
            self.0.bytes(C::NAME.as_bytes());
            for field in C::FIELDS {
                self.0.bytes(field.name.as_bytes());
                self.0.word(field.offset as u64);
                self.0.word(field.kind as u64);
            }
        }
    }
    let mut describe = Describe(Hasher::new(u64::from(version)));
    for kind in Kind::ALL {
        describe.0.bytes(kind.name().as_bytes());
        visit_components(kind, &mut describe);
    }
    let resources = if version == VERSIONS[0] { RESOURCES_ALWAYS } else { RESOURCES.len() };
    RESOURCES[..resources].iter().for_each(|name| describe.0.bytes(name.as_bytes()));
    describe.0.finish()
}

/// Everything that a snapshot holds and is in no column, wherever it is kept.
pub(crate) struct Parts<'a> {
    pub time: Time,
    pub members: &'a BTreeMap<PlayerId, Role>,
    pub refused: &'a [u64; Refusal::COUNT],
    pub tuning: &'a Tuning,
    pub last_id: u64,
    pub waves: &'a Waves,
    pub bodies: &'a Ephemeris,
}

/// Writes the state.
pub(crate) fn save(scenario: &Scenario, state: &State, out: &mut Vec<u8>) {
    let State { time, members, refused, tuning, last_id, waves, bodies, .. } = state;
    let parts = Parts { time: *time, members, refused, tuning, last_id: *last_id, waves, bodies };
    let mut columns = Columns::default();
    columns.capture(&state.world, RowOrder::ById);
    write(scenario, &parts, &columns, out);
}

/// Writes the parts of a state. The rows of the columns must be ordered by id.
pub(crate) fn write(scenario: &Scenario, parts: &Parts<'_>, columns: &Columns, out: &mut Vec<u8>) {
    let resources = Resources {
        tick: parts.time.tick,
        now: parts.time.now,
        factor_quarters: parts.time.factor.quarters(),
        members: parts.members.iter().map(|(player, role)| (*player, *role)).collect(),
        refused: parts.refused.to_vec(),
        tuning: parts.tuning.values().collect(),
        last_id: parts.last_id,
        bodies: parts.bodies.save(),
        waves: parts.waves.iter().collect(),
    };
    let mut encoded = postcard::to_stdvec(&resources).expect("plain values always encode");
    let version = VERSIONS[usize::from(!resources.waves.is_empty())];
    if !resources.waves.is_empty() {
        encoded = postcard::to_extend(&resources.waves, encoded).expect("plain values always encode");
    }
    encoded.resize(encoded.len().next_multiple_of(8), 0);

    let length: usize = columns.kinds.iter().map(|k| k.words.len() * 8).sum();
    out.clear();
    out.reserve(HEADER + encoded.len() + 32 + length + 8);
    out.extend(MAGIC);
    out.extend(version.to_le_bytes());
    out.extend(schema_of(version).to_le_bytes());
    out.extend(blake3::hash(scenario.text.as_bytes()).as_bytes());
    out.extend((encoded.len() as u64).to_le_bytes());
    out.extend(encoded);
    for kind in &columns.kinds {
        out.extend((kind.rows as u64).to_le_bytes());
    }
    for kind in &columns.kinds {
        out.extend_from_slice(bytemuck::cast_slice(&kind.words));
    }
    let checksum = xxh3_64(out);
    out.extend(checksum.to_le_bytes());
}

/// Reads a state; `state` changes only if all is well.
pub(crate) fn load(scenario: &Scenario, state: &mut State, bytes: &[u8]) -> Result<(), SnapshotError> {
    let (resources, columns) = open(scenario, bytes)?;
    let impossible = SnapshotError::Impossible;
    let factor = TimeFactor::from_quarters(resources.factor_quarters).ok_or(impossible("time factor"))?;
    // A tick further than any session gets; the next ones must not overflow.
    if resources.tick.0 > 1 << 60 || resources.last_id > 1 << 60 || resources.now.0.unsigned_abs() > 1 << 60 {
        return Err(impossible("time"));
    }
    let refused: [u64; Refusal::COUNT] = resources.refused.try_into().map_err(|_| impossible("refusal count"))?;
    if refused.iter().any(|&count| count > 1 << 60) {
        return Err(impossible("refusal count"));
    }
    let tuning = Tuning::new(scenario).with_values(&resources.tuning).ok_or(impossible("tuning value"))?;
    // A copy is given the saved state: the present one stays as it is until all is known to be well.
    let mut bodies = state.bodies.clone();
    bodies.restore(resources.bodies, resources.now).map_err(|_| impossible("state of the bodies"))?;
    check_columns(&columns, tuning.classes.len(), resources.last_id)?;
    let waves = Waves::restored(resources.waves).filter(|waves| waves.iter().all(|(id, _)| columns.has(id)));
    let waves = waves.ok_or(impossible("wave"))?;

    columns.restore_into(&mut state.world);
    state.time = Time { tick: resources.tick, now: resources.now, factor };
    state.members = resources.members.into_iter().collect();
    state.refused = refused;
    state.tuning = tuning;
    state.last_id = resources.last_id;
    state.waves = waves;
    state.bodies = bodies;
    state.refresh_bodies();
    Ok(())
}

/// Takes the bytes apart, checking everything that does not need the meaning of a value.
fn open(scenario: &Scenario, bytes: &[u8]) -> Result<(Resources, Columns), SnapshotError> {
    let word = |at: usize| -> Result<u64, SnapshotError> {
        let bytes = bytes.get(at..at + 8).ok_or(SnapshotError::Length)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    };
    if bytes.get(..6) != Some(MAGIC) {
        return Err(SnapshotError::NotASnapshot);
    }
    let version = (word(0)? >> 48) as u16;
    if !VERSIONS.contains(&version) {
        return Err(SnapshotError::Version(version));
    }
    let (found, expected) = (word(8)?, schema_of(version));
    if found != expected {
        return Err(SnapshotError::Schema { found, expected });
    }
    let body = bytes.len().checked_sub(8).ok_or(SnapshotError::Length)?;
    if xxh3_64(&bytes[..body]) != word(body)? {
        return Err(SnapshotError::Checksum);
    }
    if bytes.get(16..48) != Some(blake3::hash(scenario.text.as_bytes()).as_bytes().as_slice()) {
        return Err(SnapshotError::OtherScenario);
    }
    let length = usize::try_from(word(48)?).map_err(|_| SnapshotError::Length)?;
    let counts_at = HEADER.checked_add(length).filter(|&at| at <= body).ok_or(SnapshotError::Length)?;
    let resources = read_resources(version, &bytes[HEADER..counts_at])?;

    let mut columns = Columns::default();
    let mut at = counts_at + 32;
    for (i, (kind, target)) in Kind::ALL.into_iter().zip(&mut columns.kinds).enumerate() {
        let rows = usize::try_from(word(counts_at + 8 * i)?).ok().filter(|&rows| rows <= ENTITIES_MAX);
        target.rows = rows.ok_or(SnapshotError::Length)?;
        let end = at + target.rows * row_words(kind) * 8;
        let source = bytes[..body].get(at..end).ok_or(SnapshotError::Length)?;
        target.words = bytemuck::allocation::pod_collect_to_vec(source);
        at = end;
    }
    if at == body { Ok((resources, columns)) } else { Err(SnapshotError::Length) }
}

/// Everything that is in no column. The waves are not checked yet.
fn read_resources(version: u16, bytes: &[u8]) -> Result<Resources, SnapshotError> {
    let impossible = |_| SnapshotError::Impossible("resource");
    let (mut resources, rest): (Resources, _) = postcard::take_from_bytes(bytes).map_err(impossible)?;
    if version != VERSIONS[0] {
        let padding;
        (resources.waves, padding) = postcard::take_from_bytes(rest).map_err(impossible)?;
        // One state has one snapshot: what could be written without waves, or shorter, would have been.
        if resources.waves.is_empty() || padding.len() >= 8 || padding.iter().any(|&byte| byte != 0) {
            return Err(SnapshotError::Impossible("wave"));
        }
    }
    Ok(resources)
}

/// Checks every component, the order and uniqueness of ids, and references to classes.
fn check_columns(columns: &Columns, classes: usize, last_id: u64) -> Result<(), SnapshotError> {
    struct Check<'a> {
        words: &'a [u64],
        rows: usize,
        classes: usize,
        wrong: Option<&'static str>,
    }
    impl Visitor for Check<'_> {
        fn visit<C: Component>(&mut self) {
            let column = take_column::<C>(&mut self.words, self.rows);
            // Every row is looked at: a branch per row costs more than it saves.
            if !column.iter().fold(true, |sound, c| sound & c.is_sound()) {
                self.wrong = Some(C::NAME);
            }
            if C::INDEX == Berth::INDEX {
                let berths: &[Berth] = bytemuck::cast_slice(column);
                if berths.iter().any(|b| b.class as usize >= self.classes) {
                    self.wrong = Some(C::NAME);
                }
            }
        }
    }
    for (kind, source) in Kind::ALL.into_iter().zip(&columns.kinds) {
        let mut check = Check { words: &source.words, rows: source.rows, classes, wrong: None };
        visit_components(kind, &mut check);
        if let Some(name) = check.wrong {
            return Err(SnapshotError::Impossible(name));
        }
        let ids = &source.words[..source.rows];
        if !ids.is_sorted_by(|a, b| a < b) || ids.last().is_some_and(|&id| id > last_id) {
            return Err(SnapshotError::Impossible("id"));
        }
    }
    let mut all: Vec<u64> = Vec::new();
    if columns.kinds.iter().filter(|k| k.rows > 0).count() > 1 {
        columns.kinds.iter().for_each(|k| all.extend(&k.words[..k.rows]));
        all.sort_unstable();
    }
    if all.windows(2).any(|pair| pair[0] == pair[1]) { Err(SnapshotError::Impossible("id")) } else { Ok(()) }
}
