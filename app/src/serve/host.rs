//! The service as a peer: it founds the session of its world, without a ship and without a number that the world knows, and
//! leaves when it is told to. Must never command anything by itself: what it enters was handed in at the [`super::desk`].

use std::sync::Arc;

use netcode::protocol::{SessionId, Status};
use netcode::transport::Identity;
use sim::{Command, Event, Simulation};

use super::config::Config;
use super::resume::Resumed;
use super::seats::Seats;
use super::shared::{Shared, Turns};
use crate::exit::Failure;
use crate::session::SessionInput;
use crate::session::world::HOST;
use crate::session_cmd::seat::{Seat, Sight};
use crate::session_cmd::{Founded, Founding, Start};

/// Founds the session of a world.
///
/// # Errors
/// [`Failure`] where there is no such socket.
pub(crate) fn found(config: &Config, identity: &Identity, world: &Resumed, seats: &Seats) -> Result<Founded, Failure> {
    let start = Start {
        text: world.scenario.text.clone(),
        rate_hz: world.scenario.tick_rate_hz,
        player: HOST,
        known: seats.known(world.simulation.members().map(|(player, _)| player)),
        banned: seats.banned(),
        snapshot: (world.simulation.tick().0 > 0).then(|| world.simulation.snapshot()),
        fork: None,
    };
    let session = &config.session;
    let founding = Founding {
        world: start,
        listen: session.listen,
        turn: session.turn_ticks,
        advertise: session.advertise.clone(),
        allowed: session.allow.clone(),
    };
    founding.found(identity)
}

/// Sits where a pilot would: sees how the session goes, and says when it is to end.
pub struct Steering {
    /// What the service's threads know.
    pub shared: Arc<Shared>,
    /// Whether it has a place in the session.
    is_member: bool,
}

impl Steering {
    /// Sits there, with what the service's threads know.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, is_member: false }
    }
}

impl Seat for Steering {
    fn commands(&mut self, _simulation: &Simulation, _ship: Option<u64>) -> Vec<Command> {
        Vec::new()
    }

    fn enter(&mut self, _simulation: &Simulation, _ship: Option<u64>) -> SessionInput {
        self.shared.desk.enter()
    }

    fn is_patient(&self) -> bool {
        true
    }

    fn look(&mut self, sight: &Sight<'_>) {
        let members = sight.status.members.iter().filter(|player| **player != HOST).map(|player| player.0).collect();
        let mut state = self.shared.state();
        (state.members, state.entities) = (members, sight.simulation.entity_count());
        state.time_factor_quarters = sight.simulation.time_factor().quarters();
    }

    fn happened(&mut self, _tick: u64, _event: &Event) {}

    fn forked(&mut self, session: SessionId) {
        self.shared.desk.cut();
        self.shared.state().session = session;
    }

    fn attend(&mut self, status: &Status) -> bool {
        let turns = Turns { all: status.next_turn.0, late: status.stalled_turns, late_us_max: status.stall_us_max };
        self.shared.state().turns = turns;
        if self.is_member && status.player.is_none() {
            self.shared.desk.cut();
        }
        self.is_member = status.player.is_some();
        self.shared.is_stopping()
    }
}
