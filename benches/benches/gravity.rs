//! Gravity of eleven bodies on 10,000 particles: the wide path, the baseline path, and a whole leapfrog step
//! over plain columns as REBOUND does it for test particles.
#![allow(clippy::needless_range_loop, reason = "one index runs through many lanes side by side")]

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use glam::DVec3;
use rayon::prelude::*;
use sim::systems::gravity::{Attractor, BLOCK, Block, Lanes, field};

fn attractors() -> Vec<Attractor> {
    (0..11)
        .map(|i| {
            let angle = f64::from(i) * 0.7;
            Attractor {
                position_m: DVec3::new(angle.cos(), angle.sin(), 0.01 * angle) * (f64::from(i) * 1.5e11),
                velocity_m_s: DVec3::ZERO,
                gm_m3_s2: if i == 0 { 1.327e20 } else { 3.9e14 * f64::from(i) },
                core_m2: 4e13,
                near_m2: 5e13,
            }
        })
        .collect()
}

fn gravity(c: &mut Criterion) {
    let bodies = attractors();
    let mut blocks: Vec<Block> = (0..10_000usize.div_ceil(BLOCK))
        .map(|i| {
            let mut block = Block::default();
            for j in 0..BLOCK {
                let angle = (i * BLOCK + j) as f64 * 6.28e-4;
                (block.x[j], block.y[j], block.z[j]) = (4e11 * angle.cos(), 4e11 * angle.sin(), 1e9 * angle);
            }
            block
        })
        .collect();
    let mut group = c.benchmark_group("gravity");
    for (name, lanes) in [("10k wide", Lanes::Wide), ("10k baseline", Lanes::Baseline)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                for block in &mut blocks {
                    field(lanes, black_box(&bodies), block);
                }
            });
        });
    }
    group.bench_function("10k wide, all threads", |b| {
        b.iter(|| {
            blocks.par_iter_mut().with_min_len(16).for_each(|block| field(Lanes::Wide, black_box(&bodies), block))
        });
    });
    let mut speeds = vec![[[0.0f64; BLOCK]; 3]; blocks.len()];
    // As the simulation steps: inside a pool, so that no thread is woken from outside.
    let pool = rayon::ThreadPoolBuilder::new().build().expect("a pool of all cores");
    group.bench_function("10k leapfrog step", |b| {
        b.iter_custom(|steps| {
            pool.install(|| {
                let began = Instant::now();
                for _ in 0..steps {
                    leapfrog(&mut blocks, &mut speeds, black_box(&bodies), 100.0);
                }
                began.elapsed()
            })
        });
    });
    group.finish();
}

/// One drift-kick-drift step of every particle, halves of the blocks side by side.
fn leapfrog(blocks: &mut [Block], speeds: &mut [[[f64; BLOCK]; 3]], bodies: &[Attractor], dt: f64) {
    if blocks.len() > 32 {
        let middle = blocks.len() / 2;
        let ((left, right), (left_speeds, right_speeds)) = (blocks.split_at_mut(middle), speeds.split_at_mut(middle));
        rayon::join(|| leapfrog(left, left_speeds, bodies, dt), || leapfrog(right, right_speeds, bodies, dt));
        return;
    }
    for (block, v) in blocks.iter_mut().zip(speeds) {
        drift(block, v, 0.5 * dt);
        field(Lanes::Wide, bodies, block);
        for i in 0..BLOCK {
            v[0][i] += block.ax[i] * dt;
            v[1][i] += block.ay[i] * dt;
            v[2][i] += block.az[i] * dt;
        }
        drift(block, v, 0.5 * dt);
    }
}

fn drift(block: &mut Block, v: &[[f64; BLOCK]; 3], dt: f64) {
    for i in 0..BLOCK {
        block.x[i] += v[0][i] * dt;
        block.y[i] += v[1][i] * dt;
        block.z[i] += v[2][i] * dt;
    }
}

criterion_group!(benches, gravity);
criterion_main!(benches);
