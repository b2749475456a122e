use benches::contact_scene::{Scene, Stepper};
use glam::DVec3;
use std::time::Instant;
fn run(name: &str, make: impl Fn() -> Scene, n: usize) {
    let mut times = vec![];
    let mut s = Stepper::new(make(), 1.0 / 60.0);
    let mut imp = 0;
    for i in 0..70 {
        let t = Instant::now();
        let k = s.step();
        if i >= 10 {
            times.push(t.elapsed().as_secs_f64());
            imp += k;
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{name:28} p50 {:8.1} us  min {:8.1} us  {:6.1} ns/collider  impacts/step {:.1} cand {}",
        times[30] * 1e6,
        times[0] * 1e6,
        times[30] * 1e9 / n as f64,
        imp as f64 / 60.0,
        s.candidate_count()
    );
}
fn main() {
    for threads in [1, 2] {
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
