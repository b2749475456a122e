//! Special-relativistic kinematics in proper velocity `u = gamma v`, and weak-field clocks. Formulas are
//! arranged so that nothing cancels where velocities are small beside c.
//!
//! Sources: Misner, Thorne and Wheeler, "Gravitation" (1973), sections 6.2 (constant proper acceleration)
//! and 40.1 (weak-field metric).

use glam::DVec3;

/// The scenario's speed of light, in the forms that are needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Light {
    /// 1/c^2, s^2/m^2.
    pub inverse_c2: f64,
}

impl Light {
    /// `c` in m/s, above zero.
    #[must_use]
    pub fn new(c: f64) -> Self {
        Self { inverse_c2: 1.0 / (c * c) }
    }

    /// Lorentz factor of proper velocity `u`: sqrt(1 + u^2/c^2).
    #[inline(always)]
    #[must_use]
    pub fn gamma(self, u: DVec3) -> f64 {
        (1.0 + u.length_squared() * self.inverse_c2).sqrt()
    }

    /// Coordinate velocity `v = u / gamma`, m/s; always slower than c.
    #[inline(always)]
    #[must_use]
    pub fn velocity(self, u: DVec3) -> DVec3 {
        u * self.pace(u.length_squared()).per_gamma
    }

    /// The factors that follow from a speed, with one root and one division.
    #[inline(always)]
    #[must_use]
    pub fn pace(self, u2: f64) -> Pace {
        let w = u2 * self.inverse_c2;
        let gamma = (1.0 + w).sqrt();
        let both = 1.0 / (gamma * (1.0 + gamma));
        Pace { w, both, per_gamma: (1.0 + gamma) * both }
    }

    /// Rate of change of `u`, m/s^2 of coordinate time, under proper acceleration `a` (rest frame, axes
    /// not turned): `a` lengthwise, `a/gamma` crosswise. `pace` is that of `u`.
    #[inline(always)]
    #[must_use]
    pub fn thrust(self, pace: Pace, u: DVec3, a: DVec3) -> DVec3 {
        a * pace.per_gamma + u * (u.dot(a) * self.inverse_c2 * pace.both)
    }

    /// Seconds per second by which a clock at rest lags where the sum of GM/r is `potential` (m^2/s^2):
    /// 1 - sqrt(1 - 2 potential/c^2), which never exceeds one half.
    #[inline(always)]
    #[must_use]
    pub fn gravity_lag(self, potential: f64) -> f64 {
        // The weak-field formula ends long before this; a clock must not run backwards where it is misused.
        let q = (2.0 * potential * self.inverse_c2).min(0.75);
        q / (1.0 + (1.0 - q).sqrt())
    }

    /// Proper velocity, seen from outside, of what leaves a ship of proper velocity `u` with proper
    /// velocity `w` in the ship's frame.
    #[must_use]
    pub fn boost(self, u: DVec3, w: DVec3) -> DVec3 {
        let along = u.dot(w) * self.inverse_c2 / (1.0 + self.gamma(u));
        w + u * (along + self.gamma(w))
    }
}

/// What a speed does to velocity, force and clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// u^2/c^2.
    pub w: f64,
    /// 1 / (gamma (1 + gamma)).
    pub both: f64,
    /// 1 / gamma: what turns `u` into `v`.
    pub per_gamma: f64,
}

impl Pace {
    /// What the weak-field acceleration does to `u` beyond Newton: the factor gamma (1 + v^2/c^2), so that
    /// light falls twice as fast as a slow body.
    #[inline(always)]
    #[must_use]
    pub fn weight(self) -> f64 {
        (1.0 + 2.0 * self.w) * self.per_gamma
    }

    /// Seconds per second by which the moving clock lags: 1 - 1/gamma, without cancellation.
    #[inline(always)]
    #[must_use]
    pub fn lag(self) -> f64 {
        self.w * self.both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: f64 = 299_792_458.0;

    #[test]
    fn nothing_reaches_c() {
        let light = Light::new(C);
        for u in [1.0, 1e8, 1e12, 1e30] {
            let v = light.velocity(DVec3::new(u, u, u)).length();
            assert!(v <= C, "{v}");
        }
    }

    #[test]
    fn small_lags_keep_their_digits() {
        let light = Light::new(C);
        // v^2 / 2c^2 for an orbital speed of 7.66 km/s.
        let lag = light.pace(7660.0 * 7660.0).lag();
        assert!((lag / (7660.0 * 7660.0 / (2.0 * C * C)) - 1.0).abs() < 1e-9, "{lag:e}");
        // The Earth's surface: GM/(R c^2).
        let surface = light.gravity_lag(3.986_004_418e14 / 6.371e6);
        assert!((surface / 6.961_3e-10 - 1.0).abs() < 1e-4, "{surface:e}");
    }

    #[test]
    fn boosts_compose_like_rapidities() {
        let light = Light::new(C);
        let u = DVec3::X * C;
        let twice = light.boost(u, u);
        let expected = C * libm::sinh(2.0 * libm::asinh(1.0));
        assert!((twice.x / expected - 1.0).abs() < 1e-14);
        assert_eq!(light.boost(DVec3::ZERO, u), u);
    }
}
