use benches::contact_scene::{Scene, Stepper};
use glam::DVec3;
use std::time::Instant;
fn run(name: &str, make: impl Fn() -> Scene, n: usize) {
    let mut times = vec![];
    if let Some(f) = std::env::args().nth(1)
        && !name.contains(&f)
    {
        return;
    }
    let mut s = Stepper::new(make(), 1.0 / 60.0);
    let mut imp = 0;
    for i in 0..std::env::var("STEPS").map_or(70, |s| s.parse().unwrap()) {
        let t = Instant::now();
        let k = s.step();
        if i >= 10 {
            times.push(t.elapsed().as_secs_f64());
            imp += k;
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{name:24} min {:8.1} us p50 {:8.1} us {:6.1} ns/collider  impacts {:.1} cand {}",
        times[0] * 1e6,
        times[times.len() / 2] * 1e6,
        times[0] * 1e9 / n as f64,
        imp as f64 / 60.0,
        s.candidate_count()
    );
}
fn main() {
    if std::env::args().len() < 2 {
        rapier();
    }
    for threads in if std::env::var("STEPS").is_ok() { vec![1] } else { vec![1, 2] } {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            println!("threads {threads}");
            run("cube 10k", || Scene::cube(10_000, 150.0, 10.0, DVec3::ZERO), 10_000);
            run("cube 10k 30km/s", || Scene::cube(10_000, 150.0, 10.0, DVec3::Y * 3e4), 10_000);
            run("cube 100k", || Scene::cube(100_000, 323.0, 10.0, DVec3::ZERO), 100_000);
            run("cube 10k dense", || Scene::cube(10_000, 50.0, 10.0, DVec3::ZERO), 10_000);
            for n in [1000, 10_000, 100_000] {
                for spacing in [100.0, 1000.0, 100_000.0] {
                    run(&format!("sparse {n} at {spacing}"), || Scene::sparse(n, spacing), n);
                }
            }
        });
    }
}
#[allow(dead_code)]
pub fn rapier() {
    use rapier3d::prelude::*;
    let scene = Scene::cube(10_000, 150.0, 10.0, DVec3::ZERO);
    let vector = |v: DVec3| Vector::new(v.x as f32, v.y as f32, v.z as f32);
    let mut world = PhysicsWorld::default();
    world.gravity = Vector::ZERO;
    world.integration_parameters.dt = 1.0 / 60.0;
    for (position, velocity) in scene.positions.iter().zip(&scene.velocities_m_s) {
        let body = RigidBodyBuilder::dynamic()
            .translation(vector(position.to_metres()))
            .linvel(vector(*velocity))
            .can_sleep(false);
        let ball = ColliderBuilder::ball(1.0).density(1000.0).restitution(0.5).friction(0.5);
        world.insert(body, ball);
    }
    let mut times = vec![];
    for i in 0..std::env::var("STEPS").map_or(70, |s| s.parse().unwrap()) {
        let t = Instant::now();
        world.step();
        if i >= 10 {
            times.push(t.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    println!("rapier min {:8.1} us p50 {:8.1} us", times[0] * 1e6, times[times.len() / 2] * 1e6);
}
