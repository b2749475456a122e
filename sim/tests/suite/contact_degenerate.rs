//! Input that no sane world holds: never a panic, never unbounded work, never a number that is none.

use glam::DVec3;
use proptest::prelude::*;
use sim::Position;
use sim::contact::{Body, Collider, Impact, Rules, Shot, Solver};

const BODY: Body =
    Body { velocity_m_s: DVec3::ZERO, spin_rad_s: DVec3::ZERO, inverse_mass_per_kg: 1.0, inverse_inertia: 1.0 };
const RULES: Rules = Rules { dt_s: 0.01, restitution: 0.5, friction: 0.5, inverse_c2_s2_m2: 0.0 };

fn solve(colliders: &mut [Collider], shots: &mut [Shot], rules: &Rules) -> Vec<Impact> {
    let mut impacts = Vec::new();
    Solver::default().solve(colliders, shots, |_| BODY, rules, &mut impacts);
    impacts
}

fn number() -> impl Strategy<Value = f64> {
    let odd =
        [0.0, -0.0, 1e-300, 1.0, -1.0, 1e9, 1e12, 4.3e9, 1e300, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    prop_oneof![prop::sample::select(odd.to_vec()), -1e3f64..1e3, -1e13f64..1e13]
}

fn vector() -> impl Strategy<Value = DVec3> {
    (number(), number(), number()).prop_map(|(x, y, z)| DVec3::new(x, y, z))
}

fn position() -> impl Strategy<Value = Position> {
    let cell = prop_oneof![Just(0i64), Just(i64::MAX), Just(i64::MIN), -2i64..3];
    let offset = prop_oneof![vector(), prop::array::uniform3(-524_288.0..524_288.0).prop_map(DVec3::from)];
    (prop::array::uniform3(cell), offset).prop_map(|(cell, offset)| Position { cell, offset })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn odd_numbers_do_no_harm(
        colliders in prop::collection::vec((position(), vector(), number()), 0..30),
        shots in prop::collection::vec((position(), vector(), number()), 0..10),
        rules in (number(), number(), number(), number()),
    ) {
        let collider = |(id, (position, displacement_m, radius_m))| Collider { id, position, displacement_m, radius_m };
        let mut colliders: Vec<_> = (0..).zip(colliders).map(collider).collect();
        let shot = |(id, (position, displacement_m, mass_kg))| {
            Shot { id, shooter: 0, position, displacement_m, velocity_m_s: DVec3::ONE, mass_kg }
        };
        let mut shots: Vec<_> = (100..).zip(shots).map(shot).collect();
        let valid: Vec<_> = colliders.iter().map(Collider::is_valid).collect();
        let rules = Rules { dt_s: rules.0, restitution: rules.1, friction: rules.2, inverse_c2_s2_m2: rules.3 };
        solve(&mut colliders, &mut shots, &rules);
        if (0.0..1e3).contains(&rules.dt_s) {
            for (collider, valid) in colliders.iter().zip(valid) {
                prop_assert!(!valid || collider.position.offset.is_finite(), "{collider:?}");
            }
        }
    }
}

#[test]
fn nothing_at_all() {
    assert!(solve(&mut [], &mut [], &RULES).is_empty());
    let shot = Shot {
        id: 1,
        shooter: 0,
        position: Position::ORIGIN,
        displacement_m: DVec3::X,
        velocity_m_s: DVec3::X,
        mass_kg: 1.0,
    };
    assert!(solve(&mut [], &mut [shot], &RULES).is_empty());
}

/// Everything in one place, at rest and in motion.
#[test]
fn a_heap_ends_in_time() {
    for speed in [0.0, 1.0] {
        let ball = |id: u64| Collider {
            id,
            position: Position::ORIGIN.plus(DVec3::splat(id as f64 * 1e-6)),
            displacement_m: DVec3::new((id % 7) as f64, (id % 5) as f64, (id % 3) as f64) * speed,
            radius_m: 10.0,
        };
        let mut colliders: Vec<_> = (0..20_000).map(ball).collect();
        solve(&mut colliders, &mut [], &RULES);
        assert!(colliders.iter().all(|c| c.position.is_canonical()));
    }
}

/// Giants around giants around a swarm.
#[test]
fn russian_dolls_end_in_time() {
    let doll = |id: u64| Collider {
        id,
        position: Position::ORIGIN,
        displacement_m: DVec3::ZERO,
        radius_m: if id < 40 { (1_u64 << id) as f64 } else { 0.5 },
    };
    let mut colliders: Vec<_> = (0..5000).map(doll).collect();
    solve(&mut colliders, &mut [], &RULES);
    assert!(colliders.iter().all(|c| c.position.is_canonical()));
}
