//! One tick of whole worlds: 1,000, 10,000 and 100,000 ships around the Earth, with gravity of all bodies,
//! flight, contact and digest.

use std::hint::black_box;

use benches::shipped_simulation;
use criterion::{Criterion, criterion_group, criterion_main};
use sim::InputFrame;

fn tick(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick");
    group.sample_size(20);
    for name in ["bench-1k", "bench-10k", "bench-100k"] {
        let mut simulation = shipped_simulation(name);
        let nothing = InputFrame::default();
        group.bench_function(name, |b| b.iter(|| black_box(simulation.step(&nothing).digest.total)));
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
