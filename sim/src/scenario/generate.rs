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
