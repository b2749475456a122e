//! Somebody at the controls of a peer, in place of a script: a window's pilot. Must never hold the peer up.

use sim::{Command, PlayerId, Simulation};

use super::peer::Peer;
use crate::session::SessionInput;
use netcode::protocol::{Status, Time};

/// Where somebody sits.
pub trait Seat: Send {
    /// What they command for the turn that is open, for their ship if they have one.
    fn commands(&mut self, simulation: &Simulation, ship: Option<u64>) -> Vec<Command>;

    /// The world has gone on, or was put back.
    fn look(&mut self, simulation: &Simulation, ticks_per_turn: u32, status: &Status, ship: Option<u64>);

    /// Whether they want to leave.
    fn leaves(&mut self) -> bool;
}

impl Peer {
    /// Gives the controls to somebody.
    #[must_use]
    pub fn with_seat(mut self, seat: Box<dyn Seat>) -> Self {
        self.seat = Some(seat);
        self
    }

    /// Enters what somebody commands in the turn that is open for inputs.
    pub(super) fn take_commands(&mut self, now: Time, status: &Status) {
        let Some(seat) = &mut self.seat else { return };
        if seat.leaves() {
            self.stop.ask();
        }
        let Some(player) = status.player else { return };
        if self.seated.is_some_and(|turn| turn >= status.entered) {
            return;
        }
        self.seated = Some(status.entered);
        let simulation = self.driver.simulation();
        let ship = simulation.ships_of(PlayerId(player.0)).first().copied();
        let mut input = SessionInput::default();
        for command in seat.commands(simulation, ship) {
            if let Err(error) = input.push(0, &command) {
                tracing::debug!("a command does not fit: {error}");
            }
        }
        if input != SessionInput::default() {
            self.driver.submit(now, input);
        }
    }

    /// Shows the world to whoever sits there, if it has changed.
    pub(super) fn show_world(&mut self, status: &Status) {
        let Some(seat) = &mut self.seat else { return };
        if self.driver.progress().is_none() || self.shown == Some(status.next_turn) {
            return;
        }
        self.shown = Some(status.next_turn);
        let simulation = self.driver.simulation();
        let ship = status.player.and_then(|player| simulation.ships_of(PlayerId(player.0)).first().copied());
        seat.look(simulation, self.driver.replica().world().ticks_per_turn(), status, ship);
    }
}
