//! `spacetime db export`: a world's log as a recording, from a save on as far as the log has no gap. Must never write a
//! recording with a hole.

use std::path::Path;

use persistence::{Key, Kind, Name, Query, Record, Scope, Store, Tick};
use serde_json::json;
use sim::{Scenario, Simulation};

use super::{Open, all_keys};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::record::{Options, Recorder};
use crate::serve::resume::{self, ResumeError};

pub(super) fn command(
    open: &Open<'_>,
    name: &Name,
    file: &Path,
    from: Option<u64>,
    json: bool,
) -> Result<Outcome, Failure> {
    let exporting = export(open, name, file, from);
    let done = open.runtime.block_on(exporting)?;
    if json {
        output::print_json(&json!({
            "world": name.as_str(),
            "file": file,
            "first_tick": done.first,
            "last_tick": done.last,
            "digest": output::hex(done.digest),
            "gap_until": done.gap,
        }))?;
    } else {
        let (first, last) = (grouped(done.first), grouped(done.last));
        output::print(&format!("{}: ticks {first} to {last} of the world {name}\n", file.display()))?;
    }
    match done.gap {
        Some(next) => {
            let reason = format!("the log has a gap behind tick {}: the rest is had by --from-tick {next}", done.last);
            Err(Failure::Incomplete { path: file.to_owned(), reason })
        }
        None => Ok(Outcome::Fine),
    }
}

struct Done {
    first: u64,
    last: u64,
    digest: u64,
    /// The save behind a gap.
    gap: Option<u64>,
}

async fn export(open: &Open<'_>, name: &Name, file: &Path, from: Option<u64>) -> Result<Done, Failure> {
    let (store, fail) = (&*open.store, |error: ResumeError| open.failure(error));
    let world = resume::world(store, name).await.map_err(fail)?;
    let world = world.ok_or_else(|| Failure::Misused(format!("there is no world {name}")))?;
    let scenario = resume::scenario_of(&world).map_err(fail)?;
    let keys = all_keys(store, Kind::Snapshot, Scope::World(name.clone())).await.map_err(|e| fail(e.into()))?;
    let saves: Vec<u64> =
        keys.iter().filter_map(|key| if let Key::Snapshot(_, tick) = key { Some(tick.0) } else { None }).collect();
    let begin = match from {
        None => saves.first().copied(),
        Some(from) => saves.iter().copied().rev().find(|save| *save <= from),
    };
    let start = match begin {
        Some(tick) => state(store, name, &scenario, tick).await.map_err(fail)?,
        None => Simulation::new(&scenario),
    };
    let first = start.tick().0;
    let mut digest = start.digest().total;
    let mut recorder = Recorder::begin(file, &scenario, first, &start.snapshot(), Options::default(), &[])?;
    drop(start);
    let mut query = Query::of(Kind::Segment).within(Scope::World(name.clone())).first(64);
    query.beyond = first.checked_sub(1).map(|tick| Key::Segment(name.clone(), Tick(tick)));
    let mut gap = None;
    'log: loop {
        let page = store.list(&query).await.map_err(|e| fail(e.into()))?;
        query.beyond = page.records.last().map(Record::key);
        for record in &page.records {
            let Record::Segment(segment) = record else { continue };
            let tick = recorder.next_tick();
            if segment.first_tick.0 != tick {
                gap = Some(segment.first_tick.0);
                break 'log;
            }
            if tick > first && saves.binary_search(&tick).is_ok() {
                let save = state(store, name, &scenario, tick).await.map_err(fail)?;
                recorder.add_keyframe(&save.snapshot())?;
            }
            for (frame, after) in resume::frames(segment).map_err(fail)? {
                recorder.add(&frame, after)?;
                digest = after;
            }
        }
        if !page.more {
            break;
        }
    }
    let last = recorder.next_tick();
    if last > first && saves.binary_search(&last).is_ok() {
        recorder.add_keyframe(&state(store, name, &scenario, last).await.map_err(fail)?.snapshot())?;
    }
    // A save that no log leads to is behind a gap, too.
    gap = gap.or_else(|| saves.last().copied().filter(|save| *save > last));
    recorder.close()?;
    Ok(Done { first, last, digest, gap })
}

async fn state(store: &dyn Store, name: &Name, scenario: &Scenario, tick: u64) -> Result<Simulation, ResumeError> {
    match store.get(&Key::Snapshot(name.clone(), Tick(tick))).await? {
        Some(Record::Snapshot(save)) => resume::restore(scenario, &save),
        _ => Err(ResumeError::World(format!("the save at tick {tick} of the world {name} is gone"))),
    }
}
