//! A session as a world of the client: the usual peer, flown by whoever sits at the window. Must never know the protocol.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Instant;

use netcode::protocol::Status;
use render::hud::values::Network;
use sim::{Command, Role, Simulation};

use super::engine::pool;
use super::pilot::Pilot;
use super::world::{Inside, Notice, Order, Pulse, World};
use crate::cli::{JoinArgs, PeerArgs};
use crate::exit::Failure;
use crate::session_cmd::Newcomer;
use crate::session_cmd::report::Report;
use crate::session_cmd::seat::Seat;
use crate::session_cmd::stop::Stop;

/// Joins a session.
///
/// # Errors
/// [`Failure`] for an invite that is none, an identity that cannot be read, and where there is no socket.
pub fn start(invite: &str, record: Option<PathBuf>, identity: Option<&Path>) -> Result<World, Failure> {
    if let Some(folder) = record.as_deref().and_then(Path::parent) {
        let cannot = |e: std::io::Error| Failure::unwritable(folder, crate::output::plain(&e));
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let peer = PeerArgs { identity: identity.map(Path::to_owned), record: record.clone(), ..PeerArgs::default() };
    let newcomer = Newcomer::new(&JoinArgs { invite: invite.to_owned(), peer }, false)?;
    let pool = pool()?;
    World::start("session", move |inside| pool.install(|| sit(newcomer, inside, record)))
}

fn sit(newcomer: Newcomer, inside: Inside, record: Option<PathBuf>) -> Result<(), Failure> {
    let (said, sentences) = channel();
    let notices = inside.notices.clone();
    inside.board.tell(|status| status.recording = record);
    let chair = Chair { inside, pilot: Pilot::default(), sentences, leaving: false, stalled_turns: 0 };
    let refusal = newcomer.peer(Stop::deaf(), Report::to(said)).with_seat(Box::new(chair)).run()?;
    if let Some(refusal) = refusal {
        // Nobody listens to a world that is left.
        let _ = notices.send(Notice::Said(format!("The session: {refusal}.")));
    }
    Ok(())
}

/// Whoever sits at the window.
struct Chair {
    inside: Inside,
    pilot: Pilot,
    sentences: Receiver<String>,
    leaving: bool,
    /// Turns that were late, as of the last one.
    stalled_turns: u64,
}

impl Seat for Chair {
    fn commands(&mut self, simulation: &Simulation, ship: Option<u64>) -> Vec<Command> {
        self.pilot.commands(simulation, ship)
    }

    fn look(&mut self, simulation: &Simulation, ticks_per_turn: u32, status: &Status, ship: Option<u64>) {
        self.inside.board.introduce(simulation.scenario());
        self.inside.outlet.set_span(u64::from(ticks_per_turn));
        self.inside.outlet.publish(simulation);
        let rate_hz = f64::from(simulation.scenario().tick_rate_hz);
        let tick = simulation.tick().0;
        // One view leads through a whole turn.
        let per_s = rate_hz / f64::from(ticks_per_turn.max(1));
        self.inside.board.beat(Pulse { tick, fraction: 0.0, at: Instant::now(), per_s });
        let stalled = status.stalled_turns > self.stalled_turns;
        self.stalled_turns = status.stalled_turns;
        let turn_ms = 1e3 / per_s;
        let round_trip = status.links.iter().map(|link| link.rtt_us as f64 / 1e3).reduce(f64::max);
        let network = Network {
            peers: u32::try_from(status.members.len().saturating_sub(1)).unwrap_or(u32::MAX),
            round_trip_ms: round_trip,
            input_delay_ms: Some(f64::from(status.delay_turns) * turn_ms),
            stalled,
        };
        let player = status.player.map(|player| player.0);
        let may = simulation.members().any(|(id, role)| Some(id.0) == player && role == Role::Operator);
        let digest = simulation.digest().total;
        self.inside.board.tell(|told| {
            (told.player, told.ship, told.may_set_time, told.digest) = (player, ship, may, digest);
            told.network = Some(network);
        });
    }

    fn leaves(&mut self) -> bool {
        while let Ok(sentence) = self.sentences.try_recv() {
            self.inside.say(sentence);
        }
        loop {
            match self.inside.orders.try_recv() {
                Ok(Order::End) | Err(TryRecvError::Disconnected) => self.leaving = true,
                Ok(order) => self.pilot.order(order),
                Err(TryRecvError::Empty) => return self.leaving,
            }
            if self.leaving {
                return true;
            }
        }
    }
}
