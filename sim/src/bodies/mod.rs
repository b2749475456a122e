//! The massive bodies: forces, integrator, dense output.

mod data;
mod ephemeris;
mod figures;
mod gravity;
mod lanes;
mod model;
mod radau;
mod step;

use glam::DVec3;

use crate::space::Position;

pub use data::{EphemerisRangeError, solar_system};
pub use ephemeris::Ephemeris;

/// Most bodies in a world.
pub const MAX_BODIES: usize = 64;

/// Where a body is and how it moves, barycentric, ICRF axes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BodyState {
    /// The place.
    pub position: Position,
    /// The same, rounded to metres in f64.
    pub position_m: DVec3,
    /// m/s.
    pub velocity_m_s: DVec3,
}

impl BodyState {
    #[inline(always)]
    fn new(position: Position, velocity_m_s: DVec3) -> Self {
        Self { position, position_m: position.to_metres(), velocity_m_s }
    }
}
