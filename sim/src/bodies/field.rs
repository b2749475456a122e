//! The forces by themselves, for tests and for other integrators to be compared on. Must never be a second
//! version of them.

use glam::DVec3;
use pulp::{Arch, Simd, WithSimd};

use super::BodyState;
use super::model::Model;
use super::step::Scratch;
use crate::scenario::{Body, Forces};

/// What accelerates bodies, with the poles they have at the epoch.
#[derive(Debug)]
pub struct ForceField {
    model: Model,
    scratch: Scratch,
    arch: Arch,
}

impl ForceField {
    /// The forces between `bodies`.
    #[must_use]
    pub fn new(bodies: &[Body], forces: Forces) -> Self {
        let model = Model::new(&bodies[..bodies.len().min(super::MAX_BODIES)], forces);
        let mut scratch = Scratch::default();
        scratch.fit(&model);
        Self { model, scratch, arch: Arch::new() }
    }

    /// Accelerations in m/s^2 at positions in m and velocities in m/s, in the bodies' order.
    pub fn accelerations(&mut self, position_m: &[DVec3], velocity_m_s: &[DVec3], out: &mut [DVec3]) {
        let Self { model, scratch, arch } = self;
        scratch.load(model, position_m, velocity_m_s);
        arch.dispatch(Evaluate { model, scratch });
        for (i, out) in out.iter_mut().enumerate().take(model.count) {
            *out = scratch.acceleration(model, i);
        }
    }
}

struct Evaluate<'a> {
    model: &'a Model,
    scratch: &'a mut Scratch,
}

impl WithSimd for Evaluate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.scratch.evaluate(self.model);
    }
}

/// Newtonian energy of bodies that are points outside each other, times the gravitational constant,
/// m^5/s^4; and their angular momentum about the origin, times the same, m^5/s^3.
#[must_use]
pub fn newtonian_energy(bodies: &[Body], states: &[BodyState]) -> (f64, DVec3) {
    let (mut energy, mut spin) = (0.0, DVec3::ZERO);
    for (i, (a, s)) in bodies.iter().zip(states).enumerate() {
        energy += 0.5 * a.gm_m3_s2 * s.velocity_m_s.length_squared();
        spin += a.gm_m3_s2 * s.position_m.cross(s.velocity_m_s);
        for (b, t) in bodies[..i].iter().zip(states) {
            energy -= a.gm_m3_s2 * b.gm_m3_s2 / s.position.minus(t.position).length();
        }
    }
    (energy, spin)
}
