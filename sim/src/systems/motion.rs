//! Moves everything by one tick at an active time factor: half a drift, one kick at the middle of the tick,
//! half a drift (the symplectic leapfrog in its drift-kick-drift form, Newtonian limit), with the velocity
//! in between averaged by Simpson's rule so that relativistic flight is of fourth order.

use glam::DVec3;

use super::flight;
use super::gravity::{Attractor, BLOCK, Block, Lanes, field};
use crate::component::{Assist, Attitude, Berth, Clock, Controls, Hull, Kind, Spin, Tank, Velocity};
use crate::relativity::Light;
use crate::scenario::ShipClass;
use crate::space::Position;
use crate::world::{Moved, Near, Rows, World, columns, for_each_chunk};

columns! {
    /// What flight reads and writes.
    ShipRows {
        position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, controls: Controls, assist: Assist,
        tank: Tank, clock: Clock, hull: Hull, berth: Berth, moved: Moved, near: Near,
    }
}

columns! {
    /// What moves and turns without engines.
    SolidRows { position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, moved: Moved, near: Near }
}

columns! {
    /// What only moves.
    RoundRows { position: Position, velocity: Velocity, moved: Moved, near: Near }
}

/// What is the same for all rows in one tick.
pub(crate) struct Step<'a> {
    pub lanes: Lanes,
    /// Bodies at the middle of the tick.
    pub attractors: &'a [Attractor],
    pub light: Light,
    pub dt_s: f64,
    pub classes: &'a [ShipClass],
}

/// Ships under control.
pub(crate) fn fly_ships(world: &World, step: &Step<'_>) {
    ShipRows::with(world, Kind::Ship, |rows| for_each_chunk(rows, &|rows| in_blocks(rows, &|r| fly(r, step))));
}

/// Asteroids and structures.
pub(crate) fn drift_solids(world: &World, step: &Step<'_>) {
    for kind in [Kind::Asteroid, Kind::Structure] {
        SolidRows::with(world, kind, |rows| {
            for_each_chunk(rows, &|rows| {
                in_blocks(rows, &|rows: SolidRows<'_>| {
                    fall(step, rows.position, rows.velocity, rows.moved, rows.near);
                    for (attitude, spin) in rows.attitude.iter_mut().zip(rows.spin) {
                        attitude.icrf_from_body = flight::turned(attitude.icrf_from_body, spin.body_rad_s, step.dt_s);
                    }
                });
            });
        });
    }
}

/// Projectiles.
pub(crate) fn drift_rounds(world: &World, step: &Step<'_>) {
    RoundRows::with(world, Kind::Projectile, |rows| {
        for_each_chunk(rows, &|rows| {
            in_blocks(rows, &|r: RoundRows<'_>| fall(step, r.position, r.velocity, r.moved, r.near));
        });
    });
}

/// Hands out a chunk in parts of at most [`BLOCK`] rows.
fn in_blocks<R: Rows>(mut rows: R, work: &impl Fn(R)) {
    while rows.len() > BLOCK {
        let (block, rest) = rows.cut(BLOCK);
        work(block);
        rows = rest;
    }
    work(rows);
}

/// Gravity where each row is at the middle of the tick, and the coordinate velocities at its start.
#[inline]
fn middle_field(step: &Step<'_>, position: &[Position], velocity: &[Velocity]) -> (Block, [DVec3; BLOCK]) {
    let mut block = Block::default();
    let mut start = [DVec3::ZERO; BLOCK];
    for (i, (p, u)) in position.iter().zip(velocity).enumerate() {
        start[i] = step.light.velocity(u.proper_m_s);
        let middle = p.to_metres() + start[i] * (0.5 * step.dt_s);
        (block.x[i], block.y[i], block.z[i]) = (middle.x, middle.y, middle.z);
    }
    field(step.lanes, step.attractors, &mut block);
    (block, start)
}

/// Moves one row from `u0` to `u1`, whose coordinate velocity at the start is `v0`. Gives the displacement.
#[inline(always)]
fn displace(step: &Step<'_>, position: &mut Position, v0: DVec3, u0: DVec3, u1: DVec3) -> DVec3 {
    let middle = step.light.velocity((u0 + u1) * 0.5);
    let displacement = (v0 + middle * 4.0 + step.light.velocity(u1)) * (step.dt_s / 6.0);
    *position = position.plus(displacement);
    displacement
}

/// Free fall of up to [`BLOCK`] rows.
fn fall(step: &Step<'_>, position: &mut [Position], velocity: &mut [Velocity], moved: &mut [Moved], near: &mut [Near]) {
    let (block, start) = middle_field(step, position, velocity);
    for i in 0..position.len() {
        let u0 = velocity[i].proper_m_s;
        let u1 = u0 + block.acceleration(i) * (step.light.weight(u0) * step.dt_s);
        moved[i] = Moved(displace(step, &mut position[i], start[i], u0, u1));
        velocity[i].proper_m_s = u1;
        near[i] = Near(block.near[i] as u64);
    }
}

/// Powered flight of up to [`BLOCK`] rows.
fn fly(rows: ShipRows<'_>, step: &Step<'_>) {
    let (block, start) = middle_field(step, rows.position, rows.velocity);
    let (light, dt) = (step.light, step.dt_s);
    for i in 0..rows.position.len() {
        let u0 = rows.velocity[i].proper_m_s;
        let fallen = block.acceleration(i) * (light.weight(u0) * dt);
        let mut u1 = u0 + fallen;
        let attitude = rows.attitude[i].icrf_from_body;
        let lag0 = light.motion_lag(u0);
        let alive = rows.hull[i].health_j > 0.0;
        let class = &step.classes[rows.berth[i].class as usize];
        let controls = if alive { rows.controls[i] } else { Controls::default() };
        let mut applied = DVec3::ZERO;
        if controls != Controls::default() {
            let drift = attitude.conjugate() * (u0 - rows.assist[i].reference_m_s);
            let push = flight::push(class, &controls, &rows.spin[i], rows.tank[i], drift, dt * (1.0 - lag0));
            rows.tank[i].fuel_kg -= push.burned_kg;
            applied = push.body_rad_s2;
            // Explicit midpoint: the push depends on the velocity that it changes.
            let a = attitude * push.body_m_s2;
            let middle = u0 + (fallen + light.thrust(u0, a) * dt) * 0.5;
            let gained = light.thrust(middle, a) * dt;
            u1 += gained;
            follow(&controls, attitude, &mut rows.assist[i], gained);
        }
        rows.assist[i].reference_m_s += fallen;
        rows.moved[i] = Moved(displace(step, &mut rows.position[i], start[i], u0, u1));
        rows.velocity[i].proper_m_s = u1;
        // Simpson's rule over the speed; the depth is taken at the middle.
        let motion = (lag0 + 4.0 * light.motion_lag((u0 + u1) * 0.5) + light.motion_lag(u1)) / 6.0;
        rows.clock[i].lag_s += (motion + (1.0 - motion) * light.gravity_lag(block.potential[i])) * dt;
        // A ship turns by its own time.
        let (rate, own_dt) = (rows.spin[i].body_rad_s, dt * (1.0 - motion));
        let next = flight::turn_rate(class.inertia_kg_m2, rate, applied, own_dt);
        rows.attitude[i].icrf_from_body = flight::turned(attitude, (rate + next) * 0.5, own_dt);
        rows.spin[i].body_rad_s = next;
        rows.near[i] = Near(block.near[i] as u64);
    }
}

/// Along the axes that a control asks for, the assist frame goes with the ship.
fn follow(controls: &Controls, attitude: glam::DQuat, assist: &mut Assist, gained: DVec3) {
    let mut body = attitude.conjugate() * gained;
    for axis in 0..3 {
        if controls.translate[axis] == 0 && (axis != 0 || controls.main == 0) {
            body[axis] = 0.0;
        }
    }
    assist.reference_m_s += attitude * body;
}
