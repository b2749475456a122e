//! What engines and controls do to one ship in one tick: proper acceleration, torque, propellant. Also how
//! attitude follows from turn rate. Pure functions of one ship's numbers.

use glam::{DQuat, DVec3};

use crate::component::{Controls, Spin, Tank};
use crate::scenario::ShipClass;

/// Full deflection of a control.
const FULL: f64 = 32767.0;

/// What the engines do during a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Push {
    /// Proper acceleration, m/s^2, body axes.
    pub body_m_s2: DVec3,
    /// Angular acceleration, rad/s^2, body axes.
    pub body_rad_s2: DVec3,
    /// Propellant used, kg.
    pub burned_kg: f64,
}

fn deflection(raw: [i16; 3]) -> DVec3 {
    // One more step to the negative side exists; it is not more than full.
    let scale = |v: i16| (f64::from(v) / FULL).max(-1.0);
    DVec3::new(scale(raw[0]), scale(raw[1]), scale(raw[2]))
}

/// Engine and thruster response to the controls over `dt_s` of the ship's own time. `drift_m_s` is the
/// velocity relative to the assist frame in body axes; only assist looks at it.
#[inline]
#[must_use]
pub fn push(class: &ShipClass, controls: &Controls, spin: &Spin, tank: Tank, drift_m_s: DVec3, dt_s: f64) -> Push {
    let assist = controls.assist != 0;
    let stick = deflection(controls.translate);
    let turn = deflection(controls.rotate);
    let main = f64::from(controls.main) / FULL;
    let mass = class.dry_mass_kg + tank.fuel_kg;

    let mut thrusters = stick * class.rcs_thrust_n;
    if assist {
        // Stop, within the thrusters' strength, whatever motion no control asks for.
        let stop = -drift_m_s * (mass / dt_s);
        let limit = DVec3::splat(class.rcs_thrust_n);
        let stop = stop.clamp(-limit, limit);
        for axis in 0..3 {
            if controls.translate[axis] == 0 && (axis != 0 || controls.main == 0) {
                thrusters[axis] = stop[axis];
            }
        }
    }
    let engine = main * class.main_thrust_n;

    let wanted = if assist {
        class.inertia_kg_m2 * (turn * class.turn_rate_rad_s - spin.body_rad_s) / dt_s
    } else {
        turn * class.torque_n_m
    };
    let limit = DVec3::splat(class.torque_n_m);
    let torque = wanted.clamp(-limit, limit);

    let force_sum = engine + thrusters.x.abs() + thrusters.y.abs() + thrusters.z.abs();
    let wanted_kg = force_sum * dt_s / class.exhaust_m_s;
    // The last drop gives the share of a tick's thrust that it lasts for.
    let share = if wanted_kg > tank.fuel_kg { tank.fuel_kg / wanted_kg } else { 1.0 };
    let burned_kg = if wanted_kg > tank.fuel_kg { tank.fuel_kg } else { wanted_kg };
    // Mean mass over the tick: second order in what is burned.
    let acceleration = (thrusters + DVec3::X * engine) * (share / (mass - 0.5 * burned_kg));
    Push { body_m_s2: acceleration, body_rad_s2: torque / class.inertia_kg_m2, burned_kg }
}

/// Turn rate after `dt_s` under angular acceleration `applied`, with the gyroscopic torque of unequal
/// moments of inertia (Euler's equations, explicit midpoint).
#[inline]
#[must_use]
pub fn turn_rate(inertia: DVec3, rate: DVec3, applied: DVec3, dt_s: f64) -> DVec3 {
    let change = |w: DVec3| applied - w.cross(inertia * w) / inertia;
    let middle = rate + change(rate) * (0.5 * dt_s);
    rate + change(middle) * dt_s
}

/// Attitude after turning at `rate` (rad/s, body axes) for `dt_s`.
#[inline]
#[must_use]
pub fn turned(attitude: DQuat, rate: DVec3, dt_s: f64) -> DQuat {
    let half = rate * (0.5 * dt_s);
    let a2 = half.length_squared();
    if a2 == 0.0 {
        return attitude;
    }
    let by = if a2 < 0.01 {
        // tan(a)/a by its series; the neglected term is 62/2835 a^8, below 3e-10 here. Normalising makes the
        // quaternion (1, tan a) the exact rotation by 2a.
        let tangent = half * (1.0 + a2 * (1.0 / 3.0 + a2 * (2.0 / 15.0 + a2 * (17.0 / 315.0))));
        DQuat::from_xyzw(tangent.x, tangent.y, tangent.z, 1.0)
    } else {
        let a = a2.sqrt();
        let (sin, cos) = libm::sincos(a);
        let axis = half * (sin / a);
        DQuat::from_xyzw(axis.x, axis.y, axis.z, cos)
    };
    let next = attitude * by;
    next * (1.0 / next.length_squared().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f64 = 1.0 / 90.0;

    #[test]
    fn full_throttle_gives_thrust_over_mass_and_burns_by_exhaust_speed() {
        let class = ShipClass::scout();
        let controls = Controls { main: 32767, ..Controls::default() };
        let p = push(&class, &controls, &Spin::default(), Tank { fuel_kg: 4_000.0 }, DVec3::ZERO, DT);
        assert!((p.burned_kg - 120_000.0 * DT / 30_000.0).abs() < 1e-15);
        assert!((p.body_m_s2.x - 120_000.0 / (12_000.0 - 0.5 * p.burned_kg)).abs() < 1e-12);
        assert_eq!(push(&class, &controls, &Spin::default(), Tank::default(), DVec3::ZERO, DT).body_m_s2, DVec3::ZERO);
    }

    #[test]
    fn assist_stops_drift_and_turn_within_the_limits() {
        let class = ShipClass::scout();
        let controls = Controls { assist: 1, ..Controls::default() };
        let tank = Tank { fuel_kg: 4_000.0 };
        let slow = push(&class, &controls, &Spin::default(), tank, DVec3::new(0.0, 0.01, 0.0), DT);
        assert!((slow.body_m_s2.y * DT + 0.01).abs() < 1e-6, "stops at once");
        let fast = push(&class, &controls, &Spin { body_rad_s: DVec3::Z }, tank, DVec3::new(0.0, 0.0, 50.0), DT);
        assert!((fast.body_m_s2.z + 12_000.0 / 12_000.0).abs() < 1e-5, "full thruster");
        assert_eq!(fast.body_rad_s2.z, -60_000.0 / 70_000.0, "full torque");
    }

    #[test]
    fn turning_is_exact_for_small_and_large_angles() {
        for (rate, ticks) in [(0.7, 9_000), (25.0, 90)] {
            let mut q = DQuat::IDENTITY;
            for _ in 0..ticks {
                q = turned(q, DVec3::Z * rate, DT);
            }
            let angle = rate * DT * f64::from(ticks);
            let (sin, cos) = libm::sincos(angle / 2.0);
            assert!((q.z - sin).abs() < 1e-9 && (q.w - cos).abs() < 1e-9, "{q} for {angle}");
        }
    }

    #[test]
    fn free_tumbling_keeps_energy_and_momentum() {
        let inertia = DVec3::new(1.0, 2.0, 3.0);
        let mut w = DVec3::new(0.3, 0.5, -0.2);
        let energy = |w: DVec3| (inertia * w).dot(w);
        let momentum = |w: DVec3| (inertia * w).length();
        let start = (energy(w), momentum(w));
        for _ in 0..90 * 60 {
            w = turn_rate(inertia, w, DVec3::ZERO, DT);
        }
        assert!((energy(w) / start.0 - 1.0).abs() < 1e-6);
        assert!((momentum(w) / start.1 - 1.0).abs() < 1e-6);
    }
}
