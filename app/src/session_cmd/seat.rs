//! Somebody at the controls of a peer, in place of a script: a window's pilot. Must never hold the peer up.

use std::path::Path;

use sim::{Command, Event, PlayerId, Simulation};

use super::peer::{COARSE_US, Peer};
use crate::exit::Failure;
use crate::session::{Foreseen, SessionInput};
use netcode::protocol::{SessionId, Status, Time, Turn};

/// What is to be seen from a seat.
pub struct Sight<'a> {
    /// The world as it was executed; perhaps not confirmed.
    pub simulation: &'a Simulation,
    /// The surroundings of the own ship as of the turn that is open for inputs; nothing without a ship.
    pub ahead: Option<Foreseen<'a>>,
    /// Digest of `simulation`, where it is known without looking at all of it.
    pub digest: Option<u64>,
    /// Ticks in each turn.
    pub ticks_per_turn: u32,
    /// The tick that the world is held at, if an order or a breakpoint holds it.
    pub held: Option<u64>,
    /// How the session is.
    pub status: &'a Status,
    /// The own ship.
    pub ship: Option<u64>,
    /// Where it is recorded.
    pub recording: Option<&'a Path>,
}

/// Where somebody sits.
pub trait Seat: Send {
    /// What they command for the turn that is open, for their ship if they have one.
    fn commands(&mut self, simulation: &Simulation, ship: Option<u64>) -> Vec<Command>;

    /// What they enter for the turn that is open: what they command, in its first tick.
    fn enter(&mut self, simulation: &Simulation, ship: Option<u64>) -> SessionInput {
        let mut input = SessionInput::default();
        for command in self.commands(simulation, ship) {
            if let Err(error) = input.push(0, &command) {
                tracing::debug!("a command does not fit: {error}");
            }
        }
        input
    }

    /// Whether they are asked as late as it goes, and not as soon as a turn is open: what comes up meanwhile then waits no
    /// turn longer. Not for those who see ahead what they command.
    fn is_patient(&self) -> bool {
        false
    }

    /// The world has gone on, or was put back.
    fn look(&mut self, sight: &Sight<'_>);

    /// Something has happened in a tick, and is confirmed.
    fn happened(&mut self, tick: u64, event: &Event);

    /// The session goes on alone, as another one.
    fn forked(&mut self, _session: SessionId) {}

    /// Called again and again, also while nothing goes on. Whether they want to leave.
    fn attend(&mut self, status: &Status) -> bool;
}

/// How far whoever sits there is with the session.
#[derive(Default)]
pub(super) struct Seated {
    pub(super) seat: Option<Box<dyn Seat>>,
    /// The last turn that they were asked for.
    asked: Option<Turn>,
    /// The first turn that was not executed, and the one that was open, when they were shown the world.
    shown: Option<(Turn, Turn)>,
}

impl Seated {
    /// The world is another one now.
    pub(super) fn forget(&mut self) {
        (self.asked, self.shown) = (None, None);
    }

    /// Whether the world goes on to be seen: executed up to `next`, and with `open` for inputs.
    fn is_due(&self, next: Turn, open: Turn, is_ahead: bool) -> bool {
        // The open turn comes on time, also where the log waits for a moment; but only a view ahead shows it.
        self.shown.is_none_or(|shown| if is_ahead { shown.1 != open } else { shown.0 != next })
    }
}

impl Peer {
    /// Gives the controls to somebody.
    #[must_use]
    pub fn with_seat(mut self, seat: Box<dyn Seat>) -> Self {
        self.seated.seat = Some(seat);
        self
    }

    /// Tells whoever sits there what goes on, and hears whether they want to leave.
    pub(super) fn attend(&mut self, status: &Status) {
        let Some(seat) = &mut self.seated.seat else { return };
        if seat.attend(status) {
            self.stop.ask();
        }
        for (tick, event) in self.driver.take_happened() {
            seat.happened(tick, &event);
        }
    }

    /// Enters what somebody commands in the turn that is open for inputs.
    pub(super) fn take_commands(&mut self, now: Time, status: &Status) {
        let Some(seat) = &mut self.seated.seat else { return };
        let Some(player) = status.player else { return };
        if self.seated.asked.is_some_and(|turn| turn >= status.entered) {
            return;
        }
        if seat.is_patient() && self.driver.core().until_entry_us(now) > COARSE_US as i64 {
            return;
        }
        self.seated.asked = Some(status.entered);
        let simulation = self.driver.simulation();
        let ship = simulation.ships_of(PlayerId(player.0)).first().copied();
        let input = seat.enter(simulation, ship);
        if input != SessionInput::default() {
            self.driver.submit(now, input);
        }
    }

    /// Shows the world to whoever sits there, once for each turn: what is commanded for the open one is seen in it at
    /// once.
    pub(super) fn show_world(&mut self, status: &Status) {
        if self.seated.seat.is_none() || !self.driver.has_world() {
            return;
        }
        let executed = self.driver.simulation();
        let ship = status.player.and_then(|player| executed.ships_of(PlayerId(player.0)).first().copied());
        let is_ahead = ship.is_some() && executed.time_factor().is_active();
        if !self.seated.is_due(status.next_turn, status.entered, is_ahead) {
            return;
        }
        self.seated.shown = Some((status.next_turn, status.entered));
        let (digest, ticks_per_turn) = (self.driver.digest(), self.driver.replica().world().ticks_per_turn());
        let failed = self.driver.recording_failure().is_some();
        let recording = self.driver.recording_path().filter(|_| !failed).map(Path::to_owned);
        let held = self.driver.held();
        let (simulation, ahead) = self.driver.views();
        let recording = recording.as_deref();
        let Some(seat) = &mut self.seated.seat else { return };
        seat.look(&Sight { simulation, ahead, digest, ticks_per_turn, held, status, ship, recording });
    }

    /// Says once that there is no recording any more.
    pub(super) fn tell_recording(&mut self) -> Result<(), Failure> {
        if self.unrecorded {
            return Ok(());
        }
        let Some(why) = self.driver.recording_failure() else { return Ok(()) };
        self.unrecorded = true;
        let sentence = format!("the session is not recorded any more: {why}");
        self.report.say(&sentence, "recording_failed", serde_json::json!({ "why": why }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_entry_shows_nothing_new_where_nothing_is_ahead() {
        let mut seated = Seated::default();
        assert!(seated.is_due(Turn(7), Turn(9), false));
        seated.shown = Some((Turn(7), Turn(9)));
        assert!(!seated.is_due(Turn(7), Turn(10), false) && seated.is_due(Turn(8), Turn(9), false));
        assert!(seated.is_due(Turn(7), Turn(10), true) && !seated.is_due(Turn(8), Turn(9), true));
        seated.forget();
        assert!(seated.is_due(Turn(7), Turn(9), true));
    }
}
