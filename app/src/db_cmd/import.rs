//! `spacetime db import`: a world of a recording. Must never begin before the recording was read to its end, nor leave a
//! part of a world that a service would go on with: until all of it was read back the world has no results revision.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use persistence::{
    Batch, Change, Epoch, Key, Kind, Millis, Name, Record, Scope, Segment, Snapshot, Store, StoreError, Tick, World,
};
use serde_json::json;

use super::{Open, all_keys};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::replay::Recording;
use crate::serve::log;
use crate::serve::resume::{self, UNFINISHED};

/// Bytes of records that are written at once.
const WEIGHT_MAX: usize = 16 << 20;
/// Records that are written at once.
const RECORDS_MAX: usize = 1000;

pub(super) fn command(open: &Open<'_>, name: &Name, file: &Path, json: bool) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(file)?;
    let damaged = |e: &dyn ToString| Failure::unreadable(file, e.to_string());
    let status = recording.reader.check().map_err(|e| damaged(&e))?;
    if !status.damage.is_empty() {
        return Err(damaged(status));
    }
    let (last, first) = (recording.last_tick(), recording.reader.ticks().start);
    // What this build does not reproduce it could not go on from.
    let rebuilt = recording.state_at(last)?;
    if let Some(tick) = rebuilt.departed_at {
        return Err(damaged(&format!("this build does not reproduce it: the digest of tick {tick} differs")));
    }
    let digest = rebuilt.simulation.digest().total;
    let world = open.runtime.block_on(claim(open, resume::new_world(name, &recording.scenario)))?;
    let records = records(&mut recording, &world, file)?;
    let written = open.runtime.block_on(async {
        let written = write(open, &world, &records).await?;
        compare(open, &world, &recording, &records, digest).await?;
        finish(open, world).await?;
        Ok(written)
    })?;
    if json {
        let value = json!({
            "world": name.as_str(), "first_tick": first, "last_tick": last, "digest": output::hex(digest),
            "records": records.len(), "written": written,
        });
        output::print_json(&value)?;
    } else {
        output::print(&format!("world {name}: ticks {} to {}\n", grouped(first), grouped(last)))?;
    }
    recording.fine()
}

/// The record of the world, unfinished: a new one, or that of an import that was cut off.
async fn claim(open: &Open<'_>, new: World) -> Result<World, Failure> {
    resume::refuse_moving(&*open.store).await.map_err(|e| open.failure(e))?;
    let name = new.id.clone();
    let world = match resume::world(&*open.store, &name).await.map_err(|e| open.failure(e))? {
        None => World { results_revision: UNFINISHED, ..new },
        Some(found) if found.results_revision != UNFINISHED => {
            return Err(Failure::Misused(format!("there is a world {name} already; name another with --world")));
        }
        // Whoever imports it besides is shut out.
        Some(found) => {
            let (rev, epoch) = (found.rev.next(), Epoch(found.epoch.0.saturating_add(1)));
            let is_same = found.scenario == new.scenario;
            let whole = if is_same { found } else { new };
            World { rev, epoch, results_revision: UNFINISHED, ..whole }
        }
    };
    put(open, world.clone()).await?;
    Ok(world)
}

async fn put(open: &Open<'_>, world: World) -> Result<(), Failure> {
    let batch = Batch::put([Record::World(world)]).map_err(|e| open.failure(e))?;
    resume::persist(&*open.store, &batch).await.map_err(|e| open.failure(e))
}

/// What the store gets, in the order of ticks: a save before the log that goes on from it. The moments are those of the
/// world, so that the same recording gives the same records.
fn records(recording: &mut Recording, world: &World, file: &Path) -> Result<Vec<Record>, Failure> {
    let damaged = |e: &dyn ToString| Failure::unreadable(file, e.to_string());
    let (name, at): (_, Millis) = (&world.id, world.created);
    let mut records = Vec::new();
    for keyframe in 0..recording.reader.keyframes().len() {
        let save = log::save_of(name, &recording.keyframe(keyframe)?, None).map_err(|e| damaged(&e))?;
        records.push(Record::Snapshot(Snapshot { taken: at, ..save }.hashed()));
    }
    for segment in 0..recording.reader.segments().len() {
        let segment = recording.reader.read_segment(segment).map_err(|e| damaged(&e))?;
        let packed = log::segment_of(name, segment.first_tick, &segment.frames, &segment.digests);
        let packed = packed.map_err(|e| damaged(&e))?;
        records.push(Record::Segment(Segment { written: at, ..packed }.hashed()));
    }
    records.sort_by_key(|record| match record {
        Record::Snapshot(save) => (save.tick, false),
        Record::Segment(segment) => (segment.first_tick, true),
        _ => (Tick(0), false),
    });
    Ok(records)
}

/// Writes what is not there yet; gives how many records that were. A part that is of another recording, or was written by
/// another program, goes first: the world was never whole, so nobody has used it.
async fn write(open: &Open<'_>, world: &World, records: &[Record]) -> Result<usize, Failure> {
    let mut there = BTreeSet::new();
    for kind in [Kind::Snapshot, Kind::Segment] {
        let keys = all_keys(&*open.store, kind, Scope::World(world.id.clone())).await;
        there.extend(keys.map_err(|e| open.failure(e))?);
    }
    if !is_part(open, &there, records).await.map_err(|e| open.failure(e))? {
        let changes: Vec<Change> = there.iter().map(|key| Change::Remove(key.clone(), None)).collect();
        for part in changes.chunks(RECORDS_MAX) {
            commit(open, world, part.to_vec()).await?;
        }
        there.clear();
    }
    let missing: Vec<&Record> = records.iter().filter(|record| !there.contains(&record.key())).collect();
    let (mut changes, mut weight) = (Vec::new(), 0);
    for (at, record) in missing.iter().enumerate() {
        weight += record.weight();
        changes.push(Change::Put((*record).clone()));
        if at + 1 == missing.len() || weight >= WEIGHT_MAX || changes.len() >= RECORDS_MAX {
            commit(open, world, std::mem::take(&mut changes)).await?;
            weight = 0;
        }
    }
    Ok(missing.len())
}

/// Whether everything that is there is of these records.
async fn is_part(open: &Open<'_>, there: &BTreeSet<Key>, records: &[Record]) -> Result<bool, StoreError> {
    let wanted: BTreeMap<Key, &Record> = records.iter().map(|record| (record.key(), record)).collect();
    for key in there {
        let Some(record) = wanted.get(key) else { return Ok(false) };
        if open.store.get(key).await?.as_ref() != Some(*record) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn commit(open: &Open<'_>, world: &World, changes: Vec<Change>) -> Result<(), Failure> {
    let batch = Batch::new(changes).map_err(|e| open.failure(e))?;
    let batch = batch.fenced(world.id.clone(), world.epoch);
    resume::persist(&*open.store, &batch).await.map_err(|e| open.failure(e))
}

/// Reads back every record, and rebuilds the last state from them.
async fn compare(
    open: &Open<'_>,
    world: &World,
    recording: &Recording,
    records: &[Record],
    digest: u64,
) -> Result<(), Failure> {
    let store: &dyn Store = &*open.store;
    for record in records {
        if store.get(&record.key()).await.map_err(|e| open.failure(e))?.as_ref() != Some(record) {
            let why = "reads back as something else than was written: does another program write to it?";
            return Err(Failure::Machine(format!("the world {} {why}", world.id)));
        }
    }
    let rebuilt = resume::rebuild(store, &world.id, &recording.scenario, None).await;
    let state = rebuilt.map_err(|e| open.failure(e))?.simulation;
    let (found, wanted) = ((state.tick().0, state.digest().total), (recording.last_tick(), digest));
    if found != wanted {
        return Err(Failure::Machine(format!(
            "the world {} reads back as tick {} with digest {}, the recording ends at tick {} with digest {}",
            world.id,
            grouped(found.0),
            output::hex(found.1),
            grouped(wanted.0),
            output::hex(wanted.1),
        )));
    }
    Ok(())
}

/// From here on a service may go on with it.
async fn finish(open: &Open<'_>, world: World) -> Result<(), Failure> {
    let results_revision = u32::try_from(sim::RESULTS_REVISION).unwrap_or(u32::MAX);
    put(open, World { rev: world.rev.next(), results_revision, ..world }).await
}
