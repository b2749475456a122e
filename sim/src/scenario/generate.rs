//! Things placed by rule: each ship of a fleet, each asteroid of a field, as a pure function of the scenario and
//! its index. Nothing here has a memory, so one ship can be put back where it was without making the others.
//!
//! Every ship and asteroid draws from a stream of its own, named by seed, purpose, group and index: adding one
//! more to a group moves none of the others (but for the grid of a fleet, which stays centred). Powers are exact
//! roots (`sqrt`) or `libm::cbrt`; sines and cosines are `libm`'s.

use core::f64::consts::{PI, TAU};

use glam::{DQuat, DVec3};

use super::{AsteroidField, Fleet};
use crate::random::RandomStream;

/// What streams are for; part of their keys, so the numbers must not change.
const SHIP: u64 = 1;
const ASTEROID: u64 = 2;

/// An asteroid relative to its field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rock {
    /// From the field's centre, m, ICRF axes.
    pub offset_m: DVec3,
    /// Relative to the field, m/s, ICRF axes.
    pub velocity_m_s: DVec3,
    /// m.
    pub radius_m: f64,
    /// kg.
    pub mass_kg: f64,
    /// Unit quaternion from body to ICRF axes, uniform over all rotations.
    pub icrf_from_body: DQuat,
    /// rad/s about body axes.
    pub spin_rad_s: DVec3,
}

/// Where a ship stands in its fleet: m from the fleet's centre, ICRF axes. The grid is as near a cube as the
/// count allows, filled along x, then y, then z, and centred.
#[must_use]
pub fn fleet_slot(fleet: &Fleet, slot: u32) -> DVec3 {
    let count = u64::from(fleet.count.max(1));
    let edge = cube_edge(count);
    let across = edge.min(count);
    let deep = edge.min(count.div_ceil(across));
    let high = count.div_ceil(across * deep);
    let slot = u64::from(slot);
    let place = [slot % across, slot / across % deep, slot / (across * deep)];
    let axis = |place: u64, length: u64| (place as f64 - (length - 1) as f64 / 2.0) * fleet.spacing_m;
    DVec3::new(axis(place[0], across), axis(place[1], deep), axis(place[2], high))
}

/// The random velocity of a ship relative to its fleet, m/s, ICRF axes.
#[must_use]
pub fn fleet_jitter(seed: u64, fleet_index: u32, fleet: &Fleet, slot: u32) -> DVec3 {
    stream(seed, SHIP, fleet_index, slot).in_cube(fleet.jitter_m_s)
}

/// The player who flies a ship; 0 for nobody.
#[must_use]
pub fn fleet_player(fleet: &Fleet, slot: u32) -> u32 {
    match fleet.first_player {
        0 => 0,
        first => first.saturating_add(slot % fleet.players.max(1)),
    }
}

/// The attitude whose body x points along the unit vector `facing` (ICRF), reached from the ICRF axes by the
/// shortest turn; for a facing close to -x, by half a turn about z and then the shortest one.
#[must_use]
pub fn facing_attitude(facing: DVec3) -> DQuat {
    if facing.x < -0.9 {
        // Near the opposite direction the shortest turn loses its digits, and at it it is not one but many.
        let half_turn = DQuat::from_xyzw(0.0, 0.0, 1.0, 0.0);
        return normalized(shortest(-DVec3::X, facing) * half_turn);
    }
    normalized(shortest(DVec3::X, facing))
}

/// Asteroid number `index` of a field: uniform in the ball, its radius r drawn with density r^-3.
#[must_use]
pub fn asteroid(seed: u64, field_index: u32, field: &AsteroidField, index: u32) -> Rock {
    let mut random = stream(seed, ASTEROID, field_index, index);
    // The order of these draws is part of what a seed means.
    let distance_m = libm::cbrt(random.uniform01()) * field.extent_m;
    let offset_m = direction(&mut random) * distance_m;
    let velocity_m_s = random.in_cube(field.jitter_m_s);
    let (smallest, largest) = field.radius_m;
    // The share below r of a density r^-3 between a and b is (1 - (a/r)^2) / (1 - (a/b)^2); solved for r.
    let ratio = smallest / largest;
    let radius_m = smallest / libm::sqrt(1.0 - random.uniform01() * (1.0 - ratio * ratio));
    let radius_m = radius_m.clamp(smallest, largest);
    let mass_kg = 4.0 / 3.0 * PI * (radius_m * radius_m * radius_m) * field.density_kg_m3;
    let icrf_from_body = rotation(&mut random);
    let spin_rad_s = random.in_cube(field.spin_rad_s);
    Rock { offset_m, velocity_m_s, radius_m, mass_kg, icrf_from_body, spin_rad_s }
}

fn stream(seed: u64, purpose: u64, group: u32, index: u32) -> RandomStream {
    RandomStream::keyed(&[seed, purpose, u64::from(group), u64::from(index)])
}

/// The smallest n with n^3 >= count, for a count of at most 2^32.
fn cube_edge(count: u64) -> u64 {
    let mut edge = libm::cbrt(count as f64) as u64;
    // The root is off by one at most, either way.
    edge = edge.saturating_sub(1).max(1);
    while edge * edge * edge < count {
        edge += 1;
    }
    edge
}

/// A unit vector, uniform over the sphere: z is uniform (Archimedes).
fn direction(random: &mut RandomStream) -> DVec3 {
    let z = random.range(-1.0, 1.0);
    let angle = random.uniform01() * TAU;
    let from_axis = libm::sqrt(1.0 - z * z);
    DVec3::new(from_axis * libm::cos(angle), from_axis * libm::sin(angle), z)
}

/// A unit quaternion, uniform over all rotations (Shoemake, Graphics Gems III, 1992, p. 124).
fn rotation(random: &mut RandomStream) -> DQuat {
    let share = random.uniform01();
    let (a, b) = (random.uniform01() * TAU, random.uniform01() * TAU);
    let (first, second) = (libm::sqrt(1.0 - share), libm::sqrt(share));
    normalized(DQuat::from_xyzw(
        first * libm::sin(a),
        first * libm::cos(a),
        second * libm::sin(b),
        second * libm::cos(b),
    ))
}

/// The turn, not yet of unit length, that takes the unit vector `from` to `to` the short way.
fn shortest(from: DVec3, to: DVec3) -> DQuat {
    let axis = from.cross(to);
    DQuat::from_xyzw(axis.x, axis.y, axis.z, 1.0 + from.dot(to))
}

fn normalized(q: DQuat) -> DQuat {
    let length = libm::sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w);
    DQuat::from_xyzw(q.x / length, q.y / length, q.z / length, q.w / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ControlInput;
    use crate::scenario::Placement;

    const HERE: Placement = Placement { body: None, position_m: DVec3::ZERO, velocity_m_s: DVec3::ZERO };

    fn fleet(count: u32) -> Fleet {
        Fleet {
            name: "fleet".to_owned(),
            class: 0,
            count,
            placement: HERE,
            spacing_m: 10.0,
            jitter_m_s: 5.0,
            facing: DVec3::X,
            first_player: 1,
            players: 8,
            controls: ControlInput::default(),
        }
    }

    fn field() -> AsteroidField {
        AsteroidField {
            name: "field".to_owned(),
            count: 20_000,
            placement: HERE,
            extent_m: 1000.0,
            radius_m: (2.0, 20.0),
            density_kg_m3: 2000.0,
            jitter_m_s: 5.0,
            spin_rad_s: 0.1,
        }
    }

    #[test]
    fn a_grid_is_centred_and_nobody_shares_a_place() {
        for count in [1, 2, 3, 4, 5, 8, 9, 26, 27, 28, 100, 1000, 1001] {
            let fleet = fleet(count);
            let mut places: Vec<DVec3> = (0..count).map(|slot| fleet_slot(&fleet, slot)).collect();
            let bounds = |pick: fn(DVec3, DVec3) -> DVec3| places.iter().copied().reduce(pick).unwrap();
            let (low, high) = (bounds(DVec3::min), bounds(DVec3::max));
            assert_eq!(low, -high, "{count} ships are not centred");
            let edge = cube_edge(u64::from(count)) as f64;
            assert!(high.max_element() <= (edge - 1.0) / 2.0 * 10.0, "{count} ships need no longer edge");
            // Each place is a multiple of half the spacing, so rounding to it is exact.
            places.sort_by_key(|place| place.to_array().map(|x| (x / 5.0) as i64));
            places.dedup();
            assert_eq!(places.len(), count as usize);
        }
        // A slot that the fleet does not have, as a patch may write it, is some place, not a panic.
        assert!(fleet_slot(&fleet(3), u32::MAX).is_finite());
        assert_eq!(fleet_player(&fleet(30), 9), 2);
    }

    #[test]
    fn cube_edges_are_exact() {
        for edge in [1_u64, 2, 3, 10, 46, 99, 100, 101, 1000, 1625] {
            assert_eq!(cube_edge(edge * edge * edge), edge);
            assert_eq!(cube_edge(edge * edge * edge + 1), edge + 1);
        }
    }

    #[test]
    fn facing_turns_body_x_there() {
        let mut random = RandomStream::new(5);
        let given = [DVec3::X, -DVec3::X, DVec3::Y, -DVec3::Z, DVec3::new(-1.0, 1e-9, 0.0), DVec3::new(-0.6, 0.0, 0.8)];
        for facing in given.into_iter().chain((0..1000).map(|_| direction(&mut random))) {
            let facing = facing / facing.length();
            let attitude = facing_attitude(facing);
            assert!((attitude.length() - 1.0).abs() < 1e-15);
            // A few roundings of numbers near one.
            assert!((attitude * DVec3::X - facing).length() < 2e-15, "{facing}");
        }
    }

    #[test]
    fn a_field_is_what_it_says() {
        let field = field();
        let rocks: Vec<Rock> = (0..field.count).map(|index| asteroid(3, 0, &field, index)).collect();
        for rock in &rocks {
            assert!(rock.offset_m.length() <= 1000.0 * (1.0 + 1e-15));
            assert!((2.0..=20.0).contains(&rock.radius_m));
            assert!(rock.velocity_m_s.abs().max_element() <= 5.0 && rock.spin_rad_s.abs().max_element() <= 0.1);
            assert!((rock.icrf_from_body.length() - 1.0).abs() < 1e-15);
        }
        let share = |test: &dyn Fn(&Rock) -> bool| rocks.iter().filter(|rock| test(rock)).count() as f64 / 20_000.0;
        let mean = |value: &dyn Fn(&Rock) -> DVec3| rocks.iter().map(value).sum::<DVec3>() / 20_000.0;
        // Shares of 20,000 have a standard deviation of 0.0035 at most; five of them.
        let near = |found: f64, expected: f64| (found - expected).abs() < 0.018;
        assert!(near(share(&|rock| rock.offset_m.length() < 500.0), 0.125), "uniform in the volume");
        assert!(near(share(&|rock| rock.offset_m.x > 0.0), 0.5) && near(share(&|rock| rock.offset_m.z > 0.0), 0.5));
        // (1 - (2/4)^2) / (1 - (2/20)^2)
        assert!(near(share(&|rock| rock.radius_m < 4.0), 0.75 / 0.99), "small ones are many");
        // Where body x points is uniform over the sphere: each component has a standard deviation of 0.58/141.
        assert!(mean(&|rock| rock.icrf_from_body * DVec3::X).length() < 0.03);
        assert!(mean(&|rock| rock.velocity_m_s / 5.0).length() < 0.03);
        let sphere = 4.0 / 3.0 * PI * 2000.0;
        assert!(
            rocks.iter().all(|r| (r.mass_kg / (sphere * r.radius_m * r.radius_m * r.radius_m) - 1.0).abs() < 1e-15)
        );
    }

    #[test]
    fn ships_and_rocks_are_their_own() {
        let (small, large) = (fleet(10), fleet(10_000));
        assert_eq!(fleet_jitter(3, 0, &small, 7), fleet_jitter(3, 0, &large, 7), "independent of the count");
        let drawn = [
            fleet_jitter(3, 0, &small, 7),
            fleet_jitter(4, 0, &small, 7),
            fleet_jitter(3, 1, &small, 7),
            fleet_jitter(3, 0, &small, 8),
            asteroid(3, 0, &field(), 7).velocity_m_s,
        ];
        for (i, a) in drawn.iter().enumerate() {
            assert!(drawn.iter().skip(i + 1).all(|b| a != b), "{drawn:?}");
        }
    }

    /// Pins what seeds mean. A change here changes every world: on purpose only.
    #[test]
    fn golden_values() {
        assert_eq!(
            fleet_jitter(3, 1, &fleet(100), 42),
            DVec3::new(-4.143189152799378, 0.07560148619312113, 3.130921291980119)
        );
        let expected = Rock {
            offset_m: DVec3::new(-439.1086314346346, 240.51402821783032, 105.66942841454305),
            velocity_m_s: DVec3::new(0.066689646852371, 0.9321229981027592, 3.1722201992139585),
            radius_m: 8.387855694186417,
            mass_kg: 4943920.238485004,
            icrf_from_body: DQuat::from_xyzw(
                -0.13374569991211815,
                0.7330571498407583,
                0.5727462321174129,
                -0.34161536326352215,
            ),
            spin_rad_s: DVec3::new(0.012891155803128468, 0.01618613454192115, 0.06583020707677428),
        };
        assert_eq!(asteroid(3, 1, &field(), 42), expected);
        // Five across and five deep: 42 = 2 + 5 * (3 + 5 * 1), in the middle of 4, 4 and 3.
        assert_eq!(fleet_slot(&fleet(100), 42), DVec3::new(0.0, 10.0, -5.0));
    }
}
