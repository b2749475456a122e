//! What one tick did, for those outside: its digest, what was refused and what happened.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::input::PlayerId;
use crate::refusal::Refusal;
use crate::time::Tick;

/// Result of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickReport {
    /// The tick that the state is at now.
    pub tick: Tick,
    /// Digest of the state at that tick.
    pub digest: Digest,
    /// Commands that were not applied, in the order of the frame.
    pub refused: Vec<RefusedCommand>,
    /// What happened, in the order of the systems: commands in the frame's order, ground by entity id,
    /// contacts in order of time and then ids.
    pub events: Vec<Event>,
}

/// A command that was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCommand {
    /// Place in the frame's commands.
    pub index: u32,
    /// Who sent it.
    pub player: PlayerId,
    /// Why.
    pub reason: Refusal,
}

/// Something that happened in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A round left a gun.
    Fired {
        /// The ship.
        ship: u64,
        /// The new entity.
        round: u64,
    },
    /// Two entities touched, or a round hit something.
    Impact {
        /// Of two colliders the lower id; of a collider and a round the collider.
        a: u64,
        /// The other.
        b: u64,
        /// Energy that the collision turned into damage, J.
        energy_j: f64,
    },
    /// An entity touched the surface of a body, harder than by resting on it.
    Landed {
        /// The entity.
        entity: u64,
        /// Index of the body.
        body: u32,
        /// Energy of the touch, J.
        energy_j: f64,
    },
    /// An entity's hull gave way.
    Destroyed {
        /// Which.
        entity: u64,
    },
    /// A round's life ended.
    Expired {
        /// Which.
        round: u64,
    },
    /// A destroyed ship is back at its berth.
    Respawned {
        /// Which.
        ship: u64,
    },
    /// An operator made an entity.
    Spawned {
        /// Its id.
        entity: u64,
    },
    /// An operator removed an entity.
    Despawned {
        /// Which.
        entity: u64,
    },
    /// A pulse left an entity's wave as strong as it was, or stronger.
    Amplified {
        /// Which.
        entity: u64,
        /// Its amplitude now; 1 is that of an entity that nothing interfered with.
        amplitude: f64,
        /// Its phase now, turns, from 0 to below 1.
        phase_turns: f64,
    },
    /// A pulse cancelled a part of an entity's wave.
    Cancelled {
        /// Which.
        entity: u64,
        /// Its amplitude now.
        amplitude: f64,
        /// Its phase now, turns, from 0 to below 1.
        phase_turns: f64,
    },
    /// A pulse cancelled an entity's wave whole: a ship is destroyed, anything else is gone.
    Dissolved {
        /// Which.
        entity: u64,
    },
    /// The time factor changed.
    TimeFactor {
        /// Quarter-ticks per tick.
        quarters: u32,
    },
}
