//! `spacetime db export`: a world's log as a recording, from a save on as far as the log has no gap. Must never write a
//! recording with a hole, nor leave a part of one under the name that was asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use persistence::{Key, Kind, Name, Pieces, Query, Record, Scope, Store, StoreError, Tick};
use serde_json::json;
use sim::{Scenario, Simulation};

use super::Open;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::record::{Options, Recorder};
use crate::serve::resume::{self, ResumeError};

/// How often the export begins anew because the save that it was to begin with was removed meanwhile.
const BEGINNINGS_MAX: usize = 16;

pub(super) fn command(
    open: &Open<'_>,
    name: &Name,
    file: &Path,
    from: Option<u64>,
    json: bool,
) -> Result<Outcome, Failure> {
    let beside = Beside::of(file)?;
    let done = open.runtime.block_on(export(open, name, &beside.path, from))?;
    beside.keep()?;
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

/// Exports, anew where the log behind the first save was removed meanwhile. What would have no tick, although there are
/// some, is a failure: it must not take the place of an export that has them.
async fn export(open: &Open<'_>, name: &Name, file: &Path, from: Option<u64>) -> Result<Done, Failure> {
    resume::refuse_moving(&*open.store).await.map_err(|e| open.failure(e))?;
    let mut tries = 0;
    loop {
        tries += 1;
        let done = attempt(open, name, file, from).await?;
        match done.gap {
            Some(next) if done.last == done.first => {
                if from.is_some() || tries >= BEGINNINGS_MAX {
                    return Err(Failure::Misused(format!(
                        "the world {name} has no log behind its save at tick {}: what comes later is had by --from-tick {next}",
                        done.first
                    )));
                }
            }
            _ => return Ok(done),
        }
    }
}

async fn attempt(open: &Open<'_>, name: &Name, file: &Path, from: Option<u64>) -> Result<Done, Failure> {
    let (store, fail) = (&*open.store, |error: ResumeError| open.failure(error));
    let world = resume::world(store, name).await.map_err(fail)?;
    let world = world.ok_or_else(|| Failure::Misused(format!("there is no world {name}")))?;
    let scenario = resume::scenario_of(&world).map_err(fail)?;
    let (start, saves) = begin(store, name, &scenario, from).await.map_err(fail)?;
    let first = start.tick().0;
    let mut digest = start.digest().total;
    let mut recorder = Recorder::begin(file, &scenario, first, &start.snapshot(), Options::default(), &[])?;
    drop(start);
    let mut pieces = Pieces::of(store, name, Tick(first));
    let mut gap = None;
    while let Some(piece) = pieces.next().await.map_err(|e| fail(e.into()))? {
        let tick = recorder.next_tick();
        if piece.first_tick.0 != tick {
            gap = Some(piece.first_tick.0);
            break;
        }
        if tick > first {
            keyframe(&mut recorder, store, name, &scenario, &saves).await.map_err(|e| e.of(open))?;
        }
        for (frame, after) in resume::frames(&piece).map_err(fail)? {
            recorder.add(&frame, after)?;
            digest = after;
        }
    }
    let last = recorder.next_tick();
    if last > first {
        keyframe(&mut recorder, store, name, &scenario, &saves).await.map_err(|e| e.of(open))?;
    }
    // A save that no log leads to is behind a gap, too.
    gap = gap.or_else(|| saves.last().copied().filter(|save| *save > last));
    recorder.close()?;
    Ok(Done { first, last, digest, gap })
}

/// Why a keyframe was not written.
enum KeyframeError {
    Read(ResumeError),
    Write(Failure),
}

impl KeyframeError {
    fn of(self, open: &Open<'_>) -> Failure {
        match self {
            Self::Read(error) => open.failure(error),
            Self::Write(failure) => failure,
        }
    }
}

/// Adds the save of the recorder's tick as a keyframe, if there is one. One that a running service has removed meanwhile is
/// none.
async fn keyframe(
    recorder: &mut Recorder,
    store: &dyn Store,
    name: &Name,
    scenario: &Scenario,
    saves: &BTreeSet<u64>,
) -> Result<(), KeyframeError> {
    let tick = recorder.next_tick();
    if !saves.contains(&tick) {
        return Ok(());
    }
    match state(store, name, scenario, tick).await.map_err(KeyframeError::Read)? {
        Some(save) => recorder.add_keyframe(&save.snapshot()).map_err(KeyframeError::Write),
        None => Ok(()),
    }
}

/// The state to begin with, and the ticks of all saves: the first save from which the log goes on, or the last one at or
/// before a tick.
async fn begin(
    store: &dyn Store,
    name: &Name,
    scenario: &Scenario,
    from: Option<u64>,
) -> Result<(Simulation, BTreeSet<u64>), ResumeError> {
    for _ in 0..BEGINNINGS_MAX {
        let saves = persistence::saves(store, name).await?;
        let begin = match from {
            None => first_with_log(store, name, &saves).await?,
            Some(from) => saves.range(..=from).next_back().copied(),
        };
        let Some(tick) = begin else { return Ok((Simulation::new(scenario), saves)) };
        // A running service removes old saves; then the one before it is the right one.
        if let Some(start) = state(store, name, scenario, tick).await? {
            return Ok((start, saves));
        }
    }
    Err(ResumeError::World(format!(
        "saves of the world {name} are removed faster than they can be read: stop the service, or leave --from-tick out"
    )))
}

/// The first save from which the log goes on; the last one where it does from none. A save with a label stays where the
/// log around it is gone.
async fn first_with_log(store: &dyn Store, name: &Name, saves: &BTreeSet<u64>) -> Result<Option<u64>, StoreError> {
    for save in saves {
        let piece = Key::Segment(name.clone(), Tick(*save));
        let mut query = Query::of(Kind::Segment).within(Scope::World(name.clone())).first(1);
        query.beyond = save.checked_sub(1).map(|before| Key::Segment(name.clone(), Tick(before)));
        if store.keys(&query).await?.contains(&piece) {
            return Ok(Some(*save));
        }
    }
    Ok(saves.last().copied())
}

/// The state of a save, if it is still there.
async fn state(
    store: &dyn Store,
    name: &Name,
    scenario: &Scenario,
    tick: u64,
) -> Result<Option<Simulation>, ResumeError> {
    match store.get(&Key::Snapshot(name.clone(), Tick(tick))).await? {
        Some(Record::Snapshot(save)) => resume::restore(scenario, &save).map(Some),
        _ => Ok(None),
    }
}

/// A file beside the one that is wanted, which gets its name once it is whole; removed otherwise.
struct Beside {
    path: PathBuf,
    to: PathBuf,
    is_kept: bool,
}

impl Beside {
    fn of(to: &Path) -> Result<Self, Failure> {
        // Through a link to what it means; and a device is never renamed over.
        let to = std::fs::canonicalize(to).unwrap_or_else(|_| to.to_owned());
        if std::fs::metadata(&to).is_ok_and(|there| !there.is_file()) {
            return Err(Failure::unwritable(&to, "it is there, and no file"));
        }
        let name = to.file_name().ok_or_else(|| Failure::unwritable(&to, "this is no name of a file"))?;
        let path = to.with_file_name(format!("{}.part", name.to_string_lossy()));
        Ok(Self { path, to, is_kept: false })
    }

    fn keep(mut self) -> Result<(), Failure> {
        let kept = std::fs::File::open(&self.path)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&self.path, &self.to));
        self.is_kept = kept.is_ok();
        kept.map_err(|e| Failure::unwritable(&self.to, output::plain(&e)))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.is_kept {
            // The next one writes over what stays.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
