//! How attitude follows from turn rate, for one thing at a time, and the length of a tick.

use glam::{DQuat, DVec3};

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

/// Attitude after turning at `rate` (rad/s, body axes) for `dt_s`.
#[inline]
#[must_use]
pub fn turned(attitude: DQuat, rate: DVec3, dt_s: f64) -> DQuat {
    turned_by(attitude, rate * (0.5 * dt_s))
}

/// Attitude after turning by twice the vector `half` (rad, body axes).
#[inline]
#[must_use]
pub fn turned_by(attitude: DQuat, half: DVec3) -> DQuat {
    let a2 = half.length_squared();
    if a2 == 0.0 {
        return attitude;
    }
    let a = a2.sqrt();
    let (sin, cos) = libm::sincos(a);
    let axis = half * (sin / a);
    let next = attitude * DQuat::from_xyzw(axis.x, axis.y, axis.z, cos);
    // One Newton step back to unit length: all that rounding asks for.
    next * (1.5 - 0.5 * next.length_squared())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_is_exact_for_small_and_large_angles() {
        let dt = 1.0 / 90.0;
        for (rate, ticks) in [(0.7, 9_000), (25.0, 90), (1e4, 90)] {
            let mut q = DQuat::IDENTITY;
            for _ in 0..ticks {
                q = turned(q, DVec3::Z * rate, dt);
            }
            let (sin, cos) = libm::sincos(rate * dt * f64::from(ticks) / 2.0);
            assert!((q.z - sin).abs() < 1e-9 && (q.w - cos).abs() < 1e-9, "{q} at {rate}");
        }
    }
}
