//! What it costs to keep things: player saves in groups, saving and loading a world of 10,000 ships, a single record.

use std::hint::black_box;
use std::sync::Arc;

use benches::shipped_simulation;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use persistence::{Batch, Digest, Embedded, Epoch, Hash, Key, Millis, Name, PersonId, Record, Snapshot, Store, Tick};
use persistence_testkit::records;
use sim::recording::{FORMAT_VERSION, pack_keyframe, unpack_keyframe};
use sim::{InputFrame, Simulation};
use tokio::runtime::Runtime;

/// Player saves that are committed at once.
const GROUP: u64 = 512;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Each save is a player with 200 bytes of sealed fields and an inventory of 10 kinds of things.
fn saves(rev: u64, people: std::ops::Range<u64>) -> Batch {
    let records = people.flat_map(|person| {
        [Record::Player(records::player(person, rev, 200)), Record::Inventory(records::inventory(person, rev, 10))]
    });
    Batch::put(records).expect("a batch")
}

fn players(c: &mut Criterion, what: &str, runtime: &Runtime, store: &dyn Store) {
    let mut group = c.benchmark_group(what);
    group.throughput(Throughput::Elements(GROUP)).sample_size(20);
    let mut rev = 0;
    group.bench_function("saves-512", |b| {
        b.iter(|| {
            rev += 1;
            runtime.block_on(store.commit(&saves(rev, 1..GROUP + 1))).expect("written");
        });
    });
    group.throughput(Throughput::Elements(1));
    let mut rev = 0;
    group.bench_function("save-1", |b| {
        b.iter(|| {
            rev += 1;
            runtime.block_on(store.commit(&saves(rev, 5000..5001))).expect("written");
        });
    });
    group.bench_function("get-1", |b| {
        b.iter(|| black_box(runtime.block_on(store.get(&Key::Player(PersonId(5000)))).expect("read")));
    });
    group.finish();
}

fn world(c: &mut Criterion, what: &str, runtime: &Runtime, store: &dyn Store) {
    let mut simulation = shipped_simulation("bench-10k");
    for _ in 0..10 {
        simulation.step(&InputFrame::default());
    }
    let scenario = simulation.scenario().clone();
    let id = Name::new("w").expect("a name");
    runtime
        .block_on(store.commit(&Batch::put([Record::World(records::world("w"))]).expect("a batch")))
        .expect("a world");
    let mut group = c.benchmark_group(what);
    group.sample_size(10);
    // Off the tick's thread: packing and storing. The snapshot itself is `snapshot/save-10k`.
    let bytes = simulation.snapshot();
    let mut tick = 0;
    group.bench_function("world-save-10k", |b| {
        b.iter(|| {
            tick += 1;
            let snapshot = Snapshot {
                world: id.clone(),
                tick: Tick(tick),
                digest: Digest(simulation.digest().total),
                taken: Millis(1),
                label: None,
                format: u32::from(FORMAT_VERSION),
                payload: pack_keyframe(&bytes).expect("packed"),
                hash: Hash::default(),
            };
            let batch =
                Batch::put([Record::Snapshot(snapshot.hashed())]).expect("a batch").fenced(id.clone(), Epoch(1));
            runtime.block_on(store.commit(&batch)).expect("written");
        });
    });
    group.bench_function("world-load-10k", |b| {
        b.iter(|| {
            let found = runtime.block_on(store.get(&Key::Snapshot(id.clone(), Tick(1)))).expect("read");
            let Some(Record::Snapshot(snapshot)) = found else { panic!("it was saved") };
            let bytes = unpack_keyframe(FORMAT_VERSION, &snapshot.payload).expect("unpacked");
            let loaded = Simulation::restore(&scenario, &bytes).expect("restored");
            assert_eq!(loaded.digest().total, snapshot.digest.0);
        });
    });
    group.finish();
}

fn embedded(c: &mut Criterion) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&folder.path().join("store.redb")).expect("a store"));
    players(c, "redb", &runtime, &*store);
    world(c, "redb", &runtime, &*store);
}

criterion_group!(benches, embedded);
criterion_main!(benches);
