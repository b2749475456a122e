//! Moves everything by one tick at a high time factor, where engines are off: a sixth-order symplectic
//! composition of drift-kick-drift steps with sub-steps that depend on the state alone.
//!
//! Coefficients: s9odr6a of Kahan and Li, "Composition constants for raising the orders of unconventional
//! schemes for ordinary differential equations", Mathematics of Computation 66 (1997), 1089-1099.
//!
//! Alternatives weighed: plain leapfrog needs some 200 times as many sub-steps for the same error in low
//! orbit; Runge-Kutta of the same order drifts in energy over the months that a minute at 100,000 passes.

use glam::DVec3;

use super::flight;
use super::gravity::{Attractor, field_at, near_at};
use crate::component::{Assist, Attitude, Clock, Kind, Spin, Velocity};
use crate::relativity::Light;
use crate::space::Position;
use crate::world::{Moved, Near, Rows, World, columns, for_each_chunk};

/// Lengths of the nine steps of the composition, as shares of a sub-step. They add up to one.
pub(crate) const SHARES: [f64; 9] = {
    const A: [f64; 4] =
        [0.392_161_444_007_314_1, 0.332_599_136_789_359_43, -0.706_246_172_557_639_3, 0.082_213_596_293_550_8];
    let middle = 1.0 - 2.0 * (A[0] + A[1] + A[2] + A[3]);
    [A[0], A[1], A[2], A[3], middle, A[3], A[2], A[1], A[0]]
};

/// A sub-step is at most this share of the local dynamical time sqrt(r^3/GM).
const RESOLUTION: f64 = 0.25;

/// Sub-steps double with each level; the last level takes 4,096 a tick, for places no ship survives in.
pub(crate) const LEVELS: usize = 13;

/// Bodies at every kick of a tick, per level: `stages[level][sub_step * 9 + share]`.
#[derive(Default)]
pub(crate) struct StageTable {
    pub stages: [Vec<Vec<Attractor>>; LEVELS],
}

columns! {
    /// What coasts with a clock.
    ShipRows {
        position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, assist: Assist, clock: Clock,
        moved: Moved, near: Near,
    }
}

columns! {
    /// What coasts and turns.
    SolidRows { position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, moved: Moved, near: Near }
}

columns! {
    /// What only coasts.
    RoundRows { position: Position, velocity: Velocity, moved: Moved, near: Near }
}

columns! {
    /// Where things are and where they go.
    Courses { position: Position, velocity: Velocity }
}

/// Which level a way needs: from the densest field that a straight line through the tick would meet, so from the
/// state alone. `velocity_m_s` is the coordinate velocity.
fn level(attractors: &[Attractor], place_m: DVec3, velocity_m_s: DVec3, dt_s: f64) -> usize {
    let mut rate2 = 0.0f64;
    for body in attractors {
        let (away, v) = (body.position_m - place_m, velocity_m_s - body.velocity_m_s);
        let v2 = v.length_squared();
        let ahead = if v2 > 0.0 { away.dot(v) / v2 } else { 0.0 };
        let nearest_s = if ahead > dt_s {
            dt_s
        } else if ahead > 0.0 {
            ahead
        } else {
            0.0
        };
        let r2 = (away - v * nearest_s).length_squared().max(body.core_m2);
        rate2 = rate2.max(body.gm_m3_s2 / (r2 * r2.sqrt()));
    }
    let wanted = dt_s * rate2.sqrt() / RESOLUTION;
    (0..LEVELS - 1).find(|&level| wanted <= (1u64 << level) as f64).unwrap_or(LEVELS - 1)
}

/// Levels that any entity needs this tick, one bit each; `attractors` are the bodies at its start.
pub(crate) fn levels_needed(world: &World, attractors: &[Attractor], light: Light, dt_s: f64) -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    // A union of bits is the same in any order.
    let levels = AtomicU32::new(0);
    for kind in Kind::ALL {
        Courses::with(world, kind, |rows| {
            for_each_chunk(rows, &|rows: Courses<'_>| {
                let courses = rows.position.iter().zip(rows.velocity.iter());
                let bits = courses.fold(0, |bits, (p, u)| {
                    bits | 1 << level(attractors, p.to_metres(), light.velocity(u.proper_m_s), dt_s)
                });
                levels.fetch_or(bits, Ordering::Relaxed);
            });
        });
    }
    levels.into_inner()
}

/// What is the same for all rows in one tick.
pub(crate) struct Step<'a> {
    /// Bodies at the start of the tick, for choosing levels.
    pub start: &'a [Attractor],
    /// Bodies at its end, for meeting air and ground.
    pub end: &'a [Attractor],
    pub table: &'a StageTable,
    pub light: Light,
    pub dt_s: f64,
}

/// Moves every entity.
pub(crate) fn coast(world: &World, step: &Step<'_>) {
    ShipRows::with(world, Kind::Ship, |rows| {
        for_each_chunk(rows, &|rows: ShipRows<'_>| {
            for i in 0..rows.len() {
                let before = rows.velocity[i].proper_m_s;
                let lag =
                    fall(step, &mut rows.position[i], &mut rows.velocity[i], &mut rows.moved[i], &mut rows.near[i]);
                rows.clock[i].lag_s += lag;
                let reference = rows.assist[i].reference_m_s + (rows.velocity[i].proper_m_s - before);
                rows.assist[i].reference_m_s = Velocity::held(reference).proper_m_s;
                turn(&mut rows.attitude[i], &rows.spin[i], step.dt_s - lag);
            }
        });
    });
    for kind in [Kind::Asteroid, Kind::Structure] {
        SolidRows::with(world, kind, |rows| {
            for_each_chunk(rows, &|rows: SolidRows<'_>| {
                for i in 0..rows.len() {
                    fall(step, &mut rows.position[i], &mut rows.velocity[i], &mut rows.moved[i], &mut rows.near[i]);
                    turn(&mut rows.attitude[i], &rows.spin[i], step.dt_s);
                }
            });
        });
    }
    RoundRows::with(world, Kind::Projectile, |rows| {
        for_each_chunk(rows, &|rows: RoundRows<'_>| {
            for i in 0..rows.len() {
                fall(step, &mut rows.position[i], &mut rows.velocity[i], &mut rows.moved[i], &mut rows.near[i]);
            }
        });
    });
}

/// Steady turning: the gyroscopic torque is left out while engines are off, so that any tick length is stable.
fn turn(attitude: &mut Attitude, spin: &Spin, dt_s: f64) {
    attitude.icrf_from_body = flight::turned(attitude.icrf_from_body, spin.body_rad_s, dt_s);
}

/// Free fall of one entity over the tick. Gives the lag that its clock gained, s.
fn fall(step: &Step<'_>, position: &mut Position, velocity: &mut Velocity, moved: &mut Moved, near: &mut Near) -> f64 {
    let light = step.light;
    let origin = position.to_metres();
    let level = level(step.start, origin, light.velocity(velocity.proper_m_s), step.dt_s);
    let sub_step = step.dt_s / (1u64 << level) as f64;
    let (mut way, mut u, mut lag) = (DVec3::ZERO, velocity.proper_m_s, 0.0);
    for (kick, attractors) in step.table.stages[level].iter().enumerate() {
        let h = SHARES[kick % SHARES.len()] * sub_step;
        let before = light.pace(u.length_squared());
        way += u * (0.5 * h * before.per_gamma);
        let (acceleration, potential, _) = field_at(attractors, origin + way);
        u += acceleration * (before.weight() * h);
        let after = light.pace(u.length_squared());
        let motion = 0.5 * (before.lag() + after.lag());
        lag += (motion + (1.0 - motion) * light.gravity_lag(potential)) * h;
        way += u * (0.5 * h * after.per_gamma);
    }
    *position = position.plus(way);
    *velocity = Velocity::held(u);
    *moved = Moved(way);
    *near = Near(near_at(step.end, position.to_metres()));
    lag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_composition_is_of_sixth_order() {
        let sum: f64 = SHARES.iter().sum();
        assert!((sum - 1.0).abs() < 1e-15);
        let cubes: f64 = SHARES.iter().map(|s| s * s * s).sum();
        let fifths: f64 = SHARES.iter().map(|s| s * s * s * s * s).sum();
        assert!(cubes.abs() < 1e-14 && fifths.abs() < 1e-14, "{cubes:e} {fifths:e}");
    }
}
