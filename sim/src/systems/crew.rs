//! Flight of a block of ships on lanes: what engines, controls and assist do, and how attitude follows. The same
//! formulas for every row, with choices instead of branches, so that the widest vectors can run them.
//!
//! Engines push along body x, thrusters along all axes; torque wheels turn. With assist, thrusters stop the motion
//! relative to the assist frame that no control asks for, and turn controls ask for a rate.
#![allow(clippy::needless_range_loop, reason = "one index runs through many lanes side by side")]

use super::flight::TickLength;
use super::gravity::BLOCK;
use crate::component::{Assist, Attitude, Controls, Spin, Tank, VELOCITY_MAX_M_S};
use crate::relativity::{Light, Pace};
use crate::scenario::ShipClass;

/// One quantity of a block.
pub type Lane = [f64; BLOCK];
/// One vector of a block.
pub type Lane3 = [Lane; 3];
/// Nothing, in every row.
pub const ZERO: Lane = [0.0; BLOCK];
/// Nothing, in every row and axis.
pub const ZERO3: Lane3 = [ZERO; 3];

/// Full deflection of a control.
const FULL: f64 = 32767.0;
/// Fastest turn of a ship about any axis, rad/s: what its structure bears. Keeps Euler's equations finite
/// whatever a tuning says.
pub const TURN_MAX_RAD_S: f64 = 1e4;
/// Square of the half angle below which the series for a tick's turn is exact to rounding.
const SMALL_TURN2: f64 = 0.01;

/// Ships of a block, and what their controls ask for.
pub struct Crew {
    attitude: [Lane; 4],
    spin: Lane3,
    main: Lane,
    stick: Lane3,
    turn: Lane3,
    /// 1 where a control asks for thrust along the axis, 0 where not.
    asked: Lane3,
    assist: Lane,
    fuel: Lane,
    reference: Lane3,
    dry_mass: Lane,
    rcs: Lane,
    engine: Lane,
    torque: Lane,
    turn_rate: Lane,
    inertia: Lane3,
    inverse_inertia: Lane3,
    inverse_exhaust: Lane,
    /// Angular acceleration, rad/s^2, body axes.
    applied: Lane3,
    /// Square of the half angle turned in the tick.
    half_turn2: Lane,
}

impl Default for Crew {
    fn default() -> Self {
        Self {
            attitude: [ZERO; 4],
            spin: ZERO3,
            main: ZERO,
            stick: ZERO3,
            turn: ZERO3,
            asked: ZERO3,
            assist: ZERO,
            fuel: ZERO,
            reference: ZERO3,
            dry_mass: [1.0; BLOCK],
            rcs: ZERO,
            engine: ZERO,
            torque: ZERO,
            turn_rate: ZERO,
            inertia: [[1.0; BLOCK]; 3],
            inverse_inertia: [[1.0; BLOCK]; 3],
            inverse_exhaust: ZERO,
            applied: ZERO3,
            half_turn2: ZERO,
        }
    }
}

/// What flight reads from motion: proper velocity, its pace, and what gravity adds to it.
pub struct Course<'a> {
    /// Proper velocity at the start of the tick, m/s.
    pub u: &'a Lane3,
    /// Pace at the start.
    pub w: &'a Lane,
    /// As in [`Pace`].
    pub both: &'a Lane,
    /// As in [`Pace`].
    pub per_gamma: &'a Lane,
    /// What gravity adds, m/s.
    pub fallen: &'a Lane3,
}

impl Crew {
    /// Takes a ship into row `i`. Controls that reach nothing, as on a wreck, are to be given as neutral.
    #[inline(always)]
    pub fn board(
        &mut self,
        i: usize,
        class: &ShipClass,
        controls: &Controls,
        (attitude, spin, tank, assist): (&Attitude, &Spin, &Tank, &Assist),
    ) {
        let q = attitude.icrf_from_body;
        [self.attitude[0][i], self.attitude[1][i], self.attitude[2][i], self.attitude[3][i]] = [q.x, q.y, q.z, q.w];
        self.main[i] = f64::from(controls.main) * (1.0 / FULL);
        self.assist[i] = f64::from(controls.assist);
        self.fuel[i] = tank.fuel_kg;
        self.dry_mass[i] = class.dry_mass_kg;
        self.rcs[i] = class.rcs_thrust_n;
        self.engine[i] = class.main_thrust_n;
        self.torque[i] = class.torque_n_m;
        self.turn_rate[i] = class.turn_rate_rad_s;
        self.inverse_exhaust[i] = class.exhaust_m_s;
        for axis in 0..3 {
            self.spin[axis][i] = spin.body_rad_s[axis];
            // One more step to the negative side exists; it is not more than full.
            self.stick[axis][i] = (f64::from(controls.translate[axis]) * (1.0 / FULL)).max(-1.0);
            self.turn[axis][i] = (f64::from(controls.rotate[axis]) * (1.0 / FULL)).max(-1.0);
            let asked = controls.translate[axis] != 0 || (axis == 0 && controls.main != 0);
            self.asked[axis][i] = f64::from(u8::from(asked));
            self.reference[axis][i] = assist.reference_m_s[axis];
            self.inertia[axis][i] = class.inertia_kg_m2[axis];
        }
    }

    /// Engines over one tick: fills `gained` with what they add to the proper velocity, burns propellant, and
    /// takes the assist frame along where a control asks for motion.
    #[inline(always)]
    pub fn burn(&mut self, course: &Course<'_>, light: Light, tick: TickLength, gained: &mut Lane3) {
        let dt = tick.dt_s;
        for i in 0..BLOCK {
            for axis in 0..3 {
                self.inverse_inertia[axis][i] = 1.0 / self.inertia[axis][i];
            }
            self.inverse_exhaust[i] = 1.0 / self.inverse_exhaust[i];
        }
        for i in 0..BLOCK {
            let u = [course.u[0][i], course.u[1][i], course.u[2][i]];
            let pace = Pace { w: course.w[i], both: course.both[i], per_gamma: course.per_gamma[i] };
            let m = self.matrix(i);
            let assisted = self.assist[i] > 0.0;
            let drift =
                to_body(&m, [u[0] - self.reference[0][i], u[1] - self.reference[1][i], u[2] - self.reference[2][i]]);
            let mass = self.dry_mass[i] + self.fuel[i];
            let mut force = [0.0; 3];
            for axis in 0..3 {
                let stop = limited(-drift[axis] * (mass * tick.per_dt), self.rcs[i]);
                let asked = self.stick[axis][i] * self.rcs[i];
                let stopping = assisted & (self.asked[axis][i] == 0.0);
                force[axis] = if stopping { stop } else { asked };
                let change = self.turn[axis][i] * self.turn_rate[i] - self.spin[axis][i];
                let hold = self.inertia[axis][i] * change * tick.per_dt;
                let torque = if assisted { hold } else { self.turn[axis][i] * self.torque[i] };
                self.applied[axis][i] = limited(torque, self.torque[i]) * self.inverse_inertia[axis][i];
            }
            let engine = self.main[i] * self.engine[i];
            let sum = engine + force[0].abs() + force[1].abs() + force[2].abs();
            let wanted = sum * (dt * (1.0 - pace.lag())) * self.inverse_exhaust[i];
            // The last drop gives the share of a tick's thrust that it lasts for.
            let short = wanted > self.fuel[i];
            let burned = if short { self.fuel[i] } else { wanted };
            let share = if short { self.fuel[i] / wanted } else { 1.0 };
            // Mean mass over the tick: second order in what is burned.
            let per_mass = share / (mass - 0.5 * burned);
            self.fuel[i] -= burned;
            let a = to_icrf(&m, [(force[0] + engine) * per_mass, force[1] * per_mass, force[2] * per_mass]);

            // Explicit midpoint: the push depends on the velocity that it changes.
            let first = push(light, pace, u, a);
            let mut middle = [0.0; 3];
            for axis in 0..3 {
                middle[axis] = u[axis] + (course.fallen[axis][i] + first[axis] * dt) * 0.5;
            }
            let second = push(light, light.pace(dot(middle, middle)), middle, a);
            let gain = [second[0] * dt, second[1] * dt, second[2] * dt];
            let mut along = to_body(&m, gain);
            for (axis, along) in along.iter_mut().enumerate() {
                *along *= self.asked[axis][i];
            }
            let follow = to_icrf(&m, along);
            for axis in 0..3 {
                gained[axis][i] = gain[axis];
                let reference = self.reference[axis][i] + follow[axis] * self.assist[i] + course.fallen[axis][i];
                self.reference[axis][i] = limited(reference, VELOCITY_MAX_M_S);
            }
        }
    }

    /// Turns every ship by its own time: `motion_lag` is how much slower than coordinate time that runs.
    /// Euler's equations by the explicit midpoint rule, attitude by the exact rotation of the mean rate.
    #[inline(always)]
    pub fn turn(&mut self, motion_lag: &Lane, dt: f64) {
        for i in 0..BLOCK {
            let own = dt * (1.0 - motion_lag[i]);
            let rate = [self.spin[0][i], self.spin[1][i], self.spin[2][i]];
            let first = self.angular_change(i, rate);
            let middle: [f64; 3] = core::array::from_fn(|k| rate[k] + first[k] * (0.5 * own));
            let second = self.angular_change(i, middle);
            let next: [f64; 3] = core::array::from_fn(|k| limited(rate[k] + second[k] * own, TURN_MAX_RAD_S));
            let half: [f64; 3] = core::array::from_fn(|k| (rate[k] + next[k]) * (0.25 * own));
            let a2 = dot(half, half);
            let turned = turned(core::array::from_fn(|k| self.attitude[k][i]), half, a2);
            for (k, turned) in turned.into_iter().enumerate() {
                self.attitude[k][i] = if a2 > 0.0 && a2 < SMALL_TURN2 { turned } else { self.attitude[k][i] };
            }
            for axis in 0..3 {
                self.spin[axis][i] = next[axis];
                self.applied[axis][i] = half[axis];
            }
            self.half_turn2[i] = a2;
        }
    }

    /// Gives row `i` back.
    #[inline(always)]
    pub fn leave(&self, i: usize, attitude: &mut Attitude, spin: &mut Spin, tank: &mut Tank, assist: &mut Assist) {
        let q =
            glam::DQuat::from_xyzw(self.attitude[0][i], self.attitude[1][i], self.attitude[2][i], self.attitude[3][i]);
        // Large turns in one tick are rare, and need a sine.
        attitude.icrf_from_body =
            if self.half_turn2[i] < SMALL_TURN2 { q } else { super::flight::turned_by(q, row(&self.applied, i)) };
        spin.body_rad_s = row(&self.spin, i);
        tank.fuel_kg = self.fuel[i];
        assist.reference_m_s = row(&self.reference, i);
    }

    /// Rotation matrix of a row, by rows: what turns body axes into ICRF axes.
    #[inline(always)]
    fn matrix(&self, i: usize) -> [[f64; 3]; 3] {
        let [x, y, z, w] = [self.attitude[0][i], self.attitude[1][i], self.attitude[2][i], self.attitude[3][i]];
        let (x2, y2, z2) = (x + x, y + y, z + z);
        let (xx, xy, xz) = (x * x2, x * y2, x * z2);
        let (yy, yz, zz) = (y * y2, y * z2, z * z2);
        let (wx, wy, wz) = (w * x2, w * y2, w * z2);
        [[1.0 - (yy + zz), xy - wz, xz + wy], [xy + wz, 1.0 - (xx + zz), yz - wx], [xz - wy, yz + wx, 1.0 - (xx + yy)]]
    }

    /// Angular acceleration at turn rate `w`: what is applied, less the gyroscopic torque.
    #[inline(always)]
    fn angular_change(&self, i: usize, w: [f64; 3]) -> [f64; 3] {
        let l: [f64; 3] = core::array::from_fn(|k| self.inertia[k][i] * w[k]);
        let torque = [w[1] * l[2] - w[2] * l[1], w[2] * l[0] - w[0] * l[2], w[0] * l[1] - w[1] * l[0]];
        core::array::from_fn(|k| self.applied[k][i] - torque[k] * self.inverse_inertia[k][i])
    }
}

/// A vector of a row.
#[inline(always)]
pub fn row(lanes: &Lane3, i: usize) -> glam::DVec3 {
    glam::DVec3::new(lanes[0][i], lanes[1][i], lanes[2][i])
}

#[inline(always)]
fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// `value` held within plus or minus `most`.
#[inline(always)]
pub fn limited(value: f64, most: f64) -> f64 {
    let below = if value > most { most } else { value };
    if below < -most { -most } else { below }
}

#[inline(always)]
fn to_icrf(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    [dot(m[0], v), dot(m[1], v), dot(m[2], v)]
}

#[inline(always)]
fn to_body(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    core::array::from_fn(|k| m[0][k] * v[0] + m[1][k] * v[1] + m[2][k] * v[2])
}

/// As [`Light::thrust`].
#[inline(always)]
fn push(light: Light, pace: Pace, u: [f64; 3], a: [f64; 3]) -> [f64; 3] {
    let along = dot(u, a) * light.inverse_c2 * pace.both;
    core::array::from_fn(|k| a[k] * pace.per_gamma + u[k] * along)
}

/// Attitude `q` (x, y, z, w) after turning by twice the vector `half`, whose square `a2` is small.
#[inline(always)]
fn turned(q: [f64; 4], half: [f64; 3], a2: f64) -> [f64; 4] {
    // Taylor series; the neglected terms are below 3e-17 for a2 < 0.01.
    let sinc = 1.0 + a2 * (-1.0 / 6.0 + a2 * (1.0 / 120.0 + a2 * (-1.0 / 5040.0 + a2 * (1.0 / 362_880.0))));
    let cos = 1.0 + a2 * (-0.5 + a2 * (1.0 / 24.0 + a2 * (-1.0 / 720.0 + a2 * (1.0 / 40_320.0))));
    let [bx, by, bz] = [half[0] * sinc, half[1] * sinc, half[2] * sinc];
    let [x, y, z, w] = q;
    let next = [
        w * bx + x * cos + y * bz - z * by,
        w * by - x * bz + y * cos + z * bx,
        w * bz + x * by - y * bx + z * cos,
        w * cos - x * bx - y * by - z * bz,
    ];
    // One Newton step back to unit length: all that rounding asks for.
    let length2 = next[0] * next[0] + next[1] * next[1] + next[2] * next[2] + next[3] * next[3];
    next.map(
        #[inline(always)]
        |v| v * (1.5 - 0.5 * length2),
    )
}
