//! Tests of the log on a store that stops: nothing waits for it, nothing that was taken is lost, and the gap is told.

use persistence::{Embedded, Key, Kind, Limits, Query, Scope, Store, StoreError};
use persistence_testkit::switched::{Switch, Switched};

use super::*;
use crate::serve::resume;

/// A log on a store that can be shut.
struct Rig {
    runtime: tokio::runtime::Runtime,
    scenario: sim::Scenario,
    world: Name,
    gate: Arc<Switched>,
    journal: Arc<Journal>,
    shared: Arc<Shared>,
    packer: Packer,
    simulation: Simulation,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// With room for so many batches, after a save at this tick.
    fn new(batches: usize, saved: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = crate::serve::ask::runtime().unwrap();
        let scenario = crate::scenario_cmd::load("hundred").unwrap();
        let world = Name::new("w").unwrap();
        let store = Embedded::open(&folder.path().join("world.redb")).unwrap();
        let record = Record::World(resume::new_world(&world, &scenario));
        runtime.block_on(store.commit(&Batch::put([record]).unwrap())).unwrap();
        let gate = Switched::new(Arc::new(store));
        let limits = Limits { bytes: 1 << 30, batches };
        let journal = Arc::new(Journal::start(Arc::clone(&gate) as Arc<dyn Store>, limits, runtime.handle()));
        let shared = Arc::new(Shared::default());
        let keeping = Keeping {
            world: world.clone(),
            epoch: Epoch(1),
            durable: None,
            saved,
            group_ticks: 10,
            group: Duration::from_secs(3600),
            save_every: Duration::from_secs(3600),
            limits,
        };
        let packer = Packer::new(keeping, Arc::clone(&journal), Arc::clone(&shared));
        let simulation = Simulation::new(&scenario);
        Self { runtime, scenario, world, gate, journal, shared, packer, simulation, _folder: folder }
    }

    /// Goes on, and gives where it is then.
    fn step(&mut self, ticks: u64) -> (u64, u64, Vec<u8>) {
        for _ in 0..ticks {
            let first = self.simulation.tick().0;
            let digest = self.simulation.step(&InputFrame::default()).digest.total;
            self.packer.take(Item::Ticks { first, entries: vec![(InputFrame::default(), digest)] });
        }
        (self.simulation.tick().0, self.simulation.digest().total, self.simulation.snapshot())
    }

    fn begin(&mut self) {
        let (tick, digest, snapshot) = self.step(0);
        self.packer.take(Item::Begin { tick, digest, snapshot });
    }

    fn save(&mut self) {
        let (tick, digest, snapshot) = self.step(0);
        self.packer.take(Item::State { tick, digest, snapshot });
    }

    /// The store takes everything that waits; gives up to where it is durable.
    fn drain(&self) -> Option<Mark> {
        let backlog = self.runtime.block_on(self.journal.drain(Duration::from_secs(30)));
        assert_eq!((backlog.batches, backlog.over), (0, None));
        backlog.durable
    }

    fn saves(&self) -> Vec<Key> {
        let query = Query::of(Kind::Snapshot).within(Scope::World(self.world.clone()));
        self.runtime.block_on(self.gate.keys(&query)).unwrap()
    }
}

#[test]
fn a_tick_has_one_save() {
    let mut rig = Rig::new(20, Some(0));
    rig.begin();
    assert_eq!((rig.packer.next, rig.shared.state().gap.clone()), (Some(0), None), "it goes on from the save there is");
    // One that is asked for where the world stands at its save is that save.
    let mut asked = [rig.shared.ask_save(None), rig.shared.ask_save(None)];
    rig.save();
    rig.shared.want_state(false);
    for asked in &mut asked {
        let (at, ticket) = asked.try_recv().unwrap().unwrap();
        assert_eq!((at.tick, ticket), (Tick(0), Ticket::default()));
    }
    rig.packer.ask_for_state();
    assert!(!rig.shared.wants_state() && !rig.shared.is_asked(), "nothing is wanted any more");
    assert_eq!((rig.drain(), rig.saves().len()), (None, 0));
    rig.step(10);
    let mut asked = [rig.shared.ask_save(None), rig.shared.ask_save(None)];
    rig.save();
    rig.save();
    let answers = asked.each_mut().map(|asked| asked.try_recv().unwrap().unwrap());
    assert_eq!((answers[0].0.tick, answers[0]), (Tick(10), answers[1]));
    assert_eq!((rig.drain().unwrap().tick, rig.saves().len()), (Tick(10), 1));
    // That it is due is settled too where the world stands still.
    let now = Instant::now();
    rig.save();
    assert!(rig.packer.saved_at >= now);
    assert_eq!(rig.saves().len(), 1);
}

#[test]
fn a_save_without_room_leaves_no_gap_and_is_tried_again() {
    let mut rig = Rig::new(4, None);
    rig.begin();
    rig.drain();
    rig.gate.set(Switch::Fails(StoreError::Unavailable("it is shut".to_owned())));
    rig.step(40);
    let mut asked = rig.shared.ask_save(None);
    rig.save();
    assert_eq!((rig.packer.next, rig.shared.state().gap.clone()), (Some(40), None));
    rig.shared.want_state(false);
    rig.packer.ask_for_state();
    assert!(!rig.shared.wants_state(), "there is no room yet");
    rig.gate.set(Switch::Well);
    assert_eq!(rig.drain().unwrap().tick, Tick(40));
    rig.packer.ask_for_state();
    assert!(rig.shared.wants_state());
    rig.step(5);
    rig.save();
    assert_eq!(asked.try_recv().unwrap().unwrap().0.tick, Tick(45));
    assert_eq!((rig.drain().unwrap().tick, rig.saves().len()), (Tick(45), 2));
}

#[test]
fn a_store_that_stops_leaves_a_gap_that_the_log_tells_and_a_save_ends() {
    let mut rig = Rig::new(20, None);
    rig.begin();
    rig.step(100);
    let durable = rig.drain().unwrap();
    assert_eq!(durable.tick, Tick(100));
    // It stops. What fits waits, what comes then is left out, and that is told.
    rig.gate.set(Switch::Fails(StoreError::Unavailable("it is shut".to_owned())));
    rig.step(400);
    let (since, why) = rig.shared.state().gap.clone().expect("a gap");
    assert_eq!((since, why.as_str()), (300, "too much waits to be stored"));
    rig.packer.ask_for_state();
    assert!(!rig.shared.wants_state(), "there is no room yet");
    assert_eq!(rig.journal.backlog().durable, Some(durable), "nothing is told that is not so");
    // It goes on: what was taken is written, and the log begins anew with a save.
    rig.gate.set(Switch::Well);
    assert_eq!(rig.drain().unwrap().tick, Tick(300));
    rig.packer.ask_for_state();
    assert!(rig.shared.wants_state());
    rig.step(5);
    rig.save();
    assert_eq!(rig.shared.state().gap, None);
    let (last, digest, _) = rig.step(40);
    assert_eq!(rig.drain().unwrap(), mark(last, digest));
    let rebuild = |tick| rig.runtime.block_on(resume::rebuild(&*rig.gate, &rig.world, &rig.scenario, tick));
    let rebuilt = rebuild(None).unwrap();
    assert_eq!((rebuilt.save, rebuilt.simulation.digest().total), (Some(505), digest));
    // Before the gap every tick can be had, in it none.
    assert_eq!(rebuild(Some(300)).unwrap().simulation.tick().0, 300);
    assert!(rebuild(Some(400)).is_err_and(|e| e.to_string().contains("hole")));
    assert_eq!(rig.saves().len(), 2, "the first state, and the one behind the gap");
}

#[test]
fn a_state_that_is_older_than_the_log_adds_nothing_twice() {
    let mut rig = Rig::new(20, None);
    rig.begin();
    let (_, _, older) = rig.step(20);
    rig.step(15);
    rig.simulation = Simulation::restore(&rig.scenario, &older).unwrap();
    rig.begin();
    let (last, digest, _) = rig.step(40);
    rig.packer.flush();
    assert_eq!((rig.drain().unwrap(), rig.shared.state().gap.clone()), (mark(last, digest), None));
    let query = Query::of(Kind::Segment).within(Scope::World(rig.world.clone()));
    let mut end = 0;
    for record in rig.runtime.block_on(rig.gate.list(&query)).unwrap().records {
        let Record::Segment(segment) = record else { panic!("a segment") };
        assert_eq!(segment.first_tick.0, end, "one behind the other");
        end = segment.end().0;
    }
    let rebuilt = rig.runtime.block_on(resume::rebuild(&*rig.gate, &rig.world, &rig.scenario, None)).unwrap();
    assert_eq!((end, rebuilt.simulation.digest().total, rig.saves().len()), (last, digest, 1));
}
