//! The same work for each store, timed call by call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::shipped_simulation;
use persistence::{Batch, Digest, Epoch, Hash, Key, Millis, Name, PersonId, Record, Snapshot, Store, Tick};
use persistence_testkit::records;
use serde_json::{Value, json};
use sim::recording::{FORMAT_VERSION, pack_keyframe, unpack_keyframe};
use sim::{InputFrame, Simulation};

/// Players that are saved at once.
const GROUP: u64 = 500;
/// Groups that are under way at once.
const WRITERS: u64 = 2;

/// How much of it.
#[derive(Clone, Copy)]
pub struct Amount {
    /// Groups of each writer.
    groups: u64,
    /// Saves and reads of a single player.
    singles: u64,
    /// Saves and loads of a world.
    worlds: u64,
    /// Seconds that pgbench runs.
    pub pgbench_s: u64,
    /// Starts of a service, and the scenario that it goes on with.
    pub starts: (u64, &'static str),
}

impl Amount {
    pub const FULL: Self = Self { groups: 100, singles: 2000, worlds: 20, pgbench_s: 10, starts: (5, "bench-100k") };
    pub const TEST: Self = Self { groups: 2, singles: 20, worlds: 1, pgbench_s: 1, starts: (1, "bench-1k") };
}

/// Does all of it in an empty store.
pub async fn measure(store: &Arc<dyn Store>, amount: Amount) -> Value {
    let mut figures = json!({});
    let began = Instant::now();
    let writers = (0..WRITERS).map(|writer| tokio::spawn(save_groups(Arc::clone(store), writer, amount.groups)));
    let mut groups = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        groups.extend(writer.await.expect("a writer"));
    }
    let saves = groups.len() as f64 * GROUP as f64;
    figures["saves_per_s"] = json!(saves / began.elapsed().as_secs_f64());
    figures["group_ms"] = quantiles(groups);
    let (mut saves, mut gets) = (Vec::new(), Vec::new());
    for n in 0..amount.singles {
        // Each is the save of a player with a full inventory.
        let batch = save(n + 1, 1_000_000..1_000_001, 100);
        let began = Instant::now();
        store.commit(&batch).await.expect("written");
        saves.push(began.elapsed());
        let key = Key::Player(PersonId(1 + n % GROUP));
        let began = Instant::now();
        assert!(store.get(&key).await.expect("read").is_some());
        gets.push(began.elapsed());
    }
    figures["save_ms"] = quantiles(saves);
    figures["get_ms"] = quantiles(gets);
    let (saved, loaded) = worlds(store, amount.worlds).await;
    figures["world_save_ms"] = quantiles(saved);
    figures["world_load_ms"] = quantiles(loaded);
    figures
}

/// Players with 200 bytes of sealed fields and so many kinds of things each.
fn save(rev: u64, people: std::ops::Range<u64>, kinds: u64) -> Batch {
    let records = people.flat_map(|person| {
        [Record::Player(records::player(person, rev, 200)), Record::Inventory(records::inventory(person, rev, kinds))]
    });
    Batch::put(records).expect("a batch")
}

/// Upserts of the player records alone, as the simulation's own saves of who is where are.
async fn save_groups(store: Arc<dyn Store>, writer: u64, groups: u64) -> Vec<Duration> {
    let mut took = Vec::new();
    for rev in 1..=groups {
        let people = writer * GROUP + 1..(writer + 1) * GROUP + 1;
        let batch =
            Batch::put(people.map(|person| Record::Player(records::player(person, rev, 200)))).expect("a batch");
        let began = Instant::now();
        store.commit(&batch).await.expect("written");
        took.push(began.elapsed());
    }
    took
}

/// Saves and loads a world of 10,000 ships; the state itself is taken and put back outside of a store.
async fn worlds(store: &Arc<dyn Store>, times: u64) -> (Vec<Duration>, Vec<Duration>) {
    let mut simulation = shipped_simulation("bench-10k");
    for _ in 0..10 {
        simulation.step(&InputFrame::default());
    }
    let (scenario, digest) = (simulation.scenario().clone(), simulation.digest().total);
    let id = Name::new("w").expect("a name");
    store.commit(&Batch::put([Record::World(records::world("w"))]).expect("a batch")).await.expect("a world");
    let (mut saved, mut loaded) = (Vec::new(), Vec::new());
    for tick in 1..=times {
        let bytes = simulation.snapshot();
        let began = Instant::now();
        let snapshot = Snapshot {
            world: id.clone(),
            tick: Tick(tick),
            digest: Digest(digest),
            taken: Millis(1),
            label: None,
            format: u32::from(FORMAT_VERSION),
            payload: pack_keyframe(&bytes).expect("packed"),
            hash: Hash::default(),
        };
        let batch = Batch::put([Record::Snapshot(snapshot.hashed())]).expect("a batch").fenced(id.clone(), Epoch(1));
        store.commit(&batch).await.expect("written");
        saved.push(began.elapsed());
        let began = Instant::now();
        let found = store.get(&Key::Snapshot(id.clone(), Tick(tick))).await.expect("read");
        let Some(Record::Snapshot(snapshot)) = found else { panic!("it was saved") };
        let bytes = unpack_keyframe(FORMAT_VERSION, &snapshot.payload).expect("unpacked");
        let simulation = Simulation::restore(&scenario, &bytes).expect("restored");
        loaded.push(began.elapsed());
        assert_eq!(simulation.digest().total, snapshot.digest.0);
    }
    (saved, loaded)
}

pub fn quantiles(mut took: Vec<Duration>) -> Value {
    took.sort_unstable();
    let at = |q: f64| took[((q * took.len() as f64).ceil() as usize).clamp(1, took.len()) - 1].as_secs_f64() * 1e3;
    json!({ "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}
