//! Contact of spheres against rapier3d with `enhanced-determinism`, in the same run: 10,000 spheres of radius 1 m in
//! a cube of 150 m with speeds of up to 10 m/s; and worlds of other sizes and speeds that have no peer.
//!
//! Both sides step the whole scene: they move the spheres, find and resolve their contacts, and store what
//! changed; there is no gravity. Ours does continuous detection for every sphere. Rapier's is off, as is its
//! default, which favours rapier; at 0.17 m a step nothing tunnels. Ours runs on all cores, and once on one; rapier
//! runs on one, for its `parallel` feature is off. Spheres fly out of the cube in the end, so
//! each side starts over after the same number of steps, off the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::contact_scene::{Scene, Stepper};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use glam::DVec3;
use rapier3d::prelude::{ColliderBuilder, PhysicsWorld, RigidBodyBuilder, Vector};

const DT_S: f64 = 1.0 / 60.0;
/// Steps before the clock runs: random places overlap, and that is resolved first.
const SETTLE: u32 = 10;
/// Steps on the clock before a scene starts over.
const STEPS: u32 = 60;

/// The scene in rapier's hands.
fn rapier(scene: &Scene) -> PhysicsWorld {
    let mut world = PhysicsWorld { gravity: Vector::ZERO, ..Default::default() };
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

/// A world that starts over after [`STEPS`] steps.
struct Rerun<W, M, S> {
    world: W,
    steps: u32,
    make: M,
    step: S,
}

impl<W, M: Fn() -> W, S: Fn(&mut W)> Rerun<W, M, S> {
    fn new(make: M, step: S) -> Self {
        let mut rerun = Self { world: make(), steps: 0, make, step };
        rerun.start_over();
        rerun
    }

    fn start_over(&mut self) {
        self.world = (self.make)();
        self.steps = 0;
        (0..SETTLE).for_each(|_| (self.step)(&mut self.world));
    }

    /// Time for `count` steps.
    fn time(&mut self, count: u64) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..count {
            if self.steps == STEPS {
                self.start_over();
            }
            let start = Instant::now();
            (self.step)(&mut self.world);
            spent += start.elapsed();
            self.steps += 1;
        }
        spent
    }
}

/// Times our steps inside a pool of `threads` threads, where the simulation runs them, too; 0 is one per core.
fn ours(group: &mut BenchmarkGroup<WallTime>, name: &str, threads: usize, make: impl Fn() -> Scene + Send + Sync) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    let mut rerun = Rerun::new(
        || Stepper::new(make(), DT_S),
        |world| {
            black_box(world.step());
        },
    );
    group.bench_function(name, |bencher| bencher.iter_custom(|count| pool.install(|| rerun.time(count))));
}

fn against_rapier(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contact_10k_cube");
    group.sample_size(20);
    let cube = |drift| move || Scene::cube(10_000, 150.0, 10.0, drift);
    ours(&mut group, "sim", 0, cube(DVec3::ZERO));
    ours(&mut group, "sim_one_thread", 1, cube(DVec3::ZERO));
    let mut rerun = Rerun::new(|| rapier(&cube(DVec3::ZERO)()), PhysicsWorld::step);
    group.bench_function("rapier3d", |bencher| bencher.iter_custom(|count| rerun.time(count)));
    ours(&mut group, "sim_at_30_km_s", 0, cube(DVec3::Y * 30_000.0));
    group.finish();
}

/// Ten times the spheres in ten times the room, and ships with 1 km or 100 m between them: cost per thing.
fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contact_growth");
    group.sample_size(10);
    for count in [1_000, 10_000, 100_000] {
        group.throughput(Throughput::Elements(count as u64));
        let edge_m = 150.0 * (count as f64 / 10_000.0).cbrt();
        ours(&mut group, &format!("cube_{count}"), 0, || Scene::cube(count, edge_m, 10.0, DVec3::ZERO));
        for spacing_m in [100.0, 1000.0] {
            let make = || Scene::sparse(count, spacing_m);
            ours(&mut group, &format!("ships_{spacing_m}_m_apart_{count}"), 0, make);
            ours(&mut group, &format!("ships_{spacing_m}_m_apart_{count}_one_thread"), 1, make);
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = against_rapier, growth
}
criterion_main!(benches);
