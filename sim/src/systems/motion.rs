//! Moves everything by one tick at an active time factor: half a drift, one kick at the middle of the tick,
//! half a drift (the symplectic leapfrog in its drift-kick-drift form, Newtonian limit), with the velocity
//! in between averaged by Simpson's rule so that relativistic flight is of fourth order.
//!
//! Rows are worked on in blocks. What is alike for all rows runs over plain arrays, on the widest vectors the
//! processor has; what depends on a ship's controls runs row by row in between.

use glam::DVec3;

use super::crew::{Course, Crew, Lane, Lane3, ZERO, ZERO3, limited, row};
use super::flight::{self, TickLength};
use super::gravity::{Attractor, BLOCK, Block, Lanes, field, widest};
use crate::component::{Assist, Attitude, Berth, Clock, Controls, Hull, Kind, Spin, Tank, VELOCITY_MAX_M_S, Velocity};
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
    pub tick: TickLength,
    pub classes: &'a [ShipClass],
}

/// Ships under control.
pub(crate) fn fly_ships(world: &World, step: &Step<'_>) {
    ShipRows::with(world, Kind::Ship, |rows| {
        for_each_chunk(rows, &|rows| {
            let mut crew = Crew::default();
            in_blocks(rows, |rows, flow| fly(rows, step, flow, &mut crew));
        });
    });
}

/// Asteroids and structures.
pub(crate) fn drift_solids(world: &World, step: &Step<'_>) {
    for kind in [Kind::Asteroid, Kind::Structure] {
        SolidRows::with(world, kind, |rows| {
            for_each_chunk(rows, &|rows| {
                in_blocks(rows, |rows: SolidRows<'_>, flow| {
                    fall(step, flow, rows.position, rows.velocity, rows.moved, rows.near);
                    for (attitude, spin) in rows.attitude.iter_mut().zip(rows.spin) {
                        let turned = flight::turned(attitude.icrf_from_body, spin.body_rad_s, step.tick.dt_s);
                        attitude.icrf_from_body = turned;
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
            in_blocks(rows, |r: RoundRows<'_>, flow| fall(step, flow, r.position, r.velocity, r.moved, r.near));
        });
    });
}

/// Hands out a chunk in parts of at most [`BLOCK`] rows, with one working space for all of them.
fn in_blocks<R: Rows>(mut rows: R, mut work: impl FnMut(R, &mut Flow)) {
    let mut flow = Flow::default();
    while rows.len() > BLOCK {
        let (block, rest) = rows.cut(BLOCK);
        work(block, &mut flow);
        rows = rest;
    }
    work(rows, &mut flow);
}

/// A block on its way through the tick.
struct Flow {
    /// Gravity, at the middle of the tick.
    block: Block,
    /// Proper velocity at the start, m/s; at the end once finished.
    u: Lane3,
    /// Coordinate velocity at the start, m/s.
    v: Lane3,
    /// Pace at the start.
    w: Lane,
    both: Lane,
    per_gamma: Lane,
    /// What gravity adds to `u`, m/s.
    fallen: Lane3,
    /// What engines add to `u`, m/s.
    gained: Lane3,
    /// Displacement, m.
    way: Lane3,
    /// Seconds per second that a clock loses by motion, mean over the tick, and by depth.
    motion_lag: Lane,
    depth_lag: Lane,
}

fn put(lanes: &mut Lane3, row: usize, v: DVec3) {
    [lanes[0][row], lanes[1][row], lanes[2][row]] = v.to_array();
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            block: Block::default(),
            u: ZERO3,
            v: ZERO3,
            w: ZERO,
            both: ZERO,
            per_gamma: ZERO,
            fallen: ZERO3,
            gained: ZERO3,
            way: ZERO3,
            motion_lag: ZERO,
            depth_lag: ZERO,
        }
    }
}

impl Flow {
    /// Takes up to [`BLOCK`] rows to the middle of the tick and asks for gravity there. Lanes beyond the rows
    /// hold what was there before, which is finite and read by nobody.
    fn start(&mut self, step: &Step<'_>, position: &[Position], velocity: &[Velocity]) {
        for (i, (p, u)) in position.iter().zip(velocity).enumerate() {
            let place = p.to_metres();
            (self.block.x[i], self.block.y[i], self.block.z[i]) = (place.x, place.y, place.z);
            put(&mut self.u, i, u.proper_m_s);
        }
        self.gained = ZERO3;
        widest(
            step.lanes,
            #[inline(always)]
            || self.reach_middle(step.light, step.tick.dt_s),
        );
        field(step.lanes, step.attractors, &mut self.block);
        widest(
            step.lanes,
            #[inline(always)]
            || self.feel_gravity(step.tick.dt_s),
        );
    }

    #[inline(always)]
    fn reach_middle(&mut self, light: Light, dt: f64) {
        let Self { block, u, v, .. } = self;
        for i in 0..BLOCK {
            let pace = light.pace(u[0][i] * u[0][i] + u[1][i] * u[1][i] + u[2][i] * u[2][i]);
            (self.w[i], self.both[i], self.per_gamma[i]) = (pace.w, pace.both, pace.per_gamma);
            for axis in 0..3 {
                v[axis][i] = u[axis][i] * pace.per_gamma;
            }
            block.x[i] += v[0][i] * (0.5 * dt);
            block.y[i] += v[1][i] * (0.5 * dt);
            block.z[i] += v[2][i] * (0.5 * dt);
        }
    }

    #[inline(always)]
    fn feel_gravity(&mut self, dt: f64) {
        for i in 0..BLOCK {
            let weight = (1.0 + 2.0 * self.w[i]) * self.per_gamma[i] * dt;
            self.fallen[0][i] = self.block.ax[i] * weight;
            self.fallen[1][i] = self.block.ay[i] * weight;
            self.fallen[2][i] = self.block.az[i] * weight;
        }
    }

    /// Goes on to the end of the tick, with what engines gave.
    fn finish(&mut self, step: &Step<'_>) {
        widest(
            step.lanes,
            #[inline(always)]
            || self.reach_end(step.light, step.tick.dt_s),
        );
    }

    #[inline(always)]
    fn reach_end(&mut self, light: Light, dt: f64) {
        let Self { u, v, fallen, gained, way, .. } = self;
        for i in 0..BLOCK {
            let (mut end, mut middle) = ([0.0; 3], [0.0; 3]);
            for axis in 0..3 {
                end[axis] = limited(u[axis][i] + fallen[axis][i] + gained[axis][i], VELOCITY_MAX_M_S);
                middle[axis] = 0.5 * (u[axis][i] + end[axis]);
            }
            let paces = [middle, end].map(
                #[inline(always)]
                |u| light.pace(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]),
            );
            for axis in 0..3 {
                let mean = v[axis][i] + 4.0 * (middle[axis] * paces[0].per_gamma) + end[axis] * paces[1].per_gamma;
                way[axis][i] = mean * (dt / 6.0);
                u[axis][i] = end[axis];
            }
            let lag = self.w[i] * self.both[i] + 4.0 * paces[0].lag() + paces[1].lag();
            self.motion_lag[i] = lag * (1.0 / 6.0);
            self.depth_lag[i] = light.gravity_lag(self.block.potential[i]);
        }
    }
}

/// Free fall of up to [`BLOCK`] rows.
fn fall(
    step: &Step<'_>,
    flow: &mut Flow,
    position: &mut [Position],
    velocity: &mut [Velocity],
    moved: &mut [Moved],
    near: &mut [Near],
) {
    flow.start(step, position, velocity);
    flow.finish(step);
    for i in 0..position.len() {
        moved[i] = Moved(row(&flow.way, i));
        position[i] = position[i].plus(moved[i].0);
        velocity[i].proper_m_s = row(&flow.u, i);
        near[i] = Near(flow.block.near[i] as u64);
    }
}

/// Powered flight of up to [`BLOCK`] rows.
fn fly(rows: ShipRows<'_>, step: &Step<'_>, flow: &mut Flow, crew: &mut Crew) {
    flow.start(step, rows.position, rows.velocity);
    for i in 0..rows.position.len() {
        let controls = if rows.hull[i].health_j > 0.0 { rows.controls[i] } else { Controls::default() };
        let class = &step.classes[rows.berth[i].class as usize];
        crew.board(i, class, &controls, (&rows.attitude[i], &rows.spin[i], &rows.tank[i], &rows.assist[i]));
    }
    let Flow { u, w, both, per_gamma, fallen, gained, .. } = flow;
    let course = Course { u, w, both, per_gamma, fallen };
    widest(
        step.lanes,
        #[inline(always)]
        || crew.burn(&course, step.light, step.tick, gained),
    );
    flow.finish(step);
    let dt = step.tick.dt_s;
    widest(
        step.lanes,
        #[inline(always)]
        || crew.turn(&flow.motion_lag, dt),
    );
    for i in 0..rows.position.len() {
        rows.moved[i] = Moved(row(&flow.way, i));
        rows.position[i] = rows.position[i].plus(rows.moved[i].0);
        rows.velocity[i].proper_m_s = row(&flow.u, i);
        rows.near[i] = Near(flow.block.near[i] as u64);
        let motion = flow.motion_lag[i];
        rows.clock[i].lag_s += (motion + (1.0 - motion) * flow.depth_lag[i]) * dt;
        crew.leave(i, &mut rows.attitude[i], &mut rows.spin[i], &mut rows.tank[i], &mut rows.assist[i]);
    }
}
