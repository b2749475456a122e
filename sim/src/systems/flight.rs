//! What engines and controls do to one ship in one tick: proper acceleration, torque, propellant. Also how
//! attitude follows from turn rate. Pure functions of one ship's numbers.

use glam::{DQuat, DVec3};

use crate::component::{Controls, Spin, Tank};
use crate::scenario::ShipClass;

/// Full deflection of a control.
const FULL: f64 = 32767.0;

/// What follows from the numbers of a ship class, worked out once a tick.
#[derive(Clone, Copy, Debug)]
pub struct Handling {
    /// 1 / moments of inertia, 1/(kg m^2).
    pub inverse_inertia: DVec3,
    /// 1 / exhaust speed, s/m.
    pub inverse_exhaust: f64,
}

impl From<&ShipClass> for Handling {
    fn from(class: &ShipClass) -> Self {
        Self { inverse_inertia: class.inertia_kg_m2.recip(), inverse_exhaust: 1.0 / class.exhaust_m_s }
    }
}

/// Length of a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TickLength {
    /// Coordinate time, s, above zero.
    pub dt_s: f64,
    /// 1 / `dt_s`.
    pub per_dt: f64,
}

impl TickLength {
    /// A tick of `dt_s` seconds, above zero.
    #[must_use]
    pub fn new(dt_s: f64) -> Self {
        Self { dt_s, per_dt: 1.0 / dt_s }
    }
}

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
    let scale = |v: i16| (f64::from(v) * (1.0 / FULL)).max(-1.0);
    DVec3::new(scale(raw[0]), scale(raw[1]), scale(raw[2]))
}

/// Engine and thruster response to the controls over one tick, of which the ship lives through `own_s`.
/// `drift_m_s` is the velocity relative to the assist frame in body axes; only assist looks at it.
#[inline]
#[must_use]
pub fn push(
    (class, handling): (&ShipClass, &Handling),
    controls: &Controls,
    spin: &Spin,
    tank: Tank,
    drift_m_s: DVec3,
    tick: TickLength,
    own_s: f64,
) -> Push {
    let assist = controls.assist != 0;
    let stick = deflection(controls.translate);
    let turn = deflection(controls.rotate);
    let main = f64::from(controls.main) * (1.0 / FULL);
    let mass = class.dry_mass_kg + tank.fuel_kg;

    let mut thrusters = stick * class.rcs_thrust_n;
    if assist {
        // Stop, within the thrusters' strength, whatever motion no control asks for.
        let limit = DVec3::splat(class.rcs_thrust_n);
        let stop = (drift_m_s * (-mass * tick.per_dt)).clamp(-limit, limit);
        for axis in 0..3 {
            if !asked(controls, axis) {
                thrusters[axis] = stop[axis];
            }
        }
    }
    let engine = main * class.main_thrust_n;

    let wanted = if assist {
        class.inertia_kg_m2 * (turn * class.turn_rate_rad_s - spin.body_rad_s) * tick.per_dt
    } else {
        turn * class.torque_n_m
    };
    let limit = DVec3::splat(class.torque_n_m);
    let torque = wanted.clamp(-limit, limit);

    let force_sum = engine + thrusters.x.abs() + thrusters.y.abs() + thrusters.z.abs();
    let wanted_kg = force_sum * own_s * handling.inverse_exhaust;
    // The last drop gives the share of a tick's thrust that it lasts for.
    let (burned_kg, share) =
        if wanted_kg > tank.fuel_kg { (tank.fuel_kg, tank.fuel_kg / wanted_kg) } else { (wanted_kg, 1.0) };
    // Mean mass over the tick: second order in what is burned.
    let acceleration = (thrusters + DVec3::X * engine) * (share / (mass - 0.5 * burned_kg));
    Push { body_m_s2: acceleration, body_rad_s2: torque * handling.inverse_inertia, burned_kg }
}

/// Whether a control asks for thrust along a body axis.
#[inline(always)]
#[must_use]
pub fn asked(controls: &Controls, axis: usize) -> bool {
    controls.translate[axis] != 0 || (axis == 0 && controls.main != 0)
}

/// Turn rate after `dt_s` under angular acceleration `applied`, with the gyroscopic torque of unequal
/// moments of inertia (Euler's equations, explicit midpoint).
#[inline]
#[must_use]
pub fn turn_rate((class, handling): (&ShipClass, &Handling), rate: DVec3, applied: DVec3, dt_s: f64) -> DVec3 {
    let inertia = class.inertia_kg_m2;
    let change = |w: DVec3| applied - w.cross(inertia * w) * handling.inverse_inertia;
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
    let (sinc, cos) = if a2 < 0.01 {
        // Taylor series; the neglected terms are below 3e-17 here.
        let sinc = 1.0 + a2 * (-1.0 / 6.0 + a2 * (1.0 / 120.0 + a2 * (-1.0 / 5040.0 + a2 * (1.0 / 362_880.0))));
        let cos = 1.0 + a2 * (-0.5 + a2 * (1.0 / 24.0 + a2 * (-1.0 / 720.0 + a2 * (1.0 / 40_320.0))));
        (sinc, cos)
    } else {
        let a = a2.sqrt();
        let (sin, cos) = libm::sincos(a);
        (sin / a, cos)
    };
    let axis = half * sinc;
    let next = attitude * DQuat::from_xyzw(axis.x, axis.y, axis.z, cos);
    // One Newton step back to unit length: all that rounding asks for.
    next * (1.5 - 0.5 * next.length_squared())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f64 = 1.0 / 90.0;

    #[test]
    fn full_throttle_gives_thrust_over_mass_and_burns_by_exhaust_speed() {
        let class = ShipClass::scout();
        let controls = Controls { main: 32767, ..Controls::default() };
        let (handling, tick) = (Handling::from(&class), TickLength::new(DT));
        let full = Tank { fuel_kg: 4_000.0 };
        let p = push((&class, &handling), &controls, &Spin::default(), full, DVec3::ZERO, tick, DT);
        assert!((p.burned_kg - 120_000.0 * DT / 30_000.0).abs() < 1e-15);
        assert!((p.body_m_s2.x - 120_000.0 / (12_000.0 - 0.5 * p.burned_kg)).abs() < 1e-12);
        let empty = push((&class, &handling), &controls, &Spin::default(), Tank::default(), DVec3::ZERO, tick, DT);
        assert_eq!(empty.body_m_s2, DVec3::ZERO);
    }

    #[test]
    fn assist_stops_drift_and_turn_within_the_limits() {
        let class = ShipClass::scout();
        let controls = Controls { assist: 1, ..Controls::default() };
        let tank = Tank { fuel_kg: 4_000.0 };
        let (handling, tick) = (Handling::from(&class), TickLength::new(DT));
        let slow = push((&class, &handling), &controls, &Spin::default(), tank, DVec3::new(0.0, 0.01, 0.0), tick, DT);
        assert!((slow.body_m_s2.y * DT + 0.01).abs() < 1e-6, "stops at once");
        let spin = Spin { body_rad_s: DVec3::Z };
        let fast = push((&class, &handling), &controls, &spin, tank, DVec3::new(0.0, 0.0, 50.0), tick, DT);
        assert!((fast.body_m_s2.z + 12_000.0 / 12_000.0).abs() < 1e-5, "full thruster");
        assert!((fast.body_rad_s2.z + 60_000.0 / 70_000.0).abs() < 1e-15, "full torque");
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
        let class = ShipClass { inertia_kg_m2: inertia, ..ShipClass::scout() };
        let handling = Handling::from(&class);
        let mut w = DVec3::new(0.3, 0.5, -0.2);
        let energy = |w: DVec3| (inertia * w).dot(w);
        let momentum = |w: DVec3| (inertia * w).length();
        let start = (energy(w), momentum(w));
        for _ in 0..90 * 60 {
            w = turn_rate((&class, &handling), w, DVec3::ZERO, DT);
        }
        assert!((energy(w) / start.0 - 1.0).abs() < 1e-6);
        assert!((momentum(w) / start.1 - 1.0).abs() < 1e-6);
    }
}
