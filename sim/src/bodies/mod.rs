//! STUB to be replaced by the merge.
use crate::scenario::{Body, Forces};
use crate::space::Position;
use crate::time::SimTime;
use glam::DVec3;
use serde::{Deserialize, Serialize};

/// stub
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BodyState {
    /// stub
    pub position: Position,
    /// stub
    pub position_m: DVec3,
    /// stub
    pub velocity_m_s: DVec3,
}
/// stub
#[derive(Clone)]
pub struct Ephemeris {
    bodies: Vec<(DVec3, DVec3)>,
    rate: f64,
}
/// stub
#[derive(Serialize, Deserialize)]
pub struct EphemerisState;
#[allow(missing_docs)]
impl Ephemeris {
    pub fn new(bodies: &[Body], _: Forces, rate_hz: u32) -> Self {
        Self { bodies: bodies.iter().map(|b| (b.position_m, b.velocity_m_s)).collect(), rate: f64::from(rate_hz) }
    }
    pub fn advance_to(&mut self, _: SimTime, _: SimTime) {}
    pub fn states_at(&self, q: f64, out: &mut Vec<BodyState>) {
        out.clear();
        let t = q / (4.0 * self.rate);
        out.extend(self.bodies.iter().map(|(p, v)| BodyState {
            position: Position::from_metres(*p + *v * t),
            position_m: *p + *v * t,
            velocity_m_s: *v,
        }));
    }
    pub fn digest_words(&self, _: &mut impl FnMut(u64)) {}
    pub fn state(&self) -> EphemerisState {
        EphemerisState
    }
    pub fn restore(b: &[Body], f: Forces, r: u32, _: EphemerisState) -> Result<Self, ()> {
        Ok(Self::new(b, f, r))
    }
    pub fn covers(&self, _: SimTime) -> bool {
        true
    }
}
/// stub
///
/// # Errors
/// stub
pub fn states_at_seconds(
    bodies: &[Body],
    forces: Forces,
    rate_hz: u32,
    times_s: &[f64],
) -> Result<Vec<Vec<BodyState>>, std::num::TryFromIntError> {
    let ephemeris = Ephemeris::new(bodies, forces, rate_hz);
    let at = |t: &f64| {
        let mut out = Vec::new();
        ephemeris.states_at(t * crate::time::quarters_per_second(rate_hz), &mut out);
        out
    };
    Ok(times_s.iter().map(at).collect())
}
