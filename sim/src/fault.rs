//! Deliberately broken systems, for tests of the tools that have to find them. Not part of any build for use.

use crate::component::{Tank, Velocity};
use crate::state::State;
use crate::step::System;

/// One wrong bit: what a compiler, a processor or a careless change might do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The step to this tick goes wrong.
    pub tick: u64,
    /// In this system.
    pub system: System,
    /// At this entity, whose velocity (or, in [`System::Contact`], tank) is off by one unit in the last place.
    pub entity: u64,
}

/// Breaks the state after `system` if that is the fault.
pub(crate) fn strike(fault: Option<Fault>, system: System, state: &mut State) {
    let Some(fault) = fault else { return };
    if fault.system != system || fault.tick != state.time.tick.0 + 1 {
        return;
    }
    let nudged = |value: f64| f64::from_bits(value.to_bits() ^ 1);
    if system == System::Contact {
        if let Some(tank) = state.world.get::<Tank>(fault.entity) {
            state.world.set(fault.entity, Tank { fuel_kg: nudged(tank.fuel_kg) });
        }
    } else if let Some(mut velocity) = state.world.get::<Velocity>(fault.entity) {
        velocity.proper_m_s.y = nudged(velocity.proper_m_s.y);
        state.world.set(fault.entity, velocity);
    }
}
