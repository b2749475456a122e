//! Contact of spheres against rapier3d with `enhanced-determinism`, in the same run: 10,000 spheres of radius 1 m in
//! a cube of 150 m with speeds of up to 10 m/s; and worlds of other sizes and speeds that have no peer.
//!
//! Both sides step the whole scene: they move the spheres, find and resolve their contacts, and store what
//! changed; there is no gravity. Ours does continuous detection for every sphere. Rapier's is off, as is its
//! default, which favours rapier; at 0.17 m a step nothing tunnels. Spheres fly out of the cube in the end, so
//! each side starts over after the same number of steps, off the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::contact_scene::{Scene, Stepper};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use glam::DVec3;
use rapier3d::prelude::{ColliderBuilder, PhysicsWorld, RigidBodyBuilder, Vector};

const DT_S: f64 = 1.0 / 60.0;
/// Steps before the clock runs: random places overlap, and that is resolved first.
const SETTLE: u32 = 10;
/// Steps on the clock before a scene starts over.
const STEPS: u32 = 60;

/// The scene in rapier's hands.
fn rapier(scene: &Scene) -> PhysicsWorld {
    let mut world = PhysicsWorld::default();
    world.gravity = Vector::ZERO;
    world.integration_parameters.dt = DT_S as f32;
    for (position, velocity) in scene.positions.iter().zip(&scene.velocities_m_s) {
        let body = RigidBodyBuilder::dynamic()
            .translation(vector(position.to_metres()))
            .linvel(vector(*velocity))
            .can_sleep(false);
        let ball = ColliderBuilder::ball(scene.radius_m as f32).density(1000.0).restitution(0.5).friction(0.5);
        world.insert(body, ball);
    }
    world
}

/// Rapier computes in f32.
fn vector(v: DVec3) -> Vector {
    Vector::new(v.x as f32, v.y as f32, v.z as f32)
}

/// Times `step` on a world from `make`, which starts over after [`STEPS`] steps.
fn measure<W>(group: &mut BenchmarkGroup<WallTime>, name: &str, make: impl Fn() -> W, step: impl Fn(&mut W)) {
    let fresh = || {
        let mut world = make();
        (0..SETTLE).for_each(|_| step(&mut world));
        world
    };
    group.bench_function(name, |bencher| {
        let (mut world, mut steps) = (fresh(), 0);
        bencher.iter_custom(|count| {
            let mut spent = Duration::ZERO;
            for _ in 0..count {
                if steps == STEPS {
                    (world, steps) = (fresh(), 0);
                }
                let start = Instant::now();
                step(&mut world);
                spent += start.elapsed();
                steps += 1;
            }
            spent
        });
    });
}

fn ours(group: &mut BenchmarkGroup<WallTime>, name: &str, make: impl Fn() -> Scene) {
    let make = || Stepper::new(make(), DT_S);
    measure(group, name, make, |world| {
        black_box(world.step());
    });
}

fn single_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    pool.install(work)
}

fn contact(criterion: &mut Criterion) {
    let cube = |drift| move || Scene::cube(10_000, 150.0, 10.0, drift);
    let mut group = criterion.benchmark_group("contact_10k_cube");
    group.sample_size(20);
    ours(&mut group, "sim", cube(DVec3::ZERO));
    group.bench_function("sim_one_thread", |bencher| {
        single_thread(|| {
            let mut world = Stepper::new(cube(DVec3::ZERO)(), DT_S);
            (0..SETTLE).for_each(|_| _ = world.step());
            bencher.iter(|| world.step());
        });
    });
    measure(
        &mut group,
        "rapier3d",
        || rapier(&cube(DVec3::ZERO)()),
        |world| {
            world.step();
        },
    );
    ours(&mut group, "sim_at_30_km_s", cube(DVec3::new(0.0, 30_000.0, 0.0)));
    group.finish();
}
criterion_group!(benches, contact);
criterion_main!(benches);
