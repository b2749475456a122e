//! Nothing passes through anything within a tick: continuous detection of shots and of rocks, anywhere.

use glam::DVec3;
use proptest::prelude::*;
use sim::Position;
use sim::contact::{Body, Collider, Impact, Rules, Shot, Solver};

const RULES: Rules = Rules { dt_s: 1.0 / 90.0, restitution: 0.5, friction: 0.3, inverse_c2_s2_m2: 0.0 };

fn rock(id: u64, position: Position, displacement_m: DVec3, radius_m: f64) -> Collider {
    Collider { id, position, displacement_m, radius_m }
}

fn shot(id: u64, shooter: u64, end: Position, displacement_m: DVec3) -> Shot {
    Shot { id, shooter, position: end, displacement_m, velocity_m_s: displacement_m / RULES.dt_s, mass_kg: 0.1 }
}

/// Solves one tick with bodies whose velocities are those of their displacements.
fn solve(colliders: &mut [Collider], shots: &mut [Shot]) -> Vec<Impact> {
    let velocities: Vec<_> = colliders.iter().map(|c| c.displacement_m / RULES.dt_s).collect();
    let body = |i: usize| Body {
        velocity_m_s: velocities[i],
        spin_rad_s: DVec3::ZERO,
        inverse_mass_per_kg: 1e-3,
        inverse_inertia: 1e-3,
    };
    let mut impacts = Vec::new();
    Solver::default().solve(colliders, shots, body, &RULES, &mut impacts);
    impacts
}

fn unit() -> impl Strategy<Value = DVec3> {
    prop::array::uniform3(-1.0f64..1.0)
        .prop_map(DVec3::from)
        .prop_filter("a direction", |v| (0.1..1.0).contains(&v.length()))
        .prop_map(DVec3::normalize)
}

/// Places near home, at the edge of a cell, and far out.
fn place() -> impl Strategy<Value = Position> {
    let metres = prop_oneof![Just(0.0), Just(524_288.0), Just(1.5e11), Just(-1e20)];
    metres.prop_map(|x| Position::from_metres(DVec3::new(x, -x, x)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A round of 10 km/s at a rock of 1 m that flies with everything at up to 30 km/s: it hits whenever its
    /// line passes within the radius, where the line first enters the rock.
    #[test]
    fn a_round_hits_what_is_on_its_line(
        at in place(), to in unit(), side in unit(), drift in unit(), common in 0.0f64..333.0,
        miss in 0.0f64..2.0, along in 0.02f64..0.98,
    ) {
        let aside = to.cross(side).normalize_or(to.any_orthonormal_vector());
        let (path, drift) = (to * 111.0, drift * common);
        // The round's closest approach to the rock, at the fraction `along` of the tick, is `miss` metres.
        let mut colliders = [rock(1, at.plus(drift), drift, 1.0)];
        let end = at.plus(aside * miss + path * (1.0 - along) + drift);
        let mut shots = [shot(2, 7, end, path + drift)];
        let impacts = solve(&mut colliders, &mut shots);
        if miss < 1.0 - 1e-6 {
            prop_assert_eq!(impacts.len(), 1);
            let expected = along - (1.0 - miss * miss).sqrt() / 111.0;
            prop_assert!((impacts[0].fraction - expected).abs() < 1e-6, "{} {expected}", impacts[0].fraction);
            prop_assert!(impacts[0].shot && impacts[0].a == 1 && impacts[0].b == 2);
            let surface = impacts[0].point.minus(at.plus(drift * impacts[0].fraction)).length();
            prop_assert!((surface - 1.0).abs() < 1e-6);
        } else if miss > 1.0 + 1e-6 {
            prop_assert_eq!(impacts.len(), 0);
        }
    }

    #[test]
    fn rocks_do_not_pass_through_rocks(
        at in place(), to in unit(), side in unit(), miss in 0.0f64..4.0, along in 0.05f64..0.95, size in 0.1f64..1.0,
    ) {
        let aside = to.cross(side).normalize_or(to.any_orthonormal_vector());
        let path = to * 111.0;
        let mut colliders =
            [rock(1, at, DVec3::ZERO, 1.0), rock(2, at.plus(aside * miss + path * (1.0 - along)), path, size)];
        let hits = solve(&mut colliders, &mut []).len();
        if (miss - 1.0 - size).abs() > 1e-6 {
            prop_assert_eq!(hits, usize::from(miss < 1.0 + size));
        }
        // They end apart, on the side they came from.
        if hits > 0 {
            let apart = colliders[1].position.minus(colliders[0].position);
            prop_assert!(apart.length() >= 1.0 + size - 1e-6);
        }
    }
}

#[test]
fn a_round_hits_the_first_of_a_row_and_not_its_shooter() {
    let at = |x: f64| Position::from_metres(DVec3::X * x);
    let mut colliders: Vec<_> = (1..=10).map(|id| rock(id, at(10.0 * id as f64), DVec3::ZERO, 2.0)).collect();
    // Fired from inside of rock 1, by it.
    let mut shots = [shot(100, 1, at(121.0), DVec3::X * 111.0)];
    let impacts = solve(&mut colliders, &mut shots);
    assert_eq!(impacts.iter().map(|i| (i.a, i.b)).collect::<Vec<_>>(), [(2, 100)]);
}

#[test]
fn two_rocks_hit_at_once_share_by_id() {
    let at = |x: f64, y: f64| Position::from_metres(DVec3::new(x, y, 0.0));
    let mut colliders = [rock(9, at(5.0, 1.0), DVec3::ZERO, 2.0), rock(4, at(5.0, -1.0), DVec3::ZERO, 2.0)];
    let impacts = solve(&mut colliders, &mut [shot(100, 1, at(50.0, 0.0), DVec3::X * 100.0)]);
    assert_eq!(impacts.iter().map(|i| (i.a, i.b)).collect::<Vec<_>>(), [(4, 100)]);
}

/// A rock knocked into the line of a round within the tick is hit there; one knocked out of it is not.
#[test]
fn rounds_see_what_blows_did_before() {
    let at = |x: f64, y: f64| Position::from_metres(DVec3::new(x, y, 0.0));
    // Rock 2 comes down at 9 km/s and knocks rock 1 out of the way of a round that would reach it late.
    let hammer = DVec3::NEG_Y * 100.0;
    let mut colliders = [rock(1, at(80.0, 0.0), DVec3::ZERO, 1.0), rock(2, at(80.0, 10.0).plus(hammer), hammer, 1.0)];
    let mut shots = [shot(100, 7, at(100.0, 0.0), DVec3::X * 100.0)];
    let impacts = solve(&mut colliders, &mut shots);
    assert_eq!(impacts[0].b, 2, "{impacts:?}");
    assert!(impacts.iter().all(|i| !(i.shot && i.a == 1)), "{impacts:?}");
}

/// Rounds that travel as far as light in a tick, through worlds of grains and of giants.
#[test]
fn absurd_rounds_still_hit() {
    for (radius_m, path_m) in [(1e-3, 1e6), (1.0, 3.3e6), (500.0, 1.3e7), (1e6, 1e9), (1.0, 4e9)] {
        let grain =
            |id: u64| rock(id, Position::from_metres(DVec3::Y * (id as f64 * 10.0 * radius_m)), DVec3::ZERO, radius_m);
        let mut colliders: Vec<_> = (0..50).map(grain).collect();
        let path = DVec3::new(1.0, 0.0, 0.3).normalize() * path_m;
        let mut shots = [shot(100, 200, colliders[20].position.plus(path * 0.6), path)];
        let impacts = solve(&mut colliders, &mut shots);
        assert_eq!(impacts.iter().map(|i| (i.a, i.b)).collect::<Vec<_>>(), [(20, 100)], "{radius_m} {path_m}");
    }
}
