//! Tests of the log on a store that stops: nothing waits for it, nothing that was taken is lost, and the gap is told.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use persistence::{Copy, Embedded, Health, Key, Kind, Limits, Page, Query, Scope, Store, StoreError};

use super::*;
use crate::serve::resume;

/// A store that takes nothing while it is shut.
struct Gate {
    store: Embedded,
    is_shut: AtomicBool,
}

#[async_trait]
impl Store for Gate {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if self.is_shut.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("it is shut".to_owned()));
        }
        self.store.commit(batch).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
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

#[test]
fn a_store_that_stops_leaves_a_gap_that_the_log_tells_and_a_save_ends() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = crate::serve::ask::runtime().unwrap();
    let scenario = crate::scenario_cmd::load("hundred").unwrap();
    let world = Name::new("w").unwrap();
    let store = Embedded::open(&folder.path().join("world.redb")).unwrap();
    let record = Record::World(resume::new_world(&world, &scenario));
    runtime.block_on(store.commit(&Batch::put([record]).unwrap())).unwrap();
    let gate = Arc::new(Gate { store, is_shut: AtomicBool::new(false) });
    let limits = Limits { bytes: 1 << 30, batches: 20 };
    let journal = Arc::new(Journal::start(Arc::clone(&gate) as Arc<dyn Store>, limits, runtime.handle()));
    let shared = Arc::new(Shared::default());
    let keeping = Keeping {
        world: world.clone(),
        epoch: Epoch(1),
        durable: None,
        saved: None,
        group_ticks: 10,
        group: Duration::from_secs(3600),
        save_every: Duration::from_secs(3600),
        limits,
    };
    let mut packer = Packer::new(keeping, Arc::clone(&journal), Arc::clone(&shared));
    let mut simulation = Simulation::new(&scenario);
    let mut step = |packer: &mut Packer, ticks: u64| {
        for _ in 0..ticks {
            let first = simulation.tick().0;
            let digest = simulation.step(&InputFrame::default()).digest.total;
            packer.take(Item::Ticks { first, entries: vec![(InputFrame::default(), digest)] });
        }
        let at = (simulation.tick().0, simulation.digest().total);
        (at, simulation.snapshot())
    };
    let ((tick, digest), snapshot) = step(&mut packer, 0);
    packer.take(Item::Begin { tick, digest, snapshot });
    step(&mut packer, 100);
    runtime.block_on(journal.drain(Duration::from_secs(30)));
    let durable = journal.backlog().durable.unwrap();
    assert_eq!(durable.tick, Tick(100));
    // It stops. What fits waits, what comes then is left out, and that is told.
    gate.is_shut.store(true, Ordering::Release);
    step(&mut packer, 400);
    let (since, why) = shared.state().gap.clone().expect("a gap");
    assert_eq!((since, why.as_str()), (300, "too much waits to be stored"));
    packer.ask_for_state();
    assert!(!shared.wants_state(), "there is no room yet");
    assert_eq!(journal.backlog().durable, Some(durable), "nothing is told that is not so");
    // It goes on: what was taken is written, and the log begins anew with a save.
    gate.is_shut.store(false, Ordering::Release);
    runtime.block_on(journal.drain(Duration::from_secs(30)));
    assert_eq!(journal.backlog().durable.unwrap().tick, Tick(300));
    packer.ask_for_state();
    assert!(shared.wants_state());
    let ((tick, digest), snapshot) = step(&mut packer, 5);
    packer.take(Item::State { tick, digest, snapshot });
    assert_eq!(shared.state().gap, None);
    let ((last, digest), _) = step(&mut packer, 40);
    runtime.block_on(journal.drain(Duration::from_secs(30)));
    assert_eq!(journal.backlog().durable.unwrap(), mark(last, digest));
    let rebuilt = runtime.block_on(resume::rebuild(&*gate, &world, &scenario, None)).unwrap();
    assert_eq!((rebuilt.save, rebuilt.simulation.digest().total), (Some(505), digest));
    // Before the gap every tick can be had, in it none.
    let at = |tick| runtime.block_on(resume::rebuild(&*gate, &world, &scenario, Some(tick)));
    assert_eq!(at(300).unwrap().simulation.tick().0, 300);
    assert!(at(400).is_err_and(|e| e.to_string().contains("hole")));
    let query = Query::of(Kind::Snapshot).within(Scope::World(world));
    assert_eq!(runtime.block_on(gate.keys(&query)).unwrap().len(), 2, "the first state, and the one behind the gap");
}
