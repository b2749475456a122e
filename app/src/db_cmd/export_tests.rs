//! Exports beside a service that removes old saves at the worst moment.

use std::sync::Mutex;

use async_trait::async_trait;
use persistence::{Batch, Change, Copy, Embedded, Epoch, Health, Kind, Page, Query, StoreError};
use sim::InputFrame;

use super::*;
use crate::serve::config::values::Values;
use crate::serve::{ask, config::Config, log};

/// Removes saves when they are about to be read.
struct Pruning {
    store: Embedded,
    world: Name,
    going: Mutex<BTreeSet<u64>>,
}

#[async_trait]
impl Store for Pruning {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.store.commit(batch).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if let Key::Snapshot(_, tick) = key
            && self.going.lock().unwrap().remove(&tick.0)
        {
            let batch = Batch::new(vec![Change::Remove(key.clone(), None)])?;
            self.store.commit(&batch.fenced(self.world.clone(), Epoch(1))).await?;
        }
        self.store.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.list(query).await
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        self.store.keys(query).await
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        self.store.copy(kinds).await
    }

    async fn health(&self) -> Health {
        self.store.health().await
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

#[test]
fn a_save_that_is_removed_meanwhile_spoils_no_export() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = ask::runtime().unwrap();
    let world = Name::new("w").unwrap();
    for (from, going, first) in [(None, [10, 20].as_slice(), 0), (Some(25), &[20], 10), (Some(25), &[10, 20], 0)] {
        let store = Embedded::open(&folder.path().join(format!("{from:?}-{}.redb", going.len()))).unwrap();
        let digest = runtime.block_on(lived(&store, &world));
        let going = Mutex::new(going.iter().copied().collect());
        let store = std::sync::Arc::new(Pruning { store, world: world.clone(), going });
        let config = Config::of(Values::of(None, "", []).0, folder.path().to_owned()).unwrap();
        let open = Open { runtime: &runtime, config, store, opened: None, way: String::new() };
        let file = folder.path().join("out.strec");
        let done = runtime.block_on(export(&open, &world, &file, from)).unwrap();
        assert_eq!((done.first, done.last, done.digest, done.gap), (first, 30, digest, None));
        let mut recording = crate::replay::Recording::open(&file).unwrap();
        let rebuilt = recording.state_at(30).unwrap();
        assert_eq!((rebuilt.departed_at, rebuilt.simulation.digest().total), (None, digest));
    }
}
