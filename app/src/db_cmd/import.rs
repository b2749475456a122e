//! `spacetime db import`: a world of a recording. Must never begin before the recording was read to its end.

use std::path::Path;

use persistence::{Batch, Change, Epoch, Name, Record, Rev, Store, World};
use serde_json::json;

use super::Open;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::replay::Recording;
use crate::serve::{log, resume};

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
    let records = records(&mut recording, name, file)?;
    let world = resume::new_world(name, &recording.scenario);
    open.runtime.block_on(write(open, world, records))?;
    if json {
        let value = json!({
            "world": name.as_str(), "first_tick": first, "last_tick": last, "digest": output::hex(digest),
        });
        output::print_json(&value)?;
    } else {
        output::print(&format!("world {name}: ticks {} to {}\n", grouped(first), grouped(last)))?;
    }
    recording.fine()
}

/// What the store gets, in the order of ticks: a save before the log that goes on from it.
fn records(recording: &mut Recording, name: &Name, file: &Path) -> Result<Vec<Record>, Failure> {
    let damaged = |e: &dyn ToString| Failure::unreadable(file, e.to_string());
    let mut records = Vec::new();
    for keyframe in 0..recording.reader.keyframes().len() {
        let state = recording.keyframe(keyframe)?;
        records.push(Record::Snapshot(log::save_of(name, &state, None).map_err(|e| damaged(&e))?));
    }
    for segment in 0..recording.reader.segments().len() {
        let segment = recording.reader.read_segment(segment).map_err(|e| damaged(&e))?;
        let packed = log::segment_of(name, segment.first_tick, &segment.frames, &segment.digests);
        records.push(Record::Segment(packed.map_err(|e| damaged(&e))?));
    }
    records.sort_by_key(|record| match record {
        Record::Snapshot(save) => (save.tick, false),
        Record::Segment(segment) => (segment.first_tick, true),
        _ => (persistence::Tick(0), false),
    });
    Ok(records)
}

async fn write(open: &Open<'_>, world: World, records: Vec<Record>) -> Result<(), Failure> {
    let store: &dyn Store = &*open.store;
    let name = world.id.clone();
    if resume::world(store, &name).await.map_err(|e| open.failure(e))?.is_some() {
        return Err(Failure::Misused(format!("there is a world {name} already; name another with --world")));
    }
    let commit = async |batch: Batch| resume::persist(store, &batch).await.map_err(|e| open.failure(e));
    let world = World { rev: Rev::FIRST, epoch: Epoch(1), ..world };
    let epoch = world.epoch;
    commit(Batch::put([Record::World(world)]).map_err(|e| open.failure(e))?).await?;
    let mut changes = Vec::new();
    let mut weight = 0;
    let mut records = records.into_iter().peekable();
    while let Some(record) = records.next() {
        weight += record.weight();
        changes.push(Change::Put(record));
        if records.peek().is_none() || weight >= WEIGHT_MAX || changes.len() >= RECORDS_MAX {
            let batch = Batch::new(std::mem::take(&mut changes)).map_err(|e| open.failure(e))?;
            commit(batch.fenced(name.clone(), epoch)).await?;
            weight = 0;
        }
    }
    Ok(())
}
