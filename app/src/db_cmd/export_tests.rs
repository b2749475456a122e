//! Exports beside a service that removes old saves at the worst moment.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use persistence::{Batch, Change, Embedded, Epoch};
use persistence_testkit::hooked::{Hooked, Hooks};
use sim::InputFrame;

use super::*;
use crate::serve::config::values::Values;
use crate::serve::{ask, config::Config, log};

/// Removes saves when they are about to be read, or the log behind them.
struct Pruning {
    world: Name,
    going: Mutex<BTreeSet<u64>>,
    log_going: Mutex<BTreeSet<u64>>,
}

impl Pruning {
    async fn remove(&self, store: &dyn Store, key: Key) -> Result<(), StoreError> {
        let batch = Batch::new(vec![Change::Remove(key, None)])?;
        store.commit(&batch.fenced(self.world.clone(), Epoch(1))).await
    }
}

#[async_trait]
impl Hooks for Pruning {
    async fn before_get(&self, store: &dyn Store, key: &Key) -> Result<(), StoreError> {
        let Key::Snapshot(_, tick) = key else { return Ok(()) };
        let is_going = self.going.lock().unwrap().remove(&tick.0);
        if is_going {
            self.remove(store, key.clone()).await?;
        }
        let is_log_going = self.log_going.lock().unwrap().remove(&tick.0);
        if is_log_going {
            self.remove(store, Key::Segment(self.world.clone(), *tick)).await?;
        }
        Ok(())
    }
}

/// A world of 30 ticks with saves at 0, 10 and 20, and its last digest.
async fn lived(store: &Embedded, world: &Name) -> u64 {
    let scenario = crate::scenario_cmd::load("hundred").unwrap();
    let mut simulation = Simulation::new(&scenario);
    store.commit(&Batch::put([Record::World(resume::new_world(world, &scenario))]).unwrap()).await.unwrap();
    for first in [0, 10, 20] {
        let save = log::save_of(world, &simulation, None).unwrap();
        let frames = vec![InputFrame::default(); 10];
        let digests: Vec<u64> = frames.iter().map(|frame| simulation.step(frame).digest.total).collect();
        let piece = log::segment_of(world, first, &frames, &digests).unwrap();
        let batch = Batch::put([Record::Snapshot(save), Record::Segment(piece)]).unwrap();
        store.commit(&batch.fenced(world.clone(), Epoch(1))).await.unwrap();
    }
    simulation.digest().total
}

fn opened<'a>(runtime: &'a tokio::runtime::Runtime, folder: &Path, store: Embedded, hooks: Pruning) -> Open<'a> {
    let config = Config::of(Values::of(None, "", []).0, folder.to_owned()).unwrap();
    let store = Arc::new(Hooked { inner: Arc::new(store), hooks });
    Open { runtime, config, store, opened: None, way: String::new() }
}

/// Nothing goes yet.
fn quiet(world: &Name) -> Pruning {
    Pruning { world: world.clone(), going: Mutex::default(), log_going: Mutex::default() }
}

#[test]
fn a_save_without_its_log_is_passed_over_and_takes_nobodys_place() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = ask::runtime().unwrap();
    let world = Name::new("w").unwrap();
    // The log behind the first save is gone before, or goes when that save is read.
    for is_gone in [true, false] {
        let store = Embedded::open(&folder.path().join(format!("{is_gone}.redb"))).unwrap();
        let digest = runtime.block_on(lived(&store, &world));
        let pruning = quiet(&world);
        if is_gone {
            runtime.block_on(pruning.remove(&store, Key::Segment(world.clone(), Tick(0)))).unwrap();
        } else {
            pruning.log_going.lock().unwrap().insert(0);
        }
        let open = opened(&runtime, folder.path(), store, pruning);
        let file = folder.path().join("out.strec");
        let done = runtime.block_on(export(&open, &world, &file, None)).unwrap();
        assert_eq!((done.first, done.last, done.digest, done.gap), (10, 30, digest, None));
        // A file of no tick is not put in the place of one that has some.
        std::fs::write(&file, "good").unwrap();
        let failed = command(&open, &world, &file, Some(5), true).unwrap_err().to_string();
        assert!(failed.contains("no log behind its save at tick 0") && failed.contains("--from-tick 10"), "{failed}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "good");
    }
}

#[test]
fn a_save_that_is_removed_meanwhile_spoils_no_export() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = ask::runtime().unwrap();
    let world = Name::new("w").unwrap();
    for (from, going, first) in [(None, [10, 20].as_slice(), 0), (Some(25), &[20], 10), (Some(25), &[10, 20], 0)] {
        let store = Embedded::open(&folder.path().join(format!("{from:?}-{}.redb", going.len()))).unwrap();
        let digest = runtime.block_on(lived(&store, &world));
        let pruning = Pruning { going: Mutex::new(going.iter().copied().collect()), ..quiet(&world) };
        let open = opened(&runtime, folder.path(), store, pruning);
        let file = folder.path().join("out.strec");
        let done = runtime.block_on(export(&open, &world, &file, from)).unwrap();
        assert_eq!((done.first, done.last, done.digest, done.gap), (first, 30, digest, None));
        let mut recording = crate::replay::Recording::open(&file).unwrap();
        let rebuilt = recording.state_at(30).unwrap();
        assert_eq!((rebuilt.departed_at, rebuilt.simulation.digest().total), (None, digest));
    }
}
