//! Saving, restoring and hashing the state of 10,000 ships.

use std::hint::black_box;

use benches::shipped_simulation;
use criterion::{Criterion, criterion_group, criterion_main};
use sim::{InputFrame, RollbackRing};

fn state(c: &mut Criterion) {
    let mut simulation = shipped_simulation("bench-10k");
    for _ in 0..10 {
        simulation.step(&InputFrame::default());
    }
    let mut bytes = Vec::new();
    simulation.snapshot_into(&mut bytes);
    c.bench_function("snapshot/save-10k", |b| b.iter(|| simulation.snapshot_into(black_box(&mut bytes))));
    c.bench_function("snapshot/restore-10k", |b| b.iter(|| simulation.load(black_box(&bytes)).is_ok()));
    let mut ring = RollbackRing::new(8);
    ring.save(&simulation);
    c.bench_function("rollback/save-10k", |b| b.iter(|| ring.save(black_box(&simulation))));
    let tick = simulation.tick();
    c.bench_function("rollback/restore-10k", |b| b.iter(|| ring.restore(black_box(&mut simulation), tick)));
    c.bench_function("digest/10k", |b| b.iter(|| black_box(simulation.digest().total)));
}

criterion_group!(benches, state);
criterion_main!(benches);
