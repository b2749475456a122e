//! Simulates the worlds of a backup again, from their saves along their logs, and compares every digest. Must never change
//! the backup; what it restores for that is removed again.

use std::collections::BTreeSet;

use persistence::{Embedded, Key, Kind, Name, Query, Record, Scope, Segment, Snapshot, Store, StoreError, Tick, World};
use sim::recording::{unpack_keyframe, unpack_segment};
use sim::{InputFrame, Scenario, Simulation};

use crate::key::BackupKey;
use crate::repository::Entry;
use crate::restore::{RestoreError, What, restore};

/// What a world's log came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Ticks that were simulated again with equal digests.
    pub ticks: u64,
    /// Saves that restore, with equal digests.
    pub saves: u64,
    /// Ticks of log to which neither a save nor more log leads.
    pub unreachable: u64,
    /// Why the log could not be simulated at all.
    pub skipped: Option<String>,
    /// The first thing that is not as it was recorded.
    pub fault: Option<String>,
}

/// Simulates all worlds of a backup again.
///
/// # Errors
/// [`RestoreError`] where the backup cannot be restored.
pub async fn check(entry: &Entry, key: &BackupKey) -> Result<Vec<(Name, Checked)>, RestoreError> {
    let scratch = tempfile::tempdir();
    let scratch = scratch.map_err(|source| RestoreError::Io { path: std::env::temp_dir(), source })?;
    let path = scratch.path().join("store");
    // Nobody is served by it.
    restore(entry, key, &path, &What::Whole, async |_| Ok(0)).await?;
    let store = Embedded::open(&path)?;
    let mut checked = Vec::new();
    let mut query = Query::of(Kind::World).first(1);
    loop {
        let page = store.list(&query).await?;
        let Some(Record::World(world)) = page.records.into_iter().next() else { return Ok(checked) };
        query = query.beyond(Key::World(world.id.clone()));
        checked.push((world.id.clone(), check_world(&store, &world).await?));
    }
}

/// Simulates one world of a store again.
///
/// # Errors
/// Those of the store.
pub async fn check_world(store: &dyn Store, world: &World) -> Result<Checked, StoreError> {
    let skipped = |why: String| Ok(Checked { skipped: Some(why), ..Checked::default() });
    if u64::from(world.results_revision) != sim::RESULTS_REVISION {
        let (needed, here) = (world.results_revision, sim::RESULTS_REVISION);
        return skipped(format!("its log needs results revision {needed}, this program computes {here}"));
    }
    let scenario = match Scenario::parse(&world.scenario.0) {
        Ok(scenario) => scenario,
        Err(error) => return skipped(format!("its scenario does not read: {error}")),
    };
    let saves = saves(store, &world.id).await?;
    let mut replay = Replay { store, scenario, world: world.id.clone(), saves, at: None, checked: Checked::default() };
    let mut query = Query::of(Kind::Segment).within(Scope::World(world.id.clone())).first(16);
    loop {
        let page = store.list(&query).await?;
        for record in page.records {
            query = query.beyond(record.key());
            if let Record::Segment(segment) = record {
                replay.segment(&segment).await?;
            }
        }
        if !page.more || replay.checked.fault.is_some() {
            break;
        }
    }
    replay.finish().await
}

/// Ticks of all saves.
async fn saves(store: &dyn Store, world: &Name) -> Result<BTreeSet<u64>, StoreError> {
    let mut saves = BTreeSet::new();
    let mut query = Query::of(Kind::Snapshot).within(Scope::World(world.clone()));
    loop {
        let keys = store.keys(&query).await?;
        let Some(last) = keys.last() else { return Ok(saves) };
        query = query.beyond(last.clone());
        saves.extend(
            keys.into_iter().filter_map(|key| if let Key::Snapshot(_, tick) = key { Some(tick.0) } else { None }),
        );
    }
}

/// A world on its way along its log.
struct Replay<'a> {
    store: &'a dyn Store,
    scenario: Scenario,
    world: Name,
    /// Ticks of saves that were not compared yet.
    saves: BTreeSet<u64>,
    at: Option<Simulation>,
    checked: Checked,
}

impl Replay<'_> {
    async fn segment(&mut self, segment: &Segment) -> Result<(), StoreError> {
        let first = segment.first_tick.0;
        let unpacked = u16::try_from(segment.format).ok().map(|v| unpack_segment(v, segment.ticks, &segment.payload));
        let Some(Ok((frames, digests))) = unpacked else {
            self.fault(format!("the log from tick {first} does not unpack"));
            return Ok(());
        };
        if digests.last() != Some(&segment.digest.0) {
            self.fault(format!("the log from tick {first} ends with another digest than it says"));
        }
        for (tick, (frame, digest)) in (first..).zip(frames.iter().zip(digests)) {
            if self.checked.fault.is_some() {
                break;
            }
            self.save_at(tick).await?;
            self.step(tick, frame, digest);
        }
        Ok(())
    }

    fn step(&mut self, tick: u64, frame: &InputFrame, recorded: u64) {
        let Some(simulation) = self.at.as_mut().filter(|simulation| simulation.tick().0 == tick) else {
            self.at = None;
            self.checked.unreachable += 1;
            return;
        };
        if simulation.step(frame).digest.total == recorded {
            self.checked.ticks += 1;
        } else {
            self.fault(format!("tick {} has another digest than was recorded", tick + 1));
        }
    }

    /// Compares the save at a tick with the state there, or begins with it. At tick 0 the scenario begins.
    async fn save_at(&mut self, tick: u64) -> Result<(), StoreError> {
        let is_here = self.at.as_ref().is_some_and(|simulation| simulation.tick().0 == tick);
        if tick == 0 && !is_here {
            self.at = Some(Simulation::new(&self.scenario));
        }
        if !self.saves.remove(&tick) {
            return Ok(());
        }
        let key = Key::Snapshot(self.world.clone(), Tick(tick));
        let Some(Record::Snapshot(save)) = self.store.get(&key).await? else { return Ok(()) };
        let here = self.at.as_ref().filter(|simulation| simulation.tick().0 == tick);
        if here.is_some_and(|simulation| simulation.digest().total != save.digest.0) {
            self.fault(format!("the save at tick {tick} is not the state that the log leads to"));
        } else {
            match loaded(&self.scenario, &save) {
                Ok(simulation) => {
                    self.checked.saves += 1;
                    self.at = Some(simulation);
                }
                Err(why) => self.fault(format!("the save at tick {tick} {why}")),
            }
        }
        Ok(())
    }

    /// Compares the saves that no log goes on from.
    async fn finish(mut self) -> Result<Checked, StoreError> {
        while let Some(tick) = self.saves.first().copied().filter(|_| self.checked.fault.is_none()) {
            self.save_at(tick).await?;
        }
        Ok(self.checked)
    }

    fn fault(&mut self, what: String) {
        self.checked.fault.get_or_insert(what);
    }
}

/// The world that was saved, or what is wrong with the save.
fn loaded(scenario: &Scenario, save: &Snapshot) -> Result<Simulation, String> {
    let version = u16::try_from(save.format).map_err(|_| "has a format that is not known".to_owned())?;
    let bytes = unpack_keyframe(version, &save.payload).map_err(|e| format!("does not unpack: {e}"))?;
    let simulation = Simulation::restore(scenario, &bytes).map_err(|e| format!("does not restore: {e}"))?;
    let is_same = simulation.tick().0 == save.tick.0 && simulation.digest().total == save.digest.0;
    if is_same { Ok(simulation) } else { Err("restores to another state than it says".to_owned()) }
}
