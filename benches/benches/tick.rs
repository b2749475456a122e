//! One tick of whole worlds: 1,000, 10,000 and 100,000 ships around the Earth, with gravity of all bodies,
//! flight, contact and digest.

use std::hint::black_box;
use std::time::Instant;

use benches::shipped_simulation;
use criterion::{Criterion, criterion_group, criterion_main};
use sim::InputFrame;

fn tick(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick");
    group.sample_size(20);
    for name in ["bench-1k", "bench-10k", "bench-100k"] {
        let mut simulation = shipped_simulation(name);
        let nothing = InputFrame::default();
        let pool = rayon::ThreadPoolBuilder::new().build().expect("a pool of all cores");
        group.bench_function(name, |b| {
            // As a session steps it: inside the pool, so that no thread is woken from outside.
            b.iter_custom(|ticks| {
                pool.install(|| {
                    let began = Instant::now();
                    for _ in 0..ticks {
                        black_box(simulation.step(&nothing).digest.total);
                    }
                    began.elapsed()
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
