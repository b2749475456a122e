//! The same contacts, bit for bit, in any order in memory, on any number of threads, with any buffers.

use glam::DVec3;
use sim::Position;
use sim::contact::{Body, Collider, Impact, Rules, Shot, Solver};
use sim::random::RandomStream;

const RULES: Rules = Rules { dt_s: 1.0 / 90.0, restitution: 0.4, friction: 0.5, inverse_c2_s2_m2: 1.1e-17 };

/// A crowded world of 6,000 things of 0.3 m to 30 m with 500 rounds, large enough to be shared by threads, across
/// the edge of a region. With `heap`, 700 more in one place.
fn world(heap: bool) -> (Vec<(Collider, Body)>, Vec<Shot>) {
    let mut random = RandomStream::new(7);
    let centre = Position::from_metres(DVec3::new(1.5e11, 524_288.0, 0.0));
    let drift = DVec3::new(0.0, 300.0, 20.0);
    let mut bodies = Vec::new();
    for id in 1..=if heap { 6700 } else { 6000 } {
        let big = id % 100 == 0;
        let radius_m = if big { 30.0 } else { 0.3 + random.uniform01() };
        let displacement_m = drift + random.in_cube(1.0) * if id % 50 == 1 { 50.0 } else { 0.3 };
        let place = if id > 6000 { DVec3::ZERO } else { random.in_cube(1.0) * 150.0 };
        let mass_kg = radius_m * radius_m * radius_m;
        let collider = Collider { id, position: centre.plus(place), displacement_m, radius_m };
        let body = Body {
            velocity_m_s: displacement_m / RULES.dt_s,
            spin_rad_s: random.in_cube(1.0),
            inverse_mass_per_kg: 1.0 / mass_kg,
            inverse_inertia: 2.5 / (mass_kg * radius_m * radius_m),
        };
        bodies.push((collider, body));
    }
    let shots = (10_001..10_501).map(|id| {
        let displacement_m = drift + random.in_cube(1.0) * 100.0;
        let position = centre.plus(random.in_cube(1.0) * 200.0);
        Shot {
            id,
            shooter: id % 100,
            position,
            displacement_m,
            velocity_m_s: displacement_m / RULES.dt_s,
            mass_kg: 0.1,
        }
    });
    (bodies, shots.collect())
}

/// Everything that a tick gives, sorted by id.
type Outcome = (Vec<(u64, Position, DVec3, Option<Body>)>, Vec<Shot>, Vec<Impact>);

fn solve(solver: &mut Solver, bodies: &[(Collider, Body)], shots: &[Shot]) -> Outcome {
    let mut colliders: Vec<_> = bodies.iter().map(|(c, _)| *c).collect();
    let mut shots = shots.to_vec();
    let mut impacts = Vec::new();
    let touched = solver.solve(&mut colliders, &mut shots, |i| bodies[i].1, &RULES, &mut impacts);
    let mut after: Vec<_> = colliders.iter().map(|c| (c.id, c.position, c.displacement_m, None)).collect();
    for t in touched {
        after[t.index].3 = Some(t.body);
    }
    after.sort_unstable_by_key(|a| a.0);
    shots.sort_unstable_by_key(|s| s.id);
    (after, shots, impacts)
}

fn shuffle<T>(list: &mut [T], random: &mut RandomStream) {
    for i in (1..list.len()).rev() {
        list.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
    }
}

#[test]
fn order_in_memory_does_not_matter() {
    for heap in [false, true] {
        let (mut bodies, mut shots) = world(heap);
        let mut solver = Solver::default();
        let expected = solve(&mut solver, &bodies, &shots);
        assert!(expected.2.len() > 500 && expected.2.iter().any(|i| i.shot), "{}", expected.2.len());
        let mut random = RandomStream::new(1);
        for _ in 0..4 {
            shuffle(&mut bodies, &mut random);
            shuffle(&mut shots, &mut random);
            assert!(solve(&mut solver, &bodies, &shots) == expected, "heap: {heap}");
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let (bodies, shots) = world(true);
    let solve_on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(&mut Solver::default(), &bodies, &shots))
    };
    let expected = solve_on(1);
    for threads in [2, 3, 8] {
        assert!(solve_on(threads) == expected, "{threads} threads");
    }
}

#[test]
fn what_a_solver_did_before_does_not_matter() {
    let (bodies, shots) = world(false);
    let mut used = Solver::default();
    let (heap, _) = world(true);
    solve(&mut used, &heap, &[]);
    solve(&mut used, &bodies[..100], &shots);
    assert!(solve(&mut used, &bodies, &shots) == solve(&mut Solver::default(), &bodies, &shots));
}
