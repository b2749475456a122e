//! The massive bodies: ten years of integration, one tick's share of it, and one evaluation of the dense output.

use criterion::{Criterion, criterion_group, criterion_main};
use sim::bodies::{BodyState, Ephemeris, ForceField, solar_system};
use sim::scenario::{Body, Forces};
use sim::time::SimTime;

const NEWTON: Forces = Forces { post_newtonian: false, figures: false };
const ALL: Forces = Forces { post_newtonian: true, figures: true };

fn real() -> Vec<Body> {
    solar_system(2_451_545.0).unwrap_or_default()
}

fn bodies(c: &mut Criterion) {
    let bodies = real();
    let mut group = c.benchmark_group("bodies");
    let decade = SimTime(86_400 * 360 * 3652 + 43_200 * 360);
    group.sample_size(10);
    for (name, forces) in [("ten_years", ALL), ("ten_years_newtonian", NEWTON)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut ephemeris = Ephemeris::new(&bodies, forces, 90);
                ephemeris.advance_to(decade, decade);
                ephemeris
            });
        });
    }
    group.bench_function("forces", |b| {
        let mut field = ForceField::new(&bodies, ALL);
        let x: Vec<_> = bodies.iter().map(|b| b.position_m).collect();
        let v: Vec<_> = bodies.iter().map(|b| b.velocity_m_s).collect();
        let mut a = x.clone();
        b.iter(|| field.accelerations(&x, &v, &mut a));
    });
    group.bench_function("tick_at_100000x", |b| {
        let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
        let (mut time, mut out) = (0_i64, Vec::<BodyState>::new());
        b.iter(|| {
            ephemeris.advance_to(SimTime(time + 400_000), SimTime(time));
            time += 400_000;
            ephemeris.states_at(time as f64, &mut out);
        });
    });
    group.bench_function("states_at", |b| {
        let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
        ephemeris.advance_to(SimTime(86_400 * 360), SimTime(0));
        let (mut time, mut out) = (0.0, Vec::<BodyState>::new());
        b.iter(|| {
            time += 4.0;
            ephemeris.states_at(time, &mut out);
        });
    });
    group.bench_function("copy_for_rollback", |b| {
        let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
        ephemeris.advance_to(SimTime(86_400 * 360), SimTime(0));
        let mut copy = ephemeris.clone();
        b.iter(|| copy.clone_from(&ephemeris));
    });
    group.finish();
}

criterion_group!(benches, bodies);
criterion_main!(benches);
