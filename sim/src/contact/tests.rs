//! Tests of the broadphase against all pairs. Must never see the solver's public side: that has its own tests.

use glam::DVec3;
use proptest::prelude::*;

use super::broad::{Bodies, Broadphase, Candidate};
use super::narrow::NEVER;
use super::{Collider, Shot};
use crate::Position;

/// A world at a random place: sizes from 1 cm to 1 km, most of them slow, some fast, all of them drifting.
fn world() -> impl Strategy<Value = (Vec<Collider>, Vec<Shot>)> {
    let unit = || prop::array::uniform3(-1.0f64..1.0).prop_map(DVec3::from);
    // Ends of cells and regions, the barycentre, and far away.
    let centre = prop_oneof![Just(0.0), Just(524_288.0), Just(1e12 + 524_287.0), Just(1e20)];
    let extent_m = prop_oneof![Just(30.0), Just(300.0), Just(10_000.0), Just(3e6)];
    let drift = prop_oneof![Just(0.0), Just(333.0), Just(-1e5)];
    // Powers of ten: sizes, and displacements in a tick.
    let collider = (unit(), unit(), -2.0f64..3.0, prop_oneof![4 => -3.0f64..0.0, 1 => 1.0f64..3.5]);
    let shot = (unit(), unit(), 0.0f64..3.0);
    let many = (prop::collection::vec(collider, 0..300), prop::collection::vec(shot, 0..40));
    (many, centre, extent_m, drift).prop_map(|((colliders, shots), centre, extent_m, drift)| {
        let centre = Position::from_metres(DVec3::new(centre, -centre, centre / 2.0));
        let drift = DVec3::new(drift, drift / 3.0, -drift);
        let power = |x: f64| libm::exp(x * std::f64::consts::LN_10);
        let colliders = (1..).zip(colliders).map(|(id, (at, to, size, speed))| Collider {
            id,
            position: centre.plus(at * extent_m),
            displacement_m: drift + to * power(speed),
            // Not so large that all lie in one heap.
            radius_m: power(size).min(extent_m / 15.0),
        });
        let shots = (1001..).zip(shots).map(|(id, (at, to, speed))| Shot {
            id,
            shooter: 1,
            position: centre.plus(at * extent_m),
            displacement_m: drift + to * power(speed),
            velocity_m_s: DVec3::ZERO,
            mass_kg: 1.0,
        });
        (colliders.collect(), shots.collect())
    })
}

fn pairs(found: &[Candidate]) -> Vec<(u32, u32)> {
    let mut pairs: Vec<_> = found.iter().map(|c| (c.a, c.b)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Pairs that meet or overlap, by asking all of them.
fn all_that_meet(bodies: Bodies) -> Vec<(u32, u32)> {
    let (n, m) = (bodies.colliders.len() as u32, bodies.shots.len() as u32);
    let met = |&(a, b): &(u32, u32)| {
        let meeting = bodies.meeting(a, b, 0.0);
        meeting.at < NEVER || meeting.overlapping
    };
    (0..n).flat_map(|a| (a + 1..n + m).map(move |b| (a, b))).filter(met).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_pair_that_meets_is_a_candidate((colliders, shots) in world()) {
        let bodies = Bodies { colliders: &colliders, shots: &shots };
        let mut found = Vec::new();
        let mut broadphase = Broadphase::default();
        broadphase.candidates(bodies, &mut found);
        prop_assume!(!broadphase.is_crowded());
        let found = pairs(&found);
        for pair in all_that_meet(bodies) {
            prop_assert!(found.binary_search(&pair).is_ok(), "{pair:?} of {}", found.len());
        }
    }

    /// The same buffers, a world in another order: the same pairs, by id.
    #[test]
    fn candidates_do_not_depend_on_order((colliders, shots) in world()) {
        let mut broadphase = Broadphase::default();
        let mut ids = |colliders: &[Collider], shots: &[Shot]| {
            let mut found = Vec::new();
            broadphase.candidates(Bodies { colliders, shots }, &mut found);
            let id = |i: u32| colliders.get(i as usize).map_or_else(|| shots[i as usize - colliders.len()].id, |c| c.id);
            let mut ids: Vec<_> = found.iter().map(|c| (id(c.a), id(c.b), c.meeting.at.to_bits())).collect();
            ids.sort_unstable();
            ids
        };
        let forwards = ids(&colliders, &shots);
        let (mut colliders, mut shots) = (colliders, shots);
        colliders.reverse();
        shots.reverse();
        prop_assert_eq!(forwards, ids(&colliders, &shots));
    }
}

/// Rocks 20 m apart that fly together at 30 km/s: over the edges of regions, too, each is alone.
#[test]
fn a_field_in_common_motion_has_few_candidates() {
    let mut broadphase = Broadphase::default();
    for step in 0..200 {
        let start = Position::from_metres(DVec3::new(524_288.0 - 30_000.0 + 300.0 * f64::from(step), 0.0, -524_280.0));
        let rock = |id: u64| Collider {
            id,
            position: start.plus(DVec3::new((id % 10) as f64, (id / 10 % 10) as f64, (id / 100) as f64) * 20.0),
            displacement_m: DVec3::new(300.0, -20.0, 140.0),
            radius_m: 1.0,
        };
        let colliders: Vec<_> = (0..1000).map(rock).collect();
        let mut found = Vec::new();
        broadphase.candidates(Bodies { colliders: &colliders, shots: &[] }, &mut found);
        assert_eq!(found.len(), 0, "step {step}");
    }
}

/// One rock through a field at 10 km/s makes candidates of those along its path, not of all around.
#[test]
fn a_fast_rock_has_few_candidates() {
    let rock = |id: u64| Collider {
        id,
        position: Position::ORIGIN.plus(DVec3::new((id % 20) as f64, (id / 20 % 20) as f64, (id / 400) as f64) * 10.0),
        displacement_m: DVec3::ZERO,
        radius_m: 1.0,
    };
    let mut colliders: Vec<_> = (0..8000).map(rock).collect();
    let start = Position::ORIGIN.plus(DVec3::new(195.0, 195.0, 195.0));
    colliders.push(Collider { id: 9000, position: start, displacement_m: DVec3::splat(195.0), radius_m: 1.0 });
    let mut found = Vec::new();
    Broadphase::default().candidates(Bodies { colliders: &colliders, shots: &[] }, &mut found);
    assert!((20..200).contains(&found.len()), "{}", found.len());
}

/// Everything in one place: bounded, and the same in any order.
#[test]
fn a_heap_is_bounded() {
    let heap = |count: u64| -> Vec<_> {
        (0..count)
            .map(|id| Collider { id, position: Position::ORIGIN, displacement_m: DVec3::ZERO, radius_m: 5.0 })
            .collect()
    };
    let mut colliders = heap(20_000);
    let mut found = Vec::new();
    let mut broadphase = Broadphase::default();
    broadphase.candidates(Bodies { colliders: &colliders, shots: &[] }, &mut found);
    assert!(found.len() <= 16 * colliders.len(), "{}", found.len());
    let ids = |colliders: &[Collider], found: &[Candidate]| {
        let id = |i: u32| colliders[i as usize].id;
        let mut ids: Vec<_> = found.iter().map(|c| (id(c.a), id(c.b))).collect();
        ids.sort_unstable();
        ids
    };
    let forwards = ids(&colliders, &found);
    colliders.reverse();
    found.clear();
    broadphase.candidates(Bodies { colliders: &colliders, shots: &[] }, &mut found);
    assert_eq!(forwards, ids(&colliders, &found));
}
