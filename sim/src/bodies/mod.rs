//! The massive bodies: where they are at any moment, from the forces between them. Must never depend on
//! ships, on the clock, or on how often and in what order it is asked.
//!
//! [`solar_system`] gives the real bodies at a date, [`Ephemeris`] moves a list of bodies through the ticks of
//! a world, [`states_at_seconds`] answers for any times. Forces and integrator are described, compared with
//! alternatives and measured against JPL DE421 in `docs/INTEGRATOR.md`.

mod check;
mod data;
mod ephemeris;
mod field;
mod figures;
mod gravity;
mod lanes;
mod model;
mod query;
mod radau;
mod saved;
mod step;
#[cfg(test)]
mod tests;

use glam::DVec3;

use crate::space::Position;

pub use check::{BodyError, check_bodies};
pub use data::{EpochError, solar_system};
pub use ephemeris::Ephemeris;
pub use field::{ForceField, newtonian_energy};
pub use query::{QUERY_MAX_S, QueryError, states_at_seconds};
pub use saved::{RestoreError, SavedEphemeris};

/// Most bodies in a world.
pub const MAX_BODIES: usize = 64;

/// Where a body is and how it moves, barycentric, ICRF axes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BodyState {
    /// The place.
    pub position: Position,
    /// The same in metres, rounded to f64.
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
